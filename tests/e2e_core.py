# SPDX-License-Identifier: MIT
"""What a core would hold, at each moment at which one could be made: the daemon's memory and its
helper's are read as a core has them. And that no core can be had of either."""

import base64
import contextlib
import hashlib
import itertools
import os
import pwd
import quopri
import re
import resource
import shutil
import signal
import subprocess

import tap
from harness import World, mail, run, salted, wait_for, which, write
from harness.gate import HOLD, Trap
from harness.ldapgate import ADD, LdapGate
from harness.memory import Canaries, Image, hash_pieces

SLICE, ROWS = 10, 25
NOISE = b"Content-Type: text/plain; name=other.txt\r\n\r\n" + (b"x" * 72 + b"\r\n") * 100000
FILL = "max_free_fill_size=1000000000:quarantine_size_mb=1:handle_segv=0:handle_abort=0"
# What stands for what. The daemon itself needs the service's login all the time.
ADMIN, SERVICE, NEW_SERVICE, WRONG = "a", "b", "B", "w"


class CoreWorld(World):
    def __init__(self):
        # Nothing outside keeps cores from being written, and one would lie where it can be seen.
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
        # A sanitizer has a free() of its own, and can wipe in our stead.
        os.environ["ASAN_OPTIONS"] = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), FILL)))
        self.canaries = Canaries()
        self.service = SERVICE
        self.hashes = []
        self.newcomers = ("h%dx" % number for number in itertools.count())
        super().__init__(settings={"slice_rows": SLICE})

    def _build(self, *arguments):
        self.passwords = {address: self.canaries.text(ADMIN, number)
                          for number, address in enumerate(self.passwords)}
        self.service_password = self.canaries.text(SERVICE)
        super()._build(*arguments)

    def make_milter(self, values, settings):
        self.gate = LdapGate(self.nursery, self.slapd.port)
        milter = super().make_milter({**values, "LDAP_URI": self.gate.uri}, settings)
        self.cores = self.nursery.path("cores")
        os.mkdir(self.cores)
        shutil.chown(self.cores, milter.user)
        milter.prefix = ("env", "-C", self.cores)
        return milter

    def rows(self, kind, action="ADD", user=None, count=ROWS):
        """Mailboxes whose passwords are canaries."""
        return [{"DOMAIN": self.domain, "USER": "%s%d" % (user or "u" + kind, number),
                 "TYPE": "FULL", "ACTION": action, "PASSWORD": self.canaries.text(kind, number)}
                for number in range(count)]

    def keys(self):
        """{name: bytes} of the spool's key and those that are derived from it."""
        with open(self.milter.folder + "/spool.key", "rb") as file:
            key = file.read()
        found = {number: hashlib.blake2b(
            digest_size=32, key=key, salt=number.to_bytes(16, "little"),
            person=b"batchld1".ljust(16, b"\0")).digest() for number in (1, 2, 3)}
        return {"master": key, **found}

    def look(self, pid=None, allowed=lambda kind, number: False):
        """What an image of the daemon has of the canaries, {(kind, number): count}; it fails where
        there is one in any other form or not allowed. pid: of the helper, which has its own mail in
        every form."""
        image = Image(pid or self.milter.pid)
        plain, others = self.canaries.found(image)
        if pid is not None:
            others = []
        own = (self.service,) if pid is None else ()
        wrong = {key: count for key, count in plain.items()
                 if key[0] not in own and not allowed(*key)}
        tap.say("%d kB, %r" % (image.size() // 1024, plain))
        for kind, number in wrong:
            others += ["%s: %r" % (where, before + after) for where, before, after in
                       image.places(self.canaries.text(kind, number)[:12].encode())][:3]
        tap.equal((wrong, others), ({}, []), "secrets in memory")
        for text in self.hashes:
            tap.equal([piece for piece in hash_pieces(text) if image.count(piece)], [],
                      "pieces of a hash in memory")
        keys = {name: image.count(key) for name, key in self.keys().items()}
        wanted = {"master": 0, 1: 1, 2: 1, 3: 1} if pid is None else dict.fromkeys(keys, 0)
        tap.equal(keys, wanted, "keys of the spool in memory")
        # The search can find.
        if pid is None:
            tap.equal(plain.get((self.service, 0), 0) > 0, True, "the service's own login")
        return plain

    def remember_hashes(self, *users):
        for user in users:
            found = self.slapd.entry("%s@%s" % (user, self.domain), ("userPassword",))
            self.hashes.append(found["userpassword"][0])
        return self.hashes


def encoded(world):
    """Requests with keyword and file in each form in which they come by mail."""
    password = world.passwords[world.admin]
    tables = [mail.table(world.rows(kind)) for kind in "1234"]
    keyword = "Password: %s\n" % password
    text = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n%s"
    yield world.request(csv=tables[0])
    yield world.request(parts=[mail.text_part(""), mail.attachment(tables[1], encoding="8bit")],
                        headers=["Password: " + password])
    yield world.request(parts=[
        text % (b"base64", base64.encodebytes(keyword.encode())),
        mail.attachment(tables[2].encode("utf-16"), type="text/csv; charset=utf-16")])
    quoted = [quopri.encodestring(each.encode()).replace(b"\n", b"\r\n")
              for each in (keyword, tables[3])]
    yield world.request(parts=[
        text % (b"quoted-printable", quoted[0]),
        mail.attachment(quoted[1], encoding=None,
                        headers=["Content-Transfer-Encoding: quoted-printable"])])


@tap.test("idle: the service's login and the keys that are derived from the spool's, nothing else")
def idle(world):
    world.look()


@tap.test("requests of each encoding that wait, unproven: nothing of them")
def unproven(world):
    world.slapd.kill()
    world.raws = list(encoded(world))
    for raw in world.raws:
        tap.equal(world.send(raw).code, 250, "reply")
    world.wait_log("action=wait")
    # One may be met while it is read, at first or again. What stays behind is there whenever one
    # looks.
    for left in reversed(range(5)):
        try:
            world.look()
            return
        except AssertionError:
            if not left:
                raise


@tap.test("a slice in work: its own rows and those of the next one, which is planned meanwhile; nothing of "
          "other slices, of proven requests that wait, nor of any administrator's password")
def working(world):
    held = world.gate.set(Trap(HOLD, kinds=(ADD,)))
    world.slapd.start()
    wait_for(lambda: held.hit.is_set() and
             len(world.log_lines("action=begin")) == len(world.raws), "all to be begun", 25)
    found = world.look(allowed=lambda kind, number: kind == "1" and number < 2 * SLICE)
    tap.equal({number for kind, number in found if kind == "1"} >= set(range(SLICE)), True,
              "rows in work")


@tap.test("responses that wait for the mail server: nothing, nor of the hashes that were made")
def sending(world):
    world.postfix.stop()
    world.gate.release()
    wait_for(lambda: run([world.tree.command, "-c", world.milter.conf, "queue"]).stdout.count(
        b"sending") == len(world.raws), "all responses to wait", 60)
    world.remember_hashes("u10", "u29", "u324", "u40")
    world.look()


@tap.test("all answered: nothing")
def answered(world):
    world.postfix.start()
    for job in jobs(world):
        run([world.tree.command, "-c", world.milter.conf, "retry", job], check=False)
    for raw in world.raws:
        tap.equal(world.response(raw).results, ["created"] * ROWS, "results")
    tap.equal(world.can_login("u10@" + world.domain, world.canaries.text("1")), True, "login")
    world.look()


def jobs(world):
    lines = run([world.tree.command, "-c", world.milter.conf, "queue"]).stdout.decode()
    return re.findall(r"(?m)^(\d{8}-\w{6}) ", lines)


def make_certificate(world):
    folder = world.slapd.folder
    run([which("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", folder + "/key.pem", "-out",
         folder + "/cert.pem"])
    os.chmod(folder + "/cert.pem", 0o644)
    with open(world.slapd.conf, encoding="utf-8") as file:
        text = file.read()
    write(world.slapd.conf, "TLSCertificateFile %s/cert.pem\nTLSCertificateKeyFile %s/key.pem\n%s" % (
        folder, folder, text), 0o600)
    world.slapd.restart()
    return folder + "/cert.pem"


@tap.test("another login of the service, TLS, and passwords that the directory hashes: the old login is "
          "gone, and nothing is left of what the TLS library saw")
def tls(world):
    certificate = make_certificate(world)
    password = world.canaries.text(NEW_SERVICE)
    world.slapd.modify("dn: cn=batchload,ou=services,%s\nchangetype: modify\n"
                       "replace: userPassword\nuserPassword: %s\n" % (world.base, salted(password)))
    write(world.milter.folder + "/directory.password", password, 0o600)
    shutil.chown(world.milter.folder + "/directory.password", world.milter.user)
    world.service = NEW_SERVICE
    world.milter.own.update({"directory.uri": world.slapd.uri, "directory.starttls": "yes",
                             "directory.ca_file": certificate, "password_scheme": "server"})
    world.reconfigure({"slice_rows": SLICE})
    for kind, user in (("5", "u1"), ("6", "u2")):
        answer = world.ask(world.rows(kind, "MODIFY", user))
        tap.equal(answer.results, ["changed"] * ROWS, answer.text)
    # Each worker lets go of what it had when it wakes next.
    old = world.canaries.text(SERVICE)[:12].encode()
    wait_for(lambda: Image(world.milter.pid).count(old) == 0, "the old login to be gone")
    world.look()


@tap.test("Mode: atomic, carried out, failed, and deleting: nothing of the hashes that were kept to be "
          "put back")
def atomic(world):
    world.milter.own["password_scheme"] = "{CRYPT}$6$"
    world.reconfigure({"slice_rows": SLICE})
    world.remember_hashes("u11", "u20", "u30")
    answer = world.ask(world.rows("7", "MODIFY", "u3", 12), mode="atomic")
    tap.equal(answer.results, ["changed"] * 12, answer.text)
    world.remember_hashes("u31", "u311")
    failing = {"DOMAIN": world.domain, "USER": "f", "TYPE": "FORWARD", "ACTION": "ADD",
               "MAILFORWARD": world.admin, "PHONE": "\u00e4"}
    answer = world.ask(world.rows("8", "MODIFY", "u3", 12) + [failing], mode="atomic")
    tap.contains(answer.subject, "nothing was changed")
    answer = world.ask([{"DOMAIN": world.domain, "USER": "u3%d" % number, "TYPE": "FULL",
                         "ACTION": "DELETE"} for number in range(12)], mode="atomic")
    tap.equal(answer.results, ["deleted"] * 12, answer.text)
    world.look()


@tap.test("refused: a wrong password, and files that can't be read to their end: nothing")
def refused(world):
    table = mail.table(world.rows("9"))
    raws = [world.request(csv=table, password=world.canaries.text(WRONG)),
            world.request(csv=table + 'x;y;FULL;ADD;"' + world.canaries.text("9", 77)),
            world.request(csv=table.replace("DOMAIN", world.canaries.text("9", 78), 1)),
            world.request(csv=table, headers=["Password: " + world.canaries.text(WRONG, 1)])]
    for raw in raws:
        tap.equal(world.send(raw).code, 250, "reply")
    for raw in raws:
        tap.contains(world.response(raw).subject, "not processed")
    world.look()


# --- the helper ---

@contextlib.contextmanager
def helper_at_work(world):
    """Its pid, in the middle of a mail; daemon and helper go on after. Gives (pid, request)."""
    for _ in range(20):
        raw = world.request(parts=[
            mail.text_part("Password: %s\n" % world.passwords[world.admin]), NOISE,
            mail.attachment(mail.table(world.rows("0", user=next(world.newcomers), count=3)))])
        sent = world.send(raw)
        tap.equal(sent.code, 250, "reply")
        pid = caught(world, sent.queue_id)
        if pid:
            try:
                yield pid, raw, sent.queue_id
            finally:
                os.kill(world.milter.pid, signal.SIGCONT)
            return
        world.response(raw)  # it was faster
    raise AssertionError("the helper was never met at work")


def helpers(world):
    """Pids of what the daemon's threads have started; quickly."""
    folder = "/proc/%d/task" % world.milter.pid
    for thread in os.listdir(folder):
        with contextlib.suppress(OSError), open("%s/%s/children" % (folder, thread),
                                                encoding="ascii") as file:
            yield from map(int, file.read().split())


def bytes_read(pid):
    with contextlib.suppress(OSError), open("/proc/%d/io" % pid, encoding="ascii") as file:
        return int(file.readline().split()[1])
    return 0


def caught(world, queue_id):
    """The pid of a helper that reads, which waits for the stopped daemon now; None: it was over."""
    while not world.log_lines(queue_id, "action=begin"):
        for pid in helpers(world):
            if bytes_read(pid) < len(NOISE) // 10:
                continue
            os.kill(world.milter.pid, signal.SIGSTOP)
            with contextlib.suppress(OSError, KeyError):
                if status_of(pid)["Seccomp"] == "2":
                    wait_for(lambda: status_of(pid)["State"][0] == "S", "it to wait", 5, 0.001)
                    return pid
            os.kill(world.milter.pid, signal.SIGCONT)
    return None


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@tap.test("the helper that reads a mail: no descriptor, right or secret but what it needs")
def helper(world):
    with helper_at_work(world) as (pid, raw, _):
        links = {name: os.readlink("/proc/%d/fd/%s" % (pid, name))
                 for name in os.listdir("/proc/%d/fd" % pid)}
        tap.equal(sorted(links), ["0", "1", "2"], "descriptors: %r" % links)
        tap.equal((links["0"] == links["1"], links["0"][:7], links["2"]),
                  (True, "socket:", "/dev/null"), "descriptors: %r" % links)
        with open("/proc/%d/environ" % pid, "rb") as file:
            tap.equal(file.read(), b"LC_ALL=C\0", "environment")
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            words = file.read().split(b"\0")[1:-1]
        tap.equal([word for word in words if not word.isdigit()], [], "arguments: %r" % words)
        status = status_of(pid)
        tap.equal((status["NoNewPrivs"], status["Seccomp"], status["Threads"]), ("1", "2", "2"),
                  "NoNewPrivs, Seccomp, Threads")
        for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"):
            tap.equal(int(status[name], 16), 0, name)
        user = pwd.getpwnam(world.milter.user)
        tap.equal(set(status["Uid"].split() + status["Gid"].split()),
                  {str(user.pw_uid), str(user.pw_gid)}, "Uid, Gid")
        with open("/proc/%d/limits" % pid, encoding="ascii") as file:
            limits = dict(re.findall(r"(?m)^Max (\w[\w ]*?)  +(\S+)", file.read()))
        tap.equal([limits[name] for name in ("core file size", "file size", "processes", "open files",
                                             "cpu time")], ["0", "0", "0", "0", "60"], "limits")
        if "asan" not in open("/proc/%d/maps" % pid, encoding="utf-8").read():
            tap.equal(limits["address space"], str(512 << 20), "address space")
        # Of its own mail it may have all; nothing of the daemon's or of mails before.
        world.look(pid, lambda kind, number: kind in (ADMIN, "0"))
        tap.equal(Image(pid).count(b"x" * 60) > 0, True, "the mail in its memory")
        unreadable(world, pid)
    tap.equal(world.response(raw).results, ["created"] * 3, "results")


ENDS = {
    signal.SIGSYS: "it did what it must not (SIGSYS): the mail may be an attack",
    signal.SIGXCPU: "its processor time was up (SIGXCPU)",
    signal.SIGABRT: "it had no more memory, or gave up (SIGABRT)",
}


@tap.table([("the helper ends by %s: the request is refused, the log says why, no core" % each.name,
             each) for each in ENDS])
def ended(world, number):
    with helper_at_work(world) as (pid, raw, queue_id):
        os.kill(pid, number)
    tap.contains(world.response(raw).text, "The mail can't be read")
    lines = world.log_lines(queue_id, 'action="parser ended" from=%s' % world.admin)
    tap.equal(len(lines), 1, "log lines")
    tap.contains(lines[0], ENDS[number])
    tap.equal(os.listdir(world.cores), [], "cores")
    world.look()


@tap.test("the helper is killed by somebody: the request waits, is read again, and answered once")
def killed(world):
    with helper_at_work(world) as (pid, raw, queue_id):
        os.kill(pid, signal.SIGKILL)
    tap.equal(world.response(raw).results, ["created"] * 3, "results")
    tap.equal(len(world.log_lines(queue_id, "action=wait")), 1, "log lines")
    tap.equal(world.log_lines(queue_id, "parser ended"), [], "log lines")
    world.look()


# --- no core, and no look into it ---

# By the system's Python, which the daemon's user can run.
PEEK = """
import ctypes, sys
pid = int(sys.argv[1])
for name in ("mem", "environ", "maps", "auxv"):
    try:
        with open("/proc/%d/%s" % (pid, name), "rb", 0) as file:
            file.read(0 if name == "mem" else 1)
        print("read", name)
    except OSError:
        pass
libc = ctypes.CDLL(None)
if libc.ptrace(16, pid, None, None) == 0:  # PTRACE_ATTACH
    print("traced")
    libc.ptrace(17, pid, None, None)
"""


def peek(world, pid):
    user = pwd.getpwnam(world.milter.user)
    return subprocess.run(["/usr/bin/python3", "-I", "-c", PEEK, str(pid)], user=user.pw_uid,
                          group=user.pw_gid, extra_groups=[], capture_output=True, check=True,
                          timeout=60).stdout.decode().split()


def unreadable(world, pid):
    tap.equal(peek(world, pid), [], "what the same user can see")
    tap.equal(os.stat("/proc/%d/mem" % pid).st_uid, 0, "owner of its memory")


def ordinary(world, *command):
    """A process of the daemon's user in the folder of cores that nothing protects."""
    user = pwd.getpwnam(world.milter.user)
    return subprocess.Popen(command, user=user.pw_uid, group=user.pw_gid, extra_groups=[],
                            cwd=world.cores)


@tap.test("nobody looks into the daemon, not even its own user; into an ordinary process of that user "
          "he does")
def private(world):
    other = ordinary(world, "sleep", "100")
    try:
        tap.contains(wait_for(lambda: peek(world, other.pid), "the other process"), "mem")
    finally:
        other.kill()
        other.wait()
    unreadable(world, world.milter.pid)


@tap.test("the daemon crashes, and leaves no core where an ordinary process leaves one")
def core(world):
    other = ordinary(world, "sh", "-c", "kill -SEGV $$")
    how = os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    other.wait()
    if how.si_code != os.CLD_DUMPED:
        tap.say("this machine writes no cores: nothing to compare with")
    for name in os.listdir(world.cores):
        os.unlink(os.path.join(world.cores, name))
    os.kill(world.milter.pid, signal.SIGSEGV)
    how = os.waitid(os.P_PID, world.milter.pid, os.WEXITED | os.WNOWAIT)
    world.milter.process.wait()
    tap.equal((how.si_code, how.si_status), (os.CLD_KILLED, signal.SIGSEGV), "how it ended")
    tap.equal(os.listdir(world.cores), [], "cores")
    world.milter.start()
    world.fence()


if __name__ == "__main__":
    tap.main(CoreWorld)
