# SPDX-License-Identifier: MIT
"""The command beside a running daemon: what it asks, and what it has the daemon do."""

import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import threading

import tap
from harness import World, mail
from harness.process import wait_for, write

SECRET = "Canary-Kx81-cli"


def command(world, *words, code=0, data=None, **options):
    """(stdout, stderr) of the command, which must end with code."""
    result = subprocess.run(
        [world.tree.command, "-c", world.milter.conf, *words], input=data, text=True,
        capture_output=True, timeout=100, check=False, **options)
    tap.equal(result.returncode, code, "%r: %s%s" % (words, result.stdout, result.stderr))
    return result.stdout, result.stderr


def job(world, identifier):
    return json.loads(command(world, "show", "-j", identifier)[0])


def file(world, text, name="rows.csv"):
    path = world.nursery.path(name)
    write(path, text, 0o600)
    return path


def rows(world, *lines):
    return "DOMAIN;USER;TYPE;ACTION;PASSWORD;MAILFORWARD\n" + "".join(
        "%s;%s\n" % (world.domain, line) for line in lines)


def waiting_job(world, csv, **options):
    """A request that waits since the directory is away: its number."""
    raw = world.request(csv=csv, **options)
    tap.equal(world.send(raw).code, 250, "reply")

    def find():
        lines = [json.loads(line) for line in command(world, "queue", "-j")[0].splitlines()]
        return [each["id"] for each in lines if each["waiting"]]
    return raw, wait_for(find, "the job to wait")[0]


@tap.test("policy -q says what the daemon would grant")
def policy(world):
    tap.equal(command(world, "policy", "-q", world.admin)[0], "allow\n", "grant")
    tap.equal(command(world, "policy", "-q", "nobody@elsewhere.example", code=1)[0], "", "grant")
    out = command(world, "policy", "-q", "-", data="x@y.example\n%s\n" % world.admin)[0]
    tap.equal(out, "%s\tallow\n" % world.admin, "keys from standard input")


@tap.test("R3 sample: each of its rows works")
def sample(world):
    out = command(world, "sample", world.domain)[0]
    response = world.ask(csv=out)
    tap.contains(response.text, "processed ok")
    tap.equal(len(response.rows()), len(out.splitlines()) - 1, "rows")


@tap.test("only root, the daemon's user and members of its group may have it do something")
def who(world):
    daemon = pwd.getpwnam(world.milter.user)
    nobody = pwd.getpwnam("nobody")
    unknown = ("retry", "20261120-ZZZZZZ")
    for uid, gid, groups, code in (
            (0, 0, [], 1), (daemon.pw_uid, nobody.pw_gid, [], 1),
            (nobody.pw_uid, daemon.pw_gid, [], 1), (nobody.pw_uid, nobody.pw_gid, [], 77),
            (nobody.pw_uid, nobody.pw_gid, [daemon.pw_gid], 1)):
        _, errors = command(world, *unknown, code=code, user=uid, group=gid, extra_groups=groups)
        tap.contains(errors, "there is no job" if code == 1 else "only root and members")


@tap.test("nobody answers in the daemon's place")
def squatter(world):
    empty = world.nursery.path("empty")
    os.mkdir(empty, 0o755)
    shutil.chown(empty, "nobody")
    name = "\0batchload/" + hashlib.sha256(os.path.realpath(empty).encode()).hexdigest()
    script = ("import socket,os; os.setuid(%d); s=socket.socket(socket.AF_UNIX); s.bind(%r); "
              "s.listen(); print(flush=True); s.accept()[0].recv(100)" % (
                  pwd.getpwnam("daemon").pw_uid, name))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        try:
            other.stdout.readline()
            result = subprocess.run([world.tree.command, "--spool", empty, "retry", "x"],
                                    capture_output=True, text=True, timeout=60, check=False)
        finally:
            other.kill()
    tap.equal(result.returncode, 77, result.stderr)
    tap.contains(result.stderr, "another user's program")


@tap.test("retry: a job that waits goes on before its time")
def retry(world):
    world.slapd.kill()
    raw, identifier = waiting_job(world, rows(world, "r1;FORWARD;ADD;;" + world.admin))
    # The pauses grow: each attempt doubles them.
    wait_for(lambda: job(world, identifier)["attempts"] >= 4, "four attempts", 30)
    world.slapd.start()
    command(world, "retry", identifier)
    tap.contains(world.response(raw, 6).text, "processed ok")
    wait_for(lambda: job(world, identifier)["state"] == "done", "the job to be done")
    _, errors = command(world, "retry", identifier, code=1)
    tap.contains(errors, "is done")
    tap.contains(command(world, "retry", "20261120-ZZZZZZ", code=1)[1], "there is no job")


@tap.test("R5.3 cancel: a job that was not opened is answered as cancelled, nothing is changed")
def cancel(world):
    world.slapd.kill()
    raw, identifier = waiting_job(world, rows(world, "c1;FULL;ADD;%s;" % SECRET))
    command(world, "cancel", identifier)
    world.slapd.start()
    response = world.response(raw)
    tap.contains(response.subject, ": not processed")
    tap.contains(response.words, "cancelled by your service provider")
    tap.equal(world.entry("c1@" + world.domain), None, "entry")
    wait_for(lambda: job(world, identifier)["state"] == "done", "the job to be done")
    tap.contains(command(world, "cancel", identifier, code=1)[1], "is done")
    world.search_spool(SECRET)


@tap.test("R5.3 cancel between slices: what is done stays, the rest is reported and can be sent again")
def cancel_large(world):
    lines = ["many%d;FORWARD;ADD;;%s" % (i, world.admin) for i in range(6000)]
    raw = world.request(csv=rows(world, *lines))
    tap.equal(world.send(raw).code, 250, "reply")

    def begun():
        for line in command(world, "queue", "-j")[0].splitlines():
            found = json.loads(line)
            if found["state"] == "working" and found["slices_done"] > 0:
                return found["id"]
        return None
    identifier = wait_for(begun, "the first slice")
    command(world, "cancel", identifier)
    response = world.response(raw)
    counts = job(world, identifier)
    tap.say("cancelled after %d of 6000 rows" % counts["created"])
    tap.equal(counts["created"] > 0 and counts["failed"] > 0, True, repr(counts))
    tap.equal(counts["created"] + counts["failed"], 6000, "rows")
    results = [row["RESULT"] for row in response.rows()]
    tap.equal((results.count("created"), results.count("failed")),
              (counts["created"], counts["failed"]), "result.csv")
    tap.contains(response.words, "cancelled by your service provider")
    there = world.slapd.search("(mail=many*)", world.slapd.domain_dn(world.domain), "one", ("1.1",))
    tap.equal(len(there), counts["created"], "entries")


@tap.test("apply: a job as by mail, followed to its end; the response goes to the address")
def apply(world):
    path = file(world, rows(world, "a1;FULL;ADD;%s;" % SECRET, "a2;FORWARD;ADD;;a1@" + world.domain))
    out, _ = command(world, "apply", path, "--as", world.admin, "--reference", "by hand")
    tap.contains(out, "processed ok")
    tap.contains(out, "created    2")
    tap.equal(world.can_login("a1@" + world.domain, SECRET), True, "login")
    box = world.mailbox(world.admin)
    box.wait("Subject", "Batchload by hand: processed ok")
    # The same file again is a request of its own; its rows fail.
    out, _ = command(world, "apply", path, "--as", world.admin, code=1)
    tap.contains(out, "2 of 2 rows failed")
    tap.absent(world.log_text(), SECRET, "log")
    world.search_spool(SECRET)


@tap.test("apply keeps to the grant of the address, and to the rules of the file")
def apply_refused(world):
    path = file(world, "DOMAIN;USER;TYPE;ACTION\n%s;x;FORWARD;DELETE\n" % world.other_domain)
    out, _ = command(world, "apply", path, "--as", world.admin, code=1)
    tap.contains(out, "1 of 1 row failed")
    _, errors = command(world, "apply", path, "--as", "nobody@" + world.domain, code=1)
    tap.contains(errors, "does not allow nobody@" + world.domain)
    out, _ = command(world, "apply", file(world, "x;y\n"), "--as", world.admin, code=1)
    tap.contains(out, "not processed: ")
    out, _ = command(world, "apply", file(world, rows(world)), "--as", world.admin, "--no-wait")
    tap.equal(out.startswith("job "), True, out)
    tap.contains(command(world, "apply", path, "--as", "nonsense", code=64)[1], "--as nonsense")
    tap.contains(command(world, "apply", "/nonexistent", "--as", world.admin, code=66)[1],
                 "/nonexistent")


@tap.test("apply and check say what they wait for; retry --all lets all jobs that wait go on")
def waiting(world):
    path = file(world, rows(world, "wait1;FORWARD;ADD;;" + world.admin))
    command(world, "retry", "--all", "20261120-ZZZZZZ", code=64)
    world.fence()
    wait_for(lambda: "No job waits" in command(world, "queue")[0], "all jobs to be done")
    tap.equal(command(world, "retry", "--all")[0], "No job waits.\n", "nothing to try")
    for word in ("check", "apply"):
        world.slapd.kill()
        with subprocess.Popen([world.tree.command, "-c", world.milter.conf, word, path, "--as",
                               world.admin], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            silent = threading.Timer(60, process.kill)
            try:
                silent.start()
                line = process.stderr.readline()
                tap.contains(line, " waits: The directory is not reachable\n", word)
                identifier = line.split()[2]
                # The pauses grow: each attempt doubles them.
                wait_for(lambda: job(world, identifier)["attempts"] >= 4, "four attempts", 30)
                world.slapd.start()
                tap.equal(command(world, "retry", "-a")[0],
                          "job %s is tried again now\n" % identifier, "tried")
                out, errors = process.communicate(timeout=6)
            finally:
                silent.cancel()
                process.kill()
                world.slapd.running() or world.slapd.start()
        tap.equal((process.returncode, errors), (0, ""), word + ": " + out + errors)
        tap.contains(out, "processed ok")
    tap.contains(command(world, "show", identifier.lower())[0], identifier)


def timeless(text):
    """A response's text without what differs from run to run."""
    return [line for line in text.replace("\r\n", "\n").splitlines()
            if not line.startswith(("Job: ", "Time taken: "))]


def unmailed(text):
    """The same without what only the reader of a mail can do anything with."""
    text = text.replace("Checked only (Mode: check): nothing was changed. Below stands what would\n"
                        "happen without that line.",
                        "Checked only: nothing was changed. Below stands what would happen.")
    return re.sub(r"Correct (this row|these rows) in your file, [^)]*\)\n\n", "", text)


@tap.test("R2.17 check: the words of a mail with Mode: check, nothing is changed, nobody gets a mail")
def check(world):
    good = rows(world, "k1;FULL;ADD;%s;" % SECRET, "k2;FORWARD;ADD;;k1@" + world.domain)
    bad = rows(world, "k1;FULL;ADD;%s;" % SECRET, "nobody;FORWARD;DELETE;;",
               "k2;FORWARD;ADD;;k3@" + world.domain)
    # Responses to what other tests sent are there.
    wait_for(lambda: "No job waits" in command(world, "queue")[0], "all jobs to be done")
    world.wait_queue(lambda queue: not queue, "Postfix's queue to be empty")
    mails = world.mailbox(world.admin).count()
    for text, code in ((good, 0), (bad, 1), ("x;y\n", 1)):
        out, _ = command(world, "check", file(world, text), "--as", world.admin, code=code)
        tap.equal(world.mailbox(world.admin).count(), mails, "mails")
        response = world.ask(csv=text, mode="check")
        mails += 1
        tap.equal(timeless(out), timeless(unmailed(response.text.replace("\r\n", "\n"))), "words")
        for word in ("attached", "mail", "Mode:"):
            tap.absent(out, word, "words for who reads no mail")
    tap.equal(world.entry("k1@" + world.domain), None, "entry")
    world.fence()
    tap.contains(command(world, "queue")[0], "No job waits")
    tap.absent(world.log_text(), SECRET, "log")
    world.search_spool(SECRET)


def doctor_on_jobs(world):
    result = subprocess.run(
        [world.tree.command, "-c", world.milter.conf, "doctor", "-j",
         "--postfix=" + world.postfix.conf], text=True, capture_output=True, timeout=100,
        check=False)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return next((each["state"], each["words"]) for each in found if each["what"] == "jobs")


def ended_by_hand(world, identifier, words, subject):
    """A job that waits for ever: it is shown, named by the doctor, and ended by cancel."""
    command(world, "retry", identifier)
    waiting = wait_for(lambda: (job(world, identifier)["waiting"] or "").startswith("damaged: ")
                       and job(world, identifier)["waiting"], "the job to be found damaged")
    tap.say(waiting)
    tap.contains(command(world, "queue")[0], "damaged: ")
    state, said = doctor_on_jobs(world)
    tap.equal(state, "wrong", said)
    tap.contains(said, identifier)
    # It does not mend by itself, nor by a new start.
    world.milter.restart()
    wait_for(lambda: job(world, identifier)["attempts"] > 1, "another attempt", 60)
    command(world, "cancel", identifier)
    world.slapd.running() or world.slapd.start()
    box = world.mailbox(world.admin)
    response = mail.Response(box.wait("Message-ID", "%s.batchload@%s" % (
        identifier, world.batch_domain)))
    tap.equal(response.subject, subject, "subject")
    for each in words:
        tap.contains(" ".join(response.text.split()), each)
    wait_for(lambda: job(world, identifier)["state"] == "done", "the job to be done")
    tap.equal(doctor_on_jobs(world)[0], "good", "jobs")
    tap.contains(command(world, "cancel", identifier, code=1)[1], "is done")
    tap.equal(world.contents(identifier), set(), "contents")


def applied(world, reference, *lines):
    out, _ = command(world, "apply", file(world, rows(world, *lines)), "--as", world.admin,
                     "--no-wait", "--reference", reference)
    return out.split()[1]


@tap.test("R5.4 a job whose rows are damaged is named, and ended by cancel")
def damaged_rows(world):
    for reference, gone in (("dam-rows", False), ("dam-gone", True)):
        world.slapd.kill()
        identifier = applied(world, reference, "w1;FORWARD;ADD;;" + world.admin)
        wait_for(lambda: job(world, identifier)["waiting"], "the job to wait")
        tap.equal(job(world, identifier)["state"], "working", "state")
        world.damage("rows", identifier, gone)
        ended_by_hand(world, identifier,
                      ["could not be carried to its end",
                       "Of its 1 rows the first 0 were worked on", "none was carried out"],
                      "Batchload %s: not finished" % reference)
    tap.equal(world.entry("w1@" + world.domain), None, "entry")


@tap.test("R5.4 a job whose mail is damaged is named, and ended by cancel")
def damaged_mail(world):
    for gone in (False, True):
        world.slapd.running() and world.slapd.kill()
        raw, identifier = waiting_job(world, rows(world, "w2;FORWARD;ADD;;" + world.admin))
        world.damage("mail", identifier, gone)
        ended_by_hand(world, identifier, ["cancelled by your service provider", identifier],
                      "Batchload: not processed")
    tap.equal(world.entry("w2@" + world.domain), None, "entry")


@tap.test("R5.4 a job whose response is damaged is named, and ended by cancel")
def damaged_response(world):
    world.fence()
    world.postfix.stop()
    identifier = applied(world, "dam-response", "w3;FORWARD;ADD;;" + world.admin)
    wait_for(lambda: job(world, identifier)["waiting"], "the job to wait")
    tap.equal(job(world, identifier)["state"], "sending", "state")
    world.damage("response", identifier)
    command(world, "retry", identifier)
    wait_for(lambda: (job(world, identifier)["waiting"] or "").startswith("damaged: ") or
             job(world, identifier)["attempts"] > 1, "another attempt")
    world.postfix.start()
    ended_by_hand(world, identifier,
                  ["All of its 1 rows were worked on (1 created, 0 changed",
                   "could not be carried to its end"], "Batchload dam-response: not finished")
    tap.equal(world.entry("w3@" + world.domain) is not None, True, "entry")


@tap.test("the daemon away, the spool not ours, a configuration not ours or not there")
def exits(world):
    path = file(world, rows(world, "e1;FORWARD;ADD;;" + world.admin))
    asking = (("retry", "20261120-ZZZZZZ"), ("cancel", "20261120-ZZZZZZ"),
              ("apply", path, "--as", world.admin), ("check", path, "--as", world.admin))
    reading = (("queue",), ("show", "20261120-ZZZZZZ"))
    nobody = pwd.getpwnam("nobody")
    os.chmod(path, 0o644)
    stranger = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    for words in asking:
        tap.contains(command(world, *words, code=77, **stranger)[1], "only root and members")
    for words in reading:
        errors = command(world, *words, code=77, **stranger)[1]
        tap.contains(errors, "can't be read")
        tap.contains(errors, "only root and the daemon's user")
    os.chmod(world.milter.conf, 0o600)
    try:
        for words in asking + reading:
            tap.contains(command(world, *words, code=78, **stranger)[1], world.milter.conf)
    finally:
        os.chmod(world.milter.conf, 0o644)
    world.milter.kill()
    for words in asking:
        tap.contains(command(world, *words, code=75)[1], "does it run?")
    tap.contains(command(world, "queue")[0], "No job waits")
    tap.contains(command(world, "show", "20261120-ZZZZZZ", code=1)[1], "there is no job")
    for words in asking + reading:
        tap.contains(command(world, words[0], "--nonsense", code=64)[1], "--nonsense")
    world.milter.start()
    world.fence()


@tap.test("the daemon away: 75; killed and started again it answers")
def away(world):
    world.milter.kill()
    _, errors = command(world, "retry", "20261120-ZZZZZZ", code=75)
    tap.contains(errors, "does it run?")
    world.milter.start()
    command(world, "retry", "20261120-ZZZZZZ", code=1)
    world.fence()


@tap.test("a client that says nothing holds up no stop")
def silent(world):
    name = "\0batchload/" + hashlib.sha256(
        os.path.realpath(world.milter.spool).encode()).hexdigest()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(name)
        client.send(b"retry")
        world.milter.stop()
    world.milter.start()
    world.fence()


if __name__ == "__main__":
    tap.main(lambda: World(settings={"slice_rows": 100}))
