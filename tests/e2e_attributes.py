# SPDX-License-Identifier: MIT
"""The columns @attribute: by mail, in each mode, by the command, and back again."""

import csv
import io
import json
import os
import re
import subprocess

import tap
from harness import World
from harness.process import write
from rows import DOMAIN, SECRET, Case, at, check, failed, row, unchanged

OFFICE = "@physicalDeliveryOfficeName"


def directory(world):
    """What a request makes of the domain's entries."""
    found = world.slapd.search("(objectClass=*)", world.slapd.domain_dn(DOMAIN))
    return {dn: {name: sorted(map(str, values)) for name, values in entry.items()
                 if name not in ("userpassword", "batchloadmailboxid", "batchloadchange")}
            for dn, entry in found.items()}


def run(world, *words, code=0):
    done = subprocess.run([world.tree.command, "-c", world.milter.conf, *words],
                          capture_output=True, timeout=100, check=False, text=True)
    tap.equal(done.returncode, code, "%r: %s%s" % (words, done.stdout, done.stderr))
    return done.stdout + done.stderr


def act(world, *words, **options):
    return run(world, *words, "--as", world.admin, **options)


LISTED = 'attributes = {"displayName", "physicalDeliveryOfficeName", "destinationIndicator"}'


def write_profile(world, listed):
    """The path of the shipped profile with another list for FULL."""
    with open(world.tree.profile, encoding="utf-8") as file:
        text = file.read()
    tap.equal(text.count(LISTED), 1, "lists")
    path = world.nursery.path("profile.conf")
    write(path, text.replace(LISTED, listed))
    os.chmod(path, 0o644)
    return path


@tap.test("R8.15 R8.16 attributes of each TYPE: made, left alone, changed, several, cleared by -")
def by_mail(world):
    check(world, [
        Case(row("ADD FULL a1", PASSWORD=SECRET, **{"@displayName": "Ann A", OFFICE: "1\n2 b"}),
             "created"),
        Case(row("ADD FORWARD a2", MAILFORWARD="x@elsewhere.example", **{"@displayName": "=1+1"}),
             "created"),
        Case(row("ADD LIST a3", LIST_MEMBER="a1", **{"@displayName": "\u00dcs"}), "created"),
        Case(row("ADD DLIST a4", LIST_MEMBER="a1", **{"@displayName": "four"}), "created"),
        Case(row("ADD GROUP a5", MEMBER="a1", **{"@displayName": "five"}), "created"),
        Case(row("ADD RESOURCE a6", **{"@displayName": "six", OFFICE: "cellar"}), "created"),
        Case(row("ADD RESOURCEGROUP a7", MEMBER="a6", **{"@displayName": "-"}), "created"),
    ], {at("a1"): {"displayName": ["Ann A"], "physicalDeliveryOfficeName": ["1", "2 b"]},
        at("a2"): {"displayName": ["=1+1"]}, at("a3"): {"displayName": ["\u00dcs"]},
        at("a4"): {"displayName": ["four"]}, at("a5"): {"displayName": ["five"]},
        at("a6"): {"displayName": ["six"], "physicalDeliveryOfficeName": ["cellar"]},
        at("a7"): {"displayName": []}})
    check(world, [
        Case(row("MODIFY FULL a1", PASSWORD=SECRET, **{"@DISPLAYNAME": "", OFFICE: "2 b\r\n\r\n3"}),
             "changed"),
        unchanged(row("MODIFY LIST a3", **{"@DISPLAYNAME": "\u00dcs"}), "already as this row says"),
        Case(row("MODIFY DLIST a4", **{"@DISPLAYNAME": "-"}), "changed"),
        unchanged(row("ADD GROUP a5", MEMBER="a1", **{"@DISPLAYNAME": "five"}), "in the group"),
        failed(row("ADD GROUP a5", MEMBER="a1", **{"@DISPLAYNAME": "other"}), "Use MODIFY"),
        # Not looked at: a list of what is there can be sent back.
        Case(row("DELETE FORWARD a2", **{"@DISPLAYNAME": "x", OFFICE: "y"}), "deleted"),
    ], {at("a1"): {"displayName": ["Ann A"], "physicalDeliveryOfficeName": ["2 b", "3"]},
        at("a3"): {"displayName": ["\u00dcs"]}, at("a4"): {"displayName": []},
        at("a5"): {"displayName": ["five"]}})
    audit = [json.loads(line) for line in run(world, "log", "-j").splitlines()]
    tap.equal([each for each in audit if "@displayName" in json.dumps(each)] != [], True, "audit")


@tap.test("R8.15 R8.16 a cell that is wrong, of another TYPE, or refused by the directory fails its row")
def bad_rows(world):
    office = "physicalDeliveryOfficeName"
    cases = [
        failed(row("ADD LIST b1", **{OFFICE: "x"}), "TYPE LIST takes no @" + office),
        failed(row("ADD FULL b2", PASSWORD=SECRET, **{"@displayName": "a\nb"}),
               '@displayName', "how many there may be"),
        failed(row("ADD FULL b3", PASSWORD=SECRET, **{"@destinationIndicator": "\u00df"}),
               '@destinationIndicator "\u00df": ', "has a form, or characters"),
        failed(row("ADD FULL b4", PASSWORD=SECRET, **{OFFICE: "x\nX "}), "the same value twice"),
        failed(row("ADD FULL b5", PASSWORD=SECRET, **{OFFICE: "x\n-"}), "a lone - beside other"),
        failed(row("ADD FULL b6", PASSWORD=SECRET, **{OFFICE: "\n".join(map(str, range(101)))}),
               "more than 100 values"),
        failed(row("ADD FULL b7", PASSWORD=SECRET, **{OFFICE: "x" * 1025}), "limit of 1024 bytes"),
        failed(row("MODIFY DOMAIN ", **{"@displayName": "x"}), "TYPE DOMAIN takes no @displayName"),
        Case(row("ADD FULL b8", PASSWORD=SECRET, **{OFFICE: "fine"}), "created"),
        # R3.37: no more than the password and personal details.
        failed(row("MODIFY FULL admin", PASSWORD=world.passwords[world.admin],
                   **{"@displayName": "Me"}), "Of your own address you can only change"),
    ]
    check(world, cases, {at("b%d" % number): None for number in range(1, 8)},
          sender=world.admin)


@tap.test("R8.15 R3.7 a column for what the profile does not list refuses the file; the nearest is named")
def bad_columns(world):
    before = directory(world)
    for column, words in {
            "@objectClass": "The column @objectClass is not one that this service takes.",
            "@userPassword": "The column @userPassword is not one that this service takes.",
            "@uidNumber": "The column @uidNumber is not one that this service takes.",
            "@mail": "The column @mail is not one that this service takes.",
            "@entryUUID": "The column @entryUUID is not one",
            "@displayName;lang-de": "The column @displayName;lang-de is not one",
            "@2.16.840.1.113730.3.1.241": "The column @2.16.840.1.113730.3.1.241 is not one",
            "@telephoneNumber": "Unknown column @telephoneNumber; did you mean PHONE?",
            "@givenName": "Unknown column @givenName; did you mean GIVENNAME?",
            "@dispalyName": "Unknown column @dispalyName; did you mean @displayName?"}.items():
        response = world.ask([row("ADD FULL c1", PASSWORD=SECRET, **{column: "x"})])
        tap.contains(response.subject, ": not processed")
        tap.contains(response.words, words)
    response = world.ask(csv="DOMAIN;USER;TYPE;ACTION;@displayName;'@DISPLAYNAME\n%s;a;LIST;ADD;x;x\n"
                         % DOMAIN)
    tap.contains(response.words, "The column @DISPLAYNAME is given twice")
    tap.equal(directory(world), before, "directory")


@tap.test("R8.18 Mode: check and atomic: seen by later rows, and taken back with the values before")
def modes(world):
    world.add_account(at("d1"), "d1")
    world.slapd.modify("dn: %s\nchangetype: modify\nadd: displayName\ndisplayName: Before\n-\n"
                       "add: physicalDeliveryOfficeName\nphysicalDeliveryOfficeName: x\n"
                       "physicalDeliveryOfficeName: y\n" % world.slapd.dn(at("d1")))
    rows = [row("MODIFY FULL d1", PASSWORD=SECRET, **{"@displayName": "After", OFFICE: "-"}),
            row("ADD LIST d2", **{"@displayName": "List"})]
    rows += [row("ADD FORWARD d%d" % number, MAILFORWARD="x@elsewhere.example")
             for number in range(10, 20)]
    rows += [row("MODIFY LIST d2", **{"@displayName": "List"}),
             row("MODIFY LIST d2", **{"@displayName": "-"})]
    before = directory(world)
    checked = world.ask(rows, mode="check")
    tap.equal(checked.results[-2:], ["unchanged", "changed"], "checked")
    tap.equal(directory(world), before, "directory")
    undone = world.ask(rows + [row("ADD FULL d3", PASSWORD=SECRET,
                                   **{"@destinationIndicator": "\u00df"})], mode="atomic")
    tap.equal(undone.results, ["unchanged"] * len(rows) + ["failed"], undone.text)
    tap.contains(undone.text, "Nothing was changed")
    tap.equal(bool(world.log_lines("action=undo")), True, "an undo in the log")
    tap.equal(directory(world), before, "directory")
    tap.equal(world.ask(rows, mode="atomic").results, checked.results, "atomic")
    entry = world.entry(at("d1"))
    tap.equal((entry["displayname"], entry.get("physicaldeliveryofficename")), (["After"], None),
              "entry")


@tap.test("R8.19 by the command: --attribute NAME=TEXT, several times; shown as text, JSON and a file")
def verbs(world):
    team = at("team")
    act(world, "resource", "add", team, "--attribute", "displayName=A = B", "--attribute=" + OFFICE[1:] +
        "=one", "--attribute", OFFICE[1:].upper() + "=-two")
    entry = world.entry(team)
    tap.equal((entry["displayname"], sorted(entry["physicaldeliveryofficename"])),
              (["A = B"], ["-two", "one"]), "entry")
    out = run(world, "resource", "show", team)
    tap.equal(re.findall(r"^  @(\S+) +(.*)$", out, re.M)[0], ("displayName", "A = B"), out)
    shown = json.loads(run(world, "resource", "show", team, "--json"))
    tap.equal((shown["@displayName"], sorted(shown[OFFICE])), (["A = B"], ["-two", "one"]), "JSON")
    file = run(world, "resource", "show", team, "--csv")
    head = next(csv.reader(io.StringIO(file), delimiter=";"))
    tap.equal(head[-2:], ["'@displayName", "'" + OFFICE], "headline")
    before = directory(world)
    act(world, "resource", "delete", team)
    tap.equal(world.ask(csv=file).results, ["created"], "sent back")
    tap.equal(directory(world), before, "directory")
    act(world, "resource", "modify", team, "--attribute=" + OFFICE[1:] + "=-")
    tap.equal(world.entry(team).get("physicaldeliveryofficename"), None, "entry")
    for given, words in (("displayName", "--attribute takes NAME=TEXT"),
                         ("=x", "--attribute takes NAME=TEXT"),
                         ("a;b=x", "--attribute takes NAME=TEXT")):
        tap.contains(act(world, "resource", "modify", team, "--attribute", given, code=64), words)
    tap.contains(act(world, "resource", "modify", team, "--attribute", "telephoneNumber=1", code=1),
                 "Unknown column @telephoneNumber; did you mean PHONE?")
    tap.contains(act(world, "alias", "add", at("x"), "--attribute", "displayName=x", code=64),
                 "--attribute")
    tap.contains(run(world, "user", "add", "--help"), "--attribute=NAME=TEXT")


@tap.test("R8.19 all of a domain is exported with its attributes, and comes again")
def export(world):
    file = run(world, "export", DOMAIN)
    rows = list(csv.DictReader(io.StringIO(file), delimiter=";"))
    ours = [each for each in rows if each["'@displayName"]]
    tap.equal(len(ours) >= 3, True, "rows with attributes")
    chosen = [each for each in rows if each["USER"] in ("a3", "team")]
    tap.equal([each["'@displayName"] for each in chosen], ["A = B", "\u00dcs"], "cells")
    before = directory(world)
    gone = [dict(DOMAIN=DOMAIN, USER=each["USER"], TYPE=each["TYPE"], ACTION="DELETE")
            for each in chosen]
    tap.equal(set(world.ask(gone).results), {"deleted"}, "results")
    back = [{name.lstrip("'"): cell for name, cell in each.items()} for each in chosen]
    tap.equal(set(world.ask(back).results), {"created"}, "results")
    tap.equal(directory(world), before, "directory")


@tap.test("R8.17 batchload doctor: an attribute that the directory does not know, keeps, or has no text")
def doctor(world):
    tap.contains(run_doctor(world)["attributes"][1], "takes all attributes")
    for name, words in {
            "noSuchThing": "The directory does not know the attribute noSuchThing",
            "olcRootPW": "holds no text, or a password",
            "olcDatabase": "The classes of the type FULL do not allow the attribute olcDatabase",
            "uidNumber": "The classes of the type FULL do not allow the attribute uidNumber",
            "supportedControl": "itself keeps the attribute supportedControl",
            "x121Address": None}.items():
        path = write_profile(world, 'attributes = {"displayName", "%s"}' % name)
        world.milter.configure({"profile": path})
        state, told = run_doctor(world)["attributes"]
        tap.equal(state, "wrong" if words else "good", told)
        tap.contains(told, words or "takes all attributes")
    world.milter.configure({})


def run_doctor(world):
    done = subprocess.run([world.tree.command, "-c", world.milter.conf, "doctor", "-j",
                           "--postfix=" + world.postfix.conf], capture_output=True, text=True,
                          timeout=100, check=False)
    found = {}
    for line in done.stdout.splitlines():
        each = json.loads(line)
        found[each["what"]] = (each["state"], each["words"])
    return found


@tap.test("R8.17 a profile that lists what batchload keeps, a secret or no text is not taken")
def bad_profile(world):
    for name, words in {"userPassword": "batchload itself keeps it",
                        "batchloadEnabled": "it has a column of its own, ACTIVATED",
                        "pwdHistory": "a secret", "jpegPhoto": "its values are not text"}.items():
        path = write_profile(world, 'attributes = {"displayName",\n"%s"}' % name)
        with open(path, encoding="utf-8") as file:
            line = file.read().split('"%s"}' % name)[0].count("\n") + 1
        world.milter.configure({"profile": path})
        code, told = world.milter.check()
        tap.equal(code != 0, True, "taken: " + name)
        tap.contains(told, '%s:%d: attributes of full: "%s": ' % (path, line, name))
        tap.contains(told, words)
    world.milter.configure({})


@tap.test("R8.17 an attribute that goes off the list fails the rows that wait with it, and no others")
def reloaded(world):
    path = write_profile(world, 'attributes = {"physicalDeliveryOfficeName"}')
    world.milter.kill()
    world.milter.configure({"profile": path})
    world.milter.start()
    check(world, [failed(row("ADD FULL e1", PASSWORD=SECRET, **{"@displayName": "x"}),
                         "TYPE FULL takes no @displayName."),
                  Case(row("ADD LIST e2", **{"@displayName": "x"}), "created")],
          {at("e1"): None, at("e2"): {"displayName": ["x"]}})


class AttributesWorld(World):
    def __init__(self):
        super().__init__(settings={"slice_rows": 3})


if __name__ == "__main__":
    tap.main(AttributesWorld)
