"""A test server that speaks Daytona's wire protocol, for programs that use the Daytona SDK.

```python
with DaytonaServer(shell="zsh", latency=0.05) as server:
    daytona = Daytona(DaytonaConfig(api_key=server.api_key, api_url=server.api_url))
    server.faults.add(DropAfter(kind="execute"), times=1)
    with server.counting() as count:
        daytona.create().process.exec("echo hello")
    assert count.by_kind["execute"] == 2
```

A sandbox is a temporary folder, and its commands are real processes, so this is no place for code
that is not trusted. From a terminal: `python -m tests.daytona_server`.
"""

from .faults import (
    Delay,
    DropAfter,
    DropBefore,
    Fault,
    Faults,
    Mixed,
    RateLimit,
    Reset,
    Rule,
    Status,
    StopSandbox,
    TruncatedBody,
    TruncatedMultipart,
)
from .recording import Count, RecordedRequest
from .sandbox import Sandbox
from .server import DaytonaServer
from .settings import Generation, Settings, Shell

__all__ = [
    "Count",
    "DaytonaServer",
    "Delay",
    "DropAfter",
    "DropBefore",
    "Fault",
    "Faults",
    "Generation",
    "Mixed",
    "RateLimit",
    "RecordedRequest",
    "Reset",
    "Rule",
    "Sandbox",
    "Settings",
    "Shell",
    "Status",
    "StopSandbox",
    "TruncatedBody",
    "TruncatedMultipart",
]
