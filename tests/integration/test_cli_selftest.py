#!/usr/bin/python3
"""test_cli_selftest.py - squall selftest: both runs, what is said of them, and that nothing is left. Whether this
machine passes is its own affair."""
import json
import os

from squall import Tap, needs
from squall_cli import HOME, squall

needs("role_gateway", "role_orchestrator", "role_worker", "store_local", "transport_local", "scheduler_fork")

tap = Tap()
r = squall("selftest", "--json")
doc = json.loads(r.stdout or "{}")
tap.equal((doc.get("schema"), r.stderr), ("squall.selftest/1", ""), "one document")
tap.equal(r.returncode, 0 if doc["verdict"] == "pass" else 98, "its verdict is the exit code")
tap.equal(doc["verdict"] == "pass", not doc["problems"], "with its reasons")
tap.ok(doc["stall"]["frozen_ms"] >= 500, "the target was frozen", doc["stall"])
tap.ok(all(abs(doc["stall"][m]["theory_ms"] - (doc["stall"]["frozen_ms"] - out)) < 0.01 for m, out in (("p95", 200), ("p99", 40), ("max", 0))),
       "the theory", doc["stall"])
tap.ok(doc["stall"]["max"]["measured_ms"] > 400, "the stall is seen", doc["stall"])
tap.ok(doc["ceiling"]["requests_per_second"] > 0 and doc["ceiling"]["requests_per_core_second"] > 0 and doc["timer"]["late_max_ms"] >= 0,
       "timer and ceiling", doc)
tap.equal(sorted(os.listdir(HOME.name)), [], "nothing is left")
r = squall("selftest", "http://127.0.0.1/")
tap.equal(r.returncode, 2, "it takes no URL")
tap.done()
