"""Rows of the tool table as tools of LangChain."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from langchain_core.messages import ToolMessage
from langchain_core.messages.content import create_image_block, create_text_block
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, InjectedToolArg
from pydantic import BaseModel, Field, create_model

from daytona_toolkit import SandboxSession, SessionPool, tools
from daytona_toolkit.tools import Arguments, OnOutput, Rendered, Tool


class SandboxTool(BaseTool):
    """Base of the tools: a row of the tool table, and the session to run it in.

    What a model can do something about comes back as a message with `status="error"`; only
    errors after which the workspace is of no more use are raised.

    Args:
        session: The workspace, open or not; or a pool, which has one for each `thread_id`
            of the runnable's config.
        line_numbers: Whether lines of a file begin with their number.
        fields: Those of `BaseTool`, such as another `name`.
    """

    row: ClassVar[Tool]

    session: SandboxSession | SessionPool = Field(exclude=True, repr=False)
    line_numbers: bool = True
    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"

    def __init__(
        self, *, session: SandboxSession | SessionPool, line_numbers: bool = True, **fields: Any
    ) -> None:
        super().__init__(
            session=session,
            line_numbers=line_numbers,
            **{
                "name": self.row.name,
                "description": self.row.description,
                "args_schema": _with_runtime(self.row.arguments),
                "tags": ["daytona-toolkit"],
                "metadata": {
                    "readOnlyHint": self.row.read_only,
                    "destructiveHint": self.row.destructive,
                },
            }
            | fields,
        )
        if isinstance(session, SandboxSession):
            self._name_sandbox(session)

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
        on_output = _deltas(arguments.pop("runtime", None))
        with self._workspace(config) as session:
            rendered = self.row.run(session, arguments, on_output, line_numbers=self.line_numbers)
        return self._answer(rendered, tool_call_id)

    async def _arun(
        self, arguments: dict[str, Any], tool_call_id: str | None, config: RunnableConfig
    ) -> tuple[Any, Any]:
        on_output = _deltas(arguments.pop("runtime", None))
        with self._workspace(config) as session:
            rendered = await self.row.arun(
                session, arguments, on_output, line_numbers=self.line_numbers
            )
        return self._answer(rendered, tool_call_id)

    @contextmanager
    def _workspace(self, config: RunnableConfig) -> Iterator[SandboxSession]:
        if isinstance(self.session, SandboxSession):
            yield self.session
            self._name_sandbox(self.session)  # it may have been made only now
            return
        thread = config.get("configurable", {}).get("thread_id")
        if thread is None:
            raise ValueError(
                "These tools have a workspace for each thread, and this call belongs to none. "
                'Invoke with config={"configurable": {"thread_id": ...}}.'
            )
        with self.session.use(str(thread)) as session:
            yield session

    def _name_sandbox(self, session: SandboxSession) -> None:
        self.metadata = (self.metadata or {}) | {"sandbox_id": session.sandbox.id}

    def _answer(self, rendered: Rendered, tool_call_id: str | None) -> tuple[Any, Any]:
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


class ExecTool(SandboxTool):
    """Run a command in the workspace."""

    row: ClassVar[Tool] = tools.EXEC


class ReadTool(SandboxTool):
    """Read a text file of the workspace, or look at a picture."""

    row: ClassVar[Tool] = tools.READ


class WriteTool(SandboxTool):
    """Write a whole file of the workspace."""

    row: ClassVar[Tool] = tools.WRITE


class EditTool(SandboxTool):
    """Replace a text in a file of the workspace."""

    row: ClassVar[Tool] = tools.EDIT


class LsTool(SandboxTool):
    """List a folder of the workspace."""

    row: ClassVar[Tool] = tools.LS


class GlobTool(SandboxTool):
    """Find files of the workspace by their path."""

    row: ClassVar[Tool] = tools.GLOB


class GrepTool(SandboxTool):
    """Search lines of files of the workspace."""

    row: ClassVar[Tool] = tools.GREP


class JobTool(SandboxTool):
    """Look after commands that run in the background."""

    row: ClassVar[Tool] = tools.JOB


TOOL_CLASSES: dict[str, type[SandboxTool]] = {
    kind.row.name: kind
    for kind in (ExecTool, ReadTool, WriteTool, EditTool, LsTool, GlobTool, GrepTool, JobTool)
}


@lru_cache
def _with_runtime(arguments: type[Arguments]) -> type[BaseModel]:
    """The arguments, and the runtime that LangGraph puts beside them.

    LangGraph looks for it in the schema; the annotation keeps it from the model.
    """
    return create_model(
        arguments.__name__,
        __base__=arguments,
        runtime=(Annotated[Any, InjectedToolArg], Field(default=None, exclude=True)),
    )


def _deltas(runtime: Any) -> OnOutput | None:
    """What hands on the output of a running command, for those who stream a graph."""
    emit = getattr(runtime, "emit_output_delta", None)
    if emit is None:
        return None

    def on_output(stream: str, text: str) -> None:
        delta = {"stream": stream, "text": text}
        emit(delta)
        runtime.stream_writer({"tool_call_id": runtime.tool_call_id, **delta})

    return on_output
