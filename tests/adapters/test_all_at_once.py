"""Agents of all frameworks at once, in one Daytona sandbox."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import agents
import pytest
from daytona_toolkit_mcp import make_server
from langchain.agents import create_agent
from langchain_daytona_toolkit import DaytonaToolkit
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.tools.daytona import DaytonaToolSpec
from mcp import Client
from openai_agents_daytona_toolkit import daytona_tools
from pydantic_ai import Agent, UsageLimits
from pydantic_ai_daytona_toolkit import DaytonaToolset

from daytona_toolkit import SandboxSession
from daytona_toolkit.testing import DaytonaServer
from tests.adapters.scripted import (
    Call,
    langchain_model,
    llama_index_model,
    openai_model,
    pydantic_ai_model,
)
from tests.daytona.support import session_on

# LlamaIndex's own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect")

# Rounds whose calls a model makes in one message, where the framework has messages.
BATCH = 5

Rounds = list[list[Call]]


async def langchain(session: SandboxSession, rounds: Rounds) -> None:
    """In a thread, and each call of a batch in one of its own."""
    agent = create_agent(langchain_model(*rounds, "done"), DaytonaToolkit(session).get_tools())
    ask: Any = {"messages": [("user", "go on")]}
    await asyncio.to_thread(lambda: agent.invoke(ask, {"recursion_limit": 9999}))


async def llama_index(session: SandboxSession, rounds: Rounds) -> None:
    tools = DaytonaToolSpec(session).to_tool_list()
    agent = FunctionAgent(tools=tools, llm=llama_index_model(*rounds, "done"))
    await agent.run("go on", max_iterations=9999)


async def mcp(session: SandboxSession, rounds: Rounds) -> None:
    async with Client(make_server(session)) as client:
        for calls in rounds:
            await asyncio.gather(*(client.call_tool(*call) for call in calls))


async def pydantic_ai(session: SandboxSession, rounds: Rounds) -> None:
    agent = Agent(pydantic_ai_model(*rounds, "done"), toolsets=[DaytonaToolset(session)])
    await agent.run("go on", usage_limits=UsageLimits(request_limit=None))


async def openai_agents(session: SandboxSession, rounds: Rounds) -> None:
    model = openai_model(*rounds, "done")
    agent = agents.Agent("worker", tools=daytona_tools(session), model=model)
    quiet = agents.RunConfig(tracing_disabled=True)
    await agents.Runner.run(agent, "go on", max_turns=9999, run_config=quiet)


FRAMEWORKS: dict[str, Callable[[SandboxSession, Rounds], Awaitable[None]]] = {
    "LangChain": langchain,
    "LlamaIndex": llama_index,
    "MCP": mcp,
    "Pydantic AI": pydantic_ai,
    "OpenAI Agents": openai_agents,
}


def work(who: str, count: int) -> Iterator[list[Call]]:
    """Batches of calls: in each round, tick a line of the list, and run a command."""
    for start in range(0, count, BATCH):
        batch: list[Call] = []
        for i in range(start, min(start + BATCH, count)):
            line = f"<{who} {i}>"
            edit = {"file_path": "list.txt", "old_string": line, "new_string": f"{line} done\nnote"}
            batch += [("edit", edit), ("exec", {"command": f"echo '{line}' >> log.txt"})]
        yield batch


@pytest.mark.slow
@pytest.mark.parametrize("count", [10, 50])
@pytest.mark.timeout(600)
async def test_nothing_is_lost_and_nothing_done_twice(count: int) -> None:
    """Every edit moves the lines behind it, under the feet of all others."""
    lines = [f"<{who} {i}>" for i in range(count) for who in FRAMEWORKS]
    with DaytonaServer() as server, session_on(server) as session:
        session.write("list.txt", "".join(f"{line}\n" for line in lines))
        await asyncio.gather(
            *(run(session, list(work(who, count))) for who, run in FRAMEWORKS.items())
        )
        content = session.read_bytes("list.txt").decode()
        ran = session.read_bytes("log.txt").decode().splitlines()
    assert content == "".join(f"{line} done\nnote\n" for line in lines)
    assert sorted(ran) == sorted(lines)
