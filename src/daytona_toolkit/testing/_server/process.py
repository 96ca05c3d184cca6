"""One-shot commands: `process/execute` and `process/code-run`."""

import base64
import codecs
import json
import os
import re
from typing import Any

from aiohttp import web

from daytona_toolkit.sandboxes._local.sandbox import Completed
from daytona_toolkit.testing._server.errors import DaemonError, WireError
from daytona_toolkit.testing._server.machine import MachineStoppedError
from daytona_toolkit.testing._server.sandbox import SANDBOX, Sandbox

_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ARTIFACT = "dtn_artifact_k39fd2:"
_INTERPRETERS = {
    "python": "python3 -u -",
    "javascript": "node -",
    "typescript": "npx -y ts-node -T /dev/stdin",
}


def routes() -> list[web.RouteDef]:
    """Return the routes below a toolbox."""
    return [
        web.post("/process/execute", _execute, name="execute"),
        web.post("/process/code-run", _code_run, name="code_run"),
    ]


async def read_json(request: web.Request) -> dict[str, Any]:
    """Return the body of a toolbox call, which must be a JSON object."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise DaemonError(400, "invalid request body", code="INVALID_REQUEST_BODY")
    return body


def go_text(data: bytes) -> str:
    """Decode as Go's JSON encoder does: every byte that is not UTF-8 becomes one U+FFFD."""
    return data.decode(errors="go-replace")


async def _execute(request: web.Request) -> web.Response:
    body = await read_json(request)
    command = body.get("command")
    if not isinstance(command, str) or not command.strip():
        raise DaemonError(400, "command cannot be empty")
    completed = await _run(request[SANDBOX], command, body)
    return web.json_response({"exitCode": completed.exit_code, "result": go_text(completed.output)})


async def _code_run(request: web.Request) -> web.Response:
    body = await read_json(request)
    interpreter = _INTERPRETERS.get(body.get("language", "python"))
    if interpreter is None:
        raise DaemonError(400, f"unsupported language: {body['language']}")
    code = base64.b64encode(body.get("code", "").encode()).decode()
    # v0.190 does not quote the arguments.
    arguments = " ".join(body.get("argv") or [])
    command = f"printf %s '{code}' | base64 -d | {interpreter} {arguments}"
    completed = await _run(request[SANDBOX], command, body)
    lines = go_text(completed.output).splitlines(keepends=True)
    charts = [
        json.loads(line.removeprefix(_ARTIFACT))["value"]
        for line in lines
        if line.startswith(_ARTIFACT)
    ]
    result = "".join(line for line in lines if not line.startswith(_ARTIFACT))
    return web.json_response(
        {"exitCode": completed.exit_code, "result": result, "artifacts": {"charts": charts}}
    )


async def _run(sandbox: Sandbox, command: str, options: dict[str, Any]) -> Completed:
    """Feed a command to the shell's stdin, with the cwd, envs and timeout of a request."""
    env = options.get("envs") or {}
    if bad := [key for key in env if not _ENV_KEY.fullmatch(key)]:
        raise DaemonError(400, f"invalid environment variable key: {bad[0]}")
    shell, timeout = sandbox.shell, options.get("timeout") or 0
    try:
        completed = await sandbox.machine.run(
            shell,
            stdin=command.encode(errors="surrogatepass"),
            cwd=str(sandbox.path(options.get("cwd") or ".")),
            env=env,
            timeout=timeout if timeout > 0 else None,
        )
    except OSError as error:
        # Go names the program, not the directory, and that is no HTTP error.
        reason = os.strerror(error.errno or 0).lower()
        return Completed(-1, f"fork/exec {shell[0]}: {reason}".encode())
    except MachineStoppedError as error:
        # The daemon died with its sandbox, so that the proxy has nobody to ask.
        raise WireError(502) from error
    if completed.timed_out:
        raise DaemonError(408, "command execution timeout", code="PROCESS_EXECUTION_TIMEOUT")
    return completed if completed.exit_code >= 0 else Completed(-1, completed.output)


def _replace_one_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd", error.start + 1


codecs.register_error("go-replace", _replace_one_byte)
