"""job, jobs, kill and send: what becomes of commands that were started."""

import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from daytona_toolkit._arguments import as_bytes, check_seconds
from daytona_toolkit._cursors import FILES, Cursor
from daytona_toolkit._operations.exec.handle import SHOWN, JobHandle, number_of, window_of
from daytona_toolkit._operations.exec.result import JobList, JobStatus
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import JobInputError, JobNotFoundError, WriteFailedError

_JOBS = Source(__package__, "jobs")
_SEND = Source(__package__, "send")

# Why nothing can be sent to a command, by the code in send.sh.
_SEND_REFUSALS = {
    "plain": "its input is not open. Start it with interactive=true to send to it.",
    "ended": "it has ended. Look at its output, and start it again if need be.",
    "eof": "its input was closed with eof=true. Start it again to send more.",
    "deaf": "it has closed its input. Look at its output.",
    "backlog": "too much of what was sent before is still unread. Wait until it reads, or kill it.",
}

_ID = re.compile(r"job-[0-9a-f]{12}")


async def job(workspace: Workspace, job_id: str, *, wait: float = 0) -> JobStatus:
    """The state of a job, and its output since this session last asked.

    Once the session that started a job has seen its end, its files may go: the last
    `Limits.kept_jobs` of these stay until the session closes.

    Args:
        job_id: The job, as `exec(..., background=True)` or `jobs` tell it.
        wait: Seconds to wait for its end, at most `Limits.window`.

    Returns:
        Its state and its new output.

    Raises:
        JobNotFoundError: There is no such job, or no more.
        InvalidArgumentError: `wait` is negative or not a number.

    Example:
        ```python
        server = session.exec("python3 -m http.server", background=True)
        print(session.job(server.job_id, wait=1).stderr)
        ```
    """
    window = window_of(workspace, check_seconds(wait, "wait"))
    handle, cursor = _handle(workspace, job_id)
    reply = await handle.poll(window, handle.inputs(window, cursor=cursor), shown=SHOWN)
    return _seen(handle, reply, cursor)


async def kill(workspace: Workspace, job_id: str) -> JobStatus:
    """End a job with every process that it started, within three seconds.

    Processes that ignore SIGTERM get SIGKILL after two seconds.

    Args:
        job_id: The job.

    Returns:
        Its state then.

    Raises:
        JobNotFoundError: There is no such job.

    Example:
        ```python
        session.kill(server.job_id)
        ```
    """
    handle, cursor = _handle(workspace, job_id)
    reply = await handle.end(cursor)
    if reply.failure:
        workspace.ledger.remove(handle.id)  # what keeps it from starting afterwards
    return _seen(handle, reply, cursor)


async def send(
    workspace: Workspace, job_id: str, data: str | bytes, *, eof: bool = False, wait: float = 0
) -> JobStatus:
    r"""Send text to the standard input of an interactive command; it arrives once.

    A command that does not read blocks nothing: what does not fit into its pipe waits,
    and the status says how much.

    Args:
        job_id: The job, as `exec(..., interactive=True)` tells it.
        data: Text or bytes, as they are: a line needs its newline.
        eof: Close the input after it.
        wait: Seconds to wait for new output, at most `Limits.window`.

    Returns:
        The state of the job, and its output since this session last asked.

    Raises:
        JobNotFoundError: There is no such job.
        JobInputError: It has ended, was not started with `interactive=True`, has closed its
            input, or leaves more than `Limits.stream_bytes` unread.
        WriteFailedError: No space is left.
        InvalidArgumentError: `data` is neither text nor bytes, or `wait` is negative.

    Example:
        ```python
        asks = session.exec("read name; echo hello $name", interactive=True)
        print(session.send(asks.job_id, "Ann\n", wait=5).stdout)  # hello Ann
        ```
    """
    window = window_of(workspace, check_seconds(wait, "wait"))
    handle, cursor = _handle(workspace, job_id)
    reply = await workspace.change(
        _SEND,
        data=as_bytes(data, "data"),
        wait=window,
        job=job_id,
        eof="yes" if eof else "",
        backlog=workspace.limits.stream_bytes,
        limit=workspace.limits.output_bytes,
        window=round(window * 100),
        shown=SHOWN,
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
    return _seen(handle, reply, cursor)


async def jobs(workspace: Workspace) -> list[JobStatus]:
    """All jobs that the sandbox knows, oldest first, without their output.

    They may be those of another session, also of one whose program has crashed.

    Returns:
        The state of each.

    Example:
        ```python
        running = [job for job in session.jobs() if job.state == "running"]
        ```
    """
    return list((await list_jobs(workspace)).jobs)


async def list_jobs(workspace: Workspace) -> JobList:
    """The same as a result, for a tool."""
    reply = await workspace.run(_JOBS, shown=SHOWN)
    found = []
    for job_id, report in reply.values.items():
        if not _ID.fullmatch(job_id) or workspace.ledger.is_removed(job_id):
            continue
        words = report.split()
        values = dict(zip(words[::2], words[1::2], strict=False))
        sizes = {
            f"{stream}_size": number_of(values.get(name)) or _stat(reply, f"{job_id}.{name}")[1]
            for stream, name in FILES.items()
        }
        command = reply.text(f"{job_id}.command")
        status = _status(JobHandle(workspace, job_id), command, values, **sizes)
        begun = _stat(reply, f"{job_id}.start")[0], number_of(values.get("begun")) or 0
        found.append((begun, status))
    return JobList(jobs=tuple(status for _, status in sorted(found, key=itemgetter(0))))


def _stat(reply: Reply, file: str) -> tuple[int, int]:
    """When a file was changed, and its size; 0 where the reply does not say."""
    changed, _, size = reply.values.get(file, "0 0").partition(" ")
    return int(changed), int(size)


def _handle(workspace: Workspace, job_id: str) -> tuple[JobHandle, Cursor]:
    """A job that a caller named, and how far its output was seen."""
    if not isinstance(job_id, str) or not _ID.fullmatch(job_id):
        raise _unknown(job_id)
    return JobHandle(workspace, job_id), workspace.cursors.get(job_id)


def _seen(handle: JobHandle, reply: Reply, cursor: Cursor) -> JobStatus:
    """The status of a job with its new output, which counts as seen from now on."""
    if reply.failure:
        raise _unknown(handle.id)
    new = {stream: handle.new(reply, stream, cursor) for stream in FILES}
    handle.workspace.cursors.put(handle.id, cursor)
    status = _status(
        handle,
        reply.text("command"),
        reply.values,
        **new,
        stdout_size=reply.number("out_size"),
        stderr_size=reply.number("err_size"),
        unread=reply.number("unread"),
    )
    if status.state != "running":
        handle.workspace.ledger.keep_own(handle.id, status.stdout_size + status.stderr_size)
    return status


def _status(handle: JobHandle, command: str, values: Mapping[str, str], **output: Any) -> JobStatus:
    """What the words of a reply say of a job."""
    return JobStatus(
        job_id=handle.id,
        command=handle.workspace.mask.end(command),
        state="exited" if "exit" in values else "lost" if "lost" in values else "running",
        exit_code=number_of(values.get("exit")),
        timed_out="expired" in values,
        duration=(number_of(values.get("duration")) or 0) / 100,
        stdout_path=handle.path("stdout"),
        stderr_path=handle.path("stderr"),
        **output,
    )


def _unknown(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(
        f"There is no job {job_id!r} in this sandbox; it may have been removed after its result "
        "was read. List the jobs to see which exist."
    )
