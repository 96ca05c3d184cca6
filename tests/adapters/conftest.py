"""A workspace for the tests of the adapters: a local sandbox, as confined as it can be here."""

from collections.abc import Iterator
from itertools import count

import pytest

from daytona_toolkit import LocalSandbox, SandboxSession

_NUMBERS = count()


class Lent(LocalSandbox):
    """A sandbox that is open already, and stays open when a session over it ends."""

    def __init__(self, sandbox: LocalSandbox) -> None:
        vars(self).update(vars(sandbox), owned=False)

    async def open(self) -> None:
        """It is."""

    async def close(self) -> None:
        """Others use it too."""


@pytest.fixture(scope="module")
def machine() -> Iterator[LocalSandbox]:
    """A local sandbox for the sessions of a module, as starting one costs more than most tests."""
    with SandboxSession(LocalSandbox()) as session:
        yield Lent(session.sandbox)


@pytest.fixture
def root() -> str:
    """A folder of the machine for one test."""
    return f"workspace-{next(_NUMBERS)}"


@pytest.fixture
def session(machine: LocalSandbox, root: str) -> Iterator[SandboxSession]:
    """An open session over an empty workspace."""
    with SandboxSession(machine, root=root) as session:
        yield session
