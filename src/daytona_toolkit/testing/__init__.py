"""Tests of your own: a Daytona that fails on order, and the suite that every sandbox passes.

`DaytonaServer` speaks Daytona's protocol on this machine, for programs that use its SDK:

```python
with DaytonaServer(shell="bash", latency=0.05) as server:
    daytona = Daytona(DaytonaConfig(api_key=server.api_key, api_url=server.api_url))
    server.faults.add(DropAfter(kind="execute"), times=1)
    with server.counting() as count:
        daytona.create().process.exec("echo hello")
    assert count.by_kind["execute"] == 2
```

A sandbox is a temporary folder, and its commands are real processes, so do not run code in it
that you do not trust. With pytest, the fixture `daytona_server` is there without an import. From a
terminal: `python -m daytona_toolkit.testing`.

`SandboxConformance` is a class of tests to inherit from, for a sandbox of your own.

Install what it needs with `pip install "daytona-toolkit[testing]"`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daytona_toolkit.testing._conformance import SandboxConformance as SandboxConformance
    from daytona_toolkit.testing._server.faults import Fault as Fault
    from daytona_toolkit.testing._server.faults import Faults as Faults
    from daytona_toolkit.testing._server.faults import Rule as Rule
    from daytona_toolkit.testing._server.faults.answers import DropAfter as DropAfter
    from daytona_toolkit.testing._server.faults.answers import DropBefore as DropBefore
    from daytona_toolkit.testing._server.faults.answers import ForkFailure as ForkFailure
    from daytona_toolkit.testing._server.faults.answers import Malformed as Malformed
    from daytona_toolkit.testing._server.faults.answers import RateLimit as RateLimit
    from daytona_toolkit.testing._server.faults.answers import Reset as Reset
    from daytona_toolkit.testing._server.faults.answers import Status as Status
    from daytona_toolkit.testing._server.faults.answers import TruncatedBody as TruncatedBody
    from daytona_toolkit.testing._server.faults.answers import (
        TruncatedMultipart as TruncatedMultipart,
    )
    from daytona_toolkit.testing._server.faults.deliveries import Copy as Copy
    from daytona_toolkit.testing._server.faults.deliveries import CutUpload as CutUpload
    from daytona_toolkit.testing._server.faults.deliveries import Delay as Delay
    from daytona_toolkit.testing._server.faults.deliveries import Late as Late
    from daytona_toolkit.testing._server.faults.deliveries import Overtaken as Overtaken
    from daytona_toolkit.testing._server.faults.deliveries import SlowUpload as SlowUpload
    from daytona_toolkit.testing._server.faults.deliveries import Stall as Stall
    from daytona_toolkit.testing._server.faults.deliveries import StopSandbox as StopSandbox
    from daytona_toolkit.testing._server.faults.mixed import Mixed as Mixed
    from daytona_toolkit.testing._server.recording import Count as Count
    from daytona_toolkit.testing._server.recording import RecordedRequest as RecordedRequest
    from daytona_toolkit.testing._server.server import DaytonaServer as DaytonaServer
    from daytona_toolkit.testing._server.settings import Generation as Generation
    from daytona_toolkit.testing._server.settings import Settings as Settings
    from daytona_toolkit.testing._server.settings import Shell as Shell

_HOMES = {
    "Copy": "_server.faults.deliveries",
    "CutUpload": "_server.faults.deliveries",
    "Count": "_server.recording",
    "DaytonaServer": "_server.server",
    "Delay": "_server.faults.deliveries",
    "DropAfter": "_server.faults.answers",
    "DropBefore": "_server.faults.answers",
    "Fault": "_server.faults",
    "Faults": "_server.faults",
    "ForkFailure": "_server.faults.answers",
    "Generation": "_server.settings",
    "Late": "_server.faults.deliveries",
    "Malformed": "_server.faults.answers",
    "Mixed": "_server.faults.mixed",
    "Overtaken": "_server.faults.deliveries",
    "RateLimit": "_server.faults.answers",
    "RecordedRequest": "_server.recording",
    "Reset": "_server.faults.answers",
    "Rule": "_server.faults",
    "SandboxConformance": "_conformance",
    "Settings": "_server.settings",
    "Shell": "_server.settings",
    "SlowUpload": "_server.faults.deliveries",
    "Stall": "_server.faults.deliveries",
    "Status": "_server.faults.answers",
    "StopSandbox": "_server.faults.deliveries",
    "TruncatedBody": "_server.faults.answers",
    "TruncatedMultipart": "_server.faults.answers",
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
