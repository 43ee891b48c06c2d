# SPDX-License-Identifier: MIT
"""What spreadsheets, mail programs and mail servers do to a request and its response on the way:
encodings and separators, damaged cells, the shapes of mails, and a mail server that takes small
mails only."""

import base64
import binascii
import gzip
import json
import quopri
import random
import re
import smtplib
import subprocess

import tap
from harness import World, mail
from harness.process import Nursery, write
from mailcases import lines_of
from rows import DOMAIN, HEAD, Case, at, check, failed, failures, files, row

WORDS = 'Gr\u00f6\u00dfe; "x", a|b \u20ac'  # with each separator, quotes, and beyond ASCII
RESTRICTIONS = "    -o smtpd_recipient_restrictions=permit_mynetworks,reject\n"


def make_world():
    """With a profile that knows how long a postal code is."""
    nursery = Nursery()
    world = None
    try:
        from harness.milter import Tree
        with open(Tree.from_environment().profile, encoding="utf-8") as file:
            profile = file.read()
        path = nursery.path("digits.conf")
        write(path, profile.replace("# POSTALCODE = 5", "POSTALCODE = 5"), 0o644)
        world = World(nursery=nursery, settings={"profile": path})
        return world
    finally:
        if world is None:
            nursery.close()


def quoted(cells, separator):
    return separator.join('"%s"' % each.replace('"', '""') for each in cells)


def text(user, separator, first="", end="\r\n"):
    """A file of one row, as a spreadsheet writes it."""
    lines = [quoted(HEAD + ["MAILFORWARD", "DESCRIPTION"], separator),
             quoted([DOMAIN, user, "FORWARD", "ADD", "x@elsewhere.example", WORDS], separator), ""]
    return first + end.join(lines)


ENCODINGS = {"UTF-8": "utf-8", "UTF-8 with mark": "utf-8-sig", "UTF-16": "utf-16",
             "UTF-16BE with mark": "utf-16-be", "Windows-1252": "cp1252"}
SEPARATORS = {"semicolon": ";", "comma": ",", "tab": "\t", "bar": "|"}
EXCEL = {
    "Excel's CSV UTF-8": (";", "", "\r\n", "utf-8-sig"),
    "Excel's Unicode Text": ("\t", "", "\r\n", "utf-16"),
    "Excel's CSV": (";", "", "\r\n", "cp1252"),
    "sep=; and CRLF": (";", "sep=;\r\n", "\r\n", "utf-8"),
    "sep=, and LF": (",", "sep=,\n", "\n", "utf-8"),
    "a mark and sep=": ("|", "sep=|\r\n", "\r\n", "utf-8-sig"),
    "UTF-16 and sep=": ("\t", "sep=\t\r\n", "\r\n", "utf-16"),
    "Windows-1252 and sep=": (",", "sep=,\r\n", "\r\n", "cp1252"),
}


def encode(content, encoding):
    if encoding == "utf-16-be":
        content = "\ufeff" + content
    return content.encode(encoding)


@tap.test("R3.2 R3.3 R3.4 each encoding with each separator, and what Excel writes: the same entry")
def encodings(world):
    wanted, users = {}, {}
    for encoding, codec in ENCODINGS.items():
        for name, separator in SEPARATORS.items():
            users["%s, %s" % (encoding, name)] = (separator, "", "\r\n", codec)
    users.update(EXCEL)
    users = {name: ("enc%d" % number, *form) for number, (name, form) in enumerate(users.items())}
    for name, (user, separator, first, end, codec) in users.items():
        wanted[name] = encode(text(user, separator, first, end), codec)
    for name, response in files(world, wanted).items():
        user, codec = users[name][0], users[name][4]
        tap.equal(response.results, ["created"], name + ": " + response.text)
        tap.equal(world.entry(at(user))["description"], [WORDS], name)
        tap.equal(response.rows()[0]["DESCRIPTION"], WORDS, name + ", result.csv")
        tap.equal("Windows-1252" in response.text, codec == "cp1252", name + ": " + response.text)
    tap.equal(len(wanted), 28, "files")


@tap.test("R3.4 R3.56 UTF-16 without its mark, and files that are none: refused, in words that help")
def not_text(world):
    plain = text("enc-none", ";")
    wanted = {
        "UTF-16LE without mark": plain.encode("utf-16-le"),
        "UTF-16BE without mark": plain.encode("utf-16-be"),
        "UTF-32": plain.encode("utf-32"),
        "a mark alone": b"\xef\xbb\xbf",
        "a UTF-16 mark alone": b"\xff\xfe",
        "half a UTF-16 letter": plain.encode("utf-16")[:-1],
        "an Excel workbook": b"PK\x03\x04" + b"\x14\0\x06\0\x08\0" + bytes(range(256)),
        "an old Excel workbook": bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512),
        "sep= alone": b"sep=;\r\n",
        "sep= twice": b"sep=;\r\nsep=;\r\n" + plain.encode(),
        "another sep= than the file's": b"sep=|\r\n" + plain.encode()}
    for name, response in files(world, wanted).items():
        tap.contains(response.subject, ": not processed", name)
        tap.equal("save it there as CSV" in response.words, "workbook" in name, name)
        tap.contains(response.words, "nothing was changed", name)
        tap.say("%s: %s" % (name, response.text.split("\n\n")[1].replace("\n", " ")))
    tap.equal(world.entry(at("enc-none")), None, "entry")


@tap.test("R3.51 R3.52 R3.53 R3.55 damage by spreadsheets: each row by itself, the others are done")
def damage(world):
    full = dict(PASSWORD="Sommer-Regen-42")
    response = check(world, [
        Case(row("ADD FULL whole", **full, POSTALCODE="01067", PHONE="+49 351 49"), "created"),
        failed(row("ADD FULL broken", **full, PHONE="4.9E+11"),
               "PHONE", "turned into the short form of a long number"),
        failed(row("ADD FULL broken", **full, MOBILE="4,9E+11"), "MOBILE", "short form"),
        failed(row("ADD FULL broken", PASSWORD="1.23457E+13"), "PASSWORD", "short form"),
        failed(row("ADD FULL broken", **full, TITLE="#REF!"), "TITLE", "error"),
        failed(row("ADD FULL broken", PASSWORD="#NAME?"), "PASSWORD", "error"),
        failed(row("ADD FULL broken", **full, FAX="########"), "FAX"),
        failed(row("ADD FULL broken", PASSWORD="\u201cSommer-Regen-42\u201d"),
               "PASSWORD", "quotes"),
        failed(row("ADD FULL broken", PASSWORD="\u201eSommer-Regen-42\u201c"),
               "PASSWORD", "quotes"),
        failed(row("ADD FULL broken", **full, POSTALCODE="1067"), "POSTALCODE", "leading zeros"),
        Case(row("ADD FULL other", **full, POSTALCODE="SW1A 2AA", DESCRIPTION="4.9E+11"),
             "created"),
    ], {at("broken"): None})
    tap.equal(failures(response.text)[3]["Field"], "PHONE", "field of line 3")
    tap.absent(response.decoded, b"1.23457", "response")


# --- the shapes of mails ---

def uuencoded(content, name="batchload.csv"):
    lines = ["begin 644 " + name]
    lines += [binascii.b2a_uu(content[at:at + 45], backtick=True).decode().rstrip("\n")
              for at in range(0, len(content), 45)]
    return "\r\n".join(lines + ["`", "end", ""])


def part(head, body):
    return head.encode() + b"\r\n\r\n" + body


def shapes(world, users):
    """{name: the request} of mails that are alike but for their shape; users gives each a row."""
    password = world.passwords[world.admin]
    keys = "Password: %s\r\nBatchload: shape\r\n" % password
    plain = mail.text_part(keys.replace("\r\n", "\n"))

    def table(name):
        users[name] = "shape%d" % len(users)
        return text(users[name], ";").encode()

    def request(name, first, *more, **options):
        return world.request(parts=[first, *(more or [mail.attachment(table(name))])], **options)
    html = "Content-Type: text/html; charset=%s\r\nContent-Transfer-Encoding: %s"
    word = ('<html><head><style>p {margin:0}</style></head><body><p class="MsoNormal">Password:'
            '&nbsp;<span>%s</span><o:p></o:p></p>\r\n<p>Batchload: sh<b>a</b>pe</p>'
            '<p>Gr&uuml;&szlig;e</p></body></html>' % password)
    cells = "<table><tr><td><p>Password:</p></td><td><p>%s</p></td></tr><tr><td>Batchload:</td>" \
            "<td>shape</td></tr></table>" % password
    yield "HTML, quoted-printable", request("HTML, quoted-printable", part(
        html % ("iso-8859-1", "quoted-printable"), quopri.encodestring(word.encode())))
    yield "HTML, a table, base64", request("HTML, a table, base64", part(
        html % ("utf-8", "base64"), base64.encodebytes(cells.encode())))
    yield "UTF-16, base64", request("UTF-16, base64", part(
        "Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64",
        base64.encodebytes(keys.encode("utf-16"))))
    yield "soft line breaks", request("soft line breaks", part(
        "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable",
        keys.replace("word", "wo=\r\nrd").replace("sh", "=\r\nsh").encode()))
    yield "flowed", request("flowed", part(
        "Content-Type: text/plain; format=flowed; delsp=yes",
        keys.replace("shape", "sh \r\nape").encode()))
    yield "header fields", request("header fields", mail.text_part("Hello\n"),
                                   headers=["Password: " + password, "BATCHLOAD: shape"])
    yield "uuencoded in the text", request("uuencoded in the text", mail.text_part(
        keys.replace("\r\n", "\n") + "\n" +
        uuencoded(table("uuencoded in the text")).replace("\r\n", "\n")), b"")
    yield "a uuencoded part", request("a uuencoded part", plain, part(
        'Content-Type: text/csv; name="batchload.csv"\r\nContent-Transfer-Encoding: x-uuencode',
        uuencoded(table("a uuencoded part")).encode()))
    for name, head in {
            "name by RFC 2231": "Content-Disposition: attachment;\r\n filename*0*=utf-8''batch;\r\n"
                                " filename*1*=lo%61d.csv",
            "name by RFC 2047": 'Content-Type: text/csv; name="=?utf-8?B?YmF0Y2hsb2FkLmNzdg==?="',
            "name in capitals": "Content-Type: application/octet-stream; name=BATCHLOAD.CSV\r\n"
                                "Content-Disposition: inline"}.items():
        yield name, request(name, plain, part(head, table(name)))


@tap.test("R2.15-R2.20 R2.24 R2.30 shapes of mails: keywords and file are found in each")
def found(world):
    users = {}
    sent = dict(shapes(world, users))
    for name, raw in sent.items():
        tap.equal(world.send(raw).code, 250, name)
    for name, raw in sent.items():
        response = world.response(raw)
        tap.equal(response.results, ["created"], name + ": " + response.text)
        tap.equal(response.subject, "Batchload shape: processed ok", name)
        tap.equal(world.entry(at(users[name]))["description"], [WORDS], name)
    tap.equal(len(users), 11, "shapes")


@tap.test("R2.19 R2.21 R2.29 R2.30 shapes of mails that are refused: what happened, and what to do")
def refused(world):
    keys = "Password: %s\n" % world.passwords[world.admin]
    csv = text("shape-none", ";").encode()
    whole = uuencoded(csv).replace("\r\n", "\n")
    cases = {
        "winmail.dat": ([mail.text_part(keys), mail.attachment(
            b"x\x9f>\"", "winmail.dat", "application/ms-tnef")], "winmail.dat", "plain text"),
        "without its end": ([mail.text_part(keys + whole.replace("end\n", ""))], "uuencoded"),
        "cut off": ([mail.text_part(keys + whole[:100])], "uuencoded", "to a new mail"),
        "in the text and attached": ([mail.text_part(keys + whole), mail.attachment(csv)],
                                     "More than one file named batchload.csv"),
        "in an attached mail": ([mail.text_part(keys), part(
            "Content-Type: message/rfc822", b"Subject: x\r\n\r\n" + whole.encode())],
            "No file named batchload.csv"),
        "with a path": ([mail.text_part(keys), mail.attachment(csv, "C:\\\\batchload.csv")],
                        "No file named batchload.csv"),
        "two passwords": ([mail.text_part(keys + "Password: another\n"), mail.attachment(csv)],
                          "Password: stands in the mail twice")}
    sent = {name: world.request(parts=parts) for name, (parts, *_) in cases.items()}
    for name, raw in sent.items():
        tap.equal(world.send(raw).code, 250, name)
    for name, raw in sent.items():
        response = world.response(raw)
        tap.contains(response.subject, "not processed", name)
        for words in cases[name][1:]:
            tap.contains(response.words, words, name)
        tap.absent(response.decoded, world.passwords[world.admin].encode(), name)
    tap.equal(world.entry(at("shape-none")), None, "entry")


# --- a mail server that takes small mails only ---

class Port:
    """The port that takes responses, with other lines for a while."""

    def __init__(self, world, line, main=""):
        self.world = world
        self.path = world.postfix.conf + "/master.cf"
        self.main = world.postfix.conf + "/main.cf"
        with open(self.path, encoding="utf-8") as file:
            self.shipped = file.read()
        with open(self.main, encoding="utf-8") as file:
            self.shipped_main = file.read()
        self._write(line, main)

    def _write(self, line, main):
        tap.contains(self.shipped, RESTRICTIONS, "master.cf")
        write(self.path, self.shipped.replace(RESTRICTIONS, line), 0o644)
        write(self.main, self.shipped_main + main, 0o644)
        self.world.postfix.restart()
        # One that is ending may still have been the one that listened.
        for port in (self.world.postfix.port, self.world.postfix.response_port):
            tap.wait_for(lambda p=port: self._answers(p), "Postfix to answer")

    def _answers(self, port):
        try:
            with self.world.postfix.client(port) as client:
                return client.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._write(RESTRICTIONS, "")


def wide(name, rows, bad, letters=1000, chars=None):
    """Rows with much to say, the last bad ones of another's domain. chars: by chance, so that it can
    hardly be compressed."""
    chance = random.Random(name)
    return [row("ADD FORWARD %s%d@%s" % (name, number,
                                         DOMAIN if number < rows - bad else "elsewhere.example"),
                MAILFORWARD="x@elsewhere.example",
                DESCRIPTION="".join(chance.choices(chars, k=letters)) if chars else "x" * letters)
            for number in range(rows)]


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def unpacked(response, name):
    rows = mail.Response(response.raw)
    rows.files = {name: gzip.decompress(response.files[name + ".gz"])}
    return rows.rows(name)


@tap.test("R4.9 a small message_size_limit, told by EHLO alone: compressed, then left out")
def announced(world):
    def ask(rows):
        raw = world.request(rows)
        queue_id = world.send(raw).queue_id
        response = world.response(raw)
        tap.equal(len(response.raw) <= 60000, True, "size %d" % len(response.raw))
        logged = [line for line in lines_of(world, queue_id) if 'action="send smaller"' in line]
        tap.equal(len(logged), 1, "log lines")
        tap.equal([line for line in lines_of(world, queue_id) if "without attachments" in line],
                  [], "log lines")
        return response
    with Port(world, RESTRICTIONS + "    -o message_size_limit=60000\n"):
        response = ask(wide("packed", 100, 2))
        tap.equal(sorted(response.files), ["batchload.csv.gz", "result.csv.gz"], "files")
        tap.contains(response.words, "The attachments are compressed")
        tap.equal([each["RESULT"] for each in unpacked(response, "result.csv")],
                  ["created"] * 98 + ["failed"] * 2, "RESULT")

        response = ask(wide("failed", 100, 2, chars=LETTERS))
        tap.equal(sorted(response.files), ["batchload.csv.gz"], "files")
        tap.contains(response.words, "2 of 100 rows failed")
        tap.contains(response.words, "result.csv is left out, since this mail would be too large")
        tap.contains(response.words, "Every row that is not in batchload.csv.gz was done.")
        again = unpacked(response, "batchload.csv")
        tap.equal([each["RESULT"] for each in again], ["failed"] * 2, "RESULT")
        # What is told to be done about the failed rows works.
        response = world.ask(csv=gzip.decompress(response.files["batchload.csv.gz"]).decode(
            "utf-8-sig").replace("elsewhere.example;failed", DOMAIN + ";failed"))
        tap.equal(response.results, ["created"] * 2, response.text)

        response = ask(wide("text", 80, 0, chars=LETTERS))
        tap.equal(response.files, {}, "files")
        tap.contains(response.text, "processed ok\n")
        tap.contains(response.words, "Every row was done.")

        # So many failed rows that not even they go into the mail: those that do are told.
        response = ask(wide("most", 300, 300, chars=LETTERS))
        tap.equal(response.files, {}, "files")
        told = failures(response.text)
        tap.equal(10 < len(told) < 299, True, "failures told: %d" % len(told))
        tap.contains(response.words, "%d more failed rows are not told here" % (300 - len(told)))
    tap.equal(world.ask(wide("back", 100, 1)).rows()[0]["RESULT"], "created", "as ever")


@tap.test("R4.10 refused for its attachments: once more without them, and what was done is told")
def without(world):
    path = world.nursery.path("no-tables")
    write(path, "/name=.?result\\.csv/ REJECT no such files\n", 0o644)
    rule = "mime_header_checks = regexp:%s\n" % path
    with Port(world, RESTRICTIONS, rule):
        raw = world.request([*wide("without", 3, 1)])
        queue_id = world.send(raw).queue_id
        response = world.response(raw)
        tap.equal(response.files, {}, "files")
        tap.contains(response.words, "1 of 3 rows failed")
        tap.contains(response.words, "Every row that is not told above was done.")
        logged = [line for line in lines_of(world, queue_id) if "without attachments" in line]
        tap.equal(len(logged), 1, "log lines")
        tap.contains(logged[0], "no such files")
    tap.equal(world.mailbox(world.admin).count(
        "HEADER", "In-Reply-To", '"%s"' % response.mail["In-Reply-To"]), 1, "answers")


def command(world, *words, code=0):
    result = subprocess.run([world.tree.command, "-c", world.milter.conf, *words], text=True,
                            capture_output=True, timeout=100, check=False)
    tap.equal(result.returncode, code, "%r: %s%s" % (words, result.stdout, result.stderr))
    return result.stdout


@tap.test("R4.10 refused whatever it is: answer failed, seen by queue and show; retry hands it over")
def answer_failed(world):
    with Port(world, "    -o smtpd_recipient_restrictions=reject\n"):
        raw = world.request([*wide("kept", 3, 1)], reference="kept")
        queue_id = world.send(raw).queue_id
        told = tap.wait_for(lambda: [line for line in lines_of(world, queue_id)
                                     if "answer failed" in line], "the log line")
        lines = lines_of(world, queue_id)
        job = re.search(r"job=(\S+)", told[0]).group(1)
        tap.contains(command(world, "queue"), "answer failed")
        shown = json.loads(command(world, "show", "-j", job))
        tap.equal(shown["state"], "answer failed", "state")
        tap.contains(command(world, "show", job), "answer failed")
        tap.equal(len([line for line in lines if "without attachments" in line]), 1, "log lines")
        # Still refused: it stays, and is not lost.
        command(world, "retry", job)
        tap.wait_for(lambda: len([line for line in lines_of(world, queue_id)
                                  if 'action="answer failed"' in line]) == 2, "the second refusal")
        tap.equal(json.loads(command(world, "show", "-j", job))["state"], "answer failed", "state")
    command(world, "retry", job)
    response = world.response(raw)
    tap.contains(response.subject, "Batchload kept: processed, 1 of 3 rows failed")
    tap.contains(response.words, "Every row that is not told above was done.")
    tap.wait_for(lambda: json.loads(command(world, "show", "-j", job))["state"] == "done", "done")
    command(world, "retry", job, code=1)
    world.fence()
    tap.equal(world.mailbox(world.admin).count(
        "HEADER", "In-Reply-To", '"%s"' % response.mail["In-Reply-To"]), 1, "answers")


if __name__ == "__main__":
    tap.main(make_world)
