"""What users of the adapters write, for type checkers alone; see test_typing."""

import agents
from agents.sandbox import SandboxAgent, SandboxRunConfig
from agents.tool_context import ToolContext
from langchain_core.tools import BaseTool
from langchain_daytona_toolkit import DaytonaToolkit, ExecTool, SandboxTool
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.workflow import Context
from llama_index.tools.daytona import DaytonaToolSpec
from openai_agents_daytona_toolkit import (
    DaytonaFilesystem,
    DaytonaSandboxClient,
    DaytonaSandboxSession,
    daytona_tools,
)
from pydantic_ai import Agent, DeferredToolRequests, RunContext
from pydantic_ai_daytona_toolkit import DaytonaToolset

from daytona_toolkit import SandboxSession, SessionPool
from daytona_toolkit.tools import EXEC


def langchain(session: SandboxSession, pool: SessionPool) -> list[BaseTool]:
    one: SandboxTool = ExecTool(session=session)
    same = SandboxTool(EXEC, session=pool, line_numbers=False, tags=["mine"])
    shared = DaytonaToolkit(
        pool, key=lambda config: str(config.get("configurable", {})["workspace"])
    )
    return [one, same, *DaytonaToolkit(session, prefix="lab_").get_tools(), *shared.get_tools()]


def llama_index(session: SandboxSession, pool: SessionPool) -> FunctionAgent:
    async def conversation(ctx: Context) -> str:
        return str(await ctx.store.get("conversation"))

    spec = DaytonaToolSpec(pool, key=conversation, stream=True)
    print({tool.metadata.name: tool for tool in DaytonaToolSpec(session).to_tool_list()})
    return FunctionAgent(tools=spec.to_tool_list(), llm=MockFunctionCallingLLM())


def pydantic_ai(pool: SessionPool) -> Agent[object, str | DeferredToolRequests]:
    async def workspace(ctx: RunContext[str]) -> str:
        return ctx.deps

    toolset = DaytonaToolset(pool, key=workspace, tools=["exec"], stream_output=True)
    return Agent(
        "test", toolsets=[toolset.with_approval()], output_type=[str, DeferredToolRequests]
    )


def openai_agents(session: SandboxSession, pool: SessionPool) -> list[agents.Agent[dict[str, str]]]:
    def conversation(context: ToolContext[dict[str, str]]) -> str:
        return context.context["conversation"]

    tools = daytona_tools(pool, key=conversation, on_output=lambda _, stream, text: print(text))
    return [
        agents.Agent("one", tools=daytona_tools(session, approval=True)),
        agents.Agent("two", tools=tools),
    ]


def openai_sandbox(session: SandboxSession) -> list[agents.RunConfig]:
    coder = SandboxAgent[None]("coder", capabilities=[DaytonaFilesystem()])
    print(coder.capabilities)
    mine = SandboxRunConfig(session=DaytonaSandboxSession(session))
    made = SandboxRunConfig(client=DaytonaSandboxClient(lambda key: session))
    return [agents.RunConfig(sandbox=mine), agents.RunConfig(sandbox=made)]


def wrong(session: SandboxSession) -> None:
    ExecTool(sesion=session)  # type: ignore[call-arg]
    DaytonaToolkit(session, tools="core", prefx="")  # type: ignore[call-arg]
    DaytonaToolSpec(session, confirm="yes")  # type: ignore[arg-type]
    DaytonaToolset(session, stream=True)  # type: ignore[call-arg]
    daytona_tools(session, "core")  # type: ignore[call-arg]
