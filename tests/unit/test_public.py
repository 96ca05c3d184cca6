"""What is public, and nothing else."""

import importlib
from pathlib import Path

import pytest

import daytona_toolkit

ROOT = Path(daytona_toolkit.__file__).parent

PUBLIC = {
    "daytona_toolkit": """
        CommandSandbox DaytonaSandbox Limits LocalSandbox RecoverableError Sandbox
        SandboxError SandboxSession SessionPool TerminalError open_session
    """,
    "daytona_toolkit.errors": """
        AmbiguousMatchError AuthenticationError BinaryFileError CheckpointError
        CheckpointNotFoundError FileChangedError FileTooLargeError InvalidArgumentError
        IsolationError JobInputError JobNotFoundError MatchError NoMatchError NotAFileError
        NotAFolderError OffsetError OutsideRootError PathDeniedError PathError
        PathExistsError PathNotFoundError PreviewError QuotaError RecoverableError
        SandboxError SandboxFailedError SandboxGoneError SandboxUnavailableError
        SearchPatternError SessionClosedError StateLostError TerminalError WriteFailedError
    """,
    "daytona_toolkit.limits": """
        Limits
    """,
    "daytona_toolkit.results": """
        Checkpoint Diff EditResult Entry ExecResult GrepResult Image JobList JobStatus
        Listing Match Outcome Part PatchResult PatchedFile Preview ReadResult Result
        TransferResult WriteResult
    """,
    "daytona_toolkit.sandboxes": """
        CommandSandbox DaytonaSandbox LocalSandbox Sandbox
    """,
    "daytona_toolkit.testing": """
        Copy Count CutUpload DaytonaServer Delay DropAfter DropBefore Fault Faults
        ForkFailure Generation Late Malformed Mixed Overtaken RateLimit RecordedRequest
        Reset Rule SandboxConformance Settings Shell SlowUpload Stall Status StopSandbox
        TruncatedBody TruncatedMultipart
    """,
    "daytona_toolkit.tools": """
        APPLY_PATCH Arguments Choice EDIT EXEC GLOB GREP Image JOB Key LS OnOutput PREVIEW READ
        Rendered SEND TOOLS Tool WRITE check_key check_session choose key_in use valid_unicode
        wait_for
    """,
}


def test_no_other_module_is_public() -> None:
    found = set()
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if "._" not in name:
            found.add(name)
    assert found == set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_module_exports_what_it_is_known_for(name: str) -> None:
    module = importlib.import_module(name)
    made_here = (n for n, v in vars(module).items() if getattr(v, "__module__", "") == name)
    exported = getattr(module, "__all__", [each for each in made_here if each[0] != "_"])
    assert sorted(exported) == PUBLIC[name].split()


def test_a_name_is_listed_once() -> None:
    assert daytona_toolkit.Limits.__name__ == "Limits"
    assert dir(daytona_toolkit).count("Limits") == 1
