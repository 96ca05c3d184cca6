"""Bodies of requests: kept for a second delivery, cut short, slowed down, read as Go reads JSON."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from daytona_toolkit.testing._server.errors import DaemonError
from daytona_toolkit.testing._server.go import go_text

_CHUNK = 64 * 1024


@dataclass
class Pace:
    """How a body reaches the sandbox.

    Attributes:
        keep: Share of it that does.
        seconds: How long that takes.
    """

    keep: float = 1.0
    seconds: float = 0.0


_BODY = web.RequestKey("body", bytes)
_PACE = web.RequestKey("pace", Pace)

# A slowed body arrives in so many pieces.
_PIECES = 20


async def keep(request: web.Request) -> bytes:
    """Read the body of a request so that it can be delivered more than once."""
    if _BODY not in request:
        request[_BODY] = await request.read()
    return request[_BODY]


async def set_pace(request: web.Request, pace: Pace) -> None:
    """Have the body reach the sandbox in part, or slowly."""
    await keep(request)
    request[_PACE] = pace


async def chunks(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body as it comes.

    Raises:
        ConnectionError: It was cut short.
    """
    if _BODY not in request:
        async for chunk in request.content.iter_any():
            yield chunk
        return
    body, pace = request[_BODY], request.get(_PACE, Pace())
    part = memoryview(body)[: int(len(body) * pace.keep)]
    size = -(-len(part) // _PIECES) or 1 if pace.seconds else _CHUNK
    for start in range(0, len(part), size):
        await asyncio.sleep(pace.seconds / _PIECES)
        yield bytes(part[start : start + size])
    if len(part) < len(body):
        raise ConnectionResetError


async def read_json(request: web.Request) -> dict[str, Any]:
    """Return the body of a toolbox call, which must be a JSON object, as Go reads it."""
    try:
        body = go_value(json.loads(go_text(await request.read())))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise DaemonError(400, "invalid request body", code="INVALID_REQUEST_BODY")
    return body


def go_value(value: Any) -> Any:
    """Return a JSON value as Go has it: each lone surrogate is one U+FFFD."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [go_value(item) for item in value]
        case dict():
            return {go_value(key): go_value(item) for key, item in value.items()}
    return value
