"""Makes a method of a session and its twin for `async` code from one coroutine function.

An operation is a coroutine function over a `Workspace`, which runs on the loop that all sessions
share. `twins` makes the method that waits for it in the caller's thread, and the one for `async`
code. Both have its signature, without the workspace, and its docstring.
"""

import functools
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from daytona_toolkit._callbacks import CallbackQueue
from daytona_toolkit._workspace import Workspace

if TYPE_CHECKING:
    from daytona_toolkit._session import SandboxSession

P = ParamSpec("P")
T = TypeVar("T")

# Arguments that are called while the operation runs, where its caller waits.
_CALLBACKS = ("on_output", "on_progress")


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


def twins(
    function: Callable[Concatenate[Workspace, P], Coroutine[Any, Any, T]],
    *,
    target: Callable[[Any], str] = str,
) -> tuple[
    Callable[Concatenate["SandboxSession[Any]", P], T],
    Callable[Concatenate["SandboxSession[Any]", P], Coroutine[Any, Any, T]],
]:
    """The method that waits in the caller's thread, and the one for `async` code.

    Args:
        function: What both do.
        target: What a call is about, for a log, given its first argument.
    """
    name = function.__name__.removeprefix("_")
    _, *parameters = inspect.signature(function).parameters.values()
    first = parameters[0].name if parameters else ""

    def operation(session: "SandboxSession[Any]", *args: Any, **options: Any) -> Operation[T]:
        callbacks = None
        for each in _CALLBACKS:
            if options.get(each) is not None:
                callbacks = CallbackQueue(options[each])
                options[each] = callbacks.put
        about = target(args[0] if args else options.get(first, ""))
        call = functools.partial(function, session._workspace, *args, **options)
        return Operation(name, about, call, callbacks)

    @functools.wraps(function)
    def waits(self: "SandboxSession[Any]", /, *args: P.args, **options: P.kwargs) -> T:
        return self._perform(operation(self, *args, **options))

    @functools.wraps(function)
    async def awaits(self: "SandboxSession[Any]", /, *args: P.args, **options: P.kwargs) -> T:
        return await self._aperform(operation(self, *args, **options))

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.signature(function).replace(parameters=[own, *parameters])
    for prefix, method in (("", waits), ("a", awaits)):
        method.__name__ = prefix + name
        method.__qualname__ = f"SandboxSession.{method.__name__}"
        method.__annotations__ = {
            **{each.name: each.annotation for each in parameters},
            "return": signature.return_annotation,
        }
        vars(method)["__signature__"] = signature
        del vars(method)["__wrapped__"]  # it has another first argument
    return waits, awaits
