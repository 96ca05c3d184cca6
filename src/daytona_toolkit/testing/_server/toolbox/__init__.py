"""The toolbox, under /toolbox/{sandbox}: the daemon in each sandbox, behind its proxy.

Of the daemon's endpoints these are left out: PTY, git, LSP, computer use, interpreters, metrics,
`/env`, `/init` and `/files/upload-v2`.
"""

from aiohttp import web

from daytona_toolkit.testing._server.daemon.ports import PORTS
from daytona_toolkit.testing._server.errors import FileError
from daytona_toolkit.testing._server.sandbox import DAEMON_VERSION, SANDBOX
from daytona_toolkit.testing._server.toolbox import files, process, sessions, transfer
from daytona_toolkit.testing._server.world import WORLD

PREFIX = "/toolbox/{sandbox}"
_SKIP_ACTIVITY = "X-Daytona-Skip-Last-Activity-Update"


def routes() -> list[web.RouteDef]:
    """Return the routes. A route's name is the kind of its requests."""
    daemon = [
        web.get("/work-dir", _work_dir, name="work_dir"),
        web.get("/project-dir", _work_dir, name="project_dir"),
        web.get("/user-home-dir", _home_dir, name="user_home_dir"),
        web.get("/version", _version, name="version"),
        web.get("/port", _ports, name="ports"),
        web.get("/port/{port}/in-use", _port_in_use, name="port_in_use"),
        *process.routes(),
        *sessions.routes(),
        *transfer.routes(),
        *files.routes(),
    ]
    return [
        web.RouteDef(route.method, PREFIX + route.path, route.handler, route.kwargs)
        for route in daemon
    ]


def serves(request: web.Request) -> bool:
    """Tell whether a request is for the toolbox."""
    return request.path.startswith("/toolbox/")


def enter_sandbox(request: web.Request) -> None:
    """Put the sandbox of a toolbox request into it, or refuse as the proxy does."""
    if not serves(request):
        return
    sandbox = request.app[WORLD].running(request.path.split("/")[2])
    if _SKIP_ACTIVITY not in request.headers:
        sandbox.touch()
    request[SANDBOX] = sandbox


async def _work_dir(request: web.Request) -> web.Response:
    sandbox = request[SANDBOX]
    return web.json_response({"dir": str(sandbox.work_dir)})


async def _home_dir(request: web.Request) -> web.Response:
    sandbox = request[SANDBOX]
    return web.json_response({"dir": str(sandbox.home)})


async def _version(request: web.Request) -> web.Response:
    return web.json_response({"version": DAEMON_VERSION})


async def _ports(request: web.Request) -> web.Response:
    result, _ = await request[SANDBOX].machine.call("ports", {})
    return web.json_response(result)


async def _port_in_use(request: web.Request) -> web.Response:
    port = request.match_info["port"]
    if not port.isdecimal() or int(port) not in PORTS:
        # As the file endpoints do, the daemon says no more than the status.
        raise FileError(400, "port out of range: must be between 3000 and 9999")
    result, _ = await request[SANDBOX].machine.call("port_in_use", {"port": int(port)})
    return web.json_response(result)
