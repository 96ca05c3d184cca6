"""The server over HTTP, and who may use it."""

import hmac
from collections.abc import Sequence
from typing import Any

from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from daytona_toolkit_mcp._server import LARGEST_CALL

# JSON has up to twelve bytes for a character. A call that is too large by less than that is
# refused by the server, with words that reach the model, and not by the transport.
_LARGEST_BODY = 12 * LARGEST_CALL

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def make_app(
    server: Server[Any],
    *,
    host: str = "127.0.0.1",
    names: Sequence[str] = (),
    token: str | None = None,
) -> Starlette:
    """An ASGI application that serves streamable HTTP at `/mcp`.

    A request must be addressed to a known host, and come from no page of another one: else
    any page that a person looks at could use a server on their machine.

    Args:
        server: What to serve.
        host: The address that it will listen on.
        names: By which host names clients reach it, besides the address and those of
            loopback.
        token: What each request has to bring as its bearer token.

    Raises:
        ValueError: Others than this machine could reach it without a token.

    Example:
        ```python
        uvicorn.run(make_app(make_server(session)), host="127.0.0.1", port=8000)
        ```
    """
    if host not in _LOOPBACK and not token:
        raise ValueError(
            f"others can reach {host}: set a bearer token, which the command takes from "
            "DAYTONA_TOOLKIT_MCP_TOKEN, or listen on 127.0.0.1"
        )
    known = [f"[{name}]" if ":" in name else name for name in (*_LOOPBACK, host, *names)]
    hosts = [f"{name}{port}" for name in known for port in ("", ":*")]
    origins = [f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts]
    app = server.streamable_http_app(
        max_request_body_size=_LARGEST_BODY,
        transport_security=TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins),
    )
    if token:
        app.add_middleware(_BearerToken, token=token)
    return app


class _BearerToken:
    """Turns away every request without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http":
            kind, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
            known = hmac.compare_digest(given.strip().encode(), self._token)
            if kind.lower() != "bearer" or not known:
                challenge = {"WWW-Authenticate": "Bearer"}
                app = PlainTextResponse("A bearer token is needed.", 401, challenge)
        await app(scope, receive, send)
