"""Calls a caller's callbacks where the caller waits, while its operation runs on the loop."""

import asyncio
import contextlib
import inspect
import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from daytona_toolkit.errors import InvalidArgumentError


class CallbackQueue:
    """Calls of a callback that wait to be made.

    Args:
        callback: What is called with the arguments of each `put`.

    Raises:
        InvalidArgumentError: It cannot be called.
    """

    def __init__(self, callback: Callable[..., Any]) -> None:
        if not callable(callback):
            raise InvalidArgumentError(f"A callback is a function, not {callback!r:.200}.")
        self._callback = callback
        self._calls: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._notify: Callable[[], object] = lambda: None

    async def put(self, *args: Any) -> None:
        """Add a call; used on the session's loop."""
        self._calls.put(args)
        self._notify()

    def drain(self, outcome: "Future[Any]") -> None:
        """Make the calls in this thread until the operation has ended."""
        outcome.add_done_callback(lambda _: self._calls.put(None))
        while (args := self._calls.get()) is not None:
            answer = self._callback(*args)
            if inspect.iscoroutine(answer):
                answer.close()
                raise InvalidArgumentError(
                    "The callback is a coroutine function, which nothing awaits here; give a plain "
                    "function, or await the method for async code, such as aexec."
                )

    async def drain_async(self, outcome: "Future[Any]") -> None:
        """Make the calls on this loop until the operation has ended."""
        loop, news = asyncio.get_running_loop(), event_of(outcome)
        self._notify = lambda: _set(loop, news)
        while True:
            ended = outcome.done()
            while not self._calls.empty():
                answer = self._callback(*(self._calls.get() or ()))
                if inspect.isawaitable(answer):
                    await answer
            if ended:
                return
            await news.wait()
            news.clear()


def event_of(future: "Future[Any]") -> asyncio.Event:
    """An event of the running loop that is set when a future has its outcome."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    future.add_done_callback(lambda _: _set(loop, event))
    return event


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """Set an event of another loop, if that still runs."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)
