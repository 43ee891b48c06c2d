# SPDX-License-Identifier: MIT
"""The installation as README.md tells it, command by command, beside the Postfix, OpenLDAP and
Dovecot that Debian installed: in a mount, network and process namespace of its own, where what is
written to /etc, /usr and /var lies above the machine's and goes with it."""

import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

import tap
from harness import HarnessError, MissingError
from harness.mail import Mailbox, Response, send
from harness.process import Nursery, need_root, run, wait_for, write

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("top_srcdir", os.path.dirname(HERE))
BUILD = os.environ.get("top_builddir", TOP)
OVER = ("etc", "usr", "var", "root")
DATABASE = "/etc/ldap/slapd.d/cn=config/olcDatabase={1}mdb.ldif"
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
ADMIN = "admin@somedomain.example"
ERIKA = "erika.muster@somedomain.example"
ADMIN_PASSWORD = "Nebel-Licht-99"
PAGES = ("man1/batchload.1", "man5/batchload.conf.5", "man5/batchload-senders.5",
         "man5/batchload-csv.5", "man5/batchload-policy.5",
         "man8/batchload-milter.8")
NAMESPACE = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
# The first process there is handed the servers that fork away; the shell buries them.
REAPER = ["bash", "-c", '"$@"; exit $?', "bash"]


def folders():
    """Where this build installs to, by the names of its Makefile."""
    with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as file:
        known = dict(re.findall(r"^(\w+) = (.*)$", file.read(), re.M))

    def expand(text):
        while "${" in text or "$(" in text:
            text = re.sub(r"\$[({](\w+)[)}]", lambda m: known[m.group(1)], text)
        return text
    return {name: expand("${%s}" % name)
            for name in ("sysconfdir", "localstatedir", "pkgdatadir", "sbindir", "mandir")}


def blocks():
    """The commands of README's installation, with this machine's names and this build's paths."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        text = file.read()
    text = text[text.index("\n## Installation"):text.index("\n## When nothing comes back")]
    found = re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)
    with open(DATABASE, encoding="utf-8") as file:
        base = re.search(r"^olcSuffix: (.*)$", file.read(), re.M).group(1)
    first = re.match(r"dc=([^,]+)", base)
    if not first:
        raise MissingError("this machine's directory has another kind of suffix: " + base)
    paths = folders()
    # Each must be there, or the README has changed and this test with it.
    for old, new in (
            (r"(?s)scripts/deps\n.*make\nmake install\n",
             "make -s -C %s install >/dev/null\n" % BUILD),
            (r"BASE=dc=hoster,dc=example", "BASE=" + base),
            (r"DC=hoster", "DC=" + first.group(1)),
            (r'(ldapadd .*) -W', r"\1 -y /root/rootpw"),
            (r"\$\(slappasswd\)", "$(slappasswd -T /root/adminpw)"),
            (r"systemd-run .* (/\S+)\n", r"\1 &\n"),
            (r"read -rsp .*", "PASSWORD=$(cat /root/adminpw)"),
            (r"/usr/share/batchload", paths["pkgdatadir"]),
            (r"/usr/sbin/batchload-milter", paths["sbindir"] + "/batchload-milter"),
            (r"/etc/batchload", paths["sysconfdir"] + "/batchload")):
        if not any(re.search(old, block) for block in found):
            raise HarnessError("README.md: no " + old)
        found = [re.sub(old, new, block) for block in found]
    return found


# --- inside ---

def over_the_machine(folder):
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder])
    for name in OVER:
        upper, work = os.path.join(folder, name), os.path.join(folder, name + ".work")
        os.mkdir(upper, os.stat("/" + name).st_mode & 0o7777)
        os.mkdir(work)
        run(["mount", "-t", "overlay", "overlay", "-o",
             "lowerdir=/%s,upperdir=%s,workdir=%s" % (name, upper, work), "/" + name])
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


SERVERS = r"""
mkdir -p /run/lock
rm -f /var/spool/postfix/pid/* /etc/ldap/noslapd /usr/sbin/policy-rc.d
# no certificate is made by the package alone
sed -i 's/^ssl = .*/ssl = no/; s/^ssl_/#&/' /etc/dovecot/conf.d/10-ssl.conf
printf rootsecret >/root/rootpw; chmod 600 /root/rootpw
printf %s "$ADMIN_PASSWORD" >/root/adminpw; chmod 600 /root/adminpw
service slapd start
for i in $(seq 100); do ldapwhoami -Q -Y EXTERNAL -H ldapi:/// >/dev/null 2>&1 && break; sleep 0.1; done
ldapmodify -Q -Y EXTERNAL -H ldapi:/// <<END
dn: olcDatabase={1}mdb,cn=config
changetype: modify
replace: olcRootPW
olcRootPW: $(slappasswd -T /root/rootpw)
END
service postfix start
service dovecot start
"""


def run_steps(folder):
    """The commands, in one shell; returns those that failed."""
    paths = folders()
    os.makedirs(paths["localstatedir"] + "/spool", exist_ok=True)
    script = SERVERS + "cd %s\nset -E\ntrap 'echo \"$BASH_COMMAND\" >>%s/failed' ERR\n" % (
        TOP, folder)
    for number, block in enumerate(blocks(), 1):
        script += "echo '=== block %d'\n%s\n" % (number, block)
    path = os.path.join(folder, "steps")
    write(path, script)
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("MAKE", "MFLAGS"))}
    environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment["ADMIN_PASSWORD"] = ADMIN_PASSWORD
    # What stays in the background would hold a pipe open.
    with open(folder + "/steps.out", "wb") as out:
        subprocess.run(["bash", path], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                       env=environment, timeout=120, check=False)
    try:
        with open(folder + "/failed", encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def daemons():
    """Pids of the daemon itself."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink("/proc/%s/exe" % name).endswith("/batchload-milter"):
                found.append(int(name))
        except OSError:
            pass
    return found


def user_of(pid):
    return run(["stat", "-c", "%U", "/proc/%d" % pid]).stdout.decode().strip()


def plain_mail(recipient, identifier):
    return ("From: someone@elsewhere.example\r\nTo: %s\r\nSubject: hello\r\n"
            "Message-ID: %s\r\n\r\nHello\r\n" % (recipient, identifier)).encode()


def look(facts):
    """What a postmaster would look at after the last step."""
    box = Mailbox(143, ADMIN, ADMIN_PASSWORD)
    response = Response(box.wait("Subject", "Batchload first"))
    facts["subject"], facts["text"] = response.subject, response.text
    box.close()
    identifier = "<readme@elsewhere.example>"
    sent = send(25, plain_mail(ERIKA, identifier), "someone@elsewhere.example", [ERIKA])
    facts["delivered"] = sent.code
    box = Mailbox(143, ERIKA, "Sommer-Regen-42")
    facts["read"] = "hello" in box.wait("Message-ID", identifier).decode()
    box.close()
    queue = run(["batchload", "queue", "-a", "-j"], check=False)
    facts["queue"] = [json.loads(line)["state"] for line in queue.stdout.splitlines()]
    facts["check"] = run(["batchload-milter", "-t"], check=False).returncode
    facts["pages"] = [os.path.exists(os.path.join(folders()["mandir"], page)) for page in PAGES]
    pids = daemons()
    facts["users"] = [user_of(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, 15)
    wait_for(lambda: not daemons(), "the daemon to end")
    facts["away"] = send(25, plain_mail(ERIKA, "<2@x>"), "someone@elsewhere.example",
                         [ERIKA]).code


def inside(folder):
    facts = {}
    os.mkdir(folder + "/over")
    try:
        over_the_machine(folder + "/over")
    except HarnessError as error:
        facts["impossible"] = str(error)
    else:
        try:
            facts["failed"] = run_steps(folder)
            look(facts)
        except Exception as error:  # pylint: disable=broad-except
            facts["error"] = repr(error)
    write(folder + "/facts", json.dumps(facts))


# --- outside ---

class Installation:
    """Use as a context: facts is what was found inside."""

    def __init__(self):
        need_root()
        for path in (DATABASE, "/etc/postfix/main.cf", "/etc/dovecot/conf.d/10-auth.conf"):
            if not os.path.exists(path):
                raise MissingError("the package left no " + path + " on this machine")
        if run([*NAMESPACE, "true"], check=False).returncode != 0:
            raise MissingError("no namespaces can be made here")
        if folders()["sbindir"].split("/")[1] not in OVER:
            raise MissingError("this build installs to " + folders()["sbindir"])
        self.nursery = Nursery()
        begin = time.monotonic()
        process = self.nursery.spawn([*NAMESPACE, *REAPER, sys.executable, "-B",
                                      os.path.abspath(__file__), "--inside", self.nursery.folder],
                                     log=self.nursery.path("out"),
                                     environment=dict(os.environ, PYTHONPATH=HERE))
        try:
            process.wait(240)
            with open(self.nursery.path("facts"), encoding="utf-8") as file:
                self.facts = json.load(file)
        except (OSError, subprocess.TimeoutExpired) as error:
            lines = self.diagnostics()
            self.nursery.close()
            raise HarnessError("%r\n%s" % (error, "\n".join(lines))) from error
        if "impossible" in self.facts:
            self.nursery.close()
            raise MissingError("nothing can be laid over the machine's folders here: " +
                               self.facts["impossible"].replace("\n", " "))
        tap.say("%.1f s" % (time.monotonic() - begin))

    def diagnostics(self):
        lines = [self.facts.get("error", "")] if hasattr(self, "facts") else []
        for name in ("steps.out", "out"):
            try:
                with open(self.nursery.path(name), encoding="utf-8", errors="replace") as file:
                    lines += file.read().splitlines()[-60:]
            except OSError:
                pass
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.nursery.close()


@tap.test("every command of the installation succeeds")
def commands(world):
    # ldapadd -c goes on after a suffix that is there, as README says
    tap.equal([each for each in world.facts["failed"] if not each.startswith("ldapadd -c ")], [],
              "failed commands")


@tap.test("R4.3 R4.4 the first request is answered")
def first(world):
    tap.equal(world.facts.get("subject"), "Batchload first: processed ok", "subject")
    tap.contains(world.facts["text"], "Created: 1")


@tap.test("R3.19 mail to the new user is delivered, and read with the password from the file")
def delivered(world):
    tap.equal((world.facts.get("delivered"), world.facts.get("read")), (250, True), "mail")


@tap.test("the daemon runs as its user, its job is done, its configuration is good")
def runs(world):
    tap.equal(world.facts.get("users"), ["batchload"], "users of the daemon")
    tap.equal(world.facts.get("queue"), ["done"], "states")
    tap.equal(world.facts.get("check"), 0, "-t")


@tap.test("the manual pages are installed")
def pages(world):
    tap.equal(world.facts.get("pages"), [True] * len(PAGES), "pages")


@tap.test("R2.27 without the daemon mail is deferred")
def away(world):
    tap.equal(world.facts.get("away"), 451, "answer")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2])
    else:
        tap.main(Installation)
