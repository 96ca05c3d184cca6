"""Bodies of requests: kept for a second delivery, cut short, slowed down, read as Go reads JSON."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from daytona_toolkit.testing._server.errors import DaemonError
from daytona_toolkit.testing._server.go import go_text

_CHUNK = 64 * 1024

# What Go puts into a field for null.
_ZEROS: dict[str, Any] = {
    "string": "",
    "*string": None,
    "bool": False,
    "uint32": 0,
    "[]string": [],
    "map[string]string": {},
}


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


@dataclass(frozen=True)
class Struct:
    """What Go decodes the body of a toolbox call into.

    Attributes:
        name: Its name in Go's errors.
        fields: Go's type of each field, by the field's name in JSON.
        refusal: The error for what does not fit.
    """

    name: str
    fields: Mapping[str, str]
    refusal: type[DaemonError] = DaemonError


async def read_json(request: web.Request, struct: Struct) -> dict[str, Any]:
    """Return the fields of a body as Go decodes it: null and what is missing have no value."""
    try:
        body = go_value(json.loads(go_text(await request.read())))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise struct.refusal(400, "invalid request body", code="INVALID_REQUEST_BODY")
    return {name: _decode(body.get(name), struct, name) for name in struct.fields}


def _decode(value: Any, struct: Struct, name: str, kind: str = "") -> Any:
    kind = kind or struct.fields[name]
    match kind, value:
        case _, None:
            return _ZEROS[kind]
        case ("string" | "*string", str()) | ("bool", bool()):
            return value
        case "uint32", int() if type(value) is int and 0 <= value < 2**32:
            return value
        case "[]string", list():
            return [_decode(item, struct, name, "string") for item in value]
        case "map[string]string", dict():
            return {key: _decode(item, struct, name, "string") for key, item in value.items()}
    found = _go_kind(value)
    if kind == "uint32" and found == "number":
        found = f"number {json.dumps(value)}"
    raise struct.refusal(
        400,
        f"json: cannot unmarshal {found} into Go struct field {struct.name}.{name} of type {kind}",
        code="INVALID_REQUEST_BODY",
    )


def _go_kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
    return "object"


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
