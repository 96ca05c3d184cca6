"""What the test server promises about Daytona, asked of Daytona."""

import time
from collections.abc import Callable

import pytest
from daytona import Daytona, DaytonaNotFoundError

from daytona_toolkit import DaytonaSandbox, SandboxSession
from daytona_toolkit.errors import AuthenticationError, PathNotFoundError, SandboxGoneError

from .conftest import MakeParams

pytestmark = pytest.mark.timeout(300)

MakeSession = Callable[..., SandboxSession]


def is_deleted(client: Daytona, id_: str) -> bool:
    try:
        return str(client.get(id_).state) in ("SandboxState.DESTROYED", "SandboxState.DESTROYING")
    except DaytonaNotFoundError:
        return True


def test_a_command_returns_its_streams_and_code(session: SandboxSession) -> None:
    result = session.exec("echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_bytes_come_back_as_they_are(session: SandboxSession) -> None:
    data = bytes(range(256)) * 2000
    session.write("bytes", data)
    assert session.read_bytes("bytes") == data


def test_an_edit_changes_what_it_names(session: SandboxSession) -> None:
    session.write("file", "één\r\ntwo\r\n")
    session.edit("file", "één\ntwo", "één\n2")
    assert session.read_bytes("file") == "één\r\n2\r\n".encode()


def test_a_server_in_the_background_does_not_hold_the_call(session: SandboxSession) -> None:
    started = time.monotonic()
    assert session.exec("sleep 60 & echo started").stdout == "started\n"
    assert time.monotonic() - started < 20


def test_a_timeout_keeps_what_was_printed(session: SandboxSession) -> None:
    result = session.exec("echo before; sleep 60", timeout=2)
    assert result.timed_out
    assert result.stdout == "before\n"


def test_a_command_longer_than_a_window_is_waited_for(session: SandboxSession) -> None:
    assert session.exec("sleep 25; echo done").stdout == "done\n"


def test_a_missing_file_is_the_models_error(session: SandboxSession) -> None:
    with pytest.raises(PathNotFoundError):
        session.read("no/such/file")


def test_the_id_leads_to_the_same_files(session: SandboxSession) -> None:
    session.write("note", "hello")
    with SandboxSession(DaytonaSandbox.attach(session.sandbox.id)) as other:
        assert other.read("note").content == "hello"
    assert session.is_alive()


def test_a_stopped_sandbox_is_started_and_the_call_repeated(
    client: Daytona, make_session: MakeSession
) -> None:
    with make_session() as session:
        session.write("note", "kept\n")
        client.get(session.sandbox.id).stop(timeout=120)
        assert session.exec("cat note").stdout == "kept\n"


def test_a_deleted_sandbox_is_gone(client: Daytona, make_session: MakeSession) -> None:
    with make_session() as session:
        session.open()
        client.get(session.sandbox.id).delete()
        time.sleep(5)
        with pytest.raises(SandboxGoneError):
            session.exec("echo hello")


def test_closing_deletes_what_was_created(client: Daytona, make_session: MakeSession) -> None:
    with make_session() as session:
        id_ = session.sandbox.id
        assert session.exec("true").exit_code == 0
    assert is_deleted(client, id_)


def test_a_key_leads_to_one_sandbox(client: Daytona, make_params: MakeParams) -> None:
    params = make_params()
    assert params.labels is not None
    key = next(iter(params.labels.values()))
    ids = []
    for _ in range(2):
        with SandboxSession(DaytonaSandbox.get_or_create(key, params)) as session:
            ids.append(session.sandbox.id)
    assert ids[0] == ids[1]
    client.get(ids[0]).delete()


def test_a_wrong_key_is_refused_at_once() -> None:
    from daytona import DaytonaConfig

    config = DaytonaConfig(api_key="dtn_wrong")
    with pytest.raises(AuthenticationError):
        SandboxSession(DaytonaSandbox.create(config=config)).open()
