"""What each operation costs, counted where the requests arrive."""

import asyncio
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from daytona_toolkit import DaytonaSandbox, Limits, SandboxSession
from daytona_toolkit.testing import DaytonaServer
from tests.daytona.support import config_of, sandbox_on, session_on

# Before 0.198 the SDK looks at a sandbox once more after it has deleted it.
DELETE = 1 if tuple(map(int, version("daytona").split(".")[:2])) >= (0, 198) else 2


def test_exec_costs_one_request(server: DaytonaServer, session: SandboxSession) -> None:
    with server.counting() as count:
        assert session.exec("echo out; echo err >&2; exit 3").exit_code == 3
    assert count.by_kind == {"execute": 1}


# Bytes of a body that an idle connection sends at once, in ten segments (RFC 6928) with TLS and
# headers. The rest would follow a round trip later.
AT_ONCE = 13_500

CALLS: dict[str, Callable[[SandboxSession], object]] = {
    "exec": lambda session: session.exec(
        "python3 -m pytest -q --maxfail=1 tests/unit", timeout=600
    ),
    "shell": lambda session: session.exec(
        "python3 -m pytest -q --maxfail=1 tests/unit", timeout=600, shell="main"
    ),
    "background": lambda session: session.exec("sleep 0.1", background=True),
    "read": lambda session: session.read("file"),
    "write": lambda session: session.write("new", "line\n" * 100),
    "edit": lambda session: session.edit("file", "one", "two"),
    "apply_patch": lambda session: session.apply_patch(
        "*** Begin Patch\n*** Update File: file\n@@\n-one\n+two\n*** End Patch"
    ),
    "grep": lambda session: session.grep("one"),
    "restore": lambda session: session.restore(session.checkpoint().id),
    "jobs": lambda session: session.jobs(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_a_request_goes_out_at_once(
    server: DaytonaServer, session: SandboxSession, call: Callable[[SandboxSession], object]
) -> None:
    session.write("file", "one\n")
    before = len(server.requests)
    call(session)
    assert max(request.bytes_in for request in server.requests[before:]) < AT_ONCE


def test_exec_with_small_input_and_variables_costs_one_request(
    server: DaytonaServer, session: SandboxSession
) -> None:
    with server.counting() as count:
        assert session.exec('cat; echo "$A"', stdin="in\n", env={"A": "a"}).stdout == "in\na\n"
    assert count.by_kind == {"execute": 1}


def test_a_command_of_a_shell_costs_one_request(
    server: DaytonaServer, session: SandboxSession
) -> None:
    with server.counting() as count:
        session.exec("cd /; export A=1", shell="main")
        assert session.exec("pwd; echo $A", shell="main").stdout == "/\n1\n"
    assert count.by_kind == {"execute": 2}


def test_sending_to_a_command_costs_one_request(
    server: DaytonaServer, session: SandboxSession
) -> None:
    with server.counting() as count:
        job_id = session.exec("cat", interactive=True).job_id
        session.send(job_id, "text\n", wait=5)
    assert count.by_kind == {"execute": 2}


def test_looking_after_a_job_and_ending_it_costs_one_request_each(
    server: DaytonaServer, session: SandboxSession
) -> None:
    job_id = session.exec("sleep 60", background=True).job_id
    with server.counting() as count:
        assert session.job(job_id).state == "running"
        session.kill(job_id)
    assert count.by_kind == {"execute": 2}


def test_a_preview_costs_one_request(server: DaytonaServer, session: SandboxSession) -> None:
    session.open()
    with server.counting() as count:
        session.preview(8000)
    assert count.requests == 1


def test_read_costs_one_request(server: DaytonaServer, session: SandboxSession) -> None:
    session.exec("seq 100000 >numbers")
    with server.counting() as count:
        assert session.read("numbers", offset=50_000, limit=1).content == "50000\n"
    assert count.by_kind == {"execute": 1}
    assert count.bytes_out < 2_000


def test_small_write_costs_one_request(server: DaytonaServer, session: SandboxSession) -> None:
    with server.counting() as count:
        session.write("deep/down/file", "x" * 500_000)
    assert count.by_kind == {"execute": 1}


def test_large_write_costs_an_upload_more(server: DaytonaServer, session: SandboxSession) -> None:
    with server.counting() as count:
        session.write("file", "x" * 1_000_000)
    assert count.by_kind == {"execute": 1, "upload": 1}


def test_a_small_file_goes_up_and_down_with_one_request_each(
    server: DaytonaServer, session: SandboxSession, tmp_path: Path
) -> None:
    local, back = tmp_path / "local", tmp_path / "back"
    for content in (b"text\n" * 10_000, b"\0\xff" * 25_000, b""):
        local.write_bytes(content)
        with server.counting() as count:
            assert session.upload(local, "file").files == 1
        assert count.by_kind == {"execute": 1}
        with server.counting() as count:
            assert session.upload(local, "file").skipped == 1
        assert count.by_kind == {"execute": 1}
        with server.counting() as count:
            assert session.download("file", back).files == 1
        assert count.by_kind == {"execute": 1}
        assert back.read_bytes() == content


def test_an_edit_of_an_unseen_file_costs_one_request(
    server: DaytonaServer, session: SandboxSession
) -> None:
    session.exec("printf 'one\\ntwo\\n' >file")
    for old, new in (("one", "1"), ("two", "2")):
        with server.counting() as count:
            session.edit("file", old, new)
        assert count.by_kind == {"execute": 1}
    assert session.read("file").content == "1\n2\n"


def test_a_patch_of_several_files_costs_one_request_and_two_if_it_has_to_read_them(
    server: DaytonaServer, session: SandboxSession
) -> None:
    session.exec("for file in a b c; do echo one >$file; done")
    updates = "".join(f"*** Update File: {name}\n-one\n+two\n" for name in "abc")
    with server.counting() as count:
        session.apply_patch(f"*** Begin Patch\n{updates}*** Add File: d\n+two\n*** End Patch")
    assert count.by_kind == {"execute": 2}
    back = updates.replace("-one\n+two", "-two\n+one")
    with server.counting() as count:
        session.apply_patch(f"*** Begin Patch\n{back}*** Delete File: d\n*** End Patch")
    assert count.by_kind == {"execute": 1}
    session.apply_patch(f"*** Begin Patch\n{updates}*** Add File: d\n+two\n*** End Patch")
    assert session.exec("cat a b c d").stdout == "two\n" * 4


@pytest.mark.parametrize("operation", ["exists", "jobs", "ls", "glob", "grep", "stat", "realpath"])
def test_a_look_costs_one_request(
    server: DaytonaServer, session: SandboxSession, operation: str
) -> None:
    arguments = {"jobs": (), "ls": (), "glob": ("*",), "grep": ("x",)}
    with server.counting() as count:
        getattr(session, operation)(*arguments.get(operation, (".",)))
    assert count.by_kind == {"execute": 1}


def test_a_change_of_the_tree_costs_one_request(
    server: DaytonaServer, session: SandboxSession
) -> None:
    for change in (
        lambda: session.mkdir("a/b"),
        lambda: session.move("a", "c/d"),
        lambda: session.remove("c", recursive=True),
    ):
        with server.counting() as count:
            change()
        assert count.by_kind == {"execute": 1}


def test_each_operation_on_checkpoints_costs_one_request(
    server: DaytonaServer, session: SandboxSession
) -> None:
    with server.counting() as count:
        checkpoint = session.checkpoint()
        session.diff(since=checkpoint.id)
        session.restore(checkpoint.id)
        session.checkpoints()
    assert count.by_kind == {"execute": 4}


def test_opening_a_new_sandbox_costs_two_requests(server: DaytonaServer) -> None:
    session = SandboxSession(sandbox_on(server))
    with server.counting() as count:
        session.open()
    session.close()
    assert count.by_kind == {"create": 1, "execute": 1}


def test_opening_an_attached_sandbox_costs_two_requests_and_closing_it_one(
    server: DaytonaServer, session: SandboxSession
) -> None:
    attached = DaytonaSandbox.attach(session.sandbox.id, config=config_of(server))
    with server.counting() as count, SandboxSession(attached):
        pass
    # The last ends the session there, so that no late copy of a request runs any more.
    assert count.by_kind == {"get": 1, "execute": 2}


def test_closing_an_owned_sandbox_costs_one_request(server: DaytonaServer) -> None:
    session = SandboxSession(sandbox_on(server))
    session.write("file", "content")
    session.exec("seq 100000")
    with server.counting() as count:
        session.close()
    assert count.requests == DELETE
    assert count.by_kind["delete"] == 1


def test_making_a_sandbox_object_costs_nothing(server: DaytonaServer) -> None:
    with server.counting() as count:
        sandbox_on(server)
        DaytonaSandbox.attach("x", config=config_of(server))
        DaytonaSandbox.get_or_create("x", config=config_of(server))
    assert count.requests == 0


CHATTER = """
import sys, time
for _ in range(60):
    print(time.time(), flush=True)
    time.sleep(0.07)
"""


def test_who_follows_a_command_is_soon_told_and_asks_seldom(
    server: DaytonaServer, session: SandboxSession
) -> None:
    session.write("chatter.py", CHATTER)
    delays: list[float] = []

    def on_output(stream: str, text: str) -> None:
        delays.extend(time.time() - float(printed) for printed in text.split())

    started = time.monotonic()
    with server.counting() as count:
        session.exec("python3 chatter.py", on_output=on_output)
    took = time.monotonic() - started
    assert len(delays) == 60
    # Half a second, and what a busy machine takes.
    assert max(delays) < 1
    assert sorted(delays)[30] < 0.5
    assert count.requests <= 2 * took + 2


def test_a_command_that_runs_long_costs_a_request_each_window(server: DaytonaServer) -> None:
    with session_on(server, limits=Limits(window=1)) as session, server.counting() as count:
        session.exec("sleep 2.5")
    assert count.by_kind == {"execute": 3}


async def test_many_commands_that_run_long_hold_up_nobody_else(server: DaytonaServer) -> None:
    """They wait on connections, of which there are few."""
    config = config_of(server)
    config.connection_pool_maxsize = 8
    async with SandboxSession(DaytonaSandbox.create(config=config)) as session:
        commands = [asyncio.ensure_future(session.aexec("sleep 6")) for _ in range(9)]
        await asyncio.sleep(0.5)
        started = time.monotonic()
        assert await session.aexists(".")
        assert time.monotonic() - started < 3
        assert [result.exit_code for result in await asyncio.gather(*commands)] == [0] * 9
