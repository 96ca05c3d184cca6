"""LangChain's own suites, over every tool."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_daytona_toolkit import SandboxTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from daytona_toolkit import LocalSandbox, SandboxSession
from daytona_toolkit.tools import TOOLS


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxSession]:
    with SandboxSession(LocalSandbox()) as session:
        yield session


EXAMPLES: dict[str, dict[str, Any]] = {
    "exec": {"command": "echo hello", "timeout": 10},
    "read": {"file_path": "notes.txt", "limit": 5},
    "write": {"file_path": "new.txt", "content": "hello\n"},
    "edit": {"file_path": "notes.txt", "old_string": "milk", "new_string": "bread"},
    "ls": {"path": "."},
    "glob": {"pattern": "*.txt"},
    "grep": {"pattern": "m.lk", "ignore_case": True},
    "job": {},
    "send": {"job_id": "job-0123456789ab", "text": "yes\n"},
    "apply_patch": {
        "patch": "*** Begin Patch\n*** Update File: notes.txt\n-milk\n+bread\n*** End Patch"
    },
    "preview": {"port": 8000},
}


class Standard:
    """What the suites ask for; each test finds the same file in the workspace."""

    row: str

    @pytest.fixture(autouse=True)
    def workspace(self, shared: SandboxSession) -> None:
        shared.write("notes.txt", "milk\n")
        self.session = shared

    @property
    def tool_constructor(self) -> type[SandboxTool]:
        return SandboxTool

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"row": TOOLS[self.row], "session": self.session}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return EXAMPLES[self.row]


def test_every_tool_has_an_example() -> None:
    assert set(EXAMPLES) == set(TOOLS)


for _row in EXAMPLES:
    for _suite in (ToolsUnitTests, ToolsIntegrationTests):
        _name = f"Test{_row.title()}{_suite.__name__.removeprefix('Tools')}"
        globals()[_name] = type(_name, (Standard, _suite), {"row": _row, "__module__": __name__})
