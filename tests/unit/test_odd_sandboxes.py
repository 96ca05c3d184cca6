"""Sandboxes with a full disk, a tool that is slow or another one, or folders of odd names."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from daytona_toolkit import CommandSandbox, SandboxSession
from daytona_toolkit.errors import SandboxFailedError, SandboxUnavailableError, WriteFailedError
from tests.support import lacks, needs

# Says that a folder `a` has the inode 10006, and any other 9999.
_INODES = r"""
case $2 in %i?%d) ;; *) exec "$real" "$@" ;; esac
between=${2#%i} between=${between%%d}
shift 2
[ "$1" != -- ] || shift
for path; do
    case $(readlink -f "$path") in */a) inode=10006 ;; *) inode=9999 ;; esac
    echo "$inode${between}1"
done
"""

# To the grep of Ubuntu 16.04 a line that is not ASCII is binary, unless it has the option -a.
_ASCII_ALONE = r"""
case "$1 $2" in *-a*) exec "$real" "$@" ;; esac
"$real" "$@" | LC_ALL=C "$real" -av '[^ -~[:cntrl:]]'
"""

# The timeout of busybox.
_WHOLE_SECONDS = """
seconds=${1%.*}
[ "$seconds" -gt 0 ] || seconds=1
shift
exec "$real" "$seconds" "$@"
"""

# git before 2.26 names what a pattern with `!` takes back among what is ignored.
_OLD_GIT = r"""
case "$*" in *' -v '*) ;; *' check-ignore '*) old=yes ;; esac
[ "$old" ] || exec "$real" "$@"
shift 3
"$real" check-ignore -v "$@" | sed -zn 'n; n; n; p'
"""

# `sort -o` of uutils, which Ubuntu has, leaves the file as it was where there is nothing to write.
_UUTILS_SORT = r"""
case $1 in -*o) ;; *) exec "$real" "$@" ;; esac
options=$(echo "$1" | tr -d o) into=$2
shift 2
"$real" "$options" "$@" >"$into.new" || exit
[ -s "$into.new" ] || [ ! -e "$into" ] || exec rm "$into.new"
mv "$into.new" "$into"
"""

# The tools of uutils put U+FFFD in the place of bytes of a name that are not UTF-8.
_MISSPELL = r"""
"$real" "$@" | LC_ALL=C sed 's/[\o351\o377]/\o357\o277\o275/'
"""

Wrap: TypeAlias = Callable[[str, str], CommandSandbox]


@pytest.fixture
def with_tool(tmp_path: Path) -> Wrap:
    """`with_tool(name, script)`: a sandbox with a script in place of a tool, which is "$real"."""
    tools = tmp_path / "tools"
    tools.mkdir()

    def wrap(tool: str, script: str) -> CommandSandbox:
        wrapper = tools / tool
        wrapper.write_text(f"#!/bin/sh\nreal={needs(tool)}\n{script}\n")
        wrapper.chmod(0o755)
        path = f"PATH={tools}:{os.environ['PATH']}"
        return CommandSandbox(["env", path, f"TMPDIR={tmp_path}", "sh"])

    return wrap


def test_a_file_that_is_mounted_is_said_to_be(tmp_path: Path) -> None:
    for name in ("hosts", "mounted"):
        (tmp_path / name).write_text("old\n")
    mount = [needs("mount"), "--bind", str(tmp_path / "hosts"), str(tmp_path / "mounted")]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        lacks("a file that is mounted", "only root can mount one")
    sandbox = CommandSandbox(["env", f"TMPDIR={tmp_path}", "sh"])
    try:
        with SandboxSession(sandbox, root=tmp_path) as session:
            with pytest.raises(WriteFailedError, match=r"'mounted' is mounted there, .* exec"):
                session.edit("mounted", "old", "new")
            with pytest.raises(WriteFailedError, match="'mounted' is mounted there"):
                session.remove("mounted")
            assert session.read("mounted").content == "old\n"
    finally:
        subprocess.run(["umount", str(tmp_path / "mounted")], check=True)


def test_a_limit_holds_where_timeout_counts_whole_seconds(with_tool: Wrap, tmp_path: Path) -> None:
    """As that of busybox, so in Alpine."""
    with SandboxSession(with_tool("timeout", _WHOLE_SECONDS), root=tmp_path / "root") as session:
        job = session.exec("sleep 60", yield_after=0.1, timeout=1.8)
        time.sleep(3.5)
        assert session.job(job.job_id).timed_out


def test_a_patch_and_a_move_lock_folders_in_one_order(with_tool: Wrap, tmp_path: Path) -> None:
    """The numbers of the folders sort otherwise as texts; else each could wait for the other."""
    locked = tmp_path / "locked"
    sandbox = with_tool("flock", f'readlink "/proc/self/fd/$1" >>{locked}; exec "$real" "$@"')
    with_tool("stat", _INODES)
    with SandboxSession(sandbox, root=tmp_path / "root") as session:
        session.write("a/file", "text\n")
        session.write("b/file", "text\n")
        locked.unlink()
        session.apply_patch(
            "*** Begin Patch\n*** Update File: a/file\n@@\n-text\n+new\n"
            "*** Update File: b/file\n@@\n-text\n+new\n*** End Patch"
        )
        session.move("a/file", "b/other")
    folders = [Path(path).name for path in locked.read_text().split() if Path(path).name in "ab"]
    assert folders == ["b", "a", "b", "a"]


def test_lines_are_found_by_a_grep_that_takes_what_is_not_ascii_for_binary(
    with_tool: Wrap, tmp_path: Path
) -> None:
    with SandboxSession(with_tool("grep", _ASCII_ALONE), root=tmp_path / "root") as session:
        session.write("file", "plain line\ncafé line\n")
        session.write("binary", b"a line\0\n")
        found = session.grep("line")
        assert found.text().startswith("file:1:plain line\nfile:2:café line\n")
        assert found.notes == ("1 binary file with a match left out",)


def test_an_old_git_records_what_a_pattern_takes_back(with_tool: Wrap, tmp_path: Path) -> None:
    with SandboxSession(with_tool("git", _OLD_GIT), root=tmp_path / "root") as session:
        session.write(".gitignore", "*.log\n!kept.log\n")
        session.write("left.log", "old")
        session.write("kept.log", "old")
        checkpoint = session.checkpoint()
        for name in ("left.log", "kept.log"):
            session.write(name, "new")
        session.restore(checkpoint.id)
        assert session.read("kept.log").content == "old"
        assert session.read("left.log").content == "new"


def test_a_restore_is_right_where_sort_writes_no_empty_files(
    with_tool: Wrap, tmp_path: Path
) -> None:
    needs("git")
    with SandboxSession(with_tool("sort", _UUTILS_SORT), root=tmp_path / "root") as session:
        empty = session.checkpoint()
        session.write("file", "text")
        one_file = session.checkpoint()
        session.write("new", "")
        session.restore(one_file.id)
        assert session.read("file").content == "text"
        assert [entry.path for entry in session.ls().entries] == ["file"]
        session.mkdir("folder")
        session.restore(empty.id)
        assert not session.ls().entries


def test_files_whose_names_the_sandbox_misspells_are_uploaded_again_and_not_downloaded(
    with_tool: Wrap, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    for folder in (here, here / "fol\udcffder"):
        folder.mkdir()
    for name in ("plain", "caf\udce9"):
        (here / name).write_text(f"{name!r}\n")
    with_tool("stat", _MISSPELL)
    with SandboxSession(with_tool("sha256sum", _MISSPELL), root=tmp_path / "root") as session:
        assert session.upload(here, "there").files == 2
        (here / "caf\udce9").write_text("changed\n")
        session.upload(here, "there")
        (note,) = session.download("there", tmp_path / "back").notes
    assert (tmp_path / "root/there/caf\udce9").read_text() == "changed\n"
    assert (tmp_path / "back/plain").read_text() == "'plain'\n"
    assert note == (
        "1 path skipped (the sandbox's tools misspell a name that is not UTF-8; rename it, or "
        "download again): caf\ufffd"
    )


@pytest.fixture
def filling(tmp_path: Path) -> tuple[SandboxSession, Callable[[], None]]:
    """A session, and what fills its disk: from then on no file takes a byte."""
    full = tmp_path / "full"
    limit = f"[ ! -e {full} ] || {{ trap '' XFSZ; ulimit -f 0; }}; exec sh"
    sandbox = CommandSandbox(["env", f"TMPDIR={tmp_path}", "sh", "-c", limit])
    return SandboxSession(sandbox, root=tmp_path / "root"), full.touch


Filling: TypeAlias = tuple[SandboxSession, Callable[[], None]]


def test_a_patch_that_there_is_no_room_for_is_not_said_to_be_applied(filling: Filling) -> None:
    opened, fill = filling
    with opened as session:
        session.write("old.txt", "text\n")
        fill()
        with pytest.raises(WriteFailedError, match=r"no space left for 'old\.txt'"):
            session.apply_patch("*** Begin Patch\n*** Delete File: old.txt\n*** End Patch")
        assert session.exists("old.txt")


def test_an_upload_whose_report_there_is_no_room_for_is_not_said_to_be_done(
    filling: Filling, tmp_path: Path
) -> None:
    opened, fill = filling
    here = tmp_path / "here"
    here.mkdir()
    (here / "file").touch()
    with opened as session:
        session.write("in the way", "text\n")
        fill()
        with pytest.raises(WriteFailedError, match=r"no space left in the sandbox.*upload again"):
            session.upload(here, "in the way/there")


def test_a_job_that_is_removed_while_they_are_listed_hides_no_other(tmp_path: Path) -> None:
    with SandboxSession(CommandSandbox(["env", f"TMPDIR={tmp_path}", "sh"])) as session:
        # As if it had gone between the look for all and the look at it.
        (tmp_path / ".daytona-toolkit/job-000000000000.start").symlink_to("nothing")
        started = session.exec("sleep 60", background=True).job_id
        assert [(job.job_id, job.state) for job in session.jobs()] == [(started, "running")]
        session.kill(started)


def test_a_file_system_that_cannot_rename_is_told_to_the_model(
    with_tool: Wrap, tmp_path: Path
) -> None:
    """A bucket that is mounted, as a Daytona volume is one, may be unable to rename files."""
    script = (
        'for target; do :; done; echo "mv: cannot move to $target: Function not implemented" >&2'
    )
    sandbox = with_tool("mv", f"{script}; exit 1")
    with SandboxSession(sandbox, root=tmp_path / "root") as session:
        for change in (
            lambda: session.write("file", "text\n"),
            lambda: session.apply_patch(
                "*** Begin Patch\n*** Add File: file\n+text\n*** End Patch"
            ),
        ):
            with pytest.raises(WriteFailedError) as caught:
                change()
            assert str(caught.value) == (
                "'file' could not be used: Function not implemented. Nothing was changed. The file "
                "system there cannot put a file in place in one step: work in another folder, and "
                "copy what is finished there with cp in exec."
            )
        assert session.exec("ls -A").stdout == ""


def test_commands_run_in_the_first_second_of_a_machine(tmp_path: Path) -> None:
    """Whose clock then shows 0.08, which is no number to sh."""
    unshare = needs("unshare")
    shift = f"exec {unshare} -T --boottime -$(cut -d . -f 1 /proc/uptime) --fork"
    if subprocess.run(["sh", "-c", f"{shift} true"], capture_output=True, check=False).returncode:
        lacks("a clock that begins anew", "only root can have one, on Linux from 5.6 on")
    begin = "until case $(cat /proc/uptime) in 0.[089]*) ;; *) false ;; esac; do sleep 0.01; done"
    argv = ["sh", "-c", f"{shift} sh -c '{begin}; exec sh'"]
    with SandboxSession(CommandSandbox(["env", f"TMPDIR={tmp_path}", *argv])) as session:
        assert session.exec("echo fine").stdout == "fine\n"


@pytest.mark.parametrize("name", ["UID", "PPID", "SHELLOPTS"])
@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_a_variable_that_a_shell_keeps_to_itself_ends_no_command(
    shell: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "sh").symlink_to(needs(shell))
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    sandbox = CommandSandbox(["env", path, f"TMPDIR={tmp_path}", "sh"])
    with SandboxSession(sandbox, root=tmp_path, env={name: "5", "B": "it's"}) as session:
        result = session.exec('echo "$A $B"', env={name: "5", "A": "a  b"})
        assert (result.exit_code, result.stdout) == (0, "a  b it's\n")


@pytest.mark.parametrize("root", ["work", "-"])
def test_a_relative_root_lies_where_programs_start(root: str, tmp_path: Path) -> None:
    for parent in ("here", "elsewhere"):
        (tmp_path / parent / "work").mkdir(parents=True)
    start = f"cd {tmp_path}/here; CDPATH={tmp_path}/elsewhere OLDPWD=/usr TMPDIR={tmp_path} exec sh"
    with SandboxSession(CommandSandbox(["sh", "-c", start]), root=root) as session:
        assert session.root == f"{tmp_path}/here/{root}"


@pytest.mark.parametrize("folder", ["jörg", "it's", "two words", "a\ttab", 'a "$HOME" `x`'])
def test_the_tools_that_start_commands_may_lie_anywhere(folder: str, tmp_path: Path) -> None:
    tools = tmp_path / folder
    tools.mkdir()
    for tool in ("bash", "setsid", "env"):
        (tools / tool).symlink_to(needs(tool))
    argv = ["env", f"PATH={tools}:{os.environ['PATH']}", f"TMPDIR={tmp_path}", "sh"]
    with SandboxSession(CommandSandbox(argv), root=tmp_path) as session:
        assert session.exec("echo fine; trap - INT; kill -INT $$").stdout == "fine\n"


@pytest.mark.usefixtures("few_bytes")
def test_a_command_that_prints_for_ever_is_ended() -> None:
    session = SandboxSession(CommandSandbox(["sh", "-c", "cat >&2; exec yes"]))
    with pytest.raises(SandboxFailedError, match="reached printed more than 1,000,000 bytes"):
        session.open()


@pytest.fixture
def few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daytona_toolkit.sandboxes._command.OUTPUT_BYTES", 1_000_000)


async def test_what_a_silent_command_has_started_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has left the command's session, and holds its output open."""
    monkeypatch.setattr("daytona_toolkit.sandboxes._command._LAST_WORDS", 0.2)
    pid = tmp_path / "pid"
    script = f"setsid sleep 600 & echo $! >{pid}; exec sleep 600"
    sandbox = CommandSandbox(["sh", "-c", script])
    await sandbox.open()
    asked = asyncio.ensure_future(sandbox.run("echo hello", timeout=0.2))
    await asyncio.wait([asked], timeout=5)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    with pytest.raises(SandboxUnavailableError, match="gave no answer"):
        asked.result()
    await asyncio.sleep(0.1)  # asyncio closes the pipe
