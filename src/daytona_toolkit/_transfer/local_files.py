"""Files of the host, as a transfer reads and writes them.

What a sandbox calls a file may be anything, and is checked here before it becomes a path. No
symlink is followed below the folder that was asked for, and a file takes its name when it is
whole.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Concatenate, ParamSpec, TypeVar

from daytona_toolkit._workers import in_thread
from daytona_toolkit.errors import (
    InvalidArgumentError,
    NotAFileError,
    PathDeniedError,
    PathError,
    PathNotFoundError,
    WriteFailedError,
)

# Windows has no mode bit for executables, and gives some characters of a name a meaning.
_POSIX = os.name == "posix"
_MISREAD = frozenset() if _POSIX else frozenset('<>:"|?*\\')

_BLOCK = 1024 * 1024

# Why things are left out, by what they are.
OMITTED = {
    "symlink": "symlinks are not moved",
    "other": "only files and folders are moved",
}

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """A file on its way.

    Attributes:
        name: Its path below what is moved; empty if that is the file itself.
        size: Its bytes.
        sum: Their sha256.
        executable: Whether it may be run; None where the system has no such mode.
    """

    name: str
    size: int
    sum: str
    executable: bool | None

    def matches(self, other: "Item | None") -> bool:
        """Whether the other file has the same content, and the same mode where that is known."""
        if other is None or self.sum != other.sum:
            return False
        return None in (self.executable, other.executable) or self.executable == other.executable


@dataclass
class Tree:
    """What is to be moved.

    Attributes:
        items: The files.
        folders: The folders, the whole itself under an empty name; none if that is a file.
        omitted: What is left out, with the reason.
    """

    items: list[Item] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    omitted: list[tuple[str, str]] = field(default_factory=list)


async def reading(
    work: Callable[Concatenate[Path, P], T], path: Path, *args: P.args, **options: P.kwargs
) -> T:
    """Read a file or folder of the host, in a thread.

    Raises:
        PathNotFoundError, PathDeniedError, PathError: What the host says of a file at the path or
            below it.
    """
    try:
        return await in_thread(work, path, *args, **options)
    except OSError as error:
        raise _error_for(error, str(error.filename or path), "read", PathError) from error


async def writing(
    work: Callable[Concatenate[Path, P], T], path: Path, *args: P.args, **options: P.kwargs
) -> T:
    """Write a file or folder of the host, or see what is in its place, in a thread.

    Raises:
        PathNotFoundError, PathDeniedError, WriteFailedError: What the host says of the path.
    """
    try:
        return await in_thread(work, path, *args, **options)
    except OSError as error:
        raise _error_for(error, str(path), "written", WriteFailedError) from error


def _error_for(error: OSError, path: str, done: str, otherwise: type[PathError]) -> PathError:
    """The error of ours for what the host says of a path."""
    match error:
        case FileNotFoundError():
            return PathNotFoundError(
                f"{path!r} does not exist on this host. Correct the path; or try again, if "
                "something has just removed it.",
                path,
            )
        case PermissionError():
            return PathDeniedError(
                f"No permission on this host for {path!r}. Change its mode, or choose another.",
                path,
            )
    return otherwise(
        f"{path!r} on this host could not be {done}: {error.strerror or error}. Mend that, or "
        "choose another path.",
        path,
    )


def empty_folders(tree: Tree) -> list[str]:
    """The folders that no file brings along."""
    filled = {str(parent) for item in tree.items for parent in PurePath(item.name).parents}
    return [name for name in tree.folders if (name or ".") not in filled]


def scan(source: Path) -> Tree:
    """What is at a path and below it, in order.

    Raises:
        NotAFileError: The path is a device or a pipe.
    """
    if not source.is_dir():
        if source.exists() and not source.is_file():
            raise NotAFileError(
                f"{str(source)!r} on this host is neither a file nor a folder; name one.",
                str(source),
            )
        return Tree([item_at(source, "")])
    tree, waiting = Tree(), [""]
    while waiting:
        above = waiting.pop()
        tree.folders.append(above)
        for entry in (source / above).iterdir():
            name = f"{above}/{entry.name}" if above else entry.name
            if entry.is_symlink():
                tree.omitted.append((name, OMITTED["symlink"]))
            elif entry.is_dir():
                waiting.append(name)
            elif entry.is_file():
                tree.items.append(item_at(entry, name))
            else:
                tree.omitted.append((name, OMITTED["other"]))
    tree.items.sort(key=lambda item: item.name)
    tree.folders.sort()
    return tree


def read_small(path: Path, max_bytes: int) -> tuple[Item, bytes] | None:
    """A file and its content; None if it is larger, or something else."""
    if not path.is_file() or path.stat().st_size > max_bytes:
        return None
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Item("", len(content), digest, _is_executable(path)), content


def item_at(path: Path, name: str) -> Item:
    """What a file is like."""
    try:
        return Item(name, path.stat().st_size, sum_of(path), _is_executable(path))
    except OSError as error:
        error.filename = str(path)  # a disk that fails does not name it
        raise


def _is_executable(path: Path) -> bool | None:
    return bool(path.stat().st_mode & 0o111) if _POSIX else None


def sum_of(path: Path) -> str:
    """The sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_range(path: Path, start: int, length: int) -> bytes:
    """Some bytes of a file."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)


def path_of(text: str) -> Path:
    """The path that a caller named; `~` is the home folder."""
    path = Path(text)
    if path.parts[:1] != ("~",):
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InvalidArgumentError(
            f"{text!r} names a home folder that is not known here; give an absolute path."
        ) from error


def target_of(path: Path) -> Path:
    """Where a download to a path goes: through a symlink that was asked for."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def places_for(
    target: Path, folders: Iterable[str], files: Iterable[str]
) -> tuple[dict[str, Path | None], dict[str, Path | None]]:
    """Where files and folders of these names go on the host; None where no place is safe.

    Args:
        target: What the whole becomes.
        folders: Folders below it, parents first.
        files: Files below it; the empty name is the target itself.
    """
    known: dict[str, Path | None] = {"": target}
    for name in folders:
        place = _place_in(known, name)
        known[name] = None if name and place and place.is_symlink() else place
    places = {name: _place_in(known, name) for name in files}
    return known, {
        n: None if place and _is_special(place) else place for n, place in places.items()
    }


def _is_special(place: Path) -> bool:
    """Whether there is a device, a pipe or a socket, which no file may replace."""
    try:
        kind = stat.S_IFMT(place.lstat().st_mode)
    except OSError:  # nothing does
        return False
    return kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)


def _place_in(known: dict[str, Path | None], name: str) -> Path | None:
    folder, _, part = name.rpartition("/")
    above = known.get(folder)
    if not name or above is None:
        return known.get(name)
    if part in ("", ".", "..") or "\0" in part or _MISREAD & set(part):
        return None
    if not _POSIX and part[-1] in " .":
        return None
    return above / part


def is_there(place: Path, item: Item) -> bool:
    """Whether a file is there already."""
    if place.is_symlink() or not place.is_file() or place.stat().st_size != item.size:
        return False
    return item.matches(item_at(place, item.name))


def make_folder(place: Path) -> None:
    """Make a folder, and those above it."""
    if place.is_symlink() and not place.is_dir():
        raise FileExistsError(errno.EEXIST, "A symlink that leads nowhere is in the way")
    place.mkdir(parents=True, exist_ok=True)


def save(place: Path, item: Item, content: bytes) -> None:
    """Write a file, whole or not at all."""
    partial = partial_of(place, item)
    try:
        append(partial, 0, content)
        finish(place, partial, item)
    finally:
        partial.unlink(missing_ok=True)


def partial_of(place: Path, item: Item) -> Path:
    """The file beside it that collects its parts, and that another transfer finds again."""
    # Others of the same content may be on their way to the same folder.
    mark = hashlib.sha256(os.fsencode(place.name) + item.sum.encode()).hexdigest()[:16]
    return place.with_name(f".daytona-{mark}.part")


def resumable_size(partial: Path, part: int) -> int:
    """Bytes of whole parts that an earlier transfer has left."""
    with contextlib.suppress(FileNotFoundError):
        if not partial.is_symlink():
            return partial.stat().st_size // part * part
    return 0


def append(partial: Path, start: int, content: bytes) -> None:
    """Write a part after those before it."""
    if not start:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)  # and not through it, if it is a symlink
    with partial.open("r+b" if start else "xb") as file:
        file.truncate(start)
        file.seek(start)
        file.write(content)


def finish(place: Path, partial: Path, item: Item) -> None:
    """Let the file take its name, with the mode of the one that it replaces."""
    if _POSIX:
        old = place if place.is_file() and not place.is_symlink() else partial
        mode = stat.S_IMODE(old.stat().st_mode)
        # Those who may read a program may run it.
        partial.chmod(mode | (mode & 0o444) >> 2 if item.executable else mode & ~0o111)
    partial.replace(place)
