#!/usr/bin/python3
"""What a result says of a worker without CPU time, and of one that was killed in the middle of much load.

SQUALL_TEST_FULL=1: the loss happens in 2 million requests of 8 workers, which takes four minutes.
"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from squall import Tap
from system import FULL, Stalls, State, System, wait_until, whole, workers_of


class Quota:
    """A control group with a tenth of a CPU, cgroup v1 or v2; why is set where it cannot be made."""

    def __init__(self):
        self.why = self.path = None
        v2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
        path = "/sys/fs/cgroup%s/squall-test-%d" % ("" if v2 else "/cpu", os.getpid())
        try:
            if v2:
                with open("/sys/fs/cgroup/cgroup.subtree_control", "w", encoding="ascii") as f:
                    f.write("+cpu")
            os.mkdir(path)
            self.path = path
            values = {"cpu.max": "10000 100000"} if v2 else {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "10000"}
            for name, value in values.items():
                self.write(name, value)
        except OSError as e:
            self.why = "no control group for the CPU can be made: %s" % e

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.path:
            wait_until(self.gone, "the end of the group")

    def gone(self):
        try:
            os.rmdir(self.path)
        except OSError:
            return False
        return True

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as f:
            f.write(value)


def throttled(test):
    return [r for r in test["validity"]["reasons"] if "throttled" in r["what"]]


def test_throttled(tap, d):
    with Quota() as quota:
        if quota.why:
            tap.skip("a worker without CPU time", quota.why)
            return
        test_id = d.submit(hits_per_sec=6000, duration_sec=3, workers=2)
        one = wait_until(lambda: workers_of(test_id), "a worker")[0]
        quota.write("cgroup.procs", str(one))
        test = d.end(test_id)
    whole(tap, test, "one of two workers has a tenth of a CPU")
    tap.equal(test["state"], "completed", "it is a test like any other")
    tap.equal(test["validity"]["status"], "invalid", "but its numbers cannot be trusted")
    reasons = throttled(test)
    tap.ok(reasons and reasons[0]["cure"] and "%" in reasons[0]["value"], "because the container was throttled, with the cure",
           test["validity"])
    tap.ok(test["verdict"] != "pass", "so it is no pass", test["verdict"])
    tap.ok(test["audit"]["status"] in ("equal", "within"), "nothing is wrong with its books", test["audit"])


def test_not_throttled(tap, d):
    test = d.end(d.submit(hits_per_sec=1000, duration_sec=1, workers=2))
    tap.equal(throttled(test), [], "without a quota nobody is throttled")


def test_loss(tap, d, rate, seconds):
    workers, planned = 8, rate * seconds
    with Stalls() as stalls:
        test_id = d.submit(hits_per_sec=rate, duration_sec=seconds, workers=workers)
        test = d.wait_state(test_id, "running")
        d.wait_sent(test_id, seconds // 2, patience=seconds + 60)
        time.sleep(0.5)  # it sends what it has not reported yet
        os.kill(d.workers(test_id)[3], signal.SIGKILL)
        killed = time.time()
        test = d.end(test_id, patience=seconds + 90)
    name = "one of 8 workers is killed in {:,} requests".format(planned)
    whole(tap, test, name)
    ledger, audit, share = test["ledger"], test["audit"], rate / workers
    tap.equal((test["state"], test["workers"]["planned"], test["workers"]["reported"]), ("completed", 8, 8),
              "the others go on, and what it had reported counts")
    tap.equal(len(test["workers"]["lost"]), 1, "it is named")
    sent = sum(ledger["sent"].values())
    least = sent - ledger["error"]["reset"] - ledger["error"]["timeout"] - ledger["in_flight_at_end"]
    tap.ok(audit["status"] in ("equal", "within") and least <= audit["counted"] <= sent + ledger["unconfirmed"],
           "the target counted what the audit allows", "%d <= %s <= %d" % (least, audit, sent + ledger["unconfirmed"]))
    spare = 2 + stalls.worst()
    tap.note("counted %s, sent %d, unconfirmed %d, worker_lost %d, longest stall %.2f s" % (
        audit["counted"], sent, ledger["unconfirmed"], ledger["dropped"]["worker_lost"], stalls.worst()))
    tap.ok(0 < ledger["unconfirmed"] <= spare * share, "nobody can know of at most two seconds of its share",
           "%d of at most %.1f s x %.0f" % (ledger["unconfirmed"], spare, share))
    left = seconds - (killed - stamp(test["started_at"]))
    lost = ledger["dropped"]["worker_lost"]
    tap.ok((left - spare) * share <= lost <= (left + spare) * share, "the rest of its share is worker_lost",
           "%d of %.2f s x %.0f" % (lost, left, share))
    tap.equal(sum(n for kind, n in ledger["dropped"].items() if kind in ("aborted", "fenced")), 0, "and nothing else")
    tap.ok(test["validity"]["status"] != "valid" and any("lost" in r["what"] for r in test["validity"]["reasons"]),
           "the result says so", test["validity"])


def stamp(text):
    """Seconds since 1970 of a stamp as the result has it."""
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def main():
    tap = Tap()
    with State() as state, System(state, orchestrator='report_timeout = "20s";') as d:
        test_throttled(tap, d)
        test_not_throttled(tap, d)
        if FULL:
            test_loss(tap, d, 10000, 200)
        else:
            test_loss(tap, d, 800, 8)
        tap.equal(d.stop(), 0, "it stops in order")
    tap.done()


main()
