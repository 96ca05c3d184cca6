"""langchain-daytona: a backend for Deep Agents."""

from daytona import Daytona
from langchain_daytona import DaytonaSandbox

from .deep_agents import DeepAgents


class Peer(DeepAgents):
    def open(self, folder: str) -> None:
        self.tools = DaytonaSandbox(sandbox=Daytona().create())
