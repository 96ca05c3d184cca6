"""The log of requests, and counting over a stretch of it."""

from collections import Counter
from dataclasses import dataclass

from aiohttp import web


@dataclass
class RecordedRequest:
    """One request and what became of it.

    Attributes:
        method: HTTP method.
        path: Path with query, as sent.
        kind: Name of the endpoint, such as "create", "execute" or "download".
        sandbox_id: Sandbox named in the path, or made by this `create`.
        status: Status answered; None while it is open and when no answer was given.
        deliveries: How often it reached the endpoint. 0 when a fault, a wrong key or the sandbox's
            state came first, 2 when a fault delivered a copy.
        fault: Name of the fault that struck.
        bytes_in: Size of the request's body.
        bytes_out: Size of the response's body; 0 for a websocket.
        seconds: Time from arrival to answer.
    """

    method: str
    path: str
    kind: str
    sandbox_id: str | None = None
    status: int | None = None
    deliveries: int = 0
    fault: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0

    @property
    def executed(self) -> bool:
        """Whether the endpoint's work was begun."""
        return self.deliveries > 0


RECORD = web.RequestKey("record", RecordedRequest)


class Count:
    """The requests that arrived while a `with server.counting()` block ran."""

    def __init__(self, log: list[RecordedRequest]) -> None:
        self._log = log
        self._start = len(log)
        self._end: int | None = None

    def finish(self) -> None:
        """Leave out what arrives from now on."""
        self._end = len(self._log)

    @property
    def records(self) -> list[RecordedRequest]:
        """The requests themselves, in order of arrival."""
        return self._log[self._start : self._end]

    @property
    def requests(self) -> int:
        """How many there were."""
        return len(self.records)

    @property
    def by_kind(self) -> Counter[str]:
        """How many of each kind."""
        return Counter(record.kind for record in self.records)

    @property
    def executed(self) -> Counter[str]:
        """How many of each kind did their work."""
        return Counter(record.kind for record in self.records if record.executed)

    @property
    def bytes_in(self) -> int:
        """Bytes of request bodies."""
        return sum(record.bytes_in for record in self.records)

    @property
    def bytes_out(self) -> int:
        """Bytes of response bodies."""
        return sum(record.bytes_out for record in self.records)
