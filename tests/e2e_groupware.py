# SPDX-License-Identifier: MIT
"""The groupware server's commands: what each makes of its options, who may use them, and how they
end."""

import contextlib
import hashlib
import json
import os
import pwd
import re
import socket
import subprocess
import sys
import threading

import tap
from harness import World, wait_for
from harness.gate import HOLD, Trap
from harness.ldapgate import ADD, LdapGate

SECRET = "Canary-Kx81-groupware"


NOBODY = pwd.getpwnam("nobody").pw_uid
# Administrators beside the two of each world, and their grants.
GRANTS = {"boss": "allow domains=somedomain.example,otherdomain.example",
          "lean": "allow types=GROUP,FULL actions=ADD",
          "far": "allow client=192.0.2.0/24", "login": "allow auth=password+sasl",
          "off": "discard"}
# The door's commands, as older systems have them, and what each needs beside the administrator.
NEEDED = {
    "adduser": "username password surname alias mail colocrouteaddr", "deluser": "username",
    "changepasswd": "username password", "setquota": "username quotasize",
    "addgroup": "groupname members", "delgroup": "groupname",
    "addmembers2group": "groupname members", "delmembersfromgroup": "groupname members",
    "addresource": "resourcename", "delresource": "resourcename",
    "addresourcegroup": "resourcegroupname members", "delresourcegroup": "resourcegroupname",
    "addmembers2resgroup": "resourcegroupname members",
    "delmembersfromresgroup": "resourcegroupname members"}
TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class DoorWorld(World):
    """With a link by the name of each command, as they are installed, and a gate before slapd."""

    def __init__(self):
        self.settings = {"refusal_pause": 0, "lockout_after": 3, "spool.client_jobs_max": 20,
                         "login_map": "inline:{x=x@y.example}", "lockout_pause": 0,
                         "directory.answer_seconds": 2}
        super().__init__(
            settings=self.settings,
            senders="".join("%s %s\n" % (at(name), grant) for name, grant in GRANTS.items()))
        self.links = self.nursery.path("links")
        os.mkdir(self.links, 0o755)
        for name in NEEDED:
            os.symlink(self.tree.door, os.path.join(self.links, name))
        for name in GRANTS:
            self.passwords[at(name)] = "Kanne-%s-73" % name
            self.add_account(at(name), self.passwords[at(name)])

    def make_milter(self, values, settings):
        self.gate = LdapGate(self.nursery, self.slapd.port)
        return super().make_milter({**values, "LDAP_URI": self.gate.uri}, settings)


def call(world, name, *options, code=0, user=None, environment=None, data=None, **words):
    """(stdout, stderr) of a command, which must end with code; words are options, too."""
    words = ["--%s=%s" % each for each in words.items()]
    done = subprocess.run(
        [os.path.join(world.links, name), *options, *words], input=data, capture_output=True,
        env={"BATCHLOAD_CONFIG": world.milter.conf, **(environment or {}),
             **{key: value for key, value in os.environ.items() if key.endswith("_OPTIONS")}},
        timeout=100, check=False, user=user, group=user and pwd.getpwuid(user).pw_gid,
        extra_groups=user and [])
    out, errors = done.stdout.decode(), done.stderr.decode()
    tap.equal(done.returncode, code, "%s %r %r: %s%s" % (name, options, words, out, errors))
    tap.absent(out + errors, SECRET, "output")
    tap.absent(out + errors, world.passwords[world.admin], "output")
    return out, errors


def act(world, name, *options, admin=None, **words):
    """The same as the administrator."""
    admin = admin or world.admin
    return call(world, name, *options, adminuser=admin, adminpasswd=world.passwords[admin], **words)


def at(user, domain="somedomain.example"):
    return "%s@%s" % (user, domain)


def add_user(world, local, **words):
    address = at(local)
    given = {"username": local, "password": SECRET, "surname": "Arber", "mail": address,
             "alias": address, "colocrouteaddr": local + "@localhost"}
    return act(world, "adduser", **{**given, **words})


def need(world, local, password):
    """An account that other tests may have made, with this password."""
    if world.entry(at(local)) is None:
        world.add_account(at(local), password)


@tap.test("R9.20 R9.21 adduser: an account with its columns, aliases and password; felt by login and "
          "mail")
def adduser(world):
    ann = at("ann")
    out, errors = add_user(
        world, "ann", givenname="Ann", alias="%s, %s ,%s" % (ann.upper(), at("a.arber"), at("arber")),
        timezone="Europe/Berlin", language="de_DE", country="de", phone="+49 30 1", changepasswd="0",
        disable="calendar", globaladdressbook="yes", activated="yes")
    tap.equal((out, errors), ("%s: created\n" % ann, ""), "output")
    entry = world.entry(ann)
    tap.equal([entry[name] for name in ("cn", "sn", "c", "telephonenumber", "preferredlanguage",
                                        "batchloadtimezone", "batchloaddisable")],
              [["Ann Arber"], ["Arber"], ["DE"], ["+49 30 1"], ["de_DE"], ["Europe/Berlin"],
               ["calendar"]], "entry")
    tap.equal([world.entry(at(name))["batchloadtarget"] for name in ("a.arber", "arber")],
              [[ann], [ann]], "aliases")
    tap.equal(world.can_login(ann, SECRET), True, "login")
    sent, identifier = world.send_plain(at("arber"))
    tap.equal(sent.code, 250, "mail")
    world.mailbox(ann, SECRET).wait("Message-ID", identifier)
    _, errors = add_user(world, "ann", code=1)
    tap.contains(errors, "adduser: %s\n" % ann)
    tap.contains(errors, "is taken")
    tap.contains(errors, "  Field:  username (USER)\n")
    tap.absent(errors, "Line", "a line, which there is none of")


LISTED = 'attributes = {"displayName", "physicalDeliveryOfficeName", "destinationIndicator"}'
CLASSES = 'classes = {"inetOrgPerson", "batchloadAccount"}'


@tap.test("R9.21 adduser: --colocrouteaddr is stored where the profile has its attribute, else only checked")
def route(world):
    world.slapd.stop()
    with open(world.slapd.conf, encoding="utf-8") as file:
        text = file.read()
    with open(world.slapd.conf, "w", encoding="utf-8") as file:
        before, include, behind = text.rpartition("\ninclude")
        line, end, rest = behind.partition("\n")
        file.write(before + include + line + end + "include %s/test-fixtures/schema/open-xchange.schema\n"
                   "objectclass ( testOX:99 NAME 'testRoute' SUP top AUXILIARY MAY colocRouteAddr )\n"
                   % TOP + rest)
    world.slapd.start()
    with open(world.tree.profile, encoding="utf-8") as file:
        text = file.read()
    tap.equal((text.count(LISTED), text.count(CLASSES)), (1, 1), "places in the profile")
    path = world.nursery.path("route.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(LISTED, LISTED[:-1] + ', "colocRouteAddr"}').replace(
            CLASSES, CLASSES[:-1] + ', "testRoute"}'))
    os.chmod(path, 0o644)
    world.reconfigure({**world.settings, "profile": path})
    add_user(world, "rona", colocrouteaddr="rona@host.example")
    tap.equal(world.entry(at("rona"))["colocrouteaddr"], ["rona@host.example"], "stored")
    world.reconfigure(world.settings)
    add_user(world, "rob", colocrouteaddr="rob@host.example")
    tap.equal("colocrouteaddr" in world.entry(at("rob")), False, "stored")
    for name in "rona", "rob":
        act(world, "deluser", username=name)


@tap.test("R9.20 R9.31 changepasswd and setquota: felt by login, and by IMAP's word on the quota")
def change(world):
    ann = at("ann")
    tap.equal(act(world, "changepasswd", username=ann, password=SECRET + "2")[0],
              "%s: changed\n" % ann, "output")
    tap.equal((world.can_login(ann, SECRET), world.can_login(ann, SECRET + "2")), (False, True),
              "logins")
    act(world, "setquota", username="ann", quotasize="7")
    tap.equal(world.entry(ann)["batchloadquota"], ["7"], "quota")
    tap.equal(world.can_login(ann, SECRET + "2"), True, "login")
    tap.equal(act(world, "setquota", username="ann", quotasize="7")[0], "ann: unchanged\n", "output")
    tap.contains(act(world, "setquota", username="ann", quotasize="many", code=1)[1], "QUOTA must be")


@tap.test("R9.20 groups: made with members, more and fewer of them, never without, deleted")
def groups(world):
    add_user(world, "ben")
    add_user(world, "cleo")
    staff = at("staff")
    tap.equal(act(world, "addgroup", groupname="staff", members="ann,ben", description="us")[0],
              "%s: created\n" % staff, "output")
    entry = world.entry(staff)
    tap.equal((sorted(entry["batchloadmember"]), entry["description"]),
              ([at("ann"), at("ben")], ["us"]), "members")
    act(world, "addmembers2group", groupname="staff", members=" cleo , %s" % at("ben"))
    tap.equal(sorted(world.entry(staff)["batchloadmember"]), [at("ann"), at("ben"), at("cleo")],
              "members")
    act(world, "delmembersfromgroup", groupname=staff, members="ann,ben")
    tap.equal(world.entry(staff)["batchloadmember"], [at("cleo")], "members")
    act(world, "delmembersfromgroup", groupname="staff", members="cleo", code=1)
    act(world, "addmembers2group", groupname="staff", members="nobody", code=1)
    act(world, "addmembers2group", groupname="nostaff", members="ben", code=1)
    tap.equal(act(world, "delgroup", groupname="staff")[0], "staff: deleted\n", "output")
    tap.equal(world.entry(staff), None, "entry")


@tap.test("R9.20 resources and their groups; mail to a resource is taken")
def resources(world):
    tap.equal(act(world, "addresource", resourcename="beamer", description="on wheels")[0],
              "%s: created\n" % at("beamer"), "output")
    act(world, "addresource", resourcename=at("room"))
    tap.equal(world.send_plain(at("beamer"))[0].code, 250, "mail")
    act(world, "addresourcegroup", resourcegroupname="things", members="beamer")
    act(world, "addmembers2resgroup", resourcegroupname="things", members="room")
    tap.equal(sorted(world.entry(at("things"))["batchloadmember"]), [at("beamer"), at("room")],
              "members")
    act(world, "delmembersfromresgroup", resourcegroupname="things", members="beamer")
    tap.equal(world.entry(at("things"))["batchloadmember"], [at("room")], "members")
    act(world, "addmembers2resgroup", resourcegroupname="things", members="ben", code=1)
    act(world, "delresourcegroup", resourcegroupname="things")
    act(world, "delresource", resourcename="room")
    act(world, "delresource", resourcename="beamer")
    tap.equal([world.entry(at(name)) for name in ("things", "room", "beamer")], [None] * 3, "entries")
    tap.contains(act(world, "delresource", resourcename="ben", code=1)[1], "There is no")


@tap.test("R9.20 deluser: the account with its aliases; nobody logs in, and its mail is refused")
def deluser(world):
    tap.equal(act(world, "deluser", username="ann")[0], "ann: deleted\n", "output")
    tap.equal([world.entry(at(name)) for name in ("ann", "arber", "a.arber")], [None] * 3, "entries")
    tap.equal(world.can_login(at("ann"), SECRET + "2"), False, "login")
    tap.equal(world.send_plain(at("arber"))[0].code, 550, "mail")
    tap.contains(act(world, "deluser", username="ann", code=1)[1], "no mailbox of the name ann")
    tap.contains(act(world, "deluser", username=at("ann"), code=1)[1], "There is no")


@tap.test("R9.22 each command tells its options; what is missing, unknown, doubled or no option is an "
          "error, and nothing is sent")
def usage(world):
    jobs = len(world.log_lines("control: door"))
    for name, needed in NEEDED.items():
        for words, code in ((), 64), (("--help",), 0):
            out, _ = call(world, name, *words, code=code)
            tap.equal({"--" + each for each in needed.split() + ["adminuser", "adminpasswd"]} -
                      set(re.findall(r"--[a-z0-9_]+", out)), set(), name + ": options")
        _, errors = call(world, name, "--adminuser=x@y.example", "--adminpasswd=" + SECRET, code=64)
        for each in needed.split():
            tap.contains(errors, "--" + each)
        given = {each: at("x") for each in needed.split()}
        for each in needed.split():
            fewer = {key: value for key, value in given.items() if key != each}
            tap.contains(act(world, name, code=64, **fewer)[1], "missing: --%s;" % each)
        tap.contains(call(world, name, "--adminpasswd", SECRET, code=64, **given)[1], "--adminuser")
        tap.contains(call(world, name, code=64, adminuser=world.admin, **given)[1],
                     "administrator's password is missing")
        for words, told in (
                (("--", ), "option 1"), (("x" + SECRET,), "option"), (("--surnam", "x"), "--surnam"),
                (("--username=a", "--USERNAME=b"), "given twice"), (("--description",), "option"),
                (("-p", SECRET), "option"), (("--=" + SECRET,), "option"),
                (("--type=LIST",), "--type"), (("--a b=c",), "no option")):
            fewer = {key: value for key, value in given.items() if key != "username"}
            if "given twice" not in told and "username" in given:
                fewer["username"] = given["username"]
            tap.contains(act(world, name, *words, code=64, **fewer)[1], told)
        _, errors = call(world, name, b"--comment=\xff", code=65 if needed else 64)
        tap.contains(errors, "not UTF-8")
    for mistake, told in (
            ({"mail": at("other")}, "not of the same account"), ({"username": "dora@x.example"}, "same"),
            ({"mail": "nothing"}, "no address"), ({"colocrouteaddr": "here"}, "--colocrouteaddr"),
            ({"username": ""}, "--username is empty"), ({"source_only": "ldap,disk"}, "--source_only")):
        tap.contains(add_user(world, "dora", code=64, **mistake)[1], told)
    tap.equal(len(world.log_lines("control: door")), jobs, "requests")
    out = subprocess.run([world.tree.door, "--help"], capture_output=True, text=True, timeout=60,
                         check=True).stdout
    tap.equal(re.findall(r"(?m)^  ([a-z0-9]+)  ", out), list(NEEDED), "commands")
    tap.equal(subprocess.run([world.tree.door, "addusers"], capture_output=True, timeout=60,
                             check=False).returncode, 64, "no command")


@tap.test("R9.23 other columns and attributes are options where something is made, but no others")
def others(world):
    add_user(world, "dora", title="Dr", ROOMNUMBER="7", displayName="Dora D.",
             **{"postal-code": "01234"})
    entry = world.entry(at("dora"))
    tap.equal([entry[name] for name in ("title", "roomnumber", "postalcode", "displayname")],
              [["Dr"], ["7"], ["01234"], ["Dora D."]], "entry")
    for name in ("userPassword", "batchloadMailboxId", "objectClass", "noSuchThing"):
        _, errors = add_user(world, "other", code=1, **{name: "x"})
        tap.contains(errors, "@" + name)
    tap.contains(add_user(world, "other", code=64, titel="x")[1], "did you mean the column TITLE")
    for name in ("1st", "cn;binary", "2.5.4.3", "a" * 65):
        tap.contains(add_user(world, "other", code=64, **{name: "x"})[1], "there is no option --" + name)
    tap.contains(add_user(world, "other", code=64, member="x")[1], "--member can't be given here")
    tap.contains(act(world, "deluser", username="dora", title="x", code=64)[1], "no option --title")
    tap.contains(act(world, "setquota", username="dora", quota="5", code=64)[1], "no option --quota;")
    tap.equal(world.entry(at("other")), None, "entry")


@tap.test("R9.24 a name without a domain is that of one thing in the grant, or it is told; what others "
          "have is not")
def lookup(world):
    boss = at("boss")
    other = at("dora", world.other_domain)
    world.add_account(other, SECRET)
    need(world, "dora", SECRET)
    _, errors = act(world, "setquota", admin=boss, username="dora", quotasize="5", code=1)
    tap.contains(errors, "several in your domains (%s)" % ", ".join((at("dora"), other)))
    act(world, "setquota", admin=boss, username=other, quotasize="5")
    act(world, "setquota", username="dora", quotasize="6")
    tap.equal([world.entry(each)["batchloadquota"] for each in (at("dora"), other)], [["6"], ["5"]],
              "quotas")
    world.add_account(at("eve", world.other_domain), SECRET)
    mine = act(world, "deluser", username="eve", code=1)[1]
    tap.equal(mine.replace("eve", "zoe"), act(world, "deluser", username="zoe", code=1)[1], "words")
    act(world, "deluser", admin=boss, username="eve")
    tap.equal(world.entry(at("eve", world.other_domain)), None, "entry")
    act(world, "deluser", username="dora")


@tap.test("R9.20 R3.32 R3.44 the grant counts as by mail: domains, types, actions; nobody else's words")
def grants(world):
    tap.contains(act(world, "deluser", username=at("x", world.other_domain), code=1)[1],
                 world.other_domain)
    lean = at("lean")
    add_user(world, "fay", admin=lean)
    tap.contains(act(world, "deluser", admin=lean, username="fay", code=1)[1], "ACTION")
    tap.contains(act(world, "addresource", admin=lean, resourcename="r", code=1)[1], "TYPE")
    tap.contains(act(world, "deluser", username=world.admin, code=1)[1], "own")
    tap.equal([world.entry(at("fay")) is None, world.entry(world.admin) is None], [False] * 2, "entries")
    act(world, "deluser", username="fay")


@tap.test("R9.22 --adminuser: what is no whole address is told before anything is sent")
def no_address(world):
    for admin, words in (("nothing", "--adminuser needs the administrator's whole address"),
                         ("", "--adminuser needs"), ("x" * 2000, "--adminuser needs"),
                         ("a b@c.example", "--adminuser: The user part"), ("x@y", "--adminuser: The domain"),
                         ("x@y.example 3 4 z", "--adminuser: "), ("a@b.example\nstate x", "--adminuser: ")):
        out, errors = call(world, "addresource", code=64, resourcename="t", adminuser=admin, adminpasswd="x")
        tap.equal((out, errors.count("\n")), ("", 1), "output")
        tap.contains(errors, "addresource: " + words)


@tap.test("R9.25 a wrong password, an account that may not, a grant that asks for more: the same words")
def proof(world):
    words = set()
    for admin, password in (
            (world.admin, "wrong"), (at("nobody"), "wrong"), (at("ben"), SECRET),
            ("x@elsewhere.example", "x"), (at("far"), None), (at("login"), None), (at("off"), None),
            (world.admin, "x\nBatchload: y"), (world.admin, " " + SECRET)):
        _, errors = call(world, "addresource", code=1, resourcename="thing", adminuser=admin,
                         adminpasswd=password or world.passwords[admin])
        words.add(errors)
    tap.equal(len(words), 1, "words: %s" % words)
    tap.contains(words.pop(), "The password is not the right one for this administrator")
    call(world, "addresource", code=65, resourcename="t", adminuser=world.admin,
         adminpasswd="x" * 2000)
    tap.equal(world.entry(at("thing")), None, "entry")
    release(world)


def lockouts(world):
    done = subprocess.run([world.tree.command, "-c", world.milter.conf, "lockout", "-j"],
                          capture_output=True, text=True, timeout=60, check=True)
    return {(each["sender"], each["client"]): each["failures"]
            for each in map(json.loads, done.stdout.splitlines())}


def release(world, *who):
    return subprocess.run([world.tree.command, "-c", world.milter.conf, "lockout", "release",
                           *(who or (world.admin,))], capture_output=True, timeout=60, check=False)


@tap.test("R9.25 R7.7 wrong passwords are counted for the administrator and the machine's user, and lock "
          "only these; the requests of mail go on")
def lock(world):
    for count in range(1, 4):
        call(world, "addresource", code=1, resourcename="t", adminuser=world.admin,
             adminpasswd="wrong", user=NOBODY)
        pair = (world.admin, "door:uid %d" % NOBODY)
        tap.equal(lockouts(world).get(pair), count, "count")
    tap.equal(len(world.log_lines("action=lock", "from=" + world.admin)), 1, "lines of the lock")
    _, errors = act(world, "addresource", resourcename="t", user=NOBODY, code=1)
    tap.contains(errors, "The password is not the right one")
    act(world, "addresource", resourcename="t")
    tap.contains(world.ask([{"DOMAIN": world.domain, "USER": "t", "TYPE": "RESOURCE",
                             "ACTION": "DELETE"}]).text, "processed ok")
    tap.equal(release(world, world.admin, pair[1]).returncode, 0, "release")
    act(world, "addresource", resourcename="t", user=NOBODY)
    act(world, "delresource", resourcename="t", user=NOBODY)
    tap.equal(lockouts(world), {}, "counts")


@tap.test("R9.29 any user of the machine may use the commands; of requests he knows his own alone")
def strangers(world):
    tap.equal(add_user(world, "gus", user=NOBODY), ("%s: created\n" % at("gus"), ""), "output")
    line = world.log_lines("control: door", "uid=%d" % NOBODY)[-1]
    identifier = re.search(r"job=(\S+)", line).group(1)
    act(world, "deluser", username="gus")
    for words, told in (
            ("state " + identifier, b"ok 4 0 1 1"), ("cancel " + identifier, b"no job"),
            ("retry " + identifier, b"deny "), ("release " + world.admin + " ", b"deny "),
            ("apply %s 1 x\nx" % world.admin, b"deny "), ("check %s 1 x\nx" % world.admin, b"deny "),
            ("state 20261120-ZZZZZZ", b"deny "), ("prove", b"no "), ("prove x", b"no "),
            ("prove x@y.example 0 1 x\nx", b"no "), ("prove x@y.example 2000 1 x\nx", b"no "),
            ("prove x@y.example -1 1 x\nx", b"no "), ("prove x@y.example 1 9999999 x\nx", b"no "),
            ("prove x@y.example 1 1 a\rb\nxx", b"no "), ("prove %s 1 0 \n\0" % world.admin, b"no ")):
        told_now = speak(world, words.encode() + b"\n", NOBODY)
        tap.equal(told_now.startswith(told), True, "%s: %r" % (words, told_now))
    own = [line for line in world.log_lines("control: door", "uid=0")][-1]
    own = re.search(r"job=(\S+)", own).group(1)
    for word in "state", "cancel", "response":
        tap.equal(speak(world, ("%s %s\n" % (word, own)).encode(), NOBODY)[:5], b"deny ", word)
    world.fence()


SPEAK = """import os, socket, sys
os.setgroups([]); os.setgid(%d); os.setuid(%d)
s = socket.socket(socket.AF_UNIX); s.connect(%r)
try:
    s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR)
except OSError:
    pass
while True:
    try:
        got = s.recv(4096)
    except ConnectionResetError:
        break
    if not got: break
    sys.stdout.buffer.write(got)
"""


def door_name(world):
    return b"\0batchload/" + hashlib.sha256(
        os.path.realpath(world.milter.spool).encode()).hexdigest().encode()


def speak(world, data, user):
    """What the daemon answers to another user's program."""
    script = SPEAK % (pwd.getpwuid(user).pw_gid, user, door_name(world))
    return subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, timeout=60,
                          check=True).stdout


@tap.test("R9.29 strangers who come in numbers, and say nothing, hold up neither each other nor root")
def crowd(world):
    with contextlib.ExitStack() as stack:
        script = SPEAK % (pwd.getpwuid(NOBODY).pw_gid, NOBODY, door_name(world))
        script = script[:script.index("try:")] + "print(flush=True); sys.stdin.read()\n"
        for _ in range(12):
            one = stack.enter_context(subprocess.Popen(
                [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            stack.callback(one.stdin.close)
            one.stdout.readline()
        tap.equal(speak(world, b"state x\n", NOBODY), b"fail too many commands are being served at the "
                  b"moment\n", "answer")
        tap.equal(speak(world, b"state x\n", pwd.getpwnam("mail").pw_uid)[:5], b"deny ", "another user")
        act(world, "addresource", resourcename="crowd")
    act(world, "delresource", resourcename="crowd", user=NOBODY)


@tap.test("R9.26 passwords by descriptor and by the environment; on the command line they are gone at once")
def passwords(world):
    def pipe(text):
        read, write = os.pipe()
        os.write(write, text.encode())
        os.close(write)
        stack.callback(os.close, read)
        return read

    def run(*options, environment=None, code=0, **words):
        return subprocess.run(
            [os.path.join(world.links, "changepasswd"), "--adminuser=" + world.admin,
             "--username=ben", *options], capture_output=True, pass_fds=tuple(words.values()),
            env={"BATCHLOAD_CONFIG": world.milter.conf, **(environment or {})}, timeout=100,
            check=False).returncode == code

    own = world.passwords[world.admin]
    need(world, "ben", SECRET)
    with contextlib.ExitStack() as stack:
        admin, user = pipe(own + "\n"), pipe(SECRET + "fd")
        tap.equal(run("--adminpasswd-fd=%d" % admin, "--password-fd", str(user), a=admin, u=user), True,
                  "by descriptor")
        tap.equal(world.can_login(at("ben"), SECRET + "fd"), True, "login")
        tap.equal(run(environment={"BATCHLOAD_ADMINPASSWD": own, "BATCHLOAD_PASSWORD": SECRET + "e"}),
                  True, "by the environment")
        tap.equal(world.can_login(at("ben"), SECRET + "e"), True, "login")
        admin = pipe(own)
        tap.equal(run("--adminpasswd-fd=%d" % admin, "--adminpasswd=x", "--password=x", a=admin,
                      code=64), True, "two ways")
        tap.equal(run("--adminpasswd-fd=x", "--password=x", code=64), True, "no number")
        tap.equal(run("--adminpasswd-fd=987", "--password=x", code=66), True, "no descriptor")
        admin = pipe("")
        tap.equal(run("--adminpasswd-fd=%d" % admin, "--password=x", a=admin, code=65), True, "empty")


@tap.test("R9.26 no password in a command line, an environment, a log or the spool while a command waits")
def hidden(world):
    need(world, "ben", SECRET + "e")
    world.slapd.stop()
    wrong = "Falsch-" + SECRET
    child = subprocess.Popen(
        [os.path.join(world.links, "changepasswd"), "--adminuser=" + world.admin, "--username=ben",
         "--password", SECRET + "3", "--AdminPasswd=" + wrong],
        env={"BATCHLOAD_CONFIG": world.milter.conf, "BATCHLOAD_PASSWORD": SECRET + "4"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with child:
        wait_for(lambda: world.log_lines("action=wait"), "it to wait")
        for name in "cmdline", "environ":
            with open("/proc/%d/%s" % (child.pid, name), "rb") as file:
                seen = file.read()
            tap.equal(SECRET.encode() in seen, False, name)
            tap.equal(b"changepasswd" in seen or name == "environ", True, name)
        world.search_spool(SECRET)
        out = child.stdout.read().decode()
    tap.equal(child.returncode, 75, out)
    tap.contains(out, "could not be told")
    tap.absent(out, "password", "a word on the password")
    tap.absent(world.log_text(), SECRET, "log")
    world.slapd.start()
    tap.equal(lockouts(world), {}, "counts")
    tap.equal(world.can_login(at("ben"), SECRET + "e"), True, "login")


@tap.test("R9.27 the directory away in the middle of a change: it goes on, and is told by mail", seconds=240)
def lost(world):
    held = world.gate.set(Trap(HOLD, kinds=(ADD,)))
    killer = threading.Thread(target=lambda: held.hit.wait(60) and world.slapd.kill())
    killer.start()
    _, errors = act(world, "addresource", resourcename="late", code=75)
    killer.join()
    tap.contains(errors, "it goes on as job ")
    world.slapd.start()
    wait_for(lambda: world.entry(at("late")), "the resource", 60)
    identifier = re.search(r"goes on as job (\S+),", errors).group(1)
    state = wait_for(lambda: [line for line in (speak(world, b"state %s\n" % identifier.encode(), 0),)
                              if line.startswith(b"ok 3 0 1 1")], "the response")
    tap.equal(len(state), 1, "state")
    act(world, "delresource", resourcename="late")


@tap.test("R9.27 no daemon: 75, and no word on the password")
def away(world):
    world.milter.stop()
    _, errors = act(world, "addresource", resourcename="t", code=75)
    tap.contains(errors, "does it run?")
    world.milter.start()
    act(world, "addresource", resourcename="t")
    act(world, "delresource", resourcename="t")


@tap.test("R9.28 what a command tells is mailed to nobody")
def quiet(world):
    mails = world.mailbox(world.admin).count()
    act(world, "addresource", resourcename="q")
    act(world, "addresource", resourcename="q", code=1)
    act(world, "delresource", resourcename="q")
    world.fence()
    tap.equal(world.mailbox(world.admin).count(), mails + 1, "mails: the fence's")


@tap.test("R9.30 --source_only without ldap: nothing is done, and told")
def stores(world):
    for value, done in ("ldap", True), ("ldap, sql", True), ("groupware,sql,imap", False), ("imap", False):
        out, _ = add_user(world, "src", source_only=value)
        tap.equal((world.entry(at("src")) is not None, "Nothing was done" in out), (done, not done), value)
        if done:
            act(world, "deluser", username="src")


@tap.test("R9.20 hostile values: none becomes another row, column, filter or line")
def hostile(world):
    for value in ("x;FULL;DELETE", 'x"\r\ny', "=HYPERLINK(1)", "*", "x)(mail=*", "\u202e", "\x1b[31m",
                  "a\tb", "x" * 5000, "x," * 5000):
        for name in "username", "groupname":
            command = {"username": "deluser", "groupname": "delgroup"}[name]
            out, errors = act(world, command, code=1, **{name: value})
            tap.equal((out, "\x1b" in errors), ("", False), "output")
        _, errors = act(world, "addgroup", groupname="hg", members=value, code=1)
        tap.equal("\x1b" in errors, False, "output")
    for value, kept in (("=1+1", "=1+1"), ("a;b\"c", "a;b\"c"), ("-x", "-x"), ("@x", "@x")):
        act(world, "addresource", resourcename="hr", description=value)
        tap.equal(world.entry(at("hr"))["description"], [kept], "description")
        act(world, "delresource", resourcename="hr")
    members = ",".join("m%04d" % number for number in range(1500))
    tap.contains(act(world, "addgroup", groupname="hg", members=members, code=1)[1], "1000")
    tap.equal((world.entry(at("hg")), world.entry(world.admin) is None), (None, False), "entries")


def stood_in(text):
    """{command: words of the test} of a table's rows."""
    return dict(re.findall(r"(?m)^\| `([a-z0-9]+)` \|.*\| ([^|]+) \|$", text))


@tap.test("R9.20 the page, the makefile and the table of tests name the same commands, and tests there are")
def names(world):
    with open(os.path.join(TOP, "man", "batchload-groupware.8.in"), encoding="utf-8") as file:
        page = file.read()
    tap.equal(re.findall(r"(?m)^\.It Nm ([a-z0-9]+)$", page), list(NEEDED), "manual page")
    with open(os.path.join(TOP, "cli", "local.mk"), encoding="utf-8") as file:
        made = re.search(r"GROUPWARE_COMMANDS = ((?:.*\\\n)*.*)\n", file.read()).group(1)
    tap.equal(made.replace("\\\n", " ").split(), list(NEEDED), "makefile")
    with open(os.path.join(TOP, "tests", "README.md"), encoding="utf-8") as file:
        table = stood_in(file.read().partition("<!-- groupware -->")[2].partition("<!-- end -->")[0])
    tap.equal(list(table), list(NEEDED), "tests/README.md")
    with open(os.path.abspath(__file__), encoding="utf-8") as file:
        own = file.read()
    for name, words in table.items():
        tap.equal(['@tap.test("' in own and each in own and '"%s"' % name in own
                   for each in words.split(" / ")], [True] * len(words.split(" / ")), name)


if __name__ == "__main__":
    tap.main(DoorWorld)
