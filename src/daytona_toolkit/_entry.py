"""Entry: what is at a path, as `stat`, `ls` and `glob` return it."""

import re
import stat
from collections.abc import Callable
from typing import Any, Literal

from daytona_toolkit._remote import Reply
from daytona_toolkit._result import Part, SandboxPath
from daytona_toolkit._text import on_one_line

_TYPES = {"f": "file", "d": "folder", "l": "symlink"}
_SIGNS = {"folder": "/", "symlink": "@", "other": "?"}

# A path; what separates it from the rest, which says what ends it; the mode, or a letter from
# find; the date, the time (find has a tenth digit) and, not from every tool, the time zone.
_RECORD = re.compile(
    rb"\./(.+?)(?:(//)|\x01)(~?)(\w+) (-?\d+)(?:\.\d+)? ((\d+)-\d+-\S+) "
    rb"(\d\d:\d\d:\d\d(?:\.\d{1,9})?)\d*(?: [+-]\d+)?(?(2)\n|\0)",
    re.DOTALL,
)


class Entry(Part):
    """What is at a path; for a symlink, the symlink itself.

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


def entries_of(reply: Reply, path_of: Callable[[str], str] = str) -> list[Entry]:
    """What `entries.sh` says in a reply, in its order.

    Args:
        reply: The reply.
        path_of: The path of an entry, given the name that the program was asked for.
    """
    found: dict[bytes, Entry] = {}
    records = _RECORD.findall(reply.blobs.get("entries", b""))
    for name, _, leads, kind, modified, state, size, time in records:
        type_, version = _type(kind.decode()), f"{state.decode()}T{time.decode()}"
        if leads:
            target = {"target_type": type_, "version": version}
            found[name] = found[name].model_copy(update=target)
        else:
            found[name] = Entry(
                path=path_of(name.decode("utf-8", "surrogateescape")),
                type=type_,
                size=int(size),
                modified=int(modified),
                version=version,
            )
    return list(found.values())


def _type(kind: str) -> Any:
    """The type that a letter of find or a mode from stat stands for."""
    letter = kind if len(kind) == 1 else stat.filemode(int(kind, 16))[0].replace("-", "f")
    return _TYPES.get(letter, "other")
