# SPDX-License-Identifier: MIT
"""System calls of the daemon that fail, or are its last; and a power cut, after which the disk holds
what was synced. By tests/faults.c, which is loaded into the daemon."""

import mmap
import os
import pwd
import shutil
import struct

from .process import MissingError, write

# As tests/faults.c has them.
PLAN = struct.Struct("=6IQ")
NONE, KILL, TEAR, FAIL, BREAK = range(5)

SYNCS = ("fsync", "fdatasync")


class Point:
    """One call: the number-th since they are counted, made at this site. kind: of a file (f), a
    folder or a name in it (d), a connection by TCP, which an error breaks (c), another socket (s),
    a pipe (p)."""

    def __init__(self, number, call, kind, site, frames=()):
        self.number, self.call, self.kind, self.site = number, call, kind, site
        self.frames = frames

    def __repr__(self):
        return "%s %d (%s)" % (self.call, self.number, " ".join(
            frame for frame in self.frames if frame.startswith("batchload"))[:200])


def firsts(points):
    """{site: the first point there}"""
    found = {}
    for point in points:
        found.setdefault(point.site, point)
    return found


class Faults:
    """For one daemon, which is to be started with prefix: what it does below the folder disk is
    followed."""

    def __init__(self, nursery, disk, user):
        self.folder = nursery.path("faults")
        self.disk = os.path.realpath(disk)
        self._user = pwd.getpwnam(user)
        library = os.path.join(os.environ["top_builddir"], "tests", "faults.so")
        if not os.path.exists(library):
            raise MissingError("missing: %s is not built" % library)
        os.mkdir(self.folder, 0o755)
        # The daemon's user may not enter the build folder.
        library = shutil.copy(library, self.folder)
        write(self._path("plan"), bytes(PLAN.size))
        write(self._path("calls"), b"")
        with open(self._path("plan"), "r+b") as file:
            self._plan = mmap.mmap(file.fileno(), PLAN.size)
        self.forget()
        options = os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + ":verify_asan_link_order=0"
        self.prefix = ("env", "LD_PRELOAD=" + library, "BATCHLOAD_FAULTS=" + self.folder,
                       "BATCHLOAD_FAULTS_DISK=" + self.disk, "ASAN_OPTIONS=" + options)

    def _path(self, *parts):
        return os.path.join(self.folder, *parts)

    # --- one call ---

    def arm(self, action=NONE, error=0, number=0, site=0):
        """From now on calls are counted. Without an action they are told; else it comes to the
        number-th, or where number is 0 to the first at the site."""
        with open(self._path("calls"), "wb"):
            pass
        self._plan[:] = PLAN.pack(1, 0, action, error, number, 0, site)

    def disarm(self):
        self._plan[:4] = struct.pack("=I", 0)

    @property
    def struck(self):
        """How often the action came to pass."""
        return PLAN.unpack(self._plan[:])[5]

    def points(self):
        with open(self._path("calls"), encoding="ascii") as file:
            lines = [line.split() for line in file]
        return [Point(int(number), call, kind, int(site, 16), tuple(frames))
                for number, call, kind, site, *frames in lines]

    # --- the power cut ---

    def forget(self):
        """Nothing was synced yet, nor did anything happen. No daemon runs."""
        self._plan[:] = bytes(PLAN.size)
        shutil.rmtree(self._path("disk"), ignore_errors=True)
        os.mkdir(self._path("disk"), 0o700)
        os.chown(self._path("disk"), self._user.pw_uid, self._user.pw_gid)

    def cut_power(self, folder):
        """What is below this folder of the disk becomes what was synced. No daemon runs."""
        above, name = os.path.split(os.path.realpath(folder))
        shutil.rmtree(folder, ignore_errors=True)
        if name in self._names(os.path.relpath(above, self.disk)):
            self._restore(os.path.relpath(folder, self.disk), folder)

    def _names(self, folder):
        """{name: what it is} of what was synced of a folder."""
        parts = [] if folder == "." else folder.split("/")
        try:
            with open(self._path("disk", "+".join(["folder", *parts])), encoding="utf-8") as file:
                return dict(line.rstrip("\n").split("\t") for line in file)
        except FileNotFoundError:
            return {}

    def _restore(self, folder, target):
        os.mkdir(target, 0o700)
        for name, what in self._names(folder).items():
            path = os.path.join(target, name)
            if what == "folder":
                self._restore(os.path.join(folder, name), path)
                continue
            try:
                shutil.copyfile(self._path("disk", what), path)
            except FileNotFoundError:
                write(path, b"")  # its name was synced, and nothing of it
            os.chmod(path, 0o600)
            os.chown(path, self._user.pw_uid, self._user.pw_gid)
        os.chown(target, self._user.pw_uid, self._user.pw_gid)
