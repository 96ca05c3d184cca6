"""What is done in a session, written once for both colours."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import RecoverableError
from daytona_toolkit.tools import valid_unicode

T = TypeVar("T")


@dataclass(frozen=True)
class Ask:
    """A call of the session, in either colour."""

    method: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]


# Asks the session, is sent the answers, and returns what a framework wants.
Steps = Generator[Ask, Any, T]


def ask(method: str, *arguments: Any, **options: Any) -> Ask:
    """A call of the session, to be yielded; what comes back is its answer, or its error."""
    return Ask(method, arguments, options)


def run(session: SandboxSession, steps: Steps[T]) -> T:
    """Go through the steps in this thread."""
    try:
        asked = next(steps)
        while True:
            try:
                answer = getattr(session, asked.method)(*asked.arguments, **asked.options)
            except RecoverableError as error:  # noqa: PERF203
                asked = steps.throw(valid_unicode(error))
            else:
                asked = steps.send(valid_unicode(answer))
    except StopIteration as end:
        return cast("T", end.value)


async def arun(session: SandboxSession, steps: Steps[T]) -> T:
    """Go through the steps on this loop."""
    try:
        asked = next(steps)
        while True:
            method = getattr(session, f"a{asked.method}")
            try:
                answer = await method(*asked.arguments, **asked.options)
            except RecoverableError as error:
                asked = steps.throw(valid_unicode(error))
            else:
                asked = steps.send(valid_unicode(answer))
    except StopIteration as end:
        return cast("T", end.value)
