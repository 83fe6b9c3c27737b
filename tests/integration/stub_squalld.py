#!/usr/bin/python3
"""stub_squalld.py - looks like squalld to the command line: says where its gateway is (STUB_URL in
$TMPDIR/stub), and lives as long as its life-line. What it was given it writes down beside that."""
import json
import os
import sys

home = os.environ["TMPDIR"]
with open(os.path.join(home, "stub"), encoding="utf-8") as f:
    stub = json.load(f)
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
folder = os.path.dirname(arguments["-c"])
with open(os.path.join(home, "seen"), "w", encoding="utf-8") as f:
    json.dump({"pid": os.getpid(), "folder": folder, "environment": dict(os.environ), "session": os.getsid(0),
               "conf": open(arguments["-c"], encoding="utf-8").read(), "mode": os.stat(folder).st_mode & 0o777,
               "worker": open(os.path.join(folder, "worker.conf"), encoding="utf-8").read()}, f)


def log(level, component, message):
    print(json.dumps({"time": "now", "level": level, "component": component, "message": message}), file=sys.stderr,
          flush=True)


if stub.get("plain"):
    print(stub["plain"].replace("@folder@", folder), file=sys.stderr, flush=True)
    sys.exit(2)
log("info", "gateway", "listening on " + stub["url"])
if stub.get("fails"):
    log("error", "orchestrator", stub["fails"])
    log("info", "host", "stopped")
    sys.exit(1)
log("info", "host", "ready roles=gateway,orchestrator")
while os.read(int(arguments["--lifeline"]), 100):
    pass
with open(os.path.join(home, "ended"), "w", encoding="utf-8") as f:
    f.write("in order")
