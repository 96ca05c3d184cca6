"""An MCP server over a live workspace: a Daytona sandbox, or a local one."""

from daytona_toolkit_mcp._http import make_app
from daytona_toolkit_mcp._server import LIMITS, make_server

__all__ = ["LIMITS", "make_app", "make_server"]
