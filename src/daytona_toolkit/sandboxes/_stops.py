"""Whether this process was stopped, as by Ctrl-Z, so that nobody could listen to an answer."""

import asyncio

# A time that is noticed so many seconds after it was over counts for nothing.
_LATE = 1.0

# How often one request is listened to: on a machine where everything is late, not for ever.
STOPS = 10


def was_stopped(deadline: float) -> bool:
    """Whether a time that is over by now, on the loop's clock, was over long ago."""
    return asyncio.get_running_loop().time() > deadline + _LATE
