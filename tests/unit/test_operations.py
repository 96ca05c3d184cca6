"""What belongs to an operation: a new one is told here, by name, what it lacks."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

from daytona_toolkit import SandboxSession, _operations, results
from daytona_toolkit.results import Result
from daytona_toolkit.tools import TOOLS, Tool

ROOT = Path(__file__).parents[2]
SUITE = "\n".join(
    path.read_text() for path in ROOT.glob("src/daytona_toolkit/testing/_conformance/*.py")
)
REQUESTS = (ROOT / "tests/daytona/test_requests.py").read_text()
TABLE = (ROOT / "README.md").read_text().partition("| operation |")[2].partition("\n\n")[0]

# What a session does with itself, and not in its sandbox.
_OWN = {"open", "close", "is_alive", "mask"}
NAMES = sorted(
    name
    for name, member in inspect.getmembers(SandboxSession, inspect.isfunction)
    if not name.startswith("_") and not inspect.iscoroutinefunction(member) and name not in _OWN
)


def calls(name: str, text: str) -> bool:
    return re.search(rf'\.a?{name}\(|"{name}"', text) is not None


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_has_all_that_belongs_to_it(name: str) -> None:
    method = getattr(SandboxSession, name)
    signature = inspect.signature(method, eval_str=True)
    gives = signature.return_annotation
    sections = {"Example:"}
    sections |= {"Args:"} if len(signature.parameters) > 1 else set()
    sections |= {"Returns:"} if gives is not None else set()
    missing = sections - set(inspect.getdoc(method).split())
    assert not missing, f"the docstring of {name} has no {missing}"
    if inspect.isclass(gives) and issubclass(gives, Result):
        assert gives.__name__ in results.__all__, f"{gives.__name__} is missing in results.py"
    assert f"`{name}" in TABLE, f"{name} is missing in the README's table of operations"
    assert calls(name, SUITE), f"no test in testing/_conformance calls {name}"
    assert calls(name, REQUESTS), f"tests/daytona/test_requests.py does not count {name}"


def test_each_row_of_an_operation_is_in_the_tool_table() -> None:
    rows = [
        value
        for room in pkgutil.walk_packages(_operations.__path__, f"{_operations.__name__}.")
        if room.name.endswith(".tool")
        for value in vars(importlib.import_module(room.name)).values()
        if isinstance(value, Tool)
    ]
    assert {row.name for row in rows} == set(TOOLS)
