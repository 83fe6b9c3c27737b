#!/usr/bin/python3
"""The gateway: the API of the specification, every refusal, and what is left when things break.

There is no orchestrator here: what one would write is put into the store through role_door.
"""
import concurrent.futures
import hashlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import backends  # noqa: E402
from squall import PATIENCE, PLUGINS, SOURCE, Squalld, Tap, free_port, squalld, wait_until  # noqa: E402

tap = Tap()
BACKEND = None  # the one that the suite runs on
UUID = re.compile("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
PLAN = {"hits_per_sec": 500, "duration_sec": 60, "workers": 5}


def conf(gateway="", transport="", state="@dir@/state", store="local", target=True):
    """A gateway, by default with a target in the same process, and a door into the store."""
    text = 'transport = { plugin = "fake"; %s };\nstore = { plugin = "%s"; };\n' % (transport, store)
    if store == "local":
        text += 'state_dir = "%s";\n' % state
    roles = ['{ plugin = "gateway"; listen = "127.0.0.1:0"; %s }' % gateway,
             '{ plugin = "door"; listen = "127.0.0.1:0"; }']
    if target:
        roles.append('{ plugin = "target"; listen = "127.0.0.1:%d"; }' % target)
    return BACKEND.of(text + "roles = (%s);\n" % ", ".join(roles), None if "@" in state else state)


class Gateway(Squalld):
    """Its target listens where target_url says, if it has one."""

    def __init__(self, gateway="", target=False, env=None, wrapper=(), **more):
        port = free_port()
        if "target_url" not in gateway:
            gateway += ' target_url = "http://127.0.0.1:%d/hit";' % port
        self.target = "http://127.0.0.1:%d/hit" % port
        super().__init__(conf(gateway, target=port if target else None, **more), env=env, wrapper=wrapper)

    def submit(self, plan=None, **more):
        return self.post("/tests", PLAN if plan is None else plan, **more)

    def submitted(self, plan=None, **more):
        answer = self.submit(plan, **more)
        if answer.status != 202:
            raise RuntimeError(answer.text)
        return answer.json["test_id"]

    def test(self, test_id):
        return self.get("/tests/" + test_id).json

    def door(self, path, body):
        answer = self.post(path, body, role="door").text
        if answer != "0":
            raise RuntimeError("%s: %s" % (path, answer))

    def published(self):
        """(id, edition, submitted, body) of each message that reached the queue."""
        found = re.findall(r"transport/fake published (\S*) edition (\d+) submitted (\d+): (.*)", self.log)
        return [(i, int(e), int(s), json.loads(b)) for i, e, s, b in found]


def refusal(answer):
    """{field: problem} of a refused plan."""
    return {e["field"]: e["problem"] for e in answer.json["errors"]}


# --- the specification --------------------------------------------------------------------------

def specification():
    with Gateway(target=True) as d:
        answer = d.post("/tests", '{\n    "hits_per_sec": 500,\n    "duration_sec": 60,\n    "workers": 5\n  }',
                        headers={"Content-Type": "application/json"})
        test_id = answer.json["test_id"]
        tap.equal(answer.status, 202, "POST /tests is answered 202")
        tap.equal(answer.text, '{"test_id":"%s","message":"Test request submitted successfully",'
                  '"parameters":{"hits_per_sec":500,"duration_sec":60,"workers":5}}' % test_id, "to the letter")
        tap.equal(answer.headers["Content-Type"], "application/json", "as JSON")
        tap.ok(UUID.match(test_id), "the id is a UUID", test_id)
        answer = d.get("/stats")
        tap.equal((answer.status, answer.text), (200, '{"total_hits":0}'), "GET /stats asks the target")
        published = d.published()
        tap.equal([(p[0], p[1]) for p in published], [(test_id, 1)], "the queue got one message")
        tap.equal(list(published[0][3].items())[0], ("test_id", test_id), "that names the test")
        tap.equal({k: published[0][3][k] for k in PLAN}, PLAN, "and has the three numbers")
        test = d.test(test_id)
        tap.equal(published[0][3]["plan_sha256"], test["plan_sha256"], "and the plan's fingerprint")
        tap.equal((test["state"], test["verdict"], test["plan"]), ("queued", "none", PLAN), "the record is there")
        tap.equal(test["effective_plan"]["url"], d.target, "TARGET_URL is the target")
        tap.equal(test["effective_plan"]["method"], "POST", "of POST requests")
        tap.equal([h["state"] for h in test["history"]], ["queued"], "its history begins")
        tap.ok("token_sha256" not in test and "format" not in test, "nothing internal is shown")
        tap.contains(d.log, "test=%s state=queued rate=500.0/s" % test_id, "the log tells of it")
        answer = d.submit({"hits_per_sec": 0.5, "duration_sec": 2.0})
        tap.equal(answer.json["parameters"], {"hits_per_sec": 0.5, "duration_sec": 2, "workers": 1},
                  "defaults are filled in")
        answer = d.get("/")
        tap.ok(answer.status == 200 and "/tests/{id}/cancel" in answer.text, "GET / lists what there is", answer.text)
        tap.equal(d.get("/nothing").status, 404, "and nothing else is served")
        tap.equal(d.request("PUT", "/tests").headers["Allow"], "POST, GET, HEAD", "methods are named")
        tap.contains(d.get("/metrics").text, "squall_gateway_tests_total 2", "metrics count tests")
        tap.contains(d.log, "NO API KEYS", "that everybody is let in is said loudly")
        tap.equal(d.stop(), 0, "it stops in order")


def stats():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(*answers[self.path.strip("/")][:1])
            self.end_headers()
            self.wfile.write(answers[self.path.strip("/")][1])

        def log_message(self, *_):
            pass

    answers = {"stats": (200, b'{"total_hits": 7, "more": 1}')}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Gateway('target_url = "http://127.0.0.1:%d/some/hit?x";' % server.server_port) as d:
        tap.equal(d.get("/stats").text, '{"total_hits":7}', "the target's path does not matter, nor what else it says")
        for status, body in (200, b"hello"), (200, b'{"hits":1}'), (200, b"[]"), (404, b'{"total_hits":1}'), (200, b""):
            answers["stats"] = (status, body)
            answer = d.get("/stats")
            tap.equal(answer.status, 502, "a target that answers %d %r is none of ours" % (status, body))
        tap.contains(answer.json["detail"], "TARGET_URL", "and what to look at is said")
        answers["stats"] = (200, b"x" * 100000)
        tap.equal(d.get("/stats").status, 502, "a huge answer is not read")
        server.shutdown()
        server.server_close()
        answer = d.get("/stats")
        tap.equal((answer.status, answer.headers["Content-Type"]), (502, "application/problem+json"),
                  "a target that is away is a problem")
        tap.contains(answer.json["detail"], "is the target running there?", "with what to do")


# --- plans that are refused ---------------------------------------------------------------------

BAD = {
    "name": [7, "x" * 129, "a\nb", []],
    "url": [7, "", "ftp://x/", "http://", "http://a b/", "http://x:0/", "http://x:65536/", "http://u:p@x/", "http://x/#f",
            "http://x/" + "y" * 3000, "http://127.1/", "http://x/\n"],
    "method": [7, "", "get", "GE T", "CONNECT", "G\r\nX: y", "M" * 33],
    "headers": [7, [], {"": "x"}, {"A b": "x"}, {"A": 7}, {"A": "x\r\nB: y"}, {"A": "x", "a": "y"},
                {"Content-Length": "1"}, {"Transfer-Encoding": "chunked"}, {"X-Squall-Test": "x"},
                {"A%d" % i: "x" for i in range(65)}, {"A": "x" * 20000}],
    "body": [7, {}, []],
    "hits_per_sec": [0, -1, "10", True, [], {}, 1e12, 1e-9, 10000001],
    "duration_sec": [0, -1, "10", True, 1e12, 0.0000001, 30 * 86400 + 1],
    "workers": [0, -1, "2", 1.5, True, 10001, 1e9, 2**70],
    "max_connections": [0, -1, "2", 1.5, 1000001],
    "max_in_flight": [0, -1, "2", 1.5, 1000001],
    "timeout_ms": [0, -1, "2", 1e12],
    "patience_ms": [-1, "2", 1e12],
    "drain_sec": [-1, "2", 3601],
    "expect_status": [-1, 1, 99, 1000, "200", 200.5],
    "timer": [7, "", "exact", []],
    "labels": [7, [], "x", {"": "x"}, {"a b": "x"}, {"A" * 65: "x"}, {"a": 7}, {"a": "x" * 257}, {"a": "x\ny"},
               {"l%d" % i: "x" for i in range(33)}],
    "thresholds": [7, "x", {"x": ["p(99)<1"]}, {"http_req_duration": 7}, {"http_req_duration": ["p99<1"]},
                   {"http_req_duration": ["p(101)<1"]}, {"http_req_duration": ["rate<1"]},
                   {"http_req_failed": ["rate<2"]}, {"http_reqs": ["count<-1"]},
                   {"http_req_duration": [{"threshold": "avg<1", "abortOnfail": True}]},
                   {"http_req_duration": [{"threshold": "avg<1", "window": 10}]},
                   {"http_req_duration": [{"abortOnFail": True}]}, {"http_req_duration": ["avg<1"] * 65}],
    "auto_stop": [7, "x", [], {"error_rate": 0}, {"error_rate": 1.1}, {"window_sec": 0}, {"window_sec": "60s"}, {"x": 1}],
    "on_worker_loss": [7, "", "retry"],
    "secret_headers": [7, {}, "Cookie", ["X-Not-There"], [7], ["a b"], ["x"] * 65],
    "requests_per_connection": [-1, "1", 1.5],
    "dns_ttl_sec": [-1, "1", 86401],
    "timeouts_ms": [7, [], {"dns": 0}, {"total": "1"}, {"lookup": 1}],
    "tls": [True, [], {"ca": "/etc/ca.pem"}, {"insecure": 1}, {"cert": "x"}, {"verify": False}],
    "resolve": ["x:80:127.0.0.1", ["x:80"], ["x:80:y"], [7]],
    "connect_to": ["::y:80", ["x:80"], ["x:80:y:z"]],
    "unix_socket": [7, "", "x.sock", "/" + "x" * 200],
    "allowed_targets": ["x"],
}


def bad_plans():
    with Gateway() as d:
        for field, values in BAD.items():
            for value in values:
                answer = d.submit({field: value})
                tap.ok(answer.status == 422 and list(refusal(answer)) == [field],
                       "%s: %.60s is refused" % (field, json.dumps(value)), answer.text)
        answer = d.submit({"allowed_targets": ["0.0.0.0/0"]})
        tap.ok(answer.status == 403 and list(refusal(answer)) == ["allowed_targets"],
               "what may be loaded is not the plan's to say", answer.text)
        answer = d.submit({"hits_per_second": 1})
        tap.contains(refusal(answer)["hits_per_second"], "did you mean hits_per_sec?", "a slip is recognised")
        answer = d.submit({"workers": 20, "hits_per_sec": 1, "duration_sec": 2})
        tap.equal(list(refusal(answer)), ["workers"], "more workers than requests")
        answer = d.submit({"hits_per_sec": 0, "workers": -1, "nonsense": 1, "headers": {"TE": "x"}})
        tap.equal(set(refusal(answer)), {"hits_per_sec", "workers", "nonsense", "headers"},
                  "all that is wrong is said at once")
        tap.equal((answer.headers["Content-Type"], answer.json["title"]),
                  ("application/problem+json", "Unprocessable Content"), "as a problem document")
        for text in "", "{", "[]", "null", "7", '"x"', "{} x", b"\xff", "{" * 100, '{"a":' * 50:
            answer = d.post("/tests", text)
            tap.ok(answer.status == 422 and "plan" in refusal(answer), "%.20r is no plan" % text, answer.text)
        tap.equal(d.post("/tests", b" " * 1100000).status, 413, "a body over max_body is not read")
        tap.equal(d.get("/tests").json, {"tests": [], "next": None}, "nothing was recorded")
        tap.equal(d.published(), [], "and nothing published")
        tap.equal(d.submit({"body": "x" * 900000}).status, 202, "a large plan is taken")
        tap.equal(set(d.published()[0][3]), {"test_id", "plan_sha256", *PLAN}, "but does not travel in the message")


def limits():
    with Gateway("max_rate = 100; max_workers = 2; max_duration = \"1m\";") as d:
        answer = d.submit({"hits_per_sec": 100.5, "workers": 3, "duration_sec": 61})
        found = refusal(answer)
        tap.equal(answer.status, 403, "a plan over the limits is refused")
        for field, option in ("hits_per_sec", "max_rate = 100"), ("workers", "max_workers = 2"), \
                             ("duration_sec", "max_duration = 1 min"):
            tap.contains(found[field], option, "%s: the option is named" % field)
        tap.equal(d.submit({"hits_per_sec": 100, "workers": 2, "duration_sec": 60}).status, 202, "the most is taken")
    with Gateway('max_rate = 0; max_workers = 0; max_duration = "0s";') as d:
        tap.equal(d.submit({"hits_per_sec": 1e7, "workers": 10000, "duration_sec": 86400}).status, 202, "0: no limit")


def totals():
    """What waits and runs counts together."""
    with Gateway("max_total_rate = 100; max_total_workers = 5;") as d:
        answer = d.submit({"hits_per_sec": 101, "workers": 6, "duration_sec": 1})
        found = refusal(answer)
        tap.equal(answer.status, 403, "more than all may have is refused for good")
        tap.contains(found["hits_per_sec"], "max_total_rate = 100", "by the name of the option")
        tap.contains(found["workers"], "max_total_workers = 5", "and of the other")
        key = {"Idempotency-Key": "one"}
        first = d.submit({"hits_per_sec": 60.5, "workers": 2, "duration_sec": 1}, headers=key)
        tap.equal(first.status, 202, "the first has room")
        answer = d.submit({"hits_per_sec": 39.6, "workers": 1, "duration_sec": 1})
        tap.equal((answer.status, answer.headers.get("Retry-After"), answer.headers["Content-Type"]),
                  (429, "10", "application/problem+json"), "the second would be too much for now")
        tap.contains(answer.json["detail"], "other tests ask for 60.5", "it says what is used up")
        tap.contains(answer.json["detail"], "max_total_rate = 100", "and the option")
        answer = d.submit({"hits_per_sec": 10, "workers": 4, "duration_sec": 1})
        tap.equal(answer.status, 429, "workers count as well")
        tap.contains(answer.json["detail"], "max_total_workers = 5", "with their option")
        answer = d.submit({"hits_per_sec": 60.5, "workers": 2, "duration_sec": 1}, headers=key)
        tap.equal((answer.status, answer.json["test_id"]), (202, first.json["test_id"]), "the same once more is the first, not one more")
        tap.equal(d.submit({"hits_per_sec": 39.5, "workers": 3, "duration_sec": 1}).status, 202, "what is left can be had")
        tap.equal(d.post("/tests/%s/cancel" % first.json["test_id"], "").status, 200, "the first is over")
        tap.equal(d.submit({"hits_per_sec": 60, "workers": 2, "duration_sec": 1}).status, 202, "and has made room")
    with Gateway("max_tests = 2; max_request_body = \"1k\";") as d:
        tap.equal([d.submit({}).status for _ in range(3)], [202, 202, 429], "two tests may wait or run")
        answer = d.submit({})
        tap.contains(answer.json["detail"], "max_tests allows no more", "the option is named")
        answer = d.submit({"body": "x" * 1025})
        tap.equal(answer.status, 403, "a longer body is refused")
        tap.contains(refusal(answer)["body"], "max_request_body = 1024 bytes", "by the name of the option")
    with Gateway("max_tests = 0;") as d:
        tap.equal([d.submit({}).status for _ in range(3)], [202] * 3, "0: no limit")
    with Gateway("max_tests = 5; max_total_rate = 1000;") as d:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            codes = list(pool.map(lambda _: d.submit({"hits_per_sec": 1, "duration_sec": 1}).status, range(40)))
        tap.equal(codes.count(202), 5, "not one more than allowed, however many come at once")


def policy():
    never = ["http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "http://[fd00:ec2::254]/",
             "http://168.63.129.16/", "http://100.100.100.200/", "http://0.0.0.0/", "http://[::]/",
             "http://224.0.0.1/", "http://[::ffff:169.254.169.254]/", "http://[64:ff9b::a9fe:a9fe]/",
             "http://[::169.254.169.254]/", "http://[2002:a9fe:a9fe::1]/", "http://[64:ff9b:1::a9fe:a9fe]/",
             "http://[::ffff:0:a9fe:a9fe]/", "http://[FD00:EC2::254]/", "http://192.0.0.192/", "http://[fe80::]/"]
    # Spellings that some resolvers take for an address: no host at all here.
    odd = ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0xa9.0xfe.0xa9.0xfe", "169.254.43518", "169.16689662",
           "169.254.169.0254", "000169.254.169.254", "169.254.169.254.", "0x7f.1", "0", "[fe80::1%25eth0]", "[::ffff:169.254.169.254",
           "169%2e254.169.254", "x@169.254.169.254", "\uff11\uff16\uff19.254.169.254", "169\u3002254\u3002169\u3002254"]
    with Gateway('allowed_targets = ("*", "0.0.0.0/0", "::/0", "169.254.169.254", "http://169.254.169.254");') as d:
        for url in never:
            answer = d.submit({"url": url})
            tap.ok(answer.status == 403 and "never loaded" in refusal(answer)["url"], "%s is never loaded" % url,
                   answer.text)
        for host in odd:
            answer = d.submit({"url": "http://%s/" % host})
            tap.ok(answer.status == 422 and "url" in refusal(answer), "%s is no host" % ascii(host), answer.text)
        tap.equal(d.submit({"url": "http://127.0.0.1:9/"}).status, 202, "loopback is, when its range is listed")
        tap.equal(d.get("/tests").json["tests"][0]["state"], "queued", "and recorded")
    with Gateway('allowed_targets = ("http://127.0.0.2:81", "127.0.0.3", "*.example.org", "10.0.0.0/8");') as d:
        origin = d.target[:-len("/hit")]
        for url in (origin + "/other?x", "http://127.0.0.2:81/x", "http://127.0.0.3:82/", "http://10.1.2.3:9/"):
            tap.equal(d.submit({"url": url}).status, 202, "%s is allowed" % url)
        for url in ("http://127.0.0.1:1/", "http://127.0.0.2:82/", "http://localhost/", "http://[::1]/",
                    "http://192.168.1.1/", "http://11.0.0.1/", "http://localhost:81/"):
            answer = d.submit({"url": url})
            tap.equal(answer.status, 403, "%s is not" % url)
        tap.ok(re.match(r"target http://localhost:81/ is not allowed by this gateway \(resolved to (127.0.0.1|::1)\). "
                        r"Add it to `allowed_targets` in gateway.conf \(Helm value allowedTargets\)$",
                        answer.json["detail"]), "the refusal names host, address and cure", answer.text)
        answer = d.submit({"url": "http://no.such.name.invalid/"})
        tap.ok(answer.status == 403 and "cannot be resolved here" in answer.json["detail"], "nor is an unknown name",
               answer.text)
        tap.contains(d.log, "refused for client 127.0.0.1: target http://localhost:81/", "the log tells of it")
    with Squalld(conf('allowed_targets = ("ftp://x");'), ready=False) as d:
        tap.equal(d.wait(), 2, "a list that cannot be read: not started")
        tap.contains(d.log, 'allowed_targets: "ftp://x" is not a target', "and named")


def names():
    """Names that resolve to what must not be loaded, by a hosts file of our own."""
    folder = tempfile.mkdtemp(prefix="squall-hosts-")
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w", encoding="utf-8") as f:
        f.write("127.0.0.1 localhost loop.example.org\n169.254.169.254 meta.example.org trusted\n"
                "fe80::1 link.example.org\n10.0.0.7 private.example.org ten\n"
                "169.254.169.254 both.example.org\n93.184.216.34 both.example.org public.example.org\n")
    wrapper = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts)
    try:
        if subprocess.run([*wrapper, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            tap.skip("names that resolve to metadata services", "mounting is not permitted here")
            return
        with Gateway('allowed_targets = ("*.example.org", "trusted", "ten");', wrapper=wrapper) as d:
            for name in "meta.example.org", "trusted", "link.example.org":
                answer = d.submit({"url": "http://%s/" % name})
                tap.ok(answer.status == 403 and "never loaded" in answer.json["detail"],
                       "%s leads to a metadata service" % name, answer.text)
            for name in "loop.example.org", "private.example.org":
                answer = d.submit({"url": "http://%s/" % name})
                tap.ok(answer.status == 403 and "is not allowed" in answer.json["detail"],
                       "%s fits a pattern, and leads inside" % name, answer.text)
            for name in "ten", "public.example.org", "both.example.org":
                tap.equal(d.submit({"url": "http://%s/" % name}).status, 202, "%s is allowed" % name)
    finally:
        shutil.rmtree(folder)


def secrets():
    plan = {"headers": {"Authorization": "Bearer s3cr3t-a", "Cookie": "s3cr3t-b", "X-Plain": "shown"}}
    with Gateway() as d:
        test_id = d.submitted(plan)
        for path in "/tests/" + test_id, "/tests":
            tap.ok("s3cr3t" not in d.get(path).text, "no secret in %s" % path)
        tap.equal(d.test(test_id)["plan"]["headers"]["X-Plain"], "shown", "other headers are shown")
        tap.ok("s3cr3t" not in json.dumps(d.published()), "none in the message")
        tap.ok("s3cr3t" not in d.log, "none in the log")


# --- idempotency --------------------------------------------------------------------------------

def idempotency():
    with Gateway() as d:
        key = {"Idempotency-Key": "my key"}
        first = d.submit(headers=key)
        tap.equal(first.status, 202, "a test with a key")
        again = d.submit(headers=key)
        tap.equal((again.status, again.text), (202, first.text), "the same again: the same answer")
        test_id = first.json["test_id"]
        again = d.post("/tests", '{"workers": 5, "duration_sec": 6e1, "hits_per_sec": 500.0}', headers=key)
        tap.equal(again.text, first.text, "however it is written")
        tap.equal({(p[0], p[1]) for p in d.published()}, {(test_id, 1)}, "published again with the same id and edition")
        tap.equal(len({p[2] for p in d.published()}), 1, "and the same time of submission")
        other = d.submit({"workers": 1}, headers=key)
        tap.equal(other.status, 409, "another plan with this key is a conflict")
        tap.contains(other.json["detail"], test_id, "that names the test")
        tap.ok(d.submit(headers={"Idempotency-Key": "another"}).json["test_id"] != test_id, "another key, another test")
        tap.ok(d.submitted() != d.submitted(), "without a key each is a test of its own")
        tap.equal(len(d.get("/tests").json["tests"]), 4, "there are as many tests as there should be")
        for bad in "", "x" * 256:
            tap.equal(d.submit(headers={"Idempotency-Key": bad}).status, 400, "a key of %d bytes is none" % len(bad))
        d.post("/tests/%s/cancel" % test_id)
        count = len(d.published())
        again = d.submit(headers=key)
        tap.equal((again.status, again.text), (202, first.text), "also when the test is over")
        tap.equal(len(d.published()), count, "which is not published any more")
        d.request("DELETE", "/tests/" + test_id)
        tap.equal(d.submit(headers=key).status, 410, "and gone when it was deleted")


def at_once():
    with Gateway() as d:
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            same = list(pool.map(lambda _: d.submit(headers={"Idempotency-Key": "k"}).text, range(32)))
            ids = list(pool.map(lambda _: d.submitted(), range(32)))
        tap.equal(len(set(same)), 1, "32 at once with one key are one test")
        tap.equal(len(set(ids)), 32, "32 without are 32")
        pages, cursor = [], ""
        while cursor is not None:
            page = d.get("/tests?limit=10&cursor=" + cursor).json
            pages += [t["test_id"] for t in page["tests"]]
            cursor = page["next"]
        tap.equal((len(pages), len(set(pages))), (33, 33), "each is listed once, page by page")


# --- list, cancel, delete -----------------------------------------------------------------------

def listed_load():
    with Gateway() as d:
        for plan, want in (({"stages": [{"duration_sec": 1, "hits_per_sec": 200}, {"duration_sec": 1, "hits_per_sec": 50}]}, (0, 200, 0, 0)),
                           ({"mode": "closed", "connections": 4, "max_requests": 50}, (0, 0, 4, 50)), ({"hits_per_sec": 7}, (7, 7, 0, 0))):
            d.submitted(plan)
            entry = d.get("/tests?limit=1").json["tests"][0]
            tap.equal(tuple(entry[n] for n in ("hits_per_sec", "peak_hits_per_sec", "connections", "max_requests")), want,
                      "what %s asks for" % list(plan))


def lists():
    with Gateway() as d:
        ids = [d.submitted({"name": "n%d" % i}) for i in range(5)]
        d.post("/tests/%s/cancel" % ids[1])
        page = d.get("/tests").json
        tap.equal([t["test_id"] for t in page["tests"]], ids[::-1], "newest first")
        tap.equal(page["next"], None, "and that is all")
        entry = page["tests"][0]
        tap.equal(list(entry), ["test_id", "name", "state", "verdict", "validity", "submitted_at", "started_at",
                                "ended_at", "hits_per_sec", "duration_sec", "workers", "peak_hits_per_sec", "connections",
                                "max_requests"], "what is said of each")
        tap.equal((entry["name"], entry["workers"]), ("n4", 1), "is right")
        page = d.get("/tests?limit=2").json
        tap.equal(([t["test_id"] for t in page["tests"]], bool(page["next"])), (ids[:2:-1], True), "a page of two")
        newer = d.submitted()
        page = d.get("/tests?limit=2&cursor=" + page["next"]).json
        tap.equal([t["test_id"] for t in page["tests"]], ids[2:0:-1], "the next one, whatever came meanwhile")
        found = d.get("/tests?state=cancelled").json["tests"]
        tap.equal([t["test_id"] for t in found], [ids[1]], "by state")
        tap.equal(d.get("/tests?state=running").json["tests"], [], "none in another")
        for query in ("state=bad", "state=", "limit=0", "limit=101", "limit=x", "limit=1%", "cursor=x", "cursor=-1",
                      "cursor=" + "9" * 300):
            answer = d.get("/tests?" + query)
            tap.ok(answer.status == 400 and query.split("=")[0] in answer.json["detail"], "%.20s is refused" % query,
                   answer.text)
        tap.equal(d.get("/tests?unknown=1&limit=1").json["tests"][0]["test_id"], newer, "other parameters are not ours")
        d.door("/record/future/running/0", '{"format":99}')
        answer = d.get("/tests?limit=1")
        tap.equal(answer.json["tests"][0]["state"], "running", "a record of a newer squall is listed")
        tap.contains(answer.json["tests"][0]["problem"], "newer squall", "as such")
        answer = d.get("/tests/future")
        tap.ok(answer.status == 500 and "newer squall" in answer.text, "and not shown", answer.text)
        tap.equal(d.post("/tests/future/cancel").status, 500, "nor touched")


def cancelling():
    with Gateway() as d:
        test_id = d.submitted()
        answer = d.post("/tests/%s/cancel" % test_id)
        tap.equal((answer.status, answer.json), (200, {"test_id": test_id, "state": "cancelled"}),
                  "a test that nobody has begun is cancelled at once")
        again = d.post("/tests/%s/cancel" % test_id)
        tap.equal((again.status, again.text), (200, answer.text), "again is harmless")
        test = d.test(test_id)
        tap.equal((test["state"], test["reason"], test["verdict"]), ("cancelled", "cancelled", "none"), "it says so")
        tap.equal([h["state"] for h in test["history"]], ["queued", "cancelled"], "with its history")
        tap.equal(test["cancel"]["by"], "client 127.0.0.1", "and who it was")
        tap.ok(test["ended_at"] and test["deadline_at"] is None, "and when")

        test_id = d.submitted()
        put_state(d, test_id, "running")
        answer = d.post("/tests/%s/cancel" % test_id)
        tap.equal((answer.status, answer.json["state"]), (202, "running"), "one that runs is asked to stop")
        test = d.test(test_id)
        tap.equal((test["state"], test["cancel"]["by"]), ("running", "client 127.0.0.1"), "which its owner finds")
        tap.equal(d.post("/tests/%s/cancel" % test_id).status, 202, "asking again changes nothing")
        tap.equal(d.test(test_id)["cancel"], test["cancel"], "nor who was first")
        tap.equal(d.request("DELETE", "/tests/" + test_id).status, 409, "a test that runs cannot be deleted")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            test_id = d.submitted()
            states = list(pool.map(lambda _: d.post("/tests/%s/cancel" % test_id).json["state"], range(16)))
        tap.equal(set(states), {"cancelled"}, "16 at once agree")
        tap.equal(len(d.test(test_id)["history"]), 2, "and one of them did it")

        tap.equal(d.request("DELETE", "/tests/" + test_id).status, 204, "what is over can be deleted")
        tap.equal(d.request("DELETE", "/tests/" + test_id).status, 204, "again, too")
        for method, path in ("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("GET", "/timeline"), \
                            ("GET", "/report.json"), ("GET", "/report.csv"), ("GET", "/report.hgrm"):
            tap.equal(d.request(method, "/tests/" + test_id + path).status, 410, "%s %s: gone" % (method, path or "/"))
        for test_id in "00000000-0000-4000-8000-000000000000", "x" * 64, "x" * 65, "a%20b", "..":
            for method, path in ("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("DELETE", ""), \
                                ("GET", "/timeline"), ("GET", "/report.txt"), ("GET", "/report.csv"), \
                                ("GET", "/report.hgrm"):
                answer = d.request(method, "/tests/" + test_id + path)
                tap.equal(answer.status, 404, "%s %.10s%s: there is none" % (method, test_id, path))


# --- what an orchestrator writes ----------------------------------------------------------------

def record(test, state, **more):
    """The record's JSON in another state, made from what GET /tests/{id} shows."""
    r = {"format": 1, "token_sha256": None, "result": None}
    r.update({k: v for k, v in test.items() if k != "schema"})
    at = test["history"][0]["at"]
    r.update({"submitted_at": at, "started_at": None, "ended_at": None, "state": state})
    r["history"] = test["history"] + [{"at": at + 1, "state": state, "reason": None, "detail": None, "by": "o"}]
    r.update(more)
    return json.dumps(r)


def put_state(d, test_id, state, version=1, **more):
    d.door("/record/%s/%s/%d" % (test_id, state, version), record(d.test(test_id), state, **more))


def point(second, **more):
    p = {"t": second, "offered": 500, "sent": 500, "ok": 499, "errors": 1, "p50": 0.31, "p90": 0.5, "p95": 0.62,
         "p99": 1.21, "p99_9": 3.9, "max": 4.81, "lag_p99": 0.02, "in_flight": 3, "workers": 5, "hist": "HISTF"}
    p.update(more)
    return json.dumps(p, separators=(",", ":"))


def reports():
    with Gateway() as d:
        test_id = d.submitted({"name": "mine"})
        path = "/tests/" + test_id
        put_state(d, test_id, "running", live={"t": 1, "ok": 499})
        tap.equal(d.test(test_id)["live"], {"t": 1, "ok": 499}, "a test that runs shows its live point")
        for kind in "json", "txt":
            answer = d.get(path + "/report." + kind)
            tap.ok(answer.status == 409 and "running" in answer.json["detail"], "and has no report.%s yet" % kind,
                   answer.text)
        for second in range(450):
            d.door("/log/%s/timeline" % test_id, point(second, **({"p50": None} if second == 3 else {})))
        answer = d.get(path + "/timeline").json
        tap.equal((len(answer["points"]), answer["next"]), (450, 451), "the timeline")
        tap.equal(answer["points"][3], json.loads(point(3, p50=None)), "is what was written")
        answer = d.get(path + "/timeline?from=450").json
        tap.equal(([p["t"] for p in answer["points"]], answer["next"]), ([449], 451), "from a number on")
        answer = d.get(path + "/timeline?from=451").json
        tap.equal(answer, {"points": [], "next": 451}, "there is no more")
        for bad in "0", "-1", "x", "99999999999":
            tap.equal(d.get(path + "/timeline?from=" + bad).status, 400, "from=%s is refused" % bad)
        answer = d.get(path + "/report.csv")
        rows = answer.text.split("\r\n")
        tap.equal(answer.headers["Content-Type"], "text/csv; charset=utf-8", "the timeline as a table")
        tap.equal(rows[0], "second,offered,sent,ok,errors,p50_ms,p90_ms,p95_ms,p99_ms,p99_9_ms,max_ms,lag_p99_ms,"
                  "in_flight,workers", "has a header")
        tap.equal((len(rows), rows[-1]), (452, ""), "and a row for each second")
        tap.equal(rows[1], "0,500,500,499,1,0.31,0.5,0.62,1.21,3.9,4.81,0.02,3,5", "like this")
        tap.equal(rows[4], "3,500,500,499,1,,0.5,0.62,1.21,3.9,4.81,0.02,3,5", "empty where nothing was measured")
        answer = d.get(path + "/report.hgrm")
        tap.ok(answer.status == 200 and "Total count    =            0" in answer.text, "no snapshot yet", answer.text)
        d.door("/part/%s/snap.w1" % test_id, "{}")
        tap.equal(d.get(path + "/report.hgrm").status, 500, "one that cannot be read is said to be so")

        result = {"schema": "squall.result/1", "state": "completed", "reason": None, "history": [], "verdict": "pass",
                  "validity": {"status": "valid", "reasons": []}, "submitted_at": "2026-01-01T00:00:00.000Z",
                  "ledger": {"balanced": True}, "audit": {"status": "n/a"}}
        put_state(d, test_id, "completed", 2, verdict="pass", validity=result["validity"], result=result)
        test = d.test(test_id)
        tap.equal((test["audit"], test["ledger"]["balanced"]), ({"status": "n/a"}, True), "the result is one document")
        tap.equal([h["state"] for h in test["history"]], ["queued", "running", "completed"], "with the history")
        tap.equal((test["name"], test["submitted_at"]), ("mine", result["submitted_at"]), "and the record around it")
        tap.equal(d.get(path + "/report.json").json, test, "report.json is the same")
        answer = d.get(path + "/report.txt")
        tap.equal((answer.status, answer.headers["Content-Type"]), (200, "text/plain; charset=utf-8"), "report.txt")
        tap.ok(answer.text.startswith("PASS"), "begins with the verdict", answer.text)
        tap.equal(d.get("/tests").json["tests"][0]["validity"], "valid", "the list says whether it is valid")
        tap.equal(d.get(path + "/report.xml").status, 404, "other forms come later")
        tap.equal(d.request("DELETE", path).status, 204, "all of it can be deleted")


# --- events -------------------------------------------------------------------------------------

class Events:
    """A client that reads server-sent events as they come."""

    def __init__(self, d, test_id, last=None):
        self.socket = socket.create_connection(d.address("gateway"), PATIENCE)
        self.socket.settimeout(PATIENCE)
        more = "Last-Event-ID: %s\r\n" % last if last else ""
        # HTTP/1.0: without chunks, the stream ends with the connection.
        self.socket.sendall(("GET /tests/%s/events HTTP/1.0\r\n%s\r\n" % (test_id, more)).encode())
        self.file = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.status = int(self.file.readline().split()[1])
        self.head = {}
        for line in iter(lambda: self.file.readline().strip(), ""):
            name, value = line.split(": ", 1)
            self.head[name.lower()] = value

    def next(self):
        """(event, id, data), or None at the end."""
        fields = {}
        for line in self.file:
            line = line.rstrip("\n")
            if not line and fields:
                return fields["event"], fields["id"], json.loads(fields["data"])
            if line and not line.startswith(":"):
                name, value = line.split(": ", 1)
                fields[name] = value
        return None

    def all(self):
        return list(iter(self.next, None))

    def close(self):
        self.file.close()
        self.socket.close()


def watchers(d):
    return int(re.search(r"squall_gateway_watchers (\d+)", d.get("/metrics").text).group(1))


def events():
    with Gateway("max_watchers = 3;") as d:
        test_id = d.submitted()
        watch = Events(d, test_id)
        tap.equal((watch.status, watch.head["content-type"]), (200, "text/event-stream"), "events are a stream")
        tap.equal(watch.head["cache-control"], "no-cache", "that nobody keeps")
        first = watch.next()
        tap.equal((first[0], first[2]["state"]), ("state", "queued"), "the history so far comes first")
        d.post("/tests/%s/cancel" % test_id)
        more = watch.all()
        tap.equal([(e[0], e[2]["state"]) for e in more], [("state", "cancelled"), ("end", "cancelled")],
                  "then what happens, and the end")
        tap.equal(more[-1][2], {"state": "cancelled", "reason": "cancelled", "verdict": "none", "validity": None},
                  "which says how it ended")
        tap.equal(Events(d, test_id, first[1]).all(), more, "Last-Event-ID: from there on")
        tap.equal(len(Events(d, test_id).all()), 3, "without it, all of it")
        for bad in "nonsense", "1", "1.", "1.0", "-1.x", "9" * 80, "1.1.1":
            tap.equal(len(Events(d, test_id, bad).all()), 3, "%.10s is no id of ours" % bad)
        tap.equal(Events(d, test_id, "end").status, 204, "a client that has the end need not come back")
        wait_until(lambda: watchers(d) == 0, "the streams to be closed")

        test_id = d.submitted()
        put_state(d, test_id, "running", live={"t": 7})
        for second in range(40):
            d.door("/log/%s/timeline" % test_id, point(second))
        watch = Events(d, test_id)
        seen = [watch.next() for _ in range(43)]
        tap.equal([e[0] for e in seen[:3]], ["state", "state", "live"], "a test that runs: its history, live point")
        tap.equal([e[2]["t"] for e in seen[3:]], list(range(40)), "and every point")
        d.door("/log/%s/timeline" % test_id, point(40))
        event = watch.next()
        tap.equal((event[0], event[2]["t"]), ("point", 40), "then each as it comes")
        resumed = Events(d, test_id, seen[30][1])
        tap.equal([resumed.next()[2]["t"] for _ in range(2)], [7, 28], "points go on after Last-Event-ID")

        third = Events(d, test_id)
        tap.equal(watchers(d), 3, "three clients follow")
        tap.equal(Events(d, test_id).status, 503, "which is the most here")
        resumed.close()
        third.close()
        wait_until(lambda: watchers(d) == 1, "those that left to be noticed")
        tap.ok(True, "those that leave are noticed")

        put_state(d, test_id, "failed", 2, reason="workers_lost")
        tap.equal([(e[0], e[2]["state"]) for e in watch.all()[-2:]], [("state", "failed"), ("end", "failed")],
                  "until the end")

        queued = d.submitted()
        watch, gone = Events(d, queued), Events(d, test_id)
        gone.all()
        d.request("DELETE", "/tests/" + test_id)
        tap.equal(Events(d, test_id).status, 410, "a deleted test has none")
        watch.next()
        d.send_signal(signal.SIGTERM)
        tap.equal(watch.all(), [], "SIGTERM ends a stream")
        tap.equal(d.wait(), 0, "and the gateway in order")


def slow_reader():
    """A client that does not read is cut off, or waits; nobody else is disturbed."""
    with Gateway(target=False) as d:
        test_id = d.submitted()
        put_state(d, test_id, "running")
        for second in range(200):
            d.door("/log/%s/timeline" % test_id, point(second, hist="x" * 20000))
        lazy = Events(d, test_id)
        eager = Events(d, test_id)
        seen = [eager.next() for _ in range(202)]
        tap.equal(sum(len(json.dumps(e)) for e in seen) > 4000000, True, "4 MB of events reach a client that reads")
        tap.equal(d.get("/tests").status, 200, "while another does not")
        points = [e for e in [lazy.next() for _ in range(202)] if e[0] == "point"]
        tap.equal([e[2]["t"] for e in points], list(range(200)), "which gets them all when it reads at last")


# --- keys ---------------------------------------------------------------------------------------

def keys():
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as f:
        f.write("# people\n%s  -\n" % hashlib.sha256(b"open sesame").hexdigest())
        f.flush()
        with Gateway('api_keys_file = "%s";' % f.name) as d:
            routes = [("POST", "/tests"), ("GET", "/tests"), ("GET", "/tests/x"), ("DELETE", "/tests/x"),
                      ("POST", "/tests/x/cancel"), ("GET", "/tests/x/events"), ("GET", "/tests/x/timeline"),
                      ("GET", "/tests/x/report.json"), ("GET", "/tests/x/report.txt"), ("GET", "/tests/x/report.csv"),
                      ("GET", "/tests/x/report.hgrm"), ("GET", "/stats")]
            for method, path in routes:
                answer = d.request(method, path)
                tap.equal((answer.status, answer.headers["WWW-Authenticate"]), (401, "Bearer"),
                          "%s %s wants a key" % (method, path))
            for wrong in "Bearer wrong", "Bearer ", "Basic b3BlbiBzZXNhbWU=", "open sesame", "Bearer open sesam":
                tap.equal(d.submit(headers={"Authorization": wrong}).status, 401, "%r is none" % wrong)
            right = {"Authorization": "Bearer open sesame"}
            tap.equal(d.submit(headers=right).status, 202, "with the key it is open")
            tap.equal(d.get("/tests", headers=right).status, 200, "all of it")
            tap.equal(d.get("/").status, 200, "what is served here is no secret")
            tap.ok("NO API KEYS" not in d.log, "and nothing is said loudly")
            tap.ok("sesame" not in d.log, "the key is in no log")
    with Squalld(conf('api_keys_file = "/no/such/file";'), ready=False) as d:
        tap.equal(d.wait(), 1, "keys that cannot be read: not started")
        tap.contains(d.log, "cannot read api_keys_file /no/such/file", "rather than open to everybody")


# --- the sample .conf ---------------------------------------------------------------------------

def sample():
    with open(os.path.join(SOURCE, "conf/gateway.conf"), encoding="utf-8") as f:
        text = f.read().replace('transport = { plugin = "local"; }', 'transport = { plugin = "fake"; }')
    shown = re.sub(r"(?m)^(\t*)#([a-z_]+ = .*;)$", r"\1\2", text)
    tap.ok(shown.count("max_") > text.count("\tmax_"), "conf/gateway.conf shows defaults")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        for what, conf_text in ("as it is", text), ("with all that it shows", shown):
            f.seek(0)
            f.truncate()
            f.write(conf_text)
            f.flush()
            done = squalld("-t", "-c", f.name, "-p", PLUGINS)
            tap.ok(done.returncode == 0, "conf/gateway.conf %s can be used" % what, done.stdout + done.stderr)


# --- things that break --------------------------------------------------------------------------

class State:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="squall-state-")

    def __enter__(self):
        return self.dir

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)


def queue_away():
    with State() as state:
        key = {"Idempotency-Key": "k"}
        with Gateway(transport="away = true;", state=state) as d:
            answer = d.submit(headers=key)
            test_id = d.get("/tests").json["tests"][0]["test_id"]
            tap.equal(answer.status, 503, "without a queue a test is not accepted")
            tap.contains(answer.json["detail"], "test %s is recorded" % test_id, "but recorded, and that is said")
            tap.equal(d.submit(headers=key).status, 503, "trying again does not help yet")
            tap.equal(len(d.get("/tests").json["tests"]), 1, "nor make another one")
            target = d.target
        with Gateway('target_url = "%s";' % target, state=state) as d:
            answer = d.submit(headers=key)
            tap.equal((answer.status, answer.json["test_id"]), (202, test_id), "with one it is accepted")
            tap.equal([p[0] for p in d.published()], [test_id], "and published")
    with Gateway(transport="uncertain = 2;") as d:
        answer = d.submit()
        tap.equal(answer.status, 202, "an uncertain message is sent again")
        tap.equal({p[:3] for p in d.published()}, {d.published()[0][:3]}, "as the same one")
        tap.equal(len(d.published()), 3, "until it is certain")
    with Gateway(transport="uncertain = 100;") as d:
        tap.equal(d.submit().status, 503, "but not for ever")


def store_away():
    with Gateway(store="fake") as d:
        for method, path in ("POST", "/tests"), ("GET", "/tests"), ("GET", "/tests/x"), ("DELETE", "/tests/x"), \
                            ("POST", "/tests/x/cancel"), ("GET", "/tests/x/events"), ("GET", "/tests/x/timeline"), \
                            ("GET", "/tests/x/report.csv"), ("GET", "/tests/x/report.hgrm"):
            answer = d.request(method, path, body="{}")
            tap.ok(answer.status == 503 and "the store failed" in answer.json["detail"],
                   "%s %s without a store" % (method, path), answer.text)
        tap.equal(d.published(), [], "nothing is published that is not recorded")


def killed():
    """kill -9 between the record and the message."""
    with State() as state:
        with Gateway(transport="hang_ops = true;", state=state) as d:
            client = socket.create_connection(d.address("gateway"))
            body = json.dumps(PLAN)
            client.sendall(("POST /tests HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: %d\r\n\r\n%s"
                            % (len(body), body)).encode())
            wait_until(d.published, "the message to be on its way")
            d.send_signal(signal.SIGKILL)
            d.wait()
            target = d.target
            client.close()
        with Gateway('target_url = "%s";' % target, state=state) as d:
            found = d.get("/tests").json["tests"]
            tap.equal([t["state"] for t in found], ["queued"], "the record is there, for a sweep to publish")
            answer = d.submit(headers={"Idempotency-Key": "k"})
            tap.equal((answer.status, answer.json["test_id"]), (202, found[0]["test_id"]), "or the client's second try")


def client_gone():
    with Gateway() as d:
        body = json.dumps(PLAN)
        for n in range(20):
            client = socket.create_connection(d.address("gateway"))
            client.sendall(("POST /tests HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)).encode())
            client.close()
        wait_until(lambda: len(d.get("/tests?limit=100").json["tests"]) == 20, "the tests to be recorded")
        tap.ok(True, "a client that does not wait for its answer has its test all the same")
        client = socket.create_connection(d.address("gateway"))
        client.sendall(b"POST /tests HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        client.close()
        tap.equal(d.submit().status, 202, "half a request is no test")
        tap.equal(len(d.get("/tests?limit=100").json["tests"]), 21, "and leaves nothing")
        tap.equal(d.stop(), 0, "it stops in order")


def full_disk():
    with State() as state:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", state], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode != 0:
            tap.skip("a full disk", "mounting is not permitted here")
            return
        try:
            with Gateway(state=state) as d:
                plan = {"body": "x" * 100000}
                answer = wait_until(lambda: next((a for a in [d.submit(plan)] if a.status != 202), None),
                                    "the disk to be full")
                tap.ok(answer.status == 503 and "it is full" in answer.json["detail"], "a full disk is named",
                       answer.text)
                count = len(d.get("/tests?limit=100").json["tests"])
                tap.equal(len(d.published()), count, "what is not recorded is not published")
                tap.equal(d.get("/tests?limit=1").status, 200, "what there is can be read")
        finally:
            subprocess.run(["umount", "-l", state], check=False)


PARTS = (specification, stats, bad_plans, limits, totals, policy, names, secrets, idempotency, at_once, lists, listed_load, cancelling,
         reports, events, slow_reader, keys, sample, queue_away, store_away, killed, client_gone, full_disk)
LOCAL = (sample, full_disk)  # about files of this machine

for BACKEND in backends(tap):
    with BACKEND:
        for part in PARTS:
            if BACKEND.name == "local" or part not in LOCAL:
                part()
tap.done()
