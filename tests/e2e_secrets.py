# SPDX-License-Identifier: MIT
"""Canaries: passwords and hashes that are looked for wherever a request leaves a trace: logs, the
spool in each state of a job, process lists, responses, copies, what the commands tell. (Memory and
cores: e2e_core.py.)"""

import base64
import contextlib
import grp
import json
import os
import pwd
import secrets
import shutil
import stat
import threading

import tap
from harness import World, message_id_of, run, wait_for, write
from harness.gate import HOLD, Trap
from harness.ldapgate import ADD, DELETE, MODIFY, LdapGate
from rows import DOMAIN, at, row

CLEAR = "Kan;a\"ri-" + secrets.token_urlsafe(18)
HASH = "{SSHA512}" + base64.b64encode(os.urandom(72)).decode()
WRONG = "Falsch-" + secrets.token_urlsafe(18)
ROWS = 100
# What the spool is looked at in: the states of a job, and what makes one of them another.
LOOKED = {
    "received", "working", "sending", "done", "reporting", "refused", "cancelled", "cancelled in work",
    "damaged", "broken off", "atomic, being applied", "atomic, being undone", "checked",
    "answer failed"}
STATES = {"received", "working", "reporting", "sending", "done", "answer failed"}


def forms(secret):
    """A secret as it may stand somewhere: plain, in base64 at each offset, in hex, in UTF-16."""
    plain = secret.encode()
    yield plain
    for skip in range(3):
        coded = base64.b64encode(b"\0" * skip + plain)
        yield coded[4 if skip else 0:len(coded) - 4]
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    yield secret.encode("utf-16-le")
    yield base64.b64encode(b"\0admin@" + DOMAIN.encode() + b"\0" + plain)


def holds(data, wanted):
    """The name of a secret that data holds, or None."""
    for name, needles in wanted.items():
        if any(each in data for each in needles):
            return name
    return None


def files_below(folder):
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as file:
                    yield path, file.read()


class Watch:
    """Command lines and environments of the daemon and its children, as often as can be."""

    def __init__(self, world):
        self.world = world
        self.seen = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self):
        while not self._end.wait(0.003):
            milter = self.world.milter
            if not milter.running():
                continue
            with contextlib.suppress(TypeError):
                for pid in milter.children():
                    for name in ("cmdline", "environ", "comm"):
                        with contextlib.suppress(OSError):
                            with open("/proc/%d/%s" % (pid, name), "rb") as file:
                                self.seen.add(file.read())

    def close(self):
        self._end.set()
        self._thread.join()
        return b"\n".join(self.seen)


class SecretWorld(World):
    def __init__(self):
        self.looked, self.states = set(), set()
        super().__init__(settings={"slice_rows": 10})
        self.wanted = {name: list(forms(secret)) for name, secret in (
            ("the clear password of the file", CLEAR), ("the hash of the file", HASH),
            ("the administrator's password", self.passwords[self.admin]),
            ("the wrong password", WRONG), ("the service's password", self.service_password))}
        self.wanted["the clear password of the file"] += forms(CLEAR[10:])
        with open(self.milter.folder + "/spool.key", "rb") as file:
            key = file.read()
        self.wanted["the spool's key"] = [key, key.hex().encode(), base64.b64encode(key)[:-4]]
        self.watch = Watch(self)
        self.raw = None

    def make_milter(self, values, settings):
        self.gate = LdapGate(self.nursery, self.slapd.port)
        return super().make_milter({**values, "LDAP_URI": self.gate.uri}, settings)

    def command(self, *words):
        """What the command tells; that it can't is nothing to tell, either."""
        return run([self.tree.command, "-c", self.milter.conf, *words], check=False).stdout

    def jobs(self):
        return [json.loads(line) for line in self.command("queue", "-a", "-j").splitlines()]

    def wait_job(self, question, what):
        return wait_for(lambda: [job for job in self.jobs() if question(job)], what, 60)

    def job_of(self, raw):
        identifier = message_id_of(raw)
        return next(job for job in self.jobs() if job["message_id"] == identifier)

    def remember(self, address, name):
        """The hash that an address has now is a secret, too."""
        found = self.slapd.entry(address, ("userPassword",))["userpassword"][0]
        self.wanted[name] = [found.encode(), found[7:].encode()]

    def open_files(self):
        """Files that the daemon and its helpers have open, (path, content); those without a name
        any more are among them."""
        for pid in self.milter.children():
            with contextlib.suppress(OSError):
                for number in os.listdir("/proc/%d/fd" % pid):
                    link = "/proc/%d/fd/%s" % (pid, number)
                    with contextlib.suppress(OSError):
                        if stat.S_ISREG(os.stat(link).st_mode):
                            with open(link, "rb") as file:
                                yield os.readlink(link), file.read()

    def search_spool_files(self, where):
        """Its files, journals and WAL among them, and what is open."""
        for path, data in files_below(self.milter.spool):
            tap.equal(holds(data, self.wanted), None, "%s, %s" % (where, path))
        for path, data in self.open_files():
            tap.equal(holds(data, self.wanted), None, "%s, open: %s" % (where, path))
            tap.equal(path.startswith((self.milter.spool + "/", self.log, self.milter.output())),
                      True, "open: " + path)
        # Something is there.
        everything = b"".join(data for _, data in files_below(self.milter.spool))
        tap.contains(everything, self.admin.encode(), "the spool")

    def search_logs(self, where):
        for server in (self.milter, self.postfix, self.dovecot):
            with contextlib.suppress(FileNotFoundError):
                with open(server.output(), "rb") as file:
                    tap.equal(holds(file.read(), self.wanted), None, server.output())
        tap.equal(holds(self.log_text().encode(), self.wanted), None, where + ", log")

    def search_all(self, where):
        """No secret in the spool, in any log, in what the command tells."""
        self.search_spool_files(where)
        self.search_logs(where)
        jobs = self.jobs()
        words = [("queue", "-a"), ("log",), ("log", "-j"), ("lockout", "-j")]
        for command in words + [("show", job["id"]) for job in jobs[-3:]]:
            tap.equal(holds(self.command(*command), self.wanted), None, "%s, batchload %s" % (
                where, " ".join(command)))
        tap.equal(holds(json.dumps(jobs).encode(), self.wanted), None, where + ", queue -j")
        # The search can find.
        tap.equal(holds(self.raw, self.wanted) is not None, True, "secrets in the request")
        self.looked.add(where)
        self.states |= {job["state"] for job in jobs}

    def copy(self, where):
        names = [os.path.relpath(path, self.milter.spool)
                 for path, _ in files_below(self.milter.spool)]
        copy = self.nursery.path("milter", "copy-" + where)
        shutil.copytree(self.milter.spool, copy)
        for path in [copy] + [os.path.join(copy, name) for name in names]:
            shutil.chown(path, self.milter.user)
        for name in os.listdir(copy):
            shutil.chown(os.path.join(copy, name), self.milter.user)

    def hold(self, tag):
        """The next such operation waits, and never arrives."""
        return self.gate.set(Trap(HOLD, kinds=(tag,)))

    def held(self, tag, raw):
        """Sends raw; the daemon waits with such an operation under way."""
        held = self.hold(tag)
        tap.equal(self.send(raw).code, 250, "reply")
        tap.equal(held.hit.wait(30), True, "held")


def intents(store):
    return store.execute("SELECT count(*) FROM intent").fetchone()[0]


@tap.test("rights: not root, no capabilities, one's own spool, a socket for Postfix")
def rights(world):
    user = pwd.getpwnam(world.milter.user)
    world.fence()  # it listens before its rights are given up, and serves after
    with open("/proc/%d/status" % world.milter.pid, encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    tap.equal(status["Uid"].split(), [str(user.pw_uid)] * 4, "Uid")
    tap.equal(status["Gid"].split(), [str(user.pw_gid)] * 4, "Gid")
    own = {each.gr_gid for each in grp.getgrall() if user.pw_name in each.gr_mem} | {user.pw_gid}
    tap.equal({int(each) for each in status["Groups"].split()}, own, "Groups")
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
        tap.equal(int(status[name], 16), 0, name)
    tap.equal((status["NoNewPrivs"], status["Umask"]), ("1", "0077"), "NoNewPrivs, Umask")
    for folder, _, names in os.walk(world.milter.spool):
        for name in [folder] + [os.path.join(folder, each) for each in names]:
            info = os.lstat(name)
            tap.equal((info.st_uid, info.st_mode & 0o077), (user.pw_uid, 0), name)
    info = os.stat(world.milter.socket)
    tap.equal((info.st_mode & 0o777, info.st_gid), (0o660, grp.getgrnam("postfix").gr_gid),
              "the socket's mode and group")
    # Nothing of it can be written by the daemon but what is its own.
    tap.equal(os.stat(world.milter.conf).st_uid, 0, "owner of the configuration")


def mailboxes(name, count, action="ADD", **cells):
    return [row("%s FULL %s%d" % (action, name, n), PASSWORD=CLEAR, **cells) for n in range(count)]


@tap.test("R2.26 the directory away: a request that waits unproven")
def unproven(world):
    world.slapd.kill()
    world.raw = world.request(
        mailboxes("clear", ROWS, GIVENNAME="A", SURNAME="B") +
        [row("ADD FULL hash%d" % n, PASSWORD=HASH) for n in range(5)] +
        [row("ADD FULL shifted", PASSWORD=CLEAR, TITLE="x", STATE=CLEAR[:1])])
    tap.equal(world.send(world.raw).code, 250, "reply")
    world.wait_job(lambda job: job["state"] == "received" and job.get("waiting"), "it to wait")
    world.search_all("received")
    world.copy("received")
    tap.equal("mail" in world.contents(), True, "mail")


@tap.test("a slice with its intent stored, and the directory gone")
def intent(world):
    held = world.hold(ADD)
    world.slapd.start()
    tap.equal(held.hit.wait(30), True, "held")
    with world.store() as store:
        tap.equal(intents(store), 1, "intents")
    tap.equal(world.job_of(world.raw)["state"], "working", "state")
    world.search_all("working")
    world.copy("working")
    tap.equal("rows" in world.contents(), True, "rows")
    tap.equal("mail" in world.contents(), False, "mail")


@tap.test("a response that waits for the mail server; then the response itself, and the job done")
def response(world):
    world.postfix.stop()
    world.gate.release()
    world.wait_job(lambda job: job["state"] == "sending", "the response to wait")
    world.search_all("sending")
    world.copy("sending")
    tap.equal("response" in world.contents(), True, "response")
    world.postfix.start()
    world.command("retry", world.job_of(world.raw)["id"])
    answer = world.response(world.raw)
    tap.equal(holds(answer.decoded, world.wanted), None, "response")
    tap.equal(answer.results.count("created"), ROWS + 6, answer.text)
    world.remember(at("clear0"), "a hash that was made")
    tap.equal(world.can_login(at("clear0"), CLEAR), True, "login")
    world.fence()
    world.search_all("done")
    for where in ("working", "sending"):
        for path, data in files_below(world.nursery.path("milter", "copy-" + where)):
            tap.equal(holds(data, world.wanted), None, path)


@tap.test("a wrong password: while its answer is held back, and after it")
def refused(world):
    world.reconfigure({"slice_rows": 10, "refusal_pause": "1h"})
    raw = world.request(mailboxes("wrong", 3), password=WRONG)
    tap.equal(world.send(raw).code, 250, "reply")
    job = world.wait_job(lambda job: job["state"] == "reporting", "the pause")[0]
    world.search_all("reporting")
    tap.equal("mail" in world.contents(), False, "mail")
    world.command("retry", job["id"])
    tap.equal(holds(world.response(raw).decoded, world.wanted), None, "response")
    world.search_all("refused")
    world.reconfigure({"slice_rows": 10})


def cancel(world, raw):
    """What its response says."""
    identifier = world.job_of(raw)["id"]
    run([world.tree.command, "-c", world.milter.conf, "cancel", identifier])
    answer = world.response(raw)
    tap.equal(holds(answer.decoded, world.wanted), None, "response")
    return answer


@tap.test("cancelled: before it was opened")
def cancelled(world):
    # Away for the daemon alone: nothing is opened before it is cancelled, and the response arrives.
    world.gate.away()
    world.gate.cut()
    raw = world.request(mailboxes("c", 3))
    tap.equal(world.send(raw).code, 250, "reply")
    world.wait_job(lambda job: job["state"] == "received" and job.get("waiting"), "it to wait")
    tap.contains(cancel(world, raw).subject, "not processed")
    world.search_all("cancelled")
    world.gate.listen()


@tap.test("three requests: one in work, one cancelled behind it, one whose rows are damaged")
def broken(world):
    raws = [world.request(mailboxes(name, 15)) for name in ("wa", "wb", "wc")]
    world.held(ADD, raws[0])
    for raw in raws[1:]:
        tap.equal(world.send(raw).code, 250, "reply")
    for raw in raws:
        wait_for(lambda: world.job_of(raw)["state"] == "working", "it to be begun")
    tap.equal(cancel(world, raws[1]).results, ["failed"] * 15, "results")
    world.search_all("cancelled in work")
    world.damage("rows", world.job_of(raws[2])["id"])
    world.gate.release()
    tap.equal(world.response(raws[0]).results, ["created"] * 15, "results")
    wait_for(lambda: (world.job_of(raws[2])["waiting"] or "").startswith("damaged"), "the damage")
    world.search_all("damaged")
    tap.contains(cancel(world, raws[2]).subject, "not finished")
    world.search_all("broken off")


@tap.test("Mode: atomic, with passwords that were there before kept to be put back: held while it is "
          "applied, and while it is undone")
def atomic(world):
    for number in range(5):
        world.remember(at("wa%d" % number), "a hash of before, %d" % number)
    failing = row("ADD FORWARD f", MAILFORWARD=world.admin, PHONE="\u00e4")
    raw = world.request(mailboxes("at", 4) + mailboxes("wa", 12, "MODIFY") + [failing],
                        mode="atomic")
    world.held(MODIFY, raw)
    world.search_all("atomic, being applied")
    held = world.hold(DELETE)
    tap.equal(held.hit.wait(60), True, "held")
    world.search_all("atomic, being undone")
    world.gate.release()
    tap.contains(world.response(raw).subject, "nothing was changed")


@tap.test("Mode: check, whose effects and response wait; and a response that is never taken")
def unanswered(world):
    world.postfix.stop()
    path = world.postfix.conf + "/master.cf"
    with open(path, encoding="utf-8") as file:
        shipped = file.read()
    allowed = "smtpd_recipient_restrictions=permit_mynetworks,reject\n"
    tap.contains(shipped, allowed, "master.cf")
    write(path, shipped.replace(allowed, "smtpd_recipient_restrictions=defer\n"))
    world.postfix.start()
    raw = world.request(mailboxes("ck", 12), mode="check")
    tap.equal(world.send(raw).code, 250, "reply")
    wait_for(lambda: world.job_of(raw)["state"] == "sending", "the response to wait")
    world.search_all("checked")
    write(path, shipped.replace(allowed, "smtpd_recipient_restrictions=reject\n"))
    world.postfix.restart()
    world.command("retry", world.job_of(raw)["id"])
    wait_for(lambda: world.job_of(raw)["state"] == "answer failed", "the response to be refused")
    world.search_all("answer failed")
    tap.equal("response" in world.contents(), True, "response")
    write(path, shipped)
    world.postfix.restart()


@tap.test("every state of a job, and what makes one of them another, was looked at")
def complete(world):
    tap.equal(world.looked, LOOKED, "looked at")
    tap.equal(world.states, STATES, "states that were met")


@tap.test("doctor and -t, also with faulty files of secrets: none of them is told")
def commands(world):
    password, key = world.milter.folder + "/directory.password", world.milter.folder + "/spool.key"
    with open(password, "rb") as file:
        good = file.read()
    with open(key, "rb") as file:
        good_key = file.read()
    faults = {"good": (good, good_key), "two lines": (good + b"\n" + good, good_key),
              "too long": (good * 100, good_key), "a NUL": (good + b"\0", good_key),
              "another password": (good[::-1], good_key), "a short key": (good, good_key[:31]),
              "a long key": (good, good_key + good_key)}
    world.wanted["the service's password, reversed"] = [good[::-1]]
    for name, (secret, sealing) in faults.items():
        write(password, secret, 0o600)
        os.chmod(key, 0o600)
        write(key, sealing, 0o400)
        shutil.chown(password, world.milter.user)
        shutil.chown(key, world.milter.user)
        code, told = world.milter.check()
        tap.equal(holds(told.encode(), world.wanted), None, name + ", -t: " + told)
        tap.equal(code == 0, name in ("good", "another password"), name + ", -t: " + told)
        told = run([world.tree.command, "-c", world.milter.conf, "doctor", "-j"], check=False)
        tap.equal(holds(told.stdout + told.stderr, world.wanted), None, name + ", doctor")
    write(password, good, 0o600)
    write(key, good_key, 0o400)
    shutil.chown(password, world.milter.user)
    shutil.chown(key, world.milter.user)


@tap.test("a copied spool without its key: no secret, no start, and a word about it")
def copies(world):
    for where in ("received", "working", "sending"):
        copy = world.nursery.path("milter", "copy-" + where)
        for path, data in files_below(copy):
            tap.equal(holds(data, world.wanted), None, path)
        conf, key = copy + ".conf", copy + ".key"
        with open(world.milter.conf, encoding="utf-8") as file:
            text = file.read()
        for old, new in ((world.milter.spool + '"', copy + '"'),
                         (world.milter.folder + "/spool.key", key),
                         (world.milter.socket, world.milter.socket + where)):
            tap.contains(text, old, "configuration")
            text = text.replace(old, new)
        write(conf, text, 0o644)
        before = len(world.log_lines("not started"))
        for step in ("without a key", "with another key"):
            ended = run([world.tree.milter, "-c", conf], check=False, seconds=20)
            tap.equal(ended.returncode, 78, "%s, %s: %r" % (where, step, ended.stderr))
            tap.contains(ended.stderr.decode(), "key", step)
            run([world.tree.milter, "-c", conf, "-K"], check=step == "without a key")
        tap.equal(len(world.log_lines("not started")), before + 2, "lines of the log")
        # Nothing was thrown away.
        tap.equal({"received": "mail", "working": "rows", "sending": "response"}[where] in
                  world.contents(spool=copy), True, "contents of the copy")


@tap.test("R3.8 R3.9 R3.10 R4.12 files that are shifted, ragged, without headline; wrong passwords: "
          "nothing secret comes back")
def echoes(world):
    head = "DOMAIN;USER;TYPE;ACTION;PASSWORD;DESCRIPTION\r\n"
    quoted = '"%s"' % CLEAR.replace('"', '""')
    plain = CLEAR.replace('"', "'")
    world.wanted["the password in another form"] = [
        each for part in (plain, CLEAR.partition('"')[2], CLEAR[10:], plain.partition(";")[2])
        for each in forms(part)]
    start = "%s;leak;FULL;ADD;" % DOMAIN
    files = {
        "a separator in the password": head + start + plain + ";x\r\n",
        "two in it": head + start + plain + ";" + plain + ";x\r\n",
        "a row too short": head + "%s;leak;%s\r\n" % (DOMAIN, quoted),
        "a row without the rest": head + quoted + "\r\n",
        "shifted to the left": head + "%s;leak;ADD;%s;x;y\r\n" % (DOMAIN, quoted),
        "shifted to the left, ACTION missing": head + "%s;leak;FULL;%s;;\r\n" % (DOMAIN, quoted),
        "shifted to USER": "TYPE;ACTION;DOMAIN;USER;PASSWORD\r\nFULL;%s;leak;%s;\r\n" % (
            DOMAIN, CLEAR[10:]),
        "an open quote": head + start + '"' + plain + "\r\n",
        "a quote inside": head + start + CLEAR.replace(";", "") + ";x\r\n",
        "no headline": start + quoted + ";x\r\n",
        "a headline with a password": head.replace("USER", CLEAR[10:]) + start + quoted + ";x\r\n",
        "a foreign scheme": head + start + '"{MD5}' + CLEAR[10:] + '";x\r\n',
        "a damaged hash": head + start + HASH[:-9] + ";x\r\n",
        "PASSWORD on a forward": head.replace("\r\n", ";MAILFORWARD\r\n") + (
            "%s;leak;FORWARD;ADD;%s;x;a@b.example\r\n" % (DOMAIN, quoted)),
        "a password that is no text": head.encode() + start.encode() + b'"\x81\x8d' + (
            CLEAR[10:].encode() + b'";x\r\n'),
        "the columns the other way": "PASSWORD;DOMAIN;USER;TYPE;ACTION\r\n%s;x;y\r\n" % plain,
    }
    requests = {name: world.request(csv=text) for name, text in files.items()}
    requests["a wrong password"] = world.request([row("ADD FULL leak", PASSWORD=CLEAR)],
                                                 password=WRONG)
    requests["the password as a header, twice"] = world.request(
        [row("ADD FULL leak", PASSWORD=CLEAR)], headers=["Password: " + WRONG])
    requests["the password as the subject of another"] = world.request(
        [row("ADD FULL leak", PASSWORD=CLEAR)], headers=["X-Password: " + WRONG],
        reference="ref", mode="never")
    for name, raw in requests.items():
        tap.equal(world.send(raw).code, 250, name)
    for name, raw in requests.items():
        answer = world.response(raw)
        found = holds(answer.decoded, world.wanted)
        tap.equal(found, None, "%s: %s" % (name, answer.text))
        tap.absent(answer.subject, "processed ok", name)
    tap.equal(holds(world.log_text().encode(), world.wanted), None, "log")
    tap.equal(world.entry(at("leak")), None, "entry")


@tap.test("no secret in a command line or environment of the daemon and what it started")
def processes(world):
    world.fence()
    seen = world.watch.close()
    tap.contains(seen, b"batchload-parse\0", "what was seen")
    tap.contains(seen, b"batchload-milter\0", "what was seen")
    tap.equal(holds(seen, world.wanted), None, "what was seen")


if __name__ == "__main__":
    tap.main(SecretWorld)
