import re
from pathlib import Path

from data_contracts.odcs import dump, loads

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")


def example(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_contract_on_the_page_loads():
    contract = loads(example("yaml"), "page", Path("/here"))

    assert contract.source.location == "/here/orders.csv"
    assert contract["order_id"].kind == "id"
    assert loads(dump(contract)) == contract


def test_the_code_on_the_page_runs():
    exec(compile(example("python"), "page", "exec"), {})  # noqa: S102 - our own page
