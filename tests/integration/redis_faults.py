"""redis_faults.py - what the tests of a Redis that fails share: a daemon that needs one, and what has to be seen of it.

    with RedisServer() as r, Target(r.options()) as d:
        recovers(d, "a Redis")
        r.client("REPLICAOF", ...)
        told(d, "read-only replica", "it becomes a replica", "master")
"""
import os
import socket
import threading
import time

from squall import Squalld, Tap, wait_until

tap = Tap()


def conf(options):
    return 'store = { plugin = "redis"; %s };\nroles = ( { plugin = "target"; listen = "127.0.0.1:0"; } );' % options


class Target(Squalld):
    """A target with its store in a Redis; not ready when the constructor returns."""

    def __init__(self, options, **more):
        super().__init__(conf(options), ready=False, **more)
        self.wait_log("listening on")


def is_ready(d):
    return d.get("/readyz").status == 200


def errors(d):
    return d.lines(" error ")


def told(d, part, what, cure=None, tap=tap):
    """One line, and no more of them while nothing changes; readiness says the same."""
    d.wait_log(part)
    before = len(errors(d))
    time.sleep(1.2)
    tap.contains(errors(d)[-1], part, what + ": told")
    if cure:
        tap.contains(errors(d)[-1], cure, "with what to do")
    tap.equal(len(errors(d)), before, "once")
    answer = wait_until(lambda: d.get("/readyz").status == 503 and d.get("/readyz"), "readiness to fail")
    tap.contains(answer.text, part, "and readiness tells of it")


def hit(d):
    return wait_until(lambda: d.post("/hit").status == 200 and d.post("/hit").json, "a hit")["total_hits"] > 0


PLAN = {"hits_per_sec": 20, "duration_sec": 1, "workers": 1, "timeout_ms": 5000}


def runs(d):
    """For whole systems: a test completes. On a busy machine one whose worker was late is no fault: the next. Nor is
    one that the gateway did not take because the other of its links was not back yet."""
    def completes():
        answer = d.post("/tests", PLAN, role="gateway")
        return answer.status == 202 and d.end(answer.json["test_id"])["state"] == "completed"
    return wait_until(completes, "a test that completes", 60)


def recovers(d, what, works=hit, tap=tap):
    try:
        wait_until(lambda: is_ready(d), "readiness after " + what)
    except (OSError, TimeoutError):
        tap.note(d.log)
        raise
    tap.ok(works(d), what + ": it goes on by itself", d.log)


class Stranger:
    """Listens and says something that no Redis says, or nothing."""

    def __init__(self, says):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.says, self.open = says, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.socket.accept()
                self.open.append(c)
                if self.says:
                    c.recv(100)
                    c.sendall(self.says)
            except OSError:
                return


def copy(source, target):
    with open(source, "rb") as f, open(target + ".new", "wb") as g:
        g.write(f.read())
    os.replace(target + ".new", target)
