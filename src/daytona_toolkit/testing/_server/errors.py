"""Error answers in the words of the API, the proxy and the daemon.

Handlers raise; what goes over the wire depends on the server's generation and is decided here.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from daytona_toolkit.testing._server.go import rfc3339
from daytona_toolkit.testing._server.settings import Generation

# v0.190 puts the kind of error before its message; the codes name the same kinds.
_KINDS = {
    400: ("bad request: ", "BAD_REQUEST"),
    401: ("unauthorized: ", "UNAUTHORIZED"),
    403: ("forbidden: ", "FORBIDDEN"),
    404: ("not found: ", "NOT_FOUND"),
    408: ("request timeout: ", "REQUEST_TIMEOUT"),
    409: ("conflict: ", "CONFLICT"),
    410: ("gone: ", "GONE"),
    422: ("unprocessable entity: ", "UNPROCESSABLE_ENTITY"),
}
_OTHER_KIND = ("", "INTERNAL_SERVER_ERROR")


class WireError(Exception):
    """An error answer.

    Attributes:
        status: HTTP status.
        message: What went wrong.
        headers: Headers to send along.
    """

    def __init__(
        self, status: int, message: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers

    def body(self, generation: Generation, request: web.Request) -> dict[str, Any] | None:
        """Return the JSON to send; None, as here, for an empty body."""
        return None

    def response(self, generation: Generation, request: web.Request) -> web.Response:
        """Return the answer as a server of that generation gives it."""
        body = self.body(generation, request)
        if body is None:
            return web.Response(status=self.status, headers=self.headers)
        # Unlike other answers, errors name no charset.
        headers = {"Content-Type": "application/json", **(self.headers or {})}
        return web.Response(body=json.dumps(body).encode(), status=self.status, headers=headers)


class ApiError(WireError):
    """An error of the control plane."""

    def body(self, generation: Generation, request: web.Request) -> dict[str, Any]:
        return {
            "path": request.path,
            "timestamp": rfc3339(),
            "statusCode": self.status,
            "error": HTTPStatus(self.status).phrase,
            "message": self.message,
        }


class DaemonError(WireError):
    """An error of the daemon inside the sandbox.

    Args:
        status: HTTP status.
        message: What went wrong.
        code: The newer daemons' code; by default the general one of the status.
        headers: Headers to send along.
    """

    source = "DAYTONA_DAEMON"

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers=headers)
        self.code = code

    def body(self, generation: Generation, request: web.Request) -> dict[str, Any] | None:
        prefix, general_code = _KINDS.get(self.status, _OTHER_KIND)
        body: dict[str, Any] = {
            "statusCode": self.status,
            "message": self.message,
            "code": general_code,
            "timestamp": rfc3339(),
            "path": request.path,
            "method": request.method,
        }
        if generation == "new":
            return {**body, "code": self.code or general_code, "source": self.source}
        body["message"] = prefix + self.message
        if self.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            # v0.190 did not foresee these, and says nothing about them.
            del body["code"], body["method"]
            body["path"] = ""
        return body


class FileError(DaemonError):
    """An error of a file endpoint. In v0.190 the status went out before the body was written."""

    def body(self, generation: Generation, request: web.Request) -> dict[str, Any] | None:
        return None if generation == "old" else super().body(generation, request)

    def part(self, generation: Generation, path: str) -> dict[str, Any]:
        """Return the JSON for a part of a bulk download, which v0.190 has too."""
        _, general_code = _KINDS.get(self.status, _OTHER_KIND)
        source = {} if generation == "old" else {"source": self.source}
        return {
            "statusCode": self.status,
            "message": self.message,
            "code": self.code or general_code,
            "timestamp": rfc3339(),
            "path": path,
            **source,
        }


class ProxyError(DaemonError):
    """An error of the proxy in front of the sandbox."""

    source = "DAYTONA_PROXY"
