"""Laws of the encoding: what comes back has the type, the precision and the range that went in."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch

from data_contracts import Column, ModelError
from data_contracts.arrow import arrow_type
from models.encoding import UNKNOWN, Encoder
from models.encoding.tally import Tally

RNG = np.random.default_rng(0)
ROWS = 1_000


def with_nulls(values, share=0.1):
    absent = RNG.random(len(values)) < share
    return [None if gone else value for value, gone in zip(values, absent, strict=True)]


def batch_of(column, values):
    kind = arrow_type(column)
    plain = pa.string() if pa.types.is_dictionary(kind) else kind
    return pa.record_batch([pa.array(values, plain).cast(kind)], names=[column.name])


def round_trip(column, values, *, seed=0):
    batch = batch_of(column, values)
    generator = torch.Generator().manual_seed(seed)
    encoder = Encoder.fit([column], [batch])
    encoder = Encoder.from_state([column], json.loads(json.dumps(encoder.state())))
    encoded = encoder.encode(batch, generator=generator)
    return encoder, encoded, encoder.decode(encoded, generator=generator)[column.name]


START = datetime(2020, 1, 1, tzinfo=UTC)
CASES = {
    "integers": (Column(name="a", kind="integer"), with_nulls(RNG.integers(0, 90, ROWS).tolist())),
    "many integers": (Column(name="a", kind="integer"), with_nulls(RNG.integers(-20_000, 20_000, ROWS).tolist())),
    "mostly zero": (Column(name="a", kind="integer"), [0] * 920 + RNG.integers(1, 5_000, 80).tolist()),
    "prices": (Column(name="a", kind="number"), with_nulls(np.round(RNG.lognormal(3, 1, ROWS), 2).tolist())),
    "prices of the contract": (Column(name="a", kind="number", decimals=1), [0.1, 0.2, 0.3, 1e6 + 0.7] * 50),
    "booleans": (Column(name="a", kind="boolean"), with_nulls([True, False, False, False] * 100)),
    "words": (Column(name="a", kind="category"), with_nulls(["x", "y", "ä", ""] * 100)),
    "codes": (Column(name="a", kind="category", storage="integer"), with_nulls([7, -3, 2**62, 10] * 100)),
    "dates": (Column(name="a", kind="date"), with_nulls([date(1583, 1, 1) + timedelta(7 * i) for i in range(900)])),
    "seconds": (
        Column(name="a", kind="timestamp", unit="s"),
        with_nulls([datetime(2020, 1, 1) + timedelta(hours=i) for i in range(900)]),  # noqa: DTZ001 - local time
    ),
    "zoned": (
        Column(name="a", kind="timestamp", timezone="UTC"),
        with_nulls([START + timedelta(minutes=15 * i) for i in range(900)]),
    ),
    "constant": (Column(name="a", kind="number"), [4.25] * 100),
    "one row": (Column(name="a", kind="integer"), [17]),
    "two rows": (Column(name="a", kind="integer"), [17, None]),
    "all null": (Column(name="a", kind="date"), [None] * 100),
    "no words": (Column(name="a", kind="category"), [None] * 100),
    "int64 edges": (Column(name="a", kind="integer"), [-(2**63), 2**63 - 1, 2**53 + 1, 0] * 25),
}


@pytest.mark.parametrize(("column", "values"), CASES.values(), ids=CASES)
def test_decode_after_encode_is_the_identity(column, values):
    _, _, back = round_trip(column, values)

    assert back.type == arrow_type(column)
    if values is CASES["mostly zero"][1]:  # the least beside a spike are held as a mean only
        values = np.maximum(values, min(back.filter(pc.greater(back, 0)).to_pylist()) * (np.array(values) > 0))
        assert (values == CASES["mostly zero"][1]).mean() > 0.995
    assert back.to_pylist() == batch_of(column, values).column(0).to_pylist()


@pytest.mark.parametrize("spread", [1e-300, 1.0, 1e300])
def test_computed_floats_come_back_to_the_precision_of_a_score_and_their_extremes_exactly(spread):
    values = RNG.normal(size=ROWS) * spread

    _, _, back = round_trip(Column(name="a", kind="number"), values.tolist())

    decoded = np.array(back)
    assert decoded.min() == values.min()
    assert decoded.max() == values.max()
    assert np.abs(decoded - values).max() < 1e-5 * spread


def test_wide_whole_numbers_come_back_near_and_their_extremes_exactly():
    edges = [-(2**63), 2**63 - 1, 2**63 - 3, -(2**63) + 5]
    values = edges + [int(value) for value in RNG.integers(-(2**62), 2**62, 500)]

    _, _, back = round_trip(Column(name="a", kind="integer"), values)

    decoded = back.to_pylist()
    assert (min(decoded), max(decoded)) == (-(2**63), 2**63 - 1)
    assert max(abs(one - two) for one, two in zip(decoded, values, strict=True)) < 2**64 * 1e-5


def test_nanoseconds_keep_unit_zone_and_extremes():
    column = Column(name="a", kind="timestamp", unit="ns", timezone="Europe/Berlin")
    units = RNG.integers(1_600_000_000_000_000_000, 1_600_000_000_000_100_000, 500)
    batch = pa.record_batch([pa.array(units).cast(arrow_type(column))], names=["a"])
    encoder, generator = Encoder.fit([column], [batch]), torch.Generator()

    back = encoder.decode(encoder.encode(batch), generator=generator)["a"]

    assert back.type == arrow_type(column)
    decoded = back.cast(pa.int64()).to_numpy()
    assert (decoded.min(), decoded.max()) == (units.min(), units.max())
    assert np.abs(decoded - units).max() <= 1


def test_a_spike_is_a_code_and_its_share_is_exact():
    _, encoded, back = round_trip(*CASES["mostly zero"])

    assert np.mean(np.array(back) == 0) == 0.92
    assert int(encoded.values.isnan().sum()) >= 920


@pytest.mark.parametrize("step", [1, 1_000, 86_400])
def test_drawn_numbers_keep_the_step_and_the_range_of_those_seen(step):
    column = Column(name="a", kind="integer")
    values = (RNG.integers(0, 100_000, ROWS) * step + 7).tolist()
    encoder, encoded, _ = round_trip(column, values)

    encoded.values[:] = torch.randn(encoded.values.shape, generator=torch.Generator().manual_seed(1)) * 3
    drawn = encoder.decode(encoded, generator=torch.Generator())["a"].to_numpy()

    assert set((drawn - 7) % step) == {0}
    assert drawn.min() == min(values)
    assert drawn.max() == max(values)


def test_drawn_numbers_keep_the_distribution_of_those_seen():
    values = np.round(RNG.gamma(2.0, 100.0, 20_000), 1)
    encoder, encoded, _ = round_trip(Column(name="a", kind="number"), values.tolist())

    encoded.values[:] = torch.randn(encoded.values.shape, generator=torch.Generator().manual_seed(1))
    drawn = np.sort(np.array(encoder.decode(encoded, generator=torch.Generator())["a"]))

    grid = np.quantile(values, np.linspace(0.01, 0.99, 99))
    gaps = np.abs(np.searchsorted(drawn, grid) - np.searchsorted(np.sort(values), grid)) / len(values)
    assert gaps.max() < 0.02  # sampling noise of 20,000 rows: 1.36 / 141 at 95 %, twice


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_statistics_in_batches_equal_the_whole(parts):
    for column, values in CASES.values():
        batch = batch_of(column, values)
        size = -(-batch.num_rows // parts)
        whole = Encoder.fit([column], [batch])
        pieces = Encoder.fit([column], [batch.slice(low, size) for low in range(0, batch.num_rows, size)])

        assert pieces.state() == whole.state()


def test_a_rare_word_is_neither_kept_nor_emitted_unless_the_contract_lists_it():
    values = ["common"] * 60 + ["usual"] * 40 + ["the-only-one"] * 4
    free = Column(name="a", kind="category")
    listed = Column(name="a", kind="category", values=("common", "usual", "the-only-one"))

    encoder, encoded, back = round_trip(free, values)
    _, _, kept = round_trip(listed, values)

    assert "the-only-one" not in json.dumps(encoder.state())
    assert set(back.to_pylist()) == {"common", "usual"}
    assert int((encoder.encode(batch_of(free, values)).codes == UNKNOWN).sum()) == 4
    assert int((encoded.codes == UNKNOWN).sum()) == 0
    assert kept.to_pylist() == values


FAR_APART = {
    "integers": (Column(name="a", kind="integer"), RNG.integers(0, 10**15, ROWS).tolist()),
    "to a step": (Column(name="a", kind="integer"), (RNG.integers(0, 10**12, ROWS) * 1_000 + 7).tolist()),
    "over all of int64": (Column(name="a", kind="integer"), RNG.integers(-(2**63), 2**63 - 1, ROWS).tolist()),
    "cents": (Column(name="a", kind="number"), np.round(RNG.lognormal(12, 3, ROWS), 2).tolist()),
    "floats": (Column(name="a", kind="number"), RNG.normal(size=ROWS).tolist()),
    "great floats": (Column(name="a", kind="number"), (RNG.uniform(-1.7, 1.7, ROWS) * 1e308).tolist()),
    "beside spikes": (
        Column(name="a", kind="integer"),
        [0] * 500 + [10**12] * 300 + RNG.integers(1, 10**12, 200).tolist(),
    ),
    "few beside spikes": (Column(name="a", kind="integer"), [0] * 500 + [10**12] * 500 + [3_456_789, 5_678_901_234]),
}


@pytest.mark.parametrize("sensitivity", [None, "confidential"])
@pytest.mark.parametrize(("column", "values"), FAR_APART.values(), ids=FAR_APART)
def test_no_number_that_fewer_than_five_rows_share_is_kept_but_the_ends(column, values, sensitivity):
    column = replace(column, sensitivity=sensitivity)
    encoder, _, _ = round_trip(column, values)

    statistics = encoder.statistics[0]
    units = np.array(values) if statistics.decimals is None else np.rint(np.array(values) * 10**statistics.decimals)
    found, rows = np.unique(units.astype(statistics.spikes.dtype), return_counts=True)
    knots = statistics.regular.knots
    ends = set() if sensitivity else {found[0], found[-1]}
    shared = set(found[rows >= 5])
    assert set(knots) & set(found) <= ends | shared
    assert (np.diff(knots.astype(object)) >= 0).all()
    assert knots[0] >= found[0]
    assert knots[-1] <= found[-1]
    if not sensitivity:
        assert {knots[0], *statistics.spikes} >= {found[0]}
        assert {knots[-1], *statistics.spikes} >= {found[-1]}


def test_the_ends_of_a_classified_column_are_means_of_five():
    values = [*range(1_000, 9_000, 8), 1, 99_999]
    classified = Column(name="a", kind="integer", sensitivity="restricted")

    _, _, back = round_trip(classified, values)

    assert min(back.to_pylist()) == round((1 + 1_000 + 1_008 + 1_016 + 1_024) / 5)
    assert max(back.to_pylist()) == round((99_999 + 8_992 + 8_984 + 8_976 + 8_968) / 5)


def test_thinning_keeps_what_many_rows_share_and_counts_nothing_to_the_ends():
    values = np.arange(1_200_000, dtype=np.int64)
    counts = np.ones(len(values), np.int64)
    counts[[1, 600_001, 1_199_998]] = 50_000

    tally = Tally(values, counts, 1).thin()

    assert len(tally.values) <= 500_000
    assert tally.rows == counts.sum()
    assert tally.counts[[0, -1]].tolist() == [1, 1]
    assert set(tally.values[tally.counts > 40_000]) == {1, 600_001, 1_199_998}
    assert tally.values[[0, -1]].tolist() == [0, 1_199_999]


def test_words_of_which_none_is_shared_become_one_word_or_are_refused():
    secrets = [f"name-{place}" for place in range(30)]

    _, _, back = round_trip(Column(name="a", kind="category"), secrets)
    with pytest.raises(ModelError, match=r"at least 5 rows share, however: column 'a' has 30 values") as caught:
        round_trip(Column(name="a", kind="category", storage="integer"), list(range(30)))

    assert set(back.to_pylist()) == {"other"}
    assert "name-" not in str(caught.value)


def test_a_value_that_training_never_saw_is_unknown():
    column = Column(name="a", kind="category")
    encoder = Encoder.fit([column], [batch_of(column, ["x"] * 10)])

    assert encoder.encode(batch_of(column, ["x", "new", None])).codes[:, 0].tolist() == [0, UNKNOWN, UNKNOWN]


def test_infinite_numbers_are_refused_without_a_value():
    column = Column(name="a", kind="number")

    with pytest.raises(ModelError, match=r"column 'a' has 2 infinite ones"):
        Encoder.fit([column], [batch_of(column, [1.0, float("inf"), float("-inf")])])


def test_no_rows_are_refused():
    column = Column(name="a", kind="number")

    with pytest.raises(ModelError, match="a model learns from rows"):
        Encoder.fit([column], [batch_of(column, [])])


def test_other_columns_than_those_trained_on_are_refused():
    column = Column(name="a", kind="number")
    encoder = Encoder.fit([column], [batch_of(column, [1.0])])

    with pytest.raises(ModelError, match="with the contract that it was trained under"):
        Encoder.from_state([Column(name="b", kind="number")], encoder.state())
