# SPDX-License-Identifier: MIT
"""Requests of which one operation is befallen, and what must become of each: for e2e_lost.py and
e2e_389.py."""

import base64
import hashlib
import json
import os
import re

import tap
from harness import World, mail, message_id_of, wait_for
from harness.big import hashed, jobs
from harness.gate import LOSE, Trap
from harness.ldapgate import LdapGate
from harness.process import run as run_program
from harness.servers import salted
from rows import row

ALL = os.environ.get("BATCHLOAD_ALL") == "1"
SECONDS = 280 if not ALL else 900  # all points at once, perhaps beside other tests
DOMAINS = 3000
ANSWER_SECONDS = 3  # what the daemon waits for an answer
ADMIN = "admin"

# What makes no row fail, since it says nothing of the row: RFC 4511, appendix A.2.
# timeLimitExceeded, sizeLimitExceeded, adminLimitExceeded, busy, unavailable, other.
ILL = (3, 4, 11, 51, 52, 80)
# operationsError, protocolError, strongerAuthRequired, referral, unavailableCriticalExtension,
# confidentialityRequired, unwillingToPerform, loopDetect, affectsMultipleDSAs, canceled.
ODD = (1, 2, 8, 10, 12, 13, 53, 54, 71, 118)


def here(name, domain):
    return "%s@%s" % (name, domain)


def before(domain):
    """{address: (type, its targets or members)} of what is there."""
    return {
        here(ADMIN, domain): ("Account", ()),
        here("old1", domain): ("Account", ()), here("old2", domain): ("Account", ()),
        here("old3", domain): ("Account", ()),
        here("oldforward", domain): ("Forward", (here("old1", domain),)),
        here("oldlist", domain): ("List", (here("old2", domain), "far@elsewhere.example")),
        here("oldlist2", domain): ("List", (here("old1", domain), here("old2", domain)))}


def password(word):
    return {"PASSWORD": hashed(word)}


def good_rows():
    """Every action on every type, in slices of six: rows that rely on others of their slice and of
    earlier ones, and what is made and gone again within one."""
    return [
        row("ADD FULL n1", **password("n1")),
        row("ADD FULL n2", GIVENNAME="Jane", **{"@displayName": "Jane D"}, **password("n2")),
        row("ADD FORWARD f1", MAILFORWARD="n1@DOMAIN out@elsewhere.example"),
        row("ADD LIST l1", LIST_MEMBER="n1 n2 out@elsewhere.example"),
        row("MODIFY FULL old1", TITLE="Dr", **password("old1 anew")),
        row("ADD LIST oldlist", LIST_MEMBER="n1"),

        row("MODIFY FULL n1", DESCRIPTION="changed",
            **{"@physicalDeliveryOfficeName": "7 a\n7 b"}, **password("n1 anew")),
        row("ADD LIST l1", LIST_MEMBER="old1 n1"),
        row("DELETE FULL n2"),
        row("ADD FULL n2", **password("n2 again")),
        row("MODIFY FORWARD f1", MAILFORWARD="n2@DOMAIN"),
        row("MODIFY LIST oldlist", DESCRIPTION="a list"),

        row("DELETE LIST oldlist", LIST_MEMBER="n1"),
        row("DELETE LIST oldlist", LIST_MEMBER="n1"),
        row("DELETE FULL old2"),
        row("ADD FORWARD old2", MAILFORWARD="n1@DOMAIN"),
        row("DELETE FORWARD oldforward"),
        row("ADD LIST l1"),

        row("ADD FULL t1", **password("t1")),
        row("ADD LIST tl", LIST_MEMBER="t1 n1"),
        row("ADD LIST l1", LIST_MEMBER="t1"),
        row("DELETE FULL t1"),
        row("DELETE LIST tl"),
        row("DELETE FORWARD old2"),
    ]


def bad_rows():
    """What the plan finds out, and what only the directory does."""
    return [
        row("ADD FULL old1", **password("x")), row("MODIFY FULL nobody", **password("x")),
        row("DELETE LIST l1", LIST_MEMBER="nobody"), row("ADD LIST l1", LIST_MEMBER="nobody"),
        row("ADD FULL p1", PHONE="\u00a7", **password("p1")),
        row("ADD LIST oldlist2", LIST_MEMBER="p1"),
    ]


REFUSED = row("MODIFY FULL old3", PHONE="\u00a7", **password("old3 anew"))


def clear_rows():
    """Passwords that the directory hashes."""
    return [
        row("ADD FULL n1", PASSWORD="first words"), row("MODIFY FULL n1", PASSWORD="second words"),
        row("MODIFY FULL old1", TITLE="Dr", PASSWORD="third words"),
        row("ADD LIST oldlist", LIST_MEMBER="n1"),
        row("ADD FULL n2", PASSWORD="fourth words"), row("DELETE FULL n2"),
        row("MODIFY FULL old1", PASSWORD="fifth words"),
    ]


CLEAR = [each["PASSWORD"] for each in clear_rows() if "PASSWORD" in each]


def slices():
    """Four slices of six rows; the first, the fourth and the last write on entries of their own."""
    out = []
    for k in range(1, 5):
        out += [row("ADD FULL first%d" % k, **password("first")),
                row("ADD LIST grows", LIST_MEMBER="first%d" % k),
                row("MODIFY FULL old1", DESCRIPTION="slice %d" % k, **password("slice %d" % k)),
                row("ADD FULL middle%d" % k, **password("middle")),
                row("DELETE FULL first%d" % (k - 1)) if k > 1 else row("DELETE FULL old2"),
                row("ADD FORWARD last%d" % k, MAILFORWARD="middle%d@DOMAIN" % k)]
    return out


# name: (rows, mode)
REQUESTS = {
    "apply": (good_rows() + bad_rows(), None),
    "atomic": (good_rows(), "atomic"),
    "undone": (good_rows() + [REFUSED], "atomic"),
    "server": (clear_rows(), None),
    "server undone": (clear_rows() + [REFUSED], "atomic"),
    "slices": (slices(), None),
    "slices atomic": (slices(), "atomic"),
    "slices undone": (slices() + [REFUSED], "atomic"),
}


class LostWorld(World):
    """By default the directory in question is the one that the mail servers ask."""

    def __init__(self, senders=""):
        super().__init__(senders=senders + "".join(
            "%s allow\n" % here(ADMIN, self._name(n)) for n in range(DOMAINS)))
        self.directory = self.make_directory()
        self.gate = LdapGate(self.nursery, self.directory.port)
        self.scheme = None
        self._used = 0
        self.secret = "the administrator's"
        self.stored = salted(self.secret)
        self.references = {}

    def make_directory(self):
        return self.slapd

    def settings(self):
        """Of the daemon, for this directory."""
        return {}

    def use(self, scheme):
        """The daemon with this password_scheme, and the gate before the directory."""
        if self.scheme != scheme:
            self.milter.kill()
            self.milter.configure({"slice_rows": 6, "workers": 8, "password_scheme": scheme,
                                   "directory.uri": self.gate.uri,
                                   "directory.answer_seconds": ANSWER_SECONDS,
                                   **self.settings()})
            self.milter.start()
            self.scheme = scheme

    @staticmethod
    def _name(number):
        return "d%04d.example" % number

    def domains(self, count):
        """So many domains that no request has seen."""
        names = [self._name(self._used + n) for n in range(count)]
        self._used += count
        for server in dict.fromkeys((self.slapd, self.directory)):
            server.add("\n".join(self._ldif(name) for name in names))
        for name in names:
            self.passwords[here(ADMIN, name)] = self.secret
        return names

    def _ldif(self, domain):
        out = [self.slapd.domain_ldif(domain)]
        for address, (kind, values) in before(domain).items():
            name = address.partition("@")[0]
            lines = ["dn: " + self.slapd.dn(address), "objectClass: inetOrgPerson",
                     "objectClass: batchload" + kind, "mail: " + address, "cn: " + name,
                     "sn: " + name]
            if kind == "Account":
                lines += ["userPassword: " + (self.stored if name == ADMIN else hashed(name)),
                          "batchloadMailboxId: old-" + name]
            lines += ["batchload%s: %s" % ("Target" if kind == "Forward" else "Member", value)
                      for value in values]
            out.append("\n".join(lines) + "\n")
        return "\n".join(out)


# --- one request, and what became of it ---

class Run:
    def __init__(self, world, domain, name, trap=None):
        self.world = world
        self.domain = domain
        self.admin = here(ADMIN, domain)
        self.trap = trap
        rows, self.mode = REQUESTS[name]
        self.rows = [{key: value.replace("DOMAIN", domain) if key != "DOMAIN" else domain
                      for key, value in each.items()} for each in rows]

    def send(self):
        self.raw = self.world.request(self.rows, sender=self.admin, mode=self.mode)
        tap.equal(self.world.send(self.raw, self.admin).code, 250, "reply")

    def finish(self, entries, trail):
        """Takes what became of it from the directory, the trail of all and its mailbox."""
        box = mail.Mailbox(self.world.dovecot.port, self.admin, self.world.secret)
        found = [mail.Response(raw) for raw in box.find("In-Reply-To", message_id_of(self.raw))]
        box.close()
        tap.equal(len(found), 1, "responses")
        self.response = found[0]
        self.told = [self._neutral(list(each.values())) for each in found[0].rows()]
        self.subject = found[0].subject
        self.entries = self.snapshot(entries)
        # The mailbox's identifier, which goes with it, is another one in each run.
        self.trail = [self._neutral([each["line"], each["address"], each["action"], each["result"],
                                     [field for field in each["fields"]
                                      if field["field"] != "MAIL STORE"]])
                      for each in trail if each["requester"] == self.admin]

    def snapshot(self, entries):
        """Those of its domain, comparable."""
        return {self._neutral(dn): kept(self._neutral(entry))
                for dn, entry in entries.items() if self.domain in dn}

    def _neutral(self, value):
        """Without its domain."""
        if isinstance(value, dict):
            return {name: self._neutral(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._neutral(each) for each in value]
        return value.replace(self.domain, "DOMAIN") if isinstance(value, str) else value

    def compare(self, wanted):
        """What differs, as lines."""
        out = []
        if self.subject != wanted.subject:
            out.append("subject %s" % self.subject)
        for number, (got, want) in enumerate(zip(self.told, wanted.told), 2):
            if got != want:
                out.append("line %d: %r, not %r" % (number, got, want))
        if len(self.told) != len(wanted.told):
            out.append("%d rows: %s" % (len(self.told), self.response.text))
        for name in sorted(set(self.entries) | set(wanted.entries)):
            got, want = self.entries.get(name), wanted.entries.get(name)
            if got != want:
                out.append("%s: %r, not %r" % (name, got, want))
        if sorted(map(repr, self.trail)) != sorted(map(repr, wanted.trail)):
            out.append("trail:\n%r,\nnot\n%r" % (self.trail, wanted.trail))
        where = "%s at %d, code %d" % (self.trap.what, self.trap.number,
                                       self.trap.code) if self.trap else ""
        return ["%s: %s" % (where, line) for line in out]


def kept(entry):
    """Without what differs from run to run: the job in the mark, new mailbox identifiers."""
    out = {name: sorted(values) for name, values in entry.items()}
    for name, function in (("batchloadchange", lambda value: value.partition("/")[2]),
                           ("batchloadmailboxid",
                            lambda value: value if value.startswith("old-") else "new"),
                           ("userpassword", named)):
        if name in out:
            out[name] = [function(value) for value in out[name]]
    return out


def named(value):
    """Which of our passwords a hash of the directory's own is of."""
    if not value.startswith("{SSHA}"):
        return value
    data = base64.b64decode(value[6:])
    return next((word for word in CLEAR
                 if hashlib.sha1(word.encode() + data[20:]).digest() == data[:20]), value)


def run_all(world, runs, traps=None):
    """Sends all, waits until all are done, reads what became of them."""
    world.gate.set(*(traps or [each.trap for each in runs if each.trap]))
    for each in runs:
        each.send()
    finish_all(world, runs)


def finish_all(world, runs, seconds=SECONDS):
    senders = {each.admin for each in runs}

    def told():
        """By the log, which costs less to read than what the command tells of all jobs."""
        return senders <= set(re.findall(r" action=done to=(\S+)", world.log_text()))

    def done():
        mine = [job for job in jobs(world) if job["requester"] in senders]
        return len(mine) == len(runs) and all(job["state"] == "done" for job in mine)
    try:
        wait_for(told, "all jobs to end", seconds, 0.1)
        wait_for(done, "all jobs to be done", pause=0.1)
    except TimeoutError as error:
        raise AssertionError("%s: %r" % (error, [
            (job["requester"], job["state"], job["waiting"]) for job in jobs(world)
            if job["requester"] in senders and job["state"] != "done"])) from error
    world.gate.release()
    world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
    entries = world.directory.search(base="ou=domains," + world.base)
    trail = [json.loads(line) for line in run_command(world, "log", "-j").splitlines()]
    for each in runs:
        each.finish(entries, trail)


# --- the uninterrupted run ---

EXPECTED = {
    "apply": "created created created created changed changed "
             "changed changed deleted created changed changed "
             "changed unchanged deleted created deleted unchanged "
             "created created changed deleted deleted deleted "
             "failed failed unchanged failed failed failed",
    "atomic": "created created created created changed changed "
              "changed changed deleted created changed changed "
              "changed unchanged deleted created deleted unchanged "
              "created created changed deleted deleted deleted",
    "undone": " ".join(["unchanged"] * 24 + ["failed"]),
    "server": "created changed changed changed created deleted changed",
    "server undone": " ".join(["unchanged"] * 7 + ["failed"]),
    "slices": " ".join(["created created changed created deleted created"] +
                       ["created changed changed created deleted created"] * 3),
    "slices undone": " ".join(["unchanged"] * 24 + ["failed"]),
}
EXPECTED["slices atomic"] = EXPECTED["slices"]


def reference(world, name):
    """The run that all others must equal, made when it is first asked for; its trap has seen all
    operations that name its domain."""
    world.use("server" if name.startswith("server") else "{CRYPT}$6$")
    if name not in world.references:
        domain, = world.domains(1)
        run = Run(world, domain, name, Trap(LOSE, 0, words=domain.encode(), times=0))
        run.before = run.snapshot(
            world.directory.search(base=world.directory.domain_dn(domain)))
        run_all(world, [run])
        world.references[name] = run
    return world.references[name]


def uninterrupted(world, name):
    run = reference(world, name)
    tap.equal(" ".join(run.response.results), EXPECTED[name], "results " + run.response.text)
    if name.endswith("undone"):
        tap.equal(run.entries, run.before, "entries after all was taken back")
    tap.say("%d operations, %d rows" % (run.trap.seen, len(run.told)))


# --- sweeps ---

class Sweep:
    """The Nth operation of a request is befallen: of all points every some-th is tried by default,
    with BATCHLOAD_ALL=1 every most-th. Of several codes each point has another one."""

    def __init__(self, name, what, some, most=2, codes=(0,)):
        self.name = name
        self.what = what
        self.codes = codes
        self.part = most if ALL else some

    def runs(self, world):
        """All points of a request that runs alone; some more, which there are where others wait, since
        nothing is planned ahead then; and one that there is not."""
        last = reference(world, self.name).trap.seen
        offset = sum(map(ord, self.what)) + sum(self.codes)
        numbers = [n for n in range(1, last + 1) if n == 1 or (n + offset) % self.part == 0]
        numbers += [last + 1, last + 2, last + 4, 10 * last]
        return [Run(world, domain, self.name, Trap(
            self.what, number, words=domain.encode(), code=self.codes[i % len(self.codes)]))
                for i, (number, domain) in enumerate(zip(numbers, world.domains(len(numbers))))]


def lost(world, *sweeps):
    runs = [each.runs(world) for each in sweeps]
    run_all(world, sum(runs, []))
    wrong = []
    for sweep, swept in zip(sweeps, runs):
        wanted = reference(world, sweep.name)
        wrong += [line for run in swept for line in run.compare(wanted)]
        hit = [run.trap.hit.is_set() for run in swept]
        if hit[-1] or not all(hit[:-4]):
            wrong.append("%s: %r of the traps were hit" % (sweep.name, hit))
        tap.say("%s: %d of %d points, %d hit, code %s" % (
            sweep.name, len(hit) - 4, wanted.trap.seen, sum(hit), sweep.codes))
    if wrong:
        raise AssertionError("\n".join(wrong[:20]))


def compare(runs, wanted):
    wrong = [line for run in runs for line in run.compare(wanted)]
    if wrong:
        raise AssertionError("\n".join(wrong[:20]))


def job_of(world, run):
    return next(job for job in jobs(world) if job["requester"] == run.admin)


def waits(world, job):
    """How often it was put off."""
    return len(world.log_lines("job=" + job["id"], "action=wait"))


def run_command(world, *words, check=True):
    return run_program([world.tree.command, "-c", world.milter.conf, *words], check=check).stdout
