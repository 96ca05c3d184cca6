"""The tools in Pydantic AI, in the hands of its agents."""

from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    AgentRunResult,
    DeferredToolRequests,
    DeferredToolResults,
    RunContext,
)
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import ToolDenied
from pydantic_ai_daytona_toolkit import CommandOutput, DaytonaToolset

from daytona_toolkit import Limits, LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import SessionClosedError
from daytona_toolkit.tools import TOOLS
from tests.adapters.scripted import meeting, pydantic_ai_model
from tests.adapters.sides import SIDES
from tests.adapters.situations import MISTAKES, PICTURE
from tests.support import counting, ends_with_its_caller, unique_seconds


def agent_of(session: Any, *script: Any, **options: Any) -> Agent[object, str]:
    toolset = DaytonaToolset(session, **{"tools": "all"} | options)
    return Agent(pydantic_ai_model(*script), toolsets=[toolset])


def answers(result: AgentRunResult[Any]) -> list[ToolReturnPart]:
    parts = [part for message in result.all_messages() for part in message.parts]
    return [part for part in parts if isinstance(part, ToolReturnPart)]


async def test_an_agent_mends_a_program_and_looks_at_its_plot(session: SandboxSession) -> None:
    program = "def add(a, b):\n    return a - b\n"
    check = "from add import add\nassert add(1, 2) == 3\nopen('ok', 'w')\n"
    session.write("plot.png", PICTURE)
    agent = agent_of(
        session,
        [("write", {"file_path": "add.py", "content": program})],
        [("write", {"file_path": "check.py", "content": check})],
        [("exec", {"command": "python3 -B check.py"})],
        [("edit", {"file_path": "add.py", "old_string": "a - b", "new_string": "a + b"})],
        [("exec", {"command": "python3 -B check.py"})],
        [("read", {"file_path": "plot.png"})],
        "It adds.",
    )
    result = await agent.run("go on")
    assert result.output == "It adds."
    _, _, failed, edited, passed, seen = answers(result)
    assert failed.metadata["exit_code"] == 1
    assert "AssertionError" in str(failed.content)
    assert "+    return a + b" in str(edited.content)
    assert passed.content == "[exit code 0]"
    assert isinstance(seen.content, list)
    text, picture = seen.content
    assert "image/png" in str(text)
    assert isinstance(picture, BinaryContent)
    assert (picture.media_type, picture.data) == ("image/png", PICTURE)
    assert session.exists("ok")


async def test_an_agent_survives_every_kind_of_error(session: SandboxSession) -> None:
    """None costs a retry, of which there is one by default."""
    session.write("notes.txt", "a\na\n")
    agent = agent_of(session, *([mistake] for mistake in MISTAKES), "sorry")
    result = await agent.run("go on")
    assert [part.outcome for part in answers(result)] == ["failed"] * len(MISTAKES)
    assert all(str(part.content).startswith("Error: ") for part in answers(result))
    assert result.output == "sorry"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ('{"command": "ls"', "not valid JSON: Expecting ',' delimiter"),
        ("[" * 100_000, "not valid JSON"),
        ('["ls"]', "its arguments are not a JSON object"),
        ("", "command is missing"),
    ],
)
async def test_arguments_that_are_no_object_do_not_end_the_run(
    session: SandboxSession, arguments: str, says: str
) -> None:
    calls = iter([arguments] * 3)

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        given = next(calls, None)
        part = TextPart("sorry") if given is None else ToolCallPart("exec", given)
        return ModelResponse([part])

    agent = Agent(FunctionModel(respond), toolsets=[DaytonaToolset(session)])
    result = await agent.run("go on")
    assert [part.outcome for part in answers(result)] == ["failed"] * 3
    assert all(says in str(part.content) for part in answers(result))


async def test_a_session_that_is_closed_ends_the_run(session: SandboxSession) -> None:
    agent = agent_of(session, [("exec", {"command": "ls"})], "done")
    session.close()
    with pytest.raises(SessionClosedError):
        await agent.run("go on")


@pytest.mark.usefixtures("loops_of_run_sync")
def test_a_run_without_a_loop_works_too(session: SandboxSession) -> None:
    result = agent_of(session, [("exec", {"command": "echo hi"})], "done").run_sync("go on")
    assert [part.content for part in answers(result)] == ["hi\n[exit code 0]"]


async def test_a_batch_of_calls_runs_at_once(session: SandboxSession) -> None:
    result = await agent_of(session, meeting(8), "done").run("go on")
    assert [str(part.content).split()[0] for part in answers(result)] == list("01234567")


async def test_a_run_that_is_cancelled_leaves_no_process(session: SandboxSession) -> None:
    seconds = unique_seconds()
    agent = agent_of(session, [("exec", {"command": f"sleep {seconds}"})], "done")
    await ends_with_its_caller(session, seconds, agent.run("go on"))


async def test_output_is_streamed_while_a_command_runs(session: SandboxSession) -> None:
    command = "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two >&2"
    agent = agent_of(session, [("exec", {"command": command})], "done", stream_output=True)
    seen = []
    async with agent.run_stream_events("go on") as events:
        async for event in events:
            if isinstance(event, CommandOutput):
                seen.append((event.tool_name, event.tool_call_id, event.stream, event.text))
                await session.awrite("go", "")
    assert seen == [
        ("exec", "call-1", "stdout", "one\n"),
        ("exec", "call-1", "stderr", "two\n"),
    ]


async def test_output_is_not_streamed_where_nobody_asked(session: SandboxSession) -> None:
    agent = agent_of(session, [("exec", {"command": "echo hi; sleep 3"})], "done")
    with counting(session) as traffic:
        async with agent.run_stream_events("go on") as events:
            kinds = {type(event) async for event in events}
    assert CommandOutput not in kinds
    assert traffic.requests == 1


async def test_each_call_that_changes_something_is_asked_about_and_runs_once(
    session: SandboxSession,
) -> None:
    toolset = DaytonaToolset(session, tools="all", prefix="lab_")
    same = ("lab_exec", {"command": "echo ran >> log"})
    calls = [
        ("lab_ls", {}),
        ("lab_job", {}),
        ("lab_write", {}),
        ("lab_write", {"file_path": "yes", "content": "1"}),
        same,
        same,
        ("lab_exec", {"command": "touch no"}),
    ]
    agent: Agent[object, Any] = Agent(
        pydantic_ai_model(calls, "done"),
        toolsets=[toolset.with_approval()],
        output_type=[str, DeferredToolRequests],
    )
    asked = await agent.run("go on")
    requests = asked.output.approvals
    assert [toolset.question(call) for call in requests] == [
        "Write a file\n\nyes\n1",
        "Run a command\n\necho ran >> log",
        "Run a command\n\necho ran >> log",
        "Run a command\n\ntouch no",
    ]
    assert not session.exists("yes")
    assert not session.exists("log")

    yes, once, never, no = (call.tool_call_id for call in requests)
    decisions = DeferredToolResults(
        approvals={yes: True, once: True, never: False, no: ToolDenied("not now")}
    )
    history = ModelMessagesTypeAdapter.validate_json(asked.all_messages_json())
    result = await agent.run(message_history=history, deferred_tool_results=decisions)
    assert result.output == "done"
    assert session.read("log").content == "ran\n"
    assert session.exists("yes")
    assert not session.exists("no")
    assert [part.content for part in answers(result) if part.outcome == "denied"][1] == "not now"


async def test_a_question_is_known_whatever_a_tool_is_called(session: SandboxSession) -> None:
    toolset = DaytonaToolset(session).with_approval()
    for renamed, name in [
        (toolset.prefixed("box"), "box_exec"),
        (toolset.renamed({"run": "exec"}), "run"),
    ]:
        agent: Agent[object, Any] = Agent(
            pydantic_ai_model([(name, {"command": "ls"})], "done"),
            toolsets=[renamed],
            output_type=[str, DeferredToolRequests],
        )
        requests = (await agent.run("go on")).output
        [call] = requests.approvals
        assert requests.metadata[call.tool_call_id] == {"question": "Run a command\n\nls"}


async def test_an_argument_that_a_model_made_up_gets_no_call_past_approval(
    session: SandboxSession,
) -> None:
    agent: Agent[object, Any] = Agent(
        pydantic_ai_model([("exec", {"command": "touch ran", "ctx": {}})], "done"),
        toolsets=[DaytonaToolset(session).with_approval()],
        output_type=[str, DeferredToolRequests],
    )
    result = await agent.run("go on")
    assert "ctx is not an argument of exec" in str(answers(result)[0].content)
    assert not session.exists("ran")


async def test_a_toolset_remembers_what_its_model_has_seen(session: SandboxSession) -> None:
    session.write("plan", "old")
    agent = agent_of(
        session,
        [("write", {"file_path": "plan", "content": "unread"})],
        [("read", {"file_path": "plan"})],
        [("write", {"file_path": "plan", "content": "mine"})],
        [("exec", {"command": "echo theirs > plan"})],
        [("write", {"file_path": "plan", "content": "stale"})],
        "done",
    )
    outcomes = [part.outcome for part in answers(await agent.run("go on"))]
    assert outcomes == ["failed", "success", "success", "success", "failed"]
    assert session.read("plan").content == "theirs\n"


async def test_each_conversation_has_a_workspace_of_its_own() -> None:
    made = []

    def make(conversation: str) -> SandboxSession:
        made.append(conversation)
        return SandboxSession(LocalSandbox())

    async with SessionPool(make, max_sessions=2) as pool:
        count = [("exec", {"command": "touch $RANDOM; ls | wc -l"})]
        agent = agent_of(pool, *[count, "done"] * 5)
        for conversation, seen in [("a", 1), ("b", 1), ("a", 2), ("b", 2)]:
            result = await agent.run("go on", conversation_id=conversation)
            assert answers(result)[0].content == f"{seen}\n[exit code 0]"
        # It goes on where its messages say, and without any it is a new one.
        result = await agent.run("go on", message_history=result.all_messages())
        assert answers(result)[-1].content == "3\n[exit code 0]"
        assert made == ["a", "b"]


async def test_an_agent_shares_a_workspace_with_one_that_it_calls_by_a_key() -> None:
    async def workspace(ctx: RunContext[str]) -> str:
        return ctx.deps

    async with SessionPool(lambda _: SandboxSession(LocalSandbox())) as pool:
        call = [("exec", {"command": "touch $RANDOM; ls | wc -l"})]

        def agent(key: Any, *script: Any) -> Agent[str, str]:
            toolset = DaytonaToolset(pool, key=key)
            return Agent(pydantic_ai_model(*script), deps_type=str, toolsets=[toolset])

        inner = agent(workspace, call, "done")
        outer = agent(workspace, call, [("ask", {})], "done")

        @outer.tool
        async def ask(ctx: RunContext[str]) -> str:
            return str(answers(await inner.run("go on", deps=ctx.deps))[0].content)

        result = await outer.run("go on", deps="w")
        assert [part.content for part in answers(result)] == [
            "1\n[exit code 0]",
            "2\n[exit code 0]",
        ]
        result = await agent("w", call, "done").run("go on", deps="other")
        assert [part.content for part in answers(result)] == ["3\n[exit code 0]"]
        assert len(pool) == 1


async def test_what_carries_no_conversation_has_no_workspace() -> None:
    from pydantic_ai.models.test import TestModel
    from pydantic_ai.usage import RunUsage

    ctx = RunContext(deps=None, model=TestModel(), usage=RunUsage())
    with SessionPool(lambda key: SandboxSession(LocalSandbox())) as pool:
        toolset = DaytonaToolset(pool)
        tool = (await toolset.get_tools(ctx))["exec"]
        with pytest.raises(ValueError, match="a workspace for each conversation"):
            await toolset.call_tool("exec", {"command": "ls"}, ctx, tool)
        assert len(pool) == 0


async def test_tools_can_be_chosen_named_and_told_apart(session: SandboxSession) -> None:
    told = []

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        told.append({tool.name: tool for tool in info.function_tools})
        return ModelResponse([TextPart("done")])

    async def named(**options: Any) -> list[str]:
        toolset = DaytonaToolset(session, id="ours", **options)
        assert toolset.id == "ours"
        await Agent(FunctionModel(respond), toolsets=[toolset]).run("go on")
        return list(told[-1])

    assert await named() == ["exec", "read", "write", "edit"]
    assert await named(tools="read_only") == [n for n, row in TOOLS.items() if row.read_only]
    assert await named(tools="all") == list(TOOLS)
    assert await named(tools=["write", "exec"], prefix="lab_") == ["lab_write", "lab_exec"]
    assert told[-1]["lab_write"].metadata == {
        "title": "Write a file",
        "readOnlyHint": False,
        "destructiveHint": True,
        "idempotentHint": TOOLS["write"].idempotent,
        "openWorldHint": False,
    }
    with pytest.raises(ValueError, match="out of exec, read"):
        DaytonaToolset(session, tools=["exec", "bash"])
    with pytest.raises(ValueError, match="Choose another prefix"):
        DaytonaToolset(session, prefix="my lab.")


async def test_a_description_speaks_of_the_limits_of_the_session() -> None:
    with SandboxSession(LocalSandbox(), limits=Limits(output_bytes=1234)) as session:
        assert "1,234 bytes" in (await SIDES["Pydantic AI"].told(session, "exec")).description
