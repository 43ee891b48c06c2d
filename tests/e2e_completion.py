# SPDX-License-Identifier: MIT
"""Completion in bash: every command and option that the program's own help tells, and job numbers."""

import os
import re
import subprocess

import tap
from harness import World
from rows import row

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(TOP, "cli", "completion", "batchload")
# Words are split as readline does it: "=" is a word of its own.
RUN = """
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_batchload
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(world, *words):
    done = subprocess.run(["bash", "--norc", "-c", RUN, "bash", SCRIPT, world.tree.command, *words],
                          cwd=world.nursery.folder, stdin=subprocess.DEVNULL, timeout=60,
                          capture_output=True, check=False)
    tap.equal(done.stderr, b"", "errors")
    return sorted(done.stdout.decode().split())


def told(world, *words):
    done = subprocess.run([world.tree.command, *words, "--help"], capture_output=True, timeout=60,
                          check=True)
    return done.stdout.decode()


def commands(world):
    inside = told(world).partition("\nCommands:\n")[2].partition("\n\n")[0]
    return sorted(line.split()[0] for line in inside.splitlines())


def options(text):
    heads = [line.strip().split("  ")[0] for line in text.splitlines() if line.startswith("  -")]
    return sorted(re.sub(r"=.*", "", name) for head in heads for name in head.split(", "))


@tap.test("each command of the help is offered, and no other")
def each_command(world):
    tap.equal(len(commands(world)) >= 4, True, "commands %r" % commands(world))
    tap.equal(complete(world, ""), commands(world), "commands")
    tap.equal(complete(world, "qu"), ["queue"], "commands with qu")
    tap.equal(complete(world, "-c", "x.conf", "sho"), ["show"], "after an option")
    tap.equal(complete(world, "--spool", "=", "x", "sho"), ["show"], "after an option")


@tap.test("each option of the help is offered, of each command too")
def each_option(world):
    tap.equal(complete(world, "-"), options(told(world)), "options")
    for command in commands(world):
        wanted = options(told(world, command))
        tap.equal("--help" in wanted, True, command)
        tap.equal(complete(world, command, "-"), wanted, command)
        tap.equal(complete(world, "-c", "x.conf", command, "--h"), ["--help"], command)


@tap.test("files and folders where the help says FILE and DIR")
def files(world):
    folder = world.nursery.path("complete")
    os.mkdir(folder)
    os.mkdir(folder + "/inside")
    with open(folder + "/file.conf", "w", encoding="utf-8"):
        pass
    both, inside = sorted([folder + "/inside", folder + "/file.conf"]), [folder + "/inside"]
    tap.equal(complete(world, "-c", folder + "/"), both, "-c")
    tap.equal(complete(world, "--config", "=", folder + "/"), both, "--config=")
    tap.equal(complete(world, "--spool", "=", folder + "/"), inside, "--spool=")


@tap.test("the numbers of jobs where the help says JOB")
def numbers(world):
    response = world.ask([row("ADD FORWARD done", MAILFORWARD=world.admin)])
    job = re.search(r"(?m)^Job: (.*)$", response.text).group(1)
    tap.equal(complete(world, "-c", world.milter.conf, "show", ""), [job], "jobs")
    tap.equal(complete(world, "-c", world.milter.conf, "show", job[:-3]), [job], "jobs")
    tap.equal(complete(world, "-c", "/nowhere", "show", ""), [], "jobs of no spool")


if __name__ == "__main__":
    tap.main(World)
