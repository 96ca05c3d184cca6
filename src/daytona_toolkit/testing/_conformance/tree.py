"""stat, realpath, mkdir, move, remove: what is where changes as asked, and once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import PurePosixPath

import pytest

from daytona_toolkit import RecoverableError, SandboxSession
from daytona_toolkit.errors import (
    InvalidArgumentError,
    NotAFileError,
    NotAFolderError,
    OutsideRootError,
    PathDeniedError,
    PathExistsError,
    PathNotFoundError,
)
from daytona_toolkit.testing._conformance.support import MakeSession, counting, replacing

NAMES = ["plain", "two words", "-rf", "it's", 'a"b$(id)`id`', "new\nline\n", "caf\udce9", "*", "~"]


def listing(session: SandboxSession) -> list[str]:
    """All that is under the root, with what symlinks hold and files contain."""
    script = 'find . ! -name . | sort | while read -r f; do echo "$f"; done'
    return session.exec(script).stdout.splitlines()


def again(
    session: SandboxSession, work: Callable[[], object], refused: type[Exception] | None = None
) -> Callable[[], None]:
    """Do it; return what delivers a copy of its request."""
    run = session.sandbox.run
    sent: list[str] = []

    async def recorded(program: str, *, timeout: float) -> bytes:
        sent.append(program)
        return await run(program, timeout=timeout)

    def deliver() -> None:
        copies = [sent[-1]]

        async def copied(program: str, *, timeout: float) -> bytes:
            return await run(copies.pop() if copies else program, timeout=timeout)

        with replacing(session, copied):
            session.stat(".")  # it asks again, because the first answer is that of the copy
        assert not copies

    with replacing(session, recorded), pytest.raises(refused) if refused else nullcontext():
        work()
    return deliver


# --- stat and realpath


def test_stat_tells_what_a_path_is_itself(session: SandboxSession) -> None:
    written = session.write("file", "12345")
    session.exec(
        "mkdir sub; ln -s file good; ln -s sub way; ln -s nowhere bad; mkfifo pipe; "
        "touch -d @1000 file; mkdir shut; chmod 0 shut"
    )
    kinds = {path: session.stat(path) for path in ("file", "sub", "good", "way", "bad", "pipe")}
    assert {path: (entry.type, entry.target_type) for path, entry in kinds.items()} == {
        "file": ("file", None),
        "sub": ("folder", None),
        "good": ("symlink", "file"),
        "way": ("symlink", "folder"),
        "bad": ("symlink", None),
        "pipe": ("other", None),
    }
    file = kinds["file"]
    assert (file.path, file.size, file.modified) == ("file", 5, 1000)
    assert file.version == session.read("file").version == kinds["good"].version != written.version
    assert session.stat("shut").type == session.stat("/").type == session.stat(".").type == "folder"
    assert session.stat("sub/..").path == "sub/.."
    session.exec("chmod 700 shut")


@pytest.mark.parametrize("path", ["missing", "sub/missing", "file/below"])
def test_stat_of_nothing_is_an_error(session: SandboxSession, path: str) -> None:
    session.write("file", "")
    with pytest.raises(NotAFolderError if "file" in path else PathNotFoundError, match=path):
        session.stat(path)


def test_realpath_is_that_of_python(session: SandboxSession) -> None:
    session.exec(
        "mkdir -p a/b c; ln -s ../c a/up; ln -s a/up two; ln -s nowhere/x gone; ln -s loop loop; "
        'ln -s pong ping; ln -s ping pong; ln -s "$PWD/a" whole; echo >file'
    )
    root = session.root
    expected = {
        ".": root,
        "two/x": f"{root}/c/x",
        "two/..": root,
        "a/up/../a/b": f"{root}/a/b",
        "gone/y": f"{root}/nowhere/x/y",
        "loop": f"{root}/loop",
        "ping/z": f"{root}/ping/z",
        "whole/b": f"{root}/a/b",
        "file/below": f"{root}/file/below",
        "missing/../c": f"{root}/c",
        "/..": "/",
    }
    assert {path: session.realpath(path) for path in expected} == expected


# --- mkdir


def test_mkdir_makes_parents_and_leaves_what_exists(session: SandboxSession) -> None:
    entry = session.mkdir("a/b/c")
    assert (entry.path, entry.type) == ("a/b/c", "folder")
    session.write("a/b/c/file", "x")
    assert session.mkdir("a/b/c").type == "folder"
    assert session.read("a/b/c/file").content == "x"


def test_mkdir_refuses_what_is_in_the_way(session: SandboxSession) -> None:
    session.exec("echo >file; ln -s nowhere bad; ln -s file link")
    for path in ("file", "file/below", "link"):
        with pytest.raises(NotAFolderError):
            session.mkdir(path)
    for path in ("bad", "missing/../new"):
        with pytest.raises(RecoverableError):
            session.mkdir(path)
    assert listing(session) == ["./bad", "./file", "./link"]


# --- move


def test_move_gives_a_file_a_folder_and_a_symlink_another_path(session: SandboxSession) -> None:
    session.exec("echo 1 >file; mkdir -p tree/sub; echo 2 >tree/sub/x; ln -s file link; mkfifo p")
    assert session.move("file", "new/place").path == "new/place"
    assert session.move("tree", "new/tree").type == "folder"
    assert session.move("link", "way").type == "symlink"
    assert session.move("p", "pipe").type == "other"
    assert listing(session) == [
        "./new",
        "./new/place",
        "./new/tree",
        "./new/tree/sub",
        "./new/tree/sub/x",
        "./pipe",
        "./way",
    ]
    assert session.read("new/place").content == "1\n"


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_made_moved_told_and_removed(session: SandboxSession, name: str) -> None:
    path = f"./{name}"
    session.mkdir(path)
    assert session.stat(path).path == path
    assert session.realpath(path) == f"{session.root}/{name}"
    session.move(path, f"{path}.2")
    session.move(f"{path}.2", path)
    session.remove(path, recursive=True)
    assert session.ls().entries == ()


def test_move_replaces_nothing_unless_told(session: SandboxSession) -> None:
    session.exec("echo a >a; echo b >b; mkdir empty full dir; echo >full/x; ln -s full link")
    for target in ("b", "empty", "full", "link", "a"):
        if target != "a":
            with pytest.raises(PathExistsError, match=f"'{target}' exists already"):
                session.move("a", target)
    with pytest.raises(NotAFileError):
        session.move("a", "empty", overwrite=True)
    with pytest.raises(NotAFolderError):
        session.move("dir", "b", overwrite=True)
    with pytest.raises(PathExistsError, match="not empty"):
        session.move("dir", "full", overwrite=True)
    assert session.read("b").content == "b\n"
    session.move("a", "b", overwrite=True)
    session.move("dir", "empty", overwrite=True)
    session.move("b", "link", overwrite=True)
    assert session.read("link").content == "a\n"
    assert listing(session) == ["./empty", "./full", "./full/x", "./link"]


def test_move_onto_itself_changes_nothing_and_into_itself_is_refused(
    session: SandboxSession,
) -> None:
    session.exec("mkdir -p tree/sub; echo >file; ln -s tree link")
    before = listing(session)
    session.move("file", "./file")
    for target in ("tree/new/place", "link/place"):
        with pytest.raises(InvalidArgumentError, match="into itself"):
            session.move("tree", target)
    with pytest.raises(PathNotFoundError, match="'none'"):
        session.move("none", "x/y")
    with pytest.raises(NotAFolderError, match="'file/x'"):
        session.move("tree", "file/x")
    assert listing(session) == before


def test_move_works_across_file_systems(session: SandboxSession) -> None:
    shm = "/dev/shm/moved-$$"
    made = session.exec(
        f'd={shm}; mkdir "$d" && echo "$d" && [ "$(stat -c %d "$d")" != "$(stat -c %d .)" ]'
    )
    if made.exit_code:
        pytest.skip("the sandbox has one file system only")
    other = made.stdout.strip()
    try:
        session.exec(
            "mkdir -p tree/sub; echo 1 >tree/sub/x; ln -s x tree/sub/l; chmod 751 tree/sub"
        )
        session.exec(f"echo there >{other}/taken; mkfifo tree/p")
        with pytest.raises(PathExistsError):
            session.move("tree/sub/x", f"{other}/taken")
        session.move("tree", f"{other}/tree")
        assert not session.exists("tree")
        assert session.exec(f"cd {other}; stat -c %a tree/sub; cat tree/sub/l").stdout == "751\n1\n"
        session.move(f"{other}/taken", "back")
        assert session.read("back").content == "there\n"
        assert session.exec(f"ls -A {other}; ls -A").stdout == "tree\nback\n"
    finally:
        session.exec(f"rm -rf {other}")


def test_one_of_many_moves_to_one_name_wins(session: SandboxSession) -> None:
    for number in range(8):
        session.write(f"{number}", f"{number}")

    def move(number: int) -> bool:
        try:
            session.move(f"{number}", "target")
        except PathExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(move, range(8)))
    assert won.count(True) == 1
    assert session.read("target").content == str(won.index(True))
    assert len(session.ls().entries) == 8


def test_one_of_many_moves_of_one_file_wins(session: SandboxSession) -> None:
    session.write("file", "x")

    def move(number: int) -> str:
        try:
            session.move("file", f"to/{number}")
        except PathNotFoundError as error:
            return f"no {error.path}"
        return "moved"

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(move, range(8))) == ["moved"] + ["no file"] * 7
    assert len(session.ls("to").entries) == 1


# --- remove


def test_remove_takes_the_path_itself(session: SandboxSession) -> None:
    session.exec(
        "echo >file; mkdir -p tree/sub keep; echo >tree/sub/x; echo >keep/x; ln -s keep link; "
        "ln -s nowhere bad; mkfifo pipe"
    )
    session.exec("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'")
    session.exec("[ -e sock ] || mkfifo sock")
    with pytest.raises(NotAFileError, match="recursive=True"):
        session.remove("tree")
    for path in ("file", "link", "bad", "pipe", "sock"):
        session.remove(path)
    session.remove("tree", recursive=True)
    assert listing(session) == ["./keep", "./keep/x"]
    with pytest.raises(PathNotFoundError):
        session.remove("file")
    with pytest.raises(PathNotFoundError):
        session.remove("tree", recursive=True)


def test_a_removal_takes_nothing_but_what_was_asked_for(session: SandboxSession) -> None:
    """It takes along what the session needs no longer, once in a while."""
    session.write("sub/file", "x")
    ids = [session.exec("true").job_id for _ in range(8)]
    session.remove("sub/file")
    kept = f"ls -d {session._workspace.facts.state}/{ids[0]}"
    deadline = time.monotonic() + 10
    while session.exec(kept).exit_code == 0:
        assert time.monotonic() < deadline
    assert session.exec("ls -A sub").stdout == ""


def test_the_root_and_what_holds_it_stay(session: SandboxSession) -> None:
    root = PurePosixPath(session.root)
    session.write("sub/file", "")
    session.exec("ln -s . here; ln -s .. up")
    plain = (".", "/", "..", "sub/..", root, root.parent, f"{root}/", f"{root}/sub/../")
    for path in (*plain, "here/sub/..", f"up/{root.name}", f"up/{root.name}/", "up/.."):
        with pytest.raises(InvalidArgumentError, match="is or holds the root"):
            session.remove(path, recursive=True)
        with pytest.raises(InvalidArgumentError):
            session.move(path, "sub/elsewhere")
    assert listing(session) == ["./here", "./sub", "./sub/file", "./up"]
    session.remove("here/")
    session.remove("up")
    assert listing(session) == ["./sub", "./sub/file"]


def test_a_root_that_is_everything_stays_too(make_session: MakeSession) -> None:
    """Not asked for recursively, so that it does no harm where this fails."""
    session = make_session(root="/")
    for path in ("/", ".", "..", "//", session._workspace.facts.state):
        with pytest.raises(InvalidArgumentError, match="is or holds the root"):
            session.remove(path)


def test_what_may_not_be_changed_stays(session: SandboxSession) -> None:
    if session.exec("id -u").stdout == "0\n":
        pytest.skip("root may change everything")
    session.exec("mkdir shut; echo >shut/x; echo >file; chmod 555 shut")
    for change in (
        lambda: session.remove("shut/x"),
        lambda: session.remove("shut", recursive=True),
        lambda: session.move("shut/x", "y"),
        lambda: session.move("file", "shut/y"),
        lambda: session.mkdir("shut/new"),
    ):
        with pytest.raises(PathDeniedError):
            change()
    assert listing(session) == ["./file", "./shut", "./shut/x"]
    session.exec("chmod 755 shut")


def test_what_was_seen_of_a_file_goes_with_it(session: SandboxSession) -> None:
    session.write("tree/file", "one")
    session.move("tree", "moved")
    session.write("tree/file", "two")
    session.edit("moved/file", "one", "1")
    session.remove("moved", recursive=True)
    with pytest.raises(PathNotFoundError):
        session.edit("moved/file", "1", "one")


# --- once


def test_a_late_copy_changes_nothing(session: SandboxSession) -> None:
    session.exec("echo 1 >a; echo 2 >c")
    copies = [
        again(session, lambda: session.mkdir("new")),
        again(session, lambda: session.move("a", "b")),
        again(session, lambda: session.remove("c")),
        again(session, lambda: session.remove("later"), PathNotFoundError),
        again(session, lambda: session.move("b", "new"), PathExistsError),
    ]
    session.remove("new", recursive=True)
    session.move("b", "a")
    session.exec("echo 3 >c; echo 4 >later")
    before = listing(session)
    for deliver in copies:
        deliver()
    assert listing(session) == before == ["./a", "./c", "./later"]


@pytest.mark.parametrize("other", [False, True], ids=["not moved yet", "moved"])
def test_a_copy_of_a_request_that_was_cut_off_does_what_is_left(
    session: SandboxSession, other: bool
) -> None:
    session.exec("echo 1 >a; echo 1 >c")
    copies = [
        again(session, lambda: session.move("a", "b")),
        again(session, lambda: session.remove("c")),
    ]
    # As if each had been cut off before it could keep its answer: behind its change, and then
    # somebody else took the name; or in front of it.
    marks = session._workspace.facts.session
    session.exec(f"find {marks} -name 'done.*' ! -name '*.begun' -exec rm {{}} +")
    if other:
        session.exec("echo 2 >a; echo 2 >c")
        expected = ["./a", "./b", "./c"]
    else:
        session.exec("mv b a")
        expected = ["./b"]
    for deliver in copies:
        deliver()
    assert listing(session) == expected
    assert session.read("b").content == "1\n"


def test_file_operations_take_one_request_each(session: SandboxSession) -> None:
    for work in (
        lambda: session.mkdir("a/b"),
        lambda: session.stat("a"),
        lambda: session.realpath("a"),
        lambda: session.move("a", "c/d"),
        lambda: session.remove("c", recursive=True),
    ):
        with counting(session) as count:
            work()
        assert count.requests == 1


async def test_file_operations_have_twins(session: SandboxSession) -> None:
    assert (await session.amkdir("a")).type == (await session.astat("a")).type == "folder"
    assert (await session.amove("a", "b")).path == "b"
    assert await session.arealpath("b") == f"{session.root}/b"
    await session.aremove("b", recursive=True)


# --- confined


@pytest.mark.parametrize("path", ["../outside", "up/outside", "folder/x", "/etc/passwd", ".."])
def test_a_confined_session_changes_nothing_outside(confined: SandboxSession, path: str) -> None:
    for work in (
        lambda: confined.stat(path),
        lambda: confined.realpath(path),
        lambda: confined.mkdir(f"{path}/new"),
        lambda: confined.move(path, "stolen"),
        lambda: confined.move("inside", path, overwrite=True),
        lambda: confined.remove(path, recursive=True),
    ):
        with pytest.raises((OutsideRootError, NotAFolderError)):
            work()
    assert confined.exec("ls ..; ls ../other; cat ../outside").stdout == (
        "inner\nother\noutside\nsecret\n"
    )
    assert confined.exists("inside")


def test_a_confined_session_handles_links_that_lead_out(confined: SandboxSession) -> None:
    assert (confined.stat("link").type, confined.stat("link").target_type) == ("symlink", None)
    confined.exec("ln -s loop/on loop")
    assert confined.stat("loop").target_type is None
    assert confined.stat("good").target_type == "file"
    leads = {entry.path: entry.target_type for entry in confined.ls().entries}
    assert (leads["link"], leads["folder"], leads["up"], leads["good"]) == (
        None,
        None,
        None,
        "file",
    )
    confined.move("link", "moved")
    confined.remove("moved")
    confined.remove("folder")
    with pytest.raises(InvalidArgumentError):
        confined.remove(".", recursive=True)
    assert confined.exec("ls ..; cat ../outside").stdout == "inner\nother\noutside\nsecret\n"
