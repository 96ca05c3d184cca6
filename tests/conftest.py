"""What holds for every test."""

import asyncio
import gc
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
from tests import long
from tests.support import lacks

# Two cores run tests and the sandboxes under them: how long an example takes says nothing.
settings.register_profile(
    "project",
    deadline=None,
    max_examples=100 if os.environ.get("CI") else 15,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")


# The frameworks make millions of objects that stay: nobody need look through them again and again.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage as usual from here on."""
    gc.freeze()
    gc.enable()


# Tests start many programs, which load in a third of the time once they are compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def homes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Local sandboxes keep their home folders here, and not in the user's."""
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One authority in a file, for clients that speak plain HTTP: to read all takes each 20 ms."""
    import trustme

    path = tmp_path_factory.mktemp("authority") / "authority.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return str(path)


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


# What a test takes if it runs programs in a sandbox, and so costs a tenth of a second or more, and
# how many cases of such a test run by default and in CI. The slow run has all.
IN_A_SANDBOX = {"box", "equipped", "greppers", "make_session", "sandbox", "server", "session"}
BY_DEFAULT, IN_CI = 1, 3

# What it takes if all its cases work in one session, which is cheaper, and how many run by default.
# CI has all.
SHARING = {"shared", "victims"}
SHARING_BY_DEFAULT = 10


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how the list of the tests that take long is made."""
    parser.addoption("--measure", action="store_true", help=f"bring {long.LIST.name} up to date")


def pytest_configure(config: pytest.Config) -> None:
    """Measure, if that is wanted."""
    if config.getoption("--measure"):
        config.pluginmanager.register(long.Measure())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is left to CI, and to the slow run: long tests, and all cases but a few.

    The few are a sample that stays the same, and differs between tests that share a table.
    """
    listed = long.listed()
    tests = defaultdict(list)
    for item in items:
        if long.test_of(item.nodeid) in listed:
            item.add_marker(pytest.mark.ci)
        if isinstance(item, pytest.Function):
            kind = item.callspec.params.get("kind") if hasattr(item, "callspec") else None
            tests[item.parent, item.originalname, kind].append(item)
    for cases in tests.values():
        cases.sort(key=lambda case: (is_slow(case), crc32(case.nodeid.encode())))
        if SHARING & set(cases[0].fixturenames):
            leave(cases[SHARING_BY_DEFAULT:], pytest.mark.ci)
        elif IN_A_SANDBOX & set(cases[0].fixturenames):
            leave(cases[BY_DEFAULT:], pytest.mark.ci)
            leave(cases[IN_CI:], pytest.mark.slow)


def is_slow(case: pytest.Function) -> bool:
    """Whether the case is left to the slow run anyway."""
    return case.get_closest_marker("slow") is not None


def leave(cases: list[pytest.Function], mark: pytest.MarkDecorator) -> None:
    """Mark some cases of a test."""
    for case in cases:
        case.add_marker(mark)


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
    except Exception as error:
        # A framework puts it into an error of its own.
        refusal = error if isinstance(error, IsolationError) else error.__cause__
        if not isinstance(refusal, IsolationError):
            raise
        lacks("a way to confine sandboxes", str(refusal))


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
