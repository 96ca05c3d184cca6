"""Every snippet of the adapters' READMEs, run in order as a reader would paste them."""

import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.adapters.scripted import (
    langchain_model,
    llama_index_model,
    openai_model,
    pydantic_ai_model,
)

# They need Python 3.11.
LATE = ("deepagents", "pydantic_ai_harness")

ADAPTERS = Path(__file__).parents[2] / "adapters"

WORK = (
    [("write", {"file_path": "hello.py", "content": "print('hello world')\n", "overwrite": True})],
    [("exec", {"command": "python3 hello.py"})],
    "It greets the world.",
)


@pytest.fixture
def readme(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """Run a README's snippets without an account; returns what was printed."""
    for name in ("DAYTONA_API_KEY", "DAYTONA_JWT_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def run(adapter: str) -> str:
        text = (ADAPTERS / adapter / "README.md").read_text()
        blocks = re.findall(r"^```(python|text)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        printed, last = "", ""
        for kind, block in blocks:
            if any(late in block and not find_spec(late) for late in LATE):
                continue
            if kind == "text":
                assert last == block
                continue
            exec(compile(block, f"{adapter}/README.md", "exec"), namespace)
            last = capsys.readouterr().out
            printed += last
        return printed

    return run


def test_the_snippets_for_langchain_work(
    readme: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    factories = ["langchain.agents.factory.init_chat_model"]
    if find_spec("deepagents"):
        factories.append("deepagents._models.init_chat_model")
    for factory in factories:
        monkeypatch.setattr(factory, lambda name, **_: langchain_model(*WORK))
    assert "It greets the world." in readme("langchain")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect")
def test_the_snippets_for_llama_index_work(
    readme: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    openai = ModuleType("llama_index.llms.openai")
    openai.OpenAIResponses = lambda model: llama_index_model(*WORK)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "llama_index.llms.openai", openai)
    printed = readme("llama-index")
    assert printed.startswith("It greets the world.")
    assert "approved: Run a command\n\npython3 hello.py\nstdout hello world\n" in printed


def test_the_snippets_for_mcp_work(readme: Callable[[str], str]) -> None:
    assert readme("mcp") == "hello\n[exit code 0]\n"


@pytest.mark.usefixtures("loops_of_run_sync")
def test_the_snippets_for_pydantic_ai_work(
    readme: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = [("exec", {"command": "python3 hello.py"})]
    scripts = iter([WORK, (run, "done"), (run, "done"), (), (), ()])
    monkeypatch.setattr(
        "pydantic_ai.models.infer_model", lambda _: pydantic_ai_model(*next(scripts))
    )
    assert readme("pydantic-ai").startswith("It greets the world.\n")


def test_the_snippets_for_openai_agents_work(
    readme: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    model = openai_model(*WORK, *WORK, [("exec_command", {"cmd": "python3 hello.py"})], WORK[-1])
    provider = "agents.models.openai_provider.OpenAIProvider.get_model"
    monkeypatch.setattr(provider, lambda *_: model)
    printed = readme("openai-agents")
    assert printed.count("It greets the world.") == 3
    assert "Run a command\n\npython3 hello.py\n" in printed
