"""What the client has seen of files, so that an edit need not fetch them again.

Nothing here is trusted: the sandbox compares before it changes a file.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

# Windows of one file that are remembered.
_WINDOWS = 16


@dataclass
class Seen:
    """What was seen of one file: all of it, or windows by their first line."""

    content: bytes | None = None
    windows: dict[int, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.content or b"") + sum(map(len, self.windows.values()))


class FileCache:
    """What was seen of files, by absolute path; the least recently used is dropped first.

    Args:
        bound: Bytes that it keeps at the most.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._files: OrderedDict[str, Seen] = OrderedDict()
        self._size = 0

    def content(self, path: str) -> bytes | None:
        """All of a file, if all of it was seen."""
        return self._look_up(path).content

    def windows(self, path: str) -> dict[int, bytes]:
        """Windows of a file, by their first line."""
        return dict(self._look_up(path).windows)

    def put(self, path: str, content: bytes) -> None:
        """Remember all of a file."""
        self._store(path, Seen(content))

    def put_window(self, path: str, first: int, lines: bytes) -> None:
        """Remember a window of a file, if all of it is not known."""
        seen = self._look_up(path)
        if seen.content is None:
            newest = list(seen.windows.items())[-(_WINDOWS - 1) :]
            self._store(path, Seen(windows={**dict(newest), first: lines}))

    def keep_windows(self, path: str, windows: dict[int, bytes]) -> None:
        """Remember just these windows of a file."""
        self._store(path, Seen(windows=windows))

    def drop(self, path: str) -> None:
        """Forget a file."""
        if path in self._files:
            self._size -= self._files.pop(path).size

    def _look_up(self, path: str) -> Seen:
        if path not in self._files:
            return Seen()
        self._files.move_to_end(path)
        return self._files[path]

    def _store(self, path: str, seen: Seen) -> None:
        self.drop(path)
        self._files[path] = seen
        self._size += seen.size
        while self._size > self._bound:
            self.drop(next(iter(self._files)))
