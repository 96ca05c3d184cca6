"""The file system calls of the daemon, but for the transfer of contents."""

import asyncio
import os
import re
import shutil
import stat
from collections.abc import Awaitable, Callable, Iterator
from grp import getgrnam
from pathlib import Path
from pwd import getpwnam
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from daytona_toolkit.testing._server.clock import go_time, rfc3339
from daytona_toolkit.testing._server.errors import FileError
from daytona_toolkit.testing._server.process import go_text, read_json
from daytona_toolkit.testing._server.sandbox import SANDBOX, Sandbox

Query = MultiMapping[str]
Operation = Callable[[Sandbox, Query], Any]

_SNIFFED = 512
_LONGEST_LINE = 64 * 1024
# Go's letters for the types of files; a sticky bit adds `t`, and so on.
_TYPES = {
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "L",
    stat.S_IFBLK: "D",
    stat.S_IFCHR: "Dc",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "S",
}
_SPECIAL_BITS = {stat.S_ISUID: "u", stat.S_ISGID: "g", stat.S_ISVTX: "t"}


def routes() -> list[web.RouteDef]:
    """Return the routes below a toolbox."""
    return [
        web.get("/files/info", _call(_info), name="file_info"),
        web.get("/files/find", _call(_find), name="find_files"),
        web.get("/files/search", _call(_search), name="search_files"),
        web.get("/files", _call(_list), name="list_files"),
        web.get("/files/", _call(_list), name="list_files_slash"),
        web.post("/files/folder", _call(_create_folder, 201), name="create_folder"),
        web.post("/files/move", _call(_move), name="move_files"),
        web.post("/files/permissions", _call(_set_permissions), name="set_permissions"),
        web.post("/files/replace", _replace, name="replace_in_files"),
        web.delete("/files", _call(_delete, 204), name="delete_file"),
    ]


def file_error(error: OSError) -> FileError:
    """Return the daemon's error for one of the system's."""
    message = f"{error.filename}: {os.strerror(error.errno or 0).lower()}"
    if isinstance(error, FileNotFoundError):
        return FileError(404, message, code="FILE_NOT_FOUND")
    if isinstance(error, PermissionError):
        return FileError(403, message, code="FILE_ACCESS_DENIED")
    return FileError(400, message, code="INVALID_FILE_PATH")


def _call(
    operation: Operation, status: int = 200
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make a handler of a function from query parameters to what the JSON says."""

    async def handler(request: web.Request) -> web.Response:
        try:
            result = await asyncio.to_thread(operation, request[SANDBOX], request.query)
        except OSError as error:
            raise file_error(error) from error
        if result is None:
            return web.Response(status=status)
        return web.json_response(result, status=status)

    return handler


def _path(sandbox: Sandbox, query: Query, key: str = "path") -> Path:
    if not query.get(key):
        raise FileError(400, f"{key} is required")
    return sandbox.path(query[key])


def _mode(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError as error:
        raise FileError(400, f"invalid mode: {text}") from error


def _info(sandbox: Sandbox, query: Query) -> dict[str, Any]:
    return _describe(_path(sandbox, query))


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


def go_mode(mode: int) -> str:
    """Return a mode as Go's `FileMode.String` writes it."""
    special = "".join(letter for bit, letter in _SPECIAL_BITS.items() if mode & bit)
    kind = _TYPES.get(stat.S_IFMT(mode), "")
    return (kind + special or "-") + stat.filemode(mode & 0o777)[1:]


def _list(sandbox: Sandbox, query: Query) -> list[dict[str, Any]]:
    root = sandbox.path(query.get("path") or ".")
    return list(_describe_entries(root, int(query.get("depth") or 1)))


def _describe_entries(folder: Path, depth: int) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.iterdir()):
        try:
            entry = _describe(path)
        except FileNotFoundError:
            continue  # a dangling symlink
        yield entry
        if entry["isDir"] and depth > 1:
            yield from _describe_entries(path, depth - 1)


def _create_folder(sandbox: Sandbox, query: Query) -> None:
    mode = _mode(query.get("mode", ""))
    path = _path(sandbox, query)
    path.mkdir(mode, parents=True, exist_ok=True)


def _delete(sandbox: Sandbox, query: Query) -> None:
    path = _path(sandbox, query)
    is_folder = stat.S_ISDIR(path.stat().st_mode)
    if is_folder and query.get("recursive") != "true":
        raise FileError(400, f"{path} is a directory; set recursive=true to delete it")
    if is_folder and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _move(sandbox: Sandbox, query: Query) -> None:
    source = _path(sandbox, query, "source")
    destination = _path(sandbox, query, "destination")
    source.lstat()
    destination.parent.stat()
    if os.path.lexists(destination):
        raise FileError(409, f"{destination} already exists", code="CONFLICT")
    shutil.move(source, destination)


def _set_permissions(sandbox: Sandbox, query: Query) -> None:
    path = _path(sandbox, query)
    path.stat()
    try:
        owner = _numeric_id(query.get("owner"), lambda name: getpwnam(name).pw_uid)
        group = _numeric_id(query.get("group"), lambda name: getgrnam(name).gr_gid)
    except KeyError as error:
        raise FileError(400, str(error)) from error
    if query.get("mode"):
        path.chmod(_mode(query["mode"]))
    os.chown(path, owner, group)


def _numeric_id(name: str | None, look_up: Callable[[str], int]) -> int:
    """Return a user's or group's id; -1, which `chown` leaves alone, for none."""
    if not name:
        return -1
    return int(name) if name.isdigit() else look_up(name)


def _walk(root: Path) -> Iterator[Path]:
    """Go over a tree in Go's order: the root first, then by name. A missing root is empty."""
    if not os.path.lexists(root):
        return
    yield root
    if root.is_dir() and not root.is_symlink() and os.access(root, os.R_OK):
        for path in sorted(root.iterdir()):
            yield from _walk(path)


def _given(sandbox: Sandbox, root: str, path: Path) -> str:
    """Return a path below `root` in the caller's words: the root as given plus the rest."""
    return os.path.normpath(f"{root}/{path.relative_to(sandbox.path(root))}")


def _find(sandbox: Sandbox, query: Query) -> list[dict[str, Any]]:
    root, pattern = query.get("path", ""), query.get("pattern", "").encode()
    return [
        {"file": _given(sandbox, root, path), "line": number, "content": go_text(line)}
        for path in _walk(_path(sandbox, query))
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


def _search(sandbox: Sandbox, query: Query) -> dict[str, list[str]]:
    root = query.get("path", "")
    pattern = go_glob(query.get("pattern", ""))
    found = [path for path in _walk(_path(sandbox, query)) if pattern.fullmatch(path.name)]
    return {"files": [_given(sandbox, root, path) for path in found]}


def go_glob(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a]` and backslashes.

    Raises:
        FileError: A bracket or a backslash is left open.
    """
    tokens = re.findall(r"\\.|\[\^?(?:\\.|[^\]\\])+\]|[^\[\\]", pattern, re.DOTALL)
    if "".join(tokens) != pattern:
        raise FileError(400, "syntax error in pattern")
    return re.compile("".join(map(_glob_token, tokens)), re.DOTALL)


def _glob_token(token: str) -> str:
    if token[0] == "[":
        return token
    return {"*": "[^/]*", "?": "[^/]"}.get(token) or re.escape(token[-1])


async def _replace(request: web.Request) -> web.Response:
    body = await read_json(request)
    pattern, new_value = body.get("pattern"), body.get("newValue")
    if not pattern or new_value is None:
        raise FileError(400, "pattern and newValue are required")
    sandbox = request[SANDBOX]
    return web.json_response(
        [_replace_in(sandbox, name, pattern, new_value) for name in body.get("files") or []]
    )


def _replace_in(sandbox: Sandbox, name: str, pattern: str, new_value: str) -> dict[str, Any]:
    path = sandbox.path(name)
    try:
        path.write_bytes(path.read_bytes().replace(pattern.encode(), new_value.encode()))
    except OSError as error:
        return {"file": name, "success": False, "error": file_error(error).message}
    return {"file": name, "success": True}
