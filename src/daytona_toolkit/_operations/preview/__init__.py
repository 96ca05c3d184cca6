"""preview: the address at which others reach a port of the sandbox."""

from typing import Protocol, runtime_checkable

from daytona_toolkit._operations.preview.result import Preview
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import InvalidArgumentError, PreviewError

PORTS = range(1, 65_536)


@runtime_checkable
class _Previewing(Protocol):
    """A sandbox whose ports have addresses."""

    async def preview(self, port: int) -> tuple[str, dict[str, str]]: ...


async def preview(workspace: Workspace, port: int) -> Preview:
    """The URL at which a port of the sandbox is reached from outside.

    It does not tell whether a server listens there. In a Daytona sandbox it is a link
    through Daytona's proxy, and in a local one that shares the network it is this machine.

    Args:
        port: The port, from 1 to 65,535.

    Returns:
        The URL, and the headers that a request for it must bring.

    Raises:
        PreviewError: A local sandbox without `network=True`, a kind of sandbox that has no
            addresses, or a port that Daytona gives none.
        InvalidArgumentError: It is not a port.

    Example:
        ```python
        session.exec("python3 -m http.server 8000", background=True)
        link = session.preview(8000)
        print(link.url, link.headers)
        ```
    """
    if isinstance(port, bool) or not isinstance(port, int) or port not in PORTS:
        raise InvalidArgumentError(
            f"{port!r} is not a port; give a number from {PORTS[0]} to {PORTS[-1]:,}."
        )
    sandbox = workspace.sandbox
    if not isinstance(sandbox, _Previewing):
        raise PreviewError(
            f"A {type(sandbox).__name__} has no addresses for its ports, so port {port} "
            "cannot be reached from outside. Use the server inside, with exec, or publish the "
            "port of the machine, for example with `docker run -p` or `ssh -L`."
        )
    url, headers = await sandbox.preview(port)
    return Preview(url=url, headers=headers)
