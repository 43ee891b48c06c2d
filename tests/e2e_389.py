# SPDX-License-Identifier: MIT
"""389 Directory Server, with the default profile and our schema in its form. It checks no condition
beside a change, so conditions go inside of changes: every type and action, another writer in the
moment between, and the Nth operation lost as in e2e_lost.py."""

import json
import shutil
import subprocess

import tap
from harness import write
from harness.ds389 import Ds389
from harness.gate import (DELAY_ANSWER, HOLD, LOSE, LOSE_ANSWER, REFUSE, SAY, Trap)
from harness.ldapgate import DELETE, MODIFY, SEARCH
from lost import (ADMIN, ILL, SECONDS, LostWorld, Run, Sweep, compare, finish_all, here, lost,
                  password, reference, run_all, uninterrupted)
from rows import row

HOME, GOING, FURTHER = "somedomain.example", "going.example", "further.example"
BOSS = "boss@" + HOME
TYPES = ("FULL,FORWARD,LIST,DLIST,ALIAS,CATCHALL,GROUP,RESOURCE,RESOURCEGROUP,AUTORESPONDER,"
         "SPAMFILTER,DOMAIN,DOMAINALIAS")
# The first thing that a condition asks of an entry: its unique identifier, of 35 characters.
LOOK = b"nsUniqueId\x04\x23"


# The service's own login, and what it may do.
BASE = """dn: %(base)s
objectClass: dcObject
objectClass: organization
dc: %(name)s
o: example
aci: (targetattr = "objectClass || dc")(version 3.0; acl "look";
  allow (read, search, compare) userdn = "ldap:///%(service)s";)

dn: ou=services,%(base)s
objectClass: organizationalUnit
ou: services

dn: %(service)s
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: batchload
userPassword: %(password)s

dn: ou=domains,%(base)s
objectClass: organizationalUnit
ou: domains
aci: (targetattr = "* || nsUniqueId || entryUSN")(version 3.0; acl "batchload";
  allow (all) userdn = "ldap:///%(service)s";)

"""


class DsWorld(LostWorld):
    def __init__(self):
        super().__init__("%s allow domains=%s,%s,%s types=%s create_domains=yes\n" % (
            BOSS, HOME, GOING, FURTHER, TYPES))

    def make_directory(self):
        server = Ds389(self.nursery, self.tree.policy, self.base).start()
        name, _, _ = self.base.partition(",")
        server.add(BASE % {"base": self.base, "name": name.partition("=")[2], "service": self.service(),
                           "password": self.service_password} + server.domain_ldif(HOME))
        return server

    def service(self):
        return "cn=batchload,ou=services," + self.base

    def settings(self):
        secret = self.milter.folder + "/directory.password"
        write(secret, self.service_password, 0o600)
        shutil.chown(secret, self.milter.user)
        return {"directory.bind_dn": self.service(), "profile": self.directory.profile(self.tree.profile)}

    def boss(self):
        """The daemon at this directory, and one who may do everything there."""
        self.use("{CRYPT}$6$")
        if BOSS in self.passwords:
            return
        self.passwords[BOSS] = self.secret
        for server in (self.slapd, self.directory):
            server.add("dn: %s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\nmail: %s\n"
                       "cn: boss\nsn: boss\nuserPassword: %s\nbatchloadMailboxId: boss\n" % (
                           server.dn(BOSS), BOSS, self.stored))

    def here(self, domain=HOME):
        """{dn: entry} of a domain."""
        return self.directory.search(base=self.directory.domain_dn(domain))

    def do(self, rows, results, **options):
        response = self.ask(rows, sender=BOSS, **options)
        tap.equal(response.results, results.split(), response.text)
        return response


@tap.test("R9.8 389 Directory Server checks no condition beside a change: doctor says what is done about it")
def doctor(world):
    world.boss()
    told = subprocess.run([world.tree.command, "-c", world.milter.conf, "doctor", "-j"],
                          capture_output=True, text=True, timeout=100, check=False)
    found = {each["what"]: each for each in map(json.loads, told.stdout.splitlines())}
    tap.equal([found[what]["state"] for what in ("directory", "changes")], ["good", "good"],
              told.stdout)
    tap.contains(found["changes"]["words"], "looked at once more before")


# --- every type and action ---

MADE = [row("ADD DOMAIN @" + GOING), row("ADD FULL u1@" + GOING, **password("u1")),
        row("ADD FULL u2@" + GOING, **password("u2")),
        row("ADD FORWARD f@" + GOING, MAILFORWARD="x@elsewhere.example"),
        row("ADD LIST l@" + GOING, LIST_MEMBER="u1 u2 x@elsewhere.example"),
        row("ADD DLIST d@" + GOING, LIST_MEMBER="u1"), row("ADD GROUP g@" + GOING, MEMBER="u1 u2"),
        row("ADD ALIAS a@" + GOING, TARGET="u1"), row("ADD CATCHALL @" + GOING, TARGET="u2"),
        row("ADD RESOURCE car@" + GOING), row("ADD RESOURCEGROUP cars@" + GOING, MEMBER="car"),
        row("ADD AUTORESPONDER u1@" + GOING, MESSAGE="Away"),
        row("ADD SPAMFILTER @" + GOING, FILTER="bad@x.example"),
        row("ADD DOMAINALIAS @" + FURTHER, TARGET=GOING),
        row("ADD LIST guests@" + HOME, LIST_MEMBER="u1@%s %s" % (GOING, BOSS))]
CHANGED = [row("MODIFY FULL u1@" + GOING, TITLE="Dr", GIVENNAME="Jane", **password("anew")),
           row("MODIFY FULL u1@" + GOING, TITLE="Prof", **password("anew")),
           row("SUSPEND FULL u2@" + GOING), row("RESUME FULL u2@" + GOING), row("MODIFY FORWARD f@" + GOING, MAILFORWARD="u1@%s u2@%s" % (GOING, GOING)),
           row("ADD LIST l@" + GOING, LIST_MEMBER="f"),
           row("DELETE LIST l@" + GOING, LIST_MEMBER="x@elsewhere.example"),
           row("MODIFY LIST l@" + GOING, DESCRIPTION="those"), row("SUSPEND LIST l@" + GOING),
           row("MODIFY AUTORESPONDER u1@" + GOING, MESSAGE="Back"),
           row("ADD SPAMFILTER @" + GOING, FILTER="worse@x.example"),
           row("DELETE SPAMFILTER @" + GOING, FILTER="bad@x.example"),
           row("MODIFY DOMAIN @" + GOING, MAX_MAILBOXES="7"), row("SUSPEND DOMAIN @" + GOING),
           row("RESUME DOMAIN @" + GOING)]
GONE = [row("DELETE AUTORESPONDER u1@" + GOING), row("DELETE ALIAS a@" + GOING),
        row("DELETE CATCHALL @" + GOING), row("DELETE FORWARD f@" + GOING),
        row("DELETE FULL u2@" + GOING), row("ADD FORWARD u2@" + GOING, MAILFORWARD="u1@" + GOING),
        row("DELETE DLIST d@" + GOING), row("DELETE GROUP g@" + GOING),
        row("DELETE RESOURCEGROUP cars@" + GOING), row("DELETE RESOURCE car@" + GOING)]
# Only the directory finds out that this can't be.
NEVER = row("MODIFY FULL u1@" + GOING, PHONE="\u00a7", **password("never"))


@tap.test("R9.8 every type is made, changed and deleted at 389 Directory Server, a domain with all that is in it")
def vocabulary(world):
    world.boss()
    world.do(MADE, "created " * len(MADE))
    world.do(CHANGED, "changed " * 10 + "created deleted " + "changed " * 3)
    found = world.directory.entry("u1@" + GOING)
    tap.equal([found[name] for name in ("title", "givenname", "batchloadreplymessage")],
              [["Prof"], ["Jane"], ["Back"]], "the account")
    found = world.directory.entry("l@" + GOING)
    tap.equal([sorted(found["batchloadmember"]), found["batchloadenabled"]],
              [[each + "@" + GOING for each in ("f", "u1", "u2")], ["FALSE"]], "the list")
    before = world.here(GOING)
    world.do(GONE + [NEVER], "unchanged " * len(GONE) + "failed", mode="atomic")
    tap.equal(without_numbers(world.here(GOING)), without_numbers(before), "after all was taken back")
    world.do(GONE, "deleted " * 5 + "created " + "deleted " * 4, mode="atomic")
    tap.equal(world.directory.entry("u2@" + GOING)["batchloadtarget"], ["u1@" + GOING], "the forward")
    tap.equal(world.directory.entry("l@" + GOING)["batchloadmember"], ["u1@" + GOING],
              "members, two of which are gone")
    world.do([row("DELETE DOMAIN @" + GOING)], "deleted")
    tap.equal([world.here(GOING), world.here(FURTHER)], [{}, {}], "what is left of the domain")
    tap.equal(world.directory.entry("guests@" + HOME)["batchloadmember"], [BOSS],
              "members of another's list")


def without_numbers(entries):
    return {dn: {name: sorted(values) for name, values in entry.items()}
            for dn, entry in entries.items()}


# --- another writer ---

OURS = {
    "an account": (row("MODIFY FULL other", DESCRIPTION="ours", **password("ours")), "batchloadAccount"),
    "a list": (row("ADD LIST other", LIST_MEMBER=BOSS), "batchloadList"),
    "a deletion": (row("DELETE FULL other"), "batchloadAccount"),
}
MARK = "replace: batchloadChange\nbatchloadChange: ANOTHER/2\n"
# name: (which of ours, whether the entry has a mark before, what the other one does, the result, what
# must be in the entry then (None: it is gone), how often it is looked up: once more where ours was not
# made, and before that where the code does not tell why)
MEETINGS = [
    ("another service changes the account", "an account", True, MARK + "-\nadd: title\ntitle: theirs\n",
     "changed", {"title": ["theirs"], "description": ["ours"]}, 2),
    ("another service changes an account that nobody marked", "an account", False,
     MARK + "-\nadd: title\ntitle: theirs\n", "changed",
     {"title": ["theirs"], "description": ["ours"]}, 3),
    ("a tool without marks replaces the same attribute", "an account", True,
     "replace: description\ndescription: theirs\n", "changed", {"description": ["ours"]}, 2),
    ("a tool without marks gives another attribute", "an account", True,
     "add: title\ntitle: theirs\n", "changed", {"title": ["theirs"], "description": ["ours"]}, 1),
    ("another service adds a member", "a list", True,
     MARK + "-\nadd: batchloadMember\nbatchloadMember: x@elsewhere.example\n", "changed",
     {"batchloadmember": sorted([BOSS, "x@elsewhere.example"])}, 2),
    ("a tool without marks adds the same member", "a list", True,
     "add: batchloadMember\nbatchloadMember: %s\n" % BOSS, "unchanged",
     {"batchloadmember": [BOSS]}, 1),
    ("another service changes what is to be deleted", "a deletion", True,
     MARK + "-\nadd: title\ntitle: theirs\n", "deleted", None, 2),
    ("the same, and nobody marked it", "a deletion", False,
     MARK + "-\nadd: title\ntitle: theirs\n", "deleted", None, 3),
    ("the account is deleted", "an account", True, None, "failed", None, 1),
    ("what is to be deleted is deleted", "a deletion", True, None, "deleted", None, 1),
    ("another service makes a forward of what is to be deleted", "a deletion", True, "forward",
     "deleted", {"batchloadtarget": ["x@elsewhere.example"]}, 1),
    ("another service makes a forward of the account", "an account", False, "forward",
     "failed", {"batchloadtarget": ["x@elsewhere.example"]}, 1),
]


def made(world, kind, mark, more=""):
    address = here("other", HOME)
    world.directory.add("dn: %s\nobjectClass: inetOrgPerson\nobjectClass: %s\nmail: %s\ncn: o\nsn: o\n"
                        "%s%s" % (world.directory.dn(address), kind, address,
                                  "batchloadChange: %s\n" % mark if mark else "", more))


def meddle(world, what):
    dn = world.directory.dn(here("other", HOME))
    if what is None or what == "forward":
        world.directory.delete(dn)
    else:
        world.directory.modify("dn: %s\nchangetype: modify\n%s" % (dn, what))
    if what == "forward":
        made(world, "batchloadForward", "ANOTHER/2", "batchloadTarget: x@elsewhere.example\n")


@tap.table([("R9.8 between the look and the change " + each[0], *each[1:]) for each in MEETINGS])
def meeting(world, which, marked, what, result, wanted, looks):
    world.boss()
    asked, kind = OURS[which]
    made(world, kind, marked and "BEFORE/2", "batchloadMailboxId: m\ndescription: before\n"
         if kind == "batchloadAccount" else "")
    try:
        trap, looked = Trap(DELAY_ANSWER, 1, (SEARCH,), LOOK), Trap(LOSE, 0, (SEARCH,), LOOK, times=0)
        world.gate.set(trap, looked)
        raw = world.request([asked], sender=BOSS)
        world.send(raw, BOSS)
        tap.equal(trap.hit.wait(60), True, "a look at what is to be changed")
        meddle(world, what)
        trap.let_go()
        response = world.response(raw, address=BOSS)
        tap.equal(response.results, [result], response.text)
        tap.equal(looked.seen, looks, "looks")
        found = world.directory.entry(here("other", HOME))
        if wanted is None:
            tap.equal(found, None, "the entry")
        else:
            tap.equal({name: sorted(found.get(name, [])) for name in wanted}, wanted, "the entry")
    finally:
        world.gate.release()
        if world.directory.entry(here("other", HOME)):
            world.directory.delete(world.directory.dn(here("other", HOME)))


@tap.test("R9.8 two administrators change one list at the same time: nothing of either is lost")
def two(world):
    world.boss()
    second = world.admin
    world.directory.add("dn: %s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\nmail: %s\n"
                        "cn: admin\nsn: admin\nuserPassword: %s\nbatchloadMailboxId: admin\n" % (
                            world.directory.dn(second), second, world.stored))
    world.do([row("ADD LIST both", LIST_MEMBER=BOSS)], "created")
    raws = []
    for number in range(6):
        for who, word in ((BOSS, "b"), (second, "s")):
            member = "%s%d-%%d@elsewhere.example" % (word, number)
            raws.append((who, world.request(
                [row("ADD LIST both", LIST_MEMBER=" ".join(member % k for k in range(3))),
                 row("DELETE LIST both", LIST_MEMBER=member % 1)], sender=who,
                password=world.secret)))
    for who, raw in raws:
        world.send(raw, who)
    for who, raw in raws:
        tap.equal(world.response(raw, address=who).results, ["changed", "changed"], who)
    tap.equal(sorted(world.directory.entry(here("both", HOME))["batchloadmember"]),
              sorted([BOSS] + ["%s%d-%d@elsewhere.example" % (word, number, k) for word in "bs"
                               for number in range(6) for k in (0, 2)]), "members")


# --- operations lost, and the service killed ---

tap.table([("R9.8 uninterrupted: " + name, name) for name in (
    "apply", "atomic", "undone", "slices", "slices undone")], SECONDS)(uninterrupted)

tap.table([
    ("R9.8 the Nth operation, or its answer, is lost",
     Sweep("apply", LOSE_ANSWER, 9, 3), Sweep("apply", LOSE, 14, 5), Sweep("atomic", LOSE_ANSWER, 20, 7),
     Sweep("undone", LOSE_ANSWER, 24, 8), Sweep("undone", LOSE, 36, 12)),
    ("R9.8 the Nth operation is refused, or done, by a directory that is ill",
     Sweep("apply", REFUSE, 20, 7, ILL), Sweep("apply", SAY, 20, 7, ILL),
     Sweep("undone", REFUSE, 48, 16, ILL)),
], SECONDS)(lost)

# Between the mark of a deletion and that: which operation, of what, and what befalls it.
BETWEEN = [("the mark is lost", LOSE, MODIFY), ("the mark is left, its answer lost", LOSE_ANSWER, MODIFY),
           ("the deletion is lost", LOSE, DELETE), ("the deletion's answer is lost", LOSE_ANSWER, DELETE)]


@tap.table([("R9.8 a deletion in two steps: %s, %s" % (words, name), what, kind, name)
            for words, what, kind in BETWEEN for name in ("apply", "undone")], SECONDS)
def between(world, what, kind, name):
    wanted = reference(world, name)
    domain, = world.domains(1)
    run = Run(world, domain, name, Trap(what, 1, (kind,), b"mail=oldforward@%s," % domain.encode()))
    run_all(world, [run])
    tap.equal(run.trap.hit.is_set(), True, "hit")
    compare([run], wanted)


@tap.table([("R9.8 the service killed -9 in the middle of %s at %s" % (name, words), name, kind, word)
            for name in ("apply", "undone") for words, kind, word in (
                ("a change", MODIFY, "old1"), ("the mark of a deletion", MODIFY, "oldforward"),
                ("a deletion", DELETE, "oldforward"))], SECONDS)
def killed(world, name, kind, word):
    wanted = reference(world, name)
    domain, = world.domains(1)
    run = Run(world, domain, name)
    trap = world.gate.set(Trap(HOLD, 1, (kind,), b"mail=%s@%s," % (word.encode(), domain.encode())))
    run.send()
    tap.equal(trap.hit.wait(60), True, "held")
    world.milter.kill()
    world.gate.release()
    world.milter.start()
    finish_all(world, [run])
    compare([run], wanted)


if __name__ == "__main__":
    tap.main(DsWorld)
