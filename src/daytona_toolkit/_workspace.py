"""A sandbox together with what is known of it; sends programs to it."""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from weakref import WeakValueDictionary

from daytona_toolkit._arguments import AnyPath, check_path
from daytona_toolkit._cache import FileCache
from daytona_toolkit._cursors import Cursors
from daytona_toolkit._ledger import Ledger
from daytona_toolkit._masking import Mask
from daytona_toolkit._probe import CLOSE, OPEN, Facts, facts_of
from daytona_toolkit._remote import (
    Input,
    LostReplyError,
    Program,
    Reply,
    Source,
    cut_reply,
    parse,
    text_or_base64,
)
from daytona_toolkit._workers import in_thread_if_large
from daytona_toolkit.errors import (
    InvalidArgumentError,
    SandboxError,
    SandboxFailedError,
    SandboxGoneError,
    SandboxUnavailableError,
    StateLostError,
    WriteFailedError,
)
from daytona_toolkit.limits import Limits
from daytona_toolkit.sandboxes import REQUEST_TIME, Sandbox

# Linux takes 4,096 with the NUL after it.
_LONGEST_PATH = 4095

# Attempts to upload bytes that did not arrive whole; attempts when the answer is lost, and seconds
# after which no third one is begun.
_UPLOADS = 4
_ATTEMPTS = 10
_BUDGET = 30.0

# Seconds before each attempt to run a program. The first is at once; what cut it short, such as a
# lack of processes or memory, may be over by the next.
_PAUSES = (0.0, 0.1, 0.4, 1.0, 2.0)

# Seconds that a request waits for a command while the sandbox has many requests.
_BUSY_WINDOW = 1.0

# Bytes that travel inside a request to a shell that reads slowly: longer takes as long as the
# request that an upload costs.
_SLOW_INLINE = 32 * 1024


class Workspace:
    """A sandbox and what is known of it; sends programs to it.

    Attributes:
        sandbox: The machine.
        limits: The bounds in force.
        secrets: Variables that every command gets, whose values nobody is shown.
        confined: Whether file operations stay under the root.
        files: What was last seen of files.
        ledger: The numbers of requests, and what may be removed.
        mask: Puts `***` in place of secrets.
        cursors: How far the output of jobs was seen.
        has_sandbox: Whether the sandbox was opened and not closed.
        is_gone: Whether the sandbox has said that it no longer exists.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        root: AnyPath | None,
        env: Mapping[str, str],
        secrets: Mapping[str, str],
        confined: bool,
        limits: Limits,
        mask: Mask,
    ) -> None:
        self.sandbox = sandbox
        self.limits = limits
        self._env = dict(env)
        self.secrets = dict(secrets)
        self.confined = confined
        self.files = FileCache(limits.cache_bytes)
        self.ledger = Ledger(limits.kept_jobs, limits.kept_bytes)
        self.mask = mask
        self.cursors = Cursors()
        self._wanted_root = check_path(root) if root is not None else ""
        self._facts: Facts | None = None
        self._is_lost = False
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.has_sandbox = False
        self.is_gone = False

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._facts is not None and not self._is_lost

    @property
    def facts(self) -> Facts:
        """What is known of the sandbox."""
        assert self._facts, "the workspace is not open"
        return self._facts

    @property
    def root(self) -> str:
        """The folder that relative paths start from."""
        return self.facts.root

    @property
    def env(self) -> dict[str, str]:
        """Variables that every command gets: the session's, over those of the sandbox."""
        return {**getattr(self.sandbox, "command_env", {}), **self._env}

    @property
    def window(self) -> float:
        """Seconds that a request waits for a command, so that others have their turn as well."""
        is_busy = getattr(self.sandbox, "is_busy", False)
        return min(self.limits.window, _BUSY_WINDOW) if is_busy else self.limits.window

    @property
    def known_root(self) -> str:
        """The root; empty until the session is open."""
        facts = self._facts  # other threads ask for it, and the loop's may close it meanwhile
        return facts.root if facts else ""

    @property
    def inline_bytes(self) -> int:
        """Bytes that travel inside a request; more is uploaded first."""
        bound = self.limits.inline_bytes
        return bound if self.facts.swift else min(bound, _SLOW_INLINE)

    async def open(self) -> None:
        """Open the sandbox and learn what it has: one request."""
        is_new = not self.has_sandbox
        try:
            if is_new:
                with self.asking():
                    await self.sandbox.open()
                self.has_sandbox = True
            confined = "yes" if self.confined else ""
            reply = await self._send(OPEN, {"root": self._wanted_root, "confined": confined})
            self._facts = facts_of(reply, self._wanted_root)
            self._is_lost = False
        except BaseException:
            # One that has worked before holds files, and the next operation asks it again.
            if is_new:
                # Why it could not be opened counts, whether or not it can be closed.
                with contextlib.suppress(SandboxError), self.asking():
                    await self.sandbox.close()
                self.has_sandbox = False
            raise

    async def close(self) -> None:
        """Remove what is left of this session in the sandbox, and close it."""
        facts, self._facts = self._facts, None
        try:
            if facts and not self.sandbox.owned:
                if hasattr(self.sandbox, "wakes"):
                    self.sandbox.wakes = False  # a later session removes what is left
                names = self.ledger.pop_all()
                inputs = {"state": facts.state, "session": facts.session, "forget": names}
                with contextlib.suppress(SandboxError):  # it may be gone, and they with it
                    await self._send(CLOSE, inputs)
        finally:
            with self.asking():
                await self.sandbox.close()
            self.has_sandbox = False

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """While the sandbox is asked for something: what it raises becomes an error of ours."""
        try:
            yield
        except SandboxError as error:
            self.is_gone |= isinstance(error, SandboxGoneError)
            raise
        except Exception as error:
            raise SandboxFailedError(
                f"The sandbox {self.sandbox.id} failed with {type(error).__name__}: {error}. That "
                f"is a bug of {type(self.sandbox).__name__}: mend it, or report it to its authors."
            ) from error

    async def run(
        self,
        source: Source,
        is_whole: Callable[[Reply], bool] = lambda _: True,
        /,
        *,
        wait: float = 0.0,
        **inputs: Input,
    ) -> Reply:
        """Run a program that changes nothing: one request.

        Args:
            source: The program.
            is_whole: Whether no stage of it was lost; it is run again if one was.
            wait: Seconds that it waits by intention.
            inputs: What it takes besides what is known of the sandbox.

        Raises:
            SandboxError: The sandbox could not run it. That the program refused is no error
                here: see `Reply.failure`.
        """
        return await self._send(source, self._common(source) | inputs, wait, is_whole)

    async def change(
        self,
        source: Source,
        is_whole: Callable[[Reply], bool] = lambda _: True,
        /,
        *,
        data: bytes = b"",
        wait: float = 0.0,
        **inputs: Input,
    ) -> Reply:
        """Run a program that changes something: once, however often the request arrives.

        Args:
            source: The program. It has the inputs of `once.sh`.
            is_whole: As for `run`; the program tells once more what it did.
            data: Bytes that it takes along: by an upload, or inside the request if they are few and
                it has the inputs of `payload.sh`.
            wait: Seconds that it waits by intention.
            inputs: What it takes besides these and what is known of the sandbox.

        Raises:
            SandboxError: The sandbox could not run it.
            StateLostError: Its folder for temporary files was emptied.
        """
        carried: dict[str, Input] = {}
        if "content" in source.inputs:
            inline, data = (data, b"") if len(data) <= self.inline_bytes else (b"", data)
            carried["text"], carried["content"] = text_or_base64(inline)
        with self.ledger.number() as number:
            numbered: dict[str, Input] = {"number": number, **self.ledger.removals(number)}
            for _ in range(_UPLOADS):
                if "upload" in source.inputs:
                    numbered |= await self._upload(data)
                common = self._common(source)
                reply = await self._send(
                    source, common | carried | numbered | inputs, wait, is_whole
                )
                if reply.failure != "upload":
                    break
            else:
                raise SandboxUnavailableError(
                    f"{len(data):,} bytes were uploaded {_UPLOADS} times, and never arrived whole; "
                    "nothing was changed. Find out what damages uploads on the way to the sandbox."
                )
            if reply.failure:
                self.ledger.close(number)  # a copy of it might not be refused any more
            if reply.failure in ("closed", "late"):
                raise self.lost(
                    "The sandbox's folder for temporary files was emptied while the session used "
                    "it, so it cannot be told whether this operation took effect. Look at what "
                    "it should have done before doing it again."
                )
        return reply

    def lost(self, message: str) -> StateLostError:
        """The error that our folder was emptied, so that nobody knows how an operation went.

        The next operation opens the session anew; those under way keep what they know.
        """
        self._is_lost = True
        return StateLostError(message)

    def turn(self, full: str) -> asyncio.Lock:
        """The lock that edits of one file by this session hold, so that they do not race."""
        return self._turns.setdefault(full, asyncio.Lock())

    def resolve(self, path: AnyPath) -> str:
        """The absolute path of what a caller named; `~` is the home folder."""
        path = check_path(path)
        if path == "~" or path.startswith("~/"):
            path = self.facts.home + path[1:]
        elif not path.startswith("/"):
            path = f"{self.root}/{path}"
        if len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH:
            raise InvalidArgumentError(
                f"The path has {len(path):,} characters; no system takes more than "
                f"{_LONGEST_PATH:,} bytes. It begins {path[:60]!r}."
            )
        # `..` stays, because after a symlink it is not the folder that the text says.
        return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))

    async def upload(self, stem: str, data: bytes) -> str:
        """Upload bytes to a new file under the state folder, and return its name.

        Each attempt has its own name, because an upload that was given up may still arrive.

        Args:
            stem: What the name begins with.
            data: What is to be in the file.
        """
        clock, attempts = asyncio.get_running_loop().time, 0
        last = clock() + _BUDGET
        while True:
            name, attempts = f"{stem}-{secrets.token_hex(8)}", attempts + 1
            try:
                with contextlib.ExitStack() as failed, self.asking():
                    failed.callback(self.ledger.remove, name)  # a part of it may be there
                    await self.sandbox.upload(f"{self.facts.state}/{name}", data)
                    failed.pop_all()
                return name
            except SandboxUnavailableError:
                if attempts == _ATTEMPTS or (attempts > 1 and clock() > last):
                    raise
                await asyncio.sleep(min(2.0, 0.05 * 2**attempts))
            except WriteFailedError as error:
                raise WriteFailedError(
                    f"{len(data):,} bytes do not fit into the sandbox's folder for temporary "
                    f"files, {self.facts.state}, so nothing was changed. Make room there: remove "
                    "files that are not needed.",
                    self.facts.state,
                ) from error

    async def _upload(self, data: bytes) -> dict[str, Input]:
        """Upload what a program takes; the inputs of `upload.sh`."""
        if not data:
            return {"upload": ""}
        folder = self.facts.session.removeprefix(f"{self.facts.state}/")
        name = await self.upload(f"{folder}/upload", data)
        self.ledger.remove(name)
        return {
            "upload": f"{self.facts.state}/{name}",
            "upload_size": len(data),
            "upload_sum": (await in_thread_if_large(len(data), hashlib.sha256, data)).hexdigest(),
        }

    def _common(self, source: Source) -> dict[str, Input]:
        """What a program takes of what is known of the sandbox."""
        known = vars(self.facts) | {"confine": self.root if self.confined else ""}
        return {name: value for name, value in known.items() if name in source.inputs}

    async def _send(
        self,
        source: Source,
        inputs: Mapping[str, Input],
        wait: float = 0.0,
        is_whole: Callable[[Reply], bool] = lambda _: True,
    ) -> Reply:
        """Run a program, again if its reply was lost: once or often is the same to it."""
        lost = cut_reply(source.name)
        for pause in _PAUSES:
            if pause:
                await asyncio.sleep(pause)
            try:
                reply = await self._ask(source.program(inputs), wait)
                if self._facts:
                    self._facts = self._facts.learn(reply)
                if reply.failure or is_whole(reply):
                    return reply
            except LostReplyError as error:
                lost = error
        raise SandboxFailedError(str(lost))

    async def _ask(self, program: Program, wait: float) -> Reply:
        with self.asking():
            printed = await self.sandbox.run(program.text, timeout=REQUEST_TIME + wait)
        if not isinstance(printed, bytes):
            raise SandboxFailedError(
                f"The sandbox {self.sandbox.id} answered with {type(printed).__name__}, not bytes."
            )
        return await in_thread_if_large(len(printed), parse, program, printed)
