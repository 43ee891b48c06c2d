# SPDX-License-Identifier: MIT
"""Mode: check and Mode: atomic. Slices of three rows, so that rows depend on rows of other slices."""

import time

import tap
from harness import World
from harness.process import wait_for
from rows import DOMAIN, SECRET, at, row

SETTINGS = {"slice_rows": 3, "atomic_rows": 200}
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
        # Its list was made by one slice, and its member deleted by another.
        row("DELETE LIST other", LIST_MEMBER="m0"),
        row("ADD FULL m0", PASSWORD=SECRET),
        row("ADD LIST old", LIST_MEMBER="m0"),
        row("MODIFY FULL m1", PASSWORD=SECRET, TITLE="Dr"),
        row("MODIFY LIST team", DESCRIPTION="the team"),
        row("MODIFY LIST team", DESCRIPTION="the team"),
        row("ADD FORWARD info", MAILFORWARD="ann@somedomain.example m3@somedomain.example out@elsewhere.example"),
        row("MODIFY FORWARD info", MAILFORWARD="info2@somedomain.example"),
        row("ADD FORWARD info2", MAILFORWARD="info@somedomain.example"),
        row("MODIFY FORWARD info", MAILFORWARD="info2@somedomain.example"),
        row("MODIFY FORWARD info", MAILFORWARD="ben@somedomain.example"),
        row("DELETE FULL ann"),
        row("MODIFY LIST old", DESCRIPTION="an old one"),
        row("DELETE LIST old", LIST_MEMBER="ann"),
        row("DELETE FULL ben"),
        row("ADD LIST ben", LIST_MEMBER="m4"),
        row("MODIFY FULL ben", PASSWORD=SECRET),
        row("DELETE LIST old"),
        row("ADD FORWARD old", MAILFORWARD="m5@somedomain.example"),
        row("ADD FULL x@foreign.example", PASSWORD=SECRET),
        row("ADD FULL postmaster", PASSWORD=SECRET),
        row("ADD FULL m9", PASSWORD=""),
        row("ADD ALIAS m10"),
        row("DELETE FORWARD info"),
        row("DELETE LIST team"),
        row("DELETE LIST other"),
        # What else leads to an address, or belongs to it, is made by one slice and goes with another.
        row("ADD FULL n0", PASSWORD=SECRET, ALIAS="n1 n2", MAILFORWARD=at("m4")),
        row("ADD ALIAS n3", TARGET="n0"),
        row("ADD FULL n1", PASSWORD=SECRET),
        row("MODIFY FULL n0", PASSWORD=SECRET, ALIAS="+n4 ~n1"),
        row("ADD FULL n1", PASSWORD=SECRET),
        row("MODIFY FULL m4", PASSWORD=SECRET, MAILFORWARD=at("n3")),
        row("ADD CATCHALL ", TARGET="n0"),
        row("ADD CATCHALL ", TARGET="n1"),
        row("ADD AUTORESPONDER n0", SUBJECT="Away", MESSAGE="Till May"),
        row("ADD AUTORESPONDER n3", MESSAGE="Till May"),
        row("ADD GROUP g0", MEMBER="n0 n1"),
        row("ADD DLIST d0", LIST_MEMBER="n3 g0"),
        row("ADD DLIST d0", LIST_MEMBER="n3 n0"),
        row("ADD RESOURCE r0", DESCRIPTION="a car"),
        row("ADD RESOURCEGROUP r1", MEMBER="r0"),
        row("SUSPEND FULL n0"),
        row("SUSPEND FULL n0"),
        row("SUSPEND DLIST d0"),
        row("RESUME FULL n0"),
        row("DELETE FULL n0"),
        row("ADD FULL n4", PASSWORD=SECRET, QUOTA="5"),
        row("DELETE ALIAS n3"),
        row("DELETE DLIST d0", LIST_MEMBER="n3"),
        row("DELETE FULL n1"),
        row("DELETE RESOURCE r0"),
        row("DELETE GROUP g0"),
        row("DELETE FULL n1"),
        row("DELETE CATCHALL "),
        row("DELETE RESOURCEGROUP r1"),
        row("DELETE RESOURCE r0"),
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


@tap.test("R8.20 a domain's limit is kept to over all slices, in each mode")
def limit(world):
    dn = world.slapd.domain_dn(DOMAIN)
    there = len(world.slapd.search("(objectClass=batchloadAccount)", dn))
    rows = [row("ADD FULL few%d" % number, PASSWORD=SECRET) for number in range(8)]
    rows.insert(6, row("DELETE FULL few0"))
    wanted = ["created"] * 5 + ["failed", "deleted", "created", "failed"]
    world.slapd.modify("dn: %s\nchangetype: modify\nadd: batchloadMailboxesMax\n"
                       "batchloadMailboxesMax: %d\n" % (dn, there + 5))
    try:
        tap.equal(world.ask(rows, mode="check").results, wanted, "checked")
        tap.equal(set(world.ask(rows, mode="atomic").results), {"failed", "unchanged"}, "atomic")
        response = world.ask(rows)
        tap.equal(response.results, wanted, "applied")
        tap.contains(response.words, "may have %d mailboxes, and has them" % (there + 5))
    finally:
        world.slapd.modify("dn: %s\nchangetype: modify\ndelete: batchloadMailboxesMax\n" % dn)


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
    tap.contains(response.words, "The password is not the right one")


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


# What planning can't see: slapd refuses the value of a telephone number with such a sign.
REFUSED = row("MODIFY FULL still", PASSWORD=SECRET, PHONE="\u00a7")


def without(entries, *names):
    return {dn: {name: sorted(map(str, values)) for name, values in entry.items()
                 if name not in names} for dn, entry in entries.items()}


def same_but_for_versions(world, before):
    """The directory as before: new versions, and where an entry had to be made again without the
    Relax control a new unique id."""
    changing = ("entrycsn", "modifytimestamp", "modifiersname", "entryuuid", "createtimestamp",
                "creatorsname", "contextcsn")
    tap.equal(without(directory(world), *changing), without(before, *changing), "directory")


def atomic_rows(tag, last=None):
    """Changes of every kind, over several slices, on entries from before and of its own."""
    rows = [
        row("ADD FULL %s1" % tag, PASSWORD=SECRET),
        row("ADD FULL %s2" % tag, PASSWORD=SECRET),
        row("ADD LIST %slist" % tag, LIST_MEMBER="%s1 %s2 keep1" % (tag, tag)),
        row("MODIFY FULL keep1", PASSWORD=SECRET, TITLE="Dr", SURNAME="New"),
        row("ADD LIST keeplist", LIST_MEMBER="%s1" % tag),
        row("MODIFY LIST keeplist", DESCRIPTION="changed"),
        row("DELETE FULL keep2"),
        row("MODIFY FORWARD keepforward", MAILFORWARD=at("%s2" % tag)),
        row("DELETE FULL %s1" % tag),
        row("ADD FORWARD keep2", MAILFORWARD="keep1@somedomain.example"),
        row("MODIFY FULL keep1", PASSWORD=SECRET, TITLE="Prof"),
        row("DELETE FORWARD keepforward"),
        row("DELETE FORWARD keep2"),
        row("ADD LIST keep2", LIST_MEMBER="keep1"),
        row("DELETE LIST keeplist", LIST_MEMBER="keep1"),
        row("DELETE LIST %slist" % tag),
    ]
    return rows + ([last] if last else [])


def keep_entries(world):
    """What atomic requests change and take back."""
    for name in ("keep1", "keep2"):
        world.add_account(at(name), "the password of " + name)
    world.add_list(at("keeplist"), at("keep1"), at("keep2"), "far@elsewhere.example")
    world.add_forward(at("keepforward"), at("keep1"))


NOTHING = "Nothing was changed: with Mode: atomic all rows are carried out, or none."


@tap.test("R2.17 Mode: atomic, a row that can't be planned: nothing is changed, each row is told")
def one_bad(world):
    before = directory(world)
    response = world.ask(atomic_rows("b", row("MODIFY FULL nobody", PASSWORD=SECRET)),
                         mode="atomic", reference="bad")
    tap.equal(directory(world), before, "directory")
    tap.contains(response.text, NOTHING)
    tap.equal(response.subject, "Batchload bad: processed, 1 of 17 rows failed "
              "(nothing was changed)", "subject")
    tap.equal(response.results, ["unchanged"] * 16 + ["failed"], "results")
    tap.contains(response.rows()[0]["REASON"], "not every row of the request could be")
    tap.contains(response.words, "There is no mailbox with the address nobody@")


@tap.test("R2.17 Mode: atomic, a write that the directory refuses: all is taken back")
def refused_write(world):
    before = directory(world)
    response = world.ask(atomic_rows("c", REFUSED), mode="atomic")
    tap.contains(response.text, NOTHING)
    tap.equal(response.results, ["unchanged"] * 16 + ["failed"], response.text)
    tap.contains(response.rows()[16]["REASON"], "PHONE")
    same_but_for_versions(world, before)
    for name in ("keep1", "keep2"):
        tap.equal(world.can_login(at(name), "the password of " + name), True, "login " + name)
    tap.equal(bool(world.log_lines("action=undo")), True, "an undo in the log")
    world.search_spool(SECRET)
    tap.absent(world.log_text(), SECRET, "log")


@tap.test("R2.17 Mode: atomic, another writer meanwhile: what is theirs stays")
def another_writer(world):
    world.add_account(at("w1"), "w1")
    world.add_list(at("wlist"), at("w1"))
    # Many rows, so that there is time between the first and the last.
    rows = [row("MODIFY FULL w1", PASSWORD=SECRET, TITLE="ours"),
            row("ADD LIST wlist", LIST_MEMBER="still")]
    rows += [row("ADD FULL wmany%d" % number, PASSWORD=SECRET) for number in range(150)]
    raw = world.request(rows + [REFUSED], mode="atomic")
    tap.equal(world.send(raw).code, 250, "reply")
    wait_for(lambda: world.entry(at("w1")).get("title") == ["ours"], "the first row", 60)
    world.slapd.modify("dn: %s\nchangetype: modify\nreplace: title\ntitle: theirs\n"
                       "-\nreplace: description\ndescription: theirs\n" % world.slapd.dn(at("w1")))
    world.slapd.modify("dn: %s\nchangetype: modify\nadd: batchloadMember\n"
                       "batchloadMember: theirs@elsewhere.example\n" % world.slapd.dn(at("wlist")))
    response = world.response(raw)
    tap.equal(world.entry(at("w1"))["title"], ["theirs"], "title")
    tap.equal(world.entry(at("w1"))["description"], ["theirs"], "description")
    tap.equal(sorted(world.entry(at("wlist"))["batchloadmember"]),
              sorted([at("w1"), "theirs@elsewhere.example"]), "members")
    tap.equal(world.entry(at("wmany3")), None, "an added entry")
    tap.equal(response.results, ["failed"] + ["unchanged"] * 151 + ["failed"], response.text)
    tap.contains(response.rows()[0]["REASON"], "could not be taken back")
    tap.equal(response.subject, "Batchload: processed, 2 of 153 rows failed "
              "(not all could be taken back)", "subject")
    tap.contains(response.words, "except for the rows below that say so")


def killed_often(world, rows, times):
    """Kills the daemon at times different points of one atomic request; its response."""
    raw = world.request(rows, mode="atomic")
    tap.equal(world.send(raw).code, 250, "reply")
    for number in range(times):
        time.sleep(0.05 + 0.03 * number)  # a point in time is what is chosen here
        world.milter.kill()
        world.milter.start()
    return world.response(raw, 120)


@tap.test("R2.17 Mode: atomic that is taken back, killed at many points: as before")
def killed_undo(world):
    before = directory(world)
    for tag in ("e", "f", "g"):
        response = killed_often(world, atomic_rows(tag, REFUSED), 8)
        tap.equal(response.results, ["unchanged"] * 16 + ["failed"], response.text)
        same_but_for_versions(world, before)


@tap.test("R2.17 Mode: atomic with good rows, killed at many points: all of it is done")
def killed_apply(world):
    response = killed_often(world, atomic_rows("h"), 8)
    tap.equal(response.text.startswith("processed ok\n"), True, response.text)
    tap.equal(response.results, [
        "created", "created", "created", "changed", "changed", "changed", "deleted", "changed",
        "deleted", "created", "changed", "deleted", "deleted", "created", "changed", "deleted"],
        "results")
    tap.equal(world.entry(at("keep1"))["title"], ["Prof"], "title")
    tap.equal(world.entry(at("keep2"))["batchloadmember"], [at("keep1")], "members")
    tap.equal(world.entry(at("keeplist"))["batchloadmember"], ["far@elsewhere.example"], "members")
    tap.equal([world.entry(at(user)) for user in ("h1", "hlist", "keepforward")], [None] * 3, "gone")
    tap.equal(world.can_login(at("h2"), SECRET), True, "login")


@tap.test("R2.17 more rows than atomic_rows are refused as a whole")
def too_many(world):
    response = world.ask([row("ADD FULL n%d" % number, PASSWORD=SECRET) for number in range(201)],
                         mode="atomic")
    tap.contains(response.subject, ": not processed")
    tap.contains(response.words, "limit atomic_rows")


class ModesWorld(World):
    def __init__(self):
        super().__init__(settings=SETTINGS)
        for user in FIRST:
            self.add_account(at(user), "the password of " + user)
        self.add_list(at("old"), at("ann"), at("ben"))
        self.add_list(at("older"), at("ann"), "far@elsewhere.example")
        self.add_account(at("still"), "still")
        keep_entries(self)


if __name__ == "__main__":
    tap.main(ModesWorld)
