"""The server: control plane, toolbox, faults, and the record of what was asked."""
