"""What a hostile command may try, and what the README's isolation table says of it.

A script gets through if it prints the secret that it was after or the word THROUGH, or if the
host has changed afterwards (see `victim`). None does harm where it succeeds.
"""

from dataclasses import dataclass

BUBBLEWRAP, LANDLOCK = "bubblewrap", "landlock"
LEVELS = (BUBBLEWRAP, LANDLOCK)


# The helper; what starts programs for it, under Landlock another process; and the shell of the
# program that runs the attack.
FIND_HELPER = """
process=$$ launcher= shell=
while [ "$process" -gt 0 ]; do
    if grep -aq '[_]local.helper' "/proc/$process/cmdline"; then
        helper=$process
        launcher=${launcher:-$process}
    elif [ -z "$launcher" ]; then
        shell=$process
    fi
    process=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$process/status")
done
export helper launcher shell
"""


@dataclass(frozen=True)
class Row:
    """A row of the table: what is at stake, and what the README says at each level."""

    title: str
    bubblewrap: str
    landlock: str
    none: str

    def cell(self, level: str) -> str:
        """What is said at a level; what is not held there is in bold."""
        return {BUBBLEWRAP: self.bubblewrap, LANDLOCK: self.landlock}[level]


ROWS = {
    "files": Row(
        "files outside the folder",
        "not there, but for the system's own (read-only)",
        "cannot be opened, but for the system's own (read-only)",
        "**as you**",
    ),
    "metadata": Row(
        "their modes, owners, times, and that they exist",
        "not there",
        "**can be seen, and yours changed**",
        "**as you**",
    ),
    "shared": Row(
        "`/tmp` and `/dev/shm`",
        "the sandbox's own",
        "**yours**",
        "**yours**",
    ),
    "processes": Row(
        "your processes: environment, memory, signals",
        "not there",
        "closed",
        "**can be read and signalled**",
    ),
    "tuning": Row(
        "their arguments, priorities and limits",
        "not there",
        "**can be seen, and your priorities changed**",
        "**can be seen and changed**",
    ),
    "terminals": Row(
        "your terminals: what you type and are shown",
        "not there",
        "**can be read and written**",
        "**can be read and written**",
    ),
    "sockets": Row(
        "your sockets: agent, desktop, Docker",
        "not there",
        "**can be used by path**; abstract ones cannot",
        "**can be used**",
    ),
    "tcp": Row(
        "TCP",
        "none, or yours with `network=True`",
        "none, or yours with `network=True`",
        "**yours**",
    ),
    "network": Row(
        "any other network",
        "none, or yours with `network=True`",
        "**yours**",
        "**yours**",
    ),
    "keys": Row(
        "your keyrings",
        "closed",
        "closed; **the names of keys can be seen**",
        "**can be read**",
    ),
    "ipc": Row(
        "shared memory of System V",
        "the sandbox's own",
        "**yours**",
        "**yours**",
    ),
    "kernel": Row(
        "mounts, devices, kernel settings, capabilities, further namespaces",
        "refused, also when you are root",
        "refused, also when you are root",
        "**as you**",
    ),
    "secrets": Row(
        "what only root may read, when you are root",
        "not there, where it is in `/etc` or `/proc`",
        "cannot be opened, where it is in `/etc` or `/root`; **`/proc` can be read**",
        "**as you**",
    ),
    "leftovers": Row(
        "setuid files left in the workspace",
        "refused",
        "refused",
        "**as you**",
    ),
}


@dataclass(frozen=True)
class Attack:
    """Something to try.

    Attributes:
        name: What, in a few words.
        row: The row of the table that speaks of it.
        script: What is run. It has the variables of `victim`, and `python` for a program that
            asks the kernel itself.
        through: Levels at which it gets through, and the table says so; `landlock root` for
            root alone.
    """

    name: str
    row: str
    script: str
    through: tuple[str, ...] = ()


def python(code: str) -> str:
    """A script that runs Python, with what it needs to ask the kernel itself."""
    prelude = (
        "import ctypes, os, socket, struct, sys, platform\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "arm = platform.machine() != 'x86_64'\n"
        "def call(x86, other, *arguments):\n"
        "    return libc.syscall(other if arm else x86, *arguments)\n"
        "V, PID, CLIENT = os.environ['V'], int(os.environ['PID']), int(os.environ['CLIENT'])\n"
    )
    return f"python3 - <<'EOF'\n{prelude}{code}\nEOF"


def _attacks(row: str, scripts: dict[str, str], through: tuple[str, ...] = ()) -> list[Attack]:
    return [Attack(name, row, script, through) for name, script in scripts.items()]


_FILES = {
    "cat a file": 'cat "$V/secret"',
    "list a folder": 'ls "$V" | grep secret && echo THROUGH',
    "read by a symlink": 'ln -s "$V/secret" link; cat link',
    "read by a link to the folder": 'ln -s "$V" folder; cat folder/secret',
    "read by going up": 'cat "../../../../../..$V/secret"',
    "read by the root of the shell": 'cat "/proc/self/root$V/secret"',
    "read by the root of process 1": 'cat "/proc/1/root$V/secret"',
    "read by the root of another process": 'cat "/proc/$PID/root$V/secret"',
    "read by the folder of another process": 'cat "/proc/$PID/cwd/secret"',
    "read by the open file of another process": 'cat "/proc/$PID/fd/7"',
    "read by the client's folder": 'cat "/proc/$CLIENT/cwd/secret" "/proc/$CLIENT/root$V/secret"',
    "copy": 'cp "$V/secret" copy; cat copy',
    "hard-link into the workspace": 'ln "$V/secret" linked; cat linked',
    "archive": 'tar -cf - "$V/secret" | tar -xOf -',
    "source": '. "$V/secret"',
    "grep": 'grep -r SECRET "$V"',
    "find": 'find "$V" -name "sec*" -exec cat {} +',
    "map": python(
        "import mmap\nwith open(V + '/secret', 'rb') as f:\n"
        "    print(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[:])"
    ),
    "open relative to the root": python(
        "fd = os.open('/', os.O_RDONLY)\n"
        "print(os.read(os.open(V[1:] + '/secret', os.O_RDONLY, dir_fd=fd), 100))"
    ),
    "open a path and reopen it": python(
        "fd = os.open(V + '/secret', os.O_PATH)\nprint(open(f'/proc/self/fd/{fd}').read())"
    ),
    "open by handle": python(
        "handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128))\n"
        "mount = ctypes.c_int()\n"
        "path = (V + '/secret').encode()\n"
        "assert libc.name_to_handle_at(-100, path, handle, ctypes.byref(mount), 0) == 0\n"
        "fd = libc.open_by_handle_at(os.open('/', os.O_RDONLY), handle, 0)\n"
        "print(os.read(fd, 100))"
    ),
    "send a file": python(
        "source = os.open(V + '/secret', os.O_RDONLY)\nos.sendfile(1, source, 0, 100)"
    ),
    "overwrite": 'echo changed >"$V/secret"',
    "append": 'echo changed >>"$V/secret"',
    "truncate": 'truncate -s 0 "$V/secret"',
    "truncate by a link": 'ln -s "$V/secret" link; : >link',
    "edit in place": 'sed -i s/SECRET/changed/ "$V/secret"',
    "write with dd": 'echo changed | dd of="$V/secret" conv=notrunc',
    "make a file": 'touch "$V/new"',
    "make a folder": 'mkdir "$V/new"',
    "make a symlink": 'ln -s / "$V/new"',
    "make a fifo": 'mkfifo "$V/new"',
    "make a socket": python("socket.socket(socket.AF_UNIX).bind(V + '/new')"),
    "remove a file": 'rm -f "$V/secret"',
    "remove a folder": 'rmdir "$V/folder"',
    "rename": 'mv "$V/secret" "$V/renamed"',
    "move out": 'mv "$V/secret" .',
    "replace": 'echo changed >new; mv -f new "$V/secret"',
    "exchange": python(
        "open('new', 'w').write('changed')\n"
        "libc.renameat2(-100, b'new', -100, (V + '/secret').encode(), 2)"
    ),
    "lock": 'flock -n "$V/secret" echo THROUGH',
    "write into /etc": "touch /etc/dtk-attack && echo THROUGH",
    "write into /usr": "touch /usr/local/dtk-attack && echo THROUGH",
    "write into the root": "touch /dtk-attack && rm /dtk-attack && echo THROUGH",
    "write into the client's Python": 'touch "$SITE/dtk-attack.pth"',
    "write over a tool": "cp /bin/true true; cat true >/usr/bin/env && echo THROUGH",
    "write into the toolkit": 'touch "$SOURCE/dtk_attack.py"',
}

_METADATA = {
    "chmod": 'chmod 777 "$V/secret"',
    "chmod a folder": 'chmod 777 "$V/folder"',
    "make a program of the host setgid": 'chmod g+x "$V/tool"',
    "change times": 'touch -d 2001-01-01 "$V/secret"',
    "change owner to the same": 'chown "$(stat -c %u "$V/secret")" "$V/secret" && echo THROUGH',
    "change the group to the same": 'chgrp "$(stat -c %g "$V/secret")" "$V/secret" && echo THROUGH',
    "set an attribute": python("os.setxattr(V + '/secret', 'user.dtk', b'x')"),
    "learn that it exists": 'test -e "$V/secret" && echo THROUGH',
    "learn its size": 'stat -c "THROUGH %s" "$V/secret"',
    "watch it": python(
        "fd = libc.inotify_init1(0)\n"
        "if libc.inotify_add_watch(fd, V.encode() + b'/secret', 2) >= 0: print('THROUGH')"
    ),
    "enter the folder": 'cd "$V/folder" && echo THROUGH',
    "learn about the home folder": 'test -d "$HOST_HOME/.cache" && echo THROUGH; '
    'test -d "$V/folder" && echo THROUGH',
}

_SHARED = {
    "read of /tmp": 'cat "$TMP_FILE"',
    "write into /tmp": 'echo changed >"$TMP_FILE"',
    "read of /dev/shm": 'cat "$SHM_FILE"',
    "write into /dev/shm": 'echo changed >"$SHM_FILE"',
}

_PROCESSES = {
    "environment of a process": 'tr "\\0" "\\n" <"/proc/$PID/environ"',
    "environment of the client": 'tr "\\0" "\\n" <"/proc/$CLIENT/environ"',
    "environment of all processes": 'cat /proc/*/environ | tr "\\0" "\\n" | grep SECRET',
    "environment of the helper": 'tr "\\0" "\\n" </proc/1/environ; env | grep SECRET',
    "memory map": 'grep -q . "/proc/$PID/maps" && echo THROUGH',
    "memory": 'dd if="/proc/$CLIENT/mem" bs=1 count=30 skip="$ADDRESS"',
    "memory by a call": python(
        "class V_(ctypes.Structure): _fields_ = [('p', ctypes.c_void_p), ('n', ctypes.c_size_t)]\n"
        "b = ctypes.create_string_buffer(8)\n"
        "here, there = V_(ctypes.addressof(b), 8), V_(int(os.environ['ADDRESS']), 8)\n"
        "n = libc.process_vm_readv(CLIENT, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)\n"
        "if n > 0: print('THROUGH')"
    ),
    "trace": python("if libc.ptrace(0x4206, PID, 0, 0) == 0: print('THROUGH')"),
    "trace the client": python("if libc.ptrace(0x4206, CLIENT, 0, 0) == 0: print('THROUGH')"),
    "take an open file": python(
        "fd = call(434, 434, PID, 0)\nif call(438, 438, fd, 7, 0) >= 0: print('THROUGH')"
    ),
    "terminate": 'kill "$PID"',
    "kill": 'kill -9 "$PID"',
    "stop": 'kill -STOP "$PID"',
    "kill its group": 'kill -9 -- "-$PID"',
    "kill by descriptor": python("call(424, 424, call(434, 434, PID, 0), 9, 0, 0)"),
    "queue a signal": python("libc.sigqueue(PID, 15, 0)"),
    "signal a thread": python("call(234, 131, PID, PID, 9)"),
    "stop the client": 'kill -STOP "$CLIENT" && echo THROUGH; kill -CONT "$CLIENT"',
    "signal by the owner of a socket": python(
        "import fcntl\na, b = socket.socketpair()\nfcntl.fcntl(a, fcntl.F_SETOWN, PID)\n"
        "fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC)\nfcntl.fcntl(a, 10, 9)\nb.send(b'x')"
    ),
    "write its name": 'echo changed >"/proc/$PID/comm"',
    "write its score": 'echo 999 >"/proc/$PID/oom_score_adj"',
}

_LOOKS = {
    "arguments": 'tr "\\0" " " <"/proc/$PID/cmdline"',
    "arguments of all": "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep SECRET",
}

_LIMITS = {
    "limit on files": 'prlimit --pid "$PID" --nofile=10:10',
    "limit on time": 'prlimit --pid "$PID" --cpu=1:1',
    "limit of the client": 'prlimit --pid "$CLIENT" --core=1:1 && echo THROUGH',
}

# Root's processes have capabilities that a command has lost, so it may not touch them.
_TUNING = {
    "renice": 'renice -n 5 -p "$PID"',
    "processor": 'taskset -p 1 "$PID" && echo THROUGH',
    "input and output priority": 'ionice -c 3 -p "$PID" && echo THROUGH',
    "scheduler": 'chrt -b -p 0 "$PID" && echo THROUGH',
}

_TERMINALS = {
    "read a terminal": ': <"$TERMINAL" && echo THROUGH',
    "write on a terminal": 'echo >"$TERMINAL" && echo THROUGH',
}

_CONNECT = "s = socket.socket({}); s.settimeout(5); s.connect({}); print(s.recv(100))"

_SOCKETS = {
    "socket by path": python(_CONNECT.format("socket.AF_UNIX", "os.environ['SOCK']")),
    "socket by a link": python(
        "os.symlink(os.environ['SOCK'], 'sock')\n" + _CONNECT.format("socket.AF_UNIX", "'sock'")
    ),
    "socket in /tmp": python(_CONNECT.format("socket.AF_UNIX", "os.environ['TMP_SOCK']")),
}
_ABSTRACT = {
    "abstract socket": python(_CONNECT.format("socket.AF_UNIX", "'\\0' + os.environ['ABSTRACT']")),
}

_TCP = {
    "TCP to the host": python(_CONNECT.format("", "('127.0.0.1', int(os.environ['TCP']))")),
    "TCP by name": python(_CONNECT.format("", "('localhost', int(os.environ['TCP']))")),
    "TCP server": python(
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
        "if os.readlink('/proc/self/ns/net') == os.environ['NETNS']: print('THROUGH')"
    ),
    "TCP by curl": 'python3 -c "import urllib.request as u; '
    'print(u.urlopen(\\"http://127.0.0.1:$TCP\\", timeout=5).read())"',
}

_NETWORK = {
    "UDP to the host": python(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)\n"
        "s.sendto(b'x', ('127.0.0.1', int(os.environ['UDP']))); print(s.recv(100))"
    ),
    "interfaces": 'grep -q "$DEVICE" /proc/net/dev && echo THROUGH',
    "sockets of the host": 'grep -qi ":$(printf %04X "$TCP") " /proc/net/tcp && echo THROUGH',
}

_NETWORK_ADMIN = {
    "raw socket": python("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('THROUGH')"),
    "packet socket": python("socket.socket(17, socket.SOCK_RAW, 768); print('THROUGH')"),
    "make a network device": "ip link add dtk0 type dummy && echo THROUGH",
    "change a network device": "ip link set lo mtu 60000 && echo THROUGH",
    "change the firewall": python(
        "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 255)\nprint('THROUGH')"
    ),
}

_KEYS = {
    "read a key of the session": python(
        "serial = call(250, 219, 10, -3, b'user', b'dtk-secret', 0)\n"
        "b = ctypes.create_string_buffer(100)\n"
        "call(250, 219, 11, serial, b, 100); print(b.value)"
    ),
    "read a key by its number": python(
        "b = ctypes.create_string_buffer(100)\n"
        "call(250, 219, 11, int(os.environ['KEY']), b, 100); print(b.value)"
    ),
    "ask for a key": python(
        "serial = call(249, 218, b'user', b'dtk-secret', None, -3)\nif serial > 0: print('THROUGH')"
    ),
    "add a key": python("if call(248, 217, b'user', b'dtk', b'x', 1, -4) > 0: print('THROUGH')"),
}
_KEY_NAMES = {"list keys": "grep dtk-secret /proc/keys && echo THROUGH"}

_IPC = {
    "attach shared memory": python(
        "libc.shmat.restype = ctypes.c_void_p\n"
        "at = libc.shmat(int(os.environ['SHM']), None, 0)\n"
        "if at != ctypes.c_void_p(-1).value: print(ctypes.string_at(at, 60))"
    ),
    "list shared memory": 'ipcs -m | grep -w "$SHM" && echo THROUGH',
}

_KERNEL = {
    "mount": "mkdir m; mount -t tmpfs none m && echo THROUGH",
    "bind-mount": "mkdir m; mount --bind /etc m && echo THROUGH",
    "make the client's Python writable": 'mount -o remount,rw,bind "$PREFIX" && echo THROUGH',
    "make /usr writable": "mount -o remount,rw,bind /usr && echo THROUGH",
    "make the root writable": "mount -o remount,rw / && echo THROUGH",
    "make /proc/sys writable": "mount -o remount,rw,bind /proc/sys && echo THROUGH",
    "mount /proc": "mkdir m; mount -t proc none m && echo THROUGH",
    "unmount": "umount /proc/sys && echo THROUGH; umount -l /tmp && echo THROUGH",
    "change the root": "chroot / true && echo THROUGH",
    "new mount interface": python(
        "if call(430, 430, b'tmpfs', 0) >= 0: print('THROUGH')\n"
        "if call(428, 428, -100, b'/', 1) >= 0: print('THROUGH')"
    ),
    "user namespace": "unshare -U true && echo THROUGH",
    "user namespace as root": "unshare -Urm true && echo THROUGH",
    "mount namespace": "unshare -m true && echo THROUGH",
    "network namespace": "unshare -n true && echo THROUGH",
    "user namespace by clone": python(
        "pid = call(56, 220, 0x10000000 | 17, 0, 0, 0, 0)\n"
        "if pid == 0: os._exit(0)\n"
        "if pid > 0: print('THROUGH')"
    ),
    "bubblewrap inside": "bwrap --ro-bind / / true && echo THROUGH",
    "enter the namespaces of process 1": python(
        "fd = os.open('/proc/1/ns/mnt', os.O_RDONLY)\nif libc.setns(fd, 0) == 0: print('THROUGH')"
    ),
    "enter the user namespace of the client": python(
        "fd = os.open(f'/proc/{CLIENT}/ns/user', os.O_RDONLY)\n"
        "if libc.setns(fd, 0) == 0: print('THROUGH')"
    ),
    "block device": "mknod disk b 7 0 && echo THROUGH",
    "character device": "mknod mem c 1 1 && echo THROUGH",
    "disk": "for d in /dev/vd? /dev/sd? /dev/nvme*n? /dev/loop?; do "
    'head -c 1 "$d" | grep -q . && echo THROUGH; done',
    "memory of the machine": "for d in /dev/mem /dev/kmem; do head -c 1 $d && echo THROUGH; done",
    "core_pattern": "cat /proc/sys/kernel/core_pattern >p; "
    "cat p >/proc/sys/kernel/core_pattern && echo THROUGH",
    "modprobe path": "cat /proc/sys/kernel/modprobe >p; "
    "cat p >/proc/sys/kernel/modprobe && echo THROUGH",
    "binfmt_misc": "echo : >/proc/sys/fs/binfmt_misc/register && echo THROUGH",
    "drop caches": "echo 1 >/proc/sys/vm/drop_caches && echo THROUGH",
    "pid_max": "cat /proc/sys/kernel/pid_max >p; cat p >/proc/sys/kernel/pid_max && echo THROUGH",
    "sysrq": "echo h >/proc/sysrq-trigger && echo THROUGH",
    "interrupts": "for f in /proc/irq/*/smp_affinity; do "
    'cat "$f" >p && cat p >"$f" && echo THROUGH && break; done',
    "mtrr": "echo 'disable=99' >/proc/mtrr && echo THROUGH",
    "kernel modules of the bus": 'for f in /proc/bus/pci/*/*; do : >>"$f" && echo THROUGH; done',
    "own identity map": "echo '0 0 1' >/proc/self/uid_map && echo THROUGH",
    "host name": 'hostname "$(hostname)" && echo THROUGH',
    "domain name": python("if libc.setdomainname(b'x', 1) == 0: print('THROUGH')"),
    "clock": 'date -s "@$(date +%s)" && echo THROUGH',
    "adjust the clock": python(
        "t = ctypes.create_string_buffer(struct.pack('I', 0x4000) + bytes(300))\n"
        "if libc.adjtimex(t) >= 0: print('THROUGH')"
    ),
    "bpf": python(
        "a = struct.pack('IIII', 2, 4, 4, 1) + bytes(112)\n"
        "if call(321, 280, 0, a, len(a)) >= 0: print('THROUGH')"
    ),
    "perf": python(
        "a = struct.pack('IIQ', 1, 112, 0) + bytes(96)\n"
        "if call(298, 241, a, -1, 0, -1, 0) >= 0: print('THROUGH')"
    ),
    "kernel log": "dmesg | grep -q . && echo THROUGH",
    "kernel log by its device": "head -c 1 /dev/kmsg && echo THROUGH; "
    "timeout 1 head -c 1 /proc/kmsg | grep -q . && echo THROUGH",
    "load a module": python(
        "call(313, 273, 0, b'', 0)\nif ctypes.get_errno() not in (1, 38): print('THROUGH')"
    ),
    "swap": python("libc.swapoff(b'/nonexistent')\nif ctypes.get_errno() != 1: print('THROUGH')"),
    "reboot": python("if libc.reboot(0) == 0: print('THROUGH')"),
    "accounting": python("if libc.acct(None) == 0: print('THROUGH')"),
    "become root": python(
        "before = os.getuid()\n"
        "for uid in (0, 1, 1000, 65534):\n"
        "    if uid != before and libc.setuid(uid) == 0: print('THROUGH', uid)"
    ),
    "change groups": python("if libc.setgroups(0, None) == 0: print('THROUGH')"),
    "take a capability": "grep -E 'Cap(Eff|Prm|Amb):.*[1-9a-f]' /proc/self/status && echo THROUGH",
    "sudo": "sudo -n true && echo THROUGH; su -c true && echo THROUGH",
    "setuid programs gain": "grep -q 'NoNewPrivs:.1' /proc/self/status || echo THROUGH",
    "ports of the processor": python("if libc.ioperm(0x80, 1, 1) == 0: print('THROUGH')"),
    "raise a limit": python(
        "import resource\n"
        "soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1)); print('THROUGH')"
    ),
    "raise priority": "nice -n -5 sh -c 'test \"$(nice)\" -lt 0' && echo THROUGH",
    "real time": "chrt -f 1 true && echo THROUGH",
    "lock memory": python(
        "import resource\nresource.setrlimit(resource.RLIMIT_MEMLOCK, (-1, -1)); print('THROUGH')"
    ),
    "io_uring": python(
        "if call(425, 425, 4, ctypes.create_string_buffer(256)) >= 0: print('THROUGH')"
    ),
    "watch the file system": python("if libc.fanotify_init(0x0c, 0) >= 0: print('THROUGH')"),
    "a new kernel": python(
        "call(246, 104, 0, 0, None, 0)\nif ctypes.get_errno() not in (1, 38): print('THROUGH')"
    ),
    "undo the filter": python(
        "if libc.prctl(22, 0, 0, 0, 0) == 0: print('THROUGH')\n"
        "if libc.prctl(38, 0, 0, 0, 0) == 0: print('THROUGH')"
    ),
}

_SECRETS = {
    "passwords": "cat /etc/shadow && echo THROUGH",
    "private keys of the system": "ls /etc/ssl/private && echo THROUGH",
    "settings of root": "ls /root/.ssh /root/.bashrc && echo THROUGH",
    "sudoers": "cat /etc/sudoers && echo THROUGH",
}
_PROC_SECRETS = {
    "kernel memory maps": "head -c 1 /proc/vmallocinfo | grep -q . && echo THROUGH",
    "page counts": "head -c 8 /proc/kpagecount | wc -c | grep -qx 8 && echo THROUGH",
    "slabs": "head -c 1 /proc/slabinfo | grep -q . && echo THROUGH",
    "timers": "head -c 1 /proc/timer_list | grep -q . && echo THROUGH",
}

_LEFTOVERS = {
    "setuid": "cp /bin/true tool; chmod u+s tool && echo THROUGH",
    "setuid in numbers": "cp /bin/true tool; chmod 4755 tool && echo THROUGH",
    "setgid": "cp /bin/true tool; chmod g+s tool && echo THROUGH",
    "setuid by install": "install -m 4755 /bin/true tool && echo THROUGH",
    "setuid by tar": "cp /bin/true tool; tar --mode=4755 -cf t tool; rm tool; tar -xpf t; "
    "test -u tool && echo THROUGH",
    "setuid when made": python(
        "os.umask(0); os.close(os.open('tool', os.O_CREAT | os.O_WRONLY, 0o4755))\n"
        "if os.stat('tool').st_mode & 0o4000: print('THROUGH')"
    ),
    "setuid by mknod": python("os.umask(0); os.mknod('tool', 0o104755); print('THROUGH')"),
    "setuid by descriptor": python(
        "fd = os.open('tool', os.O_CREAT | os.O_RDWR); os.fchmod(fd, 0o4755); print('THROUGH')"
    ),
    "setuid by the newest call": python(
        "open('tool', 'w').close()\n"
        "if call(452, 452, -100, b'tool', 0o4755, 0) == 0: print('THROUGH')"
    ),
    "setuid by openat2": python(
        "how = struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, 0o4755, 0)\n"
        "os.umask(0)\nif call(437, 437, -100, b'tool', how, 24) >= 0: print('THROUGH')"
    ),
    "setuid by other numbers": python(
        "open('tool', 'w').close()\n"
        "if not arm and libc.syscall(0x40000000 + 90, b'tool', 0o4755) == 0: print('THROUGH')"
    ),
    "file capabilities": "cp /bin/true tool; setcap cap_setuid+ep tool && echo THROUGH",
}

ATTACKS = [
    *_attacks("files", _FILES),
    *_attacks("metadata", _METADATA, (LANDLOCK,)),
    *_attacks("shared", _SHARED, (LANDLOCK,)),
    *_attacks("processes", _PROCESSES),
    *_attacks("tuning", _LOOKS, (LANDLOCK,)),
    *_attacks("tuning", _TUNING, ("landlock user",)),
    *_attacks("tuning", _LIMITS),
    *_attacks("terminals", _TERMINALS, (LANDLOCK,)),
    *_attacks("sockets", _SOCKETS, (LANDLOCK,)),
    *_attacks("sockets", _ABSTRACT),
    *_attacks("tcp", _TCP),
    *_attacks("network", _NETWORK, (LANDLOCK,)),
    *_attacks("network", _NETWORK_ADMIN),
    *_attacks("keys", _KEYS),
    *_attacks("keys", _KEY_NAMES, (LANDLOCK,)),
    *_attacks("ipc", _IPC, (LANDLOCK,)),
    *_attacks("kernel", _KERNEL),
    *_attacks("secrets", _SECRETS),
    *_attacks("secrets", _PROC_SECRETS, ("landlock root",)),
    *_attacks("leftovers", _LEFTOVERS),
]
