"""control.py WORKERS SECONDS BUILD - what control.sh runs."""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

WORKERS, SECONDS, BUILD = int(sys.argv[1]), int(sys.argv[2]), os.path.abspath(sys.argv[3])
os.environ["top_builddir"] = BUILD
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from squall import Squalld  # noqa: E402

GOAL = 25.0  # % of one core
RATE = 100 * WORKERS if WORKERS <= 1000 else 100000

CONF = """
state_dir = "%(state)s";
transport = { plugin = "local"; }; store = { plugin = "local"; }; scheduler = { plugin = "fake"; };
roles = ( { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:1/"; max_workers = 0; max_rate = 0; },
          { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:1/"; max_workers = 0;
            max_rate = 0; max_connections = 20000; } );
"""


def wait_until(what, why, patience=60):
    """As in squall.py, but seldom enough not to be measured."""
    for _ in range(patience * 2):
        if what():
            return what()
        time.sleep(0.5)
    raise TimeoutError("waited for " + why())


def cpu(pid):
    """Seconds that the process has used."""
    with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        return {line.split(":")[0]: int(line.split()[1]) // 1024 for line in f if line.startswith("Vm")}


def token(state):
    """What the scheduler would have given to the workers."""
    with sqlite3.connect(os.path.join(state, "store.db")) as db:
        row = db.execute("select data from parts where name = 'secret.token'").fetchone()
    return row and row[0].decode()


def start_load(d, test_id, secret):
    return subprocess.Popen(["taskset", "-c", "1", os.path.join(BUILD, "tests/bench/control_load"),
                             str(d.address("orchestrator")[1]), test_id, secret, str(WORKERS)],
                            stdout=subprocess.PIPE, text=True)


def main():
    with tempfile.TemporaryDirectory() as state, Squalld(
            CONF % {"state": state}, plugins=os.path.join(BUILD, ".libs"),
            wrapper=("taskset", "-c", "0")) as d:
        plan = {"hits_per_sec": RATE, "duration_sec": SECONDS, "workers": WORKERS, "drain_sec": 10}
        test_id = d.post("/tests", plan, headers={"Content-Type": "application/json"}, role="gateway").json["test_id"]
        secret = wait_until(lambda: token(state), lambda: "the token")
        load = start_load(d, test_id, secret)

        def show():
            return d.get("/tests/" + test_id, role="gateway").json
        wait_until(lambda: show()["state"] in ("running", "failed"), "a start", 60)
        wait_until(lambda: (show().get("live") or {"t": 0})["t"] >= 2, lambda: "a point: " + str(d.lines("state=")))
        pid, first, since = d.process.pid, cpu(d.process.pid), show()["live"]["t"]
        wait_until(lambda: (show().get("live") or {"t": 0})["t"] >= SECONDS - 2, lambda: "the last points: " + str(d.lines("state=")))
        share = 100 * (cpu(pid) - first) / (show()["live"]["t"] - since)
        said = json.loads(load.communicate(timeout=120)[0])
        wait_until(lambda: show()["state"] in ("completed", "failed"), "an end", 60)
        test, used = show(), memory(pid)
    got = test["latency_ms"]["response"]
    exact = (test["state"] == "completed" and test["ledger"]["balanced"] and test["ledger"]["ok"] == said["ok"]
             and test["workers"]["reported"] == WORKERS and got["count"] == said["ok"]
             and all(abs(got[name] - said[name]) < 1e-5 for name in ("p50", "p99", "p99_9", "max")))
    print("workers            %d, each reporting %d requests/s once a second, %d bytes a report"
          % (WORKERS, RATE // WORKERS, said["text_bytes"]))
    print("orchestrator CPU   %.1f %% of one core (goal: at most %.0f %%)" % (share, GOAL))
    print("memory             %d MB, peak %d MB" % (used["VmRSS"], used["VmHWM"]))
    print("answers            p50 %(p50).2f ms, p99 %(p99).2f ms, max %(max).2f ms" % said["answer_ms"])
    print("finals stored      all within %.0f ms" % said["final_stored_ms"])
    print("merge              %s: %d requests" % ("exact" if exact else "WRONG", test["ledger"]["ok"]))
    if not exact:
        print(json.dumps({"got": got, "said": said, "state": test["state"], "reason": test.get("reason"),
                          "detail": test.get("detail"), "ledger": test["ledger"]}))
    sys.exit(0 if exact and share <= GOAL else 1)


main()
