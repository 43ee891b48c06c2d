# SPDX-License-Identifier: MIT
"""Whole responses, compared with the files of test-fixtures/message: what an administrator truly gets
to read. BATCHLOAD_WRITE_GOLDEN=1 writes those files anew; read them aloud then."""

import contextlib
import difflib
import json
import os
import random
import re
import shutil
import sqlite3
import string
import subprocess

import tap
from harness import World, mail
from harness.gate import HOLD, REFUSE, Trap
from harness.ldapgate import ADD, MODIFY, SEARCH, LdapGate
from harness.milter import Tree
from harness.process import Nursery, wait_for, write
from harness.world import message_id_of
from rows import DOMAIN, SECRET, alike, at, check_words, failures, row

BUILD = os.environ.get("top_builddir", ".")
TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(TOP, "test-fixtures", "message")
COLUMNS = 74  # of a line, but for values and single words
TABLE_LINES = 8  # of an attachment that are shown
OTHER, CLOSED, MISSING = "otherdomain.example", "closed.example", "nowhere.example"
HEAD = "DOMAIN;USER;TYPE;ACTION;PASSWORD\n"
GOOD = DOMAIN + ";max.muster;FULL;ADD;" + SECRET + "\n"

SETTINGS = {"batch_addresses": ["batch_load@ibpmail.example", at("batch")], "refusal_pause": 0, "limits.message_bytes_max": "8M", "limits.attachment_bytes_max": "4M",
            "limits.rows_max": 5000, "limits.columns_max": 40, "limits.field_bytes_max": "32k",
            "response_bytes_max": "1M", "atomic_rows": 100}
BUSY = 51  # as LDAP has it
DAY = 24 * 3600 * 1000000
GRANTS = {
    "inside": "allow external=none",
    "creator": "allow types=FULL,FORWARD actions=ADD,MODIFY",
    "small": "allow rows=3",
    "chief": "allow administrators=yes",
    "maker": "allow domains=%s,%s types=DOMAIN,DOMAINALIAS create_domains=yes" % (DOMAIN, "new.example"),
    "wide": "allow domains=%s,%s,%s" % (DOMAIN, CLOSED, MISSING),
}


# --- what is compared ---

def shown_table(data):
    lines = data.decode("utf-8-sig").splitlines()
    more = len(lines) - TABLE_LINES
    lines = [line if len(line) <= 1000 else line[:100] + " (and so on)"
             for line in lines[:TABLE_LINES]]
    return "\n".join(lines + (["(and %d lines more)" % more] if more > 0 else [])) + "\n"


def shown(response):
    """The message as a person sees it, without what differs from run to run."""
    head = "".join("%s: %s\n" % (name, response.mail[name]) for name in ("From", "To", "Subject"))
    text = re.sub(r"(?m)^Time taken: .*$", "Time taken: 0.3 seconds", response.text)
    text = re.sub(r"(?m)^Job: .*$", "Job: 20261121-K7M2QP", text)
    parts = []
    for name, data in response.files.items():
        parts.append("\n--- attached: %s ---\n" % name)
        if name.endswith(".csv"):
            parts.append(shown_table(data))
    return head + "\n" + text.rstrip() + "\n" + "".join(parts)


def compare(name, response):
    path = os.path.join(FOLDER, name + ".txt")
    got = shown(response)
    if os.environ.get("BATCHLOAD_WRITE_GOLDEN"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(got)
        return
    with open(path, encoding="utf-8") as file:
        wanted = file.read()
    difference = "\n".join(difflib.unified_diff(
        wanted.splitlines(), got.splitlines(), os.path.basename(path), "what came", lineterm=""))
    if difference:
        raise AssertionError("another message:\n" + difference)


def consistent(world, response):
    """What holds for every message."""
    text = response.text
    for line in text.splitlines():
        if len(line) > COLUMNS and not line.startswith(("  Value:", "Line ")):
            words = line.split()
            tap.equal(len(words) > 2, False, "a long line: " + line)
    for secret in [SECRET] + list(world.passwords.values()):
        tap.absent(response.decoded, secret.encode(), "response")
    if response.subject.endswith(": not processed"):
        tap.contains(text, "Your request was not processed; nothing was changed.\n")
        tap.equal((response.files, failures(text)), ({}, {}), "rows of a refused request")
        return
    counts = dict(re.findall(r"(?m)^(Created|Changed|Deleted|Unchanged|Failed): (\d+)$", text))
    tap.equal(len(counts), 5, "counts")
    bad = int(counts["Failed"])
    rows = sum(map(int, counts.values()))
    said = "%d of %d row%s failed" % (bad, rows, "" if rows == 1 else "s") if bad else "processed ok"
    tap.contains(response.subject, said)
    tap.contains(text, said)
    if "result.csv" in response.files:
        tap.equal(len(response.rows()), rows, "rows of result.csv")
        check_words(response)


# --- the messages ---

CASES = {}


def case(name, *rows, **options):
    """A request of rows, or as world.ask takes them; options may be a function of the world."""
    CASES[name] = lambda world: world.ask(rows, **{"reference": "staff of july", **options})


def table(name, text, **options):
    case(name, csv=text, **options)


def special(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


def person(name, domain=DOMAIN, password=SECRET, kind="FULL", action="ADD", **cells):
    return row("%s %s %s@%s" % (action, kind, name, domain), PASSWORD=password, **cells)


# All is well.
case("ok-created", person("olga.one", GIVENNAME="Olga", SURNAME="One"),
     person("otto.two", GIVENNAME="Otto", SURNAME="Two"))
case("ok-without-reference", person("oda.three"), reference=None)
case("ok-created-changed-deleted",
     person("oskar.four"), row("MODIFY FULL olga.one", PASSWORD=SECRET, TITLE="Dr."),
     row("ADD LIST readers", LIST_MEMBER="olga.one otto.two guest@elsewhere.example"),
     row("ADD FORWARD office", MAILFORWARD=at("olga.one")),
     row("DELETE FULL oskar.four"))
case("ok-a-hyphen-clears", row("MODIFY FULL olga.one", PASSWORD=SECRET, TITLE="-"))
case("ok-unchanged", row("ADD LIST readers", LIST_MEMBER="olga.one otto.two"),
     row("DELETE LIST readers", LIST_MEMBER="anna"), row("ADD LIST readers"),
     row("MODIFY LIST team", DESCRIPTION="The team"))
case("ok-moved-to-a-list", row("DELETE FORWARD office"),
     row("ADD LIST office", LIST_MEMBER="olga.one"))
table("ok-no-rows", HEAD)
table("ok-windows-1252", (HEAD.replace("\n", ";SURNAME\n") + GOOD.replace(
    "\n", ";M\u00fcller\n")).encode("cp1252"))
case("ok-check", person("check.one"), row("DELETE FULL otto.two"), mode="check")
case("ok-atomic", person("atom.one"), row("ADD LIST atoms", LIST_MEMBER="atom.one"), mode="atomic")

# The whole request.
case("not-no-attachment", parts=lambda world: [mail.text_part(
    "Password: %s\nBatchload: staff of july\n" % world.passwords[world.admin])])
case("not-wrong-file-name", parts=lambda world: [mail.text_part(
    "Password: %s\n" % world.passwords[world.admin]),
    mail.attachment(HEAD + GOOD, name="batchload.csv.txt")])
case("not-a-workbook-attached", parts=lambda world: [mail.text_part(
    "Password: %s\n" % world.passwords[world.admin]),
    mail.attachment("PK", name="batchload.xlsx", type="application/octet-stream")])
case("not-two-attachments", parts=lambda world: [mail.text_part(
    "Password: %s\n" % world.passwords[world.admin])] + [mail.attachment(HEAD + GOOD)] * 2)
case("not-no-password", person("x"), password=None)
case("not-password-below", parts=lambda world: [mail.text_part(
    "Dear team,\n\nPassword: %s\n" % world.passwords[world.admin]),
    mail.attachment(HEAD + GOOD)])
case("not-wrong-password", person("x"), password="wrong")
case("not-password-twice", person("x"), headers=["Password: another"])
case("not-unknown-mode", person("x"), mode="undo")
case("not-reference-too-long", person("x"), reference="r" * 201)
case("not-reference-twice", person("x"), headers=["Batchload: another"])
case("not-damaged-mail", parts=lambda world: [mail.text_part(
    "Password: %s\n" % world.passwords[world.admin]), mail.attachment(HEAD + GOOD),
    b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx"])
case("not-winmail", parts=lambda world: [mail.text_part(
    "Password: %s\n" % world.passwords[world.admin]),
    mail.attachment("x", name="winmail.dat", type="application/ms-tnef")])
case("not-mail-too-large", person("x"), parts=lambda world: [mail.text_part(
    "Password: %s\n" % world.passwords[world.admin]),
    mail.attachment("x" * 6500000, name="movie.mpg")])
table("not-file-too-large", HEAD + GOOD + "\n" * 4300000)
table("not-empty-file", "")
table("not-no-headline", GOOD)
table("not-columns-missing", "DOMAIN;USER;PASSWORD\n%s;x;%s\n" % (DOMAIN, SECRET))
table("not-unknown-column", HEAD.replace("PASSWORD", "PASWORD") + GOOD)
table("not-strange-column", HEAD.replace("\n", ";SHOE SIZE\n") + GOOD.replace("\n", ";44\n"))
table("not-column-misspelt", HEAD.replace("ACTION", "ACTOIN") + GOOD)
table("not-several-columns", HEAD.replace("\n", ";FIRST NAME;SURNME;\n") + GOOD)
table("not-one-column", '"%s"\n"%s"\n' % (HEAD.strip(), GOOD.strip()))
table("not-column-twice", HEAD.replace("\n", ";User\n") + GOOD.replace("\n", ";x\n"))
table("not-column-without-name", HEAD.replace("\n", ";\n") + GOOD.replace("\n", ";x\n"))
table("not-column-not-available", HEAD.replace("\n", ";FOLDERS\n") + GOOD.replace("\n", ";5\n"))
table("not-open-quote", HEAD + GOOD.replace(SECRET, '"' + SECRET) + GOOD)
table("not-quote-inside", HEAD + GOOD.replace("max", 'm"a"x'))
table("not-nul", HEAD + GOOD.replace("max", "m\0x"))
table("not-mixed-encodings", (HEAD.replace("\n", ";SURNAME\n") + GOOD.replace(
    "\n", ";M\u00fcller\n")).encode() + GOOD.replace("\n", ";M\u00fcller\n").encode("cp1252"))
table("not-an-excel-file", b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0" + bytes(range(256)) * 4)
table("not-too-many-rows", HEAD + GOOD * 5001)
table("not-cell-too-long", HEAD + GOOD.replace("max", "m" * 40000))
case("not-more-rows-than-granted", *[person("x%d" % number) for number in range(4)],
     sender=at("small"))
case("not-too-many-for-atomic", *[person("x%d" % number) for number in range(101)], mode="atomic")

# Rows.
case("one-row-failed", person("anna"))
case("some-rows-failed", person("sam.one"), person("sam.two", password=""),
     row("DELETE FULL sam.three"), person("sam.four", domain=OTHER))
case("address-taken", person("anna"), row("ADD FORWARD anna", MAILFORWARD=at("ben")),
     row("ADD LIST info", LIST_MEMBER="ben"), row("ADD FORWARD info", MAILFORWARD=at("ben")),
     row("ADD FULL team", PASSWORD=SECRET))
case("address-not-available", person("thing"), row("DELETE FULL second"))
case("address-not-there", row("DELETE FULL zoe"), row("MODIFY FORWARD zoe", MAILFORWARD=at("ben")),
     row("DELETE LIST zoe"), row("MODIFY FULL zoe", PASSWORD=SECRET))
case("other-type", row("DELETE FULL team"), row("DELETE LIST anna"),
     row("MODIFY FORWARD anna", MAILFORWARD=at("ben")), row("MODIFY FULL info", PASSWORD=SECRET))
case("domain-not-yours", person("max", domain=OTHER), person("max", domain="somedomian.example"),
     person("max", domain="somedomain"), row("DELETE FULL theirs@" + OTHER))
case("domain-not-ready", person("max", domain=CLOSED), person("max", domain=MISSING),
     sender=at("wide"))
case("address-malformed", person("Max Muster"), person("m\u00fcller"), person("-max"),
     {**person("max"), "USER": at("max")}, {**person("max"), "USER": ""},
     {**person("max"), "DOMAIN": ""}, {**person("max"), "DOMAIN": "some domain.example"},
     {**person("max"), "DOMAIN": "@" + DOMAIN}, {**person("max"), "DOMAIN": "a..example"},
     {**person("m" * 70)})
case("address-reserved", person("postmaster"), person("Abuse"),
     person("batch"), row("DELETE LIST batch"))
case("administrators", row("MODIFY FULL chief", PASSWORD=SECRET), row("DELETE FULL chief"),
     row("DELETE FULL admin"), row("ADD LIST admin", LIST_MEMBER="anna"))
case("type-and-action", person("max", kind="FUL"), person("max", kind="MAILBOX"),
     person("max", kind=""), person("max", action="IMPORT"), person("max", action="CREATE"),
     person("max", action="DELET"), person("max", action=""))
case("shown", row("SHOW FULL anna"), row("EXPORT FULL ben"))
case("shown-check", row("SHOW FULL anna"), person("max"), row("SHOW FULL max"), mode="check")
case("show-problems", row("SHOW LIST team"), row("SHOW FULL zoe"), row("EXPORT FULL team"),
     row("SHOW DOMAIN @" + DOMAIN), row("EXPORT DOMAIN @" + OTHER))
case("show-not-granted", row("EXPORT FULL anna"), sender=at("creator"))
case("action-not-granted", row("DELETE FULL anna"), row("ADD LIST max", LIST_MEMBER="anna"),
     sender=at("creator"))
case("password-problems", person("max", password=""), person("max", password="-"),
     row("MODIFY FULL anna", TITLE="Dr."), person("max", password="   "),
     person("max", password="x" * 600), person("max", password="a\tb"),
     row("ADD FORWARD max", PASSWORD=SECRET, MAILFORWARD=at("anna")),
     person("max", password="\u201eKennwort\u201c"), person("max", password="#REF!"))
case("password-hashes", person("max", password="{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
     person("max", password="{CLEARTEXT}" + SECRET), person("max", password="{CRYPT}$6$salt$short"),
     person("max", password="{CRYPT}$6$rounds=999999999$saltsalt$" + "a" * 86))
case("forward-targets", row("ADD FORWARD max"),
     row("ADD FORWARD max", MAILFORWARD="anna@somedomain.example, ben@somedomain.example"),
     row("ADD FORWARD max", MAILFORWARD="anna"), row("ADD FORWARD max", MAILFORWARD=at("zoe")),
     row("ADD FORWARD max", MAILFORWARD="-"), row("ADD FORWARD max", MAILFORWARD="a@b@c.example"),
     row("ADD FORWARD max", LIST_MEMBER="anna", MAILFORWARD=at("anna")),
     row("ADD FULL max", PASSWORD=SECRET, MAILFORWARD="~" + at("anna")))
case("list-members", row("ADD LIST new", LIST_MEMBER="anna zoe"),
     row("ADD LIST new", LIST_MEMBER="zoe anna zack zita"),
     row("ADD LIST new", LIST_MEMBER="anna;ben"), row("ADD LIST new", LIST_MEMBER="m\u00fcller"),
     row("ADD LIST new", LIST_MEMBER="-"), row("MODIFY LIST team", LIST_MEMBER="ben"),
     row("ADD LIST new", MAILFORWARD=at("anna")), row("ADD FULL max", PASSWORD=SECRET,
                                                      LIST_MEMBER="anna"),
     row("ADD LIST team", DESCRIPTION="Another"))
case("loops", row("ADD FORWARD self", MAILFORWARD=at("self")), row("ADD LIST new", LIST_MEMBER="new"),
     row("MODIFY FORWARD ring1", MAILFORWARD=at("ring2")),
     row("ADD FORWARD max", MAILFORWARD="batch_load@ibpmail.example"),
     row("ADD LIST new", LIST_MEMBER="astray"))
case("external-none", row("ADD FORWARD max", MAILFORWARD="max@elsewhere.example"),
     row("ADD LIST new", LIST_MEMBER="anna theirs@" + OTHER), sender=at("inside"))
case("values-refused", person("max", COUNTRYNAME="Germany"), person("max", PHONE="030/\u00fc1"),
     person("max", TITLE="T" * 1100), person("max", TITLE="two\nlines"),
     person("max", ISDNUMBER="+49 30 1"), person("max", SIPADDRESS="\u00fc"),
     row("MODIFY FULL anna", PASSWORD=SECRET, SURNAME="-"))
case("spreadsheet-damage", person("max", PHONE="4.9E+11"), person("max", PHONE="4,9E+11"),
     person("max", MOBILE="########"), person("max", TITLE="#N/A"), person("max", SURNAME="#REF!"),
     person("4.9E+11"))
case("lost-zeros", person("zara", POSTALCODE="1234"), person("zora", POSTALCODE="01234"))
table("ragged-rows", HEAD + GOOD.replace(SECRET, "Sommer;Regen") + DOMAIN + ";max;FULL\n" +
      DOMAIN + ";max;FULL;ADD\n")
table("shifted-rows", "DOMAIN;PASSWORD;USER;TYPE;ACTION\n%s;%s;FULL;ADD;\n" % (DOMAIN, SECRET))
table("same-row-twice", HEAD + GOOD.replace("max", "mia") * 2 +
      (DOMAIN + ";mia.muster;FULL;DELETE;\n") * 2)
case("depends-on-a-failed-row", person("pia", password=""),
     row("ADD LIST choir", LIST_MEMBER="anna pia"))
# All types, by one who may make domains; nothing of this succeeds.
case("aliases-and-catch-alls", row("ADD ALIAS x"), row("ADD ALIAS x", TARGET="team"),
     row("ADD ALIAS x", TARGET="anna ben"), row("ADD ALIAS anna", TARGET="ben"),
     row("ADD ALIAS x", TARGET="x@elsewhere.example"), row("MODIFY ALIAS x", TARGET="ben"),
     row("ADD CATCHALL all", TARGET="anna"), row("ADD CATCHALL @" + DOMAIN, TARGET="zoe"),
     row("DELETE CATCHALL @" + DOMAIN))
case("groups-and-resources", row("ADD GROUP x"), row("ADD GROUP x", MEMBER="team"),
     row("ADD GROUP x", MEMBER="x@elsewhere.example"), row("ADD GROUP x", LIST_MEMBER="anna"),
     row("SUSPEND GROUP x"), row("ADD RESOURCE x", PASSWORD=SECRET),
     row("ADD RESOURCEGROUP x", MEMBER="anna"), row("ADD LIST x", MEMBER_NAME="Xaver"),
     row("ADD DLIST x", LIST_MEMBER="anna", MEMBER_NAME="Anna"))
case("automatic-answers", row("ADD AUTORESPONDER anna"), row("ADD AUTORESPONDER zoe", MESSAGE="x"),
     row("ADD AUTORESPONDER team", MESSAGE="x"), row("DELETE AUTORESPONDER anna"),
     row("MODIFY AUTORESPONDER anna", MESSAGE="-"), row("ADD AUTORESPONDER anna", MESSAGE="x" * 5000))
case("spam-filters", *[row("ADD SPAMFILTER @" + DOMAIN, FILTER=each) for each in (
    "", "192.0.2.0/24", "*@x.example", "x.example y.example")],
     row("ADD SPAMFILTER @" + DOMAIN, FILTER="x.example", FILTERTYPE="EMAIL"),
     row("ADD SPAMFILTER @" + DOMAIN, FILTER="x.example", FILTERTYPE="HOST"),
     row("DELETE SPAMFILTER @" + DOMAIN, FILTER="x.example"))
NEW = "new.example"
case("domains", row("ADD DOMAIN @" + DOMAIN), row("ADD DOMAIN max@" + NEW), row("MODIFY DOMAIN @" + NEW),
     row("SUSPEND DOMAIN @" + NEW), row("DELETE DOMAIN @" + NEW), row("ADD DOMAIN @" + NEW, OWNER="max"),
     row("ADD DOMAIN @" + NEW, OWNER="max@x.example", PASSWORD=SECRET),
     row("MODIFY DOMAIN @" + DOMAIN, MAX_MAILBOXES="some"), row("MODIFY DOMAIN @" + DOMAIN, OWNER="zoe"),
     row("MODIFY DOMAIN @" + DOMAIN, IP="mail.example"), row("MODIFY DOMAIN @" + DOMAIN, WEB_URL="mail.example"),
     row("MODIFY DOMAIN @" + DOMAIN, ENABLE_FORWARDS="-"), row("DELETE DOMAIN @" + DOMAIN),
     row("ADD DOMAINALIAS @" + NEW), row("ADD DOMAINALIAS @" + NEW, TARGET=OTHER),
     row("DELETE DOMAINALIAS @" + DOMAIN), sender=at("maker"))
case("domains-without-the-right", row("ADD DOMAIN @" + NEW), row("DELETE DOMAIN @" + DOMAIN))
case("suspension", row("SUSPEND FULL zoe"), row("SUSPEND LIST anna"), row("RESUME FULL admin"))
case("values-of-mailboxes", *[row("MODIFY FULL anna", PASSWORD=SECRET, **each) for each in (
    {"QUOTA": "1 GB"}, {"ACTIVATED": "perhaps"}, {"LANGUAGE": "de DE"}, {"ALIAS": "+x y"},
    {"ALIAS": "ben"}, {"MAILFORWARD": "x"}, {"ENABLE_SPAMFILTERS": "1"}, {"MAX_MAILBOXES": "5"})])
case("values-hostile", person("max", domain="=cmd|' /C calc'!A0"),
     person("x\nCreated: 999"), person("max", kind="<b>FULL</b>"))
case("more-than-200-failed", person("good.one"),
     *[person("pupil%d" % number, domain="scool.example") for number in range(205)])
case("failed-check", person("anna"), person("paul"), mode="check")
case("failed-check-no-password-column", row("DELETE FULL zoe"), row("DELETE FORWARD info"),
     mode="check")
case("failed-without-password-column", row("DELETE FULL zoe"), row("DELETE LIST zoe"))
case("failed-atomic", person("paul"), person("anna"), mode="atomic")


REFUSED = row("MODIFY FULL anna", PASSWORD=SECRET, PHONE="\u00a7")


@contextlib.contextmanager
def configured(world, settings):
    """The daemon with these settings, too."""
    world.milter.configure(dict(world.settings, **settings))
    world.milter.restart()
    try:
        yield
    finally:
        world.milter.configure(world.settings)
        world.milter.restart()


@special
def shown_too_much(world):
    with configured(world, {"limits.export_rows_max": 1}):
        return world.ask([row("SHOW FULL anna"), row("SHOW FULL ben")], reference="staff of july")


@special
def shown_compressed(world):
    with configured(world, {"compress_above": 0}):
        return world.ask([row("SHOW FULL anna")], reference="staff of july")


def sent(world, rows, **options):
    raw = world.request(rows, reference="staff of july", **options)
    tap.equal(world.send(raw).code, 250, "reply")
    return raw


def waiting(world, raw, state):
    """The number of its job, once it waits in the state."""
    def find():
        jobs = [json.loads(line) for line in world.command("queue", "-j").splitlines()]
        return [job["id"] for job in jobs if job["message_id"] == message_id_of(raw)
                and job["state"] == state and job["waiting"]]
    return wait_for(find, "the job to wait", 60)[0]


def cancel(world, job):
    world.command("cancel", job)


@special
def failed_atomic_undone(world):
    return world.ask([person("paul"), row("DELETE LIST team", LIST_MEMBER="ben"), REFUSED],
                     mode="atomic", reference="staff of july")


def write_title(world, title):
    """Somebody else does."""
    world.slapd.modify("dn: %s\nchangetype: modify\nreplace: title\ntitle: %s\n" %
                       (world.slapd.dn(at("ben")), title))


@special
def failed_atomic_not_all_undone(world):
    gate = LdapGate(world.nursery, world.slapd.port)
    with configured(world, {"directory.uri": gate.uri}):
        held = gate.set(Trap(HOLD, kinds=(ADD,)))
        raw = sent(world, [row("MODIFY FULL ben", PASSWORD=SECRET, TITLE="Dr."), person("paul"),
                           REFUSED], mode="atomic")
        tap.equal(held.hit.wait(60), True, "the second row on its way")
        wait_for(lambda: world.entry(at("ben")).get("title") == ["Dr."], "the first row", 60)
        write_title(world, "Prof.")
        gate.release()
        return world.response(raw)


class Meddler(LdapGate):
    """Before each change of the entry that goes through, somebody else changes it."""

    def __init__(self, world):
        self.world = world
        self.times = 0
        super().__init__(world.nursery, world.slapd.port)

    def meet(self, kind, data):
        if kind == MODIFY and at("ben").encode() in data:
            self.times += 1
            write_title(self.world, "Title %d" % self.times)
        return super().meet(kind, data)


@special
def changed_by_somebody_else(world):
    gate = Meddler(world)
    with configured(world, {"directory.uri": gate.uri}):
        response = world.ask([row("MODIFY FULL ben", PASSWORD=SECRET, TITLE="Dr."),
                              person("bodo.one")], reference="staff of july")
    tap.equal(world.entry(at("ben")).get("title"), ["Title %d" % gate.times], "title")
    return response


@special
def not_cancelled(world):
    world.slapd.kill()
    raw = sent(world, [person("paul")])
    cancel(world, waiting(world, raw, "received"))
    world.slapd.start()
    return world.response(raw)


@special
def cancelled_half_way(world):
    gate = LdapGate(world.nursery, world.slapd.port)
    with configured(world, {"directory.uri": gate.uri, "slice_rows": 2}):
        gate.set(Trap(REFUSE, kinds=(SEARCH,), words=b"half.three", times=1000, code=BUSY))
        raw = sent(world, [person("half." + each) for each in ("one", "two", "three", "four")])
        cancel(world, waiting(world, raw, "working"))
        gate.release()
        return world.response(raw)


def given_up(world, raw):
    """The response to a request that waits and came longer ago than proof_wait, as it seems."""
    identifier = waiting(world, raw, "received")
    world.milter.kill()
    with contextlib.closing(sqlite3.connect(world.milter.spool + "/spool.db")) as spool, spool:
        spool.execute("UPDATE job SET received = received - ? WHERE id = ?", (6 * DAY, identifier))
    world.milter.start()
    world.wait_log("job=" + identifier, "action=refuse")
    world.slapd.running() or world.slapd.start()
    return world.response(raw)


@special
def not_proven_in_time(world):
    world.slapd.kill()
    return given_up(world, sent(world, [person("paul")]))


@special
def not_parsed_in_time(world):
    # What it does is told by its name.
    parser = world.nursery.path("killed")
    shutil.copy(os.path.join(BUILD, "parse-helper"), parser)
    os.chmod(parser, 0o755)
    with configured(world, {"parser": parser}):
        return given_up(world, sent(world, [person("paul")]))


def many(tag, description):
    """Rows that are done and make attachments large, between two that fail."""
    return [row("DELETE FULL zoe")] + [
        row("ADD FORWARD %s%d" % (tag, number), MAILFORWARD=at("anna"),
            DESCRIPTION=description(number)) for number in range(400)] + [person("anna")]


def noise(number):
    return "".join(random.Random(number).choices(string.ascii_letters, k=4000))


case("attachments-compressed", *many("c", lambda number: "long " * 800))
case("attachments-left-out", *many("l", noise))
case("attachments-left-out-check", *many("k", noise), mode="check")
case("ok-attachments-left-out", *many("m", noise)[1:-1])


def one(world, name):
    response = CASES[name](world)
    compare(name, response)
    consistent(world, response)


for each in CASES:
    tap.test("R4.4 " + each)(lambda world, name=each: one(world, name))


@tap.test("each file of test-fixtures/message is one of these messages")
def no_other(_world):
    tap.equal(sorted(os.listdir(FOLDER)), sorted(name + ".txt" for name in CASES), "files")


def profile_of_digits(nursery):
    """The shipped profile, which knows how long a postal code is; its path."""
    with open(Tree.from_environment().profile, encoding="utf-8") as file:
        profile = file.read()
    path = nursery.path("digits.conf")
    write(path, profile.replace("# POSTALCODE = 5", "POSTALCODE = 5"), 0o644)
    return path


class MessageWorld(World):
    def __init__(self):
        senders = "".join("%s %s\n" % (at(user), grant) for user, grant in GRANTS.items())
        nursery = Nursery()
        try:
            self.settings = dict(SETTINGS, profile=profile_of_digits(nursery))
            super().__init__(settings=self.settings, senders=senders, nursery=nursery)
        except BaseException:
            nursery.close()
            raise
        try:
            self._entries()
        except BaseException:
            self.close()
            raise

    def _entries(self):
        for user in GRANTS:
            self.passwords[at(user)] = "the password of " + user
            self.add_account(at(user), self.passwords[at(user)])
        for user in ("anna", "ben"):
            self.add_account(at(user), user)
        self.add_forward(at("info"), at("anna"))
        self.add_list(at("team"), at("anna"), at("ben"))
        self.add_forward(at("ring1"), "x@elsewhere.example")
        self.add_forward(at("ring2"), at("ring1"))
        self.add_forward(at("astray"), self.batch_address)
        self.slapd.add(self.slapd.domain_ldif(CLOSED) + "batchloadEnabled: FALSE\n")
        # Not made by a profile that the service knows, and a second address of such an entry.
        self.slapd.add("dn: %s\nobjectClass: inetOrgPerson\nmail: %s\nmail: %s\ncn: x\nsn: x\n" % (
            self.slapd.dn(at("thing")), at("thing"), at("second")))

    def command(self, *words):
        """Standard output of the command, which must succeed."""
        return subprocess.run([self.tree.command, "-c", self.milter.conf, *words], check=True,
                              capture_output=True, text=True, timeout=60).stdout

    def ask(self, rows=(), seconds=120, **options):
        if callable(options.get("parts")):
            options["parts"] = options["parts"](self)
        return super().ask(rows, seconds, **options)


if __name__ == "__main__":
    tap.main(MessageWorld)
