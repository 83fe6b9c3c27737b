"""hit_log.py - a target that writes down which tick of which test each request was.

The plan's requests say so in a header: HEADERS.
"""
import collections
import re
import selectors
import socket
import threading

HEADERS = {"X-Squall-Tick": "{{seq}}"}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HEAD = re.compile(rb"X-Squall-Test: (\S+)\r\nX-Squall-Tick: (\d+)\r\n")


class HitLog:
    def __init__(self):
        self.hits = collections.defaultdict(list)  # ticks of each test, in order of arrival
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._server.setblocking(False)
        self.port = self._server.getsockname()[1]
        self._ending, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self):
        return "http://127.0.0.1:%d/hit" % self.port

    def _serve(self):
        waiting = selectors.DefaultSelector()
        waiting.register(self._server, selectors.EVENT_READ, None)
        waiting.register(self._ending, selectors.EVENT_READ, "end")
        while True:
            for key, _ in waiting.select():
                if key.data == "end":
                    return
                if key.data is None:
                    peer, _ = self._server.accept()
                    waiting.register(peer, selectors.EVENT_READ, bytearray())
                elif not self._read(key.fileobj, key.data):
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()

    def _read(self, peer, data):
        try:
            got = peer.recv(65536)
            data += got
            while b"\r\n\r\n" in data:
                head, _, rest = bytes(data).partition(b"\r\n\r\n")
                found = HEAD.search(head + b"\r\n")
                if found:
                    self.hits[found.group(1).decode()].append(int(found.group(2)))
                data[:] = rest
                peer.sendall(ANSWER)
        except OSError:
            return False
        return bool(got)

    def close(self):
        self._wake.send(b"x")
        self._thread.join()
        self._server.close()
