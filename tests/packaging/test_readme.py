"""What the README says can be done, done."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.adapters.scripted import pydantic_ai_model
from tests.support import needs

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()


@pytest.mark.usefixtures("loops_of_run_sync")
def test_the_snippets_work_when_pasted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DAYTONA_API_KEY", "DAYTONA_JWT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    by_itself, langchain, llama_index, pydantic_ai, openai_agents, *daytona = re.findall(
        r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL
    )
    exec(compile(by_itself, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "0 34\n" in printed
    assert "-for _ in range(10):\n+for _ in range(20):\n" in printed
    model = pydantic_ai_model([("exec", {"command": "uname"})], "Linux")
    monkeypatch.setattr("pydantic_ai.models.infer_model", lambda _: model)
    for snippet in (langchain, llama_index, pydantic_ai):
        exec(compile(snippet, "README.md", "exec"), {})
        assert "Linux" in capsys.readouterr().out
    exec(compile(openai_agents, "README.md", "exec"), {})
    assert capsys.readouterr().out == "['exec', 'read', 'write', 'edit']\n"
    for snippet in daytona:
        compile(snippet, "README.md", "exec")  # wants an account; tests/daytona runs the like


def test_ci_runs_its_test_command() -> None:
    commands = re.findall(r"^\$ pip install uv && (uv run .*)$", TEXT, re.MULTILINE)
    assert commands == ["uv run cookbook/quickstart.py", "uv run pytest"]
    assert " uv run pytest\n" in (ROOT / ".ci" / "bare").read_text()


def test_the_limits_it_names_are_those_in_force() -> None:
    from daytona_toolkit import Limits

    limits, text = Limits(), " ".join(TEXT.split())
    assert f"brings back {limits.output_bytes:,} bytes" in text
    assert f"keeps {limits.stream_bytes // 2**20} MiB of it" in text
    assert f"{limits.read_lines:,} lines and {limits.read_bytes:,} bytes" in text
    assert f"files up to {limits.file_bytes // 2**20} MiB" in text


def test_nothing_stray_is_kept() -> None:
    needs("git")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    names = listed.stdout.decode(errors="replace").rstrip("\0").split("\0")
    assert [name for name in names if not re.fullmatch(r"[.\w][\w./+-]*|", name, re.ASCII)] == []
    folders = {"adapters", "benchmarks", "cookbook", "docs", "src", "tests"}
    top = {name.split("/")[0] for name in names if not name.startswith(".")}
    assert {name for name in top - folders if "." not in name} <= {"LICENSE", ""}


def test_the_scripts_are_in_order() -> None:
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0


@pytest.mark.parametrize(
    "adapter", sorted(ROOT.glob("adapters/*/README.md")), ids=lambda path: path.parent.name
)
def test_each_adapter_tells_the_same_story(adapter: Path) -> None:
    text = adapter.read_text()
    [table] = re.findall(r"^\| framework \| install .*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    assert text.endswith(f"\n\n{table[:-1]}")
    assert (
        "$ pip install uv && uv run cookbook/quickstart.py\n$ pip install uv && uv run pytest\n"
        in text
    )
    assert "docs/assets/quickstart.svg" in text
