# SPDX-License-Identifier: MIT
"""batchload doctor: nothing wrong with what the shipped files make; each thing broken is found."""

import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import time

import tap
from harness import World
from harness.process import run, which, write
from harness.servers import Slapd


def doctor(world, code, **process):
    """{what: (state, words)}; the command must end with code, a number or several."""
    result = subprocess.run(
        [world.tree.command, "-c", world.milter.conf, "doctor", "-j",
         "--postfix=" + world.postfix.conf], capture_output=True, text=True, timeout=100,
        check=False, **process)
    found = {}
    for line in result.stdout.splitlines():
        each = json.loads(line)
        tap.equal(each["what"] in found, False, "said twice: " + each["what"])
        found[each["what"]] = (each["state"], each["words"])
    tap.equal(result.returncode, code, result.stdout + result.stderr)
    tap.equal(result.stderr, "", "errors")
    return found


@tap.test("nothing is wrong with an installation from the shipped files")
def well(world):
    found = doctor(world, 0)
    for what, (state, words) in found.items():
        tap.equal(state in ("good", "note"), True, "%s: %s %s" % (what, state, words))
    for what in ("settings", "user", "key", "spool", "senders", "socket", "milter", "action",
                 "transport", "domains", "size", "expansion", "rewriting", "directory", "schema"):
        tap.equal(found[what][0], "good", "%s: %s" % (what, found[what][1]))
    tap.say("; ".join("%s: %s" % (what, words) for what, (state, words) in found.items()
                      if state == "note"))
    text = subprocess.run([world.tree.command, "-c", world.milter.conf, "doctor",
                           "--postfix=" + world.postfix.conf], capture_output=True, text=True,
                          timeout=100, check=False)
    tap.contains(text.stdout, "0 wrong, ")
    tap.absent(text.stdout, world.service_password)


@tap.table([
    ("filter missing", "milter", "smtpd_milters =\n", "never reach"),
    ("action accept", "action", "smtpd_milters = { @SOCKET@, default_action=accept }\n",
     "with their passwords"),
    ("global action accept", "action",
     "smtpd_milters = @SOCKET@\nmilter_default_action = accept\n", "with their passwords"),
    ("transport missing", "transport", "transport_maps =\n", "delivered with its password"),
    ("alias domains asked", "domains", "virtual_alias_domains = $virtual_alias_maps\n",
     "while that is away"),
    ("size default", "size", "message_size_limit = 10240000\n", "more than some 7 MB"),
    ("short expansion", "expansion", "virtual_alias_expansion_limit = 500\n", "for ever"),
])
def postfix(world, what, lines, words):
    path = world.postfix.conf + "/main.cf"
    shutil.copy(path, path + ".good")
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(lines.replace("@SOCKET@", "unix:" + world.milter.socket))
        found = doctor(world, 1)
    finally:
        os.replace(path + ".good", path)
    tap.equal(found[what][0], "wrong", found[what][1])
    tap.contains(found[what][1], words)
    tap.equal([name for name, (state, _) in found.items() if state == "wrong"], [what], "wrong")


@tap.test("notes of settings that bite: rewriting, bare newlines")
def notes(world):
    path = world.postfix.conf + "/main.cf"
    shutil.copy(path, path + ".good")
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write("smtpd_forbid_bare_newline = yes\n"
                       "local_header_rewrite_clients = permit_inet_interfaces\n")
        found = doctor(world, 0)
    finally:
        os.replace(path + ".good", path)
    tap.contains(found["newlines"][1], "bare newline are refused")
    tap.equal(found["newlines"][0], "note", "newlines")
    tap.equal(found["rewriting"][0], "note", "rewriting")


@tap.test("files: key open to others, another's key, socket closed to Postfix, a bad sender table")
def files(world):
    key = world.milter.folder + "/spool.key"
    os.chmod(key, 0o444)
    tap.contains(doctor(world, 1)["key"][1], "open to its group or to others")
    os.chmod(key, 0o400)
    owner = os.stat(key).st_uid
    os.chown(key, 0, 0)
    tap.contains(doctor(world, 1)["key"][1], "chown it to")
    os.chown(key, owner, -1)
    mode = os.stat(world.milter.socket).st_mode & 0o777
    os.chmod(world.milter.socket, 0o600)
    tap.contains(doctor(world, 1)["socket"][1], "Postfix may not write")
    os.chmod(world.milter.socket, mode)
    world.milter.write_senders("a@b.example alow\n")
    tap.equal(doctor(world, 1)["senders"][0], "wrong", "senders")
    world.milter.write_senders("%s allow\n%s allow\n" % (world.admin, world.other_admin))
    doctor(world, 0)


@tap.test("R9.48 panel_requester: no grant, one that refuses, one that lacks what calls do, a good one")
def panel(world):
    tap.equal("panel" in doctor(world, 0), False, "a word on the panel, which is not used")
    requester = "panel@somedomain.example"
    world.milter.configure({"panel_requester": requester})
    everything = " types=" + ",".join(("FULL", "LIST", "DLIST", "ALIAS", "DOMAIN", "DOMAINALIAS", "CATCHALL",
                                       "AUTORESPONDER", "SPAMFILTER")) + " create_domains=yes"
    try:
        for grant, state, words in (
                (None, "wrong", "does not allow " + requester), ("discard", "wrong", "give it a grant"),
                ("reject no", "wrong", "give it a grant"), ("allow", "note", "EAddDomain, EEditDomain, "),
                ("allow" + everything.replace("yes", "no"), "note", "fail: EAddDomain, EDeleteDomain."),
                ("allow actions=ADD,MODIFY,DELETE" + everything, "note",
                 "fail: ESuspendDomain, EResumeDomain, ESuspendUser, EResumeUser."),
                ("allow" + everything, "good", "whose grant allows them")):
            world.milter.write_senders("%s allow\n%s allow\n%s" % (
                world.admin, world.other_admin, "%s %s\n" % (requester, grant) if grant else ""))
            found = doctor(world, 1 if state == "wrong" else 0)["panel"]
            tap.equal(found[0], state, "%s: %s" % (grant, found[1]))
            tap.contains(found[1], words)
    finally:
        world.milter.configure()
        world.milter.write_senders("%s allow\n%s allow\n" % (world.admin, world.other_admin))


@tap.test("a table that is older than its text, and one that can find nobody")
def tables(world):
    path = world.milter.folder + "/indexed"
    write(path, "x@unknown.example discard\n")
    run([which("postmap"), "-c", world.postfix.conf, "lmdb:" + path])
    senders = "texthash:" + world.milter.senders
    try:
        world.milter.configure({"sender_table": "%s, lmdb:%s" % (senders, path)})
        doctor(world, 0)
        os.utime(path, (time.time() + 60, time.time() + 60))
        state, words = doctor(world, 1)["senders"]
        tap.equal(state, "wrong", words)
        tap.contains(words, 'run "postmap lmdb:%s"' % path)
        run([which("postmap"), "-c", world.postfix.conf, "lmdb:" + path])
        os.utime(path, (time.time() - 60, time.time() - 60))
        doctor(world, 0)
        write(path, "192.0.2.0/24 x@unknown.example\n")
        world.milter.configure({"sender_table": senders, "login_map": "cidr:" + path})
        state, words = doctor(world, 1)["senders"]
        tap.equal(state, "wrong", words)
        tap.contains(words, "neither a sender nor a login")
    finally:
        world.milter.configure()
    doctor(world, 0)


@tap.test("not as root: what can't be looked at is unknown, not wrong")
def stranger(world):
    nobody = pwd.getpwnam("nobody")
    private = [world.postfix.conf + "/batchload-transport", os.path.dirname(world.milter.socket)]
    modes = [os.stat(path).st_mode & 0o7777 for path in private]

    def look():
        return doctor(world, 75, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    found = look()
    tap.contains(found["socket"][1], "try as root")
    try:
        for path in private:
            os.chmod(path, 0o700)
        closed = look()
    finally:
        for path, mode in zip(private, modes):
            os.chmod(path, mode)
    for what in ("settings", "socket", "jobs"):
        tap.equal(found[what][0], "unknown", "%s: %s" % (what, found[what][1]))
    for what in ("socket", "transport"):
        tap.equal(closed[what][0], "unknown", "%s: %s" % (what, closed[what][1]))
    for each in (found, closed):
        tap.equal([what for what, (state, _) in each.items() if state == "wrong"], [], "wrong")


@tap.test("servers away: the daemon, the directory; a wrong password of the service")
def away(world):
    world.milter.kill()
    tap.contains(doctor(world, 1)["socket"][1], "not running")
    world.milter.start()
    world.slapd.kill()
    found = doctor(world, 1)
    tap.equal(found["directory"][0], "wrong", found["directory"][1])
    tap.equal("schema" in found, False, "schema")
    world.slapd.start()
    path = world.milter.folder + "/directory.password"
    with open(path, encoding="utf-8") as file:
        good = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write("another")
    tap.equal(doctor(world, 1)["directory"][0], "wrong", "directory")
    with open(path, "w", encoding="utf-8") as file:
        file.write(good)
    doctor(world, 0)


@tap.test("a bad configuration is told, and the rest looked at all the same")
def configuration(world):
    world.milter.configure({"directory.base": None})
    found = doctor(world, 1)
    tap.equal(found["settings"][0], "wrong", found["settings"][1])
    tap.contains(found["settings"][1], "base in section directory")
    tap.equal(found["socket"][0], "good", found["socket"][1])
    world.milter.configure()
    doctor(world, 0)


@tap.test("a directory without the schema: the attribute that is missing is named")
def schema(world):
    with open(world.tree.policy + "/profiles/default.conf", encoding="utf-8") as file:
        text = file.read()
    profile = world.nursery.path("other.conf")
    with open(profile, "w", encoding="utf-8") as file:
        file.write(text.replace("batchloadChange", "elsewhereChange"))
    world.milter.configure({"profile": profile})
    found = doctor(world, 1)
    tap.equal(found["schema"][0], "wrong", repr(found))
    tap.contains(found["schema"][1], "elsewhereChange")
    world.milter.configure()


@tap.test("the clock set back behind a request that is here")
def clock(world):
    world.ask([{"DOMAIN": world.domain, "USER": "clock", "TYPE": "FORWARD", "ACTION": "ADD",
                "MAILFORWARD": world.admin}])
    for hours, state in ((1, "wrong"), (-1, "good")):
        # The spool remembers a time that the clock has not come to, or no longer.
        with sqlite3.connect(world.milter.spool + "/spool.db") as spool:
            spool.execute("UPDATE job SET received = received + ?", (hours * 3600 * 1000000,))
        spool.close()
        found = doctor(world, 1 if state == "wrong" else 0)
        tap.equal(found["clock"][0] in (state, "note"), True, found["clock"][1])
        tap.equal("set back" in found["clock"][1], state == "wrong", found["clock"][1])


@tap.test("a Postfix that does not know smtpd_forbid_bare_newline")
def old_postfix(world):
    folder = world.nursery.path("old")
    os.mkdir(folder)
    # What an older one answers is what ours says of a name that it does not know.
    write(folder + "/postconf", "#!/bin/sh\nn=$#\nfor word; do\n"
          "  [ \"$word\" = smtpd_forbid_bare_newline ] && word=smtpd_never_heard_of\n"
          "  set -- \"$@\" \"$word\"\ndone\nshift $n\nexec %s \"$@\"\n" % which("postconf"), 0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = folder + ":" + path
    try:
        found = doctor(world, 0)
    finally:
        os.environ["PATH"] = path
    tap.equal(found["newlines"][0], "note", found["newlines"][1])
    tap.contains(found["newlines"][1], "does not know")


class OtherSlapd(Slapd):
    """slapd with the shipped settings, more of them, and an ldapi socket; slapd.d where of_folder
    is true."""

    def __init__(self, world, name, more="", of_folder=False, change=lambda text: text):
        os.rename(world.slapd.folder, world.slapd.folder + ".first")
        try:
            super().__init__(world.nursery, world.tree.policy, world.base, world.root_password,
                             world.service_password, world.mail_password, [world.domain])
        finally:
            folder = world.nursery.path("slapd-" + name)
            if os.path.exists(world.slapd.folder):
                os.rename(world.slapd.folder, folder)
            os.rename(world.slapd.folder + ".first", world.slapd.folder)
        self.folder = folder
        with open(folder + "/slapd.conf", encoding="utf-8") as file:
            text = file.read().replace(world.slapd.folder, folder)
        self.conf = folder + "/slapd.conf"
        write(self.conf, change(text).replace("database mdb", more + "database mdb", 1), 0o600)
        self.settings = ["-f", self.conf]
        self.password_file = folder + "/rootpw"
        if of_folder:
            os.mkdir(folder + "/slapd.d", 0o700)
            run([which("slaptest"), "-f", self.conf, "-F", folder + "/slapd.d"])
            self.settings = ["-F", folder + "/slapd.d"]
        self.local = "ldapi://" + (folder + "/s").replace("/", "%2F")

    def command(self):
        return [which("slapd"), *self.settings, "-h", self.uri + " " + self.local, "-d", "0"]

    def change_settings(self, ldif):
        run([which("ldapmodify"), "-Q", "-Y", "EXTERNAL", "-H", self.local], ldif.encode())


# As Debian's package has it.
ROOT_MAY = ("database config\naccess to * by dn.exact=gidNumber=0+uidNumber=0,cn=peercred,"
            "cn=external,cn=auth manage by * none\n")


def look(world, slapd, code=0, **settings):
    with_it = {"directory.uri": slapd.local, **settings}
    world.milter.configure(with_it)
    try:
        return doctor(world, code)
    finally:
        world.milter.configure()


@tap.test("indexes, from cn=config as root may read it: there, one missing, another kind, by default")
def indexes(world):
    slapd = OtherSlapd(world, "config", ROOT_MAY, True)
    slapd.start()
    try:
        tap.equal(look(world, slapd)["indexes"], ("good", "The directory has the indexes."), "all")
        # Over the network nobody is root.
        found = look(world, slapd, **{"directory.uri": slapd.uri})["indexes"]
        tap.equal(found[0], "note", found[1])
        tap.contains(found[1], "can't be told from here")
        member = "batchloadMember,batchloadTarget eq"
        for lines, name in (
                (["uid,ou eq", member], "mail"),
                (["uid,ou eq", "mail pres,sub", member], "mail"),
                (["uid,ou eq", "mail pres,eq", member], None),
                (["uid,mail eq", "batchloadMember eq"], "batchloadTarget"),
                (["default eq", "uid,mail", "batchloadMember,batchloadTarget"], None),
                (["default pres", "uid,mail", member], "mail")):
            slapd.change_settings(
                "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcDbIndex\n" +
                "".join("olcDbIndex: %s\n" % each for each in lines))
            found = look(world, slapd, 1 if name else 0)["indexes"]
            tap.equal(found[0], "wrong" if name else "good", "%s: %s" % (lines, found[1]))
            if name:
                tap.contains(found[1], '"%s eq"' % name)
    finally:
        slapd.stop()


@tap.test("indexes, where slapd.conf shows its settings to root, and where it does not")
def indexes_of_file(world):
    for name, more, change, state in (
            ("shown", ROOT_MAY, lambda text: text, "good"),
            ("missing", ROOT_MAY, lambda text: text.replace("index uid,mail,ou eq\n", ""), "wrong"),
            ("hidden", "", lambda text: text.replace("index uid,mail,ou eq\n", ""), "note"),
            ("monitor", "database monitor\n", lambda text: text, "note")):
        slapd = OtherSlapd(world, name, more, change=change)
        slapd.start()
        try:
            found = look(world, slapd, 1 if state == "wrong" else 0)["indexes"]
        finally:
            slapd.stop()
        tap.equal(found[0], state, "%s: %s" % (name, found[1]))
        if state == "note":
            tap.contains(found[1], "can't be told from here")


@tap.test("a directory that was never given the schema")
def bare(world):
    folder = world.nursery.path("bare")
    os.mkdir(folder, 0o700)
    write(folder + "/slapd.conf",
          "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n"
          "include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\n"
          "moduleload back_mdb\ndatabase mdb\nsuffix \"%s\"\ndirectory %s\n" % (
              world.base, folder), 0o600)
    run([which("slapadd"), "-q", "-f", folder + "/slapd.conf"],
        ("dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: hoster\n" %
         world.base).encode())
    slapd = world.slapd.__class__.__new__(OtherSlapd)
    super(Slapd, slapd).__init__(world.nursery)
    slapd.port, slapd.uri = world.nursery.port(), None
    slapd.uri = "ldap://127.0.0.1:%d" % slapd.port
    slapd.local = "ldapi://" + (folder + "/s").replace("/", "%2F")
    slapd.settings = ["-f", folder + "/slapd.conf"]
    slapd.start()
    try:
        found = look(world, slapd, 1, **{"directory.bind_dn": None,
                                         "directory.bind_password_file": None})
    finally:
        slapd.stop()
    tap.equal(found["schema"][0], "wrong", found["schema"][1])
    tap.contains(found["schema"][1], "load the schema")


@tap.test("a directory that can't hash passwords itself, with password_scheme = server")
def passwords(world):
    world.milter.configure({"password_scheme": "server"})
    tap.equal(doctor(world, 0)["passwords"][0], "good", "passwords")
    with open(world.slapd.conf, encoding="utf-8") as file:
        text = file.read()
    try:
        with open(world.slapd.conf, "w", encoding="utf-8") as file:
            file.write(text.replace("\nmoduleload back_mdb\n", "\nmoduleload back_mdb\n"
                                    "access to dn.base=\"\" attrs=supportedExtension by * none\n"
                                    "access to * by * read\n"))
        world.slapd.restart()
        state, words = doctor(world, 1)["passwords"]
        tap.equal(state, "wrong", words)
        tap.contains(words, "password_scheme")
    finally:
        with open(world.slapd.conf, "w", encoding="utf-8") as file:
            file.write(text)
        world.slapd.restart()
        world.milter.configure()


if __name__ == "__main__":
    tap.main(World)
