# ruff: noqa: DTZ001, E501 - timestamps without a zone are what is tested; tables of cases are read across
import re
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts import Column, ContractError
from data_contracts.arrow import arrow_type
from tasks.readers.cells import Spelling, cast
from tasks.readers.values import to_array

WRONG, COARSE = "type", "precision"
INT, N, B = Column(name="x", kind="integer"), Column(name="x", kind="number"), Column(name="x", kind="boolean")
D, T = Column(name="x", kind="date"), Column(name="x", kind="timestamp", unit="ms")
C, K = Column(name="x", kind="category"), Column(name="x", kind="category", storage="integer")
N2 = Column(name="x", kind="number", decimals=2)
UK = Column(name="x", kind="date", format="%d/%m/%Y")
US = Column(name="x", kind="timestamp", unit="s", format="%b %d, %Y %I:%M %p")
Z = Column(name="x", kind="timestamp", unit="s", timezone="UTC")
NS = Column(name="x", kind="timestamp", unit="ns")


def outcome(cells):
    """Return a single cell's value, or the rule that it breaks."""
    assert not (cells.wrong[0] and cells.imprecise[0])
    if cells.wrong[0] or cells.imprecise[0]:
        assert cells.values[0].as_py() is None
        return WRONG if cells.wrong[0] else COARSE
    return cells.values[0].as_py()


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        (INT, "12", 12), (INT, "-12", -12), (INT, "+12", 12), (INT, " 12 ", 12), (INT, "007", 7), (INT, "12.0", 12), (INT, "12.", 12),
        (INT, "9223372036854775807", 2**63 - 1), (INT, "-9223372036854775808", -(2**63)), (INT, "12.5", WRONG),
        (INT, "9223372036854775808", WRONG), (INT, "0000000000000000000000005", 5), (INT, "1e3", WRONG), (INT, "0x10", WRONG),
        (INT, "1,000", WRONG), (INT, "1_000", WRONG), (INT, "", None), (INT, "-", WRONG), (INT, "٣", WRONG), (INT, "true", WRONG),
        (INT, "9" * 400, WRONG), (INT, "--1", WRONG), (INT, "1 2", WRONG),
        (N, "1.5", 1.5), (N, ".5", 0.5), (N, "-1e-3", -0.001), (N, "1E5", 1e5), (N, "1e400", WRONG), (N, "nan", WRONG),
        (N, "inf", WRONG), (N, "-Infinity", WRONG), (N, "1e-400", WRONG), (N, "0e-400", 0.0), (N, "1,5", WRONG),
        (N, "0x1p3", WRONG), (N, "9007199254740993", COARSE), (N, "9007199254740992", 2.0**53), (N, "1e300", 1e300),
        (N2, "1.25", 1.25), (N2, "1.250", 1.25), (N2, "1.255", COARSE), (N2, "0.1", 0.1), (N2, "20000000000.005", COARSE), (N2, "123456789.01", 123456789.01),
        (B, "true", True), (B, "FALSE", False), (B, "T", True), (B, "f", False), (B, "1", True), (B, "0", False),
        (B, "yes", WRONG), (B, "2", WRONG), (B, "", None),
        (C, "a ", "a "), (C, "12", "12"), (C, "", None), (K, "12", 12), (K, "a", WRONG),
        (D, "2024-02-29", date(2024, 2, 29)), (D, "2023-02-29", WRONG), (D, "1900-02-29", WRONG), (D, "2023-13-01", WRONG),
        (D, "2023-00-01", WRONG), (D, "2023-01-00", WRONG), (D, "2023-1-1", WRONG), (D, "2023-01-01 00:00", WRONG),
        (D, "0000-01-01", WRONG), (D, "9999-12-31", date(9999, 12, 31)), (D, "0001-01-01", date(1, 1, 1)),
        (UK, "29/2/2024", date(2024, 2, 29)), (UK, "31/04/2024", WRONG), (UK, "2024-04-01", WRONG),
        (T, "2024-02-29 23:59:59", datetime(2024, 2, 29, 23, 59, 59)), (T, "2024-02-29T01:02", datetime(2024, 2, 29, 1, 2)),
        (T, "2024-02-29", datetime(2024, 2, 29)), (T, "2024-02-29 24:00:00", WRONG), (T, "2024-02-29 23:59:60", WRONG),
        (T, "2024-02-29 01:02:03.004", datetime(2024, 2, 29, 1, 2, 3, 4000)), (T, "2024-02-29 01:02:03.0045", COARSE),
        (T, "2024-02-29 01:02:03.004000000", datetime(2024, 2, 29, 1, 2, 3, 4000)), (T, "2024-02-29T01:02:03Z", WRONG),
        (T, "1969-12-31 23:59:59.999", datetime(1969, 12, 31, 23, 59, 59, 999000)),
        (US, "Feb 29, 2024 12:05 AM", datetime(2024, 2, 29, 0, 5)), (US, "feb 9, 2024 12:05 pm", datetime(2024, 2, 9, 12, 5)),
        (US, "Feb 29, 2024 13:05 PM", WRONG), (US, "Feb 30, 2024 1:05 PM", WRONG),
        (Z, "2024-02-29T01:02:03+01:30", datetime.fromisoformat("2024-02-28T23:32:03+00:00")), (Z, "2024-02-29T01:02:03", WRONG),
        (Z, "2024-02-29T01:02:03Z", datetime.fromisoformat("2024-02-29T01:02:03+00:00")),
        (NS, "2300-01-01 00:00:00", WRONG), (NS, "1600-01-01 00:00:00", WRONG),
    ],
)  # fmt: skip
def test_a_text_cell_is_parsed_as_its_kind_or_named_by_its_rule(column, text, value):
    assert outcome(cast(pa.array([text]), column, Spelling(("",)))) == value


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        (INT, pa.array([7], pa.int8()), 7), (INT, pa.array([7.0]), 7), (INT, pa.array([7.5]), WRONG), (INT, pa.array([2.0**63]), WRONG),
        (INT, pa.array([-(2.0**63)]), -(2**63)), (INT, pa.array([float("inf")]), WRONG), (INT, pa.array([2**63], pa.uint64()), WRONG),
        (INT, pa.array([Decimal("7.00")]), 7), (INT, pa.array([Decimal("7.01")]), WRONG), (INT, pa.array([True]), WRONG),
        (INT, pa.array([date(2020, 1, 1)]), WRONG), (INT, pa.array(["7"], pa.large_string()), 7), (INT, pa.nulls(1), None),
        (N, pa.array([7], pa.int32()), 7.0), (N, pa.array([2**53 + 1]), COARSE), (N, pa.array([2**60]), 2.0**60),
        (N, pa.array([0.5], pa.float32()), 0.5), (N, pa.array([Decimal("0.10")]), 0.1), (N2, pa.array([0.285]), COARSE),
        (N2, pa.array([0.29]), 0.29), (N2, pa.array([1e17]), 1e17), (N, pa.array([float("nan")]), WRONG),
        (B, pa.array([True]), True), (B, pa.array([1]), True), (B, pa.array([2]), WRONG), (B, pa.array([0.0]), False),
        (C, pa.array(["a"]).dictionary_encode(), "a"), (C, pa.array([1]), WRONG), (C, pa.array([""]), ""),
        (C, pa.array([True]), WRONG), (C, pa.array([b"a"]), WRONG), (C, pa.array([[1]]), WRONG), (K, pa.array([1.0]), 1),
        (D, pa.array([date(2020, 1, 1)], pa.date64()), date(2020, 1, 1)), (D, pa.array([datetime(2020, 1, 1)]), date(2020, 1, 1)),
        (D, pa.array([datetime(2020, 1, 1, 1)]), WRONG), (D, pa.array([18262]), WRONG),
        (T, pa.array([datetime(2020, 1, 1, 1)], pa.timestamp("s")), datetime(2020, 1, 1, 1)),
        (T, pa.array([-1], pa.timestamp("us")), COARSE), (T, pa.array([-1000], pa.timestamp("us")), datetime(1969, 12, 31, 23, 59, 59, 999000)),
        (T, pa.array([date(2020, 1, 1)]), datetime(2020, 1, 1)), (T, pa.array([0], pa.timestamp("ms", "UTC")), WRONG),
        (Z, pa.array([0], pa.timestamp("ms", "Asia/Tokyo")), datetime.fromisoformat("1970-01-01T00:00:00+00:00")),
        (NS, pa.array([2**62], pa.timestamp("s")), WRONG), (NS, pa.array([datetime(2300, 1, 1)]), WRONG),
    ],
)  # fmt: skip
def test_a_typed_cell_must_be_of_its_kind_without_loss(column, cell, value):
    assert outcome(cast(cell, column, Spelling())) == value


@settings(deadline=None, max_examples=50)
@given(st.integers())
def test_any_integer_comes_back_or_is_wrong(number):
    value = outcome(cast(pa.array([str(number)]), INT, Spelling()))

    assert value == (number if -(2**63) <= number < 2**63 else WRONG)


@settings(deadline=None, max_examples=50)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_comes_back_as_written(number):
    value = outcome(cast(pa.array([repr(number)]), N, Spelling()))

    assert value == number


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2100), st.integers(0, 14), st.integers(0, 33))
def test_a_day_is_taken_exactly_when_the_calendar_has_it(year, month, day):
    text = f"{year:04}-{month:02}-{day:02}"
    try:
        truth = date.fromisoformat(text)
    except ValueError:
        truth = WRONG

    assert outcome(cast(pa.array([text]), D, Spelling())) == truth


@settings(deadline=None, max_examples=50)
@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_any_timestamp_comes_back_as_written(moment):
    column = Column(name="x", kind="timestamp", unit="us", format="%d.%m.%Y %H:%M:%S.%f")

    assert (
        outcome(
            cast(
                pa.array([moment.strftime("%d.%m.") + f"{moment:%Y}".zfill(4) + f"{moment: %H:%M:%S.%f}"]),
                column,
                Spelling(),
            )
        )
        == moment
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.booleans(), st.text(), st.just([1]), st.dates())))
def test_cells_of_several_types_keep_each_its_own_verdict(values):
    together = cast(to_array(values), INT, Spelling())
    alone = [cast(to_array([value]), INT, Spelling()) for value in values]

    assert together.wrong.tolist() == [bool(each.wrong[0]) for each in alone]
    assert together.values.to_pylist() == [each.values[0].as_py() for each in alone]


def test_unknown_value_marks_are_null_in_texts_and_floats():
    spelling = Spelling(("?", "NaN"))

    texts = cast(pa.array(["?", " ? ", "a", "", None]), C, spelling)
    numbers = cast(pa.array(["?", " ? ", "1"]), INT, spelling)
    floats = cast(pa.array([float("nan"), 1.0]), N, spelling)

    assert texts.values.to_pylist() == [None, " ? ", "a", "", None]
    assert numbers.values.to_pylist() == [None, None, 1]
    assert floats.values.to_pylist() == [None, 1.0]
    assert not floats.wrong.any()


def test_a_format_that_cannot_be_read_is_the_contracts_mistake():
    with pytest.raises(ContractError, match="%j"):
        cast(pa.array(["2020-001"]), Column(name="x", kind="date", format="%Y-%j"), Spelling())


@pytest.mark.parametrize("column", [INT, N, B, D, T, C, K])
def test_an_all_null_column_has_its_type(column):
    cells = cast(pa.nulls(3), column, Spelling())

    assert cells.values.cast(arrow_type(column)).null_count == 3
    assert not re.search("True", str(cells.wrong))
