"""Keeping secrets out of what is shown."""

import re
from collections.abc import Awaitable, Callable, Iterable
from copy import copy
from typing import Any, TypeVar

from daytona_toolkit.results import Image, Result

T = TypeVar("T")

_MASK = "***"

# A shorter value, as in DEBUG=1 or MODE=prod, is no secret, and text that has stars for
# every 1 in it is of no use.
_SHORTEST = 6

# Half of a surrogate pair, which stands for a byte of a file name that is not UTF-8. Text
# with one cannot be sent to a model.
_SURROGATE = re.compile("[\ud800-\udfff]")


class Mask:
    """Puts `***` in place of secrets; called with a text, it returns one without them.

    Args:
        secrets: The texts to hide.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {secret for secret in secrets if len(secret) >= _SHORTEST}
        self._secrets = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._secrets)))

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        return self._pattern.sub(_MASK, text) if self._secrets else text

    def hidden(self, value: T) -> T:
        """A result, a list of them, or an error, fit to be shown: no secrets, valid Unicode."""
        return self._hidden(value)  # type: ignore[no-any-return]

    def _hidden(self, value: Any) -> Any:
        match value:
            case str():
                return _SURROGATE.sub("\ufffd", self(value))
            case Image():
                return value
            case Result():
                return value.model_copy(update={name: self._hidden(v) for name, v in value})
            case list() | tuple():
                return type(value)(map(self._hidden, value))
            case Exception():
                shown = copy(value)
                shown.args = (self._hidden(str(value)),)
                return shown
        return value

    def split(self, text: str) -> tuple[str, str]:
        """What can be shown of a text that goes on, and what to wait with.

        The second part is the end of the text, if it may be the beginning of a secret.
        """
        if not self._secrets:
            return text, ""
        whole = [match.span() for match in self._pattern.finditer(text)]
        for start in range(max(0, len(text) - len(self._secrets[0]) + 1), len(text)):
            end = text[start:]
            if any(len(s) > len(end) and s.startswith(end) for s in self._secrets) and not any(
                first < start < last for first, last in whole
            ):
                return self(text[:start]), end
        return self(text), ""


class MaskedOutput:
    """Hands the output of a command on to a callback, without secrets.

    A secret may arrive in pieces, so the end of a piece may have to wait for the next.

    Args:
        mask: Hides the secrets.
        callback: Takes the name of a stream and new text; it may be a coroutine function
            where what calls this awaits the answer.
    """

    def __init__(self, mask: Mask, callback: Callable[[Any, str], Any]) -> None:
        self._mask = mask
        self._callback = callback
        self._kept: dict[str, str] = {}

    def __call__(self, stream: str, text: str) -> Awaitable[Any] | None:
        """Hand on what can be shown now, and return what the callback does."""
        shown, self._kept[stream] = self._mask.split(self._kept.get(stream, "") + text)
        return self._callback(stream, shown) if shown else None

    def rest(self) -> list[Awaitable[Any] | None]:
        """Hand on what was kept: nothing follows any more."""
        kept, self._kept = self._kept, {}
        return [self._callback(stream, self._mask(text)) for stream, text in kept.items() if text]
