"""What holds for every test."""

import asyncio
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from daytona_toolkit.errors import IsolationError
from tests.support import lacks

# Two cores run tests and the sandboxes under them: how long an example takes says nothing.
settings.register_profile(
    "project",
    deadline=None,
    max_examples=100 if os.environ.get("CI") else 30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")


# Tests start many programs, which load in a third of the time once they are compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def homes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Local sandboxes keep their home folders here, and not in the user's."""
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def loops_of_run_sync(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the loops that Pydantic AI's `run_sync` makes, and keeps for the next run."""
    make, made = asyncio.new_event_loop, []

    def new_event_loop() -> asyncio.AbstractEventLoop:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", new_event_loop)
    asyncio.set_event_loop(new_event_loop())
    yield
    asyncio.set_event_loop(None)
    for loop in made:
        loop.close()


def pytest_xdist_auto_num_workers() -> int:
    """More workers than cores, as a test often waits; but each costs seconds of imports."""
    return (os.cpu_count() or 1) * 3 // 2


# What a test takes if it runs programs in a sandbox, and so costs a tenth of a second or more.
IN_A_SANDBOX = {"box", "equipped", "greppers", "make_session", "sandbox", "server", "session"}
CASES = 3


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test that has many cases in a sandbox, leave all but a few to the slow run.

    The few are a sample that stays the same, and differs between tests that share a table.
    """
    tests = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and IN_A_SANDBOX & set(item.fixturenames):
            kind = item.callspec.params.get("kind") if hasattr(item, "callspec") else None
            tests[item.parent, item.originalname, kind].append(item)
    for cases in tests.values():
        for item in sorted(cases, key=lambda item: crc32(item.nodeid.encode()))[CASES:]:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    """Skip a test whose sandbox cannot be confined here, as in most containers."""
    with lacking_confinement():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """The same for sandboxes that the test itself opens."""
    with lacking_confinement():
        return (yield)


@contextmanager
def lacking_confinement() -> Iterator[None]:
    """Turn the refusal of an unconfined sandbox into a skip, which names what is wanting."""
    try:
        yield
    except IsolationError as error:
        lacks("a way to confine sandboxes", str(error))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape lone surrogates: a failure that shows one could not travel from worker to runner."""
    return escaped((yield))


def escaped(value: Any) -> Any:
    """The same value with no lone surrogate in any of its strings."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {escaped(key): escaped(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(escaped(item) for item in value)
        case _:
            return value


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was not tried, and for want of what."""
    reasons = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    wanted = Counter(
        want[1] for reason in reasons if (want := re.search(r"for want of ([^:]+):", reason))
    )
    if wanted:
        tests = ", ".join(f"{count} for want of {what}" for what, count in wanted.most_common())
        terminalreporter.write_line(f"Not tried on this machine: {tests}.", yellow=True)
