"""What backends of Deep Agents have in common."""

from pathlib import Path
from typing import Any

from . import FailedError, Output, Peer


class DeepAgents(Peer):
    backend: Any

    def exec(self, command: str) -> Output:
        answer = self.backend.execute(command)
        return Output(answer.output, answer.exit_code)

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return str(checked(self.backend.read(path, offset - 1, limit)).file_data["content"])

    def write(self, path: str, content: str) -> None:
        checked(self.backend.write(path, content))

    def edit(self, path: str, old: str, new: str, seen: str) -> None:
        checked(self.backend.edit(path, old, new))

    def ls(self, folder: str) -> list[str]:
        entries = checked(self.backend.ls(folder)).entries
        return [entry["path"].rstrip("/").rpartition("/")[2] for entry in entries]

    def glob(self, folder: str, name: str) -> list[str]:
        return [found["path"] for found in checked(self.backend.glob(f"**/{name}", folder)).matches]

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        found = checked(self.backend.grep(text, folder)).matches
        return [(hit["path"], hit["line"]) for hit in found]

    def upload(self, source: str, path: str) -> None:
        [answer] = self.backend.upload_files([(path, Path(source).read_bytes())])
        checked(answer)

    def download(self, path: str, target: str) -> None:
        [answer] = self.backend.download_files([path])
        Path(target).write_bytes(checked(answer).content)


def checked(answer: Any) -> Any:
    """An answer that is no error."""
    if answer.error:
        raise FailedError(answer.error)
    return answer
