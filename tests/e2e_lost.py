# SPDX-License-Identifier: MIT
"""The directory does not answer as it should: the Nth operation of a request is lost, or its answer
is, or it is told that the directory is ill, for N = 1, 2, 3, … until nothing is hit any more. Each
time row by row what came out of the uninterrupted run must come out, and in the directory the same.

Each N has a domain of its own, with an administrator of its own, so many run at once. By default a
part of the points of each sweep is tried, with BATCHLOAD_ALL=1 half of them or fewer."""

import tap
from harness import wait_for
from harness.gate import (HOLD, HOLD_ANSWER, LOSE, LOSE_ANSWER, REFUSE, SAY, SILENCE, Trap)
from harness.ldapgate import ADD, BIND, DELETE
from lost import (ALL, ILL, ODD, REQUESTS, SECONDS, LostWorld, Run, Sweep, compare, finish_all, job_of,
                  lost, reference, run_all, run_command, uninterrupted, waits)

tap.table([("uninterrupted: " + name, name) for name in REQUESTS])(uninterrupted)


SWEEPS = [
    ("the answer to the Nth operation is lost",
     Sweep("apply", LOSE_ANSWER, 3), Sweep("atomic", LOSE_ANSWER, 6),
     Sweep("undone", LOSE_ANSWER, 12)),
    ("the Nth operation is lost on its way",
     Sweep("apply", LOSE, 6), Sweep("atomic", LOSE, 12, 3), Sweep("undone", LOSE, 30, 8)),
    ("R3.41 the Nth operation is refused by a directory that is ill",
     *[Sweep("apply", REFUSE, 12, 2, (code,)) for code in ILL],
     Sweep("apply", REFUSE, 6, 2, ODD), Sweep("undone", REFUSE, 18, 4, ILL)),
    ("R3.41 the Nth operation is done, and answered as by a directory that is ill",
     Sweep("apply", SAY, 6, 2, ILL), Sweep("undone", SAY, 30, 8, ILL)),
    ("the Nth operation is not answered at all", Sweep("apply", SILENCE, 30, 6)),
    ("R3.50 all of that with passwords that the directory hashes",
     Sweep("server", LOSE_ANSWER, 3), Sweep("server", LOSE, 8), Sweep("server", REFUSE, 6, 2, ILL),
     Sweep("server", SAY, 6, 2, ILL), Sweep("server undone", LOSE_ANSWER, 8),
     Sweep("server undone", LOSE, 18, 4), Sweep("server undone", REFUSE, 18, 4, ILL)),
]


tap.table(SWEEPS, SECONDS)(lost)


@tap.test("what a slice made, put on a list and deleted again is not made a second time")
def not_twice(world):
    wanted = reference(world, "apply")
    domain, = world.domains(1)
    words = b"mail=t1@%s," % domain.encode()
    made = Trap(LOSE, 0, (ADD,), words, times=0)
    run = Run(world, domain, "apply", Trap(LOSE_ANSWER, 1, (DELETE,), words))
    run_all(world, [run], [run.trap, made])
    tap.equal(run.trap.hit.is_set(), True, "hit")
    compare([run], wanted)
    tap.equal(made.seen, 1, "times that it was made")


# --- logins ---

FAULTS = [(LOSE, 0), (LOSE_ANSWER, 0), *[(REFUSE, code) for code in ILL]]
# What a directory says to the service's own login while its accounts are being repaired.
NOT_US = [(REFUSE, 49), (REFUSE, 32), (REFUSE, 50), (REFUSE, 53)]


@tap.test("R3.41 R7.1 the administrator's login is lost, or not answered, or not as it should be: "
          "nobody is refused")
def proof(world):
    wanted = reference(world, "slices")
    runs = [Run(world, domain, "slices", Trap(what, 1, (BIND,), domain.encode(), code=code))
            for (what, code), domain in zip(FAULTS, world.domains(len(FAULTS)))]
    run_all(world, runs)
    tap.equal([run.trap.hit.is_set() for run in runs], [True] * len(runs), "hit")
    compare(runs, wanted)


@tap.test("R3.41 the same of the service's own login, and where it is refused: no row is")
def service_login(world):
    wanted = reference(world, "slices")
    left = FAULTS + NOT_US
    count = len(left)
    for _ in range(6):
        traps = [Trap(what, number, (BIND,), b"cn=batchload,", code=code)
                 for number, (what, code) in enumerate(left, 1)]
        runs = [Run(world, domain, "slices") for domain in world.domains(4)]
        world.gate.cut()
        run_all(world, runs, traps)
        compare(runs, wanted)
        left = [fault for fault, trap in zip(left, traps) if not trap.hit.is_set()]
        if not left:
            break
    tap.equal(left, [], "what nobody met")
    tap.say("%d logins" % count)


# --- the directory killed at exact points ---

# name: (what befalls, which write of a slice, forwards)
MOMENTS = {
    "before the first write": (HOLD, "first"),
    "in the middle": (HOLD, "middle"),
    "after the last write, before its outcomes are stored": (HOLD_ANSWER, "last"),
}
KILLED = [("apply", "slices", ADD, 1),
          ("atomic that is being taken back", "slices undone", DELETE, -1)]
if ALL:
    KILLED += [("atomic", "slices atomic", ADD, 1),
               ("atomic that will be taken back", "slices undone", ADD, 1)]


def stops(what, which, kind, step, domain):
    """A trap for each slice, in the order in which they are met. Taking back goes backwards."""
    if step < 0:
        which = {"first": "last", "last": "first"}.get(which, which)
    # Only the last slice's first account is not deleted by a row.
    number = 2 if kind == DELETE and which == "first" else 1
    return [Trap(what, 1 if k == 4 else number, (kind,),
                 b"mail=%s%d@%s," % (which.encode(), k, domain.encode()))
            for k in (1, 2, 3, 4)[::step]]


@tap.table([("R3.41 slapd killed -9 in each slice, %s: %s" % (moment, title), moment, *more)
            for title, *more in KILLED for moment in MOMENTS], SECONDS)
def killed(world, moment, name, kind, step):
    wanted = reference(world, name)
    domain, = world.domains(1)
    run = Run(world, domain, name)
    traps = stops(*MOMENTS[moment], kind, step, domain)
    world.gate.set(*traps)
    run.send()
    found = []
    for trap in traps:
        tap.equal(trap.hit.wait(60), True, "an operation on %r" % trap.words)
        job = job_of(world, run)
        found.append(job["slices_done"])
        times = waits(world, job)
        world.slapd.kill()
        world.slapd.start()
        trap.let_go()
        wait_for(lambda: waits(world, job) > times, "the job to wait")
        # It may have gone on by itself, and be done.
        run_command(world, "retry", job["id"], check=False)
    # The row that the directory refuses is a slice of its own.
    tap.equal(found, [0, 1, 2, 3][::step], "slices done when it was killed")
    finish_all(world, [run])
    compare([run], wanted)
    tap.say("%d kills" % len(traps))


if __name__ == "__main__":
    tap.main(LostWorld)
