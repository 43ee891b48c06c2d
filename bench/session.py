# SPDX-License-Identifier: MIT
"""One run of benches: its sizes, the grounds they stand on, the figures, and what is told of it."""

import datetime
import json
import os
import platform
import re
import subprocess
import time
import traceback

from harness import HarnessError, Tree, run, which
from figures import Figure, table
from ground import Ground, file_system, find_place


class Bench:
    """function(session) measures; it stands on the ground of place, or on none of its own."""

    def __init__(self, name, what, function, place=None):
        self.name, self.what, self.function, self.place = name, what, function, place


class Session:
    def __init__(self, build, source, options):
        self.build, self.source, self.options = build, source, options
        self.rounds = options.rounds
        self.tree = Tree.built(build, source)
        self._ground = None
        self._places = {}
        self.results = []  # of dictionaries, one a bench
        self.figures = []  # of the bench that runs
        self.running = ""
        self.begun = datetime.datetime.now().astimezone()

    # --- for benches ---

    def count(self, full, least=1):
        """So many of what a full run has `full` of."""
        return max(least, round(full * self.options.scale))

    def figure(self, what, unit, peer=None, wanted=None):
        figure = Figure(what, unit, peer, wanted)
        self.figures.append(figure)
        return figure

    def ground(self, place):
        """The World at this place; one at a time."""
        if self._ground is None or self._ground.place != place:
            self.leave_ground()
            self._places[place] = self.options.smoke or find_place(
                place, getattr(self.options, place))
            self._ground = Ground(self.tree, place, self._places[place])
        return self._ground

    def leave_ground(self):
        if self._ground is not None:
            self._ground.close()
            self._ground = None

    def program(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            raise HarnessError("%s is not built; make bench builds it" % name)
        return path

    def say(self, *words):
        print(*words, flush=True)

    # --- running ---

    def run(self, bench):
        self.say("\n%s: %s" % (bench.name, bench.what))
        self.figures, self.running, begin, fault = [], bench.name, time.monotonic(), None
        try:
            bench.function(self)
        except (HarnessError, AssertionError, TimeoutError, OSError, ValueError,
                subprocess.SubprocessError) as error:
            fault = "%s: %s" % (type(error).__name__, error)
            self.say("FAILED to run: " + fault)
            self.say(traceback.format_exc(limit=-5, chain=False))
            self._tell_logs()
            self.leave_ground()  # nobody knows what stands there
        self.figures = [figure for figure in self.figures if figure.ours]
        for line in table(self.figures):
            self.say("  " + line)
        self.results.append({"bench": bench.name, "what": bench.what, "place": bench.place,
                             "seconds": round(time.monotonic() - begin, 1), "failed": fault,
                             "figures": [figure.told() for figure in self.figures]})
        self.write()

    def _tell_logs(self):
        if self._ground is not None:
            for line in self._ground.diagnostics():
                self.say("  " + line)

    def missed(self):
        return ["%s: %s, %s: %s, wanted %s" % (
            result["bench"], each["what"], each["unit"],
            "%.2f" % (each["ours"] if "ours" in each["wanted"] else each["ratio"]), each["wanted"])
                for result in self.results for each in result["figures"] if each["missed"]]

    def failed(self):
        return [result["bench"] for result in self.results if result["failed"]]

    def write(self):
        """What there is so far, so that a run that is broken off has told something."""
        told = {"date": self.begun.isoformat(timespec="seconds"), "commit": self.commit(),
                "scale": self.options.scale, "rounds": self.rounds, "machine": self.machine(),
                "versions": self.versions(), "benches": self.results}
        with open(self.options.json + ".new", "w", encoding="utf-8") as file:
            json.dump(told, file, indent=1)
            file.write("\n")
        os.replace(self.options.json + ".new", self.options.json)

    # --- what it was measured on ---

    def commit(self):
        def git(*words):
            return run(["git", "-C", self.source, *words], check=False).stdout.decode().strip()
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + ("+changes" if commit and git("status", "--porcelain", "-uno") else "")

    def machine(self):
        with open("/proc/meminfo", encoding="ascii") as file:
            memory = int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1))
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            model = re.search(r"model name\s*: (.*)", file.read())
        return {"cores": len(os.sched_getaffinity(0)), "processor": model.group(1) if model else "",
                "memory_gb": round(memory / 1048576, 1), "kernel": platform.release(),
                "places": {place: "%s (%s)" % (path, file_system(path))
                           for place, path in self._places.items()},
                "load": os.getloadavg()}

    def versions(self):
        def first(*words):
            if not os.access(words[0], os.X_OK):
                return ""
            done = run(list(words), check=False)
            return ((done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
                    or [""])[0]
        slapd = re.search(r"slapd ([\d.]+)", first(which("slapd"), "-VV"))
        return {"batchload": first(self.tree.command, "--version"),
                "postfix": first(which("postconf"), "-dh", "mail_version"),
                "openldap": slapd.group(1) if slapd else "",
                "dovecot": first(which("dovecot"), "--version"),
                **build_settings(self.build)}


def build_settings(build):
    """What the build folder's makefile says: compiler, CFLAGS, and sanitizers."""
    try:
        with open(os.path.join(build, "Makefile"), encoding="utf-8") as file:
            text = file.read()
    except OSError:
        raise HarnessError("%s is no build folder: it has no Makefile" % build) from None
    return {name.lower(): " ".join(re.search(r"(?m)^%s =(.*)$" % name, text).group(1).split())
            for name in ("CC", "CFLAGS", "SANITIZE")}


def refusal(build):
    """Why figures of this build are worth nothing, or None."""
    found = build_settings(build)
    if found["sanitize"]:
        return "it has sanitizers (%s)" % found["sanitize"]
    levels = re.findall(r"-O(\S*)", found["cflags"])
    if not levels or levels[-1] in ("0", "g"):
        return "it is not optimised (CFLAGS = %s)" % found["cflags"]
    if "coverage" in found["cflags"]:
        return "it counts lines (CFLAGS = %s)" % found["cflags"]
    return None
