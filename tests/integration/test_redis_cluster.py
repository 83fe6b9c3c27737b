#!/usr/bin/python3
"""A cluster of two Redis nodes, as with the cluster policy of a cloud: keys are on one or the other, and move."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import Redis  # noqa: E402
from redis_faults import PLAN, Stranger, Target, errors, recovers, runs, tap, told  # noqa: E402
from redis_server import RedisServer, free_port  # noqa: E402
from squall import wait_until  # noqa: E402
from system import State, System  # noqa: E402


def low_port():
    """The bus of a cluster's node is 10,000 above its port, and is to be below what connections are given, too."""
    return next(p for p in iter(free_port, 0) if p < 22000)


class Cluster:
    """a has all slots but that of key, which b has. With TLS their certificates are for a name, and they send clients
    to each other's address."""

    def __init__(self, link, key):
        more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-allow-replica-migration", "no"]
        self.a = RedisServer(link, start=False, port=low_port())
        self.b = RedisServer(link, start=False, port=low_port(), authority=self.a.authority)
        if link == "tls":
            more += ["--tls-cluster", "yes"]
            self.a.cert, self.a.key = self.b.cert, self.b.key = self.a.authority.certificate("node", "DNS:localhost")
        for node in self.nodes:
            node.args = more
            node.start()
        self.slot = self.a.client("CLUSTER", "KEYSLOT", key)

    nodes = property(lambda self: (self.a, self.b))

    def __enter__(self):
        slot = self.slot
        self.a.client("CLUSTER", "ADDSLOTSRANGE", 0, slot - 1, slot + 1, 16383)
        self.b.client("CLUSTER", "ADDSLOTSRANGE", slot, slot)
        self.b.client("CLUSTER", "SET-CONFIG-EPOCH", 2)
        self.a.client("CLUSTER", "SET-CONFIG-EPOCH", 1)
        self.a.client("CLUSTER", "MEET", "127.0.0.1", self.b.port)
        wait_until(lambda: all("cluster_state:ok" in i and "cluster_slots_ok:16384" in i and "cluster_known_nodes:2" in i
                               for i in (n.client("CLUSTER", "INFO") for n in self.nodes)), "the cluster")
        self.ids = [n.client("CLUSTER", "MYID") for n in self.nodes]
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.close()

    # --- b's slot goes to a ---

    def move_begin(self):
        self.a.client("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.ids[1])
        self.b.client("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.ids[0])

    def move_keys(self):
        keys = self.b.client("CLUSTER", "GETKEYSINSLOT", self.slot, 10000)
        self.b.client("MIGRATE", "127.0.0.1", self.a.port, "", 0, 5000, "KEYS", *keys)

    def move_end(self):
        for node in self.nodes:
            node.client("CLUSTER", "SETSLOT", self.slot, "NODE", self.ids[0])


def counter():
    """The counter's key is on the one, all else on the other."""
    with Cluster("tcp", "total_hits") as c:
        for first, name in ((c.a, "the node that has the keys"), (c.b, "the node that has the counter")):
            with Target(first.options()) as d:
                recovers(d, "asked first: " + name)
                n = [d.post("/hit").json["total_hits"] for _ in range(20)]
                tap.equal(n, list(range(n[0], n[0] + 20)), "hits are counted where the counter is")
                tap.equal(c.b.client("GET", "total_hits"), str(n[-1]), "under its plain key")
                tap.equal(errors(d), [], "and to be sent elsewhere is no error")
                tap.equal(d.stop(), 0, "it stops in order")
        with Target(c.a.options()) as d:
            recovers(d, "two nodes")
            before = d.get("/stats").json["total_hits"]
            c.b.client("CONFIG", "SET", "maxmemory-policy", "noeviction")
            c.b.client("CONFIG", "SET", "maxmemory", "1")
            wait_until(lambda: d.post("/hit").status == 503, "a hit that is refused")
            told(d, "is full", "the counter's node is full", "maxmemory")
            tap.equal(d.get("/stats").json["total_hits"], before, "what is there can be read")
            c.b.client("CONFIG", "SET", "maxmemory", "0")
            recovers(d, "when there is room again")


def system(link):
    """All keys of a system are on one node, whose address the other one knows."""
    with State() as state:
        space = Redis.space(state.dir)
        backend = Redis(link)
        backend.more["host"] = "localhost"
        with Cluster(link, "{%s}" % space) as c:
            for backend.server in c.nodes:
                with System(state, backend) as d:
                    tap.ok(runs(d), "queue and store in a cluster by %s: a test runs" % link)
                    tap.equal(d.lines(" error "), [], "and to be sent elsewhere is no error")
                    tap.equal(d.stop(), 0, "it stops in order")
            tap.ok(int(c.b.client("XLEN", "squall:{%s}:jobs" % space)) == 0, "the queue is where its slot is")


def whole():
    system("tcp")
    system("tls")


def moving_counter():
    with Cluster("tcp", "total_hits") as c, Target(c.a.options()) as d:
        recovers(d, "two nodes")
        n = d.post("/hit").json["total_hits"]
        c.move_begin()
        tap.equal(d.post("/hit").json["total_hits"], n + 1, "the counter's slot begins to move: it is counted on")
        c.move_keys()
        tap.equal(d.post("/hit").status, 503, "the counter has moved, its slot has not: a hit is refused")
        told(d, "is moving our keys to another node", "it")
        c.move_end()
        recovers(d, "when the slot has moved")
        tap.equal(c.a.client("EXISTS", "total_hits"), 1, "the counter is on the other node")
        tap.ok(d.get("/stats").json["total_hits"] > n + 1, "and goes on from where it was")


def moving_system():
    """All keys of a system move, one by one: no script is asked to do with a part of them."""
    with State() as state:
        space = Redis.space(state.dir)
        backend = Redis("tcp")
        with Cluster("tcp", "{%s}" % space) as c:
            backend.server = c.a
            with System(state, backend) as d:
                before = d.end(d.submit(**PLAN))
                c.move_begin()
                answer = d.post("/tests", PLAN, role="gateway")
                tap.equal(answer.status, 503, "its slot begins to move: no test is taken")
                told(d, "is moving our keys to another node", "it")
                c.move_keys()
                c.move_end()
                recovers(d, "when the slot has moved", runs)
                tap.equal(d.show(before["test_id"])["ledger"], before["ledger"], "and what was there is there")


def ring():
    """Nodes that do not agree where a key is."""
    one, two = Stranger(b""), Stranger(b"")
    one.says, two.says = (b"-MOVED 1 127.0.0.1:%d\r\n" % s.port for s in (two, one))
    with Target('host = "127.0.0.1"; port = %d;' % one.port) as d:
        told(d, "sent back and forth", "two nodes that send us to each other", "CLUSTER SLOTS")


def socket_file():
    """A socket file leads to one node alone."""
    with Cluster("tcp", "{main}") as c, Target('host = "unix:%s";' % c.a.plain) as d:
        told(d, "127.0.0.1:%d" % c.b.port, "a node by its socket file", "set host to")


for part in (counter, whole, moving_counter, moving_system, ring, socket_file):
    if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
        print("# " + part.__name__)
        part()
tap.done()
