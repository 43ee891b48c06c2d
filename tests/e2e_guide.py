# SPDX-License-Identifier: MIT
"""doc/administrators-guide.md says what is so: its files work in the order in which they stand, its
response is what comes back, and its frequent errors are told in these words."""

import csv
import os
import re
import subprocess

import tap
from harness import World, attachment, text_part
from rows import DOMAIN, SECRET, alike, row

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PASSWORD = "Winter;\"Sonne\"17"  # as the page tells it in words
ERIKA, HANS = "erika.muster@" + DOMAIN, "hans.probe@" + DOMAIN
INFO, TEAM = "info@" + DOMAIN, "team@" + DOMAIN
HEAD = "DOMAIN;USER;TYPE;ACTION;PASSWORD\n"

# What makes each of the frequent errors of a line; erika.muster and team are there.
ROWS = {
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


@tap.test("R3.49 the page names every column that there is")
def columns(_world):
    with open(os.path.join(TOP, "doc", "requests.md"), encoding="utf-8") as file:
        told = re.search(r"(?s)White pages, all optional: (.*?)\.\n", file.read()).group(1)
    wanted = set(re.findall(r"[A-Z]{3,}", told)) - {"EMPLOYEEETYPE"}
    text = page().partition("Others as you need them:")[2].partition("The few other")[0]
    tap.equal(set(re.findall(r"[A-Z]{3,}", text)), wanted | {
        "PASSWORD", "MAILFORWARD", "LIST", "MEMBER", "TARGET", "SUBJECT", "MESSAGE"}, "columns")


@tap.test("R2.17 Mode: check changes nothing and tells what would have become of each line")
def checked(world):
    response = world.ask(csv=blocks("csv")[0], mode="check")
    tap.contains(page(), "`Mode: check` on a line of its own: nothing is changed")
    tap.equal((response.results, world.entry(ERIKA)), (["created", "created"], None), "check")
    tap.contains(page(), "`Mode: atomic`: all lines are done, or none")
    world.ask(csv=blocks("csv failing")[0], mode="atomic")
    tap.equal(world.entry("anna@" + DOMAIN), None, "the good line beside bad ones")


@tap.test("R3.19 to R3.27: each file of the page is processed ok, in the order of the page")
def files(world):
    found = blocks("csv")
    cells = {(each["TYPE"], each["ACTION"]) for text in found
             for each in csv.DictReader(text.splitlines(keepends=True), delimiter=";")}
    wanted = {(kind, action) for kind in ("FULL", "FORWARD", "LIST")
              for action in ("ADD", "DELETE", "MODIFY")}
    wanted |= {(kind, action) for kind in ("ALIAS", "CATCHALL", "RESOURCE", "AUTORESPONDER")
               for action in ("ADD", "DELETE")} | {("FULL", "SUSPEND"), ("FULL", "RESUME")}
    tap.equal(sorted(cells), sorted(wanted), "cells")
    looks = [full_added, full_changed, full_deleted, forward_added, forward_changed,
             forward_deleted, list_added, list_changed, list_deleted, more_added, answer_added,
             more_deleted]
    tap.equal(len(found), len(looks), "files")
    for text, look in zip(found, looks):
        response = world.ask(csv=text)
        tap.equal(response.subject, "Batchload: processed ok", text + response.text)
        look(world)


MORE = ["%s@%s" % (local, DOMAIN) for local in ("e.muster", "", "room")]


def more_added(world):
    for each in MORE:
        tap.equal(world.entry(each) is not None, True, each)


def answer_added(world):
    tap.equal(world.entry(ERIKA)["batchloadreplymessage"], ["I am back on Monday.\nErika"], "answer")


def more_deleted(world):
    tap.equal([world.entry(each) for each in MORE], [None] * 3, "entries")
    tap.equal(world.entry(ERIKA).get("batchloadreplymessage"), None, "answer")


def full_added(world):
    tap.equal(world.can_login(ERIKA, "Sommer-Regen-42"), True, "login")
    tap.equal(world.can_login(HANS, PASSWORD), True, "login")


def full_changed(world):
    tap.equal(world.can_login(ERIKA, "Herbst-Wind-3"), True, "login")
    tap.equal(world.entry(ERIKA).get("telephonenumber"), None, "telephone")


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


def list_deleted(world):
    tap.equal(world.entry(TEAM), None, "entry")


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
    world.ask([row("ADD FULL erika.muster", PASSWORD=SECRET),
               row("ADD LIST team", LIST_MEMBER="erika.muster")])
    pairs = by_beginning(errors("Of a line:"), ROWS)
    asked = [(words, cause) for words, cause in pairs if isinstance(cause, dict)]
    reasons = [each["REASON"] for each in world.ask([cause for _, cause in asked]).rows()]
    tap.equal(len(reasons), len(asked), "rows")
    for (words, _), reason in zip(asked, reasons):
        tap.contains(reason, words)
    for words, cause in pairs:
        if isinstance(cause, str):
            tap.contains(world.ask(csv=cause).rows()[0]["REASON"], words)


@tap.test("frequent errors of the whole request are told word for word")
def wholes(world):
    for words, cause in by_beginning(errors("Of the whole request:"), REQUESTS):
        response = world.ask(**cause(world))
        tap.contains(response.subject, ": not processed")
        tap.contains(response.words, words)


@tap.test("the example of batchload-csv(5) is processed ok")
def manual(world):
    with open(os.path.join(TOP, "man", "batchload-csv.5.in"), encoding="utf-8") as file:
        text = file.read()
    text = re.search(r"(?ms)^\.Bd -literal\n(.*?)^\.Ed$", text).group(1)
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
    world.ask([row("DELETE FULL erika.muster"), row("DELETE LIST team")])
    response = world.ask(csv=text)
    tap.equal(response.subject, "Batchload: processed ok", response.text)


if __name__ == "__main__":
    tap.main(World)
