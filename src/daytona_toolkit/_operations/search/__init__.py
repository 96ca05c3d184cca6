"""ls, glob and grep: what is where, in one request each."""

import re
from collections.abc import Callable, Iterator

from daytona_toolkit._entry import entries_of
from daytona_toolkit._loop import in_thread
from daytona_toolkit._operations.search.globs import compile_glob, compile_name_glob
from daytona_toolkit._operations.search.regex import compile_regex
from daytona_toolkit._operations.search.result import GrepResult, Listing, Match
from daytona_toolkit._refusals import refusal
from daytona_toolkit._remote import Input, Reply, Source
from daytona_toolkit._text import clip, count_of, printable
from daytona_toolkit._workspace import AnyPath, Workspace, check_encodable, check_path
from daytona_toolkit.errors import InvalidArgumentError, SandboxFailedError, SearchPatternError

# Bytes of lines that grep returns, for each entry of the bound: a page of long lines has to
# end somewhere too.
_LINE_BYTES = 256
# Deeper than a path can be.
_BOTTOMLESS = 10_000
_MOST_CONTEXT = 100
# Bytes of what tools complain about, the last of them.
_COMPLAINTS = 64_000
# Paths that a note names.
_NAMED = 3

_PROGRAMS = {name: Source(__name__, name) for name in ("ls", "glob", "grep")}

_LINE = re.compile(rb"(\d+)([:-])([^\n]*)\n")
# What stands behind the last entry, the last line and the last file; it is proof that each
# stage got as far.
_LAST_ENTRY = re.compile(rb"(?:^|[\0\n])/(?:\0|//)")
_END = b"//\n"
_LAST_FILE = re.compile(r"^\S*grep: /: ", re.MULTILINE)
_REFUSED = re.compile(r"^\S*grep: (?!\./|/: |write error)(.+)", re.MULTILINE)
_DENIED = re.compile(r"(?:\S*(?:find|grep): )?'?(?:\./)?(.*?)'?: Permission denied")
# Older ones say it among the lines.
_BINARY = re.compile(
    rb"^(?:\S*grep: (\./.*): binary file|Binary file (\./.*)) matches\n", re.MULTILINE
)


async def ls(workspace: Workspace, path: AnyPath = ".", *, hidden: bool = True) -> Listing:
    """List a folder."""
    path, full = check_path(path), workspace.resolve(path)
    reply = await _list(workspace, "ls", path, full, {"depth": 1, "hidden": _yes(hidden)})
    return _listing(workspace, path, full, reply)


async def glob(
    workspace: Workspace, pattern: str, path: AnyPath = ".", *, hidden: bool = False
) -> Listing:
    """Find paths by a pattern."""
    path, pattern = check_path(path), _checked(pattern)
    if pattern == "~" or pattern.startswith("~/"):
        pattern = workspace.facts.home + pattern[1:]
    compiled = compile_glob(pattern, hidden=hidden)
    subfolder = compiled.start
    if pattern.startswith("/"):
        path, subfolder = subfolder, ""
    full = workspace.resolve(path)
    inputs: dict[str, Input] = {
        "subfolder": subfolder,
        "filter": _decoded(compiled.filter),
        "depth": compiled.depth or _BOTTOMLESS,
        "hidden": _yes(compiled.hidden),
        "type": "d" if compiled.folders else None,
    }
    reply = await _list(workspace, "glob", path, full, inputs, subfolder)
    found = _listing(workspace, _join(path, subfolder) if subfolder else path, full, reply)
    if not found.entries and not found.notes and "**" not in pattern:
        hint = f"nothing below the folder was looked at; the pattern `**/{pattern}` would"
        return found.model_copy(update={"notes": (hint,)}) if "/" not in pattern else found
    return found


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
    """Find lines by a pattern."""
    path, pattern = check_path(path), _checked(pattern)
    if isinstance(context, bool) or not isinstance(context, int):
        raise InvalidArgumentError(f"context is {context!r}; give a whole number of lines.")
    if not 0 <= context <= _MOST_CONTEXT:
        raise InvalidArgumentError(
            f"context is {context}; ask for 0 to {_MOST_CONTEXT} lines around each match."
        )
    limits = workspace.limits
    regex = compile_regex(pattern, fixed=fixed, ignore_case=ignore_case)
    full = workspace.resolve(path)
    bounds = {
        # A line of a file may take three: its own, the file's name, and a mark between it and
        # lines that are not its neighbours.
        "lines": 3 * (limits.entries + 1),
        "bytes": limits.entries * _LINE_BYTES + limits.line_chars * 4,
    }

    def is_whole(reply: Reply) -> bool:
        lines, complaints = reply.blobs.get("lines", b""), reply.text("complaints")
        is_done = _LAST_FILE.search(complaints) or _REFUSED.search(complaints)
        return _is_full(lines, bounds) or bool(is_done and lines.endswith(_END))

    inputs: dict[str, Input] = {
        "filter": _decoded(compile_name_glob(_checked(glob), hidden=hidden))
        if glob is not None
        else None,
        "depth": _BOTTOMLESS,
        "hidden": _yes(hidden),
        "pattern": _decoded(regex),
        "context": context,
        # The number of the line, the longest characters, and one byte that shows that
        # there is more.
        "clip": 20 + limits.line_chars * 4,
        **bounds,
    }
    reply = await _call(workspace, "grep", path, full, is_whole, inputs)
    return await in_thread(_matches, workspace, path, full, reply, bounds)


async def _list(
    workspace: Workspace,
    name: str,
    path: str,
    full: str,
    inputs: dict[str, Input],
    subfolder: str = "",
) -> Reply:
    """Run a program that lists what it finds; see `_call`."""
    entries = workspace.limits.entries

    def is_whole(reply: Reply) -> bool:
        if "entries" not in reply.blobs:
            return "entered" in reply.values  # there is no such folder
        return not _is_cut(reply) or len(entries_of(reply)) > entries

    return await _call(
        workspace, name, path, full, is_whole, {**inputs, "entries": entries}, subfolder
    )


async def _call(
    workspace: Workspace,
    name: str,
    path: str,
    full: str,
    is_whole: Callable[[Reply], bool],
    inputs: dict[str, Input],
    subfolder: str = "",
) -> Reply:
    """Run a program that looks for files.

    Args:
        workspace: Where to look.
        name: The program.
        path: The path as the caller gave it.
        full: The path, absolute.
        is_whole: Whether it has been everywhere.
        inputs: What it takes besides what all of them take.
        subfolder: A folder under the path that need not exist.
    """
    if workspace.facts.search_lacks:
        raise SandboxFailedError(
            f"Searching takes these commands, which the sandbox lacks: "
            f"{workspace.facts.search_lacks.strip()}. Install findutils and grep in its image."
        )
    inputs = {"path": full, "filter": None, "complaints": _COMPLAINTS, **inputs}
    reply = await workspace.run(_PROGRAMS[name], is_whole, wait=0.0, **inputs)
    if reply.failure and not ("entered" in reply.values and reply.failure in ("missing", "notdir")):
        raise refusal(
            reply, _join(path, subfolder) if "entered" in reply.values else path, workspace
        )
    return reply


def _listing(workspace: Workspace, path: str, full: str, reply: Reply) -> Listing:
    entries = [
        entry.model_copy(update={"path": _join(path, entry.path)}) for entry in entries_of(reply)
    ]
    bound = workspace.limits.entries
    return Listing(
        path=full,
        entries=tuple(entries[:bound]),
        truncated=_is_cut(reply),
        notes=tuple(_denials(reply)),
    )


def _is_cut(reply: Reply) -> bool:
    """Whether there is more than was listed."""
    entries = reply.blobs.get("entries")
    return entries is not None and not _LAST_ENTRY.search(entries)


def _is_full(lines: bytes, bounds: dict[str, int]) -> bool:
    """Whether grep was ended because there were lines enough."""
    return len(lines) >= bounds["bytes"] or lines.count(b"\n") >= bounds["lines"]


def _matches(
    workspace: Workspace, path: str, full: str, reply: Reply, bounds: dict[str, int]
) -> GrepResult:
    limits = workspace.limits
    _check_pattern(reply)
    lines = reply.blobs.get("lines", b"")
    parts = _joined(lines) if "joined" in reply.values else _apart(lines)
    said = _BINARY.findall(reply.blobs.get("complaints", b"") + lines)
    binary = {name or older for name, older in said}
    matches = [
        Match(
            path=path if "file" in reply.values else _join(path, _name(name)),
            line=int(number),
            text=clip(
                line.removesuffix(b"\r").decode(errors="replace"), limits.line_chars, workspace.mask
            ),
            context=sign == b"-",
        )
        for name, number, sign, line in parts
        if name not in binary
    ]
    truncated = len(matches) > limits.entries or _is_full(lines, bounds)
    notes = []
    if binary and not truncated:
        notes.append(f"{count_of(len(binary), 'binary file')} with a match left out")
    return GrepResult(
        path=full,
        matches=tuple(matches[: limits.entries]),
        truncated=truncated,
        notes=(*notes, *_denials(reply)),
    )


def _joined(lines: bytes) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """File, number, sign and text of lines that each stand behind their file's name."""
    record = re.compile(rb"(\./.+?)\0" + _LINE.pattern, re.DOTALL)
    position = 0
    while found := record.match(lines, position) or _BINARY.match(lines, position):
        if found.re is record:
            yield found[1], found[2], found[3], found[4]
        position = found.end()


def _apart(lines: bytes) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """Likewise, of lines that follow their file's name."""
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
    """Hand on what grep says of a pattern that we thought it would take."""
    words = _REFUSED.search(reply.text("complaints"))
    if words and reply.blobs.get("lines", _END) == _END:
        raise SearchPatternError(
            f"grep in the sandbox says of the pattern: {printable(words[1])}. Make it simpler, or "
            "use fixed=True to search for the text as it is."
        )


def _denials(reply: Reply) -> Iterator[str]:
    """Notes on what could not be looked into, the same whichever tool complains."""
    complaints = reply.text("complaints").splitlines()
    denied = [found for line in complaints if (found := _DENIED.fullmatch(line))]
    names = sorted({printable(found[1]) for found in denied} - {"/"})
    if names:
        shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        yield f"no permission to read {count_of(len(names), 'path')}: {shown}"


def _name(path: bytes) -> str:
    return path.removeprefix(b"./").decode("utf-8", "surrogateescape")


def _join(path: str, name: str) -> str:
    """A path that other operations take, given what the caller called its folder."""
    folder = path.rstrip("/")
    if folder == "." and not name.startswith("~"):  # which would mean the home folder
        return name
    return f"{folder}/{name}"


def _decoded(pattern: bytes) -> str:
    """Bytes as a str that a program's input may be."""
    return pattern.decode("utf-8", "surrogateescape")


def _checked(pattern: str) -> str:
    """A pattern, if it is text without a NUL."""
    check_encodable(pattern, "pattern")
    if "\0" in pattern:
        raise SearchPatternError("The pattern contains a NUL character, which no line has.")
    return pattern


def _yes(value: bool) -> str | None:
    return "yes" if value else None
