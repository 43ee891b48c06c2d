# SPDX-License-Identifier: MIT
"""A small TAP runner: one World a file, functions in the order in which they stand.

    @tap.test("R2.3 a sender without a grant gets no answer")
    def _(world): ...

    if __name__ == "__main__":
        tap.main(World)

A function that raises has failed. Words on the command line choose tests whose names contain one
of them."""

import os
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True

from harness import HarnessError, MissingError, handle_signals, wait_for  # noqa: E402

SECONDS = 300  # a test may take, unless it says otherwise
_tests = []


class Skip(Exception):
    """This test can't be made here; the reason is told."""


class TooLong(Exception):
    pass


def test(name, seconds=SECONDS):
    def keep(function):
        _tests.append((name, function, seconds))
        return function
    return keep


def table(rows, seconds=SECONDS):
    """One test a row: rows are (name, arguments…); the function gets world and the arguments."""
    def keep(function):
        for name, *arguments in rows:
            _tests.append((name, lambda world, a=arguments: function(world, *a), seconds))
        return function
    return keep


def skip(reason):
    raise Skip(reason)


def equal(got, wanted, what="value"):
    if got != wanted:
        raise AssertionError("%s: got %r, wanted %r" % (what, got, wanted))


def contains(text, wanted, what="text"):
    if wanted not in text:
        raise AssertionError("%s: %r is not in %r" % (what, wanted, text))


def absent(text, unwanted, what="text"):
    if unwanted in text:
        raise AssertionError("%s: %r is there" % (what, unwanted))


def say(*words):
    """A remark: figures, for example."""
    for line in " ".join(str(word) for word in words).splitlines():
        print("# " + line, flush=True)


def _alarm(_number, _frame):
    raise TooLong("the test took too long")


def _clean(name):
    return name.replace("#", "no.").replace("\n", " ")


def _run(number, name, function, seconds, world):
    begin = time.monotonic()
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(seconds)
    try:
        function(world)
    except Skip as reason:
        print("ok %d - %s # SKIP %s" % (number, _clean(name), reason), flush=True)
        return True
    except Exception:  # pylint: disable=broad-except
        signal.alarm(0)
        print("not ok %d - %s" % (number, _clean(name)), flush=True)
        say(traceback.format_exc())
        if world is not None and hasattr(world, "diagnostics"):
            for line in world.diagnostics():
                say(line)
        return False
    finally:
        signal.alarm(0)
    print("ok %d - %s" % (number, _clean(name)), flush=True)
    if time.monotonic() - begin > 5:
        say("%.1f s" % (time.monotonic() - begin))
    return True


def main(factory):
    """factory() gives the world, a context; None for tests without one."""
    handle_signals()
    words = sys.argv[1:]
    tests = [each for each in _tests if not words or any(word in each[0] for word in words)]
    print("1..%d" % len(tests), flush=True)
    begin = time.monotonic()
    try:
        context = factory()
    except MissingError as error:
        for number, (name, _, _) in enumerate(tests, 1):
            print("ok %d - %s # SKIP %s" % (number, _clean(name), error), flush=True)
        sys.exit(0)
    except HarnessError as error:
        say(traceback.format_exc())
        print("Bail out! %s" % str(error).splitlines()[0], flush=True)
        sys.exit(1)
    good = True
    with context as world:
        say("started in %.1f s" % (time.monotonic() - begin))
        for number, (name, function, seconds) in enumerate(tests, 1):
            good = _run(number, name, function, seconds, world) and good
        if os.environ.get("BATCHLOAD_PAUSE"):
            input("# paused: " + world.nursery.folder + " ")
    sys.exit(0 if good else 1)
