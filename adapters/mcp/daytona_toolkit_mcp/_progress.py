"""Progress of a call, for clients that ask for it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from mcp.server import ServerRequestContext

from daytona_toolkit.tools import OnOutput

# Seconds between two signs of life: clients that heed them start their clock again, which
# for most is one of a minute.
HEARTBEAT = 10.0

# Characters of output in one message.
_SHOWN = 400


@asynccontextmanager
async def progress_of(ctx: ServerRequestContext) -> AsyncIterator[OnOutput | None]:
    """What to give a command's output to, and a heartbeat meanwhile; None if nobody asked.

    To follow a command takes more requests than to wait for its end. The progress is the
    seconds that have passed, and its message the end of what was printed last.
    """
    if not ctx.meta or ctx.meta.get("progress_token") is None:
        yield None
        return
    started, last = time.monotonic(), 0.0

    async def report(message: str) -> None:
        nonlocal last
        last = max(last + 0.001, time.monotonic() - started)  # it must grow each time
        await ctx.session.report_progress(round(last, 3), message=message)

    async def on_output(stream: str, text: str) -> None:
        await report(text[-_SHOWN:])

    async def beat() -> None:
        while True:
            await anyio.sleep(HEARTBEAT)
            await report(f"running for {time.monotonic() - started:.0f} s")

    error: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beat)
        try:
            yield on_output
        except Exception as raised:  # the group would wrap it
            error = raised
        tasks.cancel_scope.cancel()
    if error is not None:
        raise error
