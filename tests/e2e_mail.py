# SPDX-License-Identifier: MIT
"""The mail of a request: every rule of section 2 through a real Postfix."""

import base64
import os
import quopri
import threading

import tap
from harness import World, mail
from mailcases import (ODD_RECIPIENTS, Batch, both_got, forward, lines_of, nested, part, send_odd,
                       user)

SECOND = "second_load@ibpmail.example"
DOMAIN = "somedomain.example"
OTHER = "otherdomain.example"
JANE = "jane@" + DOMAIN

SENDERS = """
robot@somedomain.example    allow envelope=any
night@somedomain.example    allow automatic=yes
few@somedomain.example      allow rows=2
gone@somedomain.example     discard
old@somedomain.example      reject Please send requests from 100% of the new systems.
otherdomain.example         allow domains=somedomain.example types=FORWARD
"""

SETTINGS = {
    "batch_addresses": ["batch_load@ibpmail.example", SECOND], "refusal_pause": "0s",
    "limits.message_bytes_max": "300k", "limits.attachment_bytes_max": "100k",
    "limits.header_bytes_max": "8k", "limits.mime_depth_max": "6", "limits.mime_parts_max": "12",
    "limits.rows_max": "50", "limits.columns_max": "12", "limits.field_bytes_max": "200"}


class MailWorld(World):
    """Two batch addresses, small limits, senders of every kind."""

    def __init__(self):
        super().__init__(settings=SETTINGS, senders=SENDERS)
        for table in ("recipients", "transport"):
            path = self.postfix.conf + "/batchload-" + table
            with open(path, encoding="utf-8") as file:
                lines = file.read()
            with open(path, "a", encoding="utf-8") as file:
                file.write(lines.replace(self.batch_address, SECOND))
        self.postfix.restart()
        for address in (JANE, "robot@" + DOMAIN, "night@" + DOMAIN, "few@" + DOMAIN,
                        "gone@" + DOMAIN, "old@" + DOMAIN, "nobody@" + DOMAIN,
                        "clerk@" + OTHER):
            self.passwords[address] = "pass of " + address
            self.add_account(address, self.passwords[address])

    def configure(self, settings=None):
        """Kills the daemon and starts it with these settings, too."""
        self.milter.kill()
        self.milter.configure({**SETTINGS, **(settings or {})})
        self.milter.start()


# --- who is asked ---

@tap.test("R2.1 R2.3 batch addresses: letter case, several in one mail, each alone")
def recipients(world):
    batch = Batch(world)
    batch.ok("upper case", recipients=["BATCH_LOAD@IBPMail.Example"])
    batch.ok("the second address", recipients=[SECOND])
    both = batch.ok("both, and one twice in other case", recipients=[
        SECOND, world.batch_address, "Batch_Load@ibpmail.example", world.batch_address])
    batch.run()
    tap.equal(str(both.response.mail["From"]), SECOND, "answered by the first one named")
    taken = [line for line in lines_of(world, both.queue_id(world)) if "action=accept" in line]
    tap.equal(len(taken), 1, "jobs")


@tap.test("R2.2 R7.5 what a postmaster may not write: told by -t, and the daemon goes on")
def configuration(world):
    try:
        for value in (None, [], ["batch_load@"], ["batch_load"], ["@ibpmail.example"],
                      ["batch_load@*"], ["b@ibpmail.example", ""]):
            world.milter.configure({**SETTINGS, "batch_addresses": value})
            code, words = world.milter.check()
            tap.equal(code != 0, True, "%r: %s" % (value, words))
            tap.contains(words, "batch_addresses")
        for setting, value, wanted in (
                ("socket_group", "nogroop", "no group \"nogroop\" for the socket (socket_group)"),
                ("user", "nobbody", "no user \"nobbody\" to run as (user)"),
                ("log", "file:/nowhere/at/all", "The folder /nowhere/at of the log file (log)"),
                ("socket", "unix:milter", "socket: a path from the root is needed (/\u2026)"),
                ("sender_table", "hash:/etc/senders", "Sender table hash:/etc/senders: "),
                ("directory.base", "hoster", "base: \"hoster\" is no name")):
            world.milter.configure({**SETTINGS, setting: value})
            code, words = world.milter.check()
            tap.equal(code, 78, "%s: %s" % (setting, words))
            tap.contains(words, wanted)
        world.milter.configure(SETTINGS)
        with open(world.milter.senders, encoding="utf-8") as file:
            shipped = file.read()
        for line in ("x@a.example allow auth=sasl", "x@a.example allow client=10.0.0.1/8",
                     "a.example allow", "x@a.example permit", "x@a.example allow rows=0",
                     "x@ allow", "x@a.example"):
            world.milter.write_senders(line + "\n")
            code, words = world.milter.check()
            tap.equal(code != 0, True, "%r: %s" % (line, words))
    finally:
        world.milter.configure(SETTINGS)
    with open(world.milter.senders, "w", encoding="utf-8") as file:
        file.write(shipped)
    tap.equal(world.milter.check()[0], 0, world.milter.check()[1])
    world.fence()


@tap.test("R2.4 R2.5 others get the mail untouched, nobody by way of the batch address")
def others(world):
    def delivered(case):
        got = world.mailbox(JANE).wait("Message-ID", case.key[1], 20)
        body = case.raw.partition(b"\r\n\r\n")[2]
        tap.equal(got.partition(b"\r\n\r\n")[2].rstrip(), body.rstrip(), case.name)
        for line in case.raw.partition(b"\r\n\r\n")[0].split(b"\r\n"):
            tap.contains(got, line, case.name)
        tap.equal(world.mailbox(JANE).count("HEADER", "Message-ID", '"%s"' % case.key[1]), 1,
                  "copies")

    for each in ([JANE, world.batch_address], [world.batch_address, JANE, SECOND],
                 ["Batch_LOAD@ibpmail.example", JANE]):
        batch = Batch(world)
        good = batch.ok("taken %r" % each, recipients=each)
        bad = batch.refused("refused", "no password", recipients=each, password=None)
        dropped = batch.ignored("no grant", "has no grant", recipients=each,
                                sender="nobody@" + DOMAIN)
        gone = batch.ignored("discard", "action=discard", recipients=each, sender="gone@" + DOMAIN)
        old = batch.ignored("reject, where others get it", "others get the mail", recipients=each,
                            sender="old@" + DOMAIN)
        batch.run()
        for case in (good, bad, dropped, gone, old):
            delivered(case)
    world.wait_queue(lambda queue: not queue, "the queue to be empty")


@tap.test("R2.4 R2.5 odd forms of the batch recipient: taken off all the same")
def recipient_forms(world):
    raws = [(each, send_odd(world, JANE, *each)) for each in ODD_RECIPIENTS]
    by_hand = Batch(world)
    case = by_hand.ok("sendmail(1)", by_hand=True,
                      recipients=["Batch_Load@ibpmail.example", JANE, SECOND])
    by_hand.run()
    both_got(world, JANE, raws + [("sendmail(1)", case.raw)])
    world.wait_queue(lambda queue: not queue, "the queue to be empty", 20)


# --- who asks ---

@tap.test("R2.6 forms of From that are one address")
def from_good(world):
    batch = Batch(world)
    admin = world.admin
    for name, line in (
            ("angles", "From: <%s>" % admin),
            ("a name", "From: Anna Admin <%s>" % admin),
            ("a quoted name with another address", 'From: "x@evil.example, " <%s>' % admin),
            ("an encoded name", "From: =?UTF-8?B?w4RubmE=?= <%s>" % admin),
            ("a comment", "From: %s (x@evil.example)" % admin),
            ("upper case", "FROM: ADMIN@SOMEDOMAIN.EXAMPLE"),
            ("folded", "From: Anna\r\n <%s>" % admin)):
        batch.ok(name, froms=[line])
    batch.ok("Reply-To, Sender and Return-Path do not count", extra=[
        "Reply-To: nobody@elsewhere.example", "Sender: nobody@elsewhere.example",
        "Return-Path: <nobody@elsewhere.example>", "X-From: nobody@elsewhere.example"])
    batch.ok("the envelope in upper case", envelope="Admin@SomeDomain.EXAMPLE")
    batch.run()


@tap.test("R2.6 oddities of From: ignored")
def from_odd(world):
    batch = Batch(world)
    admin = world.admin
    encoded = base64.b64encode(admin.encode()).decode()
    for name, words, *lines in (
            ("two headers", "several From headers", "From: " + admin, "From: " + admin),
            ("two, one of another", "several From headers", "From: x@elsewhere.example",
             "From: " + admin),
            ("two, one with a blank before its colon", "reason=", "From: " + admin,
             "From : x@elsewhere.example"),
            ("two, one with a tab before its colon", "reason=", "From\t: x@elsewhere.example",
             "From: " + admin),
            ("a lone CR between two", "reason=", "From: %s\rFrom: x@elsewhere.example" % admin),
            ("two addresses", "several addresses", "From: %s, x@elsewhere.example" % admin),
            ("the same one twice", "several addresses", "From: %s, %s" % (admin, admin)),
            ("two angles", "reason=", "From: <%s> <x@elsewhere.example>" % admin),
            ("a group", "a group", "From: team: %s;" % admin),
            ("an empty group", "a group", "From: undisclosed:;"),
            ("a route", "a route", "From: <@elsewhere.example:%s>" % admin),
            ("no address", "reason=", "From: Anna Admin"),
            ("empty", "reason=", "From: "),
            ("nested angles", "reason=", "From: <<%s>>" % admin),
            ("an open angle", "reason=", "From: <%s" % admin),
            ("an open quote", "reason=", 'From: "Anna <%s>' % admin),
            ("an open comment", "reason=", "From: %s (x" % admin),
            ("an encoded word", "encoded word", "From: =?UTF-8?B?%s?=" % encoded),
            ("an encoded word in angles", "encoded word", "From: <=?UTF-8?B?%s?=>" % encoded),
            ("an escaped angle", "reason=", "From: <%s\\>@elsewhere.example>" % admin),
            ("two signs", "reason=", "From: %s@elsewhere.example" % admin),
            ("a trailing dot", "reason=", "From: %s." % admin),
            ("a sender list that groups hide", "reason=",
             "From: a:b:c:d:%s;;;;" % admin),
            ("words behind it", "reason=", "From: <%s> x@elsewhere.example" % admin),
            ("longer than 2,000 bytes", "too long",
             "From: " + "(%s)\r\n " % ("x" * 500) * 5 + admin),
            ("a control character", "control character", "From: \x01<%s>" % admin)):
        batch.ignored(name, words, froms=list(lines))
    batch.ignored("none", "no From", froms=["X-From: " + admin])
    batch.ignored("Sender instead", "no From", froms=["Sender: " + admin, "Reply-To: " + admin])
    batch.ignored("a look-alike", "no grant", froms=["From: admin@s\u043emedomain.example"],
                  envelope="admin@xn--smedomain-8xd.example")
    batch.run()


@tap.test("R2.6 a NUL in From: what comes behind it never counts")
def from_nul(world):
    batch = Batch(world)
    batch.ignored("within", "reason=", froms=["From: admin\0@" + DOMAIN])
    batch.ignored("before", "reason=", froms=["From: \0" + world.admin])
    batch.ignored("the administrator behind it", "no grant", envelope="x@elsewhere.example",
                  froms=["From: x@elsewhere.example\0, " + world.admin])
    batch.ignored("the administrator before it, envelope behind it", "envelope sender",
                  envelope="x@elsewhere.example",
                  froms=["From: %s\0, x@elsewhere.example" % world.admin])
    # Postfix shows the filter what stands before the NUL, which is the sender then.
    batch.ok("behind the address", froms=["From: %s\0, x@elsewhere.example" % world.admin])
    batch.run()


@tap.test("R2.7 the envelope sender is another: ignored but for envelope=any")
def envelope(world):
    batch = Batch(world)
    batch.ignored("another", "envelope sender", envelope="x@elsewhere.example")
    batch.ignored("another administrator", "envelope sender", envelope=world.other_admin)
    batch.ignored("an extension", "envelope sender", envelope="admin+x@" + DOMAIN)
    batch.ignored("envelope=any, but empty", "envelope sender is empty", envelope="",
                  sender="robot@" + DOMAIN)
    batch.ok("envelope=any", envelope="bounces@elsewhere.example", sender="robot@" + DOMAIN)
    batch.ok("sendmail(1)", by_hand=True)
    batch.ignored("sendmail(1), another", "envelope sender", envelope="root@mail.example",
                  by_hand=True)
    batch.run()


@tap.test("R2.8 R2.9 who has no grant gets no answer; keys are addresses, then domains")
def grants(world):
    batch = Batch(world)
    for name, sender in (("a stranger", "x@elsewhere.example"),
                         ("no line in the table", "nobody@" + DOMAIN),
                         ("an extension", "admin+x@" + DOMAIN),
                         ("a domain below", "clerk@sub." + OTHER),
                         ("a domain above", "clerk@example"),
                         ("the batch address", world.batch_address)):
        batch.ignored(name, "action=ignore", sender=sender)
    batch.ignored("a wrong password does not matter", "no grant", sender="nobody@" + DOMAIN,
                  password="wrong")
    batch.ignored("a broken mail does not matter", "no grant", sender="nobody@" + DOMAIN, parts=[],
                  password=None)
    batch.ok("found by its domain", sender="clerk@" + OTHER, domain=DOMAIN)
    batch.run()
    # The own line comes before the domain's: another domain and type than the domain's line has.
    response = world.ask([forward(world, user(), DOMAIN),
                          {"DOMAIN": OTHER, "USER": user(), "TYPE": "LIST", "ACTION": "ADD"}],
                         sender=world.other_admin)
    tap.equal(response.results, ["failed", "created"], response.text)
    response = world.ask([forward(world, user(), OTHER),
                          {"DOMAIN": DOMAIN, "USER": user(), "TYPE": "LIST", "ACTION": "ADD"},
                          forward(world, user(), DOMAIN)], sender="clerk@" + OTHER)
    tap.equal(response.results, ["failed", "failed", "created"], response.text)


@tap.test("R2.8 discard and reject TEXT")
def verdicts(world):
    batch = Batch(world)
    batch.ignored("discard", ("action=discard", "discard"), sender="gone@" + DOMAIN)
    batch.rejected("reject", ("5.7.1", "Please send requests from 100% of the new systems."),
                   sender="old@" + DOMAIN)
    batch.run()


@tap.test("R2.10 R2.11 automatic mail is dropped; auto-generated where the grant says so")
def automatic(world):
    batch = Batch(world)
    night = "night@" + DOMAIN
    batch.ignored("null sender", "envelope sender is empty", envelope="")
    for value in ("auto-replied", "Auto-Replied; owner=x", "auto-notified", "something",
                  "(comment) no", "auto-generated"):
        batch.ignored(value, "utomatic", extra=["Auto-Submitted: " + value])
    for value in ("auto-replied", "auto-notified"):
        batch.ignored("automatic=yes and " + value, "utomatic", sender=night,
                      extra=["Auto-Submitted: " + value])
    batch.ignored("automatic=yes, two headers", "utomatic", sender=night, extra=[
        "Auto-Submitted: auto-generated", "Auto-Submitted: auto-replied"])
    batch.ignored("a blank before the colon", "utomatic", extra=["Auto-Submitted : auto-replied"])
    batch.ignored("List-Id, a blank before the colon", "List-Id", extra=["List-Id : <x>"])
    batch.ignored("List-Id", "List-Id", extra=["List-Id: <list.elsewhere.example>"])
    batch.ignored("List-Id and automatic=yes", "List-Id", sender=night,
                  extra=["List-ID: x", "Auto-Submitted: auto-generated"])
    report = ('Content-Type: multipart/report; report-type=delivery-status; boundary="r"',)

    def as_report(lines, content):
        return "\r\n".join((lines, "MIME-Version: 1.0") + report).encode() + (
            b"\r\n\r\n--r\r\n" + mail.text_part("Password: %s\n" % world.passwords[world.admin]) +
            b"\r\n--r\r\n" + mail.attachment(content) + b"\r\n--r--\r\n")
    batch.ignored("a delivery report", "report", whole=as_report)
    batch.ok("Auto-Submitted: no", extra=["Auto-Submitted: no"])
    batch.ok("Auto-Submitted: No; x=y", extra=["Auto-Submitted: No; x=y"])
    batch.ok("automatic=yes, auto-generated", sender=night,
             extra=["Auto-Submitted: Auto-Generated; x=y"])
    batch.ok("automatic=yes, a person", sender=night)
    batch.run()


# --- subject ---

@tap.test("R2.13 subjects")
def subjects(world):
    batch = Batch(world)
    for value in ("PROCESS", "process", "  Process \t ", "=?UTF-8?Q?PROCESS?=",
                  "=?utf-8?B?UFJPQ0VTUw==?=", "=?ISO-8859-1?Q?PRO?= =?UTF-8?Q?CESS?=",
                  "\r\n PROCESS", "=?UTF-8?Q?_process_?="):
        batch.ok("taken %r" % value, subjects=["Subject: " + value])
    for value in ("", "PROCES", "Re: PROCESS", "PROCESS PROCESS", "PROCESS!", "PRO CESS",
                  "=?UTF-8?Q?PR=C3=96CESS?=", "=?UTF-8?B?UFJPQ0VTUw"):
        batch.ignored("another %r" % value, "the subject is not PROCESS",
                      subjects=["Subject: " + value])
    batch.ignored("missing", "there is no subject", subjects=[])
    batch.ignored("twice, a blank before the colon", "several Subject",
                  subjects=["Subject: PROCESS", "Subject : hello"])
    batch.ignored("twice", "several Subject", subjects=["Subject: PROCESS", "Subject: PROCESS"])
    batch.ignored("logged in", "not PROCESS", subjects=["Subject: hello"],
                  login=(world.admin, world.passwords[world.admin]))
    batch.run()


# --- keywords ---

@tap.test("R2.15 to R2.19 keywords as header fields and lines, in any order, without case")
def keywords(world):
    batch = Batch(world)
    secret = world.passwords[world.admin]
    right = "Password: %s\n" % secret
    html = "<html><head><title>Password: no</title></head><body><p>Password:&nbsp;<b>%s</b></p>" \
           "<div>Batchload: %s</div>Regards</body></html>"

    def seen(name, **options):
        case = batch.ok(name, **options)
        return case

    def html_only(content):
        return [mail.attachment(content)]

    headed = [
        seen("header fields", body="hello\n", extra=["Password: " + secret, "Batchload: h1"]),
        seen("header fields in upper case", body="", extra=["PASSWORD:" + secret,
                                                             "BATCHLOAD: h1", "MODE: APPLY"]),
        seen("one here, one there", body="\n\n" + right, extra=["Batchload: h1"]),
        seen("other order, blank lines, other words behind",
             body="\n  \nMODE : apply\n\nbatchload:h1\n\n\tpassword:   %s  \nRegards\nMode: x\n"
                  "Password: late\n" % secret),
        seen("the same value twice", body="Batchload: h1\nBatchload: h1\nMode: apply\n" + right,
             extra=["Batchload: h1", "Mode: Apply", "Password: " + secret]),
    ]
    seen("header fields encoded", body="", extra=[
        "Password: =?UTF-8?B?%s?=" % base64.b64encode(secret.encode()).decode()])
    for name, words, body in (
            ("a line before", "has no password", "Hello,\n" + right),
            ("a signature's line", "has no password", "-- \n" + right),
            ("empty", "has no password", "Password:\n"),
            ("blanks", "has no password", "Password:  \t \n"),
            ("nothing", "has no password", ""),
            ("a quoted line", "has no password", "> " + right),
            ("a password of 60 kB", "too long", "Password: " + "x" * 60000 + "\n"),
            ("two passwords", "Password: stands in the mail twice", right + "Password: other\n"),
            ("two references", "Batchload: stands in the mail twice",
             right + "Batchload: a\nBatchload: b\n"),
            ("two modes", "Mode: stands in the mail twice", right + "Mode: apply\nMode: check\n"),
            ("a reference of 201 bytes", "longer than 200 bytes",
             right + "Batchload: " + "r" * 201 + "\n"),
            ("a reference of 201 bytes, not ASCII", "longer than 200 bytes",
             right + "Batchload: " + "\u00e4" * 100 + "r\n"),
            ("Mode: other", "apply, check or atomic", right + "Mode: undo\n"),
            ("Mode: empty", "apply, check or atomic", right + "Mode:\n"),
            ("a wrong password", "The password is not the right one", "Password: wrong\n")):
        batch.refused(name, words, body=body)
    batch.refused("header field and line differ", "Password: stands in the mail twice", body=right,
                  extra=["Password: other"])
    long = seen("a reference of 200 bytes", reference="r" * 200)
    text = [mail.text_part(html % (secret, "h1"), "text/html; charset=utf-8")]
    headed.append(seen("HTML only", whole=lambda lines, content: mail.multipart(
        lines.split("\r\n"), text + [mail.attachment(content)])))

    def alternative(lines, content):
        both = part(['Content-Type: multipart/alternative; boundary="alt"'],
                    b"--alt\r\n" + mail.text_part(right + "Batchload: h1\n") + b"\r\n--alt\r\n" +
                    mail.text_part(html % ("wrong", "wrong"), "text/html") + b"\r\n--alt--\r\n")
        return mail.multipart(lines.split("\r\n"), [both, mail.attachment(content)])
    headed.append(seen("text/plain counts, not text/html", whole=alternative))
    batch.run()
    for case in headed:
        tap.equal(case.response.subject, "Batchload h1: processed ok", case.name)
    tap.equal(long.response.subject, "Batchload %s: processed ok" % ("r" * 200), "long reference")


# --- attachment ---

@tap.test("R2.20 to R2.23 names and places of batchload.csv")
def names(world):
    batch = Batch(world)

    def one(*head, data=None):
        return lambda content: [part(head, (content if data is None else data).encode())]

    for name, head in (
            ("upper case", ['Content-Disposition: attachment; filename="BATCHLOAD.CSV"']),
            ("a token", ["Content-Disposition: attachment; filename=batchload.csv"]),
            ("RFC 2231", ["Content-Disposition: attachment; filename*=UTF-8''batch%6Coad.csv"]),
            ("RFC 2231, in pieces", ["Content-Disposition: attachment; filename*0=batch;",
                                     " filename*1=\"load.csv\""]),
            ("an encoded word", ['Content-Disposition: attachment; '
                                 'filename="=?UTF-8?B?YmF0Y2hsb2FkLmNzdg==?="']),
            ("name only", ['Content-Type: text/csv; name="Batchload.csv"']),
            ("name only, RFC 2231", ["Content-Type: text/csv; name*=us-ascii'en'batchload%2Ecsv"]),
            ("both", ['Content-Type: text/csv; name="batchload.csv"',
                      'Content-Disposition: attachment; filename="batchload.csv"']),
            ("inline", ['Content-Disposition: inline; filename="batchload.csv"']),
            ("text/plain inline", ['Content-Type: text/plain; name="batchload.csv"'])):
        batch.ok(name, parts=one(*head))
    for name, head in (
            ("a path", ['Content-Disposition: attachment; filename="/tmp/batchload.csv"']),
            ("a path upwards", ['Content-Disposition: attachment; filename="../batchload.csv"']),
            ("a path of Windows",
             ['Content-Disposition: attachment; filename="C:\\\\lists\\\\batchload.csv"']),
            ("another name", ['Content-Disposition: attachment; filename="batchload.csv.txt"']),
            ("another beginning", ['Content-Disposition: attachment; filename="my-batchload.csv"']),
            ("no name", ["Content-Type: text/csv"])):
        batch.refused(name, "No file named batchload.csv", parts=one(*head))
    batch.refused("none", "No file named batchload.csv", parts=[])
    batch.refused("two", "More than one file named batchload.csv",
                  parts=lambda content: [mail.attachment(content)] * 2)
    batch.refused("two, one of them deep and in upper case", "More than one file",
                  parts=lambda content: [mail.attachment(content), nested(
                      [mail.attachment(content, "BATCHLOAD.csv")], 2)])
    batch.ok("other files do not matter", parts=lambda content: [
        mail.attachment("x", "other.csv"), mail.attachment(content),
        mail.attachment(b"\0\1", "picture.png", "image/png"), mail.attachment("x", "result.csv")])
    batch.ok("nested", parts=lambda content: [nested([mail.attachment(content)], 4)])

    def attached(content):
        inner = mail.multipart(["From: x@elsewhere.example", "Subject: PROCESS"],
                               [mail.text_part("x"), mail.attachment(content)])
        return [part(["Content-Type: message/rfc822"], inner)]
    batch.refused("inside an attached mail", "No file named batchload.csv", parts=attached)
    batch.ok("beside an attached mail that has one",
             parts=lambda content: attached(content) + [mail.attachment(content)])
    batch.ok("the mail itself is the file", whole=lambda lines, content: (
        lines + "\r\nPassword: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/csv; "
        "name=batchload.csv\r\n\r\n%s" % (world.passwords[world.admin], content)).encode())
    batch.run()


@tap.test("R2.24 any content type and transfer encoding")
def encodings(world):
    batch = Batch(world)
    for kind in ("application/octet-stream", "application/vnd.ms-excel", "text/plain", "text/csv",
                 "image/png", "text/html; charset=utf-8"):
        batch.ok(kind, parts=lambda content, kind=kind: [mail.attachment(content, type=kind)])

    def encoded(encoding, encode):
        return lambda content: [mail.attachment(b"", encoding=None, headers=(
            ["Content-Transfer-Encoding: " + encoding] if encoding else [])) + encode(content)]
    quote = quopri.encodestring
    batch.ok("7bit", parts=encoded("7bit", str.encode))
    batch.ok("none", parts=encoded(None, str.encode))
    batch.ok("8bit", parts=encoded("8bit", str.encode))
    batch.ok("binary", parts=encoded("binary", str.encode))
    batch.ok("quoted-printable", parts=encoded("Quoted-Printable", lambda text: quote(
        text.encode()).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")))
    batch.ok("base64 in upper case, one long line", parts=encoded(
        "BASE64", lambda text: base64.b64encode(text.encode())))
    batch.run()


@tap.test("R2.25 each limit names itself")
def limits(world):
    batch = Batch(world)
    table = mail.table([forward(world, user())])
    batch.refused("message", "message_bytes_max", parts=[mail.attachment("x" * 300000, "x")])
    batch.refused("attachment", "attachment_bytes_max", csv=table + "\r\n" * 60000)
    batch.refused("attachment, exactly one byte too many", "attachment_bytes_max",
                  csv=table + "\n" * (100 * 1024 + 1 - len(table)))
    batch.ok("attachment, exactly as many", csv=table + "\n" * (100 * 1024 - len(table)))
    batch.refused("header", "header_bytes_max",
                  extra=["X-Many: " + "x" * 60] * 150)
    batch.refused("header of a part", "header_bytes_max", parts=lambda content: [
        mail.attachment(content, headers=["X-Many: " + "x" * 60] * 150)])
    batch.refused("depth", "mime_depth_max",
                  parts=lambda content: [nested([mail.attachment(content)], 8)])
    batch.refused("parts", "mime_parts_max", parts=lambda content: [mail.attachment(content)] + [
        mail.attachment("x", "x%d" % i) for i in range(15)])
    batch.refused("rows", "rows_max",
                  rows=[forward(world, user()) for _ in range(51)])
    batch.refused("rows of the grant", ("limit rows", "more than 2 rows"), sender="few@" + DOMAIN,
                  rows=[forward(world, user()) for _ in range(3)])
    batch.ok("as many rows as the grant has", sender="few@" + DOMAIN,
             rows=[forward(world, user()) for _ in range(2)])
    wide = {**forward(world, user()), **{name: "" for name in (
        "TITLE", "STREET", "STATE", "PHONE", "FAX", "MOBILE", "PAGER", "POBOX")}}
    batch.refused("columns", "columns_max", rows=[wide])
    batch.refused("field", "field_bytes_max",
                  rows=[{**forward(world, user()), "DESCRIPTION": "x" * 201}])
    batch.ok("field, exactly as long",
             rows=[{**forward(world, user()), "DESCRIPTION": "x" * 200}])
    batch.run()


# --- the promise ---

@tap.test("R2.28 the same mail again makes no second job, a new Message-ID does")
def duplicates(world):
    local = user("twice")
    row = forward(world, local)
    raw = world.request([row])
    tap.equal(world.send(raw).code, 250, "first")
    tap.contains(world.response(raw).text, "processed ok")
    again = [world.send(raw), world.send(b"Received: from x by y; now\r\n" + raw),
             world.send(raw, recipients=[SECOND]),
             world.send(raw, recipients=[JANE, world.batch_address])]
    for sent in again:
        tap.equal(sent.code, 250, repr(sent))
        lines = lines_of(world, sent.queue_id)
        tap.equal(len(lines), 1, "log lines")
        tap.contains(lines[0], "the same mail came before")
        tap.contains(lines[0], "action=ignore")
    identifier = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()
    # Other content under the same Message-ID is another request.
    other = world.request([forward(world, user("twice"))], message_id=identifier)
    tap.equal(world.send(other).code, 250, "other content")
    fresh = raw.replace(identifier.encode(), mail.message_id().encode())
    tap.equal(world.send(fresh).code, 250, "new Message-ID")
    tap.equal(world.response(fresh).results, ["failed"], "the address is taken now")
    world.fence()
    box = world.mailbox(world.admin)
    tap.equal(box.count("HEADER", "In-Reply-To", '"%s"' % identifier), 2, "answers")


@tap.test("R2.28 without a Message-ID the Date tells; eight at once make one job")
def duplicates_at_once(world):
    local = user("once")
    raw = world.request([forward(world, local)], reference=local)
    identifier = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0]
    bare = raw.replace(b"Message-ID: " + identifier + b"\r\n", b"")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(world.send(bare).code))
               for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    tap.equal(answers, [250] * 8, "replies")
    later = bare.replace(b"10:00:00", b"10:00:01")
    tap.equal(world.send(later).code, 250, "another Date")
    world.fence()
    box = world.mailbox(world.admin)
    tap.equal(box.count("HEADER", "Subject", '"Batchload %s: processed ok"' % local), 1, "created")
    tap.equal(box.count("HEADER", "Subject", '"Batchload %s:"' % local), 2, "answers")


def drop_after_data(world, raw):
    """Sends the mail whole and goes away without reading the answer."""
    client = world.postfix.client()
    client.ehlo()
    client.mail(world.admin)
    client.rcpt(world.batch_address)
    client.docmd("DATA")
    client.send(raw + b".\r\n")
    client.close()


@tap.test("R2.28 the answer got lost, the sender tries again: one job, one response")
def answer_lost(world):
    raws = [world.request([forward(world, user("lost"))]) for _ in range(5)]
    for raw in raws:
        drop_after_data(world, raw)
        tap.equal(world.send(raw).code, 250, "again")
    for raw in raws:
        tap.contains(world.response(raw).text, "processed ok")
    world.fence()
    for raw in raws:
        identifier = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()
        tap.equal(world.mailbox(world.admin).count("HEADER", "In-Reply-To", '"%s"' % identifier),
                  1, "answers")


@tap.test("R2.28 known again after the daemon was killed")
def duplicates_after_kill(world):
    raw = world.request([forward(world, user("killed"))])
    tap.equal(world.send(raw).code, 250, "first")
    world.milter.kill()
    world.milter.start()
    tap.equal(world.send(raw).code, 250, "again")
    tap.contains(world.response(raw).text, "processed ok")
    world.fence()
    identifier = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()
    tap.equal(world.mailbox(world.admin).count("HEADER", "In-Reply-To", '"%s"' % identifier), 1,
              "answers")


@tap.test("R2.14 wrong_subject = reject: only who logged in and wrote to nobody else")
def wrong_subject(world):
    world.configure({"wrong_subject": "reject"})
    login = (world.admin, world.passwords[world.admin])
    batch = Batch(world)
    wrong = {"subjects": ["Subject: hello"]}
    batch.rejected("logged in", ("5.7.1", "PROCESS"), login=login, **wrong)
    batch.rejected("logged in, no subject", "5.7.1", login=login, subjects=[])
    batch.rejected("logged in, two batch addresses", "5.7.1", login=login,
                   recipients=[world.batch_address, SECOND], **wrong)
    batch.ignored("not logged in", "not PROCESS", **wrong)
    batch.ignored("sendmail(1)", "not PROCESS", by_hand=True, **wrong)
    batch.ignored("logged in, others get it", "not PROCESS", login=login,
                  recipients=[world.batch_address, JANE], **wrong)
    batch.ignored("logged in, no grant", "no grant", login=login, sender="nobody@" + DOMAIN,
                  **wrong)
    batch.ignored("logged in, automatic", "utomatic", login=login,
                  extra=["Auto-Submitted: auto-replied"], **wrong)
    batch.ok("logged in, the right one", login=login)
    batch.run()


@tap.test("R2.26 no room in the spool: 451, and taken once there is room again")
def spool_full(world):
    world.configure({"spool.jobs_max": "1"})
    raw = world.request([forward(world, user("full"))])
    world.slapd.kill()
    # No process of Postfix remembers an answer of the directory.
    world.postfix.restart()
    try:
        first = world.request([forward(world, user("full"))])
        tap.equal(world.send(first).code, 250, "first")
        sent = world.send(raw)
        tap.equal((sent.stage, sent.code), ("end", 451), repr(sent))
        tap.contains(sent.text, "4.3.0", "status")
        both = world.send(raw, recipients=[world.batch_address, SECOND])
        tap.equal(both.code, 451, repr(both))
        # Who has no grant needs no room.
        tap.equal(world.send(world.request([], sender="x@elsewhere.example", password=None),
                             "x@elsewhere.example").code, 250, "ignored")
    finally:
        world.slapd.start()
    tap.contains(world.response(first).text, "processed ok")
    tap.wait_for(lambda: world.send(raw).code == 250, "the mail to be taken")
    tap.contains(world.response(raw).text, "processed ok")
    tap.equal(len(world.mailbox(world.admin).find(
        "In-Reply-To", raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode())), 1,
        "answers")


@tap.test("R2.26 the spool can't be written: 451, nothing kept, good again afterwards")
def spool_unwritable(world):
    world.configure()
    # Too large for the store: its folder is that of the files.
    raw = world.request([forward(world, user("bad"))], body="Password: %s\n\n%s" % (
        world.passwords[world.admin], "Hello again!\n" * 2000))
    folders = [path for path, _, _ in os.walk(world.milter.spool)][1:]
    for path in folders:
        os.chmod(path, 0o500)
    try:
        sent = world.send(raw)
        tap.equal((sent.stage, sent.code), ("end", 451), repr(sent))
        others_too = world.send(raw, recipients=[JANE, world.batch_address])
        tap.equal(others_too.code, 451, repr(others_too))
    finally:
        for path in folders:
            os.chmod(path, 0o700)
    identifier = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()
    tap.wait_for(lambda: world.send(raw).code == 250, "the mail to be taken")
    tap.contains(world.response(raw).text, "processed ok")
    world.fence()
    tap.equal(world.mailbox(world.admin).count("HEADER", "In-Reply-To", '"%s"' % identifier), 1,
              "answers")
    tap.equal(world.mailbox(JANE).count("HEADER", "Message-ID", '"%s"' % identifier), 0, "copies")


if __name__ == "__main__":
    tap.main(MailWorld)
