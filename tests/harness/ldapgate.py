# SPDX-License-Identifier: MIT
"""A gate before the directory. Kinds of operations are the tags that LDAP writes them with."""

import threading

from .gate import (DELAY_ANSWER, HOLD, HOLD_ANSWER, LOSE, LOSE_ANSWER, REFUSE, SILENCE, PortGate, both_ways,
                   read_exactly)

BIND, SEARCH, MODIFY, ADD, DELETE, EXTENDED = 0x60, 0x63, 0x66, 0x68, 0x4A, 0x77
WRITES = (MODIFY, ADD, DELETE, EXTENDED)
# The answer that ends each.
ANSWERS = {BIND: 0x61, SEARCH: 0x65, MODIFY: 0x67, ADD: 0x69, DELETE: 0x6B, EXTENDED: 0x78}
FOUND = 0x64
# A REFUSE with it says, as a server does that is being shut down, that all of the connection ends.
UNAVAILABLE = 52
GOODBYE = b"\x8a\x161.3.6.1.4.1.1466.20036"


def read_message(stream):
    """One LDAP message as it is, its number, and the tag of its operation."""
    head = read_exactly(stream, 2)
    length, more = head[1], b""
    if length & 0x80:
        more = read_exactly(stream, length & 0x7F)
        length = int.from_bytes(more, "big")
    body = read_exactly(stream, length)
    end = 2 + body[1]
    return head + more + body, int.from_bytes(body[2:end], "big"), body[end]


def result(number, tag, code, more=b""):
    """An answer with nothing but a code in it."""
    text = b"made up by a test"
    inner = b"\x0a\x01" + bytes([code]) + b"\x04\x00\x04" + bytes([len(text)]) + text + more
    number = number.to_bytes(4, "big")
    body = b"\x02\x04" + number + bytes([tag, len(inner)]) + inner
    return b"\x30" + bytes([len(body)]) + body


class LdapGate(PortGate):
    """A search that is to REFUSE finds nothing before its code comes, with SAY all of it."""

    @property
    def uri(self):
        return "ldap://127.0.0.1:%d" % self.port

    def speak(self, client, server):
        taken = {}  # number of an operation whose answer is taken: trap
        lock = threading.Lock()  # both halves answer

        def answer(trap, number, tag):
            with lock:
                client.sendall(result(number, tag, trap.code))
                if trap.what == REFUSE and trap.code == UNAVAILABLE:
                    client.sendall(result(0, ANSWERS[EXTENDED], trap.code, GOODBYE))
                    raise ConnectionAbortedError

        def up():
            while True:
                message, number, tag = read_message(client)
                trap = self.meet(tag, message) if tag in ANSWERS else None
                if trap and trap.what in (HOLD, LOSE):
                    self.lose(trap)
                if trap and trap.what == REFUSE and tag in WRITES:
                    trap.hit.set()
                    answer(trap, number, ANSWERS[tag])
                    continue
                if trap:
                    taken[number] = trap
                server.sendall(message)

        def down():
            while True:
                message, number, tag = read_message(server)
                if tag == FOUND and number in taken and taken[number].what == REFUSE:
                    continue
                trap = taken.pop(number, None) if tag in ANSWERS.values() else None
                if trap and trap.what == DELAY_ANSWER:
                    self.delay(trap)
                if trap is None or trap.what == DELAY_ANSWER:
                    with lock:
                        client.sendall(message)
                    continue
                if trap.what in (HOLD_ANSWER, LOSE_ANSWER):
                    self.lose(trap)
                trap.hit.set()
                if trap.what != SILENCE:
                    answer(trap, number, tag)
        both_ways(up, down, (client, server))
