"""What each package brings along when it is imported."""

import subprocess
import sys

import pytest

FRAMEWORKS = {
    "agents",
    "langchain",
    "langchain_core",
    "langgraph",
    "llama_index.core",
    "mcp",
    "pydantic_ai",
}
LATER = {"aiohttp", "daytona", "pytest"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "brings"),
    [
        ("daytona_toolkit.tools", set()),
        ("daytona_toolkit.testing", set()),
        ("daytona_toolkit_mcp", {"mcp"}),
        ("langchain_daytona_toolkit", {"langchain_core"}),
        ("llama_index.tools.daytona", {"llama_index.core"}),
        ("pydantic_ai_daytona_toolkit", {"pydantic_ai"}),
        ("openai_agents_daytona_toolkit", {"agents", "aiohttp", "mcp"}),  # the SDK's own
    ],
)
def test_a_package_imports_no_framework_but_its_own(package: str, brings: set[str]) -> None:
    program = f"import sys, {package}; print(*({FRAMEWORKS | LATER} & set(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert set(printed.split()) == brings
