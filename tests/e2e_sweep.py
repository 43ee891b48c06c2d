# SPDX-License-Identifier: MIT
"""A small request while one system call of the daemon fails, kills it, or is where the power is cut:
each place of the program that writes, syncs, makes, renames or removes, one after the other. Each
time there is exactly one job, one response, each row is done once, and nothing is left in the spool.

What is swept begins with the daemon's first start, with the arrival of a mail, and with a start that
finds a request to work on; each place is struck once per fault. By default only those are that bring
something to the disk or change a name; BATCHLOAD_ALL=1 (scripts/check --all) has every place,
BATCHLOAD_SOAK=1 (scripts/soak) every single call, until a run is untouched."""

import contextlib
import errno
import json
import os
import shutil
import sqlite3
import time

import tap
from harness import World, mail, message_id_of, wait_for
from harness.big import Big, Copies, difference, hashed, jobs, snapshot
from harness.faults import BREAK, FAIL, KILL, SYNCS, TEAR, Faults, firsts
from harness.process import run

SOAK = os.environ.get("BATCHLOAD_SOAK") == "1"
ALL = SOAK or os.environ.get("BATCHLOAD_ALL") == "1"
ROWS = 20
SECONDS = 6 * 3600 if SOAK else 900
START, ARRIVAL, WORK = "its first start", "the mail's arrival", "a start with a request to work on"


class Fault:
    """What happens at a call, and at which."""

    def __init__(self, words, action, error=0, cut=False, at=lambda point: True):
        self.words, self.action, self.error, self.cut, self.at = words, action, error, cut, at


def on_disk(point):
    return point.kind in "fd"


def syncs(point):
    return point.call in SYNCS


def must_end(point):
    """After such a sync failed nothing is known of the disk. Of its own folder's sync SQLite does not
    tell; the spool's at its start is there for that."""
    return syncs(point) and not (point.kind == "d" and point.frames[0].startswith("libsqlite"))


def moves(point):
    return point.call in ("rename", "unlink")


def fails(point):
    """What may fail and is for the program to heed: libmilter's own pipes are not."""
    return on_disk(point) or any(frame.startswith("batchload") for frame in point.frames)


def fills(point):
    """What a full disk refuses."""
    return on_disk(point) and point.call != "unlink"


# Between two syncs a power cut is the same wherever it comes.
FAULTS = [Fault("the power cut at", KILL, cut=True, at=syncs)]
if ALL:
    FAULTS += [Fault("killed at", KILL),
               Fault("an I/O error at", FAIL, errno.EIO, at=fails),
               Fault("a full disk at", FAIL, errno.ENOSPC, at=fills)]
else:
    FAULTS += [Fault("killed at", KILL, at=moves)]
if SOAK:
    # In the middle of what is written; and an error at this call and at all later ones.
    FAULTS += [Fault("torn at", TEAR), Fault("a broken disk from", BREAK, errno.EIO)]

WAYS = [("a request", START), ("a request", ARRIVAL), ("a request", WORK),
        ("a wide request", START),
        ("a request that is refused", ARRIVAL), ("a check", ARRIVAL),
        ("an atomic request", ARRIVAL), ("an atomic request that is undone", ARRIVAL)]


# --- what is asked for ---

class Request:
    """A request, and what becomes of it where nothing happens."""

    def __init__(self, world, **options):
        self._world, self._options = world, dict(options, reference="small")
        world.copies.restore()
        self.told = told(world.ask(**self._options))
        self.wanted = snapshot(world.slapd)
        self.changes = changes(world)

    def raw(self):
        return self._world.request(**self._options)


def told(response):
    """(subject, results of the rows)"""
    return response.subject, response.results


def command(world, *words):
    return run([world.milter.tree.command, "-c", world.milter.conf, *words], check=False)


def changes(world):
    """What the audit has of the last job: (line, action, address, result)"""
    job = jobs(world)[-1]["id"]
    return [(each["line"], each["action"], each["address"], each["result"]) for each in
            map(json.loads, command(world, "log", "-j", "--job", job).stdout.splitlines())]


HEAD = ["DOMAIN", "USER", "TYPE", "ACTION", "PASSWORD", "LIST MEMBER", "PHONE"]


def good_rows(domain):
    """For Mode: atomic, on top of what Big finds there."""
    return [[domain, "new", "FULL", "ADD", hashed("new"), "", ""],
            [domain, "there0", "FULL", "MODIFY", hashed("changed"), "", "1"],
            [domain, "oldlist0", "LIST", "ADD", "", "new", ""],
            [domain, "forward0", "FORWARD", "DELETE", "", "", ""]]


def requests(world):
    """Each kind of request that takes a way of its own."""
    big = Big(world.domain, ROWS)
    world.faults = Faults(world.nursery, world.milter.folder, world.milter.user)
    world.milter.prefix = world.faults.prefix
    world.milter.configure({"workers": 1})
    world.milter.kill()
    world.slapd.add(big.ldif(world.slapd))
    world.copies = Copies(world.slapd, "kept")
    world.milter.start()
    good, table = good_rows(world.domain), mail.table(big.rows, big.HEAD)
    # What is small lies in the database; mail, rows and response of this one are files.
    at = big.HEAD.index("DESCRIPTION")
    wide = [[*row[:at], "wide" * 250, *row[at + 1:]] if row[2] == "FULL" else row
            for row in big.rows]
    # The directory does not take this number; what was done before is undone.
    bad = good + [[world.domain, "there0", "FULL", "MODIFY", hashed("again"), "", "\u00a7"]]
    made = {"a request": Request(world, csv=table),
            "a wide request": Request(world, csv=mail.table(wide, big.HEAD)),
            "a check": Request(world, csv=table, mode="check"),
            "an atomic request": Request(world, csv=mail.table(good, HEAD), mode="atomic"),
            "an atomic request that is undone": Request(world, csv=mail.table(bad, HEAD),
                                                        mode="atomic"),
            "a request that is refused": Request(world, csv=mail.table([], ["DOMAIN", "NOTHING"]))}
    for each in ("a request", "a wide request"):
        tap.equal(made[each].told[1], big.expected, "results")
    tap.equal(made["an atomic request"].told[1], ["created", "changed", "changed", "deleted"],
              "results")
    tap.equal(bool(world.log_lines("action=undo")), True, "an undo in the log")
    tap.contains(made["a request that is refused"].told[0], "not processed")
    return made


# --- one run ---

class Run:
    """One request from the same beginning, with an accident."""

    def __init__(self, world, request, phase):
        self.world, self.request, self.phase = world, request, phase
        self.faults = world.faults
        self.raw = None
        self.taken = False
        self._due = 0.0
        self._logged = 0
        self._hurried = False

    def begin(self):
        world = self.world
        world.milter.kill()
        shutil.rmtree(world.milter.spool, ignore_errors=True)
        self.faults.forget()
        world.copies.restore()
        self._logged = os.path.getsize(world.log)
        self.raw = self.request.raw()
        if self.phase == WORK:
            # With the directory away the proof can't be checked, so the request waits.
            world.slapd.kill()
            world.milter.start()
            self.send()
            self._due = wait_for(self.due, "the request to wait", 60)
            world.milter.kill()
            world.slapd.start()
            self._hurried = True
        elif self.phase == ARRIVAL:
            world.milter.start()
            self.wait_rest()

    def log(self):
        with open(self.world.log, "rb") as file:
            file.seek(self._logged)
            return file.read().decode(errors="replace")

    def send(self):
        self.taken = self.world.send(self.raw).code == 250
        return self.taken

    def go(self, **armed):
        """Until the request is done, refused, or the daemon ends."""
        milter = self.world.milter
        self.start(**armed)
        while self.phase == WORK and not self.faults.struck and time.time() >= self._due:
            # The worker may have begun with the request.
            self.world.pauses += 1
            assert self.world.pauses <= 5, "the daemon takes too long to start"
            self.start(**armed)
        if milter.running() and (self.taken or self.send()):
            wait_for(lambda: self.failed() or self.done() or self.waits(), "an end", 90)

    def start(self, **armed):
        self.begin()
        self.faults.arm(**armed)
        milter = self.world.milter
        if self.phase != ARRIVAL:
            milter.start(wait=False)
            wait_for(lambda: not milter.running() or milter.serves(), "the daemon to serve", 60)
            self.wait_rest()

    def wait_rest(self):
        """The order of what the worker does at a start, and does for a request, is to be the same
        each time: else what is synced is synced at other places, and by other threads."""
        wait_for(lambda: not self.world.milter.running() or self.faults.struck or self.rests(),
                 "the daemon to rest", 60)

    def rests(self):
        """Whether its worker has tidied up: then it starts a parser, and waits for work."""
        return self.world.milter.running() and len(self.world.milter.children()) > 1

    def due(self):
        """When the request is tried again, once it has waited for so long that the daemon will rest
        before that; else None."""
        path = "file:%s/spool.db?mode=ro" % self.world.milter.spool
        with contextlib.closing(sqlite3.connect(path, uri=True, timeout=10)) as store:
            found = store.execute("SELECT not_before / 1e6 FROM job WHERE attempts > ?",
                                  [self.world.pauses]).fetchone()
        return found and found[0]

    def waits(self):
        """Whether it was given up for a while; it is tried again at once, which is no end."""
        if not self._hurried and "action=wait" in self.log():
            for job in jobs(self.world):
                command(self.world, "retry", job["id"])
                self._hurried = True
        return False

    def done(self):
        """To the last line in the log, where it can be written; others see a change before it is
        synced."""
        return (bool(self.answers()) and [job["state"] for job in jobs(self.world)] == ["done"]
                and (self.faults.struck > 0 or "action=done" in self.log()))

    def answers(self):
        return self.world.mailbox(self.world.admin).find("In-Reply-To", message_id_of(self.raw))

    def failed(self):
        """Whether the daemon ended, or is about to."""
        return not self.world.milter.running() or "the spool failed" in self.log()

    def finish(self, cut):
        """As a supervisor and a mail server do: the daemon again, the same mail again."""
        world = self.world
        # It goes on: so what it has promised must be on the disk.
        cut = cut or not self.failed()
        if world.milter.running():
            world.milter.kill()
        self.faults.disarm()
        if cut:
            self.faults.cut_power(world.milter.spool)
        sending = [job["state"] for job in jobs(world)] == ["sending"]
        world.milter.start()
        if not self.taken:
            assert self.send(), "the second attempt is refused"
        world.mailbox(world.admin).wait("In-Reply-To", message_id_of(self.raw))
        wait_for(lambda: [job["state"] for job in jobs(world)] == ["done"], "one job, and done", 60)
        world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
        wait_for(lambda: not self.left(), "the spool to hold nothing of the request")
        # Only between the hand-over and its mark a second copy may come.
        return self.check(2 if sending else 1)

    def check(self, most):
        """What must hold in the end; how many second copies there are."""
        found = [mail.Response(raw) for raw in self.answers()]
        assert len(found) <= most, "%d responses" % len(found)
        tap.equal(len({str(each.mail["Message-ID"]) for each in found}), 1, "Message-IDs")
        tap.equal(told(found[0]), self.request.told, "response")
        tap.equal(changes(self.world), self.request.changes, "changes in the audit")
        different = difference(snapshot(self.world.slapd), self.request.wanted)
        assert not different, "\n".join(different)
        return len(found) - 1

    def left(self):
        """What the spool holds beside its records."""
        return [os.path.join(folder, name)
                for folder, _, names in os.walk(self.world.milter.spool) for name in names
                if folder != self.world.milter.spool]


# --- the sweep ---

class Sweep:
    def __init__(self, world, request, phase, fault):
        self.world, self.request, self.phase, self.fault = world, request, phase, fault
        self.hits = self.doubles = 0
        self.ending = set()  # points at which an error must end the daemon

    def strike(self, what, **armed):
        """One run; whether it came to pass."""
        one = Run(self.world, self.request, self.phase)
        try:
            one.go(action=self.fault.action, error=self.fault.error, **armed)
            struck = self.world.faults.struck > 0
            if struck and self.fault.error == errno.EIO and what in self.ending:
                wait_for(one.failed, "the daemon to heed that a sync failed", 30)
            self.doubles += one.finish(self.fault.cut)
        except Exception as error:
            raise AssertionError("%s %r, from %s: %s" % (
                self.fault.words, what, self.phase, error)) from error
        self.hits += struck
        return struck

    def record(self):
        """The calls where nothing happens, once for all faults."""
        way = self.request, self.phase
        if way not in self.world.points:
            one = Run(self.world, *way)
            one.go()
            self.world.points[way] = self.world.faults.points()
            tap.equal(one.finish(False), 0, "second copies of a run that nothing struck")
        return self.world.points[way]

    def reach(self, point):
        """What threads do for each other is not the same each time; what comes to the disk is."""
        return any(self.strike(point, site=point.site) for _ in range(3 if on_disk(point) else 1))

    def every_place(self, seen):
        """But for those of seen, to which they are added."""
        points = [point for point in self.record() if self.fault.at(point)]
        places = [point for point in firsts(points).values() if point.site not in seen]
        seen.update(point.site for point in points)
        self.ending.update(filter(must_end, places))
        missed = [point for point in places if not self.reach(point)]
        tap.say("%d calls, %d places, %d hit, %d second copies%s" % (
            len(points), len(places), self.hits, self.doubles,
            ", missed %r" % missed if missed else ""))
        tap.equal([point for point in missed if on_disk(point)], [], "places that were not hit")

    def every_call(self):
        number = 1
        while self.strike(number, number=number):
            number += 1
        tap.say("%d calls hit, %d second copies" % (self.hits, self.doubles))
        tap.equal(number > 20, True, "%d calls" % number)


SWEEPS = [("R4.14 %s each %s of %s, from %s" % (
    fault.words, "call" if SOAK else "place", request, phase), request, phase, fault)
    for fault in FAULTS for request, phase in WAYS]


@tap.table(SWEEPS, SECONDS)
def sweep(world, request, phase, fault):
    if not hasattr(world, "requests"):
        world.requests = requests(world)
        world.seen = {each: set() for each in FAULTS}
        world.points = {}
        world.pauses = 0
    this = Sweep(world, world.requests[request], phase, fault)
    if SOAK:
        this.every_call()
    else:
        this.every_place(world.seen[fault])


if __name__ == "__main__":
    tap.main(World)
