"""A copy of a request changes nothing, whenever it arrives.

Networks deliver requests twice, and late: when the operation was long answered, when its traces
were tidied up, when the session that sent it was closed.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import (
    FileChangedError,
    NoMatchError,
    PathExistsError,
    PathNotFoundError,
)
from daytona_toolkit.testing._conformance.support import replacing

# More than a session remembers of the past at any moment.
_MANY = 100


class Copies:
    """The programs that a session has sent, to be sent again."""

    def __init__(self) -> None:
        self.programs: list[str] = []

    def arrive(self, session: SandboxSession) -> None:
        """Have the sandbox of a session run them all once more."""
        run = session.sandbox.run

        async def run_copies_first(program: str, *, timeout: float) -> bytes:
            for copy in self.programs:
                await run(copy, timeout=timeout)
            return await run(program, timeout=timeout)

        with replacing(session, run_copies_first):
            session.exists(".")


@contextmanager
def recorded(session: SandboxSession) -> Iterator[Copies]:
    """Keep what a session sends."""
    copies, run = Copies(), session.sandbox.run

    async def recorded_run(program: str, *, timeout: float) -> bytes:
        copies.programs.append(program)
        return await run(program, timeout=timeout)

    with replacing(session, recorded_run):
        yield copies


def much_happens(session: SandboxSession) -> None:
    for number in range(_MANY):
        session.exec("true")
        session.write("another", str(number))


WAITS: list[Callable[[SandboxSession], None]] = [lambda session: None, much_happens]
whenever = pytest.mark.parametrize("wait", WAITS, ids=["soon", "much later"])


@whenever
def test_a_copy_of_a_command_does_not_run(
    session: SandboxSession, wait: Callable[[SandboxSession], None]
) -> None:
    with recorded(session) as copies:
        session.exec("echo ran >>log; cat >>log", stdin="input\n")
    wait(session)
    copies.arrive(session)
    assert session.read("log").content == "ran\ninput\n"


@contextmanager
def older_request(session: SandboxSession) -> Iterator[None]:
    """A command that began before, and is at work until the block ends."""
    with ThreadPoolExecutor() as threads:
        older = threads.submit(session.exec, "touch begun; until [ -e go ]; do sleep 0.05; done")
        while not session.exists("begun"):
            time.sleep(0.02)
        yield
        session.write("go", "")
        assert older.result().exit_code == 0


def test_a_copy_of_a_command_does_not_run_while_an_older_one_is_at_work(
    session: SandboxSession,
) -> None:
    with older_request(session):
        with recorded(session) as copies:
            session.exec("echo ran >>log")
        for _ in range(10):
            session.exec("true")
        copies.arrive(session)
    assert session.read("log").content == "ran\n"


def test_a_copy_of_what_was_refused_does_nothing_while_an_older_request_is_at_work(
    session: SandboxSession,
) -> None:
    session.write("file", "old\n")
    with older_request(session):
        with recorded(session) as copies, pytest.raises(NoMatchError):
            session.edit("file", "new", "changed")
        session.write("file", "new\n")
        copies.arrive(session)
    assert session.read("file").content == "new\n"


@whenever
def test_a_copy_of_a_command_leaves_its_shell_alone(
    session: SandboxSession, wait: Callable[[SandboxSession], None]
) -> None:
    with recorded(session) as copies:
        session.exec("cd /; export A=old", shell="main")
    session.exec("cd /tmp; export A=new", shell="main")
    wait(session)
    copies.arrive(session)
    assert session.exec("pwd; echo $A", shell="main").stdout == "/tmp\nnew\n"


@whenever
def test_a_copy_of_what_was_sent_is_not_read(
    session: SandboxSession, wait: Callable[[SandboxSession], None]
) -> None:
    job_id = session.exec("cat >typed", interactive=True).job_id
    with recorded(session) as copies:
        session.send(job_id, "one\n")
        session.send(job_id, b"two\n" * 100_000)
    wait(session)
    copies.arrive(session)
    session.send(job_id, "three\n", eof=True)
    assert session.job(job_id, wait=10).state == "exited"
    assert session.read_bytes("typed") == b"one\n" + b"two\n" * 100_000 + b"three\n"


@whenever
def test_a_copy_of_a_change_undoes_nothing(
    session: SandboxSession, wait: Callable[[SandboxSession], None]
) -> None:
    session.exec("echo unseen >unseen")
    with recorded(session) as copies:
        session.write("file", "one\n")
        session.edit("file", "one", "one two")
        session.edit("unseen", "unseen", "unseen seen")
    session.write("file", "new\n")
    wait(session)
    copies.arrive(session)
    assert session.read("file").content == "new\n"
    assert session.read("unseen").content == "unseen seen\n"


def test_a_copy_of_a_write_makes_no_folder_anew(session: SandboxSession, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old\n")
    with recorded(session) as copies:
        session.write("written/in/file", "old\n")
        session.upload(tmp_path / "file", "uploaded/in/file")
    for folder in ("written", "uploaded"):
        session.remove(folder, recursive=True)
    copies.arrive(session)
    assert session.ls().entries == ()


@whenever
def test_a_copy_of_a_patch_undoes_nothing(
    session: SandboxSession, wait: Callable[[SandboxSession], None]
) -> None:
    session.write("changed", "one\n")
    session.write("deleted", "old\n")
    with recorded(session) as copies:
        session.apply_patch(
            "*** Begin Patch\n*** Update File: changed\n-one\n+one\n+two\n"
            "*** Add File: added\n+old\n*** End Patch"
        )
        session.apply_patch("*** Begin Patch\n*** Delete File: deleted\n*** End Patch")
    session.write("changed", "one\n")
    session.write("deleted", "new\n")
    session.remove("added")
    wait(session)
    copies.arrive(session)
    found = {name: session.read(name).content for name in ("changed", "deleted")}
    assert found == {"changed": "one\n", "deleted": "new\n"}
    assert not session.exists("added")


@whenever
def test_a_copy_of_an_upload_undoes_nothing(
    session: SandboxSession, tmp_path: Path, wait: Callable[[SandboxSession], None]
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("old\n")
    with recorded(session) as copies:
        session.upload(tmp_path, "folder")
    session.write("folder/a", "new\n")
    wait(session)
    copies.arrive(session)
    assert session.read("folder/a").content == "new\n"


def test_a_copy_of_what_was_refused_does_nothing_later(session: SandboxSession) -> None:
    """When it would not be refused any more."""
    session.write("file", "old\n")
    with recorded(session) as copies:
        with pytest.raises(PathNotFoundError):
            session.exec("echo ran >>../log", cwd="folder")
        with pytest.raises(NoMatchError):
            session.edit("file", "new", "changed")
        with pytest.raises(FileChangedError):
            session.write("file", "replaced\n", if_version="")
        with pytest.raises(PathExistsError):
            session.apply_patch("*** Begin Patch\n*** Add File: file\n+added\n*** End Patch")
        with pytest.raises(PathNotFoundError):
            session.apply_patch("*** Begin Patch\n*** Delete File: kept\n*** End Patch")
    session.mkdir("folder")
    session.write("kept", "")
    session.remove("file")
    copies.arrive(session)
    assert {entry.path for entry in session.ls().entries} == {"folder", "kept"}
    session.write("file", "new\n")
    copies.arrive(session)
    assert session.read("file").content == "new\n"


def test_a_copy_of_a_closed_session_changes_nothing(
    session: SandboxSession, twin: SandboxSession
) -> None:
    with recorded(twin) as copies:
        twin.exec("echo ran >>log")
        twin.write("file", "old\n")
        twin.edit("file", "old", "older")
        twin.close()
    session.write("file", "new\n")
    copies.arrive(session)
    assert session.read("log").content == "ran\n"
    assert session.read("file").content == "new\n"


@whenever
def test_a_copy_of_a_removal_or_a_move_takes_nothing_away(
    session: SandboxSession, wait: Callable[[SandboxSession], None]
) -> None:
    for name in ("removed", "moved"):
        session.write(name, "old\n")
    with recorded(session) as copies:
        session.remove("removed")
        session.move("moved", "there")
    for name in ("removed", "moved"):
        session.write(name, "new\n")
    wait(session)
    copies.arrive(session)
    found = {name: session.read(name).content for name in ("removed", "moved", "there")}
    assert found == {"removed": "new\n", "moved": "new\n", "there": "old\n"}
