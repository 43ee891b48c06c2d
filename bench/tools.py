# SPDX-License-Identifier: MIT
"""Programs that load and watch: OpenLDAP's and Postfix's own, and what arrives in a mailbox."""

import ctypes
import os
import select
import struct
import subprocess
import threading
import time

from harness import HarnessError, which

WATCH_SECONDS = 0.005


def ended(process, seconds):
    """Its status, the moment it ends: Popen.wait() with a limit looks every 50 ms only."""
    handle = os.pidfd_open(process.pid)
    try:
        if not select.select([handle], [], [], seconds)[0]:
            raise TimeoutError("%s did not end within %d s" % (process.args[0], seconds))
    finally:
        os.close(handle)
    return process.wait()


def timed(ground, arguments, seconds=3600, log=None):
    """Runs a program that must succeed; the seconds it took."""
    log = log or ground.nursery.path("tool.log")
    open(log, "wb").close()
    begin = time.monotonic()
    process = ground.nursery.spawn(arguments, log=log)
    try:
        status, took = ended(process, seconds), time.monotonic() - begin
    finally:
        ground.nursery.stop(process)
    if status:
        with open(log, "rb") as file:
            raise HarnessError("%s: exit %d: %s" % (
                os.path.basename(arguments[0]), status,
                file.read()[-1000:].decode(errors="replace")))
    return took


class Conversation:
    """A tool of OpenLDAP's that is fed line by line over one connection."""

    def __init__(self, arguments):
        self._process = subprocess.Popen(
            [which("stdbuf"), "-oL", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1, cwd="/")

    def ask(self, text, last):
        """Sends text; the lines up to the first of which last(line) is true."""
        self._process.stdin.write(text)
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            lines.append(line.rstrip("\n"))
            if last(lines[-1]):
                return lines
        raise HarnessError("a tool has ended: " + "\n".join(lines[-5:]))

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Watch(Conversation):
    """Asks again and again whether something stands in the directory: 200 searches a second."""

    def __init__(self, ground):
        super().__init__([which("ldapsearch"), *ground.bind, "-b", "ou=domains," + ground.base,
                          "-f", "-", "(%s)", "1.1"])

        self.asked = 0

    def there(self, condition):
        self.asked += 1
        last = self.ask(condition + "\n", lambda line: line.startswith("# numResponses:")
                        or line.startswith("ldap_"))[-1]
        if not last.startswith("#"):
            raise HarnessError("ldapsearch: " + last)
        return int(last.split()[-1]) > 1  # the result itself is one

    def wait(self, conditions, seconds=3600):
        """conditions: (filter without its outer brackets, whether something is to match). The moment at which all were so."""
        end = time.monotonic() + seconds
        for condition, wanted in conditions:
            while self.there(condition) != wanted:
                if time.monotonic() > end:
                    raise TimeoutError("waited %d s for %s" % (seconds, condition))
                time.sleep(WATCH_SECONDS)
        return time.monotonic()


class Writer:
    """Another client, which changes one entry of its own, again after a pause each time, until it is
    stopped; times in milliseconds."""

    def __init__(self, ground, dn, pause):
        self.times = []
        self._pause = pause
        self._dn = dn
        self._end = threading.Event()
        self._tool = Conversation([which("ldapmodify"), "-v", *ground.bind])
        self._fault = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        number = 0
        try:
            while not self._end.is_set():
                number += 1
                begin = time.monotonic()
                said = self._tool.ask(
                    "dn: %s\nchangetype: modify\nreplace: description\n"
                    "description: change %d\n-\n\n" % (self._dn, number),
                    lambda line: line.startswith(("modify complete", "ldap_modify")))[-1]
                if said.startswith("ldap"):
                    raise HarnessError(said)
                self.times.append((time.monotonic() - begin) * 1000)
                self._end.wait(self._pause)
        except (HarnessError, OSError) as error:
            self._fault = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._end.set()
        self._thread.join(60)
        self._tool.close()
        if kind is None and (self._fault or not self.times):
            raise HarnessError("the other writer failed: %s" % self._fault)


def smtp_source(ground, port, messages, sessions=1, size=2000, reuse=False, sender=None,
                recipient="sink@discarded.example", subject=None):
    """Messages per second that Postfix accepts from its own load generator."""
    took = timed(ground, [
        which("smtp-source"), "-s", str(sessions), "-m", str(messages), "-l", str(size),
        *(["-d"] if reuse else []), *(["-S", subject] if subject else []), "-M", "client.example",
        "-f", sender or "someone@elsewhere.example", "-t", recipient, "127.0.0.1:%d" % port])
    return messages / took


# --- a mailbox ---

IN_CREATE, IN_MOVED_TO = 0x100, 0x80


class Arrivals:
    """When a mail came into a Maildir's new/, as the kernel tells, by a header's value."""

    def __init__(self, folder):
        self._folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_CLOEXEC)
        if self._handle < 0 or self._libc.inotify_add_watch(
                self._handle, folder.encode(), IN_CREATE | IN_MOVED_TO) < 0:
            raise HarnessError("%s can't be watched: %s" % (folder,
                                                            os.strerror(ctypes.get_errno())))
        self._found = {}  # value: moment
        self._news = threading.Condition()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._end.is_set():
            if not select.select([self._handle], [], [], 0.2)[0]:
                continue
            data = os.read(self._handle, 65536)
            now, at = time.monotonic(), 0
            while at < len(data):
                length = struct.unpack_from("iIII", data, at)[3]
                name = data[at + 16:at + 16 + length].rstrip(b"\0").decode()
                at += 16 + length
                self._note(os.path.join(self._folder, name), now)

    def _note(self, path, now):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                head = file.read(8192)
            os.unlink(path)  # so that the folder stays small
        except OSError:
            return
        with self._news:
            for line in head.split("\n\n")[0].splitlines():
                name, _, value = line.partition(":")
                if name.lower() in ("in-reply-to", "message-id"):
                    self._found.setdefault(value.strip(), now)
            self._news.notify_all()

    def wait(self, value, seconds=120):
        """The moment at which the mail came whose Message-ID or In-Reply-To is value."""
        with self._news:
            if not self._news.wait_for(lambda: value in self._found, seconds):
                raise TimeoutError("no mail with %s came within %d s" % (value, seconds))
            return self._found.pop(value)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        os.close(self._handle)
