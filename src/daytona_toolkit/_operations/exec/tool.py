"""The tools `exec`, `job` and `send`."""

from dataclasses import replace
from functools import partial

from pydantic import Field, field_validator, model_validator

from daytona_toolkit import _operations as operations
from daytona_toolkit._result import Result
from daytona_toolkit._tool import Arguments, Call, Tool

_TIMEOUT = 120
_LONGEST = 3600

# Seconds that an interactive command has to print its first prompt.
_GREETING = 1.0

# Seconds that a model waits for the answer to the text that it sent.
_REPLY = 2.0

# What a model writes for the default folder.
_HERE = ("", ".")


class ExecArguments(Arguments):
    """Arguments of exec."""

    command: str = Field(description="The command: one line, or a whole script.")
    cwd: str = Field(
        default=".",
        description="The folder to run in. Relative paths start at the workspace root.",
    )
    env: list[str] = Field(
        default=[],
        description='Environment variables for this command, each written as "NAME=value".',
    )
    timeout: float = Field(
        default=_TIMEOUT,
        ge=1,
        le=_LONGEST,
        description="Seconds after which the command is killed. Not used with background.",
    )
    background: bool = Field(
        default=False,
        description="Return at once and let the command run on, without a time limit.",
    )

    @field_validator("env")
    @classmethod
    def _are_assignments(cls, env: list[str]) -> list[str]:
        for variable in env:
            if "=" not in variable:
                raise ValueError('each variable is written as "NAME=value"')
        return env

    def question(self) -> str:
        """The command in full, and how it runs where that is unusual."""
        notes = self._notes()
        return f"{self.command}\n[{', '.join(notes)}]" if notes else self.command

    def _notes(self) -> list[str]:
        notes = [f"in {self.cwd}"] if self.cwd not in _HERE else []
        notes += [f"with {variable}" for variable in self.env]
        return notes + (["in the background"] if self.background else [])


class ShellExecArguments(ExecArguments):
    """Arguments of exec where commands share a shell."""

    cwd: str = Field(
        default="",
        description="The folder to run in; unless given, the folder where the last command ended. "
        "Relative paths start at the workspace root.",
    )

    def _notes(self) -> list[str]:
        where = ["where the last command ended"] if self.cwd in _HERE else []
        return where + super()._notes()


class InteractiveExecArguments(ExecArguments):
    """Arguments of exec where there is `send`."""

    interactive: bool = Field(
        default=False,
        description="Start a program to type into with send, such as python3 -i. Returns after "
        "a second and lets it run on, without a time limit.",
    )

    def _notes(self) -> list[str]:
        return super()._notes() + (["open to further input"] if self.interactive else [])


class InteractiveShellExecArguments(ShellExecArguments, InteractiveExecArguments):
    """Arguments of exec where commands share a shell and there is `send`."""


class JobArguments(Arguments):
    """Arguments of job."""

    job_id: str = Field(
        default="", description="The job, as exec named it. Without it, all jobs are listed."
    )
    wait: float = Field(
        default=0, ge=0, le=_LONGEST, description="Seconds to wait for the job to end."
    )
    kill: bool = Field(default=False, description="Kill the job and every process that it started.")

    @model_validator(mode="after")
    def _kills_a_job(self) -> "JobArguments":
        if self.kill and not self.job_id:
            raise ValueError("kill needs a job_id")
        return self

    def is_mutating(self) -> bool:
        """See Arguments."""
        return self.kill


class SendArguments(Arguments):
    """Arguments of send."""

    job_id: str = Field(description="The job, as exec named it.")
    text: str = Field(
        description="What to type, with a newline at the end of each line. Empty to check output."
    )
    eof: bool = Field(
        default=False, description="Close the input after the text, as Ctrl-D does in a terminal."
    )
    wait: float = Field(
        default=_REPLY, ge=0, le=_LONGEST, description="Seconds to wait for new output."
    )

    def is_mutating(self) -> bool:
        """See Arguments."""
        return bool(self.text) or self.eof


async def _exec(call: Call, arguments: ExecArguments, *, shell: str | None = None) -> Result:
    interactive = isinstance(arguments, InteractiveExecArguments) and arguments.interactive
    return await operations.exec.exec(
        call.workspace,
        arguments.command,
        cwd=None if arguments.cwd in _HERE else arguments.cwd,
        env=dict(variable.split("=", 1) for variable in arguments.env),
        timeout=None if interactive else arguments.timeout,
        background=arguments.background,
        yield_after=_GREETING if interactive else call.yield_after,
        interactive=interactive,
        shell=shell,
        on_output=call.on_output,
    )


async def _job(call: Call, arguments: JobArguments) -> Result:
    if not arguments.job_id:
        return await operations.exec.list_jobs(call.workspace)
    if arguments.kill:
        return await operations.exec.kill(call.workspace, arguments.job_id)
    return await operations.exec.job(call.workspace, arguments.job_id, wait=arguments.wait)


async def _send(call: Call, arguments: SendArguments) -> Result:
    return await operations.exec.send(
        call.workspace, arguments.job_id, arguments.text, eof=arguments.eof, wait=arguments.wait
    )


_FRESH = (
    "Each command starts fresh: cd and variables do not carry over to the next command; files and "
    "servers do."
)
_SHARED = (
    "cd and exported variables carry over to the next command, unless the command was killed. "
    "Files and servers stay as well; other variables and functions do not."
)
_NO_INPUT = "There is no terminal and no input, so use flags such as --yes."
_INPUT = (
    "There is no terminal, so use flags such as --yes; to type into a program, use "
    "interactive=true and send."
)


def _about_exec(row: Tool, state: str = _FRESH, stdin: str = _NO_INPUT) -> str:
    return (
        "Run a shell command in the workspace, under bash where it is installed. Returns what it "
        f"printed to stdout and stderr, and its exit code. {state} {stdin} Output over "
        f"{row.limits.output_bytes:,} bytes per stream is cut to its head and tail, and the path "
        "of the full output is given. Commands that exceed the timeout are killed; for servers and "
        "long work use background=true, which tells where the output goes."
    )


def _about_job(row: Tool) -> str:
    return (
        "Check a command that still runs: one that exec started with background=true, or answered "
        "as still running. Returns its output since the last check, whether it is running, and its "
        f"exit code. Can wait for it to end (at most {row.limits.window:g} seconds in one call), "
        "or kill it."
    )


def _about_send(row: Tool) -> str:
    return (
        "Type text into a command that exec started with interactive=true. Returns as soon as "
        f"there is new output (after at most {row.limits.window:g} seconds in one call): its "
        "output since the last check, whether it is running, and its exit code. More output may "
        "follow: check again with an empty text. There is no terminal, so control characters do "
        "nothing."
    )


EXEC = Tool(
    "exec",
    "Run a command",
    _about_exec,
    ExecArguments,
    _exec,
    starts_commands=True,
    open_world=True,
)


def exec_with(*, shell: str | None, interactive: bool) -> Tool:
    """The tool `exec` whose commands share a shell of that name, or can be typed into."""
    if shell is not None:
        operations.exec.check_shell(shell)
    arguments = {
        (False, False): ExecArguments,
        (False, True): InteractiveExecArguments,
        (True, False): ShellExecArguments,
        (True, True): InteractiveShellExecArguments,
    }
    return replace(
        EXEC,
        text=partial(
            _about_exec,
            state=_FRESH if shell is None else _SHARED,
            stdin=_INPUT if interactive else _NO_INPUT,
        ),
        arguments=arguments[shell is not None, interactive],
        call=partial(_exec, shell=shell),
    )


JOB = Tool("job", "Check or kill a background command", _about_job, JobArguments, _job)

SEND = Tool("send", "Type into a command", _about_send, SendArguments, _send, open_world=True)
