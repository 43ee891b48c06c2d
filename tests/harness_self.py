# SPDX-License-Identifier: MIT
"""The harness itself: tests that fail are told, what was started ends, mails are taken apart."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap

import tap
from harness import Nursery, Response, attachment, multipart, parse_ldif, table, text_part, wait_for
from harness.milter import replace_setting
from harness.stages import count

HERE = os.path.dirname(os.path.abspath(__file__))


def python(code, **options):
    environment = dict(os.environ, PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1")
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=environment,
                            stdout=subprocess.PIPE, text=True, **options)


@tap.test("a test that raises, is skipped or takes too long is told as such")
def runner(_):
    process = python("""
        import contextlib, time, tap
        @tap.test("good")
        def _(world): pass
        @tap.test("bad")
        def _(world): tap.equal(1, 2)
        @tap.test("skipped")
        def _(world): tap.skip("missing package x")
        @tap.test("slow", seconds=1)
        def _(world): time.sleep(30)
        tap.main(lambda: contextlib.nullcontext(None))
        """)
    out, _ = process.communicate(timeout=30)
    lines = [line for line in out.splitlines() if not line.startswith("#")]
    tap.equal(lines, ["1..4", "ok 1 - good", "not ok 2 - bad",
                      "ok 3 - skipped # SKIP missing package x", "not ok 4 - slow"], "TAP")
    tap.equal(process.returncode, 1, "status")


@tap.test("a crashed program, one that was not run and a missing package count as failed")
def counted(_):
    with tempfile.TemporaryDirectory() as folder:
        results = {
            "good": ":test-result: PASS one\n:test-result: PASS two\n",
            "bad": ":test-result: PASS one\n:test-result: FAIL two\n",
            "crashed": ":test-result: PASS one\n:test-result: ERROR - exited with status 139\n",
            "silent": ":global-test-result: PASS\n",
            "skipped": ":test-result: SKIP one # SKIP a slow machine\n",
            "lacking": ":test-result: SKIP one # SKIP missing package: postfix-ldap\n"}
        for name, text in results.items():
            with open(os.path.join(folder, name + ".trs"), "w", encoding="ascii") as file:
                file.write(text)
        for name, wanted in (("good", (2, 0, 0)), ("bad", (1, 1, 0)), ("crashed", (1, 1, 0)),
                             ("silent", (0, 1, 0)), ("skipped", (0, 0, 1)),
                             ("lacking", (0, 1, 0)), ("absent", (0, 1, 0)),
                             ("good.py", (2, 0, 0))):
            tap.equal(count(folder, [name])[:3], wanted, name)


STARTS = """
    import sys, time
    from harness import Nursery, handle_signals
    handle_signals()
    nursery = Nursery()
    try:
        # one that leaves its session, as daemons do
        child = nursery.spawn(["sh", "-c", "setsid sleep 1000 & echo $! >%s/other; "
                               "exec sleep 1000" % nursery.folder])
        print(nursery.folder, child.pid, flush=True)
        time.sleep(1000)
    finally:
        nursery.close()
    """


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def ended_by(number):
    process = python(STARTS)
    folder, pid = process.stdout.readline().split()
    tap.equal(os.path.isdir(folder), True, "folder")
    wait_for(lambda: os.path.exists(folder + "/other") and os.path.getsize(folder + "/other"),
             "the other process", 10)
    with open(folder + "/other", encoding="ascii") as file:
        other = int(file.read())
    process.send_signal(number)
    process.wait(10)
    process.stdout.close()
    wait_for(lambda: gone(int(pid)) and gone(other), "the processes to be gone", 10)
    wait_for(lambda: not os.path.exists(folder), "the folder to be gone", 10)
    return process.returncode


@tap.table([("TERM, INT and even KILL of a harness leave neither process nor folder: " + name,
             name, status) for name, status in (("SIGTERM", 143), ("SIGINT", 130),
                                                ("SIGKILL", -9))])
def ends(_, name, status):
    tap.equal(ended_by(getattr(signal, name)), status, "status")


@tap.table([("a unit test that ends by %s leaves nothing" % how, how) for how in (
    "exit 3", "kill -ABRT $$", "TERM", "INT", "KILL")])
def alone(_, how):
    """A unit test that fails or is interrupted leaves no folder and no process."""
    with tempfile.TemporaryDirectory(dir="/tmp") as above:
        script = "mkdir $TMPDIR/left; sleep 1000 & echo $!; exec >&-; " + (
            how if " " in how else "wait")
        process = subprocess.Popen(
            [sys.executable, "-B", "-m", "harness.alone", "sh", "-c", script],
            env=dict(os.environ, PYTHONPATH=HERE, TMPDIR=above), stdout=subprocess.PIPE, text=True)
        child = int(process.stdout.readline())
        if " " not in how:
            process.send_signal(getattr(signal, "SIG" + how))
        process.communicate(timeout=30)
        tap.equal(process.returncode, {"exit 3": 3, "kill -ABRT $$": 134, "TERM": 143, "INT": 130,
                                       "KILL": -9}[how], "status")
        wait_for(lambda: not os.path.exists("/proc/%d/fd/0" % child), "the child to end", 20)
        wait_for(lambda: not os.listdir(above), "the folder to go", 20)


@tap.test("of a process whose end is known the number may be another's: nothing is sent to it")
def known_ends(_):
    one = Nursery()
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        ended, running = one.spawn(["true"]), one.spawn(["sleep", "60"])
        ended.wait()
        ended.pid = stranger.pid  # as if it had been given out again
        one.stop(ended)
        tap.equal(one.stop(running), -signal.SIGTERM, "status of what ran")
        try:
            stranger.wait(0.5)
            raise AssertionError("the stranger was killed")
        except subprocess.TimeoutExpired:
            pass
    finally:
        stranger.kill()
        stranger.wait()
        one.close()


@tap.test("ports are not given out twice")
def ports(_):
    one, two = Nursery(), Nursery()
    try:
        given = [each.port() for each in (one, two) for _ in range(200)]
        tap.equal(len(set(given)), 400, "ports")
    finally:
        one.close()
        two.close()


@tap.test("a response is taken apart, text and tables")
def response(_):
    raw = multipart(["From: a@b.example", "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?="], [
        text_part("processed ok\n"),
        attachment(table([{"USER": "a;b", "RESULT": "created"}]), "result.csv")])
    got = Response(raw)
    tap.equal((got.subject, got.text), ("gr\u00fc\u00dfe", "processed ok\n"), "mail")
    tap.equal(got.rows(), [{"USER": "a;b", "RESULT": "created"}], "rows")
    tap.contains(got.decoded, b"a;b", "decoded")


@tap.test("LDIF is read: folded lines, base64, bytes")
def ldif(_):
    got = parse_ldif(b"dn: cn=a,\n dc=b\ncn: a\nsn:: w7w=\nuserPassword:: /w==\n\ndn: dc=b\ndc: b\n")
    tap.equal(got, {"cn=a,dc=b": {"cn": ["a"], "sn": ["\u00fc"], "userpassword": [b"\xff"]},
                    "dc=b": {"dc": ["b"]}}, "entries")


@tap.test("settings replace those of the sample, at the top and in their section")
def setting(_):
    lines = ["version = 1", "workers = 4", "limits {", "  rows_max = 5", "}"]
    lines = replace_setting(lines, "workers", 2)
    lines = replace_setting(lines, "limits.rows_max", 7)
    lines = replace_setting(lines, "batch_addresses", ["a@b", "c@d"])
    tap.equal(lines, ['batch_addresses = {"a@b", "c@d"}', 'workers = "2"', "version = 1",
                      "limits {", 'rows_max = "7"', "}"], "lines")


class Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        pass


if __name__ == "__main__":
    tap.main(Nothing)
