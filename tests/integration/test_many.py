#!/usr/bin/python3
"""Several gateways and orchestrators on one queue: each test runs exactly once, whoever takes it; every gateway
answers for all; an orchestrator that is told to stop hands over what it has not started."""
import collections
import http.client
import json
import os
import signal
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import backends
from many import LONG, SHORT, Part, gateway, orchestrator, target
from squall import FULL, Tap, free_port, wait_until
from system import TERMINAL, total

TESTS = 50 if FULL else 16


class Many:
    """Two gateways, the first with the target; orchestrators are started by name."""

    def __init__(self, state, backend):
        port = free_port()
        self.state, self.backend, self.url = state, backend, "http://127.0.0.1:%d/hit" % port
        self.parts = {}
        self.g1 = self.start("g1", [gateway(self.url), target(port)])
        self.g2 = self.start("g2", [gateway(self.url)])

    def start(self, name, roles):
        self.parts[name] = Part(self.state, self.backend, roles)
        return self.parts[name]

    def orchestrate(self, name, **more):
        return self.start(name, [orchestrator(self.url, **more)])

    def stop(self, tap):
        for name in sorted(self.parts):
            if self.parts[name].process.poll() is None:
                tap.equal(self.parts[name].stop(), 0, name + " stops in order")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for part in self.parts.values():
            part.close()


def owner_of(test):
    """Who took it."""
    return next(step["by"] for step in test["history"] if step["state"] == "provisioning")


def test_each_once(tap, state, backend):
    with Many(state, backend) as m:
        gateways = [m.g1, m.g2]
        ids = [gateways[i % 2].submit(hits_per_sec=20, duration_sec=0.5, workers=1) for i in range(TESTS)]
        tap.equal([m.g2.show(i)["state"] for i in ids], ["queued"] * TESTS, "nobody takes tests yet")
        m.orchestrate("A", most=3)
        m.orchestrate("B", most=3)
        ended = [m.g2.end(i, patience=200) for i in ids]
        # On a machine that has no time for them workers may hear of the start too late: then they send nothing,
        # and the test says so. It is not run again.
        late = [t for t in ended if t["reason"] == "not_armed" or t["ledger"]["dropped"]["worker_lost"] == 10]
        good = [t for t in ended if t not in late]
        bad = [(t["test_id"], t["state"], t["reason"], t["detail"]) for t in good if t["state"] != "completed"]
        tap.ok(not bad, "%d tests and two orchestrators: all come to their end" % TESTS, bad,
               *[line for name in "AB" for b in bad for line in m.parts[name].lines(b[0])])
        tap.ok(len(late) <= TESTS // 2, "and most of them in time", [t["detail"] for t in late])
        off = [(t["test_id"], t["audit"], t["ledger"]) for t in good
               if t["audit"] != {"status": "equal", "sent": 10, "counted": 10} or total(t["ledger"]) != 10]
        tap.ok(not off, "the target counted each test's requests, once", json.dumps(off))
        tap.equal(m.g1.get("/stats").json["total_hits"], 10 * len(good), "and no other")
        again = [t["history"] for t in ended if [s["state"] for s in t["history"]].count("running") > 1]
        tap.ok(not again, "each was started once", again)
        shares = collections.Counter(owner_of(t) for t in ended)
        tap.ok(len(shares) == 2 and min(shares.values()) >= TESTS // 8, "both took their part", shares)
        m.stop(tap)


def events(part, test_id):
    """The names of all events of a test, to its end."""
    connection = http.client.HTTPConnection(*part.address("gateway"), timeout=60)
    connection.request("GET", "/tests/%s/events" % test_id)
    answer = connection.getresponse()
    names, state = [], None
    for line in answer:
        if line.startswith(b"event: "):
            names.append(line[7:].strip().decode())
        elif line.startswith(b"data: ") and names and names[-1] in ("state", "result", "end"):
            state = json.loads(line[6:]).get("state", state)
        if state in TERMINAL:
            break
    connection.close()
    return names, state


def test_any_gateway(tap, state, backend):
    with Many(state, backend) as m:
        m.orchestrate("A")
        test_id = m.g1.submit(hits_per_sec=50, duration_sec=2, workers=1)
        names, last = events(m.g2, test_id)
        tap.equal(last, "completed", "the other gateway streams a test to its end")
        tap.ok(len(names) > 3, "event by event", names)
        tap.equal(m.g1.show(test_id), m.g2.show(test_id), "both show the same")
        tap.equal(m.g1.get("/tests/%s/timeline" % test_id).json, m.g2.get("/tests/%s/timeline" % test_id).json,
                  "and the same timeline")
        tap.equal(m.g1.get("/tests").json, m.g2.get("/tests").json, "and list the same")
        long = m.g2.submit(hits_per_sec=50, duration_sec=60, workers=1)
        m.g1.wait_state(long, "running")
        tap.equal(m.g1.post("/tests/%s/cancel" % long).status, 202, "what the one took the other cancels")
        tap.equal(m.g2.end(long)["state"], "cancelled", "and both know")
        key = {"Idempotency-Key": "the same", "Content-Type": "application/json"}
        plan = {"hits_per_sec": 10, "duration_sec": 1, "workers": 1}
        first, second = (g.post("/tests", plan, headers=key).json for g in (m.g1, m.g2))
        tap.equal(first["test_id"], second["test_id"], "the same key at both is one test")
        tap.equal(m.g1.end(first["test_id"])["audit"]["counted"], 10, "which runs once")
        m.stop(tap)


def one_that_has_not_started(gateway):
    """Being started; on a busy machine it may have gone on before we look, and then another one is tried."""
    while True:
        test_id = gateway.submit(hits_per_sec=20, duration_sec=1, workers=2)
        test = gateway.wait_state(test_id, "provisioning", "ready", "armed", "running", "draining", *TERMINAL)
        if test["state"] in ("provisioning", "ready"):
            return test_id
        gateway.end(test_id)


def test_handed_over(tap, state, backend):
    """A, which is told to stop, has one that runs and one that has not started; two more wait."""
    with Many(state, backend) as m:
        a = m.orchestrate("A", most=2, ttl="5s")
        running = m.g1.submit(hits_per_sec=20, duration_sec=60, workers=1)
        m.g1.wait_state(running, "running")
        unstarted = one_that_has_not_started(m.g1)
        a.send_signal(signal.SIGTERM)  # at once: it starts within half a second
        waiting = [m.g1.submit(hits_per_sec=20, duration_sec=1, workers=1) for _ in range(2)]
        b = m.orchestrate("B", ttl="5s")
        test = m.g2.end(unstarted)
        tap.equal((test["state"], test["adoptions"]), ("completed", 1), "what had not started runs at the other one")
        tap.equal(test["audit"]["counted"], 20, "once")
        tap.equal([m.g2.end(i)["state"] for i in waiting], ["completed"] * 2, "and so does what waited")
        test = m.g2.end(running)
        tap.equal((test["state"], test["reason"]), ("failed", "orchestrator_stopped"),
                  "what ran ends with its workers, and says why")
        tap.ok(test["ledger"]["balanced"] and total(test["ledger"]) == 1200, "its ledger balances",
               json.dumps(test["ledger"]))
        tap.equal(a.wait(), 0, "the one that was stopped is gone in order")
        wait_until(lambda: not b.workers(), "no worker is left")
        m.stop(tap)


def main():
    tap = Tap()
    for backend in backends(tap, SHORT, LONG):
        for test in (test_each_once, test_any_gateway, test_handed_over):
            with tempfile.TemporaryDirectory() as state, backend:
                test(tap, state, backend)
    tap.done()


main()
