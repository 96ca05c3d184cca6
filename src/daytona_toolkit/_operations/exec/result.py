"""The results of commands and jobs."""

from collections.abc import Iterator
from typing import Literal

from daytona_toolkit._result import Outcome, Result, SandboxPath
from daytona_toolkit._text import closed

# Characters of a command in a list of jobs.
_COMMAND_CHARS = 100


class ExecResult(Result):
    """What a command did.

    Attributes:
        exit_code: Its exit code; 128 + n when signal n ended it. None while it runs in
            the background, and when the sandbox, or what waited for it there, was stopped.
        stdout: What it printed to standard output; head and tail where it was too much.
        stderr: The same for standard error.
        timed_out: Whether it was ended because its time was up.
        duration: Seconds it has run, measured in the sandbox.
        job_id: The job that it ran as.
        truncated: Whether either stream was cut.
        stdout_path: Where the whole stream can be read, if it was cut or still grows.
        stderr_path: As `stdout_path`.
        cwd: Where the next command of its shell begins; None unless it ran in one.
        moved: Whether that is another folder than before.
        lost_cwd: Where its shell was, if that folder no longer exists; the command began in the
            root.
        stopped_writing: Whether it was stopped because a stream grew over
            `Limits.stream_bytes`, or over what the sandbox allows a file.
        running: Whether it goes on in the background.
        disk_full: Whether output was lost because the sandbox's disk was full.
        survived: Whether a process of it could not be ended when its time was up, for
            example one that belongs to another user.
    """

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False
    duration: float = 0.0
    job_id: str
    truncated: bool = False
    stdout_path: str | None = None
    stderr_path: str | None = None
    cwd: SandboxPath | None = None
    moved: bool = False
    lost_cwd: SandboxPath | None = None
    stopped_writing: bool = False
    running: bool = False
    disk_full: bool = False
    survived: bool = False

    @property
    def output(self) -> str:
        """Both streams: stdout, then stderr."""
        return _joined(self.stdout, self.stderr)

    @property
    def incomplete(self) -> bool:
        """Whether its exit code, or output, was lost with its sandbox or on a full disk.

        `text()` says so; the streams and the exit code alone would mislead.
        """
        return self.disk_full or (self.exit_code is None and not self.running)

    def text(self) -> str:
        """What a model is told: both streams, and how the command ended."""
        return streams(self.stdout, self.stderr) + f"[{'; '.join(self._end())}]"

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        if self.timed_out:
            return Outcome(False, "timed out")
        if self.running:
            return Outcome(True, f"started {self.job_id}")
        if self.exit_code is None:
            return Outcome(False, "lost")
        return Outcome(self.exit_code == 0, f"exit {self.exit_code}")

    def _end(self) -> Iterator[str]:
        if self.running:
            yield f"still running as {self.job_id}; wait for it, or look at it later, by this id"
            yield f"its output goes to {_files(self.stdout_path)}"
            return
        if self.survived:
            yield (
                f"timed out after {self.duration:.1f} s; a process of the command could not be "
                "killed and may still run"
            )
        elif self.timed_out:
            yield (
                f"timed out: killed after {self.duration:.1f} s, with all that it had started; "
                "give it a longer timeout, or background=true"
            )
        else:
            yield exit_words(self.exit_code)
        if self.stopped_writing:
            yield "stopped: its output exceeded the limit; redirect it to a file"
        if self.disk_full:
            yield "the disk is full, so some of its output was lost; remove files"
        if self.lost_cwd:
            yield f"began in the workspace root, because {self.lost_cwd} no longer exists"
        if self.moved:
            yield f"now in {self.cwd}"


class JobStatus(Result):
    """The state of a job, and its new output.

    Attributes:
        job_id: The job.
        command: The command, its start where it is long.
        state: `running`, `exited`, or `lost` when it has no exit code, as in `ExecResult`.
        exit_code: As in `ExecResult`; None unless the state is `exited`.
        timed_out: Whether it was ended because its time was up.
        duration: Seconds it has run.
        stdout: New output since this session last asked; for a job that has exited and
            was not watched, its head and tail.
        stderr: As `stdout`.
        stdout_size: Bytes printed there so far.
        stderr_size: Bytes printed there so far.
        unread: Bytes of what `send` gave it that wait because it does not read. What is in its
            pipe, up to 64 KiB, is not among them.
        stdout_path: The file that holds all of it, readable with `read`.
        stderr_path: As `stdout_path`.
    """

    job_id: str
    command: str
    state: Literal["running", "exited", "lost"]
    exit_code: int | None = None
    timed_out: bool = False
    duration: float = 0.0
    stdout: str = ""
    stderr: str = ""
    stdout_size: int = 0
    stderr_size: int = 0
    unread: int = 0
    stdout_path: str
    stderr_path: str

    @property
    def output(self) -> str:
        """Both streams: stdout, then stderr."""
        return _joined(self.stdout, self.stderr)

    def text(self) -> str:
        """What a model is told: new output, and the state of the job."""
        shown = streams(self.stdout, self.stderr) or "[no new output]\n"
        end = f"{self._state()}; all of its output is in {_files(self.stdout_path)}"
        return f"{shown}[{self.job_id}: {end}]"

    def line(self) -> str:
        """The job in a list of jobs."""
        command = " ".join(self.command.split())[:_COMMAND_CHARS]
        state = exit_words(self.exit_code) if self.state == "exited" else self.state
        return f"{self.job_id}  {state}, {self.duration:.1f} s  {command}"

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, self.state)

    def _state(self) -> str:
        if self.state == "running":
            return f"running for {self.duration:.1f} s"
        if self.timed_out:
            return f"timed out: killed after {self.duration:.1f} s"
        return f"{exit_words(self.exit_code)}, after {self.duration:.1f} s"


class JobList(Result):
    """All jobs of a sandbox.

    Attributes:
        jobs: The jobs, oldest first.
    """

    jobs: tuple[JobStatus, ...]

    def text(self) -> str:
        """What a model is told: a line for each."""
        return "\n".join(job.line() for job in self.jobs) or "[no jobs]"

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, f"{len(self.jobs):,} found")


def streams(stdout: str, stderr: str) -> str:
    """What was printed, each stream closed by a newline."""
    return closed(stdout) + closed(f"[stderr]\n{stderr}" if stderr else "")


def _files(stdout_path: str | None) -> str:
    """Where a job keeps both streams: the names differ in their ends alone."""
    return f"{stdout_path} (stderr: the same with .err)"


def _joined(stdout: str, stderr: str) -> str:
    between = "\n" if stdout and stderr and not stdout.endswith("\n") else ""
    return stdout + between + stderr


def exit_words(code: int | None) -> str:
    """How a command ended."""
    if code is None:
        return "no exit code: the sandbox, or what waited for the command, was stopped"
    return f"exit code {code}"
