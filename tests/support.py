"""What tests of several folders share."""

import asyncio
import os
import re
import shutil
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from daytona_toolkit import SandboxSession
from daytona_toolkit._remote.minify import VARIABLE
from daytona_toolkit.testing._conformance.support import MakeSession as MakeSession
from daytona_toolkit.testing._conformance.support import Traffic as Traffic
from daytona_toolkit.testing._conformance.support import counting as counting
from daytona_toolkit.testing._conformance.support import sleeping as sleeping
from daytona_toolkit.testing._conformance.support import unique_seconds as unique_seconds


def needs(tool: str) -> str:
    """The path of a tool of the system that a test cannot do without."""
    return shutil.which(tool) or lacks(tool, "it is not installed")


def lacks(what: str, why: str) -> NoReturn:
    """Skip a test for want of something. CI has everything, so there it fails."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must have {what}: {why}")
    pytest.skip(f"for want of {what}: {why}")


def replaced(program: str, piece: str, other: str) -> str:
    """A program that is sent, with something else in the place of a piece of it.

    In both, variables have the names that they have in the `.sh` files. The program is the same
    where it has no such piece.
    """
    names: set[str] = set()

    def group(variable: re.Match[str]) -> str:
        name = variable[0]
        known = name in names
        names.add(name)
        return f"(?P={name})" if known else f"(?P<{name}>_[a-z]+)"

    def named(found: re.Match[str]) -> str:
        return VARIABLE.sub(lambda variable: found[variable[0]], other)

    return re.sub(VARIABLE.sub(group, re.escape(piece)), named, program)


def running(seconds: str) -> bool:
    """Whether `sleep` runs with that argument on this machine, in whatever namespace."""
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            if command_line.read_bytes().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                return True
    return False


async def has_begun(session: SandboxSession, seconds: str) -> None:
    """Wait until `sleep` runs with that argument in the sandbox."""
    while (await session.aexec(sleeping(seconds))).exit_code:
        await asyncio.sleep(0.05)


async def has_ended(session: SandboxSession, seconds: str) -> None:
    """Wait until it does not any more."""
    while not (await session.aexec(sleeping(seconds))).exit_code:
        await asyncio.sleep(0.05)


async def ends_with_its_caller(
    session: SandboxSession, seconds: str, call: Coroutine[Any, Any, Any]
) -> None:
    """Check that a `sleep` which a call starts has ended when the call has been cancelled."""
    run = asyncio.create_task(call)
    await has_begun(session, seconds)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await session.aexec(sleeping(seconds))).exit_code == 1
