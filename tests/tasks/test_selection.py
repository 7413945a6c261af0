"""Conditions and shares from Parquet to Parquet: only such rows, in such shares, judged by such real rows."""

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from scoring_tasks import scored

from data_contracts import Column, Comparison, Contract, DataError, ModelError
from data_contracts.arrow import arrow_schema
from data_contracts.conditions import EVERY
from data_contracts.selecting import select as asked
from models import MODELS
from models.auto import Auto
from models.encoding import Encoded, Encoder
from models.gmm import GaussianMixture
from models.life import Fitted, Guided
from tasks.generate import _drawing, generate
from tasks.parquet import write_parquet
from tasks.reports.words import SCORES
from tasks.select import select
from tasks.shards import Shard
from tasks.split import split
from tasks.train import train

ROWS = 3_000
CONTRACT = Contract(
    id="shop",
    version="1.0.0",
    name="orders",
    columns=(
        Column(name="order", kind="id", unique=True, primary_key=True, required=True, pattern=r"O-[0-9]{6}"),
        Column(name="channel", kind="category", values=("web", "shop", "phone", "fax"), required=True),
        Column(name="paid", kind="number", decimals=2, minimum=0),
        Column(name="back", kind="number", decimals=2, minimum=0),
        Column(name="coupon", kind="category"),
    ),
    rules=(Comparison("no_more_back", "back", "<=", "paid"),),
    target="channel",
    holdout=0.3,
)


class Resampler:
    """A real model that cannot be led to anything: it draws the rows that it learned."""

    fitted = Fitted(1)

    def fit(self, x, spans, *, generator, terms=None):  # noqa: ARG002
        """Keep the rows."""
        self.x = x
        return self

    def sample(self, n, *, generator):
        """Draw with replacement."""
        import torch

        return self.x[torch.randint(len(self.x), (n,), generator=generator)]

    def state(self):
        """Return the rows."""
        return {"codes": self.x.codes, "values": self.x.values}, {}

    @classmethod
    def from_state(cls, tensors, config):  # noqa: ARG003
        """Return the model of those rows."""
        return cls().fit(Encoded(tensors["codes"], tensors["values"]), (), generator=None)


def real_table():
    """Web orders are dear, others cheap; one of 100 comes by phone; a coupon goes with the web only."""
    rng = np.random.default_rng(0)
    channel = np.where(rng.random(ROWS) < 0.01, "phone", rng.choice(["web", "shop"], ROWS, p=[0.4, 0.6]))
    paid = np.round(np.where(channel == "web", 100, 20) + rng.normal(0, 5, ROWS), 2)
    columns = {
        "order": [f"O-{place:06}" for place in range(ROWS)],
        "channel": channel,
        "paid": paid,
        "back": np.round(paid * rng.random(ROWS), 2),
        "coupon": pa.array(np.full(ROWS, "ten"), mask=(channel != "web") | (rng.random(ROWS) < 0.5)),
    }
    return pa.table(columns).cast(arrow_schema(CONTRACT))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder, table = tmp_path_factory.mktemp("run"), real_table()
    source = write_parquet(folder / "source.parquet", table.to_batches(1_000), schema=table.schema)
    return split.fn(CONTRACT, source, run=str(folder), seed=1)


STEPS = {"gmm": 20, "autoregressive": 12, "resampler": 1, "trees": 5, "vae": 40, "gan": 40, "auto": 20}
LONG = [pytest.param(name, marks=pytest.mark.slow) for name in ("vae", "gan", "auto")]


@pytest.fixture(scope="module", params=[*(name for name in STEPS if name not in ("vae", "gan", "auto")), *LONG])
def trained(request, parts, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "resampler", Resampler)
        run = str(tmp_path_factory.mktemp(request.param))
        steps = STEPS[request.param]
        yield train.fn(CONTRACT, parts.train, run=run, model=request.param, seed=1, steps=steps)


def made(trained, tmp_path, *, rows, where=(), shares=(), seed=2):
    selection = asked(CONTRACT, where=where, shares=shares)
    path = generate.fn(CONTRACT, trained, run=str(tmp_path), shard=Shard(rows), seed=seed, selection=selection).uri
    return pq.read_table(path).to_pandas()


def test_the_models_can_be_led_and_the_resampler_cannot():
    assert {name for name, model in MODELS.items() if issubclass(model, Guided)} >= {"gmm", "autoregressive"}
    assert not isinstance(Resampler(), Guided)


def test_a_contest_is_led_as_its_winner_is():
    contest, encoder = Auto(), Encoder.fit(CONTRACT.columns, real_table().to_batches())
    contest.winner = GaussianMixture()

    draw, *_ = _drawing(contest, encoder, asked(CONTRACT, where=["paid>=110"]).where)

    assert draw.func == contest.winner.sample_where


def test_only_rows_that_meet_the_conditions_are_made_with_the_right_distribution(trained, tmp_path):
    frame = made(trained, tmp_path, rows=800, where=["channel=web", "coupon is null"])

    assert len(frame) == 800
    assert set(frame.channel) == {"web"}
    assert frame.coupon.isna().all()
    assert (frame.back <= frame.paid).all()
    assert frame.order.is_unique
    assert frame.paid.mean() == pytest.approx(100, abs=6)


def test_a_rare_condition_on_a_late_column_bends_those_before_it(trained, tmp_path):
    frame = made(trained, tmp_path, rows=300, where=["paid>=110", "coupon=ten"])  # one of 200

    assert (frame.paid >= 110).all()
    assert (frame.coupon == "ten").all()
    assert (frame.channel == "web").mean() > 0.9


def test_shares_are_met_to_the_row_and_the_others_keep_their_proportions(trained, tmp_path):
    frame = made(trained, tmp_path, rows=1_001, shares=["channel:phone=0.5"])

    counts = Counter(frame.channel)
    assert counts["phone"] == 500
    # the staircase of trees breaks the rule more often among the cheap orders, which are then drawn anew
    assert counts["web"] / (1_001 - 500) == pytest.approx(0.4, abs=0.1 if trained.model == "trees" else 0.07)
    assert (frame.channel[:500] == "phone").mean() == pytest.approx(0.5, abs=0.1)  # mixed, not one after the other
    assert frame.paid[frame.channel == "web"].mean() == pytest.approx(100, abs=6)
    assert frame.order.is_unique


def test_several_shares_and_a_condition_go_together(trained, tmp_path):
    frame = made(trained, tmp_path, rows=200, where=["paid<60"], shares=["channel:phone=0.25", "channel:shop=0.75"])

    assert Counter(frame.channel) == {"phone": 50, "shop": 150}
    assert (frame.paid < 60).all()


def test_the_same_seed_gives_the_same_bytes(trained, tmp_path):
    selection = asked(CONTRACT, where=["paid>15"], shares=["channel:web=0.5"])
    first, again, other = (
        generate.fn(
            CONTRACT, trained, run=str(tmp_path / name), shard=Shard(100), seed=seed, selection=selection
        ).digest
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )

    assert first == again != other


def test_a_value_that_was_never_seen_cannot_be_made(trained, tmp_path):
    with pytest.raises(ModelError, match=r"of column 'channel' none meets channel = fax"):
        made(trained, tmp_path, rows=10, where=["channel=fax"])
    assert not (tmp_path / "synthetic" / "part-00000.parquet").exists()


def test_conditions_that_no_row_meets_end_with_the_count_that_is_missing(parts, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "resampler", Resampler)
    model = train.fn(CONTRACT, parts.train, run=str(tmp_path), model="resampler", seed=1)

    with pytest.raises(ModelError, match=r"meet the conditions, however: 10 are missing"):
        made(model, tmp_path, rows=10, where=["channel=shop", "coupon=ten"])
    assert not (tmp_path / "synthetic" / "part-00000.parquet").exists()


def test_real_rows_are_selected_by_the_same_conditions(parts, tmp_path):
    selection = asked(CONTRACT, where=["channel=web", "paid>=100"])

    selected = select.fn(parts, selection, run=str(tmp_path), seed=1)

    for whole, judged in ((parts.train, selected.judged.train), (parts.holdout, selected.judged.holdout)):
        table, kept = pq.read_table(whole.uri), pq.read_table(judged.uri)
        mask = pc.and_(pc.equal(table["channel"].cast(pa.string()), "web"), pc.greater_equal(table["paid"], 100))
        assert kept.equals(table.filter(mask))
        assert judged.rows == len(kept) > 0
    assert selected.words == {"where": ["channel = web", "paid >= 100.0"], "share": []}


def test_real_rows_are_thinned_to_the_shares_and_none_is_copied(parts, tmp_path):
    selection = asked(CONTRACT, shares=["channel:web=0.8"])

    judged = [
        select.fn(parts, selection, run=str(tmp_path / name), seed=seed).judged.train
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]

    frame = pq.read_table(judged[0].uri).to_pandas()
    whole = pq.read_table(parts.train.uri).to_pandas()
    assert (frame.channel == "web").mean() == pytest.approx(0.8, abs=0.001)
    assert (frame.channel == "web").sum() == (whole.channel == "web").sum()
    assert frame.order.is_unique
    assert judged[0].digest == judged[1].digest != judged[2].digest


def test_without_conditions_nothing_is_selected(parts, tmp_path):
    assert select.fn(parts, EVERY, run=str(tmp_path), seed=1).judged is parts
    assert list(tmp_path.iterdir()) == []


def test_what_no_real_row_shows_is_refused_before_anything_is_learned(parts, tmp_path):
    with pytest.raises(DataError, match=r"none of its 3,000 rows meets channel = shop and coupon = ten"):
        select.fn(parts, asked(CONTRACT, where=["channel=shop", "coupon=ten"]), run=str(tmp_path), seed=1)
    with pytest.raises(DataError, match=r"meets channel is fax"):
        select.fn(parts, asked(CONTRACT, shares=["channel:fax=0.1"]), run=str(tmp_path), seed=1)
    assert list(tmp_path.iterdir()) == []


def test_scores_of_equally_selected_rows_are_those_of_a_perfect_model(parts, tmp_path):
    """The holdout's rows are what no model surpasses: scored as synthetic, against rows selected like them."""
    judged = select.fn(parts, asked(CONTRACT, where=["channel=web"]), run=str(tmp_path), seed=1).judged

    scores = scored(
        CONTRACT,
        train=judged.train,
        holdout=judged.holdout,
        synthetic=judged.holdout,
        run=str(tmp_path),
        seed=1,
        learned=parts.train,
    ).scores

    values = {one.name: one for one in scores}
    assert values["column_shapes"].value > 0.9
    assert values["copies"].rows["train"] == parts.train.rows  # copies are looked for among all that was learned
    assert math.isnan(values["utility_gap"].value)  # one channel is left: nothing to predict
    assert values["utility_gap"].note


def test_too_few_real_rows_leave_no_score_to_pass_the_gate_by(parts, tmp_path):
    from flows.gate import judge

    judged = select.fn(parts, asked(CONTRACT, where=["channel=phone"]), run=str(tmp_path), seed=1).judged

    scores = scored(
        CONTRACT,
        train=judged.train,
        holdout=judged.holdout,
        synthetic=judged.train,
        run=str(tmp_path),
        seed=1,
        learned=parts.train,
    ).scores

    assert judged.holdout.rows < 30
    assert {one.name for one in scores} == set(SCORES) - {"epsilon"}
    assert all(math.isnan(one.value) for one in scores)
    assert f"{judged.holdout.rows} real rows are of the sort asked for" in scores[0].note
    assert not any(each.passed for each in judge(CONTRACT, scores).judgements)
