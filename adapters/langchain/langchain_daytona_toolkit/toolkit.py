"""The tools of one workspace, to be handed to an agent."""

from typing import Any

from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import ConfigDict, Field

from daytona_toolkit import SandboxSession, SessionPool
from daytona_toolkit.tools import Choice, choose
from langchain_daytona_toolkit.tools import TOOL_CLASSES


class DaytonaToolkit(BaseToolkit):
    """The tools of one workspace.

    Args:
        session: The workspace, open or not; or a `SessionPool`, which has one for each
            `thread_id` of the runnable's config.
        tools: `"core"` (exec, read, write, edit), `"read_only"`, `"all"`, or a list of
            names.
        prefix: Put before the name of each tool.
        line_numbers: Whether lines of a file begin with their number.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            agent = create_agent(model, DaytonaToolkit(session=session).get_tools())
        ```
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    session: SandboxSession | SessionPool = Field(exclude=True, repr=False)
    tools: Choice = "core"
    prefix: str = ""
    line_numbers: bool = True

    def get_tools(self) -> list[BaseTool]:
        """The tools.

        Raises:
            ValueError: There is no such tool, or the prefix makes no name.
        """
        return [
            TOOL_CLASSES[row.name](session=self.session, line_numbers=self.line_numbers, name=name)
            for name, row in choose(self.tools, self.prefix).items()
        ]

    def interrupt_on(self) -> dict[str, Any]:
        """What `HumanInTheLoopMiddleware` takes: to ask before a call that changes something.

        A call with wrong arguments is not asked about, as it will not run.
        """
        return {
            name: {
                "allowed_decisions": ["approve", "edit", "reject"],
                "when": lambda request, row=row: row.needs_approval(request.tool_call["args"]),
            }
            for name, row in choose(self.tools, self.prefix).items()
            if not row.read_only
        }
