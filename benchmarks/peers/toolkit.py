"""This project, over Daytona."""

import time

from daytona_toolkit import DaytonaSandbox, SandboxSession
from daytona_toolkit.sandboxes import Sandbox

from . import Output, Peer


class Toolkit(Peer):
    def open(self, folder: str) -> None:
        self.session = SandboxSession(self.sandbox(folder))
        self.session.open()

    def sandbox(self, folder: str) -> Sandbox:
        return DaytonaSandbox.create()

    def close(self) -> None:
        self.session.close()

    def exec(self, command: str) -> Output:
        result = self.session.exec(command)
        return Output(result.output, result.exit_code)

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return self.session.read(path, offset=offset, limit=limit).content

    def write(self, path: str, content: str) -> None:
        self.session.write(path, content)

    def edit(self, path: str, old: str, new: str, seen: str) -> None:
        self.session.edit(path, old, new)

    def ls(self, folder: str) -> list[str]:
        return [entry.path.rpartition("/")[2] for entry in self.session.ls(folder).entries]

    def glob(self, folder: str, name: str) -> list[str]:
        return [entry.path for entry in self.session.glob(f"**/{name}", folder).entries]

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        found = self.session.grep(text, folder, fixed=True)
        return [(match.path, match.line) for match in found.matches]

    def upload(self, source: str, path: str) -> None:
        self.session.upload(source, path)

    def download(self, path: str, target: str) -> None:
        self.session.download(path, target)

    def background(self, command: str) -> str:
        return self.session.exec(command, background=True).job_id or ""

    def jobs(self) -> list[str]:
        return [job.job_id for job in self.session.jobs()]

    def kill(self, job: str) -> None:
        self.session.kill(job)

    def live(self, command: str) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []
        self.session.exec(command, on_output=lambda _, text: seen.append((text, time.time())))
        return seen


PEER = Toolkit
