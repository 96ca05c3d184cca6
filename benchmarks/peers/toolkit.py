"""This project, over Daytona."""

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
        return Output(result.output, result.exit_code, result.truncated)

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return self.session.read(path, offset=offset, limit=limit).content

    def write(self, path: str, content: str) -> None:
        self.session.write(path, content)

    def edit(self, path: str, old: str, new: str) -> None:
        self.session.edit(path, old, new)

    def ls(self, folder: str) -> list[str]:
        return [entry.path.rpartition("/")[2] for entry in self.session.ls(folder).entries]

    def glob(self, folder: str, name: str) -> list[str]:
        return [entry.path for entry in self.session.glob(f"**/{name}", folder).entries]

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        found = self.session.grep(text, folder, fixed=True)
        return [(match.path, match.line) for match in found.matches]


PEER = Toolkit
