"""Which version of each file an agent was shown, so that it never writes over a newer one."""

from collections import OrderedDict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from daytona_toolkit._workspace import Workspace

_BOUND = 10_000


class SeenFiles:
    """The memory of one agent: for each workspace, the versions of files."""

    def __init__(self) -> None:
        self._versions: WeakKeyDictionary[Workspace, OrderedDict[str, str]] = WeakKeyDictionary()

    def get(self, workspace: "Workspace", path: str) -> str | None:
        """The version that the agent was shown of a file; None if it was shown none."""
        return self._versions.get(workspace, OrderedDict()).get(path)

    def put(self, workspace: "Workspace", path: str, version: str) -> None:
        """The agent was shown this version."""
        versions = self._versions.setdefault(workspace, OrderedDict())
        versions[path] = version
        versions.move_to_end(path)
        if len(versions) > _BOUND:
            versions.popitem(last=False)
