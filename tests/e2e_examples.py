# SPDX-License-Identifier: MIT
"""What README.md and the manual pages show of the verbs and of files, carried out as it stands there;
and domains as the verbs make them, show them and get them back."""

import csv
import io
import json
import os
import re
import shutil
import subprocess

import tap
from harness import World
from harness.process import write
from harness.terminal import Terminal

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECRET = "Canary-Kx81-examples"
A, B, SECOND_NAME = "a.example", "b.example", "b-too.example"
WHOLE, FURTHER = "whole.example", "wholly.example"
BOSS = "admin@" + A
EVERYTHING = ("FULL,FORWARD,LIST,DLIST,ALIAS,CATCHALL,GROUP,RESOURCE,RESOURCEGROUP,AUTORESPONDER,"
              "SPAMFILTER,DOMAIN,DOMAINALIAS")


def page(*name):
    with open(os.path.join(TOP, *name), encoding="utf-8") as file:
        return file.read()


def tools(world):
    """A folder with the commands that the examples call by their names."""
    folder = world.nursery.path("tools")
    if not os.path.isdir(folder):
        os.mkdir(folder)
        for name, script in (("batchload", 'exec "%s" -c "%s" "$@"' % (world.tree.command,
                                                                    world.milter.conf)),
                             ("pwgen", "echo " + SECRET)):
            write(os.path.join(folder, name), "#!/bin/sh\n%s\n" % script, 0o755)
    return folder


def at_a_terminal(world, line, environment):
    """A line of a shell; who is asked for a password types one, twice."""
    folder = tools(world)
    terminal = Terminal(["/bin/bash", "-c", "set -eo pipefail; cd %s; %s" % (folder, line)],
                        environment=dict(environment, PATH=folder + ":" + os.environ["PATH"]))
    typed = 0
    while terminal.read():
        for _ in range(len(re.findall(r"(?:password|again): ", terminal.text)) - typed):
            os.write(terminal.fd, SECRET.encode() + b"\n")
            typed += 1
    return os.waitstatus_to_exitcode(terminal.end()), terminal.text


def carry_out(world, lines):
    """Each must end with 0. Returns what they said."""
    environment, said = {}, ""
    for line in lines:
        if line.startswith("export "):
            name, _, value = line[len("export "):].partition("=")
            environment[name] = value
            continue
        if "| jq " in line and not shutil.which("jq"):
            tap.say("no jq here: " + line)
            continue
        code, text = at_a_terminal(world, line, environment)
        tap.equal(code, 0, "%s: %s" % (line, text))
        tap.absent(text, SECRET, line)
        said += text
    return said


def commands(text):
    """The lines of an example that are typed."""
    lines = [line.strip().removeprefix("$ ").partition("  #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if re.match(r"(export|batchload|pwgen) ", line)]


@tap.test("R8.70 the verbs that README shows do what it says")
def readme(world):
    text = page("README.md").partition("\n## By command\n")[2].partition("\n## ")[0]
    lines = commands("\n".join(line for line in text.splitlines() if line.startswith("    ")))
    tap.equal(len(lines) >= 5, True, "commands: %r" % lines)
    said = carry_out(world, lines)
    tap.contains(said, "processed ok")
    tap.equal(world.can_login("jo@" + world.domain, SECRET), True, "login of who was made")
    tap.equal(sorted(world.entry("team@" + world.domain)["batchloadmember"]),
              ["hans.probe@" + world.domain, "jo@" + world.domain], "members of the list")
    with open(os.path.join(tools(world), "batchload.csv"), encoding="utf-8") as file:
        tap.contains(file.read(), "jo;FULL;ADD;")


@tap.test("R8.70 the commands that batchload(1) shows end with 0, and what they make is felt")
def manual_page(world):
    text = page("man", "batchload.1.in").partition("\n.Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    lines = commands(text)
    tap.equal(len(lines) >= 14, True, "commands: %r" % lines)
    carry_out(world, lines)
    for address in ("jo@" + A, "boss@" + B):
        tap.equal(world.can_login(address, SECRET), True, "login of " + address)
    for recipient in ("info@" + A, "boss@" + SECOND_NAME, "whoever@" + B):
        tap.equal(world.send_plain(recipient)[0].code, 250, "mail to " + recipient)
    tap.equal(world.send_plain("boss@" + B, sender="x@spam.example")[0].code // 100, 5,
              "mail of a blocked sender")


@tap.test("R3.19 the example of batchload-csv(5), each of its rows")
def file_page(world):
    text = page("man", "batchload-csv.5.in").partition("\n.Sh EXAMPLES\n.Bd -literal\n")[2]
    path = os.path.join(tools(world), "example.csv")
    write(path, text.partition(".Ed\n")[0], 0o600)
    said = carry_out(world, ["batchload apply example.csv --as admin@example.com"])
    tap.contains(said, "processed ok")
    tap.equal(world.entry("info@example.com"), None, "what its last row deleted")
    tap.equal(world.can_login("jane@example.com", 'Herbst;"Wind"3'), True, "login")


# --- domains by verbs ---

def act(world, *words, password=None, code=0):
    done = subprocess.run(
        [world.tree.command, "-c", world.milter.conf, *words]
        + (["--password-fd", "0"] if password else []),
        input=(password or "").encode() + b"\n", capture_output=True, timeout=100, check=False,
        env=dict(os.environ, BATCHLOAD_AS=BOSS))
    tap.equal(done.returncode, code, "%r: %s%s" % (words, done.stdout.decode(), done.stderr.decode()))
    return done.stdout.decode()


def entries(world):
    """{DN: what requests make of it} of the domain and its further name."""
    found = {}
    for domain in (WHOLE, FURTHER):
        found.update(world.slapd.search("(objectClass=*)", world.slapd.domain_dn(domain)))
    for entry in found.values():
        for name in ("userpassword", "batchloadmailboxid", "batchloadchange"):
            entry.pop(name, None)
        for name, values in entry.items():
            entry[name] = sorted(values)
    return found


DOMAIN_OPTIONS = {
    "--owner": "owner", "--max-mailboxes": "5", "--ip": "192.0.2.7", "--ip-site": "1",
    "--mailbox-directory": "/srv/mail", "--web-url": "https://mail.example/",
    "--enable-mailing-lists": "1", "--enable-web-access": "0", "--enable-domain-aliases": "1"}


def refused(world, recipient, sender="someone@elsewhere.example"):
    return world.send_plain(recipient, sender=sender)[0].code != 250


def feel(world, password, blocked):
    """What there is, as users see it."""
    tap.equal(world.can_login("owner@" + WHOLE, password), True, "the owner's login")
    for recipient in ("owner@" + WHOLE, "info@" + WHOLE, "team@" + WHOLE, "o@" + WHOLE,
                      "owner@" + FURTHER):
        tap.equal(refused(world, recipient), False, "mail to " + recipient)
        tap.equal(refused(world, recipient, "x@bad.example"), blocked, "of a blocked sender")


@tap.test("R8.70 R8.74 domains, further names and spam filters: made, changed and shown by verbs, and felt")
def made(world):
    act(world, "domain", "add", WHOLE, *[word for pair in DOMAIN_OPTIONS.items() for word in pair],
        password=SECRET)
    act(world, "domainalias", "add", FURTHER, "--target", WHOLE)
    act(world, "alias", "add", "o@" + WHOLE, "--target", "owner")
    act(world, "forward", "add", "info@" + WHOLE, "--mail-forward", "owner@" + WHOLE)
    act(world, "list", "add", "team@" + WHOLE, "--list-member", "owner")
    act(world, "spamfilter", "add", WHOLE, "--filter", "bad.example", "--filter-type", "DOMAIN")
    act(world, "spamfilter", "add", WHOLE, "--filter", "192.0.2.66")
    act(world, "spamfilter", "add", WHOLE, "--filter", "gone@x.example")
    act(world, "spamfilter", "delete", WHOLE, "--filter", "gone@x.example")
    feel(world, SECRET, True)
    told = json.loads(act(world, "domain", "show", "-j", WHOLE))
    tap.equal((told["OWNER"], told["MAX MAILBOXES"], told["ENABLE WEBACCESS"], told["IP"]),
              ("owner@" + WHOLE, "5", "0", "192.0.2.7"), "the domain")
    tap.contains(act(world, "domain", "show", WHOLE), "domain %s\n" % WHOLE)
    tap.equal(json.loads(act(world, "domainalias", "show", "-j", FURTHER))["TARGET"], WHOLE,
              "the further name")
    shown = list(csv.DictReader(io.StringIO(act(world, "spamfilter", "show", "--csv", WHOLE)),
                                delimiter=";"))
    tap.equal(sorted((row["FILTERTYPE"], row["FILTER"]) for row in shown),
              [("DOMAIN", "bad.example"), ("IP", "192.0.2.66")], "the spam filters")
    act(world, "domain", "modify", WHOLE, "--enable-spam-filters", "0", "--max-mailboxes=-1")
    feel(world, SECRET, False)
    act(world, "domain", "suspend", WHOLE)
    tap.equal((refused(world, "owner@" + WHOLE), world.can_login("owner@" + WHOLE, SECRET)),
              (True, False), "suspended: mail, login")
    act(world, "domain", "resume", WHOLE)
    act(world, "domain", "modify", WHOLE, "--enable-spam-filters", "1", "--max-mailboxes", "5")
    feel(world, SECRET, True)


@tap.test("R8.75 R8.76 a whole domain: exported, deleted by a verb, sent back: the same entries, felt again")
def sent_back(world):
    before = entries(world)
    exported = act(world, "export", WHOLE)
    act(world, "domain", "delete", WHOLE)
    tap.equal(entries(world), {}, "what is left")
    tap.equal(world.can_login("owner@" + WHOLE, SECRET), False, "login")
    rows = list(csv.DictReader(io.StringIO(exported), delimiter=";"))
    tap.equal((rows[0]["TYPE"], {row["PASSWORD"] for row in rows}), ("DOMAIN", {""}),
              "the first row, and passwords")
    for row in rows:
        row["PASSWORD"] = "New-" + SECRET if row["TYPE"] == "FULL" else ""
    path = world.nursery.path("whole.csv")
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    tap.contains(act(world, "apply", path, "--as", BOSS), "created")
    after = entries(world)
    tap.equal({dn: (before.get(dn), after.get(dn)) for dn in before.keys() | after.keys()
               if before.get(dn) != after.get(dn)}, {}, "differences")
    feel(world, "New-" + SECRET, True)


class ExamplesWorld(World):
    def __init__(self):
        super().__init__(settings={"modify_requires_password": "no"}, senders=(
            "%s allow domains=%s types=%s create_domains=yes\nadmin@example.com allow\n" % (
                BOSS, ",".join((A, B, SECOND_NAME, WHOLE, FURTHER)), EVERYTHING)))
        for domain in (A, "example.com"):
            self.slapd.add(self.slapd.domain_ldif(domain))
        for address in (BOSS, "admin@example.com", "hans.probe@" + self.domain):
            self.add_account(address, SECRET)


if __name__ == "__main__":
    tap.main(ExamplesWorld)
