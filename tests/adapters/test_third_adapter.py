"""An adapter for a framework that nobody has heard of, from the public tool table alone."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from daytona_toolkit import SandboxSession
from daytona_toolkit.tools import Choice, Tool, choose


@dataclass
class Skill:
    """A tool, as the framework *Tinker* knows it: it takes text and pictures as replies."""

    name: str
    manual: str
    form: dict[str, Any]
    use: Callable[[dict[str, Any]], "Reply"]


@dataclass
class Reply:
    text: str
    pictures: list[str]
    went_wrong: bool
    record: dict[str, Any]


class Tinker:
    """The framework: it looks a skill up and uses it; any exception ends the conversation."""

    def __init__(self, skills: list[Skill]) -> None:
        self.skills = {skill.name: skill for skill in skills}

    def turn(self, name: str, filled_in: dict[str, Any]) -> Reply:
        return self.skills[name].use(filled_in)


# --- the adapter -------------------------------------------------------------------------
def skills(
    session: SandboxSession, tools: Choice = "core", prefix: str = "", line_numbers: bool = True
) -> list[Skill]:
    """The tools of a workspace as skills."""

    def skill(name: str, tool: Tool) -> Skill:
        def use(arguments: dict[str, Any]) -> Reply:
            shown = tool.run(session, arguments)
            pictures = [f"data:{i.media_type};base64,{i.data}" for i in shown.images]
            return Reply(shown.text, pictures, shown.is_error, shown.data)

        return Skill(name, tool.description, tool.schema(), use)

    rows = choose(tools, prefix, session=session, line_numbers=line_numbers)
    return [skill(name, tool) for name, tool in rows.items()]


# --- its end -----------------------------------------------------------------------------


def test_a_third_framework_does_the_main_job(session: SandboxSession) -> None:
    tinker = Tinker(skills(session, "all", prefix="box-"))
    assert set(tinker.skills["box-exec"].form["properties"]) >= {"command", "timeout"}

    program = "def add(a, b):\n    return a - b\nassert add(1, 2) == 3\n"
    assert not tinker.turn("box-write", {"file_path": "add.py", "content": program}).went_wrong
    assert tinker.turn("box-exec", {"command": "python3 add.py"}).record["exit_code"] == 1
    assert tinker.turn("box-edit", {"file_path": "add.py"}).went_wrong
    edit = {"file_path": "add.py", "old_string": "a - b", "new_string": "a + b"}
    assert "+    return a + b" in tinker.turn("box-edit", edit).text
    assert tinker.turn("box-exec", {"command": "python3 add.py"}).text == "[exit code 0]"


def test_the_adapter_is_short() -> None:
    source = inspect.getsource(sys.modules[__name__])
    _, adapter, _ = source.split("# --- ")[:3]
    assert len(adapter.splitlines()) < 60


def test_a_name_that_does_not_exist_is_the_frameworks_own_affair(session: SandboxSession) -> None:
    with pytest.raises(KeyError):
        Tinker(skills(session)).turn("job", {})
