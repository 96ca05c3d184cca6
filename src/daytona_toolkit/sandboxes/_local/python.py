"""The Python of a sandbox: the one that runs us, with its packages, or the project's own."""

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from daytona_toolkit.sandboxes._local.system import SYSTEM, lies_in

# The folder that our package lies in.
_ROOT = Path(__file__).parents[3]


def helper() -> list[str]:
    """The command that runs the helper, without its settings: our own Python, bare."""
    start = (
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); "
        "from daytona_toolkit.sandboxes._local.helper import main; main(sys.argv[1])"
    )
    # It must spell paths as we do, and does not see PYTHONUTF8. Otherwise the locale says how.
    spelling = ["-X", "utf8"] if sys.getfilesystemencoding() == "utf-8" else []
    return [os.path.realpath(sys.executable), "-I", "-S", *spelling, "-c", start]


def readable(folder: Path) -> list[str]:
    """What must be readable for our Python, its packages and that of a project to run."""
    return [*_ours(), *_of_project(folder)]


def environment(folder: Path, extra: Sequence[Path]) -> tuple[list[str], dict[str, str]]:
    """What comes first on the `PATH`, and variables.

    Args:
        folder: The workspace.
        extra: Folders of the sandbox; an environment in one of them comes before ours.
    """
    environments = [path for path in extra if (path / "pyvenv.cfg").exists()]
    variables = {}
    if os.path.lexists(folder / ".venv/bin/python"):
        environments.insert(0, folder / ".venv")
        variables["VIRTUAL_ENV"] = str(folder / ".venv")
    if paths := _folders_of("PYTHONPATH"):
        variables["PYTHONPATH"] = os.pathsep.join(paths)
    bins = [str(path / "bin") for path in environments]
    return [*bins, str(Path(os.path.abspath(sys.prefix)) / "bin")], variables


def libraries() -> list[str]:
    """Where our Python finds shared libraries; some do not start without, as on clusters."""
    return _folders_of("LD_LIBRARY_PATH")


def packages() -> list[str]:
    """Folders of packages, however Python came to know them: by `.pth`, or as a user's."""
    named = (path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))
    return [path for path in dict.fromkeys(named) if os.path.isdir(path)]


def hidden() -> list[str]:
    """Folders on our path that a sandbox does not see."""
    shown = _ours()
    return [
        path for path in sys.path if os.path.isdir(path) and not lies_in(path, [*SYSTEM, *shown])
    ]


@cache
def _ours() -> list[str]:
    executable = os.path.realpath(sys.executable)
    places = [
        *(os.path.abspath(sys.prefix), os.path.abspath(sys.base_prefix)),
        *(os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)),
        # Where Python is a symlink: it, and what it leads to.
        *(os.path.abspath(sys.executable), os.path.dirname(executable)),
        *packages(),
        *_folders_of("PYTHONPATH"),
        *libraries(),
        # Our package, or the archive that it is imported from.
        str(next(path for path in Path(__file__).parents[2:] if path.exists())),
    ]
    return [path for path in dict.fromkeys(places) if path != "/" and not lies_in(path, SYSTEM)]


def _folders_of(variable: str) -> list[str]:
    """The folders that a variable lists, except those that hold more than code."""
    found = []
    for name in os.environ.get(variable, "").split(os.pathsep):
        path = os.path.abspath(name) if name else ""
        if os.path.isdir(path) and not _holds_home(path):
            found.append(path)
    return found


def _of_project(folder: Path) -> list[str]:
    """The interpreter of the project's own environment, which mostly lies elsewhere."""
    link = folder / ".venv/bin/python"
    real = Path(os.path.realpath(link))
    prefix = real.parent.parent
    # What is in the workspace may be a command's doing, and `python` lead anywhere: only what
    # looks like an installation of Python is shown.
    if not os.path.islink(link) or not any(prefix.glob("lib/python3*/os.py")):
        return []
    if _holds_home(str(prefix)) or lies_in(str(prefix), SYSTEM):
        return []
    return [str(prefix), str(link)]


def _holds_home(path: str) -> bool:
    home = os.path.expanduser("~")  # it stays a tilde where nobody knows
    return Path(home).is_relative_to(os.path.realpath(path))
