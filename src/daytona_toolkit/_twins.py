"""Makes a method and its twin for `async` code from one definition.

A method of a session is written once, as a coroutine function that runs on the loop that all
sessions share. `@both` turns it into the method that waits in the caller's thread, and `awaited`
makes the one for `async` code. Both have its signature and its docstring.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from daytona_toolkit._callbacks import CallbackQueue

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Performer")
F = TypeVar("F", bound=Callable[..., Any])

# Arguments that are called while the operation runs, where its caller waits.
_CALLBACKS = ("on_output", "on_progress")

# The attribute of a coroutine function that `about` sets.
_TARGET = "_target"


@dataclass(frozen=True)
class Operation(Generic[T]):
    """Something to do on the session's loop.

    Attributes:
        name: What it is called.
        target: The path or command that it is about.
        work: Does it.
        callbacks: The calls that it makes to its caller meanwhile, if any.
    """

    name: str
    target: str
    work: Callable[[], Coroutine[Any, Any, T]]
    callbacks: CallbackQueue | None = None


class Performer(Protocol):
    """A session, as far as its methods know it."""

    def _perform(self, operation: Operation[T]) -> T:
        """Do it, and wait in this thread."""
        ...

    async def _aperform(self, operation: Operation[T]) -> T:
        """Do it, and wait on this loop."""
        ...


class both(Generic[S, P, T]):  # noqa: N801 - a decorator
    """A method that waits for what a coroutine function does.

    Args:
        function: The coroutine function.
    """

    def __init__(self, function: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

        @functools.wraps(function)
        def waits(session: S, /, *args: P.args, **options: P.kwargs) -> T:
            return session._perform(self.operation(session, *args, **options))

        self._waits: Any = _of_a_plain_function(waits)

    @property
    def function(self) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
        """What both do."""
        return self._function

    def operation(self, session: S, /, *args: P.args, **options: P.kwargs) -> Operation[T]:
        """What a call asks for."""
        given: dict[str, Any] = dict(options)
        callbacks = None
        for name in _CALLBACKS:
            if given.get(name) is not None:
                callbacks = CallbackQueue(given[name])
                given[name] = callbacks.put
        first = args[0] if args else next(iter(given.values()), "")
        target = getattr(self._function, _TARGET, str)(first)
        function: Callable[..., Coroutine[Any, Any, T]] = self._function
        return Operation(
            self._function.__name__, target, lambda: function(session, *args, **given), callbacks
        )

    @overload
    def __get__(self, session: None, owner: type) -> Callable[Concatenate[S, P], T]: ...
    @overload
    def __get__(self, session: S, owner: type) -> Callable[P, T]: ...
    def __get__(self, session: S | None, owner: type) -> Callable[..., T]:
        return self._waits if session is None else MethodType(self._waits, session)


def about(target: Callable[[Any], str]) -> Callable[[F], F]:
    """Marks a coroutine function whose first argument is not what a log should have.

    Args:
        target: What a call is about, given that argument.
    """

    def mark(function: F) -> F:
        setattr(function, _TARGET, target)
        return function

    return mark


class awaited(Generic[S, P, T]):  # noqa: N801 - as `both`
    """The method for `async` code beside one that waits.

    Args:
        method: The one that waits.
    """

    def __init__(self, method: both[S, P, T]) -> None:
        function = method.function
        self.__doc__ = function.__doc__

        @functools.wraps(function)
        async def awaits(session: S, /, *args: P.args, **options: P.kwargs) -> T:
            return await session._aperform(method.operation(session, *args, **options))

        awaits.__name__ = f"a{function.__name__}"
        awaits.__qualname__ = awaits.__qualname__.rpartition(".")[0] + f".{awaits.__name__}"
        self._awaits: Any = awaits

    @overload
    def __get__(
        self, session: None, owner: type
    ) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, session: S, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, session: S | None, owner: type) -> Callable[..., Coroutine[Any, Any, T]]:
        return self._awaits if session is None else MethodType(self._awaits, session)


def _of_a_plain_function(waits: Callable[..., T]) -> Any:
    """Keep `inspect` from taking what waits for the coroutine function that it wraps."""
    waits.__signature__ = inspect.signature(waits)  # type: ignore[attr-defined]
    del waits.__wrapped__  # type: ignore[attr-defined]
    return waits
