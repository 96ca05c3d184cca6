"""The session itself: any thread, any loop, one life."""

import asyncio
import inspect
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_type_hints
from unittest import mock

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from daytona_toolkit import CommandSandbox, Limits, LocalSandbox, SandboxError, SandboxSession
from daytona_toolkit import _tracing as tracing
from daytona_toolkit._twins import Operation
from daytona_toolkit.errors import (
    AuthenticationError,
    InvalidArgumentError,
    PathExistsError,
    SandboxFailedError,
    SandboxUnavailableError,
    SessionClosedError,
    StateLostError,
)
from daytona_toolkit.sandboxes._local import confinement
from tests.support import counting, running, unique_seconds


@pytest.fixture
def session():  # type: ignore[no-untyped-def]
    with SandboxSession(LocalSandbox()) as session:
        yield session


def test_no_log_has_the_contents_of_a_patch(
    session: SandboxSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    session.apply_patch("*** Begin Patch\n*** Add File: a.txt\n+private\n*** End Patch")
    session.apply_patch(patch="*** Begin Patch\n*** Delete File: a.txt\n*** End Patch")
    targets = [step.target for step in session.transcript if step.operation == "apply_patch"]
    assert targets == ["a.txt", "a.txt"]
    assert "apply_patch a.txt: 1 file" in caplog.text
    assert "private" not in caplog.text


def test_a_log_has_the_command_and_no_other_argument_whichever_comes_first(
    session: SandboxSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    session.exec(env={"PASSWORD": "private"}, command="true")
    session.ls(hidden=False)
    assert [step.target for step in session.transcript][-2:] == ["true", ""]
    assert "private" not in caplog.text


def test_importing_is_cheap_and_brings_no_framework() -> None:
    code = (
        "import time; begun = time.process_time(); import daytona_toolkit; "
        "spent = time.process_time() - begun; import sys; "
        "bad = {'daytona', 'langchain_core', 'llama_index', 'pydantic'} & set(sys.modules);"
        "print(spent, sorted(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    spent, _, bad = done.stdout.strip().partition(" ")
    assert bad == "[]"
    assert float(spent) < 0.15


def test_every_operation_has_a_twin_of_the_same_signature() -> None:
    names = [
        name
        for name, member in inspect.getmembers(SandboxSession, inspect.isfunction)
        if not name.startswith("_") and not inspect.iscoroutinefunction(member)
    ]
    assert {"exec", "read", "write", "edit", "job", "kill", "close"} <= set(names)
    for name in set(names) - {"mask"}:
        twin = getattr(SandboxSession, f"a{name}")
        assert inspect.iscoroutinefunction(twin)
        assert inspect.signature(twin) == inspect.signature(getattr(SandboxSession, name))
        taken = [each for each in inspect.signature(twin).parameters if each != "self"]
        assert list(get_type_hints(twin)) == [*taken, "return"]
        assert inspect.getdoc(getattr(SandboxSession, name))


def test_a_thread_and_two_loops_share_one_session(session: SandboxSession) -> None:
    async def work(name: str) -> list[str]:
        commands = (session.aexec(f"echo {name}{i}") for i in range(10))
        return [result.stdout for result in await asyncio.gather(*commands)]

    with ThreadPoolExecutor() as pool:
        loops = [pool.submit(asyncio.run, work(name)) for name in "ab"]
        mine = [session.exec(f"echo c{i}").stdout for i in range(10)]
        results = [loop.result() for loop in loops]
    assert [*results, mine] == [[f"{name}{i}\n" for i in range(10)] for name in "abc"]


def test_operations_cost_one_request(session: SandboxSession) -> None:
    with counting(session) as count:
        session.exec("echo hi")
        session.write("file", "text")
        session.read("file")
        session.exists("file")
        session.edit("file", "text", "words")
        session.ls()
        session.glob("*")
        session.grep("words")
    assert count.requests == 8


def test_what_is_of_another_type_is_refused_at_once() -> None:
    with pytest.raises(InvalidArgumentError, match=r"limits is 5; give Limits"):
        SandboxSession(LocalSandbox(), limits=5)  # type: ignore[arg-type]
    for argv in ("sh", [], ["sh", 5]):
        with pytest.raises(InvalidArgumentError, match="argv is a list of words"):
            CommandSandbox(argv)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["open", "run", "upload", "close"])
def test_what_a_sandbox_of_somebody_else_raises_becomes_an_error_of_ours(method: str) -> None:
    sandbox = LocalSandbox()
    close = sandbox.close

    async def fail(*args: object, **options: object) -> None:
        if method == "close":
            await close()
        raise KeyError("bug")

    def use() -> None:
        with SandboxSession(sandbox) as session:
            session.write("file", b"x" * 600_000)

    setattr(sandbox, method, fail)
    with pytest.raises(SandboxFailedError, match=r"failed with KeyError: 'bug'") as caught:
        use()
    assert isinstance(caught.value.__cause__, KeyError)


def test_why_a_session_cannot_be_opened_is_told_though_it_cannot_be_closed_either() -> None:
    class Failing(CommandSandbox):
        async def open(self) -> None:
            raise AuthenticationError("the key is wrong")

        async def close(self) -> None:
            raise SandboxUnavailableError("it could not be closed")

    with pytest.raises(AuthenticationError, match="the key is wrong"):
        SandboxSession(Failing(["sh"])).__enter__()


def test_a_sandbox_that_cannot_be_opened_again_keeps_its_files() -> None:
    class Failing(LocalSandbox):
        fails = False

        async def run(self, program: str, *, timeout: float) -> bytes:
            if self.fails:
                raise SandboxUnavailableError("no answer came")
            return await super().run(program, timeout=timeout)

    with SandboxSession(Failing()) as session:
        session.write("work", "hours of it\n")
        with pytest.raises(StateLostError):
            session.exec('rm -rf "$TMPDIR/.daytona-toolkit"')
        session.sandbox.fails = True
        with pytest.raises(SandboxUnavailableError):
            session.read("work")
        session.sandbox.fails = False
        assert session.read("work").content == "hours of it\n"


def test_a_confined_session_is_alive() -> None:
    with SandboxSession(LocalSandbox(), confined=True) as session:
        assert session.is_alive()


@pytest.mark.parametrize("forged", ["touch $job.expired", "echo x >$job.supervisor"])
def test_a_command_that_forges_its_state_ends_at_its_time_limit(forged: str) -> None:
    seconds = unique_seconds()
    with SandboxSession(CommandSandbox(["sh"])) as session:
        job = f"job={session._workspace.facts.state}/$DAYTONA_TOOLKIT_JOB"
        session.exec(f"{job}; {forged}; sleep {seconds}", yield_after=0.5, timeout=2)
        assert running(seconds)
        deadline = time.monotonic() + 10
        while running(seconds):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_command_ends_at_its_time_limit_though_nobody_asks_any_more() -> None:
    class Partitioned(CommandSandbox):
        """Nothing arrives any more once a command was started."""

        is_cut_off = False

        async def run(self, program: str, *, timeout: float) -> bytes:
            if self.is_cut_off:
                raise SandboxUnavailableError("there is no way there")
            self.is_cut_off = f"sleep {seconds}" in program
            return await super().run(program, timeout=timeout)

    seconds = unique_seconds()
    with SandboxSession(Partitioned(["sh"]), limits=Limits(window=1)) as session:
        with pytest.raises(SandboxUnavailableError, match="no way there"):
            session.exec(f"sleep {seconds}", timeout=3)
        assert running(seconds)
        deadline = time.monotonic() + 20
        while running(seconds):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_what_is_no_answer_of_a_sandbox_is_said() -> None:
    session = SandboxSession(LocalSandbox())
    with (
        mock.patch.object(session.sandbox, "run", return_value="text"),
        pytest.raises(SandboxFailedError, match="answered with str, not bytes"),
        session,
    ):
        pytest.fail("it was opened")


def test_the_first_operation_opens_the_session() -> None:
    session = SandboxSession(LocalSandbox())
    assert "state=not open yet" in repr(session)
    assert not session.is_open
    assert session.exec("echo hi").stdout == "hi\n"
    assert "state=open" in repr(session)
    assert session.is_open
    session.close()
    assert "state=closed" in repr(session)
    assert not session.is_open


def test_the_root_is_known_once_the_session_is_open() -> None:
    """Until then nobody knows what a relative one, or a symlink, leads to."""
    session = SandboxSession(LocalSandbox(), root="sub")
    with pytest.raises(InvalidArgumentError, match="not open"):
        print(session.root)
    with session:
        assert session.root == session.exec("pwd").stdout.strip()
    with pytest.raises(SessionClosedError, match="make a new one"):
        print(session.root)
    assert "root=not known, state=closed" in repr(session)


@pytest.mark.parametrize("root", ["~", "~/sub"])
def test_a_root_may_be_in_the_home_folder(root: str) -> None:
    with SandboxSession(LocalSandbox(), root=root) as session:
        assert session.exec("pwd -P").stdout == session.exec(f"cd {root} && pwd -P").stdout
        assert session.root == session.realpath(root)


def test_its_shape_says_what_runs(session: SandboxSession) -> None:
    job = session.exec("sleep 60", background=True)
    assert repr(session) == (
        f"<SandboxSession sandbox=local:{session.root}, root={session.root}, state=open, "
        "running=1 job>"
    )
    assert "<td>1 job</td>" in session._repr_html_()
    session.kill(job.job_id)
    assert "running=0 jobs" in repr(session)


def test_operations_are_spans_of_the_callers_trace(session: SandboxSession) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    with (
        mock.patch.object(tracing, "_tracer", return_value=provider.get_tracer("test")),
        provider.get_tracer("test").start_as_current_span("mine") as mine,
    ):
        session.exec("exit 3")
        with pytest.raises(SandboxError):
            session.read("nope")
    spans = kept.get_finished_spans()[:2]
    assert [span.name for span in spans] == ["daytona_toolkit.exec", "daytona_toolkit.read"]
    for span, target, outcome in zip(
        spans, ("exit 3", "nope"), ("exit 3", "PathNotFoundError"), strict=True
    ):
        assert span.parent is not None
        assert span.parent.span_id == mine.get_span_context().span_id
        assert span.attributes is not None
        assert span.attributes["daytona_toolkit.target"] == target
        assert span.attributes["daytona_toolkit.outcome"] == outcome
        assert span.attributes["daytona_toolkit.sandbox"] == session.sandbox.id


async def test_many_first_operations_open_it_once() -> None:
    session = SandboxSession(LocalSandbox())
    await asyncio.gather(*(session.awrite(f"f{i}", "x") for i in range(10)))
    assert len((await session.als()).entries) == 10
    await session.aclose()


async def test_it_is_an_async_context_too() -> None:
    async with SandboxSession(LocalSandbox()) as session:
        assert (await session.aexec("echo hi")).stdout == "hi\n"
    with pytest.raises(SessionClosedError):
        await session.aread("x")


def test_closing_ends_what_runs() -> None:
    session = SandboxSession(LocalSandbox())
    session.open()
    failures = []

    def work() -> None:
        try:
            session.exec("sleep 60")
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    session.close()
    thread.join()
    assert time.monotonic() - started < 8
    assert len(failures) == 1


@pytest.mark.parametrize("call", ["session.exec(", "wait_for(session, session.aexec, "])
def test_ctrl_c_ends_the_command(call: str) -> None:
    confinement.choose("auto")
    seconds = unique_seconds()
    code = (
        "import signal\n"
        "from daytona_toolkit import *\n"
        "from daytona_toolkit.tools import wait_for\n"
        # Whoever is started in the background, as these tests may be, ignores it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with SandboxSession(LocalSandbox()) as session:\n"
        "    session.open(); print('ready', flush=True)\n"
        "    try:\n"
        f"        {call}'sleep {seconds}')\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted', flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout
        client.stdout.readline()
        time.sleep(0.5)
        client.send_signal(signal.SIGINT)
        assert client.stdout.readline() == b"interrupted\n"
        assert not running(seconds)
        client.communicate(b"\n")


async def test_a_large_patch_holds_up_no_other_session(session: SandboxSession) -> None:
    await session.awrite("0", "there already\n")
    lines = f"+{'x' * 99}\n" * 500
    files = "".join(f"*** Add File: {number}\n{lines}" for number in range(400))
    turns, is_over = [], False

    async def look() -> None:
        while not is_over:
            started = time.thread_time()  # other processes do not count
            await asyncio.sleep(0.001)
            turns.append(time.thread_time() - started)

    looking = session._runner.start(look)
    with pytest.raises(PathExistsError, match="'0' exists already"):
        await session.aapply_patch(f"*** Begin Patch\n{files}*** End Patch")
    is_over = True
    await looking.wait_async()
    assert max(turns) < 0.3


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")  # on purpose
def test_a_forked_child_is_told_to_make_its_own(session: SandboxSession) -> None:
    session.exec("true")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            session.exec("true")
        except SandboxError as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as told:
        assert "a forked child has no part in its connections" in told.read()
    assert session.exec("echo still here").stdout == "still here\n"


def test_a_forgotten_session_warns_and_is_closed() -> None:
    seconds = unique_seconds()
    code = (
        "import warnings; warnings.simplefilter('always')\n"
        "from daytona_toolkit import *\n"
        "session = SandboxSession(LocalSandbox(isolation='none'))\n"
        f"session.exec('setsid sleep {seconds} &')\n"
        "print(session.root)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert "ResourceWarning: A session over local:" in done.stderr
    assert not Path(done.stdout.strip()).exists()
    assert not running(seconds)


def test_the_log_and_the_transcript_say_what_was_done(
    session: SandboxSession, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "daytona_toolkit"):
        session.open()
        session.exec("exit 3")
        session.write("file", "text")
        with pytest.raises(SandboxError):
            session.read("nope")
    lines = [record.getMessage() for record in caplog.records if record.name == "daytona_toolkit"]
    assert all(line.endswith(f" s, sandbox {session.sandbox.id})") for line in lines)
    assert [line.partition(" (")[0] for line in lines] == [
        "open: done",
        "exec exit 3: exit 3",
        "write file: 4 bytes",
        "read nope: PathNotFoundError",
    ]
    steps = list(session.transcript)[-3:]
    assert [(step.operation, step.ok) for step in steps] == [
        ("exec", False),
        ("write", True),
        ("read", False),
    ]
    assert "write      file" in str(session.transcript)


def test_a_bug_is_logged_by_its_name(
    session: SandboxSession, caplog: pytest.LogCaptureFixture
) -> None:
    session.open()
    bug = mock.patch("daytona_toolkit._workspace.Workspace.run", side_effect=KeyError("bug"))
    with bug, caplog.at_level("INFO", "daytona_toolkit"), pytest.raises(KeyError):
        session.exists("file")
    assert "exists file: KeyError (" in caplog.text
    assert [step.outcome for step in session.transcript][-1] == "KeyError"


def test_secrets_stay_out_of_log_and_transcript(caplog: pytest.LogCaptureFixture) -> None:
    with SandboxSession(LocalSandbox(), secrets={"TOKEN": "s3cr3t"}) as session:
        with caplog.at_level(logging.DEBUG):
            session.exec("echo s3cr3t")
            with pytest.raises(SandboxError):
                session.read("s3cr3t")
        assert "s3cr3t" not in caplog.text + str(session.transcript) + repr(session)


def test_a_session_on_its_own_loop_says_what_to_use(session: SandboxSession) -> None:
    async def inside() -> None:
        session.exec("true")

    with pytest.raises(RuntimeError, match=r"await session\.aexec"):
        session._perform(Operation("test", "", inside))


def test_a_process_without_a_standard_error_transfers_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("text\n")
    with SandboxSession(LocalSandbox()) as session:
        monkeypatch.setattr(sys, "stderr", None)
        assert session.upload(tmp_path / "file", "there").files == 1
        assert session.download("there", tmp_path / "back").files == 1
