"""The tools in a run of Pydantic AI that goes on after a crash."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_no_command_runs_again_after_a_crash(tmp_path: Path) -> None:
    pytest.importorskip("dbos", reason="for want of dbos: see .ci/run")
    program = Path(__file__).parent / "offline" / "durable_agent.py"
    agent = [sys.executable, str(program), str(tmp_path)]
    crashed = subprocess.run(agent, capture_output=True, text=True, check=False)
    assert crashed.returncode == 3, crashed.stderr
    went_on = subprocess.run(agent, capture_output=True, text=True, check=False)
    assert went_on.returncode == 0, went_on.stderr
    assert went_on.stdout.startswith("once\n[exit code 0]\nError: exec was not run:")
    assert (tmp_path / "work" / "log").read_text() == "once\n"
