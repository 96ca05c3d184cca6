"""Times as the server writes them."""

from datetime import datetime, timezone


def rfc3339(seconds: float | None = None) -> str:
    """Return a time, by default now, as the API and the daemon's JSON write it."""
    return _utc(seconds).isoformat().replace("+00:00", "Z")


def go_time(seconds: float) -> str:
    """Return a time as Go's `time.Time.String` writes it."""
    return _utc(seconds).strftime("%Y-%m-%d %H:%M:%S.%f +0000 UTC")


def _utc(seconds: float | None) -> datetime:
    if seconds is None:
        return datetime.now(timezone.utc)
    return datetime.fromtimestamp(seconds, timezone.utc)
