"""LangChain tools over a live workspace: a Daytona sandbox, or a local one."""

from langchain_daytona_toolkit.toolkit import DaytonaToolkit
from langchain_daytona_toolkit.tools import (
    ApplyPatchTool,
    EditTool,
    ExecTool,
    GlobTool,
    GrepTool,
    JobTool,
    LsTool,
    PreviewTool,
    ReadTool,
    SandboxTool,
    SendTool,
    WriteTool,
)

__all__ = [
    "ApplyPatchTool",
    "DaytonaToolkit",
    "EditTool",
    "ExecTool",
    "GlobTool",
    "GrepTool",
    "JobTool",
    "LsTool",
    "PreviewTool",
    "ReadTool",
    "SandboxTool",
    "SendTool",
    "WriteTool",
]
