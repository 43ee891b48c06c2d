# SPDX-License-Identifier: MIT
"""The stages of scripts/check. Each has a build folder of its own below build/ and is a process of
its own: python3 -m harness.stages TOP NAME FOLDER. FOLDER takes its result and all that is
temporary."""

import collections
import glob
import json
import os
import re
import resource
import subprocess
import sys
import time

from .build import Build
from .process import HarnessError, Nursery, descendants, handle_signals, run

# function(Stage): fills in what it found. seconds: its bound. shown: its words are told even where
# nothing failed.
Kind = collections.namedtuple("Kind", "function seconds what shown", defaults=(False,))


def say(*words):
    print(*words, flush=True)


class Stage:
    """What a stage works with, and what it found."""

    def __init__(self, top, name, folder):
        self.top, self.name = top, name
        self.passed = self.failed = self.skipped = 0
        self.note = ""
        self.times = []  # (seconds by the clock, of processors, test)
        self.nursery = Nursery("s.")
        # Where the tests' own users come by.
        self.temporary = os.path.join(folder, "t")
        os.mkdir(self.temporary)
        os.chmod(self.temporary, 0o1777)
        os.chmod(self.nursery.folder, 0o1777)

    def build(self, *configure):
        build = Build(self.nursery, self.top, "check-" + self.name, list(configure))
        build.prepare()
        return build

    def environment(self, **variables):
        return dict(os.environ, TMPDIR=self.temporary, **variables)

    def fail(self, *words):
        self.failed += 1
        say("FAIL", *words)

    def check_left(self):
        """Whatever tests do, also those that fail: no folder and no process of theirs stays."""
        left = sorted(os.listdir(self.temporary))
        if left:
            self.fail("left behind in the temporary folder:", " ".join(left))
        for pid in descendants({self.nursery._guard.pid}):
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as file:
                    words = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if words:
                self.fail("a process was left behind:", words)

    def write(self, folder):
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(os.path.join(folder, "result"), "w", encoding="utf-8") as file:
            json.dump({"passed": self.passed, "failed": self.failed, "skipped": self.skipped,
                       "note": self.note, "seconds": used.ru_utime + used.ru_stime,
                       "times": self.times}, file)


# --- tests and what they said ---

def stem(test):
    """The driver's files of a test lack its extension."""
    return test[:-3] if test.endswith(".py") else test


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def count(folder, tests):
    """(passed, failed, skipped, lines about what failed) from what the TAP driver left."""
    passed = failed = skipped = 0
    told = []
    for test in tests:
        results = re.findall(r"^:test-result: (\w+) ?(.*)$",
                             read(os.path.join(folder, stem(test) + ".trs")), re.M)
        for result, name in results or [("ERROR", "was not run, or made no test")]:
            if result in ("PASS", "XFAIL"):
                passed += 1
            elif result == "SKIP" and "missing" not in name.lower():
                skipped += 1
                told.append("SKIP %s %s" % (test, name))
            else:
                # A test that can't be made because a package is missing has failed.
                failed += 1
                told.append("%s %s %s" % (result, test, name))
    return passed, failed, skipped, told


def times(folder, tests):
    """What tests/timed.sh measured."""
    for test in tests:
        found = re.search(r"^:seconds: (\S+) (\S+)$", read(os.path.join(folder, stem(test) + ".trs")),
                          re.M)
        if found:
            yield float(found[1]), float(found[2]), test


def show_failed(folder, told):
    for test in sorted({line.split()[1] for line in told if not line.startswith("SKIP ")}):
        lines = read(os.path.join(folder, stem(test) + ".log")).splitlines()
        say("--- %s.log, its end" % test)
        say("\n".join(lines[-60:]))
    say("\n".join(told))


# Test programs at a time: most wait for servers and syncs more than they work.
JOBS = max(2, 5 * (os.cpu_count() or 2) // 2)


def jobs():
    """With --all another stage runs beside them."""
    return max(2, JOBS * 3 // 5) if os.environ.get("BATCHLOAD_ALL") else JOBS


# Those that take longest begin first, so that none of them is left alone at the end; what scripts/check
# tells in its last lines says which they are.
LONG = ["tests/e2e_lost.py", "tests/e2e_389.py", "test-atomic", "test-atomic-inside",
        "tests/e2e_crash.py", "tests/e2e_sites.py", "tests/e2e_completion.py",
        "tests/e2e_reload.py", "tests/e2e_sweep.py", "test-spool-safety", "tests/e2e_cli.py",
        "tests/e2e_bench.py", "tests/e2e_core.py", "tests/e2e_again.py", "tests/e2e_doctor.py",
        "tests/e2e_flood.py", "tests/e2e_secrets.py", "tests/e2e_messages.py", "test-request"]


def run_tests(stage, build, tests, seconds=1800, **variables):
    for test in tests:
        for end in (".trs", ".log"):
            try:
                os.unlink(os.path.join(build.folder, stem(test) + end))
            except FileNotFoundError:
                pass
    tests = [test for test in LONG if test in tests] + [test for test in tests if test not in LONG]
    build.make("-k", "check", "TESTS=" + " ".join(tests), check=False, jobs=jobs(),
               environment=stage.environment(**variables), seconds=seconds,
               log=os.path.join(build.folder, "check.log"))
    passed, failed, skipped, told = count(build.folder, tests)
    stage.passed += passed
    stage.failed += failed
    stage.skipped += skipped
    stage.times += times(build.folder, tests)
    show_failed(build.folder, told)
    stage.check_left()


# --- the stages ---

def test_stage(stage):
    begin = time.monotonic()
    build = stage.build("CC=gcc", "--prefix=/usr", "--enable-werror",
                        "--enable-sanitizers=address,undefined")
    build.make("-k")
    build.make("-k", "check", "TESTS=")
    tests = build.tests()
    took = time.monotonic() - begin
    stage.note = "%d test programs, built in %d:%02d min" % (len(tests), took // 60, took % 60)
    run_tests(stage, build, tests)


# What is not the same with a sanitizer.
PLAIN = ["tests/hardened.py", "tests/e2e_core.py", "tests/cost.py", "test-request", "test-confine"]


def clang_stage(stage):
    # Valgrind does not read what clang writes of itself.
    build = stage.build("CC=clang", "--prefix=/usr", "--enable-werror", "CFLAGS=-O2 -gdwarf-4")
    build.make("-k")
    build.make("-k", "check", "TESTS=")
    build.make("-k", "bench-programs")
    stage.passed += 1
    stage.note = "no warnings; %d test programs, of what sanitizers change" % len(PLAIN)
    run_tests(stage, build, PLAIN)


def tidy_stage(stage):
    build = stage.build("CC=clang", "--prefix=/usr")
    # Each time all files: what a header has changed is found, too.
    log = os.path.join(build.folder, "tidy.log")
    open(log, "wb").close()
    status = build.make("-s", "tidy", check=False, log=log)
    found = [line for line in read(log).splitlines() if re.search(r": (error|warning): ", line)]
    if status or found:
        stage.fail("clang-tidy, %d findings:\n%s" % (
            len(found), "\n".join(found) or read(log)[-4000:]))
    else:
        stage.passed += 1
        stage.note = "no findings"


SOAK_SECONDS = 8 * 3600  # three times what it takes on two slow processors


def soak_stage(stage):
    build = stage.build("CC=gcc", "--prefix=/usr", "--enable-werror",
                        "--enable-sanitizers=address,undefined")
    build.make("-k")
    stage.note = "each call of the daemon"
    run_tests(stage, build, ["tests/e2e_sweep.py"], SOAK_SECONDS, BATCHLOAD_SOAK="1")
    say("\n".join(re.findall(r"(?m)^(?:ok .*|# \d+ calls.*)$",
                             read(os.path.join(build.folder, "tests/e2e_sweep.log")))))


# What has threads: the spool, those who work on it, and the milter's callbacks. Memory and times of
# the other tests are not those of such a build.
THREADED = ["test-spool", "test-spool-safety", "test-spool-queue", "test-job",
            "test-job-response", "test-submit", "test-workers", "test-session",
            "tests/e2e_basic.py", "tests/e2e_threads.py"]


def thread_stage(stage):
    build = stage.build("CC=gcc", "--prefix=/usr", "--enable-werror",
                        "--enable-sanitizers=thread")
    build.make("-k")
    stage.note = "%d test programs" % len(THREADED)
    # The daemon has no place of its own for what the sanitizer says.
    place = stage.nursery.path("tsan")
    run_tests(stage, build, THREADED, TSAN_OPTIONS="log_path=" + place)
    for path in glob.glob(place + ".*"):
        stage.fail("ThreadSanitizer:\n" + read(path)[:6000])


FUZZ_SECONDS = 10


def fuzz_stage(stage):
    build = stage.build("CC=clang", "--prefix=/usr", "--enable-fuzzers",
                        "--enable-sanitizers=address,undefined")
    seeds = fuzz_seeds(stage.top)
    build.make("-k", *["fuzz-" + name for name in seeds])
    stage.note = "%d fuzzers, %d s each" % (len(seeds), FUZZ_SECONDS)
    environment = stage.environment(
        LSAN_OPTIONS="suppressions=%s/tests/lsan.supp" % stage.top,
        # As in the tests: what a library calls critical is an error of ours.
        G_DEBUG="fatal-criticals")
    for name, folder in sorted(seeds.items()):
        log = os.path.join(build.folder, "fuzz-%s.log" % name)
        open(log, "wb").close()
        corpus = stage.nursery.path("corpus-" + name)
        os.mkdir(corpus)
        if build.step("./fuzz-" + name, "-max_total_time=%d" % FUZZ_SECONDS, "-timeout=20",
                      "-artifact_prefix=crash-%s-" % name, corpus, folder, log=log,
                      check=False, environment=environment):
            stage.fail("fuzz-%s, its end:\n%s" % (name, read(log)[-4000:]))
        else:
            stage.passed += 1


def fuzz_seeds(top):
    """{fuzzer: the folder of its seeds}, as the makefiles have them."""
    found = {}
    for path in glob.glob(os.path.join(top, "*", "local.mk")):
        for name, folder in re.findall(r'^seeds_(\w+)_CPPFLAGS = .*-DSEEDS=\\"(.*)\\"$',
                                       read(path), re.M):
            found[name] = os.path.join(top, folder)
    return found


def coverage_stage(stage):
    """What the unit tests and the seeds reach, by gcov; a daemon that ends by force and a child that
    may open no file leave nothing to count."""
    build = stage.build("CC=gcc", "--prefix=/usr", "--disable-hardening",
                        "CFLAGS=-O0 -g --coverage")
    build.make("-k")
    for path in glob.glob(os.path.join(build.folder, "*", "*.gcda")):
        os.unlink(path)
    run_tests(stage, build, [test for test in build.tests() if not test.endswith((".py", TWICE))])
    told = os.path.join(build.folder, "gcov.log")
    open(told, "wb").close()
    data = sorted(glob.glob(os.path.join(build.folder, "*", "*.gcda")))
    build.step("gcov", "-n", "-r", "-s", stage.top, *data, log=told)
    stage.note = tell_coverage(read(told))


def tell_coverage(text):
    best = {}
    for path, share, lines in re.findall(
            r"^File '([^']+)'\nLines executed:([\d.]+)% of (\d+)$", text, re.M):
        if re.fullmatch(r"(lib|policy|milter|cli)/(?!test-|fuzz-)(?!.*-fixture)[^/]+\.c", path):
            best[path] = max(best.get(path, (0.0, 0)), (float(share), int(lines)))
    say("%-28s %7s %8s" % ("file", "lines", "reached"))
    for path, (share, lines) in sorted(best.items()):
        say("%-28s %7d %7.1f%%" % (path, lines, share))
    lines = sum(each[1] for each in best.values())
    reached = sum(each[0] * each[1] for each in best.values()) / max(lines, 1)
    say("%-28s %7d %7.1f%%" % ("all", lines, reached))
    return "unit tests reach %.1f%% of %d lines" % (reached, lines)


BREAKING = ["tests/e2e_sweep.py", "tests/e2e_crash.py", "tests/e2e_lost.py", "tests/e2e_turns.py",
            "tests/e2e_threads.py", "tests/e2e_handover.py", "tests/e2e_again.py",
            "tests/e2e_389.py", "test-atomic"]
TWICE = "-inside"  # how the programs end that are others, with conditions inside of the changes


def dist_stage(stage):
    """The archive has all that building, testing, installing and uninstalling need. What breaks
    servers again and again needs nothing of its own."""
    build = stage.build("CC=gcc", "--prefix=/usr")
    tests = [test for test in build.tests() if test not in BREAKING and not test.endswith(TWICE)]
    log = os.path.join(build.folder, "distcheck.log")
    open(log, "wb").close()
    environment = stage.environment()
    environment.pop("BATCHLOAD_ALL", None)
    status = build.make("distcheck", "TESTS=" + " ".join(tests), check=False, log=log,
                        environment=environment)
    text = read(log)
    for word, number in re.findall(r"^# (PASS|SKIP): +(\d+)$", text, re.M):
        if word == "PASS":
            stage.passed += int(number)
        else:
            stage.skipped += int(number)
    stage.check_left()
    check_archive(stage, build)
    if not status:
        stage.passed += 1
        return
    # First which: a build machine may show no more than the beginning.
    stage.fail("\n".join(["make distcheck:", *re.findall(r"(?m)^(?:FAIL|ERROR|XPASS): .*$", text),
                          "its end:", text[-4000:]]))
    for path in glob.glob(os.path.join(build.folder, "batchload-*", "_build", "sub", "*",
                                       "*.log")) + glob.glob(os.path.join(
                                           build.folder, "batchload-*", "_build", "sub", "*.log")):
        if re.search(r"^(not ok|Bail out!|ERROR:)", read(path), re.M):
            say("--- %s, its end\n%s" % (os.path.basename(path),
                                         "\n".join(read(path).splitlines()[-60:])))


def check_archive(stage, build):
    """What git knows is in the archive."""
    if not os.path.exists(os.path.join(stage.top, ".git")):
        return
    known = set(run(["git", "-C", stage.top, "ls-files"]).stdout.decode().split("\n")) - {""}
    archives = glob.glob(os.path.join(build.folder, "batchload-*.tar.xz"))
    if len(archives) != 1:
        stage.fail("%d archives, wanted one" % len(archives))
        return
    packed = {name.partition("/")[2]
              for name in run(["tar", "tf", archives[0]]).stdout.decode().split("\n")}
    missing = sorted(known - packed)
    if missing:
        stage.fail("not in the archive: " + " ".join(missing))


STAGES = {
    "tests": Kind(test_stage, 2700, "gcc with ASan and UBSan, every test"),
    "clang": Kind(clang_stage, 900, "clang builds without a warning, and without sanitizers"),
    "tidy": Kind(tidy_stage, 900, "clang-tidy"),
    "threads": Kind(thread_stage, 900, "ThreadSanitizer, what has threads"),
    "fuzz": Kind(fuzz_stage, 600, "each fuzzer for a while"),
    "coverage": Kind(coverage_stage, 600, "what the unit tests reach"),
    "dist": Kind(dist_stage, 1200, "make distcheck"),
    "soak": Kind(soak_stage, SOAK_SECONDS + 1200, "every call of the daemon fails once", True),
}


def main(top, name, folder):
    handle_signals()
    stage = Stage(top, name, folder)
    try:
        STAGES[name].function(stage)
    except (HarnessError, OSError, subprocess.SubprocessError) as error:
        stage.fail(error)
    finally:
        stage.nursery.close()
    stage.write(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
