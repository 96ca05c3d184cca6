"""A command can be interrupted, whichever tool of the sandbox brings the signals back."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from daytona_toolkit import CommandSandbox, SandboxSession
from tests.support import needs

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
    start = f'cd "$0/work" && exec env -i "PATH=$0:$1" "TMPDIR=$0" "HOME=$0" LC_ALL=x {shell}'
    argv = ["sh", "-c", start, str(tmp_path), os.environ["PATH"]]
    with SandboxSession(CommandSandbox(argv)) as session:
        result = session.exec("grep SigIgn /proc/self/status; env | grep PERL_")
        assert result.stdout == "SigIgn:\t0000000000000000\n"
        # bash complains of the locale as well, as it would without us.
        assert "perl" not in result.stderr
