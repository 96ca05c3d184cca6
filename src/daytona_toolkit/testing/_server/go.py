"""How Go writes what Python writes otherwise: text, times, modes, and glob patterns."""

import codecs
import re
import stat
from datetime import datetime, timezone

# Go's letters for the types of files; a sticky bit adds `t`, and so on.
_TYPES = {
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "L",
    stat.S_IFBLK: "D",
    stat.S_IFCHR: "Dc",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "S",
}
_SPECIAL_BITS = {stat.S_ISUID: "u", stat.S_ISGID: "g", stat.S_ISVTX: "t"}


def rfc3339(seconds: float | None = None) -> str:
    """Return a time, by default now, as the API and the daemon's JSON write it."""
    return _utc(seconds).isoformat().replace("+00:00", "Z")


def go_time(seconds: float) -> str:
    """Return a time as Go's `time.Time.String` writes it."""
    return _utc(seconds).strftime("%Y-%m-%d %H:%M:%S.%f +0000 UTC")


def go_text(data: bytes) -> str:
    """Decode as Go's JSON encoder does: every byte that is not UTF-8 becomes one U+FFFD."""
    return data.decode(errors="go-replace")


def go_mode(mode: int) -> str:
    """Return a mode as Go's `FileMode.String` writes it."""
    special = "".join(letter for bit, letter in _SPECIAL_BITS.items() if mode & bit)
    kind = _TYPES.get(stat.S_IFMT(mode), "")
    return (kind + special or "-") + stat.filemode(mode & 0o777)[1:]


def go_glob(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a]` and backslashes.

    Raises:
        ValueError: A bracket or a backslash is left open, or a range is upside down.
    """
    tokens = re.findall(r"\\.|\[\^?(?:\\.|[^\]\\])+\]|[^\[\\]", pattern, re.DOTALL)
    if "".join(tokens) != pattern:
        raise ValueError("syntax error in pattern")
    try:
        return re.compile("".join(map(_glob_token, tokens)), re.DOTALL)
    except re.error as error:  # a range that ends before it begins
        raise ValueError("syntax error in pattern") from error


def _glob_token(token: str) -> str:
    if token[0] == "[":
        return token
    return {"*": "[^/]*", "?": "[^/]"}.get(token) or re.escape(token[-1])


def _utc(seconds: float | None) -> datetime:
    if seconds is None:
        return datetime.now(timezone.utc)
    return datetime.fromtimestamp(seconds, timezone.utc)


def _replace_one_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd", error.start + 1


codecs.register_error("go-replace", _replace_one_byte)
