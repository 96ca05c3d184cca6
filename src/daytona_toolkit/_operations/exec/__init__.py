"""exec: commands, each of which runs once, as a job."""

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import Callable, Mapping
from functools import cache
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
from daytona_toolkit._masking import MaskedOutput
from daytona_toolkit._operations.exec.handle import KILL_TIME, JobHandle, is_over, number_of
from daytona_toolkit._operations.exec.job_control import job as job
from daytona_toolkit._operations.exec.job_control import jobs as jobs
from daytona_toolkit._operations.exec.job_control import kill as kill
from daytona_toolkit._operations.exec.job_control import list_jobs as list_jobs
from daytona_toolkit._operations.exec.job_control import send as send
from daytona_toolkit._operations.exec.result import ExecResult
from daytona_toolkit._operations.exec.watch import Watch
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Input, Reply, Source, minified
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


async def exec(
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
    on_output: OnOutput | None = None,
) -> ExecResult:
    """Run a command, under `bash` where the sandbox has it and else under `sh`.

    The command runs once, whatever happens to the connection. One that takes less than
    `Limits.window` seconds costs one request. What it starts with `&` goes on after it.
    Cancelling the call ends the command.

    A `shell` is not a process but the folder and variables that its commands pass on, so it
    outlives a stop of the sandbox. Commands of one shell may overlap: the last to end counts.
    A command that is ended by a signal, replaces itself with `exec` or sets an EXIT trap
    passes nothing on. `secrets`, variables that contain one, and `env` are never passed on.

    Args:
        command: Any script. It behaves as in a terminal, without one.
        cwd: The folder to run in; the session's root unless given.
        env: Variables, besides those of the session.
        stdin: What it can read; nothing unless given.
        timeout: Seconds after which the command is killed, with all that it started (except
            for what left its session with an empty environment, as by `env -i setsid`); the
            result has what it printed so far. None for no limit.
        background: Return at once, with the id of the job; see `job` and `kill`. It has no
            time limit.
        yield_after: Seconds after which the call returns while the command goes on: the
            result has its output so far, its `job_id` and `running=True`. `timeout` still
            bounds the command.
        interactive: Keep its standard input open for `send`. Without `yield_after` the call
            returns at once, as with `background`.
        shell: The name of a shell, such as `"main"`: the command begins in the folder and with
            the exported variables with which the last one of that name ended, and passes on
            its own.
        on_output: Called with `"stdout"` or `"stderr"` and new text while the command runs,
            where the caller waits: in its thread, and for `aexec` on its event loop, where
            it may be a coroutine function.

    Returns:
        What it printed, head and tail where it was too much, and its exit code. A command
        that fails is a result, not an error.

    Raises:
        InvalidArgumentError: A NUL in the command, an invalid name of a variable, a negative
            time.
        PathNotFoundError: There is no folder `cwd`.
        NotAFolderError: `cwd` is a file.
        PathDeniedError: `cwd` cannot be entered.
        StateLostError: The command removed our own files, and its result with them.
        WriteFailedError: No space is left to run a command.
        TerminalError: The sandbox cannot be used.

    Example:
        ```python
        session.exec("pytest -q", timeout=600, on_output=lambda stream, text: print(text))
        ```
    """
    handle = JobHandle(workspace, f"job-{secrets.token_hex(6)}")
    background = background or (interactive and yield_after is None)
    limit, patience = check_seconds(timeout, "timeout"), check_seconds(yield_after, "yield_after")
    if background:
        limit, patience = None, 0.0
    output = MaskedOutput(workspace.mask, on_output) if on_output else None
    watch = Watch(handle, limit, patience, output)
    window = watch.window()
    data = as_bytes(b"" if stdin is None else stdin, "stdin")
    try:
        reply = await workspace.change(
            _START,
            data=data,
            wait=window,
            command=_checked_command(command),
            cwd=workspace.resolve(cwd) if cwd else workspace.root,
            stdin="yes" if data or interactive else "",
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
    if output:
        await output.flush()
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
    handle: JobHandle, shell: str | None, env: Mapping[str, str] | None, *, stay: bool
) -> dict[str, Input]:
    """The variables of a command, and the shell that it belongs to."""
    if env is not None:
        check_variables(env)
    if shell is not None:
        check_shell(shell)
    workspace = handle.workspace
    given = {**workspace.secrets, **(env or {})}
    inputs: dict[str, Input] = {
        "named": shell,
        "env": [f"{name}={value}" for name, value in workspace.env.items()],
        "given": [f"{name}={value}" for name, value in given.items()],
    }
    if shell is None:
        return inputs
    facts = workspace.facts
    hidden = [name for name, value in given.items() if workspace.mask(value) != value]
    names = [" ".join(given), " ".join(hidden)]
    return inputs | {
        "stay": "yes" if stay else "",
        "keep": _keep(),
        "trap": [f"{facts.state}/{handle.id}.keep", facts.session, shell, *names],
    }


@cache
def _keep() -> str:
    """The text of `keep.sh`, with names for its variables that no command has."""
    return minified(_KEEP.text, frozenset(), variables="dtk_{}").text


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
