"""write: a file's whole content, in place at once or not at all."""

import base64
import os

from daytona_toolkit._operations.write.result import WriteResult
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Source
from daytona_toolkit._workspace import AnyPath, Workspace, check_encodable
from daytona_toolkit.errors import FileChangedError, InvalidArgumentError

_WRITE = Source(__name__, "write")


async def write(
    workspace: Workspace, path: AnyPath, content: str | bytes, *, if_version: str | None = None
) -> WriteResult:
    """Write a file, with the folders above it."""
    full = workspace.resolve(path)
    if isinstance(content, str):
        check_encodable(content, "content")
        content = content.encode("utf-8", "surrogateescape")
    if not isinstance(content, bytes | bytearray | memoryview):
        raise InvalidArgumentError(f"The content is text or bytes, not {type(content).__name__}.")
    content = bytes(content)
    inline = len(content) <= workspace.limits.inline_bytes
    reply = await workspace.change(
        _WRITE,
        data=b"" if inline else content,
        path=full,
        content=base64.b64encode(content if inline else b"").decode(),
        if_version="any" if if_version is None else if_version or "none",
    )
    if reply.failure == "changed":
        workspace.files.drop(full)
        raise FileChangedError(
            f"{os.fspath(path)!r} is no longer what it was when it was read: somebody else has "
            "changed, made or removed it. Nothing was written. Read it again, and then write.",
            os.fspath(path),
        )
    if reply.failure:
        raise refusal(reply, os.fspath(path), workspace)
    workspace.files.put(full, content)
    return WriteResult(
        path=full,
        size=len(content),
        created="created" in reply.values,
        version=reply.values["version"],
    )
