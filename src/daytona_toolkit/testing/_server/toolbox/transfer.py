"""Contents of files: the multipart forms of bulk upload and bulk download."""

import json
import mimetypes
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import quote

from aiohttp import web

from daytona_toolkit.testing._server import bodies
from daytona_toolkit.testing._server.errors import DaemonError, FileError
from daytona_toolkit.testing._server.sandbox import SANDBOX, Sandbox

_FIELD = re.compile(rb'name="files\[(\d+)\]\.(path|file)"')
_BOUNDARY = "DAYTONA-FILE-BOUNDARY"
_DOWNLOAD_REQUEST = bodies.Struct("FilesDownloadRequest", {"paths": "[]string"})


def routes() -> list[web.RouteDef]:
    """Return the routes below a toolbox."""
    return [
        web.post("/files/bulk-upload", _upload, name="upload"),
        web.post("/files/bulk-download", _download, name="download"),
        web.get("/files/download", _download_one, name="download_one"),
        web.post("/files/upload", _upload_one, name="upload_one"),
    ]


async def _upload(request: web.Request) -> web.Response:
    """Write the files of a form while it arrives; what fails is listed, the rest is written."""
    upload = _BulkUpload(request[SANDBOX])
    try:
        async for event in form_events(_boundary(request), bodies.chunks(request)):
            await upload.take(event)
    except NotAFormError:
        return web.json_response({"errors": ["invalid multipart form"]}, status=400)
    except (ConnectionError, EOFError, web.RequestPayloadError):
        await upload.cut()
    else:
        await upload.finish()
    answer: dict[str, Any] = {"files": upload.written or None}
    if upload.errors:
        answer["errors"] = upload.errors
    return web.json_response(bodies.go_value(answer), status=400 if upload.errors else 200)


class _BulkUpload:
    """The files of one form.

    Attributes:
        written: What was written, for the answer.
        errors: What failed, for the answer.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.written: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._machine = sandbox.machine
        self._old = sandbox.settings.generation == "old"
        self._destinations: dict[str, str] = {}
        self._field: Field | None = None
        self._path = bytearray()
        self._upload: int | None = None

    async def take(self, event: "Field | bytes") -> None:
        """Begin a field, or go on with the one that was begun."""
        if isinstance(event, Field):
            await self.finish()
            self._field = event
            if event.what == "file":
                await self._begin(event.index)
        elif self._field and self._field.what == "path":
            self._path += event
        elif self._upload is not None:
            try:
                await self._machine.call("append_upload", {"upload": self._upload}, event)
            except FileError as error:
                await self.cut(error.message)

    async def finish(self) -> None:
        """End the field that was begun, which is complete."""
        field, self._field = self._field, None
        if field and field.what == "path":
            path = self._path.decode(errors="surrogateescape")
            self._path.clear()
            self._destinations[field.index] = path.strip() if self._old else path
        elif self._upload is not None:
            arguments = {"upload": self._upload, "complete": True}
            self._upload = None
            try:
                size, _ = await self._machine.call("end_upload", arguments)
            except FileError as error:
                self._fail(error.message)
            else:
                self.written.append({"path": self._destination, "bytes": size})

    async def cut(self, why: str = "write: unexpected EOF") -> None:
        """End the field that was begun, of which no more will come."""
        if self._upload is None:
            self.errors.append("reading part: multipart: NextPart: EOF")
            return
        arguments = {"upload": self._upload, "complete": False}
        self._upload = None
        await self._machine.call("end_upload", arguments)
        self._fail(why)

    async def _begin(self, index: str) -> None:
        self._destination = self._destinations.get(index, "")
        if not self._destination:
            self.errors.append(f"file[{index}]: missing .path metadata")
            return
        arguments = {"path": self._destination, "beside": not self._old}
        try:
            self._upload, _ = await self._machine.call("begin_upload", arguments)
        except FileError as error:
            self._fail(error.message)

    def _fail(self, why: str) -> None:
        self.errors.append(f"{self._destination}: {why}")


def _boundary(request: web.Request) -> str | None:
    header = Message()
    header["Content-Type"] = request.headers.get("Content-Type", "")
    return header.get_boundary()


class NotAFormError(Exception):
    """A body is no multipart form."""


@dataclass(frozen=True)
class Field:
    """The beginning of a field in a form: index of its file, and "path" or "file"."""

    index: str
    what: str


async def form_events(
    boundary: str | None, chunks: AsyncIterator[bytes]
) -> AsyncIterator[Field | bytes]:
    """Yield a bulk upload's fields as they come: first the field, then its content in pieces.

    Names alone count: the SDKs fill in the other parameters each in their own way.

    Raises:
        NotAFormError: The body is no form.
        EOFError: The form lacks its end.
    """
    if not boundary:
        raise NotAFormError
    delimiter = b"\r\n--" + boundary.encode()
    rest, in_head, in_field = b"\r\n", False, False
    async for chunk in chunks:
        rest += chunk
        while True:
            if in_head:
                if rest.startswith(b"--"):
                    return
                head, complete, content = rest.partition(b"\r\n\r\n")
                if not complete:
                    break
                rest, in_head = content, False
                named = _FIELD.search(head)
                in_field = named is not None
                if named:
                    yield Field(named[1].decode(), named[2].decode())
            before, found, after = rest.partition(delimiter)
            if not found:
                # The end of what is there may be the beginning of a delimiter.
                safe = max(0, len(rest) - len(delimiter) + 1)
                if in_field and safe:
                    yield rest[:safe]
                rest = rest[safe:]
                break
            if in_field and before:
                yield before
            rest, in_head = after, True
    raise EOFError


async def _upload_one(request: web.Request) -> web.Response:
    """Write the one file of a form to the path in the query."""
    path = request.query.get("path", "")
    if not path:
        raise FileError(400, "path is required")
    try:
        field = (await request.post()).get("file")
    except ValueError:
        field = None
    if not isinstance(field, web.FileField):
        raise FileError(400, "http: no such file")
    machine = request[SANDBOX].machine
    upload, _ = await machine.call("begin_upload", {"path": path, "beside": False})
    await machine.call("append_upload", {"upload": upload}, field.file.read())
    await machine.call("end_upload", {"upload": upload, "complete": True})
    return web.Response()


async def _download(request: web.Request) -> web.Response:
    try:
        paths = (await bodies.read_json(request, _DOWNLOAD_REQUEST))["paths"]
    except DaemonError:
        paths = []
    if not paths:
        return web.json_response({"error": "request body must be {paths: [...]}"}, status=400)
    parts = [await _part(request, path) for path in paths]
    body = b"".join([*parts, f"--{_BOUNDARY}--\r\n".encode()])
    # Not multipart/mixed, which the SDK refuses.
    content_type = f"multipart/form-data; boundary={_BOUNDARY}"
    return web.Response(body=body, headers={"Content-Type": content_type})


async def _part(request: web.Request, name: str) -> bytes:
    """Return one part of the form: the file, or the daemon's error about it."""
    sandbox = request[SANDBOX]
    try:
        _, content = await sandbox.machine.call("download", {"path": name})
    except FileError as error:
        body = json.dumps(error.part(sandbox.settings.generation, name)).encode()
        return _form_part("error", name, "application/json; charset=utf-8", body)
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return _form_part("file", name, content_type, content)


async def _download_one(request: web.Request) -> web.Response:
    """Send one file as it is."""
    path = request.query.get("path", "")
    try:
        _, content = await request[SANDBOX].machine.call("download", {"path": path})
    except FileError as error:
        # What a form calls a failed read is a bad request here.
        status = 400 if error.status == 500 else error.status
        raise FileError(status, error.message, code=error.code) from error
    return web.Response(body=content, content_type="application/octet-stream")


def _form_part(label: str, name: str, content_type: str, content: bytes) -> bytes:
    head = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{label}"; filename="{_latin1(name)}"; '
        f"filename*=utf-8''{quote(name, safe='')}\r\n"
        f"Content-Type: {content_type}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return b"".join([head.encode("latin-1"), content, b"\r\n"])


def _latin1(name: str) -> str:
    """Return a file name for the plain parameter, the only one that SDKs before 0.197 read."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(letter if " " <= letter <= "\xff" else "_" for letter in escaped)
