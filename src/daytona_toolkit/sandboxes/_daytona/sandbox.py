"""A sandbox of Daytona, through its SDK: the lifecycle, and the requests that survive faults.

Together with its neighbours this is all that knows the SDK. Ownership decides what `close` does:
a sandbox from `create` is deleted, one from `attach`, `wrap` or `get_or_create` is left running.
"""

import asyncio
import contextlib
import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from daytona_toolkit.errors import (
    InvalidArgumentError,
    PreviewError,
    SandboxError,
    SandboxFailedError,
    SandboxGoneError,
    SandboxUnavailableError,
)
from daytona_toolkit.sandboxes import REQUEST_TIME
from daytona_toolkit.sandboxes._daytona.client import Client
from daytona_toolkit.sandboxes._daytona.control_plane import (
    GONE,
    PATIENCE,
    STARTING,
    ControlPlane,
    identity,
    state_of,
)
from daytona_toolkit.sandboxes._daytona.errors import (
    NotReachedError,
    NotStartedError,
    may_be_misled,
    may_mean_not_running,
    may_pass,
    never_connected,
    status_of,
    words_of,
)

if TYPE_CHECKING:
    from daytona import AsyncSandbox, DaytonaConfig
    from daytona import Sandbox as SyncSandbox

    from daytona_toolkit.sandboxes._daytona.control_plane import Params

T = TypeVar("T")
# Given the control plane and a deadline, finds or makes a sandbox.
Obtain = Callable[..., Awaitable["AsyncSandbox"]]

logger = logging.getLogger("daytona_toolkit")

STARTUP_TIMEOUT = 60.0

# Seconds after the time of a request when the daemon kills its program: never while a caller
# waits. (Without a number from us, the daemon has one of its own.)
_GRACE = 30

# Seconds to upload a file: a constant, and its bytes divided by a rate.
_UPLOAD_TIME = 20.0
_UPLOAD_RATE = 100_000

# What the daemon answers instead of output, with exit code -1, when it could not start a shell
# just now.
_NOT_STARTED = re.compile(
    r"fork/exec \S+: "
    r"(resource temporarily unavailable|too many open files( in system)?|cannot allocate memory)\s*"
)

# Seconds between two requests for the state of a sandbox that is changing it.
_FIRST_POLL = 0.2
_LONGEST_POLL = 1.0

# Seconds that keep-alive is capped to, and between two of its requests; auto-stop counts in
# minutes, and one is its least.
LONGEST_KEEP_ALIVE = 24 * 3600.0
_KEEP_ALIVE_INTERVAL = 45.0

# What a request for a port of a private sandbox must bring.
_TOKEN = "x-daytona-preview-token"  # noqa: S105 - the name of a header

# How often the sandbox may be started for one request.
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
    sent again after a lost connection, a 429 or 5xx, and when no answer comes, as long as its
    caller waits, which is safe because everything that a session sends may arrive twice. The log
    `daytona_toolkit` has a line for each.

    Sandboxes of one configuration share one client of the SDK, with at most 200 requests on
    their way at once; more wait for their turn.

    Attributes:
        id: Its id, once open: enough to `attach` to it later, from any process.
        owned: Whether it is deleted at the end.
        startup_timeout: Seconds that it may take until it is ready, at opening and when it
            has to be started later.
        wakes: Whether a request starts it where it is stopped, as all do but the last of a session.

    Example:
        ```python
        with SandboxSession(DaytonaSandbox.create()) as session:
            print(session.exec("uname -a").stdout)
        ```
    """

    id: str
    owned: bool
    startup_timeout: float
    wakes = True
    _obtain: Obtain
    _config: "DaytonaConfig | Mapping[str, str] | None"
    _keep_alive: float
    _client: Client | None = None
    _plane: ControlPlane | None = None
    _sandbox: "AsyncSandbox | None" = None
    _start_task: "asyncio.Task[None] | None" = None
    _keep_alive_task: "asyncio.Task[None] | None" = None
    _starts = 0
    _used = 0.0

    def __init__(self, *_: object, **__: object) -> None:
        raise InvalidArgumentError(
            "Make a DaytonaSandbox with DaytonaSandbox.create(), for a new sandbox, or with "
            "attach(id), wrap(sandbox) or get_or_create(key)."
        )

    @classmethod
    def _of(
        cls,
        obtain: Obtain,
        id: str,
        config: "DaytonaConfig | Mapping[str, str] | None",
        startup_timeout: float,
        keep_alive: float,
        *,
        owned: bool = False,
    ) -> "DaytonaSandbox":
        if not (config is None or isinstance(config, Mapping) or hasattr(config, "api_key")):
            raise InvalidArgumentError(
                f"config is the SDK's DaytonaConfig(api_key=…), not a {type(config).__name__}; "
                "import it from `daytona`."
            )
        self = cls.__new__(cls)
        self.id = id
        self.owned = owned
        self.startup_timeout = startup_timeout
        self._obtain = obtain
        self._config = config
        self._keep_alive = min(keep_alive, LONGEST_KEEP_ALIVE)
        return self

    @classmethod
    def create(
        cls,
        params: "Params | None" = None,
        *,
        config: "DaytonaConfig | None" = None,
        timeout: float = STARTUP_TIMEOUT,
        keep_alive: float = 0.0,
        keep: bool = False,
    ) -> "DaytonaSandbox":
        """A new sandbox, deleted at the end unless it is to be kept.

        Where nobody can delete it, after `kill -9`, Daytona does: it is stopped when it has
        been idle for 15 minutes (`auto_stop_interval`) and deleted when it has been stopped
        for 24 hours (`auto_delete_interval`), unless the parameters say otherwise. It is
        named `toolkit-…`, unless they name it.

        Args:
            params: The SDK's `CreateSandboxFromSnapshotParams` or `…FromImageParams`.
            config: The SDK's `DaytonaConfig`.
            timeout: Seconds that it may take until it is ready; what is not ready then is
                deleted. An image that has to be built first needs more.
            keep_alive: Seconds after the last request during which auto-stop is held off, at most
                24 hours. It costs a request every 45 s.
            keep: Leave it running at the end; `attach` leads back to it. Daytona deletes it
                when it has been stopped for a week, unless the parameters say otherwise.

        Raises:
            InvalidArgumentError: The parameters are not of the SDK's classes.
        """
        _check_params("create", params)
        obtain = partial(ControlPlane.create, params=params, keep=keep)
        return cls._of(obtain, "(a new one)", config, timeout, keep_alive, owned=not keep)

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
        _check_name("attach", "the id or the name of a sandbox", id_or_name)
        obtain = partial(ControlPlane.get, id_or_name=id_or_name)
        return cls._of(obtain, id_or_name, config, timeout, keep_alive)

    @classmethod
    def wrap(
        cls,
        sandbox: "AsyncSandbox | SyncSandbox",
        *,
        timeout: float = STARTUP_TIMEOUT,
        keep_alive: float = 0.0,
    ) -> "DaytonaSandbox":
        """The sandbox of an object of the SDK, left as it is at the end.

        The object itself is not used: an `AsyncSandbox` lives on the event loop that it was
        made on, and a call of a `Sandbox` cannot be cancelled. What is used are its id and
        the configuration that it was made with.

        Args:
            sandbox: A `Sandbox` or `AsyncSandbox`.
            timeout: As for `create`.
            keep_alive: As for `create`.
        """
        config = identity(sandbox)
        obtain = partial(ControlPlane.get, id_or_name=sandbox.id)
        return cls._of(obtain, sandbox.id, config, timeout, keep_alive)

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
            key: Any text that is not empty, for example the id of a conversation.
            params: For the case that it has to be made; as for `create`.
            config: As for `create`.
            timeout: As for `create`.
            keep_alive: As for `create`.
        """
        _check_name("get_or_create", "a key", key)
        _check_params("get_or_create", params)
        obtain = partial(ControlPlane.get_or_create, key=key, params=params)
        return cls._of(obtain, f"(kept under {key!r})", config, timeout, keep_alive)

    @property
    def is_busy(self) -> bool:
        """Whether requests may have to wait for their turn, as other sandboxes have many."""
        return self._client is not None and self._client.is_busy

    async def open(self) -> None:
        """Find or make the sandbox, and start it if it does not run."""
        if self._sandbox is not None:
            return
        loop = asyncio.get_running_loop()
        self.wakes = True  # also after another session has left it
        self._client = client = await Client.share(self._config)
        try:
            self._plane = ControlPlane(client)
            async with client.turn():
                deadline = loop.time() + self.startup_timeout
                self._sandbox = await self._obtain(self._plane, deadline=deadline)
            self.id = self._sandbox.id
            if state_of(self._sandbox) != "started":
                await self._ensure_started()
        except BaseException:
            with contextlib.suppress(SandboxError):  # it is logged, and the first error counts
                await self.close()
            raise
        if not self.owned:
            self._plane.keep()
        self._used = loop.time()
        if self._keep_alive:
            self._keep_alive_task = asyncio.create_task(self._send_keep_alives())

    async def run(self, program: str, *, timeout: float) -> bytes:
        """Feed a program to the sandbox's shell: one request.

        One that stays silent for longer than the program may wait is sent again, beside the
        first.
        """
        limit = math.ceil(timeout) + _GRACE

        async def request(sandbox: "AsyncSandbox") -> bytes:
            answer = await sandbox.process.exec(program, timeout=limit)
            printed = str(answer.result)
            if answer.exit_code == -1 and _NOT_STARTED.fullmatch(printed):
                raise NotStartedError(f"The sandbox could start no process: {printed.strip()}")
            return printed.encode("utf-8", "surrogatepass")

        patience = max(0.0, timeout - REQUEST_TIME) + PATIENCE + len(program) / _UPLOAD_RATE
        return await self._ask(
            lambda: self._while_started(request),
            f"sandbox {self.id}",
            timeout=timeout,
            patience=patience,
        )

    async def upload(self, path: str, data: bytes) -> None:
        """Write a file, in one attempt.

        The daemon truncates the file and then writes what arrives, so a second attempt could
        mix with what is still on its way of the first. Only what was certainly not begun is
        sent again here.

        Raises:
            SandboxUnavailableError: Nobody knows what is in the file now. Use another name.
        """
        seconds = _UPLOAD_TIME + len(data) / _UPLOAD_RATE
        sandbox, _ = self._opened()

        async def request() -> None:
            starts = self._starts
            try:
                await sandbox.fs.upload_file(data, path, timeout=math.ceil(seconds))
            except Exception as error:
                if may_mean_not_running(error):
                    await self._ensure_started()
                begun = not (never_connected(error) or status_of(error) == 429)
                passes = may_pass(error) or may_be_misled(error)
                if self._starts != starts or (begun and passes):
                    raise SandboxUnavailableError(
                        f"It is not known whether {path!r} has arrived whole in sandbox "
                        f"{self.id}: {words_of(error)} Send it again under another name."
                    ) from error
                raise

        what = f"an upload to sandbox {self.id}"
        await self._ask(request, what, timeout=seconds, patience=None, path=path)

    async def preview(self, port: int) -> tuple[str, dict[str, str]]:
        """The address of a port of the sandbox, and the headers that a request for it needs.

        Raises:
            PreviewError: Daytona gives that port no address.
        """
        sandbox, _ = self._opened()

        async def request() -> tuple[str, str]:
            try:
                link = await sandbox.get_preview_link(port)
            except Exception as error:
                if status_of(error) in (400, 422):
                    raise PreviewError(
                        f"Daytona gives port {port} no address: {error} Let the server listen on "
                        "another port."
                    ) from error
                raise
            return link.url, link.token

        what = f"port {port} of sandbox {self.id}"
        url, token = await self._ask(request, what, timeout=REQUEST_TIME, patience=PATIENCE)
        return url, {} if sandbox.public else {_TOKEN: token}

    async def close(self) -> None:
        """Delete the sandbox if it is ours, and close the connections."""
        plane, self._plane, self._sandbox = self._plane, None, None
        client, self._client = self._client, None
        for task in (self._keep_alive_task, self._start_task):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._keep_alive_task = self._start_task = None
        if client is not None:
            try:
                if plane is not None:
                    async with client.turn():
                        await plane.discard()
            finally:
                await client.give_back()

    def __repr__(self) -> str:
        state = "not open" if self._sandbox is None else "open"
        fate = "deleted at the end" if self.owned else "left running"
        return f"<DaytonaSandbox {self.id} ({state}, {fate})>"

    def _opened(self) -> "tuple[AsyncSandbox, Client]":
        if self._sandbox is None or self._client is None:
            raise SandboxGoneError(f"Sandbox {self.id} is not open; open it first.")
        self._used = asyncio.get_running_loop().time()
        return self._sandbox, self._client

    async def _ask(
        self,
        request: Callable[[], Awaitable[T]],
        what: str,
        *,
        timeout: float,
        patience: float | None,
        path: str | None = None,
    ) -> T:
        """Send a request as often as need be and time allows; only our own errors leave."""
        _, client = self._opened()
        async with client.turn():
            with client.translated(f"sandbox {self.id}", path):
                deadline = asyncio.get_running_loop().time() + timeout
                return await client.ask(request, what, deadline=deadline, patience=patience)

    async def _while_started(self, request: "Callable[[AsyncSandbox], Awaitable[T]]") -> T:
        """Send a request to the sandbox, and start that where it is found stopped."""
        sandbox, _ = self._opened()
        for _ in range(_STARTS):
            starts = self._starts
            try:
                return await request(sandbox)
            except Exception as error:
                if not may_mean_not_running(error):
                    raise
                await self._ensure_started()
                if self._starts != starts:
                    continue
                if may_be_misled(error):
                    raise NotReachedError(
                        f"It runs, and Daytona takes these credentials, but its proxy says: {error}"
                    ) from error
                raise  # it was running all the time
        raise SandboxUnavailableError(
            f"Sandbox {self.id} stops each time that it is started; check its intervals in "
            "Daytona's dashboard, and who else uses it."
        )

    async def _ensure_started(self) -> None:
        """Start the sandbox if it does not run. Calls at the same time wait for the same start."""
        if self._start_task is None or self._start_task.done():
            self._start_task = asyncio.create_task(self._wait_started())
            self._start_task.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._start_task)

    async def _wait_started(self) -> None:
        """Ask for the state until it is `started`, and start the sandbox where it is stopped."""
        sandbox, client = self._opened()
        clock, pause = asyncio.get_running_loop().time, _FIRST_POLL
        deadline = clock() + self.startup_timeout
        with client.translated(f"sandbox {self.id}"):
            while True:
                await client.ask(
                    sandbox.refresh_data,
                    f"the state of sandbox {self.id}",
                    deadline=deadline,
                    patience=PATIENCE,
                )
                state = state_of(sandbox)
                if state == "started":
                    return
                self._check(sandbox, state, late=clock() > deadline)
                if not self.wakes:
                    raise SandboxUnavailableError(f"Sandbox {self.id} is {state}, and stays so.")
                self._starts += 1
                if state in _ASLEEP and await self._start(sandbox, client, deadline):
                    logger.info("started sandbox %s, which was %s", self.id, state)
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_POLL)

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

    async def _start(self, sandbox: "AsyncSandbox", client: Client, deadline: float) -> bool:
        """Start a sandbox; False if it is just changing its state."""
        clock = asyncio.get_running_loop().time

        async def start() -> None:
            # A keyword, or the SDK would wait for ever.
            await sandbox.start(timeout=max(1.0, deadline - clock()))

        try:
            await client.ask(
                start, f"the start of sandbox {self.id}", deadline=deadline, patience=STARTING
            )
        except Exception as error:
            if status_of(error) == 409:
                return False
            raise
        return True

    async def _send_keep_alives(self) -> None:
        """Tell Daytona of activity while the session is in use, so that it is not stopped."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_KEEP_ALIVE_INTERVAL)
            if self._sandbox is not None and clock() - self._used < self._keep_alive:
                with contextlib.suppress(Exception):  # the next one comes in time
                    await self._sandbox.refresh_activity()


def _check_name(method: str, what: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"{method} takes {what}, not {name!r:.200}.")


def _check_params(method: str, params: object) -> None:
    """Refuse what looks like parameters, without the seconds that importing the SDK takes."""
    if params is not None and not hasattr(params, "auto_stop_interval"):
        raise InvalidArgumentError(
            f"{method} takes the SDK's CreateSandboxFromImageParams(image=…) or "
            f"CreateSandboxFromSnapshotParams(snapshot=…), not a {type(params).__name__}; import "
            "them from `daytona`."
        )
