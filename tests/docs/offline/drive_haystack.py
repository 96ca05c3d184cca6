"""An agent of Haystack whose model follows a script."""

import asyncio

from haystack import component
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, TextContent, ToolCall


@component
class Scripted:
    def __init__(self, calls):
        self.steps = iter(enumerate(calls))

    @component.output_types(replies=list[ChatMessage])
    def run(self, messages, tools=None):
        number, step = next(self.steps, (0, None))
        if step is None:
            return {"replies": [ChatMessage.from_assistant("done")]}
        call = ToolCall(step[0], step[1], id=f"call-{number}")
        return {"replies": [ChatMessage.from_assistant(tool_calls=[call])]}

    @component.output_types(replies=list[ChatMessage])
    async def run_async(self, messages, tools=None):
        return self.run(messages)


def shown(result):
    if isinstance(result, str):
        return result
    return "".join(part.text if isinstance(part, TextContent) else " +picture" for part in result)


async def run(tools, calls):
    agent = Agent(chat_generator=Scripted(calls), tools=tools)
    return told_in(await agent.run_async(messages=[ChatMessage.from_user("go")]))


def told_in(result):
    answers = [answer for message in result["messages"] for answer in message.tool_call_results]
    return [shown(answer.result) for answer in answers]


def converse(tools, calls):
    agent = Agent(chat_generator=Scripted(calls), tools=tools)
    result = agent.run(messages=[ChatMessage.from_user("go")])
    told = told_in(result)
    assert asyncio.run(run(tools, calls[1:2])) == told[1:2]
    return told, result["last_message"].text


def tools_of(workspace):
    names = [tool.name for tool in workspace]
    workspace.close()
    return names
