"""The tools of one workspace, to be handed to an agent."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import ConfigDict, Field, SkipValidation

from daytona_toolkit import SandboxSession, SessionPool
from daytona_toolkit.tools import Choice, Key, Tool, check_key, check_session, choose
from langchain_daytona_toolkit.tools import SandboxTool, thread_of


class DaytonaToolkit(BaseToolkit):
    """The tools of one workspace.

    Args:
        session: The workspace, open or not; or a `SessionPool`.
        key: Which session of the pool: a fixed key, or a function of the call's `RunnableConfig`,
            which may be a coroutine function where the agent is run by async code. Unless given,
            the `thread_id`. An agent that runs in a thread of its own shares a workspace with
            others by a key.
        tools: `"core"` (exec, read, write, edit), `"read_only"`, `"all"`, or a list of
            names.
        prefix: Put before the name of each tool.
        line_numbers: Whether lines of a file begin with their number.
        stream_output: Whether output is handed on while a command runs, to those who stream the
            graph. That takes more requests than to wait for the command's end.
        shell: The name of the shell that the commands of `exec` share, such as `"main"`: `cd` and
            exported variables carry over from each to the next. Unless given, each starts fresh.

    Raises:
        TypeError: `session` is neither a session nor a pool, or has no fitting `key`.
        ValueError: There is no such tool, or the prefix makes no name.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            agent = create_agent(model, DaytonaToolkit(session).get_tools())
        ```
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    session: SkipValidation[SandboxSession | SessionPool] = Field(exclude=True, repr=False)
    key: SkipValidation[Key[RunnableConfig] | None] = Field(exclude=True, repr=False)
    tools: Choice = "core"
    prefix: str = ""
    line_numbers: bool = True
    stream_output: bool = True
    shell: str | None = None

    def __init__(
        self,
        session: SandboxSession | SessionPool,
        *,
        key: Key[RunnableConfig] | None = None,
        tools: Choice = "core",
        prefix: str = "",
        line_numbers: bool = True,
        stream_output: bool = True,
        shell: str | None = None,
    ) -> None:
        check_session(session, type(self).__name__)
        choose(tools, prefix, shell=shell)
        fields: dict[str, Any] = {
            "session": session,
            "key": check_key(session, key, "RunnableConfig", thread_of),
            "tools": tools,
            "prefix": prefix,
            "line_numbers": line_numbers,
            "stream_output": stream_output,
            "shell": shell,
        }
        super().__init__(**fields)

    def get_tools(self) -> list[BaseTool]:
        """The tools of one agent, made anew at each call.

        They remember what its model has read, and `write` replaces nothing newer: so each agent
        needs a list of its own.
        """
        return [
            SandboxTool(
                row,
                session=self.session,
                key=self.key,
                stream_output=self.stream_output,
                name=name,
            )
            for name, row in self._rows().items()
        ]

    def interrupt_on(self) -> dict[str, Any]:
        """What `HumanInTheLoopMiddleware` takes: to ask before a call that changes something.

        A person is shown the command, or the edit as a diff. A call with wrong arguments is not
        asked about: the tool refuses it by the same check.
        """
        return {
            name: {
                "allowed_decisions": ["approve", "edit", "reject"],
                "when": lambda request, row=row: row.needs_approval(request.tool_call["args"]),
                "description": lambda call, _state, _runtime, row=row: row.question(call["args"]),
            }
            for name, row in self._rows().items()
            if not row.read_only
        }

    def _rows(self) -> dict[str, Tool]:
        return choose(self.tools, self.prefix, line_numbers=self.line_numbers, shell=self.shell)
