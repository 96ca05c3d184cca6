"""A workspace that goes back with its conversation, in the hands of a real agent loop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Annotated, Any, cast

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langchain_daytona_toolkit import DaytonaToolkit
from langchain_daytona_toolkit.middleware import WorkspaceMiddleware
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from daytona_toolkit import LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import (
    CheckpointError,
    CheckpointNotFoundError,
    SandboxUnavailableError,
)
from tests.adapters.scripted import Call, langchain_model

THREAD: Any = {"configurable": {"thread_id": "a thread"}}


@pytest.fixture(autouse=True)
def git(session: SandboxSession) -> None:
    if session.exec("command -v git").exit_code != 0:
        pytest.skip("the sandbox has no git, which checkpoints need")


def write(name: str, content: str = "") -> Call:
    return ("write", {"file_path": name, "content": content, "overwrite": True})


def run(command: str) -> Call:
    return ("exec", {"command": command})


def agent_of(session: Any, *script: Any, **options: Any) -> Any:
    tools = DaytonaToolkit(session, tools="all").get_tools()
    options = {"checkpointer": InMemorySaver(), "middleware": [], "tools": [], **options}
    options["middleware"] = [WorkspaceMiddleware(session), *options["middleware"]]
    options["tools"] = [*tools, *options["tools"]]
    return create_agent(langchain_model(*script), **options)


def ask(words: str = "go on") -> dict[str, Any]:
    return {"messages": [("user", words)]}


def files(session: SandboxSession) -> str:
    return " ".join(entry.path for entry in session.ls().entries)


def before(agent: Any, step: str, called: str = "") -> Any:
    """The newest state before a step, whose last message calls a tool so, if any."""
    return next(
        state.config
        for state in agent.get_state_history(THREAD)
        if state.next[:1] == (step,) and called in str(state.values["messages"][-1])
    )


def done(session: SandboxSession, name: str) -> int:
    """How often the session has done that."""
    return sum(step.operation == name for step in session.transcript)


def test_a_call_that_is_run_again_finds_the_files_of_its_first_time(
    session: SandboxSession,
) -> None:
    session.write("log", "")
    script = ([run("echo one >>log; touch a")], [run("echo two >>log; rm a; mkdir b")], "done")
    agent = agent_of(session, *script, "done again", "and again")
    agent.invoke(ask(), THREAD)
    assert files(session) == "b log"

    state = agent.invoke(None, before(agent, "tools", "two"))
    assert session.read("log").content == "one\ntwo\n"
    assert files(session) == "b log"
    assert state["messages"][-1].text == "done again"

    agent.invoke(None, before(agent, "tools", "one"))
    assert session.read("log").content == "one\n"
    assert files(session) == "a log"


async def test_it_is_the_same_for_async_code(session: SandboxSession) -> None:
    await session.awrite("log", "")
    batch = [run("echo one >>log"), run("sleep 0.3; echo two >>log")]
    agent = agent_of(session, batch, "done", "done again")
    await agent.ainvoke(ask(), THREAD)
    for _ in range(2):
        await agent.ainvoke(None, before(agent, "tools"))
        assert (await session.aread("log")).content == "one\ntwo\n"


def test_a_model_that_is_asked_again_finds_the_files_of_its_first_time(
    session: SandboxSession,
) -> None:
    agent = agent_of(session, [write("a")], [write("b")], "done", "no more")
    agent.invoke(ask(), THREAD)
    assert files(session) == "a b"
    asked_first = next(
        state.config
        for state in agent.get_state_history(THREAD)
        if state.next == ("model",) and len(state.values["messages"]) == 3
    )
    agent.invoke(None, asked_first)
    assert files(session) == "a"


def test_another_request_can_be_made_from_an_earlier_state(session: SandboxSession) -> None:
    agent = agent_of(session, [write("a")], "done", [write("b")], "done", [write("c")], "done")
    agent.invoke(ask(), THREAD)
    after_first = agent.get_state(THREAD).config
    agent.invoke(ask(), THREAD)
    assert files(session) == "a b"
    agent.invoke(ask("something else"), after_first)
    assert files(session) == "a c"


def test_a_state_that_was_edited_has_its_files_too(session: SandboxSession) -> None:
    agent = agent_of(session, [write("a")], [write("b")], "done", "done")
    agent.invoke(ask(), THREAD)
    edited = agent.update_state(before(agent, "tools", "'b'"), {"messages": []}, as_node="model")
    agent.invoke(None, edited)
    assert "a" in files(session)


def test_calls_at_once_are_taken_back_together_and_once(session: SandboxSession) -> None:
    batch = [write("a"), write("b"), run("sleep 0.5; touch c; ls")]
    agent = agent_of(session, [write("start")], batch, "done", "done")
    agent.invoke(ask(), THREAD)
    assert files(session) == "a b c start"
    (state,) = [s for s in agent.get_state_history(THREAD) if s.next == ()]
    newest = state.values["workspace"]["checkpoint"]
    session.restore(newest)
    assert files(session) == "a b c start"

    session.write("later", "")
    restores = done(session, "restore")
    agent.invoke(None, before(agent, "tools", "'b'"))
    assert done(session, "restore") == restores + 1
    assert files(session) == "a b c start"


def test_who_goes_on_finds_everything_as_it_was_left(session: SandboxSession) -> None:
    """Changes by others belong to the workspace, unless the conversation goes back."""
    saver = InMemorySaver()
    agent = agent_of(session, [write("a")], "done", [write("b")], "done", checkpointer=saver)
    agent.invoke(ask(), THREAD)
    session.write("by a person", "")
    agent.invoke(ask(), THREAD)
    # Another process knows no more than what the graph and the sandbox have kept.
    other = agent_of(session, [write("c")], "done", "done", checkpointer=saver)
    session.write("by another", "")
    other.invoke(ask(), THREAD)
    assert files(session) == "a b by a person by another c"
    assert done(session, "restore") == 0
    # The process from before has not seen what the other one did.
    agent_again = agent_of(session, "done", checkpointer=saver)
    agent_again.invoke(None, before(agent, "model"))
    assert done(session, "restore") == 0
    third = agent_of(session, "done", checkpointer=saver)
    third.invoke(None, before(third, "tools", "'b'"))
    assert files(session) == "a b by a person"
    assert done(session, "restore") == 1


def test_a_step_that_failed_goes_on_with_what_its_other_calls_did(
    session: SandboxSession,
) -> None:
    tries = []

    @tool
    def shaky() -> str:
        """Fail once."""
        tries.append(session.exec("until [ -e a ]; do sleep 0.05; done; sleep 0.5").exit_code)
        if len(tries) == 1:
            raise ConnectionError("the network is down")
        return "fine"

    agent = agent_of(session, [write("a", "x"), ("shaky", {})], "done", tools=[shaky])
    with pytest.raises(ConnectionError):
        agent.invoke(ask(), THREAD)
    state = agent.invoke(None, THREAD)
    assert state["messages"][-1].text == "done"
    assert files(session) == "a"
    assert done(session, "restore") == 0


def test_a_tool_may_answer_with_several_things(session: SandboxSession) -> None:
    @tool
    def notes(tool_call_id: Annotated[str, InjectedToolCallId]) -> list[Any]:
        """Write, and say so in a message beside what the graph is told."""
        session.write("a", "")
        return [Command(update={}), ToolMessage("written", tool_call_id=tool_call_id)]

    agent = agent_of(session, [("notes", {})], [write("b")], "done", "done", tools=[notes])
    state = agent.invoke(ask(), THREAD)
    assert next(m.text for m in state["messages"] if m.type == "tool") == "written"
    agent.invoke(None, before(agent, "tools", "'b'"))
    assert files(session) == "a b"
    assert done(session, "restore") == 1


def test_each_conversation_of_a_pool_has_its_own_files() -> None:
    with SessionPool(lambda key: SandboxSession(LocalSandbox())) as pool:
        script: list[Any] = [[write("a")], "done", [write("b")], "done", "again"]
        agent = agent_of(pool, *script)
        agent.invoke(ask(), THREAD)
        agent.invoke(ask(), {"configurable": {"thread_id": "another"}})
        agent.invoke(None, before(agent, "model"))
        with pool.use("a thread") as one, pool.use("another") as other:
            assert (files(one), files(other)) == ("a", "b")


def test_a_person_who_approves_takes_nothing_back(session: SandboxSession) -> None:
    asking = HumanInTheLoopMiddleware(DaytonaToolkit(session).interrupt_on())
    agent = agent_of(session, [write("a")], [write("b")], "done", middleware=[asking])
    state = agent.invoke(ask(), THREAD)
    while state.get("__interrupt__"):
        session.write("seen", "")
        state = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), THREAD)
    assert files(session) == "a b seen"
    assert done(session, "restore") == 0


def test_a_checkpoint_is_made_where_files_may_have_changed(session: SandboxSession) -> None:
    agent = agent_of(session, [("ls", {})], [write("a")], [("read", {"file_path": "a"})], "done")
    state = agent.invoke(ask(), THREAD)
    assert done(session, "checkpoint") == 2
    assert "workspace" not in state
    ids = [each.id for each in session.checkpoints()]
    assert agent.get_state(THREAD).values["workspace"] == {"checkpoint": ids[-1], "step": 2}
    (text,) = [m.text for m in state["messages"] if getattr(m, "name", "") == "read"]
    assert text.startswith("[the file is empty]")


def test_files_that_are_gone_are_not_passed_over(session: SandboxSession) -> None:
    saver = InMemorySaver()
    agent_of(session, [write("a")], "done", checkpointer=saver).invoke(ask(), THREAD)
    with SandboxSession(LocalSandbox()) as another:
        agent = agent_of(another, "done", checkpointer=saver)
        with pytest.raises(CheckpointNotFoundError, match="of a local sandbox when it is closed"):
            agent.invoke(ask(), THREAD)


async def test_files_that_cannot_be_recorded_end_no_run(session: SandboxSession) -> None:
    """A pipe in the place of a file that git reads is one way to that."""
    spoil, mend = [run("rm -f .gitignore; mkfifo .gitignore")], [run("rm .gitignore; touch b")]
    agent = agent_of(session, spoil, [write("a")], "done", mend, "done", "done again")
    for state in (agent.invoke(ask(), THREAD), await agent.ainvoke(ask(), THREAD)):
        notes = ["could not be recorded" in m.text for m in state["messages"] if m.type == "tool"]
    assert notes == [True, True, False]
    assert ".gitignore" in state["messages"][2].text
    assert files(session) == "a b"

    agent.invoke(None, before(agent, "tools", "'a'"))
    assert done(session, "restore") == 1
    assert files(session) == "a"  # as the files were recorded last, and what the call did again
    session.exec("mkfifo .gitignore")
    with pytest.raises(CheckpointError):
        agent.invoke(ask(), {"configurable": {"thread_id": "a new one"}})


def test_a_run_without_a_checkpointer_is_refused(session: SandboxSession) -> None:
    with pytest.raises(ValueError, match="Give the agent a checkpointer"):
        agent_of(session, "done", checkpointer=None).invoke(ask())


def test_an_agent_within_another_graph_is_warned_of(
    session: SandboxSession, caplog: pytest.LogCaptureFixture
) -> None:
    """The files do not go back with that graph."""
    agent = agent_of(session, [write("a")], "done", [write("b")], "done", checkpointer=None)
    graph = StateGraph(MessagesState)
    graph.add_node("before", lambda state: {})
    graph.add_node("agent", agent)
    graph.add_edge(START, "before")
    graph.add_edge("before", "agent")
    outer = graph.compile(checkpointer=InMemorySaver())
    outer.invoke(cast("Any", ask()), THREAD)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "The agent runs within another graph. When that one goes back, the files do not: it keeps "
        "no checkpoint of them in its state. Invoke the agent by itself to have its files go back"
    ]
    outer.invoke(None, before(outer, "agent"))
    assert files(session) == "a b"
    assert done(session, "restore") == 0


def test_what_is_no_workspace_is_refused() -> None:
    make: Callable[[Any], Any] = WorkspaceMiddleware
    with pytest.raises(TypeError, match="WorkspaceMiddleware takes a SandboxSession"):
        make(LocalSandbox())


def test_a_restore_that_nobody_knows_the_end_of_is_made_up_for(session: SandboxSession) -> None:
    agent = agent_of(session, [write("a")], [write("b")], "done", "done again")
    agent.invoke(ask(), THREAD)
    newest, earlier = agent.get_state(THREAD).config, before(agent, "tools", "'b'")
    with answer_lost(session, number=2), pytest.raises(SandboxUnavailableError):
        agent.invoke(None, earlier)
    assert files(session) == "a"
    agent.invoke(ask(), newest)
    assert files(session) == "a b"


@contextmanager
def answer_lost(session: SandboxSession, number: int) -> Iterator[None]:
    """A request is carried out, and its answer is lost."""
    run, numbers = session.sandbox.run, count(1)

    async def run_and_lose(program: str, *, timeout: float) -> bytes:
        printed = await run(program, timeout=timeout)
        if next(numbers) == number:
            raise SandboxUnavailableError("There was no answer.")
        return printed

    session.sandbox.run = run_and_lose  # type: ignore[method-assign]
    yield
    session.sandbox.run = run  # type: ignore[method-assign]
