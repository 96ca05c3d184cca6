"""read: a window of a text file, or a picture."""

import os
from io import BytesIO

from daytona_toolkit._arguments import AnyPath, check_path, check_whole
from daytona_toolkit._fetch import check_complete, fetch
from daytona_toolkit._operations.read.result import ReadResult
from daytona_toolkit._refusals import check_refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._result import Image
from daytona_toolkit._text import clip, count_of, image_type, is_binary, whole_characters
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import (
    BinaryFileError,
    FileTooLargeError,
    InvalidArgumentError,
    OffsetError,
)
from daytona_toolkit.limits import Limits

_READ = Source(__name__, "read")
_EXISTS = Source(__name__, "exists")


async def read(
    workspace: Workspace, path: AnyPath, *, offset: int = 1, limit: int | None = None
) -> ReadResult:
    """Read lines of a text file, or a picture.

    Args:
        path: The file.
        offset: The number of the first line, from 1.
        limit: How many lines, at most; `Limits.read_lines` unless given.

    Returns:
        The lines, and where to go on; or the picture.

    Raises:
        PathNotFoundError: There is no such file.
        NotAFileError: It is a folder, a device or a pipe.
        PathDeniedError: It may not be read.
        OutsideRootError: It lies outside the root of a confined session.
        BinaryFileError: It is neither text nor a PNG, JPEG, GIF or WebP picture.
        FileTooLargeError: It is a picture above `Limits.image_bytes`.
        OffsetError: The file ends before `offset`.
        InvalidArgumentError: `offset` or `limit` is not a positive number.

    Example:
        ```python
        page = session.read("server.log", offset=1001, limit=100)
        print(page.content, page.next_offset)
        ```
    """
    limits = workspace.limits
    count = limits.read_lines if limit is None else limit
    for name, number in (("offset", offset), ("limit", count)):
        check_whole(number, name)
    if offset < 1:
        raise InvalidArgumentError(f"offset is {offset}; lines count from 1.")
    if count < 1:
        raise InvalidArgumentError(f"limit is {count}; ask for at least 1 line.")
    full = workspace.resolve(path)
    reply = await workspace.run(
        _READ,
        path=full,
        offset=offset,
        # More do not fit, since each has a byte at least; and no tool takes every number.
        lines=min(count, limits.read_bytes),
        bytes=limits.read_bytes,
        # A character has four bytes at most; one byte more shows that there is more.
        clip=limits.line_chars * 4 + 1,
        image=limits.image_bytes,
    )
    check_refusal(reply, path, workspace)
    path = os.fspath(path)
    if picture := _picture(reply, path, full, limits.image_bytes):
        return picture
    size, content = reply.number("size"), reply.blobs.get("content")
    if "nul" in reply.values:
        raise _binary(path, size)
    if content is not None:
        check_complete(content, size, path)
        workspace.files.put(full, content)
        lines = BytesIO(content).readlines()
        total, window = len(lines), lines[offset - 1 : offset - 1 + count]
    else:
        total, window = _window_of(reply, offset, limits)
    if is_binary(b"".join(window) if content is None else content):
        raise _binary(path, size)
    if not window and offset > 1:
        raise OffsetError(
            f"{path!r} has {count_of(total, 'line')}; offset {offset} is after its end. Use an "
            f"offset from 1 to {max(total, 1)}.",
            path,
        )
    return _shown(workspace, full, reply, window, offset=offset, total=total)


async def read_bytes(workspace: Workspace, path: AnyPath) -> bytes:
    """Read a whole file, of any kind.

    Args:
        path: The file.

    Returns:
        All its bytes.

    Raises:
        FileTooLargeError: It is above `Limits.file_bytes`; `download` has no such bound.
        PathNotFoundError: There is no such file.
        NotAFileError: It is a folder, a device or a pipe.
        PathDeniedError: It may not be read.
        OutsideRootError: It lies outside the root of a confined session.

    Example:
        ```python
        Path("plot.png").write_bytes(session.read_bytes("plot.png"))
        ```
    """
    return await fetch(workspace, check_path(path), "download it")


async def exists(workspace: Workspace, path: AnyPath) -> bool:
    """Whether a path leads to something.

    Args:
        path: The path; a symlink that leads nowhere leads to nothing.

    Returns:
        Whether something is there.

    Raises:
        PathDeniedError: A folder above it may not be entered.
        OutsideRootError: It lies outside the root of a confined session.

    Example:
        ```python
        session.exists("pyproject.toml")
        ```
    """
    reply = await workspace.run(_EXISTS, path=workspace.resolve(path))
    if reply.failure in ("missing", "notdir"):
        return False
    check_refusal(reply, path, workspace)
    return "exists" in reply.values


def _picture(reply: Reply, path: str, full: str, bound: int) -> ReadResult | None:
    """The result for a picture; None for any other file.

    Raises:
        FileTooLargeError: It is a picture above the bound.
    """
    size, content = reply.number("size"), reply.blobs.get("content")
    if content is None:
        if "image" not in reply.values:
            return None
    elif not (media_type := image_type(content)):
        return None
    elif size <= bound:
        image = Image.of(media_type, content)
        return ReadResult(path=full, size=size, image=image, version=reply.values["version"])
    raise FileTooLargeError(
        f"{path!r} is a picture of {count_of(size, 'byte')}; at most {bound:,} can be shown. Make "
        "a smaller copy with exec and read that.",
        path,
    )


def _window_of(reply: Reply, offset: int, limits: Limits) -> tuple[int, list[bytes]]:
    """The number of a file's lines, and those that the sandbox cut out of it."""
    data, is_closed = reply.blobs["window"], "closed" in reply.values
    total, window = reply.number("newlines") + (not is_closed), BytesIO(data).readlines()
    if len(data) == limits.read_bytes:
        last = window.pop()  # cut at the bound, most likely in its middle
        window = window or [whole_characters(last)]
    elif window and offset + len(window) - 1 == total and not is_closed:
        window[-1] = window[-1].removesuffix(b"\n")  # cut adds it
    return total, window


def _shown(
    workspace: Workspace, full: str, reply: Reply, window: list[bytes], *, offset: int, total: int
) -> ReadResult:
    """The result for some lines of a text file."""
    limits = workspace.limits
    data = b"".join(window)
    text = data.decode(errors="replace")
    lines = text.split("\n")
    notes = []
    if clipped := sum(len(line) > limits.line_chars for line in lines):
        notes.append(
            f"{count_of(clipped, 'line')} of over {limits.line_chars:,} characters clipped; use "
            "exec with `cut -c` to see the rest"
        )
    if "\r\n" in text:
        notes.append("lines end with CRLF; edit accepts \\n for it")
    if data != text.encode():
        notes.append("bytes that are not UTF-8 are shown as \ufffd; edit leaves them as they are")
    end = offset + len(window) - 1
    return ReadResult(
        path=full,
        content="\n".join(clip(line, limits.line_chars, workspace.mask) for line in lines),
        start_line=offset if window else 0,
        end_line=end if window else 0,
        total_lines=total,
        next_offset=end + 1 if end < total else None,
        size=reply.number("size"),
        notes=tuple(notes),
        version=reply.values["version"],
    )


def _binary(path: str, size: int) -> BinaryFileError:
    return BinaryFileError(
        f"{path!r} is a binary file of {count_of(size, 'byte')}; it cannot be shown as text. "
        "Use exec to inspect it, for example with `file` or `xxd`, or to convert it.",
        path,
    )
