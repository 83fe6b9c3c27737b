#!/usr/bin/python3
"""test_cli_thresholds.py - thresholds, auto_stop and bad targets as a user meets them: squall run with its own
daemon against targets that misbehave. What it says, and the exit code."""
import json
import os
import tempfile

from odd_server import OddServer
from squall import Tap, needs
from squall_cli import squall

needs("role_gateway", "role_orchestrator", "role_worker", "store_local", "transport_local", "scheduler_fork")

tap = Tap()
LOAD = ["-r", "200", "-d", "2", "--allow-invalid"]


def run(url, *args):
    r = squall("run", url, *LOAD, *args, "--json")
    return r.returncode, json.loads(r.stdout or "{}"), r.stderr


def result(url, *args):
    return squall("run", url, *LOAD, *args)


def rows(doc):
    return [(t["metric"], t["expression"], t["ok"], t["decided"]) for t in doc.get("thresholds", [])]


def trusted(doc):
    """On a machine that is too busy the generator is invalid, which is no fault of what is tested here."""
    return doc["validity"]["status"] != "invalid"


with OddServer() as server:
    # --- judged at the end ---
    code, doc, err = run(server.url("/ok"), "--threshold", "p(90)<5s", "--threshold", "http_req_failed rate<1%",
                         "--threshold", "http_reqs count==400", "--threshold", "dropped_iterations count==0")
    good = True if trusted(doc) else None
    tap.equal((code, doc.get("verdict")), (0, "pass" if good else "none"), "thresholds that hold")
    tap.equal(rows(doc), [("http_req_response_time", "p(90)<5s", good, True), ("http_req_failed", "rate<1%", good, True),
                          ("http_reqs", "count==400", good, True), ("dropped_iterations", "count==0", good, True)],
              "each has its row")
    tap.equal(doc["effective_plan"]["auto_stop"], {"error_rate": 0.9, "window_sec": 60}, "auto_stop stands in the effective plan")

    r = result(server.url("/ok"), "--threshold", "p(90)<1ns", "--threshold", "max<5s")
    tap.equal(r.returncode, 99, "one that fails")
    tap.contains(r.stdout, "FAIL   p(90)<1ns: was ", "the result begins with it")
    tap.contains(r.stdout, "(http_req_response_time)", "with the full name of the metric")
    tap.contains(r.stdout, "threshold max<5s: was ", "and the one that holds is told as well")

    r = result(server.url("/ok"), "--threshold", "p(99.9)<5s")
    tap.equal(r.returncode, 99, "one that 400 samples cannot decide is not green")
    tap.contains(" ".join(r.stdout.split()), "p(99.9)<5s: cannot be decided: p(99.9) wants 10,000 samples, and there are", "and says what it wants")

    r = result(server.url("/ok"), "--threshold", "p(99)<5ss")
    tap.equal((r.returncode, r.stdout), (2, ""), "one that cannot be read is a mistake of the command line")
    tap.contains(r.stderr, "thresholds (--threshold): \"p(99)<5ss\" the limit has a unit that does not fit", "and named")

    # --- of windows: the wait for the last answers is not in one ---
    with tempfile.TemporaryDirectory() as folder:
        plan = os.path.join(folder, "plan.json")
        with open(plan, "w", encoding="utf-8") as f:
            json.dump({"hits_per_sec": 50, "duration_sec": 2, "drain_sec": 2.5,
                       "requests": [{"name": "fine", "path": "/ok"}, {"name": "stuck", "path": "/never"}],
                       "thresholds": {"http_reqs": [{"threshold": "rate>10", "window": "1s"}]}}, f)
        r = squall("run", server.url("/"), "-f", plan, "--allow-invalid", "--json")
        row = json.loads(r.stdout)["thresholds"][0]
        tap.ok(row["decided"] and row["ok"] is not False and row["value"] > 10 and r.returncode == 0,
               "a rate in every window, though nothing is sent while answers are awaited", row, r.stderr)

    # --- that ends the test ---
    with tempfile.TemporaryDirectory() as folder:
        plan = os.path.join(folder, "plan.json")
        with open(plan, "w", encoding="utf-8") as f:
            json.dump({"hits_per_sec": 100, "duration_sec": 60, "thresholds": {
                "http_req_failed": [{"threshold": "rate<0.5", "abortOnFail": True, "window": "2s"}]}}, f)
        r = squall("run", server.url("/503"), "-f", plan, "--allow-invalid", "--json")
        doc = json.loads(r.stdout)
        tap.equal((r.returncode, doc["state"], doc["reason"], doc["verdict"]), (99, "failed", "threshold_aborted", "fail" if trusted(doc) else "none"),
                  "a threshold with abortOnFail ends the test")
        tap.ok(doc["elapsed_ms"] < 30000 and doc["ledger"]["balanced"], "long before its time, and the ledger balances", doc["elapsed_ms"])
        tap.equal(rows(doc), [("http_req_failed", "rate<0.5", False, True)], "its row")
        r = squall("show", doc["test_id"][:8])
        tap.contains(r.stdout, "threshold_aborted", "it is shown again")

        with open(plan, "w", encoding="utf-8") as f:
            json.dump({"hits_per_sec": 100, "duration_sec": 60, "auto_stop": {"error_rate": 0.9, "window_sec": 2}}, f)
        r = squall("run", server.url("/503"), "-f", plan, "--allow-invalid")
        tap.equal(r.returncode, 97, "auto_stop ends the test of a broken target")
        tap.contains(" ".join(r.stdout.split()), "FAIL the test failed: auto_stop: 100.0 % of the requests of 2 s failed",
                     "and says why")
        with open(plan, "w", encoding="utf-8") as f:
            json.dump({"hits_per_sec": 100, "duration_sec": 4, "auto_stop": False, "labels": {"team": "x"},
                       "headers": {"X-Key": "geheim"}, "secret_headers": ["X-Key"]}, f)
        r = squall("run", server.url("/503"), "-f", plan, "--allow-invalid", "--json")
        doc = json.loads(r.stdout)
        tap.equal((r.returncode, doc["state"]), (99, "completed"), "without auto_stop it goes on to its end")
        tap.equal(doc["plan"]["labels"], {"team": "x"}, "labels are kept")
        tap.ok("geheim" not in r.stdout + r.stderr, "a secret header is shown nowhere")
        tap.equal(doc["effective_plan"]["headers"], {"X-Key": "(hidden)"}, "only that it was there")
tap.done()
