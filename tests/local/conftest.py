"""What attacks are tried on."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from daytona_toolkit.errors import IsolationError
from daytona_toolkit.sandboxes._local import confinement
from tests.local.victim import USERS, Victim, victim
from tests.support import lacks


@pytest.fixture(scope="module")
def victims() -> Iterator[Callable[[str, str], Victim]]:
    """A victim for each level and user, made when it is first wanted."""
    with ExitStack() as stack:

        @cache
        def make(level: str, user: str) -> Victim:
            try:
                confinement.choose(level)  # type: ignore[arg-type]
            except IsolationError as error:
                lacks(level, str(error))
            return stack.enter_context(victim(level, USERS[user]))

        yield make
