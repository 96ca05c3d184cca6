"""What the tests of several operations share."""

import random
import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from daytona_toolkit import SandboxSession
from daytona_toolkit._remote import Source

MakeSession = Callable[..., SandboxSession]
Run = Callable[..., Coroutine[Any, Any, bytes]]
Upload = Callable[..., Coroutine[Any, Any, None]]

_START = Source("daytona_toolkit._operations.exec", "start")


def unique_seconds() -> str:
    """An argument of sleep that tells one test's processes from those of all others."""
    return f"{random.randint(10_000, 99_999)}.{random.randint(0, 10**9)}"


def sleeping(seconds: str) -> str:
    """A command that succeeds if its sandbox runs `sleep` with that argument."""
    return f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q '[s]leep {seconds}'"


def skip_without(session: SandboxSession, command: str, why: str) -> None:
    """Skip a test, by name, where the sandbox has no such command."""
    if session.exec(f"command -v {command}").exit_code != 0:
        pytest.skip(f"the sandbox has no {command}, {why}")


def check_unused(session: SandboxSession) -> None:
    """Fail where there are files: they may be somebody's, and the tests would change them."""
    used = [entry.path for entry in session.ls().entries if not entry.path.startswith(".")]
    if used:
        pytest.fail(
            f"The sandbox starts in {session.root!r}, where there are files, such as {used[0]!r}. "
            "The suite changes and removes what is there: let each sandbox start in a folder that "
            "is empty."
        )


@contextmanager
def in_home(session: SandboxSession) -> Iterator[str]:
    """A folder in the home folder for a while, which may be that of a person."""
    folder = f"~/conformance {secrets.token_hex(4)}"
    session.mkdir(folder)
    try:
        yield folder
    finally:
        session.remove(folder, recursive=True)


def our_variables(env: str) -> set[str]:
    """Those among the lines that `env` printed that belong to the program that runs commands."""
    sent = _START.minified()  # with all of its steps
    ours = {*sent.inputs, *sent.variables}
    return ours & {line.partition("=")[0] for line in env.splitlines()}


@contextmanager
def replacing(session: SandboxSession, run: Run, upload: Upload | None = None) -> Iterator[None]:
    """Put something else in the place of what a sandbox does with programs and uploads."""
    sandbox = session.sandbox
    before = sandbox.run, sandbox.upload
    sandbox.run, sandbox.upload = run, upload or sandbox.upload  # type: ignore[method-assign]
    try:
        yield
    finally:
        sandbox.run, sandbox.upload = before  # type: ignore[method-assign]


@dataclass
class Traffic:
    """Requests that a session has sent, and their bytes."""

    requests: int = 0
    sent: int = 0
    received: int = 0


@contextmanager
def counting(session: SandboxSession) -> Iterator[Traffic]:
    """Count what a session sends to its sandbox."""
    traffic, run, upload = Traffic(), session.sandbox.run, session.sandbox.upload

    async def counted_run(program: str, *, timeout: float) -> bytes:
        traffic.requests += 1
        traffic.sent += len(program)
        printed = await run(program, timeout=timeout)
        traffic.received += len(printed)
        return printed

    async def counted_upload(path: str, data: bytes) -> None:
        traffic.requests += 1
        traffic.sent += len(data)
        await upload(path, data)

    with replacing(session, counted_run, counted_upload):
        yield traffic
