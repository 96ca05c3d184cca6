"""An agent of Microsoft's Agent Framework whose model follows a script."""

import asyncio
import json

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    Content,
    FunctionInvocationLayer,
    Message,
)


class Scripted(FunctionInvocationLayer, BaseChatClient):
    def __init__(self, calls):
        super().__init__()
        self.steps = iter(enumerate(calls))

    async def _inner_get_response(self, **_):
        number, step = next(self.steps, (0, None))
        content = Content.from_text("done")
        if step:
            content = Content.from_function_call(
                call_id=f"call-{number}", name=step[0], arguments=json.dumps(step[1])
            )
        return ChatResponse(messages=[Message("assistant", [content])])


async def run(tools, calls):
    return await Agent(client=Scripted(calls), tools=tools).run("go")


def converse(tools, calls):
    response = asyncio.run(run(tools, calls))
    parts = [part for message in response.messages for part in message.contents]
    results = [part for part in parts if part.type == "function_result"]
    told = [
        each.result + " +picture" * sum(item.type == "data" for item in each.items or [])
        for each in results
    ]
    return told, response.text


def tools_of(workspace):
    async def names():
        async with workspace:
            return [function.name for function in workspace.functions]

    return asyncio.run(names())
