"""One workspace, two frameworks: a LangChain agent writes a program, a LlamaIndex agent mends it.

    uv run cookbook/quickstart.py

The tools, the sandbox and both agent loops are real. The models follow a script unless you name
one (`--model anthropic:claude-sonnet-4-5`) or have a key in the environment (ANTHROPIC_API_KEY,
OPENAI_API_KEY); real ones need their packages: `uv run --group models cookbook/quickstart.py`.
With DAYTONA_API_KEY the workspace is a Daytona sandbox, else a local one. With `--third`, an agent
of Pydantic AI joins them.

The exit code is 0 only if the test of the program passes in the sandbox at the end.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from typing import Any

import models
from rich.console import Console
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text
from scripted import Script, call

from daytona_toolkit import SandboxError, SandboxSession, open_session

PROGRAM = '''\
"""Split the bill of a restaurant."""


def split(total: int, people: int) -> list[int]:
    """Shares in cents, which differ by a cent at the most."""
    share = total // people
    return [share] * people
'''

TEST = """\
import unittest

from split import split


class SplitTest(unittest.TestCase):
    def test_a_bill_that_comes_out_even(self):
        self.assertEqual(split(84_00, 4), [21_00, 21_00, 21_00, 21_00])

    def test_no_cent_is_lost(self):
        self.assertEqual(sum(split(100_00, 3)), 100_00)


unittest.main()
"""

RUN_TEST = "python3 test_split.py"

WRITE = f"""\
Write the two files below exactly as they stand, split.py and test_split.py, then run the test
with `{RUN_TEST}`. Do not repair anything: say in one sentence what fails.

split.py:
{PROGRAM}
test_split.py:
{TEST}"""

MEND = f"""\
`{RUN_TEST}` fails in your workspace. Read split.py, mend it by an edit, and run the test again
until it passes. Leave the test as it is. Then say in one sentence what was wrong."""

USE = """\
There is a program split.py in your workspace. Read it, write bill.py, which prints how three people
split 100.00 with it, and run that. Then say in one sentence who pays what."""

LOOK = "A colleague has changed split.py. Read it, and say in one sentence how it works now."


def author(request: str) -> Script:
    """What the model of the LangChain agent does, when it is scripted."""
    yield call("write", file_path="split.py", content=PROGRAM)
    yield call("write", file_path="test_split.py", content=TEST)
    report = yield call("exec", command=RUN_TEST)
    failures = re.findall(r"^FAIL: (\w+)", report, re.MULTILINE)
    reason = re.search(r"^AssertionError: (.*)", report, re.MULTILINE)
    yield f"It fails: {', '.join(failures)} ({reason[1] if reason else 'no reason given'})."

    seen = source_of((yield call("read", file_path="split.py")))
    new = [line.strip() for line in seen.splitlines() if line not in PROGRAM.splitlines()]
    return "It now says: " + "; ".join(new) if new else "It is as I wrote it."


def mender(request: str) -> Script:
    """What the model of the LlamaIndex agent does, when it is scripted."""
    source = source_of((yield call("read", file_path="split.py")))
    # From the first to the last line that computes shares, as they stand in the file.
    wrong = re.search(r"^ *share = .*\n *return .*$", source, re.MULTILINE)
    if not wrong:
        return "I do not know this program."
    yield call(
        "edit",
        file_path="split.py",
        old_string=wrong[0],
        new_string="    share, left_over = divmod(total, people)\n"
        "    return [share + 1] * left_over + [share] * (people - left_over)",
    )
    report = yield call("exec", command=RUN_TEST)
    if "[exit code 0]" not in report:
        return "It still fails."
    return "The cents left over by the division went to nobody; now they are shared out."


def user(request: str) -> Script:
    """What the model of the Pydantic AI agent does, when it is scripted."""
    source = source_of((yield call("read", file_path="split.py")))
    function = re.search(r"^def (\w+)\(", source, re.MULTILINE)
    if not function:
        return "I do not know this program."
    program = f"from split import {function[1]}\n\nprint(*{function[1]}(100_00, 3))\n"
    yield call("write", file_path="bill.py", content=program)
    shares = (yield call("exec", command="python3 bill.py")).splitlines()[0]
    return f"They pay {', '.join(f'{int(share) / 100:.2f}' for share in shares.split())}."


def source_of(shown: str) -> str:
    """The lines of a file as `read` shows them, without their numbers."""
    return re.sub(r"^\d+\|", "", shown, flags=re.MULTILINE)


class Stage:
    """What a person sees of the agents at work."""

    # Lines that are shown of one result.
    _LINES = 16

    def __init__(self) -> None:
        self.calls = 0
        self._console = Console(highlight=False)

    def act(self, who: str, task: str) -> None:
        """An agent is given a task."""
        self._console.print()
        self._console.print(Rule(f"[bold]{who}[/] · {task}", align="left"))

    def call(self, tool: str, arguments: dict[str, Any]) -> None:
        """An agent calls a tool."""
        self.calls += 1
        target, *rest = arguments
        self._console.print(Text.assemble("\n", (tool, "bold cyan"), f" {arguments[target]}"))
        for name in rest:
            value = str(arguments[name])
            match name:
                case "content":
                    self._show(Syntax("", "python", theme="ansi_dark").highlight(value))
                case "old_string":
                    self._show(Text(value, "red"), "- ")
                case "new_string":
                    self._show(Text(value, "green"), "+ ")
                case _:
                    self._show(Text(f"{name}: {value}"))

    def result(self, text: str, *, is_error: bool) -> None:
        """A tool has answered."""
        lines = text.splitlines()
        if len(lines) > self._LINES:
            half = self._LINES // 2
            lines[half:-half] = [f"… {len(lines) - 2 * half} more lines …"]
        self._show(Text("\n".join(lines), "red" if is_error else "dim"), "│ ")

    def words(self, text: str) -> None:
        """An agent has done its task."""
        self._console.print()
        self._show(Text(text, "italic"))

    def patch(self, patch: str) -> None:
        """What all agents did together."""
        self._console.print("\nWhat they did together:\n")
        self._show(Syntax("", "diff", theme="ansi_dark").highlight(patch))

    def say(self, text: str, style: str = "") -> None:
        """A line of the program's own."""
        self._console.print(Text(text, style))

    def _show(self, text: Text, mark: str = "") -> None:
        """Print a text with a mark before each line, also where a long one is folded."""
        text.rstrip()
        width = self._console.width - len(f"  {mark}")
        for line in text.split("\n", allow_blank=True):
            for part in line.wrap(self._console, width) or [line]:
                shown = Text.assemble("  ", (mark, text.style), part)
                shown.rstrip()
                self._console.print(shown)


def run_langchain(agent: Any, request: str, thread: str, stage: Stage) -> None:
    """Let a LangChain agent do a task."""
    state = {"messages": [("user", request)]}
    config = {"configurable": {"thread_id": thread}}
    for update in agent.stream(state, config, stream_mode="updates"):
        for message in (message for node in update.values() for message in node["messages"]):
            if message.type == "tool":
                stage.result(message.text, is_error=message.status == "error")
            elif message.tool_calls:
                for use in message.tool_calls:
                    stage.call(use["name"], use["args"])
            else:
                stage.words(message.text)


async def run_llama_index(agent: Any, request: str, stage: Stage) -> None:
    """Let a LlamaIndex agent do a task."""
    from llama_index.core.agent.workflow import ToolCall, ToolCallResult

    handler = agent.run(request)
    async for event in handler.stream_events():
        # A result is a call as well, by its class.
        if isinstance(event, ToolCallResult):
            stage.result(event.tool_output.content, is_error=event.tool_output.is_error)
        elif isinstance(event, ToolCall):
            stage.call(event.tool_name, event.tool_kwargs)
    stage.words(str(await handler))


async def run_pydantic_ai(agent: Any, request: str, stage: Stage) -> None:
    """Let a Pydantic AI agent do a task."""
    from pydantic_ai.messages import ToolReturnPart

    async with agent.iter(request) as run:
        async for node in run:
            if agent.is_call_tools_node(node):
                for use in node.model_response.tool_calls:
                    stage.call(use.tool_name, use.args_as_dict())
            elif agent.is_model_request_node(node):
                for part in node.request.parts:
                    if isinstance(part, ToolReturnPart):
                        stage.result(str(part.content), is_error=part.outcome != "success")
        stage.words(run.result.output)


def play(session: SandboxSession, model: str, stage: Stage, *, third: bool = False) -> bool:
    """Let the agents work in a session; whether the test passes at the end."""
    from langchain.agents import create_agent
    from langchain_daytona_toolkit import DaytonaToolkit
    from langgraph.checkpoint.memory import InMemorySaver
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.tools.daytona import DaytonaToolSpec

    writer = create_agent(
        models.chat_model(author, model),
        DaytonaToolkit(session=session).get_tools(),
        checkpointer=InMemorySaver(),
    )
    repairer = FunctionAgent(
        llm=models.llm(mender, model), tools=DaytonaToolSpec(session).to_tool_list()
    )

    stage.act("LangChain agent", "write a program and its test")
    run_langchain(writer, WRITE, "bill", stage)
    stage.act("LlamaIndex agent, same workspace", "mend the program")
    asyncio.run(run_llama_index(repairer, MEND, stage))
    if third:
        from pydantic_ai import Agent
        from pydantic_ai_daytona_toolkit import DaytonaToolset

        client = Agent(models.model_of_pydantic_ai(user, model), toolsets=[DaytonaToolset(session)])
        stage.act("Pydantic AI agent, same workspace", "use the program")
        asyncio.run(run_pydantic_ai(client, USE, stage))
    stage.act("LangChain agent, same conversation", "see what has changed")
    run_langchain(writer, LOOK, "bill", stage)

    # An agent may say what it likes: what counts is the test, as it was given.
    session.write("test_split.py", TEST)
    return session.exec(RUN_TEST).exit_code == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the quickstart; its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model",
        default=models.choose(),
        help=f"anthropic:NAME, openai:NAME or {models.SCRIPTED} (here: %(default)s)",
    )
    parser.add_argument(
        "--isolation",
        default="auto",
        choices=["auto", "bubblewrap", "landlock", "none"],
        help="how a local sandbox is confined (default: %(default)s)",
    )
    parser.add_argument(
        "--third", action="store_true", help="let an agent of Pydantic AI use the mended program"
    )
    options = parser.parse_args(arguments)
    stage, agents = Stage(), "three" if options.third else "two"
    try:
        with open_session(isolation=options.isolation) as session:
            where = f"{session.sandbox.id} ({getattr(session.sandbox, 'isolation', 'Daytona')})"
            stage.say(f"workspace  {where}\nmodels     {options.model}")
            session.write(".gitignore", "__pycache__/\n")
            has_git = session.exec("command -v git").exit_code == 0
            start = session.checkpoint("before the agents").id if has_git else None
            passed = play(session, options.model, stage, third=options.third)
            if start:
                stage.patch(session.diff(since=start).patch)
            seconds = sum(step.duration for step in session.transcript)
    except (SandboxError, models.NoModelError) as error:
        stage.say(f"\n{error}", "red")
        return 2
    stage.say(
        f"\n{'PASSED' if passed else 'FAILED'}: {agents} agents, one workspace, {stage.calls} tool "
        f"calls, {seconds:.1f} s in the sandbox",
        "bold green" if passed else "bold red",
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
