"""control_lag.py ROUNDS RATE BUILD SERVER_CORE WORKER_CORE - what control_lag.sh runs."""
import json
import math
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS, RATE, BUILD = int(sys.argv[1]), int(sys.argv[2]), os.path.abspath(sys.argv[3])
SERVER_CORE, WORKER_CORE = sys.argv[4:6]
os.environ["top_builddir"] = BUILD
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from squall import PLUGINS, PROGRAM, Squalld, environment, free_port  # noqa: E402

SECONDS, RATIO, DIFFERENCE = 4, 1.25, 0.05
# The worker's loop comes before all else on its core, its other threads (which inherit nothing) do not. It has much
# less to do than what the kernel lets a real-time thread have.
FIRST = ("chrt", "-R", "-f", "1")
if subprocess.run([*FIRST, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
    FIRST = ()
TARGET = free_port()
URL = "http://127.0.0.1:%d/hit" % TARGET
CONF = """
state_dir = "%(state)s";
transport = { plugin = "local"; }; store = { plugin = "local"; }; scheduler = { plugin = "fake"; };
roles = ( { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "%(url)s"; },
          { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "%(url)s"; },
          { plugin = "target"; listen = "127.0.0.1:%(target)d"; } );
"""


def worker(state, env):
    """One worker process on a core of its own, to its end; what it prints."""
    conf = os.path.join(state, "worker.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write('roles = ( { plugin = "worker"; output = "json"; allow_invalid = true; } );\n')
    return subprocess.run([*FIRST, "taskset", "-c", WORKER_CORE, PROGRAM, "-c", conf, "-p", PLUGINS], env=environment(env),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120).stdout


def alone(state):
    return json.loads(worker(state, {"TARGET_URL": URL, "HITS_PER_SEC": str(RATE), "DURATION_SEC": str(SECONDS)}))


def under_control(state, d):
    plan = {"hits_per_sec": RATE, "duration_sec": SECONDS, "workers": 1, "method": "POST", "url": URL}
    test_id = d.post("/tests", plan, headers={"Content-Type": "application/json"}, role="gateway").json["test_id"]
    for _ in range(100):
        with sqlite3.connect(os.path.join(state, "store.db")) as db:
            row = db.execute("select data from parts where name = 'secret.token'").fetchone()
        if row:
            break
        time.sleep(0.1)
    worker(state, {"SQUALL_CONTROL_URL": d.url("orchestrator"), "SQUALL_TEST_ID": test_id,
                   "SQUALL_TOKEN": row[0].decode()})
    for _ in range(100):
        test = d.get("/tests/" + test_id, role="gateway").json
        if test["state"] in ("completed", "failed"):
            return test
        time.sleep(0.1)
    raise TimeoutError("%s is %s" % (test_id, test["state"]))


def interval(values):
    """Where the median of all such rounds lies, with a confidence of 95 %: between two of these, by the binomial
    distribution of how many of them are below it."""
    out = 0
    while 2 * sum(math.comb(len(values), i) for i in range(out + 1)) <= 0.05 * 2 ** len(values):
        out += 1
    if not out:
        sys.exit("control_lag.sh: at least 6 rounds are needed")
    return sorted(values)[out - 1], sorted(values)[-out]


def judge(ratios, differences):
    if interval(ratios)[1] <= RATIO or interval(differences)[1] <= DIFFERENCE:
        return "PASS", "it does not show"
    if interval(ratios)[0] > RATIO and interval(differences)[0] > DIFFERENCE:
        return "MISS", "it shows"
    return "UNDECIDED", "try again with more rounds or less else on this machine"


def tell(what, values, unit):
    q = statistics.quantiles(values, n=4)
    print("   %-34s %8.3f%s  (quartiles %.3f .. %.3f, 95 %% interval %.3f .. %.3f)"
          % ((what, q[1], unit, q[0], q[2]) + interval(values)))


def main():
    interval([0] * ROUNDS)  # are there enough of them?
    ratios, differences = [], []
    print("-- ms of pickup:  alone p50 / p99.9   under control p50 / p99.9")
    with tempfile.TemporaryDirectory() as state, Squalld(
            CONF % {"state": state, "url": URL, "target": TARGET}, wrapper=("taskset", "-c", SERVER_CORE)) as d:
        for i in range(ROUNDS):
            runs = [("alone", lambda: alone(state)), ("control", lambda: under_control(state, d))]
            got = {name: run()["latency_ms"]["pickup"] for name, run in (runs if i % 2 else runs[::-1])}
            a, c = got["alone"], got["control"]
            assert a["count"] == c["count"] == RATE * SECONDS, (a["count"], c["count"])
            ratios.append(c["p99_9"] / a["p99_9"])
            differences.append(c["p99_9"] - a["p99_9"])
            print("   round %3d %12.3f / %7.3f %16.3f / %7.3f" % (i + 1, a["p50"], a["p99_9"], c["p50"], c["p99_9"]),
                  flush=True)
    tell("p99.9 under control, of alone", ratios, "")
    tell("p99.9 under control, less alone", differences, " ms")
    verdict, why = judge(ratios, differences)
    print("%s  p99.9 of pickup under control: ratio <= %.2f, or %.0f us more: %s"
          % (verdict, RATIO, DIFFERENCE * 1e3, why))
    sys.exit(0 if verdict == "PASS" else 1)


main()
