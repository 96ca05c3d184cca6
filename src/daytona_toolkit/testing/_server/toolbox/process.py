"""One-shot commands: `process/execute` and `process/code-run`."""

import base64
import json
import os
import re
from typing import Any

from aiohttp import web

from daytona_toolkit.sandboxes._local.machine import Completed
from daytona_toolkit.testing._server.bodies import Struct, read_json
from daytona_toolkit.testing._server.errors import DaemonError
from daytona_toolkit.testing._server.go import go_text
from daytona_toolkit.testing._server.sandbox import SANDBOX, Sandbox

_ENV_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ARTIFACT = "dtn_artifact_k39fd2:"
_INTERPRETERS = {
    "python": "python3 -u -",
    "javascript": "node -",
    "typescript": "npx -y ts-node -T /dev/stdin",
}
_EXECUTE_REQUEST = Struct(
    "ExecuteRequest",
    {"command": "string", "cwd": "string", "envs": "map[string]string", "timeout": "uint32"},
)
_CODE_RUN_REQUEST = Struct(
    "CodeRunRequest",
    {
        "code": "string",
        "language": "string",
        "argv": "[]string",
        "envs": "map[string]string",
        "timeout": "uint32",
    },
)


def routes() -> list[web.RouteDef]:
    """Return the routes below a toolbox."""
    return [
        web.post("/process/execute", _execute, name="execute"),
        web.post("/process/code-run", _code_run, name="code_run"),
    ]


async def _execute(request: web.Request) -> web.Response:
    body = await read_json(request, _EXECUTE_REQUEST)
    if not body["command"].strip():
        raise DaemonError(400, "command cannot be empty")
    completed = await _run(request[SANDBOX], body)
    return web.json_response({"exitCode": completed.exit_code, "result": go_text(completed.output)})


async def _code_run(request: web.Request) -> web.Response:
    body = await read_json(request, _CODE_RUN_REQUEST)
    interpreter = _INTERPRETERS.get(body["language"])
    if interpreter is None:
        raise DaemonError(400, f"unsupported language: {body['language']}")
    code = base64.b64encode(body["code"].encode()).decode()
    # v0.190 does not quote the arguments.
    arguments = " ".join(body["argv"])
    command = f"printf %s '{code}' | base64 -d | {interpreter} {arguments}"
    completed = await _run(request[SANDBOX], {**body, "command": command})
    lines = go_text(completed.output).splitlines(keepends=True)
    charts = [
        json.loads(line.removeprefix(_ARTIFACT))["value"]
        for line in lines
        if line.startswith(_ARTIFACT)
    ]
    result = "".join(line for line in lines if not line.startswith(_ARTIFACT))
    artifacts = {"artifacts": {"charts": charts}} if charts else {}
    return web.json_response({"exitCode": completed.exit_code, "result": result, **artifacts})


async def _run(sandbox: Sandbox, body: dict[str, Any]) -> Completed:
    """Feed a command to the shell's stdin, with the cwd, envs and timeout of a request."""
    cwd, env = body.get("cwd", ""), body["envs"]
    if bad := [key for key in env if not _ENV_KEY.fullmatch(key)]:
        raise DaemonError(400, f"invalid environment variable key: {bad[0]}")
    if "\0" in cwd or any("\0" in value for value in env.values()):
        # Go passes the folder on in PWD.
        return Completed(-1, b"exec: environment variable contains NUL")
    shell = sandbox.shell
    try:
        completed = await sandbox.machine.run(
            shell,
            stdin=body["command"].encode(),
            cwd=cwd,
            env=env,
            timeout=body["timeout"] or None,
            drain=sandbox.settings.drain,
        )
    except OSError as error:
        # Go names the program, not the directory, and that is no HTTP error.
        reason = os.strerror(error.errno or 0).lower()
        return Completed(-1, f"fork/exec {shell[0]}: {reason}".encode())
    if completed.timed_out:
        raise DaemonError(408, "command execution timeout", code="PROCESS_EXECUTION_TIMEOUT")
    return completed if completed.exit_code >= 0 else Completed(-1, completed.output)
