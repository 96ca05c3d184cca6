"""One suite for every sandbox: a test here reads the same whatever runs it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import pytest

from daytona_toolkit import DaytonaSandbox, LocalSandbox, Sandbox, SandboxSession
from daytona_toolkit.errors import IsolationError
from daytona_toolkit.sandboxes._local import confinement
from daytona_toolkit.testing import DaytonaServer
from daytona_toolkit.testing._server.settings import first_shell
from tests.daytona.support import config_of, sandbox_on
from tests.support import MakeSession, lacks, needs

LOCAL = ["bubblewrap", "landlock", "none"]
SHELLS = dict.fromkeys([first_shell(), "zsh", "bash", "dash", "busybox"])


def local_sandbox(isolation: confinement.Isolation, folder: str | None = None) -> Sandbox:
    try:
        confinement.choose(isolation)
    except IsolationError as error:
        lacks(isolation, str(error))
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


def best_level() -> str:
    """The level that `LocalSandbox()` takes here."""
    try:
        return confinement.choose("auto")
    except IsolationError:
        return "none"


# The default run takes the kinds that most people have, and the slow one all others.
DEFAULT = (f"local-{best_level()}", f"daytona-{first_shell()}")
KINDS = [
    pytest.param(kind, marks=[] if kind in DEFAULT else pytest.mark.slow)
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
    needs(detail)
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
