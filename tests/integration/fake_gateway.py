"""fake_gateway.py - a gateway that plays a script: what the command line is tested against.

    with FakeGateway() as gateway:
        gateway.script = [("state", "provisioning"), ("points", 3), ("end", "completed")]
        ... squall run --gateway gateway.url ...
        gateway.posted           # plans, as they came
        gateway.tests            # id -> Test

It speaks the API of the real one (POST /tests, GET /tests, /tests/{id}, /events, /timeline, /report.*,
/cancel), and misbehaves when told to: see the attributes of FakeGateway.
"""
import copy
import http.server
import json
import os
import socket
import threading
import time
import urllib.parse
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
FINAL = ("completed", "failed", "cancelled", "timed_out")
EFFECTIVE = {"name": "", "url": "http://target-api:8000/hit", "method": "POST", "hits_per_sec": 10,
             "duration_sec": 60, "workers": 1}


def result(name):
    with open(os.path.join(HERE, "../unit/result", name + ".json"), encoding="utf-8") as f:
        return json.load(f)


class Test:
    """One test: its record, its timeline, and the events that clients see."""

    def __init__(self, gateway, plan, key):
        self.gateway, self.key, self.plan = gateway, key, plan
        self.id = str(uuid.uuid4())
        self.effective = dict(EFFECTIVE, **plan)
        self.submitted = time.time()
        self.history, self.points, self.events = [], [], []
        self.provisioning = self.result = None
        self.deadline = None
        self.cancels = self.presences = 0
        self.state = None
        self.step("queued")
        threading.Thread(target=self.play, daemon=True).start()

    # --- the script ---

    def play(self):
        for step in self.gateway.script:
            if self.state in FINAL:
                return
            getattr(self, "play_" + step[0])(*step[1:])
        while self.state not in FINAL:
            time.sleep(0.01)

    def play_state(self, state, reason=None, detail=None):
        self.step(state, reason, detail)

    def play_provisioning(self, ready, wanted, reason=""):
        self.provisioning = {"ready": ready, "wanted": wanted, "reason": reason}
        self.step("provisioning")

    def play_points(self, count, gap=0.02, **more):
        for _ in range(count):
            if self.state in FINAL:
                return
            self.point(**more)
            time.sleep(gap)

    def play_sleep(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.state not in FINAL:
            time.sleep(0.01)

    def play_hold(self):
        """Until somebody cancels, or the test opens the door."""
        while self.state not in FINAL and not self.gateway.door.is_set():
            time.sleep(0.01)

    def play_end(self, state, document="pass", more=None):
        """document: of tests/unit/result; more: members that replace its own."""
        doc = result(document)
        doc.update({"test_id": self.id, "state": state}, **(more or {}))
        self.finish(state, doc, doc.get("reason"), doc.get("detail"))

    # --- what happens ---

    def emit(self, name, data):
        with self.gateway.news:
            self.events.append((len(self.events) + 1, name, json.dumps(data)))
            self.gateway.news.notify_all()

    def step(self, state, reason=None, detail=None):
        entry = {"at": int(time.time() * 1000), "state": state, "reason": reason, "detail": detail, "by": "fake"}
        self.state = state
        self.deadline = None if state in FINAL else entry["at"] + 600000
        self.history.append(entry)
        self.emit("state", entry)

    def point(self, **more):
        second = len(self.points)
        rate = self.effective["hits_per_sec"]
        point = {"t": second, "offered": rate, "sent": rate, "ok": rate, "errors": 0, "p50": 0.31, "p90": 0.5,
                 "p95": 0.62, "p99": 1.2, "p99_9": 3.9, "max": 4.8, "lag_p99": 0.02, "in_flight": 1,
                 "workers": self.effective["workers"], "hist": self.gateway.blob}
        point.update(more)
        self.points.append(point)
        self.emit("point", point)

    def finish(self, state, doc, reason=None, detail=None):
        self.result = doc
        self.step(state, reason, detail)
        self.emit("end", {"state": state, "reason": reason, "verdict": doc.get("verdict"), "validity": None})

    def cancel(self):
        self.cancels += 1
        if self.state not in FINAL:
            doc = result("pass")
            doc.update({"test_id": self.id, "state": "cancelled", "reason": "cancelled", "verdict": "none"})
            self.finish("cancelled", doc, "cancelled")

    # --- how it is shown ---

    def when(self):
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.submitted)) + ".%03dZ" % (self.submitted % 1 * 1000)

    def record(self):
        doc = {"schema": "squall.result/1", "test_id": self.id, "name": self.effective["name"], "state": self.state,
               "reason": self.history[-1]["reason"], "detail": self.history[-1]["detail"], "verdict": "none",
               "validity": None, "plan": self.plan, "effective_plan": self.effective,
               "submitted_at": self.when(), "deadline_at": self.deadline, "provisioning": self.provisioning}
        if self.result:
            doc.update(copy.deepcopy(self.result))
            doc.update(effective_plan=self.effective, submitted_at=self.when())
        doc["history"] = self.history
        return doc

    def summary(self):
        doc = self.record()
        return {"test_id": self.id, "name": self.effective["name"], "state": self.state,
                "verdict": doc["verdict"], "validity": (doc["validity"] or {}).get("status"),
                "submitted_at": self.when(), "started_at": None, "ended_at": None,
                "hits_per_sec": self.effective["hits_per_sec"], "duration_sec": self.effective["duration_sec"],
                "workers": self.effective["workers"], "connections": self.effective.get("connections", 0),
                "max_requests": self.effective.get("max_requests", 0),
                "peak_hits_per_sec": max([s["hits_per_sec"] for s in self.effective.get("stages", [])]
                                         + [self.effective["hits_per_sec"]])}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, doc, kind="application/json"):
        body = doc if isinstance(doc, bytes) else json.dumps(doc).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def problem(self, status, detail, errors=None):
        doc = {"type": "about:blank", "title": "No", "status": status, "detail": detail}
        if errors:
            doc["errors"] = [{"field": f, "problem": p} for f, p in errors]
        self.reply(status, doc, "application/problem+json")

    def refused(self):
        """Whatever stands before the routes."""
        gateway = self.server.gateway
        gateway.requests.append((self.command, self.path, dict(self.headers)))
        if gateway.key and self.headers.get("Authorization") != "Bearer " + gateway.key:
            self.problem(401, "an API key is needed")
        elif gateway.away > 0:
            gateway.away -= 1
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            return False
        return True

    def test(self):
        test = self.server.gateway.tests.get(self.path.split("?")[0].split("/")[2])
        if not test:
            self.problem(404, "there is no such test")
        return test

    def do_POST(self):
        gateway = self.server.gateway
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.refused():
            return
        if self.path == "/tests":
            gateway.submit(self, json.loads(body))
        elif self.path.endswith("/cancel"):
            test = self.test()
            if test:
                over = test.state in FINAL
                test.cancel()
                self.reply(200 if over else 202, {"test_id": test.id, "state": test.state})

        elif self.path.endswith("/presence"):
            test = self.test()
            if test:
                test.presences += 1
                self.reply(200, {"test_id": test.id, "state": test.state, "presence_until": None})

    def do_GET(self):
        gateway = self.server.gateway
        if self.refused():
            return
        if self.path.split("?")[0] == "/tests":
            gateway.list(self)
            return
        test = self.test()
        if not test:
            return
        tail = self.path.split("?")[0].split("/")[3:]
        if tail == ["events"]:
            self.stream(test)
        elif tail == ["timeline"]:
            start = int(self.path.split("from=")[1]) if "from=" in self.path else 1
            points = test.points[start - 1:][:2]  # a page
            if start < 1:
                self.problem(400, "from: must be a whole number of 1 .. 2147483647")
            else:
                self.reply(200, {"points": points, "next": start + len(points)})
        elif tail and tail[0].startswith("report."):
            self.reply(200, ("%s of %s\n" % (tail[0], test.id)).encode(), "text/plain")
        else:
            self.reply(200, test.record())

    def stream(self, test):
        gateway = self.server.gateway
        if gateway.events == "absent":
            self.problem(404, "no events here")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        sent, seen = 0, int(self.headers.get("Last-Event-ID", 0))
        while True:
            with gateway.news:
                gateway.news.wait_for(lambda: len(test.events) > seen, timeout=1)
                news = test.events[seen:]
            for number, name, data in news:
                if gateway.events == "breaking" and sent == gateway.breaks_after:
                        return  # in the middle of things
                text = ": ping\n\nevent: %s\r\nid: %d\r\ndata: %s\r\n\r\n" % (name, number, data)
                self.wfile.write(text.encode())
                self.wfile.flush()
                sent, seen = sent + 1, number
                if name == "end":
                    return
            if gateway.closed:
                return


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients come and go."""


class FakeGateway:
    blob = None  # of every point's histogram

    def __init__(self):
        self.script = [("state", "provisioning"), ("state", "running"), ("points", 3), ("end", "completed")]
        self.events = "good"  # or "absent", or "breaking" after breaks_after events of each stream
        self.breaks_after = 1
        self.refusal = None  # (status, detail, errors) for POST /tests
        self.key = None  # an API key that is wanted
        self.away = 0  # so many requests are answered by a closed connection
        self.door = threading.Event()
        self.news = threading.Condition()
        self.tests, self.posted, self.keys, self.requests = {}, [], [], []
        self.closed = False
        self.page = 2  # tests on a page of the list
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.gateway = self
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True
        self.server.shutdown()
        self.server.server_close()

    @property
    def test(self):
        """The newest one."""
        return list(self.tests.values())[-1]

    def submit(self, handler, plan):
        key = handler.headers.get("Idempotency-Key")
        self.posted.append(plan)
        self.keys.append(key)
        if self.refusal:
            handler.problem(*self.refusal)
            return
        test = next((t for t in self.tests.values() if key and t.key == key), None)
        if not test:
            test = Test(self, plan, key)
            self.tests[test.id] = test
        handler.reply(202, {"test_id": test.id, "message": "Test request submitted successfully",
                            "parameters": {k: test.effective[k] for k in ("hits_per_sec", "duration_sec", "workers")}})

    def list(self, handler):
        """A cursor is the gateway's own word, so it may hold what has to be encoded in a URL."""
        word = "å &%"
        start = 0
        if "cursor=" in handler.path:
            text = urllib.parse.unquote(handler.path.split("cursor=")[1])
            assert text.startswith(word) and handler.path.isascii(), handler.path
            start = int(text[len(word):])
        tests = list(reversed(self.tests.values()))
        after = start + self.page
        handler.reply(200, {"tests": [t.summary() for t in tests[start:after]],
                            "next": word + str(after) if after < len(tests) else None})
