"""The snippets for frameworks without an adapter, each with the framework it is for."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from daytona_toolkit.tools import TOOLS
from tests.docs.pages import DOCS, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

OFFLINE = Path(__file__).with_name("offline")

SECTIONS = re.findall(
    r"^## (.*?)\n(.*?)(?=^## |\Z)", (DOCS / "frameworks.md").read_text(), re.MULTILINE | re.DOTALL
)

# Frameworks that check arguments themselves, and how they refuse one that they do not know.
OWN_WORDS = {
    "CrewAI": "Field required",
    "smolagents": "Argument cmd is not in the tool's input schema",
}
BLIND = {"CrewAI", "smolagents"}
# Frameworks in which a run cannot be cancelled, or its command goes on.
UNSTOPPABLE = {"CrewAI", "smolagents"}


def test_there_is_a_section_for_each() -> None:
    drivers = {path.stem.removeprefix("drive_") for path in OFFLINE.glob("drive_*.py")}
    assert {name.lower().replace(" ", "_") for name, _ in SECTIONS} == drivers


@pytest.mark.parametrize(("name", "text"), SECTIONS, ids=[name for name, _ in SECTIONS])
def test_an_agent_works_in_the_workspace(name: str, text: str, tmp_path: Path) -> None:
    [install] = re.findall(r"^```bash\npip install daytona-toolkit (.*)\n```$", text, re.MULTILINE)
    snippets = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "snippets.json").write_text(json.dumps(snippets))
    uvx = tmp_path / "bin" / "uvx"
    uvx.parent.mkdir()
    uvx.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -m daytona_toolkit_mcp "$@"\n')
    uvx.chmod(0o755)
    quiet = {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true"}
    driver = "drive_" + name.lower().replace(" ", "_")
    # Not all of them are there for every Python that we are for.
    command = ["uv", "run", "--quiet", "--isolated", "--no-project", "--python", ">=3.11,<3.14"]
    command += ["--with-editable", str(ROOT)]
    command += [word for package in shlex.split(install) for word in ("--with", package)]
    done = subprocess.run(
        [*command, "python", str(OFFLINE / "run.py"), driver, "snippets.json", str(uvx.parent)],
        cwd=tmp_path,
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told, ended, names = json.loads(done.stdout.splitlines()[-1])
    written, ran, refused, missing, picture = told
    assert "Created " in written
    assert "hello\n[exit code 0]" in ran
    assert OWN_WORDS.get(name, "command is missing\n- cmd is not an argument of exec") in refused
    assert "'nothing' does not exist." in missing
    assert "image/png" in picture
    assert ("+picture" in picture) is (name not in BLIND)
    assert ended is (None if name in UNSTOPPABLE else True)
    assert set(names) == set(TOOLS)
