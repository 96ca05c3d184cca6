"""A pool of sessions, for servers: one session for each conversation."""

import asyncio
import logging
import math
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Any, cast

from daytona_toolkit._callbacks import event_of
from daytona_toolkit._loop import Runner
from daytona_toolkit._session import SandboxSession
from daytona_toolkit._workers import Lock, in_thread
from daytona_toolkit.errors import InvalidArgumentError, SessionClosedError

logger = logging.getLogger("daytona_toolkit")

# Checks for idle sessions within `idle_seconds`, and the longest pause between two, in seconds.
_CHECKS = 4
_MAX_PAUSE = 30.0

# Seconds for which a session that was opened ahead is taken for good, without asking its sandbox.
_FRESH = 60.0


class SessionPool:
    """One session for each key, such as the id of a conversation, made when it is first used.

    A session that is not in use is closed when there are too many, the least recently used
    first, and when it was not used for `idle_seconds`. What closing means is up to its sandbox:
    one of `DaytonaSandbox.get_or_create(key)` goes on, and the next session of that key has the
    same files.

    All methods may be called from any thread. Each that waits has a twin for `async` code, with
    an `a` before its name.

    Args:
        make: Makes the session of a key. It need not open it, and should not take long.
        max_sessions: How many sessions are kept. There are more only while more are in use.
        idle_seconds: Seconds without use after which a session is closed; it may take a quarter
            longer. None keeps it until others need the room.
        warm: How many sessions are made and opened ahead, so that a new conversation finds its
            sandbox ready. One that was opened more than a minute ago is asked first whether it is
            still there. For these `make` is called with an empty key, so it must not depend
            on the key: make sandboxes with `DaytonaSandbox.create()` or `LocalSandbox()`.

    Raises:
        InvalidArgumentError: A number is too small.

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
        counts = isinstance(max_sessions, int) and isinstance(warm, int)
        if not (counts and max_sessions >= 1 and warm >= 0 and _is_time(idle_seconds)):
            raise InvalidArgumentError(
                "A pool takes max_sessions from 1, idle_seconds above 0 or None, and warm from 0; "
                f"these are {max_sessions!r}, {idle_seconds!r} and {warm!r}."
            )
        self._make = make
        self._max_sessions = max_sessions
        self._idle_seconds = idle_seconds
        self._wanted_warm = warm
        # The lock is held for moments only: the user's code is never called under it.
        self._lock = Lock()
        self._members: OrderedDict[str, _Member] = OrderedDict()
        self._closing: dict[str, Future[None]] = {}
        self._warm: deque[tuple[SandboxSession, float]] = deque()  # and when each was asked last
        self._warming = 0
        self._checks_idle = False
        self._runner = Runner("pool")
        weakref.finalize(self, self._runner.finish)

    def __len__(self) -> int:
        return len(self._members)

    def __bool__(self) -> bool:
        return True  # also where it has no session yet

    def use(self, key: str) -> "Use":
        """The session of a key, for a `with` or an `async with` block.

        It is not closed to make room while it is in use. Several may use it at once. Where somebody
        has closed it, or its sandbox no longer exists, another is made.

        Args:
            key: Any text, for example the id of a conversation.

        Raises:
            SessionClosedError: The pool is closed, or belongs to the process before a fork.
            InvalidArgumentError: `make` has returned no session.
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
            SandboxError: Its sandbox could not be closed.

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

        A sandbox that cannot be closed is named in the log `daytona_toolkit`.

        Example:
            ```python
            pool.close_all()
            ```
        """
        if ending := self._runner.finish(self._close_sessions):
            ending.wait()

    async def aclose_all(self) -> None:
        """`close_all` for async code."""
        if ending := self._runner.finish(self._close_sessions):
            await ending.wait_async()

    def __enter__(self) -> "SessionPool":
        self._warm_up()
        return self

    def __exit__(self, *_: object) -> None:
        self.close_all()

    async def __aenter__(self) -> "SessionPool":
        self._warm_up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose_all()

    def _enter(self, key: str) -> "tuple[_Member, bool]":
        """Count a user of a key; whether it has to make the session."""
        with self._lock:
            self._runner.share()
            member = self._members.get(key)
            if member and member.is_gone():
                logger.warning("the sandbox of %r no longer exists; another is made", key)
                self._start_closing(key, member.made())
            is_new = member is None or member.is_over()
            if member is None or is_new:
                member = self._members[key] = _Member(self._closing.get(key))
            self._members.move_to_end(key)
            member.users += 1
        return member, is_new

    def _exit(self, member: "_Member") -> None:
        """Count a user less."""
        with self._lock:
            member.users -= 1
            member.used = time.monotonic()
        self._evict()

    def _fill(self, key: str, member: "_Member") -> None:
        """Give a member its session."""
        with self._lock:
            session = self._warm.popleft()[0] if self._warm else None
        if session is None:
            session = self._made(key)
        with self._lock:
            if is_wanted := self._members.get(key) is member:
                member.session.set_result(session)
        if not is_wanted:
            session.close()
            raise SessionClosedError(f"The session of {key!r} was closed while it was made.")
        self._evict()
        self._warm_up()
        self._check_idle()

    def _made(self, key: str) -> SandboxSession:
        """What the user's function makes."""
        session = self._make(key)
        if not isinstance(session, SandboxSession):
            raise InvalidArgumentError(
                f"The function that makes the pool's sessions returned {session!r:.200} for "
                f"the key {key!r}; have it return a SandboxSession."
            )
        return session

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
            member.session.set_result(None)  # whoever waits was not interrupted, and tries again

    def _take(self, key: str) -> SandboxSession | None:
        """Take a session away from its key."""
        with self._lock:
            member = self._members.pop(key, None)
        # One that is just being made is closed by its maker.
        return member.made() if member else None

    def _evict(self, unused_since: float = -math.inf) -> None:
        """Close what nobody uses, if there is too much of it, or it was not used since then."""
        with self._lock:
            surplus = len(self._members) - self._max_sessions
            if surplus <= 0 and unused_since == -math.inf:
                return
            idle = [(key, m) for key, m in self._members.items() if not m.users and m.made()]
            for position, (key, member) in enumerate(idle):
                if position < surplus or member.used <= unused_since:
                    del self._members[key]
                    self._start_closing(key, member.made())

    def _start_closing(self, key: str, session: SandboxSession | None) -> "Future[None] | None":
        """Begin to close a session, under the lock; the next of its key waits for the end."""
        ending = session._start_closing() if session else None
        if ending is None:
            return None
        ending.future.add_done_callback(partial(_log_failure, key))
        self._closing = {k: future for k, future in self._closing.items() if not future.done()}
        self._closing[key] = ending.future
        return ending.future

    async def _close_sessions(self) -> None:
        """Close all sessions, and wait for those that are closing."""
        with self._lock:
            closing = set(self._closing.values())
            sessions = [(key, member.made()) for key, member in self._members.items()]
            sessions += [("", session) for session, _ in self._warm]
            self._members.clear()
            self._warm.clear()
            closing.update(filter(None, (self._start_closing(*each) for each in sessions)))
        for future in closing:
            await event_of(future).wait()

    def _warm_up(self) -> None:
        """Open sessions ahead until enough are ready."""
        with self._lock:
            missing = self._wanted_warm - len(self._warm) - self._warming
            self._warming += missing
        for _ in range(missing):
            self._runner.start(self._add_warm)

    async def _add_warm(self) -> None:
        """Open a session before its key is known."""
        try:
            session = await in_thread(self._made, "")
            try:
                await session.aopen()
            except BaseException:
                await session.aclose()
                raise
            self._keep_warm(session)
        except Exception as error:
            logger.warning("a session could not be opened ahead: %s", error)
        finally:
            with self._lock:
                self._warming -= 1

    def _keep_warm(self, session: SandboxSession) -> None:
        """Have an open session ready for a key to come."""
        with self._lock:
            self._warm.append((session, time.monotonic()))

    def _is_warm_stale(self) -> bool:
        """Whether the oldest session that is ready was asked too long ago to be sure of it."""
        return bool(self._warm) and time.monotonic() - self._warm[0][1] > _FRESH

    def _recheck_warm(self) -> "Future[None] | None":
        """Begin to ask the oldest session that is ready whether it still is, if it is time."""
        with self._lock:
            is_due = self._is_warm_stale()
        return self._runner.start(self._ask_oldest).future if is_due else None

    async def _ask_oldest(self) -> None:
        """Keep the oldest session that is ready, if its sandbox still answers."""
        with self._lock:
            if not self._is_warm_stale():
                return
            session, _ = self._warm.popleft()
            self._warming += 1
        is_alive = False
        try:
            is_alive = await session.ais_alive()
        finally:
            with self._lock:
                self._warming -= 1
            if is_alive:
                self._keep_warm(session)
            else:
                await session.aclose()

    def _check_idle(self) -> None:
        """Begin to close sessions that nobody has used for a while."""
        with self._lock:
            begins, self._checks_idle = not self._checks_idle, True
        if begins and self._idle_seconds is not None:
            pool, seconds = weakref.ref(self), self._idle_seconds
            self._runner.start(lambda: _evict_idle(pool, seconds))


class Use:
    """A use of a session of a pool: a `with` or an `async with` block."""

    def __init__(self, pool: SessionPool, key: str) -> None:
        self._pool = pool
        self._key = key
        self._members: list[_Member] = []

    def __enter__(self) -> SandboxSession:
        with closing(self._awaited()) as futures:
            for future in futures:
                future.exception()
        return cast("SandboxSession", future.result())

    def __exit__(self, *_: object) -> None:
        self._pool._exit(self._members.pop())

    async def __aenter__(self) -> SandboxSession:
        with closing(self._awaited()) as futures:
            for future in futures:
                await event_of(future).wait()
        return cast("SandboxSession", future.result())

    async def __aexit__(self, *_: object) -> None:
        self._pool._exit(self._members.pop())

    def _awaited(self) -> "Generator[Future[Any], None, None]":
        """What has to be waited for on the way into the block; the session is the last."""
        while True:
            member, is_new = self._pool._enter(self._key)
            try:
                if is_new:
                    if member.predecessor:
                        yield member.predecessor
                    while checked := self._pool._recheck_warm():
                        yield checked
                    self._pool._fill(self._key, member)
                yield member.session
                if member.session.result():
                    self._members.append(member)
                    return
            except BaseException as error:
                if is_new:
                    self._pool._give_up(self._key, member, error)
                self._pool._exit(member)
                raise


class _Member:
    """A key's session and who uses it.

    Attributes:
        predecessor: What has its outcome when the last session of the key has closed.
        session: The session, once it is made; None if its making was interrupted.
        users: How many use it, or wait for it.
        used: When it was used last, on the monotonic clock.
    """

    def __init__(self, predecessor: "Future[None] | None") -> None:
        self.predecessor = predecessor
        self.session: Future[SandboxSession | None] = Future()
        self.users = 0
        self.used = time.monotonic()

    def made(self) -> SandboxSession | None:
        """The session, if there is one by now."""
        is_made = self.session.done() and not self.session.exception()
        return self.session.result() if is_made else None

    def is_over(self) -> bool:
        """Whether somebody has closed the session."""
        session = self.made()
        return session is not None and session._runner.is_closed

    def is_gone(self) -> bool:
        """Whether the sandbox no longer exists, so that the session can only be closed."""
        session = self.made()
        return session is not None and session._workspace.is_gone


def _is_time(seconds: float | None) -> bool:
    return seconds is None or (isinstance(seconds, int | float) and seconds > 0)


def _log_failure(key: str, closed: "Future[None]") -> None:
    if error := closed.exception():
        logger.error("closing the session of %r failed", key, exc_info=error)


async def _evict_idle(reference: "weakref.ref[SessionPool]", seconds: float) -> None:
    while True:
        await asyncio.sleep(min(seconds / _CHECKS, _MAX_PAUSE))
        if (pool := reference()) is None:
            return
        pool._evict(time.monotonic() - seconds)
        del pool  # or it would never be collected
