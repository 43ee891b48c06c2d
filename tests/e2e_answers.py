# SPDX-License-Identifier: MIT
"""The response: every rule of section 4, and section 7's proof, as the administrator's mailbox
shows them."""

import email.utils
import re
import time
import unicodedata
import uuid

import tap
from harness import World, mail
from mailcases import Batch, forward, lines_of, listed, user

DOMAIN = "somedomain.example"
OTHER = "otherdomain.example"
SLEEPING = "sleeping.example"
PAUSE = 1  # seconds of refusal_pause
CANARY = "Kanarienvogel-%s" % uuid.uuid4().hex[:12]
HASH = "{CRYPT}$6$abcdefgh$" + "k" * 86

# Administrators whose proof can't hold, each in another way; their mail goes to the first one.
UNPROVEN = ("missing@" + DOMAIN, "disabled@" + DOMAIN, "doubled@" + DOMAIN, "boss@" + SLEEPING,
            "boss@nowhere.example", "empty@" + DOMAIN, "moved@" + DOMAIN)

SENDERS = "".join("%s allow\n" % each for each in UNPROVEN) + """
robot@somedomain.example allow envelope=any
tight@somedomain.example allow external=none
"""


class AnswerWorld(World):
    def __init__(self):
        super().__init__(senders=SENDERS, settings={"refusal_pause": "%ds" % PAUSE})
        path = self.postfix.conf + "/batchload-recipients"
        with open(path, "a", encoding="utf-8") as file:
            for each in UNPROVEN:
                file.write("%s %s\n" % (each, self.admin))
        self.postfix.restart()
        for each in ("robot@" + DOMAIN, "tight@" + DOMAIN):
            self.passwords[each] = "pass of " + each
            self.add_account(each, self.passwords[each])
        self._add_unproven()

    def _add_unproven(self):
        self.add_account("disabled@" + DOMAIN, CANARY, enabled=False)
        self.add_account("doubled@" + DOMAIN, CANARY)
        # A second entry that bears the address, elsewhere in the tree.
        self.slapd.add("dn: mail=doubled@%s,ou=%s,ou=domains,%s\nobjectClass: inetOrgPerson\n"
                       "objectClass: batchloadAccount\nmail: doubled@%s\ncn: x\nsn: x\n"
                       "userPassword: %s\nbatchloadMailboxId: %s\n" % (
                           DOMAIN, OTHER, self.base, DOMAIN, CANARY, uuid.uuid4()))
        # Its only entry is below another customer's domain.
        self.slapd.add("dn: mail=moved@%s,ou=%s,ou=domains,%s\nobjectClass: inetOrgPerson\n"
                       "mail: moved@%s\ncn: x\nsn: x\n" % (DOMAIN, OTHER, self.base, DOMAIN))
        self.slapd.add("dn: %s\nobjectClass: inetOrgPerson\nobjectClass: batchloadAccount\n"
                       "mail: empty@%s\ncn: x\nsn: x\nbatchloadMailboxId: %s\n" % (
                           self.slapd.dn("empty@" + DOMAIN), DOMAIN, uuid.uuid4()))
        self.slapd.add(self.slapd.domain_ldif(SLEEPING) + "batchloadEnabled: FALSE\n")
        self.add_account("boss@" + SLEEPING, CANARY)


def plain_row(world, local, **more):
    return {**forward(world, local), **more}


# --- the mail itself ---

@tap.test("R4.1 R4.2 R4.3 headers, null sender, thread, subjects in their three forms")
def headers(world):
    def check(response, raw, subject):
        top = response.mail
        tap.equal(response.subject, subject, "Subject")
        tap.equal(top["Return-Path"], "<>", "Return-Path")
        tap.equal(str(top["From"]), world.batch_address, "From")
        tap.equal(str(top["To"]), world.admin, "To")
        tap.equal(str(top["Auto-Submitted"]), "auto-replied", "Auto-Submitted")
        identifier = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()
        tap.equal(str(top["In-Reply-To"]), identifier, "In-Reply-To")
        tap.equal(str(top["References"]).split(), ["<a@x.example>", "<b@x.example>", identifier],
                  "References")
        tap.equal(top["MIME-Version"], "1.0", "MIME-Version")
        seconds = time.time() - email.utils.parsedate_to_datetime(str(top["Date"])).timestamp()
        tap.equal(-2 < seconds < 120, True, "age of Date: %r" % seconds)
        job = re.search(r"^Job: (\d{8}-[0-9A-Z]{6})$", response.text, re.M).group(1)
        tap.equal(str(top["Message-ID"]), "<%s.batchload@ibpmail.example>" % job, "Message-ID")
        tap.equal(set(name.lower() for name in top.keys()) - mail.RESPONSE_HEADERS, set(), "other headers")
        for line in response.raw.split(b"\r\n"):
            tap.equal(len(line) <= 998, True, "length of a line")
            tap.equal(all(byte < 128 for byte in line), True, "7 bit")
        return job

    more = ["References: <a@x.example>\r\n <b@x.example>", "In-Reply-To: <b@x.example>",
            "Reply-To: %s" % world.other_admin, "Sender: %s" % world.other_admin,
            "Disposition-Notification-To: %s" % world.other_admin,
            "Return-Receipt-To: %s" % world.other_admin, "Cc: %s" % world.other_admin]
    good, bad = forward(world, user()), forward(world, user(), OTHER)
    cases = ((dict(rows=[good]), "Batchload: processed ok"),
             (dict(rows=[forward(world, user())], reference="r 1"),
              "Batchload r 1: processed ok"),
             (dict(rows=[forward(world, user()), bad, bad], reference="Gr\u00f6\u00dfe"),
              "Batchload Gr\u00f6\u00dfe: processed, 2 of 3 rows failed"),
             (dict(rows=[bad]), "Batchload: processed, 1 of 1 row failed"),
             (dict(rows=[forward(world, user())], mode="undo", reference="x"),
              "Batchload x: not processed"),
             (dict(rows=[forward(world, user())], parts=[]), "Batchload: not processed"))
    raws = []
    for options, subject in cases:
        raw = world.request(headers=more, **options)
        tap.equal(world.send(raw).code, 250, "reply")
        raws.append((raw, subject))
    jobs = [check(world.response(raw), raw, subject) for raw, subject in raws]
    tap.equal(len(set(jobs)), len(jobs), "job numbers")
    known = [job["job"] for job in listed(world)] if "job" in listed(world)[0] else None
    if known is not None:
        tap.equal(set(jobs) - set(known), set(), "jobs that the command does not know")
    world.fence()
    tap.equal(world.mailbox(world.other_admin).count(), 0, "mails of another")


@tap.test("R4.1 envelope=any: the answer goes to From, not to the envelope sender")
def to_from(world):
    raw = world.request([forward(world, user())], sender="robot@" + DOMAIN)
    tap.equal(world.send(raw, world.other_admin).code, 250, "reply")
    tap.contains(world.response(raw).text, "processed ok")
    tap.equal(world.mailbox(world.other_admin).count(), 0, "mails of the envelope sender")


@tap.test("R4.4 R4.5 the text: processed ok, counts, time, reference, job; failures row by row")
def texts(world):
    one, two, three = user(), user(), user()
    text = world.ask([
        forward(world, one), forward(world, two),
        {"DOMAIN": DOMAIN, "USER": three, "TYPE": "FULL", "ACTION": "ADD", "PASSWORD": CANARY},
        {"DOMAIN": DOMAIN, "USER": one, "TYPE": "FORWARD", "ACTION": "MODIFY",
         "MAILFORWARD": world.other_admin},
        {"DOMAIN": DOMAIN, "USER": two, "TYPE": "FORWARD", "ACTION": "DELETE"},
        {"DOMAIN": DOMAIN, "USER": one, "TYPE": "FORWARD", "ACTION": "MODIFY",
         "MAILFORWARD": world.other_admin}], reference="all well").text
    lines = text.splitlines()
    tap.equal(lines[0], "processed ok", "first line")
    for line in ("Created: 3", "Changed: 1", "Deleted: 1", "Unchanged: 1", "Failed: 0",
                 "Reference: all well"):
        tap.equal(lines.count(line), 1, line + " in " + text)
    tap.equal(len(re.findall(r"^Time taken: (?:\d\.\d\d|\d\d|less than 0\.01) seconds$", text, re.M)), 1, text)
    tap.equal(len(re.findall(r"^Job: \S+$", text, re.M)), 1, text)

    rows = [forward(world, user(), OTHER) for _ in range(205)] + [forward(world, user())]
    rows.insert(3, plain_row(world, "up per", PHONE=""))
    response = world.ask(rows)
    text = response.text
    tap.contains(text, "206 of 207 rows failed:")
    told = re.findall(r"^Line (\d+): (\S.*)$", text, re.M)
    tap.equal(len(told), 200, "failures told")
    tap.equal(told[0], ("2", "%s@%s" % (rows[0]["USER"], OTHER)), "the first")
    tap.equal(told[3][0], "5", "the fourth")
    tap.contains(text, "6 more failed rows are told in the attached result.csv.")
    tap.equal(len(re.findall(r"^  Reason: \S", text, re.M)), 200, "reasons")
    tap.equal(len(re.findall(r"^  To do:  \S", text, re.M)), 200, "advice")
    tap.contains(text, "  Field:  USER\n")
    tap.contains(text, "Created: 1\nChanged: 0\nDeleted: 0\nUnchanged: 0\nFailed: 206\n")
    tap.absent(text, "processed ok")
    tap.equal(len(response.rows()), 207, "rows of result.csv")
    tap.equal(len(response.rows("batchload.csv")), 206, "rows of batchload.csv")


# --- the files ---

@tap.test("R4.6 R4.7 R3.10 result.csv; batchload.csv is corrected and sent again, and works")
def again(world):
    good, wrong, bad = user(), user(), user()
    rows = [
        {"DOMAIN": DOMAIN, "USER": good, "TYPE": "FULL", "ACTION": "ADD", "PASSWORD": CANARY,
         "TITLE": "Dr; \"h. c.\"", "DESCRIPTION": "two\r\nlines"},
        {"DOMAIN": OTHER, "USER": wrong, "TYPE": "FULL", "ACTION": "ADD", "PASSWORD": CANARY,
         "TITLE": "=1+1", "DESCRIPTION": "a; \"b\"\r\nc \u00e4"},
        {"DOMAIN": DOMAIN, "USER": bad, "TYPE": "FULL", "ACTION": "ADD", "PASSWORD": "-",
         "TITLE": "-x", "DESCRIPTION": "'=y"}]
    head = list(rows[0])
    response = world.ask(rows, reference="again")
    tap.equal(sorted(response.files), ["batchload.csv", "result.csv"], "files")
    results = response.rows()
    tap.equal([row["RESULT"] for row in results], ["created", "failed", "failed"], "results")
    tap.equal(list(results[0]), head + ["RESULT", "REASON"], "columns")
    tap.equal([row["PASSWORD"] for row in results], ["", "", ""], "passwords")
    tap.equal([row["USER"] for row in results], [good, wrong, bad], "users")
    tap.equal(results[0]["TITLE"], rows[0]["TITLE"], "TITLE")
    tap.equal(results[0]["DESCRIPTION"], rows[0]["DESCRIPTION"], "DESCRIPTION")
    tap.equal(results[0]["REASON"], "", "reason of a created one")
    tap.contains(results[2]["REASON"], "PASSWORD")
    for name in response.files:
        tap.absent(response.files[name], CANARY.encode(), name)
    parts = {part.get_filename(): part for part in response.mail.walk() if part.get_filename()}
    tap.equal(parts["batchload.csv"].get_content_type(), "text/csv", "type")
    tap.equal(parts["batchload.csv"].get_content_disposition(), "attachment", "disposition")

    failed = response.rows("batchload.csv")
    tap.equal([row["USER"] for row in failed], [wrong, bad], "failed rows")
    tap.equal([row["TITLE"] for row in failed], ["'=1+1", "'-x"], "formulas are guarded")
    # What a person does: fill in what is wrong, leave all else.
    text = response.files["batchload.csv"].decode("utf-8-sig").replace(OTHER, DOMAIN)
    lines = mail.table([{**row, "DOMAIN": DOMAIN, "PASSWORD": "Neu-%s" % row["USER"]}
                        for row in failed])
    tap.contains(text, "RESULT;REASON")
    second = world.ask(csv="\ufeff" + lines, reference="again 2")
    tap.contains(second.text, "processed ok")
    tap.equal(list(second.rows()[0]), head + ["RESULT", "REASON"], "columns of the second")
    entry = world.entry("%s@%s" % (wrong, DOMAIN))
    tap.equal(entry["title"], ["=1+1"], "title")
    tap.equal(world.entry("%s@%s" % (bad, DOMAIN))["description"], ["=y"], "description")
    tap.equal(world.can_login("%s@%s" % (wrong, DOMAIN), "Neu-" + wrong), True, "login")


@tap.test("R4.7 batchload.csv as it is: sent again without a change it is a readable request")
def as_it_is(world):
    response = world.ask([forward(world, user(), OTHER)])
    second = world.ask(csv=response.files["batchload.csv"])
    tap.equal(second.results, ["failed"], second.text)
    tap.equal(second.rows("batchload.csv"), response.rows("batchload.csv"), "rows")


# --- whole-request errors ---

@tap.test("R4.13 whole-request errors, in the order in which they are looked for")
def order(world):
    batch = Batch(world)
    none = "NAME;VALUE\r\nx;y\r\n"
    unknown = "DOMAIN;USER;TYPE;ACTION;GIVENNAM\r\n"
    nul = "\0"
    broken = mail.attachment("x", "x", headers=["Content-Type: text/html"])

    def bad(content):
        return [mail.attachment(content), broken]
    words = {
        "unreadable": "can't be read", "none": "No file named batchload.csv",
        "several": "More than one file", "keyword": "Mode: takes apply",
        "no password": "has no password", "wrong": "The password is not the right one",
        "nul": "NUL byte", "no headline": "is no headline", "unknown": "Unknown column"}
    undo = ("Mode: undo",)
    for name, told, options in (
            ("unreadable before none", "unreadable", dict(parts=[broken])),
            ("unreadable before keyword and password", "unreadable",
             dict(parts=bad, password=None, keywords=undo)),
            ("none before no password", "none", dict(parts=[], password=None)),
            ("several before no password", "several",
             dict(parts=lambda content: [mail.attachment(content)] * 2, password=None)),
            ("none before keyword", "none", dict(parts=[], keywords=undo)),
            ("none before wrong password", "none", dict(parts=[], password="wrong")),
            ("keyword before no password", "keyword", dict(password=None, keywords=undo)),
            ("no password before an unreadable file", "no password",
             dict(password=None, csv=nul)),
            ("no password before no headline", "no password", dict(password=None, csv=none)),
            ("wrong password before an unreadable file", "wrong", dict(password="wrong", csv=nul)),
            ("wrong password before no headline", "wrong", dict(password="wrong", csv=none)),
            ("wrong password before unknown", "wrong", dict(password="wrong", csv=unknown)),
            ("unreadable file before no headline", "nul", dict(csv=none + nul)),
            ("unreadable file before an unknown column", "nul", dict(csv=unknown + nul)),
            ("not UTF-8 before an unknown column", None,
             dict(csv=unknown.encode() + b"\xc3\xbc;b\xfc;c;d;e\r\n")),
            ("no headline before unknown", "no headline",
             dict(csv="DOMAIN;USER;TYPE;GIVENNAM\r\n")),
            ("unknown", "unknown", dict(csv=unknown))):
        batch.refused(name, words[told] if told else "is not UTF-8", **options)
    twice = batch.refused("doubled", "given twice", csv="DOMAIN;USER;TYPE;ACTION;user\r\n")
    batch.run()
    tap.contains(twice.response.text, "USER")


# --- hostile values ---

def one_line(value):
    return not any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in value)


def harmless(world, response):
    """No value became a header, a line of its own, or a formula."""
    tap.equal(set(name.lower() for name in response.mail.keys()) - mail.RESPONSE_HEADERS, set(), "headers")
    for name in ("From", "To", "Subject", "Message-ID", "Auto-Submitted"):
        tap.equal(len(response.mail.get_all(name)), 1, name)
    tap.equal(str(response.mail["To"]), world.admin, "To")
    tap.equal(one_line(response.subject), True, "Subject %r" % response.subject)
    tap.equal(len(response.subject.encode()) < 400, True, "length of the subject")
    for line in response.text.splitlines():
        for word in ("Bcc", "Created: 999", "EVIL"):
            tap.equal(line.startswith(word), False, "line %r" % line)
    for name in response.files:
        for row in response.rows(name):
            for cell in row.values():
                tap.equal((cell or "").startswith(("=", "+", "-", "@", "\t", "\r")), False,
                          "cell %r" % cell)


@tap.test("R4.11 hostile references: never a header, a line, or a megabyte")
def hostile_references(world):
    batch = Batch(world)
    inject = "x\r\nBcc: victim@%s\r\n\r\nCreated: 999" % OTHER
    encoded = "=?UTF-8?Q?" + "".join("=%02X" % byte for byte in inject.encode()) + "?="
    cases = [
        batch.ok("CR LF in an encoded word, as a header field", reference=None,
                 extra=["Batchload: " + encoded]),
        batch.ok("the same in the text", reference=encoded),
        batch.ok("folded", reference=None, extra=["Batchload: x\r\n Bcc: victim@" + OTHER]),
        batch.ok("a lone CR", reference="x\rCreated: 999"),
        batch.ok("line separators", reference="x\u2028Created: 999\u2029y\u0085z"),
        batch.ok("right to left", reference="\u202efdp.exe"),
        batch.ok("a formula", reference="=cmd|' /C calc'!A0"),
        batch.ok("percent signs", reference="%s%n%d"),
        batch.ok("bytes that are not UTF-8", reference=None,
                 extra=["Batchload: x\udcff\udcfey"]),
        batch.refused("100 kB", "longer than 200 bytes", reference="r" * 2000,
                      keywords=["Batchload: " + "EVIL" * 25000]),
        batch.refused("60 kB", "longer than 200 bytes", reference="r" * 60000),
        batch.refused("a header field of 40 kB", "longer than 200 bytes", reference=None,
                      extra=["Batchload: " + "\r\n ".join(["r" * 800] * 50)])]
    cases[9].words = ["Batchload: stands in the mail twice"]
    batch.run()
    for case in cases:
        harmless(world, case.response)
    tap.equal(world.mailbox(world.other_admin).count(), 0, "mails of the victim")


@tap.test("R4.11 R4.8 hostile cells and threads: never a header, a line, or a formula")
def hostile_cells(world):
    evil = "x\r\nEVIL\r\nCreated: 999\r\n\r\nBcc: victim@" + OTHER
    cells = (evil, "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "'=1", "\u2028EVIL",
             "\x1b[31mEVIL", "x" * 60000, "\u202eEVIL", "--", ";=1", '"=1', "<b>", "%s%n")
    rows = []
    for cell in cells:
        for field in ("USER", "DOMAIN", "TYPE", "ACTION", "MAILFORWARD"):
            rows.append({**forward(world, user()), field: cell})
        rows.append(plain_row(world, user(), DOMAIN=OTHER, DESCRIPTION=cell))
        rows.append({"DOMAIN": DOMAIN, "USER": user(), "TYPE": "LIST", "ACTION": "ADD",
                     "LIST MEMBER": cell})
    response = world.ask(rows, headers=[
        "References: <a@b>\r\n Bcc: victim@%s <%s@x> (EVIL) <c@d>" % (OTHER, "y" * 900),
        "In-Reply-To: x\r\n Bcc: victim@" + OTHER])
    tap.equal(set(response.results) - {"failed", "created"}, set(), "results")
    tap.equal(len(response.rows()), len(rows), "rows")
    harmless(world, response)
    raws = []
    for identifier in ("<a@b>\r\n Bcc: victim@x", "<a b@c>", "<%s@x>" % ("m" * 1200), "a@b", "<>",
                       "<a@b> <c@d>", "<a\"\\@b>"):
        local = user("ref")
        raw = world.request([forward(world, local)], message_id=identifier, reference=local)
        tap.equal(world.send(raw).code, 250, identifier)
        raws.append(local)
    for local in raws:
        found = world.mailbox(world.admin).wait("Subject", local, 20)
        harmless(world, mail.Response(found))
    tap.equal(world.mailbox(world.other_admin).count(), 0, "mails of the victim")


@tap.test("R4.8 a column's name is no formula either, and no line")
def hostile_names(world):
    batch = Batch(world)
    for name in ("=1+1", "@SUM(1)", "\"x\r\nEVIL: 1\"", "x" * 3000, "\x1b[31mEVIL",
                 "objectClass", "userPassword;lang-de", "2.5.4.3", "uidNumber", "memberOf"):
        head = "DOMAIN|USER|TYPE|ACTION|%s\r\n" % name
        batch.refused("%.20r" % name, "", csv=head + "a|b|c|d|e\r\n")
    cases = batch.cases
    batch.run()
    for case in cases:
        harmless(world, case.response)


# --- mails that are made to harm the parser ---

def bombs(secret):
    """(name, the part or parts beside batchload.csv, as bytes)"""
    def typed(kind, body):
        return b"Content-Type: " + kind + b"\r\n\r\n" + body

    def deep(count):
        head = b"".join(b"--%d\r\nContent-Type: multipart/mixed; boundary=%d\r\n\r\n" % (i, i + 1)
                        for i in range(count))
        return typed(b"multipart/mixed; boundary=0", head + b"--%d\r\n\r\nx\r\n" % count)
    attached = typed(b"message/rfc822", b"To: " + b"g:" * 60000 + b"\r\n\r\nx\r\n")
    folded = b"g:" * 400 + b"\r\n "
    yield "groups 60,000 deep in an attached mail", attached
    yield "the same, folded", typed(b"message/rfc822", b"To: " + folded * 150 + b"\r\n\r\nx\r\n")
    yield "3 MB of empty parts", typed(b"multipart/mixed; boundary=e",
                                       b"--e\r\n\r\n" * 430000 + b"--e--\r\n")
    yield "100,000 parts", typed(b"multipart/mixed; boundary=e",
                                 b"--e\r\nX: y\r\n\r\nx\r\n" * 100000 + b"--e--\r\n")
    yield "100,000 deep", deep(100000)
    yield "1,000 deep and 6 MB of dashes", deep(1000) + b"--\r\n" * 1500000
    yield "5 MB of header in a part", b"X-Long: " + (b"x" * 900 + b"\r\n ") * 5500 + b"\r\n\r\nx"
    yield "100,000 header fields in a part", b"X: y\r\n" * 100000 + b"\r\nx"
    yield "attached mails 5,000 deep", b"Content-Type: message/rfc822\r\n\r\n" * 5000 + b"\r\nx"
    yield "two boundaries", typed(b"multipart/mixed; boundary=a; boundary=b",
                                  b"--a\r\n\r\nx\r\n--a--\r\n--b\r\n\r\ny\r\n--b--\r\n")
    yield "two types", b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx"
    yield "a boundary that never ends", typed(b"multipart/mixed; boundary=n", b"--n\r\n\r\nx\r\n")
    yield "no boundary", typed(b"multipart/mixed", b"x")
    yield "a NUL", b"Content-Type: text/plain\r\n\r\nx\0y"
    yield "message/partial", typed(b'message/partial; id="x"; number=1; total=2', b"x")
    yield "100,000 parameters", b"Content-Type: text/plain" + b";\r\n a=b" * 100000 + b"\r\n\r\nx"
    yield "an encoded word of 1 MB", (b"Subject: " + b"=?UTF-8?Q?=41?=\r\n " * 70000 +
                                      b"\r\n\r\nx")


@tap.test("mails that would crash or exhaust the parser: refused, and the daemon feels nothing")
def harm(world):
    pid = world.milter.pid
    raws = []
    for name, more in bombs(CANARY):
        raw = world.request(parts=[
            mail.text_part("Password: %s\n" % world.passwords[world.admin]),
            mail.attachment(mail.table([forward(world, user("bomb"))])), more])
        begin = time.monotonic()
        tap.equal(world.send(raw).code, 250, name)
        raws.append((name, raw, begin))
    good = world.fence(world.other_admin)
    tap.contains(good.text, "processed ok")
    faults = []
    for name, raw, begin in raws:
        response = world.response(raw, 60)
        reason = response.text.splitlines()[2] if len(response.text.splitlines()) > 2 else ""
        tap.say("%s: %.1f s, %s" % (name, time.monotonic() - begin, reason))
        if not response.subject.endswith(": not processed"):
            faults.append(name + ": " + response.text)
    tap.equal(faults, [], "taken")
    tap.equal((world.milter.pid, world.milter.running()), (pid, True), "the daemon")
    tap.equal(world.slapd.search("(mail=bomb*)"), {}, "entries")


# --- the proof ---

@tap.test("R7.1 R7.2 a refused proof: the same words, after the same pause, whatever is the cause")
def proof(world):
    said = {}

    def ask(name, sender, password):
        raw = world.request([forward(world, user())], sender=sender, password=password)
        begin = time.monotonic()
        tap.equal(world.send(raw, sender).code, 250, name)
        return name, raw, begin
    sent = [ask("wrong", world.admin, "wrong")]
    sent += [ask(each, each, CANARY) for each in UNPROVEN]
    sent.append(ask("a password of 500 bytes", world.admin, "x" * 500))
    sent.append(ask("a password with a line's worth of stars", world.admin, "*" * 70))
    for name, raw, begin in sent:
        response = world.response(raw, address=world.admin)
        took = time.monotonic() - begin
        tap.equal(took >= PAUSE, True, "%s: pause %r" % (name, took))
        seconds = float(re.search(r"Time taken: ([\d.]+) seconds", response.text).group(1))
        tap.equal(PAUSE <= seconds < PAUSE + 5, True, "%s: told %r" % (name, seconds))
        tap.equal(response.subject, "Batchload: not processed", name)
        tap.equal(response.files, {}, name)
        said[name] = re.sub(r"(?m)^(Time taken|Job): .*$", "", response.text)
    tap.equal(len(set(said.values())), 1, "different words: %r" % said)
    tap.contains(said["wrong"], "nothing was changed")
    # Log lines tell the cases apart neither.
    lines = [line for line in world.log_lines("batchload-milter[", "action=refuse")]
    tap.equal(len({line.partition("reason=")[2] for line in lines
                   if "password is not the right" in line}), 1, "reasons in the log")
    # The right password still works at once.
    world.fence()


@tap.test("R7.2 an empty or missing password never reaches the directory: refused while it is away")
def never_tried(world):
    raws = []
    world.slapd.kill()
    try:
        for password in ("", "  ", None):
            raw = world.request([forward(world, user())], password=password)
            sent = world.send(raw)
            tap.equal(sent.code, 250, repr(sent))
            raws.append(raw)
            tap.wait_for(lambda q=sent.queue_id: [
                line for line in lines_of(world, q) if "action=refuse" in line], "the refusal")
            tap.equal([line for line in lines_of(world, sent.queue_id) if "action=wait" in line
                       and "received" in line], [], "waits")
    finally:
        world.slapd.start()
    for raw in raws:
        tap.contains(world.response(raw).words, "The mail has no password.")


# --- handing over ---

@tap.test("R4.10 the MTA refuses the response for good: answer failed, kept, told to the operator")
def refused_for_good(world):
    path = world.postfix.conf + "/master.cf"
    with open(path, encoding="utf-8") as file:
        shipped = file.read()

    def restrict(line):
        with open(path, "w", encoding="utf-8") as file:
            file.write(shipped.replace(
                "    -o smtpd_recipient_restrictions=permit_mynetworks,reject\n", line))
        world.postfix.restart()
    raws = []
    for line in ("    -o smtpd_recipient_restrictions=reject\n",
                 "    -o smtpd_recipient_restrictions=permit_mynetworks,reject\n"
                 "    -o message_size_limit=700\n"):
        restrict(line)
        raw = world.request([forward(world, user())])
        sent = world.send(raw)
        tap.equal(sent.code, 250, "reply")
        raws.append((raw, sent))
        tap.wait_for(lambda q=sent.queue_id: [
            each for each in lines_of(world, q) if "answer failed" in each], "the log line")
    # Put off is not refused: it is handed over when it is taken.
    restrict("    -o smtpd_recipient_restrictions=defer\n")
    later = world.request([forward(world, user())])
    queue_id = world.send(later).queue_id
    tap.wait_for(lambda: [each for each in lines_of(world, queue_id) if "action=wait" in each],
                 "the response to wait")
    restrict("    -o smtpd_recipient_restrictions=permit_mynetworks,reject\n")
    tap.contains(world.response(later).text, "processed ok")
    world.fence()
    states = [str(job) for job in listed(world)]
    tap.equal(len([each for each in states if "answer failed" in each]), 2, "jobs")
    for raw, _ in raws:
        identifier = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()
        tap.equal(world.mailbox(world.admin).count("HEADER", "In-Reply-To", '"%s"' % identifier),
                  0, "answers")


@tap.test("R2.10 our own responses: bounced, sent back, replied to, forwarded: ignored")
def comes_back(world):
    response = world.ask([forward(world, user())], reference="loop")
    raw = response.raw
    head, _, body = raw.partition(b"\r\n\r\n")
    secret = world.passwords[world.admin]

    def changed(**fields):
        lines = re.split(rb"\r\n(?![ \t])", head)
        kept = [line for line in lines
                if line.partition(b":")[0].decode().lower() not in
                [name.replace("_", "-").lower() for name in fields]]
        kept += [("%s: %s" % (name.replace("_", "-"), value)).encode()
                 for name, value in fields.items() if value is not None]
        return b"\r\n".join(kept) + b"\r\n\r\n" + body
    batch = Batch(world)
    batch.ignored("as it is, null sender", "envelope sender is empty", raw=raw, envelope="")
    batch.ignored("as it is", "action=ignore", raw=raw, envelope=world.batch_address)
    batch.ignored("redirected by the administrator", "action=ignore", raw=raw)
    own = dict(From=world.admin, Subject="PROCESS", Password=secret)
    batch.ignored("as if by the administrator", "utomatic", raw=changed(**own))
    batch.ignored("with our Message-ID alone", "our own response",
                  raw=changed(Auto_Submitted=None, **own))
    batch.ignored("a reply", "not PROCESS", extra=["In-Reply-To: " + response.mail["Message-ID"]],
                  subjects=["Subject: Re: " + response.subject])
    batch.ignored("a vacation notice", "utomatic", extra=[
        "In-Reply-To: " + response.mail["Message-ID"], "Auto-Submitted: auto-replied"],
        subjects=["Subject: Auto: " + response.subject])
    before = world.mailbox(world.admin).count("HEADER", "Subject", '"loop"')
    for case in batch.cases[:5]:
        case.key = ("In-Reply-To", "<none@of.these>")
    batch.run()
    tap.equal(world.mailbox(world.admin).count("HEADER", "Subject", '"loop"'), before, "answers")


# --- secrets ---

@tap.test("R4.12 no password, hash, DN or path in any response, any log line, or the spool")
def secrets(world):
    # Errors of every kind, the directory's own words among them.
    row = {"DOMAIN": DOMAIN, "USER": user(), "TYPE": "FULL", "ACTION": "ADD", "PASSWORD": CANARY}
    response = world.ask([
        {**row, "USER": user(), "PHONE": "\u00fc!"}, {**row, "USER": user(), "SIPADDRESS": "\u00fc"},
        {**row, "USER": user(), "PASSWORD": HASH}, {**row, "USER": user(), "PASSWORD": HASH[:40]},
        {**row, "USER": user(), "PASSWORD": "{SASL}" + CANARY},
        {**row, "USER": user(), "PASSWORD": "{SSHA}" + CANARY},
        {**row, "USER": "admin"}, {**row, "DOMAIN": "unknown.example"},
        {**row, "USER": user(), "COUNTRYNAME": "Germany"},
        {**row, "USER": user(), "PASSWORD": CANARY + "x" * 600}, row])
    tap.equal(response.results[-1], "created", response.text)
    world.ask(csv="DOMAIN;USER;PASSWORD;TYPE;ACTION\r\n%s;x;%s;y;FULL;ADD\r\n%s;y;%s;FULL\r\n" % (
        DOMAIN, CANARY, DOMAIN, CANARY))
    for content in ("%s;x;FULL;ADD;%s\r\n" % (DOMAIN, CANARY),
                    "DOMAIN;USER;TYPE;%s\r\n" % CANARY):
        raw = world.request(csv=content)
        world.send(raw)
        tap.contains(world.response(raw).subject, "not processed")
    forbidden = [CANARY, HASH, HASH[:40], "k" * 40, world.passwords[world.admin],
                 world.passwords["robot@" + DOMAIN], world.service_password, world.root_password,
                 world.base, "dc=hoster", "ou=", "cn=", "/tmp/", "/usr/", "/etc/", "/var/",
                 world.milter.spool, "sqlite", "GMime", "libcsv", "errno", "ldap", "LDAP"]
    boxes = [world.mailbox(each) for each in world.passwords]
    count = 0
    for box in boxes:
        for each in box.all():
            found = mail.Response(each).decoded
            # What the harness itself or Dovecot wrote on the way does not count.
            found = b"\n".join(line for line in found.split(b"\n")
                               if not line.startswith((b"Received:", b"\tby ", b"\tfor ")))
            for word in forbidden:
                tap.absent(found, word.encode(), "a response of %s: %s" % (
                    box.address, found.decode(errors="replace")[-3000:]))
            count += 1
    tap.equal(count > 40, True, "responses looked at")
    for word in forbidden[:8]:
        tap.absent(world.log_text(), word, "log")
        world.search_spool(word)
    tap.say("%d responses looked at" % count)


if __name__ == "__main__":
    tap.main(AnswerWorld)
