"""Programs of users pass type checkers, which also find what is wrong in them.

The same programs go through pyright in CI.
"""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


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
