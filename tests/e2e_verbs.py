# SPDX-License-Identifier: MIT
"""The verbs of the command: batchload user add and so on, and what show and export tell."""

import csv
import io
import json
import os
import re
import subprocess

import tap
from harness import World, wait_for
from harness.process import write
from harness.terminal import Terminal

SECRET = "Canary-Kx81-verbs"


def run(world, *words, code=0, data=None, environment=None, **options):
    """(stdout, stderr) of the command, which must end with code."""
    done = subprocess.run(
        [world.tree.command, "-c", world.milter.conf, *words], input=data, capture_output=True,
        env=dict(os.environ, **(environment or {})), timeout=100, check=False, **options)
    out, errors = done.stdout.decode(), done.stderr.decode()
    tap.equal(done.returncode, code, "%r: %s%s" % (words, out, errors))
    tap.absent(out + errors, SECRET, "output")
    return out, errors


def act(world, *words, code=0, password=None, **options):
    """A verb as the administrator's request."""
    if password:
        words += ("--password-fd", "0")
    return run(world, *words, "--as", world.admin, code=code,
               data=password.encode() + b"\n" if password else b"", **options)


def at(world, *users):
    return ["%s@%s" % (user, world.domain) for user in users]


def table(text):
    """Rows of a CSV file that show has printed."""
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def entries(world):
    """{DN: what a request makes of it}: without password, mailbox, mark, and what slapd keeps."""
    found = world.slapd.search("(objectClass=*)", world.slapd.domain_dn(world.domain))
    for entry in found.values():
        for name in ("userpassword", "batchloadmailboxid", "batchloadchange"):
            entry.pop(name, None)
        for name, values in entry.items():
            entry[name] = sorted(values)
    return found


@tap.test("R8.70 user: added with the columns as options, changed, deleted; felt by login")
def user(world):
    ann, = at(world, "ann")
    out, errors = act(world, "user", "add", ann, "--given-name", "Ann", "--surname=Arber",
                      "--PHONE", "+49 30 1", "--description", "--title", password=SECRET)
    tap.contains(out, "processed ok")
    tap.equal(errors, "", "errors")
    entry = world.entry(ann)
    tap.equal([entry[name] for name in ("cn", "sn", "telephonenumber", "description")],
              [["Ann Arber"], ["Arber"], ["+49 30 1"], ["--title"]], "entry")
    tap.equal(world.can_login(ann, SECRET), True, "login")
    act(world, "user", "modify", ann, "--phone=-", "--room-number", "7", password=SECRET + "2")
    entry = world.entry(ann)
    tap.equal((entry.get("telephonenumber"), entry["roomnumber"]), (None, ["7"]), "entry")
    tap.equal(world.can_login(ann, SECRET + "2"), True, "login")
    tap.contains(act(world, "user", "delete", ann)[0], "deleted    1")
    tap.equal(world.entry(ann), None, "entry")
    tap.absent(world.log_text(), SECRET, "log")
    world.search_spool(SECRET)


@tap.test("R8.70 forward and list: a cell of several addresses is given by several options")
def several(world):
    box, info, team = at(world, "box", "info", "team")
    act(world, "user", "add", box, password=SECRET)
    act(world, "forward", "add", info, "--mail-forward", box, "--mail-forward=x@else.example")
    tap.equal(sorted(world.entry(info)["batchloadtarget"]), [box, "x@else.example"], "targets")
    act(world, "forward", "modify", info, "--mailforward", box)
    tap.equal(world.entry(info)["batchloadtarget"], [box], "targets")
    act(world, "list", "add", team, "--list-member", "box", "--list-member", "x@else.example",
        "--description", "us")
    tap.equal(sorted(world.entry(team)["batchloadmember"]), [box, "x@else.example"], "members")
    act(world, "list", "delete", team, "--list-member", "x@else.example")
    tap.equal(world.entry(team)["batchloadmember"], [box], "members")
    act(world, "list", "delete", team)
    act(world, "forward", "delete", info)
    act(world, "user", "delete", box)
    tap.equal([world.entry(each) for each in (box, info, team)], [None] * 3, "entries")


@tap.test("R8.71 several addresses are rows of one request")
def rows(world):
    three = at(world, "m1", "m2", "m3")
    tap.contains(act(world, "forward", "add", *three, "--mail-forward", world.admin)[0],
                 "created    3")
    tap.contains(act(world, "forward", "delete", *three)[0], "deleted    3")


@tap.test("R8.72 what can't be done is told at once, nothing is changed, and nobody gets a mail")
def refused(world):
    good, bad = at(world, "good", "bad")
    wait_for(lambda: "No job waits" in run(world, "queue")[0], "all jobs to be done")
    world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
    mails = world.mailbox(world.admin).count()
    for words, told in (
            (("forward", "add", good, bad + "..", "--mail-forward", world.admin), "Field:  DOMAIN"),
            (("user", "add", good), "PASSWORD is empty"),
            (("user", "delete", good), "There is no"),
            (("forward", "add", "x@" + world.other_domain, "--mail-forward", world.admin),
             world.other_domain),
            (("forward", "add", good), "MAILFORWARD is empty")):
        out, _ = act(world, *words, code=1)
        tap.contains(out, told)
        tap.absent(out, "job ", "a job")
    tap.equal(world.entry(good), None, "entry")
    out, _ = act(world, "forward", "add", good, "--mail-forward", world.admin, "--check")
    tap.contains(out, "nothing was changed")
    tap.equal((world.entry(good), world.mailbox(world.admin).count()), (None, mails),
              "entry and mails")
    world.fence()


@tap.test("R8.72 --no-wait hands it in and ends; the requester may stand in BATCHLOAD_AS")
def no_wait(world):
    later, = at(world, "later")
    out, _ = run(world, "forward", "add", later, "--mail-forward", world.admin, "--no-wait",
                 "--reference", "later on", environment={"BATCHLOAD_AS": world.admin})
    tap.equal(bool(re.fullmatch(r"job \S+\n", out)), True, out)
    world.mailbox(world.admin).wait("Subject", "Batchload later on: processed ok")
    tap.equal(world.entry(later)["batchloadtarget"], [world.admin], "targets")
    act(world, "forward", "delete", later)
    write(world.nursery.path("one.csv"), "DOMAIN;USER;TYPE;ACTION\n%s;later;FORWARD;DELETE\n" % world.domain)
    out, _ = run(world, "check", world.nursery.path("one.csv"), code=1,
                 environment={"BATCHLOAD_AS": world.admin})
    tap.contains(out, "There is no forward with the address " + later)


@tap.test("R8.73 a password from a file; one of any form is set as it stands")
def passwords(world):
    name, = at(world, "odd")
    path = world.nursery.path("password")
    for n, password in enumerate(("=SUM-%s" % SECRET, "'@;\"%s" % SECRET, " %s " % SECRET)):
        write(path, password + "\r\n", 0o600)
        act(world, "user", "modify" if n else "add", name, "--password-file", path)
        tap.equal(world.can_login(name, password), True, "login %d" % n)
    act(world, "user", "delete", name)


def typed(world, *words, answers, after=()):
    """Words of a person at a terminal; what is typed, each behind a colon."""
    terminal = Terminal([world.tree.command, "-c", world.milter.conf, *words, "--as",
                         world.admin])
    for number, answer in enumerate(answers, 1):
        terminal.until(lambda text, number=number: len(re.findall(r"(password|again): ", text))
                       >= number)
        os.write(terminal.fd, answer)
    status = terminal.end()
    tap.absent(terminal.text, SECRET, "the terminal")
    return os.waitstatus_to_exitcode(status), terminal.text


@tap.test("R8.73 at a terminal the password is asked for twice, and not shown")
def terminal(world):
    name, = at(world, "typed")
    line = SECRET.encode() + b"\n"
    code, text = typed(world, "user", "add", name, answers=[line, b"other\n"])
    tap.equal(code, 65, text)
    tap.contains(text, "not the same")
    code, text = typed(world, "user", "add", name, answers=[b"\n"])
    tap.equal(code, 65, text)
    tap.equal(world.entry(name), None, "entry")
    code, text = typed(world, "user", "add", name, answers=[b"\x03"])
    tap.equal(code, -2, text)  # by the signal
    code, text = typed(world, "user", "add", name, answers=[line, line])
    tap.equal(code, 0, text)
    tap.equal(world.can_login(name, SECRET), True, "login")
    code, text = typed(world, "user", "modify", name, "--password",
                       answers=[b"New-" + line, b"New-" + line])
    tap.equal(code, 0, text)
    tap.equal(world.can_login(name, "New-" + SECRET), True, "login")
    act(world, "user", "delete", name)


VALUES = {"--given-name": "=1+1", "--surname": "Ärb;er \"x\"", "--title": "@home",
          "--description": "one\ntwo; three", "--phone": "+49 30 1234", "--street": " a ' b ",
          "--country-name": "DE", "--postal-address": "A $ B"}


def fill(world):
    """One of each, and what leads on to others against the order of names."""
    act(world, "user", "add", *at(world, "s-ann"), *[word for pair in VALUES.items()
                                                     for word in pair], password=SECRET)
    act(world, "user", "add", *at(world, "s-bob", "s-cyd"), password=SECRET)
    act(world, "forward", "add", *at(world, "s-z"), "--mail-forward", "far@else.example")
    act(world, "list", "add", *at(world, "s-y"), "--list-member", "s-z", "--list-member", "s-bob")
    act(world, "forward", "add", *at(world, "s-x"), "--mail-forward", at(world, "s-y")[0])
    act(world, "list", "add", *at(world, "s-a"), "--list-member", "s-x", "--description", "top")
    act(world, "list", "add", *at(world, "s-empty"))


ALL = ["s-ann", "s-bob", "s-cyd", "s-z", "s-y", "s-x", "s-a", "s-empty"]


@tap.test("R8.74 show: one address, or all of a type in a domain, as text, CSV and JSON")
def show(world):
    fill(world)
    ann, = at(world, "s-ann")
    out, _ = run(world, "user", "show", ann)
    tap.equal(out.splitlines()[0], "user " + ann, "the first line")
    tap.contains(out, "  GIVENNAME            =1+1\n")
    tap.contains(out, "  DESCRIPTION          one?two; three\n")
    found = json.loads(run(world, "user", "show", ann, "-j")[0])
    tap.equal((found["GIVENNAME"], found["DESCRIPTION"], found["TYPE"], found["USER"]),
              ("=1+1", "one\ntwo; three", "FULL", "s-ann"), "JSON")
    members = json.loads(run(world, "list", "show", "-j", *at(world, "s-y"))[0])["LIST MEMBER"]
    tap.equal(sorted(members), at(world, "s-bob", "s-z"), "members")
    out, _ = run(world, "user", "show", "--csv", world.domain)
    rows_shown = table(out)
    tap.equal(sorted(row["USER"] for row in rows_shown if row["USER"].startswith("s-")),
              ["s-ann", "s-bob", "s-cyd"], "users")
    tap.equal({row["PASSWORD"] for row in rows_shown}, {""}, "passwords")
    tap.equal([row["GIVENNAME"] for row in rows_shown if row["USER"] == "s-ann"], ["'=1+1"],
              "a formula")
    tap.contains(run(world, "list", "show", ann, code=1)[1], "no list with the address " + ann)
    tap.contains(run(world, "user", "show", "x@nowhere.example", code=1)[1], "no user with the address")
    tap.contains(run(world, "list", "show", "nowhere.example", code=1)[1], "no list in the domain nowhere")
    tap.contains(run(world, "export", "nowhere.example", code=1)[1], "there is no domain nowhere.example")
    world.slapd.kill()
    tap.contains(run(world, "user", "show", ann, code=75)[1], "directory")
    world.slapd.start()


@tap.test("R8.75 R8.76 what show and export tell, deleted and sent back: the same entries")
def round_trip(world):
    before = entries(world)
    out, errors = run(world, "export", world.domain)
    tap.equal(errors, "", "errors")
    rows_shown = [row for row in table(out) if row["USER"] in ALL]
    order = [row["USER"] for row in rows_shown]
    tap.equal(sorted(order), sorted(ALL), "what is there")
    tap.equal([name for name in order if name in ("s-z", "s-y", "s-x", "s-a")],
              ["s-z", "s-y", "s-x", "s-a"], "each behind what it names")
    lines = out.split("\r\n")
    ours = [line for line in re.split(r"\r\n(?=%s;)" % re.escape(world.domain), out.rstrip())[1:]
            if line.split(";")[1] in ALL]
    tap.equal(len(ours), len(ALL), "lines")
    head = lines[0].split(";")
    index = head.index("PASSWORD")
    tap.equal(index, 4, "the column of the password")
    path = world.nursery.path("back.csv")
    write(path, "DOMAIN;USER;TYPE;ACTION\n" + "".join(
        ";".join(line.split(";")[:3] + ["DELETE"]) + "\n" for line in ours), 0o600)
    tap.contains(run(world, "apply", path, "--as", world.admin)[0], "deleted    8")
    back = "\r\n".join([lines[0]] + [line.replace(";FULL;ADD;;", ";FULL;ADD;%s;" % SECRET, 1)
                                     for line in ours]) + "\r\n"
    write(path, back, 0o600)
    tap.contains(run(world, "apply", path, "--as", world.admin)[0], "created    8")
    after = entries(world)
    tap.equal({dn: (before.get(dn), after.get(dn)) for dn in before.keys() | after.keys()
               if before.get(dn) != after.get(dn)}, {}, "differences")


@tap.test("R8.78 a list of more members than a cell has room for comes back whole")
def large_list(world):
    name, = at(world, "s-large")
    members = ["member-with-a-long-name-%04d@elsewhere.example" % n for n in range(900)]
    world.add_list(name, *members)
    out, _ = run(world, "list", "show", "--csv", name)
    rows_shown = table(out)
    tap.equal(len(rows_shown) > 1, True, "%d rows" % len(rows_shown))
    world.slapd.delete(world.slapd.dn(name))
    path = world.nursery.path("large.csv")
    write(path, out, 0o600)
    run(world, "apply", path, "--as", world.admin)
    tap.equal(sorted(world.entry(name)["batchloadmember"]), members, "members")


@tap.test("R8.78 a value of several that a file can't hold is told")
def two_values(world):
    name, = at(world, "s-bob")
    world.slapd.modify("dn: %s\nchangetype: modify\nadd: mobile\nmobile: +1\nmobile: +2\n" %
                       world.slapd.dn(name))
    out, errors = run(world, "user", "show", "--csv", name)
    tap.contains(errors, "MOBILE has 2 values")
    tap.equal(table(out)[0]["MOBILE"], "'+1", "MOBILE")
    out, errors = run(world, "user", "show", name)
    tap.equal((errors, out.count("+")), ("", 2), "both values")


def whole(world):
    """One of each type but domains, made by verbs; what leads on comes against the order of names.
    Whether it is there still is told by the entries alone."""
    act(world, "user", "add", *at(world, "w-a", "w-b"), "--quota", "500", "--enable-forwards", "0",
        "--mail-forward", "far@else.example", "--language", "de_DE", password=SECRET)
    act(world, "user", "suspend", *at(world, "w-b"))
    act(world, "alias", "add", *at(world, "w-0"), "--target", at(world, "w-a")[0])
    act(world, "autoresponder", "add", *at(world, "w-a"), "--subject", "Away",
        "--message", "Back\nsoon; =1+1")
    act(world, "catchall", "add", world.domain, "--target", at(world, "w-a")[0])
    act(world, "resource", "add", *at(world, "w-room"), "--room-number", "7")
    act(world, "resourcegroup", "add", *at(world, "w-1rooms"), "--member", at(world, "w-room")[0])
    act(world, "group", "add", *at(world, "w-1group"), "--member", at(world, "w-a")[0])
    act(world, "dlist", "add", *at(world, "w-2dlist"), "--list-member", "w-a")
    act(world, "list", "add", *at(world, "w-1list"), "--list-member", "w-2dlist")
    act(world, "list", "add", *at(world, "w-1list"), "--list-member", "w-a", "--member-name",
        "An A")
    act(world, "list", "suspend", *at(world, "w-1list"))


@tap.test("R8.70 R8.75 R8.76 every type: made by verbs, exported, deleted and sent back")
def all_types(world):
    whole(world)
    before = entries(world)
    out, _ = run(world, "export", world.domain)
    ours = [row for row in table(out) if row["USER"].startswith("w-") or row["TYPE"] == "CATCHALL"]
    told = [(row["USER"], row["TYPE"], row["ACTION"]) for row in ours]
    for wanted in (("w-1list", "LIST", "SUSPEND"), ("w-a", "AUTORESPONDER", "ADD"),
                   ("", "CATCHALL", "ADD"), ("w-0", "ALIAS", "ADD")):
        tap.equal(told.count(wanted), 1, repr(wanted))
    text = {row["USER"]: row for row in ours if row["TYPE"] == "FULL"}
    tap.equal((text["w-b"]["ACTIVATED"], text["w-a"]["ENABLE FORWARDS"], text["w-a"]["QUOTA"]),
              ("no", "0", "500"), "columns")
    for word, names in (("list", ("w-1list",)), ("dlist", ("w-2dlist",)), ("group", ("w-1group",)),
                        ("resourcegroup", ("w-1rooms",)), ("resource", ("w-room",)),
                        ("user", ("w-a", "w-b"))):
        act(world, word, "delete", *at(world, *names))
    after = entries(world)
    tap.equal([dn for dn in after if "mail=w-" in dn or "mail=@" in dn], [], "what is left")
    for row in ours:
        row["PASSWORD"] = SECRET if row["TYPE"] == "FULL" else ""
    path = world.nursery.path("whole.csv")
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ours[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(ours)
    tap.contains(run(world, "apply", path, "--as", world.admin)[0], "processed ok")
    after = entries(world)
    tap.equal({dn: (before.get(dn), after.get(dn)) for dn in before.keys() | after.keys()
               if before.get(dn) != after.get(dn)}, {}, "differences")


def memory(world, rows_wanted, *words):
    """Most memory in bytes that a command has had, once so many of its rows were read."""
    # What is freed is given back at once, as without a sanitizer.
    with subprocess.Popen(
            [world.tree.command, "-c", world.milter.conf, *words], stdout=subprocess.PIPE,
            env=dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=0:thread_local_quarantine_size_kb=0"
                     )) as process:
        for _ in range(rows_wanted):
            process.stdout.readline()
        with open("/proc/%d/status" % process.pid, encoding="utf-8") as file:
            most = int(re.search(r"VmHWM:\s*(\d+) kB", file.read()).group(1)) * 1024
        process.stdout.read()
        tap.equal(process.wait(60), 0, "exit code")
    return most


@tap.test("R8.77 a large domain is shown in bounded memory")
def bounded(world):
    entries_made, size, domain = 3000, 16000, "large.example"
    dn = world.slapd.domain_dn(domain)
    world.slapd.add(world.slapd.domain_ldif(domain) + "\n" + "\n".join(
        "dn: mail=u%d@%s,%s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\n"
        "mail: u%d@%s\ncn: u\nsn: u\ndescription: %s\n" % (
            n, domain, dn, n, domain, "x" * size) for n in range(entries_made)))
    # The last ones are still to come: it is not at its end, and has a pipe that is full.
    large = memory(world, entries_made - 100, "export", domain)
    small = memory(world, 100, "export", domain)
    tap.say("%d kB of values: %d kB, and %d kB at its begin" % (
        entries_made * size / 1024, large / 1024, small / 1024))
    tap.equal(large - small < entries_made * size / 2, True, "memory")


if __name__ == "__main__":
    tap.main(World)
