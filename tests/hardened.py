# SPDX-License-Identifier: MIT
"""The programs that are installed keep the flags that make an attack harder: read from the files, as
built."""

import os
import re
import shutil

import tap
from harness import MissingError, run

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("top_builddir", TOP)
INSTALLED = ("bin_PROGRAMS", "sbin_PROGRAMS", "pkglibexec_PROGRAMS")


class Programs:
    """{name: what readelf tells of it}"""

    def __init__(self):
        if not shutil.which("readelf"):
            raise MissingError("missing package: binutils")
        with open(os.path.join(BUILD, "Makefile"), encoding="utf-8") as file:
            text = file.read().replace("\\\n", " ")
        self.settings = dict(re.findall(r"(?m)^(\w+) = *(.*)$", text))
        names = " ".join(self.settings[name] for name in INSTALLED).replace("$(EXEEXT)", "")
        self.told = {name: run(["readelf", "-W", "-h", "-l", "-d", "-s",
                                os.path.join(BUILD, name)]).stdout.decode()
                     for name in names.split()}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def need_hardening(self):
        if not self.settings["HARDEN_CFLAGS"]:
            tap.skip("this build was told --disable-hardening")

    def each(self, question, what):
        """A failure names the programs that lack it."""
        tap.equal([name for name, told in self.told.items() if not question(told)], [],
                  "without " + what)


@tap.test("six programs are installed: the daemon, the policy service, what runs add-ons, the command, "
          "that of older systems' commands, and the helper")
def names(programs):
    tap.equal(sorted(programs.told), ["batchload", "batchload-door", "batchload-follow",
                                      "batchload-milter",
                                      "batchload-parse", "batchload-policy"], "programs")


@tap.test("they lie at another address each time (PIE)")
def pie(programs):
    programs.need_hardening()
    programs.each(lambda told: re.search(r"Type: +DYN ", told) and "(INTERP)" not in told and
                  re.search(r"\(FLAGS_1\) +Flags:.* PIE", told), "PIE")


@tap.test("tables of functions are read-only, all bound at the start (full RELRO)")
def relro(programs):
    programs.need_hardening()
    programs.each(lambda told: "GNU_RELRO" in told, "RELRO")
    programs.each(lambda told: re.search(r"\(FLAGS\) +BIND_NOW", told) and
                  re.search(r"\(FLAGS_1\) +Flags:.*NOW", told), "BIND_NOW")
    programs.each(lambda told: "(TEXTREL)" not in told, "read-only code")


@tap.test("overwritten stacks are found (stack protector), and are never run")
def stack(programs):
    programs.need_hardening()
    programs.each(lambda told: "__stack_chk_fail@" in told, "stack protector")
    programs.each(lambda told: re.search(r"GNU_STACK .* RW +0x", told), "a stack that is not run")


@tap.test("buffers of known size are not overrun by the C library's functions (FORTIFY)")
def fortify(programs):
    programs.need_hardening()
    if programs.settings["SANITIZE"]:
        tap.skip("this build has a sanitizer instead, which goes with no FORTIFY")
    if "-O0" in programs.settings["CFLAGS"] or "-O" not in programs.settings["CFLAGS"]:
        tap.skip("this build is not optimised, and FORTIFY needs that")
    tap.contains(programs.settings["HARDEN_CFLAGS"], "-D_FORTIFY_SOURCE=", "flags")
    # The helper calls no function that has a checked form.
    lacking = [name for name, told in programs.told.items()
               if not re.search(r"UND __(?!stack)\w+_chk@GLIBC", told)]
    tap.equal([name for name in lacking if name != "batchload-parse"], [], "without FORTIFY")


@tap.test("libraries are taken from the system's folders only (no RPATH)")
def rpath(programs):
    programs.each(lambda told: not re.search(r"\((RPATH|RUNPATH)\)", told), "a clean path")


@tap.test("daemon and policy service have a free() and realloc() of their own, which wipe")
def wipes(programs):
    if programs.settings["SANITIZE"]:
        tap.skip("this build has a sanitizer, which brings its own")
    for program in ("batchload-milter", "batchload-policy", "batchload-follow"):
        for name in ("free", "realloc"):
            tap.equal(bool(re.search(r"FUNC +GLOBAL +DEFAULT +\d+ %s$" % name,
                                     programs.told[program], re.M)), True, name)


if __name__ == "__main__":
    tap.main(Programs)
