"""The control plane, under /api: the life of sandboxes and their settings."""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from daytona_toolkit.testing._server.errors import ApiError
from daytona_toolkit.testing._server.recording import RECORD
from daytona_toolkit.testing._server.sandbox import Sandbox
from daytona_toolkit.testing._server.world import WORLD, World

EVENT_SOCKET = "event_socket"

_SANDBOX = "/api/sandbox/{sandbox}"
_INTERVALS = {
    "autostop": "autoStopInterval",
    "autopause": "autoPauseInterval",
    "autoarchive": "autoArchiveInterval",
    "autodelete": "autoDeleteInterval",
    "ttl": "ttlMinutes",
}
_DEFAULT_PAGE = 100

# Fields of a body that must be strings, and such that hold strings by name.
_TEXTS = ("name", "snapshot", "user", "target")
_MAPS = ("env", "labels")


def routes() -> list[web.RouteDef]:
    """Return the routes. A route's name is the kind of its requests."""
    return [
        # The SDK does without events when the socket is refused, and polls.
        web.get("/api/socket.io/", _no_event_socket, name=EVENT_SOCKET),
        web.post("/api/sandbox", _create, name="create"),
        web.get("/api/sandbox", _list, name="list"),
        web.get(_SANDBOX, _get, name="get"),
        web.delete(_SANDBOX, _changing(World.delete), name="delete"),
        web.post(f"{_SANDBOX}/start", _changing(World.start), name="start"),
        web.post(f"{_SANDBOX}/stop", _changing(World.stop), name="stop"),
        web.post(f"{_SANDBOX}/archive", _changing(World.archive), name="archive"),
        web.post(f"{_SANDBOX}/pause", _changing(World.pause), name="pause"),
        web.post(f"{_SANDBOX}/last-activity", _touch, name="last_activity"),
        web.put(f"{_SANDBOX}/labels", _set_labels, name="labels"),
        web.post(f"{_SANDBOX}/public/{{public}}", _set_public, name="public"),
        web.post(
            f"{_SANDBOX}/{{setting:{'|'.join(_INTERVALS)}}}/{{value}}",
            _set_interval,
            name="interval",
        ),
        web.get(f"{_SANDBOX}/toolbox-proxy-url", _toolbox_url, name="toolbox_proxy_url"),
        web.get(f"{_SANDBOX}/ports/{{port}}/preview-url", _preview_url, name="preview_url"),
        web.get(f"{_SANDBOX}/signing-key", _signing_key, name="signing_key"),
        web.post(f"{_SANDBOX}/signing-key/rotate", _rotate_key, name="rotate_signing_key"),
    ]


def _sandbox(request: web.Request) -> Sandbox:
    return request.app[WORLD].find(request.match_info["sandbox"])


def _answer(sandbox: Sandbox) -> web.Response:
    return web.json_response(sandbox.as_dto())


def _changing(
    change: Callable[[World, Sandbox], Awaitable[None]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        sandbox = _sandbox(request)
        await change(request.app[WORLD], sandbox)
        return _answer(sandbox)

    return handler


async def _no_event_socket(request: web.Request) -> web.Response:
    raise web.HTTPNotFound


async def _create(request: web.Request) -> web.Response:
    sandbox = await request.app[WORLD].create(await _json(request))
    request[RECORD].sandbox_id = sandbox.id
    return _answer(sandbox)


async def _get(request: web.Request) -> web.Response:
    return _answer(_sandbox(request))


async def _list(request: web.Request) -> web.Response:
    matching = _matching(request)
    if request.query.get("order", "desc") == "desc":
        matching.reverse()
    start = _number(request, "cursor", 0)
    end = start + _number(request, "limit", _DEFAULT_PAGE)
    return web.json_response(
        {
            "items": [sandbox.as_list_item() for sandbox in matching[start:end]],
            "nextCursor": str(end) if end < len(matching) else None,
        }
    )


def _matching(request: web.Request) -> list[Sandbox]:
    """Apply the filters of a list call. Deleted sandboxes are listed only when asked for."""
    query = request.query
    states = query.getall("states", [])
    snapshots = query.getall("snapshots", [])
    labels = _labels(query.get("labels") or "{}")
    return [
        sandbox
        for sandbox in request.app[WORLD].sandboxes.values()
        if (sandbox.state in states if states else not sandbox.gone)
        and (not snapshots or sandbox.dto.get("snapshot") in snapshots)
        and labels.items() <= sandbox.labels.items()
        and sandbox.id.startswith(query.get("id", ""))
        and sandbox.name.startswith(query.get("name", ""))
    ]


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name) or str(default)
    if not text.isdecimal():
        raise ApiError(400, f"{name} must be a number that is not negative")
    return int(text)


def _labels(text: str) -> dict[str, str]:
    try:
        labels = json.loads(text)
    except ValueError:
        labels = None
    if not isinstance(labels, dict):
        raise ApiError(400, "Invalid labels JSON format")
    return labels


async def _touch(request: web.Request) -> web.Response:
    _sandbox(request).touch()
    return web.Response(status=201)


async def _set_labels(request: web.Request) -> web.Response:
    sandbox = _sandbox(request)
    sandbox.dto["labels"] = (await _json(request)).get("labels") or {}
    return web.json_response({"labels": sandbox.labels})


async def _set_public(request: web.Request) -> web.Response:
    sandbox = _sandbox(request)
    sandbox.dto["public"] = request.match_info["public"] == "true"
    return _answer(sandbox)


async def _set_interval(request: web.Request) -> web.Response:
    sandbox = _sandbox(request)
    try:
        value = int(request.match_info["value"])
    except ValueError as error:
        raise ApiError(400, "Interval must be an integer") from error
    sandbox.dto[_INTERVALS[request.match_info["setting"]]] = value
    return _answer(sandbox)


async def _toolbox_url(request: web.Request) -> web.Response:
    return web.json_response({"url": _sandbox(request).dto["toolboxProxyUrl"]})


async def _preview_url(request: web.Request) -> web.Response:
    sandbox = _sandbox(request)
    url = f"http://127.0.0.1:{request.match_info['port']}"
    return web.json_response({"sandboxId": sandbox.id, "url": url, "token": sandbox.signing_key})


async def _signing_key(request: web.Request) -> web.Response:
    return web.json_response(_sandbox(request).signing_key)


async def _rotate_key(request: web.Request) -> web.Response:
    sandbox = _sandbox(request)
    sandbox.signing_key = uuid.uuid4().hex
    return web.json_response(sandbox.signing_key)


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise ApiError(400, "Request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise ApiError(400, "Request body must be an object")
    for name in _TEXTS:
        if not isinstance(body.get(name), str | None):
            raise ApiError(400, f"{name} must be a string")
    for name in _MAPS:
        texts = body.get(name)
        if texts is not None and not _is_map_of_texts(texts):
            raise ApiError(400, f"{name} must be an object of strings")
    return body


def _is_map_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
