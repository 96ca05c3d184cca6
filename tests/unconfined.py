"""Run a command where nothing confines a local sandbox, as in most containers.

Calls for user namespaces and for Landlock are refused, as old kernels and Docker do.
"""

import os
import sys

from daytona_toolkit.sandboxes._local import kernel

numbers = kernel._PROCESSORS[os.uname().machine][1]
steps = [kernel._step(kernel._LOAD, 0)]
# The flags of clone3 are in memory. Without it the C library takes clone.
for call in (kernel.Landlock._CREATE, numbers["clone3"]):
    steps.append(kernel._step(kernel._EQUAL, call, no=1))
    steps.append(kernel._step(kernel._RETURN, kernel._ERRNO | kernel._ENOSYS))
for name in ("clone", "unshare"):
    new_user = kernel._step(kernel._ANY_BIT, kernel._NEW_USER, no=1)
    steps += kernel._refuse_where(numbers[name], 0, new_user)
kernel.gain_nothing()
kernel.enter_filter(b"".join([*steps, kernel._step(kernel._RETURN, kernel._ALLOW)]))
os.execvp(sys.argv[1], sys.argv[1:])
