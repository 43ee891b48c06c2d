# SPDX-License-Identifier: MIT
"""Many mails at once: each is sent, then all are looked at. What must not happen is shown by a
fence: a good request that came later and is answered."""

import json
import subprocess

import tap
from harness import mail

_count = [0]


def user(prefix="c"):
    """A local part that no other mail uses."""
    _count[0] += 1
    return "%s%04d" % (prefix, _count[0])


def forward(world, local, domain=None, target=None):
    return {"DOMAIN": domain or world.domain, "USER": local, "TYPE": "FORWARD", "ACTION": "ADD",
            "MAILFORWARD": target or world.admin}


def part(head, data=b""):
    """A MIME part of header lines and a body, both as they are."""
    return ("\r\n".join(head) + "\r\n\r\n").encode("utf-8", "surrogateescape") + data


def nested(parts, depth, boundary="deep"):
    """One part that holds parts inside multiparts, depth deep."""
    data = b""
    for each in parts:
        data += b"--%s0\r\n%s\r\n" % (boundary.encode(), each)
    data += b"--%s0--\r\n" % boundary.encode()
    inner = part(['Content-Type: multipart/mixed; boundary="%s0"' % boundary], data)
    for level in range(1, depth):
        name = "%s%d" % (boundary, level)
        inner = part(['Content-Type: multipart/mixed; boundary="%s"' % name],
                     b"--%s\r\n%s\r\n--%s--\r\n" % (name.encode(), inner, name.encode()))
    return inner


# Arguments of RCPT that are the batch address all the same, with options.
ODD_RECIPIENTS = (
    ("<batch_load@ibpmail.example>", "NOTIFY=SUCCESS,FAILURE,DELAY",
     "ORCPT=rfc822;batch_load@ibpmail.example"),
    ("<Batch_Load@IBPMAIL.example>", "NOTIFY=NEVER"),
    ('<"batch_load"@ibpmail.example>',), ('<"batch\\_load"@ibpmail.example>',),
    ("<@relay.example:batch_load@ibpmail.example>",),
    ("batch_load@ibpmail.example",), (" <batch_load@ibpmail.example>",),
    ("<batch_load@ibpmail.example> ",),
    ("<second_load@ibpmail.example>", "ORCPT=rfc822;x@elsewhere.example"))


def send_odd(world, other, argument, *options):
    """A request to another and to the batch address in this form; returns it."""
    raw = world.request([forward(world, user("odd"))])
    with world.postfix.client() as client:
        client.ehlo()
        client.mail(world.admin, ["RET=HDRS", "ENVID=x+3Dy"])
        client.rcpt(other)
        code, text = client.docmd("RCPT", "TO:" + " ".join((argument, *options)))
        tap.equal(code, 250, "%s: %r" % (argument, text))
        tap.equal(client.data(raw)[0], 250, argument)
    return raw


def both_got(world, other, raws):
    """Each was answered, and the other recipient has it, too."""
    for argument, raw in raws:
        tap.contains(world.response(raw, 20).text, "processed ok", argument)
        identifier = raw.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode()
        world.mailbox(other).wait("Message-ID", identifier, 20)


class Case:
    """One mail and what must become of it: "ok", "refused", "ignored", "rejected" (with words)."""

    def __init__(self, name, kind, words, raw, sender, recipients, login, answer_to, local, key,
                 by_hand):
        self.name = name
        self.kind = kind
        self.words = [words] if isinstance(words, str) else list(words)
        self.raw = raw
        self.sender = sender
        self.recipients = recipients
        self.login = login
        self.answer_to = answer_to
        self.local = local
        self.key = key  # (header, value) by which the response is found
        self.by_hand = by_hand
        self.sent = None
        self.response = None

    def queue_id(self, world):
        if self.sent is not None:
            return self.sent.queue_id
        return world.wait_log("message-id=%s" % self.key[1])[0].split(": ")[1]


class Batch:
    def __init__(self, world):
        self.world = world
        self.cases = []

    def ok(self, name, **options):
        return self._add(name, "ok", (), **options)

    def refused(self, name, words, **options):
        return self._add(name, "refused", words, **options)

    def ignored(self, name, words, **options):
        return self._add(name, "ignored", words, **options)

    def rejected(self, name, words, **options):
        return self._add(name, "rejected", words, **options)

    def _add(self, name, kind, words, sender=None, envelope=None, froms=None, subjects=None,
             extra=(), body=None, password=True, keywords=(), parts=None, rows=None, csv=None,
             reference=True, recipients=None, login=None, message_id=True, date=True,
             answer_to=None, raw=None, by_hand=False, domain=None, whole=None):
        """parts and whole may be functions of the table's text (and the text part)."""
        world = self.world
        sender = sender or world.admin
        local = user()
        key = mail.message_id() if message_id is True else message_id
        lines = list(froms) if froms is not None else ["From: " + sender]
        lines += ["To: " + world.batch_address]
        lines += ["Subject: PROCESS"] if subjects is None else list(subjects)
        if date:
            lines.append("Date: Tue, 01 Jul 2025 10:00:00 +0200")
        if key:
            lines.append("Message-ID: " + key)
        lines += list(extra)
        if body is None:
            password = world.passwords.get(sender, "none") if password is True else password
            body = "" if password is None else "Password: %s\n" % password
            if reference:
                body += "Batchload: %s\n" % (local if reference is True else reference)
            body += "".join(each + "\n" for each in keywords)
        content = csv if csv is not None else mail.table(
            rows if rows is not None else [forward(world, local, domain)])
        if callable(parts):
            parts = parts(content)
        if parts is None:
            parts = [mail.attachment(content)]
        if raw is None and whole is not None:
            raw = whole("\r\n".join(lines), content)
        if raw is None:
            raw = mail.multipart(lines, [mail.text_part(body)] + parts)
        case = Case(name, kind, words, raw, sender if envelope is None else envelope,
                    recipients or [world.batch_address], login, answer_to or sender, local,
                    ("In-Reply-To", key) if key else ("Subject", local), by_hand)
        self.cases.append(case)
        return case

    def run(self):
        for case in self.cases:
            self._send(case)
        self.world.fence()
        faults = []
        jobs = listed(self.world)
        for case in self.cases:
            try:
                getattr(self, "_check_" + case.kind)(case, jobs)
            except (AssertionError, TimeoutError) as error:
                faults.append("%s: %s" % (case.name, error))
        if faults:
            raise AssertionError("%d of %d mails:\n%s" % (
                len(faults), len(self.cases), "\n".join(faults)))

    def _send(self, case):
        if case.by_hand:
            self.world.postfix.sendmail(case.raw, case.sender, *case.recipients)
            # The filter has seen it when the queue's pickup is done with it.
            case.queue_id(self.world)
            return
        case.sent = self.world.send(case.raw, case.sender, case.recipients, case.login)

    def _taken(self, case):
        if case.sent is not None:
            tap.equal(case.sent.code, 250, repr(case.sent))

    def _answer(self, case, subject):
        self._taken(case)
        box = self.world.mailbox(case.answer_to)
        case.response = mail.Response(box.wait(*case.key, 20))
        tap.equal(len(box.find(*case.key)), 1, "responses")
        tap.contains(case.response.subject, subject, case.response.text)

    def _check_ok(self, case, _jobs):
        self._answer(case, ": processed ok")
        tap.equal(set(case.response.results), {"created"}, "results")

    def _check_refused(self, case, _jobs):
        self._answer(case, ": not processed")
        for word in case.words:
            tap.contains(case.response.words, word)
        tap.contains(case.response.words, "nothing was changed")
        self._nothing(case)

    def _nothing(self, case):
        tap.equal(self.world.entry("%s@%s" % (case.local, self.world.domain)), None, "entry")

    def _check_ignored(self, case, jobs):
        self._taken(case)
        queue_id = case.queue_id(self.world)
        lines = lines_of(self.world, queue_id)
        tap.equal(len(lines), 1, "log lines %r" % lines)
        tap.contains(lines[0], "job=- ", "log")
        for word in case.words:
            tap.contains(lines[0], word, "log")
        self._silence(case, queue_id, jobs)

    def _check_rejected(self, case, jobs):
        tap.equal((case.sent.stage, case.sent.code), ("end", 550), repr(case.sent))
        for word in case.words:
            tap.contains(case.sent.text, word, "reply")
        self._silence(case, None, jobs)

    def _silence(self, case, queue_id, jobs):
        for job in jobs:
            if queue_id:
                tap.absent(json.dumps(job), queue_id, "jobs")
        for address in self.world.passwords:
            box = self.world.mailbox(address)
            tap.equal(box.count("HEADER", case.key[0], '"%s"' % case.key[1]), 0,
                      "answers to " + address)
        self._nothing(case)


def lines_of(world, queue_id):
    """The daemon's lines about a mail."""
    return world.log_lines("batchload-milter[", "]: %s: " % queue_id)


def listed(world):
    """The jobs as the command tells them."""
    result = subprocess.run([world.tree.command, "-c", world.milter.conf, "queue", "-a",
                             "-j"], capture_output=True, timeout=60, check=True)
    return [json.loads(line) for line in result.stdout.splitlines()]
