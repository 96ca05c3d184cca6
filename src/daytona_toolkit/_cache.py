"""A cache of file contents, so that an edit need not search the sandbox for its place.

Nothing here is trusted: the sandbox compares before it changes a file.
"""

from collections import OrderedDict


class FileCache:
    """Files whose whole content was seen, by absolute path; the least recently used goes first.

    Args:
        bound: Bytes that it keeps at most, paths too: a file may be empty.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, path: str) -> bytes | None:
        """All of a file, if it was seen."""
        if path in self._files:
            self._files.move_to_end(path)
        return self._files.get(path)

    def put(self, path: str, content: bytes) -> None:
        """Remember a file."""
        self.drop(path)
        self._files[path] = content
        self._size += len(path) + len(content)
        while self._size > self._bound:
            self.drop(next(iter(self._files)))

    def drop(self, path: str) -> None:
        """Forget a file."""
        if path in self._files:
            self._size -= len(path) + len(self._files.pop(path))

    def drop_tree(self, path: str) -> None:
        """Forget a file, or all files below a folder."""
        below = [each for each in self._files if each.startswith(f"{path.rstrip('/')}/")]
        for each in (path, *below):
            self.drop(each)
