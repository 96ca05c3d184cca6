"""The pytest plugin: a Daytona for a test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from daytona_toolkit.testing import DaytonaServer


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks of the suite, for runs with `--strict-markers` and no pytest-timeout."""
    config.addinivalue_line("markers", "slow: takes more than a few seconds")
    config.addinivalue_line("markers", "timeout(seconds): what the test may take")


@pytest.fixture
def daytona_server(monkeypatch: pytest.MonkeyPatch) -> "Iterator[DaytonaServer]":
    """A Daytona on this machine that fails on order, with its address in the environment.

    Whatever finds its credentials in `DAYTONA_API_KEY` and `DAYTONA_API_URL` talks to it.

    ```python
    from daytona_toolkit.testing import DropAfter

    def test_my_agent_survives_lost_answers(daytona_server):
        daytona_server.faults.add(DropAfter(kind="execute", every=3))
        assert "42" in run_my_agent("What is 6 times 7?")
        assert not daytona_server.sandboxes  # it has deleted what it made
    ```
    """
    from daytona_toolkit.testing import DaytonaServer

    with DaytonaServer() as server:
        for name in ("DAYTONA_JWT_TOKEN", "DAYTONA_ORGANIZATION_ID", "DAYTONA_SERVER_URL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server
