"""Ways to an MCP server: each transport, and each era of the protocol."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import anyio
import uvicorn
from daytona_toolkit_mcp import make_app
from mcp import Client
from mcp.server import Server
from mcp.shared.memory import create_client_server_memory_streams

Way = tuple[Literal["streams", "http"], Literal["auto", "legacy"]]

# Streams are what standard input and output are, without a process.
WAYS: list[Way] = [
    ("streams", "auto"),
    ("streams", "legacy"),
    ("http", "auto"),
    ("http", "legacy"),
]


@asynccontextmanager
async def connected(server: Server[Any], way: Way, **options: Any) -> AsyncIterator[Client]:
    """A client of the server, by one of the ways."""
    transport, era = way
    if transport == "http":
        with serving(server) as url:
            async with Client(f"{url}/mcp", mode=era, **options) as client:
                yield client
        return
    async with (
        create_client_server_memory_streams() as (ours, theirs),
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(server.run, *theirs, server.create_initialization_options())
        async with Client(_transport(ours), mode=era, **options) as client:
            yield client
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def _transport(streams: Any) -> AsyncIterator[Any]:
    yield streams


@contextmanager
def serving(server: Server[Any], **options: Any) -> Iterator[str]:
    """The server over HTTP at a free port; yields its URL."""
    config = uvicorn.Config(make_app(server, **options), port=0, log_level="error")
    config.timeout_graceful_shutdown = 2
    http = uvicorn.Server(config)
    thread = threading.Thread(target=http.run)
    thread.start()
    try:
        while not http.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield f"http://127.0.0.1:{http.servers[0].sockets[0].getsockname()[1]}"
    finally:
        http.should_exit = True
        thread.join()
