"""The numbers of a session's requests, and what may be removed of them in the sandbox.

Each request that changes something has a number. Once it was answered, or given up, no copy of
it may run any more: it lies below the floor as soon as no older request is under way. The
sandbox learns the floor from a later request, and removes what it kept to recognise copies. As long
as an older one is under way, it is told by number which have left nothing to recognise copies by.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

# Removing takes processes, so it waits until there are that many numbers or jobs.
_NUMBER_BATCH = 64
_JOB_BATCH = 8

# Running jobs that a session remembers as its own.
_MOST_OWN = 1000


class Ledger:
    """Which requests are under way, and what may be removed.

    Args:
        kept_jobs: Jobs that have ended whose output stays for later reading.
        kept_bytes: Bytes of their output.
    """

    def __init__(self, kept_jobs: int, kept_bytes: int) -> None:
        self._kept_jobs = kept_jobs
        self._kept_bytes = kept_bytes
        self._next = 1
        self._floor = 1
        self._wanted = 1
        # Requests that are under way, with the names that each is to remove.
        self._under_way: dict[int, list[str]] = {}
        # Requests that were refused or given up while an older one was under way.
        self._closed: list[int] = []
        self._urgent = False
        self._own: dict[str, None] = {}
        self._kept: deque[tuple[str, int]] = deque()
        # Names, each with the number below which no request may run any more when it goes.
        self._removable: list[tuple[str, int]] = []
        self._removed: deque[str] = deque(maxlen=256)

    @contextmanager
    def number(self) -> Iterator[int]:
        """The number of a request, which is under way until the block ends."""
        number, self._next = self._next, self._next + 1
        self._under_way[number] = []
        try:
            yield number
        except BaseException:
            self.close(number)  # it may have arrived all the same
            raise
        finally:
            del self._under_way[number]

    def close(self, number: int) -> None:
        """Let no copy of a request run once the next has come.

        It may not have removed what it was to remove, so a later one does.
        """
        self._wanted = max(self._wanted, number + 1)
        self._closed.append(number)
        self._removable += [(name, self._floor) for name in self._under_way[number]]
        self._under_way[number] = []

    def removals(self, number: int) -> dict[str, str]:
        """What a request takes along, as inputs of `once.sh`.

        That is the floor to raise, if it is time, names to remove, and names of what closes others.
        """
        floor = min(self._under_way)
        self._closed = [each for each in self._closed if each > floor]
        closed = " ".join(f"closed.{each}" for each in self._closed)
        names = [name for name, least in self._removable if least <= floor]
        wanted = self._floor < floor and self._floor < self._wanted
        due = wanted or floor - self._floor >= _NUMBER_BATCH or len(names) >= _JOB_BATCH
        if not (due or (self._urgent and names)):
            return {"floor": "", "forget": "", "closed": closed}
        self._floor = floor
        self._removable = [each for each in self._removable if each[1] > floor]
        self._urgent = self._urgent and bool(self._removable)
        self._under_way[number] = names
        self._removed.extend(names)
        return {"floor": str(floor), "forget": " ".join(names), "closed": closed}

    def pop_all(self) -> str:
        """All names under the state folder that are of this session, to be removed at its end."""
        names = [name for name, _ in (*self._removable, *self._kept)]
        self._removable.clear()
        self._kept.clear()
        return " ".join(names)

    def remove(self, name: str) -> None:
        """Let a name under the state folder be removed some time.

        It stays for as long as a request may run that was numbered so far: the files of a job keep
        a copy from running the command again, and an upload is there for its request.
        """
        self._removable.append((name, self._next))

    def keep(self, name: str, size: int) -> None:
        """Keep a job that has ended for later reading; the oldest go first.

        Args:
            name: The job.
            size: Bytes of its output.
        """
        self._kept.append((name, size))
        while len(self._kept) > self._kept_jobs or (
            len(self._kept) > 1 and sum(size for _, size in self._kept) > self._kept_bytes
        ):
            self.remove(self._kept.popleft()[0])
            self._urgent = True  # what is kept is large

    def own(self, name: str) -> None:
        """Remember that a job which goes on is of this session."""
        self._own[name] = None
        if len(self._own) > _MOST_OWN:
            del self._own[next(iter(self._own))]

    @property
    def running(self) -> int:
        """How many jobs of this session were last seen running."""
        return len(self._own)

    def keep_own(self, name: str, size: int) -> None:
        """Keep a job whose end was seen for later reading, if it is of this session."""
        if name in self._own:
            del self._own[name]
            self.keep(name, size)

    def is_removed(self, name: str) -> bool:
        """Whether a name was given away to be removed."""
        return name in self._removed or any(name == each for each, _ in self._removable)
