# SPDX-License-Identifier: MIT
"""A running daemon takes up what changed: by SIGUSR1 the configuration and all it names, by itself
the sender table; its log may be moved away, and its supervisor is told how things stand."""

import collections
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid

import tap
from harness import World, mail, wait_for
from harness.big import jobs, wide_rows
from harness.process import run, which, write

TICKS = 3  # of the daemon's look around, once a second, that a fence waits for
TAKEN = "the configuration and its tables were taken up"
TABLE_TAKEN = "the changed sender table was taken up"
KEPT = "nothing was taken up, the settings and tables in use stay"
TABLE_KEPT = "the changed sender table was not taken up, the one in use stays"


class Supervisor:
    """Hears what a daemon tells systemd."""

    def __init__(self):
        self.name = "@batchload-reload-" + uuid.uuid4().hex
        self.messages = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.name[1:])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            self.messages.append(self._socket.recv(4096).decode().splitlines())

    def states(self):
        """First lines, without the signs of life."""
        return [each[0] for each in list(self.messages) if each[0] != "WATCHDOG=1"]

    def ticks(self):
        return sum(each[0] == "WATCHDOG=1" for each in list(self.messages))

    def wait_ticks(self, count=TICKS):
        before = self.ticks()
        wait_for(lambda: self.ticks() >= before + count, "the daemon to look around")


class ReloadWorld(World):
    """With a supervisor for the daemon alone: the servers beside it would talk to it, too."""

    def __init__(self):
        self.supervisor = Supervisor()
        self.grants = {}
        super().__init__()
        command = self.milter.command()
        self.milter.command = lambda: [
            "/usr/bin/env", "NOTIFY_SOCKET=" + self.supervisor.name, "WATCHDOG_USEC=60000000",
            *command]
        self.calm_down(self.milter.restart)

    def grant_lines(self):
        return "".join("%s %s\n" % pair for pair in self.grants.items())

    def told(self, act, seconds=60):
        """What the one line says that the daemon logs about a reload after act()."""
        before = len(self.told_lines())
        act()
        lines = wait_for(lambda: self.told_lines()[before:], "a word about the reload", seconds)
        tap.equal(len(lines), 1, "lines: %r" % lines)
        return lines[0].partition("reload: ")[2]

    def told_lines(self):
        with open(self.milter.log, encoding="utf-8", errors="replace") as file:
            return [line for line in file.read().splitlines()
                    if "batchload-milter[" in line and "reload: " in line]

    def reload(self, settings=None):
        """Writes the configuration with these settings, sends SIGUSR1, returns what is told."""
        self.milter.configure(settings)
        return self.told(self.milter.reload)

    def change_table(self, text=None):
        """Writes the sender table and returns what is told of it, without any signal."""
        return self.told(lambda: self.milter.write_senders(
            self.grant_lines() if text is None else text))

    def calm_down(self, act=None):
        """As each test finds it."""
        self.grants = {self.admin: "allow", self.other_admin: "allow"}
        self.milter.write_senders(self.grant_lines())
        self.milter.configure()
        if act:
            act()
            return
        before = len(self.told_lines())
        self.milter.reload()
        wait_for(lambda: [line for line in self.told_lines()[before:] if TAKEN in line],
                 "a reload")


def forward(domain, user, action="ADD"):
    return {"DOMAIN": domain, "USER": user, "TYPE": "FORWARD", "ACTION": action,
            "MAILFORWARD": "x@elsewhere.example" if action == "ADD" else ""}


def two(world, sender=None):
    """A request of two rows that leaves nothing."""
    domain = (sender or world.admin).partition("@")[2]
    return [forward(domain, "two"), forward(domain, "two", "DELETE")]


def newcomer(world):
    """An account that may not ask."""
    address = "new%s@%s" % (uuid.uuid4().hex[:6], world.domain)
    world.passwords[address] = secrets.token_urlsafe(12)
    world.add_account(address, world.passwords[address])
    return address


def ignored(world, sender):
    """A mail of sender is dropped for want of a grant."""
    sent = world.send(world.request(two(world), sender=sender, password="none"), sender)
    tap.equal(sent.code, 250, repr(sent))
    world.wait_log(sent.queue_id + ": job=- action=ignore", "the sender has no grant")


def served(world, sender):
    response = world.ask(two(world, sender), sender=sender)
    tap.contains(response.text, "processed ok")


def limited(world, limit):
    """Whether requests of two rows meet limits.rows_max = 1."""
    text = world.ask(two(world)).text
    (tap.contains if limit else tap.absent)(text, "rows_max")
    (tap.absent if limit else tap.contains)(text, "processed ok")


# --- what is taken up ---

@tap.test("R2.32 a changed sender table is taken up without a signal: added and removed lines")
def table_changed(world):
    address = newcomer(world)
    ignored(world, address)
    world.grants[address] = "allow"
    tap.contains(world.change_table(), TABLE_TAKEN)
    served(world, address)
    del world.grants[address]
    # By rename, as an editor does it.
    text = world.grant_lines()
    write(world.milter.senders + ".new", text)
    tap.contains(world.told(lambda: os.rename(world.milter.senders + ".new",
                                              world.milter.senders)), TABLE_TAKEN)
    ignored(world, address)
    served(world, world.admin)


@tap.test("R2.32 SIGUSR1 takes up changed settings")
def settings_changed(world):
    limited(world, False)
    tap.contains(world.reload({"limits.rows_max": 1}), TAKEN)
    limited(world, True)
    tap.contains(world.reload(), TAKEN)
    limited(world, False)


@tap.test("R2.31 R2.32 SIGUSR1 takes up a list of tables; policy -q says the same")
def other_tables(world):
    stranger, extra, member = newcomer(world), newcomer(world), newcomer(world)
    world.grants[extra] = "discard"
    world.milter.write_senders(world.grant_lines())
    settings = {"sender_table": "inline:{ %s=allow, { %s = allow domains=%s rows=2 } } "
                                "texthash:%s, static:{ reject Ask your postmaster, please. }" % (
                                    world.admin, member, world.domain, world.milter.senders)}
    tap.contains(world.reload(settings), TAKEN)
    tap.equal(world.milter.check(), (0, ""), "batchload-milter -t")
    served(world, world.admin)
    served(world, world.other_admin)
    response = world.ask(two(world) + [forward(world.domain, "three")], sender=member)
    tap.contains(response.text, "2 rows")
    sent = world.send(world.request(two(world), sender=stranger, password="none"), stranger)
    tap.equal((sent.code, sent.text.partition(" ")[2]), (550, "Ask your postmaster, please."),
              repr(sent))
    sent = world.send(world.request(two(world), sender=extra), extra)
    tap.equal(sent.code, 250, repr(sent))
    world.wait_log(sent.queue_id + ": job=- action=discard")
    path = world.nursery.path("rows.csv")
    write(path, mail.table(two(world)))
    out = subprocess.run([world.tree.command, "-c", world.milter.conf, "check", path, "--as",
                          member], capture_output=True, text=True, timeout=60, check=False)
    tap.equal(out.returncode, 0, out.stdout + out.stderr)
    for key, value in ((world.admin, "allow"), (extra, "discard"),
                       (member, "allow domains=%s rows=2" % world.domain),
                       (stranger, "reject Ask your postmaster, please.")):
        out = subprocess.run([world.tree.command, "-c", world.milter.conf, "policy", "-q", key],
                             capture_output=True, text=True, timeout=60, check=False)
        tap.equal((out.returncode, out.stdout), (0, value + "\n"), key)
    # A file in a list is looked after as one alone.
    world.grants[stranger] = "allow"
    tap.contains(world.change_table(), TABLE_TAKEN)
    served(world, stranger)
    world.calm_down()
    ignored(world, stranger)


# --- what is not ---

def spoil_configuration(world):
    with open(world.milter.conf, "a", encoding="utf-8") as file:
        file.write("\nno_such_setting = \"1\"\n")
    with open(world.milter.conf, encoding="utf-8") as file:
        return "%s:%d:" % (world.milter.conf, len(file.read().splitlines()))


def spoil_table(world):
    write(world.milter.senders, "%s allow\n\n%s permit\n" % (world.admin, world.other_admin))
    return "Sender table texthash:%s: Line 3, key \"%s\"" % (world.milter.senders,
                                                            world.other_admin)


def remove_table(world):
    os.unlink(world.milter.senders)
    return "The table %s can't be read: No such file" % world.milter.senders


def spoil_password(world):
    path = world.milter.folder + "/directory.password"
    os.rename(path, path + ".kept")
    return path


def spoil_profile(world):
    path = world.milter.folder + "/profile"
    write(path, "no profile\n")
    replace(world, "profile", path)
    return path


def spoil_parser(world):
    path = world.milter.folder + "/no-parser"
    replace(world, "parser", path)
    return path


def replace(world, name, value):
    with open(world.milter.conf, encoding="utf-8") as file:
        lines = file.read().splitlines()
    lines = ['%s = "%s"' % (name, value) if line.startswith(name + " =") else line
             for line in lines]
    write(world.milter.conf, "\n".join(lines) + "\n")


@tap.table([
    ("R2.32 a configuration with a fault changes nothing; file and line are told",
     spoil_configuration),
    ("R2.32 a table with a fault changes nothing; file, line and key are told", spoil_table),
    ("R2.32 a table that is not there changes nothing", remove_table),
    ("R2.32 a password file that is not there changes nothing", spoil_password),
    ("R2.32 a profile with a fault changes nothing", spoil_profile),
    ("R2.32 a parser that is not there changes nothing", spoil_parser),
])
def all_or_nothing(world, spoil):
    # Each fault comes with a good setting that must not be taken up.
    world.milter.configure({"limits.rows_max": 1})
    words = spoil(world)
    before = len(world.told_lines())
    world.milter.reload()
    try:
        wait_for(lambda: [line for line in world.told_lines()[before:] if KEPT in line],
                 "a word about the fault")
        line = [line for line in world.told_lines()[before:] if KEPT in line][0]
        tap.contains(line, words)
        tap.contains(line, ": error: ")
        limited(world, False)
    finally:
        path = world.milter.folder + "/directory.password"
        if os.path.exists(path + ".kept"):
            os.rename(path + ".kept", path)
        world.calm_down()
    served(world, world.other_admin)


RESTART = {
    "socket": ("unix:/nowhere/socket", "socket"), "socket_mode": ("0600", "socket_mode"),
    "socket_group": ("mail", "socket_group"), "user": ("nobody", "user"),
    "log": ("stderr", "log"), "workers": (3, "workers"),
    # New rights by a program were given up for good.
    "submit": ("sendmail:/usr/sbin/sendmail", "submit"),
    "spool.directory": ("/nowhere/spool", "directory in section spool"),
    "spool.key_file": ("/nowhere/key", "key_file in section spool")}


@tap.table([("R2.32 a changed %s is refused by name, with all else" % name, name)
            for name in RESTART])
def restart_only(world, name):
    value, words = RESTART[name]
    told = world.reload({name: value, "limits.rows_max": 1})
    tap.contains(told, KEPT)
    tap.contains(told, "these can't change while the daemon runs: %s; restart it" % words)
    limited(world, False)
    told = world.reload({"user": "nobody", "workers": 3})
    tap.contains(told, ": user, workers; restart it")
    tap.contains(world.reload(), TAKEN)


@tap.test("R2.32 a table broken while the daemon runs: the old one stays, the fault is told once")
def table_broken(world):
    address = newcomer(world)
    before = len(world.told_lines())
    told = world.change_table("%s allow\n%s permit\n" % (address, world.admin))
    tap.contains(told, TABLE_KEPT)
    tap.contains(told, "Sender table texthash:%s: Line " % world.milter.senders)
    world.supervisor.wait_ticks()
    tap.equal(len(world.told_lines()), before + 1, "lines")
    served(world, world.admin)
    ignored(world, address)
    told = world.told(lambda: os.unlink(world.milter.senders))
    tap.contains(told, "can't be read: No such file")
    world.supervisor.wait_ticks()
    tap.equal(len(world.told_lines()), before + 2, "lines")
    served(world, world.admin)
    tap.contains(world.change_table(), TABLE_TAKEN)
    served(world, world.admin)


@tap.test("R2.32 a file that the daemon's user can't read fails a reload, and -t says so before")
def root_only(world):
    tap.equal(world.milter.check(), (0, ""), "batchload-milter -t")
    os.chmod(world.milter.conf, 0o600)
    code, text = world.milter.check()
    tap.equal(code, 78, "exit status")
    tap.contains(text, "%s can't be read: Permission denied" % world.milter.conf)
    tap.contains(world.told(world.milter.reload), text.partition(": ")[2].strip())
    served(world, world.admin)
    world.calm_down()


# --- tables of other types ---

class Table:
    """A table of some type beside the sender table."""

    def __init__(self, world, kind):
        self.world = world
        self.kind = kind
        self.path = world.milter.folder + "/table-" + kind
        self.spec = "%s:%s" % (kind, self.path)

    def text(self, *senders):
        """One that lets these ask."""
        if self.kind == "cidr":
            return "".join("192.0.2.%d discard\n" % number for number, _ in enumerate(senders))
        form = "/^%s$/ allow\n" if self.kind == "pcre" else "%s allow\n"
        return "# some\n" + "".join(
            form % (each.replace(".", "\\.") if self.kind == "pcre" else each) for each in senders)

    def write(self, text):
        """By rename, as an editor does; postmap writes into its file."""
        write(self.path + ".new", text)
        os.rename(self.path + ".new", self.path)
        if self.kind == "lmdb":
            run([which("postmap"), "-c", self.world.postfix.conf, self.spec])
            os.chmod(self.path + ".lmdb", 0o644)

    def spoil(self):
        """Returns words of what is told then."""
        if self.kind == "lmdb":
            with open(self.path + ".lmdb", "r+b") as file:
                file.truncate(4096 + 100)
            return "The table %s.lmdb can't be used: it is none that postmap has made" % self.path
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("10.0.0.1/8 discard\n" if self.kind == "cidr" else "/(/ allow\n")
        return "Sender table %s: Line 3 can't be used: " % self.spec if self.kind == "pcre" else \
            "Sender table %s: Line 2 can't be used: there must be zeros" % self.spec

    def finds(self, sender):
        """What policy -q says: exit status and words."""
        out = subprocess.run([self.world.tree.command, "policy", "-q", sender, self.spec],
                             capture_output=True, text=True, timeout=60, check=False)
        return out.returncode, out.stdout


@tap.table([("R2.31 R2.32 R2.34 a table of type %s is taken up as it changes; a broken one is not"
             % kind, kind) for kind in ("cidr", "pcre", "lmdb")])
def other_type(world, kind):
    first, second = newcomer(world), newcomer(world)
    table = Table(world, kind)
    table.write(table.text(first))
    settings = {"sender_table": "%s, texthash:%s" % (table.spec, world.milter.senders)}

    def asks(sender, may):
        # A network is no sender.
        (served if may and kind != "cidr" else ignored)(world, sender)

    tap.contains(world.reload(settings), TAKEN)
    tap.equal(world.milter.check(), (0, ""), "batchload-milter -t")
    asks(first, True)
    asks(second, False)
    tap.contains(world.told(lambda: table.write(table.text(second))), TABLE_TAKEN)
    asks(first, False)
    asks(second, True)
    key = "192.0.2.0" if kind == "cidr" else second.upper()
    tap.equal(table.finds(key), (0, "discard\n" if kind == "cidr" else "allow\n"), "policy -q")
    # A broken one: neither by itself nor by a signal, and not by halves.
    words = []
    told = world.told(lambda: words.append(table.spoil()))
    tap.contains(told, TABLE_KEPT)
    tap.contains(told, words[0])
    told = world.reload(dict(settings, **{"limits.rows_max": 1}))
    tap.contains(told, KEPT)
    tap.contains(told, words[0])
    tap.equal(world.milter.check()[0], 78, "batchload-milter -t")
    limited(world, False)
    asks(second, True)
    served(world, world.other_admin)
    if kind == "lmdb":
        tap.equal(table.finds(key)[0], 75, "policy -q")
        told = world.told(lambda: os.unlink(table.path + ".lmdb"))
        tap.contains(told, "can't be read: No such file")
        asks(second, True)
    tap.contains(world.told(lambda: table.write(table.text(first, second))), TABLE_TAKEN)
    asks(first, True)
    served(world, world.admin)
    world.calm_down()


@tap.test("R2.31 R2.12 a table of type fail defers whom no table before it names; nothing is lost")
def failing(world):
    stranger = "x@unknown.example"
    settings = {"sender_table": "texthash:%s, fail:{ moved, one hour }" % world.milter.senders}
    words = "The table of type fail says: moved, one hour"
    tap.contains(world.reload(settings), TAKEN)
    tap.equal(world.milter.check(), (0, ""), "batchload-milter -t")
    sent = world.send(world.request(two(world), sender=stranger, password="none"), stranger)
    tap.equal(sent.code, 451, repr(sent))
    world.wait_log(words)
    # Whether the addresses of rows have a grant of their own can't be told either.
    raw = world.request(two(world))
    sent = world.send(raw)
    tap.equal(sent.code, 250, repr(sent))
    world.wait_log(sent.queue_id + ": ", "action=wait", words)
    out = subprocess.run([world.tree.command, "-c", world.milter.conf, "policy", "-q", stranger],
                         capture_output=True, text=True, timeout=60, check=False)
    tap.equal((out.returncode, out.stdout), (75, ""), out.stderr)
    tap.contains(out.stderr, words)
    tap.contains(world.reload(), TAKEN)
    tap.contains(world.response(raw).text, "processed ok")
    sent = world.send(world.request(two(world), sender=stranger, password="none"), stranger)
    world.wait_log(sent.queue_id + ": job=- action=ignore", "the sender has no grant")


@tap.test("R2.33 R2.12 a pattern that does not come to an end defers the mail, soon")
def endless(world):
    table = Table(world, "pcre")
    sender = "a" * 60 + "@unknown.example"
    table.write("/^(a|a)+[bc]/ discard\n")
    tap.contains(world.reload({"sender_table": "texthash:%s %s" % (world.milter.senders,
                                                                  table.spec)}), TAKEN)
    sent = world.send(world.request(two(world), sender=sender, password="none"), sender)
    tap.equal(sent.code, 451, repr(sent))
    world.wait_log("whether the pattern of its line 1 matches: match limit exceeded")
    served(world, world.admin)
    tap.equal(table.finds("a" * 60)[0], 75, "policy -q")
    world.calm_down()


# --- what is going on meanwhile ---

@tap.test("R2.32 a mail in work ends by what it began with, and its connection stays open")
def session_stays(world):
    raw = world.request(two(world))
    gone = world.request([forward(world.domain, "late")])
    with world.postfix.client(world.postfix.port) as client:
        client.ehlo("client.example")
        tap.equal(client.mail(world.admin)[0], 250, "MAIL")
        tap.equal(client.rcpt(world.batch_address)[0], 250, "RCPT")
        tap.equal(client.docmd("DATA")[0], 354, "DATA")
        half = len(raw) // 2
        client.send(raw[:half])
        del world.grants[world.admin]
        tap.contains(world.change_table(), TABLE_TAKEN)
        tap.contains(world.reload({"limits.rows_max": 100}), TAKEN)
        client.send(raw[half:] + b".\r\n")
        code, text = client.getreply()
        tap.equal(code, 250, repr(text))
        # The next mail of the same connection is judged anew.
        tap.equal(client.mail(world.admin)[0], 250, "MAIL")
        tap.equal(client.rcpt(world.batch_address)[0], 250, "RCPT")
        code, text = client.data(gone)
        tap.equal(code, 250, repr(text))
        client.quit()
    queue_id = text.decode().rpartition(" queued as ")[2].strip()
    world.wait_log(queue_id + ": job=- action=ignore", "the sender has no grant")
    tap.contains(world.response(raw).text, "processed ok")
    world.calm_down()


@tap.test("R2.32 a request of some thousand rows goes on through reloads, is answered once",
          seconds=240)
def job_goes_on(world):
    rows = 4000
    head, table = wide_rows(world.domain, rows, "many")
    # Many slices, so that some are seen however long a look takes.
    tap.contains(world.reload({"slice_rows": 40}), TAKEN)
    raw = world.request(csv=mail.table(table, head), reference="many")
    tap.equal(world.send(raw).code, 250, "reply")

    def job():
        return {each["reference"]: each for each in jobs(world)}.get("many")
    wait_for(job, "the request to be opened")
    seen, number = set(), 0
    while job()["state"] != "done":
        number += 1
        # Among them one by which slices are made.
        tap.contains(world.reload({"slice_rows": 100 + number} if number % 2 else
                                  {"limits.mime_depth_max": 10 + number}), TAKEN)
        now = job()
        if now["state"] == "working":
            seen.add(now["slices_done"])
    tap.say("%d reloads, in so many slices of the request: %d" % (number, len(seen)))
    assert len(seen) >= 3, seen
    response = world.response(raw, 120)
    tap.contains(response.text, "processed ok")
    tap.equal(response.results, ["created"] * rows, "results")
    identifier = [line for line in raw.decode().splitlines() if line.startswith("Message-ID")][0]
    world.fence()
    tap.equal(len(world.mailbox(world.admin).find("In-Reply-To", identifier.partition(" ")[2])), 1,
              "responses")
    world.calm_down()


@tap.test("R2.32 a hundred signals, while mail comes in")
def flood(world):
    raws = [world.request(two(world), reference=str(n)) for n in range(5)]
    for raw in raws:
        for _ in range(20):
            world.milter.reload()
        tap.equal(world.send(raw).code, 250, "reply")
    for raw in raws:
        tap.contains(world.response(raw).text, "processed ok")
    tap.equal(world.milter.running(), True, "running")
    # Those that came while one was served count as one, and the last is never lost.
    world.supervisor.wait_ticks()
    tap.contains(world.reload({"limits.rows_max": 1}), TAKEN)
    limited(world, True)
    world.calm_down()


# --- the log ---

def identity(path):
    status = os.stat(path)
    return status.st_mode, status.st_uid, status.st_gid


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class OwnLog:
    """The daemon with a log file of its own, moved away again and again; then as before."""

    def __init__(self, world):
        self.world = world
        self.folder = world.nursery.path("log-" + uuid.uuid4().hex[:6])
        self.path = self.folder + "/batchload.log"
        self.moved = []
        os.mkdir(self.folder, 0o755)
        shutil.chown(self.folder, world.milter.user)

    def configure(self):
        self.world.milter.configure({"log": "file:" + self.path})

    def __enter__(self):
        self.shared = self.world.milter.log
        self.configure()
        self.world.milter.log = self.path
        self.world.milter.restart()
        return self

    def __exit__(self, *_):
        self.world.milter.log = self.shared
        self.world.calm_down(self.world.milter.restart)

    def move(self, words):
        """Returns when words are in a new file."""
        self.moved.append("%s.%d" % (self.path, len(self.moved)))
        os.rename(self.path, self.moved[-1])
        self.world.milter.reload()
        wait_for(lambda: os.path.exists(self.path) and words in text_of(self.path),
                 "a line in the new log")

    def text(self):
        return "".join(text_of(path) for path in self.moved + [self.path])


@tap.test("the log moved away: after SIGUSR1 lines go to a new file, none is lost")
def log_moved(world):
    sent, end = [], threading.Event()

    def send():
        while not end.is_set():
            raw = world.request(two(world), sender="no@else.example", password="none")
            sent.append(world.send(raw, "no@else.example"))
    with OwnLog(world) as log:
        sender = threading.Thread(target=send)
        sender.start()
        try:
            for number in range(1, 6):
                wait_for(lambda n=number: len(sent) > 3 * n, "some mails")
                log.move(TAKEN)
        finally:
            end.set()
            sender.join()
        tap.equal({each.code for each in sent}, {250}, "replies")
        # A line is written before its mail is answered. Postfix may use a queue id again.
        tap.equal(collections.Counter(re.findall(r"(\w+): job=- action=ignore", log.text())),
                  collections.Counter(each.queue_id for each in sent), "mails in the log")
        for path in log.moved:
            tap.equal(identity(path), identity(log.path), path)


@tap.test("the log is opened again with a faulty configuration, too; the old one if it can't be")
def log_stays(world):
    with OwnLog(world) as log:
        spoil_configuration(world)
        log.move(KEPT)
        log.configure()
        away = log.folder + ".away"
        os.rename(log.folder, away)
        world.milter.log = away + "/batchload.log"
        before = len(world.told_lines())
        world.milter.reload()
        wait_for(lambda: len(world.told_lines()) == before + 2, "two lines in the old log")
        first, second = world.told_lines()[before:]
        tap.contains(first, "warning: reload: lines go on to the old log")
        tap.contains(second, TAKEN)
        world.milter.log = log.path


# --- the supervisor, start and stop ---

@tap.test("the supervisor is told of start, reload, failed reload and end")
def supervisor(world):
    heard = world.supervisor
    world.milter.stop()
    del heard.messages[:]
    world.milter.start()
    wait_for(lambda: heard.states(), "READY=1")
    tap.equal(heard.states(), ["READY=1"], "states")
    tap.equal(heard.messages[0], ["READY=1", "STATUS=serving"], "start")
    tap.contains(world.reload(), TAKEN)
    wait_for(lambda: len(heard.states()) >= 3, "READY=1")
    spoil_configuration(world)
    tap.contains(world.told(world.milter.reload), KEPT)
    wait_for(lambda: len(heard.states()) >= 5, "READY=1")
    heard.wait_ticks()
    tap.equal(world.milter.stop(), 0, "exit status")
    wait_for(lambda: heard.states()[-1] == "STOPPING=1", "STOPPING=1")
    tap.equal(heard.states(), ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1",
                               "STOPPING=1"], "states")
    for each in heard.messages:
        if each[0] == "RELOADING=1":
            name, _, value = each[1].partition("=")
            tap.equal(name, "MONOTONIC_USEC", "second line")
            assert 0 < int(value) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, each
    failed = [each for each in heard.messages if each[0] == "READY=1"][2]
    tap.contains(failed[1], "serving with the old configuration")
    world.milter.configure()
    world.milter.start()


def blocked(pid, number):
    """Whether the process keeps this signal for later."""
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("SigBlk:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


@tap.test("R2.32 SIGUSR1 before the daemon is ready, and while it ends, does no harm")
def early_and_late(world):
    heard = world.supervisor
    early = 0
    for _ in range(3):
        world.milter.stop()
        del heard.messages[:]
        world.milter.start(wait=False)
        # Before that the program is not its own master yet.
        while not blocked(world.milter.pid, signal.SIGUSR1):
            tap.equal(world.milter.running(), True, "running")
        world.milter.reload()
        early += not heard.states()
        world.milter.wait()
        wait_for(lambda: len(heard.states()) >= 3, "a reload")
        tap.equal(heard.states(), ["READY=1", "RELOADING=1", "READY=1"], "states")
        process = world.milter.process
        process.send_signal(signal.SIGTERM)
        while process.poll() is None:
            process.send_signal(signal.SIGUSR1)
        tap.equal(process.returncode, 0, "exit status")
        wait_for(lambda: "STOPPING=1" in heard.states(), "STOPPING=1")
        tap.equal(heard.states()[-1], "STOPPING=1", "last state")
        world.milter.restart()
        served(world, world.admin)
    tap.say("%d of 3 signals came before the daemon was ready" % early)
    assert early


if __name__ == "__main__":
    tap.main(ReloadWorld)
