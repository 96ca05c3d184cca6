"""exec: a command behaves as in a terminal, runs once, and its output is never lost."""

import asyncio
import contextlib
import contextvars
import math
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daytona_toolkit import Limits, SandboxSession
from daytona_toolkit.errors import (
    InvalidArgumentError,
    JobNotFoundError,
    NoMatchError,
    NotAFolderError,
    PathNotFoundError,
    PreviewError,
    SandboxError,
    StateLostError,
    WriteFailedError,
)
from daytona_toolkit.testing._conformance.support import (
    MakeSession,
    counting,
    our_variables,
    sleeping,
    unique_seconds,
)

SERVE = """
import http.server
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
"""

FETCH = """
import urllib.request
page = f"http://127.0.0.1:{open('port').read()}/page.txt"
print(urllib.request.urlopen(page).read().decode(), end="")
"""


def test_streams_and_exit_code_come_apart(session: SandboxSession) -> None:
    result = session.exec("echo out; echo err >&2; exit 3")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")
    assert result.output == "out\nerr\n"
    assert not result.timed_out
    assert not result.truncated


@pytest.mark.parametrize(
    ("command", "exit_code", "stdout"),
    [
        ("exit 7", 7, ""),
        ("cd /; pwd", 0, "/\n"),
        ("printf x", 0, "x"),
        ("cat <<END\na 'b' \"c\" $((1 + 1))\nEND", 0, "a 'b' \"c\" 2\n"),
        ("cat <<'END'\n$HOME `id`\nEND\necho after", 0, "$HOME `id`\nafter\n"),
        ("cat; echo after", 0, "after\n"),
        ("read line; echo got=$line", 0, "got=\n"),
        ("echo one\n\n# a comment\necho two", 0, "one\ntwo\n"),
        ("echo a\\\nb", 0, "ab\n"),
        ("kill -9 $$", 137, ""),
        ("set -e; false; echo not reached", 1, ""),
        ("echo $'tab\\there'", 0, "tab\there\n"),
        ("echo no-match-[x]", 0, "no-match-[x]\n"),
        ("printf '%s' \"don't\"", 0, "don't"),
        ("echo first > /dev/stdout; echo second > /dev/stdout", 0, "first\nsecond\n"),
        ("", 0, ""),
    ],
)
def test_a_command_behaves_as_in_a_terminal(
    session: SandboxSession, command: str, exit_code: int, stdout: str
) -> None:
    result = session.exec(command, timeout=20)
    assert (result.exit_code, result.stdout) == (exit_code, stdout)


def test_an_unterminated_quote_is_a_syntax_error_and_does_not_hang(session: SandboxSession) -> None:
    result = session.exec("echo 'abc", timeout=20)
    assert result.exit_code not in (0, None)
    assert result.stderr


def test_a_child_that_reads_stdin_does_not_eat_the_command(session: SandboxSession) -> None:
    assert session.exec("cat\necho second line").stdout == "second line\n"


def test_stdin_is_given_byte_for_byte(session: SandboxSession) -> None:
    assert session.exec("cat", stdin="héllo\nno newline").stdout == "héllo\nno newline"
    assert session.exec("od -An -tx1", stdin=b"\x00\xff\n").stdout.split() == ["00", "ff", "0a"]


def test_a_large_stdin_is_uploaded(session: SandboxSession) -> None:
    assert session.exec("wc -c", stdin=b"\0" * 700_000).stdout.strip() == "700000"


def test_a_megabyte_of_command_text_runs(session: SandboxSession) -> None:
    result = session.exec(": " + "é" * 500_000 + "\necho done", timeout=60)
    assert (result.exit_code, result.stdout) == (0, "done\n")


def test_bytes_that_are_not_utf8_do_not_break_the_rest(session: SandboxSession) -> None:
    result = session.exec(r"printf 'a\377b\n'; printf '\000z'")
    assert result.stdout == "a\ufffdb\n\0z"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_reaches_the_command_and_comes_back(session: SandboxSession, text: str) -> None:
    quoted = "'" + text.replace("'", "'\\''") + "'"
    assert session.exec(f"printf %s {quoted}", env={"X": text}).stdout == text
    assert session.exec('printf %s "$X"', env={"X": text}).stdout == text
    assert session.exec("cat", stdin=text).stdout == text


def test_a_nul_and_a_bad_variable_name_are_refused(session: SandboxSession) -> None:
    with pytest.raises(InvalidArgumentError, match="NUL"):
        session.exec("echo \0")
    with pytest.raises(InvalidArgumentError, match="not a valid name for an environment variable"):
        session.exec("true", env={"a b": "x"})
    with pytest.raises(InvalidArgumentError, match="NUL"):
        session.exec("true", env={"A": "\0"})


def test_cwd_is_where_files_are(session: SandboxSession) -> None:
    session.write("sub folder/file", "x")
    assert session.exec("ls").stdout == "sub folder\n"
    assert session.exec("ls", cwd="sub folder").stdout == "file\n"
    assert session.exec("pwd").stdout.strip() == session.root
    assert session.exec("pwd", cwd="~").stdout == session.exec("cd; pwd").stdout


def test_a_missing_cwd_is_an_error_that_names_it(session: SandboxSession) -> None:
    session.write("file", "x")
    with pytest.raises(PathNotFoundError, match="'no/such' does not exist"):
        session.exec("true", cwd="no/such")
    with pytest.raises(NotAFolderError, match="'file'"):
        session.exec("true", cwd="file")


def test_session_variables_reach_every_command(make_session: MakeSession) -> None:
    session = make_session(env={"MODE": "it's production"}, secrets={"TOKEN": "it's secret"})
    assert session.exec('echo "$MODE"').stdout == "it's production\n"
    assert session.exec('echo "$TOKEN"').stdout == "***\n"
    assert session.exec('echo "$TOKEN" | wc -c').stdout == "12\n"
    assert session.exec('echo "$TOKEN"', env={"TOKEN": "other"}).stdout == "other\n"
    assert session.mask("say it's secret") == "say ***"


def test_each_line_of_a_secret_is_masked(make_session: MakeSession) -> None:
    """What reads by lines never prints the whole of a key, and `$()` takes its last newline."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\r\n  kqhkiG9w0BAQEF\n-----END KEY-----\n"
    session = make_session(secrets={"KEY": key})
    session.exec('printf %s "$KEY" >key')
    assert session.exec('printf %s "$KEY"').stdout == "***"
    assert session.exec("tail -n 3 key").stdout == "***\r\n  ***\n***\n"
    assert session.exec('echo "<$(cat key | head -n 1)>"').stdout == "<***>\n"
    assert session.read("key", offset=2, limit=1).content == "***\r\n"
    assert [match.text for match in session.grep("w0", "key").matches] == ["  ***"]


def test_no_error_holds_a_secret(make_session: MakeSession) -> None:
    """Neither what it says, nor its attributes, nor what it came from."""
    secret = "it's secret"
    session = make_session(secrets={"TOKEN": secret})
    calls: list[Callable[[], object]] = [
        lambda: session.read(f"none/{secret}"),
        lambda: session.exec("true", cwd=secret),
        lambda: session.upload(f"/none/{secret}", "x"),
        lambda: session.write(secret, f"{secret}\ud800"),
        lambda: session.job(secret),
    ]
    for call in calls:
        with pytest.raises(SandboxError) as caught:
            call()
        error: BaseException | None = caught.value
        while error:
            assert secret not in f"{error} {error!r} {vars(error)} {getattr(error, 'object', '')}"
            error = error.__cause__ or error.__context__


def test_stars_in_the_place_of_a_secret_are_not_written_back(make_session: MakeSession) -> None:
    session = make_session(secrets={"TOKEN": "it's secret"})
    session.exec('printf "name = x\\n  token = %s\\n" "$TOKEN" >config')
    shown = session.read("config").content
    assert shown == "name = x\n  token = ***\n"
    with pytest.raises(WriteFailedError, match=r"'config' holds a secret.*Nothing was written"):
        session.write("config", shown + "debug = true\n")
    with pytest.raises(NoMatchError, match=r"'config' holds a secret.*Leave the lines"):
        session.edit("config", shown, "name = y\n")
    session.edit("config", "name = x", "name = y # *** checked ***")
    assert session.exec('grep -c "$TOKEN" config').stdout == "1\n"
    session.write("config", "*** nothing of before ***\n")
    session.write("other", shown)
    assert session.read("other").content == shown


def test_no_part_of_a_secret_shows_where_output_is_cut(make_session: MakeSession) -> None:
    secret = "s3cr3t-" * 6
    limits = Limits(output_bytes=200, line_chars=80)
    session = make_session(secrets={"TOKEN": secret}, limits=limits)
    for before in range(60, 120, 7):
        shown = session.exec(f"printf '%0{before}d' 0; printf %s $TOKEN; printf '%0200d' 0").stdout
        assert "s3cr" not in shown
        session.exec(f"(printf '%0{before}d' 0; printf '%s%0200d' $TOKEN 0) >file")
        assert "s3cr" not in session.read("file").content
        assert all("s3cr" not in match.text for match in session.grep("0", "file").matches)


def test_variables_of_one_command_do_not_reach_the_next(session: SandboxSession) -> None:
    session.exec("true", env={"ONCE": "1"})
    assert session.exec("echo ${ONCE-unset}").stdout == "unset\n"


def test_our_own_variables_stay_out_of_the_environment(session: SandboxSession) -> None:
    assert not our_variables(session.exec("env").stdout)


# --- what comes back of much output


def test_long_output_keeps_head_and_tail_and_names_the_rest(session: SandboxSession) -> None:
    result = session.exec("seq 100000; seq 100000 >&2; exit 4")
    assert result.exit_code == 4
    assert result.truncated
    for text, path in ((result.stdout, result.stdout_path), (result.stderr, result.stderr_path)):
        assert path is not None
        assert text.startswith("1\n2\n")
        assert text.endswith("\n99999\n100000\n")
        assert f"of 588,895 bytes left out here; all of it is in {path}" in text
        assert len(text) < 31_000
        assert session.read(path, offset=50_000, limit=1).content == "50000\n"


def test_output_at_the_limit_is_not_cut(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(output_bytes=1000))
    exact = session.exec("head -c 1000 /dev/zero | tr '\\0' Q")
    assert (len(exact.stdout), exact.truncated, exact.stdout_path) == (1000, False, None)
    over = session.exec("head -c 1001 /dev/zero | tr '\\0' Q")
    assert over.truncated
    assert over.stdout.count("Q") == 1000
    assert "1 of 1,001 bytes left out" in over.stdout


def test_a_cut_falls_between_characters(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(output_bytes=1001))
    result = session.exec("i=0; while [ $i -lt 999 ]; do printf '€'; i=$((i+1)); done")
    assert result.truncated
    assert "\ufffd" not in result.stdout


def test_a_runaway_writer_is_stopped_at_the_bound(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(stream_bytes=1024 * 1024))
    result = session.exec("yes", timeout=60)
    assert result.exit_code == 141  # SIGPIPE
    assert result.stopped_writing
    assert not result.timed_out
    assert session.exec(f"wc -c <{result.stdout_path}").stdout.strip() == str(1024 * 1024)
    # The bound is on the streams, not on files that commands write.
    assert session.exec("head -c 3000000 /dev/zero >big; wc -c <big").stdout.strip() == "3000000"


def test_a_single_line_of_200_mb_is_bounded(session: SandboxSession) -> None:
    result = session.exec("head -c 200000000 /dev/zero | tr '\\0' x; echo end >&2")
    assert result.truncated
    assert len(result.stdout) < 31_000
    assert result.stderr == "end\n"


# --- time


def test_a_timeout_returns_what_was_printed_so_far(session: SandboxSession) -> None:
    started = time.monotonic()
    result = session.exec("echo before; echo warning >&2; sleep 30; echo after", timeout=1)
    assert time.monotonic() - started < 10
    assert result.timed_out
    assert (result.stdout, result.stderr) == ("before\n", "warning\n")
    assert 0.9 < result.duration < 8


def test_a_timeout_ends_every_descendant(session: SandboxSession) -> None:
    mark = unique_seconds()
    session.exec(
        f"sleep {mark} & (sleep {mark} &) ; setsid sleep {mark} & nohup sleep {mark} >/dev/null & "
        f"sleep {mark}",
        timeout=1,
    )
    assert session.exec(sleeping(mark)).exit_code == 1


def test_a_command_that_ignores_term_is_killed(session: SandboxSession) -> None:
    result = session.exec("trap '' TERM; echo started; sleep 60; sleep 60", timeout=0.5)
    assert result.timed_out
    assert result.stdout == "started\n"
    assert result.duration < 10


def test_a_command_that_ends_before_its_timeout_has_not_timed_out(session: SandboxSession) -> None:
    for _ in range(3):
        result = session.exec("sleep 0.8; echo done", timeout=1.5)
        assert (result.timed_out, result.exit_code, result.stdout) == (False, 0, "done\n")


def test_a_command_longer_than_the_window_is_polled(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(window=1))
    result = session.exec("for i in 1 2 3; do echo $i; sleep 1; done; exit 5")
    assert (result.exit_code, result.stdout) == (5, "1\n2\n3\n")


# --- what a command leaves behind


def test_a_server_started_with_an_ampersand_goes_on(session: SandboxSession) -> None:
    started = time.monotonic()
    result = session.exec("while :; do date >beat; sleep 0.1; done & echo $! >pid")
    assert result.exit_code == 0
    assert time.monotonic() - started < 5
    session.exec("rm -f beat")
    beats = session.exec("until [ -s beat ]; do sleep 0.05; done", timeout=20)
    assert beats.exit_code == 0
    session.exec("kill $(cat pid)")


@pytest.mark.usefixtures("python")
def test_an_http_server_started_with_an_ampersand_answers_later(session: SandboxSession) -> None:
    session.write("page.txt", "hello from the server")
    session.write("serve.py", SERVE)
    started = time.monotonic()
    assert session.exec("python3 serve.py &").exit_code == 0
    assert time.monotonic() - started < 5
    bound = session.exec("until [ -s port ]; do sleep 0.05; done", timeout=20)
    if bound.timed_out and session.network is False:
        pytest.skip("the sandbox has no network, not even one of its own")
    session.write("fetch.py", FETCH)
    assert session.exec("python3 fetch.py").stdout == "hello from the server"


def test_a_port_has_an_address_or_an_error_that_says_what_to_do(session: SandboxSession) -> None:
    try:
        said = session.preview(8000).url
    except PreviewError as error:
        said = str(error)
    assert re.search(r"^http\S+$|[Pp]ort 8000.* Use the server inside", said)
    for port in (0, -1, 65_536, True, "8000", 80.0, None):
        with pytest.raises(InvalidArgumentError, match="is not a port"):
            session.preview(port)  # type: ignore[arg-type]


def test_an_exit_does_not_wait_for_a_child_that_holds_the_streams(session: SandboxSession) -> None:
    started = time.monotonic()
    result = session.exec("sleep 30 & echo here; exit 3")
    assert (result.exit_code, result.stdout) == (3, "here\n")
    assert time.monotonic() - started < 5


# --- jobs


@pytest.mark.parametrize(
    "spoil",
    [
        'rm -f "$d"',
        'rm -f "$d" "$d".*',
        'rm -f "$d".*',
        'rm -f "$d.exit"; mkdir "$d.exit"',
        'rm -f "$d.exit"; mkfifo "$d.exit"',
        'rm -f "$d.drained"; mkdir "$d.drained"',
        'rm -f "$d.copied.out"; echo 5 bytes >"$d.copied.out"; chmod 400 "$d.copied.out"',
    ],
)
def test_a_command_that_spoils_its_own_files_harms_itself_alone(
    session: SandboxSession, spoil: str
) -> None:
    state = session._workspace.facts.state
    other = session.exec("sleep 0.5; echo other", background=True)
    find = f'd={state}/$DAYTONA_TOOLKIT_JOB; [ -f "$d" ] && [ -f "$d.start" ] && echo $d >found'
    with contextlib.suppress(SandboxError):
        session.exec(f"{find}; echo ran >>ran; {spoil}", timeout=5)
    assert "/job-" in session.read("found").content
    assert session.read("ran").content == "ran\n"
    assert session.exec("echo fine").stdout == "fine\n"
    assert other.job_id in {job.job_id for job in session.jobs()}
    assert session.job(other.job_id, wait=10).stdout == "other\n"


@pytest.mark.parametrize("how", ["mkfifo", "ln -s /dev/zero"])
@pytest.mark.parametrize(
    "name",
    [
        "command",
        "drained",
        "exit",
        "expired",
        "killed",
        "leader",
        "out",
        "start",
        "supervisor",
        "*",
    ],
)
def test_what_takes_the_place_of_a_file_of_the_command_holds_nobody_up(
    session: SandboxSession, name: str, how: str
) -> None:
    other = session.exec("sleep 0.5; echo other", background=True)
    own = f'"{session._workspace.facts.state}/$DAYTONA_TOOLKIT_JOB".{name}'
    spoil = f'for file in {own}; do rm -rf "$file"; {how} "$file"; done; touch spoilt'
    started = time.monotonic()
    with contextlib.suppress(SandboxError):
        session.exec(f"{spoil}; sleep 20", timeout=1)
    assert time.monotonic() - started < 1 + 5
    session.remove("spoilt")
    job = session.exec(f"{spoil}; sleep 20", background=True)
    session.exec("until [ -e spoilt ]; do sleep 0.05; done")
    started = time.monotonic()
    with contextlib.suppress(SandboxError):
        session.kill(job.job_id)
    assert other.job_id in {job.job_id for job in session.jobs()}
    assert session.job(other.job_id, wait=10).stdout == "other\n"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("text", ["", "x", "0 x", "08 08", "9" * 25])
@pytest.mark.parametrize("name", ["start", "exit"])
def test_what_a_command_writes_into_its_own_files_disturbs_no_other(
    session: SandboxSession, name: str, text: str
) -> None:
    own = f'"{session._workspace.facts.state}/$DAYTONA_TOOLKIT_JOB.{name}"'
    spoil = f"echo '{text}' >{own}; touch spoilt; sleep 20"
    started = time.monotonic()
    session.exec(spoil, timeout=1)
    assert time.monotonic() - started < 1 + 5
    session.remove("spoilt")
    job = session.exec(spoil, background=True)
    session.exec("until [ -e spoilt ]; do sleep 0.05; done")
    assert job.job_id in {job.job_id for job in session.jobs()}
    assert session.kill(job.job_id).state == "exited"


def test_a_command_that_stops_what_waits_for_it_ends_at_its_time(session: SandboxSession) -> None:
    result = session.exec("kill -STOP $PPID; echo stopped; exit 3", timeout=1)
    assert (result.exit_code, result.stdout) == (3, "stopped\n")
    assert (result.timed_out, result.survived) == (True, False)


def test_a_command_that_empties_our_folder_is_told_and_the_next_is_right(
    session: SandboxSession,
) -> None:
    session.exec("true")
    state = session._workspace.facts.state
    with ThreadPoolExecutor() as pool:
        other = pool.submit(session.exec, "sleep 1; echo other", yield_after=0.2)
        time.sleep(0.3)
        with pytest.raises(StateLostError, match="The command ran, but its exit code and output"):
            session.exec(f"echo ran >>ran; rm -rf {state}")
        assert session.exec("echo fine").stdout == "fine\n"
        with contextlib.suppress(SandboxError):
            other.result()
    assert session.read("ran").content == "ran\n"
    assert session.edit("ran", "ran", "run").occurrences == 1


def test_what_a_command_printed_is_kept_though_it_kills_what_waits_for_it(
    session: SandboxSession,
) -> None:
    started = time.monotonic()
    result = session.exec("echo printed; kill -9 $PPID; echo more", timeout=1)
    assert time.monotonic() - started < 1 + 3 + 2
    assert (result.exit_code, result.stdout) == (None, "printed\nmore\n")
    assert session.exec("echo fine").stdout == "fine\n"


def test_looks_at_one_job_at_once_each_see_all_of_its_output(session: SandboxSession) -> None:
    job = session.exec("seq 300; sleep 0.5; seq 300", background=True)
    with ThreadPoolExecutor(3) as threads:
        looks = list(threads.map(lambda _: session.job(job.job_id, wait=10), range(3)))
    lines = [str(number) for number in range(1, 301)]
    for look in looks:
        assert look.stdout.split() == lines * 2


def test_a_background_job_is_started_polled_and_ended(session: SandboxSession) -> None:
    started = session.exec("echo one; sleep 0.4; echo two; sleep 60", background=True)
    assert started.exit_code is None
    seen = ""
    for _ in range(50):
        status = session.job(started.job_id)
        assert status.state == "running"
        seen += status.stdout
        if seen == "one\ntwo\n":
            break
        time.sleep(0.1)
    assert seen == "one\ntwo\n"
    assert [job.job_id for job in session.jobs()] == [started.job_id]
    ended = session.kill(started.job_id)
    assert (ended.state, ended.exit_code) == ("exited", 143)
    assert session.job(started.job_id).stdout == ""


def test_job_waits_for_the_end(session: SandboxSession) -> None:
    job_id = session.exec("sleep 0.5; echo done; exit 6", background=True).job_id
    status = session.job(job_id, wait=0.9)  # a part of a second is no reason not to wait
    assert (status.state, status.exit_code, status.stdout) == ("exited", 6, "done\n")
    assert status.command == "sleep 0.5; echo done; exit 6"


def test_a_wait_without_end_is_one_for_the_longest_time(session: SandboxSession) -> None:
    job_id = session.exec("sleep 0.3; exit 6", background=True).job_id
    assert session.job(job_id, wait=math.inf).exit_code == 6
    job_id = session.exec("sleep 0.3; echo hi; cat", interactive=True).job_id
    assert session.send(job_id, "", wait=math.inf).stdout == "hi\n"


def test_what_is_no_time_is_refused(session: SandboxSession) -> None:
    for name in ("timeout", "yield_after"):
        for seconds in (-1, math.nan, "5", True):
            for background in (False, True):
                options: dict[str, Any] = {name: seconds, "background": background}
                with pytest.raises(InvalidArgumentError, match=f"{name} is {seconds!r}"):
                    session.exec("true", **options)


def test_kill_ends_what_a_finished_job_left_behind(session: SandboxSession) -> None:
    mark = unique_seconds()
    job_id = session.exec(f"sleep {mark} & exit 0", background=True).job_id
    assert session.job(job_id, wait=5).exit_code == 0
    assert session.exec(sleeping(mark)).exit_code == 0
    session.kill(job_id)
    assert session.exec(sleeping(mark)).exit_code == 1


def test_an_unknown_job_is_an_error(session: SandboxSession) -> None:
    for job_id in ("job-000000000000", "../../etc", "", "job-1; rm -rf /"):
        with pytest.raises(JobNotFoundError, match="no job"):
            session.job(job_id)
        with pytest.raises(JobNotFoundError, match="no job"):
            session.kill(job_id)


def test_finished_jobs_are_forgotten(session: SandboxSession) -> None:
    for _ in range(5):
        session.exec("true")
    assert session.jobs() == []


def test_jobs_whose_output_was_cut_are_kept_up_to_a_bound(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(output_bytes=200, kept_jobs=2))
    paths = [session.exec("seq 1000").stdout_path for _ in range(4)]
    deadline = time.monotonic() + 30
    while [session.exists(path) for path in paths if path] != [False, False, True, True]:
        assert time.monotonic() < deadline
        session.exec("sleep 0.1")


def test_background_jobs_are_kept_up_to_a_bound_once_their_end_was_seen(
    make_session: MakeSession,
) -> None:
    session = make_session(limits=Limits(kept_jobs=2))
    unseen = session.exec("echo unseen", background=True)
    seen = [session.exec(f"echo {number}", background=True) for number in range(4)]
    assert [session.job(job.job_id, wait=10).stdout for job in seen] == [
        f"{number}\n" for number in range(4)
    ]
    listed = [unseen.job_id, *(job.job_id for job in seen[2:])]
    assert [job.job_id for job in session.jobs()] == listed
    deadline = time.monotonic() + 30
    while session.exists(seen[0].stdout_path or ""):
        assert time.monotonic() < deadline
        session.exec("sleep 0.1")
    with pytest.raises(JobNotFoundError, match="may have been removed after its result was read"):
        session.job(seen[0].job_id)
    assert session.job(seen[3].job_id).exit_code == 0
    assert session.job(unseen.job_id, wait=10).stdout == "unseen\n"


# --- output while it runs


def test_output_arrives_while_the_command_runs(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(window=1))
    here = threading.get_ident()
    chunks: list[tuple[float, str, str]] = []

    def on_output(stream: str, text: str) -> None:
        assert threading.get_ident() == here
        chunks.append((time.monotonic(), stream, text))

    result = session.exec(
        "echo first; echo oops >&2; sleep 2; printf '\\342\\202'; sleep 2; printf '\\254'",
        on_output=on_output,
    )
    ended = time.monotonic()
    assert "".join(text for _, stream, text in chunks if stream == "stdout") == "first\n€"
    assert "".join(text for _, stream, text in chunks if stream == "stderr") == "oops\n"
    assert ended - chunks[0][0] > 2
    assert result.stdout == "first\n€"


def test_output_that_is_passed_on_has_no_line_of_ours(session: SandboxSession) -> None:
    seen: list[str] = []
    command = "echo a; sleep 1; echo b; sleep 5 &"
    result = session.exec(command, on_output=lambda _, text: seen.append(text))
    assert "".join(seen) == result.stdout == "a\nb\n"


def test_of_what_a_command_prints_at_once_both_ends_are_passed_on(session: SandboxSession) -> None:
    seen: list[str] = []
    result = session.exec("seq 100000", on_output=lambda _, text: seen.append(text))
    assert result.truncated
    shown = "".join(seen)
    assert shown.endswith("\n99999\n100000\n")
    assert shown == result.stdout or " bytes skipped ..." in shown  # it was not at once


async def test_output_arrives_on_the_callers_loop_and_in_its_context(
    make_session: MakeSession,
) -> None:
    session = make_session(limits=Limits(window=1))
    variable = contextvars.ContextVar("variable", default="default")
    variable.set("mine")
    loop = asyncio.get_running_loop()
    seen = []

    async def on_output(stream: str, text: str) -> None:
        assert asyncio.get_running_loop() is loop
        seen.append((variable.get(), text))

    watch: Any = on_output
    await session.aexec("echo one; sleep 1.5; echo two", on_output=watch)
    assert "".join(text for _, text in seen) == "one\ntwo\n"
    assert {value for value, _ in seen} == {"mine"}


def test_a_callback_that_fails_ends_the_command(make_session: MakeSession) -> None:
    session = make_session(limits=Limits(window=1))
    mark = unique_seconds()

    def on_output(stream: str, text: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        session.exec(f"echo x; sleep {mark}", on_output=on_output)
    assert session.exec(sleeping(mark)).exit_code == 1


async def test_a_callback_that_nobody_could_call_is_refused(session: SandboxSession) -> None:
    async def for_async_code(stream: str, text: str) -> None:
        pytest.fail("it is never awaited")

    for callback, words in ((5, "is a function, not 5"), (for_async_code, "such as aexec")):
        call = partial(session.exec, "echo hi; sleep 60", on_output=callback)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match=words):
            await asyncio.to_thread(call)
    with pytest.raises(InvalidArgumentError, match="is a function, not 'f'"):
        await session.aexec("echo hi", on_output="f")  # type: ignore[arg-type]


# --- many at once, and cancelling


async def test_cancelling_ends_the_command(session: SandboxSession) -> None:
    mark = unique_seconds()
    task = asyncio.create_task(session.aexec(f"sleep {mark}"))
    await asyncio.sleep(0.5)
    started = time.monotonic()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert time.monotonic() - started < 5
    assert (await session.aexec(sleeping(mark))).exit_code == 1


async def test_many_commands_at_once(session: SandboxSession) -> None:
    started = time.monotonic()
    results = await asyncio.gather(*(session.aexec(f"sleep 0.5; echo {i}") for i in range(30)))
    assert [result.stdout for result in results] == [f"{i}\n" for i in range(30)]
    assert time.monotonic() - started < 15


def test_a_long_command_yields_and_goes_on(session: SandboxSession) -> None:
    with counting(session) as count:
        result = session.exec("echo begun; sleep 1.5; echo done", yield_after=0.3)
    assert count.requests == 1
    assert (result.running, result.exit_code, result.stdout) == (True, None, "begun\n")
    status = session.job(result.job_id, wait=10)
    assert (status.state, status.exit_code, status.stdout) == ("exited", 0, "done\n")


def test_a_command_that_has_yielded_is_still_bound_by_its_timeout(session: SandboxSession) -> None:
    result = session.exec("sleep 60", timeout=1, yield_after=0.2)
    assert result.running
    status = session.job(result.job_id, wait=10)
    assert (status.state, status.timed_out) == ("exited", True)


def test_a_quick_command_does_not_yield(session: SandboxSession) -> None:
    assert session.exec("echo hi", yield_after=10).stdout == "hi\n"


def test_interrupts_are_not_ignored(session: SandboxSession) -> None:
    if session.exec("env --default-signal=INT true || perl -e 1 || python3 -c 1").exit_code:
        pytest.skip("nothing in the sandbox can undo that a signal is ignored")
    # busybox hands on the status of the command that the signal ended.
    result = session.exec("timeout -s INT 0.2 sleep 5; echo $?")
    assert result.stdout in ("124\n", "130\n")


def test_what_a_command_leaves_running_does_not_hold_it_up(session: SandboxSession) -> None:
    started = time.monotonic()
    result = session.exec("(sleep 20; echo late) & printf started")
    assert (result.stdout, result.exit_code) == ("started", 0)
    assert time.monotonic() - started < 15
