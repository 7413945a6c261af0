"""Conditions and shares: what people write is read, and every mistake is refused by its own rule."""

from datetime import UTC, date, datetime

import pytest

from data_contracts import Column, Contract, ContractError
from data_contracts.conditions import EVERY, Condition, Selection, Share
from data_contracts.selecting import select

CONTRACT = Contract(
    id="people",
    version="1.0.0",
    name="people",
    columns=(
        Column(name="number", kind="id", primary_key=True, required=True),
        Column(name="age", kind="integer", minimum=17, maximum=90, required=True),
        Column(name="age (exact)", kind="number"),
        Column(name="sex", kind="category", values=("Female", "Male"), required=True),
        Column(name="income", kind="category", values=("<=50K", ">50K")),
        Column(name="grade", kind="category", values=(1, 2, 3), storage="integer"),
        Column(name="plate", kind="category", pattern="[A-Z]{2}[0-9]+"),
        Column(name="job", kind="category"),
        Column(name="member", kind="boolean"),
        Column(name="born", kind="date", minimum=date(1900, 1, 1)),
        Column(name="seen", kind="timestamp", unit="s", timezone="Europe/Berlin"),
        Column(name="local", kind="timestamp"),
    ),
)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("sex=Female", Condition("sex", "==", "Female")),
        (" sex == Female ", Condition("sex", "==", "Female")),
        ("sex!=Male", Condition("sex", "!=", "Male")),
        ("age>=60", Condition("age", ">=", 60)),
        ("age (exact) < 6e1", Condition("age (exact)", "<", 60.0)),
        ("income=<=50K", Condition("income", "==", "<=50K")),
        ("income is >50K", Condition("income", "is", ">50K")),
        ("job is null", Condition("job", "is", None)),
        ("job is not NULL", Condition("job", "is not", None)),
        ("job is not Clerk", Condition("job", "is not", "Clerk")),
        ("job=null", Condition("job", "==", "null")),
        ("job=a=b", Condition("job", "==", "a=b")),
        ("grade=2", Condition("grade", "==", 2)),
        ("plate=AB12", Condition("plate", "==", "AB12")),
        ("member=True", Condition("member", "==", True)),  # noqa: FBT003
        ("born<2000-02-29", Condition("born", "<", date(2000, 2, 29))),
        ("seen>2024-07-01T12:00", Condition("seen", ">", datetime(2024, 7, 1, 10, tzinfo=UTC))),
        ("local>2024-07-01T12:00", Condition("local", ">", datetime(2024, 7, 1, 12))),  # noqa: DTZ001
    ],
)
def test_a_condition_is_read_as_it_is_meant_and_shown_as_it_can_be_read(text, condition):
    [read] = select(CONTRACT, where=[text]).where

    assert read == condition
    assert select(CONTRACT, where=[str(read)]).where == (condition,)


def test_a_share_is_read_and_shown():
    [read] = select(CONTRACT, shares=["income:>50K=0.5"]).shares

    assert read == Share("income", ">50K", 0.5)
    assert select(CONTRACT, shares=[str(read)]).shares == (read,)


READABLE, NAMED, ORDERED = "has a form that can be read", "speaks of a column", "an order is asked of numbers"
KIND, ALLOWED, TOGETHER = "of its column's kind", "one that the contract allows", "met together, and within"
BITES = [
    ("age", READABLE),
    ("age~60", READABLE),
    ("age>", READABLE),
    ("", NAMED),
    ("ages>=60", NAMED),
    ("Age>=60", NAMED),
    ("number=7", "values that are learned"),
    ("sex>Female", ORDERED),
    ("grade<2", ORDERED),
    ("member>=true", ORDERED),
    ("age>=old", KIND),
    ("age>=60.5", KIND),
    ("age (exact)>nan", KIND),
    ("grade=one", KIND),
    ("member=yes", KIND),
    ("born<29.02.2000", KIND),
    ("seen>2024-07-01T12:00:00.5", KIND),
    ("local>2024-07-01T12:00+02:00", KIND),
    ("sex=female", ALLOWED),
    ("income!=50K", ALLOWED),
    ("plate=ab", ALLOWED),
    ("age>90", TOGETHER),
    ("age=16", TOGETHER),
    ("born<1900-01-01", TOGETHER),
    ("sex is null", TOGETHER),
]


@pytest.mark.parametrize(("text", "rule"), BITES)
def test_a_wrong_condition_is_refused_by_its_rule(text, rule):
    with pytest.raises(ContractError) as caught:
        select(CONTRACT, where=[text])

    assert rule in caught.value.rule
    assert caught.value.remedy


@pytest.mark.parametrize(
    "texts",
    [
        ["age>60", "age<61"],
        ["sex=Female", "sex=Male"],
        ["sex!=Female", "sex!=Male"],
        ["job is null", "job=Clerk"],
        ["job is not Clerk", "job is Clerk"],
        ["member=true", "member=false"],
        ["age (exact)>1", "age (exact)<=1"],
        ["seen>2024-07-01T12:00:00", "seen<2024-07-01T12:00:01"],
    ],
)
def test_conditions_that_contradict_each_other_are_refused(texts):
    with pytest.raises(ContractError, match=TOGETHER):
        select(CONTRACT, where=texts)


@pytest.mark.parametrize(
    "texts", [["age>60", "age<62"], ["job!=Clerk", "job!=Cook"], ["income!=>50K", "income is not null"], ["age>=17"]]
)
def test_conditions_that_can_be_met_together_are_taken(texts):
    assert len(select(CONTRACT, where=texts).where) == len(texts)


@pytest.mark.parametrize(
    ("shares", "where", "rule"),
    [
        (["income=0.5"], [], READABLE),
        (["wage:high=0.5"], [], NAMED),
        (["income:>50K=half"], [], "lies between 0 and 1"),
        (["income:>50K=1.01"], [], "lies between 0 and 1"),
        (["income:>50K=nan"], [], "lies between 0 and 1"),
        (["income:rich=0.5"], [], ALLOWED),
        (["number:7=0.5"], [], "values that are learned"),
        (["income:>50K=0.5", "sex:Male=0.5"], [], "of one column's values"),
        (["income:>50K=0.5", "income:>50K=0.1"], [], "each value has one share"),
        (["sex:Male=0.7", "sex:Female=0.4"], [], "add up to 1 at most"),
        (["sex:Male=0.7", "sex:Female=0.2"], [], TOGETHER),
        (["sex:Male=0.5"], ["sex=Female"], TOGETHER),
        (["sex:Female=0.5"], ["sex=Female"], TOGETHER),
    ],
)
def test_wrong_shares_are_refused_by_their_rule(shares, where, rule):
    with pytest.raises(ContractError) as caught:
        select(CONTRACT, where=where, shares=shares)

    assert rule in caught.value.rule


def test_a_null_meets_no_comparison_and_is_one_more_value_to_is():
    met = {text: select(CONTRACT, where=[text]).where[0].met_by(None) for text in ("job=Clerk", "job!=Clerk")}
    met |= {text: select(CONTRACT, where=[text]).where[0].met_by(None) for text in ("job is null", "job is not Clerk")}

    assert met == {"job=Clerk": False, "job!=Clerk": False, "job is null": True, "job is not Clerk": True}


def test_strata_part_the_rows_and_their_counts_add_up():
    selection = select(CONTRACT, where=["age>=60"], shares=["income:>50K=0.5", "income:<=50K=0.25"])

    rows = [{"age": age, "income": income} for age in (59, 60) for income in ("<=50K", ">50K", None)]
    fits = [
        [all(each.met_by(row[each.column]) for each in where) for where, _ in selection.strata].count(True)
        for row in rows
    ]
    assert fits == [0, 0, 0, 1, 1, 1]
    assert selection.counts(1_001) == (500, 251, 250)
    assert all(sum(selection.counts(rows)) == rows for rows in range(50))


def test_nothing_asked_for_is_every_row():
    assert not EVERY
    assert EVERY.strata == (((), 1.0),)
    assert Selection(shares=(Share("sex", "Male", 1.0),)).counts(7) == (7,)
