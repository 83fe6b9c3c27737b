"""transport.py ROUNDS - the measurement of transport.sh."""
import os
import re
import statistics
import sys
import tempfile
from datetime import datetime

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from servicebus import Broker, missing  # noqa: E402
from squall import PLUGINS, Squalld, free_port, wait_until  # noqa: E402

ROUNDS = int(sys.argv[1])
COUNT = 2000
TESTS = 10

SYSTEM = """
state_dir = "@dir@";
transport = %s;
store = { plugin = "local"; };
scheduler = { plugin = "fork"; worker_conf = "@dir@/squalld.conf"; };
roles = (
  { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:9/hit";
    allowed_targets = ( "127.0.0.1:10" ); },
  { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:9/hit"; } );
"""


class Local:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()

    def transport(self):
        return '{ plugin = "local"; }'

    def conf(self):
        return 'state_dir = "%s";\ntransport = { plugin = "local"; };\n' % self.folder.name

    def close(self):
        self.folder.cleanup()


class ServiceBus:
    def __init__(self):
        self.broker = Broker(tls=True)
        self.broker.control("create", name="bench")

    def transport(self):
        return '{ plugin = "servicebus"; queue = "bench"; connection_string = "file:%s"; tls_ca = "%s"; }' % (
            self.broker.secret(True), self.broker.ca)

    def conf(self):
        return "transport = %s;\n" % self.transport()

    def close(self):
        self.broker.close()


class Redis:
    def __init__(self):
        import subprocess  # only here
        self.port = free_port()
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                         "--appendonly", "no"], stdout=subprocess.DEVNULL)

    def transport(self):
        return '{ plugin = "redis"; host = "127.0.0.1"; port = %d; }' % self.port

    def conf(self):
        return "transport = %s;\n" % self.transport()

    def close(self):
        self.process.terminate()
        self.process.wait()


def rate(queue, consume):
    role = 'roles = ( { plugin = "bench_transport"; count = %d; consume = %s; } );' % (COUNT, str(consume).lower())
    with Squalld(queue.conf() + role, ready=False) as d:
        assert d.process.wait(120) == 0, d.log
        n, seconds, failed = re.search(r"(\d+) messages in ([\d.]+) s, (\d+) failed", d.out).groups()
        assert failed == "0", d.log
        return int(n) / float(seconds)


def stamp(line):
    return datetime.fromisoformat(line.split(" ", 1)[0].replace("Z", "+00:00")).timestamp()


def latency(queue):
    """Median ms from the gateway's "queued" to the orchestrator's "failed"."""
    with Squalld(SYSTEM % queue.transport(), env={"SQUALL_PLUGIN_DIR": PLUGINS}) as d:
        wait_until(lambda: d.get("/readyz", role="gateway").status == 200, "readiness")
        for n in range(TESTS):
            d.post("/tests", {"hits_per_sec": 1, "duration_sec": 1, "url": "http://127.0.0.1:10/"}, role="gateway")
            wait_until(lambda: d.log.count("state=failed") > n, lambda: "the end in\n" + d.log)
        times = {}
        for line in d.log.splitlines():
            found = re.search(r"test=(\S+) state=(queued|failed)", line)
            if found:
                times.setdefault(found.group(1), {})[found.group(2)] = stamp(line)
        return statistics.median(1000 * (t["failed"] - t["queued"]) for t in times.values())


KINDS = {"local": Local, "redis": Redis, "servicebus": ServiceBus}
if not os.path.exists(os.path.join(PLUGINS, "transport_redis.so")):
    del KINDS["redis"]
if missing():
    print("transport.sh: no broker: %s" % missing())
    sys.exit(2)
seen = {name: {"publish": [], "consume": [], "latency": []} for name in KINDS}
for _ in range(ROUNDS):
    for name, kind in KINDS.items():
        queue = kind()
        seen[name]["publish"].append(rate(queue, False))
        seen[name]["consume"].append(rate(queue, True))
        seen[name]["latency"].append(latency(queue))
        queue.close()
median = {name: {what: statistics.median(values) for what, values in of.items()} for name, of in seen.items()}
print("%-12s %14s %14s %22s" % ("transport", "published/s", "consumed/s", "POST to the end, ms"))
for name, of in median.items():
    print("%-12s %14.0f %14.0f %22.1f" % (name, of["publish"], of["consume"], of["latency"]))
bus, local = median["servicebus"], median["local"]
ratio = bus["latency"] / local["latency"]
good = ratio <= 4 and bus["publish"] >= 1000 and bus["consume"] >= 1000
print("servicebus: %.2f times the local time from POST to the end (at most 4), %.0f published/s and %.0f consumed/s "
      "(at least 1000): %s" % (ratio, bus["publish"], bus["consume"], "pass" if good else "FAIL"))
sys.exit(0 if good else 1)
