"""Enforces the limits of a sandbox on processes and memory.

The kernel's own limits are not enough: the one on processes does not bind root, and the one on
memory counts each process by itself. So the helper, which is process 1 and sees all of them,
looks every tenth of a second. Above a bound it stops everything for a moment, ends the session
of processes that has the most, and lets the rest go on. The helper's own programs and the job
that a command belongs to are in other sessions, so the caller gets its result.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

_INTERVAL = 0.1
# Checking may take this part of the time at most.
_SHARE = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process(NamedTuple):
    """What is known of a process."""

    id: int
    session: int
    threads: int
    started: int
    memory: int


class Guard:
    """Enforces the limits of a sandbox.

    Attributes:
        next_look: When it wants to look again, on the monotonic clock.
    """

    def __init__(self, bounds: Mapping[str, int | None]) -> None:
        self._processes = bounds["processes"]
        self._memory = bounds["memory"]
        self.next_look = 0.0

    def look(self) -> None:
        """Look, if it is time, and end what is too much."""
        began = time.monotonic()
        if began < self.next_look:
            return
        found = processes()
        if self._processes and sum(process.threads for process in found) > self._processes:
            self._end_the_largest(
                lambda process: process.threads,
                self._processes,
                f"more than {self._processes:,} processes and threads ran in the sandbox",
            )
        elif (
            self._memory
            and sum(process.memory for process in found) > self._memory
            # What processes share was counted for each of them. This divides it.
            and sum(map(memory_share, found)) > self._memory
        ):
            self._end_the_largest(
                memory_share,
                self._memory,
                f"the processes of the sandbox used more than {self._memory:,} bytes of memory",
            )
        ended = time.monotonic()
        self.next_look = ended + max(_INTERVAL, (ended - began) / _SHARE)

    def _end_the_largest(self, size: Callable[[Process], int], bound: int, reason: str) -> None:
        """End sessions, the largest and newest first, until half of the bound is left."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGSTOP)  # all but us, at once: nobody starts anything now
        try:
            sessions: dict[int, list[Process]] = {}
            for process in processes():
                sessions.setdefault(process.session, []).append(process)
            sizes = {session: sum(map(size, members)) for session, members in sessions.items()}
            total = sum(sizes.values())
            newest = {s: max(p.started for p in members) for s, members in sessions.items()}
            for session in sorted(sessions, key=lambda s: (sizes[s], newest[s]), reverse=True):
                if total <= bound // 2:
                    break
                _say(sessions[session], f"[ended by the sandbox: {reason}]\n")
                for process in sessions[session]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.id, signal.SIGKILL)
                total -= sizes[session]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGCONT)


def processes() -> list[Process]:
    """All processes of the sandbox but ourselves."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            # It may end while we look.
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b") ")[2].split()
                found.append(
                    Process(
                        id=int(name),
                        session=int(fields[3]),
                        threads=max(1, int(fields[17])),  # a zombie has none
                        started=int(fields[19]),
                        memory=int(fields[21]) * _PAGE,
                    )
                )
    return found


def memory_share(process: Process) -> int:
    """The memory of a process, with its part only of what it shares with others."""
    try:
        with open(f"/proc/{process.id}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:  # it has ended, or nobody may look at it
        pass
    return process.memory


def _say(members: list[Process], text: str) -> None:
    """Write to the standard error of the first process of a session."""
    first = min(members, key=lambda process: process.started)
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY
        errors = os.open(f"/proc/{first.id}/fd/2", flags)
        try:
            os.write(errors, text.encode())
        finally:
            os.close(errors)
