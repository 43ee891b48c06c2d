# SPDX-License-Identifier: MIT
"""scripts/check: stages (stages.py), two of them at a time, each a process of its own with a bound
of its time and a folder that must be empty again when it ends."""

import json
import os
import select
import signal
import sys
import time

from .build import Build, take_lock
from .process import HarnessError, Nursery, handle_signals
from .stages import STAGES, say

# What is done without words, and with --all; the longest first, so that others fill its pauses.
SOME = ["tests", "clang"]
WHOLE = ["tests", "tidy", "threads", "dist", "fuzz", "coverage", "clang"]
STOP_SECONDS = 20  # what a stage that took too long has to tidy up
SHOWN = 400        # lines of a stage that failed
SLOWEST = 10       # test programs whose times are told
USAGE = "usage: scripts/check [--all | --coverage | STAGE...]\nstages: %s\n" % " ".join(STAGES)


class Running:
    """A stage at work. number names its folder: short, since the paths of sockets are."""

    def __init__(self, nursery, top, name, number):
        self.nursery, self.name = nursery, name
        self.folder = nursery.path(str(number))
        os.mkdir(self.folder, 0o711)
        self.log = os.path.join(top, "build", name + ".log")
        open(self.log, "wb").close()
        self.begin = time.monotonic()
        self.end = self.begin + STAGES[name].seconds
        # -P: the harness of the tree, whatever the working directory holds
        self.process = nursery.spawn(
            [sys.executable, "-B", "-P", "-m", "harness.stages", top, name, self.folder],
            log=self.log, environment=dict(os.environ, TMPDIR=self.folder))
        self.handle = os.pidfd_open(self.process.pid)

    def finish(self):
        """Ends it where it still runs; returns (passed, failed, skipped, times of its tests)."""
        late = self.process.poll() is None
        self.nursery.stop(self.process, signal.SIGTERM, STOP_SECONDS)
        os.close(self.handle)
        told = self._told()
        if late:
            told["failed"] = max(1, told["failed"])
            told["note"] = "took longer than its %d seconds" % STAGES[self.name].seconds
        self._show(told)
        return told["passed"], told["failed"], told["skipped"], told.get("times", [])

    def _told(self):
        try:
            with open(os.path.join(self.folder, "result"), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {"passed": 0, "failed": 1, "skipped": 0, "seconds": 0,
                    "note": "ended without a result"}

    def _show(self, told):
        took = time.monotonic() - self.begin
        say("%-9s %5d passed %3d failed %3d skipped %3d:%02d min (CPU %d s)  %s" % (
            self.name, told["passed"], told["failed"], told["skipped"], took // 60, took % 60,
            told["seconds"], told["note"]))
        with open(self.log, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        if told["failed"] or STAGES[self.name].shown:
            say("\n".join("  " + line for line in lines[-SHOWN:]))
        elif told["skipped"]:
            say("\n".join("  " + line for line in lines if line.startswith("SKIP ")))


def run(nursery, top, names):
    """The sums (passed, failed, skipped, times of tests) of all stages."""
    waiting, running, results = list(names), [], [(0, 0, 0, [])]
    number = 0
    while waiting or running:
        while waiting and len(running) < min(2, os.cpu_count() or 1):
            number += 1
            say("%-9s begun: %s" % (waiting[0], STAGES[waiting[0]].what))
            running.append(Running(nursery, top, waiting.pop(0), number))
        first = min(each.end for each in running)
        ended, _, _ = select.select([each.handle for each in running], [], [],
                                    max(0, first - time.monotonic()))
        for each in [each for each in running
                     if each.handle in ended or each.end <= time.monotonic()]:
            running.remove(each)
            results.append(each.finish())
    passed, failed, skipped, times = zip(*results)
    return sum(passed), sum(failed), sum(skipped), sum(times, [])


def show_slowest(times):
    """By the clock; what is far more than the processors' share of it was spent waiting."""
    for wall, processor, test in sorted(times, reverse=True)[:SLOWEST]:
        say("%6.1f s (CPU %5.1f s)  %s" % (wall, processor, test))


def choose(words):
    """The stages that the words of the command line ask for; None where they ask for none."""
    if not words:
        return SOME
    if words == ("--all",):
        # Thorough: each of the crash tests' kills has 20,000 rows of its own.
        os.environ["BATCHLOAD_ALL"] = "1"
        return WHOLE
    if words == ("--coverage",):
        return ["coverage"]
    return list(words) if all(word in STAGES for word in words) else None


def main(top, *words):
    names = choose(words)
    if names is None:
        sys.stderr.write(USAGE)
        return 64
    handle_signals()
    begin = time.monotonic()
    nursery = Nursery("bc.")
    try:
        with take_lock(top):
            # Once, before several look at what it makes.
            Build(nursery, top, "check-bootstrap", []).bootstrap()
            passed, failed, skipped, times = run(nursery, top, names)
        show_slowest(times)
    except HarnessError as error:
        say("FAIL", error)
        passed, failed, skipped = 0, 1, 0
    finally:
        nursery.close()
    took = time.monotonic() - begin
    say("%d:%02d min" % (took // 60, took % 60))
    say("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
