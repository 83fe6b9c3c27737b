#!/usr/bin/python3
"""The manifests of the old system with just the image changed: each image's .conf (deploy/docker) and the variables of the
specification, which knew REDIS_* at the target alone; and the same with REDIS_* for all.

What is not of this machine is put in its place: the port that is listened on, the state's folder, and processes for the
cluster's pods. How the images themselves start in a cluster is for tests/kubernetes.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from redis_server import RedisServer  # noqa: E402
from servicebus import Broker, missing  # noqa: E402
from squall import PLUGINS, SOURCE, Squalld, Tap, free_port, squalld, wait_until  # noqa: E402

IMAGES = os.path.join(SOURCE, "deploy", "docker")
PASSWORD = "of-a-cache"
HERE = {'listen = "0.0.0.0:8000"': 'listen = "127.0.0.1:%(port)d"',
        'state_dir = "/var/lib/squall"': 'state_dir = "@dir@"',
        'scheduler = { plugin = "kubernetes"; }': 'scheduler = { plugin = "fork"; worker_conf = "%(images)s/worker.conf"; }'}


def image(name):
    return os.path.join(IMAGES, name + ".conf")


def start(name, env, port=0):
    """The .conf of an image, on this machine."""
    with open(image(name), encoding="utf-8") as f:
        text = f.read()
    for theirs, ours in HERE.items():
        text = text.replace(theirs, ours % {"port": port, "images": IMAGES})
    assert "8000" not in "".join(line for line in text.splitlines() if not line.lstrip().startswith("#")), text
    return Squalld(text, env={**env, "SQUALL_PLUGIN_DIR": PLUGINS})


def variables(broker, target, redis):
    """What the specification lists for each image, with its way of writing booleans."""
    queue = {"SERVICE_BUS_CONNECTION_STRING": broker.connection(), "SERVICE_BUS_QUEUE_NAME": "load-test-requests"}
    cache = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port), "REDIS_PASSWORD": PASSWORD, "REDIS_SSL": "False",
             "REDIS_KEY": "total_hits"}
    url = {"TARGET_URL": "http://127.0.0.1:%d/hit" % target}
    return {"target": cache, "gateway": queue,
            "orchestrator": {**queue, **url, "K8S_NAMESPACE": "load-testing", "WORKER_IMAGE": "worker:latest"},
            "worker": {**url, "HITS_PER_SEC": "20", "DURATION_SEC": "1"}}


def check(tap, images):
    """As they are: every variable is read by something, and nothing is missing."""
    for name, env in images.items():
        r = squalld("-t", "-c", image(name), env={**env, "SQUALL_PLUGIN_DIR": PLUGINS})
        tap.equal((r.returncode, [line for line in r.stderr.splitlines() if "warn" in line and "state_dir" not in line]), (0, []),
                  "%s.conf and its variables" % name)


def play(tap, images, redis, shared):
    """A test from the gateway to the target, and a worker by itself."""
    port = int(images["worker"]["TARGET_URL"].split(":")[2].split("/")[0])
    with start("target", images["target"], port) as t, start("orchestrator", images["orchestrator"]) as o, \
            start("gateway", images["gateway"]) as g:
        before = t.get("/stats").json["total_hits"]
        answer = g.post("/tests", {"hits_per_sec": 50, "duration_sec": 1, "workers": 2})
        tap.equal(answer.status, 202, "a test is taken")
        test_id = answer.json["test_id"]
        wait_until(lambda: o.lines("result: "), lambda: "a result\n" + o.log)
        tap.ok("ok=50 " in o.lines("result: ")[0], "and runs", o.log)
        tap.equal(t.get("/stats").json, {"total_hits": before + 50}, "the target counted it")
        shown = g.get("/tests/" + test_id)
        if shared:
            tap.equal((shown.status, shown.json["state"]), (200, "completed"), "and the gateway knows")
        else:
            tap.equal(shown.status, 404, "the gateway, which shares no store,")
            tap.contains(shown.json["detail"], "REDIS_HOST", "says what it would need to know more")
        with start("worker", images["worker"]) as w:
            tap.ok(w.wait() in (0, 98), "a worker by itself", w.out)  # 98: on a machine without time for it
        tap.equal(t.get("/stats").json, {"total_hits": before + 70}, "sends what its variables say")
        for d, name in ((g, "gateway"), (o, "orchestrator"), (t, "target")):
            tap.equal(d.stop(), 0, "%s stops in order" % name)
        if images["target"]:
            tap.equal(redis.client("GET", "total_hits"), str(before + 70), "the counter is the old system's key")


def main():
    tap = Tap()
    why = missing()
    if why:
        tap.skip("old manifests", why)
        tap.done()
    with RedisServer(password=PASSWORD) as redis, Broker() as broker:
        old = variables(broker, free_port(), redis)
        bare = {**old, "target": {}}
        full = {name: {**env, **old["target"]} if name != "worker" else env for name, env in old.items()}
        # The record that both see then has the gateway's target.
        full["gateway"]["TARGET_URL"] = old["orchestrator"]["TARGET_URL"]
        for name, images in (("old manifests", old), ("no REDIS_* at all", bare), ("REDIS_* for all", full)):
            print("# " + name)
            check(tap, images)
            play(tap, images, redis, images is full)
    tap.done()


main()
