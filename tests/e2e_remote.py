# SPDX-License-Identifier: MIT
"""Sender tables that somebody else answers: a socketmap server, the directory. What it says counts at once; while
it can't tell, mails are put off, and those that are none of ours go on."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import uuid

import tap
from harness import World, wait_for
from harness.gate import LOSE, Trap
from harness.ldapgate import SEARCH, LdapGate
from harness.process import write

HERE = os.path.dirname(os.path.abspath(__file__))
SECRET_WORDS = "words of the server for its own people"


class SocketmapServer:
    """tests/socketmap-server.py with a table of grants."""

    def __init__(self, nursery):
        self.nursery = nursery
        self.folder = nursery.path("socketmap")
        self.socket = nursery.path("map")
        self.spec = "socketmap:unix:%s:table" % self.socket
        self.process = None
        os.mkdir(self.folder, 0o755)

    def say(self, table):
        write(self.folder + "/new", json.dumps(table))
        os.rename(self.folder + "/new", self.folder + "/table")

    def silent(self, silent):
        if silent:
            write(self.folder + "/SILENT.all", "")
        else:
            os.unlink(self.folder + "/SILENT.all")

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process = self.nursery.spawn(
            [sys.executable, "-B", HERE + "/socketmap-server.py", self.socket,
             self.folder + "/table"], log=self.nursery.path("socketmap.out"))
        wait_for(lambda: os.path.exists(self.socket) and os.stat(self.socket).st_mode & 0o002,
                 "the socketmap server to listen")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Remote(World):
    def __init__(self):
        super().__init__()
        self.server = SocketmapServer(self.nursery)
        self.server.say({})
        self.server.start()

    def use(self, table):
        """Has the daemon ask this sender table."""
        self.milter.configure({"sender_table": table})
        before = len(self.log_lines("reload: "))
        self.milter.reload()
        line = wait_for(lambda: self.log_lines("reload: ")[before:], "a word about the reload")[0]
        tap.contains(line, "were taken up")


def forward(domain, user, action="ADD"):
    return {"DOMAIN": domain, "USER": user, "TYPE": "FORWARD", "ACTION": action,
            "MAILFORWARD": "x@elsewhere.example" if action == "ADD" else ""}


def two(world):
    """A request of two rows that leaves nothing."""
    return [forward(world.domain, "two"), forward(world.domain, "two", "DELETE")]


def newcomer(world):
    address = "new%s@%s" % (uuid.uuid4().hex[:6], world.domain)
    world.passwords[address] = secrets.token_urlsafe(12)
    world.add_account(address, world.passwords[address])
    return address


def served(world, sender):
    tap.contains(world.ask(two(world), sender=sender).text, "processed ok")


def ignored(world, sender):
    sent = world.send(world.request(two(world), sender=sender), sender)
    tap.equal(sent.code, 250, repr(sent))
    world.wait_log(sent.queue_id + ": job=- action=ignore", "the sender has no grant")


def put_off(world, sender, *words):
    """With an answer that tells nothing of the table; the log has words."""
    sent = world.send(world.request(two(world), sender=sender), sender)
    tap.equal(sent.code, 451, repr(sent))
    for secret in (SECRET_WORDS, "socketmap", "ldap"):
        tap.absent(sent.text, secret, "what the client is told")
    world.wait_log(sent.queue_id + ": job=- action=defer", "could not be asked", *words)


def command(world, *words):
    return subprocess.run([world.tree.command, "-c", world.milter.conf, *words],
                          capture_output=True, text=True, timeout=100, check=False)


def doctor(world):
    """What is found of the sender table."""
    out = command(world, "doctor", "-j", "--postfix=" + world.postfix.conf).stdout
    found = {each["what"]: each for each in map(json.loads, out.splitlines())}
    return found["senders"]["state"], found["senders"]["words"]


@tap.test("R2.35 a socketmap server gives grants: by address, by domain, none, as of now")
def socketmap(world):
    one, other, third = newcomer(world), newcomer(world), newcomer(world)
    world.server.say({one: "OK allow"})
    world.use(world.server.spec)
    served(world, one)
    ignored(world, other)
    # Nothing is read anew for that.
    world.server.say({one: "NOTFOUND ", other: "OK allow types=FORWARD"})
    ignored(world, one)
    served(world, other)
    world.server.say({world.domain: "OK allow domains=%s types=LIST" % world.domain, one: "OK discard"})
    text = world.ask(two(world), sender=third).text
    tap.contains(text, "2 of 2 rows failed")
    sent = world.send(world.request(two(world), sender=one), one)
    tap.equal(sent.code, 250, repr(sent))
    world.wait_log(sent.queue_id + ": job=- action=discard")


@tap.test("R2.35 batchload policy -q asks a socketmap server, the sender table or any other")
def policy(world):
    world.server.say({"a@x.example": "OK allow", "bad": "TEMP " + SECRET_WORDS})
    world.use(world.server.spec)
    for words, code, out in (
            (["a@x.example"], 0, "allow\n"), (["A@X.example"], 0, "allow\n"),
            (["b@x.example"], 1, ""), (["a@x.example", world.server.spec], 0, "allow\n"),
            (["A@X.example", world.server.spec], 1, ""), (["bad", world.server.spec], 75, "")):
        result = command(world, "policy", "-q", *words)
        tap.equal((result.returncode, result.stdout), (code, out), "%r" % words)
    tap.contains(result.stderr, "The table %s could not be asked: it can't tell now: %s" % (
        world.server.spec, SECRET_WORDS))
    result = subprocess.run([world.tree.command, "policy", "-q", "-", world.server.spec],
                            input="a@x.example\nb@x.example\na@x.example\n", capture_output=True,
                            text=True, timeout=100, check=False)
    tap.equal((result.returncode, result.stdout), (0, "a@x.example\tallow\n" * 2), "policy -q -")


@tap.test("R2.35 R2.12 what a server can't tell, or says in words that mean nothing, puts a mail off")
def not_told(world):
    world.use(world.server.spec)
    for reply, words in (("TEMP " + SECRET_WORDS, SECRET_WORDS),
                         ("PERM " + SECRET_WORDS, SECRET_WORDS),
                         ("allow", "means nothing"), ("OK ", "is empty"),
                         ("OK permit", "a grant begins with"),
                         ([{"raw": "allow\n"}], "is no reply"),
                         ([{"close": True}], "closed the connection")):
        world.server.say({world.admin: reply})
        put_off(world, world.admin, words)
    # Nor is the domain asked, or the next table, in the place of one that can't tell.
    world.server.say({world.admin: "TEMP ", world.domain: "OK allow domains=" + world.domain})
    put_off(world, world.admin)
    world.use(world.server.spec + ", static:{ allow domains=%s }" % world.domain)
    put_off(world, world.admin)
    world.server.say({world.admin: "OK allow"})
    served(world, world.admin)


@tap.test("R2.35 a server that is away puts mails off; one that was started anew is found again")
def away(world):
    world.server.say({world.admin: "OK allow"})
    world.use(world.server.spec)
    served(world, world.admin)
    tap.equal(doctor(world), ("good", "The sender table can be read."), "doctor")
    world.server.kill()
    put_off(world, world.admin)
    tap.equal(command(world, "policy", "-q", world.admin).returncode, 75, "policy -q")
    state, words = doctor(world)
    tap.equal(state, "wrong", words)
    tap.contains(words, world.server.spec + " could not be asked")
    # It can be taken up all the same: what is away now may be there for the next mail.
    tap.equal(world.milter.check(), (0, ""), "batchload-milter -t")
    world.milter.restart()
    put_off(world, world.admin)
    world.server.start()
    served(world, world.admin)


@tap.test("R2.35 a server that says nothing holds up its own mails alone, and for its time only")
def silent(world):
    world.server.say({world.admin: "OK allow"})
    world.use(world.server.spec)
    served(world, world.admin)
    world.server.silent(True)
    codes = []
    held = [threading.Thread(target=lambda: codes.append(world.send(world.request(two(world))).code))
            for _ in range(3)]
    for each in held:
        each.start()
    for _ in range(20):
        sent, _ = world.send_plain(world.admin)
        tap.equal(sent.code, 250, repr(sent))
    tap.equal(codes.count(250), 0, "taken meanwhile")
    for each in held:
        each.join()
    tap.equal(codes, [451] * 3, "what is told")
    tap.contains(world.wait_log("action=defer", "in time")[0], "there was no answer in time")
    world.server.silent(False)
    wait_for(lambda: world.send(world.request(two(world))).code == 250, "to be served again")


@tap.test("R2.35 R2.12 a server that is away while rows are planned: the request waits, and goes on")
def planning(world):
    world.server.say({world.admin: "OK allow"})
    world.use(world.server.spec)
    rows = [forward(world.domain, "row%d" % number) for number in range(40)]
    world.server.say({world.admin: "OK allow", "row39@" + world.domain: "TEMP " + SECRET_WORDS})
    raw = world.request(rows)
    sent = world.send(raw)
    tap.equal(sent.code, 250, repr(sent))
    world.wait_log("action=wait", "could not be asked")
    tap.equal(world.entry("row0@" + world.domain), None, "written before all is known")
    world.server.say({world.admin: "OK allow", "row7@" + world.domain: "OK allow"})
    response = world.response(raw)
    tap.contains(response.text, "row7@" + world.domain)
    tap.contains(response.text, "1 of 40 rows failed")
    tap.absent(response.text, SECRET_WORDS)
    for number in range(40):
        if number != 7:
            world.slapd.delete(world.slapd.dn("row%d@%s" % (number, world.domain)))


# --- the directory ---

def write_cf(world, more="", mode=0o640, login=True, uri=None):
    """A table of the titles of accounts; its specification."""
    path = world.milter.folder + "/senders.cf"
    text = "server_host = %s\nsearch_base = %s\nquery_filter = (mail=%%s)\n" % (
        uri or world.slapd.uri, world.base)
    if login:
        text += "bind_dn = %s\nbind_pw = %s\n" % (world.slapd.root_dn, world.root_password)
    if "result_attribute" not in more:
        text += "result_attribute = title\n"
    write(path + ".new", text + more, mode)
    shutil.chown(path + ".new", "root", world.milter.user)
    os.rename(path + ".new", path)
    return "ldap:" + path


def set_titles(world, address, *titles):
    world.slapd.modify("dn: %s\nchangetype: modify\nreplace: title\n%s" % (
        world.slapd.dn(address), "".join("title: %s\n" % title for title in titles)))


def reloads(world, act):
    before = len(world.log_lines("reload: "))
    act()
    return wait_for(lambda: world.log_lines("reload: ")[before:], "a word about the reload")[0]


@tap.test("R2.35 the directory gives grants: one, none, and never of two")
def ldap(world):
    one, other = newcomer(world), newcomer(world)
    world.use(write_cf(world))
    ignored(world, one)
    set_titles(world, one, "allow")
    served(world, one)
    ignored(world, other)
    set_titles(world, one, "allow", "discard")
    put_off(world, one, "more than one result")
    set_titles(world, one, "allow")
    served(world, one)
    tap.equal(command(world, "policy", "-q", one).stdout, "allow\n", "policy -q")
    tap.equal(command(world, "policy", "-q", other).returncode, 1, "policy -q of another")
    tap.equal(doctor(world)[0], "good", "doctor")
    tap.absent(world.log_text(), world.root_password, "log")


@tap.test("R2.35 R2.12 the directory away puts mails off; back, they are taken")
def ldap_away(world):
    one = newcomer(world)
    set_titles(world, one, "allow")
    world.use(write_cf(world, "timeout = 3\n"))
    served(world, one)
    world.slapd.kill()
    put_off(world, one, "not reachable")
    result = command(world, "policy", "-q", one)
    tap.equal(result.returncode, 75, result.stderr)
    tap.absent(result.stderr, world.root_password, "what policy says")
    tap.equal(doctor(world)[0], "wrong", "doctor")
    tap.equal(world.milter.check(), (0, ""), "batchload-milter -t")
    world.slapd.start()
    served(world, one)


@tap.test("R2.35 a connection that dies under a question is made anew, once, and nobody is told")
def ldap_cut(world):
    one = newcomer(world)
    set_titles(world, one, "allow")
    gate = LdapGate(world.nursery, world.slapd.port)
    world.use(write_cf(world, uri=gate.uri))
    served(world, one)
    trap = gate.set(Trap(LOSE, kinds=(SEARCH,)))
    served(world, one)
    tap.equal(trap.hit.is_set(), True, "a question was lost")


@tap.test("R2.35 R2.32 a changed file is taken up by itself; with a fault the old one stays")
def ldap_reload(world):
    one = newcomer(world)
    set_titles(world, one, "allow")
    world.use(write_cf(world))
    served(world, one)
    for more, mode, words in (("chase_referrals = yes\n", 0o640, "chase_referrals"),
                              ("no setting\n", 0o640, "Line 7"),
                              ("result_format = allow domains=%D\n", 0o640, "may have no part"),
                              ("", 0o644, "everybody may read it")):
        line = reloads(world, lambda: write_cf(world, more, mode))  # pylint: disable=W0640
        tap.contains(line, "was not taken up, the one in use stays")
        tap.contains(line, words)
        tap.absent(line, world.root_password, "log")
        served(world, one)
    line = reloads(world, lambda: write_cf(world, "result_attribute = description\n"))
    tap.contains(line, "the changed sender table was taken up")
    ignored(world, one)
    line = reloads(world, lambda: write_cf(world))
    tap.contains(line, "was taken up")
    served(world, one)


@tap.test("R2.35 what a sender writes is literal in the directory's filters")
def ldap_hostile(world):
    one = newcomer(world)
    set_titles(world, one, "allow")
    world.use(write_cf(world))
    local, _, domain = one.partition("@")
    for sender in (local[:-1] + "*@" + domain, "*@" + domain):
        raw = world.request(two(world), sender=one).replace(
            b"From: " + one.encode(), b"From: " + sender.encode(), 1)
        sent = world.send(raw, sender)
        tap.equal(sent.code, 250, repr(sent))
        world.wait_log(sent.queue_id + ": job=- action=ignore")
    served(world, one)


if __name__ == "__main__":
    tap.main(Remote)
