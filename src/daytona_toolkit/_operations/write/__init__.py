"""write: a file's whole content, in place at once or not at all."""

import os
import re

from daytona_toolkit._arguments import AnyPath, as_bytes
from daytona_toolkit._fetch import fetch
from daytona_toolkit._operations.write.result import WriteResult
from daytona_toolkit._refusals import check_refusal
from daytona_toolkit._remote import Source
from daytona_toolkit._workers import in_thread_if_large
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import (
    FileChangedError,
    InvalidArgumentError,
    RecoverableError,
    WriteFailedError,
)

_WRITE = Source(__name__, "write")

_VERSION = re.compile(r"\d+-\d+-[\w:.+-]+")


async def write(
    workspace: Workspace, path: AnyPath, content: str | bytes, *, if_version: str | None = None
) -> WriteResult:
    r"""Write a whole file, at once or not at all; missing folders above it are made.

    A file that was there keeps its mode and group, and its owner where the sandbox's user may
    give files away; another name of it (a hard link) keeps the old content. A symlink stays
    one, and the file that it leads to is written.

    Args:
        path: The file.
        content: Text, written as UTF-8, or bytes.
        if_version: Write only if the file still has this version, as `read`, `write`,
            `edit` and `ls` tell it; `""`: only if there is no file. Unless given, write
            whatever is there.

    Returns:
        Whether the file is new, and its version.

    Raises:
        InvalidArgumentError: `content` is neither text nor bytes, or `if_version` is not a
            version.
        FileChangedError: It has another version than `if_version`; nothing was written.
        NotAFileError: It is a folder, a device or a pipe.
        NotAFolderError: A part of the path that should be a folder is a file.
        PathDeniedError: It may not be written.
        OutsideRootError: It lies outside the root of a confined session.
        WriteFailedError: No space is left, or a name is too long.

    Example:
        ```python
        seen = session.read("config.toml")
        session.write("config.toml", seen.content + "debug = true\n", if_version=seen.version)
        ```
    """
    full = workspace.resolve(path)
    data = as_bytes(content, "content")
    if isinstance(content, str):
        await _check_stars(workspace, os.fspath(path), content)
    if if_version and not (isinstance(if_version, str) and _VERSION.fullmatch(if_version)):
        raise InvalidArgumentError(
            f"if_version is {if_version!r:.200}, which is not a version; pass the `version` "
            'of a result of this session, or "" if there should be no file yet.'
        )
    reply = await workspace.change(
        _WRITE,
        data=data,
        path=full,
        if_version="*" if if_version is None else if_version or "none",
    )
    if reply.failure == "changed":
        workspace.files.drop(full)
        raise FileChangedError(
            f"{os.fspath(path)!r} has changed since it was read: somebody else has changed, "
            "made or removed it. Nothing was written. Read it again, and then write.",
            os.fspath(path),
        )
    check_refusal(reply, path, workspace)
    workspace.files.put(full, data)
    return WriteResult(
        path=full,
        size=len(data),
        created="created" in reply.values,
        version=reply.values["version"],
    )


async def _check_stars(workspace: Workspace, path: str, content: str) -> None:
    """Refuse to lose a secret in the file that was shown as `***`.

    Raises:
        WriteFailedError: The content has the stars.
    """
    if not workspace.mask.may_be_in(content):
        return
    try:
        old = await fetch(workspace, path, "")
    except RecoverableError:
        return  # there is no file, or it cannot be read
    if await in_thread_if_large(len(old), workspace.mask.is_written_back, content, old):
        raise WriteFailedError(
            f"{path!r} holds a secret, which is shown as `***`; writing the stars would lose it. "
            "Nothing was written. Change the file with edit, and leave the lines with the secret "
            "out of old_string and new_string.",
            path,
        )
