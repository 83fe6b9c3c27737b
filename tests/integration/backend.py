"""backend.py - the same suite on every queue and store: local ones, and a Redis by each of its links.

    for backend in backends():
        with backend:
            Squalld(backend.conf(text, state))

The text is written for the local plugins. backend.conf() changes "local" into another name and says where that
is; it changes nothing else, and neither may whatever the suite sees. Suites with one state have one space in Redis.
"""
import os
import re
import sys
import uuid

from redis_server import RedisServer


class Local:
    name = "local"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def conf(self, text, state=None):
        return text


class Redis:
    def __init__(self, link):
        self.name, self.link, self.server = "redis-" + link, link, None

    def __enter__(self):
        self.server = RedisServer(self.link, aof=True)
        return self

    def __exit__(self, *_):
        self.server.close()

    def conf(self, text, state=None):
        space = re.sub("[^A-Za-z0-9]", "-", state or str(uuid.uuid4()))[-60:]
        redis = 'plugin = "redis"; %s' % self.server.options(space=space)
        text = re.sub(r'(store\s*=\s*\{\s*)plugin\s*=\s*"local";', r'\1%s key = "hits-%s";' % (redis, space), text)
        return re.sub(r'(transport\s*=\s*\{\s*)plugin\s*=\s*"local";', r'\1%s' % redis, text)


def backends():
    """Those named on the command line; else local and Redis by TCP, and in the long form all of them."""
    known = [Local(), Redis("tcp"), Redis("unix"), Redis("tls")]
    wanted = [a for a in sys.argv[1:] if a in [b.name for b in known]]
    if not wanted:
        wanted = [b.name for b in known] if os.environ.get("SQUALL_TEST_FULL") else ["local", "redis-tcp"]
    for b in known:
        if b.name in wanted:
            print("# on %s" % b.name)
            sys.stdout.flush()
            yield b
