# SPDX-License-Identifier: MIT
"""Each bench runs, with next to nothing to do, and tells its figures; how large they are is not
looked at."""

import json
import os
import subprocess
import sys

import tap
from harness import Nursery
from harness.process import need_root, write

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BENCH = os.path.join(TOP, "bench")
BUILD = os.environ.get("top_builddir", TOP)
sys.path.append(BENCH)

from figures import Figure, at_least, at_most, table  # noqa: E402

# How many figures each has, and how many of them have a peer. On the tmpfs are the same as on the
# disk, so one of them is enough.
FIGURES = {"apply-synced": (7, 3), "apply-ssha512-synced": (7, 3), "apply-clear-synced": (1, 1),
           "modify-synced": (6, 2), "delete-synced": (6, 2), "list-make-synced": (6, 2),
           "list-grow-synced": (6, 2), "neighbour": (6, 6), "turns": (2, 2), "latency": (6, 6),
           "intake": (3, 3), "foreign": (32, 32), "policy": (5, 4), "check": (1, 0), "loops": (27, 27),
           "apply-tmpfs": (7, 3),
           "memory": (17, 8), "parse": (4, 2)}


def bench(*words):
    """(exit status, what was said)"""
    done = subprocess.run(
        [sys.executable, "-B", "-P", os.path.join(BENCH, "main.py"), *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    return done.returncode, done.stdout


class Run:
    """All of them, once."""

    def __enter__(self):
        need_root()
        self.nursery = Nursery()
        os.chmod(self.nursery.folder, 0o755)
        self.folder = self.nursery.path("b")
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o755)
        self.json = self.nursery.path("bench.json")
        self.status, self.text = bench(
            "--build", BUILD, "--smoke", self.folder, "--scale", "0.0002", "--rounds", "1", "--json",
            self.json, *FIGURES)
        return self

    def __exit__(self, *_):
        self.nursery.close()

    def result(self, name):
        with open(self.json, encoding="utf-8") as file:
            found = [each for each in json.load(file)["benches"] if each["bench"] == name]
        tap.equal(len(found), 1, "results")
        return found[0]


@tap.table([("%s tells its figures" % name, name, *counts) for name, counts in FIGURES.items()])
def tells(run, name, count, beside):
    result = run.result(name)
    tap.equal(result["failed"], None, "failed: " + run.text)
    figures = result["figures"]
    tap.equal(len(figures), count, "figures")
    tap.equal(len([each for each in figures if each["peer"]]), beside, "figures with a peer")
    for figure in figures:
        tap.equal(len(figure["rounds"]["ours"]), 1, "rounds")
        tap.contains(run.text, "%s, %s" % (figure["what"], figure["unit"]), "table")


@tap.test("a run ends with 0 whatever is missed, says where it was made, and leaves nothing")
def ends(run):
    tap.equal(run.status, 0, "exit status")
    tap.equal(os.listdir(run.folder), [], "what is left")
    with open(run.json, encoding="utf-8") as file:
        told = json.load(file)
    for name in ("cores", "memory_gb", "kernel", "places"):
        tap.equal(bool(told["machine"][name]), True, name)
    for name in ("batchload", "postfix", "openldap", "dovecot", "cc"):
        tap.equal(bool(told["versions"][name]), True, name)
    tap.contains(run.text, "figures: " + run.json)


@tap.table([
    ("a build with sanitizers is refused", "-O2", "-fsanitize=address", "it has sanitizers"),
    ("a build that is not optimised is refused", "-g -O0", "", "it is not optimised"),
    ("a build without a word of optimising is refused", "-g", "", "it is not optimised"),
    ("a build that counts lines is refused", "-O2 --coverage", "", "it counts lines"),
])
def refused(run, flags, sanitize, words):
    folder = run.nursery.path("build%d" % len(os.listdir(run.nursery.folder)))
    os.mkdir(folder)
    write(folder + "/Makefile", "CC = gcc\nCFLAGS = %s\nSANITIZE = %s\n" % (flags, sanitize))
    status, text = bench("--build", folder, "parse")
    tap.equal(status, 1, "exit status")
    tap.contains(text, words)
    tap.absent(text, "Traceback")


@tap.test("what can't run is told at the end, and the exit status is 1")
def cannot(run):
    empty = run.nursery.path("empty")
    os.mkdir(empty)
    write(empty + "/Makefile", "CC = gcc\nCFLAGS = -O2\nSANITIZE =\n")
    status, text = bench("--build", empty, "--smoke", run.folder, "--json", empty + "/json",
                         "--scale", "0.0002", "parse")
    tap.equal(status, 1, "exit status")
    tap.contains(text.splitlines()[-1], "FAILED to run: parse")


@tap.test("a bench that is not there is named")
def unknown(_run):
    status, text = bench("--build", BUILD, "nothing-of-this-name")
    tap.equal(status, 2, "exit status")
    tap.contains(text, "there is no bench nothing-of-this-name")


@tap.test("a ratio is the median of the rounds' ratios, and what is missed is marked")
def judged(_run):
    rate = Figure("rows", "rows/s", "peer", at_least(1.2))
    for ours, theirs in ((130, 100), (65, 50), (1000, 4000)):  # the last: the machine was busy
        rate.add(ours, theirs)
    tap.equal(round(rate.ratio(), 3), 1.3, "ratio")
    tap.equal(rate.missed(), False, "missed")
    time = Figure("time", "ms", "peer", at_most(3))
    time.add(31, 10)
    tap.equal(time.missed(), True, "missed")
    own = Figure("memory", "MB", wanted=at_most(64, "ours"))
    own.add(65)
    tap.equal(own.missed(), True, "missed")
    lines = table([rate, time, own])
    tap.equal(["MISSED" in line for line in lines], [False, False, True, True], "marks")
    tap.contains(lines[1], "0.25 .. 1.30")


if __name__ == "__main__":
    tap.main(Run)
