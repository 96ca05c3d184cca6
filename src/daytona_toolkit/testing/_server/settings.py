"""What a test may choose about the server, before it starts or while it runs."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from daytona_toolkit.testing._server.recording import RecordedRequest

Generation = Literal["old", "new"]
Shell = Literal["zsh", "bash", "sh", "dash", "busybox"]


def first_shell() -> Shell:
    """Return the shell that the daemon would choose here: zsh, else bash, else sh."""
    shells: tuple[Shell, ...] = get_args(Shell)[:2]
    return next((shell for shell in shells if shutil.which(shell)), "sh")


@dataclass(kw_only=True)
class Settings:
    """The knobs of a server. All but `port` may be changed at any moment.

    Attributes:
        port: Port on 127.0.0.1; 0 takes a free one.
        api_key: The only key that is let in.
        shell: Shell that runs commands. By default the first of zsh, bash and sh that this machine
            has, which is the daemon's order; Daytona's default images have zsh.
        latency: Seconds added to every request.
        generation: "old" is v0.190: uploads truncate a file and stream into it, errors have empty
            bodies from the file endpoints and prefixed messages elsewhere. "new" moves uploads
            into place, and its errors have JSON with `code` and `source`.
        home_is_work_dir: Whether new sandboxes work in their home, as Daytona's own snapshots do,
            and not in an empty folder.
        drain: Seconds after the end of a command for which a child in the background that holds
            its output keeps the answer back; None for as long as the child lives. v0.190 has 30 if
            its reaper is faster than its waiting, and else None.
        start_delay: Seconds that a sandbox takes to start.
        answer_creating: Whether `create` answers `creating` at once instead of waiting.
        destroying_for: Seconds that a deleted sandbox is still found, in state `destroying`.
        stopped_status: What the toolbox answers for a sandbox that is not running: 400, or 502
            with an empty body.
        gone_status: What the toolbox answers for a sandbox without a record: 401, 400, 404, or
            502 with an empty body.
        quota: How many sandboxes may exist; `create` beyond that is refused.
        quota_status: How it is refused, 403 or 400.
        snapshots: Snapshot names that `create` knows.
        on_request: Called on the server's thread with every finished request.
    """

    port: int = 0
    api_key: str = "test-key"
    shell: Shell = field(default_factory=first_shell)
    latency: float = 0.0
    generation: Generation = "old"
    home_is_work_dir: bool = False
    drain: float | None = None
    start_delay: float = 0.0
    answer_creating: bool = False
    destroying_for: float = 0.2
    stopped_status: int = 400
    gone_status: int = 401
    quota: int | None = None
    quota_status: int = 403
    snapshots: set[str] = field(
        default_factory=lambda: {"daytona-small", "daytona-medium", "daytona-large"}
    )
    on_request: Callable[[RecordedRequest], None] | None = None
