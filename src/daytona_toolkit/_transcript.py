"""The log of what a session has done, for people."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from daytona_toolkit._result import Outcome

_KEPT = 1000
_SHOWN = 60


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        at: When it ended.
        operation: Its name.
        target: The path or command, its start where it is long.
        outcome: How it went, in a few words.
        ok: Whether it did what was asked; a command that fails has not.
        duration: Seconds that it took.
    """

    at: datetime
    operation: str
    target: str
    outcome: str
    ok: bool
    duration: float


class Transcript:
    """The newest operations of a session, oldest first; `str()` gives a table."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def add(self, operation: str, target: str, outcome: Outcome, duration: float) -> Step:
        """Remember an operation that has just ended."""
        line = " ".join(target.split())
        shown = line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
        step = Step(
            datetime.now(timezone.utc), operation, shown, outcome.words, outcome.ok, duration
        )
        with self._lock:
            self._steps.append(step)
        return step

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Step]:
        with self._lock:
            return iter(list(self._steps))

    def __str__(self) -> str:
        rows = [("", "operation", "target", "outcome", "seconds")]
        rows += [
            ("" if s.ok else "!", s.operation, s.target, s.outcome, f"{s.duration:.3f}")
            for s in self
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )
