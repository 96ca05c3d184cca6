"""What the errors of the Daytona SDK mean: which pass, which leave doubt, and ours for each.

Everything is decided by HTTP status, which every version of the SDK tells in one way or
another; its classes came and went (nine before 0.201, more than thirty since).

Three questions are kept apart:

- `pause_before_retry`: may the same request succeed if it is sent again?
- `leaves_doubt`: may the sandbox be stopped or gone? Its proxy answers 400, 401, 404 or 502
  then, so none of these says for certain what it seems to say.
- `translate`: which of our errors is it?
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar

import anyio
import stamina

from daytona_toolkit.errors import (
    AuthenticationError,
    NotAFileError,
    PathDeniedError,
    PathNotFoundError,
    QuotaError,
    SandboxError,
    SandboxFailedError,
    SandboxGoneError,
    SandboxUnavailableError,
    WriteFailedError,
)

T = TypeVar("T")

KEYS_PAGE = "https://app.daytona.io/dashboard/keys"

# One request is sent at most so often, and not again after so many seconds. Between two
# attempts are seconds that double each time, and up to so many more by chance.
_ATTEMPTS = 10
_BUDGET = 30.0
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 3.0
_JITTER = 0.2

# The status behind each class, for errors that carry none: the SDK raises some of them
# itself, without a request.
_STATUSES = {
    "DaytonaSpotEvictedError": 410,
    "DaytonaConnectionError": 503,
    "DaytonaTimeoutError": 504,
    "DaytonaBadRequestError": 400,
    "DaytonaValidationError": 400,
    "DaytonaAuthenticationError": 401,
    "DaytonaForbiddenError": 403,
    "DaytonaAuthorizationError": 403,
    "DaytonaNotFoundError": 404,
    "DaytonaConflictError": 409,
    "DaytonaGoneError": 410,
    "DaytonaUnprocessableEntityError": 422,
    "DaytonaRateLimitError": 429,
    "DaytonaInternalServerError": 500,
    "DaytonaBadGatewayError": 502,
    "DaytonaServiceUnavailableError": 503,
}

_PASSING = (408, 429, 502, 503, 504)
_DOUBTFUL = (400, 401, 404, 410, 502)


async def retried(
    request: Callable[[], Awaitable[T]], *, deadline: float, also: tuple[int, ...] = ()
) -> T:
    """Send a request, again where that may help. It must be one that may be sent twice.

    Args:
        request: Sends it.
        deadline: When nobody waits any more, on the running loop's clock.
        also: Statuses that pass here, besides those that always do.
    """
    clock = asyncio.get_running_loop().time

    left = max(0.01, deadline - clock())

    def hook(error: Exception) -> bool | float:
        pause = status_of(error) in also or pause_before_retry(error)
        # A wait that nobody will see the end of is not begun.
        return pause if pause is False or pause < deadline - clock() else False

    try:
        with anyio.fail_after(left):
            async for attempt in stamina.retry_context(
                on=hook,
                attempts=None if also else _ATTEMPTS,
                timeout=left if also else min(left, _BUDGET),
                wait_initial=_FIRST_WAIT,
                wait_max=_LONGEST_WAIT,
                wait_jitter=_JITTER,
            ):
                with attempt:
                    return await request()
    except TimeoutError:
        raise TimeoutError(f"There was no answer within {left:.3g} s.") from None
    raise AssertionError("the last attempt raises")


def pause_before_retry(error: Exception) -> bool | float:
    """Whether to send a request again, and the seconds to wait first if Daytona named them."""
    if isinstance(error, SandboxError):
        return False
    status = status_of(error)
    if status == 429:
        return _retry_after(error) or True
    # A proxy that has not yet heard of a start says so with a 400.
    return status in _PASSING or (status == 400 and "no IP address found" in str(error))


def leaves_doubt(error: Exception) -> bool:
    """Whether the answer to a toolbox request may mean that the sandbox is not running."""
    said_by_sandbox = getattr(error, "source", None) == "DAYTONA_DAEMON"
    return status_of(error) in _DOUBTFUL and not said_by_sandbox


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error stands for; 503 where no answer came, None for a bug."""
    import aiohttp

    if answered := _answered(error):
        return answered
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return None
        if isinstance(link, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)):
            return 503
    for kind in type(error).__mro__:
        if kind.__name__ in _STATUSES:
            return _STATUSES[kind.__name__]
    return None


@contextlib.contextmanager
def translated(subject: str, path: str | None = None) -> Iterator[None]:
    """Let nothing but our own errors out of a block, each chained to the SDK's.

    Args:
        subject: What the requests in it are about: `sandbox …`, `a new sandbox`.
        path: The file that they are about.
    """
    try:
        yield
    except SandboxError as error:
        _forget_transport(error)
        raise
    except Exception as error:
        ours = translate(error, subject, path)
        _forget_transport(error)
        raise ours from error


def _answered(error: BaseException) -> int | None:
    """The HTTP status that came back, if one did."""
    for link in _chain(error):
        # `status` is what the SDK's HTTP clients call it.
        for name in ("status_code", "status"):
            status = getattr(link, name, None)
            if isinstance(status, int) and status >= 400:
                return status
    return None


def translate(error: Exception, subject: str, path: str | None = None) -> SandboxError:
    """Our error for one of the SDK; arguments as for `translated`."""
    if isinstance(error, TimeoutError):
        return SandboxUnavailableError(f"Daytona gave no answer for {subject}. {error}")
    status, said = status_of(error), _said(error)
    if path is not None and (about_path := _about_path(status, path, said)):
        return about_path
    match status:
        case 400 | 402 | 403 if "limit" in said.lower() or "quota" in said.lower():
            return QuotaError(
                f"Your Daytona account allows no more for {subject}: {said} Delete sandboxes that "
                "are not needed, or raise the limit, in Daytona's dashboard."
            )
        case 401 if _answered(error) is None:
            return AuthenticationError(
                f"There are no Daytona credentials. Set DAYTONA_API_KEY to a key from {KEYS_PAGE}, "
                "or pass a DaytonaConfig."
            )
        case 401 | 403:
            return AuthenticationError(
                f"Daytona refused the credentials for {subject}: {said} Check DAYTONA_API_KEY; "
                f"keys and their permissions are at {KEYS_PAGE}."
            )
        case 404 | 410:
            return SandboxGoneError(
                f"Daytona does not know {subject} (any more): {said} It was deleted, or the "
                "name or the account is another; what was in it cannot be reached."
            )
        case 400 | 409 | 422:
            return SandboxFailedError(f"Daytona refused a request for {subject}: {said}")
        case 408 | 429 | 500 | 502 | 503 | 504:
            return SandboxUnavailableError(
                f"Daytona gave no useful answer for {subject}, however often it was asked: {said} "
                "Try again later."
            )
    return SandboxFailedError(f"The Daytona SDK failed for {subject}: {said}")


def _forget_transport(error: Exception) -> None:
    """Drop what stands behind the SDK's error.

    Its text repeats it, and some of it holds the headers of the request: the key.
    """
    for link in _chain(error):
        if not isinstance(link, SandboxError):
            link.__cause__ = link.__context__ = None


def _about_path(status: int | None, path: str, said: str) -> SandboxError | None:
    """The error for a file that the sandbox did not take or give."""
    match status:
        case 404:
            return PathNotFoundError(f"{path!r} does not exist in the sandbox.", path)
        case 403:
            return PathDeniedError(
                f"The sandbox's user may not use {path!r}; choose another path.", path
            )
        case 400 if "directory" in said:
            return NotAFileError(f"{path!r} is a folder; give the path of a file.", path)
        case 400 | 500:
            return WriteFailedError(f"The sandbox could not take or give {path!r}: {said}", path)
    return None


def _said(error: Exception) -> str:
    """What the SDK says, as a sentence."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _retry_after(error: Exception) -> float:
    """Seconds that a Retry-After header asks for; 0 without one."""
    for link in _chain(error):
        for name, value in dict(getattr(link, "headers", None) or {}).items():
            if str(name).lower() == "retry-after":
                return _seconds(str(value))
    return 0.0


def _seconds(value: str) -> float:
    """A Retry-After header: seconds, or a date."""
    if value.isdigit():
        return float(value)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (then - datetime.now(timezone.utc)).total_seconds())


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it; before 0.201 the SDK hides them, but keeps them."""
    seen: set[int] = set()
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            links += [link.__context__, link.__cause__]
