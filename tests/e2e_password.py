# SPDX-License-Identifier: MIT
"""How passwords that come in clear are hashed: each scheme, and a login with it; passwords that the
directory itself hashes, by rules of its own, with everything breaking between an entry and its
password."""

import tap
from harness import World, wait_for
from harness.gate import HOLD, LOSE, LOSE_ANSWER, Trap
from harness.ldapgate import EXTENDED, LdapGate

SCHEMES = (
    ("sha512", "{CRYPT}$6$", "{CRYPT}$6$"),
    ("yescrypt", "{CRYPT}$y$", "{CRYPT}$y$"),
    ("argon2", "{ARGON2}", "{ARGON2}$argon2id$"),
    ("ssha512", "{SSHA512}", "{SSHA512}"),
    # What slapd takes where it is not told otherwise.
    ("server", "server", "{SSHA}"))

# Nobody else's canary; long enough for the rules.
CLEAR = "Canary-5hQm8-Server"


def user_password(world, address):
    values = world.slapd.entry(address, ("userPassword",))["userpassword"]
    tap.equal(len(values), 1, "passwords")
    return values[0]


@tap.table([("R3.50 %s: ADD and MODIFY, and the login with Dovecot and slapd" % scheme[0], *scheme)
            for scheme in SCHEMES])
def logins(world, name, setting, begins):
    address = "%s@%s" % (name, world.domain)
    world.milter.stop()
    world.milter.configure({"password_scheme": setting})
    world.milter.start()
    row = {"DOMAIN": world.domain, "USER": name, "TYPE": "FULL"}
    for action, password, other in (("ADD", "Frühling-1 " + name, "another"),
                                    ("MODIFY", "Sommer-2 " + name, "Frühling-1 " + name)):
        response = world.ask([dict(row, ACTION=action, PASSWORD=password)])
        tap.contains(response.text, "processed ok")
        value = user_password(world, address)
        tap.equal(value.startswith(begins), True, "%s: %s" % (action, value[:20]))
        tap.absent(value, password, "userPassword")
        tap.equal(world.slapd.login(address, password), True, "slapd: " + action)
        tap.equal(world.slapd.login(address, other), False, "slapd, another: " + action)
        if password.isascii():
            tap.equal(world.can_login(address, password), True, "Dovecot: " + action)
            tap.equal(world.can_login(address, password + "x"), False, "Dovecot, wrong")


def row(world, action, user, password, **more):
    return dict({"DOMAIN": world.domain, "USER": user, "TYPE": "FULL", "ACTION": action,
                 "PASSWORD": password}, **more)


def with_rules(world):
    """The directory with rules for passwords (slapo-ppolicy) and a hash of its own choice, and a
    gate before it."""
    if hasattr(world, "gate"):
        return
    with open(world.slapd.conf, encoding="utf-8") as file:
        text = file.read()
    tap.contains(text, "\nmoduleload argon2\n")
    with open(world.slapd.conf, "w", encoding="utf-8") as file:
        file.write(text.replace("\nmoduleload argon2\n", "\nmoduleload argon2\n"
                                "moduleload ppolicy\npassword-hash {SSHA256}\n"))
        file.write("overlay ppolicy\nppolicy_default \"cn=policy,%s\"\n" % world.base)
    world.slapd.restart()
    world.slapd.add("dn: cn=policy,%s\nobjectClass: device\nobjectClass: pwdPolicy\ncn: policy\n"
                    "pwdAttribute: userPassword\npwdCheckQuality: 1\npwdMinLength: 8\n"
                    "pwdInHistory: 3\n" % world.base)
    world.gate = LdapGate(world.nursery, world.slapd.port)
    world.milter.stop()
    world.milter.configure({"password_scheme": "server", "directory.uri": world.gate.uri})
    world.milter.start()


@tap.test("R3.50 server: what the directory's rules refuse fails its row, and nothing of it stays")
def rules(world):
    with_rules(world)
    response = world.ask([row(world, "ADD", "there", CLEAR, TITLE="Dr")])
    tap.equal(response.results, ["created"], "results")
    before = world.slapd.entry("there@" + world.domain)
    tap.equal(before["userpassword"][0].startswith("{SSHA256}"), True, "hashed by slapd")
    response = world.ask([row(world, "ADD", "short", "shorty9"),
                          row(world, "MODIFY", "there", "shorty9", TITLE="Prof", PHONE="+49 1"),
                          row(world, "MODIFY", "there", CLEAR),
                          row(world, "ADD", "good", CLEAR)])
    tap.equal(response.results, ["failed", "failed", "failed", "created"], "results")
    reasons = [each["REASON"] for each in response.rows()]
    for reason in reasons[:2]:
        tap.contains(reason, "The directory does not take this password: it is too short (the "
                     "directory says: Password fails quality checking policy).")
    tap.contains(reasons[2], "it was used for this address before (the directory says:")
    tap.absent(response.decoded, b"shorty9", "response")
    tap.absent(world.log_text(), "shorty9", "log")
    tap.equal(world.entry("short@" + world.domain), None, "the entry of the first row")
    tap.equal(world.slapd.entry("there@" + world.domain), before, "the entry of the second row")
    tap.equal(world.can_login("there@" + world.domain, CLEAR), True, "Dovecot")
    tap.equal(world.can_login("good@" + world.domain, CLEAR), True, "Dovecot")


@tap.test("R3.50 server: Mode: check sends nothing; with Mode: atomic the old hash comes back")
def modes(world):
    with_rules(world)
    world.ask([row(world, "ADD", "mode", CLEAR)])
    before = world.slapd.entry("mode@" + world.domain)
    rows = [row(world, "ADD", "mode1", CLEAR), row(world, "MODIFY", "mode", CLEAR + "2", TITLE="Dr"),
            row(world, "ADD", "mode2", "shorty9")]
    checked = world.ask(rows, mode="check")
    # What the directory will say to a password can't be known before.
    tap.equal(checked.results, ["created", "changed", "created"], "results of a check")
    tap.equal(world.slapd.entry("mode@" + world.domain), before, "entry after a check")
    response = world.ask(rows, mode="atomic")
    tap.equal(response.results, ["unchanged", "unchanged", "failed"], "results")
    tap.equal(world.slapd.entry("mode@" + world.domain), before, "entry")
    tap.equal(world.entry("mode1@" + world.domain), None, "mode1")
    tap.equal(world.can_login("mode@" + world.domain, CLEAR), True, "Dovecot")


@tap.table([
    ("R3.50 server: the daemon killed -9 between an entry and its password: ADD", "ADD", "milter"),
    ("R3.50 server: the same with MODIFY", "MODIFY", "milter"),
    ("R3.50 server: slapd killed -9 between an entry and its password: ADD", "ADD", "slapd"),
    ("R3.50 server: the same with MODIFY, slapd", "MODIFY", "slapd")])
def between(world, action, victim):
    with_rules(world)
    user = "between-%s-%s" % (action.lower(), victim)
    address = "%s@%s" % (user, world.domain)
    if action == "MODIFY":
        world.ask([row(world, "ADD", user, CLEAR + "-old")])
    held = world.gate.set(Trap(HOLD, kinds=(EXTENDED,)))
    raw = world.request([row(world, action, user, CLEAR, TITLE="Dr")])
    tap.equal(world.send(raw).code, 250, "reply")
    tap.equal(held.hit.wait(60), True, "a password on its way")
    entry = world.slapd.entry(address)
    tap.equal(entry["title"], ["Dr"], "the entry is written")
    tap.equal(world.slapd.login(address, CLEAR), False, "login before the password is set")
    world.search_spool(CLEAR)
    getattr(world, victim).kill()
    world.gate.release()
    getattr(world, victim).start()
    response = world.response(raw, 90)
    tap.equal(response.results, ["created" if action == "ADD" else "changed"], "results")
    tap.equal(world.slapd.login(address, CLEAR), True, "slapd")
    tap.equal(world.can_login(address, CLEAR), True, "Dovecot")
    world.search_spool(CLEAR)
    tap.absent(world.log_text(), CLEAR, "log")
    after = world.slapd.entry(address, ("*", "entryUUID"))
    tap.equal(after["batchloadmailboxid"], entry["batchloadmailboxid"], "the same mailbox")


@tap.test("R3.50 server: the daemon killed -9 before a password that is refused: nothing stays")
def between_refused(world):
    with_rules(world)
    held = world.gate.set(Trap(HOLD, kinds=(EXTENDED,)))
    raw = world.request([row(world, "ADD", "killed", "shorty9")])
    tap.equal(world.send(raw).code, 250, "reply")
    tap.equal(held.hit.wait(60), True, "a password on its way")
    tap.equal("userpassword" in world.slapd.entry("killed@" + world.domain), False, "password")
    world.milter.kill()
    world.gate.release()
    world.milter.start()
    response = world.response(raw, 90)
    tap.equal(response.results, ["failed"], "results")
    tap.contains(response.rows()[0]["REASON"], "too short")
    tap.equal(world.entry("killed@" + world.domain), None, "entry")


@tap.test("R3.50 server: the answer to a password that was set is lost; one is lost on its way")
def lost(world):
    with_rules(world)
    for user, what in (("lost-answer", LOSE_ANSWER), ("lost-request", LOSE)):
        address = "%s@%s" % (user, world.domain)
        lost_one = world.gate.set(Trap(what, kinds=(EXTENDED,)))
        raw = world.request([row(world, "ADD", user, CLEAR),
                             row(world, "MODIFY", user, CLEAR + "-2")])
        tap.equal(world.send(raw).code, 250, "reply")
        response = world.response(raw, 90)
        tap.equal(lost_one.hit.is_set(), True, "cut")
        tap.equal(response.results, ["created", "changed"], "results")
        tap.equal(world.slapd.login(address, CLEAR + "-2"), True, "the last password")
        tap.equal(world.slapd.login(address, CLEAR), False, "the first password")
        wait_for(lambda: world.can_login(address, CLEAR + "-2"), "Dovecot")


@tap.test("R3.50 server: a directory that does not offer it: requests wait, doctor says why")
def not_offered(world):
    with_rules(world)
    with open(world.slapd.conf, encoding="utf-8") as file:
        text = file.read()
    try:
        with open(world.slapd.conf, "w", encoding="utf-8") as file:
            file.write(text.replace("\nmoduleload back_mdb\n", "\nmoduleload back_mdb\n"
                                    "access to dn.base=\"\" attrs=supportedExtension by * none\n"
                                    "access to * by * read\n"))
        world.slapd.restart()
        raw = world.request([row(world, "ADD", "waits", CLEAR)])
        tap.equal(world.send(raw).code, 250, "reply")
        world.wait_log("action=wait", "password_scheme")
        tap.equal(world.entry("waits@" + world.domain), None, "entry")
    finally:
        with open(world.slapd.conf, "w", encoding="utf-8") as file:
            file.write(text)
        world.slapd.restart()
    tap.equal(world.response(raw, 90).results, ["created"], "results")


if __name__ == "__main__":
    tap.main(World)
