"""The configuration of git in a sandbox: the name and the email of the user."""

import subprocess
from functools import cache
from pathlib import Path

# Seconds for git to say who the user is.
_PATIENCE = 5


def write_config(path: Path) -> None:
    """Write a configuration with the user's name, as low in rank as the system's own.

    A workspace may belong to another user than the one that commands seem to be; there is
    nothing in the sandbox that git would protect by refusing it.

    Args:
        path: The file, for `GIT_CONFIG_SYSTEM`.
    """
    name, email = _identity()
    lines = ["[include]\n\tpath = /etc/gitconfig\n", "[safe]\n\tdirectory = *\n"]
    if name or email:
        lines.append("[user]\n")
    for key, value in (("name", name), ("email", email)):
        if value:
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'\t{key} = "{quoted}"\n')
    path.write_text("".join(lines))


@cache
def _identity() -> tuple[str, str]:
    """Name and address of the user, from their own configuration."""
    return _ask("user.name"), _ask("user.email")


def _ask(key: str) -> str:
    try:
        done = subprocess.run(
            ["git", "config", "--global", key],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
