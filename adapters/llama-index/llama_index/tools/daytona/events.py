"""What the tools tell a workflow's stream, and what they wait for."""

from typing import Any

from llama_index.core.workflow import Event, HumanResponseEvent, InputRequiredEvent


class CommandOutput(Event):
    """New output of a running command.

    Attributes:
        tool: The name of the tool.
        tool_id: The id of the call, as in `ToolCall` and `ToolCallResult`; empty where no
            agent called the tool.
        stream: `stdout` or `stderr`.
        text: What was printed.
    """

    tool: str
    tool_id: str
    stream: str
    text: str


class ApprovalRequest(InputRequiredEvent):
    """A call that waits for a person; answer it once, with an `Approval` of the same `call`.

    Attributes:
        call: What names this one call.
        tool: The name of the tool.
        tool_id: The id of the call, as in `ToolCall` and `ToolCallResult`; empty where no
            agent called the tool.
        arguments: As the model gave them.
        question: The call in plain text: a command as it stands, an edit as a diff.
    """

    call: str
    tool: str
    tool_id: str
    arguments: dict[str, Any]
    question: str


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
