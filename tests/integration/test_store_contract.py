#!/usr/bin/python3
"""The contract of every store: what squall/store.h promises, among processes and across their ends.

One class for each store that is tested says how to configure it. `test_store_contract.py redis` runs that one
alone.
"""
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from redis_server import RedisServer  # noqa: E402
from squall import FULL, Squalld, Tap, passed_on, wait_until  # noqa: E402

tap = Tap()
CONF = """
%s
roles = ( { plugin = "contract_store"; phase = "%s"; key = "%s"; %s } );
"""


class Store:
    """A store that several daemons use one after another, or together."""

    def __enter__(self):
        return self

    def daemon(self, phase, key="k", store="", role="", **more):
        return Squalld(CONF % (self.conf(store), phase, key, role), ready=False, **more)


class Local(Store):
    """The store in a SQLite file."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="squall-state-")
        self.file = os.path.join(self.dir, "store.db")

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def conf(self, more=""):
        return 'state_dir = "%s";\nstore = { plugin = "local"; %s };' % (self.dir, more)

    def sql(self, text):
        db = sqlite3.connect(self.file, timeout=30)
        rows = db.execute(text).fetchall()
        db.commit()
        db.close()
        return rows

    def clock_ahead(self):
        """Lets the store's clock be an hour ahead of the machine's; what it is then."""
        future = int(time.time() * 1000) + 3600 * 1000
        self.sql("UPDATE meta SET clock = %d" % future)
        return future

    def age_tombstones(self, ms):
        self.sql("UPDATE records SET updated = updated - %d WHERE life = 2" % ms)

    def ids(self):
        return [row[0] for row in self.sql("SELECT id FROM records")]


class Redis(Store):
    """The store in a Redis."""

    link = "tcp"

    def __init__(self):
        self.server = RedisServer(self.link)

    def __exit__(self, *_):
        self.server.close()

    def conf(self, more=""):
        return 'store = { plugin = "redis"; %s %s };' % (self.server.options(), more)

    def clock_ahead(self):
        future = int(time.time() * 1000) + 3600 * 1000
        self.server.client("HSET", "squall:{main}:store", "clock", future)
        return future

    def age_tombstones(self, ms):
        for name in self.server.client("ZRANGE", "squall:{main}:buried", 0, -1):
            self.server.client("ZINCRBY", "squall:{main}:buried", -ms, name)

    def ids(self):
        return [key.split(":r:")[1] for key in self.server.client("KEYS", "squall:{main}:r:*")]


class RedisUnix(Redis):
    link = "unix"


class RedisTls(Redis):
    link = "tls"


def run(state, phase, **more):
    with state.daemon(phase, **more) as d:
        tap.equal(d.wait(), 0, "phase %s passes" % phase)
        tap.ok(passed_on(tap, d.out), "and was walked to its end", d.log)
        tap.equal([line for line in d.log.splitlines() if " error " in line], [], "no error is logged")
        return d.out


def refused(state, what, *parts, **more):
    with state.daemon("keep", **more) as d:
        tap.equal(d.wait(), 1, what + ": not started")
        for part in parts:
            tap.contains(d.log, part, "and told why")


def contract(kind):
    with kind() as state:
        run(state, "main", key="")


def restart(kind):
    with kind() as state:
        first = run(state, "keep")
        future = state.clock_ahead()
        second = run(state, "kept")
        name = re.compile(r"^# id (\S+)$", re.M)
        tap.equal(name.search(second).group(1), name.search(first).group(1), "the store keeps its name")
        clock = int(re.search(r"^# clock (\d+)$", second, re.M).group(1))
        tap.ok(clock >= future, "its clock does not go back when the machine's does", clock)


def shared(kind):
    rounds = 200
    with kind() as state:
        with state.daemon("compete", role="rounds = %d;" % rounds) as a, \
             state.daemon("compete", role="rounds = %d;" % rounds) as b:
            tap.equal((a.wait(), b.wait()), (0, 0), "two processes write to one record")
            outs = a.out, b.out
        versions = [int(re.search(r"^# version (\d+)", out, re.M).group(1)) for out in outs]
        tap.equal(max(versions), 2 * rounds + 1, "and every write that succeeded is in its version")
        fences = [f for out in outs for f in re.findall(r"^# fence (\d+)$", out, re.M)]
        tap.ok(len(fences) >= 20 and len(set(fences)) == len(fences), "no fence is granted twice", fences)


def retention(kind):
    week = 7 * 24 * 3600 * 1000
    with kind() as state:
        run(state, "retention", store='retention = "1s";')
        # Those runs are too short for the reaper: one that stays, with a role that does nothing.
        with Squalld(state.conf('retention = "1s";') + 'roles = ( { plugin = "target"; listen = "127.0.0.1:0"; } );'):
            state.age_tombstones(week + 1000)
            wait_until(lambda: "k-ended" not in state.ids(), "the reaper")
        tap.ok("k-ended" not in state.ids(), "a tombstone goes after its own time")
        tap.equal(state.ids(), ["k-live"], "and nothing else")


# --- what only the local store promises ---

def blocks():
    with Local() as state:
        run(state, "main", key="", store="block = 7;")


def rebooted():
    with Local() as state:
        run(state, "keep")
        state.sql("UPDATE records SET boot = 'another' WHERE life = 0")
        with state.daemon("kept") as d:
            tap.equal(d.wait(), 1, "after a restart of the machine")
            tap.contains(d.out, "not ok 6 - whose lease is valid on the same boot", "leases are over")
            tap.contains(d.out, "not ok 7 - so nobody else gets it", "and can be had")


def refusals():
    with Squalld(CONF % ('store = { plugin = "local"; };', "keep", "k", ""), ready=False) as d:
        tap.equal(d.wait(), 1, "no state_dir: not started")
        tap.contains(d.log, "set state_dir", "and told why")
    with Local() as state:
        run(state, "keep")
        state.sql("PRAGMA user_version = 2")
        refused(state, "a newer format", "has format 2", "reads up to 1", "newer squall")
        state.sql("PRAGMA user_version = 1")
        state.sql("PRAGMA application_id = 77")
        refused(state, "a file of another program", "belongs to another program")
    with Local() as state:
        db = sqlite3.connect(state.file)
        db.execute("CREATE TABLE mine (x)")
        db.close()
        before = open(state.file, "rb").read()
        refused(state, "a foreign SQLite file", "belongs to another program", "another state_dir")
        tap.equal(open(state.file, "rb").read(), before, "and is left as it was")
    with Local() as state:
        with open(state.file, "wb") as f:
            f.write(b"this is no database\n" * 1000)
        refused(state, "no SQLite file", "damaged or no SQLite file", "move it away")
    with Local() as state:
        run(state, "keep")
        with open(state.file, "r+b") as f:
            f.seek(100)
            f.write(b"\xff" * 2000)
        refused(state, "a damaged file", "damaged")
    with Local() as state:
        os.mkdir(state.file)
        refused(state, "a folder in its place", "cannot open", "store.db")


def busy():
    with Local() as state:
        run(state, "keep")
        db = sqlite3.connect(state.file, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        with state.daemon("compete", store='busy_timeout = "100ms";') as d:
            tap.equal(d.wait(), 1, "another process keeps the file locked: not started")
            tap.contains(d.log, "locked by another process", "and told why")
        db.execute("ROLLBACK")
        db.close()


# --- what only the Redis promises ---

def counter_key():
    """The counter is what the system before us keeps: a plain integer under a plain key."""
    with Redis() as state:
        state.server.client("SET", "my_hits", 41)
        with Squalld(state.conf('key = "my_hits";') + 'roles = ( { plugin = "target"; listen = "127.0.0.1:0"; } );') as d:
            wait_until(lambda: d.get("/readyz").status == 200, "the target")
            tap.equal(d.post("/hit").json, {"total_hits": 42}, "a counter of another program goes on")
            tap.equal(state.server.client("GET", "my_hits"), "42", "as a plain integer")
            state.server.client("INCRBY", "my_hits", 8)
            tap.equal(d.get("/stats").json, {"total_hits": 50}, "which others may change")
            d.post("/reset")
            tap.equal(state.server.client("GET", "my_hits"), "0", "a reset sets it to 0")
            tap.equal([k for k in state.server.client("KEYS", "*") if not k.startswith("squall:{main}:")], ["my_hits"],
                      "everything else has one hash tag")


def script_lost():
    """SCRIPT FLUSH while it works: the script comes again, and nothing is lost or out of order."""
    with Redis() as state, state.daemon("compete", role="rounds = 300;") as d:
        flushed = 0
        while d.process.poll() is None:
            state.server.client("SCRIPT", "FLUSH")
            flushed += 1
            time.sleep(0.01)
        tap.ok(flushed > 3 and d.wait() == 0, "a server that forgets the script is given it again", flushed, d.out, d.log)
        tap.equal([line for line in d.log.splitlines() if " error " in line], [], "without a word")


def evicted():
    """What has ended may be taken by a server that is full; then it is a tombstone, and can never run again."""
    with Redis() as state:
        run(state, "keep")
        with state.daemon("kept") as d:
            d.wait()
        timed = [k for k in state.server.client("KEYS", "squall:*") if state.server.client("PTTL", k) >= 0]
        tap.equal(timed, [], "nothing of a live or deleted record has a time to live")
        with state.daemon("retention", store='retention = "1h";') as d:
            wait_until(lambda: state.server.client("PTTL", "squall:{main}:b:k-ended") > 0, "the end of the record")
            state.server.client("DEL", "squall:{main}:b:k-ended")
            d.wait()
            tap.contains(d.out, "- and a tombstone after its time", "a body that was evicted")
            tap.ok("not ok" not in d.out, "is one that was deleted", d.out)


def future_format():
    with Redis() as state:
        run(state, "keep")
        state.server.client("HSET", "squall:{main}:store", "format", 2)
        target = 'roles = ( { plugin = "target"; listen = "127.0.0.1:0"; } );'
        with Squalld(state.conf() + target, ready=False) as d:
            d.wait_log("has format 2, this program reads up to 1: use a newer squall")
            tap.equal(d.get("/readyz").status, 503, "a newer format is refused by name")
            time.sleep(0.5)
            tap.equal(len(d.lines("has format 2")), 1, "in one line")


KINDS = {"local": (Local, (blocks, rebooted, refusals, busy)),
         "redis": (Redis, (counter_key, script_lost, evicted, future_format)),
         "redis-unix": (RedisUnix, ()), "redis-tls": (RedisTls, ())}
SHORT = ("local", "redis", "redis-tls")

for which in sys.argv[1:] or (KINDS if FULL else SHORT):
    kind, own = KINDS[which]
    print("# store %s" % which)
    for part in (contract, restart, shared, retention):
        part(kind)
    for part in own:
        part()
tap.done()
