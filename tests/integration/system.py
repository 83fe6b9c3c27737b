"""system.py - whole systems for the integration tests: gateway, queue, orchestrator, workers and target.

    with State() as state:
        with System(state) as d:
            test_id = d.submit(hits_per_sec=100, duration_sec=1, workers=2)
            d.wait_state(test_id, "running")
            d.send_signal(signal.SIGKILL)
            d.wait()
        with System(state) as d:            # the next daemon on the same state
            test = d.end(test_id)

A backend (backend.py) says which transport and store are under test, so that each pair of them passes the same suite.
"""
import json
import os
import re
import shutil
import signal
import tempfile
import threading
import time

import squall
from backend import LOCAL
from squall import BUILD, FULL, PLUGINS, Squalld, free_port

TERMINAL = ("completed", "failed", "cancelled", "timed_out")

with open(os.path.join(BUILD, "config.h"), encoding="utf-8") as _f:
    HAS_FAILPOINTS = re.search(r"^#define SQ_FAILPOINTS 1", _f.read(), re.M) is not None



def wait_until(what, why, patience=60):
    """squall.wait_until, but looking less often: whole systems take their time, and the machine has other work."""
    return squall.wait_until(what, why, patience, 0.05)


ROLES = """
  { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "%(url)s"; allowed_targets = ( %(gateway_allows)s ); },
  { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "%(url)s"; allowed_targets = ( %(allows)s );
    lease_ttl = "%(ttl)s"; %(orchestrator)s }"""
TARGET = """,
  { plugin = "target"; listen = "127.0.0.1:%d"; }"""


class State:
    """A folder that outlives its daemons, and their target's port."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="squall-state-")
        self.target = free_port()
        self.lock, self.deliveries = "30s", 8

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)


class Daemon(Squalld):
    """A daemon with a gateway, or with workers, or both."""

    # --- tests ---

    def submit(self, key=None, **plan):
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        answer = self.post("/tests", plan, headers=headers, role="gateway")
        assert answer.status == 202, answer.text
        return answer.json["test_id"]

    def cancel(self, test_id):
        return self.post("/tests/%s/cancel" % test_id, role="gateway").status

    def show(self, test_id):
        return self.get("/tests/" + test_id, role="gateway").json

    def wait_state(self, test_id, *states, patience=60):
        def reached():
            test = self.show(test_id)
            return test if test["state"] in states else None
        return wait_until(reached, lambda: "%s in %s:\n%s" % (test_id, states, self.log), patience)

    def wait_sent(self, test_id, least, patience=60):
        """Until the record's live point says that something was sent."""
        def sent():
            live = self.show(test_id).get("live")
            return live and live["t"] + 1 >= least
        wait_until(sent, lambda: "a point of %s:\n%s" % (test_id, self.log), patience)

    def end(self, test_id, patience=90):
        return self.wait_state(test_id, *TERMINAL, patience=patience)

    # --- processes ---

    def workers(self, test_id=None):
        return workers_of(test_id, [self.process.pid])

    def token(self):
        return environ(self.workers()[0])["SQUALL_TOKEN"]


class System(Daemon):
    """Everything in one process; the state outlives it.

    url: the default target; without it the process has a target of its own, at the state's port.
    gateway_allows, allows: further targets. orchestrator: options of the role. failpoint: see failpoint.h.
    """

    def __init__(self, state, backend=LOCAL, url=None, gateway_allows=(), allows=(), orchestrator="",
                 failpoint=None, env=None, ttl="1s", **more):
        self.hit = url or "http://127.0.0.1:%d/hit" % state.target
        worker_conf = os.path.join(state.dir, "worker.conf")
        with open(worker_conf, "w", encoding="utf-8") as f:
            f.write('roles = ( { plugin = "worker"; } );\n')
        roles = ROLES % {"url": self.hit, "orchestrator": orchestrator, "ttl": ttl,
                         "gateway_allows": ", ".join(map(json.dumps, gateway_allows)),
                         "allows": ", ".join(map(json.dumps, allows))}
        conf = 'state_dir = "%s"; %s\nscheduler = { plugin = "fork"; worker_conf = "%s"; };\nroles = (%s%s\n);\n' % (
            state.dir, backend.conf(state), worker_conf, roles, "" if url else TARGET % state.target)
        env = dict(env or {}, SQUALL_PLUGIN_DIR=PLUGINS)
        if failpoint:
            env["SQUALL_FAILPOINT"] = failpoint
        super().__init__(conf, env=env, **more)

    def wait_stopped(self):
        """Until a failpoint has stopped it (SIGSTOP)."""
        def stopped():
            if self.process.poll() is not None:
                raise RuntimeError("squalld ended with %d:\n%s" % (self.process.returncode, self.log))
            return state_of(self.process.pid) == "T"
        wait_until(stopped, lambda: "the failpoint\n" + self.log)

    def go_on(self):
        self.send_signal(signal.SIGCONT)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        super().close()


# --- processes of this machine ---

def environ(pid):
    try:
        with open("/proc/%d/environ" % pid, "rb") as f:
            pairs = (v.split(b"=", 1) for v in f.read().split(b"\0") if b"=" in v)
            return {k.decode(): v.decode("utf-8", "replace") for k, v in pairs}
    except OSError:
        return {}


def stat(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()
    except OSError:
        return ["gone", "0"]


def state_of(pid):
    return stat(pid)[0]


def parent(pid):
    return int(stat(pid)[1])


def workers_of(test_id, daemons=None):
    """The worker processes of a test, in order of their names, whoever started them, or daemons (pids) did. Those of
    all tests (None) only with daemons: others may run tests on this machine too."""
    assert test_id is not None or daemons is not None
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        env = environ(pid)
        if "SQUALL_TEST_ID" in env and test_id in (None, env["SQUALL_TEST_ID"]) and state_of(pid) != "Z" and \
                (daemons is None or parent(pid) in daemons):
            found.append((env.get("SQUALL_WORKER", ""), pid))
    return [pid for _, pid in sorted(found)]


# --- this machine ---

class Stalls:
    """How long this machine let us wait at most: on a busy one everything comes later by as much."""

    def __enter__(self):
        self.seen, self.over = [(0, 0)], threading.Event()  # when, how long
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def watch(self):
        last = time.monotonic()
        while not self.over.wait(0.02):
            now = time.monotonic()
            if now - last > 0.07:
                self.seen.append((now, now - last - 0.02))
            last = now

    def worst(self, since=0):
        return max(length for when, length in self.seen if when >= since or not when)


# --- what must be true at the end of a test ---

def total(ledger):
    sent = sum(ledger["sent"].values())
    return sent + sum(ledger["unsent"].values()) + sum(ledger["dropped"].values()) + ledger["unconfirmed"]


def whole(tap, test, name):
    """Whatever happened, every request is in one class, and adds up to what was asked for."""
    ledger, plan = test["ledger"], test["effective_plan"]
    tap.ok(ledger["balanced"] is True, name + ": the ledger balances", json.dumps(ledger))
    tap.equal(total(ledger), plan["hits_per_sec"] * plan["duration_sec"], name + ": every request is in it")

