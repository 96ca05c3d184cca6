"""Each distribution, built and installed alone into an empty environment."""

import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]

PROGRAMS = {
    "daytona-toolkit": """
from daytona_toolkit import LocalSandbox, SandboxSession
with SandboxSession(LocalSandbox()) as session:
    print(session.exec("echo works").stdout)
""",
    "daytona-toolkit-mcp": """
import asyncio, mcp
from daytona_toolkit import LocalSandbox, SandboxSession
from daytona_toolkit_mcp import make_server
async def main():
    async with SandboxSession(LocalSandbox()) as session:
        async with mcp.Client(make_server(session)) as client:
            print(await client.call_tool("exec", {"command": "echo works"}))
asyncio.run(main())
""",
    "langchain-daytona-toolkit": """
from daytona_toolkit import LocalSandbox, SandboxSession
from langchain_daytona_toolkit import DaytonaToolkit
with SandboxSession(LocalSandbox()) as session:
    print(DaytonaToolkit(session=session).get_tools()[0].invoke({"command": "echo works"}))
""",
    "llama-index-tools-daytona": """
from daytona_toolkit import LocalSandbox, SandboxSession
from llama_index.tools.daytona import DaytonaToolSpec
with SandboxSession(LocalSandbox()) as session:
    print(DaytonaToolSpec(session).to_tool_list()[0].call(command="echo works"))
""",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = ["uv", "build", "--all-packages", "--quiet", "--out-dir", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True)
    return folder


def test_all_are_built_and_accepted(built: Path) -> None:
    names = sorted(path.name for path in built.iterdir() if path.name != ".gitignore")
    assert len(names) == 2 * len(PROGRAMS)
    check = ["uvx", "twine", "check", "--strict", *(str(built / name) for name in names)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_wheel_works_alone(built: Path, tmp_path: Path, name: str) -> None:
    python = tmp_path / "bin" / "python"
    subprocess.run(["uv", "venv", "--quiet", str(tmp_path)], check=True)
    install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, "--find-links", str(built), name], cwd=tmp_path, check=True)
    run = [str(python), "-c", PROGRAMS[name]]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "works" in done.stdout, done.stderr
    files = subprocess.run(
        [str(python), "-c", "import daytona_toolkit as d; print(d.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path) in files.stdout
