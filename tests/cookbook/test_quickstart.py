"""The quickstart, as a person starts it."""

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession
from tests.cookbook.support import COOKBOOK, offline

# LlamaIndex's own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect")

MENDED = "return [share + 1] * left_over + [share] * (people - left_over)"


def run(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python with arguments, in a folder that is not the checkout."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=offline() | {"COLUMNS": "80", "PYTHONPATH": str(COOKBOOK)},
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.fixture
def quickstart(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, for tests that need no process of its own: to import all costs seconds."""
    for name in os.environ.keys() - offline().keys():
        monkeypatch.delenv(name)
    monkeypatch.syspath_prepend(COOKBOOK)
    for name in ("models", "scripted", "quickstart"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return import_module("quickstart")


def parts_of(printed: str) -> list[str]:
    """What was printed: a heading, and a part for each agent that was given a task."""
    parts = [""]
    for line in printed.splitlines():
        if line.endswith("──"):
            parts.append("")
        parts[-1] += f"{line}\n"
    return parts


@pytest.mark.slow
def test_two_agents_mend_one_program_and_its_test_passes(tmp_path: Path) -> None:
    done = run(str(COOKBOOK / "quickstart.py"), folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    heading, written, mended, seen = parts_of(done.stdout)
    assert "local:" in heading
    assert "LangChain" in written
    assert "9999 != 10000" in written
    assert "[exit code 1]" in written
    assert "LlamaIndex" in mended
    # What this agent reads, only the other one has written; and then the other way round.
    assert "return [share] * people" in mended.split("edit split.py")[0]
    assert "[exit code 0]" in mended
    assert "LangChain" in seen
    assert MENDED in seen.split("read split.py")[1]
    if shutil.which("git"):
        assert f"+    {MENDED}" in seen.split("+++ b/split.py")[1]
    assert done.stdout.splitlines()[-1].startswith("PASSED")
    assert not list(tmp_path.iterdir())


def test_a_third_agent_uses_what_the_others_made(
    quickstart: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quickstart.main(["--third", "--isolation", "none"]) == 0
    printed = capsys.readouterr().out
    _, _, _, used, _ = parts_of(printed)
    assert "Pydantic AI" in used
    assert MENDED in used.split("write bill.py")[0]
    assert "They pay 33.34, 33.33, 33.33." in used
    assert "three agents" in printed.splitlines()[-1]


@pytest.mark.slow
def test_a_sabotaged_script_makes_it_exit_with_1(tmp_path: Path) -> None:
    done = run(
        "-c",
        "import quickstart\n"
        "def mender(request):\n"
        "    yield quickstart.call('edit', file_path='split.py',\n"
        "        old_string='total // people', new_string='total // (people + 1)')\n"
        "    return 'All tests pass.'\n"
        "quickstart.mender = mender\n"
        "raise SystemExit(quickstart.main([]))",
        folder=tmp_path,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("FAILED")


def test_an_agent_that_mends_the_test_has_mended_nothing(
    quickstart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mender(request: str) -> Any:
        yield quickstart.call("write", file_path="test_split.py", content="pass")
        return "All tests pass."

    monkeypatch.setattr(quickstart, "mender", mender)
    assert quickstart.main(["--isolation", "none"]) == 1


def test_agents_with_a_workspace_each_mend_nothing(
    quickstart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llama_index.tools import daytona

    specification = daytona.DaytonaToolSpec
    with SandboxSession(LocalSandbox()) as elsewhere:
        monkeypatch.setattr(daytona, "DaytonaToolSpec", lambda _: specification(elsewhere))
        assert quickstart.main([]) == 1


@pytest.mark.slow
def test_nothing_that_it_prints_is_wider_than_the_terminal(
    quickstart: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert quickstart.main([]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) == 60


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        ("anthropic:claude-sonnet-4-5", "uv run --group models"),
        ("openai:gpt-5.1", "uv run --group models"),
        ("mystery", "anthropic:NAME or openai:NAME"),
    ],
)
def test_a_model_that_cannot_be_had_is_said_so(
    quickstart: Any,
    model: str,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for package in ("langchain_anthropic", "langchain_openai", "llama_index.llms.openai"):
        monkeypatch.setitem(sys.modules, package, None)
    assert quickstart.main(["--model", model, "--isolation", "none"]) == 2
    assert advice in " ".join(capsys.readouterr().out.split())


def test_a_key_in_the_environment_asks_for_its_model(
    quickstart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert quickstart.models.choose() == "scripted"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nothing")
    assert quickstart.models.choose().startswith("openai:")
