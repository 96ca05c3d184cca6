"""How a sandbox comes, sleeps, wakes and goes."""

import asyncio
import gc
import logging
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from daytona import AsyncDaytona, CreateSandboxFromSnapshotParams, Daytona

from daytona_toolkit import DaytonaSandbox, LocalSandbox, SandboxSession, open_session
from daytona_toolkit.errors import (
    AuthenticationError,
    InvalidArgumentError,
    PreviewError,
    SandboxFailedError,
    SandboxGoneError,
    SandboxUnavailableError,
)
from daytona_toolkit.sandboxes import Sandbox
from daytona_toolkit.sandboxes._daytona import retries
from daytona_toolkit.sandboxes._daytona import sandbox as daytona
from daytona_toolkit.testing import DaytonaServer, DropAfter, Status
from daytona_toolkit.testing._server.sandbox import Sandbox as ServerSandbox
from daytona_toolkit.tools import PREVIEW
from tests.daytona.support import config_of, opened, sandbox_on, session_on, start_program


def only(server: DaytonaServer) -> ServerSandbox:
    (sandbox,) = server.sandboxes.values()
    return sandbox


def keep(server: DaytonaServer, params: Any = None) -> str:
    """Make a sandbox that no session owns; its id."""
    return str(Daytona(config_of(server)).create(params).id)


# Whose it is


def test_a_created_sandbox_is_deleted_at_the_end(server: DaytonaServer) -> None:
    with session_on(server) as session:
        assert list(server.sandboxes) == [session.sandbox.id]
        assert session.sandbox.owned  # type: ignore[attr-defined]
    assert not server.sandboxes


async def test_a_created_sandbox_is_deleted_by_async_code(server: DaytonaServer) -> None:
    async with SandboxSession(sandbox_on(server)) as session:
        assert (await session.aexec("echo hello")).stdout == "hello\n"
    assert not server.sandboxes


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_inside_the_block_deletes_it(
    server: DaytonaServer, error: type[BaseException]
) -> None:
    with pytest.raises(error), session_on(server):
        raise error
    assert not server.sandboxes


@pytest.mark.parametrize("by", ["id", "name"])
def test_an_attached_sandbox_is_left_running(server: DaytonaServer, by: str) -> None:
    keep(server)
    name = getattr(only(server), by)
    with SandboxSession(DaytonaSandbox.attach(name, config=config_of(server))) as session:
        assert session.exec("echo hello").stdout == "hello\n"
        assert session.sandbox.id == only(server).id
    assert only(server).state == "started"


@pytest.mark.slow
def test_the_id_leads_another_process_to_the_same_files(server: DaytonaServer) -> None:
    with session_on(server) as session:
        session.write("note", "from the first")
        program = start_program(
            server,
            "import sys\n"
            "from daytona_toolkit import *\n"
            "with SandboxSession(DaytonaSandbox.attach(sys.stdin.read())) as session:\n"
            "    print(session.read('note').content)\n",
        )
        printed, errors = program.communicate(session.sandbox.id, timeout=60)
        assert "from the first" in printed, errors


def test_a_sync_sandbox_of_the_sdk_can_be_wrapped(server: DaytonaServer) -> None:
    wrapped = Daytona(config_of(server)).create()
    with SandboxSession(DaytonaSandbox.wrap(wrapped)) as session:
        session.write("note", "hello")
        assert session.sandbox.id == wrapped.id
    assert wrapped.fs.download_file("note") == b"hello"


async def test_an_async_sandbox_of_another_event_loop_can_be_wrapped(
    server: DaytonaServer,
) -> None:
    async with AsyncDaytona(config_of(server)) as client:
        wrapped = await client.create()
        async with SandboxSession(DaytonaSandbox.wrap(wrapped)) as session:
            await session.awrite("note", "hello")
        assert await wrapped.fs.download_file("note") == b"hello"
        assert only(server).state == "started"


def test_what_is_no_sandbox_of_the_sdk_cannot_be_wrapped() -> None:
    with pytest.raises(InvalidArgumentError, match="attach"):
        DaytonaSandbox.wrap("sandbox-id")  # type: ignore[arg-type]


def test_a_key_leads_to_the_same_sandbox_until_somebody_deletes_it(server: DaytonaServer) -> None:
    for text in ("first", "second"):
        kept = DaytonaSandbox.get_or_create("chat 'ü' 1", config=config_of(server))
        with SandboxSession(kept) as session:
            session.exec(f"echo {text} >>log")
            log = session.read("log").content
    assert log == "first\nsecond\n"
    assert only(server).state == "started"
    assert only(server).dto["autoDeleteInterval"] == 7 * 24 * 60
    other = DaytonaSandbox.get_or_create("another", config=config_of(server))
    with SandboxSession(other):
        assert len(server.sandboxes) == 2


def test_programs_that_race_for_a_key_end_on_one_sandbox(server: DaytonaServer) -> None:
    server.start_delay = 0.3

    def race(number: int) -> str:
        kept = DaytonaSandbox.get_or_create("shared", config=config_of(server))
        with SandboxSession(kept) as session:
            session.exec(f"echo {number} >>log")
            return session.sandbox.id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(race, range(8)))
    assert ids == {only(server).id}
    with SandboxSession(DaytonaSandbox.attach(*ids, config=config_of(server))) as session:
        assert sorted(session.read("log").content.split()) == list("01234567")


def test_a_created_sandbox_can_be_kept(server: DaytonaServer) -> None:
    with SandboxSession(sandbox_on(server, keep=True)) as session:
        assert not session.sandbox.owned  # type: ignore[attr-defined]
        session.write("note", "kept")
        assert "left running" in repr(session.sandbox)
    box = only(server)
    assert (box.state, box.dto["autoDeleteInterval"]) == ("started", 7 * 24 * 60)
    with SandboxSession(DaytonaSandbox.attach(box.id, config=config_of(server))) as session:
        assert session.read("note").content == "kept"


@pytest.mark.slow
def test_a_sandbox_to_keep_that_does_not_start_is_deleted(server: DaytonaServer) -> None:
    server.start_delay, server.answer_creating = 5.0, True
    with pytest.raises(SandboxUnavailableError):
        SandboxSession(sandbox_on(server, keep=True, timeout=0.5)).__enter__()
    assert not server.sandboxes


def test_a_private_port_has_an_address_and_a_token_that_only_the_caller_sees(
    server: DaytonaServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with SandboxSession(sandbox_on(server)) as session:
        with server.counting() as count:
            link = session.preview(8000)
        assert count.by_kind == {"preview_url": 1}
        token = only(server).signing_key
        assert link.url.endswith(":8000")
        assert link.headers == {"x-daytona-preview-token": token}
        shown = PREVIEW.run(session, {"port": 8000})
        assert shown.text.startswith(f"{link.url}\n[private: ")
        seen = [link, link.model_dump(), shown, session.transcript, caplog.text]
        seen += [vars(record) for record in caplog.records]
        assert token not in " ".join(map(repr, seen))
        copied = pickle.loads(pickle.dumps(link))
        assert copied.headers == link.headers


def test_a_public_port_needs_no_token(server: DaytonaServer) -> None:
    with SandboxSession(
        sandbox_on(server, CreateSandboxFromSnapshotParams(public=True))
    ) as session:
        link = session.preview(8000)
        assert link.headers == {}
        assert link.text() == link.url


def test_a_port_that_daytona_refuses_is_an_error_that_a_model_can_react_to(
    server: DaytonaServer,
) -> None:
    with SandboxSession(sandbox_on(server)) as session:
        server.faults.add(Status(400, kind="preview_url"))
        with pytest.raises(PreviewError, match=r"gives port 22 no address.*another port"):
            session.preview(22)


@pytest.mark.parametrize(
    "make",
    [
        lambda: DaytonaSandbox(),
        lambda: DaytonaSandbox("some-id"),
        lambda: DaytonaSandbox.create({"image": "debian:12"}),  # type: ignore[arg-type]
        lambda: DaytonaSandbox.get_or_create("key", {}),  # type: ignore[arg-type]
        lambda: DaytonaSandbox.create(config="key"),  # type: ignore[arg-type]
        lambda: DaytonaSandbox.attach(""),
        lambda: DaytonaSandbox.attach(None),  # type: ignore[arg-type]
        lambda: DaytonaSandbox.get_or_create(""),
    ],
)
def test_what_cannot_be_meant_says_what_to_do(make: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"attach|image=|DaytonaConfig|takes a key"):
        make()


# Coming


def test_daytona_stops_and_deletes_what_nobody_can_delete(server: DaytonaServer) -> None:
    with session_on(server):
        assert only(server).dto["autoStopInterval"] == 15
        assert only(server).dto["autoDeleteInterval"] == 24 * 60
        assert only(server).name.startswith("toolkit-")


def test_the_parameters_that_were_given_are_kept_and_not_changed(server: DaytonaServer) -> None:
    params = CreateSandboxFromSnapshotParams(
        name="mine",
        snapshot="daytona-small",
        labels={"team": "a"},
        env_vars={"COLOUR": "blue"},
        auto_stop_interval=0,
        auto_delete_interval=5,
    )
    before = params.model_copy(deep=True)
    with SandboxSession(sandbox_on(server, params)) as session:
        assert session.exec("echo $COLOUR").stdout == "blue\n"
        box = only(server)
        assert (box.name, box.dto["snapshot"], box.labels["team"]) == ("mine", "daytona-small", "a")
        assert (box.dto["autoStopInterval"], box.dto["autoDeleteInterval"]) == (0, 5)
    assert params == before


def test_an_ephemeral_sandbox_stays_ephemeral(server: DaytonaServer) -> None:
    params = CreateSandboxFromSnapshotParams(ephemeral=True)
    with SandboxSession(sandbox_on(server, params)):
        assert only(server).dto["autoDeleteInterval"] == 0


@pytest.mark.parametrize("times", [1, 2])
def test_a_create_whose_answer_was_lost_makes_no_second_sandbox(
    server: DaytonaServer, times: int
) -> None:
    server.faults.add(DropAfter(kind="create"), times=times)
    with session_on(server) as session:
        assert only(server).id == session.sandbox.id
    assert not server.sandboxes


def test_a_name_that_is_taken_is_refused_and_its_sandbox_left_alone(server: DaytonaServer) -> None:
    params = CreateSandboxFromSnapshotParams(name="mine")
    first = keep(server, params)
    with pytest.raises(SandboxFailedError, match="named 'mine' already"):
        SandboxSession(sandbox_on(server, params)).__enter__()
    assert list(server.sandboxes) == [first]


@pytest.mark.slow
@pytest.mark.parametrize("answers_at_once", [True, False])
def test_a_sandbox_that_does_not_start_in_time_is_deleted(
    server: DaytonaServer, answers_at_once: bool
) -> None:
    server.start_delay, server.answer_creating = 2.0, answers_at_once
    started = time.monotonic()
    with pytest.raises(SandboxUnavailableError):
        SandboxSession(sandbox_on(server, timeout=1.0)).__enter__()
    assert time.monotonic() - started < 8
    assert not server.sandboxes


async def test_a_cancelled_opening_deletes_what_it_made(server: DaytonaServer) -> None:
    server.start_delay = 1.0
    session = SandboxSession(sandbox_on(server))
    opening = asyncio.create_task(session.aopen())
    while not server.sandboxes:
        await asyncio.sleep(0.01)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await session.aclose()
    assert not server.sandboxes


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refused_create_leaves_nothing_that_somebody_should_delete(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with DaytonaServer(latency=0.02) as server:
        server.faults.add(Status(status, "no such snapshot", kind="create"))
        with pytest.raises(SandboxFailedError, match="no such snapshot"):
            SandboxSession(sandbox_on(server)).open()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_failing_create_can_be_tried_again_in_the_same_session(server: DaytonaServer) -> None:
    server.quota = 0
    session = SandboxSession(sandbox_on(server))
    with pytest.raises(Exception, match="limit"):
        session.open()
    server.quota = 1
    assert session.exec("echo hello").stdout == "hello\n"
    session.close()
    assert not server.sandboxes


# Sleeping and waking


@pytest.mark.parametrize("change", ["stop", "archive", "pause"])
def test_a_sleeping_sandbox_is_started_at_opening(server: DaytonaServer, change: str) -> None:
    id_ = keep(server)
    getattr(server, f"{change}_sandbox")(id_)
    with SandboxSession(DaytonaSandbox.attach(id_, config=config_of(server))) as session:
        assert session.exec("echo hello").stdout == "hello\n"


@pytest.mark.parametrize("change", ["stop", "archive", "pause"])
@pytest.mark.parametrize("status", [400, 502])
def test_a_sandbox_that_fell_asleep_is_started_and_the_call_repeated(
    server: DaytonaServer, session: SandboxSession, change: str, status: int
) -> None:
    server.stopped_status = status
    session.write("note", "kept\n")
    getattr(server, f"{change}_sandbox")(session.sandbox.id)
    with server.counting() as count:
        assert session.exec("cat note; echo ran >>log").stdout == "kept\n"
    assert count.by_kind == {"execute": 2, "get": 1, "start": 1}
    assert session.read("log").content == "ran\n"


@pytest.mark.parametrize("status", [400, 502])
def test_a_sandbox_that_fell_asleep_is_not_started_to_be_left(
    server: DaytonaServer, status: int
) -> None:
    server.stopped_status = status
    kept = DaytonaSandbox.get_or_create("chat", config=config_of(server))
    with SandboxSession(kept) as session:
        session.write("note", "kept\n")
        server.stop_sandbox(session.sandbox.id)
        with server.counting() as count:
            session.close()
    assert count.by_kind == {"execute": 1, "get": 1}
    assert only(server).state == "stopped"
    with SandboxSession(kept) as session:
        assert session.read("note").content == "kept\n"


async def test_calls_that_meet_a_stopped_sandbox_share_one_start(server: DaytonaServer) -> None:
    server.start_delay = 0.2
    async with SandboxSession(sandbox_on(server)) as session:
        server.stop_sandbox(session.sandbox.id)
        with server.counting() as count:
            results = await asyncio.gather(*(session.aexec(f"echo {n}") for n in range(10)))
    assert [result.stdout for result in results] == [f"{n}\n" for n in range(10)]
    assert count.by_kind["start"] == 1


def test_a_sandbox_that_is_being_stopped_is_started_once_it_has_stopped(
    server: DaytonaServer, session: SandboxSession
) -> None:
    id_ = session.sandbox.id
    server.stop_sandbox(id_)
    server.set_state(id_, "stopping")
    threading.Timer(0.5, server.set_state, (id_, "stopped")).start()
    assert session.exec("echo hello").stdout == "hello\n"


def test_a_sandbox_that_is_just_starting_is_waited_for(server: DaytonaServer) -> None:
    server.start_delay, server.answer_creating = 0.5, True
    with session_on(server) as session:
        assert session.exec("echo hello").stdout == "hello\n"


def test_a_start_that_takes_too_long_is_given_up(server: DaytonaServer) -> None:
    with SandboxSession(sandbox_on(server, timeout=1.0)) as session:
        server.stop_sandbox(session.sandbox.id)
        server.start_delay = 5.0
        with pytest.raises(SandboxUnavailableError):
            session.exec("echo hello")
        server.set_state(session.sandbox.id, "stopped")


@pytest.mark.parametrize("status", [400, 401, 404, 502])
@pytest.mark.parametrize("change", ["destroy", "remove"])
def test_a_deleted_sandbox_is_gone_whatever_its_proxy_answers(
    server: DaytonaServer, session: SandboxSession, change: str, status: int
) -> None:
    server.gone_status = status
    getattr(server, f"{change}_sandbox")(session.sandbox.id)
    with server.counting() as count, pytest.raises(SandboxGoneError, match=session.sandbox.id):
        session.exec("echo hello")
    assert count.by_kind == {"execute": 1, "get": 1}
    assert not session.is_alive()


@pytest.mark.parametrize("status", [401, 404, 410])
def test_a_sandbox_that_runs_is_not_gone_whatever_its_proxy_answers(
    server: DaytonaServer, session: SandboxSession, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that has just started does not know of it yet."""
    monkeypatch.setattr(retries, "_BUDGET", 1.0)
    server.faults.add(Status(status, message="page not found", kind="execute"), times=2)
    assert session.exec("echo hello").stdout == "hello\n"
    server.faults.add(Status(status, message="page not found", kind="execute"))
    with pytest.raises(SandboxUnavailableError, match=r"It runs, .*page not found"):
        session.exec("echo hello")
    server.faults.clear()
    assert session.exec("echo hello").stdout == "hello\n"


def test_a_broken_sandbox_is_reported_with_its_reason(
    server: DaytonaServer, session: SandboxSession
) -> None:
    server.stop_sandbox(session.sandbox.id)
    server.set_state(session.sandbox.id, "error", "the disk is on fire")
    with pytest.raises(SandboxFailedError, match="the disk is on fire"):
        session.exec("echo hello")


def test_attaching_to_a_sandbox_that_never_was_says_so(server: DaytonaServer) -> None:
    with pytest.raises(SandboxGoneError, match="no-such-sandbox"):
        SandboxSession(
            DaytonaSandbox.attach("no-such-sandbox", config=config_of(server))
        ).__enter__()


async def test_keep_alive_counts_as_activity_until_its_time_is_over(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daytona, "_KEEP_ALIVE_INTERVAL", 0.05)
    async with opened(sandbox_on(server, keep_alive=0.4)):
        with server.counting() as count:
            await asyncio.sleep(1)
    assert 3 <= count.by_kind["last_activity"] <= 8
    async with opened(sandbox_on(server)):
        with server.counting() as count:
            await asyncio.sleep(0.2)
    assert count.requests == 0


# Going


def test_a_deletion_whose_answer_was_lost_has_happened(server: DaytonaServer) -> None:
    with session_on(server):
        server.faults.add(DropAfter(kind="delete"), times=3)
    assert not server.sandboxes


def test_a_sandbox_that_somebody_else_deleted_closes_quietly(server: DaytonaServer) -> None:
    with session_on(server) as session:
        server.remove_sandbox(session.sandbox.id)


def test_a_sandbox_that_changes_its_state_is_deleted_afterwards(server: DaytonaServer) -> None:
    with session_on(server) as session:
        id_ = session.sandbox.id
        server.set_state(id_, "stopping")
        threading.Timer(0.5, server.set_state, (id_, "stopped")).start()
    assert not server.sandboxes


def test_a_sandbox_that_cannot_be_deleted_is_named(
    server: DaytonaServer, caplog: pytest.LogCaptureFixture
) -> None:
    session = SandboxSession(sandbox_on(server))
    session.open()
    server.faults.add(Status(403, kind="delete"))
    with pytest.raises(AuthenticationError, match=session.sandbox.id):
        session.close()
    assert f"{session.sandbox.id} could not be deleted" in caplog.text


def test_a_forgotten_session_is_closed_when_it_is_collected(server: DaytonaServer) -> None:
    session = SandboxSession(sandbox_on(server))
    session.open()
    with pytest.warns(ResourceWarning, match="was not closed"):  # noqa: PT031 # to drop, to collect
        del session
        gc.collect()
    assert not server.sandboxes


def test_a_forgotten_session_is_closed_where_warnings_are_errors(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda failure: raised.append(failure.exc_type))
    session = SandboxSession(sandbox_on(server))
    session.open()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del session
        gc.collect()
    assert raised == [ResourceWarning]
    assert not server.sandboxes


FORGETFUL = """
import os, aiohttp
if os.environ["MINUTES_LATER"]:
    # What minutes of silence do: no connection is kept, no host name remembered.
    connect = aiohttp.TCPConnector.__init__
    aiohttp.TCPConnector.__init__ = lambda self, **options: connect(
        self, **{**options, "keepalive_timeout": 0.001, "use_dns_cache": False}
    )
from daytona_toolkit import SandboxSession, DaytonaSandbox
session = SandboxSession(DaytonaSandbox.create())
print(session.exec("echo hello").stdout)
"""


@pytest.mark.slow
@pytest.mark.parametrize("minutes_later", ["", "yes"])
def test_a_session_that_a_program_forgot_is_closed_at_its_end(
    server: DaytonaServer, minutes_later: str
) -> None:
    program = start_program(
        server,
        FORGETFUL,
        MINUTES_LATER=minutes_later,
        DAYTONA_API_URL=server.api_url.replace("127.0.0.1", "localhost"),
    )
    printed, errors = program.communicate(timeout=60)
    assert printed.strip() == "hello", errors
    assert program.returncode == 0
    assert "was not closed" in errors
    assert "Traceback" not in errors
    assert not server.sandboxes


AT_THE_END = """
import atexit

@atexit.register
def before():
    for use in (lambda: session.exec("true"), session.is_alive, session.open):
        try:
            use()
        except SandboxError as error:
            print(type(error).__name__)
    session.close()

from daytona_toolkit import DaytonaSandbox, SandboxError, SandboxSession

class Holder:
    def __init__(self):
        self.session, self.itself = SandboxSession(DaytonaSandbox.create()), self
        self.session.open()
    def __del__(self):
        self.session.close()
        print("collected")

import gc
holder = Holder()
del holder
gc.collect()
session = SandboxSession(DaytonaSandbox.create())
session.open()
atexit.register(lambda: print(session.exec("echo hello").stdout, end=""))
"""


@pytest.mark.slow
def test_a_session_can_be_used_while_python_ends_and_says_when_it_is_over(
    server: DaytonaServer,
) -> None:
    program = start_program(server, AT_THE_END)
    printed, errors = program.communicate(timeout=60)
    assert printed.split() == ["collected", "hello", *3 * ["SessionClosedError"]], errors
    assert "Traceback" not in errors
    assert not server.sandboxes


# Whoever is started in the background, as these tests may be, ignores SIGINT.
WORKING = """
import signal
from daytona_toolkit import SandboxSession, DaytonaSandbox
signal.signal(signal.SIGINT, signal.default_int_handler)
with SandboxSession(DaytonaSandbox.create()) as session:
    session.exec("sleep 60", on_output=print)
"""


def start_working(server: DaytonaServer) -> "subprocess.Popen[str]":
    program = start_program(server, WORKING)
    while not any(record.kind == "execute" and not record.status for record in server.requests):
        assert program.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    return program


def test_ctrl_c_deletes_the_sandbox(server: DaytonaServer) -> None:
    program = start_working(server)
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert not server.sandboxes


@pytest.mark.slow
def test_kill_9_leaves_it_to_the_intervals(server: DaytonaServer) -> None:
    program = start_working(server)
    program.kill()
    program.communicate(timeout=60)
    assert only(server).dto["autoStopInterval"] == 15
    assert only(server).dto["autoDeleteInterval"] == 24 * 60


def test_nothing_is_left_of_a_session_but_the_threads_that_were_there(
    server: DaytonaServer,
) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with session_on(server) as session:
        session.exec("echo hello")
    after = {thread.name for thread in threading.enumerate()}
    # asyncio's pool belongs to the loop, and ends with it.
    assert not {name for name in after - before if not name.startswith("asyncio")}


# Choosing


def test_the_sdk_is_not_imported_before_a_sandbox_is_opened() -> None:
    program = (
        "import sys; from daytona_toolkit import *; DaytonaSandbox.create(); "
        "DaytonaSandbox.attach('x'); sys.exit('daytona' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


def test_it_is_a_sandbox_and_says_what_becomes_of_it(server: DaytonaServer) -> None:
    created = sandbox_on(server)
    assert isinstance(created, Sandbox)
    assert "deleted at the end" in repr(created)
    assert "left running" in repr(DaytonaSandbox.attach("x"))


def test_missing_credentials_name_the_variable_and_the_page() -> None:
    with pytest.raises(AuthenticationError) as caught, SandboxSession(DaytonaSandbox.create()):
        pass
    assert "DAYTONA_API_KEY" in str(caught.value)
    assert "https://app.daytona.io/dashboard/keys" in str(caught.value)


def test_open_session_takes_daytona_when_there_are_credentials(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.INFO, "daytona_toolkit"), open_session(root="sub") as session:
        assert isinstance(session.sandbox, DaytonaSandbox)
        assert session.root.endswith("/sub")
    assert "new Daytona sandbox: DAYTONA_API_KEY is set" in caplog.text


def test_open_session_takes_a_local_sandbox_when_there_are_none(
    caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    with caplog.at_level(logging.INFO, "daytona_toolkit"):
        session = open_session(folder=tmp_path, isolation="none", env={"A": "a"})
    assert isinstance(session.sandbox, LocalSandbox)
    assert "will use a local sandbox" in caplog.text
    with session:
        assert session.exec("pwd; echo $A").stdout == f"{tmp_path}\na\n"


def test_what_is_for_a_local_sandbox_asks_for_one(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "shown").write_text("shown")
    with open_session(readable=[tmp_path], network=True) as session:
        assert session.network is True
        assert session.exec(f"cat {tmp_path}/shown").stdout == "shown"
    with open_session(home=tmp_path) as session:
        assert session.network is False
        assert session.exec("cat ~/shown").stdout == "shown"
    with pytest.raises(InvalidArgumentError, match="given `home`, for a local sandbox, and `par"):
        open_session(home=tmp_path, params=CreateSandboxFromSnapshotParams())
    with pytest.raises(InvalidArgumentError, match="folder"):
        open_session(folder="")


def test_open_session_does_not_turn_to_a_local_sandbox_when_daytona_refuses(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**server.env, "DAYTONA_API_KEY": "wrong"}.items():
        monkeypatch.setenv(name, value)
    session = open_session()
    with pytest.raises(AuthenticationError, match="DAYTONA_API_KEY"):
        session.open()
    with pytest.raises(AuthenticationError):
        session.exec("echo hello")
    session.close()
