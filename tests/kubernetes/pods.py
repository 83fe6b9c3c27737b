"""pods.py - squall as pods of the running cluster, seen from within the node's network.

    cluster = inside()             # the running cluster; this process moves into its network
    with Pods(cluster) as pods:    # parts.yaml
        test_id = pods.post(...)
"""
import http.client
import json
import os
import subprocess
import sys

import squall
from cluster import HOME, NAMESPACE, Cluster

IMAGES = ("target-api", "gateway-api", "orchestrator", "worker", "redis")
SMALL = {"resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"cpu": None, "memory": "128Mi"}}}
KINDS = ("deployments", "jobs", "pods", "secrets", "networkpolicies")  # what a test is made of


def inside():
    """The cluster, .missing when there is none to test with. Starts this program anew in the node's network, where
    Pods and Services have their addresses."""
    cluster = Cluster()
    if cluster.missing:
        return cluster
    with open(os.path.join(HOME, "run", "ns.pid"), encoding="utf-8") as f:
        node = f.read().strip()
    if os.environ.get("SQUALL_K8S_NODE") != node:
        os.environ["SQUALL_K8S_NODE"] = node
        os.execvp("nsenter", ["nsenter", "-t", node, "-n", sys.executable, *sys.argv])
    there = subprocess.run(["nsenter", "-t", node, "-n", "-m", "-u", "-p", "ctr", "-a", "/run/ltk8s/containerd.sock",
                            "-n", "k8s.io", "images", "ls", "-q"], stdout=subprocess.PIPE, text=True).stdout.split()
    lacking = [i for i in IMAGES if "localhost/squall/%s:test" % i not in there]
    if lacking:
        cluster.missing = "no image of %s in the cluster (tests/kubernetes/images.sh builds them)" % ", ".join(lacking)
    return cluster


def scheduler_conf(workload, container=None, pod=None, options=""):
    """A .conf's scheduler."""
    def quoted(value):
        return json.dumps(json.dumps(value))
    return ('scheduler = { plugin = "kubernetes"; namespace = "%s"; workload = "%s"; container = %s; pod = %s; %s };'
            % (NAMESPACE, workload, quoted(dict(SMALL, **(container or {}))), quoted(pod or {}), options))


def in_pod(scheduler, orchestrator=""):
    """The orchestrator.conf of a pod with this scheduler."""
    return ('state_dir = "/var/lib/squall";\ntransport = { plugin = "auto"; };\nstore = { plugin = "auto"; };\n%s\n'
            'roles = ( { plugin = "orchestrator"; listen = "0.0.0.0:8000"; %s } );\n' % (scheduler, orchestrator))


def left(cluster, space="main"):
    """What there is of any test: ["pods lw-..."]."""
    return ["%s %s" % (kind, name) for kind in KINDS for name in cluster.names(kind, space)]


def wait_until(what, why, patience=120):
    """squall.wait_until, but looking less often: each look is a kubectl."""
    return squall.wait_until(what, why, patience, 0.2)


class Pods:
    """All parts, ready when the block begins, gone when it ends. env: for a part, what else its environment has
    (NAME=value) and has not (NAME-)."""

    def __init__(self, cluster, env=None):
        self.cluster, self.env = cluster, env or {}

    def __enter__(self):
        self.clean()
        self.cluster.apply(self.cluster.file("parts.yaml"))
        for part, changes in self.env.items():
            self.kubectl("set", "env", "deployment/" + part, *changes)
        for part in ("redis", "target-api", "gateway-api", "orchestrator"):
            self.wait_ready(part)
        return self

    def __exit__(self, *_):
        self.clean()

    def clean(self):
        self.kubectl("delete", "deployments,jobs,services,configmaps", "--all", "--wait=false")
        self.kubectl("delete", "secrets,networkpolicies", "-l", "app=load-worker", "--wait=false")
        self.kubectl("delete", "pods", "--all", "--grace-period=1", "--wait=true", check=False)
        wait_until(lambda: not self.cluster.get("pods")["items"], "the end of all pods")

    def kubectl(self, *args, **more):
        return self.cluster.kubectl("-n", NAMESPACE, *args, **more)

    def wait_ready(self, part):
        try:
            self.kubectl("rollout", "status", "deployment/" + part, "--timeout=180s")
        except RuntimeError as e:
            raise RuntimeError("%s\n%s\n%s" % (e, self.kubectl("describe", "pods", "-l", "app=" + part).stdout,
                                               self.log(part))) from e
        if part != "redis":
            wait_until(lambda: self.answers(part), "the Service of " + part)

    def answers(self, part):
        """A ready pod has its Service a moment later."""
        try:
            return self.ask("GET", "/readyz", part=part)[0] == 200
        except OSError:
            return False

    def configure(self, conf):
        """Gives the orchestrator another .conf; it starts anew."""
        self.cluster.apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": {"orchestrator.conf": conf},
                                       "metadata": {"name": "orchestrator", "namespace": NAMESPACE}}))
        mount = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}, "template": {
            "metadata": {"annotations": {"conf": str(hash(conf))}},
            "spec": {"volumes": [{"name": "conf", "configMap": {"name": "orchestrator"}}],
                     "containers": [{"name": "orchestrator",
                                     "volumeMounts": [{"name": "conf", "mountPath": "/etc/squall"}]}]}}}}
        self.kubectl("patch", "deployment", "orchestrator", "-p", json.dumps(mount))
        self.wait_ready("orchestrator")

    def log(self, part):
        return self.kubectl("logs", "-l", "app=" + part, "--tail=-1", check=False).stdout

    # --- the API ---

    def request(self, *args, **more):
        """Status, and the document."""
        status, text = self.ask(*args, **more)
        return status, json.loads(text or b"null")

    def ask(self, method, path, body=None, part="gateway-api"):
        address = self.cluster.get("service", part)["spec"]["clusterIP"]
        connection = http.client.HTTPConnection(address, 8000, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def submit(self, **plan):
        status, answer = self.request("POST", "/tests", plan)
        assert status == 202, answer
        return answer["test_id"]

    def show(self, test_id):
        return self.request("GET", "/tests/" + test_id)[1]

    def wait_state(self, test_id, *states, patience=240):
        def reached():
            test = self.show(test_id)
            return test if test["state"] in states else None
        return wait_until(reached, lambda: "%s in %s:\n%s\n%s" % (test_id, states, json.dumps(self.show(test_id)["history"]),
                                                                  self.log("orchestrator")), patience)

    def end(self, test_id, patience=240):
        return self.wait_state(test_id, "completed", "failed", "cancelled", "timed_out", patience=patience)
