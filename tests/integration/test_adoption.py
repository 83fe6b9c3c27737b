#!/usr/bin/python3
"""Two orchestrators, and one of them falls asleep beyond its lease or is killed: the other adopts the test with
its workers alive; the sleeper changes nothing any more."""
import glob
import json
import os
import signal
import sqlite3
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import backends
from many import LONG, SHORT, Part, gateway, orchestrator, target
from squall import Tap, free_port, wait_until
from system import state_of, total, whole


class Pair:
    """A gateway with a target, and orchestrators A and B."""

    def __init__(self, state, backend, **more):
        self.state = state
        port = free_port()
        self.url = "http://127.0.0.1:%d/hit" % port
        ports = {name: free_port() for name in "AB"}
        self.urls = {name: "http://127.0.0.1:%d" % ports[name] for name in "AB"}
        self.parts = []
        self.g = self.add(state, backend, [gateway(self.url), target(port)])

        def start(name):
            return self.add(state, backend, [orchestrator(self.url, listen="127.0.0.1:%d" % ports[name],
                                                          others=self.urls.values(), **more)])
        self.a = start("A")
        self.start_b = lambda: start("B")
        self.b = None

    def add(self, state, backend, roles):
        part = Part(state, backend, roles)
        self.parts.append(part)
        return part

    def run(self, **plan):
        """A test that runs on A, since B is not there yet."""
        test_id = self.g.submit(**plan)
        self.g.wait_state(test_id, "running", "failed")
        if "warmup_sec" not in plan:
            wait_until(lambda: self.g.show(test_id).get("live"), "a first point:\n" + self.a.log)
        self.b = self.start_b()
        return test_id

    def put_to_sleep(self):
        """A, and where there are SQLite files between its writes: who sleeps in one keeps the file from everybody."""
        files = [sqlite3.connect(path, timeout=60, isolation_level=None)
                 for path in glob.glob(os.path.join(self.state, "*.db"))]
        for f in files:
            f.execute("BEGIN IMMEDIATE")
        self.a.send_signal(signal.SIGSTOP)
        wait_until(lambda: state_of(self.a.process.pid) == "T", "A to be asleep")
        for f in files:
            f.execute("ROLLBACK")
            f.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for part in self.parts:
            if part.process.poll() is None:
                part.process.send_signal(signal.SIGCONT)
            part.close()


def alive(pid):
    return state_of(pid) not in ("Z", "gone")


def test_asleep(tap, state, backend):
    with Pair(state, backend) as p:
        test_id = p.run(hits_per_sec=100, duration_sec=12, workers=3)
        path, headers = "/control/tests/%s/workers" % test_id, {"Authorization": "Bearer " + p.a.token()}
        answer = p.b.post(path, {}, headers=headers)
        tap.equal((answer.status, answer.headers["Location"]), (307, p.urls["A"] + path),
                  "who does not own the test names who does")
        tap.equal(p.b.post(path, {}, headers={"Authorization": "Bearer x"}).status, 401, "but not to strangers")
        workers = p.a.workers()
        p.put_to_sleep()
        p.b.wait_log("adopted in state running")
        tap.ok(True, "the other orchestrator adopts the test of one that sleeps")
        before = p.g.get("/stats").json["total_hits"]
        wait_until(lambda: p.g.get("/stats").json["total_hits"] > before + 20, "more hits")
        tap.ok(all(alive(pid) for pid in workers), "its workers live, and go on")
        p.a.send_signal(signal.SIGCONT)
        p.a.wait_log("given up")
        tap.ok(True, "who wakes up gives it up")
        tap.equal(p.a.workers(), workers, "and kills no process")
        answer = p.a.post(path, {}, headers=headers)
        tap.equal((answer.status, answer.headers["Location"]), (307, p.urls["B"] + path), "it names the new owner")
        test = p.g.end(test_id)
        tap.equal((test["state"], test["reason"]), ("completed", None), "the test completes")
        whole(tap, test, "adopted")
        tap.equal(test["workers"]["lost"], [], "nobody was lost", )
        tap.equal(test["audit"], {"status": "equal", "sent": 1200, "counted": 1200},
                  "the target counted each request, once")
        tap.equal([step["state"] for step in test["history"]],
                  ["queued", "provisioning", "ready", "armed", "running", "draining", "completed"],
                  "the history has each state once")
        who = {step["state"]: step["by"] for step in test["history"]}
        tap.ok(who["running"] != who["completed"], "its end is the adopter's", who)
        wait_until(lambda: not any(alive(pid) for pid in workers), "the workers to be gone:\n" + p.b.log)
        tap.ok(True, "no worker is left")
        tap.ok(not [line for line in p.a.lines("state=") if "state=draining" in line or "state=completed" in line],
               "the sleeper decided nothing any more", p.a.log)
        second = p.g.end(p.g.submit(hits_per_sec=20, duration_sec=1, workers=1))
        tap.equal(second["state"], "completed", "and both take tests again")
        for part in p.parts[::-1]:
            tap.equal(part.stop(), 0, "it stops in order")


def test_asleep_and_cancelled(tap, state, backend):
    """The adopter stops workers that are another process's children."""
    with Pair(state, backend) as p:
        test_id = p.run(hits_per_sec=50, duration_sec=60, workers=2)
        workers = p.a.workers()
        p.put_to_sleep()
        p.b.wait_log("adopted in state running")
        # One of them hears nothing, so that only the scheduler can end it.
        os.kill(workers[0], signal.SIGSTOP)
        tap.equal(p.g.post("/tests/%s/cancel" % test_id).status, 202, "the adopted test is cancelled")
        test = p.g.end(test_id)
        tap.equal((test["state"], test["reason"]), ("cancelled", "cancelled"), "and ends so")
        whole(tap, test, "cancelled")
        tap.ok(not any(alive(pid) for pid in workers), "its workers are ended, though they are another's children")


def test_asleep_and_spread(tap, state, backend):
    """until_tick comes from the store, and is raised by the adopter."""
    with Pair(state, backend, report_timeout="3s") as p:
        test_id = p.run(hits_per_sec=60, duration_sec=14, workers=3, on_worker_loss="redistribute")
        workers = p.a.workers()
        p.put_to_sleep()
        p.b.wait_log("adopted in state running")
        os.kill(workers[1], signal.SIGKILL)
        p.b.wait_log("others send its requests")
        p.a.send_signal(signal.SIGCONT)
        test = p.g.end(test_id)
        tap.equal(test["state"], "completed", "redistributed by the adopter")
        whole(tap, test, "redistributed")
        tap.ok(test["audit"]["status"] in ("equal", "within"), "the audit holds", json.dumps(test["audit"]))
        tap.equal(len(test["workers"]["lost"]), 1, "one was lost")


def test_asleep_in_warmup(tap, state, backend):
    """The owner sleeps, and a worker is killed, before the load begins."""
    with Pair(state, backend, report_timeout="3s") as p:
        test_id = p.run(hits_per_sec=60, duration_sec=6, warmup_sec=9, workers=3, on_worker_loss="redistribute")
        workers = p.a.workers()
        p.put_to_sleep()
        p.b.wait_log("adopted in state running")
        os.kill(workers[1], signal.SIGKILL)
        p.b.wait_log("others send its requests")
        p.a.send_signal(signal.SIGCONT)
        test = p.g.end(test_id)
        tap.equal(test["state"], "completed", "redistributed in the warm-up, by the adopter")
        whole(tap, test, "adopted in the warm-up")
        ledger = test["warmup"]["ledger"]
        tap.ok(ledger["balanced"] is True and total(ledger) == 540, "and so is the warm-up's", json.dumps(ledger))
        tap.equal(test["ledger"]["ok"], 360, "others sent all of its load")
        tap.equal(test["audit"], {"status": "equal", "sent": 360, "counted": 360}, "the target counted that, once")
        points = p.g.get("/tests/%s/timeline" % test_id).json["points"]
        tap.equal([point["t"] for point in points], list(range(6)), "its timeline begins with the load")


def test_killed(tap, state, backend):
    with Pair(state, backend) as p:
        test_id = p.run(hits_per_sec=50, duration_sec=60, workers=2)
        workers = p.a.workers()
        p.a.send_signal(signal.SIGKILL)
        test = p.g.end(test_id)
        tap.equal((test["state"], test["reason"]), ("failed", "orchestrator_lost"),
                  "killed: its workers die with it, and the other one says so")
        whole(tap, test, "killed")
        tap.ok(not any(alive(pid) for pid in workers), "no worker is left when it says so")


def main():
    tap = Tap()
    for backend in backends(tap, SHORT, LONG):
        for test in (test_asleep, test_asleep_and_cancelled, test_asleep_and_spread, test_asleep_in_warmup,
                     test_killed):
            with tempfile.TemporaryDirectory() as state, backend:
                test(tap, state, backend)
    tap.done()


main()
