"""The contract of `Sandbox` itself, without a session: open, run, upload, close."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from daytona_toolkit.errors import SandboxError, SandboxUnavailableError
from daytona_toolkit.sandboxes import Sandbox

T = TypeVar("T")

_TIME = 60.0
_ALL_BYTES = bytes(range(256))


@asynccontextmanager
async def opened(sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """A sandbox on this event loop, without a session."""
    await sandbox.open()
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def run(sandbox: Sandbox, program: str) -> str:
    """What a program printed, which is ASCII."""
    return (await sandbox.run(program, timeout=_TIME)).decode("ascii")


async def together(*calls: Coroutine[Any, Any, T]) -> list[T]:
    """Make calls at once; when one fails, cancel the others."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@asynccontextmanager
async def new_folder(sandbox: Sandbox) -> AsyncIterator[str]:
    """An empty folder, removed at the end; its path needs no quotes."""
    folder = (await run(sandbox, 'mktemp -d "${TMPDIR:-/tmp}/contract-XXXXXX"')).strip()
    try:
        yield folder
    finally:
        await run(sandbox, f"rm -rf {folder}")


async def bytes_of(sandbox: Sandbox, path: str) -> bytes:
    """The content of a file whose path needs no quotes."""
    return bytes.fromhex(await run(sandbox, f"od -An -v -tx1 {path}"))


# --- open


async def test_an_open_sandbox_has_an_id_and_an_owner(sandbox: Sandbox) -> None:
    """`id` is text; `owned` says whether close() disposes of the machine."""
    async with opened(sandbox):
        assert isinstance(sandbox.id, str)
        assert sandbox.id
        assert isinstance(sandbox.owned, bool)


async def test_a_sandbox_that_is_not_open_refuses(sandbox: Sandbox) -> None:
    """With an error of ours, before `open` and after `close`."""
    with pytest.raises(SandboxError):
        await sandbox.run("echo x", timeout=_TIME)
    async with opened(sandbox):
        assert await run(sandbox, "echo x") == "x\n"
    with pytest.raises(SandboxError):
        await sandbox.run("echo x", timeout=_TIME)


# --- run


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ("echo hello", "hello\n"),
        ("printf x", "x"),
        ("echo one\necho two\n", "one\ntwo\n"),
        ("echo before; exit 3", "before\n"),
        ("echo \"it's\" '$HOME'", "it's $HOME\n"),
        ("cat <<'END'\n`id` $((1 + 1))\nEND", "`id` $((1 + 1))\n"),
        ("printf '\\r\\n\\t\\033'", "\r\n\t\x1b"),
    ],
)
async def test_what_a_program_prints_comes_back(
    sandbox: Sandbox, program: str, printed: str
) -> None:
    """Character for character, whatever the exit code. The program may arrive on sh's stdin."""
    async with opened(sandbox):
        assert await run(sandbox, program) == printed


async def test_a_program_may_be_long(sandbox: Sandbox) -> None:
    """1 MB: too much for the arguments of a command, so feed it to sh on its standard input."""
    async with opened(sandbox):
        assert await run(sandbox, f": {'x' * 1_000_000}\necho done") == "done\n"


async def test_a_program_is_text(sandbox: Sandbox) -> None:
    """It is sent as UTF-8."""
    async with opened(sandbox):
        assert await run(sandbox, "printf %s 'é€😀' | od -An -v -tx1 | tr -d ' \\n'") == (
            "é€😀".encode().hex()
        )


async def test_output_may_be_long(sandbox: Sandbox) -> None:
    """4 MB come back whole."""
    async with opened(sandbox):
        printed = await sandbox.run("head -c 3000000 /dev/zero | base64", timeout=_TIME)
        assert printed.count(b"A") == 4_000_000


async def test_programs_overlap(sandbox: Sandbox) -> None:
    """Each waits for all others here, so one after another they would never end."""
    async with opened(sandbox), new_folder(sandbox) as folder:

        def meet(number: int) -> str:
            return (
                f"cd {folder}; : >{number}; until [ -e 0 ] && [ -e 1 ] && [ -e 2 ] && [ -e 3 ]; "
                f"do sleep 0.05; done; echo {number}"
            )

        answers = await together(*(run(sandbox, meet(number)) for number in range(4)))
        assert answers == ["0\n", "1\n", "2\n", "3\n"]


async def test_programs_share_files_and_nothing_else(sandbox: Sandbox) -> None:
    """Each program starts in the same folder and with the same environment."""
    async with opened(sandbox), new_folder(sandbox) as folder:
        first = await run(sandbox, "pwd; X=1; export X; cd /")
        assert await run(sandbox, 'pwd; printf %s "${X-}"') == first
        await run(sandbox, f"echo kept >{folder}/file")
        assert await run(sandbox, f"cat {folder}/file") == "kept\n"


async def test_what_is_left_in_the_background_goes_on(sandbox: Sandbox) -> None:
    """A process that holds none of the program's streams does not delay the answer."""
    async with opened(sandbox), new_folder(sandbox) as folder:
        started = time.monotonic()
        assert (
            await run(
                sandbox,
                f"(until [ -e {folder}/go ]; do sleep 0.05; done; : >{folder}/done) "
                "</dev/null >/dev/null 2>&1 & echo started",
            )
            == "started\n"
        )
        assert time.monotonic() - started < _TIME / 2
        await run(sandbox, f": >{folder}/go; until [ -e {folder}/done ]; do sleep 0.05; done")


async def test_too_slow_a_program_is_an_error_and_no_more(sandbox: Sandbox) -> None:
    """SandboxUnavailableError soon after the timeout; the next program runs."""
    async with opened(sandbox):
        started = time.monotonic()
        with pytest.raises(SandboxUnavailableError):
            await sandbox.run("sleep 50", timeout=1.0)
        assert time.monotonic() - started < _TIME / 2
        assert await run(sandbox, "echo next") == "next\n"


async def test_a_cancelled_program_is_an_answer_that_nobody_waits_for(sandbox: Sandbox) -> None:
    """Cancelling returns at once; the next program runs."""
    async with opened(sandbox):
        waiting = asyncio.create_task(sandbox.run("sleep 50", timeout=_TIME))
        await asyncio.sleep(0.3)
        waiting.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert time.monotonic() - started < _TIME / 2
        assert await run(sandbox, "echo next") == "next\n"


# --- upload


@pytest.mark.parametrize("data", [b"", _ALL_BYTES, b"no newline", b"\r\n\n\r", b"\0" * 10])
async def test_a_file_has_the_bytes_that_were_uploaded(sandbox: Sandbox, data: bytes) -> None:
    async with opened(sandbox), new_folder(sandbox) as folder:
        path = f"{folder}/file"
        await sandbox.upload(path, data)
        assert await bytes_of(sandbox, path) == data


async def test_an_upload_may_be_large(sandbox: Sandbox) -> None:
    """5 MB arrive whole."""
    async with opened(sandbox), new_folder(sandbox) as folder:
        path = f"{folder}/file"
        await sandbox.upload(path, _ALL_BYTES * 20_000)
        size, sample = (await run(sandbox, f"wc -c <{path}; tail -c 3 {path} | od -An -tx1")).split(
            "\n", 1
        )
        assert (int(size), bytes.fromhex(sample)) == (256 * 20_000, _ALL_BYTES[-3:])


async def test_an_upload_makes_folders_and_replaces_files(sandbox: Sandbox) -> None:
    async with opened(sandbox), new_folder(sandbox) as folder:
        path = f"{folder}/a/b/file"
        for data in (b"a longer text", b"short"):
            await sandbox.upload(path, data)
            assert await bytes_of(sandbox, path) == data


@pytest.mark.parametrize("name", ["two words", "it's", '"quoted"', "$(id)", "-n", "é€😀", "a\\b"])
async def test_the_path_of_an_upload_is_taken_as_it_is(sandbox: Sandbox, name: str) -> None:
    async with opened(sandbox), new_folder(sandbox) as folder:
        await sandbox.upload(f"{folder}/{name}", b"x")
        listed = await run(
            sandbox, f'cd {folder}; for n in *; do printf %s "$n"; done | od -An -v -tx1'
        )
        assert bytes.fromhex(listed).decode() == name


async def test_uploads_overlap(sandbox: Sandbox) -> None:
    """With each other, and with programs."""
    async with opened(sandbox), new_folder(sandbox) as folder:
        waiting = run(sandbox, f"until [ -e {folder}/3 ]; do sleep 0.05; done; echo done")
        uploads = (sandbox.upload(f"{folder}/{n}", b"%d" % n * 1000) for n in range(4))
        assert (await together(waiting, *uploads))[0] == "done\n"
        assert await bytes_of(sandbox, f"{folder}/2") == b"2" * 1000


async def test_an_upload_onto_a_folder_is_an_error_of_ours(sandbox: Sandbox) -> None:
    async with opened(sandbox), new_folder(sandbox) as folder:
        with pytest.raises(SandboxError):
            await sandbox.upload(folder, b"x")
        assert await run(sandbox, f"ls -A {folder}") == ""


# --- close


async def test_closing_twice_does_no_harm(sandbox: Sandbox) -> None:
    async with opened(sandbox):
        await run(sandbox, "true")
    await sandbox.close()
    await sandbox.close()
