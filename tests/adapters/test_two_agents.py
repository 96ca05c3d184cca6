"""Two agents of two frameworks in one workspace: neither writes over what the other has done."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_daytona_toolkit import DaytonaToolkit
from llama_index.tools.daytona import DaytonaToolSpec

from daytona_toolkit import SandboxSession
from daytona_toolkit.tools import choose

# Calls a tool of an agent, and says whether it was refused, and what it said.
Use = Callable[..., Awaitable[tuple[bool, str]]]

FILES = [f"file{number}" for number in range(10)]
END = "end\n"


def langchain_agent(session: SandboxSession) -> Use:
    tools = {tool.name: tool for tool in DaytonaToolkit(session, line_numbers=False).get_tools()}

    async def use(name: str, **arguments: Any) -> tuple[bool, str]:
        call = {"type": "tool_call", "id": "1", "name": name, "args": arguments}
        message = await tools[name].ainvoke(call)
        return message.status == "error", message.text

    return use


def llama_index_agent(session: SandboxSession) -> Use:
    tools = DaytonaToolSpec(session, line_numbers=False).to_tool_list()
    named = {tool.metadata.name: tool for tool in tools}

    async def use(name: str, **arguments: Any) -> tuple[bool, str]:
        output = await named[name].acall(**arguments)
        return output.is_error, output.content

    return use


async def work(use: Use, name: str, rounds: int) -> tuple[set[str], int]:
    """Add a line to a file again and again, by a write or an edit; the lines, and the refusals."""
    chance, seen, refusals = random.Random(name), dict[str, str](), 0
    lines = {f"{chance.choice(FILES)} {name} {number}" for number in range(rounds)}
    for line in sorted(lines):
        path = line.split()[0]
        if chance.random() < 0.3:
            edit = {"old_string": END, "new_string": f"{line}\n{END}"}
            refused, said = await use("edit", file_path=path, **edit)
            assert not refused, said
            if path in seen:  # it knows what its own edit makes of what it has read
                seen[path] = seen[path].removesuffix(END) + f"{line}\n{END}"
            continue
        while True:
            if path not in seen or chance.random() < 0.2:
                refused, seen[path] = await use("read", file_path=path)
                assert not refused
            content = seen[path].removesuffix(END) + f"{line}\n{END}"
            refused, said = await use("write", file_path=path, content=content)
            if not refused:
                seen[path] = content
                break
            # What it had read is not what is there now.
            refusals += 1
            assert re.search("[Rr]ead it", said), said
            del seen[path]
    return lines, refusals


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
async def test_nothing_that_either_writes_is_lost(session: SandboxSession, rounds: int) -> None:
    for path in FILES:
        await session.awrite(path, END)
    (one, refused), (other, refused_too) = await asyncio.gather(
        work(langchain_agent(session), "langchain", rounds),
        work(llama_index_agent(session), "llama-index", rounds),
    )
    found = [
        line
        for path in FILES
        for line in (await session.aread_bytes(path)).decode().removesuffix(END).splitlines()
    ]
    assert sorted(found) == sorted(one | other)
    assert refused + refused_too > 0


steps = st.tuples(
    st.sampled_from(["read", "write", "overwrite", "edit", "a person"]),
    st.integers(0, 1),
    st.sampled_from("ab"),
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=st.lists(steps, max_size=12))
def test_a_write_replaces_only_what_its_agent_has_seen(
    session: SandboxSession, history: list[tuple[str, int, str]]
) -> None:
    session.exec("rm -rf ./*")
    agents = [choose("core"), choose("core")]
    now: dict[str, str] = {}
    seen: list[dict[str, str]] = [{}, {}]
    for number, (step, agent, path) in enumerate(history):
        content = f"{number}\nkept\n"

        def use(name: str, agent: int = agent, path: str = path, **arguments: Any) -> bool:
            rendered = agents[agent][name].run(session, {"file_path": path, **arguments})
            return not rendered.is_error

        if step == "a person":
            session.write(path, content)
            now[path] = content
        elif step == "read":
            assert use("read") is (path in now)
            if path in now:
                seen[agent][path] = now[path]
        elif step == "edit":
            assert use("edit", old_string="\nkept", new_string=f"{number}\nkept") is (path in now)
            if path in now:
                knew = seen[agent].get(path) == now[path]
                now[path] = now[path].replace("\nkept", f"{number}\nkept")
                if knew:
                    seen[agent][path] = now[path]
        else:
            allowed = step == "overwrite" or seen[agent].get(path) == now.get(path)
            assert use("write", content=content, overwrite=step == "overwrite") is allowed
            if allowed:
                now[path] = seen[agent][path] = content
        assert {path: session.read_bytes(path).decode() for path in now} == now
