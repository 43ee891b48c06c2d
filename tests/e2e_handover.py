# SPDX-License-Identifier: MIT
"""The response's way to the mail server: it breaks, is silent or is refused at each step of it. Each
request has one response. A second copy, which has the same Message-ID, comes only where the server
has taken the first one and the answer did not arrive.

With BATCHLOAD_ALL=1 the mail server is silent at each step, not at some."""

import os

import tap
from harness import World, mail, message_id_of, wait_for
from harness.big import jobs
from harness.gate import HALF, LOSE, LOSE_ANSWER, REFUSE, SAY, SILENCE, Trap
from harness.process import run as run_program
from harness.smtpgate import STAGES, SmtpGate
from mailcases import forward, user

ALL = os.environ.get("BATCHLOAD_ALL") == "1"
SUBMIT_SECONDS = 2
FILES = {"result.csv", "batchload.csv"}
# At these the server speaks of the message, so that a refusal is one of it.
ABOUT_IT = STAGES[2:6]


class HandoverWorld(World):
    def __init__(self):
        super().__init__()
        self.gate = SmtpGate(self.nursery, self.postfix.response_port)
        self.milter.configure({"submit": "smtp://127.0.0.1:%d" % self.gate.port,
                               "submit_seconds": SUBMIT_SECONDS})
        self.milter.kill()
        self.milter.start()
        self.copies = 0


def job_of(world, raw):
    return next(job for job in jobs(world) if job["message_id"] == message_id_of(raw))


def ask(world):
    """A request with a good row and a bad one."""
    rows = [forward(world, user()), forward(world, user(), "foreign.example")]
    raw = world.request(rows)
    tap.equal(world.send(raw).code, 250, "reply")
    return raw


def go_on(world, raw, state="done"):
    """Waits for that state; a job that waits is tried again at once."""
    def reached():
        job = job_of(world, raw)
        if job["waiting"] and job["state"] != state:
            tap.equal(job["state"], "sending", "state of a job that waits: " + job["waiting"])
            run_program([world.tree.command, "-c", world.milter.conf, "retry", job["id"]],
                        check=False)
        return job if job["state"] == state else None
    return wait_for(reached, "the job to be " + state, 60)


def answers(world, raw):
    """The copies of the response, when all has come that will."""
    world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
    found = world.mailbox(world.admin).find("In-Reply-To", message_id_of(raw))
    return [mail.Response(each) for each in found]


def check(world, raw, copies, files=FILES):
    found = answers(world, raw)
    tap.equal(len(found), copies, "copies of the response")
    world.copies += copies - 1
    tap.equal(len({str(each.mail["Message-ID"]) for each in found}), 1, "Message-IDs")
    for each in found:
        tap.equal(each.subject, "Batchload: processed, 1 of 2 rows failed", "subject")
    tap.equal(set(found[-1].files), files, "attachments of the last copy")


# --- once ---

def once(what, stages, copies=1, code=0, files=FILES):
    """At these stages; copies: of the response, where the message arrived."""
    for stage in stages:
        yield (stage, what, code, copies if stage == "end" else 1, files)


ONCE = [
    ("the connection is cut before %s", *once(LOSE, STAGES)),
    ("the connection is cut before the answer to %s", *once(LOSE_ANSWER, STAGES, 2)),
    ("the connection is cut in the middle of the answer to %s", *once(HALF, STAGES[1:], 2)),
    ("the connection is cut in the middle of a refusal of %s",
     *once(HALF, STAGES[1:], 2, 550)),
    ("%s is answered with 421", *once(REFUSE, STAGES, code=421)),
    ("%s is answered with 451", *once(REFUSE, STAGES, code=451)),
    # But DATA: what comes then is the message.
    ("%s is done, and answered with 451",
     *once(SAY, [stage for stage in STAGES if stage != "data"], 2, 451)),
    ("%s is refused where the server speaks of itself", *once(REFUSE, STAGES[:2], code=554)),
    ("R4.10 %s is refused once", *once(REFUSE, ABOUT_IT, code=554, files=set())),
    ("%s is not answered", *once(SILENCE, STAGES if ALL else ("connect", "rcpt", "end", "quit"),
                                2)),
]


@tap.table([("R4.1 R4.14 " + title % "each step of the hand-over", title, *cases)
            for title, *cases in ONCE])
def befallen_once(world, title, *cases):
    faults = []
    for stage, what, code, copies, files in cases:
        # Who is refused with EHLO says HELO.
        trap = world.gate.set(Trap(what, kinds=(stage,), code=code,
                                   times=2 if stage == "ehlo" else 1))
        raw = ask(world)
        try:
            wait_for(trap.hit.is_set, stage + " to be met", 30)
            go_on(world, raw)
            check(world, raw, copies, files)
        except (AssertionError, TimeoutError) as error:
            faults.append("%s: %s" % (title % stage, error))
    world.gate.release()
    tap.equal(faults, [], "faults")
    tap.say("%d points; second copies so far: %d" % (len(cases), world.copies))


# --- for good ---

@tap.test("R4.10 each step that speaks of the message is refused twice: answer failed; by hand it is "
          "handed over later")
def refused(world):
    for stage in ABOUT_IT:
        trap = world.gate.set(Trap(REFUSE, kinds=(stage,), code=550, times=2))
        raw = ask(world)
        job = go_on(world, raw, "answer failed")
        tap.equal(trap.seen, 2, stage + ": attempts")
        tap.equal(answers(world, raw), [], stage)
        run_program([world.tree.command, "-c", world.milter.conf, "retry", job["id"]])
        go_on(world, raw)
        check(world, raw, 1, set())
    tap.say("%d points" % len(ABOUT_IT))


# --- away ---

@tap.test("R4.1 Postfix is away when the response is to be handed over, and the daemon is killed "
          "meanwhile")
def away(world):
    # The request waits for the directory until Postfix is away.
    world.slapd.kill()
    world.postfix.restart()
    raw = ask(world)
    wait_for(lambda: job_of(world, raw)["waiting"], "the request to wait")
    world.postfix.stop()
    world.slapd.start()
    for _ in range(2):
        wait_for(lambda: job_of(world, raw)["state"] == "sending" and job_of(world, raw)["waiting"],
                 "the response to wait", 30)
        world.milter.kill()
        world.milter.start()
    world.postfix.start()
    go_on(world, raw)
    check(world, raw, 1)


if __name__ == "__main__":
    tap.main(HandoverWorld)
