"""Waiting for a session from threads, asyncio and anyio, and giving up."""

import asyncio
import gc
import itertools
import logging
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import anyio
import pytest

from daytona_toolkit import CommandSandbox, LocalSandbox, SandboxSession
from daytona_toolkit._loop import Call, Runner
from daytona_toolkit._workers import Workers, in_thread
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import NoMatchError, SandboxUnavailableError, SessionClosedError
from daytona_toolkit.tools import wait_for
from tests.support import running, unique_seconds


@pytest.fixture
def session() -> Iterator[SandboxSession]:
    with SandboxSession(LocalSandbox(isolation="none")) as session:
        yield session


def end(runner: Runner) -> None:
    ending = runner.finish()
    assert ending
    ending.wait()


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "daytona-toolkit"]


@pytest.fixture
def silence(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is printed, logged or warned about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert capfd.readouterr() == ("", "")


# Giving up


@pytest.mark.usefixtures("silence")
async def test_a_cancel_scope_of_anyio_returns_when_the_job_has_ended(
    session: SandboxSession,
) -> None:
    seconds = unique_seconds()
    with anyio.move_on_after(1.0) as scope:
        await session.aexec(f"sleep {seconds}")
    assert scope.cancelled_caught
    assert not running(seconds)


@pytest.mark.usefixtures("silence")
async def test_a_task_group_of_anyio_can_be_cancelled(session: SandboxSession) -> None:
    seconds = [unique_seconds() for _ in range(3)]
    async with anyio.create_task_group() as group:
        for each in seconds:
            group.start_soon(session.aexec, f"sleep {each}")
        await anyio.sleep(0.5)
        group.cancel_scope.cancel()
    assert not any(map(running, seconds))


@pytest.mark.usefixtures("silence")
async def test_cancelling_twice_prints_nothing(session: SandboxSession) -> None:
    for number in range(10):
        call = asyncio.ensure_future(session.aexec("sleep 60"))
        await asyncio.sleep(0.02 * number)
        call.cancel()
        await asyncio.sleep(0.001 * number)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert (await session.aexec("echo hello")).stdout == "hello\n"


@pytest.mark.usefixtures("silence")
def test_a_loop_that_ends_under_a_call_prints_nothing(session: SandboxSession) -> None:
    async def leave() -> None:
        asyncio.ensure_future(session.aexec("sleep 60"))  # noqa: RUF006 # asyncio.run cancels it
        await asyncio.sleep(0.3)

    asyncio.run(leave())
    assert session.exec("echo hello").stdout == "hello\n"


@pytest.mark.usefixtures("silence")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_closing_a_session_under_a_call_gives_it_an_error_of_ours(asynchronous: bool) -> None:
    session = SandboxSession(LocalSandbox(isolation="none"))
    session.open()
    with ThreadPoolExecutor(1) as pool:
        if asynchronous:
            call = pool.submit(lambda: asyncio.run(session.aexec("sleep 60")))
        else:
            call = pool.submit(session.exec, "sleep 60")
        time.sleep(0.5)
        session.close()
        with pytest.raises(SessionClosedError, match="make a new one"):
            call.result()


def test_a_loop_that_is_not_asyncios_is_refused_before_anything_runs(
    session: SandboxSession,
) -> None:
    call = session.aexec("touch ran")
    with pytest.raises(RuntimeError, match="no running event loop"):
        call.send(None)
    assert not session.exists("ran")


# One loop for all


def test_sessions_share_one_thread_that_ends_with_the_last() -> None:
    before = set(loop_threads())  # of a session that other tests share, or that has just ended
    sessions = [SandboxSession(LocalSandbox(isolation="none")) for _ in range(5)]
    for session in sessions:
        session.open()
    assert len(loop_threads()) == 1
    for session in sessions:
        assert session.exec("echo hello").stdout == "hello\n"
        session.close()
    assert set(loop_threads()) <= before


def test_sessions_that_come_and_go_at_once_leave_no_thread() -> None:
    before = set(threading.enumerate())

    def live(number: int) -> str:
        with SandboxSession(LocalSandbox(isolation="none")) as session:
            return session.exec(f"echo {number}").stdout

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(live, range(12))) == [f"{n}\n" for n in range(12)]
    assert set(threading.enumerate()) == before


@contextmanager
def at_instruction(number: int, function: Callable[..., object], act: Callable[[], object]) -> Any:
    """Do something before an instruction of a function; yields the numbers that were reached."""
    reached: list[int] = []

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code is not function.__code__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            reached.append(len(reached))
            if reached[-1] == number:
                act()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield reached
    finally:
        sys.settrace(before)


def test_another_thread_may_close_a_session_between_any_two_instructions(
    session: SandboxSession,
) -> None:
    """As it can in a Python without a lock around each of them (3.14t)."""
    session.open()
    workspace, facts = session._workspace, session._workspace.facts
    for number in itertools.count():
        runner = Runner()
        runner.share()
        with at_instruction(number, Runner.is_current, runner.finish) as reached:
            assert not runner.is_current()
        if number not in reached:
            end(runner)
            break
    assert number > 2
    for number in itertools.count():
        workspace._facts = facts
        forget = partial(setattr, workspace, "_facts", None)
        with at_instruction(number, vars(Workspace)["known_root"].fget, forget) as reached:
            assert repr(session)
        if number not in reached:
            break
    assert number > 2


def test_a_call_that_arrives_while_the_loop_ends_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its thread had the share, and then nothing of a processor until the session was closed."""
    runner = Runner()
    call: Call[None] = Call(runner.share())
    shutdown = Workers.shutdown

    def slowly(workers: Workers, wait: bool = True) -> None:
        if wait:  # the loop asks for it once more, as it closes
            call.schedule(lambda: runner._begin(call, lambda: asyncio.sleep(0)))
        shutdown(workers, wait)

    monkeypatch.setattr(Workers, "shutdown", slowly)
    end(runner)
    with pytest.raises(SessionClosedError):
        call.future.result(timeout=5)


def test_one_that_raises_what_ends_a_program_ends_no_other(session: SandboxSession) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    runner = Runner()
    with pytest.raises(SystemExit):
        runner.start(leave).wait()
    assert session.exec("echo hello").stdout == "hello\n"

    end(runner)


def test_a_session_made_in_a_forked_child_has_a_loop_of_its_own(session: SandboxSession) -> None:
    session.exec("true")
    code = (
        "import os, sys\n"
        "from daytona_toolkit import CommandSandbox, LocalSandbox, SandboxSession\n"
        "def say(text):\n"
        "    with SandboxSession(LocalSandbox(isolation='none')) as session:\n"
        "        os.write(1, session.exec(f'echo {text}').stdout.encode())\n"
        "with SandboxSession(LocalSandbox(isolation='none')) as session:\n"
        "    session.open()\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        say('child'); os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    os.write(1, session.exec('echo parent').stdout.encode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("child\nparent\n", "")


# What takes long


def processor_of_the_loop() -> float:
    """Seconds of processor that the thread of the loop has had."""
    [thread] = loop_threads()
    assert thread.ident
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def test_long_work_for_one_session_leaves_the_loop_to_others(session: SandboxSession) -> None:
    def edit_in_vain() -> None:
        with pytest.raises(NoMatchError, match="line 1: 'value_0 = function_of"):
            session.edit("file", "value_b = function(x)", "")

    patch = "*** Begin Patch\n*** Update File: same\n@@\n-x\n-y\n"
    patch += "-x\n-y\n+y\n+y\n" * 199 + "*** End Patch"
    operations: list[Callable[[], object]] = [
        lambda: session.glob("{a,b}" * 7 + "x" * 200),
        lambda: session.grep("[a-z]" * 2000, ignore_case=True),
        edit_in_vain,
        lambda: session.edit("same", "x\n" * 400, "x\ny\n" * 200),
        lambda: session.edit("file", "value", "other", replace_all=True),
        lambda: session.apply_patch(patch),
    ]
    session.write("file", "".join(f"value_{i} = function_of(value_{i}, x)\n" for i in range(1_900)))
    session.write("same", "x\n" * 400)
    spent = []
    for operation in operations:
        before = processor_of_the_loop()
        operation()
        spent.append(processor_of_the_loop() - before)
    assert max(spent) < 0.05, spent


def test_an_upload_by_a_command_leaves_the_loop_to_others(tmp_path: Path) -> None:
    content = bytes(range(256)) * 80_000
    with SandboxSession(CommandSandbox(["sh"]), root=tmp_path) as session:
        session.open()
        loop, all_threads = processor_of_the_loop(), time.process_time()
        session.write("file", content)
        # The loop writes to a pipe, about as long as it takes to encode the bytes beside it.
        assert processor_of_the_loop() - loop < 0.7 * (time.process_time() - all_threads)
    assert (tmp_path / "file").read_bytes() == content


def test_slow_work_is_done_beside_the_loop_in_few_threads() -> None:
    runner = Runner()
    seen: set[str] = set()

    def work(number: int) -> int:
        seen.add(threading.current_thread().name)
        time.sleep(0.05)
        return number

    async def all_of_it() -> list[int]:
        return await asyncio.gather(*(in_thread(work, number) for number in range(40)))

    before = threading.active_count()
    call = runner.start(all_of_it)
    started = time.monotonic()
    runner.start(lambda: asyncio.sleep(0)).wait()
    assert time.monotonic() - started < 2
    assert call.wait() == list(range(40))
    assert seen == {"daytona-toolkit-worker"}
    assert threading.active_count() <= before + 1 + 6  # the loop's, and those
    end(runner)


def test_who_cancels_slow_work_waits_for_its_end() -> None:
    runner, ended = Runner(), threading.Event()

    def work() -> None:
        time.sleep(0.3)
        ended.set()

    async def cancelled() -> None:
        with anyio.move_on_after(0.05):
            await in_thread(work)
        assert ended.is_set()

    runner.start(cancelled).wait()
    end(runner)


# Limits


@pytest.mark.parametrize(
    ("where", "error", "named"),
    [
        ("threading.Thread.start", RuntimeError("can't start new thread"), "ulimit -u"),
        ("asyncio.new_event_loop", OSError(24, "Too many open files"), "ulimit -n"),
    ],
)
def test_a_process_at_its_limits_is_told_which(where: str, error: Exception, named: str) -> None:
    session = SandboxSession(LocalSandbox(isolation="none"))
    with (
        mock.patch(where, side_effect=error),
        pytest.raises(SandboxUnavailableError, match=named),
    ):
        session.open()
    with session:
        assert session.exec("echo hello").stdout == "hello\n"


def test_slow_work_is_done_on_the_loop_where_no_thread_can_be_started() -> None:
    runner = Runner()

    async def work() -> str:
        with mock.patch("threading.Thread.start", side_effect=RuntimeError("no more")):
            return await in_thread(lambda: threading.current_thread().name)

    assert runner.start(work).wait() == "daytona-toolkit"
    end(runner)


def test_a_thread_waits_for_what_is_written_in_async_code(session: SandboxSession) -> None:
    async def twice(command: str, *, times: int) -> str:
        results = [await session.aexec(command) for _ in range(times)]
        return "".join(result.stdout for result in results)

    assert wait_for(session, twice, "echo hi", times=2) == "hi\nhi\n"

    async def waits() -> None:
        wait_for(session, twice, "echo hi", times=1)

    with pytest.raises(RuntimeError, match="use `await` in code that runs on the session's loop"):
        wait_for(session, waits)


def test_closing_the_session_ends_what_is_written_in_async_code(session: SandboxSession) -> None:
    seconds = unique_seconds()

    async def command() -> None:
        threading.Timer(0.3, session.close).start()
        await session.aexec(f"sleep {seconds}")

    with pytest.raises(SessionClosedError):
        wait_for(session, command)
    assert not running(seconds)
    with pytest.raises(SessionClosedError):
        wait_for(session, command)


def test_long_lists_of_files_are_read_beside_the_loop(
    session: SandboxSession, tmp_path: Path
) -> None:
    """Those of short ones are read on it: to hand them to a thread takes longer."""

    def is_on_loop(function: str, work: Callable[[], object]) -> bool:
        called = set()

        async def watch() -> None:
            sys.setprofile(lambda frame, *_: called.add(frame.f_code.co_name))

        async def look_away() -> None:
            sys.setprofile(None)

        wait_for(session, watch)
        work()
        wait_for(session, look_away)
        return function in called

    for folder, number in (("few", 1), ("many", 450)):
        local = tmp_path / folder
        local.mkdir()
        for i in range(number):
            (local / f"{i:0250}").touch()
        session.exec(f"mkdir {folder}; cd {folder}; touch $(seq -f %0250g 0 {number - 1})")
        down, up = partial(session.download, folder, local), partial(session.upload, local, folder)
        for move in (down, up):
            assert is_on_loop("files_of", move) is (number == 1)
