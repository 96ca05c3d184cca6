"""How the reference shows methods that exist twice."""

from typing import Any

import griffe


class Twins(griffe.Extension):
    """Shows a method and its twin for `async` code once, under the name of the first.

    Both come from one coroutine function (`daytona_toolkit._twins`), which is all that can be read
    without running it.
    """

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Drop the twins, and what makes the others look like coroutine functions."""
        for name, member in list(cls.members.items()):
            if isinstance(member, griffe.Function) and "both" in decorators(member):
                member.labels.discard("async")
                member.decorators.clear()
            elif isinstance(member, griffe.Attribute) and str(member.value).startswith("awaited("):
                del cls.members[name]


def decorators(function: griffe.Function) -> set[str]:
    """The names of a function's decorators."""
    return {str(decorator.value) for decorator in function.decorators}
