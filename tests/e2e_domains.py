# SPDX-License-Identifier: MIT
"""A domain that goes with all that is in it, in parts: whatever ends in between, nothing of it is
left, nothing else is touched, and there is one response."""

import json
import signal
import subprocess

import tap
from harness import World, wait_for
from harness.big import jobs
from harness.process import run

HOME, GOING, FURTHER = "somedomain.example", "going.example", "further.example"
BOSS, OTHER = "boss@" + HOME, "other@" + HOME
SECRET = "Sommer-Regen-42"
PART = 100  # entries that go at once
ACCOUNTS = 2 * PART + 37
MANY = 7 * PART + 3  # so many that a command comes between the parts


def row(words, **cells):
    action, kind, address = words.split(" ", 2)
    user, _, domain = address.rpartition("@")
    return {"DOMAIN": domain, "USER": user, "TYPE": kind, "ACTION": action,
            **{name.replace("_", " "): value for name, value in cells.items()}}


def going(world, accounts=ACCOUNTS):
    """The domain, with everything that there can be in it, and what leads to it from outside."""
    response = world.ask([row("ADD DOMAIN @" + GOING, MAX_MAILBOXES=str(accounts + 5))], sender=BOSS)
    tap.equal(response.results, ["created"], "the domain")
    base = world.slapd.domain_dn(GOING)
    world.slapd.add("\n".join(
        "dn: mail=u%d@%s,%s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\ncn: u\nsn: u\n"
        "mail: u%d@%s\nbatchloadMailboxId: %d\n" % (number, GOING, base, number, GOING, number)
        for number in range(accounts)))
    own = "u%d@" + GOING
    rows = [row("ADD ALIAS a1@" + GOING, TARGET="u1"), row("ADD CATCHALL @" + GOING, TARGET="u2"),
            row("ADD LIST all@" + GOING, LIST_MEMBER="u1 u2 " + OTHER),
            row("ADD DLIST some@" + GOING, LIST_MEMBER="u1 u3"), row("ADD GROUP g@" + GOING, MEMBER="u1"),
            row("ADD RESOURCE car@" + GOING), row("ADD FORWARD f@" + GOING, MAILFORWARD=OTHER),
            row("ADD AUTORESPONDER u1@" + GOING, MESSAGE="Away"),
            row("ADD SPAMFILTER @" + GOING, FILTER="bad@x.example"),
            row("ADD DOMAINALIAS @" + FURTHER, TARGET=GOING),
            # Members from the first part and from the last.
            row("ADD LIST guests@" + HOME,
                LIST_MEMBER=" ".join([OTHER] + [own % number for number in range(0, accounts, 9)])),
            row("ADD GROUP mixed@" + HOME, MEMBER=" ".join([OTHER, own % 1])),
            row("ADD ALIAS there@" + HOME, TARGET=own % 5)]
    response = world.ask(rows, sender=BOSS)
    tap.equal(response.results, ["created"] * len(rows), "what is in it, and leads to it")


def below(world, domain=GOING):
    return world.slapd.search("(objectClass=*)", world.slapd.domain_dn(domain), attributes=("1.1",))


def home(world):
    """What of others there is, but for what leads to the domain."""
    found = world.slapd.search("(objectClass=*)", world.slapd.domain_dn(HOME),
                               attributes=("*", "entryUUID"))
    return {dn: entry for dn, entry in found.items()
            if not any(word in dn for word in ("guests@", "mixed@", "there@", "fence"))}


def gone(world):
    tap.equal(below(world), {}, "what is left of the domain")
    tap.equal(below(world, FURTHER), {}, "its further name")
    tap.equal(world.entry("guests@" + HOME)["batchloadmember"], [OTHER], "members of a list")
    tap.equal(world.entry("mixed@" + HOME)["batchloadmember"], [OTHER], "members of a group")
    tap.equal(world.entry("there@" + HOME), None, "an alias of an account that is gone")


def tidy(world):
    world.ask([row("DELETE LIST guests@" + HOME), row("DELETE GROUP mixed@" + HOME)], sender=BOSS)


@tap.test("R8.23 a domain goes with all that is in it: its members leave the lists of others, its further names go")
def whole(world):
    going(world)
    before = home(world)
    response = world.ask([row("ADD FORWARD before@" + HOME, MAILFORWARD=OTHER),
                          row("DELETE DOMAIN @" + GOING),
                          row("ADD FORWARD late@" + GOING, MAILFORWARD=OTHER),
                          row("DELETE DOMAIN @" + GOING),
                          row("DELETE FORWARD before@" + HOME)], sender=BOSS)
    tap.equal(response.results, ["created", "deleted", "failed", "failed", "deleted"], "results")
    tap.contains(response.text, "The domain %s is not set up here." % GOING)
    tap.absent(response.text, "part of what was", "the response")
    gone(world)
    tap.equal(home(world), before, "what else there is")
    tidy(world)


@tap.test("R8.23 R5.5 each entry that goes with its domain is in the audit, once")
def audited(world):
    going(world)
    count = len(below(world)) + 1  # and the further name
    world.ask([row("DELETE DOMAIN @" + GOING)], sender=BOSS)
    gone(world)
    lines = [line for line in world.audit(jobs(world)[-1]["id"])]
    deleted = [line["address"] for line in lines if line["action"] == "DELETE"]
    # The domain and its catch-all have the same.
    deleted.remove("@" + GOING)
    tap.equal(len(deleted), len(set(deleted)), "lines of one entry")
    deleted.append("@" + GOING)
    tap.equal(len(deleted), count + 1, "entries that are told deleted, an alias elsewhere among them")
    tidy(world)


@tap.test("R8.23 kill -9 at many points of it: all of it goes, nothing else, one response")
def killed(world):
    for left in (ACCOUNTS - 5, ACCOUNTS - PART, ACCOUNTS - PART - 20, 40, 3):
        going(world)
        before = home(world)
        raw = world.request([row("DELETE DOMAIN @" + GOING)], sender=BOSS)
        tap.equal(world.send(raw, BOSS).code, 250, "reply")
        wait_for(lambda: len(below(world)) <= left, "some of it to be gone", 60)
        world.milter.kill()
        tap.say("killed with %d entries left of %d" % (len(below(world)), ACCOUNTS))
        world.milter.start()
        response = world.response(raw, 120)
        tap.equal(response.results, ["deleted"], "results")
        gone(world)
        tap.equal(home(world), before, "what else there is")
        tidy(world)


def stopped_in_between(world):
    """Whether some of it is gone: the daemon stands still then, so that no busy machine misses it."""
    world.milter.process.send_signal(signal.SIGSTOP)
    if len(below(world)) < MANY:
        return True
    world.milter.process.send_signal(signal.SIGCONT)
    return False


@tap.test("R8.23 R5.3 cancelled between two parts: what stays is suspended, and a second DELETE or a RESUME ends it")
def cancelled(world):
    for finish, result in (("DELETE", "deleted"), ("RESUME", "changed")):
        going(world, MANY)
        raw = world.request([row("DELETE DOMAIN @" + GOING)], sender=BOSS)
        tap.equal(world.send(raw, BOSS).code, 250, "reply")
        identifier = wait_for(lambda: [each["id"] for each in jobs(world)
                                       if each["state"] != "done"], "the job to be there", 60)[-1]
        wait_for(lambda: stopped_in_between(world), "some of it to be gone", 60, 0.002)
        cancel = subprocess.Popen([world.milter.tree.command, "-c", world.milter.conf, "cancel",
                                   identifier], stdout=subprocess.DEVNULL)
        world.milter.process.send_signal(signal.SIGCONT)
        tap.equal(cancel.wait(60), 0, "exit status of the command")
        response = world.response(raw)
        tap.equal(response.results, ["failed"], "results")
        words = " ".join(response.text.split())
        tap.contains(words, "cancelled by your service provider before this row was done to its end. A "
                            "part of what was in the domain is deleted already, and the domain is suspended.")
        tap.contains(words, "To delete the rest, send the row again")
        left = [dn.split(",")[0][5:] for dn in below(world) if dn.startswith("mail=u")]
        tap.say("%d of %d left" % (len(left), MANY))
        tap.equal(0 < len(left) < MANY, True, "accounts that are left")
        sent, _ = world.send_plain(left[0])
        tap.equal((sent.stage, sent.code), ("rcpt", 550), "mail to what is left")
        tap.equal(world.ask([row("%s DOMAIN @%s" % (finish, GOING))], sender=BOSS).results, [result],
                  finish)
        if finish == "RESUME":
            sent, _ = world.send_plain(left[0])
            tap.equal(sent.code, 250, "mail to what is left, resumed")
            world.ask([row("DELETE DOMAIN @" + GOING)], sender=BOSS)
        gone(world)
        tidy(world)


@tap.test("R8.23 Mode: check says so and changes nothing; Mode: atomic deletes an empty one only")
def modes(world):
    going(world, 6)
    before = below(world)
    rows = [row("DELETE DOMAIN @" + GOING), row("ADD FORWARD f@" + GOING, MAILFORWARD=OTHER)]
    tap.equal(world.ask(rows, sender=BOSS, mode="check").results, ["deleted", "failed"], "checked")
    response = world.ask(rows[:1], sender=BOSS, mode="atomic")
    tap.equal(response.results, ["failed"], "atomic")
    tap.contains(response.text, "only an empty one")
    tap.equal(below(world), before, "what is in it")
    tap.equal(world.ask(rows[:1], sender=BOSS).results, ["deleted"], "applied")
    gone(world)
    tidy(world)
    world.ask([row("ADD DOMAIN @" + GOING)], sender=BOSS)
    tap.equal(world.ask(rows[:1], sender=BOSS, mode="atomic").results, ["deleted"], "an empty one")


@tap.test("R8.23 what must not go keeps the domain as it is: a stranger's object, an administrator, a last member")
def refused(world):
    going(world, 6)
    base = world.slapd.domain_dn(GOING)
    asked = [row("DELETE DOMAIN @" + GOING)]

    def kept(words):
        before = below(world)
        response = world.ask(asked, sender=BOSS)
        tap.equal(response.results, ["failed"], "results")
        tap.contains(" ".join(response.text.split()), words)
        tap.equal(below(world), before, "what is in it")
        tap.equal(world.slapd.search("(batchloadEnabled=FALSE)", base), {}, "what is suspended")

    world.slapd.add("dn: cn=printer,%s\nobjectClass: device\ncn: printer\n" % base)
    kept("holds something that this service does not know")
    world.slapd.delete("cn=printer," + base)
    world.slapd.add("dn: mail=chief@%s,%s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\n"
                    "cn: c\nsn: c\nmail: chief@%s\nbatchloadMailboxId: c\n" % (GOING, base, GOING))
    kept("The address chief@%s is an administrator's" % GOING)
    world.slapd.delete("mail=chief@%s,%s" % (GOING, base))
    world.ask([row("ADD GROUP only@" + HOME, MEMBER="u1@" + GOING)], sender=BOSS)
    kept("all those of only@%s go with this domain" % HOME)
    world.ask([row("DELETE GROUP only@" + HOME)], sender=BOSS)
    response = world.ask([row("DELETE DOMAIN @" + HOME), row("SUSPEND DOMAIN @" + HOME)], sender=BOSS)
    tap.equal(response.results, ["failed", "failed"], "the own domain")
    tap.equal(world.ask(asked, sender=BOSS).results, ["deleted"], "nothing in the way")
    gone(world)
    tidy(world)


@tap.test("R8.14 domains are made and deleted by those only whose grant says so")
def rights(world):
    response = world.ask([row("ADD DOMAIN @new.example"), row("DELETE DOMAIN @" + GOING),
                          row("MODIFY DOMAIN @" + HOME, MAX_MAILBOXES="5000")], sender=OTHER)
    tap.equal(response.results, ["failed"] * 3, "without types=DOMAIN")
    tap.contains(response.text, "You may not manage objects of the type DOMAIN.")


class DomainsWorld(World):
    def __init__(self):
        everything = ("FULL,FORWARD,LIST,DLIST,ALIAS,CATCHALL,GROUP,RESOURCE,RESOURCEGROUP,AUTORESPONDER,"
                      "SPAMFILTER,DOMAIN,DOMAINALIAS")
        super().__init__(senders="%s allow domains=%s,%s,%s types=%s create_domains=yes\n"
                                 "%s allow domains=%s,%s,new.example\n"
                                 "chief@%s allow\n" % (
                                     BOSS, HOME, GOING, FURTHER, everything, OTHER, HOME, GOING, GOING))
        for address in (BOSS, OTHER):
            self.add_account(address, SECRET)
            self.passwords[address] = SECRET

    def audit(self, job):
        done = run([self.milter.tree.command, "-c", self.milter.conf, "log", "-j", "--job", job])
        return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    tap.main(DomainsWorld)
