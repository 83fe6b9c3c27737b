#!/usr/bin/python3
"""The standalone worker: every request stands in the class where it belongs, whatever the target does."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from odd_server import OddServer  # noqa: E402
from squall import PLUGINS, PROGRAM, SOURCE, Squalld, Tap, environment, free_port, squalld, wait_until  # noqa: E402

tap = Tap()


def conf(url, **options):
    """Options as text of a .conf. The machine of a test may be busy: the generator's verdict is no exit code."""
    values = {"target_url": url, "hits_per_sec": 50, "duration_sec": 1, "output": "json", "allow_invalid": True}
    values.update(options)
    words = "".join("%s = %s; " % (k, json.dumps(v)) for k, v in values.items())
    return 'roles = ({ plugin = "worker"; %s});' % words


def variable(plan):
    return {"SQUALL_PLAN": json.dumps(plan)} if plan else None


class Run:
    def __init__(self, url, plan=None, **options):
        with Squalld(conf(url, **options), env=variable(plan), ready=False) as d:
            self.code = d.wait()
            self.read(d)

    def read(self, d):
        self.log = d.log
        self.doc = json.loads(d.out)
        self.ledger = self.doc["ledger"]

    @property
    def sent(self):
        return sum(self.ledger["sent"].values())

    def balances(self, l=None):
        """By our own addition, not by the word of the document. l: that of a part."""
        l = l or self.ledger
        sent = sum(l["sent"].values())
        first = (sent + sum(l["unsent"].values()) + sum(l["dropped"].values()) + l["unconfirmed"])
        second = (l["ok"] + sum(l["http_error"].values()) + l["check_failed"] + sum(l["error"].values())
                  + l["in_flight_at_end"])
        return l["balanced"] is True and l["scheduled"] == first and sent == second


def check(name, run, scheduled, code, **classes):
    """classes: the only ones that are not 0, by name."""
    got = {"ok": run.ledger["ok"], "in_flight_at_end": run.ledger["in_flight_at_end"]}
    for group in ("http_error", "error", "unsent", "dropped"):
        got.update(run.ledger[group])
    got = {k: v for k, v in got.items() if v}
    tap.equal(run.ledger["scheduled"], scheduled, "%s: every request is scheduled" % name)
    tap.ok(run.balances(), "%s: the ledger balances" % name, run.ledger)
    tap.equal(got, {k.lstrip("_"): v for k, v in classes.items()}, "%s: its class" % name)
    tap.equal(run.code, code, "%s: exit status" % name)


def test_manners():
    good = ("ok", "bytewise", "chunked", "204", "close", "until_close", "interim", "301", "extra")
    with OddServer() as server:
        for manner in good:
            run = Run(server.url("/" + manner))
            check(manner, run, 50, 0, ok=50)
            tap.equal(server.count("/" + manner), 50, "%s: the target counted as many" % manner)
        tap.equal(len(server.tests), len(good), "each run names itself to the target")
        for code in (404, 500, 503):
            check(str(code), Run(server.url("/%d" % code)), 50, 99, **{"_%d" % code: 50})
        for manner in ("gone", "early", "reset"):
            check(manner, Run(server.url("/" + manner)), 50, 99, reset=50)
        for manner in ("garbage", "two_lengths"):
            check(manner, Run(server.url("/" + manner)), 50, 99, protocol=50)
        for manner in ("never", "stall"):
            run = Run(server.url("/" + manner), timeout="300ms", patience="30s")
            check(manner, run, 50, 99, timeout=50)
            tap.equal(run.doc["latency_ms"]["service"]["censored"], 50, "%s: lower bounds" % manner)


def test_quits():
    """Closed behind an answer: a connection that is known to be closed is not used, one that is not may be."""
    with OddServer() as server:
        run = Run(server.url("/quits"))
    tap.ok(run.balances(), "quits: the ledger balances", run.ledger)
    tap.equal(run.ledger["ok"] + run.ledger["error"]["reset"], 50, "quits: answered, or reset by the race")
    tap.ok(run.ledger["ok"] >= 45, "quits: the race is rare", run.ledger)


def test_accepts_nothing():
    with OddServer(accepts=False) as server:
        run = Run(server.url("/"))
    tap.ok(run.balances(), "accept and close: the ledger balances", run.ledger)
    tap.equal(run.ledger["error"]["reset"] + run.ledger["unsent"]["connect"], 50, "accept and close: nothing is ok")
    tap.equal(run.code, 99, "accept and close: exit status")


def test_limits():
    with OddServer() as server:
        run = Run(server.url("/never"), timeout="5s", drain="200ms", max_connections=5, patience="100ms")
        tap.ok(run.balances(), "limits: the ledger balances", run.ledger)
        tap.equal(run.ledger["in_flight_at_end"], 5, "limits: the drain ends with five in flight")
        tap.equal(run.ledger["dropped"]["patience"] + run.ledger["dropped"]["aborted"], 45, "limits: the others waited")
        run = Run(server.url("/never"), timeout="5s", drain="100ms", max_connections=5, max_in_flight=5)
        check("max_in_flight", run, 50, 99, in_flight_at_end=5, max_in_flight=45)


def test_latency():
    with OddServer() as server:
        run = Run(server.url("/slow"), hits_per_sec=10)
    latency = run.doc["latency_ms"]
    check("90 ms", run, 10, 0, ok=10)
    for which in ("service", "response"):
        tap.equal(latency[which]["count"], 10, "90 ms: each stands in %s" % which)
        tap.ok(latency[which]["p50"] >= 90, "90 ms: p50 of %s is not less" % which, latency[which])
    tap.ok(latency["lag"]["p50"] <= latency["response"]["p50"] - 90 + 1, "90 ms: lag and service make the response")
    tap.equal(run.doc["rate"]["offered"], 10, "90 ms: offered as asked")


def test_document():
    with OddServer() as server:
        run = Run(server.url("/ok"))
    doc = run.doc
    for member, want in (("schema", "squall.result/1"), ("state", "completed"),
                         ("status", {"200": 50})):
        tap.equal(doc[member], want, "document: %s" % member)
    tap.equal(doc["audit"]["status"], "n/a", "document: a foreign target has no audit")
    tap.equal(doc["workers"]["planned"], 1, "document: one worker")
    tap.equal(doc["effective_plan"]["timeout_ms"], 30000, "document: defaults are written out")
    tap.equal(doc["connections"]["reused"] + doc["connections"]["opened"], 50, "document: each request had a connection")
    tap.ok(doc["validity"]["status"] in ("valid", "suspect", "invalid"), "document: a verdict on the generator")
    tap.equal(doc["verdict"], "none" if doc["validity"]["status"] == "invalid" else "pass", "document: verdict")
    tap.ok({doc["test_id"]} == server.tests, "document: the id that the target saw")
    tap.ok(doc["bytes"]["received"] == 50 * len(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "document: bytes")


def test_stopped():
    with OddServer() as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            before = server.count("/ok")
            with Squalld(conf(server.url("/ok"), duration_sec=600), ready=False) as d:
                wait_until(lambda: server.count("/ok") >= before + 5, "requests")
                code = d.stop(number)
                run = Run.__new__(Run)
                run.read(d)
            name = signal.Signals(number).name
            tap.equal(code, 97, "%s: exit status" % name)
            tap.equal(run.doc["state"], "cancelled", "%s: state" % name)
            tap.equal(run.ledger["scheduled"], 30000, "%s: the whole plan is accounted for" % name)
            tap.ok(run.balances(), "%s: the ledger balances" % name, run.ledger)
            tap.equal(run.ledger["ok"] + run.ledger["dropped"]["aborted"], 30000, "%s: sent, or aborted" % name)
            tap.equal(run.sent, server.count("/ok") - before, "%s: the target counted as many" % name)
        with Squalld(conf(server.url("/never"), duration_sec=600), ready=False) as d:
            wait_until(lambda: server.count("/never") >= 5, "requests")
            code = d.stop()
            run = Run.__new__(Run)
            run.read(d)
        tap.equal(code, 97, "stopped with requests in flight: exit status")
        tap.ok(run.ledger["in_flight_at_end"] >= 5 and run.balances(), "stopped: they are booked", run.ledger)
        before = server.count("/never")
        with Squalld(conf(server.url("/never")), ready=False) as d:
            wait_until(lambda: server.count("/never") >= before + 50, "all requests")
            time.sleep(0.5)  # into the drain
            code = d.stop()
            run.read(d)
        tap.equal((code, run.doc["state"]), (97, "cancelled"), "stopped in the drain: cancelled")
        tap.equal(run.doc["rate"]["offered"], 50, "stopped in the drain: the rate that was asked")
        tap.ok(run.doc["elapsed_ms"] < 1450, "stopped in the drain: which is no part of the load", run.doc["elapsed_ms"])


def test_no_output():
    """A result that nobody can read is no success."""
    with OddServer() as server:
        read_end, write_end = os.pipe()
        os.close(read_end)
        for output, words in ((os.open("/dev/full", os.O_WRONLY), "No space left on device"), (write_end, "Broken pipe")):
            with Squalld(conf(server.url("/ok")), ready=False, stdout=output) as d:
                tap.equal(d.wait(), 97, "%s: exit status" % words)
                tap.contains(d.log, "the result cannot be written to standard output: " + words, "and told why")
            os.close(output)
        with Squalld(conf(server.url("/ok")), ready=False) as d:
            d.wait()
            done = subprocess.run(["/bin/sh", "-c", 'exec "$0" "$@" >&-', PROGRAM, "-c", d.conf, "-p", PLUGINS],
                                  stderr=subprocess.PIPE, text=True, env=environment())
        tap.equal(done.returncode, 97, "standard output is closed: exit status")
        tap.contains(done.stderr, "standard output: Bad file descriptor", "and no file has taken its place")


def test_target_dies():
    server = OddServer()
    with Squalld(conf(server.url("/ok"), duration_sec=2), ready=False) as d:
        wait_until(lambda: server.count("/ok") >= 20, "requests")
        server.close()
        d.wait()
        run = Run.__new__(Run)
        run.read(d)
    tap.equal(run.doc["state"], "completed", "the target dies: the run goes on")
    tap.equal(run.ledger["scheduled"], 100, "the target dies: to its end")
    tap.ok(run.balances(), "the target dies: the ledger balances", run.ledger)
    tap.ok(run.ledger["ok"] >= 19, "the target dies: what was answered", run.ledger)
    tap.ok(run.ledger["unsent"]["connect"] > 0, "the target dies: what could not be sent", run.ledger)


def test_unreachable():
    port = free_port()
    cases = (
        ("http://127.0.0.1:%d/hit" % port,
         "cannot connect to 127.0.0.1:%d (connection refused): is the target running there?" % port),
        ("http://no.such.host.invalid/", "no.such.host.invalid"),
        ("http://169.254.169.254/latest", "target 169.254.169.254 is never loaded"),
    )
    for url, words in cases:
        run = Run(url)
        tap.equal(run.code, 97, "%s: exit status" % url)
        tap.equal((run.doc["state"], run.doc["reason"]), ("failed", "target_unreachable"), "%s: reason" % url)
        tap.equal(run.ledger["scheduled"], 0, "%s: nothing was sent" % url)
        tap.contains(run.log, words, "%s: words" % url)
        with Squalld(conf(url, output="text"), ready=False) as d:
            tap.equal((d.wait(), d.out), (97, ""), "%s: as text, the line in the log is all" % url)


def test_localhost():
    families = {info[0] for info in socket.getaddrinfo("localhost", 80)}
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        if len(families) < 2:
            tap.skip("localhost with one dead address", "localhost has one address here")
            continue
        with OddServer(family, address) as server:
            run = Run(server.url("/ok", "localhost"))
        check("localhost, %s alone" % address, run, 50, 0, ok=50)
        tap.contains(run.log, "is left out (connection refused)", "the dead address is named")


def test_text():
    """As the README of the original system runs it: three variables and the sample file."""
    env = {"HITS_PER_SEC": "20", "DURATION_SEC": "3"}
    with OddServer() as server:
        env["TARGET_URL"] = server.url("/ok", "localhost")
        done = squalld("-c", os.path.join(SOURCE, "conf/worker.conf"), "-p", PLUGINS, env=env)
    lines = done.stdout.splitlines()
    tap.ok(done.returncode in (0, 98), "variables: exit status", done.returncode, done.stderr)
    tap.equal(server.count("/ok"), 60, "variables: 20/s for 3 s are 60 requests")
    tap.contains(lines[0], "20", "text: a headline first")
    tap.ok(any(line.startswith("1/3 s") for line in lines) and any(line.startswith("2/3 s") for line in lines),
           "text: a line a second", done.stdout)
    tap.contains(done.stdout, "60 scheduled = 60 sent", "text: the ledger")
    tap.ok(all(len(line) <= 80 for line in lines), "text: 80 columns", done.stdout)


def test_bad_options():
    for options, words in (({"target_url": "ftp://x/"}, "ftp"), ({"hits_per_sec": 0}, "hits_per_sec"), ({"method": "G T"}, "method"),
                           ({"timer": "exact"}, "timer")):
        with Squalld(conf(options.pop("target_url", "http://x/"), **options), ready=False) as d:
            tap.equal(d.wait(), 2, "%s: exit status" % words)
            tap.contains(d.log, words, "%s: is named" % words)


def test_bad_plans():
    for plan, words in (("{", "plan is not JSON"), ("[]", "plan must be a JSON object"), ("null", "plan must be a JSON object"),
                        ('{"tls": {"ca": "/etc/ssl/ca.pem"}}', "tls: ca must be"), ('{"speed": 1}', "speed"),
                        ('{"workers": 2}', "workers: 2 cannot be had"), ('{"stages": 1}', "stages: must be"),
                        ('{"mode": "closed", "hits_per_sec": 5}', "hits_per_sec: has no meaning in the closed model")):
        with Squalld(conf("http://x/"), env={"SQUALL_PLAN": plan}, ready=False) as d:
            tap.equal(d.wait(), 1, "plan %s: exit status" % words)
            tap.contains(d.log, words, "plan %s: is named" % words)


def test_probe():
    with OddServer() as server, Squalld(conf("http://127.0.0.1:%d/" % free_port()), env=variable({"url": server.url("/ok")}), ready=False) as d:
        d.wait()
        done = squalld("-t", "--connect", "-c", d.conf, "-p", PLUGINS, env=variable({"url": server.url("/ok")}))
        tap.ok(done.returncode == 0, "-t --connect: the target is that of the plan", done.stdout, done.stderr)


# --- all that a plan can say, without an orchestrator ---

class Echo(OddServer):
    """Fails, and shows what it was sent, as error pages do."""

    def answer(self, connection, head):
        connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head.encode()))


def test_requests():
    plan = {"requests": [{"name": "good", "weight": 3, "path": "/ok"}, {"name": "lost", "weight": 1, "path": "/404"}]}
    with OddServer() as server:
        run = Run(server.url("/"), plan, hits_per_sec=40)
        check("several requests", run, 40, 0, ok=30, _404=10)
        tap.equal((server.count("/ok"), server.count("/404")), (30, 10), "several requests: the target counted as many")
        parts = run.doc["requests"]
        tap.equal({name: p["ledger"]["scheduled"] for name, p in parts.items()}, {"good": 30, "lost": 10}, "each has its results")
        tap.ok(all(run.balances(p["ledger"]) for p in parts.values()), "which balance", parts)
        tap.equal((parts["good"]["latency_ms"]["response"]["count"], run.doc["latency_ms"]["response"]["count"]), (30, 40),
                  "times of each, and of all")
        tap.equal({s["request"] for s in run.doc["samples"]["errors"]["http"]}, {"lost"}, "a sample says whose it is")
        with Squalld(conf(server.url("/"), output="text", hits_per_sec=100, duration_sec=2), env=variable(plan), ready=False) as d:
            d.wait()
            lines = [line.split() for line in d.out.splitlines() if line.startswith("1/2 s")]
            tap.ok(lines and int(lines[0][2]) >= 50, "lines of progress count all of them", d.out)
            tap.contains(d.out, "200 scheduled = 200 sent", "and so does the text")
    with Echo() as server:
        run = Run(server.url("/"), {"requests": [{"name": "a", "headers": {"Authorization": "Bearer hush-hush"}}]}, hits_per_sec=5)
    tap.ok("hush" not in json.dumps(run.doc) and "Authorization: ***" in run.doc["samples"]["errors"]["http"][0]["body"],
           "what a target shows of a secret is not shown", run.doc["samples"]["errors"]["http"][:1])


def test_warmup():
    with OddServer() as server:
        run = Run(server.url("/ok"), {"warmup_sec": 2}, hits_per_sec=10)
        check("warm-up", run, 10, 0, ok=10)
        tap.equal(server.count("/ok"), 30, "warm-up: the target got both")
        warmup = run.doc["warmup"] or {"ledger": {"scheduled": 0}}
        tap.equal((warmup["ledger"]["scheduled"], warmup["ledger"].get("ok")), (20, 20), "warm-up: has a ledger of its own")
        tap.ok(run.doc["warmup"] and run.balances(warmup["ledger"]), "warm-up: which balances", warmup)
        tap.ok(1000 <= run.doc["elapsed_ms"] < 2500, "warm-up: is no part of the load", run.doc["elapsed_ms"])
        with Squalld(conf(server.url("/ok")), env=variable({"warmup_sec": 600}), ready=False) as d:
            wait_until(lambda: server.count("/ok") >= 35, "requests")
            code = d.stop()
            run.read(d)
    tap.equal((code, run.doc["state"]), (97, "cancelled"), "stopped in the warm-up")
    warmup = run.doc["warmup"] or {"ledger": run.ledger}
    tap.ok(run.balances() and run.balances(warmup["ledger"]), "both ledgers balance", run.ledger, warmup)
    tap.equal((warmup["ledger"]["scheduled"], run.ledger["dropped"]["aborted"]), (30000, 50), "and hold the whole plan")


def test_stages():
    with OddServer() as server:
        run = Run(server.url("/ok"), {"stages": [{"duration_sec": 1, "hits_per_sec": 40}]}, duration_sec=60)
        check("stages", run, 20, 0, ok=20)
        plan = run.doc["effective_plan"]
        tap.equal((plan["hits_per_sec"], plan["duration_sec"]), (0, 1), "stages: begin with nothing, and last as long as they say")
        run = Run(server.url("/ok"), {"stages": [{"duration_sec": 1, "hits_per_sec": 40}], "hits_per_sec": 40})
        check("stages with a rate", run, 40, 0, ok=40)
        run = Run(server.url("/ok"), {"max_requests": 25, "hits_per_sec": 50}, duration_sec=60)
        check("max_requests", run, 25, 0, ok=25)
        tap.equal(run.doc["effective_plan"]["duration_sec"], 0.5, "max_requests: as long as they take")


def test_closed():
    with OddServer() as server:
        run = Run(server.url("/ok"), {"mode": "closed", "connections": 3, "max_requests": 60})
        check("closed", run, 60, 0, ok=60)
        tap.equal((server.count("/ok"), run.doc["connections"]["opened"]), (60, 3), "closed: on three connections")
        tap.equal((run.doc["effective_plan"]["hits_per_sec"], run.doc["rate"]["offered"]), (0, None), "closed: nothing is asked for")
        run = Run(server.url("/slow"), {"mode": "closed", "connections": 2}, duration_sec=1)
        tap.ok(run.balances() and 2 <= run.ledger["ok"] <= 24 and run.code == 0, "closed, for a time", run.ledger, run.code)


def thresholds(run):
    return run.doc["thresholds"]


def test_windows():
    holds = {"http_req_failed": [{"threshold": "rate<0.5", "window": "1s"}]}
    with OddServer() as server:
        run = Run(server.url("/ok"), {"thresholds": holds}, duration_sec=3)
        check("a window that holds", run, 150, 0, ok=150)
        row = thresholds(run)[0]
        tap.ok(row["decided"] and row["ok"] in (True, None) and row["value"] == 0, "a window that holds: its row", row)  # null: a busy machine
        run = Run(server.url("/404"), {"thresholds": holds}, duration_sec=3)
        check("a window that fails", run, 150, 99, _404=150)
        row = thresholds(run)[0]
        tap.ok(row["ok"] is False and row["value"] == 1 and row["why"].startswith("in the window that ended"), "its row", row)
        tap.equal(run.doc["state"], "completed", "a window that fails: the test goes on")
        run = Run(server.url("/ok"), {"thresholds": {"http_reqs": [{"threshold": "rate>40", "window": "2s"}]}}, duration_sec=2)
        tap.ok(thresholds(run)[0]["decided"], "a window as long as the test is judged", thresholds(run))
        run = Run(server.url("/slow"), {"thresholds": {"http_reqs": [{"threshold": "rate>10", "window": "1s"}]},
                                        "requests": [{"name": "slow", "path": "/slow"}, {"name": "stuck", "path": "/never"}]},
                  drain="2500ms", duration_sec=2)
        row = thresholds(run)[0]
        tap.ok(row["decided"] and row["ok"] is not False, "no window is about the wait for the last answers", row)


def test_aborted():
    with OddServer() as server:
        for name, window in (("of the whole test", {}), ("of a window", {"window": "1s"})):
            plan = {"thresholds": {"http_req_failed": [{"threshold": "rate<0.5", "abortOnFail": True, **window}]}}
            run = Run(server.url("/404"), plan, duration_sec=600)
            tap.equal((run.code, run.doc["state"], run.doc["reason"]), (99, "failed", "threshold_aborted"), "abortOnFail %s" % name)
            tap.equal(run.doc.get("detail"), "http_req_failed rate<0.5: was 1.000", "and why")
            tap.ok(run.balances() and run.ledger["scheduled"] == 30000 and run.ledger["dropped"]["aborted"] > 29000,
                   "the whole plan is accounted for", run.ledger)
            row = thresholds(run)[0]
            tap.ok(row["ok"] is False and row["value"] == 1, "its row", row)
        plan = {"auto_stop": {"error_rate": 0.9, "window_sec": 1}}
        run = Run(server.url("/404"), plan, duration_sec=600)
        tap.equal((run.code, run.doc["state"], run.doc["reason"]), (97, "failed", "auto_stop"), "auto_stop")
        tap.ok(run.balances() and run.ledger["scheduled"] == 30000, "accounted for as well", run.ledger)
        with Squalld(conf(server.url("/404"), output="text", duration_sec=600), env=variable(plan), ready=False) as d:
            d.wait()
            tap.contains(" ".join(d.out.split()), "FAIL the test failed: auto_stop: 100.0 % of the requests of 1 s failed", "and why")
        run = Run(server.url("/ok"))
        tap.equal(run.doc["effective_plan"]["auto_stop"], {"error_rate": 0.9, "window_sec": 60}, "which is the plan's default")


def test_real_target():
    target = """state_dir = "@dir@"; store = { plugin = "local"; };
                roles = ({ plugin = "target"; listen = "127.0.0.1:0"; });"""
    with Squalld(target) as d:
        run = Run(d.url() + "/hit", hits_per_sec=1000, duration_sec=2)
        check("our own target", run, 2000, 0, ok=2000)
        tap.equal(d.get("/stats").json["total_hits"], 2000, "our own target counted what was sent")
        tap.equal(d.stop(), 0, "and stops in order")


for test in (test_manners, test_quits, test_accepts_nothing, test_limits, test_latency, test_document, test_stopped,
             test_no_output, test_target_dies, test_unreachable, test_localhost, test_text, test_bad_options, test_bad_plans,
             test_probe, test_requests, test_warmup, test_stages, test_closed, test_windows, test_aborted, test_real_target):
    test()
tap.done()
