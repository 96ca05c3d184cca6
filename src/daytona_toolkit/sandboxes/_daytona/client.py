"""The SDK's client: one for all sandboxes of a configuration, with one pool of connections."""

import asyncio
import contextlib
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

from pydantic import HttpUrl, TypeAdapter, ValidationError

from daytona_toolkit._workers import in_thread
from daytona_toolkit.errors import AuthenticationError, SandboxError, SandboxUnavailableError
from daytona_toolkit.sandboxes._daytona.errors import descriptor_limit, translated
from daytona_toolkit.sandboxes._daytona.retries import retried

if TYPE_CHECKING:
    from daytona import AsyncDaytona, DaytonaConfig

    Config = DaytonaConfig | Mapping[str, str]

T = TypeVar("T")

# Requests of one client at the same time; more wait for their turn. Each takes a connection, so a
# process that may have few file descriptors sends fewer at once: one for each four of them.
_SLOTS = 200
_SHARE = 4

# The share of them that may be on their way before those that only wait for a command become short.
_MANY = 0.75

# Second copies of silent requests that are on their way at the same time.
_SPARE = 10

_ADDRESS = TypeAdapter(HttpUrl)


class Client:
    """A client of the SDK, shared.

    It belongs to the event loop that it was made on.

    Attributes:
        sdk: The client.
    """

    def __init__(self, sdk: "AsyncDaytona", key: str, slots: int) -> None:
        self.sdk = sdk
        self._slots = asyncio.Semaphore(slots)
        self._many = _MANY * slots
        self._on_way = 0
        self._spare = asyncio.Semaphore(_SPARE)
        self._reached = False
        self._key = key
        self._users = 0

    @classmethod
    async def share(cls, config: "Config | None") -> "Client":
        """The client of a configuration, made if there is none; nothing is sent.

        Raises:
            SandboxError: The configuration is no good.
        """
        if "daytona._async.daytona" not in sys.modules:
            await in_thread(_import_sdk)  # it takes seconds, and the loop has other work
        from daytona import AsyncDaytona, DaytonaConfig

        with translated("a new client"):
            if isinstance(config, Mapping):
                config = DaytonaConfig.model_validate(config)
            clients = _clients.setdefault(asyncio.get_running_loop(), {})
            key = _key(config)
            client = clients.get(key)
            if client is None:
                sdk = AsyncDaytona(config)
                try:
                    _check(sdk)
                except SandboxError:
                    await sdk.close()  # type: ignore[no-untyped-call]
                    raise
                client = clients[key] = cls(sdk, key, _slots(config))
        client._users += 1
        return client

    @property
    def api_url(self) -> str:
        """Where its requests go."""
        return str(self.sdk._api_client.configuration.host)

    @property
    def is_busy(self) -> bool:
        """Whether so many requests are on their way that others may have to wait."""
        return self._on_way >= self._many

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """What a request holds while it is on its way; there is a bound on how many are."""
        async with self._slots:
            self._on_way += 1
            try:
                yield
            finally:
                self._on_way -= 1

    def translated(
        self, subject: str, path: str | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """Let nothing but our own errors out of a block; see `errors.translated`."""
        return translated(subject, path, api_url=self.api_url)

    async def ask(
        self,
        request: Callable[[], Awaitable[T]],
        what: str,
        *,
        deadline: float,
        patience: float | None,
        also: tuple[int, ...] = (),
    ) -> T:
        """Send a request as often as need be; arguments as for `retried`."""
        answer = await retried(
            request,
            what,
            deadline=deadline,
            patience=patience,
            spare=self._spare,
            also=also,
            unreached=not self._reached,
        )
        self._reached = True
        return answer

    async def give_back(self) -> None:
        """Stop using it; the last user closes the connections."""
        self._users -= 1
        if not self._users:
            del _clients[asyncio.get_running_loop()][self._key]
            with contextlib.suppress(Exception):  # there is nothing left to lose
                await self.sdk.close()  # type: ignore[no-untyped-call]


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Client]] = WeakKeyDictionary()


def _import_sdk() -> None:
    from daytona import AsyncDaytona  # noqa: F401 # a lazy package: the class is what takes long


def _check(sdk: "AsyncDaytona") -> None:
    """Refuse an address and a key with which no request can be sent."""
    api = sdk._api_client
    url = _valid(
        api.configuration.host,
        "Daytona's address (DAYTONA_API_URL)",
        "https://app.daytona.io/api, or unset it, which means that one",
    )
    proxy = getproxies().get(url.scheme)
    if proxy and not proxy_bypass(str(url.host)):
        # The SDK would show it, with its password.
        name = f"The address of the proxy ({url.scheme.upper()}_PROXY)"
        _valid(proxy, name, "http://proxy.example:3128")
    if not api.default_headers["Authorization"].isprintable():
        raise AuthenticationError(
            "Daytona's key (DAYTONA_API_KEY) contains a line break or another control character. "
            "Remove it; a key that was read from a file often ends with a newline."
        )


def _valid(address: str, name: str, example: str) -> HttpUrl:
    try:
        return _ADDRESS.validate_python(address)
    except ValidationError as error:
        [why] = error.errors(include_input=False)
        raise SandboxUnavailableError(
            f"{name} is not valid: {why['msg']}. Set it to one such as {example}."
        ) from None


def _slots(config: "DaytonaConfig | None") -> int:
    own = (config.connection_pool_maxsize if config else None) or _SLOTS
    limit = descriptor_limit()
    return min(own, _SLOTS, max(1, limit // _SHARE) if limit else _SLOTS)


def _key(config: "DaytonaConfig | None") -> str:
    """What tells configurations apart. It is a hash, because there is an API key in it."""
    given = None if config is None else sorted(vars(config).items())
    # What is not given comes from the environment, and from files in the working folder.
    found = sorted(item for item in os.environ.items() if item[0].startswith("DAYTONA_"))
    with contextlib.suppress(OSError):  # it was removed, and no file is in it
        found.append(("cwd", str(Path.cwd())))
    experimental = getattr(config, "_experimental", None)
    return hashlib.sha256(repr((given, experimental, found)).encode()).hexdigest()
