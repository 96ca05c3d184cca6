"""The session that a tool call uses: a given one, or one of a pool; and how to wait for it."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from typing import Any, ParamSpec, TypeAlias, TypeVar

from daytona_toolkit._pool import SessionPool, Use
from daytona_toolkit._session import SandboxSession

Context = TypeVar("Context")
P = ParamSpec("P")
T = TypeVar("T")

Key: TypeAlias = str | Callable[[Context], str | Awaitable[str]]
"""Which session of a pool a call has: a fixed key, or what finds it in the call's context."""


def check_session(session: Any, taker: str, *, pool: bool = True) -> None:
    """Refuse what is neither a session nor a pool, before a model calls a tool.

    Args:
        session: What tools are to work in.
        taker: What was given it, for the message.
        pool: Whether a pool will do.

    Raises:
        TypeError: It is neither a session nor a pool.
    """
    if not isinstance(session, SandboxSession | SessionPool if pool else SandboxSession):
        wanted = "a SandboxSession or a SessionPool" if pool else "a SandboxSession"
        advice = "A sandbox becomes a session by SandboxSession(sandbox)."
        if isinstance(session, SessionPool):
            advice = "A pool lends a session by `with pool.use(key) as session`."
        raise TypeError(f"{taker} takes {wanted}, and this is a {type(session).__name__}. {advice}")


def check_key(
    session: SandboxSession | SessionPool,
    key: Key[Context] | None,
    context: str,
    default: Key[Context] | None = None,
) -> Key[Context] | None:
    """Refuse a key without a pool, and a pool without a key.

    Args:
        session: What tools are to work in.
        key: Which session of a pool it is.
        context: The name of what a key may be a function of, for the message.
        default: The key of a pool unless another is given.

    Returns:
        The key.

    Raises:
        TypeError: They do not fit.
    """
    if isinstance(session, SandboxSession):
        if key is not None:
            raise TypeError("key= names a session of a SessionPool; a SandboxSession takes none.")
        return None
    key = default if key is None else key
    if not (isinstance(key, str) or callable(key)):
        raise TypeError(
            f"Which session of the pool is it? Give key=, a text or a function of the {context}."
        )
    return key


async def key_in(context: Context, key: Key[Context] | None) -> str | None:
    """The key of a call, found in its context where it is no fixed one."""
    found = key(context) if callable(key) else key
    return await found if inspect.isawaitable(found) else found


def use(
    session: SandboxSession | SessionPool, key: Key[Any] | None, context: Any = None
) -> Use | nullcontext[SandboxSession]:
    """The session of a call, for a `with` or an `async with` block.

    Args:
        session: A session, or a pool.
        key: Which session of the pool it is; a session needs none. Async code awaits `key_in`.
        context: What a key is found in that is a function.

    Raises:
        ValueError: There is no key, so that calls of all conversations would share a session.
        TypeError: The key is found by a coroutine function, which nothing awaits here.

    Example:
        ```python
        async with use(session, conversation) as one:
            shown = await tool.arun(one, arguments)
        ```
    """
    if isinstance(session, SandboxSession):
        return nullcontext(session)
    found: Any = key(context) if callable(key) else key
    if inspect.iscoroutine(found):
        found.close()
        raise TypeError(
            "key= is a coroutine function, which only async code can await. Give a plain function, "
            "or run the agent from async code."
        )
    if found is None or found == "":
        raise ValueError(
            f"Which session of the pool is it? The key of this call is {found!r}; give it one, or "
            "have the function that finds it raise."
        )
    return session.use(str(found))


def wait_for(
    session: SandboxSession,
    function: Callable[P, Coroutine[Any, Any, T]],
    /,
    *args: P.args,
    **options: P.kwargs,
) -> T:
    """Run a coroutine function on the session's own loop, and wait for it in this thread.

    With it an adapter writes what it does once, in `async` code, also for a framework that calls
    it in threads. An interrupt (Ctrl-C) cancels it.

    Args:
        session: Whose methods the function awaits.
        function: The coroutine function.
        args: Its arguments.
        options: Those by name.

    Raises:
        RuntimeError: The caller is on that loop, where nobody may wait.
        SessionClosedError: The session is closed, or is closed meanwhile.

    Example:
        ```python
        async def backup(name: str) -> bytes:
            await session.aexec(f"tar -cf {name} .", timeout=600)
            return await session.aread_bytes(name)

        content = wait_for(session, backup, "all.tar")
        ```
    """
    if session._runner.is_current():
        raise RuntimeError("use `await` in code that runs on the session's loop")
    return session._runner.start(lambda: function(*args, **options)).wait()
