"""exec: commands, each of which runs once, as a job."""

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from daytona_toolkit._arguments import (
    AnyPath,
    as_bytes,
    check_encodable,
    check_no_nul,
    check_seconds,
    check_variables,
)
from daytona_toolkit._cursors import FILES, Cursor, Stream
from daytona_toolkit._operations.exec.handle import KILL_TIME, JobHandle, is_over, number_of
from daytona_toolkit._operations.exec.result import ExecResult
from daytona_toolkit._operations.exec.status import job as job
from daytona_toolkit._operations.exec.status import jobs as jobs
from daytona_toolkit._operations.exec.status import kill as kill
from daytona_toolkit._operations.exec.status import send as send
from daytona_toolkit._operations.exec.watch import Watch
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Input, Reply, Source, quote
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import (
    InvalidArgumentError,
    SandboxError,
    WriteFailedError,
)

OnOutput: TypeAlias = Callable[[Stream, str], object]

_START = Source(__name__, "start")
_KEEP = Source(__name__, "keep")

_SHELL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def run(
    workspace: Workspace,
    command: str,
    *,
    cwd: AnyPath | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | bytes | None = None,
    timeout: float | None = 120.0,
    background: bool = False,
    yield_after: float | None = None,
    interactive: bool = False,
    shell: str | None = None,
    on_output: Callable[[Stream, str], Awaitable[None]] | None = None,
) -> ExecResult:
    """Start a command and wait for its end, or not."""
    handle = JobHandle(workspace, f"job-{secrets.token_hex(6)}")
    background = background or (interactive and yield_after is None)
    limit, patience = check_seconds(timeout, "timeout"), check_seconds(yield_after, "yield_after")
    if background:
        limit, patience = None, 0.0
    watch = Watch(handle, limit, patience, on_output)
    window = watch.window()
    data = as_bytes(b"" if stdin is None else stdin, "stdin")
    try:
        reply = await workspace.change(
            _START,
            data=data,
            wait=window,
            command=_checked_command(command),
            cwd=workspace.resolve(cwd) if cwd else workspace.root,
            interactive="yes" if interactive else "",
            **_shell(handle, shell, env, stay=cwd is None),
            bound=workspace.limits.stream_bytes // 512,
            **watch.inputs(window),
        )
        if reply.failure:
            raise _cannot_start(handle, reply, cwd)
        last = reply if background else await watch.follow(reply)
    except asyncio.CancelledError:
        # The caller has gone. (asyncio cancels once, so what follows may wait.)
        with contextlib.suppress(SandboxError, TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(handle.end(), KILL_TIME)
        workspace.ledger.remove(handle.id)
        raise
    if is_over(last) and not background:
        return _ended(handle, last)
    return _running(handle, last, watch.so_far)


def _running(handle: JobHandle, reply: Reply, so_far: Cursor) -> ExecResult:
    """The result of a command that goes on; the output in it counts as seen by the next `job`."""
    stdout, stderr = (handle.new(reply, stream, so_far) for stream in FILES)
    handle.workspace.cursors.put(handle.id, so_far)
    handle.workspace.ledger.own(handle.id)
    return ExecResult(
        exit_code=None,
        duration=reply.number("duration") / 100,
        job_id=handle.id,
        stdout_path=handle.path("stdout"),
        stderr_path=handle.path("stderr"),
        stdout=stdout,
        stderr=stderr,
        running=True,
    )


def _ended(handle: JobHandle, reply: Reply) -> ExecResult:
    """The result of a command that has ended; its files stay if they hold more than that."""
    sizes = {stream: reply.number(f"{name}_size") for stream, name in FILES.items()}
    cut = [stream for stream, size in sizes.items() if size > handle.workspace.limits.output_bytes]
    if cut:
        handle.workspace.ledger.keep(handle.id, sum(sizes.values()))
    else:
        handle.workspace.ledger.remove(handle.id)
    return ExecResult(
        exit_code=number_of(reply.values.get("exit")),
        stdout=handle.kept(reply, "stdout"),
        stderr=handle.kept(reply, "stderr"),
        timed_out="expired" in reply.values,
        duration=reply.number("duration") / 100,
        job_id=handle.id,
        truncated=bool(cut),
        stdout_path=handle.path("stdout") if "stdout" in cut else None,
        stderr_path=handle.path("stderr") if "stderr" in cut else None,
        cwd=reply.text("cwd") or reply.text("stood") or None,
        moved="cwd" in reply.blobs and reply.text("cwd") != reply.text("stood"),
        lost_cwd=reply.text("astray") or None,
        stopped_writing="stopped" in reply.values,
        disk_full="full" in reply.values,
        survived="stubborn" in reply.values,
    )


def _checked_command(command: str) -> str:
    if not isinstance(command, str):
        raise InvalidArgumentError(
            f"The command is text, a line or a script, not {type(command).__name__}; "
            "join a list with `shlex.join`."
        )
    check_no_nul(command, "command")
    check_encodable(command, "command")
    return command


def _shell(
    handle: JobHandle, name: str | None, env: Mapping[str, str] | None, *, stay: bool
) -> dict[str, Input]:
    """The variables of a command, and the shell that it belongs to."""
    if env is not None:
        check_variables(env)
    if name is not None:
        check_shell(name)
    workspace = handle.workspace
    given = {**workspace.secrets, **(env or {})}
    return {
        "named": name,
        "stay": "yes" if stay else "",
        "keep": _KEEP.text if name else "",
        "trap": quote(f"{workspace.facts.state}/{handle.id}.keep") if name else "",
        "env": [f"{name}={value}" for name, value in workspace.env.items()],
        "given": [f"{name}={value}" for name, value in given.items()],
        "unkept": " ".join(given),
        "hidden": " ".join(name for name, value in given.items() if workspace.mask(value) != value),
    }


def check_shell(name: str) -> None:
    """Refuse what cannot be the name of a shell.

    Raises:
        InvalidArgumentError: It cannot.
    """
    if not isinstance(name, str) or not _SHELL_NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"{name!r} is not a valid name for a shell; use up to 64 letters, digits, _ and -, "
            'such as "main".'
        )


def _cannot_start(handle: JobHandle, reply: Reply, cwd: AnyPath | None) -> SandboxError:
    workspace = handle.workspace
    if reply.failure == "nojob":
        return handle.lost()
    if reply.failure == "unknown":
        return workspace.lost(
            "It is not known whether the command ran: the sandbox was stopped as it began, or the "
            f"files of its job in {workspace.facts.state} were removed. Look at what it should "
            "have done before you run it again."
        )
    if reply.failure == "space":
        return WriteFailedError(
            "There is no space left in the sandbox to run a command. Make room: empty a large "
            "file with write.",
            workspace.root,
        )
    return refusal(reply, os.fspath(cwd or workspace.root), workspace)
