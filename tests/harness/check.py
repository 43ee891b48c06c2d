# SPDX-License-Identifier: MIT
"""scripts/check: one gcc build with sanitizers and every test, one clang build for its warnings;
with --all, clang-tidy too, which takes minutes."""

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
        forget(build, tests)
        # Folders of tests that are ended by force go with ours.
        environment = dict(os.environ, TMPDIR=nursery.folder)
        log = os.path.join(build.folder, "check.log")
        open(log, "wb").close()
        say("gcc with ASan and UBSan: %d test programs" % len(tests))
        build.make("-k", "check", check=False, environment=environment, log=log)
        passed, failed, skipped, told = count(build.folder, tests)
        show_failed(build, told)
        say("\n".join(told))
        return passed, failed, skipped
    finally:
        build.release()


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
    if words not in ((), ("--all",)):
        sys.stderr.write("usage: scripts/check [--all]\n")
        return 64
    if words:
        os.environ["BATCHLOAD_ALL"] = "1"
    handle_signals()
    nursery = Nursery("bc.")
    try:
        # The tests' own users come by here.
        os.chmod(nursery.folder, 0o1777)
        results = [test_build(nursery, top), clang_build(nursery, top, bool(words))]
    finally:
        nursery.close()
    passed, failed, skipped = map(sum, zip(*results))
    if skipped:
        say("%d skipped" % skipped)
    say("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
