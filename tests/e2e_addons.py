# SPDX-License-Identifier: MIT
"""Add-ons follow what was changed: which calls they get, with what; what becomes of a row where one
fails; that no call is lost, whatever breaks, and no password told."""

import base64
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import threading

import tap
from harness import World, wait_for
from harness.mail import Response
from harness.milter import Follow
from harness.process import descendants, write

SECRET = "Canary-Vx81-addon"
USER = "nobody"  # runs the add-ons

# One program for all calls: it notes what it is called with, and does what lies beside it.
SHELL = """#!/bin/sh
# SPDX-License-Identifier: MIT
state=STATE
{ printf '%s' "$BATCHLOAD_CALL"; for each in "$@"; do printf '|%s' "$each"; done
  if [ -n "$BATCHLOAD_PASSWORD_FD" ]; then
    printf ' <%s:%s' "$BATCHLOAD_PASSWORD_KIND" "$(sha256sum <&3 | cut -d ' ' -f 1)"; fi
  printf '\\n'; } >>"$state/calls"
if [ -e "$state/stray" ]; then sleep 1000 & echo $! >"$state/stray-pid"; fi
if [ -e "$state/hang" ]; then sleep 1000; fi
if [ -e "$state/flood" ]; then yes 'no end of words' | head -c 5000000; exit 1; fi
if [ -e "$state/fail" ] && grep -qx -e "$2" -e all "$state/fail"; then
  echo; echo "the store has no room for $2"; exit 1; fi
"""

PYTHON = """# SPDX-License-Identifier: MIT
import os, sys
with open("STATE/calls", "a", encoding="utf-8") as file:
    file.write("|".join([os.environ["BATCHLOAD_CALL"], *sys.argv[1:]]) + "\\n")
sys.exit(os.path.exists("STATE/fail"))
"""

CALLS = ("EAddUser", "EEditUser", "EDeleteUser", "ESuspendUser", "EResumeUser", "EAddForward",
         "EDeleteForward", "EAddMailingList", "EAddMailingListMember", "EDeleteMailingList",
         "EDeleteMailingListMember", "EAddUserAlias", "EDeleteUserAlias", "ESetCatchallUser",
         "ESetAutoResponder", "EAddSpamFilter", "EDeleteSpamFilter")


class Addon:
    def __init__(self, world, name, text, extension, interpreter, settings=""):
        self.name = name
        self.top = world.nursery.path("ext", name)
        self.state = self.top + "/state"
        os.makedirs(self.state, exist_ok=True)
        os.chmod(self.state, 0o777)
        for call in CALLS:
            write("%s/%s.%s" % (self.top, call, extension), text.replace("STATE", self.state), 0o755)
        self.file = world.addons + "/" + name + ".conf"
        self.text = 'version = 1\nfolder = "%s"\nextension = "%s"\n%s%s' % (
            self.top, extension, interpreter, settings)
        self.register()

    def register(self, more=""):
        write(self.file, self.text + more)

    def forget(self):
        os.remove(self.file)

    def calls(self):
        try:
            with open(self.state + "/calls", encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def clear(self):
        for name in ("calls", "fail", "hang", "flood", "stray"):
            self.clear_one(name)

    def clear_one(self, name):
        try:
            os.remove(self.state + "/" + name)
        except FileNotFoundError:
            pass

    def do(self, name, text=""):
        write(self.state + "/" + name, text + "\n", 0o644)


class AddonWorld(World):
    """The daemon with two add-ons: one in shell, and one in Python with the older parameters."""

    def _build(self, milter, settings, senders, sync, slapd_tells):
        self.addons = self.nursery.path("addons")
        os.makedirs(self.addons, exist_ok=True)
        os.makedirs(self.nursery.path("f"), exist_ok=True)
        self.socket = self.nursery.path("f", "sock")
        self.settings = {"addons": self.addons, "addon_socket": "unix:" + self.socket,
                         "addon_user": USER, "addon_wait": "60s"}
        self.shell = Addon(self, "shell", SHELL, "sh", 'interpreter = "/bin/sh"\n')
        self.python = Addon(self, "python", PYTHON, "py",
                            'interpreter = "/usr/bin/python3"\n'
                            'interpreter_parameters = { "-B", "-I" }\nolder_parameters = yes\n')
        super()._build(milter, self.settings, senders, sync, slapd_tells)
        self.follow = Follow(self.nursery, self.tree, self.milter.conf, self.socket).start()

    def clear(self):
        self.shell.clear()
        self.python.clear()


def command(world, *words, code=0):
    result = subprocess.run([world.tree.command, "-c", world.milter.conf, *words], text=True,
                            capture_output=True, timeout=100, check=False)
    tap.equal(result.returncode, code, "%r: %s%s" % (words, result.stdout, result.stderr))
    tap.absent(result.stdout + result.stderr, SECRET, "output")
    return result.stdout


def waiting(world):
    """The calls that wait: (add-on, call, object)"""
    found = [json.loads(line) for line in command(world, "queue", "-j").splitlines()]
    return [(each["addon"], each["call"], each["object"]) for each in found if "call" in each]


def job_of(response):
    return re.search(r"(?m)^Job: (\S+)", response.text).group(1)


HEAD = ("DOMAIN;USER;TYPE;ACTION;PASSWORD;MAILFORWARD;LIST MEMBER;MEMBER NAME;GIVENNAME;SURNAME;"
        "ALIAS;TARGET;SUBJECT;MESSAGE;FILTER;ENABLE FORWARDS\n")
COLUMNS = HEAD.strip().split(";")


def row(world, user, kind, action, **cells):
    values = {"DOMAIN": world.domain, "USER": user, "TYPE": kind, "ACTION": action,
              **{name.replace("_", " "): value for name, value in cells.items()}}
    return ";".join('"%s"' % values.get(name, "") for name in COLUMNS) + "\n"


def ask(world, *rows, **options):
    return world.ask(csv=HEAD + "".join(rows), **options)


def full(world, user, action="ADD", **cells):
    if action in ("ADD", "MODIFY"):
        cells.setdefault("PASSWORD", SECRET)
    return row(world, user, "FULL", action, **cells)


HASH = hashlib.sha256(SECRET.encode()).hexdigest()


@tap.test("R9.61 R9.62 R9.66 each change is a call, in order, of each add-on, with its parameters")
def calls(world):
    world.clear()
    d = world.domain
    response = ask(
        world, full(world, "bob", GIVENNAME="Bob", SURNAME="B; |$(id)`", ENABLE_FORWARDS="0"),
        full(world, "ann", MAILFORWARD="bob@" + d, ALIAS="anna@" + d),
        row(world, "l1", "LIST", "ADD", LIST_MEMBER="x@elsewhere.example", MEMBER_NAME="Xaver X"),
        row(world, "bob", "AUTORESPONDER", "ADD", SUBJECT="Away", MESSAGE="Back soon"),
        row(world, "", "CATCHALL", "ADD", TARGET="ann"),
        row(world, "", "SPAMFILTER", "ADD", FILTER="s@elsewhere.example"),
        row(world, "bob", "FULL", "SUSPEND"), row(world, "bob", "FULL", "RESUME"),
        row(world, "bob", "FULL", "MODIFY", SURNAME="Bb", PASSWORD=SECRET))
    if "processed ok" not in response.text:
        raise AssertionError(response.text)
    mark = " <clear:" + HASH
    tap.equal([line for line in world.shell.calls() if "bob" in line.split("|")],
              ["EAddUser|%s|bob|-|Bob||B; |$(id)`|0||%s" % (d, mark),
               "ESetAutoResponder|%s|bob|Away|Back soon" % d,
               "ESuspendUser|%s|bob" % d, "EResumeUser|%s|bob" % d,
               "EEditUser|%s|bob|-|||Bb|||%s" % (d, mark)], "calls for bob")
    rest = [line for line in world.shell.calls() if "bob" not in line.split("|")]
    tap.equal(sorted(rest), sorted([
        "EAddUser|%s|ann|-|||ann|||%s" % (d, mark),
        "EAddForward|%s|ann|bob@%s" % (d, d), "EAddUserAlias|%s|ann|anna" % d,
        "EAddMailingList|%s|l1" % d,
        "EAddMailingListMember|%s|l1|Xaver X|x@elsewhere.example" % d,
        "ESetCatchallUser|%s|ann@%s" % (d, d),
        "EAddSpamFilter|%s|s@elsewhere.example|EMAIL" % d]), "calls for others")
    older = world.python.calls()
    tap.equal(len(older), len(rest) + 5, "calls of the other add-on")
    for line in ("EAddUser|%s|bob|-|Bob||B; |$(id)`" % d,
                 "EAddSpamFilter|%s|0|EMAIL|s@elsewhere.example" % d):
        tap.contains("\n".join(older), line)
    tap.equal(waiting(world), [], "what waits")


@tap.test("R9.63 the password is on a descriptor alone: no argument, no log, nothing in the spool")
def secrets(world):
    world.clear()
    world.follow.kill()
    sent = world.request(csv=HEAD + full(world, "sec") + full(world, "hashed", PASSWORD="{SSHA512}" +
                         base64_of()))
    world.send(sent)
    wait_for(lambda: len(waiting(world)) == 4, "the calls to wait")
    world.search_spool(SECRET)
    world.milter.kill()  # what it knew is gone, and the calls have their passwords all the same
    world.search_spool(SECRET)
    world.milter.start()
    world.follow.start()
    tap.contains(world.response(sent).text, "processed ok")
    calls = world.shell.calls()
    tap.equal([line for line in calls if "|sec|" in line][-1],
              "EAddUser|%s|sec|-|||sec||| <clear:%s" % (world.domain, HASH), "call")
    tap.equal(len([line for line in calls if "|hashed|" in line and " <hash:" in line]), 1, "hash")
    for text in ("\n".join(calls + world.python.calls()), world.log_text(), world.follow.tail()):
        tap.absent(text, SECRET)
    world.search_spool(SECRET)


def base64_of():
    salt = b"12345678"
    return base64.b64encode(hashlib.sha512(b"x" + salt).digest() + salt).decode()


@tap.test("R9.64 an add-on that fails: its row is told as failed, not sent back, and tried until it is done")
def failing(world):
    world.clear()
    world.shell.do("fail", "fay")
    response = ask(world, full(world, "fay"), full(world, "gus"))
    tap.contains(response.subject, "processed, 1 of 2 rows failed")
    words = " ".join(response.text.split())
    tap.contains(words, "The change itself is made, but the add-on shell has not followed it yet "
                        "(EAddUser): it says: the store has no room for fay")
    tap.contains(words, "Do not send this row again.")
    tap.absent(words, "batchload.csv")
    tap.equal(sorted(response.files), ["result.csv"], "attached")
    tap.contains(words, "Created: 1 Changed: 0 Deleted: 0 Unchanged: 0 Failed: 1")
    tap.equal(world.entry("fay@" + world.domain) is not None, True, "the entry")
    tap.equal(waiting(world), [("shell", "EAddUser", "fay@" + world.domain)], "what waits")
    job = job_of(response)
    text = command(world, "queue")
    tap.contains(text, "%s line 2, shell: EAddUser of fay@%s" % (job.ljust(16), world.domain))
    tap.contains(text, "the store has no room for fay")
    tap.equal(len([line for line in world.shell.calls() if "|fay|" in line]) >= 3, True, "tries")
    tap.contains(command(world, "retry", job), "1 call of add-ons")
    world.shell.clear_one("fail")
    command(world, "retry", "--all")
    wait_for(lambda: waiting(world) == [], "the call to be made", 60)
    tap.equal(len(world.log_lines("follow: job=" + job, "call=EAddUser", "action=done", "fay")), 1 + 1,
              "log lines")
    command(world, "retry", job, code=1)


@tap.test("R9.64 calls of a job that has ended can be dropped by hand")
def dropping(world):
    world.clear()
    world.python.do("fail")
    response = ask(world, full(world, "drop"))
    tap.contains(" ".join(response.text.split()), "add-on python has not followed")
    job = job_of(response)
    tap.contains(command(world, "cancel", job), "1 call of add-ons")
    tap.equal(waiting(world), [], "what waits")
    command(world, "cancel", job, code=1)


@tap.test("R9.64 a command, too, ends when the calls are done or failed, and with 1 where one has")
def by_command(world):
    world.clear()
    world.shell.do("fail", "cmd")
    words = ["--as=" + world.admin, "cmd@" + world.domain]
    password = world.nursery.path("cmd.password")
    write(password, SECRET, 0o600)
    told = command(world, "user", "add", *words, "--password-file=" + password, code=1)
    tap.contains(told, "1 of 1 row failed")
    world.shell.clear_one("fail")
    command(world, "retry", re.search(r"job (\S+)", told).group(1))
    wait_for(lambda: waiting(world) == [], "the call to be made", 60)
    tap.contains(command(world, "user", "delete", *words), "processed ok")


@tap.test("R9.65 kill -9 of the daemon, and nobody who runs add-ons: no call is lost, one response")
def killed(world):
    world.clear()
    world.follow.kill()
    raw = world.request(csv=HEAD + "".join(full(world, "k%d" % i) for i in range(5)))
    world.send(raw)
    wait_for(lambda: len(waiting(world)) == 10, "the calls to wait")
    tap.equal(world.shell.calls(), [], "calls")
    world.milter.kill()
    world.milter.start()
    tap.equal(len(waiting(world)), 10, "what waits")
    world.shell.do("hang")
    world.follow.start()
    wait_for(lambda: len(world.shell.calls()) == 1, "the first call")
    world.milter.kill()  # in the midst of one
    tap.equal(len([each for each in waiting(world) if each[0] == "shell"]), 5, "what waits")
    end_sleeper(world)
    world.milter.start()
    tap.contains(world.response(raw).text, "processed ok")
    tap.equal(waiting(world), [], "what waits")
    for addon in (world.shell, world.python):
        made = [line.split("|")[2] for line in addon.calls()]
        tap.equal(sorted(set(made)), ["k%d" % i for i in range(5)], "calls")
        # But for the one that was under way.
        tap.equal(len(made) <= 6, True, "repeated: %r" % made)


@tap.test("R9.65 Mode: check calls nobody, Mode: atomic only what stays")
def modes(world):
    world.clear()
    checked = ask(world, full(world, "m1"), mode="check")
    tap.contains(checked.text, "every row can be carried out")
    undone = ask(world, full(world, "m2"), row(world, "nobody-there", "FULL", "DELETE"), mode="atomic")
    tap.contains(undone.text, "Nothing was changed")
    kept = ask(world, full(world, "m3"), full(world, "m4"), mode="atomic")
    tap.contains(kept.text, "processed ok")
    tap.equal([line.split("|")[2] for line in world.shell.calls()], ["m3", "m4"], "calls")


@tap.test("R9.65 a hanging add-on is ended and holds up no other; what is left behind is ended, too")
def hanging(world):
    world.clear()
    world.shell.register("seconds = 1\n")
    world.reconfigure(world.settings)
    world.shell.do("hang")
    world.shell.do("stray")
    response = ask(world, full(world, "hal"))
    tap.contains(" ".join(response.text.split()), "it says: It took more than 1 seconds.")
    tap.equal([line for line in world.python.calls() if "|hal|" in line] != [], True, "the other")
    world.shell.clear_one("hang")
    command(world, "retry", job_of(response))
    wait_for(lambda: waiting(world) == [], "the call to be made", 60)
    with open(world.shell.state + "/stray-pid", encoding="ascii") as file:
        pid = int(file.read())
    wait_for(lambda: not os.path.exists("/proc/%d" % pid), "what was left behind to end")
    wait_for(lambda: descendants(above=world.follow.pid) == [], "the runner to be idle")
    world.shell.register()
    world.reconfigure(world.settings)


def door(world, name, code=0, **words):
    """A command of the groupware server's; its words on standard error."""
    words = {"adminuser": world.admin, "adminpasswd": world.passwords[world.admin], **words}
    result = subprocess.run(
        [world.tree.door, name, *("--%s=%s" % each for each in words.items())], text=True,
        capture_output=True, timeout=200, check=False,
        env={**os.environ, "BATCHLOAD_CONFIG": world.milter.conf})
    tap.equal(result.returncode, code, "%s: %s%s" % (name, result.stdout, result.stderr))
    tap.absent(result.stdout + result.stderr, SECRET, "output")
    return result.stderr


def door_user(world, name):
    address = name + "@" + world.domain
    return {"username": address, "mail": address, "alias": address, "surname": "X", "password": SECRET,
            "colocrouteaddr": name + "@localhost"}


def sleeper(world):
    """What the add-on waits for; None: it has not come so far."""
    for pid in descendants(above=world.follow.pid):
        with contextlib.suppress(FileNotFoundError), open("/proc/%d/cmdline" % pid, "rb") as file:
            if file.read().startswith(b"sleep"):
                return pid
    return None


def end_sleeper(world):
    pid = wait_for(lambda: sleeper(world), "the add-on to hang")
    world.shell.clear_one("hang")
    os.kill(pid, 15)


@tap.test("R9.72 R9.28 a command waits for a slow add-on as a response does: then it is told that the "
          "change is made and not followed yet; nothing is mailed, and the call is made")
def slow(world):
    world.clear()
    world.reconfigure({**world.settings, "addon_wait": "1s"})
    mails = world.mailbox(world.admin).count()
    world.shell.do("hang")
    words = " ".join(door(world, "adduser", code=1, **door_user(world, "sloe")).split())
    tap.contains(words, "The change itself is made, but the add-on shell has not followed it yet "
                        "(EAddUser): it has not done it in time To do")
    tap.contains(words, "Do not send this row again.")
    tap.equal(world.entry("sloe@" + world.domain) is not None, True, "the entry")
    tap.equal(waiting(world), [("shell", "EAddUser", "sloe@" + world.domain)], "what waits")
    end_sleeper(world)
    wait_for(lambda: waiting(world) == [], "the call to be made", 60)
    world.fence()
    tap.equal(world.mailbox(world.admin).count(), mails + 1, "mails: the fence's")
    tap.equal(len([line for line in world.shell.calls() if "|sloe|" in line]), 1, "calls")
    world.reconfigure(world.settings)
    world.shell.do("hang")

    def let_go():
        wait_for(lambda: world.shell.calls()[-1].startswith("EDeleteUser"), "the call")
        end_sleeper(world)
    thread = threading.Thread(target=let_go)
    thread.start()
    door(world, "deluser", username="sloe@" + world.domain)  # waits for it, and all is well
    thread.join()
    tap.equal(waiting(world), [], "what waits")


@tap.test("R9.72 R9.28 a command that was ended while an add-on is at work: the response is mailed")
def left(world):
    world.clear()
    world.shell.do("hang")
    words = {"adminuser": world.admin, **door_user(world, "lefty")}
    child = subprocess.Popen(
        [world.tree.door, "adduser", *("--%s=%s" % each for each in words.items())],
        env={**os.environ, "BATCHLOAD_CONFIG": world.milter.conf,
             "BATCHLOAD_ADMINPASSWD": world.passwords[world.admin]},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with child:
        wait_for(lambda: world.shell.calls() != [], "the call")
        child.kill()
    job = re.search(r"job=(\S+)", world.log_lines("control: door")[-1]).group(1)
    end_sleeper(world)
    wait_for(lambda: "is to fetch the response" in command(world, "show", job), "the response")
    world.milter.stop()
    with world.store() as store:  # the time that it has is over
        store.execute("UPDATE job SET not_before = 0 WHERE id = ?", (job,))
    world.milter.start()
    found = world.mailbox(world.admin).wait("Message-ID", "<%s.batchload@" % job)
    tap.contains(Response(found).text, "processed ok")
    tap.equal(waiting(world), [], "what waits")


@tap.test("R9.65 no end of output: its first words are told")
def flood(world):
    world.clear()
    world.shell.do("flood")
    response = ask(world, full(world, "flo"))
    tap.contains(" ".join(response.text.split()), "it says: no end of words")
    world.shell.clear_one("flood")
    command(world, "retry", job_of(response))
    wait_for(lambda: waiting(world) == [], "the call to be made", 60)


@tap.test("R9.66 no interpreter, no program for a call, or of the older API: clear words")
def missing(world):
    world.clear()
    os.rename(world.python.top + "/EAddUser.py", world.python.top + "/gone")
    world.shell.text = world.shell.text.replace("/bin/sh", "/nonexistent/sh")
    world.shell.register()
    world.reconfigure(world.settings)
    text = command(world, "doctor", code=1)
    tap.contains(text, "The interpreter /nonexistent/sh of the add-on shell can't be run")
    tap.contains(text, "The add-on python has no program for EAddDomain")
    response = ask(world, full(world, "mia"))
    words = " ".join(response.text.split())
    tap.contains(words, "it says: It has no EAddUser, which the older API may not have had.")
    tap.equal(sorted(each[0] for each in waiting(world)), ["python", "shell"], "what waits")
    reasons = command(world, "queue")
    tap.contains(reasons, "Its interpreter can't be run")
    tap.absent(words + reasons, "/nonexistent")
    os.rename(world.python.top + "/gone", world.python.top + "/EAddUser.py")
    world.shell.text = world.shell.text.replace("/nonexistent/sh", "/bin/sh")
    world.shell.register()
    world.reconfigure(world.settings)
    command(world, "retry", job_of(response))
    wait_for(lambda: waiting(world) == [], "the calls to be made", 60)


@tap.test("R9.70 while 100,000 calls wait, a request waits unchanged and says why; with room it goes on")
def filled(world):
    world.clear()
    with world.store() as store:
        store.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) "
                      "INSERT INTO call(job, line, addon, domain, object, name, attempts, not_before, made, "
                      "sealed) SELECT 'gone', i, 'gone', 'd', 'o', 'EAddUser', 0, 0, 0, x'00' FROM n")
    raw = world.request(csv=HEAD + full(world, "eli"))
    world.send(raw)
    line = world.wait_log("action=wait", "too many calls of add-ons wait")[-1]
    tap.contains(command(world, "show", re.search(r"job=(\S+)", line).group(1)), "too many calls of add-ons")
    tap.equal((world.entry("eli@" + world.domain), world.shell.calls()), (None, []), "entry, calls")
    with world.store() as store:
        store.execute("DELETE FROM call WHERE addon = 'gone'")
    tap.contains(world.response(raw).text, "processed ok")
    tap.equal(len(world.shell.calls()), 1, "calls")


@tap.test("R9.71 more than 1 MiB of values of a column: what is kept is told one by one, and a call for the "
          "rest fails, in words that say so")
def cut(world):
    world.clear()
    old = ["%02d%s@elsewhere.example" % (number, "x" * 100000) for number in range(12)]
    world.add_forward("many@" + world.domain, *old)
    response = ask(world, row(world, "many", "FORWARD", "MODIFY", MAILFORWARD="new@elsewhere.example"))
    words = " ".join(response.text.split())
    tap.contains(words, "has not followed it yet (EDeleteForward): it says: more was changed at once than "
                        "is kept of one change; it must be brought up to date by hand")
    tap.equal(world.entry("many@" + world.domain)["batchloadtarget"], ["new@elsewhere.example"], "targets")
    for addon in (world.shell, world.python):
        told = [line.split("|") for line in addon.calls()]
        tap.equal({each[0] for each in told}, {"EDeleteForward"}, "calls")
        tap.equal((len(told), {each[3] for each in told} < set(old)), (10, True), "addresses")
    tap.equal(sorted({(each[0], each[1]) for each in waiting(world)}),
              [(name, call) for name in ("python", "shell") for call in ("EAddForward", "EDeleteForward")],
              "what waits")
    tap.contains(command(world, "queue"), "brought up to date by hand")
    tap.contains(command(world, "cancel", job_of(response)), "4 calls of add-ons")
    tap.equal(waiting(world), [], "what waits")


@tap.test("R9.67 a call waits for the earlier ones of its address, and for no other's")
def order(world):
    world.clear()
    world.shell.do("fail", "ola")
    first = ask(world, full(world, "ola"), full(world, "pat"))
    tap.contains(first.subject, "1 of 2 rows failed")
    second = ask(world, full(world, "ola", "MODIFY", SURNAME="O"), full(world, "pat", "MODIFY", SURNAME="P"))
    tap.contains(second.subject, "1 of 2 rows failed")
    made = world.shell.calls()
    tap.equal([line for line in made if line.startswith("EEditUser") and "|ola|" in line], [], "ola")
    tap.equal(len([line for line in made if line.startswith("EEditUser") and "|pat|" in line]), 1,
              "pat")
    world.shell.clear_one("fail")
    command(world, "retry", job_of(first))
    wait_for(lambda: waiting(world) == [], "the calls to be made", 60)
    tap.equal([line.split("|")[0] for line in world.shell.calls() if "|ola|" in line][-2:],
              ["EAddUser", "EEditUser"], "order")


@tap.test("R9.68 the mail of an account that is deleted is removed by what is configured for that")
def mail_store(world):
    world.clear()
    program = world.nursery.path("ext", "remove")
    noted = world.shell.state + "/removed"
    write(program, "#!/bin/sh\nprintf '%%s|' \"$BATCHLOAD_CALL\" \"$@\" >>%s\n" % noted, 0o755)
    write(world.addons + "/store.conf", 'version = 1\nmail_store = "%s"\n' % program)
    world.reconfigure(world.settings)
    tap.contains(ask(world, full(world, "rita")).text, "processed ok")
    identifier = world.entry("rita@" + world.domain)["batchloadMailboxId".lower()][0]
    tap.equal(os.path.exists(noted), False, "removed")
    tap.contains(ask(world, full(world, "rita", "DELETE")).text, "processed ok")
    with open(noted, encoding="utf-8") as file:
        tap.equal(file.read(), "RemoveMailStore|%s|%s|rita|" % (identifier, world.domain), "call")
    os.remove(world.addons + "/store.conf")
    world.reconfigure(world.settings)


def register(world, *parameters, code=0):
    result = subprocess.run(["RegisterMailAddon", "-c", world.milter.conf, *parameters], text=True,
                            executable=world.tree.door, capture_output=True, timeout=60,
                            check=False)
    tap.equal(result.returncode, code, "%r: %s%s" % (parameters, result.stdout, result.stderr))
    return result.stdout + result.stderr


@tap.test("R9.69 RegisterMailAddon checks each parameter and writes what the daemon takes up")
def registering(world):
    world.clear()
    tap.contains(register(world, code=1), "VendorName MailServerName MailServerVersion "
                 "MailAPIExtension MailAPIInterpreter MailAPIInterpreterParams 3.XCompliantAPI")
    for bad in (("V", "S"), ("", "S", "1", "sh", "", "", "0"), ("V", "S", "1", "sh", "", "", "2"),
                ("V", "S", "1", "a/b", "", "", "0"), ("V", "S", "1", "sh", "", "-f", "0"),
                ("V", "S", "1", "sh", "no-such-program-x", "", "0"),
                ("V\n", "S$", "1", "sh", "", "", "0")):
        register(world, *bad, code=1)
    tap.equal(os.listdir(world.addons).count("V-S.conf"), 0, "files")
    told = register(world, "Example Ltd.", "Mail", "2.1", "sh", "sh", "-e,-u", "1")
    tap.contains(told, "/addons/Example-Ltd.-Mail")
    with open(world.addons + "/Example-Ltd.-Mail.conf", encoding="utf-8") as file:
        text = file.read()
    for line in ('vendor = "Example Ltd."', 'interpreter_parameters = { "-e", "-u" }',
                 "older_parameters = yes", 'extension = "sh"'):
        tap.contains(text, line)
    world.reconfigure(world.settings)
    tap.contains(command(world, "doctor", code=1), "of the add-on Example-Ltd.-Mail can't be found")
    os.remove(world.addons + "/Example-Ltd.-Mail.conf")
    write(world.addons + "/bad.conf", "version = 1\n")
    world.milter.reload()
    wait_for(lambda: world.log_lines("nothing was taken up", "bad.conf"), "the refusal")
    os.remove(world.addons + "/bad.conf")
    world.reconfigure(world.settings)


@tap.test("R9.69 only the daemon and root may have add-ons run; doctor tells who is missing")
def doctor(world):
    world.clear()
    tap.contains(command(world, "doctor", code=1), "batchload-follow answers.")
    probe = ("import socket; s = socket.socket(socket.AF_UNIX); s.connect(%r); "
             "print(s.recv(1000))" % world.socket)
    result = subprocess.run(["/usr/bin/python3", "-c", probe], user="games", text=True, check=True,
                            capture_output=True, timeout=60)
    tap.contains(result.stdout, "only the daemon may ask")
    world.follow.kill()
    tap.contains(command(world, "doctor", code=1), "batchload-follow is not running")
    world.follow.start()
    world.shell.do("fail", "zed")
    job = job_of(ask(world, full(world, "zed")))
    tap.contains(command(world, "doctor", code=1), "1 call of add-ons failed again and again")
    world.shell.forget()
    world.reconfigure(world.settings)
    tap.contains(command(world, "doctor", code=1), "registered no more (shell)")
    command(world, "cancel", job)
    world.shell.register()
    world.reconfigure(world.settings)


if __name__ == "__main__":
    tap.main(AddonWorld)
