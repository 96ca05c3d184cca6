"""What is done in a session, written once for both colours."""

import inspect
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import RecoverableError
from daytona_toolkit.tools import valid_unicode

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="HasSession")


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


class HasSession(Protocol):
    """What has methods that are steps."""

    _session: SandboxSession


def both(steps: Callable[Concatenate[S, P], Steps[T]]) -> Callable[Concatenate[S, P], T]:
    """Make steps a method that goes through them in its caller's thread."""

    @wraps(steps)
    def waits(self: S, /, *args: P.args, **options: P.kwargs) -> T:
        return run(self._session, steps(self, *args, **options))

    return waits


def awaited(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make the method for async code beside one that `both` has made."""
    steps = inspect.unwrap(method)

    @wraps(steps)
    async def awaits(self: S, /, *args: P.args, **options: P.kwargs) -> T:
        return await arun(self._session, steps(self, *args, **options))

    return awaits
