"""Arguments that no sandbox could accept, with values alone."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daytona_toolkit._arguments import (
    as_bytes,
    check_path,
    check_seconds,
    check_variables,
    check_whole,
)
from daytona_toolkit.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (check_path, 5, "A path is text or a Path, not 5"),
        (check_path, b"a", "A path is text or a Path, not b'a'"),
        (check_path, "", "The path is empty"),
        (check_path, "a\0b", "contains a NUL character"),
        (check_path, "a\ud800", "The path contains '\\ud800' at position 1, half of a surrogate"),
        (lambda value: as_bytes(value, "content"), 5, "The content is text or bytes, not int"),
        (lambda value: as_bytes(value, "content"), "\udfff", "half of a surrogate pair"),
        (lambda value: check_whole(value, "limit"), True, "limit is True; give a whole number"),
        (lambda value: check_whole(value, "limit"), 2.0, "limit is 2.0; give a whole number"),
        (lambda value: check_seconds(value, "wait"), "5", "wait is '5'; give a number of seconds"),
        (lambda value: check_seconds(value, "wait"), -1, "wait is -1; give a number of seconds"),
        (lambda value: check_seconds(value, "wait"), math.nan, "wait is nan"),
        (check_variables, ["A=1"], "give a mapping of names to texts"),
        (check_variables, {"A B": "1"}, "'A B' is not a valid name"),
        (check_variables, {5: "1"}, "5 is not a valid name"),
        (check_variables, {"A": 1}, "The value of A is of type int"),
        (check_variables, {"A": "\0"}, "The value of A contains a NUL character"),
        (check_variables, {"A": "\ud800"}, "The value of A contains '\\ud800'"),
    ],
)
def test_what_no_sandbox_could_accept_is_refused_with_a_reason(
    check: Callable[[Any], object], value: object, words: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(words)):
        check(value)


def test_what_means_the_same_is_taken_as_the_same() -> None:
    assert check_path(Path("a/b")) == "a/b"
    assert check_path("caf\udce9") == "caf\udce9"
    others: list[Any] = ["x", bytearray(b"x"), memoryview(b"x")]
    assert [as_bytes(content, "data") for content in others] == [b"x"] * 3
    assert as_bytes("caf\udce9", "data") == b"caf\xe9"
    assert check_seconds(None, "wait") is check_seconds(math.inf, "wait") is None
    assert check_seconds(0, "wait") == 0
