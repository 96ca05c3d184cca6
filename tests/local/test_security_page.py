"""What SECURITY.md shows of a sandbox is what commands there print."""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession

ROOT = Path(__file__).parents[2]

# Each command, and what it prints.
SHOWN = dict(
    re.findall(
        r"^```console\n\$ (.*?)\n(.*?)^```$",
        (ROOT / "SECURITY.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxSession]:
    """A sandbox of somebody who has set a language, and nothing else that is passed on."""
    for name in ("LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    with SandboxSession(LocalSandbox(isolation="bubblewrap")) as session:
        yield session


def test_the_root_folder_has_what_is_shown_and_the_way_to_python(session: SandboxSession) -> None:
    seen = set(session.exec("ls /").stdout.split())
    shown = set(SHOWN["ls /"].split())
    own = (sys.prefix, sys.base_prefix, tempfile.gettempdir(), *sys.path)
    ours = {Path(path).parts[1] for path in own if path}
    # To root, /opt has what it holds that is open to others.
    absent = {name for name in ("lib64", "opt") if not list(Path("/").glob(f"{name}/*"))}
    assert seen - ours <= shown
    assert shown - {"home"} - absent <= seen


def test_only_our_own_processes_can_be_seen(session: SandboxSession) -> None:
    [command] = [command for command in SHOWN if command.startswith("find /proc")]
    seen = session.exec(command).stdout.split()
    assert seen[0] == "/proc/1"
    assert len(seen) == len(SHOWN[command].split())


def test_the_variables_are_those_that_are_shown(session: SandboxSession) -> None:
    def plain(text: str) -> list[str]:
        text = text.replace(f"{sys.prefix}/bin", "/home/you/project/.venv/bin")
        text = re.sub(r"=.*/daytona-toolkit-\w+", "=/tmp/daytona-toolkit-", text)
        text = re.sub(r"^_=.*/env$", "_=/usr/bin/env", text, flags=re.MULTILINE)
        text = re.sub(r"^SHELL=.*/", "SHELL=/usr/bin/", text, flags=re.MULTILINE)
        return re.sub(r"job-\w+", "job-", text).splitlines()

    command = "env | sort"
    assert plain(session.exec(command).stdout) == plain(SHOWN[command])
