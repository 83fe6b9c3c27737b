#!/usr/bin/python3
"""What goes wrong with Azure Service Bus, and that nothing is lost or run twice by it, without a restart.

Each part makes one thing go wrong below a running system (gateway, orchestrator, forked workers and target in
one process) and then has a test run. Afterwards no log may hold a secret."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servicebus import KEY, KEY_NAME, Broker, certificate, missing  # noqa: E402
from squall import FULL, PLUGINS, Squalld, Tap, free_port, squalld, wait_until  # noqa: E402

tap = Tap()
QUEUE = "faults"
TERMINAL = ("completed", "failed", "cancelled", "timed_out")
logs = []  # of every process

CONF = """
state_dir = "@dir@"; log_level = "debug";
transport = { plugin = "servicebus"; queue = "faults"; connection_string = "file:%s"; trace = true; %s };
store = { plugin = "local"; };
scheduler = { plugin = "fork"; worker_conf = "%s/worker.conf"; };
roles = (
  { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:%d/hit";
    allowed_targets = ( "127.0.0.1:9" ); },
  { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "http://127.0.0.1:%d/hit"; lease_ttl = "1s"; },
  { plugin = "target"; listen = "127.0.0.1:%d"; } );
"""


class System(Squalld):
    def __init__(self, connection, options="", ready=True, env=None):
        self.folder = tempfile.TemporaryDirectory()
        with open(os.path.join(self.folder.name, "worker.conf"), "w", encoding="utf-8") as f:
            f.write('roles = ( { plugin = "worker"; } );\n')
        secret = os.path.join(self.folder.name, "connection")
        with open(secret, "w", encoding="utf-8") as f:
            f.write(connection)
        target = free_port()
        super().__init__(CONF % (secret, options, self.folder.name, target, target, target), ready=False,
                         env={"SQUALL_PLUGIN_DIR": PLUGINS, "PN_TRACE_FRM": "1", **(env or {})})
        if ready:
            self.wait_ready()

    def close(self):
        logs.append(self.log)
        super().close()
        self.folder.cleanup()

    def is_ready(self):
        return " listening on " in self.log and self.get("/readyz", role="gateway").status == 200

    def wait_ready(self):
        wait_until(self.is_ready, lambda: "readiness of\n" + self.log)

    def post_test(self, key=None, **plan):
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        return self.post("/tests", {"hits_per_sec": 10, "duration_sec": 1, "workers": 1, **plan}, headers=headers, role="gateway")

    def submit(self, **plan):
        answer = self.post_test(**plan)
        assert answer.status == 202, answer.text
        return answer.json["test_id"]

    def end(self, test_id):
        def ended():
            test = self.get("/tests/" + test_id, role="gateway").json
            return test if test.get("state") in TERMINAL else None
        return wait_until(ended, lambda: "the end of %s:\n%s" % (test_id, self.log), 60)

    def runs(self, what):
        """One test, from the beginning to its end; the key is that of one test, however often it is sent."""
        key, answers = str(uuid.uuid4()), []

        def taken():
            answers.append(self.post_test(key))
            return answers[-1].status == 202
        wait_until(taken, lambda: "a queue: %s\n%s" % (answers[-1].text, self.log))
        test = self.end(answers[-1].json["test_id"])
        tap.equal((test["state"], test["ledger"] and test["ledger"]["ok"]), ("completed", 10), what)

    def warnings(self, part):
        return [line for line in self.log.splitlines() if " warn transport/servicebus" in line and part in line]


def counted(d, tests):
    """As many hits as all tests together: none of them ran twice."""
    tap.equal(d.get("/stats", role="gateway").json["total_hits"], 10 * tests, "each test ran once")


def emptied(broker):
    wait_until(lambda: not broker.state(QUEUE)["waiting"] and not broker.state(QUEUE)["locked"],
               lambda: "an empty queue, not %s" % broker.state(QUEUE))
    tap.equal(broker.state(QUEUE)["dead"], [], "no message is left, and none is dead")


def queue(broker, **how):
    broker.control("create", name=QUEUE, lock_ms=5000, **how)


# --- the other side leaves ---

def leaves():
    """Links and connections end, for a reason and for none."""
    with Broker() as broker:
        queue(broker)
        with System(broker.connection()) as d:
            d.runs("a test runs")
            for n, verb in enumerate(("drop", "close", "detach", "expire")):
                broker.control(verb)
                answer = d.post_test()
                tap.ok(answer.status in (202, 503), "%s: a test is taken, or recorded for later" % verb, answer.text)
                test_id = answer.json["test_id"] if answer.status == 202 else \
                    d.get("/tests?limit=1", role="gateway").json["tests"][0]["test_id"]
                tap.equal(d.end(test_id)["state"], "completed", "%s: it runs" % verb)
                tap.equal(len(d.get("/tests", role="gateway").json["tests"]), n + 2, "%s: nothing is lost" % verb)
            d.wait_ready()
            counted(d, 5)
            emptied(broker)
            tap.equal(d.stop(), 0, "and all is orderly to the end")


def while_running():
    """The connection is lost while a test runs: nothing of it depends on the queue."""
    with Broker() as broker:
        queue(broker)
        with System(broker.connection()) as d:
            test_id = d.submit(duration_sec=2, hits_per_sec=5)
            wait_until(lambda: d.get("/tests/" + test_id, role="gateway").json["state"] == "running", "the run")
            broker.control("drop")
            tap.equal(d.end(test_id)["ledger"]["ok"], 10, "a run goes on without a queue")
            d.runs("and the next test comes by a new connection")
            counted(d, 2)


def unwanted():
    """Links that are refused as soon as they are attached are asked for with pauses."""
    with Broker() as broker:
        queue(broker)
        with System(broker.connection()) as d:
            for condition in ("amqp:link:detach-forced", "com.microsoft:server-busy", "vendor:new"):
                d.runs("a test runs")
                time.sleep(5)  # so that the links count as a success, and are attached again at once
                before = broker.control("counts")
                broker.control("faults", refuse_attach=condition)
                broker.control("detach", condition=condition)
                wait_until(lambda: broker.control("counts")["attaches"] > before["attaches"] + 1, "more tries")
                time.sleep(3)
                after = broker.control("counts")
                tap.ok(after["attaches"] - before["attaches"] < 60, "%s: some tries, no storm" % condition, after)
                tap.equal(after["connections"], before["connections"], "and the connection stays")
                broker.control("faults", refuse_attach=None)
                d.wait_ready()
            counted(d, 3)


def busy():
    with Broker() as broker:
        queue(broker)
        with System(broker.connection()) as d:
            broker.control("faults", busy=1)
            d.runs("a throttled message is sent again after a rest")
            tap.equal(len(d.warnings("is throttled")), 1, "told in one line")
            broker.control("faults", busy=1)
            d.runs("and again")
            tap.equal(len(d.warnings("is throttled")), 2, "told again, since it had worked in between")
            broker.control("faults", refuse_sends="com.microsoft:entity-disabled")
            for n in (1, 2):
                answer = d.post_test(url="http://127.0.0.1:9/")
                tap.equal(answer.status, 503, "a queue that takes nothing")
                tap.contains(answer.json["detail"], "disabled", "is not said to be away")
            tap.equal(len(d.warnings("enable the queue")), 1, "told with its cure, in one line for all tries")
            broker.control("faults", refuse_sends=None)
            counted(d, 2)


def unanswered_sends():
    """The queue has it and does not say so: sent again with the same id, it is dropped as a duplicate, or acked."""
    for how in ({"duplicates_ms": 60000}, {}):
        with Broker() as broker:
            queue(broker, **how)
            with System(broker.connection()) as d:
                broker.control("faults", swallow_sends=True)
                done = []
                thread = threading.Thread(target=lambda: done.append(d.post_test()))
                thread.start()
                wait_until(lambda: broker.state(QUEUE)["counts"]["sent"] > 0, "a message")
                broker.control("faults", swallow_sends=False)
                thread.join()
                tap.equal(done[0].status, 202, "an unconfirmed message is sent again (%s)" % (how or "no duplicates"))
                d.end(done[0].json["test_id"])
                tap.ok(broker.state(QUEUE)["counts"]["sent"] >= 2, "as the same message")
                emptied(broker)
                counted(d, 1)


def unanswered_settlements():
    """The queue does not hear that a message is done with: it comes again, is recognised, and acked."""
    with Broker() as broker:
        broker.control("create", name=QUEUE, lock_ms=1500)
        with System(broker.connection()) as d:
            broker.control("faults", swallow=True)
            test_id = d.submit()
            tap.equal(d.end(test_id)["state"], "completed", "a test runs whose message cannot be acked")
            broker.control("faults", swallow=False)
            emptied(broker)
            counted(d, 1)


def asleep():
    """This process sleeps while messages come: their locks run out, they come again, and each test runs once."""
    with Broker() as broker:
        broker.control("create", name=QUEUE, lock_ms=1000, max_delivery=100)
        with System(broker.connection()) as d:
            d.runs("a test runs")
            d.send_signal(signal.SIGSTOP)
            plan = json.dumps({"body": {"hits_per_sec": 10, "duration_sec": 1, "workers": 1}, "messageId": "slept"})
            status, out = broker.node("peer.js", "send", QUEUE, plan)
            tap.equal(status, 0, "a message while it sleeps")
            wait_until(lambda: broker.state(QUEUE)["counts"]["sent"] == 2 and not broker.state(QUEUE)["locked"],
                       "its lock to run out, as often as there is credit")
            d.send_signal(signal.SIGCONT)
            tap.equal(d.end("slept")["ledger"]["ok"], 10, "awake again it runs it")
            emptied(broker)
            counted(d, 2)


def twice():
    """The same message two times, to a queue that does not look for duplicates."""
    with Broker() as broker:
        queue(broker)
        with System(broker.connection()) as d:
            plan = json.dumps({"body": {"hits_per_sec": 10, "duration_sec": 1, "workers": 1}, "messageId": "same"})
            broker.node("peer.js", "send", QUEUE, plan, plan)
            wait_until(lambda: d.get("/tests/same", role="gateway").status == 200, "the record")
            tap.equal(d.end("same")["ledger"]["ok"], 10, "a message that comes twice runs")
            broker.node("peer.js", "send", QUEUE, plan)
            emptied(broker)
            counted(d, 1)


def stopped(pause):
    with Broker() as broker:
        queue(broker)
        with System(broker.connection()) as d:
            d.runs("a test runs")
            broker.stop()
            wait_until(lambda: not d.is_ready(), "the loss to be seen")
            answer = d.post_test()
            tap.equal(answer.status, 503, "without a queue a test is not confirmed")
            tap.contains(answer.json["detail"], "is recorded", "but recorded")
            time.sleep(pause)
            tap.ok(1 <= len(d.warnings("cannot connect")) <= 2, "told in one line, not with each try",
                   d.warnings("cannot connect"))
            broker.start()
            queue(broker)
            d.wait_ready()
            test_id = d.get("/tests?limit=1", role="gateway").json["tests"][0]["test_id"]
            tap.equal(d.end(test_id)["state"], "completed", "after %d s without a broker it runs" % pause)
            counted(d, 2)


def silent():
    """The other side says nothing, and the connection stays: SIGSTOP, and a network that swallows everything."""
    with Broker() as broker:
        queue(broker)
        with System(broker.connection(), 'idle_timeout = "2s"; step_timeout = "2s";') as d:
            broker.send_signal(signal.SIGSTOP)
            wait_until(lambda: not d.is_ready(), "the silence to be noticed")
            tap.ok(d.warnings("no sign of life") or d.warnings("does not answer"), "a stopped broker is noticed",
                   d.log)
            broker.send_signal(signal.SIGCONT)
            d.wait_ready()
            d.runs("and used again when it goes on")
    with Broker() as broker, Hole(broker.port) as hole:
        queue(broker)
        text = broker.connection().replace(":%d" % broker.port, ":%d" % hole.port)
        with System(text, 'idle_timeout = "2s"; step_timeout = "2s";') as d:
            d.runs("a test runs through a network")
            hole.swallow = True
            wait_until(lambda: not d.is_ready(), "the hole to be noticed")
            hole.swallow = False
            d.wait_ready()
            d.runs("a half-open connection is given up for a new one")
            counted(d, 2)


class Hole:
    """A proxy that can swallow what passes it, with every connection left open."""

    def __init__(self, to):
        self.to, self.swallow, self.ends = to, False, {}
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.over = False

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        for s in [self.server, *self.ends]:
            s.close()

    def run(self):
        while not self.over:
            for s in select.select([self.server, *self.ends], [], [], 0.1)[0]:
                if s is self.server:
                    a, b = s.accept()[0], socket.create_connection(("127.0.0.1", self.to))
                    self.ends[a], self.ends[b] = b, a
                    continue
                if s in self.ends:
                    self.move(s)

    def move(self, s):
        other, data = self.ends[s], s.recv(65536)
        if data and not self.swallow and other in self.ends:
            other.sendall(data)
        if not data:
            del self.ends[s]
            s.close()
        if not data and not self.swallow and other in self.ends:
            del self.ends[other]
            other.close()


def reconnects():
    """Lost again and again, with messages on their way (what it does to memory: tests/bench/reconnect.sh)."""
    with Broker() as broker:
        queue(broker)
        with System(broker.connection(), 'step_timeout = "5s";') as d:
            for verb in ("drop", "close", "detach", "expire") * (10 if FULL else 1):
                d.post_test(url="http://127.0.0.1:9/")  # the orchestrator refuses it
                broker.control(verb)
                time.sleep(5.5)  # so that it counts as a success
                d.wait_ready()
            d.runs("after %s of them a test runs" % ("many" if FULL else "a few"))


# --- it does not let us in ---

def refused():
    with Broker() as broker:
        queue(broker)
        broker.control("faults", refuse_claims=True)
        with System(broker.connection(), ready=False) as d:
            wait_until(lambda: d.warnings("no access"), lambda: "the refusal in\n" + d.log)
            tap.contains(d.warnings("no access")[0], "check the key", "a refused token is told, with the cure")
            tap.equal(d.get("/readyz", role="gateway").status, 503, "and not ready is said")
            broker.control("faults", refuse_claims=False)
            d.wait_ready()
            d.runs("once it is accepted all goes on")
            broker.control("faults", refuse_claims=True)
            broker.control("expire")
            wait_until(lambda: not d.is_ready(), "the end of the access")
            broker.control("faults", refuse_claims=False)
            d.wait_ready()
            d.runs("also when it was taken away in between")
    for auth in ("cbs", "plain"):
        with Broker() as broker, System(broker.connection(key="d3Jvbmc="), 'auth = "%s";' % auth, ready=False) as d:
            wait_until(lambda: d.warnings("key"), lambda: "the refusal in\n" + d.log)
            tap.ok(d.warnings("check the key"), "a wrong key (%s) is told, with the cure" % auth, d.log)


def unclaimed():
    """The service ends a connection that has no claim. It was not idle, and the next one is not better."""
    with Broker(claim_ms=5500) as broker:
        queue(broker)
        broker.control("faults", refuse_claims=True)
        with System(broker.connection(), ready=False) as d:
            wait_until(lambda: broker.control("counts")["connections"] >= 3, "more tries", 60)
            tap.equal(d.lines("idle connection"), [], "a connection without a claim is not called idle")
            tap.equal(len(d.warnings("")), 1, "and what is wrong is told in one line for all of them")
            tap.ok(d.warnings("check the key"), "that names the cure", d.log)
            broker.control("faults", refuse_claims=False)
            d.wait_ready()
            d.runs("until it is accepted")
    with Broker() as broker:
        broker.control("faults", bad_claims=True)
        with System(broker.connection(), ready=False) as d:
            wait_until(lambda: d.warnings("no access"), lambda: "the refusal in\n" + d.log)
            tap.ok("partition" not in d.warnings("no access")[0], "a token that is not understood is no matter of the queue",
                   d.warnings("no access"))


def unanswered():
    """No answer to an attach, or to a token: the connection is given up for a new one."""
    for fault, what in (("mute_attach", "no answer about the link to"), ("swallow", "no answer to the token")):
        with Broker() as broker:
            queue(broker)
            broker.control("faults", **{fault: True})
            with System(broker.connection(), 'step_timeout = "2s";', ready=False) as d:
                wait_until(lambda: d.warnings(what), lambda: "%s in\n%s" % (what, d.log))
                wait_until(lambda: broker.control("counts")["connections"] > 1, "another try")
                tap.equal(d.get("/readyz", role="gateway").status, 503, "not ready: " + what)
                broker.control("faults", **{fault: False})
                d.wait_ready()
                d.runs("%s: used once it answers" % fault)


def stopping():
    """A message that comes while this process stops goes back at once, and is nobody's attempt."""
    with Broker() as broker:
        broker.control("create", name=QUEUE, lock_ms=60000)
        with System(broker.connection()) as d:
            wait_until(lambda: any(broker.state(QUEUE)["readers"]), "credit")
            broker.control("faults", hold=True)
            plan = json.dumps({"body": {"hits_per_sec": 10, "duration_sec": 1, "workers": 1}, "messageId": "late"})
            status, out = broker.node("peer.js", "send", QUEUE, plan)
            tap.equal(status, 0, "a message that is on its way")
            tap.equal(d.stop(), 0, "while a process stops")
        wait_until(lambda: not broker.control("counts")["open"], "the end of its connection")
        left = broker.state(QUEUE)
        tap.equal(([m["id"] for m in left["waiting"]], left["locked"]), (["late"], []), "is there for the next")
        tap.equal(left["waiting"][0]["count"], 0, "as if nobody had seen it")


def absent():
    with Broker() as broker, System(broker.connection(), ready=False) as d:
        wait_until(lambda: d.warnings("could not be found"), lambda: "the refusal in\n" + d.log)
        tap.contains(d.warnings("could not be found")[0], "create the queue", "a missing queue is told, with the cure")


def wrong_tls():
    with Broker(tls=True) as broker, tempfile.TemporaryDirectory() as folder:
        ca = certificate(folder)[0]
        by_ip = broker.connection(tls=True).replace("localhost", "127.0.0.1")
        for text, trusted, what in ((broker.connection(tls=True), ca, "an unknown authority"),
                                    (broker.connection(tls=True), None, "an authority that the system does not know"),
                                    (by_ip, broker.ca, "a certificate for another name"),
                                    (broker.connection(tls=True).replace(str(broker.tls_port), str(broker.port)),
                                     broker.ca, "a port without TLS")):
            option = 'step_timeout = "2s"; ' + ('tls_ca = "%s";' % trusted if trusted else "")
            with System(text, option, ready=False) as d:
                wait_until(lambda: d.warnings("TLS") or d.warnings("SSL") or d.warnings("closed the connection")
                           or d.warnings("does not answer"), lambda: "a refusal in\n" + d.log)
                tap.ok(not d.is_ready(), "not connected: " + what)
                if "port" not in what:
                    tap.ok(d.warnings("tls_ca"), "with the cure", d.log)


# --- tokens ---

def renewal():
    with Broker() as broker:
        queue(broker)
        with System(broker.connection(), 'token_life = "10s";') as d:
            before = broker.control("counts")
            wait_until(lambda: broker.control("counts")["claims"] >= before["claims"] + 2, "two more tokens")
            after = broker.control("counts")
            tap.equal((after["connections"], after["attaches"]), (before["connections"], before["attaches"]),
                      "tokens are renewed before they expire: no link is lost")
            d.runs("and a test runs")


def signature(broker, seconds=3600, until=None):
    """A connection string with a SAS that holds so long, or until a Unix second."""
    uri = urllib.parse.quote("sb://localhost/" + QUEUE, safe="")
    until = until or int(time.time() + seconds)
    sig = hmac.new(KEY.encode(), ("%s\n%d" % (uri, until)).encode(), hashlib.sha256).digest()
    return ("Endpoint=sb://localhost:%d;SharedAccessSignature=SharedAccessSignature sr=%s&sig=%s&se=%d&skn=%s;"
            "UseDevelopmentEmulator=true;" % (broker.port, uri, urllib.parse.quote(base64.b64encode(sig), safe=""), until, KEY_NAME))


def shared_signature():
    """Who has no key but a signature, as long as it holds."""
    with Broker() as broker:
        queue(broker)
        with System(signature(broker, 8)) as d:
            d.runs("a test runs with a shared access signature")
            over = "in the connection string has expired"
            wait_until(lambda: d.warnings(over), lambda: "its end in\n" + d.log)
            tap.contains(d.warnings(over)[0], "put in a new one", "its end is told, with the cure")
            wait_until(lambda: not d.is_ready(), "and no more is promised")
        with System(signature(broker, -60), ready=False) as d:
            wait_until(lambda: d.warnings("has expired"), lambda: "the refusal in\n" + d.log)
            tap.equal(d.get("/readyz", role="gateway").status, 503, "an old one does not connect")
        before = broker.control("counts")["claims"]
        with System(signature(broker, until=99999999999)) as d:
            d.runs("a test runs with one that never ends")
            time.sleep(6)
            tap.equal(broker.control("counts")["claims"] - before, 1, "which is put once")


class Entra:
    """A token endpoint: one token for each assertion it knows."""

    def __init__(self, tokens, life):
        entra = self
        self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                entra.seen.append((self.path, form))
                token = tokens.get(form["client_assertion"][0])
                body = json.dumps({"access_token": token, "expires_in": life} if token else
                                  {"error": "invalid_client"}).encode()
                self.send_response(200 if token else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]


def workload_identity():
    entra = Entra({"assertion-1": "secret-jwt-1", "assertion-2": "secret-jwt-2"}, 8)
    with Broker(jwt=["secret-jwt-1", "secret-jwt-2"]) as broker, tempfile.TemporaryDirectory() as folder:
        queue(broker)
        token = os.path.join(folder, "token")
        with open(token, "w", encoding="utf-8") as f:
            f.write("assertion-0\n")
        text = "Endpoint=sb://localhost:%d;UseDevelopmentEmulator=true" % broker.port
        with System(text, ready=False, env={"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client",
                                            "AZURE_FEDERATED_TOKEN_FILE": token, "AZURE_AUTHORITY_HOST": entra.url}) as d:
            wait_until(lambda: d.warnings("gives no token"), lambda: "the refusal in\n" + d.log)
            tap.contains(d.warnings("gives no token")[0], "federated credential", "what Entra refuses is told, with the cure")
            for n in (1, 2):
                with open(token, "w", encoding="utf-8") as f:
                    f.write("assertion-%d\n" % n)
                wait_until(lambda: [f for _, f in entra.seen if f["client_assertion"] == ["assertion-%d" % n]],
                           "the file to be read again")
            path, form = entra.seen[-1]
            tap.equal((path, form["client_id"], form["scope"], form["grant_type"]),
                      ("/tenant/oauth2/v2.0/token", ["client"], ["https://servicebus.azure.net/.default"],
                       ["client_credentials"]), "the question is the one that Entra answers")
            d.wait_ready()
            d.runs("a test runs with a workload identity")


# --- secrets ---

def secrets():
    with Broker() as broker, tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "c")
        with open(conf, "w", encoding="utf-8") as f:
            f.write('transport = { plugin = "servicebus"; };\nroles = ( { plugin = "contract_transport"; } );')
        env = {"SERVICE_BUS_CONNECTION_STRING": broker.connection(), "SQUALL_PLUGIN_DIR": PLUGINS}
        for args in (("-c", conf, "--effective"), ("-c", conf, "-t"), ("--describe",)):
            r = squalld(*args, env=env)
            tap.equal(r.returncode, 0, "squalld %s" % args[-1])
            logs.append(r.stdout + r.stderr)
    crash = System(broker_connection_of_nobody(), ready=False)
    wait_until(lambda: crash.warnings("cannot connect"), "a line")
    crash.send_signal(signal.SIGABRT)
    crash.wait()
    crash.close()
    text = "\n".join(logs)
    for secret in (KEY, "d3Jvbmc=", "sig=", "secret-jwt", "assertion-0", "assertion-1", "assertion-2"):
        tap.ok(secret not in text, "no log holds %s" % (secret if secret.startswith("assertion") else secret[:6]), [x for x in text.splitlines() if secret in x][:3])
    tap.ok("frame" in text, "though frames are traced")


def broker_connection_of_nobody():
    return "Endpoint=sb://localhost:%d;SharedAccessKeyName=n;SharedAccessKey=%s;UseDevelopmentEmulator=true" % (
        free_port(), KEY)


PARTS = {"leaves": leaves, "while_running": while_running, "busy": busy, "unwanted": unwanted,
         "unanswered_sends": unanswered_sends,
         "unanswered_settlements": unanswered_settlements, "asleep": asleep, "twice": twice, "stopped": lambda: stopped(60 if FULL else 3),
         "silent": silent, "reconnects": reconnects,
         "refused": refused, "unclaimed": unclaimed, "unanswered": unanswered, "stopping": stopping,
         "shared_signature": shared_signature, "absent": absent, "wrong_tls": wrong_tls, "renewal": renewal,
         "workload_identity": workload_identity, "secrets": secrets}

why = missing()
if why:
    tap.skip("faults of Service Bus", why)
    tap.done()
for name in sys.argv[1:] or PARTS:
    print("# " + name, flush=True)
    PARTS[name]()
tap.done()
