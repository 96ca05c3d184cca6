"""The suite as a class to inherit from."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

from daytona_toolkit import Sandbox, SandboxSession
from daytona_toolkit.testing._conformance import (
    checkpoints,
    copies,
    exec,
    files,
    interactive,
    patches,
    search,
    shells,
    transfer,
    transport,
    tree,
)
from daytona_toolkit.testing._conformance.support import MakeSession, check_unused, skip_without


class SandboxConformance:
    """The tests that a sandbox of your own must pass. Inherit, and say how to make one.

    ```python
    import pytest
    from daytona_toolkit.testing import SandboxConformance

    class TestMySandbox(SandboxConformance):
        @pytest.fixture
        def sandbox(self, tmp_path):
            return MySandbox(tmp_path)
    ```

    `sandbox` returns a new sandbox for each test, not yet open: the tests open and close it. It
    starts in an empty folder, for they change whatever is there: where they find files at first,
    they fail and do nothing. The first part holds it to the contract of `daytona_toolkit.Sandbox`
    (what `open`, `run`, `upload` and `close` do). The rest runs the operations of a session in it,
    and sends each request again when it is long forgotten. To show that two sessions can share one
    machine, override `reach` as well; without it those tests are skipped. A test that cannot hold
    for your machine can be replaced by a method of the same name.
    """

    _looked: ClassVar[bool] = False

    @pytest.fixture
    def sandbox(self) -> Sandbox:
        """A new sandbox, not yet open. Override this."""
        raise NotImplementedError(
            f"{type(self).__name__} must have a fixture `sandbox` that returns a sandbox."
        )

    @pytest.fixture
    def reach(self) -> Callable[[SandboxSession], Sandbox]:
        """How to make another object for the machine behind a session. Override this."""
        pytest.skip("override the fixture `reach` to show that two sessions share one machine")

    @pytest.fixture
    def make_session(self, sandbox: Sandbox) -> Iterator[MakeSession]:
        """Opens a session over the sandbox, with options; it is closed at the end."""
        with ExitStack() as stack:

            def make(**options: Any) -> SandboxSession:
                session = stack.enter_context(SandboxSession(sandbox, **options))
                if not self._looked and "root" not in options:  # once is enough, and saves time
                    check_unused(session)
                    type(self)._looked = True
                return session

            yield make

    @pytest.fixture
    def session(self, make_session: MakeSession) -> SandboxSession:
        """An open session over the sandbox."""
        return make_session()

    @pytest.fixture
    def twin(
        self, session: SandboxSession, reach: Callable[[SandboxSession], Sandbox]
    ) -> Iterator[SandboxSession]:
        """Another session over the machine of `session`."""
        with SandboxSession(reach(session)) as twin:
            yield twin

    @pytest.fixture
    def git(self, session: SandboxSession) -> None:
        """Skips a test where the sandbox has no git."""
        skip_without(session, "git", "which checkpoints need")

    @pytest.fixture
    def python(self, session: SandboxSession) -> None:
        """Skips a test where the sandbox has no Python."""
        skip_without(session, "python3", "which this test runs there")

    @pytest.fixture
    def confined(self, make_session: MakeSession) -> SandboxSession:
        """A session that is confined to a folder, with files outside."""
        return files.confine(make_session)

    @pytest.fixture
    def inner(self, make_session: MakeSession) -> SandboxSession:
        """The same with files to search for."""
        return search.confine(make_session)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder of this machine, to upload."""
        return transfer.make_tree(tmp_path)

    @pytest.mark.parametrize("turn", ["first", "second"])
    def test_each_sandbox_starts_in_an_empty_folder(
        self, session: SandboxSession, turn: str
    ) -> None:
        """The second finds nothing that the first has left there."""
        check_unused(session)
        session.write(turn, "left behind\n")


def _gather(*modules: ModuleType) -> None:
    """Make the functions of some modules tests of the class, where they can be inherited."""
    for module in modules:
        for name, test in vars(module).items():
            if name.startswith("test_"):
                assert not hasattr(SandboxConformance, name), f"{name} stands in two modules"
                if inspect.iscoroutinefunction(test):
                    pytest.mark.asyncio(test)
                setattr(SandboxConformance, name, staticmethod(test))


_gather(transport, exec, interactive, shells, files, tree, patches)
_gather(search, transfer, checkpoints, copies)
