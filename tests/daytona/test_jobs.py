"""A job runs once and is found again: whatever breaks, and whoever dies."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daytona_toolkit import DaytonaSandbox, Limits, SandboxSession
from daytona_toolkit.testing import (
    DaytonaServer,
    DropAfter,
    DropBefore,
    Reset,
    Status,
    TruncatedBody,
)
from tests.daytona.support import config_of, session_on, start_program

FAULTS = [
    DropBefore,
    DropAfter,
    Reset,
    lambda **options: Reset(after=True, **options),
    lambda **options: Status(502, message=None, after=True, **options),
    TruncatedBody,
]


@pytest.fixture(scope="module")
def quick() -> Iterator[tuple[DaytonaServer, SandboxSession]]:
    """A session whose requests wait a second, so that a short job takes several."""
    with DaytonaServer() as server, session_on(server, limits=Limits(window=1)) as session:
        yield server, session


@pytest.mark.slow
def test_a_client_that_is_stopped_finds_its_command_when_it_goes_on(server: DaytonaServer) -> None:
    """As by Ctrl-Z: its time was over while it could not listen."""
    program = (
        "from daytona_toolkit import *\n"
        "from daytona_toolkit import _workspace\n"
        "_workspace.REQUEST_TIME = 1.0\n"
        "with SandboxSession(DaytonaSandbox.create(), limits=Limits(window=1)) as session:\n"
        "    print('ready', flush=True)\n"
        "    print(session.exec('sleep 5; echo done').stdout)"
    )
    with start_program(server, program) as client:
        assert client.stdout
        client.stdout.readline()
        time.sleep(0.5)
        client.send_signal(signal.SIGSTOP)
        time.sleep(3.5)
        client.send_signal(signal.SIGCONT)
        assert client.stdout.read() == "done\n\n"


def test_another_session_can_send_to_a_command(server: DaytonaServer) -> None:
    with session_on(server) as session:
        command = 'while read -r line; do echo "got $line"; done'
        job_id = session.exec(command, interactive=True).job_id
        attached = DaytonaSandbox.attach(session.sandbox.id, config=config_of(server))
        with SandboxSession(attached) as other:
            assert other.send(job_id, "one\n", wait=10).stdout == "got one\n"
        session.send(job_id, "two\n", eof=True)
        status = session.job(job_id, wait=10)
        assert status.state == "exited"
        assert session.read(status.stdout_path).content == "got one\ngot two\n"


def test_who_started_a_job_decides_when_it_goes(server: DaytonaServer) -> None:
    """Others may see its end, and close: it stays. Of its own a session leaves what nobody saw."""
    with session_on(server) as session:
        job = session.exec("echo done", background=True)
        attached = DaytonaSandbox.attach(session.sandbox.id, config=config_of(server))
        with SandboxSession(attached, limits=Limits(kept_jobs=1)) as other:
            assert other.job(job.job_id, wait=10).stdout == "done\n"
            own = [other.exec("echo own", background=True) for _ in range(3)]
            for each in own[:2]:
                assert other.job(each.job_id, wait=10).stdout == "own\n"
        assert [each.job_id for each in session.jobs()] == [job.job_id, own[2].job_id]
        assert session.job(job.job_id).stdout == "done\n"
        assert session.job(own[2].job_id, wait=10).stdout == "own\n"


@pytest.mark.slow
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(faults=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(FAULTS)), max_size=4))
@example(faults=[(1, FAULTS[1])])
@example(faults=[(position, FAULTS[1]) for position in range(1, 6)])
@example(faults=[(position, FAULTS[0]) for position in range(1, 6)])
def test_a_long_job_runs_once_whichever_request_is_lost(
    quick: tuple[DaytonaServer, SandboxSession], faults: list[tuple[int, type]]
) -> None:
    server, session = quick
    session.exec("rm -f runs")
    server.faults.clear()
    for position, fault in faults:
        server.faults.add(fault(kind="execute", nth=position), times=1)
    seen: list[str] = []
    result = session.exec(
        "echo run >>runs; for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.5; done; exit 7",
        on_output=lambda stream, text: seen.append(text) if stream == "stdout" else None,
    )
    server.faults.clear()
    assert result.exit_code == 7
    assert result.stdout == "".join(seen) == "out 1\nout 2\nout 3\n"
    assert result.stderr == "err 1\nerr 2\nerr 3\n"
    assert session.exec("cat runs").stdout == "run\n"


@pytest.mark.slow
def test_a_job_is_found_again_after_its_client_was_killed(server: DaytonaServer) -> None:
    program = """
from daytona_toolkit import DaytonaSandbox, SandboxSession
with SandboxSession(DaytonaSandbox.get_or_create("key")) as session:
    print(session.sandbox.id, flush=True)
    session.exec("echo begun; echo $$ >begun; sleep 4; seq 5; exit 9")
"""
    with start_program(server, program) as client:
        assert client.stdout
        sandbox_id = client.stdout.readline().strip()
        with SandboxSession(DaytonaSandbox.attach(sandbox_id, config=config_of(server))) as session:
            session.exec("until [ -s begun ]; do sleep 0.05; done", timeout=30)
            client.kill()
            client.wait()
            (job,) = session.jobs()
            assert job.state == "running"
            assert job.command.startswith("echo begun")
            status = session.job(job.job_id, wait=20)
    assert (status.state, status.exit_code) == ("exited", 9)
    assert status.stdout == "begun\n1\n2\n3\n4\n5\n"


def test_a_job_is_lost_when_the_sandbox_stops_under_it(server: DaytonaServer) -> None:
    with session_on(server, limits=Limits(window=2)) as session:
        job = session.exec("echo begun; sleep 60", background=True)
        session.exec("sleep 0.2")
        server.stop_sandbox(session.sandbox.id)
        status = session.job(job.job_id)
        assert (status.state, status.exit_code, status.stdout) == ("lost", None, "begun\n")


def test_a_lost_job_is_not_what_has_its_numbers_by_now(server: DaytonaServer) -> None:
    """A sandbox that is started again gives out the same numbers of processes."""
    count = "cat /proc/[0-9]*/cmdline | grep -cz '^301$'"
    with session_on(server) as session:
        lost = [session.exec("sleep 300", background=True).job_id for _ in range(5)]
        server.stop_sandbox(session.sandbox.id)
        many = "for _ in $(seq 200); do setsid sleep 301 & done; wait"
        others = session.exec(many, background=True).job_id
        session.exec(f"until [ $({count}) = 200 ]; do sleep 0.1; done")
        assert {session.job(job_id).state for job_id in lost} == {"lost"}
        assert {session.kill(job_id).state for job_id in lost} == {"lost"}
        assert session.exec(count).stdout == "200\n"
        session.kill(others)


async def test_cancelling_ends_the_command_in_the_sandbox(server: DaytonaServer) -> None:
    with session_on(server) as session:
        task = asyncio.create_task(session.aexec("echo $$ >pid; sleep 60"))
        await session.aexec("until [ -s pid ]; do sleep 0.05; done")
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 5
        assert (await session.aexec("kill -0 $(cat pid)")).exit_code == 1


def test_a_silent_command_costs_a_request_for_each_window(
    quick: tuple[DaytonaServer, SandboxSession],
) -> None:
    """And what it prints is seen at once: it waits for that."""
    server, session = quick
    folder = server.sandboxes[session.sandbox.id].work_dir
    seen: list[str] = []

    def see(stream: str, text: str) -> None:
        seen.append(text)
        (folder / text.strip()).touch()

    with server.counting() as count:
        result = session.exec(
            "for word in early late; do"
            " echo $word; until [ -e $word ]; do sleep 0.05; done; sleep 1.5; done",
            on_output=see,
        )
    assert result.stdout == "early\nlate\n"
    assert seen == ["early\n", "late\n"]
    # Two that brought a word, two that waited for a second, and the one that brought the end.
    # One that comes late waits for a part of what the next would.
    assert count.requests <= 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "timeout 10 yes",
        "timeout 5 cat /dev/urandom",
        "head -c 200000000 /dev/zero | tr '\\0' x",
        "seq 100000 & seq 100000 >&2; wait",
    ],
)
def test_memory_of_the_client_is_bounded(server: DaytonaServer, command: str) -> None:
    program = """
import os, resource, sys
from daytona_toolkit import DaytonaSandbox, SandboxSession

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

with SandboxSession(DaytonaSandbox.create()) as session:
    session.exec("seq 100000")
    before = peak()
    result = session.exec(sys.stdin.read())
    path = result.stdout_path or result.stderr_path
    again = session.exec(f"wc -c <{path}").stdout
    try:
        session.read(path, limit=5)
    except Exception as error:
        assert type(error).__name__ == "BinaryFileError", error
    print(result.exit_code, len(result.stdout), len(result.stderr), int(again), peak() - before)
"""
    with start_program(server, program) as client:
        printed, errors = client.communicate(command)
    assert client.returncode == 0, errors
    code, out, err, size, grown = map(float, printed.split())
    assert code in (0, 124, 141)
    assert max(out, err) <= 31_000
    assert 500_000 < size <= 64 * 1024 * 1024
    assert grown < 30


@pytest.mark.slow
def test_two_hundred_commands_at_once(server: DaytonaServer) -> None:
    with session_on(server) as session:
        took: list[float] = []
        outputs: list[str] = []

        def work(i: int) -> None:
            begun = time.monotonic()
            outputs.append(session.exec(f"echo {i}; sleep 1").stdout)
            took.append(time.monotonic() - begun)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(200)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall = time.monotonic() - begun
        assert sorted(outputs, key=int) == [f"{i}\n" for i in range(200)]
        assert wall < 2 * max(took)
