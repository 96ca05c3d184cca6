"""Requests that go astray: late, twice, out of order, in part, slowly, or into silence.

A proxy or an SDK that sends a request again may do so while the first copy is still under way.
These faults have the first copy arrive all the same, at the worst moment.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from aiohttp import web

from daytona_toolkit.testing._server import bodies
from daytona_toolkit.testing._server.faults import Execute, Fault, Seconds, attempt
from daytona_toolkit.testing._server.faults.answers import DropBefore, hang_up
from daytona_toolkit.testing._server.recording import RECORD
from daytona_toolkit.testing._server.world import WORLD

Held = dict[tuple[str, bytes], list[asyncio.Event]]

HELD = web.AppKey("held", Held)
"""Requests that wait until they are overtaken, by path and body."""

# Seconds between two looks at whether a client has gone.
_LOOK = 0.05


@dataclass
class Late(Fault):
    """Fail for the client at once, and deliver the request later.

    `Late(3, kind="upload", then=Status(504))` is an upload that a proxy has given up on and that
    lands all the same.

    Attributes:
        seconds: How much later.
        then: What the client sees. One that executes delivers the request twice.
    """

    seconds: Seconds
    then: Fault = field(default_factory=DropBefore)

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        await bodies.keep(request)
        request.app[WORLD].later(self.draw(self.seconds), partial(attempt, execute))
        return await self.then.apply(request, execute)


@dataclass
class Copy(Fault):
    """Serve the request, and deliver a copy of it later.

    Attributes:
        seconds: How much later than the original, which the copy does not wait for.
    """

    seconds: Seconds = 0.0

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        await bodies.keep(request)
        request.app[WORLD].later(self.draw(self.seconds), partial(attempt, execute))
        return await execute()


@dataclass
class Overtaken(Fault):
    """Fail for the client at once, and deliver the request after its retry was served.

    Attributes:
        then: What the client sees.
        within: Seconds after which the request is delivered without a retry.
    """

    then: Fault = field(default_factory=DropBefore)
    within: float = 10.0

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        served = asyncio.Event()
        request.app[HELD].setdefault(await _identity(request), []).append(served)

        async def deliver() -> None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(served.wait(), self.within)
            await attempt(execute)

        request.app[WORLD].later(0, deliver)
        return await self.then.apply(request, execute)


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
class CutUpload(Fault):
    """Let only a part of an upload reach the sandbox. v0.190 leaves that part in the file.

    Attributes:
        keep: Share that gets there.
        then: What the client sees; None for what the daemon says.
    """

    kind: str | None = field(default="upload", kw_only=True)
    keep: float = 0.5
    then: Fault | None = field(default_factory=DropBefore)

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        await bodies.set_pace(request, bodies.Pace(keep=self.keep))
        if self.then is None:
            return await execute()
        await attempt(execute)
        return await self.then.apply(request, execute)


@dataclass
class SlowUpload(Fault):
    """Let an upload reach the sandbox bit by bit. In v0.190 two at once leave a mixture.

    Attributes:
        seconds: How long it takes.
        then: What the client sees at once; None to have it wait for the answer.
    """

    kind: str | None = field(default="upload", kw_only=True)
    seconds: float = 1.0
    then: Fault | None = None

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        await bodies.set_pace(request, bodies.Pace(seconds=self.seconds))
        if self.then is None:
            return await execute()
        request.app[WORLD].later(0, partial(attempt, execute))
        return await self.then.apply(request, execute)


@dataclass
class Stall(Fault):
    """Leave the connection open and say nothing, until the client goes away.

    Attributes:
        after: Whether to execute first.
    """

    after: bool = False

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        if self.after:
            await attempt(execute)
        else:
            await bodies.keep(request)
        world = request.app[WORLD]
        # That a client goes away is no event that aiohttp offers.
        while not (  # noqa: ASYNC110
            world.closed or request.transport is None or request.transport.is_closing()
        ):
            await asyncio.sleep(_LOOK)
        return hang_up(request)


async def release(request: web.Request) -> None:
    """Let the requests pass that this one has overtaken."""
    held = request.app[HELD]
    if held and request[RECORD].executed:
        for served in held.pop(await _identity(request), ()):
            served.set()


async def _identity(request: web.Request) -> tuple[str, bytes]:
    return request.path_qs, sha256(await bodies.keep(request)).digest()
