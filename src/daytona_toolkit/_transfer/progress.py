"""Where the progress of a transfer is shown: by the caller's function, or a bar on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Is given the bytes that are there, the bytes in all, and the file that has just moved.
OnProgress = Callable[[int, int, str], object]


@contextmanager
def progress_of(title: str, given: OnProgress | None) -> Iterator[OnProgress | None]:
    """What to call: what was given, or else what draws a bar; None if nobody would see it.

    The bar needs `rich`, and is left out where it is not installed.
    """
    if given or not (sys.stderr and sys.stderr.isatty()):  # a service may have none
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
