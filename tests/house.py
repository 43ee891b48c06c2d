# SPDX-License-Identifier: MIT
"""Rules of the sources that no compiler holds: layout, licence, and which room may know which."""

import os
import re
import shutil
import subprocess

import tap

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("lib", "policy", "milter", "cli", "man", "tests", "bench", "doc", "scripts", ".ci")
FILES = ("configure.ac", "Makefile.am", "README.md", ".clang-format", ".clang-tidy", ".gitignore")
LINES_MAX = 800
TEST_LINES_MAX = 1100

# Which folder's headers a folder's code may include; its tests may include those of tests/ too.
MAY_KNOW = {
    "lib": {"lib"},
    "policy": {"lib", "policy"},
    "milter": {"lib", "policy", "milter"},
    "cli": {"lib", "policy", "cli"},
    "man": {"lib", "policy"},
    "tests": {"lib", "tests"},
    "bench": {"bench", "lib"},
}

# Headers that only these files may include, so that a library stays behind one door.
DOORS = {
    "ldap.h": r"lib/directory[a-z-]*\.[ch]",
    "libmilter/mfapi.h": r"milter/callbacks\.c",
    "gmime/gmime.h": r"(lib/(parse|keyword|response|fuzz-parse)[a-z-]*|"
                     r"milter/(header|mailbox|main|fuzz-header))\.[ch]",
    "sqlite3.h": r"lib/spool-sqlite[a-z-]*\.[ch]",
    "csv.h": r"lib/(table|response)[a-z-]*\.c",
    "confuse.h": r"lib/(conf-file\.h|config\.c|profile-load\.c)",
    "curl/curl.h": r"(lib/submit|milter/main)\.c",
    "seccomp.h": r"lib/confine\.c",
    "crypt.h": r"lib/password\.c",
    "pcre2.h": r"policy/map-pcre\.c",
    "lmdb.h": r"policy/map-lmdb\.c",
}


def sources(*ends):
    for folder in FOLDERS:
        for place, _, names in os.walk(os.path.join(TOP, folder)):
            if os.path.basename(place) == "__pycache__":
                continue
            for name in sorted(names):
                path = os.path.relpath(os.path.join(place, name), TOP)
                if (not ends or name.endswith(ends)) and not re.search(r"~$|\.(orig|rej)$", name):
                    yield path
    if not ends:
        yield from FILES


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def is_test(path):
    return re.search(r"/(test|fuzz)-|-fixture\.|^(tests|bench)/", path) is not None


def none(faults):
    if faults:
        raise AssertionError("\n".join(faults))


@tap.test("C code is laid out by clang-format")
def layout(_world):
    if not shutil.which("clang-format"):
        tap.skip("clang-format is missing")
    files = list(sources(".c", ".h"))
    tap.equal(len(files) > 50, True, "files found")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=TOP, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tap.equal(done.returncode, 0, done.stdout.decode(errors="replace")[-3000:])


@tap.test("scripts can be read by what runs them")
def scripts(_world):
    for path in sources(".py"):
        compile(read(path), path, "exec")
    for path in list(sources()):
        if re.match(r"#!/bin/(ba)?sh\n", read(path)):
            subprocess.run(["bash", "-n", os.path.join(TOP, path)], check=True)


@tap.test("each file names its licence")
def licence(_world):
    # What lies in test-fixtures/ is data, as is a sample table.
    none([path for path in sources()
          if not path.endswith(".csv") and
          "SPDX-License-Identifier: MIT" not in "\n".join(read(path).split("\n", 3)[:3])])


@tap.test("rooms know only the rooms before them")
def rooms(_world):
    faults = []
    for path in sources(".c", ".h"):
        folder = path.split("/")[0]
        known = MAY_KNOW[folder] | ({"tests"} if is_test(path) else set())
        for header in re.findall(r'^#\s*include "([^"]+)"', read(path), re.M):
            if header.split("/")[0] not in known:
                faults.append("%s includes %s" % (path, header))
    none(faults)


@tap.test("each library has one door")
def doors(_world):
    faults = []
    for path in sources(".c", ".h"):
        for header in re.findall(r"^#\s*include <([^>]+)>", read(path), re.M):
            door = DOORS.get(header)
            if door and not is_test(path) and not re.fullmatch(door, path):
                faults.append("%s includes <%s>" % (path, header))
    none(faults)


@tap.test("files are of a size that can be read")
def sizes(_world):
    faults = []
    for path in sources(".c", ".h", ".py"):
        lines = read(path).count("\n")
        if lines > (TEST_LINES_MAX if is_test(path) else LINES_MAX):
            faults.append("%s has %d lines" % (path, lines))
    none(faults)


@tap.test("the makefile names every file, so that the tarball has it")
def tarball(_world):
    makefiles = [path for path in sources(".mk")] + ["Makefile.am"]
    named = set(" ".join(read(path) for path in makefiles).split())
    files = [path for path in sources() if not path.endswith("local.mk")]
    for place, _, names in os.walk(os.path.join(TOP, "test-fixtures")):
        files += [os.path.relpath(os.path.join(place, name), TOP) for name in names]
    none(["%s is in no makefile" % path for path in files
          if path not in named | set(FILES) and os.path.dirname(path) not in named])


@tap.test("doc/upgrading.md names the versions that this program knows")
def versions(_world):
    headers = read("lib/config.h") + read("lib/profile.h") + read("lib/spool.h")
    known = dict(re.findall(r"(?m)^#define (\w+)_VERSION (\d+)$", headers))
    table = dict(re.findall(r"(?m)^\| (\w+) \|.*\| (\d+) \|$", read("doc/upgrading.md")))
    tap.equal({"CONFIG": table.get("configuration"), "PROFILE": table.get("profile"),
               "SPOOL": table.get("spool")}, known, "versions")


@tap.test("nothing unfinished is marked in the code")
def marks(_world):
    none(["%s: %s" % (path, line.strip()) for path in sources(".c", ".h", ".mk")
          for line in read(path).splitlines() if re.search(r"\b(TODO|FIXME|XXX)\b", line)])


class Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


if __name__ == "__main__":
    tap.main(Nothing)
