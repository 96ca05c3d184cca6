"""What a session can do in its sandbox: a folder for each operation.

A folder holds the programs, the coroutine function that sends them, its result, and the
arguments and text of its tool. What operations share lies above.
"""

from daytona_toolkit._operations import checkpoint as checkpoint
from daytona_toolkit._operations import download as download
from daytona_toolkit._operations import edit as edit
from daytona_toolkit._operations import exec as exec
from daytona_toolkit._operations import files as files
from daytona_toolkit._operations import glob as glob
from daytona_toolkit._operations import grep as grep
from daytona_toolkit._operations import ls as ls
from daytona_toolkit._operations import patch as patch
from daytona_toolkit._operations import preview as preview
from daytona_toolkit._operations import read as read
from daytona_toolkit._operations import upload as upload
from daytona_toolkit._operations import write as write
