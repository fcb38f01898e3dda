#!/usr/bin/env python3
"""cut.py PORT:TARGET_PORT... - the agent's network, to be cut: TCP forwarders on loopback.

Writes "ready" to stdout once all ports listen. SIGUSR1 cuts (connections are reset, new ones refused at once),
SIGUSR2 mends. Ends on SIGTERM, and by itself after an hour.
"""
import selectors
import signal
import socket
import struct
import sys
import threading
import time

cut = threading.Event()
pairs_lock = threading.Lock()
pairs = set()


def reset(sock):
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    except OSError:
        pass


def pump(a, b):
    sel = selectors.DefaultSelector()
    sel.register(a, selectors.EVENT_READ, b)
    sel.register(b, selectors.EVENT_READ, a)
    with pairs_lock:
        pairs.add((a, b))
    open_sides = 2
    try:
        while open_sides and not cut.is_set():
            for key, _ in sel.select(0.2):
                data = key.fileobj.recv(65536)
                if data:
                    key.data.sendall(data)
                else:
                    sel.unregister(key.fileobj)
                    open_sides -= 1
                    key.data.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    finally:
        with pairs_lock:
            pairs.discard((a, b))
        reset(a) if cut.is_set() else a.close()
        reset(b) if cut.is_set() else b.close()


def serve(listener, target):
    while True:
        conn, _ = listener.accept()
        if cut.is_set():
            reset(conn)
            continue
        try:
            out = socket.create_connection(("127.0.0.1", target), timeout=5)
            out.settimeout(None)
        except OSError:
            reset(conn)
            continue
        threading.Thread(target=pump, args=(conn, out), daemon=True).start()


def main():
    signal.signal(signal.SIGUSR1, lambda *_: cut.set())
    signal.signal(signal.SIGUSR2, lambda *_: cut.clear())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ports = []
    for spec in sys.argv[1:]:
        port, target = (int(x) for x in spec.split(":"))
        listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        ports.append(str(listener.getsockname()[1]))
        threading.Thread(target=serve, args=(listener, target), daemon=True).start()
    print("ready", *ports, flush=True)
    end = time.monotonic() + 3600
    while time.monotonic() < end:
        time.sleep(0.2)


main()
