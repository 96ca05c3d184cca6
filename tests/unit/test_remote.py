"""The remote programs: under every shell, through any noise, whatever they are given."""

import base64
import os
import pickle
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daytona_toolkit import CommandSandbox, LocalSandbox, SandboxSession
from daytona_toolkit import _remote as remote
from daytona_toolkit._probe import facts_of
from daytona_toolkit._remote.minify import VARIABLE, minified
from daytona_toolkit._remote.program import assign
from daytona_toolkit.errors import FileChangedError, NoMatchError, SandboxError, SandboxFailedError
from tests.support import needs

PACKAGE = Path(remote.__file__).parents[1]
SOURCES = [
    remote.Source(".".join(path.relative_to(PACKAGE.parent).parent.parts), path.stem)
    for path in sorted(PACKAGE.rglob("*.sh"))
    if "\nbegin\n" in path.read_text()
]

OPEN = remote.Source("daytona_toolkit._probe", "open")
WRITE = remote.Source("daytona_toolkit._operations.write", "write")
START = remote.Source("daytona_toolkit._operations.exec", "start")
EXISTS = remote.Source("daytona_toolkit._operations.read", "exists")
SHELLS = [["dash"], ["bash"], ["zsh"], ["busybox", "sh"], ["bash", "--posix"]]


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """The command of each shell in turn."""
    name, *options = request.param
    return [needs(name), *options]


def run(shell: list[str], program: remote.Program, **options: object) -> bytes:
    done = subprocess.run(
        shell,
        input=program.text.encode(),
        capture_output=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    return bytes(done.stdout)


@pytest.mark.slow
def test_shellcheck_finds_nothing() -> None:
    programs = sorted(str(path) for path in PACKAGE.rglob("*.sh"))
    assert len(programs) > 15
    checked = subprocess.run(
        [needs("shellcheck"), *programs], capture_output=True, text=True, check=False
    )
    assert checked.stdout == ""
    assert checked.returncode == 0


def test_a_program_is_read_whole_before_it_runs(shell: list[str], tmp_path: Path) -> None:
    # If `mkdir` could read the rest of the program from standard input, it would be lost.
    program = OPEN.program({"root": str(tmp_path / "new"), "confined": ""})
    printed = run(
        shell, program, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    )
    reply = remote.parse(program, printed)
    assert reply.failure is None
    assert reply.text("root") == str(tmp_path / "new")
    assert reply.text("state") == f"{tmp_path}/.daytona-toolkit"


def test_a_large_program_arrives_whole(shell: list[str], tmp_path: Path) -> None:
    content = base64.b64encode(b"x" * 1_000_000).decode()
    session = tmp_path / "session-1.2"
    session.mkdir()
    (session / "floor.0").touch()
    given: dict[str, remote.Input] = {
        "path": f"{tmp_path}/file",
        "session": str(session),
        "number": 1,
        "content": content,
    }
    empty: dict[str, remote.Input] = dict.fromkeys(WRITE.inputs, "")
    program = WRITE.program({**empty, **given, "if_version": "*"})
    assert remote.parse(program, run(shell, program)).values["created"] == "yes"
    assert (tmp_path / "file").stat().st_size == 1_000_000


def test_what_zsh_reads_first_moves_no_session_that_is_open(tmp_path: Path) -> None:
    """A command can write to `.zshenv`, and what stands there runs before each program."""
    argv = ["env", f"HOME={tmp_path}", f"ZDOTDIR={tmp_path}", f"TMPDIR={tmp_path}", needs("zsh")]
    start = tmp_path / ".zshenv"
    with SandboxSession(CommandSandbox(argv), root=tmp_path / "root") as session:
        session.write("file", "text\n")
        start.write_text("cd /; alias cat=false; cat() { echo planted }; echo Welcome\n")
        assert session.read("file").content == "text\n"
        assert session.exec("pwd; cat file").stdout == f"{tmp_path}/root\ntext\n"
        start.write_text("command cat\n")
        with pytest.raises(SandboxFailedError, match=r"'exists'\. Check that"):
            session.exists("file")
        start.unlink()
        assert session.exists("file")


@pytest.mark.parametrize("planted", ["ln -s ../elsewhere", "mkfifo", "touch", "mkdir -m 777"])
def test_what_another_user_puts_in_the_place_of_our_folder_is_not_used(
    planted: str, tmp_path: Path
) -> None:
    other, shared = tmp_path / "elsewhere", tmp_path / "shared"
    for folder in (other, shared):
        folder.mkdir()
    old = other / "job-application"
    old.touch()
    os.utime(old, (0, 0))
    ours = shared / ".daytona-toolkit"
    subprocess.run([*planted.split(), ours], check=True)
    if planted.startswith("mkdir"):
        if os.getuid() != 0:
            pytest.skip("only root can make the folder of another user")
        os.chown(ours, 65534, 65534)
    argv = ["env", f"TMPDIR={shared}", "sh"]
    with SandboxSession(CommandSandbox(argv), root=tmp_path / "root") as session:
        assert session.exec("echo fine").stdout == "fine\n"
        second = shared / f"{ours.name}-{os.getuid()}"
        assert set(shared.iterdir()) == {ours, second}
    assert list(other.iterdir()) == [old]
    second.rename(shared / "away")
    second.symlink_to(other)
    refused = SandboxSession(CommandSandbox(argv), root=tmp_path / "root")
    with pytest.raises(SandboxFailedError, match="no folder of its own for temporary"), refused:
        pass


def test_a_job_that_has_run_for_weeks_can_still_be_ended(tmp_path: Path) -> None:
    argv = ["env", f"TMPDIR={tmp_path}", "sh"]
    with SandboxSession(CommandSandbox(argv), root=tmp_path / "root") as session:
        ended = session.exec("true", background=True).job_id
        running = session.exec("echo begun; sleep 600", background=True).job_id
        assert session.job(ended, wait=10).state == "exited"
        for path in (tmp_path / ".daytona-toolkit").rglob("job-*"):
            os.utime(path, (0, 0))
        with SandboxSession(CommandSandbox(argv), root=tmp_path / "root") as later:
            assert [job.job_id for job in later.jobs()] == [running]
            assert later.kill(running).stdout == "begun\n"


def test_a_file_that_is_shared_by_a_group_stays_so() -> None:
    """Its owner is another, and only root may give files away."""
    if os.getuid() != 0:
        pytest.skip("only root can make the file of another user")
    user = [needs("setpriv"), "--reuid", "65534", "--regid", "65534", "--groups", "4242"]
    patch = "*** Begin Patch\n*** Update File: file\n@@\n-two\n+three\n*** End Patch"
    # pytest's folder is closed to others.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o777)
        file = Path(folder, "file")
        file.touch()
        file.chmod(0o664)
        argv = [*user, "env", f"TMPDIR={folder}", "sh"]
        with SandboxSession(CommandSandbox(argv), root=folder) as session:
            for change in (
                lambda: session.write("file", "one\n"),
                lambda: session.edit("file", "one", "two"),
                lambda: session.apply_patch(patch),
            ):
                os.chown(file, 0, 4242)
                change()
                assert (file.stat().st_gid, file.stat().st_mode & 0o777) == (4242, 0o664)
            assert file.read_text() == "three\n"


def test_what_is_ours_under_the_root_is_not_shown(tmp_path: Path) -> None:
    """As where that is the only folder which can be written to."""
    temporary = tmp_path / "root/[tmp]"
    temporary.mkdir(parents=True)
    (temporary / "[ours].not").touch()
    argv = ["env", f"TMPDIR={temporary}", "sh"]
    with SandboxSession(CommandSandbox(argv), root=tmp_path / "root") as session:
        session.exec("true")
        assert session.download(".", tmp_path / "local").files == 1
        assert {path.name for path in (tmp_path / "local/[tmp]").iterdir()} == {"[ours].not"}
        assert [Path(entry.path).name for entry in session.ls("[tmp]").entries] == ["[ours].not"]
        assert not session.glob("**/.*").entries


def test_a_folder_for_temporary_files_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    argv = ["env", f"TMPDIR={tmp_path}/a file", "sh"]
    with pytest.raises(SandboxFailedError, match=re.escape(f"'{tmp_path}/a file' of the sandbox")):
        SandboxSession(CommandSandbox(argv), root=tmp_path).open()


def test_missing_tools_are_named(shell: list[str], tmp_path: Path) -> None:
    if Path(shell[0]).name == "busybox":
        pytest.skip("busybox has its tools built in")
    for tool in ("sh", "mkdir", "chmod", "base64", "id"):
        (tmp_path / tool).symlink_to(needs(tool))
    program = OPEN.program({"root": "", "confined": ""})
    reply = remote.parse(program, run(shell, program, env={"PATH": str(tmp_path)}))
    assert reply.failure == "tools"
    assert "setsid" in reply.values["names"].split()
    assert "mkdir" not in reply.values["names"].split()


def test_a_shell_that_can_lock_no_file_is_refused(shell: list[str]) -> None:
    program = OPEN.program({"root": "", "confined": ""})
    reply = remote.parse(program, run(shell, program, env={"KSH_VERSION": "@(#)MIRBSD KSH R59"}))
    with pytest.raises(SandboxFailedError, match="sh is a ksh"):
        facts_of(reply, "")


def test_a_reply_is_found_in_noise() -> None:
    program = EXISTS.program({"path": "/", "confine": "", "state": ""})
    reply = b"@%s{\nsize 3\ncontent<\nYWJj\n.\n@%s}\n" % ((program.nonce.encode(),) * 2)
    noise = program.text.encode() + b"\nWelcome!\r\n\x1b[0m\xff"
    parsed = remote.parse(program, noise + reply + b"logout\n")
    assert parsed.number("size") == 3
    assert parsed.blobs["content"] == b"abc"


@pytest.mark.parametrize("printed", [b"", b"sh: not found", b"@NONCE}\n"])
def test_no_reply_is_an_error_that_shows_what_there_is(printed: bytes) -> None:
    program = EXISTS.program({"path": "/", "confine": "", "state": ""})
    shown = re.escape(printed.decode().replace("NONCE", program.nonce).strip()) or "nothing"
    with pytest.raises(SandboxFailedError, match=f"not run the program 'exists'.* {shown}$"):
        remote.parse(program, printed.replace(b"NONCE", program.nonce.encode()))


def test_half_a_reply_is_an_error_that_says_what_to_do() -> None:
    program = EXISTS.program({"path": "/", "confine": "", "state": ""})
    with pytest.raises(SandboxFailedError, match=r"did not finish .* 'exists'.*out of processes"):
        remote.parse(program, f"@{program.nonce}{{\nsize 3\n".encode())


@pytest.mark.parametrize("damaged", ["size<\nYWJ\n.", "size x|\nab", "size 3|\nab", "size |"])
def test_a_damaged_reply_is_asked_for_again(damaged: str) -> None:
    program = EXISTS.program({"path": "/", "confine": "", "state": ""})
    with pytest.raises(remote.LostReplyError, match="did not finish the program 'exists'"):
        remote.parse(program, f"@{program.nonce}{{\n{damaged}\n@{program.nonce}}}\n".encode())


def test_a_reply_that_never_arrives_is_a_public_error_that_can_be_pickled() -> None:
    session = SandboxSession(LocalSandbox(isolation="none"))
    run = session.sandbox.run

    async def cut(program: str, *, timeout: float) -> bytes:
        return (await run(program, timeout=timeout))[:30]

    with session:
        session.open()
        with (
            mock.patch.object(session.sandbox, "run", cut),
            mock.patch("daytona_toolkit._workspace._PAUSES", (0.0, 0.01)),
            pytest.raises(SandboxFailedError, match="did not finish the program") as caught,
        ):
            session.exists("file")
    assert type(caught.value) is SandboxFailedError
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_number_that_is_none_is_named() -> None:
    reply = remote.Reply({"size": ""}, {})
    with pytest.raises(SandboxFailedError, match="answered '' where the number 'size' should be"):
        reply.number("size")


def test_a_file_that_cannot_be_summed_is_not_downloaded(tmp_path: Path) -> None:
    (tmp_path / "sha256sum").write_text("exit 1\n")
    (tmp_path / "sha256sum").chmod(0o755)
    argv = ["env", f"PATH={tmp_path}:{os.environ['PATH']}", "sh"]
    with SandboxSession(CommandSandbox(argv), root=tmp_path / "root") as session:
        (tmp_path / "root/file").write_bytes(b"x" * 1_100_000)
        with (
            mock.patch("daytona_toolkit._workspace._PAUSES", (0.0, 0.01)),
            pytest.raises(SandboxFailedError, match="did not finish the program 'tree'"),
        ):
            session.download("file", tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        ("head -c 35009 /dev/zero", FileChangedError, "changed by others, in place, while it was"),
        ("echo other", NoMatchError, "nothing was changed"),
    ],
    ids=["as long", "shorter"],
)
def test_an_edit_of_a_file_that_others_rewrite_meanwhile_says_so(
    other: str, error: type[SandboxError], message: str, tmp_path: Path
) -> None:
    """They write into the file, with no lock and under its name, once the text was found."""
    file = tmp_path / "root/file"
    tool = tmp_path / "sha256sum"
    tool.write_text(f"#!/bin/sh\n{needs('sha256sum')}\n[ ! -e {file} ] || {other} >{file}\n")
    tool.chmod(0o755)
    argv = ["env", f"PATH={tmp_path}:{os.environ['PATH']}", "sh"]
    with SandboxSession(CommandSandbox(argv), root=tmp_path / "root") as session:
        file.write_text("a line\n" * 5_000 + "the text\n")
        with pytest.raises(error, match=message):
            session.edit("file", "the text", "another text")


any_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.binary(
    max_size=20
).filter(lambda data: b"\0" not in data).map(lambda data: data.decode("utf-8", "surrogateescape"))


@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # a shell stays as it is
@given(value=any_text)
def test_an_assigned_value_is_that_value(shell: list[str], value: str) -> None:
    line = assign("_VALUE", value)
    script = f'{line}\nprintf %s "$_VALUE"\n'
    done = subprocess.run(shell, input=script.encode(), capture_output=True, check=True)
    assert done.stdout == value.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_python_and_sh_agree_on_the_inputs_of_a_program(source: remote.Source) -> None:
    inputs: dict[str, remote.Input] = dict.fromkeys(source.inputs, "x")
    assert source.program(inputs).name == source.name
    with pytest.raises(TypeError, match=r"does not take \['surplus'\]"):
        source.program(inputs | {"surplus": "x"})
    for name in source.inputs:
        with pytest.raises(TypeError, match=rf"was not given \['{name}'\]"):
            source.program({key: "x" for key in inputs if key != name})


# What a program may do its own way.
OVERRIDDEN = {"adjust", "end", "fail", "put", "put_bytes"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_program_replaces_no_function_of_its_parts(source: remote.Source) -> None:
    functions = Counter(re.findall(r"^([a-z_]+)\(\) ", source.text, re.MULTILINE))
    assert {name for name, times in functions.items() if times > 1} <= OVERRIDDEN


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_program_never_sets_an_input(source: remote.Source) -> None:
    assert not re.search(r"(?:^|[\s;(])_[A-Z][A-Z0-9_]*=", source.text)


@pytest.mark.parametrize(
    "argv",
    [
        ["sh", "-aCef"],
        ["env", "SHELLOPTS=errexit:keyword:noclobber:noglob:pipefail", "BASHOPTS=failglob", "bash"],
    ],
    ids=["sh", "bash"],
)
def test_no_option_of_the_shell_reaches_a_program(argv: list[str], tmp_path: Path) -> None:
    """On many systems sh is bash, which takes options from the environment as well."""
    (tmp_path / "sh").symlink_to(needs(argv[-1] if argv[0] == "env" else "sh"))
    # bash warns of a locale that is not installed.
    env = ["env", "-u", "LC_ALL"]
    variables = [f"PATH={tmp_path}:/usr/bin:/bin", f"TMPDIR={tmp_path}"]
    with SandboxSession(CommandSandbox([*env, *variables, *argv]), root=tmp_path / "w") as session:
        session.write("a/one", "one\n")
        session.edit("a/one", "one", "1")
        assert [entry.path for entry in session.ls("a").entries] == ["a/one"]
        assert [match.text for match in session.grep("1").matches] == ["1"]
        assert session.exec("cat a/one; cd a", shell="main").output == "1\n"
        assert session.exec("pwd", shell="main").output == f"{session.root}/a\n"
        (tmp_path / "up").mkdir()
        for name in "xy":
            (tmp_path / "up" / name).write_text(name)
        assert session.upload(tmp_path / "up", "up").files == 2
        assert session.download("up", tmp_path / "down").files == 2


@pytest.mark.parametrize("name", ["a b", "new\nline", "it's $HOME", "*[a]?", "é"])
def test_the_folder_for_temporary_files_may_have_any_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    sandbox = CommandSandbox(["env", f"TMPDIR={tmp_path / name}", "sh"])
    with SandboxSession(sandbox, root=tmp_path / "root") as session:
        session.exec("mkdir a; cd a; export A=it\\'s; echo hi >file", shell="main")
        assert session.exec('cat file; echo "$A"', shell="main").stdout == "hi\nit's\n"
        assert session.exec("cat", stdin=b"x" * 600_000).truncated


@pytest.mark.parametrize("value", ["", "x"], ids=["empty", "given"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_no_variable_of_the_environment_reaches_a_program(
    source: remote.Source, value: str
) -> None:
    text = source.program(dict.fromkeys(source.inputs, value)).text
    (cleared,) = re.findall(r"^unset (_.*)$", text, re.MULTILINE)
    used = set(re.findall(r"\b_[a-zA-Z]\w*\b", text))
    assigned = set(re.findall(r"^(_[A-Z]\w*)=", text, re.MULTILINE))
    assert used == set(cleared.split()) | assigned


@pytest.mark.parametrize("value", ["", "x"], ids=["empty", "given"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_program_takes_along_what_it_calls_and_no_more(source: remote.Source, value: str) -> None:
    text = source.program(dict.fromkeys(source.inputs, value)).text
    has = set(re.findall(r"^([a-z_]+)\(\) ", text, re.MULTILINE)) - {"main"}
    every = {
        name
        for path in PACKAGE.rglob("*.sh")
        for name in re.findall(r"^([a-z_]+)\(\) ", path.read_text(), re.MULTILINE)
    }
    calls = Counter(re.findall(r"(?<![\w$./-])[a-z_]+\b(?![\w=/.-])", text))
    assert {name for name in has if calls[name] < 2} == set()
    assert has >= {name for name in calls if name in every and "_" in name}


@given(st.text("abcdefgh_ \n", min_size=1))
def test_short_names_are_as_many_as_the_long_ones(text: str) -> None:
    sent = minified(re.sub(r"^ +", "", text, flags=re.MULTILINE), frozenset()).text
    before, after = VARIABLE.findall(text), VARIABLE.findall(sent)
    assert len(set(zip(before, after, strict=True))) == len(set(before)) == len(set(after))
    assert VARIABLE.sub("", sent) == VARIABLE.sub("", re.sub(r"^ +", "", text, flags=re.MULTILINE))


def test_what_an_input_is_for_is_left_out_without_it() -> None:
    inputs: dict[str, remote.Input] = dict.fromkeys(START.inputs, "")
    plain, in_a_shell = START.program(inputs), START.program(inputs | {"named": "main"})
    assert "note handed" not in plain.text
    assert "note handed" in in_a_shell.text
    assert "note handed" in START.program(inputs | {"named": 0}).text


def test_an_input_is_only_ever_assigned() -> None:
    """A request stays small, and what it takes is never pasted into the program."""
    inputs: dict[str, remote.Input] = dict.fromkeys(EXISTS.inputs, "")
    program = EXISTS.program(inputs | {"path": "$(touch /tmp/never)`id`'\""})
    assert "_PATH='$(touch /tmp/never)`id`'\\''\"'" in program.text
    assert len(program.text) < 2000
