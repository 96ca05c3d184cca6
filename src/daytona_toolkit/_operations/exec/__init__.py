"""exec, job, jobs, kill and send: commands, each of which runs once, as a job."""

import asyncio
import base64
import contextlib
import os
import re
import secrets
import time
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
from daytona_toolkit._operations.exec.result import ExecResult, JobList, JobStatus
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Input, Reply, Source, quote
from daytona_toolkit._text import join_ends
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import (
    InvalidArgumentError,
    JobInputError,
    JobNotFoundError,
    SandboxError,
    StateLostError,
    WriteFailedError,
)

OnOutput: TypeAlias = Callable[[Stream, str], object]

# Bytes of a command's text that come back with a job.
_SHOWN = 500

# Seconds for the end of a job whose caller has gone: the two that processes are given to
# end by themselves, and as much again.
_KILL_TIME = 10.0

_START = Source(__name__, "start")
_KEEP = Source(__name__, "keep")
_POLL = Source(__name__, "poll")
_JOBS = Source(__name__, "jobs")
_SEND = Source(__name__, "send")

# Why nothing can be sent to a command, by the code in send.sh.
_SEND_REFUSALS = {
    "plain": "its input is not open. Start it with interactive=True to send to it.",
    "ended": "it has ended. Look at its output, and start it again if need be.",
    "eof": "its input was closed with eof=True. Start it again to send more.",
    "deaf": "it has closed its input. Look at its output.",
    "backlog": "too much of what was sent before is still unread. Wait until it reads, or kill it.",
}

_ID = re.compile(r"job-[0-9a-f]{12}")
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
    job_id = f"job-{secrets.token_hex(6)}"
    cursor = Cursor() if on_output else None
    background = background or (interactive and yield_after is None)
    limit, patience = check_seconds(timeout, "timeout"), check_seconds(yield_after, "yield_after")
    if background:
        limit, patience = None, 0.0
    window = _window(workspace, limit, patience)
    inline, uploaded = workspace.split(as_bytes(b"" if stdin is None else stdin, "stdin"))
    started = time.monotonic()
    waiting = _waiting(workspace, job_id, window, limit, cursor)
    try:
        reply = await workspace.change(
            _START,
            data=uploaded,
            wait=window,
            command=_checked_command(command),
            cwd=workspace.resolve(cwd) if cwd else workspace.root,
            input=base64.b64encode(inline).decode(),
            interactive="yes" if interactive else "",
            **_shell(workspace, job_id, shell, env, stay=cwd is None),
            bound=workspace.limits.stream_bytes // 512,
            life=round(limit * 100) if limit is not None and patience is not None else 0,
            **waiting,
        )
        if reply.failure:
            raise _cannot_start(reply, cwd, workspace)
        if background:
            return _running(workspace, job_id, reply)
        while True:
            ended = _is_over(reply)
            if cursor and on_output:
                for stream in FILES:
                    if text := cursor.take(reply, stream, last=ended):
                        await on_output(stream, text)
            if ended:
                break
            waited = time.monotonic() - started
            if patience is not None and waited >= patience:
                return await _yielded(workspace, job_id)
            left = None if patience is None else patience - waited
            window = _window(workspace, limit, left)
            waiting = _waiting(workspace, job_id, window, limit, cursor)
            reply = await workspace.run(_POLL, wait=window, kill="", shown="", **waiting)
            if reply.failure:
                raise _state_lost(workspace, job_id)
    except asyncio.CancelledError:
        # The caller has gone. (asyncio cancels once, so what follows may wait.)
        with contextlib.suppress(SandboxError, TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(_end(workspace, job_id), _KILL_TIME)
        workspace.ledger.remove(job_id)
        raise
    return _ended(workspace, job_id, reply)


def _ended(workspace: Workspace, job_id: str, reply: Reply) -> ExecResult:
    """The result of a command that has ended; its files stay if they hold more than that."""
    result = _result(workspace, job_id, reply)
    if result.truncated:
        size = sum(reply.number(f"{name}_size") for name in FILES.values())
        workspace.ledger.keep(job_id, size)
    else:
        workspace.ledger.remove(job_id)
    return result


def _window(workspace: Workspace, *bounds: float | None) -> float:
    """Seconds that one request waits: at most these, of which None is no bound."""
    return min(each for each in (workspace.limits.window, *bounds) if each is not None)


def _running(
    workspace: Workspace, job_id: str, reply: Reply, stdout: str = "", stderr: str = ""
) -> ExecResult:
    """The result of a command that is still running."""
    return ExecResult(
        exit_code=None,
        duration=reply.number("duration") / 100,
        job_id=job_id,
        stdout_path=_path(workspace, job_id, "stdout"),
        stderr_path=_path(workspace, job_id, "stderr"),
        stdout=stdout,
        stderr=stderr,
        running=True,
    )


async def _yielded(workspace: Workspace, job_id: str) -> ExecResult:
    """The result of a command that takes longer than its caller waits, with its output so far.

    What is in it counts as seen by the next `job`.
    """
    cursor = workspace.cursors.get(job_id)
    waiting = _waiting(workspace, job_id, 0, None, cursor) | {"follow": ""}
    reply = await workspace.run(_POLL, wait=0.0, kill="", shown="", **waiting)
    if reply.failure:
        raise _state_lost(workspace, job_id)
    if _is_over(reply):
        return _ended(workspace, job_id, reply)
    stdout, stderr = (cursor.take(reply, stream, last=False) for stream in FILES)
    workspace.cursors.put(job_id, cursor)
    return _running(workspace, job_id, reply, stdout, stderr)


async def job(workspace: Workspace, job_id: str, *, wait: float = 0) -> JobStatus:
    """The state of a job, after waiting a while for it to end."""
    window = _window(workspace, check_seconds(wait, "wait"))
    cursor = workspace.cursors.get(_checked(job_id))
    waiting = _waiting(workspace, job_id, window, None, cursor) | {"follow": ""}
    reply = await workspace.run(_POLL, wait=window, kill="", shown=_SHOWN, **waiting)
    return _status(workspace, job_id, reply, cursor)


async def kill(workspace: Workspace, job_id: str) -> JobStatus:
    """End a job, with every process that it started."""
    cursor = workspace.cursors.get(_checked(job_id))
    return _status(workspace, job_id, await _end(workspace, job_id, cursor), cursor)


async def send(
    workspace: Workspace, job_id: str, data: str | bytes, *, eof: bool = False, wait: float = 0
) -> JobStatus:
    """Send text to the standard input of an interactive command."""
    window = _window(workspace, check_seconds(wait, "wait"))
    cursor = workspace.cursors.get(_checked(job_id))
    inline, uploaded = workspace.split(as_bytes(data, "data"))
    reply = await workspace.change(
        _SEND,
        data=uploaded,
        wait=window,
        job=job_id,
        input=base64.b64encode(inline).decode(),
        eof="yes" if eof else "",
        backlog=workspace.limits.stream_bytes,
        limit=workspace.limits.output_bytes,
        window=round(window * 100),
        shown=_SHOWN,
        **cursor.offsets(),
    )
    if reply.failure in _SEND_REFUSALS:
        raise JobInputError(f"{job_id} cannot be sent anything: {_SEND_REFUSALS[reply.failure]}")
    if reply.failure == "space":
        raise WriteFailedError(
            "There is no space left in the sandbox for the text, and nothing was sent. Remove "
            "files that are not needed.",
            workspace.root,
        )
    return _status(workspace, job_id, reply, cursor)


async def jobs(workspace: Workspace) -> JobList:
    """All jobs that the sandbox knows, oldest first."""
    reply = await workspace.run(_JOBS, shown=_SHOWN, limit=0)
    found = []
    for job_id in reply.values:
        if not _ID.fullmatch(job_id) or workspace.ledger.is_removed(job_id):
            continue
        words = reply.values[job_id].split()
        fields = dict(zip(words[::2], words[1::2], strict=False))
        (_, begun), (out, _), (err, _) = (
            map(int, reply.values.get(f"{job_id}.{name}", "0 0").split())
            for name in ("start", "out", "err")
        )
        status = JobStatus(
            job_id=job_id,
            command=workspace.mask.end(reply.text(f"{job_id}.command")),
            state="exited" if "exit" in fields else "lost" if "lost" in fields else "running",
            exit_code=_number(fields.get("exit")),
            timed_out="expired" in fields,
            duration=(_number(fields.get("duration")) or 0) / 100,
            stdout_size=out,
            stderr_size=err,
            stdout_path=_path(workspace, job_id, "stdout"),
            stderr_path=_path(workspace, job_id, "stderr"),
        )
        found.append((begun, status))
    in_order = sorted(found, key=lambda pair: pair[0])
    return JobList(jobs=tuple(status for _, status in in_order))


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
    workspace: Workspace,
    job_id: str,
    name: str | None,
    env: Mapping[str, str] | None,
    *,
    stay: bool,
) -> dict[str, Input]:
    """The variables of a command, and the shell that it belongs to."""
    if env is not None:
        check_variables(env)
    if name is not None:
        check_shell(name)
    given = {**workspace.secrets, **(env or {})}
    return {
        "named": name,
        "stay": "yes" if stay else "",
        "keep": _KEEP.text if name else "",
        "trap": quote(f"{workspace.facts.state}/{job_id}.keep") if name else "",
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


def _waiting(
    workspace: Workspace,
    job_id: str,
    window: float,
    timeout: float | None,
    cursor: Cursor | None,
) -> dict[str, Input]:
    """The inputs of every program that waits for a job."""
    return {
        "job": job_id,
        "limit": workspace.limits.output_bytes,
        "window": round(window * 100),
        "timeout": max(10, round(timeout * 100)) if timeout is not None else 0,
        "follow": "yes" if cursor else "",
        **(cursor.offsets() if cursor else {"out": "", "err": ""}),
    }


def _is_over(reply: Reply) -> bool:
    return any(name in reply.values for name in ("exit", "lost", "stubborn"))


async def _end(workspace: Workspace, job_id: str, cursor: Cursor | None = None) -> Reply:
    waiting = _waiting(workspace, job_id, 0, None, cursor) | {"follow": ""}
    return await workspace.run(_POLL, wait=_KILL_TIME, kill="yes", shown=_SHOWN, **waiting)


def _result(workspace: Workspace, job_id: str, reply: Reply) -> ExecResult:
    limits = workspace.limits
    kept = {stream: _kept(workspace, job_id, reply, stream) for stream in FILES}
    cut = {
        stream: reply.number(f"{name}_size") > limits.output_bytes for stream, name in FILES.items()
    }
    return ExecResult(
        exit_code=_number(reply.values.get("exit")),
        stdout=kept["stdout"],
        stderr=kept["stderr"],
        timed_out="expired" in reply.values,
        duration=reply.number("duration") / 100,
        job_id=job_id,
        truncated=any(cut.values()),
        stdout_path=_path(workspace, job_id, "stdout") if cut["stdout"] else None,
        stderr_path=_path(workspace, job_id, "stderr") if cut["stderr"] else None,
        cwd=reply.text("cwd") or reply.text("stood") or None,
        moved="cwd" in reply.blobs and reply.text("cwd") != reply.text("stood"),
        lost_cwd=reply.text("astray") or None,
        stopped_writing="stopped" in reply.values,
        disk_full="full" in reply.values,
        survived="stubborn" in reply.values,
    )


def _status(workspace: Workspace, job_id: str, reply: Reply, cursor: Cursor) -> JobStatus:
    if reply.failure:
        raise _unknown(job_id)
    ended = "exit" in reply.values
    unseen = {stream: cursor.seen[stream] == 0 for stream in FILES}
    new = {stream: cursor.take(reply, stream, last=ended) for stream in FILES}
    for stream in FILES:
        if ended and unseen[stream]:
            new[stream] = _kept(workspace, job_id, reply, stream)
    workspace.cursors.put(job_id, cursor)
    return JobStatus(
        job_id=job_id,
        command=workspace.mask.end(reply.text("command")),
        state="exited" if ended else "lost" if "lost" in reply.values else "running",
        exit_code=_number(reply.values.get("exit")),
        timed_out="expired" in reply.values,
        duration=reply.number("duration") / 100,
        stdout=new["stdout"],
        stderr=new["stderr"],
        stdout_size=reply.number("out_size"),
        stderr_size=reply.number("err_size"),
        unread=reply.number("unread"),
        stdout_path=_path(workspace, job_id, "stdout"),
        stderr_path=_path(workspace, job_id, "stderr"),
    )


def _kept(workspace: Workspace, job_id: str, reply: Reply, stream: Stream) -> str:
    """What comes back of a stream: all of it, or its two ends."""
    name = FILES[stream]
    data, size = reply.blobs.get(name, b""), reply.number(f"{name}_size")
    if (end := data.find(f"\n[{job_id}: the command ended here;".encode())) >= 0:
        data, size = data[:end], size - (len(data) - end)  # see await_output in job.sh
    limit = workspace.limits.output_bytes
    if size <= limit:
        return data.decode(errors="replace")
    half = limit // 2
    return join_ends(
        data[:half], data[half:], size, _path(workspace, job_id, stream), workspace.mask
    )


def _path(workspace: Workspace, job_id: str, stream: Stream) -> str:
    return f"{workspace.facts.state}/{job_id}.{FILES[stream]}"


def _checked(job_id: str) -> str:
    if not isinstance(job_id, str) or not _ID.fullmatch(job_id):
        raise _unknown(job_id)
    return job_id


def _number(text: str | None) -> int | None:
    """A number out of a job's files, which the command can write to."""
    return int(text) if text and text.isascii() and text.isdigit() else None


def _unknown(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(
        f"There is no job {job_id!r} in this sandbox; it may have been removed after its result "
        "was read. List the jobs to see which exist."
    )


def _state_lost(workspace: Workspace, job_id: str) -> StateLostError:
    return workspace.lost(
        f"The command ran, but its exit code and output are lost: the files of {job_id} were "
        f"removed while it ran. Do not touch what is in {workspace.facts.state}."
    )


def _cannot_start(reply: Reply, cwd: AnyPath | None, workspace: Workspace) -> SandboxError:
    if reply.failure == "nojob":
        return _state_lost(workspace, "the job")
    if reply.failure == "space":
        return WriteFailedError(
            "There is no space left in the sandbox to run a command. Make room: empty a large "
            "file with write.",
            workspace.root,
        )
    return refusal(reply, os.fspath(cwd or workspace.root), workspace)
