"""A crew of CrewAI whose model follows a script, and writes its calls as text."""

import asyncio
import json

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM


class Scripted(BaseLLM):
    def __init__(self, calls):
        super().__init__(model="scripted")
        self._steps = iter(calls)
        self._told = []

    def supports_function_calling(self):
        return False

    def call(self, messages, *_, **__):
        self._told.append("\n".join(message["content"] for message in messages))
        step = next(self._steps, None)
        if step is None:
            return "Thought: I now know the final answer\nFinal Answer: done"
        return f"Thought: go on\nAction: {step[0]}\nAction Input: {json.dumps(step[1])}"


def agent_of(llm, **options):
    return Agent(role="coder", goal="code", backstory="codes", llm=llm, **options)


def converse(tools, calls):
    llm = Scripted(calls)
    agent = agent_of(llm, tools=tools)
    task = Task(description="go", expected_output="done", agent=agent)
    end = str(Crew(agents=[agent], tasks=[task]).kickoff())
    assert "hi" in asyncio.run(tools[0].arun(command="echo hi"))
    before = llm._told[:-1]  # each time all is told again, with what is new at the end
    return [now[len(then) :] for then, now in zip(before, llm._told[1:], strict=True)], end


def tools_of(workspace):
    agent = agent_of(Scripted([]), mcps=[workspace])
    # A name begins with that of the server, as CrewAI derives it.
    return [tool.name.rpartition("_._")[2] for tool in agent.get_mcp_tools(agent.mcps)]
