"""Requests that are sent again: after an error that passes, and when no answer comes."""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from daytona_toolkit.sandboxes._daytona.errors import (
    ASKED,
    is_unclear,
    may_pass,
    never_connected,
    retry_after,
    status_of,
)
from daytona_toolkit.sandboxes._stops import STOPS, was_stopped

T = TypeVar("T")

logger = logging.getLogger("daytona_toolkit")

# Attempts for one request, and seconds after the first failure, after which none is begun. Pauses
# between attempts, in seconds: the first, doubled each time; the longest; and how much is added at
# random.
_ATTEMPTS = 10
_BUDGET = 30.0
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 3.0
_JITTER = 0.2

# Attempts when the answer may always be the same: something else may be listening at the address.
_UNCLEAR = 4

# Seconds after which an address that was never reached is given up: it may be a wrong one.
_UNREACHED = 3.0

# Copies of one request that are on their way at the same time, and how much longer each is
# waited for than the one before it.
_COPIES = 3
_LONGER = 3.0


async def retried(
    request: Callable[[], Awaitable[T]],
    what: str,
    *,
    deadline: float,
    patience: float | None,
    spare: asyncio.Semaphore,
    also: tuple[int, ...],
    unreached: bool,
) -> T:
    """Send a request, again where that may help. It must be one that may be sent twice.

    A request that fails is sent again after a pause. One that stays silent is sent again beside
    the first, which may only be slow: whichever is answered first counts.

    Args:
        request: Sends it.
        what: What it is about, for the log.
        deadline: When nobody waits any more, on the running loop's clock.
        patience: Seconds in which an answer is due; None where no copy may be sent.
        spare: What each copy holds while it is on its way. They are few, so that a service that
            is slow because it is busy does not get busier.
        also: Statuses after which it is sent again here, besides those after which it always is.
        unreached: Whether the address was never reached before.
    """
    clock = asyncio.get_running_loop().time
    left = max(0.01, deadline - clock())

    async def persistent() -> T:
        return await _persistent(request, what, deadline, also, unreached=unreached)

    for _ in range(STOPS):
        try:
            with anyio.fail_after(left):
                return await _first_answer(persistent, what, patience, spare)
        except TimeoutError:
            if patience is None or not was_stopped(deadline):
                break
        logger.info("asking again for %s: this process was stopped meanwhile", what)
        deadline = clock() + left
    raise TimeoutError(f"There was no answer within {left:.3g} s.")


async def _first_answer(
    send: Callable[[], Awaitable[T]], what: str, patience: float | None, spare: asyncio.Semaphore
) -> T:
    """The answer to a request; while none comes, copies of it are sent."""
    sent: set[asyncio.Future[T]] = set()
    try:
        while True:
            sent.add(asyncio.ensure_future(send()))
            while True:
                answered, _ = await asyncio.wait(
                    sent,
                    timeout=patience if len(sent) < _COPIES else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if answered:
                    return answered.pop().result()
                if not spare.locked():
                    break
            assert patience is not None
            logger.info("asking again for %s: no answer within %.3g s", what, patience)
            patience *= _LONGER
            await spare.acquire()
    finally:
        for _ in range(len(sent) - 1):
            spare.release()
        for each in sent:
            each.cancel()
            # Seen, so that asyncio does not report what nobody waits for any more.
            each.add_done_callback(lambda each: each.cancelled() or each.exception())


async def _persistent(
    request: Callable[[], Awaitable[T]],
    what: str,
    deadline: float,
    also: tuple[int, ...],
    *,
    unreached: bool,
) -> T:
    """The answer to a request that is sent again after errors that pass."""
    clock = asyncio.get_running_loop().time
    failed, asked, wait = math.inf, 0, _FIRST_WAIT
    while True:
        asked += 1
        try:
            return await request()
        except Exception as error:
            # The first may have failed after long, as where a proxy ends what waits for a minute.
            failed = min(failed, clock())
            waived = status_of(error) in also
            pause = retry_after(error)
            if not pause:
                pause = wait + random.uniform(0, _JITTER)  # noqa: S311 # spreads load
                wait = min(wait * 2, _LONGEST_WAIT)
            last = failed + _budget(error, unreached=unreached)
            end = deadline if waived else min(deadline, last)
            spent = asked >= (_UNCLEAR if is_unclear(error) else _ATTEMPTS) and not waived
            # Nobody would wait for the end of a longer pause.
            passes = waived or may_pass(error)
            if not passes or spent or clock() + pause >= end:
                setattr(error, ASKED, asked)
                raise
            logger.info("asking again for %s in %.3g s: %s", what, pause, _why(error))
        await asyncio.sleep(pause)


def _budget(error: Exception, *, unreached: bool) -> float:
    return _UNREACHED if unreached and never_connected(error) else _BUDGET


def _why(error: Exception) -> str:
    """An error in one line, for the log."""
    return " ".join(str(error).split())[:200] or type(error).__name__
