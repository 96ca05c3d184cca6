"""Deep Agents' LocalShellBackend: commands and files of this machine, not confined."""

from deepagents.backends import LocalShellBackend

from .deep_agents import DeepAgents


class LocalShell(DeepAgents):
    def open(self, folder: str) -> None:
        self.backend = LocalShellBackend(folder, virtual_mode=False, inherit_env=True)


PEER = LocalShell
