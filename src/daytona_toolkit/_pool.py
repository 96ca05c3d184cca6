"""Sessions for servers: one a conversation."""

import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import TracebackType

from daytona_toolkit._session import SandboxSession
from daytona_toolkit.errors import SessionClosedError

logger = logging.getLogger("daytona_toolkit")

_BOUND = 100


class SessionPool:
    """One session a key, such as the id of a conversation, made when it is first asked for.

    When there are more than `bound`, those are closed that were not used for the longest
    time. What closing means is up to their sandboxes: one of
    `DaytonaSandbox.get_or_create(key)` is met again by the next session of that key.

    Args:
        make: Makes the session of a key. It need not open it.
        bound: How many sessions are kept; more only while more are in use at once.

    Example:
        ```python
        with SessionPool(lambda key: SandboxSession(DaytonaSandbox.get_or_create(key))) as pool:
            with pool.use("conversation-7") as session:
                session.exec("ls")
        ```
    """

    def __init__(self, make: Callable[[str], SandboxSession], *, bound: int = _BOUND) -> None:
        self._make = make
        self._bound = bound
        self._sessions: OrderedDict[str, SandboxSession] = OrderedDict()
        self._users: Counter[str] = Counter()
        self._lock = threading.Lock()
        # Closing may take seconds, which whoever only wants a session shall not wait.
        self._closer = ThreadPoolExecutor(thread_name_prefix="daytona-toolkit-pool")
        self._closed = False

    def __len__(self) -> int:
        return len(self._sessions)

    @contextmanager
    def use(self, key: str) -> Iterator[SandboxSession]:
        """The session of a key; it is not closed to make room while it is in use.

        Raises:
            SessionClosedError: The pool is closed.
        """
        with self._lock:
            if self._closed:
                raise SessionClosedError("The pool of sessions is closed; make a new one.")
            if key not in self._sessions:
                self._sessions[key] = self._make(key)
            self._sessions.move_to_end(key)
            self._users[key] += 1
            session = self._sessions[key]
            self._make_room()
        try:
            yield session
        finally:
            with self._lock:
                self._users[key] -= 1
                if not self._users[key]:
                    del self._users[key]
                self._make_room()

    def close(self, key: str) -> None:
        """Close the session of a key, if there is one; the next use makes another."""
        with self._lock:
            session = self._sessions.pop(key, None)
        if session:
            session.close()

    def close_all(self) -> None:
        """Close all sessions, and the pool."""
        with self._lock:
            self._closed = True
            closing = [self._close_soon(key) for key in list(self._sessions)]
        wait(closing)
        self._closer.shutdown()

    def __enter__(self) -> "SessionPool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close_all()

    def _make_room(self) -> None:
        idle = [key for key in self._sessions if not self._users[key]]
        for key in idle[: max(0, len(self._sessions) - self._bound)]:
            if not self._closed:
                self._close_soon(key)

    def _close_soon(self, key: str) -> "Future[None]":
        return self._closer.submit(_close, key, self._sessions.pop(key))


def _close(key: str, session: SandboxSession) -> None:
    try:
        session.close()
    except Exception:  # there is nobody left to tell
        logger.exception("closing the session of %r failed", key)
