# SPDX-License-Identifier: MIT
"""Canaries: passwords and hashes that are looked for wherever a request leaves a trace: logs, the
spool at each of its stations, process lists, responses, cores, copies, the daemon's memory."""

import base64
import contextlib
import grp
import json
import os
import pwd
import resource
import secrets
import shutil
import signal
import sqlite3
import stat
import threading
import time

import tap
from harness import World, run, wait_for, write
from rows import DOMAIN, at, row

CLEAR = "Kan;a\"ri-" + secrets.token_urlsafe(18)
HASH = "{SSHA512}" + base64.b64encode(os.urandom(72)).decode()
WRONG = "Falsch-" + secrets.token_urlsafe(18)
ROWS = 100


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
        # Nothing outside keeps cores from being written.
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
        super().__init__(settings={"slice_rows": 10})
        self.wanted = {name: list(forms(secret)) for name, secret in (
            ("the clear password of the file", CLEAR), ("the hash of the file", HASH),
            ("the administrator's password", self.passwords[self.admin]),
            ("the wrong password", WRONG), ("the service's password", self.service_password))}
        self.wanted["the clear password of the file"] += forms(CLEAR[10:])
        self.watch = Watch(self)
        self.sent = None
        self.raw = None

    def jobs(self):
        return [json.loads(line) for line in run(
            [self.tree.command, "-c", self.milter.conf, "queue", "-j"]).stdout.splitlines()]

    def wait_job(self, question, what):
        return wait_for(lambda: [job for job in self.jobs() if question(job)], what, 60)

    def search_all(self, where):
        """No secret in the spool's files, in any log, in what the command tells."""
        names = []
        for path, data in files_below(self.milter.spool):
            names.append(os.path.relpath(path, self.milter.spool))
            tap.equal(holds(data, self.wanted), None, "%s, %s" % (where, path))
        for server in (self.milter, self.postfix, self.dovecot):
            with contextlib.suppress(FileNotFoundError):
                with open(server.output(), "rb") as file:
                    tap.equal(holds(file.read(), self.wanted), None, server.output())
        tap.equal(holds(self.log_text().encode(), self.wanted), None, where + ", log")
        for job in self.jobs():
            told = run([self.tree.command, "-c", self.milter.conf, "show", job["id"]]).stdout
            tap.equal(holds(told, self.wanted), None, where + ", batchload show")
            tap.equal(holds(json.dumps(job).encode(), self.wanted), None, where + ", queue -j")
        # Something is there, and the search can find.
        tap.equal(holds(self.raw, self.wanted) is not None, True, "secrets in the request")
        everything = b"".join(data for _, data in files_below(self.milter.spool))
        tap.contains(everything, self.admin.encode(), "the spool")
        copy = self.nursery.path("milter", "copy-" + where)
        shutil.copytree(self.milter.spool, copy)
        for path in [copy] + [os.path.join(copy, name) for name in names]:
            shutil.chown(path, self.milter.user)
        for name in os.listdir(copy):
            shutil.chown(os.path.join(copy, name), self.milter.user)
        return names

    @contextlib.contextmanager
    def store(self):
        """The spool's database, read only."""
        with contextlib.closing(sqlite3.connect("file:%s/spool.db?mode=ro" % self.milter.spool,
                                                uri=True, timeout=10)) as store:
            yield store


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
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        tap.equal(int(status[name], 16), 0, name)
    for folder, _, names in os.walk(world.milter.spool):
        for name in [folder] + [os.path.join(folder, each) for each in names]:
            info = os.lstat(name)
            tap.equal((info.st_uid, info.st_mode & 0o077), (user.pw_uid, 0), name)
    info = os.stat(world.milter.socket)
    tap.equal((info.st_mode & 0o777, info.st_gid), (0o660, grp.getgrnam("postfix").gr_gid),
              "the socket's mode and group")
    # Nothing of it can be written by the daemon but what is its own.
    tap.equal(os.stat(world.milter.conf).st_uid, 0, "owner of the configuration")


@tap.test("R2.26 the directory away: a request that waits unproven")
def unproven(world):
    world.slapd.kill()
    world.raw = world.request(
        [row("ADD FULL clear%d" % n, PASSWORD=CLEAR, GIVENNAME="A", SURNAME="B")
         for n in range(ROWS)] + [row("ADD FULL hash%d" % n, PASSWORD=HASH) for n in range(5)] +
        [row("ADD FULL shifted", PASSWORD=CLEAR, TITLE="x", STATE=CLEAR[:1])])
    tap.equal(world.send(world.raw).code, 250, "reply")
    world.wait_job(lambda job: job["state"] == "received" and job.get("waiting"), "it to wait")
    names = world.search_all("received")
    tap.equal(any(name.startswith("mail/") for name in names), True, "files: %r" % names)


@tap.test("a slice with its intent stored, and the directory gone")
def intent(world):
    with world.store() as store:
        for _ in range(20):
            world.slapd.start()
            end = time.monotonic() + 20
            while not intents(store) and time.monotonic() < end:
                pass  # it is there for milliseconds only
            world.slapd.kill()
            if intents(store):
                break
        else:
            raise AssertionError("no intent was met")
    tap.equal([job["state"] for job in world.jobs()], ["working"], "state")
    names = world.search_all("working")
    tap.equal(any(name.startswith("rows/") for name in names), True, "files: %r" % names)
    tap.equal(any(name.startswith("mail/") for name in names), False, "the mail is deleted")


@tap.test("a response that waits for the mail server; then the response itself")
def response(world):
    submit = world.milter.own["submit"]
    world.milter.own["submit"] = "smtp://127.0.0.1:%d" % world.nursery.port()
    world.milter.configure({"slice_rows": 10})
    world.milter.restart()
    world.slapd.start()
    world.wait_job(lambda job: job["state"] == "sending", "the response to wait")
    names = world.search_all("sending")
    tap.equal(any(name.startswith("response/") for name in names), True, "files: %r" % names)
    world.milter.own["submit"] = submit
    world.milter.configure({"slice_rows": 10})
    world.milter.restart()
    answer = world.response(world.raw)
    tap.equal(holds(answer.decoded, world.wanted), None, "response")
    tap.equal(answer.results.count("created"), ROWS + 6, answer.text)
    stored = world.slapd.entry(at("clear0"), ("userPassword",))["userpassword"][0]
    stored = base64.b64decode(stored).decode() if isinstance(stored, bytes) else stored
    world.wanted["a hash that was made"] = [stored.encode(), stored[7:].encode()]
    tap.equal(world.can_login(at("clear0"), CLEAR), True, "login")
    world.fence()
    for path, data in files_below(world.milter.spool):
        tap.equal(holds(data, world.wanted), None, path)
    for where in ("working", "sending"):
        for path, data in files_below(world.nursery.path("milter", "copy-" + where)):
            tap.equal(holds(data, world.wanted), None, path)


@tap.test("the daemon's memory after the job: none of the file's secrets")
def memory(world):
    answer = world.ask([row("MODIFY FULL clear%d" % n, PASSWORD=CLEAR) for n in range(25)] +
                       [row("MODIFY FULL hash%d" % n, PASSWORD=HASH) for n in range(5)])
    tap.equal(answer.results, ["changed"] * 30, answer.text)
    world.fence()
    found = {}
    total = 0
    with open("/proc/%d/maps" % world.milter.pid, encoding="utf-8") as file:
        maps = [line.split() for line in file]
    with open("/proc/%d/mem" % world.milter.pid, "rb", 0) as image:
        for area, mode, *_ in maps:
            begin, end = (int(each, 16) for each in area.split("-"))
            # Shadows of a sanitizer are terabytes.
            if not mode.startswith("rw") or end - begin > 1 << 30:
                continue
            with contextlib.suppress(OSError):
                image.seek(begin)
                data = image.read(end - begin)
                total += len(data)
                for name, needles in world.wanted.items():
                    count = sum(data.count(each) for each in needles)
                    if count:
                        found[name] = found.get(name, 0) + count
    tap.say("%d kB of memory: %r" % (total // 1024, found))
    # The first is the configuration's, and needed for each connection. The second may linger once in
    # a buffer of a library.
    found.pop("the service's password", None)
    found.pop("the administrator's password", None)
    # A sanitizer keeps what is freed from being used again.
    if any("asan" in word for line in maps for word in line[5:]):
        found.pop("the hash of the file", None)
    tap.equal(found, {}, "secrets in memory")


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
        tap.equal(sum(len(data) for path, data in files_below(copy) if "/spool.db" not in path) > 0,
                  True, "files of the copy")


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


@tap.test("no core: the daemon falls, and none is written")
def core(world):
    pid = world.milter.pid
    with open("/proc/%d/limits" % pid, encoding="ascii") as file:
        limits = next(line for line in file if line.startswith("Max core file size"))
    tap.equal(limits.split()[4:6], ["0", "0"], "limit of cores")
    # Only of a process that can't be dumped is this root's.
    tap.equal(os.stat("/proc/%d/mem" % pid).st_uid, 0, "owner of its memory")
    os.kill(pid, signal.SIGSEGV)
    how = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    tap.absent((os.CLD_DUMPED,), how.si_code, "how it ended")
    world.milter.process.wait()
    world.milter.start()
    world.fence()


if __name__ == "__main__":
    tap.main(SecretWorld)
