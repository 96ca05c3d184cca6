"""The frameworks, as far as all of them do the same: a tool is described, and called."""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from agents import FunctionTool, FunctionToolCustomDataContext, ItemHelpers
from agents.tool_context import ToolContext
from daytona_toolkit_mcp import make_server
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_daytona_toolkit import DaytonaToolkit
from llama_index.core.base.llms.types import ImageBlock
from llama_index.tools.daytona import DaytonaToolSpec
from mcp import Client
from mcp_types import ImageContent, TextContent
from openai.types.responses import ResponseFunctionToolCall
from openai_agents_daytona_toolkit import daytona_tools
from pydantic_ai import Agent
from pydantic_ai.messages import BinaryContent, ModelResponse, TextPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai_daytona_toolkit import DaytonaToolset

from daytona_toolkit import SandboxSession
from tests.adapters.scripted import pydantic_ai_model


@dataclass(frozen=True)
class Shown:
    """What came out of one framework, in words of none.

    Attributes:
        data: None where the framework has no place for it.
    """

    text: str
    data: Any
    images: list[tuple[str, bytes]]
    is_error: bool


@dataclass(frozen=True)
class Told:
    """What a model is told of a tool before it calls it."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Side:
    """A framework, sync or async; options are those of its toolkit."""

    told: Callable[..., Awaitable[Told]]
    call: Callable[..., Awaitable[Shown]]


def _with(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options of a toolkit that has a tool, alone unless they name others too."""
    return {"tools": [name]} | options


def _langchain_tool(session: SandboxSession, name: str, **options: Any) -> Any:
    tools = DaytonaToolkit(session, **_with(name, options)).get_tools()
    return next(tool for tool in tools if tool.name == name)


async def _langchain_told(session: SandboxSession, name: str, **options: Any) -> Told:
    return _of_openai(convert_to_openai_tool(_langchain_tool(session, name, **options)))


async def _langchain_sync(
    session: SandboxSession, name: str, arguments: dict[str, Any], **options: Any
) -> Shown:
    return _of_message(_langchain_tool(session, name, **options).invoke(_as_call(name, arguments)))


async def _langchain_async(
    session: SandboxSession, name: str, arguments: dict[str, Any], **options: Any
) -> Shown:
    return _of_message(
        await _langchain_tool(session, name, **options).ainvoke(_as_call(name, arguments))
    )


def _as_call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call", "id": "call-1", "name": name, "args": arguments}


def _of_message(message: Any) -> Shown:
    blocks = message.content if isinstance(message.content, list) else []
    images = [
        (block["mime_type"], base64.b64decode(block["base64"]))
        for block in blocks
        if block["type"] == "image"
    ]
    return Shown(message.text, message.artifact, images, message.status == "error")


def _llama_index_tool(session: SandboxSession, name: str, **options: Any) -> Any:
    tools = DaytonaToolSpec(session, **_with(name, options)).to_tool_list()
    return next(tool for tool in tools if tool.metadata.name == name)


async def _llama_index_told(session: SandboxSession, name: str, **options: Any) -> Told:
    return _of_openai(_llama_index_tool(session, name, **options).metadata.to_openai_tool())


async def _llama_index_sync(
    session: SandboxSession, name: str, arguments: dict[str, Any], **options: Any
) -> Shown:
    return _of_output(_llama_index_tool(session, name, **options).call(**arguments))


async def _llama_index_async(
    session: SandboxSession, name: str, arguments: dict[str, Any], **options: Any
) -> Shown:
    return _of_output(await _llama_index_tool(session, name, **options).acall(**arguments))


def _of_output(output: Any) -> Shown:
    output.model_dump(mode="json")  # what LlamaIndex does with it in its events
    images: list[tuple[Any, bytes]] = [
        (block.image_mimetype, base64.b64decode(cast("bytes", block.image)))
        for block in output.blocks
        if isinstance(block, ImageBlock)
    ]
    return Shown(output.content, output.raw_output, images, output.is_error)


def _of_openai(tool: dict[str, Any]) -> Told:
    function = tool["function"]
    return Told(function["name"], function["description"], function["parameters"])


async def _mcp_told(session: SandboxSession, name: str, **options: Any) -> Told:
    async with Client(make_server(session, **_with(name, options))) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    tool = tools[name]
    return Told(tool.name, tool.description or "", tool.input_schema)


async def _mcp(
    session: SandboxSession, name: str, arguments: dict[str, Any], **options: Any
) -> Shown:
    async with Client(make_server(session, **_with(name, options))) as client:
        result = await client.call_tool(name, arguments)
    texts = [part.text for part in result.content if isinstance(part, TextContent)]
    images = [
        (part.mime_type, base64.b64decode(part.data))
        for part in result.content
        if isinstance(part, ImageContent)
    ]
    data = (result.meta or {})["daytona-toolkit/data"]
    return Shown("".join(texts), data, images, result.is_error)


async def _pydantic_ai_told(session: SandboxSession, name: str, **options: Any) -> Told:
    told = []

    def respond(messages: Any, info: AgentInfo) -> ModelResponse:
        told.extend(info.function_tools)
        return ModelResponse([TextPart("done")])

    toolset = DaytonaToolset(session, **_with(name, options))
    await Agent(FunctionModel(respond), toolsets=[toolset]).run("go")
    tool = next(tool for tool in told if tool.name == name)
    return Told(tool.name, tool.description or "", tool.parameters_json_schema)


async def _pydantic_ai(
    session: SandboxSession, name: str, arguments: dict[str, Any], **options: Any
) -> Shown:
    model = pydantic_ai_model([(name, arguments)], "done")
    agent = Agent(model, toolsets=[DaytonaToolset(session, **_with(name, options))])
    messages = (await agent.run("go")).all_messages()
    [part] = [p for m in messages for p in m.parts if isinstance(p, ToolReturnPart)]
    contents = part.content if isinstance(part.content, list) else [part.content]
    images = [(c.media_type, c.data) for c in contents if isinstance(c, BinaryContent)]
    return Shown(str(contents[0]), part.metadata, images, part.outcome == "failed")


def _openai_tool(session: SandboxSession, name: str, **options: Any) -> FunctionTool:
    tools = daytona_tools(session, **_with(name, options))
    tool = next(tool for tool in tools if tool.name == name)
    assert isinstance(tool, FunctionTool)
    return tool


async def _openai_told(session: SandboxSession, name: str, **options: Any) -> Told:
    tool = _openai_tool(session, name, **options)
    return Told(tool.name, tool.description, tool.params_json_schema)


async def _openai(
    session: SandboxSession, name: str, arguments: dict[str, Any], **options: Any
) -> Shown:
    """As the SDK's runner does, which itself ends the run at half a surrogate pair."""
    tool = _openai_tool(session, name, **options)
    assert callable(tool.custom_data_extractor)
    text = json.dumps(arguments)
    call = ResponseFunctionToolCall(name=name, arguments=text, call_id="1", type="function_call")
    context = ToolContext(None, tool_name=name, tool_call_id="1", tool_arguments=text)
    output = await tool.on_invoke_tool(context, text)
    sent: Any = ItemHelpers.tool_call_output_item(call, output)
    data: Any = tool.custom_data_extractor(
        FunctionToolCustomDataContext(context, tool, output, sent)
    )
    shown = sent["output"]
    parts = [{"type": "input_text", "text": shown}] if isinstance(shown, str) else shown
    texts = [part["text"] for part in parts if part["type"] == "input_text"]
    images = []
    for part in parts:
        if part["type"] == "input_image":
            kind, _, picture = part["image_url"].removeprefix("data:").partition(";base64,")
            images.append((kind, base64.b64decode(picture)))
    # The SDK knows no mark of an error in a tool's answer, but the data have one.
    return Shown("".join(texts), data, images, set(data) == {"error", "message"})


SIDES = {
    "LangChain": Side(_langchain_told, _langchain_sync),
    "LangChain, async": Side(_langchain_told, _langchain_async),
    "LlamaIndex": Side(_llama_index_told, _llama_index_sync),
    "LlamaIndex, async": Side(_llama_index_told, _llama_index_async),
    "MCP": Side(_mcp_told, _mcp),
    "Pydantic AI": Side(_pydantic_ai_told, _pydantic_ai),
    "OpenAI Agents": Side(_openai_told, _openai),
}


def without_chance(value: Any) -> Any:
    """A text or an artifact without what differs from run to run."""
    match value:
        case str():
            value = re.sub(r"job-[0-9a-f]{12}", "job-id", value)
            return re.sub(r"after \d+\.\d s", "after 1.0 s", value)
        case dict():
            return {
                k: 0 if k in ("duration", "modified", "version", "replaced") else without_chance(v)
                for k, v in value.items()
            }
        case list():
            return [without_chance(each) for each in value]
    return value
