"""The children of this process: what it has started, and orphans that became its own."""

import contextlib
import os
import signal
import time


def children() -> list[int]:
    """Those of all threads; none where the system is not Linux."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError):
        for thread in os.listdir("/proc/self/task"):
            with (
                contextlib.suppress(OSError),  # it has just ended
                open(f"/proc/self/task/{thread}/children") as listed,
            ):
                found += map(int, listed.read().split())
    return found


def end_children() -> None:
    """End them with all that they have started, daemons too."""
    if os.getpid() == 1:
        return  # the kernel does it
    for _ in range(200):
        found = children()
        if not found:
            return
        for child in found:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, os.WNOHANG)
        # What they leave behind is ours by the next round.
        time.sleep(0.005)
