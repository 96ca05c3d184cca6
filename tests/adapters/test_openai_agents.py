"""The tools in the OpenAI Agents SDK: alone, and in the hands of its agents."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from agents import Agent, RunConfig, Runner, RunState, UserError
from agents.items import ToolCallOutputItem
from agents.testing import ScriptedModel, assistant_message, function_call
from agents.tool_context import ToolContext
from openai_agents_daytona_toolkit import daytona_tools

from daytona_toolkit import Limits, LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import SessionClosedError
from daytona_toolkit.testing import DaytonaServer
from daytona_toolkit.tools import TOOLS
from tests.adapters.scripted import meeting, openai_model
from tests.adapters.situations import MISTAKES, PICTURE
from tests.daytona.support import session_on
from tests.support import has_begun, has_ended, unique_seconds

QUIET = RunConfig(tracing_disabled=True)


@pytest.fixture(params=["local", "Daytona"])
def workspace(request: pytest.FixtureRequest) -> Iterator[SandboxSession]:
    """A session over each kind of sandbox."""
    if request.param == "local":
        with SandboxSession(LocalSandbox()) as session:
            yield session
    else:
        with DaytonaServer() as server, session_on(server) as session:
            yield session


def agent_of(session: Any, *script: Any, **options: Any) -> Agent[Any]:
    tools = daytona_tools(session, **{"tools": "all"} | options)
    return Agent("worker", tools=tools, model=openai_model(*script))


def outputs(result: Any) -> list[ToolCallOutputItem]:
    """What the tools answered in a run."""
    return [item for item in result.new_items if isinstance(item, ToolCallOutputItem)]


async def answers(agent: Agent[Any], **options: Any) -> list[Any]:
    return [item.output for item in outputs(await Runner.run(agent, "go", **options))]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sends traces to OpenAI unless told otherwise."""
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")


async def test_an_agent_does_a_days_work(workspace: SandboxSession) -> None:
    program = "def add(a, b):\n    return a - b\n"
    test = "from add import add\nassert add(1, 2) == 3, 'wrong sum'\n"
    edit = {"file_path": "add.py", "old_string": "a - b", "new_string": "a + b"}
    await workspace.awrite("plot.png", PICTURE)
    agent = agent_of(
        workspace,
        [
            ("write", {"file_path": "add.py", "content": program}),
            ("write", {"file_path": "test.py", "content": test}),
        ],
        [("exec", {"command": "python3 -B test.py"})],
        [("edit", edit)],
        [("exec", {"command": "python3 -B test.py"})],
        [("read", {"file_path": "plot.png"})],
        "It adds.",
    )
    result = await Runner.run(agent, "Make it add.", run_config=QUIET)
    *texts, picture = [item.output for item in outputs(result)]
    assert texts[0].startswith("Created ")
    assert "wrong sum\n[exit code 1]" in texts[2]
    assert "+    return a + b" in texts[3]
    assert texts[4] == "[exit code 0]"
    assert [part.type for part in picture] == ["text", "image"]
    assert result.final_output == "It adds."


async def test_an_agent_survives_every_kind_of_error(session: SandboxSession) -> None:
    session.write("notes.txt", "a\na\n")
    agent = agent_of(session, *([mistake] for mistake in MISTAKES), "sorry")
    result = await Runner.run(agent, "go", max_turns=99)
    said = [item.output for item in outputs(result)]
    assert len(said) == len(MISTAKES)
    assert all(text.startswith("Error: ") for text in said)
    assert result.final_output == "sorry"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{oops", "not valid JSON: Expecting property name"),
        ("[" * 100_000, "not valid JSON"),
        *((text, "not a JSON object.") for text in ("[1]", "null", '"ls"')),
    ],
)
async def test_what_is_no_object_is_refused(session: SandboxSession, text: str, says: str) -> None:
    [tool] = daytona_tools(session, tools=["exec"])
    context = ToolContext(None, tool_name="exec", tool_call_id="1", tool_arguments=text)
    said = await tool.on_invoke_tool(context, text)  # type: ignore[union-attr]
    assert said.startswith(f"Error: exec was not run: its arguments are {says}")


async def test_a_call_may_come_without_arguments(session: SandboxSession) -> None:
    session.write("a", "")
    agent = agent_of(session)
    agent.model = ScriptedModel(
        [[function_call("ls", "", call_id="1")], [assistant_message("done")]]
    )
    assert await answers(agent) == ["a  0\n"]


async def test_a_session_that_is_closed_ends_the_run(session: SandboxSession) -> None:
    agent = agent_of(session, [("exec", {"command": "ls"})], "never said")
    session.close()
    with pytest.raises(UserError, match="exec: The session is closed") as raised:
        await Runner.run(agent, "go")
    assert isinstance(raised.value.__cause__, SessionClosedError)


async def test_a_program_has_what_the_operation_returned(session: SandboxSession) -> None:
    agent = agent_of(session, [("exec", {"command": "echo hi; exit 3"})], "done")
    [item] = outputs(await Runner.run(agent, "go"))
    assert item.custom_data is not None
    assert (item.custom_data["exit_code"], item.custom_data["stdout"]) == (3, "hi\n")


async def test_calls_made_at_once_do_not_wait_for_each_other(workspace: SandboxSession) -> None:
    said = await answers(agent_of(workspace, meeting(8), "done"))
    assert [text.split()[0] for text in said] == list("01234567")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_run_that_is_cancelled_leaves_no_process(
    workspace: SandboxSession, streamed: bool
) -> None:
    seconds = unique_seconds()
    agent = agent_of(workspace, [("exec", {"command": f"sleep {seconds}"})], "done")
    task: asyncio.Future[Any]
    if streamed:
        result = Runner.run_streamed(agent, "go")
        cancel: Any = result.cancel
        task = asyncio.ensure_future(anext(aiter(result.stream_events())))
    else:
        task = asyncio.ensure_future(Runner.run(agent, "go"))
        cancel = task.cancel
    await has_begun(workspace, seconds)
    cancel()
    await has_ended(workspace, seconds)
    await asyncio.wait([task])


async def test_output_is_handed_on_while_a_command_runs(session: SandboxSession) -> None:
    seen = []

    async def on_output(context: ToolContext[Any], stream: str, text: str) -> None:
        seen.append((context.tool_call_id, stream, text))
        await session.awrite("go", "")

    command = "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two >&2"
    agent = agent_of(session, [("exec", {"command": command})], "done", on_output=on_output)
    result = Runner.run_streamed(agent, "go")
    kinds = [event.name async for event in result.stream_events() if hasattr(event, "name")]
    assert kinds == ["tool_called", "tool_output", "message_output_created"]
    assert seen == [("call-1", "stdout", "one\n"), ("call-1", "stderr", "two\n")]


async def test_a_person_approves_and_refuses_what_changes_something(
    session: SandboxSession,
) -> None:
    calls: Any = [
        ("exec", {"command": "echo x >> yes"}),
        ("exec", {"command": "echo x >> no"}),
        ("ls", {}),
        ("job", {}),
        ("write", {}),
    ]
    agent = agent_of(session, calls, "done", approval=True)
    result = await Runner.run(agent, "go")
    asked = [json.loads(item.arguments or "")["command"] for item in result.interruptions]
    assert asked == ["echo x >> yes", "echo x >> no"]
    assert TOOLS["exec"].question({"command": asked[1]}) == "Run a command\n\necho x >> no"
    assert not session.exists("yes")
    state = result.to_state()
    yes, no = result.interruptions
    state.approve(yes)
    state.reject(no, rejection_message="No: leave it.")
    result = await Runner.run(agent, state)
    said = [item.output for item in outputs(result)]
    assert "No: leave it." in said
    assert any(text.startswith("Error: write was not run:") for text in said)
    assert session.read_bytes("yes") == b"x\n"
    assert not session.exists("no")
    assert result.final_output == "done"


async def test_a_person_is_shown_arguments_that_are_no_json(session: SandboxSession) -> None:
    """The SDK interrupts a run for them before it asks us."""
    agent = agent_of(session, "done", approval=True)
    call = function_call("exec", '{"command":', call_id="1")
    agent.model = ScriptedModel([[call], [assistant_message("done")]])
    result = await Runner.run(agent, "go")
    [item] = result.interruptions
    assert TOOLS["exec"].question(item.arguments or "") == 'Run a command\n\n{"command":'
    state = result.to_state()
    state.approve(item)
    [refused] = outputs(await Runner.run(agent, state))
    assert refused.output.startswith("Error: exec was not run: its arguments are not valid JSON")


@pytest.mark.parametrize("refused", [[], [1], [3], [1, 2, 3]])
async def test_calls_that_are_the_same_are_asked_about_one_by_one(
    session: SandboxSession, refused: list[int]
) -> None:
    agent = agent_of(session, [("exec", {"command": "echo x >> file"})] * 3, "done", approval=True)
    result = await Runner.run(agent, "go")
    assert [item.call_id for item in result.interruptions] == ["call-1", "call-2", "call-3"]
    for number, item in enumerate(result.interruptions, 1):
        state = result.to_state()
        if number in refused:
            state.reject(item)
        else:
            state.approve(item)
        result = await Runner.run(agent, state)  # the others wait on
    assert result.final_output == "done"
    assert (await session.aexec("cat file")).stdout == "x\n" * (3 - len(refused))


async def test_an_answer_may_come_to_another_process(session: SandboxSession) -> None:
    """Which has nothing but the state of the run, written down while the call waited."""
    call = ("exec", {"command": "echo x >> file"})
    result = await Runner.run(agent_of(session, [call], approval=True), "go")
    written = result.to_state().to_string()

    agent = agent_of(session, "done", approval=True)
    state = await RunState.from_string(agent, written)
    [item] = state.get_interruptions()
    state.approve(item)
    result = await Runner.run(agent, state)
    assert result.final_output == "done"
    assert session.read_bytes("file") == b"x\n"


async def test_two_agents_do_not_write_over_each_others_work(session: SandboxSession) -> None:
    """Each list of tools remembers what its own model has seen."""
    session.write("plan", "one\n")
    write = ("write", {"file_path": "plan", "content": "mine\n"})
    reader = agent_of(session, [("read", {"file_path": "plan"})], [write], "done")
    stranger = agent_of(session, [write], "done")
    assert "you have not read it" in (await answers(stranger))[0]
    assert (await answers(reader))[1].startswith("Replaced ")


def test_tools_can_be_chosen_and_named(session: SandboxSession) -> None:
    def names(**options: Any) -> list[str]:
        return [tool.name for tool in daytona_tools(session, **options)]

    assert names() == ["exec", "read", "write", "edit"]
    assert names(tools="read_only") == ["read", "ls", "glob", "grep", "preview"]
    assert names(tools=["job"], prefix="lab_") == ["lab_job"]


async def test_a_prefix_is_part_of_the_name(session: SandboxSession) -> None:
    agent = agent_of(session, [("lab_exec", {"command": "echo hi"})], "done", prefix="lab_")
    assert await answers(agent) == ["hi\n[exit code 0]"]


def test_a_description_speaks_of_the_limits_of_the_session() -> None:
    with SandboxSession(LocalSandbox(), limits=Limits(output_bytes=1234)) as session:
        [tool] = daytona_tools(session, tools=["exec"])
        assert "1,234 bytes" in str(tool)


async def test_each_conversation_has_a_workspace_of_its_own() -> None:
    async def conversation(context: ToolContext[Any]) -> str:
        return str(context.context["conversation"])

    with SessionPool(lambda _: SandboxSession(LocalSandbox(isolation="none"))) as pool:
        call = [("exec", {"command": "touch $RANDOM; ls | wc -l"})]
        for key, name, seen in [
            (conversation, "a", 1),
            (conversation, "b", 1),
            (lambda context: context.context["conversation"], "a", 2),
            ("a", "", 3),
        ]:
            agent = agent_of(pool, call, "done", key=key)
            said = await answers(agent, context={"conversation": name})
            assert said == [f"{seen}\n[exit code 0]"]
        agent = agent_of(pool, call, "done", key=lambda context: context.context.get("user"))
        with pytest.raises(UserError, match="The key of this call is None"):
            await answers(agent, context={"conversation": "a"})
        assert len(pool) == 2
