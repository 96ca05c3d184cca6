"""Cuts, numbers and formats text. No I/O."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daytona_toolkit._masking import Mask


def join_ends(head: bytes, tail: bytes, size: int, path: str, mask: "Mask") -> str:
    """The two ends of a stream, with a notice of what is missing between them.

    Args:
        head: The first bytes.
        tail: The last bytes.
        size: Bytes in the whole stream, more than the two have together.
        path: Where the whole stream can be read.
        mask: Hides secrets, parts of them at the cuts as well.
    """
    first, last = end_at_line(head), start_at_line(tail)
    missing = size - len(first) - len(last)
    notice = f"[... {missing:,} of {size:,} bytes left out here; all of it is in {path} ...]"
    before = mask.end(first.decode(errors="replace"))
    newline = "" if before.endswith("\n") or not before else "\n"
    return f"{before}{newline}{notice}\n{mask.start(last.decode(errors='replace'))}"


def end_at_line(data: bytes) -> bytes:
    """Cut the end to the end of a line, or at least of a character.

    A line that is more than half of the data is cut: better a part of it than nothing.
    """
    end = data.rfind(b"\n") + 1
    if end > len(data) // 2:
        return data[:end]
    return whole_characters(data)


def whole_characters(data: bytes) -> bytes:
    """Cut a UTF-8 character at the end that is not finished."""
    for count in range(1, min(3, len(data)) + 1):
        byte = data[-count]
        if byte & 0xC0 == 0x80:
            continue
        length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return data[:-count] if length > count else data
    return data


def start_at_line(data: bytes) -> bytes:
    """Cut the start to the start of a line, or at least of a character."""
    start = data.find(b"\n") + 1
    if 0 < start < len(data) // 2:
        return data[start:]
    start = 0
    while start < min(3, len(data)) and data[start] & 0xC0 == 0x80:
        start += 1
    return data[start:]


def without_middle(text: str, limit: int) -> str:
    r"""Text of at most so many bytes, and a notice in place of what is left out of its middle.

    >>> without_middle("first\nsecond\nthird\nfourth\n", 20)
    'first\n[... 13 bytes left out ...]\nfourth\n'
    """
    data = text.encode(errors="surrogatepass")
    if len(data) <= limit:
        return text
    head, tail = end_at_line(data[: limit // 2]), start_at_line(data[-(limit // 2) :])
    before, after = (part.decode(errors="surrogatepass") for part in (head, tail))
    missing = len(data) - len(head) - len(tail)
    return f"{closed(before)}[... {missing:,} bytes left out ...]\n{after}"


def is_binary(data: bytes) -> bool:
    """Whether bytes are not text: they have a NUL, or more than 30 % of them are not UTF-8."""
    if b"\0" in data:
        return True
    damaged = data.decode(errors="replace").count("\ufffd")
    return damaged > len(data) * 0.3


def image_type(data: bytes) -> str | None:
    """The media type of a picture, told by its bytes."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def clip(line: str, length: int, mask: "Mask") -> str:
    """The start of a line that is too long to show, without secrets."""
    if len(line) > length:
        line = mask.end(line)
    return line if len(line) <= length else f"{line[:length]} [... line clipped]"


def printable(text: str) -> str:
    r"""Text in which surrogates that stand for bytes are spelt out.

    >>> printable("caf\udce9")
    'caf\\xe9'
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def number_lines(content: str, first: int) -> str:
    r"""Lines with a compact gutter.

    >>> number_lines("a\nb\n", 9)
    '9|a\n10|b\n'
    """
    lines = content.split("\n")
    is_closed = lines[-1] == ""
    if is_closed:
        lines.pop()
    numbered = "\n".join(f"{number}|{line}" for number, line in enumerate(lines, first))
    return numbered + ("\n" if is_closed and lines else "")


def count_of(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count_of(1, "line"), count_of(1200, "line")
    ('1 line', '1,200 lines')
    """
    plural = noun + ("es" if noun.endswith(("s", "ch")) else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def first_few(names: Sequence[str], count: int) -> str:
    """The first names of a list, and a mark where there are more.

    >>> first_few(["a", "b", "c"], 2)
    'a, b, …'
    """
    return ", ".join(names[:count]) + (", …" if len(names) > count else "")


def closed(text: str) -> str:
    """Text that ends with a newline, if there is any."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def bracketed(notes: Iterable[str]) -> str:
    """Notes, a line each, in brackets."""
    return "\n".join(f"[{note}]" for note in notes)


def on_one_line(path: str) -> str:
    """A path in a list that has a line for each."""
    return repr(path) if "\n" in path else path


def listed(lines: Sequence[str], path: str, notes: Iterable[str], *, truncated: bool) -> str:
    """What a model is told of things that were looked for: a line for each, and notes."""
    said = [] if lines else [f"nothing found in {path}"]
    if truncated:
        said.append(f"only the first {len(lines):,} are shown; narrow the search")
    return "".join(f"{line}\n" for line in lines) + bracketed([*said, *notes])


def lines_of(data: bytes) -> list[str]:
    """The lines of a text, without what ends them; only LF does."""
    return data.removesuffix(b"\n").decode(errors="replace").split("\n")
