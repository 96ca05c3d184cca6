"""What a session makes of a network and a service that fail."""

import asyncio
import time

import pytest

from daytona_toolkit import DaytonaSandbox, SandboxSession
from daytona_toolkit.errors import (
    AuthenticationError,
    PathNotFoundError,
    QuotaError,
    SandboxError,
    SandboxFailedError,
    SandboxUnavailableError,
)
from daytona_toolkit.testing import (
    DaytonaServer,
    Delay,
    DropAfter,
    DropBefore,
    Fault,
    RateLimit,
    Reset,
    Status,
    StopSandbox,
    TruncatedBody,
)
from tests.daytona.support import config_of, opened, sandbox_on, session_on

PASSING = [
    DropBefore(),
    DropAfter(),
    Reset(),
    Reset(after=True),
    RateLimit(retry_after=0),
    Status(502, message=None),
    Status(502, message=None, after=True),
    Status(503),
    Status(503, after=True),
    Status(504),
    Status(504, message=None, after=True),
    Status(408, code="REQUEST_TIMEOUT", after=True),
    TruncatedBody(),
    StopSandbox(),
]


def named(fault: Fault) -> str:
    after = "-after" if getattr(fault, "after", False) else ""
    return f"{type(fault).__name__}{getattr(fault, 'status', '')}{after}"


passing = pytest.mark.parametrize("fault", PASSING, ids=named)


@passing
def test_a_command_runs_once_and_its_result_arrives(
    server: DaytonaServer, session: SandboxSession, fault: Fault
) -> None:
    fault.kind = "execute"
    server.faults.add(fault, times=2)
    result = session.exec("echo ran >>log; echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")
    assert session.read("log").content == "ran\n"


@passing
def test_a_write_and_an_edit_happen_once(
    server: DaytonaServer, session: SandboxSession, fault: Fault
) -> None:
    server.faults.add(fault, times=2)
    session.write("file", "one\n")
    server.faults.add(fault, times=2)
    session.edit("file", "one\n", "one\none\n")
    assert session.read("file").content == "one\none\n"
    session.exec("echo one >unseen")
    server.faults.add(fault, times=2)
    assert "-one\n+one one\n" in session.edit("unseen", "one", "one one").diff
    assert session.read("unseen").content == "one one\n"


@passing
async def test_a_file_is_sent_and_fetched_whole(server: DaytonaServer, fault: Fault) -> None:
    data = bytes(range(256)) * 500
    async with opened(sandbox_on(server)) as sandbox:
        path = (await sandbox.run("printf %s $PWD", timeout=10)).decode() + "/file"
        server.faults.add(fault, times=2)
        await sandbox.upload(path, data)
        server.faults.add(fault, times=2)
        assert await sandbox.download(path) == data


@passing
def test_opening_and_closing_survive_it(server: DaytonaServer, fault: Fault) -> None:
    server.faults.add(fault, times=2)
    with session_on(server) as session:
        assert len(server.sandboxes) == 1
        attached = DaytonaSandbox.attach(session.sandbox.id, config=config_of(server))
        server.faults.add(fault, times=2)
        with SandboxSession(attached) as other:
            assert other.exec("echo hello").stdout == "hello\n"
        server.faults.clear()
        server.faults.add(fault, times=2)
    assert not server.sandboxes


def test_the_wait_that_daytona_asks_for_is_kept(
    server: DaytonaServer, session: SandboxSession
) -> None:
    server.faults.add(RateLimit(kind="execute", retry_after=1), times=1)
    started = time.monotonic()
    with server.counting() as count:
        session.exec("echo hello")
    assert time.monotonic() - started >= 1
    assert count.by_kind == {"execute": 2}


async def test_a_wait_beyond_the_deadline_is_not_begun(server: DaytonaServer) -> None:
    async with opened(sandbox_on(server)) as sandbox:
        server.faults.add(RateLimit(kind="execute", retry_after=60), times=1)
        started = time.monotonic()
        with pytest.raises(SandboxUnavailableError, match="Too Many Requests"):
            await sandbox.run("echo hello", timeout=5)
        assert time.monotonic() - started < 4.5


@pytest.mark.parametrize(
    "fault",
    [Delay(30), Delay(30, after=True), Status(503), DropBefore(), RateLimit(retry_after=1)],
    ids=named,
)
async def test_the_deadline_of_a_call_wins(server: DaytonaServer, fault: Fault) -> None:
    async with opened(sandbox_on(server)) as sandbox:
        server.faults.add(fault)
        started = time.monotonic()
        with pytest.raises(SandboxUnavailableError, match=sandbox.id):
            await sandbox.run("echo hello", timeout=1.5)
        assert time.monotonic() - started < 8
        server.faults.clear()


async def test_a_service_that_stays_away_is_given_up_within_the_budget(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from daytona_toolkit.sandboxes._daytona import errors as daytona_errors

    monkeypatch.setattr(daytona_errors, "_BUDGET", 1.0)
    async with opened(sandbox_on(server)) as sandbox:
        server.faults.add(Status(503, kind="execute"))
        started = time.monotonic()
        with server.counting() as count, pytest.raises(SandboxUnavailableError):
            await sandbox.run("echo hello", timeout=60)
        assert time.monotonic() - started < 20
        assert 2 < count.requests < 10


async def test_cancelling_a_caller_cancels_its_request(server: DaytonaServer) -> None:
    async with opened(sandbox_on(server)) as sandbox:
        running = asyncio.create_task(sandbox.run("sleep 20", timeout=60))
        await asyncio.sleep(0.3)
        started = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - started < 10
        assert await sandbox.run("printf hello", timeout=10) == b"hello"
        server.stop_sandbox(sandbox.id)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Status(401, "Invalid credentials", kind="create"), AuthenticationError),
        (Status(403, "Forbidden resource", kind="create"), AuthenticationError),
        (Status(403, "Total CPU limit exceeded", kind="create"), QuotaError),
        (Status(400, "Total memory quota exceeded", kind="create"), QuotaError),
        (Status(400, "Snapshot x not found", kind="create"), SandboxFailedError),
        (Status(422, "bad parameters", kind="create"), SandboxFailedError),
    ],
    ids=lambda value: getattr(value, "message", None),
)
def test_what_will_not_pass_is_an_error_at_once(
    server: DaytonaServer, fault: Status, error: type[SandboxError]
) -> None:
    server.faults.add(fault)
    started = time.monotonic()
    with server.counting() as count, pytest.raises(error, match=fault.message):
        SandboxSession(sandbox_on(server)).__enter__()
    assert time.monotonic() - started < 5
    assert count.by_kind["create"] == 1


def test_a_wrong_key_is_an_error_at_once(server: DaytonaServer) -> None:
    config = config_of(server)
    server.api_key = "another"
    with server.counting() as count, pytest.raises(AuthenticationError, match="DAYTONA_API_KEY"):
        SandboxSession(DaytonaSandbox.create(config=config)).__enter__()
    assert count.requests == 1


def test_a_key_that_is_withdrawn_is_an_error_after_one_question(server: DaytonaServer) -> None:
    with session_on(server) as session:
        key, server.api_key = server.api_key, "another"
        with server.counting() as count, pytest.raises(AuthenticationError):
            session.exec("echo hello")
        assert count.by_kind == {"execute": 1, "get": 1}
        server.api_key = key


def test_a_refusal_that_means_nothing_is_an_error_after_one_question(
    server: DaytonaServer, session: SandboxSession
) -> None:
    server.faults.add(Status(401, kind="execute"))
    with server.counting() as count, pytest.raises(AuthenticationError):
        session.exec("echo hello")
    assert count.by_kind == {"execute": 1, "get": 1}


def test_a_quota_is_an_error_that_says_what_to_do(server: DaytonaServer) -> None:
    server.quota = 0
    for server.quota_status in (400, 403):
        with pytest.raises(QuotaError, match="Delete sandboxes"):
            SandboxSession(sandbox_on(server)).__enter__()


@pytest.mark.parametrize("generation", ["old", "new"])
async def test_a_file_that_is_not_there_is_the_models_error(
    server: DaytonaServer, generation: str
) -> None:
    server.generation = generation  # type: ignore[assignment]
    async with opened(sandbox_on(server)) as sandbox:
        with pytest.raises(PathNotFoundError) as caught:
            await sandbox.download("/no/such/file")
        assert caught.value.path == "/no/such/file"


async def test_a_server_that_is_not_there_is_an_error_in_time(server: DaytonaServer) -> None:
    config = config_of(server)
    config.api_url = "http://127.0.0.1:9/api"
    started = time.monotonic()
    with pytest.raises(SandboxUnavailableError):
        await DaytonaSandbox.attach("x", config=config, timeout=2).open()
    assert time.monotonic() - started < 4
