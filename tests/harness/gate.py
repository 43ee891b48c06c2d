# SPDX-License-Identifier: MIT
"""What the gates before servers have in common: they pass on what is said, until a trap that a test
has set takes one operation."""

import socket
import threading

from .servers import connects

# What befalls the operation that a trap takes. "Lost" is: the connection is cut.
HOLD = "hold"                # it waits until it is let go, and then it is lost
HOLD_ANSWER = "hold answer"  # it is done; its answer waits until it is let go, and then it is lost
DELAY_ANSWER = "delay"       # it is done; its answer comes when it is let go
LOSE = "lose"                # it is lost on its way
LOSE_ANSWER = "lose answer"  # it is done; its answer is lost
REFUSE = "refuse"            # it is not done, and answered with the trap's code
SAY = "say"                  # it is done, and answered with the trap's code
SILENCE = "silence"          # it is done, and not answered; the connection stays
HALF = "half"                # it is done; in the middle of its answer the connection is cut


class Trap:
    """Takes the number-th operation (from 1), or with times so many from there on, of the kinds
    (None: of all) whose bytes have words in them."""

    def __init__(self, what, number=1, kinds=None, words=b"", times=1, code=0):
        self.what = what
        self.number = number
        self.kinds = kinds
        self.words = words
        self.times = times
        self.code = code
        self.seen = 0  # operations that fit
        self.hit = threading.Event()  # what it does has begun
        self.gone = threading.Event()

    def takes(self, kind, data):
        if (self.kinds is not None and kind not in self.kinds) or self.words not in data:
            return False
        self.seen += 1
        return self.number <= self.seen < self.number + self.times

    def let_go(self):
        self.gone.set()


class Gate:
    """Listens for a client, connects to the server for it, and lets speak() pass on what is said
    until that raises OSError; then both ends are closed."""

    def __init__(self):
        self._traps = ()
        self._lock = threading.Lock()
        self._listener = None
        self._ends = set()
        self.listen()

    # --- for those who know the protocol ---

    def make_listener(self):
        raise NotImplementedError

    def connect(self):
        raise NotImplementedError

    def speak(self, client, server):
        raise NotImplementedError

    def meet(self, kind, data):
        """The trap that takes this operation, or None. All that fit have seen it."""
        with self._lock:
            taken = [trap for trap in self._traps if trap.takes(kind, data)]
        return taken[0] if taken else None

    def lose(self, trap):
        """Raises, after it has waited where that is asked for."""
        trap.hit.set()
        if trap.what in (HOLD, HOLD_ANSWER):
            trap.gone.wait()
        raise ConnectionAbortedError

    @staticmethod
    def delay(trap):
        trap.hit.set()
        trap.gone.wait()

    # --- for tests ---

    def set(self, *traps):
        """These, and no others, from now on; returns the first."""
        with self._lock:
            before, self._traps = self._traps, traps
        for trap in before:
            trap.let_go()
        return traps[0] if traps else None

    def release(self):
        """What is held is let go; no trap is set any more."""
        self.set()

    def cut(self):
        """All connections that there are."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            shut(end)

    def listen(self):
        self._listener = self.make_listener()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def away(self):
        """Connecting is refused from now on, until listen()."""
        # close() alone would leave the other thread's accept() listening.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            server = self.connect()
        except OSError:
            client.close()
            return
        with self._lock:
            self._ends |= {client, server}
        try:
            self.speak(client, server)
        except OSError:
            pass
        with self._lock:
            self._ends -= {client, server}
        for end in (client, server):
            shut(end)
            end.close()


class PortGate(Gate):
    """Between a port of loopback and a server's."""

    def __init__(self, nursery, target):
        self.port = nursery.port()
        self.target = target
        super().__init__()

    def make_listener(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(100)
        return listener

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.target))

    def away(self):
        super().away()
        assert not connects(self.port)


def shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def read_exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        if not more:
            raise ConnectionAbortedError
        data += more
    return data


def both_ways(up, down, ends):
    """Runs the two halves of a conversation that need not take turns; the end of one ends both."""
    def half(function):
        try:
            function()
        except OSError:
            pass
        for end in ends:
            shut(end)
    other = threading.Thread(target=half, args=(down,), daemon=True)
    other.start()
    half(up)
    other.join()
