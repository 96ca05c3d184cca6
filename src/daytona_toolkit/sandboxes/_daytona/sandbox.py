"""A sandbox of Daytona, through its SDK: the lifecycle, and the requests that survive faults.

Together with `daytona_control` and `daytona_errors` this is all that knows the SDK. Whose a
sandbox is decides about its end: one from `create` is deleted, one from `attach`, `wrap` or
`get_or_create` is left running.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from daytona_toolkit.errors import (
    SandboxError,
    SandboxFailedError,
    SandboxGoneError,
    SandboxUnavailableError,
)
from daytona_toolkit.sandboxes._daytona.control_plane import GONE, ControlPlane, identity, state_of
from daytona_toolkit.sandboxes._daytona.errors import (
    leaves_doubt,
    retried,
    status_of,
    translated,
)

if TYPE_CHECKING:
    from daytona import AsyncSandbox, DaytonaConfig
    from daytona import Sandbox as SyncSandbox

    from daytona_toolkit.sandboxes._daytona.control_plane import Params

T = TypeVar("T")
Obtain = Callable[[ControlPlane, float], Awaitable["AsyncSandbox"]]

logger = logging.getLogger("daytona_toolkit")

STARTUP_TIMEOUT = 60.0

# Seconds that a program may outlive a request for it before the daemon ends it: never while
# somebody waits. (Without a number from us, its own default counts.)
_GRACE = 30

# Seconds for the upload or download of a file.
_TRANSFER_TIME = 600.0

# Seconds between two looks at a sandbox that is changing its state: the first, the longest.
_LOOKS = (0.2, 1.0)

# Seconds that keep-alive is capped to, and between two of its requests; auto-stop counts in
# minutes, and one is its least.
LONGEST_KEEP_ALIVE = 24 * 3600.0
_TOUCH = 45.0

# How often one request may find the sandbox asleep.
_STARTS = 3

# The last is any state that is younger than the SDK: `paused`, before 0.194.
_ASLEEP = ("stopped", "archived", "paused", "unknown_default_open_api")
_BROKEN = ("error", "build_failed")


class DaytonaSandbox:
    """A Daytona sandbox for a session.

    Make one with `create`, `attach`, `wrap` or `get_or_create`. These send nothing and are
    cheap; the session opens it. It takes the SDK's own parameters and configuration; without
    a configuration the SDK reads `DAYTONA_API_KEY` and its other variables.

    A sandbox that is found stopped, archived or paused is started, at opening and whenever a
    request finds it so; what ran in it has ended then, its files are there. Every request is
    sent again after a lost connection, a 429, 502, 503 or 504, as long as its caller waits,
    which is safe because everything that a session sends may arrive twice.

    Attributes:
        id: Its id, once open: enough to `attach` to it later, from any process.
        owned: Whether it is deleted at the end.
        startup_timeout: Seconds that it may take until it is ready, at opening and when it
            has to be started later.

    Example:
        ```python
        with SandboxSession(DaytonaSandbox.create()) as session:
            print(session.exec("uname -a").stdout)
        ```
    """

    def __init__(
        self,
        obtain: Obtain,
        *,
        id: str,
        owned: bool,
        config: "DaytonaConfig | Mapping[str, str] | None",
        startup_timeout: float,
        keep_alive: float,
    ) -> None:
        self.id = id
        self.owned = owned
        self.startup_timeout = startup_timeout
        self._obtain = obtain
        self._config = config
        self._keep_alive = min(keep_alive, LONGEST_KEEP_ALIVE)
        self._plane: ControlPlane | None = None
        self._sandbox: AsyncSandbox | None = None
        self._waking: asyncio.Task[None] | None = None
        self._touching: asyncio.Task[None] | None = None
        self._starts = 0
        self._used = 0.0

    @classmethod
    def create(
        cls,
        params: "Params | None" = None,
        *,
        config: "DaytonaConfig | None" = None,
        timeout: float = STARTUP_TIMEOUT,
        keep_alive: float = 0.0,
    ) -> "DaytonaSandbox":
        """A new sandbox, deleted at the end.

        Where nobody can delete it, after `kill -9`, Daytona does: it is stopped when it has
        been idle for 15 minutes (`auto_stop_interval`) and deleted when it has been stopped
        for 24 hours (`auto_delete_interval`), unless the parameters say otherwise. It is
        named `toolkit-…`, unless they name it.

        Args:
            params: The SDK's `CreateSandboxFromSnapshotParams` or `…FromImageParams`.
            config: The SDK's `DaytonaConfig`.
            timeout: Seconds that it may take until it is ready; what is not ready then is
                deleted. An image that has to be built first needs more.
            keep_alive: Seconds after the last request during which auto-stop is held off, 24
                hours at the most. It costs a request every 45 s.
        """
        return cls(
            lambda plane, deadline: plane.create(params, deadline=deadline),
            id="(a new one)",
            owned=True,
            config=config,
            startup_timeout=timeout,
            keep_alive=keep_alive,
        )

    @classmethod
    def attach(
        cls,
        id_or_name: str,
        *,
        config: "DaytonaConfig | None" = None,
        timeout: float = STARTUP_TIMEOUT,
        keep_alive: float = 0.0,
    ) -> "DaytonaSandbox":
        """A sandbox that exists, left running at the end. Arguments as for `create`."""
        return cls(
            lambda plane, deadline: plane.get(id_or_name, deadline=deadline),
            id=id_or_name,
            owned=False,
            config=config,
            startup_timeout=timeout,
            keep_alive=keep_alive,
        )

    @classmethod
    def wrap(
        cls,
        sandbox: "AsyncSandbox | SyncSandbox",
        *,
        timeout: float = STARTUP_TIMEOUT,
        keep_alive: float = 0.0,
    ) -> "DaytonaSandbox":
        """The sandbox behind an object of the SDK, left as it is at the end.

        The object itself is not used: an `AsyncSandbox` lives on the event loop that it was
        made on, and a call of a `Sandbox` cannot be cancelled. What is used are its id and
        the configuration that it was made with.

        Args:
            sandbox: A `Sandbox` or `AsyncSandbox`.
            timeout: As for `create`.
            keep_alive: As for `create`.
        """
        config = identity(sandbox)
        id = sandbox.id
        return cls(
            lambda plane, deadline: plane.get(id, deadline=deadline),
            id=id,
            owned=False,
            config=config,
            startup_timeout=timeout,
            keep_alive=keep_alive,
        )

    @classmethod
    def get_or_create(
        cls,
        key: str,
        params: "Params | None" = None,
        *,
        config: "DaytonaConfig | None" = None,
        timeout: float = STARTUP_TIMEOUT,
        keep_alive: float = 0.0,
    ) -> "DaytonaSandbox":
        """The sandbox kept under a key, made if there is none, left running at the end.

        So a program that is started again, and every other with the same key, meets the same
        files. The key is a label of the sandbox. Two that make it at the same time get the
        same one. Nobody deletes it but Daytona, when it has been stopped for a week, unless
        the parameters say otherwise.

        Args:
            key: Any text, for example the id of a conversation.
            params: For the case that it has to be made; as for `create`.
            config: As for `create`.
            timeout: As for `create`.
            keep_alive: As for `create`.
        """
        return cls(
            lambda plane, deadline: plane.get_or_create(key, params, deadline=deadline),
            id=f"(kept under {key!r})",
            owned=False,
            config=config,
            startup_timeout=timeout,
            keep_alive=keep_alive,
        )

    async def open(self) -> None:
        """Find or make the sandbox, and start it if it sleeps."""
        if self._sandbox is not None:
            return
        loop = asyncio.get_running_loop()
        self._plane = await ControlPlane.connect(self._config)
        try:
            self._sandbox = await self._obtain(self._plane, loop.time() + self.startup_timeout)
            self.id = self._sandbox.id
            if state_of(self._sandbox) != "started":
                await self._awake()
        except BaseException:
            with contextlib.suppress(SandboxError):  # it is logged, and the first error counts
                await self.close()
            raise
        if not self.owned:
            self._plane.keep()
        self._used = loop.time()
        if self._keep_alive:
            self._touching = asyncio.create_task(self._touch())

    async def run(self, program: str, *, timeout: float) -> bytes:
        """Feed a program to the sandbox's shell: one request."""
        limit = math.ceil(timeout) + _GRACE
        answer = await self._request(
            lambda sandbox: sandbox.process.exec(program, timeout=limit), timeout=timeout
        )
        return str(answer.result).encode("utf-8", "surrogatepass")

    async def upload(self, path: str, data: bytes) -> None:
        """Write a file."""
        await self._request(
            lambda sandbox: sandbox.fs.upload_file(data, path, timeout=int(_TRANSFER_TIME)),
            timeout=_TRANSFER_TIME,
            path=path,
        )

    async def download(self, path: str) -> bytes:
        """Read a file."""
        data = await self._request(
            lambda sandbox: sandbox.fs.download_file(path, int(_TRANSFER_TIME)),
            timeout=_TRANSFER_TIME,
            path=path,
        )
        return bytes(data or b"")

    async def close(self) -> None:
        """Delete the sandbox if it is ours, and close the connections."""
        plane, self._plane, self._sandbox = self._plane, None, None
        for task in (self._touching, self._waking):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._touching = self._waking = None
        if plane is not None:
            try:
                await plane.discard()
            finally:
                await plane.close()

    def __repr__(self) -> str:
        state = "not open" if self._sandbox is None else "open"
        fate = "deleted at the end" if self.owned else "left running"
        return f"<DaytonaSandbox {self.id} ({state}, {fate})>"

    async def _request(
        self,
        request: "Callable[[AsyncSandbox], Awaitable[T]]",
        *,
        timeout: float,
        path: str | None = None,
    ) -> T:
        """Send a request to the sandbox, as often as need be and time allows."""
        sandbox = self._sandbox
        if sandbox is None:
            raise SandboxGoneError(f"Sandbox {self.id} is not open; open it first.")
        clock = asyncio.get_running_loop().time
        self._used = clock()

        async def once() -> T:
            for _ in range(_STARTS):
                starts = self._starts
                try:
                    return await request(sandbox)
                except Exception as error:
                    if not leaves_doubt(error):
                        raise
                    await self._awake()
                    if self._starts == starts:
                        raise  # it was running all the time
            raise SandboxUnavailableError(
                f"Sandbox {self.id} is stopped as soon as it has been started, again and again; "
                "look at its intervals in Daytona's dashboard, and at who else uses it."
            )

        with translated(f"sandbox {self.id}", path):
            return await retried(once, deadline=clock() + timeout)

    async def _awake(self) -> None:
        """Have the sandbox running. Whoever asks meanwhile waits for the same start."""
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake())
            self._waking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._waking)

    async def _wake(self) -> None:
        """Ask the control plane how the sandbox is, and start it if it sleeps."""
        sandbox, pause = self._sandbox, _LOOKS[0]
        assert sandbox is not None
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.startup_timeout
        with translated(f"sandbox {self.id}"):
            while True:
                await retried(sandbox.refresh_data, deadline=deadline)
                state = state_of(sandbox)
                if state == "started":
                    return
                self._check(sandbox, state, late=clock() > deadline)
                self._starts += 1
                if state in _ASLEEP and await self._start(sandbox, deadline):
                    logger.info("started sandbox %s, which was %s", self.id, state)
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LOOKS[1])

    def _check(self, sandbox: "AsyncSandbox", state: str, *, late: bool) -> None:
        """Refuse a sandbox that will not start any more, or not in time."""
        if state in GONE:
            raise SandboxGoneError(
                f"Sandbox {self.id} was deleted; what was in it cannot be reached. Open a session "
                "over a new one."
            )
        if state in _BROKEN:
            why = sandbox.error_reason or "Daytona gives no reason"
            raise SandboxFailedError(
                f"Sandbox {self.id} is in state {state!r}: {why}. Delete it and use a new one."
            )
        if late:
            raise SandboxUnavailableError(
                f"Sandbox {self.id} is still in state {state!r} after {self.startup_timeout:g} s; "
                "allow for more time with `timeout`, or look at it in Daytona's dashboard."
            )

    async def _start(self, sandbox: "AsyncSandbox", deadline: float) -> bool:
        """Start a sandbox that sleeps; False if it is just changing its state."""
        clock = asyncio.get_running_loop().time

        async def start() -> None:
            # A keyword, or the SDK would wait for ever.
            await sandbox.start(timeout=max(1.0, deadline - clock()))

        try:
            await retried(start, deadline=deadline)
        except Exception as error:
            if status_of(error) == 409:
                return False
            raise
        return True

    async def _touch(self) -> None:
        """Count as activity while the session is not idle for too long."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_TOUCH)
            if self._sandbox is not None and clock() - self._used < self._keep_alive:
                with contextlib.suppress(Exception):  # the next one comes in time
                    await self._sandbox.refresh_activity()
