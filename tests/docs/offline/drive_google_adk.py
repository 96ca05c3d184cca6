"""An agent of Google's ADK whose model follows a script."""

import asyncio

from google.adk.agents import LlmAgent
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

steps = []


class Scripted(BaseLlm):
    async def generate_content_async(self, llm_request, stream=False):
        step = next(steps[0], None)
        part = types.Part(text="done")
        if step:
            part = types.Part.from_function_call(name=step[0], args=step[1])
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def converse(tools, calls):
    return asyncio.run(run(tools, calls))


async def run(tools, calls):
    steps[:] = [iter(calls)]
    agent = LlmAgent(name="coder", model=Scripted(model="scripted"), tools=tools)
    told, end = [], ""
    message = types.Content(role="user", parts=[types.Part(text="go")])
    who = {"user_id": "user", "session_id": "session"}
    async with InMemoryRunner(agent, app_name="app") as runner:
        await runner.session_service.create_session(app_name="app", **who)
        async for event in runner.run_async(new_message=message, **who):
            for response in event.get_function_responses():
                text = response.response.get("result") or response.response["error"]
                told.append(text + " +picture" * len(response.parts or []))
            if event.is_final_response():
                end = event.content.parts[0].text
    return told, end


def tools_of(workspace):
    async def names():
        found = [tool.name for tool in await workspace.get_tools()]
        await workspace.close()
        return found

    return asyncio.run(names())
