# SPDX-License-Identifier: MIT
"""Whose turn it is while a large request runs; and how much memory one takes."""

import gzip
import os
import shutil
import time

import tap
from harness import MemoryPeak, World, mail, wait_for
from harness.big import jobs, wide_rows

ROWS = 20000
# Of a request of a few slices there are seldom two in memory, as there are when one is planned ahead.
MEMORY_ROWS = (6000, 12000)
# What the larger of these may take more. Sanitizers take a multiple of what is asked for, so this
# finds only what grows with every row; bench/memory.py has the real figures.
MEMORY_BOUND_KB = 16 * 1024
COLLEAGUE = "colleague@otherdomain.example"


def by_reference(world):
    return {job["reference"]: job for job in jobs(world)}


def small(domain, word):
    return [{"DOMAIN": domain, "USER": "%s%d" % (word, n), "TYPE": "FULL", "ACTION": "ADD",
             "PASSWORD": "clear words %d" % n} for n in range(10)]


def ask_small(world, sender, domain, word):
    begin = time.monotonic()
    response = world.ask(small(domain, word), sender=sender, reference=word)
    tap.equal(response.results, ["created"] * 10, "results")
    return time.monotonic() - begin


def send_large(world, rows, reference, sender=None):
    """A request of so many new accounts with clear passwords; returns it when it is being worked
    on."""
    head, table = wide_rows(world.domain, rows, reference, clear=True)
    raw = world.request(csv=mail.table(table, head), reference=reference, sender=sender)
    tap.equal(world.send(raw, sender).code, 250, "reply")
    wait_for(lambda: by_reference(world).get(reference, {}).get("slices_done", 0) >= 1,
             "the first slice", 60)
    return raw


@tap.test("R5.2 requests of one administrator are worked on in the order in which they came")
def in_order(world):
    # In another domain, so that it is the administrator alone who keeps them in order.
    large = send_large(world, 1200, "first", COLLEAGUE)
    raws = [world.request([{"DOMAIN": world.other_domain, "USER": "ordered", "TYPE": "FULL",
                            "ACTION": action, "PASSWORD": "clear words"}],
                          reference=str(number), sender=COLLEAGUE)
            for number, action in enumerate(("ADD", "MODIFY", "DELETE", "MODIFY"))]
    for raw in raws:
        tap.equal(world.send(raw, COLLEAGUE).code, 250, "reply")

    def all_done():
        found = jobs(world)
        if found[0]["state"] == "working":
            # Opened, perhaps; applied in no part.
            tap.equal([job["started"] for job in found[1:]], [None] * len(found[1:]), "begun")
        return all(job["state"] == "done" for job in found)
    wait_for(all_done, "all to be done", 60)
    found = jobs(world)
    tap.equal(len(found), 5, "jobs")
    tap.equal([job["started"] for job in found], sorted(job["started"] for job in found),
              "order of the begins")
    tap.equal([world.response(raw).results for raw in raws],
              [["created"], ["changed"], ["deleted"], ["failed"]], "results")
    tap.contains(world.response(large).text, "processed ok")


@tap.test("R5.1 work starts at once: a small request is answered within a second")
def at_once(world):
    # The machine may be busy with other things; nothing of ours may wait.
    took = [ask_small(world, world.other_admin, world.other_domain, "once%d-" % n)
            for n in range(5)]
    tap.say("10 rows were answered within %s s" % ", ".join("%.2f" % each for each in took))
    assert min(took) < 1, took


@tap.test("R5.2 a request of %d rows with clear passwords does not hold up other administrators"
          % ROWS)
def turns(world):
    send_large(world, ROWS, "large")
    took, passed = {}, {}
    for n in range(3):
        for sender, domain, name in ((world.other_admin, world.other_domain, "another domain"),
                                     (COLLEAGUE, world.domain, "the same domain")):
            before = by_reference(world)["large"]["slices_done"]
            took.setdefault(name, []).append(
                ask_small(world, sender, domain, "%s%d-" % (name[:4].strip(), n)))
            passed.setdefault(name, []).append(by_reference(world)["large"]["slices_done"] - before)
    large = by_reference(world)["large"]
    tap.equal(large["state"], "working", "state of the large request")
    tap.say("10 rows were answered within %s s, while so many slices of the large request ended: "
            "%s; it has done %d of %d rows then" % (
                {name: ["%.2f" % each for each in times] for name, times in took.items()}, passed,
                large["rows_done"], large["rows"]))
    # In the same domain a slice that runs is waited for, and in none a second one. (One may end
    # while the mail is on its way.)
    for name, slices in passed.items():
        assert max(slices) <= 2, passed


def peak(world, rows):
    """Memory of daemon and child, kB, for a request of so many rows in a fresh daemon."""
    world.milter.restart()
    head, table = wide_rows(world.other_domain, rows, "memory%d-" % rows)
    raw = world.request(csv=mail.table(table, head), sender=world.other_admin)
    with MemoryPeak(world.milter) as memory:
        tap.equal(world.send(raw, world.other_admin).code, 250, "reply")
        response = world.response(raw)
    tap.contains(response.text, "processed ok")
    tap.equal(list(response.files), ["result.csv.gz"], "files")
    lines = gzip.decompress(response.files["result.csv.gz"]).splitlines()
    tap.equal(len(lines), rows + 1, "lines of result.csv.gz")
    return memory.daemon + memory.child


@tap.test("R4.9 memory does not grow with the rows, result.csv.gz is made on the way: %d and %d"
          % MEMORY_ROWS)
def memory(world):
    world.milter.kill()
    shutil.rmtree(world.milter.spool)  # and the large request
    world.milter.configure({"workers": 1, "compress_above": 0})
    kept = os.environ.get("ASAN_OPTIONS", "")
    # Without these the sanitizer keeps all that is freed, up to 256 MB.
    os.environ["ASAN_OPTIONS"] = kept + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
    try:
        first, last = [peak(world, rows) for rows in MEMORY_ROWS]
    finally:
        os.environ["ASAN_OPTIONS"] = kept
    tap.say("peak %d kB and %d kB" % (first, last))
    assert last - first < MEMORY_BOUND_KB, "%d kB more" % (last - first)


class Turns(World):
    def __init__(self):
        super().__init__(senders="%s allow domains=somedomain.example,otherdomain.example\n"
                         % COLLEAGUE)
        self.passwords[COLLEAGUE] = "colleague's own"
        self.add_account(COLLEAGUE, self.passwords[COLLEAGUE])


if __name__ == "__main__":
    tap.main(Turns)
