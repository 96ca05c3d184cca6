"""What is at a path."""

import re
import stat
from typing import Literal

from daytona_toolkit._remote import Reply
from daytona_toolkit._result import Part, SandboxPath
from daytona_toolkit._text import on_one_line

_TYPES: dict[int, Literal["file", "folder"]] = {stat.S_IFREG: "file", stat.S_IFDIR: "folder"}
_SIGNS = {"folder": "/", "symlink": "@", "other": "?"}

# The date, the time and, not from every tool, the time zone.
_RECORD = re.compile(
    rb"(>?)([0-9a-f]+) (-?\d+) ((\d+)-\d+-\S+) (\S+)(?: [+-]\d+)? \./(.+?)//\n", re.DOTALL
)


class Entry(Part):
    """What is at a path; of a symlink, the symlink itself.

    Attributes:
        path: The path, as other operations take it: as the caller gave it, or beginning with
            the folder that was listed or searched, as the caller gave that.
        type: `file`, `folder`, `symlink` or `other`.
        target_type: What a symlink leads to: `file`, `folder` or `other`. None if it leads
            nowhere or, in a confined session, outside the root; and if it is no symlink.
        size: Bytes.
        modified: Seconds since 1970.
        version: A mark of the state of the file, or of what a symlink leads to, for
            `write(..., if_version=)`.
    """

    path: SandboxPath
    type: Literal["file", "folder", "symlink", "other"]
    target_type: Literal["file", "folder", "other"] | None = None
    size: int
    modified: float
    version: str = ""

    def line(self) -> str:
        """The entry in a list."""
        if self.type == "file":
            return f"{on_one_line(self.path)}  {self.size}"
        return on_one_line(self.path) + _SIGNS[self.type]


def entries_of(reply: Reply) -> list[Entry]:
    """What `entries.sh` says in a reply, in its order; each path is the name that it was asked."""
    found: dict[bytes, Entry] = {}
    records = _RECORD.findall(reply.blobs.get("entries", b""))
    for leads, mode, modified, state, size, time, name in records:
        version = f"{state.decode()}T{time.decode()}"
        kind = stat.S_IFMT(int(mode, 16))
        if leads:
            target = {"target_type": _TYPES.get(kind, "other"), "version": version}
            found[name] = found[name].model_copy(update=target)
        else:
            found[name] = Entry(
                path=name.decode("utf-8", "surrogateescape"),
                type="symlink" if kind == stat.S_IFLNK else _TYPES.get(kind, "other"),
                size=int(size),
                modified=int(modified),
                version=version,
            )
    return list(found.values())
