"""ls, glob, grep: what is where, the same whatever tools the sandbox has."""

import json
import re
from collections.abc import Callable

import pytest

from daytona_toolkit import Limits, SandboxSession
from daytona_toolkit.errors import (
    InvalidArgumentError,
    NotAFileError,
    NotAFolderError,
    OutsideRootError,
    PathDeniedError,
    PathNotFoundError,
    SearchPatternError,
)
from daytona_toolkit.results import GrepResult, Listing
from daytona_toolkit.testing._conformance.support import MakeSession, counting, in_home

ODD_NAMES = [
    "two words",
    'it\'s "quoted"',
    "-rf",
    "new\nline",
    "ends with\n",
    "$(touch pwned)",
    "*",
    "back\\slash",
    "na\u00efve—dash",
    "caf\udce9",
    "~",
    "a:1:b",
]


def fill(session: SandboxSession, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        session.write(name, content)


def paths(result: Listing) -> list[str]:
    return [entry.path for entry in result.entries]


def lines(result: GrepResult) -> list[tuple[str, int, str]]:
    return [(match.path, match.line, match.text) for match in result.matches if not match.context]


# --- ls


def test_ls_is_sorted_typed_and_sized(session: SandboxSession) -> None:
    session.exec("mkdir b; printf 12345 > c; printf '' > a; ln -s c d; mkfifo e; touch -d @1000 c")
    found = {entry.path: (entry.type, entry.size) for entry in session.ls().entries}
    assert list(found) == ["a", "b", "c", "d", "e"]
    assert found["a"] == ("file", 0)
    assert found["c"] == ("file", 5)
    assert [kind for kind, _ in found.values()] == ["file", "folder", "file", "symlink", "other"]
    assert session.ls().entries[2].modified == 1000


def test_ls_of_a_file_is_refused(session: SandboxSession) -> None:
    session.write("sub/file.txt", "12")
    session.exec("ln -s sub/file.txt link; mkfifo pipe")
    for path in ("sub/file.txt", "link", "pipe"):
        with pytest.raises(NotAFolderError, match=f"'{path}' is not a folder"):
            session.ls(path)


def test_a_listing_says_what_symlinks_lead_to_and_which_version_a_file_has(
    session: SandboxSession,
) -> None:
    written = session.write("a\nb", "12")
    session.exec(
        "mkdir sub; ln -s 'a\nb' file; ln -s sub folder; ln -s pipe other; mkfifo pipe; "
        "ln -s nowhere dangling; ln -s loop loop".replace("\\n", "\n")
    )
    for listing in (session.ls(), session.glob("*")):
        found = {entry.path: entry for entry in listing.entries}
        assert {path: entry.target_type for path, entry in found.items() if "\n" not in path} == {
            "dangling": None,
            "file": "file",
            "folder": "folder",
            "loop": None,
            "other": "other",
            "pipe": None,
            "sub": None,
        }
        assert found["a\nb"].version == found["file"].version == written.version
        assert listing.notes == ()
    assert session.write("file", "new", if_version=found["file"].version).size == 3


def test_ls_of_an_empty_folder_is_empty(session: SandboxSession) -> None:
    session.exec("mkdir empty")
    assert session.ls("empty").entries == ()


def test_ls_leaves_hidden_names_out_if_told(session: SandboxSession) -> None:
    fill(session, {".env": "", "a": "", "..b": ""})
    assert paths(session.ls()) == ["..b", ".env", "a"]
    assert paths(session.ls(hidden=False)) == ["a"]


def test_paths_that_are_found_can_be_used_as_they_are(session: SandboxSession) -> None:
    fill(session, {f"folder/{name}": name.encode("utf-8", "surrogateescape") for name in ODD_NAMES})
    found = paths(session.ls("folder"))
    assert sorted(found) == sorted(f"folder/{name}" for name in ODD_NAMES)
    for result in (session.ls("folder"), session.glob("folder/*"), session.glob("**", "folder")):
        for entry in result.entries:
            content = session.read_bytes(entry.path).decode("utf-8", "surrogateescape")
            assert entry.path == f"folder/{content}"
    for match in session.grep(".", "folder", hidden=True).matches:
        assert match.path.removeprefix("folder/") in ODD_NAMES
    assert not session.exists("pwned")


def test_a_name_like_the_home_folder_is_told_from_it(session: SandboxSession) -> None:
    session.write("./~", "not home")
    (entry,) = session.ls().entries
    assert session.read(entry.path).content == "not home"


def test_results_are_safe_for_json_whatever_the_names(session: SandboxSession) -> None:
    fill(session, {"caf\udce9": "x"})
    for result in (session.ls(), session.glob("*"), session.grep("x")):
        text = json.dumps(result.model_dump(mode="json"), ensure_ascii=False)
        assert r"caf\\xe9" in text
        text.encode()


def test_ls_stops_at_its_bound_and_says_so(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(entries=10))
    session.exec("for i in $(seq 11 40); do : > file$i; done")
    result = session.ls()
    assert paths(result) == [f"file{i}" for i in range(11, 21)]
    assert result.truncated
    session.exec("rm file[23]* file40; ls | wc -l")
    assert len(session.ls().entries) == 9
    assert not session.ls().truncated


@pytest.mark.parametrize("name", ["ls", "grep"])
def test_a_missing_path_is_an_error(session: SandboxSession, name: str) -> None:
    searches: dict[str, Callable[[str], object]] = {
        "ls": session.ls,
        "grep": lambda path: session.grep("x", path),
    }
    search = searches[name]
    with pytest.raises(PathNotFoundError):
        search("missing")
    session.write("file", "")
    with pytest.raises(NotAFolderError):
        search("file/below")


def test_glob_in_a_missing_folder_is_an_error_but_not_in_a_missing_part_of_the_pattern(
    session: SandboxSession,
) -> None:
    session.write("file", "")
    with pytest.raises(PathNotFoundError):
        session.glob("*", "missing")
    with pytest.raises(NotAFolderError):
        session.glob("*", "file")
    assert session.glob("missing/*").entries == ()
    assert session.glob("file/*").entries == ()


def test_a_folder_that_may_not_be_read_is_an_error_on_its_own_and_a_note_in_a_search(
    session: SandboxSession,
) -> None:
    fill(session, {"open/a.txt": "foo", "shut/b.txt": "foo", "c.txt": "foo"})
    session.exec("chmod 0 shut c.txt")
    try:
        if session.exec("cat c.txt").exit_code == 0:  # root, and not confined
            assert len(session.grep("foo").matches) == 3
            return
        with pytest.raises(PathDeniedError):
            session.ls("shut")
        with pytest.raises(PathDeniedError):
            session.grep("foo", "c.txt")
        result = session.grep("foo")
        assert lines(result) == [("open/a.txt", 1, "foo")]
        assert result.notes == ("no permission to read 2 paths: c.txt, shut",)
        result_ = session.glob("**/*.txt")
        assert paths(result_) == ["c.txt", "open/a.txt"]
        assert result_.notes == ("no permission to read 1 path: shut",)
    finally:
        session.exec("chmod 700 shut c.txt")


# --- glob


def test_glob_takes_absolute_patterns_and_those_from_home(session: SandboxSession) -> None:
    fill(session, {"sub/a.txt": ""})
    root = session.root
    assert paths(session.glob(f"{root}/sub/*")) == [f"{root}/sub/a.txt"]
    assert paths(session.glob(f"{root}/**/*.txt", "ignored")) == [f"{root}/sub/a.txt"]
    with in_home(session) as home:
        session.write(f"{home}/b.log", "")
        (found,) = paths(session.glob(f"{home}/*.log"))
    assert found.endswith(f"{home[1:]}/b.log")
    assert found.startswith("/")
    assert paths(session.glob("*.txt", "sub")) == ["sub/a.txt"]
    assert paths(session.glob("../sub/*", "sub")) == ["sub/../sub/a.txt"]


def test_glob_says_where_else_to_look(session: SandboxSession) -> None:
    session.write("src/a.py", "")
    assert session.glob("*.py").entries == ()
    assert "**/*.py" in session.glob("*.py").notes[0]


def test_glob_finds_what_a_shell_would(session: SandboxSession) -> None:
    fill(session, dict.fromkeys(("a.py", "b.txt", "src/c.py", "src/new\nline.py", ".env"), ""))
    for pattern, found in {
        "*": ["a.py", "b.txt", "src"],
        "**/*.py": ["a.py", "src/c.py", "src/new\nline.py"],
        "src/?.py": ["src/c.py"],
        "*.{py,txt}": ["a.py", "b.txt"],
        ".*": [".env"],
        "[!a]*.txt": ["b.txt"],
    }.items():
        assert paths(session.glob(pattern)) == found


# --- grep


def test_grep_finds_lines_by_extended_expressions(session: SandboxSession) -> None:
    fill(session, {"a.txt": "foo 12\nbar\nca\u00e9 'x'\n", "b": b"foo\0\n", "sub/c": "Foo\n"})
    for pattern, found in {
        r"^foo \d{2}$": [("a.txt", 1, "foo 12")],
        "(foo|bar)$": [("a.txt", 2, "bar")],
        "[\u00e8-\u00ea] ": [("a.txt", 3, "ca\u00e9 'x'")],
        "nothing": [],
    }.items():
        assert lines(session.grep(pattern)) == found
    assert lines(session.grep("foo", "sub", ignore_case=True)) == [("sub/c", 1, "Foo")]
    assert session.grep("foo").notes == ("1 binary file with a match left out",)


def test_a_pattern_that_does_not_parse_is_an_error(session: SandboxSession) -> None:
    with pytest.raises(SearchPatternError, match="without a"):
        session.grep("(")
    with pytest.raises(SearchPatternError, match="invalid range"):
        session.glob("[z-a]")


def test_grep_refuses_other_wrong_arguments(session: SandboxSession) -> None:
    with pytest.raises(InvalidArgumentError):
        session.grep("x", context=-1)
    for glob in ("/etc/*", "../*", "[z-a]"):
        with pytest.raises(SearchPatternError):
            session.grep("x", glob=glob)
    session.exec("mkfifo pipe")
    with pytest.raises(NotAFileError):
        session.grep("x", "pipe")


def test_nothing_in_a_pattern_is_taken_for_a_command(session: SandboxSession) -> None:
    session.write("a.txt", "don't `touch pwned` $(touch pwned)\n-x 'quoted' \\ \n")
    for text in ["don't", "`touch pwned`", "$(touch pwned)", "-x 'quoted' \\"]:
        (match,) = session.grep(text, fixed=True).matches
        assert text in match.text
        assert len(session.grep(re.escape(text)).matches) == 1
        session.grep("x", glob=text.replace("\\", ""))
        session.glob(text)
    assert not session.exists("pwned")


def test_searches_take_one_request_each(session: SandboxSession) -> None:
    fill(session, {"a.txt": "foo", "sub/b.txt": "foo"})
    for search in (
        session.ls,
        lambda: session.glob("**/*.txt"),
        lambda: session.grep("foo", context=1, glob="*.txt"),
    ):
        with counting(session) as traffic:
            search()
        assert traffic.requests == 1


async def test_searches_have_twins_for_async_code(session: SandboxSession) -> None:
    await session.awrite("a.txt", "foo")
    assert paths(await session.als()) == ["a.txt"]
    assert paths(await session.aglob("*.txt")) == ["a.txt"]
    assert lines(await session.agrep("fo+")) == [("a.txt", 1, "foo")]


# --- confined


def confine(make_session: MakeSession) -> SandboxSession:
    """A session that is confined to a folder, from which links lead out."""
    session = make_session(root="inner", confined=True)
    session.exec(
        "echo secret >../outside; mkdir ../other; echo secret > ../other/file; ln -s .. up; "
        "ln -s ../outside link; ln -s ../other folder; echo fine >inside; mkdir sub; "
        "echo fine > 'sub/new\nline'; ln -s sub good"
    )
    return session


@pytest.mark.parametrize("path", ["..", "up", "folder", "/", "/etc", "sub/../..", "link", "~"])
def test_a_confined_session_searches_nothing_outside(inner: SandboxSession, path: str) -> None:
    for search in (
        lambda: inner.ls(path),
        lambda: inner.glob("*", path) if path != "link" else inner.ls(path),
        lambda: inner.grep("secret", path),
    ):
        with pytest.raises(OutsideRootError):
            search()


def test_a_confined_session_follows_no_pattern_outside(inner: SandboxSession) -> None:
    for pattern in ("../*", "up/*", "folder/*", "/etc/*"):
        with pytest.raises(OutsideRootError):
            inner.glob(pattern)
    assert inner.glob("*/outside").entries == ()
    assert inner.grep("secret").matches == ()


def test_a_confined_session_searches_inside(inner: SandboxSession) -> None:
    assert paths(inner.ls()) == ["folder", "good", "inside", "link", "sub", "up"]
    assert inner.exists(".")
    assert paths(inner.ls("good")) == ["good/new\nline"]
    assert paths(inner.glob("**/*n*e")) == ["inside", "sub/new\nline"]
    assert lines(inner.grep("fine")) == [
        ("inside", 1, "fine"),
        ("sub/new\nline", 1, "fine"),
    ]
    assert lines(inner.grep("fine", "good", context=1)) == [("good/new\nline", 1, "fine")]
