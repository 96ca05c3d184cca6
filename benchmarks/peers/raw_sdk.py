"""The Daytona SDK by itself, at its best: one request for each operation. This is the floor."""

from shlex import quote

from daytona import Daytona

from . import FailedError, Output, Peer


class RawSdk(Peer):
    def open(self, folder: str) -> None:
        self.daytona = Daytona()
        self.sandbox = self.daytona.create()

    def close(self) -> None:
        self.daytona.delete(self.sandbox)

    def exec(self, command: str) -> Output:
        answer = self.sandbox.process.exec(command)
        return Output(answer.result, int(answer.exit_code))

    def read(self, path: str, offset: int = 1, limit: int = 2000) -> str:
        if offset == 1:
            return (self.sandbox.fs.download_file(path) or b"").decode()
        # Downloading all of a file to show a page of it would be no floor.
        last = offset + limit - 1
        return self.exec(f"sed -n '{offset},{last}p;{last}q' {quote(path)}").text

    def write(self, path: str, content: str) -> None:
        self.sandbox.fs.upload_file(content.encode(), path)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replaces every occurrence; there are no checks."""
        [answer] = self.sandbox.fs.replace_in_files([path], old, new)
        if not answer.success:
            raise FailedError(answer.error)

    def ls(self, folder: str) -> list[str]:
        return [entry.name for entry in self.sandbox.fs.list_files(folder)]

    def glob(self, folder: str, name: str) -> list[str]:
        return list(self.sandbox.fs.search_files(folder, name).files)

    def grep(self, folder: str, text: str) -> list[tuple[str, int]]:
        return [(hit.file, int(hit.line)) for hit in self.sandbox.fs.find_files(folder, text)]


PEER = RawSdk
