#!/usr/bin/python3
"""What happens to a test when its daemon, its workers, their disk or their clock fail, at every step of its life.

Whatever the fault: nothing runs twice (a target that counts for itself proves it), every test ends with a
named reason, every request is in one class of its ledger, no worker is left, and nothing is sent after the
end. The short form takes the places where something is decided; SQUALL_TEST_FULL=1 takes them all.
"""
import concurrent.futures
import functools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from counting_server import Counter
from squall import PLUGINS, Squalld, Tap
from backend import LOCAL, backends
from system import FULL, HAS_FAILPOINTS, TERMINAL, State, System, parent, state_of, total, wait_until, workers_of

AT_ONCE = 6  # cases
RATE, SECONDS = 40, 2
SPACE = uuid.UUID("e7d0e7a4-6b1f-4d1c-9c07-5a0d3a1b8f62")  # of ids that follow from an Idempotency-Key


class Notes(Tap):
    """The checks of one case, printed together by whoever runs the cases."""

    def __init__(self, name):
        super().__init__()
        self.name, self.checks = name, []

    def ok(self, good, name, *notes):
        self.checks.append((bool(good), "%s: %s" % (self.name, name), notes))
        return bool(good)

    def note(self, text):
        self.checks.append((None, str(text), ()))


def on_its_way(test):
    """Requests that may reach the target after the end, since nobody waits for them any more."""
    ledger = test.get("ledger")
    if not ledger:
        return 0
    return ledger["error"].get("timeout", 0) + ledger["in_flight_at_end"] + ledger["unconfirmed"]


class Case:
    """One fault: a state of its own, daemons one after the other, and one test that is looked at to its end."""

    def __init__(self, suite, tap):
        self.tap, self.backend, self.counter = tap, suite.backend, suite.counter
        self.state = State()
        self.key = str(uuid.uuid4())
        self.test_id = str(uuid.uuid5(SPACE, self.key))
        self.daemons = []
        self.client = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for d in self.daemons:
            d.close()
        if self.client:
            self.client.join(60)
        self.state.__exit__()

    # --- daemons ---

    def daemon(self, failpoint=None, **more):
        more.setdefault("orchestrator", 'report_timeout = "20s";')  # a busy machine is no fault
        d = System(self.state, self.backend, url=self.counter.url, failpoint=failpoint, **more)
        self.daemons.append(d)
        return d

    def submit(self, d, **more):
        """Submits, or finds what was submitted: the key is always the same. None: the daemon ended meanwhile."""
        plan = {"hits_per_sec": RATE, "duration_sec": SECONDS, "workers": 2, "timeout_ms": 5000}
        plan.update(more)
        try:
            self.tap.equal(d.submit(self.key, **plan), self.test_id, "the id follows from the key")
        except (OSError, ValueError) as e:  # its connection was closed
            wait_until(lambda: d.process.poll() is not None or state_of(d.process.pid) == "T", "its end: %r" % e)
            self.tap.note("no answer: %r" % e)
        except AssertionError as e:
            if "the queue has not confirmed it" not in str(e):
                raise

    def killed(self, d):
        self.tap.equal(d.wait(), -signal.SIGKILL, "the daemon was killed at this place")

    # --- the end ---

    def settle(self, d, *ends, least_adoptions=None):
        """The test's end, which must be one of ends ("state" or "state reason"), and all that is true then."""
        test = d.end(self.test_id)
        count = self.counter.count(self.test_id)
        tap = self.tap
        how = " ".join(filter(None, (test["state"], test["reason"])))
        tap.ok(how in ends, "it ends as it should", "got  %s: %s" % (how, test.get("detail")), "want %s" % (ends,),
               *d.log.splitlines()[-60:])
        self.check_ledger(test, count)
        tap.ok(test["state"] == "completed" or test["verdict"] == "none" or test["verdict"] == "fail",
               "no verdict that is good: %s" % test["verdict"])
        tap.equal([s["state"] for s in test["history"]][-1], test["state"], "the history says so")
        try:
            wait_until(lambda: not workers_of(self.test_id), "the end of the workers")
        except TimeoutError as e:
            tap.ok(False, "no worker is left", e, *d.log.splitlines()[-60:])
        late = self.counter.count(self.test_id) - count
        tap.ok(late <= on_its_way(test), "nothing was sent after the end", "%d more" % late, json.dumps(test.get("ledger")))
        tap.equal(d.show(self.test_id)["state"], test["state"], "the end is final")
        return test

    def check_ledger(self, test, count):
        ledger, plan, tap = test.get("ledger"), test["effective_plan"], self.tap
        if not ledger:
            tap.ok(count == 0 and test["started_at"] is None, "no ledger, and nothing was sent", count, json.dumps(test))
            return
        tap.ok(ledger["balanced"] is True, "the ledger balances", json.dumps(ledger))
        planned = plan["hits_per_sec"] * plan["duration_sec"]
        tap.ok(total(ledger) == planned or (total(ledger) == 0 and test["started_at"] is None),
               "every request is in the ledger", "%d of %d" % (total(ledger), planned), json.dumps(ledger))
        sent = sum(ledger["sent"].values())
        least = sent - ledger["error"].get("reset", 0) - ledger["error"].get("timeout", 0) - ledger["in_flight_at_end"]
        tap.ok(least <= count <= sent + ledger["unconfirmed"], "the target counted what the ledger says: nothing ran twice",
               "%d <= %d <= %d" % (least, count, sent + ledger["unconfirmed"]), json.dumps(ledger))
        if test["workers"]["lost"] or ledger["unconfirmed"]:
            tap.ok(test["validity"]["status"] != "valid" and test["validity"]["reasons"],
                   "what was lost is said", json.dumps(test["validity"]))

    def stop(self, d):
        self.tap.equal(d.stop(), 0, "the daemon stops in order")


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


def hold(case, point, plan=None, **more):
    d = case.daemon(point + "=stop", **more)
    # It may be stopped before it has answered.
    case.client = threading.Thread(target=case.submit, args=(d,), kwargs=plan or {}, daemon=True)
    case.client.start()
    d.wait_stopped()
    return d


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
    case.settle(second, *(["completed"] if point in QUEUED or point == "after:write.draining" else
                          ["failed orchestrator_stopped"]))
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
    case.tap.ok("failpoint %s strikes" % point in d.log, "it did fail")
    case.tap.equal((test["adoptions"], test["workers"]["lost"]), (0, []), "one orchestrator, all workers")
    case.stop(d)


def refuse(case, point):
    """The scheduler says no: that is the end, named."""
    d = case.daemon(point + "=fail")
    case.submit(d)
    case.settle(d, "failed launch_failed")
    case.stop(d)


# --- two daemons ---------------------------------------------------------------------------------------

def zombie(case, point):
    """Stopped for so long that another daemon takes the test over; then it wakes up, and must change nothing."""
    first = hold(case, point)
    second = case.daemon()
    wait_until(lambda: case.test_id in second.log, lambda: "the second one to take it\n" + second.log)
    wait_until(lambda: second.show(case.test_id)["state"] not in ("queued",), "its first step")
    first.go_on()
    case.settle(second, "completed")
    case.stop(first)
    case.stop(second)


def zombie_running(case, point):
    """The same after T0. Its workers are alive, and nobody is there whom they know: the next daemon ends them, and
    only then writes the end."""
    first = hold(case, point, {"duration_sec": 60}, orchestrator='report_timeout = "2s";')
    second = case.daemon(orchestrator='report_timeout = "2s";')
    test = case.settle(second, "failed workers_lost", "failed orchestrator_lost")
    case.tap.ok(test["ledger"]["unconfirmed"] > 0 or case.counter.count(case.test_id) == 0, "what they did nobody knows",
                json.dumps(test["ledger"]))
    first.go_on()
    wait_until(lambda: "given up" in first.log, lambda: "the first one to give up\n" + first.log)
    case.tap.equal(second.show(case.test_id)["state"], "failed", "it changes nothing")
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


def two_targets(case):
    """The counters of a state have one owner: a second target does not start, and says whose they are."""
    conf = 'state_dir = "%s"; store = { plugin = "local"; }; roles = ({ plugin = "target"; listen = "127.0.0.1:0"; });'
    with System(case.state, case.backend) as first:
        case.tap.equal(first.post("/hit", role="target").json, {"total_hits": 1}, "the first one counts")
        with Squalld(conf % case.state.dir, ready=False) as second:
            case.tap.equal(second.wait(), 1, "the second one does not start")
            case.tap.contains(second.log, "belong to another process (pid %d)" % first.process.pid, "and says why")
        case.tap.equal(first.post("/hit", role="target").json, {"total_hits": 2}, "the first one does not notice")
        case.tap.equal(first.stop(), 0, "it leaves")
    with Squalld(conf % case.state.dir) as second:
        case.tap.equal(second.post("/hit").json, {"total_hits": 3}, "then the second one goes on where it was")


def comes_again(case):
    """Its message was never settled, and comes back after the test was deleted: nothing runs again."""
    case.state.lock = "3s"
    first = case.daemon("before:transport.settle=kill")
    case.submit(first)
    case.killed(first)
    second = case.daemon(orchestrator="max_concurrent_tests = 1;")
    other = second.submit(hits_per_sec=1, duration_sec=8, workers=1)  # leaves no place for a message
    case.settle(second, "completed")
    case.tap.equal(case.backend.waiting(case.state), 1, "the message is still there")
    count = case.counter.count(case.test_id)
    case.tap.equal(second.request("DELETE", "/tests/" + case.test_id, role="gateway").status, 204, "the test is deleted")
    second.end(other)
    wait_until(lambda: case.backend.waiting(case.state) == 0, lambda: "the message to be settled\n" + second.log)
    case.tap.ok(not workers_of(case.test_id) and case.counter.count(case.test_id) == count, "it does not run again")
    case.tap.ok(second.get("/tests/" + case.test_id, role="gateway").status in (404, 410), "and is not there again")
    case.stop(second)


# --- the disk, the clock, the clients ----------------------------------------------------------------------

class SmallDisk:
    """The state's folder becomes a file system of its own."""

    def __init__(self, state, size="4m"):
        self.path, self.ballast = state.dir, os.path.join(state.dir, "ballast")
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "squall-test", self.path],
                           stderr=subprocess.PIPE, text=True)
        self.why = r.stderr.strip() if r.returncode else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.why:
            subprocess.run(["umount", "-l", self.path], check=False)

    def fill(self):
        with open(self.ballast, "ab", buffering=0) as f:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while f.write(bytes(size)):
                        pass
                except OSError:
                    pass

    def free(self):
        os.unlink(self.ballast)


def disk_case(run):
    @functools.wraps(run)
    def within(case):
        with SmallDisk(case.state) as disk:
            if disk.why:
                case.tap.skip("a full disk", "no file system of its own: " + disk.why)
                return
            run(case, disk)
            for d in case.daemons:
                d.close()
    return within


@disk_case
def disk_full(case, disk):
    """While it runs; with room again the test goes on, and its end has all that was measured."""
    d = case.daemon()
    case.submit(d, duration_sec=4)
    d.wait_state(case.test_id, "running")
    disk.fill()
    d.wait_log("disk is full")
    time.sleep(2)
    disk.free()
    test = case.settle(d, "completed")
    case.tap.equal(test["ledger"]["ok"], RATE * 4, "every request was sent and answered meanwhile")
    case.stop(d)


@disk_case
def disk_full_at_end(case, disk):
    """The end cannot be written while the disk is full, and is as soon as there is room."""
    d = case.daemon()
    case.submit(d)
    d.wait_state(case.test_id, "running")
    disk.fill()
    time.sleep(SECONDS + 2)
    case.tap.ok(d.show(case.test_id)["state"] not in TERMINAL, "the record is as it was")
    disk.free()
    case.settle(d, "completed")
    case.stop(d)


@disk_case
def disk_full_crash(case, disk):
    d = case.daemon()
    case.submit(d, duration_sec=30)
    d.wait_state(case.test_id, "running")
    disk.fill()
    d.wait_log("disk is full")
    d.send_signal(signal.SIGKILL)
    d.wait()
    second = case.daemon(ready=False)
    time.sleep(2)
    case.tap.ok(second.process.poll() in (None, 1), "the next one starts, or says why not", second.process.poll(), second.log)
    disk.free()
    if second.process.poll() is not None:
        case.tap.contains(second.log, "full", "it says why")
        second = case.daemon()
    second.wait_log(" ready roles=")
    case.settle(second, "failed orchestrator_lost")
    case.stop(second)


@disk_case
def disk_full_submit(case, disk):
    d = case.daemon()
    disk.fill()
    answer = d.post("/tests", {"hits_per_sec": RATE, "duration_sec": SECONDS}, headers={"Content-Type": "application/json"},
                    role="gateway")
    case.tap.ok(answer.status >= 500, "no room for a new test: it is refused", answer.status, answer.text)
    case.tap.contains(answer.text, "full", "and told why")
    disk.free()
    case.submit(d)
    case.settle(d, "completed")
    case.stop(d)


class WallClock:
    """Of the daemon and its workers. Their monotonic clocks are the machine's."""

    def __init__(self, state):
        self.library = os.path.join(state.dir, "wallclock.so")
        shutil.copy(os.path.join(PLUGINS, "wallclock.so"), self.library)
        with open(self.library + ".offset", "w+b") as f:
            f.write(bytes(8))
        # The library is older than the sanitizer's in the order of loading, which is harmless: it calls nothing of it.
        options = os.environ.get("ASAN_OPTIONS", "")
        self.env = {"LD_PRELOAD": self.library, "ASAN_OPTIONS": options + ":verify_asan_link_order=0"}

    def jump(self, seconds):
        with open(self.library + ".offset", "r+b") as f:
            f.write(struct.pack("q", seconds * 10**9))


def clock_jumps(case, seconds, point):
    clock = WallClock(case.state)
    d = case.daemon(point + "=stop", env=clock.env)
    case.submit(d)
    d.wait_stopped()
    clock.jump(seconds)
    d.go_on()
    test = case.settle(d, "completed")
    case.tap.ok(test["ledger"]["dropped"]["patience"] == 0 and test["ledger"]["ok"] == RATE * SECONDS, "every request in its time",
                json.dumps(test["ledger"]))
    case.stop(d)


def clock_jumps_and_crash(case, seconds):
    clock = WallClock(case.state)
    d = case.daemon("after:write.running=stop", env=clock.env)
    case.submit(d)
    d.wait_stopped()
    time.sleep(1)  # the workers go on
    clock.jump(seconds)
    d.send_signal(signal.SIGKILL)
    d.wait()
    second = case.daemon(env=clock.env)
    case.settle(second, "failed orchestrator_lost")
    case.stop(second)


def gone_client(d, request):
    """Sends it and vanishes, with a reset."""
    s = socket.create_connection(d.address("gateway"))
    s.sendall(request)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def clients_vanish(case):
    """In the middle of a request, before its answer, in the middle of a stream, and without reading one."""
    d = case.daemon()
    plan = json.dumps({"hits_per_sec": RATE, "duration_sec": SECONDS, "workers": 2, "timeout_ms": 5000})
    head = "POST /tests HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n"
    whole_request = (head % (case.key, len(plan)) + plan).encode()
    for cut in (10, 80, len(whole_request) - 1):
        gone_client(d, whole_request[:cut])
    case.tap.equal(d.get("/tests", role="gateway").json["tests"], [], "half a request starts nothing")
    s = socket.create_connection(d.address("gateway"))
    s.sendall(whole_request)
    s.close()  # the request is whole, so the test is wanted; nobody reads the answer
    wait_until(lambda: d.get("/tests/" + case.test_id, role="gateway").status == 200, "the test")
    events = ("GET /tests/%s/events HTTP/1.1\r\nHost: x\r\n\r\n" % case.test_id).encode()
    deaf = [socket.create_connection(d.address("gateway")) for _ in range(20)]
    for s in deaf:
        s.sendall(events)  # never read
    s = socket.create_connection(d.address("gateway"))
    s.sendall(events)
    s.recv(1000)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    for _ in range(20):
        gone_client(d, events)
    case.settle(d, "completed")
    case.stop(d)
    for s in deaf:
        s.close()


def waits_for_a_slot(case):
    """Cancelled while another test has the only place: nothing of it ever starts."""
    d = case.daemon(orchestrator="max_concurrent_tests = 1;")
    first = d.submit(hits_per_sec=RATE, duration_sec=3, workers=1, timeout_ms=1000)
    d.wait_state(first, "running")
    case.submit(d)
    case.tap.ok(d.cancel(case.test_id) in (200, 202), "the cancel is taken")
    case.settle(d, "cancelled cancelled")
    case.tap.equal(d.end(first)["state"], "completed", "the other one does not notice")
    case.stop(d)


# --- the suite ---------------------------------------------------------------------------------------

class Suite:
    def __init__(self, backend=LOCAL):
        self.backend = backend
        self.counter = Counter()
        self.cases = []

    def add(self, name, run, *args):
        self.cases.append((name, run, args))

    def failpoint_cases(self):
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
        for point in FAILS:
            if FULL or point in FAILS_SHORT:
                self.add("a failure " + point, fail, point)
        for point in ("before:scheduler.prepare", "before:scheduler.resume"):
            self.add("a failure " + point, refuse, point)
        for point in QUEUED:
            self.add("cancel " + point, cancel_at, point)
            self.add("SIGTERM of the daemon " + point, terminate_at, point)
        for point in ZOMBIES:
            if FULL or point in ZOMBIES_SHORT:
                self.add("a daemon that sleeps " + point, zombie, point)
        for point in ("after:write.t0", "after:write.running"):
            self.add("a daemon that sleeps " + point, zombie_running, point)
        for point in HOLDS:
            for name, run in (("kill -9 of a worker ", kill_worker), ("SIGSTOP of a worker ", freeze_worker),
                              ("SIGSTOP and SIGCONT of a worker ", thaw_worker), ("cancel ", cancel_at),
                              ("SIGTERM of the daemon ", terminate_at)):
                self.add(name + point, run, point)

    def other_cases(self):
        self.add("two daemons on one state", share)
        self.add("clients that vanish", clients_vanish)
        self.add("a message that comes again", comes_again)
        self.add("cancelled while it waits for a slot", waits_for_a_slot)

    def machine_cases(self):
        """Where the state is on a disk of this machine."""
        for run in (disk_full, disk_full_at_end, disk_full_crash, disk_full_submit):
            self.add(run.__name__.replace("_", " "), run)
        self.add("two targets on one state", two_targets)

    def clock_cases(self):
        for seconds in (7200, -7200):
            for point in ("after:scheduler.resume", "after:write.running"):
                self.add("the clock jumps by %d s %s" % (seconds, point), clock_jumps, seconds, point)
            self.add("the clock jumps by %d s and a crash" % seconds, clock_jumps_and_crash, seconds)

    def run_one(self, name, run, args):
        tap = Notes(name)
        begun = time.monotonic()
        try:
            with Case(self, tap) as case:
                try:
                    run(case, *args)
                except BaseException:
                    for d in case.daemons:
                        tap.note("--- log of a daemon\n" + "\n".join(d.log.splitlines()[-80:]))
                    raise
        except Exception:
            tap.ok(False, "to its end", traceback.format_exc())
        tap.note("%s: %.1f s" % (name, time.monotonic() - begun))
        return tap

    def run(self, tap, only=""):
        chosen = [c for c in self.cases if only in c[0]]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for notes in pool.map(lambda c: self.run_one(*c), chosen):
                for good, text, more in notes.checks:
                    tap.note(text) if good is None else tap.ok(good, text, *more)
        self.counter.close()


def main():
    tap = Tap()
    for backend in backends(short=("local",), full=("local", "redis-tcp")):
        with backend:
            on(tap, Suite(backend))
    tap.done()


def on(tap, suite):
    if HAS_FAILPOINTS:
        suite.failpoint_cases()
        suite.clock_cases()
    else:
        tap.skip("faults at each step", "built without --enable-failpoints")
    suite.other_cases()
    if suite.backend.name == "local":
        suite.machine_cases()
    suite.run(tap, os.environ.get("ONLY", ""))


if __name__ == "__main__":
    main()
