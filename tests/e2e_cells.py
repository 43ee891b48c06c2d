# SPDX-License-Identifier: MIT
"""The nine cells FULL, FORWARD, LIST x ADD, DELETE, MODIFY: asked for by an administrator's mail,
seen in the response and in the directory, felt by mail and login."""

import tap
from harness import World

DOMAIN = "somedomain.example"
FIRST, SECOND, THIRD = "Sommer-Regen-42", 'Herbst;"Wind" \u00fcber 3', "=Winter Sonne"
PASSWORDS = {}  # of the accounts of the tests, as they are now


def at(user):
    return "%s@%s" % (user, DOMAIN)


def row(action, kind, user, **cells):
    return {"DOMAIN": DOMAIN, "USER": user, "TYPE": kind, "ACTION": action,
            **{name.replace("_", " "): value for name, value in cells.items()}}


def done(world, result, *rows):
    """Sends rows: each must come back with result, and all be well."""
    response = world.ask(rows)
    tap.equal(response.text.partition("\n")[0], "processed ok", "first line")
    tap.equal(response.results, [result] * len(rows), "RESULT")
    tap.contains(response.text, "%s: %d\n" % (result.capitalize(), len(rows)))
    tap.contains(response.text, "Failed: 0\n")
    tap.equal(list(response.files), ["result.csv"], "attachments")
    return response


def box(world, user):
    return world.mailbox(at(user), PASSWORDS[user])


def send(world, user):
    """A mail to user; returns its Message-ID."""
    sent, identifier = world.send_plain(at(user))
    tap.equal(sent.code, 250, "mail to %s: %r" % (user, sent))
    return identifier


def copies(world, user, identifier):
    return box(world, user).count("HEADER", "Message-ID", '"%s"' % identifier)


def reaches(world, user, those, others=()):
    """A mail to user comes to each of those once, and not to others."""
    identifier = send(world, user)
    for each in those:
        box(world, each).wait("Message-ID", identifier, 30)
    world.wait_queue(lambda queue: not queue, "the queue to be empty")
    for each in those:
        tap.equal(copies(world, each, identifier), 1, "copies for " + each)
    for each in others:
        tap.equal(copies(world, each, identifier), 0, "copies for " + each)


def refused(world, user):
    sent, _ = world.send_plain(at(user))
    tap.equal((sent.stage, sent.code), ("rcpt", 550), "mail to %s: %r" % (user, sent))


def values(world, user, attribute):
    return (world.entry(at(user)) or {}).get(attribute)


@tap.test("R3.19 FULL ADD: the account receives and logs in with its password only")
def full_add(world):
    done(world, "created", *[
        row("ADD", "FULL", user, PASSWORD=FIRST, GIVENNAME="Given", SURNAME="Sur " + user)
        for user in ("ann", "ben", "cleo")])
    PASSWORDS.update(ann=FIRST, ben=FIRST, cleo=FIRST)
    tap.equal(values(world, "ann", "cn"), ["Given Sur ann"], "cn")
    tap.equal(values(world, "ann", "mail"), [at("ann")], "mail")
    tap.equal(len({values(world, user, "batchloadmailboxid")[0] for user in PASSWORDS}), 3,
              "identifiers of mailboxes")
    reaches(world, "ann", ["ann"], ["ben", "cleo"])
    tap.equal(world.can_login(at("ann"), FIRST + "x"), False, "login with another password")


@tap.test("R3.21 FULL MODIFY: the new password logs in, the old one does not; the mail stays")
def full_modify(world):
    before = values(world, "ben", "batchloadmailboxid")
    identifier = send(world, "ben")
    box(world, "ben").wait("Message-ID", identifier, 30)
    done(world, "changed", row("MODIFY", "FULL", "ben", PASSWORD=SECOND, TITLE="Dr"))
    PASSWORDS["ben"] = SECOND
    tap.equal(world.can_login(at("ben"), FIRST), False, "login with the old password")
    tap.equal(copies(world, "ben", identifier), 1, "the mail of before")
    tap.equal(values(world, "ben", "title"), ["Dr"], "title")
    tap.equal(values(world, "ben", "cn"), ["Given Sur ben"], "cn")
    tap.equal(values(world, "ben", "batchloadmailboxid"), before, "mailbox")


@tap.test("R3.22 FORWARD ADD: mail reaches the targets, nobody can log in as it")
def forward_add(world):
    done(world, "created",
         row("ADD", "FORWARD", "info", MAILFORWARD=at("ann")),
         row("ADD", "FORWARD", "both", MAILFORWARD=at("ben") + " " + at("info")))
    tap.equal(values(world, "both", "batchloadtarget"), [at("ben"), at("info")], "targets")
    reaches(world, "info", ["ann"], ["ben"])
    reaches(world, "both", ["ann", "ben"], ["cleo"])
    tap.equal(world.can_login(at("info"), FIRST), False, "login")


@tap.test("R3.24 FORWARD MODIFY: mail reaches the new targets and no old one")
def forward_modify(world):
    done(world, "changed", row("MODIFY", "FORWARD", "info", MAILFORWARD=at("cleo")))
    tap.equal(values(world, "info", "batchloadtarget"), [at("cleo")], "targets")
    reaches(world, "info", ["cleo"], ["ann", "ben"])


@tap.test("R3.25 LIST ADD: mail reaches the members; members added later too")
def list_add(world):
    done(world, "created", row("ADD", "LIST", "team", LIST_MEMBER="ann " + at("ben"),
                               DESCRIPTION="the team"))
    reaches(world, "team", ["ann", "ben"], ["cleo"])
    done(world, "changed", row("ADD", "LIST", "team", LIST_MEMBER="Cleo"))
    tap.equal(sorted(values(world, "team", "batchloadmember")),
              [at("ann"), at("ben"), at("cleo")], "members")
    reaches(world, "team", ["ann", "ben", "cleo"])
    tap.equal(world.can_login(at("team"), FIRST), False, "login")


@tap.test("R3.27 LIST MODIFY: white pages change, the members stay")
def list_modify(world):
    done(world, "changed", row("MODIFY", "LIST", "team", DESCRIPTION="all of us", LOCATION="Bonn"))
    tap.equal(values(world, "team", "description"), ["all of us"], "description")
    tap.equal(values(world, "team", "l"), ["Bonn"], "l")
    reaches(world, "team", ["ann", "ben", "cleo"])


@tap.test("R3.26 LIST DELETE with members: they get its mail no more, the others do")
def list_delete_members(world):
    done(world, "changed", row("DELETE", "LIST", "team", LIST_MEMBER="ben"))
    reaches(world, "team", ["ann", "cleo"], ["ben"])


@tap.test("R3.20 FULL DELETE: off its lists, no mail, no login; its list goes on")
def full_delete(world):
    done(world, "deleted", row("DELETE", "FULL", "cleo"))
    del PASSWORDS["cleo"]
    tap.equal(world.entry(at("cleo")), None, "entry")
    tap.equal(values(world, "team", "batchloadmember"), [at("ann")], "members")
    refused(world, "cleo")
    tap.equal(world.can_login(at("cleo"), FIRST), False, "login")
    reaches(world, "team", ["ann"])


@tap.test("R3.43 the last member taken off: the list stays and refuses mail; it can be filled again")
def empty_list(world):
    done(world, "changed", row("DELETE", "LIST", "team", LIST_MEMBER="ann"))
    tap.equal(values(world, "team", "description"), ["all of us"], "description")
    tap.equal(values(world, "team", "batchloadmember"), None, "members")
    refused(world, "team")
    done(world, "changed", row("ADD", "LIST", "team", LIST_MEMBER="ben"))
    reaches(world, "team", ["ben"], ["ann"])
    done(world, "created", row("ADD", "LIST", "none"))
    refused(world, "none")


@tap.test("R3.43 the last member deleted: the list stays and refuses mail")
def empty_by_delete(world):
    done(world, "created", row("ADD", "FULL", "dan", PASSWORD=FIRST),
         row("ADD", "LIST", "solo", LIST_MEMBER="dan"))
    done(world, "deleted", row("DELETE", "FULL", "dan"))
    tap.equal(values(world, "solo", "batchloadmember"), None, "members")
    tap.equal(values(world, "solo", "mail"), [at("solo")], "mail")
    refused(world, "solo")


@tap.test("R3.26 LIST DELETE: mail to it is refused, its members keep theirs")
def list_delete(world):
    done(world, "deleted", row("DELETE", "LIST", "team"))
    tap.equal(world.entry(at("team")), None, "entry")
    refused(world, "team")
    reaches(world, "ben", ["ben"])


@tap.test("R3.23 FORWARD DELETE: mail to it is refused, its targets keep theirs")
def forward_delete(world):
    done(world, "deleted", row("DELETE", "FORWARD", "both"))
    tap.equal(world.entry(at("both")), None, "entry")
    refused(world, "both")
    reaches(world, "ann", ["ann"], ["ben"])


@tap.test("R3.42 an address used again is a new mailbox: the mail of its last holder is not in it")
def used_again(world):
    tap.equal(box(world, "ann").count() > 0, True, "ann had mail")
    before = values(world, "ann", "batchloadmailboxid")
    done(world, "deleted", row("DELETE", "FULL", "ann"))
    refused(world, "ann")
    done(world, "created", row("ADD", "FULL", "ann", PASSWORD=SECOND))
    tap.equal(values(world, "ann", "batchloadmailboxid") == before, False, "the same mailbox")
    tap.equal(world.can_login(at("ann"), FIRST), False, "login with the old password")
    PASSWORDS["ann"] = SECOND
    tap.equal(box(world, "ann").count(), 0, "mails")
    reaches(world, "ann", ["ann"])
    tap.equal(box(world, "ann").count(), 1, "mails")


@tap.test("R3.42 the same within one request: DELETE, then ADD")
def used_again_at_once(world):
    response = world.ask([row("DELETE", "FULL", "ben"),
                          row("ADD", "FULL", "ben", PASSWORD=THIRD)])
    tap.equal(response.results, ["deleted", "created"], "RESULT")
    tap.equal(world.can_login(at("ben"), SECOND), False, "login with the old password")
    PASSWORDS["ben"] = THIRD
    tap.equal(box(world, "ben").count(), 0, "mails")


@tap.test("R3.28 what is another TYPE keeps working: no cell reaches into another's")
def other_types(world):
    done(world, "created", row("ADD", "LIST", "group", LIST_MEMBER="ann"),
         row("ADD", "FORWARD", "desk", MAILFORWARD=at("ann")))
    kinds = {"ann": ("FULL", "mailbox"), "desk": ("FORWARD", "forward"), "group": ("LIST", "list")}
    rows, words = [], []
    for user, (kind, noun) in kinds.items():
        for other, wanted in (("FULL", "mailbox"), ("FORWARD", "forward"), ("LIST", "list")):
            if other == kind:
                continue
            target = {"MAILFORWARD": at("ben")} if other == "FORWARD" else {}
            password = {"PASSWORD": FIRST} if other == "FULL" else {}
            rows += [row("DELETE", other, user), row("MODIFY", other, user, **target, **password)]
            words += ["%s is a %s, not a %s." % (at(user), noun, wanted)] * 2
    response = world.ask(rows)
    tap.equal(response.results, ["failed"] * len(rows), "RESULT")
    for each, wanted in zip(response.rows(), words):
        tap.contains(each["REASON"], wanted, "REASON")
    reaches(world, "desk", ["ann"], ["ben"])
    reaches(world, "group", ["ann"], ["ben"])


if __name__ == "__main__":
    tap.main(World)
