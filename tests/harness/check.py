# SPDX-License-Identifier: MIT
"""scripts/check: one gcc build with sanitizers and every test, one clang build for its warnings;
with --all clang-tidy, ThreadSanitizer and a while of each fuzzer too, which takes minutes. With
--coverage, instead of all that, what the unit tests reach."""

import glob
import os
import re
import sys

from .build import Build
from .process import HarnessError, Nursery, handle_signals


def say(*words):
    print(*words, flush=True)


def stem(test):
    """The driver's files of a test lack its extension."""
    return test[:-3] if test.endswith(".py") else test


def count(folder, tests):
    """(passed, failed, skipped, lines about what failed) from what the TAP driver left."""
    passed = failed = skipped = 0
    told = []
    for test in tests:
        try:
            with open(os.path.join(folder, stem(test) + ".trs"), encoding="utf-8",
                      errors="replace") as file:
                results = re.findall(r"^:test-result: (\w+) ?(.*)$", file.read(), re.M)
        except FileNotFoundError:
            results = [("ERROR", "was not run")]
        for result, name in results or [("ERROR", "made no test")]:
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


def forget(build, tests):
    for test in tests:
        for end in (".trs", ".log"):
            try:
                os.unlink(os.path.join(build.folder, stem(test) + end))
            except FileNotFoundError:
                pass


def show_failed(build, told):
    shown = set()
    for line in told:
        kind, test = line.split()[:2]
        if kind == "SKIP" or test in shown:
            continue
        shown.add(test)
        try:
            with open(os.path.join(build.folder, stem(test) + ".log"), encoding="utf-8",
                      errors="replace") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            continue
        say("--- %s.log, its end" % test)
        say("\n".join(lines[-60:]))


def run_tests(nursery, build, tests, *chosen, **variables):
    forget(build, tests)
    # Folders of tests that are ended by force go with ours.
    environment = dict(os.environ, TMPDIR=nursery.folder, **variables)
    log = os.path.join(build.folder, "check.log")
    open(log, "wb").close()
    build.make("-k", "check", *chosen, check=False, environment=environment, log=log)
    passed, failed, skipped, told = count(build.folder, tests)
    show_failed(build, told)
    say("\n".join(told))
    return passed, failed, skipped


def test_build(nursery, top):
    build = Build(nursery, top, "check-gcc", [
        "CC=gcc", "--prefix=/usr", "--enable-werror", "--enable-sanitizers=address,undefined"])
    try:
        say("gcc with ASan and UBSan: building")
        try:
            build.prepare()
            build.make("-k")
        except HarnessError as error:
            say("FAIL", error)
            return 0, 1, 0
        tests = build.tests()
        say("gcc with ASan and UBSan: %d test programs" % len(tests))
        return run_tests(nursery, build, tests)
    finally:
        build.release()


# What has threads: the spool, those who work on it, and the milter's callbacks. Memory and times of
# the other tests are not those of such a build.
THREADED = ["test-spool", "test-spool-safety", "test-spool-queue", "test-job", "test-workers",
            "test-session", "tests/e2e_basic.py", "tests/e2e_threads.py"]


def thread_build(nursery, top):
    build = Build(nursery, top, "check-tsan", [
        "CC=gcc", "--prefix=/usr", "--enable-werror", "--enable-sanitizers=thread"])
    try:
        say("ThreadSanitizer: building")
        try:
            build.prepare()
            build.make("-k")
        except HarnessError as error:
            say("FAIL", error)
            return 0, 1, 0
        say("ThreadSanitizer: %d test programs" % len(THREADED))
        # The daemon has no place of its own for what the sanitizer says.
        place = os.path.join(nursery.folder, "tsan")
        passed, failed, skipped = run_tests(
            nursery, build, THREADED, "TESTS=" + " ".join(THREADED),
            TSAN_OPTIONS="log_path=" + place)
        for path in glob.glob(place + ".*"):
            failed += 1
            with open(path, encoding="utf-8", errors="replace") as file:
                say("FAIL ThreadSanitizer:\n" + file.read()[:6000])
        return passed, failed, skipped
    finally:
        build.release()


FUZZ_SECONDS = 15


def fuzz_build(nursery, top):
    build = Build(nursery, top, "check-fuzz", [
        "CC=clang", "--prefix=/usr", "--enable-fuzzers", "--enable-sanitizers=address,undefined"])
    try:
        say("fuzzers: building")
        seeds = fuzz_seeds(top)
        try:
            build.prepare()
            build.make("-k", *["fuzz-" + name for name in seeds])
        except HarnessError as error:
            say("FAIL", error)
            return 0, 1, 0
        failed = 0
        environment = dict(os.environ, LSAN_OPTIONS="suppressions=%s/tests/lsan.supp" % top)
        for name, folder in sorted(seeds.items()):
            log = os.path.join(build.folder, "fuzz-%s.log" % name)
            corpus = nursery.path("corpus-" + name)
            os.mkdir(corpus)
            if build.step("./fuzz-" + name, "-max_total_time=%d" % FUZZ_SECONDS, "-timeout=20",
                          "-artifact_prefix=crash-%s-" % name, corpus, folder, log=log,
                          check=False, environment=environment):
                failed += 1
                with open(log, encoding="utf-8", errors="replace") as file:
                    say("FAIL fuzz-%s, its end:\n%s" % (name, file.read()[-4000:]))
        say("fuzzers: %d of %d found nothing" % (len(seeds) - failed, len(seeds)))
        return len(seeds) - failed, failed, 0
    finally:
        build.release()


def fuzz_seeds(top):
    """{fuzzer: the folder of its seeds}, as the makefiles have them."""
    found = {}
    for path in glob.glob(os.path.join(top, "*", "local.mk")):
        with open(path, encoding="utf-8") as file:
            for name, folder in re.findall(r'^seeds_(\w+)_CPPFLAGS = .*-DSEEDS=\\"(.*)\\"$',
                                           file.read(), re.M):
                found[name] = os.path.join(top, folder)
    return found


def coverage_build(nursery, top):
    """What the unit tests and the seeds reach, by gcov; a daemon that ends by force and a child that
    may open no file leave nothing to count."""
    build = Build(nursery, top, "check-coverage", [
        "CC=gcc", "--prefix=/usr", "--disable-hardening", "CFLAGS=-O0 -g --coverage"])
    try:
        say("coverage: building")
        build.prepare()
        build.make("-k")
        for path in glob.glob(os.path.join(build.folder, "*", "*.gcda")):
            os.unlink(path)
        tests = [test for test in build.tests() if not test.endswith(".py")]
        result = run_tests(nursery, build, tests, "TESTS=" + " ".join(tests))
        told = os.path.join(build.folder, "gcov.log")
        open(told, "wb").close()
        data = sorted(glob.glob(os.path.join(build.folder, "*", "*.gcda")))
        build.step("gcov", "-n", "-r", "-s", top, *data, log=told)
        with open(told, encoding="utf-8") as file:
            show_coverage(file.read())
        return result
    except HarnessError as error:
        say("FAIL coverage:", error)
        return 0, 1, 0
    finally:
        build.release()


def show_coverage(text):
    best = {}
    for path, share, lines in re.findall(
            r"^File '([^']+)'\nLines executed:([\d.]+)% of (\d+)$", text, re.M):
        if re.fullmatch(r"(lib|policy|milter|cli)/(?!test-|fuzz-)(?!.*-fixture)[^/]+\.c", path):
            best[path] = max(best.get(path, (0.0, 0)), (float(share), int(lines)))
    say("%-28s %7s %8s" % ("file", "lines", "reached"))
    for path, (share, lines) in sorted(best.items()):
        say("%-28s %7d %7.1f%%" % (path, lines, share))
    lines = sum(each[1] for each in best.values())
    reached = sum(each[0] * each[1] for each in best.values())
    say("%-28s %7d %7.1f%%" % ("all", lines, reached / max(lines, 1)))


def clang_build(nursery, top, tidy):
    build = Build(nursery, top, "check-clang",
                  ["CC=clang", "--prefix=/usr", "--enable-werror"])
    try:
        say("clang: building")
        build.prepare()
        build.make("-k")
        build.make("-k", "check", "TESTS=")
        say("clang: no warnings")
        if tidy:
            say("clang-tidy: looking")
            build.make("-s", "tidy")
            say("clang-tidy: no findings")
        return 1 + tidy, 0, 0
    except HarnessError as error:
        say("FAIL clang:", error)
        return 0, 1, 0
    finally:
        build.release()


def main(top, *words):
    if words not in ((), ("--all",), ("--coverage",)):
        sys.stderr.write("usage: scripts/check [--all | --coverage]\n")
        return 64
    whole = words == ("--all",)
    if whole:
        os.environ["BATCHLOAD_ALL"] = "1"
    handle_signals()
    nursery = Nursery("bc.")
    try:
        # The tests' own users come by here.
        os.chmod(nursery.folder, 0o1777)
        if words == ("--coverage",):
            results = [coverage_build(nursery, top)]
        else:
            results = [test_build(nursery, top), clang_build(nursery, top, whole)]
        if whole:
            results += [thread_build(nursery, top), fuzz_build(nursery, top)]
    finally:
        nursery.close()
    passed, failed, skipped = map(sum, zip(*results))
    if skipped:
        say("%d skipped" % skipped)
    say("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
