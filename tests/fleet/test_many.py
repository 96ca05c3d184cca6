"""Many workspaces in one process.

`FLEET_SESSIONS=1000 uv run pytest -n 0 -m slow -s tests/fleet` prints the figures of a thousand.
What they are compared with is measured on the same machine in the same minutes.
"""

import asyncio
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from daytona_toolkit import Limits, SandboxSession, SessionPool
from tests.fleet.client import used
from tests.fleet.support import Server, measured, serving

SESSIONS = int(os.environ.get("FLEET_SESSIONS", "200"))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_thousand_sessions_cost_little_more_than_one(server: Server) -> None:
    measured("raw", SESSIONS, server)
    same, ours = (measured(kind, SESSIONS, server) for kind in ("same", "ours"))
    assert same["right"] == ours["right"] == SESSIONS
    assert ours["threads"] <= 8
    assert ours["descriptors"] <= 256
    # What all share is spread over them: some 12 MB.
    assert ours["memory"] < 100 + 12_000 / SESSIONS
    assert ours["left_threads"] == 1
    assert ours["left_descriptors"] <= same["left_descriptors"]
    # 1.5 times is what is wanted; a machine with other work to do is no judge of it.
    assert ours["open"] < 2.5 * same["open"]
    assert ours["exec"] < 2.5 * same["exec"]
    assert not list(server.root.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sessions_opened_and_closed_in_turn_leave_nothing(server: Server) -> None:
    def turns(number: int) -> None:
        for _ in range(number):
            with server.session() as session:
                assert session.exec("echo hello").stdout == "hello\n"

    # Until malloc has what it wants: each client of the SDK brings two TLS contexts.
    turns(SESSIONS // 10)
    before = used()
    turns(SESSIONS // 5)
    after = used()
    print(f"\nafter {SESSIONS // 10} sessions in turn {before}, after {SESSIONS // 5} more {after}")
    assert after["threads"] == before["threads"]
    assert after["descriptors"] == before["descriptors"]
    assert after["memory"] - before["memory"] < 8_000
    assert not list(server.root.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_soak_with_failing_requests_loses_and_repeats_nothing() -> None:
    """Many sessions do mixed work while one request in ten fails."""
    number, rounds = max(1, SESSIONS // 5), 10

    async def work(session: SandboxSession, seed: int) -> None:
        chance = random.Random(seed)
        content = ["start"]
        await session.awrite("file", "start\n")
        for turn in range(rounds):
            await session.aexec(f"echo {turn} >>log")
            content.append(f"line {turn}")
            await session.aedit("file", f"{content[-2]}\n", f"{content[-2]}\n{content[-1]}\n")
            assert (await session.aread("file")).content == "".join(f"{x}\n" for x in content)
            large = chance.randbytes(100_000) if turn == 0 else b"small"
            await session.awrite("other", large)
            assert await session.aread_bytes("other") == large
        assert (await session.aread("log")).content == "".join(f"{x}\n" for x in range(rounds))

    async def all_of_them(server: Server) -> None:
        async with SessionPool(lambda key: server.session(), max_sessions=number) as pool:

            async def one(seed: int) -> None:
                async with pool.use(str(seed)) as session:
                    await work(session, seed)

            await asyncio.gather(*(one(seed) for seed in range(number)))

    with serving(FLEET_FAILING="0.1") as server:
        before = threading.active_count()
        asyncio.run(all_of_them(server))
        assert threading.active_count() == before
        assert not list(server.root.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_heavy_work_of_some_delays_the_others_little(server: Server) -> None:
    """While one edits 30 MB and one greps 10,000 lines, a third runs commands."""
    with (
        server.session() as editor,
        server.session(limits=Limits(entries=10_000)) as searcher,
        server.session() as third,
        ThreadPoolExecutor(2) as others,
    ):
        editor.exec(r"head -c 31000000 /dev/zero | tr '\0' x | fold -w 100 >big; echo last >>big")
        searcher.exec("seq 10000 | sed s/^/match/ >many")
        over = threading.Event()

        def again(work: Callable[[], object]) -> int:
            times = 0
            while not over.is_set():
                work()
                times += 1
            return times

        def edit() -> None:
            editor.edit("big", "last", "first")
            editor.edit("big", "first", "last")

        quiet, lag_quiet = _delays(third)
        working = [others.submit(again, edit), others.submit(again, lambda: searcher.grep("match"))]
        busy, lag_busy = _delays(third)
        over.set()
        times = [future.result() for future in working]
    print(
        f"\nexec: median {quiet:.1f} ms alone, {busy:.1f} ms beside {times[0]} edits of 30 MB and "
        f"{times[1]} greps; of this the loop {lag_quiet:.1f} ms and {lag_busy:.1f} ms"
    )
    assert all(times)
    assert lag_busy - lag_quiet < 20


def _delays(session: SandboxSession) -> tuple[float, float]:
    """Medians in ms: of a command, and of what the loop takes to come to a waiting task."""
    commands, lags, over = [], [], threading.Event()

    async def look() -> None:
        while not over.is_set():
            started = time.perf_counter()
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - started - 0.001)

    looking = session._runner.start(look)
    for _ in range(40):
        started = time.perf_counter()
        session.exec("true")
        commands.append(time.perf_counter() - started)
    over.set()
    looking.wait()
    return statistics.median(commands) * 1000, statistics.median(lags) * 1000
