"""The event loop that all sessions of a process share, and how callers wait for it.

One thread runs the loop: the first session starts it, and it ends with the last. Each session
has a `Runner`, which knows what that session has started and nothing of the others.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from daytona_toolkit._callbacks import CallbackQueue, event_of
from daytona_toolkit._causes import with_causes
from daytona_toolkit._workers import Lock, Workers
from daytona_toolkit.errors import SandboxError, SandboxUnavailableError, SessionClosedError

T = TypeVar("T")

# Seconds that a cancelled operation has to clean up in its sandbox.
_CANCEL_GRACE = 15.0


class Runner:
    """Runs the coroutines of a session, or of a pool, on the loop.

    It takes a share of the loop when the first of them starts, and gives it back in `finish`.

    Args:
        owner: What it belongs to, for errors.
    """

    def __init__(self, owner: str = "session") -> None:
        self._owner = owner
        self._process = os.getpid()
        self._lock = Lock()
        self._thread: _LoopThread | None = None
        self._calls: set[Call[Any]] = set()
        self.is_closed = False

    def start(self, function: Callable[[], Coroutine[Any, Any, T]]) -> "Call[T]":
        """Start a coroutine function on the loop.

        Raises:
            SessionClosedError: `finish` was called, or the process is a forked child.
            SandboxUnavailableError: The process can start no more threads.
        """
        call: Call[T] = Call(self.share())
        # The caller's context comes along, and with it the trace that it belongs to.
        call.schedule(lambda: self._begin(call, function))
        return call

    def share(self) -> "_LoopThread":
        """Take the share of the loop, if it was not taken; raises what `start` does."""
        if os.getpid() != self._process:
            raise SessionClosedError(
                f"This {self._owner} belongs to process {self._process}; a forked child has no "
                f"part in its connections. Make a new {self._owner} in the child."
            )
        with self._lock:
            if self.is_closed:
                raise closed_error(self._owner)
            if self._thread is None:
                self._thread = _share_thread()
            return self._thread

    def finish(
        self, closing: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> "Ending | None":
        """Cancel what runs, run one last coroutine function, and give the share back.

        What runs gets a SessionClosedError. The call that is returned has ended when all this
        is done and, if it was the last share, the thread has nothing more to do. Neither an
        interrupt nor a cancelled caller stops it.

        Returns:
            The last call; None if there is nothing to finish: no share was taken, it was given
            back, or the process is a forked child.
        """
        if os.getpid() != self._process:
            return None
        with self._lock:
            thread, self._thread, self.is_closed = self._thread, None, True
        if thread is None:
            return None
        ending = Ending(thread)
        ending.schedule(lambda: ending.begin(self._finish(closing)))
        return ending

    def is_current(self) -> bool:
        """Whether the caller is on the loop's thread."""
        thread = self._thread  # another thread may finish it meanwhile
        return thread is not None and thread.is_current()

    def _begin(self, call: "Call[T]", function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        if self.is_closed:
            call.future.set_exception(closed_error(self._owner))
            return
        self._calls.add(call)
        call.future.add_done_callback(lambda _: self._calls.discard(call))
        call.begin(function())

    async def _finish(self, closing: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
        running = [call.task for call in self._calls if call.task]
        for call in self._calls:
            call.cancel_once()
        if running:
            await asyncio.wait(running, timeout=_CANCEL_GRACE)
        if closing:
            await closing()


class Call(Generic[T]):
    """One coroutine on the loop.

    Attributes:
        future: Its outcome. It is set when the coroutine has ended, also if it was cancelled:
            nothing of it runs any more then.
        task: What runs it, once it has begun.
    """

    def __init__(self, thread: "_LoopThread") -> None:
        self.future: Future[T] = Future()
        self.task: asyncio.Task[T] | None = None
        self._thread = thread
        self._is_cancelled = False

    def schedule(self, begin: Callable[[], None]) -> None:
        """Have the loop begin it."""
        if not self._thread.call(begin):
            self.future.set_exception(closed_error())

    def begin(self, work: Coroutine[Any, Any, T]) -> None:
        """Run it; called on the loop."""
        self.task = self._thread.loop.create_task(work)
        self.task.add_done_callback(self._end)

    def cancel(self) -> None:
        """Cancel it; it may still need a moment to clean up."""
        self._thread.call(self.cancel_once)

    def cancel_once(self) -> None:
        """Cancel it; called on the loop. A second time would cut its cleaning up off."""
        if self.task and not self._is_cancelled:
            self._is_cancelled = True
            self.task.cancel()

    def wait(self, callbacks: CallbackQueue | None = None) -> T:
        """Wait in a thread. An interrupt (Ctrl-C) cancels the call."""
        try:
            if callbacks:
                callbacks.drain(self.future)
            return self.future.result()
        except BaseException:
            if not self.future.done():
                self.cancel()
                with contextlib.suppress(BaseException):  # a second interrupt lets it go
                    self.future.exception(_CANCEL_GRACE)
            raise
        finally:
            del self  # an error leads to this frame, and would keep itself and all in it

    async def wait_async(self, callbacks: CallbackQueue | None = None) -> T:
        """Wait on the caller's own loop. Cancelling the caller cancels the call."""
        ended = event_of(self.future)
        try:
            if callbacks:
                await callbacks.drain_async(self.future)
            await ended.wait()
            return self.future.result()
        except BaseException:
            if not self.future.done():
                self.cancel()
                await _wait_shielded(ended)
            raise
        finally:
            del self  # as above

    def _end(self, task: "asyncio.Task[T]") -> None:
        if task.cancelled():
            self.future.set_exception(closed_error())
        elif error := task.exception():
            _drop_frames(error)
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())


class Ending(Call[None]):
    """The last call of a share of the loop. Nothing cancels it."""

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it, and give the share back; called on the loop."""
        self.task = self._thread.loop.create_task(work)
        self.task.add_done_callback(
            lambda task: self._thread.give_back(then=lambda: self._end(task))
        )

    def cancel(self) -> None:
        """Do nothing: an owner that is in a hurry still wants its sandbox deleted."""

    def wait(self, callbacks: CallbackQueue | None = None) -> None:
        """Wait in a thread. A first interrupt (Ctrl-C) has to wait, too."""
        try:
            super().wait(callbacks)
        finally:
            self._thread.join_if_over()

    async def wait_async(self, callbacks: CallbackQueue | None = None) -> None:
        """Wait on the caller's own loop."""
        try:
            await super().wait_async(callbacks)
        finally:
            self._thread.join_if_over()

    def wait_in_finalizer(self, seconds: float) -> None:
        """Wait, and ignore errors; return at once in a thread that must not wait for the loop."""
        if self._thread.is_current() or Lock.is_held():
            return
        with contextlib.suppress(BaseException):
            self.future.exception(seconds)
        self._thread.join_if_over()


class _LoopThread:
    """An event loop in a thread, for as long as somebody has a share in it.

    The thread is a daemon: a program that forgets to close a session must not hang when it
    ends.

    Attributes:
        loop: The loop.
        shares: How many hold it, the one that it is made for among them.
    """

    def __init__(self) -> None:
        try:
            self.loop = asyncio.new_event_loop()
        except OSError as error:
            raise SandboxUnavailableError(
                f"No session can be opened: {error.strerror}. Close what is not needed, or raise "
                "the limit of open files (`ulimit -n`)."
            ) from error
        self.shares = 1
        self._workers = Workers()
        self._after_stop: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="daytona-toolkit", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            self.loop.close()
            raise SandboxUnavailableError(
                f"No session can be opened, because no thread can be started: {error}. Close what "
                "is not needed, or raise the limit of processes (`ulimit -u`); while Python ends "
                "it starts no threads at all."
            ) from error

    def call(self, function: Callable[[], object]) -> bool:
        """Call something on the loop; False if that has ended."""
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            return False
        return True

    def give_back(self, *, then: Callable[[], None]) -> None:
        """Give a share back, on the loop's thread, and do what comes after it."""
        global _shared
        with _lock:
            self.shares -= 1
            if not self.shares:
                _shared = None
        if self.shares:
            then()
        else:
            self._after_stop.append(then)
            self.loop.stop()

    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self._thread

    def join_if_over(self) -> None:
        """Wait for the thread to end, if nobody has a share in it any more."""
        if not self.shares and not self.is_current():
            self._thread.join(_CANCEL_GRACE)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_default_executor(self._workers)
        while self.shares:
            # The call that raises these gets them, and no other call ends.
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                self.loop.run_forever()
        try:
            self._end_tasks()
        finally:
            self.loop.close()
            for callback in self._after_stop:
                callback()

    def _end_tasks(self) -> None:
        """End what libraries have left on the loop."""
        if left := asyncio.all_tasks(self.loop):
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(left, timeout=_CANCEL_GRACE))
        self._workers.shutdown()
        # Last, as this also does what threads have asked for meanwhile: they wait for it.
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())


_lock = Lock()
_shared: _LoopThread | None = None

# What a forked child has of its parent's loop. It must not be collected: closing the loop would
# take its files out of the parent's epoll.
_inherited: list[_LoopThread | None] = []


def _share_thread() -> _LoopThread:
    """A share in the loop of this process."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = _LoopThread()
        else:
            _shared.shares += 1
        return _shared


def _reset_after_fork() -> None:
    """Forget a loop whose thread has stayed in the parent process."""
    global _lock, _shared
    _inherited.append(_shared)
    _lock, _shared = Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)


def closed_error(owner: str = "session") -> SessionClosedError:
    """The error for what is asked of something that is closed."""
    return SessionClosedError(
        f"The {owner} is closed: no tool of it works any more, and the program must make a new one."
    )


async def _wait_shielded(ended: asyncio.Event) -> None:
    """Wait until a cancelled call has ended, also in a scope of anyio, which cancels repeatedly."""
    import anyio

    with anyio.move_on_after(_CANCEL_GRACE, shield=True):
        await ended.wait()


def _drop_frames(error: BaseException) -> None:
    """Let go of the frames behind one of our errors.

    They hold programs, with the values of variables in them, and requests, with the API key.
    A log that shows local variables would show these. The context that `from None` hides may hold
    a secret that is masked in the error itself.
    """
    if isinstance(error, SandboxError):
        for link in with_causes(error):
            link.__traceback__ = None
            if link.__suppress_context__:
                link.__context__ = None
