"""What was changed in a file, as a unified diff. Bytes in, no I/O."""

import difflib
from collections.abc import Iterator

from daytona_toolkit._matching import Splice, splice
from daytona_toolkit._text import count_of, lines_of

# Lines around a change; hunks of a diff, and lines of one that are compared line by line.
_CONTEXT = 3
_HUNKS = 50
_HUNK_LINES = 2000

# Characters of a diff that are shown: the model that made the edit knows what is in it.
_DIFF_CHARS = 4000

# Characters of diffs that programs get beside an answer, which frameworks keep in histories.
DATA_CHARS = 100_000


def unified_diff(content: bytes, splices: list[Splice], path: str, first_line: int = 1) -> str:
    """The splices as a unified diff; its size goes with theirs, not with the file's.

    Args:
        content: The file before, or whole lines of it.
        splices: What is replaced.
        path: What to call the file.
        first_line: The number of the first line of the content.
    """
    hunks: list[str] = [f"--- {path}\n", f"+++ {path}\n"]
    shift = 0
    groups = list(_grouped(content, splices))
    for start, end, group in groups[:_HUNKS]:
        before = content[start:end]
        inner = [Splice(s.start - start, s.end - start, s.new) for s in group]
        after = splice(before, inner)
        first = content.count(b"\n", 0, start) + first_line
        old_lines, new_lines = lines_of(before), lines_of(after)
        hunks += _hunks(old_lines, new_lines, first, first + shift)
        shift += len(new_lines) - len(old_lines)
    if len(groups) > _HUNKS:
        hunks.append(f"... and {count_of(len(groups) - _HUNKS, 'more hunk')}\n")
    return "".join(hunks)


def cut_diff(diff: str, limit: int = _DIFF_CHARS) -> str:
    """The start of a diff that is long."""
    if len(diff) <= limit:
        return diff
    shown = diff[: diff.rfind("\n", 0, limit) + 1]
    left = diff.count("\n", len(shown))
    return f"{shown}[{count_of(left, 'more line')} of diff]"


def _grouped(content: bytes, splices: list[Splice]) -> Iterator[tuple[int, int, list[Splice]]]:
    """Splices with the whole lines around them; near ones together."""
    group: list[Splice] = []
    start = end = 0
    for each in splices:
        first, last = _lines_back(content, each.start), _lines_ahead(content, each.end)
        if group and first <= end:
            group.append(each)
            end = max(end, last)
            continue
        if group:
            yield start, end, group
        start, end, group = first, last, [each]
    if group:
        yield start, end, group


def _lines_back(content: bytes, position: int) -> int:
    for _ in range(_CONTEXT + 1):
        position = content.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return position + 1


def _lines_ahead(content: bytes, position: int) -> int:
    for _ in range(_CONTEXT + 1):
        position = content.find(b"\n", position) + 1
        if not position:
            return len(content)
    return position


def _hunks(old: list[str], new: list[str], first_old: int, first_new: int) -> Iterator[str]:
    """Hunks of two runs of lines that begin at the given lines."""
    if max(len(old), len(new)) > _HUNK_LINES:
        yield f"@@ -{first_old},{len(old)} +{first_new},{len(new)} @@\n"
        yield f"... {count_of(len(old), 'line')} replaced by {count_of(len(new), 'line')}\n"
        return
    # With what is in it all the time as junk: else the time grows with the cube of such lines.
    matcher = difflib.SequenceMatcher(None, old, new)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        i, j = group[0][1], group[0][3]
        old_count, new_count = group[-1][2] - i, group[-1][4] - j
        yield f"@@ -{first_old + i},{old_count} +{first_new + j},{new_count} @@\n"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (f" {line}\n" for line in old[i1:i2])
                continue
            yield from (f"-{line}\n" for line in old[i1:i2])
            yield from (f"+{line}\n" for line in new[j1:j2])
