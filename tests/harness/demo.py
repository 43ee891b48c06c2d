# SPDX-License-Identifier: MIT
"""scripts/demo: private servers from the installed files, and an administrator's requests."""

import csv
import glob
import os
import selectors
import shlex
import socket
import sys
import time

from .build import Build, take_lock
from .milter import Tree
from .process import HarnessError, Nursery, handle_signals
from .world import World

FILE = "demo.env"
SERVING = os.path.join("build", "demo.serving")  # names the FILE of the newest --serve
CONFIGURE = ["--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var"]
WIDTH = 78


def say(*words):
    print(*words, flush=True)


def title(text):
    say("\n=== " + text + " " + "=" * max(3, WIDTH - 5 - len(text)))


def install(nursery, top):
    """Builds and installs into a folder of the nursery; returns the tree."""
    say("building and installing")
    with take_lock(top):
        build = Build(nursery, top, "demo", CONFIGURE)
        build.prepare()
        build.make()
        target = nursery.path("dest")
        build.make("install", "DESTDIR=" + target)
    return Tree.installed(target, "/usr")


def make_world(top):
    nursery = Nursery()
    try:
        tree = install(nursery, top)
    except BaseException:
        nursery.close()
        raise
    say("starting slapd, Postfix, Dovecot and batchload-milter")
    return World(tree=tree, nursery=nursery, sync=True)


# --- the examples ---

def read_table(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return text, list(csv.DictReader(text.splitlines(), delimiter=";"))


def show_changed(world, rows, job):
    """What the job has written, found by its mark, and what it has removed."""
    found = world.slapd.search("(batchloadChange=*)", base="ou=domains," + world.base)
    for dn, entry in sorted(found.items()):
        if entry["batchloadchange"][0].partition("/")[0] != job:
            continue
        say("dn: " + dn)
        for name, values in sorted(entry.items()):
            if name != "userpassword":
                for value in values:
                    say("%s: %s" % (name, value))
        say()
    for row in rows:
        address = "%s@%s" % (row["USER"], row["DOMAIN"])
        if world.slapd.entry(address) is None:
            say("%s: no entry" % address)


def job_of(response):
    lines = [line for line in response.text.splitlines() if line.startswith("Job: ")]
    return lines[0].split()[1] if lines else ""


def request(world, path):
    """One example request, shown with what comes back; returns its rows, or None."""
    text, rows = read_table(path)
    name = os.path.basename(path)[:-4]
    title("request " + name)
    raw = world.request(csv=text, reference=name)
    say("From: %s\nTo: %s\nSubject: PROCESS\n\nPassword: (the administrator's)\n"
        "Batchload: %s\n[batchload.csv]" % (world.admin, world.batch_address, name))
    say(text.rstrip())
    sent = world.send(raw)
    if sent.code != 250:
        say("refused by SMTP: %r" % sent)
        return None
    response = world.response(raw)
    title("response")
    for header in ("From", "To", "Subject", "Auto-Submitted"):
        say("%s: %s" % (header, response.mail[header]))
    say()
    say(response.text.rstrip())
    for each in sorted(response.files):
        say("[%s]" % each)
        say(response.files[each].decode("utf-8", "replace").rstrip())
    title("what has changed in the directory")
    show_changed(world, rows, job_of(response))
    good = "processed ok" in response.text and len(response.rows()) == len(rows)
    return rows if good else None


def as_wanted(world, rows):
    """Whether each row of a request is felt in the directory."""
    bad = []
    for row in rows:
        address = "%s@%s" % (row["USER"], row["DOMAIN"])
        there = world.slapd.entry(address) is not None
        if there != (row["ACTION"] != "DELETE"):
            bad.append(address)
    return bad


def deliver(world, row):
    """A mail to a new user, read with the password from the file."""
    address = "%s@%s" % (row["USER"], row["DOMAIN"])
    title("a mail to %s, read over IMAP with the password from the file" % address)
    sent, identifier = world.send_plain(address, text="Welcome!\n")
    if sent.code != 250:
        say("refused by SMTP: %r" % sent)
        return False
    raw = world.mailbox(address, row["PASSWORD"]).wait("Message-ID", identifier)
    say(raw.decode("utf-8", "replace").replace("\r\n", "\n").rstrip())
    return True


def examples(top, tree):
    installed = os.path.join(os.path.dirname(tree.policy), "policy", "examples")
    folder = installed if os.path.isdir(installed) else os.path.join(top, "test-fixtures", "demo")
    return sorted(glob.glob(os.path.join(folder, "*.csv")))


def demo(top):
    begin = time.monotonic()
    failed, done = [], 0
    with make_world(top) as world:
        for path in examples(top, world.tree):
            name = os.path.basename(path)
            try:
                rows = request(world, path)
                if rows is None:
                    failed.append(name + ": not processed as it should be")
                    continue
                failed += ["%s: %s is not as asked" % (name, each)
                           for each in as_wanted(world, rows)]
                new = [row for row in rows if row["ACTION"] == "ADD" and row["TYPE"] == "FULL"]
                if new and not deliver(world, new[0]):
                    failed.append(name + ": no mail for the new user")
                done += 1
            except (TimeoutError, HarnessError, OSError) as error:
                failed.append("%s: %s" % (name, error))
        if failed:
            title("the logs")
            say("\n".join(world.diagnostics()))
        title("summary")
        for each in failed:
            say("FAILED " + each)
        say("%d example requests were processed as they should be, %d problems, %.0f s" % (
            done, len(failed), time.monotonic() - begin))
    return 1 if failed or not done else 0


# --- serve ---

def settings(world, control):
    return {
        "SMTP_HOST": "127.0.0.1", "SMTP_PORT": world.postfix.port,
        "IMAP_HOST": "127.0.0.1", "IMAP_PORT": world.dovecot.port,
        "LDAP_URI": world.slapd.uri, "LDAP_BASE": world.base,
        "LDAP_ROOT_DN": world.slapd.root_dn, "LDAP_ROOT_PW": world.root_password,
        "BATCH_ADDRESS": world.batch_address,
        "ADMIN": world.admin, "ADMIN_PASSWORD": world.passwords[world.admin],
        "OTHER_ADMIN": world.other_admin,
        "OTHER_ADMIN_PASSWORD": world.passwords[world.other_admin],
        "DOMAIN": world.domain, "OTHER_DOMAIN": world.other_domain,
        "SPOOL": world.milter.spool, "LOG": world.log, "CONFIG": world.milter.conf,
        "MILTER_PID": world.milter.pid, "SLAPD_PID": world.slapd.pid,
        "BATCHLOAD": world.tree.command, "POSTFIX_CONFIG": world.postfix.conf,
        "CONTROL": control,
    }


def write_file(path, world, control):
    new = "%s.%d" % (path, os.getpid())
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        for name, value in settings(world, control).items():
            file.write("%s=%s\n" % (name, shlex.quote(str(value))))
    os.rename(new, path)


def prove(world):
    """A mail has gone through; it is taken away again."""
    sent, identifier = world.send_plain(world.admin)
    if sent.code != 250:
        raise HarnessError("a mail was not taken: %r" % sent)
    world.mailbox(world.admin).wait("Message-ID", identifier)
    box = world.mailbox(world.admin).imap
    box.select("INBOX")
    box.store("1:*", "+FLAGS", r"(\Deleted)")
    box.expunge()
    world.mailbox(world.admin).close()


def restart(world, word):
    server = {"restart-milter": world.milter, "restart-slapd": world.slapd}.get(word)
    if server is None:
        raise HarnessError("not known: " + word)
    server.restart()
    return server.pid


def reap(world):
    """Children that ended, ours and those that were handed to us."""
    known = {process.pid: process for process in world.nursery.processes}
    for process in known.values():
        process.poll()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in known:
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    words = file.read().rpartition(b")")[2].split()
                if words[0] == b"Z" and int(words[1]) == os.getpid():
                    os.waitpid(int(name), os.WNOHANG)
            except (OSError, IndexError):
                pass


def answer(world, listener, path, control):
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(5)
        try:
            word = connection.recv(100).decode().strip()
            pid = restart(world, word)
            write_file(path, world, control)
            reply = "ok %d" % pid
        except (HarnessError, TimeoutError) as error:
            reply = "failed: %s" % error
        except OSError as error:
            reply = "failed: %s" % error
        try:
            connection.sendall(reply.encode() + b"\n")
        except OSError:
            pass


def note_serving(top, path):
    """So that --restart-… without FILE finds this demo from any folder."""
    note = os.path.join(top, SERVING)
    with open(note + ".new", "w", encoding="utf-8") as file:
        file.write(path)
    os.rename(note + ".new", note)


def noted_serving(top):
    try:
        with open(os.path.join(top, SERVING), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def serve(top, path):
    path = os.path.abspath(path)
    if os.path.isfile(path):
        os.unlink(path)
    with make_world(top) as world:
        control = world.nursery.path("control")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            mask = os.umask(0o177)
            listener.bind(control)
            os.umask(mask)
            listener.listen(5)
            prove(world)
            try:
                note_serving(top, path)
                write_file(path, world, control)
                say("up; %s tells where; INT or TERM to %d ends it" % (path, os.getpid()))
                with selectors.DefaultSelector() as selector:
                    selector.register(listener, selectors.EVENT_READ)
                    while True:
                        if selector.select(0.1):
                            answer(world, listener, path, control)
                        reap(world)
            finally:
                if os.path.exists(path):
                    os.unlink(path)
                if noted_serving(top) == path:
                    os.unlink(os.path.join(top, SERVING))


def ask(path, word):
    """Tells a running --serve to start something again."""
    try:
        with open(path, encoding="utf-8") as file:
            known = dict(line.split("=", 1) for line in shlex.split(file.read()))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            connection.connect(known["CONTROL"])
            connection.sendall(word.encode() + b"\n")
            reply = connection.makefile().read().strip()
    except (OSError, KeyError, ValueError) as error:
        print("scripts/demo: no demo is running by %s: %s" % (path, error), file=sys.stderr)
        return 1
    if not reply.startswith("ok "):
        print("scripts/demo: " + (reply or "no answer"), file=sys.stderr)
        return 1
    say(reply[3:])
    return 0


def main(top, words):
    option = words[0] if words else ""
    path = words[1] if len(words) > 1 else None
    if len(words) > 2 or (option not in ("", "--serve", "--restart-milter", "--restart-slapd")):
        print("usage: scripts/demo [--serve [FILE] | --restart-milter [FILE] | "
              "--restart-slapd [FILE]]", file=sys.stderr)
        return 64
    handle_signals()
    try:
        if option == "":
            return demo(top)
        if option == "--serve":
            return serve(top, path or FILE)
        if path is None:
            path = FILE if os.path.exists(FILE) else noted_serving(top) or FILE
        return ask(path, option[2:])
    except (HarnessError, TimeoutError) as error:
        print("scripts/demo: %s" % error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
