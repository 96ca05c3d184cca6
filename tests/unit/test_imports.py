"""Which modules of the package import which."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import daytona_toolkit

ROOT = Path(daytona_toolkit.__file__).parent

# From the bottom up: a module imports only what is in its own layer or in one before it.
LAYERS = (
    ("errors", "limits"),
    ("_arguments", "_callbacks", "_causes", "_remote", "_result", "_text", "_workers", "sandboxes"),
    ("_cache", "_cursors", "_ledger", "_loop", "_masking", "_matching", "_probe"),
    ("_diff", "_tracing", "_transcript", "_workspace"),
    ("_entry", "_fetch", "_refusals", "_seen", "_search", "_transfer"),
    ("_operations", "results"),
    ("_session", "_twins"),
    ("_open", "_pool", "_sharing", "_tool"),
    ("tools",),
    ("testing", "__init__"),
)


def _imports(path: Path) -> Iterator[str]:
    """The modules of the package that a module imports, also late; not those for types alone."""
    for node in _statements(ast.parse(path.read_text("utf-8")).body):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                name = _module(f"{node.module}.{alias.name}") or _module(node.module)
                if name:
                    yield name


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements of a module but those for types alone."""
    for node in body:
        yield node
        is_for_types = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for name in ("orelse",) if is_for_types else ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, name, []))
        for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from _statements(part.body)


@cache
def _module(name: str) -> str | None:
    """A module of the package by its full name, without the package's."""
    root, _, rest = name.partition(".")
    path = ROOT.joinpath(*rest.split("."))
    is_module = path.with_suffix(".py").exists() or (path / "__init__.py").exists()
    return rest if root == ROOT.name and rest and is_module else None


@cache
def _graph() -> dict[str, set[str]]:
    graph = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        graph[name] = set(_imports(path)) - {name}
    return graph


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter(_graph()).prepare()


def test_imports_go_from_the_upper_layers_to_the_lower_ones() -> None:
    for module, imported in _graph().items():
        upward = {name for name in imported if _layer(name) > _layer(module)}
        assert not upward, f"{module} imports {upward}, which is in a layer above it"


def test_no_operation_imports_another() -> None:
    """What two of them need is in a module of its own."""
    for module, imported in _graph().items():
        top, _, rest = module.partition(".")
        if top == "_operations" and rest:
            own = f"_operations.{rest.partition('.')[0]}"
            others = {name for name in imported if name.startswith("_operations.")}
            assert {name for name in others if not f"{name}.".startswith(f"{own}.")} == set()


def _layer(module: str) -> int:
    if module.startswith("_operations.") and module.endswith(".tool"):
        module = "tools"
    top = module.partition(".")[0]
    layers = [number for number, names in enumerate(LAYERS) if top in names]
    assert layers, f"{top} is in no layer; add it to LAYERS"
    return layers[0]
