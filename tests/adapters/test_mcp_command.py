"""The command `daytona-toolkit-mcp`, run as clients run it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
import mcp_types as types
import pytest
from daytona_toolkit_mcp.__main__ import _parser, main
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from daytona_toolkit.sandboxes._local import confinement
from daytona_toolkit.testing import DaytonaServer
from daytona_toolkit.tools import choose
from tests.support import running, unique_seconds

COMMAND = [sys.executable, "-m", "daytona_toolkit_mcp"]
ADAPTER = Path(__file__).parents[2] / "adapters/mcp"
README = (ADAPTER / "README.md").read_text()

Era = Literal["auto", "legacy"]


def text_of(result: types.CallToolResult) -> str:
    [text] = [part.text for part in result.content if isinstance(part, types.TextContent)]
    return text


def over_stdio(*arguments: str, program: str = "", era: Era = "auto", **env: str) -> Client:
    start = ["-c", program] if program else ["-m", "daytona_toolkit_mcp"]
    parameters = StdioServerParameters(
        command=sys.executable, args=[*start, *arguments], env={**os.environ, **env}
    )
    return Client(stdio_client(parameters), mode=era)


@contextmanager
def started(*arguments: str, **env: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The command, ended at the end if it has not ended before."""
    pipe, env = subprocess.PIPE, {**os.environ, **env}
    with subprocess.Popen([*COMMAND, *arguments], stdin=pipe, stdout=pipe, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(holds: Any) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_folder_is_served_over_stdio(tmp_path: Path, era: Era) -> None:
    confinement.choose("auto")
    arguments = ["--folder", str(tmp_path), "--prefix", "box_", "--secret", "API_TOKEN"]
    (tmp_path / "a.txt").write_text("one\n")
    async with over_stdio(*arguments, era=era, API_TOKEN="tok-4f9a77") as client:
        assert "box_exec" in {tool.name for tool in (await client.list_tools()).tools}
        read = await client.call_tool("box_read", {"file_path": "a.txt"})
        assert text_of(read) == "1|one\n"
        done = await client.call_tool("box_exec", {"command": "echo $API_TOKEN > b; cat b"})
        assert text_of(done) == "***\n[exit code 0]"
    assert (tmp_path / "b").read_text() == "tok-4f9a77\n"


@pytest.mark.slow
async def test_a_stray_print_does_not_break_the_connection(tmp_path: Path) -> None:
    program = """
import os, subprocess
from daytona_toolkit import LocalSandbox
from daytona_toolkit_mcp.__main__ import _parser, main

run = LocalSandbox.run

async def noisy(self, program, *, timeout):
    print("stray", flush=True)
    os.write(1, b"stray\\n")
    subprocess.run(["echo", "stray"])
    subprocess.run(["cat"])  # it would eat the next message
    return await run(self, program, timeout=timeout)

LocalSandbox.run = noisy
main()
"""
    async with over_stdio("--folder", str(tmp_path), program=program) as client:
        for _ in range(3):
            done = await client.call_tool("exec", {"command": "echo hi"})
            assert text_of(done) == "hi\n[exit code 0]"


@pytest.mark.slow
async def test_a_cancelled_call_ends_its_command(tmp_path: Path) -> None:
    seconds = unique_seconds()
    command = {"command": f"touch begun; sleep {seconds}"}
    async with over_stdio("--folder", str(tmp_path)) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "exec", command)
            while not (tmp_path / "begun").exists():
                await anyio.sleep(0.05)
            assert running(seconds)
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(wait_until, lambda: not running(seconds))
        assert not (await client.call_tool("exec", {"command": "true"})).is_error


@pytest.mark.slow
@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT", "SIGHUP", "its input"])
def test_nothing_is_left_at_the_end(tmp_path: Path, end: str) -> None:
    seconds = unique_seconds()
    work, temporary = tmp_path / "work", tmp_path / "tmp"
    temporary.mkdir()
    with started("--folder", str(work), TMPDIR=str(temporary)) as process:
        assert process.stdin
        for message in as_client_of_old({"command": f"sleep {seconds}", "background": True}):
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
        wait_until(lambda: running(seconds))
        if end == "its input":
            process.stdin.close()
        else:
            process.send_signal(signal.Signals[end])
        code = process.wait(20)
    codes = {"SIGTERM": 143, "SIGINT": 130, "SIGHUP": 143, "its input": 0}
    assert code == codes[end]
    assert not running(seconds)
    assert list(temporary.iterdir()) == []


def as_client_of_old(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """What a client of an older revision sends to run one command."""
    client = {"name": "test", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    call = {"name": "exec", "arguments": arguments}
    return [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--create"], []])
@pytest.mark.parametrize("end", ["SIGTERM", "its input"])
def test_a_new_daytona_sandbox_is_deleted_at_the_end(options: list[str], end: str) -> None:
    with DaytonaServer() as daytona, started(*options, **daytona.env) as process:
        assert process.stdin
        assert process.stdout
        for message in as_client_of_old({"command": "true"}):
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
        for _ in range(2):
            process.stdout.readline()
        [sandbox] = daytona.sandboxes.values()
        assert sandbox.state == "started"
        if end == "SIGTERM":
            process.terminate()
        else:
            process.stdin.close()
        process.wait(20)
        assert sandbox.state in ("destroying", "destroyed")


@pytest.mark.slow
async def test_a_daytona_sandbox_is_found_again_by_its_key() -> None:
    with DaytonaServer() as daytona:
        for turn in (1, 2):
            async with over_stdio("--key", "team", era="auto", **daytona.env) as client:
                await client.list_tools()
                await client.list_resources()
                if turn == 1:
                    assert daytona.sandboxes == {}  # none is made before it is needed
                done = await client.call_tool("exec", {"command": f"echo {turn} >> log; cat log"})
        [id] = daytona.sandboxes
        async with over_stdio("--attach", id, era="auto", **daytona.env) as client:
            done = await client.call_tool("exec", {"command": "cat log"})
        assert text_of(done) == "1\n2\n[exit code 0]"
        assert daytona.sandboxes[id].state == "started"


@pytest.mark.slow
async def test_a_folder_is_served_over_http(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    work, seconds, url = tmp_path / "work", unique_seconds(), f"http://127.0.0.1:{port}/mcp"

    def answers() -> bool:
        try:
            return httpx2.get(url, trust_env=False).status_code == 401
        except httpx2.ConnectError:
            return False

    token = "t0ken"
    with started("--folder", str(work), "--port", port, DAYTONA_TOOLKIT_MCP_TOKEN=token) as process:
        await anyio.to_thread.run_sync(wait_until, answers)
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            await client.call_tool("exec", {"command": f"sleep {seconds}", "background": True})
            assert running(seconds)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert not running(seconds)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--tools", "exec,bash"], "bash"),
        (["--prefix", "a b "], "is not a valid name for a tool"),
        (["--secret", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE"),
        (["--port", "0", "--host", "0.0.0.0"], "DAYTONA_TOOLKIT_MCP_TOKEN"),
        (["--folder", ".", "--create"], "not allowed with"),
        (["--folder", ".", "--isolation", "magic"], "magic"),
        (["--network"], "name its --folder"),
        # What a variable that is not set leaves of `--attach "$ID"` is no wish for a new sandbox.
        (["--attach", ""], "takes the id or the name"),
        (["--key", ""], "takes a key"),
        (["--read-only", "--tools", "all"], "not allowed with"),
        (["--key", "a", "--isolation", "landlock"], "--isolation is for a local sandbox"),
        (["--port", "99999"], "'99999' is no port"),
        (["--port", "-1"], "'-1' is no port"),
    ],
)
def test_wrong_options_are_explained(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


async def test_names_of_tools_may_have_blanks_between_them(tmp_path: Path) -> None:
    async with over_stdio("--folder", str(tmp_path), "--tools", "read, ls") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["read", "ls"]


def test_it_knows_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == version("daytona-toolkit-mcp")


def test_the_readme_tells_all_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    offered = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert offered == set(re.findall(r"^\| `(--[a-z-]+)", README, re.MULTILINE))


def test_the_readme_tells_all_arguments() -> None:
    told = {
        name: re.findall("`(.*?)`", arguments)
        for name, arguments in re.findall(r"^\| `(\w+)` \| (.*?) \| .*\|$", README, re.MULTILINE)
    }
    rows = choose("all")
    assert told == {name: list(row.schema()["properties"]) for name, row in rows.items()}


@pytest.mark.parametrize("kind", ["json", "toml", "bash"])
def test_what_clients_are_configured_with_is_understood(kind: str) -> None:
    """Each snippet starts the command with options that it has."""
    commands = []
    for snippet in re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        if kind == "json":
            servers = next(iter(json.loads(snippet).values())).values()
            commands += [[server["command"], *server["args"]] for server in servers]
        elif kind == "toml":
            commands += [re.findall('"(.*?)"', snippet)]
        else:
            lines = (line for line in snippet.splitlines() if "daytona-toolkit-mcp" in line)
            commands += [line.split("-- ")[-1].split() for line in lines]
    assert commands
    for command in commands:
        arguments = command[command.index("daytona-toolkit-mcp") + 1 :]
        assert _parser().parse_args(arguments)


def test_the_registry_is_told_the_truth() -> None:
    told = json.loads((ADAPTER / "server.json").read_text())
    [package] = told["packages"]
    assert f"<!-- mcp-name: {told['name']} -->" in README
    assert told["version"] == package["version"] == version(package["identifier"])
    assert len(told["description"]) <= 100
    for argument in package["packageArguments"]:
        assert _parser().parse_args([argument["name"], "."])
