"""The code of each page runs, block by block, as a reader would paste it."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.scripted import Script, langchain_model
from tests.docs.pages import PAGES, name_of

BLOCKS = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What the model of a page's agents does. Tools, sandboxes and the agents' loops are real.
SCRIPTS: dict[str, Script] = {
    "docs/index.md": (
        [("write", {"file_path": "hello.py", "content": "print('hello world')\n"})],
        [("exec", {"command": "python3 hello.py"})],
        "It greets the world.",
    ),
}


def with_code() -> list[Path]:
    """The pages that have blocks of Python."""
    return [page for page in PAGES if "\n```python\n" in page.read_text()]


@pytest.fixture
def follow(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[[str, str], None]:
    """Runs the blocks of a text, without an account, and compares what they print."""

    def run(name: str, text: str) -> None:
        if "from deepagents" in text and not find_spec("deepagents"):
            pytest.skip("Deep Agents need Python 3.11")
        for variable in ("DAYTONA_API_KEY", "DAYTONA_JWT_TOKEN"):
            monkeypatch.delenv(variable, raising=False)
        if "DaytonaSandbox." in text:
            request.getfixturevalue("daytona_server")
        for factory in ("langchain.agents.factory", "deepagents._models"):
            if find_spec(factory.partition(".")[0]):
                monkeypatch.setattr(
                    f"{factory}.init_chat_model", lambda *_, **__: langchain_model(*SCRIPTS[name])
                )
        monkeypatch.chdir(tmp_path)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        printed = ""
        for kind, block in BLOCKS.findall(text):
            if kind == "text":
                assert printed == block
                continue
            exec(compile(block, name, "exec"), namespace)
            printed = capsys.readouterr().out

    return run


@pytest.mark.parametrize("page", with_code(), ids=name_of)
def test_the_code_of_a_page_runs(page: Path, follow: Callable[[str, str], None]) -> None:
    follow(name_of(page), page.read_text())


def test_code_that_prints_something_else_is_noticed(follow: Callable[[str, str], None]) -> None:
    with pytest.raises(AssertionError):
        follow("broken", "```python\nprint(1)\n```\n\n```text\n2\n```\n")
