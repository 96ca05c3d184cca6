"""Result, the base of all results: as a model, a program and a log see it."""

import base64
from abc import abstractmethod
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, PlainSerializer

from daytona_toolkit._text import printable

# A path may hold bytes that are not UTF-8. Here they are surrogates, as everywhere in
# Python, so that other operations take the path as it is; JSON has no place for such and
# shows them as \\xNN.
SandboxPath = Annotated[str, PlainSerializer(printable, return_type=str, when_used="json")]


class Outcome(NamedTuple):
    """How an operation went, for a log.

    Attributes:
        ok: Whether it did what was asked; a command that fails has not.
        words: The same in a few words.
    """

    ok: bool
    words: str


class Image(BaseModel):
    """A picture.

    Attributes:
        media_type: Its type, such as `image/png`.
        data: Its bytes in base64.
    """

    model_config = ConfigDict(frozen=True)

    media_type: str
    data: str

    @classmethod
    def of(cls, media_type: str, content: bytes) -> "Image":
        """Make one from its bytes."""
        return cls(media_type=media_type, data=base64.b64encode(content).decode())

    @property
    def content(self) -> bytes:
        """Its bytes."""
        return base64.b64decode(self.data)


class Part(BaseModel):
    """Base of what results are made of; frozen."""

    model_config = ConfigDict(frozen=True)


class Result(Part):
    """Base of all results: frozen, and JSON-safe through `model_dump(mode="json")`."""

    # The fields that `data` leaves out, as pydantic's `exclude` takes them.
    _without: ClassVar[Any] = None

    @abstractmethod
    def text(self) -> str:
        """What a model is told."""

    def __str__(self) -> str:
        return self.text()

    @abstractmethod
    def outcome(self) -> Outcome:
        """How the operation went, for a log."""

    def data(self) -> dict[str, Any]:
        """The same for programs, safe for JSON; without pictures' bytes and files' versions."""
        return self.model_dump(mode="json", exclude=self._without)

    def images(self) -> tuple[Image, ...]:
        """Pictures to show to a model beside the text."""
        return ()
