"""The fixture that everybody who has the package installed can ask for."""

import os

from daytona_toolkit import DaytonaSandbox, open_session
from daytona_toolkit.testing import DaytonaServer, DropAfter


def test_whatever_looks_for_daytona_finds_the_server(daytona_server: DaytonaServer) -> None:
    assert os.environ["DAYTONA_API_URL"] == daytona_server.api_url
    rule = daytona_server.faults.add(DropAfter(kind="execute", every=3))
    with open_session() as session:
        assert isinstance(session.sandbox, DaytonaSandbox)
        for number in range(6):
            session.exec(f"echo {number} >>log")
        assert session.read("log").content == "0\n1\n2\n3\n4\n5\n"
    assert rule.fired > 0
    assert not daytona_server.sandboxes
