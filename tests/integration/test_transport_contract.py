#!/usr/bin/python3
"""The contract of every transport: what squall/transport.h promises, among processes and across their ends.

One class for each transport that is tested says how to configure it. `test_transport_contract.py local`
runs that one alone.
"""
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from redis_server import RedisServer  # noqa: E402
from servicebus import Broker, missing  # noqa: E402
from squall import FULL, Squalld, Tap, passed_on, wait_until  # noqa: E402

tap = Tap()


class Local:
    """The queue in a SQLite file."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="squall-queue-")
        self.file = os.path.join(self.dir, "queue.db")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def conf(self, lock="30s", max_deliveries=3):
        """Lines of a .conf. All processes of one test share the queue."""
        return 'state_dir = "%s";\ntransport = { plugin = "local"; lock = "%s"; max_deliveries = %d; };' \
            % (self.dir, lock, max_deliveries)

    def dead(self):
        """The dead letters as (id, reason, description), oldest first."""
        return self.sql("SELECT id, reason, description FROM dead ORDER BY num")

    def sql(self, text):
        db = sqlite3.connect(self.file, timeout=30)
        rows = db.execute(text).fetchall()
        db.commit()
        db.close()
        return rows


class ServiceBus:
    """A queue of Azure Service Bus, as the test broker plays it: with tokens (CBS), without TLS."""

    tls, auth, max_size = False, "cbs", 262144

    def __init__(self):
        self.broker = Broker(tls=self.tls)
        self.lock = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.broker.close()

    def conf(self, lock="30s", max_deliveries=3):
        if lock != self.lock:  # it is the queue's, not the client's; short ones leave a slow broker time to answer
            self.broker.control("create", name="contract", max_delivery=max_deliveries + 3, max_size=self.max_size,
                                lock_ms=max(int(lock[:-1]), 2) * 1000, duplicates_ms=60000)
        self.lock = lock
        return '''transport = { plugin = "servicebus"; connection_string = "file:%s"; queue = "contract";
            max_deliveries = %d; auth = "%s"; %s };''' % (
                self.broker.secret(self.tls), max_deliveries, self.auth,
                'tls_ca = "%s";' % self.broker.ca if self.tls else "")

    def dead(self):
        return [(d["id"], d["reason"], d["description"]) for d in self.broker.state("contract")["dead"]]


class ServiceBusTls(ServiceBus):
    """The same by TLS."""

    tls = True


class ServiceBusPlain(ServiceBus):
    """By TLS with SASL PLAIN: no tokens."""

    tls, auth = True, "plain"


class Redis:
    """The queue in a Redis stream."""

    link = "tcp"

    def __init__(self):
        self.server = RedisServer(self.link)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()

    def conf(self, lock="30s", max_deliveries=3):
        return 'transport = { plugin = "redis"; %s lock = "%s"; max_deliveries = %d; };' \
            % (self.server.options(), lock, max_deliveries)

    def dead(self):
        letters = [dict(zip(e[1][::2], e[1][1::2])) for e in self.server.client("XRANGE", "squall:{main}:dead", "-", "+")]
        return [(f["id"], f["reason"], f["description"]) for f in letters]


class RedisUnix(Redis):
    link = "unix"


class RedisTls(Redis):
    link = "tls"


def daemon(queue, phase, count=0, key="t", **more):
    role = 'roles = ( { plugin = "contract_transport"; phase = "%s"; count = %d; key = "%s"; } );' % (phase, count, key)
    return Squalld(queue.conf(**more) + "\n" + role, ready=False)


def run(queue, phase, **more):
    with daemon(queue, phase, **more) as d:
        tap.equal(d.wait(), 0, "phase %s passes" % phase)
        tap.ok(passed_on(tap, d.out), "and was walked to its end", d.log)
        tap.equal([line for line in d.log.splitlines() if " error " in line], [], "no error is logged")
        return d.out


def promises(kind):
    with kind() as queue:
        run(queue, "main")
        tap.equal(queue.dead(), [("t-dead", "bad_plan", "it asks for the moon")],
                  "what was put aside is kept with its reason")


def ends(kind):
    with kind() as queue:
        run(queue, "dead")
        tap.equal([(i, r) for i, r, _ in queue.dead()], [("t-fails", "max_deliveries"), ("t-dead", "bad_plan")],
                  "dead letters say why")
    with kind() as queue:
        run(queue, "expiry", lock="1s", max_deliveries=2)
        tap.equal([i for i, _, _ in queue.dead()], ["t-slow", "t-ever"], "what ran out too often is a dead letter")


def restart(kind):
    with kind() as queue:
        run(queue, "keep")
        run(queue, "kept")


def killed(kind):
    with kind() as queue, daemon(queue, "hold", count=1, lock="1s") as d:
        d.wait_out("# holding")
        d.send_signal(signal.SIGKILL)
        d.wait()
        out = run(queue, "hold", lock="1s")
        tap.contains(out, "# holding t-held attempt 2", "kill -9 of a reader: the message comes to another")


def asleep(kind):
    with kind() as queue, daemon(queue, "hold", count=1, lock="1s") as d:
        d.wait_out("# holding")
        d.send_signal(signal.SIGSTOP)
        out = run(queue, "hold", lock="1s")
        tap.contains(out, "# holding t-held attempt 2", "a reader that sleeps: the message comes to another")
        d.send_signal(signal.SIGCONT)
        tap.equal(d.wait(), 0, "and the sleeper is told that it was lost")
        tap.contains(d.out, "# over", "and nothing else")


def compete(kind):
    total = 300
    with kind() as queue:
        readers = [daemon(queue, "compete") for _ in range(3)]
        try:
            for d in readers:
                d.wait_log(" ready roles=")
            run(queue, "fill", count=total)
            tap.equal([d.wait() for d in readers], [0, 0, 0], "three processes empty one queue")
            got = [re.findall(r"^# got (\S+) attempt (\d+)$", d.out, re.M) for d in readers]
        finally:
            for d in readers:
                d.close()
        print("# shares: %s" % [len(g) for g in got])
        tap.equal(sorted(m for g in got for m in g), [("t-m%05d" % i, "1") for i in range(total)],
                  "each message came once, to one of them")
        tap.ok(all(g == sorted(g) for g in got), "and to each of them the oldest first")


# --- what only the local queue promises ---

def aged():
    day = 24 * 3600 * 1000
    with Local() as queue:
        run(queue, "fill", count=3)
        run(queue, "fill", count=3)
        tap.equal(queue.sql("SELECT count(*) FROM messages"), [(4,)], "published again within a day: dropped")
        queue.sql("UPDATE seen SET at = at - %d" % (day + 1000))
        run(queue, "fill", count=3)
        tap.equal(queue.sql("SELECT count(*) FROM messages"), [(8,)], "and after it: taken")
    with Local() as queue:
        run(queue, "keep")
        tap.equal(len(queue.dead()), 1, "a dead letter")
        queue.sql("UPDATE dead SET at = at - %d" % (30 * day + 1000))
        queue.sql("UPDATE seen SET at = at - %d" % (day + 1000))
        with daemon(queue, "hold", count=1, key="u") as d:
            wait_until(lambda: not queue.dead(), "the cleaning")
            tap.equal(queue.sql("SELECT DISTINCT id FROM seen WHERE id <> 'u-held'"), [], "old names are forgotten")
            d.stop()
        tap.equal(queue.dead(), [], "and it after 30 days")


def rebooted():
    with Local() as queue, daemon(queue, "hold", count=1, lock="1h") as d:
        d.wait_out("# holding")
        queue.sql("UPDATE messages SET boot = 'another'")
        out = run(queue, "hold", lock="1h")
        tap.contains(out, "# holding t-held attempt 2", "after a restart of the machine locks are over")
        d.stop()


def refusals():
    with Squalld('transport = { plugin = "local"; };\nroles = ( { plugin = "contract_transport"; } );',
                 ready=False) as d:
        tap.equal(d.wait(), 1, "no state_dir: not started")
        tap.contains(d.log, "the transport local keeps its file in state_dir", "and told why")
    with Local() as queue:
        run(queue, "fill", count=1)
        queue.sql("PRAGMA user_version = 2")
        with daemon(queue, "fill") as d:
            tap.equal(d.wait(), 1, "a newer format: not started")
            tap.contains(d.log, "queue.db has format 2", "and told why")


# --- what only Service Bus can show ---

def outage(kind, verb, away=0):
    """The connection, or the links, are lost while messages are held: their locks are not."""
    with kind() as queue, daemon(queue, "outage", count=away) as d:
        d.wait_out("# holding")
        queue.broker.control("faults", refuse_open=away > 0)
        queue.broker.control(verb)
        time.sleep(away)
        queue.broker.control("faults", refuse_open=False)
        tap.equal(d.wait(), 0, "%s: messages that are held across it" % verb)
        tap.ok(passed_on(tap, d.out), "are settled after it", d.log)
        tap.equal(queue.dead(), [("t-dead", "bad_plan", "it asks for the moon")], "and nothing was lost")


def outages():
    outage(ServiceBus, "drop")
    outage(ServiceBus, "close")
    outage(ServiceBus, "detach")
    outage(ServiceBus, "drop", away=4)


def unanswered(phase, lock):
    """From one word of the role to another the queue does not answer what it is asked."""
    with ServiceBus() as queue, daemon(queue, phase, lock=lock) as d:
        d.wait_out("# holding")
        queue.broker.control("faults", swallow=True)
        d.wait_out("# unsure")
        queue.broker.control("faults", swallow=False)
        tap.equal(d.wait(), 0, "%s: a queue that does not answer" % phase)
        tap.ok(passed_on(tap, d.out), "is asked again", d.log)


def unsure():
    unanswered("unsure", "2s")


def mute():
    unanswered("mute", "60s")


def torn():
    """The connection ends, and in that very moment the role uses all it holds of it."""
    with ServiceBus() as queue, daemon(queue, "torn") as d:
        d.wait_out("# holding")
        queue.broker.control("faults", swallow_sends=True)
        d.wait_out("# publishing")
        queue.broker.control("drop")
        queue.broker.control("faults", swallow_sends=False)
        tap.equal(d.wait(), 0, "a role that settles while the connection ends")
        tap.ok(passed_on(tap, d.out), "uses nothing that is gone", d.log)


def unmanaged():
    with ServiceBus() as queue, daemon(queue, "unmanaged", lock="5s") as d:
        d.wait_out("# holding")
        queue.broker.control("faults", refuse_management=True)
        d.wait_out("# without links")
        queue.broker.control("drop")
        d.wait_out("# refused")
        queue.broker.control("faults", refuse_management=False)
        tap.equal(d.wait(), 0, "a queue that refuses renewals and late settlements")
        tap.ok(passed_on(tap, d.out), "gives its messages again", d.log)
        tap.equal(queue.dead(), [], "and none is dead")


def large():
    with ServiceBus() as queue:
        queue.max_size = 65536
        run(queue, "large")
        tap.equal(queue.broker.state("contract")["counts"]["sent"], 2, "no more was sent than was taken")


# --- what only the Redis stream promises ---

def left_behind():
    """Nothing stays in Redis of messages that were settled, and what stays forgets itself."""
    with Redis() as queue:
        run(queue, "keep")
        run(queue, "kept")
        keys = queue.server.client("KEYS", "*")
        tap.equal(sorted(k for k in keys if ":seen:" not in k), ["squall:{main}:dead", "squall:{main}:jobs", "squall:{main}:queue"],
                  "an empty queue has no locks")
        tap.equal(queue.server.client("XLEN", "squall:{main}:jobs"), 0, "its stream is empty")
        tap.ok(all(queue.server.client("PTTL", k) > 0 for k in keys if ":seen:" in k), "names that were seen end by themselves")


def flushed():
    """NOGROUP: the server lost all it had, and its readers go on."""
    with Redis() as queue, daemon(queue, "compete", key="u") as d:
        d.wait_log(" ready roles=")
        queue.server.client("FLUSHALL")
        queue.server.client("SCRIPT", "FLUSH")
        run(queue, "fill", key="u", count=3)
        tap.equal(d.wait(), 0, "a server that was flushed")
        tap.equal(re.findall(r"^# got (\S+)", d.out, re.M), ["u-m00000", "u-m00001", "u-m00002"], "is read as before")
        tap.equal([line for line in d.log.splitlines() if " error " in line], [], "without a word")


def script_lost():
    total = 200
    with Redis() as queue, daemon(queue, "compete") as d:
        d.wait_log(" ready roles=")
        with daemon(queue, "fill", count=total) as filler:
            while filler.process.poll() is None:
                queue.server.client("SCRIPT", "FLUSH")
                time.sleep(0.01)
            tap.equal(filler.wait(), 0, "a server that forgets the script is given it again")
        while d.process.poll() is None:
            queue.server.client("SCRIPT", "FLUSH")
            time.sleep(0.01)
        got = re.findall(r"^# got (\S+) attempt (\d+)$", d.out, re.M)
        tap.equal(got, [("t-m%05d" % i, "1") for i in range(total)], "nothing is lost or out of order")


def foreign():
    """A message that is not ours, and a clock that was set back."""
    with Redis() as queue:
        queue.server.client("XADD", "squall:{main}:jobs", "*", "hello", "world")
        run(queue, "fill", count=0)
        with daemon(queue, "compete") as d:
            tap.equal(d.wait(), 0, "a message without any of our fields")
            tap.contains(d.out, "# got  attempt 1", "comes, for the role to judge")
    with Redis() as queue, daemon(queue, "hold", count=1, lock="1s") as d:
        d.wait_out("# holding")
        d.send_signal(signal.SIGKILL)
        locks = queue.server.client("HGETALL", "squall:{main}:locks")
        token, until, length = locks[1].split()
        queue.server.client("HSET", "squall:{main}:locks", locks[0], "%s %d %s" % (token, int(until) + 3600000, length))
        out = run(queue, "hold", lock="1s")
        tap.contains(out, "# holding t-held attempt 2", "a clock that was set back by an hour: no lock is longer than it was")


KINDS = {"local": (Local, (aged, rebooted, refusals)),
         "servicebus": (ServiceBus, (outages, unsure, torn, mute, unmanaged, large)),
         "servicebus-tls": (ServiceBusTls, ()),
         "servicebus-plain": (ServiceBusPlain, ()),
         "redis": (Redis, (left_behind, flushed, script_lost, foreign)),
         "redis-unix": (RedisUnix, ()),
         "redis-tls": (RedisTls, ())}

LONG = {"servicebus-plain", "redis-unix", "redis-tls"} if not FULL else set()

for name in sys.argv[1:] or [k for k in KINDS if k not in LONG]:
    kind, own = KINDS[name]
    print("# transport %s" % name)
    why = missing() if issubclass(kind, ServiceBus) else None
    if why:
        tap.skip("the contract by %s" % name, why)
        continue
    for part in (promises, ends, restart, killed, asleep, compete):
        part(kind)
    for part in own:
        part()
tap.done()
