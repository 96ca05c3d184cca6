"""All bytes of a file, for operations that need more than a part of it."""

from daytona_toolkit._refusals import check_refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._text import count_of
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import FileTooLargeError, PathDeniedError

_FETCH = Source(__name__, "fetch")


async def fetch(workspace: Workspace, path: str, full: str, advice: str) -> bytes:
    """All bytes of a file in one request, and remember them.

    Args:
        workspace: Where it is.
        path: The path as the caller gave it.
        full: The path, absolute.
        advice: What to do instead when it is too large.
    """
    bound = workspace.limits.file_bytes
    reply = await workspace.run(_FETCH, path=full, bytes=bound)
    limit = f"the limit of {bound:,}"
    content = content_of(reply, path, workspace, limit=limit, advice=advice)
    workspace.files.put(full, content)
    return content


def content_of(reply: Reply, path: str, workspace: Workspace, *, limit: str, advice: str) -> bytes:
    """The content that `put_file` of `file.sh` has put into a reply.

    Args:
        reply: The reply, or what it says of this file.
        path: The path as the caller gave it.
        workspace: Where it is.
        limit: What it is larger than where the content is not there.
        advice: What to do instead then.
    """
    check_refusal(reply, path, workspace)
    size, content = reply.number("size"), reply.blobs.get("content")
    if content is None:
        raise FileTooLargeError(
            f"{path!r} has {count_of(size, 'byte')}, more than {limit}; {advice} instead.", path
        )
    check_complete(content, size, path)
    return content


def check_complete(content: bytes, size: int, path: str) -> None:
    """Refuse content that is shorter than its file.

    Raises:
        PathDeniedError: The file could be opened, and not be read.
    """
    if len(content) < size:
        raise PathDeniedError(
            f"{path!r} has {count_of(size, 'byte')}, and only {len(content):,} could be read: the "
            "system refused the rest, or the file was truncated meanwhile. Try again, or "
            "inspect it with exec.",
            path,
        )
