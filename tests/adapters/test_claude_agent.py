"""The MCP server as a tool of the Claude Agent SDK, which takes it as it is.

The SDK brings a program of 300 MB along, so it is not installed for development. To run these:
`uv run --isolated --with claude-agent-sdk pytest tests/adapters/test_claude_agent.py`.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from daytona_toolkit_mcp import make_server

from daytona_toolkit import SandboxSession
from tests.support import sleeping, unique_seconds

sdk = pytest.importorskip("claude_agent_sdk")


class ScriptedProgram(sdk.Transport):  # type: ignore[misc, name-defined]
    """In place of the SDK's program: it sends the messages of an agent's turn to the server."""

    def __init__(self) -> None:
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._ids = itertools.count(1)

    async def connect(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def end_input(self) -> None:
        pass

    def is_ready(self) -> bool:
        return True

    async def write(self, data: str) -> None:
        message = json.loads(data)
        if message["type"] == "control_request":
            answer = {"subtype": "success", "request_id": message["request_id"], "response": {}}
            await self._sent.put({"type": "control_response", "response": answer})
        if message["type"] == "control_response":
            response = message["response"]
            answer = response["response"]["mcp_response"]
            self._answers[response["request_id"]].set_result(answer)

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield await self._sent.get()

    async def send(self, method: str, number: int | None, **params: Any) -> Any:
        """Send a message to the server; its answer, if it has one."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        request = {"subtype": "mcp_message", "server_name": "workspace", "message": message}
        id = f"request-{next(self._ids)}"
        self._answers[id] = asyncio.get_running_loop().create_future()
        await self._sent.put({"type": "control_request", "request_id": id, "request": request})
        return (await self._answers[id]).get("result")


async def test_an_agent_works_with_it(session: SandboxSession) -> None:
    workspace = {"type": "sdk", "name": "workspace", "instance": make_server(session)}
    options = sdk.ClaudeAgentOptions(mcp_servers={"workspace": workspace})
    program = ScriptedProgram()
    async with sdk.ClaudeSDKClient(options, transport=program):
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "program", "version": "1"},
        }
        assert (await program.send("initialize", 1, **hello))["serverInfo"]["title"] == "Workspace"
        await program.send("notifications/initialized", None)
        tools = (await program.send("tools/list", 2))["tools"]
        assert "exec" in {tool["name"] for tool in tools}

        write = {"file_path": "a.txt", "content": "one\n"}
        await program.send("tools/call", 3, name="write", arguments=write)
        shown = await program.send("tools/call", 4, name="read", arguments={"file_path": "a.txt"})
        assert shown["content"] == [{"type": "text", "text": "1|one\n"}]
        assert "structuredContent" not in shown

        seconds = unique_seconds()
        sleep = {"command": f"touch begun; sleep {seconds}"}
        call = asyncio.create_task(program.send("tools/call", 5, name="exec", arguments=sleep))
        while not await session.aexists("begun"):
            await anyio.sleep(0.05)
        await program.send("notifications/cancelled", None, requestId=5)
        with anyio.fail_after(20):
            while (await session.aexec(sleeping(seconds))).exit_code == 0:
                await anyio.sleep(0.1)
        call.cancel()
