"""A span of OpenTelemetry for each operation, where `opentelemetry-api` is installed.

A span is called `daytona_toolkit.exec` and so on, belongs to the caller's trace, and says
which sandbox, what target and how it went. Contents of files and output are not in it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from daytona_toolkit._result import Outcome


class Note:
    """What is said of an operation when it has ended.

    Attributes:
        outcome: How it went.
    """

    outcome = Outcome(False, "cancelled")


@contextmanager
def span(operation: str, sandbox_id: str, target: str) -> Iterator[Note]:
    """Put an operation into a span, or do nothing."""
    note, tracer = Note(), _tracer()
    if tracer is None:
        yield note
        return
    attributes = {"daytona_toolkit.sandbox": sandbox_id, "daytona_toolkit.target": target}
    with tracer.start_as_current_span(
        f"daytona_toolkit.{operation}",
        attributes=attributes,
        # An exception may quote a command; its kind is the outcome.
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield note
        finally:
            current.set_attribute("daytona_toolkit.outcome", note.outcome.words)
            current.set_attribute("daytona_toolkit.ok", note.outcome.ok)


@cache
def _tracer() -> Any:
    """The tracer of this package; None without OpenTelemetry."""
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer("daytona_toolkit")
