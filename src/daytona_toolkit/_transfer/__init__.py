"""What upload and download share.

Both compare sums first and move what differs, so a transfer that was interrupted goes on where
it stopped when it is asked for again. Small files travel many at a time; a large one in parts,
which wait in a folder until all have come, so that memory holds one part.

Symlinks are not moved in either direction: nobody can promise what one would lead to on the other
side. The notes of the result name them.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from daytona_toolkit._remote import quote
from daytona_toolkit._text import count_of, first_few, printable
from daytona_toolkit._transfer.local_files import Item, Tree
from daytona_toolkit._transfer.progress import OnProgress
from daytona_toolkit._transfer.result import TransferResult
from daytona_toolkit._workspace import Workspace

# Bytes of one part of a large file, and of small files that travel together.
PART = 2 * 1024 * 1024

# Files that travel together. One that is not alike the others takes the sandbox some milliseconds.
_TOGETHER = 500
_NAMED = 5


@dataclass(frozen=True)
class Remote:
    """What is moved, at its end in the sandbox.

    Attributes:
        workspace: Where it is.
        given: Its path, as the caller gave it.
        full: Its path, absolute.
    """

    workspace: Workspace
    given: str
    full: str

    def path(self, name: str) -> str:
        """The absolute path of something below it."""
        return f"{self.full.rstrip('/')}/{name}" if name else self.full

    def folders(self, names: Iterable[str]) -> "Iterator[Folder]":
        """The folders in which these are, each with as many as travel together."""
        within: dict[str, dict[str, str]] = {}
        for name in names:
            folder, _, last = self.path(name).rpartition("/")
            within.setdefault(folder or "/", {})[last] = name
        for folder, known in within.items():
            for start in range(0, len(known), _TOGETHER):
                yield Folder(folder, dict(islice(known.items(), start, start + _TOGETHER)))


@dataclass(frozen=True)
class Folder:
    """A folder of the sandbox, with some of what is in it.

    Attributes:
        path: The folder, absolute.
        names: Names in it, and the names that the same things have below what is moved.
    """

    path: str
    names: Mapping[str, str]

    @property
    def words(self) -> str:
        """The folder and the names in it, as words of `sh`; each name begins with `./`."""
        return " ".join(map(quote, [self.path, *(f"./{name}" for name in self.names)]))


@dataclass
class Report:
    """What was moved so far: it becomes the result.

    Attributes:
        tell: Is called with the progress.
        total: Bytes in all.
        done: Bytes that are there, of whole files and of parts.
        files: Files that were moved.
        bytes: Their bytes.
        skipped: Files that were there already.
        omitted: Names that were left out, by the reason.
    """

    tell: OnProgress | None
    total: int = 0
    done: int = 0
    files: int = 0
    bytes: int = 0
    skipped: int = 0
    omitted: dict[str, list[str]] = field(default_factory=dict)

    def begin(self, tree: Tree) -> None:
        """Learn what is to be moved, and what is left out."""
        self.total = sum(item.size for item in tree.items)
        for name, reason in tree.omitted:
            self.omit(name, reason)

    async def advance(self, size: int, name: str) -> None:
        """Tell that some more bytes of a file are there."""
        self.done += size
        if self.tell:
            told = self.tell(self.done, self.total, name)
            if inspect.isawaitable(told):
                await told

    def count(self, item: Item) -> None:
        """Count a file that was moved."""
        self.files += 1
        self.bytes += item.size

    async def moved(self, item: Item) -> None:
        """Count a file that was moved, and tell."""
        self.count(item)
        await self.advance(item.size, item.name)

    async def was_there(self, item: Item) -> None:
        """Count a file that was there already, and tell."""
        self.skipped += 1
        await self.advance(item.size, item.name)

    def omit(self, name: str, reason: str) -> None:
        """Remember that a name was left out."""
        self.omitted.setdefault(reason, []).append(printable(name))

    def result(self, path: str) -> TransferResult:
        """The result, with a note for each reason."""
        notes = []
        for reason, names in self.omitted.items():
            shown = first_few(sorted(names), _NAMED)
            notes.append(f"{count_of(len(names), 'path')} skipped ({reason}): {shown}")
        return TransferResult(
            path=path,
            files=self.files,
            bytes=self.bytes,
            skipped=self.skipped,
            notes=tuple(notes),
        )


def batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """The small files, as many at a time as travel together."""
    batch: list[Item] = []
    size = 0
    for item in items:
        if item.size > PART:
            continue
        if batch and (size + item.size > PART or len(batch) == _TOGETHER):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch
