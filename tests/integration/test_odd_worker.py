#!/usr/bin/python3
"""Workers that speak the control protocol as no worker of ours does: one that takes another's place, one whose
numbers are impossible, one that changes its mind. The processes that the scheduler starts are only there."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from squall import Tap, wait_until
from system import State, System, environ

HISTS = ("pickup", "wait", "lag", "service", "response", "dns", "connect", "tls", "first_byte", "receive")
HEALTH = ("elapsed_ns", "cpu_ns", "throttled_ns", "run_queue_ns", "steal_ns", "loop_lag_p99_ns", "retransmits",
          "segments", "fd_exhausted", "port_exhausted")


def ledger(**more):
    return dict({"scheduled": 0, "sent": {"on_time": 0, "late": 0}, "unsent": {"dns": 0, "connect": 0, "tls": 0},
                 "dropped": {"max_in_flight": 0, "patience": 0, "aborted": 0, "fenced": 0, "worker_lost": 0},
                 "unconfirmed": 0, "ok": 0, "http_error": {}, "check_failed": 0,
                 "error": {"reset": 0, "timeout": 0, "protocol": 0}, "in_flight_at_end": 0, "balanced": True}, **more)


class Worker:
    """One that is played by the test. name: what the scheduler calls it."""

    def __init__(self, d, test_id, uid):
        self.d, self.uid, self.seq = d, uid, 0
        env = environ(wait_until(lambda: d.workers(test_id), "a process of the scheduler")[0])
        self.name, self.token = env["SQUALL_WORKER"], env["SQUALL_TOKEN"]
        self.path = "/control/tests/%s/workers" % test_id
        self.directive = None

    def post(self, path, body):
        answer = self.d.post(path, body, headers={"Authorization": "Bearer " + self.token}, role="orchestrator")
        if answer.status == 200:
            self.directive = answer.json["directive"]
        return answer

    def register(self):
        return self.post(self.path, {"format": 1, "uid": self.uid, "name": self.name, "plan_sha256": "", "version": "1",
                                     "limits": {"files": 0, "cpus": 0}, "clock": {"unix_ns": 0}})

    def report(self, state, **more):
        self.seq += 1
        now = self.directive or {"epoch": 0, "fence": 0}
        return self.post("%s/%s" % (self.path, self.uid), dict({
            "uid": self.uid, "seq": self.seq, "state": state, "epoch": now["epoch"], "fence": now["fence"],
            "elapsed_ns": 0, "final": False, "stop_ack": False, "problem": None,
            "clock": {"error_ns": -1, "round_trip_ns": 0, "start_lag_ns": -1},
            "health": dict.fromkeys(HEALTH, -1), "ledger": ledger(), "status": {},
            "hist": dict.fromkeys(HISTS), "connections": dict.fromkeys(("opened", "reused", "tls_full", "tls_resumed"), 0),
            "bytes": {"sent": 0, "received": 0},
            "live": dict.fromkeys(("in_flight", "pending", "picked", "late_unsent", "last_sent_ns"), 0),
            "slowest": [], "errors": {k: [] for k in ("reset", "timeout", "protocol", "http", "check", "unsent")},
            "warmup": None, "requests": []}, **more))

    def until(self, word, state):
        """Reports this state until it is told that."""
        def told():
            answer = self.report(state)
            assert answer.status == 200, answer.text
            return self.directive["state"] == word
        wait_until(told, "the directive " + word, every=0.05)

    def run(self):
        """From its place to T0."""
        assert self.register().status == 200
        self.until("arm", "ready")
        self.until("run", "armed")
        wait_until(lambda: time.time_ns() >= self.directive["t0_unix_ns"], "T0")


def test_replaced(tap, d):
    test_id = d.submit(hits_per_sec=10, duration_sec=1, workers=1)
    first, second = Worker(d, test_id, "first"), Worker(d, test_id, "second")
    tap.equal(first.register().status, 200, "a worker gets the place")
    first.report("ready", clock={"error_ns": 5 * 10 ** 9, "round_trip_ns": 0, "start_lag_ns": -1})
    second.run()
    wait_until(lambda: second.report("ended", final=True, elapsed_ns=10 ** 9, ledger=ledger(
        scheduled=10, dropped={"max_in_flight": 0, "patience": 10, "aborted": 0, "fenced": 0, "worker_lost": 0}),
        live={"in_flight": 0, "pending": 0, "picked": 10, "late_unsent": 0, "last_sent_ns": 0}).status != 200, "its end")
    test = d.end(test_id)
    tap.equal(test["workers"], {"planned": 1, "armed": 1, "reported": 1, "lost": []},
              "whose process was started anew before T0 counts once")
    tap.equal(test["generator"]["clock_error_ms"], None, "nothing is kept of who had its place before")
    tap.ok(test["ledger"]["balanced"], "the ledger balances")


def test_impossible(tap, d):
    test_id = d.submit(hits_per_sec=10, duration_sec=60, workers=1)
    w = Worker(d, test_id, "boaster")
    w.run()
    most = 2 ** 53
    answer = w.report("running", elapsed_ns=10 ** 9, ledger=ledger(scheduled=most, sent={"on_time": most, "late": 0}),
                      live={"in_flight": most, "pending": 0, "picked": most, "late_unsent": 0, "last_sent_ns": 1})
    tap.equal(answer.status, 200, "a worker with more under way than there can be is heard")
    tap.equal(d.cancel(test_id), 202, "and the test can be cancelled")
    tap.equal(d.end(test_id)["state"], "cancelled", "which ends it")


def test_fickle(tap, d):
    test_id = d.submit(hits_per_sec=10, duration_sec=60, workers=1)
    w = Worker(d, test_id, "fickle")
    w.register()
    w.report("ended", problem={"reason": "target_unreachable", "detail": "nobody is there"})
    w.report("ended", problem={"reason": "another", "detail": "this says something else"})
    w.report("ended")
    test = d.end(test_id)
    tap.equal((test["state"], test["reason"]), ("failed", "target_unreachable"), "the first reason stays")
    tap.contains(test["detail"], "nobody is there", "with its words")


def main():
    tap = Tap()
    with State() as state, System(state, orchestrator='report_timeout = "20s";') as d:
        with open(os.path.join(state.dir, "worker.conf"), "w", encoding="utf-8") as f:
            f.write('state_dir = "%s/idle"; store = { plugin = "local"; };\n'
                    'roles = ( { plugin = "target"; listen = "127.0.0.1:0"; } );\n' % state.dir)
        for test in (test_replaced, test_impossible, test_fickle):
            test(tap, d)
        tap.equal(d.stop(), 0, "and it stops in order")
    tap.done()


main()
