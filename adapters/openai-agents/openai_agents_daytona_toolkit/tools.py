"""Rows of the tool table as function tools of the OpenAI Agents SDK."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from agents import FunctionTool, RunContextWrapper, ToolOutputImage, ToolOutputText
from agents import Tool as AgentsTool
from agents.tool_context import ToolContext

from daytona_toolkit import SandboxSession, SessionPool
from daytona_toolkit.tools import Choice, Key, Tool, check_key, check_session, choose, key_in, use

# Takes the context of a call, `"stdout"` or `"stderr"`, and what was printed there.
OnOutput: TypeAlias = Callable[[ToolContext[Any], str, str], object]


def daytona_tools(
    session: SandboxSession | SessionPool,
    *,
    key: Key[ToolContext[Any]] | None = None,
    tools: Choice = "core",
    prefix: str = "",
    line_numbers: bool = True,
    approval: bool = False,
    on_output: OnOutput | None = None,
    shell: str | None = None,
) -> list[AgentsTool]:
    """The tools of one agent.

    They remember what its model has read, and `write` replaces nothing newer: so each agent needs
    a list of its own.

    An error that the model can correct is shown to it, and the run goes on. One that leaves the
    workspace unusable ends the run: as with every error of a tool, the SDK raises a `UserError`,
    which has ours as its `__cause__`.

    Args:
        session: The workspace, open or not; or a `SessionPool`, with a `key`.
        key: Which session of the pool: a fixed key, or a function of the call's
            `ToolContext`, which may be a coroutine function.
        tools: `"core"` (exec, read, write, edit), `"read_only"`, `"all"`, or a list of
            names.
        prefix: Put before the name of each tool.
        line_numbers: Whether lines of a file begin with their number.
        approval: Interrupt the run before a call that changes something, until
            `RunState.approve` or `reject` answers it.
        on_output: Called with the call's `ToolContext`, `"stdout"` or `"stderr"` and new text
            while a command runs; may be a coroutine function. To follow a command takes more
            requests than to wait for its end.
        shell: The name of the shell that the commands of `exec` share, such as `"main"`: `cd` and
            exported variables carry over from each to the next. Unless given, each starts fresh.

    Returns:
        The tools, each a `FunctionTool`. `ToolCallOutputItem.custom_data` has what the
        operation returned, as a plain `dict`.

    Raises:
        TypeError: `session` is neither a session nor a pool, or has no fitting `key`.
        ValueError: There is no such tool, or the prefix makes no name.

    Example:
        ```python
        async with SandboxSession(LocalSandbox()) as session:
            agent = Agent("coder", tools=daytona_tools(session))
            print((await Runner.run(agent, "What is in README.md?")).final_output)
        ```
    """
    check_session(session, "daytona_tools")
    check_key(session, key, "ToolContext")

    def tool(name: str, row: Tool) -> FunctionTool:
        data: WeakKeyDictionary[ToolContext[Any], Mapping[str, Any]] = WeakKeyDictionary()

        async def run(context: ToolContext[Any], text: str) -> Any:
            output = partial(on_output, context) if on_output else None
            async with use(session, await key_in(context, key)) as one:
                shown = await row.arun(one, text, output)
            data[context] = shown.data
            if not shown.images:
                return shown.text
            pictures = [
                ToolOutputImage(image_url=f"data:{image.media_type};base64,{image.data}")
                for image in shown.images
            ]
            return [ToolOutputText(text=shown.text), *pictures]

        async def needs_approval(
            context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str
        ) -> bool:
            return row.needs_approval(arguments)

        return FunctionTool(
            name=name,
            description=row.description,
            params_json_schema=row.schema(),
            strict_json_schema=False,  # or every argument would be required
            on_invoke_tool=run,
            needs_approval=needs_approval if approval and not row.read_only else False,
            custom_data_extractor=lambda done: data.pop(done.tool_context, None),
        )

    rows = choose(tools, prefix, session=session, line_numbers=line_numbers, shell=shell)
    return [tool(name, row) for name, row in rows.items()]
