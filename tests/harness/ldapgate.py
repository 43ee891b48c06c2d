# SPDX-License-Identifier: MIT
"""A way to the directory that can be held, or cut, when an operation of a kind comes by."""

import socket
import threading

# Tags of the operations of RFC 3062, as LDAP writes them.
REQUEST, RESPONSE = 0x77, 0x78
# And of an entry that is added (RFC 4511).
ADD = 0x68


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionAbortedError
        data += more
    return data


def read_message(stream):
    """One LDAP message as it is, and the tag of its operation."""
    head = read_exactly(stream, 2)
    length, more = head[1], b""
    if length & 0x80:
        more = read_exactly(stream, length & 0x7F)
        length = int.from_bytes(more, "big")
    body = read_exactly(stream, length)
    return head + more + body, body[2 + body[1]]


class LdapGate:
    def __init__(self, nursery, target):
        self.port = nursery.port()
        self.uri = "ldap://127.0.0.1:%d" % self.port
        self.target = target
        self.held = threading.Event()  # something is held, or was cut
        self._hold = None  # (tag, what it waits for)
        self._cut = None
        self._open = threading.Event()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(20)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def hold(self, tag):
        """The next such operation waits, and never arrives. What is held before is released."""
        self.release()
        self.held.clear()
        self._open = threading.Event()
        self._hold = tag, self._open

    def release(self):
        """What is held goes, and nothing will be."""
        self._hold = None
        self._open.set()

    def cut(self, tag):
        """The connection ends when the next such operation comes; the ones after it pass."""
        self.held.clear()
        self._cut = tag

    def _accept(self, listener):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while True:
                message, tag = read_message(source)
                hold = self._hold
                if hold and hold[0] == tag:
                    self._hold = None
                    self.held.set()
                    hold[1].wait()
                    raise ConnectionAbortedError
                if self._cut == tag:
                    self._cut = None
                    self.held.set()
                    raise ConnectionAbortedError
                sink.sendall(message)
        except OSError:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
