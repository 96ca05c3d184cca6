"""apply_patch: several files change as a patch says, all of them or none."""

import asyncio
import secrets
import threading

import pytest

from daytona_toolkit import Limits, RecoverableError, SandboxSession
from daytona_toolkit.errors import (
    AmbiguousMatchError,
    BinaryFileError,
    FileTooLargeError,
    InvalidArgumentError,
    NoMatchError,
    NotAFileError,
    NotAFolderError,
    OutsideRootError,
    PathExistsError,
    PathNotFoundError,
    WriteFailedError,
)
from daytona_toolkit.testing._conformance.support import MakeSession, counting, replacing
from daytona_toolkit.tools import choose

MANY = """*** Begin Patch
*** Update File: src/app.py
@@ def greet():
-    print("Hi")
+    print("Hello")
@@ def part():
-    print("Hi")
+    print("Bye")
*** Update File: old name.py
*** Move to: moved/it's.py
@@
-x = 1
+x = 2
*** Add File: docs/new/notes.txt
+first
+$(second) 'line'
*** Delete File: gone.txt
*** End Patch"""


def listing(session: SandboxSession) -> str:
    """Every file with its bytes, and every folder."""
    return session.exec("find . | sort; find . -type f -exec sha256sum {} + | sort").stdout


def update(path: str, *hunks: str) -> str:
    body = "\n".join(hunks)
    return f"*** Begin Patch\n*** Update File: {path}\n{body}\n*** End Patch"


def prepare(session: SandboxSession) -> None:
    session.write("src/app.py", 'def greet():\n    print("Hi")\n\ndef part():\n    print("Hi")\n')
    session.write("old name.py", "x = 1\r\ny = 1\r\n")
    session.write("gone.txt", "gone")
    session.exec("chmod 751 'old name.py' src/app.py")


def test_a_patch_changes_several_files_in_one_request(session: SandboxSession) -> None:
    prepare(session)
    with counting(session) as count:
        result = session.apply_patch(MANY)
    assert count.requests == 1
    assert [(each.change, each.path.removeprefix(session.root)) for each in result.files] == [
        ("updated", "/src/app.py"),
        ("moved", "/moved/it's.py"),
        ("added", "/docs/new/notes.txt"),
        ("deleted", "/gone.txt"),
    ]
    assert result.files[1].moved_from == f"{session.root}/old name.py"
    assert '-    print("Hi")\n+    print("Bye")\n' in result.files[0].diff
    assert session.read("src/app.py").content == (
        'def greet():\n    print("Hello")\n\ndef part():\n    print("Bye")\n'
    )
    assert session.read_bytes("moved/it's.py") == b"x = 2\r\ny = 1\r\n"
    assert session.read("docs/new/notes.txt").content == "first\n$(second) 'line'\n"
    assert not session.exists("gone.txt")
    assert not session.exists("old name.py")
    modes = session.exec('stat -c %a src/app.py "moved/it\'s.py"').stdout
    assert modes == "751\n751\n"
    assert session.exec("find . -name '.dtk-*'").stdout == ""


def test_a_patch_finds_its_place_in_files_as_they_are_now(session: SandboxSession) -> None:
    session.write("a", "one\ntwo\n")
    session.write("b", "one\ntwo\n")
    session.exec("for name in a b c; do printf 'zero\none\ntwo\n' >$name; done")
    with counting(session) as count:
        session.apply_patch(update("a", " one", "-two", "+2"))
    assert count.requests == 2  # what was remembered was old
    with counting(session) as count:
        session.apply_patch(update("b", " zero", "-one", "+1"))
    assert count.requests == 2  # and the place was not in it
    with counting(session) as count:
        session.apply_patch(update("c", "-two", "+2"))
    assert count.requests == 2
    with counting(session) as count:
        for name, line in (("a", "one"), ("b", "two"), ("c", "zero")):
            result = session.apply_patch(update(name, f"-{line}", "+new"))
            assert result.files[0].version == session.stat(name).version
    assert count.requests == 6
    assert session.exec("cat a b c").stdout == "zero\nnew\n2\nzero\n1\nnew\nnew\none\n2\n"


def test_the_versions_of_a_patch_are_those_that_write_takes(session: SandboxSession) -> None:
    prepare(session)
    before = session.read("src/app.py").version
    result = session.apply_patch(MANY)
    assert result.files[0].replaced == before
    for each in result.files[:3]:
        assert session.read(each.path).version == each.version
        session.write(each.path, "new", if_version=each.version)


def test_a_copy_of_a_patch_changes_nothing(session: SandboxSession) -> None:
    prepare(session)
    run, sent = session.sandbox.run, []

    async def run_twice(program: str, *, timeout: float) -> bytes:
        sent.append(program)
        answers = await asyncio.gather(*(run(program, timeout=timeout) for _ in range(2)))
        return answers[0]

    async def run_and_send_again(program: str, *, timeout: float) -> bytes:
        answer = await run(program, timeout=timeout)
        await run(sent[-1], timeout=timeout)
        return answer

    with replacing(session, run_twice):
        session.apply_patch(MANY)
    with replacing(session, run_and_send_again):
        session.write("src/app.py", "newer")
        session.write("gone.txt", "back")
    assert session.read("src/app.py").content == "newer"
    assert session.read("gone.txt").content == "back"
    assert session.read("docs/new/notes.txt").content == "first\n$(second) 'line'\n"


@pytest.mark.parametrize("hunk", [" token = ***\n+more", "@@ token = ***\n+more"])
def test_a_patch_with_stars_for_a_secret_is_told_so(make_session: MakeSession, hunk: str) -> None:
    session = make_session(secrets={"TOKEN": "it's secret"})
    session.exec('printf "name = x\\ntoken = %s\\n" "$TOKEN" >config')
    told = r"`\*\*\*` where 'config' holds a secret.*nothing was changed. Leave the lines"
    with pytest.raises(NoMatchError, match=told):
        session.apply_patch(update("config", hunk))
    with pytest.raises(NoMatchError, match="Hunk 1 is not in 'config'"):
        session.apply_patch(update("config", "-*** of nothing ***"))
    session.apply_patch(update("config", "-name = x", "+name = y"))
    assert session.exec('cat config; grep -c "$TOKEN" config').stdout == (
        "name = y\ntoken = ***\n1\n"
    )


def test_an_agent_knows_the_files_that_its_patch_made(session: SandboxSession) -> None:
    tools = choose("all")
    prepare(session)
    tools["read"].run(session, {"file_path": "old name.py"})
    assert not tools["apply_patch"].run(session, {"patch": MANY}).is_error
    for path, known in (
        ("docs/new/notes.txt", True),
        ("moved/it's.py", True),
        ("src/app.py", False),
    ):
        answer = tools["write"].run(session, {"file_path": path, "content": "new"})
        assert answer.is_error is not known


def test_a_patch_that_only_adds_needs_one_request(session: SandboxSession) -> None:
    with counting(session) as count:
        session.apply_patch("*** Begin Patch\n*** Add File: a\n+a\n*** Add File: b\n*** End Patch")
    assert count.requests == 1
    assert (session.read_bytes("a"), session.read_bytes("b")) == (b"a\n", b"")


@pytest.mark.parametrize(
    ("last", "error", "message"),
    [
        ("Update File: other\n@@\n-three", NoMatchError, "Hunk 1 is not in 'other'"),
        ("Update File: other\n@@\n-one\n+1", AmbiguousMatchError, "at lines 1, 2"),
        ("Update File: nowhere\n-a", PathNotFoundError, "'nowhere' does not exist"),
        ("Update File: folder\n-a", NotAFileError, "folder"),
        ("Update File: binary\n-a", BinaryFileError, "binary"),
        ("Update File: pipe\n-a", NotAFileError, "pipe"),
        ("Delete File: nowhere", PathNotFoundError, "'nowhere' does not exist"),
        ("Delete File: folder", NotAFileError, "folder"),
        ("Add File: other\n+x", PathExistsError, "'other' exists already"),
        ("Add File: folder\n+x", PathExistsError, "'folder' exists already"),
        ("Add File: other/below\n+x", NotAFolderError, "should be a folder"),
        ("Add File: made/a/../../b\n+x", PathNotFoundError, "does not exist"),
        ("Update File: other\n*** Move to: gone.txt", PathExistsError, "'gone.txt' exists"),
        ("Update File: ./src/app.py\n-a", InvalidArgumentError, "more than once"),
        ("Delete File: link/app.py", InvalidArgumentError, "more than once"),
        # The folder of the first shall be the file of the second: mkdir fails, all is undone.
        ("Add File: made/a\n+x\n*** Add File: made/a/b\n+x", WriteFailedError, "made/a/b"),
    ],
)
def test_one_file_that_does_not_fit_keeps_all_as_they_are(
    session: SandboxSession, last: str, error: type[RecoverableError], message: str
) -> None:
    prepare(session)
    session.write("other", "one\none\ntwo\n")
    session.write("binary", b"a\0")
    session.exec("mkdir folder; ln -s src link; mkfifo pipe")
    before = listing(session)
    patch = MANY.replace("*** Delete File: gone.txt\n", "")
    with pytest.raises(error, match=f"(?s){message}"):
        session.apply_patch(patch.replace("*** End Patch", f"*** {last}\n*** End Patch"))
    assert listing(session) == before


def test_files_may_be_deleted_unseen_and_symlinks_themselves(session: SandboxSession) -> None:
    session.exec("head -c 3000000 /dev/urandom >data; echo a >kept; ln -s kept link")
    with counting(session) as count:
        session.apply_patch(
            "*** Begin Patch\n*** Delete File: data\n*** Delete File: link\n*** End Patch"
        )
    assert (count.requests, count.received < 2000) == (1, True)
    assert session.exec("ls").stdout == "kept\n"


def test_a_large_patch_is_uploaded(session: SandboxSession) -> None:
    lines = [secrets.token_hex(30) for _ in range(10_000)]
    session.write("file", "start\nend")
    added = "\n".join(f"+{line}" for line in lines)
    session.apply_patch(update("file", "@@\n start", added, " end"))
    assert session.read_bytes("file").decode().split("\n") == ["start", *lines, "end"]


def test_many_hunks_in_a_large_file_leave_the_rest(session: SandboxSession) -> None:
    lines = [f"line {i}" for i in range(30_000)]
    session.write("file", "\r\n".join(lines))
    changed = range(5, 30_000, 1500)
    session.apply_patch(update("file", *(f"@@\n-line {i}\n+LINE {i}\n+more" for i in changed)))
    for i in changed:
        lines[i] = f"LINE {i}\r\nmore"
    assert session.read_bytes("file") == "\r\n".join(lines).encode()


def test_a_patch_of_a_file_above_the_limit_is_refused_with_advice(
    make_session: MakeSession,
) -> None:
    session = make_session(limits=Limits(file_bytes=1000))
    session.write("file", "x\n" * 1000)
    with pytest.raises(FileTooLargeError, match="Change it with edit or exec"):
        session.apply_patch(update("file", "-x"))


def test_patches_of_two_sessions_lose_nothing(
    session: SandboxSession, twin: SandboxSession
) -> None:
    session.write("a/file", "".join(f"mine {i}\n\nhers {i}\n\n" for i in range(5)))
    session.write("b/file", "".join(f"hers {i}\n\nmine {i}\n\n" for i in range(5)))
    failures: list[BaseException] = []

    def work(who: SandboxSession, name: str, folders: tuple[str, str]) -> None:
        try:
            for i in range(5):
                body = "".join(
                    f"*** Update File: {session.root}/{folder}/file\n-{name} {i}\n+{name} was {i}\n"
                    for folder in folders
                )
                who.apply_patch(f"*** Begin Patch\n{body}*** End Patch")
        except BaseException as error:
            failures.append(error)

    workers = [
        threading.Thread(target=work, args=(session, "mine", ("a", "b"))),
        threading.Thread(target=work, args=(twin, "hers", ("b", "a"))),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    for folder in ("a", "b"):
        content = session.read(f"{folder}/file").content
        assert content.count("mine was") == content.count("hers was") == 5


def test_a_confined_session_patches_nothing_outside(confined: SandboxSession) -> None:
    for change in ("Add File: {}\n+x", "Delete File: {}", "Update File: {}\n-x"):
        with pytest.raises(OutsideRootError):
            confined.apply_patch(
                f"*** Begin Patch\n*** {change.format('../outside.txt')}\n*** End Patch"
            )
    confined.write("in/a", "a\nb\n")
    confined.apply_patch(
        "*** Begin Patch\n*** Update File: in/a\n*** Move to: new/b\n-a\n+A\n*** End Patch"
    )
    assert confined.read("new/b").content == "A\nb\n"
