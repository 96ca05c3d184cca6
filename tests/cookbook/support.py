"""What the tests of the cookbook share."""

import os
from pathlib import Path

COOKBOOK = Path(__file__).parents[2] / "cookbook"

# What would have the cookbook use a real model, or a real Daytona.
_KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")


def offline() -> dict[str, str]:
    """The environment of somebody without any account."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _KEYS and not name.startswith("DAYTONA_")
    }
