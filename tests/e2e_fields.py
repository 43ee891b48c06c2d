# SPDX-License-Identifier: MIT
"""What each column and switch of the vocabulary is to users, and what is left to e2e_felt.py's types
and actions: everything is made by requests, and seen by mail, by logins or, where it is kept for
other programs, in the directory."""

import imaplib
import json
import smtplib
import socket
import subprocess

import tap
from felt import (BOSS, DEAD, DOMAIN, SECRET, STRANGER, UNKNOWN, account, ask, at, fails, has, leaves,
                  logs_in, receives, refused, row)
from harness import World
from harness.mail import message_id
from harness.servers import WEBMAIL

LIMITED, SWITCHED, FURTHER = "limited.example", "switched.example", "further.example"
GUEST = "guest@elsewhere.example"
NO_DOMAIN = "550 5.7.1 "
EVERYTHING = ("FULL,FORWARD,LIST,DLIST,ALIAS,CATCHALL,GROUP,RESOURCE,RESOURCEGROUP,AUTORESPONDER,"
              "SPAMFILTER,DOMAIN,DOMAINALIAS")


def values(world, address, name):
    return sorted((world.entry(address) or {}).get(name.lower(), []))


def domain_entry(world, domain):
    return list(world.slapd.search(base=world.slapd.domain_dn(domain), scope="base").values())[0]


def shown(world, word, name):
    """What the command tells of it."""
    done = subprocess.run([world.tree.command, "-c", world.milter.conf, word, "show", "-j", name],
                          capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


def taken(world, recipient, sender=STRANGER, client="127.0.0.1"):
    """Whether Postfix takes a mail of this sender, from this client, for the recipient."""
    with smtplib.SMTP("127.0.0.1", world.postfix.port, source_address=(client, 0), timeout=30) as smtp:
        smtp.ehlo()
        smtp.mail(sender)
        return smtp.rcpt(recipient)[0] == 250


def web_login(world, address, service="imap"):
    """Whether the address logs in from where the web front end is."""
    if service == "smtp":
        with smtplib.SMTP("127.0.0.1", world.postfix.port, source_address=(WEBMAIL, 0),
                          timeout=30) as smtp:
            smtp.ehlo()
            try:
                return smtp.login(address, SECRET)[0] == 235
            except smtplib.SMTPAuthenticationError:
                return False
    client = FromWebmail("127.0.0.1", world.dovecot.port, timeout=30)
    try:
        return client.login(address, SECRET)[0] == "OK"
    except imaplib.IMAP4.error as error:
        tap.contains(str(error), "AUTHENTICATIONFAILED")
        return False
    finally:
        client.shutdown()


class FromWebmail(imaplib.IMAP4):
    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, (WEBMAIL, 0))


# --- domains ---

@tap.test("R8.20 DOMAIN with OWNER, PASSWORD and MAX MAILBOXES: the owner logs in, no mailbox beyond it is made")
def owned(world):
    owner, second, third = (at(local, LIMITED) for local in ("owner", "second", "third"))
    ask(world, [row("ADD DOMAIN @" + LIMITED, OWNER="owner", PASSWORD=SECRET, MAX_MAILBOXES="2")])
    tap.equal(logs_in(world, owner), True, "the owner's login")
    receives(world, owner, owner)
    ask(world, [account("second", LIMITED)])
    fails(world, account("third", LIMITED), "may have 2 mailboxes, and has them.")
    refused(world, third, UNKNOWN)
    fails(world, row("MODIFY DOMAIN @" + LIMITED, MAX_MAILBOXES="1"), "has 2 mailboxes already.")
    fails(world, row("MODIFY DOMAIN @" + LIMITED, OWNER="nobody"), "There is no mailbox")
    ask(world, [row("MODIFY DOMAIN @" + LIMITED, MAX_MAILBOXES="-1", OWNER="second"),
                account("third", LIMITED)])
    receives(world, third, third)
    tap.equal(shown(world, "domain", LIMITED)["OWNER"], second, "the owner")


def reached(local, domain=SWITCHED):
    return lambda world: taken(world, at(local, domain))


def blocked(world):
    return not taken(world, at("user", SWITCHED), "x@bad.example")


def answered(world):
    """Whether somebody who writes gets an automatic answer."""
    writer, user, identifier = at("anna"), at("user", SWITCHED), message_id()
    raw = "From: %s\r\nTo: %s\r\nSubject: hello\r\nMessage-ID: %s\r\n\r\nHello\r\n" % (
        writer, user, identifier)
    tap.equal(world.send(raw.encode(), writer, [user]).code, 250, "the mail")
    world.mailbox(user, SECRET).wait("Message-ID", identifier)
    world.wait_queue(lambda queue: not queue, "the queue to be empty")
    return world.mailbox(writer, SECRET).count("HEADER", "In-Reply-To", '"%s"' % identifier) == 1


IN = "@" + SWITCHED
# Each switch, what is said, a row that it forbids, and whether that is felt.
SWITCHES = (
    ("ENABLE MAILINGLISTS", "Lists are", row("ADD LIST sw-list" + IN, LIST_MEMBER="user"),
     reached("sw-list")),
    ("ENABLE DISTRIBUTIONLISTS", "Distribution lists are",
     row("ADD DLIST sw-dlist" + IN, LIST_MEMBER="user"), reached("sw-dlist")),
    ("ENABLE USERALIASES", "Aliases are", row("ADD ALIAS sw-alias" + IN, TARGET="user"),
     reached("sw-alias")),
    ("ENABLE USERALIASES", "Aliases are", row("MODIFY FULL user" + IN, ALIAS="+sw-other"),
     reached("sw-other")),
    ("ENABLE FORWARDS", "Forwarding is", row("ADD FORWARD sw-forward" + IN, MAILFORWARD="user" + IN),
     reached("sw-forward")),
    ("ENABLE FORWARDS", "Forwarding is", row("MODIFY FULL user" + IN, MAILFORWARD="+" + at("bob")),
     lambda world: values(world, at("user", SWITCHED), "batchloadTarget") == [at("bob")]),
    ("ENABLE AUTORESPONDERS", "Automatic answers are", row("ADD AUTORESPONDER user" + IN, MESSAGE="Away"),
     answered),
    ("ENABLE SPAMFILTERS", "Spam filters are", row("ADD SPAMFILTER " + IN, FILTER="bad.example"), blocked),
    ("ENABLE DOMAINALIASES", "Further names are", row("ADD DOMAINALIAS @" + FURTHER, TARGET=SWITCHED),
     reached("user", FURTHER)),
)


@tap.table([("R8.13 %s 0: %s %s fails, and nothing of it is felt; with 1 it is made, and felt" % (
    each[0], each[2]["ACTION"], each[2]["TYPE"]), *each) for each in SWITCHES])
def switches(world, name, words, each, felt):
    if not world.slapd.search(base=world.slapd.domain_dn(SWITCHED), scope="base"):
        ask(world, [row("ADD DOMAIN " + IN), account("user", SWITCHED)])
    ask(world, [row("MODIFY DOMAIN " + IN, **{name: "0"})])
    fails(world, each, words + " switched off for the domain")
    if each["TYPE"] != "DOMAINALIAS":  # Postfix remembers for a while whether it hosts a domain
        tap.equal(felt(world), False, "felt, switched off")
    receives(world, at("user", SWITCHED), at("user", SWITCHED))
    ask(world, [row("MODIFY DOMAIN " + IN, **{name: "1"}), each])
    tap.equal(felt(world), True, "felt, switched on")
    ask(world, [row("MODIFY DOMAIN " + IN, **{name: "0"})])
    if name != "ENABLE AUTORESPONDERS":  # one answer a day
        tap.equal(felt(world), name != "ENABLE SPAMFILTERS", "felt, switched off again")
    ask(world, [row("MODIFY DOMAIN " + IN, **{name: "1"})])


@tap.test("R8.67 ENABLE WEBACCESS 0 of an account or its domain: no login from the web front end, others as before")
def web_access(world):
    anna, bob = at("anna"), at("bob")
    off = row("MODIFY FULL anna", ENABLE_WEBACCESS="0")
    domain_off = row("MODIFY DOMAIN @" + DOMAIN, ENABLE_WEBACCESS="0")
    for service in ("imap", "smtp"):
        tap.equal(web_login(world, anna, service), True, "before, by " + service)
    ask(world, [off])
    for service in ("imap", "smtp"):
        tap.equal((web_login(world, anna, service), web_login(world, bob, service)), (False, True),
                  "of the account, by " + service)
    tap.equal(logs_in(world, anna), True, "from elsewhere")
    receives(world, anna, anna)
    ask(world, [{**off, "ENABLE WEBACCESS": "1"}, domain_off])
    for service in ("imap", "smtp"):
        tap.equal((web_login(world, anna, service), web_login(world, bob, service)), (False, False),
                  "of the domain, by " + service)
    tap.equal(logs_in(world, bob), True, "from elsewhere")
    ask(world, [{**domain_off, "ENABLE WEBACCESS": "1"}])
    tap.equal(web_login(world, anna), True, "afterwards")


KEPT_OF_DOMAIN = (("IP", "192.0.2.7", "2001:db8::7"), ("IPSITE", "1", "0"),
                  ("MAILBOX DIRECTORY", "/srv/mail", "/srv/mail 2"),
                  ("WEB URL", "https://mail.example/", "https://webmail.example/x?y=1"))


@tap.test("R8.4 IP, IPSITE, MAILBOX DIRECTORY and WEB URL of a DOMAIN are kept for other programs, and change nothing")
def kept_of_domain(world):
    for number in (1, 2):
        ask(world, [row("MODIFY DOMAIN @" + DOMAIN, **{each[0]: each[number]
                                                       for each in KEPT_OF_DOMAIN})])
        told = shown(world, "domain", DOMAIN)
        tap.equal([told[each[0]] for each in KEPT_OF_DOMAIN],
                  [each[number] for each in KEPT_OF_DOMAIN], "what is told")
        receives(world, at("anna"), at("anna"))
    tap.equal([domain_entry(world, DOMAIN)[name] for name in (
        "batchloadip", "batchloadipsite", "batchloadmailboxdirectory", "batchloadweburl")],
        [["2001:db8::7"], ["FALSE"], ["/srv/mail 2"], ["https://webmail.example/x?y=1"]], "entry")
    ask(world, [row("MODIFY DOMAIN @" + DOMAIN, IP="-", MAILBOX_DIRECTORY="-", WEB_URL="-")])
    told = shown(world, "domain", DOMAIN)
    tap.equal([name for name in ("IP", "MAILBOX DIRECTORY", "WEB URL") if told.get(name)], [],
              "what was cleared")


# --- accounts ---

@tap.test("R8.5 ALIAS of a FULL: a list replaces what was there, +address adds one, ~address removes one")
def aliases(world):
    one, two, three, four = (at("al-" + local) for local in ("one", "two", "three", "four"))

    def lead(*names):
        for each in (one, two, three, four):
            if each in names:
                receives(world, each, at("anna"))
            else:
                refused(world, each, UNKNOWN)
    ask(world, [row("MODIFY FULL anna", ALIAS="al-one %s" % two)])
    lead(one, two)
    ask(world, [row("MODIFY FULL anna", ALIAS="+al-three ~al-one")])
    lead(two, three)
    ask(world, [row("MODIFY FULL anna", ALIAS="al-four al-three")])
    lead(three, four)
    fails(world, row("MODIFY FULL bob", ALIAS="+al-four"), "there is an alias with it already.")
    ask(world, [row("MODIFY FULL anna", ALIAS="~al-four ~al-three")])
    lead()


@tap.test("R8.5 MAILFORWARD of a FULL: a list replaces what was there, +address adds one, ~address removes one")
def forwards(world):
    def go(*there, guest=False):
        identifier = receives(world, at("anna"), at("anna"), *there)
        for each in {at("bob"), at("carl")} - set(there):
            tap.equal(has(world, each, identifier), 0, "copies of " + each)
        if guest:
            leaves(world, identifier, GUEST)
    ask(world, [row("MODIFY FULL anna", MAILFORWARD=at("bob"))])
    go(at("bob"))
    ask(world, [row("MODIFY FULL anna", MAILFORWARD="+%s +%s" % (at("carl"), GUEST))])
    go(at("bob"), at("carl"), guest=True)
    ask(world, [row("MODIFY FULL anna", MAILFORWARD="~%s ~%s" % (at("bob"), GUEST))])
    go(at("carl"))
    ask(world, [row("MODIFY FULL anna", MAILFORWARD=at("bob"))])
    go(at("bob"))
    ask(world, [row("MODIFY FULL anna", MAILFORWARD="~" + at("bob"))])
    go()


@tap.test("R8.55 R8.56 ACTIVATED no is what SUSPEND does, with ADD and with MODIFY; yes gives back mail and login")
def activated(world):
    new = at("new")
    ask(world, [account("new", ACTIVATED="no")])
    tap.equal(logs_in(world, new), False, "login of one that is made so")
    refused(world, new, DEAD)
    ask(world, [row("MODIFY FULL new", ACTIVATED="yes")])
    tap.equal(logs_in(world, new), True, "login")
    before = receives(world, new, new)
    ask(world, [row("MODIFY FULL new", ACTIVATED="0")])
    world.mailbox(new, SECRET).close()
    tap.equal(logs_in(world, new), False, "login")
    refused(world, new, DEAD)
    ask(world, [row("RESUME FULL new")])
    tap.equal((logs_in(world, new), has(world, new, before)), (True, 1), "login, and the mail of before")


KEPT = (("LANGUAGE", "de_DE", "preferredLanguage", "de_DE"),
        ("TIMEZONE", "Europe/Berlin", "batchloadTimezone", "Europe/Berlin"),
        ("CHANGEPASSWD", "no", "batchloadChangePassword", "FALSE"),
        ("DISABLE", "calendar tasks", "batchloadDisable", "calendar tasks"),
        ("GLOBALADDRESSBOOK", "no", "batchloadGlobalAddressBook", "FALSE"))


@tap.test("R8.4 LANGUAGE, TIMEZONE, CHANGEPASSWD, DISABLE and GLOBALADDRESSBOOK are kept for front ends; mail and login heed none")
def kept(world):
    columns = {name: value for name, value, _, _ in KEPT}
    ask(world, [account("made", **columns), row("MODIFY FULL bob", **columns)])
    for local in ("made", "bob"):
        told = shown(world, "user", at(local))
        for name, value, attribute, stored in KEPT:
            tap.equal(values(world, at(local), attribute), [stored], name)
            tap.equal(told[name], value, "what is told of " + name)
        tap.equal(logs_in(world, at(local)), True, "login")
        receives(world, at(local), at(local))
    ask(world, [row("MODIFY FULL bob", LANGUAGE="-", TIMEZONE="-", DISABLE="-", CHANGEPASSWD="yes",
                    GLOBALADDRESSBOOK="yes")])
    tap.equal([values(world, at("bob"), attribute) for _, _, attribute, _ in KEPT],
              [[], [], ["TRUE"], [], ["TRUE"]], "what was cleared")


@tap.test("R8.12 FULL DELETE: its aliases, its catch-all, its answer and its memberships go with it, at once")
def deleted(world):
    going, domain = at("going", LIMITED), LIMITED
    ask(world, [account("going", domain, ALIAS="g-alias"), row("ADD CATCHALL @" + domain, TARGET="going"),
                row("ADD AUTORESPONDER going@" + domain, MESSAGE="Away"),
                row("ADD LIST g-list", LIST_MEMBER=at("anna") + " " + going),
                row("ADD GROUP g-group", MEMBER="anna " + going)])
    receives(world, at("g-alias", domain), going)
    receives(world, at("whoever", domain), going)
    receives(world, at("g-list"), at("anna"), going)
    world.mailbox(going, SECRET).close()
    ask(world, [row("DELETE FULL going@" + domain)])
    for local in ("g-alias", "whoever", "going"):
        refused(world, at(local, domain), UNKNOWN)
    receives(world, at("g-list"), at("anna"))
    tap.equal(values(world, at("g-group"), "batchloadMember"), [at("anna")], "members")
    tap.equal(logs_in(world, going), False, "login")
    ask(world, [account("going", domain)])
    tap.equal(values(world, going, "batchloadReplyMessage"), [], "the answer of one who has the address now")


# --- lists, groups, resources ---

@tap.test("R8.9 MEMBER NAME: the member gets the list's mail, and the name goes with the member")
def named(world):
    ask(world, [row("ADD LIST names", LIST_MEMBER="anna"),
                row("ADD LIST names", LIST_MEMBER="bob", MEMBER_NAME="Bob B\u00e4r")])
    receives(world, at("names"), at("anna"), at("bob"))
    tap.equal(len(values(world, at("names"), "batchloadMemberName")), 1, "names")
    tap.contains(values(world, at("names"), "batchloadMemberName")[0], "Bob B\u00e4r")
    ask(world, [row("DELETE LIST names", LIST_MEMBER="bob")])
    tap.equal(values(world, at("names"), "batchloadMemberName"), [], "names")
    receives(world, at("names"), at("anna"))


@tap.test("R8.1 DLIST MODIFY, RESOURCE MODIFY: white pages change; members and mail stay")
def described(world):
    ask(world, [row("ADD DLIST d-list", LIST_MEMBER="anna"), row("ADD RESOURCE d-room"),
                row("MODIFY DLIST d-list", DESCRIPTION="all of us"),
                row("MODIFY RESOURCE d-room", DESCRIPTION="with a view", ROOMNUMBER="7")])
    receives(world, at("d-list"), at("anna"))
    receives(world, at("d-room"))
    tap.equal((values(world, at("d-list"), "description"), values(world, at("d-room"), "roomNumber")),
              (["all of us"], ["7"]), "white pages")


@tap.table([("R8.8 %s: members come and go, never the last one; it is described, and its address is free when it went" % kind,
             kind, members) for kind, members in (("GROUP", ("anna", "bob", "carl")),
                                                  ("RESOURCEGROUP", ("r-a", "r-b", "r-c")))])
def groups(world, kind, members):
    first, second, third = members
    if kind == "RESOURCEGROUP":
        ask(world, [row("ADD RESOURCE " + each) for each in members])
    fails(world, row("ADD %s gr" % kind), "MEMBER is empty")
    ask(world, [row("ADD %s gr" % kind, MEMBER="%s %s" % (first, second)),
                row("ADD %s gr" % kind, MEMBER=third),
                row("DELETE %s gr" % kind, MEMBER=first),
                row("MODIFY %s gr" % kind, DESCRIPTION="us")])
    tap.equal((values(world, at("gr"), "batchloadMember"), values(world, at("gr"), "description")),
              (sorted([at(second), at(third)]), ["us"]), "entry")
    refused(world, at("gr"), DEAD)
    fails(world, row("DELETE %s gr" % kind, MEMBER="%s %s" % (second, third)), "never without")
    ask(world, [row("DELETE %s gr" % kind)])
    refused(world, at("gr"), UNKNOWN)
    ask(world, [row("ADD FORWARD gr", MAILFORWARD=at("anna"))])
    receives(world, at("gr"), at("anna"))
    ask(world, [row("DELETE FORWARD gr")])


# --- blocked senders ---

FILTERS = (("EMAIL", "bad@x.example", ("bad@x.example", "127.0.0.1"), ("good@x.example", "127.0.0.1")),
           ("DOMAIN", "y.example", ("any@mail.y.example", "127.0.0.1"), ("any@z.example", "127.0.0.1")),
           ("IP", "127.0.0.9", ("good@x.example", "127.0.0.9"), ("good@x.example", "127.0.0.8")),
           ("", "worse@x.example", ("worse@x.example", "127.0.0.1"), ("good@x.example", "127.0.0.1")))


@tap.table([("R8.22 R8.40 FILTERTYPE %s: whom it blocks is refused at SMTP, until the filter is deleted" % (
    each[0] or "empty, which is an EMAIL"), *each) for each in FILTERS])
def filters(world, kind, sender, bad, good):
    each = row("ADD SPAMFILTER @" + DOMAIN, FILTER=sender, FILTERTYPE=kind)
    tap.equal(taken(world, at("anna"), *bad), True, "before")
    ask(world, [each])
    tap.equal((taken(world, at("anna"), *bad), taken(world, at("anna"), *good)), (False, True),
              "blocked, and another")
    tap.equal(taken(world, at("user", SWITCHED), *bad), True, "in another domain")
    ask(world, [{**each, "ACTION": "DELETE"}])
    tap.equal(taken(world, at("anna"), *bad), True, "afterwards")


class FieldsWorld(World):
    def __init__(self):
        super().__init__(settings={"modify_requires_password": "no"}, senders=(
            "%s allow domains=%s types=%s create_domains=yes\n" % (
                BOSS, ",".join((DOMAIN, LIMITED, SWITCHED, FURTHER)), EVERYTHING)))
        self.passwords[BOSS] = SECRET
        for local in ("boss", "anna", "bob", "carl"):
            self.add_account(at(local), SECRET)


if __name__ == "__main__":
    tap.main(FieldsWorld)
