"""The progress of a transfer, and a progress bar on a terminal."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

OnProgress = Callable[[int, int, str], object]


@dataclass
class Progress:
    """How far a transfer is.

    Attributes:
        tell: What is told of it: bytes that are there, bytes in all, and the file.
        total: Bytes in all.
        done: Bytes that are there.
    """

    tell: OnProgress | None
    total: int
    done: int = 0

    async def add(self, size: int, name: str) -> None:
        """Some more bytes are there."""
        self.done += size
        if self.tell:
            told = self.tell(self.done, self.total, name)
            if inspect.isawaitable(told):
                await told


@contextmanager
def progress_of(title: str, given: OnProgress | None) -> Iterator[OnProgress | None]:
    """What to call: what was given, or else what draws a bar; None if nobody would see it.

    The bar needs `rich`, and is left out where it is not installed.
    """
    if given or not sys.stderr.isatty():
        yield given
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
        from rich.progress import TransferSpeedColumn as Speed
    except ImportError:
        yield None
        return
    text = TextColumn("{task.description}")
    with Progress(
        text, BarColumn(), DownloadColumn(), Speed(), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task(title)
        yield lambda done, total, _: bar.update(task, completed=done, total=total)
