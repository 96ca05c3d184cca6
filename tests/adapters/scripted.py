"""Language models that follow a script: all of an agent is real but its mind."""

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from agents.testing import ScriptedModel, assistant_message, function_call
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

# What a model says each time it is asked: calls of tools, made at once, or its last words.
Call = tuple[str, dict[str, Any]]
Script = Sequence[list[Call] | str]


def meeting(count: int) -> list[Call]:
    """Commands that each wait for all others: one after another would never end."""
    meet = "touch here.{0}; while [ $(ls here.* | wc -l) -lt {1} ]; do sleep 0.05; done; echo {0}"
    return [("exec", {"command": meet.format(i, count), "timeout": 20}) for i in range(count)]


class ScriptedChatModel(FakeMessagesListChatModel):
    """A chat model of LangChain."""

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self


def langchain_model(*script: list[Call] | str) -> ScriptedChatModel:
    ids = itertools.count(1)
    return ScriptedChatModel(
        responses=[
            AIMessage(says)
            if isinstance(says, str)
            else AIMessage(
                "",
                tool_calls=[
                    {"name": name, "args": arguments, "id": f"call-{next(ids)}"}
                    for name, arguments in says
                ],
            )
            for says in script
        ]
    )


def llama_index_model(*script: list[Call] | str) -> MockFunctionCallingLLM:
    turns, ids = iter(script), itertools.count(1)

    def respond(messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
        says = next(turns)
        if isinstance(says, str):
            return ChatMessage(role=MessageRole.ASSISTANT, content=says)
        blocks = [
            ToolCallBlock(tool_call_id=f"call-{next(ids)}", tool_name=name, tool_kwargs=arguments)
            for name, arguments in says
        ]
        return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)

    return MockFunctionCallingLLM(response_generator=respond)


def openai_model(*script: list[Call] | str) -> ScriptedModel:
    ids = itertools.count(1)
    return ScriptedModel(
        [assistant_message(says)]
        if isinstance(says, str)
        else [
            function_call(name, json.dumps(arguments), call_id=f"call-{next(ids)}")
            for name, arguments in says
        ]
        for says in script
    )


def react_model(*script: list[Call] | str) -> MockFunctionCallingLLM:
    """A model that knows of no tool calls, and writes what it wants as text."""

    def text(says: list[Call] | str) -> str:
        if isinstance(says, str):
            return f"Thought: I can answer without using any more tools.\nAnswer: {says}"
        [(name, arguments)] = says
        return f"Thought: I need {name}.\nAction: {name}\nAction Input: {json.dumps(arguments)}"

    return llama_index_model(*map(text, script))


def pydantic_ai_model(*script: list[Call] | str) -> FunctionModel:
    """It can be streamed too."""
    turns, ids = iter(script), itertools.count(1)

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        says = next(turns)
        if isinstance(says, str):
            return ModelResponse([TextPart(says)])
        return ModelResponse(
            [
                ToolCallPart(name, json.dumps(arguments), f"call-{next(ids)}")
                for name, arguments in says
            ]
        )

    async def stream(
        messages: list[ModelMessage], info: AgentInfo
    ) -> AsyncIterator[str | DeltaToolCalls]:
        says = next(turns)
        if isinstance(says, str):
            yield says
            return
        for place, (name, arguments) in enumerate(says):
            call_id = f"call-{next(ids)}"
            yield {place: DeltaToolCall(name, json.dumps(arguments), tool_call_id=call_id)}

    return FunctionModel(respond, stream_function=stream)
