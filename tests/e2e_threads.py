# SPDX-License-Identifier: MIT
"""Many clients at once: requests and other mail, each answered once. For ThreadSanitizer, too."""

import threading

import tap
from harness import World

DOMAIN = "somedomain.example"
CLIENTS = 6
REQUESTS = 4


def request(world, client, number):
    sender = world.admin if client % 2 else world.other_admin
    domain = sender.partition("@")[2]
    return world.request([{"DOMAIN": domain, "USER": "t%dx%dx%d" % (client, number, row),
                           "TYPE": "FORWARD", "ACTION": "ADD",
                           "MAILFORWARD": "x@elsewhere.example"} for row in range(20)],
                         sender=sender), sender


def send_some(world, client, sent, faults):
    try:
        for number in range(REQUESTS):
            raw, sender = request(world, client, number)
            reply = world.send(raw, sender=sender)
            if reply.code != 250:
                faults.append("request: %r" % (reply,))
            sent.append(raw)
            reply, _ = world.send_plain(world.admin)
            if reply.code != 250:
                faults.append("other mail: %r" % (reply,))
    except Exception as error:  # told by the main thread
        faults.append(repr(error))


@tap.test("R5.2 clients that send at the same time are answered each, once", seconds=300)
def clients(world):
    sent, faults = [], []
    threads = [threading.Thread(target=send_some, args=(world, client, sent, faults))
               for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.equal(faults, [], "faults")
    tap.equal(len(sent), CLIENTS * REQUESTS, "requests")
    for raw in sent:
        response = world.response(raw)
        tap.equal(response.results, ["created"] * 20, response.text)


@tap.test("a daemon with work stops cleanly, and goes on after it")
def stop(world):
    raws = [request(world, client, REQUESTS) for client in range(CLIENTS)]
    for raw, sender in raws:
        tap.equal(world.send(raw, sender=sender).code, 250, "reply")
    tap.equal(world.milter.stop(), 0, "status")
    world.milter.start()
    for raw, _ in raws:
        tap.equal(world.response(raw).results, ["created"] * 20, "results")


if __name__ == "__main__":
    tap.main(World)
