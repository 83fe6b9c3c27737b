#!/usr/bin/python3
"""The chart without a cluster: what it renders, from which values, and which it refuses."""
import copy
import json
import os
import re
import shlex
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chart import CHART, ROLES, Rendered, faults, helm, missing, read, template, values  # noqa: E402
from restricted import violations  # noqa: E402
from command_lines import blocks, faults as faults_of, whole  # noqa: E402
from squall import SOURCE, Tap, squalld, PLUGINS  # noqa: E402

tap = Tap()
CI = sorted(f[:-len("-values.yaml")] for f in os.listdir(os.path.join(CHART, "ci")))
# What the parts of the chart that ask the cluster take it for.
OLD = ("--kube-version", "1.20.2", "--api-versions", "policy/v1beta1")
NEW = ("--kube-version", "1.32.0", "--api-versions", "policy/v1", "--api-versions", "autoscaling/v2",
       "--api-versions", "monitoring.coreos.com/v1")
work = tempfile.mkdtemp(prefix="squall-chart-")


def write(name, text):
    path = os.path.join(work, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def accepted(what, text):
    """squalld takes the .conf."""
    done = squalld("-t", "-c", write("squalld.conf", text), "-p", PLUGINS)
    tap.ok(done.returncode == 0, "%s: squalld -t takes it" % what, done.stderr, text)


def scheduler(rendered):
    """What the orchestrator's .conf says of its workers: (pod, container, annotations)."""
    conf = rendered.conf("orchestrator")
    texts = []
    for option in ("pod", "container", "annotations"):
        quoted = re.search(r'^    %s = "(.*)";$' % option, conf, re.M).group(1)
        texts.append(json.loads(re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t", "r": "\r"}.get(m[1], m[1]), quoted)))
    return texts


def worker_spec(rendered):
    """The pod of a worker as the scheduler makes it: its own template, with the .conf's patches."""
    with open(os.path.join(SOURCE, "tests", "kubernetes", "golden", "job.json"), encoding="utf-8") as f:
        spec = json.load(f)["spec"]["template"]["spec"]
    pod, container, _ = scheduler(rendered)

    def merge(into, patch):
        for name, value in patch.items():
            if value is None:
                into.pop(name, None)
            elif isinstance(value, dict) and isinstance(into.get(name), dict):
                merge(into[name], value)
            else:
                into[name] = copy.deepcopy(value)
    merge(spec["containers"][0], container)
    merge(spec, pod)
    return spec


# --- each values file of the chart, on an old and on a new cluster --------------------------------

def check_pods(what, rendered):
    specs = {**rendered.pod_specs(), "load-worker": worker_spec(rendered)}
    for name, spec in specs.items():
        tap.equal(violations(spec), [], "%s: pod %s keeps to \"restricted\"" % (what, name))
        tap.ok(spec.get("enableServiceLinks") is False, "%s: pod %s has no service links" % (what, name))
        tap.equal(bool(spec.get("automountServiceAccountToken")), name == "orchestrator",
                  "%s: pod %s has a token of its account only where it needs one" % (what, name))
        tap.ok(all(c["securityContext"].get("readOnlyRootFilesystem") for c in spec["containers"]),
               "%s: pod %s writes to nothing of its image" % (what, name))


def check_confs(what, rendered):
    for name in ROLES:
        if rendered.get("ConfigMap", name):
            accepted("%s: %s" % (what, name), rendered.conf(name))
    accepted("%s: load-worker" % what, scheduler(rendered)[2]["squall.io/worker.conf"])
    for pod in rendered.of("Pod"):
        accepted("%s: %s" % (what, pod["metadata"]["name"]), pod["metadata"]["annotations"]["squall.io/worker.conf"])


def check_places(what, rendered):
    namespaced = [o for o in rendered.objects if o["kind"] != "Namespace"]
    places = {o["metadata"].get("namespace") for o in namespaced}
    tap.equal(len(places), 1, "%s: all objects are in one namespace" % what)
    names = [(o["kind"], o["metadata"]["name"]) for o in rendered.objects]
    tap.equal(len(names), len(set(names)), "%s: no object is there twice" % what)


def check_rendered(name, cluster, extra):
    what = "%s on %s" % (name, cluster)
    rendered = Rendered("-f", values(name), *extra)
    if not tap.equal(rendered.faults, [], "%s: every object keeps to the published schema" % what):
        if rendered.why:
            return
    check_places(what, rendered)
    check_pods(what, rendered)
    check_confs(what, rendered)


for name in CI:
    done = helm("lint", "--strict", CHART, "-f", values(name)) if missing() is None else None
    if done is None:
        tap.skip("the chart", missing())
        tap.done()
    tap.ok(done.returncode == 0, "helm lint --strict with %s" % name, done.stdout)
    check_rendered(name, "1.20", OLD)
    check_rendered(name, "1.32", NEW)
tap.ok(helm("lint", "--strict", CHART).returncode == 0, "helm lint --strict with the values as they come")

# --- what the specification says --------------------------------------------------------------------

spec = Rendered("-f", values("spec"))
containers = {n: s["containers"][0] for n, s in spec.pod_specs().items()}
for name in ("gateway-api", "orchestrator", "target-api"):
    tap.equal(containers[name]["image"], "acme.azurecr.io/%s:latest" % name, "the image of %s" % name)
    tap.equal(containers[name]["imagePullPolicy"], "Always", "%s: its pull policy" % name)
    labels = spec.get("Deployment", name)["spec"]["template"]["metadata"]["labels"]
    tap.equal(labels.get("app"), name, "%s: label app" % name)
conf = spec.conf("orchestrator")
tap.contains(conf, 'image = "acme.azurecr.io/worker:latest"', "the image of the workers")
tap.contains(conf, 'namespace = "load-testing"', "the namespace of the workers")
tap.contains(conf, 'target_url = "http://target-api:8000/hit"', "the target")
tap.contains(conf, 'plugin = "servicebus"', "a connection string makes Service Bus the queue")
tap.contains(conf, 'queue = "load-test-requests"', "its queue")
for name in ROLES:
    tap.contains(spec.conf(name), 'host = "my-redis-cache.redis.cache.windows.net";', "%s: the store" % name)
    tap.contains(spec.conf(name), "port = 6380;", "%s: its port" % name)
    tap.contains(spec.conf(name), "ssl = true;", "%s: by TLS" % name)
    tap.ok("c2VjcmV0" not in spec.conf(name), "%s: no secret stands in the .conf" % name)
services = {o["metadata"]["name"]: o["spec"] for o in spec.of("Service")}
tap.equal((services["gateway-api"]["type"], services["gateway-api"]["ports"][0]["port"]), ("LoadBalancer", 8000),
          "Service gateway-api: a load balancer at 8000")
tap.equal((services["target-api"]["type"], services["target-api"]["ports"][0]["port"]), ("ClusterIP", 8000),
          "Service target-api at 8000")
for name, service in services.items():
    chosen = [n for n in ROLES if service["selector"].items()
              <= spec.get("Deployment", n)["spec"]["template"]["metadata"]["labels"].items()]
    tap.equal(chosen, [name], "Service %s chooses its own pods" % name)
tap.equal({o["metadata"]["namespace"] for o in spec.of("Deployment")}, {"load-testing"}, "all of it in load-testing")

without_bus = Rendered("-f", values("spec"), "--set", "serviceBus.connectionString=")
tap.ok('plugin = "servicebus"' not in without_bus.conf("gateway-api")
       and re.search(r'transport = \{\s+plugin = "redis"', without_bus.conf("gateway-api")),
       "without a connection string Redis is the queue")
tap.equal(spec.get("Deployment", "target-api")["spec"]["replicas"], 2, "two targets")
tap.equal(containers["target-api"]["resources"],
          {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
          "with the documented resources")

# --- namespace --------------------------------------------------------------------------------------

space = spec.get("Namespace", "load-testing")
tap.equal(space["metadata"]["annotations"].get("helm.sh/resource-policy"), "keep", "the namespace stays at uninstall")
inside = Rendered("-f", values("spec"), "-n", "load-testing")
tap.equal(inside.of("Namespace"), [], "Helm's own namespace is left to Helm")
tap.equal({o["metadata"]["namespace"] for o in inside.of("Deployment")}, {"load-testing"}, "and used")
tap.equal(Rendered("-f", values("outside-target")).of("Namespace"), [], "createNamespace=false makes none")

# --- rights -----------------------------------------------------------------------------------------

with open(os.path.join(SOURCE, "tests", "kubernetes", "role.yaml"), encoding="utf-8") as f:
    tested = read(f.read())[0]
tap.equal(spec.get("Role", "squall-orchestrator")["rules"], tested["rules"], "the Role is the one of the cluster tests")
tap.equal(spec.of("ClusterRole") + spec.of("ClusterRoleBinding"), [], "no right beyond the namespace")
bound = spec.get("RoleBinding", "squall-orchestrator")["subjects"]
tap.equal([s["name"] for s in bound], ["orchestrator"], "and for the orchestrator alone")
mounts = {n: [s["secret"]["items"][0]["path"] for s in p["volumes"][0]["projected"]["sources"] if "secret" in s]
          for n, p in spec.pod_specs().items() if n in ROLES}
tap.equal(mounts, {"gateway-api": ["redis-password", "service-bus-connection-string"],
                   "orchestrator": ["redis-password", "service-bus-connection-string"],
                   "target-api": ["redis-password"]}, "each part sees the secrets it needs")
tap.ok("secret" not in json.dumps(worker_spec(spec)["volumes"]), "workers see none of them")

# --- changes roll what reads them, and only that -----------------------------------------------------

def sums(*more):
    r = Rendered("-f", values("spec"), *more)
    return {n: r.get("Deployment", n)["spec"]["template"]["metadata"]["annotations"] for n in ROLES}


before = sums()
rolled = lambda *more: [n for n, a in sums(*more).items() if a != before[n]]  # noqa: E731
tap.equal(rolled(), [], "nothing changed: nothing rolls")
tap.equal(rolled("--set", "redis.password=other"), list(ROLES), "another password rolls all")
tap.equal(rolled("--set", "worker.options.timer=economy"), ["orchestrator"], "what workers are made of rolls the orchestrator")
tap.equal(rolled("--set", "gatewayApi.options.max_tests=7"), ["gateway-api"], "an option of the gateway rolls the gateway")
tap.equal(rolled("--set", "limits.maxRate=7"), ["gateway-api", "orchestrator"], "limits hold for both")
tap.ok(not [o for o in spec.of("ConfigMap") if o["metadata"]["name"] not in ROLES],
       "no object of the release is read by a running worker")
tap.equal(scheduler(spec)[0]["volumes"][0]["downwardAPI"]["items"][0]["fieldRef"]["fieldPath"],
          "metadata.annotations['squall.io/worker.conf']", "worker.conf travels with the test's own objects")

# --- what can be switched on -------------------------------------------------------------------------

full = Rendered("-f", values("full"), *NEW)
old = Rendered("-f", values("full"), *OLD)
tap.equal(full.get("HorizontalPodAutoscaler", "gateway-api")["apiVersion"], "autoscaling/v2", "autoscaling on 1.32")
tap.equal(old.get("HorizontalPodAutoscaler", "gateway-api")["apiVersion"], "autoscaling/v2beta2", "autoscaling on 1.20")
tap.equal({o["apiVersion"] for o in full.of("PodDisruptionBudget")}, {"policy/v1"}, "disruption budgets on 1.32")
tap.equal({o["apiVersion"] for o in old.of("PodDisruptionBudget")}, {"policy/v1beta1"}, "disruption budgets on 1.20")
tap.equal(len(full.of("ServiceMonitor")), 1, "a ServiceMonitor where the operator is")
tap.equal(old.of("ServiceMonitor"), [], "none where it is not")
tap.ok("replicas" not in full.get("Deployment", "gateway-api")["spec"], "the autoscaler has the number of gateways")
service = full.get("Service", "gateway-api")
tap.equal((service["spec"]["loadBalancerSourceRanges"], service["metadata"]["annotations"]),
          (["203.0.113.0/24", "2001:db8::/32"], {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}),
          "source ranges and annotations of the load balancer")
for name in ROLES:
    wanted = name != "target-api"
    account = full.get("ServiceAccount", name)["metadata"].get("annotations") or {}
    labels = full.get("Deployment", name)["spec"]["template"]["metadata"]["labels"]
    tap.equal(("azure.workload.identity/client-id" in account, labels.get("azure.workload.identity/use") == "true"),
              (wanted, wanted), "workload identity of %s" % name)
tap.equal({o["metadata"]["name"] for o in full.of("NetworkPolicy")}, {*ROLES, "load-worker"}, "a policy for each part")
tap.contains(full.conf("gateway-api"), r'target_url = "https://shop.test/say?what=%22\\&it=$x";', "texts are quoted")
tap.contains(full.conf("gateway-api"), "max_rate = 10000000;", "numbers are whole")
tap.equal(scheduler(full)[2]["example.com/note"], 'with "quotes" and \\', "texts in JSON in texts, too")
tap.contains(re.search(r"(?s)store = .*?\};", full.conf("gateway-api")).group(0), 'retention = "24h"', "options of the store")
redis_queue = Rendered("-f", values("full"), "--set", "serviceBus.connectionString=").conf("gateway-api")
tap.contains(re.search(r"(?s)transport = .*?\};", redis_queue).group(0), 'lock = "45s"', "options of the queue")
accepted("options of redis go to whom they are for", redis_queue)
dev = Rendered("-f", values("dev"))
tap.ok(dev.get("Deployment", "dev-redis") and dev.get("Service", "dev-redis"), "a Redis to try things")
tap.contains(dev.conf("gateway-api"), 'host = "dev-redis";', "which is used")

# --- numbers, as they stand in a file of values --------------------------------------------------------

numbers = Rendered("-f", values("spec"), "-f", write("numbers.yaml", "worker: {env: {BIG: 12345678, SOME: 1000000, PART: 0.25, "
                                                     "FLAG: true, TEXT: '1e6'}}\nlimits: {maxRate: 0, maxWorkers: 0, maxDuration: '0'}\n"))
tap.contains(numbers.conf("orchestrator"), 'env = ( "BIG=12345678", "FLAG=true", "PART=0.25", "SOME=1000000", "TEXT=1e6" );',
             "variables of workers say what was written")
for name in ("gateway-api", "orchestrator"):
    for option in ("max_rate = 0;", "max_workers = 0;", 'max_duration = "0";'):
        tap.contains(numbers.conf(name), option, "%s: a limit of 0 is no limit" % name)
        tap.ok(option.split()[0] not in spec.conf(name), "%s: none given: squall's own (%s)" % (name, option.split()[0]))
tap.contains(Rendered("-f", values("spec"), "--set", "serviceBus.connectionString=my-servicebus-ns.servicebus.windows.net")
             .conf("gateway-api"), 'plugin = "servicebus"', "the name of a namespace alone, for an identity")

# --- what is refused ---------------------------------------------------------------------------------

REFUSED = [
    ("no Redis", ["--set", "redis.host="], "redis.host is empty"),
    ("two of them", ["--set", "devRedis.enabled=true"], "exclude each other"),
    ("devRedis by TLS", ["--set", "redis.host=,devRedis.enabled=true"], "speaks no TLS"),
    ("no target", ["--set", "targetApi.enabled=false"], "set targetUrl"),
    ("identity without an id", ["--set", "workloadIdentity.enabled=true"], "workloadIdentity.clientId"),
    ("a value that is not there", ["--set", "redis.hots=x"], "hots"),
    ("a value that is not there, at the top", ["--set", "gateway.replicas=3"], "gateway"),
    ("a port that is none", ["--set", "redis.port=70000"], "redis.port"),
    ("a port that is a text", ["--set-string", "redis.port=6380"], "redis.port"),
    ("a switch that is a text", ["--set-string", "redis.ssl=true"], "redis.ssl"),
    ("a pull policy that is none", ["--set", "images.pullPolicy=Sometimes"], "pullPolicy"),
    ("a tag with a digest", ["--set", "images.tag=a@sha256:b"], "images.tag"),
    ("a connection string that is none", ["--set", "serviceBus.connectionString=sb://x"], "connectionString"),
    ("nor is a word with dots and more", ["--set", "serviceBus.connectionString=a.b c.d"], "connectionString"),
    ("a namespace that is none", ["--set", "namespace=Load_Testing"], "namespace"),
    ("a key in place of its hash", ["--set", "gatewayApi.apiKeys={secret}"], "apiKeys"),
    ("a source range that is none", ["--set", "gatewayApi.service.loadBalancerSourceRanges={here}"], "SourceRanges"),
    ("a kind of Service that is none", ["--set", "gatewayApi.service.type=Internal"], "service.type"),
    ("a workload that is none", ["--set", "worker.workload=statefulset"], "worker.workload"),
    ("replicas of workers", ["--set", "worker.replicaCount=5"], "replicaCount"),
    ("negative replicas", ["--set", "targetApi.replicaCount=-1"], "replicaCount"),
    ("an option that is a group", ["--set", "redis.options.tls.on=true"], "redis.options"),
    ("an option with an odd name", ["--set", "redis.options.Max-Dead=3"], "redis.options"),
    ("a limit that is none", ["--set", "limits.maxRate=many"], "limits.maxRate"),
    ("a certificate that is none", ["--set", "redis.ca=/etc/ca.pem"], "redis.ca"),
    ("a log level that is none", ["--set", "log.level=loud"], "log.level"),
]
for what, args, part in REFUSED:
    done = template("-f", values("spec"), *args)
    tap.ok(done.returncode != 0 and part in done.stderr, "refused: %s" % what, done.stderr)

# The check of pods can fail, too.
for what, change in (
        ("root", lambda s: s["securityContext"].update(runAsUser=0)),
        ("perhaps root", lambda s: s["securityContext"].pop("runAsNonRoot")),
        ("no seccomp profile", lambda s: s["securityContext"].pop("seccompProfile")),
        ("privilege escalation", lambda s: s["containers"][0]["securityContext"].pop("allowPrivilegeEscalation")),
        ("capabilities kept", lambda s: s["containers"][0]["securityContext"].pop("capabilities")),
        ("capabilities added", lambda s: s["containers"][0]["securityContext"]["capabilities"].update(add=["NET_ADMIN"])),
        ("privileged", lambda s: s["containers"][0]["securityContext"].update(privileged=True)),
        ("the host's network", lambda s: s.update(hostNetwork=True)),
        ("the host's folders", lambda s: s["volumes"].append({"name": "h", "hostPath": {"path": "/"}})),
        ("a host port", lambda s: s["containers"][0]["ports"][0].update(hostPort=80)),
        ("an unsafe sysctl", lambda s: s["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}])),
        ("a second container", lambda s: s["containers"].append({"name": "x"})),
        ("an init container", lambda s: s.update(initContainers=[{"name": "x"}]))):
    bent = copy.deepcopy(spec.pod_specs()["gateway-api"])
    change(bent)
    tap.ok(violations(bent), "\"restricted\" notices %s" % what)
for what, text in (
        ("a wrong type", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: many}]}\n"),
        ("a missing field", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 1}\n"),
        ("an unknown field", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {portz: []}\n"),
        ("an unknown kind", "apiVersion: v1\nkind: Servant\nmetadata: {name: x}\n")):
    tap.ok(faults(read(text)), "the schema notices %s" % what)

# --- words -------------------------------------------------------------------------------------------

def notes(*args):
    """NOTES.txt is not part of a template; a chart that holds nothing else makes it an object."""
    copied = os.path.join(work, "notes")
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(CHART, copied)
    with open(os.path.join(copied, "templates", "NOTES.txt"), encoding="utf-8") as f:
        text = f.read()
    write("notes/templates/notes.yaml", "kind: Notes\ntext: {{ include \"notes\" . | toJson }}\n")
    write("notes/templates/_notes.tpl", "{{- define \"notes\" -}}%s{{- end }}" % text)
    done = helm("template", "load-tester", copied, "-s", "templates/notes.yaml", *args, check=True)
    return read(done.stdout)[0]["text"]


said = notes("-f", values("spec"))
for name in CI:
    for cluster in (OLD, NEW):
        wrong, count = faults_of(notes("-f", values(name), *cluster))
        tap.ok(not wrong and count > 3, "NOTES with %s: their commands can be pasted as they stand" % name, *wrong)
for line in ("kubectl get svc gateway-api -n load-testing -o jsonpath='{.status.loadBalancer.ingress[0].ip}'",
             "kubectl get pods -n load-testing -l app=load-worker", "kubectl logs -n load-testing <pod-name>",
             "kubectl logs -n load-testing -l app=orchestrator -f",
             "kubectl port-forward svc/target-api -n load-testing 8000:8000",
             'curl -X POST "http://$GATEWAY_IP:8000/tests"'):
    tap.contains(said, line, "NOTES: %s" % line)
tap.contains(said, "WARNING: the gateway asks for no API key", "NOTES warn of an open gateway")
tap.ok("WARNING" not in notes("-f", values("full"), *NEW), "and of nothing where there is nothing")
tap.contains(notes("-f", values("full"), *OLD), "knows no ServiceMonitor", "NOTES: no ServiceMonitor here")
tap.contains(notes("-f", values("dev")), "devRedis keeps nothing", "NOTES: a Redis that keeps nothing")

# Steps of the documents install what they say, with the specification's values.
steps = []
for path in ("README.md", "MIGRATING.md", os.path.join("deploy", "charts", "load-tester", "README.md")):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as f:
        lines = [line for n, block in blocks(f.read()) for _, line in whole(n, block)]
    steps += [(path, line) for line in lines if line.startswith("helm install") and "./deploy/charts/load-tester" in line]
tap.ok(len(steps) >= 4, "they have some")
for path, line in steps:
    filled = line.replace("\\\n", "").replace("my-values.yaml", values("spec")).replace("THE_ADDRESS", "203.0.113.7")
    args = shlex.split(filled, comments=True)
    rendered = Rendered(*args[4:])
    tap.equal(rendered.faults, [], "%s: %s" % (path, " ".join(args[:4])))
    if "squall" in args[2]:
        places = {o["metadata"].get("namespace") for o in rendered.objects if o["kind"] != "Namespace"}
        tap.equal(places, {"load-testing-squall"}, "beside the other one: all of it in a namespace of its own")
        for part in ("gateway-api", "orchestrator", "target-api"):
            tap.contains(rendered.conf(part), 'space = "trial"', "%s: a space of its own" % part)
            tap.contains(rendered.conf(part), 'key = "total_hits_squall"', "%s: a counter of its own" % part)
            if part != "target-api":
                tap.contains(rendered.conf(part), 'queue = "load-test-requests-squall"', "%s: a queue of its own" % part)
            accepted("beside the other one: %s" % part, rendered.conf(part))
        tap.contains(rendered.conf("orchestrator"), 'namespace = "load-testing-squall"', "and its workers are there, too")
    if "THE_ADDRESS" in line:
        tap.equal(rendered.get("Service", "gateway-api")["spec"]["loadBalancerIP"], "203.0.113.7", "the address is kept")

# What messages of the programs call a Helm value is one.
named = set()
for folder, _, files in (*os.walk(os.path.join(SOURCE, "core")), *os.walk(os.path.join(SOURCE, "plugins"))):
    for name in files:
        if name.endswith(".c"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                named.update(re.findall(r"Helm value ([\w.%]*\w|%s)", f.read()))
with open(os.path.join(CHART, "values.yaml"), encoding="utf-8") as f:
    known = read(f.read())[0]
tap.contains(sorted(named), "allowedTargets", "the refusal of a target names its Helm value")
for name in sorted(named):
    at = known
    for part in name.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    tap.ok(at is not None, "%s, which a message names, is a value of the chart" % name)

with open(os.path.join(SOURCE, "configure.ac"), encoding="utf-8") as f:
    version = re.search(r"AC_INIT\(\[squall\], \[([^]]+)\]", f.read()).group(1)
with open(os.path.join(CHART, "Chart.yaml"), encoding="utf-8") as f:
    chart = f.read()
tap.contains(chart, 'appVersion: "%s"' % version, "the chart is for this version")
shutil.rmtree(work, ignore_errors=True)
tap.done()
