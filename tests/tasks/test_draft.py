import re

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.inference.draft import draft_columns
from tasks.inference.profile import Profile
from tasks.readers.cells import Spelling


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1)
)
def test_bounds_hold_whatever_was_seen_and_are_not_what_was_seen(numbers):
    profile = Profile("x", Spelling(), parse=False)
    profile.add(pa.array(numbers))

    (column,) = draft_columns([profile], ())

    assert column.kind in ("integer", "number", "id")
    if column.kind != "id":
        assert column.minimum is None or column.minimum <= min(numbers)
        assert column.maximum is None or column.maximum >= max(numbers)
        span = max(numbers) - min(numbers)
        if 1e-200 < span < 1e15 and all(1 <= abs(n) < 1e15 for n in numbers):
            assert column.minimum != min(numbers)
            assert column.maximum != max(numbers)
            assert column.maximum - column.minimum <= 4 * span + 2


@settings(deadline=None, max_examples=50)
@given(st.lists(st.dates(), min_size=1))
def test_days_are_bounded_by_months_or_years_around_them(days):
    profile = Profile("x", Spelling(), parse=False)
    profile.add(pa.array(days))

    (column,) = draft_columns([profile], ())

    assert column.kind == "date"
    assert column.minimum is None or (column.minimum < min(days) and column.minimum.day == 1)
    assert column.maximum is None or (column.maximum > max(days) and column.maximum.day == 1)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=1, unique=True))
def test_a_pattern_matches_every_text_it_was_drafted_from(texts):
    profile = Profile("x", Spelling(), parse=False)
    profile.add(pa.array(texts))

    (column,) = draft_columns([profile], ())

    seen = set(texts) - set(profile.marks)
    assert column.pattern is None or all(re.fullmatch(column.pattern, each) for each in seen)
