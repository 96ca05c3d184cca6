"""Checks of what callers pass, which raise InvalidArgumentError for what no sandbox accepts."""

import os
import re
from collections.abc import Mapping

from daytona_toolkit.errors import InvalidArgumentError

AnyPath = str | os.PathLike[str]

# A longer time is no limit: sh can count up to a century.
_FOR_EVER = 3_000_000_000.0

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_path(path: AnyPath) -> str:
    """A path as text: not empty, and without characters that no path has."""
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str):
        raise InvalidArgumentError(f"A path is text or a Path, not {path!r}.")
    if not text:
        raise InvalidArgumentError("The path is empty; give the path of a file or folder.")
    check_no_nul(text, f"path {text!r}")
    check_encodable(text, "path")
    return text


def check_encodable(text: str, what: str) -> None:
    """Refuse text with lone surrogates that stand for no byte."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            f"The {what} contains {text[error.start]!r} at position {error.start}, half of a "
            "surrogate pair, which is no character; write the whole character."
        ) from None
    except AttributeError:
        raise InvalidArgumentError(f"The {what} is {text!r}, which is not text.") from None


def check_no_nul(text: str, what: str) -> None:
    """Refuse text with a NUL character."""
    if "\0" in text:
        raise InvalidArgumentError(f"The {what} contains a NUL character; remove it.")


def as_bytes(content: str | bytes, what: str) -> bytes:
    """Content as bytes: text becomes UTF-8."""
    if isinstance(content, str):
        check_encodable(content, what)
        return content.encode("utf-8", "surrogateescape")
    if not isinstance(content, bytes | bytearray | memoryview):
        raise InvalidArgumentError(f"The {what} is text or bytes, not {type(content).__name__}.")
    return bytes(content)


def check_whole(number: int, name: str) -> None:
    """Refuse what is not a whole number of lines."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidArgumentError(f"{name} is {number!r}; give a whole number of lines.")


def check_seconds(seconds: float | None, name: str) -> float | None:
    """A time that a caller gave; None and infinity are no limit."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise InvalidArgumentError(
            f"{name} is {seconds!r}; give a number of seconds, or None for no limit."
        )
    return None if seconds > _FOR_EVER else seconds


def check_variables(variables: Mapping[str, str]) -> None:
    """Refuse what cannot be environment variables."""
    if not isinstance(variables, Mapping):
        raise InvalidArgumentError(
            f"Variables are {variables!r:.200}; give a mapping of names to texts."
        )
    for name, value in variables.items():
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise InvalidArgumentError(
                f"{name!r} is not a valid name for an environment variable; use letters, digits "
                "and _, and do not begin with a digit."
            )
        if not isinstance(value, str):
            raise InvalidArgumentError(
                f"The value of {name} is of type {type(value).__name__}; environment variables "
                "are text."
            )
        check_no_nul(value, f"value of {name}")
        check_encodable(value, f"value of {name}")
