"""backend.py - the same suite on every queue and store: local ones, a Redis by each of its links, and the queue of
Azure Service Bus beside either store.

    for backend in backends(tap):
        with backend:
            Squalld(backend.of(text, state))

The text of a .conf is written for the local plugins. of() changes "local" into another name and says where that
is; it changes nothing else, and neither may whatever the suite sees. The same state (the path of a folder) is the
same queue and the same store; without one they are new.
"""
import os
import re
import sqlite3
import sys
import uuid

import servicebus
from redis_server import RedisServer
from squall import FULL


class Backend:
    """The transport and store of this machine. Another backend may own servers while its block runs."""

    name = "local"

    @staticmethod
    def missing():
        """Why it cannot be had on this machine, or None."""
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        pass

    def of(self, text, state=None):
        return text

    def conf(self, state):
        """The lines of a system.State. A message that is not settled comes again after state.lock, state.deliveries
        times in all."""
        return self.of('transport = { plugin = "local"; lock = "%s"; max_deliveries = %d; }; '
                       'store = { plugin = "local"; };' % (state.lock, state.deliveries), state.dir)

    def waiting(self, state, test_id=None):
        """Messages of a system.State (of this test) that are not settled."""
        with sqlite3.connect("file:%s/queue.db?mode=ro" % state.dir, uri=True) as db:
            return db.execute("SELECT count(*) FROM messages WHERE id = ?1 OR ?1 IS NULL", [test_id]).fetchone()[0]


LOCAL = Backend()


class Redis(Backend):
    """Its systems have a space each."""

    def __init__(self, link):
        self.name, self.link, self.server = "redis-" + link, link, None
        self.more = {}  # options of both plugins

    def __enter__(self):
        self.server = RedisServer(self.link, aof=True)
        return self

    def close(self):
        self.server.close()

    @staticmethod
    def space(state):
        return re.sub("[^A-Za-z0-9]", "-", state or str(uuid.uuid4()))[-60:]

    def of(self, text, state=None):
        space = self.space(state)
        redis = 'plugin = "redis"; %s' % self.server.options(space=space, **self.more)
        text = re.sub(r'(store\s*=\s*\{\s*)plugin\s*=\s*"local";', r'\1%s key = "hits-%s";' % (redis, space), text)
        return re.sub(r'(transport\s*=\s*\{\s*)plugin\s*=\s*"local";', r'\1%s' % redis, text)

    def waiting(self, state, test_id=None):
        """test_id: those who ask have one test in a state."""
        return self.server.client("XLEN", "squall:{%s}:jobs" % self.space(state.dir))


class ServiceBus(Backend):
    """Beside the store of another backend. Its systems have a queue each."""

    missing = staticmethod(servicebus.missing)

    def __init__(self, beside=LOCAL):
        self.name, self.beside, self.broker = "servicebus" + ("" if beside is LOCAL else "-redis"), beside, None

    def __enter__(self):
        self.queues = set()
        self.beside.__enter__()
        self.broker = servicebus.Broker()
        self.secret = self.broker.secret()
        return self

    def close(self):
        self.broker.close()
        self.beside.close()

    def queue(self, text, state):
        """The queue of a state, which is made for the first text: with the lock that stands there."""
        name = Redis.space(state)
        if name not in self.queues:
            lock = re.search(r'transport[^}]*lock\s*=\s*"(\d+)s"', text)
            self.broker.control("create", name=name, lock_ms=1000 * int(lock.group(1) if lock else 30))
            self.queues.add(name)
        return name

    def of(self, text, state=None):
        bus = 'plugin = "servicebus"; connection_string = "file:%s"; queue = "%s";' % (
            self.secret, self.queue(text, state))
        text = re.sub(r'(transport\s*=\s*\{\s*)plugin\s*=\s*"local";', r'\1%s' % bus, text)
        return self.beside.of(text, state)

    def waiting(self, state, test_id=None):
        queue = self.broker.state(Redis.space(state.dir))
        return len([m for m in queue["waiting"] + queue["locked"] if test_id in (None, m["id"])])

    def dead(self):
        """The reasons of all dead letters."""
        return [m["reason"] for name in self.queues for m in self.broker.state(name)["dead"]]


def backends(tap, short=("local", "redis-tcp"), full=("local", "redis-tcp", "redis-unix", "redis-tls")):
    """Those named on the command line; else those of the short or the long form. One that cannot be had is skipped."""
    known = [LOCAL, Redis("tcp"), Redis("unix"), Redis("tls"), ServiceBus(), ServiceBus(Redis("tcp"))]
    wanted = [a for a in sys.argv[1:] if a in [b.name for b in known]]
    wanted = wanted or (full if FULL else short)
    for b in known:
        if b.name not in wanted:
            continue
        why = b.missing()
        if why:
            tap.skip("all of it on %s" % b.name, why)
            continue
        print("# on %s" % b.name)
        sys.stdout.flush()
        yield b
