"""Patches in the format V4A, with strings alone."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytona_toolkit._matching import splice
from daytona_toolkit._operations.patch.v4a import parse, splices
from daytona_toolkit.errors import (
    AmbiguousMatchError,
    BinaryFileError,
    InvalidArgumentError,
    NoMatchError,
    RecoverableError,
)


def envelope(body: str) -> str:
    return f"*** Begin Patch\n{body}\n*** End Patch"


def patched(content: str, hunks: str) -> str:
    (change,) = parse(envelope(f"*** Update File: a.py\n{hunks}"))
    before = content.encode()
    return splice(before, splices(before, change)).decode()


def test_a_patch_names_files_and_what_becomes_of_them() -> None:
    changes = parse(
        envelope(
            "*** Add File: new.txt\n+one\n+\n*** Update File: a.py\n*** Move to: b.py\n"
            "@@ class A\n@@     def f(self):\n x\n-y\n+z\n\n*** End of File\n*** Delete File: c"
        )
    )
    assert [(each.kind, each.path, each.target) for each in changes] == [
        ("Add", "new.txt", ""),
        ("Update", "a.py", "b.py"),
        ("Delete", "c", ""),
    ]
    assert changes[0].content == "one\n\n"
    (hunk,) = changes[1].hunks
    assert hunk.anchors == ("class A", "    def f(self):")
    assert hunk.lines == ((" ", "x"), ("-", "y"), ("+", "z"), (" ", ""))
    assert hunk.at_end


# The texts, and what `agents.apply_diff` of openai-agents 0.24 makes of them.
RECORDED = [
    pytest.param("a\nb\nc\n", "@@\n a\n-b\n+B\n c", "a\nB\nc\n", id="one line"),
    pytest.param("a\nb\nc\n", " a\n-b\n+B\n c", "a\nB\nc\n", id="no marker"),
    pytest.param("a\nb", "@@\n-b\n+B", "a\nB", id="no newline at the end"),
    pytest.param("a\nb\n", "@@\n-b", "a\n", id="last line goes"),
    pytest.param("a\nb", "@@\n a\n-b", "a", id="last line goes, no newline"),
    pytest.param("a", "@@\n-a", "", id="all goes"),
    pytest.param("", "@@\n+hello\n+world", "hello\nworld\n", id="into an empty file"),
    pytest.param("a\nb\n", "@@\n b\n+c\n*** End of File", "a\nb\nc\n", id="at the end"),
    pytest.param("a\nb", "@@\n b\n+c\n*** End of File", "a\nb\nc", id="at the bare end"),
    pytest.param("a\nb\n", "@@\n+c\n*** End of File", "a\nb\nc\n", id="only added at the end"),
    pytest.param("x\na\nx\n", "@@\n-x\n+y\n*** End of File", "x\na\ny\n", id="the last of several"),
    pytest.param(
        "def f():\n    x\ndef g():\n    x\n",
        "@@ def g():\n-    x\n+    y",
        "def f():\n    x\ndef g():\n    y\n",
        id="anchor",
    ),
    pytest.param(
        "class A:\n    def f():\n        x\nclass B:\n    def f():\n        x\n",
        "@@ class B:\n@@     def f():\n-        x\n+        y",
        "class A:\n    def f():\n        x\nclass B:\n    def f():\n        y\n",
        id="stacked anchors",
    ),
    pytest.param(
        "class A\n    def f():\n        x\n\nclass B\n    def f():\n        x\n",
        "@@ class A\n@@     def f():\n-        x\n+        y\n\n"
        "@@ class B\n@@     def f():\n-        x\n+        y",
        "class A\n    def f():\n        y\n\nclass B\n    def f():\n        y\n",
        id="stacked anchors, twice",
    ),
    pytest.param(
        "class A\n    x\n", "@@ class A\n@@\n-    x\n+    y", "class A\n    y\n", id="bare anchor"
    ),
    pytest.param(
        "class A:\n    x\n    y\n    z\n",
        "@@ class A:\n-    x\n+    X\n@@ class A:\n-    z\n+    Z",
        "class A:\n    X\n    y\n    Z\n",
        id="anchor again",
    ),
    pytest.param(
        "    def f():\n  x\n", "@@ def f():\n-  x\n+  y", "    def f():\n  y\n", id="bare"
    ),
    pytest.param("f\ng\n", "@@ f\n+new", "f\nnew\ng\n", id="only added after an anchor"),
    pytest.param(
        "a\nb\nc\nd\n", "@@\n-a\n+A\n b\n-c\n+C1\n+C2", "A\nb\nC1\nC2\nd\n", id="two in a hunk"
    ),
    pytest.param("a\nb\nc", "@@\n-b\n+B\n@@\n-c", "a\nB", id="hunks side by side"),
    pytest.param("a\r\nb\r\n", "@@\n-b\n+B\n+C", "a\r\nB\r\nC\r\n", id="CRLF"),
    pytest.param("a\r\nb", "@@\n a\n-b", "a", id="CRLF, last line goes"),
    pytest.param("a\nb\n", "@@\r\n-b\r\n+B\r\n", "a\nB\n", id="CRLF in the patch alone"),
    pytest.param("", "@@\r\n+a\r\n+b", "a\r\nb\r\n", id="CRLF into an empty file"),
    pytest.param("a\n\nb\n", "@@\n a\n\n-b\n+c", "a\n\nc\n", id="an empty line is context"),
]


@pytest.mark.parametrize(("content", "hunks", "expected"), RECORDED)
def test_hunks_do_what_they_say(content: str, hunks: str, expected: str) -> None:
    assert patched(content, hunks) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("content", "hunks", "expected"), RECORDED)
def test_openais_own_program_does_the_same(content: str, hunks: str, expected: str) -> None:
    agents = pytest.importorskip("agents")
    assert agents.apply_diff(content, hunks) == expected


small_texts = st.lists(st.sampled_from(["a", "b", "", "  c", "+d"]), max_size=12).map("\n".join)


def hunks_between(before: str, after: str) -> str:
    """A patch as a model with a context of one line would write it."""
    old, new = before.split("\n"), after.split("\n")
    lines = []
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(1):
        lines.append("@@")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [f" {line}" for line in old[i1:i2]]
                continue
            lines += [f"-{line}" for line in old[i1:i2]] + [f"+{line}" for line in new[j1:j2]]
    return "\n".join(lines)


@given(small_texts, small_texts)
def test_what_is_applied_is_what_was_meant(before: str, after: str) -> None:
    try:
        found = patched(before, hunks_between(before, after))
    except RecoverableError:
        return  # it fits several places, or nothing changes
    assert found == after


@pytest.mark.slow
@given(small_texts, small_texts, st.booleans())
def test_what_is_applied_is_what_openais_own_program_makes(
    before: str, after: str, windows: bool
) -> None:
    agents = pytest.importorskip("agents")
    hunks = hunks_between(before, after)
    if windows:
        before = before.replace("\n", "\r\n")
    try:
        found = patched(before, hunks)
    except RecoverableError:
        return
    assert found == agents.apply_diff(before, hunks)


def test_bytes_outside_of_hunks_stay() -> None:
    before = b"caf\xe9\r\nmixed\nb\r\nend\r"
    (change,) = parse(envelope("*** Update File: a\n@@\n mixed\n-b\n+B\n+C"))
    after = splice(before, splices(before, change))
    assert after == b"caf\xe9\r\nmixed\nB\r\nC\r\nend\r"


@pytest.mark.parametrize(
    ("content", "hunks", "kind", "message"),
    [
        ("a\nbee\n", "@@\n-a\n+A\n@@\n-be e", NoMatchError, r"Hunk 2 is not in 'a.py'.*line 2"),
        ("a\n  b\n", "@@\n a\n-b", NoMatchError, "differs in indentation"),
        ("a\nb\n", "@@\n-b\n@@\n-a", NoMatchError, "matches at line 1, before the hunk above"),
        ("a\nb\n", "@@\n-a\n*** End of File", NoMatchError, "line 1, not at the end"),
        ("def f(x):\n", "@@ def f():\n+a", NoMatchError, r"'@@ def f\(\):' of hunk 1 is not in"),
        ("a\nb\na\n", "@@\n-a\n+b", AmbiguousMatchError, "fits 2 places, at lines 1, 3"),
        ("a\n", "@@\n+b", AmbiguousMatchError, "does not say where"),
        ("a\0\n", "@@\n-a\n+b", BinaryFileError, "binary"),
        ("a\n", "@@\n a", InvalidArgumentError, "change nothing"),
    ],
)
def test_what_does_not_fit_exactly_is_refused(
    content: str, hunks: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=f"(?s){message}") as raised:
        patched(content, hunks)
    assert "nothing was changed" in str(raised.value)


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("", "must begin with the line"),
        ("*** Begin Patch", "must begin with the line"),
        (envelope(""), "names no file"),
        (envelope("a"), "before it names a file"),
        (envelope("*** Add File:"), "names no file"),
        (envelope("*** Add File: a\nb"), "each line of a new file begins"),
        (envelope("*** Update File: a"), "no hunk for 'a'"),
        (envelope("*** Update File: a\n*** Move to: "), "names no file"),
        (envelope("*** Update File: a\n@@"), "Hunk 1 of 'a' has no lines"),
        (envelope("*** Update File: a\n@@\nb"), "begins with a space"),
        (envelope("*** Update File: a\n-b\n*** End of File\n-c"), "a hunk begins with '@@'"),
        (envelope("*** Delete File: a\n-b"), "nothing follows"),
    ],
)
def test_what_is_no_patch_is_refused(patch: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message) as raised:
        parse(patch)
    assert "nothing was changed" in str(raised.value)


@given(st.lists(st.sampled_from([*"+-@ \n", "@@ a", "*** Update File: a", "\n", "x"])).map("".join))
def test_no_text_raises_anything_but_an_error_for_the_model(body: str) -> None:
    try:
        changes = parse(envelope(body))
    except InvalidArgumentError:
        return
    assert changes
