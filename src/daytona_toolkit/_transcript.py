"""What a session has done, for people to look at."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from daytona_toolkit._text import count_of
from daytona_toolkit.results import (
    EditResult,
    ExecResult,
    GrepResult,
    JobStatus,
    Listing,
    ReadResult,
    TransferResult,
    WriteResult,
)

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
    """The newest operations of a session, oldest first; `str()` gives a table.

    Args:
        bound: How many are kept.
    """

    def __init__(self, bound: int = _KEPT) -> None:
        self._steps: deque[Step] = deque(maxlen=bound)
        self._lock = threading.Lock()

    def add(self, operation: str, target: str, outcome: str, *, ok: bool, duration: float) -> Step:
        """Remember an operation that has just ended."""
        line = " ".join(target.split())
        shown = line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
        step = Step(datetime.now(timezone.utc), operation, shown, outcome, ok, duration)
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


def outcome_of(result: Any) -> tuple[bool, str]:
    """Whether an operation did what was asked, and how it went, in a few words."""
    match result:
        case ExecResult(timed_out=True):
            return False, "timed out"
        case ExecResult(running=True):
            return True, f"started {result.job_id}"
        case ExecResult(exit_code=None):
            return False, "lost"
        case ExecResult():
            return result.exit_code == 0, f"exit {result.exit_code}"
        case JobStatus():
            return True, result.state
        case ReadResult(image=None):
            return True, f"lines {result.start_line} to {result.end_line} of {result.total_lines}"
        case ReadResult() | WriteResult():
            return True, count_of(result.size, "byte")
        case EditResult():
            return True, count_of(result.occurrences, "place")
        case Listing():
            return True, f"{len(result.entries):,} found"
        case GrepResult():
            return True, f"{len(result.matches):,} found"
        case TransferResult():
            return True, f"{count_of(result.files, 'file')} moved"
        case bytes():
            return True, count_of(len(result), "byte")
        case bool():
            return True, "yes" if result else "no"
        case list():
            return True, f"{len(result)} found"
    return True, "done"
