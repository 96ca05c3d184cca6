"""Pydantic AI tools over a live workspace: a Daytona sandbox, or a local one."""

from pydantic_ai_daytona_toolkit.toolset import CommandOutput, DaytonaToolset

__all__ = ["CommandOutput", "DaytonaToolset"]
