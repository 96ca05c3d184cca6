"""Which requests go wrong: faults, how often each strikes, and the rules of a server.

A rule is a fault and how often it strikes. The first rule that matches a request decides about
it, so one-shot rules form a queue:

```python
server.faults.add(DropAfter(kind="execute"), times=1)
server.faults.add(RateLimit(retry_after=1, kind="execute"), times=2)
server.faults.add(Late((0.5, 4), then=Status(504), every=3))
server.faults.add(Mixed(probability=0.1, seed=7))
```

What the client sees go wrong is in `answers`, what happens to the request on its way in
`deliveries`.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from aiohttp import web

from daytona_toolkit.testing._server.errors import WireError
from daytona_toolkit.testing._server.recording import RECORD, RecordedRequest

Execute = Callable[[], Awaitable[web.StreamResponse]]
"""Does what the request asks for and returns the answer."""

Seconds = float | tuple[float, float]
"""A time, or the bounds between which one is drawn each time."""


@dataclass(kw_only=True)
class Fault(ABC):
    """A way to fail, and which requests it concerns.

    Attributes:
        kind: Endpoint kind, such as "execute"; None for every kind.
        where: Further condition on the request.
        nth: Of the requests that match both, only these, counted from 1: a number or several.
        every: Of the requests that match both, only one in so many.
        probability: Chance to strike where all that holds.
        seed: Seed of that chance and of every other choice.
    """

    kind: str | None = None
    where: Callable[[RecordedRequest], bool] | None = None
    nth: int | Collection[int] | None = None
    every: int = 1
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._seen = 0

    def strikes(self, record: RecordedRequest) -> bool:
        """Decide about a request that has just arrived."""
        if self.kind not in (None, record.kind) or (self.where and not self.where(record)):
            return False
        self._seen += 1
        chosen = {self.nth} if isinstance(self.nth, int) else self.nth
        if (chosen is not None and self._seen not in chosen) or self._seen % self.every:
            return False
        return self._random.random() < self.probability

    @abstractmethod
    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        """Answer the request, with or without executing it."""

    def draw(self, seconds: Seconds) -> float:
        """Return a time between two bounds."""
        return self._random.uniform(*seconds) if isinstance(seconds, tuple) else seconds


@dataclass
class Rule:
    """A fault in force.

    Attributes:
        fault: The fault.
        times: How often it may still strike; None for always.
        fired: How often it has struck.
    """

    fault: Fault
    times: int | None = None
    fired: int = 0

    def claims(self, record: RecordedRequest) -> bool:
        """Decide about a request, and count it if it is struck."""
        if self.times == 0 or not self.fault.strikes(record):
            return False
        if self.times is not None:
            self.times -= 1
        self.fired += 1
        return True


class Faults:
    """The rules of a server, in the order in which they were added.

    Args:
        kinds: The kinds of requests that there are.
    """

    def __init__(self, kinds: Collection[str]) -> None:
        self._kinds = kinds
        self._rules: tuple[Rule, ...] = ()

    def add(self, fault: Fault, *, times: int | None = None) -> Rule:
        """Put a fault in force, `times` times or until `clear`.

        Raises:
            ValueError: There are no requests of its kind.
        """
        if fault.kind is not None and fault.kind not in self._kinds:
            raise ValueError(
                f"There are no requests of the kind {fault.kind!r}, so nothing would go wrong. "
                f"Choose one of {', '.join(sorted(self._kinds))}."
            )
        rule = Rule(fault, times)
        self._rules = (*self._rules, rule)
        return rule

    def clear(self) -> None:
        """Let all go well again."""
        self._rules = ()

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        """Serve a request, or have it struck by the first rule that claims it."""
        record = request[RECORD]
        for rule in self._rules:
            if rule.claims(record):
                record.fault = type(rule.fault).__name__
                return await rule.fault.apply(request, execute)
        return await execute()


async def attempt(execute: Execute) -> None:
    """Execute for the effect alone: nobody will learn of an error."""
    with suppress(WireError):
        await execute()
