"""ls, glob, grep: what is where, the same whatever tools the sandbox has."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daytona_toolkit import Limits, LocalSandbox, SandboxSession
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
from daytona_toolkit.sandboxes._local import confinement
from tests.support import MakeSession, counting, needs

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


# --- the tools that a sandbox may have

TOOLS = """
    base64 basename bash cat chmod chown cp cut env find flock grep head id ln ls mkdir mkfifo mv
    printf readlink rm sed seq setsid sh sha256sum sleep sort stat tail timeout touch tr uname wc
    xargs
"""


def gnu() -> dict[str, str]:
    """GNU tools, without ripgrep."""
    return {tool: path for tool in TOOLS.split() if (path := shutil.which(tool))}


def busybox() -> dict[str, str]:
    """busybox, its shell included; Debian builds it without flock."""
    path = needs("busybox")
    listed = subprocess.run([path, "--list"], capture_output=True, text=True, check=True)
    return {"flock": gnu()["flock"], **dict.fromkeys(listed.stdout.split(), path)}


def ripgrep() -> dict[str, str]:
    """GNU tools and ripgrep."""
    return gnu() | {"rg": needs("rg")}


KITS = {"rg": ripgrep, "grep": gnu, "busybox": busybox}


def kits() -> list[dict[str, str]]:
    """The kits of tools that this machine has; `test_each_kit_is_tried` names the others."""
    return [tools() for name, tools in KITS.items() if shutil.which(name)]


@pytest.mark.parametrize("name", KITS)
def test_each_kit_is_tried(name: str) -> None:
    assert needs(name)


MakeEquipped = Callable[..., SandboxSession]


@pytest.fixture(scope="module")
def equipped() -> Iterator[MakeEquipped]:
    """Make a session over a sandbox that has certain tools and no others."""
    environment = confinement.environment
    with ExitStack() as stack:

        def make(
            tools: dict[str, str], folder: str | None = None, *, limits: Limits | None = None
        ) -> SandboxSession:
            def only_these(place: confinement.Place) -> dict[str, str]:
                bin_ = place.home / "bin"
                bin_.mkdir()
                for tool, path in tools.items():
                    (bin_ / tool).symlink_to(path)
                return environment(place) | {"PATH": str(bin_)}

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(confinement, "environment", only_these)
                session = SandboxSession(LocalSandbox(folder, isolation="none"), limits=limits)
                return stack.enter_context(session)

        yield make


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bit of everything."""
    root = tmp_path_factory.mktemp("tree")
    files: dict[str, bytes] = {
        "README.md": b"# Title\n\nfoo bar\n",
        "src/main.py": b"import os\n\ndef main() {\n    return 'foo'\n\nmain()\n",
        "src/util.js": b"function util() {}\r\nvar foo = 1;\r\n",
        "src/deep/er/x.ts": b"foo42\n\tfoo_bar\nFOO\n",
        "src/deep/.hidden/y.py": b"foo hidden\n",
        ".env": b"foo=secret\n",
        ".git/config": b"foo git\n",
        "data/latin1.txt": b"caf\xe9 foo\n",
        "data/utf8.txt": "caf\u00e9 na\u00efve — foo\n\u4f60\u597d\n".encode(),
        "data/binary.bin": b"foo\0bar\n",
        "data/late.bin": b"foo\n" * 60_000 + b"\0\n",
        "data/no-newline.txt": b"first\nlast foo",
        "data/empty.txt": b"",
        ".gitignore": b"data/\n",
        "odd/new\nline foo.txt": b"foo in odd\n",
        "odd/-e.txt": b"-e foo\n--\n",
        "odd/a:1:b": b"x:2:y foo\n",
        "odd/[x].txt": b"a[b]c foo\n",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    os.mkfifo(root / "odd/pipe")
    (root / "link").symlink_to("src")
    (root / "filelink.py").symlink_to("src/main.py")
    return root


@pytest.fixture(scope="module")
def trio(equipped: MakeEquipped, tree: Path) -> list[SandboxSession]:
    """Sessions over one tree, one for each kit of tools: ripgrep, GNU grep, busybox."""
    return trio_over(equipped, tree)


def trio_over(equipped: MakeEquipped, folder: Path) -> list[SandboxSession]:
    return [equipped(tools, str(folder)) for tools in kits()]


# --- ls


def test_ls_is_sorted_typed_and_sized(session: SandboxSession) -> None:
    session.exec("mkdir b; printf 12345 > c; printf '' > a; ln -s c d; mkfifo e; touch -d @1000 c")
    found = {entry.path: (entry.type, entry.size) for entry in session.ls().entries}
    assert list(found) == ["a", "b", "c", "d", "e"]
    assert found["a"] == ("file", 0)
    assert found["c"] == ("file", 5)
    assert [kind for kind, _ in found.values()] == ["file", "folder", "file", "symlink", "other"]
    assert session.ls().entries[2].modified == 1000


def test_ls_of_a_file_lists_the_file(session: SandboxSession) -> None:
    session.write("sub/file.txt", "12")
    (entry,) = session.ls("sub/file.txt").entries
    assert (entry.path, entry.type, entry.size) == ("sub/file.txt", "file", 2)


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


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["README.md", "data", "filelink.py", "link", "odd", "src"]),
        ("*.md", ["README.md"]),
        ("src", ["src"]),
        ("*/", ["data", "odd", "src"]),
        ("src/*", ["src/deep", "src/main.py", "src/util.js"]),
        ("src/**", ["src/deep", "src/deep/er", "src/deep/er/x.ts", "src/main.py", "src/util.js"]),
        ("src/**/", ["src/deep", "src/deep/er"]),
        ("**/*.{js,ts}", ["src/deep/er/x.ts", "src/util.js"]),
        (
            "{src,odd}/*.{py,{js,txt}}",
            [
                "odd/-e.txt",
                "odd/[x].txt",
                "odd/new\nline foo.txt",
                "src/main.py",
                "src/util.js",
            ],
        ),
        ("**/er/*", ["src/deep/er/x.ts"]),
        ("src/**/x.ts", ["src/deep/er/x.ts"]),
        ("src/**/main.py", ["src/main.py"]),
        ("./src//./main.py", ["src/main.py"]),
        ("data/????1.txt", []),
        ("data/?????1.txt", ["data/latin1.txt"]),
        ("data/[!a-l]*", ["data/no-newline.txt", "data/utf8.txt"]),
        ("data/[[:lower:]]*8.*", ["data/utf8.txt"]),
        ("odd/[[]x[]].txt", ["odd/[x].txt"]),
        ("odd/\\[x\\].txt", ["odd/[x].txt"]),
        ("odd/new*foo.txt", ["odd/new\nline foo.txt"]),
        ("odd/*\n*", ["odd/new\nline foo.txt"]),
        ("odd/a:?:b", ["odd/a:1:b"]),
        ("link/*.py", ["link/main.py"]),
        ("**/main.py", ["src/main.py"]),
        (".*", [".env", ".git", ".gitignore"]),
        (".g*/**", [".git/config"]),
        ("**/.hidden/*", ["src/deep/.hidden/y.py"]),
        ("[.]env", []),
        ("src/../README.*", ["src/../README.md"]),
        ("*.PY", []),
        ("{README", []),
        ("**/y.py", []),
    ],
)
def test_glob_finds_what_a_shell_would(
    trio: list[SandboxSession], pattern: str, found: list[str]
) -> None:
    for session in trio:
        assert paths(session.glob(pattern)) == found


def test_glob_finds_hidden_names_if_asked(trio: list[SandboxSession]) -> None:
    for session in trio:
        assert paths(session.glob("**/*.py", hidden=True)) == [
            "filelink.py",
            "src/deep/.hidden/y.py",
            "src/main.py",
        ]


def test_glob_takes_absolute_patterns_and_those_from_home(session: SandboxSession) -> None:
    fill(session, {"sub/a.txt": "", "~/dir/b.txt": ""})
    root = session.root
    assert paths(session.glob(f"{root}/sub/*")) == [f"{root}/sub/a.txt"]
    assert paths(session.glob(f"{root}/**/*.txt", "ignored")) == [f"{root}/sub/a.txt"]
    (found,) = paths(session.glob("~/dir/*.txt"))
    assert found.endswith("/dir/b.txt")
    assert found.startswith("/")
    assert paths(session.glob("*.txt", "sub")) == ["sub/a.txt"]
    assert paths(session.glob("../sub/*", "sub")) == ["sub/../sub/a.txt"]


@pytest.mark.parametrize(
    "pattern", ["", "/", "a/*/../b", "[z-a]", "[[:nope:]]", "a\0b", "{a,b}" * 10 + "*", "{/a,b}"]
)
def test_glob_refuses_what_cannot_be_matched(session: SandboxSession, pattern: str) -> None:
    with pytest.raises(SearchPatternError):
        session.glob(pattern)


def test_glob_says_where_else_to_look(session: SandboxSession) -> None:
    session.write("src/a.py", "")
    assert session.glob("*.py").entries == ()
    assert "**/*.py" in session.glob("*.py").notes[0]


names = st.sampled_from(["*", "**", "?", "a*", "*b", "[ab]*", "*.py", "sub", ".*", "x?z", "*a*b*"])


def matches(parts: list[str], components: list[str], *, hidden: bool) -> bool:
    """Whether a path matches a pattern, one name at a time."""
    if not components:
        return not parts
    first, *rest = components
    if first == "**":
        below = range(len(parts)) if rest else [len(parts)] if parts else []
        return any(
            (hidden or not any(part.startswith(".") for part in parts[:count]))
            and matches(parts[count:], rest, hidden=hidden)
            for count in below
        )
    if not parts or not (hidden or first.startswith(".") or not parts[0].startswith(".")):
        return False
    return fnmatchcase(parts[0], first) and matches(parts[1:], rest, hidden=hidden)


@pytest.fixture(scope="module")
def globbed(equipped: MakeEquipped) -> SandboxSession:
    """A tree of short names."""
    session = equipped(gnu())
    session.exec(
        "mkdir -p sub/sub/a .hid/sub b.py/ab xyz; "
        "for d in . sub sub/sub sub/sub/a .hid .hid/sub b.py b.py/ab xyz; do "
        "touch $d/a $d/b $d/ab $d/.py $d/x.py $d/xyz $d/a.b $d/acb $d/.a; done 2>/dev/null"
    )
    return session


names = st.sampled_from(["*", "**", "?", "a*", "*b", "[ab]*", "*.py", "sub", ".*", "x?z", "*a*b*"])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_glob_agrees_with_a_plain_model(globbed: SandboxSession, data: st.DataObject) -> None:
    components = data.draw(st.lists(names, min_size=1, max_size=4))
    hidden = data.draw(st.booleans())
    root = Path(globbed.root)
    expected = sorted(
        str(relative)
        for path in root.rglob("*")
        if matches(list((relative := path.relative_to(root)).parts), components, hidden=hidden)
    )
    assert paths(globbed.glob("/".join(components), hidden=hidden)) == expected


# --- grep


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (
            "foo$",
            [
                "data/latin1.txt:1",
                "data/no-newline.txt:2",
                "data/utf8.txt:1",
                "odd/-e.txt:1",
                "odd/[x].txt:1",
                "odd/a:1:b:1",
            ],
        ),
        ("def main() {", []),
        (r"def main\(\) {", ["src/main.py:3"]),
        ("function.* {}", ["src/util.js:1"]),
        (r"= 1;$", ["src/util.js:2"]),
        (r"foo\d+", ["src/deep/er/x.ts:1"]),
        (r"\bfoo_bar\b", ["src/deep/er/x.ts:2"]),
        (r"^\tfoo", ["src/deep/er/x.ts:2"]),
        (r"\<bar\>", ["README.md:3"]),
        ("caf.$", []),
        ("^caf. n", ["data/utf8.txt:1"]),
        ("caf\u00e9", ["data/utf8.txt:1"]),
        ("[\u00e8-\u00eb] na\u00ef+ve", ["data/utf8.txt:1"]),
        ("^caf[^x] ", ["data/utf8.txt:1"]),
        ("^..$", ["data/utf8.txt:2", "odd/-e.txt:2"]),
        ("^caf.* foo$", ["data/latin1.txt:1", "data/utf8.txt:1"]),
        ("caf\udce9", ["data/latin1.txt:1"]),
        ("^(first|foo bar)$", ["README.md:3", "data/no-newline.txt:1"]),
        ("^(?:fir|la)st", ["data/no-newline.txt:1", "data/no-newline.txt:2"]),
        ("^-e", ["odd/-e.txt:1"]),
        ("^--$", ["odd/-e.txt:2"]),
        (r"a\[b]c", ["odd/[x].txt:1"]),
        (r"a[\[]b[]]c", ["odd/[x].txt:1"]),
        (r"^[[:alpha:]]{5}$", ["data/no-newline.txt:1"]),
        (r"'foo'", ["src/main.py:4"]),
        (r"x:2:y", ["odd/a:1:b:1"]),
        (r"o{2}4", ["src/deep/er/x.ts:1"]),
        ("nothing has this", []),
        (r"^\w+ \w+$", ["README.md:3", "data/no-newline.txt:2", "src/main.py:1"]),
        (
            r"^[^\s#]+\s*$",
            [
                "data/no-newline.txt:1",
                "data/utf8.txt:2",
                "odd/-e.txt:2",
                "src/deep/er/x.ts:1",
                "src/deep/er/x.ts:3",
                "src/main.py:6",
            ],
        ),
        ("foo4*?2", ["src/deep/er/x.ts:1"]),
        ("\u4f60.$", ["data/utf8.txt:2"]),
    ],
)
def test_grep_finds_the_same_lines_with_every_tool(
    trio: list[SandboxSession], pattern: str, found: list[str]
) -> None:
    results = [session.grep(pattern) for session in trio]
    assert all(result == results[0] for result in results)
    assert [f"{match.path}:{match.line}" for match in results[0].matches] == found


def test_grep_searches_text_files_that_are_not_hidden_whatever_is_ignored(
    trio: list[SandboxSession],
) -> None:
    for session in trio:
        result = session.grep("foo")
        assert lines(result) == [
            ("README.md", 3, "foo bar"),
            ("data/latin1.txt", 1, "caf\ufffd foo"),
            ("data/no-newline.txt", 2, "last foo"),
            ("data/utf8.txt", 1, "caf\u00e9 na\u00efve\u2014 foo".replace("\u2014 ", " \u2014 ")),
            ("odd/-e.txt", 1, "-e foo"),
            ("odd/[x].txt", 1, "a[b]c foo"),
            ("odd/a:1:b", 1, "x:2:y foo"),
            ("odd/new\nline foo.txt", 1, "foo in odd"),
            ("src/deep/er/x.ts", 1, "foo42"),
            ("src/deep/er/x.ts", 2, "\tfoo_bar"),
            ("src/main.py", 4, "    return 'foo'"),
            ("src/util.js", 2, "var foo = 1;"),
        ]
        assert result.notes == ("2 binary files with a match left out",)
        assert not result.truncated
        hidden = session.grep("foo", hidden=True)
        assert {match.path for match in hidden.matches} - {
            match.path for match in result.matches
        } == {
            ".env",
            ".git/config",
            "src/deep/.hidden/y.py",
        }


def test_grep_shows_lines_around_a_match(trio: list[SandboxSession]) -> None:
    for session in trio:
        found = session.grep("^def|^main", "src", context=1).matches
        assert [(m.path, m.line, m.context) for m in found] == [
            ("src/main.py", 2, True),
            ("src/main.py", 3, False),
            ("src/main.py", 4, True),
            ("src/main.py", 5, True),
            ("src/main.py", 6, False),
        ]
    apart = [session.grep("^(import|main)", "src/main.py", context=1) for session in trio]
    assert [m.line for m in apart[0].matches] == [1, 2, 5, 6]
    assert all(result == apart[0] for result in apart)


@pytest.mark.parametrize(
    ("glob", "files"),
    [
        ("*.py", ["src/main.py"]),
        ("*.{js,ts}", ["src/deep/er/x.ts", "src/util.js"]),
        ("src/*.js", ["src/util.js"]),
        ("src/**", ["src/deep/er/x.ts", "src/main.py", "src/util.js"]),
        ("**/er/*", ["src/deep/er/x.ts"]),
        ("new*", ["odd/new\nline foo.txt"]),
        (".env", []),
        ("*.nothing", []),
    ],
)
def test_grep_searches_the_files_that_a_glob_selects(
    trio: list[SandboxSession], glob: str, files: list[str]
) -> None:
    for session in trio:
        found = session.grep("foo", glob=glob).matches
        assert list(dict.fromkeys(match.path for match in found)) == files


def test_grep_of_one_file_searches_it_whatever_its_name(trio: list[SandboxSession]) -> None:
    for session in trio:
        assert lines(session.grep("foo", ".env")) == [(".env", 1, "foo=secret")]
        assert lines(session.grep("foo", "odd/new\nline foo.txt")) == [
            ("odd/new\nline foo.txt", 1, "foo in odd")
        ]
        assert lines(session.grep("foo", "filelink.py")) == [("filelink.py", 4, "    return 'foo'")]
        assert session.grep("foo", "data/binary.bin").matches == ()


@pytest.mark.parametrize("text", ["a[b]c", "x:2:y", "() {", "'foo'", "caf\u00e9", "\tfoo", "--"])
def test_grep_for_a_fixed_text_takes_it_as_it_is(trio: list[SandboxSession], text: str) -> None:
    results = [session.grep(text, fixed=True) for session in trio]
    assert all(result == results[0] for result in results)
    assert results[0].matches
    assert all(text in match.text for match in results[0].matches)


def test_grep_ignores_case_if_told(trio: list[SandboxSession], tree: Path) -> None:
    (tree / "case.txt").write_text("CAF\u00c9\ncaf\u00e9\n\u00dcber [x]\n")
    for session in trio:
        assert [
            m.line for m in session.grep("Caf\u00e9", "case.txt", ignore_case=True).matches
        ] == [1, 2]
        assert [
            m.line for m in session.grep("[\u00fc]BER", "case.txt", ignore_case=True).matches
        ] == [3]
        assert [m.line for m in session.grep("caf\u00e9", "case.txt").matches] == [2]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "without a"),
        ("a)", "without a"),
        ("[a", "without a"),
        ("*a", "nothing before it"),
        ("a**", "repeats a repetition"),
        (r"(a)\1", "back reference"),
        ("(?=a)", "does not know"),
        ("(?i)a", "ignore_case"),
        (r"\pL", "does not know"),
        ("a{3,1}", "wrong order"),
        ("a{1000}", "more than"),
        ("((x{255}){255}){255}", "unfolds to too much"),
        ("[z-a]", "range"),
        ("[[:letter:]]", "does not know"),
        ("a\\", "backslash"),
        ("a\nb", "newline"),
        (r"a\nb", "one line at a time"),
        ("a\0b", "NUL"),
        ("", "empty"),
    ],
)
def test_a_pattern_that_does_not_parse_is_an_error(
    session: SandboxSession, pattern: str, words: str
) -> None:
    with pytest.raises(SearchPatternError, match=words):
        session.grep(pattern)


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


def test_grep_stops_at_its_bound_and_says_so(equipped: MakeEquipped) -> None:
    for tools in kits():
        session = equipped(tools, limits=Limits(entries=10))
        session.exec("seq 1000 >a; seq 1000 >b; printf '1\\0' >0.bin; seq 5 > c")
        result = session.grep("[0-9]")
        assert lines(result) == [("a", n, str(n)) for n in range(1, 11)]
        assert result.truncated
        assert not session.grep("[0-9]", "c").truncated


def test_long_lines_are_clipped_in_the_sandbox(equipped: MakeEquipped) -> None:
    for tools in kits():
        session = equipped(tools, limits=Limits(line_chars=100))
        session.exec("head -c 3000000 /dev/zero | tr '\\0' x > long; echo x > short")
        with counting(session) as traffic:
            first, second = session.grep("x").matches
        assert first.text == "x" * 100 + " [... line clipped]"
        assert (second.path, second.text) == ("short", "x")
        assert traffic.received < 12_000


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


ATOMS = r"a b foo . \d \w \s \S [ab] [^a] [a-f0-9] \. é [é-ï] { } ] - [\]^-] \W \t (?:ab|fo) x|b"
atoms = st.sampled_from(ATOMS.split())
counts = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{2,}", "*?"])
repeated = st.tuples(atoms, counts).map(lambda pair: f"({pair[0]}){pair[1]}")
borders = st.sampled_from([r"\b", r"\bfo", r"o\b", r"\Boo"])
expressions = st.lists(repeated | borders, min_size=1, max_size=4).map("".join)

LINES = "foo\nab\nfoo bar\n  \nx-1.2\na{2}\n]^-\nfé ï\nabcabc 00ff\nfoob\n\tz\nA.B\n"


@pytest.fixture(scope="module")
def greppers(
    equipped: MakeEquipped, tmp_path_factory: pytest.TempPathFactory
) -> list[SandboxSession]:
    """Sessions over one file of short lines: ripgrep, GNU grep, busybox."""
    folder = tmp_path_factory.mktemp("lines")
    (folder / "lines.txt").write_text(LINES, encoding="utf-8")
    return trio_over(equipped, folder)


@settings(max_examples=40, deadline=None)
@given(expression=expressions, anchors=st.sampled_from(["", "^", "$", "^$"]))
@example(expression="(a{2})", anchors="")
def test_grep_agrees_with_the_expressions_of_python(
    greppers: list[SandboxSession], expression: str, anchors: str
) -> None:
    pattern = f"{anchors[:1].strip('$')}({expression}){'$' if '$' in anchors else ''}"
    expected = [
        number
        for number, line in enumerate(LINES.split("\n")[:-1], 1)
        if re.search(pattern, line, re.ASCII)
    ]
    for session in greppers:
        assert [match.line for match in session.grep(pattern).matches] == expected


@pytest.mark.slow
def test_grep_of_ten_thousand_files_takes_as_long_as_by_hand(
    equipped: MakeEquipped, tmp_path: Path
) -> None:
    text = "".join(f"{i} some words that stand in every line\n" for i in range(200))
    for folder in (tmp_path / f"d{i}" for i in range(100)):
        folder.mkdir()
        for i in range(100):
            (folder / f"f{i}.txt").write_text(text + "a needle here\n" * (i == 7))

    def seconds(search: Callable[[], object]) -> float:
        start = time.perf_counter()
        search()
        return time.perf_counter() - start

    for tools, command in ((ripgrep, "rg -n needle"), (gnu, "grep -rn needle .")):
        session = equipped(tools(), str(tmp_path))
        with counting(session) as traffic:
            assert len(session.grep("needle").matches) == 100
        assert traffic.requests == 1
        # In turns: what else the machine does meanwhile slows both down.
        rounds = [
            (seconds(partial(session.grep, "needle")), seconds(partial(session.exec, command)))
            for _ in range(9)
        ]
        ours, by_hand = (min(times) for times in zip(*rounds, strict=True))
        print(f"{command}: {by_hand:.3f} s by hand, {ours:.3f} s here")
        assert ours < by_hand * 1.5


# --- confined


@pytest.fixture
def confined(make_session: MakeSession) -> SandboxSession:
    session = make_session(root="inner", confined=True)
    session.exec(
        "echo secret >../outside; mkdir ../other; echo secret > ../other/file; ln -s .. up; "
        "ln -s ../outside link; ln -s ../other folder; echo fine >inside; mkdir sub; "
        "echo fine > 'sub/new\nline'; ln -s sub good"
    )
    return session


@pytest.mark.parametrize("path", ["..", "up", "folder", "/", "/etc", "sub/../..", "link", "~"])
def test_a_confined_session_searches_nothing_outside(confined: SandboxSession, path: str) -> None:
    for search in (
        lambda: confined.ls(path),
        lambda: confined.glob("*", path) if path != "link" else confined.ls(path),
        lambda: confined.grep("secret", path),
    ):
        with pytest.raises(OutsideRootError):
            search()


def test_a_confined_session_follows_no_pattern_outside(confined: SandboxSession) -> None:
    for pattern in ("../*", "up/*", "folder/*", "/etc/*"):
        with pytest.raises(OutsideRootError):
            confined.glob(pattern)
    assert confined.glob("*/outside").entries == ()
    assert confined.grep("secret").matches == ()


def test_a_confined_session_searches_inside(confined: SandboxSession) -> None:
    assert paths(confined.ls()) == ["folder", "good", "inside", "link", "sub", "up"]
    assert confined.exists(".")
    assert paths(confined.ls("good")) == ["good/new\nline"]
    assert paths(confined.glob("**/*n*e")) == ["inside", "sub/new\nline"]
    assert lines(confined.grep("fine")) == [("inside", 1, "fine"), ("sub/new\nline", 1, "fine")]
    assert lines(confined.grep("fine", "good", context=1)) == [("good/new\nline", 1, "fine")]
