"""The daemon inside a sandbox: it runs programs and works on files where they are.

It needs the standard library alone: it runs in a process of its own, inside whatever confines the
sandbox, so that commands and file calls see one file system. `machine` is the other end.
"""
