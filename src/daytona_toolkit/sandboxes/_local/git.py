"""The configuration of git in a sandbox: the user's name and email, and what git does not show."""

import os
import subprocess
from functools import cache
from pathlib import Path

# Seconds for git to say who the user is.
_PATIENCE = 5

# Files that a session is writing, as `_remote/temporary.sh` names them.
_IGNORED = ".dtk-????????????????.*\n"


def write_config(path: Path, home: Path) -> None:
    """Write a configuration as low in rank as the system's own.

    A workspace may belong to another user than the one that commands seem to be; there is
    nothing in the sandbox that git would protect by refusing it.

    Args:
        path: The file, for `GIT_CONFIG_SYSTEM`.
        home: The home folder. Where it has an `ignore` for all repositories, that one counts.
    """
    name, email = _identity()
    lines = ["[include]\n\tpath = /etc/gitconfig\n", "[safe]\n\tdirectory = *\n"]
    if name or email:
        lines.append("[user]\n")
    for key, value in (("name", name), ("email", email)):
        if value:
            lines.append(f"\t{key} = {_quoted(value)}\n")
    if not (home / ".config/git/ignore").exists():
        ignore = path.with_name("gitignore")
        ignore.write_text(_IGNORED)
        lines.append(f"[core]\n\texcludesFile = {_quoted(str(ignore))}\n")
    path.write_bytes(os.fsencode("".join(lines)))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@cache
def _identity() -> tuple[str, str]:
    """Name and address of the user, from their own configuration."""
    return _ask("user.name"), _ask("user.email")


def _ask(key: str) -> str:
    try:
        done = subprocess.run(
            ["git", "config", "--global", key],
            capture_output=True,
            check=False,
            cwd="/",
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return os.fsdecode(done.stdout).strip()
