"""Sessions for many conversations."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import SessionClosedError


class Conversations:
    """A pool, and the workspaces that its sessions have used."""

    def __init__(self) -> None:
        self.pool = SessionPool(lambda key: SandboxSession(LocalSandbox()), bound=2)
        self.folders: dict[str, Path] = {}

    def use(self, *keys: str) -> None:
        for key in keys:
            with self.pool.use(key) as session:
                self.folders[key] = Path(session.root)

    def open(self) -> str:
        """Keys of the sessions that are open: a closed one has removed its workspace."""
        return "".join(key for key, folder in self.folders.items() if folder.exists())

    def come_to(self, keys: str) -> bool:
        """Whether only these sessions are open soon."""
        deadline = time.monotonic() + 10
        while self.open() != keys and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.open() == keys


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
