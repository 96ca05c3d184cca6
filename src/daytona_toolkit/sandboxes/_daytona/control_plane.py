"""Daytona's control plane: sandboxes made once, found, and deleted for certain."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from daytona_toolkit.errors import InvalidArgumentError, SandboxError, SandboxFailedError
from daytona_toolkit.sandboxes._daytona.errors import retried, status_of, translated

if TYPE_CHECKING:
    from daytona import (
        AsyncDaytona,
        AsyncSandbox,
        CreateSandboxFromImageParams,
        CreateSandboxFromSnapshotParams,
        DaytonaConfig,
    )

    Params = CreateSandboxFromImageParams | CreateSandboxFromSnapshotParams

logger = logging.getLogger("daytona_toolkit")

# Labels: whose sandbox it is that a name was taken by, and the key that it is kept under.
CLAIM = "daytona-toolkit-claim"
KEY = "daytona-toolkit-key"

# Minutes. After `kill -9` nobody deletes the sandbox: Daytona stops it when it has been
# idle, and deletes it when it has been stopped for a day; one that is kept, for a week.
AUTO_STOP = 15
AUTO_DELETE = 24 * 60
AUTO_DELETE_KEPT = 7 * AUTO_DELETE

# Seconds for the deletion of a sandbox. While it starts or stops, Daytona refuses it.
_FAREWELL = 30.0

# The same while Python ends, and its user waits for the prompt.
_LAST_WORDS = 10.0

# Seconds after which a sandbox must be known whose creation got no answer.
_HEARSAY = 3.0

# Daytona's words for what is no more.
GONE = ("destroying", "destroyed")

_SANDBOXES_PAGE = "https://app.daytona.io/dashboard/sandboxes"


class ControlPlane:
    """One client of the SDK, and the sandbox that it made.

    It belongs to the event loop that it was connected on.

    Attributes:
        created: Id or name of the sandbox that this object made, or may have made.
    """

    def __init__(self, sdk: "AsyncDaytona") -> None:
        self._sdk = sdk
        self.created: str | None = None
        self._made: AsyncSandbox | None = None
        self._hearsay = 0.0

    @classmethod
    async def connect(cls, config: "DaytonaConfig | Mapping[str, str] | None") -> "ControlPlane":
        """Make a client; nothing is sent yet."""
        # The import takes seconds, and the loop may have other work.
        await asyncio.to_thread(_import_sdk)
        from daytona import AsyncDaytona, DaytonaConfig

        with translated("a new client"):
            if isinstance(config, Mapping):
                config = DaytonaConfig.model_validate(config)
            return cls(AsyncDaytona(config))

    async def get(self, id_or_name: str, *, deadline: float) -> "AsyncSandbox":
        """Find a sandbox by its id or name."""
        with translated(f"sandbox {id_or_name!r}"):
            return await retried(lambda: self._sdk.get(id_or_name), deadline=deadline)

    async def create(
        self, params: "Params | None", *, deadline: float, key: str | None = None
    ) -> "AsyncSandbox":
        """Make a sandbox.

        A request to create may be sent twice only because it names the sandbox: the second
        finds the name taken, and a label tells by whom.

        Args:
            params: As the caller gave them.
            deadline: When it must have started, on the loop's clock.
            key: What to keep it under; None for one that is deleted at the end.
        """
        from daytona import CreateSandboxFromSnapshotParams

        claim = secrets.token_hex(6)
        params = _completed(params or CreateSandboxFromSnapshotParams(), claim, key)
        name, clock = str(params.name), asyncio.get_running_loop().time

        async def once() -> "AsyncSandbox":
            self.created, self._hearsay = name, _HEARSAY
            try:
                return await self._sdk.create(params, timeout=max(1.0, deadline - clock()))
            except Exception as error:
                status = status_of(error)
                if status == 409:
                    return await self._take(name, claim, key)
                if status in (401, 403, 429):
                    self.created = None
                elif status in (400, 422):
                    self._hearsay = 0.0  # there may be one that did not start, but it is known
                elif made := getattr(error, "sandbox_id", None):
                    self.created = str(made)
                raise

        with translated("a new sandbox"):
            sandbox = await retried(once, deadline=deadline)
        if self.created:
            self.created, self._made = sandbox.id, sandbox
        return sandbox

    async def _take(self, name: str, claim: str, key: str | None) -> "AsyncSandbox":
        """The sandbox that has the name that we wanted, if it is meant for us."""
        found = await self._sdk.get(name)
        if found.labels.get(CLAIM) == claim:
            return found  # made by a request whose answer was lost
        self.created = None
        if key is not None and found.labels.get(KEY) == key:
            return found
        raise SandboxFailedError(
            f"There is a sandbox named {name!r} already; attach to it, or choose another name."
        )

    async def get_or_create(
        self, key: str, params: "Params | None", *, deadline: float
    ) -> "AsyncSandbox":
        """Find the sandbox that is kept under a key, or make it.

        Of two that make it at the same time one wins, because both give it the same name,
        and Daytona gives a name to one sandbox only: the other finds it taken, and takes
        that sandbox.
        """
        from daytona import ListSandboxesQuery

        async def find() -> "list[AsyncSandbox]":
            return [found async for found in self._sdk.list(ListSandboxesQuery(labels={KEY: key}))]

        with translated(f"the sandbox kept under {key!r}"):
            found = await retried(find, deadline=deadline)
        if found:
            return min(found, key=lambda sandbox: (sandbox.created_at or "", sandbox.id))
        return await self.create(params, deadline=deadline, key=key)

    def keep(self) -> None:
        """Leave the sandbox that was made to others."""
        self.created = None

    async def discard(self) -> None:
        """Delete the sandbox that was made, if one was.

        Raises:
            SandboxError: It could not be deleted.
        """
        created, self.created = self.created, None
        if created is None:
            return
        # While Python ends it starts no more threads, and without one asyncio cannot look up
        # the name of a host.
        ending = not threading.main_thread().is_alive()
        try:
            with translated(f"sandbox {created}"):
                await (self._delete_plainly(created) if ending else self._delete(created))
        except SandboxError:
            logger.warning(
                "Sandbox %s could not be deleted. Do it at %s; otherwise Daytona will, when it "
                "has been idle for as long as its intervals say.",
                created,
                _SANDBOXES_PAGE,
            )
            raise

    async def close(self) -> None:
        """Close the connections."""
        with contextlib.suppress(Exception):  # there is nothing left to lose
            await self._sdk.close()  # type: ignore[no-untyped-call]

    async def _delete(self, created: str) -> None:
        now = asyncio.get_running_loop().time()
        sandbox = self._made
        try:
            if sandbox is None:
                # The request that makes it may still be on its way.
                sandbox = await retried(
                    lambda: self._sdk.get(created), deadline=now + self._hearsay, also=(404,)
                )
            await retried(partial(_delete_once, sandbox), deadline=now + _FAREWELL, also=(409,))
        except Exception as error:
            if status_of(error) != 404:
                raise

    async def _delete_plainly(self, created: str) -> None:
        client = self._sdk._api_client
        request = urllib.request.Request(  # noqa: S310 # where the SDK sends the key, too
            f"{client.configuration.host}/sandbox/{urllib.parse.quote(created, safe='')}",
            headers=client.default_headers,
            method="DELETE",
        )

        async def delete() -> None:
            with urllib.request.urlopen(request, timeout=10):  # noqa: ASYNC210, S310 # see discard
                pass

        deadline = asyncio.get_running_loop().time() + _LAST_WORDS
        try:
            await retried(delete, deadline=deadline, also=(409,))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise


def _import_sdk() -> None:
    from daytona import AsyncDaytona  # noqa: F401 # a lazy package: the class is what takes long


def state_of(sandbox: "AsyncSandbox") -> str:
    """The state of a sandbox, as last seen."""
    return str(getattr(sandbox.state, "value", sandbox.state))


def identity(sandbox: Any) -> dict[str, str]:
    """The configuration that a sandbox object of the SDK was made with.

    Raises:
        InvalidArgumentError: It is none.
    """
    try:
        client = sandbox._sandbox_api.api_client
        headers, host = client.default_headers, client.configuration.host
        token = headers["Authorization"].removeprefix("Bearer ")
    except (AttributeError, KeyError):
        raise InvalidArgumentError(
            f"wrap takes a Sandbox or an AsyncSandbox of the Daytona SDK, not {type(sandbox)}; "
            "to name a sandbox, use attach."
        ) from None
    organization = headers.get("X-Daytona-Organization-ID")
    key = (
        {"jwt_token": token, "organization_id": organization}
        if organization
        else {"api_key": token}
    )
    return {**key, "api_url": host, "target": sandbox.target}


async def _delete_once(sandbox: "AsyncSandbox") -> None:
    try:
        await sandbox.delete(timeout=10)
    except Exception as error:
        if status_of(error) not in (400, 409):
            raise
        # A deletion whose answer was lost is refused the second time.
        await sandbox.refresh_data()
        if state_of(sandbox) not in GONE:
            raise


def _completed(params: "Params", claim: str, key: str | None) -> "Params":
    """A copy of the parameters, with what the caller left to us."""
    unique = claim if key is None else hashlib.sha256(key.encode()).hexdigest()[:16]
    labels = {**(params.labels or {}), CLAIM: claim, **({} if key is None else {KEY: key})}
    ours: dict[str, Any] = {"name": params.name or f"toolkit-{unique}", "labels": labels}
    # They exclude each other.
    if params.auto_stop_interval is None and not getattr(params, "auto_pause_interval", None):
        ours["auto_stop_interval"] = AUTO_STOP
    if params.auto_delete_interval is None:
        ours["auto_delete_interval"] = AUTO_DELETE if key is None else AUTO_DELETE_KEPT
    return params.model_copy(update=ours)
