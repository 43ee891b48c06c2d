# SPDX-License-Identifier: MIT
"""A machine of its own within this one, with systemd as its first process: what is written to /etc,
/usr, /var, /root and /tmp lies above this machine's and goes with it, all else is read-only."""

import fcntl
import os
import socket
import struct
import subprocess
import sys

from .process import (HarnessError, MissingError, Nursery, need_root, run, which,
                      write)

OVER = ("etc", "usr", "var", "root", "tmp")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# What a boot does beyond starting what is asked for.
WANTS = ("sysinit", "local-fs", "sockets", "basic", "multi-user", "timers", "graphical")
HIERARCHIES = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
NAMESPACE = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "--fork",
             "--mount-proc", "--kill-child"]
INTO_GROUP = 'name=$1; shift; for each; do shift; [ "$each" = -- ] && break; ' \
    'mkdir "$each/$name" && echo $$ >"$each/$name/cgroup.procs" || exit 1; done; exec "$@"'

TARGET = """[Unit]
Description=the test
Wants=systemd-journald.socket systemd-journald-dev-log.socket
Requires=batchload-test.service
After=batchload-test.service
"""
SERVICE = """[Unit]
Description=the test
After=systemd-journald.socket systemd-journald-dev-log.socket
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=%s
Environment=%s
StandardOutput=file:%s
StandardError=inherit
"""


# --- inside, before systemd ---

def mount(*arguments):
    run(["mount", *arguments])


def lay_over(name, staging):
    upper, work = os.path.join(staging, name), os.path.join(staging, name + ".work")
    os.mkdir(upper)
    os.chmod(upper, os.stat("/" + name).st_mode & 0o7777)
    os.mkdir(work)
    mount("-t", "overlay", "overlay", "-o",
          "lowerdir=/%s,upperdir=%s,workdir=%s" % (name, upper, work), "/" + name)


def make_devices(staging):
    dev = os.path.join(staging, "dev")
    os.mkdir(dev)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", dev)
    for name in DEVICES:
        write(os.path.join(dev, name), "")
        mount("--bind", "/dev/" + name, os.path.join(dev, name))
    for name, kind, options in (("pts", "devpts", "newinstance,ptmxmode=0666,mode=620"),
                                ("shm", "tmpfs", "mode=1777")):
        os.mkdir(os.path.join(dev, name))
        mount("-t", kind, "-o", options, kind, os.path.join(dev, name))
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"),
                         ("stderr", "fd/2"), ("ptmx", "pts/ptmx")):
        os.symlink(target, os.path.join(dev, name))
    mount("--rbind", dev, "/dev")


def make_read_only():
    mount("--bind", "/proc/sys", "/proc/sys")
    run(["umount", "-R", "-l", "/sys/fs/cgroup"], check=False)
    for path in ("/", "/sys", "/proc/sys"):
        mount("-o", "remount,bind,ro", path)


def take_shape(folder):
    """Mounts. The folder stays what it is outside."""
    mount("--make-rprivate", "/")
    kept = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    staging = os.path.join(folder, "over")
    os.mkdir(staging)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", staging)
    make_devices(staging)
    for name in OVER:
        lay_over(name, staging)
    mount("-c", "--bind", "/proc/%d/fd/%d" % (os.getpid(), kept), folder)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for wants in WANTS:
        for place in ("/usr/lib/systemd/system", "/etc/systemd/system"):
            path = "%s/%s.target.wants" % (place, wants)
            if os.path.isdir(path):
                mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    make_read_only()
    # Among its own: systemd mounts credentials in one namespace for another.
    mount("--make-rshared", "/")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def boot(folder, environment, command):
    """Does not return."""
    try:
        take_shape(folder)
        here = "/etc/systemd/system/batchload-test"
        write(here + ".target", TARGET)
        write(here + ".service", SERVICE % (
            " ".join(command), " ".join('"%s=%s"' % pair for pair in environment.items()),
            folder + "/out"))
    except (OSError, HarnessError) as error:
        write(folder + "/impossible", str(error))
        sys.exit(1)
    write(folder + "/booted", "")
    os.execve("/lib/systemd/systemd", [
        "systemd", "--system", "--unit=batchload-test.target", "--log-target=console",
        "--show-status=no"], {"container": "batchload", "PATH": os.environ["PATH"]})


# --- outside ---

class Machine:
    """Runs `script --inside FOLDER` as a service of such a machine and waits for its end; FOLDER is
    nursery's. Use as a context."""

    def __init__(self, script, seconds=240):
        need_root()
        which("systemctl")
        if not os.path.exists("/lib/systemd/systemd"):
            raise MissingError("missing package: systemd")
        self.nursery = Nursery()
        self._groups = [path for path in HIERARCHIES
                        if os.path.exists(path + "/cgroup.procs")]
        self._name = os.path.basename(self.nursery.folder)
        try:
            self._run(script, seconds)
        except BaseException:
            self.close()
            raise

    def _run(self, script, seconds):
        process = self.nursery.spawn(
            ["sh", "-c", INTO_GROUP, "sh", self._name, *self._groups, "--", *NAMESPACE,
             sys.executable, "-B", script, "--boot", self.nursery.folder],
            log=self.nursery.path("console"))
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise HarnessError("\n".join(["the machine did not end", *self.diagnostics()])) \
                from error
        if not os.path.exists(self.nursery.path("booted")):
            words = self._tail("impossible") or self._tail("console")
            raise MissingError("no machine of its own can be made here: " + " ".join(words))

    def _tail(self, name):
        try:
            with open(self.nursery.path(name), encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()[-80:]
        except OSError:
            return []

    def diagnostics(self):
        return [line for name in ("steps.out", "out", "console") for line in self._tail(name)]

    def close(self):
        self.nursery.close()
        for path in self._groups:
            for place, _, _ in os.walk(os.path.join(path, self._name), topdown=False):
                try:
                    os.rmdir(place)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
