#!/usr/bin/python3
"""What happens to a test when its daemon or its workers fail at each step of its life, or a request on the way.

The short form takes the places where something is decided; SQUALL_TEST_FULL=1 takes them all.
"""
import json
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import LOCAL
from faults import Suite, hold, on_backends
from system import FULL, HAS_FAILPOINTS, TERMINAL, parent, wait_until, workers_of

# --- the daemon is killed, and another one comes ------------------------------------------------------

NOT_RUN_AGAIN = ("failed orchestrator_lost", "completed")
# Where, and how the test ends under the next daemon.
KILLS = [
    ("before:store.put", ("completed",)),  # the gateway's: there is no record
    ("before:transport.publish", ("completed",)),  # a record without a message
    ("after:transport.publish", ("completed",)),  # the client does not know
    ("before:store.lease", ("completed",)),
    ("after:store.lease", ("completed",)),
    ("before:write.provisioning", ("completed",)),
    ("after:write.provisioning", ("completed",)),
    ("before:transport.settle", ("completed",)),
    ("after:transport.settle", ("completed",)),
    ("before:scheduler.prepare", ("completed",)),
    ("after:scheduler.prepare", ("completed",)),
    ("before:scheduler.resume", ("completed",)),
    ("after:scheduler.resume", ("completed",)),
    ("before:write.ready", ("completed",)),
    ("after:write.ready", ("completed",)),
    ("before:write.t0", ("completed",)),
    ("after:write.t0", ("failed orchestrator_lost",)),
    ("before:write.armed", ("failed orchestrator_lost",)),
    ("after:write.armed", ("failed orchestrator_lost",)),
    ("before:write.running", ("failed orchestrator_lost",)),
    ("after:write.running", ("failed orchestrator_lost",)),
    ("before:store.append", ("failed orchestrator_lost",)),
    ("after:store.append", ("failed orchestrator_lost",)),
    ("before:store.part_put", ("failed orchestrator_lost",)),
    ("after:store.part_put", ("failed orchestrator_lost",)),
    ("before:write.draining", NOT_RUN_AGAIN),
    ("after:write.draining", NOT_RUN_AGAIN),
    ("before:scheduler.stop", NOT_RUN_AGAIN),
    ("after:scheduler.stop", NOT_RUN_AGAIN),
    ("before:write.completed", ("completed",)),
    ("after:write.completed", ("completed",)),
]
KILLS_SHORT = ("before:transport.publish", "after:store.lease", "before:transport.settle", "after:scheduler.resume",
               "before:write.t0", "after:write.t0", "after:write.running", "before:write.completed")


def kill_daemon(case, point, ends):
    first = case.daemon(point + "=kill")
    case.submit(first)
    case.killed(first)
    second = case.daemon()
    case.submit(second)  # the client that heard nothing asks again
    case.settle(second, *ends)
    case.stop(second)


def killed_in_the_end(case, point, stop, ends):
    """Something ends the test early, and the daemon is killed on the way: the next one finishes what was begun."""
    first = case.daemon(point + "=kill")
    case.submit(first, duration_sec=30)
    first.wait_state(case.test_id, "running")
    stop(case, first)
    case.killed(first)
    second = case.daemon()
    case.settle(second, *ends)
    case.stop(second)


def by_cancel(case, d):
    case.tap.equal(d.cancel(case.test_id), 202, "the cancel is taken")


def by_sigterm(_, d):
    d.send_signal(signal.SIGTERM)


def by_loss(case, _):
    for pid in workers_of(case.test_id):
        os.kill(pid, signal.SIGKILL)


# What ends it, the end, and how it ends under the next daemon: a cancel is in the record, the rest may not be.
EARLY_ENDS = [("cancel", by_cancel, "cancelled", ("cancelled cancelled",)),
              ("SIGTERM", by_sigterm, "failed", ("failed orchestrator_stopped", "failed orchestrator_lost")),
              ("loss of all workers", by_loss, "failed", ("failed workers_lost", "failed orchestrator_lost"))]
EARLY_POINTS = ["before:write.draining", "after:write.draining", "before:scheduler.stop", "after:scheduler.stop",
                "before:write.%s", "after:write.%s"]
EARLY_SHORT = ("before:write.draining", "before:write.%s")


def lost_again_and_again(case):
    """Three daemons in a row are killed before the start: the fourth does not try again."""
    for _ in range(3):
        d = case.daemon("after:scheduler.resume=kill")
        case.submit(d)
        case.killed(d)
    last = case.daemon()
    test = case.settle(last, "failed adoption_limit")
    case.tap.equal(case.counter.count(case.test_id), 0, "nothing was sent")
    case.tap.ok(test["started_at"] is None, "it never began")
    case.stop(last)


# --- held at a place: something happens, and it goes on ---------------------------------------------

# Each state: its message is with an orchestrator, then with workers as soon as there are any.
QUEUED = ["before:store.lease", "after:store.lease", "before:write.provisioning"]
HOLDS = ["after:scheduler.resume", "after:write.ready", "after:write.t0", "after:write.armed", "after:write.running",
         "after:write.draining"]
STARTED = HOLDS[2:]


def kill_worker(case, point):
    d = hold(case, point)
    os.kill(workers_of(case.test_id)[0], signal.SIGKILL)
    d.go_on()
    if point in STARTED:
        test = case.settle(d, "completed")
        case.tap.ok(len(test["workers"]["lost"]) == 1 or test["ledger"]["unconfirmed"] == 0, "the worker is named, or had said all",
                    json.dumps(test["workers"]), json.dumps(test["ledger"]))
    else:
        case.settle(d, "failed workers_lost")
    case.stop(d)


def freeze_worker(case, point):
    """SIGSTOP, for ever: SIGCONT would come after the end of the test, and there must be nobody left to get it."""
    d = hold(case, point, {"timeout_ms": 1000}, orchestrator='provisioning_timeout = "8s"; report_timeout = "2s";')
    pid = workers_of(case.test_id)[0]
    os.kill(pid, signal.SIGSTOP)
    d.go_on()
    # On a busy machine the other one may be silent as well.
    case.settle(d, "failed workers_lost",
                *(["completed"] if point in STARTED else ["failed not_armed", "timed_out provisioning_timeout"]))
    case.stop(d)


def thaw_worker(case, point):
    """SIGSTOP for a second: it goes on, without a burst of what it missed before T0, and says all it did."""
    d = hold(case, point)
    pid = workers_of(case.test_id)[0]
    os.kill(pid, signal.SIGSTOP)
    d.go_on()
    time.sleep(1)
    os.kill(pid, signal.SIGCONT)
    # On a busy machine two attempts to arm may be over by then.
    case.settle(d, "completed", *([] if point in STARTED else ["failed not_armed"]))
    case.stop(d)


def cancel_at(case, point):
    d = hold(case, point)
    # It waits in the socket until the daemon goes on.
    s = socket.create_connection(d.address("gateway"))
    s.sendall(("POST /tests/%s/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" % case.test_id).encode())
    d.go_on()
    answer = s.recv(100)
    case.tap.ok(answer.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")), "the cancel is taken", answer)
    s.close()
    case.settle(d, "cancelled cancelled", *(["completed"] if point == "after:write.draining" else []))
    case.stop(d)


def terminate_at(case, point):
    d = hold(case, point)
    d.send_signal(signal.SIGTERM)
    d.go_on()
    case.tap.equal(d.wait(), 0, "SIGTERM: it stops in order")
    case.tap.ok(not workers_of(case.test_id), "and its workers with it")
    second = case.daemon()
    case.submit(second)
    # What has not started is handed over, and run by the next daemon.
    case.settle(second, *(["completed"] if point in QUEUED or point == "after:write.draining" else
                          ["completed", "failed orchestrator_stopped"]))
    case.stop(second)


# --- requests that fail, and answers that are lost ------------------------------------------------------

FAILS = ["before:store.put", "after:store.put", "before:transport.publish", "after:transport.publish", "before:store.lease",
         "after:store.lease", "before:write.provisioning", "after:write.provisioning", "before:transport.settle",
         "after:transport.settle", "after:scheduler.prepare", "after:scheduler.resume", "before:write.ready",
         "after:write.ready", "before:write.t0", "after:write.t0", "before:write.armed", "after:write.armed",
         "before:write.running", "after:write.running", "before:store.append", "after:store.append", "before:store.part_put",
         "after:store.part_put", "before:write.draining", "after:write.draining", "before:scheduler.stop",
         "after:scheduler.stop", "before:write.completed", "after:write.completed"]
FAILS_SHORT = ("after:store.put", "after:transport.publish", "after:write.provisioning", "after:scheduler.resume",
               "after:write.t0", "after:write.completed")


def fail(case, point):
    """One request fails, or its answer is lost: it is asked again, and the test runs as if nothing had been."""
    d = case.daemon(point + "=fail")
    try:
        case.submit(d)
    except AssertionError as e:
        case.tap.ok(point == "before:store.put", "only the record of a new test cannot be had: %s" % e)
        case.submit(d)
    test = case.settle(d, "completed")
    # The workers are ended behind the end.
    case.tap.ok(test["state"] != "completed" or wait_until(lambda: "failpoint %s strikes" % point in d.log,
                                                           lambda: "the failure\n" + d.log), "it did fail")
    case.tap.equal(test["adoptions"], 0, "by one orchestrator")
    case.all_done(test)
    case.stop(d)


def refuse(case, point):
    """The scheduler says no: that is the end, named."""
    d = case.daemon(point + "=fail")
    case.submit(d)
    case.settle(d, "failed launch_failed")
    case.stop(d)


# --- two daemons ---------------------------------------------------------------------------------------

def next_daemon(case):
    """Beside one that is stopped. None: that was in the middle of a transaction, which nobody can undo for it; the next
    daemon then says what keeps it from starting."""
    d = case.daemon(ready=False)
    try:
        d.wait_log(" ready roles=")
        return d
    except RuntimeError:
        case.tap.contains(d.log, "is locked by another process", "it says why it cannot start")
        return None


def zombie(case, point):
    """Stopped for so long that another daemon takes the test over; then it wakes up, and must change nothing."""
    first = hold(case, point)
    second = next_daemon(case)
    if not second:
        return
    wait_until(lambda: case.test_id in second.log, lambda: "the second one to take it\n" + second.log)
    wait_until(lambda: second.show(case.test_id)["state"] not in ("queued",), "its first step")
    first.go_on()
    case.settle(second, "completed")
    case.stop(first)
    case.stop(second)


def zombie_running(case, point):
    """The same after T0. Its workers are alive: the next daemon goes on with them, or ends them before it writes the
    end."""
    first = hold(case, point, {"duration_sec": 5})
    if not os.path.isdir(os.path.join(case.state.dir, "workers")):
        case.tap.skip("a daemon that sleeps " + point, "this scheduler knows nothing of another daemon's workers")
        return
    second = next_daemon(case)
    if not second:
        return
    case.settle(second, "completed", "failed workers_lost", "failed orchestrator_lost")
    first.go_on()
    wait_until(lambda: "given up" in first.log, lambda: "the first one to give up\n" + first.log)
    case.tap.ok(second.show(case.test_id)["state"] in TERMINAL, "it changes nothing")
    case.stop(first)
    case.stop(second)


ZOMBIES = ["after:store.lease", "before:write.provisioning", "after:write.provisioning", "before:scheduler.prepare",
           "after:scheduler.prepare", "before:scheduler.resume", "after:scheduler.resume", "before:write.ready",
           "after:write.ready", "before:write.t0"]
ZOMBIES_SHORT = ("before:write.provisioning", "before:scheduler.resume", "before:write.t0")


def share(case):
    """Two daemons on one state: one of them has the test, and when it is killed the other one ends it."""
    a, b = case.daemon(), case.daemon()
    case.submit(a, duration_sec=30)
    a.wait_state(case.test_id, "running")
    owner, other = (a, b) if parent(workers_of(case.test_id)[0]) == a.process.pid else (b, a)
    case.tap.ok(len({parent(pid) for pid in workers_of(case.test_id)}) == 1, "one of them runs it")
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    case.settle(other, "failed orchestrator_lost")
    case.stop(other)


def comes_again(case):
    """Its message was never settled, and comes back after the test was deleted: nothing runs again."""
    case.state.lock = "12s"  # it is not back before the only place is taken
    first = case.daemon("before:transport.settle=kill")
    case.submit(first)
    case.killed(first)
    second = case.daemon(orchestrator="max_concurrent_tests = 1;")
    other = second.submit(hits_per_sec=1, duration_sec=600, workers=1)  # leaves no place for a message
    case.settle(second, "completed")
    case.tap.ok(case.backend.waiting(case.state, case.test_id) >= 1, "the message is still there")
    count = case.counter.count(case.test_id)
    case.tap.equal(second.request("DELETE", "/tests/" + case.test_id, role="gateway").status, 204, "the test is deleted")
    second.cancel(other)
    second.end(other)
    wait_until(lambda: case.backend.waiting(case.state, case.test_id) == 0, lambda: "the message to be settled\n" + second.log)
    case.tap.ok(not workers_of(case.test_id) and case.counter.count(case.test_id) == count, "it does not run again")
    case.tap.ok(second.get("/tests/" + case.test_id, role="gateway").status in (404, 410), "and is not there again")
    case.stop(second)


# --- the suite ---------------------------------------------------------------------------------------

class Faults(Suite):
    """The same for every pair of transport and store."""

    def __init__(self, backend=LOCAL):
        super().__init__(backend)
        self.add("two daemons on one state", share)
        if HAS_FAILPOINTS:
            self.daemon_cases()
            self.request_cases()
            self.held_cases()

    def daemon_cases(self):
        for point, ends in KILLS:
            if FULL or point in KILLS_SHORT:
                self.add("kill -9 of the daemon " + point, kill_daemon, point, ends)
        for name, stop, end, ends in EARLY_ENDS:
            for point in EARLY_POINTS:
                if "draining" in point and stop is by_loss:
                    continue  # with nobody left, draining is over before it is written
                if FULL or point in EARLY_SHORT:
                    at = point % end if "%" in point else point
                    self.add("kill -9 of the daemon %s after a %s" % (at, name), killed_in_the_end, at, stop, ends)
        self.add("one daemon after the other is killed", lost_again_and_again)
        self.add("a message that comes again", comes_again)
        for point in ZOMBIES:
            if FULL or point in ZOMBIES_SHORT:
                self.add("a daemon that sleeps " + point, zombie, point)
        for point in ("after:write.t0", "after:write.running"):
            self.add("a daemon that sleeps " + point, zombie_running, point)

    def request_cases(self):
        for point in FAILS:
            if FULL or point in FAILS_SHORT:
                self.add("a failure " + point, fail, point)
        for point in ("before:scheduler.prepare", "before:scheduler.resume"):
            self.add("a failure " + point, refuse, point)

    def held_cases(self):
        for point in QUEUED:
            self.add("cancel " + point, cancel_at, point)
            self.add("SIGTERM of the daemon " + point, terminate_at, point)
        for point in HOLDS:
            for name, run in (("kill -9 of a worker ", kill_worker), ("SIGSTOP of a worker ", freeze_worker),
                              ("SIGSTOP and SIGCONT of a worker ", thaw_worker), ("cancel ", cancel_at),
                              ("SIGTERM of the daemon ", terminate_at)):
                self.add(name + point, run, point)


if __name__ == "__main__":
    on_backends(Faults)
