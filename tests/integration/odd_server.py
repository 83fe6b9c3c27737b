"""odd_server.py - a target that misbehaves on request: the path of a request names the manner.

    with OddServer() as server:
        load(server.url("/never"))
        server.count("/never")
"""
import socket
import struct
import threading
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def status(code):
    if code == 204:
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    return b"HTTP/1.1 %d Whatever\r\nContent-Length: 4\r\n\r\noops" % code


class Gone(Exception):
    """The connection is to be closed."""


class OddServer:
    def __init__(self, family=socket.AF_INET, address="127.0.0.1", accepts=True):
        self.accepts = accepts  # False: every connection is closed at once
        self.counts = {}
        self.tests = set()  # what stood in X-Squall-Test
        self.lock = threading.Lock()
        self.connections = set()
        self.over = threading.Event()
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 0))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def url(self, path, host="127.0.0.1"):
        return "http://%s:%d%s" % (host, self.port, path)

    def count(self, path):
        with self.lock:
            return self.counts.get(path, 0)

    def close(self):
        """As if it was killed: nobody listens, connections are reset."""
        self.over.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            for connection in self.connections:
                self.reset(connection)

    @staticmethod
    def reset(connection):
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RD)
        except OSError:
            pass
        connection.close()

    def accept(self):
        while not self.over.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if not self.accepts:
                connection.close()
                continue
            with self.lock:
                self.connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                head, data = data.split(b"\r\n\r\n", 1)
                self.answer(connection, head.decode())
        except (Gone, OSError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            connection.close()

    def answer(self, connection, head):
        path = head.split()[1]
        with self.lock:
            self.counts[path] = self.counts.get(path, 0) + 1
            self.tests.update(line.split(": ")[1] for line in head.split("\r\n") if line.startswith("X-Squall-Test"))
        manner = getattr(self, "do_" + path[1:], None)
        if manner:
            manner(connection)
        elif path[1:].isdigit():
            connection.sendall(status(int(path[1:])))
        else:
            connection.sendall(OK)

    # --- good manners ---

    @staticmethod
    def do_slow(connection):
        time.sleep(0.09)
        connection.sendall(OK)

    @staticmethod
    def do_bytewise(connection):
        for byte in OK:
            connection.sendall(bytes([byte]))

    @staticmethod
    def do_chunked(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")

    @staticmethod
    def do_close(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
        raise Gone

    @staticmethod
    def do_until_close(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        raise Gone

    @staticmethod
    def do_interim(connection):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)

    @staticmethod
    def do_quits(connection):
        """Keep-alive is promised and not kept."""
        connection.sendall(OK)
        raise Gone

    @staticmethod
    def do_redirect(connection):
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/login?x=1\r\nContent-Length: 0\r\n\r\n")

    # --- bad manners ---

    @staticmethod
    def do_gone(_):
        raise Gone

    @staticmethod
    def do_early(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nhi")
        raise Gone

    def do_reset(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nhi")
        self.reset(connection)
        raise Gone

    @staticmethod
    def do_garbage(connection):
        connection.sendall(b"220 mail.example ESMTP\r\n\r\n")

    @staticmethod
    def do_two_lengths(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!")

    @staticmethod
    def do_extra(connection):
        connection.sendall(OK + b"and more")

    def do_never(self, _):
        self.over.wait(60)
        raise Gone

    def do_stall(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nhi")
        self.over.wait(60)
        raise Gone
