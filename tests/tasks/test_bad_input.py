import logging
import traceback
from dataclasses import replace

import fsspec
import pytest
from bad_inputs import BAD_INPUTS, BAD_ROWS, BAD_TABLES, CONTRACT, SECRET, good_csv, good_rows, lines, sqlite

from data_contracts import ContractError, DataError, Source
from tasks.infer import infer
from tasks.ingest import ingest


def everything_said(error):
    """Return all that people or machines may come to see of an error, and of those behind it."""
    said, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        said += [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def refuse(contract, tmp_path, caplog, **options):
    run = tmp_path / "run"
    caplog.set_level(logging.DEBUG)

    with pytest.raises(DataError) as caught:
        ingest.fn(contract, run=str(run), **options)

    assert SECRET not in everything_said(caught.value)
    assert SECRET not in caplog.text
    assert not [path for path in run.rglob("*") if path.is_file()]
    return caught.value


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_a_bad_source_is_refused_by_its_rule_alone_and_nothing_of_it_is_told_or_kept(name, sources, tmp_path, caplog):
    make, rule = BAD_INPUTS[name]

    error = refuse(CONTRACT, tmp_path, caplog, source=make(sources))

    assert [failure.rule for failure in error.failures] == [rule]
    assert rule in str(error)


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_or_query_is_refused_by_its_rule_alone(name, sources, tmp_path, caplog):
    table, query, rule = BAD_TABLES[name]
    source = Source(location=sqlite(sources), table=table, query=query)

    error = refuse(replace(CONTRACT, source=source), tmp_path, caplog)

    assert [failure.rule for failure in error.failures] == [rule]


@pytest.mark.parametrize("name", BAD_ROWS)
def test_what_only_breaks_a_rule_about_values_is_left_to_validation(name, sources, tmp_path):
    make, _ = BAD_ROWS[name]

    reference = ingest.fn(CONTRACT, run=str(tmp_path), source=make(sources))

    assert reference.rows == 60


def test_the_good_table_beside_the_bad_ones_is_taken(sources, tmp_path):
    assert ingest.fn(CONTRACT, run=str(tmp_path), source=good_csv(sources)).rows == 60


@pytest.mark.parametrize("name", [name for name, (_, rule) in BAD_INPUTS.items() if rule.startswith(("so", "table.r"))])
def test_inference_refuses_or_reads_a_bad_source_without_telling_of_it(name, sources, caplog):
    make, _ = BAD_INPUTS[name]
    caplog.set_level(logging.DEBUG)

    said = ""
    try:
        infer(make(sources))
    except DataError as error:
        said = everything_said(error)

    assert SECRET not in said
    assert SECRET not in caplog.text


def test_the_password_of_a_location_is_neither_told_nor_drafted(caplog):
    location = f"memory://reader:{SECRET}@host/good.csv"
    with fsspec.open(location, "w") as file:
        file.write(lines(good_rows()))

    contract = infer(location)

    assert contract.source.location == "memory://reader@host/good.csv"
    assert SECRET not in caplog.text
    with pytest.raises(DataError) as caught:
        infer(f"sqlite://reader:{SECRET}@host/none.sqlite", table="members")
    assert SECRET not in everything_said(caught.value)


def test_a_source_must_be_known(tmp_path):
    with pytest.raises(ContractError, match="the source is known"):
        ingest.fn(CONTRACT, run=str(tmp_path))


def test_a_database_source_needs_a_table_or_a_query(sources, tmp_path):
    with pytest.raises(ContractError, match="a table or a query"):
        ingest.fn(CONTRACT, run=str(tmp_path), source=sqlite(sources))


def test_all_broken_rules_are_told_at_once_with_their_counts_and_first_rows(sources, tmp_path, caplog):
    path = sources / "many.csv"
    good = "1000,30,1.25,Bath,true,2020-01-01,2020-01-01 10:00:00\n"
    bad = "x,3.5,1.234,Bath,maybe,2020-13-01,soon\n"
    path.write_text("member,age,fee,town,active,joined,seen\n" + (good * 9 + bad) * 5_000)

    error = refuse(CONTRACT, tmp_path, caplog, source=str(path))

    told = {failure.rule: (failure.rows, failure.total) for failure in error.failures}
    rules = ["member.type", "age.type", "fee.precision", "active.type", "joined.type", "seen.type"]
    assert told == dict.fromkeys(rules, (5_000, 50_000))
    assert all("first in row 10" in failure.detail for failure in error.failures)
