"""A client of the local sandbox, as the user that it was started as: runs what it is told.

It reads a line of JSON for each script, and answers with a line. What a hostile command would
like to have of it is in its environment and its session keyring.
"""

import contextlib
import ctypes
import json
import os
import sys
from pathlib import Path

from daytona_toolkit import LocalSandbox, SandboxError, SandboxSession

KEYCTL = 250 if os.uname().machine == "x86_64" else 219


def main(isolation: str, secret: str) -> None:
    libc = ctypes.CDLL(None)
    libc.syscall(KEYCTL, 1, None)
    add_key = 248 if KEYCTL == 250 else 217
    key = libc.syscall(add_key, b"user", b"dtk-secret", secret.encode(), len(secret), -3)
    memory = ctypes.create_string_buffer(secret.encode())
    address = ctypes.addressof(memory)
    with SandboxSession(LocalSandbox(isolation=isolation)) as session:  # type: ignore[arg-type]
        session.open()
        about = {"root": session.root, "key": key, "address": address, "user": os.getuid()}
        print(json.dumps(about), flush=True)
        for number, line in enumerate(sys.stdin):
            folder = f"{session.root}/{number}"
            try:
                Path(folder).mkdir()
                result = session.exec(json.loads(line), cwd=folder, timeout=20)
                answer = {"output": result.stdout + result.stderr, "exit_code": result.exit_code}
            except SandboxError as error:
                answer = {"output": f"{type(error).__name__}: {error}", "exit_code": None}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
