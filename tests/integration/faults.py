"""faults.py - one fault each: a state, its daemons one after the other, a test, and what must be true at its end.

    def kill_it(case, point):
        d = case.daemon(point + "=kill")
        case.submit(d)
        case.killed(d)
        case.settle(case.daemon(), "completed")

    suite = Suite(backend)
    suite.add("kill -9 before the start", kill_it, "before:write.t0")
    suite.run(tap)

Whatever the fault: nothing runs twice (a target that counts for itself proves it), every test ends with a named
reason, every request is in one class of its ledger, no worker is left, and nothing is sent after the end.
"""
import concurrent.futures
import json
import os
import shutil
import signal
import struct
import subprocess
import threading
import time
import traceback
import uuid

from backend import LOCAL, backends
from counting_server import Counter
from squall import PLUGINS, Tap
from system import HAS_FAILPOINTS, Stalls, State, System, state_of, total, wait_until, workers_of

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

    def skip(self, name, why):
        self.checks.append((True, "%s: %s # SKIP %s" % (self.name, name, why), ()))

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
        self.tap, self.backend, self.counter, self.stalls = tap, suite.backend, suite.counter, suite.stalls
        self.begun = time.monotonic()
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
            if "is recorded, but not confirmed" not in str(e):
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
        # Run is sent two polls before T0 at the latest. Two attempts in a row fail for nothing less than most of
        # the shorter one's lead.
        bearable = 0.2 if how == "failed workers_lost" and "(late)" in test["detail"] else 0.7
        was_late = bearable == 0.2 or how == "failed not_armed"
        stall = self.stalls.worst(self.begun)
        if was_late and how not in ends and stall > bearable:
            tap.skip("it ends as it should", "this machine stood still for %.1f s: %s" % (stall, test["detail"]))
        else:
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

    def all_done(self, test):
        """Every request was sent in its time and answered; unless the machine stood still, and a worker was late."""
        plan, ledger, stall = test["effective_plan"], test["ledger"], self.stalls.worst(self.begun)
        if (test["workers"]["lost"] or test["state"] != "completed") and stall > 0.2:
            self.tap.skip("every request was answered", "this machine stood still for %.1f s" % stall)
        else:
            self.tap.ok(ledger["ok"] == plan["hits_per_sec"] * plan["duration_sec"] and not test["workers"]["lost"],
                        "every request was answered", json.dumps(ledger))

    def stop(self, d):
        self.tap.equal(d.stop(), 0, "the daemon stops in order")


def hold(case, point, plan=None, **more):
    """A daemon that is stopped at this place, with the test."""
    d = case.daemon(point + "=stop", **more)
    # It may be stopped before it has answered.
    case.client = threading.Thread(target=case.submit, args=(d,), kwargs=plan or {}, daemon=True)
    case.client.start()
    d.wait_stopped()
    return d


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


class Suite:
    """Cases, and what they share. A subclass knows which."""

    case = Case

    def __init__(self, backend=LOCAL, counter=None, at_once=AT_ONCE):
        self.backend, self.at_once = backend, at_once
        self.counter = counter or Counter()
        self.stalls = Stalls()
        self.cases = []

    def add(self, name, run, *args):
        self.cases.append((name, run, args))

    def run_one(self, name, run, args):
        tap = Notes(name)
        begun = time.monotonic()
        try:
            with self.case(self, tap) as case:
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
        with self.stalls, concurrent.futures.ThreadPoolExecutor(self.at_once) as pool:
            for notes in pool.map(lambda c: self.run_one(*c), chosen):
                for good, text, more in notes.checks:
                    tap.note(text) if good is None else tap.ok(good, text, *more)
        self.counter.close()


def on_backends(suite, short=("local",), full=("local", "redis-tcp", "servicebus", "servicebus-redis")):
    """Runs a subclass of Suite on each of them. ONLY in the environment: the cases whose names hold it."""
    tap = Tap()
    if not HAS_FAILPOINTS:
        tap.skip("what needs to be held at a place", "built without --enable-failpoints")
    for backend in backends(tap, short, full):
        with backend:
            suite(backend).run(tap, os.environ.get("ONLY", ""))
    tap.done()
