# SPDX-License-Identifier: MIT
"""The daemon's memory and its time per row for requests of very different sizes, on a tmpfs: the
largest would take the disk a while. Each size has a fresh daemon; each is measured once."""

import time

from harness import HarnessError, MemoryPeak, mail
from harness.big import wide_rows
from figures import at_most
from session import Bench
from load import Recorder

SIZES = (1000, 100000, 1000000)
BOUND_MB = 64
SETTINGS = {"limits.message_bytes_max": "1G", "limits.attachment_bytes_max": "512M",
            "limits.rows_max": 10000000, "limits.parser_cpu_seconds": 3600,
            "limits.parser_seconds": 3600}


def take(session, ground, rows):
    """Seconds from acceptance to the response, and peaks in MB: daemon, child, both at once."""
    ground.reset()
    head, table = wide_rows(ground.domain, rows, "user")
    raw = ground.request(csv=mail.table(table, head))
    del table
    # The kernel keeps the daemon's own peak; how often is looked matters for its child.
    with MemoryPeak(ground.milter, 0.05) as peak, Recorder(session, ground):
        accepted = ground.hand_over(raw)
        response = ground.response(raw, 7200)
        seconds = time.monotonic() - accepted
    if "processed ok" not in response.text:
        raise HarnessError("the request was not processed: " + response.text[:600])
    return seconds, peak.daemon / 1024, peak.child / 1024, peak.total / 1024


def memory(session):
    ground = session.ground("tmpfs")
    ground.prepare(settings=SETTINGS)
    sizes = [session.count(size, 10 * (number + 1)) for number, size in enumerate(SIZES)]
    took = []
    for rows in sizes:
        seconds, daemon, child, both = take(session, ground, rows)
        took.append(seconds)
        name = "{:,} rows".format(rows)
        session.figure("daemon's peak, " + name, "MB", wanted=at_most(BOUND_MB, "ours")).add(daemon)
        session.figure("parser's peak, " + name, "MB").add(child)
        session.figure("both at one moment, " + name, "MB").add(both)
        session.figure("to the response, " + name, "s").add(seconds)
    slope(session, sizes, took)


def slope(session, sizes, took):
    """What one row more takes between the largest two, and between the smaller two."""
    (small, middle, large), (first, second, third) = sizes, took
    figure = session.figure(
        "a row more, {:,} to {:,} rows".format(middle, large), "us",
        "{:,} to {:,}".format(small, middle), at_most(1.1))
    figure.add((third - second) * 1e6 / (large - middle), (second - first) * 1e6 / (middle - small))


BENCHES = [Bench("memory", "memory and time of requests of different sizes", memory, "tmpfs")]
