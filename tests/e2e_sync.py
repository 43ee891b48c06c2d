# SPDX-License-Identifier: MIT
"""A small request while the Nth sync of a file kills the daemon, or fails: N = 1, 2, 3, … until
nothing is hit any more. Each time there is exactly one job, one response, and each row is done once.

Two sweeps of each kind, since the Nth sync of a thread is meant: over start and intake, and over
the work on a request that is in the spool already. The failing syncs are in scripts/check --all; the
spool's own tests have them, too."""

import os
import shutil
import signal

import tap
from harness import HarnessError, World, mail, message_id_of, wait_for, which
from harness.big import Big, Copies, difference, jobs, snapshot

ROWS = 20
MOST = 60  # syncs that are tried
SECONDS = 280


class Faults:
    """The daemon under strace; its Nth sync has an accident."""

    def __init__(self, world, fault, number):
        self.milter = world.milter
        self.fault = fault
        self.number = number

    def command(self):
        calls = "fsync,fdatasync"
        return [which("strace"), "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls, "-e",
                "inject=%s:%s:when=%d" % (calls, self.fault, self.number),
                *type(self.milter).command(self.milter)]

    def start(self):
        """Starts it; whether it lives long enough to listen."""
        kept = os.environ.get("ASAN_OPTIONS", "")
        os.environ["ASAN_OPTIONS"] = kept + ":detect_leaks=0"  # does not work under strace
        self.milter.command = self.command
        try:
            self.milter.start()
            return True
        except HarnessError:
            return False
        finally:
            del self.milter.command
            os.environ["ASAN_OPTIONS"] = kept

    def ended(self):
        return not self.milter.running()

    def kill(self):
        """strace's end is not the daemon's; the daemon's is strace's."""
        for pid in self.milter.children()[1:2]:
            os.kill(pid, signal.SIGKILL)
        self.milter.process.wait(10)


class Sweep:
    """Everything from the same beginning for each N."""

    def __init__(self, world, fault, received):
        self.world = world
        self.fault = fault
        self.received = received  # the request is in the spool before
        self.raw = None
        self.taken = False
        self.doubles = 0

    def begin(self):
        world = self.world
        world.milter.kill()
        shutil.rmtree(world.milter.spool, ignore_errors=True)
        world.copies.restore()
        self.raw = world.request(csv=world.table, reference="small")
        self.taken = False
        if self.received:
            # With the directory away the proof can't be checked, so the request waits.
            world.slapd.kill()
            world.milter.start()
            tap.equal(world.send(self.raw).code, 250, "reply")
            wait_for(lambda: jobs(world)[0]["waiting"], "the request to wait")
            world.milter.kill()
            world.slapd.start()
            self.taken = True

    def answered(self):
        return self.world.mailbox(self.world.admin).find("In-Reply-To", message_id_of(self.raw))

    def once(self, number):
        """One run; whether the fault struck."""
        world = self.world
        self.begin()
        daemon = Faults(world, self.fault, number)
        if daemon.start() and not self.taken:
            self.taken = world.send(self.raw).code == 250
        wait_for(lambda: daemon.ended() or self.answered() and jobs(world)[0]["state"] == "done",
                 "an end", 60)
        struck = daemon.ended() or not self.taken
        states = [job["state"] for job in jobs(world)]
        daemon.kill()
        world.milter.start()
        if not self.taken:
            # As a mail server does: the same mail again.
            tap.equal(world.send(self.raw).code, 250, "reply to the second attempt")
        self.check(states)
        return struck

    def check(self, states):
        world = self.world
        wait_for(lambda: [job["state"] for job in jobs(world)] == ["done"],
                 "one job, and done", 60)
        world.mailbox(world.admin).wait("In-Reply-To", message_id_of(self.raw))
        world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
        found = [mail.Response(raw) for raw in self.answered()]
        # Only between the hand-over and its mark a second copy may come.
        assert len(found) <= (2 if states == ["sending"] else 1), "%d responses after %r" % (
            len(found), states)
        self.doubles += len(found) - 1
        tap.equal(len({str(each.mail["Message-ID"]) for each in found}), 1, "Message-IDs")
        tap.equal(found[0].results, world.expected, "results")
        different = difference(snapshot(world.slapd), world.wanted)
        assert not different, "\n".join(different)

    def run(self):
        for number in range(1, MOST):
            try:
                if not self.once(number):
                    return number - 1
            except Exception as error:
                raise AssertionError("at sync %d: %s" % (number, error)) from error
        raise AssertionError("after %d syncs there are still more" % MOST)


def prepare(world):
    big = Big(world.domain, ROWS)
    world.milter.configure({"workers": 1})
    world.slapd.add(big.ldif(world.slapd))
    world.copies = Copies(world.slapd, "kept")
    world.table = mail.table(big.rows, big.HEAD)
    world.expected = big.expected
    world.milter.restart()
    tap.equal(world.ask(csv=world.table).results, big.expected, "results")
    world.wanted = snapshot(world.slapd)


SWEEPS = [
    ("killed at each sync from the start to the end of a request", "signal=KILL", False),
    ("killed at each sync of the work on a request", "signal=KILL", True),
]
if os.environ.get("BATCHLOAD_ALL") == "1":
    SWEEPS += [
        ("each sync fails, from the start to the end of a request", "error=EIO", False),
        ("each sync of the work on a request fails", "error=EIO", True),
    ]


@tap.table(SWEEPS, SECONDS)
def sweep(world, fault, received):
    if not hasattr(world, "wanted"):
        prepare(world)
    this = Sweep(world, fault, received)
    tap.say("%d syncs, %d second copies" % (this.run(), this.doubles))
    world.fence()


if __name__ == "__main__":
    tap.main(World)
