# SPDX-License-Identifier: MIT
"""doc/administrators-guide.md says what is so: its files work in the order in which they stand, its
response is what comes back, and its frequent errors are told in these words."""

import csv
import os
import re
import subprocess

import tap
from harness import World, attachment, text_part
from harness.milter import Milter
from rows import DOMAIN, SECRET, alike, row

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PASSWORD = "Winter;\"Sonne\"17"  # as the page tells it in words
ERIKA, HANS = "erika.muster@" + DOMAIN, "hans.probe@" + DOMAIN
GABI, INFO, TEAM = "gabi.beispiel@" + DOMAIN, "info@" + DOMAIN, "team@" + DOMAIN
EVERYONE, SALES = "everyone@" + DOMAIN, "sales@" + DOMAIN
BRANCH, BRANCH_TOO = "branch.example", "branch-office.example"
HEAD = "DOMAIN;USER;TYPE;ACTION;PASSWORD\n"

# What makes each of the frequent errors of a line; erika.muster, team, sales and, with two mailboxes
# of two, branch.example are there.
THERE = [
    row("ADD FULL erika.muster", PASSWORD=SECRET),
    row("ADD LIST team", LIST_MEMBER="erika.muster"),
    row("ADD GROUP sales", MEMBER="erika.muster"),
    row("ADD DOMAIN @" + BRANCH, MAX_MAILBOXES="2", ENABLE_MAILINGLISTS="0"),
    row("ADD FULL one@" + BRANCH, PASSWORD=SECRET),
    row("ADD FULL two@" + BRANCH, PASSWORD=SECRET),
]
ROWS = {
    "You may not manage": lambda world: {"rows": [row("ADD DOMAIN @new.example")],
                                         "sender": world.other_admin},
    "TYPE ALIAS has no": row("MODIFY ALIAS e.muster", TARGET=ERIKA),
    "A group is never": row("DELETE GROUP sales", MEMBER="erika.muster"),
    "The domain branch.example may": row("ADD FULL three@" + BRANCH, PASSWORD=SECRET),
    "Lists are switched off": row("ADD LIST all@" + BRANCH),
    "Of your own address": row("DELETE FULL admin"),
    "The address erika.muster@": row("ADD FULL erika.muster", PASSWORD=SECRET),
    "There is no mailbox": row("DELETE FULL nobody"),
    "The address team@": row("DELETE FULL team"),
    "The domain otherdomain": row("ADD FULL max@otherdomain.example", PASSWORD=SECRET),
    "PASSWORD is empty": row("ADD FULL anna.new"),
    "MAILFORWARD has a comma": row("ADD FORWARD f", MAILFORWARD="a@b.example, c@d.example"),
    "MAILFORWARD must hold": row("ADD FORWARD f", MAILFORWARD="erika"),
    "There is no address": row("ADD LIST l", LIST_MEMBER="zoe"),
    "The user part of the address can't": {**row("ADD FULL x", PASSWORD=SECRET), "USER": ERIKA},
    "The user part of the address has": row("ADD FULL m\u00fcller", PASSWORD=SECRET),
    "The address postmaster": row("ADD FULL postmaster", PASSWORD=SECRET),
    "COUNTRYNAME": row("ADD FULL c", PASSWORD=SECRET, COUNTRYNAME="Germany"),
    "The row has 6": HEAD + DOMAIN + ";c;FULL;ADD;ab;cd\n",
    "Unknown TYPE": row("ADD FUL l"),
}

# Of the whole request: what it is asked with.
REQUESTS = {
    "No file named batchload.csv is attached to the mail.": lambda world: {"parts": [
        text_part("Password: %s\n" % world.passwords[world.admin]),
        attachment(HEAD, name="batchload.csv.txt")]},
    "No file named batchload.csv is attached to the mail, but": lambda world: {"parts": [
        text_part("Password: %s\n" % world.passwords[world.admin]),
        attachment(HEAD, name="batchload.xls")]},
    "The mail has no password where": lambda world: {"parts": [
        text_part("Good morning\nPassword: %s\n" % world.passwords[world.admin]),
        attachment(HEAD)]},
    "Each line of": lambda world: {"csv": '"%s"\n' % HEAD.strip()},
    "The mail has no password.": lambda world: {"csv": HEAD, "password": None},
    "The password is": lambda world: {"csv": HEAD, "password": "another"},
    "The first line": lambda world: {"csv": DOMAIN + ";anna;FULL;ADD;x\n"},
    "Unknown column": lambda world: {"csv": HEAD.replace("SS", "S")},
    "batchload.csv ends": lambda world: {"csv": HEAD + DOMAIN + ";anna;FULL;ADD;\"x\n"},
}


def page():
    with open(os.path.join(TOP, "doc", "administrators-guide.md"), encoding="utf-8") as file:
        return file.read()


def blocks(kind):
    found = re.findall(r"(?ms)^```([^\n]*)\n(.*?)^```$", page())
    return [text for word, text in found if word == kind]


def errors(heading):
    """What it says, of the table after the heading."""
    rest = page().partition("\n## Frequent errors\n")[2].partition("\n%s\n" % heading)[2]
    lines = re.match(r"\n\|.*\n\|.*\n((?:\|.*\n)+)", rest).group(1).splitlines()
    return [line.split(" | ")[0].lstrip("| ") for line in lines]


def by_beginning(said, causes):
    """[(words, cause)]; each of both must have its other."""
    pairs = [(words, key) for words in said for key in causes if words.startswith(key)]
    tap.equal(sorted(key for _, key in pairs), sorted(causes), "errors that the page tells")
    tap.equal([words for words, _ in pairs], said, "errors that this test makes")
    return [(words, causes[key]) for words, key in pairs]


def plain_mail():
    return blocks("")[0]


@tap.test("the page's mail is written to the address and from the sender that it names")
def the_mail(world):
    tap.contains(plain_mail(), "From: %s\nTo: %s\nSubject: PROCESS\n" % (
        world.admin, world.batch_address))


def contract():
    with open(os.path.join(TOP, "doc", "requests.md"), encoding="utf-8") as file:
        return file.read()


def types():
    """All that there are, as the contract's table has them."""
    table = contract().partition("## 8. ")[2].partition("\n\n- **")[0]
    found = re.findall(r"(?m)^\| ([A-Z]+) \| .*\| yes \|", table)
    tap.equal(len(found), 13, "types")
    return found


def manual_page():
    with open(os.path.join(TOP, "man", "batchload-csv.5.in"), encoding="utf-8") as file:
        return file.read()


@tap.test("R3.49 the page names every column that there is")
def columns(_world):
    told = re.search(r"(?s)White pages, all optional: (.*?)\.\n", contract()).group(1)
    wanted = set(re.findall(r"[A-Z]{3,}", told)) - {"EMPLOYEEETYPE"}
    text = page().partition("Others as you need them:")[2].partition("None has a")[0]
    tap.equal(set(re.findall(r"[A-Z]{3,}", text)), wanted | {"PASSWORD", "MAILFORWARD"}, "columns")
    others = manual_page().partition(".Ss Columns")[2].partition(".Ss Types")[0]
    others = set(re.findall(r"(?m)^\.It Cm ([A-Z ]+)$", others)) - {"RESULT", "REASON"}
    tap.equal(len(others) > 30, True, "columns of the manual page")
    tap.equal([name for name in sorted(others) if not re.search(r"\b%s\b" % name, page())], [],
              "columns that the page does not name")


@tap.test("R2.17 Mode: check changes nothing and tells what would have become of each line")
def checked(world):
    response = world.ask(csv=blocks("csv")[0], mode="check")
    tap.contains(page(), "`Mode: check` on a line of its own: nothing is changed")
    tap.equal((response.results, world.entry(ERIKA)), (["created", "created"], None), "check")
    tap.contains(page(), "`Mode: atomic`: all lines are done, or none")
    world.ask(csv=blocks("csv failing")[0], mode="atomic")
    tap.equal(world.entry("anna@" + DOMAIN), None, "the good line beside bad ones")


@tap.test("R3.19 to R3.27: each file of the page is processed ok, in the order of the page, and has "
          "each type")
def files(world):
    found = blocks("csv")
    cells = {(each["TYPE"], each["ACTION"]) for text in found
             for each in csv.DictReader(text.splitlines(keepends=True), delimiter=";")}
    wanted = {(kind, action) for kind in types() for action in ("ADD", "DELETE")}
    wanted |= {(kind, "MODIFY") for kind in ("FULL", "FORWARD", "LIST", "GROUP", "DOMAIN")}
    wanted |= {(kind, action) for kind in ("FULL", "DOMAIN") for action in ("SUSPEND", "RESUME")}
    wanted |= {("FULL", "SHOW"), ("DOMAIN", "EXPORT")}
    tap.equal(sorted(cells), sorted(wanted), "cells")
    looks = [full_added, full_changed, full_named, full_filled, full_deleted, forward_added, forward_changed,
             forward_deleted, list_added, list_changed, list_named, list_deleted, more_added,
             answer_added, group_added, more_deleted, blocked, domain_added, domain_deleted, shown]
    tap.equal(len(found), len(looks), "files")
    for text, look in zip(found, looks):
        response = world.ask(csv=text)
        tap.equal(response.subject, "Batchload: processed ok", text + response.text)
        world.response_shown = response
        look(world)


def full_named(world):
    entry = world.entry("office.one@" + DOMAIN)
    tap.equal((entry["displayname"], sorted(entry["physicaldeliveryofficename"])),
              (["Office One"], ["Room 1", "Room 2"]), "attributes")


def shown(world):
    rows = world.response_shown.rows("export.csv")
    tap.equal([(each["USER"], each["TYPE"]) for each in rows[:1]], [("erika.muster", "FULL")], "SHOW")
    tap.equal(len(rows) > 3, True, "EXPORT")
    tap.equal({each["PASSWORD"] for each in rows}, {""}, "passwords")


MORE = ["%s@%s" % (local, DOMAIN) for local in ("e.muster", "", "room")]
GROUPS = [SALES, "rooms@" + DOMAIN]


def more_added(world):
    for each in MORE:
        tap.equal(world.entry(each) is not None, True, each)


def group_added(world):
    tap.equal([world.entry(each)["batchloadmember"] for each in GROUPS], [[ERIKA], [MORE[2]]],
              "members")
    tap.equal(world.entry(SALES)["description"], ["Sales and service"], "description")


def domain(world, name):
    return world.slapd.search("(ou=%s)" % name, "ou=domains," + world.base)


def blocked(world):
    entry, = domain(world, DOMAIN).values()
    tap.equal(sorted(entry["batchloadblocked"]),
              ["DOMAIN:adverts.example", "EMAIL:pest@elsewhere.example"], "blocked")
    for sender in ("pest@elsewhere.example", "x@mail.adverts.example"):
        tap.equal(world.send_plain(ERIKA, sender=sender)[0].code // 100, 5, sender)


def domain_added(world):
    entry, = domain(world, BRANCH).values()
    tap.equal([entry[name] for name in ("batchloadmailboxesmax", "batchloadmailinglists",
                                        "batchloadowner", "batchloadenabled")],
              [["80"], ["TRUE"], ["boss@" + BRANCH], ["TRUE"]], "domain")
    tap.equal(world.can_login("boss@" + BRANCH, "Wolken-Meer-5"), True, "login")
    tap.equal(world.send_plain("boss@" + BRANCH_TOO)[0].code, 250, "the second name")


def domain_deleted(world):
    tap.equal((domain(world, BRANCH_TOO), domain(world, BRANCH)), ({}, {}), "domains")
    tap.equal(world.entry("boss@" + BRANCH), None, "mailbox")


def answer_added(world):
    tap.equal(world.entry(ERIKA)["batchloadreplymessage"], ["I am back on Monday.\nErika"], "answer")


def more_deleted(world):
    tap.equal([world.entry(each) for each in MORE + GROUPS], [None] * 5, "entries")
    tap.equal(world.entry(ERIKA).get("batchloadreplymessage"), None, "answer")


def full_added(world):
    tap.equal(world.can_login(ERIKA, "Sommer-Regen-42"), True, "login")
    tap.equal(world.can_login(HANS, PASSWORD), True, "login")


def full_changed(world):
    tap.equal(world.can_login(ERIKA, "Herbst-Wind-3"), True, "login")
    tap.equal(world.entry(ERIKA).get("telephonenumber"), None, "telephone")


def full_filled(world):
    entry = world.entry(GABI)
    tap.equal([entry[name] for name in ("batchloadquota", "preferredlanguage", "batchloadtimezone",
                                        "batchloadtarget")],
              [["1000"], ["de_DE"], ["Europe/Berlin"], ["gabi@elsewhere.example"]], "entry")
    tap.equal([(world.entry(each + "@" + DOMAIN) or {}).get("batchloadtarget")
               for each in ("gabi", "gb", "g.beispiel")], [[GABI], [GABI], None], "aliases")


def full_deleted(world):
    tap.equal(world.entry(HANS), None, "entry")


def forward_added(world):
    tap.equal(len(world.entry(INFO)["batchloadtarget"]), 2, "targets")


def forward_changed(world):
    tap.equal(world.entry(INFO)["batchloadtarget"], [ERIKA], "targets")


def forward_deleted(world):
    tap.equal(world.entry(INFO), None, "entry")


def list_added(world):
    tap.equal(sorted(world.entry(TEAM)["batchloadmember"]), [ERIKA, "guest@elsewhere.example"],
              "members")


def list_changed(world):
    tap.equal(world.entry(TEAM)["description"], ["All of us and a guest"], "description")


def list_named(world):
    tap.equal(world.entry(TEAM)["batchloadmembername"], ["karl@elsewhere.example Karl Gast"], "name")
    tap.equal(len(world.entry(EVERYONE)["batchloadmember"]), 2, "members")


def list_deleted(world):
    tap.equal((world.entry(TEAM), world.entry(EVERYONE)), (None, None), "entries")


@tap.test("R4.4 the page's response is what comes back")
def the_response(world):
    reference = re.search(r"(?m)^Batchload: (.*)$", plain_mail()).group(1)
    failing, = blocks("csv failing")
    response = world.ask(csv=failing, reference=reference)
    shown = blocks("")[1]
    got = "Subject: %s\n\n%s\n[attachments: %s]\n" % (
        response.subject, response.text.rstrip(), ", ".join(response.files))
    tap.equal(alike(got), alike(shown), "response")


@tap.test("R4.7 the batchload.csv that came back is corrected as the page says, and works")
def again(world):
    failing, = blocks("csv failing")
    response = world.ask(csv=failing.replace("anna", "dora").replace("ben", "emil"))
    text = response.files["batchload.csv"].decode("utf-8-sig")
    text = text.replace("emil;FULL;ADD;;", "emil;FULL;ADD;Abend-Stern-8;")
    text = text.replace("carl;FULL;DELETE", "dora;FULL;DELETE")
    tap.equal(world.ask(csv=text).subject, "Batchload: processed ok", text)


@tap.test("frequent errors of a line are told word for word")
def lines(world):
    world.ask(THERE)
    pairs = by_beginning(errors("Of a line:"), ROWS)
    asked = [(words, cause) for words, cause in pairs if isinstance(cause, dict)]
    reasons = [each["REASON"] for each in world.ask([cause for _, cause in asked]).rows()]
    tap.equal(len(reasons), len(asked), "rows")
    for (words, _), reason in zip(asked, reasons):
        tap.contains(reason, words)
    for words, cause in pairs:
        if not isinstance(cause, dict):
            options = cause(world) if callable(cause) else {"csv": cause}
            tap.contains(world.ask(**options).rows()[0]["REASON"], words)


@tap.test("frequent errors of the whole request are told word for word")
def wholes(world):
    for words, cause in by_beginning(errors("Of the whole request:"), REQUESTS):
        response = world.ask(**cause(world))
        tap.contains(response.subject, ": not processed")
        tap.contains(response.words, words)


@tap.test("the example of batchload-csv(5) is processed ok")
def manual(world):
    text = re.search(r"(?ms)^\.Bd -literal\n(.*?)^\.Ed$", manual_page()).group(1)
    response = world.ask(csv=text.replace("example.com", DOMAIN))
    tap.equal(response.results, ["created", "created", "changed", "changed", "changed", "deleted"],
              response.text)


@tap.test("the sample file is what batchload sample prints, and is processed ok")
def sample(world):
    with open(os.path.join(TOP, "doc", "batchload.csv"), encoding="utf-8") as file:
        text = file.read()
    printed = subprocess.run([world.tree.command, "sample"], capture_output=True, timeout=60,
                             check=True).stdout.decode()
    tap.equal(printed, text, "sample")
    world.ask([row("DELETE GROUP sales"), row("DELETE FULL erika.muster"), row("DELETE LIST team")])
    response = world.ask(csv=text)
    tap.equal(response.subject, "Batchload: processed ok", response.text)


class GuideMilter(Milter):
    """The page's administrator manages other domains, too, and may create and delete them. The
    first line for an address counts."""

    def write_senders(self, text):
        super().write_senders("admin@%s allow domains=%s types=%s create_domains=yes\n%s" % (
            DOMAIN, ",".join((DOMAIN, BRANCH, BRANCH_TOO)), ",".join(types()), text))


class GuideWorld(World):
    def make_milter(self, values, settings):
        return GuideMilter(self.nursery, self.tree, values, self.log, self.service_password,
                           settings)


if __name__ == "__main__":
    tap.main(GuideWorld)
