"""upload and download: what arrives is what was sent, once, and nowhere else."""

import base64
import hashlib
import os
import random
import stat
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import pytest

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import (
    FileChangedError,
    NotAFileError,
    NotAFolderError,
    OutsideRootError,
    PathError,
    PathNotFoundError,
    SandboxFailedError,
)
from daytona_toolkit.testing._conformance.support import MakeSession, counting, replacing

MIB = 1024 * 1024

# A tree with names and contents of all sorts.
TREE: dict[str, bytes] = {
    "plain.txt": b"text\n",
    "empty": b"",
    "binary.bin": bytes(range(256)),
    "crlf.txt": b"a\r\nb\r\n",
    "deep/er/and/deeper.txt": b"deep",
    'two words/it\'s "quoted"': b"quoted",
    "-rf": b"dash",
    "new\nline": b"newline",
    "ends with\n": b"newline at the end",
    "back\\slash": b"backslash",
    "$(touch pwned)": b"command",
    "na\u00efve—dash": b"utf-8",
    ".hidden/.file": b"hidden",
}


def make_tree(tmp_path: Path) -> Path:
    """The tree, on the host."""
    root = tmp_path / "here"
    for name, content in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "run.sh").write_text("echo ran\n")
    (root / "run.sh").chmod(0o755)
    (root / "no files/at all").mkdir(parents=True)
    return root


def contents(root: Path) -> dict[str, bytes | None]:
    """What is below a folder; None for folders."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


@contextmanager
def cut_off(session: SandboxSession, after: int) -> Iterator[None]:
    """A sandbox that fails for good after so many requests."""
    left, run, upload = after, session.sandbox.run, session.sandbox.upload

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise SandboxFailedError("it broke")

    async def broken_run(program: str, *, timeout: float) -> bytes:
        count()
        return await run(program, timeout=timeout)

    async def broken_upload(path: str, data: bytes) -> None:
        count()
        await upload(path, data)

    with replacing(session, broken_run, broken_upload):
        yield


def test_a_name_that_is_not_utf_8_comes_back_or_is_named(
    session: SandboxSession, tmp_path: Path
) -> None:
    name = "caf\udce9"
    here = tmp_path / "here"
    here.mkdir()
    for each in ("a", name, "z"):
        (here / each).write_text(f"{each!r}")
    assert session.upload(here, "there").files == 3
    assert session.read_bytes(f"there/{name}") == b"'caf\\udce9'"
    received = session.download("there", tmp_path / "back")
    if session.exec('cd there; for f in c*; do [ "$(stat -c %n "$f")" = "$f" ]; done').exit_code:
        assert received.notes[0].startswith("1 path skipped (the sandbox's tools misspell a name")
        (here / name).unlink()
    else:
        assert received.notes == ()
    assert contents(tmp_path / "back") == contents(here)


def test_a_folder_comes_back_as_it_went(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    sent = session.upload(folder, "there")
    assert sent.path == f"{session.root}/there"
    assert sent.files == len(TREE) + 1
    assert sent.bytes == sum(map(len, TREE.values())) + len("echo ran\n")
    assert sent.notes == ()
    received = session.download("there", tmp_path / "back")
    assert (received.files, received.bytes) == (sent.files, sent.bytes)
    assert contents(tmp_path / "back") == contents(folder)
    assert session.exec("there/run.sh").stdout == "ran\n"
    assert not session.exists("pwned")
    assert not session.exists("there/pwned")


def test_a_file_that_may_be_run_may_be_run_on_the_other_side(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    session.upload(folder, "there")
    back = tmp_path / "back"
    session.download("there", back)
    assert (back / "run.sh").stat().st_mode & 0o111
    assert not (back / "plain.txt").stat().st_mode & 0o111
    (folder / "run.sh").chmod(0o644)
    assert session.upload(folder, "there").files == 1
    assert session.exec("test -x there/run.sh").exit_code == 1
    session.exec("chmod +x there/plain.txt")
    assert session.download("there", back).files == 2
    assert (back / "plain.txt").stat().st_mode & 0o111


def test_only_what_differs_is_moved(session: SandboxSession, folder: Path, tmp_path: Path) -> None:
    back = tmp_path / "back"
    session.upload(folder, "there")
    session.download("there", back)
    for way in ("up", "down"):
        with counting(session) as traffic:
            if way == "up":
                result = session.upload(folder, "there")
            else:
                result = session.download("there", back)
        assert (result.files, result.skipped, traffic.requests) == (0, len(TREE) + 1, 1)
    (folder / "plain.txt").write_text("TEXT\n")
    assert session.upload(folder, "there").files == 1
    assert session.download("there", back).files == 1
    assert contents(back) == contents(folder)


def test_what_only_one_side_has_stays(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    session.write("there/own", "mine")
    session.upload(folder, "there")
    assert session.read("there/own").content == "mine"
    back = tmp_path / "back"
    back.mkdir()
    (back / "own").write_text("mine")
    session.download("there", back)
    assert (back / "own").read_text() == "mine"


def test_many_small_files_take_few_requests(session: SandboxSession, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for i in range(150):
        (here / f"{i}.txt").write_text(f"{i}\n" * 100)
    with counting(session) as traffic:
        session.upload(here, "there")
    assert traffic.requests <= 3
    with counting(session) as traffic:
        session.download("there", tmp_path / "back")
    assert traffic.requests == 2
    assert contents(tmp_path / "back") == contents(here)


def test_files_of_a_folder_that_need_more_than_a_name_get_it(
    session: SandboxSession, tmp_path: Path
) -> None:
    local = tmp_path / "here"
    local.mkdir()
    for name in ("linked", "new", "open", "own", "plain", "program"):
        (local / name).write_text(f"{name} is new\n")
    (local / "program").chmod(0o755)
    session.exec(
        "mkdir there; cd there; umask 022; echo old | tee elsewhere open own plain program;"
        "ln -s elsewhere linked; chmod 600 own; chmod 666 open"
    )
    assert session.upload(local, "there").files == 6
    shown = session.exec("umask; cd there; stat -c '%n %a' *; cat elsewhere; readlink linked")
    umask, *lines = shown.stdout.splitlines()
    fresh = 0o666 & ~int(umask, 8)
    assert "linked" in lines.pop(1)
    assert lines == [
        *("elsewhere 644", f"new {fresh:o}", "open 666", "own 600", "plain 644", "program 755"),
        *("linked is new", "elsewhere"),
    ]
    back = tmp_path / "back"
    session.download("there", back)
    found = contents(back)
    for name in ("new", "open", "own", "plain", "program"):
        assert found[name] == f"{name} is new\n".encode()


def test_one_file_that_is_refused_keeps_no_other_from_its_place(
    session: SandboxSession, tmp_path: Path
) -> None:
    local = tmp_path / "here"
    local.mkdir()
    for name in "abcd":
        (local / name).write_text(f"{name}\n")
    session.exec("mkdir -p there/b")
    with pytest.raises(NotAFileError, match=r"there/b"):
        session.upload(local, "there")
    assert session.exec("cd there && cat a c d && ls -A b").stdout == "a\nc\nd\n"


def test_a_folder_whose_files_change_meanwhile_comes_without_them(
    session: SandboxSession, tmp_path: Path
) -> None:
    session.exec("mkdir there; cd there; for name in a b c d; do echo $name >$name; done")
    run = session.sandbox.run

    async def changed_after_the_list(program: str, *, timeout: float) -> bytes:
        answer = await run(program, timeout=timeout)
        session.sandbox.run = run  # type: ignore[method-assign]
        await session.aexec("cd there; echo longer >b; rm c; mkfifo c")
        return answer

    session.sandbox.run = changed_after_the_list  # type: ignore[method-assign]
    result = session.download("there", tmp_path / "back")
    assert contents(tmp_path / "back") == {"a": b"a\n", "d": b"d\n"}
    assert result.notes == ("2 paths skipped (changed meanwhile; download again): b, c",)


def test_one_file_is_moved_under_the_name_that_is_given(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    assert session.upload(folder / "plain.txt", "sub/other.txt").files == 1
    assert session.read("sub/other.txt").content == "text\n"
    assert session.download("sub/other.txt", tmp_path / "new/name.txt").files == 1
    assert (tmp_path / "new/name.txt").read_text() == "text\n"


def test_a_large_file_moves_in_parts_and_goes_on_where_it_stopped(
    session: SandboxSession, tmp_path: Path
) -> None:
    data = random.Random(1).randbytes(5 * MIB)
    here = tmp_path / "here"
    here.mkdir()
    large, back = here / "large", here / "back"
    large.write_bytes(data)
    with cut_off(session, after=3), pytest.raises(SandboxFailedError):
        session.upload(large, "large")
    assert not session.exists("large")
    with counting(session) as traffic:
        assert session.upload(large, "large").bytes == len(data)
    assert traffic.sent < 2 * MIB  # two of three parts were there
    assert session.exec("sha256sum <large").stdout.split()[0] == hashlib.sha256(data).hexdigest()
    assert "part-" not in session.exec(f"ls {session._workspace.facts.state}").stdout

    with cut_off(session, after=3), pytest.raises(SandboxFailedError):
        session.download("large", back)
    assert not back.exists()
    with counting(session) as traffic:
        session.download("large", back)
    assert traffic.received < 2 * MIB
    assert back.read_bytes() == data
    assert sorted(path.name for path in here.iterdir()) == ["back", "large"]


def test_parts_that_belong_together_no_more_are_not_put_together(
    session: SandboxSession, tmp_path: Path
) -> None:
    data = random.Random(2).randbytes(5 * MIB)
    back = tmp_path / "back"
    session.write("large", data)
    with cut_off(session, after=3), pytest.raises(SandboxFailedError):
        session.download("large", back)
    (begun,) = tmp_path.glob(".*.part")
    begun.write_bytes(b"x" * begun.stat().st_size)
    with pytest.raises(FileChangedError):
        session.download("large", back)
    session.download("large", back)
    assert back.read_bytes() == data


def test_an_interrupted_transfer_leaves_whole_files_only(
    session: SandboxSession, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for i in range(6):
        (here / f"{i}.bin").write_bytes(random.Random(i).randbytes(2 * MIB))
    with cut_off(session, after=3), pytest.raises(SandboxFailedError):
        session.upload(here, "there")
    there = session.ls("there").entries
    assert 0 < len(there) < 6
    assert {entry.size for entry in there} == {2 * MIB}
    result = session.upload(here, "there")
    assert (result.skipped, result.files) == (len(there), 6 - len(there))


def test_a_request_that_is_sent_twice_does_its_work_once(
    session: SandboxSession, folder: Path
) -> None:
    run = session.sandbox.run

    async def twice(program: str, *, timeout: float) -> bytes:
        await run(program, timeout=timeout)
        return await run(program, timeout=timeout)

    session.open()
    with replacing(session, twice):
        assert session.upload(folder, "there").files == len(TREE) + 1
    assert session.upload(folder, "there").skipped == len(TREE) + 1


def test_progress_is_told_to_the_end(session: SandboxSession, folder: Path, tmp_path: Path) -> None:
    (folder / "large").write_bytes(b"x" * 5 * MIB)
    total = sum(map(len, TREE.values())) + len("echo ran\n") + 5 * MIB
    for move in ("up", "up again", "down"):
        told: list[tuple[int, int, str]] = []
        tell = partial(_remember, told)
        if move == "down":
            session.download("there", tmp_path / "back", on_progress=tell)
        else:
            session.upload(folder, "there", on_progress=tell)
        assert {step[1] for step in told} == {total}
        assert told[-1][0] == total
        assert [step[0] for step in told] == sorted(step[0] for step in told)
        assert "large" in {step[2] for step in told}


def _remember(told: list[tuple[int, int, str]], done: int, total: int, path: str) -> None:
    told.append((done, total, path))


async def test_transfers_have_twins_for_async_code(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    told: list[int] = []

    async def tell(done: int, total: int, path: str) -> None:
        told.append(done)

    assert (await session.aupload(folder, "there", on_progress=tell)).files == len(TREE) + 1
    await session.adownload("there", tmp_path / "back", on_progress=tell)
    assert contents(tmp_path / "back") == contents(folder)
    assert told[-1] == max(told)


def test_a_terminal_gets_a_progress_bar_and_a_file_does_not(
    make_session: MakeSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    session = make_session()
    for stream, drawn in ((Terminal(), find_spec("rich") is not None), (StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        session.upload(folder, "there")
        assert ("upload there" in stream.getvalue()) is drawn


# --- what may not be


def test_symlinks_are_left_out_and_named(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    (folder / "link").symlink_to("plain.txt")
    (folder / "folder link").symlink_to("/etc")
    (note,) = session.upload(folder, "there").notes
    assert note == "2 paths skipped (symlinks are not moved): folder link, link"
    session.exec("ln -s /etc there/out; ln -s plain.txt there/in; mkfifo there/pipe")
    notes = session.download("there", tmp_path / "back").notes
    assert sorted(notes) == [
        "1 path skipped (only files and folders are moved): pipe",
        "2 paths skipped (symlinks are not moved): in, out",
    ]
    assert not os.path.lexists(tmp_path / "back/out")


def test_a_symlink_on_the_host_is_not_followed_out_of_the_folder(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("untouched")
    back = tmp_path / "back"
    back.mkdir()
    (back / "deep").symlink_to(outside)
    (back / "plain.txt").symlink_to(outside / "file")
    session.upload(folder, "there")
    result = session.download("there", back)
    assert any("deep/er/and/deeper.txt" in note for note in result.notes)
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "untouched"
    assert not (back / "plain.txt").is_symlink()
    assert (back / "plain.txt").read_text() == "text\n"


def test_a_download_replaces_no_pipe_and_writes_through_the_symlink_that_it_is_given(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    back, pipe, link = (tmp_path / name for name in ("back", "pipe", "link"))
    session.upload(folder, "there")
    back.mkdir()
    for special in (pipe, back / "plain.txt"):
        os.mkfifo(special)
    with pytest.raises(NotAFileError, match=r"pipe' on this host is a device, a pipe or a socket"):
        session.download("there/plain.txt", pipe)
    assert pipe.is_fifo()
    terminals = os.openpty()
    device = Path(os.ttyname(terminals[1]))
    with pytest.raises(NotAFileError, match="is a device, a pipe or a socket"):
        session.download("there/plain.txt", device)
    assert device.is_char_device()
    for terminal in terminals:
        os.close(terminal)
    (note,) = session.download("there", back).notes
    assert note.startswith("1 path skipped (a symlink, device or pipe is in the way")
    assert (back / "plain.txt").is_fifo()

    (tmp_path / "file").write_text("old")
    link.symlink_to("file")
    session.download("there/plain.txt", link)
    assert (link.is_symlink(), (tmp_path / "file").read_text()) == (True, "text\n")


def test_a_sandbox_that_lies_about_names_writes_nothing_outside(
    session: SandboxSession, tmp_path: Path
) -> None:
    session.write("there/xx/yy", "evil")
    run, back = session.sandbox.run, tmp_path / "a/back"
    before, after = b"./xx/yy", b"./../yy"

    async def lying(program: str, *, timeout: float) -> bytes:
        printed = await run(program.replace("../yy", "xx/yy"), timeout=timeout)
        return _recoded(printed, before, after)

    with replacing(session, lying):
        result = session.download("there", back)
    assert result.files == 0
    assert "../yy" in result.notes[0]
    assert not (tmp_path / "a/yy").exists()


def _recoded(printed: bytes, before: bytes, after: bytes) -> bytes:
    """A reply with other bytes in its blobs."""
    lines, blob, found = printed.split(b"\n"), b"", []
    inside = False
    for line in lines:
        if line.endswith(b"<"):
            inside = True
            found.append(line)
        elif inside and line == b".":
            found += [base64.b64encode(base64.b64decode(blob).replace(before, after)), line]
            inside, blob = False, b""
        elif inside:
            blob += line
        else:
            found.append(line)
    return b"\n".join(found)


def test_paths_that_cannot_be_moved_are_errors(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(PathNotFoundError, match="on this host"):
        session.upload(tmp_path / "missing", "there")
    with pytest.raises(PathNotFoundError):
        session.download("missing", tmp_path / "back")
    session.write("file", "x")
    session.exec("mkdir folder; mkfifo pipe")
    with pytest.raises(NotAFolderError):
        session.upload(folder, "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAFolderError):
        session.upload(tmp_path / "empty", "file")
    with pytest.raises(NotAFileError):
        session.upload(folder / "plain.txt", "folder")
    with pytest.raises(NotAFileError):
        session.download("file", folder)
    with pytest.raises(NotAFileError):
        session.download("pipe", tmp_path / "pipe")
    with pytest.raises(PathError):
        session.upload(folder / "plain.txt", "/proc/version")


def test_what_cannot_be_read_is_left_out_and_named(session: SandboxSession, tmp_path: Path) -> None:
    session.exec("mkdir there; echo a >there/a; echo b >there/b; echo c >there/c; chmod 0 there/b")
    result = session.download("there", tmp_path / "back")
    if session.exec("cat there/b").exit_code:  # not root, or confined
        assert result.notes == ("1 path skipped (not readable): b",)
        assert sorted(contents(tmp_path / "back")) == ["a", "c"]
    else:
        assert result.files == 3


def test_the_mode_of_a_file_that_is_replaced_stays(
    session: SandboxSession, folder: Path, tmp_path: Path
) -> None:
    session.exec("mkdir there; echo old >there/plain.txt; chmod 640 there/plain.txt")
    session.upload(folder, "there")
    assert session.exec("stat -c %a there/plain.txt").stdout == "640\n"
    back = tmp_path / "back"
    back.mkdir()
    (back / "plain.txt").write_text("old")
    (back / "plain.txt").chmod(0o600)
    session.download("there", back)
    assert stat.S_IMODE((back / "plain.txt").stat().st_mode) == 0o600


def test_an_upload_is_seen_by_an_edit_that_knew_the_file(
    session: SandboxSession, folder: Path
) -> None:
    session.write("there/plain.txt", "old\n")
    session.upload(folder, "there")
    session.edit("there/plain.txt", "text", "edited")
    assert session.read("there/plain.txt").content == "edited\n"


def test_memory_holds_a_part_and_not_the_whole(session: SandboxSession, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(80 * MIB)
    session.open()
    tracemalloc.start()
    try:
        session.upload(large, "large")
        session.download("large", tmp_path / "back")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Much of it is a server's: that of Daytona is in this process.
    assert most < 72 * MIB
    assert (tmp_path / "back").stat().st_size == 80 * MIB


# --- confined


def test_a_confined_session_moves_nothing_from_or_to_outside(
    make_session: MakeSession, folder: Path, tmp_path: Path
) -> None:
    session = make_session(root="inner", confined=True)
    session.exec("mkdir ../other; echo secret >../other/file; ln -s ../other link; mkdir sub")
    for remote in ("..", "../other", "link", "sub/../../other", "/etc", "/proc/self/cwd/../other"):
        with pytest.raises(OutsideRootError):
            session.upload(folder, remote)
        with pytest.raises(OutsideRootError):
            session.download(remote, tmp_path / "back")
    session.exec(
        "mkdir there; ln -s ../../other there/deep; ln -s ../../other/file there/plain.txt"
    )
    with pytest.raises(OutsideRootError):
        session.upload(folder, "there")
    assert session.exec("ls -R ../other; cat ../other/file").stdout == "../other:\nfile\nsecret\n"
    assert not (tmp_path / "back").exists()


def test_a_confined_session_moves_files_inside(
    make_session: MakeSession, folder: Path, tmp_path: Path
) -> None:
    session = make_session(root="inner", confined=True)
    (folder / "large").write_bytes(b"x" * 5 * MIB)
    session.upload(folder, ".")
    session.download(".", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)
