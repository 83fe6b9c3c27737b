#!/usr/bin/python3
"""test_exact.py - whole tests through gateway, queue, orchestrator, forked workers and target, counted to the
last request: totals, hit numbers, and the merged histograms bucket by bucket."""
import json
import os
import re
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from relay import Relay
from squall import BUILD, PLUGINS, Squalld, Tap, free_port, wait_until

HIST_TOOL = os.path.join(BUILD, "tests/unit/hist_tool")
TERMINAL = ("completed", "failed", "cancelled", "timed_out")
CONF = """
state_dir = "%(state)s";
transport = { plugin = "local"; };
store = { plugin = "local"; };
scheduler = { plugin = "fork"; worker_conf = "%(state)s/worker.conf"; };
roles = (
  { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:%(hit)d/hit"; },
  { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:%(hit)d/hit"; },
  { plugin = "target"; listen = "127.0.0.1:%(target)d"; }
);
"""


class System(Squalld):
    """Everything in one process. target: its port; hit: the port that is loaded."""

    def __init__(self, state, target, hit):
        with open(os.path.join(state, "worker.conf"), "w", encoding="utf-8") as f:
            f.write('roles = ( { plugin = "worker"; } );\n')
        super().__init__(CONF % {"state": state, "target": target, "hit": hit}, env={"SQUALL_PLUGIN_DIR": PLUGINS})
        self.state = state

    def run(self, **plan):
        """The result of a test that has come to its end."""
        answer = self.post("/tests", plan, headers={"Content-Type": "application/json"}, role="gateway")
        assert answer.status == 202, answer.text
        self.test_id = answer.json["test_id"]

        def ended():
            test = self.get("/tests/" + self.test_id, role="gateway").json
            return test if test["state"] in TERMINAL else None
        return wait_until(ended, lambda: "the end of %s:\n%s" % (plan, self.log), 120)

    def points(self):
        return self.get("/tests/%s/timeline" % self.test_id, role="gateway").json["points"]

    def reports(self):
        """The last report of each worker, as it wrote it and the store keeps it."""
        store = sqlite3.connect(os.path.join(self.state, "store.db"))
        try:
            rows = store.execute("SELECT data FROM parts JOIN records ON record = num"
                                 " WHERE id = ? AND name LIKE 'snap.%'", (self.test_id,)).fetchall()
        finally:
            store.close()
        return [json.loads(row[0]) for row in rows]


def cells(blobs):
    """The sum of histograms: how many values lie in each bucket, by its lowest value."""
    done = subprocess.run([HIST_TOOL], input="".join("read %s\n" % b for b in blobs), stdout=subprocess.PIPE,
                          text=True, check=True)
    total = {}
    for line in done.stdout.splitlines():
        if line.startswith("error"):
            raise ValueError(line)
        if line.startswith("cell "):
            _, low, count = line.split()
            total[int(low)] = total.get(int(low), 0) + int(count)
    return total


def percentile(buckets, percent):
    """The lowest value of the bucket in which the rank falls, ns."""
    rank, seen = max(1, -(-percent * sum(buckets.values()) // 100)), 0
    for low in sorted(buckets):
        seen += buckets[low]
        if seen >= rank:
            return low
    return None


def total(part):
    return sum(part.values()) if isinstance(part, dict) else part


def test_totals(tap, d, relay):
    """10007/s over 7 workers for 3 s: neither divides, and nothing is rounded."""
    test = d.run(hits_per_sec=10007, duration_sec=3, workers=7, max_connections=20)
    ledger = test["ledger"]
    tap.equal((test["state"], ledger["scheduled"], ledger["balanced"]), ("completed", 30021, True),
              "10007/s for 3 s over 7 workers: 30,021 requests in a ledger that balances")
    tap.equal(ledger["ok"], 30021, "all are sent and answered")
    tap.equal(test["audit"], {"status": "equal", "sent": 30021, "counted": 30021}, "the target counted the same")
    tap.equal(d.get("/stats", role="target").json["total_hits"], 30021, "and says so itself")
    numbers = [int(n) for text in relay.said() for n in re.findall(rb'"total_hits":(\d+)', text)]
    tap.ok(sorted(numbers) == list(range(1, 30022)), "each hit has a number of its own, from 1 to 30,021",
           "%d numbers, %d different" % (len(numbers), len(set(numbers))))
    return test


def test_merged(tap, d, test):
    """T5: what the orchestrator merged is what the workers measured, bucket by bucket."""
    reports = d.reports()
    tap.equal((len(reports), all(r["final"] for r in reports)), (7, True), "the store has a final report of each worker")
    shares = sorted(r["ledger"]["scheduled"] for r in reports)
    tap.ok(sum(shares) == 30021 and shares[-1] - shares[0] <= 60, "their shares differ by less than a round", shares)
    def workers(kind):
        return cells(r["hist"][kind]["blob"] for r in reports if r["hist"].get(kind))

    merged = cells(p["hist"] for p in d.points() if p.get("hist"))
    tap.ok(merged == workers("response"),
           "the seconds of the merged timeline add up to all final reports, bucket by bucket")
    for kind, shown in test["latency_ms"].items():
        own = workers(kind)
        parts = [r["hist"][kind] for r in reports]
        found = {"min": min(p["min"] for p in parts), "max": max(p["max"] for p in parts),
                 "mean": (2 * sum(int(p["sum"]) for p in parts) + 30021) // (2 * 30021)}
        tap.ok(sum(own.values()) == shown["count"] == 30021 and all(abs(shown[m] * 1e6 - found[m]) < 1 for m in found),
               "%s: count, min, mean and max are those of all samples" % kind, found, shown)
        found = {"p50": percentile(own, 50), "p99": percentile(own, 99)}
        tap.ok(all(found[p] <= shown[p] * 1e6 + 1 and shown[p] * 1e6 <= found[p] * 1.001 + 2 for p in found),
               "%s: percentiles too" % kind, found, shown)
    for member in ("ok", "unconfirmed", "check_failed", "in_flight_at_end", "sent", "unsent", "dropped"):
        tap.equal(sum(total(r["ledger"][member]) for r in reports), total(test["ledger"][member]),
                  "the ledger's %s is the workers'" % member)


class Slow(socketserver.StreamRequestHandler):
    """Answers 90 ms after the request, never earlier."""

    def handle(self):
        while True:
            line = self.rfile.readline()
            while line and line != b"\r\n":
                line = self.rfile.readline()
            if not line:
                return
            time.sleep(0.09)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def test_seconds(tap, d):
    """Each second has a point, the last one also where it is not whole, and together they are the test."""
    test = d.run(hits_per_sec=100, duration_sec=2.3, workers=3)
    points = d.points()
    tap.equal(test["state"], "completed", "2.3 s")
    # More of them: while late answers are waited for.
    tap.equal([p["t"] for p in points][:3], [0, 1, 2], "have three points")
    tap.equal(([p["offered"] for p in points][:3], sum(p["offered"] for p in points)), ([100, 100, 30], 230),
              "which know what was due in each")
    for name, whole in (("sent", total(test["ledger"]["sent"])), ("ok", test["ledger"]["ok"])):
        tap.equal(sum(p[name] for p in points), whole, "the points' %s add up" % name)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def test_on_time(tap, d):
    """T7: a target that takes 90 ms, ten times a second, takes 90 ms and not the half of it."""
    test = d.run(hits_per_sec=10, duration_sec=2, workers=2)
    service, response = test["latency_ms"]["service"], test["latency_ms"]["response"]
    tap.equal((test["state"], service["count"]), ("completed", 20), "T7: 20 requests are answered")
    tap.ok(min(service["min"], response["min"]) >= 90, "T7: no answer is said to be faster than the target", service, response)
    for p in ("min", "p50", "max"):  # of 20 no p99 is said
        # The two are of the same requests, and a response is its service and what came before; 0.1 % is the histogram's.
        tap.ok(response[p] >= service[p] * 0.999, "T7: response %s is not below service %s" % (p, p), service, response)
    tap.ok(response["mean"] >= service["mean"] and abs(response["mean"] - service["mean"] - test["latency_ms"]["lag"]["mean"]) < 0.01,
           "T7: response = lag + service", response, service)


def main():
    tap = Tap()
    target = free_port()
    with tempfile.TemporaryDirectory() as state, Relay(("127.0.0.1", target)) as relay:
        with System(state, target, relay.port) as d:
            test_merged(tap, d, test_totals(tap, d, relay))
            test_seconds(tap, d)
            tap.equal(d.stop(), 0, "and it stops in order")
    with tempfile.TemporaryDirectory() as state, Server(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with System(state, target, server.server_address[1]) as d:
            test_on_time(tap, d)
        server.shutdown()
    tap.done()


main()
