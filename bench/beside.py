# SPDX-License-Identifier: MIT
"""What others feel while a large request runs: another client's writes, and the small request of
another administrator."""

import statistics
import time

from harness import HarnessError, mail, wait_for
from harness.big import hashed, jobs
from flow import ROWS as SMALL_ROWS, percentile
from load import Add, Ours, Peer
from session import Bench
from tools import Writer

LOAD = 20000
LARGE, SMALL = 100000, 20


# --- another client ---

class Felt:
    """Another client's writes beside ours, beside the peer's load, and alone."""

    def __init__(self, session):
        figure = session.figure
        self._figures = [
            (figure("another client's write during the load, p50", "ms", "ldapadd"),
             figure("the same", "ms", "no load"), 0.5),
            (figure("another client's write during the load, p99", "ms", "ldapadd"),
             figure("the same", "ms", "no load"), 0.99)]

    def add(self, ours, peers, nobodys):
        for beside, idle, share in self._figures:
            value = percentile(ours, share)
            beside.add(value, percentile(peers, share))
            idle.add(value, percentile(nobodys, share))


def neighbour(session):
    ground, kind, count = session.ground("synced"), Add(), session.count(LOAD, 20)
    table = kind.table(ground, count)
    ground.prepare()
    before = ground.dump()
    peer, felt = Peer(ground, kind), Felt(session)
    rate = session.figure("rows of the load beside it", "rows/s", "ldapadd")
    own = ground.slapd.dn(ground.other_admin)
    for number in range(session.rounds):
        ground.reset()
        with Writer(ground, own) as nobodys:
            time.sleep(2 * min(1, session.options.scale * 10))
        with Writer(ground, own) as ours:
            took = Ours(session, ground, kind, table).seconds
        if number == 0:
            peer.learn(before, ground.dump(), compare=False)
        ground.restore()
        with Writer(ground, own) as peers:
            theirs = peer.run(restore=False)
        felt.add(ours.times, peers.times, nobodys.times)
        rate.add(count / took, count / theirs)


# --- a small request beside a large one ---

def large_request(ground, count):
    head = ["DOMAIN", "USER", "TYPE", "ACTION", "PASSWORD"]
    return ground.request(csv=mail.table(
        [[ground.domain, "user%d" % n, "FULL", "ADD", hashed("user%d" % n)]
         for n in range(count)], head))


def small_requests(ground, count, word):
    """Milliseconds from acceptance to the response, of requests of another administrator, one after
    the other."""
    times = []
    for number in range(count):
        raw = ground.request(
            [{"DOMAIN": ground.other_domain, "USER": "%s%dx%d" % (word, number, n), "TYPE": "FULL",
              "ACTION": "ADD", "PASSWORD": hashed(word)} for n in range(SMALL_ROWS)],
            sender=ground.other_admin)
        accepted = ground.hand_over(raw, ground.other_admin)
        response = ground.response(raw, 600)
        times.append((time.monotonic() - accepted) * 1000)
        if "processed ok" not in response.text:
            raise HarnessError("a small request was not processed: " + response.text[:300])
    return times


def working(ground):
    """The large request is being applied: {slices_done …}, or None."""
    found = [job for job in jobs(ground) if job["rows"] > SMALL_ROWS and job["state"] == "working"]
    return found[0] if found and found[0]["slices_done"] > 0 else None


def turns(session):
    ground = session.ground("synced")
    count, small = session.count(LARGE, 1000), session.count(SMALL, 2)
    ground.prepare()
    half = session.figure("a request of %d rows beside one of %s, p50" % (
        SMALL_ROWS, "{:,}".format(count)), "ms", "alone")
    worst = session.figure("the same, slowest", "ms", "alone")
    for number in range(session.rounds):
        ground.reset()
        idle = small_requests(ground, small, "a%d" % number)
        ground.hand_over(large_request(ground, count))
        wait_for(lambda: working(ground), "the large request's first slice", 600)
        busy = small_requests(ground, small, "b%d" % number)
        if session.options.scale >= 0.1 and not working(ground):
            raise HarnessError("the large request ended before the small ones")
        half.add(statistics.median(busy), statistics.median(idle))
        worst.add(max(busy), max(idle))


BENCHES = [
    Bench("neighbour", "another client's writes during a load of FULL ADD", neighbour, "synced"),
    Bench("turns", "a small request while a large one runs", turns, "synced"),
]
