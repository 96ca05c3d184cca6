"""Agents of smolagents whose models follow a script, with calls or with code."""

from smolagents import CodeAgent, ToolCallingAgent
from smolagents.models import (
    ChatMessage,
    ChatMessageToolCall,
    ChatMessageToolCallFunction,
    MessageRole,
    Model,
)


class Scripted(Model):
    def __init__(self, calls):
        super().__init__()
        self.steps = iter(enumerate(calls))

    def generate(self, messages, **_):
        last = (99, ("final_answer", {"answer": "done"}))
        number, (name, arguments) = next(self.steps, last)
        function = ChatMessageToolCallFunction(name=name, arguments=arguments)
        call = ChatMessageToolCall(id=f"call-{number}", type="function", function=function)
        return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[call])


class Coder(Model):
    def generate(self, messages, **_):
        code = 'final_answer(edit("hello.py", "hello", "bye") + exec(command="python3 hello.py"))'
        return ChatMessage(role=MessageRole.ASSISTANT, content=f"<code>{code}</code>")


def converse(tools, calls):
    agent = ToolCallingAgent(tools=tools, model=Scripted(calls), verbosity_level=0)
    end = str(agent.run("go"))
    steps = agent.memory.steps[1:-1]
    coder = CodeAgent(tools=tools, model=Coder(), verbosity_level=0)
    assert "bye\n[exit code 0]" in coder.run("go")
    return [step.observations or str(step.error) for step in steps], end


def tools_of(workspace):
    with workspace as tools:
        return [tool.name for tool in tools]
