# SPDX-License-Identifier: MIT
"""An authorised administrator of another domain as the attacker. The first domain's administrator is
the victim: none of that one's entries, requests or answers may become others than they would be
without the attacker, who must learn nothing of them either."""

import re

import tap
from harness import World, mail, message_id
from mailcases import listed, user
from rows import DOMAIN, at, row, versions

OTHER, STAFF = "otherdomain.example", "staff.example"
SECRET = "Herbst-Nebel-77"
SENDERS = """
# Everybody in staff.example may manage the first domain, too.
staff.example        allow domains=staff.example,somedomain.example
admin@staff.example  allow
mate@otherdomain.example allow
"""


class AttackWorld(World):
    def __init__(self):
        super().__init__(senders=SENDERS, settings={"refusal_pause": 0, "lockout_pause": 0},
                         slapd_tells="stats")
        try:
            self.slapd.add(self.slapd.domain_ldif(STAFF))
            for address in ("admin@" + STAFF, "mate@" + OTHER):
                self.passwords[address] = "the password of " + address
                self.add_account(address, self.passwords[address])
            self.add_account("clerk@" + STAFF, "unknown")
            for name in ("anna", "ben"):
                self.passwords[at(name)] = "the password of " + name
                self.add_account(at(name), self.passwords[at(name)])
            self.add_list(at("all"), at("anna"), at("ben"))
            self.add_forward(at("info"), at("anna"))
        except BaseException:
            self.close()
            raise


def attack(world, rows, **options):
    return world.ask(rows, sender=world.other_admin, **options)


def other(what, **cells):
    """row() of the attacker's domain."""
    action, kind, name = what.split(" ", 2)
    return row("%s %s %s@%s" % (action, kind, name, OTHER), **cells)


def untouched(function):
    """What the attacker does changes no entry of the first domain."""
    def run(world):
        before = {name: each for name, each in versions(world).items() if name.endswith(DOMAIN)}
        function(world)
        after = {name: each for name, each in versions(world).items() if name.endswith(DOMAIN)}
        tap.equal(after, before, "entries of the first domain")
    return run


# --- cells ---

VICTIM = at("anna")
IN_CELLS = ["mail=%s,ou=%s,ou=domains,dc=hoster,dc=example" % (VICTIM, DOMAIN), VICTIM,
            "<%s>" % VICTIM, "sip:" + VICTIM, "ldap:///mail=%s??sub?(mail=*)" % VICTIM,
            "(|(mail=%s)(objectClass=*))" % VICTIM, "\nmail: %s\n" % VICTIM,
            "changetype: delete", "=HYPERLINK(\"mailto:%s\")" % VICTIM, "%%d@%s" % DOMAIN]


@tap.test("addresses, domains and DNs of others in every column that takes text: literal, and nothing "
          "of theirs is touched or looked for")
@untouched
def cells(world):
    texts = ("DESCRIPTION", "STREET", "POSTALADDRESS", "HOMEPOSTALADDRESS", "REGISTEREDADDRESS")
    lines = ("TITLE", "SURNAME", "GIVENNAME", "ORGANIZATION", "LABELEDURI", "BUSINESSCATEGORY",
             "EMPLOYEETYPE", "EMPLOYEENUMBER", "CARLICENSE", "ROOMNUMBER")
    rows, wanted = [], []
    for number, value in enumerate(IN_CELLS):
        columns = texts if "\n" in value else texts + lines
        rows.append(other("ADD FORWARD cell%d" % number, MAILFORWARD="x@elsewhere.example",
                          **{name: value for name in columns}))
        wanted.append((number, value, columns))
    response = attack(world, rows)
    tap.equal(set(response.results), {"created"}, response.text)
    for number, value, columns in wanted:
        entry = world.entry("cell%d@%s" % (number, OTHER))
        tap.equal(entry["description"], [value], "DESCRIPTION")
        tap.equal(entry["mail"], ["cell%d@%s" % (number, OTHER)], "addresses")
        if "TITLE" in columns:
            tap.equal((entry["title"], entry["cn"]), ([value], ["%s %s" % (value, value)]), "TITLE")


NAMES = ["anna%somedomain.example", "somedomain.example!anna", "anna+x", "Anna", "+AGEAbgBuAGE-",
         "=?utf-8?q?anna?=", "anna=somedomain.example", "srs0=x=y=somedomain.example=anna"]


@tap.test("local parts with a percent sign, a bang, a plus, UTF-7: mail to them is mail to that "
          "address of one's own, and to nobody else's")
@untouched
def routed(world):
    world.passwords["catch@" + OTHER] = SECRET
    attack(world, [other("ADD FULL catch", PASSWORD=SECRET)])
    response = attack(world, [other("ADD FORWARD " + name, MAILFORWARD="catch@" + OTHER)
                              for name in NAMES])
    tap.equal(set(response.results), {"created"}, response.text)
    counts = {each: world.mailbox(each).count() for each in (at("anna"), world.admin)}
    box = world.mailbox("catch@" + OTHER)
    for name in NAMES:
        sent, identifier = world.send_plain("%s@%s" % (name, OTHER))
        tap.equal(sent.code, 250, "%s: %r" % (name, sent))
        box.wait("Message-ID", identifier)
    tap.equal({each: world.mailbox(each).count() for each in counts}, counts, "mails of others")


@tap.test("R3.32 R3.35 what is there of another's and what is not: the same words, also where the "
          "domain is nearly right")
@untouched
def words(world):
    said = {}
    for kind, more in (("FULL", {"PASSWORD": SECRET}), ("FORWARD", {"MAILFORWARD": "x@elsewhere.example"}),
                       ("LIST", {"LIST_MEMBER": "x@elsewhere.example"})):
        for action in ("ADD", "MODIFY", "DELETE"):
            cells_ = {} if action == "DELETE" and kind != "LIST" else more
            cells_ = {} if action == "MODIFY" and kind == "LIST" else cells_
            rows = [row("%s %s %s@%s" % (action, kind, name, domain), **cells_)
                    for name in ("anna", "all", "info", "admin", "postmaster", "nobody")
                    for domain in (DOMAIN, "nowhere.example")]
            for got in attack(world, rows).rows():
                said.setdefault(got["RESULT"], set()).add(
                    re.sub(r"somedomain|nowhere", "D", got["REASON"]))
    tap.equal(list(said), ["failed"], "results")
    tap.equal(len(said["failed"]), 1, "words %r" % said["failed"])
    response = attack(world, [row("DELETE FULL anna@somedomain.exampel"),
                              row("DELETE FULL anna@somedomains.example"),
                              row("ADD LIST x@otherdomian.example")])
    for got in response.rows()[:2]:
        tap.absent(got["REASON"].replace(got["DOMAIN"], ""), "somedomain", "did you mean")
    tap.contains(response.rows()[2]["REASON"], "did you mean " + OTHER)
    # As targets and members.
    said = set()
    for number, name in enumerate(("anna", "all", "info", "admin", "nobody")):
        response = attack(world, [other("ADD FORWARD w%d" % number, MAILFORWARD=at(name)),
                                  other("ADD LIST wl%d" % number, LIST_MEMBER=at(name))])
        said |= {(got["TYPE"], got["RESULT"], got["REASON"]) for got in response.rows()}
    tap.equal(said, {("FORWARD", "created", ""), ("LIST", "created", "")}, "words")


# --- what the attacker's entries do to others ---

@tap.test("R3.20 on 2,001 lists of the attacker's: the victim's address is deleted all the same, and "
          "these lists stay as they are")
def many_lists(world):
    world.slapd.add("\n".join(
        "dn: %s\nobjectClass: inetOrgPerson\nobjectClass: batchloadList\nmail: many%d@%s\ncn: x\n"
        "sn: x\nbatchloadMember: %s\n" % (world.slapd.dn("many%d@%s" % (number, OTHER)), number,
                                          OTHER, at("many"))
        for number in range(2001)))
    world.add_account(at("many"), SECRET)
    begin = len(open(world.slapd.output(), "rb").read())
    response = world.ask([row("ADD LIST ours", LIST_MEMBER="many"), row("DELETE FULL many")])
    tap.equal(response.results, ["created", "deleted"], response.text)
    with open(world.slapd.output(), "rb") as file:
        told = file.read()[begin:].decode(errors="replace")
    # They are not even read.
    tap.equal(max(map(int, re.findall(r"SEARCH RESULT .*nentries=(\d+)", told))) < 10, True, told)
    tap.equal(world.entry(at("ours")).get("batchloadmember"), None, "one's own list")
    tap.equal(world.entry("many7@" + OTHER)["batchloadmember"], [at("many")], "the attacker's")


@tap.test("R3.35 an address of one's domain that an entry below another customer's domain bears is "
          "not available; as a target and member it is not there")
def borne_elsewhere(world):
    world.slapd.add("dn: cn=theirs,%s\nobjectClass: inetOrgPerson\nmail: %s\ncn: theirs\nsn: theirs\n"
                    % (world.slapd.domain_dn(OTHER), at("theirs")))
    for mode in (None, "check", "atomic"):
        response = world.ask([row("ADD FULL theirs", PASSWORD=SECRET), row("ADD LIST theirs"),
                              row("MODIFY FULL theirs", PASSWORD=SECRET),
                              row("DELETE FULL theirs"),
                              row("ADD FORWARD points", MAILFORWARD=at("theirs"))], mode=mode)
        tap.equal(response.results, ["failed"] * 5, response.text)
        for got in response.rows()[:4]:
            tap.contains(got["REASON"], "The address %s is not available." % at("theirs"))
        tap.contains(response.rows()[4]["REASON"], "There is no address %s." % at("theirs"))
    tap.equal(world.entry(at("theirs")), None, "entry")
    # What bears it outside of all domains is no mailbox.
    world.slapd.add("dn: cn=book,%s\nobjectClass: inetOrgPerson\nmail: %s\ncn: book\nsn: book\n"
                    % (world.base, at("book")))
    tap.equal(world.ask([row("ADD FORWARD book", MAILFORWARD="x@elsewhere.example")]).results,
              ["created"], "an address book")


@tap.test("R3.36 who may create accounts in a domain whose grant reaches further can't come to that "
          "grant: no password is set there")
@untouched
def escalation(world):
    boss = "admin@" + STAFF
    response = world.ask([
        {**row("ADD FULL new", PASSWORD=SECRET), "DOMAIN": STAFF},
        {**row("MODIFY FULL clerk", PASSWORD=SECRET), "DOMAIN": STAFF},
        {**row("MODIFY FULL CLERK", PASSWORD=SECRET), "DOMAIN": STAFF.upper()},
        {**row("ADD LIST team", LIST_MEMBER="clerk"), "DOMAIN": STAFF},
        {**row("MODIFY FULL admin", PASSWORD="the password of " + boss), "DOMAIN": STAFF},
        row("ADD FORWARD x", MAILFORWARD=boss)], sender=boss)
    tap.equal(response.results, ["failed"] * 3 + ["created", "changed", "failed"], response.text)
    for got in response.rows()[:3]:
        tap.contains(got["REASON"], "is an administrator's, and you may not change those")
    tap.equal(world.slapd.login("clerk@" + STAFF, SECRET), False, "login")
    tap.equal(world.entry("new@" + STAFF), None, "entry")


# --- requests that look like another's ---

@tap.test("R2.28 the victim's Message-ID, Subject, Date and References in the attacker's request: two "
          "requests, each answered to its own sender, whichever comes first")
def collisions(world):
    for first, second in ((world.other_admin, world.admin), (world.admin, world.other_admin)):
        name, identifier = user("same"), message_id()
        raws = {}
        for sender in (first, second):
            domain = sender.partition("@")[2]
            raws[sender] = world.request(
                [{"DOMAIN": domain, "USER": name, "TYPE": "FORWARD", "ACTION": "ADD",
                  "MAILFORWARD": "x@elsewhere.example"}], sender=sender, message_id=identifier,
                reference="the same")
            tap.equal(world.send(raws[sender], sender).code, 250, sender)
        for sender in (first, second):
            response = world.response(raws[sender])
            tap.equal(response.results, ["created"], response.text)
            tap.equal(str(response.mail["To"]), sender, "To")
            tap.equal(len(world.mailbox(sender).find("In-Reply-To", identifier)), 1, "answers")
    job = listed(world)[-1]["id"]
    named = "<%s.batchload@ibpmail.example>" % job
    raw = world.request([other("ADD FORWARD " + user(), MAILFORWARD="x@elsewhere.example")],
                        sender=world.other_admin, reference=job,
                        headers=["In-Reply-To: " + named, "References: " + named])
    before = world.mailbox(world.admin).count()
    tap.equal(world.send(raw, world.other_admin).code, 250, "reply")
    tap.contains(world.response(raw).text, "processed ok")
    tap.equal(world.mailbox(world.admin).count(), before, "mails for the victim")


@tap.test("R2.28 duplicates poisoned: what a spoofer sends first in the victim's name, all but the "
          "password alike, does not make the victim's request one that came before")
def poisoned(world):
    name, identifier = user("poison"), message_id()
    part = mail.attachment(mail.table([row("ADD FORWARD " + name,
                                           MAILFORWARD="x@elsewhere.example")]))
    for secret, keyword in (("guess", ()), ("guess", ("Mode: check",)),
                            (world.passwords[world.admin], ())):
        raw = mail.multipart(
            ["From: " + world.admin, "To: " + world.batch_address, "Subject: PROCESS",
             "Date: Tue, 01 Jul 2025 10:00:00 +0200", "Message-ID: " + identifier,
             "Password: " + secret, *keyword], [mail.text_part("Hello\n"), part])
        # The boundary differs from mail to mail, unless somebody sees to it.
        raw = re.sub(rb"=_[0-9a-f]{32}", b"=_" + b"0" * 32, raw)
        tap.equal(world.send(raw).code, 250, "reply")
    tap.wait_for(lambda: len(world.mailbox(world.admin).find("In-Reply-To", identifier)) == 3,
                 "three answers", 30)
    tap.equal(world.entry(at(name)) is not None, True, "the victim's request")


# --- time ---

@tap.test("R5.2 atomic requests of the attacker, which keep their domains to their end: the victim's "
          "request is answered before them, and so is one of a third")
@untouched
def atomic(world):
    large = [world.request([other("ADD FORWARD %s%d" % (name, number),
                                  MAILFORWARD="x@elsewhere.example") for number in range(800)],
                           sender=sender, mode="atomic")
             for name, sender in (("atom", world.other_admin), ("mate", "mate@" + OTHER))]
    for raw, sender in zip(large, (world.other_admin, "mate@" + OTHER)):
        tap.equal(world.send(raw, sender).code, 250, "reply")
    third = world.request([{**row("ADD LIST third"), "DOMAIN": STAFF}], sender="admin@" + STAFF)
    tap.equal(world.send(third, "admin@" + STAFF).code, 250, "reply")
    world.fence()
    world.response(third)
    ended = [line for line in world.log_lines("action=done", "@" + OTHER, "rows=800")]
    tap.say("%d of 2 atomic requests were over" % len(ended))
    tap.equal(len(ended) < 2, True, "atomic requests that ended before")
    for raw in large:
        tap.equal(set(world.response(raw).results), {"created"}, "results")


if __name__ == "__main__":
    tap.main(AttackWorld)
