"""The tool table, and what it makes of outcomes."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytona_toolkit import LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit._tool import render
from daytona_toolkit.errors import InvalidArgumentError
from daytona_toolkit.limits import Limits
from daytona_toolkit.results import (
    Entry,
    ExecResult,
    GrepResult,
    JobList,
    JobStatus,
    Listing,
    Match,
    TransferResult,
)
from daytona_toolkit.tools import READ, TOOLS, Tool, choose

every_tool = pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@every_tool
def test_a_description_is_short_enough_for_every_provider(tool: Tool) -> None:
    assert 40 < len(tool.description) < 1024


@every_tool
def test_a_schema_is_flat_and_says_all(tool: Tool) -> None:
    schema = tool.schema()
    assert set(schema) <= {"type", "properties", "required", "additionalProperties"}
    assert schema["type"] == "object"
    for field in schema["properties"].values():
        assert len(field["description"]) > 20
        assert field["type"] in {"string", "integer", "number", "boolean", "array"}
        assert field["type"] not in {"integer", "number"} or {"minimum", "maximum"} <= set(field)
    for odd in ("anyOf", "$ref", "$defs", "title", "examples"):
        assert odd not in json.dumps(schema)


@every_tool
def test_a_schema_belongs_to_whoever_asked_for_it(tool: Tool) -> None:
    tool.schema()["properties"].clear()
    assert tool.schema() == tool.arguments.model_json_schema()


@every_tool
def test_what_a_provider_wants_to_be_spelt_out_may_be_its_default_or_nothing(tool: Tool) -> None:
    """A strict mode has models give every argument, and some are not told the defaults."""
    properties = tool.schema()["properties"]
    required = {
        name: "a" if field["type"] == "string" else 80
        for name, field in properties.items()
        if "default" not in field
    }
    left_out = {name: field["default"] for name, field in properties.items() if "default" in field}
    nothing = {name: "" if isinstance(value, str) else None for name, value in left_out.items()}
    parsed = tool.parse(required)
    assert tool.parse(required | left_out) == tool.parse(required | nothing) == parsed


@every_tool
@given(data=st.data())
def test_no_argument_raises_anything_but_an_error_for_the_model(
    tool: Tool, data: st.DataObject
) -> None:
    names = st.sampled_from([*tool.arguments.model_fields, "other"])
    arguments = data.draw(st.dictionaries(names, anything))
    try:
        parsed = tool.parse(arguments)
    except InvalidArgumentError as error:
        complaints = str(error).split("\n- ")
    else:
        complaints = []
        assert isinstance(parsed.is_mutating(), bool)
        assert isinstance(parsed.target(), str)
    assert not complaints or complaints[0] == f"{tool.name} was not run:"


def test_null_stands_for_the_default_and_not_for_what_has_none() -> None:
    parsed = READ.parse({"file_path": "a", "offset": None, "limit": None})
    assert parsed == READ.parse({"file_path": "a"})
    with pytest.raises(InvalidArgumentError, match="file_path is missing"):
        READ.parse({"file_path": None})


def test_what_a_model_is_told_are_the_limits_of_its_session() -> None:
    limits = Limits(output_bytes=1234, read_lines=56, entries=78, window=9)
    rows = choose("all", session=SandboxSession(LocalSandbox(), limits=limits))
    assert "1,234 bytes" in rows["exec"].description
    assert "56 lines" in rows["read"].description
    assert "78 entries" in rows["ls"].description
    assert "9 seconds" in rows["job"].description
    assert "9 seconds" in rows["send"].description


def test_exec_alone_tells_of_the_network() -> None:
    rows = choose("all", session=SandboxSession(LocalSandbox()))
    tell = [name for name, row in rows.items() if "no network" in row.description]
    assert tell == ["exec"]


def test_the_tools_of_two_workspaces_can_be_told_apart() -> None:
    [plain], [lab] = choose(["edit"]).values(), choose(["edit"], "lab_").values()
    assert lab.description == (
        f"{plain.description} The tools whose names begin with lab_ work in one workspace. Where "
        "a text names one of them, put lab_ before the name."
    )
    assert lab.name == "edit"


def test_a_complaint_says_what_the_argument_is() -> None:
    with pytest.raises(InvalidArgumentError) as wrong:
        choose("core")["exec"].parse({"timeout": 120_000, "env": {"A": "1"}})
    assert str(wrong.value).splitlines() == [
        "exec was not run:",
        "- command is missing. It is: The command: one line, or a whole script.",
        "- env: input should be a valid list, not {'A': '1'}. It is: Environment variables for "
        'this command, each written as "NAME=value".',
        "- timeout: input should be less than or equal to 3600, not 120000. It is: Seconds after "
        "which the command is killed. Not used with background.",
    ]


def test_exec_takes_input_where_there_is_send() -> None:
    assert "no input" in choose("core")["exec"].description
    assert "interactive" not in choose("core")["exec"].schema()["properties"]
    exec = choose("all")["exec"]
    assert "no input" not in exec.description
    assert "interactive" in exec.schema()["properties"]
    question = exec.question({"command": "python3 -i", "cwd": "src", "interactive": True})
    assert question == "Run a command\n\npython3 -i\n[in src, open to further input]"


def test_a_person_is_told_where_a_command_of_a_shell_runs() -> None:
    exec = choose(shell="main")["exec"]
    shown = exec.question({"command": "make"})
    assert shown == "Run a command\n\nmake\n[where the last command ended]"
    assert exec.question({"command": "make", "cwd": "src"}) == "Run a command\n\nmake\n[in src]"


@pytest.mark.parametrize(
    ("name", "arguments", "needed"),
    [
        ("exec", {"command": "ls"}, True),
        ("exec", {}, False),
        ("write", {"file_path": "a", "content": ""}, True),
        ("read", {"file_path": "a"}, False),
        ("grep", {"pattern": "a"}, False),
        ("job", {"job_id": "job-1"}, False),
        ("job", {"job_id": "job-1", "kill": "true"}, True),
        ("send", {"job_id": "job-1", "text": ""}, False),
        ("send", {"job_id": "job-1", "text": "y\n"}, True),
        ("send", {"job_id": "job-1", "text": "", "eof": True}, True),
    ],
)
def test_approval_is_needed_for_what_changes_something(
    name: str, arguments: dict[str, Any], needed: bool
) -> None:
    assert TOOLS[name].needs_approval(arguments) is needed


def ran(**fields: Any) -> str:
    return render(ExecResult.model_validate({"exit_code": 0, "job_id": "job-1"} | fields)).text


def test_the_model_learns_how_a_command_ended() -> None:
    assert ran() == "[exit code 0]"
    assert ran(exit_code=None).startswith("[no exit code: the sandbox, or what waited")
    assert ran(exit_code=137, stopped_writing=True).startswith(
        "[exit code 137; stopped: its output exceeded"
    )
    assert ran(exit_code=None, timed_out=True, duration=2.04).startswith(
        "[timed out: killed after 2.0 s"
    )


@pytest.mark.parametrize(
    ("fields", "incomplete"),
    [
        ({"exit_code": 1, "truncated": True}, False),
        ({"exit_code": None, "running": True}, False),
        ({"exit_code": None}, True),
        ({"exit_code": 0, "disk_full": True}, True),
    ],
)
def test_a_result_knows_what_it_lacks(fields: dict[str, Any], incomplete: bool) -> None:
    assert ExecResult(job_id="job-1", **fields).incomplete is incomplete


def status(**fields: Any) -> JobStatus:
    usual = {
        "job_id": "job-1",
        "command": "make\nall",
        "state": "running",
        "duration": 3.0,
        "stdout_path": "/s/job-1.out",
        "stderr_path": "/s/job-1.err",
    }
    return JobStatus.model_validate(usual | fields)


def test_the_model_learns_how_a_job_stands() -> None:
    files = "all of its output is in /s/job-1.out (stderr: the same with .err)]"
    assert render(status()).text == f"[no new output]\n[job-1: running for 3.0 s; {files}"
    exited = status(state="exited", exit_code=2, stdout="x")
    assert render(exited).text == f"x\n[job-1: exit code 2, after 3.0 s; {files}"
    late = status(state="exited", exit_code=143, timed_out=True)
    assert "timed out: killed after 3.0 s" in render(late).text
    assert (
        "the sandbox, or what waited for the command, was stopped"
        in render(status(state="lost")).text
    )


def test_a_result_is_printed_as_a_model_sees_it() -> None:
    assert f"{status(stdout='so far')}" == status(stdout="so far").text()


def test_a_transfer_tells_what_was_moved_and_what_was_not() -> None:
    moved = TransferResult(path="/w/app", files=2, skipped=1_000, notes=("1 path skipped: x",))
    assert f"{moved}" == (
        "2 files moved, 1,000 there already: /w/app in the sandbox.\n[1 path skipped: x]"
    )
    assert f"{TransferResult(path='/w/a', files=1)}" == "1 file moved: /w/a in the sandbox."


def test_jobs_are_listed_a_line_each() -> None:
    shown = render(JobList(jobs=(status(), status(job_id="job-2", state="exited", exit_code=0))))
    assert shown.text == "job-1  running, 3.0 s  make all\njob-2  exit code 0, 3.0 s  make all"
    assert [job["job_id"] for job in shown.data["jobs"]] == ["job-1", "job-2"]
    assert render(JobList(jobs=())).text == "[no jobs]"


def test_a_listing_tells_kinds_apart_and_says_when_it_is_cut() -> None:
    entries = [
        Entry.model_validate({"path": path, "type": kind, "size": 5, "modified": 0.0})
        for path, kind in [
            ("a b", "file"),
            ("d", "folder"),
            ("l", "symlink"),
            ("p", "other"),
            ("x\ny", "file"),
        ]
    ]
    listing = Listing(path="/w", entries=tuple(entries), truncated=True, notes=("no way into e",))
    assert render(listing).text == (
        "a b  5\nd/\nl@\np?\n'x\\ny'  5\n"
        "[only the first 5 are shown; narrow the search]\n[no way into e]"
    )


def test_a_match_tells_from_a_line_around_it() -> None:
    lines = (Match(path="a", line=1, text="x", context=True), Match(path="a", line=2, text="y"))
    assert render(GrepResult(path="/w", matches=lines)).text == "a-1-x\na:2:y\n"


QUESTIONS = {
    "a command": (
        "exec",
        {"command": "make\nmake install", "timeout": "60"},
        "Run a command\n\nmake\nmake install",
    ),
    "a command that runs in another way": (
        "exec",
        {"command": "make", "cwd": "src", "env": ["A=1"], "background": True},
        "Run a command\n\nmake\n[in src, with A=1, in the background]",
    ),
    "an edit": (
        "edit",
        {
            "file_path": "a.py",
            "old_string": "def f():\n  a\nend",
            "new_string": "def f():\n  b\nend",
        },
        "Edit a file\n\na.py\n  def f():\n-   a\n+   b\n  end",
    ),
    "an edit in all places": (
        "edit",
        {"file_path": "a.py", "old_string": "a", "new_string": "", "replace_all": True},
        "Edit a file\n\nevery occurrence in a.py\n- a",
    ),
    "a file": (
        "write",
        {"file_path": "a", "content": "one\ntwo"},
        "Write a file\n\na\none\ntwo",
    ),
    "a kill": (
        "job",
        {"job_id": "job-1", "kill": True},
        "Check or kill a background command\n\njob_id: job-1\nkill: True",
    ),
    "wrong arguments": ("exec", {"cmd": ["ls"]}, "Run a command\n\ncmd: ['ls']"),
    "JSON": ("exec", '{"command": "ls"}', "Run a command\n\nls"),
    "no JSON": ("exec", '{"command": ', 'Run a command\n\n{"command": '),
    "JSON of no arguments": ("exec", "[1]", "Run a command\n\n[1]"),
    # In a terminal it would look like another command.
    "control characters": (
        "exec",
        {"command": "rm -rf / #\x1b[2K\recho\thi\n\u202els \u200d\x9b1A é 語"},
        "Run a command\n\nrm -rf / #\\x1b[2K\\recho\thi\n\\u202els \\u200d\\x9b1A é 語",
    ),
    # Text with half a surrogate pair cannot be shown or sent on.
    "half a pair": ("exec", {"command": "ls \ud800"}, "Run a command\n\nls \ufffd"),
}


@pytest.mark.parametrize(("name", "arguments", "question"), QUESTIONS.values(), ids=list(QUESTIONS))
def test_a_person_is_asked_about_what_a_call_does(
    name: str, arguments: dict[str, Any] | str, question: str
) -> None:
    assert TOOLS[name].question(arguments) == question


def test_a_question_shows_both_ends_of_a_long_call() -> None:
    command = "echo begin\n" + "true\n" * 100_000 + "rm -rf /"
    question = TOOLS["exec"].question({"command": command})
    assert "echo begin" in question
    assert question.endswith("rm -rf /")
    assert "bytes left out" in question
    assert len(question) < 5000


LONG = "x" * 1_000_000


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("job", {"job_id": LONG}),
        ("send", {"job_id": LONG, "text": ""}),
        ("exec", {"command": "true", LONG: 1}),
        ("exec", {"command": "true", "env": [1] * 100_000}),
        ("exec", {"command": "true", "env": [f"{LONG} =1"]}),
        ("apply_patch", {"patch": LONG}),
    ],
)
def test_an_error_does_not_repeat_all_of_a_long_argument(
    name: str, arguments: dict[str, Any]
) -> None:
    with SandboxSession(LocalSandbox()) as session:
        shown = TOOLS[name].run(session, arguments)
    assert shown.is_error
    assert len(shown.text) < 5000
    assert len(shown.data["message"]) < 5000


def test_what_a_program_gets_beside_an_answer_is_bounded() -> None:
    """It goes into histories and checkpoints."""
    rows = choose(["edit", "apply_patch"])
    old, new = "a" * 1_000_000, "b" * 1_000_000
    with SandboxSession(LocalSandbox()) as session:
        session.write("one", old)
        edited = rows["edit"].run(
            session, {"file_path": "one", "old_string": old, "new_string": new}
        )
        changes = "".join(f"*** Add File: {i}\n+{'a' * 99_999}\n" for i in range(20))
        rows["apply_patch"].run(session, {"patch": f"*** Begin Patch\n{changes}*** End Patch"})
        changes = "".join(f"*** Update File: {i}\n-{'a' * 99_999}\n+b\n" for i in range(20))
        patch = f"*** Begin Patch\n{changes}*** End Patch"
        patched = rows["apply_patch"].run(session, {"patch": patch})
        assert len(session.edit("one", new, old).diff) > 1_000_000
    for shown in (edited, patched):
        assert not shown.is_error
        assert len(json.dumps(shown.data)) < 150_000
    assert edited.data["diff"].startswith("--- one\n+++ one\n")
    assert edited.data["diff"].endswith("more lines of diff]")
    assert [file["change"] for file in patched.data["files"]] == ["updated"] * 20


@pytest.mark.parametrize("replace_all", [False, True])
def test_an_edit_of_too_many_places_is_refused_soon(replace_all: bool) -> None:
    arguments = {"file_path": "a", "old_string": "x", "new_string": "y", "replace_all": replace_all}
    with SandboxSession(LocalSandbox()) as session:
        session.write("a", "x" * 30_000_000)
        started = time.process_time()
        shown = TOOLS["edit"].run(session, arguments)
        assert time.process_time() - started < 10
    assert shown.text.startswith("Error: old_string occurs more than 500,000 times in 'a';")


def test_a_patch_of_too_many_files_is_refused() -> None:
    """It would take longer than a request may."""
    changes = "".join(f"*** Add File: {i}\n+a\n" for i in range(501))
    with SandboxSession(LocalSandbox()) as session:
        shown = TOOLS["apply_patch"].run(
            session, {"patch": f"*** Begin Patch\n{changes}*** End Patch"}
        )
        assert not session.ls().entries
    assert shown.text.startswith("Error: The patch names 501 files, and the limit is 500;")


async def test_a_tool_says_how_a_pool_lends_it_a_session() -> None:
    pool: Any = SessionPool(lambda _: SandboxSession(LocalSandbox()))
    sandbox: Any = LocalSandbox()
    lends = "The tool 'read' takes a SandboxSession, and this is a SessionPool. A pool lends"
    with pytest.raises(TypeError, match=lends):
        READ.run(pool, {"file_path": "a"})
    with pytest.raises(TypeError, match=lends):
        await READ.arun(pool, {"file_path": "a"})
    with pytest.raises(TypeError, match=r"this is a LocalSandbox\. A sandbox becomes"):
        READ.run(sandbox, {})


def test_a_long_answer_keeps_both_its_ends() -> None:
    result = ExecResult(exit_code=3, stdout="\ufffd" * 50_000, job_id="job-1")
    shown = render(result)
    assert shown.within(200_000) == shown
    cut = shown.within(1_000)
    notice = r"\[\.\.\. 149,\d+ bytes left out \.\.\.\]"
    assert re.fullmatch(rf"\ufffd+\n{notice}\n\ufffd+\n\[exit code 3\]", cut.text)
    assert len(cut.text.encode()) < 1_100
    assert cut.data == shown.data
