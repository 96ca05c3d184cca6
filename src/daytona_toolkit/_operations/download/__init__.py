"""download: copy files and folders of the sandbox to the host."""

import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path

from daytona_toolkit._arguments import AnyPath, check_path
from daytona_toolkit._refusals import check_refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._search import BOTTOMLESS
from daytona_toolkit._transfer import PART, Remote, Report, batches
from daytona_toolkit._transfer import local_files as host
from daytona_toolkit._transfer.local_files import OMITTED, Item, Tree, writing
from daytona_toolkit._transfer.progress import OnProgress, progress_of
from daytona_toolkit._transfer.records import RECORD, files_of, is_executable, name_of
from daytona_toolkit._transfer.result import TransferResult
from daytona_toolkit._workers import in_thread_if_large
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import FileChangedError, NotAFileError

# Seconds to hash the files of a folder, whose size is not known before.
_TREE_TIME = 600.0

_TREE = Source(__name__, "tree")
_READ_WHOLE = Source(__name__, "read_whole")
_READ_RANGES = Source(__name__, "read_ranges")

_UNSAFE = "a symlink, device or pipe is in the way, or this system cannot store the name"
_MISSPELT = "the sandbox's tools misspell a name that is not UTF-8; rename it, or download again"

# Bytes of a single file that comes with the first request.
_SMALL = 1024 * 1024

# The record after the last one: it proves that the folder was listed to its end.
_LAST = b" ///\n"


async def download(
    workspace: Workspace,
    remote: AnyPath,
    local: AnyPath,
    *,
    on_progress: OnProgress | None = None,
) -> TransferResult:
    """Copy a file or a folder of the sandbox to this host.

    As `upload`, the other way. Nothing is written outside `local`, or outside what it leads
    to if it is a symlink: symlinks of the sandbox are skipped, none that is here is followed
    below `local`, and names such as `..` are refused. No device, pipe or socket is replaced.
    The notes of the result say what was skipped.

    Args:
        remote: The file or folder there.
        local: The path that it gets here; `~` is your home.
        on_progress: As for `upload`.

    Returns:
        How much was moved, and what was skipped.

    Raises:
        PathNotFoundError: There is no such file there.
        NotAFileError: It is a device there, or there is a device in its place here.
        PathDeniedError: It may not be read there, or written here.
        OutsideRootError: It lies outside the root of a confined session.
        WriteFailedError: It could not be written here.
        FileChangedError: The file was changed while it was read.

    Example:
        ```python
        session.download("report.pdf", "report.pdf")
        ```
    """
    with progress_of(f"download {remote}", on_progress) as tell:
        return await _download(workspace, remote, local, tell)


async def _download(
    workspace: Workspace, remote: AnyPath, local: AnyPath, tell: OnProgress | None
) -> TransferResult:
    remote, local = check_path(remote), check_path(local)
    source = Remote(workspace, remote, workspace.resolve(remote))
    place = host.path_of(local)
    target = await writing(host.target_of, place)
    report = Report(tell)
    tree, small = await _tree(source)
    if not tree.folders and await writing(Path.is_dir, target):
        raise NotAFileError(
            f"{local!r} is a folder, and {remote!r} is a file; name the file to make in it.", local
        )
    report.begin(tree)
    wanted = await _wanted(target, local, tree, report)
    for batch in batches(list(wanted)):
        contents = await _get_whole(source, batch) if small is None else [small]
        for item, content in zip(batch, contents, strict=True):
            if content is None:
                _changed(item, remote, report)
            else:
                await writing(host.save, wanted[item], item, content)
                await report.moved(item)
    for item, place in wanted.items():
        if item.size > PART:
            if await _get_parts(source, place, item, report):
                report.count(item)
            else:
                _changed(item, remote, report)
    return report.result(source.full)


async def _wanted(target: Path, local: str, tree: Tree, report: Report) -> dict[Item, Path]:
    """The files that are not on the host yet, and their places there; makes the folders."""
    names = [item.name for item in tree.items]
    of_folders, of_files = await writing(host.places_for, target, tree.folders, names)
    if of_files.get("", target) is None:
        raise NotAFileError(
            f"{local!r} on this host is a device, a pipe or a socket, which is not replaced; name "
            "a file.",
            local,
        )
    for name in tree.folders:
        if place := of_folders[name]:
            await writing(host.make_folder, place)
        else:
            report.omit(name, _UNSAFE)
    wanted: dict[Item, Path] = {}
    for item in tree.items:
        place = of_files[item.name]
        if place is None:
            report.omit(item.name, _UNSAFE)
        elif await writing(host.is_there, place, item):
            await report.was_there(item)
        else:
            wanted[item] = place
    return wanted


def _is_complete(reply: Reply) -> bool:
    """Whether a folder was listed to its end, and a file has a sum, or all of its content."""
    is_listed = reply.blobs.get("entries", _LAST).endswith(_LAST)
    size = reply.values.get("entry", "").partition(" ")[2]
    is_short = "content" in reply.blobs and len(reply.blobs["content"]) < int(size or 0)
    return is_listed and not is_short and reply.values.get("sum") != ""


async def _tree(source: Remote) -> tuple[Tree, bytes | None]:
    """What there is to download, and the content of a single file that is small."""
    reply = await source.workspace.run(
        _TREE,
        _is_complete,
        wait=_TREE_TIME,
        path=source.full,
        hidden="yes",
        depth=BOTTOMLESS,
        small=_SMALL,
    )
    check_refusal(reply, source.given, source.workspace)
    if "entry" in reply.values:
        mode, size = reply.values["entry"].split()
        content = reply.blobs.get("content")
        if content is not None:
            size, sum_ = str(len(content)), hashlib.sha256(content).hexdigest()
        else:
            sum_ = reply.values["sum"].split()[0]
        return Tree([Item("", int(size), sum_, is_executable(mode))]), content
    length = len(reply.blobs.get("entries", b""))
    return await in_thread_if_large(length, _contents, reply), None


def _contents(reply: Reply) -> Tree:
    """What there is in a folder."""
    entries = reply.blobs.get("entries", b"")
    tree = Tree(files_of(entries, reply.blobs.get("sums", b"")), [""])
    summed = {item.name for item in tree.items}
    for mode, _, _, raw in RECORD.findall(entries):
        name = name_of(raw)
        kind = stat.S_IFMT(int(mode, 16))
        if kind == stat.S_IFDIR:
            tree.folders.append(name)
        elif kind == stat.S_IFLNK:
            tree.omitted.append((name, OMITTED["symlink"]))
        elif kind != stat.S_IFREG:
            tree.omitted.append((name, OMITTED["other"]))
        elif name not in summed:
            tree.omitted.append((name, "not readable"))
    return tree


async def _get_whole(source: Remote, items: Sequence[Item]) -> list[bytes | None]:
    """The contents of files; None for one that has changed.

    Where one has, what comes after it in its folder is asked for once more, alone.
    """
    known = {item.name: item for item in items}
    folders = list(source.folders(known))
    reply = await source.workspace.run(_READ_WHOLE, folders=[folder.words for folder in folders])
    contents: dict[str, bytes] = {}
    for index, folder in enumerate(folders):
        content, start = reply.blobs.get(f"content.{index}", b""), 0
        for item in (known[name] for name in folder.names.values()):
            if _is_whole(item, part := content[start : start + item.size]):
                contents[item.name] = part
            start += item.size
    if missing := [item for item in items if item.name not in contents]:
        found = await _get(source, [(item, 0, item.size) for item in missing])
        for item, part in zip(missing, found, strict=True):
            if _is_whole(item, part):
                contents[item.name] = part
    return [contents.get(item.name) for item in items]


def _is_whole(item: Item, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == item.sum


async def _get(source: Remote, ranges: Sequence[tuple[Item, int, int]]) -> list[bytes]:
    """Ranges of files; shorter ones where a file has changed."""
    reply = await source.workspace.run(
        _READ_RANGES,
        paths=[source.path(item.name) for item, _, _ in ranges],
        ranges="\n".join(f"{start} {length}" for _, start, length in ranges),
    )
    return [reply.blobs.get(f"r{index}", b"") for index in range(len(ranges))]


async def _get_parts(source: Remote, place: Path, item: Item, report: Report) -> bool:
    """Save a large file, part by part; False if it has changed meanwhile."""
    partial = host.partial_of(place, item)
    start = await writing(host.resumable_size, partial, PART)
    await report.advance(start, item.name)
    while start < item.size:
        (content,) = await _get(source, [(item, start, min(PART, item.size - start))])
        if not content:  # it was removed, or cut short
            await writing(Path.unlink, partial, missing_ok=True)
            return False
        await writing(host.append, partial, start, content)
        start += len(content)
        await report.advance(len(content), item.name)
    if await writing(host.sum_of, partial) != item.sum:
        await writing(Path.unlink, partial)
        return False
    await writing(host.finish, place, partial, item)
    return True


def _changed(item: Item, remote: str, report: Report) -> None:
    if not item.name:
        raise FileChangedError(
            f"{remote!r} was changed while it was downloaded; download it again.", remote
        )
    # The tools of uutils, as Ubuntu has them, spell a name that is not UTF-8 so.
    is_misspelt = "\N{REPLACEMENT CHARACTER}" in item.name
    report.omit(item.name, _MISSPELT if is_misspelt else "changed meanwhile; download again")
