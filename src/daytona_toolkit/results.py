"""What operations return: frozen, and JSON-safe through `model_dump(mode="json")`.

Each says how a model sees it (`text()`), how a program does (`data()`), and how a log names it
(`outcome()`).
"""

from daytona_toolkit._entry import Entry
from daytona_toolkit._operations.checkpoint.result import Checkpoint, Diff
from daytona_toolkit._operations.edit.result import EditResult
from daytona_toolkit._operations.exec.result import ExecResult, JobList, JobStatus
from daytona_toolkit._operations.grep.result import GrepResult, Match
from daytona_toolkit._operations.patch.result import PatchedFile, PatchResult
from daytona_toolkit._operations.preview.result import Preview
from daytona_toolkit._operations.read.result import ReadResult
from daytona_toolkit._operations.write.result import WriteResult
from daytona_toolkit._result import Image, Outcome, Part, Result
from daytona_toolkit._search.listing import Listing
from daytona_toolkit._transfer.result import TransferResult

__all__ = [
    "Checkpoint",
    "Diff",
    "EditResult",
    "Entry",
    "ExecResult",
    "GrepResult",
    "Image",
    "JobList",
    "JobStatus",
    "Listing",
    "Match",
    "Outcome",
    "Part",
    "PatchResult",
    "PatchedFile",
    "Preview",
    "ReadResult",
    "Result",
    "TransferResult",
    "WriteResult",
]
