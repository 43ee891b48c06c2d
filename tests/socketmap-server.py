# SPDX-License-Identifier: MIT
"""A socketmap server for tests: socketmap-server.py SOCKET TABLE.json

Listens at SOCKET and at a port of 127.0.0.1, and prints "PORT" when it does. The table maps keys of
the socketmap "table" to what is done: a text is sent as a reply; [STEP, ...] is done step by step:

    {"raw": "..."}       these bytes (as Latin-1), as they are
    {"reply": "..."}     a reply
    {"slowly": "..."}    a reply, in pieces of one byte
    {"much": N}          N bytes "x", as they are
    {"close": true}      the connection ends
    {"first": [...]}     these steps, but only once; the ones after it from then on
    {"wait": "PATH"}     until there is a file of this name
    {"touch": "PATH"}    makes a file of this name
    {"connections": true}  the number of connections so far, as a reply

Other keys are NOTFOUND, other socketmaps PERM. The table is read anew for each request; with
"SILENT.all" beside it no request is answered while that is there."""

import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time

lock = threading.Lock()
done, connections = set(), 0


def framed(data):
    return b"%d:%s," % (len(data), data)


def wait_for(condition):
    while not condition():
        time.sleep(0.005)


def act(stream, key, steps):
    for number, step in enumerate(steps):
        (word, value), = step.items()
        if word == "first":
            with lock:
                again = (key, number) in done
                done.add((key, number))
            if not again:
                return act(stream, key, value)
        elif word == "raw":
            stream.sendall(value.encode("latin-1"))
        elif word == "reply":
            stream.sendall(framed(value.encode()))
        elif word == "slowly":
            for byte in framed(value.encode()):
                stream.sendall(bytes([byte]))
        elif word == "much":
            stream.sendall(b"x" * value)
        elif word == "connections":
            stream.sendall(framed(b"OK %d" % connections))
        elif word == "wait":
            wait_for(lambda: os.path.exists(value))
        elif word == "touch":
            with open(value, "wb"):
                pass
        elif word == "close":
            stream.shutdown(socket.SHUT_RDWR)
            return False
    return True


def read_request(file):
    length = b""
    while not length.endswith(b":"):
        byte = file.read(1)
        if not byte:
            return None
        length += byte
    data = file.read(int(length[:-1]))
    assert file.read(1) == b",", data
    return data.decode()


def serve(stream, table):
    file = stream.makefile("rb")
    try:
        while True:
            request = read_request(file)
            if request is None:
                break
            wait_for(lambda: not os.path.exists(os.path.join(os.path.dirname(table), "SILENT.all")))
            name, _, key = request.partition(" ")
            with open(table, encoding="utf-8") as text:
                steps = json.load(text).get(key, "NOTFOUND ")
            if name != "table":
                steps = "PERM there is no such socketmap"
            if isinstance(steps, str):
                steps = [{"reply": steps}]
            if not act(stream, key, steps):
                break
    except OSError:
        pass
    finally:
        stream.close()


def listen(listener, table):
    global connections
    while True:
        stream, _ = listener.accept()
        with lock:
            connections += 1
        threading.Thread(target=serve, args=(stream, table), daemon=True).start()


PR_SET_PDEATHSIG = 1


def main():
    path, table = sys.argv[1:]
    # It ends with the test, however that ends.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.path.exists(path):
        os.unlink(path)
    local = socket.socket(socket.AF_UNIX)
    local.bind(path)
    os.chmod(path, 0o666)
    local.listen(50)
    inet = socket.socket()
    inet.bind(("127.0.0.1", 0))
    inet.listen(50)
    threading.Thread(target=listen, args=(inet, table), daemon=True).start()
    print(inet.getsockname()[1], flush=True)
    listen(local, table)


main()
