#!/usr/bin/python3
"""Strange servers, with and without TLS: every request ends in exactly one class, and none stops the engine."""
import json
import os
import shutil
import socket
import ssl
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from odd_server import OddServer  # noqa: E402
from odd_tls import Office, OddTls  # noqa: E402
from squall import Squalld, Tap, free_port  # noqa: E402

tap = Tap()
folder = tempfile.mkdtemp(prefix="squall-test-")
COUNT = 20


class Run:
    """A worker of its own: 20 requests in 0.4 s, unless the plan says otherwise."""

    def __init__(self, url, **plan):
        plan = {"url": url, "hits_per_sec": 50, "duration_sec": COUNT / 50, "drain_sec": 10, **plan}
        conf = 'roles = ({ plugin = "worker"; method = "GET"; output = "json"; allow_invalid = true; });'
        with Squalld(conf, env={"SQUALL_PLAN": json.dumps(plan)}, ready=False) as d:
            self.code = d.wait()
            self.log = d.log
            self.doc = json.loads(d.out) if d.out else None
        self.ledger = self.doc["ledger"] if self.doc else None

    def classes(self):
        got = {"ok": self.ledger["ok"], "in_flight": self.ledger["in_flight_at_end"]}
        for group in ("http_error", "error", "unsent", "dropped"):
            got.update(self.ledger[group])
        return {k: v for k, v in got.items() if v}

    def balances(self):
        l = self.ledger
        sent = sum(l["sent"].values())
        return (l["balanced"] and l["scheduled"] == sent + sum(l["unsent"].values()) + sum(l["dropped"].values())
                and sent == l["ok"] + sum(l["http_error"].values()) + sum(l["error"].values()) + l["in_flight_at_end"])

    def what(self, kind):
        """The text of the first sample of that kind."""
        samples = self.doc["samples"]["errors"][kind]
        return samples[0]["what"] if samples else ""


def check(name, run, text=None, scheduled=COUNT, **classes):
    tap.equal(run.ledger and run.ledger["scheduled"], scheduled, "%s: every request is scheduled" % name)
    tap.ok(run.balances(), "%s: the ledger balances" % name, run.ledger)
    tap.equal(run.classes(), classes, "%s: its class" % name)
    if text:
        kind = next(iter(classes))
        kind = "unsent" if kind in ("dns", "connect", "tls") else kind
        tap.contains(run.what(kind), text, "%s: and why" % name)
    return run


def test_answers():
    with OddServer() as server:
        for manner in ("early_hints", "http10", "http10_keep", "not_modified", "split", "big_head", "lengths_agree",
                       "extra", "204", "chunked"):
            check(manner, Run(server.url("/" + manner)), ok=COUNT)
        check("HEAD", Run(server.url("/length"), method="HEAD"), ok=COUNT)
        check("HEAD that gets a body", Run(server.url("/ok"), method="HEAD"), ok=COUNT)


def test_errors():
    cases = (("huge_head", "protocol", "too large"), ("both_framings", "protocol", "conflicting"),
             ("bad_length", "protocol", "Content-Length"), ("bad_chunk", "protocol", "chunk"),
             ("coding", "protocol", "coding"), ("nul", "protocol", "header"), ("http2", "protocol", "HTTP"),
             ("two_lengths", "protocol", "conflicting"), ("garbage", "protocol", "HTTP"),
             ("half_head", "reset", "in the middle"), ("reset_at_once", "reset", "reset"),
             ("early", "reset", "in the middle"))
    with OddServer() as server:
        for manner, kind, text in cases:
            check(manner, Run(server.url("/" + manner)), **{kind: COUNT})
            run = Run(server.url("/" + manner), hits_per_sec=5)
            tap.contains(run.what(kind).lower(), text.lower(), "%s: and why" % manner)


def test_timeouts():
    with OddServer() as server:
        for manner, text in (("never", "first byte"), ("endless", "receive"), ("endless_interim", "receive"),
                             ("stall", "receive")):
            run = Run(server.url("/" + manner), timeout_ms=300, patience_ms=5000)
            check(manner, run, text=text, timeout=COUNT)
        run = Run(server.url("/never"), timeouts_ms={"first_byte": 200, "total": 5000})
        check("first_byte", run, text="timeouts_ms.first_byte", timeout=COUNT)
        run = Run(server.url("/stall"), timeouts_ms={"first_byte": 200, "total": 600})
        check("first_byte has come", run, text="receive", timeout=COUNT)
    # Nobody accepts, and the queue of connections is full: what comes then is not even answered.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(3):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(full.getsockname())
            waiting.append(s)
        run = Run("http://127.0.0.1:%d/" % full.getsockname()[1], timeouts_ms={"connect": 300})
        tap.equal((run.code, run.doc["reason"]), (97, "target_unreachable"), "connect: nobody accepts in time")
        tap.contains(run.log, "connection timed out", "connect: and why")
        for s in waiting:
            s.close()


def test_race():
    with OddServer() as server:
        run = Run(server.url("/once"))
        tap.ok(run.balances(), "race: the ledger balances", run.ledger)
        tap.equal(sum(run.classes().values()), COUNT, "race: all are in a class")
        # Two that are late together do not meet on one connection.
        tap.ok(0 < run.classes().get("reset", 0) <= COUNT // 2, "race: at most every second one meets it", run.classes())
        tap.contains(run.what("reset"), "keep-alive race", "race: and it is named")


def test_connections():
    with OddServer() as server:
        for most, opened in ((1, COUNT), (5, COUNT // 5), (0, 1)):
            before = server.accepted
            run = check("%d requests per connection" % most,
                        Run(server.url("/ok"), requests_per_connection=most, max_connections=1), ok=COUNT)
            tap.equal(run.doc["connections"]["opened"], opened, "%d requests per connection: opened" % most)
            tap.equal(server.accepted - before, opened + 1, "%d requests per connection: and one try before" % most)


def test_places():
    port = free_port()
    with OddServer() as server, OddServer(address="127.0.0.2", port=server.port) as second:
        more = {"resolve": ["a.example.invalid:%d:127.0.0.1,127.0.0.2" % server.port]}
        check("resolve", Run(server.url("/ok", "a.example.invalid"), **more, requests_per_connection=1), ok=COUNT)
        tap.equal((server.count("/ok"), second.count("/ok")), (COUNT // 2, COUNT // 2), "resolve: both get their half")
        more = {"connect_to": ["b.example.invalid:%d:127.0.0.2:%d" % (port, second.port)]}
        check("connect_to", Run("http://b.example.invalid:%d/to" % port, **more), ok=COUNT)
        tap.equal(second.count("/to"), COUNT, "connect_to: it went there")
        more = {"resolve": ["c.example.invalid:80:169.254.169.254"]}
        run = Run("http://c.example.invalid/", **more)
        tap.contains(run.log, "never loaded", "resolve: what is never loaded is not loaded that way")
    path = os.path.join(folder, "odd.sock")
    with OddServer(socket.AF_UNIX, path) as server:
        run = check("unix socket", Run("http://a.example.invalid/ok", unix_socket=path), ok=COUNT)
        tap.equal(server.count("/ok"), COUNT, "unix socket: it went there")
    if socket.has_ipv6:
        with OddServer(socket.AF_INET6, "::1") as server:
            check("IPv6", Run(server.url("/ok", "[::1]")), ok=COUNT)


def test_full_sockets(office, good):
    """Requests that the socket does not take at once."""
    body = "x" * 120000 + "END"
    for server, more in ((OddServer(), {}), (OddTls(good), {"tls": {"ca": office.ca}})):
        with server:
            server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            name = server.scheme + " with a full socket"
            check(name, Run(server.url("/swallow", "localhost"), method="POST", body=body, **more), ok=COUNT)
            run = check(name + ", answered early",
                        Run(server.url("/too_early", "localhost"), method="POST", body=body, **more), **{"413": COUNT})
            tap.equal(run.doc["connections"]["reused"], 0, name + ", answered early: its connection is not used again")


def test_policy():
    with OddServer() as server:
        run = Run(server.url("/ok"), allowed_targets=["http://other.example"])
        tap.equal((run.code, run.doc["reason"]), (97, "refused"), "policy: the worker looks at it too")
        tap.contains(run.log, "allowed_targets", "policy: with its cure")
        check("policy", Run(server.url("/ok"), allowed_targets=["127.0.0.0/8"]), ok=COUNT)


def test_tls(office, good):
    trust = {"tls": {"ca": office.ca}}
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLS 1.2"), (ssl.TLSVersion.TLSv1_3, "TLS 1.3")):
        with OddTls(good, versions=version) as server:
            for manner in ("ok", "bytewise", "chunked", "split", "big_head", "close", "notify", "length_no_notify",
                           "extra", "early_hints", "204"):
                check("%s %s" % (name, manner), Run(server.url("/" + manner, "localhost"), **trust), ok=COUNT)
            tap.equal((server.names, server.alpn), ({"localhost"}, {"http/1.1"}), "%s: SNI and ALPN" % name)
            for manner, kind, text in (("no_notify", "reset", "close_notify"), ("notify_early", "reset", "middle"),
                                       ("gone", "reset", "without an answer"), ("cleartext", "protocol", "TLS"),
                                       ("bad_record", "protocol", "TLS"), ("garbage", "protocol", "HTTP")):
                run = Run(server.url("/" + manner, "localhost"), **trust)
                check("%s %s" % (name, manner), run, text=text, **{kind: COUNT})
            body = "x" * 100000
            run = Run(server.url("/ok", "localhost"), method="POST", body=body, requests_per_connection=1, **trust)
            tap.ok(run.balances(), "%s: a big body: the ledger balances" % name, run.ledger)
            run = Run(server.url("/ok", "localhost"), requests_per_connection=1, **trust)
            tap.equal((run.doc["connections"]["tls_full"], run.doc["connections"]["tls_resumed"]), (COUNT, 0),
                      "%s: each handshake is a full one" % name)
            tap.equal(run.doc["phases_ms"]["tls"]["count"], COUNT, "%s: and is measured" % name)
            trust["tls"]["resume"] = True
            run = Run(server.url("/ok", "localhost"), requests_per_connection=1, **trust)
            del trust["tls"]["resume"]
            tap.ok(run.doc["connections"]["tls_resumed"] > 0, "%s: or a resumed one, when wanted" % name,
                   run.doc["connections"])


def test_certificates(office, good):
    trust = {"tls": {"ca": office.ca}}
    stranger = Office(folder, "stranger")
    cases = (("expired", office.issue("DNS:localhost", expired=True), "certificate has expired"),
             ("another name", office.issue("DNS:other.example"), "does not match host name (it is for other.example)"),
             ("another issuer", stranger.issue("DNS:localhost"), "unable to get local issuer"))
    for name, paper, words in cases:
        with OddTls(paper) as server:
            run = Run(server.url("/ok", "localhost"), **trust)
            tap.equal((run.code, run.doc["reason"]), (97, "target_unreachable"), "%s: it does not begin" % name)
            tap.contains(run.log, words, "%s: and why" % name)
            tap.contains(run.log, "-k", "%s: and what to do" % name)
            check("%s, insecure" % name, Run(server.url("/ok", "localhost"), tls={"insecure": True}), ok=COUNT)
    with OddTls(good) as server:
        run = Run(server.url("/ok", "localhost"))
        tap.contains(run.log, "issuer", "the system's authorities do not know ours")
        check("by address", Run(server.url("/ok"), **trust), ok=COUNT)
    cert, key = office.issue("DNS:me", client=True)
    with OddTls(good, client_ca=office.ca) as server, open(cert, encoding="ascii") as c, open(key, encoding="ascii") as k:
        own = {"tls": {"ca": office.ca, "cert": c.read(), "key": k.read()}}
        run = check("a client's certificate", Run(server.url("/ok", "localhost"), **own), ok=COUNT)
        tap.ok("PRIVATE" not in json.dumps(run.doc) and "PRIVATE" not in run.log, "its key is in no result")
        # In TLS 1.3 the server says so after the handshake, perhaps when the load has begun already.
        run = Run(server.url("/ok", "localhost"), **trust)
        tap.ok(run.balances() and run.ledger["ok"] == 0, "without it nothing is ok, and the ledger balances", run.ledger)
        tap.ok(run.code in (97, 99) and "certificate required" in run.log + json.dumps(run.doc), "and why", run.code, run.log)
    with OddTls(good, client_ca=office.ca, versions=ssl.TLSVersion.TLSv1_2) as server:
        run = Run(server.url("/ok", "localhost"), **trust)
        tap.equal((run.code, run.doc["reason"]), (97, "target_unreachable"), "without it, TLS 1.2: it does not begin")
        tap.contains(run.log, "handshake failure", "without it, TLS 1.2: and why")


def test_turns_bad(office, good):
    """The certificate is another one once the load has begun."""
    cases = (("expires", office.issue("DNS:localhost", expired=True), "expired"),
             ("becomes another's", office.issue("DNS:other.example"), "does not match host name"))
    for name, paper, words in cases:
        with OddTls(good) as server, OddTls(paper) as bad:
            wrap = server.wrap

            def wrap_later(connection, seen=[]):
                if seen:
                    server.context = bad.context
                seen.append(connection)
                return wrap(connection)

            server.wrap = wrap_later
            run = check("a certificate that " + name, Run(server.url("/ok", "localhost"), tls={"ca": office.ca}), text=words,
                        tls=COUNT)
            phases = run.doc["samples"]["errors"]["unsent"][0]["phases_ms"]
            tap.ok(phases["dns"] is None and phases["connect"] > 0 and phases["tls"] > 0 and phases["first_byte"] is None,
                   "%s: what was measured of it" % name, phases)


def test_slow_tls(office, good):
    with OddTls(good, slow=1.0) as server:
        run = Run(server.url("/ok", "localhost"), tls={"ca": office.ca}, timeouts_ms={"tls": 300})
        tap.equal(run.code, 97, "a slow handshake: it does not begin")
        tap.contains(run.log, "took too long", "a slow handshake: and why")
    with OddTls(good) as server:  # slow only once the load has begun
        url, more = server.url("/ok", "localhost"), {"tls": {"ca": office.ca}}
        accept = server.wrap

        def slow_later(connection, first=[True]):
            server.slow = 0 if first[0] else 1.5
            first[0] = False
            return accept(connection)

        server.wrap = slow_later
        check("slow later", Run(url, timeouts_ms={"tls": 300}, max_connections=COUNT, **more), text="timeouts_ms.tls",
              tls=COUNT)
    with OddServer() as server:  # no TLS at all
        run = Run(server.url("/ok").replace("http:", "https:"), tls={"insecure": True}, timeouts_ms={"tls": 500})
        tap.equal((run.code, run.doc["reason"]), (97, "target_unreachable"), "a server without TLS: it does not begin")


try:
    test_answers()
    test_errors()
    test_timeouts()
    test_race()
    test_connections()
    test_places()
    test_policy()
    if shutil.which("openssl"):
        the_office = Office(folder)
        paper_for_all = the_office.issue("DNS:localhost,IP:127.0.0.1")
        test_tls(the_office, paper_for_all)
        test_certificates(the_office, paper_for_all)
        test_turns_bad(the_office, paper_for_all)
        test_slow_tls(the_office, paper_for_all)
        test_full_sockets(the_office, paper_for_all)
    else:
        tap.skip("TLS", "the program openssl is not installed")
finally:
    shutil.rmtree(folder, ignore_errors=True)
tap.done()
