"""Work that would hold up an event loop."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Do something in a thread of its own, which is gone afterwards.

    Not in the loop's executor: that keeps its threads, and cannot end while Python does.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not done.done():
            set_it()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # it is raised where it is waited for
            failure = error
            loop.call_soon_threadsafe(settle, lambda: done.set_exception(failure))
        else:
            loop.call_soon_threadsafe(settle, lambda: done.set_result(result))

    try:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
    except RuntimeError:  # while Python ends none can be started
        return work()
    try:
        return await done
    finally:
        if done.done() and not done.cancelled():
            thread.join()
