# SPDX-License-Identifier: MIT
"""Runs a unit test in a temporary folder of its own. However it ends, or is ended, neither the
folder nor a process that it started stays: python3 -m harness.alone PROGRAM..."""

import os
import sys

from .process import Nursery, handle_signals


def main(arguments):
    handle_signals()
    nursery = Nursery("u.")
    try:
        process = nursery.spawn(["env", "-C", os.getcwd(), *arguments], inherit=True,
                                environment=dict(os.environ, TMPDIR=nursery.folder))
        status = process.wait()
    finally:
        nursery.close()
    # As a shell tells a signal, for the TAP driver.
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
