"""Thousands of operations while requests fail, arrive late and arrive twice."""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from daytona import Daytona, DaytonaError

from daytona_toolkit import SandboxSession
from daytona_toolkit.errors import PathExistsError, PathNotFoundError
from daytona_toolkit.testing import (
    Copy,
    DaytonaServer,
    DropAfter,
    Late,
    Mixed,
    Overtaken,
    Status,
    StopSandbox,
)
from tests.daytona.support import config_of, session_on

SESSIONS = 8
OPERATIONS = 125

FAULTS = Mixed(
    probability=0.1,
    seed=20,
    faults=(*Mixed.faults, Status(502, message=None, after=True), StopSandbox()),
)

LATEST = 4.0
ASTRAY = Mixed(
    every=3,
    seed=21,
    faults=(
        Copy(),
        Copy((0.0, 0.5)),
        Copy((0.5, LATEST)),
        Late((0.0, 0.5)),
        Late((0.5, LATEST)),
        Late((0.5, LATEST), then=Status(504, message=None)),
        Late((0.5, LATEST), then=DropAfter()),
        Overtaken(),
        Overtaken(then=Status(502, message=None)),
    ),
)


@dataclass
class Worker:
    """One session's work, and what its folder must look like afterwards."""

    session: SandboxSession
    choice: random.Random
    files: dict[str, str] = field(default_factory=dict)
    commands: int = 0
    steps: int = 0

    def work(self, operations: int) -> None:
        anytime = (self.run, self.run, self.fail, self.step, self.write, self.write_much)
        with_a_file = (self.edit, self.patch, self.read, self.move, self.remove, self.go_back)
        for _ in range(operations):
            if (
                action := self.choice.choice(anytime + with_a_file)
            ) in with_a_file and not self.names:
                action = self.write
            action()

    @property
    def names(self) -> list[str]:
        return [name for name in self.files if name.startswith("file-")]

    def run(self) -> None:
        self.commands += 1
        token = f"run-{self.commands}"
        result = self.session.exec(f"echo {token} | tee -a log")
        assert (result.exit_code, result.stdout) == (0, f"{token}\n")
        self.files["log"] = self.files.get("log", "") + f"{token}\n"

    def fail(self) -> None:
        self.commands += 1
        code = self.choice.randint(1, 99)
        result = self.session.exec(f"echo run-{self.commands} >>log; echo why >&2; exit {code}")
        assert (result.exit_code, result.stderr) == (code, "why\n")
        self.files["log"] = self.files.get("log", "") + f"run-{self.commands}\n"

    def write(self) -> None:
        name = f"file-{self.choice.randint(0, 9)}"
        text = "".join(f"line {self.choice.random()}\n" for _ in range(20))
        self.session.write(name, text)
        self.files[name] = text

    def write_much(self) -> None:
        self.files["large"] = f"{self.choice.random()}\n" * 10_000
        self.session.write("large", self.files["large"])

    def step(self) -> None:
        self.steps += 1
        result = self.session.exec(f"echo ${{STEP-0}}; export STEP={self.steps}", shell="main")
        assert result.stdout == f"{self.steps - 1}\n"

    def edit(self) -> None:
        name, old, new = self.change()
        self.session.edit(name, old, new)

    def patch(self) -> None:
        name, old, new = self.change()
        self.session.apply_patch(
            f"*** Begin Patch\n*** Update File: {name}\n-{old}\n+{new}\n*** End Patch"
        )

    def change(self) -> tuple[str, str, str]:
        name = self.choice.choice(self.names)
        old = self.choice.choice(self.files[name].splitlines())
        new = f"line {self.choice.random()}"
        self.files[name] = self.files[name].replace(old, new)
        return name, old, new

    def read(self) -> None:
        name = self.choice.choice(self.names)
        assert self.session.read(name).content == self.files[name]

    def move(self) -> None:
        source, target = self.choice.choice(self.names), f"file-{self.choice.randint(0, 9)}"
        if target in self.files and target != source:
            with pytest.raises(PathExistsError):
                self.session.move(source, target)
        else:
            self.session.move(source, target)
            self.files[target] = self.files.pop(source)

    def remove(self) -> None:
        name = self.choice.choice(self.names)
        self.session.remove(name)
        del self.files[name]
        with pytest.raises(PathNotFoundError):
            self.session.remove(name)

    def go_back(self) -> None:
        checkpoint = self.session.checkpoint()
        self.session.remove(self.choice.choice(self.names))
        self.session.restore(checkpoint.id)


@dataclass
class Outcome:
    """How often commands ran that were asked for once, and what their callers saw."""

    commands: int
    ran: Counter[int]
    errors: int
    seconds: float
    requests: int

    def __str__(self) -> str:
        runs = ", ".join(f"{self.ran[times]} x {times}" for times in sorted(self.ran))
        return (
            f"{self.commands} commands; runs: {runs}; errors: {self.errors}; "
            f"{self.requests} requests; {self.seconds:.0f} s"
        )


def runs(log: Path, commands: int) -> Counter[int]:
    """How many commands ran how often."""
    lines = Counter(log.read_text().split() if log.exists() else [])
    return Counter(lines[f"run-{number}"] for number in range(1, commands + 1))


def measured(
    server: DaytonaServer, work: Callable[[int], tuple[int, Counter[int], int]]
) -> Outcome:
    """Do all sessions' work at once."""
    started = time.monotonic()
    with server.counting() as count, ThreadPoolExecutor(SESSIONS) as pool:
        parts = list(pool.map(work, range(SESSIONS)))
    return Outcome(
        sum(commands for commands, _, _ in parts),
        sum((ran for _, ran, _ in parts), Counter()),
        sum(errors for _, _, errors in parts),
        time.monotonic() - started,
        count.requests,
    )


@pytest.mark.slow
def test_a_thousand_operations_survive_a_service_that_fails_one_request_in_ten(
    server: DaytonaServer,
) -> None:
    def ours(number: int) -> tuple[int, Counter[int], int]:
        with session_on(server) as session:
            worker = Worker(session, random.Random(number))
            worker.work(OPERATIONS)
            folder = Path(session.root)
            left = {path.name: path.read_text() for path in folder.iterdir()}
            assert left == worker.files
            return worker.commands, runs(folder / "log", worker.commands), 0

    def raw(number: int) -> tuple[int, Counter[int], int]:
        sandbox, errors = sandboxes[number], 0
        for command in range(1, OPERATIONS + 1):
            with suppress(DaytonaError):
                sandbox.process.exec(f"echo run-{command} | tee -a log")
                continue
            errors += 1
            with suppress(DaytonaError):
                sandbox.start()
        log = server.sandboxes[sandbox.id].work_dir / "log"
        return OPERATIONS, runs(log, OPERATIONS), errors

    rule = server.faults.add(FAULTS)
    outcome = measured(server, ours)
    print(f"\nthis toolkit: {outcome}; {rule.fired} faults")
    assert not server.sandboxes
    assert outcome.ran == {1: outcome.commands}
    assert rule.fired > 100

    server.faults.clear()
    sandboxes = [Daytona(config_of(server)).create() for _ in range(SESSIONS)]
    server.faults.add(FAULTS)
    print(f"the raw SDK:  {measured(server, raw)}")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_thousand_operations_survive_late_and_reordered_copies_of_one_request_in_three(
    server: DaytonaServer,
) -> None:
    def work(number: int) -> tuple[int, Counter[int], int]:
        with session_on(server) as session:
            worker = Worker(session, random.Random(number))
            worker.work(2 * OPERATIONS)
            time.sleep(LATEST + 1)
            folder = Path(session.root)
            left = {path.name: path.read_text() for path in folder.iterdir()}
            assert left == worker.files
            return worker.commands, runs(folder / "log", worker.commands), 0

    rule = server.faults.add(ASTRAY)
    outcome = measured(server, work)
    print(f"\n{2 * OPERATIONS * SESSIONS} operations, {outcome}; {rule.fired} requests astray")
    assert outcome.ran == {1: outcome.commands}
    assert rule.fired > 500
