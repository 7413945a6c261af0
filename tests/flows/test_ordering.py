"""What a server does with events that follow some of before it was started."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prefect.server.events.ordering import EventArrivedEarly, get_triggers_causal_ordering
from prefect.server.events.schemas.events import ReceivedEvent, Resource
from prefect.settings import PREFECT_SERVER_EVENTS_CAUSAL_ORDERING, temporary_settings

from flows import ordering

BEFORE, AFTER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def identifier(when):
    """Return one that begins with a time."""
    return UUID(int=(int(when.timestamp() * 1_000) << 80) | (7 << 76) | (2 << 62))


def event(follows):
    return ReceivedEvent(
        occurred=datetime.now(UTC),
        event="prefect.flow-run.Crashed",
        resource=Resource({"prefect.resource.id": "prefect.flow-run.1"}),
        id=uuid4(),
        follows=follows,
    )


def wait(follows):
    asyncio.run(ordering.CausalOrdering("tests").wait_for_leader(event(follows)))


def test_what_came_before_the_server_is_not_waited_for():
    wait(identifier(BEFORE))
    wait(None)


@pytest.mark.parametrize("follows", [identifier(AFTER), uuid4()], ids=["later", "of no known time"])
def test_what_comes_after_it_is(follows):
    with pytest.raises(EventArrivedEarly):
        wait(follows)


def test_prefect_takes_it_by_its_name():
    with temporary_settings({PREFECT_SERVER_EVENTS_CAUSAL_ORDERING: ordering.__name__}):
        assert type(get_triggers_causal_ordering()) is ordering.CausalOrdering
