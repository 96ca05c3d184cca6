"""How small files are put together for their way into the sandbox. No I/O."""

import io
import itertools
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from daytona_toolkit._transfer import Folder, Remote
from daytona_toolkit._transfer.local_files import Item

# Files of one folder that are worth an archive: to unpack it takes as many processes as these
# would take one by one.
_WORTH = 3

# Bytes that tar pads a file to.
_BLOCK = 512

# What the plan says of files without an archive.
_NO_ARCHIVE = "= 0 0"


@dataclass(frozen=True)
class Parcel:
    """Files of one folder.

    Attributes:
        folder: The folder, and their names.
        steps: For each, what the plan of `unpack.sh` says.
        archive: What the plan says of an archive of them all.
    """

    folder: Folder
    steps: Sequence[str]
    archive: str = _NO_ARCHIVE


def pack(target: Remote, files: Mapping[Item, bytes]) -> tuple[list[Parcel], bytes]:
    """Parcels of files with their contents, and what travels."""
    data = bytearray()
    plan = []
    for mode in sorted({mode_of(item) for item in files}):
        alike = {item.name: content for item, content in files.items() if mode_of(item) == mode}
        for folder in target.folders(alike):
            contents = [alike[name] for name in folder.names.values()]
            is_worth_it = len(contents) >= _WORTH
            packed, offsets = _tar(folder.names, contents) if is_worth_it else _joined(contents)
            steps = [
                f"take {mode} {len(data) + offset} {len(content)}"
                for offset, content in zip(offsets, contents, strict=True)
            ]
            archive = f"{mode} {len(data)} {len(packed)}" if is_worth_it else _NO_ARCHIVE
            plan.append(Parcel(folder, steps, archive))
            data += packed
    return plan, bytes(data)


def mode_of(item: Item) -> str:
    """The mode that a file is to have, as `mode.sh` takes it."""
    return "=" if item.executable is None else "x" if item.executable else "-"


def _joined(contents: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """Contents one after the other, and where each begins."""
    ends = itertools.accumulate(map(len, contents), initial=0)
    return b"".join(contents), list(ends)[:-1]


def _tar(names: Iterable[str], contents: Iterable[bytes]) -> tuple[bytes, list[int]]:
    """A tar file, and where in it the content of each file begins."""
    buffer = io.BytesIO()
    offsets = []
    with tarfile.open(
        fileobj=buffer,
        mode="w",
        format=tarfile.GNU_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    ) as archive:
        for name, content in zip(names, contents, strict=True):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            offsets.append(archive.offset - -(-len(content) // _BLOCK) * _BLOCK)
    return buffer.getvalue(), offsets
