"""What a change of a contract asks of its version: each kind of change, and the version that does not fit it."""

from dataclasses import replace
from datetime import date

import pytest
from contract_strategies import contracts
from hypothesis import given

from data_contracts import Column, Combination, Comparison, Contract, ContractError, Source, Threshold
from data_contracts.changes import changes, ordered, require_version

CONTRACT = Contract(
    id="trips",
    version="1.2.3",
    name="trips",
    licence="CC BY 4.0",
    columns=(
        Column(name="trip", kind="id", primary_key=True, unique=True, pattern="T-[0-9]+"),
        Column(name="city", kind="category", values=("Bonn", "Graz")),
        Column(name="price", kind="number", decimals=2, minimum=0, maximum=500),
        Column(name="start", kind="timestamp", timezone="UTC", required=True, unique=True),
        Column(name="end", kind="timestamp", timezone="UTC"),
    ),
    rules=(
        Comparison("start_before_end", "start", "<=", "end"),
        Combination("paid_cities", ("city", "price"), (("Bonn", 1), ("Graz", 2))),
    ),
    gate=(Threshold("column_shapes", "seen", minimum=0.9),),
)


def with_column(name, **values):
    return replace(CONTRACT, columns=tuple(replace(c, **values) if c.name == name else c for c in CONTRACT.columns))


def with_rules(*rules):
    return replace(CONTRACT, rules=rules)


COMPARISON, COMBINATION = CONTRACT.rules
SEATS = Column(name="seats", kind="integer")
CASES = {
    "a column is gone": ("major", "end is gone", replace(CONTRACT, columns=CONTRACT.columns[:-1])),
    "columns in another order": ("major", "columns", replace(CONTRACT, columns=CONTRACT.columns[::-1])),
    "another kind": ("major", "city.kind", with_column("city", kind="id")),
    "another kind with other bounds": (
        "major",
        "price.kind",
        with_column("price", kind="date", decimals=None, minimum=date(2020, 1, 1), maximum=date(2021, 1, 1)),
    ),
    "another storage": ("major", "city.storage", with_column("city", storage="integer")),
    "another unit": ("major", "start.unit", with_column("start", unit="s")),
    "another zone": ("major", "start.timezone", with_column("start", timezone=None)),
    "nulls may come": ("major", "start.required", with_column("start", required=False)),
    "no key": ("major", "trip.primary_key", with_column("trip", primary_key=False, required=True)),
    "not unique": ("major", "start.unique", with_column("start", unique=False)),
    "a wider range": ("major", "price.maximum", with_column("price", maximum=501)),
    "no bound": ("major", "price.minimum", with_column("price", minimum=None)),
    "more decimals": ("major", "price.decimals", with_column("price", decimals=3)),
    "another value": ("major", "city.values", with_column("city", values=("Bonn", "Graz", "Linz"))),
    "any value": ("major", "city.values", with_column("city", values=None)),
    "another pattern": ("major", "trip.pattern", with_column("trip", pattern="[0-9]+")),
    "a rule less": ("major", "rules.paid_cities", with_rules(COMPARISON)),
    "another rule": ("major", "rules.start_before_end", with_rules(replace(COMPARISON, operator="<"), COMBINATION)),
    "combinations more": (
        "major",
        "rules.paid_cities",
        with_rules(COMPARISON, replace(COMBINATION, allowed=(*COMBINATION.allowed, ("Bonn", 2)))),
    ),
    "another licence": ("major", "licence", replace(CONTRACT, licence="all rights reserved")),
    "a column more": ("minor", "seats is new", replace(CONTRACT, columns=(*CONTRACT.columns, SEATS))),
    "no nulls": ("minor", "end.required", with_column("end", required=True)),
    "a narrower range": ("minor", "price.maximum", with_column("price", maximum=400)),
    "a bound more": ("minor", "end.minimum", with_column("end", minimum=0)),
    "values less": ("minor", "city.values", with_column("city", values=("Bonn",))),
    "a rule more": ("minor", "rules.other", with_rules(*CONTRACT.rules, Comparison("other", "end", "!=", "start"))),
    "combinations less": (
        "minor",
        "rules.paid_cities",
        with_rules(COMPARISON, replace(COMBINATION, allowed=COMBINATION.allowed[:1])),
    ),
    "words": ("patch", "price.description", with_column("price", description="euros")),
    "a classification": ("patch", "price.sensitivity", with_column("price", sensitivity="restricted")),
    "purpose": ("patch", "purpose", replace(CONTRACT, purpose="to show")),
    "a rule's name": ("patch", "rules.start_before_end", with_rules(replace(COMPARISON, name="in_order"), COMBINATION)),
    "the gate": ("patch", "gate", replace(CONTRACT, gate=())),
    "the model": ("patch", "model", replace(CONTRACT, model="gmm")),
}  # fmt: skip
FITTING = {"major": "2.0.0", "minor": "1.3.0", "patch": "1.2.4"}
TOO_LOW = {"major": ["1.2.3", "1.2.4", "1.3.0"], "minor": ["1.2.3", "1.2.4"], "patch": ["1.2.3"]}


@pytest.mark.parametrize(("level", "what", "new"), CASES.values(), ids=CASES)
def test_a_change_is_named_with_its_level_and_the_version_must_fit(level, what, new):
    found = changes(CONTRACT, new)

    assert found[0].level == level
    assert what in str(found[0])
    for version in (version for fitting in FITTING.values() for version in [fitting] if fitting >= FITTING[level]):
        assert require_version(CONTRACT, replace(new, version=version)) == found
    for version in TOO_LOW[level]:
        with pytest.raises(ContractError, match="a contract's version rises with its changes") as caught:
            require_version(CONTRACT, replace(new, version=version))
        assert f"Call it {FITTING[level]}" in str(caught.value)
        assert what in caught.value.fact


def test_a_version_does_not_go_back():
    with pytest.raises(ContractError, match=r"however: 1\.2\.2 comes after 1\.2\.3"):
        require_version(CONTRACT, replace(CONTRACT, version="1.2.2"))


def test_where_the_data_lies_is_no_change():
    moved = replace(CONTRACT, source=Source(location="elsewhere.csv"))

    assert require_version(CONTRACT, moved) == ()


def test_the_gravest_change_decides():
    new = replace(with_column("end", required=True), purpose="to show", columns=CONTRACT.columns[1:], version="1.3.0")

    with pytest.raises(ContractError, match="trip is gone"):
        require_version(CONTRACT, new)


def test_before_a_version_is_final_it_may_change_freely():
    draft = replace(CONTRACT, version="2.0.0-rc.1")
    new = replace(draft, columns=CONTRACT.columns[1:], version="2.0.0-rc.2")

    assert require_version(draft, new)
    assert require_version(draft, replace(new, version="2.0.0"))
    with pytest.raises(ContractError):
        require_version(draft, replace(new, version="2.0.0-rc.1"))


def test_versions_are_ordered_by_number():
    versions = ["0.9.0", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0"]

    assert sorted(["2.0.0", *versions[:-1]], key=ordered) == versions


@given(contracts())
def test_a_contract_differs_from_itself_in_nothing(contract):
    assert changes(contract, contract) == ()


@given(contracts(), contracts())
def test_what_is_no_change_is_equal_but_for_source_version_and_id(one, other):
    if not changes(one, other):
        assert replace(one, source=None, version="", id="") == replace(other, source=None, version="", id="")


def test_what_a_key_implies_need_not_be_said():
    assert changes(CONTRACT, with_column("trip", required=True)) == ()
    assert changes(with_column("trip", unique=False), CONTRACT) == ()
