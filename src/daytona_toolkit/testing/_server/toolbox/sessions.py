"""Process sessions: one shell that lives on, and commands sourced in it one after another.

The shell reads its own stdin from a FIFO. For each command it is told to source a file with
stdout, stderr and the exit code going to further FIFOs, which are read here: so all of it happens
inside one long `Machine.run`, whatever confines the machine.
"""

import asyncio
import os
import random
import re
import shlex
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from daytona_toolkit.testing._server.bodies import Struct, read_json
from daytona_toolkit.testing._server.errors import DaemonError, FileError, WireError
from daytona_toolkit.testing._server.go import go_text
from daytona_toolkit.testing._server.machine import MachineStoppedError
from daytona_toolkit.testing._server.sandbox import SANDBOX, Sandbox

_STDOUT = b"\x01\x01\x01"
_STDERR = b"\x02\x02\x02"
_ENTRYPOINT = "entrypoint"
_CREATE_REQUEST = Struct("CreateSessionRequest", {"sessionId": "string"})
# v0.190 sends its errors about this body as those about files: empty.
_EXECUTE_REQUEST = Struct(
    "SessionExecuteRequest", {"command": "string", "runAsync": "bool", "async": "bool"}, FileError
)
_INPUT_REQUEST = Struct("SessionSendInputRequest", {"data": "string"})
_CHUNK = 64 * 1024
_LARGEST_FRAME = 1024
# The daemon looks again for a last time a second after the exit code is there.
_FOLLOW_GRACE = 1.0
# Seconds between two looks of the daemon at whether a command has ended.
_POLL = 0.05

# $0 is the session's folder, "$@" the shell. Its pipe is closed, so that only its end ends the run.
_SHELL_ON_FIFO = 'echo $$ >"$0/pid"; exec "$@" <"$0/stdin" >/dev/null 2>&1'
# The daemon ends the shell's process group and what descends from it. What has detached itself
# and lost its parent lives on.
_KILL_TREE = r"""
tree() {
    echo "$1"
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do tree "$child"; done
}
lives() {
    for pid in $found; do grep -qs . "/proc/$pid/cmdline" && return; done
    return 1
}
read -r shell <"$0/pid" || exit
found=$(tree "$shell")
kill -s TERM -- "-$shell" $found 2>/dev/null
tries=0
while lives && [ "$((tries += 1))" -le 250 ]; do sleep 0.02; done
while lives; do kill -s KILL -- "-$shell" $found 2>/dev/null; sleep 0.02; done
"""


def routes() -> list[web.RouteDef]:
    """Return the routes below a toolbox."""
    session = "/process/session/{session}"
    command = f"{session}/command/{{command}}"
    return [
        web.post("/process/session", _create, name="create_session"),
        web.get("/process/session", _list, name="list_sessions"),
        web.get(f"/process/session/{_ENTRYPOINT}", _entrypoint, name="entrypoint"),
        web.get(f"/process/session/{_ENTRYPOINT}/logs", _entrypoint_logs, name="entrypoint_logs"),
        web.get(session, _get, name="get_session"),
        web.delete(session, _delete, name="delete_session"),
        web.post(f"{session}/exec", _execute, name="session_execute"),
        web.get(command, _get_command, name="session_command"),
        web.get(f"{command}/logs", _logs, name="session_logs"),
        web.post(f"{command}/input", _input, name="session_input"),
    ]


class Command:
    """A command of a session.

    Attributes:
        id: Its id.
        text: Its text.
        log: Every line it printed, each behind the marker of its stream.
        exit_code: Its exit code once it has ended; it stays None if its shell ended instead.
        ended: Set when nothing more will come.
        changed: Set, and replaced by a new event, when any of this changes.
    """

    def __init__(self, text: str, *, keeps_nuls: bool) -> None:
        self.id = str(uuid.uuid4())
        self.text = text
        self._keeps_nuls = keeps_nuls
        self.log = bytearray()
        self.exit_code: int | None = None
        self.ended = asyncio.Event()
        self.changed = asyncio.Event()
        self._stdin: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the daemon shows it."""
        code = {} if self.exit_code is None else {"exitCode": self.exit_code}
        return {"id": self.id, "command": self.text, **code}

    def streams(self) -> dict[str, str]:
        """Return its log, raw and taken apart."""
        stdout, stderr = split_streams(bytes(self.log))
        return {
            "output": go_text(bytes(self.log)),
            "stdout": go_text(stdout),
            "stderr": go_text(stderr),
        }

    def type(self, data: str) -> None:
        """Write to its stdin."""
        if self.ended.is_set():
            raise DaemonError(410, "command already completed", code="COMMAND_ALREADY_COMPLETED")
        if self._stdin is None:
            raise DaemonError(400, "command does not read input")
        os.write(self._stdin, data.encode())

    async def run(self, shell_stdin: int, folder: Path, *, interactive: bool) -> None:
        """Have the shell source it, and collect what it prints until both streams end."""
        folder.mkdir()
        (folder / "command").write_text(f"{self.text}\n", encoding="utf-8")
        if interactive:
            self._stdin = _open_fifo(folder / "stdin", os.O_RDWR)
        try:
            async with (
                _reading(folder / "stdout") as stdout,
                _reading(folder / "stderr") as stderr,
                _reading(folder / "exit") as exit_code,
            ):
                os.write(shell_stdin, _sourcing(folder, interactive).encode())
                await asyncio.gather(self._collect(stdout, _STDOUT), self._collect(stderr, _STDERR))
                self.exit_code = int(await exit_code.read())
        finally:
            if self._stdin is not None:
                os.close(self._stdin)
            self.end()

    def end(self) -> None:
        """Say that nothing more will come."""
        self.ended.set()
        self._notify()

    async def _collect(self, stream: asyncio.StreamReader, marker: bytes) -> None:
        """Log a stream by whole lines, as the daemon does with the shell's `read`."""
        rest = b""
        while chunk := await stream.read(_CHUNK):
            kept = chunk if self._keeps_nuls else chunk.replace(b"\0", b"")
            *lines, rest = (rest + kept).split(b"\n")
            self._add(lines, marker)
        if rest:
            self._add([rest], marker)

    def _add(self, lines: list[bytes], marker: bytes) -> None:
        for line in lines:
            self.log += marker + line + b"\n"
        self._notify()

    def _notify(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Session:
    """A process session of a sandbox.

    Attributes:
        id: The id that the client chose.
        commands: Its commands by id.
    """

    def __init__(self, session_id: str, sandbox: Sandbox) -> None:
        self.id = session_id
        self.commands: dict[str, Command] = {}
        self._sandbox = sandbox
        self._folder = sandbox.folder / "sessions" / uuid.uuid4().hex
        self._folder.mkdir(parents=True)
        self._stdin = _open_fifo(self._folder / "stdin", os.O_RDWR)
        self._queue: asyncio.Queue[tuple[Command, bool]] = asyncio.Queue()
        self._shell = asyncio.ensure_future(self._live())
        self._feeder = asyncio.ensure_future(self._feed())

    def as_json(self) -> dict[str, Any]:
        """Return it as the daemon shows it."""
        commands = [command.as_json() for command in self.commands.values()]
        if self._sandbox.settings.generation == "old":
            random.shuffle(commands)  # a Go map has no order
        return {"sessionId": self.id, "commands": commands}

    def execute(self, text: str, *, interactive: bool) -> Command:
        """Queue a command."""
        if self._shell.done():
            raise DaemonError(500, "failed to execute command: write |1: broken pipe")
        # Of the shells' `read`, only zsh's can store a NUL.
        command = Command(text, keeps_nuls=self._sandbox.shell[0].endswith("zsh"))
        self.commands[command.id] = command
        self._queue.put_nowait((command, interactive))
        return command

    async def kill(self) -> None:
        """End it with what descends from it: TERM, up to 5 seconds of grace, KILL."""
        with suppress(MachineStoppedError):
            await self._sandbox.machine.run(["sh", "-c", _KILL_TREE, str(self._folder)])
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of it, whether or not its processes are dead yet."""
        self._feeder.cancel()
        os.close(self._stdin)
        for command in self.commands.values():
            command.end()

    async def _live(self) -> None:
        argv = ["sh", "-c", _SHELL_ON_FIFO, str(self._folder), *self._sandbox.shell]
        with suppress(MachineStoppedError):
            await self._sandbox.machine.run(argv)

    async def _feed(self) -> None:
        while True:
            command, interactive = await self._queue.get()
            await command.run(self._stdin, self._folder / command.id, interactive=interactive)


def split_streams(log: bytes) -> tuple[bytes, bytes]:
    """Return the stdout and the stderr of a marked log."""
    _, *marked = re.split(b"(%b|%b)" % (_STDOUT, _STDERR), log)
    pairs = list(zip(marked[::2], marked[1::2], strict=True))
    stdout, stderr = (
        b"".join(text for marker, text in pairs if marker == stream)
        for stream in (_STDOUT, _STDERR)
    )
    return stdout, stderr


def _sourcing(folder: Path, interactive: bool) -> str:
    """Return the line that has a shell source a command."""
    here = shlex.quote(str(folder))
    stdin = f"{here}/stdin" if interactive else "/dev/null"
    return (
        f"{{ . {here}/command; }} <{stdin} >{here}/stdout 2>{here}/stderr; echo $? >{here}/exit\n"
    )


def _open_fifo(path: Path, flags: int) -> int:
    os.mkfifo(path)
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


@asynccontextmanager
async def _reading(path: Path) -> AsyncIterator[asyncio.StreamReader]:
    """Make a FIFO and read from it; the end of the stream is that of its last writer."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(_open_fifo(path, os.O_RDONLY), "rb")
    )
    try:
        yield reader
    finally:
        transport.close()


def _session(request: web.Request) -> Session:
    sandbox = request[SANDBOX]
    try:
        return sandbox.sessions[request.match_info["session"]]
    except KeyError as error:
        raise DaemonError(404, "session not found") from error


def _command(request: web.Request) -> Command:
    try:
        return _session(request).commands[request.match_info["command"]]
    except KeyError as error:
        raise DaemonError(404, "command not found") from error


async def _create(request: web.Request) -> web.Response:
    sandbox = request[SANDBOX]
    session_id = (await read_json(request, _CREATE_REQUEST))["sessionId"]
    if not session_id or session_id == _ENTRYPOINT:
        raise DaemonError(400, f"invalid session id: {session_id!r}")
    if session_id in sandbox.sessions:
        raise DaemonError(409, "session already exists")
    sandbox.sessions[session_id] = Session(session_id, sandbox)
    return web.Response(status=201)


async def _list(request: web.Request) -> web.Response:
    sandbox = request[SANDBOX]
    return web.json_response([session.as_json() for session in sandbox.sessions.values()])


async def _entrypoint(request: web.Request) -> web.Response:
    command = {"id": f"{_ENTRYPOINT}_command", "command": "sleep infinity"}
    return web.json_response({"sessionId": _ENTRYPOINT, "commands": [command]})


async def _entrypoint_logs(request: web.Request) -> web.Response:
    return web.json_response({"output": "", "stdout": "", "stderr": ""})


async def _get(request: web.Request) -> web.Response:
    return web.json_response(_session(request).as_json())


async def _delete(request: web.Request) -> web.Response:
    session = _session(request)
    sandbox = request[SANDBOX]
    del sandbox.sessions[session.id]
    await session.kill()
    return web.Response(status=204)


async def _execute(request: web.Request) -> web.Response:
    sandbox = request[SANDBOX]
    body = await read_json(request, _EXECUTE_REQUEST)
    if not body["command"]:
        raise FileError(400, "command is required")
    run_async = body["runAsync"] or body["async"]
    try:
        session = _session(request)
    except DaemonError as error:
        if sandbox.settings.generation == "new":
            raise
        # v0.190 wraps what its session service says about exec, and only about exec.
        raise DaemonError(500, f"failed to execute command: not found: {error.message}") from error
    command = session.execute(body["command"], interactive=run_async)
    if run_async:
        nothing_yet = dict.fromkeys(("output", "stdout", "stderr", "exitCode"))
        return web.json_response({"cmdId": command.id, **nothing_yet}, status=202)
    ended = False
    while not ended:
        await asyncio.sleep(_POLL)
        ended = command.ended.is_set()
    if command.exit_code is None:
        raise _cut_off(sandbox)
    return web.json_response(
        {"cmdId": command.id, "exitCode": command.exit_code, **command.streams()}
    )


def _cut_off(sandbox: Sandbox) -> WireError:
    """Return the answer for a command that its session or its sandbox did not survive."""
    if sandbox.state != "started":
        return WireError(502)
    if sandbox.settings.generation == "old":
        return DaemonError(500, "failed to execute command: session cancelled")
    return DaemonError(410, "session cancelled", code="SESSION_ENDED")


async def _get_command(request: web.Request) -> web.Response:
    return web.json_response(_command(request).as_json())


async def _logs(request: web.Request) -> web.StreamResponse:
    command = _command(request)
    if request.query.get("follow") == "true":
        return await _follow(request, command)
    return web.json_response(command.streams())


async def _follow(request: web.Request, command: Command) -> web.WebSocketResponse:
    """Send the raw log from its start and as it grows, until the command has ended."""
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)
    goodbye = asyncio.ensure_future(websocket.receive())
    sent, over = 0, False
    while not goodbye.done():
        changed = asyncio.ensure_future(command.changed.wait())
        while frame := bytes(command.log[sent : sent + _LARGEST_FRAME]):
            await websocket.send_bytes(frame)
            sent += len(frame)
        if over:
            break
        over = command.ended.is_set()
        timeout = _FOLLOW_GRACE if over else None
        await asyncio.wait({changed, goodbye}, timeout=timeout, return_when="FIRST_COMPLETED")
        changed.cancel()
    goodbye.cancel()
    await websocket.close()
    return websocket


async def _input(request: web.Request) -> web.Response:
    data = (await read_json(request, _INPUT_REQUEST))["data"]
    _command(request).type(data)
    return web.Response(status=204)
