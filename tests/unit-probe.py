# SPDX-License-Identifier: MIT
"""Run by the daemon's unit in its place, or as an add-on: what is possible there, as JSON to the
file named; then the spool, where that does not lie in it."""

import ctypes
import json
import mmap
import os
import socket
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
OUT = os.path.dirname(sys.argv[1])
SPOOL = sys.argv[2] if len(sys.argv) > 2 else OUT
LOG = SPOOL.replace("/spool/", "/log/") + "/milter.log"
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
SECCOMP_SET_MODE_FILTER, SYS_SECCOMP, SYS_KEYCTL, SYS_PTRACE = 1, 317, 250, 101
PTRACE_TRACEME, CLONE_NEWUSER, KEYCTL_GET_KEYRING_ID = 0, 0x10000000, 0
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4


class Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte),
                ("k", ctypes.c_uint)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Filter))]


def called(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def touch(path):
    with open(path + "/probe-touched", "w", encoding="ascii"):
        pass
    os.unlink(path + "/probe-touched")


def opened(path):
    with open(path, "a", encoding="ascii"):
        pass


def sit(family, kind=socket.SOCK_STREAM):
    socket.socket(family, kind).close()


def set_id():
    path = OUT + "/probe-id"
    opened(path)
    try:
        os.chmod(path, 0o700 | stat.S_ISUID)
    finally:
        os.unlink(path)


def in_child(function, *arguments):
    """What would change this process for good."""
    pid = os.fork()
    if pid == 0:
        try:
            function(*arguments)
        except Exception:  # pylint: disable=broad-except
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1] != 0:
        raise OSError("refused")


def own_filter():
    allow = (Filter * 1)(Filter(6, 0, 0, 0x7FFF0000))
    called(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, 0, ctypes.byref(Program(1, allow)))


def mounted():
    if libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) != 0:
        raise OSError("refused")


def unshared():
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError("refused")


TABLE = {
    "write the spool": (touch, SPOOL),
    "write its log": (opened, LOG),
    "write the socket's folder": (touch, "/var/spool/postfix/batchload"),
    "write /etc": (touch, "/etc"),
    "write /usr": (touch, "/usr"),
    "write /var/lib": (touch, "/var/lib"),
    "write what all may write": (touch, "/var/open-to-all"),
    "see the folders of users": (os.listdir, "/root"),
    "see what others have in /tmp": (os.stat, "/tmp/planted"),
    "see other processes": (os.stat, "/proc/1"),
    "see the kernel's settings": (os.stat, "/proc/sys"),
    "see devices": (os.stat, "/dev/planted"),
    "a socket of IPv4": (sit, socket.AF_INET),
    "a socket of a path": (sit, socket.AF_UNIX),
    "a socket of netlink": (sit, socket.AF_NETLINK, socket.SOCK_RAW),
    "a socket of packets": (sit, socket.AF_PACKET, socket.SOCK_RAW),
    "memory to write and run": (mmap.mmap, -1, 4096, mmap.MAP_PRIVATE,
                                PROT_READ | PROT_WRITE | PROT_EXEC),
    "a program that changes its user": (set_id,),
    "trace": (in_child, called, SYS_PTRACE, PTRACE_TRACEME, 0, 0, 0),
    "keys of the kernel": (called, SYS_KEYCTL, KEYCTL_GET_KEYRING_ID, -3, 0),
    "become somebody, even itself": (os.setuid, os.getuid()),
    "mount": (mounted,),
    "a namespace of its own": (in_child, unshared),
    "a name for the machine": (socket.sethostname, "probe"),
    "real time": (os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)),
    "seccomp of its own": (in_child, own_filter),
}


def able(function, *arguments):
    try:
        function(*arguments)
        return True
    except OSError:
        return False


if __name__ == "__main__":
    found = {name: able(*how) for name, how in TABLE.items()}
    with open(sys.argv[1], "w", encoding="ascii") as file:
        json.dump(found, file)
