"""grep: lines of files that match a regular expression."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice

from daytona_toolkit._arguments import AnyPath, check_encodable, check_path, check_whole
from daytona_toolkit._operations.grep.regex import compile_regex
from daytona_toolkit._operations.grep.result import GrepResult, Match
from daytona_toolkit._remote import Input, Reply, Source
from daytona_toolkit._search import (
    BOTTOMLESS,
    join,
    permission_notes,
    run_search,
)
from daytona_toolkit._search.globs import compile_name_glob
from daytona_toolkit._text import clip, count_of, printable
from daytona_toolkit._workers import in_thread, in_thread_if_large
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import InvalidArgumentError, SearchPatternError

# Bytes of lines that grep returns for each entry of the limit, so that long lines are bounded
# too.
_LINE_BYTES = 256
_MOST_CONTEXT = 100

_GREP = Source(__name__, "grep")

_LINE = re.compile(rb"(\d+)([:-])([^\n]*)\n")
# What follows the last line and the last file: it proves that no stage was cut short.
_END = b"//\n"
_LAST_FILE = re.compile(r"^\S*grep: /: ", re.MULTILINE)
_REFUSED = re.compile(r"^\S*grep: (?!\./|/: |write error)(.+)", re.MULTILINE)
# Older ones say it among the lines.
_BINARY = re.compile(
    rb"^(?:\S*grep: (\./.*): binary file|Binary file (\./.*)) matches\n", re.MULTILINE
)


async def grep(
    workspace: Workspace,
    pattern: str,
    path: AnyPath = ".",
    *,
    glob: str | None = None,
    fixed: bool = False,
    ignore_case: bool = False,
    context: int = 0,
    hidden: bool = False,
) -> GrepResult:
    r"""Find lines of text files by a regular expression, sorted by path and line.

    The syntax is that of extended regular expressions, with `\d \w \s \b` as well. The
    result is the same whatever tools the sandbox has. `.gitignore` has no effect: what is
    ignored may be what is looked for.

    Args:
        pattern: The expression, for one line.
        path: The folder, or one file.
        glob: Search only files whose names match, such as `*.py`, or whose paths do, such as
            `src/**`.
        fixed: Take the pattern as text.
        ignore_case: Let letters match in either case.
        context: Lines to return before and after each match, 0 to 100.
        hidden: Whether to search files and folders whose names begin with a dot.

    Returns:
        The lines, at most `Limits.entries`.

    Raises:
        SearchPatternError: The pattern cannot be matched; the message has another way.
        InvalidArgumentError: `context` is out of range.
        PathNotFoundError: There is no such file or folder.
        NotAFileError: It is a device, a pipe or a socket.
        PathDeniedError: It may not be read.
        OutsideRootError: It lies outside the root of a confined session.

    Example:
        ```python
        for match in session.grep(r"def \w+", glob="*.py").matches:
            print(f"{match.path}:{match.line}: {match.text}")
        ```
    """
    path = check_path(path)
    check_encodable(pattern, "pattern")
    check_whole(context, "context")
    if not 0 <= context <= _MOST_CONTEXT:
        raise InvalidArgumentError(
            f"context is {context}; ask for 0 to {_MOST_CONTEXT} lines around each match."
        )
    limits = workspace.limits
    regex = await in_thread(compile_regex, pattern, fixed=fixed, ignore_case=ignore_case)
    most = limits.entries * _LINE_BYTES + limits.line_chars * 4

    def is_whole(reply: Reply) -> bool:
        lines, complaints = reply.blobs.get("lines", b""), reply.text("complaints")
        is_done = _LAST_FILE.search(complaints) or _REFUSED.search(complaints)
        return len(lines) >= most or bool(is_done and lines.endswith(_END))

    names = None
    if glob is not None:
        check_encodable(glob, "glob")
        names = await in_thread(compile_name_glob, glob, hidden=hidden)
    inputs: dict[str, Input] = {
        "filter": names,
        "depth": BOTTOMLESS,
        "hidden": "yes" if hidden else None,
        "pattern": regex,
        "context": context,
        # The number of the line, the longest characters, and one byte that shows that
        # there is more.
        "clip": 20 + limits.line_chars * 4,
        "bytes": most,
    }
    reply = await run_search(workspace, _GREP, path, is_whole, inputs)
    size = len(reply.blobs.get("lines", b""))
    return await in_thread_if_large(size, _matches, workspace, path, reply, most)


def _matches(workspace: Workspace, path: str, reply: Reply, most: int) -> GrepResult:
    limits = workspace.limits
    _check_pattern(reply)
    lines = reply.blobs.get("lines", b"")
    parts = _joined(lines) if "joined" in reply.values else _apart(lines)
    said = _BINARY.findall(reply.blobs.get("complaints", b"") + b"\n" + lines)
    binary = {name or older for name, older in said}
    shown = (part for part in parts if part[0] not in binary)
    path_of = cache(lambda name: path if "file" in reply.values else join(path, _name(name)))
    matches = [
        Match(
            path=path_of(name),
            line=int(number),
            text=clip(
                line.removesuffix(b"\r").decode(errors="replace"), limits.line_chars, workspace.mask
            ),
            context=sign == b"-",
        )
        for name, number, sign, line in islice(shown, limits.entries + 1)
    ]
    truncated = len(matches) > limits.entries or len(lines) >= most
    notes = []
    if binary and not truncated:
        notes.append(f"{count_of(len(binary), 'binary file')} with a match left out")
    return GrepResult(
        path=workspace.resolve(path),
        matches=tuple(matches[: limits.entries]),
        truncated=truncated,
        notes=(*notes, *permission_notes(reply)),
    )


def _joined(lines: bytes) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """File, number, separator and text of lines, each of which begins with its file's name."""
    record = re.compile(rb"(\./.+?)\0" + _LINE.pattern, re.DOTALL)
    position = 0
    while found := record.match(lines, position) or _BINARY.match(lines, position):
        if found.re is record:
            yield found[1], found[2], found[3], found[4]
        position = found.end()


def _apart(lines: bytes) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """The same for lines that follow a line with their file's name."""
    head = re.compile(rb"(\./.+?)//\n", re.DOTALL)
    name, position = b"", 0
    while position < len(lines):
        if found := head.match(lines, position):
            name = found[1]
        elif found := _LINE.match(lines, position):
            yield name, found[1], found[2], found[3]
        elif lines.startswith(b"--\n", position):  # between lines that are not neighbours
            position += 3
            continue
        else:
            return  # cut here
        position = found.end()


def _check_pattern(reply: Reply) -> None:
    """Raise what grep says of a pattern that we expected it to accept."""
    words = _REFUSED.search(reply.text("complaints"))
    if words and reply.blobs.get("lines", _END) == _END:
        raise SearchPatternError(
            f"grep in the sandbox says of the pattern: {printable(words[1])}. Make it simpler, or "
            "use fixed=true to search for the text as it is."
        )


def _name(path: bytes) -> str:
    return path.removeprefix(b"./").decode("utf-8", "surrogateescape")
