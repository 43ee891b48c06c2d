# SPDX-License-Identifier: MIT
"""The installation as README.md tells it, command by command, beside the Postfix, OpenLDAP and
Dovecot that Debian installed, on a machine of its own within this one, where systemd runs the
daemon by the unit that is shipped."""

import json
import os
import re
import subprocess
import sys
import time

import tap
from harness import HarnessError, MissingError
from harness.machine import Machine, boot
from harness.mail import Mailbox, Response, send
from harness.process import need_root, run, wait_for, write

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("top_srcdir", os.path.dirname(HERE))
BUILD = os.environ.get("top_builddir", TOP)
DATABASE = "/etc/ldap/slapd.d/cn=config/olcDatabase={1}mdb.ldif"
ADMIN = "admin@somedomain.example"
ERIKA = "erika.muster@somedomain.example"
ADMIN_PASSWORD = "Nebel-Licht-99"
BATCH = "batch_load@ibpmail.example"
PAGES = ("man1/batchload.1", "man5/batchload.conf.5", "man5/batchload-senders.5",
         "man5/batchload-csv.5", "man5/batchload-policy.5",
         "man8/batchload-milter.8", "man8/batchload-policy.8", "man8/batchload-groupware.8",
         "man8/batchload-follow.8", "man8/batchload-panel.8")


def folders():
    """Where this build installs to, by the names of its Makefile."""
    with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as file:
        known = dict(re.findall(r"^(\w+) = (.*)$", file.read(), re.M))

    def expand(text):
        while "${" in text or "$(" in text:
            text = re.sub(r"\$[({](\w+)[)}]", lambda m: known[m.group(1)], text)
        return text
    return {name: expand("${%s}" % name)
            for name in ("sysconfdir", "localstatedir", "pkgdatadir", "sbindir", "bindir", "docdir",
                         "pkglibexecdir", "groupwaredir", "systemdsystemunitdir", "mandir")}


def blocks(heading="Installation", following="Removing it"):
    """The commands under a heading of README, with this machine's names and this build's paths."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        text = file.read()
    text = text[text.index("\n## " + heading):text.index("\n## " + following)]
    paths = folders()
    found = [block.replace("/usr/libexec/batchload", paths["pkglibexecdir"])
             for block in re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)]
    if heading == "Removing it":
        return [block.replace("make uninstall", "make -s -C %s uninstall >/dev/null" % BUILD)
                for block in found]
    with open(DATABASE, encoding="utf-8") as file:
        base = re.search(r"^olcSuffix: (.*)$", file.read(), re.M).group(1)
    first = re.match(r"dc=([^,]+)", base)
    if not first:
        raise MissingError("this machine's directory has another kind of suffix: " + base)
    # Each must be there, or the README has changed and this test with it.
    for old, new in (
            (r"(?s)scripts/deps\n.*make\nmake install\n",
             "make -s -C %s install >/dev/null\n" % BUILD),
            (r"BASE=dc=hoster,dc=example", "BASE=" + base),
            (r"DC=hoster", "DC=" + first.group(1)),
            (r'(ldapadd .*) -W', r"\1 -y /root/rootpw"),
            (r"\$\(slappasswd\)", "$(slappasswd -T /root/adminpw)"),
            (r"read -rsp .*", "PASSWORD=$(cat /root/adminpw)"),
            (r"/usr/share/batchload", paths["pkgdatadir"]),
            (r"/usr/sbin/batchload-policy", paths["sbindir"] + "/batchload-policy"),
            (r"/etc/batchload", paths["sysconfdir"] + "/batchload")):
        if not any(re.search(old, block) for block in found):
            raise HarnessError("README.md: no " + old)
        found = [re.sub(old, new, block) for block in found]
    return found


# --- inside ---

SERVERS = r"""
rm -f /var/spool/postfix/pid/* /etc/ldap/noslapd /usr/sbin/policy-rc.d
# no certificate is made by the package alone
sed -i 's/^ssl = .*/ssl = no/; s/^ssl_/#&/' /etc/dovecot/conf.d/10-ssl.conf
printf rootsecret >/root/rootpw; chmod 600 /root/rootpw
printf %s "$ADMIN_PASSWORD" >/root/adminpw; chmod 600 /root/adminpw
# the sanitizers' own ways: leaks are looked for by ptrace(2)
for unit in milter follow; do
    mkdir -p /etc/systemd/system/batchload-$unit.service.d
    printf '[Service]\nEnvironment=ASAN_OPTIONS=detect_leaks=0\n' \
        >/etc/systemd/system/batchload-$unit.service.d/sanitizers.conf
done
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


def main_pid(unit):
    """As systemd knows it; 0: none."""
    return int(run(["systemctl", "show", "-p", "MainPID", "--value", unit]).stdout)


def daemon():
    return main_pid("batchload-milter")


def core_of(pid):
    with open("/proc/%d/limits" % pid, encoding="ascii") as file:
        return re.search(r"Max core file size +(\S+) +(\S+)", file.read()).groups()


def status_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


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
    facts["door"] = quota_by_door()
    facts["noted"] = noted_by_addon()
    queue = run(["batchload", "queue", "-a", "-j"], check=False)
    facts["queue"] = [json.loads(line)["state"] for line in queue.stdout.splitlines()]
    facts["check"] = run(["batchload-milter", "-t"], check=False).returncode
    facts["pages"] = [os.path.exists(os.path.join(folders()["mandir"], page)) for page in PAGES]
    look_at_the_unit(facts)
    run(["systemctl", "stop", "batchload-milter"])
    facts["stopped"] = run(["systemctl", "show", "-p", "Result", "--value",
                            "batchload-milter"]).stdout.decode().strip()
    facts["away"] = send(25, plain_mail(ERIKA, "<2@x>"), "someone@elsewhere.example",
                         [ERIKA]).code


def quota_by_door():
    """A command of the groupware server's, by a user without rights."""
    done = subprocess.run(
        [folders()["groupwaredir"] + "/setquota", "--adminuser=" + ADMIN,
         "--username=erika.muster", "--quotasize=500"], capture_output=True, text=True, check=False,
        env={"BATCHLOAD_ADMINPASSWD": ADMIN_PASSWORD, "ASAN_OPTIONS": "detect_leaks=0"},
        user="nobody", group="nogroup", extra_groups=[], timeout=60)
    return done.returncode, done.stdout, done.stderr


def noted_by_addon():
    """What the add-on of README.md has in the log of an account that came and went; and what a call
    says that fails."""
    write("/root/jo.password", "Sommer-Regen-43", 0o600)
    jo = "jo@somedomain.example"
    told = [batchload("user", "add", jo, "--password-file=/root/jo.password"),
            batchload("user", "delete", jo)]
    lines = run(["journalctl", "-q", "-o", "cat", "-t", "example"]).stdout.decode().splitlines()
    program = folders()["pkglibexecdir"] + "/addons/Example-Notes/EAddUser.sh"
    os.rename(program, program + ".away")
    told.append(batchload("user", "add", jo, "--password-file=/root/jo.password"))
    waits = batchload("queue")
    os.rename(program + ".away", program)
    job = re.search(r"\d{8}-[A-Z0-9]{6}", waits[1]).group(0)
    told.append(batchload("retry", job))
    wait_for(lambda: len(run(["journalctl", "-q", "-o", "cat", "-t", "example"]).stdout.decode()
                         .splitlines()) == 3, "the call to be made")
    # What was called is known a moment later than what it has logged.
    wait_for(lambda: "Example-Notes" not in batchload("queue")[1], "the call to be done")
    return {"lines": lines, "codes": [code for code, _ in told], "failed": told[2][1],
            "waits": waits[1]}


def batchload(*words):
    """(status, output) of a command by the administrator."""
    done = run(["batchload", *words], check=False,
               environment={**os.environ, "BATCHLOAD_AS": ADMIN, "ASAN_OPTIONS": "detect_leaks=0"})
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def look_at_the_unit(facts):
    pid = daemon()
    facts["status"] = status_of(pid)
    facts["user"] = run(["stat", "-c", "%U %G", "/proc/%d" % pid]).stdout.decode().strip()
    facts["core"] = core_of(pid)
    facts["socket"] = run(["stat", "-c", "%U %G %a", "/var/spool/postfix/batchload/milter"]
                          ).stdout.decode().strip()
    facts["verify"] = analyze("verify", "batchload-milter.service")
    facts["exposed"] = analyze("security", "--offline=yes", "--threshold=20",
                               folders()["systemdsystemunitdir"] + "/batchload-milter.service")
    facts["probe"] = probe()
    follow(facts)
    facts["reload"] = run(["systemctl", "reload", "batchload-milter"], check=False).returncode
    facts["reloaded"] = daemon() == pid
    run(["systemctl", "kill", "-s", "KILL", "batchload-milter"])
    facts["again"] = wait_for(lambda: daemon() not in (0, pid), "the daemon to be started again")
    credentials(facts)
    facts["journal"] = run(["journalctl", "-q", "-o", "cat", "-t", "batchload-milter"]
                           ).stdout.decode()
    rotate(facts)


def analyze(*arguments):
    result = run(["systemd-analyze", *arguments], check=False)
    return result.returncode, (result.stdout + result.stderr).decode(errors="replace")


def probe():
    """What a program can do that is run by the unit instead of the daemon."""
    with open(folders()["systemdsystemunitdir"] + "/batchload-milter.service",
              encoding="utf-8") as file:
        unit = file.read()
    out = folders()["localstatedir"] + "/spool/batchload/probe"
    unit = re.sub(r"(?m)^Type=.*", "Type=oneshot", unit)
    unit = re.sub(r"(?m)^ExecStart=.*", "ExecStart=/usr/bin/python3 /usr/lib/unit-probe %s"
                  % out, unit)
    unit = re.sub(r"(?m)^(Restart|WatchdogSec|RuntimeDirectory).*\n", "", unit)
    write("/etc/systemd/system/batchload-probe.service", unit)
    with open(HERE + "/unit-probe.py", encoding="utf-8") as file:
        write("/usr/lib/unit-probe", file.read())
    write("/tmp/planted", "")
    write("/dev/planted", "")
    os.mkdir("/var/open-to-all")
    os.chmod("/var/open-to-all", 0o777)
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "start", "batchload-probe"], check=False)
    with open(out, encoding="utf-8") as file:
        return json.load(file)


ADDON = """#!/usr/bin/python3
import os, sys
sys.argv[1:] = ["/run/batchload-follow/%%s" %% os.path.basename(sys.argv[0]), "%s"]
with open("/usr/lib/unit-probe", encoding="utf-8") as file:
    exec(file.read())
"""


def run_calls(*calls):
    """A row for each call, which is made of it by an add-on; what was possible there."""
    done = [run(["batchload", "user", call, ERIKA, "--as=" + ADMIN], check=False) for call in calls]
    found = []
    for name in sorted(os.listdir("/run/batchload-follow")):
        if name.startswith("E"):
            with open("/run/batchload-follow/" + name, encoding="utf-8") as file:
                found.append((name, json.load(file)))
    return [each.returncode for each in done], found


def follow(facts):
    """What runs add-ons, by its own unit."""
    paths = folders()
    conf = paths["sysconfdir"] + "/batchload/addons"
    os.makedirs(conf, exist_ok=True)
    os.mkdir("/usr/lib/addon")
    for call in "ESuspendUser", "EResumeUser":
        write("/usr/lib/addon/" + call, ADDON % (paths["localstatedir"] + "/spool/batchload"), 0o755)
    write(conf + "/probe.conf", 'version = 1\nfolder = "/usr/lib/addon"\n'
          'calls = { "ESuspendUser", "EResumeUser" }\n', 0o644)
    facts["follow started"] = run(["systemctl", "start", "batchload-follow"], check=False).returncode
    pid = main_pid("batchload-follow")
    facts["follow status"] = status_of(pid)
    facts["follow user"] = run(["stat", "-c", "%U %G", "/proc/%d" % pid]).stdout.decode().strip()
    facts["follow core"] = core_of(pid)
    facts["follow verify"] = analyze("verify", "batchload-follow.service")
    facts["follow exposed"] = analyze("security", "--offline=yes", "--threshold=50",
                                      paths["systemdsystemunitdir"] + "/batchload-follow.service")
    run(["systemctl", "reload", "batchload-milter"])
    facts["follow calls"] = run_calls("suspend")
    run(["systemctl", "kill", "-s", "KILL", "batchload-follow"])
    facts["follow again"] = wait_for(lambda: main_pid("batchload-follow") not in (0, pid),
                                     "batchload-follow to be started again")
    facts["follow calls again"] = run_calls("resume")
    run(["systemctl", "stop", "batchload-follow"])
    facts["follow stopped"] = run(["systemctl", "show", "-p", "Result", "--value",
                                   "batchload-follow"]).stdout.decode().strip()
    facts["follow journal"] = run(["journalctl", "-q", "-o", "cat", "-t", "batchload-follow"]
                                  ).stdout.decode()
    os.remove(conf + "/probe.conf")
    run(["systemctl", "reload", "batchload-milter"])


def example_of_credentials():
    """What batchload-milter(8) says, for this build's folders: the drop-in and the settings."""
    with open(os.path.join(BUILD, "man/batchload-milter.8"), encoding="utf-8") as file:
        text = file.read()
    blocks = re.findall(r"(?s)\n\.Bd -literal -offset indent\n(.*?)\.Ed\n", text)
    drop_in = next(each for each in blocks if "LoadCredential" in each)
    settings = next(each for each in blocks if "/run/credentials" in each)
    return drop_in.partition("\n")[2], settings


def credentials(facts):
    """The secrets are root's alone, and systemd hands them to the daemon."""
    conf = folders()["sysconfdir"] + "/batchload/"
    drop_in, settings = example_of_credentials()
    with open(conf + "batchload.conf", encoding="utf-8") as file:
        before = file.read()
    text = before
    for line in settings.splitlines():
        name = line.split("=")[0].strip()
        if "=" in line and name in before:
            text = re.sub(r"(?m)^ *%s = .*$" % name, line, text)
    text += re.search(r"(?s)spool \{.*?\n\}\n", settings).group()
    write("/etc/systemd/system/batchload-milter.service.d/credentials.conf", drop_in)
    write(conf + "batchload.conf", text)
    for name in ("spool.key", "directory.password"):
        run(["chown", "root:root", conf + name])
        os.chmod(conf + name, 0o400)
    run(["systemctl", "daemon-reload"])
    facts["credentials"] = run(["systemctl", "restart", "batchload-milter"],
                               check=False).returncode
    words = ("From: %s\r\nTo: %s\r\nSubject: PROCESS\r\nPassword: %s\r\n"
             "Batchload: second\r\nContent-Type: text/csv; name=batchload.csv\r\n\r\nDOMAIN;USER;TYPE;ACTION\r\n"
             % (ADMIN, BATCH, ADMIN_PASSWORD)).encode()
    facts["by credentials"] = send(25, words, ADMIN, [BATCH]).code
    box = Mailbox(143, ADMIN, ADMIN_PASSWORD)
    facts["subject by credentials"] = Response(box.wait("Subject", "Batchload second")).subject
    box.close()
    facts["kept"] = [run(["setpriv", "--reuid=batchload", "--regid=batchload", "--clear-groups",
                          "cat", conf + name], check=False).returncode != 0
                     for name in ("spool.key", "directory.password")]


def rotate(facts):
    """The shipped logrotate file, with a log file of the daemon's own."""
    paths = folders()
    log = paths["localstatedir"] + "/log/batchload/milter.log"
    conf = paths["sysconfdir"] + "/batchload/batchload.conf"
    with open(conf, "a", encoding="utf-8") as file:
        file.write('log = "file:%s"\n' % log)
    run(["systemctl", "restart", "batchload-milter"])

    def ignored(name):
        sender = name + "@elsewhere.example"
        words = plain_mail(BATCH, "<%s@x>" % name).replace(b"someone@elsewhere.example",
                                                           sender.encode())
        send(25, words, sender, [BATCH])

    def holds(path, word):
        try:
            with open(path, encoding="utf-8") as file:
                return word in file.read()
        except FileNotFoundError:
            return False
    ignored("before")
    run(["logrotate", "-f", "-s", "/var/lib/logrotate-test",
         paths["sysconfdir"] + "/logrotate.d/batchload"])
    # The signal was sent; the daemon opens the new file in its own time.
    wait_for(lambda: holds(log, "reload:"), "the new log")
    ignored("after")
    facts["rotated"] = [holds(log + ".1", "before@"), holds(log, "before@"),
                        holds(log + ".1", "after@"), holds(log, "after@")]
    facts["log"] = run(["stat", "-c", "%U %G %a", log]).stdout.decode().strip()


def remove(facts):
    """As README removes it: what is left of it in the folders where programs and pages lie."""
    script = "set -e\n" + "".join(blocks("Removing it", "When nothing comes back"))
    result = run(["bash", "-c", script], check=False)
    facts["removed"] = (result.returncode, result.stderr.decode(errors="replace")[-500:])
    paths = folders()
    places = [paths[name] for name in ("pkgdatadir", "sbindir", "systemdsystemunitdir", "mandir",
                                       "pkglibexecdir", "docdir", "bindir")]
    found = {os.path.join(folder, each) for place in places
             for folder, inner, names in os.walk(os.path.dirname(place))
             for each in inner + names if each.startswith("batchload")}
    facts["left"] = sorted(path for path in found if not path.startswith(
        (paths["sysconfdir"] + "/", paths["localstatedir"] + "/")))
    facts["unit"] = run(["systemctl", "is-active", "batchload-milter"],
                        check=False).stdout.decode().strip()
    facts["kept"] = [os.path.exists(path) for path in (
        paths["sysconfdir"] + "/batchload/batchload.conf",
        paths["localstatedir"] + "/spool/batchload/spool.db")]


def inside(folder):
    facts = {}
    try:
        facts["failed"] = run_steps(folder)
        look(facts)
        remove(facts)
    except Exception as error:  # pylint: disable=broad-except
        facts["error"] = repr(error)
    write(folder + "/facts", json.dumps(facts))


# --- outside ---

# An add-on is any program: it may do more than the daemon, but reads nothing of the spool's.
CAN_ADDON = ["a socket of IPv4", "a socket of a path", "a socket of netlink", "become somebody, even itself",
             "keys of the kernel", "memory to write and run", "see other processes",
             "see the kernel's settings", "seccomp of its own", "trace"]

class Installation(Machine):
    """Use as a context: facts is what was found inside."""

    def __init__(self):
        need_root()
        for path in (DATABASE, "/etc/postfix/main.cf", "/etc/dovecot/conf.d/10-auth.conf"):
            if not os.path.exists(path):
                raise MissingError("the package left no " + path + " on this machine")
        if folders()["sbindir"] not in ("/usr/sbin", "/usr/local/sbin"):
            raise MissingError("this build installs to " + folders()["sbindir"])
        self.facts = {}
        begin = time.monotonic()
        super().__init__(os.path.abspath(__file__))
        try:
            with open(self.nursery.path("facts"), encoding="utf-8") as file:
                self.facts = json.load(file)
        except OSError as error:
            lines = self.diagnostics()
            self.close()
            raise HarnessError("%r\n%s" % (error, "\n".join(lines))) from error
        tap.say("%.1f s" % (time.monotonic() - begin))

    def diagnostics(self):
        return [self.facts.get("error", ""), *super().diagnostics()]


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
    tap.equal(world.facts.get("user"), "batchload batchload", "user of the daemon")
    tap.equal(world.facts.get("queue"), ["done"] * 8, "states")  # a command is checked first
    tap.equal(world.facts.get("check"), 0, "-t")


@tap.test("R9.29 the installed commands of the groupware server serve a user without rights")
def door(world):
    tap.equal(world.facts.get("door"), [0, "erika.muster: changed\n", ""], "setquota")


@tap.test("R9.61 R9.64 R9.69 the add-on of README.md: what came and went is noted, and what fails is told and "
          "shown")
def addon(world):
    found = world.facts["noted"]
    tap.equal(found["lines"], ["EAddUser: jo@somedomain.example", "EDeleteUser: jo@somedomain.example"],
              "lines")
    tap.equal(found["codes"], [0, 0, 1, 0], "commands: %r" % found)
    tap.contains(found["failed"], "1 of 1 row failed")
    tap.contains(found["waits"], "Example-Notes: EAddUser of jo@somedomain.example")


@tap.test("the unit: no capability, no new privileges, no core, no further group, system calls filtered")
def confined(world):
    status = world.facts["status"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        tap.equal(int(status[name], 16), 0, name)
    tap.equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "NoNewPrivs, Seccomp")
    tap.equal(len(set(status["Groups"].split())), 1, "groups: " + status["Groups"])
    tap.equal(world.facts["core"], ["0", "0"], "core")
    tap.equal(world.facts["socket"], "batchload postfix 660", "socket")


@tap.test("the unit: systemd finds nothing wrong with it, and an exposure of at most 2.0")
def analyzed(world):
    tap.equal(world.facts["verify"], [0, ""], "verify")
    tap.equal(world.facts["exposed"][0], 0, world.facts["exposed"][1])


@tap.test("the unit: what a program run by it can and can't do")
def probed(world):
    tap.equal(sorted(name for name, able in world.facts["probe"].items() if able),
              ["a socket of IPv4", "a socket of a path", "seccomp of its own", "write its log",
               "write the socket's folder", "write the spool"], "possible")


@tap.test("the unit: reload keeps the daemon, one that died is started again, its log is in the journal")
def served(world):
    tap.equal((world.facts.get("reload"), world.facts.get("reloaded")), (0, True), "reload")
    tap.equal(world.facts.get("again"), True, "started again")
    tap.contains(world.facts["journal"], "action=done to=" + ADMIN)
    tap.equal(world.facts["stopped"], "success", "how it ended")


@tap.test("R9.69 the add-ons' unit: systemd finds nothing wrong with it; no capability, no new "
          "privileges, no core, a user of its own")
def follower(world):
    tap.equal(world.facts["follow started"], 0, world.facts["follow journal"])
    tap.equal(world.facts["follow verify"], [0, ""], "verify")
    tap.equal(world.facts["follow exposed"][0], 0, world.facts["follow exposed"][1])
    status = world.facts["follow status"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        tap.equal(int(status[name], 16), 0, name)
    tap.equal((status["NoNewPrivs"], len(set(status["Groups"].split()))), ("1", 1), "NoNewPrivs, groups")
    tap.equal(world.facts["follow user"], "batchload-follow batchload-follow", "user")
    tap.equal(world.facts["follow core"], ["0", "0"], "core")


@tap.test("R9.69 the add-ons' unit: what an add-on run by it can and can't do; one that died is started "
          "again, and calls are made by the next one")
def follower_calls(world):
    codes, found = world.facts["follow calls"]
    tap.equal((codes, [name for name, _ in found]), ([0], ["ESuspendUser"]), "calls")
    tap.equal(sorted(name for name, able in found[0][1].items() if able), sorted(CAN_ADDON),
              "possible")
    tap.equal(world.facts["follow again"], True, "started again")
    codes, found = world.facts["follow calls again"]
    tap.equal((codes, "EResumeUser" in [name for name, _ in found]), ([0], True), "calls")
    tap.equal(world.facts["follow stopped"], "success", world.facts["follow journal"])


@tap.test("the unit with credentials, as batchload-milter(8) has it: key and password are root's alone")
def handed(world):
    tap.equal((world.facts.get("credentials"), world.facts.get("by credentials")), (0, 250),
              "restart, answer")
    tap.equal(world.facts.get("subject by credentials"), "Batchload second: processed ok", "subject")
    tap.equal(world.facts.get("kept"), [True, True], "not readable by the daemon's user")


@tap.test("logrotate: the old file keeps its lines, the new one gets the next")
def rotated(world):
    tap.equal(world.facts.get("rotated"), [True, False, False, True], "lines")
    tap.equal(world.facts.get("log"), "batchload adm 640", "log file")


@tap.test("the manual pages are installed")
def pages(world):
    tap.equal(world.facts.get("pages"), [True] * len(PAGES), "pages")


@tap.test("R2.27 without the daemon mail is deferred")
def away(world):
    tap.equal(world.facts.get("away"), 451, "answer")


@tap.test("removed as README says, nothing is left but what is the postmaster's")
def removed(world):
    tap.equal(world.facts["removed"][0], 0, world.facts["removed"][1])
    tap.equal(world.facts["left"], [], "files and folders")
    tap.equal(world.facts["unit"] in ("inactive", "unknown", "failed"), True, world.facts["unit"])
    tap.equal(world.facts["kept"], [True, True], "configuration and spool")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2])
    elif sys.argv[1:2] == ["--boot"]:
        boot(sys.argv[2], {
            "PYTHONPATH": HERE, "top_srcdir": TOP, "top_builddir": BUILD, "LC_ALL": "C.UTF-8",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            ["/usr/bin/python3", "-B", os.path.abspath(__file__), "--inside", sys.argv[2]])
    else:
        tap.main(Installation)
