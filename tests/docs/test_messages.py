"""The messages that a page explains are those that a reader meets."""

import re

from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "guides/troubleshooting.md"


def test_every_message_that_is_explained_exists() -> None:
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("adapters/**/*.py")]
    source = "\n".join(path.read_text() for path in files)
    joined = re.sub(r'"\s*f?"', "", source)  # a message in several lines
    messages = re.findall(r'(?<!\S)"([A-Za-z][^"]+)"', re.sub(r"`[^`]*`", "", PAGE.read_text()))
    assert len(messages) > 10
    assert [message for message in messages if message not in joined] == []
