#!/usr/bin/python3
"""The store local: the contract of every store, what outlives a process, what is refused at start."""
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from squall import Squalld, Tap, passed_on, wait_until  # noqa: E402

tap = Tap()
CONF = """
state_dir = "%s";
store = { plugin = "local"; %s };
roles = ( { plugin = "contract_store"; phase = "%s"; key = "%s"; %s } );
"""


class State:
    """A state_dir that several daemons use one after another, or together."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="squall-state-")
        self.file = os.path.join(self.dir, "store.db")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def daemon(self, phase, key="k", store="", role="", **more):
        return Squalld(CONF % (self.dir, store, phase, key, role), ready=False, **more)

    def sql(self, text):
        db = sqlite3.connect(self.file, timeout=30)
        rows = db.execute(text).fetchall()
        db.commit()
        db.close()
        return rows


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


def contract():
    with State() as state:
        run(state, "main", key="")
    with State() as state:
        run(state, "main", key="", store="block = 7;")


def restart():
    with State() as state:
        first = run(state, "keep")
        future = int(time.time() * 1000) + 3600 * 1000
        state.sql("UPDATE meta SET clock = %d" % future)
        second = run(state, "kept")
        name = re.compile(r"^# id (\S+)$", re.M)
        tap.equal(name.search(second).group(1), name.search(first).group(1), "the store keeps its name")
        clock = int(re.search(r"^# clock (\d+)$", second, re.M).group(1))
        tap.ok(clock >= future, "its clock does not go back when the machine's does", clock)
        state.sql("UPDATE records SET boot = 'another' WHERE life = 0")
        with state.daemon("kept") as d:
            tap.equal(d.wait(), 1, "after a restart of the machine")
            tap.contains(d.out, "not ok 6 - whose lease is valid on the same boot", "leases are over")
            tap.contains(d.out, "not ok 7 - so nobody else gets it", "and can be had")


def shared():
    rounds = 200
    with State() as state:
        with state.daemon("compete", role="rounds = %d;" % rounds) as a, \
             state.daemon("compete", role="rounds = %d;" % rounds) as b:
            tap.equal((a.wait(), b.wait()), (0, 0), "two processes write to one record")
            outs = a.out, b.out
        versions = [int(re.search(r"^# version (\d+)", out, re.M).group(1)) for out in outs]
        tap.equal(max(versions), 2 * rounds + 1, "and every write that succeeded is in its version")
        fences = [f for out in outs for f in re.findall(r"^# fence (\d+)$", out, re.M)]
        tap.ok(len(fences) >= 20 and len(set(fences)) == len(fences), "no fence is granted twice", fences)


def retention():
    week = 7 * 24 * 3600 * 1000
    with State() as state:
        run(state, "retention", store='retention = "1s";')
        state.sql("UPDATE records SET updated = updated - %d WHERE life = 2" % (week + 1000))
        with state.daemon("keep", key="again", store='retention = "1s";') as d:
            d.wait()
        # That run was too short for the reaper: one that stays, with a role that does nothing.
        with Squalld(CONF.replace("contract_store", "target").replace('phase = "%s"; key = "%s";', 'listen = "%s%s";')
                     % (state.dir, 'retention = "1s";', "127.0.0.1:", "0", "")):
            gone = wait_until(lambda: not state.sql("SELECT 1 FROM records WHERE id = 'k-ended'"), "the reaper")
        tap.ok(gone, "a tombstone goes after its own time")
        tap.equal(len(state.sql("SELECT 1 FROM records WHERE id = 'k-live'")), 1, "and nothing else")


def refusals():
    with Squalld(CONF.replace('state_dir = "%s";', "") % ("", "keep", "k", ""), ready=False) as d:
        tap.equal(d.wait(), 1, "no state_dir: not started")
        tap.contains(d.log, "set state_dir", "and told why")
    with State() as state:
        run(state, "keep")
        state.sql("PRAGMA user_version = 2")
        refused(state, "a newer format", "has format 2", "reads up to 1", "newer squall")
        state.sql("PRAGMA user_version = 1")
        state.sql("PRAGMA application_id = 77")
        refused(state, "a file of another program", "belongs to another program")
    with State() as state:
        db = sqlite3.connect(state.file)
        db.execute("CREATE TABLE mine (x)")
        db.close()
        before = open(state.file, "rb").read()
        refused(state, "a foreign SQLite file", "belongs to another program", "another state_dir")
        tap.equal(open(state.file, "rb").read(), before, "and is left as it was")
    with State() as state:
        with open(state.file, "wb") as f:
            f.write(b"this is no database\n" * 1000)
        refused(state, "no SQLite file", "damaged or no SQLite file", "move it away")
    with State() as state:
        run(state, "keep")
        with open(state.file, "r+b") as f:
            f.seek(100)
            f.write(b"\xff" * 2000)
        refused(state, "a damaged file", "damaged")
    with State() as state:
        os.mkdir(state.file)
        refused(state, "a folder in its place", "cannot open", "store.db")


def busy():
    with State() as state:
        run(state, "keep")
        db = sqlite3.connect(state.file, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        with state.daemon("compete", store='busy_timeout = "100ms";') as d:
            tap.equal(d.wait(), 1, "another process keeps the file locked: not started")
            tap.contains(d.log, "locked by another process", "and told why")
        db.execute("ROLLBACK")
        db.close()


contract()
restart()
shared()
retention()
refusals()
busy()
tap.done()
