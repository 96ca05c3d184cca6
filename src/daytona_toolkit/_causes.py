"""The errors that an error came from."""

from collections.abc import Iterator


def with_causes(error: BaseException) -> Iterator[BaseException]:
    """An error and its causes, also those that are hidden by `raise … from None`."""
    seen: set[int] = set()
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            links += [link.__context__, link.__cause__]
