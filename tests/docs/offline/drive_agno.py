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


def converse(tools, calls):
    agent = Agent(model=Scripted(calls), tools=[tools], telemetry=False)
    result = agent.run("go")
    told = [message.content for message in result.messages if message.role == "tool"]
    told[-1] += " +picture" * len(result.images or [])
    agent = Agent(model=Scripted(calls[1:2]), tools=[tools], telemetry=False)
    again = asyncio.run(agent.arun("go"))
    assert told[1] in [message.content for message in again.messages]
    return told, result.content


def tools_of(workspace):
    async def names():
        async with workspace:
            return list(workspace.functions)

    return asyncio.run(names())
