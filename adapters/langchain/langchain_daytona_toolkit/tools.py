"""Rows of the tool table as tools of LangChain."""

import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NoReturn

from langchain_core.messages import ToolMessage
from langchain_core.messages.content import create_image_block, create_text_block
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tools import BaseTool
from pydantic import Field, SkipValidation

from daytona_toolkit import SandboxSession, SessionPool, tools
from daytona_toolkit.tools import (
    Key,
    OnOutput,
    Rendered,
    Tool,
    check_key,
    check_session,
    key_in,
    use,
)


class SandboxTool(BaseTool):
    """A row of the tool table, in a workspace.

    An error that the model can correct comes back as a message with `status="error"`, and the run
    goes on; only errors that leave the workspace unusable are raised.

    A copy of a tool works in the same workspace. A tool cannot be pickled: another process
    makes its own from a session of its own.

    Args:
        row: The row, such as `daytona_toolkit.tools.EXEC`.
        session: The workspace, open or not; or a `SessionPool`.
        key: As for `DaytonaToolkit`.
        line_numbers: Whether lines of a file begin with their number. Unless given, the row says.
        stream_output: Whether output is handed on while a command runs, to those who stream the
            graph. That takes more requests than to wait for the command's end.
        fields: Those of `BaseTool`, such as another `name`.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            print(SandboxTool(EXEC, session=session).invoke({"command": "ls"}))
        ```
    """

    name: str = ""
    description: str = ""
    row: SkipValidation[Tool] = Field(exclude=True, repr=False)
    session: SkipValidation[SandboxSession | SessionPool] = Field(exclude=True, repr=False)
    key: SkipValidation[Key[RunnableConfig] | None] = Field(exclude=True, repr=False)
    stream_output: bool = True
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"

    def __init__(
        self,
        row: Tool,
        *,
        session: SandboxSession | SessionPool,
        key: Key[RunnableConfig] | None = None,
        line_numbers: bool | None = None,
        stream_output: bool = True,
        **fields: Any,
    ) -> None:
        check_session(session, type(self).__name__)
        if line_numbers is not None:
            row = replace(row, line_numbers=line_numbers)
        if isinstance(session, SandboxSession):
            # Which the description speaks of.
            row = replace(row, limits=session.limits, network=session.network)
        super().__init__(
            row=row,
            session=session,
            key=check_key(session, key, "RunnableConfig", thread_of),
            stream_output=stream_output,
            **{
                "name": row.name,
                "description": row.description,
                "args_schema": row.arguments,
                "tags": ["daytona-toolkit"],
                "metadata": row.hints(),
            }
            | fields,
        )
        self._name_sandbox()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> "SandboxTool":
        memo = {} if memo is None else memo
        memo |= {id(each): each for each in (self.row, self.session, self.key)}
        return super().__deepcopy__(memo)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"The tool {self.name!r} cannot be pickled, for it holds a session. In the other "
            "process, make a session, and the tool from it."
        )

    def _parse_input(
        self, tool_input: str | dict[str, Any], tool_call_id: str | None
    ) -> dict[str, Any]:
        """Leave the checking of arguments to the tool table.

        LangChain's own drops the artifact, and words the error in its own way.
        """
        if isinstance(tool_input, str):
            tool_input = {next(iter(self.row.arguments.model_fields)): tool_input}
        return {"arguments": tool_input, "tool_call_id": tool_call_id}

    def _run(
        self, arguments: dict[str, Any], tool_call_id: str | None, config: RunnableConfig
    ) -> tuple[Any, Any]:
        on_output = self._on_output(config, tool_call_id)
        with use(self.session, self.key, config) as session:
            rendered = self.row.run(session, arguments, on_output)
        return self._answer(rendered, tool_call_id)

    async def _arun(
        self, arguments: dict[str, Any], tool_call_id: str | None, config: RunnableConfig
    ) -> tuple[Any, Any]:
        on_output = self._on_output(config, tool_call_id)
        async with use(self.session, await key_in(config, self.key)) as session:
            rendered = await self.row.arun(session, arguments, on_output)
        return self._answer(rendered, tool_call_id)

    def _name_sandbox(self) -> None:
        if isinstance(self.session, SandboxSession):  # the sandbox may have been made only now
            self.metadata = (self.metadata or {}) | {"sandbox_id": self.session.sandbox.id}

    def _on_output(self, config: RunnableConfig, tool_call_id: str | None) -> OnOutput | None:
        """What hands on the output of a running command, for those who stream a graph.

        Tools usually ask for it by an argument that LangGraph puts beside those of the
        model. Then a model can make that argument up, some providers show it to the model,
        and a call with it is not the call that was approved; so this asks for it here.
        """
        if not self.stream_output or "langgraph.config" not in sys.modules:
            return None
        from langgraph.config import get_stream_writer

        # Python 3.10 does not hand the context on to the tasks of an asynchronous graph.
        context = copy_context()
        context.run(var_child_runnable_config.set, config)
        try:
            writer = context.run(get_stream_writer)
        except (KeyError, RuntimeError):  # the tool is called outside of a graph
            return None
        emit = _emitter(config, writer, tool_call_id)
        if emit is None and _does_nothing(writer):
            return None

        def on_output(stream: str, text: str) -> None:
            delta = {"stream": stream, "text": text}
            if emit is not None:
                context.run(emit, delta)
            context.run(writer, {"tool_call_id": tool_call_id, **delta})

        return on_output

    def _answer(self, rendered: Rendered, tool_call_id: str | None) -> tuple[Any, Any]:
        self._name_sandbox()
        content: Any = rendered.text
        if rendered.images:
            content = [
                create_text_block(rendered.text),
                *(
                    create_image_block(base64=image.data, mime_type=image.media_type)
                    for image in rendered.images
                ),
            ]
        if rendered.is_error and tool_call_id is not None:
            # A ToolMessage passes as it is; of a ToolException the artifact would be lost.
            message = ToolMessage(
                content,
                artifact=rendered.data,
                name=self.name,
                status="error",
                tool_call_id=tool_call_id,
            )
            return message, None
        return content, rendered.data


def _emitter(
    config: RunnableConfig, writer: Callable[[Any], None], tool_call_id: str | None
) -> Callable[[Any], None] | None:
    """What LangGraph has for the output of tools, from 1.2 on; None where nobody streams that."""
    try:
        from langgraph.prebuilt import ToolRuntime

        runtime = ToolRuntime(
            state=None,
            context=None,
            config=config,
            stream_writer=writer,
            tool_call_id=tool_call_id,
            store=None,
        )
    except (ImportError, TypeError):  # LangGraph 1.0.0, or one whose runtime has more to it
        return None
    with suppress(ImportError):  # where that cannot be found out, somebody may
        from langgraph.pregel._tools import _tool_call_writer

        if _tool_call_writer.get() is None:
            return None
    return getattr(runtime, "emit_output_delta", None)


def _nothing(chunk: Any) -> None:
    pass


def _does_nothing(writer: Callable[[Any], None]) -> bool:
    """Whether it is what LangGraph gives to tools where nobody streams custom events."""
    code = getattr(writer, "__code__", None)
    return code is not None and code.co_code == _nothing.__code__.co_code


def thread_of(config: RunnableConfig) -> str:
    """The thread of a call."""
    thread = config.get("configurable", {}).get("thread_id")
    if thread is None:
        raise ValueError(
            "These tools have a workspace for each thread, and this call belongs to none. "
            'Invoke with config={"configurable": {"thread_id": ...}}.'
        )
    return str(thread)


ApplyPatchTool = partial(SandboxTool, tools.APPLY_PATCH)
ExecTool = partial(SandboxTool, tools.EXEC)
ReadTool = partial(SandboxTool, tools.READ)
WriteTool = partial(SandboxTool, tools.WRITE)
EditTool = partial(SandboxTool, tools.EDIT)
LsTool = partial(SandboxTool, tools.LS)
GlobTool = partial(SandboxTool, tools.GLOB)
GrepTool = partial(SandboxTool, tools.GREP)
JobTool = partial(SandboxTool, tools.JOB)
PreviewTool = partial(SandboxTool, tools.PREVIEW)
SendTool = partial(SandboxTool, tools.SEND)
