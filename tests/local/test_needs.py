"""What people need of a local sandbox: their Python, git, folders, and words that help."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession
from daytona_toolkit.errors import (
    InvalidArgumentError,
    IsolationError,
    SandboxGoneError,
    SandboxUnavailableError,
)
from daytona_toolkit.sandboxes._local import bubblewrap, confinement, folders, git, python
from daytona_toolkit.sandboxes._local.sandbox import HALF_OF_MEMORY
from daytona_toolkit.tools import choose
from tests.support import lacks, needs

CONFINED = ["bubblewrap", "landlock"]


@pytest.fixture
def outside() -> Any:
    """A folder that no sandbox shares: /tmp is open at the level of Landlock."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def home_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for what is kept."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    git._identity.cache_clear()
    return home


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"isolation": "bwrap"}, "There is no isolation 'bwrap'.*'auto', 'bubblewrap'"),
        ({"folder": ""}, "folder='' is not a path"),
        ({"folder": 3}, "folder=3 is not a path"),
        ({"folder": "a\0b"}, "is not a path"),
        ({"folder": "~nobody-of-this-name/x"}, "home folder that is not known"),
        ({"readable": "/srv"}, "readable='/srv' is one path; give a list"),
        ({"processes": 0}, "processes=0 is not a valid limit; give a whole number of at least 16"),
        ({"memory": "2G"}, "memory='2G' is not a valid limit"),
        ({"open_files": True}, "open_files=True is not a valid limit"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        LocalSandbox(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"folder": "{tmp}/file"}, "folder='.*file' is a file; give the path of a folder"),
        ({"folder": "{tmp}/file/below"}, "cannot be made: Not a directory"),
        ({"folder": "/proc/x"}, "folder='/proc/x' (cannot be made|belongs to the system)"),
        ({"folder": "/"}, "folder='/' (belongs to the system|cannot be written)"),
        ({"folder": "/dev/shm"}, "belongs to the system"),
        ({"readable": ["{tmp}/missing"]}, "readable='.*missing' does not exist"),
        ({"readable": ["x" * 5000]}, "readable='/.*x' does not exist, or is closed to you"),
        ({"home": "{tmp}/file"}, "home='.*file' is a file"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named(
    arguments: dict[str, Any], words: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(one) for one in value]
        return value.replace("{tmp}", str(tmp_path))

    sandbox = LocalSandbox(**{name: filled(value) for name, value in arguments.items()})
    with pytest.raises(InvalidArgumentError, match=words):
        SandboxSession(sandbox).open()


def test_a_relative_folder_is_in_the_current_one(
    outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(outside)
    assert LocalSandbox("work").id == f"local:{outside}/work"
    outside.rmdir()
    with pytest.raises(InvalidArgumentError, match="folder='work' is relative, and the current"):
        LocalSandbox("work")
    outside.mkdir()  # for who removes it


def test_a_tilde_is_the_home_folder(home_of_the_host: Path) -> None:
    with SandboxSession(LocalSandbox("~/work")) as session:
        session.open()
        assert session.root == str(home_of_the_host / "work")


@pytest.mark.parametrize("isolation", CONFINED)
def test_a_folder_that_is_removed_is_an_error_of_ours(isolation: Any, tmp_path: Path) -> None:
    with SandboxSession(LocalSandbox(tmp_path / "work", isolation=isolation)) as session:
        session.exec("true")
        shutil.rmtree(tmp_path / "work")
        with pytest.raises(SandboxGoneError, match="no longer there"):
            session.exec("true")
        with pytest.raises(SandboxGoneError, match="no longer there"):
            session.write("file", "content")
        assert not session.is_alive()
        (tmp_path / "work").mkdir()
        with pytest.raises(SandboxGoneError, match="no longer there"):
            session.write("file", "content")


@pytest.mark.parametrize("isolation", CONFINED)
def test_readable_folders_can_be_read_and_not_written(isolation: Any, outside: Path) -> None:
    (outside / "data").write_text("data\n")
    (outside / "data").chmod(0o666)
    sandbox = LocalSandbox(isolation=isolation, readable=[outside])
    with SandboxSession(sandbox) as session:
        assert session.exec(f"cat {outside}/data").stdout == "data\n"
        assert session.exec(f"echo x >{outside}/data").exit_code != 0
    assert (outside / "data").read_text() == "data\n"


@pytest.mark.parametrize("isolation", CONFINED)
@pytest.mark.parametrize("network", [True, False])
def test_the_network_is_a_choice(isolation: Any, network: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        sandbox = LocalSandbox(isolation=isolation, network=network)
        assert sandbox.network is network
        told = choose("core", session=SandboxSession(sandbox))["exec"].description
        assert ("There is no network" in told) is not network
        assert ("The network can be used" in told) is network
        with SandboxSession(sandbox) as session:
            done = session.exec(f": </dev/tcp/127.0.0.1/{port}")
            assert (done.exit_code == 0) is network


def test_the_home_of_a_folder_is_kept_and_that_of_none_is_not(
    tmp_path: Path, home_of_the_host: Path
) -> None:
    kept = home_of_the_host / ".local/share/daytona-toolkit/homes"
    for content in ("", "settings\n"):
        with SandboxSession(LocalSandbox(tmp_path / "work")) as session:
            assert session.exec("cat ~/.settings").stdout == content
            session.exec("echo settings >~/.settings")
    with SandboxSession(LocalSandbox(tmp_path / "other")) as session:
        assert session.exec("ls -A ~").stdout == ""
    assert len(list(kept.iterdir())) == 1
    with SandboxSession(LocalSandbox(tmp_path / "work", home=tmp_path / "mine")) as session:
        session.exec("echo mine >~/.settings")
    assert (tmp_path / "mine/.settings").read_text() == "mine\n"


def test_a_user_without_a_home_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a user may be a number that nobody knows."""

    def unknown(user: int) -> NoReturn:
        raise KeyError(user)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with SandboxSession(LocalSandbox(tmp_path / "work")) as session:
        assert session.exec("cd && echo hi >file && cat file").output == "hi\n"


@pytest.mark.parametrize("isolation", CONFINED)
def test_no_program_warns_of_a_locale_that_is_not_installed(
    isolation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    with SandboxSession(LocalSandbox(isolation=isolation)) as session:
        assert session.exec("echo hi").output == "hi\n"


def test_the_helper_spells_paths_as_we_do() -> None:
    """Where the locale is that of another encoding, a variable may say that UTF-8 counts."""
    ask = "import sys; print(sys.flags.utf8_mode)"
    program = (
        "import subprocess; from daytona_toolkit.sandboxes._local import python; "
        f"subprocess.run([*python.helper()[:-1], {ask!r}], check=True)"
    )
    variables = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=variables, stdout=subprocess.PIPE)
    assert done.stdout == b"1\n"


def test_any_name_is_spelt_in_any_locale(home_of_the_host: Path, outside: Path) -> None:
    """That of the user, of the folder for temporary files, and of the one that holds Python."""
    confinement.choose("auto")
    (home_of_the_host / ".gitconfig").write_bytes("[user]\nname = Björk ☃\n".encode())
    temporary = outside / os.fsdecode(b"t\xff")
    temporary.mkdir()
    prefix = outside / "préfixe ☃"
    prefix.symlink_to(sys.prefix)
    program = (
        "import sys; from daytona_toolkit import open_session\n"
        "command = 'git config user.name; python3 -c \"import pydantic; print(1)\"'\n"
        "with open_session() as session:\n"
        "    sys.stdout.buffer.write(session.exec(command).output.encode())"
    )
    ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    odd = prefix / "bin" / Path(sys.executable).name
    for python3, locale in (
        (odd, {"LC_ALL": "C"}),
        (odd, {"LC_ALL": "C.UTF-8"}),
        (sys.executable, ascii_alone),  # Python 3.14 imports no pydantic from such a folder then
    ):
        done = subprocess.run(
            [python3, "-c", program],
            capture_output=True,
            env={**os.environ, **locale, "TMPDIR": os.fspath(temporary)},
        )
        assert done.stdout.decode() == "Björk ☃\n1\n", done.stderr


@pytest.mark.parametrize("isolation", CONFINED)
def test_a_client_may_ignore_the_end_of_its_children(isolation: Any) -> None:
    """As servers do that never wait for them."""
    confinement.choose(isolation)
    program = f"""
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from daytona_toolkit import open_session
with open_session(isolation={isolation!r}) as session:
    print(session.sandbox.isolation, session.exec("(exit 3)").exit_code)
    print(session.exec("sleep 60", timeout=0.5).timed_out)
"""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{isolation} 3\nTrue\n", "")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("isolation", [*CONFINED, "none"])
def test_a_client_may_block_every_signal(isolation: Any) -> None:
    """As servers do that wait for them in a thread."""
    confinement.choose(isolation)
    program = f"""
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
from daytona_toolkit import open_session
with open_session(isolation={isolation!r}) as session:
    print(session.exec("grep SigBlk /proc/self/status", timeout=20).output)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["SigBlk:", "0" * 16], done.stderr


@pytest.mark.parametrize(
    ("namespaces", "prepare"),
    [
        ("-Urpf", "true"),  # where /proc is that of the host
        (
            "-Urm",  # where /dev has only a few devices, as in a bare chroot
            "for name in null zero random urandom; do"
            ' : >"$0/$name"; mount --bind "/dev/$name" "$0/$name"; done; mount --rbind "$0" /dev',
        ),
    ],
)
def test_where_bubblewrap_lacks_something_landlock_does(
    namespaces: str, prepare: str, tmp_path: Path
) -> None:
    confinement.choose("landlock")
    program = """
from daytona_toolkit import open_session
with open_session() as session:
    print(session.sandbox.isolation, session.exec("echo fine").stdout)
"""
    own = [needs("unshare"), namespaces, "sh", "-euc", f'{prepare}; exec "$@"', str(tmp_path)]
    if subprocess.run([*own, "true"], check=False).returncode:
        lacks("user namespaces", "unshare failed")
    started = time.monotonic()
    done = subprocess.run([*own, sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["landlock", "fine"], done.stderr
    assert time.monotonic() - started < 20


def test_the_tools_may_be_where_nixos_has_them(tmp_path: Path) -> None:
    """Whose `/usr/bin` has `env` alone, and `/bin` only `sh`."""
    confinement.choose("auto")
    prepare = (
        'cp "$(command -v sh)" "$0/sh"; mount -t tmpfs none /run; '
        "mkdir -p /run/current-system/sw/bin; mount --bind /usr/bin /run/current-system/sw/bin; "
        'mount --bind "$0" /usr/bin'
    )
    own = [needs("unshare"), "-Urm", "sh", "-euc", f'{prepare}; exec "$@"', str(tmp_path)]
    if subprocess.run([*own, "/bin/sh", "-c", ":"], check=False).returncode:
        lacks("user namespaces", "unshare failed")
    program = """
from daytona_toolkit import open_session
with open_session() as session:
    print(session.exec("command -v cat; echo fine").stdout)
"""
    done = subprocess.run([*own, sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["/run/current-system/sw/bin/cat", "fine"], done.stderr


def test_the_path_of_the_client_does_not_matter(outside: Path) -> None:
    """As that of a service that has only its own environment of Python there."""
    if (program := bubblewrap._packaged()) is None or bubblewrap._why_not(program):
        lacks("bubblewrap", "the packaged one does not work here")
    program = "from daytona_toolkit import open_session\n"
    program += "with open_session() as session: print(session.sandbox.isolation)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": str(outside)},
    )
    assert done.stdout == "bubblewrap\n", done.stderr


@pytest.mark.parametrize("isolation", CONFINED)
def test_python_finds_its_libraries(
    isolation: Any, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only a variable says where they are, but not where commands could put others."""
    libraries, work = outside / "libraries", outside / "work"
    for folder in libraries, work:
        folder.mkdir()
        (folder / "libx.so").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{work}:{libraries}::{outside}/none")
    python._ours.cache_clear()
    with SandboxSession(LocalSandbox(work, isolation=isolation)) as session:
        done = session.exec("echo $LD_LIBRARY_PATH; ls $LD_LIBRARY_PATH")
    python._ours.cache_clear()
    assert done.output == f"{libraries}\nlibx.so\n"


REFUSE = """
import errno, platform
from daytona_toolkit import open_session
from daytona_toolkit.sandboxes._local import kernel

numbers = kernel._PROCESSORS[platform.machine()][1] | {{"pidfd_open": kernel._PIDFD_OPEN}}
numbers["flock"] = 73 if platform.machine() == "x86_64" else 32
code = kernel._step(kernel._LOAD, 0) + kernel._step(kernel._EQUAL, numbers[{call!r}], no=1)
code += kernel._step(kernel._RETURN, kernel._ERRNO | errno.{error})
code += kernel._step(kernel._RETURN, kernel._ALLOW)
kernel.gain_nothing()
kernel.enter_filter(code)
with open_session(isolation={isolation!r}) as session:
    print(session.exec("echo fine").stdout)
"""


@pytest.mark.parametrize("isolation", CONFINED)
def test_a_user_with_too_many_keys_can_open_sandboxes(isolation: Any) -> None:
    """Each has a keyring, and the system allows 200 keys by default."""
    confinement.choose(isolation)
    program = REFUSE.format(call="keyctl", error="EDQUOT", isolation=isolation)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "fine\n\n", done.stderr


def test_temporary_files_may_be_where_nothing_can_be_locked() -> None:
    """As on some network file systems."""
    confinement.choose("auto")
    program = REFUSE.format(call="flock", error="ENOLCK", isolation="auto")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "fine\n\n", done.stderr


def test_where_there_is_no_place_for_temporary_files_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(SandboxUnavailableError, match=r"No such file or directory.*set TMPDIR"):
        SandboxSession(LocalSandbox()).open()


def test_landlock_says_what_else_it_needs() -> None:
    confinement.choose("landlock")
    program = REFUSE.format(call="pidfd_open", error="ENOSYS", isolation="landlock")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "IsolationError" in done.stderr
    assert "landlock: the system call pidfd_open is refused here" in done.stderr


def test_a_python_of_32_bits_is_told_why_nothing_confines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its system calls have other numbers, also where the kernel is of 64."""
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    with pytest.raises(IsolationError, match=r"bubblewrap: .* 64 bits; landlock: .* 64 bits"):
        confinement.choose("auto")


@pytest.mark.parametrize("isolation", CONFINED)
def test_git_knows_the_user_and_asks_nothing(isolation: Any, home_of_the_host: Path) -> None:
    identity = "[user]\nname = Ann Onym\nemail = ann@example.org\n"
    (home_of_the_host / ".gitconfig").write_text(identity)
    with SandboxSession(LocalSandbox(isolation=isolation)) as session:
        done = session.exec(
            "git init -q . && echo x >file && git add file && git commit -qm first && git log"
        )
        assert "Author: Ann Onym <ann@example.org>" in done.output
        assert session.exec("git config user.name Other; git config user.name").stdout == "Other\n"


def test_git_does_not_show_a_file_that_is_being_written(outside: Path) -> None:
    name = ".dtk-0123456789abcdef.7"
    for ignore, shown in (None, "?? file\n"), ("file\n", f"?? {name}\n"):
        home, work = outside / f"home-{shown[3:6]}", outside / f"work-{shown[3:6]}"
        for folder in home, work:
            folder.mkdir()
        if ignore:  # what people want ignored in all repositories stays so
            (home / ".config/git").mkdir(parents=True)
            (home / ".config/git/ignore").write_text(ignore)
        with SandboxSession(LocalSandbox(work, home=home)) as session:
            done = session.exec(f"git init -q . && touch {name} file && git status --short")
            assert done.stdout == shown


@pytest.mark.parametrize("isolation", [*CONFINED, "none"])
def test_programs_know_that_nobody_watches(isolation: Any) -> None:
    with SandboxSession(LocalSandbox(isolation=isolation)) as session:
        names = "$TERM $NO_COLOR $PAGER $GIT_TERMINAL_PROMPT $CI"
        assert session.exec(f"echo {names}").stdout == "dumb 1 cat 0 1\n"
        assert session.exec("echo $CI", env={"CI": ""}).stdout == "\n"
        # The account of a service has no shell that could run anything.
        assert session.exec("env | grep ^SHELL= && $SHELL -c 'exit 3'").exit_code == 3


@pytest.mark.parametrize("isolation", CONFINED)
def test_everyday_tools_work(isolation: Any) -> None:
    with SandboxSession(LocalSandbox(isolation=isolation)) as session:
        for command in (
            "git --version && git init -q . && git status",
            "python3 -c 'import multiprocessing as m; m.Lock(); m.Pool(1).map(abs, [1])'",
            "python3 -m venv --without-pip made && made/bin/python -c 'import json'",
            "script -qec tty /dev/null",
            "echo x >/tmp/daytona-toolkit-test && rm /tmp/daytona-toolkit-test",
            "mktemp && cat /etc/os-release",
        ):
            done = session.exec(command)
            assert done.exit_code == 0, done.output


@pytest.mark.slow
@pytest.mark.parametrize("isolation", CONFINED)
def test_our_python_has_our_packages_and_pip_installs_into_it(isolation: Any) -> None:
    files = {
        "dtkdemo-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: dtkdemo\nVersion: 1\n",
        "dtkdemo-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        "dtkdemo-1.dist-info/RECORD": "",
        "dtkdemo.py": "import pydantic\n",
    }
    with SandboxSession(LocalSandbox(isolation=isolation)) as session:
        done = session.exec("python3 -c 'import pydantic, sys; print(*sys.version_info[:2])'")
        assert done.stdout == "{} {}\n".format(*sys.version_info)
        if session.exec("python3 -m pip --version").exit_code:
            lacks("pip", "the Python below this environment has none")
        for name, content in files.items():
            session.write(name, content)
        made = session.exec(
            "python3 -m zipfile -c dtkdemo-1-py3-none-any.whl dtkdemo.py dtkdemo-1.dist-info "
            "&& pip install -q ./dtkdemo-1-py3-none-any.whl && cd / && python3 -c 'import dtkdemo'"
        )
        assert made.exit_code == 0, made.output


@pytest.mark.parametrize("isolation", CONFINED)
def test_the_environment_of_a_project_comes_first(isolation: Any, outside: Path) -> None:
    """Its interpreter is a link that leads elsewhere."""
    work = outside / "work"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", work / ".venv"], check=True)
    with SandboxSession(LocalSandbox(work, isolation=isolation)) as session:
        assert session.exec("python -c 'import sys; print(sys.prefix)'").stdout == f"{work}/.venv\n"
        assert session.exec("echo $VIRTUAL_ENV").stdout == f"{work}/.venv\n"


def test_what_looks_like_an_environment_opens_nothing(outside: Path) -> None:
    """A command leaves a link, and hopes that the next sandbox shows what it leads to."""
    secret, work = outside / "secret", outside / "work"
    (secret / "bin").mkdir(parents=True)
    (secret / "bin/python").write_text("secret")
    (work / ".venv/bin").mkdir(parents=True)
    (work / ".venv/bin/python").symlink_to(secret / "bin/python")
    with SandboxSession(LocalSandbox(work, isolation="bubblewrap")) as session:
        assert session.exec("cat .venv/bin/python").exit_code != 0
        assert session.exec(f"ls {secret}").exit_code != 0


@pytest.mark.slow
@pytest.mark.parametrize("isolation", CONFINED)
@pytest.mark.parametrize("kind", ["symlink", "dots", "folder"])
def test_it_starts_however_python_was_found(isolation: Any, kind: str, outside: Path) -> None:
    confinement.choose(isolation)
    (outside / "bin").mkdir()
    python = Path(sys.executable)
    if kind == "symlink":  # as uv makes it, outside of the installation
        path = outside / "bin/python3"
        path.symlink_to(os.path.realpath(python))
    elif kind == "dots":
        path = python.parent / ".." / python.parent.name / python.name
    else:
        (outside / "prefix").symlink_to(sys.prefix)
        path = outside / "prefix/bin" / python.name
    code = (
        "from daytona_toolkit import *\n"
        f"with SandboxSession(LocalSandbox(isolation={isolation!r})) as session:\n"
        "    print(session.exec('python3 -c \"import pydantic; print(1)\"').output)"
    )
    site = [path for path in sys.path if "site-packages" in path]
    source = str(Path(folders.__file__).parents[3])
    done = subprocess.run(
        [path, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*site, source])},
    )
    assert done.stdout == "1\n\n" or done.stdout == "1\n", done.stderr


def test_our_package_may_be_in_an_archive(outside: Path) -> None:
    confinement.choose("bubblewrap")
    package = Path(folders.__file__).parents[2]
    archive = outside / "packages.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in package.rglob("*"):
            if path.suffix in (".py", ".sh"):
                packed.write(path, path.relative_to(package.parent))
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "from daytona_toolkit import *\n"
        "with SandboxSession(LocalSandbox(isolation='bubblewrap')) as session:\n"
        "    print(session.exec('echo hello').output)\n"
        f"assert sys.modules[LocalSandbox.__module__].__file__.startswith({str(archive)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("hello\n\n", "")


@pytest.mark.parametrize(("name", "value"), [("frozen", True), ("executable", "")])
def test_a_program_without_a_python_of_its_own_is_told_what_to_use(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PyInstaller makes it: its `sys.executable` is the program, and would start it again."""
    monkeypatch.setattr(sys, name, value, raising=False)
    session = SandboxSession(LocalSandbox(isolation="none"))
    with pytest.raises(IsolationError, match=r"runs Python, which a frozen .* Use DaytonaSandbox"):
        session.open()


def test_close_changes_nothing_that_links_lead_to(outside: Path) -> None:
    folder = outside / "folder"
    folder.mkdir(mode=0o500)
    (outside / "file").write_text("kept")
    with SandboxSession(LocalSandbox()) as session:
        for place in ("$HOME", "$TMPDIR", "."):
            for target in (folder, outside / "file", "/", "/etc"):
                session.exec(f'ln -s {target} "{place}"/$RANDOM; mkdir -p {place}/x/y')
        session.exec("chmod 0 x/y x")
    assert folder.stat().st_mode & 0o777 == 0o500
    assert (outside / "file").read_text() == "kept"
    assert Path("/").stat().st_mode & 0o777 != 0o700


@pytest.mark.slow
def test_close_removes_what_is_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    dig = "import os\nfor n in range(3000): os.mkdir('d'); os.chdir('d')\nopen('file', 'w')"
    with SandboxSession(LocalSandbox()) as session:
        assert session.exec(f'python3 -c "{dig}"').exit_code == 0
    assert list((tmp_path / "t").iterdir()) == []


def test_the_folders_of_a_killed_client_are_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confinement.choose("auto")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = (
        "import os\n"
        "from daytona_toolkit import *\n"
        "session = SandboxSession(LocalSandbox())\n"
        "session.exec('mkdir closed; chmod 0 closed')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    left = list(tmp_path.glob("daytona-toolkit-*"))
    assert len(left) == 1
    monkeypatch.setattr(folders, "_NEW", 0)
    time.sleep(0.1)
    with SandboxSession(LocalSandbox()) as first:
        first.exec("echo x >file")
        assert not left[0].exists()
        with SandboxSession(LocalSandbox()) as second:
            second.exec("true")
            assert first.exec("cat file").stdout == "x\n"


def test_half_of_the_memory_is_the_bound() -> None:
    assert HALF_OF_MEMORY
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert abs(HALF_OF_MEMORY - total // 2) < total // 10


def test_a_system_without_sh_is_told_what_to_use() -> None:
    """As Windows is, which has no fcntl either."""
    code = (
        "import asyncio, os, sys\n"  # which has modules of its own for Windows
        "sys.modules |= dict.fromkeys(['fcntl', 'grp', 'pwd', 'resource', 'termios'])\n"
        "del os.sysconf\n"
        "from daytona_toolkit import open_session\n"
        "session = open_session()\n"
        "os.name = 'nt'\n"
        "try: session.open()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DAYTONA_")}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("IsolationError A local sandbox runs sh, which this system lacks.")
    assert "DAYTONA_API_KEY" in ran.stdout
