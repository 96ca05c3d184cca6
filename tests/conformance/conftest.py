"""One suite for every sandbox: a test here reads the same whatever runs it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import pytest

from daytona_toolkit import DaytonaSandbox, LocalSandbox, Sandbox, SandboxSession
from daytona_toolkit.errors import IsolationError
from daytona_toolkit.sandboxes._local import confinement
from daytona_toolkit.testing import DaytonaServer
from tests.daytona.support import config_of, sandbox_on
from tests.support import MakeSession

LOCAL = ["bubblewrap", "landlock", "none"]
SHELLS = ["zsh", "bash", "dash", "busybox"]


def local_sandbox(isolation: confinement.Isolation, folder: str | None = None) -> Sandbox:
    try:
        confinement.choose(isolation)
    except IsolationError as error:
        if os.environ.get("CI"):
            raise  # CI has it: a level that is not tried there is tried nowhere
        pytest.skip(str(error))
    return LocalSandbox(folder, isolation=isolation)


@dataclass(frozen=True)
class Kind:
    """A kind of sandbox: how to make one, and how to reach one from another session."""

    make: Callable[[], Sandbox]
    reach: Callable[[SandboxSession], Sandbox]


@pytest.fixture(scope="session")
def daytona_server() -> Iterator[Callable[[str], DaytonaServer]]:
    """The test server with a shell, started when it is first wanted."""
    with ExitStack() as stack:
        yield cache(lambda shell: stack.enter_context(DaytonaServer(shell=shell)))


# What the default run leaves out, CI runs too: the first of each is what most people have.
KINDS = [
    pytest.param(
        kind, marks=[] if kind in ("local-bubblewrap", "daytona-zsh") else pytest.mark.slow
    )
    for kind in (*(f"local-{level}" for level in LOCAL), *(f"daytona-{shell}" for shell in SHELLS))
]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, daytona_server: Callable[[str], DaytonaServer]) -> Kind:
    """Each kind of sandbox in turn."""
    place, _, detail = request.param.partition("-")
    if place == "local":
        return Kind(
            make=lambda: local_sandbox(detail),
            reach=lambda session: local_sandbox(detail, session.root),
        )
    server = daytona_server(detail)
    return Kind(
        make=lambda: sandbox_on(server),
        reach=lambda session: DaytonaSandbox.attach(session.sandbox.id, config=config_of(server)),
    )


@pytest.fixture
def make_session(kind: Kind) -> Iterator[MakeSession]:
    """Make a session over each kind of sandbox; it is closed at the end."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(SandboxSession(kind.make(), **options))


@pytest.fixture
def session(make_session: MakeSession) -> SandboxSession:
    """An open session over each kind of sandbox."""
    return make_session()


@pytest.fixture
def twin(kind: Kind, session: SandboxSession) -> Iterator[SandboxSession]:
    """Another session over the sandbox of `session`."""
    with SandboxSession(kind.reach(session)) as twin:
        yield twin
