"""The tools: what models are told of them, which arguments they take, and how they run.

An adapter turns rows of this table into the tools of a framework:

```python
for name, tool in choose("core").items():
    framework.add(name, tool.description, tool.schema(), partial(tool.run, session))
```
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from daytona_toolkit._masking import MaskedOutput
from daytona_toolkit._operations.exec import Stream
from daytona_toolkit._rendering import Rendered as Rendered
from daytona_toolkit._rendering import render
from daytona_toolkit._session import SandboxSession
from daytona_toolkit.errors import InvalidArgumentError, RecoverableError
from daytona_toolkit.limits import MIB, Limits

OnOutput: TypeAlias = Callable[[Stream, str], Any]
Choice: TypeAlias = Literal["core", "read_only", "all"] | Sequence[str]
Request: TypeAlias = tuple[str, dict[str, Any]]

_DEFAULT = Limits()
_TIMEOUT = 120
_LONGEST = 3600
_LINES = 1_000_000_000
_CONTEXT = 20

# Characters of a wrong argument that are repeated in the message about it.
_REPEATED = 80

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _without_titles(schema: dict[str, Any]) -> None:
    """Frameworks differ in whether they strip these, and they tell a model nothing."""
    schema.pop("title", None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)


class Arguments(BaseModel):
    """Base of the arguments of a tool.

    The models are flat and have no optional types, because frameworks and providers treat
    both in different ways.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_without_titles)

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, values: Any) -> Any:
        """Models like to write null for what they leave out."""
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if value is not None}
        return values

    def request(self) -> Request:
        """The method of a session that is asked for, and its arguments."""
        raise NotImplementedError

    def changes_something(self) -> bool:
        """Whether the call does more than look."""
        return True


class ExecArguments(Arguments):
    """Arguments of exec."""

    command: str = Field(description="The command: one line, or a whole script.")
    cwd: str = Field(
        default=".",
        description="The folder to run in. Relative paths start at the workspace's root.",
    )
    env: list[str] = Field(
        default=[],
        description='Environment variables for this command, each written as "NAME=value".',
    )
    timeout: float = Field(
        default=_TIMEOUT,
        ge=1,
        le=_LONGEST,
        description="Seconds after which the command is ended. Not used with background.",
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

    def request(self) -> Request:
        """See Arguments."""
        variables = dict(variable.split("=", 1) for variable in self.env)
        return "exec", self.model_dump() | {"env": variables}


class _Looking(Arguments):
    """Base of the arguments of a tool that changes nothing."""

    def changes_something(self) -> bool:
        """See Arguments."""
        return False


class ReadArguments(_Looking):
    """Arguments of read."""

    file_path: str = Field(description="The file. Relative paths start at the workspace's root.")
    offset: int = Field(
        default=1, ge=1, le=_LINES, description="The number of the first line wanted, from 1."
    )
    limit: int = Field(
        default=_DEFAULT.read_lines,
        ge=1,
        le=_LINES,
        description="How many lines are wanted at the most.",
    )

    def request(self) -> Request:
        """See Arguments."""
        # Left out, it is the session's own limit, which need not be that of the schema.
        limit = self.limit if "limit" in self.model_fields_set else None
        return "read", {"path": self.file_path, "offset": self.offset, "limit": limit}


class WriteArguments(Arguments):
    """Arguments of write."""

    file_path: str = Field(description="The file. Relative paths start at the workspace's root.")
    content: str = Field(description="The whole new content, as text.")

    def request(self) -> Request:
        """See Arguments."""
        return "write", {"path": self.file_path, "content": self.content}


class EditArguments(Arguments):
    """Arguments of edit."""

    file_path: str = Field(description="The file. Relative paths start at the workspace's root.")
    old_string: str = Field(
        description="The text to replace, exactly as it stands in the file, without line numbers."
    )
    new_string: str = Field(description="The text to put in its place; may be empty.")
    replace_all: bool = Field(
        default=False,
        description="Replace the text wherever it stands; else it must stand in one place.",
    )

    def request(self) -> Request:
        """See Arguments."""
        values = self.model_dump()
        return "edit", {"path": values.pop("file_path")} | values


class LsArguments(_Looking):
    """Arguments of ls."""

    path: str = Field(
        default=".", description="The folder. Relative paths start at the workspace's root."
    )

    def request(self) -> Request:
        """See Arguments."""
        return "ls", self.model_dump()


class GlobArguments(_Looking):
    """Arguments of glob."""

    pattern: str = Field(
        description="A pattern for paths below the folder, such as **/*.py or src/*.{js,ts}."
    )
    path: str = Field(
        default=".", description="The folder. Relative paths start at the workspace's root."
    )

    def request(self) -> Request:
        """See Arguments."""
        return "glob", self.model_dump()


class GrepArguments(_Looking):
    """Arguments of grep."""

    pattern: str = Field(description="An extended regular expression, found within a line.")
    path: str = Field(
        default=".",
        description="The folder or file. Relative paths start at the workspace's root.",
    )
    glob: str = Field(default="", description="Search only files that match, such as *.py.")
    fixed: bool = Field(
        default=False, description="Take the pattern as plain text, not as a regular expression."
    )
    ignore_case: bool = Field(default=False, description="Let letters match in either case.")
    context: int = Field(
        default=0,
        ge=0,
        le=_CONTEXT,
        description="How many lines to show before and after each match.",
    )

    def request(self) -> Request:
        """See Arguments."""
        return "grep", self.model_dump() | {"glob": self.glob or None}


class JobArguments(Arguments):
    """Arguments of job."""

    job_id: str = Field(
        default="", description="The job, as exec named it. Without it, all jobs are listed."
    )
    wait: float = Field(
        default=0,
        ge=0,
        le=_DEFAULT.window,
        description="Seconds to wait for the end of the job.",
    )
    kill: bool = Field(
        default=False, description="End the job, with every process that it has started."
    )

    @model_validator(mode="after")
    def _kills_a_job(self) -> "JobArguments":
        if self.kill and not self.job_id:
            raise ValueError("kill needs a job_id")
        return self

    def request(self) -> Request:
        """See Arguments."""
        if not self.job_id:
            return "jobs", {}
        if self.kill:
            return "kill", {"job_id": self.job_id}
        return "job", {"job_id": self.job_id, "wait": self.wait}

    def changes_something(self) -> bool:
        """See Arguments."""
        return self.kill


@dataclass(frozen=True)
class Tool:
    """A row of the table.

    Attributes:
        name: Its name.
        description: What a model is told of it.
        arguments: The model of its arguments.
        read_only: Whether it never changes anything.
        destructive: Whether it can do away with what was there.
    """

    name: str
    description: str
    arguments: type[Arguments]
    read_only: bool = False
    destructive: bool = True

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return self.arguments.model_json_schema()

    def parse(self, arguments: Mapping[str, Any]) -> Arguments:
        """Check arguments, convert them, and fill in what was left out.

        Raises:
            InvalidArgumentError: They do not fit; the message has all that is wrong.
        """
        try:
            return self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            wrong = "".join(f"\n- {self._complaint(dict(each))}" for each in error.errors())
            raise InvalidArgumentError(f"{self.name} was not run:{wrong}") from None

    def needs_approval(self, arguments: Mapping[str, Any]) -> bool:
        """Whether a call would change something; one with wrong arguments does nothing."""
        try:
            return self.parse(arguments).changes_something()
        except InvalidArgumentError:
            return False

    def run(
        self,
        session: SandboxSession,
        arguments: Mapping[str, Any],
        on_output: OnOutput | None = None,
        *,
        line_numbers: bool = True,
    ) -> Rendered:
        """Run the tool with arguments as a model gives them.

        Whatever they are, they raise nothing: what the model can do something about is told
        to it.

        Args:
            session: Where to run it.
            arguments: By name, unchecked.
            on_output: Called in this thread with `"stdout"` or `"stderr"` and new text while
                a command runs. To follow it takes more requests than to wait for its end.
            line_numbers: Whether lines of a file begin with their number.

        Raises:
            TerminalError: The sandbox, the credentials or the session are of no more use.
        """
        output = MaskedOutput(session.mask, on_output) if on_output else None
        try:
            method, values = self._request(arguments, output)
            outcome = getattr(session, method)(**values)
            if output:
                output.rest()
        except RecoverableError as error:
            outcome = error
        return render(session.mask.hidden(outcome), line_numbers=line_numbers)

    async def arun(
        self,
        session: SandboxSession,
        arguments: Mapping[str, Any],
        on_output: OnOutput | None = None,
        *,
        line_numbers: bool = True,
    ) -> Rendered:
        """`run` for async code; `on_output` is called on its loop and may be a coroutine."""
        output = MaskedOutput(session.mask, on_output) if on_output else None
        try:
            method, values = self._request(arguments, output)
            outcome = await getattr(session, f"a{method}")(**values)
            for answer in output.rest() if output else ():
                if inspect.isawaitable(answer):
                    await answer
        except RecoverableError as error:
            outcome = error
        return render(session.mask.hidden(outcome), line_numbers=line_numbers)

    def _request(self, arguments: Mapping[str, Any], output: MaskedOutput | None) -> Request:
        method, values = self.parse(arguments).request()
        return method, values | ({"on_output": output} if output and method == "exec" else {})

    def _complaint(self, error: dict[str, Any]) -> str:
        """What is wrong with one argument."""
        name = ".".join(map(str, error["loc"]))
        shown = repr(error["input"])
        if len(shown) > _REPEATED:
            shown = f"{shown[:_REPEATED]}..."
        match error["type"]:
            case "missing":
                return f"{name} is missing"
            case "extra_forbidden":
                known = ", ".join(self.arguments.model_fields)
                return f"{name} is not an argument of {self.name}; it takes {known}"
            case "value_error":
                return ": ".join(filter(None, [name, str(error["ctx"]["error"])]))
        return f"{name}: {error['msg'][:1].lower()}{error['msg'][1:]}, not {shown}"


EXEC = Tool(
    "exec",
    "Run a shell command in the workspace, under bash where it is installed. The answer has "
    "what it printed to stdout and stderr, and its exit code. Each command starts fresh: cd "
    "and variables do not carry over to the next, files and servers do. It has no terminal "
    "and no input, so use flags such as --yes. Of more than "
    f"{_DEFAULT.output_bytes:,} bytes of output to a stream the beginning and the end are "
    "shown, and a file is named that has all of it. What takes longer than its timeout is "
    "ended; for servers and long work use background=true, which names the files that the "
    "output goes to.",
    ExecArguments,
)
READ = Tool(
    "read",
    "Read a text file, or look at a picture (PNG, JPEG, GIF, WebP of up to "
    f"{_DEFAULT.image_bytes // MIB} MiB). Each line begins with its number and a bar, as in "
    "12|text, which are not part of the file. One call returns up to "
    f"{_DEFAULT.read_lines:,} lines or {_DEFAULT.read_bytes:,} bytes, and says at which "
    f"offset to go on; lines over {_DEFAULT.line_chars:,} characters are clipped.",
    ReadArguments,
    read_only=True,
    destructive=False,
)
WRITE = Tool(
    "write",
    "Write a whole text file. Folders above it are made, and a file that is there is "
    "replaced. To change a part of a file, use edit.",
    WriteArguments,
)
EDIT = Tool(
    "edit",
    "Replace a text in a file by another; the rest of the file stays as it is. old_string "
    "must be exactly what stands in the file, blanks and indentation too, and in one place "
    "only: add lines around it to make it unique, or set replace_all. Line endings need no "
    "care. The answer shows the change as a diff.",
    EditArguments,
)
LS = Tool(
    "ls",
    "List a folder. Folders end in /, symlinks in @; the number behind a file is its size in "
    f"bytes. At most {_DEFAULT.entries:,} entries are shown.",
    LsArguments,
    read_only=True,
    destructive=False,
)
GLOB = Tool(
    "glob",
    "Find files and folders by a pattern of their path: * stands for any part of a name, ** "
    "for any folders, {a,b} for either. Names that begin with a dot are left out, unless the "
    "pattern has the dot. The answer has paths as the other tools take them, and the sizes of "
    f"files in bytes. At most {_DEFAULT.entries:,} are shown.",
    GlobArguments,
    read_only=True,
    destructive=False,
)
GREP = Tool(
    "grep",
    "Search the lines of text files in a folder and all below it, or of one file. The answer "
    "has path:number:line for each match, and path-number-line for lines around it. Files and "
    "folders whose names begin with a dot are left out, unless they are the path. At most "
    f"{_DEFAULT.entries:,} lines are shown.",
    GrepArguments,
    read_only=True,
    destructive=False,
)
JOB = Tool(
    "job",
    "See how a command stands that exec started with background=true: what it printed since "
    "the last look, whether it runs, its exit code. Can wait for its end, or end it.",
    JobArguments,
)

TOOLS = {tool.name: tool for tool in (EXEC, READ, WRITE, EDIT, LS, GLOB, GREP, JOB)}


def choose(tools: Choice = "core", prefix: str = "") -> dict[str, Tool]:
    """Rows of the table, by the names under which a model shall know them.

    Args:
        tools: `"core"` (exec, read, write, edit), `"read_only"`, `"all"`, or names.
        prefix: Put before each name, to tell two workspaces apart.

    Raises:
        ValueError: A name that does not exist, or one that models could not call.
    """
    if tools == "core":
        tools = ["exec", "read", "write", "edit"]
    elif tools == "read_only":
        tools = [tool.name for tool in TOOLS.values() if tool.read_only]
    elif tools == "all":
        tools = list(TOOLS)
    if isinstance(tools, str) or not all(name in TOOLS for name in tools):
        raise ValueError(
            f'There are no tools {tools!r}; say "core", "read_only", "all", or give a list of '
            f"names out of {', '.join(TOOLS)}."
        )
    for name in tools:
        if not _NAME.fullmatch(prefix + name):
            raise ValueError(
                f"{prefix + name!r} is no name for a tool: models allow up to 64 letters, "
                "digits, _ and -. Choose another prefix."
            )
    return {prefix + name: TOOLS[name] for name in tools}
