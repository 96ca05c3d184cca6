"""Tool, a row of the tool table: its description, its arguments, and how it runs."""

import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from daytona_toolkit._callbacks import CallbackQueue
from daytona_toolkit._masking import valid_unicode
from daytona_toolkit._operations.exec import OnOutput
from daytona_toolkit._operations.read.result import ReadResult
from daytona_toolkit._result import Image, Result
from daytona_toolkit._seen import SeenFiles
from daytona_toolkit._session import SandboxSession
from daytona_toolkit._sharing import check_session
from daytona_toolkit._text import without_middle
from daytona_toolkit._twins import Operation
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import InvalidArgumentError, RecoverableError
from daytona_toolkit.limits import Limits

_NETWORK = {
    None: "",
    False: " There is no network: downloads and package installs fail.",
    True: " The network can be used.",
}

_PREFIXED = (
    " The tools whose names begin with {0} work in one workspace. Where a text names one of them, "
    "put {0} before the name."
)

# Characters of a wrong argument that are repeated in the message about it.
_REPEATED = 80

# What those were shown who use rows that were not chosen for an agent.
_SEEN_BY_ALL = SeenFiles()

# Bytes of a call that a person is asked about, and of an error: arguments can be of any length.
_ENOUGH = 4000


def _for_models(schema: dict[str, Any]) -> None:
    """Leave out our names of classes and their docstrings, which tell a model nothing."""
    schema.pop("title", None)
    schema.pop("description", None)
    for each in schema.get("properties", {}).values():
        each.pop("title", None)


class Arguments(BaseModel):
    """Base of the arguments of a tool.

    The models are flat and have no optional types, because frameworks and providers treat
    both in different ways.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_for_models)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_the_default(cls, values: Any) -> Any:
        """Models write null or an empty text for what they would leave out."""
        if not isinstance(values, dict):
            return values
        texts = {name for name, field in cls.model_fields.items() if isinstance(field.default, str)}
        return {
            name: value
            for name, value in values.items()
            if value is not None and not (value == "" and name in texts)
        }

    def target(self) -> str:
        """What the call is about, for a log: its first argument."""
        return str(next(iter(self.model_dump().values()), ""))

    def is_mutating(self) -> bool:
        """Whether the call changes something; of a tool that is `read_only` none does."""
        return True

    def question(self) -> str:
        """The call, for a person who is asked to approve it."""
        given = self.model_dump(exclude_unset=True)
        return "\n".join(f"{name}: {value}" for name, value in given.items())


@dataclass(frozen=True)
class Call:
    """Where a tool runs.

    Attributes:
        workspace: The workspace.
        seen: What the agent was shown of files.
        on_output: Takes new output of a command; None if nobody wants it.
        yield_after: Seconds that the caller waits for a command; None for its end.
    """

    workspace: Workspace
    seen: SeenFiles
    on_output: OnOutput | None = None
    yield_after: float | None = None

    def known(self, path: str) -> str | None:
        """The version of a file that the agent was shown; None if it was shown none."""
        return self.seen.get(self.workspace, path)

    def show(self, path: str, version: str) -> None:
        """The agent is shown a version of a file."""
        self.seen.put(self.workspace, path, version)


@dataclass(frozen=True)
class Rendered:
    """An outcome as a model and a program see it.

    Attributes:
        text: What the model is told.
        data: The same for programs, safe for JSON; without the bytes of pictures.
        images: Pictures to show to the model beside the text.
        is_error: Whether the tool could not do what was asked. A command that fails is no
            error: its exit code is what was asked for.
    """

    text: str
    data: dict[str, Any]
    images: tuple[Image, ...] = ()
    is_error: bool = False

    def __str__(self) -> str:
        return self.text

    def within(self, limit: int) -> "Rendered":
        """The same with at most so many bytes of text: of a longer one the middle is left out.

        Args:
            limit: Bytes of UTF-8.
        """
        return replace(self, text=without_middle(self.text, limit))


def render(outcome: Result | RecoverableError, *, line_numbers: bool = True) -> Rendered:
    """An outcome as a model and a program see it.

    Args:
        outcome: What an operation returned, or the error that it raised.
        line_numbers: Whether lines of a file begin with their number, as in `12|text`.
    """
    shown = valid_unicode(outcome)
    if isinstance(shown, RecoverableError):
        message = without_middle(str(shown), _ENOUGH)
        data = {"error": type(shown).__name__, "message": message}
        return Rendered(f"Error: {message}", data, is_error=True)
    text = shown.text(line_numbers=line_numbers) if isinstance(shown, ReadResult) else shown.text()
    return Rendered(text, shown.data(), shown.images())


@dataclass(frozen=True)
class Tool:
    """A row of the tool table.

    Attributes:
        name: Its name.
        title: A name for people.
        text: What a model is told of it, or a function that says that, given the row.
        arguments: The model of its arguments.
        call: Does it.
        read_only: Whether it never changes anything.
        destructive: Whether it can delete or overwrite what was there.
        idempotent: Whether a second call with the same arguments changes nothing more.
        open_world: Whether it can reach beyond the workspace.
        starts_commands: Whether it starts commands; the description then tells of their network.
        limits: The limits of the session that its description speaks of.
        network: Whether the session's commands reach the network; None if it is not known.
        line_numbers: Whether lines of a file begin with their number, as in `12|text`.
        prefix: What its model finds before its name, and before those of the tools beside it.
        seen: What the agent that has the tool was shown of files. Rows that were not chosen for
            an agent remember together.
    """

    name: str
    title: str
    text: "str | Callable[[Tool], str]"
    arguments: type[Arguments]
    call: Callable[[Call, Any], Coroutine[Any, Any, Result]]
    read_only: bool = False
    destructive: bool = True
    idempotent: bool = False
    open_world: bool = False
    starts_commands: bool = False
    limits: Limits = field(default=Limits(), repr=False)
    network: bool | None = field(default=None, repr=False)
    line_numbers: bool = field(default=True, repr=False)
    prefix: str = field(default="", repr=False)
    seen: SeenFiles = field(default=_SEEN_BY_ALL, repr=False, compare=False)

    @property
    def description(self) -> str:
        """What a model is told of it."""
        text = self.text if isinstance(self.text, str) else self.text(self)
        network = _NETWORK[self.network] if self.starts_commands else ""
        return text + network + (_PREFIXED.format(self.prefix) if self.prefix else "")

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        schema: dict[str, Any] = json.loads(_schema_of(self.arguments))
        return schema

    def hints(self) -> dict[str, Any]:
        """What a program may want to know of it, in the words of MCP's annotations."""
        return {
            "title": self.title,
            "readOnlyHint": self.read_only,
            "destructiveHint": self.destructive,
            "idempotentHint": self.idempotent,
            "openWorldHint": self.open_world,
        }

    def load(self, text: str | bytes | bytearray) -> dict[str, Any]:
        """Arguments that a model gave as JSON, by name, unchecked; no text means none.

        Raises:
            InvalidArgumentError: They are no JSON object.
        """
        try:
            arguments = json.loads(text or "{}")
        except (ValueError, RecursionError) as error:
            raise InvalidArgumentError(
                f"{self.name} was not run: its arguments are not valid JSON: {error}."
            ) from None
        if not isinstance(arguments, dict):
            raise InvalidArgumentError(
                f"{self.name} was not run: its arguments are not a JSON object."
            )
        return arguments

    def parse(self, arguments: Mapping[str, Any] | str) -> Arguments:
        """Check arguments, convert them, and fill in what was left out.

        Raises:
            InvalidArgumentError: They do not fit; the message has all that is wrong.
        """
        if isinstance(arguments, str):
            arguments = self.load(arguments)
        try:
            return self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            wrong = "".join(f"\n- {self._complaint(dict(each))}" for each in error.errors())
            raise InvalidArgumentError(f"{self.name} was not run:{wrong}") from None

    def needs_approval(self, arguments: Mapping[str, Any] | str) -> bool:
        """Whether a call would change something; one with wrong arguments does nothing."""
        try:
            return not self.read_only and self.parse(arguments).is_mutating()
        except InvalidArgumentError:
            return False

    def question(self, arguments: Mapping[str, Any] | str) -> str:
        r"""A call in plain text, for a person who is asked to approve it.

        Args:
            arguments: By name or as JSON, unchecked; what is no JSON is shown as it stands.

        Returns:
            The tool's title and what the call does, a command in full and an edit as a diff.
            Of a long text the middle is left out. A character that would not be seen, or change
            how others are shown, is written as an escape, such as `\x1b`.

        Example:
            ```python
            if tool.needs_approval(arguments) and input(tool.question(arguments)) != "yes":
                ...
            ```
        """
        try:
            call = self.parse(arguments).question()
        except InvalidArgumentError:
            if isinstance(arguments, str):
                call = arguments
            else:
                call = "\n".join(f"{name}: {value}" for name, value in arguments.items())
        return f"{self.title}\n\n{_visible(without_middle(valid_unicode(call), _ENOUGH))}"

    def run(
        self,
        session: SandboxSession,
        arguments: Mapping[str, Any] | str,
        on_output: OnOutput | None = None,
        *,
        yield_after: float | None = None,
    ) -> Rendered:
        """Run the tool with arguments as a model gives them.

        Wrong arguments raise nothing: the model is told what it can do about them.

        Args:
            session: Where to run it.
            arguments: By name or as JSON, unchecked.
            on_output: Called in this thread with `"stdout"` or `"stderr"` and new text while
                a command runs. To follow it takes more requests than to wait for its end.
            yield_after: Seconds after which a command that still runs is answered with the id
                of its job and its output so far, and goes on until its timeout; as for
                `SandboxSession.exec`. None to wait for its end.

        Raises:
            TerminalError: The sandbox, the credentials or the session can no longer be used.
            TypeError: `session` is none.
        """
        outcome: Result | RecoverableError
        try:
            operation = self._operation(session, arguments, on_output, yield_after)
            outcome = session._perform(operation)
        except RecoverableError as error:
            outcome = error
        return render(session.mask.hide(outcome), line_numbers=self.line_numbers)

    async def arun(
        self,
        session: SandboxSession,
        arguments: Mapping[str, Any] | str,
        on_output: OnOutput | None = None,
        *,
        yield_after: float | None = None,
    ) -> Rendered:
        """`run` for async code; `on_output` is called on its loop and may be a coroutine."""
        outcome: Result | RecoverableError
        try:
            operation = self._operation(session, arguments, on_output, yield_after)
            outcome = await session._aperform(operation)
        except RecoverableError as error:
            outcome = error
        return render(session.mask.hide(outcome), line_numbers=self.line_numbers)

    def _operation(
        self,
        session: SandboxSession,
        arguments: Mapping[str, Any] | str,
        on_output: OnOutput | None,
        yield_after: float | None,
    ) -> Operation[Result]:
        check_session(session, f"The tool {self.name!r}", pool=False)
        parsed = self.parse(arguments)
        callbacks = CallbackQueue(on_output) if on_output else None
        call = Call(
            session._workspace, self.seen, callbacks.put if callbacks else None, yield_after
        )
        return Operation(self.name, parsed.target(), lambda: self.call(call, parsed), callbacks)

    def _complaint(self, error: dict[str, Any]) -> str:
        """What is wrong with one argument."""
        name = ".".join(map(str, error["loc"]))
        shown = repr(error["input"])
        if len(shown) > _REPEATED:
            shown = f"{shown[:_REPEATED]}..."
        match error["type"]:
            case "extra_forbidden":
                known = ", ".join(self.arguments.model_fields)
                return f"{name} is not an argument of {self.name}; it takes {known}"
            case "value_error":
                return ": ".join(filter(None, [name, str(error["ctx"]["error"])]))
        about = self.arguments.model_fields.get(name.partition(".")[0])
        what = f". It is: {about.description}" if about and about.description else ""
        if error["type"] == "missing":
            return f"{name} is missing{what}"
        return f"{name}: {error['msg'][:1].lower()}{error['msg'][1:]}, not {shown}{what}"


@cache
def _schema_of(arguments: type[Arguments]) -> str:
    """A schema as JSON: to make one takes 1 ms, and some frameworks ask at each step of a run."""
    return json.dumps(arguments.model_json_schema())


def _visible(text: str) -> str:
    """A text as it is: a terminal would obey some characters, and draw others in another order."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )


# A row of the table for a tool that changes nothing.
read_only_tool = partial(Tool, read_only=True, destructive=False, idempotent=True)
