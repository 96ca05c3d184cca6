"""pydantic-ai-backend: its DaytonaSandbox, called directly."""

from pydantic_ai_backends import DaytonaSandbox

from . import FailedError, Output, Peer


class PydanticAiBackend(Peer):
    def open(self, folder: str) -> None:
        # Its own default, /home/daytona, is a folder of Daytona's images.
        self.backend = DaytonaSandbox(work_dir=".")

    def close(self) -> None:
        self.backend.stop()

    def exec(self, command: str) -> Output:
        answer = self.backend.execute(command)
        return Output(answer.output, answer.exit_code, answer.truncated)

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        return checked(self.backend.read(path, offset - 1, limit))

    def write(self, path: str, content: str) -> None:
        answer = self.backend.write(path, content)
        if answer.error:
            raise FailedError(answer.error)

    def edit(self, path: str, old: str, new: str) -> None:
        answer = self.backend.edit(path, old, new)
        if answer.error:
            raise FailedError(answer.error)

    def ls(self, folder: str) -> list[str]:
        return [entry["name"] for entry in self.backend.ls_info(folder)]

    def glob(self, folder: str, name: str) -> list[str]:
        return [entry["path"] for entry in self.backend.glob_info(name, folder)]

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        found = self.backend.grep_raw(text, folder)
        if isinstance(found, str):
            raise FailedError(found)
        return [(hit["path"], hit["line_number"]) for hit in found]


def checked(answer: str) -> str:
    """An answer that is no error; errors come as text."""
    if answer.startswith("Error"):
        raise FailedError(answer)
    return answer


PEER = PydanticAiBackend
