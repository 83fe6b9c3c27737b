#!/usr/bin/python3
"""test_cli_whole.py - squall run through the whole path: command line, gateway, queue, orchestrator, workers,
target; alone and at a gateway."""
import json
import os
import signal
import tempfile
import time

from backend import backends
from odd_server import OddServer
from squall import FULL, Squalld, Tap, needs, wait_until
from squall_cli import HOME, squall, started
from system import State, System

needs("role_gateway", "role_orchestrator", "role_worker", "role_target", "store_local", "transport_local", "scheduler_fork")

tap = Tap()
TARGET = 'state_dir = "@dir@/state"; store = { plugin = "local"; }; roles = ({ plugin = "target"; listen = "127.0.0.1:0"; });'
# Two workers, 1,001 requests: an odd total shows that nothing is rounded.
LOAD = ["-X", "POST", "-r", "1001/2s", "-d", "2", "-w", "2", "--allow-invalid"]


def daemons():
    """Processes of ours that are still there: private daemons and their workers."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                if HOME.name.encode() + b"/squall-run-" in f.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def closes(ledger):
    """The two sums of the ledger, counted again."""
    def total(v):
        return sum(v.values()) if isinstance(v, dict) else v
    sent = total(ledger["sent"])
    return (ledger["scheduled"] == sent + total(ledger["unsent"]) + total(ledger["dropped"]) + ledger["unconfirmed"]
            and sent == ledger["ok"] + total(ledger["http_error"]) + ledger["check_failed"] + total(ledger["error"])
            + ledger["in_flight_at_end"])


with Squalld(TARGET) as target:
    hit = target.url("target") + "/hit"

    # --- alone ---
    with tempfile.TemporaryDirectory() as folder:
        r = squall("run", hit, *LOAD, "--json", "-o", folder + "/x.csv", "-o", folder + "/x.hgrm")
        doc = json.loads(r.stdout or "{}")
        ledger = doc.get("ledger", {})
        tap.equal((r.returncode, doc.get("state")), (0, "completed"), "a run without a gateway")
        tap.ok(ledger.get("scheduled") == 1001 and closes(ledger) and ledger["balanced"], "exactly what was asked for", ledger)
        tap.equal(target.get("/stats").json["total_hits"], ledger.get("ok"), "and the target counted what was answered")
        tap.equal((doc["workers"]["planned"], doc["workers"]["reported"]), (2, 2), "by two workers")
        rows = open(folder + "/x.csv", encoding="utf-8").read().splitlines()
        tap.ok(rows[0].startswith("second,") and sum(int(l.split(",")[rows[0].split(",").index("sent")]) for l in rows[1:]) ==
               sum(ledger["sent"].values()), "the seconds add up to the whole", rows)
        tap.contains(open(folder + "/x.hgrm", encoding="utf-8").read(), "Total count    =         1001", "the spectrum holds every request")
        tap.equal([s["state"] for s in doc["history"]],
                  ["queued", "provisioning", "ready", "armed", "running", "draining", "completed"], "its life")
    tap.ok(not daemons() and not [n for n in os.listdir(HOME.name) if n.startswith("squall-run-")], "nothing is left of its daemon",
           daemons())
    r = squall("show", "last")
    tap.ok(doc["test_id"][:8] in r.stdout and "1,001 scheduled" in r.stdout, "show last", r.stdout, r.stderr)

    # Each worker tries both addresses once before the load.
    with OddServer() as one, OddServer(address="127.0.0.2", port=one.port) as two:
        r = squall("run", one.url("/ok", "a.example.invalid"), "-c", "4", "-n", "40", "-w", "4", "--allow-invalid", "--json",
                   "--resolve", "a.example.invalid:%d:127.0.0.1,127.0.0.2" % one.port)
        tap.equal((r.returncode, one.accepted, two.accepted), (0, 4 + 2, 4 + 2),
                  "four workers with a connection each spread over two addresses")

    r = squall("run", hit + "nowhere", "-d", "1", "--allow-invalid")
    tap.ok(r.returncode == 99 and "404 Not Found" in r.stdout, "no answer that is ok: 99", r.returncode, r.stdout)
    r = squall("run", "127.0.0.1:1", "-d", "1")
    tap.ok(r.returncode == 97 and "target_unreachable" in r.stdout and "connection refused" in r.stdout, "nobody there: 97, and why",
           r.returncode, r.stdout)
    r = squall("run", hit, "-w", "0", "-r", "20M")
    tap.ok(r.returncode == 2 and "workers (-w): 0 is outside" in r.stderr and "hits_per_sec (-r): 20000000 is outside" in r.stderr,
           "a bad plan: each field, with its option", r.stderr)
    r = squall("run", "http://169.254.169.254/")
    tap.ok(r.returncode == 2 and "link-local" in r.stderr, "metadata addresses are never loaded", r.stderr)

    p = started("run", hit, "-X", "POST", "-r", "100", "-d", "60", "--json")
    wait_until(lambda: "1/60 s" in p.stderr.readline(), "the first second")
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    doc = json.loads(out)
    tap.ok(p.returncode == 97 and doc["state"] == "cancelled" and closes(doc["ledger"]) and doc["ledger"]["dropped"]["aborted"] > 0,
           "Ctrl-C: what was sent and what was not, in a ledger that closes", p.returncode, doc["ledger"], err)

    p = started("run", hit, "-X", "POST", "-d", "60")
    wait_until(lambda: "1/60 s" in p.stdout.readline(), "the first second")
    tap.ok(len(daemons()) >= 2, "a daemon and a worker")
    p.kill()
    p.communicate()
    wait_until(lambda: not daemons(), "their end")
    hits = target.get("/stats").json["total_hits"]
    time.sleep(0.5)
    tap.equal(target.get("/stats").json["total_hits"], hits, "kill -9 of squall: daemon and workers are gone, nothing is sent any more")

# --- at a gateway ---

def at_a_gateway(d):
    env = {"SQUALL_GATEWAY": d.url("gateway")}
    r = squall("run", "-r", "1001/2s", "-d", "2", "-w", "2", "--allow-invalid", env=env)
    tap.ok(r.returncode == 0 and "1,001 scheduled = 1,001 sent" in r.stdout and "POST " + d.hit in r.stdout,
           "a run at a gateway, against its default target", r.returncode, r.stdout, r.stderr)
    tap.contains(r.stdout, "the target counted 1,001: equal", "audited")
    r = squall("list", env=env)
    tap.ok("completed" in r.stdout and "500.5/s for 2 s" in r.stdout, "list", r.stdout)
    ident = squall("run", "-d", "60", "--detach", env=env).stdout.strip()
    p = started("watch", ident[:8], env=env)
    wait_until(lambda: "1/60 s" in p.stdout.readline(), "the first second")
    p.send_signal(signal.SIGINT)
    tap.equal((p.communicate(timeout=30)[1], p.returncode), ("squall: detached; the test goes on: squall watch %s\n" % ident[:8], 130),
              "watch, and leave it")
    p = started("wait", ident, "--json", env=env)
    r = squall("cancel", ident[:8], env=env)
    tap.ok(r.returncode == 0 and "is being cancelled" in r.stdout, "cancel", r.stdout, r.stderr)
    out, err = p.communicate(timeout=60)
    tap.equal((json.loads(out)["state"], p.returncode), ("cancelled", 97), "who waits is told")
    tap.equal(d.get("/tests/" + ident, role="gateway").json["presence"], None, "nobody has to stay with a detached run")
    p = started("run", "-d", "60", "--json", env=env)
    wait_until(lambda: "1/60 s" in p.stderr.readline(), "the first second")
    ident = d.get("/tests?state=running", role="gateway").json["tests"][0]["test_id"]
    presence = d.get("/tests/" + ident, role="gateway").json["presence"]
    tap.equal(presence["ttl"], 30000, "squall run has to stay with its test")
    wait_until(lambda: d.get("/tests/" + ident, role="gateway").json["presence"]["until"] > presence["until"], "a sign of life")
    # A stopped process keeps its connections, and says nothing.
    for stop in (signal.SIGSTOP, signal.SIGKILL) if FULL else ():
        p.send_signal(stop)
        test = wait_until(lambda: next((t for t in [d.get("/tests/" + ident, role="gateway").json] if t["state"] == "cancelled"), None),
                          "the end of a run whose squall vanished", patience=60)
        tap.equal(test["reason"], "client_vanished", "squall is %s: its run is cancelled" % stop.name)
        tap.ok(closes(test["ledger"]), "with a ledger that closes", test["ledger"])
        if stop == signal.SIGSTOP:
            p.send_signal(signal.SIGCONT)
            out, err = p.communicate(timeout=60)
            tap.equal((p.returncode, json.loads(out)["reason"]), (97, "client_vanished"), "awake again it tells what happened")
            p = started("run", "-d", "90", "--json", env=env)
            wait_until(lambda: "1/90 s" in p.stderr.readline(), "the first second")
            ident = d.get("/tests?state=running", role="gateway").json["tests"][0]["test_id"]
    p.kill()
    p.communicate()
    r = squall("run", "http://127.0.0.1:9/elsewhere", env=env)
    tap.ok(r.returncode == 2 and "allowed_targets" in r.stderr, "another target is denied, with the cure", r.stderr)
    tap.equal(d.stop(), 0, "the daemon stops in order")


for backend in backends(tap):
    with backend, State() as state, System(state, backend, ttl="10s") as whole:
        at_a_gateway(whole)
tap.done()
