"""grep and glob as Deep Agents mean them."""

import posixpath
from typing import cast

from deepagents.backends.protocol import GlobResult, GlobTruncationReason, GrepMatch, GrepResult
from deepagents.backends.utils import compile_grep_include_glob

from daytona_toolkit import SandboxSession
from daytona_toolkit.tools import valid_unicode
from langchain_daytona_toolkit.deepagents._answers import file_info


async def grep(
    session: SandboxSession,
    pattern: str,
    path: str | None,
    glob: str | None,
    max_count: int | None,
) -> GrepResult:
    """Find lines that hold a text; `.git` is left out."""
    folder = path or "."
    files = glob.lstrip("/") if glob else None
    try:
        included = compile_grep_include_glob(glob) if glob else None
    except ValueError as error:
        return GrepResult(error=str(error))
    found = valid_unicode(await session.agrep(pattern, folder, glob=files, fixed=True, hidden=True))
    matches = [
        {
            "path": _absolute(match.path, path, found.path),
            "line": match.line,
            "text": match.text,
        }
        for match in found.matches
        if ".git" not in (below := _below(match.path, folder)).split("/")
        and (below == "." or included is None or included(below))
    ]
    return GrepResult(
        matches=cast("list[GrepMatch]", matches[:max_count]),
        truncated=found.truncated or (max_count is not None and len(matches) > max_count),
    )


async def glob(session: SandboxSession, pattern: str, path: str | None) -> GlobResult:
    """Find files: by their name at any depth, or by their path if there is a slash."""
    folder = path or "."
    by_name = "/" not in pattern
    wanted = f"**/{pattern}" if by_name else pattern.lstrip("/")
    try:
        included = compile_grep_include_glob(pattern)
    except ValueError as error:
        return GlobResult(error=str(error))
    # Names are found in hidden folders too, which ** does not enter.
    found = valid_unicode(await session.aglob(wanted, folder, hidden=by_name))
    matches = [
        file_info(_absolute(entry.path, path, found.path), entry)
        for entry in found.entries
        if "file" in (entry.type, entry.target_type) and included(_below(entry.path, folder))
    ]
    reason: GlobTruncationReason | None = None
    if found.truncated:
        reason = "budget"
    elif any("read" in note for note in found.notes):
        reason = "unreadable"
    return GlobResult(matches=matches, truncated=reason is not None, truncation_reason=reason)


def _below(path: str, folder: str) -> str:
    """A path that was found in a folder, from there on."""
    return posixpath.relpath(path, folder)


def _absolute(path: str, given: str | None, found: str) -> str:
    """What Deep Agents' rules of what may be touched are held against."""
    if given and given.startswith("/"):
        return path
    return posixpath.normpath(posixpath.join(found, _below(path, given or ".")))
