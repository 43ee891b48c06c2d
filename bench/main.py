# SPDX-License-Identifier: MIT
"""Benches: what batchload takes, side by side with a peer in the same run. See bench/README.md.

    make bench [BENCH='NAME... OPTIONS']     in a build folder
    scripts/bench [NAME...] [OPTIONS]        on a fresh machine
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, os.pardir, "tests")]
sys.dont_write_bytecode = True

from harness import HarnessError, handle_signals  # noqa: E402
import beside  # noqa: E402
import flow  # noqa: E402
import load  # noqa: E402
import loops  # noqa: E402
import memory  # noqa: E402
import rows  # noqa: E402
from session import Session, refusal  # noqa: E402

# Those of one place stand together.
BENCHES = sorted(load.BENCHES + beside.BENCHES + flow.BENCHES + memory.BENCHES + rows.BENCHES
                 + loops.BENCHES,
                 key=lambda bench: bench.place or "")


def options():
    parser = argparse.ArgumentParser(
        prog="bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures batchload beside its peers; without names all of it.",
        epilog="benches:\n" + "\n".join(
            "  %-22s %s" % (bench.name, bench.what) for bench in BENCHES))
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="a bench, or what several names begin with")
    parser.add_argument("--scale", type=float, default=1.0, metavar="X",
                        help="X times as many rows and mails: 0.05 is a quick run")
    parser.add_argument("--rounds", type=int, default=5, metavar="N",
                        help="rounds, each with the peer in turn (5)")
    parser.add_argument("--strict", action="store_true",
                        help="exit status 2 where a figure is missed")
    parser.add_argument("--json", metavar="FILE", help="figures (BUILD/bench.json)")
    parser.add_argument("--synced", metavar="FOLDER", help="on the disk to measure (/var/tmp)")
    parser.add_argument("--tmpfs", metavar="FOLDER", help="a tmpfs (/dev/shm)")
    parser.add_argument("--perf", metavar="FOLDER",
                        help="perf(1) records the daemon's work there, too: the figures are "
                        "worth less then")
    parser.add_argument("--build", default=os.getcwd(), metavar="FOLDER", help="the build folder")
    parser.add_argument("--smoke", metavar="FOLDER",
                        help="any build, and everything in this folder: for tests of the benches")
    return parser


def choose(names):
    """The benches that are meant; None with the first name that means none."""
    for name in names:
        if not any(bench.name.startswith(name) for bench in BENCHES):
            return None, name
    return [bench for bench in BENCHES
            if not names or any(bench.name.startswith(name) for name in names)], None


def main():
    parser = options()
    chosen = parser.parse_args()
    chosen.build = os.path.abspath(chosen.build)
    chosen.json = os.path.abspath(chosen.json or os.path.join(chosen.build, "bench.json"))
    benches, unknown = choose(chosen.names)
    if unknown:
        parser.error("there is no bench %s" % unknown)
    if chosen.rounds < 1 or not 0 < chosen.scale <= 100:
        parser.error("rounds are 1 or more, the scale is above 0")
    handle_signals()
    try:
        why = refusal(chosen.build)
        if why and not chosen.smoke:
            raise HarnessError(
                "figures of %s are worth nothing, for %s. Configure another build folder "
                "with CFLAGS='-O2 -g' and without --enable-sanitizers, or run scripts/bench" % (
                    chosen.build, why))
        session = Session(chosen.build, os.path.dirname(HERE), chosen)
        try:
            for bench in benches:
                session.run(bench)
        finally:
            session.leave_ground()
    except HarnessError as error:
        sys.stderr.write("bench: %s\n" % error)
        return 1
    return conclude(session)


def conclude(session):
    missed, failed = session.missed(), session.failed()
    session.say("\nfigures: " + session.options.json)
    for line in missed:
        session.say("MISSED " + line)
    for name in failed:
        session.say("FAILED to run: " + name)
    if not missed and not failed:
        session.say("no figure is missed")
    return 1 if failed else 2 if missed and session.options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
