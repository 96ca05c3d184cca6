"""The peers at work side by side: their processes, the server between, and the figures."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS
from benchmarks.session import STEPS
from benchmarks.work import WORK, Turn
from daytona_toolkit.testing import DaytonaServer, DropAfter, DropBefore, Mixed

ROOT = Path(__file__).parents[1]

# Seconds that a piece of work may take before its peer is given up.
_PATIENCE = 180.0


# Requests that run a command.
_COMMANDS = ("execute", "session_execute")


@dataclass(frozen=True)
class Condition:
    """How far away the server is, and whether one request in ten is lost."""

    name: str
    latency: float = 0.0
    lossy: bool = False


@dataclass
class Sample:
    """One turn, and what it cost on the wire."""

    turn: Turn
    requests: int = 0
    sent: int = 0
    received: int = 0


@dataclass
class Results:
    """All that was measured.

    Attributes:
        samples: By condition, peer and work; the session's steps are under `session`.
        twice: Commands that ran more than once, by condition and peer.
        cold: From nothing to the first answer, by peer.
        versions: Of the packages, by peer.
        why: Why an answer was wrong or missing, by work, peer and whether the condition was
            lossy; the first reason of each.
    """

    samples: dict[tuple[str, str, str], list[Sample]] = field(default_factory=dict)
    twice: dict[tuple[str, str], int] = field(default_factory=dict)
    cold: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    why: dict[tuple[str, str, bool], str] = field(default_factory=dict)

    def add(self, others: "Results") -> None:
        """Take in what another contest found."""
        self.samples |= others.samples
        self.twice |= others.twice
        self.cold |= others.cold
        self.versions |= others.versions
        self.why |= others.why


class Contestant:
    """A peer's process.

    Attributes:
        name: The peer.
        hello: What it says of itself when it is ready.
        offers: The operations that it has.
        folder: Where it works.
        sandbox: The id of its sandbox on the server.
    """

    def __init__(self, name: str, server: DaytonaServer, folder: Path) -> None:
        self.name = name
        self._server = server
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by close)
        self._arguments = ["-m", "benchmarks.serve", name, str(folder)]
        self._environment = {**os.environ, **server.env, "NO_PROXY": "127.0.0.1"}
        self._process = subprocess.Popen(
            [*python_with(PEERS[name].packages), *self._arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )

    def meet(self) -> None:
        """Wait until it is ready."""
        self.hello = self._answer()
        self.offers = set(self.hello["offers"])
        self.folder = Path(self.hello["folder"])
        # The server keeps a sandbox's folder under its id.
        self.sandbox = self.folder.parent.name

    def work(self, **request: Any) -> Sample:
        """Have a piece of work done."""
        self._send({**request, "nonce": secrets.token_hex(4)})
        self._answer()
        with self._server.counting() as count:
            self._send({})
            turn = Turn(**self._answer())
        return Sample(turn, count.requests, count.bytes_in, count.bytes_out)

    def cold(self) -> dict[str, float]:
        """What a process of its own needs until its first answer."""
        with self._server.counting() as count:
            done = subprocess.run(
                [self.hello["python"], *self._arguments, "--cold"],
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE,
                check=True,
            )
        return {**json.loads(done.stdout), "requests": count.requests}

    def take_runs(self) -> int:
        """How many commands ran more than once since the last call."""
        runs = self.folder / "runs"
        counts = Counter(runs.read_text().split() if runs.exists() else ())
        runs.unlink(missing_ok=True)
        return sum(count > 1 for count in counts.values())

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._complaints.close()

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        impatience = threading.Timer(_PATIENCE, self._process.kill)
        impatience.start()
        try:
            line = self._process.stdout.readline()
        finally:
            impatience.cancel()
        if not line:
            self._complaints.seek(0)
            raise RuntimeError(f"{self.name} has ended: {self._complaints.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def python_with(packages: Sequence[str]) -> list[str]:
    """The command for Python in an environment of its own; ours, if nothing is wanted."""
    if not packages:
        return [sys.executable]
    wanted = [word for package in packages for word in ("--with", package)]
    isolated = ["uv", "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable]
    return [*isolated, *wanted, "python"]


@contextmanager
def contestants(names: Sequence[str], server: DaytonaServer) -> Iterator[list[Contestant]]:
    """The peers, each with an open sandbox."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        contextlib.ExitStack() as stack,
    ):
        started = []
        for name in names:
            own = Path(folder, name)
            own.mkdir()
            contestant = Contestant(name, server, own)
            stack.callback(contestant.close)
            started.append(contestant)
        for contestant in started:
            contestant.meet()
        yield started


class Contest:
    """Gives every peer the same work in turns, so that what else the machine does hits all."""

    def __init__(
        self, server: DaytonaServer, peers: Sequence[Contestant], advance: Callable[[str], None]
    ) -> None:
        self.results = Results(versions={peer.name: peer.hello["versions"] for peer in peers})
        self._server = server
        self._peers = peers
        self._advance = advance

    def run(self, condition: Condition, work: Sequence[str], turns: Callable[[str], int]) -> None:
        """Do work under a condition; `turns` says how often each piece."""
        with self._under(condition):
            for name in work:
                for _ in range(turns(name)):
                    for peer in self._peers:
                        if peer.offers.issuperset(WORK[name].needs):
                            self._note(condition, peer, name, peer.work(work=name))
                    self._advance(f"{condition.name}: {WORK[name].title}")

    def session(self, condition: Condition) -> None:
        """Play the recorded session under a condition."""
        with self._under(condition):
            for step in range(len(STEPS)):
                for peer in self._peers:
                    if peer.offers.issuperset(("read", "write")):
                        sample = peer.work(
                            session=f"session-{condition.name}".replace(" ", "-"), step=step
                        )
                        self._note(condition, peer, "session", sample)
                self._advance(f"{condition.name}: session")

    def cold(self, condition: Condition, turns: int) -> None:
        """Start each peer from nothing."""
        with self._under(condition):
            for _ in range(turns):
                for peer in self._peers:
                    self.results.cold.setdefault(peer.name, []).append(peer.cold())
                self._advance(f"{condition.name}: cold start")

    @contextmanager
    def _under(self, condition: Condition) -> Iterator[None]:
        self._server.latency = condition.latency
        if condition.lossy:
            for peer in self._peers:
                for fault in lost(peer.sandbox):
                    self._server.faults.add(fault)
        for peer in self._peers:
            peer.take_runs()
        try:
            yield
        finally:
            self._server.latency = 0.0
            self._server.faults.clear()
        for peer in self._peers:
            key = condition.name, peer.name
            self.results.twice[key] = self.results.twice.get(key, 0) + peer.take_runs()

    def _note(self, condition: Condition, peer: Contestant, work: str, sample: Sample) -> None:
        self.results.samples.setdefault((condition.name, peer.name, work), []).append(sample)
        if why := sample.turn.why.replace(str(peer.folder), "…"):
            self.results.why.setdefault((work, peer.name, condition.lossy), why)


def lost(sandbox: str) -> list[Mixed]:
    """One request in ten to a sandbox is lost, half of them when they have done their work.

    Commands have a die of their own, and every peer the same dice: whoever sends as many
    requests of a kind loses the same ones.
    """

    def die(*, commands: bool) -> Mixed:
        return Mixed(
            faults=(DropBefore(), DropAfter()),
            probability=0.1,
            seed=7,
            where=lambda record: (
                record.sandbox_id == sandbox and (record.kind in _COMMANDS) == commands
            ),
        )

    return [die(commands=True), die(commands=False)]
