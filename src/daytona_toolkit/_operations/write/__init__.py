"""write: a file's whole content, in place at once or not at all."""

import base64

from daytona_toolkit._operations import refusal
from daytona_toolkit._workspace import Workspace, check_encodable
from daytona_toolkit.results import WriteResult


async def write(workspace: Workspace, path: str, content: str | bytes) -> WriteResult:
    """Write a file, with the folders above it."""
    full = workspace.resolve(path)
    if isinstance(content, str):
        check_encodable(content, "content")
        content = content.encode("utf-8", "surrogateescape")
    upload = None
    if len(content) > workspace.limits.inline_bytes:
        upload = f"{workspace.state}/{workspace.new_id('upload')}"
        await workspace.sandbox.upload(upload, content)
    change = workspace.new_id("change")
    reply = await workspace.call(
        "write",
        workspace.place(full)
        | {
            "state": workspace.state,
            "id": change,
            "content": None if upload else base64.b64encode(content).decode(),
            "upload": upload,
            "forget": workspace.take_forgettable(),
        },
    )
    if reply.failure:
        raise refusal(reply, path, workspace)
    workspace.mark(change)
    workspace.files.put(full, content)
    return WriteResult(path=full, size=len(content), created="created" in reply.values)
