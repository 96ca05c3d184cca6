"""The Daytona SDK by itself, at its best: one request for each operation. This is the floor."""

import asyncio
import time

from daytona import Daytona, SessionExecuteRequest

from . import Base, FailedError, Output, tool


class Peer(Base):
    pages = False

    def open(self, folder: str) -> None:
        self.sandbox = Daytona().create()
        self.tools = self.sandbox.fs

    def exec(self, command: str) -> Output:
        answer = self.sandbox.process.exec(command)
        return Output(answer.result, int(answer.exit_code))

    def read(self, path: str, *window: int) -> str:
        return (self.sandbox.fs.download_file(path) or b"").decode()

    def write(self, path: str, content: str) -> None:
        self.sandbox.fs.upload_file(content.encode(), path)

    def edit(self, path: str, old: str, new: str, seen: str) -> None:
        """Replaces every occurrence; there are no checks."""
        [answer] = self.sandbox.fs.replace_in_files([path], old, new)
        if not answer.success:
            raise FailedError(answer.error)

    ls = tool("list_files", "path", then=lambda entries: [entry.name for entry in entries])
    glob = tool("search_files", "path", "pattern", then=lambda found: found.files)
    upload = tool("upload_file", "src", "dst")

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        return [(hit.file, int(hit.line)) for hit in self.sandbox.fs.find_files(folder, text)]

    def download(self, path: str, target: str) -> None:
        self.sandbox.fs.download_file(path, target)

    def background(self, command: str) -> str:
        return self.exec(f"{command} >/dev/null 2>&1 & echo $!").text.strip()

    def kill(self, job: str) -> None:
        self.exec(f"kill {job}")

    def live(self, command: str) -> list[tuple[str, float]]:
        process, seen = self.sandbox.process, list[tuple[str, float]]()
        process.create_session("live")
        request = SessionExecuteRequest(command=command, run_async=True)
        started = process.execute_session_command("live", request)
        note = lambda text: seen.append((text, time.time()))  # noqa: E731
        asyncio.run(process.get_session_command_logs_async("live", started.cmd_id, note, note))
        process.delete_session("live")
        return seen
