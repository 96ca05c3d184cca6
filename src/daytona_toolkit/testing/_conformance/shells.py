"""Commands of one shell: each begins where, and with the variables with which, the last ended."""

import asyncio
import time
from functools import partial
from string import ascii_lowercase

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import InvalidArgumentError, PathNotFoundError
from daytona_toolkit.results import ExecResult
from daytona_toolkit.testing._conformance.support import MakeSession, our_variables

SECRET = "s3cret-value"


def test_a_folder_and_exported_variables_carry_over(session: SandboxSession) -> None:
    run = partial(session.exec, shell="main")
    first = run("mkdir sub; cd sub; export A=1 B='x y'; C=3")
    assert (first.cwd, first.moved) == (f"{session.root}/sub", True)
    second = run('pwd; echo "$A $B ${C-no C}"; cd -; cd - >/dev/null')
    assert second.stdout == f"{session.root}/sub\n1 x y no C\n{session.root}\n"
    assert (second.cwd, second.moved) == (first.cwd, False)
    assert session.exec("pwd; echo ${A-no A}").stdout == f"{session.root}\nno A\n"
    assert session.exec("echo ${A-no A}", shell="other").stdout == "no A\n"
    assert session.exec("true").cwd is None


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=st.binary(max_size=30).map(lambda data: data.replace(b"\0", b"")))
@example(value=b"it's\n\n'' \\ \" $HOME `id`\n\n")
@example(value=b"\xff\xfe=\n'\xe2\x82")
@example(value="\nLINE=1\n€".encode())
@example(value=b"")
def test_any_value_of_a_variable_carries_over(session: SandboxSession, value: bytes) -> None:
    octal = "".join(f"\\{byte:03o}" for byte in value)
    session.exec(f"V=$(printf '{octal}.'); export V=\"${{V%.}}\"", shell="main")
    shown = session.exec('printf %s "$V" | od -An -v -tx1', shell="main").stdout
    assert bytes.fromhex("".join(shown.split())) == value


def test_a_long_value_takes_no_long_time(session: SandboxSession) -> None:
    run = partial(session.exec, shell="main")
    run("V=$(head -c 60000 /dev/zero | tr '\\0' x); export LONG=\"$V'$V'\"")
    started = time.monotonic()
    assert run('printf %s "$LONG" | tr -d x; echo ${#LONG}').stdout == "''120002\n"
    assert time.monotonic() - started < 10


def test_what_is_unset_stays_unset(make_session: MakeSession) -> None:
    session = make_session(env={"MODE": "test"})
    run = partial(session.exec, shell="main")
    run("unset HOME MODE; export A=1")
    assert run("echo ${HOME-none} ${MODE-none} $A; unset A").stdout == "none none 1\n"
    assert run("echo ${HOME-none} ${A-none}; export MODE=other").stdout == "none none\n"
    assert run("echo $MODE").stdout == "other\n"
    assert session.exec("echo $MODE").stdout == "test\n"


def test_variables_may_have_any_name(make_session: MakeSession) -> None:
    """Also one that a variable of ours has."""
    names = [*(f"_{letter}" for letter in ascii_lowercase), "_job", "_state", "_SESSION", "_NAMED"]
    run = partial(make_session(env=dict.fromkeys(names, "own")).exec, shell="main")
    show = f'pwd; echo "${{A-none}}" {" ".join(f"${name}" for name in names)}'
    root = run("pwd").stdout.rstrip()
    assert run(f"mkdir sub; cd sub; export A=1 _b=changed; {show}").stdout == (
        f"{root}/sub\n1 own changed{' own' * (len(names) - 2)}\n"
    )
    assert run(show).stdout == f"{root}/sub\n1 own changed{' own' * (len(names) - 2)}\n"
    assert run("ls -A").stdout == ""


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("kill -9 $$", 137),
        ("kill $$", 143),
        ("exec true", 0),
        ("trap 'echo bye' EXIT", 0),
        ("trap - EXIT; exit 4", 4),
        ("sleep 60", None),
    ],
)
def test_a_command_that_cannot_hand_on_leaves_the_state_before_it(
    session: SandboxSession, command: str, exit_code: int | None
) -> None:
    run = partial(session.exec, shell="main")
    run("mkdir sub; cd sub; export A=1")
    result = run(f"cd /; export A=2; {command}", timeout=1 if exit_code is None else 20)
    assert result.timed_out if exit_code is None else result.exit_code == exit_code
    assert (result.cwd, result.moved) == (f"{session.root}/sub", False)
    assert run("pwd; echo $A").stdout == f"{session.root}/sub\n1\n"


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [("false", 1), ("exit 3", 3), ("set -e; false; cd /", 1), ("set -eu; echo $NO_SUCH", None)],
)
def test_a_command_that_fails_hands_on_what_it_has_come_to(
    session: SandboxSession, command: str, exit_code: int | None
) -> None:
    run = partial(session.exec, shell="main")
    result = run(f"mkdir sub; cd sub; export A=1; {command}")
    assert result.exit_code == exit_code if exit_code is not None else result.exit_code
    assert run("pwd; echo $A").stdout == f"{session.root}/sub\n1\n"


def test_a_command_is_what_it_is_without_a_shell(session: SandboxSession) -> None:
    run = partial(session.exec, shell="main")
    assert run("cat; echo $#", stdin="text\n").stdout == "text\n0\n"
    assert run(": " + "é" * 100_000 + "\necho $#; cd /; exit 3").exit_code == 3
    assert run("pwd").stdout == "/\n"
    assert run("echo 'abc").exit_code not in (0, None)
    env = run("env").stdout
    assert not our_variables(env)
    assert not [line for line in env.splitlines() if line.startswith("daytona")]
    both = run("echo one\necho two >&2\nnosuchcommand")
    assert (both.exit_code, both.stdout) == (127, "one\n")
    assert "nosuchcommand" in both.stderr
    assert "daytona_toolkit" not in both.stderr


def test_secrets_and_variables_of_one_call_are_not_written_down(make_session: MakeSession) -> None:
    session = make_session(secrets={"TOKEN": SECRET})
    run = partial(session.exec, shell="main")
    run("export ONCE=kept")
    run('export HEADER="token $TOKEN"; test -n $TOKEN', env={"ONCE": "passing-by"})
    job = session.exec("sleep 60", background=True)
    assert job.stdout_path
    session.write(
        "find",
        f"find '{job.stdout_path[:-21]}' -type f -exec grep -lE '{SECRET[:6]}|passing' {{}} +",
    )
    assert session.exec("sh find").stdout == ""
    assert run('echo "${HEADER-none} $TOKEN $ONCE"').stdout == "none *** kept\n"


def test_the_last_of_overlapping_commands_to_end_counts(session: SandboxSession) -> None:
    async def overlap() -> tuple[ExecResult, ExecResult]:
        run = partial(session.aexec, shell="main")
        return await asyncio.gather(
            run("mkdir slow; cd slow; export A=slow; sleep 1.5"),
            run("mkdir quick; cd quick; export A=quick"),
        )

    slow, quick = asyncio.run(overlap())
    assert (slow.cwd, quick.cwd) == (f"{session.root}/slow", f"{session.root}/quick")
    assert session.exec("pwd; echo $A", shell="main").stdout == f"{session.root}/slow\nslow\n"


def test_a_folder_can_be_named_for_a_command_of_a_shell(session: SandboxSession) -> None:
    run = partial(session.exec, shell="main")
    run("mkdir -p sub other; cd sub")
    assert run("pwd", cwd="other").stdout == f"{session.root}/other\n"
    assert run("pwd").stdout == f"{session.root}/other\n"
    with pytest.raises(PathNotFoundError):
        run("pwd", cwd="no/such")


def test_a_folder_that_is_gone_is_said_and_the_root_takes_its_place(
    session: SandboxSession,
) -> None:
    run = partial(session.exec, shell="main")
    gone = run("mkdir 'a b'; cd 'a b'; export A=1; rmdir '../a b'").cwd
    assert gone == f"{session.root}/a b"
    result = run("pwd; echo $A")
    assert result.stdout == f"{session.root}\n1\n"
    assert (result.lost_cwd, result.cwd) == (gone, session.root)
    assert f"because {gone} no longer exists" in result.text()
    assert run("pwd").lost_cwd is None


def test_names_of_folders_may_hold_anything(session: SandboxSession) -> None:
    run = partial(session.exec, shell="main")
    for octal in (r"a\nb\n", r"it\047s", r"\377\376", r"caf\303\251"):
        moved = run(f'D=$(printf \'{octal}.\'); mkdir "./${{D%.}}"; cd "./${{D%.}}"; touch here')
        assert moved.cwd is not None
        assert session.exists(f"{moved.cwd}/here")
        assert run("ls; cd ..").stdout == "here\n"


def test_a_command_has_the_locale_that_it_is_given(session: SandboxSession) -> None:
    look = 'echo "${LC_ALL-none}"'
    assert session.exec(look, env={"LC_ALL": "C.UTF-8"}).stdout == "C.UTF-8\n"
    session.exec("export LC_ALL=POSIX", shell="main")
    assert session.exec(look, shell="main").stdout == "POSIX\n"
    session.exec("unset LC_ALL", shell="main")
    assert session.exec(look, shell="main").stdout == "none\n"


def test_a_job_of_a_shell_hands_on_when_it_ends(session: SandboxSession) -> None:
    job = session.exec("sleep 0.5; export A=1", shell="main", background=True)
    assert session.job(job.job_id, wait=10).state == "exited"
    deadline = time.monotonic() + 10
    while session.exec("echo $A", shell="main").stdout != "1\n":
        assert time.monotonic() < deadline


def test_a_bad_name_of_a_shell_is_refused(session: SandboxSession) -> None:
    for name in ("", "a/b", "..", "a b", "x" * 65, 1, "ä"):
        with pytest.raises(InvalidArgumentError, match="not a valid name for a shell"):
            session.exec("true", shell=name)  # type: ignore[arg-type]
