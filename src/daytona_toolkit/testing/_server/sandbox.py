"""One sandbox: its record in the control plane and its folder and machine."""

import os
import shutil
import stat
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from daytona_toolkit.testing._server.go import rfc3339
from daytona_toolkit.testing._server.machine import USER, Machine, is_confined
from daytona_toolkit.testing._server.settings import Settings

if TYPE_CHECKING:
    from daytona_toolkit.testing._server.toolbox.sessions import Session

ORGANIZATION = "00000000-0000-4000-8000-000000000000"
REGION = "local"
DAEMON_VERSION = "0.190.0"

_SHELLS = {
    "zsh": ["zsh"],
    "bash": ["bash"],
    "sh": ["sh"],
    "dash": ["dash"],
    "busybox": ["busybox", "sh"],
}

# What the API keeps from a create request and repeats in every answer.
_KEPT = (
    "snapshot",
    "autoStopInterval",
    "autoPauseInterval",
    "autoArchiveInterval",
    "autoDeleteInterval",
    "queueTimeout",
    "networkAllowList",
    "domainAllowList",
    "volumes",
)
_LEFT_OUT_OF_LISTS = ("env", "kvm", "volumes", "buildInfo")


class Sandbox:
    """A sandbox, made from the body of a create request.

    Attributes:
        id: Its id.
        name: Its name.
        state: Its state, one of Daytona's words.
        dto: The record as the API answers it, but for what is kept as attributes here.
        folder: All that it owns on disk: `home`, `work`, `tmp` and the daemon's own files.
        machine: Runs its programs.
        sessions: Its process sessions.
    """

    def __init__(
        self, params: dict[str, Any], settings: Settings, root: Path, toolbox: str
    ) -> None:
        self.id = str(uuid.uuid4())
        self.name: str = params.get("name") or self.id
        self.state = "creating"
        self.settings = settings
        self.signing_key = uuid.uuid4().hex
        self.sessions: dict[str, Session] = {}
        self.folder = root / self.id
        self.home = self.folder / "home"
        self.work_dir = self.home if settings.home_is_work_dir else self.folder / "work"
        self.dto: dict[str, Any] = {
            "organizationId": ORGANIZATION,
            "user": params.get("user") or USER,
            "env": params.get("env") or {},
            "labels": params.get("labels") or {},
            "public": bool(params.get("public")),
            "networkBlockAll": bool(params.get("networkBlockAll")),
            "kvm": bool(params.get("kvm")),
            "target": params.get("target") or REGION,
            "cpu": params.get("cpu") or 1,
            "gpu": params.get("gpu") or 0,
            "memory": params.get("memory") or 1,
            "disk": params.get("disk") or 3,
            "autoStopInterval": 15,
            "autoArchiveInterval": 7 * 24 * 60,
            "autoDeleteInterval": -1,
            "createdAt": rfc3339(),
            "updatedAt": rfc3339(),
            "lastActivityAt": rfc3339(),
            "sandboxClass": "linux",
            "daemonVersion": DAEMON_VERSION,
            "toolboxProxyUrl": toolbox,
            **{key: params[key] for key in _KEPT if params.get(key) is not None},
        }
        self.machine = Machine(
            self.folder,
            self.work_dir,
            self._environment(),
            hostname=self.id,
            network=not self.dto["networkBlockAll"],
        )

    @property
    def shell(self) -> list[str]:
        """The shell to feed a command to, with its full path."""
        program, *arguments = _SHELLS[self.settings.shell]
        return [shutil.which(program) or program, *arguments]

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        labels: dict[str, str] = self.dto["labels"]
        return labels

    @property
    def ephemeral(self) -> bool:
        """Whether stopping it destroys it."""
        return bool(self.dto["autoDeleteInterval"] == 0)

    @property
    def gone(self) -> bool:
        """Whether it is deleted, or about to be."""
        return self.state in ("destroying", "destroyed")

    def as_dto(self) -> dict[str, Any]:
        """Return it as the answer to a call about one sandbox."""
        return {"id": self.id, "name": self.name, "state": self.state, **self.dto}

    def as_list_item(self) -> dict[str, Any]:
        """Return it as an item of a list."""
        return {k: v for k, v in self.as_dto().items() if k not in _LEFT_OUT_OF_LISTS}

    def touch(self) -> None:
        """Note that it is in use."""
        self.dto["lastActivityAt"] = rfc3339()

    async def power_on(self) -> None:
        """Start its machine, with the files of its earlier life."""
        for folder in (self.home, self.work_dir, self.folder / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        await self.machine.start()
        self.state = "started"

    def fail(self, reason: str) -> None:
        """Be of no more use."""
        self.state = "error"
        self.dto["errorReason"] = reason

    async def power_off(self, state: str) -> None:
        """Kill its processes and forget its sessions. Files stay."""
        self.state = state
        await self.machine.stop()
        for session in self.sessions.values():
            session.close()
        self.sessions.clear()

    def erase(self) -> None:
        """Remove its folder, including what a command has made unreadable."""
        for parent, folders, _ in os.walk(self.folder):
            for name in folders:
                path = Path(parent, name)
                if not path.is_symlink():
                    path.chmod(stat.S_IRWXU)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        """Return the daemon's environment: nothing of the host's but where programs are."""
        own_tmp = {} if is_confined() else {"TMPDIR": str(self.folder / "tmp")}
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "HOSTNAME": self.id,
            **own_tmp,
            **self.dto["env"],
            "DAYTONA_ORGANIZATION_ID": ORGANIZATION,
            "DAYTONA_REGION_ID": REGION,
            "DAYTONA_SANDBOX_ID": self.id,
            "DAYTONA_SANDBOX_SNAPSHOT": self.dto.get("snapshot", ""),
            "DAYTONA_SANDBOX_USER": self.dto["user"],
        }


SANDBOX = web.RequestKey("sandbox", Sandbox)
