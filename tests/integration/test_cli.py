#!/usr/bin/python3
"""test_cli.py - squall against a gateway that plays a script: runs, live view, signals, exit codes, files."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading

from fake_gateway import FakeGateway, result
from squall import Tap, wait_until
from squall_cli import Terminal, blob, squall, started

tap = Tap()
FakeGateway.blob = blob("300000*99,4800000*1")
RUN = [("state", "provisioning"), ("state", "running"), ("points", 3)]
LOAD = ["-r", "500", "-d", "3", "-w", "2"]


def gateway_run(gateway, *args, env=None):
    return squall("run", "--gateway", gateway.url, *args, env=env)


def short(gateway):
    return gateway.test.id[:8]


# --- a run, piped ---
with FakeGateway() as g:
    g.script = [("provisioning", 1, 2, "pod x ImagePullBackOff"), ("sleep", 0.1), ("state", "running"), ("points", 2),
                ("state", "draining"), ("points", 1), ("end", "completed")]
    r = gateway_run(g, "http://127.0.0.1:8080/hit", *LOAD, "-X", "POST")
    tap.ok(r.returncode == 0 and not r.stderr, "a run that passes: exit 0, nothing on standard error", r.returncode, r.stderr)
    lines = r.stdout.splitlines()
    tap.equal(lines[0], "squall: test %s  POST http://127.0.0.1:8080/hit  500/s for 3 s  2 workers" % short(g), "its title")
    tap.ok(any(re.fullmatch(r"provisioning \d+ s \(deadline 10 min\): 1/2 ready, pod x ImagePullBackOff", l)
               for l in lines), "what provisioning waits for", r.stdout)
    for n in (1, 2, 3):
        tap.ok("  %d/3 s  500.0/s  p50 0.3 ms  p99 0.3 ms  max 4.8 ms  errors 0" % n in lines,
               "a line for second %d" % n, r.stdout)
    with open(os.path.join(os.environ.get("top_srcdir", "."), "tests/unit/result/pass.txt"), encoding="utf-8") as f:
        tap.contains(r.stdout, f.read(), "then the result, word for word")
    tap.equal(lines[-1], "    kept at %s: squall show %s" % (g.url, short(g)), "and where it is kept")
    tap.ok("\033" not in r.stdout, "no escape sequences in a pipe")
    tap.ok(all(len(l) <= 80 for l in lines), "every line fits 80 columns")
    tap.equal(g.posted, [{"url": "http://127.0.0.1:8080/hit", "hits_per_sec": 500, "duration_sec": 3, "workers": 2,
                          "method": "POST"}], "the plan as posted")
    tap.ok(g.keys[0] and len(g.keys[0]) >= 32, "with an idempotency key")

    g.script = RUN + [("end", "completed")]
    r = gateway_run(g)
    tap.ok(r.returncode == 0 and "POST http://target-api:8000/hit" in r.stdout and "url" not in g.posted[-1],
           "without a URL the gateway's target is loaded", r.stdout, r.stderr)
    r = squall("run", "-d", "3", env={"SQUALL_GATEWAY": g.url})
    tap.equal(r.returncode, 0, "SQUALL_GATEWAY")
    r = squall("run", "-u", "me:secret", "--gateway", g.url)
    tap.equal(g.posted[-1]["headers"], {"Authorization": "Basic bWU6c2VjcmV0"}, "-u: basic authentication")

    # --- one document ---
    r = gateway_run(g, "--json", *LOAD)
    doc = json.loads(r.stdout)
    tap.equal((doc["schema"], doc["test_id"], r.returncode), ("squall.result/1", g.test.id, 0), "--json: one document")
    tap.contains(r.stderr, "  3/3 s  500.0/s", "the live lines are on standard error then")
    r = gateway_run(g, "--detach")
    tap.equal((r.stdout, r.stderr, r.returncode), (g.test.id + "\n", "", 0), "--detach prints the id")

    # --- files ---
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, "x." + e) for e in ("json", "txt", "csv", "hgrm")]
        r = gateway_run(g, *[a for n in names for a in ("-o", n)])
        texts = [open(n, encoding="utf-8").read() for n in names]
        tap.equal(json.loads(texts[0])["test_id"], g.test.id, "-o FILE.json")
        tap.contains(texts[1], "PASS   generator valid", "-o FILE.txt")
        tap.equal(texts[2:], ["report.csv of %s\n" % g.test.id, "report.hgrm of %s\n" % g.test.id],
                  "-o FILE.csv and .hgrm are the gateway's")
        before = len(g.posted)
        for name in (folder + "/no/such.json", folder + "/x.json/y.csv"):
            r = gateway_run(g, "-o", name)
            tap.ok((r.returncode, r.stdout, len(g.posted)) == (2, "", before) and "cannot write %s: n" % name in r.stderr,
                   "a file that cannot be written is refused before the run", r.returncode, r.stderr)
        os.symlink("/dev/full", folder + "/full.json")
        r = gateway_run(g, "-o", folder + "/full.json")
        tap.ok(r.returncode == 97 and "cannot write" in r.stderr and "PASS" in r.stdout, "one that is full at its end",
               r.returncode, r.stderr)

# --- what was asked for, in the list ---
with FakeGateway() as g:
    g.script = [("end", "completed")]
    for args, want in ((["-c", "4", "-n", "5000"], "4 connections for"), (["--stage", "3s:2k", "--stage", "3s:0"], "up to 2,000/s for"),
                       (["-r", "20000", "-d", "400"], "20,000/s for 6 min")):
        gateway_run(g, *args)
        r = squall("list", "--gateway", g.url)
        tap.contains(r.stdout.splitlines()[1], want, "list: what was asked for: " + want)
    tap.ok(all(l == l.rstrip() and len(l) <= 80 for l in r.stdout.splitlines()) and "\n" + " " * 60 + "40 s\n" in r.stdout,
           "a long one is broken between words", r.stdout)

# --- exit codes ---
with FakeGateway() as g:
    for state, document, more, args, want in (
            ("completed", "pass", {}, [], 0), ("completed", "threshold", {}, [], 99), ("completed", "not_found", {}, [], 99),
            ("completed", "invalid", {}, [], 98), ("completed", "invalid", {}, ["--allow-invalid"], None),
            ("completed", "pass", {"validity": {"status": "suspect", "reasons": []}}, [], 0),
            ("completed", "pass", {"validity": {"status": "suspect", "reasons": []}}, ["--strict"], 98),
            ("failed", "pass", {"reason": "target_unreachable"}, [], 97),
            ("failed", "pass", {"reason": "target_unreachable"}, ["--allow-invalid"], 97),
            ("timed_out", "pass", {"reason": "deadline"}, [], 97)):
        g.script = RUN + [("end", state, document, more)]
        r = gateway_run(g, *args)
        if want is None:
            tap.ok(r.returncode in (0, 99), "%s %s %s" % (state, document, args), r.returncode)
        else:
            tap.equal(r.returncode, want, "%s %s %s %s: %d" % (state, document, more, args, want))

    why = "worker x-0: cannot connect to 127.0.0.1:1 (connection refused): is the target running there?"
    g.script = [("state", "provisioning"), ("state", "draining", "target_unreachable", why),
                ("end", "failed", "pass", {"reason": "target_unreachable", "detail": why})]
    r = gateway_run(g)
    tap.ok(r.returncode == 97 and "FAIL   the test failed: target_unreachable: worker x-0: cannot connect" in r.stdout
           and not r.stderr, "why a test failed", r.stdout, r.stderr)
    r = squall("show", "last", env={"SQUALL_GATEWAY": g.url})
    tap.ok("Z  queued\n" in r.stdout and "Z  draining  target_unreachable: worker" in r.stdout
           and all(len(l) <= 80 for l in r.stdout.splitlines()), "and its history", r.stdout)

# --- refusals of the gateway ---
with FakeGateway() as g:
    def submit(*refusal, args=()):
        g.refusal = refusal
        return gateway_run(g, *args)
    r = submit(422, "the plan is refused", [("hits_per_sec", "0 is outside 0.000001 .. 10000000"), ("odd", "is unknown")])
    tap.equal((r.returncode, r.stderr), (2, "squall: hits_per_sec (-r): 0 is outside 0.000001 .. 10000000\n"
                                            "squall: odd: is unknown\n"), "each bad field in a line, with its option")
    r = submit(403, "target http://10.0.0.7/ is not allowed by this gateway (resolved to 10.0.0.7). Add it to "
                    "`allowed_targets` in gateway.conf (Helm value allowedTargets).", None)
    tap.ok(r.returncode == 2 and r.stderr.startswith("squall: target http://10.0.0.7/ is not allowed"), "a target denied", r.stderr)
    tap.equal(submit(429, "too many tests run", None).returncode, 97, "too many tests: 97")
    tap.equal(submit(503, "the store is away", None).returncode, 97, "unavailable: 97")
    g.refusal, g.key = None, "sesame"
    r = gateway_run(g)
    tap.ok(r.returncode == 2 and "wants an API key: SQUALL_API_KEY, or --key-file" in r.stderr, "a key is wanted", r.stderr)
    g.script = RUN + [("end", "completed")]
    tap.equal(gateway_run(g, env={"SQUALL_API_KEY": "sesame"}).returncode, 0, "SQUALL_API_KEY")
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(" sesame \nsecond line\n")
        f.flush()
        tap.equal(gateway_run(g, "--key-file", f.name, env={"SQUALL_API_KEY": "wrong"}).returncode, 0, "--key-file")
        f.truncate(0)
        tap.contains(gateway_run(g, "--key-file", f.name).stderr, "holds no key", "an empty key file")
r = squall("run", "--gateway", "127.0.0.1:1")
tap.equal((r.returncode, r.stderr), (97, "squall: cannot connect to 127.0.0.1:1 (connection refused): is the gateway "
                                         "running there?\n"), "no gateway there")
with FakeGateway() as g:
    r = squall("list", "--gateway", "https" + g.url[4:])
    tap.ok(r.returncode == 97 and r.stderr == "squall: no TLS with the gateway %s (wrong version number): is it http://, not https://?\n" % g.url[7:],
           "https:// to a gateway of http://", r.stderr)
with socket.create_server(("127.0.0.1", 0)) as odd:
    where = "127.0.0.1:%d" % odd.getsockname()[1]

    def greet():
        c = odd.accept()[0]
        with c:
            c.recv(4096)
            c.sendall(b"hello\r\n\r\n")

    threading.Thread(target=greet, daemon=True).start()
    r = squall("list", "--gateway", where)
    tap.equal((r.returncode, r.stderr), (97, "squall: what %s answers is not HTTP: is the URL of the gateway right?\n" % where), "no HTTP")
r = squall("run", "--gateway", "no-such-host.invalid")
tap.ok(r.returncode == 97 and "no-such-host.invalid" in r.stderr, "no such host", r.stderr)

# --- streams that break ---
with FakeGateway() as g:
    g.script = RUN + [("sleep", 0.2), ("end", "completed")]
    g.events = "absent"
    r = gateway_run(g, *LOAD)
    tap.ok(r.returncode == 0 and all("  %d/3 s" % n in r.stdout for n in (1, 2, 3)) and "PASS" in r.stdout and not r.stderr, "no events: asked each second instead", r.stdout)
    g.events, g.breaks_after = "breaking", 2
    r = gateway_run(g, *LOAD)
    tap.ok(r.returncode == 0 and all("  %d/3 s" % n in r.stdout for n in (1, 2, 3)),
           "a stream that breaks again and again: continued where it was", r.stdout)
    tap.ok(any(h.get("Last-Event-ID") == "2" for m, p, h in g.requests if p.endswith("/events")), "by Last-Event-ID")
    g.breaks_after = 0
    r = gateway_run(g, *LOAD)
    tap.ok(r.returncode == 0 and "3/3 s" in r.stdout, "streams that break before the first event: asked instead", r.stdout)
    g.events, g.away = "good", 1
    r = gateway_run(g, *LOAD)
    keys = [h["Idempotency-Key"] for m, p, h in g.requests if (m, p) == ("POST", "/tests")]
    tap.ok(r.returncode == 0 and keys[-1] == keys[-2] != keys[-3], "a submission without an answer is sent again, with the same key",
           r.stderr)
    before = len(g.tests)
    tap.equal(len({t.id for t in g.tests.values()}), before, "and makes one test")

# --- signals ---
with FakeGateway() as g:
    g.script = RUN + [("hold",), ("end", "completed")]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = len(g.tests)
        p = started("run", "--gateway", g.url, *LOAD)
        wait_until(lambda: len(g.tests) > before and len(g.test.points) == 3, "points")
        p.send_signal(number)
        out, err = p.communicate(timeout=30)
        tap.ok(p.returncode == 97 and g.test.cancels == 1 and "the test was cancelled" in out and "latency" in out,
               "%s cancels; what was measured is printed; 97" % number.name, p.returncode, out, err)
    p = started("run", "--gateway", g.url, "--json")
    before = len(g.tests)
    wait_until(lambda: len(g.tests) > before, "the test")
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=30)
    tap.equal((json.loads(out)["state"], p.returncode), ("cancelled", 97), "--json: the document of a cancelled test")

    # The gateway does not answer any more: a second signal ends it all the same.
    p = started("run", "--gateway", g.url)
    before = len(g.tests)
    wait_until(lambda: len(g.tests) > before, "the test")
    g.away = 1 << 30
    p.send_signal(signal.SIGINT)
    p.send_signal(signal.SIGTERM)
    try:
        p.wait(5)
    except subprocess.TimeoutExpired:  # both came as one
        p.send_signal(signal.SIGTERM)
    p.communicate(timeout=30)
    tap.ok(p.returncode in (-signal.SIGINT, -signal.SIGTERM), "a second signal kills", p.returncode)
    g.away = 0

# --- watch, wait, cancel ---
with FakeGateway() as g:
    g.script = RUN + [("hold",), ("end", "completed")]
    ident = gateway_run(g, "--detach").stdout.strip()
    env = {"SQUALL_GATEWAY": g.url}
    p = started("watch", "last", env=env)
    seen = ""
    while "3/10 s" not in seen and p.poll() is None:
        seen += p.stdout.readline()
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=30)
    tap.ok(p.returncode == 130 and g.test.cancels == 0 and "detached; the test goes on: squall watch " + ident[:8] in err,
           "Ctrl-C leaves a watched test running", p.returncode, out, err)
    p = started("wait", ident[:8], env=env)
    wait_until(lambda: sum(q.endswith("/events") for m, q, h in g.requests) == 2, "it follows")
    g.door.set()
    out, err = p.communicate(timeout=30)
    tap.ok(p.returncode == 0 and out.startswith("PASS"), "wait: silent until the result", out, err)
    g.door.clear()
    r = squall("watch", ident, env=env)
    tap.ok(r.returncode == 0 and "PASS" in r.stdout, "watching what is over prints the result", r.stdout)
    r = squall("wait", ident, "--json", env=env)
    tap.equal(json.loads(r.stdout)["test_id"], ident, "wait --json")

    other = gateway_run(g, "--detach").stdout.strip()
    r = squall("cancel", "last", env=env)
    tap.equal((r.stdout, r.returncode, g.tests[other].cancels), (other[:8] + " is being cancelled\n", 0, 1), "cancel last")
    r = squall("cancel", other, env=env)
    tap.equal((r.stdout, r.returncode), (other[:8] + " is over already: cancelled\n", 0), "cancelling twice")

    # --- names of tests ---
    third = gateway_run(g, "--detach", "--name", "night").stdout.strip()
    g.door.set()
    squall("wait", third, env=env)
    r = squall("list", env=env)
    lines = r.stdout.splitlines()
    tap.ok(r.returncode == 0 and [l[:8] for l in lines if not l.startswith(" ")][1:] == [third[:8], other[:8], ident[:8]]
           and "night" in r.stdout, "list: all pages, the newest first", r.stdout)
    tap.ok(all(len(l) <= 80 for l in lines), "it fits 80 columns")
    tap.equal(len(json.loads(squall("list", "--json", env=env).stdout)["tests"]), 3, "list --json")
    for which, part in (("zzz", "is no test's id"), ("0123456789abcdef", "knows no test"),
                        ("00000000-0000-0000-0000-000000000000", "there is no such test"), ("x.json", "is no test's id")):
        r = squall("show", which, env=env)
        tap.ok(r.returncode == 2 and part in r.stderr, "show %s: %s" % (which, part), r.stderr)
    r = squall("show", "last", env=env)
    tap.ok(r.returncode == 0 and r.stdout.startswith("squall: test " + third[:8]) and "Z  provisioning" in r.stdout
           and "PASS" in r.stdout, "show: history and result", r.stdout)
    tap.equal(json.loads(squall("show", third, "--json", env=env).stdout)["test_id"], third, "show --json")
    g.door.clear()
    fourth = gateway_run(g, "--detach").stdout.strip()
    wait_until(lambda: g.test.state == "running", "running")
    r = squall("show", fourth, env=env)
    tap.ok(re.search(r"\nrunning \d+ s \(deadline 10 min\)", r.stdout), "show of a running test", r.stdout)
    with tempfile.TemporaryDirectory() as folder:
        r = squall("report", third, "-o", folder + "/x.csv", "-o", folder + "/x.txt", env=env)
        tap.ok(r.returncode == 0 and not r.stdout and os.path.getsize(folder + "/x.txt") > 100, "report", r.stderr)
    r = squall("report", third, env=env)
    tap.ok(r.returncode == 2 and "wants -o" in r.stderr, "report without -o")

# --- the live view ---
with FakeGateway() as g:
    g.script = [("provisioning", 1, 2), ("sleep", 0.2), ("state", "running"), ("points", 2), ("hold",), ("points", 1), ("end", "completed")]
    t = Terminal("run", "--gateway", g.url, "http://127.0.0.1:8080/hit", *LOAD)
    t.wait_for("2/3 s")
    block = [l for l in t.screen() if l.strip()]
    tap.equal(block, ["squall: test %s  POST http://127.0.0.1:8080/hit  500/s for 3 s  2 workers" % short(g),
                      "  [====================>         ]  2/3 s   1,000 of 1,500 requests",
                      "  rate    500.0/s of 500/s   ▇▇",
                      "  p50 0.3 ms   p95 0.3 ms   p99 0.3 ms   max 4.8 ms       errors 0",
                      "  generator ok: lag p99 0.02 ms                           ctrl-c stops"], "the block")
    t.resize(40)
    t.seen_before = len(t.seen)
    t.wait_for("\033[") and wait_until(lambda: "\033[J" in t.read()[t.seen_before:], "a redraw")
    narrow = t.seen[t.seen_before:].split("\033[J")[-1]
    tap.ok(all(len(l) <= 40 for l in narrow.splitlines()), "redrawn at once in 40 columns", narrow)
    t.resize(100)
    g.door.set()
    tap.equal(t.wait(), 0, "exit 0")
    tap.ok("\033[1;32mPASS" in t.seen, "PASS is green on a terminal")
    t.close()
    t = Terminal("run", "--gateway", g.url, *LOAD)
    t.wait()
    tap.ok("generator ok" in t.seen and not any("generator ok" in l or "[===" in l for l in t.screen()),
           "the block is gone at the end", "\n".join(t.screen()))
    t.close()
    g.door.clear()

    t = Terminal("run", "--gateway", g.url, *LOAD, env={"NO_COLOR": "1"}, columns=50)
    t.wait_for("2/3 s")
    tap.ok(all(len(l) <= 50 for l in t.screen()[2:]), "a narrow terminal", "\n".join(t.screen()))
    t.type("\003")
    tap.equal(t.wait(), 97, "Ctrl-C cancels")
    tap.ok("cancelling; once more kills squall" in t.seen or "the test was cancelled" in t.seen, "and says so")
    tap.ok(not re.search("\033\\[[0-9;]*m", t.seen), "NO_COLOR: no colours")
    t.close()

    t = Terminal("run", "--gateway", g.url, *LOAD, env={"LC_ALL": "C"})
    t.wait_for("2/3 s")
    tap.ok("500.0/s of 500/s   **" in t.seen and t.seen.isascii(), "ASCII alone where the locale has no UTF-8", t.seen)
    g.door.set()
    t.wait()
    t.close()
    g.door.clear()
    t = Terminal("run", "--gateway", g.url, *LOAD, env={"TERM": "dumb"})
    g.door.set()
    t.wait()
    tap.ok("\033" not in t.seen and "3/3 s" in t.seen, "TERM=dumb: lines")
    t.close()
    t = Terminal("watch", "last", "--gateway", g.url)
    tap.equal(t.wait(), 0, "watch on a terminal")
    t.close()

# --- errors ---
t = Terminal("run", "127.0.0.1:1", "--debug")
t.wait()
tap.ok("squall: cannot connect to 127.0.0.1:1 (connection refused): is the target\r\n        running there?\r\n" in t.seen,
       "on a terminal errors are broken at 80 columns", t.seen)
t.close()
t = Terminal("run", "http://127.0.0.1:9/", "-L")
t.wait()
tap.ok(all(len(l) <= 80 for l in t.seen.replace("\r", "").splitlines()) and "\r\n        " in t.seen, "mistakes of the command line too", t.seen)
t.close()
tap.done()
