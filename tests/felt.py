# SPDX-License-Identifier: MIT
"""What users feel of a request: mail that comes or is refused, logins."""

import os
import re
import smtplib

import tap

DOMAIN = "somedomain.example"
STRANGER = "stranger@elsewhere.example"
SECRET = "Sommer-Regen-42"
BOSS = "boss@" + DOMAIN  # asks for all this
DEAD = "550 5.2.1 "  # what is there, but takes no mail
UNKNOWN = "550 5.1.1 "
LEAVES = "nothing leaves the tests"  # what a mail meets that goes to another server


def at(local, domain=DOMAIN):
    return "%s@%s" % (local, domain)


def row(words, **columns):
    """A row of a request: row("ADD FORWARD info", MAILFORWARD="x@y"); words name ACTION, TYPE and
    address, in DOMAIN where no other is said."""
    action, kind, address = words.split()
    user, _, domain = address.rpartition("@") if "@" in address else (address, "", DOMAIN)
    columns = {name.replace("_", " "): value for name, value in columns.items()}
    return {"DOMAIN": domain, "USER": user, "TYPE": kind, "ACTION": action, **columns}


def ask(world, rows):
    """Rows of one request, which must all be done."""
    if rows:
        response = world.ask(rows, sender=BOSS)
        tap.contains(response.text, "processed ok")


def fails(world, each, *words):
    """A row that must fail, for a reason with these words."""
    response = world.ask([each], sender=BOSS)
    tap.equal(response.results, ["failed"], repr(each))
    for word in words:
        tap.contains(response.rows()[0]["REASON"], word, "REASON")


def account(local, domain=DOMAIN, **columns):
    return row("ADD FULL " + at(local, domain), PASSWORD=SECRET, **columns)


# --- what is felt ---

def receives(world, recipient, *accounts, sender=STRANGER):
    """A mail to recipient is in the mailbox of each of these accounts, once; returns its
    Message-ID."""
    sent, identifier = world.send_plain(recipient, sender=sender)
    tap.equal(sent.code, 250, repr(sent))
    for each in accounts:
        world.mailbox(each, SECRET).wait("Message-ID", identifier, 30)
    world.wait_queue(lambda queue: not queue, "the queue to be empty")
    for each in accounts:
        tap.equal(has(world, each, identifier), 1, "copies of %s" % each)
    return identifier


def has(world, address, identifier):
    return world.mailbox(address, SECRET).count("HEADER", "Message-ID", '"%s"' % identifier)


def stored(world, address, identifier):
    """How often a mailbox has a mail, by its files: for one that has no login."""
    folder = os.path.join(world.dovecot.mail_root, address.partition("@")[2],
                          world.entry(address)["batchloadmailboxid"][0])
    found = 0
    for inner, _, files in os.walk(folder):
        for each in files:
            if os.path.basename(inner) in ("new", "cur"):
                with open(os.path.join(inner, each), "rb") as file:
                    found += identifier.encode() in file.read()
    return found


def refused(world, recipient, words):
    """At RCPT, so that nothing of it was ever taken."""
    sent, _ = world.send_plain(recipient, sender=STRANGER)
    tap.equal(sent.stage, "rcpt", "%s: %r" % (recipient, sent))
    tap.equal(("%d %s" % (sent.code, sent.text))[:len(words)], words, recipient)


def leaves(world, identifier, recipient):
    """The mail was to go to another server for recipient, and to nobody else outside."""
    queue_id = world.wait_log("message-id=" + identifier)[0].split(": ")[1]
    lines = world.wait_log(queue_id + ": ", LEAVES)
    tap.equal([re.search(r" to=<([^>]*)>", line).group(1) for line in lines], [recipient],
              "what left")


def smtp_login(world, address):
    with world.postfix.client() as client:
        client.ehlo()
        try:
            return client.login(address, SECRET)[0] == 235
        except smtplib.SMTPAuthenticationError:
            return False


def logs_in(world, address):
    found = {world.can_login(address, SECRET), smtp_login(world, address)}
    tap.equal(len(found), 1, "ways to log in that agree")
    return found.pop()
