"""Links inside the project lead somewhere, wherever a text is read."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, TEXTS, name_of, prose

SITE = "https://daytona-toolkit.github.io/daytona-toolkit/"
FILES = re.compile(
    r"https://(?:github\.com/daytona-toolkit/daytona-toolkit/(?:blob|tree)"
    r"|raw\.githubusercontent\.com/daytona-toolkit/daytona-toolkit)/main/"
)


def links(text: str) -> list[str]:
    """Where the links and pictures of a text lead to, without the places inside of pages."""
    found = re.findall(r"\]\(<?([^)\s>]+)|^\[[^\]]+\]: (\S+)$", prose(text), re.MULTILINE)
    targets = [("".join(each)).partition("#")[0] for each in found]
    return [target for target in targets if target]


def leads_somewhere(link: str, folder: Path) -> bool:
    """Whether a link has a target; those to other sites are taken on trust."""
    if link.startswith(SITE):
        page = link.removeprefix(SITE).rstrip("/") or "index"
        return (DOCS / f"{page}.md").exists() or (DOCS / page / "index.md").exists()
    if FILES.match(link):
        return (ROOT / FILES.sub("", link)).exists()
    return link.startswith("https://") or (folder / link).exists()


@pytest.mark.parametrize("path", [*PAGES, *TEXTS], ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    dead = [link for link in links(path.read_text()) if not leads_somewhere(link, path.parent)]
    assert not dead


@pytest.mark.parametrize(
    "path",
    [path for path in TEXTS if path.name == "README.md" and "cookbook" not in str(path)],
    ids=name_of,
)
def test_links_of_a_readme_work_on_pypi(path: Path) -> None:
    assert [link for link in links(path.read_text()) if not link.startswith("https://")] == []


def test_a_dead_link_is_noticed() -> None:
    assert not leads_somewhere("nothing.md", DOCS)
    assert not leads_somewhere(SITE + "nothing/", DOCS)
    blob = "https://github.com/daytona-toolkit/daytona-toolkit/blob/main/"
    assert not leads_somewhere(blob + "nothing", DOCS)
    assert leads_somewhere(blob + "LICENSE", DOCS)
    assert leads_somewhere(SITE, DOCS)
