"""The command `daytona-toolkit-mcp`."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import aclosing
from importlib.metadata import version
from typing import Any

import anyio
import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server

import daytona_toolkit as toolkit
from daytona_toolkit.tools import Choice
from daytona_toolkit_mcp import LIMITS, make_app, make_server

_ABOUT = """\
An MCP server over a live workspace: on standard input and output, or over HTTP with --port.
Without --folder, --create, --attach and --key the workspace is a new Daytona sandbox if
DAYTONA_API_KEY is set, and else a temporary folder. With DAYTONA_TOOLKIT_MCP_TOKEN set, HTTP
requests must bring its value as their bearer token."""

# Seconds that open requests get to end once the server is told to stop.
_FAREWELL = 3

_LAST_PORT = 65535


def main(argv: Sequence[str] | None = None) -> None:
    """Serve a workspace until the client, or a signal, ends it."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        session = _session(options)
        server = make_server(
            session,
            tools=options.tools or "all",
            prefix=options.prefix,
            approval=options.approval,
            shell=options.shell,
        )
        token = os.environ.get("DAYTONA_TOOLKIT_MCP_TOKEN")
        app = make_app(server, host=options.host, names=options.name, token=token)
    except (ValueError, toolkit.SandboxError) as error:
        parser.error(str(error))
    # Windows has no such signal; under nohup it is ignored.
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _hang_up)
    if options.port is None:
        anyio.run(_serve_stdio, server, session)
    else:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
        config = uvicorn.Config(app, host=options.host, port=options.port, access_log=False)
        config.timeout_graceful_shutdown = _FAREWELL
        anyio.run(_serve_http, uvicorn.Server(config), session)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="daytona-toolkit-mcp", description=_ABOUT)
    where = parser.add_mutually_exclusive_group().add_argument
    where("--folder", help="a local sandbox over this folder")
    where("--create", action="store_true", help="a new Daytona sandbox, deleted at the end")
    where("--attach", metavar="ID", help="a Daytona sandbox that exists, left running")
    where("--key", help="the Daytona sandbox of this key, made if need be, left running")
    add = parser.add_argument
    add("--isolation", default="auto", help="of a local sandbox: auto, bubblewrap, landlock, none")
    add("--network", action="store_true", help="let commands in a local sandbox use the network")
    add("--secret", action="append", default=[], help="a variable for commands, not for the model")
    which = parser.add_mutually_exclusive_group().add_argument
    which("--tools", type=_tools, help="core, read_only, all, or names with commas between them")
    which("--read-only", action="store_const", const="read_only", dest="tools", help="look only")
    add("--prefix", default="", help="put before the name of each tool")
    add("--approval", action="store_true", help="ask a person before each call that changes things")
    add("--shell", metavar="NAME", help="let cd and exported variables carry over between commands")
    add("--port", type=_port, help="serve HTTP at this port, under /mcp")
    add("--host", default="127.0.0.1", help="the address; any but loopback needs a token")
    add("--name", action="append", default=[], help="a host name by which clients reach the server")
    add("--version", action="version", version=version("daytona-toolkit-mcp"))
    return parser


def _tools(text: str) -> Choice:
    names = [name.strip() for name in text.split(",")]
    return text if text in ("core", "read_only", "all") else names


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 to {_LAST_PORT}")
    return int(text)


def _session(options: argparse.Namespace) -> toolkit.SandboxSession:
    missing = [name for name in options.secret if name not in os.environ]
    if missing:
        raise ValueError(f"--secret {missing[0]}: there is no such variable in the environment")
    env = {name: os.environ[name] for name in options.secret}
    if options.network and options.folder is None:
        raise ValueError("--network is for a local sandbox; name its --folder")
    daytona = options.create or options.attach is not None or options.key is not None
    if options.isolation != "auto" and daytona:
        raise ValueError("--isolation is for a local sandbox, and this one is Daytona's")
    sandbox: toolkit.Sandbox
    if options.folder is not None:
        sandbox = toolkit.LocalSandbox(
            options.folder, isolation=options.isolation, network=options.network
        )
    elif options.create:
        sandbox = toolkit.DaytonaSandbox.create()
    elif options.attach is not None:
        sandbox = toolkit.DaytonaSandbox.attach(options.attach)
    elif options.key is not None:
        sandbox = toolkit.DaytonaSandbox.get_or_create(options.key)
    else:
        return toolkit.open_session(isolation=options.isolation, secrets=env, limits=LIMITS)
    return toolkit.SandboxSession(sandbox, secrets=env, limits=LIMITS)


async def _serve_stdio(server: Server[Any], session: toolkit.SandboxSession) -> None:
    async with aclosing(session), anyio.create_task_group() as tasks:
        tasks.start_soon(_leave_at_a_signal, session)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())
        tasks.cancel_scope.cancel()


async def _serve_http(server: uvicorn.Server, session: toolkit.SandboxSession) -> None:
    async with aclosing(session):
        await server.serve()


async def _leave_at_a_signal(session: toolkit.SandboxSession) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            await session.aclose()
            os._exit(128 + number)  # the thread that reads standard input cannot be woken


def _hang_up(number: int, frame: object) -> None:
    """Let the end of a terminal end the program in order."""
    signal.raise_signal(signal.SIGTERM)


def _leave(number: int, frame: object) -> None:
    """Let a signal that uvicorn has heeded, and raises again, end the program in order."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
