#!/usr/bin/python3
"""The specification's steps 4 and 5, its monitoring lines and its clean-up, on a real cluster.

Images come from a registry in the node, queue and store are a Redis with TLS in the cluster, the address of the
load balancer is written by the test as a cloud would. Upgrade and rollback happen under a running test.
"""
import json
import os
import subprocess
import sys
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chart import CHART, helm, missing  # noqa: E402
from node import BALANCER, REGISTRY, HERE, Plain, Surroundings  # noqa: E402
from cluster import NAMESPACE, required_or_skip  # noqa: E402
from restricted import violations  # noqa: E402
from servicebus import KEY  # noqa: E402
from squall import Tap, wait_until  # noqa: E402

PASSWORD = "c2VjcmV0LW9mLXRoZS10ZXN0cw=="
PATIENCE = 600  # seconds: a limit for what hangs
tap = Tap()
cluster = Plain()
ROLES = ("gateway-api", "orchestrator", "target-api")


def shell(command, inside=False):
    """A line of the specification, as it stands there; inside: where the load balancer's address leads."""
    run = cluster.inside("bash", "-c", command) if inside else ["bash", "-c", command]
    return subprocess.run(run, env=cluster.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=PATIENCE)


def succeeds(name, done):
    return tap.ok(done.returncode == 0, name, done.stdout, done.stderr)


def helm_here(*args):
    return helm(*args, env=cluster.env, patience=PATIENCE)


def rolled_out():
    """Waits until every part is what its Deployment says, and nothing of the older one is left."""
    for role in ROLES:
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/" + role, "--timeout=%ds" % PATIENCE)


def pods(app):
    return {p["metadata"]["name"]: p for p in cluster.get("pods", "-l", "app=" + app)["items"]}


def lives(app):
    """Which pods they are, and how often their containers started."""
    return {name: (p["metadata"]["uid"], sum(c["restartCount"] for c in p["status"].get("containerStatuses", [])))
            for name, p in pods(app).items()}


class Test:
    """One test, submitted by the specification's curl line."""

    def __init__(self, plan):
        line = ('curl -sS -X POST "http://%s:8000/tests" -H "Content-Type: application/json" -d \'%s\''
                % (BALANCER, json.dumps(plan)))
        self.answer = shell(line, inside=True)
        if self.answer.returncode != 0 or "test_id" not in self.answer.stdout:
            raise RuntimeError("%s: %s%s" % (line, self.answer.stdout, self.answer.stderr))
        self.id = json.loads(self.answer.stdout)["test_id"]

    def get(self):
        done = shell("curl -sS http://%s:8000/tests/%s" % (BALANCER, self.id), inside=True)
        try:
            return json.loads(done.stdout)
        except ValueError:  # between two gateways
            return {}

    def reach(self, *states):
        seen = [{}]

        def there():
            seen.append(self.get())
            return seen[-1].get("state") in states + ("completed", "failed", "cancelled", "timed_out")
        wait_until(there, lambda: "%s of %s: %s" % (states, self.id, json.dumps(seen[-1])[:2000]), patience=PATIENCE, every=0.5)
        return seen[-1]


def whole(name, result, sent):
    """Every request was sent, answered and counted, whatever happened meanwhile."""
    ledger = result.get("ledger") or {}
    tap.equal(result.get("state"), "completed", "%s: completed" % name)
    tap.equal((ledger.get("scheduled"), ledger.get("ok"), ledger.get("balanced")), (sent, sent, True),
              "%s: all %d requests sent and ok, the ledger balances" % (name, sent))
    tap.equal((result.get("audit") or {}).get("status"), "equal", "%s: the target counted the same" % name)
    tap.equal((result.get("workers") or {}).get("lost"), [], "%s: no worker lost" % name)
    if result.get("state") != "completed" or ledger.get("ok") != sent:
        tap.note(json.dumps(result)[:6000])


def my_values(around, service_bus=""):
    """The specification's values file, written by its own lines."""
    return shell("""ACR_REGISTRY=%s REDIS_HOST=%s REDIS_PASSWORD=%s SERVICE_BUS_CONN='%s'
cat > %s << EOF
images:
  registry: $ACR_REGISTRY
  pullPolicy: Always

redis:
  host: "$REDIS_HOST"
  port: 6380
  password: "$REDIS_PASSWORD"
  ssl: true

serviceBus:
  connectionString: "$SERVICE_BUS_CONN"
  queueName: load-test-requests
EOF""" % (REGISTRY, around.redis_host, PASSWORD, service_bus, around.path("my-values.yaml")))


def with_values(around):
    """The values file, the authority of this Redis, and patience with a node that has other things to do."""
    return (CHART, "-f", around.path("my-values.yaml"), "--set-file", "redis.ca=" + around.redis_ca,
            "--set", "orchestrator.options.report_timeout=60s")


def install(around):
    my_values(around)
    done = helm_here("install", "load-tester", *with_values(around))
    succeeds("helm install load-tester ./deploy/charts/load-tester -f my-values.yaml", done)
    tap.contains(done.stdout, "WARNING: the gateway asks for no API key", "it warns of the open gateway")
    space = json.loads(cluster.kubectl("get", "namespace", NAMESPACE, "-o", "json").stdout)["metadata"]
    tap.equal(space["labels"].get("pod-security.kubernetes.io/enforce"), "restricted", "it made namespace load-testing")
    rolled_out()
    tap.ok(True, "every part is ready, with images pulled from a registry")
    pulled = {c["imageID"].split("@")[0] for r in ROLES for p in pods(r).values() for c in p["status"]["containerStatuses"]}
    tap.equal(pulled, {REGISTRY + "/" + r for r in ROLES}, "namely that one")
    cluster.set_balancer(NAMESPACE, "gateway-api")
    wait_until(lambda: shell("curl -sf http://%s:8000/" % BALANCER, inside=True).returncode == 0,
               lambda: "the balancer's address: %s" % shell("curl -sS http://%s:8000/" % BALANCER, inside=True).stderr, every=0.5)


def step_five():
    line = "kubectl get svc gateway-api -n load-testing -o jsonpath='{.status.loadBalancer.ingress[0].ip}'"
    tap.equal(shell(line).stdout, BALANCER, line)
    test = Test({"hits_per_sec": 500, "duration_sec": 60, "workers": 5})
    answer = json.loads(test.answer.stdout)
    tap.equal((answer.get("message"), answer.get("parameters")),
              ("Test request submitted successfully", {"hits_per_sec": 500, "duration_sec": 60, "workers": 5}),
              "POST /tests answers as documented")
    return test


def monitoring(test):
    test.reach("running")
    running = []

    # A kubelet reports that a worker runs a moment after the worker has reported itself.
    def five_run():
        listed = shell("kubectl get pods -n load-testing -l app=load-worker")
        running[:] = [line.split()[0] for line in listed.stdout.splitlines() if " Running " in line]
        return len(running) == 5
    wait_until(five_run, lambda: "five workers; listed: %s" % running, patience=20, every=0.2)
    tap.equal(len(running), 5, "kubectl get pods -n load-testing -l app=load-worker lists five workers")
    loose = {p["metadata"]["name"]: violations(p["spec"]) for p in cluster.get("pods")["items"]}
    tap.equal({name: found for name, found in loose.items() if found}, {}, "every pod that runs keeps to \"restricted\"")
    wait_until(lambda: shell("kubectl logs -n load-testing %s" % running[0]).stdout, "the log of a worker", every=1)
    tap.ok(True, "kubectl logs -n load-testing <pod-name> shows what a worker does")
    logs = shell("kubectl logs -n load-testing -l app=orchestrator --tail=-1")
    tap.contains(logs.stdout, test.id, "kubectl logs -n load-testing -l app=orchestrator shows the test")
    whole("the specification's test", test.reach(), 30000)
    hits = json.loads(shell("curl -sS http://%s:8000/stats" % BALANCER, inside=True).stdout)
    tap.equal(hits, {"total_hits": 30000}, 'curl "http://$GATEWAY_IP:8000/stats"')


def undisturbed(name, before, change):
    """Rolls gateway and orchestrator by change; the pods of before stay what they were."""
    olds = {r: set(pods(r)) for r in ("gateway-api", "orchestrator")}
    succeeds("%s under a running test" % name, change())
    rolled_out()
    for role, old in olds.items():
        wait_until(lambda r=role, o=old: not o & set(pods(r)), "the old pods of " + role, patience=PATIENCE, every=1)
    tap.ok(True, "%s: gateway and orchestrator are other pods now" % name)
    tap.equal({app: lives(app) for app in before}, before, "%s: workers and targets are the same, none started again" % name)
    return cluster.get("configmap", "orchestrator")["data"]["orchestrator.conf"]


def upgrade_and_rollback(around):
    """Everything that can be rolled without touching the target, while its workers load: there and back."""
    test = Test({"hits_per_sec": 100, "duration_sec": 300, "workers": 5})
    test.reach("running")
    workers = "load-worker,squall.io/test-id=" + test.id
    before = {app: lives(app) for app in (workers, "target-api")}
    tap.equal(len(before[workers]), 5, "a longer test runs")
    conf = undisturbed("helm upgrade", before, lambda: helm_here(
        "upgrade", "load-tester", *with_values(around), "--set", "worker.options.timer=economy", "--set", "worker.resources.limits.cpu=2",
        "--set", "limits.maxRate=50000"))
    tap.contains(conf, "economy", "the next test's workers would be made anew")
    conf = undisturbed("helm rollback", before, lambda: helm_here("rollback", "load-tester", "1"))
    tap.ok("economy" not in conf and "max_rate" not in conf, "what the upgrade changed is undone")
    tap.equal(test.get().get("state"), "running", "the test still runs")
    whole("the test under upgrade and rollback", test.reach(), 30000)


def port_forward():
    command = ["kubectl", "port-forward", "svc/target-api", "-n", NAMESPACE, "18000:8000"]
    process = subprocess.Popen(command, env=cluster.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        first = process.stdout.readline()
        done = shell("curl -sS http://localhost:18000/stats")
        tap.equal(done.stdout.strip(), '{"total_hits":30000}', "kubectl port-forward svc/target-api -n load-testing: "
                  "the count" + ("" if "Forwarding" in first else " (%s)" % first))
    finally:
        process.terminate()
        process.wait()


def helm_test():
    done = helm_here("test", "load-tester", "--timeout", "5m")
    succeeds("helm test load-tester", done)
    if done.returncode != 0:
        for pod in ("load-tester-test-target", "load-tester-test-gateway"):
            tap.note(shell("kubectl -n load-testing logs %s; kubectl -n load-testing describe pod %s | tail -n 20" % (pod, pod)).stdout)


def as_jobs(around):
    succeeds("helm upgrade to Jobs", helm_here(
        "upgrade", "load-tester", CHART, "--reuse-values", "--set", "worker.workload=job"))
    rolled_out()
    whole("a test as a Job", Test({"hits_per_sec": 50, "duration_sec": 5, "workers": 2}).reach(), 250)


def on_service_bus(around):
    """With a connection string the queue is there, and Redis keeps the records."""
    around.start_service_bus()
    my_values(around, around.service_bus)
    succeeds("helm upgrade to a Service Bus", helm_here(
        "upgrade", "load-tester", *with_values(around), "--set", "worker.workload=job"))
    rolled_out()
    for app, role in (("gateway-api", "gateway"), ("orchestrator", "orchestrator")):
        tap.contains(cluster.get("configmap", app)["data"][role + ".conf"], '"servicebus"', "%s: the transport is servicebus" % app)
    whole("a test by way of the Service Bus", Test({"hits_per_sec": 50, "duration_sec": 5, "workers": 2}).reach(), 250)
    queue = around.queue("load-test-requests")
    tap.equal(([queue[k] for k in ("waiting", "locked", "dead")], queue["counts"]["completed"]), ([[], [], []], 1),
              "its message is settled")
    secrets = shell("kubectl logs -n load-testing -l 'app in (gateway-api, orchestrator)' --tail=-1").stdout
    tap.ok(KEY not in secrets, "no log tells its key")


def of_tests():
    """(kind, name) of what belongs to tests."""
    kinds = "deployments,replicasets,jobs,pods,secrets,networkpolicies"
    items = cluster.get(kinds, "-l", "app=load-worker")["items"]
    return {(o["kind"], o["metadata"]["name"]) for o in items if o["metadata"]["name"].startswith("lw-")}


def uninstall():
    """In mid-test, as it must not be done and is."""
    Test({"hits_per_sec": 50, "duration_sec": 300, "workers": 2}).reach("running")
    succeeds("helm uninstall load-tester", helm_here("uninstall", "load-tester"))
    wait_until(lambda: cluster.everything(NAMESPACE) == of_tests(),
               lambda: "what is documented alone: %s" % cluster.everything(NAMESPACE), patience=PATIENCE, every=2)
    tap.equal({kind for kind, _ in of_tests()}, {"Job", "Pod", "Secret", "NetworkPolicy"},
              "it leaves the namespace, and what belongs to the test that ran")
    line = "kubectl delete deployments,jobs,secrets,networkpolicies -n load-testing -l app=load-worker"
    succeeds(line, shell(line))
    wait_until(lambda: not cluster.everything(NAMESPACE), lambda: "an empty namespace: %s" % cluster.everything(NAMESPACE),
               patience=PATIENCE, every=2)
    tap.ok(True, "after which the namespace is empty")


def elsewhere(around):
    """Helm's own ways with namespaces. Objects alone: nothing waits for pods here."""
    args = with_values(around)
    succeeds("it installs into the namespace that it left", helm_here("install", "load-tester", *args))
    succeeds("and uninstalls", helm_here("uninstall", "load-tester"))
    succeeds("it installs there with -n load-testing", helm_here("install", "load-tester", *args, "-n", NAMESPACE))
    succeeds("and uninstalls from there", helm_here("uninstall", "load-tester", "-n", NAMESPACE))
    cluster.delete_namespace(NAMESPACE)
    succeeds("it installs with -n load-testing --create-namespace",
             helm_here("install", "load-tester", *args, "-n", NAMESPACE, "--create-namespace"))
    succeeds("and uninstalls again", helm_here("uninstall", "load-tester", "-n", NAMESPACE))
    cluster.delete_namespace(NAMESPACE)
    cluster.kubectl("create", "namespace", NAMESPACE)
    succeeds("it installs into somebody else's namespace", helm_here("install", "load-tester", *args))
    labels = json.loads(cluster.kubectl("get", "namespace", NAMESPACE, "-o", "json").stdout)["metadata"].get("labels") or {}
    tap.ok("app.kubernetes.io/managed-by" not in labels, "which stays as it was")
    done = helm_here("install", "another", *args)
    tap.ok(done.returncode != 0 and "load-tester" in done.stderr, "a second release is told whose the names are", done.stderr)
    succeeds("and uninstalls from it", helm_here("uninstall", "load-tester"))
    tap.equal({n for k, n in cluster.everything(NAMESPACE) if k != "Pod" and k != "ReplicaSet"}, set(), "leaving nothing")


def restore():
    """The cluster as up.sh leaves it, for the tests that come next."""
    cluster.delete_namespace(NAMESPACE)
    cluster.apply(open(os.path.join(HERE, "..", "kubernetes", "cluster", "rbac.yaml"), encoding="utf-8").read())


why = missing() or cluster.missing
if why:
    required_or_skip(tap, "the chart on a cluster", why)
    tap.done()
cluster.delete_namespace(NAMESPACE)
try:
    with Surroundings(cluster, PASSWORD) as around_it:
        install(around_it)
        first = step_five()
        monitoring(first)
        port_forward()
        upgrade_and_rollback(around_it)
        helm_test()
        as_jobs(around_it)
        on_service_bus(around_it)
        uninstall()
        elsewhere(around_it)
except Exception:  # what it was comes before the clean-up, which takes a while
    tap.ok(False, "the test came to its end", traceback.format_exc())
finally:
    restore()
tap.done()
