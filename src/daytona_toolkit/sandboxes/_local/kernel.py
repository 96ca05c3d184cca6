"""System calls of the helper: to protect itself, and to restrict commands."""

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Sequence

_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_KEYCTL_JOIN_SESSION_KEYRING = 1
_PIDFD_OPEN = 434  # whatever the processor; not every Python has it
_CAPABILITY_VERSION_3 = 0x20080522

# System calls by number, which differ between processors: x86-64, and those that came later.
_X86_64 = {
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "io_uring_setup": 425,
    "openat2": 437,
    "open": 2,
    "creat": 85,
    "chmod": 90,
    "fchmod": 91,
    "mknod": 133,
    "openat": 257,
    "mknodat": 259,
    "fchmodat": 268,
    "fchmodat2": 452,
    "capset": 126,
    "clone": 56,
    "unshare": 272,
    "prlimit64": 302,
    "clone3": 435,
}
_GENERIC = {
    "add_key": 217,
    "request_key": 218,
    "keyctl": 219,
    "io_uring_setup": 425,
    "openat2": 437,
    "fchmod": 52,
    "mknodat": 33,
    "fchmodat": 53,
    "openat": 56,
    "fchmodat2": 452,
    "capset": 91,
    "clone": 220,
    "unshare": 97,
    "prlimit64": 261,
    "clone3": 435,
}
# Each with the number by which seccomp knows the processor.
_PROCESSORS = {
    "x86_64": (0xC000003E, _X86_64),
    "aarch64": (0xC00000B7, _GENERIC),
    "riscv64": (0xC00000F3, _GENERIC),
}

# Calls that are refused where an argument has one of these bits: files that give their user's
# rights to others; user namespaces, in which a process has all capabilities; and children of
# another process than the one that makes them.
_SETUID_OR_SETGID = 0o6000
_NEW_USER = 0x10000000
_CHILD_OF_PARENT = 0x8000
_REFUSED_BITS = {
    "open": (2, _SETUID_OR_SETGID),
    "creat": (1, _SETUID_OR_SETGID),
    "chmod": (1, _SETUID_OR_SETGID),
    "fchmod": (1, _SETUID_OR_SETGID),
    "mknod": (1, _SETUID_OR_SETGID),
    "openat": (3, _SETUID_OR_SETGID),
    "mknodat": (2, _SETUID_OR_SETGID),
    "fchmodat": (2, _SETUID_OR_SETGID),
    "fchmodat2": (2, _SETUID_OR_SETGID),
    "clone": (0, _NEW_USER | _CHILD_OF_PARENT),
    "unshare": (0, _NEW_USER),
}

_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Above these x86-64 has a second set of numbers for the same calls.
_X32_CALLS = 0x40000000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class _Kernel:
    """The C library, loaded when it is first needed."""

    library: ctypes.CDLL | None = None

    def __call__(self, function: str, *arguments: object) -> int:
        """Call a function that returns -1 and sets errno when it fails."""
        if self.library is None:
            self.library = ctypes.CDLL(None, use_errno=True)
        # Numbers are passed as long, because variadic functions read whole registers.
        numbers = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
        result: int = getattr(self.library, function)(*numbers)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{function}: {os.strerror(number)}")
        return result


_call = _Kernel()


def supported() -> bool:
    """Whether the system calls of this process are known here; with 32 bits they are others."""
    return os.uname().machine in _PROCESSORS and sys.maxsize > 2**32


def be_out_of_reach() -> None:
    """Let no process of the same user read our memory or open our files through `/proc`."""
    _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of whatever our processes leave behind."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def gain_nothing() -> None:
    """Let no program that we start have more rights than we, as setuid programs would."""
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def open_process(process: int) -> int:
    """A descriptor of a process, which can be read once it has ended."""
    return _call("syscall", _PIDFD_OPEN, process, 0)


def leave_session_keyring() -> None:
    """Start a session keyring of our own: the user's may hold keys and passwords.

    A container has none to leave, and a user may have too many keys for another (200 by default).
    The calls that reach a keyring are refused in any case.
    """
    numbers = _PROCESSORS[os.uname().machine][1]
    with contextlib.suppress(OSError):
        _call("syscall", numbers["keyctl"], _KEYCTL_JOIN_SESSION_KEYRING, None)


def drop_capabilities() -> None:
    """Give up all capabilities, for good."""
    with contextlib.suppress(OSError):  # there are no more, or we have none to give up
        for capability in range(64):
            _call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)
    numbers = _PROCESSORS[os.uname().machine][1]
    head = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _call("syscall", numbers["capset"], head, struct.pack("=6I", *[0] * 6))


def refuse_calls(*, alone: bool) -> None:
    """Refuse, from now on, system calls that no namespace and no path rule can bound.

    Those that make a file setuid or setgid, since it would be so on the host as well; keyrings,
    which are of the user; user namespaces, which Landlock allows; limits on other processes,
    which end them as well as a signal does; and those whose arguments a filter cannot see.

    Args:
        alone: Whether this is process 1 of a sandbox that sees no process of the host. Then only
            its own limits are closed to others.
    """
    enter_filter(call_filter(alone=alone))


def enter_filter(code: bytes) -> None:
    """Have a seccomp program judge our calls, and those of all that we start, from now on."""
    program = _Program(len(code) // 8, code)
    _call("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def call_filter(*, alone: bool) -> bytes:
    """The seccomp program of `refuse_calls`."""
    processor, numbers = _PROCESSORS[os.uname().machine]
    refuse = {"add_key": _EPERM, "request_key": _EPERM, "keyctl": _EPERM}
    unknown = {"io_uring_setup": _ENOSYS, "openat2": _ENOSYS, "clone3": _ENOSYS}
    code = [
        _step(_LOAD, 4),
        _step(_EQUAL, processor, yes=1),
        _step(_RETURN, _ERRNO | _ENOSYS),
        _step(_LOAD, 0),
    ]
    if processor == _PROCESSORS["x86_64"][0]:
        code += [_step(_AT_LEAST, _X32_CALLS, no=1), _step(_RETURN, _ERRNO | _ENOSYS)]
    for name, error in (refuse | unknown).items():
        code += [_step(_EQUAL, numbers[name], no=1), _step(_RETURN, _ERRNO | error)]
    for name, (argument, bits) in _REFUSED_BITS.items():
        if name in numbers:
            code += _refuse_where(numbers[name], argument, _step(_ANY_BIT, bits, no=1))
    another = _step(_EQUAL, 1, no=1) if alone else _step(_ANY_BIT, 0xFFFFFFFF, no=1)
    code += _refuse_where(numbers["prlimit64"], 0, another)
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def _refuse_where(call: int, argument: int, test: bytes) -> list[bytes]:
    """Refuse a call if one of its arguments passes a test."""
    return [
        _step(_EQUAL, call, no=4),
        _step(_LOAD, 16 + 8 * argument),
        test,
        _step(_RETURN, _ERRNO | _EPERM),
        _step(_RETURN, _ALLOW),
    ]


def _step(operation: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One instruction: where it tests something, the steps to skip."""
    return struct.pack("=HBBI", operation, yes, no, value)


class Landlock:
    """Rules on what of the file system and the network a process may reach.

    Args:
        readable: Files and folders that may be read and run.
        writable: Those that may be written as well.
        network: Whether TCP may be used.

    Raises:
        OSError: The kernel has no Landlock, or too old a one.
    """

    # The first version that keeps signals and abstract sockets within the domain: Linux 6.12.
    NEEDED_VERSION = 6

    _CREATE, _ADD, _RESTRICT = 444, 445, 446
    _RUN, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
    _TRUNCATE, _IOCTL = 1 << 14, 1 << 15
    _EVERYTHING = (1 << 16) - 1
    _OF_FILES = _RUN | _WRITE | _READ | _TRUNCATE | _IOCTL
    _TCP, _SCOPES = 0b11, 0b11

    def __init__(self, readable: Sequence[str], writable: Sequence[str], *, network: bool) -> None:
        attributes = struct.pack(
            "=QQQ", self._EVERYTHING, 0 if network else self._TCP, self._SCOPES
        )
        self._rules = _call("syscall", self._CREATE, attributes, len(attributes), 0)
        for path in readable:
            self._allow(path, self._RUN | self._READ | self._LIST)
        for path in writable:
            self._allow(path, self._EVERYTHING)

    @classmethod
    def version(cls) -> int:
        """The kernel's version of it; 0 if it has none."""
        try:
            return _call("syscall", cls._CREATE, None, 0, 1)
        except OSError:
            return 0

    def enter(self) -> None:
        """Come under the rules, with all that is started from now on."""
        _call("syscall", self._RESTRICT, self._rules, 0)

    def _allow(self, path: str, access: int) -> None:
        try:
            target = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # it is not on this host
            return
        try:
            if not os.path.isdir(path):
                access &= self._OF_FILES
            rule = struct.pack("=Qi", access, target)
            _call("syscall", self._ADD, self._rules, 1, rule, 0)
        finally:
            os.close(target)
