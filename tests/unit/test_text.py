"""Decisions about text, with strings alone."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytona_toolkit import _text as text
from daytona_toolkit._masking import Mask


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(text).failed == 0


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a;", "image/gif"),
        (b"RIFF\1\2\3\4WEBPVP8 ", "image/webp"),
        (b"RIFF\1\2\3\4WAVE", None),
        (b"GIF88 is a text", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_bytes(data: bytes, media_type: str | None) -> None:
    assert text.image_type(data) == media_type


@given(st.text(), st.integers(0, 20))
def test_whole_characters_cuts_nothing_but_a_broken_end(value: str, cut: int) -> None:
    data = value.encode(errors="replace")
    part = data[: max(0, len(data) - cut)]
    whole = text.whole_characters(part)
    assert part.startswith(whole)
    assert len(part) - len(whole) <= 3
    assert data.startswith(whole)
    whole.decode()


@given(st.binary(max_size=400), st.integers(2, 60))
def test_joined_ends_account_for_every_byte(data: bytes, half: int) -> None:
    if len(data) <= 2 * half:
        return
    joined = text.join_ends(data[:half], data[-half:], len(data), "/all", Mask([]))
    missing = int(joined.partition("[... ")[2].partition(" of ")[0].replace(",", ""))
    assert len(data) - 2 * half <= missing < len(data)
    assert "all of it is in /all" in joined


def test_joined_ends_break_at_lines_where_they_can() -> None:
    joined = text.join_ends(b"one\ntwo\nthr", b"ven\neight\nnine\n", 100, "/all", Mask([]))
    assert joined == (
        "one\ntwo\n[... 81 of 100 bytes left out here; all of it is in /all ...]\neight\nnine\n"
    )


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"", False),
        (b"plain", False),
        ("ünïcödé €".encode(), False),
        ("viel Größe für schöne Wörter".encode("latin-1"), False),
        (b"nul\0", True),
        (bytes(range(1, 256)), True),
        ("text".encode("utf-16"), True),
    ],
)
def test_binary_is_told_from_text(data: bytes, binary: bool) -> None:
    assert text.is_binary(data) is binary


@given(st.lists(st.text(st.characters(exclude_characters="\n"))), st.integers(1, 10**6))
def test_a_gutter_can_be_taken_off_again(lines: list[str], first: int) -> None:
    content = "\n".join(lines)
    numbered = text.number_lines(content, first)
    bare = "\n".join(line.partition("|")[2] for line in numbered.split("\n"))
    assert bare == content
