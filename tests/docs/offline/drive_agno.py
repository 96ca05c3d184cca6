"""An agent of agno whose model follows a script."""

import asyncio
import json

from agno.agent import Agent
from agno.models.base import Model
from agno.models.response import ModelResponse


class Scripted(Model):
    def __init__(self, calls):
        super().__init__(id="scripted")
        self.steps = iter(enumerate(calls))

    def respond(self):
        number, step = next(self.steps, (0, None))
        if step is None:
            return ModelResponse(role="assistant", content="done")
        function = {"name": step[0], "arguments": json.dumps(step[1])}
        call = {"id": f"call-{number}", "type": "function", "function": function}
        return ModelResponse(role="assistant", tool_calls=[call])

    def invoke(self, *_, **__):
        return self.respond()

    async def ainvoke(self, *_, **__):
        return self.respond()

    def invoke_stream(self, *_, **__):
        yield self.respond()

    async def ainvoke_stream(self, *_, **__):
        yield self.respond()

    def _parse_provider_response(self, response, **_):
        return response

    def _parse_provider_response_delta(self, response, **_):
        return response


def agent_of(tools, calls):
    return Agent(model=Scripted(calls), tools=[tools], telemetry=False)


async def run(tools, calls):
    return await agent_of(tools, calls).arun("go")


def converse(tools, calls):
    result = agent_of(tools, calls).run("go")
    told = [message.content for message in result.messages if message.role == "tool"]
    # They come after the answer, as if the user had sent them.
    told[-1] += " +picture" * sum(len(message.images or []) for message in result.messages)
    again = asyncio.run(run(tools, calls[1:2]))
    assert told[1] in [message.content for message in again.messages]
    return told, result.content


def tools_of(workspace):
    async def names():
        async with workspace:
            return list(workspace.functions)

    return asyncio.run(names())
