"""Every error that leaves this package.

A message says what happened, to what, and what to do next; its reader is often a model.

```text
SandboxError
├── RecoverableError           the caller can do something else
│   ├── InvalidArgumentError   an argument that no sandbox could accept
│   ├── PathError              something about a path; it has the attribute `path`
│   │   ├── PathNotFoundError
│   │   ├── NotAFileError      a folder, a device, a pipe
│   │   ├── NotAFolderError
│   │   ├── PathExistsError    something is there already, and was not to be replaced
│   │   ├── PathDeniedError    permissions, or a read-only file system
│   │   ├── OutsideRootError   a confined session was asked for a path outside its root
│   │   ├── BinaryFileError    not text, and not a picture that can be shown
│   │   ├── FileTooLargeError
│   │   ├── OffsetError        a window that starts after the end of the file
│   │   ├── FileChangedError   others have changed it meanwhile
│   │   └── WriteFailedError   the file could not be written: no space, a name too long
│   ├── MatchError
│   │   ├── NoMatchError
│   │   └── AmbiguousMatchError
│   ├── SearchPatternError     a regular expression or glob that does not parse
│   ├── JobNotFoundError
│   ├── JobInputError          a job that cannot be sent anything
│   ├── CheckpointError        git is missing, or could not do it
│   │   └── CheckpointNotFoundError
│   ├── PreviewError           a port that nobody outside the sandbox can reach
│   └── StateLostError         our files in the sandbox are gone, and an outcome with them
└── TerminalError              nothing that the caller does next will work here
    ├── SandboxUnavailableError  no answer, however often it was asked
    ├── SandboxGoneError         deleted, or lost
    ├── SandboxFailedError       it answers, but cannot do what every sandbox must
    ├── AuthenticationError      missing or refused credentials
    ├── QuotaError
    ├── IsolationError           nothing on this host confines a local sandbox
    └── SessionClosedError       closed, or used in a child after fork()
```
"""


class SandboxError(Exception):
    """Base of all errors of this package."""


class RecoverableError(SandboxError):
    """The caller, often a model, can react: another path, another argument."""


class TerminalError(SandboxError):
    """The sandbox, the credentials or the session can no longer be used."""


class InvalidArgumentError(RecoverableError):
    """An argument that no sandbox could accept; nothing was sent."""


class PathError(RecoverableError):
    """Something is wrong with a path.

    Attributes:
        path: The path as the caller gave it.
    """

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path

    def __reduce__(self) -> tuple[type["PathError"], tuple[str, str]]:
        return type(self), (str(self), self.path)


class PathNotFoundError(PathError):
    """Nothing is at the path."""


class NotAFileError(PathError):
    """The path is a folder, a device or a pipe."""


class NotAFolderError(PathError):
    """The path, or a part of it that should be a folder, is a file."""


class PathExistsError(PathError):
    """Something is at the path already; nothing was changed."""


class PathDeniedError(PathError):
    """The sandbox's user may not do this, or the file system is read-only."""


class OutsideRootError(PathError):
    """A confined session was asked for a path that leads outside its root."""


class BinaryFileError(PathError):
    """The file is neither text nor a picture that can be shown."""


class FileTooLargeError(PathError):
    """The file is above the limit of the operation."""


class OffsetError(PathError):
    """The window starts after the end of the file."""


class FileChangedError(PathError):
    """Others have changed the file since it was seen; nothing was written unless it says so."""


class WriteFailedError(PathError):
    """The system refused something at the path, as for want of space; the message says why.

    What was there before still is, unless the message says otherwise.
    """


class MatchError(RecoverableError):
    """The text to replace does not name one place in the file; nothing was written."""


class NoMatchError(MatchError):
    """The text to replace is not in the file."""


class AmbiguousMatchError(MatchError):
    """The text to replace is in the file more than once."""


class SearchPatternError(RecoverableError):
    """A regular expression or a glob pattern that does not parse."""


class JobNotFoundError(RecoverableError):
    """No such job in this sandbox, or it was forgotten."""


class JobInputError(RecoverableError):
    """The job cannot be sent anything: it has ended, or its input is not open."""


class CheckpointError(RecoverableError):
    """A checkpoint could not be made, restored or compared: no git, no space, no permission."""


class CheckpointNotFoundError(CheckpointError):
    """No such checkpoint of this root in this sandbox."""


class PreviewError(RecoverableError):
    """The port has no address outside the sandbox."""


class StateLostError(RecoverableError):
    """Our own files in the sandbox were removed, so the outcome of an operation is not known."""


class SandboxUnavailableError(TerminalError):
    """The sandbox gave no answer, however often it was asked."""


class SandboxGoneError(TerminalError):
    """The sandbox was deleted or lost; what was in it cannot be reached."""


class SandboxFailedError(TerminalError):
    """The sandbox answers, but cannot do what every sandbox must."""


class AuthenticationError(TerminalError):
    """Credentials are missing or were refused."""


class QuotaError(TerminalError):
    """The account may not have another sandbox, or not one like this."""


class IsolationError(TerminalError):
    """Nothing on this host confines a local sandbox at the level asked for."""


class SessionClosedError(TerminalError):
    """The session was closed, or belongs to the process before a fork."""
