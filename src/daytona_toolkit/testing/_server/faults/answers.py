"""Answers that go wrong: lost, cut, malformed, or an error."""

import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web

from daytona_toolkit.testing._server.faults import Execute, Fault, attempt
from daytona_toolkit.testing._server.go import rfc3339
from daytona_toolkit.testing._server.recording import RECORD
from daytona_toolkit.testing._server.world import WORLD

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class NoAnswer(web.Response):
    """Stands for a response on a connection that is already closed."""


@dataclass
class DropBefore(Fault):
    """Close the connection without a byte, before executing."""

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        # An unread body would turn the close into a reset.
        await request.read()
        return hang_up(request)


@dataclass
class DropAfter(Fault):
    """Execute, then close the connection without a byte."""

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        await attempt(execute)
        return hang_up(request)


@dataclass
class Reset(Fault):
    """Reset the connection (RST).

    Attributes:
        after: Whether to execute first.
    """

    after: bool = False

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        if self.after:
            await attempt(execute)
        else:
            # A client that is still sending would not see the same error each time.
            await request.read()
        return hang_up(request, reset=True)


@dataclass
class Status(Fault):
    """Answer an error status.

    Attributes:
        status: The status.
        message: Its message; None for an empty body.
        code: Machine-readable code, such as "PROCESS_EXECUTION_TIMEOUT" or "REQUEST_TIMEOUT".
        source: Who says so, such as "DAYTONA_DAEMON". The SDK heeds the code only with it.
        headers: Headers to send along.
        after: Whether to execute first.
    """

    status: int
    message: str | None = "injected fault"
    code: str | None = None
    source: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        if self.after:
            await attempt(execute)
        if self.message is None:
            return web.Response(status=self.status, headers=self.headers)
        body = {
            "statusCode": self.status,
            "message": self.message,
            "timestamp": rfc3339(),
            "path": request.path,
            **({"code": self.code} if self.code else {}),
            **({"source": self.source} if self.source else {}),
        }
        return web.json_response(body, status=self.status, headers=self.headers)


@dataclass
class RateLimit(Status):
    """Answer 429 with `Retry-After`.

    Attributes:
        retry_after: Seconds to wait.
    """

    status: int = 429
    message: str | None = "ThrottlerException: Too Many Requests"
    retry_after: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self.headers = {"Retry-After": str(self.retry_after), **self.headers}


@dataclass
class TruncatedBody(Fault):
    """Execute, send part of the answer's body, then close the connection.

    Attributes:
        keep: Share of the body that is sent.
    """

    keep: float = 0.5

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        answer = await execute()
        whole = _body(answer)
        part = whole[: int(len(whole) * self.keep)]
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.content_length = len(whole)
        await response.prepare(request)
        await response.write(part)
        request[RECORD].bytes_out = len(part)
        return hang_up(request)


@dataclass
class TruncatedMultipart(Fault):
    """Execute a download and leave out the end of its multipart body, in a complete HTTP answer.

    Attributes:
        keep: Share of the body that is sent.
    """

    kind: str | None = field(default="download", kw_only=True)
    keep: float = 0.5

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        response = await execute()
        whole = _body(response)
        return web.Response(
            body=whole[: int(len(whole) * self.keep)],
            headers={"Content-Type": response.headers["Content-Type"]},
        )


@dataclass
class Malformed(Fault):
    """Execute, and answer 200 with something else than what was asked for.

    Attributes:
        what: An empty body, JSON of another type, the first half of the answer, or text that is
            not UTF-8. `no-http` is no answer of HTTP at all.
    """

    what: Literal["empty", "null", "list", "half", "bytes", "no-http"] = "empty"

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        answer = await execute()
        if self.what == "no-http":
            if request.transport:
                request.transport.write(b"SSH-2.0-OpenSSH\r\n")
            return hang_up(request)
        whole = _body(answer)
        bodies = {
            "empty": b"",
            "null": b"null",
            "list": b"[]",
            "half": whole[: len(whole) // 2],
            "bytes": b'{"result": "\xff"}',
        }
        headers = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
        return web.Response(status=answer.status, body=bodies[self.what], headers=headers)


@dataclass
class ForkFailure(Fault):
    """Answer as a daemon that cannot start a process: 200, and the reason as output.

    Attributes:
        reason: Why it cannot, in the system's words.
    """

    kind: str | None = field(default="execute", kw_only=True)
    reason: str = "resource temporarily unavailable"

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        shell = request.app[WORLD].running(request.match_info["sandbox"]).shell[0]
        return web.json_response({"exitCode": -1, "result": f"fork/exec {shell}: {self.reason}"})


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else b""
    return bytes(body) if isinstance(body, (bytes, bytearray)) else b""


def hang_up(request: web.Request, *, reset: bool = False) -> NoAnswer:
    transport = request.transport
    if transport is None:
        return NoAnswer()
    if reset:
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    else:
        transport.close()
    return NoAnswer()
