"""What a server is given: once, changed where it changed, and left as somebody has set it."""

import pytest
from services import ROOT

from flows import server
from flows.server import WEBHOOK, furnish


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Put the project's automations, changed by a replacement, on the server under names of this test's own."""
    monkeypatch.setattr(server, "POOL", "furnished")
    monkeypatch.setattr(server, "_BLOCK", "furnished")

    def putting(before="", after=""):
        file = tmp_path / "automations.toml"
        file.write_text(
            (ROOT / "automations.toml").read_text().replace("likeness: ", "furnished: ").replace(before, after)
        )
        return [line.rpartition(": ")[2] for line in furnish(file)]

    return putting


def test_what_is_put_again_stands_what_changed_is_changed_and_what_is_paused_stays_so(put, monkeypatch):
    from prefect import get_client

    monkeypatch.delenv(WEBHOOK, raising=False)
    assert put() == ["made"] * 3 + [f"not made, {WEBHOOK} is not set"]

    monkeypatch.setenv(WEBHOOK, "http://127.0.0.1:9/secret-path")
    assert put() == ["stands"] * 3 + ["made"]

    monkeypatch.delenv(WEBHOOK)
    with get_client(sync_client=True) as client:
        name = "furnished: a run that crashed is run again"
        client.pause_automation(client.read_automations_by_name(name)[0].id)

        assert put() == ["stands"] * 4
        assert put("within = 30 ", "within = 31 ") == ["stands", "stands", "changed", "stands"]

        (crashed,) = client.read_automations_by_name(name)
        assert crashed.trigger.within.total_seconds() == 31
        assert not crashed.enabled
        told = "".join(each.model_dump_json() for each in client.read_automations())
    assert "secret-path" not in told
