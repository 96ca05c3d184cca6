"""Interactive commands: what is sent is read once, in its order, and nothing waits for a reader."""

import asyncio
import hashlib
import time

import pytest

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import InvalidArgumentError, JobInputError, JobNotFoundError
from daytona_toolkit.results import JobStatus

ECHO = 'while read -r line; do echo "got $line"; done; echo end'


def until(session: SandboxSession, status: JobStatus, end: str) -> str:
    """What a job prints, until it has printed that."""
    printed, deadline = status.stdout, time.monotonic() + 20
    while end not in printed:
        assert time.monotonic() < deadline, printed
        time.sleep(0.05)
        printed += session.job(status.job_id).stdout
    return printed


@pytest.mark.usefixtures("python")
def test_a_python_that_asks_is_answered(session: SandboxSession) -> None:
    python = session.exec("python3 -i -q", interactive=True)
    assert python.running
    assert until(session, session.send(python.job_id, "x = 6 * 7\nx\n"), "\n") == "42\n"
    status = session.send(python.job_id, "for i in range(2):\n    print(x + i)\n\n")
    assert until(session, status, "43\n") == "42\n43\n"
    session.send(python.job_id, "exit(x)\n")
    ended = session.job(python.job_id, wait=10)
    assert (ended.state, ended.exit_code) == ("exited", 42)


def test_a_loop_reads_line_by_line_until_the_end(session: SandboxSession) -> None:
    loop = session.exec(ECHO, interactive=True, stdin="first\n")
    for line in ("it's", "$HOME `id` \\n", "héllo"):
        status = session.send(loop.job_id, f"{line}\n")
        assert until(session, status, line).endswith(f"got {line}\n")
    session.send(loop.job_id, "half a ")
    status = session.send(loop.job_id, "line\nlast\n", eof=True)
    assert until(session, status, "end").endswith("got half a line\ngot last\nend\n")
    assert session.job(loop.job_id, wait=10).exit_code == 0


def test_send_waits_for_output(session: SandboxSession) -> None:
    loop = session.exec("read -r line; sleep 0.5; echo $line; sleep 60", interactive=True)
    started = time.monotonic()
    assert session.send(loop.job_id, "answer\n", wait=10).stdout == "answer\n"
    assert time.monotonic() - started < 8


def test_sending_nothing_shows_the_last_output_and_the_end(session: SandboxSession) -> None:
    asking = session.exec("read -r word; echo said $word; exit 3", interactive=True)
    session.send(asking.job_id, "hello\n")
    look = session.job(asking.job_id)
    shown = look.stdout
    while look.state == "running":
        look = session.send(asking.job_id, "", wait=5)
        shown += look.stdout
    look = session.send(asking.job_id, "")
    assert (look.state, look.exit_code, look.stdout) == ("exited", 3, "")
    assert shown in ("said hello\n", "")  # the request that sent may have brought it


def test_an_interactive_command_can_yield(session: SandboxSession) -> None:
    result = session.exec(f"echo ready; {ECHO}", interactive=True, yield_after=0.5, timeout=3)
    assert (result.running, result.stdout) == (True, "ready\n")
    assert until(session, session.send(result.job_id, "a\n"), "a") == "got a\n"
    assert session.job(result.job_id, wait=10).timed_out


def test_much_arrives_whole_and_in_order(session: SandboxSession) -> None:
    parts = [bytes([i]) * size for i, size in enumerate((1, 70_000, 3_000_000, 1, 500_000))]
    job_id = session.exec("sleep 0.5; sha256sum", interactive=True).job_id
    for part in parts:
        session.send(job_id, part)
    status = session.send(job_id, b"", eof=True)
    wanted = hashlib.sha256(b"".join(parts)).hexdigest()
    assert until(session, status, "-").split()[0] == wanted


async def test_what_is_sent_at_once_arrives_once(session: SandboxSession) -> None:
    job_id = (await session.aexec("cat", interactive=True)).job_id
    lines = [f"line {number}\n" for number in range(20)]
    await asyncio.gather(*(session.asend(job_id, line) for line in lines))
    await session.asend(job_id, "", eof=True)
    status = await session.ajob(job_id, wait=10)
    assert status.state == "exited"
    printed = (await session.aread(status.stdout_path)).content
    assert sorted(printed.splitlines(keepends=True)) == sorted(lines)


def test_a_command_that_does_not_read_holds_nothing_up(session: SandboxSession) -> None:
    job_id = session.exec("sleep 60", interactive=True).job_id
    started = time.monotonic()
    assert session.send(job_id, "x").unread == 0  # it is in the pipe
    # Some tools widen the pipe first, to a MiB at most.
    assert session.send(job_id, "x" * 1_200_000).unread == 1_200_000
    assert session.send(job_id, "x").unread == 1_200_001
    assert time.monotonic() - started < 15
    assert session.kill(job_id).state == "exited"


def test_nothing_is_left_of_an_interactive_command(session: SandboxSession) -> None:
    commands = ("read -r line", "cat", "sleep 60", "(sleep 60 <&3) 3<&0 & sleep 2")
    ids = [session.exec(command, interactive=True).job_id for command in commands]
    for job_id in reversed(ids):
        session.send(job_id, "x" * 200_000 + "\n")
    ids.append(session.exec("sleep 60", interactive=True).job_id)  # nothing was ever sent to it
    session.job(ids[3], wait=15)
    for job_id in ids:
        session.kill(job_id)
    holders = f"ls -l /proc/[0-9]*/fd | grep -E '{'|'.join(ids)}'"
    session.exec(f"for i in 1 2 3 4 5 6 7 8 9; do {holders} || exit; sleep 0.2; done")
    assert session.exec(holders).stdout == ""


def test_a_job_that_cannot_be_sent_to_says_why(session: SandboxSession) -> None:
    def refused(job_id: str, why: str) -> None:
        with pytest.raises(JobInputError, match=f"{job_id} cannot be sent anything: {why}"):
            session.send(job_id, "x\n")

    refused(session.exec("sleep 60", background=True).job_id, "its input is not open")
    done = session.exec("read -r line", interactive=True).job_id
    session.send(done, "x\n")
    assert session.job(done, wait=10).state == "exited"
    refused(done, "it has ended")
    closed = session.exec("sleep 60", interactive=True).job_id
    session.send(closed, "", eof=True)
    refused(closed, "its input was closed with eof=true")
    deaf = session.exec("exec <&-; echo closed; sleep 60", interactive=True)
    until(session, session.job(deaf.job_id), "closed")
    refused(deaf.job_id, "it has closed its input")
    for job_id in ("job-000000000000", "../../etc", ""):
        with pytest.raises(JobNotFoundError, match="no job"):
            session.send(job_id, "x")
    for data in (None, 1, ["x"], "\ud800"):
        with pytest.raises(InvalidArgumentError, match="data"):
            session.send(done, data)  # type: ignore[arg-type]
