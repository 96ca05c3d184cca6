"""Which tools each operation starts in the sandbox: a process each, and some 1 ms."""

import os
import stat
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytona_toolkit import CommandSandbox, SandboxSession
from tests.support import needs

TOOLS = (
    *("base64", "bash", "cat", "chmod", "chown", "cp", "cut", "dd", "env", "find", "flock", "grep"),
    *("head", "id", "ln", "mkdir", "mkfifo", "mv", "readlink", "rm", "setsid", "sh", "sha256sum"),
    *("sleep", "sort", "stat", "tail", "tar", "timeout", "tr", "wc", "xargs"),
)

needs_gnu = pytest.mark.skipif(
    "GNU" not in subprocess.run(["find", "--version"], capture_output=True, text=True).stdout,
    reason="others than GNU's tools take more processes",
)


class Tools:
    """The tools of a folder, each of which notes that it was started."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "started"
        self.path = folder / "bin"
        self.path.mkdir()
        for name in TOOLS:
            script = self.path / name
            script.write_text(f'#!/bin/sh\necho {name} >>{self._log}\nexec {needs(name)} "$@"\n')
            script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def forget(self) -> None:
        self._log.write_text("")

    def started(self) -> Counter[str]:
        # How often a wait takes a look depends on how fast the machine is.
        return Counter(name for name in self._log.read_text().split() if name != "sleep")


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


def session_with(tools: Tools, folder: Path) -> SandboxSession:
    argv = ["env", f"PATH={tools.path}", f"TMPDIR={folder}", needs("sh")]
    return SandboxSession(CommandSandbox(argv), root=f"{folder}/root")


@pytest.fixture
def session(tools: Tools, tmp_path: Path) -> Iterator[SandboxSession]:
    with session_with(tools, tmp_path) as session:
        session.write("file", "one\ntwo\n")
        session.grep("one")
        yield session


@needs_gnu
def test_open(tools: Tools, tmp_path: Path) -> None:
    with session_with(tools, tmp_path):
        assert tools.started() == Counter(["mkdir", "mkdir", "env"])
    tools.forget()
    with session_with(tools, tmp_path):
        # In a folder that is there already, it looks for what was left.
        assert tools.started() == Counter(["mkdir", "find", "env"])


def test_what_was_left_is_removed_with_one_process(tools: Tools, tmp_path: Path) -> None:
    with session_with(tools, tmp_path) as session:
        jobs = [session.exec("true", background=True).job_id for _ in range(3)]
        assert {session.job(job, wait=10).state for job in jobs} == {"exited"}
        for path in (tmp_path / ".daytona-toolkit").glob("job-*"):
            os.utime(path, (0, 0))
        tools.forget()
        with session_with(tools, tmp_path) as later:
            assert tools.started()["rm"] == 1
            assert later.jobs() == []


@needs_gnu
def test_what_tools_can_do_is_found_out_by_the_first_search(tools: Tools, tmp_path: Path) -> None:
    with session_with(tools, tmp_path) as session:
        for use, probes in [
            (lambda: session.ls(), ["find", "head", "stat"]),
            (lambda: session.grep("x"), ["grep"]),
        ]:
            tools.forget()
            use()
            first = tools.started()
            tools.forget()
            use()
            assert first - tools.started() == Counter(probes)


def test_read(session: SandboxSession, tools: Tools) -> None:
    tools.forget()
    session.read("file")
    assert tools.started() == Counter(["stat", "base64"])


@pytest.mark.parametrize("name", ["file", "new"])
def test_write(session: SandboxSession, tools: Tools, name: str) -> None:
    tools.forget()
    session.write(name, "it's naïve\n" * 1000)
    assert tools.started() == Counter(["flock", "stat", "mv"])


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("text", ["\ttwo\n", "naïve: two\n"])
def test_edit_of_a_small_file(session: SandboxSession, tools: Tools, seen: bool, text: str) -> None:
    session.write("file", text)
    if not seen:
        session.exec("touch file")
    tools.forget()
    session.edit("file", "two", "2")
    others = [] if text.isascii() else ["base64", "tail"]
    assert tools.started() == Counter(["flock", "head", "stat", "mv", *others])


@needs_gnu
def test_patch_of_a_file_that_was_seen(session: SandboxSession, tools: Tools) -> None:
    tools.forget()
    session.apply_patch("*** Begin Patch\n*** Update File: file\n-one\n+1\n*** End Patch")
    started = tools.started()
    assert started == Counter(
        {"flock": 2, "mv": 2, "rm": 2, "tail": 2}
        | dict.fromkeys(["cat", "head", "ln", "sha256sum", "stat"], 1)
    )


def test_upload_of_a_small_file(session: SandboxSession, tools: Tools, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_text("text\n")
    tools.forget()
    session.upload(local, "new")
    assert tools.started() == Counter(["flock", "stat", "mv"])


@needs_gnu
@pytest.mark.parametrize("has_tar", [True, False])
def test_many_small_files(
    session: SandboxSession, tools: Tools, tmp_path: Path, has_tar: bool
) -> None:
    local = tmp_path / "local"
    local.mkdir()
    for number in range(30):
        (local / f"{number}.txt").write_text(f"{number}\n" * number)
    if not has_tar:
        (tools.path / "tar").unlink()
    tools.forget()
    session.upload(local, "there")
    started = tools.started()
    if has_tar:
        assert started["tar"] == started["chmod"] == 1
        assert sum(started.values()) <= 25
    else:
        assert started["mv"] > 30
    tools.forget()
    session.download("there", tmp_path / "back")
    assert sum(tools.started().values()) <= 10
    back = {path.name: path.read_text() for path in (tmp_path / "back").iterdir()}
    assert back == {path.name: path.read_text() for path in local.iterdir()}


def test_download_of_a_small_file(session: SandboxSession, tools: Tools, tmp_path: Path) -> None:
    tools.forget()
    session.download("file", tmp_path / "local")
    assert tools.started() == Counter(["stat", "base64"])


def test_jobs(session: SandboxSession, tools: Tools) -> None:
    tools.forget()
    for _ in range(3):
        session.exec("sleep 100", background=True)
    while Counter(bash=3, dd=6) - tools.started():
        time.sleep(0.05)
    tools.forget()
    assert len(session.jobs()) == 3
    assert tools.started() == Counter(["stat"])
    for job in session.jobs():
        session.kill(job.job_id)


@pytest.mark.parametrize("watched", [False, True])
def test_exec(session: SandboxSession, tools: Tools, watched: bool) -> None:
    seen: list[str] = []
    tools.forget()
    session.exec(
        "echo out; echo err >&2", on_output=(lambda _, text: seen.append(text)) if watched else None
    )
    assert seen == (["out\n", "err\n"] if watched else [])
    # GNU's env brings SIGINT back, and its dd says how much it copied; others need other tools.
    started = tools.started() - Counter(["env", "stat"])
    assert started == Counter(["mkfifo", "dd", "dd", "setsid", "bash"])


@needs_gnu
def test_search(session: SandboxSession, tools: Tools) -> None:
    listing = Counter(["find", "sort", "head", "base64"])
    for look in (lambda: session.ls(), lambda: session.glob("*")):
        tools.forget()
        look()
        assert tools.started() == listing
    tools.forget()
    session.grep("two")
    assert tools.started() == listing + Counter(["xargs", "grep", "cut"])
