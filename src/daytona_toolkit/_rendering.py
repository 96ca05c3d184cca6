"""What a model is told of an outcome: all that it needs to go on, and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from daytona_toolkit._text import count_of, number_lines
from daytona_toolkit.errors import RecoverableError
from daytona_toolkit.results import (
    EditResult,
    Entry,
    ExecResult,
    GrepResult,
    Image,
    JobStatus,
    Listing,
    Match,
    ReadResult,
    Result,
    WriteResult,
)

# Characters of a diff that are shown: whoever made the edit knows what is in it.
_DIFF_CHARS = 4000

# Characters of a command in a list of jobs.
_COMMAND_CHARS = 100

_SIGNS = {"folder": "/", "symlink": "@", "other": "?"}


@dataclass(frozen=True)
class Rendered:
    """An outcome as a model and a program see it.

    Attributes:
        text: What the model is told.
        data: The same for programs, safe for JSON; without the bytes of pictures.
        images: Pictures to show to the model beside the text.
        is_error: Whether the tool could not do what was asked. A command that fails is no
            error: its exit code is what was asked for.
    """

    text: str
    data: dict[str, Any]
    images: tuple[Image, ...] = ()
    is_error: bool = False

    def __str__(self) -> str:
        return self.text


def render(
    outcome: Result | list[JobStatus] | RecoverableError, *, line_numbers: bool = True
) -> Rendered:
    """Put an outcome into words.

    Args:
        outcome: What an operation returned, or the error that it raised.
        line_numbers: Whether lines of a file begin with their number, as in `12|text`.
    """
    match outcome:
        case RecoverableError():
            data = {"error": type(outcome).__name__, "message": str(outcome)}
            return Rendered(f"Error: {outcome}", data, is_error=True)
        case list():
            return Rendered(_jobs(outcome), {"jobs": [_data(status) for status in outcome]})
        case ReadResult(image=Image() as image):
            text = f"[{outcome.path}: {image.media_type}, {count_of(outcome.size, 'byte')}]"
            return Rendered(text, _data(outcome), (image,))
    return Rendered(_text(outcome, line_numbers=line_numbers), _data(outcome))


def _text(result: Result, *, line_numbers: bool) -> str:
    match result:
        case ExecResult():
            return _streams(result) + _end_of_command(result)
        case JobStatus():
            return (_streams(result) or "[no new output]\n") + _state_of_job(result)
        case ReadResult():
            return _lines(result, numbered=line_numbers)
        case WriteResult():
            what = "Created" if result.created else "Replaced the content of"
            return f"{what} {result.path}: {count_of(result.size, 'byte')}."
        case EditResult():
            places = count_of(result.occurrences, "place")
            return f"Replaced {places} in {result.path}.\n{_cut(result.diff)}".removesuffix("\n")
        case Listing():
            return _found(map(_entry, result.entries), result)
        case GrepResult():
            return _found(map(_match, result.matches), result)
    raise TypeError(f"no text for a {type(result).__name__}")


def _data(result: Result) -> dict[str, Any]:
    return result.model_dump(mode="json", exclude={"image": {"data"}})


def _streams(result: ExecResult | JobStatus) -> str:
    """What was printed, each stream closed by a newline."""
    errors = f"[stderr]\n{result.stderr}" if result.stderr else ""
    return _closed(result.stdout) + _closed(errors)


def _end_of_command(result: ExecResult) -> str:
    if result.running:
        return (
            f"[running in the background as {result.job_id}; its output goes to "
            f"{result.stdout_path} and {result.stderr_path}]"
        )
    if result.timed_out:
        return (
            f"[timed out: ended after {result.duration:.1f} s, with all that it had started; "
            "give it a longer timeout, or background=true]"
        )
    return f"[{_exit(result.exit_code)}{_stopped(result)}]"


def _stopped(result: ExecResult) -> str:
    if not result.stopped_writing:
        return ""
    return "; it was stopped because it printed more than is kept, send its output to a file"


def _exit(code: int | None) -> str:
    if code is None:
        return "no exit code: the sandbox was stopped while the command ran"
    return f"exit code {code}"


def _state_of_job(status: JobStatus) -> str:
    if status.state == "running":
        state = f"running for {status.duration:.1f} s"
    elif status.timed_out:
        state = f"timed out: ended after {status.duration:.1f} s"
    else:
        state = f"{_exit(status.exit_code)}, after {status.duration:.1f} s"
    files = f"{status.stdout_path} and {status.stderr_path}"
    return f"[{status.job_id}: {state}; all of its output is in {files}]"


def _jobs(found: list[JobStatus]) -> str:
    lines = []
    for status in found:
        command = " ".join(status.command.split())[:_COMMAND_CHARS]
        state = _exit(status.exit_code) if status.state == "exited" else status.state
        lines.append(f"{status.job_id}  {state}, {status.duration:.1f} s  {command}")
    return "\n".join(lines) or "[no jobs]"


def _lines(result: ReadResult, *, numbered: bool) -> str:
    content = result.content.replace("\r\n", "\n")
    if numbered:
        content = number_lines(content, result.start_line)
    notes = list(result.notes)
    if not result.total_lines:
        notes.append("the file is empty")
    elif result.start_line > 1 or result.next_offset:
        window = f"lines {result.start_line} to {result.end_line} of {result.total_lines}"
        more = f"; go on with offset={result.next_offset}" if result.next_offset else ""
        notes.append(window + more)
    return _closed(content) + _bracketed(notes)


def _entry(entry: Entry) -> str:
    if entry.type == "file":
        return f"{_name(entry.path)}  {entry.size}"
    return _name(entry.path) + _SIGNS[entry.type]


def _match(match: Match) -> str:
    sign = "-" if match.context else ":"
    return f"{_name(match.path)}{sign}{match.line}{sign}{match.text}"


def _name(path: str) -> str:
    """A path on one line."""
    return repr(path) if "\n" in path else path


def _found(lines: Iterable[str], result: Listing | GrepResult) -> str:
    shown = list(lines)
    notes = [] if shown else [f"nothing found in {result.path}"]
    if result.truncated:
        notes.append(f"only the first {len(shown):,} are shown; narrow the search")
    notes += result.notes
    return "".join(f"{line}\n" for line in shown) + _bracketed(notes)


def _cut(diff: str) -> str:
    if len(diff) <= _DIFF_CHARS:
        return diff
    shown = diff[: diff.rfind("\n", 0, _DIFF_CHARS) + 1]
    return f"{shown}[{count_of(diff.count(chr(10), len(shown)), 'more line')} of diff]"


def _closed(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _bracketed(notes: list[str]) -> str:
    return "\n".join(f"[{note}]" for note in notes)
