# SPDX-License-Identifier: MIT
"""Requests as an administrator sends them, with all kinds of oddities; responses taken apart."""

import base64
import csv
import email
import email.policy
import email.utils
import imaplib
import io
import re
import smtplib
import time
import uuid

CRLF = "\r\n"
# What may stand at the top of a response as it lies in the mailbox.
RESPONSE_HEADERS = {
    "return-path", "delivered-to", "received", "from", "to", "subject", "date", "message-id",
    "in-reply-to", "references", "auto-submitted", "mime-version", "content-type",
    "content-transfer-encoding"}


def message_id(domain="client.example"):
    return "<%s@%s>" % (uuid.uuid4().hex, domain)


def table(rows, head=None, separator=";", end="\r\n"):
    """CSV text of rows (dictionaries, or lists where head is given)."""
    if head is None:
        head = []
        for row in rows:
            head += [name for name in row if name not in head]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    writer.writerow(head)
    for row in rows:
        writer.writerow([row.get(name, "") for name in head] if isinstance(row, dict) else row)
    return out.getvalue()


def attachment(content, name="batchload.csv", type="text/csv; charset=utf-8",
               disposition="attachment", encoding="base64", headers=()):
    """One MIME part as bytes, without its boundary."""
    data = content if isinstance(content, bytes) else content.encode()
    lines = ["Content-Type: " + type]
    if disposition:
        lines.append('Content-Disposition: %s%s' % (
            disposition, '; filename="%s"' % name if name else ""))
    lines += list(headers)
    if encoding:
        lines.append("Content-Transfer-Encoding: " + encoding)
    head = (CRLF.join(lines) + CRLF + CRLF).encode()
    if encoding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return head + data


def text_part(text, type="text/plain; charset=utf-8"):
    return ("Content-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s" % (
        type, text.replace("\n", CRLF))).encode()


def multipart(headers, parts, subtype="mixed", preamble=b""):
    """A whole mail: header lines (text), parts (bytes)."""
    boundary = "=_" + uuid.uuid4().hex
    out = CRLF.join(list(headers) + [
        "MIME-Version: 1.0",
        'Content-Type: multipart/%s; boundary="%s"' % (subtype, boundary)])
    data = out.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + preamble
    for part in parts:
        data += b"--" + boundary.encode() + b"\r\n" + part + b"\r\n"
    return data + b"--" + boundary.encode() + b"--\r\n"


class Sent:
    """How a hand-over by SMTP ended."""

    def __init__(self, code, text, recipients, stage):
        self.code = code
        self.text = text
        self.recipients = recipients  # {address: (code, text)}
        self.stage = stage  # "mail", "rcpt", "data", "end"

    @property
    def queue_id(self):
        """As Postfix says it, or Sendmail."""
        found = re.search(r" queued as (\S+)|^2\.0\.0 (\S+) Message accepted", self.text)
        return (found.group(1) or found.group(2)) if found else ""

    def __repr__(self):
        return "%s: %d %s %r" % (self.stage, self.code, self.text, self.recipients)


def send(port, raw, sender, recipients, login=None, host="127.0.0.1"):
    """One mail by SMTP, bytes as they are; never raises for a refusal."""
    answers = {}
    with smtplib.SMTP(host, port, local_hostname="client.example", timeout=120) as client:
        client.ehlo()
        if login:
            client.login(*login)
        code, text = client.mail(sender)
        if code != 250:
            return Sent(code, text.decode(errors="replace"), answers, "mail")
        for recipient in recipients:
            code, text = client.rcpt(recipient)
            answers[recipient] = (code, text.decode(errors="replace"))
        if not any(code in (250, 251) for code, _ in answers.values()):
            return Sent(code, text.decode(errors="replace"), answers, "rcpt")
        try:
            code, text = client.data(raw)
        except smtplib.SMTPDataError as error:
            return Sent(error.smtp_code, error.smtp_error.decode(errors="replace"), answers,
                        "data")
        return Sent(code, text.decode(errors="replace"), answers, "end")


class Mailbox:
    """One account's INBOX over IMAP."""

    def __init__(self, port, address, password, host="127.0.0.1"):
        self._make = lambda: self._login(host, port, address, password)
        self.address = address
        self.imap = self._make()

    @staticmethod
    def _login(host, port, address, password):
        imap = imaplib.IMAP4(host, port, timeout=60)
        try:
            if password.isascii():
                imap.login(address, password)
            else:
                # LOGIN takes ASCII only.
                secret = ("\0%s\0%s" % (address, password)).encode()
                imap.authenticate("PLAIN", lambda _: secret)
            imap.select("INBOX", readonly=True)
        except BaseException:
            imap.shutdown()
            raise
        return imap

    def reconnect(self):
        self.close()
        self.imap = self._make()

    def _search(self, *criteria):
        try:
            self.imap.noop()
            return self.imap.search(None, *criteria)[1][0].split()
        except (imaplib.IMAP4.abort, OSError):
            self.reconnect()
            return self.imap.search(None, *criteria)[1][0].split()

    def _fetch(self, number):
        return self.imap.fetch(number, "(BODY.PEEK[])")[1][0][1]

    def all(self):
        """Every mail, as bytes."""
        return [self._fetch(number) for number in self._search("ALL")]

    def count(self, *criteria):
        return len(self._search(*(criteria or ("ALL",))))

    def find(self, header, value):
        return [self._fetch(number)
                for number in self._search("HEADER", header, '"%s"' % value)]

    def wait(self, header, value, seconds=120):
        """The first mail whose header contains value; asked for until it is there, bounded."""
        end = time.monotonic() + seconds
        pause = 0.01
        while True:
            found = self._search("HEADER", header, '"%s"' % value)
            if found:
                return self._fetch(found[0])
            if time.monotonic() > end:
                raise TimeoutError("no mail with %s: %s for %s within %d s" % (
                    header, value, self.address, seconds))
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def close(self):
        try:
            self.imap.shutdown()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Response:
    """A response mail, taken apart."""

    def __init__(self, raw):
        self.raw = raw
        self.mail = email.message_from_bytes(raw, policy=email.policy.default)
        self.subject = str(self.mail["Subject"] or "")
        self.files = {}
        self.text = ""
        for part in self.mail.walk():
            if part.is_multipart():
                continue
            name = part.get_filename()
            data = part.get_payload(decode=True) or b""
            if name:
                self.files[name] = data
            elif part.get_content_type() == "text/plain" and not self.text:
                self.text = data.decode("utf-8").replace("\r\n", "\n")

    def rows(self, name="result.csv"):
        """Rows of an attached table as dictionaries; [] where it is not there."""
        if name not in self.files:
            return []
        text = self.files[name].decode("utf-8-sig")
        first = text.partition("\n")[0]
        separator = max(";,\t|", key=first.count)
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))

    @property
    def words(self):
        """The text on one line, for sentences wherever they are broken."""
        return " ".join(self.text.split())

    @property
    def results(self):
        """RESULT of each row of result.csv, in order."""
        return [row["RESULT"] for row in self.rows()]

    @property
    def decoded(self):
        """Everything a reader could see, every part decoded: for searches."""
        out = [self.raw]
        out += [str(value).encode("utf-8", "replace") for _, value in self.mail.items()]
        for part in self.mail.walk():
            if not part.is_multipart():
                out.append(part.get_payload(decode=True) or b"")
        return b"\n".join(out)
