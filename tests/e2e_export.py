# SPDX-License-Identifier: MIT
"""What a request asks to see, by SHOW and EXPORT: it comes as export.csv, can be sent back, and has
no passwords; with hashes only by the command, for its operator."""

import contextlib
import csv
import io
import os
import stat
import subprocess

import tap
from harness import World
from harness.process import write

HOME, AWAY, FURTHER = "somedomain.example", "away.example", "further.example"
BOSS, FEW, LISTS = "boss@" + HOME, "few@" + HOME, "lists@" + HOME
SECRET, CANARY = "Sommer-Regen-42", "Canary-Q2x-export"
HOSTILE = ("=1+1", "+49 30 1", "-12", "@SUM(A1)", "'=2", "''-3", "it's", 'say "so"; or, not|',
           "two\nlines; and \"quotes\"", "tab\there", "\u00dcml\u00e4ut \u20ac", "\\,;+<>#")


def row(words, **cells):
    action, kind, address = words.split(" ", 2)
    user, _, domain = address.rpartition("@")
    return {"DOMAIN": domain, "USER": user, "TYPE": kind, "ACTION": action,
            **{name.replace("_", " "): value for name, value in cells.items()}}


def guarded(text):
    """As an administrator's spreadsheet keeps a value that is no formula."""
    return "'" + text if text.lstrip("'")[:1] in tuple("=+-@") else text


def everything():
    """Rows that make a domain with each type in it; what leads on stands against the order of names."""
    def at(user):
        return "%s@%s" % (user, AWAY)
    return [
        row("ADD DOMAIN @" + AWAY, MAX_MAILBOXES="50", OWNER=at("owner"), PASSWORD=CANARY,
            WEB_URL="https://mail.away.example/", ENABLE_WEBACCESS="0"),
        row("ADD DOMAINALIAS @" + FURTHER, TARGET=AWAY),
        row("ADD SPAMFILTER @" + AWAY, FILTER="bad@x.example"),
        row("ADD SPAMFILTER @" + AWAY, FILTER="2001:db8::1"),
        row("ADD FULL " + at("ann"), PASSWORD=CANARY, GIVENNAME="Ann", SURNAME="'=Arber",
            MAILFORWARD="far@else.example", QUOTA="500", LANGUAGE="de_DE"),
        row("ADD FULL " + at("ben"), PASSWORD=CANARY, ACTIVATED="no"),
        row("ADD FORWARD " + at("0info"), MAILFORWARD="%s x@else.example" % at("ann")),
        row("ADD ALIAS " + at("0ann"), TARGET=at("ann")),
        row("ADD AUTORESPONDER " + at("ann"), SUBJECT="'@way", MESSAGE="Back\nsoon; =1+1"),
        row("ADD CATCHALL @" + AWAY, TARGET=at("ben")),
        row("ADD RESOURCE " + at("room"), ROOMNUMBER="7"),
        row("ADD RESOURCEGROUP " + at("0rooms"), MEMBER=at("room")),
        row("ADD GROUP " + at("0group"), MEMBER="%s %s" % (at("ann"), at("ben"))),
        row("ADD DLIST " + at("0some"), LIST_MEMBER="ann 0info"),
        row("ADD LIST " + at("00all"), LIST_MEMBER="0some y@else.example"),
        row("ADD LIST " + at("00all"), LIST_MEMBER="ann", MEMBER_NAME="Ann; \"A\""),
        row("ADD LIST " + at("empty")),
        row("SUSPEND LIST " + at("empty")),
    ] + [row("ADD FULL " + at("h%d" % number), PASSWORD=CANARY, DESCRIPTION=guarded(value))
         for number, value in enumerate(HOSTILE)]


def entries(world, *domains):
    """{DN: what a request makes of it}: without password, mailbox, mark, and what slapd keeps."""
    found = {}
    for domain in domains:
        found.update(world.slapd.search("(objectClass=*)", world.slapd.domain_dn(domain)))
    for entry in found.values():
        for name in ("userpassword", "batchloadmailboxid", "batchloadchange"):
            entry.pop(name, None)
        for name, values in entry.items():
            entry[name] = sorted(values)
    return found


def made(world):
    response = world.ask(everything(), sender=BOSS)
    tap.equal(set(response.results), {"created", "changed"}, response.text)
    return entries(world, AWAY, FURTHER)


def removed(world):
    response = world.ask([row("DELETE DOMAIN @" + AWAY)], sender=BOSS)
    tap.equal(response.results, ["deleted"], response.text)
    tap.equal(entries(world, AWAY, FURTHER), {}, "what is left")


def table(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def told(text):
    return [(each["USER"], each["TYPE"], each["ACTION"]) for each in table(text)]


def filled(text, least=0):
    """The file, without its last rows, with a password for each new mailbox."""
    rows = table(text)
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    for each in rows[:len(rows) - least]:
        tap.equal(each["PASSWORD"], "", "PASSWORD")
        if (each["TYPE"], each["ACTION"]) == ("FULL", "ADD"):
            each["PASSWORD"] = SECRET
        writer.writerow(each)
    return out.getvalue()


def same(before, after):
    tap.equal({dn: (before.get(dn), after.get(dn)) for dn in before.keys() | after.keys()
               if before.get(dn) != after.get(dn)}, {}, "differences")


def exported(response):
    return response.files["export.csv"].decode("utf-8-sig")


def run(world, *words, code=0, **options):
    done = subprocess.run([world.tree.command, "-c", world.milter.conf, *words], timeout=100,
                          capture_output=True, check=False, **options)
    out, errors = done.stdout.decode(), done.stderr.decode()
    tap.equal(done.returncode, code, "%r: %s%s" % (words, out, errors))
    return out, errors


@tap.test("R8.80 R8.86 a domain with every type, whatever its cells hold: exported by mail, deleted, sent back, the same")
def round_trip(world):
    before = made(world)
    for number, value in enumerate(HOSTILE):
        tap.equal(world.entry("h%d@%s" % (number, AWAY))["description"], [value], "a hostile value")
    response = world.ask([row("EXPORT DOMAIN @" + AWAY)], sender=BOSS)
    tap.equal(response.results, ["unchanged"], response.text)
    tap.contains(response.words, "attached export.csv")
    text = exported(response)
    tap.absent(text + response.decoded.decode("utf-8", "replace"), CANARY, "the response")
    tap.absent(text, "{CRYPT}", "export.csv")
    tap.contains(response.rows()[0]["REASON"], "in %d rows" % len(told(text)))
    for each in table(text):
        for name, cell in each.items():
            tap.equal(cell[:1] in tuple("=+-@\t"), False, "a formula in %s: %r" % (name, cell))
    same(before, entries(world, AWAY, FURTHER))
    removed(world)
    response = world.ask(csv=filled(text), sender=BOSS)
    tap.equal(set(response.results) <= {"created", "changed"}, True, response.text)
    same(before, entries(world, AWAY, FURTHER))
    tap.equal(world.can_login("ann@" + AWAY, SECRET), True, "login")
    world.search_spool(";FULL;ADD;;")
    tap.absent(world.log_text(), "=Arber", "log")
    removed(world)


@tap.test("R8.80 R8.12 EXPORT of an account has what goes with it; deleted and sent back, the same")
def account(world):
    before = made(world)
    response = world.ask([row("EXPORT FULL ann@" + AWAY), row("SHOW FULL ben@" + AWAY)],
                         sender=BOSS)
    text = exported(response)
    rows = told(text)
    tap.equal(rows[:2], [("ann", "FULL", "ADD"), ("ann", "AUTORESPONDER", "ADD")], "its own")
    tap.equal(rows[-1], ("ben", "FULL", "ADD"), "the other one")
    tap.equal(sorted(rows[2:-1]), [("00all", "LIST", "ADD"), ("0ann", "ALIAS", "ADD"),
                                   ("0group", "GROUP", "ADD"), ("0some", "DLIST", "ADD")],
              "what hangs on it")
    response = world.ask([row("DELETE FULL ann@" + AWAY)], sender=BOSS)
    tap.equal(response.results, ["deleted"], response.text)
    tap.equal(world.entry("0ann@" + AWAY), None, "the alias")
    response = world.ask(csv=filled(text, 1), sender=BOSS)
    tap.equal("failed" in response.results, False, response.text)
    same(before, entries(world, AWAY, FURTHER))
    removed(world)


@tap.test("R8.81 R8.85 among rows that write, in each mode, and by batchload apply and check")
def among(world):
    rows = [row("SHOW FULL few@" + HOME), row("ADD FULL new@" + HOME, PASSWORD=CANARY, TITLE="Dr."),
            row("EXPORT FULL new@" + HOME), row("DELETE FULL new@" + HOME),
            row("SHOW FULL new@" + HOME)]
    response = world.ask(rows, sender=BOSS)
    tap.equal(response.results, ["unchanged", "created", "unchanged", "deleted", "failed"],
              response.text)
    tap.equal([name for name, _, _ in told(exported(response))], ["few", "new"], "shown")
    response = world.ask(rows[:4], sender=BOSS, mode="atomic")
    tap.equal([name for name, _, _ in told(exported(response))], ["few", "new"], response.text)
    response = world.ask(rows, sender=BOSS, mode="atomic")
    tap.equal(response.results, ["unchanged"] * 4 + ["failed"], response.text)
    tap.equal("export.csv" in response.files, False, "export.csv")
    response = world.ask(rows, sender=BOSS, mode="check")
    tap.equal("export.csv" in response.files, False, "export.csv")
    tap.contains(response.words, "an export.csv with 1 row would be attached")
    path = world.nursery.path("see.csv")
    write(path, "DOMAIN;USER;TYPE;ACTION\n%s;few;FULL;SHOW\n%s;;DOMAIN;EXPORT\n" % (HOME, HOME),
          0o600)
    out, _ = run(world, "check", path, "--as", BOSS)
    tap.contains(" ".join(out.split()), "As it is now, an export.csv with")
    out, _ = run(world, "apply", path, "--as", BOSS, "--reference", "by the command")
    tap.contains(out, "unchanged  2")
    box = world.mailbox(BOSS)
    found = box.wait("Subject", "Batchload by the command: processed ok")
    tap.contains(found.decode("utf-8", "replace"), "export.csv")


@tap.test("R8.80 SHOW of a domain has its own row, and nothing of what is in it")
def domain_alone(world):
    before = made(world)
    response = world.ask([row("SHOW DOMAIN @" + AWAY)], sender=BOSS)
    own, = table(exported(response))
    tap.equal([own[name] for name in ("DOMAIN", "TYPE", "ACTION", "OWNER", "MAX MAILBOXES")],
              [AWAY, "DOMAIN", "ADD", "owner@" + AWAY, "50"], "its row")
    same(before, entries(world, AWAY, FURTHER))
    removed(world)


@tap.test("R8.82 another's domain, a type or an action that the grant has not: nothing of it is shown")
def rights(world):
    response = world.ask([row("SHOW FULL admin@otherdomain.example"),
                          row("EXPORT DOMAIN @otherdomain.example"), row("SHOW DOMAIN @" + HOME),
                          row("EXPORT FULL admin@" + HOME), row("SHOW LIST x@" + HOME)], sender=FEW)
    tap.equal(response.results, ["failed"] * 5, response.text)
    tap.equal(sorted(response.files), ["batchload.csv", "result.csv"], "files")
    response = world.ask([row("EXPORT DOMAIN @" + HOME)], sender=LISTS)
    tap.equal({kind for _, kind, _ in told(exported(response))}, {"LIST"}, "types")


@contextlib.contextmanager
def settings(world, changed):
    world.reconfigure(changed)
    try:
        yield
    finally:
        world.reconfigure()


@tap.test("R8.84 more than the limit: the row fails, and says which limit; the others are shown")
def limits(world):
    with settings(world, {"limits.export_rows_max": 2}):
        response = world.ask([row("SHOW FULL few@" + HOME), row("EXPORT DOMAIN @" + HOME),
                              row("SHOW FULL few@" + HOME)], sender=BOSS)
        tap.equal(response.results, ["unchanged", "failed", "failed"], response.text)
        tap.contains(response.words, "limits export_rows_max")
        tap.equal(told(exported(response)), [("few", "FULL", "ADD")], "shown")


@tap.test("R8.87 R8.88 --with-hashes: exported, deleted, applied, and the old password logs in")
def with_hashes(world):
    before = made(world)
    path = world.nursery.path("hashes.csv")
    out, errors = run(world, "export", "--with-hashes", "--output", path, AWAY)
    tap.equal((out, errors), ("", ""), "output")
    tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    hashes = [each["PASSWORD"] for each in table(text) if each["TYPE"] == "FULL"]
    tap.equal([each[:10] for each in hashes], ["{CRYPT}$6$"] * (3 + len(HOSTILE)), "hashes")
    tap.equal(world.can_login("ann@" + AWAY, CANARY), True, "login before")
    removed(world)
    tap.contains(run(world, "apply", path, "--as", BOSS)[0], "processed ok")
    same(before, entries(world, AWAY, FURTHER))
    tap.equal(world.can_login("ann@" + AWAY, CANARY), True, "login")
    tap.equal(world.can_login("ann@" + AWAY, SECRET), False, "login with another one")
    for value in hashes:
        world.search_spool(value[10:])
        tap.absent(world.log_text(), value[10:], "log")
    tap.contains(run(world, "export", "--with-hashes", "--output", path, AWAY, code=73)[1], "exists")
    removed(world)


@tap.test("R8.87 R8.88 --with-hashes is refused to others, to a file that others read, and with JSON")
def refused(world):
    path = world.nursery.path("open.csv")
    command = [world.tree.command, "-c", world.milter.conf, "export", "--with-hashes", HOME]
    with open(path, "wb") as file:
        os.chmod(path, 0o644)
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, timeout=60, check=False)
    tap.equal(done.returncode, 77, done.stderr)
    tap.contains(done.stderr.decode(), "others can read")
    with open(path, "rb") as file:
        tap.equal(file.read(), b"", "what was written")
    run(world, "export", "--with-hashes", "-j", HOME, code=64)
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, user="nobody",
                          group="nogroup", extra_groups=[])
    tap.equal((done.returncode, done.stdout), (77, b""), done.stderr)
    out, _ = run(world, "export", HOME)
    tap.absent(out, "{", "without the option")


class ExportWorld(World):
    def __init__(self):
        every = ("FULL,FORWARD,LIST,DLIST,ALIAS,CATCHALL,GROUP,RESOURCE,RESOURCEGROUP,AUTORESPONDER,"
                 "SPAMFILTER,DOMAIN,DOMAINALIAS")
        super().__init__(senders="%s allow domains=%s,%s,%s types=%s create_domains=yes\n"
                                 "%s allow actions=ADD,SHOW\n%s allow types=LIST\n" % (
                                     BOSS, HOME, AWAY, FURTHER, every, FEW, LISTS))
        for address in (BOSS, FEW, LISTS):
            self.add_account(address, SECRET)
            self.passwords[address] = SECRET
        self.add_list("staff@" + HOME, FEW)


if __name__ == "__main__":
    tap.main(ExportWorld)
