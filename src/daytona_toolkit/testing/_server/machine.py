"""The one place that runs processes: the helper of our own local sandbox, confined if possible.

A sandbox's folder has the same path inside and outside, and FIFOs work across.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from daytona_toolkit.errors import IsolationError, SandboxGoneError
from daytona_toolkit.sandboxes._local import confinement
from daytona_toolkit.sandboxes._local import sandbox as local
from daytona_toolkit.sandboxes._local.confinement import Level, Place
from daytona_toolkit.sandboxes._local.sandbox import Completed


class MachineStoppedError(Exception):
    """The machine is off, or went off while the program ran."""


class Machine:
    """Runs programs for one sandbox.

    Args:
        folder: The sandbox's folder, with `home` and `tmp` in it.
        cwd: Where programs start by default.
        env: Environment of every program.
    """

    def __init__(self, folder: Path, cwd: Path, env: Mapping[str, str]) -> None:
        self._place = Place(folder, folder / "home", folder / "tmp")
        self._cwd = str(cwd)
        self._env = dict(env)
        self._helper: local.Machine | None = None

    async def start(self) -> None:
        """Switch on."""
        if self._helper is None:
            helper = local.Machine(self._place, _level(), environment=self._env)
            await helper.start()
            self._helper = helper

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """Run a program until it has ended and its output pipe is closed.

        Both conditions are what Go's `exec.Cmd` waits for: a child left in the background with
        the pipe open keeps this from returning, after a timeout too.

        Raises:
            OSError: The program cannot be started.
            MachineStoppedError: The machine is off, or went off meanwhile.
        """
        if self._helper is None:
            raise MachineStoppedError
        try:
            return await self._helper.run(
                argv, stdin=stdin, cwd=cwd or self._cwd, env=env, timeout=timeout
            )
        except SandboxGoneError as error:
            raise MachineStoppedError from error

    async def stop(self) -> None:
        """Switch off: end every process of this machine."""
        helper, self._helper = self._helper, None
        if helper:
            await helper.stop()


@cache
def _level() -> Level:
    """The best confinement that this host has."""
    try:
        return confinement.choose("auto")
    except IsolationError:
        return "none"
