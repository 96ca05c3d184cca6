"""exec: a command as a job, which runs once and whose output is never lost."""

import asyncio
import base64
import codecs
import contextlib
import math
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from daytona_toolkit._operations import refusal
from daytona_toolkit._remote import Reply, assign
from daytona_toolkit._text import join_ends
from daytona_toolkit._workspace import Workspace, check_encodable
from daytona_toolkit.errors import (
    InvalidArgumentError,
    JobNotFoundError,
    SandboxError,
    WriteFailedError,
)
from daytona_toolkit.results import ExecResult, JobStatus

Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Stream, str], None]

# Bytes of a command's text that come back with a job.
_SHOWN = 500

# Seconds for the end of a job whose caller has gone: the two that processes are given to
# end by themselves, and as much again.
_KILL_TIME = 10.0

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILES: dict[Stream, str] = {"stdout": "out", "stderr": "err"}


@dataclass
class Watch:
    """How far a job's output has been seen, a stream each."""

    seen: dict[Stream, int] = field(default_factory=lambda: {"stdout": 0, "stderr": 0})
    _decoders: dict[Stream, codecs.IncrementalDecoder] = field(
        default_factory=lambda: {
            stream: codecs.getincrementaldecoder("utf-8")(errors="replace") for stream in _FILES
        }
    )

    def offsets(self) -> dict[str, str | int | None]:
        """The inputs of a program that brings what is new."""
        return {"out": self.seen["stdout"], "err": self.seen["stderr"]}

    def take(self, reply: Reply, stream: Stream, *, last: bool) -> str:
        """The new text of a stream; a character split between replies comes out whole."""
        name = _FILES[stream]
        data = reply.blobs.get(f"{name}_new", b"")
        start = reply.number(f"{name}_from") if data else self.seen[stream]
        skipped = start - self.seen[stream]
        self.seen[stream] = start + len(data)
        if skipped:
            self._decoders[stream].reset()
        text = self._decoders[stream].decode(data, final=last)
        return f"[... {skipped:,} bytes skipped ...]\n{text}" if skipped else text


async def run(
    workspace: Workspace,
    command: str,
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | bytes | None = None,
    timeout: float | None = 120.0,
    background: bool = False,
    on_output: Callable[[Stream, str], Awaitable[None]] | None = None,
) -> ExecResult:
    """Start a command and wait for its end, or not."""
    job_id = workspace.new_id("job")
    watch = Watch() if on_output else None
    windows = _windows(workspace.limits.window, watching=watch is not None)
    window = 0 if background else next(windows)
    inputs, functions = await _start_inputs(workspace, command, cwd, env, stdin)
    inputs |= _wait_inputs(workspace, job_id, window, timeout, watch)
    inputs["forget"] = workspace.take_forgettable()
    try:
        reply = await workspace.call("start", inputs, functions, wait=window)
        if reply.failure:
            raise _cannot_start(reply, cwd, workspace)
        if background:
            return ExecResult(
                exit_code=None,
                job_id=job_id,
                stdout_path=_path(workspace, job_id, "stdout"),
                stderr_path=_path(workspace, job_id, "stderr"),
                running=True,
            )
        while True:
            ended = "exit" in reply.values or "lost" in reply.values
            if watch and on_output:
                for stream in _FILES:
                    if text := watch.take(reply, stream, last=ended):
                        await on_output(stream, text)
            if ended:
                break
            window = next(windows)
            inputs = _wait_inputs(workspace, job_id, window, timeout, watch)
            inputs |= {"kill": None, "shown": None}
            reply = await workspace.call("poll", inputs, wait=window)
            if reply.failure:
                raise _unknown(job_id)
    except asyncio.CancelledError:
        # The caller has gone. (asyncio cancels once, so what follows may wait.)
        with contextlib.suppress(SandboxError, TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(_end(workspace, job_id), _KILL_TIME)
        workspace.finished(job_id, keep=False)
        raise
    result = _result(workspace, job_id, reply)
    workspace.finished(job_id, keep=result.truncated)
    return result


async def job(workspace: Workspace, job_id: str, watch: Watch, *, wait: float = 0) -> JobStatus:
    """How a job stands, after waiting a while for its end."""
    window = min(max(0, math.ceil(wait)), workspace.limits.window)
    inputs = _wait_inputs(workspace, _checked(job_id), window, None, watch)
    reply = await workspace.call("poll", inputs | {"kill": None, "shown": _SHOWN}, wait=window)
    return _status(workspace, job_id, reply, watch)


async def kill(workspace: Workspace, job_id: str, watch: Watch) -> JobStatus:
    """End a job, with every process that it started."""
    return _status(workspace, job_id, await _end(workspace, _checked(job_id), watch), watch)


async def jobs(workspace: Workspace) -> list[JobStatus]:
    """All jobs that the sandbox knows, oldest first."""
    reply = await workspace.call("jobs", {"state": workspace.state, "shown": _SHOWN})
    found = []
    for job_id in reply.values.get("jobs", "").split():
        if workspace.is_forgotten(job_id):
            continue
        words = reply.values.get(job_id, "").split()
        fields = dict(zip(words[::2], words[1::2], strict=True))
        found.append(
            JobStatus(
                job_id=job_id,
                command=reply.text(f"{job_id}.command"),
                state="exited" if "exit" in fields else "lost" if "lost" in fields else "running",
                exit_code=int(fields["exit"]) if "exit" in fields else None,
                timed_out="expired" in fields,
                duration=int(fields.get("duration", 0)) / 100,
                stdout_size=int(fields.get("out", 0)),
                stderr_size=int(fields.get("err", 0)),
                stdout_path=_path(workspace, job_id, "stdout"),
                stderr_path=_path(workspace, job_id, "stderr"),
            )
        )
    return found


async def _start_inputs(
    workspace: Workspace,
    command: str,
    cwd: str | None,
    env: Mapping[str, str] | None,
    stdin: str | bytes | None,
) -> tuple[dict[str, str | int | None], dict[str, str]]:
    """What the program start takes besides what every waiting program does."""
    if "\0" in command:
        raise InvalidArgumentError("The command contains a NUL character; remove it.")
    check_encodable(command, "command")
    variables = workspace.env | dict(env or {})
    for name, value in variables.items():
        if not _NAME.fullmatch(name):
            raise InvalidArgumentError(
                f"{name!r} is no name for an environment variable; use letters, digits and _, "
                "and begin with a letter or _."
            )
        if "\0" in value:
            raise InvalidArgumentError(f"The value of {name} contains a NUL character; remove it.")
        check_encodable(value, f"value of {name}")
    data = stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin or b""
    upload = None
    if len(data) > workspace.limits.inline_bytes:
        upload = f"{workspace.state}/{workspace.new_id('upload')}"
        await workspace.sandbox.upload(upload, data)
        workspace.mark(upload.rpartition("/")[2])
        data = b""
    inputs: dict[str, str | int | None] = {
        "state": workspace.state,
        "cwd": workspace.resolve(cwd) if cwd else workspace.root,
        "command": command,
        "input": base64.b64encode(data).decode(),
        "upload": upload,
        "shell": workspace.shell,
        "setsid": workspace.setsid,
        "bound": workspace.limits.stream_bytes // 512,
    }
    exports = [f"{assign(name, value)}; export {name}" for name, value in variables.items()]
    return inputs, {"environment": "\n".join([":", *exports])}


def _wait_inputs(
    workspace: Workspace, job_id: str, window: int, timeout: float | None, watch: Watch | None
) -> dict[str, str | int | None]:
    """What every program takes that waits for a job."""
    return {
        "job": f"{workspace.state}/{job_id}",
        "id": job_id,
        "limit": workspace.limits.output_bytes,
        "window": window,
        "timeout": max(10, round(timeout * 100)) if timeout is not None else 0,
        **(watch.offsets() if watch else {"out": None, "err": None}),
    }


def _windows(window: int, *, watching: bool) -> Iterator[int]:
    """Seconds that each request waits. Who watches sees the first output soon."""
    if watching:
        yield max(1, window // 10)
        yield max(1, window * 2 // 5)
    while True:
        yield window


async def _end(workspace: Workspace, job_id: str, watch: Watch | None = None) -> Reply:
    inputs = _wait_inputs(workspace, job_id, 0, None, watch)
    return await workspace.call("poll", inputs | {"kill": "yes", "shown": _SHOWN}, wait=_KILL_TIME)


def _result(workspace: Workspace, job_id: str, reply: Reply) -> ExecResult:
    limits = workspace.limits
    kept = {stream: _kept(workspace, job_id, reply, stream) for stream in _FILES}
    cut = {
        stream: reply.number(f"{name}_size") > limits.output_bytes
        for stream, name in _FILES.items()
    }
    return ExecResult(
        exit_code=int(reply.values["exit"]) if "exit" in reply.values else None,
        stdout=kept["stdout"],
        stderr=kept["stderr"],
        timed_out="expired" in reply.values,
        duration=reply.number("duration") / 100,
        job_id=job_id,
        truncated=any(cut.values()),
        stdout_path=_path(workspace, job_id, "stdout") if cut["stdout"] else None,
        stderr_path=_path(workspace, job_id, "stderr") if cut["stderr"] else None,
        stopped_writing=any(
            reply.number(f"{name}_size") >= limits.stream_bytes // 512 * 512
            for name in _FILES.values()
        ),
    )


def _status(workspace: Workspace, job_id: str, reply: Reply, watch: Watch) -> JobStatus:
    if reply.failure:
        raise _unknown(job_id)
    ended = "exit" in reply.values
    unseen = {stream: watch.seen[stream] == 0 for stream in _FILES}
    new = {stream: watch.take(reply, stream, last=ended) for stream in _FILES}
    for stream in _FILES:
        if ended and unseen[stream]:
            new[stream] = _kept(workspace, job_id, reply, stream)
    return JobStatus(
        job_id=job_id,
        command=reply.text("command"),
        state="exited" if ended else "lost" if "lost" in reply.values else "running",
        exit_code=int(reply.values["exit"]) if ended else None,
        timed_out="expired" in reply.values,
        duration=reply.number("duration") / 100,
        stdout=new["stdout"],
        stderr=new["stderr"],
        stdout_size=reply.number("out_size"),
        stderr_size=reply.number("err_size"),
        stdout_path=_path(workspace, job_id, "stdout"),
        stderr_path=_path(workspace, job_id, "stderr"),
    )


def _kept(workspace: Workspace, job_id: str, reply: Reply, stream: Stream) -> str:
    """What comes back of a stream: all of it, or its two ends."""
    name = _FILES[stream]
    data, size = reply.blobs.get(name, b""), reply.number(f"{name}_size")
    limit = workspace.limits.output_bytes
    if size <= limit:
        return data.decode(errors="replace")
    half = limit // 2
    return join_ends(data[:half], data[half:], size, _path(workspace, job_id, stream))


def _path(workspace: Workspace, job_id: str, stream: Stream) -> str:
    return f"{workspace.state}/{job_id}/{_FILES[stream]}"


def _checked(job_id: str) -> str:
    if not re.fullmatch(r"job-[0-9a-f]{12}", job_id):
        raise _unknown(job_id)
    return job_id


def _unknown(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(
        f"There is no job {job_id!r} in this sandbox; it may have been forgotten after its "
        "result was read. List the jobs that there are."
    )


def _cannot_start(reply: Reply, cwd: str | None, workspace: Workspace) -> SandboxError:
    if reply.failure == "space":
        return WriteFailedError(
            "There is no space left in the sandbox to run a command; remove files that are not "
            "needed.",
            workspace.state,
        )
    return refusal(reply, cwd or workspace.root, workspace)
