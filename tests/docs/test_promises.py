"""Each promise names tests that exist."""

import re

from tests.docs.pages import DOCS, ROOT

PROMISES = (DOCS / "promises.md").read_text().split("\n## ")[1:]


def test_each_promise_names_tests_that_exist() -> None:
    assert len(PROMISES) == 11
    for promise in PROMISES:
        named = re.findall(r"^- \[.*\]\(\S+/main/(\S+)\)(.*(?:\n  .*)*)", promise, re.MULTILINE)
        assert named, promise
        for path, rest in named:
            source = (ROOT / path).read_text()
            for name in re.findall(r"`(test_\w+)`", rest):
                assert f"def {name}(" in source, f"{path} has no {name}"
