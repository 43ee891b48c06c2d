# SPDX-License-Identifier: MIT
"""A gate before a mail server. Kinds of operations are "connect", the commands in lower case ("ehlo"
also for HELO), and "end": the message with the dot behind it."""

from .gate import (DELAY_ANSWER, HALF, HOLD, HOLD_ANSWER, LOSE, LOSE_ANSWER, REFUSE, SAY, SILENCE,
                   PortGate)

STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "end", "quit")
DOT = b"\r\n.\r\n"


class Lines:
    """A connection that is read by lines."""

    def __init__(self, stream):
        self._stream = stream
        self._data = b""

    def until(self, mark):
        """What comes, to the end of the next mark."""
        found = self._data.find(mark)
        while found < 0:
            more = self._stream.recv(65536)
            if not more:
                raise ConnectionAbortedError
            begin = max(0, len(self._data) - len(mark))
            self._data += more
            found = self._data.find(mark, begin)
        end = found + len(mark)
        taken, self._data = self._data[:end], self._data[end:]
        return taken

    def reply(self):
        """All lines of one."""
        line = out = self.until(b"\r\n")
        while line[3:4] == b"-":
            line = self.until(b"\r\n")
            out += line
        return out


def made_up(code):
    return b"%d %d.3.0 made up by a test\r\n" % (code, code // 100)


class SmtpGate(PortGate):
    """Client and server take turns. With HALF the first line of an answer comes, said to go on, with
    the trap's code where it has one."""

    def speak(self, client, server):
        words, replies = Lines(client), Lines(server)
        self._step("connect", b"", client, lambda: None, replies)
        while True:
            line = words.until(b"\r\n")
            kind = line[:4].decode("ascii", "replace").strip().lower()
            kind = "ehlo" if kind == "helo" else kind
            reply = self._step(kind, line, client, lambda: server.sendall(line), replies)
            if kind == "data" and reply.startswith(b"354"):
                self._message(words, client, server, replies)

    def _message(self, words, client, server, replies):
        content = words.until(DOT)
        server.sendall(content[:-len(DOT) + 2])
        self._step("end", content, client, lambda: server.sendall(DOT[2:]), replies)

    def _step(self, kind, data, client, pass_on, replies):
        """Passes one operation on and its answer back; returns what the client got to hear."""
        trap = self.meet(kind, data)
        what = trap.what if trap else None
        if what in (HOLD, LOSE):
            self.lose(trap)
        if what == REFUSE:
            trap.hit.set()
            client.sendall(made_up(trap.code))
            # What was held back of a message never comes.
            if kind in ("connect", "end") or trap.code == 421:
                client.recv(1000)
                raise ConnectionAbortedError
            return made_up(trap.code)
        pass_on()
        reply = replies.reply()
        if what in (HOLD_ANSWER, LOSE_ANSWER):
            self.lose(trap)
        if what == HALF:
            first = made_up(trap.code) if trap.code else reply.splitlines(True)[0]
            client.sendall(first[:3] + b"-" + first[4:])
            self.lose(trap)
        if what == DELAY_ANSWER:
            self.delay(trap)
        if trap:
            trap.hit.set()
        if what == SAY:
            reply = made_up(trap.code)
        if what == SILENCE:
            client.recv(1000)
            raise ConnectionAbortedError
        client.sendall(reply)
        return reply
