#!/usr/bin/python3
"""The target: the API of the specification, and numbers that survive whatever happens to it."""
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import backends  # noqa: E402
from squall import PATIENCE, Squalld, Tap, free_port, wait_until  # noqa: E402

tap = Tap()
BLOCK = 1000
CONF = """
state_dir = "%s";
store = { plugin = "local"; block = """ + str(BLOCK) + """; };
roles = ( { plugin = "target"; listen = "127.0.0.1:0"; } );
"""


def hits(answer):
    return answer.json["total_hits"]


class Load:
    """Clients that hit as fast as they can until told to stop or the target is gone."""

    def __init__(self, target, clients=8, most=None):
        self.numbers, self.refused = [], []
        self.most, self.stopping = most, False
        self.address = target.address()
        self.threads = [threading.Thread(target=self.client) for _ in range(clients)]
        for t in self.threads:
            t.start()

    def client(self):
        c = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        left = self.most
        while not self.stopping and left != 0:
            try:
                c.request("POST", "/hit")
                answer = c.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                break
            if answer.status == 200:
                self.numbers.append(int(body[len(b'{"total_hits":'):-1]))
            else:
                self.refused.append((answer.status, body))
                break
            if left:
                left -= 1
        c.close()

    def join(self):
        for t in self.threads:
            t.join(PATIENCE)
        return self.numbers

    def end(self):
        self.stopping = True
        return self.join()


BACKEND = None  # the one that the suite runs on


class State:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="squall-state-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def conf(self):
        """On Redis no numbers are reserved ahead, so the option block is left out."""
        text = CONF % self.dir
        return text if BACKEND.name == "local" else BACKEND.of(text.replace("block = %d;" % BLOCK, ""), self.dir)

    def target(self, **more):
        d = Squalld(self.conf(), **more)
        if more.get("ready", True):
            wait_until(lambda: d.get("/readyz").status == 200, "the target to be ready")
        return d


def api():
    with State() as state, state.target() as d:
        answer = d.get("/stats")
        tap.equal((answer.status, answer.text), (200, '{"total_hits":0}'), "GET /stats before any hit")
        tap.equal(answer.headers["Content-Type"], "application/json", "is JSON")
        answer = d.post("/hit")
        tap.equal((answer.status, answer.text), (200, '{"total_hits":1}'), "POST /hit")
        tap.ok(answer.headers["X-Squall-Store"], "names the store that counted it")
        tap.equal(hits(d.post("/hit", body=b"anything")), 2, "a body does not matter")
        tap.equal(hits(d.post("/hit?x=1", {"json": True})), 3, "nor does a query")
        tap.equal(hits(d.get("/stats")), 3, "GET /stats does not increment")
        answer = d.post("/reset")
        tap.equal((answer.status, answer.text), (200, '{"total_hits":0}'), "POST /reset")
        tap.equal(hits(d.get("/stats")), 0, "sets the counter to zero")
        tap.equal(hits(d.post("/hit")), 1, "numbers begin again")
        for method, path in ("GET", "/hit"), ("PUT", "/hit"), ("POST", "/stats"), ("GET", "/reset"):
            answer = d.request(method, path)
            tap.equal(answer.status, 405, "%s %s is not allowed" % (method, path))
        tap.equal(answer.headers["Allow"], "POST", "and what is stands in Allow")
        tap.equal(answer.headers["Content-Type"], "application/problem+json", "as a problem document")
        tap.equal(d.get("/").status, 404, "nothing else is served")
        tap.equal(d.post("/hit/").status, 404, "not even with a slash")
        tap.equal(d.request("HEAD", "/stats").body, b"", "HEAD has no body")
        tap.equal(hits(d.get("/stats")), 1, "none of these counted")
        tap.contains(d.get("/metrics").text, "squall_target_answers_total", "metrics tell of it")
        tap.equal(d.stop(), 0, "it stops in order")


def needs():
    with Squalld('roles = ( { plugin = "target"; listen = "127.0.0.1:0"; } );', ready=False) as d:
        tap.equal(d.wait(), 2, "a target without a store is a mistake of the .conf")
        tap.contains(d.log + d.out, "store", "that is named")


def unwritable():
    with State() as state:
        file = os.path.join(state.dir, "file")
        open(file, "w").close()
        with Squalld(CONF % (file + "/below"), ready=False) as d:
            tap.ok(d.wait() in (1, 2), "a state_dir that cannot be written: not started")
            tap.contains(d.log + d.out, file, "and named")


def owners():
    with State() as state, state.target() as first:
        first.post("/hit")
        with Squalld(CONF % state.dir, ready=False) as second:
            tap.equal(second.wait(), 1, "a second target on the same counters does not start")
            tap.contains(second.log, "pid %d" % first.process.pid, "the owner is named")
            tap.contains(second.log, "state_dir of its own", "and the cure")
            tap.ok("Sanitizer" not in second.log, "and it goes in order", second.log)
        conf = (CONF % state.dir).replace('"target"; listen = "127.0.0.1:0";', '"contract_store"; phase = "compete";')
        with Squalld(conf, ready=False) as other:
            tap.equal(other.wait(), 0, "a process that uses the same records only is welcome")
        tap.equal(hits(first.post("/hit")), 2, "the owner goes on")
        first.send_signal(signal.SIGKILL)
        first.wait()
        with state.target() as third:
            tap.ok(hits(third.post("/hit")) > 2, "the counters of a dead owner can be had")


def clean_run():
    with State() as state:
        with state.target() as d:
            numbers = Load(d, clients=16, most=500).join()
            tap.equal(sorted(numbers), list(range(1, 8001)), "8,000 hits of 16 clients: numbers 1 to 8,000, each once")
            tap.equal(hits(d.get("/stats")), 8000, "and that many are counted")
            tap.equal(d.stop(), 0, "a clean stop")
        with state.target() as d:
            tap.equal(hits(d.get("/stats")), 8000, "keeps the exact count")
            tap.equal(hits(d.post("/hit")), 8001, "and the next number")


def killed():
    with State() as state:
        numbers, before = [], 0
        for _ in range(3):
            with state.target() as d:
                load = Load(d)
                enough = len(numbers) + 3 * BLOCK
                wait_until(lambda: len(numbers) + len(load.numbers) > enough, "hits")
                d.send_signal(signal.SIGKILL)
                d.wait()
                numbers += load.end()
                answered = len(load.numbers)
            with state.target() as d:
                total = hits(d.get("/stats"))
                tap.ok(total >= max(numbers), "kill -9: the counter goes on behind every number it gave", total)
                # One hit of each client may have been counted and never answered.
                tap.ok(0 <= total - before - answered < BLOCK + len(load.threads),
                       "and reads high by less than a block", total - before - answered)
                d.stop()
            before = total
        tap.equal(len(set(numbers)), len(numbers), "no number was given twice, kill after kill")


def drained():
    with State() as state:
        numbers = []
        for _ in range(3):
            with state.target() as d:
                load = Load(d)
                enough = len(numbers) + 2000
                wait_until(lambda: len(numbers) + len(load.numbers) > enough, "hits")
                tap.equal(d.stop(), 0, "SIGTERM under load: an orderly end")
                numbers += load.end()
                tap.equal([r for r in load.refused if r[0] != 503], [], "whoever came too late got 503 or nothing")
        with state.target() as d:
            tap.equal(hits(d.get("/stats")), len(numbers), "every hit that was counted was answered")
        tap.equal(sorted(numbers), list(range(1, len(numbers) + 1)), "and every number given once")


def together():
    """Several targets on one counter, two of them at one port."""
    port = free_port()
    with State() as state:
        text = state.conf()
        shared = text.replace("127.0.0.1:0", "127.0.0.1:%d" % port).replace("listen =", "reuse_port = true; listen =")
        with Squalld(shared) as a, Squalld(shared) as b, Squalld(text) as c:
            for d in a, b, c:
                wait_until(lambda d=d: d.get("/readyz").status == 200, "the target to be ready")
            loads = [Load(d, clients=8, most=100) for d in (a, b, c)]
            numbers = [n for load in loads for n in load.join()]
            tap.equal(sorted(numbers), list(range(1, 2401)), "2,400 hits at three targets: numbers 1 to 2,400, each once")
            tap.equal([hits(d.get("/stats")) for d in (a, b, c)], [2400] * 3, "and each of them knows the total")
            counted = [int(re.search(r"target_answers_total (\d+)", d.get("/metrics").text).group(1)) for d in (a, c)]
            tap.ok(all(counted), "at one port the kernel shared them out", counted)
            c.post("/reset")
            tap.equal(hits(a.post("/hit")), 1, "a reset at one is one for all")


def killed_exactly():
    """On Redis nothing is reserved: after kill -9 of the target the next number is the next number."""
    with State() as state:
        numbers = []
        for _ in range(3):
            with state.target() as d:
                load = Load(d)
                enough = len(numbers) + 1000
                wait_until(lambda: len(numbers) + len(load.numbers) > enough, "hits")
                d.send_signal(signal.SIGKILL)
                d.wait()
                numbers += load.end()
        with state.target() as d:
            total = hits(d.get("/stats"))
        tap.equal(len(set(numbers)), len(numbers), "no number was given twice, kill after kill")
        tap.ok(0 <= total - len(numbers) <= 3 * 8, "and only hits that nobody was left to answer are in between", total - len(numbers))


def mounted(path):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def fill(path):
    with open(path, "wb", buffering=0) as f:
        try:
            for size in 65536, 4096, 1:
                while True:
                    try:
                        f.write(b"x" * size)
                    except OSError:
                        break
        except OSError:
            pass


def disk_full():
    with State() as state:
        if not mounted(state.dir):
            tap.skip("a full disk", "mounting is not permitted here")
            return
        try:
            full_and_back(state)
        finally:
            subprocess.run(["umount", "-l", state.dir], check=False)


def full_and_back(state):
    filler = os.path.join(state.dir, "filler")
    with state.target() as d:
        first = Load(d, clients=4, most=100).join()
        tap.equal(len(first), 400, "hits before the disk is full")
        fill(filler)
        load = Load(d, clients=4, most=10 * BLOCK)
        load.join()
        tap.ok(load.refused and all(status == 503 for status, _ in load.refused), "then hits are refused", load.refused)
        tap.contains(load.refused[0][1].decode(), "No space left on device", "with the reason")
        tap.ok(len(load.numbers) < 2 * BLOCK, "once the reserved numbers are used up", len(load.numbers))
        ready = wait_until(lambda: d.get("/readyz").status == 503 and d.get("/readyz"), "readiness to fail")
        tap.contains(ready.text, "disk is full", "and readiness tells of it")
        total = hits(d.get("/stats"))
        tap.equal(total, max(load.numbers), "what was counted can be read")
        tap.equal(len(d.lines("error")), 1, "one line is logged")
        os.unlink(filler)
        wait_until(lambda: d.get("/readyz").status == 200, "readiness to come back")
        last = Load(d, clients=4, most=BLOCK).join()
        tap.equal(len(last), 4 * BLOCK, "with space it goes on by itself")
        numbers = first + load.numbers + last
        tap.equal(sorted(numbers), list(range(1, len(numbers) + 1)), "and no number is missing or given twice")
        tap.equal(len(d.lines("can be written again")), 1, "one more line")
        tap.equal(d.stop(), 0, "it stops in order")
    with state.target() as d:
        tap.equal(hits(d.get("/stats")), len(numbers), "and keeps the exact count")


LOCAL = (needs, unwritable, owners, killed, disk_full)
SHARED = (together, killed_exactly)

for BACKEND in backends(tap):
    with BACKEND:
        for part in (api, clean_run, drained) + (LOCAL if BACKEND.name == "local" else SHARED):
            part()
tap.done()
