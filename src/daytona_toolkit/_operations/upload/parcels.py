"""How small files are put together for their way into the sandbox. No I/O."""

import io
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from daytona_toolkit._transfer import Folder, Target
from daytona_toolkit._transfer.local_files import Item

# Files of one folder that are worth an archive: to unpack it takes as many processes as these
# would take one by one.
_WORTH = 3

# Bytes that tar pads a file to.
_BLOCK = 512


@dataclass(frozen=True)
class Parcel:
    """Files of one folder.

    Attributes:
        folder: The folder, and their names.
        steps: For each, what the plan of `unpack.sh` says.
        archive: What the plan says of an archive of all; by default there is none.
    """

    folder: Folder
    steps: Sequence[str]
    archive: str = "= 0 0"


def pack(target: Target, files: Mapping[Item, bytes]) -> tuple[list[Parcel], bytes]:
    """Parcels of files with their contents, and what travels."""
    data = bytearray()
    plan = []
    for mode in sorted({mode_of(item) for item in files}):
        alike = {item.name: content for item, content in files.items() if mode_of(item) == mode}
        for folder in target.folders(alike):
            start = len(data)
            contents = [alike[name] for name in folder.names.values()]
            archive = "= 0 0"
            if len(contents) >= _WORTH:
                packed, offsets = _tar(folder.names, contents)
                archive = f"{mode} {start} {len(packed)}"
            else:
                packed = b"".join(contents)
                offsets = [sum(map(len, contents[:index])) for index in range(len(contents))]
            data += packed
            steps = [
                f"take {mode} {start + offset} {len(content)}"
                for offset, content in zip(offsets, contents, strict=True)
            ]
            plan.append(Parcel(folder, steps, archive))
    return plan, bytes(data)


def mode_of(item: Item) -> str:
    """The mode that a file is to have, as `mode.sh` takes it."""
    return "=" if item.executable is None else "x" if item.executable else "-"


def _tar(names: Iterable[str], contents: Iterable[bytes]) -> tuple[bytes, list[int]]:
    """A tar file, and where in it the content of each file begins."""
    buffer = io.BytesIO()
    offsets = []
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape"
    ) as archive:
        for name, content in zip(names, contents, strict=True):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            offsets.append(archive.offset - -(-len(content) // _BLOCK) * _BLOCK)
    return buffer.getvalue(), offsets
