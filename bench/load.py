# SPDX-License-Identifier: MIT
"""Rows by mail, from SMTP's acceptance to the last entry, beside OpenLDAP's own tools, which write
what our own run has written, byte for byte, to the same directory with the same login."""

import os
import signal
import subprocess

from harness import HarnessError, mail, which
from harness.big import hashed
from figures import at_least, at_most
from ground import Used
from session import Bench
from tools import Watch, timed
import ldif

ROWS = 20000
HEAD = ["DOMAIN", "USER", "TYPE", "ACTION", "PASSWORD", "GIVENNAME", "SURNAME", "PHONE"]
CPU_MICROSECONDS = 60
MEMBERS = 1000     # of a list that grows
LIST_OF = 5        # members of a list that is made
MARK, MEMBER = "batchloadChange", "batchloadMember"


# --- what is asked for ---

class Kind:
    """Rows, what stands there before, and how the peer does the same."""
    peer = "ldapadd"
    wanted = {"synced": at_least(1.2), "tmpfs": at_least(1.2)}
    settings = {}
    hashes = False  # the daemon's own time is mostly hashing

    def before(self, ground, count):
        return ""

    def table(self, ground, count):
        """Head and rows."""
        raise NotImplementedError

    def ends(self, rows):
        """(filter, whether it matches at the end) for rows at the end of the file."""
        return [("mail=%s@%s" % (row[1], row[0]), True) for row in last(rows)]

    def script(self, before, after):
        """What the peer reads."""
        return ldif.text(ldif.added(before, after))

    def command(self, ground, path):
        return [which("ldapadd"), *ground.bind, "-f", path]


def last(rows):
    """The last one, and some shortly before it: writes may overtake each other."""
    return [rows[-1]] + rows[-200::10]


def account(ground, word, number, extra=""):
    address = "%s%d@%s" % (word, number, ground.domain)
    return ("dn: %s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\nmail: %s\n"
            "cn: Jane Doe\nsn: Doe\ngivenName: Jane\ntelephoneNumber: +49 30 1234\n"
            "userPassword: %s\nbatchloadMailboxId: old-%s%d\n%s\n" % (
                ground.slapd.dn(address), address, hashed(address), word, number, extra))


class Add(Kind):
    wanted = {"synced": at_least(1.2), "tmpfs": at_least(1.6)}

    def __init__(self, clear=False, scheme=None, hashes=False):
        self.clear, self.hashes = clear, hashes
        self.settings = {"password_scheme": scheme} if scheme else {}

    def table(self, ground, count):
        return HEAD, [[ground.domain, "user%d" % n, "FULL", "ADD",
                       "clear words %d" % n if self.clear else hashed("user%d" % n), "Jane",
                       "Doe", "+49 30 1234"] for n in range(count)]


class Modify(Kind):
    peer = "ldapmodify"

    def before(self, ground, count):
        return "".join(account(ground, "user", n) for n in range(count))

    def table(self, ground, count):
        return HEAD, [[ground.domain, "user%d" % n, "FULL", "MODIFY", hashed("new%d" % n), "Joan",
                       "Doe", "+49 30 4321"] for n in range(count)]

    def ends(self, rows):
        return [("&(mail=%s@%s)(givenName=Joan)" % (row[1], row[0]), True)
                for row in last(rows)]

    def script(self, before, after):
        return ldif.text(ldif.modified(before, after))

    def command(self, ground, path):
        return [which("ldapmodify"), *ground.bind, "-f", path]


class Delete(Modify):
    peer = "ldapdelete"

    def table(self, ground, count):
        return HEAD, [[ground.domain, "user%d" % n, "FULL", "DELETE", "", "", "", ""]
                      for n in range(count)]

    def ends(self, rows):
        return [("mail=%s@%s" % (row[1], row[0]), False) for row in last(rows)]

    def script(self, before, after):
        return "\n".join(ldif.removed(before, after)) + "\n"

    def command(self, ground, path):
        return [which("ldapdelete"), *ground.bind, "-f", path]


class MakeLists(Kind):
    """Each row makes a list of some accounts."""
    ACCOUNTS = 1000

    def before(self, ground, count):
        return "".join(account(ground, "user", n) for n in range(self.ACCOUNTS))

    def table(self, ground, count):
        return (["DOMAIN", "USER", "TYPE", "ACTION", "LIST MEMBER"],
                [[ground.domain, "list%d" % n, "LIST", "ADD",
                  " ".join("user%d" % ((n + each * 7) % self.ACCOUNTS) for each in range(LIST_OF))]
                 for n in range(count)])


class GrowLists(Kind):
    """Row after row puts one account more on a list, until it is full and the next one begins."""
    peer = "ldapmodify"

    def before(self, ground, count):
        return "".join(account(ground, "user", n) for n in range(count))

    def table(self, ground, count):
        return (["DOMAIN", "USER", "TYPE", "ACTION", "LIST MEMBER"],
                [[ground.domain, "list%d" % (n // MEMBERS), "LIST", "ADD", "user%d" % n]
                 for n in range(count)])

    def ends(self, rows):
        return [("&(mail=%s@%s)(%s=%s@%s)" % (row[1], row[0], MEMBER, row[4], row[0]), True)
                for row in last(rows)]

    def script(self, before, after):
        return ldif.text(ldif.grown(before, after, MEMBER, MARK))

    def command(self, ground, path):
        return [which("ldapmodify"), *ground.bind, "-f", path]


# --- one round ---

class Ours:
    """One request, start to end."""

    def __init__(self, session, ground, kind, table):
        head, rows = table
        raw = ground.request(csv=mail.table(rows, head))
        counted = ground.operations()
        with Watch(ground) as watch, Recorder(session, ground):
            used, server = Used(ground.milter.pid), Used(ground.slapd.pid)
            accepted = ground.hand_over(raw)
            self.seconds = watch.wait(kind.ends(rows)) - accepted
            self.server = server.seconds()[0]
            response = ground.response(raw, 3600)
            self.daemon, self.child = used.seconds()
            asked = watch.asked
        if "processed ok" not in response.text:
            raise HarnessError("the request was not processed: " + response.text[:600])
        now = ground.operations()
        self.writes = sum(now.get(each, 0) - counted.get(each, 0)
                          for each in ("Add", "Modify", "Delete", "Modrdn", "Extended"))
        self.searches = now["Search"] - counted["Search"] - asked


class Recorder:
    """perf(1) on the daemon, where that is wanted."""

    def __init__(self, session, ground):
        self._process = None
        if session.options.perf:
            os.makedirs(session.options.perf, exist_ok=True)
            path = os.path.join(os.path.abspath(session.options.perf),
                                "%s.data" % session.running)
            self._process = ground.nursery.spawn(
                [which("perf"), "record", "-q", "-F", "499", "--call-graph", "dwarf,8192",
                 "-o", path, "-p", str(ground.milter.pid)])
        self._ground = ground

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(120)
            except subprocess.TimeoutExpired:
                pass
            self._ground.nursery.stop(self._process)


class Peer:
    """OpenLDAP's tool with what our run has written."""

    def __init__(self, ground, kind):
        self._ground, self._kind = ground, kind
        self.path = ground.nursery.path("peer.ldif")
        self._wanted = None
        self.server = 0.0

    def learn(self, before, after, compare=True):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self._kind.script(before, after))
        self._wanted = ldif.contents(after) if compare else None

    def run(self, restore=True):
        """Its seconds."""
        if restore:
            self._ground.restore()
        used = Used(self._ground.slapd.pid)
        took = timed(self._ground, self._kind.command(self._ground, self.path), log="/dev/null")
        self.server = used.seconds()[0]
        self._compare()
        return took

    def slapadd(self):
        """The same entries without a server, synced each."""
        self._ground.restore(start=False)
        return timed(self._ground, [which("slapadd"), "-f", self._ground.slapd.conf, "-l",
                                    self.path])

    def _compare(self):
        """That it has written the same is looked at once."""
        if self._wanted is not None and ldif.contents(self._ground.dump()) != self._wanted:
            raise HarnessError("the peer did not write what our run has written")
        self._wanted = None


# --- the benches ---

def measure(session, place, kind):
    ground, count = session.ground(place), session.count(ROWS, 20)
    table = kind.table(ground, count)
    ground.prepare(kind.before(ground, count), kind.settings)
    before = ground.dump()
    peer = Peer(ground, kind)
    figures = Figures(session, kind, place)
    for number in range(session.rounds):
        ground.reset()
        ours = Ours(session, ground, kind, table)
        if number == 0:
            peer.learn(before, ground.dump())
        figures.add(count, ours, peer)
    ground.restore()


class Figures:
    def __init__(self, session, kind, place):
        figure = session.figure
        self.rate = figure("to the last entry", "rows/s", kind.peer, kind.wanted[place])
        self.slapadd = isinstance(kind, Add) and figure(
            "to the last entry", "rows/s", "slapadd",
            at_least(0.95) if place == "synced" else None)
        self.daemon = figure(
            "daemon's processor time a row", "us",
            wanted=None if kind.hashes else at_most(CPU_MICROSECONDS, "ours"))
        self.child = figure("parser's processor time a row", "us")
        self.server = figure("slapd's processor time a row", "us", kind.peer)
        self.searches = figure("LDAP searches a row", "")
        self.writes = figure("LDAP writes a row", "")

    def add(self, count, ours, peer):
        theirs = peer.run()
        self.rate.add(count / ours.seconds, count / theirs)
        self.server.add(ours.server * 1e6 / count, peer.server * 1e6 / count)
        if self.slapadd:
            self.slapadd.add(count / ours.seconds, count / peer.slapadd())
        self.daemon.add(ours.daemon * 1e6 / count)
        self.child.add(ours.child * 1e6 / count)
        self.searches.add(ours.searches / count)
        self.writes.add(ours.writes / count)


def measure_hashing(session, place, kind):
    """Beside hashing alone on all cores."""
    ground, count = session.ground(place), session.count(ROWS // 2, 20)
    table = kind.table(ground, count)
    ground.prepare("", kind.settings)
    rate = session.figure("to the last entry", "rows/s", "hashing alone", at_least(0.8))
    for _ in range(session.rounds):
        ground.reset()
        ours = Ours(session, ground, kind, table)
        alone = timed(ground, [session.program("bench-hash"), str(count)])
        rate.add(count / ours.seconds, count / alone)
    ground.restore()


def add_benches(name, what, kind, places=("synced", "tmpfs"), function=measure):
    return [Bench("%s-%s" % (name, place), "%s, %s" % (what, place),
                  lambda session, p=place: function(session, p, kind), place) for place in places]


BENCHES = (
    add_benches("apply", "FULL ADD, passwords hashed before", Add())
    + add_benches("apply-ssha512", "FULL ADD, clear passwords under {SSHA512}",
                  Add(True, "{SSHA512}"))
    + add_benches("apply-clear", "FULL ADD, clear passwords under {CRYPT}$6$",
                  Add(True, "{CRYPT}$6$", True), ("synced",), measure_hashing)
    + add_benches("modify", "FULL MODIFY", Modify())
    + add_benches("delete", "FULL DELETE", Delete())
    + add_benches("list-make", "LIST ADD, %d members each" % LIST_OF, MakeLists())
    + add_benches("list-grow", "LIST ADD, row after row one member of %d" % MEMBERS, GrowLists()))
