"""No exception of the SDK escapes, and each becomes the right one of ours."""

import inspect

import pytest
from daytona.common import errors as sdk_errors

from daytona_toolkit import errors
from daytona_toolkit.errors import SandboxError
from daytona_toolkit.sandboxes._daytona.errors import may_pass, retry_after, translated

SDK_CLASSES = sorted(
    (
        kind
        for _, kind in inspect.getmembers(sdk_errors, inspect.isclass)
        if issubclass(kind, sdk_errors.DaytonaError)
    ),
    key=lambda kind: kind.__name__,
)

# By the class whose meaning is inherited; those that a version lacks are not looked up.
EXPECTED = {
    "DaytonaError": errors.SandboxFailedError,
    "DaytonaSpotEvictedError": errors.SandboxGoneError,
    "DaytonaConnectionError": errors.SandboxUnavailableError,
    "DaytonaTimeoutError": errors.SandboxUnavailableError,
    "DaytonaBadRequestError": errors.SandboxFailedError,
    "DaytonaValidationError": errors.SandboxFailedError,
    "DaytonaAuthenticationError": errors.AuthenticationError,
    "DaytonaForbiddenError": errors.AuthenticationError,
    "DaytonaAuthorizationError": errors.AuthenticationError,
    "DaytonaNotFoundError": errors.SandboxGoneError,
    "DaytonaConflictError": errors.SandboxFailedError,
    "DaytonaGoneError": errors.SandboxGoneError,
    "DaytonaUnprocessableEntityError": errors.SandboxFailedError,
    "DaytonaRateLimitError": errors.SandboxUnavailableError,
    "DaytonaInternalServerError": errors.SandboxUnavailableError,
    "DaytonaBadGatewayError": errors.SandboxUnavailableError,
    "DaytonaServiceUnavailableError": errors.SandboxUnavailableError,
}


def raised(error: Exception, path: str | None = None) -> SandboxError:
    with pytest.raises(SandboxError) as caught, translated("sandbox 'x'", path):
        raise error
    return caught.value


@pytest.mark.parametrize("kind", SDK_CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_of_the_sdk_has_its_error(kind: type[Exception]) -> None:
    meaning = next(base.__name__ for base in kind.__mro__ if base.__name__ in EXPECTED)
    original = kind("it failed")
    error = raised(original)
    assert type(error) is EXPECTED[meaning]
    assert error.__cause__ is original
    assert "sandbox 'x'" in str(error) or "DAYTONA_API_KEY" in str(error)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.SandboxFailedError),
        (401, errors.AuthenticationError),
        (403, errors.AuthenticationError),
        (404, errors.SandboxGoneError),
        (408, errors.SandboxUnavailableError),
        (409, errors.SandboxFailedError),
        (410, errors.SandboxGoneError),
        (422, errors.SandboxFailedError),
        (413, errors.SandboxFailedError),
        (429, errors.SandboxUnavailableError),
        (499, errors.SandboxUnavailableError),
        (500, errors.SandboxUnavailableError),
        (502, errors.SandboxUnavailableError),
        (503, errors.SandboxUnavailableError),
        (504, errors.SandboxUnavailableError),
        (507, errors.SandboxUnavailableError),
        (520, errors.SandboxUnavailableError),
    ],
)
def test_a_status_decides_where_the_class_does_not(
    status: int, expected: type[SandboxError]
) -> None:
    assert type(raised(sdk_errors.DaytonaError("it failed", status_code=status))) is expected


@pytest.mark.parametrize(
    ("status", "source", "expected"),
    [
        (400, None, errors.WriteFailedError),
        (403, "DAYTONA_DAEMON", errors.PathDeniedError),
        (404, "DAYTONA_DAEMON", errors.PathNotFoundError),
    ],
)
def test_an_error_about_a_file_is_one_that_a_model_can_react_to(
    status: int, source: str | None, expected: type[errors.PathError]
) -> None:
    said = sdk_errors.DaytonaError("it failed", status_code=status)
    said.source = source
    error = raised(said, path="/a b")
    assert type(error) is expected
    assert error.path == "/a b"


def test_what_no_version_of_the_sdk_should_raise_is_ours_all_the_same() -> None:
    for error in (KeyError("toolbox"), AttributeError("x"), RuntimeError("Session is closed")):
        assert type(raised(error)) is errors.SandboxFailedError


@pytest.mark.parametrize(
    ("api_url", "named"),
    [("", True), ("https://app.daytona.io/api", True), ("https://daytona.io.example/api", False)],
)
def test_daytonas_pages_are_named_for_daytona_alone(api_url: str, named: bool) -> None:
    with pytest.raises(SandboxError) as caught, translated("sandbox 'x'", api_url=api_url):
        raise sdk_errors.DaytonaError("no", status_code=401)
    assert ("https://app.daytona.io/dashboard/keys" in str(caught.value)) is named


def test_an_error_brings_no_frames_of_the_sdk() -> None:
    """Their local variables hold the headers of the request."""
    assert raised(sdk_errors.DaytonaError("it failed", status_code=500)).__cause__
    with pytest.raises(SandboxError) as caught, translated("sandbox 'x'"):
        raise sdk_errors.DaytonaError("it failed", status_code=500)
    assert caught.value.__cause__
    assert caught.value.__cause__.__traceback__ is None


def test_a_process_without_descriptors_names_the_limit() -> None:
    error = sdk_errors.DaytonaError("it failed")
    error.__cause__ = OSError(24, "Too many open files")
    assert not may_pass(error)
    assert "ulimit -n" in str(raised(error))


def test_a_page_in_the_place_of_an_answer_is_not_shown_whole() -> None:
    error = sdk_errors.DaytonaError(f"Failed: <html>{'x' * 100_000}", status_code=502)
    assert len(str(raised(error))) < 1_000


def test_our_own_errors_pass_unchanged() -> None:
    error = errors.SandboxGoneError("gone")
    assert raised(error) is error


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 -0000"}, 0.0),
        ({"Retry-After": "soon"}, 0.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "²"}, 0.0),
        ({"Retry-After": "9" * 400}, 86_400.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -0000"}, 86_400.0),
        ({"Retry-After": f"Fri, 31 Dec 2100 23:59:59 +{'9' * 30}"}, 0.0),
        ({}, 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(headers: dict[str, str], pause: float) -> None:
    error = sdk_errors.DaytonaRateLimitError("slow down", status_code=429, headers=headers)
    assert may_pass(error)
    assert retry_after(error) == pause
