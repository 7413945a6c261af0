"""Laws of ids: they match their pattern, repeat nothing, and do not depend on the batches."""

import re

import numpy as np
import pyarrow as pa
import pytest
import torch

from data_contracts import Column, ModelError
from models.encoding import Encoder
from models.encoding.pattern import Pattern

EXPRESSIONS = [
    r"[A-Z]{2}\d{4}",
    r"^C-[0-9a-f]{6}$",
    r"(?:AB|CD)-\d{3,5}",
    r"\d+x?",
    r"[^0-9]{3}\.\w",
    r"a*b{2}[-_](x|yz)",
    r"[A-Za-z0-9+/]{24}",
    r"\(\d{3}\) [1-9]\d{2}",
]


def ids(column, rows, *, seed=0, first_row=0):
    encoder = Encoder.fit([column], [pa.record_batch([pa.array([None], pa.null())], names=[column.name])])
    encoder.statistics = (type(encoder.statistics[0])(present=True, nulls=False),)
    encoded = encoder.encode(pa.record_batch([pa.array([1] * rows)], names=[column.name]))
    return encoder.decode(encoded, generator=torch.Generator().manual_seed(seed), first_row=first_row)[column.name]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_ids_match_their_pattern_and_repeat_nothing(expression):
    rows = min(Pattern.of(expression, "a").size, 2_000)

    drawn = ids(Column(name="a", kind="id", unique=True, pattern=expression), rows).to_pylist()

    assert all(re.fullmatch(expression, text) for text in drawn)
    assert len(set(drawn)) == rows


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_shards_give_the_same_ids_as_the_whole(expression):
    column = Column(name="a", kind="id", pattern=expression)

    whole = ids(column, 100).to_pylist()
    parts = ids(column, 30).to_pylist() + ids(column, 70, first_row=30).to_pylist()

    assert parts == whole
    assert ids(column, 100, seed=1).to_pylist() != whole


def test_a_pattern_is_used_up_to_its_last_text():
    drawn = ids(Column(name="a", kind="id", unique=True, pattern="[ab]{3}|c"), 9).to_pylist()

    assert sorted(drawn) == ["aaa", "aab", "aba", "abb", "baa", "bab", "bba", "bbb", "c"]


@pytest.mark.parametrize(
    "column",
    [
        Column(name="a", kind="id", unique=True, pattern=r"\d{2}"),
        Column(name="a", kind="id", primary_key=True, storage="integer", minimum=1, maximum=100),
    ],
    ids=["pattern", "range"],
)
def test_more_rows_than_ids_are_refused(column):
    assert len(ids(column, 100)) == 100
    with pytest.raises(ModelError, match="column 'a' allows 100"):
        ids(column, 101)


def test_whole_number_ids_count_from_their_minimum():
    column = Column(name="a", kind="id", storage="integer", minimum=1_000)

    assert ids(column, 3, first_row=5).to_pylist() == [1_005, 1_006, 1_007]


def test_an_id_without_a_pattern_looks_like_a_uuid():
    for text in ids(Column(name="a", kind="id"), 50).to_pylist():
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text)


def test_the_share_of_nulls_is_learned_and_no_id_is():
    column = Column(name="a", kind="id")
    real = pa.array([f"secret-{place}" if place % 4 else None for place in range(100)])
    encoder = Encoder.fit([column], [pa.record_batch([real], names=["a"])])

    back = encoder.decode(encoder.encode(pa.record_batch([real], names=["a"])), generator=torch.Generator())["a"]

    assert np.array_equal(back.is_null().to_numpy(zero_copy_only=False), real.is_null().to_numpy(zero_copy_only=False))
    assert "secret" not in str(encoder.state())


@pytest.mark.parametrize("expression", ["(a", "a)", "[a", "*", "a{x}", r"\b", "(?=a)b", "[a-z]{1,8}" * 5])
def test_patterns_beyond_the_subset_are_refused(expression):
    with pytest.raises(ModelError, match="the pattern of column 'a' has"):
        Pattern.of(expression, "a")
