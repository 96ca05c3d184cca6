"""The workspace: one sandbox, what was learnt of it, and the way requests go to it.

Operations are functions over a workspace. It knows no operation itself.
"""

import contextlib
import secrets
from collections import deque
from collections.abc import Mapping

from daytona_toolkit import _remote as remote
from daytona_toolkit._cache import FileCache
from daytona_toolkit._remote import Reply
from daytona_toolkit.errors import InvalidArgumentError, SandboxError, SandboxFailedError
from daytona_toolkit.limits import Limits
from daytona_toolkit.sandboxes import REQUEST_TIME, Sandbox

# What is gathered before a request takes it along to be removed, for the processes that this
# takes: marks of changes, and jobs, which others see in their lists until then.
_MARKS = 64
_JOBS = 8

# Linux takes 4,096 with the NUL behind it.
_LONGEST_PATH = 4095

# Names given to a request for removal that are remembered: it goes on after the reply.
_TAKEN = 256


class Workspace:
    """One sandbox, what was learnt of it, and the way requests go to it.

    Attributes:
        sandbox: The machine.
        limits: The bounds in force.
        root: The folder that relative paths start from, absolute, symlinks resolved.
        home: The home folder of the sandbox's user.
        state: Our own folder in the sandbox.
        shell: What runs commands: bash where there is one.
        env: Variables that every command gets.
        confined: Whether file operations stay under the root.
        files: What was last seen of files.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        root: str | None,
        env: Mapping[str, str],
        confined: bool,
        limits: Limits,
    ) -> None:
        self.sandbox = sandbox
        self.limits = limits
        self.root = root or ""
        self.home = self.state = self.shell = self.setsid = ""
        self.has_rg = False
        self.env = dict(env)
        self.confined = confined
        self.files = FileCache(limits.cache_bytes)
        self._marks: list[str] = []
        self._finished: deque[str] = deque()
        self._jobs: list[str] = []
        self._forgettable: list[str] = []
        self._taken: deque[str] = deque(maxlen=_TAKEN)

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return bool(self.state)

    async def open(self) -> None:
        """Open the sandbox and learn where things are in it: one request."""
        await self.sandbox.open()
        try:
            await self._look_around()
        except BaseException:
            await self.sandbox.close()
            raise

    async def _look_around(self) -> None:
        reply = await self.call("open", {"root": self.root})
        match reply.failure:
            case "tools":
                raise SandboxFailedError(
                    f"The sandbox lacks these commands: {reply.values['names'].strip()}. Install "
                    "coreutils and util-linux, or busybox, in its image."
                )
            case "root":
                raise InvalidArgumentError(
                    f"The root {self.root or 'folder'!r} cannot be made or entered in the "
                    "sandbox; choose another `root`."
                )
            case "state":
                raise SandboxFailedError(
                    "The sandbox has no folder for temporary files that can be written; make "
                    "/tmp writable or set TMPDIR."
                )
        self.root, self.home = reply.text("root"), reply.text("home")
        self.state = reply.text("state")
        self.shell, self.setsid = reply.values["shell"], reply.values["setsid"]
        self.has_rg = "rg" in reply.values

    async def close(self) -> None:
        """Remove what is left of this session in the sandbox, and close it."""
        names = self.take_forgettable(everything=True)
        opened, inputs = self.is_open, {"state": self.state, "forget": names}
        self.state = ""
        try:
            if opened and names and not getattr(self.sandbox, "owned", False):
                with contextlib.suppress(SandboxError):  # it may be gone, and they with it
                    await self.call("forget", inputs)
        finally:
            await self.sandbox.close()

    async def call(
        self,
        name: str,
        inputs: Mapping[str, str | int | None],
        functions: Mapping[str, str] | None = None,
        *,
        wait: float = 0.0,
    ) -> Reply:
        """Run one of our programs: one request.

        Args:
            name: The program.
            inputs: What it takes.
            functions: The functions that it takes.
            wait: Seconds that it waits by intention.

        Raises:
            SandboxError: The sandbox could not run it. That the program refused is no
                error here: see `Reply.failure`.
        """
        program = remote.program(name, inputs, functions, confined=self.confined)
        printed = await self.sandbox.run(program.text, timeout=REQUEST_TIME + wait)
        return remote.parse(program, printed)

    def resolve(self, path: str) -> str:
        """The absolute path of what a caller named; `~` is the home folder."""
        if not path:
            raise InvalidArgumentError("The path is empty; give the path of a file or folder.")
        if "\0" in path:
            raise InvalidArgumentError(f"The path {path!r} contains a NUL character; remove it.")
        check_encodable(path, "path")
        if path == "~" or path.startswith("~/"):
            path = self.home + path[1:]
        elif not path.startswith("/"):
            path = f"{self.root}/{path}"
        if len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH:
            raise InvalidArgumentError(
                f"The path has {len(path):,} characters; no system takes more than "
                f"{_LONGEST_PATH:,} bytes. It begins {path[:60]!r}."
            )
        # Only what cannot change the meaning: `..` behind a symlink is not its parent.
        return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))

    def place(self, path: str) -> dict[str, str]:
        """The inputs of a program that works on a path."""
        if self.confined:
            return {"path": path, "state": self.state, "confine": self.root}
        return {"path": path}

    def new_id(self, kind: str) -> str:
        """A name under the state folder: `job`, `change` or `upload`, and random digits."""
        return f"{kind}-{secrets.token_hex(6)}"

    def mark(self, name: str) -> None:
        """Remember the mark of a change, to be removed some time."""
        self._marks.append(name)

    def finished(self, job_id: str, *, keep: bool) -> None:
        """Remember a job whose result has arrived.

        Args:
            job_id: The job.
            keep: Whether its files may still be read; the oldest go first.
        """
        if keep:
            self._finished.append(job_id)
            if len(self._finished) > self.limits.kept_jobs:
                self._forgettable.append(self._finished.popleft())
        else:
            self._jobs.append(job_id)

    def is_forgotten(self, name: str) -> bool:
        """Whether a name under the state folder is about to be removed."""
        return any(name in names for names in (self._jobs, self._forgettable, self._taken))

    def take_forgettable(self, *, everything: bool = False) -> str:
        """Names under the state folder that the next request may remove."""
        names, self._forgettable = self._forgettable, []
        if everything:
            names += self._finished
            self._finished.clear()
        for gathered, enough in ((self._marks, _MARKS), (self._jobs, _JOBS)):
            if everything or len(gathered) >= enough:
                names += gathered
                gathered.clear()
        self._taken.extend(names)
        return " ".join(names)


def check_encodable(text: str, what: str) -> None:
    """Refuse text with lone surrogates that stand for no byte.

    Raises:
        InvalidArgumentError: It has some.
    """
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            f"The {what} contains {text[error.start]!r} at position {error.start}, half of a "
            "surrogate pair, which is no character; write the whole character."
        ) from None
