"""The protocol's own conformance suite, against the server over HTTP.

It is written for a server made to be tested: most scenarios call a tool, or read a resource, of a
name that they prescribe. What they look for is looked for in `test_mcp.py` with our own tools.
"""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from daytona_toolkit_mcp import LIMITS, make_server

from daytona_toolkit import LocalSandbox, SandboxSession
from tests.adapters.mcp_ways import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SUITE = (
    "@modelcontextprotocol/conformance@0.2.0-alpha.12"  # the first with 2026-07-28; wants Node 22
)

# Scenarios that do not apply, by the reason.
FIXTURES = "wants a tool or a resource of a prescribed name"
UNUSED = "wants a part of the protocol that the server has no use for"
TASKS = "wants the tasks extension, which no client has yet; long commands are jobs"
HEADERS = "wants a tool that takes arguments from HTTP headers, and ours take none"
DOES_NOT_APPLY = {
    **dict.fromkeys(
        [
            "tools-call-simple-text",
            "tools-call-image",
            "tools-call-audio",
            "tools-call-embedded-resource",
            "tools-call-mixed-content",
            "tools-call-with-logging",
            "tools-call-error",
            "tools-call-with-progress",
            "tools-call-sampling",
            "tools-call-elicitation",
            "json-schema-2020-12",
            "elicitation-sep1034-defaults",
            "elicitation-sep1330-enums",
            "resources-read-text",
            "resources-read-binary",
            "resources-templates-read",
            "input-required-result-basic-elicitation",
            "input-required-result-basic-sampling",
            "input-required-result-basic-list-roots",
            "input-required-result-request-state",
            "input-required-result-multiple-input-requests",
            "input-required-result-multi-round",
            "input-required-result-non-tool-request",
            "input-required-result-result-type",
            "input-required-result-tampered-state",
            "input-required-result-capability-check",
        ],
        FIXTURES,
    ),
    **dict.fromkeys(
        [
            "logging-set-level",
            "completion-complete",
            "resources-subscribe",
            "resources-unsubscribe",
            "prompts-list",
            "prompts-get-simple",
            "prompts-get-with-args",
            "prompts-get-embedded-resource",
            "prompts-get-with-image",
        ],
        UNUSED,
    ),
    **dict.fromkeys(
        [
            "tasks-lifecycle",
            "tasks-capability-negotiation",
            "tasks-wire-fields",
            "tasks-request-state-removal",
            "tasks-mrtr-input",
            "tasks-request-headers",
            "tasks-dispatch-and-envelope",
            "tasks-required-task-error",
            "tasks-mrtr-composition",
        ],
        TASKS,
    ),
    "http-custom-header-server-validation": HEADERS,
}

# Single checks, of scenarios that apply.
CHECKS_THAT_DO_NOT_APPLY = {
    "sep-2549-prompts-list-caching-hints": UNUSED,
    "sep-2575-server-rejects-undeclared-capability": FIXTURES,
    "sep-2575-missing-capability-http-400": FIXTURES,
    "sep-2575-http-server-no-independent-requests-on-stream": FIXTURES,
    "sep-2575-server-no-log-without-loglevel": FIXTURES,
}


@pytest.mark.skipif(shutil.which("npx") is None, reason="needs npm")
def test_what_applies_of_the_suite_passes(tmp_path: Path) -> None:
    with SandboxSession(LocalSandbox(), limits=LIMITS) as session:
        session.write("a.txt", "one\n")
        with serving(make_server(session)) as url:
            arguments = ["server", "--url", f"{url}/mcp", "--suite", "all", "-o", str(tmp_path)]
            packages = ["--package", SUITE, "--package", "node@22"]
            done = subprocess.run(
                ["npx", "--yes", *packages, "--", "conformance", *arguments],
                capture_output=True,
                text=True,
                check=False,
            )
    assert "=== SUMMARY ===" in done.stdout, done.stderr

    failed = defaultdict(set)
    for checks in tmp_path.glob("server-*/checks.json"):
        scenario = re.sub(r"-\d{4}-\d\d-\d\dT.*", "", checks.parent.name.removeprefix("server-"))
        for check in json.loads(checks.read_text()):
            if check["status"] == "FAILURE" and check["id"] not in CHECKS_THAT_DO_NOT_APPLY:
                failed[scenario].add(f"{check['id']}: {check.get('errorMessage')}")
    # Those that do not apply fail, or they would have no place in the list.
    assert {name: failed[name] for name in failed if name not in DOES_NOT_APPLY} == {}
    assert set(failed) == set(DOES_NOT_APPLY)
    passed = done.stdout.count("✓")
    assert passed >= 15
