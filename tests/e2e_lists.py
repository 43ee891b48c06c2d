# SPDX-License-Identifier: MIT
"""A list that gets, or loses, hundreds of members in one request: few writes, and each row is told as
if it had gone alone."""

import json
import re

import tap
from harness import World, run

MEMBERS = 1000
# Slices of 500 rows, a write each.
WRITES = 4
REFUSED = "refused"


def name(n):
    return "member%03d" % n


def row(world, user, kind, action, **cells):
    return dict({"DOMAIN": world.domain, "USER": user, "TYPE": kind, "ACTION": action}, **cells)


def puts(world, address, members):
    return [row(world, address, "LIST", "ADD", LIST_MEMBER="%s@%s" % (member, world.domain))
            for member in members]


def output(world):
    with open(world.slapd.output(), encoding="utf-8", errors="replace") as file:
        return file.read()


def ask(world, user, rows, **options):
    """The response, and how often the directory was told to modify the list."""
    mark = 'MOD dn="%s"' % world.slapd.dn("%s@%s" % (user, world.domain))
    before = output(world).count(mark)
    response = world.ask(rows, seconds=120, **options)
    return response, output(world).count(mark) - before


def changes(world, response):
    """What batchload log tells of the request."""
    job = re.search(r"(?m)^Job: (\S+)", response.text).group(1)
    command = [world.tree.command, "-c", world.milter.conf, "log", "-j", "--job", job]
    return [json.loads(line) for line in run(command).stdout.splitlines()]


def members(world, user):
    entry = world.entry("%s@%s" % (user, world.domain))
    return sorted(each.partition("@")[0] for each in entry.get("batchloadmember", ()))


@tap.test("R5.6 a list gets %d members in as many rows by %d writes, each row told and kept" %
          (MEMBERS, WRITES))
def grows(world):
    world.add_list("crowd@" + world.domain)
    response, writes = ask(world, "crowd", puts(world, "crowd", map(name, range(MEMBERS))))
    tap.equal(response.results, ["changed"] * MEMBERS, "results")
    tap.equal([each["LIST_MEMBER"].partition("@")[0] for each in response.rows()],
              [name(n) for n in range(MEMBERS)], "rows")
    tap.equal(members(world, "crowd"), [name(n) for n in range(MEMBERS)], "members")
    kept = changes(world, response)
    tap.equal([(each["line"], each["result"]) for each in kept],
              [(n + 2, "changed") for n in range(MEMBERS)], "the log's rows")
    for n, each in enumerate(kept):
        tap.contains(json.dumps(each), name(n) + "@")
    tap.say("%d writes" % writes)
    assert 1 <= writes <= WRITES, writes


@tap.test("R5.6 a member that the directory refuses fails alone among 300")
def refused(world):
    world.add_list("some@" + world.domain)
    names = [name(n) for n in range(300)]
    names[123] = REFUSED
    response, writes = ask(world, "some", puts(world, "some", names))
    tap.equal([n for n, result in enumerate(response.results) if result != "changed"], [123],
              "rows that were not done")
    bad = response.rows()[123]
    tap.equal(bad["RESULT"], "failed", "result")
    tap.contains(bad["REASON"], "The directory does not allow this change.")
    tap.equal(members(world, "some"), sorted(set(names) - {REFUSED}), "members")
    tap.equal([each["line"] for each in changes(world, response)],
              [n + 2 for n in range(300) if n != 123], "the log's rows")
    tap.say("%d writes" % writes)
    assert writes <= 40, writes


@tap.test("R5.6 R2.17 the same with Mode: atomic changes nothing")
def refused_atomic(world):
    world.add_list("none@" + world.domain, "%s@%s" % (name(0), world.domain))
    names = [name(n) for n in range(1, 700)]
    names[650] = REFUSED
    response, _ = ask(world, "none", puts(world, "none", names), mode="atomic")
    tap.contains(response.text, "Nothing was changed: with Mode: atomic")
    tap.equal(members(world, "none"), [name(0)], "members")


@tap.test("R5.6 half of them are taken off by %d writes" % WRITES)
def shrinks(world):
    rows = [dict(each, ACTION="DELETE") for each in puts(world, "crowd", map(name, range(500)))]
    response, writes = ask(world, "crowd", rows)
    tap.equal(response.results, ["changed"] * 500, "results")
    tap.equal(members(world, "crowd"), [name(n) for n in range(500, MEMBERS)], "members")
    tap.say("%d writes" % writes)
    assert 1 <= writes <= WRITES, writes


@tap.test("R5.6 500 addresses on one list are deleted, and leave it by %d writes" % WRITES)
def deleted(world):
    rows = [row(world, name(n), "FORWARD", "DELETE") for n in range(500, MEMBERS)]
    response, writes = ask(world, "crowd", rows)
    tap.equal(response.results, ["deleted"] * 500, "results")
    tap.equal(members(world, "crowd"), [], "members")
    tap.equal(world.entry("%s@%s" % (name(700), world.domain)), None, "entry")
    kept = changes(world, response)
    tap.equal(len(kept), 1000, "changes of lists and entries")
    tap.say("%d writes" % writes)
    assert 1 <= writes <= WRITES, writes


class Lists(World):
    def __init__(self):
        super().__init__(slapd_tells="stats")
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self):
        with open(self.slapd.conf, encoding="utf-8") as file:
            conf = file.read()
        rule = ('access to attrs=batchloadMember val.regex="^%s@.*$"\n    by * none\n' % REFUSED)
        with open(self.slapd.conf, "w", encoding="utf-8") as file:
            file.write(conf.replace("# Passwords are tried and replaced.",
                                    rule + "# Passwords are tried and replaced.", 1))
        self.slapd.restart()
        ldif = "dn: {}\nobjectClass: inetOrgPerson\nobjectClass: batchloadForward\nmail: {}\n" \
               "cn: x\nsn: x\nbatchloadTarget: {}\n"
        self.slapd.add("\n".join(
            ldif.format(self.slapd.dn(address), address, self.admin)
            for address in ["%s@%s" % (user, self.domain)
                            for user in [name(n) for n in range(MEMBERS)] + [REFUSED]]))


if __name__ == "__main__":
    tap.main(Lists)
