"""read, write, edit: what an agent does to files is exactly what it said."""

import base64
import hashlib
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daytona_toolkit import Limits, RecoverableError, SandboxSession
from daytona_toolkit.errors import (
    AmbiguousMatchError,
    BinaryFileError,
    FileTooLargeError,
    InvalidArgumentError,
    NoMatchError,
    NotAFileError,
    NotAFolderError,
    OffsetError,
    OutsideRootError,
    PathDeniedError,
    PathNotFoundError,
)
from daytona_toolkit.testing._conformance.support import MakeSession, counting, in_home

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

on_one_session = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def lines_of(count: int) -> str:
    return "".join(f"line {i}\n" for i in range(1, count + 1))


# --- read


def test_a_small_file_comes_whole(session: SandboxSession) -> None:
    session.write("a.txt", "one\ntwo\nthree")
    result = session.read("a.txt")
    assert result.content == "one\ntwo\nthree"
    assert (result.start_line, result.end_line, result.total_lines) == (1, 3, 3)
    assert (result.next_offset, result.size) == (None, 13)
    assert result.path == f"{session.root}/a.txt"


def test_a_window_says_where_it_is_and_what_comes_next(session: SandboxSession) -> None:
    session.write("a.txt", lines_of(10))
    result = session.read("a.txt", offset=4, limit=3)
    assert result.content == "line 4\nline 5\nline 6\n"
    assert (result.start_line, result.end_line, result.total_lines) == (4, 6, 10)
    assert result.next_offset == 7
    assert session.read("a.txt", offset=8).next_offset is None


def test_pages_of_a_large_file_join_to_the_file(session: SandboxSession) -> None:
    text = lines_of(12_000) + "the last line has no newline"
    session.write("big.txt", text)
    pages, offset, traffic = [], 1, 0
    while offset:
        with counting(session) as count:
            page = session.read("big.txt", offset=offset)
        assert (count.requests, count.received < 50_000 * 1.4) == (1, True)
        traffic += count.received
        pages.append(page.content)
        assert page.total_lines == 12_001
        offset = page.next_offset or 0
    assert "".join(pages) == text
    assert len(pages) == 7


def test_a_page_sends_less_than_three_kilobytes(session: SandboxSession) -> None:
    session.write("big.txt", lines_of(12_000))
    with counting(session) as count:
        session.read("big.txt", offset=2001)
    assert count.sent < 3000


def test_a_window_is_bounded_in_bytes(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(read_bytes=1000))
    session.write("a.txt", "x" * 99 + "\n" + ("y" * 99 + "\n") * 50)
    result = session.read("a.txt")
    assert (result.end_line, result.next_offset, result.total_lines) == (9, 10, 51)
    assert session.read("a.txt", offset=10).start_line == 10
    assert session.read("a.txt", limit=10**30) == result
    session.write("like-a-picture.txt", "GIF80" + "z" * 94 + "\n" + ("z" * 99 + "\n") * 50)
    assert session.read("like-a-picture.txt").end_line == 9


def test_long_lines_are_clipped_with_a_hint(session: SandboxSession) -> None:
    session.write("small.txt", "a" * 3000 + "\nshort\n")
    result = session.read("small.txt")
    assert result.content == "a" * 2000 + " [... line clipped]\nshort\n"
    assert "1 line of over 2,000 characters clipped" in result.notes[0]
    session.exec(
        "head -c 20000000 /dev/zero | tr '\\0' z >big.txt; echo >>big.txt; echo end >>big.txt"
    )
    with counting(session) as count:
        result = session.read("big.txt")
    assert count.received < 50_000
    assert result.content == "z" * 2000 + " [... line clipped]\nend\n"


def test_an_empty_file_is_empty(session: SandboxSession) -> None:
    session.write("empty", "")
    result = session.read("empty")
    assert (result.content, result.total_lines, result.size) == ("", 0, 0)


def test_only_a_newline_ends_a_line(session: SandboxSession) -> None:
    session.write("a.txt", "one\rstill\x0bone\u2028one\ntwo\x0c\n")
    assert session.read("a.txt").total_lines == 2


def test_carriage_returns_are_kept_and_said(session: SandboxSession) -> None:
    session.write("dos.txt", "a\r\nb\r\n")
    result = session.read("dos.txt")
    assert result.content == "a\r\nb\r\n"
    assert "CRLF" in result.notes[0]


def test_a_page_of_a_gigabyte_costs_a_page(session: SandboxSession) -> None:
    session.exec("seq 1000 >sparse.txt; truncate -s 1G sparse.txt", timeout=60)
    with counting(session) as count:
        result = session.read("sparse.txt", limit=5)
    assert result.content == "1\n2\n3\n4\n5\n"
    assert count.received < 2000


def test_binary_files_are_refused_with_a_hint(session: SandboxSession) -> None:
    for content in (b"text\0text", bytes(range(128, 256)) * 4):
        session.write("blob", content)
        with pytest.raises(BinaryFileError, match=r"'blob' is a binary file of .* bytes.*xxd"):
            session.read("blob")
    for content in (b"\0" * 300_000, b"text\0text\n" * 20_000):
        session.write("big", content)
        with pytest.raises(BinaryFileError):
            session.read("big")


def test_text_that_is_not_utf8_is_shown_and_said(session: SandboxSession) -> None:
    session.write("latin.txt", "größer als schön\n".encode("latin-1"))
    result = session.read("latin.txt")
    assert result.content == "gr\ufffd\ufffder als sch\ufffdn\n"
    assert "not UTF-8" in result.notes[0]


@pytest.mark.parametrize("before", range(3))
def test_a_character_across_the_border_of_a_page_is_whole(
    make_session: MakeSession, before: int
) -> None:
    session = make_session(limits=Limits(read_bytes=1000))
    session.write("a.txt", "x" * before + "€" * 2000 + "\nnext\n")
    assert "\ufffd" not in session.read("a.txt").content


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 90_000, "image/jpeg"),
        (b"GIF89a" + b"\0" * 90_000, "image/gif"),
        (b"RIFF\1\2\3\4WEBP" + b"\0" * 90_000, "image/webp"),
    ],
)
def test_a_picture_is_told_by_its_bytes(
    session: SandboxSession, content: bytes, media_type: str
) -> None:
    session.write("no-suffix", content)
    with counting(session) as count:
        result = session.read("no-suffix")
    assert count.requests == 1
    assert result.image is not None
    assert result.image.media_type == media_type
    assert base64.b64decode(result.image.data) == content
    assert result.model_dump(mode="json")["image"]["media_type"] == media_type


def test_a_picture_above_the_limit_is_refused(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(image_bytes=80_000))
    session.write("big.png", PNG + b"\0" * 90_000)
    with counting(session) as count, pytest.raises(FileTooLargeError, match="a picture of"):
        session.read("big.png")
    assert count.received < 1000


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "-dash",
        "--help",
        "qu'ote",
        'dou"ble',
        "new\nline",
        "ends in newline\n",
        "$HOME",
        "`id`",
        "*",
        "a;b",
        "\\back\\",
        "ünïcødé €",
        "non-utf8-\udcff\udc80",
        "x" * 255,
        ".hidden",
        " ",
    ],
)
def test_any_name_works(session: SandboxSession, name: str) -> None:
    session.write(name, "one\ntwo\n")
    assert session.exists(name)
    assert session.read(name).total_lines == 2
    assert session.edit(name, "two", "2").occurrences == 1
    assert session.read_bytes(name) == b"one\n2\n"
    names = session.exec("printf '%s/' * .[!.]* | od -An -v -tx1 | tr -d ' \\n'").stdout
    assert os.fsencode(f"{name}/").hex() in names


def test_paths_resolve_in_one_place(session: SandboxSession) -> None:
    session.exec("mkdir -p real/deep; ln -s real/deep link; echo here >real/up")
    assert session.read("link/../up").content == "here\n"  # as the kernel has it
    with in_home(session) as home:
        session.write(f"{home}/file", "x")
        assert session.exec(f'cat "$HOME{home[1:]}/file"').stdout == "x"
    assert session.read("./real//up").content == "here\n"
    assert not session.exists("real/nothing")
    assert not session.exists("real/up/nothing")


# --- bad input: a clear error, and nothing changed


def test_bad_reads_are_clear_errors(session: SandboxSession) -> None:
    session.write("folder/file", "one\ntwo\n")
    session.exec("mkfifo pipe")
    cases: list[tuple[type[RecoverableError], str, dict[str, Any]]] = [
        (PathNotFoundError, "'nope' does not exist", {"path": "nope"}),
        (PathNotFoundError, "does not exist", {"path": "no/such/folder"}),
        (NotAFileError, "'folder' is a folder", {"path": "folder"}),
        (NotAFileError, "is a folder", {"path": "folder/"}),
        (NotAFileError, "is a folder", {"path": "."}),
        (NotAFileError, "pipe or socket", {"path": "pipe"}),
        (NotAFileError, "device", {"path": "/dev/null"}),
        (NotAFolderError, "should be a folder is a file", {"path": "folder/file/x"}),
        (OffsetError, "has 2 lines; offset 3 is after", {"path": "folder/file", "offset": 3}),
        (InvalidArgumentError, "offset is 0; lines count from 1", {"path": "a", "offset": 0}),
        (InvalidArgumentError, "limit is -1", {"path": "a", "limit": -1}),
        (InvalidArgumentError, "contains a NUL", {"path": "a\0b"}),
        (InvalidArgumentError, "is empty", {"path": ""}),
        (InvalidArgumentError, "surrogate", {"path": "\ud800"}),
        (InvalidArgumentError, "no system takes more", {"path": "x/" * 500_000}),
    ]
    for kind, message, arguments in cases:
        with pytest.raises(kind, match=message):
            session.read(**arguments)


def test_bad_edits_change_nothing(session: SandboxSession) -> None:
    content = "alpha\nbeta\nbeta\n\tgamma  x\n"
    session.write("a.txt", content)
    cases: list[tuple[type[RecoverableError], str, tuple[str, str]]] = [
        (InvalidArgumentError, "old_string is empty", ("", "x")),
        (InvalidArgumentError, "are the same", ("alpha", "alpha")),
        (AmbiguousMatchError, "occurs 2 times in 'a.txt', at lines 2, 3", ("beta", "x")),
        (AmbiguousMatchError, "occurs 2 times in 'a.txt', all in line 4; nothing", ("m", "x")),
        (NoMatchError, r"line 4: .*differs in whitespace", ("    gamma x", "y")),
        (NoMatchError, r"line 1: 'alpha' \(differs in case\)", ("Alpha", "y")),
        (NoMatchError, "None of the file's", ("entirely different", "y")),
        (NoMatchError, "has the line numbers", ("1|alpha\n2|beta\n", "y")),
        (
            NoMatchError,
            r"line 2 of old_string is 'delta', but line 2 is 'beta'",
            ("alpha\ndelta", ""),
        ),
    ]
    for kind, message, (old, new) in cases:
        with pytest.raises(kind, match=message):
            session.edit("a.txt", old, new)
    with pytest.raises(PathNotFoundError):
        session.edit("nope", "a", "b")
    with pytest.raises(NotAFileError):
        session.edit(".", "a", "b")
    assert session.read_bytes("a.txt") == content.encode()
    session.write("blob", b"a\0b")
    with pytest.raises(BinaryFileError):
        session.edit("blob", "a", "c")
    assert session.exec("ls -A").stdout == "a.txt\nblob\n"


def test_a_closed_folder_is_an_error(session: SandboxSession) -> None:
    session.write("locked/file", "x")
    session.write("read-only", "x")
    session.exec("chmod 000 locked; chmod 444 read-only")
    try:
        if session.exec("cat locked/file").exit_code == 0:
            return  # this sandbox's user may do anything
        with pytest.raises(PathDeniedError, match="Permission denied for 'locked/file'"):
            session.read("locked/file")
        with pytest.raises(PathDeniedError):
            session.exists("locked/file")
        assert session.exists("locked")
        with pytest.raises(PathDeniedError):
            session.write("locked/new", "x")
        with pytest.raises(PathDeniedError):
            session.write("read-only", "y")
    finally:
        session.exec("chmod 755 locked")


# --- write


def test_write_makes_folders_and_says_whether_the_file_is_new(session: SandboxSession) -> None:
    first = session.write("a/b/c.txt", "héllo")
    assert (first.created, first.size) == (True, 6)
    second = session.write("a/b/c.txt", b"\xff\x00")
    assert (second.created, second.size) == (False, 2)
    assert session.read_bytes("a/b/c.txt") == b"\xff\x00"
    assert session.exec("ls -A a/b").stdout == "c.txt\n"


def test_write_does_not_interpret_content(session: SandboxSession) -> None:
    content = "EOF\n'quotes' \"double\" $HOME `id` \\n \\\\ $& %s %d\n\nEOF\n"
    session.write("a.sh", content)
    assert session.read_bytes("a.sh") == content.encode()


def test_large_content_is_uploaded_and_put_in_place(session: SandboxSession) -> None:
    content = os.urandom(700_000)
    session.write("deep/er/blob", b"old")
    with counting(session) as count:
        session.write("deep/er/blob", content)
    assert count.requests == 2
    assert session.exec("sha256sum <deep/er/blob").stdout.split()[0] == (
        hashlib.sha256(content).hexdigest()
    )
    assert session.read_bytes("deep/er/blob") == content


def test_mode_and_symlink_are_kept(session: SandboxSession) -> None:
    session.exec(
        "mkdir d; echo old >d/run.sh; chmod 755 d/run.sh; ln -s d/run.sh link; ln -s d dir"
    )
    session.write("link", "new\n")
    session.edit("dir/run.sh", "new", "newer")
    assert session.exec("stat -c %a d/run.sh; readlink link; cat d/run.sh").stdout == (
        "755\nd/run.sh\nnewer\n"
    )
    session.exec("ln -s missing-yet dangling")
    session.write("dangling", "made")
    assert session.exec("cat missing-yet; readlink dangling").stdout == "mademissing-yet\n"
    session.exec("ln -s d/second first; ln -s ../third d/second")
    session.write("first", "made")
    assert (
        session.exec("cat third; readlink first; readlink d/second").stdout
        == "maded/second\n../third\n"
    )


def test_a_symlink_that_leads_through_itself_leads_nowhere(session: SandboxSession) -> None:
    session.exec("ln -s loop/on loop; ln -s there here; ln -s here there")
    for path in ("loop", "here"):
        assert not session.exists(path)
        assert session.stat(path).target_type is None
        for work in (
            lambda path: session.read(path),
            lambda path: session.write(path, "x"),
            lambda path: session.edit(path, "x", "y"),
            lambda path: session.ls(path),
        ):
            with pytest.raises(PathNotFoundError):
                work(path)


def test_writing_to_a_folder_or_through_a_file_is_refused(session: SandboxSession) -> None:
    session.write("d/f", "x")
    with pytest.raises(NotAFileError):
        session.write("d", "x")
    with pytest.raises(NotAFolderError):
        session.write("d/f/g", "x")
    with pytest.raises(RecoverableError, match="too long"):
        session.write("n" * 300, "x")
    assert session.exec("find . | sort").stdout == ".\n./d\n./d/f\n"


# --- edit


def test_an_edit_changes_one_place_and_shows_it(session: SandboxSession) -> None:
    session.write("a.py", lines_of(20))
    result = session.edit("a.py", "line 7\nline 8\n", "seven\n")
    assert result.occurrences == 1
    assert result.diff == (
        "--- a.py\n+++ a.py\n@@ -4,8 +4,7 @@\n line 4\n line 5\n line 6\n-line 7\n-line 8\n"
        "+seven\n line 9\n line 10\n line 11\n"
    )


def test_replace_all_replaces_all(session: SandboxSession) -> None:
    session.write("a.txt", "foo bar foo\n" * 300)
    result = session.edit("a.txt", "foo", "$& \\1 %s", replace_all=True)
    assert result.occurrences == 600
    assert session.read_bytes("a.txt") == ("$& \\1 %s bar $& \\1 %s\n" * 300).encode()


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz", b"x\r\ny\r\nz\r\nc\r\n"),
        (b"a\r\nb\r\nc\r\n", "b", "b1\nb2", b"a\r\nb1\r\nb2\r\nc\r\n"),
        (b"a\rb\rc\r", "a\nb", "x\ny", b"x\ry\rc\r"),
        (b"a\nb\r\nc\n", "a\nb", "x\ny", b"x\ny\r\nc\n"),
        (b"a\r\nb\r\n", "a\r\nb", "a\nb", b"a\nb\r\n"),
        (b"\xef\xbb\xbfa\nb", "a", "c", b"\xef\xbb\xbfc\nb"),
        (b"caf\xe9 one\nplain\n", "plain", "pl\u00e4in", b"caf\xe9 one\npl\xc3\xa4in\n"),
        (b"no newline", "newline", "\n", b"no \n"),
        (b"\ttabs\tstay\n", "stay", "go", b"\ttabs\tgo\n"),
        (b"all of it", "all of it", "", b""),
    ],
)
def test_nothing_outside_the_edit_changes(
    session: SandboxSession, before: bytes, old: str, new: str, after: bytes
) -> None:
    session.write("f", before)
    session.edit("f", old, new)
    assert session.exec("od -An -v -tx1 f").stdout.split() == [f"{byte:02x}" for byte in after]


def test_an_edit_needs_one_request_whatever_was_seen(session: SandboxSession) -> None:
    session.exec("echo one >unseen; echo one >read; seq 100000 >big")
    for name in ("unseen", "read", "written"):
        if name == "read":
            session.read(name)
        if name == "written":
            session.write(name, "one\n")
        for old, new in (("one", "two"), ("two", "three")):
            with counting(session) as count:
                session.edit(name, old, new)
            assert (name, count.requests) == (name, 1)
    session.read("big", offset=2000)
    with counting(session) as count:
        session.edit("big", "2345\n2346", "x\ny")
        session.edit("big", "\nx\ny", "\nz")
    assert (count.requests, count.received < 500) == (2, True)
    assert session.exec("sed -n '2344,2346p;99999p' big").stdout == "2344\nz\n2347\n100000\n"


def test_an_edit_of_an_unseen_file_needs_two_requests_at_the_most(session: SandboxSession) -> None:
    session.exec(
        "printf 'one\\r\\ntwo\\r\\n' >crlf; yes one | head -n 9 >many; printf 'a\\0b' >bin"
    )
    with counting(session) as count:
        session.edit("crlf", "one\ntwo", "1\n2")
    assert count.requests == 2
    assert session.read_bytes("crlf") == b"1\r\n2\r\n"
    refused = [
        ("many", "one\n", AmbiguousMatchError, "9 times in 'many', at lines 1, 2"),
        ("many", "two", NoMatchError, "not in 'many'"),
        ("bin", "a", BinaryFileError, "'bin' is a binary file"),
        ("missing", "a", PathNotFoundError, "'missing' does not exist"),
        (".", "a", NotAFileError, "is a folder"),
    ]
    for name, old, error, message in refused:
        with counting(session) as count, pytest.raises(error, match=message):
            session.edit(name, old, "x")
        assert (name, count.requests) == (name, 1)


@given(
    content=st.text("ab.*\n\n\ré", max_size=24),
    old=st.text("ab.*\n\n\ré", min_size=1, max_size=5),
    new=st.text("a\n€", max_size=5),
)
@settings(on_one_session, max_examples=60)
@example("aa", "a", "x")  # two in a line
@example("ababa", "aba", "x")  # that overlap
@example("b\na\nb\na\nb", "a\nb\n", "")  # at the same lines, but not the same
@example("a\r\nb\r\n", "a", "x\ny")
@example("\n\n\n", "\n\n", "x")
@example("é\na", "\na", "\nx")
@example("éa\na", "a", "")  # behind a character of two bytes
def test_an_edit_does_the_same_to_a_file_that_was_not_seen(
    session: SandboxSession, content: str, old: str, new: str
) -> None:
    def outcome(path: str) -> tuple[object, ...]:
        try:
            result = session.edit(path, old, new)
        except (RecoverableError, InvalidArgumentError) as error:
            return type(error), str(error).replace(path, "")
        return result.occurrences, result.diff.replace(path, "")

    seen, unseen = (f"{kind}-{secrets.token_hex(4)}" for kind in ("seen", "unseen"))
    session.write(seen, content)
    session.exec(f"cat {seen} >{unseen}")
    assert outcome(unseen) == outcome(seen)
    assert session.read_bytes(unseen) == session.read_bytes(seen)


def test_an_unseen_text_is_found_beside_long_lines_and_among_many(session: SandboxSession) -> None:
    line = "x" * 60_000
    session.exec(f"(echo first; echo {line}; echo last) >long")
    assert session.edit("long", "first\n", "1\n").occurrences == 1
    session.exec(f"(seq 50; echo {line}needle) >wide")
    assert session.edit("wide", "needle", "pin").occurrences == 1
    session.exec("(for i in $(seq 99); do echo '  }'; echo \"call($i)\"; done) >braces")
    assert session.edit("braces", "  }\ncall(77)\n  }", "  } call(77) {").occurrences == 1
    assert session.exec("cut -c 1-9 long; tail -c 4 wide; wc -l <braces").stdout == (
        "1\nxxxxxxxxx\nlast\npin\n196\n"
    )


def test_an_edit_of_a_large_file_sends_the_edit(session: SandboxSession) -> None:
    session.exec("seq 2500000 >big")  # 19 MB
    with counting(session) as count:
        result = session.edit("big", "\n1234\n", "\ntwelve\n")
    assert (count.requests, count.sent < 10_000, count.received < 500) == (1, True, True)
    assert "-1234\n+twelve\n" in result.diff
    assert session.exec("sed -n 1233,1235p big; wc -l <big").stdout.split() == [
        "1233",
        "twelve",
        "1235",
        "2500000",
    ]


def test_a_text_within_a_line_of_a_large_file_is_replaced(session: SandboxSession) -> None:
    session.exec("(seq 30000; echo a needle here; seq 30000) >big")
    with counting(session) as count:
        session.edit("big", "needle", "pin")
    assert (count.requests, count.sent < 10_000, count.received < 500) == (1, True, True)
    assert session.exec("sed -n 30000,30002p big; wc -l <big").stdout == (
        "30000\na pin here\n1\n60001\n"
    )


def test_a_text_seen_in_a_page_must_be_unique_in_the_file(session: SandboxSession) -> None:
    session.exec("(seq 30000; echo 'a twin'; seq 30000; echo 'a twin') >big")
    session.read("big", offset=29_990)
    with pytest.raises(AmbiguousMatchError, match="at lines 30001, 60002"):
        session.edit("big", "a twin", "x")
    assert session.edit("big", "30000\na twin\n1\n", "x").occurrences == 1


def test_a_file_above_the_limit_is_refused_with_advice(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(file_bytes=100_000))
    session.exec("seq 100000 >big")
    with pytest.raises(FileTooLargeError, match=r"588,895 bytes.*exactly once.*grep.*sed -i"):
        session.edit("big", "7777", "x")
    assert session.edit("big", "77777", "x").occurrences == 1
    with pytest.raises(FileTooLargeError, match="download"):
        session.read_bytes("big")


def test_a_change_behind_our_back_is_not_lost(session: SandboxSession) -> None:
    session.write("f", "one\ntwo\nthree\n")
    session.exec("sed -i 's/three/3/' f")
    session.edit("f", "one", "1")
    assert session.read_bytes("f") == b"1\ntwo\n3\n"
    session.exec("printf 'new\\n' >f")
    with pytest.raises(NoMatchError):
        session.edit("f", "two", "2")
    session.edit("f", "new", "newer")
    session.exec("rm f")
    with pytest.raises(PathNotFoundError):
        session.edit("f", "newer", "newest")


def test_two_sessions_on_one_file_lose_nothing(
    session: SandboxSession, twin: SandboxSession
) -> None:
    path = f"{session.root}/f"
    session.write(path, "".join(f"{who}{i}\n" for i in range(20) for who in "ab"))

    def work(mine: SandboxSession, who: str) -> None:
        for i in range(20):
            mine.edit(path, f"{who}{i}\n", f"{who.upper()}{i}!\n")

    threads = [threading.Thread(target=work, args=pair) for pair in ((session, "a"), (twin, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.read(path).content == "".join(f"{who}{i}!\n" for i in range(20) for who in "AB")


def test_edits_of_one_file_by_many_threads_take_turns(session: SandboxSession) -> None:
    """Within a session none is in another's way, so none is tried twice."""
    session.write("f", "".join(f"line {i}\n" for i in range(40)))
    with ThreadPoolExecutor(40) as pool, counting(session) as traffic:
        edits = [pool.submit(session.edit, "f", f"line {i}\n", f"LINE {i}\n") for i in range(40)]
        for edit in edits:
            assert edit.result().occurrences == 1
    assert traffic.requests == 40
    assert session.read("f").content == "".join(f"LINE {i}\n" for i in range(40))


names = st.text(
    st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))


@on_one_session
@given(name=names, content=st.binary(max_size=3000))
@example(name="f", content=b"\0" * 3000)
def test_any_bytes_under_any_name_come_back(
    session: SandboxSession, name: str, content: bytes
) -> None:
    session.write(f"d/{name}", content)
    assert session.read_bytes(f"d/{name}") == content


@pytest.mark.parametrize("old", ["0", "1", "100.00", "$1", "[0-9]*"])
def test_a_text_of_digits_is_edited(session: SandboxSession, old: str) -> None:
    session.write("prices", f"Price: {old} a piece\nPath: /usr/bin\n")
    session.edit("prices", old, "2")
    assert session.read("prices").content == "Price: 2 a piece\nPath: /usr/bin\n"


@on_one_session
@given(
    parts=st.lists(
        st.sampled_from(
            [b"a", b"1", b"\n", b"\r\n", b"\xff", "é".encode(), b"  ", b"\\", b"*", b"'", b"."]
        ),
        max_size=30,
    ),
    old=st.text("a1\né\\*'. ", max_size=4),
    new=st.text("a1\né'$\\", max_size=4),
    replace_all=st.booleans(),
)
def test_random_edits_equal_a_model(
    session: SandboxSession, parts: list[bytes], old: str, new: str, replace_all: bool
) -> None:
    before = b"".join(parts)
    session.write("f", before)
    try:
        result = session.edit("f", old, new, replace_all=replace_all)
    except RecoverableError:
        assert session.read_bytes("f") == before
        return
    after = session.read_bytes("f")
    needle = old.encode()
    if needle not in before:
        needle = needle.replace(b"\n", b"\r\n")
    pieces = before.split(needle)
    assert replace_all or len(pieces) == 2
    assert result.occurrences == len(pieces) - 1
    lf, crlf = new.encode(), new.encode().replace(b"\n", b"\r\n")
    assert after in (lf.join(pieces), crlf.join(pieces))


# --- confined


def confine(make_session: MakeSession) -> SandboxSession:
    """A session that is confined to a folder, from which links lead out."""
    session = make_session(root="inner", confined=True)
    session.exec(
        "echo secret >../outside; mkdir ../other; ln -s .. up; ln -s ../outside link; "
        "ln -s ../other folder; echo fine >inside; ln -s inside good; mkdir sub"
    )
    return session


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "up/outside",
        "link",
        "/etc/passwd",
        "sub/../../outside",
        "/proc/self/cwd/../outside",
    ],
)
def test_a_confined_session_reads_and_writes_nothing_outside(
    confined: SandboxSession, path: str
) -> None:
    with pytest.raises(OutsideRootError, match="leads outside"):
        confined.read(path)
    with pytest.raises(OutsideRootError):
        confined.read_bytes(path)
    with pytest.raises(OutsideRootError):
        confined.write(path, "x")
    with pytest.raises(OutsideRootError):
        confined.edit(path, "secret", "x")
    assert confined.exec("cat ../outside").stdout == "secret\n"


def test_a_confined_session_makes_no_folder_outside(confined: SandboxSession) -> None:
    for path in ("../new/file", "folder/new/file", "up/new/file", "sub/none/../../../new/file"):
        with pytest.raises(RecoverableError):
            confined.write(path, "x")
    assert confined.exec("ls ..; ls ../other").stdout == "inner\nother\noutside\n"


def test_a_confined_session_works_inside(confined: SandboxSession) -> None:
    assert confined.read("good").content == "fine\n"
    confined.write("deep/er/file", "x")
    confined.edit("good", "fine", "better")
    assert confined.read(f"{confined.root}/inside").content == "better\n"
    long = confined.exec("seq 100000")
    assert long.stdout_path
    assert confined.read(long.stdout_path, limit=1).content == "1\n"
