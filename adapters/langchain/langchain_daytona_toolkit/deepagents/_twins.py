"""Makes a method of a backend and its twin for `async` code from one coroutine method."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import RecoverableError
from daytona_toolkit.tools import wait_for
from langchain_daytona_toolkit.deepagents._answers import worded

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="HasSession")


class HasSession(Protocol):
    """What works in a session."""

    _session: SandboxSession


def twins(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
    failed: Callable[..., T] | None = None,
    *,
    before: str = "",
) -> tuple[Callable[Concatenate[S, P], T], Callable[Concatenate[S, P], Coroutine[Any, Any, T]]]:
    """The method that waits in its caller's thread, and the one for `async` code.

    Args:
        method: What both do.
        failed: What they answer where a model can correct the error, which is given as `error`.
        before: What its text begins with.
    """

    @wraps(method)
    async def awaits(self: S, /, *args: P.args, **options: P.kwargs) -> T:
        try:
            return await method(self, *args, **options)
        except RecoverableError as error:
            if failed is None:
                raise
            return failed(error=before + worded(error))

    @wraps(method)
    def waits(self: S, /, *args: P.args, **options: P.kwargs) -> T:
        return wait_for(self._session, awaits, self, *args, **options)

    return waits, awaits
