# SPDX-License-Identifier: MIT
"""Nothing lost, nothing done twice: a large request of all kinds of rows, with the daemon, the
directory and the way to the mail server breaking at many points. What must come out each time is
what came out of the uninterrupted run.

BATCHLOAD_ROWS sets the size of the request. With BATCHLOAD_ALL=1 (scripts/check --all) each kill
has a run of 20,000 rows of its own."""

import contextlib
import os
import shutil
import signal
import time

import tap
from harness import World, mail, message_id_of, wait_for
from harness.big import BLOCK, Big, Copies, difference, jobs, snapshot
from harness.gate import HOLD, HOLD_ANSWER, Trap
from harness.smtpgate import SmtpGate

ALL = os.environ.get("BATCHLOAD_ALL") == "1"
FULL_ROWS = int(os.environ.get("BATCHLOAD_ROWS", "20000"))
ROWS = FULL_ROWS if ALL else min(FULL_ROWS, 4000)
SLICE = 500  # rows, the default of slice_rows
SECONDS = 300 if not ALL else 600


# --- looking ---

def the_job(world):
    found = jobs(world)
    return found[0] if found else None


def state(world):
    job = the_job(world)
    return job["state"] if job else None


def spool_holds(world, folder):
    try:
        return any(os.scandir(os.path.join(world.milter.spool, folder)))
    except FileNotFoundError:
        return False


# --- one run from the same beginning ---

class Run:
    """One request of one administrator against the directory as it was at first."""

    def __init__(self, world, size):
        self.world = world
        self.size = size
        self.raw = None
        self.kills = 0

    def begin(self):
        world = self.world
        world.milter.kill()
        shutil.rmtree(world.milter.spool, ignore_errors=True)
        self.size.copies.restore()
        world.gate.release()
        world.milter.start()
        self.raw = world.request(csv=self.size.csv, reference="big")
        self.started = time.monotonic()
        tap.equal(world.send(self.raw).code, 250, "reply")
        return self

    def kill(self):
        world = self.world
        children = [pid for pid in world.milter.children() if pid != world.milter.pid]
        world.milter.kill()
        self.kills += 1
        job = the_job(world)
        self.found = job["state"], job["slices_done"], job["slices"]
        wait_for(lambda: not any(os.path.exists("/proc/%d/fd/0" % pid) for pid in children),
                 "the killed daemon's children to end", 10)

    def kill_and_start(self):
        self.kill()
        self.world.gate.release()
        self.world.milter.start()

    def end(self, copies=1):
        """Waits for the response; then everything that must hold. copies: most there may be."""
        world = self.world
        response = world.response(self.raw, SECONDS)
        self.seconds = time.monotonic() - self.started
        wait_for(lambda: state(world) == "done", "the job to be done", 60)
        self.snapshot = snapshot(world.slapd)
        self.rows = response.rows()
        self.response = response
        world.fence()
        world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
        found = world.mailbox(world.admin).find("In-Reply-To", message_id_of(self.raw))
        if not 1 <= len(found) <= copies:
            raise AssertionError("%d responses" % len(found))
        names = {str(mail.Response(each).mail["Message-ID"]) for each in found}
        tap.equal(len(names), 1, "Message-IDs of copies")
        tap.equal([job["state"] for job in jobs(world)], ["done", "done"],
                  "the jobs: this one and the fence")
        return self

    def same_as(self, wanted):
        compare_rows(self.rows, wanted.rows)
        tap.equal(self.response.subject, wanted.response.subject, "subject")
        different = difference(self.snapshot, wanted.snapshot)
        if different:
            raise AssertionError("the directory differs in %d entries:\n%s" % (
                len(different), "\n".join(different[:10])))


def compare_rows(got, wanted):
    tap.equal(len(got), len(wanted), "rows of result.csv")
    wrong = [(n, a, b) for n, (a, b) in enumerate(zip(got, wanted), 2) if a != b]
    if wrong:
        raise AssertionError("%d rows of result.csv differ:\n%s" % (len(wrong), "\n".join(
            "line %d: got %r, wanted %r" % each for each in wrong[:10])))


class Size:
    """A request of so many rows, the directory before it, and its uninterrupted run."""

    def __init__(self, world, rows):
        self.big = Big(world.domain, rows)
        self.csv = mail.table(self.big.rows, self.big.HEAD)
        # The directory as it was before any size, and the entries that this one takes for granted.
        world.pristine.restore()
        world.slapd.add(self.big.ldif(world.slapd))
        self.copies = Copies(world.slapd, "kept-%d" % rows)
        self.reference = None


def prepare(world):
    world.gate = SmtpGate(world.nursery, world.postfix.response_port)
    world.milter.configure({"submit": "smtp://127.0.0.1:%d" % world.gate.port})
    world.milter.restart()
    world.mailbox(world.admin)
    world.pristine = Copies(world.slapd, "pristine")
    world.sizes = {}


def size(world, rows):
    """The size with its uninterrupted run, made when it is first asked for."""
    if not hasattr(world, "sizes"):
        prepare(world)
    if rows not in world.sizes:
        made = world.sizes[rows] = Size(world, rows)
        made.reference = Run(world, made).begin().end()
        tap.say("%d rows uninterrupted: %.1f s" % (rows, made.reference.seconds))
    return world.sizes[rows]


# --- the uninterrupted run ---

@tap.test("a request of %d mixed rows, uninterrupted, ends row by row as it must" % FULL_ROWS,
          SECONDS)
def uninterrupted(world):
    whole = size(world, FULL_ROWS)
    got = [row["RESULT"] for row in whole.reference.rows]
    wrong = [(n, a, b) for n, (a, b) in enumerate(zip(got, whole.big.expected), 2) if a != b]
    tap.equal(len(got), len(whole.big.expected), "rows")
    if wrong:
        raise AssertionError("%d rows: %s" % (len(wrong), "\n".join(
            "line %d: %s, expected %s: %r" % (n, a, b, whole.big.rows[n - 2])
            for n, a, b in wrong[:10])))
    counted = {each: got.count(each) for each in sorted(set(got))}
    tap.say(counted)
    assert min(counted.values()) > len(got) // 100 and len(counted) == 5, counted
    for name, kind in whole.big.there.items():
        if isinstance(kind, set):
            entry = whole.reference.snapshot["mail=%s@%s,%s" % (
                name, world.domain, world.slapd.domain_dn(world.domain))]
            tap.equal(set(entry.get("batchloadmember", [])),
                      {"%s@%s" % (each, world.domain) for each in kind}, "members of " + name)


# --- the daemon killed ---

def at_once(_run):
    """Right after 250."""


def bytes_read(pid):
    """One that only waits for its mail has read its libraries' heads."""
    with contextlib.suppress(OSError), open("/proc/%d/io" % pid, encoding="ascii") as file:
        return int(file.readline().split()[1])
    return 0


def standing_still(run_, question):
    """A question whose answer may take long: the daemon stands still meanwhile, and where it is true
    dies there."""
    def ask():
        run_.world.milter.process.send_signal(signal.SIGSTOP)
        if question():
            return True
        run_.world.milter.process.send_signal(signal.SIGCONT)
        return False
    return ask


def go_on(run_):
    """Of a daemon that stands still and is not to die."""
    run_.world.milter.process.send_signal(signal.SIGCONT)


def parsing(run_):
    """The confined child is at work."""
    milter = run_.world.milter
    wait_for(standing_still(run_, lambda: any(
        bytes_read(pid) > 50000 for pid in milter.children() if pid != milter.pid)),
             "the parser", 60, 0.001)


def slicing(run_):
    """Rows are being written into the spool."""
    wait_for(standing_still(run_, lambda: spool_holds(run_.world, "rows")), "a file of rows", 60,
             0.001)


def after_slices(part):
    """That part of the slices is done."""
    def wait(run_):
        def reached():
            job = the_job(run_.world)
            return job and job["slices"] and job["slices_done"] >= part * job["slices"]
        wait_for(standing_still(run_, reached), "%d %% of the slices" % (100 * part), SECONDS, 0.05)
    return wait


def within_slice(part):
    """An entry of the slice that lies so far into the file is there, one of its first: so it is
    being written. On a machine that has much else to do it may have come and gone unseen, and the
    slice with it; then it is a later one."""
    def wait(run_):
        blocks = SLICE // BLOCK
        block = int(run_.size.big.blocks * part) // blocks * blocks + 1
        name = "u%d@%s" % (block, run_.world.domain)

        def reached():
            if run_.world.entry(name) is not None:
                return True
            job = the_job(run_.world)
            return job and job["slices"] and job["slices_done"] > block // blocks
        wait_for(standing_still(run_, reached), "the entry " + name, SECONDS, 0.001)
    return wait


def reporting(run_):
    """The last slice is done, the response is being built. Where it is found late it goes no further
    than to the end of its hand-over."""
    run_.world.gate.set(Trap(HOLD, kinds=("end",)))
    wait_for(lambda: spool_holds(run_.world, "response"), "a response", SECONDS, 0.001)


def sending(what):
    def wait(run_):
        trap = run_.world.gate.set(Trap(what, kinds=("end",)))
        assert trap.hit.wait(SECONDS), "nothing was handed over"
        tap.equal(state(run_.world), "sending", "state")
    return wait


POINTS = [
    ("right after 250", at_once,
     ("received",), 1),
    ("while the mail is parsed", parsing,
     ("received",), 1),
    ("while rows are stored", slicing,
     ("received", "working"), 1),
    ("within the first slice", within_slice(0.005),
     ("working",), 1),
    ("after an early slice", after_slices(0.1),
     ("working",), 1),
    ("within a slice of the first half", within_slice(0.36),
     ("working",), 1),
    ("within a slice of the second half", within_slice(0.62),
     ("working",), 1),
    ("after a late slice", after_slices(0.85),
     ("working", "reporting"), 1),
    ("while the response is built", reporting,
     ("reporting", "sending"), 1),
    ("while the response is handed over", sending(HOLD),
     ("sending",), 1),
    # The one case in which a second copy may come, with the same Message-ID.
    ("between the hand-over and its mark", sending(HOLD_ANSWER),
     ("sending",), 2),
]


@tap.table([("killed -9 %s and started again, %d rows" % (name, ROWS), wait, states, copies)
            for name, wait, states, copies in POINTS], SECONDS)
def killed(world, wait, states, copies):
    whole = size(world, ROWS)
    this = Run(world, whole).begin()
    wait(this)
    this.kill_and_start()
    tap.say("killed: %s, %d of %d slices done" % this.found)
    assert this.found[0] in states, "killed at another point than the one meant"
    this.end(copies).same_as(whole.reference)


@tap.test("R4.14 killed -9 at all these points of one run of %d rows" % FULL_ROWS, SECONDS)
def killed_often(world):
    whole = size(world, FULL_ROWS)
    this = Run(world, whole).begin()
    for _, wait, _, _ in POINTS:
        wait(this)
        this.kill_and_start()
    this.end(2).same_as(whole.reference)
    tap.equal(this.kills, len(POINTS), "kills")
    tap.say("%.1f s" % this.seconds)


# --- the directory killed, away, silent ---

@tap.test("slapd killed -9 in the middle of a slice, and again, and started again", SECONDS)
def slapd_killed(world):
    whole = size(world, ROWS)
    this = Run(world, whole).begin()
    for part in (0.3, 0.6):
        within_slice(part)(this)
        world.slapd.kill()
        go_on(this)
        world.slapd.start()
    this.end().same_as(whole.reference)


@tap.test("R3.41 slapd is away for a while: the job waits and says why, other mail is taken",
          SECONDS)
def slapd_away(world):
    whole = size(world, ROWS)
    this = Run(world, whole).begin()
    within_slice(0.4)(this)
    world.slapd.kill()
    go_on(this)
    waiting = wait_for(lambda: the_job(world)["waiting"], "the job to say why it waits")
    tap.say("waiting: " + waiting)
    tap.equal(the_job(world)["state"], "working", "state")
    done = the_job(world)["slices_done"]
    other = world.request([{"DOMAIN": world.other_domain, "USER": "late", "TYPE": "FORWARD",
                            "ACTION": "ADD", "MAILFORWARD": world.other_admin}],
                          sender=world.other_admin)
    sent = world.send(other, world.other_admin)
    tap.equal(sent.code, 250, repr(sent))
    tap.equal(len(jobs(world)), 2, "jobs")
    wait_for(lambda: the_job(world)["attempts"] >= 2, "a second attempt")
    tap.equal(the_job(world)["slices_done"], done, "slices done")
    world.slapd.start()
    tap.contains(world.response(other, SECONDS).text, "processed ok")
    tap.equal(world.ask([{"DOMAIN": world.other_domain, "USER": "late", "TYPE": "FORWARD",
                          "ACTION": "DELETE"}], sender=world.other_admin).results,
              ["deleted"], "the other request is taken back")
    wait_for(lambda: the_job(world)["state"] == "done", "the job to be done", SECONDS)
    tap.equal(sorted(job["state"] for job in jobs(world)), ["done"] * 3, "jobs")
    tap.equal(world.mailbox(world.admin).count("HEADER", "In-Reply-To", message_id_of(this.raw)), 1,
              "responses")
    this.rows = world.response(this.raw).rows()
    this.response = world.response(this.raw)
    this.snapshot = snapshot(world.slapd)
    this.same_as(whole.reference)


@tap.test("a lost answer: slapd is silent for longer than an answer may take", SECONDS)
def slapd_silent(world):
    whole = size(world, ROWS)
    submit = {"submit": "smtp://127.0.0.1:%d" % world.gate.port}
    world.milter.configure(dict(submit, **{"directory.answer_seconds": 1}))
    try:
        this = Run(world, whole).begin()
        for part in (0.2, 0.5):
            within_slice(part)(this)
            os.kill(world.slapd.pid, signal.SIGSTOP)
            go_on(this)
            try:
                wait_for(lambda: the_job(world)["waiting"], "the job to wait")
            finally:
                os.kill(world.slapd.pid, signal.SIGCONT)
        this.end().same_as(whole.reference)
    finally:
        world.milter.configure(submit)


@tap.test("the mail server's response port is away: the response comes later, once", SECONDS)
def port_away(world):
    whole = size(world, ROWS)
    this = Run(world, whole).begin()
    world.gate.away()
    try:
        wait_for(lambda: the_job(world)["state"] == "sending" and the_job(world)["waiting"],
                 "the response to wait", SECONDS)
        tap.say("waiting: " + the_job(world)["waiting"])
        wait_for(lambda: the_job(world)["attempts"] >= 2, "a second attempt")
        this.kill()
    finally:
        world.gate.listen()
    world.milter.start()
    this.end().same_as(whole.reference)


if __name__ == "__main__":
    tap.main(World)
