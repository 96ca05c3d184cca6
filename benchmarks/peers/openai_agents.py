"""openai-agents: the session of its Daytona sandbox, and its editor for patches."""

import io
from difflib import unified_diff
from pathlib import Path

from agents.editor import ApplyPatchOperation
from agents.extensions.sandbox.daytona import DaytonaSandboxClient, DaytonaSandboxClientOptions
from agents.sandbox.manifest import Manifest

from . import AsyncBase, Output


class Peer(AsyncBase):
    pages = False

    def open(self, folder: str) -> None:
        self.client = DaytonaSandboxClient()
        manifest, options = Manifest(root=folder), DaytonaSandboxClientOptions()
        self.session = self.run(self.client.create(manifest=manifest, options=options))
        self.run(self.session.start())

    def exec(self, command: str) -> Output:
        answer = self.run(self.session.exec(command))
        return Output((answer.stdout + answer.stderr).decode(), answer.exit_code)

    def read(self, path: str, *window: int) -> str:
        return str(self.run(self.session.read(Path(path))).read().decode())

    def write(self, path: str, content: str) -> None:
        self.run(self.session.write(Path(path), io.BytesIO(content.encode())))

    def edit(self, path: str, old: str, new: str, seen: str) -> None:
        changed = seen.replace(old, new)
        lines = unified_diff(seen.splitlines(), changed.splitlines(), lineterm="")
        hunks = ["@@" if line.startswith("@@") else line for line in list(lines)[2:]]
        patch = ApplyPatchOperation(type="update_file", path=path, diff="\n".join(hunks) + "\n")
        self.run(self.session.apply_patch(patch))

    def ls(self, folder: str) -> list[str]:
        return [Path(entry.path).name for entry in self.run(self.session.ls(folder))]
