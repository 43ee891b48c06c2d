# SPDX-License-Identifier: MIT
"""Somebody who can only send mail: he can have nobody answered but the address in From, nothing
delivered to others, and nothing done."""

import os
import smtplib

import tap
from harness import World, mail, message_id, message_id_of
from harness.big import jobs
from harness.flood import hand_over
from mailcases import lines_of, user
from rows import DOMAIN, at, row

OTHER, STAFF = "otherdomain.example", "staff.example"
VICTIM = "victim@" + OTHER
SENDERS = """
staff.example              allow domains=staff.example
robot@somedomain.example   allow envelope=any
sasl@somedomain.example    allow auth=sasl
"""
SETTINGS = {"refusal_pause": 0, "lockout_pause": 0, "lockout_after": 100000,
            "login_map": "inline:{ %s=%s }" % (at("sasl"), at("sasl"))}


class SenderWorld(World):
    def __init__(self):
        super().__init__(settings=SETTINGS, senders=SENDERS)
        try:
            self.slapd.add(self.slapd.domain_ldif(STAFF))
            for address in (VICTIM, at("robot"), at("sasl"), at("eve"), "all@" + STAFF):
                self.passwords[address] = "the password of " + address
                self.add_account(address, self.passwords[address])
            # Mail for addresses that are not there goes somewhere, so that it can be counted.
            path = self.postfix.conf + "/batchload-recipients"
            with open(path, "a", encoding="utf-8") as file:
                file.write("@%s all@%s\n" % (STAFF, STAFF))
            self.postfix.restart()
            self.boxes = [self.admin, self.other_admin, *(each for each in self.passwords
                                                          if each.partition("@")[0] in (
                                                              "victim", "robot", "sasl", "eve"))]
        except BaseException:
            self.close()
            raise

    def counts(self):
        return {each: self.mailbox(each).count() for each in self.boxes}


def forward(name):
    return row("ADD FORWARD " + name, MAILFORWARD="x@elsewhere.example")


def restart(world, settings):
    world.milter.kill()
    world.milter.configure({**SETTINGS, **settings})
    world.milter.start()


def check_nothing_else(world, before, answers):
    """After a fence: mailboxes have got these answers and nothing else, and nothing waits."""
    world.fence()
    answers = {**answers, world.admin: answers.get(world.admin, 0) + 1}
    tap.equal(world.counts(), {each: count + answers.get(each, 0)
                               for each, count in before.items()}, "mails")
    world.wait_queue(lambda queue: not queue, "the queue to be empty")


# --- who is answered ---

ELSEWHERE = [
    ["Reply-To: " + VICTIM], ["Return-Path: <%s>" % VICTIM], ["Sender: " + VICTIM],
    ["Resent-From: " + VICTIM, "Resent-Sender: " + VICTIM, "Resent-To: " + VICTIM,
     "Resent-Message-ID: <x@y>", "Resent-Date: Tue, 01 Jul 2025 10:00:00 +0200"],
    ["Resent-Reply-To: " + VICTIM], ["Errors-To: " + VICTIM], ["Bounces-To: " + VICTIM],
    ["Disposition-Notification-To: <%s>" % VICTIM,
     "Disposition-Notification-Options: signed-receipt-protocol=optional,x"],
    ["Return-Receipt-To: " + VICTIM], ["X-Confirm-Reading-To: " + VICTIM],
    ["Generate-Delivery-Report: yes", "Prevent-NonDelivery-Report: no"],
    ["Mail-Reply-To: " + VICTIM, "Mail-Followup-To: " + VICTIM, "Followup-To: " + VICTIM],
    ["X-Original-To: " + VICTIM, "Delivered-To: " + VICTIM, "Envelope-To: " + VICTIM],
    ["Apparently-To: " + VICTIM, "Cc: " + VICTIM, "Bcc: " + VICTIM],
    ["X-Envelope-From: " + VICTIM, "Envelope-From: " + VICTIM, "X-Sender: " + VICTIM],
    ["Precedence: list", "X-Mailing-List: <x@y>", "List-Post: <mailto:%s>" % VICTIM],
    ["Auto-Submitted: no", "X-Auto-Response-Suppress: None", "X-Loop: " + VICTIM],
    ["Received: from x by y for <%s>; Tue, 01 Jul 2025 10:00:00 +0200" % VICTIM] * 20,
]


@tap.test("R4.1 fields that name somebody else as the one to be answered, told or bounced to, with the "
          "right password and with a wrong one: From alone gets mail")
def answered(world):
    before, sent = world.counts(), []
    for headers in ELSEWHERE:
        for secret in (True, "guess"):
            name = user("field")
            raw = world.request([forward(name)], headers=headers, password=secret)
            tap.equal(world.send(raw).code, 250, headers[0])
            sent.append((raw, name, secret is True))
    for raw, name, good in sent:
        response = world.response(raw)
        tap.contains(response.subject, ": processed ok" if good else ": not processed")
        tap.absent(response.decoded, VICTIM.encode(), "response")
        tap.equal(world.entry(at(name)) is not None, good, "entry")
    check_nothing_else(world, before, {world.admin: len(sent)})
    tap.equal(world.log_lines("to=<%s>" % VICTIM), [], "deliveries to the third")


def dsn_mail(world, sender, envelope, secret, options):
    raw = world.request([forward(user("dsn"))], sender=sender, password=secret)
    with world.postfix.client() as client:
        client.ehlo()
        client.mail(envelope, ["RET=FULL", "ENVID=victim"])
        code, text = client.rcpt(world.batch_address, options)
        tap.equal(code, 250, repr(text))
        tap.equal(client.data(raw)[0], 250, "reply")
    return raw


@tap.test("delivery reports asked for by DSN, also in another's name: none is sent, whatever becomes of "
          "the request")
def reports(world):
    before, answers = world.counts(), {}
    notify = ["NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;" + VICTIM]
    for sender, envelope, secret in (
            (world.admin, world.admin, True), (world.admin, world.admin, "guess"),
            (at("robot"), VICTIM, True), (at("robot"), VICTIM, "guess"),
            ("stranger@elsewhere.example", VICTIM, "guess"), (world.admin, VICTIM, True)):
        world.passwords.setdefault(sender, "none")
        dsn_mail(world, sender, envelope, secret, notify)
        if sender == envelope or sender == at("robot"):
            answers[sender] = answers.get(sender, 0) + 1
    for sender, count in answers.items():
        tap.wait_for(lambda s=sender, c=count: world.counts()[s] >= before[s] + c, "answers")
    check_nothing_else(world, before, answers)


@tap.test("R7.6 addresses invented in a domain whose grant is the domain's: all together get "
          "refusals_per_hour answers")
def invented(world):
    bound = 5
    restart(world, {"refusals_per_hour": bound})
    box = world.mailbox("all@" + STAFF)
    before, count = box.count(), 40
    for number in range(count):
        sender = "invented%d@%s" % (number, STAFF)
        raw = world.request(sender=sender, password="guess")
        tap.equal(hand_over(world, [raw], sender, "127.0.0.%d" % (2 + number % 9)), [250], sender)
    tap.wait_for(lambda: all(job["state"] == "done" for job in jobs(world)), "all jobs' end", 60)
    world.fence()
    tap.equal(box.count() - before, bound, "answers")
    tap.equal(len(world.log_lines('action="refuse without response"', "@" + STAFF)), count - bound,
              "lines of the log")
    restart(world, {})


def records(world):
    world.fence()
    own = jobs(world)[-1]["id"]
    restart(world, {"refusals_per_hour": 1, "spool.unproven_records_max": 100})
    mails = [world.request(parts=[mail.text_part("Hello\n")]) for _ in range(330)]
    tap.equal(set(hand_over(world, mails, world.admin, "127.0.0.66")), {250}, "codes")
    tap.wait_for(lambda: all(job["state"] == "done" for job in jobs(world)), "all jobs' end", 90)
    unproven = [job for job in jobs(world) if job["waiting"]]
    tap.equal(len(unproven) < 250, True, "%d records" % len(unproven))
    tap.contains([job["id"] for job in jobs(world)], own, "records of others")
    restart(world, {})
    world.fence()


if os.environ.get("BATCHLOAD_ALL"):
    tap.test("records of what proved nothing do not grow without end, those of others stay")(records)


# --- ways into SMTP ---

def commands(client, sender, recipients, options=()):
    client.ehlo()
    tap.equal(client.mail(sender, options)[0], 250, "MAIL")
    for each in recipients:
        tap.equal(client.rcpt(each)[0], 250, "RCPT " + each)


def chunks(world, raw, sizes, options=()):
    """By BDAT, in pieces of these sizes and a last one; the last answer's code."""
    with world.postfix.client() as client:
        commands(client, world.admin, [world.batch_address], options)
        tap.equal(client.has_extn("chunking"), True, "CHUNKING")
        for size in sizes:
            piece, raw = raw[:size], raw[size:]
            client.send(b"BDAT %d\r\n" % len(piece) + piece)
            tap.equal(client.getreply()[0], 250, "piece")
        client.send(b"BDAT %d LAST\r\n" % len(raw) + raw)
        return client.getreply()[0]


@tap.test("BDAT in pieces of every kind, 8BITMIME, SMTPUTF8, no line end at the end: the same request")
def extensions(world):
    sent = []
    for name, send in (
            ("one piece", lambda raw: chunks(world, raw, [])),
            ("pieces", lambda raw: chunks(world, raw, [1, 10, 1, 100, 3])),
            ("an empty last one", lambda raw: chunks(world, raw, [len(raw)])),
            ("no line end", lambda raw: chunks(world, raw.rstrip(), [7])),
            ("8BITMIME", lambda raw: chunks(world, raw, [99], ["BODY=8BITMIME"])),
            ("SMTPUTF8", lambda raw: chunks(world, raw, [99], ["SMTPUTF8"]))):
        local = user("bdat")
        raw = world.request([forward(local)], headers=["X-Name: \u00e4\u00f6"])
        tap.equal(send(raw), 250, name)
        sent.append((name, raw, local))
    for name, raw, local in sent:
        tap.equal(world.response(raw).results, ["created"], name)
        tap.equal(world.entry(at(local)) is not None, True, name)


@tap.test("lines that end in LF alone: no second mail gets in under another's login or past the proof")
def smuggled(world):
    before = world.counts()
    inner = {}
    for sender, login in ((at("sasl"), at("eve")), (world.admin, None)):
        for end in (b"\n.\r\n", b"\n.\n", b"\r\n.\n", b"\r.\r\n", b"\n.\r"):
            local = user("smuggle")
            second = world.request([forward(local)], sender=sender, password="guess")
            inner[local] = message_id_of(second)
            hidden = end + b"".join(line + b"\r\n" for line in (
                b"MAIL FROM:<%s>" % sender.encode(), b"RCPT TO:<batch_load@ibpmail.example>",
                b"DATA")) + second
            outer = ("From: eve@%s\r\nSubject: hello\r\nMessage-ID: %s\r\n\r\nhello" % (
                DOMAIN, message_id())).encode() + hidden
            with world.postfix.client() as client:
                client.ehlo()
                if login:
                    client.login(login, world.passwords[login])
                client.mail(at("eve"))
                client.rcpt(at("eve"))
                client.docmd("DATA")
                client.send(outer + b"\r\n.\r\n")
                tap.equal(client.getreply()[0], 250, "the outer mail")
                # Whatever was taken for commands is answered before this.
                client.send(b"NOOP\r\nQUIT\r\n")
                while client.getreply()[0] != 221:
                    pass
    world.fence()
    for local, identifier in inner.items():
        tap.equal(world.entry(at(local)), None, "entry")
        for box in (at("sasl"), world.other_admin, VICTIM):
            tap.equal(world.mailbox(box).count("HEADER", "In-Reply-To", '"%s"' % identifier), 0,
                      "answers")
    through = [line for line in world.log_lines("batchload-milter[", "from=" + at("sasl"))]
    tap.equal([line for line in through if "action=ignore" not in line], [], "in another's name")
    tap.say("%d of %d in another's name became mails of their own" % (len(through), len(inner) // 2))
    after = world.counts()
    for each in (world.other_admin, VICTIM, at("sasl"), at("robot")):
        tap.equal(after[each], before[each], "mails for " + each)


@tap.test("XCLIENT, XFORWARD and PROXY are not for strangers: the client stays the one that connects")
def client_address(world):
    with world.postfix.client() as client:
        client.ehlo()
        for line in ("XCLIENT ADDR=192.0.2.9 NAME=mail.example LOGIN=" + at("sasl"),
                     "XFORWARD ADDR=192.0.2.9", "PROXY TCP4 192.0.2.9 192.0.2.8 1 25"):
            code, text = client.docmd(line)
            tap.equal(code >= 500, True, "%s: %d %r" % (line, code, text))
    raw = world.request([forward(user("client"))], sender=at("sasl"))
    sent = world.send(raw, at("sasl"))
    world.fence()
    lines = lines_of(world, sent.queue_id)
    tap.contains(lines[0], "client=127.0.0.1 ", "log")
    tap.contains(lines[0], "nobody logged in", "log")


# --- recipients and copies ---

RECIPIENTS = [
    "batch_load+x@ibpmail.example", "batch_load%ibpmail.example@" + DOMAIN,
    "batch_load@ibpmail.example.", "batch_load@[127.0.0.1]", "\"batch_load@ibpmail.example\"@" + DOMAIN,
    "batch_load@sub.ibpmail.example", "x" * 64 + "@ibpmail.example", "b\u0430tch_load@ibpmail.example",
]


@tap.test("R2.1 recipients that only look like the batch address: not taken for it")
def look_alikes(world):
    begin = len(jobs(world))
    for recipient in RECIPIENTS:
        raw = world.request([forward(user("alike"))])
        with world.postfix.client() as client:
            client.ehlo()
            utf8 = not recipient.isascii()
            client.mail(world.admin, ["SMTPUTF8"] if utf8 else [])
            client.command_encoding = "utf-8"
            code, _ = client.docmd("RCPT", "TO:<%s>" % recipient)
            if code == 250:
                try:
                    client.data(raw)
                except smtplib.SMTPDataError:
                    pass
    world.fence()
    tap.equal(len(jobs(world)) - begin, 1, "jobs")
    for each in world.postfix.queue():
        world.postfix.remove(each["queue_id"])


@tap.test("R2.4 the batch address among many, hidden, or alone while To names others: one job, one "
          "answer, and each of the others gets the mail once")
def copies(world):
    before = world.counts()
    hidden = world.request([forward(user("copy"))], to="undisclosed-recipients:;")
    tap.equal(world.send(hidden).code, 250, "hidden")
    many = world.request([forward(user("copy"))], to=VICTIM)
    tap.equal(world.send(many, recipients=[VICTIM, world.batch_address, VICTIM, at("eve"),
                                           "Batch_Load@IBPMAIL.example"]).code, 250, "many")
    alone = world.request([forward(user("copy"))], to=VICTIM, headers=["Cc: " + at("eve")])
    tap.equal(world.send(alone).code, 250, "alone")
    for raw in (hidden, many, alone):
        tap.equal(world.response(raw).results, ["created"], "results")
    for each in (VICTIM, at("eve")):
        world.mailbox(each).wait("Message-ID", message_id_of(many))
    check_nothing_else(world, before, {world.admin: 3, VICTIM: 1, at("eve"): 1})


@tap.test("copies of a request by a mailing list, a redirection or a reply: ignored")
def relayed(world):
    before, lines = world.counts(), {}
    good = world.request([forward(user("relay"))])
    for name, envelope, headers in (
            ("a list's copy", "list-bounces@elsewhere.example", ["Precedence: list"]),
            ("a list's copy in the sender's name", None, ["List-Id: <x.elsewhere.example>"]),
            ("the same, a folded field", None, ["List-Id:\r\n\t<x.elsewhere.example>"]),
            ("redirected", VICTIM, ["Resent-From: " + VICTIM, "Resent-To: batch_load@ibpmail.example"]),
            ("forwarded by a server", "SRS0=x=y=%s=admin@elsewhere.example" % DOMAIN, []),
            ("a vacation notice", "", ["Auto-Submitted: auto-replied"]),
            ("a bounce", "", ["Content-Description: x"])):
        raw = good.replace(b"Subject:", "".join(each + "\r\n" for each in headers).encode() +
                           b"Subject:", 1).replace(b"Message-ID: <", b"Message-ID: <%d." % len(lines))
        sent = world.send(raw, world.admin if envelope is None else envelope)
        tap.equal(sent.code, 250, name)
        lines[name] = sent.queue_id
    check_nothing_else(world, before, {})
    for name, queue_id in lines.items():
        found = lines_of(world, queue_id)
        tap.equal(len(found), 1, name)
        tap.contains(found[0], "job=- action=ignore", name)


FOLDS = {
    "Subject over two lines is not PROCESS": (["Subject: PRO", " CESS"], "not PROCESS"),
    "a Subject of an empty fold": (["Subject:", " \t", " PROCESSS"], "not PROCESS"),
    "a second Subject behind a lone CR": (["Subject: x\rSubject: PROCESS"], "not PROCESS"),
    "a Subject without its colon": (["Subject PROCESS"], "no subject"),
    "a Subject behind the header": (["", "Subject: PROCESS"], "no subject"),
    "From in the text": (["X-None: x", "", "From: " + at("admin"), "Subject: PROCESS"], "no "),
}


@tap.test("R2.13 folds, lone CRs and lines that are no fields: what is not plainly the Subject is not")
def folds(world):
    before, lines = world.counts(), {}
    for name, (head, words) in FOLDS.items():
        raw = world.request([forward(user("fold"))], subject=None)
        raw = raw.replace(b"Date:", "\r\n".join(head).encode() + b"\r\nDate:", 1)
        sent = world.send(raw)
        tap.equal(sent.code, 250, name)
        lines[name] = (sent.queue_id, words)
    check_nothing_else(world, before, {})
    for name, (queue_id, words) in lines.items():
        found = lines_of(world, queue_id)
        tap.equal(len(found), 1, name)
        tap.contains(found[0], "action=ignore", name)
        tap.contains(found[0], words, name)


if __name__ == "__main__":
    tap.main(SenderWorld)
