"""What the errors of the Daytona SDK mean: which pass, which are ambiguous, and ours for each.

Everything is decided by HTTP status, which every version of the SDK tells in one way or
another; its classes came and went (nine before 0.201, more than thirty since).

Three questions are kept apart:

- `may_pass`: may the same request succeed if it is sent again? `retry_after` says when.
- `may_mean_not_running`: may the sandbox be stopped or gone? Its proxy answers 400, 401, 404 or 502
  then, so none of these says for certain what it seems to say.
- `translate`: which of our errors is it?
"""

import contextlib
import errno
import json
import os
import ssl
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from daytona_toolkit._causes import with_causes
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

_DASHBOARD = "https://app.daytona.io/dashboard"

# The status that each class stands for, for errors that carry none: the SDK raises some of
# them itself, without a request.
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

# The attribute of an error that says how often its request was sent.
ASKED = "daytona_toolkit_asked"

# From 520 on it is a CDN that had no answer of the server behind it, or not in time.
_RETRYABLE_STATUSES = (408, 425, 429, 502, 503, 504, *range(520, 531))
_AMBIGUOUS_STATUSES = (400, 401, 404, 410, 502)
_MISLED_STATUSES = (401, 404, 410)

# What a connection to the wrong server is answered, and a client that was taken for gone. As with a
# 500, nobody knows whether it comes again.
_ODD_STATUSES = (421, 499)

# Characters of what Daytona says that are shown: a proxy may answer with a page.
_SAID = 500

# Seconds that are taken for the longest that a Retry-After header can mean.
_LONGEST_PAUSE = 24 * 3600.0


class NotStartedError(Exception):
    """The daemon could start no process for a program, so nothing of it has run."""

    status = 503


class NotReachedError(Exception):
    """A sandbox that runs was not found, or not with credentials that Daytona has just taken."""

    status = 502


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed if it is sent again."""
    if isinstance(error, SandboxError) or lacks_descriptors(error):
        return False
    status = status_of(error)
    # A proxy that has not yet heard of a start says so with a 400.
    starting = status == 400 and "no IP address found" in str(error)
    return starting or status in _RETRYABLE_STATUSES or is_unclear(error)


def retry_after(error: Exception) -> float:
    """Seconds to wait before a request is sent again, where a rate limit names them; else 0."""
    for link in with_causes(error) if status_of(error) == 429 else ():
        for name, value in dict(getattr(link, "headers", None) or {}).items():
            if str(name).lower() == "retry-after":
                return _seconds(str(value))
    return 0.0


def may_mean_not_running(error: Exception) -> bool:
    """Whether the answer to a toolbox request may mean that the sandbox is not running."""
    return status_of(error) in _AMBIGUOUS_STATUSES and not _said_by_sandbox(error)


def may_be_misled(error: Exception) -> bool:
    """Whether the answer about a sandbox that runs comes from a proxy that does not find it."""
    return status_of(error) in _MISLED_STATUSES and not _said_by_sandbox(error)


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error stands for; 503 where no answer came, None for a bug."""
    import aiohttp

    if answered := _answered(error):
        return answered
    for link in with_causes(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return None
        if isinstance(link, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError)):
            return 503
    for kind in type(error).__mro__:
        if kind.__name__ in _STATUSES:
            return _STATUSES[kind.__name__]
    return None


def never_connected(error: BaseException) -> bool:
    """Whether no connection came about, so that nothing of the request was sent."""
    return _unconnected(error) is not None


def is_unclear(error: BaseException) -> bool:
    """Whether an answer came that may be another the next time, or always the same."""
    status = status_of(error)
    fails = status is not None and (status >= 500 or status in _ODD_STATUSES)
    return is_unreadable(error) or (fails and status not in _RETRYABLE_STATUSES)


def is_unreadable(error: BaseException) -> bool:
    """Whether an answer came that says nothing: half a JSON, no body, or no HTTP at all."""
    import aiohttp
    import pydantic

    # What the SDK trips over, and an answer that aiohttp could not take for one of HTTP.
    kinds = (
        *(json.JSONDecodeError, UnicodeDecodeError, LookupError, RecursionError),
        *(pydantic.ValidationError, AttributeError, aiohttp.ClientResponseError),
    )
    by_sdk = type(error).__module__.partition(".")[0] == "daytona"
    return (
        by_sdk
        and status_of(error) is None
        and any(isinstance(link, kinds) for link in with_causes(error))
    )


def lacks_descriptors(error: BaseException) -> bool:
    """Whether this process may open no more files and connections."""
    return any(
        isinstance(link, OSError) and link.errno in (errno.EMFILE, errno.ENFILE)
        for link in with_causes(error)
    )


def descriptor_limit() -> int | None:
    """How many files and connections this process may have; None for any number."""
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


@contextlib.contextmanager
def translated(subject: str, path: str | None = None, *, api_url: str = "") -> Iterator[None]:
    """Let nothing but our own errors out of a block, each chained to the SDK's.

    Args:
        subject: What the requests in it are about: `sandbox …`, `a new sandbox`.
        path: The file that they are about.
        api_url: Where they go; empty for Daytona itself.
    """
    try:
        yield
    except SandboxError as error:
        _forget_transport(error)
        raise
    except Exception as error:
        ours = translate(error, subject, path, api_url)
        _forget_transport(error)
        raise ours from error


def words_of(error: Exception) -> str:
    """What the SDK says, as a sentence; the status where it says nothing but what it tried."""
    text = " ".join(str(error).split())
    if len(text) > _SAID:
        text = f"{text[:_SAID]}…"
    if not text or text.endswith(":"):
        status = _answered(error)
        text += f" HTTP status {status} without a text" if status else type(error).__name__
    text = text.strip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def page(name: str, api_url: str) -> str:
    """` at …`, a page of Daytona's dashboard; nothing where the service is somebody else's."""
    host = urlsplit(api_url).hostname or "daytona.io"
    own = host == "daytona.io" or host.endswith(".daytona.io")
    return f" at {_DASHBOARD}/{name}" if own else ""


def _answered(error: BaseException) -> int | None:
    """The HTTP status that came back, if one did."""
    import aiohttp

    for link in with_causes(error):
        if isinstance(link, aiohttp.ClientResponseError):
            continue  # the SDK looks at statuses itself: this one aiohttp has made up
        # `status` is what the SDK's HTTP clients call it.
        for name in ("status_code", "status"):
            status = getattr(link, name, None)
            if isinstance(status, int) and status >= 400:
                return status
    return None


def translate(
    error: Exception, subject: str, path: str | None = None, api_url: str = ""
) -> SandboxError:
    """Our error for one of the SDK; arguments as for `translated`."""
    if isinstance(error, TimeoutError):
        return SandboxUnavailableError(f"Daytona gave no answer for {subject}. {error}")
    status, said, asked = status_of(error), words_of(error), _asked(error)
    if lacks_descriptors(error):
        limit = descriptor_limit()
        known = f" (its limit is {limit:,})" if limit else ""
        return SandboxUnavailableError(
            f"This process may open no more files and connections{known}, so nothing was sent for "
            f"{subject}. Close what is not needed, or raise the limit (`ulimit -n`)."
        )
    if unconnected := _unconnected(error):
        way, why, check = unconnected
        return SandboxUnavailableError(
            f"Daytona cannot be reached {way} for {subject}: {why}. Check {check}."
        )
    if path is not None and (about_path := _about_path(error, path, said)):
        return about_path
    match status:
        case 400 | 402 | 403 if "limit" in said.lower() or "quota" in said.lower():
            return QuotaError(
                f"A limit of your Daytona account was reached for {subject}: {said} Delete "
                "sandboxes that are not needed, or raise the limit, in Daytona's dashboard."
            )
        case 401 if _answered(error) is None:
            return AuthenticationError(
                "There are no Daytona credentials. Set DAYTONA_API_KEY to a key"
                f"{page('keys', api_url).replace(' at ', ' from ')}, or pass a DaytonaConfig."
            )
        case 401 | 403:
            keys = page("keys", api_url)
            return AuthenticationError(
                f"Daytona refused the credentials for {subject}: {said} Check DAYTONA_API_KEY"
                + (f"; keys and their permissions are{keys}." if keys else ".")
            )
        case 404 | 410:
            return SandboxGoneError(
                f"Daytona does not know {subject}: {said} It was deleted, its name is wrong, or it "
                "belongs to another account; what was in it cannot be reached."
            )
        case 400 | 409 | 422:
            return SandboxFailedError(
                f"Daytona refused a request for {subject}: {said} Correct what it complains of."
            )
        case 429:
            pause = retry_after(error)
            return SandboxUnavailableError(
                f"Daytona's rate limit for this account (429) refused a request for "
                f"{subject}{asked}: {said} Send fewer requests at once, and try again "
                + (f"in {pause:.0f} s." if pause else "later.")
            )
        case _ if status in _RETRYABLE_STATUSES or (status and is_unclear(error)):
            return SandboxUnavailableError(
                f"Daytona gave no useful answer for {subject}{asked}: {said} Try again later."
            )
    if is_unreadable(error):
        return SandboxUnavailableError(
            f"Daytona's answer for {subject}{asked} cannot be read: {said.splitlines()[0]} "
            "Check that nothing between here and Daytona changes its answers."
        )
    if answered := _answered(error):
        return SandboxFailedError(
            f"A request for {subject} was answered with HTTP status {answered}: {said} Find out "
            "what between here and Daytona refuses it."
        )
    return SandboxFailedError(
        f"The Daytona SDK failed for {subject}: {said} Try again; if it stays so, try another "
        "version of the package `daytona`."
    )


def _forget_transport(error: Exception) -> None:
    """Drop the causes of the SDK's error, and the frames that it came through.

    Its text repeats it, and some of it holds the headers of the request: the key.
    """
    for link in with_causes(error):
        if not isinstance(link, SandboxError):
            link.__cause__ = link.__context__ = link.__traceback__ = None


def _said_by_sandbox(error: Exception) -> bool:
    """Whether the daemon in the sandbox says so, and not what lies before it."""
    return getattr(error, "source", None) == "DAYTONA_DAEMON"


def _about_path(error: Exception, path: str, said: str) -> SandboxError | None:
    """The error for a file that could not be written, if it is the sandbox that says so."""
    match status_of(error):
        case 404 if _said_by_sandbox(error):
            return PathNotFoundError(
                f"{path!r} does not exist in the sandbox; choose another path.", path
            )
        case 403 if _said_by_sandbox(error):
            return PathDeniedError(
                f"The sandbox's user may not use {path!r}; choose another path.", path
            )
        case 400 if "directory" in said:
            return NotAFileError(f"{path!r} is a folder; give the path of a file.", path)
        case 400:
            return WriteFailedError(f"The sandbox could not take {path!r}: {said}", path)
    return None


def _asked(error: Exception) -> str:
    """`, asked … times`, where it was asked more than once."""
    times = getattr(error, ASKED, 1)
    return f", asked {times} times" if times > 1 else ""


def _unconnected(error: BaseException) -> tuple[str, str, str] | None:
    """Where no connection came about, why, and what to check."""
    import aiohttp

    proxy, variable = "through the proxy", "the variable that names it (HTTPS_PROXY)"
    for link in with_causes(error):
        if isinstance(link, aiohttp.ClientHttpProxyError):
            return proxy, f"{link.status} {link.message}", variable
        if isinstance(link, aiohttp.ClientConnectorError):
            way, check = "at", "the network and the address (DAYTONA_API_URL)"
            if isinstance(link, aiohttp.ClientProxyConnectionError):
                way, check = proxy, variable
            elif isinstance(link, aiohttp.ClientConnectorCertificateError):
                check = (
                    "the address (DAYTONA_API_URL), or name your authority's file in SSL_CERT_FILE"
                )
            number = link.os_error.errno
            # asyncio's own words repeat the address. The numbers of TLS are not the system's.
            if number and number > 0 and not isinstance(link.os_error, ssl.SSLError):
                why = os.strerror(number)
            else:
                why = str(link.os_error)
            return f"{way} {link.host}:{link.port}", why, check
    return None


def _seconds(value: str) -> float:
    """A Retry-After header: seconds, or a date."""
    try:
        if value.isdecimal():
            return min(float(value), _LONGEST_PAUSE)
        then = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return 0.0
    if then.tzinfo is None:  # it is in UTC, and names no zone
        then = then.replace(tzinfo=timezone.utc)
    return min(max(0.0, (then - datetime.now(timezone.utc)).total_seconds()), _LONGEST_PAUSE)
