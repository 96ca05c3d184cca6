"""The same tools for agents of any framework, over one live workspace.

A `SandboxSession` owns a sandbox, Daytona's or a local one, and runs commands and file
operations in it. Adapters turn its tools into those of a framework.

What is exported is imported when it is first used: pydantic alone takes a quarter of a
second, which a program that only passes by should not pay.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daytona_toolkit._open import open_session as open_session
    from daytona_toolkit._pool import SessionPool as SessionPool
    from daytona_toolkit._session import SandboxSession as SandboxSession
    from daytona_toolkit.errors import RecoverableError as RecoverableError
    from daytona_toolkit.errors import SandboxError as SandboxError
    from daytona_toolkit.errors import TerminalError as TerminalError
    from daytona_toolkit.limits import Limits as Limits
    from daytona_toolkit.sandboxes import Sandbox as Sandbox
    from daytona_toolkit.sandboxes._command import CommandSandbox as CommandSandbox
    from daytona_toolkit.sandboxes._daytona.sandbox import DaytonaSandbox as DaytonaSandbox
    from daytona_toolkit.sandboxes._local.sandbox import LocalSandbox as LocalSandbox

__version__ = "0.1.0"

_HOMES = {
    "CommandSandbox": "sandboxes",
    "DaytonaSandbox": "sandboxes",
    "Limits": "limits",
    "LocalSandbox": "sandboxes",
    "RecoverableError": "errors",
    "Sandbox": "sandboxes",
    "SandboxError": "errors",
    "SandboxSession": "_session",
    "SessionPool": "_pool",
    "TerminalError": "errors",
    "open_session": "_open",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
