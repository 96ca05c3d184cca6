"""LlamaIndex tools over a live workspace: a Daytona sandbox, or a local one."""

from llama_index.tools.daytona.base import DaytonaToolSpec
from llama_index.tools.daytona.events import Approval, ApprovalRequest, CommandOutput

__all__ = ["Approval", "ApprovalRequest", "CommandOutput", "DaytonaToolSpec"]
