# SPDX-License-Identifier: MIT
"""The audit: each change once, whoever asked for it and whatever breaks, without a secret."""

import json
import os
import pwd
import re
import subprocess

import tap
from harness import World, wait_for
from harness.process import write

SECRET = "Canary-Lw47-audit"


def log(world, *words, code=0, **options):
    """Lines of batchload log."""
    result = subprocess.run(
        [world.tree.command, "-c", world.milter.conf, "log", *words], text=True,
        capture_output=True, timeout=100, check=False, **options)
    tap.equal(result.returncode, code, "%r: %s%s" % (words, result.stdout, result.stderr))
    tap.absent(result.stdout, SECRET, "log")
    return result.stdout.splitlines()


def changes(world, *words, **options):
    """The same as dictionaries."""
    return [json.loads(line) for line in log(world, "-j", *words, **options)]


def job_of(response):
    return re.search(r"(?m)^Job: (\S+)", response.text).group(1)


def fields(change):
    return {each["field"]: (each["before"], each["after"]) for each in change["fields"]}


def named(change):
    return change["line"], change["action"], change["type"], change["address"], change["result"]


HEAD = "DOMAIN;USER;TYPE;ACTION;PASSWORD;MAILFORWARD;LIST MEMBER;PHONE;SURNAME\n"


def ask(world, *lines, domain=None, **options):
    domain = domain or world.domain
    return world.ask(csv=HEAD + "".join("%s;%s\n" % (domain, line) for line in lines), **options)


@tap.test("R5.5 each kind of change, before and after, by whom, from where, in which job and row")
def kinds(world):
    response = ask(world, "u1;FULL;ADD;%s;;;+49 1;Probe" % SECRET, "f1;FORWARD;ADD;;%s;;;" % world.admin,
                   "l1;LIST;ADD;;;u1 f1;;", "nobody;FORWARD;DELETE;;;;;")
    job = job_of(response)
    u1, f1, l1 = ("%s@%s" % (each, world.domain) for each in ("u1", "f1", "l1"))
    found = changes(world, "--job", job)
    tap.equal([named(each) for each in found],
              [(2, "ADD", "FULL", u1, "created"), (3, "ADD", "FORWARD", f1, "created"),
               (4, "ADD", "LIST", l1, "created")], "changes")
    tap.equal(fields(found[0]), {"PASSWORD": ([], ["changed"]), "PHONE": ([], ["+49 1"]),
                                 "SURNAME": ([], ["Probe"])}, "fields")
    tap.equal(fields(found[1])["MAILFORWARD"], ([], [world.admin]), "fields")
    tap.equal(fields(found[2])["LIST MEMBER"], ([], [u1, f1]), "fields")
    for each in found:
        tap.equal((each["requester"], each["proof"], each["origin"], each["job"]),
                  (world.admin, "password", "127.0.0.1", job), "who")
        tap.equal(bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each["time"])), True, "time")
    second = job_of(ask(world, "u1;FULL;MODIFY;%s;;;+49 2;" % SECRET, "f1;FORWARD;MODIFY;;%s;;;" % u1,
                        "l1;LIST;ADD;;;x@elsewhere.example;;", "l1;LIST;DELETE;;;f1;;",
                        "u1;FULL;DELETE;;;;;"))
    found = changes(world, "--job", second)
    tap.equal([named(each) for each in found],
              [(2, "MODIFY", "FULL", u1, "changed"), (3, "MODIFY", "FORWARD", f1, "changed"),
               (4, "MODIFY", "LIST", l1, "changed"), (5, "MODIFY", "LIST", l1, "changed"),
               # The list loses the member before the entry goes.
               (6, "MODIFY", "LIST", l1, "deleted"), (6, "DELETE", "FULL", u1, "deleted")],
              "changes")
    tap.equal(fields(found[0]), {"PASSWORD": ([], ["changed"]), "PHONE": (["+49 1"], ["+49 2"])},
              "fields")
    tap.equal(fields(found[1])["MAILFORWARD"], ([world.admin], [u1]), "fields")
    tap.equal(fields(found[2])["LIST MEMBER"], ([], ["x@elsewhere.example"]), "fields")
    tap.equal(fields(found[3])["LIST MEMBER"], ([f1], []), "fields")
    tap.equal(fields(found[4])["LIST MEMBER"], ([u1], []), "fields")
    tap.equal(fields(found[5])["PHONE"], (["+49 2"], []), "fields")
    numbers = [each["number"] for each in changes(world)]
    tap.equal(numbers, sorted(set(numbers)), "numbers")
    world.search_spool(SECRET)


@tap.test("R5.5 log by job, address, administrator and time, as text and as JSON")
def filters(world):
    mine = job_of(ask(world, "m1;FORWARD;ADD;;%s;;;" % world.admin))
    other = job_of(ask(world, "m1;FORWARD;ADD;;%s;;;" % world.other_admin,
                       sender=world.other_admin, domain=world.other_domain))
    tap.equal({each["job"] for each in changes(world, "--by", world.other_admin)}, {other}, "by")
    address = "m1@" + world.domain
    tap.equal([named(each)[3] for each in changes(world, "--address", address.upper())], [address],
              "address")
    tap.equal(changes(world, "--job", mine, "--by", world.other_admin, code=1), [], "both")
    tap.equal(len(changes(world, "--since", "2026-01-01")) > 1, True, "since")
    for words in (("--until", "2020-01-01"), ("--since", "2999-01-01 10:00"),
                  ("--job", "20200101-AAAAAA"), ("--address", "nobody@" + world.domain)):
        tap.equal(log(world, *words, code=1), [], repr(words))
    for words in (("--since", "yesterday"), ("--address", "x"), ("--by", "x"), ("extra",)):
        log(world, *words, code=64)
    text = log(world, "--job", mine)
    tap.equal(len(text), 1, "lines")
    tap.contains(text[0], " %s/2 %s (password, 127.0.0.1) ADD FORWARD %s: created; " % (
        mine, world.admin, address))
    tap.contains(text[0], "; MAILFORWARD: " + world.admin)


@tap.test("R5.5 by the command line: who used it; with --mode check nothing; only the daemon's may read")
def command_line(world):
    path = world.nursery.path("rows.csv")
    write(path, HEAD + "%s;c1;FORWARD;ADD;;%s;;;\n" % (world.domain, world.admin), 0o644)
    daemon = pwd.getpwnam(world.milter.user)
    base = [world.tree.command, "-c", world.milter.conf]
    subprocess.run([*base, "check", path, "--as", world.admin], check=True, capture_output=True,
                   timeout=100)
    tap.equal(changes(world, "--address", "c1@" + world.domain, code=1), [], "only checked")
    subprocess.run([*base, "apply", path, "--as", world.admin], check=True, capture_output=True,
                   timeout=100, user=daemon.pw_uid, group=daemon.pw_gid, extra_groups=[])
    found = changes(world, "--address", "c1@" + world.domain)
    tap.equal([(each["proof"], each["origin"], each["requester"]) for each in found],
              [("command", "uid %d" % daemon.pw_uid, world.admin)], "who")
    nobody = pwd.getpwnam("nobody")
    log(world, code=77, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    log(world, user=daemon.pw_uid, group=daemon.pw_gid, extra_groups=[])


@tap.test("R5.5 an atomic request that fails leaves what was done and that it was taken back")
def undone(world):
    # A lower-case phone number that the directory refuses; found only when it is written.
    rows = ["a%d;FORWARD;ADD;;%s;;;" % (i, world.admin) for i in range(60)]
    response = ask(world, *rows, "a60;FORWARD;ADD;;%s;;\u00e4;" % world.admin, mode="atomic")
    tap.contains(response.subject, "failed")
    found = changes(world, "--job", job_of(response))
    done = [each["line"] for each in found if each["result"] != "undone"]
    back = [each["line"] for each in found if each["result"] == "undone"]
    tap.say("%d done, %d undone" % (len(done), len(back)))
    tap.equal((sorted(done), sorted(back)), (list(range(2, 62)), list(range(2, 62))), "lines")
    tap.equal(world.entry("a1@" + world.domain), None, "entry")


@tap.test("R5.5 what a row has done before it failed is there: it was taken off its lists")
def partly(world):
    ask(world, "p1;FULL;ADD;%s;;;;" % SECRET, "pl;LIST;ADD;;;p1 %s;;" % world.admin)
    # Something hangs on the entry, so the directory refuses to delete it.
    world.slapd.add("dn: cn=device,%s\nobjectClass: device\ncn: device\n" %
                    world.slapd.dn("p1@" + world.domain))
    response = ask(world, "p1;FULL;DELETE;;;;;")
    tap.equal(response.results, ["failed"], response.text)
    found = changes(world, "--job", job_of(response))
    tap.equal([named(each) for each in found],
              [(2, "MODIFY", "LIST", "pl@" + world.domain, "failed")], "changes")
    tap.equal(fields(found[0])["LIST MEMBER"], (["p1@" + world.domain], []), "fields")


@tap.test("R5.5 killed -9 again and again, and slapd too: each applied row is there exactly once")
def killed(world):
    count = 3000
    raw = world.request(csv=HEAD + "".join(
        "%s;k%d;FORWARD;ADD;;%s;;;\n" % (world.domain, i, world.admin) for i in range(count)))
    tap.equal(world.send(raw).code, 250, "reply")
    kills = 0
    for point in range(100, count, 310):
        name = "k%d@%s" % (point, world.domain)
        wait_for(lambda: world.entry(name) is not None, name, 60, 0.001)
        if kills % 3 == 2:
            world.slapd.kill()
            world.slapd.start()
        else:
            world.milter.kill()
            world.milter.start()
        kills += 1
    response = world.response(raw, 90)
    tap.equal(response.results.count("created"), count, "created")
    found = [each["line"] for each in changes(world, "--job", job_of(response))]
    tap.say("%d kills" % kills)
    tap.equal(found, list(range(2, count + 2)), "lines of the audit")


if __name__ == "__main__":
    tap.main(lambda: World(settings={"slice_rows": 50}))
