"""Where a text stands, and what is said when it does not, with bytes alone."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytona_toolkit._diff import unified_diff
from daytona_toolkit._matching import (
    Splice,
    describe_absence,
    match,
    merge,
    splice,
)

fragments = st.lists(
    st.sampled_from([b"a", b"b", b"\n", b"\r\n", b"\r", b"\xff", b"x y"]), max_size=30
).map(b"".join)


@st.composite
def spliced(draw: st.DrawFn) -> tuple[bytes, list[Splice]]:
    content = draw(fragments)
    borders = sorted(draw(st.lists(st.integers(0, len(content)), max_size=16)))
    if len(borders) % 2:
        borders.pop()
    pairs = zip(borders[::2], borders[1::2], strict=True)
    return content, [Splice(start, end, draw(fragments)) for start, end in pairs]


@given(spliced(), st.integers(1, 8))
def test_merged_splices_have_the_same_effect(case: tuple[bytes, list[Splice]], most: int) -> None:
    content, splices = case
    merged = merge(content, splices, most)
    assert len(merged) <= most
    assert splice(content, merged) == splice(content, splices)


@given(fragments, st.text("ab\n", min_size=1, max_size=3), st.text("ab\n", max_size=3))
def test_a_match_stands_where_it_says(content: bytes, old: str, new: str) -> None:
    found = match(content, old, new)
    for start in found.starts:
        assert content[start : start + len(found.old)] == found.old
    assert found.old.replace(b"\r\n", b"\n").replace(b"\r", b"\n") == old.encode()
    replaced = splice(content, found.splices())
    assert replaced == content.replace(found.old, found.new)


@given(spliced())
def test_a_diff_has_the_lines_of_both_sides(case: tuple[bytes, list[Splice]]) -> None:
    content, splices = case
    content = b"top\n" * 10 + content
    splices = [Splice(s.start + 40, s.end + 40, s.new) for s in splices]
    after = splice(content, splices)
    diff = unified_diff(content, splices, "f")
    old, new = (len(data.decode(errors="replace").split("\n")) for data in (content, after))
    lines = diff.split("\n")[2:]
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    ends = after.endswith(b"\n") - content.endswith(b"\n")
    assert added - removed in (new - old - ends, new - old, new - old - 1, new - old + 1)


def test_a_diff_of_a_large_file_costs_the_edit() -> None:
    content = b"".join(b"line %d\n" % i for i in range(2_000_000))
    at = content.index(b"line 1500000\n")
    started = time.perf_counter()
    diff = unified_diff(content, [Splice(at, at + 13, b"changed\n")], "f")
    assert "@@ -1499998,7 +1499998,7 @@" in diff
    assert "-line 1500000\n+changed\n" in diff
    assert time.perf_counter() - started < 2


def test_a_diff_of_lines_that_are_all_alike_is_made_soon() -> None:
    old = b"x\n" * 1_000
    started = time.process_time()
    assert unified_diff(old, [Splice(0, len(old), b"x\ny\n" * 500)], "f").count("\n+y\n") > 400
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("content", "old", "hint"),
    [
        ("\tif x:\n", "    if x:", "line 1: '\\tif x:' (differs in tabs and spaces)"),
        ("  if x:\n", "    if x:", "(differs in indentation)"),
        ("if x:  \n", "if x: \nnext", "(differs in trailing whitespace)"),
        ("say “hi”\n", 'say "hi"', "(differs in quotes, whitespace or case)"),
        ("If X:\n", "if x:", "(differs in case)"),
        ("a = 1\nb = 2\nc = 3\n", "a = 1\nb = 3", "line 2 of old_string is 'b = 3', but line 2 is"),
        ("def function(one):\n", "def funtion(one):", "line 1: 'def function(one):'"),
        ("a\n", "a\nb\nc", "the file ends before line 2 of old_string"),
        ("\n\nfoo\n", "12|foo", "has the line numbers"),
    ],
)
def test_a_near_miss_says_how_it_misses(content: str, old: str, hint: str) -> None:
    described = describe_absence(content.encode(), old, "f.py")
    assert described.startswith("old_string is not in 'f.py'; nothing was changed.")
    assert hint in described


def test_a_miss_in_a_large_file_is_described_soon() -> None:
    words = random.Random(1)
    content = "\n".join("".join(words.choices("abcdefgh ", k=60)) for _ in range(50_000)).encode()
    started = time.process_time()  # not what else the machine does meanwhile
    assert describe_absence(content, "hgfedcba" * 8, "f")
    assert time.process_time() - started < 5


def test_the_closest_line_is_found_behind_many_that_share_a_word() -> None:
    content = b"the first of many lines\n" * 3_000 + b"    return the_value(of, many)\n"
    assert "line 3001:" in describe_absence(content, "    return the_value(of, many", "f")
    assert "line 3001:" in describe_absence(content, "    return the_value(of, any, many)", "f")
