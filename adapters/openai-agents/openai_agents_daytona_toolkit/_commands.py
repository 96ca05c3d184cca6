"""Commands of the OpenAI Agents SDK as jobs of a session."""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.sandbox import ExecResult, ExecTimeoutError, ExecTransportError
from agents.sandbox.errors import PtySessionNotFoundError
from agents.sandbox.session.pty_types import (
    PtyExecUpdate,
    allocate_pty_process_id,
    clamp_pty_yield_time_ms,
    resolve_pty_write_yield_time_ms,
    truncate_text_by_tokens,
)

from daytona_toolkit import RecoverableError, SandboxError, SandboxSession
from daytona_toolkit.errors import JobInputError, JobNotFoundError
from daytona_toolkit.results import JobStatus

# Seconds that a command is waited for at first, and later, unless the model says otherwise.
_FIRST_LOOK, _NEXT_LOOK = 10.0, 0.25

_INTERRUPT, _END_OF_INPUT = "\x03", "\x04"


@dataclass(frozen=True)
class _Process:
    """A command that a model can come back to."""

    job_id: str
    tty: bool


class Commands:
    """What a sandbox session runs, and what of it still runs."""

    def __init__(self, session: SandboxSession) -> None:
        self._session = session
        self._processes: dict[int, _Process] = {}

    async def run(
        self, command: Sequence[str | Path], env: Mapping[str, str], timeout: float | None
    ) -> ExecResult:
        """Run a command to its end."""
        try:
            done = await self._session.aexec(_script(command), env=env, timeout=timeout)
            stdout = await self._whole(done.stdout, done.stdout_path)
            stderr = await self._whole(done.stderr, done.stderr_path)
        except RecoverableError as error:
            raise ExecTransportError(command=command, cause=error, message=str(error)) from error
        if done.timed_out:
            printed = {"stdout": done.stdout, "stderr": done.stderr}
            raise ExecTimeoutError(command=command, timeout_s=timeout, context=printed)
        if done.incomplete:
            raise ExecTransportError(command=command, message=done.text())
        assert done.exit_code is not None
        return ExecResult(stdout=stdout, stderr=stderr, exit_code=done.exit_code)

    async def start(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str],
        *,
        timeout: float | None,
        tty: bool,
        patience: float | None,
        max_tokens: int | None,
    ) -> PtyExecUpdate:
        """Run a command, and leave it running when patience ends before it does."""
        milliseconds = int((_FIRST_LOOK if patience is None else patience) * 1000)
        try:
            done = await self._session.aexec(
                _script(command),
                env=env,
                timeout=timeout,
                yield_after=clamp_pty_yield_time_ms(milliseconds) / 1000,
                interactive=tty,
            )
        except RecoverableError as error:  # which the SDK would end the run for
            return _update(f"Error: {error}", None, 1, max_tokens)
        number = None
        if done.running:
            number = allocate_pty_process_id(set(self._processes))
            self._processes[number] = _Process(done.job_id, tty)
        shown = done.text() if done.incomplete else done.output
        return _update(shown, number, done.exit_code, max_tokens)

    async def type(
        self, number: int, text: str, *, patience: float | None, max_tokens: int | None
    ) -> PtyExecUpdate:
        """Give a command something to read, and look what it has printed since."""
        process = self._processes.get(number)
        if process is None:
            raise PtySessionNotFoundError(session_id=number)
        milliseconds = resolve_pty_write_yield_time_ms(
            yield_time_ms=int((_NEXT_LOOK if patience is None else patience) * 1000),
            input_empty=not text,
        )
        try:
            status = await self._send(process, text, milliseconds / 1000)
        except JobNotFoundError:
            self._processes.pop(number, None)
            raise PtySessionNotFoundError(session_id=number) from None
        if status.state == "running":
            return _update(status.output, number, None, max_tokens)
        self._processes.pop(number, None)
        shown = status.text() if status.state == "lost" else status.output
        return _update(shown, None, status.exit_code, max_tokens)

    async def end_all(self) -> None:
        """End all that still runs."""
        processes, self._processes = self._processes, {}
        kills = (self._session.akill(each.job_id) for each in processes.values())
        for outcome in await asyncio.gather(*kills, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, SandboxError):
                raise outcome

    async def _send(self, process: _Process, text: str, wait: float) -> JobStatus:
        if _INTERRUPT in text:
            return await self._session.akill(process.job_id)
        if not text:
            return await self._session.ajob(process.job_id, wait=wait)
        if not process.tty:
            # The SDK knows these words, and tells the model to start the command with a tty.
            raise RuntimeError("stdin is not available for this process")
        typed, end, _ = text.partition(_END_OF_INPUT)
        try:
            return await self._session.asend(process.job_id, typed, eof=bool(end), wait=wait)
        except JobInputError:  # it has ended, or reads no more
            return await self._session.ajob(process.job_id)

    async def _whole(self, shown: str, path: str | None) -> bytes:
        """All that a command printed: head and tail would mislead a program."""
        if path is None:
            return shown.encode(errors="surrogateescape")
        return self._session.mask.in_bytes(await self._session.aread_bytes(path))


def _script(command: Sequence[str | Path]) -> str:
    """A command as text; what the SDK wraps into a shell runs in the session's own."""
    match command:
        case ["sh", "-lc", str(script)]:
            return script
    return shlex.join(map(str, command))


def _update(
    output: str, number: int | None, exit_code: int | None, max_tokens: int | None
) -> PtyExecUpdate:
    text, tokens = truncate_text_by_tokens(output, max_tokens)
    return PtyExecUpdate(number, text.encode(errors="replace"), exit_code, tokens)
