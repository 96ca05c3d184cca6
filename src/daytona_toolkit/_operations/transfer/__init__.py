"""upload and download: files and folders between the host and the sandbox.

Both ways compare sums first and move what differs, so a transfer that was interrupted goes
on where it stopped when it is asked for again. Small files travel many at a time; a large
one in parts, which wait in a folder until all have come, so that memory holds one part.

Symlinks are not moved, in neither direction: what one would lead to on the other side, nobody
can promise. The notes of the result name them.
"""

import base64
import hashlib
import inspect
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from daytona_toolkit._operations.transfer import local_files as host
from daytona_toolkit._operations.transfer.local_files import Item, on_host
from daytona_toolkit._operations.transfer.progress import OnProgress, progress_of
from daytona_toolkit._operations.transfer.result import TransferResult
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._text import count_of, printable
from daytona_toolkit._workspace import AnyPath, Workspace, check_path
from daytona_toolkit.errors import FileChangedError, NotAFileError

# Bytes of one part of a large file, and of small files that travel together.
_PART = 2 * 1024 * 1024
# Files that travel together. Each takes the sandbox some milliseconds.
_TOGETHER = 200
# Bytes a second that the sandbox is trusted to hash, and requests wait for.
_HASHING = 50_000_000
# Seconds for the sums of what a folder holds, whose size is not known before.
_TREE_TIME = 600.0
_BOTTOMLESS = 10_000
_NAMED = 5

_SURVEY, _UNPACK, _TREE, _PACK = (
    Source(__name__, name) for name in ("survey", "unpack", "tree", "pack")
)

_LEFT_OUT = {
    "symlink": "symlinks are not moved",
    "other": "only files and folders are moved",
}
_UNSAFE = "a symlink is in the way, or this system cannot store the name"

_RECORD = re.compile(rb"([0-9a-f]+) (\d+) (-?\d+) \./(.+?)//\n", re.DOTALL)
# The record behind the last one; it is proof that the folder was listed to its end.
_LAST = b" ///\n"
_SUM = re.compile(rb"(\\?)([0-9a-f]{64})  ")


@dataclass(frozen=True)
class Target:
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


@dataclass
class Progress:
    """How far a transfer is.

    Attributes:
        tell: What is told of it: bytes that are there, bytes in all, and the file.
        total: Bytes in all.
        done: Bytes that are there.
    """

    tell: OnProgress | None
    total: int
    done: int = 0

    async def add(self, size: int, name: str) -> None:
        """Some more bytes are there."""
        self.done += size
        if self.tell:
            told = self.tell(self.done, self.total, name)
            if inspect.isawaitable(told):
                await told


@dataclass
class Tally:
    """What becomes the result.

    Attributes:
        files: Files that were moved.
        bytes: Their bytes.
        skipped: Files that were there already.
        left_out: Names that were left out, by the reason.
    """

    files: int = 0
    bytes: int = 0
    skipped: int = 0
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def count(self, item: Item) -> None:
        """Count a file that was moved."""
        self.files += 1
        self.bytes += item.size

    def leave_out(self, name: str, reason: str) -> None:
        """Remember that a name was left out."""
        self.left_out.setdefault(reason, []).append(printable(name))

    def result(self, path: str) -> TransferResult:
        """The result, with a note for each reason."""
        notes = []
        for reason, names in self.left_out.items():
            shown = ", ".join(sorted(names)[:_NAMED]) + (", …" if len(names) > _NAMED else "")
            notes.append(f"{count_of(len(names), 'path')} skipped ({reason}): {shown}")
        return TransferResult(
            path=path,
            files=self.files,
            bytes=self.bytes,
            skipped=self.skipped,
            notes=tuple(notes),
        )


async def upload(
    workspace: Workspace,
    local: AnyPath,
    remote: AnyPath,
    *,
    on_progress: OnProgress | None = None,
) -> TransferResult:
    """Bring a file or folder of the host into the sandbox."""
    with progress_of(f"upload {remote}", on_progress) as tell:
        return await _upload(workspace, local, remote, tell)


async def _upload(
    workspace: Workspace, local: AnyPath, remote: AnyPath, tell: OnProgress | None
) -> TransferResult:
    source = Path(check_path(local))
    target = Target(workspace, check_path(remote), workspace.resolve(remote))
    tally = Tally()
    found = await on_host(source, host.scan, source)
    for other in found:
        if other.kind in _LEFT_OUT:
            tally.leave_out(other.name, _LEFT_OUT[other.kind])
    items = [file.item for file in found if file.item]
    empty = await on_host(source, host.empty_folders, found)
    there, parts = await _survey(target, items, empty)
    progress = Progress(tell, sum(item.size for item in items))
    if missing := [name for name in empty if name not in there]:
        await _put_folders(target, missing)
    wanted = []
    for item in items:
        if item.is_like(there.get(item.name)):
            tally.skipped += 1
            await progress.add(item.size, item.name)
        else:
            wanted.append(item)
    for batch in _batches(wanted):
        await _put_batch(target, source, batch)
        for item in batch:
            tally.count(item)
            await progress.add(item.size, item.name)
    for item in wanted:
        if item.size > _PART:
            await _put_parts(target, source, item, parts, progress)
            tally.count(item)
    return tally.result(target.full)


async def download(
    workspace: Workspace,
    remote: AnyPath,
    local: AnyPath,
    *,
    on_progress: OnProgress | None = None,
) -> TransferResult:
    """Bring a file or folder of the sandbox to the host."""
    with progress_of(f"download {remote}", on_progress) as tell:
        return await _download(workspace, remote, local, tell)


async def _download(
    workspace: Workspace, remote: AnyPath, local: AnyPath, tell: OnProgress | None
) -> TransferResult:
    remote, local = check_path(remote), check_path(local)
    source = Target(workspace, remote, workspace.resolve(remote))
    target = Path(local)
    tally = Tally()
    items, folders = await _tree(source, tally)
    if not folders and await on_host(target, target.is_dir):
        raise NotAFileError(
            f"{str(local)!r} is a folder, and {remote!r} a file; name the file to make in it.",
            str(local),
        )
    progress = Progress(tell, sum(item.size for item in items))
    names = [item.name for item in items]
    of_folders, of_files = await on_host(target, host.places_for, target, folders, names)
    for name in folders:
        if place := of_folders[name]:
            await on_host(place, host.make_folder, place)
        else:
            tally.leave_out(name, _UNSAFE)
    wanted = []
    for item in items:
        place = of_files[item.name]
        if place is None:
            tally.leave_out(item.name, _UNSAFE)
        elif await on_host(place, host.has, place, item):
            tally.skipped += 1
            await progress.add(item.size, item.name)
        else:
            wanted.append((item, place))
    places = {item.name: place for item, place in wanted}
    for batch in _batches([item for item, _ in wanted]):
        contents = await _get(source, [(item, 0, item.size) for item in batch])
        for item, content in zip(batch, contents, strict=True):
            if hashlib.sha256(content).hexdigest() != item.sum:
                _changed(item, remote, tally)
                continue
            place = places[item.name]
            await on_host(place, host.save, place, item, content)
            tally.count(item)
            await progress.add(item.size, item.name)
    for item, place in wanted:
        if item.size > _PART:
            if await _get_parts(source, place, item, progress):
                tally.count(item)
            else:
                _changed(item, remote, tally)
    return tally.result(source.full)


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """The small files, as many at a time as travel together."""
    batch: list[Item] = []
    size = 0
    for item in items:
        if item.size > _PART:
            continue
        if batch and (size + item.size > _PART or len(batch) == _TOGETHER):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += item.size
    if batch:
        yield batch


async def _survey(
    target: Target, items: Sequence[Item], folders: Sequence[str]
) -> tuple[dict[str, Item | None], dict[str, int]]:
    """What the sandbox has already.

    Returns:
        Files and folders, by name; and parts of files, with their sizes.
    """
    within: dict[str, dict[str, str]] = {}
    for name in [*(item.name for item in items), *folders]:
        folder, _, last = target.path(name).rpartition("/")
        within.setdefault(folder or "/", {})[last] = name
    joined = (
        b"".join(name.encode("utf-8", "surrogateescape") + b"\0" for name in names)
        for names in within.values()
    )
    reply = await target.workspace.run(
        _SURVEY,
        wait=sum(item.size for item in items) / _HASHING,
        folders=list(within),
        names=" ".join(base64.b64encode(names).decode() for names in joined),
    )
    there: dict[str, Item | None] = {}
    for index, names in enumerate(within.values()):
        entries = reply.blobs.get(f"entries.{index}", b"")
        for found in _RECORD.findall(entries):
            there[names[_text(found[3])]] = None
        for item in _files(entries, reply.blobs.get(f"sums.{index}", b"")):
            there[names[item.name]] = item
    lines = reply.text("parts").split("\n")
    parts = dict(line.removeprefix("./").split(" ") for line in lines if line)
    return there, {name: int(size) for name, size in parts.items()}


async def _put_batch(target: Target, source: Path, items: Sequence[Item]) -> None:
    """Put small files in place with one request, or two."""
    data, plan = b"", []
    for item in items:
        path = source / item.name
        content = await on_host(path, path.read_bytes)
        plan.append(f"take {_mode(item)} {len(data)} {len(content)}")
        data += content
    await _unpack(target, [item.name for item in items], plan, data=data)


async def _put_folders(target: Target, names: Sequence[str]) -> None:
    """Make folders that no file is going to fill."""
    await _unpack(target, names, ["folder"] * len(names))


async def _put_parts(
    target: Target, source: Path, item: Item, there: dict[str, int], progress: Progress
) -> None:
    """Put a large file in place: its parts one by one, then the whole."""
    path = source / item.name
    names = []
    state = target.workspace.facts.state
    for offset in range(0, item.size, _PART):
        name, size = f"part-{item.sum}-{offset}", min(_PART, item.size - offset)
        known = next((each for each in there if each.startswith(f"{name}-")), "")
        if there.get(known) != size:
            content = await on_host(path, host.read_range, path, offset, size)
            # A new name for each attempt: one that was given up may still arrive.
            known = f"{name}-{secrets.token_hex(4)}"
            await target.workspace.sandbox.upload(f"{state}/{known}", content)
        names.append(known)
        await progress.add(size, item.name)
    plan = [f"join {_mode(item)} {item.sum} {' '.join(names)}"]
    await _unpack(target, [item.name], plan, wait=item.size / _HASHING)


async def _unpack(
    target: Target,
    names: Sequence[str],
    plan: Sequence[str],
    *,
    data: bytes = b"",
    wait: float = 0.0,
) -> None:
    """Put files in place, and complain of the first that was refused.

    Args:
        target: Where they go.
        names: What they are called there.
        plan: For each, what to do (see `unpack.sh`).
        data: The content of all of them.
        wait: Seconds that it may take.
    """
    workspace = target.workspace
    inline = len(data) <= workspace.limits.inline_bytes
    reply = await workspace.change(
        _UNPACK,
        data=b"" if inline else data,
        wait=wait,
        paths=[target.path(name) for name in names],
        plan="\n".join(plan),
        content=base64.b64encode(data if inline else b"").decode(),
    )
    if reply.failure:
        raise refusal(reply, target.given, workspace)
    for index, name in enumerate(names):
        workspace.files.drop(target.path(name))
        if code := reply.values.get(f"fail.{index}"):
            given = f"{target.given.rstrip('/')}/{name}" if name else target.given
            raise refusal(Reply({"fail": code}, reply.blobs), given, workspace)


async def _tree(source: Target, tally: Tally) -> tuple[list[Item], list[str]]:
    """What there is to download: files, and folders; of a single file there are none."""
    reply = await source.workspace.run(
        _TREE,
        lambda reply: reply.blobs.get("entries", _LAST).endswith(_LAST),
        wait=_TREE_TIME,
        path=source.full,
        hidden="yes",
        depth=_BOTTOMLESS,
    )
    if reply.failure:
        raise refusal(reply, source.given, source.workspace)
    if "entry" in reply.values:
        mode, size, _ = reply.values["entry"].split()
        sum_ = reply.values["sum"].split()[0]
        return [Item("", int(size), sum_, _is_program(mode))], []
    entries = reply.blobs.get("entries", b"")
    items = _files(entries, reply.blobs.get("sums", b""))
    summed = {item.name for item in items}
    folders = [""]
    for mode, _, _, raw in _RECORD.findall(entries):
        name = _text(raw)
        kind = stat.S_IFMT(int(mode, 16))
        if kind == stat.S_IFDIR:
            folders.append(name)
        elif kind == stat.S_IFLNK:
            tally.leave_out(name, _LEFT_OUT["symlink"])
        elif kind != stat.S_IFREG:
            tally.leave_out(name, _LEFT_OUT["other"])
        elif name not in summed:
            tally.leave_out(name, "not readable")
    return items, folders


async def _get(source: Target, ranges: Sequence[tuple[Item, int, int]]) -> list[bytes]:
    """Ranges of files; short ones where a file is no longer what it was."""
    reply = await source.workspace.run(
        _PACK,
        paths=[source.path(item.name) for item, _, _ in ranges],
        ranges="\n".join(f"{start} {length}" for _, start, length in ranges),
    )
    return [reply.blobs.get(f"r{index}", b"") for index in range(len(ranges))]


async def _get_parts(source: Target, place: Path, item: Item, progress: Progress) -> bool:
    """Save a large file, part by part; whether it still is what it was."""
    partial = host.partial_of(place, item)
    start = await on_host(partial, host.begun, partial, _PART)
    await progress.add(start, item.name)
    while start < item.size:
        (content,) = await _get(source, [(item, start, min(_PART, item.size - start))])
        if not content:
            break
        await on_host(partial, host.append, partial, start, content)
        start += len(content)
        await progress.add(len(content), item.name)
    if await on_host(partial, host.sum_of, partial) != item.sum:
        await on_host(partial, partial.unlink)
        return False
    await on_host(place, host.finish, partial, place, item)
    return True


def _changed(item: Item, remote: str, tally: Tally) -> None:
    if not item.name:
        raise FileChangedError(
            f"{remote!r} was changed while it was downloaded; download it again.", remote
        )
    tally.leave_out(item.name, "changed meanwhile; download again")


def _files(entries: bytes, sums: bytes) -> list[Item]:
    """Files with a sum; the sums stand in the order of the entries.

    GNU's sha256sum escapes some signs of a name and busybox does not, so the sum is found
    by the name, in either spelling.
    """
    found, position = [], 0
    for mode, size, _, name in _RECORD.findall(entries):
        if not stat.S_ISREG(int(mode, 16)):
            continue
        summed = _SUM.match(sums, position)
        if not summed:
            break
        spelt = b"./" + name
        if summed[1]:
            spelt = spelt.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        if not sums.startswith(spelt + b"\n", summed.end()):
            continue  # it cannot be read
        position = summed.end() + len(spelt) + 1
        found.append(
            Item(
                name=_text(name),
                size=int(size),
                sum=summed[2].decode(),
                program=_is_program(mode.decode()),
            )
        )
    return found


def _mode(item: Item) -> str:
    return "=" if item.program is None else "x" if item.program else "-"


def _is_program(mode: str) -> bool:
    return bool(int(mode, 16) & 0o111)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
