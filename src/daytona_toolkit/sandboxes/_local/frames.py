"""The protocol between a client and its helper: frames with a fixed header, over one socket."""

import struct

# A request: its number, the bytes of JSON that follow, the bytes of standard input after them.
# Numbers count up by one, so that a helper knows when one was lost. One without JSON is a
# ping: an empty answer comes back.
REQUEST = struct.Struct("!QII")

# An answer: the number of its request, the outcome, a number that belongs to it, and the bytes
# of output that follow.
ANSWER = struct.Struct("!QBiI")

# Outcomes, and what their number says.
EXITED = 0  # the exit code; a signal that ended the program is a negative one
TIMED_OUT = 1
NOT_STARTED = 2  # errno
TOO_MUCH = 3  # the program printed more than OUTPUT_BYTES
