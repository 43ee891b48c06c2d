# SPDX-License-Identifier: MIT
"""The daemon, from an installed tree or from the build folder."""

import os
import re
import shutil
import signal
import socket
import threading
import time

from .process import HarnessError, descendants, run, write
from .servers import Server


class Tree:
    """Where the programs and the shipped files are."""

    def __init__(self, sbin, bin, libexec, data, conf):
        self.conf = conf
        self.milter = os.path.join(sbin, "batchload-milter")
        self.command = os.path.join(bin, "batchload")
        self.parser = os.path.join(libexec, "batchload-parse")
        self.policy_program = os.path.join(sbin, "batchload-policy")
        self.door = os.path.join(libexec, "batchload-door")
        self.follow = os.path.join(sbin, "batchload-follow")
        self.policy = os.path.join(data, "policy")
        self.profile = self.policy + "/profiles/default.conf"

    @staticmethod
    def built(build, source):
        return Tree(build, build, build, source, build + "/policy/batchload.conf")

    @staticmethod
    def installed(root, prefix="/usr"):
        base = root + prefix
        return Tree(base + "/sbin", base + "/bin", base + "/libexec/batchload",
                    base + "/share/batchload", base + "/share/batchload/policy/batchload.conf")

    @staticmethod
    def from_environment():
        """What `make check` tests; BATCHLOAD_DESTDIR asks for an installed tree instead."""
        if os.environ.get("BATCHLOAD_DESTDIR"):
            return Tree.installed(os.environ["BATCHLOAD_DESTDIR"])
        here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        source = os.environ.get("top_srcdir", here)
        return Tree.built(os.environ.get("top_builddir", source), source)

    def bring_within_reach(self, folder):
        """The daemon's user may not enter the checkout (below /root, say): what it opens after it
        has given up root's rights is copied to folder, where it can't be reached."""
        if all(reachable(path) for path in (self.parser, self.profile, self.command,
                                            self.policy_program, self.door)):
            return
        os.mkdir(folder, 0o755)
        self.parser = shutil.copy(self.parser, folder)
        self.profile = shutil.copy(self.profile, folder)
        self.command = shutil.copy(self.command, folder)
        self.policy_program = shutil.copy(self.policy_program, folder)
        self.door = shutil.copy(self.door, folder)
        os.chmod(self.profile, 0o644)

    def complete(self):
        return all(os.access(path, os.X_OK)
                   for path in (self.milter, self.parser, self.policy_program))


def reachable(path):
    """Whether anybody may read a file."""
    if not os.stat(path).st_mode & 0o004:
        return False
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return False
    return True


class Milter(Server):
    name = "milter"
    user = "daemon"  # a user each Debian has
    prefix = ()  # where it is to run, as a command

    def __init__(self, nursery, tree, values, log, service_password, settings=None):
        super().__init__(nursery)
        self.tree = tree
        self.log = log
        self.conf = self.conf_path(nursery)
        self.folder = os.path.dirname(self.conf)
        self.spool = self.folder + "/batchload"
        self.socket = nursery.path("m", "sock")
        self.senders = self.folder + "/senders"
        if not tree.complete():
            raise HarnessError("not built: " + tree.milter)
        self.own = {
            "batch_addresses": [values["BATCH_ADDRESS"]],
            "sender_table": "texthash:" + self.senders,
            "socket": "unix:" + self.socket, "socket_group": "postfix",
            "user": self.user, "log": "file:" + log,
            "parser": tree.parser, "profile": tree.profile,
            "submit": "smtp://127.0.0.1:%d" % values["RESPONSE_PORT"],
            # Tests make more mistakes in an hour than people do.
            "refusals_per_hour": 100000,
            "spool.directory": self.spool, "spool.key_file": self.folder + "/spool.key",
            "directory.uri": values["LDAP_URI"], "directory.base": values["BASE"],
            "directory.bind_dn": "cn=batchload,ou=services," + values["BASE"],
            "directory.bind_password_file": self.folder + "/directory.password"}
        for path in (self.folder, nursery.path("m")):
            os.makedirs(path, 0o755, exist_ok=True)
        shutil.chown(nursery.path("m"), self.user, "postfix")
        write(self.folder + "/directory.password", service_password, 0o600)
        shutil.chown(self.folder + "/directory.password", self.user)
        self.configure(settings)
        run([tree.milter, "-c", self.conf, "-K"])

    @staticmethod
    def conf_path(nursery):
        return nursery.path("milter", "batchload.conf")

    def configure(self, settings=None):
        """Writes the shipped configuration with our host, ports, base and paths. settings,
        {"name": value} or {"section.name": value}, replace its own: a text, a number, or a list of
        texts; None takes it out."""
        with open(self.tree.conf, encoding="utf-8") as file:
            lines = file.read().splitlines()
        for name, value in {**self.own, **(settings or {})}.items():
            lines = replace_setting(lines, name, value)
        write(self.conf, "\n".join(lines) + "\n")

    def write_senders(self, text):
        """The shipped sender table with these lines."""
        with open(os.path.join(self.tree.policy, "senders"), encoding="utf-8") as file:
            write(self.senders, file.read() + text)

    def command(self):
        return [*self.prefix, self.tree.milter, "-c", self.conf]

    def check(self):
        """-t: (exit code, output)."""
        result = run([self.tree.milter, "-c", self.conf, "-t"], check=False)
        return result.returncode, (result.stdout + result.stderr).decode(errors="replace")

    def start(self, wait=True):
        self._before = self._starts()
        return super().start(wait)

    def _starts(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return len(re.findall(r"batchload-milter\[\d+\]: started,", file.read()))
        except OSError:
            return 0

    def up(self):
        """This daemon, and not what a killed one left, listens and takes mail."""
        if self._starts() <= self._before:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(self.socket)
            return True
        except OSError:
            return False

    def serves(self):
        """Whether it has come to serving, as its threads tell, also where it can't write its log."""
        try:
            for name in os.listdir("/proc/%d/task" % self.pid):
                with open("/proc/%d/task/%s/comm" % (self.pid, name), encoding="utf-8") as file:
                    if file.read() == "milter\n":
                        return True
        except OSError:
            pass
        return False

    def reload(self):
        self.process.send_signal(signal.SIGUSR1)

    def children(self):
        """The daemon and what it started, pids."""
        return [self.pid, *descendants(above=self.pid)]

    def stop(self):
        # Running slices finish.
        if self.process:
            status = self.nursery.stop(self.process, seconds=30)
            self.process = None
            return status
        return None


class Follow(Server):
    """What runs add-ons, for a daemon that is configured for it."""
    name = "follow"

    def __init__(self, nursery, tree, conf, socket_path):
        super().__init__(nursery)
        self.tree = tree
        self.conf = conf
        self.socket = socket_path

    def command(self):
        return [self.tree.follow, "-c", self.conf]

    def up(self):
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.connect(self.socket)
            return True
        except OSError:
            return False


def replace_setting(lines, name, value):
    section, _, name = name.rpartition(".")
    inside, kept, begin = "", [], None
    for line in lines:
        words = line.split()
        if len(words) == 2 and words[1] == "{":
            inside = words[0]
        elif line.startswith("}"):
            inside = ""
        if inside == section and words[:2] == [name, "="]:
            continue
        kept.append(line)
        if section and words == [section, "{"]:
            begin = len(kept)
    if value is None:
        return kept
    quoted = ("{%s}" % ", ".join('"%s"' % each for each in value)
              if isinstance(value, (list, tuple)) else '"%s"' % value)
    line = "%s = %s" % (name, quoted)
    if section and begin is None:
        return kept + [section + " {", line, "}"]
    kept.insert(begin if section else 0, line)
    return kept


def _status(pid, key):
    try:
        with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1])
    except (OSError, IndexError, ValueError):
        pass
    return 0


class MemoryPeak:
    """Peak of resident memory of daemon and children together, in kB, sampled; and each one's
    own high-water mark as the kernel knows it."""

    def __init__(self, milter, pause=0.02):
        self._milter = milter
        self._pause = pause
        self._end = threading.Event()
        self.total = 0  # largest sum of RSS seen at one moment
        self.daemon = 0  # VmHWM of the daemon
        self.child = 0  # largest VmHWM of a child
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _look(self):
        total = 0
        for pid in self._milter.children():
            total += _status(pid, "VmRSS")
            peak = _status(pid, "VmHWM")
            if pid == self._milter.pid:
                self.daemon = max(self.daemon, peak)
            else:
                self.child = max(self.child, peak)
        self.total = max(self.total, total)

    def _sample(self):
        while not self._end.wait(self._pause):
            self._look()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        self._look()
