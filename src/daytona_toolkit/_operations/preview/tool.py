"""The tool `preview`."""

from pydantic import Field

from daytona_toolkit import _operations as operations
from daytona_toolkit._operations.preview import PORTS
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, read_only_tool


class PreviewArguments(Arguments):
    """Arguments of preview."""

    port: int = Field(
        ge=PORTS[0], le=PORTS[-1], description="The port that the server listens on, such as 8000."
    )


async def _preview(call: Call, arguments: PreviewArguments) -> Result:
    return await operations.preview.preview(call.workspace, arguments.port)


_ABOUT = (
    "Get the URL at which people and programs outside the workspace reach a server that "
    "listens on one of its ports. It starts no server: start one before, in the background. "
    "Commands in the workspace do not need it; they use http://127.0.0.1 and the port."
)

PREVIEW = read_only_tool("preview", "Get the URL of a port", _ABOUT, PreviewArguments, _preview)
