"""The notebooks, as somebody runs them who has no account."""

import base64
import importlib.util
import re
import struct
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient

from tests.cookbook.support import COOKBOOK, offline

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted(path.stem for path in COOKBOOK.glob("*.ipynb"))

# Run in the kernel after each notebook.
LEFT_BEHIND = """
import threading
ours = ("daytona-toolkit", "daytona-server")
print([thread.name for thread in threading.enumerate() if thread.name.startswith(ours)])
%reset -f
"""

Run = Callable[[str], Any]


def source_of(name: str) -> Any:
    return nbformat.read(COOKBOOK / f"{name}.ipynb", as_version=4)


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def shown_by(cell: Any) -> dict[str, set[str]]:
    """What a cell shows, by kind: lines of text, without what is chance, such as their order."""
    shown: dict[str, list[str]] = {}
    for output in cell.get("outputs", []):
        for kind, data in (output.get("data") or {output["name"]: output["text"]}).items():
            shown.setdefault(kind, []).append("" if kind.startswith("image/") else data)
    return {kind: {*map(without_chance, "".join(shown[kind]).splitlines())} for kind in shown}


def without_chance(line: str) -> str:
    """A line without ids, numbers, names of temporary folders, and the width of columns."""
    line = re.sub(r"daytona-toolkit-\w{8}\b", "0", line)
    return " ".join(re.sub(r"[\w.:-]*\d[\w.:-]*", "0", line).split())


def text_of(notebook: Any) -> str:
    return "".join(out.text for out in outputs_of(notebook) if out.output_type == "stream")


def shown_in(notebook: Any, kind: str) -> str:
    """The only output of a media type."""
    (data,) = [out.data[kind] for out in outputs_of(notebook) if kind in out.get("data", {})]
    return str(data)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Executes a notebook. One kernel serves all: to import the frameworks takes longest."""
    with tempfile.TemporaryDirectory(prefix="nb-") as folder:
        # By a socket in a folder of our own: a port would be open to all of this machine.
        kernel = AsyncKernelManager(transport="ipc", connection_file=f"{folder}/kernel")
        places = dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "HOME"), folder)
        run_sync(kernel.start_kernel)(env=offline() | places, cwd=str(COOKBOOK))
        try:
            yield partial(execute, kernel)
        finally:
            run_sync(kernel.shutdown_kernel)(now=True)


def execute(kernel: AsyncKernelManager, name: str) -> Any:
    """Execute a notebook, and see that it shows something and leaves nothing behind."""
    notebook = source_of(name)
    stored = [shown_by(cell) for cell in notebook.cells]
    notebook.cells.append(nbformat.v4.new_code_cell(LEFT_BEHIND, id="left-behind"))
    client = NotebookClient(notebook, km=kernel, timeout=100)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()
    left_behind = notebook.cells.pop()
    assert left_behind.outputs[0].text == "[]\n"
    assert notebook.cells[-1].outputs
    # Readers of the site and of GitHub see what is stored.
    assert [shown_by(cell) for cell in notebook.cells] == stored, "uv run docs/_site/notebooks.py"
    # No warnings, no log.
    assert not [out.text for out in outputs_of(notebook) if out.get("name") == "stderr"]
    return notebook


def test_in_the_first_an_agent_finds_the_outage(run: Run) -> None:
    report = shown_in(run("01_langchain_agent"), "text/markdown")
    assert "`/api/checkout` was down from 12/May/2025:14:05:48 to 12/May/2025:14:19:05" in report


def test_in_the_second_an_agent_finds_its_way_in_our_source(run: Run) -> None:
    notebook = run("02_llama_index_tools")
    assert "is_error: True" in text_of(notebook)
    assert "src/limits.py, line " in shown_in(notebook, "text/markdown")


def test_in_the_third_two_agents_lose_no_edit(run: Run) -> None:
    notes = shown_in(run("03_two_frameworks"), "text/markdown")
    added, fixed = notes.split("## Fixed")
    assert (added.count("\n- "), fixed.count("\n- ")) == (4, 4)


def test_in_the_fourth_the_picture_is_really_there(run: Run) -> None:
    notebook = run("04_data_analysis")
    picture = base64.b64decode(shown_in(notebook, "image/png"))
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.endswith(b"IEND\xaeB`\x82")
    assert struct.unpack(">II", picture[16:24]) == (800, 450)
    # Empty axes take less than half of that.
    assert len(picture) > 30_000
    # The model has seen it, too.
    assert "tool image  image/png" in text_of(notebook)
    assert "a picture of 800 by 450 pixels. 365 days, 8 of them" in text_of(notebook)


def test_in_the_fifth_commands_are_followed_ended_and_polled(run: Run) -> None:
    printed = text_of(run("05_long_commands"))
    assert "2^1279 - 1 is prime" in printed
    assert "timed out: True" in printed
    assert "never reached\n" not in printed
    assert "The server answered with 200" in printed


def test_in_the_sixth_a_refused_call_is_not_run(run: Run) -> None:
    printed = text_of(run("06_approvals"))
    assert "refused  exec {'command': 'rm -v data/access.log'}" in printed
    assert "No: the log is needed." in printed
    assert "removed 'data/access.log.swp'" in printed
    assert "removed 'data/access.log'" not in printed
    assert "Tool exec not found" in printed


def test_in_the_seventh_sandboxes_are_met_again_and_deleted(run: Run) -> None:
    printed = text_of(run("07_daytona"))
    assert "another process, in <DaytonaSandbox" in printed
    assert "- Ask the payment provider about the 504s\n- They had an outage" in printed
    assert "left: []" in printed


def test_in_the_eighth_each_finds_what_the_last_one_left(run: Run) -> None:
    printed = text_of(run("08_five_frameworks"))
    assert "roman.py says: 2026 MMXXVI" in printed
    assert "test_roman.py tries 5 numbers with roman." in printed
    assert "It wrote IIII; now the test says: [exit code 0]" in printed
    assert "roman.py has made years.txt." in printed
    assert "\n5|2024 MMXXIV\n" in printed


def test_in_the_ninth_the_files_go_back_with_the_conversation(run: Run) -> None:
    printed = text_of(run("09_back_in_time"))
    assert "No test fails any more.\nprices.py\n" in printed
    assert "Now it passes: [exit code 0]" in printed
    assert "+    return sum(prices) * (1 - discount)" in printed
    assert "test_prices.py b/" not in printed


def test_in_the_tenth_each_conversation_finds_its_line_again(run: Run) -> None:
    printed = text_of(run("10_many_conversations"))
    assert "20 conversations, 8 sessions kept" in printed
    lines = [line for line in printed.splitlines() if len(line) == 64]
    assert len(lines) == 40
    assert lines == lines[::-1]
    assert sum(line.count("@") for line in lines) > 500
    assert printed.endswith("20 sandboxes removed\n")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_short_and_tells_nothing_of_whose_it_is(name: str) -> None:
    notebook = source_of(name)
    nbformat.validate(notebook)
    assert len(notebook.cells) < 10
    assert "execution" not in str([cell.metadata for cell in notebook.cells])
    assert str(COOKBOOK.parent) not in str(outputs_of(notebook))
    # Ids that a tool has made up would change with every save.
    assert all(cell.id.replace("-", "").isalpha() for cell in notebook.cells)


def test_the_notebooks_are_numbered_and_listed_in_order() -> None:
    assert [name[:2] for name in NOTEBOOKS] == [f"{n:02}" for n in range(1, len(NOTEBOOKS) + 1)]
    listed = (COOKBOOK / "README.md").read_text()
    places = [listed.index(f"({name}.ipynb)") for name in NOTEBOOKS]
    assert places == sorted(places)


def test_the_data_is_what_its_program_makes(tmp_path: Path) -> None:
    path = COOKBOOK / "make_data.py"
    spec = importlib.util.spec_from_file_location("make_data", path)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    for name, make in (("weather.csv", program.weather), ("access.log", program.access_log)):
        make(tmp_path / name)
        assert (tmp_path / name).read_bytes() == (COOKBOOK / "data" / name).read_bytes()
