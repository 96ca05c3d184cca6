"""LangChain tools over a live workspace: a Daytona sandbox, or a local one."""

from langchain_daytona_toolkit.toolkit import DaytonaToolkit
from langchain_daytona_toolkit.tools import (
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

__all__ = [
    "DaytonaToolkit",
    "EditTool",
    "ExecTool",
    "GlobTool",
    "GrepTool",
    "JobTool",
    "LsTool",
    "ReadTool",
    "SandboxTool",
    "WriteTool",
]
