"""Reads records of files in the replies of programs. No I/O."""

import re
import stat

from daytona_toolkit._transfer.local_files import Item

# A file: its mode, its size, when it was changed, and its name.
RECORD = re.compile(rb"([0-9a-f]+) (\d+) (-?\d+) \./(.+?)//\n", re.DOTALL)

_SUM = re.compile(rb"(\\?)([0-9a-f]{64})  ")


def files_of(entries: bytes, sums: bytes) -> list[Item]:
    """Files with a sum; the sums are in the order of the entries.

    GNU's sha256sum escapes some characters of a name and busybox does not, so the sum is found
    by the name, in either spelling.
    """
    found, position = [], 0
    for mode, size, _, name in RECORD.findall(entries):
        if not stat.S_ISREG(int(mode, 16)):
            continue
        summed = _SUM.match(sums, position)
        if not summed:
            break
        spelt = b"./" + name
        if summed[1]:
            spelt = spelt.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        if not sums.startswith(spelt + b"\n", summed.end()):
            continue  # it cannot be read
        position = summed.end() + len(spelt) + 1
        found.append(
            Item(
                name=name_of(name),
                size=int(size),
                sum=summed[2].decode(),
                executable=is_executable(mode.decode()),
            )
        )
    return found


def is_executable(mode: str) -> bool:
    """Whether a file of this mode, in hexadecimal, may be run."""
    return bool(int(mode, 16) & 0o111)


def name_of(name: bytes) -> str:
    """A name whose bytes may be anything."""
    return name.decode("utf-8", "surrogateescape")
