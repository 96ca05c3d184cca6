"""Two agents of two frameworks at once, on one file of one workspace."""

import asyncio
from collections.abc import Iterator

import pytest
from langchain.agents import create_agent
from langchain_daytona_toolkit import DaytonaToolkit
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.tools.daytona import DaytonaToolSpec

from daytona_toolkit import SandboxSession
from tests.adapters.scripted import Call, langchain_model, llama_index_model

# LlamaIndex's own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect")

# Calls that a model makes at once.
BATCH = 10


def edits(who: str, count: int) -> Iterator[list[Call]]:
    """Batches of edits; each ticks a line of one's own and moves all lines behind it."""
    calls = [
        ("edit", {"file_path": "list.txt", "old_string": old, "new_string": f"{old} done\nnote"})
        for old in (f"<{who} {i}>" for i in range(count))
    ]
    for start in range(0, count, BATCH):
        yield calls[start : start + BATCH]


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
async def test_two_agents_edit_one_file_and_lose_no_edit(
    session: SandboxSession, count: int
) -> None:
    lines = [f"<{who} {i}>" for i in range(count) for who in ("chain", "index")]
    session.write("list.txt", "".join(f"{line}\n" for line in lines))

    chain = create_agent(
        langchain_model(*edits("chain", count), "done"), DaytonaToolkit(session=session).get_tools()
    )
    index = FunctionAgent(
        tools=DaytonaToolSpec(session).to_tool_list(),
        llm=llama_index_model(*edits("index", count), "done"),
    )
    await asyncio.gather(
        # LangChain in a thread, each call of a batch in one of its own.
        asyncio.to_thread(
            chain.invoke, {"messages": [("user", "go on")]}, {"recursion_limit": 9999}
        ),
        index.run("go on", max_iterations=9999),
    )

    content = session.read_bytes("list.txt").decode()
    assert content == "".join(f"{line} done\nnote\n" for line in lines)
