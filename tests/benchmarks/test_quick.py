"""The benchmark's quick mode, and the page that is made of what a run has found."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import page, run
from benchmarks.work import STEPS

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_our_operations_cost_no_more_requests_than_expected() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--quick"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def found(**requests: int) -> dict[str, dict[str, Any]]:
    """What a run finds of ours, with the requests as expected or as given."""
    expected = json.loads(run.EXPECTED.read_text()) | requests
    return {name: {"requests": [count], "wrong": []} for name, count in expected.items()}


EXPECTED = json.loads(run.EXPECTED.read_text())


def test_the_comparison_passes_what_is_expected() -> None:
    assert run.compare(found(), EXPECTED) == []


@pytest.mark.parametrize("requests", [2, 0])
def test_the_comparison_tells_of_more_and_of_fewer_requests(requests: int) -> None:
    [told] = run.compare(found(read=requests), EXPECTED)
    assert told == f"read takes {requests} requests, not 1"


def test_the_comparison_tells_of_wrong_answers() -> None:
    wrong = found()
    wrong["ls"]["wrong"] = ["other names"]
    assert run.compare(wrong, EXPECTED) == ["ls: other names"]


def test_the_session_is_the_mix_that_it_says_it_is() -> None:
    tools = [step["tool"] for step in STEPS]
    mix = {tool: tools.count(tool) for tool in tools}
    assert mix == {"exec": 22, "read": 14, "edit": 14, "write": 4, "grep": 3, "ls": 2, "glob": 1}


@pytest.fixture
def results() -> dict[str, Any]:
    """The published run."""
    return copy.deepcopy(json.loads(run.RESULTS.read_text()))


def test_the_page_is_that_of_the_data(results: dict[str, Any], tmp_path: Path) -> None:
    assert page.rendered(results) == (ROOT / "benchmarks/results.md").read_text()
    page.draw(results["operations"]["50"], tmp_path / "picture.svg")
    assert "daytona-toolkit" in (tmp_path / "picture.svg").read_text()


def test_the_readme_has_the_figures_of_the_page() -> None:
    readme, results = (ROOT / "README.md").read_text(), (ROOT / "benchmarks/results.md").read_text()
    assert page.quoted(readme, results) == readme
    findings = [line for line in results.splitlines() if line.startswith("- **")]
    assert len(set(findings) & set(readme.splitlines())) == 2
    outdated = readme.replace("60 requests", "61 requests")
    assert outdated != readme == page.quoted(outdated, results)


def test_a_package_whose_answers_were_wrong_is_not_the_best(results: dict[str, Any]) -> None:
    entries = results["operations"]["50"]["execute"]
    first, *others = page.ranked(entries)
    entries[first]["wrong"] = ["other output"]
    assert page.ranked(entries) == others
    assert "✗ 1" in page.cell(entries[first])
    assert page.problems(results)[page.TITLES[first], "exec"] == ["other output"]


def test_what_a_package_does_not_offer_is_a_dash() -> None:
    assert page.cell(None) == "–"
