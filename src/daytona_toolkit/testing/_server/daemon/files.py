"""The file system calls of the daemon: from query parameters to what the JSON says."""

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from functools import partial
from grp import getgrnam
from pathlib import Path
from pwd import getpwnam
from typing import Any

from daytona_toolkit.testing._server.daemon.refusals import Refusal, refusal
from daytona_toolkit.testing._server.go import go_glob, go_mode, go_text, go_time, rfc3339

Query = dict[str, Any]

_SNIFFED = 512
_LONGEST_LINE = 64 * 1024


def _info(query: Query) -> dict[str, Any]:
    return _describe(_path(query))


def _describe(path: Path) -> dict[str, Any]:
    info = path.stat()
    return {
        "name": path.name,
        "path": str(path),
        "size": info.st_size,
        "mode": go_mode(info.st_mode),
        "modTime": go_time(info.st_mtime),
        "modifiedAt": rfc3339(info.st_mtime),
        "isDir": stat.S_ISDIR(info.st_mode),
        "owner": str(info.st_uid),
        "group": str(info.st_gid),
        "permissions": f"{info.st_mode & 0o777:04o}",
    }


def _list(query: Query) -> list[dict[str, Any]]:
    return list(_describe_entries(Path(query.get("path") or "."), int(query.get("depth") or 1)))


def _describe_entries(folder: Path, depth: int) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.iterdir()):
        try:
            entry = _describe(path)
        except FileNotFoundError:
            continue  # a dangling symlink
        yield entry
        if entry["isDir"] and depth > 1:
            yield from _describe_entries(path, depth - 1)


def _create_folder(query: Query) -> None:
    mode = _mode(query.get("mode", ""))
    _path(query).mkdir(mode, parents=True, exist_ok=True)


def _delete(query: Query) -> None:
    path = _path(query)
    is_folder = stat.S_ISDIR(path.stat().st_mode)
    if is_folder and query.get("recursive") != "true":
        raise Refusal(400, f"{path} is a directory; set recursive=true to delete it")
    if is_folder and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _move(query: Query) -> None:
    source, destination = _path(query, "source"), _path(query, "destination")
    source.lstat()
    destination.parent.stat()
    if os.path.lexists(destination):
        raise Refusal(409, f"{destination} already exists", "CONFLICT")
    shutil.move(source, destination)


def _set_permissions(query: Query) -> None:
    path = _path(query)
    path.stat()
    try:
        owner = _numeric_id(query.get("owner"), lambda name: getpwnam(name).pw_uid)
        group = _numeric_id(query.get("group"), lambda name: getgrnam(name).gr_gid)
    except KeyError as error:
        raise Refusal(400, str(error)) from error
    if query.get("mode"):
        path.chmod(_mode(query["mode"]))
    os.chown(path, owner, group)


def _numeric_id(name: str | None, look_up: Callable[[str], int]) -> int:
    """Return a user's or group's id; -1, which `chown` leaves alone, for none."""
    if not name:
        return -1
    return int(name) if name.isdigit() else look_up(name)


def _find(query: Query) -> list[dict[str, Any]]:
    pattern = query.get("pattern", "").encode()
    return [
        {"file": os.path.normpath(path), "line": number, "content": go_text(line)}
        for path in _walk(_path(query))
        if path.is_file()
        for number, line in _text_lines(path)
        if pattern in line
    ]


def _text_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield numbered lines as Go's scanner does; none of a binary or unreadable file."""
    try:
        data = path.read_bytes()
    except OSError:
        return
    if b"\0" in data[:_SNIFFED]:
        return
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n") if data else (), 1):
        if len(line) >= _LONGEST_LINE:
            return
        yield number, line.removesuffix(b"\r")


def _search(query: Query) -> dict[str, list[str]]:
    try:
        pattern = go_glob(query.get("pattern", ""))
    except ValueError as error:
        raise Refusal(400, str(error)) from error
    return {"files": _names(_walk(_path(query)), pattern)}


def _names(paths: Iterator[Path], pattern: re.Pattern[str]) -> list[str]:
    return [str(path) for path in paths if pattern.fullmatch(path.name)]


def _walk(root: Path) -> Iterator[Path]:
    """Go over a tree in Go's order: the root first, then by name. A missing root is empty."""
    if not os.path.lexists(root):
        return
    yield root
    if root.is_dir() and not root.is_symlink() and os.access(root, os.R_OK):
        for path in sorted(root.iterdir()):
            yield from _walk(path)


def _replace(query: Query) -> list[dict[str, Any]]:
    replace = partial(_replace_in, query["pattern"].encode(), query["newValue"].encode())
    return [replace(name) for name in query["files"]]


def _replace_in(pattern: bytes, new_value: bytes, name: str) -> dict[str, Any]:
    path = Path(name)
    try:
        path.write_bytes(path.read_bytes().replace(pattern, new_value))
    except (OSError, ValueError) as error:
        return {"file": name, "success": False, "error": refusal("open", path, error).args[1]}
    return {"file": name, "success": True}


def _download(query: Query, data: bytes) -> tuple[None, bytes]:
    name = query["path"]
    path = Path(name)
    try:
        if not name or path.is_dir():
            raise Refusal(400, "path points to a directory", "INVALID_FILE_PATH")
        return None, path.read_bytes()
    except (FileNotFoundError, PermissionError) as error:
        raise refusal("open", path, error) from error
    except (OSError, ValueError) as error:
        raise Refusal(500, refusal("open", path, error).args[1], "FILE_READ_FAILED") from error


def _path(query: Query, key: str = "path") -> Path:
    if not query.get(key):
        raise Refusal(400, f"{key} is required")
    return Path(query[key])


def _mode(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError as error:
        raise Refusal(400, f"invalid mode: {text}") from error


def _answering(call: Callable[[Query], Any]) -> Callable[[Query, bytes], tuple[Any, bytes]]:
    """Make a call of a function from query parameters to JSON."""

    def answer(query: Query, data: bytes) -> tuple[Any, bytes]:
        try:
            return call(query), b""
        except (OSError, ValueError, OverflowError) as error:
            path = Path(getattr(error, "filename", None) or query.get("path", ""))
            raise refusal("stat", path, error) from error

    return answer


CALLS = {
    "create_folder": _answering(_create_folder),
    "delete": _answering(_delete),
    "download": _download,
    "find": _answering(_find),
    "info": _answering(_info),
    "list": _answering(_list),
    "move": _answering(_move),
    "replace": _answering(_replace),
    "search": _answering(_search),
    "set_permissions": _answering(_set_permissions),
}
