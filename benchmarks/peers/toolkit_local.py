"""This project, over its local sandbox, confined as well as this machine can."""

from daytona_toolkit import LocalSandbox
from daytona_toolkit.sandboxes import Sandbox

from .toolkit import Toolkit


class ToolkitLocal(Toolkit):
    def sandbox(self, folder: str) -> Sandbox:
        return LocalSandbox(folder)


PEER = ToolkitLocal
