"""The benchmark's quick mode: no operation of ours may cost more requests than before."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import report, run
from benchmarks.contest import Results, Sample
from benchmarks.session import STEPS
from benchmarks.work import Turn

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_our_operations_cost_no_more_requests_than_expected() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--quick"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lower expected.json" not in done.stdout


@pytest.fixture
def results() -> Results:
    """A run in which all is as expected."""
    samples = {
        ("0 ms", "toolkit", work): [Sample(Turn(0.01), requests)]
        for work, requests in json.loads(run.EXPECTED.read_text()).items()
    }
    return Results(samples=samples)


def test_the_comparison_passes_what_is_expected(results: Results) -> None:
    assert run.compare(results, Console(quiet=True)) == 0


def test_the_comparison_fails_when_requests_rise(results: Results) -> None:
    results.samples["0 ms", "toolkit", "read_small"][0].requests += 1
    assert run.compare(results, Console(quiet=True)) == 1


def test_the_comparison_fails_when_an_answer_is_wrong(results: Results) -> None:
    results.samples["0 ms", "toolkit", "ls"][0].turn.outcome = "wrong"
    assert run.compare(results, Console(quiet=True)) == 1


def test_the_session_is_the_mix_that_it_says_it_is() -> None:
    tools = [step.tool for step in STEPS]
    mix = {tool: tools.count(tool) for tool in tools}
    assert mix == {"exec": 22, "read": 14, "edit": 14, "write": 4, "grep": 3, "ls": 2, "glob": 1}


def test_what_a_package_does_not_offer_is_a_dash(results: Results) -> None:
    results.samples["0 ms", "agno_tools", "read_small"] = [Sample(Turn(0.02), 2)]
    [times] = [table for table in report.tables(results) if table.title == "Time, 0 ms"]
    cells = {row[0]: row[times.columns.index("agno")] for row in times.rows}
    assert cells["edit: small file, seen"] == report.DASH
    assert cells["read: small file"] != report.DASH
