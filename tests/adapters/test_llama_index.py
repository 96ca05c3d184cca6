"""The tools in LlamaIndex: alone, and in the hands of its agents."""

import asyncio
import importlib
import inspect
import json
import sys
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.base.llms.types import ImageBlock, TextBlock
from llama_index.core.tools.calling import call_tool
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from llama_index.core.tools.types import ToolMetadata, ToolOutput
from llama_index.core.workflow import Context, JsonPickleSerializer
from llama_index.tools.daytona import Approval, ApprovalRequest, CommandOutput, DaytonaToolSpec

from daytona_toolkit import Limits, LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import SessionClosedError
from daytona_toolkit.tools import choose
from tests.adapters.scripted import llama_index_model, meeting, react_model
from tests.adapters.situations import MISTAKES, PICTURE
from tests.support import has_begun, has_ended, unique_seconds

# LlamaIndex's own.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:inspect",
    "ignore:is_running called from within a step",
)


def tools_of(session: SandboxSession, **options: Any) -> dict[str, Any]:
    tools = DaytonaToolSpec(session, **options).to_tool_list()
    return {tool.metadata.get_name(): tool for tool in tools}


def agent_of(session: SandboxSession, *script: Any, **options: Any) -> FunctionAgent:
    tools = DaytonaToolSpec(session, **{"tools": "all"} | options).to_tool_list()
    return FunctionAgent(tools=tools, llm=llama_index_model(*script))


async def outputs(handler: Any) -> list[ToolOutput]:
    """What the tools answered in a run."""
    return [
        event.tool_output
        async for event in handler.stream_events()
        if isinstance(event, ToolCallResult)
    ]


def test_the_class_is_a_tool_spec() -> None:
    assert BaseToolSpec in inspect.getmro(DaytonaToolSpec)


async def test_an_agent_survives_every_kind_of_error(session: SandboxSession) -> None:
    session.write("notes.txt", "a\na\n")
    handler = agent_of(session, *([mistake] for mistake in MISTAKES), "sorry").run("go on")
    answers = await outputs(handler)
    assert [answer.is_error for answer in answers] == [True] * len(MISTAKES)
    assert all(answer.content.startswith("Error: ") for answer in answers)
    assert str(await handler) == "sorry"


async def test_a_session_that_is_closed_is_no_result(session: SandboxSession) -> None:
    tool = tools_of(session)["exec"]
    session.close()
    with pytest.raises(SessionClosedError):
        tool.call(command="ls")
    with pytest.raises(SessionClosedError):
        await tool.acall(command="ls")


async def test_arguments_are_converted_and_filled_in(session: SandboxSession) -> None:
    """LlamaIndex itself never looks at a schema."""
    session.write("a", "one\ntwo\n")
    read = tools_of(session)["read"]
    assert read.call(file_path="a", offset="2", limit=None).content.startswith("2|two\n")
    refused = await read.acall(file_path="a", offset="-2")
    assert refused.is_error
    assert "offset: " in refused.content
    assert refused.raw_input == {"args": (), "kwargs": {"file_path": "a", "offset": "-2"}}


async def test_eight_calls_do_not_wait_for_each_other(session: SandboxSession) -> None:
    exec_tool = tools_of(session)["exec"]
    answers = await asyncio.gather(*(exec_tool.acall(**call) for _, call in meeting(8)))
    assert [answer.content.split()[0] for answer in answers] == list("01234567")


async def test_an_agent_makes_calls_at_once(session: SandboxSession) -> None:
    """Four of them: so many workers has the step of LlamaIndex's agents that calls tools."""
    answers = await outputs(agent_of(session, meeting(4), "done").run("go on"))
    assert sorted(answer.content.split()[0] for answer in answers) == list("0123")


async def test_a_run_that_is_cancelled_leaves_no_process(session: SandboxSession) -> None:
    seconds = unique_seconds()
    handler = agent_of(session, [("exec", {"command": f"sleep {seconds}"})], "done").run("go on")
    await has_begun(session, seconds)
    await handler.cancel_run()
    await has_ended(session, seconds)


async def test_output_is_streamed_while_a_command_runs(session: SandboxSession) -> None:
    command = "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two >&2"
    handler = agent_of(session, [("exec", {"command": command})], "done", stream=True).run("go on")
    seen = []
    async for event in handler.stream_events():
        if isinstance(event, CommandOutput):
            seen.append((event.tool, event.tool_id, event.stream, event.text))
            await session.awrite("go", "")
    assert seen == [
        ("exec", "call-1", "stdout", "one\n"),
        ("exec", "call-1", "stderr", "two\n"),
    ]


async def answered(handler: Any, approve: Any) -> tuple[list[Any], list[ToolOutput]]:
    """What was asked about in a run, and what the tools answered in the end."""
    asked, answers = [], []
    async for event in handler.stream_events():
        if isinstance(event, ApprovalRequest):
            asked.append(event)
            for approved in approve(event, len(asked)):
                reason = "" if approved else "no"
                handler.ctx.send_event(Approval(call=event.call, approved=approved, reason=reason))
        elif isinstance(event, ToolCallResult):
            answers.append(event.tool_output)
    assert str(await handler) == "done"
    return asked, answers


async def test_a_person_approves_and_refuses_what_changes_something(
    session: SandboxSession,
) -> None:
    calls = [
        ("exec", {"command": "echo x >> yes"}),
        ("exec", {"command": "echo x >> no"}),
        ("ls", {}),
        ("job", {}),
        ("write", {}),
    ]
    handler = agent_of(session, calls, "done", confirm=True).run("go on")
    asked, answers = await answered(
        handler, lambda event, _: [event.arguments["command"].endswith("yes")]
    )
    assert sorted(event.arguments["command"] for event in asked) == [
        "echo x >> no",
        "echo x >> yes",
    ]
    assert "Run a command\n\necho x >> no" in {event.question for event in asked}
    refused = [answer.content for answer in answers if "refused" in answer.content]
    assert refused == ["Error: exec was not run, because a person refused it: no"]
    assert session.read_bytes("yes") == b"x\n"
    assert not session.exists("no")


@pytest.mark.parametrize("refused", [[], [1], [2], [3], [1, 3], [1, 2, 3]])
async def test_calls_that_are_the_same_are_asked_about_one_by_one(
    session: SandboxSession, refused: list[int]
) -> None:
    calls = [("exec", {"command": "echo x >> file"})] * 3
    handler = agent_of(session, calls, "done", confirm=True).run("go on")
    asked, answers = await answered(handler, lambda _, number: [number not in refused])
    assert len(asked) == len({event.call for event in asked}) == 3
    assert {event.tool_id for event in asked} == {"call-1", "call-2", "call-3"}
    assert sorted(answer.is_error for answer in answers) == sorted(n in refused for n in (1, 2, 3))
    assert (await session.aexec("cat file")).stdout == "x\n" * (3 - len(refused))


async def test_answers_that_come_late_and_in_another_order_reach_their_calls(
    session: SandboxSession,
) -> None:
    handler = agent_of(
        session, [("exec", {"command": "echo x >> file"})] * 2, "done", confirm=True
    ).run("go on")
    waiting: list[ApprovalRequest] = []
    results = {}
    async for event in handler.stream_events():
        if isinstance(event, ApprovalRequest):
            waiting.append(event)
            if len(waiting) == 2:
                for request in reversed(waiting):
                    approved = request.tool_id == "call-1"
                    handler.ctx.send_event(Approval(call=request.call, approved=approved))
        elif isinstance(event, ToolCallResult):
            results[event.tool_id] = event.tool_output.is_error
    assert str(await handler) == "done"
    assert results == {"call-1": False, "call-2": True}
    assert session.read_bytes("file") == b"x\n"


async def test_a_call_that_is_approved_twice_runs_once(session: SandboxSession) -> None:
    call = ("exec", {"command": "echo x >> file; sleep 0.5"})
    handler = agent_of(session, [call], [call], "done", confirm=True).run("go on")
    asked, answers = await answered(handler, lambda *_: [True, True])
    assert len(asked) == len(answers) == 2
    assert session.read_bytes("file") == b"x\nx\n"


async def test_an_answer_may_come_to_another_process(session: SandboxSession) -> None:
    """Which has nothing but the context, written down while the call waited."""
    call = [("exec", {"command": "echo x >> file"})] * 2
    agent = agent_of(session, call, "done", confirm=True)
    handler = agent.run("go on")
    waiting = []
    async for event in handler.stream_events():
        if isinstance(event, ApprovalRequest):
            waiting.append(event.call)
            if len(waiting) == 2:
                break
    written = json.loads(json.dumps(handler.ctx.to_dict(JsonPickleSerializer())))
    await handler.cancel_run()

    again = agent_of(session, "done", confirm=True)
    handler = again.run(ctx=Context.from_dict(again, written, JsonPickleSerializer()))
    decisions = dict(zip(waiting, [True, False], strict=True))
    for call_id, approved in decisions.items():
        handler.ctx.send_event(Approval(call=call_id, approved=approved))
    _, answers = await answered(handler, lambda event, _: [decisions[event.call]])
    assert sorted(answer.is_error for answer in answers) == [False, True]
    assert session.read_bytes("file") == b"x\n"


async def test_a_react_agent_uses_the_tools(session: SandboxSession) -> None:
    tools = DaytonaToolSpec(session).to_tool_list()
    model = react_model(
        [("write", {"file_path": "a.txt", "content": "hello\n"})],
        [("read", {"file_path": "missing.txt"})],
        [("read", {"file_path": "a.txt"})],
        "It says hello.",
    )
    handler = ReActAgent(tools=tools, llm=model, streaming=False).run("go on")
    answers = await outputs(handler)
    assert [answer.is_error for answer in answers] == [False, True, False]
    assert answers[-1].content == "1|hello\n"
    assert str(await handler) == "It says hello."


async def test_agents_of_a_workflow_share_the_workspace(session: SandboxSession) -> None:
    tools = DaytonaToolSpec(session).to_tool_list()
    writer = FunctionAgent(
        name="writer",
        description="Writes.",
        tools=tools,
        can_handoff_to=["reader"],
        llm=llama_index_model(
            [("write", {"file_path": "a.txt", "content": "hello\n"})],
            [("handoff", {"to_agent": "reader", "reason": "written"})],
        ),
    )
    reader = FunctionAgent(
        name="reader",
        description="Reads.",
        tools=tools,
        llm=llama_index_model([("read", {"file_path": "a.txt"})], "hello"),
    )
    handler = AgentWorkflow(agents=[writer, reader], root_agent="writer").run(user_msg="go on")
    answers = await outputs(handler)
    assert answers[-1].content == "1|hello\n"
    assert str(await handler) == "hello"


async def test_a_picture_is_a_block_of_its_own(session: SandboxSession) -> None:
    session.write("plot.png", PICTURE)
    output = await tools_of(session)["read"].acall(file_path="plot.png")
    assert [type(block) for block in output.blocks] == [TextBlock, ImageBlock]
    assert output.blocks[1].resolve_image().read() == PICTURE


def test_tools_can_be_chosen_and_named(session: SandboxSession) -> None:
    assert list(tools_of(session)) == ["exec", "read", "write", "edit"]
    assert list(tools_of(session, tools="read_only")) == [
        "read",
        "ls",
        "glob",
        "grep",
        "preview",
    ]
    assert list(tools_of(session, tools=["job"], prefix="lab_")) == ["lab_job"]
    spec = DaytonaToolSpec(session)
    [read] = spec.to_tool_list(["read"], {"read": ToolMetadata("Look.", "look")})
    assert (read.metadata.name, read.metadata.description) == ("look", "Look.")
    assert spec.to_tool_list([]) == []
    for misspelt in ({"spec_functions": ["exce"]}, {"func_to_metadata_mapping": {"exce": None}}):
        with pytest.raises(ValueError, match="no tool 'exce'; there are exec, read, write, edit"):
            spec.to_tool_list(**misspelt)


def test_a_tool_can_be_looked_up_by_its_name(session: SandboxSession) -> None:
    spec = DaytonaToolSpec(session, prefix="lab_")
    metadata = spec.get_metadata_from_fn_name("lab_exec")
    row = choose("core", "lab_", session=session)["lab_exec"]
    assert metadata is not None
    assert (metadata.name, metadata.description) == ("lab_exec", row.description)
    assert metadata.fn_schema is spec.get_fn_schema_from_fn_name("lab_exec")
    assert spec.get_metadata_from_fn_name("exec") is None


def test_each_list_of_tools_remembers_what_its_own_model_has_seen(session: SandboxSession) -> None:
    session.write("plan", "one\n")
    spec = DaytonaToolSpec(session)
    first, second = ({t.metadata.name: t for t in spec.to_tool_list()} for _ in range(2))
    first["read"].call(file_path="plan")
    refused = second["write"].call(file_path="plan", content="two\n")
    assert "you have not read it" in refused.content
    assert not first["write"].call(file_path="plan", content="three\n").is_error


def test_a_description_speaks_of_the_limits_of_the_session() -> None:
    with SandboxSession(LocalSandbox(), limits=Limits(output_bytes=1234)) as session:
        assert "1,234 bytes" in tools_of(session)["exec"].metadata.description


async def test_an_only_argument_may_come_by_its_place(session: SandboxSession) -> None:
    session.write("a", "")
    tools = tools_of(session, tools="all")
    assert tools["exec"].call("echo hi").content == "hi\n[exit code 0]"
    assert call_tool(tools["ls"], {"path": "."}).content == "a  0\n"  # as LlamaIndex does


async def test_each_conversation_has_a_workspace_of_its_own() -> None:
    async def conversation(ctx: Context) -> str:
        return str(await ctx.store.get("conversation"))

    with SessionPool(lambda _: SandboxSession(LocalSandbox(isolation="none"))) as pool:
        call = [("exec", {"command": "touch $RANDOM; ls | wc -l"})]
        tools = DaytonaToolSpec(pool, key=conversation).to_tool_list()
        for name, seen in [("a", 1), ("b", 1), ("a", 2)]:
            agent = FunctionAgent(tools=tools, llm=llama_index_model(call, "done"))
            ctx = Context(agent)
            await ctx.store.set("conversation", name)
            answers = await outputs(agent.run("go on", ctx=ctx))
            assert answers[0].content == f"{seen}\n[exit code 0]"

        [exec_tool] = DaytonaToolSpec(pool, key="a", tools=["exec"]).to_tool_list()
        assert exec_tool.call(command="ls | wc -l").content == "2\n[exit code 0]"
        assert (await exec_tool.acall(command="ls | wc -l")).content == "2\n[exit code 0]"


def test_tools_need_nothing_private_of_llama_index(
    session: SandboxSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But those that stream or ask."""
    monkeypatch.setitem(sys.modules, "workflows.runtime.types.results", None)
    for name in [name for name in sys.modules if name.startswith("llama_index.tools.daytona")]:
        monkeypatch.delitem(sys.modules, name)
    spec = importlib.import_module("llama_index.tools.daytona").DaytonaToolSpec(session)
    assert spec.to_tool_list()[0].call("echo hi").content == "hi\n[exit code 0]"


async def test_a_tool_that_needs_a_workflow_says_so(session: SandboxSession) -> None:
    with pytest.raises(ValueError, match="Context"):
        await tools_of(session, stream=True)["exec"].acall(command="ls")
