# SPDX-License-Identifier: MIT
"""The whole way of one request: a mail goes in, the directory changes, the response comes out."""

import tap
from harness import World

DOMAIN = "somedomain.example"
JANE = "jane.doe@" + DOMAIN


@tap.test("R2 a FULL ADD by mail: response, entry, login, delivery")
def add(world):
    response = world.ask([{
        "DOMAIN": DOMAIN, "USER": "jane.doe", "TYPE": "FULL", "ACTION": "ADD",
        "PASSWORD": "Sommer-Regen-42", "GIVENNAME": "Jane", "SURNAME": "Doe"}], reference="first")
    tap.contains(response.text, "processed ok")
    tap.equal(response.subject, "Batchload first: processed ok", "subject")
    tap.equal(str(response.mail["From"]), world.batch_address, "From")
    tap.equal(str(response.mail["To"]), world.admin, "To")
    tap.equal(str(response.mail["Auto-Submitted"]), "auto-replied", "Auto-Submitted")
    rows = response.rows()
    tap.equal(len(rows), 1, "rows of result.csv")
    tap.equal((rows[0]["USER"], rows[0]["RESULT"]), ("jane.doe", "created"), "row")
    tap.absent(response.decoded, b"Sommer-Regen-42", "response")

    entry = world.entry(JANE)
    tap.equal(entry["mail"], [JANE], "mail")
    tap.equal(entry["sn"], ["Doe"], "sn")
    tap.equal(len(entry["batchloadmailboxid"]), 1, "mailbox identifiers")

    sent, identifier = world.send_plain(JANE)
    tap.equal(sent.code, 250, repr(sent))
    world.mailbox(JANE, "Sommer-Regen-42").wait("Message-ID", identifier)
    tap.equal(world.can_login(JANE, "another"), False, "login with another password")


@tap.test("R2 the batch recipient is taken off: nobody gets the request, the queue is empty")
def taken_off(world):
    raw = world.request([{"DOMAIN": DOMAIN, "USER": "jane.doe", "TYPE": "FULL",
                          "ACTION": "MODIFY", "PASSWORD": "Winter-Sonne-17"}])
    tap.equal(world.send(raw).code, 250, "reply")
    tap.contains(world.response(raw).text, "processed ok")
    world.wait_queue(lambda queue: not queue, "the queue to be empty")
    for mail in world.mailbox(world.admin).all():
        tap.absent(mail, b"Winter-Sonne-17", "mailbox")


@tap.test("R4 a FULL DELETE by mail: no login, no delivery, and an empty mailbox after ADD")
def delete(world):
    response = world.ask([{"DOMAIN": DOMAIN, "USER": "jane.doe", "TYPE": "FULL",
                           "ACTION": "DELETE"}])
    tap.contains(response.text, "processed ok")
    tap.equal(world.entry(JANE), None, "entry")
    sent, _ = world.send_plain(JANE)
    tap.equal(sent.code, 550, repr(sent))
    tap.equal(world.can_login(JANE, "Winter-Sonne-17"), False, "login")
    world.ask([{"DOMAIN": DOMAIN, "USER": "jane.doe", "TYPE": "FULL", "ACTION": "ADD",
                "PASSWORD": "Herbst-Wind-3"}])
    tap.equal(world.mailbox(JANE, "Herbst-Wind-3").count(), 0, "mails")


@tap.test("no password in the log or in the spool's files")
def no_secret(world):
    for secret in ("Sommer-Regen-42", "Winter-Sonne-17", "Herbst-Wind-3",
                   world.passwords[world.admin], world.service_password):
        tap.absent(world.log_text(), secret, "log")
        world.search_spool(secret)


@tap.test("killed and started again, the daemon goes on")
def killed(world):
    world.milter.kill()
    world.milter.start()
    world.fence()


@tap.test("TERM ends the daemon cleanly")
def term(world):
    tap.equal(world.milter.stop(), 0, "status")
    world.milter.start()
    world.fence()


if __name__ == "__main__":
    tap.main(World)
