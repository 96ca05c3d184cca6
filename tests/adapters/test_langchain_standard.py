"""LangChain's own suites, over every tool."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_daytona_toolkit import (
    EditTool,
    ExecTool,
    GlobTool,
    GrepTool,
    JobTool,
    LsTool,
    ReadTool,
    SandboxTool,
    WriteTool,
)
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from daytona_toolkit import LocalSandbox, SandboxSession


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxSession]:
    with SandboxSession(LocalSandbox()) as session:
        yield session


EXAMPLES: dict[type[SandboxTool], dict[str, Any]] = {
    ExecTool: {"command": "echo hello", "timeout": 10},
    ReadTool: {"file_path": "notes.txt", "limit": 5},
    WriteTool: {"file_path": "new.txt", "content": "hello\n"},
    EditTool: {"file_path": "notes.txt", "old_string": "milk", "new_string": "bread"},
    LsTool: {"path": "."},
    GlobTool: {"pattern": "*.txt"},
    GrepTool: {"pattern": "m.lk", "ignore_case": True},
    JobTool: {},
}


class Standard:
    """What the suites ask for; each test finds the same file in the workspace."""

    kind: type[SandboxTool]

    @pytest.fixture(autouse=True)
    def workspace(self, shared: SandboxSession) -> None:
        shared.write("notes.txt", "milk\n")
        self.session = shared

    @property
    def tool_constructor(self) -> type[SandboxTool]:
        return self.kind

    @property
    def tool_constructor_params(self) -> dict[str, Any]:
        return {"session": self.session}

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return EXAMPLES[self.kind]


for _kind in EXAMPLES:
    for _suite in (ToolsUnitTests, ToolsIntegrationTests):
        _name = f"Test{_kind.__name__}{_suite.__name__.removeprefix('Tools')}"
        globals()[_name] = type(_name, (Standard, _suite), {"kind": _kind, "__module__": __name__})
