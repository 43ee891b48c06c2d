# SPDX-License-Identifier: MIT
"""The spool on a small disk that gets full, at each stage of a request. Either the sender gets 4xx
and nothing of the mail stays, or the job waits and says why; when there is room again everything is
done, once."""

import os

import tap
from harness import HarnessError, World, mail, message_id_of, wait_for
from harness.big import Big, Copies, difference, jobs, snapshot
from harness.disk import Disk
from harness.gate import DELAY_ANSWER, HOLD, Trap
from harness.ldapgate import ADD, LdapGate
from harness.process import Nursery, run
from harness.smtpgate import SmtpGate

SIZE = 24 << 20
LARGE = 4 << 20  # a mail
SECONDS = 240
FULL = "No space left on device", "disk is full"  # of the file system, of our own accounts


class DiskWorld(World):
    """Whose spool lies on a disk of its own."""

    def __init__(self):
        nursery = Nursery()
        try:
            # After the nursery's guard, which is to remove the folder whatever happens.
            self.disk = Disk(nursery.path("disk"), SIZE)
        except BaseException:
            nursery.close()
            raise
        super().__init__(nursery=nursery)
        self.gate = SmtpGate(nursery, self.postfix.response_port)
        self.ldap_gate = LdapGate(nursery, self.slapd.port)
        self.requests = {}

    def make_milter(self, values, settings):
        milter = super().make_milter(values, settings)
        milter.spool = self.disk.folder + "/batchload"
        # No room is left at arrival, so that it can be short later.
        milter.own.update({"spool.directory": milter.spool, "spool.free_min": 0,
                           "slice_rows": 100})
        milter.configure()
        return milter

    def close(self):
        self.disk.close()
        super().close()


class Request:
    """So many rows, the directory before it, and what becomes of both."""

    def __init__(self, world, rows):
        big = Big(world.domain, rows)
        self.table = mail.table(big.rows, big.HEAD)
        self.expected = big.expected
        if not hasattr(world, "pristine"):
            world.pristine = Copies(world.slapd, "pristine")
        world.pristine.restore()
        world.slapd.add(big.ldif(world.slapd))
        self.copies = Copies(world.slapd, "kept-%d" % rows)
        tap.equal(world.ask(csv=self.table).results, self.expected, "results")
        self.wanted = snapshot(world.slapd)


class Case:
    """One request on a disk that gets full, from the same beginning."""

    def __init__(self, world, rows=600, settings=None):
        if rows not in world.requests:
            world.requests[rows] = Request(world, rows)
        self.world, self.request = world, world.requests[rows]
        self.disk = world.disk
        world.milter.kill()
        self.disk.free()
        world.gate.release()
        run(["rm", "-rf", world.milter.spool])
        self.request.copies.restore()
        world.milter.configure(settings)
        self.raw = world.request(csv=self.request.table)

    def send(self):
        """Which must be taken."""
        sent = self.world.send(self.raw)
        tap.equal(sent.code, 250, repr(sent))

    def queued(self):
        """The request waits for the directory, which is away."""
        self.world.slapd.kill()
        self.world.milter.start()
        self.send()
        self.waits("received", "directory")

    def waits(self, state, *words):
        """The queue says that it waits because of one of these words."""
        def found():
            return [job for job in jobs(self.world) if job["state"] == state and
                    any(word in (job["waiting"] or "") for word in words)]
        tap.say("%s: %s" % (state, wait_for(
            found, "a job that is %s and waits for %r" % (state, words), 60)[0]["waiting"]))

    def hurry(self):
        """It is tried again at once; or was by itself, which may have been its end."""
        run([self.world.milter.tree.command, "-c", self.world.milter.conf, "retry",
             jobs(self.world)[0]["id"]], check=False)

    def left(self):
        """What the spool holds beside its records."""
        return [os.path.join(folder, name)
                for folder, _, names in os.walk(self.world.milter.spool) for name in names
                if folder != self.world.milter.spool]

    def nothing_stays(self):
        tap.equal((jobs(self.world), self.left()), ([], []), "jobs and files")

    def end(self):
        """One job, done once."""
        world = self.world
        wait_for(lambda: [job["state"] for job in jobs(world)] == ["done"], "one job, and done",
                 SECONDS)
        tap.equal(world.response(self.raw).results, self.request.expected, "results")
        world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
        tap.equal(world.mailbox(world.admin).count(
            "HEADER", "In-Reply-To", message_id_of(self.raw)), 1, "responses")
        different = difference(snapshot(world.slapd), self.request.wanted)
        assert not different, "\n".join(different[:10])
        wait_for(lambda: not self.left(), "the spool to hold nothing of the request")

    def room_again(self):
        self.disk.free()
        self.hurry()
        self.end()


@tap.test("R7.13 no room at arrival: 451, and nothing of the mail stays; other mail passes", SECONDS)
def arrival(world):
    case = Case(world)
    world.milter.start()
    case.disk.fill()
    sent = world.send(case.raw)
    tap.equal((sent.stage, sent.code), ("end", 451), repr(sent))
    sent, _ = world.send_plain(world.admin)
    tap.equal(sent.code, 250, repr(sent))
    case.nothing_stays()
    case.disk.free()
    case.send()
    case.end()


@tap.test("R7.13 the room ends in the middle of a mail: 451, and nothing of it stays", SECONDS)
def half(world):
    case = Case(world)
    world.milter.start()
    case.disk.fill(LARGE // 2)
    before = case.disk.room()
    sent = world.send(world.request(csv=b"x" * LARGE))
    tap.equal((sent.stage, sent.code), ("end", 451), repr(sent))
    case.nothing_stays()
    tap.equal(case.disk.room(), before, "room on the disk")


@tap.test("R7.13 less room than free_min: 451, while what waits is worked on", SECONDS)
def free_min(world):
    case = Case(world, settings={"spool.free_min": "8M"})
    case.queued()
    case.disk.fill(6 << 20)
    sent = world.send(world.request(csv="x"))
    tap.equal((sent.stage, sent.code), ("end", 451), repr(sent))
    tap.equal(world.log_lines("action=defer", "free_min") != [], True, "the log says why")
    tap.equal(len(jobs(world)), 1, "jobs")
    world.slapd.start()
    case.hurry()
    case.end()


@tap.test("R7.13 full while rows are stored: the job waits, and says why", SECONDS)
def slicing(world):
    case = Case(world)
    case.queued()
    case.disk.fill()
    world.slapd.start()
    case.hurry()
    case.waits("received", *FULL)
    case.room_again()


def fill_within(world, rows):
    """A case whose disk gets full in the middle of the first slice: its intent is stored, and its
    first addition on the way to the directory is lost."""
    case = Case(world, rows, {"directory.uri": world.ldap_gate.uri})
    world.milter.start()
    held = world.ldap_gate.set(Trap(HOLD, kinds=(ADD,)))
    case.send()
    assert held.hit.wait(SECONDS), "nothing was added"
    case.disk.fill()
    world.ldap_gate.release()
    return case


@tap.test("R7.13 full in the middle of a slice: it is finished, and the job waits", SECONDS)
def applying(world):
    case = fill_within(world, 600)
    case.waits("working", *FULL)
    tap.equal(jobs(world)[0]["slices_done"], 1, "slices done")
    case.room_again()


@tap.test("R7.13 full while the response is made: the job waits, and a new start changes nothing",
          SECONDS)
def reporting(world):
    case = fill_within(world, 60)
    case.waits("reporting", *FULL)
    world.milter.kill()
    world.milter.start()
    case.hurry()
    case.waits("reporting", *FULL)
    case.room_again()


@tap.test("R7.13 full while the response is handed over: that is marked all the same", SECONDS)
def sending(world):
    case = Case(world, settings={"submit": "smtp://127.0.0.1:%d" % world.gate.port})
    held = world.gate.set(Trap(DELAY_ANSWER, kinds=("end",)))
    world.milter.start()
    case.send()
    assert held.hit.wait(SECONDS), "nothing was handed over"
    case.disk.fill()
    world.gate.release()
    case.end()


@tap.test("R7.13 full at a start: it serves, and goes on when there is room", SECONDS)
def start(world):
    case = Case(world)
    case.queued()
    world.milter.kill()
    case.disk.fill()
    world.slapd.start()
    world.milter.start()
    case.hurry()
    case.waits("received", *FULL)
    sent = world.send(world.request(csv="x"))
    tap.equal((sent.stage, sent.code), ("end", 451), repr(sent))
    tap.equal(len(jobs(world)), 1, "jobs")
    case.room_again()


@tap.test("R7.13 full at the first start: it says so and ends, and starts when there is room",
          SECONDS)
def first_start(world):
    case = Case(world)
    case.disk.fill()
    try:
        world.milter.start()
        raise AssertionError("it has started")
    except HarnessError as error:
        tap.contains(str(error), "full", "what it says")
    tap.equal(world.milter.process.returncode, 75, "its status")  # "try again"
    case.disk.free()
    world.milter.start()
    case.send()
    case.end()


def start_silent(world):
    """A daemon that can't tell its log that it has started."""
    world.milter.start(wait=False)
    wait_for(lambda: world.milter.serves() or not world.milter.running(), "the daemon to serve")
    tap.equal(world.milter.running(), True, "whether it runs")


@tap.test("R7.13 a log that can't be written holds up nothing", SECONDS)
def log(world):
    case = Case(world, settings={"log": "file:/dev/full"})
    start_silent(world)
    case.send()
    case.end()


@tap.test("R7.13 spool and log on one full disk: 451, and all is done when there is room", SECONDS)
def both(world):
    path = world.disk.folder + "/log"
    case = Case(world, settings={"log": "file:" + path})
    start_silent(world)
    case.disk.fill()
    size = os.path.getsize(path)
    sent = world.send(case.raw)
    tap.equal((sent.stage, sent.code), ("end", 451), repr(sent))
    case.nothing_stays()
    case.disk.free()
    case.send()
    case.end()
    tap.equal(os.path.getsize(path) > size, True, "lines in the log again")


if __name__ == "__main__":
    tap.main(DiskWorld)
