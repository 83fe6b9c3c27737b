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
    scheme = "http"

    def __init__(self, family=socket.AF_INET, address="127.0.0.1", accepts=True, port=0):
        self.accepts = accepts  # False: every connection is closed at once
        self.counts = {}
        self.tests = set()  # what stood in X-Squall-Test
        self.lock = threading.Lock()
        self.connections = set()
        self.over = threading.Event()
        self.accepted = 0  # connections so far
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address if family == socket.AF_UNIX else (address, port))
        self.listener.listen(256)
        self.port = None if family == socket.AF_UNIX else self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def url(self, path, host="127.0.0.1"):
        return "%s://%s:%d%s" % (self.scheme, host, self.port, path)

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
            self.accepted += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def wrap(self, connection):
        """What is read from and written to in place of the socket."""
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def serve(self, connection):
        data = b""
        raw = connection
        try:
            connection = self.wrap(raw)
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
                self.connections.discard(raw)
            connection.close()
            raw.close()

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

    @staticmethod
    def do_early_hints(connection):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)

    @staticmethod
    def do_http10(connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nold and whole")
        raise Gone

    @staticmethod
    def do_http10_keep(connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi")

    @staticmethod
    def do_not_modified(connection):
        """The length is that of a body that does not come."""
        connection.sendall(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n")

    @staticmethod
    def do_length(connection):
        """For HEAD: the same."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")

    @staticmethod
    def do_split(connection):
        """Cut where a parser may stumble: inside of names, between CR and LF, in the size of a chunk."""
        for part in (b"HT", b"TP/1.1 2", b"00 OK\r", b"\nTransfer-Enco", b"ding: chu", b"nked\r\n\r", b"\n1", b"0\r",
                     b"\n0123456789abcd", b"ef\r\n", b"0\r\nTrailer: x\r\n", b"\r", b"\n"):
            connection.sendall(part)
            time.sleep(0.001)

    @staticmethod
    def do_big_head(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                           + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 900) for i in range(70)) + b"\r\nhi")

    @staticmethod
    def do_lengths_agree(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi")

    @staticmethod
    def do_swallow(connection):
        """Begins late to read a body, which ends in END."""
        time.sleep(0.03)
        more, last = b"x", b""
        while more and last != b"END":
            more = connection.recv(65536)
            last = (last + more)[-3:]
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
        raise Gone

    @staticmethod
    def do_too_early(connection):
        """The answer comes before the request was read, and the rest never is."""
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        time.sleep(0.2)
        raise Gone

    # --- bad manners ---

    @staticmethod
    def do_huge_head(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000)
        connection.sendall(b"\r\n\r\n")

    @staticmethod
    def do_both_framings(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")

    @staticmethod
    def do_bad_length(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi")

    @staticmethod
    def do_bad_chunk(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\nhi")

    @staticmethod
    def do_coding(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi")

    @staticmethod
    def do_nul(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nhi")

    @staticmethod
    def do_http2(connection):
        connection.sendall(b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff")

    def do_endless(self, connection):
        """A body that never ends, in chunks."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not self.over.is_set():
            connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
            time.sleep(0.002)

    def do_endless_interim(self, connection):
        while not self.over.is_set():
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
            time.sleep(0.002)

    def do_half_head(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        raise Gone

    def do_reset_at_once(self, connection):
        self.reset(connection)
        raise Gone

    @staticmethod
    def do_once(connection):
        """Keep-alive is promised; the next request meets a closed connection."""
        connection.sendall(OK)
        connection.recv(65536)
        raise Gone

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
