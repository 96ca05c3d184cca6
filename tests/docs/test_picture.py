"""The picture of the quickstart shows what it prints."""

import html
import os
import re
import subprocess
import sys

import pytest

from tests.cookbook.support import offline
from tests.docs.pages import DOCS, ROOT

pytestmark = pytest.mark.slow


def plain(line: str) -> str:
    """A line without what differs from run to run."""
    return re.sub(r"/tmp/daytona-toolkit-\w+|[0-9]+", "*", line).strip()


def test_the_picture_shows_what_the_quickstart_prints() -> None:
    run = [sys.executable, "cookbook/quickstart.py"]
    environment = {**offline(), "COLUMNS": "84", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        run, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    printed = plain(done.stdout)
    texts = re.findall(
        r"<text [^>]*clip-path[^>]*>(.*?)</text>", (DOCS / "assets/quickstart.svg").read_text()
    )
    shown = [plain(html.unescape(text).replace("\xa0", " ")) for text in texts]
    assert len(shown) > 30
    assert not [text for text in shown if text not in printed]
