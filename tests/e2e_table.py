# SPDX-License-Identifier: MIT
"""The mails and files of test-fixtures/hostile, each with what must become of it (the manifest there
says how to read it), through Postfix; then what no file can hold: which questions the directory is
asked meanwhile, and a spool in which somebody has planted something."""

import csv
import io
import os
import re
import shutil
import uuid

import tap
from harness import World, mail, run, which, write
from mailcases import lines_of, listed
from rows import DOMAIN, at, row, versions

FOLDER = os.path.join(os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "test-fixtures", "hostile")
OTHER, CLOSED = "otherdomain.example", "closed.example"
OURS = "mx.hoster.example"
CANARY = "Kanarien-Vogel-%s" % uuid.uuid4().hex[:12]
UNPROVEN = [at(each) for each in ("missing", "disabled", "doubled", "list")] + ["admin@" + CLOSED]
SENDERS = "".join("%s allow\n" % each for each in UNPROVEN) + """
sasl@somedomain.example allow auth=sasl
dkim@somedomain.example allow auth=dkim domain_proof=yes
chief@somedomain.example allow domains=somedomain.example,otherdomain.example
coming@somedomain.example allow
former@somedomain.example discard
st*r@somedomain.example allow
"""
SETTINGS = {
    "batch_addresses": ["batch_load@ibpmail.example", at("batch")], "refusal_pause": 0,
    "lockout_pause": 0, "lockout_after": 1000, "authserv_id": OURS, "authserv_trusted": "yes",
    "login_map": "inline:{ %s=%s, %s=%s }" % (at("sasl"), at("sasl"), at("admin"), at("admin"))}
ROWS = {"created", "changed", "deleted"}  # results of rows that change something


def manifest():
    """[(title, [(file, outcome, words, options)])] of what lies in the folder."""
    sections = []
    with open(os.path.join(FOLDER, "manifest"), encoding="utf-8") as file:
        lines = file.read().split("\n\n", 1)[1].splitlines()
    for line in lines:
        if line.startswith("# "):
            sections.append((line[2:], []))
        elif line:
            name, outcome, words, options = (line.split(" | ") + [""] * 3)[:4]
            sections[-1][1].append((name, outcome, "" if words == "-" else words, dict(
                each.split("=", 1) for each in options.split())))
    return sections


def content(name):
    with open(os.path.join(FOLDER, name), "rb") as file:
        return file.read().replace(b"@CANARY@", CANARY.encode())


class TableWorld(World):
    """Entries and administrators that the fixtures speak of; slapd tells what it is asked."""

    def __init__(self):
        super().__init__(settings=SETTINGS, senders=SENDERS, slapd_tells="stats")
        try:
            self._set_up_postfix()
            self._add_entries()
        except BaseException:
            self.close()
            raise

    def _set_up_postfix(self):
        with open(self.postfix.conf + "/batchload-recipients", encoding="utf-8") as file:
            recipients = file.read()
        checks = self.nursery.path("checks")
        write(checks, "/^Authentication-Results: *%s/ IGNORE\n"
              "/^X-Filter: (.*)$/ REPLACE Authentication-Results: %s; $1\n" % (
                  OURS.replace(".", "\\."), OURS))
        self.postfix.configure(extra="header_checks = regexp:%s\n" % checks)
        # Mail for those who can't get any goes to the first administrator.
        write(self.postfix.conf + "/batchload-recipients", recipients + "".join(
            "%s %s\n" % (each, self.admin) for each in [*UNPROVEN, at("st*r")]), 0o640)
        shutil.chown(self.postfix.conf + "/batchload-recipients", "root", "postfix")
        self.postfix.restart()

    def _add_entries(self):
        for name in ("sasl", "dkim", "chief", "st*r"):
            self.passwords[at(name)] = "the password of " + name
            self.add_account(at(name), self.passwords[at(name)])
        for name in ("missing", "disabled", "doubled", "list"):
            self.passwords[at(name)] = CANARY
        self.passwords["admin@" + CLOSED] = CANARY
        self.add_account(at("disabled"), CANARY, enabled=False)
        self.add_account(at("doubled"), CANARY)
        self.slapd.add("dn: cn=double,%s\nobjectClass: inetOrgPerson\nmail: %s\ncn: double\n"
                       "sn: double\n" % (self.slapd.domain_dn(OTHER), at("doubled")))
        self.slapd.add(self.slapd.domain_ldif(CLOSED) + "batchloadEnabled: FALSE\n")
        self.add_account("admin@" + CLOSED, CANARY)
        self.add_list(at("list"), "x@elsewhere.example")
        self.add_account("theirs@" + OTHER, "theirs")
        self.add_forward(at("astray"), self.batch_address)


# --- one fixture: what is sent, and what must come of it ---

def expected_rows(text):
    """The rows of a table that says itself what becomes of them: [(RESULT, REASON, cells)]."""
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    head = rows[0]
    tap.equal(head[:2], ["RESULT", "REASON"], "headline of the fixture")
    return [(row[0], row[1], dict(zip(head[2:], row[2:]))) for row in rows[1:]]


class Fixture:
    def __init__(self, world, name, outcome, words, options):
        self.name, self.outcome, self.words = name, outcome, words
        self.stem = name.rpartition(".")[0]
        self.options = options
        self.sender = options.get("envelope", world.admin).replace("<>", "")
        self.raw = self._make(world)
        self.id = mail_id(self.raw)
        self.sent = None

    def _make(self, world):
        data = content(self.name)
        if self.name.endswith(".csv"):
            return world.request(csv=data, message_id="<%s@hostile.example>" % self.stem)
        secret = world.passwords.get(self.options.get("envelope", world.admin), "none")
        data = data.replace(b"@ADMIN_PASSWORD@", secret.encode())
        return data.replace(b"\n", b"\r\n")

    def send(self, world):
        login = self.options.get("login")
        self.sent = world.send(self.raw, self.sender, login=login and (
            login, world.passwords[login]))
        tap.equal((self.sent.stage, self.sent.code), ("end", 250), repr(self.sent))

    def response(self, world):
        box = world.mailbox(self.options.get("answer", self.sender))
        key = ("Subject", self.stem) if "by" in self.options else ("In-Reply-To", self.id)
        response = mail.Response(box.wait(*key, 30))
        tap.equal(len(box.find(*key)), 1, "responses")
        return response

    def changes(self):
        """Addresses that may be others than before."""
        if self.outcome in ("ok", "harmless"):
            return {at(self.stem)}
        if self.outcome != "rows":
            return set()
        return {at(cells["USER"].lower()) for result, _, cells in expected_rows(
            content(self.name).decode()) if result in ROWS}

    def check(self, world, boxes):
        if self.outcome == "ignore":
            self._check_ignored(world, boxes)
            return None
        response = self.response(world)
        check_form(world, response)
        if self.outcome == "rows":
            self._check_rows(response)
            return response
        wanted = ": not processed" if self.outcome == "refuse" else ": processed ok"
        tap.contains(response.subject, wanted, response.text)
        tap.contains(response.words, self.words)
        if self.outcome == "refuse":
            tap.contains(response.words, "nothing was changed")
            tap.equal(response.files, {}, "files of a refusal")
        return response

    def _check_ignored(self, world, boxes):
        lines = lines_of(world, self.sent.queue_id)
        tap.equal(len(lines), 1, "log lines %r" % lines)
        for words in ("job=- action=ignore ", self.words):
            tap.contains(lines[0], words, "log")
        for address in boxes:
            tap.equal(world.mailbox(address).count("HEADER", "In-Reply-To", '"%s"' % self.id), 0,
                      "answers to " + address)

    def _check_rows(self, response):
        rows, wrong = response.rows(), []
        expected = expected_rows(content(self.name).decode())
        tap.equal(len(rows), len(expected), "rows: " + response.text)
        for (result, words, cells), got in zip(expected, rows):
            if got["RESULT"] != result or words not in got["REASON"]:
                wrong.append("%r: %s (%s), not %s (%s)" % (
                    cells, got["RESULT"], got["REASON"], result, words))
        tap.equal(wrong, [], "rows that became something else")


def mail_id(raw):
    found = re.search(rb"(?im)^Message-ID: *(<[^>]*>)", raw)
    return found.group(1).decode()


def check_form(world, response):
    """Nothing of the request is a header or a line of its own, and nothing secret is there."""
    names = [name.lower() for name in response.mail.keys()]
    tap.equal(set(names) - mail.RESPONSE_HEADERS, set(), "headers")
    tap.equal([name for name in set(names) - {"received"} if names.count(name) > 1], [],
              "headers given twice")
    for line in re.split(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", response.text):
        tap.equal(line.lstrip().startswith("INJECTED"), False, "a line of its own: " + line)
    for name in ("\x1b", "\0", "\u202e", "\u2066"):
        tap.absent(response.text + response.subject, name, "text")
    for secret in (CANARY, CANARY[8:], "Vogel", *world.passwords.values()):
        tap.absent(response.decoded, secret.encode(), "response")
    for cell in [each for row in response.rows() for each in row.values() if each]:
        tap.equal(cell[0] in "=+@\t\r" or (cell[0] == "-" and len(cell) > 1), False,
                  "a cell that begins a formula: %r" % cell)


# --- the table ---

@tap.table([(title, each) for title, each in manifest()])
def section(world, entries):
    fixtures = [Fixture(world, *each) for each in entries]
    boxes = [each for each in (world.admin, world.other_admin, at("sasl"), at("dkim"), at("chief"))]
    counts = {each: world.mailbox(each).count() for each in boxes}
    before, jobs = versions(world), job_ids(world)
    for fixture in fixtures:
        fixture.send(world)
    world.fence()
    faults, alike, answers = [], {}, 0
    for fixture in fixtures:
        try:
            response = fixture.check(world, boxes)
        except (AssertionError, TimeoutError) as error:
            faults.append("%s: %s" % (fixture.name, error))
            continue
        answers += response is not None
        if response and "same" in fixture.options:
            alike.setdefault(fixture.options["same"], set()).add(
                re.sub(r"(?m)^(Time taken|Job): .*$", "", response.text))
    tap.equal(faults, [], "%d of %d\n%s\n" % (len(faults), len(fixtures), "\n".join(faults)))
    tap.equal({name: len(texts) for name, texts in alike.items()}, {name: 1 for name in alike},
              "different texts %r" % alike)
    after = versions(world)
    changed = {each for each in {**before, **after} if before.get(each) != after.get(each)}
    tap.equal(changed - set().union(*(each.changes() for each in fixtures)), set(),
              "addresses that were changed")
    # One more for the fence.
    tap.equal(sum(world.mailbox(each).count() for each in boxes) - sum(counts.values()),
              answers + 1, "mails in all mailboxes")
    tap.equal(len(job_ids(world) - jobs), answers + 1, "jobs")


def job_ids(world):
    return {job["id"] for job in listed(world)}


# --- what the directory is asked meanwhile ---

class Asked:
    """What slapd tells of the time in which this context lasts."""

    def __init__(self, world):
        self.world = world
        self.lines = []

    def _size(self):
        return os.stat(self.world.slapd.output()).st_size

    def __enter__(self):
        # A login of a mailbox is a bind, too.
        self.world.mailbox(self.world.admin).count()
        self._begin = self._size()
        return self

    def __exit__(self, *_):
        with open(self.world.slapd.output(), "rb") as file:
            file.seek(self._begin)
            self.lines = file.read().decode(errors="replace").splitlines()

    def having(self, *words):
        return [line for line in self.lines if all(word in line for word in words)]


def section_of(words):
    return next(entries for title, entries in manifest() if words in title)


@tap.test("R7.2 no bind is sent for an empty or missing password; one is for a wrong one")
def binds(world):
    for word, count in (("password-missing", 0), ("password-empty", 0), ("password-blank", 0),
                        ("password-empty-header", 0), ("password-wrong", 1)):
        entry = next(each for each in section_of("missing password") if each[0] == word + ".eml")
        fixture = Fixture(world, *entry)
        # The same mail again would be no request.
        fixture.raw = fixture.raw.replace(b"Subject:", b"Received: from x by y; now\r\nSubject:")
        fixture.raw = fixture.raw.replace(b"@hostile.example>", b"@again.example>")
        fixture.id = mail_id(fixture.raw)
        with Asked(world) as asked:
            fixture.send(world)
            fixture.response(world)
        tap.equal(len(asked.having("BIND dn=\"mail=" + world.admin)), count, word)


@tap.test("R3.32 R3.33 nothing of another customer's is looked for in the directory: not for rows of "
          "other domains, nor for members and targets")
def look_ups(world):
    for name, words, result in (("rows-tenant.csv", "is not one that you manage", "failed"),
                                ("rows-external.csv", "", "created")):
        rows = [{**cells, "USER": cells["USER"] + ("2" if result == "created" else "")}
                for got, why, cells in expected_rows(content(name).decode())
                if got == result and words in why]
        tap.equal(len(rows) >= 10, True, name)
        with Asked(world) as asked:
            response = world.ask(rows)
        tap.equal(set(response.results), {result}, response.text)
        tap.equal(asked.having(" SRCH base=") != [], True, "what slapd tells")
        for word in (OTHER, "elsewhere.example", "sub." + DOMAIN, "theirs@"):
            tap.equal(asked.having(" SRCH ", word), [], name)


@tap.test("signs of filters in the address of who asks, in names and members: what slapd gets has them "
          "escaped")
def filters(world):
    with Asked(world) as asked:
        raw = world.request([row("ADD FORWARD fi*lter", MAILFORWARD="x@elsewhere.example"),
                             row("ADD LIST fi*list", LIST_MEMBER="fi*lter"),
                             row("DELETE FORWARD fi*lter")], sender=at("st*r"))
        tap.equal(world.send(raw, at("st*r")).code, 250, "reply")
        # Nobody logs in to Dovecot under such a name.
        response = world.response(raw, address=world.admin)
    tap.equal(response.results, ["created", "created", "deleted"], response.text)
    for name in ("mail=st\\2Ar@", "mail=fi\\2Alter@", "batchloadMember=fi\\2Alter@"):
        tap.equal(asked.having(" SRCH base=", name) != [], True, name)
    for name in ("st*r@", "fi*lter@", "fi*list@"):
        tap.equal(asked.having("filter=", name), [], name)


# --- a spool that somebody else has been at ---

def plant(world, what):
    """Something that must not be there; returns the path to take away, or None."""
    spool, elsewhere = world.milter.spool, world.nursery.path("milter", "elsewhere")
    path = os.path.join(spool, "mail", "20261120-AAAAAA")
    os.makedirs(elsewhere, exist_ok=True)
    shutil.chown(elsewhere, world.milter.user)
    target = os.path.join(elsewhere, "target")
    write(target, "x", 0o600)
    shutil.chown(target, world.milter.user)
    what(spool, path, target)
    return path


def link_folder(spool, _path, target):
    os.rename(spool + "/response", spool + "/was")
    os.symlink(os.path.dirname(target), spool + "/response")


def unlink_folder(spool):
    os.unlink(spool + "/response")
    os.rename(spool + "/was", spool + "/response")


PLANTED = {
    "a link among the mails": (lambda spool, path, target: os.symlink(target, path),
                               lambda spool, path: os.unlink(path), "is a link"),
    "a second name of a file": (lambda spool, path, target: os.link(target, path),
                                lambda spool, path: os.unlink(path), "has a second name"),
    "a folder that is a link": (link_folder, lambda spool, path: unlink_folder(spool),
                                "is a link"),
    "a pipe": (lambda spool, path, target: os.mkfifo(path, 0o600),
               lambda spool, path: os.unlink(path), "is not a plain file"),
    "a file of another user": (lambda spool, path, target: write(path, "x", 0o600),
                               lambda spool, path: os.unlink(path), "belongs to another user"),
    "a spool that others may read": (
        lambda spool, path, target: os.chmod(spool, 0o755),
        lambda spool, path: os.chmod(spool, 0o700), "is open to its group or to others"),
    "a database that others may read": (
        lambda spool, path, target: os.chmod(spool + "/spool.db", 0o644),
        lambda spool, path: os.chmod(spool + "/spool.db", 0o600), "is open to its group or to"),
}


@tap.test("links planted in the spool, a spool readable by others: the daemon refuses to start")
def planted(world):
    world.milter.kill()
    for name, (what, undo, words) in PLANTED.items():
        path = plant(world, what)
        ended = run([world.tree.milter, "-c", world.milter.conf], check=False, seconds=20)
        undo(world.milter.spool, path)
        tap.equal(ended.returncode, 78, "%s: %r" % (name, ended.stderr))
        tap.contains(ended.stderr.decode(), words, name)
        with open(world.nursery.path("milter", "elsewhere", "target"), encoding="ascii") as file:
            tap.equal(file.read(), "x", name + ": what lies elsewhere")
    world.milter.start()
    world.fence()


@tap.test("the programs are built as position-independent, with RELRO, and bound at the start")
def built(world):
    for program in (world.tree.milter, world.tree.command, world.tree.parser):
        told = run([which("readelf"), "-hldW", program]).stdout.decode()
        for words in ("Position-Independent Executable", "GNU_RELRO", "BIND_NOW"):
            tap.contains(told, words, program)


LINE = re.compile(r"\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ (postfix\S*|batchload-milter)\[\d+\]: .")


@tap.test("the log of all this: each line is one that Postfix or the daemon wrote, and no secret")
def log(world):
    lines = world.log_text().split("\n")
    tap.equal([line for line in lines if line and not LINE.match(line)], [], "other lines")
    own = [line for line in lines if "batchload-milter[" in line]
    tap.equal([line for line in own if not line.isprintable()], [], "lines with other characters")
    for secret in (CANARY, CANARY[8:], *world.passwords.values()):
        tap.absent("\n".join(own), secret, "log")
        world.search_spool(secret)
    outcomes = [outcome for _, entries in manifest() for _, outcome, _, _ in entries]
    tap.say("%d mails: %s; %d rows" % (len(outcomes), ", ".join(
        "%d %s" % (outcomes.count(each), each) for each in sorted(set(outcomes))), sum(
            len(expected_rows(content(name).decode())) for _, entries in manifest()
            for name, outcome, _, _ in entries if outcome == "rows")))


if __name__ == "__main__":
    tap.main(TableWorld)
