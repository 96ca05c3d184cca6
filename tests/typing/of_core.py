"""What users of the core write, for type checkers alone; see test_typing."""

from pathlib import Path
from typing import Literal

from daytona_toolkit import (
    CommandSandbox,
    DaytonaSandbox,
    LocalSandbox,
    Sandbox,
    SandboxSession,
    SessionPool,
    open_session,
)
from daytona_toolkit.errors import FileChangedError, RecoverableError
from daytona_toolkit.limits import Limits
from daytona_toolkit.results import ExecResult, Listing
from daytona_toolkit.tools import TOOLS, Tool


def show(stream: str, text: str) -> None:
    print(stream, text)


async def show_later(stream: Literal["stdout", "stderr"], text: str) -> None:
    print(stream, text)


def any_session(session: SandboxSession) -> str:
    return session.root


def threads() -> ExecResult:
    with SandboxSession(LocalSandbox("work"), env={"A": "b"}, limits=Limits(entries=10)) as session:
        level: str = session.sandbox.isolation
        print(level, any_session(session))
        listing: Listing = session.ls(Path("src"))
        version: str | None = session.read(listing.entries[0].path).version
        try:
            session.write("file", b"bytes", if_version=version)
        except FileChangedError as error:
            print(error.path)
        except RecoverableError as error:
            print(error)
        return session.exec("make", cwd=Path("src"), timeout=None, on_output=show, shell="main")


async def loops(sandbox: Sandbox) -> int | None:
    async with SandboxSession(sandbox) as session:
        done = await session.aexec("make", on_output=show_later)
        edited = await session.aedit("file", "a", "b", replace_all=True)
        print(edited.diff, (await session.aread_bytes("file")).decode())
        return done.exit_code


def sandboxes() -> list[SandboxSession]:
    daytona = SandboxSession(DaytonaSandbox.create())
    print(daytona.sandbox.id, SandboxSession(CommandSandbox(["sh"])).sandbox.argv)
    return [daytona, SandboxSession(LocalSandbox()), open_session()]


def pool() -> None:
    with SessionPool(lambda key: open_session()) as pool, pool.use("a conversation") as session:
        table: dict[str, Tool] = dict(TOOLS)
        print(table["exec"].run(session, {"command": "true"}).text)


def wrong(session: SandboxSession) -> None:
    session.exec("make", timeot=1)  # type: ignore[call-arg]
    session.exec(["make"])  # type: ignore[arg-type]
    session.read("file", offset="1")  # type: ignore[arg-type]
    session.write("file")  # type: ignore[call-arg]
    session.sandbox.isolation  # type: ignore[attr-defined] # noqa: B018
    LocalSandbox(isolation="bwrap")  # type: ignore[arg-type]
    SandboxSession("work")  # type: ignore[type-var]
