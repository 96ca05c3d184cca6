"""Files of the host: where what comes from a sandbox may go, and what travels together."""

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytona_toolkit import CommandSandbox, LocalSandbox, SandboxSession
from daytona_toolkit._transfer import PART, batches
from daytona_toolkit._transfer.local_files import Item, places_for
from daytona_toolkit.errors import (
    PathDeniedError,
    PathError,
    PathNotFoundError,
    SandboxUnavailableError,
)

parts = st.sampled_from(["..", ".", "", "a", "b c", "~", "...", "a\\b", "C:", "-x"])


@given(st.lists(parts, min_size=1, max_size=5))
def test_no_name_leads_out_of_the_folder(names: list[str]) -> None:
    target, name = Path("/target/folder"), "/".join(names)
    folders = ["/".join(names[:count]) for count in range(1, len(names))]
    place = places_for(target, folders, [name])[1][name]
    if place is None:
        assert {"..", ".", ""} & set(names)
    else:
        assert Path(os.path.normpath(place)) == place
        assert target in [place, *place.parents]


def test_nothing_goes_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/")
    folders, files = places_for(tmp_path, ["link", "link/x", "y"], ["link/x/z", "y/z", "link"])
    assert folders == {"": tmp_path, "link": None, "link/x": None, "y": tmp_path / "y"}
    assert files == {"link/x/z": None, "y/z": tmp_path / "y/z", "link": tmp_path / "link"}


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one").write_text("text\n")
    with SandboxSession(LocalSandbox(isolation="none")) as session:
        session.upload("~/one", "~/two")
        session.download("~/two", Path("~/three"))
    assert (tmp_path / "three").read_text() == "text\n"
    assert not (tmp_path / "~").exists()


async def test_files_of_one_content_arrive_in_one_folder_at_the_same_time(tmp_path: Path) -> None:
    names = [f"file-{number}" for number in range(8)]
    async with SandboxSession(LocalSandbox(isolation="none")) as session:
        for name in names:
            await session.awrite(name, "the same\n")
        for attempt in range(5):
            folder = tmp_path / str(attempt)
            await asyncio.gather(*(session.adownload(name, folder / name) for name in names))
            assert sorted(path.name for path in folder.iterdir()) == names
            assert {path.read_text() for path in folder.iterdir()} == {"the same\n"}


def test_an_upload_goes_on_where_the_parts_that_it_found_have_gone(tmp_path: Path) -> None:
    """Another upload of the same file has put them together."""
    (tmp_path / "large").write_bytes(os.urandom(PART + 1))
    session = SandboxSession(CommandSandbox(["env", f"TMPDIR={tmp_path}", "sh"]), root=tmp_path)
    send = session.sandbox.run
    told: list[int] = []

    async def fail(program: str, *, timeout: float) -> bytes:
        if "join - " in program:
            raise SandboxUnavailableError("no answer came")
        return await send(program, timeout=timeout)

    async def remove_first(program: str, *, timeout: float) -> bytes:
        if "join - " in program:
            session.sandbox.run = send  # type: ignore[method-assign]
            for part in (tmp_path / ".daytona-toolkit").glob("part-*"):
                part.unlink()
        return await send(program, timeout=timeout)

    with session:
        session.sandbox.run = fail  # type: ignore[method-assign]
        with pytest.raises(SandboxUnavailableError):
            session.upload(tmp_path / "large", "first")
        session.sandbox.run = remove_first  # type: ignore[method-assign]
        session.upload(tmp_path / "large", "second", on_progress=lambda *done: told.append(done[0]))
    assert (tmp_path / "second").read_bytes() == (tmp_path / "large").read_bytes()
    assert told[-1] == PART + 1


def test_a_large_file_that_is_removed_before_it_comes_is_named(tmp_path: Path) -> None:
    session = SandboxSession(LocalSandbox(tmp_path / "there", isolation="none"))
    send = session.sandbox.run

    async def remove_first(program: str, *, timeout: float) -> bytes:
        if "_RANGES=" in program:
            (tmp_path / "there/large").unlink()
        return await send(program, timeout=timeout)

    session.sandbox.run = remove_first  # type: ignore[method-assign]
    with session:
        (tmp_path / "there/large").write_bytes(bytes(PART + 1))
        result = session.download(".", tmp_path / "here")
    assert result.notes == ("1 path skipped (changed meanwhile; download again): large",)
    assert list((tmp_path / "here").iterdir()) == []


def test_small_files_travel_together_up_to_a_number_and_a_size() -> None:
    tiny = [Item(str(number), 1, "", None) for number in range(1001)]
    assert [len(batch) for batch in batches(tiny)] == [500, 500, 1]
    half = [Item(str(number), PART // 2, "", None) for number in range(5)]
    large = Item("large", PART + 1, "", None)
    assert [len(batch) for batch in batches([*half, large])] == [2, 2, 1]


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOENT, PathNotFoundError, "does not exist on this host"),
        (errno.EACCES, PathDeniedError, "Change its mode"),
        (errno.EIO, PathError, "could not be read: Input/output error"),
    ],
)
def test_the_file_of_a_folder_that_could_not_be_read_is_named(
    number: int,
    kind: type[PathError],
    words: str,
    shared: SandboxSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_file = Path.open

    def open_unless_bad(path: Path, *how: Any, **options: Any) -> Any:
        if path.name == "bad":
            raise OSError(number, os.strerror(number))
        return open_file(path, *how, **options)

    for name in ("a", "bad"):
        (tmp_path / name).write_text("text\n")
    monkeypatch.setattr(Path, "open", open_unless_bad)
    with pytest.raises(kind, match=rf"bad'.*{words}") as caught:
        shared.upload(tmp_path, "there")
    assert (type(caught.value), caught.value.path) == (kind, str(tmp_path / "bad"))
    assert not shared.exists("there")


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxSession]:
    with SandboxSession(LocalSandbox(isolation="none")) as session:
        yield session
