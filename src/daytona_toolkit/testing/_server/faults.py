"""What can go wrong between a client and the server, to order.

A rule is a fault and how often it strikes. The first rule that matches a request decides about
it, so one-shot rules form a queue:

```python
server.faults.add(DropAfter(kind="execute"), times=1)
server.faults.add(RateLimit(retry_after=1, kind="execute"), times=2)
server.faults.add(Mixed(probability=0.1, seed=7))
```
"""

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from aiohttp import web

from daytona_toolkit.testing._server.clock import rfc3339
from daytona_toolkit.testing._server.errors import WireError
from daytona_toolkit.testing._server.recording import RECORD, RecordedRequest
from daytona_toolkit.testing._server.world import WORLD

Execute = Callable[[], Awaitable[web.StreamResponse]]
"""Does what the request asks for and returns the answer."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class NoAnswer(web.Response):
    """Stands for a response on a connection that is already closed."""


@dataclass(kw_only=True)
class Fault(ABC):
    """A way to fail, and which requests it concerns.

    Attributes:
        kind: Endpoint kind, such as "execute"; None for every kind.
        nth: Only the nth request of that kind, counted from 1.
        where: Further condition on the request.
        probability: Chance to strike where all that holds.
        seed: Seed of that chance and of every other choice.
    """

    kind: str | None = None
    nth: int | None = None
    where: Callable[[RecordedRequest], bool] | None = None
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
        if self.nth not in (None, self._seen):
            return False
        return self._random.random() < self.probability

    @abstractmethod
    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        """Answer the request, with or without executing it."""


@dataclass
class DropBefore(Fault):
    """Close the connection without a byte, before executing."""

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        # An unread body would turn the close into a reset.
        await request.read()
        return _hang_up(request)


@dataclass
class DropAfter(Fault):
    """Execute, then close the connection without a byte."""

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        await _attempt(execute)
        return _hang_up(request)


@dataclass
class Reset(Fault):
    """Reset the connection (RST).

    Attributes:
        after: Whether to execute first.
    """

    after: bool = False

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        if self.after:
            await _attempt(execute)
        else:
            # A client that is still sending would not see the same error each time.
            await request.read()
        return _hang_up(request, reset=True)


@dataclass
class Status(Fault):
    """Answer an error status.

    Attributes:
        status: The status.
        message: Its message; None for an empty body.
        code: Machine-readable code, such as "PROCESS_EXECUTION_TIMEOUT" or "REQUEST_TIMEOUT".
        source: Who says so, such as "DAYTONA_DAEMON". The SDK heeds the code only with it.
        headers: Headers to send along.
        after: Whether to execute first.
    """

    status: int
    message: str | None = "injected fault"
    code: str | None = None
    source: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        if self.after:
            await _attempt(execute)
        if self.message is None:
            return web.Response(status=self.status, headers=self.headers)
        body = {
            "statusCode": self.status,
            "message": self.message,
            "timestamp": rfc3339(),
            "path": request.path,
            **({"code": self.code} if self.code else {}),
            **({"source": self.source} if self.source else {}),
        }
        return web.json_response(body, status=self.status, headers=self.headers)


@dataclass
class RateLimit(Status):
    """Answer 429 with `Retry-After`.

    Attributes:
        retry_after: Seconds to wait.
    """

    status: int = 429
    message: str | None = "ThrottlerException: Too Many Requests"
    retry_after: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.headers = {"Retry-After": str(self.retry_after), **self.headers}


@dataclass
class TruncatedBody(Fault):
    """Execute, send part of the answer's body, then close the connection.

    Attributes:
        keep: Share of the body that is sent.
    """

    keep: float = 0.5

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        answer = await execute()
        whole = _body(answer)
        part = whole[: int(len(whole) * self.keep)]
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(whole)
        await response.prepare(request)
        await response.write(part)
        request[RECORD].bytes_out = len(part)
        return _hang_up(request)


@dataclass
class TruncatedMultipart(Fault):
    """Execute a download and leave out the end of its multipart body, in a complete HTTP answer.

    Attributes:
        keep: Share of the body that is sent.
    """

    kind: str | None = "download"
    keep: float = 0.5

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        response = await execute()
        whole = _body(response)
        return web.Response(
            body=whole[: int(len(whole) * self.keep)],
            headers={"Content-Type": response.headers["Content-Type"]},
        )


@dataclass
class Delay(Fault):
    """Wait.

    Attributes:
        seconds: How long.
        after: Whether to execute first.
        then: Fault to suffer after that instead of being served.
    """

    seconds: float
    after: bool = False
    then: Fault | None = None

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        if not self.after:
            await asyncio.sleep(self.seconds)
        response = await (self.then.apply(request, execute) if self.then else execute())
        if self.after:
            await asyncio.sleep(self.seconds)
        return response


@dataclass
class StopSandbox(Fault):
    """Stop the sandbox that the request is about, just before it is served."""

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        world = request.app[WORLD]
        sandbox = world.sandboxes.get(request[RECORD].sandbox_id or "")
        if sandbox and sandbox.state == "started":
            await world.stop(sandbox)
        return await execute()


@dataclass
class Mixed(Fault):
    """One of several faults, drawn anew each time.

    Attributes:
        faults: What to draw from.
    """

    faults: Sequence[Fault] = (
        DropBefore(),
        DropAfter(),
        Reset(),
        Reset(after=True),
        RateLimit(retry_after=0),
        Status(502, message=None),
        Status(503),
        Status(504, message=None, after=True),
        TruncatedBody(),
        Delay(0.05),
    )

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        fault = self._random.choice(self.faults)
        request[RECORD].fault = type(fault).__name__
        return await fault.apply(request, execute)


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
    """The rules of a server, in the order in which they were added."""

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()

    def add(self, fault: Fault, *, times: int | None = None) -> Rule:
        """Put a fault in force, `times` times or until `clear`."""
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


async def _attempt(execute: Execute) -> None:
    """Execute for the effect alone: nobody will learn of an error."""
    with suppress(WireError):
        await execute()


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else b""
    return bytes(body) if isinstance(body, (bytes, bytearray)) else b""


def _hang_up(request: web.Request, *, reset: bool = False) -> NoAnswer:
    transport = request.transport
    if transport is None:
        return NoAnswer()
    if reset:
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    else:
        transport.close()
    return NoAnswer()
