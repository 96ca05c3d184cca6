"""Rows of the tool table as tools of Pydantic AI."""

from dataclasses import dataclass
from typing import Any

from pydantic_ai import RunContext, ToolDefinition
from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
from pydantic_ai.messages import BinaryContent, CustomEvent, ToolCallPart, ToolReturn
from pydantic_ai.toolsets import AbstractToolset, ApprovalRequiredToolset, ToolsetTool

from daytona_toolkit import SandboxSession, SessionPool
from daytona_toolkit.errors import InvalidArgumentError
from daytona_toolkit.tools import (
    Choice,
    Key,
    OnOutput,
    Tool,
    check_key,
    check_session,
    choose,
    key_in,
    use,
)


@dataclass(kw_only=True, repr=False)
class CommandOutput(CustomEvent, name="daytona_command_output"):
    """New output of a running command, in the events of a run.

    Attributes:
        stream: `stdout` or `stderr`.
        text: What was printed.
    """

    stream: str
    text: str


class DaytonaToolset(AbstractToolset[Any]):
    """The tools of one agent in a workspace.

    They remember what its model has read, and `write` replaces nothing newer: so each agent needs
    a toolset of its own.

    An error that the model can correct comes back as a failed result, and costs no retry; only
    errors that leave the workspace unusable are raised. What an operation returned is the
    `metadata` of its result, as a plain `dict`.

    Args:
        session: The workspace, open or not; or a `SessionPool`.
        key: Which session of the pool: a fixed key, or a function of the call's `RunContext`,
            which may be a coroutine function. Unless given, the `conversation_id`. An agent that
            another one calls as a tool has a conversation of its own, so a workspace that both
            share needs a key.
        tools: `"core"` (exec, read, write, edit), `"read_only"`, `"all"`, or a list of names.
        prefix: Put before the name of each tool.
        line_numbers: Whether lines of a file begin with their number.
        stream_output: Whether a `CommandOutput` joins the events of the run whenever a command
            prints. It takes more requests than to wait for the command's end.
        shell: The name of the shell that the commands of `exec` share, such as `"main"`: `cd` and
            exported variables carry over from each to the next. Unless given, each starts fresh.
        id: The toolset's own name among those of an agent. For durable execution put the toolset
            into a `DynamicToolset`, whose calls the engines record.

    Raises:
        TypeError: `session` is neither a session nor a pool, or has no fitting `key`.
        ValueError: There is no such tool, or the prefix makes no name.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            agent = Agent(model, toolsets=[DaytonaToolset(session)])
        ```
    """

    def __init__(
        self,
        session: SandboxSession | SessionPool,
        *,
        key: Key[RunContext[Any]] | None = None,
        tools: Choice = "core",
        prefix: str = "",
        line_numbers: bool = True,
        stream_output: bool = False,
        shell: str | None = None,
        id: str | None = None,
    ) -> None:
        check_session(session, type(self).__name__)
        self._session = session
        self._key = check_key(session, key, "RunContext", _conversation)
        self._rows = choose(tools, prefix, session=session, line_numbers=line_numbers, shell=shell)
        self._stream_output = stream_output
        self._id = id

    @property
    def id(self) -> str | None:
        """Its own name among the toolsets of an agent."""
        return self._id

    async def get_tools(self, ctx: RunContext[Any]) -> dict[str, ToolsetTool[Any]]:
        """The tools, by name."""
        return {name: self._tool(ctx, name, row) for name, row in self._rows.items()}

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> ToolReturn[Any]:
        """Run a tool with arguments as a model gives them.

        Raises:
            ToolFailed: With what the model is told, where it can correct the error.
            TerminalError: The workspace can no longer be used.
        """
        on_output = _emitter(ctx) if self._stream_output else None
        async with use(self._session, await key_in(ctx, self._key)) as session:
            shown = await self._rows[name].arun(session, tool_args, on_output)
        if shown.is_error:
            raise ToolFailed(shown.text)
        pictures = [BinaryContent(i.content, media_type=i.media_type) for i in shown.images]
        seen = [shown.text, *pictures] if pictures else shown.text
        return ToolReturn(seen, metadata=shown.data)

    def with_approval(self) -> ApprovalRequiredToolset[Any]:
        """The same tools, with a person asked before each call that changes something.

        The run then ends with `DeferredToolRequests`, which the agent needs among its
        `output_type`; its `metadata` has the `question` of each call, in plain text. A call with
        wrong arguments is not asked about: the tool refuses it by the same check.
        """
        return self.approval_required(self._ask)

    def question(self, call: ToolCallPart) -> str:
        """A call in plain text, for a person who is asked about it.

        Args:
            call: One of the `approvals` in the run's `DeferredToolRequests`, by the name that the
                tool has here. The `metadata` there has the question whatever it was renamed to.

        Returns:
            The tool's title and what the call does, a command as it stands and an edit as a diff.
        """
        return self._rows[call.tool_name].question(call.args_as_dict())

    def _ask(self, _: RunContext[Any], tool: ToolDefinition, arguments: dict[str, Any]) -> bool:
        row = self._rows[tool.name]
        if row.needs_approval(arguments):
            raise ApprovalRequired({"question": row.question(arguments)})
        return False

    def _tool(self, ctx: RunContext[Any], name: str, row: Tool) -> ToolsetTool[Any]:
        about = ToolDefinition(
            name=name,
            description=row.description,
            parameters_json_schema=row.schema(),
            metadata=row.hints(),
        )
        return ToolsetTool(
            toolset=self,
            tool_def=about,
            max_retries=ctx.max_retries,
            args_validator=_AsGiven(row),
        )


class _AsGiven:
    """Leaves the checking of arguments to the tool table.

    Pydantic AI's own words it in another way, costs a retry, and without one left ends the run.
    """

    def __init__(self, row: Tool) -> None:
        self._row = row

    def validate_json(self, input: str | bytes | bytearray, **_: Any) -> dict[str, Any]:
        try:
            return self._row.load(input)
        except InvalidArgumentError as error:
            raise ToolFailed(f"Error: {error}") from None

    def validate_python(self, input: dict[str, Any], **_: Any) -> dict[str, Any]:
        return input


def _conversation(ctx: RunContext[Any]) -> str:
    if ctx.conversation_id is None:
        raise ValueError(
            "These tools have a workspace for each conversation, and this call belongs to none. "
            "Call them in the run of an agent."
        )
    return ctx.conversation_id


def _emitter(ctx: RunContext[Any]) -> OnOutput:
    async def on_output(stream: str, text: str) -> None:
        await ctx.emit(CommandOutput(stream=stream, text=text))

    return on_output
