# SPDX-License-Identifier: MIT
"""What a row costs, in instructions, so that a change that makes it dearer is seen: counted by
callgrind, which no load of the machine changes. In an optimised build without sanitizers."""

import os
import re

import tap
from harness import Nursery, run, which

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir", TOP)
HEAD = "DOMAIN;USER;TYPE;ACTION;PASSWORD;GIVENNAME;SURNAME\r\n"
HASH = "{SSHA512}" + "ab1/" * 24
READ = 10000

# Instructions a row, with gcc -O2; half as many again are too many. Who makes a row cheaper writes it
# down here.
CLEAR, HASHED = 11300, 20800
KINDS = [("add", 10000, 246000), ("modify", 1000, 268000), ("delete", 1000, 214000),
         ("list-make", 1000, 279000)]
MORE = 1.5


class Cost:
    def __init__(self):
        with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as file:
            self.settings = dict(re.findall(r"(?m)^(\w+) =[ \t]*(.*)$", file.read()))
        self.nursery = Nursery("c.")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.nursery.close()

    def count(self, known, rows, *command):
        """What a program takes between COUNT_BEGIN and COUNT_END (bench/counted.h)."""
        if self.settings["SANITIZE"]:
            tap.skip("this build has a sanitizer, which would be counted")
        if not re.search(r"-O[2s3]", self.settings["CFLAGS"]):
            tap.skip("this build is not optimised")
        out = self.nursery.path("callgrind")
        run([which("valgrind"), "--tool=callgrind", "--callgrind-out-file=" + out,
             "--instr-atstart=no", os.path.join(BUILD, command[0]), *command[1:]],
            seconds=900, environment={**os.environ, "G_TEST_SRCDIR": TOP, "G_TEST_BUILDDIR": BUILD,
                                      "TMPDIR": self.nursery.folder})
        with open(out, encoding="utf-8") as file:
            found = int(re.search(r"(?m)^totals: (\d+)", file.read()).group(1)) / rows
        tap.say("%.0f instructions a row, known %d, at most %d" % (found, known, known * MORE))
        if not known / 10 < found <= known * MORE:
            raise AssertionError("%.0f instructions a row, wanted at most %d" % (found,
                                                                                 known * MORE))

    def read(self, known, password):
        path = self.nursery.path("rows.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEAD)
            for n in range(READ):
                file.write("one.example;user%d;FULL;ADD;%s;Jane;Doe\r\n" % (n, password(n)))
        self.count(known, READ, "bench-rows", path)


@tap.test("rows are read and checked, with passwords in clear", 1000)
def clear(cost):
    cost.read(CLEAR, lambda n: "clear words %d" % n)


@tap.test("rows are read and checked, with hashed passwords", 1000)
def hashed(cost):
    cost.read(HASHED, lambda n: HASH)


@tap.table([("from the stored mail to the response: %s, %d rows" % (kind, rows), kind, rows, known)
            for kind, rows, known in KINDS], 1000)
def request(cost, kind, rows, known):
    cost.count(known, rows, "bench-job", kind, str(rows))


if __name__ == "__main__":
    tap.main(Cost)
