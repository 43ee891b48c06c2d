# SPDX-License-Identifier: MIT
"""Requests through a real Sendmail, configured as doc/sendmail.md says: the rules in which mail
servers could differ, and both ways of handing a response over."""

import os

import tap
from harness import World, mail
from harness.milter import Milter
from harness.process import wait_for
from harness.sendmail import PROGRAM, Sendmail
from mailcases import ODD_RECIPIENTS, Batch, both_got, forward, lines_of, send_odd, user

SECOND = "second_load@ibpmail.example"
DOMAIN = "somedomain.example"
JANE = "jane@" + DOMAIN
TOP = os.environ.get("top_srcdir",
                     os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SENDERS = """
robot@somedomain.example    allow envelope=any
gone@somedomain.example     discard
old@somedomain.example      reject Please send requests from 100% of the new systems.
"""
SETTINGS = {"batch_addresses": ["batch_load@ibpmail.example", SECOND], "refusal_pause": "0s",
            "socket_group": None, "limits.message_bytes_max": "300k",
            "limits.attachment_bytes_max": "100k"}


class SendmailWorld(World):
    """Sendmail in Postfix's place. The daemon lives where Sendmail is installed."""

    def __init__(self):
        super().__init__(settings=SETTINGS, senders=SENDERS)
        for name in ("jane", "robot", "gone", "old", "nobody"):
            address = "%s@%s" % (name, DOMAIN)
            self.passwords[address] = "pass of " + address
            self.add_account(address, self.passwords[address])

    def make_mta(self, policy, values):
        return Sendmail(self.nursery, TOP)

    def make_milter(self, values, settings):
        told = self.postfix.settings
        tap.equal(told["submit"], "smtp://127.0.0.1:10026", "doc/sendmail.md: submit")
        self.postfix.wait()
        milter = Milter(self.nursery, self.tree, values, self.log, self.service_password,
                        {"socket": told["socket"], **settings})
        milter.own["socket"] = told["socket"]
        milter.prefix = self.postfix.inside()
        # where it is seen from here
        milter.socket = os.path.join(self.postfix.socket_folder, os.path.basename(told["socket"]))
        return milter

    def configure(self, settings=None):
        """Ends the daemon and starts it with these settings, too."""
        self.milter.kill()
        self.milter.configure({**SETTINGS, **(settings or {})})
        self.milter.start()

    def empty(self):
        wait_for(lambda: not self.postfix.waiting(), "an empty queue")


@tap.test("R2.1 R2.3 R4.1 R4.2 a request is carried out and answered from the null sender")
def request(world):
    batch = Batch(world)
    first = batch.ok("one")
    batch.ok("upper case", recipients=["BATCH_LOAD@IBPMail.Example"])
    batch.ok("the second address", recipients=[SECOND])
    both = batch.ok("both, and one twice in other case", recipients=[
        SECOND, world.batch_address, "Batch_Load@ibpmail.example", world.batch_address])
    batch.ok("a large one", extra=["X-Fill: " + "y" * 900] * 20)
    batch.run()
    tap.equal(first.response.mail["Return-Path"], "<>", "envelope sender")
    tap.equal(str(both.response.mail["From"]), SECOND, "answered by the first one named")
    taken = [line for line in lines_of(world, both.queue_id(world)) if "action=accept" in line]
    tap.equal(len(taken), 1, "jobs")
    world.empty()


@tap.test("R2.4 R2.5 others get their copy, whatever becomes of the request")
def others(world):
    for each in ([JANE, world.batch_address], [world.batch_address, JANE, SECOND],
                 ["Batch_LOAD@ibpmail.example", JANE]):
        batch = Batch(world)
        cases = [
            batch.ok("taken", recipients=each),
            batch.refused("refused", "no password", recipients=each, password=None),
            batch.ignored("no grant", "has no grant", recipients=each, sender="nobody@" + DOMAIN),
            batch.ignored("wrong subject", "the subject", recipients=each,
                          subjects=["Subject: hello"]),
            batch.ignored("discard", "action=discard", recipients=each, sender="gone@" + DOMAIN),
            batch.ignored("reject", "others get the mail", recipients=each,
                          sender="old@" + DOMAIN)]
        batch.run()
        for case in cases:
            got = world.mailbox(JANE).wait("Message-ID", case.key[1], 20)
            body = case.raw.partition(b"\r\n\r\n")[2]
            tap.equal(got.partition(b"\r\n\r\n")[2].rstrip(), body.rstrip(), case.name)
            tap.equal(world.mailbox(JANE).count("HEADER", "Message-ID", '"%s"' % case.key[1]), 1,
                      "copies")
    world.empty()


@tap.test("R2.4 R2.5 odd forms of the batch recipient: taken off all the same")
def recipient_forms(world):
    both_got(world, JANE, [(each, send_odd(world, JANE, *each)) for each in ODD_RECIPIENTS])
    world.empty()


@tap.test("R2.6 R2.7 R2.9 R2.10 R2.13 what is no request is dropped, without an answer")
def ignored(world):
    batch = Batch(world)
    admin = world.admin
    batch.ignored("no grant", "has no grant", sender="nobody@" + DOMAIN)
    batch.ignored("another envelope sender", "envelope sender", envelope="x@elsewhere.example")
    batch.ok("which a grant may allow", sender="robot@" + DOMAIN, envelope="x@elsewhere.example")
    batch.ok("the envelope in upper case", envelope="Admin@SomeDomain.EXAMPLE")
    batch.ok("a name in From", froms=["From: Anna Admin <%s>" % admin])
    batch.ignored("the null sender", "reason=", envelope="")
    batch.ignored("automatic", "reason=", extra=["Auto-Submitted: auto-replied"])
    batch.ignored("a list", "reason=", extra=["List-Id: <l.elsewhere.example>"])
    batch.ignored("two From headers", "several From headers",
                  froms=["From: " + admin, "From: x@elsewhere.example"])
    batch.ignored("two addresses", "several addresses",
                  froms=["From: %s, x@elsewhere.example" % admin])
    batch.ignored("a route", "a route", froms=["From: <@elsewhere.example:%s>" % admin])
    batch.ignored("no From", "no From", froms=["X-From: " + admin])
    batch.ignored("a wrong subject", "the subject", subjects=["Subject: please PROCESS"])
    batch.ignored("no subject", "no subject", subjects=[])
    batch.ok("an encoded subject", subjects=["Subject: =?UTF-8?Q?process?="])
    batch.rejected("reject", "100% of the new systems", sender="old@" + DOMAIN)
    batch.run()
    world.empty()


@tap.test("R2.15 R2.23 R2.25 R4.13 mistakes are answered")
def refused(world):
    batch = Batch(world)
    batch.refused("no password", "no password", password=None)
    batch.refused("no file", "batchload.csv", parts=[])
    batch.refused("a wrong password", "password", password="wrong")
    batch.refused("too large", "larger than", parts=lambda content: [
        mail.attachment(content), mail.text_part("z" * 70 + "\n") + b"z" * 400000])
    batch.run()
    world.empty()


@tap.test("R2.28 the same mail again makes no second job")
def again(world):
    raw = world.request([forward(world, user("again"))])
    for _ in range(3):
        tap.equal(world.send(raw).code, 250, "answer")
    tap.contains(world.response(raw).text, "processed ok")
    world.fence()
    tap.equal(len(world.mailbox(world.admin).find("In-Reply-To", world_id(raw))), 1, "responses")
    world.empty()


def world_id(raw):
    return raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()


@tap.test("R2.27 with the filter away mail is put off; what slips past waits and is delivered to nobody")
def away(world):
    told = "Deferred: batchload mailer (/etc/mail/batchload-hold) exited"
    world.milter.stop()
    try:
        raw = world.request([forward(world, user("away"))])
        sent = world.send(raw)
        tap.equal(sent.code, 451, repr(sent))
        tap.equal(world.send_plain(JANE)[0].code, 451, "mail to others")
        tap.equal(world.postfix.waiting(), [], "queue")
        slipped = world.send(raw, recipients=[world.batch_address, JANE],
                             port=world.postfix.response_port)
        tap.equal(slipped.code, 250, repr(slipped))
        world.mailbox(JANE).wait("Message-ID", world_id(raw), 20)
        wait_for(lambda: told in world.postfix.told(), "the mail to be put off")
        tap.contains(world.postfix.told(), world.batch_address)
    finally:
        world.milter.start()
    # the queue is asked for each second; the filter is not
    tap.equal(len(world.postfix.waiting()), 1, "queue")
    world.postfix.forget()
    tap.equal(world.send(raw).code, 250, "the same request, sent again")
    tap.contains(world.response(raw).text, "processed ok")
    world.empty()


@tap.test("mail that is not ours passes, by the filter's port and by sendmail(8)")
def passing(world):
    sent, identifier = world.send_plain(JANE)
    tap.equal(sent.code, 250, repr(sent))
    world.mailbox(JANE).wait("Message-ID", identifier, 20)
    tap.equal(lines_of(world, sent.queue_id), [], "log lines")


@tap.test("a request handed in by sendmail(8) passes the filter, too")
def by_hand(world):
    raw = world.request([forward(world, user("hand"))])
    world.postfix.sendmail(raw, world.admin, world.batch_address, JANE)
    tap.contains(world.response(raw).text, "processed ok")
    world.mailbox(JANE).wait("Message-ID", world_id(raw), 20)
    world.empty()


@tap.test("R4.1 R4.2 responses handed over by sendmail(8)")
def by_sendmail(world):
    world.configure({"submit": "sendmail:" + PROGRAM})
    try:
        batch = Batch(world)
        cases = [batch.ok("one"), batch.ok("with others", recipients=[world.batch_address, JANE]),
                 batch.refused("refused", "no password", password=None)]
        batch.run()
        for case in cases:
            tap.equal(case.response.mail["Return-Path"], "<>", "envelope sender")
            tap.equal(case.response.mail["Auto-Submitted"], "auto-replied", "header")
        world.empty()
    finally:
        world.configure()


@tap.test("R2.26 a request that can't be stored is put off with 451")
def unstored(world):
    world.configure({"spool.jobs_max": "1"})
    try:
        world.slapd.stop()
        raws = [world.request([forward(world, user("late"))]) for _ in range(2)]
        codes = [world.send(raw).code for raw in raws]
        tap.equal(codes, [250, 451], "answers")
        world.slapd.start()
        tap.contains(world.response(raws[0]).text, "processed ok")
    finally:
        if not world.slapd.running():
            world.slapd.start()
        world.configure()
    world.empty()


if __name__ == "__main__":
    tap.main(SendmailWorld)
