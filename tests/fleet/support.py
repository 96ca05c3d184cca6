"""A server of many sandboxes, and a client that is measured, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daytona import DaytonaConfig

from daytona_toolkit import DaytonaSandbox, SandboxSession

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """A server in a process of its own.

    Attributes:
        url: Its address.
        root: Where the folders of its sandboxes are.
    """

    url: str
    root: Path

    @property
    def config(self) -> DaytonaConfig:
        return DaytonaConfig(api_key="key", api_url=self.url, target="local")

    def session(self, **options: Any) -> SandboxSession:
        return SandboxSession(DaytonaSandbox.create(config=self.config), **options)


@contextmanager
def serving(**variables: str) -> Iterator[Server]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fleet.server"],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        told = json.loads(process.stdout.readline())
        yield Server(told["url"], Path(told["root"]))
        process.stdin.close()


def measured(kind: str, number: int, server: Server) -> dict[str, float]:
    """Figures of a client in a process of its own, under the usual limit of descriptors."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fleet.client", kind, str(number), server.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, float] = json.loads(done.stdout)
    shown = {name: round(value, 2) for name, value in figures.items()}
    print(f"\n{number} sandboxes, {kind}: {shown}")
    return figures
