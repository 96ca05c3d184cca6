"""Every public name has its place in the reference, and every page its place in the site."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession
from tests.docs.pages import DOCS, PAGES, ROOT
from tests.support import needs


def public_modules() -> Iterator[str]:
    """Every module that lists public names, as users import it."""
    for source in (ROOT / "src", *sorted((ROOT / "adapters").iterdir())):
        for path in sorted(source.rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            hidden = any(part.startswith("_") for part in name.split("."))
            if hidden or "__all__" not in path.read_text():
                continue
            if name.endswith("deepagents") and not find_spec("deepagents"):
                continue  # it needs Python 3.11
            yield name


def resolved(path: str) -> Any:
    """What a dotted path leads to."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(resolved(module), name)


def described() -> Iterator[str]:
    """Every dotted path that a page of the reference describes."""
    for page in (DOCS / "reference").glob("*.md"):
        text = page.read_text()
        for path in re.findall(r"^::: (\S+)$|#(daytona_toolkit\.tools\.\w+)", text, re.MULTILINE):
            yield "".join(path)
        if "tool_table()" in text:
            from daytona_toolkit.tools import TOOLS

            yield from (f"daytona_toolkit.tools.{name.upper()}" for name in TOOLS)


def test_every_public_name_has_its_place() -> None:
    known = list(described())
    if not find_spec("deepagents"):
        known = [path for path in known if "deepagents" not in path]
    objects = [resolved(path) for path in known]
    objects += vars(importlib.import_module("daytona_toolkit.errors")).values()
    modules = list(public_modules())
    assert len(modules) > 5
    missing = [
        f"{module}.{name}"
        for module in modules
        for name in importlib.import_module(module).__all__
        if f"{module}.{name}" not in known
        and not any(getattr(importlib.import_module(module), name) is each for each in objects)
    ]
    assert not missing, "describe these in docs/reference"


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    listed = {Path(page) for page in re.findall(r"[\w/.-]+\.md\b", navigation)}
    assert listed == {page.relative_to(DOCS) for page in PAGES}


def examples(thing: Any) -> list[str]:
    """The code in a docstring."""
    text = inspect.cleandoc(thing.__doc__ or "")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return [textwrap.dedent(block) for block in blocks]


def with_examples() -> Iterator[tuple[str, str]]:
    """Each example of a public class, of its methods, and of a public function."""
    for module in public_modules():
        for name in importlib.import_module(module).__all__:
            thing = getattr(importlib.import_module(module), name)
            members = vars(thing).items() if inspect.isclass(thing) else []
            for path, each in [
                (name, thing),
                *((f"{name}.{key}", value) for key, value in members),
            ]:
                if inspect.isclass(each) or callable(each) or hasattr(each, "__get__"):
                    yield from ((path, example) for example in examples(each))


def test_examples_in_docstrings_use_what_there_is() -> None:
    found = list(with_examples())
    assert len(found) > 40
    for path, example in found:
        tree = ast.parse(example)  # `await` may stand at its top
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                holder, method = node.func.value, node.func.attr
                if isinstance(holder, ast.Name) and holder.id == "session":
                    parameters = inspect.signature(getattr(SandboxSession, method)).parameters
                    assert {word.arg for word in node.keywords} <= set(parameters), path


# What the examples of a session's methods find in its workspace.
WORKSPACE = """
seq 1200 >server.log; echo >config.toml; printf 'def main():\\n    debug = True\\n' >app.py
mkdir -p build src data docs; ln -s data current; echo | tee notes.txt draft.md src/a.js
echo | tee plot.png report.pdf
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "example"),
    [
        pytest.param(name, example, id=name)
        for name, member in vars(SandboxSession).items()
        if inspect.isfunction(member) and not inspect.iscoroutinefunction(member)
        for example in examples(member)
    ],
)
def test_the_examples_of_a_session_run(
    name: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    if "before" in example or "checkpoint" in name:
        needs("git")
    with SandboxSession(LocalSandbox(network=name == "preview")) as session:
        session.exec(WORKSPACE)
        namespace: dict[str, Any] = {"session": session, "Path": Path}
        if "before" in example or "checkpoints" in example:
            namespace["before"] = session.checkpoint()
        if "server.job_id" in example:
            namespace["server"] = session.exec("sleep 60", background=True)
        exec(compile(example, name, "exec"), namespace)
