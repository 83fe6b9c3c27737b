"""backend.py - the same suite on every queue and store: local ones, and a Redis by each of its links.

    for backend in backends():
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

from redis_server import RedisServer


class Backend:
    """The transport and store of this machine. Another backend may own servers while its block runs."""

    name = "local"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        pass

    def of(self, text, state=None):
        return text

    def conf(self, state):
        """The lines of a system.State. A message that is not settled comes again after state.lock."""
        return self.of('transport = { plugin = "local"; lock = "%s"; }; store = { plugin = "local"; };' % state.lock,
                       state.dir)

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


class Given(Backend):
    """The transport that SQUALL_TEST_TRANSPORT holds, as a group of a .conf; whoever set it has its server."""

    name = "the given transport"

    def __init__(self, group):
        self.group = group

    def of(self, text, state=None):
        return re.sub(r"transport\s*=\s*\{[^}]*\};", lambda _: "transport = %s;" % self.group, text)


def backends(short=("local", "redis-tcp"), full=("local", "redis-tcp", "redis-unix", "redis-tls")):
    """Those named on the command line; else those of the short or the long form."""
    given = os.environ.get("SQUALL_TEST_TRANSPORT")
    if given:
        yield Given(given)
        return
    known = [LOCAL, Redis("tcp"), Redis("unix"), Redis("tls")]
    wanted = [a for a in sys.argv[1:] if a in [b.name for b in known]]
    wanted = wanted or (full if os.environ.get("SQUALL_TEST_FULL") else short)
    for b in known:
        if b.name in wanted:
            print("# on %s" % b.name)
            sys.stdout.flush()
            yield b
