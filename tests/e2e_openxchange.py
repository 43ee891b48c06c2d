# SPDX-License-Identifier: MIT
"""The groupware server's commands with a directory of such a server: what adduser writes, attribute
by attribute, what the others change, and what has no place there."""

import os
import subprocess
import threading

import tap
from felt import DEAD, SECRET, UNKNOWN, at, receives, refused
from harness.sites import SiteWorld

SECRETS = ("userpassword",)  # what is looked at otherwise


class DoorWorld(SiteWorld):
    """With a link by the name of each command that is called."""

    def __init__(self):
        super().__init__("open-xchange", settings={"spool.client_jobs_max": 50})
        self.links = self.nursery.path("links")
        os.mkdir(self.links, 0o755)


def call(world, name, admin=None, code=0, **words):
    """(stdout, stderr on one line) of a command of the administrator's, which must end with code."""
    admin = admin or world.admin
    link = os.path.join(world.links, name)
    if not os.path.lexists(link):
        os.symlink(world.tree.door, link)
    done = subprocess.run(
        [link, "--adminuser=" + admin, *("--%s=%s" % each for each in words.items())],
        capture_output=True, text=True, timeout=200, check=False,
        env={"BATCHLOAD_CONFIG": world.milter.conf, "BATCHLOAD_ADMINPASSWD": world.passwords[admin],
             **{key: value for key, value in os.environ.items() if key.endswith("_OPTIONS")}})
    tap.equal(done.returncode, code, "%s %r: %s%s" % (name, words, done.stdout, done.stderr))
    return done.stdout, " ".join(done.stderr.split())


def add_user(world, local, domain="somedomain.example", **words):
    given = {"username": local, "password": SECRET, "surname": "Arber", "mail": at(local, domain),
             "alias": at(local, domain), "colocrouteaddr": local + "@localhost"}
    return call(world, "adduser", **{**given, **words})


def need(world, local, **words):
    """An account that an earlier test may have made."""
    if world.entry(at(local)) is None:
        add_user(world, local, **words)


def attributes(world, address):
    """All but what is looked at otherwise, as {name in lower case: set of values}."""
    return {name: set(values) for name, values in world.entry(address).items()
            if name not in SECRETS}


def account(local, number, **others):
    """What an account has there."""
    found = {
        "objectclass": {"inetOrgPerson", "posixAccount", "shadowAccount", "OXUserObject",
                        "batchloadMark"},
        "uid": {local}, "cn": {"Arber"}, "sn": {"Arber"}, "mail": {at(local)}, "mailenabled": {"OK"},
        "maildomain": {"somedomain.example"}, "colocrouteaddr": {local + "@localhost"},
        "imapserver": {"localhost"}, "smtpserver": {"localhost"}, "oxtimezone": {"Europe/Berlin"},
        "oxappointmentdays": {"5"}, "oxtaskdays": {"5"}, "usercountry": {"DE"},
        "preferredlanguage": {"EN"}, "uidnumber": {str(number)}, "gidnumber": {"500"},
        "homedirectory": {"/home/" + local}, "loginshell": {"/bin/false"}}
    return {**found, **{name: set(values) for name, values in others.items()}}


def compare(world, local, wanted):
    got = attributes(world, at(local))
    tap.equal(len(got.pop("batchloadchange")), 1, "mark")
    for name in sorted(set(got) | set(wanted)):
        tap.equal(got.get(name), wanted.get(name), name)
    hashes = world.entry(at(local))["userpassword"]
    tap.equal((len(hashes), hashes[0].startswith("{")), (1, True), "userPassword")


@tap.test("R9.32 adduser: each attribute of the account, and nothing else; felt by login and mail")
def adduser(world):
    tap.equal(add_user(world, "ann"), ("%s: created\n" % at("ann"), ""), "output")
    compare(world, "ann", account("ann", 1000))
    out, _ = add_user(
        world, "bea", alias="%s,%s , %s" % (at("bea"), at("b.arber"), at("arber")), givenname="Bea",
        timezone="Europe/Paris", language="fr_FR", country="fr", colocrouteaddr="bea@host.example",
        imapServer="imap.somedomain.example", smtpServer="smtp.somedomain.example",
        loginShell="/bin/sh", title="Dr", activated="yes")
    tap.equal(out, "%s: created\n" % at("bea"), "output")
    compare(world, "bea", account(
        "bea", 1001, cn=["Bea Arber"], givenname=["Bea"], alias=[at("b.arber"), at("arber")],
        oxtimezone=["Europe/Paris"], preferredlanguage=["fr_FR"], usercountry=["FR"],
        colocrouteaddr=["bea@host.example"], imapserver=["imap.somedomain.example"],
        smtpserver=["smtp.somedomain.example"], loginshell=["/bin/sh"], title=["Dr"]))
    tap.equal(world.can_login(at("bea"), SECRET), True, "login")
    receives(world, at("b.arber"), at("bea"))


@tap.test("R9.32 changepasswd, deluser and an account that is not activated are felt")
def change(world):
    need(world, "bea", alias=at("arber"))
    call(world, "changepasswd", username="bea", password=SECRET + "2")
    tap.equal((world.can_login(at("bea"), SECRET), world.can_login(at("bea"), SECRET + "2")),
              (False, True), "logins")
    call(world, "changepasswd", username="bea", password=SECRET)
    call(world, "deluser", username="bea")
    tap.equal((world.entry(at("bea")), world.can_login(at("bea"), SECRET)), (None, False), "gone")
    refused(world, at("arber"), UNKNOWN)
    add_user(world, "cid", activated="no", alias=at("c.arber"))
    number = world.entry(at("cid"))["uidnumber"][0]
    compare(world, "cid", account("cid", number, mailenabled=["NO"], alias=[at("c.arber")]))
    tap.equal(world.can_login(at("cid"), SECRET), False, "login")
    refused(world, at("c.arber"), DEAD)


COMMANDS = 20


@tap.test("R9.5 R9.32 20 adduser at once, in two domains, get 20 numbers", seconds=600)
def numbers(world):
    failed = []

    def one(number):
        domain, admin = ((world.domain, world.admin), (world.other_domain, world.other_admin))[
            number % 2]
        try:
            add_user(world, "u%02d" % number, domain, admin=admin)
        except BaseException as error:  # pylint: disable=broad-except
            failed.append(repr(error))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(COMMANDS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.equal(failed, [], "failures")
    found = world.slapd.search("(uid=u*)", attributes=("uidNumber",))
    given = [int(entry["uidnumber"][0]) for entry in found.values()]
    tap.equal((len(given), len(set(given))), (COMMANDS, COMMANDS), "numbers %r" % sorted(given))
    counter = world.slapd.search(base="cn=uidNumber," + world.base, scope="base")
    following = int(next(iter(counter.values()))["uidnumber"][0])
    tap.equal(following > max(given), True, "the next number: %d, %r" % (following, sorted(given)))


NO_TYPE = (
    ("addgroup", "GROUP", {"groupname": "staff", "members": "ann"}),
    ("addmembers2group", "GROUP", {"groupname": "staff", "members": "ann"}),
    ("delmembersfromgroup", "GROUP", {"groupname": at("staff"), "members": at("ann")}),
    ("delgroup", "GROUP", {"groupname": at("staff")}),
    ("delgroup", "GROUP", {"groupname": "staff"}),
    ("addresource", "RESOURCE", {"resourcename": "room"}),
    ("delresource", "RESOURCE", {"resourcename": at("room")}),
    ("delresource", "RESOURCE", {"resourcename": "room"}),
    ("addresourcegroup", "RESOURCEGROUP", {"resourcegroupname": "rooms", "members": "ann"}),
    ("addmembers2resgroup", "RESOURCEGROUP", {"resourcegroupname": "rooms", "members": "ann"}),
    ("delmembersfromresgroup", "RESOURCEGROUP",
     {"resourcegroupname": at("rooms"), "members": at("ann")}),
    ("delresourcegroup", "RESOURCEGROUP", {"resourcegroupname": at("rooms")}))


@tap.test("R9.32 R9.3 commands of groups and resources, and columns without a place, fail and say so")
def lacking(world):
    need(world, "ann")
    before = world.slapd.search(attributes=("1.1",))
    for name, kind, words in NO_TYPE:
        tap.contains(call(world, name, code=1, **words)[1],
                     "the profile open-xchange has no type %s" % kind, "%s %r" % (name, words))
    for words, column in (({"quota": "5"}, "QUOTA"), ({"disable": "calendar"}, "DISABLE"),
                          ({"globaladdressbook": "yes"}, "GLOBALADDRESSBOOK"),
                          ({"changepasswd": "0"}, "CHANGEPASSWD")):
        told = add_user(world, "dan", code=1, **words)[1]
        tap.contains(told, "no place for %s: the profile open-xchange" % column)
    tap.contains(call(world, "setquota", code=1, username="ann", quotasize="5")[1],
                 "no place for QUOTA: the profile open-xchange")
    tap.equal(world.slapd.search(attributes=("1.1",)), before, "entries")


if __name__ == "__main__":
    tap.main(DoorWorld)
