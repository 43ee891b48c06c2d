# SPDX-License-Identifier: MIT
"""Floods: of an administrator, of a client that proves nothing, of one whose answers can't go. In
each somebody else asks meanwhile."""

import shutil

import tap
from harness import World
from harness.big import jobs
from harness.flood import burst, hand_over, held
from rows import DOMAIN, at

FLOOD = 2000
ROOM = 5
THIRD = "third@" + DOMAIN
LIMITS = {"spool.client_jobs_max": 2 * ROOM, "spool.requester_jobs_max": ROOM}


def forward(user, domain=DOMAIN):
    return {"DOMAIN": domain, "USER": user, "TYPE": "FORWARD", "ACTION": "ADD",
            "MAILFORWARD": "x@elsewhere.example"}


def request(world, name, sender=None, **options):
    sender = sender or world.admin
    return world.request([forward(name, sender.partition("@")[2])], sender=sender, **options)


def waiting(world, requester):
    return [job for job in jobs(world) if job["requester"] == requester and job["state"] != "done"]


def start(world, settings):
    world.milter.configure(settings)
    world.milter.restart()


@tap.test("R5.2 R7.8 one administrator sends %d requests; another's single one is answered while "
          "most of them wait, and so are those of a third who shares the client" % FLOOD, 300)
def administrator(world):
    mails = [request(world, "flood%d" % n) for n in range(FLOOD)]
    with held(world):
        burst(world, mails, world.admin, "127.0.0.2")
        # That is the room of one name at one client; it is full for this one alone.
        tap.equal(hand_over(world, [request(world, "more")], world.admin, "127.0.0.2"), [451],
                  "one more")
        single = request(world, "single", world.other_admin)
        burst(world, [single], world.other_admin, "127.0.0.3")
        same = request(world, "same", world.other_admin)
        burst(world, [same], world.other_admin, "127.0.0.2")
    for raw in (single, same):
        tap.contains(world.response(raw, address=world.other_admin).text, "processed ok")
    left = len(waiting(world, world.admin))
    tap.say("answered while %d of %d requests of the flood wait" % (left, FLOOD))
    tap.equal(left > FLOOD * 9 // 10, True, "%d of the flood wait" % left)
    world.milter.kill()
    shutil.rmtree(world.milter.spool)  # the rest of the flood


@tap.test("R7.4 R7.8 a flood of unproven mail from one client while the directory is away: beyond "
          "its room it is put off, and another client feels nothing")
def unproven(world):
    start(world, LIMITS)
    world.slapd.kill()
    # No process of Postfix remembers an answer of the directory.
    world.postfix.restart()
    try:
        spoofed = [request(world, "evil%d" % n, password="guess") for n in range(2 * ROOM)]
        codes = hand_over(world, spoofed, world.admin, "127.0.0.66")
        tap.equal(codes, [250] * ROOM + [451] * ROOM, "in one name")
        others = [request(world, "evil%d" % n, world.other_admin, password="guess")
                  for n in range(2 * ROOM)]
        codes = hand_over(world, others, world.other_admin, "127.0.0.66")
        tap.equal(codes, [250] * ROOM + [451] * ROOM, "in another")
        third = [request(world, "evil", THIRD, password="guess")]
        tap.equal(hand_over(world, third, THIRD, "127.0.0.66"), [451], "the client is full")
        # The real one has all of its own room, elsewhere.
        real = [request(world, "real%d" % n) for n in range(ROOM)]
        tap.equal(hand_over(world, real, world.admin, "127.0.0.1"), [250] * ROOM, "the real one")
        tap.equal(world.log_lines("action=defer", "client_jobs_max", "127.0.0.66") != [], True,
                  "the log names the limit")
    finally:
        world.slapd.start()
    for raw in real:
        tap.contains(world.response(raw).text, "processed ok")
    tap.equal(world.slapd.search("(mail=evil*)"), {}, "entries")
    tap.wait_for(lambda: not waiting(world, world.admin), "the end of the flood", 60)


@tap.test("R7.8 proven requests of one administrator whose answers can't be handed over: beyond "
          "its room this one is put off, from every client, and nobody else")
def proven(world):
    start(world, {**LIMITS, "submit": "smtp://127.0.0.1:%d" % world.nursery.port()})
    mails = [request(world, "proven%d" % n) for n in range(ROOM)]
    tap.equal(hand_over(world, mails, world.admin, "127.0.0.1"), [250] * ROOM, "taken")
    tap.wait_for(lambda: [job["state"] for job in waiting(world, world.admin)]
                 == ["sending"] * ROOM, "all to be worked on", 60)
    more = [request(world, "more")]
    for client in ("127.0.0.1", "127.0.0.2"):
        tap.equal(hand_over(world, more, world.admin, client), [451], "one more from " + client)
    other = request(world, "other", world.other_admin)
    tap.equal(hand_over(world, [other], world.other_admin, "127.0.0.1"), [250], "another")
    # The limit is kept over a new start.
    world.milter.restart()
    tap.equal(hand_over(world, more, world.admin, "127.0.0.1"), [451], "after a new start")
    start(world, LIMITS)
    for raw in mails:
        tap.contains(world.response(raw).text, "processed ok")
    tap.contains(world.response(other, address=world.other_admin).text, "processed ok")
    tap.wait_for(lambda: hand_over(world, more, world.admin, "127.0.0.1") == [250],
                 "room again", 30)
    tap.contains(world.response(more[0]).text, "processed ok")
    tap.equal(world.entry(at("more")) is not None, True, "entry")


if __name__ == "__main__":
    tap.main(lambda: World(senders=THIRD + " allow\n"))
