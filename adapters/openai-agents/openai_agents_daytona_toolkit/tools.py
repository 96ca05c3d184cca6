"""Rows of the tool table as function tools of the OpenAI Agents SDK."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from agents import (
    FunctionTool,
    FunctionToolCustomDataContext,
    RunContextWrapper,
    ToolOutputImage,
    ToolOutputText,
)
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
    rows = choose(tools, prefix, session=session, line_numbers=line_numbers, shell=shell)
    return [_Calls(name, row, session, key, on_output).tool(approval) for name, row in rows.items()]


class _Calls:
    """A row of the tool table, and what a call of it does."""

    def __init__(
        self,
        name: str,
        row: Tool,
        session: SandboxSession | SessionPool,
        key: Key[ToolContext[Any]] | None,
        on_output: OnOutput | None,
    ) -> None:
        self._name = name
        self._row = row
        self._session = session
        self._key = key
        self._on_output = on_output
        self._data: WeakKeyDictionary[ToolContext[Any], Mapping[str, Any]] = WeakKeyDictionary()

    def tool(self, approval: bool) -> FunctionTool:
        return FunctionTool(
            name=self._name,
            description=self._row.description,
            params_json_schema=self._row.schema(),
            strict_json_schema=False,  # or every argument would be required
            on_invoke_tool=self._run,
            needs_approval=self._needs_approval if approval and not self._row.read_only else False,
            custom_data_extractor=self._data_of,
        )

    async def _run(self, context: ToolContext[Any], text: str) -> Any:
        on_output = partial(self._on_output, context) if self._on_output else None
        async with use(self._session, await key_in(context, self._key)) as session:
            shown = await self._row.arun(session, text, on_output)
        self._data[context] = shown.data
        if not shown.images:
            return shown.text
        pictures = [
            ToolOutputImage(image_url=f"data:{image.media_type};base64,{image.data}")
            for image in shown.images
        ]
        return [ToolOutputText(text=shown.text), *pictures]

    async def _needs_approval(
        self, context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str
    ) -> bool:
        return self._row.needs_approval(arguments)

    def _data_of(self, done: FunctionToolCustomDataContext) -> Mapping[str, Any] | None:
        return self._data.pop(done.tool_context, None)
