"""The suite itself: a sandbox of twenty lines passes, and it finds what is wrong with others."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daytona_toolkit import CommandSandbox, Sandbox, SandboxSession
from daytona_toolkit.errors import (
    SandboxError,
    SandboxGoneError,
    SandboxUnavailableError,
    WriteFailedError,
)
from daytona_toolkit.testing import SandboxConformance
from daytona_toolkit.testing._conformance import files, search, transport
from tests.docs.pages import DOCS

RECIPE = "".join(
    re.findall(
        r"^```python\n(.*?)^```$",
        (DOCS / "recipes/writing-a-sandbox.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
)


class ShellSandbox:
    """This machine, unconfined, in about twenty lines."""

    id, owned = "shell", False

    def __init__(self, folder: Path) -> None:
        self._folder, self._open = folder, False
        self._env = {name: str(folder / name) for name in ("HOME", "TMPDIR", "work")}

    async def open(self) -> None:
        for folder in self._env.values():
            Path(folder).mkdir(exist_ok=True)
        self._open = True

    async def run(self, program: str, *, timeout: float) -> bytes:
        if not self._open:
            raise SandboxGoneError("The sandbox is not open.")
        place: Any = {"cwd": self._env["work"], "env": {**os.environ, **self._env}}
        sh = await asyncio.create_subprocess_exec(
            "sh", **place, stdin=-1, stdout=-1, start_new_session=True
        )
        try:
            return (await asyncio.wait_for(sh.communicate(program.encode()), timeout))[0]
        except asyncio.TimeoutError as error:
            raise SandboxUnavailableError("There was no answer.") from error
        finally:
            if sh.returncode is None:
                os.killpg(sh.pid, signal.SIGKILL)
                await sh.wait()

    async def upload(self, path: str, data: bytes) -> None:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(data)
        except OSError as error:
            raise WriteFailedError(f"{path!r} cannot be written.", path) from error

    async def close(self) -> None:
        self._open = False


@pytest.mark.slow
class TestTwentyLines(SandboxConformance):
    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Sandbox:
        return ShellSandbox(tmp_path)

    @pytest.fixture
    def reach(self, tmp_path: Path) -> Callable[[SandboxSession], Sandbox]:
        return lambda session: ShellSandbox(tmp_path)


class Stripping(ShellSandbox):
    async def run(self, program: str, *, timeout: float) -> bytes:
        return (await super().run(program, timeout=timeout)).strip()


class AsArgument(ShellSandbox):
    async def run(self, program: str, *, timeout: float) -> bytes:
        if len(program) > 128 * 1024:
            raise OSError("Argument list too long")
        return await super().run(program, timeout=timeout)


class OneAtATime(ShellSandbox):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._turn = asyncio.Lock()

    async def run(self, program: str, *, timeout: float) -> bytes:
        async with self._turn:
            return await super().run(program, timeout=timeout)


class TextUploads(ShellSandbox):
    async def upload(self, path: str, data: bytes) -> None:
        await super().upload(path, data.decode(errors="replace").encode())


class FlatUploads(ShellSandbox):
    async def upload(self, path: str, data: bytes) -> None:
        Path(path).write_bytes(data)


@pytest.mark.parametrize(
    ("make", "test", "arguments"),
    [
        (Stripping, transport.test_what_a_program_prints_comes_back, ("echo hello", "hello\n")),
        (AsArgument, transport.test_a_program_may_be_long, ()),
        (OneAtATime, transport.test_programs_overlap, ()),
        (TextUploads, transport.test_a_file_has_the_bytes_that_were_uploaded, (b"\xff",)),
        (FlatUploads, transport.test_an_upload_makes_folders_and_replaces_files, ()),
        (FlatUploads, transport.test_an_upload_onto_a_folder_is_an_error_of_ours, ()),
    ],
)
async def test_the_suite_finds_what_is_wrong(
    make: Callable[[Path], Sandbox],
    test: Callable[..., Any],
    arguments: tuple[Any, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(transport, "_TIME", 3.0)
    with pytest.raises((AssertionError, OSError, SandboxError)):
        await test(make(tmp_path), *arguments)
    assert not list((tmp_path / "TMPDIR").iterdir())


@pytest.mark.parametrize(
    "test",
    [
        transport.test_programs_overlap,
        transport.test_what_is_left_in_the_background_goes_on,
        transport.test_an_upload_makes_folders_and_replaces_files,
        transport.test_uploads_overlap,
    ],
)
async def test_nothing_is_left_in_the_sandbox(test: Callable[..., Any], tmp_path: Path) -> None:
    await test(CommandSandbox(["env", f"TMPDIR={tmp_path}", "sh"]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "test",
    [
        files.test_paths_resolve_in_one_place,
        search.test_glob_takes_absolute_patterns_and_those_from_home,
    ],
)
def test_nothing_is_left_in_the_home_folder(test: Callable[..., Any], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    sandbox = CommandSandbox(["env", f"HOME={home}", "sh"])
    with SandboxSession(sandbox, root=tmp_path / "root") as session:
        test(session)
    assert not list(home.iterdir())


def run_recipe(text: str, folder: Path, tests: str) -> str:
    (folder / "test_mine.py").write_text(text)
    pytest_ = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*pytest_, "-q", "--rootdir", str(folder), "-k", tests, "test_mine.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_the_sandbox_of_the_recipe_lacks_what_it_says(tmp_path: Path) -> None:
    assert "2 failed" in run_recipe(RECIPE, tmp_path, "not_open or onto_a_folder")
    assert "2 passed" in run_recipe(RECIPE, tmp_path, "jobs_are_forgotten or started_polled")


def test_a_machine_that_is_not_new_for_each_test_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    one = RECIPE.replace('(tmp_path / "start").mkdir()', "")
    one = one.replace('chdir(tmp_path / "start")', f'chdir("{tmp_path}/start")')
    printed = run_recipe(one, tmp_path, "starts_in_an_empty")
    assert "1 failed, 1 passed" in printed
    assert "where there are files, such as 'first'" in printed


def test_files_that_are_there_are_left_alone(tmp_path: Path) -> None:
    here = RECIPE.replace('monkeypatch.chdir(tmp_path / "start")', "")
    printed = run_recipe(here, tmp_path, "move_replaces_nothing or jobs_are_forgotten")
    assert "2 errors" in printed
    assert "where there are files, such as 'test_mine.py'" in printed
    assert {path.name for path in tmp_path.glob("[!.]*")} == {"test_mine.py", "work"}
