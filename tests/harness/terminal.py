# SPDX-License-Identifier: MIT
"""A command on a terminal."""

import fcntl
import os
import pty
import struct
import termios


class Terminal:
    """A command that has a terminal of so many columns for all it reads and writes."""

    def __init__(self, words, columns=80, environment=None):
        self.columns = columns
        self.data = b""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(words[0], words, dict(os.environ, **(environment or {})))

    def read(self):
        """False at the end."""
        try:
            got = os.read(self.fd, 65536)
        except OSError:  # the last of the other end has gone
            got = b""
        self.data += got
        return bool(got)

    def until(self, question):
        while not question(self.text):
            if not self.read():
                raise AssertionError("it ended before: %r" % self.text)

    @property
    def text(self):
        return self.data.decode()

    def end(self):
        """Its status, as waitpid(2) tells it."""
        while self.read():
            pass
        self.status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return self.status

    def screen(self):
        """The lines as they stand at the end, those wrapped that were too long."""
        lines, at = [""], 0
        for each in self.text:
            if each == "\r":
                at = 0
            elif each == "\n":
                lines.append("")
            else:
                if at == self.columns:
                    lines.append("")
                    at = 0
                lines[-1] = lines[-1][:at].ljust(at) + each + lines[-1][at + 1:]
                at += 1
        return [line.rstrip() for line in lines]
