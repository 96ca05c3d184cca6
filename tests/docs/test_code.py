"""The code of each page runs, block by block, as a reader would paste it.

Of other packages, only frameworks that we have an adapter for are installed. To run the page that
needs agno:
`uv run --isolated --with agno --with fastmcp pytest -m "" tests/docs/test_code.py -k agno`.
"""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from daytona_toolkit.sandboxes._local import confinement
from tests.adapters.scripted import Script, langchain_model, pydantic_ai_model
from tests.docs.pages import PAGES, name_of
from tests.support import needs

BLOCKS = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

HELLO = {"file_path": "hello.py", "content": "print('hello world')\n"}
POEM = {"file_path": "poem.txt", "content": "Roses are red, and so are the tests.\n"}
RUN = {"command": "python3 hello.py"}

# What the model of a page's agents does. Tools, sandboxes and the agents' loops are real.
SCRIPTS: dict[str, Script] = {
    "docs/index.md": ([("write", HELLO)], [("exec", RUN)], "It greets the world."),
    "docs/recipes/approval.md": (
        [("exec", {"command": "rm notes.txt"})],
        "I leave the notes where they are.",
    ),
    "docs/recipes/from-langchain-daytona.md": (
        [("write_file", HELLO)],
        [("execute", RUN)],
        "It greets the world.",
    ),
    "docs/recipes/from-pydantic-ai-backend.md": (
        [("write", HELLO)],
        [("exec", RUN)],
        "It greets the world.",
    ),
    "docs/recipes/server.md": (
        [("exec", {"command": "cat note"})],
        "Your note says hello.",
    ),
    "docs/recipes/undo.md": (
        [("write", POEM)],
        "It rhymes.",
        [("write", {**POEM, "content": "Roses.\n"})],
        "It is short.",
        "It is the long one again.",
    ),
}


def with_code() -> list[Path]:
    """The pages that have blocks of Python; test_frameworks has those of one page."""
    pages = [page for page in PAGES if page.name != "frameworks.md"]
    return [page for page in pages if "\n```python\n" in page.read_text()]


@pytest.fixture
def follow(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[[str, str], None]:
    """Runs the blocks of a text, without an account, and compares what they print."""

    def run(name: str, text: str) -> None:
        if "from deepagents" in text and not find_spec("deepagents"):
            pytest.skip("Deep Agents need Python 3.11")
        if "checkpoint(" in text:
            needs("git")
        if "from agno" in text:
            pytest.importorskip("agno")
        for variable in ("DAYTONA_API_KEY", "DAYTONA_JWT_TOKEN"):
            monkeypatch.delenv(variable, raising=False)
        if "DaytonaSandbox." in text:
            request.getfixturevalue("daytona_server")
        if "open_session(" in text or "LocalSandbox(" in text:
            confinement.choose("auto")
        for factory in ("langchain.agents.factory", "deepagents._models"):
            if find_spec(factory.partition(".")[0]):
                monkeypatch.setattr(
                    f"{factory}.init_chat_model", lambda *_, **__: langchain_model(*SCRIPTS[name])
                )
        monkeypatch.setattr(
            "pydantic_ai.models.infer_model", lambda _: pydantic_ai_model(*SCRIPTS[name])
        )
        monkeypatch.chdir(tmp_path)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        printed = ""
        for kind, block in BLOCKS.findall(text):
            if kind == "text":
                assert printed == block
                continue
            exec(compile(block, name, "exec"), namespace)
            printed = capfd.readouterr().out

    return run


@pytest.mark.usefixtures("loops_of_run_sync")
@pytest.mark.parametrize("page", with_code(), ids=name_of)
def test_the_code_of_a_page_runs(page: Path, follow: Callable[[str, str], None]) -> None:
    follow(name_of(page), page.read_text())


def test_code_that_prints_something_else_is_noticed(follow: Callable[[str, str], None]) -> None:
    with pytest.raises(AssertionError):
        follow("broken", "```python\nprint(1)\n```\n\n```text\n2\n```\n")
