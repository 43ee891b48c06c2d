# SPDX-License-Identifier: MIT
"""Somebody who can only send mail, in an administrator's name and from elsewhere: he can't lock the
real one out, delay, flood or mail-bomb him."""

import json
import re
import shutil

import tap
from harness import World, message_id_of, run
from harness.big import jobs
from harness.flood import burst, hand_over
from rows import at

SPOOFER = "127.0.0.66"
REAL = "127.0.0.1"  # whence the harness sends
AFTER = 3


def forward(user):
    return {"DOMAIN": "somedomain.example", "USER": user, "TYPE": "FORWARD", "ACTION": "ADD",
            "MAILFORWARD": "x@elsewhere.example"}


def guesses(world, count, word="evil"):
    return [world.request([forward("%s%d" % (word, n))], password="guess %d" % n)
            for n in range(count)]


def start(world, **settings):
    world.milter.configure({"refusals_per_hour": 20, "refusal_pause": 0, "lockout_pause": 0, **settings})
    world.milter.restart()


def batchload(world, *arguments):
    done = run([world.tree.command, "-c", world.milter.conf, *arguments], check=False)
    return done.returncode, done.stdout.decode()


def lockouts(world):
    """{client: what is counted} for the administrator."""
    _, text = batchload(world, "lockout", "-j")
    found = [json.loads(line) for line in text.splitlines()]
    return {each["client"]: each for each in found if each["sender"] == world.admin}


def settled(world):
    tap.wait_for(lambda: all(job["state"] == "done" for job in jobs(world)), "all jobs' end", 60)


def words_of(response):
    return re.sub(r"(?m)^(Time taken|Job): .*$", "", response.text)


@tap.test("R7.7 lock out: the spoofer's client is locked for this sender, with the words of a wrong "
          "password; the real administrator works on; batchload lockout shows and releases")
def lock_out(world):
    start(world, lockout_after=AFTER)
    tap.equal(batchload(world, "lockout"), (0, "No wrong passwords are counted.\n"), "before")
    said = [words_of(world.response(raw)) for raw in guesses(world, AFTER)
            if hand_over(world, [raw], world.admin, SPOOFER) == [250]]
    tap.equal(list(lockouts(world)), [SPOOFER], "pairs")
    found = lockouts(world)[SPOOFER]
    tap.equal((found["failures"], found["locked_until"] is not None), (AFTER, True), "the pair")
    # The right password does not tell itself there, also after a new start.
    for _ in range(2):
        right = world.request([forward("evil")])
        burst(world, [right], world.admin, SPOOFER)
        said.append(words_of(world.response(right)))
        world.milter.restart()
    tap.equal((len(said), len(set(said))), (AFTER + 2, 1), "different words: %r" % said)
    tap.equal(world.entry(at("evil")), None, "entry")
    # The real one, and another one at the spoofer's client, feel nothing.
    tap.contains(world.ask([forward("real")]).text, "processed ok")
    other = world.request([{**forward("other"), "DOMAIN": world.other_domain}],
                          sender=world.other_admin)
    burst(world, [other], world.other_admin, SPOOFER)
    tap.contains(world.response(other).text, "processed ok")
    code, text = batchload(world, "lockout")
    tap.equal(code, 0, "list")
    tap.contains(text, "%s, %s" % (world.admin, SPOOFER))
    tap.equal(batchload(world, "lockout", "release", world.admin, REAL)[0], 1, "nothing there")
    tap.equal(batchload(world, "lockout", "release", world.admin, SPOOFER)[0], 0, "release")
    tap.equal(lockouts(world), {}, "afterwards")
    right = world.request([forward("released")])
    burst(world, [right], world.admin, SPOOFER)
    tap.contains(world.response(right).text, "processed ok")


@tap.test("R7.7 a right password forgets the wrong ones of its own client, and no others")
def forgotten(world):
    start(world, lockout_after=AFTER)
    for client in (REAL, SPOOFER):
        for raw in guesses(world, AFTER - 1):
            burst(world, [raw], world.admin, client)
            world.response(raw)
    tap.equal({client: each["failures"] for client, each in lockouts(world).items()},
              {REAL: AFTER - 1, SPOOFER: AFTER - 1}, "counted")
    world.fence()
    tap.equal({client: each["failures"] for client, each in lockouts(world).items()},
              {SPOOFER: AFTER - 1}, "counted after a right one")
    tap.equal(batchload(world, "lockout", "release", world.admin)[0], 0, "release of all")


@tap.test("R7.7 delay: the spoofer's guesses wait for each other, and the real administrator's "
          "request does not")
def delay(world):
    start(world, lockout_pause="1h", refusals_per_hour=1000)
    burst(world, guesses(world, 20), world.admin, SPOOFER)
    tap.wait_for(lambda: lockouts(world), "the first guess")
    for n in range(3):
        tap.contains(world.ask([forward("delay%d" % n)]).text, "processed ok")
    waiting = [job for job in jobs(world) if job["state"] == "received"]
    tap.equal([job["client"] for job in waiting], [SPOOFER] * 19, "what waits")
    tap.equal(lockouts(world)[SPOOFER]["failures"], 1, "looked at")
    # A new start is no way around the pause.
    world.milter.restart()
    world.fence()
    tap.equal(len([job for job in jobs(world) if job["state"] == "received"]), 19, "after a start")
    start(world, refusals_per_hour=1000)
    tap.equal(batchload(world, "lockout", "release", world.admin)[0], 0, "release")
    settled(world)
    batchload(world, "lockout", "release", world.admin)


@tap.test("R7.4 R7.8 flood: the spoofer's mail is put off beyond his own room; the real "
          "administrator has all of his")
def flood(world):
    start(world, lockout_pause="1h", **{"spool.client_jobs_max": 6,
                                        "spool.requester_jobs_max": 4})
    codes = hand_over(world, guesses(world, 10), world.admin, SPOOFER)
    # The first one may leave its place while the others come.
    tap.equal(codes[:4], [250] * 4, "the flood's beginning")
    tap.equal(codes.count(451) >= 5, True, "the flood: %r" % codes)
    real = [world.request([forward("flood%d" % n)]) for n in range(4)]
    tap.equal(hand_over(world, real, world.admin, REAL), [250] * 4, "the real one")
    for raw in real:
        tap.contains(world.response(raw).text, "processed ok")
    start(world)
    tap.equal(batchload(world, "lockout", "release", world.admin)[0], 0, "release")
    settled(world)
    batchload(world, "lockout", "release", world.admin)


@tap.test("R7.6 mail-bomb: wrong passwords and broken requests from ten clients make at most "
          "refusals_per_hour responses, also over a new start; the rest is logged and seen")
def mail_bomb(world):
    bound, clients, each = 5, 10, 3
    world.milter.stop()
    shutil.rmtree(world.milter.spool)  # what was refused before counts
    start(world, refusals_per_hour=bound)
    before = len(world.log_lines('action="refuse without response"'))
    bomb = []
    for client in range(clients):
        mails = guesses(world, each - 1) + [world.request(
            parts=[b"Content-Type: text/plain\r\n\r\nPassword: x\r\n"])]
        burst(world, mails, world.admin, "127.0.0.%d" % (60 + client))
        bomb += mails
        if client == clients // 2:
            settled(world)
            world.milter.restart()
    settled(world)
    world.fence()
    box = world.mailbox(world.admin)
    got = [raw for raw in bomb if box.count("HEADER", "In-Reply-To",
                                            '"%s"' % message_id_of(raw))]
    tap.equal(len(got), bound, "responses")
    silent = clients * each - bound
    lines = world.log_lines('action="refuse without response"')
    tap.equal(len(lines) - before, silent, "log lines")
    shown = [job for job in jobs(world)
             if job["waiting"] and "refusals_per_hour" in job["waiting"]]
    tap.equal(len(shown), silent, "jobs that tell why")
    code, text = batchload(world, "show", shown[0]["id"])
    tap.equal(code, 0, "show")
    tap.contains(text, "no response")
    tap.contains(text, "refusals_per_hour")
    # What the real one proves is answered, also where it fails.
    tap.contains(world.ask(csv="DOMAIN;USER;TYPE\r\na;b;c\r\n").subject, "not processed")
    world.search_spool("guess 1")


if __name__ == "__main__":
    tap.main(World)
