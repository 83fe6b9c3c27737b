#!/usr/bin/python3
"""A Redis that fails under a whole system: its queue alone, or queue and store while a test runs."""
import os
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import Redis  # noqa: E402
from faults import Suite  # noqa: E402
from redis_faults import PLAN, copy, errors, recovers, runs, told  # noqa: E402
from redis_server import Authority, RedisServer  # noqa: E402
from squall import Tap  # noqa: E402
from system import wait_until, workers_of  # noqa: E402


class At(Redis):
    """Queue and store on a server of the case's own."""

    def __init__(self, server, **more):
        super().__init__(server.link)
        self.server, self.more = server, more


class Queue(At):
    """The queue alone. The store is of this machine."""

    def conf(self, state):
        return 'transport = { plugin = "redis"; %s }; store = { plugin = "local"; };' % self.server.options(**self.more)


def queue_of(case, server, **more):
    """A daemon that may have to wait for its queue."""
    case.backend = Queue(server, **more)
    d = case.daemon(ready=False)
    d.wait_log("orchestrator listening on")
    return d


# --- the queue: one clear line, readiness, and recovery without a restart -----------------------------

def wrong_password(case):
    with RedisServer(password="right-word") as r:
        wrong = os.path.join(r.dir, "wrong")
        with open(wrong, "w", encoding="utf-8") as f:
            f.write("wrong-word")
        d = queue_of(case, r, password="file:" + wrong)
        told(d, "does not take our password", "a wrong password", "REDIS_PASSWORD", case.tap)
        with open(wrong, "w", encoding="utf-8") as f:
            f.write("right-word")
        recovers(d, "when it is right", runs, case.tap)
        case.stop(d)


def wrong_authority(case):
    with RedisServer("tls") as r:
        mine = os.path.join(r.dir, "trusted.pem")
        copy(Authority(r.dir, "other").ca, mine)
        d = queue_of(case, r, ssl_ca=mine)
        told(d, "is not trusted", "an authority that we do not know", "ssl_ca", case.tap)
        copy(r.authority.ca, mine)
        recovers(d, "when it is in the file", runs, case.tap)
        case.stop(d)


def replica(case):
    with RedisServer() as r, RedisServer() as master:
        d = queue_of(case, r)
        recovers(d, "a master", runs, case.tap)
        r.client("REPLICAOF", "127.0.0.1", master.port)
        told(d, "read-only replica", "it becomes a replica", "set host to the master", case.tap)
        r.client("REPLICAOF", "NO", "ONE")
        recovers(d, "when it is a master again", runs, case.tap)
        case.stop(d)


def full(case):
    with RedisServer("tcp", "--maxmemory-policy", "noeviction") as r:
        d = queue_of(case, r)
        recovers(d, "a Redis with room", runs, case.tap)
        r.client("CONFIG", "SET", "maxmemory", "1")
        answer = d.post("/tests", PLAN, headers={"Idempotency-Key": case.key}, role="gateway")
        case.tap.equal(answer.status, 503, "a test is refused: " + answer.json["detail"])
        told(d, "is full", "a Redis that is full", "maxmemory", case.tap)
        r.client("CONFIG", "SET", "maxmemory", "0")
        recovers(d, "when there is room again", runs, case.tap)
        case.submit(d, **PLAN)  # the client that was refused asks again
        case.settle(d, "completed")
        case.stop(d)


def hang(case):
    with RedisServer() as r:
        d = queue_of(case, r, answer_timeout="1s")
        recovers(d, "a Redis that answers", runs, case.tap)
        r.signal(signal.SIGSTOP)
        told(d, "no answer", "a Redis that hangs", "overloaded or stopped", case.tap)
        r.signal(signal.SIGCONT)
        recovers(d, "when it goes on", runs, case.tap)
        case.stop(d)


# --- queue and store, while a test runs ------------------------------------------------------------

def full_while_running(case):
    """Neither the lease nor what workers report can be written for a while that is longer than a lease."""
    with RedisServer("tcp", "--maxmemory-policy", "noeviction") as r:
        case.backend = At(r)
        d = case.daemon()
        case.submit(d, duration_sec=8)
        d.wait_state(case.test_id, "running")
        d.wait_sent(case.test_id, 1)
        r.client("CONFIG", "SET", "maxmemory", "1")
        d.wait_log("is full")
        case.tap.equal(d.get("/tests/" + case.test_id, role="gateway").status, 200, "what is there can be read")
        time.sleep(2)
        r.client("CONFIG", "SET", "maxmemory", "0")
        case.settle(d, "completed")
        case.tap.ok(all("is full" in e for e in errors(d) if "Redis at" in e), "it is named", errors(d))
        recovers(d, "when there is room again", runs, case.tap)
        case.stop(d)


def script_lost_while_full(case):
    """A full Redis forgets the script in the moment in which it is asked whether it is well."""
    with RedisServer("tcp", "--maxmemory-policy", "noeviction") as r:
        case.backend = At(r)
        d = case.daemon()
        test_id = d.submit(hits_per_sec=20, duration_sec=1, workers=1)
        d.end(test_id)
        r.client("CONFIG", "SET", "maxmemory", "1")
        d.post("/tests", {"hits_per_sec": 1, "duration_sec": 1}, role="gateway")
        d.wait_log("is full")
        with r.connected() as s:
            s.sendall(b"SCRIPT FLUSH\r\nCLIENT PAUSE 3000 ALL\r\n")
            answers = []
            reader = threading.Thread(target=lambda: answers.append(d.get("/tests/" + test_id, role="gateway")))
            reader.start()
            reader.join()  # behind the pause, in which the link has asked as well
        case.tap.equal(answers and answers[0].status, 200, "what is there can be read")
        case.tap.equal(d.get("/tests/" + test_id, role="gateway").status, 200, "and again")
        r.client("CONFIG", "SET", "maxmemory", "0")
        recovers(d, "when there is room again", runs, case.tap)
        case.stop(d)


def emptied_while_running(case):
    """A Redis without appendonly dies and comes back empty: the test's record is gone, so its workers go."""
    with RedisServer() as r:
        case.backend = At(r)
        d = case.daemon()
        case.submit(d, duration_sec=300)
        d.wait_state(case.test_id, "running")
        d.wait_sent(case.test_id, 1)
        r.restart()
        d.wait_log("all that it held is gone")
        d.wait_log("its record is gone from the store")
        try:
            wait_until(lambda: not workers_of(case.test_id), "the end of the workers", 30)
        except TimeoutError as e:
            case.tap.ok(False, "no worker is left", e, d.log)
        count = case.counter.count(case.test_id)
        recovers(d, "after all was lost", runs, case.tap)
        case.tap.equal(case.counter.count(case.test_id), count, "nothing more is sent of the test that is gone")
        case.tap.equal(len([e for e in errors(d) if "all that it held is gone" in e]), 1, "the loss is named, once")
        case.stop(d)


def main():
    suite = Suite()
    for run in (wrong_password, wrong_authority, replica, full, hang):
        suite.add("the queue: " + run.__name__.replace("_", " "), run)
    for run in (full_while_running, script_lost_while_full, emptied_while_running):
        suite.add(run.__name__.replace("_", " "), run)
    tap = Tap()
    suite.run(tap, " ".join(sys.argv[1:]))
    tap.done()


if __name__ == "__main__":
    main()
