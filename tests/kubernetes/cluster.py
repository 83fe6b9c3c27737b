"""cluster.py - the Kubernetes that tests run against: a running one, or why there is none.

tests/kubernetes/cluster/up.sh starts a real one; its run/env says where it is. SQUALL_K8S names the folder with
its binaries; without a cluster tests skip, unless SQUALL_K8S_REQUIRED=1.
"""
import fcntl
import json
import os
import subprocess
import sys
import time

HOME = os.environ.get("SQUALL_K8S") or os.environ.get("K8S_HOME") or "/var/cache/squall-k8s"
HERE = os.path.dirname(os.path.abspath(__file__))
# The specification's, unless somebody else uses it.
NAMESPACE = os.environ.get("SQUALL_K8S_NAMESPACE", "load-testing")
# What kubectl says of a server that is not there, or too busy.
UNREACHED = ("refused", "timeout", "EOF", "reset by peer", "Unable to connect", "apiserver not ready", "timed out")


def environment():
    """What run/env exports, or None."""
    try:
        with open(os.path.join(HOME, "run", "env"), encoding="utf-8") as f:
            lines = [line.strip()[7:].split("=", 1) for line in f if line.startswith("export ")]
    except OSError:
        return None
    env = dict(os.environ)
    env.update({name: value.replace("$PATH", os.environ["PATH"]) for name, value in lines})
    return env


_turn = None


def take_turns():
    """Tests that run side by side have the cluster one after the other, each until it ends."""
    global _turn
    if _turn is None:
        _turn = open(os.path.join(HOME, "tests.lock"), "w", encoding="utf-8")
        fcntl.flock(_turn, fcntl.LOCK_EX)


class Cluster:
    """kubectl as its administrator, and a token with just the rights of role.yaml."""

    def __init__(self):
        self.env = environment()
        if self.env is None or self.kubectl("version", "--request-timeout=5s", check=False).returncode != 0:
            self.missing = "no Kubernetes is running (tests/kubernetes/cluster/up.sh starts one)"
            return
        self.missing = None
        take_turns()
        self.kubectl("create", "namespace", NAMESPACE, check=False)
        self.apply(self.file("role.yaml"))
        self.kubectl("-n", NAMESPACE, "create", "serviceaccount", "squall-orchestrator", check=False)
        self.kubectl("-n", NAMESPACE, "create", "rolebinding", "squall-orchestrator", "--role=squall-orchestrator",
                     "--serviceaccount=%s:squall-orchestrator" % NAMESPACE, check=False)

    def kubectl(self, *args, check=True, stdin=None):
        done = subprocess.run(["kubectl", *args], env=self.env, input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check and done.returncode != 0:
            raise RuntimeError("kubectl %s: %s" % (" ".join(args), done.stderr))
        return done

    @staticmethod
    def file(name):
        """Manifests of this folder, for the namespace."""
        with open(os.path.join(HERE, name), encoding="utf-8") as f:
            return f.read().replace("namespace: load-testing", "namespace: " + NAMESPACE)

    def apply(self, text):
        self.kubectl("apply", "-f", "-", stdin=text)

    def get(self, *args):
        """Asked again while the server cannot be reached: a test may have killed it."""
        end = time.monotonic() + 60
        while True:
            done = self.kubectl("-n", NAMESPACE, "get", *args, "-o", "json", check=False)
            if done.returncode == 0:
                return json.loads(done.stdout)
            if not any(why in done.stderr for why in UNREACHED) or time.monotonic() > end:
                raise RuntimeError("kubectl get %s: %s" % (" ".join(args), done.stderr))
            time.sleep(0.5)

    def names(self, kind, space="main"):
        return [o["metadata"]["name"] for o in self.get(kind, "-l", "app=load-worker,squall.io/space=" + space)["items"]]

    def token(self, path, bound_to=None):
        """Writes a fresh token of the orchestrator's account to path. bound_to: a Secret, without which it is void."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}}
        if bound_to:
            body["spec"]["boundObjectRef"] = {"apiVersion": "v1", "kind": "Secret", "name": bound_to}
        url = "/api/v1/namespaces/%s/serviceaccounts/squall-orchestrator/token" % NAMESPACE
        answer = self.kubectl("create", "--raw", url, "-f", "-", stdin=json.dumps(body)).stdout
        with open(path, "w", encoding="utf-8") as f:
            f.write(json.loads(answer)["status"]["token"])

    @property
    def api(self):
        return self.env["K8S_API"]

    @property
    def ca(self):
        return self.env["K8S_CA"]


def required_or_skip(tap, name, why):
    """One skipped test, or a failure where a cluster has to be."""
    if os.environ.get("SQUALL_K8S_REQUIRED") == "1":
        tap.ok(False, "%s: %s" % (name, why))
    else:
        tap.skip(name, why)
    sys.stdout.flush()
