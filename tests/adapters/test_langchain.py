"""The tools in LangChain: alone, in a ToolNode, and in the hands of an agent."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import sys
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool as tool_of
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_daytona_toolkit import DaytonaToolkit, ExecTool, ReadTool, SandboxTool, WriteTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command

from daytona_toolkit import Limits, LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import SessionClosedError
from daytona_toolkit.tools import TOOLS
from tests.adapters.scripted import langchain_model, meeting
from tests.adapters.situations import MISTAKES, PICTURE
from tests.support import counting, ends_with_its_caller, unique_seconds

ASK = {"messages": [("user", "go on")]}


def agent_of(session: Any, *script: Any, tools: Any = "all", **options: Any) -> Any:
    toolkit = DaytonaToolkit(session=session, tools=tools)
    return create_agent(langchain_model(*script), toolkit.get_tools(), **options)


def answers(state: dict[str, Any]) -> list[ToolMessage]:
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]


async def test_an_agent_survives_every_kind_of_error(session: SandboxSession) -> None:
    session.write("notes.txt", "a\na\n")
    agent = agent_of(session, *([mistake] for mistake in MISTAKES), "sorry")
    for state in (agent.invoke(ASK, {"recursion_limit": 99}), await agent.ainvoke(ASK)):
        assert [m.status for m in answers(state)] == ["error"] * len(MISTAKES)
        assert all(m.text.startswith("Error: ") for m in answers(state))
        assert all(m.artifact["error"].endswith("Error") for m in answers(state))
        assert state["messages"][-1].text == "sorry"


def test_a_session_that_is_closed_ends_the_run(session: SandboxSession) -> None:
    """Nothing that the model says next would work."""
    agent = agent_of(session, [("exec", {"command": "ls"})], "done")
    session.close()
    with pytest.raises(SessionClosedError):
        agent.invoke(ASK)


async def test_a_batch_of_calls_runs_at_once(session: SandboxSession) -> None:
    state = await agent_of(session, meeting(8), "done").ainvoke(ASK)
    assert [m.text.split()[0] for m in answers(state)] == [str(i) for i in range(8)]


async def test_a_run_that_is_cancelled_leaves_no_process(session: SandboxSession) -> None:
    seconds = unique_seconds()
    agent = agent_of(session, [("exec", {"command": f"sleep {seconds}"})], "done")
    await ends_with_its_caller(session, seconds, agent.ainvoke(ASK))


async def test_output_is_streamed_while_a_command_runs(session: SandboxSession) -> None:
    command = "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two >&2"
    agent = agent_of(session, [("exec", {"command": command})], "done")
    custom, tools = [], []
    async for mode, event in agent.astream(ASK, stream_mode=["custom", "tools"]):
        if mode == "custom":
            custom.append(event)
            await session.awrite("go", "")
        elif event["event"] == "tool-output-delta":
            tools.append(event["delta"])
    assert tools == [
        {"stream": "stdout", "text": "one\n"},
        {"stream": "stderr", "text": "two\n"},
    ]
    assert custom == [{"tool_call_id": "call-1", **delta} for delta in tools]


def test_output_is_not_streamed_where_that_is_not_wanted(session: SandboxSession) -> None:
    toolkit = DaytonaToolkit(session, stream_output=False)
    model = langchain_model([("exec", {"command": "echo hi"})], "done")
    agent = create_agent(model, toolkit.get_tools())
    assert list(agent.stream(ASK, stream_mode="custom")) == []


def test_output_is_streamed_to_a_thread_too(session: SandboxSession) -> None:
    agent = agent_of(session, [("exec", {"command": "echo hi"})], "done")
    assert list(agent.stream(ASK, stream_mode="custom")) == [
        {"tool_call_id": "call-1", "stream": "stdout", "text": "hi\n"}
    ]


async def test_a_command_is_followed_only_where_somebody_streams(session: SandboxSession) -> None:
    """Else it costs one request, as without `stream_output`."""
    agent = agent_of(session, [("exec", {"command": "echo 1; sleep 0.7; echo 2"})], "done")
    with counting(session) as traffic:
        agent.invoke(ASK)
        await agent.ainvoke(ASK)
        assert len(list(agent.stream(ASK, stream_mode="updates"))) == 3
        assert traffic.requests == 3
    for mode in ("custom", "tools"):
        with counting(session) as traffic:
            assert "1\\n" in str(list(agent.stream(ASK, stream_mode=mode)))
            assert traffic.requests > 1


def test_tools_work_with_the_first_langgraph_too(
    session: SandboxSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no `ToolRuntime`; output is streamed as custom events."""
    monkeypatch.delattr("langgraph.prebuilt.ToolRuntime")
    test_output_is_streamed_to_a_thread_too(session)


def test_a_runtime_of_tools_that_takes_more_ends_no_call(
    session: SandboxSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another LangGraph may have; output is streamed as custom events then."""

    def later_runtime(*, more: Any, **fields: Any) -> None: ...

    monkeypatch.setattr("langgraph.prebuilt.ToolRuntime", later_runtime)
    test_output_is_streamed_to_a_thread_too(session)


def test_a_picture_reaches_the_model(session: SandboxSession) -> None:
    session.write("plot.png", PICTURE)
    state = agent_of(session, [("read", {"file_path": "plot.png"})], "nice").invoke(ASK)
    [answer] = answers(state)
    assert [block["type"] for block in answer.content_blocks] == ["text", "image"]


def test_the_tools_work_in_a_tool_node_and_survive_a_checkpoint(session: SandboxSession) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(DaytonaToolkit(session=session).get_tools()))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    compiled = graph.compile(checkpointer=InMemorySaver())
    calls = [
        {"name": "exec", "args": {"command": "exit 3"}, "id": "1"},
        {"name": "read", "args": {"file_path": "nope"}, "id": "2"},
    ]
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    compiled.invoke({"messages": [AIMessage("", tool_calls=calls)]}, config)
    ran, missed = answers(compiled.get_state(config).values)
    assert (ran.status, ran.artifact["exit_code"]) == ("success", 3)
    assert (missed.status, missed.artifact["error"]) == ("error", "PathNotFoundError")


async def test_a_tool_can_be_invoked_outside_a_graph(session: SandboxSession) -> None:
    tool = ExecTool(session=session)
    assert tool.invoke("echo hi") == "hi\n[exit code 0]"
    assert await tool.ainvoke({"command": "echo hi"}) == "hi\n[exit code 0]"
    assert tool.invoke({"command": "ls", "cwd": "nowhere"}).startswith("Error: 'nowhere'")


def test_nobody_but_the_model_gives_a_tool_arguments(session: SandboxSession) -> None:
    """So a model sees them all, can forge none, and callbacks show no state of the graph."""
    for tool in DaytonaToolkit(session, tools="all").get_tools():
        assert tool.get_input_schema() is tool.args_schema  # LangGraph adds to no other
        assert not tool._injected_args_keys

    agent = agent_of(session, [("exec", {"command": "echo hi"})], "done")
    inputs = []

    class Spy(BaseCallbackHandler):
        def on_tool_start(self, serialized: Any, input_str: str, **more: Any) -> None:
            inputs.append((input_str, more["inputs"]))

    agent.invoke(ASK, {"callbacks": [Spy()]})
    assert inputs == [("{'command': 'echo hi'}", {"command": "echo hi"})]


@pytest.mark.parametrize("name", TOOLS)
def test_every_provider_is_shown_the_same_schema(session: SandboxSession, name: str) -> None:
    [tool] = DaytonaToolkit(session, tools=[name]).get_tools()
    schema = TOOLS[name].schema()

    # The packages for OpenAI and Anthropic convert the first, that for Google the second.
    assert isinstance(tool.args_schema, type)
    for shown in (
        convert_to_openai_tool(tool)["function"]["parameters"],
        tool.args_schema.model_json_schema(),
    ):
        assert shown["properties"] == schema["properties"]
        assert shown.get("required") == schema.get("required")


INVENTED = ["runtime", "config", "state", "store", "callbacks", "run_manager", "tool_call_id"]


@pytest.mark.parametrize("argument", INVENTED)
async def test_an_argument_that_a_model_made_up_gets_no_call_past_approval(
    session: SandboxSession, argument: str
) -> None:
    """A call with it is not asked about, for it does not run."""
    toolkit = DaytonaToolkit(session)
    call = ("exec", {"command": "touch ran", argument: {"tool_call_id": "x"}})
    agent = create_agent(
        langchain_model([call], "done", [call], "done"),
        toolkit.get_tools(),
        middleware=[HumanInTheLoopMiddleware(interrupt_on=toolkit.interrupt_on())],
        checkpointer=InMemorySaver(),
    )
    config = {"configurable": {"thread_id": "1"}}
    for state in (agent.invoke(ASK, config), await agent.ainvoke(ASK, config)):
        assert "__interrupt__" not in state
        assert all(m.status == "error" for m in answers(state))
        refusal = f"{argument} is not an argument of exec; it takes command, "
        assert all(refusal in m.text for m in answers(state))
    assert not session.exists("ran")


def test_a_copy_of_a_tool_works_in_the_same_workspace(session: SandboxSession) -> None:
    tool = ExecTool(session=session)
    for copied in (copy.copy(tool), copy.deepcopy(tool), tool.model_copy(deep=True)):
        assert copied.session is session
        assert copied.invoke("echo hi") == "hi\n[exit code 0]"
    with pytest.raises(TypeError, match="In the other process, make a session"):
        pickle.dumps(tool)


def test_any_row_becomes_a_tool(session: SandboxSession) -> None:
    row = dataclasses.replace(TOOLS["exec"], name="run", text="Run it.")
    tool = SandboxTool(row, session=session, tags=["mine"])
    assert (tool.name, tool.tags) == ("run", ["mine"])
    assert tool.description.startswith("Run it. There is no network")
    assert tool.invoke({"command": "echo hi"}) == "hi\n[exit code 0]"


def test_a_description_speaks_of_the_limits_of_the_session() -> None:
    with SandboxSession(LocalSandbox(), limits=Limits(output_bytes=1234)) as session:
        [tool] = DaytonaToolkit(session, tools=["exec"]).get_tools()
        assert "1,234 bytes" in tool.description
        assert "1,234 bytes" in ExecTool(session=session).description


def test_a_tool_by_its_own_name_asks_for_a_session_alone() -> None:
    parameters = inspect.signature(ExecTool).parameters.values()
    assert [p.name for p in parameters if p.default is p.empty] == ["session"]


def test_a_tool_says_what_it_does_and_where_but_no_secret() -> None:
    with SandboxSession(LocalSandbox(), secrets={"TOKEN": "tok-4f9a77"}) as session:
        read, write = DaytonaToolkit(session=session, tools=["read", "write"]).get_tools()
        assert read.metadata == {
            "title": "Read a file",
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
            "sandbox_id": session.sandbox.id,
        }
        assert write.metadata is not None
        assert write.metadata["destructiveHint"] is True
        assert read.tags == ["daytona-toolkit"]
        for value in (read, read.model_dump(), DaytonaToolkit(session=session)):
            assert "tok-4f9a77" not in repr(value)
            assert "session" not in repr(value)


def test_tools_that_are_made_one_by_one_replace_nothing_newer(session: SandboxSession) -> None:
    """As their descriptions say; those of one workspace remember together."""
    session.write("plan", "theirs\n")
    read, write = ReadTool(session=session), WriteTool(session=session)
    mine = {"file_path": "plan", "content": "mine\n"}
    assert "you have not read it" in write.invoke(mine)
    read.invoke({"file_path": "plan"})
    assert write.invoke(mine).startswith("Replaced ")
    assert write.invoke(mine).startswith("Replaced ")
    session.write("plan", "newer\n")
    assert "has changed since it was read" in write.invoke(mine)
    assert session.read("plan").content == "newer\n"


def test_tools_are_made_before_the_session_is_open() -> None:
    session = SandboxSession(LocalSandbox())
    try:
        [tool] = DaytonaToolkit(session=session, tools=["exec"]).get_tools()
        assert tool.invoke({"command": "echo hi"}) == "hi\n[exit code 0]"
        assert tool.metadata is not None
        assert tool.metadata["sandbox_id"] == f"local:{session.root}"
    finally:
        session.close()


def test_tools_can_be_chosen_and_named(session: SandboxSession) -> None:
    def names(**options: Any) -> list[str]:
        return [tool.name for tool in DaytonaToolkit(session=session, **options).get_tools()]

    assert names() == ["exec", "read", "write", "edit"]
    assert names(tools="read_only") == ["read", "ls", "glob", "grep", "preview"]
    every = "exec read write edit ls glob grep job send apply_patch preview"
    assert names(tools="all") == every.split()
    assert names(tools=["job", "exec"], prefix="lab_") == ["lab_job", "lab_exec"]
    with pytest.raises(ValueError, match="out of exec, read"):
        DaytonaToolkit(session, tools=["exec", "bash"])
    with pytest.raises(ValueError, match="Choose another prefix"):
        DaytonaToolkit(session, prefix="my lab.")


def test_line_numbers_can_be_left_out_of_one_tool(session: SandboxSession) -> None:
    session.write("a", "one\r\n")
    read = ReadTool(session=session, line_numbers=False)
    assert read.invoke("a").startswith("one\n[")
    assert "12|text" not in read.description
    assert "12|text" in ReadTool(session=session).description


def test_a_person_approves_and_rejects_what_changes_something(session: SandboxSession) -> None:
    toolkit = DaytonaToolkit(session=session, tools="all", prefix="lab_")
    calls = [
        ("lab_ls", {}),
        ("lab_job", {}),
        ("lab_write", {}),
        ("lab_write", {"file_path": "yes", "content": "1"}),
        ("lab_exec", {"command": "touch no"}),
    ]
    agent = create_agent(
        langchain_model(calls, "done"),
        toolkit.get_tools(),
        middleware=[HumanInTheLoopMiddleware(interrupt_on=toolkit.interrupt_on())],
        checkpointer=InMemorySaver(),
    )
    config = {"configurable": {"thread_id": "1"}}
    [interrupt] = agent.invoke(ASK, config)["__interrupt__"]
    asked = [request["name"] for request in interrupt.value["action_requests"]]
    assert asked == ["lab_write", "lab_exec"]
    words = [request["description"] for request in interrupt.value["action_requests"]]
    assert words == ["Write a file\n\nyes\n1", "Run a command\n\ntouch no"]
    assert not session.exists("yes")

    decisions = [{"type": "approve"}, {"type": "reject", "message": "not now"}]
    agent.invoke(Command(resume={"decisions": decisions}), config)
    assert session.exists("yes")
    assert not session.exists("no")


async def test_each_thread_has_a_workspace_of_its_own() -> None:
    made = []

    def make(thread_id: str) -> SandboxSession:
        made.append(thread_id)
        return SandboxSession(LocalSandbox())

    with SessionPool(make, max_sessions=2) as pool:
        agent = agent_of(pool, [("exec", {"command": "touch $RANDOM; ls | wc -l"})], "done")
        for thread, seen in [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("c", 1), ("b", 3), ("a", 1)]:
            state = await agent.ainvoke(ASK, {"configurable": {"thread_id": thread}})
            assert answers(state)[0].text == f"{seen}\n[exit code 0]"
        assert made == ["a", "b", "c", "a"]  # the second time, a had made room for c
        assert len(pool) == 2

        with pytest.raises(ValueError, match="thread_id"):
            await agent.ainvoke(ASK)


async def test_agents_with_threads_of_their_own_share_a_workspace_by_a_key() -> None:
    def workspace(config: RunnableConfig) -> str:
        return str(config["configurable"]["workspace"])

    async def awaited(config: RunnableConfig) -> str:
        return workspace(config)

    with SessionPool(lambda _: SandboxSession(LocalSandbox())) as pool:
        call = [("exec", {"command": "touch $RANDOM; ls | wc -l"})]

        def agent(key: Any) -> Any:
            return create_agent(
                langchain_model(call, "done"), DaytonaToolkit(pool, key=key).get_tools()
            )

        child = agent(workspace)

        @tool_of
        def ask_child(config: RunnableConfig) -> str:
            """Let the child do it, in a thread of its own."""
            own = {**config["configurable"], "thread_id": "child"}
            return answers(child.invoke(ASK, {"configurable": own}))[0].text

        parent = create_agent(
            langchain_model(call, [("ask_child", {})], "done"),
            [ask_child, *DaytonaToolkit(pool, key=workspace).get_tools()],
        )
        config: Any = {"configurable": {"thread_id": "parent", "workspace": "w"}}
        assert [m.text[0] for m in answers(parent.invoke(ASK, config))] == ["1", "2"]
        [seen] = answers(await agent(awaited).ainvoke(ASK, config))
        assert seen.text == "3\n[exit code 0]"
        [seen] = answers(agent("w").invoke(ASK))
        assert seen.text == "4\n[exit code 0]"
        assert len(pool) == 1
        with pytest.raises(TypeError, match="only async code can await"):
            agent(awaited).invoke(ASK, config)
        with pytest.raises(ValueError, match="The key of this call is None"):
            agent(lambda _: None).invoke(ASK, config)
        with pytest.raises(TypeError, match="Give key="):
            agent(7)


@pytest.mark.parametrize(
    ("module", "needs", "said"),
    [
        ("deepagents", "deepagents", r"\[deepagents\]\" with Python 3\.11"),
        ("middleware", "langchain", r"\[middleware\]\""),
    ],
)
def test_a_module_without_what_it_needs_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, needs: str, said: str
) -> None:
    name = f"langchain_daytona_toolkit.{module}"
    monkeypatch.setitem(sys.modules, needs, None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(ImportError, match=said):
        importlib.import_module(name)
