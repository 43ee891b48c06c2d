# SPDX-License-Identifier: MIT
"""Several servers of one directory, and who they are: one that is dead at the start, a pair of
mirrors of which one dies in the middle, copies that take no changes, certificates that are not to
be believed, and the daemon's user as its own proof."""

import grp
import json
import os
import pwd
import subprocess

import tap
from harness import World, wait_for
from harness.big import copy, hashed, jobs
from harness.gate import LOSE_ANSWER, Trap
from harness.ldapgate import ADD, BIND, LdapGate
from harness.process import run, which, write
from harness.servers import Slapd

ROWS = 2000
SLICE = 100
LOST = 730  # the write whose answer is lost


class Twin(Slapd):
    """A second server with the same database, made from the files of the first, which is at rest."""
    name = "twin"

    def __init__(self, first):
        self.nursery = first.nursery
        self.process = None
        self.port = self.nursery.port()
        self.uri = "ldap://127.0.0.1:%d" % self.port
        self.base, self.root_dn = first.base, first.root_dn
        self.password_file = first.password_file
        self.folder = self.nursery.path("twin")
        copy(first.folder, self.folder)
        os.chmod(self.folder, 0o711)
        self.conf = self.folder + "/slapd.conf"
        with open(first.conf, encoding="utf-8") as file:
            write(self.conf, file.read().replace(first.folder, self.folder), 0o600)


class Failover(World):
    def __init__(self):
        super().__init__()
        self.slapd.stop()
        with open(self.slapd.conf, encoding="utf-8") as file:
            self.plain = file.read()
        self.twin = Twin(self.slapd)
        # What they tell each other goes through gates, so that it can be held up.
        self.to_first = LdapGate(self.nursery, self.slapd.port)
        self.to_twin = LdapGate(self.nursery, self.twin.port)
        self.gate = LdapGate(self.nursery, self.slapd.port)
        self.secure = self.nursery.port()
        self.socket = self.slapd.folder + "/ldapi"
        self._make_mirrors()
        self.certificates = Certificates(self.nursery.path("certificates"))
        self.slapd.start()
        self.twin.start()

    def set_up(self, server, head="", tail=""):
        """Its configuration as shipped, with lines at the beginning and at the end."""
        text = self.plain.replace(self.slapd.folder, server.folder)
        write(server.conf, "%s\n%s\n%s\n" % (head, text, tail), 0o600)

    def replication(self, gate):
        return ('syncrepl rid=1 provider=%s type=refreshAndPersist searchbase="%s" '
                'bindmethod=simple binddn="%s" credentials=%s retry="1 +"\n' % (
                    gate.uri, self.base, self.slapd.root_dn, self.root_password))

    def _make_mirrors(self):
        for number, (server, gate) in enumerate(((self.slapd, self.to_twin),
                                                 (self.twin, self.to_first)), 1):
            self.set_up(server, "serverID %d\nmodulepath /usr/lib/ldap\nmoduleload syncprov" % number,
                        "overlay syncprov\n" + self.replication(gate) + "multiprovider on")

    def make_mirrors(self):
        """As in the beginning, whatever a test has made of them."""
        self.slapd.stop()
        self.twin.stop()
        self._make_mirrors()
        self.slapd.start()
        self.twin.start()
        self.alike()

    def alike(self):
        """Waits until both servers have the same."""
        def same():
            first, second = (server.search(attributes=("*", "entryUUID", "entryCSN"))
                             for server in (self.slapd, self.twin))
            return first == second
        wait_for(same, "the servers to have the same", 60, 0.2)

    def use(self, uri, **settings):
        """A fresh daemon that has nothing to do."""
        self.milter.stop()
        self.milter.configure({"directory.uri": uri, "slice_rows": SLICE, **settings})
        self.milter.start()

    def doctor(self):
        result = subprocess.run(
            [self.tree.command, "-c", self.milter.conf, "doctor", "-j",
             "--postfix=" + self.postfix.conf], capture_output=True, text=True, timeout=100,
            check=False)
        found = map(json.loads, result.stdout.splitlines())
        return {each["what"]: (each["state"], each["words"]) for each in found}


class Certificates:
    """An authority, and what it signs."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = folder + "/ca.pem"
        os.mkdir(folder, 0o755)
        self._make_authority("ca")
        self._make_authority("stranger")
        self._sign("good", "IP:127.0.0.1", 2)
        self._sign("expired", "IP:127.0.0.1", -1)
        self._sign("other", "DNS:ldap.elsewhere.example", 2)
        os.chmod(self.authority, 0o644)

    def _openssl(self, *words):
        run([which("openssl"), *words])

    def _key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=" + name, "-keyout", self.file(name, "key"))

    def file(self, name, end="pem"):
        return "%s/%s.%s" % (self.folder, name, end)

    def _make_authority(self, name):
        self._openssl("req", "-x509", *self._key(name), "-days", "2", "-out", self.file(name))

    def _sign(self, name, names, days):
        write(self.file("names"), "subjectAltName=%s\n" % names)
        self._openssl("req", *self._key(name), "-out", self.file("request"))
        self._openssl("x509", "-req", "-in", self.file("request"), "-CA", self.authority, "-CAkey",
                      self.file("ca", "key"), "-CAcreateserial", "-extfile", self.file("names"),
                      "-days", str(days), "-out", self.file(name))

    def lines(self, name):
        return "TLSCertificateFile %s\nTLSCertificateKeyFile %s\n" % (
            self.file(name), self.file(name, "key"))


def forward(domain, user):
    return {"DOMAIN": domain, "USER": user, "TYPE": "FORWARD", "ACTION": "ADD",
            "MAILFORWARD": "x@elsewhere.example"}


def nobody(world):
    """An address at which no server is."""
    return "ldap://127.0.0.1:%d" % world.nursery.port()


def mine(world):
    """The administrator's request that is not done."""
    return next(job for job in jobs(world)
                if job["requester"] == world.admin and job["state"] != "done")


def cancel(world):
    """It is not done, and answered."""
    run([world.tree.command, "-c", world.milter.conf, "cancel", mine(world)["id"]])
    wait_for(lambda: all(job["state"] == "done" for job in jobs(world)), "all to be done")


def served(world):
    world.fence(world.other_admin)


@tap.test("R5.8 the first server is dead at the start: the next one is used, and stays in use")
def first_dead(world):
    dead = nobody(world)
    world.use("%s %s" % (dead, world.slapd.uri))
    before = len(world.log_lines("action=switch"))
    served(world)
    line = world.wait_log("directory: action=switch", world.slapd.uri + " is used from now on")[0]
    tap.contains(line, dead + " can't be: The directory is not reachable")
    served(world)
    world.reconfigure({"directory.uri": "%s %s" % (dead, world.slapd.uri)})
    served(world)
    tap.equal(len(world.log_lines("action=switch")) - before, 1, "switches told")
    found = world.doctor()
    tap.equal(found["server 1"][0], "wrong", found["server 1"][1])
    tap.contains(found["server 1"][1], dead + " can't be used: The directory is not reachable")
    tap.equal(found["server 2"], ("good", world.slapd.uri + " takes the service's login and changes."),
              "the second")
    tap.equal(found["directory"][0], "good", "the directory")


@tap.test("R5.8 a mirror dies in the middle of 2,000 rows, one answer lost, and nothing passed on: "
          "the request waits for it, others go on at the other one")
def in_the_middle(world):
    world.use("%s %s" % (world.gate.uri, world.twin.uri))
    rows = [{"DOMAIN": world.domain, "USER": "m%d" % n, "TYPE": "FULL", "ACTION": "ADD",
             "PASSWORD": hashed("m")} for n in range(ROWS)]
    trap = world.gate.set(Trap(LOSE_ANSWER, LOST, (ADD,)))
    # From here on the twin learns nothing of the first.
    world.to_first.away()
    world.to_first.cut()
    raw = world.request(rows)
    tap.equal(world.send(raw).code, 250, "reply")
    tap.equal(trap.hit.wait(120), True, "the answer is lost")
    world.gate.away()
    world.gate.cut()
    world.wait_log("action=wait", world.gate.uri + ", where this was begun, has to be waited for")
    served(world)
    world.wait_log("directory: action=switch", world.twin.uri + " is used from now on")
    before = len(world.log_lines("has to be waited for"))
    wait_for(lambda: len(world.log_lines("has to be waited for")) > before, "one more try", 60, 0.1)
    tap.equal(mine(world)["state"], "working", "the request's state")
    tap.contains(mine(world)["waiting"], "has to be waited for")
    tap.equal(world.twin.entry("m%d@%s" % (LOST - 1, world.domain)), None, "at the twin")
    # A new start knows it, too.
    world.milter.kill()
    world.milter.start()
    served(world)
    world.gate.listen()
    world.to_first.listen()
    response = world.response(raw, 300)
    tap.contains(response.text, "processed ok")
    tap.equal([each["RESULT"] for each in response.rows()], ["created"] * ROWS, "results")
    world.alike()
    found = world.slapd.search("(batchloadChange=*)", base=world.slapd.domain_dn(world.domain))
    tap.equal(len(found), ROWS, "entries")
    world.slapd.delete(*found)
    world.alike()


@tap.test("R5.8 a server that is taken out of the settings is waited for no longer")
def given_up(world):
    world.use("%s %s" % (world.gate.uri, world.twin.uri))
    trap = world.gate.set(Trap(LOSE_ANSWER, 2, (ADD,)))
    world.to_first.away()
    world.to_first.cut()
    raw = world.request([forward(world.domain, "g%d" % n) for n in range(3)])
    tap.equal(world.send(raw).code, 250, "reply")
    tap.equal(trap.hit.wait(60), True, "the answer is lost")
    world.gate.away()
    world.gate.cut()
    wait_for(lambda: "has to be waited for" in (mine(world)["waiting"] or ""), "that it waits", 60,
             0.1)
    # Mailboxes are looked up at the first all the while; for the daemon it is gone.
    world.milter.configure({"directory.uri": world.twin.uri})
    world.milter.reload()
    tap.contains(world.response(raw, 120).text, "processed ok")
    for n in range(3):
        tap.equal(bool(world.twin.entry("g%d@%s" % (n, world.domain))), True, "g%d" % n)
    # It comes back as a copy of the other one.
    world.slapd.kill()
    world.twin.kill()
    copy(world.twin.folder + "/data", world.slapd.folder + "/data")
    world.gate.listen()
    world.to_first.listen()
    world.slapd.start()
    world.twin.start()
    world.alike()


@tap.test("R5.8 same_data: another way to the same server is taken at once, and the rows are found "
          "done or not")
def same_data(world):
    world.use("%s %s" % (world.gate.uri, world.slapd.uri), **{"directory.same_data": "yes"})
    trap = world.gate.set(Trap(LOSE_ANSWER, 50, (ADD,)))
    raw = world.request([forward(world.domain, "s%d" % n) for n in range(200)])
    tap.equal(world.send(raw).code, 250, "reply")
    tap.equal(trap.hit.wait(60), True, "the answer is lost")
    world.gate.away()
    world.gate.cut()
    response = world.response(raw, 120)
    tap.contains(response.text, "processed ok")
    tap.equal([each["RESULT"] for each in response.rows()], ["created"] * 200, "results")
    world.gate.listen()
    world.slapd.delete(*(world.slapd.dn("s%d@%s" % (n, world.domain)) for n in range(200)))
    world.alike()


@tap.test("R5.8 a copy that points to another server for changes: nothing is followed, the request "
          "waits in clear words, and goes on where changes are taken")
def read_only(world):
    world.twin.stop()
    world.set_up(world.twin, tail=world.replication(world.to_first) +
                 "updateref ldap://provider.elsewhere.example/")
    world.twin.start()
    try:
        world.use(world.twin.uri)
        raw = world.request([forward(world.domain, "c1")])
        tap.equal(world.send(raw).code, 250, "reply")
        world.wait_log("action=wait", "points to another server (provider.elsewhere.example), which "
                       "is not followed")
        found = world.doctor()
        tap.equal(found["changes"][0], "wrong", found["changes"][1])
        tap.contains(found["changes"][1], "provider.elsewhere.example")
        world.reconfigure({"directory.uri": "%s %s" % (world.twin.uri, world.slapd.uri)})
        tap.contains(world.response(raw, 120).text, "processed ok")
        found = world.doctor()
        tap.contains(found["server 1"][1], "points to another server")
        tap.equal(found["server 2"][0], "good", found["server 2"][1])
        world.slapd.delete(world.slapd.dn("c1@" + world.domain))
    finally:
        world.make_mirrors()


class Listening:
    """The first server also on a TLS port and a socket, with lines of its own."""

    def __init__(self, world, head):
        self.world = world
        self.head = head

    def __enter__(self):
        world = self.world
        world.slapd.stop()
        world.set_up(world.slapd, self.head)
        uris = "%s ldaps://127.0.0.1:%d ldapi://%s" % (
            world.slapd.uri, world.secure, world.socket.replace("/", "%2F"))
        world.slapd.command = lambda: [which("slapd"), "-f", world.slapd.conf, "-h", uris, "-d", "0"]
        world.slapd.start()
        return self

    def __exit__(self, *_):
        del self.world.slapd.command
        self.world.make_mirrors()


BAD = [
    ("expired", "ca", "has expired on 20"),
    ("other", "ca", "made out to the name 127.0.0.1"),
    ("good", "stranger", "signed by an authority of ca_file"),
]


@tap.test("R5.9 ldaps and StartTLS: a certificate that has expired, is another's or is signed by a "
          "stranger is refused in words; with a good one requests are served")
def certificates(world):
    secure = "ldaps://127.0.0.1:%d" % world.secure
    kinds = ((secure, "no"), (world.slapd.uri, "yes"))
    for certificate, authority, words in BAD + [("good", "ca", None)]:
        with Listening(world, world.certificates.lines(certificate)):
            for uri, starttls in kinds:
                settings = {"directory.uri": uri, "directory.starttls": starttls,
                            "directory.ca_file": world.certificates.file(authority)}
                world.milter.stop()
                world.milter.configure(settings)
                world.milter.start()
                if words is None:
                    served(world)
                    tap.equal(world.doctor()["directory"][0], "good", "doctor")
                    continue
                before = len(world.log_lines("action=wait", words))
                raw = world.request([forward(world.domain, "t1")])
                tap.equal(world.send(raw).code, 250, "reply")
                wait_for(lambda: len(world.log_lines("action=wait", words)) > before,
                         "a log line with " + words)
                state, said = world.doctor()["directory"]
                tap.equal(state, "wrong", said)
                tap.contains(said, words)
                cancel(world)


@tap.test("R5.9 a server that refuses StartTLS gets no password")
def no_starttls(world):
    binds = world.gate.set(Trap("never", 10 ** 9, (BIND,)))
    world.use(world.gate.uri, **{"directory.starttls": "yes",
                                 "directory.ca_file": world.certificates.authority})
    raw = world.request([forward(world.domain, "t2")])
    tap.equal(world.send(raw).code, 250, "reply")
    world.wait_log("action=wait", "refuses StartTLS, without which nothing is sent to it")
    state, words = world.doctor()["directory"]
    tap.equal(state, "wrong", words)
    tap.contains(words, "refuses StartTLS")
    tap.equal(binds.seen, 0, "logins")
    world.gate.set(binds)
    world.reconfigure({"directory.uri": world.gate.uri})
    tap.contains(world.response(raw, 120).text, "processed ok")
    # The fence: a login would have been seen.
    tap.equal(binds.seen > 0, True, "logins without StartTLS")
    world.gate.release()
    world.slapd.delete(world.slapd.dn("t2@" + world.domain))


@tap.test("R5.9 the daemon's user is its proof over ldapi (EXTERNAL); nobody else is taken for it")
def external(world):
    user = pwd.getpwnam(world.milter.user)
    group = grp.getgrgid(user.pw_gid).gr_gid
    mapping = ('authz-regexp "gidNumber=%d\\\\+uidNumber=%d,cn=peercred,cn=external,cn=auth" '
               '"cn=batchload,ou=services,%s"')
    settings = {"directory.uri": "ldapi://" + world.socket.replace("/", "%2F"),
                "directory.bind_dn": None, "directory.bind_password_file": None}
    with Listening(world, mapping % (group, user.pw_uid, world.base)):
        world.milter.stop()
        world.milter.configure(settings)
        world.milter.start()
        served(world)
    with Listening(world, mapping % (group, user.pw_uid + 1, world.base)):
        before = len(world.log_lines("action=wait", "The directory's base is missing"))
        raw = world.request([forward(world.domain, "e1")])
        tap.equal(world.send(raw).code, 250, "reply")
        wait_for(lambda: len(world.log_lines("action=wait", "The directory's base is missing")) >
                 before, "that it waits")
        cancel(world)


if __name__ == "__main__":
    tap.main(Failover)
