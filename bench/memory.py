# SPDX-License-Identifier: MIT
"""The daemon's memory and its time per row for requests of very different sizes, on a tmpfs: the
largest would take the disk a while; beside ldapadd with the same entries, for the server's own time
a row grows, too. Each size has a fresh daemon; each is measured once."""

import os
import subprocess
import time

from harness import HarnessError, MemoryPeak, mail, which
from harness.big import wide_rows
from figures import at_most
from ground import Used
from session import Bench
from load import Recorder
from tools import timed
import ldif

SIZES = (1000, 100000, 1000000)
BOUND_MB = 64
SETTINGS = {"limits.message_bytes_max": "1G", "limits.attachment_bytes_max": "512M",
            "limits.rows_max": 10000000, "limits.parser_cpu_seconds": 3600,
            "limits.parser_seconds": 3600}


class Took:
    """What a request of so many rows took, and what ldapadd takes for the same entries."""

    def __init__(self, session, ground, rows):
        self.rows = rows
        ground.reset()
        head, table = wide_rows(ground.domain, rows, "user")
        raw = ground.request(csv=mail.table(table, head))
        del table
        # The kernel keeps the daemon's own peak; how often is looked matters for its child.
        with MemoryPeak(ground.milter, 0.05) as peak, Recorder(session, ground):
            used, server = Used(ground.milter.pid), Used(ground.slapd.pid)
            accepted = ground.hand_over(raw)
            response = ground.response(raw, 7200)
            self.seconds = time.monotonic() - accepted
            self.processor = used.seconds()[0]
            self.server = server.seconds()[0]
        if "processed ok" not in response.text:
            raise HarnessError("the request was not processed: " + response.text[:600])
        self.daemon, self.child = peak.daemon / 1024, peak.child / 1024
        self.total = peak.total / 1024
        self._ask_peer(ground)

    def _ask_peer(self, ground):
        path = ground.nursery.path("peer.ldif")
        self._write_peer(ground, path)
        ground.restore()
        server = Used(ground.slapd.pid)
        self.peer_seconds = timed(ground, [which("ldapadd"), *ground.bind, "-f", path], 7200,
                                  "/dev/null")
        self.peer_server = server.seconds()[0]
        os.unlink(path)

    def _write_peer(self, ground, path):
        """The entries that the request has made, and never all of them in memory."""
        command = [which("slapcat"), "-f", ground.slapd.conf, "-b", ground.base, "-o",
                   "ldif-wrap=no", "-a", "(batchloadChange=*)"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as slapcat, \
                open(path, "w", encoding="utf-8") as out:
            for line in slapcat.stdout:
                if ldif.attribute(line) not in ldif.SERVERS_OWN:
                    out.write(line)
        if slapcat.returncode:
            raise HarnessError("slapcat: exit %d" % slapcat.returncode)


def memory(session):
    ground = session.ground("tmpfs")
    ground.prepare(settings=SETTINGS)
    took = []
    for number, size in enumerate(SIZES):
        one = Took(session, ground, session.count(size, 10 * (number + 1)))
        took.append(one)
        name = "{:,} rows".format(one.rows)
        session.figure("daemon's peak, " + name, "MB",
                       wanted=at_most(BOUND_MB, "ours")).add(one.daemon)
        session.figure("parser's peak, " + name, "MB").add(one.child)
        session.figure("both at one moment, " + name, "MB").add(one.total)
        session.figure("to the response, " + name, "s", "ldapadd").add(one.seconds,
                                                                       one.peer_seconds)
    for what, name, wanted in (("", "seconds", at_most(1.1)),
                               (" of ldapadd", "peer_seconds", None),
                               (", daemon's processor", "processor", at_most(1.1)),
                               (", slapd's processor", "server", None),
                               (", slapd's processor for ldapadd", "peer_server", None)):
        slope(session, what, took, name, wanted)


def slope(session, what, took, name, wanted):
    """What one row more takes between the largest two, and between the smaller two."""
    small, middle, large = took

    def each(less, more):
        return (getattr(more, name) - getattr(less, name)) * 1e6 / (more.rows - less.rows)
    figure = session.figure(
        "a row more%s, {:,} to {:,} rows".format(middle.rows, large.rows) % what, "us",
        "{:,} to {:,}".format(small.rows, middle.rows), wanted)
    figure.add(each(middle, large), each(small, middle))


BENCHES = [Bench("memory", "memory and time of requests of different sizes", memory, "tmpfs")]
