"""A workspace as a tar stream. It lies in files on both sides, so memory holds a part of it."""

import asyncio
import io
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from agents.sandbox.session.tar_workspace import shell_tar_exclude_args
from agents.sandbox.util.tar_utils import validate_tarfile

from daytona_toolkit import SandboxSession

# Seconds that a workspace may take to become an archive, and an archive to become a workspace.
_PATIENCE = 1800.0

# GNU tar ends with 1 when a file grew while it was read, which in a live workspace is no error.
_PACK = """tar -C "$ROOT" {excluded} -cf "$ARCHIVE" . || {{
    code=$?
    [ $code = 1 ] && tar --version 2>/dev/null | grep -q GNU || exit $code
}}"""

_UNPACK = 'tar -C "$ROOT" -xf "$ARCHIVE"'


async def pack(session: SandboxSession, skipped: Iterable[Path]) -> io.BufferedReader:
    """What is under the root, without some paths.

    Raises:
        OSError: tar failed.
        SandboxError: The archive could not be made, or fetched.
    """
    async with _place(session) as (archive, itself):
        excluded = " ".join(shell_tar_exclude_args([*skipped, *itself]))
        await _run(session, _PACK.format(excluded=excluded), archive)
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder, "workspace.tar")
            await session.adownload(archive, local)
            return await asyncio.to_thread(local.open, "rb")  # it needs its name no more


async def unpack(session: SandboxSession, data: io.IOBase) -> None:
    """Put at the root what a tar stream holds.

    Raises:
        OSError: tar failed.
        TarError: It is no tar stream.
        UnsafeTarMemberError: It would not stay under the root.
        SandboxError: The archive could not be sent.
    """
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder, "workspace.tar")
        await asyncio.to_thread(_save, data, local)
        async with _place(session) as (archive, _):
            await session.aupload(local, archive)
            await _run(session, _UNPACK, archive)


@asynccontextmanager
async def _place(session: SandboxSession) -> AsyncIterator[tuple[str, list[Path]]]:
    """A place for an archive in the sandbox, and its path where it lies under the root."""
    # A confined session moves nothing from or to elsewhere.
    parent = "$PWD" if session.confined else "${TMPDIR:-/tmp}"
    made = await session.aexec(f'mktemp -d "{parent}/.daytona-toolkit-XXXXXX"')
    if made.exit_code != 0:
        raise OSError(f"There is no place for an archive in the sandbox: {made.text()}")
    folder = made.stdout.strip()
    try:
        yield f"{folder}/workspace.tar", [Path(Path(folder).name)] if session.confined else []
    finally:
        await session.aremove(folder, recursive=True)


async def _run(session: SandboxSession, program: str, archive: str) -> None:
    variables = {"ROOT": session.root, "ARCHIVE": archive}
    done = await session.aexec(program, env=variables, timeout=_PATIENCE)
    if done.exit_code != 0:
        raise OSError(f"tar failed in the sandbox: {done.text()}")


def _save(data: io.IOBase, local: Path) -> None:
    with local.open("wb") as file:
        shutil.copyfileobj(data, file)
    with tarfile.open(local) as archive:
        validate_tarfile(archive)
