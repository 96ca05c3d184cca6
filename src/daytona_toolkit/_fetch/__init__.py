"""All bytes of files, for operations that need more than a part of them."""

from collections.abc import Sequence

from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Reply, Source
from daytona_toolkit._text import count_of
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import FileTooLargeError, PathDeniedError

_FETCH = Source(__name__, "fetch")


async def fetch(workspace: Workspace, path: str, advice: str) -> bytes:
    """All bytes of a file in one request, and remember them.

    Args:
        workspace: Where it is.
        path: The path as the caller gave it.
        advice: What to do instead when it is too large.
    """
    bound = workspace.limits.file_bytes
    [content] = await fetch_all(workspace, [path], bound, f"the limit of {bound:,}", advice)
    workspace.files.put(workspace.resolve(path), content)
    return content


async def fetch_all(
    workspace: Workspace, paths: Sequence[str], bound: int, limit: str, advice: str
) -> list[bytes]:
    """All bytes of files in one request.

    Args:
        workspace: Where they are.
        paths: The paths as the caller gave them.
        bound: Bytes that each may have.
        limit: The same in words.
        advice: What to do instead when one has more.
    """
    fulls = [workspace.resolve(path) for path in paths]
    reply = await workspace.run(_FETCH, paths=fulls, bytes=bound)
    found = []
    for index, path in enumerate(paths):
        if code := reply.values.get(f"fail.{index}"):
            raise refusal(Reply({"fail": code}, {}), path, workspace)
        size, content = reply.number(f"size.{index}"), reply.blobs.get(f"content.{index}")
        if content is None:
            raise FileTooLargeError(
                f"{path!r} has {count_of(size, 'byte')}, more than {limit}; {advice} instead.", path
            )
        check_complete(content, size, path)
        found.append(content)
    return found


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
