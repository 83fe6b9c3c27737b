#!/usr/bin/python3
"""chaos.py [ROUNDS [SEED]]: whatever dies or sleeps, at any moment, nothing is lost, run twice or stuck.

One round: a Redis that writes everything down, a gateway, two orchestrators with their workers, some tests that a
client submits until they are accepted, and faults at random moments: kill -9 (and a new process), or SIGSTOP beyond
the lease and SIGCONT. When all is well again each test has to end, its ledger has to balance and to agree with what
the target counted, and whatever did not complete has to name its reason.

3 rounds, 20 in the long form. A round is repeated by its seed (what the system does is not, to the millisecond).
"""
import collections
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import Redis  # noqa: E402
from counting_server import Counter  # noqa: E402
from squall import PLUGINS, Squalld, Tap, free_port  # noqa: E402
from system import FULL, TERMINAL, State, total, wait_until, workers_of  # noqa: E402

ROUNDS = int(sys.argv[1]) if sys.argv[1:] else 20 if FULL else 3
SEED = int(sys.argv[2]) if sys.argv[2:] else int(time.time() * 1000) % 1000000
TESTS, RATE, SECONDS, WORKERS = 3, 40, 3, 2
LEASE = 1.0  # seconds
SPACE = uuid.UUID("e7d0e7a4-6b1f-4d1c-9c07-5a0d3a1b8f62")  # of ids that follow from an Idempotency-Key

GATEWAY = '{ plugin = "gateway"; listen = "127.0.0.1:%(port)d"; target_url = "%(url)s"; }'
ORCHESTRATOR = '{ plugin = "orchestrator"; listen = "127.0.0.1:%(port)d"; target_url = "%(url)s"; lease_ttl = "1s"; ' \
               'max_concurrent_tests = 2; report_timeout = "20s"; }'


class World:
    """The processes of one round, by name; each may be dead."""

    def __init__(self, backend, counter):
        self.backend, self.counter, self.state = backend, counter, State()
        self.state.lock = "3s"
        self.ports = {name: free_port() for name in ("gateway", "orchestrator-a", "orchestrator-b")}
        self.daemons, self.logs = {}, []
        with open(os.path.join(self.state.dir, "worker.conf"), "w", encoding="utf-8") as f:
            f.write('roles = ( { plugin = "worker"; } );\n')
        for name in self.ports:
            self.start(name)
        for d in self.daemons.values():
            d.wait_log(" ready roles=")

    def start(self, name):
        role = (GATEWAY if name == "gateway" else ORCHESTRATOR) % {"port": self.ports[name], "url": self.counter.url}
        text = 'state_dir = "%s"; %s\n' % (self.state.dir, self.backend.conf(self.state))
        if name != "gateway":
            text += 'scheduler = { plugin = "fork"; worker_conf = "%s/worker.conf"; };\n' % self.state.dir
        self.daemons[name] = Squalld(text + "roles = ( %s );\n" % role, env={"SQUALL_PLUGIN_DIR": PLUGINS}, ready=False)

    def kill(self, name):
        d = self.daemons[name]
        d.send_signal(signal.SIGKILL)
        d.wait()
        self.logs.append((name, d.log))
        d.close()

    def close(self):
        for name in self.daemons:
            self.kill(name)
        self.state.__exit__()

    def log(self):
        ended = self.logs + [(n, d.log) for n, d in self.daemons.items()]
        return "\n".join("--- %s\n%s" % (name, "\n".join(log.splitlines()[-60:])) for name, log in ended)

    # --- the gateway, from outside ---

    def ask(self, method, path, body=None, key=None):
        """Status and document; None when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["gateway"], timeout=10)
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        try:
            connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None, None
        finally:
            connection.close()

    def submit(self, key):
        plan = {"hits_per_sec": RATE, "duration_sec": SECONDS, "workers": WORKERS, "timeout_ms": 5000}
        wait_until(lambda: self.ask("POST", "/tests", plan, key)[0] == 202, "a test to be accepted", 120)

    def show(self, test_id):
        status, test = self.ask("GET", "/tests/" + test_id)
        return test if status == 200 else None


# --- faults --------------------------------------------------------------------------------------

class Faults:
    """What happens in one round; as the seed wants it."""

    def __init__(self, world, dice):
        self.world, self.dice, self.told = world, dice, []

    def sleep(self, send, seconds):
        send(signal.SIGSTOP)
        time.sleep(seconds)
        send(signal.SIGCONT)

    def daemon(self, name, how, seconds):
        if how == "kill":
            self.world.kill(name)
            time.sleep(seconds / 3)
            self.world.start(name)
        else:
            self.sleep(self.world.daemons[name].send_signal, seconds)

    def redis(self, how, seconds):
        server = self.world.backend.server
        if how == "kill":
            server.kill()
            time.sleep(seconds / 3)
            server.start()
        else:
            self.sleep(server.signal, seconds)

    def worker(self, how, seconds, which):
        pids = workers_of(None, [d.process.pid for d in self.world.daemons.values()])
        if not pids:
            return
        pid = pids[int(which * len(pids))]

        def send(number):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        if how == "kill":
            send(signal.SIGKILL)
        else:
            self.sleep(send, seconds)

    def run(self, count):
        for _ in range(count):
            victim = self.dice.choice(("gateway", "orchestrator-a", "orchestrator-b", "worker", "redis"))
            how = self.dice.choice(("kill", "stop"))
            pause, seconds, which = self.dice.uniform(0, 2.5), self.dice.uniform(1.2, 3) * LEASE, self.dice.random()
            time.sleep(pause)
            self.told.append("%s %s" % (how, victim))
            if victim == "redis":
                self.redis(how, seconds)
            elif victim == "worker":
                self.worker(how, seconds, which)
            else:
                self.daemon(victim, how, seconds)


# --- what has to be true -------------------------------------------------------------------------

def check_ledger(tap, name, test, count):
    ledger, plan = test.get("ledger"), test["effective_plan"]
    if not ledger:
        tap.ok(count == 0 and test["started_at"] is None, name + ": no ledger, and nothing was sent", count, json.dumps(test))
        return
    planned, sent = plan["hits_per_sec"] * plan["duration_sec"], sum(ledger["sent"].values())
    tap.ok(ledger["balanced"] is True and (total(ledger) == planned or (total(ledger) == 0 and test["started_at"] is None)),
           name + ": every request is in a ledger that balances", planned, json.dumps(test))
    least = sent - ledger["error"].get("reset", 0) - ledger["error"].get("timeout", 0) - ledger["in_flight_at_end"]
    tap.ok(least <= count <= sent + ledger["unconfirmed"], name + ": the target counted what it says: nothing ran twice",
           "%d <= %d <= %d" % (least, count, sent + ledger["unconfirmed"]), json.dumps(test))


def check_round(tap, world, ids, name):
    """How the tests ended."""
    ends = []
    for n, test_id in enumerate(ids):
        def ended():
            test = world.show(test_id)
            return test if test and test["state"] in TERMINAL else None
        try:
            test = wait_until(ended, lambda: "the end of %s: %s" % (test_id, world.show(test_id)), 120)
        except TimeoutError as e:
            tap.ok(False, "%s: test %d is not stuck" % (name, n), e, world.log())
            continue
        ends.append(" ".join(filter(None, (test["state"], test["reason"]))))
        tap.ok(test["state"] == "completed" or test["reason"], "%s: test %d ended, as %s" % (name, n, ends[-1]), json.dumps(test))
        check_ledger(tap, "%s: test %d" % (name, n), test, world.counter.count(test_id))
    try:
        wait_until(lambda: world.backend.waiting(world.state) == 0, "an empty queue")
        wait_until(lambda: not any(workers_of(i) for i in ids), "the end of all workers")
    except TimeoutError as e:
        tap.ok(False, name + ": nothing is left", e, world.log())
    else:
        tap.ok(True, name + ": no message and no worker is left")
    return ends


def one_round(tap, backend, counter, seed):
    dice, name = random.Random(seed), "seed %d" % seed
    world = World(backend, counter)
    failed = tap.failed
    try:
        keys = [str(uuid.uuid4()) for _ in range(TESTS)]
        clients = [threading.Thread(target=world.submit, args=(key,), daemon=True) for key in keys]
        for c in clients:
            c.start()
        faults = Faults(world, dice)
        faults.run(dice.randint(2, 5))
        for c in clients:
            c.join(150)
        tap.ok(not any(c.is_alive() for c in clients), name + ": every test was accepted", world.log())
        ends = check_round(tap, world, [str(uuid.uuid5(SPACE, key)) for key in keys], name)
        tap.note("%s: %s -> %s" % (name, ", ".join(faults.told), ", ".join(ends)))
        bad = [line for line in world.log().splitlines() if "Sanitizer" in line or "runtime error" in line]
        tap.ok(not bad, name + ": no process broke", *bad)
        if tap.failed > failed:
            tap.note(world.log())
        return ends
    finally:
        world.close()


def main():
    tap, ends = Tap(), collections.Counter()
    with Redis("tcp") as backend, Counter() as counter:
        backend.more = {"answer_timeout": "1s"}
        for n in range(ROUNDS):
            ends.update(one_round(tap, backend, counter, SEED + n))
    tap.note("%d rounds: %s" % (ROUNDS, ", ".join("%d %s" % (c, e) for e, c in ends.most_common())))
    tap.done()


main()
