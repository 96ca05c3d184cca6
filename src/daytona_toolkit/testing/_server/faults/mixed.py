"""One of several faults, by chance."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from daytona_toolkit.testing._server.faults import Execute, Fault
from daytona_toolkit.testing._server.faults.answers import (
    DropAfter,
    DropBefore,
    RateLimit,
    Reset,
    Status,
    TruncatedBody,
)
from daytona_toolkit.testing._server.faults.deliveries import Delay
from daytona_toolkit.testing._server.recording import RECORD


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
