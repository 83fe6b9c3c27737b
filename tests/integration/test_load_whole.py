#!/usr/bin/python3
"""test_load_whole.py - ramps, Poisson arrivals, warm-up, the closed model, several requests: through the whole path,
from the command line over gateway, queue, orchestrator and several workers to the target and back."""
import json
import os
import signal
import tempfile
import time

from squall import Tap, needs, wait_until
from squall_cli import squall, started
from system import State, System

needs("role_gateway", "role_orchestrator", "role_worker", "role_target", "store_local", "transport_local", "scheduler_fork")

tap = Tap()


def total(v):
    return sum(v.values()) if isinstance(v, dict) else v


def closes(ledger):
    """The two sums of a ledger, counted again."""
    sent = total(ledger["sent"])
    return ledger["balanced"] and (
        ledger["scheduled"] == sent + total(ledger["unsent"]) + total(ledger["dropped"]) + ledger["unconfirmed"]
        and sent == ledger["ok"] + total(ledger["http_error"]) + ledger["check_failed"] + total(ledger["error"])
        + ledger["in_flight_at_end"])


def run(*args, code=0):
    r = squall("run", hit, "--json", "--allow-invalid", *args, env=env)
    doc = json.loads(r.stdout or "{}")
    tap.equal(r.returncode, code, "squall run %s" % " ".join(args)[:70])
    if r.returncode != code:
        tap.ok(False, "  it says", r.stderr, r.stdout[:500])
    return doc


# All roles on one store, so that results are audited.
with State() as state, System(state, ttl="10s") as target:
    hit = target.hit
    env = {"SQUALL_GATEWAY": target.url("gateway")}

    # --- ramps, warm-up, several workers ---
    doc = run("-X", "POST", "--stage", "1s:400", "--stage", "0:100", "--stage", "1s:100", "--warmup", "0.5s", "-w", "3")
    tap.ok(doc["ledger"]["scheduled"] == 300 and closes(doc["ledger"]), "a ramp to 400/s, then 100/s: 300 requests", doc["ledger"])
    warm = doc["warmup"]["ledger"]
    tap.ok(warm["scheduled"] == 200 and warm["ok"] == 200 and closes(warm), "a warm-up of half a second at the first rate: 200", warm)
    tap.ok(doc["latency_ms"]["response"]["count"] == 300 and doc["warmup"]["latency_ms"]["response"]["count"] == 200,
           "their latencies are apart")
    tap.equal((doc["audit"]["status"], doc["audit"]["counted"]), ("equal", 300), "the target counts the load alone")
    tap.equal(target.get("/stats").json["total_hits"], 500, "of all that it got")
    tap.ok(abs(doc["elapsed_ms"] - 2000) < 50, "the load took two seconds", doc["elapsed_ms"])
    tap.equal(doc["effective_plan"]["duration_sec"], 2, "which the effective plan says")

    doc = run("-X", "POST", "-r", "501", "-d", "1", "--arrival", "poisson", "--seed", "7", "-w", "2")
    tap.ok(doc["ledger"]["scheduled"] == 501 and closes(doc["ledger"]) and doc["audit"]["status"] == "equal",
           "Poisson arrivals: as many as of even ones", doc["ledger"])

    doc = run("-X", "POST", "-r", "500", "-n", "251", "-w", "2")
    tap.ok(doc["ledger"]["scheduled"] == 251 and doc["ledger"]["ok"] == 251 and abs(doc["rate"]["offered"] - 500) < 1,
           "-n with a rate: that many, at that rate", doc["ledger"], doc["rate"])
    r = squall("run", hit, "-X", "POST", "-r", "500", "-n", "251", "--allow-invalid", env=env)
    tap.contains(r.stdout, "251 scheduled", "in text")

    # --- the closed model ---
    doc = run("-X", "POST", "-c", "5", "-n", "1001", "-w", "2")
    tap.ok(doc["ledger"]["scheduled"] == 1001 and doc["ledger"]["ok"] == 1001 and closes(doc["ledger"]),
           "-c 5 -n 1001 with two workers: exactly", doc["ledger"])
    tap.equal((doc["audit"]["status"], doc["connections"]["opened"]), ("equal", 5), "on five connections")
    tap.ok(0 < doc["elapsed_ms"] < 60000 and doc["rate"]["ok"] > 0 and doc["effective_plan"]["mode"] == "closed",
           "its rate is that of the time it took", doc["elapsed_ms"], doc["rate"])
    doc = run("-X", "POST", "-c", "4", "-d", "1", "--warmup", "0.3s", "-w", "2")
    tap.ok(doc["ledger"]["ok"] > 10 and doc["warmup"]["ledger"]["ok"] > 3 and closes(doc["ledger"]) and
           closes(doc["warmup"]["ledger"]) and doc["audit"]["status"] == "equal", "for a time, with a warm-up", doc["ledger"])
    tap.ok(doc["saturation"]["who"] in ("target", "generator"), "somebody is at the limit", doc["saturation"])
    doc = run("-X", "POST", "-c", "2", "-d", "1", "--think", "100ms")
    tap.ok(4 <= doc["ledger"]["ok"] <= 22, "think time", doc["ledger"])

    # --- several requests ---
    with tempfile.TemporaryDirectory() as folder:
        users = os.path.join(folder, "users.csv")
        with open(users, "w", encoding="utf-8") as f:
            f.write('id,name\n1,"Anna ""A."""\n2,Ben\n')
        plan = os.path.join(folder, "plan.json")
        with open(plan, "w", encoding="utf-8") as f:
            json.dump({
                "headers": {"X-User": "{{row.id}}", "X-Key": "{{env SECRET_OF_THE_TEST}}"},
                "checks": [{"status": "200-299"}, {"header": "Content-Type", "contains": "json"}],
                "requests": [
                    {"name": "hit", "weight": 6, "method": "POST", "body": '{"n": {{seq}}, "id": "{{uuid}}", "who": "{{row.id}}"}',
                     "checks": [{"body": "total_hits"}]},
                    {"name": "stats", "weight": 3, "method": "GET", "path": "/stats?{{random 1 9}}", "checks": [{"max_bytes": 1}]},
                    {"name": "nowhere", "weight": 1, "method": "GET", "path": "/nowhere"}]}, f)
        os.environ["SECRET_OF_THE_TEST"] = "hush"
        doc = run("-f", plan, "--data-file", users, "-r", "400", "-d", "1", "-w", "2")
        parts = doc["requests"]
        tap.equal(list(parts), ["hit", "stats", "nowhere"], "each request has its results")
        tap.equal([p["ledger"]["scheduled"] for p in parts.values()], [240, 120, 40], "by weight, exactly, over both workers")
        tap.ok(all(closes(p["ledger"]) for p in parts.values()) and closes(doc["ledger"]), "whose ledgers close")
        tap.equal((parts["hit"]["ledger"]["ok"], parts["stats"]["ledger"]["check_failed"], parts["nowhere"]["status"]),
                  (240, 120, {"404": 40}), "ok, a failed check, a wrong status")
        tap.equal(doc["ledger"]["check_failed"], 120, "and in sum")
        sample = doc["samples"]["errors"]["check"][0]
        tap.ok(sample["request"] == "stats" and sample["worker"] and "check: " in sample["what"] and
               sample["address"].startswith("127.0.0.1:") and "first_byte" in sample["phases_ms"],
               "a sample says which request, by whom, and why", sample)
        r = squall("show", doc["test_id"], env=env)
        tap.ok("\n  nowhere " in r.stdout and "checks    120 failed, the first of stats: " in r.stdout, "they stand in the text", r.stdout)
    r = squall("run", hit, "-b", "{{row.x}}", "-d", "1", env=env)
    tap.ok(r.returncode == 2 and "has no such column" in r.stderr, "a template that means nothing is refused", r.stderr)
    r = squall("run", hit, "-b", "{{env NO_SUCH_VARIABLE}}", "-d", "1")
    tap.ok(r.returncode == 2 and "NO_SUCH_VARIABLE is not set in the environment" in r.stderr, "and a variable that is not there", r.stderr)

    # --- a worker is lost ---
    for args, what in ((("-r", "200", "-d", "6", "--warmup", "1s"), "of a load with a warm-up"),
                       (("-c", "4", "-d", "6"), "of the closed model")):
        wait_until(lambda: not target.workers(), "the end of the last workers")
        p = started("run", hit, "-X", "POST", *args, "-w", "4", "--json", "--allow-invalid", env=env)
        found = []

        def four():
            found[:] = target.workers()
            return len(found) == 4
        wait_until(four, "four workers")
        time.sleep(3)
        os.kill(found[0], signal.SIGKILL)
        out, err = p.communicate(timeout=60)
        doc = json.loads(out or "{}")
        tap.ok(doc.get("state") == "completed" and len(doc["workers"]["lost"]) == 1 and closes(doc["ledger"]) and
               (not doc["warmup"] or closes(doc["warmup"]["ledger"])), "a worker " + what + " is lost: the ledgers close",
               doc.get("state"), doc.get("ledger"), err)
        tap.ok(any("workers were lost" in v["what"] for v in doc["validity"]["reasons"]), "and the verdict names it")
        if "-r" in args:
            tap.equal((doc["ledger"]["scheduled"], doc["warmup"]["ledger"]["scheduled"]), (1200, 200), "every tick is in a class")

tap.done()
