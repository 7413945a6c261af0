"""In which order Prefect's server takes events: what came before it was started is not waited for.

`PREFECT_SERVER_EVENTS_CAUSAL_ORDERING=flows.ordering`, in the server's environment.  An event that follows another
waits until the server has seen that one, a quarter of an hour at most; and a server that was killed has forgotten what
it saw.  So a run that was lost with it, though soon found to have crashed, would wait so long to be run again.
"""

from datetime import UTC, datetime
from uuid import UUID

from prefect.server.events.ordering import memory
from prefect.server.events.schemas.events import ReceivedEvent

__all__ = ["CausalOrdering"]

_STARTED = datetime.now(UTC)
_TIMED = 7  # the version of an identifier that begins with its milliseconds (RFC 9562)


class CausalOrdering(memory.CausalOrdering):
    """Prefect's own, which knows when the server was started."""

    async def wait_for_leader(self, event: ReceivedEvent) -> None:
        """Wait for the event that this one follows, unless it came before the server.

        Raises:
            EventArrivedEarly: it has not been seen yet.
        """
        if event.follows is None or not _before(event.follows):
            await super().wait_for_leader(event)


def _before(event: UUID) -> bool:
    """Return whether an event is known to have come before the server was started."""
    return event.version == _TIMED and datetime.fromtimestamp((event.int >> 80) / 1_000, UTC) < _STARTED
