"""glob and grep find the same whatever tools the sandbox has: GNU's or busybox."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daytona_toolkit import Limits, LocalSandbox, SandboxSession
from daytona_toolkit.errors import SandboxFailedError
from daytona_toolkit.results import GrepResult, Listing
from daytona_toolkit.sandboxes._local import confinement
from daytona_toolkit.testing._conformance.search import lines, paths
from tests.support import counting, needs

# --- the tools that a sandbox may have

TOOLS = """
    base64 basename bash cat chmod chown cp cut dd env find flock grep head id ln ls mkdir mkfifo mv
    printf readlink rm sed seq setsid sh sha256sum sleep sort stat tail timeout touch tr uname wc
    xargs
"""


def gnu() -> dict[str, str]:
    """GNU tools."""
    return {tool: path for tool in TOOLS.split() if (path := shutil.which(tool))}


def busybox() -> dict[str, str]:
    """busybox, its shell included; Debian builds it without flock."""
    path = needs("busybox")
    listed = subprocess.run([path, "--list"], capture_output=True, text=True, check=True)
    return {"flock": gnu()["flock"], **dict.fromkeys(listed.stdout.split(), path)}


_stubs = tempfile.TemporaryDirectory()


def alpine() -> dict[str, str]:
    """busybox as it is built by default: its grep knows no lines that end with a NUL."""
    tools, stub = busybox(), Path(_stubs.name, "grep")
    stub.write_text(
        "#!/bin/sh\nfor word; do case $word in -*z*) echo 'grep: unrecognized option: z' >&2; "
        f'exit 1 ;; -*) ;; *) break ;; esac; done\nexec {tools["grep"]} grep "$@"\n'
    )
    stub.chmod(0o755)
    return tools | {"grep": str(stub)}


KITS = {"gnu": gnu, "busybox": busybox, "alpine": alpine}


def kits() -> list[dict[str, str]]:
    """The kits of tools that this machine has; `test_each_kit_is_tried` names the others."""
    return [tools() for tools in KITS.values() if tools is gnu or shutil.which("busybox")]


def test_each_kit_is_tried() -> None:
    assert needs("busybox")


MakeEquipped = Callable[..., SandboxSession]


@pytest.fixture(scope="module")
def equipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeEquipped]:
    """Make a session over a sandbox that has certain tools and no others."""
    environment = confinement.environment
    with ExitStack() as stack:

        def make(
            tools: dict[str, str], folder: str | None = None, **options: Any
        ) -> SandboxSession:
            def only_these(place: confinement.Place) -> dict[str, str]:
                bin_ = tmp_path_factory.mktemp("bin")
                for tool, path in tools.items():
                    (bin_ / tool).symlink_to(path)
                return environment(place) | {"PATH": str(bin_)}

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(confinement, "environment", only_these)
                session = SandboxSession(LocalSandbox(folder, isolation="none"), **options)
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
        "data/late.bin": b"#\n" * 120_000 + b"\0foo\n",
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
def sessions(equipped: MakeEquipped, tree: Path) -> list[SandboxSession]:
    """Sessions over one tree, one for each kit of tools."""
    return sessions_over(equipped, tree)


def sessions_over(equipped: MakeEquipped, folder: Path) -> list[SandboxSession]:
    return [equipped(tools, str(folder)) for tools in kits()]


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
    sessions: list[SandboxSession], pattern: str, found: list[str]
) -> None:
    for session in sessions:
        assert paths(session.glob(pattern)) == found


def test_glob_spells_a_newline_where_grep_knows_other_ends(sessions: list[SandboxSession]) -> None:
    for session in sessions[:2]:
        assert paths(session.glob("odd/*\n*")) == ["odd/new\nline foo.txt"]


def test_glob_finds_hidden_names_if_asked(sessions: list[SandboxSession]) -> None:
    for session in sessions:
        assert paths(session.glob("**/*.py", hidden=True)) == [
            "filelink.py",
            "src/deep/.hidden/y.py",
            "src/main.py",
        ]


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
    sessions: list[SandboxSession], pattern: str, found: list[str]
) -> None:
    results = [session.grep(pattern) for session in sessions]
    assert all(result.matches == results[0].matches for result in results)
    assert [f"{match.path}:{match.line}" for match in results[0].matches] == found


def test_grep_searches_text_files_that_are_not_hidden_whatever_is_ignored(
    sessions: list[SandboxSession],
) -> None:
    for session in sessions:
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


def test_grep_shows_lines_around_a_match(sessions: list[SandboxSession]) -> None:
    for session in sessions:
        found = session.grep("^def|^main", "src", context=1).matches
        assert [(m.path, m.line, m.context) for m in found] == [
            ("src/main.py", 2, True),
            ("src/main.py", 3, False),
            ("src/main.py", 4, True),
            ("src/main.py", 5, True),
            ("src/main.py", 6, False),
        ]
    apart = [session.grep("^(import|main)", "src/main.py", context=1) for session in sessions]
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
    sessions: list[SandboxSession], glob: str, files: list[str]
) -> None:
    for session in sessions:
        found = session.grep("foo", glob=glob).matches
        assert list(dict.fromkeys(match.path for match in found)) == files


def test_grep_of_one_file_searches_it_whatever_its_name(sessions: list[SandboxSession]) -> None:
    for session in sessions:
        assert lines(session.grep("foo", ".env")) == [(".env", 1, "foo=secret")]
        assert lines(session.grep("foo", "odd/new\nline foo.txt")) == [
            ("odd/new\nline foo.txt", 1, "foo in odd")
        ]
        assert lines(session.grep("foo", "filelink.py")) == [("filelink.py", 4, "    return 'foo'")]
        assert session.grep("foo", "data/binary.bin").matches == ()


@pytest.mark.parametrize("text", ["a[b]c", "x:2:y", "() {", "'foo'", "caf\u00e9", "\tfoo", "--"])
def test_grep_for_a_fixed_text_takes_it_as_it_is(sessions: list[SandboxSession], text: str) -> None:
    results = [session.grep(text, fixed=True) for session in sessions]
    assert all(result == results[0] for result in results)
    assert results[0].matches
    assert all(text in match.text for match in results[0].matches)


def test_grep_ignores_case_if_told(sessions: list[SandboxSession], tree: Path) -> None:
    (tree / "src" / ".case.txt").write_text("CAF\u00c9\ncaf\u00e9\n\u00dcber [x]\nI i\n\u0131\n")
    for session in sessions:
        assert [
            m.line for m in session.grep("Caf\u00e9", "src/.case.txt", ignore_case=True).matches
        ] == [1, 2]
        assert [
            m.line for m in session.grep("[\u00fc]BER", "src/.case.txt", ignore_case=True).matches
        ] == [3]
        assert [m.line for m in session.grep("caf\u00e9", "src/.case.txt").matches] == [2]
        # Its capital is I, whose small letter is another.
        dotless = session.grep("\u0131", "src/.case.txt", ignore_case=True)
        assert [m.line for m in dotless.matches] == [5]


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


ATOMS = r"a b foo . [^a-z] [_-d] [^\x00-\x7f]"
ATOMS += r" \d \w \s \S [ab] [^a] [a-f0-9] \. é [é-ï] { } ] - [\]^-] \W \t (?:ab|fo) x|b"
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
    """Sessions over one file of short lines."""
    folder = tmp_path_factory.mktemp("lines")
    (folder / "lines.txt").write_text(LINES, encoding="utf-8")
    return sessions_over(equipped, folder)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    expression=expressions,
    anchors=st.sampled_from(["", "^", "$", "^$"]),
    ignore_case=st.booleans(),
)
@example(expression="(a{2})", anchors="", ignore_case=False)
@example(expression="[^a-z]", anchors="", ignore_case=True)
def test_grep_agrees_with_the_expressions_of_python(
    greppers: list[SandboxSession], expression: str, anchors: str, ignore_case: bool
) -> None:
    pattern = f"{anchors[:1].strip('$')}({expression}){'$' if '$' in anchors else ''}"
    flags = re.ASCII | (re.IGNORECASE if ignore_case else 0)
    expected = [
        number
        for number, line in enumerate(LINES.split("\n")[:-1], 1)
        if re.search(pattern, line, flags)
    ]
    for session in greppers:
        found = session.grep(pattern, ignore_case=ignore_case)
        assert [match.line for match in found.matches] == expected


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

    command = "grep -rn needle ."
    session = equipped(gnu(), str(tmp_path))
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


# --- what goes wrong on the way


SEARCHES: dict[str, Callable[[SandboxSession], Listing | GrepResult]] = {
    "ls": lambda session: session.ls(),
    "glob": lambda session: session.glob("**/b"),
    "grep": lambda session: session.grep("needle"),
}


@pytest.mark.slow
@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("confined", [False, True], ids=["many at once", "one by one"])
def test_a_search_that_lost_a_stage_is_no_empty_answer(
    equipped: MakeEquipped,
    search: str,
    confined: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when no more processes can be started: one of the tools ends at once."""
    monkeypatch.setattr("daytona_toolkit._workspace._PAUSES", (0.0, 0.0))
    tools, broken = gnu(), tmp_path / "broken"
    for tool in ("find", "sort", "head", "xargs", "grep", "cut", "base64", "tr", "stat", "wc"):
        stub = tmp_path / tool
        stub.write_text(
            f'#!/bin/sh\n[ "$(cat {broken})" != {tool} ] || exit 126\nexec {tools[tool]} "$@"\n'
        )
        stub.chmod(0o755)
        tools[tool] = str(stub)
    broken.touch()
    work = tmp_path / "work"
    (work / "a").mkdir(parents=True)
    (work / "a/b").write_text("needle\n")
    session = equipped(tools, str(work), confined=confined)
    whole = SEARCHES[search](session)
    assert "a" in whole.text()
    failed = []
    for tool in tools:
        broken.write_text(tool)
        try:
            found = SEARCHES[search](session)
        except SandboxFailedError as error:
            failed.append(tool)
            text = str(error)
            assert f"did not finish the program {search!r}" in text
            assert "run out of processes" in text
        else:
            assert found == whole, tool
    assert {"find", "sort", "head", "base64"} <= set(failed)
