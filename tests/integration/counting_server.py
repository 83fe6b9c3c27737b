#!/usr/bin/python3
"""counting_server.py - a target that counts the requests of each test, and outlives every daemon.

    with Counter() as counter:
        load(counter.url)
        counter.count(test_id)

It is a process of its own with one thread, so that it answers in time whatever the test does.
"""
import collections
import http.client
import os
import re
import selectors
import socket
import subprocess
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


class Counter:
    def __init__(self, address="127.0.0.1"):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), address], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.address, self.port = address, int(self.process.stdout.readline())
        self.url = "http://%s:%d/hit" % (address, self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def count(self, test_id):
        """What has arrived of this test, and was read."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=30)
        connection.request("GET", "/count/" + test_id)
        n = int(connection.getresponse().read())
        connection.close()
        return n

    def close(self):
        self.process.kill()
        self.process.communicate()


class Server:
    def __init__(self, address):
        self.counts = collections.Counter()
        self.ready = selectors.DefaultSelector()
        self.listener = socket.create_server((address, 0), backlog=1024)
        self.ready.register(self.listener, selectors.EVENT_READ)
        self.ready.register(sys.stdin, selectors.EVENT_READ)

    def run(self):
        print(self.listener.getsockname()[1], flush=True)
        while True:
            for key, _ in self.ready.select():
                if key.fileobj is sys.stdin:
                    return  # who started it is gone
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.ready.register(connection, selectors.EVENT_READ, [b""])
                else:
                    self.serve(key.fileobj, key.data)

    def serve(self, connection, kept):
        try:
            more = connection.recv(65536)
            *heads, kept[0] = (kept[0] + more).split(b"\r\n\r\n")
            for head in heads:
                connection.sendall(self.answer(head))
        except OSError:
            more = b""
        if not more:
            self.ready.unregister(connection)
            connection.close()

    def answer(self, head):
        asked = re.match(rb"GET /count/(\S+)", head)
        test = re.search(rb"\r\nX-Squall-Test: (\S+)", head)
        if test:
            self.counts[test.group(1)] += 1
        text = b"%d" % self.counts[asked.group(1)] if asked else b"hi"
        return ANSWER % (len(text), text)


if __name__ == "__main__":
    Server(sys.argv[1]).run()
