"""The pages of the site and the other texts that readers meet, for the tests of them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

PAGES = sorted(DOCS.rglob("*.md"))

# What is read on GitHub or PyPI, and partly included in pages.
TEXTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    ROOT / "benchmarks/results.md",
    ROOT / "cookbook/README.md",
    *sorted(ROOT.glob("adapters/*/README.md")),
]


def name_of(path: Path) -> str:
    """A path as tests are called by."""
    return str(path.relative_to(ROOT))


def prose(text: str) -> str:
    """A text without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
