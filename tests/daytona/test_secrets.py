"""The API key appears nowhere that anybody looks at."""

import logging
import traceback
from collections.abc import Iterator

import pytest
from langchain_daytona_toolkit import DaytonaToolkit
from llama_index.tools.daytona import DaytonaToolSpec
from openai_agents_daytona_toolkit import daytona_tools

from daytona_toolkit import DaytonaSandbox, SandboxSession, open_session
from daytona_toolkit.errors import SandboxError
from daytona_toolkit.sandboxes._daytona import control_plane as daytona_control
from daytona_toolkit.sandboxes._daytona import retries
from daytona_toolkit.testing import DaytonaServer, DropBefore, Fault, RateLimit, Status
from daytona_toolkit.tools import TOOLS
from tests.adapters.sides import SIDES
from tests.daytona.support import config_of, sandbox_on

CANARY = "dtn_canary_3f1d0c5e9a7b"


@pytest.fixture
def server() -> Iterator[DaytonaServer]:
    with DaytonaServer(api_key=CANARY) as server:
        yield server


def shown(error: BaseException) -> str:
    """All that a person, a log or a tracer makes of an error."""
    texts = ["".join(traceback.format_exception(error))]
    seen: set[int] = set()
    links = [error]
    while links:
        link = links.pop()
        if id(link) not in seen:
            seen.add(id(link))
            texts += [str(link), repr(link), repr(link.args), repr(vars(link))]
            links += [behind for behind in (link.__cause__, link.__context__) if behind]
    return "\n".join(texts)


def test_a_day_of_work_shows_no_key(
    server: DaytonaServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.DEBUG), open_session() as session:
        session.write("file", "x" * 300_000)
        session.edit("file", "x" * 300_000, "y")
        environment = session.exec("env; cat file").output
        server.stop_sandbox(session.sandbox.id)
        server.faults.add(RateLimit(retry_after=0), times=2)
        session.read("file")
        seen = [repr(session), repr(session.sandbox), str(session.transcript), environment]
    records = [f"{record.getMessage()} {vars(record)!r}" for record in caplog.records]
    assert any(record.name == "daytona_toolkit" for record in caplog.records)
    assert CANARY not in "\n".join(seen + records)


@pytest.mark.parametrize(
    "fault",
    [
        Status(400),
        Status(401),
        Status(403),
        Status(404),
        Status(429),
        Status(500),
        Status(502, message=None),
        DropBefore(),
    ],
    ids=lambda fault: f"{type(fault).__name__}{getattr(fault, 'status', '')}",
)
async def test_no_failure_of_a_request_shows_the_key(
    server: DaytonaServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    monkeypatch.setattr(retries, "_BUDGET", 0.3)
    monkeypatch.setattr(daytona_control, "_DELETE_TIMEOUT", 0.3)
    monkeypatch.setattr(daytona_control, "_VISIBLE_AFTER", 0.3)
    errors = []
    with caplog.at_level(logging.DEBUG):
        sandbox = sandbox_on(server)
        await sandbox.open()
        await sandbox.run("printf x >file", timeout=5)
        server.faults.add(fault)
        for request in (
            lambda: sandbox.run("true", timeout=0.5),
            lambda: sandbox.upload("file", b"y"),
            lambda: DaytonaSandbox.attach("y", config=config_of(server), timeout=0.5).open(),
            lambda: sandbox_on(server, timeout=1).open(),
        ):
            with pytest.raises(SandboxError) as caught:
                await request()
            errors.append(shown(caught.value))
        server.faults.clear()
        await sandbox.close()
    texts = errors + [f"{record.getMessage()} {vars(record)!r}" for record in caplog.records]
    assert CANARY not in "\n".join(texts)


def test_a_refused_key_is_not_repeated(server: DaytonaServer) -> None:
    config = config_of(server)
    server.api_key = "another"
    with pytest.raises(SandboxError) as caught:
        SandboxSession(DaytonaSandbox.create(config=config)).__enter__()
    assert CANARY not in shown(caught.value)


async def test_no_tool_shows_the_key(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    seen = []
    async with open_session() as session:
        for side, each in SIDES.items():
            seen.append(repr(await each.told(session, "exec")))
            for tool, arguments in (
                ("exec", {"command": "env | tee seen; cat /proc/self/environ"}),
                ("read", {"file_path": "seen"}),
            ):
                shown = await each.call(session, tool, arguments)
                assert not shown.is_error, side
                assert "PATH=" in shown.text, side
                seen.append(repr(shown))
    assert CANARY not in "\n".join(seen)


def test_no_repr_of_a_tool_shows_the_key(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    with open_session() as session:
        tools = [
            *DaytonaToolkit(session=session, tools="all").get_tools(),
            *DaytonaToolSpec(session, tools="all").to_tool_list(),
            *daytona_tools(session, tools="all"),
        ]
    assert len(tools) == 3 * len(TOOLS)
    assert CANARY not in repr([(tool, vars(tool)) for tool in tools])


@pytest.mark.parametrize("fault", [Status(403), Status(503), DropBefore()])
def test_no_local_variable_in_a_traceback_holds_the_key_or_a_variable(
    server: DaytonaServer, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """Logs that show local variables are common."""
    monkeypatch.setattr(retries, "_BUDGET", 0.3)
    with SandboxSession(sandbox_on(server), env={"TOKEN": "a-secret-of-mine"}) as session:
        session.open()
        fault.kind = "execute"
        server.faults.add(fault)
        with pytest.raises(SandboxError) as caught:
            session.exec("true")
        server.faults.clear()
    links: list[BaseException] = [caught.value]
    seen, frames = [], 0
    while links:
        link = links.pop()
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if frame.f_code.co_filename != __file__:
                frames += 1
                seen.append(repr(frame.f_locals))
        links += [behind for behind in (link.__cause__, link.__context__) if behind]
    assert frames
    assert CANARY not in "".join(seen)
    assert "a-secret-of-mine" not in "".join(seen)
