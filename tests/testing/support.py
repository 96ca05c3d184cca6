"""What the tests of the server share."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest
from daytona import DaytonaError, Sandbox

from daytona_toolkit.testing import DaytonaServer


def failure(call: Callable[[], Any]) -> Any:
    with pytest.raises(DaytonaError) as caught:
        call()
    return caught.value


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what a fault has delayed."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass
class Answer:
    """An answer as it went over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawConnection:
    """Requests that no SDK would send."""

    def __init__(self, server: DaytonaServer, timeout: float) -> None:
        self.http = HTTPConnection("127.0.0.1", server.port, timeout=timeout)
        self._key = server.api_key

    def call(
        self,
        sandbox: Sandbox,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send something to the toolbox of a sandbox."""
        return self.send(method, f"/toolbox/{sandbox.id}{path}", body, headers)

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send bytes as they are, and everything else as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", **(headers or {})}
        self.http.request(method, path, data, headers)
        response = self.http.getresponse()
        return Answer(response.status, dict(response.headers), response.read())


@contextmanager
def raw_connection(server: DaytonaServer, timeout: float = 30.0) -> Iterator[RawConnection]:
    raw = RawConnection(server, timeout)
    try:
        yield raw
    finally:
        raw.http.close()
