# SPDX-License-Identifier: MIT
"""Processes that end with us, whatever ends us; short folders; free ports."""

import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
STOP_SECONDS = 2.0  # what a server has to end by itself
START_SECONDS = 60.0

_libc = ctypes.CDLL(None, use_errno=True)
SBIN = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


class HarnessError(Exception):
    """Something the tests need does not work; not a verdict on the product."""


class MissingError(HarnessError):
    """A package (or root) is missing."""


def handle_signals():
    """TERM, INT and HUP unwind the stack, so that every `with` cleans up."""
    def leave(number, _frame):
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, leave)


def which(name):
    path = shutil.which(name, path=SBIN)
    if not path:
        raise MissingError("missing package: no %s; scripts/deps installs it" % name)
    return path


def need_root():
    if os.geteuid() != 0:
        raise MissingError("missing: this needs root")


def wait_for(question, what, seconds=START_SECONDS, pause=0.01):
    """Asks until the answer is true and returns it; bounded."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise TimeoutError("waited %d s for %s" % (seconds, what))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def descendants(kept=(), above=None):
    """Pids of all processes below this one, or above, but for those of kept and what is below
    them."""
    below = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                continue
            below.setdefault(parent, []).append(int(name))
    found, todo = [], [above or os.getpid()]
    while todo:
        for pid in below.get(todo.pop(), []):
            if pid not in kept:
                found.append(pid)
                todo.append(pid)
    return found


MARK = "BATCHLOAD_NURSERY"  # in the environment of what is started: the nursery's folder


def kill_marked(folder):
    mark = ("%s=%s" % (MARK, folder)).encode()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open("/proc/%s/environ" % name, "rb") as file:
                    marked = mark in file.read().split(b"\0")
                if marked:
                    os.kill(int(name), signal.SIGKILL)
            except OSError:
                pass


class Guard:
    """A child that outlives a SIGKILL of this process: then it ends what was started and removes
    the folders. Otherwise it ends with us, doing nothing."""

    def __init__(self):
        reader, self._writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._watch(reader)
            finally:
                os._exit(0)
        os.close(reader)

    def _watch(self, reader):
        os.close(self._writer)
        os.setsid()
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        null = os.open("/dev/null", os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.chdir("/")
        groups, folders = set(), []
        with os.fdopen(reader) as file:
            for line in file:
                word, _, value = line.rstrip("\n").partition(" ")
                if word == "group":
                    groups.add(int(value))
                elif word == "gone":
                    groups.discard(int(value))
                elif word == "folder":
                    folders.append(value)
                elif word == "bye":
                    return
        for group in groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except OSError:
                pass
        for folder in folders:
            kill_marked(folder)
        time.sleep(0.2)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def tell(self, word, value=""):
        try:
            os.write(self._writer, ("%s %s\n" % (word, value)).encode())
        except OSError:
            pass

    def close(self):
        self.tell("bye")
        os.close(self._writer)
        os.waitpid(self.pid, 0)


class Nursery:
    """Owns a folder, ports and processes; all end with it."""

    _alive = []

    def __init__(self, prefix="bl.", above=None):
        """above: the folder in which its own is made; short."""
        self.processes = []
        self._ports = []
        self.folder = None
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._guard = Guard()
        Nursery._alive.append(self)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        try:
            # Short, since the path of a unix socket has 108 bytes; entered by the servers' users.
            # TMPDIR is used where it is as short (scripts/check has one to remove).
            above = above or os.environ.get("TMPDIR", "/tmp")
            self.folder = tempfile.mkdtemp(prefix=prefix, dir=above if len(above) < 24 else "/tmp")
            self._guard.tell("folder", self.folder)
            os.chmod(self.folder, 0o711)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def port(self):
        """A free port of loopback, below the range of outgoing connections. The abstract socket
        keeps it from other harnesses until we end."""
        for _ in range(1000):
            number = random.SystemRandom().randrange(10000, 32000)
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                lock.bind("\0batchload-port-%d" % number)
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", number))
            except OSError:
                lock.close()
                continue
            self._ports.append(lock)
            return number
        raise HarnessError("no free port")

    def spawn(self, arguments, log=None, environment=None, inherit=False):
        """Starts a process in a session of its own that dies with this thread. Its words go to
        log, or with inherit where ours go."""
        parent = os.getpid()
        environment = dict(os.environ if environment is None else environment)
        environment[MARK] = self.folder

        def before_exec():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
        output = open(log, "ab") if log else None if inherit else subprocess.DEVNULL
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        try:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, start_new_session=True, cwd="/",
                                       env=environment, preexec_fn=before_exec)
            self.processes.append(process)
            self._guard.tell("group", process.pid)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if log:
                output.close()
        return process

    @staticmethod
    def _end(process, number, seconds):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            pass

    def stop(self, process, number=signal.SIGTERM, seconds=STOP_SECONDS):
        """Ends a process and its group; returns its status. Of one whose end was already taken note of
        the number may be another's by now; what it has left behind ends with us."""
        if process.returncode is None:
            self._end(process, number, seconds)
        status = process.wait()
        if process in self.processes:
            self.processes.remove(process)
            self._guard.tell("gone", process.pid)
        return status

    def close(self):
        """Ends everything at once; who wants a clean end stops its servers before."""
        for process in list(self.processes):
            self.stop(process, signal.SIGKILL)
        self._sweep()
        Nursery._alive.remove(self)
        for lock in self._ports:
            lock.close()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._guard.close()

    def _sweep(self):
        """What left its group was handed to us as subreaper."""
        others = [each for each in Nursery._alive if each is not self]
        kept = {self._guard.pid}
        for each in others:
            kept.add(each._guard.pid)
            kept.update(process.pid for process in each.processes)
        for _ in range(100):
            left = descendants(kept)
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, os.WNOHANG)
                except OSError:
                    pass
            if not left:
                return
            time.sleep(0.01)


def run(arguments, data=None, check=True, environment=None, seconds=60):
    """Runs a command to its end; bytes in, CompletedProcess out."""
    result = subprocess.run(arguments, input=data, capture_output=True, timeout=seconds,
                            env=environment, cwd="/", check=False)
    if check and result.returncode:
        raise HarnessError("%s: exit %d: %s" % (
            os.path.basename(arguments[0]), result.returncode,
            (result.stderr + result.stdout).decode(errors="replace")[-2000:]))
    return result


def render(source, target, values, mode=0o644, group=None):
    """Copies a shipped file, its placeholders replaced; one that is left over is an error."""
    with open(source, encoding="utf-8") as file:
        text = file.read()
    for name, value in values.items():
        text = text.replace("@%s@" % name, str(value))
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("#"):
            before, found, rest = line.partition("@")
            name, found, _ = rest.partition("@")
            if found and name and name.replace("_", "").isalnum() and name.isupper():
                raise HarnessError("%s:%d: @%s@ is not replaced" % (source, number, name))
    write(target, text, mode, group)
    return target


def write(path, text, mode=0o644, group=None):
    data = text if isinstance(text, bytes) else text.encode()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
    # Postfix waits with a file until it is older than a second.
    os.utime(path, (time.time() - 60, time.time() - 60))
    if group:
        shutil.chown(path, group=group)
