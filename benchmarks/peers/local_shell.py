"""Deep Agents' LocalShellBackend: commands and files of this machine, not confined."""

from deepagents.backends import LocalShellBackend

from .deep_agents import DeepAgents


class Peer(DeepAgents):
    def open(self, folder: str) -> None:
        self.tools = LocalShellBackend(folder, virtual_mode=False, inherit_env=True)
