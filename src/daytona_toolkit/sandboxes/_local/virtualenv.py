"""A virtual environment of a sandbox."""

import os
import sys
import sysconfig
from pathlib import Path

from daytona_toolkit.sandboxes._local import python


def make(place: Path) -> None:
    """Make an environment that sees our packages, and that `pip` can install into.

    It is what `python -m venv` makes, in a millisecond, with a file that names the folders of
    our packages.

    Args:
        place: The folder; made by this.
    """
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    packages = place / "lib" / f"python{version}" / "site-packages"
    packages.mkdir(parents=True)
    (place / "bin").mkdir()
    for name in ("python", "python3", f"python{version}"):
        (place / "bin" / name).symlink_to(base)
    settings = (
        f"home = {os.path.dirname(base)}\ninclude-system-site-packages = false\n"
        f"version = {sys.version.split()[0]}\n"
    )
    (place / "pyvenv.cfg").write_bytes(os.fsencode(settings))
    # Python reads this file in the encoding of the locale.
    lines = [f"import site; site.addsitedir({path!a})" for path in python.packages()]
    # Folders of source that a `.pth` names are not shown. Where they cannot be opened, rather
    # than are not there, pip ends with an error.
    lines.append(f"import sys; sys.path[:] = [p for p in sys.path if p not in {python.hidden()!a}]")
    # Last on the path: `python3 -m pip` finds it where our packages have none.
    lines += [f"import sys; sys.path.append({path!a})" for path in _wheel_of_pip()]
    (packages / "_host.pth").write_text("".join(f"{line}\n" for line in lines))
    for name in ("pip", "pip3"):
        script = place / "bin" / name
        script.write_bytes(os.fsencode(_pip()))
        script.chmod(0o755)


def _pip() -> str:
    """A `pip` for the Python that comes first on the `PATH`, even if that one has no pip."""
    path = "".join(
        f'PYTHONPATH="{wheel}${{PYTHONPATH:+:$PYTHONPATH}}" ' for wheel in _wheel_of_pip()
    )
    return f'#!/bin/sh\n{path}exec python3 -m pip "$@"\n'


def _wheel_of_pip() -> list[str]:
    """The pip that `ensurepip` would install; Debian keeps it where its build says."""
    bundled = Path(os.__file__).parent / "ensurepip/_bundled"
    place = Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or bundled)
    return sorted(map(str, place.glob("pip-*.whl")))[-1:]
