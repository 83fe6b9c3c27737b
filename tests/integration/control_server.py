#!/usr/bin/python3
"""control_server.py - an orchestrator in a few lines: follows the control protocol and believes no report.

    with ControlServer(plan, workers=2) as c:
        start_workers(c.environment())
        c.finals(2)
        assert not c.problems

What it says can be bent by its attributes, in the middle of a test. As a program it serves until it is
killed, and writes each report as a line to standard output: for tests that stop the whole process.
"""
import base64
import json
import struct
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATES = ["ready", "armed", "running", "draining", "ended"]
TEST = "5f0c6a52-9c8a-4a64-8d4e-0b6a3c9f1e77"


def hist_count(doc):
    """How many values a histogram holds, by its own cells (HdrHistogram V2: ZigZag LEB128 counts)."""
    if doc is None:
        return 0
    blob = base64.b64decode(doc["blob"])
    data = zlib.decompress(blob[8:])
    length = struct.unpack(">i", data[4:8])[0]
    total, at = 0, 40
    while at < 40 + length:
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte if shift == 56 else byte & 0x7f) << shift
            shift += 7
            if byte < 0x80 or shift > 56:
                break
        value = (value >> 1) ^ -(value & 1)
        total += max(value, 0)
    return total


def sent_of(ledger):
    return sum(ledger["sent"].values())


def sums(report):
    """Both lines of the ledger, with what is not decided yet."""
    l, live = report["ledger"], report["live"]
    first = (sent_of(l) + sum(l["unsent"].values()) + sum(l["dropped"].values()) + l["unconfirmed"]
             + live["pending"])
    second = (l["ok"] + sum(l["http_error"].values()) + l["check_failed"] + sum(l["error"].values())
              + l["in_flight_at_end"] + live["in_flight"])
    return l["scheduled"] == first and sent_of(l) == second


class ControlServer:
    def __init__(self, plan, workers=1, port=0, ahead=0):
        self.plan, self.workers, self.ahead = plan, workers, ahead
        self.token = "sesame"
        self.fence, self.epoch, self.t0 = 1, 1, None
        self.lead = 0.8  # seconds from arm to T0
        self.stop = self.late = self.hold = False
        self.run_fence = None  # of run directives, when it is another one
        self.store = True  # a report is stored as soon as it came
        self.refuse = None  # (status, location): the answer to everything
        self.lock = threading.RLock()
        self.uids, self.reports, self.asked, self.problems = [], {}, 0, []
        self.registrations = []
        self.tell = lambda report: None
        self.connections = set()
        self.listen(port)

    def listen(self, port=None):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                server.connections.add(self.connection)

            def finish(self):
                server.connections.discard(self.connection)
                super().finish()

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer, location = server.answer(self, json.loads(body))
                text = json.dumps(answer).encode()
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass  # the other side left

        self.http = Server(("127.0.0.1", self.port if port is None else port), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def away(self):
        """As if it was killed."""
        self.http.shutdown()
        self.http.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(2)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.away()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def environment(self, urls=None, token=None):
        return {"SQUALL_CONTROL_URL": urls or self.url, "SQUALL_TEST_ID": TEST,
                "SQUALL_TOKEN": token or self.token, "SQUALL_WORKER": "7f3k-1"}

    # --- what it knows ---

    def last(self, uid=None):
        """The newest report of a worker, or None."""
        with self.lock:
            got = self.reports.get(uid or (self.uids[0] if self.uids else None))
            return got[-1] if got else None

    def all(self):
        with self.lock:
            return [r for uid in self.uids for r in self.reports[uid]]

    def finals(self):
        with self.lock:
            return [r[-1] for r in self.reports.values() if r and r[-1]["final"]]

    def clock(self):
        return time.time_ns() + self.ahead

    # --- answers ---

    def answer(self, handler, doc):
        with self.lock:
            self.asked += 1
            if self.refuse:
                return self.refuse[0], {}, self.refuse[1] and self.refuse[1] + handler.path
            if handler.headers["Authorization"] != "Bearer " + self.token:
                return 401, {}, None
            parts = handler.path.strip("/").split("/")
            if parts[:4] != ["control", "tests", TEST, "workers"]:
                return 404, {}, None
            if len(parts) == 4:
                return 200, self.register(doc), None
            if parts[4] not in self.reports:
                return 404, {}, None
            self.take(parts[4], doc)
            return 200, {"directive": self.directive(parts[4], doc)}, None

    def register(self, doc):
        self.registrations.append(doc)
        self.uids.append(doc["uid"])
        self.reports[doc["uid"]] = []
        return {"plan": self.plan, "plan_sha256": "0" * 64, "directive": self.directive(doc["uid"], None)}

    def directive(self, uid, report):
        state, fence = self.state(), self.fence
        if state == "run" and self.run_fence is not None:
            fence = self.run_fence
        index, count = self.uids.index(uid), 60 * self.workers
        armed = state in ("arm", "run")
        total = -(-self.plan["hits_per_sec"] * int(self.plan["duration_sec"] * 1000) // 1000)
        stored = report["seq"] if report and self.store else 0
        before = self.t0 is None or self.clock() < self.t0
        return {"epoch": self.epoch if armed else 0, "fence": fence, "state": state,
                "t0_unix_ns": self.t0 if armed else 0,
                "slots": {"count": count, "mine": [[s, 0] for s in range(count) if s % self.workers == index]},
                "until_tick": max(total, 0), "poll_ms": 100 if before else 1000, "stored": stored,
                "now_unix_ns": self.clock()}

    def state(self):
        if self.stop:
            return "stop"
        newest = [r[-1] for r in self.reports.values() if r]
        if self.hold or len(newest) < self.workers:
            return "wait"
        if self.t0 is None:
            self.t0 = self.clock() + int(self.lead * 1e9)
            return "arm"
        if any(r["epoch"] != self.epoch for r in newest) or (self.late and self.clock() <= self.t0):
            return "arm"
        return "run"

    # --- reports ---

    def take(self, uid, r):
        before = self.reports[uid][-1] if self.reports[uid] else None
        self.check(uid, r, before)
        self.reports[uid].append(r)
        self.tell(r)

    def bad(self, r, what):
        self.problems.append("%s: report %d of %s: %s" % (what, r["seq"], r["uid"], json.dumps(r["ledger"])))

    def check(self, uid, r, before):
        l, live = r["ledger"], r["live"]
        if r["uid"] != uid:
            self.bad(r, "another's name")
        if not sums(r):
            self.bad(r, "the ledger does not balance")
        ended = sent_of(l) - live["in_flight"]
        for name, want in (("response", ended), ("service", ended), ("lag", sent_of(l)), ("pickup", sent_of(l))):
            if hist_count(r["hist"][name]) != want:
                self.bad(r, "%s holds %d values, not %d" % (name, hist_count(r["hist"][name]), want))
        if r["final"] and (live["pending"] or live["in_flight"] or not l["balanced"]):
            self.bad(r, "final and not closed")
        if (r["state"] == "ended") != r["final"]:
            self.bad(r, "ended is final, and final ended")
        if r["fence"] > self.fence:
            self.bad(r, "a fence that nobody has given")
        if before is None:
            if r["seq"] != 1:
                self.bad(r, "the first is not 1")
            return
        if r["seq"] <= before["seq"]:
            self.bad(r, "seq does not rise")
        if STATES.index(r["state"]) < STATES.index(before["state"]):
            self.bad(r, "from %s back to %s" % (before["state"], r["state"]))
        for what in ("scheduled", "ok", "check_failed"):
            if l[what] < before["ledger"][what]:
                self.bad(r, "%s becomes less" % what)
        if before["final"] and l != before["ledger"]:
            self.bad(r, "two finals differ")


def main():
    server = ControlServer(json.loads(sys.argv[1]))
    server.tell = lambda report: print(json.dumps(report), flush=True)
    print(server.url, flush=True)
    while not server.finals():
        time.sleep(0.05)
    time.sleep(0.2)
    print(json.dumps({"problems": server.problems}), flush=True)


if __name__ == "__main__":
    main()
