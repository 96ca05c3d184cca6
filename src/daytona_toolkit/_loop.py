"""The background event loop of a session, and the two ways to wait for what runs on it."""

import asyncio
import contextlib
import inspect
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# Seconds that a cancelled operation has to leave its sandbox in order.
_SETTLING = 15.0


class Runner:
    """An event loop in a thread of its own.

    The thread is a daemon: a program that forgets to close a session must not hang when it
    ends, which a thread of an executor would make it do.
    """

    def __init__(self) -> None:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._main(started),), name="daytona-toolkit", daemon=True
        )
        self._thread.start()
        self._loop = started.result()
        self._calls: set[Call[Any]] = set()

    async def _main(self, started: "Future[asyncio.AbstractEventLoop]") -> None:
        started.set_result(asyncio.get_running_loop())
        await self._stopped.wait()

    def start(self, function: Callable[[], Coroutine[Any, Any, T]]) -> "Call[T]":
        """Start an operation on the loop."""
        call = Call(self._loop, function)
        self._calls.add(call)
        call.future.add_done_callback(lambda _: self._calls.discard(call))
        return call

    def cancel_all(self) -> None:
        """Cancel what runs, and wait until it has cleaned up."""
        running = list(self._calls)
        for call in running:
            call.cancel()
        for call in running:
            call.settle()

    def is_current(self) -> bool:
        """Whether the caller is on this loop's thread."""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        if not self.is_current():
            self._thread.join()


class OperationCancelledError(BaseException):
    """The outcome of an operation that was cancelled by another thread than waits for it."""


class Call(Generic[T]):
    """One operation on its way.

    Attributes:
        future: Its outcome. It is set when the operation has ended, also a cancelled one:
            who waits for it knows that nothing of it runs any more.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, function: Callable[[], Coroutine[Any, Any, T]]
    ) -> None:
        self.future: Future[T] = Future()
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        # The caller's context comes along, and with it the trace that it belongs to.
        loop.call_soon_threadsafe(self._begin, function)

    def cancel(self) -> None:
        """Cancel the operation; it may still need a moment to clean up."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the operation with it
            self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())

    def settle(self) -> None:
        """Wait until a cancelled operation has ended."""
        with contextlib.suppress(BaseException):
            self.future.exception(_SETTLING)

    def wait(self, deliveries: "Deliveries | None" = None) -> T:
        """Wait in a thread. An interrupt (Ctrl-C) cancels the operation."""
        try:
            if deliveries:
                deliveries.deliver(self.future)
            return self.future.result()
        except BaseException:
            if not self.future.done():
                self.cancel()
                self.settle()
            raise

    async def wait_async(self, deliveries: "Deliveries | None" = None) -> T:
        """Wait on the caller's own loop. Cancelling the caller cancels the operation."""
        outcome = asyncio.wrap_future(self.future)
        try:
            if deliveries:
                await deliveries.deliver_async(outcome)
            return await asyncio.shield(outcome)
        except BaseException:
            if not outcome.done():
                self.cancel()
                await asyncio.wait([outcome], timeout=_SETTLING)
            if outcome.done() and not outcome.cancelled():
                outcome.exception()  # seen, so that asyncio does not report it
            raise

    def _begin(self, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._task = self._loop.create_task(function())
        self._task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[T]") -> None:
        if task.cancelled():
            self.future.set_exception(OperationCancelledError())
        elif error := task.exception():
            self.future.set_exception(error)
        else:
            self.future.set_result(task.result())


class Deliveries:
    """Items that an operation hands to a callback of its caller, where the caller waits.

    Args:
        callback: What is called with each item's parts; None to hand over nothing.
    """

    def __init__(self, callback: Callable[..., Any] | None) -> None:
        self._callback = callback
        self._items: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._awake: Callable[[], object] = lambda: None

    def __bool__(self) -> bool:
        return self._callback is not None

    async def put(self, *item: Any) -> None:
        """Hand over an item; called on the session's loop."""
        self._items.put(item)
        self._awake()

    def deliver(self, outcome: "Future[Any]") -> None:
        """Call the callback in this thread until the operation has ended."""
        assert self._callback
        outcome.add_done_callback(lambda _: self._items.put(None))
        while (item := self._items.get()) is not None:
            self._callback(*item)

    async def deliver_async(self, outcome: "asyncio.Future[Any]") -> None:
        """Call the callback on this loop until the operation has ended."""
        assert self._callback
        loop = asyncio.get_running_loop()
        something = asyncio.Event()
        self._awake = lambda: loop.call_soon_threadsafe(something.set)
        outcome.add_done_callback(lambda _: something.set())
        while True:
            ended = outcome.done()
            while not self._items.empty():
                answer = self._callback(*(self._items.get() or ()))
                if inspect.isawaitable(answer):
                    await answer
            if ended:
                return
            await something.wait()
            something.clear()
