"""How the reference shows methods that exist twice."""

import ast
from copy import copy
from typing import Any

import griffe


class Twins(griffe.Extension):
    """Shows a method and its twin for `async` code once, under the name of the first.

    Both come from one coroutine function, which is all that can be read without running it. Those
    of a session come from a function elsewhere (`daytona_toolkit._twins`).
    """

    def on_class_members(self, *, node: ast.AST, cls: griffe.Class, **_: Any) -> None:
        """Find the methods that are made with their twins."""
        for each in getattr(node, "body", ()):
            match each:  # griffe itself passes over it
                case ast.Assign([ast.Tuple([ast.Name(name), _])], ast.Call(ast.Name("twins"))):
                    value = griffe.get_expression(each.value, parent=cls)
                    cls.set_member(name, griffe.Attribute(name, value=value, lineno=each.lineno))
        cls.members = dict(sorted(cls.members.items(), key=lambda item: item[1].lineno or 0))

    def on_class(self, *, cls: griffe.Class, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Put the methods of a session in their places, now that all modules have been read."""
        for name, member in list(cls.members.items()):
            if isinstance(member, griffe.Attribute) and str(member.value).startswith("twins("):
                path = member.value.arguments[0].canonical_path
                cls.set_member(name, method(member, loader.modules_collection[path]))


def method(attribute: griffe.Attribute, function: Any) -> griffe.Function:
    """The method that a function over a workspace becomes."""
    found = copy(function.final_target if function.is_alias else function)
    found.name, found.lineno, found.endlineno = attribute.name, attribute.lineno, attribute.lineno
    found.labels = set()
    _, *parameters = found.parameters
    found.parameters = griffe.Parameters(griffe.Parameter("self"), *parameters)
    return found
