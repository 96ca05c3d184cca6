"""Rows of the tool table as tools of LlamaIndex."""

import hashlib
import json
from typing import Any

from llama_index.core.base.llms.types import ContentBlock, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool, ToolMetadata, ToolOutput
from llama_index.core.tools.tool_spec.base import SPEC_FUNCTION_TYPE, BaseToolSpec
from llama_index.core.workflow import Context, Event, HumanResponseEvent, InputRequiredEvent

from daytona_toolkit import SandboxSession
from daytona_toolkit.tools import Choice, OnOutput, Rendered, Tool, choose


class CommandOutput(Event):
    """New output of a running command.

    Attributes:
        tool: The name of the tool.
        stream: `stdout` or `stderr`.
        text: What was printed.
    """

    tool: str
    stream: str
    text: str


class ApprovalRequest(InputRequiredEvent):
    """A call that waits for a human; answer it with an `Approval` of the same `call`.

    Attributes:
        call: What names the call. Calls of one tool with the same arguments share it.
        tool: The name of the tool.
        arguments: As the model gave them.
    """

    call: str
    tool: str
    arguments: dict[str, Any]


class Approval(HumanResponseEvent):
    """The answer to an `ApprovalRequest`.

    Attributes:
        call: What names the call.
        approved: Whether it may run.
        reason: What the model is told if it may not.
    """

    call: str
    approved: bool
    reason: str = ""


class DaytonaToolSpec(BaseToolSpec):
    """The tools of one workspace.

    What a model can do something about comes back as a `ToolOutput` with `is_error`; only
    errors after which the workspace is of no more use are raised.

    Args:
        session: The workspace, open or not.
        tools: `"core"` (exec, read, write, edit), `"read_only"`, `"all"`, or a list of
            names.
        prefix: Put before the name of each tool.
        line_numbers: Whether lines of a file begin with their number.
        stream: Write a `CommandOutput` to the workflow's stream whenever a command prints.
        confirm: Before a call that changes something, write an `ApprovalRequest` to the
            workflow's stream and wait for the `Approval`.

    With `stream` or `confirm` the tools run in agents and workflows only, which have a
    `Context`.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            agent = FunctionAgent(tools=DaytonaToolSpec(session).to_tool_list(), llm=llm)
        ```
    """

    def __init__(
        self,
        session: SandboxSession,
        *,
        tools: Choice = "core",
        prefix: str = "",
        line_numbers: bool = True,
        stream: bool = False,
        confirm: bool = False,
    ) -> None:
        self._session = session
        self._rows = choose(tools, prefix)
        self._line_numbers = line_numbers
        self._stream = stream
        self._confirm = confirm
        self.spec_functions: list[SPEC_FUNCTION_TYPE] = list(self._rows)

    def to_tool_list(
        self,
        spec_functions: list[SPEC_FUNCTION_TYPE] | None = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """The tools, or those of them that are named, in both colours."""
        given = func_to_metadata_mapping or {}
        return [
            self._tool(row, given.get(name) or ToolMetadata(row.description, name, row.arguments))
            for name, row in self._rows.items()
            if name in (spec_functions or self.spec_functions)
        ]

    def _tool(self, row: Tool, metadata: ToolMetadata) -> FunctionTool:
        name = metadata.get_name()

        def run(**arguments: Any) -> ToolOutput:
            rendered = row.run(self._session, arguments, line_numbers=self._line_numbers)
            return _output(name, arguments, rendered)

        async def arun(**arguments: Any) -> ToolOutput:
            rendered = await row.arun(self._session, arguments, line_numbers=self._line_numbers)
            return _output(name, arguments, rendered)

        async def arun_within(ctx: Context, **arguments: Any) -> ToolOutput:
            refusal = await self._refusal(ctx, name, row, arguments)
            rendered = refusal or await row.arun(
                self._session, arguments, self._deltas(ctx, name), line_numbers=self._line_numbers
            )
            return _output(name, arguments, rendered)

        within = self._stream or self._confirm
        # What the function returns is the output already; without a callback LlamaIndex
        # would turn it into text. Both colours, or the callback would run in an executor.
        return FunctionTool.from_defaults(
            fn=None if within else run,
            async_fn=arun_within if within else arun,
            tool_metadata=metadata,
            callback=_same,
            async_callback=_same_async,
        )

    async def _refusal(
        self, ctx: Context, name: str, row: Tool, arguments: dict[str, Any]
    ) -> Rendered | None:
        """Ask, if that is wanted; nothing may come before, as waiting runs the tool again."""
        if not (self._confirm and row.needs_approval(arguments)):
            return None
        call = _call_id(name, arguments)
        answer = await ctx.wait_for_event(
            Approval,
            waiter_event=ApprovalRequest(call=call, tool=name, arguments=arguments),
            requirements={"call": call},
            timeout=None,
        )
        if answer.approved:
            return None
        reason = f": {answer.reason}" if answer.reason else "."
        text = f"Error: {name} was not run, because a person refused it{reason}"
        return Rendered(text, {"error": "Refused", "message": answer.reason}, is_error=True)

    def _deltas(self, ctx: Context, name: str) -> OnOutput | None:
        if not self._stream:
            return None
        return lambda stream, text: ctx.write_event_to_stream(
            CommandOutput(tool=name, stream=stream, text=text)
        )


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


def _call_id(name: str, arguments: dict[str, Any]) -> str:
    """A name for a call, the same each time that the tool's body runs."""
    text = json.dumps([name, arguments], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
