"""Daytona's control plane: creates a sandbox exactly once, finds it, and deletes it."""

import asyncio
import hashlib
import logging
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from daytona_toolkit.errors import InvalidArgumentError, SandboxError, SandboxFailedError
from daytona_toolkit.sandboxes._daytona.client import Client
from daytona_toolkit.sandboxes._daytona.errors import never_connected, page, status_of

if TYPE_CHECKING:
    from daytona import AsyncSandbox, CreateSandboxFromImageParams, CreateSandboxFromSnapshotParams

    Params = CreateSandboxFromImageParams | CreateSandboxFromSnapshotParams

logger = logging.getLogger("daytona_toolkit")

# Labels of a sandbox: the request that created it, and the key that it is kept under.
CLAIM = "daytona-toolkit-claim"
KEY = "daytona-toolkit-key"

# Minutes. After `kill -9` nobody deletes the sandbox: Daytona stops it when it has been
# idle, and deletes it when it has been stopped for a day; one that is kept, for a week.
AUTO_STOP = 15
AUTO_DELETE = 24 * 60
AUTO_DELETE_KEPT = 7 * AUTO_DELETE

# Seconds to delete a sandbox: while it starts or stops, Daytona refuses.
_DELETE_TIMEOUT = 30.0

# Seconds within which a sandbox whose creation got no answer becomes visible.
_VISIBLE_AFTER = 3.0

# States of a deleted sandbox.
GONE = ("destroying", "destroyed")

# Seconds in which an answer is due. Daytona itself takes up to 30 to answer that a sandbox has
# started.
PATIENCE = 5.0
STARTING = 35.0


class ControlPlane:
    """Sends requests about sandboxes, and owns the one that it created.

    Attributes:
        client: The SDK's client.
        created: Id or name of the sandbox that this object made, or may have made.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._sdk = client.sdk
        self.created: str | None = None
        self._made: AsyncSandbox | None = None
        self._visible_after = 0.0

    async def get(self, id_or_name: str, *, deadline: float) -> "AsyncSandbox":
        """Find a sandbox by its id or name."""
        what = f"sandbox {id_or_name!r}"
        with self.client.translated(what):
            return await self.client.ask(
                lambda: self._sdk.get(id_or_name), what, deadline=deadline, patience=PATIENCE
            )

    async def create(
        self,
        params: "Params | None",
        *,
        deadline: float,
        key: str | None = None,
        keep: bool = False,
    ) -> "AsyncSandbox":
        """Make a sandbox.

        A request to create may be sent twice only because it names the sandbox: the second
        finds the name taken, and a label tells by whom.

        Args:
            params: As the caller gave them.
            deadline: When it must have started, on the loop's clock.
            key: What it is found by later; None for one that is nobody else's.
            keep: Whether it is left at the end.
        """
        from daytona import CreateSandboxFromSnapshotParams

        claim = secrets.token_hex(6)
        params = _completed(params or CreateSandboxFromSnapshotParams(), claim, key, keep=keep)
        name, clock = str(params.name), asyncio.get_running_loop().time

        async def once() -> "AsyncSandbox":
            before, self.created, self._visible_after = self.created, name, _VISIBLE_AFTER
            try:
                return await self._sdk.create(params, timeout=max(1.0, deadline - clock()))
            except Exception as error:
                status = status_of(error)
                if status == 409:
                    return await self._take(name, claim, key)
                if status in (401, 403, 429):
                    self.created = None
                elif never_connected(error):
                    self.created = before
                elif status in (400, 404, 422):
                    # There may be one that did not start, but it is known by now.
                    self._visible_after = 0.0
                elif made := getattr(error, "sandbox_id", None):
                    self.created = str(made)
                if status == 404:
                    raise SandboxFailedError(
                        f"Daytona does not know what to make a sandbox of: {error}; check what the "
                        "parameters name, and the address (DAYTONA_API_URL), which ends with /api "
                        "and no slash."
                    ) from error
                raise

        with self.client.translated("a new sandbox"):
            sandbox = await self.client.ask(
                once, "a new sandbox", deadline=deadline, patience=STARTING
            )
        if self.created:
            self.created, self._made = sandbox.id, sandbox
        return sandbox

    async def _take(self, name: str, claim: str, key: str | None) -> "AsyncSandbox":
        """The sandbox that has the wanted name already, if it is meant for us."""
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

        what = f"the sandbox kept under {key!r}"
        with self.client.translated(what):
            found = await self.client.ask(find, what, deadline=deadline, patience=PATIENCE)
        if found:
            return min(found, key=lambda sandbox: (sandbox.created_at or "", sandbox.id))
        return await self.create(params, deadline=deadline, key=key, keep=True)

    def keep(self) -> None:
        """Do not delete the sandbox at the end."""
        self.created = None

    async def discard(self) -> None:
        """Delete the sandbox that was made, if one was.

        Raises:
            SandboxError: It could not be deleted.
        """
        created, self.created = self.created, None
        if created is None:
            return
        try:
            with self.client.translated(f"sandbox {created}"):
                await self._delete(created)
        except SandboxError:
            logger.warning(
                "Sandbox %s could not be deleted. Delete it%s; otherwise Daytona will, when it "
                "has been idle for as long as its intervals say.",
                created,
                page("sandboxes", self.client.api_url) or " yourself",
            )
            raise

    async def _delete(self, created: str) -> None:
        now, what = asyncio.get_running_loop().time(), f"the deletion of sandbox {created}"
        sandbox = self._made
        try:
            if sandbox is None:
                # The request that makes it may still be on its way.
                sandbox = await self.client.ask(
                    lambda: self._sdk.get(created),
                    what,
                    deadline=now + (self._visible_after or _DELETE_TIMEOUT),
                    patience=PATIENCE,
                    also=(404,) if self._visible_after else (),
                )
            await self.client.ask(
                partial(_delete_once, sandbox),
                what,
                deadline=now + _DELETE_TIMEOUT,
                patience=PATIENCE,
                also=(409,),
            )
        except Exception as error:
            if status_of(error) != 404:
                raise


def state_of(sandbox: "AsyncSandbox") -> str:
    """The state of a sandbox, as last seen."""
    return str(getattr(sandbox.state, "value", sandbox.state))


def identity(sandbox: Any) -> dict[str, str]:
    """The configuration that a sandbox object of the SDK was made with.

    Raises:
        InvalidArgumentError: It is not such an object.
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


def _completed(params: "Params", claim: str, key: str | None, *, keep: bool) -> "Params":
    """A copy of the parameters, with what the caller left to us."""
    unique = claim if key is None else hashlib.sha256(key.encode()).hexdigest()[:16]
    labels = {**(params.labels or {}), CLAIM: claim, **({} if key is None else {KEY: key})}
    ours: dict[str, Any] = {"name": params.name or f"toolkit-{unique}", "labels": labels}
    # They exclude each other.
    if params.auto_stop_interval is None and not getattr(params, "auto_pause_interval", None):
        ours["auto_stop_interval"] = AUTO_STOP
    if params.auto_delete_interval is None:
        ours["auto_delete_interval"] = AUTO_DELETE_KEPT if keep else AUTO_DELETE
    return params.model_copy(update=ours)
