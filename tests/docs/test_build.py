"""The site, built as it is published."""

import inspect
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from daytona_toolkit import SandboxSession
from tests.docs.pages import ROOT
from tests.docs.test_reference import described, resolved

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BUILD = ["uv", "run", "--project", str(ROOT), "--isolated", "--python", ">=3.11", "--group", "docs"]
BUILD += ["zensical", "build", "--strict"]


def copy_to(folder: Path) -> Path:
    """What the site is made of, in a folder where it can be built and broken."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.rstrip("\0").split("\0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site there."""
    return subprocess.run(BUILD, cwd=folder, capture_output=True, text=True, check=False)


class Page(HTMLParser):
    """What a page refers to, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given["id"]} if "id" in given else set()
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon"):
            self.loaded.append(given["href"])
        elif "src" in given:
            self.loaded.append(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_to(tmp_path_factory.mktemp("site"))
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """All pages, by their address in the site."""
    return {
        "/" + str(path.relative_to(site)).removesuffix("index.html"): Page(path.read_text())
        for path in site.rglob("*.html")
        if path.name != "404.html"
    }


def test_every_link_inside_leads_to_a_place(site: Path, pages: dict[str, Page]) -> None:
    dead = []
    for address, page in pages.items():
        for link in page.links:
            target = urlsplit(urljoin(f"https://this.site{address}", link))
            if target.netloc != "this.site":
                continue
            path, place = unquote(target.path), unquote(target.fragment)
            found = path in pages or (site / path.lstrip("/")).is_file()
            if not found or (place and path in pages and place not in pages[path].places):
                dead.append(f"{address} -> {link}")
    assert len(pages) > 20
    assert not dead


def test_a_reader_loads_nothing_from_elsewhere(pages: dict[str, Page]) -> None:
    outside = {link for page in pages.values() for link in page.loaded if "//" in link}
    assert not {link for link in outside if not link.startswith("data:")}


def test_every_described_name_is_there(pages: dict[str, Page]) -> None:
    places = set().union(*(page.places for page in pages.values()))
    names = {path for path in described() if not isinstance(resolved(path), ModuleType)}
    names |= {
        f"daytona_toolkit.SandboxSession.{name}"
        for name, method in inspect.getmembers(SandboxSession, inspect.isfunction)
        if not name.startswith("_") and not inspect.iscoroutinefunction(method)
    }
    assert names <= places


def test_models_find_all_pages(site: Path) -> None:
    listed = re.findall(r"\(<(\S+)>\)", (site / "llms.txt").read_text())
    assert len(listed) > 15
    for link in listed:
        assert (site / link.split("/daytona-toolkit/", 1)[1]).is_file(), link
    assert "def " in (site / "llms-full.txt").read_text()


@pytest.mark.parametrize(
    "broken",
    ["[nowhere](nothing.md)", "[nowhere](index.md#nothing)", "::: daytona_toolkit.Nothing"],
)
def test_what_leads_nowhere_stops_the_build(tmp_path: Path, broken: str) -> None:
    folder = copy_to(tmp_path)
    with (folder / "docs/index.md").open("a") as page:
        page.write(f"\n\n{broken}\n")
    assert build(folder).returncode != 0
