"""The file system calls of the toolbox, but for the transfer of contents."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from daytona_toolkit.testing._server.bodies import Struct, go_value, read_json
from daytona_toolkit.testing._server.errors import FileError
from daytona_toolkit.testing._server.sandbox import SANDBOX, Sandbox

_REPLACE_REQUEST = Struct(
    "ReplaceRequest", {"files": "[]string", "pattern": "string", "newValue": "*string"}, FileError
)


def routes() -> list[web.RouteDef]:
    """Return the routes below a toolbox."""
    return [
        web.get("/files/info", _calling("info"), name="file_info"),
        web.get("/files/find", _calling("find"), name="find_files"),
        web.get("/files/search", _calling("search"), name="search_files"),
        web.get("/files", _calling("list"), name="list_files"),
        web.get("/files/", _calling("list"), name="list_files_slash"),
        web.post("/files/folder", _calling("create_folder", 201), name="create_folder"),
        web.post("/files/move", _calling("move"), name="move_files"),
        web.post("/files/permissions", _calling("set_permissions"), name="set_permissions"),
        web.post("/files/replace", _replace, name="replace_in_files"),
        web.delete("/files", _calling("delete", 204), name="delete_file"),
    ]


def _calling(call: str, status: int = 200) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make a handler that has the daemon answer, from the query parameters."""

    async def handler(request: web.Request) -> web.Response:
        sandbox = request[SANDBOX]
        result, _ = await sandbox.machine.call(call, dict(request.query))
        if result is None:
            return web.Response(status=status)
        answer = go_value(_as_generation(sandbox, result))
        return web.json_response(answer, status=status)

    return handler


def _as_generation(sandbox: Sandbox, result: Any) -> Any:
    """Return an answer as its generation gives it: v0.190 has no paths in a file's record."""
    if sandbox.settings.generation == "new":
        return result
    for record in result if isinstance(result, list) else [result]:
        record.pop("path", None)
    return result


async def _replace(request: web.Request) -> web.Response:
    body = await read_json(request, _REPLACE_REQUEST)
    if not body["pattern"] or body["newValue"] is None:
        raise FileError(400, "pattern and newValue are required")
    result, _ = await request[SANDBOX].machine.call("replace", body)
    return web.json_response(result)
