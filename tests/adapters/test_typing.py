"""Programs that use the adapters pass type checkers."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("typed_user.py")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_users_program_passes_mypy() -> None:
    """With `--strict`, which also says which of the wrong calls it misses."""
    root = PROGRAM.parents[2]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=pyproject.toml", PROGRAM],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout
