# SPDX-License-Identifier: MIT
"""scripts/bench: an optimised build below build/, then bench/main.py in our place."""

import os
import sys

from .build import Build, take_lock
from .process import HarnessError, Nursery, handle_signals

CONFIGURE = ["CC=gcc", "CFLAGS=-O2 -g", "--prefix=/usr", "--sysconfdir=/etc",
             "--localstatedir=/var"]


def build(top):
    """The build folder, everything made in it."""
    nursery = Nursery("bb.")
    try:
        with take_lock(top):
            made = Build(nursery, top, "optimised", CONFIGURE)
            made.prepare()
            made.make("all", "bench-programs")
            return made.folder
    finally:
        nursery.close()


def main(top, *words):
    handle_signals()
    # Words that tell what there is need no build.
    folder = os.path.join(top, "build")
    if not {"-h", "--help"} & set(words):
        try:
            folder = build(top)
        except HarnessError as error:
            print("bench: %s" % error, file=sys.stderr)
            return 1
    os.execv(sys.executable, [sys.executable, "-B", "-P", os.path.join(top, "bench", "main.py"),
                              "--build", folder, "--json", os.path.join(top, "build", "bench.json"),
                              *words])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
