# SPDX-License-Identifier: MIT
"""A gate between Postfix and the daemon. Kinds of operations are the letters of the milter protocol,
those of the daemon's answers with "<" before them."""

import os
import socket
import string

from .gate import Gate, both_ways, read_exactly

COMMANDS = tuple(string.ascii_uppercase)
ANSWERS = tuple("<" + letter for letter in string.ascii_letters + "+-")
END, DISCARD, DELETE_RECIPIENT = "E", "<d", "<-"


def read_packet(stream):
    head = read_exactly(stream, 4)
    body = read_exactly(stream, int.from_bytes(head, "big"))
    return head + body, chr(body[0])


class MilterGate(Gate):
    """Each packet can be held or lost on its way."""

    def __init__(self, path, target):
        self.path = path
        self.target = target
        super().__init__()

    def make_listener(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        os.chmod(self.path, 0o666)
        listener.listen(100)
        return listener

    def connect(self):
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.target)
        except OSError:
            server.close()
            raise
        return server

    def speak(self, client, server):
        def pass_on(source, sink, prefix):
            while True:
                packet, letter = read_packet(source)
                trap = self.meet(prefix + letter, packet)
                if trap:
                    self.lose(trap)
                sink.sendall(packet)
        both_ways(lambda: pass_on(client, server, ""), lambda: pass_on(server, client, "<"),
                  (client, server))
