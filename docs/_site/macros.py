"""What pages may call, between double braces: a notebook with its outputs, tables of what is."""

import html
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

from daytona_toolkit import Limits
from daytona_toolkit.tools import choose

ROOT = Path(__file__).parents[2]
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def define_env(env: Any) -> None:
    """Name the functions, as Zensical asks for it."""
    env.macro(cookbook)
    env.macro(limits)
    env.macro(notebook)
    env.macro(tool_table)


def cookbook() -> str:
    """The cookbook's own introduction, with links to the pages of its notebooks."""
    return (ROOT / "cookbook/README.md").read_text().replace(".ipynb)", ".md)")


def limits() -> str:
    """The fields of `Limits`, with their defaults."""
    rows = [
        f"| `{name}` | {field.default:,} | {field.description} |"
        for name, field in Limits.model_fields.items()
    ]
    return "\n".join(["| field | default | |", "|---|---|---|", *rows])


def notebook(name: str) -> str:
    """A notebook of the cookbook as a page, with the outputs that are stored in it."""
    cells = json.loads((ROOT / f"cookbook/{name}.ipynb").read_text())["cells"]
    return "\n\n".join(
        "".join(cell["source"]) if cell["cell_type"] == "markdown" else code(cell)
        for cell in cells
        if cell["source"]
    )


def code(cell: dict[str, Any]) -> str:
    """A cell of code, and what came of it."""
    shown = [fenced("python", "".join(cell["source"]))]
    for kind, outputs in groupby(cell["outputs"], key=lambda output: output["output_type"]):
        if kind == "stream":  # a kernel sends what is printed piece by piece
            shown.append(fenced("text", "".join(text for each in outputs for text in each["text"])))
        else:
            shown.extend(rendered(each["data"]) for each in outputs)
    return "\n\n".join(shown)


def rendered(data: dict[str, Any]) -> str:
    """What a cell shows, in the best form that a page has for it."""
    if "image/png" in data:
        return f"![](data:image/png;base64,{''.join(data['image/png']).strip()})"
    if "text/markdown" in data:
        return re.sub(r"^#", "###", "".join(data["text/markdown"]), flags=re.MULTILINE)
    return fenced("text", "".join(data["text/plain"]))


def fenced(language: str, text: str) -> str:
    """A block of code, whatever fences stand in it, without the colours of a terminal."""
    return f"~~~~{language}\n{COLOURS.sub('', text).strip(chr(10))}\n~~~~"


def tool_table() -> str:
    """Each row of the tool table: what a model is told of it, and which arguments it takes."""
    return "\n\n".join(
        f"### {tool.name} {{#daytona_toolkit.tools.{tool.name.upper()}}}\n\n"
        f"`{tool.name.upper()}`: {tool.title.lower()}; {hints(tool)}.\n\n"
        f"> {tool.description}\n\n"
        f"{arguments(tool.schema()['properties'])}"
        for tool in choose("all").values()
    )


def hints(tool: Any) -> str:
    """What a client may want to know before it lets a model call the tool."""
    if tool.read_only:
        return "changes nothing"
    words = [
        "may do away with what was there" if tool.destructive else "only adds",
        *(["is the same when repeated"] if tool.idempotent else []),
        *(["reaches whatever the sandbox reaches"] if tool.open_world else []),
    ]
    return ", ".join(words)


def arguments(properties: dict[str, Any]) -> str:
    """Arguments as a table."""
    rows = [
        f"| `{name}` | {schema['type']} | {html.escape(schema['description'])} |"
        for name, schema in properties.items()
    ]
    return "\n".join(["| argument | type | |", "|---|---|---|", *rows])
