"""What is measured: `python -m tests.fleet.client ours|raw|same NUMBER URL` prints figures as JSON.

Sandboxes are made and have run one command each, then all run one at once, then they go. It runs
in a process of its own, under the usual limit of 1,024 file descriptors.
"""

import asyncio
import ctypes
import gc
import json
import re
import resource
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from daytona import AsyncDaytona, DaytonaConfig

from daytona_toolkit import DaytonaSandbox, SandboxSession


def used() -> dict[str, float]:
    """Threads, file descriptors and memory in KB."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free is not in use, whoever keeps it
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "threads": threading.active_count(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "memory": pages * resource.getpagesize() / 1024,
    }


class Ours:
    """Sessions of this package."""

    def __init__(self, config: DaytonaConfig) -> None:
        self.config = config
        self.sessions: list[SandboxSession] = []

    async def open(self) -> None:
        session = SandboxSession(DaytonaSandbox.create(config=self.config))
        self.sessions.append(session)
        await session.aopen()

    async def run(self, number: int) -> str:
        return (await self.sessions[number].aexec(f"echo {number}")).stdout

    async def close(self) -> None:
        await asyncio.gather(*(session.aclose() for session in self.sessions))


class Raw:
    """The SDK alone, with one client, and the shortest commands."""

    def __init__(self, config: DaytonaConfig) -> None:
        self.client = AsyncDaytona(config)
        self.sandboxes: list[Any] = []

    async def open(self) -> None:
        sandbox = await self.client.create()
        await sandbox.process.exec("true")
        self.sandboxes.append(sandbox)

    async def run(self, number: int) -> str:
        return str((await self.sandboxes[number].process.exec(f"echo {number}")).result)

    async def close(self) -> None:
        await asyncio.gather(*(sandbox.delete() for sandbox in self.sandboxes))
        await self.client.close()


class Same(Raw):
    """The SDK alone, sending the programs that a session sends.

    Programs run on the machine that measures, and cost more than the client. With the same ones
    on both sides the difference is what this package adds to the SDK.
    """

    def __init__(self, config: DaytonaConfig) -> None:
        super().__init__(config)
        self.config = config
        self.programs: list[str] = []
        self.model = self.model_folder = ""
        self.folders: list[str] = []

    async def record(self) -> None:
        sandbox = DaytonaSandbox.create(config=self.config)
        run = sandbox.run

        async def recorded(program: str, *, timeout: float) -> bytes:
            self.programs.append(program)
            printed = await run(program, timeout=timeout)
            if not self.model_folder:
                self.model_folder = folder_in(printed.decode())
            return printed

        sandbox.run = recorded  # type: ignore[method-assign]
        async with SandboxSession(sandbox) as session:
            self.model = sandbox.id
            await session.aexec("echo hello")

    async def open(self) -> None:
        sandbox = await self.client.create()
        answer = await sandbox.process.exec(self.programs[0])
        self.folders.append(folder_in(answer.result))
        self.sandboxes.append(sandbox)

    async def run(self, number: int) -> str:
        sandbox = self.sandboxes[number]
        program = self.programs[1].replace(self.model_folder, self.folders[number])
        answer = await sandbox.process.exec(program.replace(self.model, sandbox.id))
        return f"{number}\n" if "exit 0" in answer.result else answer.result


def folder_in(printed: str) -> str:
    """The session's folder, out of the answer of the program that begins it."""
    found = re.search(r"^session \d+\|\n(.+)$", printed, re.MULTILINE)
    assert found, printed
    return found[1]


async def timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, float, Any]:
    """Seconds of the clock and of this process's CPU, and the result."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = await work()
    return time.perf_counter() - clock, time.process_time() - cpu, result


async def measure(kind: str, number: int, url: str) -> dict[str, float]:
    """The figures."""
    config = DaytonaConfig(api_key="key", api_url=url, target="local")
    kinds: dict[str, type[Ours | Raw]] = {"ours": Ours, "raw": Raw, "same": Same}
    fleet = kinds[kind](config)
    if isinstance(fleet, Same):
        await fleet.record()
    await fleet.open()
    await fleet.run(0)
    one = used()
    opening, opening_cpu, _ = await timed(
        lambda: asyncio.gather(*(fleet.open() for _ in range(number - 1)))
    )
    running, running_cpu, printed = await timed(
        lambda: asyncio.gather(*(fleet.run(index) for index in range(number)))
    )
    most = used()
    right = sum(text == f"{index}\n" for index, text in enumerate(printed))
    closing, _, _ = await timed(fleet.close)
    end = used()
    return {
        "open": opening,
        "open_cpu": opening_cpu,
        "exec": running,
        "exec_cpu": running_cpu,
        "close": closing,
        "right": right,
        "threads": most["threads"] - one["threads"],
        "descriptors": most["descriptors"] - one["descriptors"],
        "memory": (most["memory"] - one["memory"]) / max(1, number - 1),
        "left_threads": end["threads"],
        "left_descriptors": end["descriptors"],
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    figures = asyncio.run(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
    print(json.dumps(figures))
