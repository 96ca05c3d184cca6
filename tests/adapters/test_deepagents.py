"""A session as the backend of a Deep Agent, held against Deep Agents' own."""

import asyncio
import base64
import inspect
from typing import Any

import pytest

pytest.importorskip("deepagents", reason="for want of Python 3.11: Deep Agents need it")

from deepagents import create_deep_agent
from deepagents.backends.protocol import ExecuteResponse
from deepagents.backends.sandbox import BaseSandbox
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import ToolMessage
from langchain_daytona_toolkit.deepagents import LIMITS, DaytonaBackend

from daytona_toolkit import LocalSandbox, SandboxSession, SessionPool
from daytona_toolkit.errors import SessionClosedError
from daytona_toolkit.testing import DaytonaServer
from tests.adapters.scripted import langchain_model
from tests.adapters.situations import PICTURE, SECRET
from tests.daytona.support import BEGIN, session_on, stop_once_begun
from tests.support import counting, ends_with_its_caller, unique_seconds

ASK = {"messages": [("user", "go on")]}


class Reference(BaseSandbox):
    """Deep Agents' own backend, which runs Python in the sandbox for each operation."""

    def __init__(self, session: SandboxSession) -> None:
        self.session = session

    @property
    def id(self) -> str:
        return "reference"

    def execute(self, command: str, *, timeout: int | None = None) -> ExecuteResponse:
        result = self.session.exec(command)
        return ExecuteResponse(output=result.output, exit_code=result.exit_code)

    def upload_files(self, files: Any) -> Any:
        raise NotImplementedError

    def download_files(self, paths: Any) -> Any:
        raise NotImplementedError


@pytest.fixture
def backend(session: SandboxSession) -> DaytonaBackend:
    return DaytonaBackend(session)


FILES = [
    "top.py",
    "src/app/main.py",
    "src/app/data.json",
    "src/.env",
    ".github/workflows/ci.yml",
    ".github/.hidden.yml",
    "docs/a [1].md",
    "docs/b.txt",
]
PATTERNS = [
    "*.py",
    "*.yml",
    "**/*.yml",
    "**/*.py",
    "/*.py",
    "src/**/*.py",
    "src/**",
    "*",
    ".*",
    ".env",
    "*.{py,json}",
    "[!t]*.py",
    "[^t]*.py",
    "?op.py",
    "docs/*",
    "docs/",
    ".github/**/*.yml",
    "**/.hidden.yml",
    "nothing*",
    "../*.py",
]


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_glob_finds_what_deep_agents_own_backend_finds(
    session: SandboxSession, backend: DaytonaBackend, pattern: str
) -> None:
    links = "ln -s ../top.py docs/link.py; ln -s ../src docs/to_src.py; ln -s no docs/to_no.py"
    await session.aexec(f"mkdir -p src/empty docs; {links}")
    for file in FILES:
        await session.awrite(file, "")
    expected = Reference(session).glob(pattern, session.root)
    for found in (backend.glob(pattern, session.root), await backend.aglob(pattern)):
        assert (found.error is None) == (expected.error is None)
        if expected.matches is not None:
            assert found.matches is not None
            paths = sorted(match["path"] for match in found.matches)
            assert paths == sorted(match["path"] for match in expected.matches)
            assert all(match["is_dir"] is False for match in found.matches)


@pytest.mark.parametrize("glob", [None, "*.py", "**/*.py", "/*.py", "src/**/*.py"])
async def test_grep_finds_what_deep_agents_own_backend_finds(
    session: SandboxSession, backend: DaytonaBackend, glob: str | None
) -> None:
    for file in [*FILES, ".git/config", "src/.git/x.py"]:
        await session.awrite(file, "a.b\nA.b a.b\naxb\n")
    expected = Reference(session).grep("a.b", session.root, glob)
    for found in (backend.grep("a.b", session.root, glob), await backend.agrep("a.b", glob=glob)):
        assert found.error is None
        assert sorted(map(str, found.matches or [])) == sorted(map(str, expected.matches or []))
    few = backend.grep("a.b", max_count=1)
    assert (len(few.matches or []), few.truncated) == (1, True)


CONTENTS = {
    "lines": b"one\ntwo\n\nfour\n",
    "no newline at the end": b"one\ntwo",
    "CRLF": b"one\r\ntwo\r\n",
    "empty lines at the end": b"one\n\n\n",
    "binary": bytes(range(256)),
    "UTF-8": "Привет\n世界".encode(),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=list(CONTENTS))
@pytest.mark.parametrize("window", [(0, 2000), (1, 1), (-3, 2), (99, 5)], ids=str)
async def test_read_shows_what_deep_agents_own_backend_shows(
    session: SandboxSession, backend: DaytonaBackend, content: bytes, window: tuple[int, int]
) -> None:
    await session.awrite("file", content)
    path = f"{session.root}/file"
    expected = Reference(session).read(path, *window)
    for read in (backend.read(path, *window), await backend.aread(path, *window)):
        if expected.error is None:
            assert read == expected
        else:
            assert read.error is not None


def test_no_lines_are_no_request(session: SandboxSession, backend: DaytonaBackend) -> None:
    with counting(session) as traffic:
        assert backend.read("/nope", limit=0).no_lines_requested
    assert not traffic.requests


async def test_what_the_name_says_is_no_text_comes_in_base64(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    session.write("plot.png", PICTURE)
    session.write("plot", PICTURE)
    session.write("large.pdf", b"\0" * 600_000)
    for name in ("plot.png", "plot"):
        read = await backend.aread(f"{session.root}/{name}")
        assert read.file_data is not None
        assert read.file_data["encoding"] == "base64"
        assert base64.b64decode(read.file_data["content"]) == PICTURE
    large = backend.read(f"{session.root}/large.pdf")
    assert large.error is not None
    assert "Binary file exceeds maximum preview size of 512000 bytes" in large.error


async def test_mistakes_are_answers_in_deep_agents_words(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    session.write("a", "x\nx\n")
    root = session.root
    for error, words in [
        (backend.read(f"{root}/nope").error, "not found"),
        (backend.read(root).error, "not_a_file"),
        (backend.edit(f"{root}/a", "y", "z").error, "string not found"),
        (backend.edit(f"{root}/a", "x", "z").error, "multiple occurrences"),
        (backend.edit(f"{root}/nope", "y", "z").error, "not found"),
        (backend.write(f"{root}/a/b", "").error, "not_a_directory"),
        (backend.delete(f"{root}/nope").error, "not found"),
        (backend.delete(root).error, "the root"),
        (backend.ls(f"{root}/a").error, "not_a_directory"),
        (backend.ls(f"{root}/nope").error, "not found"),
        (backend.grep("x", f"{root}/nope").error, "not found"),
        (backend.glob("x", f"{root}/nope").error, "not found"),
        (backend.upload_files([("a", b"")])[0].error, "invalid_path"),
        (backend.download_files([f"{root}/nope"])[0].error, "file_not_found"),
        (backend.download_files([root])[0].error, "is_directory"),
        (backend.execute("\0").output, "NUL"),
    ]:
        assert error is not None
        assert words in error


async def test_a_command_answers_with_both_streams_and_its_exit_code(
    backend: DaytonaBackend,
) -> None:
    command = "printf out; echo err >&2; exit 3"
    expected = ExecuteResponse(output="out\n<stderr>err</stderr>", exit_code=3)
    assert backend.execute(command) == await backend.aexecute(command) == expected
    late = await backend.aexecute("echo begun; sleep 60", timeout=1)
    assert (late.output, late.exit_code) == ("begun\nError: the command was ended after 1 s.", 124)
    assert backend.execute("sleep 1.5; echo done", timeout=0).output == "done\n"


async def test_a_model_learns_that_its_command_was_lost() -> None:
    with DaytonaServer() as server, session_on(server) as session:
        running = asyncio.create_task(DaytonaBackend(session).aexecute(BEGIN))
        await stop_once_begun(server, session)
        lost = await running
    assert lost.output.startswith("begun\n[no exit code: the sandbox")
    assert lost.exit_code is None


async def test_edits_keep_every_byte_around_them(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    session.write("a", b"\xe9\r\nold\r\n\xff")
    edited = await backend.aedit(f"{session.root}/a", "old", "new")
    assert (edited.error, edited.occurrences) == (None, 1)
    assert session.read_bytes("a") == b"\xe9\r\nnew\r\n\xff"


async def test_delete_removes_what_deep_agents_own_backend_removes(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    names = ["file", "folder", "to_folder", "to_nothing", "nope"]
    make = (
        "mkdir -p folder/deep kept; touch file folder/f; ln -s kept to_folder; ln -s no to_nothing"
    )
    left = set()
    for deletes in (Reference(session).delete, backend.delete, backend.adelete):
        await session.aexec(make)
        for name in names:
            deleted: Any = deletes(f"{session.root}/{name}")
            deleted = await deleted if inspect.isawaitable(deleted) else deleted
            if name == "nope":
                assert "not found" in deleted.error
            else:
                assert (deleted.error, deleted.path) == (None, f"{session.root}/{name}")
        left.add((await session.aexec("ls")).stdout)
    assert left == {"kept\n"}


MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("execute", {"command": "ls", "timeout": -1}),
    ("execute", {}),
    ("read_file", {"file_path": "/nope"}),
    ("read_file", {"file_path": "/nope\0"}),
    ("read_file", {"file_path": "/proc/self/mem", "offset": 3}),
    ("write_file", {"file_path": "/usr/x", "content": ""}),
    ("write_file", {"file_path": f"/tmp/{'n' * 300}", "content": "x"}),
    ("edit_file", {"file_path": "/nope", "old_string": "a", "new_string": "b"}),
    ("delete", {"file_path": "/nope"}),
    ("ls", {"path": "/nope"}),
    ("grep", {"pattern": "a", "path": "/nope"}),
    ("grep", {"pattern": "a\ud800"}),
    ("glob", {"pattern": "../*"}),
    ("shell", {"command": "ls"}),
]


async def test_an_agent_survives_every_kind_of_error(backend: DaytonaBackend) -> None:
    agent = create_deep_agent(
        langchain_model(*([mistake] for mistake in MISTAKES), "sorry"), backend=backend
    )
    for state in (agent.invoke(ASK), await agent.ainvoke(ASK)):
        answers = [m for m in state["messages"] if isinstance(m, ToolMessage)]
        assert [answer.status for answer in answers] == ["error"] * len(MISTAKES)
        assert state["messages"][-1].text == "sorry"


def test_an_agent_has_a_tool_that_deletes(session: SandboxSession) -> None:
    session.write("old/notes", "")
    call = ("delete", {"file_path": f"{session.root}/old"})
    agent = create_deep_agent(langchain_model([call], "done"), backend=DaytonaBackend(session))
    [answer] = [m for m in agent.invoke(ASK)["messages"] if isinstance(m, ToolMessage)]
    assert answer.status == "success"
    assert not session.exists("old")


async def test_each_operation_is_one_request(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    path = f"{session.root}/a"
    for call in (
        lambda: backend.awrite(path, "one\n"),
        lambda: backend.aread(path),
        lambda: backend.aedit(path, "one", "two"),
        lambda: backend.als(session.root),
        lambda: backend.aglob("*"),
        lambda: backend.agrep("two"),
        lambda: backend.aexecute("true"),
        lambda: backend.aupload_files([(path, b"x")]),
        lambda: backend.adownload_files([path]),
        lambda: backend.adelete(path),
    ):
        with counting(session) as traffic:
            await call()
        assert traffic.requests == 1


async def test_a_cancelled_command_is_ended(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    seconds = unique_seconds()
    await ends_with_its_caller(session, seconds, backend.aexecute(f"sleep {seconds}"))


async def test_no_secret_is_shown() -> None:
    with SandboxSession(LocalSandbox(), secrets={"TOKEN": "tok-4f9a77"}) as session:
        backend, root = DaytonaBackend(session), session.root
        session.exec("echo $TOKEN > file; touch file-$TOKEN")
        shown = [
            backend.execute("echo $TOKEN; echo $TOKEN >&2"),
            backend.read(f"{root}/file"),
            backend.read(f"{root}/nope-tok-4f9a77"),
            backend.ls(root),
            backend.grep("tok", root),
            backend.glob("file*", root),
            await backend.aexecute("cat $TOKEN"),
        ]
        assert "tok-4f9a77" not in str(shown).replace("File '", "").replace("nope-tok", "")
        assert str(shown).count("***") >= len(shown)


async def test_no_secret_of_a_file_gets_into_a_prompt_or_is_lost() -> None:
    """Deep Agents show a model the bytes of a PDF, and of the files that it is to remember."""
    prompts: list[Any] = []

    class Spy(BaseCallbackHandler):
        def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:
            prompts.extend(messages)

    with SandboxSession(LocalSandbox(), secrets={"TOKEN": SECRET}) as session:
        backend, path = DaytonaBackend(session), f"{session.root}/AGENTS.md"
        shown = b"Use ***.\n"
        session.exec("echo Use $TOKEN. | tee AGENTS.md >plan.pdf")
        call = ("read_file", {"file_path": f"{session.root}/plan.pdf"})
        model = langchain_model([call], "done")
        agent = create_deep_agent(model, backend=backend, memory=[path])
        agent.invoke(ASK, {"callbacks": [Spy()]})
        assert "Use ***." in str(prompts)
        assert base64.b64encode(shown).decode() in str(prompts)
        for form in (SECRET, base64.b64encode(f"Use {SECRET}.\n".encode()).decode()):
            assert form not in str(prompts)

        [downloaded] = await backend.adownload_files([path])
        assert downloaded.content == shown
        [refused] = backend.upload_files([(path, shown + b"More.\n")])
        assert "holds a secret" in str(refused.error)
        assert session.read_bytes("AGENTS.md") == f"Use {SECRET}.\n".encode()


async def test_a_session_that_is_closed_ends_the_run(
    session: SandboxSession, backend: DaytonaBackend
) -> None:
    session.close()
    with pytest.raises(SessionClosedError):
        backend.read("/a")
    with pytest.raises(SessionClosedError):
        await backend.aexecute("ls")


def test_what_is_no_session_is_refused_at_once() -> None:
    pool = SessionPool(lambda _: SandboxSession(LocalSandbox()))
    strangers: tuple[Any, ...] = (None, LocalSandbox(), pool)
    for wrong in strangers:
        with pytest.raises(TypeError, match="DaytonaBackend takes a SandboxSession, and this is a"):
            DaytonaBackend(wrong)


async def test_an_agent_mends_a_program_and_looks_at_a_picture() -> None:
    with SandboxSession(LocalSandbox(), limits=LIMITS) as session:
        path, plot = f"{session.root}/add.py", f"{session.root}/plot.png"
        session.write("plot.png", PICTURE)
        program = "def add(a, b):\n    return a - b\n\n\nassert add(1, 2) == 3\n"
        work: list[Any] = [
            [("write_file", {"file_path": path, "content": program})],
            [("execute", {"command": "python3 add.py"})],
            [("edit_file", {"file_path": path, "old_string": "a - b", "new_string": "a + b"})],
            [("execute", {"command": "python3 add.py"})],
            [("read_file", {"file_path": path}), ("read_file", {"file_path": plot})],
            [("grep", {"pattern": "a + b", "path": session.root}), ("ls", {"path": session.root})],
            "done",
        ]
        agent = create_deep_agent(langchain_model(*work), backend=DaytonaBackend(session))
        for state in (agent.invoke(ASK), await agent.ainvoke(ASK)):
            answers = [m for m in state["messages"] if isinstance(m, ToolMessage)]
            assert [m.status for m in answers] == ["success"] * 8
            assert [answers[i].artifact["exit_code"] for i in (1, 3)] == [1, 0]
            assert "AssertionError" in answers[1].text
            assert "return a + b" in answers[4].text
            assert [b["type"] for b in answers[5].content_blocks] == ["image"]
            assert path in answers[6].text
            assert plot in answers[7].text
            assert state["messages"][-1].text == "done"
