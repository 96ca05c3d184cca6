"""This project, over Daytona."""

import time

from daytona_toolkit import open_session

from . import Base, Output, tool


class Peer(Base):
    def open(self, folder: str) -> None:
        self.tools = open_session()
        self.tools.open()

    exec = tool("exec", "command", then=lambda done: Output(done.output, done.exit_code))
    write = tool("write", "path", "content")
    edit = tool("edit", "path", "old_string", "new_string")
    ls = tool("ls", "path", then=lambda found: [entry.path for entry in found.entries])
    upload = tool("upload", "local", "remote")
    download = tool("download", "remote", "local")
    jobs = tool("jobs", then=lambda jobs: [job.job_id for job in jobs])
    kill = tool("kill", "job_id")

    def read(self, path: str, skip: int = 0, limit: int = 2000) -> str:
        return self.tools.read(path, offset=skip + 1, limit=limit).content

    def glob(self, folder: str, name: str) -> list[str]:
        return [entry.path for entry in self.tools.glob(f"**/{name}", folder).entries]

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        found = self.tools.grep(text, folder, fixed=True)
        return [(match.path, match.line) for match in found.matches]

    def background(self, command: str) -> str:
        return self.tools.exec(command, background=True).job_id or ""

    def live(self, command: str) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []
        self.tools.exec(command, on_output=lambda _, text: seen.append((text, time.time())))
        return seen
