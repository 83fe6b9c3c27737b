"""node.py - what a real installation finds around it, for the test cluster: a registry, a load balancer's address,
a Redis with TLS, a Service Bus.
"""
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "kubernetes"))
os.environ.pop("SQUALL_K8S_NAMESPACE", None)  # the chart's is the specification's
from cluster import HOME, Cluster, environment, take_turns  # noqa: E402
import npm  # noqa: E402
from servicebus import HERE as SERVICE_BUS, KEY, KEY_NAME, certificate  # noqa: E402
from squall import wait_until  # noqa: E402

REGISTRY = "localhost:5000"  # containerd speaks plain HTTP to localhost
ADDRESS = "10.99.0.2"  # of the node
BALANCER = "10.99.0.80"
PARTS = ("gateway-api", "orchestrator", "target-api", "worker")
IMAGES = os.path.join(HOME, "img", "squall-images.tar")


def missing():
    for program in ("docker-registry", "skopeo", "openssl"):
        if not shutil.which(program):
            return "%s is not installed" % program
    if not os.path.exists(IMAGES):
        return "%s is not there (tests/kubernetes/images.sh makes it)" % IMAGES
    return None


class Plain(Cluster):
    """The cluster as its administrator finds it: nothing of squall in it."""

    def __init__(self):
        self.env = environment()
        self.missing = missing()
        if self.env is None or self.kubectl("version", "--request-timeout=5s", check=False).returncode != 0:
            self.missing = "no Kubernetes is running (tests/kubernetes/cluster/up.sh starts one)"
        if not self.missing:
            take_turns()

    def inside(self, *command):
        """Arguments that run a command in the node's namespaces."""
        return [os.path.join(HERE, "..", "kubernetes", "cluster", "ctl.sh"), "exec", *command]

    def run(self, *command, check=True):
        return subprocess.run(self.inside(*command), env=self.env, text=True, check=check, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)

    def everything(self, namespace):
        """(kind, name) of every object of a namespace but what Kubernetes itself puts there."""
        kinds = self.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").stdout.split()
        kinds = [k for k in kinds if not k.startswith(("events", "endpoints", "pods.metrics"))]
        items = json.loads(self.kubectl("-n", namespace, "get", ",".join(kinds), "-o", "json").stdout)["items"]
        found = {(o["kind"], o["metadata"]["name"]) for o in items}
        return {(kind, name) for kind, name in found if not (
            name in ("default", "kube-root-ca.crt") or name.startswith("default-token-"))}

    def delete_namespace(self, name):
        # By force: an old kubelet holds on to a pod whose ConfigMap went while it was starting.
        self.kubectl("-n", name, "delete", "pods", "--all", "--grace-period=0", "--force", check=False)
        self.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=true", "--timeout=120s")

    def set_balancer(self, namespace, service):
        """Does what a cloud does for a Service of type LoadBalancer."""
        context = ssl.create_default_context(cafile=self.ca)
        pki = os.path.join(os.path.dirname(self.env["KUBECONFIG"]), "pki")
        context.load_cert_chain(os.path.join(pki, "admin.crt"), os.path.join(pki, "admin.key"))
        host, port = self.api.split("//")[1].split(":")
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=30)
        connection.request("PATCH", "/api/v1/namespaces/%s/services/%s/status" % (namespace, service),
                           json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": BALANCER}]}}}),
                           {"Content-Type": "application/merge-patch+json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError("status of %s: %d %s" % (service, answer.status, answer.read()))
        connection.close()


class Surroundings:
    """Registry and Redis; gone when the block ends."""

    def __init__(self, cluster, password):
        self.cluster, self.password = cluster, password
        self.dir = tempfile.mkdtemp(prefix="squall-node-")
        os.chmod(self.dir, 0o755)
        self.processes = []

    def __enter__(self):
        try:
            self.start_registry()
            self.start_redis()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for process in self.processes:  # nsenter and what it started
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
        self.cluster.kubectl("delete", "namespace", "data", "--ignore-not-found", "--wait=true", check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def start(self, name, *command):
        log = open(self.path(name + ".log"), "wb")
        self.processes.append(subprocess.Popen(self.cluster.inside(*command), env=self.cluster.env,
                                               stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                                               start_new_session=True))

    # --- the registry that an installation pulls from ---

    def start_registry(self):
        conf = self.write("registry.yml", "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\n"
                          "http: {addr: '127.0.0.1:5000'}\n" % self.path("registry"))
        self.start("registry", "docker-registry", "serve", conf)
        wait_until(lambda: self.cluster.run("curl", "-sf", "http://%s/v2/" % REGISTRY, check=False).returncode == 0,
                   "the registry", every=0.2)
        for part in PARTS:
            self.push("localhost/squall/%s:test" % part, "%s:latest" % part)

    def push(self, image, name):
        self.cluster.run("skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false",
                         "docker-archive:%s:%s" % (IMAGES, image), "docker://%s/%s" % (REGISTRY, name))

    # --- a Service Bus, as an emulator, since its address has no name that a certificate could have ---

    service_bus = "Endpoint=sb://%s:5672;SharedAccessKeyName=%s;SharedAccessKey=%s;UseDevelopmentEmulator=true;" % (
        ADDRESS, KEY_NAME, KEY)

    def start_service_bus(self):
        options = {"host": ADDRESS, "port": 5672, "keys": {KEY_NAME: KEY}}
        self.start("servicebus", "env", "NODE_PATH=" + npm.modules("servicebus"), "node",
                   os.path.join(SERVICE_BUS, "broker.js"), json.dumps(options))
        return wait_until(lambda: self.said("servicebus"), lambda: self.said("servicebus"), every=0.2)

    def said(self, name):
        with open(self.path(name + ".log"), encoding="utf-8") as f:
            return f.read()

    def queue(self, name):
        """What the Service Bus says of a queue."""
        port = json.loads(self.said("servicebus"))["control_port"]
        return json.loads(self.cluster.run("curl", "-sf", "-d", json.dumps({"name": name}),
                                           "http://127.0.0.1:%d/state" % port).stdout)

    # --- Redis with TLS ---

    redis_host = "redis.data.svc.cluster.local"

    @property
    def redis_ca(self):
        return self.path("ca.pem")

    def start_redis(self):
        kubectl = self.cluster.kubectl
        certificate(self.dir, self.redis_host)
        kubectl("create", "namespace", "data")
        kubectl("-n", "data", "create", "secret", "generic", "tls", "--from-file=" + self.path("cert.pem"),
                "--from-file=" + self.path("key.pem"))
        args = ["--port", "0", "--tls-port", "6380", "--tls-cert-file", "/tls/cert.pem", "--tls-key-file", "/tls/key.pem",
                "--tls-auth-clients", "no", "--requirepass", self.password]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "redis", "labels": {"app": "redis"}}, "spec": {
            "enableServiceLinks": False,
            "containers": [{"name": "redis", "image": "localhost/squall/redis:test", "imagePullPolicy": "Never", "args": args,
                            "ports": [{"containerPort": 6380}], "readinessProbe": {"tcpSocket": {"port": 6380}, "periodSeconds": 1},
                            "volumeMounts": [{"name": "tls", "mountPath": "/tls"}]}],
            "volumes": [{"name": "tls", "secret": {"secretName": "tls"}}]}}
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "redis"},
                   "spec": {"selector": {"app": "redis"}, "ports": [{"port": 6380}]}}
        for o in (pod, service):
            kubectl("-n", "data", "apply", "-f", "-", stdin=json.dumps(o))
        kubectl("-n", "data", "wait", "--for=condition=Ready", "pod/redis", "--timeout=120s")
