# SPDX-License-Identifier: MIT
"""batchload apply on a terminal, and without one."""

import json
import os
import re
import signal
import subprocess

import tap
from harness import World, wait_for
from harness.process import write
from harness.terminal import Terminal

DRAWN = re.compile(r"\r([^\r\n]*)")
BAR = re.compile(r"\[([# ]*)\] (\d+) of (\d+) rows, (\d+) failed $")


def words(world, *more):
    return [world.tree.command, "-c", world.milter.conf, *more]


def rows_file(world, name, count):
    path = world.nursery.path("rows.csv")
    write(path, "DOMAIN;USER;TYPE;ACTION;MAILFORWARD\n" + "".join(
        "%s;%s%d;FORWARD;ADD;%s\n" % (world.domain, name, n, world.admin) for n in range(count)),
          0o600)
    return path


def show(world, job):
    done = subprocess.run(words(world, "show", "-j", job), capture_output=True, check=True,
                          timeout=60)
    return json.loads(done.stdout)


def job_of(text):
    return re.search(r"job (\S+)", text).group(1)


@tap.table([
    ("80 columns", 80, {}),
    ("80 columns, NO_COLOR changes nothing", 80, {"NO_COLOR": "1"}),
    ("a narrow terminal: a shorter bar, on one line all the same", 50, {}),
    ("a terminal without room for a bar", 30, {}),
    ("a terminal that does not tell its columns", 0, {}),
])
def draws(world, columns, environment):
    name = "d%d%s" % (columns, "n" if environment else "")
    path = rows_file(world, name, 700)
    terminal = Terminal(words(world, "apply", path, "--as", world.admin), columns, environment)
    tap.equal(terminal.end(), 0, terminal.text)
    terminal.columns = columns or 80
    tap.absent(terminal.text, "\x1b", "control sequences")
    drawn = [each for each in DRAWN.findall(terminal.text) if each]
    tap.equal(len(drawn) >= 1, True, "drawn: %r" % terminal.text)
    tap.equal(max(len(each) for each in drawn) < terminal.columns, True, "too wide: %r" % drawn)
    if columns != 30:
        bars = [BAR.match(each) for each in drawn]
        tap.equal(all(bars), True, repr(drawn))
        width = len(bars[-1].group(1))
        tap.equal(bars[-1].groups(), ("#" * width, "700", "700", "0"), "the last one")
        tap.equal(width, 40 if columns != 50 else 50 - 1 - len("[] 700 of 700 rows, 0 failed "),
                  "columns of the bar")
        counts = [int(each.group(2)) for each in bars]
        tap.equal(counts, sorted(counts), "it only grows")
    screen = [line for line in terminal.screen() if line]
    tap.equal(screen[0], "job " + job_of(terminal.text), repr(screen))
    tap.equal(len(screen), 1 + 1 + 5 + 1, repr(screen))
    tap.equal(screen[-1], "processed ok", repr(screen))


@tap.test("without a terminal come plain lines, and nothing is drawn")
def plain(world):
    path = rows_file(world, "p", 700)
    done = subprocess.run(words(world, "apply", path, "--as", world.admin), capture_output=True,
                          text=True, timeout=100, check=True)
    tap.equal(done.stderr, "", "standard error")
    job = job_of(done.stdout)
    tap.equal(done.stdout.splitlines(),
              ["job " + job, "created    700", "changed    0", "deleted    0", "unchanged  0",
               "failed     0", "processed ok"], "standard output")
    # Only what is drawn depends on it: results in a file, the bar on the terminal.
    target = world.nursery.path("out")
    terminal = Terminal(["/bin/sh", "-c", '"$@" >"$0"', target,
                         *words(world, "apply", rows_file(world, "q", 10), "--as", world.admin)])
    tap.equal(terminal.end(), 0, terminal.text)
    with open(target, encoding="utf-8") as file:
        tap.contains(file.read(), "processed ok")
    tap.absent(terminal.text, "processed ok")
    tap.contains(terminal.text, "10 of 10 rows, 0 failed")


def interrupted(world, *more):
    """The job that was followed when ^C was typed, and what was said."""
    path = rows_file(world, "int" + more[0], 3)
    terminal = Terminal(words(world, more[0], path, "--as", world.admin, *more[1:]))
    # None yet, or the file has been read already.
    terminal.until(lambda text: re.search("of [03] rows", text))
    os.write(terminal.fd, b"\x03")
    status = terminal.end()
    tap.equal(os.WIFSIGNALED(status) and os.WTERMSIG(status), signal.SIGINT, terminal.text)
    return terminal.text.splitlines()[-1]


@tap.test("^C ends following, not the job, and says so")
def interrupt(world):
    world.slapd.kill()
    said = interrupted(world, "apply")
    job = re.search(r"job (\S+) goes on \(batchload show (\S+), batchload cancel (\S+)\)$", said)
    tap.equal(bool(job) and len(set(job.groups())), 1, said)
    tap.equal(show(world, job.group(1))["state"] in ("received", "working"), True, "state")
    said = interrupted(world, "check")
    tap.contains(said, "changes nothing")
    world.slapd.start()
    wait_for(lambda: show(world, job.group(1))["state"] == "done", "the job to be done", 60)
    tap.equal(show(world, job.group(1))["created"], 3, "created")
    wait_for(lambda: show(world, job_of(said))["state"] in ("sending", "done"), "the check", 60)
    tap.equal(world.entry("intcheck0@" + world.domain), None, "entry")


@tap.test("where a shell ignores INT for a command in the background it stays ignored")
def ignored(world):
    world.slapd.kill()
    path = rows_file(world, "ign", 3)
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh",
         *words(world, "apply", path, "--as", world.admin)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        tap.contains(process.stdout.readline(), "job ")
        process.send_signal(signal.SIGINT)
        world.slapd.start()
        out, _ = process.communicate(timeout=100)
    finally:
        process.kill()
    tap.equal(process.returncode, 0, out)
    tap.contains(out, "processed ok")


if __name__ == "__main__":
    tap.main(lambda: World(settings={"slice_rows": 50}))
