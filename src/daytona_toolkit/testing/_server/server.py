"""The server: one aiohttp application on a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

from daytona_toolkit.testing._server import control, toolbox
from daytona_toolkit.testing._server.errors import ApiError, ProxyError, WireError
from daytona_toolkit.testing._server.faults import Faults
from daytona_toolkit.testing._server.faults.answers import NoAnswer
from daytona_toolkit.testing._server.faults.deliveries import HELD, release
from daytona_toolkit.testing._server.machine import MachineStoppedError
from daytona_toolkit.testing._server.recording import RECORD, Count, RecordedRequest
from daytona_toolkit.testing._server.sandbox import REGION, Sandbox
from daytona_toolkit.testing._server.settings import Settings
from daytona_toolkit.testing._server.world import WORLD, World

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HOST = "127.0.0.1"
_UNKNOWN = "unknown"
_SHUTDOWN_SECONDS = 1.0
_NO_SIZE_LIMIT = 2**63


@dataclass(kw_only=True)
class DaytonaServer(Settings):
    """A Daytona deployment on 127.0.0.1.

    Takes the fields of `Settings` as keywords; they stay attributes that may be changed while it
    runs. Use it as a context manager, or call `start` and `stop`.

    Attributes:
        faults: What goes wrong, to order.
        requests: All requests so far, but for those to the event socket, which the SDK makes in
            the background at times of its own.
    """

    def __post_init__(self) -> None:
        kinds = {route.kwargs["name"] for route in _routes()}
        self.faults = Faults(kinds - {control.EVENT_SOCKET})
        self.requests: list[RecordedRequest] = []

    def __enter__(self) -> "DaytonaServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on a thread of its own."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="daytona-server", daemon=True)
        self._thread.start()
        try:
            self._call(self._open())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Answer what is open, kill every process, remove every folder, end the thread."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def api_url(self) -> str:
        """Base URL of the control plane."""
        return f"http://{_HOST}:{self.port}/api"

    @property
    def env(self) -> dict[str, str]:
        """Environment that points a program at this server."""
        return {
            "DAYTONA_API_KEY": self.api_key,
            "DAYTONA_API_URL": self.api_url,
            "DAYTONA_TARGET": REGION,
        }

    @property
    def sandboxes(self) -> dict[str, Sandbox]:
        """The sandboxes that are not deleted, by id."""
        return {key: box for key, box in self._world.sandboxes.items() if not box.gone}

    @contextmanager
    def counting(self) -> Iterator[Count]:
        """Count the requests that arrive inside a `with` block."""
        count = Count(self.requests)
        try:
            yield count
        finally:
            count.finish()

    def stop_sandbox(self, id_or_name: str) -> None:
        """Stop a sandbox behind its users' backs, as auto-stop does."""
        self._change(id_or_name, self._world.stop)

    def archive_sandbox(self, id_or_name: str) -> None:
        """Archive a sandbox, stopping it if need be."""

        async def archive(sandbox: Sandbox) -> None:
            await sandbox.power_off("archived")

        self._change(id_or_name, archive)

    def pause_sandbox(self, id_or_name: str) -> None:
        """Pause a sandbox."""
        self._change(id_or_name, self._world.pause)

    def destroy_sandbox(self, id_or_name: str) -> None:
        """Destroy a sandbox but keep its record, in state `destroyed`."""
        self._change(id_or_name, self._world.destroy)

    def remove_sandbox(self, id_or_name: str) -> None:
        """Remove a sandbox with its record, as if it had never been."""
        self._change(id_or_name, self._world.remove)

    def set_state(self, id_or_name: str, state: str, error_reason: str | None = None) -> None:
        """Make the API answer that a sandbox is in some state, and change nothing else."""

        async def set_state(sandbox: Sandbox) -> None:
            sandbox.state = state
            sandbox.dto["errorReason"] = error_reason

        self._change(id_or_name, set_state)

    def _change(self, id_or_name: str, change: Callable[[Sandbox], Awaitable[None]]) -> None:
        async def find_and_change() -> None:
            await change(self._world.find(id_or_name))

        self._call(find_and_change())

    async def _open(self) -> None:
        self._world = World(self)
        app = web.Application(
            middlewares=[self._record, self._serve], client_max_size=_NO_SIZE_LIMIT
        )
        app[WORLD] = self._world
        app[HELD] = {}
        app.add_routes(_routes())
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, handle_signals=False
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._world.toolbox_url = f"http://{_HOST}:{self.port}/toolbox"

    async def _close(self) -> None:
        # Sandboxes first: an open `execute` ends with them and is answered. The sync SDK would
        # send it again if its connection just closed.
        await self._world.close()
        await self._runner.cleanup()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_default_executor()

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Write the request down, and its answer."""
        kind = request.match_info.route.name or _UNKNOWN
        if kind == control.EVENT_SOCKET:
            return await handler(request)
        record = RecordedRequest(
            request.method, request.path_qs, kind, sandbox_id=request.match_info.get("sandbox")
        )
        self.requests.append(record)
        request[RECORD] = record
        started = time.monotonic()
        try:
            response = await handler(request)
        finally:
            record.seconds = time.monotonic() - started
            # A body that nobody read was sent all the same.
            record.bytes_in = request.content_length or request.content.total_bytes
        if not isinstance(response, NoAnswer):
            record.status = response.status
            record.bytes_out = response.content_length or 0
        if self.on_request:
            self.on_request(record)
        return response

    @web.middleware
    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Take the request through latency, faults, authentication and the sandbox's state."""
        if RECORD not in request:
            return await handler(request)

        async def execute() -> web.StreamResponse:
            self._authenticate(request)
            if request[RECORD].kind == _UNKNOWN and not toolbox.serves(request):
                raise ApiError(404, f"Cannot {request.method} {request.path}")
            toolbox.enter_sandbox(request)
            if request[RECORD].kind == _UNKNOWN:
                return web.Response(status=404, text="404 page not found")
            request[RECORD].deliveries += 1
            try:
                return await handler(request)
            except MachineStoppedError as error:
                # The daemon died with its sandbox, so that the proxy has nobody to ask.
                raise WireError(502) from error

        await asyncio.sleep(self.latency)
        try:
            return await self.faults.apply(request, execute)
        except WireError as error:
            return error.response(self.generation, request)
        finally:
            await release(request)

    def _authenticate(self, request: web.Request) -> None:
        if request.headers.get("Authorization") == f"Bearer {self.api_key}":
            return
        if toolbox.serves(request):
            raise ProxyError(401, "authentication failed")
        raise ApiError(401, "Unauthorized")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _routes() -> list[web.RouteDef]:
    return [*control.routes(), *toolbox.routes()]
