# SPDX-License-Identifier: MIT
"""A large request of all kinds of rows, with what must become of each; the directory set back and
compared."""

import base64
import hashlib
import json
import os
import shutil

from .process import run

BLOCK = 20  # rows that belong together


def hashed(text):
    """A finished hash, the same for the same text, that costs nobody time."""
    salt = hashlib.md5(text.encode()).digest()[:8]
    digest = hashlib.sha512(text.encode() + salt).digest()
    return "{SSHA512}" + base64.b64encode(digest + salt).decode()


class Big:
    """Rows, and a model of the directory that says how each must end. What stands there before:
    there0, there1, … (accounts), forward0, … and oldlist0, … ."""

    HEAD = ["DOMAIN", "USER", "TYPE", "ACTION", "MAILFORWARD", "LIST MEMBER", "GIVENNAME",
            "DESCRIPTION", "PASSWORD"]

    def __init__(self, domain, rows, clear=False):
        self.domain = domain
        self.blocks = rows // BLOCK
        self.clear = clear
        self.rows = []
        self.expected = []
        self.there = {}  # user: type, or the set of members
        for n in range(self.blocks):
            self.there["there%d" % n] = "FULL"
            if n % 5 == 0:
                self.there["forward%d" % n] = "FORWARD"
                self.there["oldlist%d" % n] = {"there%d" % n}
        self.initial = {name: set(kind) if isinstance(kind, set) else kind
                        for name, kind in self.there.items()}
        for block in range(self.blocks):
            self._block(block)

    def ldif(self, slapd):
        """The entries that are there before."""
        out = []
        for name, kind in self.initial.items():
            address = "%s@%s" % (name, self.domain)
            word = kind if isinstance(kind, str) else "LIST"
            lines = ["dn: " + slapd.dn(address), "objectClass: inetOrgPerson",
                     "objectClass: batchload" + {"FULL": "Account", "FORWARD": "Forward",
                                                 "LIST": "List"}[word],
                     "mail: " + address, "cn: " + name, "sn: " + name]
            if word == "FULL":
                lines += ["userPassword: " + hashed(name), "batchloadMailboxId: old-" + name]
            elif word == "FORWARD":
                lines.append("batchloadTarget: someone@elsewhere.example")
            else:
                lines += ["batchloadMember: %s@%s" % (each, self.domain) for each in sorted(kind)]
            out.append("\n".join(lines) + "\n")
        return "\n".join(out)

    # --- one row, and how it must end ---

    def _row(self, expected, user, kind, action, **cells):
        row = dict.fromkeys(self.HEAD, "")
        row.update(DOMAIN=self.domain, USER=user, TYPE=kind, ACTION=action)
        row.update({name.replace("_", " "): value for name, value in cells.items()})
        self.rows.append([row[name] for name in self.HEAD])
        self.expected.append(expected)

    def _password(self, text):
        return "clear " + text if self.clear else hashed(text)

    def add(self, user):
        taken = user in self.there
        self.there.setdefault(user, "FULL")
        self._row("failed" if taken else "created", user, "FULL", "ADD", GIVENNAME="Jane",
                  PASSWORD=self._password(user + str(len(self.rows))))

    def modify(self, user, description=""):
        self._row("changed" if self.there.get(user) == "FULL" else "failed", user, "FULL",
                  "MODIFY", DESCRIPTION=description,
                  PASSWORD=self._password(user + str(len(self.rows))))

    def delete(self, user, kind="FULL"):
        found = self.there.get(user)
        good = found is not None and (found if isinstance(found, str) else "LIST") == kind
        if good:
            del self.there[user]
            for members in self.there.values():
                if isinstance(members, set):
                    members.discard(user)
        self._row("deleted" if good else "failed", user, kind, "DELETE")

    def add_forward(self, user, target):
        taken = user in self.there
        good = not taken and target in self.there
        if good:
            self.there[user] = "FORWARD"
        self._row("created" if good else "failed", user, "FORWARD", "ADD",
                  MAILFORWARD="%s@%s out@elsewhere.example" % (target, self.domain))

    def modify_forward(self, user, target):
        good = self.there.get(user) == "FORWARD" and target in self.there
        self._row("changed" if good else "failed", user, "FORWARD", "MODIFY",
                  MAILFORWARD="%s@%s" % (target, self.domain))

    def add_members(self, user, *members):
        found = self.there.get(user, set())
        if not isinstance(found, set) or any(each not in self.there for each in members):
            expected = "failed"
        elif user not in self.there:
            self.there[user] = set(members)
            expected = "created"
        else:
            expected = "unchanged" if found >= set(members) else "changed"
            found.update(members)
        self._row(expected, user, "LIST", "ADD", LIST_MEMBER=" ".join(members))

    def remove_member(self, user, member):
        found = self.there.get(user)
        if not isinstance(found, set):
            expected = "failed"
        else:
            expected = "changed" if member in found else "unchanged"
            found.discard(member)
        self._row(expected, user, "LIST", "DELETE", LIST_MEMBER=member)

    def _block(self, n):
        u, v, growing = "u%d" % n, "v%d" % n, "list%d" % (n // 50)
        self.add(u)
        self.add(v)
        self.add("there%d" % n)  # the address was there before
        self.modify(u)
        self.modify("there%d" % n, "changed by %d" % n)
        self.add_forward("f%d" % n, u)
        self.add_forward(u, v)  # taken by an earlier row
        self.add_members(growing, u, v)
        self.add_members("large%d" % (n // 300), "there%d" % n)
        self.add_members(growing, v)  # on it already
        self.add_members(growing, "nobody%d" % n)
        self.delete("u%d" % (n - 30))  # of an earlier slice, on a list
        self.delete(v) if n % 3 == 0 else self.delete("nobody%d" % n)
        self.add(v)  # used again, or taken
        self.remove_member(growing, "v%d" % (n - 1))
        self.modify_forward("f%d" % n, "there%d" % n)
        self.delete("f%d" % (n - 10), "FORWARD")
        self._row("failed", "x%d" % n, "FULL", "ADD", DOMAIN="foreign.example",
                  PASSWORD=self._password("x"))
        self.delete("oldlist%d" % n, "LIST")
        self.delete("there%d" % (n - 7))  # on a large list


def jobs(world):
    """What `batchload queue` tells of all jobs, oldest first; [] while there is no spool."""
    done = run([world.milter.tree.command, "-c", world.milter.conf, "queue", "-a", "-j"],
               check=False)
    if done.returncode:
        return []
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- the directory ---

class Copies:
    """slapd's database as it stood once, set back by copying files."""

    def __init__(self, slapd, name):
        self.slapd = slapd
        self.data = slapd.folder + "/data"
        self.kept = os.path.join(slapd.folder, name)
        slapd.stop()
        os.mkdir(self.kept)
        copy(self.data, self.kept)
        slapd.start()

    def restore(self):
        self.slapd.stop()
        copy(self.kept, self.data)
        self.slapd.start()


def copy(source, target):
    """The database, or a folder that has it; its file is long, and mostly a hole, which only cp
    leaves out."""
    shutil.rmtree(target, ignore_errors=True)
    run(["cp", "-a", "--sparse=always", source, target])


def snapshot(slapd):
    """Every entry, without what differs from run to run: the job in the mark, and mailbox
    identifiers (only whether there is one, and whether it is an old one)."""
    found = {}
    for name, entry in slapd.search().items():
        kept = {}
        for attribute, values in entry.items():
            if attribute == "batchloadchange":
                values = ["JOB/" + each.partition("/")[2] for each in values]
            elif attribute == "batchloadmailboxid":
                values = [each if each.startswith("old-") else "new" for each in values]
            kept[attribute] = sorted(values)
        found[name] = kept
    return found


def difference(got, wanted):
    """Where two snapshots differ, a few lines."""
    out = []
    for name in sorted(set(got) | set(wanted)):
        if got.get(name) != wanted.get(name):
            out.append("%s: got %r, wanted %r" % (name, got.get(name), wanted.get(name)))
    return out


# --- many simple rows ---

def wide_rows(domain, count, word, clear=False):
    """(head, rows): new addresses, every fourth an account with a hash, the others forwards; clear:
    accounts with clear passwords only."""
    head = ["DOMAIN", "USER", "TYPE", "ACTION", "MAILFORWARD", "PASSWORD"]
    rows = []
    for n in range(count):
        if clear or n % 4 == 0:
            secret = "clear words %d" % n if clear else hashed("%s%d" % (word, n))
            rows.append([domain, "%s%d" % (word, n), "FULL", "ADD", "", secret])
        else:
            rows.append([domain, "%s%d" % (word, n), "FORWARD", "ADD",
                         "out%d@elsewhere.example" % n, ""])
    return head, rows
