# SPDX-License-Identifier: MIT
"""The panel-style calls: what each makes of its parameters, what is felt of it, and how it ends."""

import os
import pwd
import re
import subprocess

import felt
import tap
from felt import SECRET, at
from harness import World, wait_for
from harness.process import write

NOBODY = pwd.getpwnam("nobody").pw_uid
TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir", TOP)
NEW = "panel.example"
D = felt.DOMAIN
ON = ("1",) * 8
# The older API's own names: none of them may be missing anywhere.
CALLS = """
    EAddDomain EEditDomain ESuspendDomain EResumeDomain EDeleteDomain EGetMailURL EChangeDomainIP
    EAddDomainAlias EDeleteDomainAlias EGetDomainAliasList EGetDistributionListList
    EGetDistributionList EGetMailingListList EGetSpamFilterList EGetCatchallUser EPreExportDomain
    EPostExportDomain EPreImportDomain EPostImportDomain EAddDistributionList
    EDeleteDistributionList EAddMailingList EDeleteMailingList EAddSpamFilter EDeleteSpamFilter
    EStartMailServer EStopMailServer EChangeNetworkSettings EAddUser EEditUser ESuspendUser
    EResumeUser EDeleteUser EPreExportUser EPostExportUser EPreImportUser EPostImportUser
    EAddUserAlias EDeleteUserAlias EGetUserAliasList EGetForwardList EGetAutoResponder
    EDeleteAutoResponder EAddForward EDeleteForward EAddDistributionListMember
    EDeleteDistributionListMember EGetDistributionListMemberList EAddMailingListMember
    EDeleteMailingListMember EGetMailingListMemberList ESetCatchallUser ESetAutoResponder
    RegisterMailAddon
""".split()


class PanelWorld(World):
    """With a link by the name of each call, as they are installed, and a folder of commands."""

    def _build(self, milter, settings, senders, sync, slapd_tells):
        self.commands = self.nursery.path("commands")
        os.mkdir(self.commands, 0o755)
        self.settings = {"panel_requester": felt.BOSS, "panel_commands": self.commands}
        grant = "%s allow domains=%s,%s,name.example types=%s create_domains=yes\n" % (
            felt.BOSS, D, NEW, "FULL,FORWARD,LIST,DLIST,ALIAS,DOMAIN,DOMAINALIAS,CATCHALL,AUTORESPONDER,"
            "SPAMFILTER")
        super()._build(milter, self.settings, grant, sync, slapd_tells)
        self.passwords[felt.BOSS] = "Kanne-Boss-73"
        self.add_account(felt.BOSS, self.passwords[felt.BOSS])
        self.links = self.nursery.path("links")
        os.mkdir(self.links, 0o755)
        for name in CALLS:
            os.symlink(self.tree.door, os.path.join(self.links, name))


def call(world, name, *parameters, code=0, user=None, environment=None, pass_fds=()):
    """(stdout, stderr) of a call, which must end with code."""
    done = subprocess.run(
        [os.path.join(world.links, name), *parameters], capture_output=True, timeout=100, check=False,
        env={"BATCHLOAD_CONFIG": world.milter.conf, **(environment or {}),
             **{key: value for key, value in os.environ.items() if key.endswith("_OPTIONS")}},
        user=user, group=user and pwd.getpwuid(user).pw_gid, extra_groups=user and [],
        pass_fds=pass_fds)
    out, errors = done.stdout.decode(), done.stderr.decode()
    tap.equal(done.returncode, code, "%s %r: %s%s" % (name, parameters, out, errors))
    tap.equal((errors == "", errors.startswith(name + ": ") or errors == ""), (code == 0, True), errors)
    tap.absent(out + errors, SECRET, "output")
    return out, errors


def fails(world, told, name, *parameters, **options):
    out, errors = call(world, name, *parameters, code=1, **options)
    tap.equal(out, "", "output")
    tap.contains(errors, told)


def lines(world, name, *parameters):
    return call(world, name, *parameters)[0].splitlines()


def add_user(world, user, domain=D, password=SECRET, **options):
    return call(world, "EAddUser", domain, user, password, "Ann", "B", "Arber", "1", "1", "1", **options)


def need(world, *users):
    """What other tests may have made: the second domain, and accounts."""
    if not world.slapd.search("(ou=%s)" % NEW):
        call(world, "EAddDomain", NEW, "", "", "-1", "postmaestro", SECRET, "0", *ON)
    for user in users:
        if world.entry(at(user)) is None:
            add_user(world, user)


@tap.test("R9.40 R9.42 EAddDomain: a domain with its owner, who logs in and gets the catch-all; EEditDomain")
def domains(world):
    new = (NEW, "192.0.2.7", "", "3", "postmaestro", SECRET, "0")
    fails(world, "EAddDomain: %s\n  Field:  MaxMailBoxes (MAX MAILBOXES)\n" % NEW, "EAddDomain", NEW, "", "",
          "many", *new[4:], *ON)
    fails(world, "MailBoxDirectory is no absolute path", "EAddDomain", NEW, "", "mail", *new[3:], *ON)
    fails(world, "IP", "EAddDomain", NEW, "300.1.1.1", *new[2:], *ON)
    tap.equal(call(world, "EAddDomain", *new, *ON)[0], "", "output")
    owner = "postmaestro@" + NEW
    tap.equal(felt.logs_in(world, owner), True, "login")
    felt.receives(world, "nobody-knows@" + NEW, owner)
    tap.equal(lines(world, "EGetCatchallUser", NEW), [owner], "catch-all")
    fails(world, NEW, "EAddDomain", *new, *ON)
    call(world, "EEditDomain", NEW, "1", *ON[:3], "0", *ON[4:])
    fails(world, "may have 1 mailbox", "EAddUser", NEW, "second", SECRET, "", "", "", "1", "1", "1")
    fails(world, "switched off", "EAddSpamFilter", NEW, "bad@elsewhere.example", "EMAIL")
    call(world, "EEditDomain", NEW, "-1", *ON)
    call(world, "EAddSpamFilter", NEW, "bad@elsewhere.example", "EMAIL")
    fails(world, "none.example", "EEditDomain", "none.example", "1", *ON)
    fails(world, "EnableWebAccess must be 1 or 0", "EEditDomain", NEW, "1", *ON[:7], "yes")
    tap.equal(lines(world, "EGetMailURL", NEW), [], "web address")
    fails(world, "none.example", "EGetMailURL", "none.example")


@tap.test("R9.40 R9.47 ESuspendDomain, EResumeDomain: all of it stops and comes back; where it is so, nothing")
def suspended_domain(world):
    need(world)
    owner = "postmaestro@" + NEW
    felt.ask(world, [felt.row("ADD DOMAIN @name.example")])
    for name in "EResumeDomain", "ESuspendDomain", "ESuspendDomain", "EResumeDomain", "EDeleteDomain":
        tap.equal(call(world, name, "name.example"), ("", ""), name + " of a domain without accounts")
    for _ in range(2):
        call(world, "ESuspendDomain", NEW)
        tap.equal(felt.logs_in(world, owner), False, "login")
    felt.refused(world, owner, felt.DEAD)
    for _ in range(2):
        call(world, "EResumeDomain", NEW)
        tap.equal(felt.logs_in(world, owner), True, "login")
    for name in "ESuspendDomain", "EResumeDomain":
        fails(world, "none.example", name, "none.example")
        fails(world, "DomainName", name, "no domain")


@tap.test("R9.40 EAddUser, EEditUser, ESuspendUser, EResumeUser, EDeleteUser: felt by login and mail")
def users(world):
    tap.equal(add_user(world, "ann"), ("", ""), "output")
    entry = world.entry(at("ann"))
    tap.equal((entry["givenname"], entry["sn"], entry["initials"]), (["Ann"], ["Arber"], ["B"]), "names")
    tap.equal(felt.logs_in(world, at("ann")), True, "login")
    felt.receives(world, at("ann"), at("ann"))
    fails(world, "is taken", "EAddUser", D, "ann", SECRET, "", "", "", "", "", "")
    fails(world, "PASSWORD is empty", "EAddUser", D, "bea", "", "", "", "", "", "", "")
    fails(world, "UserEnableForwards", "EAddUser", D, "bea", SECRET, "", "", "", "2", "", "")
    fails(world, "before the @", "EAddUser", D, at("bea"), SECRET, "", "", "", "", "", "")
    fails(world, "UserName is empty", "EAddUser", D, "", SECRET, "", "", "", "", "", "")
    call(world, "EEditUser", D, "ann", "", "Anna", "", "", "", "", "")
    tap.equal(world.entry(at("ann"))["givenname"], ["Anna"], "name")
    tap.equal(felt.logs_in(world, at("ann")), True, "login")
    call(world, "EEditUser", D, "ann", SECRET + "2", "", "", "", "", "", "")
    tap.equal(world.can_login(at("ann"), SECRET + "2"), True, "login")
    call(world, "EEditUser", D, "ann", SECRET, "", "", "", "", "", "")
    fails(world, "There is no", "EEditUser", D, "none", "", "x", "", "", "", "", "")
    for name, works in ("ESuspendUser", False), ("EResumeUser", True):
        call(world, name, D, "ann")
        tap.equal(felt.logs_in(world, at("ann")), works, name)
        fails(world, "There is no", name, D, "none")
    call(world, "EDeleteUser", D, "ann")
    tap.equal(world.entry(at("ann")), None, "entry")
    fails(world, "There is no", "EDeleteUser", D, "ann")


@tap.test("R9.41 EAddUserAlias, EDeleteUserAlias, EGetUserAliasList: only the account's own go")
def aliases(world):
    need(world, "al", "bo")
    for name in "one", "two":
        call(world, "EAddUserAlias", D, "al", name)
    call(world, "EAddUserAlias", D, "bo", at("three"))
    fails(world, "UserAlias (USER)", "EAddUserAlias", D, "al", "three")
    tap.equal(sorted(lines(world, "EGetUserAliasList", D, "al")), ["one", "two"], "aliases")
    felt.receives(world, at("one"), at("al"))
    far = "far@" + NEW
    call(world, "EAddUserAlias", D, "al", far)
    tap.equal(sorted(lines(world, "EGetUserAliasList", D, "al")), [far, "one", "two"], "aliases")
    tap.equal(lines(world, "EGetUserAliasList", NEW, "postmaestro"), [], "aliases")
    felt.receives(world, far, at("al"))
    fails(world, "is no alias of this mailbox", "EDeleteUserAlias", NEW, "postmaestro", far)
    call(world, "EDeleteUserAlias", D, "al", far)
    fails(world, "is no alias of this mailbox", "EDeleteUserAlias", D, "al", "three")
    fails(world, "is no alias of this mailbox", "EDeleteUserAlias", D, "bo", "bo")
    call(world, "EDeleteUserAlias", D, "al", "one")
    tap.equal(lines(world, "EGetUserAliasList", D, "al"), ["two"], "aliases")
    fails(world, "is no mailbox", "EGetUserAliasList", D, "none")


@tap.test("R9.41 EAddForward, EDeleteForward, EGetForwardList: a copy goes there, one more and one less")
def forwards(world):
    need(world, "al", "bo")
    for target in at("bo"), "x@elsewhere.example":
        call(world, "EAddForward", D, "al", target)
    tap.equal(sorted(lines(world, "EGetForwardList", D, "al")), [at("bo"), "x@elsewhere.example"], "list")
    call(world, "EDeleteForward", D, "al", "x@elsewhere.example")
    felt.receives(world, at("al"), at("al"), at("bo"))
    for bad in "a@b.example c@d.example", "~a@b.example,", "", "word":
        fails(world, "UserForward", "EAddForward", D, "al", bad)
        fails(world, "UserForward", "EDeleteForward", D, "al", bad)
    tap.equal(lines(world, "EGetForwardList", D, "al"), [at("bo")], "list")
    call(world, "EDeleteForward", D, "al", at("bo"))
    fails(world, "is no mailbox", "EGetForwardList", D, "none")


@tap.test("R9.41 ESetAutoResponder, EGetAutoResponder, EDeleteAutoResponder: set, told, gone")
def answers(world):
    need(world, "al")
    tap.equal(call(world, "EGetAutoResponder", D, "al")[0], "", "none")
    call(world, "ESetAutoResponder", D, "al", "Away", "Back on\nMonday; \"sure\"")
    tap.equal(call(world, "EGetAutoResponder", D, "al")[0], "Away\nBack on\nMonday; \"sure\"\n", "answer")
    tap.equal(lines(world, "EGetForwardList", D, "al"), [], "forwards")
    call(world, "ESetAutoResponder", D, "al", "", "=1+1")
    tap.equal(call(world, "EGetAutoResponder", D, "al")[0], "\n=1+1\n", "answer")
    call(world, "EDeleteAutoResponder", D, "al")
    tap.equal(call(world, "EGetAutoResponder", D, "al")[0], "", "none")
    fails(world, "There is no", "ESetAutoResponder", D, "none", "s", "m")
    fails(world, "Message (MESSAGE)", "ESetAutoResponder", D, "al", "s", "")
    fails(world, "is no mailbox", "EGetAutoResponder", D, "none")
    fails(world, "There is no", "EDeleteAutoResponder", D, "none")


LISTS = {"MailingList": "EGetMailingListList", "DistributionList": "EGetDistributionListList"}


@tap.test("R9.41 lists and their members: made once, felt by mail, never made or deleted by a member's call")
def lists(world):
    need(world, "al", "bo")
    for kind, listing in LISTS.items():
        name = kind.lower()
        member = (lambda address, k=kind: ("Bo B", address) if k == "MailingList" else (address,))
        fails(world, "is no list", "EAdd%sMember" % kind, D, name, *member(at("bo")))
        tap.equal(world.entry(at(name)), None, "entry")
        call(world, "EAdd" + kind, D, name)
        fails(world, "there already", "EAdd" + kind, D, name)
        fails(world, "taken", "EAdd" + kind, D, "al")
        tap.equal(lines(world, listing, D), [name], "lists")
        for address in at("al"), at("bo"):
            call(world, "EAdd%sMember" % kind, D, name, *member(address))
        tap.equal(sorted(lines(world, "EGet%sMemberList" % kind, D, name)), [at("al"), at("bo")], "members")
        felt.receives(world, at(name), at("al"), at("bo"))
        call(world, "EDelete%sMember" % kind, D, name, at("al"))
        fails(world, "MemberEmailAddress is empty", "EDelete%sMember" % kind, D, name, "")
        fails(world, "MemberEmailAddress", "EAdd%sMember" % kind, D, name, *member("a@b.example x@y.example"))
        tap.equal(lines(world, "EGet%sMemberList" % kind, D, name), [at("bo")], "members")
        fails(world, "is no list", "EGet%sMemberList" % kind, D, "bo")
        fails(world, "none.example", listing, "none.example")
        call(world, "EDelete" + kind, D, name)
        tap.equal((lines(world, listing, D), world.entry(at(name))), ([], None), "lists")
        fails(world, "There is no", "EDelete" + kind, D, name)
    call(world, "EAddDistributionList", D, "again")
    tap.equal(lines(world, "EGetDistributionList", D), ["again"], "by its other name")
    call(world, "EDeleteDistributionList", D, "again")


@tap.test("R9.41 EAddDomainAlias, EDeleteDomainAlias, EGetDomainAliasList: only the domain's own go")
def names_of_domains(world):
    need(world, "al")
    call(world, "EAddDomainAlias", D, "name.example")
    fails(world, "name.example", "EAddDomainAlias", D, "name.example")
    fails(world, "DomainAlias", "EAddDomainAlias", D, "no name")
    tap.equal(lines(world, "EGetDomainAliasList", D), ["name.example"], "names")
    tap.equal(lines(world, "EGetDomainAliasList", NEW), [], "names")
    felt.receives(world, "al@name.example", at("al"))
    fails(world, "is no further name of this domain", "EDeleteDomainAlias", NEW, "name.example")
    fails(world, "is no further name of this domain", "EDeleteDomainAlias", D, NEW)
    call(world, "EDeleteDomainAlias", D, "name.example")
    tap.equal(lines(world, "EGetDomainAliasList", D), [], "names")


@tap.test("R9.41 EAddSpamFilter, EDeleteSpamFilter, EGetSpamFilterList: who is blocked is refused")
def filters(world):
    need(world, "al")
    for value, kind in ((felt.STRANGER, "EMAIL"), ("bad.example", "DOMAIN"), ("192.0.2.9", "IP")):
        call(world, "EAddSpamFilter", D, value, kind)
    tap.equal(sorted(lines(world, "EGetSpamFilterList", D)), ["192.0.2.9", "bad.example", felt.STRANGER],
              "filters")
    sent, _ = world.send_plain(at("al"), sender=felt.STRANGER)
    tap.equal(sent.code // 100, 5, repr(sent))
    for value in felt.STRANGER, "bad.example", "192.0.2.9":
        call(world, "EDeleteSpamFilter", D, value)
    felt.receives(world, at("al"), at("al"))
    fails(world, "TypeOfSpamFilter (FILTERTYPE)", "EAddSpamFilter", D, "bad.example", "WORD")
    fails(world, "TypeOfSpamFilter is empty", "EAddSpamFilter", D, "bad.example", "")
    fails(world, "", "EAddSpamFilter", D, "*", "DOMAIN")
    fails(world, "SpamFilterAddress is empty", "EDeleteSpamFilter", D, "")


@tap.test("R9.41 ESetCatchallUser, EGetCatchallUser: set, replaced, cleared")
def catchalls(world):
    need(world, "al", "bo")
    tap.equal(lines(world, "EGetCatchallUser", D), [], "none")
    for user in "al", "bo":
        call(world, "ESetCatchallUser", D, at(user))
        tap.equal(lines(world, "EGetCatchallUser", D), [at(user)], "catch-all")
    felt.receives(world, at("whoever"), at("bo"))
    fails(world, at("none"), "ESetCatchallUser", D, at("none"))
    fails(world, "CatchallUserEmailAddress is empty", "ESetCatchallUser", D, "")
    call(world, "ESetCatchallUser", D, "-")
    felt.refused(world, at("whoever"), felt.UNKNOWN)


MOVED = ("/var/mail", "/tmp/data.tar")
COMMANDS = {"EStartMailServer": (), "EStopMailServer": (),
            "EChangeNetworkSettings": ("192.0.2.1", "old.example.org", "2001:db8::1", "new.example.org"),
            **{"E%sDomain" % each: (NEW, *MOVED, "postmaestro@" + NEW, *ON)
               for each in ("PreExport", "PostExport", "PreImport", "PostImport")},
            **{"E%sUser" % each: (NEW, "postmaestro", *MOVED, "1", "0", "1")
               for each in ("PreExport", "PostExport", "PreImport", "PostImport")}}


def note(world, name, status=0):
    """A command for the call, which notes its parameters."""
    path = os.path.join(world.commands, name)
    write(path, "#!/bin/sh\nprintf '%s' \"$BATCHLOAD_CALL\"; for each; do printf '|%s' \"$each\"; done; "
          "echo; env | cut -d = -f 1 | grep -c BATCHLOAD; exit " + str(status) + "\n", 0o755)
    return path


@tap.test("R9.44 the calls that run a command of the configuration, and what has none")
def commands(world):
    need(world)
    for name, parameters in COMMANDS.items():
        fails(world, "not supported", name, *parameters)
        path = note(world, name)
        tap.equal(lines(world, name, *parameters), ["|".join((name, *parameters)), "1"], name)
        for place in range(len(parameters)):
            wrong = list(parameters)
            wrong[place] = "a\nb"
            fails(world, "", name, *wrong)
        note(world, name, 3)
        tap.contains(call(world, name, *parameters, code=1)[1], "ended with status 3")
        os.chmod(path, 0o775)
        fails(world, "is not run", name, *parameters)
        os.remove(path)
    call(world, "EChangeDomainIP", NEW, "192.0.2.8")
    note(world, "EChangeDomainIP")
    tap.equal(lines(world, "EChangeDomainIP", NEW, "192.0.2.9")[0],
              "EChangeDomainIP|%s|192.0.2.9" % NEW, "call")
    tap.equal([each["batchloadip"] for each in world.slapd.search("(ou=%s)" % NEW).values()],
              [["192.0.2.9"]], "stored")
    fails(world, "must be an IP address", "EChangeDomainIP", NEW, "here")
    fails(world, "IPAddress is empty", "EChangeDomainIP", NEW, "")
    fails(world, "none.example", "EChangeDomainIP", "none.example", "192.0.2.9")


@tap.test("R9.43 a wrong number of parameters, what is not UTF-8, no requester, no right: refused, in words")
def refusals(world):
    need(world, "al")
    for name in CALLS:
        if name == "RegisterMailAddon":
            continue
        out, _ = call(world, name, "--help")
        words = out.split()
        tap.equal(words[:2], ["Usage:", name], "usage")
        fails(world, "there must be %d parameters" % (len(words) - 2), name, *["x"] * (len(words) - 1))
        if len(words) > 2:
            fails(world, "not UTF-8", name, *[b"\xff"] * (len(words) - 2))
    fails(world, "only root", "ESuspendUser", D, "al", user=NOBODY)
    fails(world, "only root", "EGetForwardList", D, "al", user=NOBODY)
    call(world, "ESuspendUser", D, "al", environment={"BATCHLOAD_AS": world.admin})
    call(world, "EResumeUser", D, "al", environment={"BATCHLOAD_AS": world.admin})
    fails(world, "is not one that you manage", "ESuspendUser", NEW, "postmaestro",
          environment={"BATCHLOAD_AS": world.admin})
    fails(world, "does not allow", "ESuspendUser", D, "al", environment={"BATCHLOAD_AS": "x@y.example"})
    fails(world, "BATCHLOAD_AS", "ESuspendUser", D, "al", environment={"BATCHLOAD_AS": "x"})


@tap.test("R9.45 passwords: by the environment or a descriptor with -, never left on the command line")
def passwords(world):
    need(world, "al")
    read, end = os.pipe()
    os.write(end, (SECRET + "3\n").encode())
    os.close(end)
    call(world, "EEditUser", D, "al", "-", *[""] * 6, pass_fds=(read,),
         environment={"BATCHLOAD_PASSWORD_FD": str(read)})
    os.close(read)
    tap.equal(world.can_login(at("al"), SECRET + "3"), True, "login")
    call(world, "EEditUser", D, "al", "-", *[""] * 6, environment={"BATCHLOAD_PASSWORD": SECRET})
    tap.equal(world.can_login(at("al"), SECRET), True, "login")
    fails(world, "descriptor", "EEditUser", D, "al", "-", *[""] * 6)
    fails(world, "together", "EEditUser", D, "al", "-", *[""] * 6,
          environment={"BATCHLOAD_PASSWORD": "x", "BATCHLOAD_PASSWORD_FD": "0"})
    world.slapd.stop()
    child = subprocess.Popen([os.path.join(world.links, "EAddUser"), D, "late", SECRET + "4", *[""] * 6],
                             env={"BATCHLOAD_CONFIG": world.milter.conf}, stderr=subprocess.PIPE)
    with child:
        wait_for(lambda: world.log_lines("action=wait"), "it to wait")
        with open("/proc/%d/cmdline" % child.pid, "rb") as file:
            tap.equal(SECRET.encode() in file.read(), False, "command line")
        world.search_spool(SECRET)
        errors = child.stderr.read().decode()
    tap.equal(child.returncode, 1, errors)
    tap.contains(errors, "could not be told")
    world.slapd.start()
    tap.equal(world.entry(at("late")), None, "entry")


@tap.test("R9.46 what a call tells is mailed to nobody")
def quiet(world):
    need(world, "bo")
    mails = world.mailbox(felt.BOSS).count()
    call(world, "ESuspendUser", D, "bo")
    call(world, "EResumeUser", D, "bo")
    fails(world, "There is no", "ESuspendUser", D, "none")
    world.fence()
    tap.equal(world.mailbox(felt.BOSS).count(), mails, "mails")


@tap.test("R9.46 a call that is killed while it waits: what became of it is mailed to the requester")
def killed(world):
    mails, before = world.mailbox(felt.BOSS).count(), len(world.log_lines("action=wait"))
    world.slapd.stop()
    with subprocess.Popen([os.path.join(world.links, "EAddMailingList"), D, "orphan"],
                          env={"BATCHLOAD_CONFIG": world.milter.conf}, stderr=subprocess.DEVNULL) as child:
        waiting = wait_for(lambda: world.log_lines("action=wait")[before:], "it to wait")
        child.kill()
    job = re.search(r" job=(\S+)", waiting[-1]).group(1)
    world.slapd.start()

    def retry():
        """Nobody waits for the pause before the next try, nor for who would fetch."""
        subprocess.run([world.tree.command, "-c", world.milter.conf, "retry", job], check=False,
                       capture_output=True, timeout=60)
        return world.log_lines("job=" + job, "action=done", "to=" + felt.BOSS)

    wait_for(retry, "the response", 60)
    tap.equal(world.entry(at("orphan")) is not None, True, "list")
    wait_for(lambda: world.mailbox(felt.BOSS).count() > mails, "the mail", 30)
    call(world, "EDeleteMailingList", D, "orphan")
    world.fence(felt.BOSS)
    tap.equal(world.mailbox(felt.BOSS).count(), mails + 2, "mails: this one, and the fence's")


KNOWN = 'known_by = "batchloadDomain"'


@tap.test("R9.47 ESuspendDomain and EResumeDomain succeed where the profile has nothing to suspend by")
def nothing_to_suspend(world):
    need(world)
    with open(world.tree.profile, encoding="utf-8") as file:
        text = file.read()
    tap.equal(text.count(KNOWN), 1, "places in the profile")
    path = world.nursery.path("unsuspended.conf")
    write(path, text.replace(KNOWN, KNOWN + '\n    lacks = {"SUSPEND"}'), 0o644)
    world.reconfigure({**world.settings, "profile": path})
    for name in "ESuspendDomain", "EResumeDomain":
        tap.equal(call(world, name, NEW), ("", ""), name)
        fails(world, "there is no domain none.example", name, "none.example")
    tap.equal(felt.logs_in(world, "postmaestro@" + NEW), True, "login")
    world.reconfigure(world.settings)
    call(world, "ESuspendDomain", NEW)
    tap.equal(felt.logs_in(world, "postmaestro@" + NEW), False, "login")
    call(world, "EResumeDomain", NEW)


@tap.test("R9.40 EDeleteDomain: with all that is in it")
def gone(world):
    need(world)
    call(world, "EDeleteDomain", NEW)
    tap.equal(world.slapd.search("(ou=%s)" % NEW), {}, "entries")
    fails(world, NEW, "EDeleteDomain", NEW)


@tap.test("R9.20 R9.40 make install: the links lead to the program, wherever it all was put")
def links(world):
    for number, folder in enumerate(("", "/opt/panel/bin/", "/usr")):
        place = world.nursery.path("installed%d" % number)
        names = ["groupwaredir=" + folder, "paneldir=" + folder] if folder else []
        told = subprocess.run(
            ["make", "-s", "-C", BUILD, "install-doors", "DESTDIR=" + place, "prefix=/usr", *names],
            capture_output=True, timeout=100, check=False,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")})
        tap.equal(told.returncode, 0, told.stderr.decode())
        program = place + "/usr/libexec/batchload/batchload-door"
        os.makedirs(os.path.dirname(program), exist_ok=True)
        write(program, "")
        found = [os.path.join(where, name) for where, _, files in os.walk(place) for name in files
                 if os.path.join(where, name) != program]
        tap.equal({os.path.basename(each) for each in found} >= {*CALLS, "adduser", "setquota"}, True, "names")
        tap.equal({os.path.isabs(os.readlink(each)) for each in found}, {False}, "absolute links")
        tap.equal({os.path.realpath(each) for each in found}, {os.path.realpath(program)}, "programs")


def is_called(name, text):
    """Whether a test calls it: by its name, or as one of the lists' or the commands'."""
    if name in COMMANDS:
        return "in COMMANDS.items()" in text
    pattern = re.sub("MailingList|DistributionList", "%s", name, count=1)
    return '"%s"' % name in text or '"%s" %% kind' % pattern in text or (
        '"%s" + kind' % pattern[:-2] in text) or name in LISTS.values() and "listing, D" in text or (
            name == "RegisterMailAddon" and "register(" in text)


@tap.test("R9.40 the code, the page, the makefile and the table of tests name all calls, and tests there are")
def names(world):
    def read(*path):
        with open(os.path.join(TOP, *path), encoding="utf-8") as file:
            return file.read()

    tap.equal(re.findall(r'(?m)^    \{"(\w+)", ', read("lib", "panel.c")), CALLS, "lib/panel.c")
    told = re.findall(r"(?m)^\.It Nm (\w+)(?: Ar (.*))?$", read("man", "batchload-panel.8.in"))
    tap.equal([name for name, _ in told], CALLS, "manual page")
    for name, parameters in told:
        tap.equal(call(world, name, "--help")[0].split(), ["Usage:", name, *parameters.split()], "parameters")
    made = re.search(r"PANEL_CALLS = ((?:.*\\\n)*.*)\n", read("cli", "local.mk")).group(1)
    tap.equal(made.replace("\\\n", " ").split(), CALLS, "makefile")
    part = read("tests", "README.md").partition("<!-- panel -->")[2].partition("<!-- end -->")[0]
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \|.*\| ([^|]+) \|$", part))
    tap.equal(list(rows), CALLS, "tests/README.md")
    for name, words in rows.items():
        path = "e2e_addons.py" if name == "RegisterMailAddon" else "e2e_panel.py"
        text = re.search(r'(?s)@tap\.test\("[^"]*%s.*?(?=\n@tap|\Z)' % re.escape(words), read("tests", path))
        tap.equal(text is not None, True, "the test of " + name)
        tap.equal(is_called(name, text.group(0)), True, "a call of %s in its test" % name)


if __name__ == "__main__":
    tap.main(PanelWorld)
