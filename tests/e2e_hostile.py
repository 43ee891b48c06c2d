# SPDX-License-Identifier: MIT
"""Mail that was made to crash, exhaust or fool: all of it is sent to one daemon, which answers the
good request behind it and is still the same process."""

import base64
import os
import re
import time

import tap
from harness import (MemoryPeak, World, attachment, message_id, message_id_of, multipart,
                     run, text_part, write)
from harness.flood import burst, held
from rows import DOMAIN, at, failures, row

EVIL = "evil"  # local part of what must never come to be
GOOD_HEAD = "DOMAIN;USER;TYPE;ACTION;MAILFORWARD\r\n"
GOOD_CSV = GOOD_HEAD + "%s;%s;FORWARD;ADD;x@elsewhere.example\r\n" % (DOMAIN, EVIL)
CSV_PART = attachment(GOOD_CSV)


def words(world):
    return text_part("Password: %s\n" % world.passwords[world.admin])


def mail(world, *parts, **options):
    """A request with these parts behind its text."""
    return world.request(parts=[words(world), *parts], **options)


def rfc822(head, body=b"hello\r\n"):
    return b"Content-Type: message/rfc822\r\n\r\n" + head + b"\r\n" + body


def own_type(world, line, body=b"", headers=()):
    """A mail whose own Content-Type is line."""
    head = ["From: " + world.admin, "To: " + world.batch_address, "Subject: PROCESS",
            "Message-ID: " + message_id(), "MIME-Version: 1.0", *headers, line]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def two_parts(world, boundary):
    mark = b"--" + boundary.encode()
    return b"\r\n".join([mark, words(world), mark, CSV_PART, mark + b"--", b""])


def nest(depth, inner):
    """depth multiparts in each other."""
    begin = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n)
                     for n in range(depth))
    end = b"".join(b"\r\n--%d--\r\n" % n for n in reversed(range(depth)))
    return begin + inner + end


def named(*lines):
    """The file under other parameters."""
    return ("\r\n".join(lines) + "\r\n\r\n" + GOOD_CSV).encode()


def table(text):
    return lambda world: world.request(csv=text)


def rows_of(text):
    return table(GOOD_CSV + text)


def html(text):
    return lambda world: world.request(parts=[text_part(text, "text/html; charset=utf-8"),
                                              CSV_PART])


TOO_MUCH_HEADER = "limit header_bytes_max"
# What no mail may make of the daemon and of a parser (its own limit), in kB.
DAEMON_KB_MAX, PARSER_KB_MAX = 128 * 1024, 512 * 1024

# What is refused: the name, the mail, words that the response must have.
REFUSED = {
    "groups 60,000 deep in an attached mail": (
        lambda w: mail(w, CSV_PART, rfc822(b"To: " + b"g:" * 60000 + b"\r\n")), TOO_MUCH_HEADER),
    "a header of 3 MB in a part": (
        lambda w: mail(w, CSV_PART, b"X-Long: " + b"y" * 3000000 + b"\r\n\r\nx"), TOO_MUCH_HEADER),
    "10,000 pieces of a file name": (
        lambda w: mail(w, CSV_PART, named("Content-Disposition: attachment;" + ";".join(
            "\r\n filename*%d=a" % n for n in range(10000)))), TOO_MUCH_HEADER),
    "3 MB of empty parts": (
        lambda w: own_type(w, "Content-Type: multipart/mixed; boundary=b", b"--b\r\n\r\n" * 400000),
        "limit mime_parts_max"),
    "100,000 parts": (
        lambda w: own_type(w, "Content-Type: multipart/mixed; boundary=b",
                           b"--b\r\n\r\nx\r\n" * 100000 + b"--b--\r\n"), "limit mime_parts_max"),
    "MIME 100,000 deep": (lambda w: mail(w, CSV_PART, nest(100000, b"\r\nx")),
                          "limit mime_depth_max"),
    "attached mails 10,000 deep": (
        lambda w: mail(w, CSV_PART, b"Content-Type: message/rfc822\r\n\r\n" * 10000 + b"\r\nx"),
        "limit mime_depth_max"),
    "endless headers": (
        lambda w: own_type(w, "Content-Type: multipart/mixed; boundary=b", two_parts(w, "b"),
                           ["X-%d: %s" % (n, "y" * 90) for n in range(20000)]), TOO_MUCH_HEADER),
    "a part of nothing but headers": (
        lambda w: mail(w, CSV_PART, b"".join(b"X-%d: y\r\n" % n for n in range(50000))),
        TOO_MUCH_HEADER),
    "two boundaries": (
        lambda w: own_type(w, "Content-Type: multipart/mixed; boundary=a; boundary=b",
                           two_parts(w, "a")), "says something else about itself twice"),
    "two Content-Types": (
        lambda w: own_type(w, "Content-Type: multipart/mixed; boundary=a\r\n"
                           "Content-Type: multipart/mixed; boundary=b", two_parts(w, "b")),
        "a header line is damaged, or stands there twice"),
    "two transfer encodings": (
        lambda w: mail(w, attachment(GOOD_CSV, headers=["Content-Transfer-Encoding: 8bit"])),
        "a header line is damaged, or stands there twice"),
    "a multipart without boundary": (
        lambda w: own_type(w, "Content-Type: multipart/mixed", two_parts(w, "b")),
        "the borders between its parts"),
    "message/partial": (
        lambda w: own_type(w, 'Content-Type: message/partial; id="x"; number=1; total=2',
                           two_parts(w, "b")), "message/partial"),
    "truncated": (
        lambda w: mail(w, CSV_PART).rpartition(b"\r\n--")[0], "its end is missing"),
    "truncated in its header": (
        lambda w: own_type(w, "Content-Type: multipart/mixed; boundary=b", b"--b\r\nContent-Ty"),
        "can't be read"),
    "a NUL in the text": (
        lambda w: mail(w, CSV_PART, b"\r\na\0b"), "contains a NUL byte"),
    "two files": (lambda w: mail(w, CSV_PART, CSV_PART), "More than one file named"),
    "two files, one name encoded": (
        lambda w: mail(w, CSV_PART, named(
            "Content-Type: text/csv", "Content-Disposition: attachment;"
            " filename*=utf-8''%62atchload.csv")), "More than one file named"),
    "a file name twice": (
        lambda w: mail(w, named("Content-Type: text/csv", "Content-Disposition: attachment;"
                                ' filename="batchload.csv"; filename="other.csv"')),
        "a part of it has two names"),
    "a file name and another in Content-Type": (
        lambda w: mail(w, named('Content-Type: text/csv; name="other.csv"',
                                'Content-Disposition: attachment; filename="batchload.csv"')),
        "a part of it has two names"),
    "filename beside filename*0": (
        lambda w: mail(w, named("Content-Type: text/csv", 'Content-Disposition: attachment;'
                                ' filename="batchload.csv"; filename*0="batch";'
                                ' filename*1="load.csv"')), "a part of it has two names"),
    "a path in the name": (
        lambda w: mail(w, attachment(GOOD_CSV, "../batchload.csv")), "No file named batchload.csv"),
    "a Windows path in the name": (
        lambda w: mail(w, attachment(GOOD_CSV, "C:\\\\batchload.csv")),
        "No file named batchload.csv"),
    "the file in an attached mail": (
        lambda w: mail(w, rfc822(b"Subject: x\r\nMIME-Version: 1.0\r\n" + nest(1, CSV_PART), b"")),
        "No file named batchload.csv"),
    "60,000 tags": (html("<b " * 20000), "The mail has no password"),
    "20,000 nested tags": (html("<div>" * 20000), "The mail has no password"),
    "a password of 100 kB": (
        lambda w: w.request(parts=[text_part("Password: " + "x" * 100000 + "\n"), CSV_PART]),
        "too long to be a password"),
    "a reference of 100 kB": (
        lambda w: w.request(parts=[words(w) + b"Batchload: " + b"x" * 30000 + b"\r\n", CSV_PART]),
        "is longer than 200 bytes"),
    # The file, read to its end before its first row is applied.
    "a field of 8 MB": (
        rows_of("%s;%s2;FORWARD;ADD;%s\r\n" % (DOMAIN, EVIL, "x" * 8000000)),
        "limit field_bytes_max"),
    "a million columns": (table(";".join(GOOD_HEAD.strip().split(";") + ["x"] * 1000000) + "\r\n"),
                          "the limit of a headline"),
    "a row of a million fields": (rows_of(";" * 1000000 + "x\r\n"), "limit columns_max"),
    "an open quote over 5 MB": (rows_of('%s;"%s' % (DOMAIN, "x\r\n" * 1700000)),
                                "limit field_bytes_max"),
    "a file of NULs": (rows_of("\0" * 100000), "holds a NUL byte"),
    "a headline of quotes": (table('"' * 60000 + "\r\n"), "batchload.csv"),
    "other people's attributes": (
        table(GOOD_CSV.replace("MAILFORWARD", "MAILFORWARD;uidNumber").replace("example\r\n",
                                                                              "example;0\r\n")),
        "Unknown column uidNumber"),
    "an option of an attribute": (
        table(GOOD_CSV.replace("MAILFORWARD", "MAILFORWARD;TITLE,lang-en")), "Unknown column"),
}


def forward_part(user):
    return attachment(GOOD_CSV.replace(EVIL, user))


# What does no harm, and whose request is carried out.
HARMLESS = {
    "groups 20,000 deep in an attached mail": lambda w, user: mail(
        w, forward_part(user), rfc822(b"To: " + b"g:" * 20000 + b"\r\n")),
    "comments 20,000 deep in an attached mail": lambda w, user: mail(
        w, forward_part(user), rfc822(b"To: " + b"(" * 20000 + b"\r\n")),
    "encoded words in an attached mail": lambda w, user: mail(
        w, forward_part(user), rfc822(b"Subject: " + b"=?utf-8?q?=00?= " * 3000 + b"\r\n")),
    "a transfer encoding and a character set that do not exist": lambda w, user: mail(
        w, forward_part(user), b'Content-Type: text/plain; charset="%n%s"\r\n'
        b"Content-Transfer-Encoding: x-bomb\r\n\r\n\xff\xfe"),
    "500 kB of nothing": lambda w, user: mail(w, forward_part(user), b"\r\n" + b"\r\n" * 250000),
    "200,000 lines like borders": lambda w, user: mail(
        w, forward_part(user), b"\r\n" + b"--\r\n--x\r\n" * 100000),
}


def bounded(peak):
    tap.equal((peak.daemon < DAEMON_KB_MAX, peak.child < PARSER_KB_MAX), (True, True),
              "memory: daemon %d kB, parser %d kB" % (peak.daemon, peak.child))


def lives(world, pid):
    """The next request is answered, by the same process."""
    world.fence()
    tap.equal((world.milter.running(), world.milter.pid), (True, pid), "the daemon")


@tap.test("R2.23 R2.25 R3.12 mails and files made to crash or exhaust: each is refused with its "
          "sentence, the daemon lives, the next request is answered")
def refused(world):
    pid = world.milter.pid
    with MemoryPeak(world.milter) as peak:
        begin = time.monotonic()
        requests = {name: make(world) for name, (make, _) in REFUSED.items()}
        harmless = {name: make(world, "harmless%d" % n)
                    for n, (name, make) in enumerate(HARMLESS.items())}
        for name, raw in {**requests, **harmless}.items():
            sent = world.send(raw)
            tap.equal(sent.code, 250, name + ": " + repr(sent))
        lives(world, pid)
        wrong = []
        for name, raw in requests.items():
            response = world.response(raw, 30)
            text = response.words
            if ": not processed" not in response.subject or REFUSED[name][1] not in text:
                wrong.append("%s: %s, not %s" % (name, text[:200], REFUSED[name][1]))
            tap.absent(response.decoded, world.passwords[world.admin].encode(), name)
        for name, raw in harmless.items():
            response = world.response(raw, 30)
            tap.contains(response.subject, "processed ok", name + ": " + response.text)
    tap.equal(wrong, [], "other answers")
    tap.equal(world.entry(at(EVIL)), None, "what no mail may make")
    bounded(peak)
    tap.say("%d hostile mails in %.1f s; peak of the daemon %d kB, of a parser %d kB" % (
        len(requests), time.monotonic() - begin, peak.daemon, peak.child))


# With limits that let them come so far; beyond them the mail is too large at once.
HUGE = {
    "a field of 100 MB": (lambda: GOOD_CSV + "%s;%s2;FORWARD;ADD;%s\r\n" % (
        DOMAIN, EVIL, "x" * 100000000), "limit field_bytes_max"),
    "an open quote over 100 MB": (lambda: GOOD_CSV + '%s;"%s' % (DOMAIN, "x\r\n" * 33000000),
                                  "limit field_bytes_max"),
    "100 MB of separators": (lambda: GOOD_CSV + ";" * 100000000, "limit columns_max"),
    "a headline of 100 MB": (lambda: GOOD_HEAD.strip() + ";x" * 50000000 + "\r\n",
                             "the limit of a headline"),
    "100 MB of blank lines": (lambda: GOOD_HEAD + "\r\n" * 50000000, None),
}


def huge(world):
    world.postfix.configure(extra="message_size_limit = 0\n")
    world.postfix.restart()
    world.milter.configure({"limits.message_bytes_max": "200M",
                            "limits.attachment_bytes_max": "150M"})
    world.milter.restart()
    pid = world.milter.pid
    with MemoryPeak(world.milter) as peak:
        for name, (make, words) in HUGE.items():
            begin = time.monotonic()
            raw = mail(world, attachment(make(), encoding="8bit"))
            tap.equal(world.send(raw).code, 250, name)
            text = world.response(raw, 100).words
            tap.contains(text, words or "processed ok", name)
            tap.say("%s: %.1f s" % (name, time.monotonic() - begin))
        lives(world, pid)
    tap.equal(world.entry(at(EVIL)), None, "what no mail may make")
    bounded(peak)
    tap.say("peak of the daemon %d kB, of a parser %d kB" % (peak.daemon, peak.child))
    world.postfix.configure()
    world.postfix.restart()
    world.milter.configure(SETTINGS)
    world.milter.restart()


if os.environ.get("BATCHLOAD_ALL"):
    tap.test("R2.25 R3.12 files of 100 MB: refused by their limit, in bounded memory", 600)(huge)

# What leaves no job and no answer: headers and words of the log's line.
IGNORED = {
    "a NUL in From": (lambda w: {"headers": ["From: evil@evil.example\0, " + w.admin]},
                       "no grant"),
    "groups in From": (lambda w: {"headers": ["From: " + "g:" * 900 + w.admin + ";" * 900]},
                       "reason="),
    "From of 100 kB": (lambda w: {"headers": ["From: " + "(x" * 45000 + " " + w.admin]}, "reason="),
    "a line break in From": (
        lambda w: {"headers": ["From: =?utf-8?q?x=0D=0AFrom:_?= <%s>, evil@evil.example" % w.admin]},
        "reason="),
    "a Subject of 100 kB": (
        lambda w: {"headers": ["From: " + w.admin, "Subject: " + "=?utf-8?q?PROCESS?= " * 4000]},
        "the subject is not PROCESS"),
}


@tap.test("R2.6 R2.9 R2.13 headers made to crash or fool the filter: one log line each, no answer")
def ignored(world):
    pid = world.milter.pid
    before = world.mailbox(world.admin).count()
    sent_mails = {}
    for name, (make, reason) in IGNORED.items():
        headers = make(world)["headers"]
        if not any(each.startswith("Subject") for each in headers):
            headers.append("Subject: PROCESS")
        raw = multipart(headers + ["To: " + world.batch_address, "Message-ID: " + message_id()],
                        [words(world), CSV_PART])
        sent = world.send(raw)
        tap.equal(sent.code, 250, name + ": " + repr(sent))
        sent_mails[name] = (sent.queue_id, reason)
    lives(world, pid)
    for name, (queue_id, reason) in sent_mails.items():
        lines = world.log_lines("batchload-milter[%d]: %s:" % (pid, queue_id))
        tap.equal(len(lines), 1, name + ": lines of the log: %r" % lines)
        tap.contains(lines[0], "action=ignore", name)
        tap.contains(lines[0], reason, name)
    # The fence's answer alone.
    tap.equal(world.mailbox(world.admin).count(), before + 1, "mails for the administrator")
    tap.equal(world.postfix.queue(), [], "queue")


INJECTED = "x\r\nBcc: victim@%s\r\n\r\nprocessed ok" % DOMAIN


@tap.test("R4.11 lines in reference, Message-ID and cells become neither headers nor lines")
def injected(world):
    encoded = "=?utf-8?b?%s?=" % base64.b64encode(INJECTED.encode()).decode()
    identifier = message_id()
    raw = world.request([row("ADD FORWARD inject", MAILFORWARD="x@elsewhere.example",
                             DESCRIPTION="a\r\nFrom: b\r\n.\r\nc"),
                         row("ADD LIST other", TITLE="a\r\nBcc: c")],
                        headers=["Batchload: " + encoded,
                                 "References: <a@b>\r\n\t<c@d>\r\n Bcc: victim@" + DOMAIN],
                        message_id=identifier)
    tap.equal(world.send(raw).code, 250, "reply")
    response = world.response(raw)
    names = [name.lower() for name in response.mail.keys()]
    tap.equal(len(names), len(set(names) - {"received"}) + names.count("received"),
              "headers given twice: %r" % names)
    tap.absent(names, "bcc")
    tap.contains(response.subject, "Bcc: victim", "the reference in one line")
    tap.equal(response.text.count("\nBcc:"), 0, "lines of the text")
    tap.equal(response.results, ["created", "failed"], "results: " + response.text)
    tap.contains(failures(response.text)[6]["Field"], "TITLE")
    for line in world.log_lines("victim"):
        tap.contains(line, "batchload-milter[" if "action=" in line else "postfix/", "log")


# Characters that mean something to LDAP, to a shell, to a spreadsheet or to printf.
LITERAL = ["*", "j*", "a=b", "#x", "a+b", "$x", "`id`", "a|b", "a&b", "%s%n",
           "a'b", "{x}", "~root", "a/b", "!x", "?"]
NO_ADDRESS = ["$(id)", "a/../b", "a)(mail=*", "a\\2a", "a,b", 'a"b', "a<b", "a>b", "a;b", "a b", "a@b", "a(b", "a\tb",
              "a\r\nb", "\u00e4", ".a", "a.", "x" * 65, "-oQ", "--"]
VALUES = ["*", ")(uid=*", "\\2a", "a,b+c=d", '"x"', "<x>", "a;b", "# x", "$(id)", "%n%s", "-x",
          "=1+1", "@x", "{SASL}x", "\u202e\u00e4\u2028"]


@tap.test("characters that mean something to LDAP or a shell are literal in names and values")
def literal(world):
    world.add_forward("a@" + DOMAIN, "x@elsewhere.example")
    good = LITERAL
    rows = [row("ADD FORWARD " + each, MAILFORWARD="-oq/tmp@elsewhere.example") for each in good]
    rows += [{**row("ADD FORWARD x", MAILFORWARD="x@elsewhere.example"), "USER": each}
             for each in NO_ADDRESS]
    rows += [row("ADD FORWARD value%d" % n, MAILFORWARD="x@elsewhere.example", DESCRIPTION=each)
             for n, each in enumerate(VALUES)]
    response = world.ask(rows)
    results = response.results
    wrong = [(each["USER"], result) for each, result in zip(rows, results) if (
        result != ("failed" if each["USER"] in NO_ADDRESS else "created"))]
    tap.equal(wrong, [], "results: " + response.text)
    # By a search for all, since a search for one would have to escape, too.
    found = {entry["mail"][0]: entry for entry in world.slapd.search(
        "(objectClass=batchloadForward)", base=world.slapd.domain_dn(DOMAIN)).values()}
    for each in good:
        tap.equal(found[at(each.lower())]["batchloadtarget"], ["-oq/tmp@elsewhere.example"], each)
    for n, each in enumerate(VALUES):
        # One ' that stands before a sign of formulas is not the value's.
        tap.equal(found[at("value%d" % n)]["description"], [each], each)
    rows = [row("DELETE FORWARD " + each) for each in good[1:]]
    rows.append(row("DELETE FORWARD *"))
    response = world.ask(rows)
    tap.equal(set(response.results), {"deleted"}, "results: " + response.text)
    tap.equal(world.entry(at("a"))["mail"], [at("a")], "an entry that * would have met")


DASH = "-oqx@" + DOMAIN


@tap.test("R3.60 an administrator whose address begins with - is one like others")
def dash(world):
    # Postfix takes such addresses only where it is told to.
    world.postfix.configure(extra="allow_min_user = yes\n")
    world.postfix.restart()
    world.passwords[DASH] = "Strich-Punkt-7"
    world.add_account(DASH, world.passwords[DASH])
    tap.contains(world.ask([row("ADD FORWARD dashed", MAILFORWARD=DASH)], sender=DASH).text,
                 "processed ok")
    tap.equal(world.entry(at("dashed"))["batchloadtarget"], [DASH], "target")
    world.add_forward("-old@" + DOMAIN, "x@elsewhere.example")
    response = world.ask([row("MODIFY FORWARD -old", MAILFORWARD="-oq/tmp@elsewhere.example"),
                          row("ADD FORWARD -new", MAILFORWARD="x@elsewhere.example")])
    tap.equal(response.results, ["changed", "failed"], "results: " + response.text)
    tap.contains(response.words, "begins with a hyphen")
    tap.equal(world.entry("-old@" + DOMAIN)["batchloadtarget"], ["-oq/tmp@elsewhere.example"],
              "a target that begins with -")
    tap.equal(world.entry("-new@" + DOMAIN), None, "the new one")
    tap.equal(world.ask([row("DELETE FORWARD -old")]).results, ["deleted"], "results")


def found_in_mail(world, identifier):
    """The files below all mailboxes that hold this."""
    found = []
    for folder, _, names in os.walk(world.dovecot.mail_root):
        if os.path.basename(folder) not in ("new", "cur"):
            continue
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                if identifier.encode() in file.read():
                    found.append(os.path.join(folder, name))
    return found


@tap.test("R2.27 the daemon stopped: 451, and a mail that slips past stays in the queue; "
          "both are delivered to nobody")
def stopped(world):
    tap.equal(world.milter.stop(), 0, "status")
    deferred_id = message_id()
    raw = world.request([forward("stopped")], message_id=deferred_id)
    sent = world.send(raw)
    tap.equal(sent.code, 451, repr(sent))
    tap.equal(world.send(raw, recipients=[world.batch_address, world.other_admin]).code, 451,
              "with another recipient")
    # The port of responses has no filter.
    past = world.request([forward("stopped")])
    sent = world.send(past, recipients=[world.batch_address, world.other_admin],
                      port=world.postfix.response_port)
    tap.equal(sent.code, 250, repr(sent))
    identifier = message_id_of(past)
    world.mailbox(world.other_admin).wait("Message-ID", identifier)

    def deferred(queue):
        return [each for mails in queue if mails["queue_name"] == "deferred"
                for each in mails["recipients"] if each["address"] == world.batch_address]
    waiting = world.wait_queue(deferred, "the batch mail to be put off")
    tap.contains(waiting[0]["delay_reason"], "The batch service is not available now")
    world.milter.start()
    world.fence()
    tap.equal(len(found_in_mail(world, identifier)), 1, "the other recipient's copy")
    tap.equal(found_in_mail(world, deferred_id), [], "mail that got 451")
    tap.equal(len(world.wait_queue(deferred, "the batch mail")), 1, "the queue")
    tap.equal(world.entry(at("stopped")), None, "entry")
    for each in world.postfix.queue():
        world.postfix.remove(each["queue_id"])


def jobs(world):
    """Unfinished jobs, as the command tells."""
    return run([world.tree.command, "-c", world.milter.conf, "queue", "-j"]).stdout.splitlines()


def finished(world):
    """Jobs in the order in which they were answered."""
    return [line.partition("job=")[2].split()[0] for line in world.log_lines("action=done")]


def job_of(response):
    return next(line.split()[1] for line in response.text.splitlines() if line.startswith("Job: "))


@tap.test("R7.1 guessed passwords hold up neither the real administrator nor anybody else")
def guessed(world):
    begin = len(finished(world))
    with held(world, {"lockout_pause": 0}):
        tap.equal(jobs(world), [], "jobs")
        guesses = [world.request([forward("guess")], password="guess %d" % n) for n in range(30)]
        burst(world, guesses, world.admin, "127.0.0.2")
        real = [world.request([forward("real%d" % n)]) for n in range(2)]
        burst(world, real[:1], world.admin, "127.0.0.3")
        burst(world, real[1:], world.admin, "127.0.0.4")
    answered = [job_of(world.response(raw)) for raw in real]
    tap.wait_for(lambda: len(finished(world)) >= begin + 32, "the guesses' answers", 50)
    order = finished(world)[begin:]
    tap.equal([order.index(each) < 2 for each in answered], [True, True],
              "the real ones among the answers: %r" % [order.index(each) for each in answered])
    tap.equal(world.entry(at("guess")), None, "entry")
    words = {re.sub(r"(Job|Time taken): .*", "", world.response(raw).text) for raw in guesses}
    tap.equal(len(words), 1, "different answers: %r" % words)


@tap.test("R5.2 R7.4 a flood of one administrator holds up no other")
def flood(world):
    begin = len(finished(world))
    mails = [world.request([forward("flood%d" % n)]) for n in range(300)]
    with held(world):
        burst(world, mails, world.admin, "127.0.0.2")
        single = world.request([forward("single", world.other_domain)], sender=world.other_admin)
        burst(world, [single], world.other_admin, "127.0.0.3")
        same = world.request([forward("same")], sender=DASH)
        burst(world, [same], DASH, "127.0.0.2")
    job = job_of(world.response(single))
    same_job = job_of(world.response(same))
    order = finished(world)[begin:]
    tap.equal(len(jobs(world)) > 0, True, "the flood goes on")
    tap.say("of 300 requests %d were answered before the other's, and %d before the one of a third "
            "who sends by the same client" % (order.index(job), order.index(same_job)))
    tap.equal(order.index(job) < 30, True, "requests before the other's: %d" % order.index(job))
    tap.equal(order.index(same_job) < 30, True, "before the third's: %d" % order.index(same_job))


def forward(user, domain=DOMAIN):
    return {"DOMAIN": domain, "USER": user, "TYPE": "FORWARD", "ACTION": "ADD",
            "MAILFORWARD": "x@elsewhere.example"}


# On a busy machine the guesses alone take longer than the usual pause.
SETTINGS = {"refusal_pause": "8s"}

if __name__ == "__main__":
    # What a sanitizer keeps of freed memory is not the daemon's.
    os.environ["ASAN_OPTIONS"] = ":".join([
        *filter(None, [os.environ.get("ASAN_OPTIONS")]),
        "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"])
    tap.main(lambda: World(senders=DASH + " allow\n", settings=SETTINGS))
