"""The commands that texts tell a reader to type exist, with the options they are given."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, TEXTS, name_of

# tomllib is in Python from 3.11 on; this project needs no more of TOML than lists of names.
OURS = {
    "daytona-toolkit": "pyproject.toml",
    **{
        re.findall(r'^name = "(.*)"', path.read_text(), re.MULTILINE)[0]: name_of(path)
        for path in ROOT.glob("adapters/*/pyproject.toml")
    },
}

# What others make, and what a shell brings.
OTHERS = {".", "cd", "env", "export", "find", "git", "jupyter", "ls", "openssl", "sort", "zensical"}
OTHERS |= {"pip", "pipx"}


def commands(text: str) -> Iterator[list[str]]:
    """Every command in the blocks of a text that are for a terminal."""
    for kind, block in re.findall(
        r"^```(bash|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    ):
        block = block.replace("\\\n", " ")
        lines = block.splitlines()
        if kind == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            words = shlex.split(line.replace("…", ""), comments=True)
            start = 0
            for end, word in enumerate([*words, "&&"]):
                if word in ("&&", "|"):
                    if end > start:
                        yield words[start:end]
                    start = end + 1


def group_exists(name: str) -> bool:
    """Whether the project has such a group of dependencies."""
    return f"\n{name} = [" in (ROOT / "pyproject.toml").read_text()


def check(words: list[str]) -> None:
    """Fail where a command cannot be what it says."""
    match words:
        case ["pip" | "uv", "install", *names] | ["uv", "pip", "install", *names]:
            for name in names:
                check_package(name)
        case ["uvx", "daytona-toolkit-mcp", *options] | ["daytona-toolkit-mcp", *options]:
            check_options("daytona_toolkit_mcp", options)
        case ["uv", "run", *rest]:
            while rest and rest[0].startswith("-"):
                option = rest.pop(0)
                if option in ("--group", "--with", "--python"):
                    value = rest.pop(0)
                    assert option != "--group" or group_exists(value), value
            if rest:
                check(rest)
        case ["python" | "python3", "-m", "daytona_toolkit.testing", *options]:
            check_options("daytona_toolkit.testing", options)
        case ["claude", "mcp", "add", _, "--", *rest]:
            check(rest)
        case ["claude", "mcp", "add", "--transport", "http", _, url, "--header", _]:
            assert url.endswith("/mcp")
        case ["bash", program, *_] | [program, *_] if "/" in program:
            assert (ROOT / program).exists(), program
        case ["pytest", *names]:
            for name in names:
                assert "/" not in name or name.startswith("-") or (ROOT / name).exists(), name
        case ["python3", "-m", "venv", _]:
            pass
        case [program, *_]:
            assert program in OTHERS, f"{program}: teach this test what it is"


def check_package(requirement: str) -> None:
    """Fail where one of our own distributions has no such extra."""
    name, _, extras = requirement.partition("[")
    name = re.split(r"[<>=~!]", name)[0]
    if name in OURS and extras:
        known = (ROOT / OURS[name]).read_text().partition("[project.optional-dependencies]")[2]
        for extra in extras.rstrip("]").split(","):
            assert re.search(rf"^{extra} = \[", known, re.MULTILINE), requirement


def check_options(module: str, options: list[str]) -> None:
    """Fail where a command of ours does not know an option."""
    for option in options:
        assert not option.startswith("--") or option in help_of(module), option


@cache
def help_of(module: str) -> str:
    """What a command of ours says of itself."""
    ask = [sys.executable, "-m", module, "--help"]
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("path", [*PAGES, *TEXTS], ids=name_of)
def test_commands_exist(path: Path) -> None:
    for words in commands(path.read_text()):
        check(words)


@pytest.mark.parametrize(
    "wrong",
    [
        'pip install "daytona-toolkit[nothing]"',
        "uvx daytona-toolkit-mcp --nothing",
        "uv run cookbook/nothing.py",
        "uv run --group nothing pytest",
        "nothing",
    ],
)
def test_a_wrong_command_is_noticed(wrong: str) -> None:
    (words,) = commands(f"```bash\n{wrong}\n```\n")
    with pytest.raises(AssertionError):
        check(words)
