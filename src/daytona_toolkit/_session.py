"""SandboxSession: every operation, for any thread and any event loop."""

import asyncio
import contextlib
import html
import logging
import time
import warnings
import weakref
from collections.abc import Mapping
from typing import Generic

from typing_extensions import Self, TypeVar

from daytona_toolkit import _operations as operations
from daytona_toolkit._arguments import AnyPath, check_variables
from daytona_toolkit._loop import Ending, Runner, closed_error
from daytona_toolkit._masking import Mask
from daytona_toolkit._result import Outcome, Result
from daytona_toolkit._text import count_of
from daytona_toolkit._tracing import span
from daytona_toolkit._transcript import Transcript
from daytona_toolkit._twins import Operation, twins
from daytona_toolkit._workspace import Workspace
from daytona_toolkit.errors import InvalidArgumentError, SandboxError
from daytona_toolkit.limits import Limits
from daytona_toolkit.sandboxes import Sandbox

T = TypeVar("T")
# The kind of sandbox, so that a type checker knows what `session.sandbox` has.
S_co = TypeVar("S_co", bound=Sandbox, covariant=True, default=Sandbox)

logger = logging.getLogger("daytona_toolkit")

# Seconds that an abandoned session has to give back its sandbox while Python ends.
_EXIT_CLOSE_TIMEOUT = 15.0


async def _is_alive(workspace: Workspace) -> bool:
    """Whether the sandbox still answers; opens the session if need be.

    Returns:
        Whether it does.

    Raises:
        TerminalError: The session is closed, or cannot be opened.

    Example:
        ```python
        session.is_alive()
        ```
    """
    try:
        await operations.read.exists(workspace, workspace.root)
    except SandboxError:
        return False
    return True


async def _open(workspace: Workspace) -> None:  # as every operation does before its own work
    """Make the sandbox ready; does nothing where it is.

    Raises:
        TerminalError: The sandbox cannot be used.

    Example:
        ```python
        session.open()
        print(session.root)
        ```
    """


class SandboxSession(Generic[S_co]):
    """A live workspace: commands and files in one sandbox.

    A session may be shared between threads, event loops and frameworks. Each method has a twin
    for `async` code, with an `a` before its name: `exec` and `aexec`. The first operation opens
    the session, if nobody has.

    Args:
        sandbox: The machine; the session closes it at the end.
        root: The folder that relative paths start from, for files and commands alike; made
            if it is missing. `~` is the home of the sandbox's user. The sandbox's own work folder
            unless given.
        env: Variables for every command.
        secrets: Variables for every command, too. Every result, error and piece of output has
            `***` in place of their values and of each line of these (of six characters or more).
        confined: Whether file operations refuse what lies outside `root` once symlinks are
            resolved. Commands are not bound by it.
        limits: Bounds on what is sent, kept and shown.

    Attributes:
        sandbox: The machine.
        confined: Whether file operations stay under the root.
        limits: The bounds in force.
        transcript: What was done, the newest operations of it.
        mask: Called with a text, returns it with `***` in place of secrets; false if it knows
            none.

    Raises:
        InvalidArgumentError: `sandbox` is not a sandbox, `limits` are not `Limits`, or a variable
            is not text.

    Example:
        ```python
        with SandboxSession(LocalSandbox()) as session:
            session.write("hello.py", "print('hello')")
            print(session.exec("python3 hello.py").stdout)
        ```
    """

    def __init__(
        self,
        sandbox: S_co,
        *,
        root: AnyPath | None = None,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        confined: bool = False,
        limits: Limits | None = None,
    ) -> None:
        if isinstance(sandbox, type) or not isinstance(sandbox, Sandbox):
            raise InvalidArgumentError(
                f"A session takes a sandbox, not {sandbox!r}; give it LocalSandbox(), "
                "LocalSandbox(folder) or DaytonaSandbox.create()."
            )
        if limits is not None and not isinstance(limits, Limits):
            raise InvalidArgumentError(f"limits is {limits!r:.200}; give Limits(...).")
        self.sandbox: S_co = sandbox
        self.confined = confined
        self.limits = limits or Limits()
        self.transcript = Transcript()
        for variables in (env, secrets):
            if variables is not None:
                check_variables(variables)
        self.mask = Mask((secrets or {}).values())
        self._workspace = Workspace(
            sandbox,
            root=root,
            env=env or {},
            secrets=secrets or {},
            confined=confined,
            limits=self.limits,
            mask=self.mask,
        )
        self._commands = 0
        self._opening = asyncio.Lock()
        self._runner = Runner()
        self._finalizer = weakref.finalize(self, _close_forgotten, self._runner, self._workspace)

    @property
    def is_open(self) -> bool:
        """Whether it was opened, by `open` or its first operation, and not closed since."""
        return bool(self._workspace.known_root)

    @property
    def root(self) -> str:
        """The folder that relative paths start from, absolute.

        Raises:
            InvalidArgumentError: The session is not open yet; `open()` it first.
            SessionClosedError: The session is closed.
        """
        if self._runner.is_closed:
            raise closed_error()
        if not (root := self._workspace.known_root):
            raise InvalidArgumentError(
                "The session is not open, so its root is not known yet; call open() or aopen() "
                "first."
            )
        return root

    @property
    def network(self) -> bool | None:
        """Whether commands reach the network; None where the sandbox does not say."""
        return getattr(self.sandbox, "network", None)

    # Signatures and docstrings are those of the functions.
    exec, aexec = twins(operations.exec.exec)
    read, aread = twins(operations.read.read)
    write, awrite = twins(operations.write.write)
    edit, aedit = twins(operations.edit.edit)
    apply_patch, aapply_patch = twins(
        operations.patch.apply_patch, target=operations.patch.files_of
    )
    exists, aexists = twins(operations.read.exists)
    stat, astat = twins(operations.files.stat)
    realpath, arealpath = twins(operations.files.realpath)
    mkdir, amkdir = twins(operations.files.mkdir)
    move, amove = twins(operations.files.move)
    remove, aremove = twins(operations.files.remove)
    read_bytes, aread_bytes = twins(operations.read.read_bytes)
    ls, als = twins(operations.ls.ls)
    glob, aglob = twins(operations.glob.glob)
    grep, agrep = twins(operations.grep.grep)
    upload, aupload = twins(operations.upload.upload)
    download, adownload = twins(operations.download.download)
    job, ajob = twins(operations.exec.job)
    jobs, ajobs = twins(operations.exec.jobs)
    send, asend = twins(operations.exec.send)
    kill, akill = twins(operations.exec.kill)
    checkpoint, acheckpoint = twins(operations.checkpoint.checkpoint)
    checkpoints, acheckpoints = twins(operations.checkpoint.checkpoints)
    restore, arestore = twins(operations.checkpoint.restore)
    diff, adiff = twins(operations.checkpoint.diff)
    preview, apreview = twins(operations.preview.preview)
    is_alive, ais_alive = twins(_is_alive)
    open, aopen = twins(_open)

    def close(self) -> None:
        """Stop what runs, and release all that the session owns.

        Calls under way get a `SessionClosedError`. The session cannot be used again.

        Raises:
            SandboxError: The sandbox could not be closed.

        Example:
            ```python
            session.close()
            ```
        """
        if ending := self._start_closing():
            ending.wait()

    async def aclose(self) -> None:
        """`close` for async code."""
        if ending := self._start_closing():
            await ending.wait_async()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            with contextlib.suppress(SandboxError):  # the first error counts
                self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        try:
            await self.aopen()
        except BaseException:
            with contextlib.suppress(SandboxError):
                await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self._summary().items())
        return f"<SandboxSession {shown}>"

    def _repr_html_(self) -> str:
        """A small table, for notebooks."""
        cells = (
            f"<tr><th style='text-align:left'>{name}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._summary().items()
        )
        return f"<table><caption>SandboxSession</caption>{''.join(cells)}</table>"

    def _summary(self) -> dict[str, str]:
        """What the session is, as far as it is known without a request."""
        state, unknown = "open" if self.is_open else "not open yet", "not known yet"
        if self._runner.is_closed:
            state, unknown = "closed", "not known"
        return {
            "sandbox": self.sandbox.id,
            "root": self._workspace.known_root or unknown,
            "state": state,
            "running": count_of(self._commands + self._workspace.ledger.running, "job"),
        }

    def _perform(self, operation: Operation[T]) -> T:
        """Do an operation on the session's loop, and wait in this thread."""
        if self._runner.is_current():
            name = operation.name
            raise RuntimeError(
                f"use `await session.a{name}(...)`, or `await tool.arun(...)`, in code that runs "
                "on the session's loop"
            )
        return self._runner.start(lambda: self._carry_out(operation)).wait(operation.callbacks)

    async def _aperform(self, operation: Operation[T]) -> T:
        """Do an operation on the session's loop, and wait on this loop."""
        asyncio.get_running_loop()  # trio has none, and must learn it before anything runs
        call = self._runner.start(lambda: self._carry_out(operation))
        return await call.wait_async(operation.callbacks)

    async def _carry_out(self, operation: Operation[T]) -> T:
        """Do one operation: open what is not open, and write down how it went."""
        name, target = operation.name, self.mask(operation.target)
        started = time.monotonic()
        self._commands += name == "exec"
        with span(name, self.sandbox.id, target) as note:
            try:
                async with self._opening:
                    if not self._workspace.is_open:
                        await self._workspace.open()
                result = self.mask.hide(await operation.work())
                note.outcome = outcome_of(result)
            except SandboxError as error:
                note.outcome = Outcome(False, type(error).__name__)
                if (shown := self.mask.hide(error)) is not error:
                    raise shown from None
                raise
            except Exception as error:
                note.outcome = Outcome(False, type(error).__name__)
                raise
            finally:
                self._commands -= name == "exec"
                duration = time.monotonic() - started
                step = self.transcript.add(name, target, note.outcome, duration)
                what = f"{name} {step.target}".rstrip()
                where = self.sandbox.id
                logger.info("%s: %s (%.3f s, sandbox %s)", what, step.outcome, duration, where)
        return result

    def _start_closing(self) -> Ending | None:
        """Begin to close; None where there is nothing to close, or no longer."""
        self._finalizer.detach()
        return self._runner.finish(self._workspace.close)


def outcome_of(result: object) -> Outcome:
    """Whether an operation did what was asked, and how it went, in a few words."""
    match result:
        case Result():
            return result.outcome()
        case bytes():
            return Outcome(True, count_of(len(result), "byte"))
        case bool():
            return Outcome(True, "yes" if result else "no")
        case list():
            return Outcome(True, f"{len(result):,} found")
    return Outcome(True, "done")


def _close_forgotten(runner: Runner, workspace: Workspace) -> None:
    """Release what a session owned that nobody closed."""
    was_open = workspace.has_sandbox  # opening it may have failed
    ending = runner.finish(workspace.close)
    if ending is None:
        return
    try:
        if was_open:
            warnings.warn(
                f"A session over {workspace.sandbox.id} was not closed; use it in a `with` block, "
                "or call close().",
                ResourceWarning,
                stacklevel=2,
            )
    finally:  # where warnings are errors, it is raised
        ending.wait_in_finalizer(_EXIT_CLOSE_TIMEOUT)
