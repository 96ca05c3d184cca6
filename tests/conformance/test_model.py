"""Any sequence of operations leaves the files that Python's own functions leave."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from daytona_toolkit import CommandSandbox, RecoverableError, SandboxSession
from daytona_toolkit.errors import AmbiguousMatchError
from tests.conformance.conftest import busybox_in

# For a longer search: `MODEL_RUNS=500 uv run pytest tests/conformance/test_model.py`.
RUNS = int(os.environ.get("MODEL_RUNS", "5"))

# The first ones come often, so that operations meet.
NAMES = ["a", "b", "c d", "é", "-x", "e'f", "new\nline", "*", "back\\slash", ".hidden", "[a]", "a~"]
NAME = st.sampled_from([*NAMES[:4] * 4, *NAMES])
PATH = st.lists(NAME, min_size=1, max_size=3).map("/".join)

WORD = st.sampled_from(["one", "two", "é", "", " ", "\t", "'", "%s", "\\n", "$x"])
TEXT = st.lists(WORD | st.just("\n"), max_size=15).map("".join)
CONTENT = TEXT.map(str.encode) | st.binary(max_size=30)

FOLDER = "a folder"


def tree(root: Path) -> dict[str, bytes | str]:
    """What is below a folder, by path: the content of files, and what else there is."""
    found: dict[str, bytes | str] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"a link to {path.readlink()}"
        else:
            found[name] = FOLDER if path.is_dir() else path.read_bytes()
    return found


def text_of(path: Path) -> str | None:
    """The text of a file; None for one whose lines or bytes are not plain."""
    content = path.read_bytes() if path.is_file() else b"\0"
    plain = all(byte >= 32 or byte in b"\t\n" for byte in content)
    try:
        return content.decode() if plain else None
    except UnicodeDecodeError:
        return None


def is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


class Files(RuleBasedStateMachine):
    """Each rule does the same in a session and by Python, in two folders."""

    path = os.environ["PATH"]

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.ours, self.theirs = self.place / "ours", self.place / "theirs"
        for folder in (self.ours, self.theirs, self.place / "tmp"):
            folder.mkdir()
        variables = [f"PATH={self.path}", f"TMPDIR={self.place}/tmp", f"HOME={self.place}"]
        sandbox = CommandSandbox(["env", "-i", *variables, "sh"])
        self.session = SandboxSession(sandbox, root=str(self.ours))
        self.has_git = shutil.which("git", path=self.path) is not None
        self.checkpoints: list[str] = []

    def teardown(self) -> None:
        self.session.close()
        shutil.rmtree(self.place)

    def both(self, ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[Any, Any]:
        """What both return; nothing if both refuse."""
        got = expected = refused = refused_by_python = None
        try:
            expected = theirs()
        except OSError as error:
            refused_by_python = error
        try:
            got = ours()
        except RecoverableError as error:
            refused = error
        assert bool(refused) == bool(refused_by_python), (refused, refused_by_python)
        return got, expected

    def start_from(self, folder: Path) -> None:
        """Let Python go on with a copy of other files."""
        shutil.rmtree(self.theirs)
        shutil.copytree(folder, self.theirs, symlinks=True)

    @invariant()
    def the_files_are_the_same(self) -> None:
        assert tree(self.ours) == tree(self.theirs)

    @rule(path=PATH, content=CONTENT)
    def write(self, path: str, content: bytes) -> None:
        def theirs() -> None:
            place = self.theirs / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

        self.both(lambda: self.session.write(path, content), theirs)

    @rule(path=PATH, data=st.data(), new=WORD, every=st.booleans())
    def edit(self, path: str, data: st.DataObject, new: str, every: bool) -> None:
        text = text_of(self.theirs / path)
        if not text:
            return
        start = data.draw(st.integers(0, len(text) - 1))
        old = text[start : data.draw(st.integers(start + 1, min(len(text), start + 12)))]
        if old == new:
            return
        places = sum(text.startswith(old, place) for place in range(len(text)))
        try:
            result = self.session.edit(path, old, new, replace_all=every)
        except AmbiguousMatchError:
            # Places that overlap cannot all be replaced.
            assert places > 1
            assert not every or text.count(old) < places
            return
        assert result.occurrences == places
        assert places == 1 or every
        (self.theirs / path).write_bytes(text.replace(old, new).encode())

    @rule(paths=st.lists(PATH, min_size=1, max_size=3), data=st.data())
    def patch(self, paths: list[str], data: st.DataObject) -> None:
        places = {path: self.theirs / path for path in paths if "\n" not in path}
        if any(place.is_symlink() for place in places.values()) or not places:
            return
        above = {folder for place in places.values() for folder in place.parents}
        if any(map(leads_nowhere, above)) or above & set(places.values()):
            return  # until another part of the patch makes what it leads to, or takes a file away
        if len({os.path.realpath(place) for place in places.values()}) < len(places):
            return  # no patch names a file twice
        before = shutil.copytree(self.theirs, self.place / "before", symlinks=True)
        patch = ["*** Begin Patch"]

        def theirs() -> None:
            for path, place in places.items():
                lines = (text_of(place) or "").splitlines()
                is_kept = data.draw(st.booleans())
                kind = "Update" if lines and is_kept else "Delete"
                patch.append(f"*** {kind if os.path.lexists(place) else 'Add'} File: {path}")
                new = data.draw(st.lists(WORD, min_size=1, max_size=3))
                if not os.path.lexists(place):
                    patch.extend(f"+{line}" for line in new)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_text("\n".join([*new, ""]))
                elif kind == "Delete":
                    place.unlink()
                else:
                    start = data.draw(st.integers(0, len(lines)))
                    end = data.draw(st.integers(start, len(lines)))
                    if lines[start:end] == new:
                        new.append("more")  # a hunk that changes nothing is refused
                    patch.extend(f" {line}" for line in lines[:start])
                    patch.extend(f"-{line}" for line in lines[start:end])
                    patch.extend(f"+{line}" for line in new)
                    patch.extend(f" {line}" for line in lines[end:])
                    lines[start:end] = new
                    ending = "\n" if place.read_text().endswith("\n") else ""
                    place.write_text("\n".join(lines) + ending)
            patch.append("*** End Patch")

        got, _ = self.both(lambda: self.session.apply_patch("\n".join(patch)), theirs)
        if got is None:
            self.start_from(before)
        shutil.rmtree(before)

    @rule(source=PATH, to=PATH, overwrite=st.booleans())
    def move(self, source: str, to: str, overwrite: bool) -> None:
        def theirs() -> None:
            old, new = self.theirs / source, self.theirs / to
            old.lstat()
            real_old, real_new = map(os.path.realpath, (old, new))
            is_within = new.is_relative_to(old) or Path(real_new).is_relative_to(real_old)
            if is_real_folder(old) and is_within and old != new:
                raise IsADirectoryError
            new.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(new) and not os.path.samestat(old.lstat(), new.lstat()):
                if not overwrite:
                    raise FileExistsError
                if is_real_folder(new) != is_real_folder(old):
                    raise NotADirectoryError
            old.rename(new)

        self.both(lambda: self.session.move(source, to, overwrite=overwrite), theirs)

    @rule(path=PATH, recursive=st.booleans())
    def remove(self, path: str, recursive: bool) -> None:
        def theirs() -> None:
            place = self.theirs / path
            if recursive and is_real_folder(place):
                shutil.rmtree(place)
            else:
                place.unlink()

        self.both(lambda: self.session.remove(path, recursive=recursive), theirs)

    @rule(path=PATH)
    def mkdir(self, path: str) -> None:
        make = (self.theirs / path).mkdir
        self.both(lambda: self.session.mkdir(path), lambda: make(parents=True, exist_ok=True))

    @rule(path=PATH, to=PATH)
    def link(self, path: str, to: str) -> None:
        for root in (self.ours, self.theirs):
            place = root / path
            if place.parent.is_dir() and not os.path.lexists(place):
                place.symlink_to(to)

    @rule(path=PATH, files=st.dictionaries(NAME, CONTENT, max_size=3))
    def upload(self, path: str, files: dict[str, bytes]) -> None:
        local = Path(tempfile.mkdtemp(dir=self.place))
        for name, content in files.items():
            (local / name).write_bytes(content)

        def theirs() -> None:
            (self.theirs / path).mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (self.theirs / path / name).write_bytes(content)

        got, _ = self.both(lambda: self.session.upload(local, path), theirs)
        if got is None:  # each took what came before the file that it refused
            self.start_from(self.ours)

    @rule(path=PATH)
    def download(self, path: str) -> None:
        local, there = Path(tempfile.mkdtemp(dir=self.place), "local"), self.theirs / path
        got, _ = self.both(lambda: self.session.download(path, local), lambda: there.stat())
        if got and there.is_dir():
            found = tree(there.resolve()).items()
            assert tree(local) == {
                name: what for name, what in found if not str(what).startswith("a link")
            }
        elif got:
            assert local.read_bytes() == there.read_bytes()

    @precondition(lambda self: self.has_git)
    @rule()
    def checkpoint(self) -> None:
        self.checkpoints.append(self.session.checkpoint().id)
        shutil.copytree(self.theirs, self.place / self.checkpoints[-1], symlinks=True)

    @precondition(lambda self: self.checkpoints)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        then = data.draw(st.sampled_from(self.checkpoints))
        self.session.restore(then)
        self.start_from(self.place / then)

    @rule(path=PATH, offset=st.integers(1, 4), limit=st.integers(1, 4))
    def read(self, path: str, offset: int, limit: int) -> None:
        text = text_of(self.theirs / path)
        if text is None:
            return
        lines = text.splitlines(keepends=True)
        if offset > max(1, len(lines)):
            with pytest.raises(RecoverableError):
                self.session.read(path, offset=offset)
            return
        result = self.session.read(path, offset=offset, limit=limit)
        assert result.content == "".join(lines[offset - 1 : offset - 1 + limit])
        assert result.total_lines == len(lines)

    @rule(path=PATH)
    def look(self, path: str) -> None:
        there = self.theirs / path
        assert self.session.exists(path) == there.exists()
        got, expected = self.both(lambda: self.session.read_bytes(path), there.read_bytes)
        assert got == expected
        got, expected = self.both(lambda: self.session.stat(path), there.lstat)
        assert got is None or got.type != "file" or got.size == expected.st_size

    @rule(path=PATH, hidden=st.booleans())
    def ls(self, path: str, hidden: bool) -> None:
        got, names = self.both(
            lambda: self.session.ls(path, hidden=hidden),
            lambda: [entry.name for entry in (self.theirs / path).iterdir()],
        )
        assert got is None or sorted(Path(entry.path).name for entry in got.entries) == sorted(
            name for name in names if hidden or not name.startswith(".")
        )

    @rule()
    def glob(self) -> None:
        found = self.session.glob("**/*", hidden=True)
        assert {entry.path for entry in found.entries} == set(tree(self.theirs))

    @rule(word=WORD.filter(str.strip))
    def grep(self, word: str) -> None:
        found = self.session.grep(word, fixed=True, hidden=True)
        assert {(match.path, match.line) for match in found.matches} == {
            (path, number)
            for path, content in tree(self.theirs).items()
            if isinstance(content, bytes) and b"\0" not in content
            for number, line in enumerate(content.split(b"\n"), 1)
            if word.encode() in line
        }


class FilesOfBusybox(Files):
    """The same with other tools."""


@pytest.mark.parametrize("machine", [Files, FilesOfBusybox])
def test_any_sequence_of_operations(machine: type[Files], tmp_path: Path) -> None:
    if machine is FilesOfBusybox:
        machine.path = busybox_in(tmp_path / "bin")
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
