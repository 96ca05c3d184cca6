"""The programs that run inside a sandbox: how one is put together, and how its reply is read."""

from daytona_toolkit._remote.program import (
    Input,
    Program,
    Source,
    assign,
    quote,
    text_of,
    text_or_base64,
)
from daytona_toolkit._remote.reply import LostReplyError, Reply, cut_reply, parse

__all__ = [
    "Input",
    "LostReplyError",
    "Program",
    "Reply",
    "Source",
    "assign",
    "cut_reply",
    "parse",
    "quote",
    "text_of",
    "text_or_base64",
]
