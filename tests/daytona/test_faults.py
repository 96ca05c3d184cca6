"""What a session makes of a network and a service that fail."""

import asyncio
import filecmp
import logging
import ssl
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from daytona_toolkit import DaytonaSandbox, Limits, SandboxSession, _workspace
from daytona_toolkit.errors import (
    AuthenticationError,
    PathError,
    QuotaError,
    SandboxError,
    SandboxFailedError,
    SandboxUnavailableError,
    TerminalError,
)
from daytona_toolkit.sandboxes._daytona import client, retries
from daytona_toolkit.sandboxes._daytona import sandbox as daytona
from daytona_toolkit.testing import (
    DaytonaServer,
    Delay,
    DropAfter,
    DropBefore,
    Fault,
    ForkFailure,
    Malformed,
    RateLimit,
    Reset,
    Stall,
    Status,
    StopSandbox,
    TruncatedBody,
)
from daytona_toolkit.testing._server.faults import Execute
from tests.daytona.support import config_of, opened, sandbox_on, session_on, start_program


@dataclass
class Instead(Fault):
    """Execute, and answer as if something else had been printed."""

    printed: str
    kind: str | None = field(default="execute", kw_only=True)

    async def apply(self, request: web.Request, execute: Execute) -> web.StreamResponse:
        await execute()
        return web.json_response({"exitCode": 0, "result": self.printed})


NOTHING = Instead("")
OF_ANOTHER = Instead("@0123456789abcdef{\nexists yes\n@0123456789abcdef}\n")

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
    Malformed("empty"),
    Malformed("null"),
    Malformed("list"),
    Malformed("half"),
    Malformed("bytes"),
    Malformed("no-http"),
    Status(425),
    Status(499, message=None, after=True),
    Status(500),
    Status(500, message=None, after=True),
    Status(507),
    Status(520, message=None),
    Status(524, message=None, after=True),
    NOTHING,
    OF_ANOTHER,
]


def named(fault: Fault) -> str:
    after = "-after" if getattr(fault, "after", False) else ""
    return f"{type(fault).__name__}{getattr(fault, 'status', getattr(fault, 'what', ''))}{after}"


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


def test_a_command_that_removes_its_folder_runs_once_and_its_result_arrives(
    server: DaytonaServer, session: SandboxSession
) -> None:
    session.mkdir("folder")
    server.faults.add(DropAfter(kind="execute"), times=1)
    result = session.exec('echo ran >>../log; rm -r "$PWD"; echo removed', cwd="folder")
    assert (result.exit_code, result.stdout) == (0, "removed\n")
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
def test_a_large_file_is_uploaded(
    server: DaytonaServer, session: SandboxSession, fault: Fault, tmp_path: Path
) -> None:
    """It travels in parts, and what fails is the upload of one."""
    fault.kind = "upload"
    (tmp_path / "large").write_bytes(bytes(range(250)) * 20_000)
    server.faults.add(fault, times=2)
    assert session.upload(tmp_path / "large", "large").files == 1
    server.faults.clear()
    assert session.download("large", tmp_path / "back").files == 1
    assert filecmp.cmp(tmp_path / "large", tmp_path / "back", shallow=False)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500])
def test_what_a_proxy_says_of_an_upload_is_not_taken_for_the_daemons_word(
    server: DaytonaServer, session: SandboxSession, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "x" * 1_000_000
    if status != 403:
        server.faults.add(Status(status, "page not found", kind="upload"), times=2)
        session.write("file", content)
        assert session.stat("file").size == len(content)
    monkeypatch.setattr(_workspace, "_BUDGET", 0.5)
    server.faults.add(Status(status, "page not found", kind="upload"))
    with pytest.raises(TerminalError) as caught:
        session.write("file", content)
    assert "page not found" in str(caught.value)
    assert "temporary" not in str(caught.value)
    server.faults.clear()
    session.write("file", "")
    assert session.stat("file").size == 0


def test_uploads_are_given_up_as_other_requests_are(
    server: DaytonaServer, session: SandboxSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the service stays away, each attempt is already asked again and again."""
    monkeypatch.setattr(_workspace, "_BUDGET", 0.5)
    server.faults.add(DropBefore(kind="upload"))
    with server.counting() as count, pytest.raises(SandboxUnavailableError):
        session.write("file", "x" * 1_000_000)
    assert 2 < count.by_kind["upload"] < 6


def test_an_upload_that_gets_no_answer_is_sent_again(
    server: DaytonaServer, session: SandboxSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes to see that."""
    monkeypatch.setattr(_workspace, "_BUDGET", 0.5)
    monkeypatch.setattr(daytona, "_UPLOAD_TIME", 1.0)
    monkeypatch.setattr(daytona, "_UPLOAD_RATE", 10_000_000)
    server.faults.add(Stall(kind="upload"), times=1)
    session.write("file", "x" * 1_000_000)
    assert session.stat("file").size == 1_000_000


@passing
def test_a_shell_stays_as_it_was_left(
    server: DaytonaServer, session: SandboxSession, fault: Fault
) -> None:
    fault.kind = "execute"
    for command in ("mkdir sub; cd sub; export A=0", "export A=$((A + 1)); mkdir sub; cd sub"):
        server.faults.add(fault, times=2)
        session.exec(command, shell="main")
        server.faults.clear()
    shown = session.exec("pwd; echo $A", shell="main")
    assert shown.stdout == f"{session.root}/sub/sub\n1\n"


@pytest.mark.parametrize("fault", [each for each in PASSING if each != StopSandbox()], ids=named)
def test_what_is_sent_to_a_command_is_read_once(
    server: DaytonaServer, session: SandboxSession, fault: Fault
) -> None:
    job_id = session.exec("cat >typed", interactive=True).job_id
    for text, eof in (("one\n", False), ("two\n" * 100_000, False), ("three\n", True)):
        server.faults.add(fault, times=2)
        session.send(job_id, text, eof=eof)
        server.faults.clear()
    assert session.job(job_id, wait=10).state == "exited"
    assert session.read_bytes("typed").decode() == "one\n" + "two\n" * 100_000 + "three\n"


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


def test_an_answer_that_stays_that_of_another_is_not_shown(
    server: DaytonaServer, session: SandboxSession
) -> None:
    server.faults.add(OF_ANOTHER)
    with pytest.raises(SandboxFailedError, match="belongs to another request") as caught:
        session.read("file")
    assert "exists" not in str(caught.value)
    server.faults.clear()


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
    monkeypatch.setattr(retries, "_BUDGET", 1.0)
    async with opened(sandbox_on(server)) as sandbox:
        server.faults.add(Status(503, kind="execute"))
        started = time.monotonic()
        with server.counting() as count, pytest.raises(SandboxUnavailableError):
            await sandbox.run("echo hello", timeout=60)
        assert time.monotonic() - started < 20
        assert 2 < count.requests < 10


async def test_a_request_that_fails_after_long_is_sent_again(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint of a large tree may wait for longer than a proxy lets it."""
    monkeypatch.setattr(retries, "_BUDGET", 0.5)
    async with opened(sandbox_on(server)) as sandbox:
        server.faults.add(Delay(1, then=DropBefore(), kind="execute"), times=1)
        assert await sandbox.run("printf hello", timeout=30) == b"hello"


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


def test_a_quota_is_an_error_that_says_what_to_do(server: DaytonaServer) -> None:
    server.quota = 0
    for server.quota_status in (400, 403):
        with pytest.raises(QuotaError, match="Delete sandboxes"):
            SandboxSession(sandbox_on(server)).__enter__()


async def test_an_upload_is_tried_once_and_says_so(server: DaytonaServer) -> None:
    async with opened(sandbox_on(server)) as sandbox:
        folder = (await sandbox.run("pwd", timeout=10)).decode().strip()
        for number, fault in enumerate((DropAfter(), Status(504, after=True), StopSandbox())):
            fault.kind = "upload"
            server.faults.add(fault, times=1)
            with (
                server.counting() as count,
                pytest.raises(SandboxUnavailableError, match="another name"),
            ):
                await sandbox.upload(f"{folder}/file{number}", b"content")
            assert count.by_kind["upload"] == 1
        server.faults.add(RateLimit(retry_after=0, kind="upload"), times=2)
        await sandbox.upload(f"{folder}/file", b"content")
        assert await sandbox.run("cat file", timeout=10) == b"content"


async def test_what_the_sandbox_cannot_write_is_an_error_about_the_path(
    server: DaytonaServer,
) -> None:
    async with opened(sandbox_on(server)) as sandbox:
        with pytest.raises(PathError) as caught:
            await sandbox.upload("/dev/null/file", b"content")
        assert caught.value.path == "/dev/null/file"


def test_an_address_that_refuses_is_given_up_soon_and_named(
    server: DaytonaServer, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_of(server)
    config.api_url = "http://127.0.0.1:9/api"
    started = time.monotonic()
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(SandboxUnavailableError, match=r"127\.0\.0\.1:9 .*: Connection refused"),
    ):
        SandboxSession(DaytonaSandbox.create(config=config)).__enter__()
    assert time.monotonic() - started < 12
    assert not caplog.records


@pytest.mark.parametrize(
    "address", ["127.0.0.1:80/api", "ftp://127.0.0.1/api", "http://127.0.0.1:99999/api", "  "]
)
def test_what_is_no_address_is_refused(
    server: DaytonaServer, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_of(server)
    config.api_url = address
    with pytest.raises(SandboxUnavailableError, match="DAYTONA_API_URL"):
        SandboxSession(DaytonaSandbox.create(config=config)).__enter__()
    assert not caplog.records


def test_a_slash_at_the_end_of_the_address_is_named(server: DaytonaServer) -> None:
    config = config_of(server)
    config.api_url = f"{server.api_url}/"
    with (
        server.counting() as count,
        pytest.raises(SandboxFailedError, match=r"POST /api//sandbox; .* and no slash"),
    ):
        SandboxSession(DaytonaSandbox.create(config=config)).__enter__()
    assert count.requests == 2  # the other looks for what may have been made


def test_the_newline_of_a_file_in_a_key_is_named(
    server: DaytonaServer, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_of(server)
    config.api_key = f"{server.api_key}\n"
    with pytest.raises(AuthenticationError, match="newline") as caught:
        SandboxSession(DaytonaSandbox.create(config=config)).__enter__()
    assert server.api_key not in str(caught.value)
    assert not server.requests
    assert not caplog.records


def test_a_certificate_that_is_not_trusted_is_named(server: DaytonaServer) -> None:
    config = config_of(server)
    with listening_with(trustme.CA().issue_cert("127.0.0.1")) as port:
        config.api_url = f"https://127.0.0.1:{port}/api"
        with pytest.raises(SandboxUnavailableError, match=r"verify failed.*SSL_CERT_FILE"):
            SandboxSession(DaytonaSandbox.create(config=config)).__enter__()
    config.api_url = server.api_url.replace("http:", "https:")
    with pytest.raises(SandboxUnavailableError, match="WRONG_VERSION_NUMBER"):
        SandboxSession(DaytonaSandbox.create(config=config)).__enter__()


@contextmanager
def listening_with(certificate: trustme.LeafCert) -> Iterator[int]:
    """A server that shows a certificate, and its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield listening.server_address[1]
        listening.shutdown()
        thread.join()


def test_a_proxy_that_cannot_be_reached_is_named(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://user:geheim@127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        SandboxUnavailableError, match=r"through the proxy 127\.0\.0\.1:9 "
    ) as caught:
        SandboxSession(sandbox_on(server)).__enter__()
    assert "geheim" not in str(caught.value)


class Refusing(BaseHTTPRequestHandler):
    """A proxy that wants to know who asks."""

    def do_CONNECT(self) -> None:
        self.send_error(407)

    def log_message(self, *_: object) -> None:
        pass


def test_a_proxy_that_refuses_is_named(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_of(server)
    config.api_url = "https://daytona.example/api"
    with HTTPServer(("127.0.0.1", 0), Refusing) as proxy:
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://user:geheim@127.0.0.1:{proxy.server_address[1]}")
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        with pytest.raises(
            SandboxUnavailableError, match=r"through the proxy for .*: 407 Proxy Authentication"
        ) as caught:
            SandboxSession(DaytonaSandbox.create(config=config)).__enter__()
        proxy.shutdown()
    assert "geheim" not in str(caught.value)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("proxy", ["user:geheim@proxy.example:3128", "socks5://geheim@127.0.0.1:9"])
def test_what_is_no_address_of_a_proxy_is_refused(
    server: DaytonaServer,
    proxy: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SandboxUnavailableError, match=r"HTTP_PROXY\) is not valid") as caught:
        SandboxSession(sandbox_on(server)).__enter__()
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    assert not caplog.records
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with session_on(server) as session:
        assert session.exec("echo hello").stdout == "hello\n"


# Silence


@pytest.mark.slow
def test_a_request_that_gets_no_answer_is_sent_again_in_time(server: DaytonaServer) -> None:
    with session_on(server, limits=Limits(window=1)) as session:
        for after in (False, True):
            server.faults.add(Stall(kind="execute", after=after), times=1)
            started = time.monotonic()
            session.exec("echo ran >>log")
            session.write("file", "text")
            assert time.monotonic() - started < 20
        assert session.read("log").content == "ran\nran\n"


@pytest.mark.slow
def test_a_timeout_holds_where_a_request_gets_no_answer(server: DaytonaServer) -> None:
    with session_on(server) as session:
        server.faults.add(Stall(kind="execute", after=True), times=1)
        started = time.monotonic()
        assert session.exec("echo ran >>log; cat log", timeout=5).stdout == "ran\n"
        assert time.monotonic() - started < 20


def test_an_opening_that_gets_no_answer_is_asked_for_again(server: DaytonaServer) -> None:
    with session_on(server) as session:
        server.faults.add(Stall(kind="get"), times=1)
        attached = DaytonaSandbox.attach(session.sandbox.id, config=config_of(server))
        with SandboxSession(attached) as other:
            assert other.exec("echo hello").stdout == "hello\n"


async def test_a_slow_answer_is_waited_for(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daytona, "PATIENCE", 0.2)
    async with opened(sandbox_on(server)) as sandbox:
        with server.counting() as count:
            printed = await sandbox.run("echo x >>log; sleep 2; wc -l <log", timeout=60)
        assert int(printed) == 3
        assert count.by_kind["execute"] == 3


async def test_a_service_that_is_slow_for_all_gets_little_more_to_do(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daytona, "PATIENCE", 0.2)
    monkeypatch.setattr(client, "_SPARE", 2)
    async with opened(sandbox_on(server)) as sandbox:
        with server.counting() as count:
            await asyncio.gather(*(sandbox.run("sleep 2", timeout=60) for _ in range(8)))
        assert count.by_kind["execute"] == 8 + 2


# What a sandbox says when it has not run a program


@pytest.mark.parametrize("reason", ["resource temporarily unavailable", "too many open files"])
def test_a_process_that_could_not_be_started_is_asked_for_again(
    server: DaytonaServer, session: SandboxSession, reason: str
) -> None:
    server.faults.add(ForkFailure(reason=reason), times=2)
    assert session.exec("echo hello").stdout == "hello\n"


def test_a_sandbox_that_can_start_nothing_says_why(
    server: DaytonaServer, session: SandboxSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "_BUDGET", 0.5)
    server.faults.add(ForkFailure())
    with pytest.raises(SandboxUnavailableError, match="temporarily unavailable"):
        session.exec("echo hello")
    server.faults.clear()


def test_answers_that_nobody_can_read_are_an_error_soon(
    server: DaytonaServer, session: SandboxSession
) -> None:
    server.faults.add(Malformed("list", kind="execute"))
    started = time.monotonic()
    with pytest.raises(SandboxUnavailableError, match="asked 4 times cannot be read"):
        session.exec("echo hello")
    assert time.monotonic() - started < 15
    server.faults.clear()


# What a user sees of it


def test_each_retry_is_a_line_in_our_log_and_in_no_other(
    server: DaytonaServer, session: SandboxSession, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.add(Status(503, "the moon is full", kind="execute"), times=2)
    with caplog.at_level(logging.INFO):
        session.exec("echo hello")
    lines = [record for record in caplog.records if "again" in record.getMessage()]
    assert len(lines) == 2
    for line in lines:
        assert line.name == "daytona_toolkit"
        assert line.levelno == logging.INFO
        assert f"sandbox {session.sandbox.id}" in line.getMessage()
        assert "the moon is full" in line.getMessage()


def test_an_error_says_how_often_it_was_asked(
    server: DaytonaServer, session: SandboxSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults.add(Status(413, "too large", kind="execute"), times=1)
    with pytest.raises(SandboxFailedError, match=r"HTTP status 413.*too large") as once:
        session.exec("echo hello")
    assert "asked" not in str(once.value)
    monkeypatch.setattr(retries, "_ATTEMPTS", 2)
    server.faults.add(Status(502, message=None, kind="execute"), times=2)
    with pytest.raises(SandboxUnavailableError, match=r"asked 2 times: .*HTTP status 502"):
        session.exec("echo hello")


@pytest.mark.parametrize("fault", [Status(403, kind="delete"), Status(401, kind="get")])
def test_daytonas_pages_are_not_named_for_another_service(
    server: DaytonaServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    session = SandboxSession(sandbox_on(server))
    session.open()
    server.faults.add(fault)
    attached = DaytonaSandbox.attach("x", config=config_of(server))
    with pytest.raises(SandboxError) as caught:
        session.close() if fault.kind == "delete" else SandboxSession(attached).open()
    server.faults.clear()
    session.close()
    assert "daytona.io" not in str(caught.value) + caplog.text


# Limits


def test_a_rate_limit_is_named_with_the_time_to_wait(
    server: DaytonaServer, session: SandboxSession
) -> None:
    server.faults.add(RateLimit(kind="execute", retry_after=90), times=1)
    started = time.monotonic()
    with pytest.raises(SandboxUnavailableError, match=r"\(429\).*try again in 90 s"):
        session.exec("echo hello")
    assert time.monotonic() - started < 10


def test_more_calls_than_connections_wait_for_their_turn(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(server)
    config.connection_pool_maxsize = 2

    async def run(session: SandboxSession) -> list[str]:
        results = await asyncio.gather(*(session.aexec(f"echo {n}; sleep 0.1") for n in range(12)))
        return [result.stdout for result in results]

    with (
        SandboxSession(DaytonaSandbox.create(config=config)) as session,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")  # the SDK's, of a pool that is nearly full
        assert asyncio.run(run(session)) == [f"{n}\n" for n in range(12)]


FULL = """
import os, resource, time
from daytona_toolkit import DaytonaSandbox, SandboxError, SandboxSession
with SandboxSession(DaytonaSandbox.create()) as session:
    session.exec("true")
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    # The connection that is kept serves; another sandbox's session wants a second one.
    session._runner.start(lambda: session.sandbox.run("sleep 2", timeout=60))
    time.sleep(0.5)
    started = time.monotonic()
    try:
        session.exec("true")
    except SandboxError as error:
        print(type(error).__name__, error, time.monotonic() - started < 5)
    for number in held:
        os.close(number)
    print(session.exec("echo again").stdout)
"""


@pytest.mark.slow
def test_a_process_without_file_descriptors_is_told_at_once(server: DaytonaServer) -> None:
    program = start_program(server, FULL)
    printed, errors = program.communicate(timeout=60)
    assert "SandboxUnavailableError This process may open no more files" in printed, errors
    assert "(its limit is 64)" in printed
    assert "True\nagain" in printed
    assert not server.sandboxes
