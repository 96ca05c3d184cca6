"""The sandbox session of the OpenAI Agents SDK, alone and in the hands of its agents."""

import asyncio
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import CustomTool, RunConfig, Runner, RunState
from agents.items import ToolCallOutputItem
from agents.sandbox import (
    ExecTimeoutError,
    ExecTransportError,
    ExposedPortUnavailableError,
    LocalSnapshotSpec,
    Manifest,
    SandboxAgent,
    SandboxRunConfig,
    WorkspaceArchiveReadError,
    WorkspaceArchiveWriteError,
    WorkspaceReadNotFoundError,
)
from agents.sandbox.capabilities import Filesystem, Shell, Skills
from agents.sandbox.capabilities.skills import Skill
from agents.sandbox.entries import File
from agents.sandbox.errors import PtySessionNotFoundError
from agents.sandbox.snapshot import NoopSnapshotSpec, SnapshotBase, SnapshotSpec
from agents.testing import ScriptedModel, assistant_message, function_call
from openai.types.responses import ResponseCustomToolCall
from openai_agents_daytona_toolkit import (
    DaytonaFilesystem,
    DaytonaSandboxClient,
    DaytonaSandboxSession,
)

from daytona_toolkit import DaytonaSandbox, LocalSandbox, SandboxSession
from daytona_toolkit.errors import InvalidArgumentError
from daytona_toolkit.testing import DaytonaServer, DropAfter
from tests.adapters.situations import PICTURE, SECRET
from tests.daytona.support import BEGIN, config_of, session_on, stop_once_begun
from tests.support import counting, has_begun, has_ended, sleeping, unique_seconds


@pytest.fixture(params=["local", pytest.param("Daytona", marks=pytest.mark.slow)])
def session(request: pytest.FixtureRequest) -> Iterator[SandboxSession]:
    """A session over each kind of sandbox."""
    secrets = {"TOKEN": SECRET}
    if request.param == "local":
        with SandboxSession(LocalSandbox(), secrets=secrets) as session:
            yield session
    else:
        with DaytonaServer() as server, session_on(server, secrets=secrets) as session:
            yield session


@pytest.fixture
def box(session: SandboxSession) -> DaytonaSandboxSession:
    return DaytonaSandboxSession(session)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK sends traces to OpenAI unless told otherwise."""
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")


def agent_of(*script: Any, **options: Any) -> SandboxAgent[Any]:
    """An agent whose model makes these calls, one after the other; a text for its patches."""
    steps: list[Any] = []
    for number, says in enumerate(script):
        match says:
            case str() if says.startswith("*** Begin Patch"):
                call = ResponseCustomToolCall(
                    type="custom_tool_call", name="apply_patch", call_id=f"{number}", input=says
                )
                steps.append([call])
            case str():
                steps.append([assistant_message(says)])
            case (name, arguments):
                steps.append([function_call(name, arguments, call_id=f"{number}")])
    capabilities = [DaytonaFilesystem(), Shell()]
    fields: dict[str, Any] = {"capabilities": capabilities} | options
    return SandboxAgent("coder", model=ScriptedModel(steps), **fields)


async def answers(agent: SandboxAgent[Any], box: DaytonaSandboxSession) -> list[Any]:
    config = RunConfig(sandbox=SandboxRunConfig(session=box))
    result = await Runner.run(agent, "go", run_config=config, max_turns=99)
    return [item.output for item in result.new_items if isinstance(item, ToolCallOutputItem)]


async def test_an_agent_does_a_days_work(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    session.write("plot.png", PICTURE)
    agent = agent_of(
        "*** Begin Patch\n"
        "*** Add File: add.py\n+def add(a, b):\n+    return a - b\n"
        "*** Add File: test.py\n+from add import add\n+assert add(1, 2) == 3, 'wrong sum'\n"
        "*** End Patch",
        ("exec_command", {"cmd": "python3 -B test.py"}),
        "*** Begin Patch\n*** Update File: add.py\n@@ def add(a, b):\n"
        "-    return a - b\n+    return a + b\n*** End Patch",
        ("exec_command", {"cmd": "python3 -B ../test.py", "workdir": "."}),
        ("exec_command", {"cmd": "python3 -B test.py"}),
        ("view_image", {"path": "plot.png"}),
        "It adds.",
    )
    added, failed, mended, lost, passed, picture = await answers(agent, box)
    assert "add.py" in added
    assert "wrong sum" in failed
    assert "Process exited with code 1" in failed
    assert "+    return a + b" in mended
    assert "Process exited with code 2" in lost
    assert "Process exited with code 0" in passed
    assert picture.type == "image"


async def test_a_long_command_is_come_back_to(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    command = "echo begun; while [ ! -e go ]; do sleep 0.05; done; echo done; exit 3"
    begun = await box.pty_exec_start(command, yield_time_s=0.3)
    assert (begun.output, begun.exit_code) == (b"begun\n", None)
    assert begun.process_id is not None
    await session.awrite("go", "")
    ended = await box.pty_write_stdin(session_id=begun.process_id, chars="", yield_time_s=5)
    assert (ended.process_id, ended.output, ended.exit_code) == (None, b"done\n", 3)
    with pytest.raises(PtySessionNotFoundError):
        await box.pty_write_stdin(session_id=begun.process_id, chars="")


@pytest.mark.parametrize("patience", [0.3, 60], ids=["later", "at once"])
async def test_a_model_learns_that_its_command_was_lost(patience: float) -> None:
    with DaytonaServer() as server, session_on(server) as session:
        box = DaytonaSandboxSession(session)
        running = asyncio.create_task(box.pty_exec_start(BEGIN, yield_time_s=patience))
        await stop_once_begun(server, session)
        said = await running
        if said.process_id is not None:
            said = await box.pty_write_stdin(session_id=said.process_id, chars="", yield_time_s=5)
    assert b"no exit code: the sandbox" in said.output
    assert said.exit_code is None


@pytest.mark.slow
async def test_a_command_is_typed_into(box: DaytonaSandboxSession) -> None:
    agent = agent_of(("exec_command", {"cmd": "read a; echo got $a; cat", "tty": True}), "done")
    [said] = await answers(agent, box)
    number = int(said.partition("session ID ")[2].split()[0])
    typed = await box.pty_write_stdin(session_id=number, chars="this\n", yield_time_s=5)
    assert (typed.process_id, typed.output) == (number, b"got this\n")
    ended = await box.pty_write_stdin(session_id=number, chars="more\x04", yield_time_s=5)
    while ended.process_id:
        ended = await box.pty_write_stdin(session_id=number, chars="", yield_time_s=5)
    assert ended.exit_code == 0


async def test_a_model_learns_to_ask_for_a_tty(box: DaytonaSandboxSession) -> None:
    begun = await box.pty_exec_start("sleep 60", yield_time_s=0.3)
    agent = agent_of(("write_stdin", {"session_id": begun.process_id, "chars": "x"}), "done")
    [said] = await answers(agent, box)
    assert "tty=true" in said
    await box.pty_terminate_all()


async def test_an_interrupt_ends_a_command(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    seconds = unique_seconds()
    begun = await box.pty_exec_start(f"sleep {seconds}", yield_time_s=0.3)
    assert begun.process_id is not None
    ended = await box.pty_write_stdin(session_id=begun.process_id, chars="\x03")
    assert ended.process_id is None
    assert (await session.aexec(sleeping(seconds))).exit_code


async def test_all_commands_are_ended_at_the_end(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    seconds = unique_seconds()
    async with box:
        await box.pty_exec_start(f"sleep {seconds}", yield_time_s=0.3)
    assert (await session.aexec(sleeping(seconds))).exit_code
    assert await box.running()  # our session is the caller's


async def test_a_run_that_is_cancelled_leaves_no_process(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    seconds = unique_seconds()
    agent = agent_of(("exec_command", {"cmd": f"sleep {seconds}", "yield_time_ms": 30_000}))
    run = asyncio.ensure_future(answers(agent, box))
    await has_begun(session, seconds)
    run.cancel()
    await asyncio.wait([run])
    await has_ended(session, seconds)


async def test_nothing_that_a_model_says_ends_the_run(box: DaytonaSandboxSession) -> None:
    agent = agent_of(
        ("exec_command", {"cmd": "echo \0"}),
        ("exec_command", {"cmd": "ls", "workdir": "nowhere"}),
        ("exec_command", {"cmd": "ls", "workdir": "/outside"}),
        ("exec_command", {"command": "ls"}),
        ("write_stdin", {"session_id": 7, "chars": "x"}),
        ("view_image", {"path": "nothing.png"}),
        "*** Begin Patch\n*** Update File: nothing\n-a\n+b\n*** End Patch",
        "*** Begin Patch\n*** Add File: ../outside\n+a\n*** End Patch",
        "*** Begin Patch\nnonsense\n*** End Patch",
        "sorry",
    )
    said = await answers(agent, box)
    for text, expected in zip(
        said,
        [
            "NUL",
            "exited with code",
            "Invalid workdir",
            "Invalid tool arguments",
            "write_stdin failed",
            "not found",
            "Error: 'nothing' does not exist",
            "outside",
            "Invalid",
        ],
        strict=True,
    ):
        assert expected in text


@pytest.mark.slow
async def test_patches_of_two_agents_at_once_are_both_there(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    session.write("list", "".join(f"{i}\n" for i in range(20)))
    patches = [
        f"*** Begin Patch\n*** Update File: list\n-{i}\n+{i} done\n+note\n*** End Patch"
        for i in range(20)
    ]
    await asyncio.gather(
        answers(agent_of(*patches[::2], "done"), box),
        answers(agent_of(*patches[1::2], "done"), DaytonaSandboxSession(session)),
    )
    assert session.read_bytes("list").decode() == "".join(f"{i} done\nnote\n" for i in range(20))


async def test_a_patch_changes_all_files_or_none(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    session.write("a", "one\n")
    session.write("old/b", "two\n")
    half = "*** Begin Patch\n*** Update File: a\n-one\n+1\n*** Delete File: no\n*** End Patch"
    whole = (
        "*** Begin Patch\n*** Update File: a\n-one\n+1\n"
        "*** Update File: old/b\n*** Move to: new/b\n-two\n+2\n*** End Patch"
    )
    as_json = '{"type": "delete_file", "path": "a"}'
    agent = agent_of(half, whole, "done")
    refused, applied = await answers(agent, box)
    assert refused.startswith("Error: ")
    assert session.read_bytes("new/b") == b"2\n"
    assert not session.exists("old/b")
    assert "+1" in applied
    [tool] = [t for t in bound(DaytonaFilesystem(), box).tools() if isinstance(t, CustomTool)]
    await tool.on_invoke_tool(None, as_json)  # type: ignore[arg-type, misc]
    assert not session.exists("a")


def bound(capability: Filesystem, box: DaytonaSandboxSession) -> Filesystem:
    capability.bind(box)
    return capability


async def test_what_a_patch_changes_is_asked_about(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    def ask(toolset: Any) -> None:
        toolset.apply_patch.needs_approval = True

    agent = agent_of(
        "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch",
        "done",
        capabilities=[DaytonaFilesystem(configure_tools=ask)],
    )
    config = RunConfig(sandbox=SandboxRunConfig(session=box))
    result = await Runner.run(agent, "go", run_config=config)
    assert not session.exists("a")
    state = result.to_state()
    state.approve(result.interruptions[0])
    assert (await Runner.run(agent, state, run_config=config)).final_output == "done"
    assert session.read_bytes("a") == b"x\n"


async def test_the_sdks_own_filesystem_works_too(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    agent = agent_of(
        "*** Begin Patch\n*** Add File: d/a\n+x\n*** End Patch",
        "*** Begin Patch\n*** Add File: d/a\n+y\n*** End Patch",
        "*** Begin Patch\n*** Update File: d/a\n*** Move to: b\n-x\n+z\n*** End Patch",
        "done",
        capabilities=[Filesystem(), Shell()],
    )
    created, again, moved = await answers(agent, box)
    assert created == "Created d/a"
    assert "already exists" in again
    assert "Moved d/a to b" in moved
    assert session.read_bytes("b") == b"z"  # its patches close no last line


async def test_the_sdks_other_capabilities_and_archives_work_too(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    skill = Skill(name="greet", description="How to greet.", content="Say hello.")
    agent = agent_of(
        ("exec_command", {"cmd": "cat .agents/*/SKILL.md"}),
        "done",
        capabilities=[Shell(), Skills(skills=[skill])],
    )
    assert "Say hello." in (await answers(agent, box))[0]

    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        member = tarfile.TarInfo("d/file")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"hi"))
    tar.seek(0)
    await box.extract("some.tar", tar)
    await box.mv("d/file", "file")
    assert await box.same_file("file", "d/../file")
    await box.rm("d", recursive=True)
    assert sorted(Path(entry.path).name for entry in await box.ls(".")) == [
        ".agents",
        "file",
        "some.tar",
    ]
    assert await box.read_bounded(Path("file"), max_bytes=1) == b"h"


async def test_a_program_has_all_that_a_command_prints(box: DaytonaSandboxSession) -> None:
    result = await box.exec("seq 20000; echo $TOKEN >&2")
    assert result.stdout == "".join(f"{i}\n" for i in range(1, 20001)).encode()
    assert result.stderr == b"***\n"
    assert (await box.exec("echo", "a b", shell=False)).stdout == b"a b\n"
    assert (await box.exec("echo $0", shell=["bash", "-c"])).stdout == b"bash\n"


async def test_secrets_are_masked(box: DaytonaSandboxSession) -> None:
    agent = agent_of(
        ("exec_command", {"cmd": "echo $TOKEN; seq 20000; echo $TOKEN"}),
        ("exec_command", {"cmd": "echo $TOKEN; sleep 60", "yield_time_ms": 300}),
        "*** Begin Patch\n*** Add File: a\n+x\n*** Delete File: " + SECRET + "\n*** End Patch",
        "done",
    )
    said = await answers(agent, box)
    assert SECRET not in str(said)
    assert all("***" in text for text in said)
    everything = await box.exec("echo $TOKEN; seq 20000; echo $TOKEN")
    assert SECRET.encode() not in everything.stdout
    await box.pty_terminate_all()


async def test_errors_are_those_of_the_sdk(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    session.mkdir("folder")
    session.write("file", "")
    with pytest.raises(ExecTimeoutError) as timeout:
        await box.exec("echo begun; sleep 60", timeout=0.5)
    assert timeout.value.context["stdout"] == "begun\n"
    with pytest.raises(ExecTransportError, match="NUL"):
        await box.exec("echo \0")
    with pytest.raises(WorkspaceReadNotFoundError):
        await box.read(Path("nothing"))
    with pytest.raises(WorkspaceArchiveReadError):
        await box.read(Path("folder"))
    with pytest.raises(WorkspaceArchiveWriteError, match="folder"):
        await box.write(Path("folder"), io.BytesIO(b""))
    with pytest.raises(FileExistsError):
        await box._write_new_file(Path("file"), io.BytesIO(b""))


async def test_another_user_needs_sudo() -> None:
    with SandboxSession(LocalSandbox()) as session:
        session.write("a", "x")
        box = DaytonaSandboxSession(session)
        with pytest.raises(WorkspaceArchiveReadError):
            await box.read(Path("a"), user="nobody")
        with pytest.raises(WorkspaceArchiveWriteError):
            await box.write(Path("a"), io.BytesIO(b"y"), user="nobody")
        assert session.read_bytes("a") == b"x"


async def test_files_are_read_and_written_in_one_request(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    with counting(session) as traffic:
        await box.write(Path("d/a"), io.BytesIO(b"\0\xff"))
    assert traffic.requests == 1
    with counting(session) as traffic:
        assert (await box.read(Path("d/a"))).read() == b"\0\xff"
    assert traffic.requests == 1
    with counting(session) as traffic:
        assert (await box.exec("cat d/a | wc -c")).stdout.strip() == b"2"
    assert traffic.requests == 1
    with counting(session) as traffic:
        agent = agent_of("*** Begin Patch\n*** Add File: b\n+x\n*** End Patch", "done")
        await answers(agent, box)
    # One to apply it. At each turn, and before, the SDK asks whether the sandbox runs.
    assert traffic.requests == 1 + 3


async def test_a_manifest_is_put_into_the_workspace(session: SandboxSession) -> None:
    manifest = Manifest(entries={"notes/a.txt": File(content=b"hello\n")})
    async with DaytonaSandboxSession(session, manifest=manifest) as box:
        assert box.state.manifest.root == session.root
        assert [Path(entry.path).name for entry in await box.ls("notes")] == ["a.txt"]
    assert session.read_bytes("notes/a.txt") == b"hello\n"


async def test_a_workspace_moves_as_a_tar_stream(
    session: SandboxSession, box: DaytonaSandboxSession
) -> None:
    session.exec(
        "mkdir -p d/empty; head -c 5000000 /dev/urandom >d/large; echo '#!/bin/sh' >run; "
        "chmod 755 run; ln -s d/large link; mkdir cache; echo x >cache/x"
    )
    box.register_persist_workspace_skip_path("cache")
    total = session.exec("find . | sort; sha256sum d/large").stdout
    stream = await box.persist_workspace()
    assert session.exec("find . | sort; sha256sum d/large").stdout == total
    assert not session.exec("ls -A ${TMPDIR:-/tmp} | grep toolkit-").stdout
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # as a stream, without a seek
        assert "./cache" not in {member.name for member in archive}
    stream.seek(0)
    with SandboxSession(LocalSandbox()) as other:
        await DaytonaSandboxSession(other).hydrate_workspace(stream)
        there = other.exec("find . | sort; sha256sum d/large; readlink link; ls -l run").stdout
    stream.close()
    assert there.startswith(total.replace("./cache\n./cache/x\n", ""))
    assert "d/large\n-rwxr-xr-x" in there


async def test_a_confined_session_can_be_kept_too() -> None:
    with SandboxSession(LocalSandbox(), confined=True) as session:
        session.write("a", "x")
        box = DaytonaSandboxSession(session)
        with await box.persist_workspace() as stream, tarfile.open(fileobj=stream) as archive:
            assert sorted(archive.getnames()) == [".", "./a"]
        assert session.exec("ls -A").stdout == "a\n"


async def test_a_tar_stream_that_leads_outside_is_refused(box: DaytonaSandboxSession) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    for evil in (stream.getvalue(), b"no tar at all"):
        with pytest.raises(WorkspaceArchiveWriteError):
            await box.hydrate_workspace(io.BytesIO(evil))


async def test_a_port_is_reached_from_outside() -> None:
    with DaytonaServer() as server, session_on(server) as session:
        endpoint = await DaytonaSandboxSession(session).resolve_exposed_port(8000)
        preview = session.preview(8000)
    [token] = preview.headers.values()
    assert endpoint.query == f"DAYTONA_SANDBOX_AUTH_KEY={token}"
    url = endpoint.url_for("http")
    assert url.startswith(preview.url.rstrip("/"))
    with SandboxSession(LocalSandbox()) as session, pytest.raises(ExposedPortUnavailableError):
        await DaytonaSandboxSession(session).resolve_exposed_port(8000)


async def test_a_session_must_be_open() -> None:
    with SandboxSession(LocalSandbox()) as session:
        box = DaytonaSandboxSession(session)
        assert await box.running()
    assert not await box.running()
    with pytest.raises(InvalidArgumentError, match="not open"):
        DaytonaSandboxSession(SandboxSession(LocalSandbox()))
    nothing: Any = LocalSandbox()
    with pytest.raises(TypeError, match="DaytonaSandboxSession takes a SandboxSession, and"):
        DaytonaSandboxSession(nothing)


async def test_a_snapshot_that_cannot_be_leaves_no_sandbox() -> None:
    made = []

    def make(key: str) -> SandboxSession:
        made.append(SandboxSession(LocalSandbox()))
        return made[-1]

    class Nowhere(SnapshotSpec):
        def build(self, snapshot_id: str) -> SnapshotBase:
            raise OSError("no room for snapshots")

    with pytest.raises(OSError, match="no room"):
        await DaytonaSandboxClient(make).create(snapshot=Nowhere(type="nowhere"))
    assert not [session for session in made if session.is_open]


def asking(*script: Any) -> SandboxAgent[Any]:
    """An agent whose second command has to be approved."""

    def ask(toolset: Any) -> None:
        async def needs(_: Any, arguments: dict[str, Any], __: str) -> bool:
            return "second" in arguments["cmd"]

        toolset.exec_command.needs_approval = needs

    return agent_of(*script, capabilities=[DaytonaFilesystem(), Shell(configure_tools=ask)])


async def interrupted(client: DaytonaSandboxClient, snapshot: Any) -> str:
    """The state of a run that waits for an answer, as another process would read it."""
    agent = asking(
        "*** Begin Patch\n*** Add File: log\n+first\n*** End Patch",
        ("exec_command", {"cmd": "echo second >> log; cat log"}),
    )
    sandbox = SandboxRunConfig(client=client, snapshot=snapshot)
    result = await Runner.run(agent, "go", run_config=RunConfig(sandbox=sandbox))
    return result.to_state().to_string()


async def resumed(written: str, client: DaytonaSandboxClient, snapshot: Any) -> str:
    """What the second command of that run printed."""
    agent = asking("done")
    state = await RunState.from_string(agent, written)
    [item] = state.get_interruptions()
    state.approve(item)
    sandbox = SandboxRunConfig(client=client, snapshot=snapshot)
    result = await Runner.run(agent, state, run_config=RunConfig(sandbox=sandbox))
    assert result.final_output == "done"
    [*_, output] = [
        item.output for item in result.new_items if isinstance(item, ToolCallOutputItem)
    ]
    return str(output)


async def test_a_run_that_goes_on_in_another_process_finds_its_sandbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with DaytonaServer() as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        written = await interrupted(DaytonaSandboxClient(), NoopSnapshotSpec())
        [sandbox] = server.sandboxes
        said = await resumed(written, DaytonaSandboxClient(), NoopSnapshotSpec())
        assert said.endswith("Output:\nfirst\nsecond\n")
        assert list(server.sandboxes) == [sandbox]


async def test_a_sandbox_of_a_run_alone_goes_with_it() -> None:
    with DaytonaServer() as server:

        def make(key: str) -> SandboxSession:
            return SandboxSession(DaytonaSandbox.create(config=config_of(server)))

        await interrupted(DaytonaSandboxClient(make), NoopSnapshotSpec())
        assert not server.sandboxes


@pytest.mark.slow
async def test_a_lost_answer_runs_no_command_twice() -> None:
    with DaytonaServer() as server, session_on(server) as session:
        server.faults.add(DropAfter(kind="execute", every=3))
        command = ("exec_command", {"cmd": "echo line >> log"})
        await answers(agent_of(*[command] * 9, "done"), DaytonaSandboxSession(session))
        server.faults.clear()
        assert session.read_bytes("log") == b"line\n" * 9


async def test_a_found_workspace_is_newer_than_its_snapshot(tmp_path: Path) -> None:
    """Others may have worked in it since."""
    snapshot = LocalSnapshotSpec(base_path=tmp_path / "snapshots")

    def make(key: str) -> SandboxSession:
        return SandboxSession(LocalSandbox(tmp_path / key))

    written = await interrupted(DaytonaSandboxClient(make), snapshot)
    [log] = tmp_path.glob("*/log")
    log.write_text("first\nsomebody else\n")
    said = await resumed(written, DaytonaSandboxClient(make), snapshot)
    assert said.endswith("Output:\nfirst\nsomebody else\nsecond\n")


async def test_a_sandbox_that_is_gone_is_made_again_from_the_snapshot(tmp_path: Path) -> None:
    snapshot = LocalSnapshotSpec(base_path=tmp_path)
    sessions = []

    def make(key: str) -> SandboxSession:
        sessions.append(SandboxSession(LocalSandbox()))
        return sessions[-1]

    written = await interrupted(DaytonaSandboxClient(make), snapshot)
    said = await resumed(written, DaytonaSandboxClient(make), snapshot)
    assert said.endswith("Output:\nfirst\nsecond\n")
    assert len(sessions) == 2
    assert all("closed" in repr(session) for session in sessions)


def test_it_is_a_client_of_its_own() -> None:
    """The SDK's own for Daytona has the same names, and may be used beside it."""
    from agents.extensions.sandbox import daytona

    assert daytona.DaytonaSandboxClient.backend_id != DaytonaSandboxClient.backend_id


async def test_an_archive_that_was_cut_off_is_none() -> None:
    variables = {"PATH": "bin:/usr/bin:/bin"}
    with DaytonaServer() as server, session_on(server, env=variables) as session:
        await session.awrite("bin/tar", f'#!/bin/sh\necho half >"$ARCHIVE"\n{BEGIN}\n')
        await session.aexec("chmod +x bin/tar")
        box = DaytonaSandboxSession(session)
        packing = asyncio.create_task(box.persist_workspace())
        await stop_once_begun(server, session)
        with pytest.raises(WorkspaceArchiveReadError) as read:
            await packing
        await session.aremove("begun")
        unpacking = asyncio.create_task(box.hydrate_workspace(io.BytesIO(b"\0" * 1024)))
        await stop_once_begun(server, session)
        with pytest.raises(WorkspaceArchiveWriteError) as written:
            await unpacking
    for caught in (read.value, written.value):
        assert "no exit code: the sandbox" in str(caught.cause)
