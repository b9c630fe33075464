"""A proxy between an engine and its server, which cuts or stalls at a message drawn in advance."""

import socket
import threading
import time

SIZE = 1 << 16


class Proxy:
    """`faults`: kind -> the message of the client at which it strikes, counted over all connections.

    A kind is `cut` or `stall` or `kill`, `before` or `after`, and of any `message` or of a `commit`.
    """

    def __init__(self, host, port):
        self.target = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.counts, self.faults, self.struck, self.kill = {"message": 0, "commit": 0}, [], [], None
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, faults, kill=None):
        """`faults`: (what, when, of, at, seconds)."""
        with self.lock:
            self.counts = {"message": 0, "commit": 0}
            self.faults, self.struck, self.kill = list(faults), [], kill

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = Pair(self, client, server)
            threading.Thread(target=pair.forward, daemon=True).start()
            threading.Thread(target=pair.answer, daemon=True).start()

    def due(self, data):
        """The fault that strikes at these bytes of the client, if one does."""
        with self.lock:
            self.counts["message"] += 1
            is_commit = b"COMMIT" in data
            self.counts["commit"] += is_commit
            for fault in self.faults:
                of = fault[2]
                if (of == "message" or is_commit) and self.counts[of] == fault[3]:
                    self.faults.remove(fault)
                    self.struck.append(fault[:3])
                    return fault
        return None


class Pair:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.answering = None

    def close(self):
        for one in (self.client, self.server):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def strike(self, fault):
        """Does what is due; True where the connection goes on."""
        what, seconds = fault[0], fault[4]
        if what == "stall":
            time.sleep(seconds)
            return True
        if what == "kill":
            self.proxy.kill()
        self.close()
        return False

    def forward(self):
        try:
            while data := self.client.recv(SIZE):
                fault = self.proxy.due(data)
                if fault and fault[1] == "before":
                    if not self.strike(fault):
                        return
                elif fault:
                    self.answering = fault
                self.server.sendall(data)
        except OSError:
            pass
        self.close()

    def answer(self):
        try:
            while data := self.server.recv(SIZE):
                fault, self.answering = self.answering, None
                if fault and not self.strike(fault):
                    return
                self.client.sendall(data)
        except OSError:
            pass
        self.close()
