"""launch.py - see launch.sh."""
import datetime
import json
import os
import statistics
import sys
import time
import uuid

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "integration"), os.path.join(HERE, "..", "kubernetes")]
from beside import PodSuite  # noqa: E402
from cluster import NAMESPACE  # noqa: E402
from counting_server import Counter  # noqa: E402
from faults import Notes  # noqa: E402
from pods import inside  # noqa: E402
from system import State, System, wait_until  # noqa: E402

ROUNDS = 1 if "--short" in sys.argv[1:] else 5
SIZES = (2, 20)
LEAD = 2.0  # s: polls until all are ready, and the lead of the agreed start


def launch(d, workers):
    """Seconds from POST to T0, where the first request is due, and the start skew in ms."""
    begun = time.time()
    test_id = d.submit(hits_per_sec=2 * workers, duration_sec=1, workers=workers, timer="balanced")
    test = d.end(test_id, 300)
    assert test["state"] == "completed", json.dumps(test["history"])
    started = datetime.datetime.fromisoformat(test["started_at"].replace("Z", "+00:00")).timestamp()
    return started - begun, test["generator"]["start_skew_ms"]


def fork(workers):
    with Counter() as counter, State() as state, System(state, url=counter.url) as d:
        return launch(d, workers)


def itself(cluster, workers):
    """Seconds that the cluster needs for so many pods of the image."""
    name = "bench-" + uuid.uuid4().hex[:8]
    container = dict(resources={"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}}, name="x", image="localhost/squall/worker:test", command=["sleep", "3600"])
    spec = {"replicas": workers, "selector": {"matchLabels": {"app": name}}, "template": {
        "metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}}
    begun = time.time()
    cluster.apply(json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec,
                              "metadata": {"name": name, "namespace": NAMESPACE}}))

    def running():
        pods = cluster.get("pods", "-l", "app=" + name)["items"]
        return sum(any("running" in c["state"] for c in p["status"].get("containerStatuses", [])) for p in pods) == workers
    wait_until(running, "%d pods" % workers, 300)
    took = time.time() - begun
    cluster.kubectl("-n", NAMESPACE, "delete", "deployment", name)
    wait_until(lambda: not cluster.get("pods", "-l", "app=" + name)["items"], "their end", 120)
    return took


def pods(cluster, workload, workers):
    suite = PodSuite(cluster, workload, at_once=1)
    try:
        with suite.case(suite, Notes("launch")) as case:
            d = case.daemon()
            figures = launch(d, workers)
            wait_until(lambda: not case.cluster.names("pods", case.space), "the end of the pods", 120)
            return figures
    finally:
        suite.counter.close()


def line(name, workers, times, skews=()):
    print("%-22s %2d workers  POST to start %6.2f s (%.2f .. %.2f)%s"
          % (name, workers, statistics.median(times), min(times), max(times),
             "  start skew %.2f ms" % statistics.median(skews) if skews else ""), flush=True)


def passes(good, text):
    print("%s: %s" % ("pass" if good else "FAIL", text), flush=True)
    return good


def main():
    cluster = inside()
    kinds = {"fork": fork}
    if cluster.missing:
        print("kubernetes is left out: %s" % cluster.missing)
    else:
        kinds["the cluster itself"] = lambda n: (itself(cluster, n), None)
        kinds["deployment"] = lambda n: pods(cluster, "deployment", n)
        kinds["job"] = lambda n: pods(cluster, "job", n)
    seen = {(k, n): [] for k in kinds for n in SIZES}
    for _ in range(ROUNDS):
        for (kind, n), figures in seen.items():
            figures.append(kinds[kind](n))
    took = {}
    for (kind, n), figures in seen.items():
        times, skews = [f[0] for f in figures], [f[1] for f in figures if f[1] is not None]
        took[kind, n] = statistics.median(times), statistics.median(skews) if skews else None
        line(kind, n, times, skews)
    good = passes(took["fork", 20][0] <= 3 * took["fork", 2][0], "fork: 20 workers take %.1f times as long as 2"
                  % (took["fork", 20][0] / took["fork", 2][0]))
    for kind in set(kinds) - {"the cluster itself"}:
        good &= passes(took[kind, 2][1] <= 10, "%s: start skew %.2f ms" % (kind, took[kind, 2][1]))
    for kind in set(kinds) & {"deployment", "job"}:
        for n in SIZES:
            own, peer = took[kind, n][0], took["the cluster itself", n][0]
            good &= passes(own <= 1.5 * peer + LEAD, "%s, %d workers: %.2f s, the cluster itself %.2f s" % (kind, n, own, peer))
    sys.exit(0 if good else 1)


main()
