"""A command can be interrupted, and ends at its time; or a call goes on without it."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from daytona_toolkit import CommandSandbox, SandboxSession
from daytona_toolkit.errors import SandboxFailedError
from daytona_toolkit.sandboxes._local import bubblewrap
from tests.support import lacks, needs, running, unique_seconds

OLD_ENV = 'case $1 in --*) exit 125 ;; esac; exec {env} "$@"'
ABSENT = "exit 127"


@pytest.mark.parametrize("tool", ["env", "perl", "python3"])
@pytest.mark.parametrize("shell", ["sh", "bash", "busybox sh"])
def test_no_signal_is_ignored(tool: str, shell: str, tmp_path: Path) -> None:
    needs(shell.split()[0])
    tools = {"perl": shutil.which("perl"), "python3": sys.executable}
    if tool in tools and not tools[tool]:
        pytest.skip(f"for want of {tool}: it is not installed")
    stubs = {"env": {}, "perl": {"env": OLD_ENV}, "python3": {"env": OLD_ENV, "perl": ABSENT}}
    for name, text in stubs[tool].items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text.format(env=shutil.which('env'))}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "python3").symlink_to(sys.executable)
    (tmp_path / "work").mkdir()
    # As under nohup, and in a program that ignores others.
    start = (
        "trap '' HUP PIPE USR1 TERM; "
        f'cd "$0/work" && exec env -i "PATH=$0:$1" "TMPDIR=$0" "HOME=$0" LC_ALL=x {shell}'
    )
    argv = ["sh", "-c", start, str(tmp_path), os.environ["PATH"]]
    with SandboxSession(CommandSandbox(argv)) as session:
        result = session.exec("grep SigIgn /proc/self/status; env | grep PERL_")
        # glibc keeps signal 32 for itself, and ignores it in what posix_spawn starts.
        assert int(result.stdout.removeprefix("SigIgn:"), 16) & ~(1 << 31) == 0
        # bash complains of the locale as well, as it would without us.
        assert "perl" not in result.stderr


def test_a_command_that_says_that_it_has_just_begun_ends_at_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daytona_toolkit._operations.exec.watch.KILL_TIME", 0.5)
    begin = (
        f'start="{tmp_path}/.daytona-toolkit/$DAYTONA_TOOLKIT_JOB.start"; echo begun; '
        'while read -r now _ </proc/uptime; do echo "${now%.*}${now#*.}" >"$start.new"; '
        'mv "$start.new" "$start"; sleep 0.05; done'
    )
    with SandboxSession(CommandSandbox(["env", f"TMPDIR={tmp_path}", "sh"])) as session:
        started = time.monotonic()
        result = session.exec(begin, timeout=0.5)
        assert time.monotonic() - started < 10
        assert (result.timed_out, result.stdout) == (True, "begun\n")


def of_stopped_client(code: str, *, after: float, seconds: float) -> bytes:
    """What a program prints that is stopped a while after it has printed `ready`, as by Ctrl-Z."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as client:
        assert client.stdout
        client.stdout.readline()
        time.sleep(after)
        client.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        client.send_signal(signal.SIGCONT)
        return client.stdout.read()


@pytest.mark.slow
def test_a_command_that_ends_while_its_client_is_stopped_has_not_timed_out(tmp_path: Path) -> None:
    code = (
        "from daytona_toolkit import *\n"
        "from daytona_toolkit._operations.exec import watch\n"
        "watch.KILL_TIME = 0.2\n"
        f"sandbox = CommandSandbox(['env', 'TMPDIR={tmp_path}', 'sh'])\n"
        "with SandboxSession(sandbox, limits=Limits(window=1)) as session:\n"
        "    session.exec('true')\n"
        "    print('ready', flush=True)\n"
        "    result = session.exec('sleep 2.3; echo done', timeout=2.6)\n"
        "    print(result.stdout, result.timed_out)"
    )
    assert of_stopped_client(code, after=1.3, seconds=2.9) == b"done\n False\n"


@pytest.mark.slow
def test_a_client_whose_time_was_over_while_it_was_stopped_listens_once_more(
    tmp_path: Path,
) -> None:
    code = (
        "from daytona_toolkit import *\n"
        "from daytona_toolkit import _workspace\n"
        "_workspace.REQUEST_TIME = 0.5\n"
        f"sandbox = CommandSandbox(['env', 'TMPDIR={tmp_path}', 'sh'])\n"
        "with SandboxSession(sandbox, limits=Limits(window=1)) as session:\n"
        "    print('ready', flush=True)\n"
        "    print(session.exec('sleep 3.5; echo done').stdout)"
    )
    assert of_stopped_client(code, after=0.5, seconds=2.5) == b"done\n\n"


def test_without_proc_a_command_ends_at_its_time_and_no_output_is_lost(tmp_path: Path) -> None:
    bwrap, why = bubblewrap.find()
    if bwrap is None:
        lacks("bubblewrap", why)
    view = [bwrap, "--bind", "/", "/", "--dev", "/dev", "--tmpfs", "/proc"]
    sandbox = CommandSandbox([*view, "env", f"TMPDIR={tmp_path}", "sh"])
    with SandboxSession(sandbox, root=tmp_path / "root") as session:
        assert session.exec("ls -A /proc").stdout == ""
        for _ in range(10):
            assert session.exec("echo hi").stdout == "hi\n"
        assert len(session.exec("seq 20000", timeout=10).stdout) > 20_000
        for trap in ("", "trap '' TERM; "):
            result = session.exec(f"{trap}echo begun; sleep 20; sleep 20; echo >late", timeout=0.3)
            assert (result.stdout, result.timed_out) == ("begun\n", True)
            assert result.exit_code in (137, 143)
        job = session.exec("sleep 60", background=True)
        assert session.kill(job.job_id).exit_code == 143
        assert not session.exists("late")
        session.write("file", "one\n")
        assert session.edit("file", "one", "two").occurrences == 1
        assert session.grep("two").matches[0].path == "file"
    confined = SandboxSession(sandbox, root=tmp_path / "root", confined=True)
    with pytest.raises(SandboxFailedError, match="confined=True needs /proc"), confined:
        pass


async def test_a_command_that_is_cancelled_as_it_starts_ends_with_what_it_started() -> None:
    seconds = unique_seconds()
    sandbox = CommandSandbox(["sh", "-c", f"sleep {seconds}; true"])
    await sandbox.open()
    started = time.monotonic()
    for turns in range(40):
        run = asyncio.create_task(sandbox.run("", timeout=30))
        for _ in range(turns):
            await asyncio.sleep(0)
        run.cancel()
        await asyncio.wait([run])
        assert run.cancelled()
    while running(seconds):
        assert time.monotonic() - started < 10
        await asyncio.sleep(0.05)


def test_a_process_that_cannot_be_killed_holds_up_nobody() -> None:
    """It belongs to root, and the sandbox does not: so does what `su` and `doas` start."""
    if os.getuid() != 0:
        pytest.skip("only root can leave a program that becomes root")
    setpriv = needs("setpriv")
    # pytest's folder is closed to others.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o777)
        become = Path(shutil.copy(setpriv, folder))
        become.chmod(0o4755)
        nobody = [setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        tried = subprocess.run(
            [*nobody, become, "--ruid", "0", "--euid", "0", "true"], capture_output=True
        )
        if tried.returncode:
            lacks("programs that become root", f"{folder} is mounted so that none does")
        start = f'cd "$0" && exec env -i "PATH={os.environ["PATH"]}" "TMPDIR=$0" sh'
        with SandboxSession(CommandSandbox([*nobody, "sh", "-c", start, folder])) as session:
            command = f"echo $$; exec {become} --ruid 0 --euid 0 sleep 300"
            started = time.monotonic()
            result = session.exec(command, timeout=0.5)
            process = int(result.stdout)
            try:
                assert time.monotonic() - started < 0.5 + 3 + 2
                assert result.timed_out
                assert result.survived
                assert "could not be killed and may still run" in result.text()
                assert session.exec("echo fine").stdout == "fine\n"
                assert Path(f"/proc/{process}").exists()
            finally:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
