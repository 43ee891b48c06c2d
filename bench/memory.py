# SPDX-License-Identifier: MIT
"""Peak memory of the daemon and its children for requests of different sizes.

    TREE=BUILD-FOLDER bench/memory.py [ROWS …]

Each size has a daemon of its own. "high water" is the kernel's mark of the daemon and of its
largest child together, though they need not have been reached at one time; "sampled" is the largest
sum seen at one moment. Use a build without sanitizers."""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "tests"))
sys.dont_write_bytecode = True

from harness import MemoryPeak, Tree, World, handle_signals, mail  # noqa: E402
from harness.big import wide_rows  # noqa: E402

BOUND_MB = 16


def measure(world, rows):
    world.milter.restart()
    head, table = wide_rows(world.domain, rows, "m%d-" % rows)
    raw = world.request(csv=mail.table(table, head))
    begin = time.monotonic()
    with MemoryPeak(world.milter) as peak:
        sent = world.send(raw)
        if sent.code != 250:
            sys.exit("the request was not taken: %r" % sent)
        response = world.response(raw, 3600)
    seconds = time.monotonic() - begin
    good = "processed ok" in response.text and len(response.rows()) == rows
    print("%8d rows, %5.1f MB of mail, %6.1f s: high water %5.1f MB (daemon %.1f, child %.1f), "
          "sampled %5.1f MB%s" % (
              rows, len(raw) / 1e6, seconds, (peak.daemon + peak.child) / 1024,
              peak.daemon / 1024, peak.child / 1024, peak.total / 1024,
              "" if good else "  NOT PROCESSED AS IT SHOULD BE: " + response.text[:300]),
          flush=True)
    return (peak.daemon + peak.child) / 1024 if good else None


def main():
    handle_signals()
    sizes = [int(word) for word in sys.argv[1:]] or [1000, 20000, 300000]
    source = os.path.dirname(HERE)
    with World(tree=Tree.built(os.environ.get("TREE", source), source)) as world:
        peaks = [measure(world, rows) for rows in sizes]
    if None in peaks:
        return 1
    print("the last is %.1f MB over the first" % (peaks[-1] - peaks[0]))
    return 1 if peaks[-1] - peaks[0] > BOUND_MB else 0


if __name__ == "__main__":
    sys.exit(main())
