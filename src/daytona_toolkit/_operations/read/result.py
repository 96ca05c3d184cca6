"""A window of a file."""

from typing import Any, ClassVar

from daytona_toolkit._result import Image, Outcome, Result, SandboxPath
from daytona_toolkit._text import bracketed, closed, count_of, number_lines


class ReadResult(Result):
    """A window of a file.

    Attributes:
        path: The file, absolute.
        content: The lines of the window as they are, without line numbers; lines over
            `Limits.line_chars` are clipped. Empty for a picture.
        start_line: The first line of the window, from 1; 0 in an empty file.
        end_line: The last line of the window.
        total_lines: Lines in the file.
        next_offset: The `offset` of the next window; None at the end of the file.
        size: Bytes in the file.
        image: The picture, if the file is one.
        notes: What the reader should know: clipped lines, bytes that are not UTF-8.
        version: A mark of the state of the file, for `write(..., if_version=)`.
    """

    path: SandboxPath
    content: str = ""
    start_line: int = 0
    end_line: int = 0
    total_lines: int = 0
    next_offset: int | None = None
    size: int
    image: Image | None = None
    notes: tuple[str, ...] = ()
    version: str = ""
    _without: ClassVar[Any] = {"version": True, "image": {"data"}}

    def text(self, *, line_numbers: bool = True) -> str:
        """What a model is told: the lines, and where to go on.

        Args:
            line_numbers: Whether each line begins with its number, as in `12|text`.
        """
        if self.image:
            return f"[{self.path}: {self.image.media_type}, {count_of(self.size, 'byte')}]"
        content = self.content.replace("\r\n", "\n")
        if line_numbers:
            content = number_lines(content, self.start_line)
        notes = list(self.notes)
        if not self.total_lines:
            notes.append("the file is empty")
        elif self.start_line > 1 or self.next_offset:
            window = f"lines {self.start_line} to {self.end_line} of {self.total_lines}"
            more = f"; continue with offset={self.next_offset}" if self.next_offset else ""
            notes.append(window + more)
        return closed(content) + bracketed(notes)

    def images(self) -> tuple[Image, ...]:
        """The picture, if the file is one."""
        return (self.image,) if self.image else ()

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        if self.image:
            return Outcome(True, count_of(self.size, "byte"))
        return Outcome(True, f"lines {self.start_line} to {self.end_line} of {self.total_lines}")
