# SPDX-License-Identifier: MIT
"""Mode: check. Slices of three rows, so that rows depend on rows of other slices."""

import tap
from harness import World
from rows import DOMAIN, SECRET, at, row

SETTINGS = {"slice_rows": 3}
CHECKED = "Checked only (Mode: check): nothing was changed."
FIRST = ["ann", "ben"]


def mixed():
    """Rows of every kind, most of them on what rows of earlier slices made or took away."""
    many = [row("ADD FULL m%d" % number, PASSWORD=SECRET, SURNAME="M%d" % number)
            for number in range(8)]
    return many + [
        row("ADD LIST team", LIST_MEMBER="m0 m1 ann x@elsewhere.example"),
        row("ADD LIST other", LIST_MEMBER="m0 team"),
        row("ADD LIST team", LIST_MEMBER="m2"),
        row("ADD LIST team", LIST_MEMBER="m2"),
        row("ADD LIST team", LIST_MEMBER="nobody"),
        row("ADD LIST team", LIST_MEMBER="other"),
        row("DELETE LIST team", LIST_MEMBER="m1"),
        row("DELETE LIST team", LIST_MEMBER="m1"),
        row("ADD FULL m0", PASSWORD=SECRET),
        row("DELETE FULL m0"),
        row("DELETE FULL m0"),
        row("MODIFY FULL m0", PASSWORD=SECRET),
        row("DELETE LIST team", LIST_MEMBER="m0"),
        row("ADD FULL m0", PASSWORD=SECRET),
        row("ADD LIST old", LIST_MEMBER="m0"),
        row("MODIFY FULL m1", PASSWORD=SECRET, TITLE="Dr"),
        row("MODIFY LIST team", DESCRIPTION="the team"),
        row("MODIFY LIST team", DESCRIPTION="the team"),
        row("ADD FORWARD info", MAILFORWARD="ann m3 out@elsewhere.example"),
        row("MODIFY FORWARD info", MAILFORWARD="info2"),
        row("ADD FORWARD info2", MAILFORWARD="info"),
        row("MODIFY FORWARD info", MAILFORWARD="info2"),
        row("MODIFY FORWARD info", MAILFORWARD="ben"),
        row("DELETE FULL ann"),
        row("MODIFY LIST old", DESCRIPTION="an old one"),
        row("DELETE LIST old", LIST_MEMBER="ann"),
        row("DELETE FULL ben"),
        row("ADD LIST ben", LIST_MEMBER="m4"),
        row("MODIFY FULL ben", PASSWORD=SECRET),
        row("DELETE LIST old"),
        row("ADD FORWARD old", MAILFORWARD="m5"),
        row("ADD FULL x@foreign.example", PASSWORD=SECRET),
        row("ADD FULL postmaster", PASSWORD=SECRET),
        row("ADD FULL m9", PASSWORD=""),
        row("ADD RESOURCE m10"),
        row("DELETE FORWARD info"),
        row("DELETE LIST team"),
        row("DELETE LIST other"),
    ]


def directory(world):
    """Everything below the base with every attribute."""
    return world.slapd.search("(objectClass=*)", world.base, attributes=("*", "+"))


def told(response):
    return [(each["USER"], each["RESULT"], each["REASON"]) for each in response.rows()]


@tap.test("R2.17 Mode: check changes nothing and tells what a run would do, over all rows before")
def mixed_file(world):
    before = directory(world)
    checked = world.ask(mixed(), mode="check", reference="try")
    tap.equal(directory(world), before, "directory")
    tap.contains(checked.text, CHECKED)
    tap.absent(checked.decoded, SECRET.encode(), "response")
    world.search_spool(SECRET)
    tap.absent(world.log_text(), SECRET, "log")

    applied = world.ask(mixed(), reference="run")
    tap.absent(applied.decoded, b"Checked only", "response of a run")
    tap.equal(told(checked), told(applied), "results")
    results = [each[1] for each in told(applied)]
    for result in ("created", "changed", "deleted", "unchanged", "failed"):
        tap.equal(results.count(result) > 2, True, "rows " + result)
    failed = results.count("failed")
    tap.equal(applied.subject, "Batchload run: processed, %d of %d rows failed" % (
        failed, len(results)), "subject")
    tap.equal(checked.subject, "Batchload try: processed, %d of %d rows failed "
              "(checked only, nothing was changed)" % (failed, len(results)), "subject")
    counts = [line for line in applied.text.splitlines() if line.startswith("Created: ")]
    tap.contains(checked.text, counts[0])
    tap.equal(len(checked.rows("batchload.csv")), failed, "rows of batchload.csv")


@tap.test("R2.17 Mode: check of a good file, in any case, also as a header field; then apply")
def good(world):
    rows = [row("ADD FULL good%d" % number, PASSWORD=SECRET) for number in range(4)]
    before = directory(world)
    for options in ({"mode": "CHECK"}, {"headers": ["mode: Check"]}):
        response = world.ask(rows, reference="g", **options)
        tap.equal(response.subject,
                  "Batchload g: processed ok (checked only, nothing was changed)", "subject")
        tap.contains(response.text, CHECKED)
        tap.contains(response.text, "Created: 4")
        tap.equal(response.results, ["created"] * 4, "results")
    tap.equal(directory(world), before, "directory")
    response = world.ask(rows, reference="g", mode="apply")
    tap.equal(response.subject, "Batchload g: processed ok", "subject")
    tap.equal(world.can_login(at("good3"), SECRET), True, "login")


@tap.test("R2.17 a whole-request error is the same with Mode: check")
def refused(world):
    response = world.ask(csv="DOMAIN;USER\n%s;x\n" % DOMAIN, mode="check")
    tap.contains(response.subject, ": not processed")
    response = world.ask([row("ADD FULL x", PASSWORD=SECRET)], mode="check", password="wrong")
    tap.contains(response.text, "The password is not the right one")


@tap.test("R2.17 a check goes on after kill -9, and leaves nothing in the spool")
def killed(world):
    before = directory(world)
    rows = [row("ADD FULL k%d" % number, PASSWORD=SECRET) for number in range(300)]
    rows += [row("DELETE FULL k%d" % number) for number in range(0, 300, 2)]
    rows += [row("ADD LIST klist", LIST_MEMBER=" ".join("k%d" % n for n in range(1, 300, 2))),
             row("DELETE FULL k1"), row("MODIFY FULL k2", PASSWORD=SECRET)]
    raw = world.request(rows, mode="check")
    tap.equal(world.send(raw).code, 250, "reply")
    world.wait_log("action=begin", "mode=check", "rows=%d" % len(rows))
    world.milter.kill()
    world.milter.start()
    response = world.response(raw)
    tap.equal(response.results, ["created"] * 300 + ["deleted"] * 150 +
              ["created", "deleted", "failed"], "results")
    tap.equal(directory(world), before, "directory")


class ModesWorld(World):
    def __init__(self):
        super().__init__(settings=SETTINGS)
        for user in FIRST:
            self.add_account(at(user), "the password of " + user)
        self.add_list(at("old"), at("ann"), at("ben"))
        self.add_list(at("older"), at("ann"), "far@elsewhere.example")


if __name__ == "__main__":
    tap.main(ModesWorld)
