"""The MCP server, as its clients see it, over streams and HTTP, in both eras of the protocol."""

import asyncio
import base64
import inspect
import re
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from daytona_toolkit_mcp import LIMITS, _progress, _server, make_app, make_server
from mcp import Client, ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError

from daytona_toolkit import LocalSandbox, SandboxSession, SessionPool, errors
from daytona_toolkit.testing import DaytonaServer
from daytona_toolkit.tools import TOOLS, choose
from tests.adapters.mcp_ways import WAYS, Way, connected, serving
from tests.adapters.situations import MISTAKES, PICTURE, SECRET
from tests.daytona.support import session_on
from tests.support import counting, sleeping, unique_seconds

STREAMS: Way = ("streams", "auto")


@pytest.fixture
def session(machine: LocalSandbox, root: str) -> Iterator[SandboxSession]:
    """An open session with the limits of the server, and a secret."""
    secrets = {"TOKEN": SECRET}
    with SandboxSession(machine, root=root, secrets=secrets, limits=LIMITS) as session:
        yield session


# By default one way of each transport, and of each era of the protocol.
DEFAULT: list[Way] = [("streams", "auto"), ("http", "legacy")]


@pytest.fixture(
    params=[pytest.param(way, marks=[] if way in DEFAULT else pytest.mark.slow) for way in WAYS],
    ids="-".join,
)
def way(request: pytest.FixtureRequest) -> Way:
    way: Way = request.param
    return way


def text_of(result: types.CallToolResult) -> str:
    [text] = [part.text for part in result.content if isinstance(part, types.TextContent)]
    return text


def data_of(result: types.CallToolResult) -> dict[str, Any]:
    data: dict[str, Any] = (result.meta or {})["daytona-toolkit/data"]
    return data


def agreeing(action: str, asked: list[str]) -> Any:
    """A person who does the same whatever is asked."""

    async def answer(ctx: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action=action)  # type: ignore[arg-type]

    return answer


async def test_an_agent_does_the_main_job(session: SandboxSession, way: Way) -> None:
    program = "def add(a, b):\n    return a - b\nassert add(1, 2) == 3\n"
    async with connected(make_server(session), way) as client:
        wrote = await client.call_tool("write", {"file_path": "add.py", "content": program})
        assert text_of(wrote).startswith("Created ")
        run = {"command": "python3 add.py"}
        failed = await client.call_tool("exec", run)
        assert "AssertionError" in text_of(failed)
        assert not failed.is_error
        assert data_of(failed)["exit_code"] == 1
        edit = {"file_path": "add.py", "old_string": "a - b", "new_string": "a + b"}
        assert "+    return a + b" in text_of(await client.call_tool("edit", edit))
        assert text_of(await client.call_tool("exec", run)) == "[exit code 0]"

        await session.awrite("plot.png", PICTURE)
        shown = await client.call_tool("read", {"file_path": "plot.png"})
        [picture] = [part for part in shown.content if isinstance(part, types.ImageContent)]
        assert (picture.mime_type, base64.b64decode(picture.data)) == ("image/png", PICTURE)
        assert shown.structured_content is None


async def test_tools_are_announced_as_the_table_has_them(session: SandboxSession, way: Way) -> None:
    async with connected(make_server(session, prefix="box-"), way) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == [f"box-{name}" for name in TOOLS]
    rows = choose("all", "box-", session=session)
    for tool, row in zip(tools, rows.values(), strict=True):
        assert (tool.description, tool.input_schema) == (row.description, row.schema())
        assert tool.output_schema is None
        assert tool.title
        hints = tool.annotations
        assert hints
        assert hints.read_only_hint is row.read_only
        assert hints.destructive_hint is row.destructive
    reaching = {t.name for t in tools if t.annotations and t.annotations.open_world_hint}
    assert reaching == {"box-exec", "box-send"}


async def test_who_may_run_commands_can_look_after_them(session: SandboxSession) -> None:
    async with Client(make_server(session, tools="core")) as client:
        assert "job" in {tool.name for tool in (await client.list_tools()).tools}
    async with Client(make_server(session, tools="read_only")) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"read", "ls", "glob", "grep", "preview"}
        with pytest.raises(MCPError, match="Unknown tool: exec"):
            await client.call_tool("exec", {"command": "ls"})


async def test_a_model_is_told_of_jobs_by_their_name_if_there_are_any(
    session: SandboxSession,
) -> None:
    async with Client(make_server(session, prefix="box-")) as client:
        assert "look after it with the tool box-job." in str(client.instructions)
    async with Client(make_server(session, tools="read_only")) as client:
        assert "job" not in str(client.instructions)


async def test_a_newer_file_is_not_written_over(session: SandboxSession, way: Way) -> None:
    mine = {"file_path": "a.txt", "content": "mine\n"}
    async with connected(make_server(session), way) as client:
        assert not (await client.call_tool("write", mine)).is_error
        await session.awrite("a.txt", "theirs\n")
        refused = await client.call_tool("write", mine)
        assert refused.is_error
        assert await session.aread_bytes("a.txt") == b"theirs\n"
        await client.call_tool("read", {"file_path": "a.txt"})
        assert not (await client.call_tool("write", mine)).is_error


async def test_wrong_arguments_are_told_to_the_model(session: SandboxSession, way: Way) -> None:
    async with connected(make_server(session), way) as client:
        refused = await client.call_tool("exec", {"cmd": "ls", "timeout": "soon"})
        assert refused.is_error
        for complaint in ("command is missing", "cmd is not an argument", "timeout: "):
            assert complaint in text_of(refused)
        assert (await client.call_tool("exec")).is_error
        with pytest.raises(MCPError, match="Unknown tool: bash") as unknown:
            await client.call_tool("bash", {"command": "ls"})
        assert unknown.value.code == types.INVALID_PARAMS


async def test_no_mistake_of_a_model_ends_the_connection(session: SandboxSession, way: Way) -> None:
    await session.awrite("notes.txt", "a\na\n")
    async with connected(make_server(session), way) as client:
        for name, arguments in MISTAKES:
            answer = await client.call_tool(name, arguments)
            assert answer.is_error
            assert text_of(answer).startswith("Error: ")
        assert not (await client.call_tool("ls", {})).is_error


@pytest.mark.parametrize(
    "error",
    [
        error
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.SandboxError) and error is not errors.SandboxError
    ],
)
async def test_a_model_reads_every_error(
    session: SandboxSession, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ["a.txt"] if issubclass(error, errors.PathError) else []

    async def fail(program: str, *, timeout: float) -> bytes:
        raise error(f"what happened to {SECRET}", *path)

    monkeypatch.setattr(session.sandbox, "run", fail)
    async with connected(make_server(session), STREAMS) as client:
        result = await client.call_tool("read", {"file_path": "a.txt"})
    assert result.is_error
    assert text_of(result) == "Error: what happened to ***"


async def test_the_connection_outlives_the_session(way: Way) -> None:
    session = SandboxSession(LocalSandbox(), limits=LIMITS)
    await session.aopen()
    async with connected(make_server(session), way) as client:
        await session.aclose()
        for _ in range(2):
            result = await client.call_tool("exec", {"command": "ls"})
            assert result.is_error
            assert "closed" in text_of(result)
        with pytest.raises(MCPError, match="closed"):
            await client.read_resource("workspace:///a.txt")


async def test_calls_run_side_by_side(session: SandboxSession, way: Way) -> None:
    results: dict[int, str] = {}

    async def call(client: Client, number: int) -> None:
        command = f"touch {number}; until [ -e {(number + 1) % 8} ]; do sleep 0.1; done"
        results[number] = text_of(await client.call_tool("exec", {"command": command}))

    async with connected(make_server(session), way) as client, anyio.create_task_group() as tasks:
        for number in range(8):  # none of them ends before another has begun
            tasks.start_soon(call, client, number)
    assert results == dict.fromkeys(range(8), "[exit code 0]")


async def test_a_call_takes_the_requests_of_its_operation(
    session: SandboxSession, way: Way
) -> None:
    await session.awrite("a.txt", "one\n")
    job_id = (await session.aexec("cat", interactive=True)).job_id
    calls: dict[str, dict[str, Any]] = {
        "exec": {"command": "true"},
        "read": {"file_path": "a.txt"},
        "write": {"file_path": "b.txt", "content": "two\n"},
        "edit": {"file_path": "a.txt", "old_string": "one", "new_string": "1"},
        "ls": {},
        "glob": {"pattern": "*"},
        "grep": {"pattern": "1"},
        "job": {},
        "send": {"job_id": job_id, "text": "hello\n"},
        "apply_patch": {"patch": "*** Begin Patch\n*** Add File: c\n+c\n*** End Patch"},
        "preview": {"port": 8000},
    }
    assert list(calls) == list(TOOLS)
    async with connected(make_server(session), way) as client:
        for name, arguments in calls.items():
            with counting(session) as traffic:
                await client.call_tool(name, arguments)
            assert (name, traffic.requests) == (name, 0 if name == "preview" else 1)
        with counting(session) as traffic:
            await client.list_resources()
            await client.read_resource("workspace:///a.txt")
        assert traffic.requests == 2


@pytest.mark.slow
async def test_progress_is_reported_where_it_was_asked_for(
    session: SandboxSession, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_progress, "HEARTBEAT", 0.5)
    reports: list[tuple[float, str]] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, message or ""))

    command = f"echo begun {SECRET}; sleep 4; echo end"
    async with connected(make_server(session), way) as client:
        await client.call_tool("exec", {"command": command}, progress_callback=report)
        await anyio.sleep(0.1)
    times = [progress for progress, _ in reports]
    assert len(times) >= 4
    assert times == sorted(set(times))
    messages = [message for _, message in reports]
    assert any(message.startswith("begun ***\n") for message in messages)
    assert any(message.startswith("running for ") for message in messages)
    assert SECRET not in str(messages)


async def test_a_cancelled_call_ends_its_command(session: SandboxSession, way: Way) -> None:
    seconds = unique_seconds()
    command = f"touch begun; sleep {seconds}"
    async with connected(make_server(session), way) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "exec", {"command": command})
        while not await session.aexists("begun"):
            await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
    with anyio.fail_after(20):
        while (await session.aexec(sleeping(seconds))).exit_code == 0:
            await anyio.sleep(0.1)


async def test_a_long_command_goes_on_when_the_client_would_give_up(
    session: SandboxSession, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server, "_PATIENCE", 1)
    async with connected(make_server(session), way) as client:
        slow = {"command": "echo begun; until [ -e enough ]; do sleep 0.1; done; echo end"}
        begun = await client.call_tool("exec", slow)
        assert text_of(begun).startswith("begun\n[still running as job-")
        job = {"job_id": data_of(begun)["job_id"]}
        assert job["job_id"] in text_of(begun)
        await client.call_tool("write", {"file_path": "enough", "content": ""})
        ended = await client.call_tool("job", {**job, "wait": 20})
        assert text_of(ended).startswith("end\n")
        assert data_of(ended)["exit_code"] == 0


async def test_a_daytona_sandbox_is_served(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    with DaytonaServer() as daytona, session_on(daytona, limits=LIMITS) as session:
        async with connected(make_server(session), way) as client:
            with daytona.counting() as count:
                await client.call_tool("write", {"file_path": "a.txt", "content": "one\n"})
                read = await client.call_tool("read", {"file_path": "a.txt"})
                done = await client.call_tool("exec", {"command": "cat a.txt"})
            assert (text_of(read), text_of(done)) == ("1|one\n", "one\n[exit code 0]")
            assert count.requests == 3
            daytona.remove_sandbox(session.sandbox.id)
            gone = await client.call_tool("exec", {"command": "ls"})
            assert gone.is_error
            assert "deleted" in text_of(gone)


async def test_a_person_is_asked_before_something_changes(
    session: SandboxSession, way: Way
) -> None:
    server, asked = make_server(session, approval=True), list[str]()
    async with connected(server, way, elicitation_callback=agreeing("accept", asked)) as client:
        done = await client.call_tool("exec", {"command": "touch granted; echo done"})
        assert text_of(done) == "done\n[exit code 0]"
        assert len(asked) == 1
        assert asked == ["Run a command\n\ntouch granted; echo done"]
        await client.call_tool("ls", {})
        await client.call_tool("exec", {"cmd": "wrong, so it will not run"})
        assert len(asked) == 1
        long = "a" * 10_000 + "; rm -rf /"
        await client.call_tool("write", {"file_path": "x", "content": long})
        assert len(asked[1]) < 5_000
        assert "rm -rf /" in asked[1]


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_what_a_person_does_not_want_is_not_run(
    session: SandboxSession, way: Way, action: str
) -> None:
    server, asked = make_server(session, approval=True), list[str]()
    async with connected(server, way, elicitation_callback=agreeing(action, asked)) as client:
        refused = await client.call_tool("exec", {"command": "touch refused"})
    assert refused.is_error
    assert text_of(refused) == "Error: exec was not run: the person did not approve of it."
    assert not await session.aexists("refused")


async def test_without_anybody_to_ask_nothing_is_changed(session: SandboxSession, way: Way) -> None:
    async with connected(make_server(session, approval=True), way) as client:
        refused = await client.call_tool("exec", {"command": "touch refused"})
        assert "this client cannot ask for it" in text_of(refused)
        assert not (await client.call_tool("ls", {})).is_error
    assert not await session.aexists("refused")


async def test_a_client_that_shows_only_pages_is_asked_nothing(
    session: SandboxSession, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not show the question, or takes it for another one."""
    pages = types.ElicitationCapability(url=types.UrlElicitationCapability())
    able = types.ClientCapabilities(elicitation=pages)
    monkeypatch.setattr(ClientSession, "_build_capabilities", lambda *_: able)
    server, asked = make_server(session, approval=True), list[str]()
    async with connected(server, way, elicitation_callback=agreeing("accept", asked)) as client:
        refused = await client.call_tool("exec", {"command": "touch refused"})
    assert refused.is_error
    assert "this client cannot ask for it" in text_of(refused)
    assert asked == []
    assert not await session.aexists("refused")


async def test_an_approval_is_good_for_one_call(session: SandboxSession) -> None:
    server = make_server(session, approval=True)
    yes = {"approval": types.ElicitResult(action="accept")}
    good, bad = {"command": "echo x >> good"}, {"command": "touch bad"}

    async with connected(server, STREAMS, elicitation_callback=agreeing("accept", [])) as client:

        async def call(arguments: dict[str, Any], **options: Any) -> Any:
            return await client.session.call_tool(
                "exec", arguments, allow_input_required=True, **options
            )

        question = await call(good)
        state = question.request_state
        for arguments, answer in (
            (bad, {"input_responses": yes, "request_state": state}),  # for another command
            (good, {"input_responses": yes, "request_state": state}),  # spent by the attempt
            (good, {"input_responses": yes, "request_state": "made up"}),
            (good, {"input_responses": yes}),
        ):
            assert isinstance(await call(arguments, **answer), types.InputRequiredResult)
        assert not await session.aexists("bad")
        assert not await session.aexists("good")

        state = (await call(good)).request_state
        granted = await call(good, input_responses=yes, request_state=state)
        assert text_of(granted) == "[exit code 0]"
        again = await call(good, input_responses=yes, request_state=state)
        assert isinstance(again, types.InputRequiredResult)
    assert await session.aread_bytes("good") == b"x\n"


async def test_secrets_are_hidden_wherever_they_could_show(
    session: SandboxSession, way: Way
) -> None:
    await session.awrite("key.txt", f"key={SECRET}\n")
    await session.awrite("key.bin", b"\xff\0" + SECRET.encode())
    async with connected(make_server(session), way) as client:
        seen: list[Any] = [
            await client.call_tool("exec", {"command": "echo $TOKEN; cat /no/$TOKEN; exit 1"}),
            await client.call_tool("read", {"file_path": "key.txt"}),
            await client.call_tool("grep", {"pattern": "key"}),
            await client.call_tool("read", {"file_path": f"/no/{SECRET}"}),
            await client.list_tools(),
            await client.read_resource("workspace:///key.txt"),
        ]
        [binary] = (await client.read_resource("workspace:///key.bin")).contents
        with pytest.raises(MCPError) as missing:
            await client.read_resource(f"workspace:///no/{SECRET}")
    assert isinstance(binary, types.BlobResourceContents)
    assert base64.b64decode(binary.blob) == b"\xff\0***"
    assert SECRET not in str([*seen, missing.value])


async def test_files_are_resources(session: SandboxSession, way: Way) -> None:
    names = [
        "a b.txt",
        "ä#?%.md",
        "data.bin",
        "line\nbreak",
        b"odd-\xff".decode(errors="surrogateescape"),
    ]
    for name in names:
        await session.awrite(name, name.encode(errors="surrogateescape"))
    await session.awrite("sub/deep.txt", "deep")
    async with connected(make_server(session), way) as client:
        assert client.server_capabilities.resources
        listed = (await client.list_resources()).resources
        contents = [await client.read_resource(resource.uri) for resource in listed]
        [template] = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "workspace:///{+path}"
        [deep] = (await client.read_resource("workspace:///sub/deep.txt")).contents
        assert isinstance(deep, types.TextResourceContents)
        assert (deep.text, deep.mime_type) == ("deep", "text/plain")
        for uri in ("workspace:///nope", "workspace:///sub", "file:///etc/passwd", "nonsense"):
            with pytest.raises(MCPError) as refused:
                await client.read_resource(uri)
            assert refused.value.code == types.INVALID_PARAMS
        await session.awrite("big.txt", b"x" * 1_100_000)
        with pytest.raises(MCPError, match="1,100,000 bytes, more than"):
            await client.read_resource("workspace:///big.txt")

    found = set()
    for result in contents:
        [content] = result.contents
        if isinstance(content, types.BlobResourceContents):
            found.add(base64.b64decode(content.blob))
        else:
            assert isinstance(content, types.TextResourceContents)
            found.add(content.text.encode())
    assert found == {name.encode(errors="surrogateescape") for name in names}


async def test_a_client_that_only_looks_starts_no_sandbox(way: Way) -> None:
    session = SandboxSession(LocalSandbox(isolation="none"), limits=LIMITS)
    try:
        async with connected(make_server(session), way) as client:
            with counting(session) as traffic:
                await client.list_tools()
                assert (await client.list_resources()).resources == []
            assert traffic.requests == 0
            assert "temporary" in session.sandbox.id
            await client.call_tool("write", {"file_path": "a.txt", "content": "a"})
            assert [r.name for r in (await client.list_resources()).resources] == ["a.txt"]
    finally:
        await session.aclose()


async def test_each_user_can_have_a_workspace_of_their_own() -> None:
    async def user(ctx: ServerRequestContext) -> str:
        return str(ctx.request.headers["x-user"])  # type: ignore[union-attr]

    pool = SessionPool(lambda _: SandboxSession(LocalSandbox(isolation="none"), limits=LIMITS))
    with pool, serving(make_server(pool, key=user)) as url:
        for name, before, after in [("a", 0, 1), ("b", 0, 1), ("a", 1, 2)]:
            async with (
                httpx2.AsyncClient(headers={"x-user": name}, trust_env=False) as http,
                Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
            ):
                assert len((await client.list_resources()).resources) == before
                said = await client.call_tool("exec", {"command": "touch $RANDOM; ls | wc -l"})
                assert text_of(said) == f"{after}\n[exit code 0]"
                listed = (await client.list_resources()).resources
                assert len(listed) == after
                await client.read_resource(listed[0].uri)
    async with connected(make_server(pool, key="a"), STREAMS) as client:
        refused = await client.call_tool("exec", {"command": "ls"})
    assert refused.is_error
    assert "The pool is closed" in text_of(refused)


async def test_a_stranger_is_told_so_also_where_progress_was_asked_for(way: Way) -> None:
    def user(ctx: ServerRequestContext) -> str:
        raise MCPError(types.INVALID_PARAMS, "There is no such user.")

    async def report(progress: float, total: float | None, message: str | None) -> None: ...

    with SessionPool(lambda _: SandboxSession(LocalSandbox())) as pool:
        async with connected(make_server(pool, key=user), way) as client:
            for callback in (None, report):
                with pytest.raises(MCPError, match="There is no such user") as refused:
                    await client.call_tool("ls", {}, progress_callback=callback)
                assert refused.value.code == types.INVALID_PARAMS


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("exec", {"command": "seq 1000000; seq 1000000 >&2"}),
        ("exec", {"command": "head -c 24000 /dev/zero | tr '\\0' '\\377' | tee /dev/stderr"}),
        ("read", {"file_path": "short.txt"}),
        ("read", {"file_path": "long.txt"}),
        ("grep", {"pattern": "x", "context": 20}),
        ("ls", {"path": "many"}),
        ("glob", {"pattern": "many/*"}),
    ],
)
async def test_no_answer_is_more_than_clients_show(
    session: SandboxSession, tool: str, arguments: dict[str, Any]
) -> None:
    await session.awrite("short.txt", "x\n" * 100_000)
    await session.awrite("long.txt", ("x" * 5_000 + "\n") * 1_000)
    await session.aexec(f"mkdir many; cd many; for i in $(seq 600); do : > {'n' * 200}$i; done")
    async with connected(make_server(session), STREAMS) as client:
        text = text_of(await client.call_tool(tool, arguments))
    assert 10_000 < len(text.encode()) < 51_000
    assert re.search(
        r"(only the first \d+|continue with offset|cut -c` to see the rest|\[exit code 0\])[^\n]*$",
        text.rstrip(),
    )


async def test_content_that_is_too_much_is_refused_with_words(
    session: SandboxSession, way: Way
) -> None:
    async with connected(make_server(session), way) as client:
        large = {"file_path": "large.txt", "content": "x" * 3_000_000}
        assert not (await client.call_tool("write", large)).is_error
        for character in ("x", "\0", "😀"):
            larger = {"file_path": "larger.txt", "content": character * 4_200_000}
            refused = await client.call_tool("write", larger)
            assert refused.is_error
            assert "Write a large file in parts" in text_of(refused)
    assert not await session.aexists("larger.txt")


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def post(url: str, **headers: str) -> httpx2.Response:
    accept = {"Accept": "application/json, text/event-stream"}
    return httpx2.post(f"{url}/mcp", json=INITIALIZE, headers=accept | headers, trust_env=False)


def test_other_pages_and_hosts_are_turned_away(session: SandboxSession) -> None:
    with serving(make_server(session), names=["box.example"]) as url:
        assert post(url).status_code == 200
        assert post(url, Origin="http://localhost:3000").status_code == 200
        assert post(url, Origin="https://evil.example").status_code == 403
        assert post(url, Origin="http://127.0.0.1.evil.example").status_code == 403
        assert post(url, Origin="null").status_code == 403
        assert post(url, Host="evil.example").status_code == 421
        assert post(url, Host="box.example").status_code == 200
        assert post(url, Host="box.example", Origin="https://box.example").status_code == 200


def test_a_token_is_asked_for(session: SandboxSession) -> None:
    with serving(make_server(session), token="t0ken-ä") as url:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "t0ken"}):
            refused = post(url, **headers)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == "Bearer"
    with serving(make_server(session), token="t0ken") as url:
        assert post(url, Authorization="Bearer t0ken").status_code == 200
        assert post(url, Authorization="bearer t0ken").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "box.example"])
def test_others_need_a_token(session: SandboxSession, host: str) -> None:
    with pytest.raises(ValueError, match="set a bearer token"):
        make_app(make_server(session), host=host)
    make_app(make_server(session), host=host, token="t0ken")


async def test_many_clients_share_the_workspace(session: SandboxSession) -> None:
    """Whatever their era, and at once."""
    server = make_server(session)

    async def work(url: str, era: str, number: int) -> None:
        async with Client(f"{url}/mcp", mode=era) as client:
            for turn in range(5):
                line = {"command": f"echo {number}-{turn} >> log"}
                await client.call_tool("exec", line)

    with serving(server) as url:
        await asyncio.gather(
            *(work(url, era, n) for n, era in enumerate(["auto", "legacy"] * 2)),
        )
    lines = (await session.aread_bytes("log")).decode().split()
    assert sorted(lines) == sorted(f"{n}-{turn}" for n in range(4) for turn in range(5))
