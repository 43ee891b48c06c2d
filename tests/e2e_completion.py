# SPDX-License-Identifier: MIT
"""Completion in bash and zsh: every command and option that the program's own help tells, and job
numbers."""

import functools
import os
import pty
import re
import select
import subprocess

import tap
from harness import World
from harness.process import wait_for, write
from rows import row

TOP = os.environ.get("top_srcdir", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(TOP, "cli", "completion", "batchload")
ZSH_SCRIPTS = os.path.join(TOP, "cli", "completion")
# Words are split as readline does it: "=" is a word of its own.
RUN = """
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_batchload
printf '%s\\n' "${COMPREPLY[@]}"
"""


# What is offered goes to a file, what is shown to a terminal that nobody reads closely.
ZSH = """
PROMPT= RPROMPT=
TMPDIR=@FOLDER@ HOME=@FOLDER@
fpath=(@SCRIPTS@ $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
    local -a offered
    # With these it answers the caller and offers nothing.
    if [[ " $* " != *" -"[OAD]" "* ]]; then
        builtin compadd -O offered "$@"
        (($#offered)) && print -rl -- "$offered[@]" >>@FOLDER@/offered
    fi
    builtin compadd "$@"
}
look() {
    : >@FOLDER@/offered
    BUFFER=$(<@FOLDER@/line)
    CURSOR=$#BUFFER
    zle list-choices
    BUFFER=
    : >@FOLDER@/looked
}
zle -N look
bindkey '^X' look
setopt no_list_beep no_beep
LISTMAX=100000
: >@FOLDER@/looked
"""


class Zsh:
    """An interactive zsh -f with its completion system, and ours."""

    def __init__(self, world):
        self.folder = world.nursery.path("zsh")
        os.mkdir(self.folder)
        write(self.folder + "/setup", ZSH.replace("@FOLDER@", self.folder).replace(
            "@SCRIPTS@", ZSH_SCRIPTS))
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(world.nursery.folder)
            os.execvpe("zsh", ["zsh", "-f", "-i"],
                       dict(os.environ, PATH="%s:%s" % (os.path.dirname(world.tree.command),
                                                        os.environ["PATH"]), TERM="dumb"))
        self._type("source %s/setup\n" % self.folder)

    def _type(self, keys):
        os.write(self.fd, keys.encode())
        wait_for(self._looked, "zsh", 60)
        os.unlink(self.folder + "/looked")

    def _looked(self):
        while select.select([self.fd], [], [], 0)[0]:
            os.read(self.fd, 65536)
        return os.path.exists(self.folder + "/looked")

    def complete(self, *words):
        write(self.folder + "/line", " ".join(words))
        self._type("\x18")
        with open(self.folder + "/offered", encoding="utf-8") as file:
            return sorted(set(file.read().split()))

    def close(self):
        os.close(self.fd)  # hangs up
        os.waitpid(self.pid, 0)


def zsh(world):
    """One for all tests, ended with the world's folder at the latest."""
    if not hasattr(world, "zsh"):
        world.zsh = Zsh(world)
    return lambda *words: world.zsh.complete("batchload", *words)


def complete(world, *words):
    done = subprocess.run(["bash", "--norc", "-c", RUN, "bash", SCRIPT, world.tree.command, *words],
                          cwd=world.nursery.folder, stdin=subprocess.DEVNULL, timeout=60,
                          capture_output=True, check=False)
    tap.equal(done.stderr, b"", "errors")
    return sorted(done.stdout.decode().split())


@functools.cache
def told(world, *words):
    """Its help, which is the same each time."""
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


def actions(world, command):
    inside = told(world, command).partition("\nActions on ")[2].partition("\n\n")[0]
    return sorted(line.split()[0] for line in inside.splitlines()[1:])


def verbs(world):
    return [each for each in commands(world) if "\nActions on " in told(world, each)]


@tap.test("R8.79 each action of a verb is offered, and each option that its help tells")
def each_action(world):
    tap.equal({"user", "forward", "list"} <= set(verbs(world)), True, repr(verbs(world)))
    for command in verbs(world):
        wanted = actions(world, command)
        tap.equal({"add", "delete", "show"} <= set(wanted), True, "%s: %r" % (command, wanted))
        tap.equal(complete(world, command, ""), wanted, command)
        tap.equal(complete(world, "-c", "x.conf", command, "sh"), ["show"], command)
        for action in wanted:
            tap.equal(complete(world, command, action, "a@b.example", "-"),
                      options(told(world, command, action)), command + " " + action)
    tap.equal(complete(world, "user", "add", "--giv"), ["--given-name"], "an option")
    tap.equal(complete(world, "user", "add", "--title", ""), [], "what a title is")


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
    tap.equal(complete(world, "user", "add", "--password-file", folder + "/"), both, "a password")


@tap.test("the numbers of jobs where the help says JOB")
def numbers(world):
    response = world.ask([row("ADD FORWARD done", MAILFORWARD=world.admin)])
    job = re.search(r"(?m)^Job: (.*)$", response.text).group(1)
    tap.equal(complete(world, "-c", world.milter.conf, "show", ""), [job], "jobs")
    tap.equal(complete(world, "-c", world.milter.conf, "show", job[:-3]), [job], "jobs")
    tap.equal(complete(world, "-c", "/nowhere", "show", ""), [], "jobs of no spool")
    offered = zsh(world)
    for command in ("show", "retry", "cancel"):
        tap.equal(offered("-c", world.milter.conf, command, ""), [job], "jobs in zsh")
    tap.equal(offered("-c", world.milter.conf, "show", job[:-3]), [job], "jobs in zsh")
    tap.equal(offered("-c", world.milter.conf, "show", "1"), [], "other jobs in zsh")
    tap.equal(offered("-c", "/nowhere", "show", ""), [], "jobs of no spool in zsh")


@tap.test("zsh: each command and option of the help is offered, and no other")
def in_zsh(world):
    offered = zsh(world)
    tap.equal(offered(""), commands(world), "commands")
    tap.equal(offered("qu"), ["queue"], "commands with qu")
    tap.equal(offered("-c", "x.conf", "sho"), ["show"], "after an option")
    tap.equal(offered("-"), options(told(world)), "options")
    for command in commands(world):
        tap.equal(offered(command, "-"), options(told(world, command)), command)
        tap.equal(offered("-c", "x.conf", command, "--h"), ["--help"], command)


@tap.test("R8.79 zsh: each action of a verb is offered, and each option that its help tells")
def actions_in_zsh(world):
    offered = zsh(world)
    for command in verbs(world):
        tap.equal(offered(command, ""), actions(world, command), command)
    tap.equal(offered("-c", "x.conf", "list", "sh"), ["show"], "an action")
    for action in actions(world, "list"):
        tap.equal(offered("list", action, "-"), options(told(world, "list", action)), action)
    tap.equal(offered("user", "add", "a@b.example", "--giv"), ["--given-name"], "an option")


@tap.test("zsh: files and folders where the help says FILE and DIR")
def files_in_zsh(world):
    offered = zsh(world)
    folder = world.nursery.path("complete-zsh")
    os.mkdir(folder)
    os.mkdir(folder + "/inside")
    write(folder + "/file.conf", "")
    tap.equal(offered("-c", folder + "/"), ["file.conf", "inside"], "-c")
    tap.equal(offered("apply", folder + "/"), ["file.conf", "inside"], "apply")
    tap.equal(offered("--spool", folder + "/"), ["inside"], "--spool")
    tap.equal(offered("queue", folder + "/"), [], "queue")
    world.zsh.close()


if __name__ == "__main__":
    tap.main(World)
