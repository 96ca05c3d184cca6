"""Open a session wherever one is available."""

import logging
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from daytona_toolkit._arguments import AnyPath
from daytona_toolkit._session import SandboxSession
from daytona_toolkit.errors import InvalidArgumentError
from daytona_toolkit.limits import Limits
from daytona_toolkit.sandboxes import Sandbox

if TYPE_CHECKING:
    from daytona import DaytonaConfig

    from daytona_toolkit.sandboxes._daytona.control_plane import Params
    from daytona_toolkit.sandboxes._local.confinement import Isolation

logger = logging.getLogger("daytona_toolkit")


def open_session(
    *,
    params: "Params | None" = None,
    config: "DaytonaConfig | None" = None,
    folder: str | os.PathLike[str] | None = None,
    isolation: "Isolation" = "auto",
    network: bool = False,
    readable: Iterable[str | os.PathLike[str]] = (),
    home: str | os.PathLike[str] | None = None,
    root: AnyPath | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    confined: bool = False,
    limits: Limits | None = None,
) -> SandboxSession:
    """A session over a new Daytona sandbox when there are credentials, else over a local one.

    Credentials are `DAYTONA_API_KEY`, or `DAYTONA_JWT_TOKEN` and `DAYTONA_ORGANIZATION_ID`, in
    the environment. `params` or `config` ask for Daytona in any case, `folder`, `isolation`,
    `readable` or `home` for a local sandbox. The decision is made once, and is in the log
    `daytona_toolkit`; no failure changes it later.

    Args:
        params: For Daytona: the SDK's parameters of the new sandbox.
        config: For Daytona: the SDK's configuration.
        folder: For a local sandbox: its workspace; a temporary one unless given.
        isolation: For a local sandbox: how it is confined.
        network: Whether commands may use this machine's network, if the sandbox is a local one.
        readable: For a local sandbox: further paths of this machine that commands may read.
        home: For a local sandbox: the home folder of commands.
        root: As for `SandboxSession`.
        env: As for `SandboxSession`.
        secrets: As for `SandboxSession`.
        confined: As for `SandboxSession`.
        limits: As for `SandboxSession`.

    Returns:
        The session, not open yet. At its end a new Daytona sandbox is deleted and a temporary
        folder removed; a `folder` that was given stays.

    Raises:
        InvalidArgumentError: Arguments for a local sandbox and for Daytona are mixed.

    Example:
        ```python
        with open_session() as session:
            print(session.exec("echo hello").stdout)
        ```
    """
    wishes = {
        "folder": folder,
        "isolation": None if isolation == "auto" else isolation,
        "readable": readable or None,
        "home": home,
    }
    given = {name: value for name, value in wishes.items() if value is not None}
    sandbox = _choose(params, config, given, network=network)
    return SandboxSession(
        sandbox, root=root, env=env, secrets=secrets, confined=confined, limits=limits
    )


def _choose(params: Any, config: Any, local: dict[str, Any], *, network: bool) -> Sandbox:
    if local and (params is not None or config is not None):
        raise InvalidArgumentError(
            f"open_session was given `{'`, `'.join(local)}`, for a local sandbox, and `params` or "
            "`config`, for one of Daytona; leave out one or the other."
        )
    if not local and (reason := _reason_for_daytona(params, config)):
        from daytona_toolkit.sandboxes import DaytonaSandbox

        logger.info("the session will use a new Daytona sandbox: %s", reason)
        return DaytonaSandbox.create(params, config=config)
    from daytona_toolkit.sandboxes import LocalSandbox

    reason = f"it was given `{'`, `'.join(local)}`" if local else "no credentials are set"
    logger.info("the session will use a local sandbox: %s", reason)
    return LocalSandbox(**local, network=network)


def _reason_for_daytona(params: Any, config: Any) -> str | None:
    if params is not None or config is not None:
        return "it was given parameters or a configuration"
    if os.environ.get("DAYTONA_API_KEY"):
        return "DAYTONA_API_KEY is set"
    if os.environ.get("DAYTONA_JWT_TOKEN") and os.environ.get("DAYTONA_ORGANIZATION_ID"):
        return "DAYTONA_JWT_TOKEN is set"
    return None
