"""Threads for what takes long, so that nothing else on the event loop waits for it."""

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Threads, and seconds after which one without work ends.
_MAX_THREADS = 6
_IDLE_SECONDS = 10.0

# Bytes up to which work is done on the loop itself: to hand it to a thread would take longer.
_SMALL_BYTES = 100_000


async def in_thread(function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
    """Call a function in a thread.

    There are few threads, shared by all sessions. Cancelling waits until the function has
    returned, so that nothing of it runs any more.
    """
    context = contextvars.copy_context()
    work = asyncio.get_running_loop().run_in_executor(
        None, lambda: context.run(function, *args, **options)
    )
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        import anyio

        with anyio.CancelScope(shield=True):
            await asyncio.wait([work])
        if work.done() and not work.cancelled():
            work.exception()  # seen, so that asyncio does not report it
        raise


async def in_thread_if_large(
    size: int, function: Callable[P, T], /, *args: P.args, **options: P.kwargs
) -> T:
    """Call a function that works on that many bytes, in a thread if they are many."""
    if size > _SMALL_BYTES:
        return await in_thread(function, *args, **options)
    return function(*args, **options)


class Lock:
    """A lock that is held for a moment, and never while its holder waits for the event loop.

    A finalizer can run in any thread at any moment, and that of a session waits for the loop. It
    must not wait while its thread holds a lock that the loop may want, so it asks `is_held`.
    """

    _held = threading.local()

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._held.count = self._count() + 1

    def __exit__(self, *_: object) -> None:
        self._held.count = self._count() - 1
        self._lock.release()

    @classmethod
    def is_held(cls) -> bool:
        """Whether this thread has one."""
        return cls._count() > 0

    @classmethod
    def _count(cls) -> int:
        return getattr(cls._held, "count", 0)


class Workers(ThreadPoolExecutor):
    """The threads: daemons that start when there is work, and end when there is none.

    The threads of the standard library's pool stay until the program ends, and take no work while
    it ends. Here the caller does the work where no thread can be started.
    """

    def __init__(self) -> None:
        super().__init__(_MAX_THREADS)
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._running: set[threading.Thread] = set()
        self._unfinished = 0
        self._lock = Lock()

    def submit(self, fn: Callable[..., T], /, *args: Any, **options: Any) -> "Future[T]":
        future: Future[T] = Future()
        task = partial(_run, future, partial(fn, *args, **options))
        with self._lock:
            self._unfinished += 1
            if len(self._running) < min(self._unfinished, _MAX_THREADS):
                self._start_thread()
            if self._running:
                self._tasks.put(task)
                return future
        self._finish(task)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads; one that is busy, for example with a name server, is given a second."""
        with self._lock:
            threads = list(self._running)
        for _ in threads:
            self._tasks.put(None)
        for thread in threads if wait else ():
            thread.join(1.0)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name="daytona-toolkit-worker", daemon=True)
        with contextlib.suppress(RuntimeError):  # Python is ending, or there are too many
            thread.start()
            self._running.add(thread)

    def _serve(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if not self._tasks.empty():
                        continue
                    self._running.discard(threading.current_thread())
                return
            if task is None:
                return
            self._finish(task)
            del task  # it holds what it worked on

    def _finish(self, task: Callable[[], None]) -> None:
        task()
        with self._lock:
            self._unfinished -= 1


def _run(future: "Future[T]", function: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
    finally:
        del future, function  # an error leads to this frame, and would keep itself and all in it
