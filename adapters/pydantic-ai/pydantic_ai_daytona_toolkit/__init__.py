"""Pydantic AI tools over a live workspace: a Daytona sandbox, or a local one."""

from pydantic_ai_daytona_toolkit.backend import LIMITS, DaytonaBackend
from pydantic_ai_daytona_toolkit.toolset import CommandOutput, DaytonaToolset
from pydantic_ai_daytona_toolkit.workspace import DaytonaWorkspace

__all__ = ["LIMITS", "CommandOutput", "DaytonaBackend", "DaytonaToolset", "DaytonaWorkspace"]
