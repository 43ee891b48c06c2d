# SPDX-License-Identifier: MIT
"""The same mail comes again, since whoever sent it has got no answer: the way between Postfix and the
daemon is cut at each packet, the daemon or all of Postfix is killed. Each time there is one job, one
response, and for every other recipient one copy."""

import os
import signal
import threading

import tap
from harness import World, mail, message_id_of, wait_for
from harness.big import jobs
from harness.gate import HOLD, LOSE, Trap
from harness.miltergate import (ANSWERS, COMMANDS, DELETE_RECIPIENT, DISCARD, END,
                                MilterGate)
from harness.process import run, which
from harness.servers import connects
from mailcases import forward, user

JANE = "jane@somedomain.example"
MOST = 80  # packets that are tried
# Where Postfix is killed while responses go through it, it may be given one twice, and may deliver
# twice what it has; each kill is one chance for that.
MOST_COPIES = 4
MILTER = """
smtpd_milters = { unix:%s, default_action=%s, connect_timeout=10s, command_timeout=30s,
    content_timeout=120s }
"""


class AgainWorld(World):
    def __init__(self):
        super().__init__()
        self.passwords[JANE] = "the password of jane"
        self.add_account(JANE, self.passwords[JANE])
        self.gate = MilterGate(self.nursery.path("m", "gate"), self.milter.socket)
        self.action = None
        self.use("tempfail")

    def use(self, action):
        """Postfix asks the daemon through the gate, and without an answer does this."""
        if self.action != action:
            self.postfix.configure(extra=MILTER % (self.gate.path, action))
            self.postfix.restart()
            self.action = action

    def crash_postfix(self, alone=False):
        """All of it at once, as the machine would go down; or its master alone."""
        if alone:
            self.postfix.kill()
        else:
            os.killpg(self.postfix.pid, signal.SIGKILL)
            self.postfix.process.wait()
        # Its children take connections until they see that it has gone.
        wait_for(lambda: not connects(self.postfix.port) and
                 not connects(self.postfix.response_port), "Postfix to end")


def make(world, **options):
    return world.request([forward(world, user())], **options)


def both(world):
    return [JANE, world.batch_address]


def jobs_of(world, raw):
    return [job for job in jobs(world) if job["message_id"] == message_id_of(raw)]


def check(world, raws, copies=1, others=0):
    """One job, done, and one response each; so many copies for Jane."""
    for raw in raws:
        wait_for(lambda raw=raw: [job["state"] for job in jobs_of(world, raw)] == ["done"],
                 "one job, and done", 60)
    world.fence()
    world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
    for raw in raws:
        tap.equal(len(jobs_of(world, raw)), 1, "jobs")
        found = [mail.Response(each) for each in world.mailbox(world.admin).find(
            "In-Reply-To", message_id_of(raw))]
        assert 1 <= len(found) <= copies, "%d responses" % len(found)
        tap.equal(found[0].results, ["created"], "results")
        tap.equal(len({str(each.mail["Message-ID"]) for each in found}), 1, "Message-IDs")
        tap.equal(len(world.mailbox(JANE).find("Message-ID", message_id_of(raw))), others,
                  "copies of the other recipient")
        tap.equal(world.mailbox(world.admin).find("Message-ID", message_id_of(raw)), [],
                  "the request itself")


def given(world, raws):
    """How many responses Postfix was given more than once."""
    times = [len(world.log_lines("postfix/cleanup", "message-id=<%s.batchload@" %
                                 jobs_of(world, raw)[0]["id"])) for raw in raws]
    tap.equal(1 <= min(times) and max(times) <= MOST_COPIES, True, "handed over %r times" % times)
    return sum(times) - len(times)


# --- the way to the daemon is cut ---

def send_until_taken(world, raw, recipients=None):
    """As a mail server does: again, where it was put off. How often it was."""
    sent = world.send(raw, recipients=recipients)
    if sent.code == 250:
        return 0
    tap.equal(sent.code, 451, repr(sent))
    sent = world.send(raw, recipients=recipients)
    tap.equal(sent.code, 250, repr(sent))
    return 1


@tap.table([("R2.4 R2.26 R2.28 the way between Postfix and the daemon is cut at each %s%s" % (
    what, ", with another recipient" if others else ""), kinds, others)
            for what, kinds in (("command", COMMANDS), ("answer", ANSWERS))
            for others in (False, True)])
def cut(world, kinds, others):
    world.use("tempfail")
    raws, again, known = [], 0, 0
    recipients = both(world) if others else None
    for number in range(1, MOST):
        trap = world.gate.set(Trap(LOSE, number, kinds))
        raw = make(world)
        raws.append(raw)
        before = len(world.log_lines("the same mail came before"))
        again += send_until_taken(world, raw, recipients)
        known += len(world.log_lines("the same mail came before")) - before
        if not trap.hit.is_set():
            break
    world.gate.release()
    check(world, raws, others=int(others))
    tap.equal(trap.hit.is_set(), False, "the last packet was not reached")
    tap.say("%d packets, %d sent again, %d of these known" % (len(raws) - 1, again, known))
    # The job was there: after each answer to the end of the mail.
    tap.equal(known, 0 if kinds == COMMANDS else 2 if others else 1, "mails that were known")


def in_background(function):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(function()), daemon=True)
    thread.start()

    def wait():
        thread.join(60)
        return answers[0]
    return wait


@tap.table([
    ("R2.26 R2.28 the daemon is killed -9 between the commit and its answer", False, DISCARD),
    ("R2.4 R2.28 the same, with another recipient", True, DELETE_RECIPIENT)])
def killed(world, others, kind):
    world.use("tempfail")
    recipients = both(world) if others else None
    raw = make(world)
    trap = world.gate.set(Trap(HOLD, kinds=(kind,)))
    answer = in_background(lambda: world.send(raw, recipients=recipients))
    tap.equal(trap.hit.wait(30), True, "the answer on its way")
    world.milter.kill()
    world.gate.release()
    state, = [job["state"] for job in jobs_of(world, raw)]
    tap.equal(answer().code, 451, "reply")
    world.milter.start()
    for _ in range(2):
        tap.equal(world.send(raw, recipients=recipients).code, 250, "again")
    # The only case of a second copy: the response was just being handed over.
    check(world, [raw], 2 if state == "sending" else 1, 2 if others else 0)


# --- what slipped past ---

def queued(world):
    return [each["queue_id"] for each in world.postfix.queue()
            for recipient in each["recipients"] if recipient["address"] == world.batch_address]


@tap.table([
    ("R2.27 R2.28 default_action=accept, the daemon's answer is lost: handed in again as README.md "
     "says, the mail is known", DISCARD, 1),
    ("R2.27 R2.28 the same where the daemon has not seen the end: it becomes a job", END, 0)])
def slipped(world, kind, made):
    world.use("accept")
    try:
        raw = make(world)
        trap = world.gate.set(Trap(LOSE, kinds=(kind,)))
        sent = world.send(raw)
        tap.equal((sent.code, trap.hit.is_set()), (250, True), repr(sent))
        world.gate.release()
        tap.equal(len(jobs_of(world, raw)), made, "jobs")
        identifier, = wait_for(lambda: queued(world), "the mail in the queue")
        content = run([which("postcat"), "-c", world.postfix.conf, "-bhq", identifier]).stdout
        tap.contains(content, b"Received: ", "what Postfix has added")
        world.postfix.sendmail(content, world.admin, world.batch_address)
        world.postfix.remove(identifier)
        check(world, [raw])
    finally:
        world.use("tempfail")


@tap.test("R2.28 the same mail by other ways, each with lines of its own on top: known")
def other_ways(world):
    world.use("tempfail")
    first, second = make(world), make(world)
    tap.equal(world.send(first).code, 250, "reply")
    world.postfix.sendmail(second.replace(b"\r\n", b"\n"), world.admin, world.batch_address)
    for raw in (first, second):
        more = (b"Return-Path: <x@client.example>\r\nReceived: from a by b; Tue, 1 Jul 2025 10:00:01"
                b" +0200\r\n\tby c with ESMTP id 1\r\nDelivered-To: x\r\n" + raw)
        tap.equal(world.send(more).code, 250, "reply")
        for each in (raw, more):
            world.postfix.sendmail(each.replace(b"\r\n", b"\n"), world.admin, world.batch_address)
    wait_for(lambda: len(world.log_lines("the same mail came before", "action=ignore")) >= 6,
             "what is known")
    check(world, [first, second])


# --- Postfix killed ---

@tap.test("R2.26 R2.28 Postfix killed -9 while requests lie in its queues: each is one job")
def requests_queued(world):
    world.use("tempfail")
    world.postfix.stop()
    raws = [make(world) for _ in range(6)]
    for raw in raws:
        world.postfix.sendmail(raw.replace(b"\r\n", b"\n"), world.admin, *both(world))
    # One in each way: before the job is there, when it is, and when Postfix has heard so.
    for kind in (END, DELETE_RECIPIENT, "Q"):
        trap = world.gate.set(Trap(HOLD, kinds=(kind,)))
        world.postfix.start()
        tap.equal(trap.hit.wait(60), True, "a request on its way")
        incoming = sum(len(names) for _, _, names in
                       os.walk(os.path.join(world.postfix.queue_folder, "incoming")))
        tap.say("%s: %d in incoming, %d jobs" % (
            kind, incoming, sum(len(jobs_of(world, raw)) for raw in raws)))
        tap.equal(incoming > 0 or kind == "Q", True, "a request in the queue incoming")
        world.crash_postfix()
        world.gate.release()
    world.postfix.start()
    # The other recipient's mail is Postfix's own matter: it may come twice.
    for raw in raws:
        world.mailbox(JANE).wait("Message-ID", message_id_of(raw))
        wait_for(lambda raw=raw: jobs_of(world, raw), "a job", 60)
    world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
    for raw in raws:
        check(world, [raw], MOST_COPIES,
              len(world.mailbox(JANE).find("Message-ID", message_id_of(raw))))
    tap.say("second copies: %d" % given(world, raws))


@tap.test("R4.1 Postfix killed -9 while responses lie in its queues: each comes once")
def responses_queued(world):
    world.use("tempfail")
    box = world.mailbox(world.admin)
    box.close()
    world.dovecot.stop()
    try:
        raws = [make(world) for _ in range(6)]
        for raw in raws:
            # No smtpd(8) begins while Dovecot, who checks its logins, is away.
            world.postfix.sendmail(raw.replace(b"\r\n", b"\n"), world.admin, world.batch_address)
        for raw in raws:
            wait_for(lambda raw=raw: [job["state"] for job in jobs_of(world, raw)] == ["done"],
                     "the response to be handed over", 60)
        world.wait_queue(lambda queue: len(queue) == len(raws), "all responses to wait")
        world.crash_postfix()
        world.milter.kill()
        world.milter.start()
        tap.equal(len(world.postfix.queue()), len(raws), "responses in the queue")
    finally:
        world.dovecot.start()
    world.postfix.start()
    box.reconnect()
    world.postfix.flush()
    check(world, raws)
    tap.equal(given(world, raws), 0, "second copies")


@tap.test("R4.14 Postfix killed -9 again and again while responses are handed over")
def handed_over(world):
    world.use("tempfail")
    world.slapd.kill()
    world.postfix.restart()
    raws = [make(world) for _ in range(12)]
    for raw in raws:
        tap.equal(world.send(raw).code, 250, "reply")
    world.slapd.start()

    def done():
        return sum(job["state"] == "done" for raw in raws for job in jobs_of(world, raw))
    for part, alone in ((1, False), (5, True), (9, False)):
        wait_for(lambda part=part: done() >= part, "%d responses" % part, 60)
        world.crash_postfix(alone)
        world.postfix.start()
    for raw in raws:
        wait_for(lambda raw=raw: [job["state"] for job in jobs_of(world, raw)] == ["done"],
                 "one job, and done", 60)
    check(world, raws, MOST_COPIES)
    tap.say("second copies: %d" % given(world, raws))


if __name__ == "__main__":
    tap.main(AgainWorld)
