#!/usr/bin/python3
"""Whole tests through Azure Service Bus, as the test broker plays it: processes that know nothing but the
variables of the specification, messages of other programs, messages to and from the real client."""
import json
import os
import re
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servicebus import Broker, missing  # noqa: E402
from squall import PLUGINS, Squalld, Tap, free_port, squalld, wait_until  # noqa: E402

tap = Tap()
QUEUE = "load-test-requests"  # the specification's

ORCHESTRATOR = """
state_dir = "@dir@";
transport = { plugin = "auto"; };
store = { plugin = "auto"; };
scheduler = { plugin = "fork"; worker_conf = "@dir@/worker.conf"; };
roles = ( { plugin = "orchestrator"; listen = "127.0.0.1:0"; lease_ttl = "1s"; },
          { plugin = "target"; listen = "127.0.0.1:%d"; } );
"""
GATEWAY = """
state_dir = "@dir@";
transport = { plugin = "auto"; };
store = { plugin = "auto"; };
roles = ( { plugin = "gateway"; listen = "127.0.0.1:0"; } );
"""


class Process(Squalld):
    """One image: a .conf without anything of this installation, and the specification's variables."""

    def __init__(self, conf, broker, target, tls=False, **more):
        folder = tempfile.mkdtemp(prefix="squall-worker-")
        with open(os.path.join(folder, "worker.conf"), "w", encoding="utf-8") as f:
            f.write('roles = ( { plugin = "worker"; } );\n')
        super().__init__(conf.replace("@dir@/worker.conf", folder + "/worker.conf").replace("%d", str(target)),
                         env={"SERVICE_BUS_CONNECTION_STRING": broker.connection(tls),
                              "TARGET_URL": "http://127.0.0.1:%d/hit" % target,
                              "SQUALL_PLUGIN_DIR": PLUGINS, **more})


def result_of(d, test_id):
    """The orchestrator's line about a result, as a dict."""
    def said():
        lines = [line for line in d.lines("result: ") if "test=%s " % test_id in line]
        return dict(re.findall(r"(\w+)=([^\s\"]+)", lines[0])) if lines else None
    return wait_until(said, lambda: "a result of %s in\n%s" % (test_id, d.log))


def send(broker, *messages):
    status, out = broker.node("peer.js", "send", QUEUE, *map(json.dumps, messages), tls=broker.ca is not None)
    assert status == 0, out


def receive(broker, n, verb="receive"):
    status, out = broker.node("peer.js", verb, QUEUE, n, tls=broker.ca is not None)
    assert status == 0, out
    return [json.loads(line) for line in out.splitlines()]


def spec_only():
    """Two images, the specification's variables, no Redis."""
    target = free_port()
    with Broker() as broker, Process(ORCHESTRATOR, broker, target) as o, Process(GATEWAY, broker, target) as g:
        tap.contains(g.log, "no store is shared with the orchestrators", "a gateway of its own says what is missing")
        answer = g.post("/tests", {"hits_per_sec": 50, "duration_sec": 1, "workers": 2})
        tap.equal(answer.status, 202, "a test is taken")
        test_id = answer.json["test_id"]
        result = result_of(o, test_id)
        tap.equal((result["scheduled"], result["sent"], result["ok"]), ("50", "50", "50"),
                  "the orchestrator runs it, and logs its result")
        tap.equal(g.get("/stats").json, {"total_hits": 50}, "GET /stats asks the target")
        shown = g.get("/tests/" + test_id)
        tap.equal(shown.status, 404, "GET /tests/{id} is a problem")
        tap.contains(shown.json["detail"], "REDIS_HOST", "that names the missing store")
        tap.equal(g.post("/tests/%s/cancel" % test_id).status, 404, "and so is a cancel, which would do nothing")
        key = {"Idempotency-Key": "again"}
        plan = {"hits_per_sec": 10, "duration_sec": 1}
        ids = [g.post("/tests", plan, headers=key).json["test_id"] for _ in range(2)]
        tap.equal(ids[0], ids[1], "sent again with its key it is the same test")
        tap.equal(result_of(o, ids[0])["sent"], "10", "which runs")
        wait_until(lambda: broker.state(QUEUE)["counts"]["completed"] == 3, "both of its messages to be acked")
        tap.equal(g.get("/stats").json, {"total_hits": 60}, "once")
        rich = {"name": "n\u00e9", "stages": [{"duration_sec": 1, "hits_per_sec": 20.5}], "headers": {"X-A": "b"},
                "requests": [{"name": "a", "weight": 2}, {"name": "b", "path": "/hit"}], "labels": {"k": "v"}, "workers": None}
        answer = g.post("/tests", rich)
        tap.ok(answer.status == 202, "a plan of more than numbers is taken", answer.text)
        result = result_of(o, answer.json["test_id"])
        tap.ok(int(result["sent"]) > 0 and result["sent"] == result["scheduled"], "and is the same at the orchestrator", result)
        too_much_for_a_message(g, broker)


def too_much_for_a_message(g, broker):
    """What only a record could hold: without one the workers would send something else than was asked for."""
    before = broker.state(QUEUE)["counts"]["sent"]
    plan = {"hits_per_sec": 10, "duration_sec": 1}
    secret = {"headers": {"X-Key": "hush-1"}, "secret_headers": ["x-key"]}
    for more in ({"headers": {"Authorization": "Bearer hush-2"}}, secret,
                 {"requests": [{"name": "a", "path": "/hit", "headers": {"Cookie": "a=hush-3"}}]}):
        answer = g.post("/tests", {**plan, **more})
        tap.equal(answer.status, 422, "a plan with a secret is refused: %s" % sorted(more))
        tap.contains(answer.json["detail"], "REDIS_HOST", "with the cure")
    answer = g.post("/tests", {**plan, "method": "POST", "body": "x" * 70000})
    tap.equal(answer.status, 413, "and one that is longer than a message")
    tap.contains(answer.json["detail"], "REDIS_HOST", "with the same")
    tap.equal(broker.state(QUEUE)["counts"]["sent"], before, "nothing is sent of them")
    tap.ok("hush" not in g.log, "and no secret is logged", g.log)


def foreign():
    """The gateway of the old system stays in place."""
    target = free_port()
    with Broker() as broker, Process(ORCHESTRATOR, broker, target) as d:
        three = {"hits_per_sec": 20, "duration_sec": 1, "workers": 1}
        send(broker, {"body": three, "messageId": "by-id"},
             {"body": {**three, "test_id": "by-body", "requested_by": "me", "priority": 3}},
             {"body": three}, {"raw": json.dumps(three), "messageId": "as-text"})
        tap.equal(result_of(d, "by-id")["ok"], "20", "three fields run a test, called as the message is")
        tap.equal(result_of(d, "by-body")["ok"], "20", "or as its body says")
        tap.contains(d.log, "ignored: requested_by, priority", "unknown fields are ignored, with a warning")
        named = wait_until(lambda: re.findall(r"test=(seq-3-[0-9a-f]+) result:", d.log),
                           lambda: "a test named by its place in\n" + d.log)
        tap.equal(result_of(d, named[0])["ok"], "20", "or by its place in the queue")
        tap.equal(result_of(d, "as-text")["ok"], "20", "a body of plain text is read, too")
        send(broker, {"body": {**three, "url": "http://127.0.0.1:9/"}, "messageId": "forbidden"},
             {"body": {**three, "hits_per_sec": 10 ** 9}, "messageId": "too-much"},
             {"body": {**three, "workers": "many"}, "messageId": "no-plan"},
             {"body": {**three, "test_id": "cut", "plan_sha256": "0" * 64}, "messageId": "cut"},
             {"body": "hello", "messageId": "no-json"})
        dead = {m["messageId"]: m for m in receive(broker, 5, "dead")}
        tap.equal(sorted(dead), ["cut", "forbidden", "no-json", "no-plan", "too-much"],
                  "what must not run, or cannot, is a dead letter")
        tap.equal(dead["cut"]["reason"], "malformed", "a message without the plan that it was sent for, too")
        tap.contains(dead["cut"]["description"], "plan_sha256", "and it says so")
        tap.equal(dead["no-plan"]["reason"], "malformed", "with a reason that the real client reads")
        tap.contains(dead["no-plan"]["description"], "workers", "and what is wrong")
        tap.contains(dead["forbidden"]["description"], "not allowed", "of the target, too")
        tap.contains(dead["too-much"]["description"], "hits_per_sec", "and of the limits")
        tap.equal(broker.state(QUEUE)["waiting"], [], "nothing is left")


def unreadable():
    """A body that is no text: nobody can say which test it is, but where it was in the queue."""
    target = free_port()
    with Broker() as broker, Process(ORCHESTRATOR, broker, target) as d:
        send(broker, {"body": {"hits_per_sec": 1}, "bodyType": "value", "properties": {"messageId": "value"}})
        dead = receive(broker, 1, "dead")[0]
        tap.equal((dead["messageId"], dead["reason"]), ("value", "unreadable"), "a message that cannot be read is a dead letter")
        tap.contains(dead["description"] or "", "JSON", "that says what is wanted")
        tap.contains(d.log, "sequence number 1", "and the log says which it was")


def both_ways(tls):
    target = free_port()
    with Broker(tls=tls) as broker, Process(trusting(broker, GATEWAY), broker, target, tls=tls) as g:
        test_id = g.post("/tests", {"hits_per_sec": 7, "duration_sec": 2, "workers": 1}).json["test_id"]
        got = receive(broker, 1)[0]
        tap.equal((got["messageId"], got["contentType"]), (test_id, "application/json"),
                  "the real client reads what squall publishes")
        tap.equal((got["body"]["test_id"], got["body"]["hits_per_sec"], got["body"]["duration_sec"]), (test_id, 7, 2),
                  "and its body")
    with Broker(tls=tls) as broker, Process(trusting(broker, ORCHESTRATOR), broker, target, tls=tls) as o:
        send(broker, {"body": {"hits_per_sec": 20, "duration_sec": 1, "workers": 1}, "messageId": "theirs"})
        tap.equal(result_of(o, "theirs")["ok"], "20", "and squall what the real client sends")


def trusting(broker, conf):
    """conf, with trust in the broker's certificate."""
    return conf.replace('plugin = "auto"; };', 'plugin = "servicebus"; tls_ca = "%s"; };' % broker.ca, 1) if broker.ca else conf


def refused_start():
    with Broker() as broker, tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "c")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(GATEWAY.replace("@dir@", folder))
        env = {"SQUALL_PLUGIN_DIR": PLUGINS}
        for text, why in (("", "SERVICE_BUS_CONNECTION_STRING is not set"),
                          ("Endpoint=sb://x/;SharedAccessKey=hush", "no SharedAccessKeyName"),
                          ("Endpoint=sb://x/", "AZURE_TENANT_ID is not set"),
                          (broker.connection(more="EntityPath=other;"), "make them agree")):
            r = squalld("-c", conf, env={**env, "SERVICE_BUS_CONNECTION_STRING": text, "SERVICE_BUS_QUEUE_NAME": "q"})
            tap.equal(r.returncode, 1, "not started: " + why)
            tap.contains(r.stderr, why, "with the reason")
            tap.ok("hush" not in r.stderr, "and without the secret")


def chosen():
    """plugin = "auto": by the variables of the specification."""
    with tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "c")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(GATEWAY.replace("@dir@", folder))
        connection = {"SERVICE_BUS_CONNECTION_STRING": "Endpoint=sb://x/"}
        for env, transport, store in (({}, "servicebus", "local"), (connection, "servicebus", "local"),
                                      ({"REDIS_PORT": "tcp://10.0.0.1:6379"}, "servicebus", "local"),
                                      ({**connection, "REDIS_HOST": "r"}, "servicebus", "redis"),
                                      ({"REDIS_HOST": "r"}, "redis", "redis")):
            r = squalld("-c", conf, "--effective", env={**env, "SQUALL_PLUGIN_DIR": PLUGINS})
            text = r.stdout + r.stderr  # redis is named also where it is not installed
            for group, plugin in (("transport", transport), ("store", store)):
                if plugin != "redis" and "is not installed" in text:
                    continue
                tap.ok(re.search(r'%s\.plugin (= )?"%s"' % (group, plugin), text),
                       "%s: %s %s" % (sorted(env), group, plugin), text)


why = missing()
if why:
    tap.skip("whole tests through Service Bus", why)
    tap.done()
for part, *args in ((spec_only,), (foreign,), (unreadable,), (both_ways, False), (both_ways, True), (refused_start,), (chosen,)):
    print("# " + part.__name__, *args)
    part(*args)
tap.done()
