"""The programs that run inside a sandbox: how one is put together, and how its reply is read."""

from daytona_toolkit._remote.minify import minified as minified
from daytona_toolkit._remote.program import Input as Input
from daytona_toolkit._remote.program import Program as Program
from daytona_toolkit._remote.program import Source as Source
from daytona_toolkit._remote.program import quote as quote
from daytona_toolkit._remote.program import text_of as text_of
from daytona_toolkit._remote.program import text_or_base64 as text_or_base64
from daytona_toolkit._remote.reply import LostReplyError as LostReplyError
from daytona_toolkit._remote.reply import Reply as Reply
from daytona_toolkit._remote.reply import cut_reply as cut_reply
from daytona_toolkit._remote.reply import parse as parse
