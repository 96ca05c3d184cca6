"""The suite that we ship, on each kind of sandbox that we have."""

from collections.abc import Callable

import pytest

from daytona_toolkit import Sandbox, SandboxSession
from daytona_toolkit.testing import SandboxConformance
from tests.conformance.conftest import LONG, WIRE, Kind


def test_what_is_chosen_by_name_exists() -> None:
    assert [name for name in WIRE | LONG if not hasattr(SandboxConformance, name)] == []


class TestEachKind(SandboxConformance):
    @pytest.fixture
    def sandbox(self, kind: Kind) -> Sandbox:
        return kind.make()

    @pytest.fixture
    def reach(self, kind: Kind) -> Callable[[SandboxSession], Sandbox]:
        return kind.reach
