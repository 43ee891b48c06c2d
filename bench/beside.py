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
PAUSE = 0.01


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


class Neighbour:
    """One who writes after each pause, in seconds, beside a load."""

    def __init__(self, session, ground, kind, table):
        self._session, self._ground, self._kind, self._table = session, ground, kind, table
        self._dn = ground.slapd.dn(ground.other_admin)

    def alone(self, pause):
        with Writer(self._ground, self._dn, pause) as writer:
            time.sleep(2 * min(1, self._session.options.scale * 10))
        return writer.times

    def beside_ours(self, pause):
        self._ground.reset()
        with Writer(self._ground, self._dn, pause) as writer:
            took = Ours(self._session, self._ground, self._kind, self._table).seconds
        return writer.times, took

    def beside(self, peer, pause):
        self._ground.restore()
        with Writer(self._ground, self._dn, pause) as writer:
            took = peer.run(restore=False)
        return writer.times, took


def neighbour(session):
    ground, kind, count = session.ground("synced"), Add(), session.count(LOAD, 20)
    table = kind.table(ground, count)
    ground.prepare()
    before = ground.dump()
    peer, felt = Peer(ground, kind), Felt(session)
    rate = session.figure("rows of the load beside it", "rows/s", "ldapadd")
    restless = session.figure("writes of another client that never rests", "writes/s", "ldapadd")
    one = Neighbour(session, ground, kind, table)
    for number in range(session.rounds):
        ground.reset()
        nobodys = one.alone(PAUSE)
        ours, took = one.beside_ours(PAUSE)
        if number == 0:
            peer.learn(before, ground.dump(), compare=False)
        peers, theirs = one.beside(peer, PAUSE)
        felt.add(ours, peers, nobodys)
        rate.add(count / took, count / theirs)
        ours, took = one.beside_ours(0)
        peers, theirs = one.beside(peer, 0)
        restless.add(len(ours) / took, len(peers) / theirs)


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
