"""This project, over its local sandbox, confined as well as this machine can."""

from daytona_toolkit import open_session

from . import toolkit


class Peer(toolkit.Peer):
    def open(self, folder: str) -> None:
        self.tools = open_session(folder=folder)
        self.tools.open()
