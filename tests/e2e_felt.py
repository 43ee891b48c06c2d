# SPDX-License-Identifier: MIT
"""What each type and action of the vocabulary is to users: mail that comes or is refused, logins."""

import base64
import email
import email.policy
import os
import re
import struct
import time
import uuid

import tap
from felt import (BOSS, DEAD, DOMAIN, LEAVES, SECRET, STRANGER, UNKNOWN, account, ask, at, has, leaves,
                  logs_in, receives, refused, row, stored)
from harness import World, run, wait_for, which
from harness.mail import Mailbox, message_id
from harness.servers import salted

OTHER = "otherdomain.example"
SECOND, FURTHER, CLOSING, ENDING = "second.example", "zweite.example", "closing.example", "ending.example"
GUEST = "guest@elsewhere.example"


# --- how a thing is made: a row as it stands in a request ---

CLASSES = {"FULL": "batchloadAccount", "FORWARD": "batchloadForward", "LIST": "batchloadList",
           "DLIST": "batchloadDistributionList", "ALIAS": "batchloadAlias",
           "CATCHALL": "batchloadCatchall", "GROUP": "batchloadGroup",
           "RESOURCE": "batchloadResource", "RESOURCEGROUP": "batchloadResourceGroup"}
# What stands in a column, as the schema has it.
ATTRIBUTES = {"MAILFORWARD": "batchloadTarget", "TARGET": "batchloadTarget",
              "LIST MEMBER": "batchloadMember", "MEMBER": "batchloadMember",
              "QUOTA": "batchloadQuota", "SUBJECT": "batchloadReplySubject",
              "MESSAGE": "batchloadReplyMessage", "ENABLE FORWARDS": "batchloadForwards",
              "ENABLE AUTORESPONDERS": "batchloadAutoresponders", "PASSWORD": "userPassword"}
SEVERAL = {"MAILFORWARD", "LIST MEMBER", "MEMBER"}
# What a request can do already; all else is made in the directory by hand.
BY_MAIL = {"FULL", "FORWARD", "LIST", "DLIST", "ALIAS", "CATCHALL", "GROUP", "RESOURCE", "RESOURCEGROUP",
           "AUTORESPONDER", "DOMAIN", "DOMAINALIAS"}


def make(world, *rows):
    """Rows that must succeed, in their order: by a request, or what cannot yet, by hand."""
    requests = []
    for each in rows:
        if each["TYPE"] in BY_MAIL:
            requests.append(each)
            continue
        ask(world, requests)
        requests = []
        make_by_hand(world, each)
    ask(world, requests)


def ldif(pairs):
    return "".join("%s:: %s\n" % (name, base64.b64encode(str(value).encode()).decode())
                   for name, value in pairs)


def values_of(each):
    for column, value in each.items():
        if column in ATTRIBUTES and value != "":
            if column == "PASSWORD":
                values = [salted(value)]
            elif column.startswith("ENABLE "):
                values = ["TRUE" if value == "1" else "FALSE"]
            else:
                values = value.split() if column in SEVERAL else [value]
            yield ATTRIBUTES[column], values


def make_by_hand(world, each):
    """What the row would do, by ldapadd and the like."""
    kind, action = each["TYPE"], each["ACTION"]
    domain = world.slapd.domain_dn(each["DOMAIN"])
    dn = domain if kind in ("DOMAIN", "DOMAINALIAS") else "mail=%s,%s" % (
        at(each["USER"], each["DOMAIN"]), domain)
    change = {"SUSPEND": [("batchloadEnabled", ["FALSE"])],
              "RESUME": [("batchloadEnabled", ["TRUE"])]}.get(action, list(values_of(each)))
    how = "replace"
    if kind == "AUTORESPONDER":
        if action == "DELETE":
            change = [("batchloadReplySubject", []), ("batchloadReplyMessage", [])]
    elif action == "DELETE" and not change:
        world.slapd.delete("-r", dn)
        return
    elif action == "ADD" and not world.slapd.search(base=dn, scope="base"):
        world.slapd.add(new_entry(each, dn, change))
        return
    elif action in ("ADD", "DELETE"):
        how = action.lower()
    world.slapd.modify("dn: %s\nchangetype: modify\n%s" % (dn, "-\n".join(
        "%s: %s\n%s" % (how, name, ldif((name, value) for value in values))
        for name, values in change)))


def new_entry(each, dn, change):
    if each["TYPE"] == "DOMAIN":
        return "dn: %s\nobjectClass: organizationalUnit\nobjectClass: batchloadDomain\nou: %s\n" % (
            dn, each["DOMAIN"])
    if each["TYPE"] == "DOMAINALIAS":
        return ("dn: %s\nobjectClass: organizationalUnit\nobjectClass: batchloadDomainAlias\n"
                "ou: %s\nbatchloadTargetDomain: %s\n" % (dn, each["DOMAIN"], each["TARGET"]))
    pairs = [("objectClass", "inetOrgPerson"), ("objectClass", CLASSES[each["TYPE"]]),
             ("mail", at(each["USER"], each["DOMAIN"])), ("cn", each["USER"] or "all others"),
             ("sn", each["USER"] or "all others")]
    if each["TYPE"] in ("FULL", "RESOURCE"):
        pairs.append(("batchloadMailboxId", uuid.uuid4()))
    return "dn: %s\n" % dn + ldif(pairs + [(name, value) for name, values in change
                                           for value in values])


# --- addresses ---

@tap.test("R8.50 an alias receives for its account")
def alias(world):
    make(world, row("ADD ALIAS a.muster", TARGET=at("anna")))
    receives(world, at("a.muster"), at("anna"))
    tap.equal(world.can_login(at("a.muster"), SECRET), False, "login")
    make(world, row("DELETE ALIAS a.muster"))
    refused(world, at("a.muster"), UNKNOWN)
    make(world, account("nora", ALIAS=at("n.muster")))
    receives(world, at("n.muster"), at("nora"))
    make(world, row("DELETE FULL nora"))
    refused(world, at("n.muster"), UNKNOWN)
    refused(world, at("nora"), UNKNOWN)


@tap.test("R8.51 a mailbox that forwards keeps its copy, and the others get theirs")
def copies(world):
    make(world, account("carl", MAILFORWARD=at("bob") + " " + GUEST))
    leaves(world, receives(world, at("carl"), at("carl"), at("bob")), GUEST)
    make(world, row("MODIFY FULL carl", ENABLE_FORWARDS="0"))
    identifier = receives(world, at("carl"), at("carl"))
    tap.equal(has(world, at("bob"), identifier), 0, "copies where forwarding is switched off")


@tap.test("R8.52 lists of both kinds reach members here and elsewhere, each once")
def lists(world):
    members = " ".join([at("anna"), at("bob"), at("inner"), GUEST])
    for kind, local in (("LIST", "team"), ("DLIST", "crew")):
        make(world, row("ADD FORWARD inner" + local, MAILFORWARD=at("bob")),
             row("ADD %s %s" % (kind, local), LIST_MEMBER=members.replace("inner", "inner" + local)))
        leaves(world, receives(world, at(local), at("anna"), at("bob")), GUEST)


@tap.test("R8.53 a resource receives and has no login; groups of users and of resources take no mail")
def resources(world):
    make(world, row("ADD RESOURCE room"), row("ADD RESOURCEGROUP rooms", MEMBER=at("room")),
         row("ADD GROUP staff", MEMBER=at("anna")))
    # Another program's, with a password that would be the right one.
    make_by_hand(world, row("ADD RESOURCE car", PASSWORD=SECRET))
    for each in (at("room"), at("car")):
        identifier = receives(world, each)
        tap.equal(stored(world, each, identifier), 1, "copies")
        tap.equal(logs_in(world, each), False, "login")
    refused(world, at("rooms"), DEAD)
    refused(world, at("staff"), DEAD)


@tap.test("R8.66 members that come and go, other targets, and what is deleted are felt at once")
def changes(world):
    for kind, local in (("LIST", "some"), ("DLIST", "few")):
        make(world, row("ADD %s %s" % (kind, local), LIST_MEMBER=at("anna")))
        make(world, row("ADD %s %s" % (kind, local), LIST_MEMBER=at("bob")))
        receives(world, at(local), at("anna"), at("bob"))
        make(world, row("DELETE %s %s" % (kind, local), LIST_MEMBER=at("anna")))
        identifier = receives(world, at(local), at("bob"))
        tap.equal(has(world, at("anna"), identifier), 0, "copies of who was removed")
        make(world, row("DELETE %s %s" % (kind, local)))
        refused(world, at(local), UNKNOWN)
    make(world, row("ADD FORWARD to", MAILFORWARD=at("anna")))
    receives(world, at("to"), at("anna"))
    make(world, row("MODIFY FORWARD to", MAILFORWARD=at("bob")))
    identifier = receives(world, at("to"), at("bob"))
    tap.equal(has(world, at("anna"), identifier), 0, "copies of the old target")
    make(world, row("DELETE FORWARD to"), row("ADD RESOURCE van"), row("DELETE RESOURCE van"))
    refused(world, at("to"), UNKNOWN)
    refused(world, at("van"), UNKNOWN)


# --- the catch-all ---

THERE = (  # what is there, and who gets its mail; None: nobody, it is refused
    ("a mailbox", row("ADD FULL c1@" + SECOND, PASSWORD=SECRET), at("c1", SECOND)),
    ("a forward", row("ADD FORWARD c2@" + SECOND, MAILFORWARD=at("bob")), at("bob")),
    ("a list", row("ADD LIST c3@" + SECOND, LIST_MEMBER=at("bob")), at("bob")),
    ("a distribution list", row("ADD DLIST c4@" + SECOND, LIST_MEMBER=at("bob")), at("bob")),
    ("an alias", row("ADD ALIAS c5@" + SECOND, TARGET=at("c1", SECOND)), at("c1", SECOND)),
    ("a list without members", row("ADD LIST c6@" + SECOND), None),
    ("a distribution list without members", row("ADD DLIST c7@" + SECOND), None),
    ("a group", row("ADD GROUP c8@" + SECOND, MEMBER=at("c1", SECOND)), None),
    ("a group of resources", row("ADD RESOURCEGROUP c9@" + SECOND, MEMBER=at("r", SECOND)), None))


def second(world):
    """The domain with all that, unless it is there."""
    if not world.slapd.search(base=world.slapd.domain_dn(SECOND), scope="base"):
        make(world, row("ADD DOMAIN @" + SECOND), account("all", SECOND), account("later", SECOND),
             row("ADD CATCHALL @" + SECOND, TARGET=at("all", SECOND)),
             row("ADD RESOURCE r@" + SECOND), *[each for _, each, _ in THERE])


@tap.test("R8.54 the catch-all gets mail for unknown addresses, and of no address that is there")
def catch_all(world):
    second(world)
    receives(world, at("whoever", SECOND), at("all", SECOND))
    seen = []
    for what, each, gets in THERE:
        address = at(each["USER"], SECOND)
        if gets is None:
            refused(world, address, DEAD)
        else:
            seen.append((what, receives(world, address, gets)))
    seen.append(("a resource", receives(world, at("r", SECOND))))
    for what, identifier in seen:
        tap.equal(has(world, at("all", SECOND), identifier), 0, "mail of %s" % what)
    make(world, row("MODIFY CATCHALL @" + SECOND, TARGET=at("later", SECOND)))
    receives(world, at("whoever", SECOND), at("later", SECOND))
    make(world, row("DELETE CATCHALL @" + SECOND))
    refused(world, at("whoever", SECOND), UNKNOWN)
    make(world, row("ADD CATCHALL @" + SECOND, TARGET=at("all", SECOND)))


def by_sendmail(world, *recipients):
    """A mail of a local program to anna, who gets it, and to these; returns its Message-ID."""
    identifier = message_id()
    world.postfix.sendmail(("From: %s\nSubject: x\nMessage-ID: %s\n\nx\n" % (
        at("anna"), identifier)).encode(), at("anna"), at("anna"), *recipients)
    world.mailbox(at("anna"), SECRET).wait("Message-ID", identifier)
    world.wait_queue(lambda queue: not queue, "the queue to be empty")
    return identifier


SUSPENDED = (("FULL", "c1"), ("FORWARD", "c2"), ("LIST", "c3"), ("DLIST", "c4"))


@tap.test("R8.55 what is suspended is refused, not caught, also where a list or sendmail(1) leads to it")
def suspended(world):
    second(world)
    make(world, row("ADD LIST every", LIST_MEMBER=" ".join(
        [at("anna")] + [at(local, SECOND) for _, local in SUSPENDED])))
    make(world, *[row("SUSPEND %s %s" % (kind, at(local, SECOND))) for kind, local in SUSPENDED])
    for _, local in SUSPENDED:
        refused(world, at(local, SECOND), DEAD)
    identifier = receives(world, at("every"), at("anna"))
    local = by_sendmail(world, *[at(local, SECOND) for _, local in SUSPENDED])
    for each in (at("all", SECOND), at("later", SECOND), at("bob")):
        tap.equal((has(world, each, identifier), has(world, each, local)), (0, 0), each)
    make(world, *[row("RESUME %s %s" % (kind, at(local, SECOND))) for kind, local in SUSPENDED])
    receives(world, at("c1", SECOND), at("c1", SECOND))
    for _, local in SUSPENDED[1:]:
        receives(world, at(local, SECOND), at("bob"))


@tap.test("R8.56 a suspended account neither receives nor logs in, and comes back with its mail")
def suspended_account(world):
    before = receives(world, at("anna"), at("anna"))
    tap.equal(logs_in(world, at("anna")), True, "login before")
    world.mailbox(at("anna"), SECRET).close()
    make(world, row("SUSPEND FULL anna"))
    tap.equal(logs_in(world, at("anna")), False, "login")
    refused(world, at("anna"), DEAD)
    make(world, row("RESUME FULL anna"))
    tap.equal(logs_in(world, at("anna")), True, "login afterwards")
    tap.equal(has(world, at("anna"), before), 1, "the mail of before")
    receives(world, at("anna"), at("anna"))


# --- domains ---

@tap.test("R8.57 a further name of a domain receives for what is there, and refuses all else, also where there is a catch-all")
def domain_alias(world):
    name = FURTHER
    second(world)
    make(world, row("ADD DOMAINALIAS @" + name, TARGET=SECOND))
    for what, each, gets in THERE:
        address = at(each["USER"], name)
        if gets is None:
            refused(world, address, UNKNOWN)
        else:
            tap.say(what)
            receives(world, address, gets)
    identifier = receives(world, at("r", name))
    tap.equal(stored(world, at("r", SECOND), identifier), 1, "the resource")
    refused(world, at("whoever", name), UNKNOWN)
    refused(world, "c1@further.%s" % name, "550 5.7.1 ")
    make(world, row("SUSPEND FULL c1@" + SECOND))
    refused(world, at("c1", name), UNKNOWN)
    make(world, row("RESUME FULL c1@" + SECOND), row("SUSPEND DOMAIN @" + SECOND))
    refused(world, at("c1", name), UNKNOWN)
    make(world, row("RESUME DOMAIN @" + SECOND))
    receives(world, at("c1", name), at("c1", SECOND))
    make(world, row("DELETE DOMAINALIAS @" + name))
    # Another address: Postfix remembers of each for a while whether its domain is hosted.
    refused(world, at("another", name), "550 5.7.1 ")


@tap.test("R8.58 a suspended domain: no login, no mail, nothing leaves or is led on; it comes back with all of it")
def suspended_domain(world):
    make(world, row("ADD DOMAIN @" + CLOSING), account("dora", CLOSING),
         account("copy", CLOSING, MAILFORWARD=at("bob")),
         row("ADD FORWARD out@" + CLOSING, MAILFORWARD=GUEST),
         row("ADD LIST all@" + CLOSING, LIST_MEMBER=at("bob")),
         row("ADD CATCHALL @" + CLOSING, TARGET=at("dora", CLOSING)))
    here = [at(local, CLOSING) for local in ("dora", "copy", "out", "all", "whoever")]
    make(world, row("ADD DLIST over", LIST_MEMBER=" ".join([at("anna")] + here[:4])))
    before = receives(world, here[0], here[0])
    world.mailbox(here[0], SECRET).close()
    make(world, row("SUSPEND DOMAIN @" + CLOSING))
    for each in here:
        refused(world, each, DEAD)
    tap.equal([logs_in(world, each) for each in here[:2]], [False, False], "logins")
    identifier = receives(world, at("over"), at("anna"))
    tap.equal(has(world, at("bob"), identifier), 0, "led on")
    queue_id = world.wait_log("message-id=" + identifier)[0].split(": ")[1]
    tap.equal(world.log_lines(queue_id + ": ", LEAVES), [], "left")
    caught = by_sendmail(world, here[4])
    make(world, row("RESUME DOMAIN @" + CLOSING))
    tap.equal(has(world, here[0], before), 1, "the mail of before")
    tap.equal((has(world, here[0], identifier), has(world, here[0], caught)), (0, 0),
              "mail of meanwhile")
    receives(world, here[0], here[0])
    receives(world, here[1], here[1], at("bob"))
    leaves(world, receives(world, here[2]), GUEST)
    receives(world, here[3], at("bob"))
    receives(world, here[4], here[0])


@tap.test("R8.66 a deleted domain: no login, nothing is delivered there")
def deleted_domain(world):
    make(world, row("ADD DOMAIN @" + ENDING), account("gustav", ENDING),
         row("ADD ALIAS g@" + ENDING, TARGET=at("gustav", ENDING)))
    identifier = receives(world, at("g", ENDING), at("gustav", ENDING))
    identity = world.entry(at("gustav", ENDING))["batchloadmailboxid"]
    world.mailbox(at("gustav", ENDING), SECRET).close()
    make(world, row("DELETE DOMAIN @" + ENDING))
    tap.equal(logs_in(world, at("gustav", ENDING)), False, "login")
    refused(world, at("other", ENDING), "550 5.7.1 ")
    make(world, row("ADD DOMAIN @" + ENDING), account("gustav", ENDING))
    tap.equal(world.entry(at("gustav", ENDING))["batchloadmailboxid"] != identity, True, "identity")
    tap.equal(Mailbox(world.dovecot.port, at("gustav", ENDING), SECRET).find(
        "Message-ID", identifier), [], "the mail of before")


# --- quota ---

def large(world, recipient, sender=STRANGER):
    """Some 600,000 bytes; a mailbox of 1 MB takes one, and is full with a second one."""
    return world.send_plain(recipient, sender=sender, text=("x" * 75 + "\n") * 7000)


def reconfigure_dovecot(world, old, new):
    path = os.path.join(os.path.dirname(world.dovecot.conf), "batchload-dovecot.conf")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    tap.contains(text, old)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    run([which("doveadm"), "-c", world.dovecot.conf, "reload"])


@tap.test("R8.59 a full mailbox refuses mail, or has it wait as configured, until there is room; IMAP tells")
def quota(world):
    make(world, account("full", QUOTA="1"), row("ADD ALIAS voll", TARGET=at("full")))
    box = world.mailbox(at("full"), SECRET)
    for _ in range(2):
        sent, identifier = large(world, at("full"), at("anna"))
        tap.equal(sent.code, 250, repr(sent))
        box.wait("Message-ID", identifier)
    told = box.imap.getquotaroot("INBOX")[1][1][0].decode()
    tap.contains(told, "STORAGE")
    used, limit = re.search(r"STORAGE (\d+) (\d+)", told).groups()
    tap.equal((int(used) > 1024, limit), (True, "1024"), told)
    refused(world, at("full"), "552 5.2.2 ")
    # By an alias it is found out when it is delivered: the sender is told then.
    sent, identifier = large(world, at("voll"), at("anna"))
    tap.equal(sent.code, 250, repr(sent))
    world.mailbox(at("anna"), SECRET).wait("Subject", "Undelivered Mail Returned to Sender")
    tap.equal(has(world, at("full"), identifier), 0, "copies")
    waits_for_room(world)


def waits_for_room(world):
    reconfigure_dovecot(world, "quota_status_overquota = 552 5.2.2", "quota_status_overquota = 452 4.2.2")
    reconfigure_dovecot(world, "quota_full_tempfail = no", "quota_full_tempfail = yes")

    def put_off():
        sent, _ = world.send_plain(at("full"))
        return (sent.stage, sent.code) == ("rcpt", 452)
    wait_for(put_off, "the new configuration")
    sent, identifier = large(world, at("voll"))
    tap.equal(sent.code, 250, repr(sent))
    world.wait_queue(lambda queue: any(each["queue_name"] == "deferred" for each in queue),
                     "the mail to be put off")
    make(world, row("MODIFY FULL full", QUOTA="5"))
    world.postfix.flush()
    world.mailbox(at("full"), SECRET).wait("Message-ID", identifier)
    receives(world, at("full"), at("full"))


# --- automatic answers ---

def write_to(world, recipient, sender, headers=(), to=None):
    """A mail that is in the mailbox of recipient when this returns, and whose answer, if there is
    one, was delivered, too."""
    identifier = message_id()
    raw = "\r\n".join(["From: " + (sender or "mailer@elsewhere.example"), "To: " + (to or recipient),
                       "Subject: hello", "Message-ID: " + identifier, *headers, "", "Hello", ""])
    sent = world.send(raw.encode(), sender, [recipient])
    tap.equal(sent.code, 250, repr(sent))
    # It is stored after its answer was handed over.
    world.mailbox(at("eva"), SECRET).wait("Message-ID", identifier)
    world.wait_queue(lambda queue: not queue, "the queue to be empty")
    return identifier


def answers(world, sender, identifier=None):
    box = world.mailbox(sender, SECRET)
    found = box.find("In-Reply-To", identifier) if identifier else box.find("Subject", "")
    return [email.message_from_bytes(raw, policy=email.policy.default) for raw in found]


def answer_of(world, sender, identifier):
    found = answers(world, sender, identifier)
    tap.equal(len(found), 1, "answers to " + sender)
    return found[0]


def remembered(world, address):
    """Until when a mailbox knows whom it answered, in seconds since 1970: by Dovecot's own file."""
    path = os.path.join(world.dovecot.mail_root, address.partition("@")[2],
                        world.entry(address)["batchloadmailboxid"][0], ".dovecot.lda-dupes")
    with open(path, "rb") as file:
        _version, until = struct.unpack("=II", file.read()[:8])
    return until


TEXT = "Ich bin nicht da.\n\nGrüße — Eva €\n"


@tap.test("R8.60 an automatic answer: once for each sender and day, in UTF-8, by nobody's own words again")
def answers_once(world):
    make(world, row("ADD AUTORESPONDER eva", SUBJECT="Nicht da: Grüße", MESSAGE=TEXT))
    first = at("s0", OTHER)
    begin = int(time.time())
    got = answer_of(world, first, write_to(world, at("eva"), first))
    until = remembered(world, at("eva"))
    tap.equal(begin <= until - 86400 <= time.time(), True, "a day after the answer: %d" % until)
    tap.equal((got["Subject"], got["To"], got["From"]), ("Nicht da: Grüße", first,
                                                         at("eva")), "headers")
    tap.contains(got["Auto-Submitted"], "auto-replied")
    tap.equal(got["Return-Path"], "<>", "envelope sender")
    tap.equal(got.get_content().replace("\r\n", "\n").rstrip("\n"), TEXT.rstrip("\n"), "text")
    tap.equal(answers(world, first, write_to(world, at("eva"), first)), [], "answers to a second mail")
    make(world, row("MODIFY AUTORESPONDER eva", SUBJECT="Noch nicht da", MESSAGE="Später"))
    tap.equal(answers(world, first, write_to(world, at("eva"), first)), [],
              "answers to a third mail, with another text")
    other = at("s1", OTHER)
    got = answer_of(world, other, write_to(world, at("eva"), other, to="x@y.example, " + at("eva")))
    tap.equal(got["Subject"], "Noch nicht da", "subject")


AUTOMATIC = (
    ("the null sender", "", {}), ("Auto-Submitted", None, {"headers": ["Auto-Submitted: auto-generated"]}),
    ("an answer", None, {"headers": ["Auto-Submitted: auto-replied"]}),
    ("a list's mail", None, {"headers": ["List-Id: <x.elsewhere.example>"]}),
    ("Precedence", None, {"headers": ["Precedence: bulk"]}),
    ("mail to others, a copy of which came here", None, {"to": "x@elsewhere.example"}))


@tap.test("R8.61 automatic mail, lists' mail and mail that names others are never answered")
def never_answered(world):
    sender = at("s2", OTHER)
    for what, envelope, more in AUTOMATIC:
        write_to(world, at("eva"), sender if envelope is None else envelope, **more)
        tap.equal(len(answers(world, sender)), 0, "answers to " + what)
    make(world, row("ADD LIST round", LIST_MEMBER=at("eva")))
    write_to(world, at("round"), sender)
    tap.equal(len(answers(world, sender)), 0, "answers to mail by a list of ours")
    answer_of(world, sender, write_to(world, at("eva"), sender))


@tap.test("R8.62 two automatic answers do not answer each other, and the batch address gets none")
def no_circle(world):
    make(world, row("ADD AUTORESPONDER s3@" + OTHER, MESSAGE="Auch nicht da"))
    one = answer_of(world, at("s3", OTHER), write_to(world, at("eva"), at("s3", OTHER)))
    tap.equal(world.mailbox(at("eva"), SECRET).count(
        "HEADER", "In-Reply-To", '"%s"' % one["Message-ID"]), 0, "answers to an answer")
    write_to(world, at("eva"), world.batch_address)
    tap.equal(world.postfix.queue(), [], "queue")


HOSTILE = (
    "100% sicher %u %{nonsense} %% %", 'x"; discard; redirect "x@elsewhere.example"; #',
    "${message} ${1} ${env.vnd.dovecot.username}", "text:\n.\n;\n..\n.x\ndiscard;", "\ttab\\ \x01 back",
    "Zeile\r\nBcc: x@elsewhere.example\r\n\r\nzwei", "ä" * 2048, "Wort " * 800 + "Ende" * 24, "x" * 4096)


@tap.test("R8.63 any text of 4096 bytes is sent as it is, and is never a part of script, headers or settings")
def literal(world):
    for number, text in enumerate(HOSTILE):
        sender = at("h%d" % number, OTHER)
        answer = row("MODIFY AUTORESPONDER eva", SUBJECT=text[:120], MESSAGE=text)
        if re.search(r"[\x00-\x1f]", text):
            make_by_hand(world, answer)  # lines in a subject, for one, no request can make
        else:
            make(world, answer)
        before = len(world.log_lines(LEAVES))
        got = answer_of(world, sender, write_to(world, at("eva"), sender))
        tap.equal(sorted(set(got.keys()) & {"Bcc", "Cc"}), [], "headers")
        tap.equal(str(got["Subject"]).split(), re.sub(r"[\x00-\x1f]", " ", text[:120]).split(),
                  "subject")
        tap.equal(plain(got.get_content()), plain(text), "text")
        tap.equal(len(world.log_lines(LEAVES)), before, "what left")


def plain(text):
    """Without line breaks, which are added to lines that are too long."""
    return re.sub(r"[\r\n]+", "", text)


@tap.test("R8.64 switched off for the account or its domain, or taken away, nothing is answered")
def switched_off(world):
    sender = at("s4", OTHER)
    text = row("ADD AUTORESPONDER eva", SUBJECT="Weg", MESSAGE="Weg")
    make(world, text)
    for off, on in (
            (row("MODIFY FULL eva", ENABLE_AUTORESPONDERS="0"),
             row("MODIFY FULL eva", ENABLE_AUTORESPONDERS="1")),
            (row("MODIFY DOMAIN @" + DOMAIN, ENABLE_AUTORESPONDERS="0"),
             row("MODIFY DOMAIN @" + DOMAIN, ENABLE_AUTORESPONDERS="1")),
            (row("DELETE AUTORESPONDER eva"), text)):
        make(world, off)
        write_to(world, at("eva"), sender)
        tap.equal(answers(world, sender), [], "answers after " + repr(off))
        make(world, on)
    answer_of(world, sender, write_to(world, at("eva"), sender))


# --- what it costs ---

def searches(world):
    """How often the directory was asked for something of DOMAIN."""
    with open(world.slapd.output(), encoding="utf-8", errors="replace") as file:
        return sum(" SRCH base=" in line and DOMAIN in line for line in file)


COSTS = (("a mailbox", at("anna"), 10), ("an unknown address", at("nobody"), 9))


@tap.test("R8.65 a mail to a mailbox costs the directory ten look-ups at most, an unknown address nine")
def cost(world):
    for what, recipient, most in COSTS:
        before = searches(world)
        sent, identifier = world.send_plain(recipient, sender=STRANGER)
        if sent.code == 250:
            wait_for(lambda: world.log_lines("to=<%s>" % recipient, "status=sent"), "delivery")
            world.wait_queue(lambda queue: not queue, "the queue to be empty")
        tap.say(what, searches(world) - before)
        tap.equal(searches(world) - before <= most, True, "%s: %d" % (what, searches(world) - before))


# --- circles that nobody could see ---

CIRCLE_MOST = 4 * 200  # look-ups: as far as virtual_alias_recursion_limit lets it go


@tap.test("R3.39 mail into a circle that is there all the same is put off whole, and goes once that is broken")
def circle(world):
    for each in (row("ADD FORWARD ring1", MAILFORWARD=at("ring2")),
                 row("ADD FORWARD ring2", MAILFORWARD=at("ring1")),
                 row("ADD LIST round1", LIST_MEMBER=at("eva") + " " + at("round2")),
                 row("ADD LIST round2", LIST_MEMBER=at("eva") + " " + at("round1") + " " + at("ring1"))):
        make_by_hand(world, each)
    for recipient in ("ring1", "ring2", "round1", "round2"):
        before = searches(world)
        sent, identifier = world.send_plain(at(recipient), sender=STRANGER)
        tap.equal((sent.code, sent.stage), (451, "end"), repr(sent))
        asked = searches(world) - before
        tap.say(recipient, asked)
        tap.equal(asked <= CIRCLE_MOST, True, "%d look-ups for %s" % (asked, recipient))
        receives(world, at("eva"), at("eva"))
        tap.equal(has(world, at("eva"), identifier), 0, "copies of a mail to " + recipient)
        tap.equal(world.postfix.queue(), [], "queue")
    make(world, row("MODIFY FORWARD ring2", MAILFORWARD=at("eva")),
         row("DELETE LIST round2", LIST_MEMBER=at("round1")))
    for recipient in ("ring1", "ring2", "round1", "round2"):
        receives(world, at(recipient), at("eva"))


HERE = [at(local) for local in ("boss", "anna", "bob", "eva")]
WRITERS = [at(local, OTHER) for local in ["s%d" % number for number in range(5)]
           + ["h%d" % number for number in range(len(HOSTILE))]]


class FeltWorld(World):
    def __init__(self):
        super().__init__(slapd_tells="stats", settings={"modify_requires_password": "no"}, senders=(
            "%s allow domains=%s types=%s create_domains=yes\n" % (
                BOSS, ",".join((DOMAIN, OTHER, SECOND, FURTHER, CLOSING, ENDING)),
                ",".join(sorted(BY_MAIL)))))
        self.passwords[BOSS] = SECRET
        for address in HERE + WRITERS:
            self.add_account(address, SECRET)


if __name__ == "__main__":
    tap.main(FeltWorld)
