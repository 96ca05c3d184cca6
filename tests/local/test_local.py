"""The local sandbox: what each level keeps from a command, and what is left at the end."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from langchain_daytona_toolkit import DaytonaToolkit

from daytona_toolkit import LocalSandbox, SandboxError, SandboxSession
from daytona_toolkit.errors import (
    IsolationError,
    PathDeniedError,
    PathNotFoundError,
    PreviewError,
    SessionClosedError,
    WriteFailedError,
)
from daytona_toolkit.sandboxes._local import bubblewrap, confinement, kernel
from daytona_toolkit.testing._conformance.exec import SERVE
from tests.support import needs, replaced, running, unique_seconds

CONFINED: list[confinement.Isolation] = ["bubblewrap", "landlock"]
LEVELS: list[confinement.Isolation] = [*CONFINED, "none"]


@pytest.fixture(params=CONFINED)
def confined(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    with SandboxSession(LocalSandbox(isolation=request.param)) as session:
        yield session


def becomes(state: bool, seconds: str) -> bool:
    """Whether `sleep` runs, or ends, with that argument within ten seconds."""
    deadline = time.monotonic() + 10
    while running(seconds) is not state and time.monotonic() < deadline:
        time.sleep(0.02)
    return running(seconds) is state


def open_files() -> int:
    """How many files, pipes and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_auto_takes_what_confines(confined: SandboxSession) -> None:
    sandbox = LocalSandbox()
    with SandboxSession(sandbox) as session:
        assert sandbox.isolation in CONFINED
        assert session.sandbox.id == f"local:{session.root}"
        assert repr(session.sandbox).startswith(f"<LocalSandbox {session.root} (")


def test_the_home_of_the_host_cannot_be_read(confined: SandboxSession) -> None:
    secret = Path.home() / f".daytona-toolkit-test-{os.getpid()}"
    secret.write_text("secret")
    try:
        assert confined.exec(f"cat {secret}").exit_code != 0
        assert confined.exec(f"ls {Path.home()}/.ssh").exit_code != 0
        with pytest.raises(SandboxError):
            confined.read(str(secret))
    finally:
        secret.unlink()


@pytest.mark.parametrize("isolation", LEVELS)
def test_a_server_is_reached_at_its_preview(isolation: confinement.Isolation) -> None:
    with SandboxSession(LocalSandbox(isolation=isolation, network=True)) as session:
        session.write("serve.py", SERVE)
        session.write("page.txt", "hello from the server")
        session.exec("python3 serve.py", background=True)
        session.exec("until [ -s port ]; do sleep 0.05; done", timeout=20)
        link = session.preview(int(session.read("port").content))
        assert link.headers == {}
        with urllib.request.urlopen(f"{link.url}/page.txt") as page:
            assert page.read() == b"hello from the server"


def test_a_sandbox_without_a_network_has_no_preview(confined: SandboxSession) -> None:
    with pytest.raises(PreviewError, match=r"Port 8000.*made without a network"):
        confined.preview(8000)


def test_what_is_closed_is_an_error_that_a_model_can_react_to(
    confined: SandboxSession, tmp_path: Path
) -> None:
    """Landlock denies the opening alone: the mode of the file says that it can be read."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as elsewhere:
        file = Path(elsewhere, "file")
        file.write_text("text\n")
        calls: dict[str, Callable[[], object]] = {
            "read": lambda: confined.read(file),
            "read_bytes": lambda: confined.read_bytes(file),
            "write": lambda: confined.write(file, "other\n"),
            "edit": lambda: confined.edit(file, "text", "other"),
            "grep": lambda: confined.grep("text", file),
            "download": lambda: confined.download(file, tmp_path / "copy"),
            "ls": lambda: confined.ls(elsewhere),
            "glob": lambda: confined.glob("*", elsewhere),
            "grep in a folder": lambda: confined.grep("text", elsewhere),
            "download of a folder": lambda: confined.download(elsewhere, tmp_path / "copies"),
        }
        for name, call in calls.items():
            with pytest.raises((PathDeniedError, PathNotFoundError)):
                pytest.fail(f"{name}: {call()}")
        [read] = DaytonaToolkit(session=confined, tools=["read"]).get_tools()
        assert read.invoke({"file_path": str(file)}).startswith("Error: ")
        assert confined.exec("echo fine").stdout == "fine\n"


def test_nothing_outside_the_workspace_can_be_written(confined: SandboxSession) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as elsewhere:
        assert confined.exec(f"echo x >{elsewhere}/file").exit_code != 0
        assert list(Path(elsewhere).iterdir()) == []
    for folder in ("/etc", "/usr", "/"):
        assert confined.exec(f"touch {folder}/daytona-toolkit-test").exit_code != 0


def test_credentials_of_the_host_are_not_passed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("DAYTONA_API_KEY", "dtn-canary")
    for isolation in LEVELS:
        with SandboxSession(LocalSandbox(isolation=isolation)) as session:
            everything = session.exec("env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'")
            assert "HOME=" in everything.stdout
            if isolation != "none":
                assert "canary" not in everything.output


def test_processes_outside_cannot_be_seen_or_signalled(confined: SandboxSession) -> None:
    with subprocess.Popen(["sleep", "60"]) as victim:
        try:
            confined.exec(f"kill -9 {victim.pid}")
            assert victim.poll() is None
        finally:
            victim.kill()


def test_bubblewrap_has_no_network() -> None:
    with SandboxSession(LocalSandbox(isolation="bubblewrap")) as session:
        assert session.exec("tail -n +3 /proc/net/dev").stdout.split(":")[0].strip() == "lo"


def test_a_given_folder_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    for isolation in LEVELS:
        with SandboxSession(LocalSandbox(folder, isolation=isolation)) as session:
            session.write("kept.txt", isolation)
            session.exec("seq 100000; echo more >>kept.txt")
        assert [path.name for path in folder.iterdir()] == ["kept.txt"]
        assert (folder / "kept.txt").read_text() == f"{isolation}more\n"


@pytest.mark.parametrize("isolation", LEVELS)
def test_close_leaves_nothing_behind(
    isolation: confinement.Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confinement.choose(isolation)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads = set(threading.enumerate())
    files = open_files()
    seconds = unique_seconds()
    session = SandboxSession(LocalSandbox(isolation=isolation))
    session.exec(f"sleep {seconds} & setsid sleep {seconds} & (setsid -f sleep {seconds})")
    session.exec(f"env -i setsid nohup sleep {seconds}", background=True)
    session.exec("mkdir -p closed/inner; echo x >closed/inner/file; chmod -R 0 closed")
    assert becomes(True, seconds)
    started = time.monotonic()
    session.close()
    assert time.monotonic() - started < 10
    assert not running(seconds)
    assert set(threading.enumerate()) <= threads
    assert open_files() == files
    assert list(tmp_path.iterdir()) == []
    session.close()
    with pytest.raises(SessionClosedError, match="session is closed"):
        session.exec("true")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_client_that_is_killed_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    seconds = unique_seconds()
    code = (
        "from daytona_toolkit import *\n"
        f"session = SandboxSession(LocalSandbox({str(tmp_path)!r}, isolation='none'))\n"
        f"session.exec('setsid sleep {seconds} &')\n"
        "print('ready', flush=True)\n"
        "session.exec('sleep 60')"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as client:
        assert client.stdout
        client.stdout.readline()
        started = becomes(True, seconds)  # which `&` does not wait for
        client.send_signal(number)
    assert started
    assert becomes(False, seconds)


def test_a_client_that_is_stopped_finds_its_command_when_it_goes_on() -> None:
    """As by Ctrl-Z: it cannot have heard of the helper meanwhile."""
    confinement.choose("auto")
    code = (
        "from daytona_toolkit import *\n"
        "from daytona_toolkit.sandboxes._local import machine\n"
        "machine._SILENT = 2\n"
        "with SandboxSession(LocalSandbox()) as session:\n"
        "    print('ready', flush=True)\n"
        "    print(session.exec('sleep 4; echo done').stdout)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as client:
        assert client.stdout
        client.stdout.readline()
        time.sleep(0.5)
        client.send_signal(signal.SIGSTOP)
        time.sleep(2.8)
        client.send_signal(signal.SIGCONT)
        assert client.stdout.read() == b"done\n\n"


def test_a_program_may_have_set_another_event_loop() -> None:
    """As a server under uvicorn has, which takes uvloop where it is installed."""
    confinement.choose("auto")
    pytest.importorskip("uvloop", reason="for want of uvloop: it is in the group `dev`")
    code = (
        "import asyncio, uvloop\n"
        "asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())\n"
        "from daytona_toolkit import *\n"
        "session = SandboxSession(LocalSandbox())\n"
        "print(session.exec('echo done').stdout, end='')\n"
        "session.close()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ran.stdout == b"done\n"


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # on purpose
def test_a_forked_child_does_not_hold_up_the_end() -> None:
    """It has all files of its parent, as the workers of `multiprocessing` have."""
    session = SandboxSession(LocalSandbox())
    session.open()
    child = os.fork()
    if not child:
        signal.pause()
    try:
        started = time.monotonic()
        session.close()
        assert time.monotonic() - started < 1
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("isolation", CONFINED)
def test_a_helper_that_is_killed_leaves_no_process(isolation: confinement.Isolation) -> None:
    """As the system kills one when memory runs out."""
    seconds = unique_seconds()
    with SandboxSession(LocalSandbox(isolation=isolation)) as session:
        session.exec(f"setsid sleep {seconds} &")
        started = becomes(True, seconds)
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                is_ours = f"PPid:\t{os.getpid()}\n" in status.read_text()
                if is_ours and b"_local.helper" in status.with_name("cmdline").read_bytes():
                    os.kill(int(status.parent.name), signal.SIGKILL)
    assert started
    assert becomes(False, seconds)


def test_a_moment_without_files_decides_about_no_later_sandbox() -> None:
    confinement.choose("bubblewrap")
    code = (
        "import os, resource\n"
        "from daytona_toolkit import *\n"
        "first = SandboxSession(LocalSandbox(isolation='none'))\n"
        "first.open()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "held = []\n"
        "try:\n"
        "    while True: held.append(os.open('/dev/null', os.O_RDONLY))\n"
        "except OSError: pass\n"
        "for number in held[-4:]: os.close(number)\n"
        "try: SandboxSession(LocalSandbox(isolation='bubblewrap')).open()\n"
        "except SandboxError as error: print(error)\n"
        "for number in held[:-4]: os.close(number)\n"
        "with SandboxSession(LocalSandbox(isolation='bubblewrap')) as session:\n"
        "    print(session.exec('echo confined').stdout)\n"
        "first.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    refused = "The local sandbox cannot be made: Too many open files. Close what is not needed"
    assert done.stdout.startswith(refused), done
    assert done.stdout.endswith("\nconfined\n\n"), done


def test_it_refuses_rather_than_runs_unconfined(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bubblewrap, "_packaged", lambda: None)
    monkeypatch.setattr(kernel.Landlock, "version", lambda: 0)
    refused: list[confinement.Isolation] = ["auto", *CONFINED]
    for isolation in refused:
        with (
            pytest.raises(IsolationError, match="Nothing here confines a local sandbox"),
            SandboxSession(LocalSandbox(isolation=isolation)),
        ):
            pass


@pytest.mark.parametrize(
    ("platform", "restriction", "told"),
    [
        ("linux", "0\n", "allow user namespaces (in a container"),
        ("linux", None, "allow user namespaces (in a container"),
        (
            "linux",
            "1\n",
            "allow user namespaces with "
            "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (in a container",
        ),
        ("darwin", None, "There are these ways: use DaytonaSandbox"),
    ],
)
def test_the_refusal_says_what_allows_it_on_this_system(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    platform: str,
    restriction: str | None,
    told: str,
) -> None:
    setting = tmp_path / "apparmor_restrict_unprivileged_userns"
    if restriction is not None:
        setting.write_text(restriction)
    system = SimpleNamespace(platform=platform, executable=sys.executable)
    monkeypatch.setattr(confinement, "sys", system)
    monkeypatch.setattr(confinement, "_RESTRICTION", setting)
    monkeypatch.setattr(bubblewrap, "find", lambda: (None, "it was taken away"))
    monkeypatch.setattr(kernel.Landlock, "version", lambda: 0)
    with pytest.raises(IsolationError) as refused:
        SandboxSession(LocalSandbox()).exec("true")
    assert told in str(refused.value)
    assert "use a container through CommandSandbox, or ask for no confinement" in str(refused.value)
    assert ("user namespaces" in str(refused.value)) == (platform == "linux")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = [needs("mount"), "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if not mounted:
        pytest.skip("only root can mount a small file system here")
    try:
        for isolation in LEVELS:
            with SandboxSession(LocalSandbox(small, isolation=isolation)) as session:
                session.write("file", "old\n")
                for content in ("x" * 100_000, "x" * 400_000):
                    session.exec("head -c 200000 /dev/zero >filler")
                    with pytest.raises(WriteFailedError, match="no space left for 'file'"):
                        session.write("file", content)
                    with pytest.raises(WriteFailedError, match="no space left"):
                        session.edit("file", "old", content)
                    assert session.read("file").content == "old\n"
                    assert session.exec("ls -A").stdout == "file\nfiller\n"
                assert session.exec("rm filler; echo fine").stdout == "fine\n"
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_the_helper_that_dies_is_a_terminal_error() -> None:
    with SandboxSession(LocalSandbox(isolation="none")) as session:
        session.exec("true")
        with pytest.raises(SandboxError, match="has ended: it was killed"):
            session.exec(
                "for one in /proc/[0-9]*; do grep -aq _local.helper $one/cmdline && "
                f"grep -q '^PPid:.{os.getpid()}$' $one/status && kill -9 ${{one#/proc/}}; done"
            )
        assert not session.is_alive()


class DyingAtTheMove(LocalSandbox):
    """A sandbox in which a program that moves a file dies right there, and is sent again."""

    at: str
    deaths = 0

    async def run(self, program: str, *, timeout: float) -> bytes:
        move = 'mv -fT -- "$_temporary" "./$_name"'
        dying = {"before": f"kill -9 $$; exit; {move}", "after": f"{move}; kill -9 $$"}
        mortal = replaced(program, move, dying[self.at])
        if mortal != program:
            self.deaths += 1
            assert b"}" not in await super().run(mortal, timeout=timeout)
        return await super().run(program, timeout=timeout)


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_change_whose_program_dies_at_the_move_happens_once(at: str) -> None:
    sandbox = DyingAtTheMove()
    sandbox.at = at
    with SandboxSession(sandbox) as session:
        assert session.write("file", "one\n").created
        session.exec("cp file unseen")
        for path in ("file", "unseen"):
            assert "-one\n+one one\n" in session.edit(path, "one", "one one").diff
            assert session.read_bytes(path) == b"one one\n"
        assert session.exec("ls -A").stdout == "file\nunseen\n"
    assert sandbox.deaths == 3


PLANTED = ("sh", "env", "cat", "sed", "stat", "head", "tail", "mv", "grep", "find", "base64", "tr")


def test_our_programs_take_no_tool_that_a_command_left(tmp_path: Path) -> None:
    """Only commands have the project's own tools, and what is installed into its Python."""
    planted = tmp_path / ".venv/bin"
    planted.mkdir(parents=True)
    (planted / "python").symlink_to(sys.executable)
    for folder in (planted, tmp_path):
        for name in PLANTED:
            (folder / name).write_text("#!/bin/sh\necho planted\n")
            (folder / name).chmod(0o755)
    with SandboxSession(LocalSandbox(tmp_path)) as session:
        assert session.exec("cat file; mv; env").stdout == "planted\n" * 3
        session.exec(
            'cp -a "$VIRTUAL_ENV"/bin/. "$(dirname "$(PATH=${PATH#*:} command -v pip)")";'
            "for f in .profile .bashrc .zshenv; do echo 'cat() { echo planted; }' >~/$f; done;"
            'cat() { echo planted; }; export -f cat; export ENV="$HOME/.profile" BASH_ENV="$ENV"',
            shell="main",
        )
        assert session.write("file", "one\ntwo\n").created
        assert session.read("file").content == "one\ntwo\n"
        assert "+three\n" in session.edit("file", "two", "three").diff
        assert [match.text for match in session.grep("three").matches] == ["three"]
        assert [entry.path for entry in session.glob("fil*").entries] == ["file"]
        assert session.exec("command cat file; echo $ENV", shell="main").stdout == (
            f"planted\n{session.exec('echo ~').stdout.strip()}/.profile\n"
        )
