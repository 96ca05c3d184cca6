"""Run the server from a terminal: `python -m daytona_toolkit.testing --help`."""

import argparse
import os
import shlex
import signal
import sys
import threading
from typing import get_args

from daytona_toolkit.testing._server.recording import RecordedRequest
from daytona_toolkit.testing._server.server import DaytonaServer
from daytona_toolkit.testing._server.settings import Generation, Shell, first_shell

_RED, _YELLOW, _DIM, _PLAIN = "\033[31m", "\033[33m", "\033[2m", "\033[0m"


def main() -> None:
    """Serve until interrupted, and show every request."""
    server = DaytonaServer(**vars(_arguments()), on_request=show)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with server:
        for name, value in server.env.items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
        stop.wait()


def show(record: RecordedRequest) -> None:
    """Print a finished request as one line."""
    line = describe(record)
    if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
        line = f"{_color(record)}{line}{_PLAIN}"
    print(line, file=sys.stderr, flush=True)


def describe(record: RecordedRequest) -> str:
    """Return the line for a request."""
    sandbox = (record.sandbox_id or "")[:8]
    fault = f"  {record.fault}" if record.fault else ""
    return (
        f"{record.status or '---'}  {record.kind:<16} {sandbox:<8} {record.seconds * 1000:8.1f} ms"
        f" {record.bytes_in:>9} B in {record.bytes_out:>9} B out{fault}"
    )


def _color(record: RecordedRequest) -> str:
    if record.fault or record.status is None or record.status >= 500:
        return _RED
    return _YELLOW if record.status >= 400 else _DIM


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m daytona_toolkit.testing",
        description="A local server that speaks Daytona's wire protocol.",
        epilog="Evaluate the printed exports in the shell of a program that uses Daytona.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1, 0 for a free one")
    add("--api-key", default=DaytonaServer.api_key, help="the key that is let in")
    add("--shell", choices=get_args(Shell), default=first_shell(), help="runs commands")
    add("--latency", type=float, default=0.0, help="seconds added to every request")
    add("--start-delay", type=float, default=0.0, help="seconds until a sandbox has started")
    add(
        "--generation",
        choices=get_args(Generation),
        default=DaytonaServer.generation,
        help="shape of the daemon's errors",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
