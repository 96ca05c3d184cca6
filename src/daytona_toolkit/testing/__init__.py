"""A Daytona that fails on order, for tests of programs that use the Daytona SDK.

```python
with DaytonaServer(shell="bash", latency=0.05) as server:
    daytona = Daytona(DaytonaConfig(api_key=server.api_key, api_url=server.api_url))
    server.faults.add(DropAfter(kind="execute"), times=1)
    with server.counting() as count:
        daytona.create().process.exec("echo hello")
    assert count.by_kind["execute"] == 2
```

A sandbox is a temporary folder, and its commands are real processes, so do not run code in it
that you do not trust. From a terminal: `python -m daytona_toolkit.testing`.

Install what it needs with `pip install "daytona-toolkit[testing]"`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daytona_toolkit.testing._server.faults import Delay as Delay
    from daytona_toolkit.testing._server.faults import DropAfter as DropAfter
    from daytona_toolkit.testing._server.faults import DropBefore as DropBefore
    from daytona_toolkit.testing._server.faults import Fault as Fault
    from daytona_toolkit.testing._server.faults import Faults as Faults
    from daytona_toolkit.testing._server.faults import Mixed as Mixed
    from daytona_toolkit.testing._server.faults import RateLimit as RateLimit
    from daytona_toolkit.testing._server.faults import Reset as Reset
    from daytona_toolkit.testing._server.faults import Rule as Rule
    from daytona_toolkit.testing._server.faults import Status as Status
    from daytona_toolkit.testing._server.faults import StopSandbox as StopSandbox
    from daytona_toolkit.testing._server.faults import TruncatedBody as TruncatedBody
    from daytona_toolkit.testing._server.faults import TruncatedMultipart as TruncatedMultipart
    from daytona_toolkit.testing._server.recording import Count as Count
    from daytona_toolkit.testing._server.recording import RecordedRequest as RecordedRequest
    from daytona_toolkit.testing._server.server import DaytonaServer as DaytonaServer
    from daytona_toolkit.testing._server.settings import Generation as Generation
    from daytona_toolkit.testing._server.settings import Settings as Settings
    from daytona_toolkit.testing._server.settings import Shell as Shell

_HOMES = {
    "Count": "_server.recording",
    "DaytonaServer": "_server.server",
    "Delay": "_server.faults",
    "DropAfter": "_server.faults",
    "DropBefore": "_server.faults",
    "Fault": "_server.faults",
    "Faults": "_server.faults",
    "Generation": "_server.settings",
    "Mixed": "_server.faults",
    "RateLimit": "_server.faults",
    "RecordedRequest": "_server.recording",
    "Reset": "_server.faults",
    "Rule": "_server.faults",
    "Settings": "_server.settings",
    "Shell": "_server.settings",
    "Status": "_server.faults",
    "StopSandbox": "_server.faults",
    "TruncatedBody": "_server.faults",
    "TruncatedMultipart": "_server.faults",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"daytona_toolkit.testing needs the package {error.name!r}; install it with "
            '`pip install "daytona-toolkit[testing]"`.'
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
