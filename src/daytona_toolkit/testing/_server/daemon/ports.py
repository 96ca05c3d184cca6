"""Ports that something in the sandbox listens on."""

import socket
from typing import Any

# The daemon looks at these alone, and gives each this many seconds.
PORTS = range(3000, 10000)
_PATIENCE = 0.05


def listed(arguments: dict[str, Any], data: bytes) -> tuple[dict[str, list[int]], bytes]:
    """Return the ports in use."""
    return {"ports": [port for port in PORTS if _in_use(port)]}, b""


def in_use(arguments: dict[str, Any], data: bytes) -> tuple[dict[str, bool], bytes]:
    """Tell whether a port is in use."""
    return {"isInUse": _in_use(arguments["port"])}, b""


def _in_use(port: int) -> bool:
    try:
        socket.create_connection(("localhost", port), _PATIENCE).close()
    except OSError:
        return False
    return True


CALLS = {"ports": listed, "port_in_use": in_use}
