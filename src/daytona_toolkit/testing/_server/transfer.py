"""Contents of files: the multipart forms of bulk upload and bulk download."""

import asyncio
import json
import mimetypes
import os
import re
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from daytona_toolkit.testing._server.errors import FileError
from daytona_toolkit.testing._server.files import file_error
from daytona_toolkit.testing._server.process import read_json
from daytona_toolkit.testing._server.sandbox import SANDBOX, Sandbox

_FIELD = re.compile(rb'name="files\[(\d+)\]\.(path|file)"')
_BOUNDARY = "DAYTONA-FILE-BOUNDARY"


def routes() -> list[web.RouteDef]:
    """Return the routes below a toolbox."""
    return [
        web.post("/files/bulk-upload", _upload, name="upload"),
        web.post("/files/bulk-download", _download, name="download"),
    ]


async def _upload(request: web.Request) -> web.Response:
    """Write the files of a form; what fails is listed, and the rest is written all the same."""
    sandbox = request[SANDBOX]
    try:
        fields = parse_form(_boundary(request), await request.read())
    except ValueError:
        return web.json_response({"errors": ["invalid multipart form"], "files": []}, status=400)
    destinations: dict[str, str] = {}
    written: list[dict[str, Any]] = []
    errors: list[str] = []
    for index, what, content in fields:
        if what == "path":
            path = content.decode()
            destinations[index] = path.strip() if sandbox.settings.generation == "old" else path
        elif destination := destinations.get(index):
            try:
                size = await asyncio.to_thread(_write, sandbox.path(destination), content)
            except OSError as error:
                errors.append(f"{destination}: create: {file_error(error).message}")
            else:
                written.append({"path": destination, "bytes": size})
        else:
            errors.append(f"file[{index}]: missing destination path")
    answer = {"files": written, **({"errors": errors} if errors else {})}
    return web.json_response(answer, status=400 if errors else 200)


def _boundary(request: web.Request) -> str | None:
    header = Message()
    header["Content-Type"] = request.headers.get("Content-Type", "")
    return header.get_boundary()


def parse_form(boundary: str | None, body: bytes) -> list[tuple[str, str, bytes]]:
    """Return a bulk upload's fields in order: index of the file, "path" or "file", content.

    Names alone count: the SDKs fill in the other parameters each in their own way.

    Raises:
        ValueError: The body is no such form, or lacks its end.
    """
    delimiter = b"\r\n--" + (boundary or "").encode()
    _, *sections, end = (b"\r\n" + body).split(delimiter)
    if not boundary or not end.startswith(b"--"):
        raise ValueError("not a complete multipart form")
    fields = []
    for section in sections:
        head, _, content = section.partition(b"\r\n\r\n")
        if field := _FIELD.search(head):
            index, what = field.groups()
            fields.append((index.decode(), what.decode(), content))
    return fields


def _write(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(content)


async def _download(request: web.Request) -> web.Response:
    paths = (await read_json(request)).get("paths")
    if not paths or not isinstance(paths, list):
        return web.json_response({"error": "request body must be {paths: [...]}"}, status=400)
    parts = [await asyncio.to_thread(_part, request, path) for path in paths]
    body = b"".join([*parts, f"--{_BOUNDARY}--\r\n".encode()])
    # Not multipart/mixed, which the SDK refuses.
    content_type = f"multipart/form-data; boundary={_BOUNDARY}"
    return web.Response(body=body, headers={"Content-Type": content_type})


def _part(request: web.Request, name: str) -> bytes:
    """Return one part of the form: the file, or the daemon's error about it."""
    sandbox = request[SANDBOX]
    try:
        content = _read(sandbox, name)
    except FileError as error:
        # Errors inside the form have a body in every generation.
        body = json.dumps(error.body("new", request)).encode()
        return _form_part("error", name, "application/json; charset=utf-8", body)
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return _form_part("file", name, content_type, content)


def _read(sandbox: Sandbox, name: str) -> bytes:
    path = sandbox.path(name)
    if not name or path.is_dir():
        raise FileError(400, f"{name!r} is not a file", code="INVALID_FILE_PATH")
    try:
        return path.read_bytes()
    except (FileNotFoundError, PermissionError) as error:
        raise file_error(error) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise FileError(500, f"{name}: {reason}", code="FILE_READ_FAILED") from error


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
