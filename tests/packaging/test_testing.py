"""docs/testing.md, as somebody follows it who has nothing but the wheel."""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
AGENT, SANDBOX = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs/testing.md").read_text(), re.MULTILINE | re.DOTALL
)
MY_SANDBOX = """
from daytona_toolkit import LocalSandbox

def MySandbox():
    return LocalSandbox(isolation="none")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and its extra, and nothing else of ours."""
    folder = tmp_path_factory.mktemp("environment")
    build = ["uv", "build", "--wheel", "--quiet", "--out-dir", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run(["uv", "venv", "--quiet", str(folder / "venv")], check=True)
    python = folder / "venv/bin/python"
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), f"{wheel}[testing]"]
    subprocess.run(install, check=True)
    return python


def run(python: Path, folder: Path, text: str, *options: str) -> str:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_mine.py").write_text(text)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_agent_is_tested_against_a_daytona_that_fails(python: Path, tmp_path: Path) -> None:
    assert "1 passed" in run(python, tmp_path, AGENT)


def test_a_sandbox_of_ones_own_is_held_to_the_suite(python: Path, tmp_path: Path) -> None:
    few = "program or upload or finds or small_file or exit_code_come_apart or twin or closing"
    printed = run(python, tmp_path, MY_SANDBOX + SANDBOX, "--strict-markers", "-k", few)
    assert int(re.findall(r"(\d+) passed", printed)[0]) > 25
