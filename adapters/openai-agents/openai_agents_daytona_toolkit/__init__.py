"""Tools of the OpenAI Agents SDK over a live workspace: a Daytona sandbox, or a local one."""

from openai_agents_daytona_toolkit.tools import daytona_tools

__all__ = ["daytona_tools"]
