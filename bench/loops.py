# SPDX-License-Identifier: MIT
"""What it takes to see that a row makes no circle: a row that adds a member to a list, in a directory
of many lists, beside the same row in one of few."""

import os
import random

from harness import HarnessError, run
from figures import at_most
from session import Bench

LISTS, FEW = 100000, 100
DOMAINS = 10
USERS = 100     # mailboxes of a domain
ROWS = 20       # of a kind
SLICE = 500
# Near what a row may take: PLAN_LOOP_LEVELS_MAX, PLAN_LOOP_LOOKUPS_MAX.
CHAIN, WIDE, LAYERS = 95, 450, 90


def domain(number):
    return "d%d.example" % (number % DOMAINS)


def at(local, number=0):
    return "%s@%s" % (local, domain(number))


class Ldif:
    def __init__(self, ground):
        self._base = ground.base
        self.blocks = []

    def domain(self, name, target=None):
        self.blocks.append(
            "dn: ou=%s,ou=domains,%s\nou: %s\nobjectClass: organizationalUnit\n%s\n" % (
                name, self._base, name,
                "objectClass: batchloadDomainAlias\nbatchloadTargetDomain: %s\n" % target
                if target else "objectClass: batchloadDomain\n"))

    def entry(self, address, kind, attribute="batchloadMember", values=()):
        self.blocks.append(
            "dn: mail=%s,ou=%s,ou=domains,%s\nobjectClass: inetOrgPerson\nobjectClass: batchload%s\n"
            "cn: x\nsn: x\nmail: %s\n%s%s\n" % (
                address, address.partition("@")[2], self._base, kind, address,
                "batchloadMailboxId: old-%s\n" % address if kind == "Account" else "",
                "".join("%s: %s\n" % (attribute, each) for each in values)))

    def text(self):
        return "".join(self.blocks)


def random_lists(ldif, count):
    """Five mailboxes each, and, one in three, two lists that were there before."""
    chance = random.Random(7)
    for number in range(count):
        members = {at("user%d" % chance.randrange(USERS), chance.randrange(DOMAINS))
                   for _ in range(5)}
        if number and chance.randrange(3) == 0:
            members |= {at("list%d" % each, each)
                        for each in (chance.randrange(number), chance.randrange(number))}
        ldif.entry(at("list%d" % number, number), "List", values=sorted(members))


def shapes(ldif):
    for number in range(DOMAINS):
        ldif.domain(domain(number))
        for user in range(USERS):
            ldif.entry(at("user%d" % user, number), "Account")
    ldif.entry(at("own"), "List", values=["x@elsewhere.example"])
    chain(ldif)
    for number in range(WIDE):
        ldif.entry(at("wide%d" % number, number), "List",
                   values=[at("user%d" % (number // DOMAINS), number)])
    ldif.entry(at("wide"), "List", values=[at("wide%d" % each, each) for each in range(WIDE)])
    ldif.entry(at("wider"), "List", values=[at("wide"), at("many")])
    ldif.entry(at("many"), "List", values=[
        at("user%d" % each, number) for number in range(DOMAINS) for each in range(USERS)])
    for number in range(2 * LAYERS):
        below = number // 2 * 2 - 2
        ldif.entry(at("layer%d" % number, number), "DistributionList", values=[
            at("layer%d" % each, each) for each in (below, below + 1)] if below >= 0 else [])


def chain(ldif):
    """Over lists alone; and over a forward, an alias, a mailbox with a copy, a further name, an address
    that is not there and the catch-all, in turn."""
    for number in range(CHAIN):
        ldif.entry(at("chain%d" % number, number), "List", values=[
            at("chain%d" % (number - 1), number - 1) if number else at("own")])
    ldif.domain("further.example", domain(0))
    ldif.domain("caught.example")
    ldif.entry("@caught.example", "Catchall", "batchloadTarget", [at("copied")])
    ldif.entry(at("copied"), "Account", "batchloadTarget", [at("user1")])
    below = "nobody@caught.example"
    for number in range(15):
        ldif.entry(at("forward%d" % number), "Forward", "batchloadTarget", [below])
        ldif.entry(at("copying%d" % number, number), "Account", "batchloadTarget",
                   ["forward%d@further.example" % number])
        ldif.entry(at("alias%d" % number, number), "Alias", "batchloadTarget",
                   [at("copying%d" % number, number)])
        below = at("alias%d" % number, number)
    ldif.entry(at("mixed"), "List", values=[below])


# What a row adds, and whether it is refused.
KINDS = {
    "a mailbox": ([at("user%d" % each, each) for each in range(ROWS)], False),
    "a list like the others": ([at("list%d" % (FEW - 1 - each), FEW - 1 - each)
                                for each in range(ROWS)], False),
    "a list of %d lists of a mailbox" % WIDE: ([at("wide")] * ROWS, False),
    "%d lists in a row" % (CHAIN - 1): ([at("chain%d" % (CHAIN - 1), CHAIN - 1)] * ROWS, False),
    "each of %d layers leads to both of the next" % LAYERS: (
        [at("layer%d" % (2 * LAYERS - 1), 2 * LAYERS - 1)] * ROWS, False),
    "60 steps of all kinds": ([at("mixed")] * ROWS, False),
    "a circle of %d lists" % CHAIN: ([at("chain%d" % (CHAIN - 1), CHAIN - 1)] * ROWS, True),
    "more than 1,000 addresses": ([at("wider")] * ROWS, True),
}


def write_rows(path, members, own):
    with open(path, "w", encoding="utf-8") as file:
        file.write("DOMAIN;USER;TYPE;ACTION;LIST MEMBER\r\n")
        for number, member in enumerate(members):
            file.write("%s;%s;LIST;ADD;%s\r\n" % (
                domain(0), "own" if own else "new%d" % number, member))
    os.chmod(path, 0o644)


def used(pid):
    """Seconds of processor time of all threads of a process that are there, to the nanosecond."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task), encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


class Cost:
    """What the rows of a file took, a row: searches, bytes that the directory sent, microseconds of
    processor time, its own and ours."""

    def __init__(self, session, ground, way, path, refused):
        grant = "allow domains=further.example,caught.example," + ",".join(
            domain(number) for number in range(DOMAINS))
        words = [session.program("bench-plan"), way, ground.milter.conf, ground.admin, grant, path]
        run(words, seconds=600)  # so that all is warm
        before, sent, server = ground.operations()["Search"], ground.sent(), used(ground.slapd.pid)
        count, failed, seconds = run(words, seconds=600).stdout.split()
        server, rows = used(ground.slapd.pid) - server, int(count)
        # That of the bytes is one, too.
        self.searches = (ground.operations()["Search"] - before - 2) / rows
        self.bytes = (ground.sent() - sent) / rows
        self.micros = (server + float(seconds)) * 1e6 / rows
        if int(failed) != (rows if refused else 0):
            raise HarnessError("%s of %d rows were refused: %s" % (failed.decode(), rows, path))


class Compared:
    """One kind of row in both directories."""

    def __init__(self, session, what, wanted):
        def figure(kind, unit, bound):
            return session.figure("%s: %s a row" % (what, kind), unit, "few lists", bound)
        self._figures = (figure("look-ups", "searches", at_most(1.05) if wanted else None),
                         figure("sent by the directory", "bytes", at_most(1.1) if wanted else None),
                         figure("processor time", "µs", at_most(1.5) if wanted else None))

    def add(self, many, few):
        for figure, ours, theirs in zip(self._figures, (many.searches, many.bytes, many.micros),
                                        (few.searches, few.bytes, few.micros)):
            figure.add(ours, theirs)


def files(session, ground, count):
    """{what: (way, path, refused)}"""
    found = {}
    for number, (what, (members, refused)) in enumerate(KINDS.items()):
        path = ground.nursery.path("row%d.csv" % number)
        write_rows(path, members[:session.count(ROWS, 2)], refused or what == "a mailbox")
        found[what] = ("alone", path, refused)
    path = ground.nursery.path("slice.csv")
    write_rows(path, [at("list%d" % (each % count), each % count)
                      for each in range(session.count(SLICE, 20))], False)
    found["%d lists like the others, in one request" % SLICE] = ("slice", path, False)
    return found


def loops(session):
    ground = session.ground("tmpfs")
    begins = []
    for count in (session.count(LISTS, FEW), FEW):
        ldif = Ldif(ground)
        shapes(ldif)
        random_lists(ldif, count)
        begins.append(ground.prepare(ldif.text(), name="lists%d" % len(begins)))
    kinds = files(session, ground, FEW)
    compared = {what: Compared(session, what, True) for what in kinds}
    for number in range(session.rounds):
        costs = [{}, {}]
        for which in (0, 1) if number % 2 else (1, 0):
            ground.restore(begin=begins[which])
            for what, (way, path, refused) in kinds.items():
                costs[which][what] = Cost(session, ground, way, path, refused)
        for what, each in compared.items():
            each.add(costs[0][what], costs[1][what])


BENCHES = [
    Bench("loops", "a row that adds a member, among 100,000 lists and among 100", loops, "tmpfs"),
]
