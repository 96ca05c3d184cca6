"""Rows of the tool table as tools of LlamaIndex."""

from functools import partial
from typing import Any

from llama_index.core.base.llms.types import ContentBlock, ImageBlock, TextBlock
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.tools import FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec
from llama_index.core.workflow import Context
from llama_index.tools.daytona.approval import Approvals, tool_id
from llama_index.tools.daytona.events import Approval, CommandOutput

from daytona_toolkit import SandboxSession, SessionPool
from daytona_toolkit.tools import (
    Choice,
    Key,
    OnOutput,
    Rendered,
    Tool,
    check_key,
    check_session,
    choose,
    key_in,
    use,
)


class DaytonaToolSpec(BaseToolSpec):
    """The tools of one workspace.

    An error that the model can correct comes back as a `ToolOutput` with `is_error`. One that
    leaves the workspace unusable is raised; LlamaIndex's agents show it to the model, and go on.

    Args:
        session: The workspace, open or not; or a `SessionPool`, with a `key`.
        key: Which session of the pool: a fixed key, or a function of the `Context`, which
            may be a coroutine function.
        tools: `"core"` (exec, read, write, edit), `"read_only"`, `"all"`, or a list of
            names.
        prefix: Put before the name of each tool.
        line_numbers: Whether lines of a file begin with their number.
        stream: Write a `CommandOutput` to the workflow's stream whenever a command prints.
        confirm: Before a call that changes something, write an `ApprovalRequest` to the
            workflow's stream and wait for the `Approval`.
        shell: The name of the shell that the commands of `exec` share, such as `"main"`: `cd` and
            exported variables carry over from each to the next. Unless given, each starts fresh.

    With `stream`, `confirm` or a `key` that is a function, the tools run in agents and
    workflows only, which have a `Context`. LlamaIndex runs a step again from its beginning
    when it gets the event that it waited for, so with `confirm` a step of your own makes no
    more than one call, and nothing else before it; agents do so.

    Raises:
        TypeError: `session` is neither a session nor a pool, or has no fitting `key`.
        ValueError: There is no such tool, or the prefix makes no name.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            agent = FunctionAgent(tools=DaytonaToolSpec(session).to_tool_list(), llm=llm)
        ```
    """

    def __init__(
        self,
        session: SandboxSession | SessionPool,
        *,
        key: Key[Context] | None = None,
        tools: Choice = "core",
        prefix: str = "",
        line_numbers: bool = True,
        stream: bool = False,
        confirm: bool = False,
        shell: str | None = None,
    ) -> None:
        check_session(session, type(self).__name__)
        check_key(session, key, "Context")
        self._session = session
        self._key = key
        self._choose = partial(
            choose, tools, prefix, session=session, line_numbers=line_numbers, shell=shell
        )
        self._rows = self._choose()
        self._stream = stream
        self._approvals = Approvals() if confirm else None
        self.spec_functions: list[SPEC_FUNCTION_TYPE] = list(self._rows)

    # FunctionAgent takes a list[BaseTool | Callable], which no list of one of them is.
    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[Any]:
        """The tools of one agent, each a `FunctionTool` in both colours.

        They remember what its model has read, and `write` replaces nothing newer: so each agent
        needs a list of its own.

        Args:
            spec_functions: The names of those that are wanted; all by default.
            func_to_metadata_mapping: Other names or descriptions, by name.

        Raises:
            ValueError: There is no tool of such a name.
        """
        named = self.spec_functions if spec_functions is None else spec_functions
        for name in [*named, *(func_to_metadata_mapping or {})]:
            if name not in self._rows:
                raise ValueError(f"There is no tool {name!r}; there are {', '.join(self._rows)}.")
        metadata = {name: self._metadata(name) for name in self._rows}
        metadata |= func_to_metadata_mapping or {}
        rows = self._choose()
        return [self._tool(row, metadata[name]) for name, row in rows.items() if name in named]

    def get_metadata_from_fn_name(
        self, fn_name: str, spec_functions: list[SPEC_FUNCTION_TYPE] | None = None
    ) -> ToolMetadata | None:
        """What a model is told of a tool; None if there is no such tool."""
        return self._metadata(fn_name) if fn_name in self._rows else None

    def get_fn_schema_from_fn_name(
        self, fn_name: str, spec_functions: list[SPEC_FUNCTION_TYPE] | None = None
    ) -> type[BaseModel] | None:
        """The model of a tool's arguments; None if there is no such tool."""
        return self._rows[fn_name].arguments if fn_name in self._rows else None

    def _metadata(self, name: str) -> ToolMetadata:
        row = self._rows[name]
        return ToolMetadata(row.description, name, row.arguments)

    def _tool(self, row: Tool, metadata: ToolMetadata) -> FunctionTool:
        name = metadata.get_name()

        def run(first: Any = None, /, **named: Any) -> ToolOutput:
            arguments = _by_name(row, first, named)
            with use(self._session, self._key) as session:
                rendered = row.run(session, arguments)
            return _output(name, arguments, rendered)

        async def arun(first: Any = None, /, **named: Any) -> ToolOutput:
            arguments = _by_name(row, first, named)
            async with use(self._session, self._key) as session:
                rendered = await row.arun(session, arguments)
            return _output(name, arguments, rendered)

        async def arun_within(first: Any = None, /, *, ctx: Context, **named: Any) -> ToolOutput:
            arguments = _by_name(row, first, named)
            if self._approvals is None or not row.needs_approval(arguments):
                rendered = await self._run_within(ctx, name, row, arguments)
            else:
                async with self._approvals.answer(ctx, name, row, arguments) as answer:
                    if answer.approved:
                        rendered = await self._run_within(ctx, name, row, arguments)
                    else:
                        rendered = _refused(name, answer)
            return _output(name, arguments, rendered)

        within = self._stream or self._approvals is not None or callable(self._key)
        # What the function returns is the output already; without a callback LlamaIndex
        # would turn it into text. Both colours, or the callback would run in an executor.
        return FunctionTool.from_defaults(
            fn=None if within else run,
            async_fn=arun_within if within else arun,
            tool_metadata=metadata,
            callback=_same,
            async_callback=_same_async,
        )

    async def _run_within(
        self, ctx: Context, name: str, row: Tool, arguments: dict[str, Any]
    ) -> Rendered:
        on_output = _on_output(ctx, name) if self._stream else None
        async with use(self._session, await key_in(ctx, self._key)) as session:
            return await row.arun(session, arguments, on_output)


def _by_name(row: Tool, first: Any, named: dict[str, Any]) -> dict[str, Any]:
    """LlamaIndex itself gives a tool's only argument by its place."""
    return named if first is None else {next(iter(row.arguments.model_fields)): first} | named


def _on_output(ctx: Context, name: str) -> OnOutput:
    call = tool_id()
    return lambda stream, text: ctx.write_event_to_stream(
        CommandOutput(tool=name, tool_id=call, stream=stream, text=text)
    )


def _refused(name: str, answer: Approval) -> Rendered:
    reason = f": {answer.reason}" if answer.reason else "."
    text = f"Error: {name} was not run, because a person refused it{reason}"
    return Rendered(text, {"error": "Refused", "message": answer.reason}, is_error=True)


def _output(name: str, arguments: dict[str, Any], rendered: Rendered) -> ToolOutput:
    blocks: list[ContentBlock] = [TextBlock(text=rendered.text)]
    blocks += [
        ImageBlock(image=image.data.encode(), image_mimetype=image.media_type)
        for image in rendered.images
    ]
    return ToolOutput(
        tool_name=name,
        blocks=blocks,
        raw_input={"args": (), "kwargs": arguments},
        raw_output=rendered.data,
        is_error=rendered.is_error,
    )


def _same(output: ToolOutput) -> ToolOutput:
    return output


async def _same_async(output: ToolOutput) -> ToolOutput:
    return output
