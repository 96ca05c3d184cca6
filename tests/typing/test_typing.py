"""Programs of users pass type checkers, which also find what is wrong in them.

The same programs go through pyright in CI.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# The adapters but for one start nothing and open no file.
CLIENTS = ["src", "adapters/mcp"]
POSIX_ALONE = r"src/daytona_toolkit/(sandboxes/_local|testing)/"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_programs_of_users_pass_mypy() -> None:
    """With `--strict`, which also says which of the wrong calls it misses."""
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=pyproject.toml", *HERE.glob("of_*.py")],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_windows_has_what_clients_use() -> None:
    """All but local sandboxes and the test server, which want Linux, or another POSIX system."""
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--platform=win32", "--no-incremental", *CLIENTS],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
    )
    wrong = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert wrong, "local sandboxes use what Windows has not"
    assert [line for line in wrong if not re.match(POSIX_ALONE, line)] == []
