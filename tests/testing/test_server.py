"""The server, as the real Daytona SDK sees it over a real socket.

Passes with every SDK from 0.180 on; classes of errors that an older SDK lacks are skipped.
"""

import asyncio
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import daytona as sdk
import pytest
from daytona import (
    AsyncSandbox,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaConfig,
    DaytonaError,
    FileDownloadRequest,
    FileUpload,
    ListSandboxesQuery,
    Sandbox,
    SessionExecuteRequest,
)

from daytona_toolkit.testing import (
    Copy,
    DaytonaServer,
    Delay,
    DropAfter,
    DropBefore,
    Fault,
    ForkFailure,
    Generation,
    Late,
    Malformed,
    Mixed,
    Overtaken,
    RateLimit,
    Reset,
    Shell,
    Stall,
    Status,
    StopSandbox,
    TruncatedBody,
    TruncatedMultipart,
)
from daytona_toolkit.testing._server.go import go_glob, go_mode, go_text
from daytona_toolkit.testing._server.settings import first_shell
from daytona_toolkit.testing._server.toolbox.sessions import split_streams
from daytona_toolkit.testing._server.toolbox.transfer import Field, NotAFormError, form_events
from tests.daytona.support import config_of
from tests.support import needs, running, unique_seconds
from tests.testing.support import failure, raw_connection, wait_until

SDK_VERSION = tuple(int(number) for number in version("daytona").split("."))
SHELLS: list[Shell] = ["zsh", "bash", "dash", "busybox"]
GENERATIONS: list[Generation] = ["old", "new"]


class TestLifecycle:
    @pytest.fixture
    def sandbox(self, own_sandbox: Sandbox) -> Sandbox:
        return own_sandbox

    def test_a_new_sandbox_is_started_and_has_what_was_asked_for(self, daytona: Daytona) -> None:
        params = CreateSandboxFromSnapshotParams(
            name="named", labels={"a": "b"}, env_vars={"GREETING": "hi"}, auto_stop_interval=7
        )
        sandbox = daytona.create(params)
        assert sandbox.state == "started"
        assert sandbox.labels["a"] == "b"
        assert sandbox.auto_stop_interval == 7
        assert sandbox.process.exec("echo $GREETING").result == "hi\n"
        assert daytona.get("named").id == sandbox.id == daytona.get(sandbox.id).id
        daytona.delete(sandbox)

    def test_a_name_is_taken_until_its_sandbox_is_deleted(self, daytona: Daytona) -> None:
        params = CreateSandboxFromSnapshotParams(name="twice")
        first = daytona.create(params)
        assert failure(lambda: daytona.create(params)).status_code == 409
        daytona.delete(first)
        daytona.delete(daytona.create(params))

    def test_an_unknown_snapshot_is_a_bad_request(self, daytona: Daytona) -> None:
        params = CreateSandboxFromSnapshotParams(snapshot="nowhere")
        assert failure(lambda: daytona.create(params)).status_code == 400

    @pytest.mark.parametrize("status", [403, 400])
    def test_the_quota_limits_live_sandboxes(
        self, server: DaytonaServer, daytona: Daytona, status: int
    ) -> None:
        server.quota, server.quota_status = len(server.sandboxes), status
        assert failure(daytona.create).status_code == status

    def test_a_slow_start_is_waited_for(self, server: DaytonaServer, daytona: Daytona) -> None:
        server.start_delay, server.answer_creating = 0.3, True
        sandbox = daytona.create()
        assert sandbox.state == "started"
        daytona.delete(sandbox)

    def test_a_daemon_that_does_not_start_is_an_error(
        self, daytona: Daytona, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("daytona_toolkit.testing._server.machine._DAEMON", "raise SystemExit")
        assert failure(daytona.create).status_code == 400

    def test_a_sandbox_that_cannot_be_reached_yet_refuses_commands(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        server.set_state(sandbox.id, "starting")
        assert failure(lambda: sandbox.process.exec("true")).status_code == 400
        assert failure(lambda: sandbox.delete()).status_code == 409
        server.set_state(sandbox.id, "started")

    def test_stop_kills_processes_and_start_finds_the_files(self, sandbox: Sandbox) -> None:
        sandbox.fs.upload_file(b"kept", "file")
        seconds = unique_seconds()
        sandbox.process.exec(f"setsid sleep {seconds} >/dev/null 2>&1 & sleep 0.1")
        assert running(seconds)
        sandbox.stop()
        assert not running(seconds)
        assert failure(lambda: sandbox.process.exec("true")).status_code == 400
        sandbox.start()
        assert sandbox.fs.download_file("file") == b"kept"

    def test_a_command_is_cut_off_when_its_sandbox_stops(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        stopping = threading.Timer(0.2, server.stop_sandbox, [sandbox.id])
        stopping.start()
        assert failure(lambda: sandbox.process.exec("sleep 60")).status_code == 502
        stopping.join()

    def test_a_sandbox_that_is_started_while_it_stops_does_both(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        for _ in range(3):
            with ThreadPoolExecutor() as pool:
                stopping = pool.submit(server.stop_sandbox, sandbox.id)
                while server.sandboxes[sandbox.id].state == "started":
                    time.sleep(0.001)
                sandbox.start()
                stopping.result(timeout=20)
            assert sandbox.process.exec("echo back").result == "back\n"

    def test_stopping_an_ephemeral_sandbox_deletes_it(
        self, server: DaytonaServer, daytona: Daytona
    ) -> None:
        sandbox = daytona.create(CreateSandboxFromSnapshotParams(ephemeral=True))
        server.stop_sandbox(sandbox.id)
        assert sandbox.id not in server.sandboxes

    def test_a_deleted_sandbox_is_destroying_and_later_unknown(
        self, server: DaytonaServer, daytona: Daytona, sandbox: Sandbox
    ) -> None:
        server.destroying_for = 0.3
        folder = server.sandboxes[sandbox.id].folder
        daytona.delete(sandbox)
        assert daytona.get(sandbox.id).state == "destroying"
        assert failure(lambda: sandbox.process.exec("true")).status_code == 404
        assert not folder.exists()
        time.sleep(0.5)
        assert failure(lambda: daytona.get(sandbox.id)).status_code == 404
        assert failure(lambda: sandbox.process.exec("true")).status_code == 401

    @pytest.mark.parametrize("status", [400, 401, 404, 502])
    def test_the_toolbox_of_a_removed_sandbox_answers_as_told(
        self, server: DaytonaServer, daytona: Daytona, status: int
    ) -> None:
        sandbox = daytona.create()
        server.remove_sandbox(sandbox.id)
        server.gone_status = status
        assert failure(lambda: sandbox.process.exec("true")).status_code == status

    def test_states_change_behind_the_clients_back(
        self, server: DaytonaServer, daytona: Daytona, sandbox: Sandbox
    ) -> None:
        changes = {
            "paused": server.pause_sandbox,
            "archived": server.archive_sandbox,
            "stopped": server.stop_sandbox,
        }
        if SDK_VERSION < (0, 194):
            del changes["paused"]  # this SDK does not know the word
        for state, change in changes.items():
            change(sandbox.id)
            assert daytona.get(sandbox.id).state == state
            assert failure(lambda: sandbox.process.exec("true")).status_code == 400
            sandbox.start()
            assert sandbox.process.exec("echo back").result == "back\n"

    def test_a_stopped_sandbox_can_be_archived_by_its_client(self, sandbox: Sandbox) -> None:
        sandbox.stop()
        sandbox.archive()
        assert sandbox.state == "archived"

    def test_settings_of_a_sandbox_are_kept(self, daytona: Daytona, sandbox: Sandbox) -> None:
        sandbox.set_autostop_interval(30)
        sandbox.set_auto_archive_interval(60)
        sandbox.set_auto_delete_interval(90)
        assert sandbox.set_labels({"x": "y"}) == {"x": "y"}
        sandbox.refresh_activity()
        again = daytona.get(sandbox.id)
        assert (again.auto_stop_interval, again.auto_archive_interval) == (30, 60)
        assert (again.auto_delete_interval, again.labels) == (90, {"x": "y"})
        assert again.get_preview_link(3000).url.endswith(":3000")

    def test_a_list_is_paged_and_filtered(self, daytona: Daytona) -> None:
        made = {
            daytona.create(CreateSandboxFromSnapshotParams(labels={"group": "g"})).id
            for _ in range(5)
        }
        query = ListSandboxesQuery(labels={"group": "g"}, limit=2)
        listed = list(daytona.list(query))
        assert {sandbox.id for sandbox in listed} == made
        listed[0].stop()
        query = ListSandboxesQuery(labels={"group": "g"}, states=[sdk.SandboxState.STOPPED])
        assert [sandbox.id for sandbox in daytona.list(query)] == [listed[0].id]
        for sandbox in listed:
            daytona.delete(sandbox)

    def test_a_wrong_key_is_refused_everywhere(
        self, server: DaytonaServer, daytona: Daytona, sandbox: Sandbox
    ) -> None:
        server.api_key = "another"
        assert failure(daytona.create).status_code == 401
        assert failure(lambda: sandbox.process.exec("true")).status_code == 401


class TestExec:
    @pytest.mark.parametrize("shell", SHELLS)
    def test_output_is_one_stream_and_the_shells_status_counts(
        self, server: DaytonaServer, sandbox: Sandbox, shell: Shell
    ) -> None:
        needs(shell)
        server.shell = shell
        answer = sandbox.process.exec("echo out; echo err >&2; exit 3")
        assert (answer.exit_code, answer.result) == (3, "out\nerr\n")

    def test_a_command_runs_in_the_work_dir_with_its_own_home(self, sandbox: Sandbox) -> None:
        work_dir, home = sandbox.get_work_dir(), sandbox.get_user_home_dir()
        assert sandbox.process.exec("pwd; echo $HOME").result == f"{work_dir}\n{home}\n"
        assert work_dir != home

    def test_the_hosts_environment_stays_outside(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
        assert "SECRET_OF_THE_HOST" not in sandbox.process.exec("env").result

    def test_the_command_is_the_shells_stdin(self, sandbox: Sandbox) -> None:
        assert sandbox.process.exec("cat\necho never run").result == "echo never run"

    def test_envs_and_a_relative_cwd_apply_to_one_call(self, sandbox: Sandbox) -> None:
        sandbox.fs.create_folder("sub", "755")
        answer = sandbox.process.exec("echo $A; basename $PWD", cwd="sub", env={"A": "1"})
        assert answer.result == "1\nsub\n"
        assert sandbox.process.exec("echo $A").result == "\n"

    def test_a_missing_cwd_is_a_failed_start_and_no_http_error(self, sandbox: Sandbox) -> None:
        answer = sandbox.process.exec("true", cwd="/nowhere")
        assert answer.exit_code == -1
        shell = shutil.which(first_shell())
        assert answer.result == f"fork/exec {shell}: no such file or directory"

    def test_a_file_as_cwd_is_no_directory(self, sandbox: Sandbox) -> None:
        sandbox.fs.upload_file(b"", "file")
        assert sandbox.process.exec("true", cwd="file").result.endswith(": not a directory")

    def test_a_nul_in_a_path_is_refused(self, sandbox: Sandbox) -> None:
        answer = sandbox.process.exec("true", cwd="a\0b")
        assert answer.result == "exec: environment variable contains NUL"
        assert failure(lambda: sandbox.fs.get_file_info("a\0b")).status_code == 400

    def test_a_shell_killed_by_a_signal_has_exit_code_minus_one(self, sandbox: Sandbox) -> None:
        answer = sandbox.process.exec("echo before; kill -9 $$")
        assert (answer.exit_code, answer.result) == (-1, "before\n")

    def test_bytes_that_are_not_utf8_are_replaced_one_by_one(self, sandbox: Sandbox) -> None:
        answer = sandbox.process.exec(r"printf 'a\342\202b\000\377'")
        assert answer.result == "a\ufffd\ufffdb\0\ufffd"

    def test_a_background_child_holds_the_call_open_by_its_output(self, sandbox: Sandbox) -> None:
        started = time.monotonic()
        assert sandbox.process.exec("sleep 0.5 & echo b").result == "b\n"
        assert time.monotonic() - started > 0.5
        started = time.monotonic()
        sandbox.process.exec("sleep 30 >/dev/null 2>&1 & echo b")
        assert time.monotonic() - started < 15

    def test_a_timeout_kills_the_group(self, sandbox: Sandbox) -> None:
        seconds = unique_seconds()
        error = failure(
            lambda: sandbox.process.exec(f"sleep {seconds} & echo lost; wait", timeout=1)
        )
        assert error.status_code == 408
        assert "lost" not in str(error)
        assert not running(seconds)

    @pytest.mark.parametrize("env", [{"A-B": "1"}, {"": "1"}])
    def test_a_bad_env_key_is_a_bad_request(self, sandbox: Sandbox, env: dict[str, str]) -> None:
        assert failure(lambda: sandbox.process.exec("true", env=env)).status_code == 400

    def test_a_blank_command_is_a_bad_request(self, sandbox: Sandbox) -> None:
        assert failure(lambda: sandbox.process.exec(" \n")).status_code == 400

    def test_a_megabyte_of_command_is_fine(self, sandbox: Sandbox) -> None:
        command = f"cat <<'END' | wc -c\n{'x' * 1_000_000}\nEND\n"
        assert int(sandbox.process.exec(command).result) == 1_000_001

    def test_a_client_that_goes_away_does_not_end_its_command(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        with raw_connection(server, timeout=0.2) as raw, pytest.raises(TimeoutError):
            raw.call(sandbox, "POST", "/process/execute", {"command": "sleep 1; touch done"})
        wait_until(lambda: len(sandbox.fs.list_files(".")) == 1)

    async def test_two_hundred_commands_run_at_once(
        self, server: DaytonaServer, async_sandbox: AsyncSandbox
    ) -> None:
        server.shell = "dash"
        started = time.monotonic()
        calls = [async_sandbox.process.exec(f"sleep 1; echo {n}") for n in range(200)]
        answers = await asyncio.gather(*calls)
        assert [answer.result for answer in answers] == [f"{n}\n" for n in range(200)]
        assert time.monotonic() - started < 20

    def test_code_runs_with_its_traceback_in_the_result(self, sandbox: Sandbox) -> None:
        assert sandbox.process.code_run("print(6 * 7)").result == "42\n"
        answer = sandbox.process.code_run("raise ValueError('ouch')")
        assert answer.exit_code == 1
        assert "ValueError: ouch" in answer.result


class TestFiles:
    @pytest.mark.parametrize(
        "path", ["plain.txt", "deep/er/file", "sp ace & +%.txt", 'quo"te\\.txt', "café.txt", "~"]
    )
    def test_a_file_comes_back_as_it_was_sent(self, sandbox: Sandbox, path: str) -> None:
        if not path.isascii() and SDK_VERSION < (0, 197):
            pytest.skip("this SDK does not read filename*")
        content = bytes(range(256)) * 1000
        sandbox.fs.upload_file(content, path)
        assert sandbox.fs.download_file(path) == content

    def test_an_upload_keeps_the_mode_and_follows_a_symlink(self, sandbox: Sandbox) -> None:
        sandbox.process.exec("echo long content >target; chmod 755 target; ln -s target link")
        sandbox.fs.upload_file(b"new", "link")
        assert sandbox.process.exec("cat target; stat -c ' %a' target").result == "new 755\n"
        assert sandbox.process.exec("test -L link").exit_code == 0

    def test_an_upload_fails_in_part(self, sandbox: Sandbox) -> None:
        sandbox.fs.upload_file(b"", "file")
        uploads = [
            FileUpload(source=b"1", destination="file/below"),
            FileUpload(source=b"2", destination="fine"),
        ]
        error = failure(lambda: sandbox.fs.upload_files(uploads))
        assert "file/below: mkdir file: " in str(error)
        assert sandbox.fs.download_file("fine") == b"2"

    def test_an_empty_upload_is_no_form(self, sandbox: Sandbox) -> None:
        error = failure(lambda: sandbox.fs.upload_files([]))
        assert "400: invalid multipart form" in str(error)

    def test_downloads_fail_one_by_one(self, sandbox: Sandbox) -> None:
        sandbox.fs.upload_file(b"1", "there")
        sources = ["there", "missing", "."]
        there, missing, folder = sandbox.fs.download_files(
            [FileDownloadRequest(source=source) for source in sources]
        )
        assert there.result == b"1"
        assert (missing.result, folder.result) == (None, None)
        assert missing.error_details is not None
        assert missing.error_details.status_code == 404
        assert folder.error_details is not None
        assert folder.error_details.status_code == 400

    def test_file_info_is_written_as_go_does(self, sandbox: Sandbox) -> None:
        sandbox.process.exec("printf 12345 >file; chmod 640 file; mkdir folder; chmod 1777 folder")
        info = sandbox.fs.get_file_info("file")
        assert (info.name, info.size, info.is_dir) == ("file", 5, False)
        assert (info.mode, info.permissions) == ("-rw-r-----", "0640")
        assert f"{info.owner}\n" == sandbox.process.exec("id -u").result
        assert info.mod_time.endswith(" +0000 UTC")
        assert sandbox.fs.get_file_info("folder").mode == "dtrwxrwxrwx"

    def test_a_listing_is_sorted_and_skips_dangling_symlinks(self, sandbox: Sandbox) -> None:
        assert sandbox.fs.list_files(".") == []
        sandbox.process.exec("mkdir b; touch c a; ln -s nowhere d")
        assert [entry.name for entry in sandbox.fs.list_files(".")] == ["a", "b", "c"]
        assert failure(lambda: sandbox.fs.list_files("a")).status_code == 400
        assert failure(lambda: sandbox.fs.list_files("nowhere")).status_code == 404

    def test_folders_are_made_and_deleted(self, sandbox: Sandbox) -> None:
        sandbox.fs.create_folder("a/b", "700")
        sandbox.fs.create_folder("a/b", "700")
        assert sandbox.fs.get_file_info("a/b").permissions == "0700"
        assert failure(lambda: sandbox.fs.create_folder("a/c", "rwx")).status_code == 400
        assert failure(lambda: sandbox.fs.delete_file("a")).status_code == 400
        sandbox.fs.delete_file("a", recursive=True)
        assert failure(lambda: sandbox.fs.delete_file("a")).status_code == 404

    def test_a_move_overwrites_nothing(self, sandbox: Sandbox) -> None:
        sandbox.process.exec("echo a >a; echo b >b")
        assert failure(lambda: sandbox.fs.move_files("a", "b")).status_code == 409
        assert failure(lambda: sandbox.fs.move_files("a", "no/parent")).status_code == 404
        assert failure(lambda: sandbox.fs.move_files("missing", "c")).status_code == 404
        sandbox.fs.move_files("a", "c")
        assert sandbox.fs.download_file("c") == b"a\n"

    def test_find_matches_text_literally_and_skips_binaries(self, sandbox: Sandbox) -> None:
        sandbox.process.exec(
            r"mkdir d; echo 'x a.b' >d/text; echo axb >d/no; printf 'a.b\0' >d/bin"
        )
        (match,) = sandbox.fs.find_files("d", "a.b")
        assert (match.file, match.line, match.content) == ("d/text", 1, "x a.b")
        assert sandbox.fs.find_files("nowhere", "x") == []

    def test_search_matches_names(self, sandbox: Sandbox) -> None:
        sandbox.process.exec("mkdir -p d/e.py; touch d/a.py d/b.txt d/e.py/c.py")
        files = sandbox.fs.search_files("d", "*.py").files
        assert files == ["d/a.py", "d/e.py", "d/e.py/c.py"]

    def test_replace_is_literal_and_fails_by_file(self, sandbox: Sandbox) -> None:
        sandbox.fs.upload_file(b"a.b axb \xff", "file")
        good, bad = sandbox.fs.replace_in_files(["file", "missing"], "a.b", "$&")
        assert good.success
        assert not bad.success
        assert sandbox.fs.download_file("file") == b"$& axb \xff"

    def test_permissions_are_set_by_number_and_name(self, sandbox: Sandbox) -> None:
        sandbox.fs.upload_file(b"", "file")
        owner = sandbox.fs.get_file_info("file").owner
        sandbox.fs.set_file_permissions("file", mode="600", owner=owner)
        assert sandbox.fs.get_file_info("file").permissions == "0600"
        set_permissions = sandbox.fs.set_file_permissions
        assert failure(lambda: set_permissions("file", owner="no-such-user")).status_code == 400
        assert failure(lambda: set_permissions("missing", mode="600")).status_code == 404


class TestSessions:
    @pytest.mark.parametrize("shell", SHELLS)
    def test_a_session_keeps_its_state_and_parts_the_streams(
        self, server: DaytonaServer, sandbox: Sandbox, shell: Shell
    ) -> None:
        needs(shell)
        server.shell = shell
        process = sandbox.process
        process.create_session("s")
        command = "cd /; export A=1; printf out; echo err >&2; cat; false"
        first = process.execute_session_command("s", SessionExecuteRequest(command=command))
        assert (first.exit_code, first.stdout, first.stderr) == (1, "out\n", "err\n")
        assert sorted((first.output or "").splitlines()) == ["\1\1\1out", "\2\2\2err"]
        second = process.execute_session_command("s", SessionExecuteRequest(command="pwd; echo $A"))
        assert (second.exit_code, second.stdout) == (0, "/\n1\n")
        process.delete_session("s")

    async def test_an_asynchronous_command_is_followed_and_fed(
        self, async_sandbox: AsyncSandbox
    ) -> None:
        process = async_sandbox.process
        await process.create_session("s")
        request = SessionExecuteRequest(
            command="echo ready; read -r line; echo got $line; echo oops >&2; exit 7",
            run_async=True,
        )
        started = await process.execute_session_command("s", request)
        assert started.exit_code is None
        stdout: list[str] = []
        stderr: list[str] = []

        def on_stdout(text: str) -> None:
            stdout.append(text)

        following = asyncio.create_task(
            process.get_session_command_logs_async("s", started.cmd_id, on_stdout, stderr.append)
        )
        while not stdout:
            await asyncio.sleep(0.01)
        assert (await process.get_session_command("s", started.cmd_id)).exit_code is None
        await process.send_session_command_input("s", started.cmd_id, "input\n")
        while len(stdout) < 2:
            await asyncio.sleep(0.01)
        # `exit` ended the shell, so that no exit code will ever be known.
        await process.delete_session("s")
        await following
        assert "".join(stdout) == "ready\ngot input\n"
        assert "".join(stderr) == "oops\n"

    def test_logs_and_exit_codes_stay_after_the_end(self, sandbox: Sandbox) -> None:
        process = sandbox.process
        process.create_session("s")
        request = SessionExecuteRequest(command="echo a; (exit 5)", run_async=True)
        command_id = process.execute_session_command("s", request).cmd_id
        process.execute_session_command("s", SessionExecuteRequest(command="true"))
        assert process.get_session_command("s", command_id).exit_code == 5
        assert process.get_session_command_logs("s", command_id).stdout == "a\n"
        assert [session.session_id for session in process.list_sessions()] == ["s"]
        assert len(process.get_session("s").commands or []) == 2
        error = failure(lambda: process.send_session_command_input("s", command_id, "late"))
        assert error.status_code == 410

    def test_a_bare_exit_never_answers_and_breaks_the_session(self, sandbox: Sandbox) -> None:
        process = sandbox.process
        process.create_session("s")
        request = SessionExecuteRequest(command="exit 3")
        with ThreadPoolExecutor() as pool:
            hanging = pool.submit(process.execute_session_command, "s", request)
            time.sleep(0.3)
            assert not hanging.done()
            again = failure(lambda: process.execute_session_command("s", request))
            assert again.status_code == 500
            process.delete_session("s")
            assert failure(hanging.result).status_code == 500

    def test_deleting_a_session_kills_what_it_started(self, sandbox: Sandbox) -> None:
        process = sandbox.process
        process.create_session("s")
        seconds, other = unique_seconds(), unique_seconds()
        request = SessionExecuteRequest(
            command=f"setsid nohup sleep {seconds} >/dev/null 2>&1 & sleep 0.1"
        )
        process.execute_session_command("s", request)
        process.exec(f"sleep {other} >/dev/null 2>&1 & sleep 0.1")
        assert running(seconds)
        process.delete_session("s")
        assert not running(seconds)
        assert running(other)

    def test_what_left_a_session_outlives_it(self, sandbox: Sandbox) -> None:
        """The daemon ends a group and a tree; this is in neither."""
        process = sandbox.process
        process.create_session("s")
        seconds = unique_seconds()
        leaving = f"sh -c 'setsid sleep {seconds} >/dev/null 2>&1 &'; sleep 0.1"
        process.execute_session_command("s", SessionExecuteRequest(command=leaving))
        process.delete_session("s")
        assert running(seconds)

    def test_ids_are_unique_and_known(self, sandbox: Sandbox) -> None:
        process = sandbox.process
        process.create_session("s")
        assert failure(lambda: process.create_session("s")).status_code == 409
        assert failure(lambda: process.create_session("entrypoint")).status_code == 400
        assert failure(lambda: process.delete_session("t")).status_code == 404
        assert failure(lambda: process.get_session_command("s", "none")).status_code == 404
        assert len(process.get_entrypoint_session().commands or []) == 1


class TestGenerations:
    @pytest.mark.parametrize("generation", GENERATIONS)
    def test_a_session_that_is_missing_on_exec(
        self, server: DaytonaServer, sandbox: Sandbox, generation: Generation
    ) -> None:
        server.generation = generation
        request = SessionExecuteRequest(command="true")
        error = failure(lambda: sandbox.process.execute_session_command("none", request))
        assert error.status_code == {"old": 500, "new": 404}[generation]

    def test_old_file_errors_are_empty(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        server.generation = "old"
        error = failure(lambda: sandbox.fs.get_file_info("missing"))
        assert (error.status_code, str(error)) == (404, "Failed to get file info: ")

    def test_old_messages_name_their_kind(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        server.generation = "old"
        error = failure(lambda: sandbox.process.exec("sleep 60", timeout=1))
        assert "request timeout: command execution timeout" in str(error)

    def test_old_uploads_trim_the_path(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        server.generation = "old"
        sandbox.fs.upload_file(b"", " trimmed ")
        assert [entry.name for entry in sandbox.fs.list_files(".")] == ["trimmed"]

    @pytest.mark.parametrize(
        ("generation", "name", "call"),
        [
            ("new", "FileNotFound", lambda box: box.fs.get_file_info("missing")),
            ("old", "NotFound", lambda box: box.fs.get_file_info("missing")),
            ("old", "NotFound", lambda box: box.fs.download_file("missing")),
            ("new", "FileNotFound", lambda box: box.fs.download_file("missing")),
            ("new", "ProcessExecutionTimeout", lambda box: box.process.exec("sleep 9", timeout=1)),
            ("new", "Conflict", lambda box: box.fs.move_files("there", "there")),
            ("new", "InvalidFilePath", lambda box: box.fs.list_files("there")),
            ("old", "BadRequest", lambda box: box.fs.list_files("there")),
        ],
    )
    def test_errors_have_the_sdks_own_class(
        self,
        server: DaytonaServer,
        sandbox: Sandbox,
        generation: Generation,
        name: str,
        call: Callable[[Sandbox], Any],
    ) -> None:
        expected = getattr(sdk, f"Daytona{name}Error", None)
        if expected is None:
            pytest.skip("this SDK has no such class")
        server.generation = generation
        sandbox.fs.upload_file(b"", "there")
        assert type(failure(lambda: call(sandbox))) is expected


class TestFaults:
    def test_one_that_would_never_strike_is_refused(self, server: DaytonaServer) -> None:
        with pytest.raises(ValueError, match=r"the kind 'exec', so nothing .* execute"):
            server.faults.add(DropAfter(kind="exec"))

    def test_the_sync_sdk_sends_again_when_a_connection_drops(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        server.faults.add(DropBefore(kind="execute"), times=1)
        server.faults.add(DropAfter(kind="execute"), times=1)
        with server.counting() as count:
            sandbox.process.exec("echo x >>file")
        assert [record.status for record in count.records] == [None, None, 200]
        assert [record.executed for record in count.records] == [False, True, True]
        assert [record.fault for record in count.records] == ["DropBefore", "DropAfter", None]
        assert sandbox.fs.download_file("file") == b"x\nx\n"

    async def test_the_async_sdk_does_not(
        self, server: DaytonaServer, async_sandbox: AsyncSandbox
    ) -> None:
        rule = server.faults.add(DropBefore(kind="execute"), times=1)
        with server.counting() as count, pytest.raises(DaytonaError):
            await async_sandbox.process.exec("true")
        assert (rule.fired, count.requests) == (1, 1)

    @pytest.mark.parametrize("after", [False, True])
    def test_a_reset_may_come_before_or_after(
        self, server: DaytonaServer, sandbox: Sandbox, after: bool
    ) -> None:
        server.faults.add(Reset(after=after), times=1)
        assert "reset by peer" in str(failure(lambda: sandbox.process.exec("touch file")))
        assert [entry.name for entry in sandbox.fs.list_files(".")] == ["file"] * after

    @pytest.mark.parametrize(
        "fault",
        [
            Status(500),
            Status(502, message=None),
            Status(503),
            Status(504, message=None),
            Status(408, code="REQUEST_TIMEOUT"),
            Status(408, code="PROCESS_EXECUTION_TIMEOUT", source="DAYTONA_DAEMON"),
            RateLimit(retry_after=3),
        ],
        ids=lambda fault: f"{fault.status}-{fault.code or fault.message}",
    )
    def test_a_status_is_answered_without_executing(
        self, server: DaytonaServer, sandbox: Sandbox, fault: Status
    ) -> None:
        server.faults.add(fault, times=1)
        error = failure(lambda: sandbox.process.exec("touch file"))
        assert error.status_code == fault.status
        assert error.headers.get("Retry-After") == fault.headers.get("Retry-After")
        assert sandbox.fs.list_files(".") == []

    def test_a_status_may_hide_that_the_command_ran(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        server.faults.add(Status(504, after=True), times=1)
        assert failure(lambda: sandbox.process.exec("touch file")).status_code == 504
        assert len(sandbox.fs.list_files(".")) == 1

    def test_a_body_is_cut_short(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        server.faults.add(TruncatedBody(kind="execute"), times=1)
        with server.counting() as count:
            failure(lambda: sandbox.process.exec("seq 1000"))
        assert count.executed == {"execute": 1}
        assert 1000 < count.bytes_out < 4000

    def test_a_multipart_body_lacks_its_end(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        if SDK_VERSION < (0, 194):
            pytest.skip("this SDK does not notice")
        sandbox.fs.upload_file(b"x" * 10_000, "file")
        server.faults.add(TruncatedMultipart(), times=1)
        assert "truncated" in str(failure(lambda: sandbox.fs.download_file("file"))).lower()

    def test_a_delay_may_precede_another_fault(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        server.faults.add(Delay(0.2, then=Status(503)), times=1)
        started = time.monotonic()
        assert failure(lambda: sandbox.process.exec("true")).status_code == 503
        assert time.monotonic() - started > 0.2

    def test_a_sandbox_stops_right_before_a_command(
        self, server: DaytonaServer, own_sandbox: Sandbox
    ) -> None:
        server.faults.add(StopSandbox(kind="execute", nth=2))
        own_sandbox.process.exec("true")
        assert failure(lambda: own_sandbox.process.exec("true")).status_code == 400
        assert server.sandboxes[own_sandbox.id].state == "stopped"

    def test_a_lost_request_may_arrive_later(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        server.faults.add(Late(0.3, then=Status(504)), times=1)
        assert failure(lambda: sandbox.process.exec("touch file")).status_code == 504
        assert sandbox.fs.list_files(".") == []
        wait_until(lambda: len(sandbox.fs.list_files(".")) == 1)

    def test_a_late_upload_lands_on_what_is_newer(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        server.faults.add(Late(0.3, kind="upload", then=Status(504)), times=1)
        failure(lambda: sandbox.fs.upload_file(b"old", "file"))
        sandbox.fs.upload_file(b"new", "file")
        wait_until(lambda: sandbox.fs.download_file("file") == b"old")

    def test_a_request_may_arrive_twice(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        server.faults.add(Copy(0.3), times=1)
        with server.counting() as count:
            assert sandbox.process.exec("echo x | tee -a file").result == "x\n"
        assert (count.requests, count.records[0].deliveries) == (1, 1)
        wait_until(lambda: sandbox.fs.download_file("file") == b"x\nx\n")
        assert count.records[0].deliveries == 2

    def test_a_request_may_be_overtaken_by_its_retry(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        command = "echo $(($(cat count) + 1)) >count"
        sandbox.fs.upload_file(b"0", "count")
        server.faults.add(Overtaken(then=Status(503)), times=1)
        assert failure(lambda: sandbox.process.exec(command)).status_code == 503
        sandbox.process.exec("echo another")
        assert sandbox.fs.download_file("count") == b"0"
        assert sandbox.process.exec(command).exit_code == 0
        wait_until(lambda: sandbox.fs.download_file("count") == b"2\n")

    def test_without_a_retry_a_request_arrives_in_the_end(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        server.faults.add(Overtaken(then=Status(503), within=0.2), times=1)
        failure(lambda: sandbox.process.exec("touch file"))
        wait_until(lambda: len(sandbox.fs.list_files(".")) == 1)

    @pytest.mark.parametrize("what", ["empty", "null", "list", "half"])
    def test_an_answer_may_be_malformed(
        self, server: DaytonaServer, sandbox: Sandbox, what: Any
    ) -> None:
        server.faults.add(Malformed(what), times=1)
        with pytest.raises(Exception, match=r"."):  # each version of the SDK has its own
            print(sandbox.process.exec("touch file").result)
        assert len(sandbox.fs.list_files(".")) == 1

    @pytest.mark.parametrize("after", [False, True])
    def test_a_connection_stalls_until_its_client_goes(
        self, server: DaytonaServer, sandbox: Sandbox, after: bool
    ) -> None:
        server.faults.add(Stall(after=after), times=1)
        with (
            server.counting() as count,
            raw_connection(server, timeout=0.3) as raw,
            pytest.raises(TimeoutError),
        ):
            raw.call(sandbox, "POST", "/process/execute", {"command": "touch file"})
        assert (count.requests, count.records[0].status) == (1, None)
        assert len(sandbox.fs.list_files(".")) == after

    def test_a_daemon_that_cannot_fork_says_so_in_the_output(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        server.faults.add(ForkFailure(), times=1)
        answer = sandbox.process.exec("touch file")
        shell = server.sandboxes[sandbox.id].shell[0]
        assert answer.exit_code == -1
        assert answer.result == f"fork/exec {shell}: resource temporarily unavailable"
        assert sandbox.fs.list_files(".") == []

    @pytest.mark.parametrize(
        ("fault", "struck"),
        [
            (Status(503, nth=2), [2]),
            (Status(503, nth=(1, 4)), [1, 4]),
            (Status(503, every=3), [3, 6]),
        ],
    )
    def test_a_fault_strikes_chosen_requests(
        self, server: DaytonaServer, sandbox: Sandbox, fault: Fault, struck: list[int]
    ) -> None:
        server.faults.add(fault)
        with server.counting() as count:
            for _ in range(6):
                with suppress(DaytonaError):
                    sandbox.get_work_dir()
        assert [n for n, record in enumerate(count.records, 1) if record.fault] == struck

    def test_a_condition_chooses_the_requests(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        fault = Status(503, where=lambda record: record.path.endswith("/work-dir"))
        server.faults.add(fault)
        sandbox.process.exec("true")
        failure(sandbox.get_work_dir)

    def test_chance_is_seeded(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        def strikes(fault: Fault) -> list[str | None]:
            server.faults.clear()
            server.faults.add(fault)
            with server.counting() as count:
                for _ in range(20):
                    with suppress(DaytonaError):
                        sandbox.get_work_dir()
            return [record.fault for record in count.records]

        first = strikes(Mixed(probability=0.3, seed=7, kind="work_dir"))
        second = strikes(Mixed(probability=0.3, seed=7, kind="work_dir"))
        assert first == second
        assert len(set(first)) > 2


class TestAsync:
    async def test_the_core_calls(self, server: DaytonaServer, async_sandbox: AsyncSandbox) -> None:
        sandbox = async_sandbox
        await sandbox.fs.upload_file(b"async", "sub/file")
        assert await sandbox.fs.download_file("sub/file") == b"async"
        answer = await sandbox.process.exec("cat file; exit 4", cwd="sub")
        assert (answer.exit_code, answer.result) == (4, "async")
        with pytest.raises(DaytonaError) as caught:
            await sandbox.process.exec("sleep 60", timeout=1)
        assert caught.value.status_code == 408
        await sandbox.stop()
        await sandbox.start()
        assert [entry.name for entry in await sandbox.fs.list_files(".")] == ["sub"]


class TestServer:
    def test_requests_are_recorded_with_their_sizes(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        with server.counting() as count:
            sandbox.process.exec("echo 12345")
            sandbox.fs.upload_file(b"x" * 50_000, "file")
            sandbox.fs.download_file("file")
        sandbox.get_work_dir()
        assert count.requests == 3
        assert count.by_kind == {"execute": 1, "upload": 1, "download": 1}
        execute, upload, download = count.records
        assert (execute.method, execute.status, execute.sandbox_id) == ("POST", 200, sandbox.id)
        assert execute.bytes_in == len(b'{"command": "echo 12345"}')
        assert upload.bytes_in > 50_000 > upload.bytes_out
        assert download.bytes_out > 50_000 > download.bytes_in

    def test_latency_is_added_to_every_request(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        server.latency = 0.2
        started = time.monotonic()
        sandbox.get_work_dir()
        assert time.monotonic() - started > 0.2

    def test_a_server_leaves_nothing_behind(self) -> None:
        threads = set(threading.enumerate())
        server = DaytonaServer()
        server.start()
        sandbox = Daytona(config_of(server)).create()
        folder = server.sandboxes[sandbox.id].folder
        seconds = unique_seconds()
        command = f"mkdir -m 0 closed; env -i setsid sleep {seconds} >/dev/null 2>&1 & sleep 0.1"
        sandbox.process.exec(command)
        assert running(seconds)
        sandbox.process.create_session("s")
        with ThreadPoolExecutor() as pool:
            hanging = pool.submit(sandbox.process.exec, "sleep 60")
            while server.requests[-1].kind != "execute" or not server.requests[-1].executed:
                time.sleep(0.01)
            started = time.monotonic()
            server.stop()
            assert failure(hanging.result).status_code == 502
        assert time.monotonic() - started < 20
        assert not running(seconds)
        assert not folder.parent.exists()
        leaked = set(threading.enumerate()) - threads
        assert {thread.name for thread in leaked} <= {"daytona-subscription-expiry"}

    def test_a_taken_port_is_an_error_and_nothing_more(self, server: DaytonaServer) -> None:
        threads = threading.active_count()
        with pytest.raises(OSError, match="in use"):
            DaytonaServer(port=server.port).start()
        assert threading.active_count() == threads

    def test_an_endpoint_that_does_not_exist_is_recorded_as_unknown(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        with server.counting() as count:
            assert failure(lambda: sandbox.git.status("repo")).status_code == 404
        assert count.by_kind == {"unknown": 1}

    def test_it_runs_from_a_terminal(self) -> None:
        command = [sys.executable, "-m", "daytona_toolkit.testing", "--shell", "dash"]
        root = Path(__file__).parents[2]
        with subprocess.Popen(
            command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stderr
            lines = [process.stdout.readline() for _ in range(3)]
            exports = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
            daytona = Daytona(
                DaytonaConfig(
                    api_key=exports["DAYTONA_API_KEY"],
                    api_url=exports["DAYTONA_API_URL"],
                    target=exports["DAYTONA_TARGET"],
                )
            )
            daytona.create()
            assert process.stderr.readline().startswith("200  create")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=5) == 0


def part(name: str, content: str) -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{content}\r\n'


async def form_of(body: bytes, size: int, boundary: str | None = "b") -> list[Field | bytes]:
    """What is read of a form that comes in pieces; neighbouring pieces of content as one."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    events: list[Field | bytes] = []
    async for event in form_events(boundary, chunks()):
        last = events[-1] if events else None
        if isinstance(event, bytes) and isinstance(last, bytes):
            events[-1] = last + event
        else:
            events.append(event)
    return events


class TestGoWords:
    @pytest.mark.parametrize(
        ("pattern", "name", "matches"),
        [
            ("*.py", "a.py", True),
            ("*.py", "a.pyc", False),
            ("?", "é", True),
            ("[a-c]x", "bx", True),
            ("[^a-c]x", "bx", False),
            (r"\*", "*", True),
            (r"\*", "a", False),
            ("a{b}", "a{b}", True),
            ("a.b", "axb", False),
        ],
    )
    def test_globs(self, pattern: str, name: str, matches: bool) -> None:
        assert bool(go_glob(pattern).fullmatch(name)) is matches

    @pytest.mark.parametrize(
        ("mode", "text"),
        [
            (0o100644, "-rw-r--r--"),
            (0o040755, "drwxr-xr-x"),
            (0o104755, "urwxr-xr-x"),
            (0o010600, "prw-------"),
        ],
    )
    def test_modes(self, mode: int, text: str) -> None:
        assert go_mode(mode) == text

    def test_bytes_that_are_not_utf8(self) -> None:
        assert go_text(b"\xe2\x82\xac \xe2\x82 \xed\xa0\x80") == "€ \ufffd\ufffd \ufffd\ufffd\ufffd"

    @pytest.mark.parametrize("size", [1, 2, 7, 1000])
    async def test_a_form_is_read_in_pieces_of_any_size(self, size: int) -> None:
        form = part("files[0].path", "p") + part("other", "x") + part("files[0].file", "a\r\n--")
        events = await form_of(f"{form}--b--\r\n".encode(), size)
        assert events == [Field("0", "path"), b"p", Field("0", "file"), b"a\r\n--"]

    @pytest.mark.parametrize("body", ["", part("files[0].file", "a"), "--b", "no form"])
    async def test_a_form_without_its_end_is_incomplete(self, body: str) -> None:
        with pytest.raises(EOFError):
            await form_of(body.encode(), 5)

    async def test_a_form_has_a_boundary(self) -> None:
        with pytest.raises(NotAFormError):
            await form_of(b"--b--", 5, boundary=None)

    def test_streams_are_parted_by_their_markers(self) -> None:
        log = b"\1\1\1a\n\2\2\2b\n\1\1\1c\n"
        assert split_streams(log) == (b"a\nc\n", b"b\n")
        assert split_streams(b"") == (b"", b"")
