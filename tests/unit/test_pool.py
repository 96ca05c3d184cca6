"""Sessions for many conversations."""

import asyncio
import gc
import logging
import math
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import (
    InvalidArgumentError,
    SandboxError,
    SandboxGoneError,
    SessionClosedError,
)
from daytona_toolkit.tools import use


def local(key: str = "") -> SandboxSession:
    return SandboxSession(LocalSandbox(isolation="none"))


def soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


class Conversations:
    """A pool, and the workspaces that its sessions have used."""

    def __init__(self) -> None:
        self.pool = SessionPool(local, max_sessions=2)
        self.folders: dict[str, Path] = {}

    def use(self, *keys: str) -> None:
        for key in keys:
            with self.pool.use(key) as session:
                session.open()
                self.folders[key] = Path(session.root)

    def open(self) -> str:
        """Keys of the sessions that are open: a closed one has removed its workspace."""
        return "".join(key for key, folder in self.folders.items() if folder.exists())

    def come_to(self, keys: str) -> bool:
        """Whether only these sessions are open soon."""
        return soon(lambda: self.open() == keys)


@pytest.fixture
def conversations() -> Iterator[Conversations]:
    conversations = Conversations()
    with conversations.pool:
        yield conversations
    assert conversations.open() == ""


def test_a_key_keeps_its_session(conversations: Conversations) -> None:
    pool = conversations.pool
    with pool.use("a") as first, pool.use("a") as second:
        assert first is second
    with pool.use("a") as third:
        assert third is first


def test_the_session_unused_for_longest_makes_room(conversations: Conversations) -> None:
    conversations.use("a", "b", "a", "c")
    assert conversations.come_to("ac")
    assert len(conversations.pool) == 2


def test_a_session_in_use_is_not_closed(conversations: Conversations) -> None:
    with conversations.pool.use("a") as session:
        conversations.use("a", "b", "c", "d")
        assert conversations.come_to("ad")
        assert session.exists(".")
        with conversations.pool.use("d"), conversations.pool.use("e"):
            assert len(conversations.pool) == 3
    assert len(conversations.pool) == 2


def test_one_conversation_can_be_ended(conversations: Conversations) -> None:
    conversations.use("a", "b")
    conversations.pool.close("a")
    conversations.pool.close("unknown")
    assert conversations.open() == "b"
    conversations.use("a")
    assert conversations.open() == "ab"


def test_closing_the_pool_closes_all_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    conversations = Conversations()
    with conversations.pool:
        conversations.use("a", "b", "c")
    assert conversations.open() == ""
    assert set(threading.enumerate()) == before
    with pytest.raises(SessionClosedError), conversations.pool.use("a"):
        pass


# Async


async def test_async_code_shares_its_sessions_with_threads() -> None:
    async with SessionPool(local) as pool:
        async with pool.use("a") as first:
            assert (await first.aexec("echo hello")).stdout == "hello\n"
            with pool.use("a") as second:
                assert first is second
        await pool.aclose("a")
        with pytest.raises(SessionClosedError):
            await first.aexec("true")
        async with pool.use("a") as third:
            assert third is not first
            folder = Path((await third.aexec("pwd")).stdout.strip())
    assert not folder.exists()
    with pytest.raises(SessionClosedError):
        async with pool.use("a"):
            pass


async def test_those_that_come_at_once_get_one_session() -> None:
    made = []

    def make(key: str) -> SandboxSession:
        time.sleep(0.1)
        made.append(key)
        return local()

    async def use(pool: SessionPool) -> SandboxSession:
        async with pool.use("a") as session:
            return session

    def use_in_thread(pool: SessionPool) -> SandboxSession:
        with pool.use("a") as session:
            return session

    async with SessionPool(make) as pool:
        threads = [asyncio.to_thread(use_in_thread, pool) for _ in range(5)]
        sessions = await asyncio.gather(*threads, *(use(pool) for _ in range(5)))
    assert len(set(map(id, sessions))) == 1
    assert made == ["a"]


# Making


def test_making_one_session_keeps_nobody_else_waiting() -> None:
    going_on = threading.Event()

    def make(key: str) -> SandboxSession:
        if key == "slow":
            going_on.wait(20)
        return local()

    with SessionPool(make) as pool, ThreadPoolExecutor(1) as threads:
        slow = threads.submit(pool.use("slow").__enter__)
        with pool.use("quick"):
            assert not slow.done()
        going_on.set()
        assert slow.result()


def test_what_makes_a_session_may_use_the_pool() -> None:
    def make(key: str) -> SandboxSession:
        if key != "parent":
            with pool.use("parent"):
                assert len(pool) == 2
        return local()

    with SessionPool(make) as pool, pool.use("child"):
        assert len(pool) == 2


def test_a_session_that_cannot_be_made_is_made_the_next_time() -> None:
    failures = [ValueError("no"), KeyboardInterrupt()]

    def make(key: str) -> SandboxSession:
        if failures:
            raise failures.pop(0)
        return local()

    with SessionPool(make) as pool:
        for kind in (ValueError, KeyboardInterrupt):
            with pytest.raises(kind), pool.use("a"):
                pass
            assert len(pool) == 0
            assert pool  # so that `pool or another` takes it
        with pool.use("a") as session:
            assert session.exec("echo hello").stdout == "hello\n"


def test_who_waits_for_one_that_was_interrupted_makes_another() -> None:
    interrupted = threading.Event()

    def make(key: str) -> SandboxSession:
        if not interrupted.is_set():
            interrupted.wait(20)
            time.sleep(0.2)
            raise KeyboardInterrupt
        return local()

    with SessionPool(make) as pool, ThreadPoolExecutor(2) as threads:
        first = threads.submit(pool.use("a").__enter__)
        assert soon(lambda: len(pool) == 1)
        second = threads.submit(pool.use("a").__enter__)
        interrupted.set()
        assert isinstance(first.exception(), KeyboardInterrupt)
        assert second.result().exec("echo hello").stdout == "hello\n"


def test_a_session_closed_while_it_is_made_is_not_left_behind() -> None:
    made, going_on = [], threading.Event()

    def make(key: str) -> SandboxSession:
        going_on.wait(20)
        made.append(local())
        return made[0]

    pool = SessionPool(make)
    with ThreadPoolExecutor(1) as threads:
        use = threads.submit(pool.use("a").__enter__)
        assert soon(lambda: len(pool) == 1)
        pool.close_all()
        going_on.set()
        with pytest.raises(SessionClosedError):
            use.result()
    with pytest.raises(SessionClosedError):
        made[0].exec("true")


# Leaving


def test_a_session_that_nobody_uses_is_closed_after_a_while() -> None:
    with SessionPool(local, idle_seconds=0.5) as pool:
        with pool.use("a") as session:
            folder = Path(session.exec("pwd").stdout.strip())
            time.sleep(1)
            assert folder.exists()
        assert soon(lambda: len(pool) == 0)
        assert soon(lambda: not folder.exists())
        with pool.use("a") as session:
            assert session.exec("pwd").stdout.strip() != str(folder)


class Slow(LocalSandbox):
    """A sandbox that takes a while to close."""

    closed: list[str]

    async def close(self) -> None:
        await asyncio.sleep(0.3)
        await super().close()
        self.closed.append("closed")


def test_the_next_session_of_a_key_waits_until_the_last_has_closed() -> None:
    events: list[str] = []

    def make(key: str) -> SandboxSession:
        events.append(f"make {key}")
        sandbox = Slow(isolation="none")
        sandbox.closed = events
        return SandboxSession(sandbox)

    with SessionPool(make, max_sessions=1) as pool:
        for key in "aba":
            with pool.use(key) as session:
                session.open()
    assert events[:3] == ["make a", "make b", "closed"]
    assert events.count("closed") == 3


class Broken(LocalSandbox):
    """A sandbox that cannot be given back."""

    async def close(self) -> None:
        await super().close()
        raise SandboxError("it will not go")


def test_one_that_cannot_be_closed_is_logged_and_holds_up_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def make(key: str) -> SandboxSession:
        return SandboxSession((Broken if key == "b" else LocalSandbox)(isolation="none"))

    with SessionPool(make) as pool:
        folders = []
        for key in "abc":
            with pool.use(key) as session:
                folders.append(Path(session.exec("pwd").stdout.strip()))
    assert not any(folder.exists() for folder in folders)
    assert "closing the session of 'b' failed" in caplog.text


def test_a_pool_that_was_forgotten_closes_its_sessions() -> None:
    before = set(threading.enumerate())
    pool = SessionPool(local, idle_seconds=60)
    with pool.use("a") as session:
        folder = Path(session.exec("pwd").stdout.strip())
    with pytest.warns(ResourceWarning):  # noqa: PT031 # to drop, to collect
        del pool, session
        gc.collect()
    assert not folder.exists()
    assert soon(lambda: set(threading.enumerate()) <= before)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # on purpose
def test_a_forked_child_is_told_to_make_its_own() -> None:
    with SessionPool(local) as pool, pool.use("a"):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                with pool.use("a"):
                    pass
            except SessionClosedError as error:
                os.write(writer, str(error).encode())
            os._exit(0)
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader) as told:
            assert "Make a new pool in the child" in told.read()


# Warm


def test_sessions_are_opened_ahead_and_replaced_when_they_are_taken() -> None:
    made: list[SandboxSession] = []

    def make(key: str) -> SandboxSession:
        assert key == ""
        made.append(local())
        return made[-1]

    def ready() -> int:
        return sum("state=open," in repr(session) for session in made)

    with SessionPool(make, warm=2) as pool:
        assert soon(lambda: ready() == 2)
        assert len(pool) == 0
        assert soon(lambda: len(pool._warm) == 2)
        with pool.use("a") as first, pool.use("b") as second:
            assert {id(first), id(second)} == {id(session) for session in made[:2]}
            assert soon(lambda: ready() == 4)
    assert ready() == 0


@pytest.mark.parametrize("waits", [True, False], ids=["async", "sync"])
async def test_one_whose_sandbox_is_gone_by_now_is_not_given_out(waits: bool) -> None:
    with SessionPool(local, warm=3) as pool:
        assert soon(lambda: len(pool._warm) == 3)
        gone, also_gone, alive = (session for session, _ in pool._warm)
        long_ago = -math.inf
        pool._warm = deque((session, long_ago) for session, _ in pool._warm)
        shutil.rmtree(gone.root)
        shutil.rmtree(also_gone.root)
        if waits:
            async with pool.use("a") as session:
                assert session is alive
        else:
            with pool.use("a") as session:
                assert session is alive
        assert soon(lambda: len(pool._warm) == 3)
        with pytest.raises(SessionClosedError):
            gone.exec("echo")


def test_one_that_cannot_be_opened_ahead_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(LocalSandbox):
        async def open(self) -> None:
            raise SandboxError("no room")

    with (
        caplog.at_level(logging.WARNING),
        SessionPool(lambda key: SandboxSession(Failing()), warm=1),
    ):
        assert soon(lambda: "opened ahead: no room" in caplog.text)


def test_a_function_that_makes_no_session_is_named(caplog: pytest.LogCaptureFixture) -> None:
    nothing: Any = lambda key: None  # noqa: E731 - as of somebody who forgot `return`
    with caplog.at_level(logging.WARNING), SessionPool(nothing, warm=1) as pool:
        with pytest.raises(InvalidArgumentError, match="returned None for the key 'a'"):
            pool.use("a").__enter__()
        assert len(pool) == 0
        assert soon(lambda: "returned None for the key ''" in caplog.text)


def test_a_session_that_its_user_closed_is_made_anew() -> None:
    with SessionPool(local) as pool:
        with pool.use("a") as session, session:
            assert session.exec("echo one").stdout == "one\n"
        with pool.use("a") as session, pool.use("a") as same:
            assert session is same
            assert session.exec("echo two").stdout == "two\n"


def test_a_session_whose_sandbox_is_gone_is_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    with SessionPool(local) as pool:
        with pool.use("a") as lost:
            lost.open()
            shutil.rmtree(lost.root)
            with pytest.raises(SandboxGoneError):
                lost.exec("echo one")
            with pool.use("a") as session:
                assert session.exec("echo two").stdout == "two\n"
            with pytest.raises(SessionClosedError):
                lost.exec("echo three")
        assert len(pool) == 1
    assert caplog.text.count("the sandbox of 'a' no longer exists; another is made") == 1


@pytest.mark.parametrize("key", [None, "", lambda _: None, lambda _: ""])
def test_a_call_without_a_key_shares_no_session_with_others(key: Any) -> None:
    with SessionPool(local) as pool, pytest.raises(ValueError, match="The key of this call is"):
        use(pool, key)


@pytest.mark.parametrize(
    "options",
    [
        {"max_sessions": 0},
        {"max_sessions": "2"},
        {"warm": -1},
        {"warm": 0.5},
        {"idle_seconds": 0},
        {"idle_seconds": -1.0},
        {"idle_seconds": "60"},
    ],
)
def test_a_number_that_makes_no_sense_is_refused(options: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="max_sessions from 1"):
        SessionPool(local, **options)
