"""Sessions for servers: one a conversation."""

import asyncio
import logging
import os
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from daytona_toolkit._loop import Lock, Runner, ended
from daytona_toolkit._session import SandboxSession
from daytona_toolkit.errors import InvalidArgumentError, SessionClosedError

logger = logging.getLogger("daytona_toolkit")

# How often in `idle_seconds` the pool looks for sessions that were not used for so long, and
# the seconds between two looks at the most.
_LOOKS = 4
_LONGEST_PAUSE = 30.0


class SessionPool:
    """One session for each key, such as the id of a conversation, made when it is asked for.

    A session that is not in use is closed when there are too many, the one that was not used
    for longest first, and when it was not used for `idle_seconds`. What closing means is up to
    its sandbox: one of `DaytonaSandbox.get_or_create(key)` goes on, and the next session of
    that key has the same files.

    All methods may be called from any thread. Each that waits has a twin for `async` code, with
    an `a` before its name.

    Args:
        make: Makes the session of a key. It need not open it, and should not take long.
        max_sessions: How many sessions are kept. There are more only while more are in use.
        idle_seconds: Seconds without use after which a session is closed, a quarter more at the
            most. None keeps it until others need the room.
        warm: How many sessions are made and opened ahead, so that a new conversation finds its
            sandbox ready. For these `make` is called with an empty key, so it must not depend
            on the key: make sandboxes with `DaytonaSandbox.create()` or `LocalSandbox()`.

    Raises:
        InvalidArgumentError: A number is negative, or `max_sessions` is 0.

    Example:
        ```python
        with SessionPool(lambda key: SandboxSession(DaytonaSandbox.get_or_create(key))) as pool:
            with pool.use("conversation-7") as session:
                session.exec("ls")

        async with SessionPool(lambda key: SandboxSession(DaytonaSandbox.create()), warm=3) as pool:
            async with pool.use("conversation-7") as session:
                await session.aexec("ls")
        ```
    """

    def __init__(
        self,
        make: Callable[[str], SandboxSession],
        *,
        max_sessions: int = 100,
        idle_seconds: float | None = None,
        warm: int = 0,
    ) -> None:
        if max_sessions < 1 or warm < 0 or (idle_seconds is not None and not idle_seconds > 0):
            raise InvalidArgumentError(
                "A pool takes max_sessions from 1, idle_seconds above 0 or None, and warm from 0; "
                f"these are {max_sessions}, {idle_seconds} and {warm}."
            )
        self._make = make
        self._max_sessions = max_sessions
        self._idle_seconds = idle_seconds
        self._wanted = warm
        # The lock is held for moments only: what others wrote is never called under it.
        self._lock = Lock()
        self._members: OrderedDict[str, _Member] = OrderedDict()
        self._warm: deque[SandboxSession] = deque()
        self._warming = 0
        self._leaving: dict[str, Future[None]] = {}
        self._runner: Runner | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None
        self._closed = False
        self._process = os.getpid()

    def __len__(self) -> int:
        return len(self._members)

    def use(self, key: str) -> "Use":
        """The session of a key, for a `with` or an `async with` block.

        It is not closed to make room while it is in use. Several may use it at once.

        Args:
            key: Any text, for example the id of a conversation.

        Raises:
            SessionClosedError: The pool is closed, or belongs to the process before a fork.
            Exception: What `make` raises; the next use calls it again.

        Example:
            ```python
            async with pool.use("conversation-7") as session:
                await session.aexec("ls")
            ```
        """
        return Use(self, key)

    def close(self, key: str) -> None:
        """Close the session of a key, if there is one, also while it is in use.

        The next use makes another.

        Args:
            key: As for `use`.

        Raises:
            SandboxError: Its sandbox could not be given back.

        Example:
            ```python
            pool.close("conversation-7")
            ```
        """
        if session := self._take(key):
            session.close()

    async def aclose(self, key: str) -> None:
        """`close` for async code."""
        if session := self._take(key):
            await session.aclose()

    def close_all(self) -> None:
        """Close all sessions, also those in use, and the pool.

        A sandbox that cannot be given back is named in the log `daytona_toolkit`.

        Example:
            ```python
            pool.close_all()
            ```
        """
        for future in self._close_everything():
            future.exception()
        if runner := self._let_go():
            runner.finish(_nothing).wait()

    async def aclose_all(self) -> None:
        """`close_all` for async code."""
        for future in self._close_everything():
            await ended(future)
        if runner := self._let_go():
            await runner.finish(_nothing).wait_async()

    def __enter__(self) -> "SessionPool":
        self._warm_up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close_all()

    async def __aenter__(self) -> "SessionPool":
        self._warm_up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose_all()

    def _enter(self, key: str) -> "tuple[_Member, bool]":
        """Count a user of a key; whether it has to make the session."""
        self._running()
        with self._lock:
            member = self._members.get(key)
            fresh = member is None
            if member is None:
                member = self._members[key] = _Member()
            self._members.move_to_end(key)
            member.users += 1
        return member, fresh

    def _fill(self, key: str, member: "_Member") -> None:
        """Give a member its session."""
        with self._lock:
            session = self._warm.popleft() if self._warm else None
        if session is None:
            session = self._make(key)
        with self._lock:
            if kept := self._members.get(key) is member:
                member.session.set_result(session)
        if not kept:
            session.close()
            raise SessionClosedError(f"The session of {key!r} was closed while it was made.")
        self._make_room()
        self._warm_up()

    def _give_up(self, key: str, member: "_Member", error: BaseException) -> None:
        """Take a member out that will have no session."""
        with self._lock:
            if member.session.done():
                return
            if self._members.get(key) is member:
                del self._members[key]
        if isinstance(error, Exception):
            member.session.set_exception(error)
        else:
            member.session.set_result(None)  # who was interrupted speaks for nobody else

    def _exit(self, member: "_Member") -> None:
        with self._lock:
            member.users -= 1
            member.used = time.monotonic()
        self._make_room()

    def _take(self, key: str) -> SandboxSession | None:
        """Take a session away from its key."""
        with self._lock:
            member = self._members.pop(key, None)
        # One that is just being made is closed by its maker.
        return member.made() if member else None

    def _make_room(self) -> None:
        """Close what is too much, of what is not in use."""
        with self._lock:
            surplus = len(self._members) - self._max_sessions
            idle = self._idle() if surplus > 0 else []
            leaving = [(key, self._members.pop(key)) for key in idle[: max(0, surplus)]]
        self._see_off(leaving)

    def _close_idle(self, seconds: float) -> None:
        """Close what was not used for so long."""
        before = time.monotonic() - seconds
        with self._lock:
            idle = [key for key in self._idle() if self._members[key].used <= before]
            leaving = [(key, self._members.pop(key)) for key in idle]
        self._see_off(leaving)

    def _idle(self) -> list[str]:
        """Keys of sessions that nobody uses, unused for longest first."""
        return [key for key, member in self._members.items() if not member.users and member.made()]

    def _see_off(self, leaving: "list[tuple[str, _Member]]") -> None:
        """Close sessions without waiting for it; the next one of a key waits."""
        for key, member in leaving:
            if session := member.made():
                self._close_soon(key, session)

    def _close_soon(self, key: str, session: SandboxSession) -> "Future[None]":
        assert self._runner
        future = self._runner.start(lambda: _close(key, session)).future
        with self._lock:
            self._leaving[key] = future
        future.add_done_callback(lambda _: self._forget(key, future))
        return future

    def _forget(self, key: str, future: "Future[None]") -> None:
        with self._lock:
            if self._leaving.get(key) is future:
                del self._leaving[key]

    def _predecessor(self, key: str) -> "Future[None] | None":
        with self._lock:
            return self._leaving.get(key)

    def _warm_up(self) -> None:
        """See to it that enough sessions are ready, or will be soon."""
        if not self._wanted:
            return
        runner = self._running()
        with self._lock:
            missing = self._wanted - len(self._warm) - self._warming
            self._warming += max(0, missing)
        for _ in range(missing):
            try:
                session = self._make("")
            except Exception as error:
                logger.warning("no session could be made ahead: %s", error)
                with self._lock:
                    self._warming -= 1
                continue
            runner.start(lambda session=session: self._make_ready(session))  # type: ignore[misc]

    async def _make_ready(self, session: SandboxSession) -> None:
        ready = False
        try:
            await session.aopen()
            ready = True
        except Exception as error:
            logger.warning("a session could not be opened ahead: %s", error)
        finally:
            with self._lock:
                self._warming -= 1
                if kept := ready and not self._closed:
                    self._warm.append(session)
            if not kept:
                await _close("", session)

    def _running(self) -> Runner:
        """A share of the loop, taken now if it was not."""
        if os.getpid() != self._process:
            raise SessionClosedError(
                f"This pool belongs to process {self._process}; make a new one in a forked child."
            )
        with self._lock:
            if self._closed:
                raise SessionClosedError("The pool of sessions is closed; make a new one.")
            if self._runner:
                return self._runner
            self._runner = runner = Runner()
        self._finalizer = weakref.finalize(self, runner.finish, _nothing)
        if self._idle_seconds is not None:
            me, seconds = weakref.ref(self), self._idle_seconds
            runner.start(lambda: _look_for_idle(me, seconds))
        return runner

    def _close_everything(self) -> "list[Future[None]]":
        if os.getpid() != self._process:
            return []
        with self._lock:
            self._closed = True
            members, self._members = self._members, OrderedDict()
            warm, self._warm = list(self._warm), deque()
            leaving = list(self._leaving.values())
        made = [(key, session) for key, member in members.items() if (session := member.made())]
        made += [("", session) for session in warm]
        return leaving + [self._close_soon(key, session) for key, session in made]

    def _let_go(self) -> Runner | None:
        with self._lock:
            runner, self._runner = self._runner, None
        if runner and self._finalizer:
            self._finalizer.detach()
        return runner


class Use:
    """A use of a session of a pool: a `with` or an `async with` block."""

    def __init__(self, pool: SessionPool, key: str) -> None:
        self._pool = pool
        self._key = key
        self._members: list[_Member] = []

    def __enter__(self) -> SandboxSession:
        while True:
            member, fresh = self._pool._enter(self._key)
            try:
                if fresh:
                    if before := self._pool._predecessor(self._key):
                        before.exception()
                    self._pool._fill(self._key, member)
                if session := member.session.result():
                    self._members.append(member)
                    return session
            except BaseException as error:
                if fresh:
                    self._pool._give_up(self._key, member, error)
                self._pool._exit(member)
                raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool._exit(self._members.pop())

    async def __aenter__(self) -> SandboxSession:
        while True:
            member, fresh = self._pool._enter(self._key)
            try:
                if fresh:
                    if before := self._pool._predecessor(self._key):
                        await ended(before)
                    self._pool._fill(self._key, member)
                await ended(member.session)
                if session := member.session.result():
                    self._members.append(member)
                    return session
            except BaseException as error:
                if fresh:
                    self._pool._give_up(self._key, member, error)
                self._pool._exit(member)
                raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool._exit(self._members.pop())


class _Member:
    """A key's session and who uses it.

    Attributes:
        session: The session, once it is made; None if who should make it was interrupted.
        users: How many use it, or wait for it.
        used: When it was used last, on the monotonic clock.
    """

    def __init__(self) -> None:
        self.session: Future[SandboxSession | None] = Future()
        self.users = 0
        self.used = time.monotonic()

    def made(self) -> SandboxSession | None:
        """The session, if there is one by now."""
        there = self.session.done() and not self.session.exception()
        return self.session.result() if there else None


async def _close(key: str, session: SandboxSession) -> None:
    try:
        await session.aclose()
    except Exception:  # there is nobody left to tell
        logger.exception("closing the session of %r failed", key)


async def _look_for_idle(pool: "weakref.ref[SessionPool]", seconds: float) -> None:
    while True:
        await asyncio.sleep(min(seconds / _LOOKS, _LONGEST_PAUSE))
        if (found := pool()) is None:
            return
        found._close_idle(seconds)
        del found  # or it would never be collected


async def _nothing() -> None:
    """A share of the loop is all that is given back."""
