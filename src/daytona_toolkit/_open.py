"""Open a session wherever one is available."""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
    root: str | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    confined: bool = False,
    limits: Limits | None = None,
) -> SandboxSession:
    """A session over a new Daytona sandbox when there are credentials, else over a local one.

    Credentials are `DAYTONA_API_KEY`, or `DAYTONA_JWT_TOKEN` and `DAYTONA_ORGANIZATION_ID`, in
    the environment. `params` or `config` ask for Daytona in any case, `folder` or `isolation`
    for a local sandbox. The decision is made once, and is in the log `daytona_toolkit`; no
    failure changes it later.

    Args:
        params: For Daytona: the SDK's parameters of the new sandbox.
        config: For Daytona: the SDK's configuration.
        folder: For a local sandbox: its workspace; a temporary one unless given.
        isolation: For a local sandbox: how it is confined.
        root: As for `SandboxSession`.
        env: As for `SandboxSession`.
        secrets: As for `SandboxSession`.
        confined: As for `SandboxSession`.
        limits: As for `SandboxSession`.

    Returns:
        The session, not open yet.

    Raises:
        InvalidArgumentError: Arguments for a local sandbox and for Daytona are mixed.

    Example:
        ```python
        with open_session() as session:
            print(session.exec("echo hello").stdout)
        ```
    """
    sandbox = _choose(params, config, folder, isolation)
    return SandboxSession(
        sandbox, root=root, env=env, secrets=secrets, confined=confined, limits=limits
    )


def _choose(params: Any, config: Any, folder: Any, isolation: "Isolation") -> Sandbox:
    wants_local = folder is not None or isolation != "auto"
    if wants_local and (params is not None or config is not None):
        raise InvalidArgumentError(
            "open_session was given `folder` or `isolation`, which are for a local sandbox, and "
            "`params` or `config`, which are for one of Daytona; leave out one or the other."
        )
    if not wants_local and (reason := _reason_for_daytona(params, config)):
        from daytona_toolkit.sandboxes import DaytonaSandbox

        logger.info("the session will use a new Daytona sandbox: %s", reason)
        return DaytonaSandbox.create(params, config=config)
    from daytona_toolkit.sandboxes import LocalSandbox

    reason = "it was given a folder or an isolation" if wants_local else "no credentials are set"
    logger.info("the session will use a local sandbox: %s", reason)
    return LocalSandbox(folder, isolation=isolation)


def _reason_for_daytona(params: Any, config: Any) -> str | None:
    if params is not None or config is not None:
        return "it was given parameters or a configuration"
    if os.environ.get("DAYTONA_API_KEY"):
        return "DAYTONA_API_KEY is set"
    if os.environ.get("DAYTONA_JWT_TOKEN") and os.environ.get("DAYTONA_ORGANIZATION_ID"):
        return "DAYTONA_JWT_TOKEN is set"
    return None
