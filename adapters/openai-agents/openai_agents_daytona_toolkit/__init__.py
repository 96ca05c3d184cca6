"""A live workspace for agents of the OpenAI Agents SDK: a Daytona sandbox, or a local one."""

from openai_agents_daytona_toolkit.client import DaytonaSandboxClient
from openai_agents_daytona_toolkit.filesystem import DaytonaFilesystem
from openai_agents_daytona_toolkit.sandbox import DaytonaSandboxSession, DaytonaSandboxSessionState
from openai_agents_daytona_toolkit.tools import daytona_tools

__all__ = [
    "DaytonaFilesystem",
    "DaytonaSandboxClient",
    "DaytonaSandboxSession",
    "DaytonaSandboxSessionState",
    "daytona_tools",
]
