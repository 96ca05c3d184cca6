"""What `tests/conftest.py` adds to the test runner."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FAILS = """
def test_that_fails():
    assert "\\udcff" == ""
"""

SKIPS = """
from tests.support import needs

def test_that_needs_it():
    needs("daytona-toolkit-none")
"""


def run(folder: Path, text: str, **variables: str) -> str:
    """What pytest prints about a test in a worker, outside of CI."""
    (folder / "test_one.py").write_text(text)
    conftest = (ROOT / "tests" / "conftest.py").read_text()
    (folder / "conftest.py").write_text(conftest)
    command = [sys.executable, "-m", "pytest", "-n", "1", f"--rootdir={folder}", str(folder)]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-c", "/dev/null"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.slow
def test_a_failure_that_shows_a_lone_surrogate_is_reported(tmp_path: Path) -> None:
    printed = run(tmp_path, FAILS)
    assert "test_one.py::test_that_fails" in printed.rpartition("short test summary")[2]
    assert "1 failed" in printed


@pytest.mark.slow
def test_what_is_absent_is_skipped_and_named_but_fails_in_ci(tmp_path: Path) -> None:
    printed = run(tmp_path, SKIPS)
    assert "1 skipped" in printed
    assert "Not tried on this machine: 1 for want of daytona-toolkit-none." in printed
    assert "1 failed" in run(tmp_path, SKIPS, CI="true")
