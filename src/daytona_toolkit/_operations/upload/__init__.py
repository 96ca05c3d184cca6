"""upload: copy files and folders of the host into the sandbox."""

from collections.abc import Sequence
from pathlib import Path

from daytona_toolkit._arguments import AnyPath, check_path
from daytona_toolkit._operations.upload.parcels import Parcel, mode_of, pack
from daytona_toolkit._refusals import check_refusal, refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._transfer import PART, Folder, Remote, Report, batches
from daytona_toolkit._transfer import local_files as host
from daytona_toolkit._transfer.local_files import Item, reading
from daytona_toolkit._transfer.progress import OnProgress, progress_of
from daytona_toolkit._transfer.records import RECORD, files_of, name_of
from daytona_toolkit._transfer.result import TransferResult
from daytona_toolkit._workers import in_thread, in_thread_if_large
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import WriteFailedError

# Bytes per second that a sandbox is expected to hash at least.
_HASHING = 50_000_000

_PUT = Source(__name__, "put")
_STAT_TARGETS = Source(__name__, "stat_targets")
_UNPACK = Source(__name__, "unpack")


async def upload(
    workspace: Workspace,
    local: AnyPath,
    remote: AnyPath,
    *,
    on_progress: OnProgress | None = None,
) -> TransferResult:
    """Copy a file or a folder of this host into the sandbox.

    What is there already with the same content is not sent again, so a transfer that
    was interrupted continues where it stopped. Each file is in place at once or not at
    all, and is executable there if it is here. Files that only the sandbox has stay;
    symlinks are skipped.

    Args:
        local: The file or folder here; `~` is your home.
        remote: The path that it gets there.
        on_progress: Called, where the caller waits, with the bytes that are there, the bytes
            in all, and the file that has just moved, or a part of it. For `aupload` it may
            be a coroutine function. Unless given there is a progress bar, on a terminal and
            with `rich` installed.

    Returns:
        How much was moved, and what was skipped.

    Raises:
        PathNotFoundError: There is no such file here.
        NotAFileError: It is a device here or there.
        NotAFolderError: A part of the path that should be a folder is a file.
        PathDeniedError: It may not be read here, or written there.
        OutsideRootError: It lies outside the root of a confined session.
        WriteFailedError: No space is left there.
        PathError: A file here could not be read for another reason.

    Example:
        ```python
        session.upload("data/", "data")
        ```
    """
    with progress_of(f"upload {remote}", on_progress) as tell:
        return await _upload(workspace, local, remote, tell)


async def _upload(
    workspace: Workspace, local: AnyPath, remote: AnyPath, tell: OnProgress | None
) -> TransferResult:
    source = host.path_of(check_path(local))
    target = Remote(workspace, check_path(remote), workspace.resolve(remote))
    report = Report(tell)
    if small := await reading(host.read_small, source, workspace.inline_bytes):
        await _put(target, *small, report)
        return report.result(target.full)
    tree = await reading(host.scan, source)
    report.begin(tree)
    empty = await in_thread(host.empty_folders, tree)
    there, parts = await _stat_targets(target, tree.items, empty)
    folders = {name for name, item in there.items() if item is None}
    if missing := [name for name in empty if name not in folders]:
        await _put_folders(target, missing)
    wanted = []
    for item in tree.items:
        if item.matches(there.get(item.name)):
            await report.was_there(item)
        else:
            wanted.append(item)
    for batch in batches(wanted):
        await _put_batch(target, source, batch)
        for item in batch:
            await report.moved(item)
    for item in wanted:
        if item.size > PART:
            await _put_parts(target, source, item, parts, report)
            report.count(item)
    return report.result(target.full)


async def _put(target: Remote, item: Item, content: bytes, report: Report) -> None:
    """Put one small file in place, if it is not there: one request."""
    workspace, report.total = target.workspace, item.size
    reply = await workspace.change(
        _PUT, data=content, path=target.full, sha256=item.sum, mode=mode_of(item)
    )
    check_refusal(reply, target.given, workspace)
    if "same" in reply.values:
        await report.was_there(item)
    else:
        workspace.files.drop(target.full)
        await report.moved(item)


async def _stat_targets(
    target: Remote, items: Sequence[Item], empty: Sequence[str]
) -> tuple[dict[str, Item | None], dict[str, int]]:
    """What the sandbox has already.

    Returns:
        Files and folders, by name; and parts of files, with their sizes.
    """
    folders = list(target.folders([*(item.name for item in items), *empty]))
    reply = await target.workspace.run(
        _STAT_TARGETS,
        wait=sum(item.size for item in items) / _HASHING,
        folders=[folder.words for folder in folders],
    )
    return await in_thread_if_large(sum(map(len, reply.blobs.values())), _found, folders, reply)


def _found(
    folders: Sequence[Folder], reply: Reply
) -> tuple[dict[str, Item | None], dict[str, int]]:
    """What a reply says of folders: files and folders in them; and parts of files."""
    there: dict[str, Item | None] = {}
    for index, folder in enumerate(folders):
        entries = reply.blobs.get(f"entries.{index}", b"")
        found: dict[str, Item | None] = {name_of(each[3]): None for each in RECORD.findall(entries)}
        for item in files_of(entries, reply.blobs.get(f"sums.{index}", b"")):
            found[item.name] = item
        # Some tools spell a name that is no UTF-8 in another way: what has it is sent again.
        there |= {folder.names[name]: found[name] for name in found.keys() & folder.names.keys()}
    lines = reply.text("parts").split("\n")
    parts = dict(line.removeprefix("./").split(" ") for line in lines if line)
    return there, {name: int(size) for name, size in parts.items()}


async def _put_batch(target: Remote, source: Path, items: Sequence[Item]) -> None:
    """Put small files in place with one request, or two."""
    contents = {item: await reading(Path.read_bytes, source / item.name) for item in items}
    plan, data = await in_thread(pack, target, contents)
    await _unpack(target, plan, data=data)


async def _put_folders(target: Remote, names: Sequence[str]) -> None:
    """Make folders that no file is going to fill."""
    folders = target.folders(names)
    await _unpack(target, [Parcel(folder, ["folder"] * len(folder.names)) for folder in folders])


async def _put_parts(
    target: Remote,
    source: Path,
    item: Item,
    there: dict[str, int],
    report: Report,
    *,
    again: bool = True,
) -> None:
    """Put a large file in place: its parts one by one, then the whole."""
    path = source / item.name
    names = []
    for offset in range(0, item.size, PART):
        name, size = f"part-{item.sum}-{offset}", min(PART, item.size - offset)
        known = next((each for each in there if each.startswith(f"{name}-")), "")
        if there.get(known) != size:
            content = await reading(host.read_range, path, offset, size)
            known = await target.workspace.upload(name, content)
        names.append(known)
        await report.advance(size, item.name)
    step = f"join {mode_of(item)} {item.sum} {' '.join(names)}"
    [folder] = target.folders([item.name])
    try:
        await _unpack(target, [Parcel(folder, [step])], wait=item.size / _HASHING)
    except WriteFailedError as error:
        # Another upload of the same content has found some of these, and is done with them.
        if not again or "No such file" not in str(error):
            raise
        report.done -= item.size
        await _put_parts(target, source, item, {}, report, again=False)


async def _unpack(
    target: Remote, plan: Sequence[Parcel], *, data: bytes = b"", wait: float = 0.0
) -> None:
    """Put files in place, and raise the error for the first that was refused.

    Args:
        target: Where they go.
        plan: What is to be done (see `unpack.sh`).
        data: The content of all of them.
        wait: Seconds that it may take.
    """
    workspace = target.workspace
    reply = await workspace.change(
        _UNPACK,
        data=data,
        wait=wait,
        folders=[parcel.folder.words for parcel in plan],
        plan="\n".join(line for parcel in plan for line in (parcel.archive, *parcel.steps)),
    )
    check_refusal(reply, target.given, workspace)
    names = [name for parcel in plan for name in parcel.folder.names.values()]
    for index, name in enumerate(names):
        workspace.files.drop(target.path(name))
        if code := reply.values.get(f"fail.{index}"):
            given = f"{target.given.rstrip('/')}/{name}" if name else target.given
            raise refusal(Reply({"fail": code}, reply.blobs), given, workspace)
    if "complete" not in reply.values:
        raise WriteFailedError(
            "There is no space left in the sandbox to report what was uploaded, so it is not known "
            "which files are there. Make room, and upload again.",
            target.given,
        )
