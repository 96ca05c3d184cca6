"""A Daytona of thousands of sandboxes: `python -m tests.fleet.server` prints its address.

Each sandbox is a folder, and a command is one `sh` in it: no daemon of its own, no confinement,
few faults. `daytona_toolkit.testing` has all that, and a process for each sandbox.
"""

import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from aiohttp import web

LATENCY = float(os.environ.get("FLEET_LATENCY", "0.02"))
FAILING = float(os.environ.get("FLEET_FAILING", "0"))
_AT_ONCE = 16

_DEFAULTS: dict[str, Any] = {
    "organizationId": "org",
    "user": "daytona",
    "state": "started",
    "env": {},
    "public": False,
    "networkBlockAll": False,
    "kvm": False,
    "target": "local",
    "cpu": 1,
    "gpu": 0,
    "memory": 1,
    "disk": 3,
}


class World:
    """The sandboxes, and the folders under them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self.records: dict[str, dict[str, Any]] = {}
        self.names: set[str] = set()
        self.turns = asyncio.Semaphore(_AT_ONCE)

    async def create(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = body.get("name") or uuid.uuid4().hex
        if name in self.names:
            return web.json_response({"message": "taken", "statusCode": 409}, status=409)
        self.names.add(name)
        key = uuid.uuid4().hex
        (self.root / key / "tmp").mkdir(parents=True)
        self.records[key] = {
            **_DEFAULTS,
            "id": key,
            "name": name,
            "labels": body.get("labels") or {},
            "toolboxProxyUrl": f"{self.url}/toolbox",
        }
        return web.json_response(self.records[key])

    async def get(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        named = (record for record in self.records.values() if record["name"] == wanted)
        record = self.records.get(wanted) or next(named, None)
        if record is None:
            return web.json_response({"message": "not found", "statusCode": 404}, status=404)
        return web.json_response(record)

    async def delete(self, request: web.Request) -> web.Response:
        record = self.records.pop(request.match_info["id"], None)
        if record is None:
            return web.json_response({"message": "not found", "statusCode": 404}, status=404)
        self.names.discard(record["name"])
        await asyncio.to_thread(shutil.rmtree, self.root / record["id"], ignore_errors=True)
        return web.json_response({**record, "state": "destroying"})

    async def execute(self, request: web.Request) -> web.Response:
        body = await request.json()
        folder = self.root / request.match_info["id"]
        async with self.turns:
            process = await asyncio.create_subprocess_exec(
                "sh",
                cwd=folder,
                env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": f"{folder}/tmp"},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            printed, _ = await process.communicate(body["command"].encode())
        return web.json_response(
            {"exitCode": process.returncode, "result": printed.decode(errors="replace")}
        )

    async def upload(self, request: web.Request) -> web.Response:
        path = ""
        form: Any = await request.multipart()
        async for part in form:
            if part.name.endswith(".path"):
                path = await part.text()
            else:
                Path(path).write_bytes(await part.read())
        return web.json_response({})


@web.middleware
async def far_away(request: web.Request, handler: Any) -> web.StreamResponse:
    """Let each request take a while, and lose some of them on the way there or back."""
    await asyncio.sleep(LATENCY)
    lost = random.random() < FAILING and random.choice(("there", "back", "refused"))
    if lost == "refused":
        return web.json_response({"message": "busy", "statusCode": 503}, status=503)
    if lost == "there":
        await request.read()
    else:
        response: web.StreamResponse = await handler(request)
        if not lost:
            return response
    assert request.transport
    request.transport.close()
    return web.Response()


async def main() -> None:
    """Serve until the standard input ends."""
    with tempfile.TemporaryDirectory(prefix="daytona-fleet-") as root:
        world = World(Path(root))
        app = web.Application(middlewares=[far_away], client_max_size=2**30)
        app.add_routes(
            [
                web.post("/api/sandbox", world.create),
                web.get("/api/sandbox/{id}", world.get),
                web.delete("/api/sandbox/{id}", world.delete),
                web.post("/toolbox/{id}/process/execute", world.execute),
                web.post("/toolbox/{id}/files/bulk-upload", world.upload),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
        world.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        print(json.dumps({"url": f"{world.url}/api", "root": root}), flush=True)
        over = asyncio.Event()
        asyncio.get_running_loop().add_reader(sys.stdin, over.set)
        await over.wait()
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
