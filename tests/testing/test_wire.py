"""What a real daemon answers, byte for byte where it matters.

Each docstring quotes a fact: seen on a running v0.190 daemon, unless it names newer ones.
"""

import json
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from daytona import Daytona, FileUpload, Sandbox, SessionExecuteRequest

from daytona_toolkit.testing import CutUpload, DaytonaServer, Generation, Shell, SlowUpload, Status
from daytona_toolkit.testing._server.machine import is_confined
from tests.daytona.support import config_of
from tests.support import needs
from tests.testing.support import Answer, RawConnection, failure, raw_connection, wait_until

confined = pytest.mark.skipif(
    not is_confined(), reason="for want of bubblewrap: it does not work here"
)


@pytest.fixture
def raw(server: DaytonaServer) -> Iterator[RawConnection]:
    with raw_connection(server) as raw:
        yield raw


def form(*files: tuple[bytes, bytes]) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a bulk upload."""
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="files[%d].%b"\r\n\r\n%b\r\n'
        % (index, what, content)
        for index, (path, data) in enumerate(files)
        for what, content in ((b"path", path), (b"file", data))
    )
    return parts + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


def upload(raw: RawConnection, sandbox: Sandbox, *files: tuple[bytes, bytes]) -> Answer:
    body, headers = form(*files)
    return raw.call(sandbox, "POST", "/files/bulk-upload", body, headers)


def execute(raw: RawConnection, sandbox: Sandbox, **body: Any) -> Answer:
    return raw.call(sandbox, "POST", "/process/execute", body)


class TestExecute:
    @pytest.mark.parametrize("timeout", [1.5, "5", -1, True, 2**32])
    def test_a_timeout_is_a_uint32(
        self, raw: RawConnection, sandbox: Sandbox, timeout: object
    ) -> None:
        """1.5, "5" and -1 are 400, and the command is not run."""
        answer = execute(raw, sandbox, command="touch ran", timeout=timeout)
        assert answer.status == 400
        assert "of type uint32" in answer.json["message"]
        assert sandbox.fs.list_files(".") == []

    @pytest.mark.parametrize("envs", [{"A": 1}, ["A"]])
    def test_variables_are_strings(
        self, raw: RawConnection, sandbox: Sandbox, envs: object
    ) -> None:
        """A value that is no string is 400."""
        assert execute(raw, sandbox, command="true", envs=envs).status == 400

    def test_null_is_no_value(self, raw: RawConnection, sandbox: Sandbox) -> None:
        """Go's decoder leaves a field alone for null, and puts an empty string into a map."""
        body = {"command": 'echo "[$A]"', "cwd": None, "timeout": None, "envs": {"A": None}}
        assert execute(raw, sandbox, **body).json == {"exitCode": 0, "result": "[]\n"}
        assert execute(raw, sandbox, command=None).status == 400

    def test_a_nul_in_a_folder_or_a_variable_prevents_the_start(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        """200, exit code -1, `exec: environment variable contains NUL`, for a folder as well."""
        for options in ({"cwd": "a\0b"}, {"envs": {"A": "a\0b"}}):
            answer = execute(raw, sandbox, command="true", **options)
            expected = {"exitCode": -1, "result": "exec: environment variable contains NUL"}
            assert (answer.status, answer.json) == (200, expected)

    def test_a_lone_surrogate_is_one_replacement_character(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        r"""Go reads \ud800 in JSON as one U+FFFD."""
        command = json.dumps({"command": "printf %s 'a"}).removesuffix('"}') + r"\ud800b" + "'\"}"
        answer = raw.call(sandbox, "POST", "/process/execute", command.encode())
        assert answer.json["result"] == "a\ufffdb"

    def test_errors_are_json_without_a_charset(self, raw: RawConnection, sandbox: Sandbox) -> None:
        """`application/json; charset=utf-8` for answers, `application/json` for errors."""
        fine, error = execute(raw, sandbox, command="true"), execute(raw, sandbox, command="")
        assert fine.headers["Content-Type"] == "application/json; charset=utf-8"
        assert (error.status, error.headers["Content-Type"]) == (400, "application/json")

    @pytest.mark.parametrize(("drain", "least", "most"), [(None, 1.5, 30), (0.3, 0.3, 1.4)])
    def test_a_child_that_holds_the_output_is_waited_for(
        self,
        server: DaytonaServer,
        sandbox: Sandbox,
        drain: float | None,
        least: float,
        most: float,
    ) -> None:
        """`sleep 42 & echo b` answers after 42.1 s, or after 30.0 s if the reaper was first."""
        server.drain = drain
        started = time.monotonic()
        assert sandbox.process.exec("sleep 1.5 & echo b").result == "b\n"
        assert least <= time.monotonic() - started < most

    @confined
    def test_a_start_that_fails_is_an_answer(self, own_sandbox: Sandbox) -> None:
        """200, exit code -1 and `fork/exec …: too many open files` as output."""
        needs("prlimit")
        own_sandbox.process.exec("prlimit --pid 1 --nofile=8:")
        answer = own_sandbox.process.exec("true")
        assert answer.exit_code == -1
        assert answer.result.startswith("fork/exec /")
        assert answer.result.endswith(": too many open files")

    def test_code_has_a_language_and_artifacts_if_it_made_some(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        """Without `language` 400; no key `artifacts` where there are none."""
        path = "/process/code-run"
        assert raw.call(sandbox, "POST", path, {"code": "print(1)"}).status == 400
        answer = raw.call(sandbox, "POST", path, {"code": "print(1)", "language": "python"})
        assert answer.json == {"exitCode": 0, "result": "1\n"}


class TestMachine:
    @confined
    def test_the_daemon_is_process_one_of_user_daytona(self, sandbox: Sandbox) -> None:
        """The daemon is process 1 and reaps; commands run as daytona, uid 1000."""
        result = sandbox.process.exec("id -u; whoami; tr '\\0' ' ' </proc/1/cmdline").result
        uid, name, first = result.splitlines()
        assert (uid, name) == ("1000", "daytona")
        assert "daemon.serve" in first

    @confined
    def test_the_environment_is_the_daemons(self, sandbox: Sandbox) -> None:
        """No USER, TMPDIR or TERM; DAYTONA_… variables and HOSTNAME are there."""
        lines = sandbox.process.exec("env").result.splitlines()
        names = {line.partition("=")[0] for line in lines}
        assert not names & {"USER", "TMPDIR", "TERM"}
        assert names >= {
            "DAYTONA_ORGANIZATION_ID",
            "DAYTONA_REGION_ID",
            "DAYTONA_SANDBOX_ID",
            "DAYTONA_SANDBOX_SNAPSHOT",
            "DAYTONA_SANDBOX_USER",
            "HOME",
            "HOSTNAME",
            "PATH",
        }

    def test_commands_and_files_see_one_file_system(self, sandbox: Sandbox) -> None:
        """The file endpoints see /tmp, and links in it, as commands do."""
        folder = sandbox.process.exec("mktemp -d /tmp/wire-XXXXXX").result.strip()
        sandbox.process.exec(f"echo there >{folder}/file; ln -s {folder}/file {folder}/link")
        assert sandbox.fs.download_file(f"{folder}/link") == b"there\n"
        sandbox.fs.upload_file(b"back", f"{folder}/link")
        assert sandbox.process.exec(f"cat {folder}/file").result == "back"
        assert [entry.name for entry in sandbox.fs.list_files(folder)] == ["file", "link"]
        sandbox.fs.delete_file(folder, recursive=True)

    @confined
    def test_tmp_is_its_own(self, sandbox: Sandbox) -> None:
        with tempfile.NamedTemporaryFile(dir="/tmp") as file:
            assert sandbox.process.exec(f"[ -e {file.name} ]").exit_code == 1
        assert sandbox.process.exec("[ -w /tmp ]").exit_code == 0

    def test_the_home_may_be_the_work_dir(self, server: DaytonaServer) -> None:
        """In Daytona's own snapshots the work dir is the home."""
        server.home_is_work_dir = True
        sandbox = Daytona(config_of(server)).create()
        assert sandbox.get_work_dir() == sandbox.get_user_home_dir()
        assert sandbox.process.exec('[ "$PWD" = "$HOME" ]').exit_code == 0


class TestUpload:
    def test_v0_190_leaves_what_arrived_before_the_cut(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        """A cut body is 400 `write: unexpected EOF`, and the file holds the part that came."""
        sandbox.fs.upload_file(b"old" * 100_000, "file")
        server.faults.add(CutUpload(then=None), times=1)
        error = failure(lambda: sandbox.fs.upload_file(b"new" * 50_000, "file"))
        assert "file: write: unexpected EOF" in str(error)
        left = sandbox.fs.download_file("file")
        assert 0 < len(left) < 150_000
        assert not left.replace(b"new", b"").strip(b"new")

    def test_newer_daemons_leave_the_file_as_it_was(
        self, server: DaytonaServer, sandbox: Sandbox
    ) -> None:
        """Newer ones write beside the file and move that into place, with mode 0644."""
        server.generation = "new"
        sandbox.fs.upload_file(b"old", "file")
        sandbox.fs.set_file_permissions("file", mode="755")
        server.faults.add(CutUpload(then=Status(502)), times=1)
        assert failure(lambda: sandbox.fs.upload_file(b"new" * 50_000, "file")).status_code == 502
        assert sandbox.fs.download_file("file") == b"old"
        sandbox.fs.upload_file(b"new", "file")
        assert sandbox.process.exec("cat file; stat -c ' %a' file; ls -A").result == (
            "new 644\nfile\n"
        )

    def test_a_client_that_goes_away_leaves_a_part(
        self, server: DaytonaServer, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        """The same for a connection that really breaks."""
        body, headers = form((b"file", b"x" * 300_000))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"POST /toolbox/{sandbox.id}/files/bulk-upload HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {server.api_key}\r\n{lines}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + body[:100_000])
            wait_until(lambda: size_of(sandbox) > 50_000)
        time.sleep(0.1)
        assert 50_000 < size_of(sandbox) < 100_000

    def test_two_at_once_leave_a_mixture(self, server: DaytonaServer, sandbox: Sandbox) -> None:
        """Three at once gave a file of 27 MB of one and 3 MB of another."""
        server.faults.add(SlowUpload(1.0), times=1)
        with ThreadPoolExecutor() as pool:
            slow = pool.submit(sandbox.fs.upload_file, b"s" * 200_000, "file")
            wait_until(lambda: size_of(sandbox) > 50_000)
            sandbox.fs.upload_file(b"q" * 20_000, "file")
            slow.result()
        assert set(sandbox.fs.download_file("file")) >= {ord("s"), ord("q")}

    def test_one_file_can_be_sent_to_a_path(self, raw: RawConnection, sandbox: Sandbox) -> None:
        """`POST /files/upload?path=…` with a field `file`: 200 and an empty body."""
        body = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
            b"\0\xff\r\n--b--\r\n"
        )
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = raw.call(sandbox, "POST", "/files/upload?path=new/file", body, headers)
        assert (answer.status, answer.body) == (200, b"")
        assert sandbox.fs.download_file("new/file") == b"\0\xff"

    def test_a_path_is_bytes(self, raw: RawConnection, sandbox: Sandbox) -> None:
        """A path that is not UTF-8 is written as it is, and U+FFFD in answers."""
        answer = upload(raw, sandbox, (b"caf\xe9", b"1"))
        assert answer.json == {"files": [{"path": "caf\ufffd", "bytes": 1}]}
        assert [entry.name for entry in sandbox.fs.list_files(".")] == ["caf\ufffd"]
        assert sandbox.process.exec("ls | od -An -tx1 | tr -d ' '").result == "636166e90a\n"

    def test_files_are_null_when_none_was_written(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        """`"files": null`, and Go's words: `mkdir …`, `open …`."""
        sandbox.fs.upload_file(b"", "file")
        answer = upload(raw, sandbox, (b"file/below", b"1"), (b".", b"2"), (b"a\0b", b"3"))
        assert (answer.status, answer.json["files"]) == (400, None)
        assert [line.split(": ")[:3] for line in answer.json["errors"]] == [
            ["file/below", "mkdir file", "mkdir file"],
            [".", "create", "open ."],
            ["a\0b", "create", "open a\0b"],
        ]

    def test_some_files_may_be_written(self, sandbox: Sandbox) -> None:
        sources = [FileUpload(b"1", "good"), FileUpload(b"2", "good/below")]
        failure(lambda: sandbox.fs.upload_files(sources))
        assert sandbox.fs.download_file("good") == b"1"


def is_free(listener: socket.socket, port: int) -> bool:
    """Take a port, if nobody has it."""
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def size_of(sandbox: Sandbox) -> int:
    entries = sandbox.fs.list_files(".")
    return entries[0].size if entries else 0


class TestDownload:
    @pytest.mark.parametrize("generation", ["old", "new"])
    def test_an_error_part_names_the_file(
        self,
        server: DaytonaServer,
        raw: RawConnection,
        sandbox: Sandbox,
        generation: Generation,
    ) -> None:
        """`path` is the file; v0.190 names no `source`."""
        server.generation = generation
        answer = raw.call(sandbox, "POST", "/files/bulk-download", {"paths": ["missing"]})
        error = json.loads(answer.body.split(b"\r\n\r\n")[1].split(b"\r\n")[0])
        assert (error["path"], error["code"]) == ("missing", "FILE_NOT_FOUND")
        assert ("source" in error) == (generation == "new")

    def test_a_nul_in_a_path_is_an_error_of_that_file(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        """An error part with FILE_READ_FAILED."""
        answer = raw.call(sandbox, "POST", "/files/bulk-download", {"paths": ["a\0b"]})
        assert answer.status == 200
        assert b"FILE_READ_FAILED" in answer.body

    def test_one_file_can_be_had_as_it_is(self, raw: RawConnection, sandbox: Sandbox) -> None:
        """`GET /files/download` sends the bytes."""
        sandbox.fs.upload_file(b"\0\xff", "file")
        assert raw.call(sandbox, "GET", "/files/download?path=file").body == b"\0\xff"
        assert raw.call(sandbox, "GET", "/files/download?path=missing").status == 404


class TestSessions:
    @pytest.mark.parametrize(("shell", "kept"), [("zsh", True), ("bash", False)])
    def test_zsh_alone_keeps_nuls_in_the_log(
        self, server: DaytonaServer, sandbox: Sandbox, shell: Shell, kept: bool
    ) -> None:
        """The daemon reads lines with the session's shell; zsh's `read` keeps NULs."""
        needs(shell)
        server.shell = shell
        sandbox.process.create_session("s")
        request = SessionExecuteRequest(command=r"printf 'a\000b\n'")
        answer = sandbox.process.execute_session_command("s", request)
        assert answer.stdout == ("a\0b\n" if kept else "ab\n")

    def test_an_empty_command_is_refused_without_a_word(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        """400 with an empty body."""
        sandbox.process.create_session("s")
        answer = raw.call(sandbox, "POST", "/process/session/s/exec", {"command": ""})
        assert (answer.status, answer.body) == (400, b"")

    def test_an_asynchronous_answer_has_nulls(self, raw: RawConnection, sandbox: Sandbox) -> None:
        """202 with `cmdId`, and null for everything that is not known yet."""
        sandbox.process.create_session("s")
        body = {"command": "true", "runAsync": True}
        answer = raw.call(sandbox, "POST", "/process/session/s/exec", body)
        assert answer.status == 202
        rest = {key: value for key, value in answer.json.items() if key != "cmdId"}
        assert rest == {"output": None, "stdout": None, "stderr": None, "exitCode": None}

    def test_the_entrypoint_session_lists_its_command(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        answer = raw.call(sandbox, "GET", "/process/session/entrypoint")
        assert len(answer.json["commands"]) == 1


class TestControlPlane:
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/sandbox", {"env": {"A": 1}}),
            ("POST", "/sandbox", {"snapshot": ["x"]}),
            ("POST", "/sandbox", {"name": 1}),
            ("GET", "/sandbox?limit=x", None),
            ("GET", "/sandbox?cursor=-1", None),
            ("GET", "/sandbox?labels=[]", None),
        ],
    )
    def test_what_makes_no_sense_is_a_bad_request(
        self, raw: RawConnection, method: str, path: str, body: Any
    ) -> None:
        """400 with the API's own form of error."""
        answer = raw.send(method, f"/api{path}", body)
        assert (answer.status, answer.json["error"]) == (400, "Bad Request")


class TestForms:
    def test_a_file_has_no_path_in_v0_190(
        self, server: DaytonaServer, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        sandbox.fs.upload_file(b"", "file")
        forms: list[tuple[Generation, bool]] = [("old", False), ("new", True)]
        for server.generation, expected in forms:
            for path in ("/files?path=.", "/files/info?path=file"):
                answer = raw.call(sandbox, "GET", path).json
                record = answer[0] if isinstance(answer, list) else answer
                assert ("path" in record) is expected

    def test_an_unknown_endpoint_is_not_found_in_plain_text(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        """`404 page not found`, as text."""
        answer = raw.call(sandbox, "GET", "/no/such/endpoint")
        assert (answer.status, answer.body) == (404, b"404 page not found")
        assert answer.headers["Content-Type"].startswith("text/plain")

    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("/process/execute", "command cwd envs timeout"),
            ("/process/code-run", "code language argv envs timeout"),
            ("/process/session", "sessionId"),
            ("/process/session/s/exec", "command runAsync"),
            ("/process/session/s/command/none/input", "data"),
            ("/files/bulk-download", "paths"),
            ("/files/replace", "files pattern newValue"),
        ],
    )
    def test_a_body_of_other_types_is_a_bad_request(
        self, raw: RawConnection, sandbox: Sandbox, path: str, fields: str
    ) -> None:
        """400 from Go's decoder for each field; the handler is not reached."""
        good = {
            "command": "true",
            "code": "1",
            "language": "python",
            "pattern": "a",
            "newValue": "b",
        }
        for name in fields.split():
            for value in (1.5, [1], {"a": 1}):
                answer = raw.call(sandbox, "POST", path, {**good, name: value})
                assert answer.status == 400, (name, value)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/files?path=.&depth=abc"),
            ("GET", "/files/search?path=.&pattern=[z-a]"),
            ("GET", "/files/info?path=a%00b"),
            ("GET", "/files/download"),
            ("GET", "/files/download?path=a%00b"),
            ("POST", "/files/upload"),
            ("POST", "/files/upload?path=file"),
            ("POST", "/files/folder?path=new&mode=7777777777777777777"),
            ("POST", "/files/permissions?path=.&owner=99999999999999"),
            ("GET", "/port/80/in-use"),
        ],
    )
    def test_a_query_that_makes_no_sense_is_a_bad_request(
        self, raw: RawConnection, sandbox: Sandbox, method: str, path: str
    ) -> None:
        """400 with an empty body."""
        answer = raw.call(sandbox, method, path)
        assert (answer.status, answer.body) == (400, b"")

    def test_ports_that_are_listened_on(self, raw: RawConnection, sandbox: Sandbox) -> None:
        """`GET /port` lists those from 3000 to 9999, `/port/{port}/in-use` tells of one."""
        with socket.socket() as listener:
            port = next(port for port in range(9999, 3000, -1) if is_free(listener, port))
            assert raw.call(sandbox, "GET", f"/port/{port}/in-use").json == {"isInUse": False}
            listener.listen()
            assert raw.call(sandbox, "GET", f"/port/{port}/in-use").json == {"isInUse": True}
            assert port in raw.call(sandbox, "GET", "/port").json["ports"]

    def test_an_error_that_was_not_foreseen_says_little(
        self, raw: RawConnection, sandbox: Sandbox
    ) -> None:
        """A 500 has neither code nor method, and an empty path."""
        answer = raw.call(sandbox, "POST", "/process/session/none/exec", {"command": "true"})
        assert answer.status == 500
        assert set(answer.json) == {"statusCode", "message", "timestamp", "path"}
        assert answer.json["path"] == ""
