"""langchain-daytona: a backend for Deep Agents."""

from daytona import Daytona
from langchain_daytona import DaytonaSandbox

from .deep_agents import DeepAgents


class LangchainDaytona(DeepAgents):
    def open(self, folder: str) -> None:
        self.daytona = Daytona()
        self.sandbox = self.daytona.create()
        self.backend = DaytonaSandbox(sandbox=self.sandbox)

    def close(self) -> None:
        self.daytona.delete(self.sandbox)


PEER = LangchainDaytona
