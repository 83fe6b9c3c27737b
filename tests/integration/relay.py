"""relay.py - a TCP relay in a process of its own that remembers what the server said.

    with Relay(("127.0.0.1", port)) as relay:
        ... clients connect to relay.port ...
        for text in relay.said():        # bytes of the server, one element for each connection
"""
import os
import selectors
import shutil
import socket
import tempfile


class Relay:
    def __init__(self, server):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]
        self.dir = tempfile.mkdtemp(prefix="squall-relay-")
        stop, self.stop = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.stop)
                self._run(server, stop)
            finally:
                os._exit(0)
        os.close(stop)
        self.listener.close()

    def _run(self, server, stop):
        """Small messages and loopback: what a socket does not take at once is a reason to give up."""
        poll = selectors.DefaultSelector()
        poll.register(stop, selectors.EVENT_READ)
        poll.register(self.listener, selectors.EVENT_READ)
        count = 0
        while True:
            for key, _ in poll.select():
                if key.fileobj == stop:
                    return
                if key.fileobj == self.listener:
                    client = self.listener.accept()[0]
                    peer = socket.create_connection(server)
                    said = open(os.path.join(self.dir, str(count)), "wb")
                    count += 1
                    poll.register(client, selectors.EVENT_READ, (peer, None))
                    poll.register(peer, selectors.EVENT_READ, (client, said))
                    continue
                to, said = key.data
                try:
                    text = key.fileobj.recv(65536)
                except ConnectionError:
                    text = b""
                if not text:
                    poll.unregister(key.fileobj)
                    poll.unregister(to)
                    key.fileobj.close()
                    to.close()
                    break  # the other one may stand in this list of events
                if said:
                    said.write(text)
                    said.flush()
                to.sendall(text)

    def said(self):
        for name in os.listdir(self.dir):
            with open(os.path.join(self.dir, name), "rb") as f:
                yield f.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.stop)
        os.waitpid(self.pid, 0)
        shutil.rmtree(self.dir, ignore_errors=True)
