"""Tests of `DaytonaSandbox`: the real SDK, over a real socket, against the test server."""

from collections.abc import Iterator

import pytest

from daytona_toolkit import SandboxSession
from daytona_toolkit.sandboxes._daytona import retries
from daytona_toolkit.testing import DaytonaServer
from tests.daytona.support import session_on


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine knows of a real Daytona is none of a test's business."""
    for name in ("API_KEY", "API_URL", "SERVER_URL", "JWT_TOKEN", "ORGANIZATION_ID", "TARGET"):
        monkeypatch.delenv(f"DAYTONA_{name}", raising=False)


@pytest.fixture(autouse=True)
def one_authority(monkeypatch: pytest.MonkeyPatch, authority: str) -> None:
    """Clients read no other."""
    monkeypatch.setenv("SSL_CERT_FILE", authority)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less between two attempts than where others share the service."""
    monkeypatch.setattr(retries, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(retries, "_JITTER", 0.01)


@pytest.fixture
def server() -> Iterator[DaytonaServer]:
    """A server of its own for each test."""
    with DaytonaServer() as server:
        yield server


@pytest.fixture
def session(server: DaytonaServer) -> Iterator[SandboxSession]:
    """An open session over a new sandbox."""
    with session_on(server) as session:
        yield session
