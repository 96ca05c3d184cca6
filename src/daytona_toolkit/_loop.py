"""The event loop that all sessions of a process share, and the ways to wait for what runs on it.

One thread runs the loop: the first session starts it, and it ends with the last. Each session
holds a `Runner`, its share of the loop, which knows what that session has started and nothing of
the others. What takes long goes to a few threads beside the loop, see `in_thread`.
"""

import asyncio
import contextlib
import contextvars
import inspect
import os
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, ParamSpec, TypeVar

from daytona_toolkit.errors import SandboxError, SandboxUnavailableError, SessionClosedError

P = ParamSpec("P")
T = TypeVar("T")

# Seconds that a cancelled operation has to leave its sandbox in order.
_SETTLING = 15.0

# Threads that do what takes long, and seconds after which one without work ends.
_WORKERS = 6
_IDLE = 10.0


async def in_thread(function: Callable[P, T], /, *args: P.args, **options: P.kwargs) -> T:
    """Do in a thread what takes long, so that nothing else on the loop waits for it.

    There are few threads, shared by all sessions. Cancelling waits until the function has
    returned: whoever goes on knows that nothing of it runs any more.
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


class Runner:
    """A session's share of the loop.

    Raises:
        SandboxUnavailableError: The process can start no more threads.
    """

    def __init__(self) -> None:
        self._thread = _hold()
        self._calls: set[Call[Any]] = set()
        self._ending: Ending | None = None

    def run(
        self, function: Callable[[], Coroutine[Any, Any, T]], deliveries: "Deliveries | None" = None
    ) -> T:
        """Run an operation, and wait for it in this thread."""
        return self.start(function).wait(deliveries)

    async def run_async(
        self, function: Callable[[], Coroutine[Any, Any, T]], deliveries: "Deliveries | None" = None
    ) -> T:
        """Run an operation, and wait for it on the caller's own loop."""
        asyncio.get_running_loop()  # trio has none, and must learn it before anything runs
        return await self.start(function).wait_async(deliveries)

    def start(self, function: Callable[[], Coroutine[Any, Any, T]]) -> "Call[T]":
        """Start an operation on the loop."""
        call: Call[T] = Call(self._thread)
        # The caller's context comes along, and with it the trace that it belongs to.
        self._thread.call(lambda: self._begin(call, function), call.future)
        return call

    def finish(self, closing: Callable[[], Coroutine[Any, Any, None]]) -> "Ending":
        """Cancel what runs, do one last thing, and give the share back.

        What runs gets a SessionClosedError. The call that comes back has ended when all this
        is done, and if it was the last share, when the thread has nothing more to do. Neither
        an interrupt nor a cancelled caller stops it.
        """
        if self._ending is None:
            self._ending = ending = Ending(self._thread)
            self._thread.call(lambda: ending.begin(self._finish(closing)), ending.future)
        return self._ending

    def is_current(self) -> bool:
        """Whether the caller is on the loop's thread."""
        return self._thread.is_current()

    def may_wait(self) -> bool:
        """Whether a caller that came here by chance, such as a finalizer, may wait for the loop."""
        return not (self.is_current() or Lock.is_held())

    def _begin(self, call: "Call[T]", function: Callable[[], Coroutine[Any, Any, T]]) -> None:
        if self._ending:
            call.future.set_exception(_closed())
            return
        self._calls.add(call)
        call.future.add_done_callback(lambda _: self._calls.discard(call))
        call.begin(function())

    async def _finish(self, closing: Callable[[], Coroutine[Any, Any, None]]) -> None:
        running = [call.task for call in self._calls if call.task]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_SETTLING)
        await closing()


class Call(Generic[T]):
    """One operation on its way.

    Attributes:
        future: Its outcome. It is set when the operation has ended, also a cancelled one:
            who waits for it knows that nothing of it runs any more.
        task: What runs it, once it has begun.
    """

    def __init__(self, thread: "_LoopThread") -> None:
        self.future: Future[T] = Future()
        self.task: asyncio.Task[T] | None = None
        self._thread = thread

    def begin(self, work: Coroutine[Any, Any, T]) -> None:
        """Run it; called on the loop."""
        self.task = self._thread.loop.create_task(work)
        self.task.add_done_callback(self._end)

    def cancel(self) -> None:
        """Cancel the operation; it may still need a moment to clean up."""
        self._thread.call(lambda: self.task and self.task.cancel())

    def wait(self, deliveries: "Deliveries | None" = None) -> T:
        """Wait in a thread. An interrupt (Ctrl-C) cancels the operation."""
        try:
            if deliveries:
                deliveries.deliver(self.future)
            return self.future.result()
        except BaseException:
            if not self.future.done():
                self.cancel()
                with contextlib.suppress(BaseException):  # a second interrupt lets it go
                    self.future.exception(_SETTLING)
            raise
        finally:
            del self  # an error leads to this frame, and would keep itself and all in it

    async def wait_async(self, deliveries: "Deliveries | None" = None) -> T:
        """Wait on the caller's own loop. Cancelling the caller cancels the operation."""
        ended = _event_of(self.future)
        try:
            if deliveries:
                await deliveries.deliver_async(self.future)
            await ended.wait()
            return self.future.result()
        except BaseException:
            if not self.future.done():
                self.cancel()
                await _settled(ended)
            raise
        finally:
            del self  # as above

    def _end(self, task: "asyncio.Task[T]") -> None:
        if task.cancelled():
            self.future.set_exception(_closed())
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

    def wait(self, deliveries: "Deliveries | None" = None) -> None:
        """Wait in a thread. An interrupt (Ctrl-C) has to wait, too; a second one has not."""
        try:
            super().wait(deliveries)
        finally:
            self._thread.join_if_over()

    async def wait_async(self, deliveries: "Deliveries | None" = None) -> None:
        """Wait on the caller's own loop."""
        try:
            await super().wait_async(deliveries)
        finally:
            self._thread.join_if_over()

    def wait_quietly(self, seconds: float) -> None:
        """Wait in a thread, whatever becomes of it."""
        with contextlib.suppress(BaseException):
            self.future.exception(seconds)
        self._thread.join_if_over()


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

    async def deliver_async(self, outcome: "Future[Any]") -> None:
        """Call the callback on this loop until the operation has ended."""
        assert self._callback
        loop, something = asyncio.get_running_loop(), _event_of(outcome)
        self._awake = lambda: _wake(loop, something)
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
        self._workers = _Workers()
        self._farewells: list[Callable[[], None]] = []
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

    def call(self, function: Callable[[], object], future: "Future[Any] | None" = None) -> None:
        """Call something on the loop; if it has ended, this is the outcome of the future."""
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            if future:
                future.set_exception(_closed())

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
            self._farewells.append(then)
            self.loop.stop()

    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.current_thread() is self._thread

    def join_if_over(self) -> None:
        """Wait for the end of the thread where it is due."""
        if not self.shares and not self.is_current():
            self._thread.join(_SETTLING)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_default_executor(self._workers)
        while self.shares:
            # Whoever raises these ends with them, and none of the others.
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                self.loop.run_forever()
        try:
            self._sweep_up()
        finally:
            self.loop.close()
            for farewell in self._farewells:
                farewell()

    def _sweep_up(self) -> None:
        """End what libraries have left on the loop."""
        if left := asyncio.all_tasks(self.loop):
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(left, timeout=_SETTLING))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self._workers.shutdown()


class _Workers(ThreadPoolExecutor):
    """Threads that start when there is work, and end when there is none.

    Those of the standard library never end before the program does, and take no work while it
    ends. These are daemons, and where no thread can be started the caller does the work.
    """

    def __init__(self) -> None:
        super().__init__(_WORKERS)
        self._work: queue.SimpleQueue[_Work[Any] | None] = queue.SimpleQueue()
        self._crew: set[threading.Thread] = set()
        self._unfinished = 0
        self._lock = Lock()

    def submit(self, fn: Callable[..., T], /, *args: Any, **options: Any) -> "Future[T]":
        future: Future[T] = Future()
        work = _Work(future, lambda: fn(*args, **options))
        with self._lock:
            self._unfinished += 1
            if len(self._crew) < min(self._unfinished, _WORKERS):
                self._start_one()
            if helped := bool(self._crew):
                self._work.put(work)
        if not helped:
            self._do(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Have the threads end; those that hang in a name server's silence are left to it."""
        with self._lock:
            crew = list(self._crew)
        for _ in crew:
            self._work.put(None)
        for worker in crew if wait else ():
            worker.join(1.0)

    def _start_one(self) -> None:
        worker = threading.Thread(target=self._serve, name="daytona-toolkit-worker", daemon=True)
        with contextlib.suppress(RuntimeError):  # Python is ending, or there are too many
            worker.start()
            self._crew.add(worker)

    def _serve(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=_IDLE)
            except queue.Empty:
                with self._lock:
                    if not self._work.empty():
                        continue
                    self._crew.discard(threading.current_thread())
                return
            if work is None:
                return
            self._do(work)
            del work  # it holds what it worked on

    def _do(self, work: "_Work[Any]") -> None:
        try:
            work.run()
        finally:
            del work  # see its end
            with self._lock:
                self._unfinished -= 1


class _Work(Generic[T]):
    """What a thread is to do, and where the outcome goes."""

    def __init__(self, future: "Future[T]", function: Callable[[], T]) -> None:
        self._future = future
        self._function = function

    def run(self) -> None:
        """Do it."""
        if not self._future.set_running_or_notify_cancel():
            return
        try:
            result = self._function()
        except BaseException as error:
            self._future.set_exception(error)
            del self  # the error leads to this frame, and would keep itself and all in it
        else:
            self._future.set_result(result)


class Lock:
    """A lock for a moment, under which nobody waits for the loop.

    A finalizer may run in any thread at any place, and one of a session waits for the loop. It
    must not while its thread has a lock that the loop may want.
    """

    _held = threading.local()

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._held.number = self._number() + 1

    def __exit__(self, *_: object) -> None:
        self._held.number = self._number() - 1
        self._lock.release()

    @classmethod
    def is_held(cls) -> bool:
        """Whether this thread has one."""
        return cls._number() > 0

    @classmethod
    def _number(cls) -> int:
        return getattr(cls._held, "number", 0)


_lock = Lock()
_shared: _LoopThread | None = None

# What a forked child has of its parent's loop. It must not be collected: closing the loop would
# take its files out of the parent's epoll.
_inherited: list[_LoopThread | None] = []


def _hold() -> _LoopThread:
    """A share in the loop of this process."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = _LoopThread()
        else:
            _shared.shares += 1
        return _shared


def _begin_anew() -> None:
    """Forget a loop whose thread has stayed in the parent process."""
    global _lock, _shared
    _inherited.append(_shared)
    _lock, _shared = Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def _closed() -> SessionClosedError:
    return SessionClosedError("The session is closed; make a new one.")


async def ended(future: "Future[Any]") -> None:
    """Wait on the caller's own loop until something has its outcome, whatever that is."""
    await _event_of(future).wait()


def _event_of(future: "Future[Any]") -> asyncio.Event:
    """An event of the running loop that is set when a future has its outcome."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    future.add_done_callback(lambda _: _wake(loop, event))
    return event


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """Set an event of another loop, if that still runs."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(event.set)


async def _settled(ended: asyncio.Event) -> None:
    """Wait until a cancelled operation has ended, though a scope of anyio cancels on and on."""
    import anyio

    with anyio.move_on_after(_SETTLING, shield=True):
        await ended.wait()


def _drop_frames(error: BaseException) -> None:
    """Let go of the frames behind one of our errors.

    They hold programs, with the values of variables in them, and requests, with the API key.
    A log that shows local variables would show these.
    """
    links: list[BaseException | None] = [error] if isinstance(error, SandboxError) else []
    seen: set[int] = set()
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = None
            links += [link.__cause__, link.__context__]
