"""A `DaytonaSandbox` on the test server, for every test that wants one."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import daytona as sdk

from daytona_toolkit import DaytonaSandbox, SandboxSession
from daytona_toolkit.testing import DaytonaServer

BEGIN = "echo begun; touch begun; sleep 60"


def config_of(server: DaytonaServer) -> "sdk.DaytonaConfig":
    """The SDK's configuration for the server."""
    return sdk.DaytonaConfig(api_key=server.api_key, api_url=server.api_url, target="local")


def sandbox_on(server: DaytonaServer, params: Any = None, **options: Any) -> DaytonaSandbox:
    """A new sandbox on the server; its shell is the server's."""
    return DaytonaSandbox.create(params, config=config_of(server), **options)


@contextmanager
def session_on(server: DaytonaServer, **options: Any) -> Iterator[SandboxSession]:
    """An open session over a new sandbox on the server."""
    with SandboxSession(sandbox_on(server), **options) as session:
        yield session


@asynccontextmanager
async def opened(sandbox: DaytonaSandbox) -> AsyncIterator[DaytonaSandbox]:
    """A sandbox without a session."""
    await sandbox.open()
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def stop_once_begun(server: DaytonaServer, session: SandboxSession) -> None:
    """Stop the sandbox as soon as the command `BEGIN` runs."""
    while not await session.aexists("begun"):
        await asyncio.sleep(0.05)
    await asyncio.to_thread(server.stop_sandbox, session.sandbox.id)


def start_program(server: DaytonaServer, text: str, **variables: str) -> "subprocess.Popen[str]":
    """Start a Python program with the server's credentials in its environment."""
    return subprocess.Popen(
        [sys.executable, "-W", "always::ResourceWarning", "-c", text],
        env={**os.environ, **server.env, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
