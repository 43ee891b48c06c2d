# SPDX-License-Identifier: MIT
"""Rows without their writes: reading and checking a file, beside libcsv alone; and `batchload check`,
which asks the directory."""

import os

from harness import run
from harness.big import hashed
from figures import at_least
from session import Bench
from tools import timed

ROWS, CHECKED = 1000000, 100000
HEAD = "DOMAIN;USER;TYPE;ACTION;PASSWORD;GIVENNAME;SURNAME\r\n"


def write_file(path, domain, count, password):
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for n in range(count):
            file.write("%s;user%d;FULL;ADD;%s;Jane;Doe\r\n" % (domain, n, password(n)))
    os.chmod(path, 0o644)


def timed_rows(program, path, count):
    """Rows a second, as the program itself tells: without its start."""
    found, seconds = run([program, path], seconds=3600).stdout.split()
    if int(found) < count:
        raise ValueError("%s took %d of %d rows" % (os.path.basename(program), int(found), count))
    return count / float(seconds)


def parse(session):
    ground, count = session.ground("tmpfs"), session.count(ROWS, 100)
    kinds = {"clear passwords": lambda n: "clear words %d" % n,
             "hashed passwords": lambda n, one=hashed("one"): one}
    files = {}
    for number, (name, password) in enumerate(kinds.items()):
        path = ground.nursery.path("rows%d.csv" % number)
        write_file(path, ground.domain, count, password)
        files[path] = (
            session.figure("read and checked, " + name, "rows/s",
                           wanted=at_least(300000, "ours")),
            session.figure("the same", "rows/s", "libcsv alone"))
    for _ in range(session.rounds):
        for path, (own, beside) in files.items():
            ours = timed_rows(session.program("bench-rows"), path, count)
            own.add(ours)
            beside.add(ours, timed_rows(session.program("bench-csv"), path, count))
    for path in files:
        os.unlink(path)


def check(session):
    """From the command's begin to its end: with reading the mail's file, and telling."""
    ground, count = session.ground("synced"), session.count(CHECKED, 20)
    ground.prepare()
    path = ground.nursery.path("rows.csv")
    write_file(path, ground.domain, count, lambda n, one=hashed("one"): one)
    figure = session.figure("batchload check, {:,} rows".format(count), "rows/s")
    for _ in range(session.rounds):
        ground.reset()
        took = timed(ground, [ground.tree.command, "-c", ground.milter.conf, "check", path, "--as",
                              ground.admin])
        figure.add(count / took)
    os.unlink(path)


BENCHES = [
    Bench("parse", "reading and checking a file without a directory", parse, "tmpfs"),
    Bench("check", "batchload check, beside a directory", check, "synced"),
]
