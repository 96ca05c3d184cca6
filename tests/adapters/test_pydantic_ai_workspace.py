"""The workspace of Pydantic AI's runs, over sessions of its own and over one that is shared."""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from daytona import AsyncDaytona
from pydantic_ai import Agent, ModelMessagesTypeAdapter, RunContext
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ToolReturnPart
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage
from pydantic_ai.workspaces import (
    WorkspaceError,
    WorkspaceOutputLimitError,
    WorkspaceRef,
    WorkspaceTimeoutError,
    WorkspaceUnavailableError,
)
from pydantic_ai_daytona_toolkit import LIMITS, DaytonaBackend, DaytonaToolset, DaytonaWorkspace

from daytona_toolkit import DaytonaSandbox, Limits, LocalSandbox, SandboxSession
from daytona_toolkit.errors import SandboxUnavailableError
from daytona_toolkit.testing import DaytonaServer
from tests.adapters.scripted import pydantic_ai_model
from tests.adapters.situations import SECRET
from tests.daytona.support import config_of
from tests.support import counting

Make = Callable[[str | None], SandboxSession]


@pytest.fixture
def backend(session: SandboxSession) -> DaytonaBackend:
    return DaytonaBackend(session)


@pytest.fixture(scope="module")
def server() -> Iterator[DaytonaServer]:
    with DaytonaServer() as server:
        yield server


def sessions_on(server: DaytonaServer) -> Make:
    config = config_of(server)

    def make(sandbox_id: str | None) -> SandboxSession:
        if sandbox_id is None:
            return SandboxSession(DaytonaSandbox.create(config=config, keep=True), limits=LIMITS)
        return SandboxSession(DaytonaSandbox.attach(sandbox_id, config=config), limits=LIMITS)

    return make


def agent_with(workspace: Any, *script: Any) -> Agent[object, str]:
    """An agent with a tool of its own, as those of others are written."""
    agent = Agent(pydantic_ai_model(*script), capabilities=[workspace])

    @agent.tool
    async def shell(ctx: RunContext[object], command: str) -> str:
        return (await ctx.workspace.run(command, shell=True)).stdout

    return agent


async def test_each_operation_is_one_request(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    root = await backend.working_dir()
    operations: list[tuple[str, Any]] = [
        ("write_bytes", (f"{root}/d/a", b"***")),
        ("run", (["cat", "d/a"],)),
        ("read_bytes", (f"{root}/d/a",)),
        ("stat", (f"{root}/d",)),
        ("list_dir", (f"{root}/d",)),
        ("make_dir", (f"{root}/e",)),
        ("exists", (f"{root}/e",)),
        ("realpath", (f"{root}/e/../d",)),
        ("remove", (f"{root}/d",)),
        ("working_dir", ()),
    ]
    requests = {}
    for name, arguments in operations:
        with counting(session) as traffic:
            await getattr(backend, name)(*arguments)
        requests[name] = traffic.requests
    assert requests == {name: 1 for name, _ in operations} | {"working_dir": 0}


async def test_entries_are_what_links_lead_to(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    root = session.root
    session.exec("mkdir d; echo hi > d/f; ln -s f d/to_f; ln -s . d/to_d; ln -s no d/to_no")
    listed = {
        entry.name: (entry.is_dir, entry.size) for entry in await backend.list_dir(f"{root}/d")
    }
    assert listed == {
        "f": (False, 3),
        "to_f": (False, None),
        "to_d": (True, None),
        "to_no": (False, None),
    }
    assert (await backend.stat(f"{root}/d/to_d")).is_dir
    with pytest.raises(FileNotFoundError, match="leads nowhere"):
        await backend.stat(f"{root}/d/to_no")


async def test_output_is_whole_or_an_error() -> None:
    limits = Limits(output_bytes=1000, entries=3)
    async with SandboxSession(LocalSandbox(), limits=limits) as session:
        backend = DaytonaBackend(session)
        with pytest.raises(WorkspaceOutputLimitError, match="more than 1,000 bytes") as caught:
            await backend.run("seq 1000; echo why >&2", shell=True)
        assert caught.value.limit == 1000
        assert caught.value.stdout.startswith("1\n2\n")
        assert caught.value.stderr == "why\n"
        await session.aexec("touch a b c d")
        with pytest.raises(WorkspaceError, match="more than 3 entries"):
            await backend.list_dir(session.root)


async def test_a_timeout_brings_what_was_printed(backend: DaytonaBackend) -> None:
    with pytest.raises(WorkspaceTimeoutError, match=r"ended after 0\.5 s") as caught:
        await backend.run("echo begun; echo why >&2; sleep 60", shell=True, timeout=0.5)
    assert (caught.value.stdout, caught.value.stderr) == ("begun\n", "why\n")


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf])
async def test_a_time_that_is_none_is_refused(backend: DaytonaBackend, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        await backend.run(["true"], timeout=timeout)


async def test_arguments_that_no_sandbox_takes_are_refused(backend: DaytonaBackend) -> None:
    for wrong in ([], ["echo", "\0"]):
        with pytest.raises(ValueError, match=r"empty|NUL"):
            await backend.run(wrong)
    with pytest.raises(ValueError, match="1A"):
        await backend.run(["env"], env={"1A": "b"})
    with pytest.raises(ValueError, match="NUL"):
        await backend.read_bytes("/a\0b")


async def test_secrets_are_masked_and_none_is_lost() -> None:
    async with SandboxSession(LocalSandbox(), secrets={"TOKEN": SECRET}) as session:
        backend, path = DaytonaBackend(session), f"{session.root}/.env"
        result = await backend.run("echo $TOKEN; echo $TOKEN >&2; echo $TOKEN > .env", shell=True)
        assert (result.stdout, result.stderr) == ("***\n", "***\n")
        shown = await backend.read_bytes(path)
        assert shown == b"***\n"
        with pytest.raises(FileNotFoundError, match=r"/\*\*\*"):
            await backend.read_bytes(f"{session.root}/{SECRET}")

        for more in (b"MORE=1\n", b"\xff\n"):
            with pytest.raises(WorkspaceError, match="holds a secret"):
                await backend.write_bytes(path, shown + more)
        assert session.read_bytes(".env") == f"{SECRET}\n".encode()
        await backend.write_bytes(path, b"MORE=1\n")
        await backend.write_bytes(f"{session.root}/stars", b"\xff***")
        assert await backend.read_bytes(f"{session.root}/stars") == b"\xff***"


async def test_what_cannot_be_written_or_read_ends_no_run_of_the_harness(
    session: SandboxSession,
) -> None:
    """It takes an error that only the system names for a bug, and ends the run."""
    pytest.importorskip("pydantic_ai_harness", reason="for want of Python 3.11: it needs it")
    from pydantic_ai_harness.filesystem import FileSystem

    calls = [("write_file", {"path": "n" * 300, "content": "x"})]
    agent = Agent(pydantic_ai_model(calls, "sorry"), capabilities=[FileSystem()])
    result = await agent.run("go on", workspace=DaytonaBackend(session))
    assert result.output == "sorry"


async def test_a_closed_session_is_unavailable(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    session.close()
    for operation in (backend.run(["ls"]), backend.exists("/a")):
        with pytest.raises(WorkspaceUnavailableError, match="closed"):
            await operation


async def test_what_may_work_later_stays_the_error_that_it_is(
    monkeypatch: pytest.MonkeyPatch, session: SandboxSession, backend: DaytonaBackend
) -> None:
    """Durable engines try it again."""

    async def run(program: str, *, timeout: float) -> bytes:
        raise SandboxUnavailableError("No answer.")

    with monkeypatch.context() as patch:
        patch.setattr(session.sandbox, "run", run)
        with pytest.raises(SandboxUnavailableError):
            await backend.run(["ls"])
    assert (await backend.run(["echo", "hi"])).stdout == "hi\n"


async def test_a_conversation_finds_its_sandbox_again(server: DaytonaServer) -> None:
    agent = agent_with(
        DaytonaWorkspace(sessions_on(server)),
        [("shell", {"command": "echo kept > note"})],
        [("shell", {"command": "cat note"})],
        "done",
        [("shell", {"command": "echo again: $(cat note)"})],
        "done",
    )
    before = set(server.sandboxes)
    first = await agent.run("go on")
    history = ModelMessagesTypeAdapter.validate_json(first.all_messages_json())
    second = await agent.run("go on", message_history=history)
    assert "again: kept" in str(second.all_messages())
    [made] = set(server.sandboxes) - before
    assert second.workspace.ref == WorkspaceRef(provider="daytona", id=made)
    assert server.sandboxes[made].state == "started"
    assert await first.workspace.read_text("note") == "kept\n"  # also when the run is over


async def test_a_conversation_goes_on_in_a_session_that_is_not_open_yet(tmp_path: Path) -> None:
    """As in another process; one over another sandbox is never taken for it."""
    asks = [("shell", {"command": "echo so >> note"})]
    (tmp_path / "other").mkdir()
    async with SandboxSession(LocalSandbox(tmp_path)) as session:
        first = await agent_with(DaytonaWorkspace(session), asks, "done").run("go on")
    history = first.all_messages()
    async with aclosing(SandboxSession(LocalSandbox(tmp_path))) as same:
        agent = agent_with(DaytonaWorkspace(same), asks, "done")
        second = await agent.run("go on", message_history=history)
        assert await second.workspace.read_text("note") == "so\nso\n"
        assert second.workspace.ref == DaytonaBackend(same).ref
    async with aclosing(SandboxSession(LocalSandbox(tmp_path / "other"))) as other:
        agent = agent_with(DaytonaWorkspace(other), asks, "done")
        with pytest.raises(WorkspaceUnavailableError, match=f"goes on in 'local:{tmp_path}'"):
            await agent.run("go on", message_history=history)
        assert not await other.aexists("note")


async def test_a_run_that_needs_no_workspace_makes_none(server: DaytonaServer) -> None:
    before = set(server.sandboxes)
    result = await agent_with(DaytonaWorkspace(sessions_on(server)), "done").run("go on")
    assert result.workspace.ref is None
    assert set(server.sandboxes) == before


async def test_a_run_within_a_run_leaves_the_workspace_open(server: DaytonaServer) -> None:
    made = []

    def make(sandbox_id: str | None) -> SandboxSession:
        made.append(sessions_on(server)(sandbox_id))
        return made[-1]

    workspace = DaytonaWorkspace(make)
    inner = agent_with(workspace, [("shell", {"command": "echo inner >> log"})], "done")
    outer = agent_with(workspace, [("ask", {})], [("shell", {"command": "cat log"})], "done")

    @outer.tool
    async def ask(ctx: RunContext[object]) -> str:
        await ctx.workspace.write_text("log", "outer\n")
        return (await inner.run("go on", workspace=ctx.workspace)).output

    result = await outer.run("go on")
    assert "outer\\ninner\\n" in str(result.all_messages())
    assert len(made) == 1


async def test_a_sandbox_is_known_also_when_its_opening_was_cancelled(
    server: DaytonaServer,
) -> None:
    opening = asyncio.Event()
    here = asyncio.get_running_loop()

    async def run(program: str, *, timeout: float) -> bytes:
        here.call_soon_threadsafe(opening.set)
        await asyncio.sleep(3600)
        raise AssertionError

    def make(sandbox_id: str | None) -> SandboxSession:
        session = sessions_on(server)(sandbox_id)
        if sandbox_id is None:
            session.sandbox.run = run  # type: ignore[method-assign]
        return session

    ctx = RunContext(deps=None, model=TestModel(), usage=RunUsage())
    backend: Any = DaytonaWorkspace(make).get_workspace(ctx, ref=None)
    before = set(server.sandboxes)
    first = asyncio.create_task(backend.run(["true"]))
    await opening.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    [made] = set(server.sandboxes) - before
    assert backend.ref == WorkspaceRef(provider="daytona", id=made)
    assert (await backend.run(["echo", "hi"])).stdout == "hi\n"
    assert set(server.sandboxes) == before | {made}


async def test_a_sandbox_that_would_be_deleted_is_refused(server: DaytonaServer) -> None:
    config = config_of(server)
    workspace = DaytonaWorkspace(lambda _: SandboxSession(DaytonaSandbox.create(config=config)))
    with pytest.raises(UserError, match="keep=True"):
        await agent_with(workspace, [("shell", {"command": "ls"})], "done").run("go on")


def test_what_is_no_session_is_refused_at_once() -> None:
    strangers: tuple[Any, ...] = (None, LocalSandbox(), "./work")
    for wrong in strangers:
        for take in (DaytonaBackend, DaytonaWorkspace):
            with pytest.raises(TypeError, match="takes a SandboxSession"):
                take(wrong)


async def test_a_session_with_a_root_is_named_once_it_is_open() -> None:
    session = SandboxSession(LocalSandbox(), root="sub")
    backend = DaytonaBackend(session)
    assert backend.ref is None
    assert await backend.working_dir() == session.root
    assert backend.ref == WorkspaceRef(provider="daytona-toolkit", id=session.sandbox.id)
    await session.aclose()


async def test_one_session_serves_every_run_and_our_own_tools(session: SandboxSession) -> None:
    agent = Agent(
        pydantic_ai_model([("write", {"file_path": "a", "content": "ours"})], "done"),
        toolsets=[DaytonaToolset(session)],
        capabilities=[DaytonaWorkspace(session)],
    )
    result = await agent.run("go on")
    assert await result.workspace.read_text("a") == "ours"
    ref = WorkspaceRef(provider="daytona-toolkit", id=session.sandbox.id)
    assert result.workspace.ref == ref
    assert session.is_alive()

    agent = agent_with(DaytonaWorkspace(session), "done")
    assert (await agent.run("go on", workspace=ref)).workspace.ref == ref
    for elsewhere in (DaytonaWorkspace(session), DaytonaWorkspace(lambda _: session)):
        with pytest.raises(UserError, match="workspace"):
            await agent_with(elsewhere, "done").run(
                "go on", workspace=WorkspaceRef(provider="local", id="/")
            )


FILES = [
    [("write_file", {"path": "add.py", "content": "def add(a, b):\n    return a - b\n"})],
    [("write_file", {"path": "check.py", "content": "from add import add; print(add(1, 2))\n"})],
]
MEND = [
    [("edit_file", {"path": "add.py", "old_text": "a - b", "new_text": "a + b"})],
    [("read_file", {"path": "add.py"})],
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parts", "coder"])
async def test_the_harness_works_in_it(session: SandboxSession, kind: str) -> None:
    pytest.importorskip("pydantic_ai_harness", reason="for want of Python 3.11: it needs it")
    from pydantic_ai_harness.coder import Coder
    from pydantic_ai_harness.filesystem import FileSystem
    from pydantic_ai_harness.shell import Shell

    shell = "run_command" if kind == "parts" else "shell"
    check = [(shell, {"command": "python3 -B check.py"})]
    agent = Agent(
        pydantic_ai_model(*FILES, check, *MEND, check, "It adds."),
        capabilities=[FileSystem(), Shell()] if kind == "parts" else [Coder()],
    )
    result = await agent.run("go on", workspace=DaytonaBackend(session))
    assert result.output == "It adds."
    parts = [part for message in result.all_messages() for part in message.parts]
    said = [str(part.content) for part in parts if isinstance(part, ToolReturnPart)]
    assert "-1" in said[2]
    assert "return a + b" in said[4]
    assert "3" in said[5]
    assert session.exec("python3 -B check.py").stdout == "3\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "workspace"),
    [
        ("pydantic_ai_harness.daytona_sandbox", "DaytonaSandbox"),
        ("pydantic_ai_backends", "DaytonaWorkspace"),
    ],
)
async def test_others_go_on_where_we_were_and_we_where_they_were(
    server: DaytonaServer, module: str, workspace: str
) -> None:
    package = pytest.importorskip(module, reason=f"for want of {module}: see .ci/run")
    ours = agent_with(
        DaytonaWorkspace(sessions_on(server)),
        [("shell", {"command": "echo one > log"})],
        "done",
        [("shell", {"command": "echo three >> log"})],
        "done",
        [("shell", {"command": "cat log; echo five >> log"})],
        "done",
    )
    async with AsyncDaytona(config_of(server)) as client:
        theirs = agent_with(
            getattr(package, workspace)(client=client),
            [("shell", {"command": "echo two >> log"})],
            "done",
            [("shell", {"command": "echo four > log"})],
            "done",
        )
        first = await ours.run("go on")
        second = await theirs.run("go on", message_history=first.all_messages())
        third = await ours.run("go on", message_history=second.all_messages())
        assert await third.workspace.read_text("log") == "one\ntwo\nthree\n"
        assert first.workspace.ref == second.workspace.ref == third.workspace.ref

        begun = await theirs.run("go on", workspace="new")
        went_on = await ours.run("go on", message_history=begun.all_messages())
        assert await went_on.workspace.read_text("log") == "four\nfive\n"
        assert went_on.workspace.ref == begun.workspace.ref
