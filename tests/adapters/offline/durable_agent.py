"""An agent of Pydantic AI in a workflow of DBOS. Part of test_pydantic_ai_durable.

Usage: durable_agent.py FOLDER: works in FOLDER/work, and goes on with what has begun there. Ends
itself when the model is asked for the second time, unless it goes on.
"""

import asyncio
import os
import sys
from pathlib import Path

from dbos import DBOS, SetWorkflowID
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.toolsets import DynamicToolset
from pydantic_ai_daytona_toolkit import DaytonaToolset

from daytona_toolkit import LocalSandbox, SandboxSession, SessionPool

folder = Path(sys.argv[1])
goes_on = (folder / "work").exists()
pool = SessionPool(lambda _: SandboxSession(LocalSandbox(folder / "work")))
tools = DaytonaToolset(pool)


def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    asked = sum(isinstance(message, ModelResponse) for message in messages)
    if asked == 0:
        return ModelResponse([ToolCallPart("exec", {"command": "echo once | tee -a log"})])
    if not goes_on:
        os._exit(3)
    if asked == 1:
        return ModelResponse([ToolCallPart("exec", {"cmd": "ls"})])
    return ModelResponse([TextPart("done")])


agent = Agent(
    FunctionModel(model),
    name="coder",
    toolsets=[DynamicToolset(lambda _: tools, id="workspace")],
    capabilities=[DBOSDurability()],
)
DBOS(
    config={
        "name": "durable",
        "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
)


@DBOS.workflow()
async def work() -> list[str]:
    result = await agent.run("go")
    parts = [part for message in result.all_messages() for part in message.parts]
    return [str(part.content) for part in parts if part.part_kind == "tool-return"]


async def main() -> None:
    with SetWorkflowID("work"):  # once it has begun, this waits for its end
        print(*await work(), sep="\n")


DBOS.launch()
with pool:
    asyncio.run(main())
DBOS.destroy()
