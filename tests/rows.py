# SPDX-License-Identifier: MIT
"""Rows in a table with what must come of each: RESULT, the sentence, the entry. Many are sent in one
request. BATCHLOAD_SENTENCES=1 prints each sentence that an administrator got to read."""

import os
import re

import tap

DOMAIN = "somedomain.example"
UNICODE, ASCII = "b\u00fccher.example", "xn--bcher-kva.example"
SECRET = "Sommer-Regen-42"
HEAD = ["DOMAIN", "USER", "TYPE", "ACTION"]
SENTENCES = set()


def at(user, domain=DOMAIN):
    return "%s@%s" % (user, domain)


def row(what, **cells):
    """row("ADD FULL ann", PASSWORD="x"): a row of DOMAIN, or of the domain behind an @."""
    action, kind, user = what.split(" ", 2)
    user, _, domain = user.partition("@")
    return {"DOMAIN": domain or DOMAIN, "USER": user, "TYPE": kind, "ACTION": action,
            **{name.replace("_", " "): value for name, value in cells.items()}}


class Case:
    """A row and what must come of it. words: all must stand in REASON."""

    def __init__(self, cells, result, *words):
        self.row = row(cells) if isinstance(cells, str) else cells
        self.result = result
        self.words = words

    def address(self):
        domain = self.row["DOMAIN"].lower()
        return "%s@%s" % (self.row["USER"].lower(), ASCII if domain == UNICODE else domain)


def failed(cells, *words):
    return Case(cells, "failed", *words)


def unchanged(cells, *words):
    return Case(cells, "unchanged", *words)


def versions(world):
    """{address: version} of all that bears one."""
    found = world.slapd.search("(mail=*)", "ou=domains," + world.base,
                               attributes=("mail", "entryCSN"))
    return {value.lower(): entry["entrycsn"][0]
            for entry in found.values() for value in entry["mail"]}


FAILURE = re.compile(r"^Line (\d+)(?:: (.*))?\n((?:  .*\n)+)", re.M)


def failures(text):
    """{line: {"Field": …, "Value": …, "Reason": …, "To do": …}} of a response's text."""
    return {int(line): dict((part.strip() for part in each.split(":", 1))
                            for each in re.sub(r"\n {10}", " ", details).splitlines())
            for line, _, details in FAILURE.findall(text)}


# What nobody should have to know who only wants mailboxes. The directory's own words may follow in
# parentheses.
JARGON = re.compile(r"\b(LDAP|DN|RDN|object ?class|attributes?|syntax|schema|entry|entries|slapd|"
                    r"uid|null|mail=|ou=|dc=)", re.I)


def check_words(response):
    """What each failed row is told: the same in the text and in result.csv, in plain words."""
    told = failures(response.text)
    rows = response.rows()
    tap.equal(len(told), min(200, sum(each["RESULT"] == "failed" for each in rows)),
              "failures in the text")
    reasons = [each["REASON"] for each in rows if each["RESULT"] == "failed"]
    for (line, told_row), reason in zip(sorted(told.items()), reasons):
        what = "line %d: " % line
        tap.equal(told_row["Reason"][-1:] in (".", "?", ")"), True, what + told_row["Reason"])
        tap.equal(told_row.get("To do", "")[-1:], ".", what + "To do of: " + told_row["Reason"])
        tap.contains(reason, told_row["Reason"] + " " + told_row["To do"], what + "REASON")
        if "Field" in told_row:
            tap.contains(reason, told_row["Field"], what + "REASON")
        ours = re.sub(r"\([^()]*\)", "", told_row["Reason"])
        ours = ours.replace(told_row.get("Value", "\0"), "")
        found = JARGON.search(ours + told_row["To do"])
        tap.equal(found and found.group(), None, what + "jargon in: " + ours)
    SENTENCES.update(each["REASON"] for each in rows if each["REASON"])


def compare(cases, rows):
    """What differs between the rows of result.csv and what must be, as lines."""
    for number, (case, got) in enumerate(zip(cases, rows), 1):
        what = "row %d, %s" % (number, " ".join(map(str, case.row.values())))
        if got["RESULT"] != case.result:
            yield "%s: %s, not %s (%s)" % (what, got["RESULT"], case.result, got["REASON"])
        for words in case.words:
            if words not in got["REASON"]:
                yield "%s: %r is not in %r" % (what, words, got["REASON"])
        if case.result in ("created", "changed", "deleted") and got["REASON"]:
            yield "%s: a reason: %s" % (what, got["REASON"])
        if case.result in ("failed", "unchanged") and not case.words:
            yield "%s: the test names no words" % what


def check(world, cases, entries=None, **options):
    """Sends the rows of cases in one request. Those that fail or change nothing must leave their
    address as it was. entries: {address: {attribute: values} or None} as it must be after."""
    before = versions(world)
    response = world.ask([case.row for case in cases], **options)
    after = versions(world)
    rows = response.rows()
    tap.equal(len(rows), len(cases), "rows of result.csv, " + response.text)
    wrong = list(compare(cases, rows))
    touched = {case.address() for case in cases if case.result not in ("failed", "unchanged")}
    for case in cases:
        if case.address() not in touched and before.get(case.address()) != after.get(
                case.address()):
            wrong.append("%s was changed by a row that must not" % case.address())
    for address, wanted in (entries or {}).items():
        entry = world.entry(address)
        if wanted is None or entry is None:
            if wanted != entry:
                wrong.append("entry %s: %r" % (address, entry))
            continue
        for name, values in wanted.items():
            if sorted(entry.get(name.lower(), [])) != sorted(values):
                wrong.append("%s, %s: %r" % (address, name, entry.get(name.lower())))
    tap.equal(wrong, [], "differences")
    check_words(response)
    for secret in (SECRET, world.passwords[options.get("sender") or world.admin]):
        tap.absent(response.decoded, secret.encode(), "response")
    bad = [row for row in rows if row["RESULT"] == "failed"]
    tap.equal(len(response.rows("batchload.csv")), len(bad), "rows of batchload.csv")
    return response


def files(world, wanted, **options):
    """Sends several files, {name: content}; then waits for all: {name: Response}."""
    requests = {name: world.request(csv=content, **options) for name, content in wanted.items()}
    for name, raw in requests.items():
        tap.equal(world.send(raw, options.get("sender")).code, 250, name)
    return {name: world.response(raw) for name, raw in requests.items()}


def alike(text):
    """Without what differs from run to run."""
    text = re.sub(r"(?m)^Time taken: .*$", "Time taken", text)
    return re.sub(r"\b\d{8}-[0-9A-Z]{6}\b", "JOB", text).strip()


def print_sentences():
    if os.environ.get("BATCHLOAD_SENTENCES"):
        tap.say("\n".join(sorted(SENTENCES)))
