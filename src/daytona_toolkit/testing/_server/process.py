"""One-shot commands: `process/execute` and `process/code-run`."""

import base64
import json
import os
import re
from typing import Any

from aiohttp import web

from daytona_toolkit.testing._server.bodies import read_json
from daytona_toolkit.testing._server.errors import DaemonError
from daytona_toolkit.testing._server.go import go_text
from daytona_toolkit.testing._server.machine import Completed
from daytona_toolkit.testing._server.sandbox import SANDBOX, Sandbox

_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_TIMEOUT = 2**32 - 1
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


async def _execute(request: web.Request) -> web.Response:
    body = await read_json(request)
    command = body.get("command")
    if not isinstance(command, str) or not command.strip():
        raise DaemonError(400, "command cannot be empty")
    completed = await _run(request[SANDBOX], command, body, struct="ExecuteRequest")
    return web.json_response({"exitCode": completed.exit_code, "result": go_text(completed.output)})


async def _code_run(request: web.Request) -> web.Response:
    body = await read_json(request)
    interpreter = _INTERPRETERS.get(body.get("language", ""))
    if interpreter is None:
        raise DaemonError(400, f"unsupported language: {body.get('language', '')}")
    code = base64.b64encode(body.get("code", "").encode()).decode()
    # v0.190 does not quote the arguments.
    arguments = " ".join(body.get("argv") or [])
    command = f"printf %s '{code}' | base64 -d | {interpreter} {arguments}"
    completed = await _run(request[SANDBOX], command, body, struct="CodeRunRequest")
    lines = go_text(completed.output).splitlines(keepends=True)
    charts = [
        json.loads(line.removeprefix(_ARTIFACT))["value"]
        for line in lines
        if line.startswith(_ARTIFACT)
    ]
    result = "".join(line for line in lines if not line.startswith(_ARTIFACT))
    artifacts = {"artifacts": {"charts": charts}} if charts else {}
    return web.json_response({"exitCode": completed.exit_code, "result": result, **artifacts})


async def _run(
    sandbox: Sandbox, command: str, options: dict[str, Any], *, struct: str
) -> Completed:
    """Feed a command to the shell's stdin, with the cwd, envs and timeout of a request."""
    cwd, env = options.get("cwd") or "", options.get("envs") or {}
    timeout = options.get("timeout") or 0
    _check_types(struct, cwd, env, timeout)
    if bad := [key for key in env if not _ENV_KEY.fullmatch(key)]:
        raise DaemonError(400, f"invalid environment variable key: {bad[0]}")
    if "\0" in cwd or any("\0" in value for value in env.values()):
        # Go passes the folder on in PWD.
        return Completed(-1, b"exec: environment variable contains NUL")
    shell = sandbox.shell
    try:
        completed = await sandbox.machine.run(
            shell,
            stdin=command.encode(),
            cwd=cwd,
            env=env,
            timeout=timeout or None,
            drain=sandbox.settings.drain,
        )
    except OSError as error:
        # Go names the program, not the directory, and that is no HTTP error.
        reason = os.strerror(error.errno or 0).lower()
        return Completed(-1, f"fork/exec {shell[0]}: {reason}".encode())
    if completed.timed_out:
        raise DaemonError(408, "command execution timeout", code="PROCESS_EXECUTION_TIMEOUT")
    return completed if completed.exit_code >= 0 else Completed(-1, completed.output)


def _check_types(struct: str, cwd: Any, env: Any, timeout: Any) -> None:
    """Refuse what Go's JSON decoder cannot put into the fields of a request."""
    if not isinstance(cwd, str):
        raise _not_a(cwd, struct, "cwd", "string")
    if not isinstance(env, dict):
        raise _not_a(env, struct, "envs", "map[string]string")
    for value in env.values():
        if not isinstance(value, str):
            raise _not_a(value, struct, "envs", "string")
    if type(timeout) is not int or not 0 <= timeout <= _LONGEST_TIMEOUT:
        raise _not_a(timeout, struct, "timeout", "uint32")


def _not_a(value: Any, struct: str, field: str, kind: str) -> DaemonError:
    """Return Go's error for a value of another type."""
    match value:
        case bool():
            found = "bool"
        case str():
            found = "string"
        case int() | float():
            found = f"number {json.dumps(value)}" if kind == "uint32" else "number"
        case list():
            found = "array"
        case _:
            found = "object"
    return DaemonError(
        400,
        f"json: cannot unmarshal {found} into Go struct field {struct}.{field} of type {kind}",
        code="INVALID_REQUEST_BODY",
    )
