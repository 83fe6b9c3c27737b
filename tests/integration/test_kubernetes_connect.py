#!/usr/bin/python3
"""squalld -t --connect with scheduler kubernetes, and a start: is the API server there, and may tests be run by its rights?"""
import os
import sys
import tempfile

from review_server import ReviewServer
from squall import PLUGINS, Squalld, Tap, free_port, needs, squalld, wait_until

sys.dont_write_bytecode = True
needs("role_orchestrator", "store_local", "transport_local", "scheduler_kubernetes")

tap = Tap()
CONF = """
state_dir = "%s/state";
transport = { plugin = "local"; }; store = { plugin = "local"; };
scheduler = { plugin = "kubernetes"; %s };
roles = ({ plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:1/"; });
"""
WORK = ["list", "watch", "get", "patch", "delete", "create"]
ALWAYS = ["create secrets", "get secrets", "list pods", "watch pods", "deletecollection pods", "list events"]


def of(resource, verbs):
    return ["%s %s" % (verb, resource) for verb in verbs]


def tried(options):
    """The line of the scheduler: "ok" or "FAILED", and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "squall.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONF % (folder, options))
        r = squalld("-c", path, "-t", "--connect", env={"SQUALL_PLUGIN_DIR": PLUGINS, "TOKEN": "t0ken"})
        line = next((l for l in r.stdout.splitlines() if l.startswith("scheduler/kubernetes")), "? ? " + r.stdout + r.stderr)
        return line.split()[1], line


def server_option(server, more=""):
    return 'api_server = "%s"; token = "env:TOKEN"; %s' % (server.url, more)


def whole(minor, kind, other, more="", policies=("create networkpolicies",)):
    with ReviewServer(minor) as server:
        word, line = tried(server_option(server, more))
        name = "Kubernetes 1.%s %s" % (minor, more)
        tap.ok(word == "ok" and "Kubernetes 1.%s at %s, namespace load-testing" % (minor.rstrip("+"), server.url) in line,
               name + ": all is well", line)
        tap.equal(sorted(server.asked), sorted(of(kind, WORK) + of(other, WORK[:-1]) + ALWAYS + list(policies)),
                  name + ": each right was asked for, once")
        tap.equal((server.strange, server.tokens), ([], {"Bearer t0ken"}), name + ": and nothing else, by our token")
        return server


groups = whole("30", "jobs", "deployments").groups
tap.equal(groups, {"jobs": ("batch", "load-testing"), "deployments": ("apps", "load-testing"), "secrets": ("", "load-testing"),
                   "networkpolicies": ("networking.k8s.io", "load-testing"), "pods": ("", "load-testing"),
                   "events": ("", "load-testing")}, "each with its group and namespace")
whole("20+", "deployments", "jobs")
whole("20", "jobs", "deployments", 'workload = "job";')
whole("32", "deployments", "jobs", 'workload = "deployment"; network_policy = false;', ())

with ReviewServer("30", {"create jobs", "patch jobs", "create secrets", "list events"}) as server:
    word, line = tried(server_option(server))
    tap.equal(word, "FAILED", "rights that tests need are missing")
    tap.contains(line, "in namespace load-testing lacks patch create of jobs, create of secrets:", "they are named")
    tap.contains(line, "--describe=scheduler/kubernetes", "and where all of them stand")

with ReviewServer("30", {"list events", "deletecollection pods"} | set(of("deployments", WORK))) as server:
    word, line = tried(server_option(server))
    tap.equal(word, "ok", "rights that tests can do without are missing")
    tap.contains(line, "its Role lacks list watch get patch delete of deployments (tests made as such before are not seen), "
                 "deletecollection of pods (pods that ignore SIGTERM are not ended sooner), "
                 "list of events (why a quota keeps pods from coming is not told)", "they are named, and what they cost")

for status, part in ((401, "is the token this cluster's, and not over?"), (403, "answered 403: told so"), (404, "answered 404")):
    with ReviewServer(status=status) as server:
        word, line = tried(server_option(server))
        tap.ok(word == "FAILED" and part in line, "a server that answers %d: %s" % (status, line))
with ReviewServer(minor="") as server:
    word, line = tried(server_option(server))
    tap.ok(word == "FAILED" and "is api_server right?" in line, "a server of another kind: %s" % line)
word, line = tried('api_server = "http://127.0.0.1:%d";' % free_port())
tap.ok(word == "FAILED" and "no answer from http://127.0.0.1" in line, "no server: %s" % line)
word, line = tried("")
tap.ok(word == "FAILED" and "not in a cluster" in line, "no server is named: %s" % line)

# A Role for one kind of workload, made by hand.
for denied in ({"list deployments"}, {"watch deployments"}):
    with ReviewServer("30", denied) as server:
        with Squalld(CONF % ("@dir@", server_option(server)), env={"TOKEN": "t0ken"}) as d:
            wait_until(lambda: d.get("/readyz").status == 200, lambda: d.log)
            tap.ok(True, "without %s it gets ready" % denied)
            line = d.wait_log("no rights to list and watch deployments: all is well unless")
            tap.ok(line and "warn scheduler" not in d.log and "cannot be watched" not in d.log, "which is told, as no fault", d.log)
with ReviewServer("30", {"list jobs"}) as server:
    with Squalld(CONF % ("@dir@", server_option(server)), env={"TOKEN": "t0ken"}, ready=False) as d:
        d.wait_log("jobs cannot be watched, trying on: the API server answered 403: jobs is forbidden: cannot list")
        tap.equal(d.get("/readyz").status, 503, "without those of the kind that tests are made as it does not")
tap.done()
