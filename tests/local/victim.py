"""A host worth attacking: files, a process, sockets and keys of a user, and a client of theirs."""

import ctypes
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import daytona_toolkit
from tests.support import lacks, needs

NOBODY = 65534

# Who runs the tests, and somebody who may nothing, if it can be become.
USERS = {"root": 0, "user": NOBODY} if os.getuid() == 0 else {"user": os.getuid()}

_SOURCE = Path(daytona_toolkit.__file__).parents[1]
_SITE = Path(sysconfig.get_path("purelib"))
_RUNNER = Path(__file__).with_name("runner.py")
_SYSCTLS = [Path("/proc/sys/kernel", name) for name in ("core_pattern", "hostname", "pid_max")]


class Victim:
    """A user of the host, and a sandbox of theirs.

    Attributes:
        secret: What attacks are after.
    """

    def __init__(self, isolation: str, user: int, stack: ExitStack) -> None:
        self.secret = f"SECRET-{secrets.token_hex(8)}"
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._stack = stack
        # Not below /tmp, which is shared with commands at the level of Landlock.
        self._folder = Path(tempfile.mkdtemp(prefix="dtk-victim-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._client = self._start_client(isolation)
        self._about = self._answer()
        self._shared = [Path(f"/tmp/{self._folder.name}"), Path(f"/dev/shm/{self._folder.name}")]
        for path in self._shared:
            stack.callback(path.unlink, missing_ok=True)
        self._variables: dict[str, str] = {}
        self.restore()
        self._variables |= self._environment()
        self._before = self._state()

    def try_it(self, script: str) -> tuple[bool, str]:
        """Run a script in the sandbox: whether it got through, and what it printed."""
        # Not as the session's variables: those are secrets, and hidden in what comes back.
        variables = "".join(
            f"export {name}={shlex.quote(value)}\n" for name, value in self._variables.items()
        )
        assert self._client.stdin
        self._client.stdin.write(json.dumps(variables + script) + "\n")
        self._client.stdin.flush()
        output = self._answer()["output"]
        after = self._state()
        changed = {key: value for key, value in after.items() if self._before[key] != value}
        through = self.secret in output or "THROUGH" in output or bool(changed)
        if changed:
            self.restore()
            self._before = self._state()
        return through, f"{output}\n{changed or ''}"

    def restore(self) -> None:
        """Put everything back as it was."""
        shutil.rmtree(self._folder / "files", ignore_errors=True)
        files = self._folder / "files"
        files.mkdir()
        (files / "secret").write_text(f"echo {self.secret}\n")
        (files / "tool").write_bytes(b"#!/bin/sh\n")
        (files / "folder").mkdir()
        os.utime(files / "secret", (10**9, 10**9))
        for path in (files / "secret", files / "tool", files / "folder"):
            path.chmod(0o700)
        for path in self._shared:
            path.write_text(self.secret)
        for path in (files, *files.iterdir(), *self._shared):
            self._give(path)
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._start_process()
        self._variables["PID"] = str(self._process.pid)
        for path in self._suid_files():
            path.unlink()

    def _give(self, path: Path) -> None:
        if os.getuid() != self._user:
            os.chown(path, self._user, self._user)

    def _as_user(self, command: list[str]) -> list[str]:
        if os.getuid() == self._user:
            return command
        user = str(self._user)
        return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *command]

    def _start_process(self) -> "subprocess.Popen[bytes]":
        secret = self._folder / "open"
        secret.write_text(self.secret)
        self._give(secret)
        program = 'exec 7<"$1" 2>&-; cd "${1%/*}/files"; echo; exec tail -f /dev/null "$2"'
        process = subprocess.Popen(
            self._as_user(["sh", "-c", program, "sh", str(secret), self.secret]),
            env={"TOKEN": self.secret, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._stack.callback(process.kill)
        assert process.stdout
        process.stdout.readline()
        while Path(f"/proc/{process.pid}/comm").read_text() != "tail\n":
            time.sleep(0.001)
        return process

    def _start_client(self, isolation: str) -> "subprocess.Popen[str]":
        """A client that the user can run: what it needs may lie where they cannot go."""
        view = self._folder / "view"
        self._folder.chmod(0o755)
        environment = {
            "PATH": os.environ["PATH"],
            "TOKEN": self.secret,
            "HOME": str(Path.home()) if os.getuid() == self._user else "/nonexistent",
        }
        arguments = [str(_RUNNER), isolation, self.secret]
        if os.getuid() == self._user:
            command = [sys.executable, *arguments]
        else:
            needs("setpriv")
            binds = {"python": sys.base_prefix, "site": _SITE, "source": _SOURCE}
            script = "set -e\n"
            for name, path in binds.items():
                (view / name).mkdir(parents=True)
                script += f"mount --bind '{path}' '{view / name}'\n"
            shutil.copy(_RUNNER, view / "runner.py")
            environment["PYTHONPATH"] = f"{view / 'source'}{os.pathsep}{view / 'site'}"
            python = str(view / "python/bin/python3")
            arguments[0] = str(view / "runner.py")
            command = ["unshare", "-m", "sh", "-c", script + 'exec "$@"', "sh"]
            command += self._as_user([python, *arguments])
        client = subprocess.Popen(
            command,
            env=environment,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(client.wait)
        assert client.stdin
        self._stack.callback(client.stdin.close)
        return client

    def _answer(self) -> dict[str, Any]:
        assert self._client.stdout
        line = self._client.stdout.readline()
        if not line:
            lacks("a client of this user", f"it ended with {self._client.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _environment(self) -> dict[str, str]:
        files = self._folder / "files"
        tcp = self._serve(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        udp = self._serve(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        sock, tmp_sock = self._folder / "socket", Path(f"/tmp/{self._folder.name}-socket")
        for path in (sock, tmp_sock):
            self._serve(socket.AF_UNIX, socket.SOCK_STREAM, str(path))
            path.chmod(0o777)
        self._stack.callback(tmp_sock.unlink, missing_ok=True)
        self._serve(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self._folder.name}")
        devices = [line.split(":")[0].strip() for line in _lines("/proc/net/dev")[2:]]
        return {
            "V": str(files),
            "CLIENT": str(self._client.pid),
            "HOST_HOME": str(Path.home()),
            "SITE": str(_SITE),
            "SOURCE": str(_SOURCE),
            "PREFIX": sys.base_prefix,
            "TMP_FILE": str(self._shared[0]),
            "SHM_FILE": str(self._shared[1]),
            "TERMINAL": str(self._open_terminal()),
            "SOCK": str(sock),
            "TMP_SOCK": str(tmp_sock),
            "ABSTRACT": self._folder.name,
            "TCP": str(tcp),
            "UDP": str(udp),
            "NETNS": str(Path("/proc/self/ns/net").readlink()),
            "DEVICE": next((name for name in devices if name != "lo"), "lo"),
            "SHM": str(self._share_memory()),
            "KEY": str(self._about["key"]),
            "ADDRESS": str(self._about["address"]),
        }

    def _serve(self, family: int, kind: int, address: Any) -> int:
        """A server that tells the secret to whoever asks."""
        server = socket.socket(family, kind)
        server.bind(address)
        self._stack.callback(server.close)

        def serve() -> None:
            try:
                while True:
                    if kind == socket.SOCK_DGRAM:
                        _, sender = server.recvfrom(10)
                        if sender is None:  # shut down
                            return
                        server.sendto(self.secret.encode(), sender)
                    else:
                        connection, _ = server.accept()
                        with connection:
                            connection.sendall(self.secret.encode())
            except OSError:
                return

        if kind == socket.SOCK_STREAM:
            server.listen()
        self._stack.callback(server.shutdown, socket.SHUT_RDWR) if kind != 2 else None
        threading.Thread(target=serve, daemon=True).start()
        return int(server.getsockname()[1]) if family == socket.AF_INET else 0

    def _open_terminal(self) -> Path:
        for end in (ends := os.openpty()):
            self._stack.callback(os.close, end)
        path = Path(os.ttyname(ends[1]))
        self._give(path)
        return path

    def _share_memory(self) -> int:
        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        segment = int(libc.shmget(0, 4096, 0o1666))
        self._stack.callback(libc.shmctl, segment, 0, None)
        at = libc.shmat(segment, None, 0)
        ctypes.memmove(at, self.secret.encode(), len(self.secret))
        return segment

    def _suid_files(self) -> list[Path]:
        root = Path(self._about["root"])
        return [path for path in root.rglob("*") if path.lstat().st_mode & 0o6000]

    def _state(self) -> dict[str, Any]:
        """Whatever of the host an attack could have changed."""
        files = self._folder / "files"
        state: dict[str, Any] = {"names": sorted(path.name for path in files.iterdir())}
        for name in ("secret", "tool", "folder"):
            path = files / name
            if path.exists():
                about = path.stat()
                attributes = os.listxattr(path)
                state[name] = (
                    about.st_mode,
                    about.st_uid,
                    about.st_gid,
                    about.st_mtime,
                    attributes,
                )
                if path.is_file():
                    state[name] += (path.read_bytes(),)
            else:
                state[name] = None
        for number, path in enumerate(self._shared):
            state[f"shared {number}"] = path.read_text() if path.exists() else None
        pid = self._process.pid
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        state["process"] = "stopped" if fields[0] in "TtZ" else "runs"
        state["nice"] = fields[16]
        state["score"] = Path(f"/proc/{pid}/oom_score_adj").read_text()
        state["limits"] = Path(f"/proc/{pid}/limits").read_text()
        state["name"] = Path(f"/proc/{pid}/comm").read_text()
        for setting in _SYSCTLS:
            state[str(setting)] = setting.read_text()
        places = (_SITE, _SOURCE, Path("/etc"), Path("/usr/local"), Path("/"))
        state["new"] = [str(p) for place in places for p in place.glob("dtk?attack*")]
        state["suid"] = list(map(str, self._suid_files()))
        return state


@contextmanager
def victim(isolation: str, user: int) -> Iterator[Victim]:
    """A victim, for as long as it is attacked."""
    with ExitStack() as stack:
        yield Victim(isolation, user, stack)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
