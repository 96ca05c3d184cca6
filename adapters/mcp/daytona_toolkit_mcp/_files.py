"""Files of the workspace as resources."""

import base64
import mimetypes
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias
from urllib.parse import quote, unquote

import mcp_types as types
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError

from daytona_toolkit import SandboxError, SandboxSession, TerminalError
from daytona_toolkit.results import Entry
from daytona_toolkit.tools import valid_unicode

# The session of a request.
SessionOf: TypeAlias = Callable[[ServerRequestContext], AbstractAsyncContextManager[SandboxSession]]

_SCHEME = "workspace:///"

# Bytes of the largest file that is read whole; the tool `read` shows parts of larger ones.
_LARGEST = 1024 * 1024


class Files:
    """What lies in the workspace; what lies in its root is listed."""

    def __init__(self, session_of: SessionOf) -> None:
        self._session_of = session_of

    async def list(
        self, ctx: ServerRequestContext, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """The files of the root, none while the workspace is not open.

        Clients list what there is as soon as they connect, which shall not start a sandbox.
        """
        try:
            async with self._session_of(ctx) as session:
                entries = (await session.als()).entries if session.is_open else ()
        except SandboxError as error:
            raise _refused(error) from None
        files = [_resource(entry) for entry in entries if entry.type == "file"]
        return types.ListResourcesResult(resources=files)

    async def templates(
        self, ctx: ServerRequestContext, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """One, for every file."""
        about = "A file of the workspace, by its path from the root."
        uri = f"{_SCHEME}{{+path}}"
        file = types.ResourceTemplate(uri_template=uri, name="file", description=about)
        return types.ListResourceTemplatesResult(resource_templates=[file])

    async def read(
        self, ctx: ServerRequestContext, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """A whole file: its text if it is UTF-8, else its bytes."""
        if not params.uri.startswith(_SCHEME):
            raise MCPError(types.INVALID_PARAMS, f"Unknown resource: {params.uri}")
        path = unquote(params.uri.removeprefix(_SCHEME), errors="surrogateescape")
        try:
            async with self._session_of(ctx) as session:
                content = session.mask.in_bytes(await session.aread_bytes(path))
        except SandboxError as error:
            raise _refused(error) from None
        if len(content) > _LARGEST:
            size = f"{len(content):,} bytes, more than the {_LARGEST:,} of a resource"
            told = f"{valid_unicode(path)} has {size}; read parts of it."
            raise MCPError(types.INVALID_PARAMS, told)
        kind = mimetypes.guess_type(path)[0]
        part: types.TextResourceContents | types.BlobResourceContents
        if b"\0" in content or content != (text := content.decode(errors="replace")).encode():
            blob = base64.b64encode(content).decode()
            part = types.BlobResourceContents(uri=params.uri, mime_type=kind, blob=blob)
        else:
            part = types.TextResourceContents(uri=params.uri, mime_type=kind, text=text)
        return types.ReadResourceResult(contents=[part])


def _refused(error: SandboxError) -> MCPError:
    ours = isinstance(error, TerminalError)
    code = types.INTERNAL_ERROR if ours else types.INVALID_PARAMS
    return MCPError(code, valid_unicode(str(error)))


def _resource(entry: Entry) -> types.Resource:
    return types.Resource(
        uri=_SCHEME + quote(entry.path, errors="surrogateescape"),
        name=valid_unicode(entry.path),
        mime_type=mimetypes.guess_type(entry.path)[0],
        size=entry.size,
    )
