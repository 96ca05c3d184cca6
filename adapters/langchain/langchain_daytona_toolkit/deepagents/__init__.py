"""The workspace as the backend of a Deep Agent.

`create_deep_agent` gives a model tools of its own (`read_file`, `execute`, …), whatever the
backend is. `DaytonaBackend` runs them in a session, which tools of other frameworks may share.
"""

try:
    import deepagents as deepagents
except ImportError as error:
    raise ImportError(
        'DaytonaBackend needs Deep Agents: pip install "langchain-daytona-toolkit[deepagents]" '
        "with Python 3.11 or newer"
    ) from error

from langchain_daytona_toolkit.deepagents._backend import LIMITS, DaytonaBackend

__all__ = ["LIMITS", "DaytonaBackend"]
