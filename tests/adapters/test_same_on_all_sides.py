"""Whatever happens, all frameworks show a model and a program the same."""

import asyncio
import base64
import dataclasses
import re
from collections.abc import Callable, Iterator

import pytest
from daytona_toolkit_mcp import make_server
from langchain_daytona_toolkit import DaytonaToolkit, ExecTool
from llama_index.tools.daytona import DaytonaToolSpec
from openai_agents_daytona_toolkit import daytona_tools
from pydantic_ai_daytona_toolkit import DaytonaToolset

from daytona_toolkit import Limits, LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import InvalidArgumentError
from daytona_toolkit.tools import TOOLS, choose
from tests.adapters.sides import SIDES, without_chance
from tests.adapters.situations import PICTURE, SECRET, SITUATIONS, Situation
from tests.support import counting


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxSession]:
    with SandboxSession(LocalSandbox(), secrets={"TOKEN": SECRET}) as session:
        yield session


@pytest.mark.parametrize("name", TOOLS)
async def test_models_are_told_the_same_of_a_tool(shared: SandboxSession, name: str) -> None:
    told = {side: await each.told(shared, name) for side, each in SIDES.items()}
    row = choose([name], session=shared)[name]
    for side, each in told.items():
        assert each.name == name, side
        assert each.description == row.description, side
        # LlamaIndex and LangChain leave out what the schema says of itself.
        parts = {part: each.schema.get(part) for part in ("type", "properties", "required")}
        assert parts == {part: TOOLS[name].schema().get(part) for part in parts}, side
        assert "title" not in str(each.schema), side


@pytest.mark.parametrize(
    ("name", "take", "finds_keys"),
    [
        ("DaytonaToolkit", DaytonaToolkit, True),
        ("SandboxTool", ExecTool, True),
        ("DaytonaToolSpec", DaytonaToolSpec, False),
        ("make_server", make_server, False),
        ("DaytonaToolset", DaytonaToolset, True),
        ("daytona_tools", daytona_tools, False),
    ],
)
def test_what_is_no_workspace_is_refused_at_once(
    name: str, take: Callable[..., object], finds_keys: bool, shared: SandboxSession
) -> None:
    """Nor is a key without a pool, or a pool without a key, unless the framework has one."""
    for stranger in (None, LocalSandbox(), "./work", SandboxSession):
        with pytest.raises(TypeError, match=f"^{name} takes a SandboxSession or a SessionPool"):
            take(session=stranger)
    with pytest.raises(TypeError, match="a SandboxSession takes none"):
        take(session=shared, key="a")
    with SessionPool(lambda _: shared) as pool:
        for no_key in (7,) if finds_keys else (7, None):
            with pytest.raises(TypeError, match=r"Which session of the pool is it\? Give key="):
                take(session=pool, key=no_key)


async def test_a_prefix_is_told_of_by_all(shared: SandboxSession) -> None:
    told = choose(["edit"], "lab_", session=shared)["lab_edit"].description
    assert "put lab_ before the name" in told
    for side, each in SIDES.items():
        seen = await each.told(shared, "lab_edit", tools=["edit"], prefix="lab_")
        assert (seen.name, seen.description) == ("lab_edit", told), side


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=list(SITUATIONS))
async def test_a_model_is_shown_the_same(shared: SandboxSession, situation: Situation) -> None:
    shown, requests = {}, {}
    for side, each in SIDES.items():
        await prepare(shared, situation)
        with counting(shared) as traffic:
            answer = await each.call(shared, situation.tool, dict(situation.arguments))
        requests[side] = traffic.requests
        shown[side] = dataclasses.replace(
            answer, text=without_chance(answer.text), data=without_chance(answer.data)
        )

    first = next(iter(shown.values()))
    # Pydantic AI's failed results have text alone.
    alone = shown["Pydantic AI"]
    assert (alone.data is None) is situation.error
    shown["Pydantic AI"] = dataclasses.replace(alone, data=alone.data or first.data)
    assert shown == dict.fromkeys(shown, first)
    assert first.is_error is situation.error
    for expected in situation.says:
        assert re.search(expected, first.text), first.text[:2000]
    assert SECRET not in str(first)
    first.text.encode()  # a model can be sent it
    assert max(requests.values()) - min(requests.values()) == 0


async def test_lines_come_without_numbers_and_models_are_told_so(shared: SandboxSession) -> None:
    await shared.awrite("a", "one\n")
    row = choose(["read"], session=shared, line_numbers=False)["read"]
    assert "12|text" not in row.description
    for side, each in SIDES.items():
        if side != "MCP":
            told = await each.told(shared, "read", line_numbers=False)
            assert told.description == row.description, side
            shown = await each.call(shared, "read", {"file_path": "a"}, line_numbers=False)
            assert shown.text == "one\n", side


async def test_all_frameworks_can_share_a_shell(shared: SandboxSession) -> None:
    told = {side: await each.told(shared, "exec", shell="main") for side, each in SIDES.items()}
    rows = choose(["exec"], session=shared, shell="main")
    row = rows["exec"]
    for side, seen in told.items():
        assert seen.description == row.description, side
        assert "carry over" in seen.description, side
        assert seen.schema["properties"] == row.schema()["properties"], side
    path = shared.root
    for number, (side, each) in enumerate(SIDES.items()):
        path += f"/{number}"
        command = f'echo "${{LAST-}}"; mkdir {number}; cd {number}; export LAST={number}'
        shown = await each.call(shared, "exec", {"command": command}, shell="main")
        before = str(number - 1) if number else ""
        assert shown.text == f"{before}\n[exit code 0; now in {path}]", side
        assert shown.data["cwd"] == path, side
    with pytest.raises(InvalidArgumentError, match="not a valid name for a shell"):
        choose(shell="a shell")


async def test_all_frameworks_can_type_into_a_command(shared: SandboxSession) -> None:
    tools = ["exec", "send"]
    loop = "while read -r line; do echo you said $line; done; echo bye"
    row = choose(tools, session=shared)["exec"]
    for side, each in SIDES.items():
        told = await each.told(shared, "exec", tools=tools)
        assert told.description == row.description, side
        assert "interactive=true" in told.description, side
        assert told.schema["properties"] == row.schema()["properties"], side
        begun = await each.call(shared, "exec", {"command": loop, "interactive": True}, tools=tools)
        job = {"job_id": begun.data["job_id"]}
        assert begun.data["running"], side
        said = await each.call(shared, "send", {**job, "text": "hello\n", "wait": 20})
        assert said.text.startswith(f"you said hello\n[{job['job_id']}: running for "), side
        seen = await each.call(shared, "send", {**job, "text": "", "wait": 0})
        assert seen.text.startswith("[no new output]\n"), side
        ended = await each.call(shared, "send", {**job, "text": "", "eof": True, "wait": 20})
        assert ended.text.startswith(f"bye\n[{job['job_id']}: "), side
        assert (await shared.ajob(job["job_id"], wait=20)).exit_code == 0, side
        deaf = await each.call(shared, "send", {**job, "text": "more\n"})
        assert deaf.is_error, side
        assert "it has ended" in deaf.text, side


async def test_commands_of_a_shell_can_be_typed_into(shared: SandboxSession) -> None:
    rows = choose(["exec", "send"], shell="typed")
    await rows["exec"].arun(shared, {"command": "mkdir -p lab; cd lab"})
    asks = {"command": "read -r name; echo $name is in $PWD", "interactive": True}
    begun = await rows["exec"].arun(shared, asks)
    answer = {"job_id": begun.data["job_id"], "text": "Ann\n", "wait": 20}
    said = await rows["send"].arun(shared, answer)
    assert said.text.startswith(f"Ann is in {shared.root}/lab\n")


async def test_a_picture_arrives_byte_by_byte(shared: SandboxSession) -> None:
    await shared.awrite("plot.png", PICTURE)
    for side in SIDES.values():
        shown = await side.call(shared, "read", {"file_path": "plot.png"})
        assert shown.images == [("image/png", PICTURE)]
        assert base64.b64encode(PICTURE).decode() not in str(shown.data)


async def test_a_secret_that_arrives_in_pieces_is_not_streamed() -> None:
    pieces = f"printf {SECRET[:5]}; sleep 1.5; echo {SECRET[5:]}; echo end"
    threaded, awaited = [], []

    async def on_output(stream: str, text: str) -> None:
        awaited.append(text)

    # With a short window the first piece comes in an answer of its own.
    limits, env = Limits(window=2), {"TOKEN": SECRET}
    async with SandboxSession(LocalSandbox(), secrets=env, limits=limits) as session:
        tool, arguments = TOOLS["exec"], {"command": pieces}
        await asyncio.gather(
            asyncio.to_thread(tool.run, session, arguments, lambda _, text: threaded.append(text)),
            tool.arun(session, arguments, on_output),
        )
        seen: list[str] = []
        await session.aexec(pieces, on_output=lambda _, text: seen.append(text))
    assert "".join(seen) == "***\nend\n"
    assert threaded == awaited == ["***\nend\n"]


async def prepare(session: SandboxSession, situation: Situation) -> None:
    await session.aexec("rm -rf ./*")
    for path, content in situation.files.items():
        await session.awrite(path, content)
