"""The recorded session: sixty tool calls of a coding agent that mends and extends a program.

A package without a tool gets what a model does without it: grep, glob and ls become commands;
an edit becomes a read of the file and a write of all of it.
"""

import json
from pathlib import Path
from shlex import quote
from typing import Any

from benchmarks.peers import Output
from benchmarks.work import Job, Place

_RECORDED = json.loads(Path(__file__).with_name("session.json").read_text())
STEPS = _RECORDED["steps"]
_ORDERS = "".join(f"order-{n:06},pen,{n % 7 + 1},{n * 3 % 997}\n" for n in range(9000))


class Session:
    """One run through the session, in a folder.

    What the files should hold is kept here and put right after a step that went wrong, so
    that a failure counts once and does not spoil the steps behind it.
    """

    def __init__(self, at: Place, name: str) -> None:
        self.path, self.disk, self.runs = f"{at.path}/{name}", at.disk / name, f"{at.path}/runs"
        self.files: dict[str, str] = {**_RECORDED["files"], "data/orders.csv": _ORDERS}
        for file in self.files:
            self._mend(file)

    def step(self, index: int, word: str) -> Job:
        """A step, as a piece of work."""
        step = STEPS[index]
        tool, (name, *rest) = step["tool"], step["arguments"]
        seen = self.files.get(name, "")
        if tool in ("edit", "write"):
            self.files[name] = seen.replace(*rest) if tool == "edit" else rest[0]
        try:
            answer = yield lambda peer: self._do(peer, tool, name, rest, seen, word)
            if isinstance(answer, Output):
                code, answer = answer.exit_code, answer.text
                assert code in (step.get("code", 0), None), f"exit code {code}: {answer[-200:]}"
            if tool in ("edit", "write"):
                found = (self.disk / name).read_text()
                assert found == self.files[name], f"{name} has another content"
            else:
                shows = step.get("shows", "")
                assert shows in str(answer), f"no {shows!r} in it: {str(answer)[-200:]}"
        finally:
            if tool in ("edit", "write"):
                self._mend(name)

    def _do(self, peer: Any, tool: str, name: str, rest: list[Any], seen: str, word: str) -> Any:
        """Make the tool call, or what a model does without that tool."""
        path = f"{self.path}/{name}".removesuffix("/.")
        if tool == "exec":
            # Each command leaves a line, so that one that ran twice is found out.
            return peer.exec(f"echo {word} >>{self.runs}; cd {self.path}; {name}")
        if tool == "edit" and hasattr(peer, "edit"):
            return peer.edit(path, *rest, seen)
        if tool == "edit":
            peer.read(path)
            return peer.write(path, self.files[name])
        if tool == "read" and (peer.pages or not rest):
            return peer.read(path, *rest)
        if tool == "read":
            first, count = rest
            return peer.exec(f"sed -n '{first},{first + count - 1}p' {quote(path)}")
        if hasattr(peer, tool):
            return getattr(peer, tool)(path, *rest)
        commands = {"ls": "ls {}", "glob": "find {} -name {}", "grep": "grep -rnF -e {1} {0}"}
        return peer.exec(commands[tool].format(quote(path), *map(quote, rest)))

    def _mend(self, name: str) -> None:
        path = self.disk / name
        if not path.exists() or path.read_text() != self.files[name]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.files[name])
