"""The suite that every kind of sandbox passes."""

from daytona_toolkit.testing._conformance.suite import SandboxConformance

__all__ = ["SandboxConformance"]
