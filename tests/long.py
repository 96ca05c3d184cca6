"""Which tests take long: measured by `pytest -m "not slow" --measure`, written down, left to CI."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from os import times
from pathlib import Path
from typing import Any

import pytest

LIST = Path(__file__).with_name("long.txt")

# Seconds of a core, programs that a test starts included, and seconds by the clock.
CPU, WALL = 0.25, 1.0


def test_of(nodeid: str) -> str:
    """The test that a case belongs to."""
    return nodeid.partition("[")[0]


def listed() -> set[str]:
    """The tests that take long."""
    return set(LIST.read_text().splitlines())


class Measure:
    """Measures each case of a run, and brings the list up to date."""

    def __init__(self) -> None:
        self._measured: set[str] = set()
        self._long: set[str] = set()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        with measured(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        with measured(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        if nextitem is None or nextitem.parent is not item.parent:
            return (yield)  # what several tests shared ends too, and is none's alone
        with measured(item):
            return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            spent = [value for name, value in report.user_properties if name == "spent"]
            cpu, wall = (sum(column) for column in zip(*spent, strict=True))
            test = test_of(report.nodeid)
            self._measured.add(test)
            if cpu > CPU or wall > WALL:
                self._long.add(test)

    def pytest_terminal_summary(self) -> None:
        kept = listed() - self._measured
        LIST.write_text("".join(f"{test}\n" for test in sorted(kept | self._long)))


@contextmanager
def measured(item: pytest.Item) -> Iterator[None]:
    """Note what a phase of a test takes, where its report brings it to the runner."""
    before = times()
    try:
        yield
    finally:
        spent = [after - start for after, start in zip(times(), before, strict=True)]
        item.user_properties.append(("spent", (sum(spent[:4]), spent[4])))
