"""The address of a port."""

from collections.abc import Mapping

from pydantic import Field

from daytona_toolkit._result import Outcome, Result


class Preview(Result):
    """The address of a port of the sandbox.

    Attributes:
        url: Where a server on that port answers.
        headers: What each request from outside must bring; empty if nothing. They are
            credentials, so no repr, dump or tool shows them.
    """

    url: str
    headers: Mapping[str, str] = Field(default={}, repr=False, exclude=True)

    def text(self) -> str:
        """What a model is told: the address, and who can open it."""
        if not self.headers:
            return self.url
        return (
            f"{self.url}\n[private: a browser or program needs a token that you do not have. Give "
            "this URL to your user. In the workspace, use http://127.0.0.1 and the port.]"
        )

    def outcome(self) -> Outcome:
        """How the operation went, for a log."""
        return Outcome(True, self.url)
