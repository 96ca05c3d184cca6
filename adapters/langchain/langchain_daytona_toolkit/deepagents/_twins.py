"""What is done in a session, written once for both colours."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import RecoverableError
from daytona_toolkit.tools import valid_unicode, wait_for

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="HasSession")


class HasSession(Protocol):
    """What works in a session."""

    _session: SandboxSession


def both(
    function: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], T]:
    """Make a coroutine function a method that waits for it in its caller's thread."""

    @wraps(function)
    def waits(self: S, /, *args: P.args, **options: P.kwargs) -> T:
        return wait_for(self._session, function, self, *args, **options)

    return waits


def awaited(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """The coroutine function of which `both` has made a method."""
    return cast("Callable[Concatenate[S, P], Coroutine[Any, Any, T]]", inspect.unwrap(method))


async def sendable(answer: Awaitable[T]) -> T:
    """What the session answers, or its error, in text that can be sent to a model."""
    try:
        return valid_unicode(await answer)
    except RecoverableError as error:
        raise valid_unicode(error) from None
