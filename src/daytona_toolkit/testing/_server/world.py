"""All sandboxes of a server, and what can happen to them."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from daytona_toolkit.testing._server.errors import ApiError, ProxyError, WireError
from daytona_toolkit.testing._server.machine import MachineStoppedError, is_confined
from daytona_toolkit.testing._server.sandbox import Sandbox
from daytona_toolkit.testing._server.settings import Settings

_CHANGING = ("creating", "starting", "stopping", "archiving", "pausing", "resuming")
_STARTABLE = ("stopped", "archived", "paused")


class World:
    """The sandboxes by id, under one temporary folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sandboxes: dict[str, Sandbox] = {}
        self.toolbox_url = ""
        self.root = _new_folder()
        self.closed = False
        self._background: set[asyncio.Task[None]] = set()

    def find(self, id_or_name: str) -> Sandbox:
        """Return a sandbox. A deleted one is found by its id alone: its name is free again."""
        if sandbox := self.sandboxes.get(id_or_name):
            return sandbox
        for sandbox in self.sandboxes.values():
            if sandbox.name == id_or_name and not sandbox.gone:
                return sandbox
        raise ApiError(404, f"Sandbox with ID or name {id_or_name} not found")

    def running(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox that can answer toolbox calls, else raise what the proxy says."""
        sandbox = self.sandboxes.get(sandbox_id)
        if sandbox is None:
            raise _refusal(self.settings.gone_status, "authentication failed")
        if sandbox.gone:
            raise _refusal(404, "sandbox container not found")
        if sandbox.state != "started":
            raise _refusal(
                self.settings.stopped_status,
                "failed to resolve container IP: no IP address found. Is the Sandbox started?",
            )
        return sandbox

    async def create(self, params: dict[str, Any]) -> Sandbox:
        """Make a sandbox and start it."""
        if self.closed:
            raise ApiError(503, "The server is shutting down")
        self._check(params)
        sandbox = Sandbox(params, self.settings, self.root, self.toolbox_url)
        self.sandboxes[sandbox.id] = sandbox
        await self._power_on(sandbox)
        return sandbox

    async def start(self, sandbox: Sandbox) -> None:
        """Start a sandbox that was stopped, archived or paused."""
        if sandbox.state == "started":
            return
        self._refuse_while_changing(sandbox)
        if sandbox.state not in _STARTABLE:
            raise ApiError(400, "Sandbox is not in valid state")
        sandbox.state = "starting"
        await self._power_on(sandbox)

    async def stop(self, sandbox: Sandbox, state: str = "stopped") -> None:
        """Stop a sandbox; an ephemeral one is destroyed."""
        self._refuse_while_changing(sandbox)
        if sandbox.state != "started":
            raise ApiError(400, "Sandbox is not started")
        await sandbox.power_off(state)
        if sandbox.ephemeral:
            await self.delete(sandbox)

    async def archive(self, sandbox: Sandbox) -> None:
        """Archive a stopped sandbox."""
        if sandbox.state != "stopped":
            raise ApiError(400, "Sandbox is not stopped")
        sandbox.state = "archived"

    async def pause(self, sandbox: Sandbox) -> None:
        """Make a running sandbox unreachable. Its processes go on, for want of a freezer."""
        if sandbox.state != "started":
            raise ApiError(400, "Sandbox is not started")
        sandbox.state = "paused"

    async def delete(self, sandbox: Sandbox) -> None:
        """Delete a sandbox: `destroying` for a while, then forgotten."""
        self._refuse_while_changing(sandbox)
        await self.destroy(sandbox, state="destroying")
        self.later(self.settings.destroying_for, partial(self.remove, sandbox))

    async def destroy(self, sandbox: Sandbox, state: str = "destroyed") -> None:
        """Take everything from a sandbox but its record."""
        await sandbox.power_off(state)
        await asyncio.to_thread(sandbox.erase)

    async def remove(self, sandbox: Sandbox) -> None:
        """Forget a sandbox altogether."""
        if not sandbox.gone:
            await self.destroy(sandbox)
        self.sandboxes.pop(sandbox.id, None)

    async def close(self) -> None:
        """Stop and remove everything, for good."""
        self.closed = True
        for task in self._background:
            task.cancel()
        for sandbox in list(self.sandboxes.values()):
            await self.remove(sandbox)
        await asyncio.to_thread(shutil.rmtree, self.root, ignore_errors=True)

    def _check(self, params: dict[str, Any]) -> None:
        live = [sandbox for sandbox in self.sandboxes.values() if not sandbox.gone]
        name, snapshot = params.get("name"), params.get("snapshot")
        if name and any(sandbox.name == name for sandbox in live):
            raise ApiError(409, f"Sandbox with name {name} already exists")
        if snapshot and snapshot not in self.settings.snapshots:
            raise ApiError(400, f"Snapshot {snapshot} not found")
        if snapshot and any(params.get(key) for key in ("cpu", "gpu", "memory", "disk")):
            raise ApiError(400, "Cannot specify Sandbox resources when using a snapshot")
        if self.settings.quota is not None and len(live) >= self.settings.quota:
            raise ApiError(
                self.settings.quota_status,
                f"Total sandbox limit exceeded. Maximum allowed: {self.settings.quota}",
            )

    def _refuse_while_changing(self, sandbox: Sandbox) -> None:
        if sandbox.state in _CHANGING:
            raise ApiError(409, "Sandbox state change in progress")

    async def _power_on(self, sandbox: Sandbox) -> None:
        async def power_on() -> None:
            if sandbox.gone:
                return
            try:
                await sandbox.power_on()
            except MachineStoppedError as error:
                sandbox.fail("its daemon ended at once; see what it printed")
                raise ApiError(400, "Sandbox failed to start") from error

        starting = self.later(self.settings.start_delay, power_on)
        if not self.settings.answer_creating:
            await starting

    def later(self, seconds: float, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Do something after a while, unless the server stops before."""

        async def wait_and_work() -> None:
            await asyncio.sleep(seconds)
            await work()

        task = asyncio.get_running_loop().create_task(wait_and_work())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _new_folder() -> Path:
    """Make the folder for all sandboxes. Confined, they must not see it in a /tmp of their own."""
    durable = "/var/tmp"  # noqa: S108
    parent = durable if is_confined() and os.access(durable, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="daytona-server-", dir=parent)).resolve()


WORLD = web.AppKey("world", World)


def _refusal(status: int, message: str) -> WireError:
    """Return the proxy's answer. A 502 comes from in front of it and is empty."""
    return WireError(status) if status == HTTPStatus.BAD_GATEWAY else ProxyError(status, message)
