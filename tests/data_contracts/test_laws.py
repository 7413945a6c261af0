"""Laws over contracts of every shape."""

import json
from pathlib import Path

import numpy as np
import open_data_contract_standard
import pyarrow as pa
import pytest
from contract_strategies import contracts
from hypothesis import HealthCheck, assume, given, settings
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard
from row_predicates import broken

from data_contracts import Column, Contract, ContractError
from data_contracts.arrow import arrow_schema, empty_table
from data_contracts.checks import checks, expectations, image_expectations
from data_contracts.metadata import sdmetrics_metadata
from data_contracts.odcs import dump, loads
from data_contracts.random_rows import random_rows

SCHEMA = json.loads((Path(open_data_contract_standard.__file__).parent / "schema.json").read_text())
LAW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@LAW
@given(contracts())
def test_what_is_dumped_is_loaded_as_the_same_contract(contract):
    assert loads(dump(contract)) == contract


@LAW
@given(contracts())
def test_the_standards_own_schema_and_model_accept_what_is_dumped(contract):
    import yaml  # as other tools read it

    document = yaml.safe_load(dump(contract))

    Draft201909Validator(SCHEMA).validate(document)
    assert OpenDataContractStandard.from_string(dump(contract)).id == contract.id


@LAW
@given(contracts())
def test_random_rows_keep_every_rule(contract):
    try:
        table = random_rows(contract, 23, np.random.default_rng(0))
    except ContractError:
        assume(contract.rules or any(column.unique or column.values for column in contract.columns))
        return

    assert table.schema == arrow_schema(contract)
    table.validate(full=True)
    assert set(broken(expectations(contract), table)) <= {"table.rows"}


@pytest.mark.parametrize("seed", range(20))
def test_decimals_are_kept_as_far_as_a_double_tells_them(seed):
    fine = Contract(id="a", version="1.0.0", name="a", columns=(Column(name="c", kind="number", decimals=14),))

    table = random_rows(fine, 23, np.random.default_rng(seed))

    assert set(broken(expectations(fine), table)) <= {"table.rows"}


@LAW
@given(contracts())
def test_every_rule_of_a_contract_is_checked_once(contract):
    names = [check.rule for check in checks(contract)]

    assert len(set(names)) == len(names)
    assert {rule.name for rule in contract.rules} <= set(names)
    assert {expectation.rule for expectation in expectations(contract)} == {
        check.rule for check in checks(contract) if check.subject not in ("type", "image")
    }
    of_images = () if contract.image is None else image_expectations(contract.image)
    assert [each.rule for each in of_images] == [each.rule for each in checks(contract) if each.subject == "image"]


@LAW
@given(contracts())
def test_the_metadata_names_every_column(contract):
    tables = sdmetrics_metadata(contract)["tables"]

    assert tuple(tables[contract.name]["columns"]) == tuple(c.name for c in contract.columns if c.kind != "image")
    assert empty_table(contract).schema.names == list(contract.names)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_gives_the_same_rows(adult, seed):
    one, two = (random_rows(adult, 50, np.random.default_rng(seed)) for _ in range(2))

    assert one.equals(two)
    assert not one.equals(random_rows(adult, 50, np.random.default_rng(seed + 10)))
    assert isinstance(one, pa.Table)
