"""An agent of Strands whose model follows a script."""

import asyncio
import json

from strands import Agent
from strands.models import Model


class Scripted(Model):
    def __init__(self, calls):
        self.steps = iter(calls)

    def update_config(self, **_): ...

    def get_config(self):
        return {}

    async def structured_output(self, *_, **__):
        yield {}

    async def stream(self, messages, *_, **__):
        step = next(self.steps, None)
        yield {"messageStart": {"role": "assistant"}}
        if step:
            use = {"name": step[0], "toolUseId": f"call-{len(messages)}"}
            yield {"contentBlockStart": {"start": {"toolUse": use}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(step[1])}}}}
        else:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": "done"}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if step else "end_turn"}}


async def run(tools, calls):
    agent = Agent(model=Scripted(calls), tools=tools, callback_handler=None)
    end = str(await agent.invoke_async("go")).strip()
    parts = [part for message in agent.messages for part in message["content"]]
    results = [part["toolResult"] for part in parts if "toolResult" in part]
    told = ["".join(c.get("text", " +picture") for c in each["content"]) for each in results]
    return told, end


def converse(tools, calls):
    return asyncio.run(run(tools, calls))


def tools_of(workspace):
    with workspace:
        return [tool.tool_name for tool in workspace.list_tools_sync()]
