"""What a session learns of a sandbox, and the programs that open and close it."""

from dataclasses import dataclass, fields, replace

from daytona_toolkit._remote import Reply, Source
from daytona_toolkit.errors import InvalidArgumentError, SandboxFailedError

OPEN = Source(__name__, "open")
CLOSE = Source(__name__, "close")

# What takes processes to find out. Empty until a search has needed it.
_LEARNT = ("find", "grep")


@dataclass(frozen=True)
class Facts:
    """What is known of a sandbox.

    Attributes:
        root: The folder that relative paths start from, absolute, symlinks resolved.
        home: The home folder of the sandbox's user.
        state: Our own folder in the sandbox.
        session: This session's folder in it.
        shell: What runs commands: bash where there is one.
        launch: Words of sh that become a command, in a session of its own and, if anything
            can, with SIGINT not ignored.
        swift: `yes` if the shell takes a program of some 100 KB within milliseconds.
        search_lacks: Tools that searching takes and that are missing.
        find: What find can do; see `abilities.sh`.
        grep: What grep can do.
    """

    root: str
    home: str
    state: str
    session: str
    shell: str
    launch: str
    swift: str
    search_lacks: str
    find: str = ""
    grep: str = ""

    def learn(self, reply: Reply) -> "Facts":
        """These, and what a program has found out to do its work."""
        found = {name: reply.values[name] for name in _LEARNT if name in reply.values}
        return replace(self, **found) if found else self


def facts_of(reply: Reply, root: str) -> Facts:
    """What `open.sh` says in a reply.

    Args:
        reply: The reply.
        root: The root that was asked for, or empty.

    Raises:
        SandboxFailedError: The sandbox lacks what every sandbox must have.
        InvalidArgumentError: The root cannot be used.
    """
    match reply.failure:
        case "tools":
            raise SandboxFailedError(
                f"The sandbox lacks these commands: {reply.values['names'].strip()}. Install "
                "the packages coreutils and util-linux in its image; a busybox that has "
                "these commands will do as well."
            )
        case "ksh":
            raise SandboxFailedError(
                "The sandbox's sh is a ksh, where a lock on a file does not hold, so edits could "
                "be lost. Use an image whose sh is bash, dash or busybox."
            )
        case "proc":
            raise SandboxFailedError(
                "A session with confined=True needs /proc, which the sandbox lacks. Mount it, or "
                "open the session without `confined`."
            )
        case "root":
            raise InvalidArgumentError(
                f"The root {root or 'folder'!r} cannot be made or entered in the sandbox; choose "
                "another `root`."
            )
        case "state":
            raise SandboxFailedError(
                "The session can have no folder of its own for temporary files in "
                f"{reply.text('temporary')!r} of the sandbox; make that writable, free some space "
                "there, or set TMPDIR to another folder."
            )
    names = [field.name for field in fields(Facts) if field.name not in _LEARNT]
    return Facts(**{name: reply.values.get(name) or reply.text(name) for name in names})
