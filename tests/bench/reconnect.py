"""reconnect.py SECONDS - the measurement of reconnect.sh."""
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
from servicebus import Broker, missing  # noqa: E402
from squall import PLUGINS, Squalld, wait_until  # noqa: E402

SECONDS = int(sys.argv[1])
BETWEEN = 6  # s
GROWTH = 1024  # KiB
WAYS = ("drop", "close", "detach", "expire")

CONF = """
state_dir = "@dir@";
transport = { plugin = "servicebus"; queue = "load-test-requests"; connection_string = "file:%s"; tls_ca = "%s"; };
store = { plugin = "local"; };
%s
"""
# The orchestrator may load nothing else than its own target, so that it ends every test at once.
GATEWAY = 'roles = ( { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:10/"; } );'
ORCHESTRATOR = '''scheduler = { plugin = "fork"; worker_conf = "@dir@/squalld.conf"; };
roles = ( { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:9/"; } );'''


def resident(d):
    with open("/proc/%d/status" % d.process.pid, encoding="utf-8") as f:
        return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1))


def is_ready(d):
    return d.get("/readyz").status == 200


def lose(broker, way, daemons):
    """Cuts the connections, with a test on its way: whether it was taken."""
    before = broker.control("counts")
    answer = daemons[0].post("/tests", {"url": "http://127.0.0.1:10/", "hits_per_sec": 1, "duration_sec": 1})
    broker.control(way)
    wait_until(lambda: broker.control("counts")["attaches"] > before["attaches"], "a new link after " + way)
    time.sleep(BETWEEN)
    for d in daemons:
        wait_until(lambda: is_ready(d), lambda: "readiness after %s of\n%s" % (way, d.log), 60)
    return answer.status == 202


def curve(sizes):
    return [sizes[max(0, len(sizes) * i // 10 - 1)] for i in range(1, 11)]


def main():
    why = missing()
    if why:
        sys.exit("reconnect.sh: " + why)
    with Broker(tls=True) as broker:
        env = {"SQUALL_PLUGIN_DIR": PLUGINS}
        conf = [CONF % (broker.secret(True), broker.ca, role) for role in (GATEWAY, ORCHESTRATOR)]
        with Squalld(conf[0], env=env) as g, Squalld(conf[1], env=env) as o:
            begin, n, taken, sizes = time.monotonic(), 0, 0, ([], [])
            while time.monotonic() - begin < SECONDS or n < 2:
                taken += lose(broker, WAYS[n % len(WAYS)], (g, o))
                n += 1
                for d, s in zip((g, o), sizes):
                    s.append(resident(d))
            ended = lambda: len(re.findall(r"state=failed", o.log))  # noqa: E731
            wait_until(lambda: ended() >= taken, lambda: "the end of %d tests, not %d, in\n%s" % (taken, ended(), o.log), 60)
    print("-- %d losses in %d s, %d tests taken: KiB resident after each tenth" % (n, SECONDS, taken))
    missed = 0
    for name, s in zip(("gateway", "orchestrator"), sizes):
        tenth = curve(s)
        growth = tenth[9] - tenth[4]
        missed += growth > GROWTH
        print("   %-14s%s" % (name, "".join(" %6d" % k for k in tenth)))
        print("%-4s %s: growth in the second half: %d KiB (goal <= %d)" % ("MISS" if growth > GROWTH else "PASS", name, growth, GROWTH))
    print("%-4s tests taken that ended: %d of %d" % ("PASS", taken, taken))
    sys.exit(missed > 0)


main()
