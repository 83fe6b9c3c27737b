#!/usr/bin/python3
"""squall as pods of a real cluster, from its images: the specification's POST to the end, in each mode of workload, and
the old system's manifests."""
import json
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "kubernetes")]
from beside import NODE  # noqa: E402
from cluster import NAMESPACE, required_or_skip  # noqa: E402
from pods import Pods, in_pod, inside, left, scheduler_conf, wait_until  # noqa: E402
from servicebus import Broker, missing as no_broker  # noqa: E402
from squall import Tap  # noqa: E402

tap = Tap()


class Follower:
    """kubectl logs -f, from now to the end of the pod."""

    def __init__(self, cluster, *args):
        self.process = subprocess.Popen(["kubectl", "-n", NAMESPACE, "logs", "-f", *args], env=cluster.env, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def lines(self):
        """All it said; kubectl may close with a word of its own about a container that is gone."""
        lines = self.process.communicate(timeout=120)[0].splitlines()
        return [line for line in lines if not line.startswith(("rpc error", "Error from server"))]


def kubectl_words(cluster, line):
    """The specification's command line, word for word (but for the namespace, where the tests have another), by a shell."""
    return subprocess.run(["sh", "-c", line.replace("load-testing", NAMESPACE)], env=cluster.env, text=True, stdout=subprocess.PIPE, check=True).stdout


def listed(cluster, workers):
    """The workers that the specification's command line shows as running. A kubelet reports that a moment after a worker
    has reported itself, so this many are waited for."""
    names = []

    def all_run():
        rows = kubectl_words(cluster, "kubectl get pods -n load-testing -l app=load-worker").splitlines()[1:]
        names[:] = [row.split()[0] for row in rows if row.split()[2] == "Running"]
        return len(names) == workers
    wait_until(all_run, lambda: "%d workers; listed: %s" % (workers, names), 20)
    return names


def hits(pods):
    """GET /stats of the gateway, which asks the target."""
    answers = []

    def total():
        answers.append(pods.request("GET", "/stats"))
        return answers[-1][0] == 200
    wait_until(total, lambda: answers[-1], 30)
    return answers[-1][1]["total_hits"]


def told(cluster, part):
    """The line of the orchestrator's log that holds it, or None: also when a pod of before went between kubectl's list of
    them and its log, which kubectl takes for a failure."""
    try:
        log = kubectl_words(cluster, "kubectl logs -n load-testing -l app=orchestrator --tail=-1")
    except subprocess.CalledProcessError:
        return None
    return next((line for line in log.splitlines() if part in line), None)


def run(cluster, pods, mode, kind, plan):
    before = hits(pods)
    status, answer = pods.request("POST", "/tests", plan)
    tap.equal((status, answer["message"], answer["parameters"]), (202, "Test request submitted successfully", plan),
              mode + ": POST /tests answers as specified")
    test_id = answer["test_id"]
    pods.wait_state(test_id, "running")
    names = listed(cluster, plan["workers"])
    tap.equal(len(names), plan["workers"], mode + ": kubectl get pods lists each worker")
    tap.equal(len(cluster.names(kind)), 1, "%s: they are one of the %s" % (mode, kind))
    follower = Follower(cluster, names[0])
    test = pods.end(test_id)
    total = plan["hits_per_sec"] * plan["duration_sec"]
    tap.equal((test["state"], test["reason"]), ("completed", None), mode + ": it completes")
    tap.ok(test["ledger"]["balanced"] and test["ledger"]["scheduled"] == total, mode + ": the ledger balances",
           json.dumps(test["ledger"]))
    tap.equal(test["audit"]["status"], "equal", mode + ": the audit is equal: %s" % json.dumps(test["audit"]))
    tap.equal(hits(pods) - before, test["audit"]["counted"],
              mode + ": GET /stats of the gateway counts them")
    tap.equal((test["workers"]["planned"], test["workers"]["reported"], test["workers"]["lost"]),
              (plan["workers"], plan["workers"], []), mode + ": each worker reported")
    tap.note("%s: lag %s ms, validity %s %s, start skew %s ms"
             % (mode, json.dumps(test["latency_ms"]["lag"]), test["validity"]["status"],
                [r["what"] for r in test["validity"]["reasons"]], test["generator"].get("start_skew_ms")))
    lines = follower.lines()
    last = "%d/%d s" % (plan["duration_sec"], plan["duration_sec"])
    tap.ok(any(line.startswith(last) for line in lines) and any("result of this worker" in line for line in lines),
           mode + ": kubectl logs of a worker has its progress and its result", *lines)
    line = wait_until(lambda: told(cluster, "test=%s result: " % test_id), lambda: pods.log("orchestrator"))
    tap.ok("sent=%d ok=%d" % (total, total) in line, mode + ": the orchestrator's log has the whole: %s" % line)
    try:
        wait_until(lambda: not left(cluster), "the end of its objects")
        tap.ok(True, mode + ": no object is left")
    except TimeoutError:
        tap.ok(False, mode + ": no object is left", left(cluster))


def target_process():
    """Its pid, of all processes of the node."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                if f.read() == b"squalld\0-c\0/etc/squall/target.conf\0":
                    return int(pid)
        except OSError:
            pass
    raise RuntimeError("no process of target-api")


def delete_orchestrator(cluster, pods, test_id):
    """Its Deployment brings another one, which goes on with the test."""
    pod = cluster.get("pods", "-l", "app=orchestrator")["items"][0]["metadata"]["name"]
    pods.kubectl("delete", "pod", pod, "--wait=false")
    wait_until(lambda: "test=%s adopted" % test_id in pods.log("orchestrator"), lambda: "an adoption\n" + pods.log("orchestrator"))


def orchestrator_deleted(cluster, pods, state):
    test_id = pods.submit(hits_per_sec=100, duration_sec=20, workers=2)
    if state == "draining":  # which lasts for as long as answers are waited for
        wait_until(lambda: (pods.show(test_id).get("live") or {"t": 0})["t"] >= 17, "its last seconds")
        target = target_process()
        os.kill(target, signal.SIGSTOP)
        try:
            pods.wait_state(test_id, state)
            delete_orchestrator(cluster, pods, test_id)
        finally:
            os.kill(target, signal.SIGCONT)
    else:
        pods.wait_state(test_id, state)
        delete_orchestrator(cluster, pods, test_id)
    test = pods.end(test_id)
    tap.equal((test["state"], test["reason"]), ("completed", None), "orchestrator deleted in %s: the test completes" % state)
    tap.ok(test["ledger"]["balanced"] and test["audit"]["status"] == "equal" and not test["workers"]["lost"],
           "orchestrator deleted in %s: with all its workers, each request counted once" % state,
           json.dumps([test["ledger"], test["audit"], test["workers"]]))
    tap.ok(wait_until(lambda: not left(cluster), "the end of its objects"), "orchestrator deleted in %s: no object is left" % state)
    pods.wait_ready("orchestrator")


def stops_in_order(cluster, pods, part):
    """SIGTERM of a container: the log, to its last line."""
    pod = cluster.get("pods", "-l", "app=" + part)["items"][0]["metadata"]["name"]
    follower = Follower(cluster, pod, "--tail=-1")
    wait_until(lambda: follower.process.stdout.readline(), "its first line")
    pods.kubectl("scale", "deployment/" + part, "--replicas=0")
    last = follower.lines()[-1:]
    tap.ok(last and "host stopped" in last[0], "%s: SIGTERM ends it in order, the log says so" % part, *last)


def old_manifests(cluster):
    """The Python system's variables: the queue at gateway and orchestrator, Redis at the target alone."""
    plan = {"hits_per_sec": 50, "duration_sec": 5, "workers": 2}
    with Broker(host=NODE) as broker:
        queue = ["REDIS_HOST-", "SERVICE_BUS_QUEUE_NAME=load-test-requests", "SERVICE_BUS_CONNECTION_STRING=" + broker.connection()]
        with Pods(cluster, {"gateway-api": queue, "orchestrator": queue + ["TARGET_URL=http://target-api:8000/hit"]}) as pods:
            test_id = pods.submit(**plan)
            line = wait_until(lambda: told(cluster, "test=%s result: " % test_id), lambda: pods.log("orchestrator"))
            tap.ok("sent=250 ok=250" in line, "old manifests: a test runs to its end: %s" % line)
            tap.equal(hits(pods), 250, "old manifests: the target counted them")
            status, answer = pods.request("GET", "/tests/" + test_id)
            tap.ok(status == 404 and "REDIS_HOST" in answer["detail"],
                   "old manifests: the gateway says what it would need to know more", status, answer)
            tap.ok(wait_until(lambda: not left(cluster), "the end of its objects"), "old manifests: no object is left")
            state = broker.state("load-test-requests")
            tap.equal([state[k] for k in ("waiting", "locked", "dead")], [[], [], []], "old manifests: the message is settled")


no_broker()  # what it needs comes from a network that the node has not
cluster = inside()
if cluster.missing:
    required_or_skip(tap, "squall in Kubernetes", cluster.missing)
    tap.done()
spec = {"hits_per_sec": 500, "duration_sec": int(os.environ.get("SECONDS_EACH", "60")), "workers": 5}
with Pods(cluster) as pods:
    run(cluster, pods, "variables alone", "deployments", {"hits_per_sec": 50, "duration_sec": 10, "workers": 1})
    for workload, kind in (("deployment", "deployments"), ("job", "jobs")):
        pods.configure(in_pod(scheduler_conf(workload)))
        run(cluster, pods, workload, kind, spec)
    pods.configure(in_pod(scheduler_conf("auto"), 'control_urls = ( "http://orchestrator:8000" ); lease_ttl = "3s";'))
    for state in ("provisioning", "running", "draining"):
        orchestrator_deleted(cluster, pods, state)
    for part in ("orchestrator", "gateway-api", "target-api"):
        stops_in_order(cluster, pods, part)
if no_broker():
    tap.skip("old manifests", no_broker())
else:
    old_manifests(cluster)
tap.done()
