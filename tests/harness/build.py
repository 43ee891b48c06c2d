# SPDX-License-Identifier: MIT
"""Builds out of tree, below build/ of the repository; the builds stay for the next time."""

import fcntl
import glob
import os
import subprocess
import sys

from .process import HarnessError, run

SECONDS = 1800


def take_lock(top):
    """Waits until nobody else works in build/; who closes what it returns is done there."""
    os.makedirs(os.path.join(top, "build"), exist_ok=True)
    lock = open(os.path.join(top, "build", "lock"), "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another build is running; waiting for it", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


class Build:
    """One build folder; its caller has the lock."""

    def __init__(self, nursery, top, name, configure):
        self.nursery = nursery
        self.top = top
        self.folder = os.path.join(top, "build", name)
        self.configure_arguments = configure
        os.makedirs(self.folder, exist_ok=True)
        self.log = os.path.join(self.folder, "build.log")
        open(self.log, "wb").close()

    def step(self, *arguments, folder=None, log=None, check=True, environment=None,
             seconds=SECONDS):
        """Runs one command to its end; returns its status. Its words go to the log."""
        log = log or self.log
        # env -C: the nursery starts everything in /
        process = self.nursery.spawn(["env", "-C", folder or self.folder, *arguments], log=log,
                                     environment=environment)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = -1
        self.nursery.stop(process)
        if status and check:
            with open(log, "rb") as file:
                sys.stderr.write(file.read()[-4000:].decode(errors="replace"))
            raise HarnessError("%s failed, see %s" % (os.path.basename(arguments[0]), log))
        return status

    def bootstrap(self):
        """autoreconf where it is needed."""
        sources = [os.path.join(self.top, name) for name in ("configure.ac", "Makefile.am")]
        sources += glob.glob(os.path.join(self.top, "*", "local.mk"))
        made = os.path.join(self.top, "configure")
        outputs = [made, os.path.join(self.top, "Makefile.in")]
        if older(outputs, sources):
            self.step("autoreconf", "-fi", folder=self.top)

    def prepare(self):
        """configure where it is needed."""
        self.bootstrap()
        made = os.path.join(self.top, "configure")
        stamp = os.path.join(self.folder, "configured")
        words = " ".join(self.configure_arguments)
        if (older([stamp, os.path.join(self.folder, "Makefile")], [made])
                or open(stamp, encoding="utf-8").read() != words):
            self.step(made, "-q", *self.configure_arguments)
            with open(stamp, "w", encoding="utf-8") as file:
                file.write(words)

    def make(self, *arguments, jobs=os.cpu_count() or 2, **options):
        return self.step("make", "-j%d" % jobs, *arguments, **options)

    def tests(self):
        return run(["make", "-s", "-C", self.folder, "print-tests"]).stdout.decode().split()


def older(outputs, sources):
    try:
        return min(map(os.path.getmtime, outputs)) < max(map(os.path.getmtime, sources))
    except FileNotFoundError:
        return True
