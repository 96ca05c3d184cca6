"""Paths of the host that programs in a sandbox need: programs, libraries, settings, devices."""

from collections.abc import Iterable

SYSTEM = [
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt"),
    *("/nix/store", "/gnu/store", "/run/current-system"),  # NixOS, Guix
]

# Of /etc what programs read, and nothing that only root may: /etc/ssl holds private keys.
SETTINGS = [
    f"/etc/{name}"
    for name in (
        "alternatives",
        "bash.bashrc",
        "bash_completion.d",
        "bashrc",
        "ca-certificates",
        "ca-certificates.conf",
        "crypto-policies/back-ends",
        "debian_version",
        "fonts",
        "gitconfig",
        "group",
        "host.conf",
        "hostname",
        "hosts",
        "inputrc",
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "locale.alias",
        "locale.conf",
        "localtime",
        "magic",
        "mime.types",
        "nsswitch.conf",
        "os-release",
        "passwd",
        "pki/ca-trust/extracted",
        "pki/tls/cert.pem",
        "pki/tls/certs",
        "pki/tls/openssl.cnf",
        "profile",
        "profile.d",
        "protocols",
        "redhat-release",
        "resolv.conf",
        "rpc",
        "services",
        "shells",
        "skel",
        "ssl/cert.pem",
        "ssl/certs",
        "ssl/openssl.cnf",
        "static",  # what others lead to on NixOS
        "terminfo",
        "timezone",
        "zsh",
    )
]

# Only these devices: the rest are disks and consoles.
DEVICES = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx")]


def lies_in(path: str, places: Iterable[str]) -> bool:
    """Whether a path is one of these places, or below one."""
    return any(path == place or path.startswith(f"{place}/") for place in places)
