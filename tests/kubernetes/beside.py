"""beside.py - daemons of the build tree beside the cluster, on its node: gateway and orchestrator as processes that a
test can hold, kill and read, with workers that are pods of the real cluster.
"""
import json
import os
import selectors
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from cluster import NAMESPACE
from counting_server import Counter
from faults import Case, Suite
from pods import KINDS, scheduler_conf
from squall import Squalld, free_port
from system import System, wait_until

NODE = "10.99.0.2"  # its address, which pods reach

CONF = """
state_dir = "%(state)s"; %(backend)s
%(scheduler)s
roles = (
  { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "%(url)s"; },
  { plugin = "orchestrator"; listen = "%(node)s:%(port)d"; control_urls = ( %(others)s ); target_url = "%(url)s";
    lease_ttl = "2s"; %(orchestrator)s }
);
"""


class Beside(System):
    """Gateway and orchestrator in one process. ports: of all orchestrators that there will be; ours is the first."""

    def __init__(self, case, ports, orchestrator="", failpoint=None, scheduler=None, env=None, **more):
        env = dict(env or {})
        if failpoint:
            env["SQUALL_FAILPOINT"] = failpoint
        Squalld.__init__(self, CONF % {
            "state": case.state.dir, "backend": case.backend.conf(case.state), "url": case.counter.url, "node": NODE,
            "scheduler": scheduler or case.scheduler(), "port": ports[0], "orchestrator": orchestrator,
            "others": ", ".join('"http://%s:%d"' % (NODE, p) for p in ports)}, env=env, **more)


class PodCase(Case):
    """A case whose workers are pods."""

    def __init__(self, suite, tap):
        super().__init__(suite, tap)
        self.cluster, self.workload = suite.cluster, suite.workload
        self.space = "s-" + self.test_id[:8]  # each case has a store of its own
        self.ports = [free_port(NODE), free_port(NODE)]
        self.token = os.path.join(self.state.dir, "token")
        self.cluster.token(self.token)

    def __exit__(self, *_):
        for kind in ("deployments", "jobs"):
            self.cluster.kubectl("-n", NAMESPACE, "delete", kind, self.object, "--ignore-not-found", "--wait=false",
                                 "--cascade=background")
        super().__exit__()

    @property
    def object(self):
        return "lw-" + self.test_id

    def scheduler(self, api=None, image="localhost/squall/worker:test", workload=None, **more):
        options = ('space = "%s"; image = "%s"; api_server = "%s"; ca = "%s"; token_file = "%s";'
                   % (self.space, image, api or self.cluster.api, self.cluster.ca, self.token))
        return scheduler_conf(workload or self.workload, options=options, **more)

    def daemon(self, failpoint=None, **more):
        more.setdefault("orchestrator", 'report_timeout = "20s";')  # a busy machine is no fault
        d = Beside(self, self.ports[len(self.daemons) % 2:] + self.ports[:len(self.daemons) % 2], failpoint=failpoint, **more)
        self.daemons.append(d)
        return d

    # --- what the cluster has of the test ---

    def kubectl(self, *args, **more):
        return self.cluster.kubectl("-n", NAMESPACE, *args, **more)

    def pods(self):
        return self.cluster.get("pods", "-l", "squall.io/workload=" + self.object)["items"]

    def left(self):
        return ["%s %s" % (kind, o["metadata"]["name"]) for kind in KINDS
                for o in self.cluster.get(kind, "-l", "squall.io/workload=" + self.object)["items"]]

    def gone(self, d):
        """No object of the test may be left."""
        try:
            wait_until(lambda: not self.left(), "the end of its objects", 180)  # the node may be slow to forget pods
            self.tap.ok(True, "no object is left")
        except TimeoutError:
            self.tap.ok(False, "no object is left", self.left(), *d.log.splitlines()[-40:])

    def says(self, test, *words):
        """The end, or a step of the history, names why."""
        text = json.dumps([test.get("reason"), test.get("detail"), test["history"]])
        self.tap.ok(any(w in text for w in words), "and names it: %s" % " or ".join(words), text)


class PodSuite(Suite):
    case = PodCase

    def __init__(self, cluster, workload, at_once):
        super().__init__(counter=Counter(NODE), at_once=at_once)
        self.cluster, self.workload = cluster, workload

    def run_one(self, name, run, args):
        return super().run_one("%s: %s" % (self.workload, name), run, args)


class Wire:
    """A relay to a server that can be cut, and go dead."""

    def __init__(self, server):
        self.server, self.dead = server, False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.poll = selectors.DefaultSelector()
        self.poll.register(self.listener, selectors.EVENT_READ)
        self.peers, self.over = {}, False
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.cut()
        self.listener.close()

    def cut(self):
        """Every connection, at once. How many there were."""
        with self.lock:
            ends = list(self.peers)
            for s in ends:
                self.drop(s)
        return len(ends) // 2

    def drop(self, s):
        if s in self.peers:
            other = self.peers.pop(s)
            self.peers.pop(other, None)
            for end in (s, other):
                self.poll.unregister(end)
                end.close()

    def accept(self):
        client = self.listener.accept()[0]
        try:
            peer = socket.create_connection(self.server, timeout=5)
        except OSError:
            client.close()
            return
        peer.settimeout(None)
        self.peers.update({client: peer, peer: client})
        for s in (client, peer):
            self.poll.register(s, selectors.EVENT_READ)

    def pass_on(self, s):
        try:
            text = s.recv(65536)
            if text and not self.dead:
                self.peers[s].sendall(text)
        except OSError:
            text = b""
        if not text:
            self.drop(s)

    def run(self):
        while not self.over:
            for key, _ in self.poll.select(0.1):
                with self.lock:
                    if key.fileobj is self.listener:
                        self.accept()
                    elif key.fileobj in self.peers:
                        self.pass_on(key.fileobj)
