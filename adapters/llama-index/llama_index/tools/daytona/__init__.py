"""LlamaIndex tools over a live workspace: a Daytona sandbox, or a local one."""

from llama_index.tools.daytona.base import (
    Approval,
    ApprovalRequest,
    CommandOutput,
    DaytonaToolSpec,
)

__all__ = ["Approval", "ApprovalRequest", "CommandOutput", "DaytonaToolSpec"]
