"""Puts `***` in place of secrets, in results, errors and output."""

import re
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from heapq import heapify, heappop, heapreplace
from typing import Any, TypeVar, cast

from daytona_toolkit._result import Image, Part

T = TypeVar("T")

_MASK = "***"

# A shorter value, as in DEBUG=1 or MODE=prod, is not a secret, and text with stars in place of
# every 1 would be useless.
_SHORTEST = 6

# Where a cut has left a part of a secret, it is masked from this many characters on.
_PART = 4

# Half of a surrogate pair, which stands for a byte of a file name that is not UTF-8. Text
# with one cannot be sent to a model.
_SURROGATE = re.compile("[\ud800-\udfff]")


class Mask:
    """Puts `***` in place of secrets; called with a text, it returns one without them.

    Each line of a secret is a secret, too: a tool that reads lines shows one line of a key, and
    `$(cat token)` drops the newline at the end.

    Args:
        secrets: The texts to hide.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = set[str]()
        for secret in secrets:
            found |= {secret, *(line.strip() for line in secret.split("\n"))}
        found = {text for text in found if len(text) >= _SHORTEST}
        self._secrets = sorted(found, key=len, reverse=True)

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._secrets)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        shown, position = [], 0
        for start, end in self._places(text):
            shown += [text[position:start], _MASK]
            position = end
        return "".join((*shown, text[position:])) if shown else text

    def in_bytes(self, content: bytes) -> bytes:
        """The bytes of any file without secrets."""
        if not any(secret.encode(errors="surrogateescape") in content for secret in self._secrets):
            return content
        text = self(content.decode(errors="surrogateescape"))
        return text.encode(errors="surrogateescape")

    def of_bytes(self, content: bytes) -> str | bytes:
        """What to give `write` of bytes that may come from `in_bytes`.

        In a text it looks for lines of the file that have `***` for a secret, and refuses them.
        """
        is_masked = bool(self) and _MASK.encode() in content
        return content.decode(errors="surrogateescape") if is_masked else content

    def may_be_in(self, text: str) -> bool:
        """Whether a text has `***`, which may be a masked secret."""
        return bool(self) and _MASK in text

    def is_written_back(self, new: str, content: bytes) -> bool:
        """Whether a new text has a line of a file as it was shown, with `***` in it."""
        if not self.may_be_in(new):
            return False
        old = content.decode("utf-8", "surrogateescape")
        shown = set(self(old).splitlines()) - set(old.splitlines())
        return any(line.strip() in new for line in shown)

    def hide(self, value: T) -> T:
        """A result, a list of them, or an error, without secrets."""
        return cast("T", _with_texts(value, self)) if self._secrets else value

    def end(self, text: str) -> str:
        """The text without secrets, nor the beginning of one where it was cut."""
        shown, rest = self.split(text)
        return shown + (_MASK if len(rest) >= _PART else rest)

    def start(self, text: str) -> str:
        """The text without secrets, nor the end of one where it was cut."""
        for secret in self._secrets:
            at = max(1, len(secret) - len(text))
            while (at := secret.find(text[:1], at, len(secret) - _PART + 1)) > 0:
                if text.startswith(secret[at:]):
                    return _MASK + self(text[len(secret) - at :])
                at += 1
        return self(text)

    def split(self, text: str) -> tuple[str, str]:
        """What can be shown of a text that continues, and what must wait.

        The second part is the end of the text, if it may be the beginning of a secret.
        """
        places, cut = list(self._places(text)), len(text)
        for secret in self._secrets:
            at = max(0, len(text) - len(secret) + 1)
            while (at := text.find(secret[0], at, cut)) >= 0:
                # What is within a whole secret begins no other.
                if secret.startswith(text[at:]) and not any(i < at < j for i, j in places):
                    cut = at
                at += 1
        return self(text[:cut]), text[cut:]

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where secrets stand, from left to right; of those that begin at one place, the longest.

        To find one text after the other takes a tenth of the time of a pattern for all of them.
        """
        heap = [(text.find(secret), n, secret) for n, secret in enumerate(self._secrets)]
        heap = [each for each in heap if each[0] >= 0]
        heapify(heap)
        end = 0
        while heap:
            start, n, secret = heap[0]
            if start >= end:
                end = start + len(secret)
                yield start, end
            if (again := text.find(secret, end)) >= 0:
                heapreplace(heap, (again, n, secret))
            else:
                heappop(heap)


class MaskedOutput:
    """Passes the output of a command on to a callback, without secrets.

    A secret may arrive in pieces, so the end of a piece may have to wait for the next.

    Args:
        mask: Hides the secrets.
        callback: Takes the name of a stream and new text.
    """

    def __init__(self, mask: Mask, callback: Callable[[Any, str], Any]) -> None:
        self._mask = mask
        self._callback = callback
        self._kept: dict[str, str] = {}

    async def __call__(self, stream: str, text: str) -> None:
        """Pass on what can be shown now."""
        shown, self._kept[stream] = self._mask.split(self._kept.get(stream, "") + text)
        if shown:
            await self._callback(stream, shown)

    async def flush(self) -> None:
        """Pass on what was kept, at the end of the output."""
        kept, self._kept = self._kept, {}
        for stream, text in kept.items():
            if text:
                await self._callback(stream, self._mask(text))


def valid_unicode(value: T) -> T:
    """A result, a list of them, or an error, with U+FFFD in place of lone surrogates.

    Paths hold surrogates for bytes that are not UTF-8; text with one cannot be sent to a model.
    """
    return cast("T", _with_texts(value, lambda text: _SURROGATE.sub("\ufffd", text)))


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """The value with each text in it changed."""
    match value:
        case str():
            return change(value)
        case Image():
            return value
        case Part():
            changed = {name: _with_texts(each, change) for name, each in value}
            if all(changed[name] is each or changed[name] == each for name, each in value):
                return value
            return value.model_copy(update=changed)
        case list() | tuple():
            return type(value)(_with_texts(each, change) for each in value)
        case Exception():
            text = change(str(value))
            attributes = {name: _with_texts(each, change) for name, each in vars(value).items()}
            if text == str(value) and attributes == vars(value):
                return value
            shown = copy(value)
            shown.args = (text,)
            vars(shown).update(attributes)
            return shown
    return value
