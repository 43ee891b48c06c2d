# SPDX-License-Identifier: MIT
"""Directories that sites have already: what a request does there is felt by mail, with the sample
tables of the profile (policy/sites)."""

import tap
from felt import (DEAD, SECRET, UNKNOWN, at, has, leaves, logs_in, receives, refused, row)
from harness.sites import SITES, SiteWorld

NEW = "Winter-Sonne-17"
GUEST = "guest@elsewhere.example"


class Sites:
    """One world at a time, of the site that is asked for."""

    def __init__(self):
        self.world = SiteWorld(sorted(SITES)[0])

    def at(self, site):
        if self.world.site != site:
            self.close()
            self.world = SiteWorld(site)
        return self.world

    def close(self):
        self.world.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def diagnostics(self):
        return self.world.diagnostics()


def ask(world, *rows):
    """Rows that must all be done."""
    response = world.ask(rows)
    tap.contains(response.text, "processed ok")
    return response


def fails(world, each, words):
    response = world.ask([each])
    tap.equal(response.results, ["failed"], repr(each))
    tap.contains(response.rows()[0]["REASON"], words)


def does(world, kind, action):
    can = world.expresses()[kind]
    return can == "yes" or action in can.split()


def only_where(world, each):
    """The row is done where the profile can express it; else it fails and says so."""
    if does(world, each["TYPE"], each["ACTION"]):
        ask(world, each)
        return True
    no_action = "no %s for" % each["ACTION"]
    if world.expresses()[each["TYPE"]] != "no":
        fails(world, each, "the profile %s has %s the type %s" % (world.site, no_action, each["TYPE"]))
    else:
        fails(world, each, "the profile %s has no type %s" % (world.site, each["TYPE"]))
    return False


def new_box(world, address):
    """What is asked of the mailbox next is asked anew."""
    world.mailbox(address, SECRET).close()


# --- what is asked for by mail, one after the other ---

def has_quota(world):
    return world.expresses().get("FULL QUOTA", "yes") == "yes"


def make(world):
    quota = {"QUOTA": "7"} if has_quota(world) else {}
    response = ask(world, row("ADD FULL anna", PASSWORD=SECRET, ALIAS=at("an"), SURNAME="Arber", **quota),
                   row("ADD FULL ben", PASSWORD=SECRET))
    tap.equal(response.results, ["created", "created"], "results")


def adds(world):
    tap.equal((logs_in(world, at("anna")), world.can_login(at("anna"), NEW)), (True, False), "logins")
    tap.equal(world.can_login(at("an"), SECRET), False, "login by the alias")
    receives(world, at("anna"), at("anna"))
    receives(world, at("an"), at("anna"))
    receives(world, at("AN"), at("anna"))
    refused(world, at("nobody"), UNKNOWN)
    if has_quota(world):
        told = world.mailbox(at("anna"), SECRET).imap.getquotaroot("INBOX")[1]
        tap.contains(repr(told), "%d)" % (7 * 1024))


def forwards(world):
    if not only_where(world, row("ADD FORWARD info", MAILFORWARD=at("an"))):
        if world.site == "postfix-book":  # the site may have such of its own
            world.slapd.add("dn: cn=own,ou=%s,%s\nobjectClass: organizationalRole\n"
                            "objectClass: PostfixBookMailForward\nmail: %s\nmailAlias: %s\n" % (
                                world.domain, world.base, at("ben"), at("own")))
            receives(world, at("own"), at("ben"))
        return
    identifier = receives(world, at("info"), at("anna"))
    tap.equal(has(world, at("ben"), identifier), 0, "copies of others")
    ask(world, row("MODIFY FORWARD info", MAILFORWARD=at("ben")))
    identifier = receives(world, at("info"), at("ben"))
    tap.equal(has(world, at("anna"), identifier), 0, "copies of the old target")
    if does(world, "FORWARD", "SUSPEND"):
        ask(world, row("SUSPEND FORWARD info"))
        refused(world, at("info"), DEAD)
        ask(world, row("RESUME FORWARD info"))
        receives(world, at("info"), at("ben"))


def copies(world):
    if world.expresses()["FULL MAILFORWARD"] == "no":
        return
    ask(world, row("MODIFY FULL anna", PASSWORD=SECRET, MAILFORWARD=at("ben")))
    receives(world, at("an"), at("anna"), at("ben"))
    ask(world, row("MODIFY FULL anna", PASSWORD=SECRET, MAILFORWARD="~" + at("ben")))
    identifier = receives(world, at("anna"), at("anna"))
    tap.equal(has(world, at("ben"), identifier), 0, "copies")


def lists(world):
    members = at("anna") + " " + at("ben")
    if not only_where(world, row("ADD LIST team", LIST_MEMBER=members)):
        return
    receives(world, at("team"), at("anna"), at("ben"))
    ask(world, row("DELETE LIST team", LIST_MEMBER=at("anna")))
    identifier = receives(world, at("team"), at("ben"))
    tap.equal(has(world, at("anna"), identifier), 0, "copies of who was removed")
    ask(world, row("ADD LIST team", LIST_MEMBER=at("anna")))
    receives(world, at("TEAM"), at("anna"), at("ben"))
    if world.site == "postfix-book":  # who is on a list has an entry there
        fails(world, row("ADD LIST team", LIST_MEMBER=GUEST), GUEST)
        return
    ask(world, row("ADD LIST team", LIST_MEMBER=GUEST))
    leaves(world, receives(world, at("team"), at("anna"), at("ben")), GUEST)


def catch_all(world):
    if only_where(world, row("ADD CATCHALL @somedomain.example", TARGET=at("ben"))):
        receives(world, at("whoever"), at("ben"))
        identifier = receives(world, at("an"), at("anna"))
        tap.equal(has(world, at("ben"), identifier), 0, "what the catch-all gets of another's mail")
        ask(world, row("DELETE CATCHALL @somedomain.example"))
    refused(world, at("whoever"), UNKNOWN)


def suspends(world):
    before = receives(world, at("anna"), at("anna"))
    new_box(world, at("anna"))
    if not only_where(world, row("SUSPEND FULL anna")):
        return
    tap.equal(logs_in(world, at("anna")), False, "login")
    for each in ("anna", "an"):
        refused(world, at(each), DEAD)
    receives(world, at("ben"), at("ben"))
    ask(world, row("RESUME FULL anna"))
    tap.equal((logs_in(world, at("anna")), has(world, at("anna"), before)), (True, 1),
              "login and the mail of before")
    receives(world, at("an"), at("anna"))


def domains(world):
    if not does(world, "DOMAIN", "ADD"):
        return
    world.milter.write_senders("%s allow types=FULL,DOMAIN,FORWARD,LIST,ALIAS,CATCHALL "
                               "domains=%s,new.example create_domains=yes\n" % (world.admin, world.domain))
    world.reconfigure()
    ask(world, row("ADD DOMAIN @new.example"),
        row("ADD FULL one@new.example", PASSWORD=SECRET, ALIAS=at("uno", "new.example")))
    receives(world, at("uno", "new.example"), at("one", "new.example"))
    tap.equal(logs_in(world, at("one", "new.example")), True, "login")
    new_box(world, at("one", "new.example"))
    switch(world, "new.example", "disabled")
    tap.equal(logs_in(world, at("one", "new.example")), False, "login")
    for each in ("one", "uno", "whoever"):
        refused(world, at(each, "new.example"), DEAD)
    switch(world, "new.example", "active")
    receives(world, at("one", "new.example"), at("one", "new.example"))
    new_box(world, at("one", "new.example"))
    ask(world, row("DELETE DOMAIN @new.example"))
    tap.equal(logs_in(world, at("one", "new.example")), False, "login")
    # Postfix remembers for a while which domains are hosted.
    tap.equal(world.send_plain(at("uno", "new.example"))[0].stage, "rcpt", "mail")


def switch(world, domain, status):
    """As iRedMail's own tools do."""
    world.slapd.modify("dn: domainName=%s,o=domains,%s\nchangetype: modify\nreplace: accountStatus\n"
                       "accountStatus: %s\n" % (domain, world.base, status))


def passwords(world):
    ask(world, row("MODIFY FULL anna", PASSWORD=NEW))
    tap.equal((world.can_login(at("anna"), NEW), logs_in(world, at("anna"))), (True, False), "logins")
    ask(world, row("MODIFY FULL anna", PASSWORD=SECRET))
    tap.equal(logs_in(world, at("anna")), True, "login")


def deletes(world):
    before = receives(world, at("anna"), at("anna"))
    new_box(world, at("anna"))
    if does(world, "LIST", "DELETE"):
        ask(world, row("ADD LIST team", LIST_MEMBER=at("anna") + " " + at("ben")))
    if does(world, "FORWARD", "DELETE") and world.entry(at("info")) is None:
        ask(world, row("ADD FORWARD info", MAILFORWARD=at("ben")))
    ask(world, row("DELETE FULL anna"))
    tap.equal(logs_in(world, at("anna")), False, "login")
    for each in ("anna", "an"):
        refused(world, at(each), UNKNOWN)
    if does(world, "LIST", "DELETE"):
        receives(world, at("team"), at("ben"))
        ask(world, row("DELETE LIST team"))
        refused(world, at("team"), UNKNOWN)
    if does(world, "FORWARD", "DELETE"):
        ask(world, row("DELETE FORWARD info"))
        refused(world, at("info"), UNKNOWN)
    ask(world, row("ADD FULL anna", PASSWORD=SECRET))
    tap.equal(has(world, at("anna"), before), 0, "the mail of who had the address before")
    receives(world, at("anna"), at("anna"))
    refused(world, at("an"), UNKNOWN)


STEPS = (("accounts with aliases and a quota", adds), ("forwards", forwards),
         ("accounts that keep a copy", copies), ("lists", lists), ("the catch-all", catch_all),
         ("what is suspended and comes back", suspends), ("a new password", passwords), ("domains", domains),
         ("what is deleted, and comes again as another", deletes))


@tap.table([("R9.15 %s: %s" % (site, words), site, step) for site in sorted(SITES)
            for words, step in STEPS])
def felt(sites, site, step):
    world = sites.at(site)
    if world.entry(at("anna")) is None:
        make(world)
    step(world)
    tap.equal(world.log_lines("status=bounced", "batchload-lmtp"), [], "mail for no mailbox")


if __name__ == "__main__":
    tap.main(Sites)
