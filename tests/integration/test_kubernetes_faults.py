#!/usr/bin/python3
"""What happens to a test whose workers are pods of a real cluster when pods, the cluster's API server, what it
allows, or the orchestrator fail: nothing is lost, run twice or stuck, and every test ends with a named reason.

test_kubernetes_faults.py [WORKLOAD...]. SQUALL_TEST_FULL=1: every fault at every place. ONLY: the cases whose names
hold it.
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "kubernetes")]
from beside import PodSuite, Wire  # noqa: E402
from cluster import HERE as KUBERNETES, NAMESPACE, required_or_skip  # noqa: E402
from faults import hold  # noqa: E402
from pods import inside, left  # noqa: E402
from squall import Tap  # noqa: E402
from system import FULL, HAS_FAILPOINTS, wait_until, workers_of  # noqa: E402

# A place in each state.
QUEUED = ["before:store.lease", "before:write.provisioning"]
EARLY = ["before:scheduler.prepare", "after:scheduler.prepare", "after:scheduler.resume", "after:write.ready"]
STARTED = ["after:write.t0", "after:write.armed", "after:write.running"]
UNTOLD = STARTED[:2]  # T0 stands, and the workers do not know yet: who is not told in time does not run
LATE = ["failed workers_lost"]
ENDING = ["after:write.draining", "before:scheduler.stop", "after:scheduler.stop"]


def worker_of(case):
    return wait_until(lambda: workers_of(case.test_id), "a worker")[0]


# --- pods ----------------------------------------------------------------------------------------------

def delete_pod(case, point):
    d = hold(case, point, {"duration_sec": 4})
    wait_until(lambda: len(workers_of(case.test_id)) == 2, "its workers")
    case.kubectl("delete", "pod", case.pods()[0]["metadata"]["name"], "--wait=false")
    d.go_on()
    # What replaces it in time is a worker like any other.
    case.settle(d, "completed", *(LATE if point in UNTOLD or point not in STARTED else []))
    case.gone(d)
    case.stop(d)


def kill_worker(case, point):
    d = hold(case, point, {"duration_sec": 4})
    os.kill(worker_of(case), signal.SIGKILL)
    d.go_on()
    test = case.settle(d, *(["completed"] if point in STARTED else ["failed workers_lost", "completed"]))
    if point in STARTED:
        case.tap.equal(len(test["workers"]["lost"]), 1, "one is lost")
    case.gone(d)
    case.stop(d)


# The container's first process is the one that takes all its memory.
HUNGRY = {"command": ["sh", "-c", "squalld -c /etc/squall/worker.conf & sleep %d; exec tail /dev/zero"],
          "resources": {"requests": {"cpu": "50m", "memory": "48Mi"}, "limits": {"cpu": None, "memory": "48Mi"}}}


def out_of_memory(case, after, *ends):
    command = HUNGRY["command"][:2] + [HUNGRY["command"][2] % after]
    d = case.daemon(scheduler=case.scheduler(container=dict(HUNGRY, command=command)))
    case.submit(d, duration_sec=30)
    test = case.settle(d, *ends)
    case.says(test, "OOMKilled")
    case.gone(d)
    case.stop(d)


def provisioning_fails(case, words, orchestrator='provisioning_timeout = "15s";', ends=("timed_out provisioning_timeout",),
                       **scheduler):
    d = case.daemon(scheduler=case.scheduler(**scheduler), orchestrator=orchestrator)
    case.submit(d)
    test = case.settle(d, *ends)
    case.says(test, *words)
    case.gone(d)
    case.stop(d)


def no_image(case):
    provisioning_fails(case, ("ErrImagePull", "ImagePullBackOff"), image="localhost/squall/nothing:1")


def unschedulable(case):
    provisioning_fails(case, ("Unschedulable",), pod={"nodeSelector": {"nowhere": "to-be-found"}})


def quota(case, hard, words, ends):
    name = "squall-test"
    case.cluster.apply(json.dumps({"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": hard},
                                   "metadata": {"name": name, "namespace": NAMESPACE}}))
    try:
        wait_until(lambda: case.cluster.get("resourcequota", name).get("status", {}).get("hard") == hard, "the quota")
        provisioning_fails(case, words, ends=ends)
    finally:
        case.kubectl("delete", "resourcequota", name)


# --- rights --------------------------------------------------------------------------------------------

def without_delete(case):
    """Its workers end by the orders of the orchestrator; the objects go as soon as they may be deleted."""
    role = case.cluster.file("role.yaml")
    d = case.daemon()
    try:
        case.cluster.apply(role.replace(", delete]", "]").replace(", deletecollection]", "]"))
        case.submit(d)
        test = d.end(case.test_id, 180)
        case.tap.ok(test["state"] in ("completed", "failed") and (test["reason"] or test["state"] == "completed"),
                    "it ends: %s %s" % (test["state"], test["reason"]), *d.log.splitlines()[-40:])
        case.check_ledger(test, case.counter.count(case.test_id))
        case.tap.ok("rights of the Role" in d.log, "the log says what is missing", *d.log.splitlines()[-40:])
    finally:
        case.cluster.apply(role)
    case.gone(d)
    case.stop(d)


def token_rotated(case):
    """The old token is worth nothing when its owner is gone; the new one is in the file by then."""
    secret = "token-of-%d" % os.getpid()
    case.kubectl("create", "secret", "generic", secret)
    case.cluster.token(case.token, bound_to=secret)
    d = case.daemon()
    case.submit(d, duration_sec=6)
    d.wait_state(case.test_id, "running")
    case.cluster.token(case.token + ".new")
    os.replace(case.token + ".new", case.token)
    case.kubectl("delete", "secret", secret)
    test = case.settle(d, "completed")
    case.all_done(test)
    case.gone(d)
    case.stop(d)


def token_refused(case):
    """A token that is worth nothing: the daemon says so, and goes on once there is a good one."""
    d = case.daemon()
    with open(case.token, "w", encoding="utf-8") as f:
        f.write("nonsense")
    case.submit(d)
    case.settle(d, "failed launch_failed")
    case.tap.ok("401" in d.log, "the log says that it is not let in", *d.log.splitlines()[-20:])
    case.cluster.token(case.token)
    second = d.submit(hits_per_sec=20, duration_sec=1, workers=1)
    case.tap.equal(d.end(second)["state"], "completed", "with a good one the next test runs")
    case.tap.ok(wait_until(lambda: not left(case.cluster, case.space), "the end of the pods"), "and leaves nothing")
    case.stop(d)


# --- the way to the API server, and itself ------------------------------------------------------------

def through_wire(case, wire):
    return case.daemon(scheduler=case.scheduler(api="https://127.0.0.1:%d" % wire.port))


def watch_cut(case):
    with Wire(("127.0.0.1", 6443)) as wire:
        d = through_wire(case, wire)
        case.submit(d, duration_sec=6)
        d.wait_state(case.test_id, "running")
        for _ in range(3):
            case.tap.ok(wire.cut() > 0, "its connections are cut")
            time.sleep(1)
        os.kill(worker_of(case), signal.SIGKILL)  # known by the new watch, if at all
        test = case.settle(d, "completed")
        case.tap.equal(len(test["workers"]["lost"]), 1, "the loss of a worker is seen")
        case.gone(d)
        case.stop(d)


def wire_dead(case):
    """Half-open connections: nothing arrives any more, and nobody says so."""
    with Wire(("127.0.0.1", 6443)) as wire:
        d = through_wire(case, wire)
        case.submit(d, duration_sec=6)
        d.wait_state(case.test_id, "running")
        wire.dead = True
        time.sleep(15)
        wire.dead = False
        case.settle(d, "completed")
        case.gone(d)
        case.stop(d)


def restart_api(case, point):
    d = hold(case, point, {"duration_sec": 4})
    subprocess.run([os.path.join(KUBERNETES, "cluster", "ctl.sh"), "kill", "kube-apiserver", "KILL"], check=True)
    d.go_on()
    wait_until(lambda: case.cluster.kubectl("get", "--raw", "/readyz", check=False).returncode == 0, "the API server")
    test = case.settle(d, "completed")
    case.all_done(test)
    case.gone(d)
    case.stop(d)


# --- the orchestrator ------------------------------------------------------------------------------------

def kill_daemon(case, point):
    """Another one comes after it, and goes on with the same pods where they have begun."""
    first = case.daemon(point + "=kill")
    case.submit(first, duration_sec=5)
    case.killed(first)
    second = case.daemon()
    case.submit(second, duration_sec=5)
    case.settle(second, "completed", *(LATE if point in UNTOLD else []))
    case.gone(second)
    case.stop(second)


def other_kind(case, point):
    """The next daemon is told to make another kind of workload, and finds what there is all the same."""
    first = case.daemon(point + "=kill")
    case.submit(first, duration_sec=5)
    case.killed(first)
    other = "job" if case.workload == "deployment" else "deployment"
    second = case.daemon(scheduler=case.scheduler(workload=other))
    case.submit(second, duration_sec=5)
    case.settle(second, "completed")
    case.gone(second)
    case.stop(second)


def terminate_daemon(case, point):
    first = hold(case, point, {"duration_sec": 5})
    first.send_signal(signal.SIGTERM)
    first.go_on()
    second = case.daemon()
    case.submit(second, duration_sec=5)
    case.tap.ok(first.wait() == 0, "SIGTERM: it stops in order", first.process.returncode, *first.log.splitlines()[-80:])
    case.settle(second, "completed")
    case.gone(second)
    case.stop(second)


def sleep_daemon(case, point):
    """SIGSTOP for longer than its lease: the other one has the test, and the sleeper changes nothing."""
    first = hold(case, point, {"duration_sec": 8})
    second = case.daemon()
    wait_until(lambda: case.test_id in second.log, lambda: "the second one to take it\n" + second.log)
    time.sleep(2)
    first.go_on()
    case.settle(second, "completed", *(LATE if point in UNTOLD else []))
    case.gone(second)
    case.stop(first)
    case.stop(second)


def cancel(case, point):
    d = hold(case, point, {"duration_sec": 30})
    d.go_on()
    case.tap.ok(d.cancel(case.test_id) in (200, 202), "the cancel is taken")
    case.settle(d, "cancelled cancelled")
    case.gone(d)
    case.stop(d)


def fifty(case):
    """One after the other, as many at once as one orchestrator takes."""
    d = case.daemon(orchestrator='report_timeout = "20s"; max_concurrent_tests = 4;')
    ids = [d.submit(hits_per_sec=20, duration_sec=1, workers=1) for _ in range(50 if FULL else 10)]
    states = {}
    for test_id in ids:
        test = d.end(test_id, patience=600)
        how = " ".join(filter(None, (test["state"], test["reason"])))
        states.setdefault(how, []).append(test_id)
        case.tap.ok(test["ledger"]["balanced"] and case.counter.count(test_id) == test["ledger"]["ok"],
                    "%s: counted once" % test_id, json.dumps(test["ledger"]))
    case.tap.equal(list(states), ["completed"], "%d tests in a row complete" % len(ids))
    case.tap.ok(wait_until(lambda: not left(case.cluster, case.space), "the end of all objects"), "and leave no object behind")
    case.stop(d)


# --- the suite ---------------------------------------------------------------------------------------

class Faults(PodSuite):
    """Those that only one test feels."""

    def __init__(self, cluster, workload, short):
        super().__init__(cluster, workload, at_once=3)

        def at(points, some):
            return [p for p in points if not short or p in some]
        self.add("out of memory before the start", out_of_memory, 0, "failed workers_lost", "failed not_armed",
                 "timed_out provisioning_timeout")
        self.add("out of memory under load", out_of_memory, 12, "failed workers_lost")
        self.add("an image that is nowhere", no_image)
        self.add("no node for it", unschedulable)
        self.add("a token that is replaced", token_rotated)
        self.add("connections that are cut", watch_cut)
        self.add("connections that go dead", wire_dead)
        for point in at(EARLY[2:] + STARTED, ("after:scheduler.resume", "after:write.running")):
            self.add("a deleted pod " + point, delete_pod, point)
            self.add("kill -9 of a worker " + point, kill_worker, point)
        for point in at(QUEUED + EARLY + STARTED + ENDING, ("after:scheduler.prepare", "after:write.t0", "before:scheduler.stop")):
            self.add("kill -9 of the daemon " + point, kill_daemon, point)
        for point in ("after:scheduler.prepare", "after:write.running"):
            self.add("another kind of workload " + point, other_kind, point)
        for point in at(QUEUED + EARLY + STARTED + ENDING[:1], ("after:scheduler.resume", "after:write.running")):
            self.add("SIGTERM of the daemon " + point, terminate_daemon, point)
        for point in at(EARLY + STARTED, ("after:scheduler.resume", "after:write.running")):
            self.add("a daemon that sleeps " + point, sleep_daemon, point)
        for point in at(EARLY + STARTED, ("after:scheduler.prepare",)):
            self.add("cancel " + point, cancel, point)


class Alone(PodSuite):
    """Those that the whole cluster feels."""

    def __init__(self, cluster, workload, short):
        super().__init__(cluster, workload, at_once=1)
        self.add("a quota of pods", quota, {"pods": "1"}, ("exceeded quota",), ("timed_out provisioning_timeout",))
        self.add("a quota of workloads", quota, {"count/jobs.batch": "0", "count/deployments.apps": "0"},
                 ("exceeded quota",), ("failed launch_failed",))
        self.add("a Role without delete", without_delete)
        self.add("a token that is refused", token_refused)
        for point in QUEUED + EARLY + STARTED + ENDING:
            if not short or point in ("before:scheduler.prepare", "after:scheduler.resume", "after:write.running", "before:scheduler.stop"):
                self.add("the API server is killed " + point, restart_api, point)
        self.add("many in a row", fifty)


if __name__ == "__main__":
    tap = Tap()
    cluster = inside()
    if cluster.missing or not HAS_FAILPOINTS:
        required_or_skip(tap, "faults in Kubernetes", cluster.missing or "built without --enable-failpoints")
        tap.done()
    for suite in (Faults, Alone):
        for workload in sys.argv[1:] or ("deployment", "job"):
            suite(cluster, workload, not FULL).run(tap, os.environ.get("ONLY", ""))
    tap.done()
