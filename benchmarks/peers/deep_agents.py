"""What backends of Deep Agents have in common."""

from pathlib import Path
from typing import Any

from . import Base, FailedError, Output, tool


def checked(answer: Any) -> Any:
    """An answer that is no error; that of a command cannot be one."""
    if error := getattr(answer, "error", None):
        raise FailedError(error)
    return answer


class DeepAgents(Base):
    def call(self, tool: str, **arguments: Any) -> Any:
        return checked(super().call(tool, **arguments))

    exec = tool("execute", "command", then=lambda done: Output(done.output, done.exit_code))
    read = tool("read", "file_path", "offset", "limit", then=lambda got: got.file_data["content"])
    write = tool("write", "file_path", "content")
    edit = tool("edit", "file_path", "old_string", "new_string")
    ls = tool("ls", "path", then=lambda got: [entry["path"] for entry in got.entries])

    def glob(self, folder: str, name: str) -> list[str]:
        found = self.call("glob", path=folder, pattern=f"**/{name}")
        return [match["path"] for match in found.matches]

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        found = self.call("grep", path=folder, pattern=text)
        return [(match["path"], match["line"]) for match in found.matches]

    def upload(self, source: str, path: str) -> None:
        [answer] = self.tools.upload_files([(path, Path(source).read_bytes())])
        checked(answer)

    def download(self, path: str, target: str) -> None:
        [answer] = self.tools.download_files([path])
        Path(target).write_bytes(checked(answer).content)
