#!/usr/bin/python3
"""test_cli_alone.py - squall without a gateway: its private daemon, the runs it keeps, and --debug."""
import fcntl
import http.server
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading

from fake_gateway import FakeGateway
from squall import BUILD, SOURCE, Tap, wait_until
from squall_cli import HOME, PROGRAM, Terminal, blob, squall, started

tap = Tap()
FakeGateway.blob = blob("300000*99,4800000*1")
STUB = os.path.join(HOME.name, "squalld")
shutil.copy(os.path.join(SOURCE, "tests/integration/stub_squalld.py"), STUB)
os.chmod(STUB, 0o755)
URL = "http://127.0.0.1:9/hit"
RUNS = os.path.join(HOME.name, "state/squall/runs")
ALONE = {"SQUALLD": STUB, "REDIS_HOST": "no", "TARGET_URL": "http://no/", "AWS_SECRET": "x", "SQUALL_LOG_LEVEL": "error",
         "SQUALL_API_KEY": "mine"}


def stub(**how):
    for name in ("seen", "ended"):
        if os.path.exists(os.path.join(HOME.name, name)):
            os.unlink(os.path.join(HOME.name, name))
    with open(os.path.join(HOME.name, "stub"), "w", encoding="utf-8") as f:
        json.dump(how, f)


def seen():
    with open(os.path.join(HOME.name, "seen"), encoding="utf-8") as f:
        return json.load(f)


def left():
    return [n for n in os.listdir(HOME.name) if n.startswith("squall-run-")]


def lives(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# --- nothing kept yet ---
r = squall("list")
tap.equal((r.returncode, r.stdout), (0, "no tests yet\n"), "list: nothing yet")
r = squall("show", "last")
tap.ok(r.returncode == 2 and "no run is kept here yet" in r.stderr, "show last: nothing yet", r.stderr)

with FakeGateway() as g:
    g.script = [("state", "provisioning"), ("state", "running"), ("points", 3), ("end", "completed")]

    # --- a run ---
    stub(url=g.url)
    r = squall("run", URL, "-r", "500", "-d", "3", env=ALONE)
    first = g.test.id
    tap.ok(r.returncode == 0 and "PASS" in r.stdout and not r.stderr, "a run without a gateway", r.stdout, r.stderr)
    tap.equal(r.stdout.splitlines()[-1],
              "    saved as %s: squall show last · squall report last -o report.csv" % first[:8], "where it is kept")
    given = seen()
    tap.equal(given["mode"], 0o700, "its folder is the user's alone")
    tap.ok(not left() and os.path.exists(os.path.join(HOME.name, "ended")) and not lives(given["pid"]),
           "at the end the daemon is gone, in order, and so is its folder", left())
    tap.equal(given["session"], given["pid"], "it has a session of its own: Ctrl-C is ours")
    for part in ('target_url = "%s"' % URL, 'listen = "127.0.0.1:0"', "max_rate = 0", 'max_duration = "0s"',
                 'state_dir = "%s/state"' % given["folder"], 'log_format = "json"', 'worker_conf = "%s/worker.conf"' % given["folder"]):
        tap.contains(given["conf"], part, "its .conf: " + part.split(" =")[0])
    tap.ok(not {"REDIS_HOST", "TARGET_URL", "AWS_SECRET", "SQUALL_LOG_LEVEL", "SQUALL_API_KEY", "XDG_STATE_HOME"}
           & set(given["environment"]) and "PATH" in given["environment"], "of our variables it sees those it needs",
           sorted(given["environment"]))
    tap.ok(all("Authorization" not in h for m, p, h in g.requests), "the key of another gateway is not shown to it")
    tap.equal(sorted(os.listdir(RUNS)), sorted(first + e for e in (".csv", ".hgrm", ".json")), "what is kept")

    # --- reading what is kept ---
    r = squall("show", "last")
    tap.ok(r.returncode == 0 and "test " + first[:8] in r.stdout and "PASS" in r.stdout, "show last", r.stderr)
    r = squall("run", URL, "--json", env=ALONE)
    second = json.loads(r.stdout)["test_id"]
    tap.ok(r.returncode == 0 and second == g.test.id, "a run with --json: one document")
    lines = [l[:8] for l in squall("list").stdout.splitlines()]
    tap.equal(lines[1:], [second[:8], first[:8]], "list: the newest first")
    for which, want in (("last", second), (first, first), (first[:6], first), (os.path.join(RUNS, first + ".json"), first)):
        r = squall("show", which, "--json")
        tap.equal(json.loads(r.stdout or "{}").get("test_id"), want, "show " + which.replace(HOME.name, ""))
    for which, part in (("zz", "no run zz is kept here"), ("", "runs begin with"), ("/nonexistent.json", "cannot open")):
        r = squall("show", which)
        tap.ok(r.returncode == 2 and part in r.stderr, "show %r: %s" % (which, part), r.stderr)
    with tempfile.TemporaryDirectory() as folder:
        r = squall("report", first, *[a for e in ("csv", "hgrm", "txt", "json") for a in ("-o", folder + "/x." + e)])
        tap.ok(r.returncode == 0 and open(folder + "/x.csv", encoding="utf-8").read() == "report.csv of %s\n" % first,
               "report from what is kept", r.stderr)
        r = squall("report", folder + "/x.json", "-o", folder + "/y.txt", "-o", folder + "/y.csv")
        tap.ok(r.returncode == 0 and open(folder + "/y.csv", encoding="utf-8").read() == "report.csv of %s\n" % first,
               "report of a file, with its neighbours", r.stderr)
        os.rename(folder + "/x.json", folder + "/z.json")
        r = squall("report", folder + "/z.json", "-o", folder + "/y.csv")
        tap.ok(r.returncode == 2 and "does not hold every second" in r.stderr, "a result alone has no seconds", r.stderr)
        with open(folder + "/odd.json", "w", encoding="utf-8") as f:
            f.write('{"a": 1}')
        for name, part in (("odd.json", "holds no result of squall"), ("y.txt", "no run"), ("../" + os.path.basename(folder) + "/y.txt", "is not JSON")):
            r = squall("show", folder + "/" + name if "/" in name or name.endswith("json") else name)
            tap.ok(r.returncode == 2 and part in r.stderr, "show of %s: %s" % (os.path.basename(name), part), r.stderr)

    # --- two hundred are kept ---
    olds = ["%08x-0000-4000-8000-000000000000" % i for i in range(205)]
    for i, name in enumerate(olds + ["mine"]):
        for ending in ".json", ".csv", ".hgrm":
            path = os.path.join(RUNS, name + ending)
            with open(path, "w", encoding="utf-8") as f:
                f.write("{}")
            os.utime(path, (i, i))
    squall("run", URL, env=ALONE)
    names = os.listdir(RUNS)
    tap.equal((len([n for n in names if n.endswith(".json")]), "mine.json" in names), (200, True), "the last 200 runs are kept, and what is none")
    tap.ok(all((olds[i] + e in names) == (i >= 9) for i in range(205) for e in (".json", ".csv", ".hgrm")),
           "the oldest went, with what lay beside them", sorted(names)[:20])
    for name in olds:
        for ending in ".json", ".csv", ".hgrm":
            if os.path.exists(os.path.join(RUNS, name + ending)):
                os.unlink(os.path.join(RUNS, name + ending))

    # --- kept elsewhere, or not at all ---
    r = squall("run", URL, env=dict(ALONE, XDG_STATE_HOME=""))
    tap.equal(len(os.listdir(os.path.join(HOME.name, ".local/state/squall/runs"))), 3, "~/.local/state without XDG_STATE_HOME")
    r = squall("run", URL, env=dict(ALONE, XDG_STATE_HOME="/proc/nowhere"))
    tap.ok(r.returncode == 0 and "the run is not kept: cannot make /proc/nowhere" in r.stderr and "PASS" in r.stdout,
           "a place that cannot be written loses nothing but the copy", r.stderr)

    # --- signals and sudden death ---
    g.script = [("state", "running"), ("points", 2), ("hold",), ("end", "completed")]
    stub(url=g.url)
    before = len(g.tests)
    p = started("run", URL, env=ALONE)
    wait_until(lambda: len(g.tests) > before and len(g.test.points) == 2, "points")
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=30)
    tap.ok(p.returncode == 97 and "the test was cancelled" in out and not left(), "SIGINT: cancelled, printed, tidied up",
           p.returncode, out, err)
    stub(url=g.url)
    before = len(g.tests)
    p = started("run", URL, env=ALONE)
    wait_until(lambda: len(g.tests) > before, "the test")
    p.kill()
    p.communicate(timeout=30)
    wait_until(lambda: os.path.exists(os.path.join(HOME.name, "ended")), "the daemon's end")
    tap.ok(True, "kill -9: the daemon ends with us")
    folders = [os.path.join(HOME.name, n) for n in left()]
    for folder in folders:
        os.utime(folder, (0, 0))
    with open(os.path.join(folders[0], "log"), encoding="utf-8") as log:
        fcntl.flock(log, fcntl.LOCK_EX)  # once the daemon has let go of it
        squall("run", URL, env=dict(ALONE, SQUALLD="/nonexistent"))
        tap.ok(len(folders) == 1 and os.path.isdir(folders[0]), "the folder stays while somebody has its log", folders, left())
    os.utime(folders[0])
    squall("run", URL, env=dict(ALONE, SQUALLD="/nonexistent"))
    tap.ok(left(), "and while it is new")
    os.utime(folders[0], (0, 0))
    squall("run", URL, env=dict(ALONE, SQUALLD="/nonexistent"))
    tap.equal(left(), [], "then the next run removes it")
    stub(url=g.url)
    before = len(g.tests)
    p = started("run", URL, env=ALONE)
    wait_until(lambda: len(g.tests) > before, "the test")
    os.kill(seen()["pid"], signal.SIGKILL)
    out, err = p.communicate(timeout=30)
    tap.ok(p.returncode == 97 and "squalld was killed by signal 9" in err and not left(), "the daemon dies: 97, and why", err)

    t = Terminal("run", URL, env=ALONE)
    stub(url=g.url)
    t.wait_for("2/10 s")
    t.type("\003")
    tap.equal(t.wait(), 97, "Ctrl-C in a terminal")
    t.close()

# --- daemons that do not start ---
for how, part in (({"url": "http://x", "fails": "the disk is full"}, "squalld did not start: the disk is full"),
                  ({"plain": "squalld.conf:3: wrong"}, "squalld did not start: squalld.conf:3: wrong"),
                  ({"plain": "@folder@/squalld.conf:3: no such plugin\n@folder@/squalld.conf:4: nor this\n@folder@/squalld.conf: 2 errors"},
                   "squalld did not start: squalld.conf:3: no such plugin\n")):
    stub(**how)
    r = squall("run", URL, env=ALONE)
    tap.ok(r.returncode == 97 and part in r.stderr and not left(), part, r.stderr)
r = squall("run", URL, env={"SQUALLD": "/bin/true"})
tap.ok(r.returncode == 97 and "it said nothing" in r.stderr, "one that says nothing", r.stderr)
r = squall("run", URL, env={"SQUALLD": "/nonexistent/squalld"})
tap.ok(r.returncode == 97 and "cannot start /nonexistent/squalld" in r.stderr, "one that is not there", r.stderr)
r = squall("run", URL, env=dict(ALONE, TMPDIR="/nonexistent"))
tap.ok(r.returncode == 97 and "cannot make a folder /nonexistent" in r.stderr, "no folder for it", r.stderr)

# --- where it is found ---
with tempfile.TemporaryDirectory() as folder, FakeGateway() as g:
    g.script = [("end", "completed")]
    for place, plugins in (("bin", None), ("sbin", None), ("sbin", "lib/squall"), ("bin", "bin/.libs")):
        shutil.rmtree(folder)
        for name in ("bin", place, plugins or place):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        shutil.copy(PROGRAM, os.path.join(folder, "bin/squall"))
        shutil.copy(STUB, os.path.join(folder, place, "squalld"))
        if plugins:
            with open(os.path.join(folder, plugins, "role_gateway.so"), "w", encoding="utf-8"):
                pass
        stub(url=g.url)
        env = {"PATH": os.environ["PATH"], "HOME": HOME.name, "TMPDIR": HOME.name}
        r = subprocess.run([os.path.join(folder, "bin/squall"), "run", URL], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, check=False)
        found = [l for l in seen()["conf"].splitlines() if l.startswith("plugin_dir")] if r.returncode == 0 else [r.stderr]
        tap.ok(bool(found) == bool(plugins) and all(os.path.normpath(l.split('"')[1]) == os.path.join(folder, plugins) for l in found),
               "squalld in %s, plugins in %s" % (place, plugins), found)
    os.unlink(os.path.join(folder, "bin/squalld"))
    env["PATH"] = HOME.name + ":" + env["PATH"]
    r = subprocess.run([os.path.join(folder, "bin/squall"), "run", URL], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, check=False)
    tap.equal(r.returncode, 0, "squalld in PATH")


# --- one request ---
class Target(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    got = []

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Target.got.append((self.command, self.path, self.headers.items(), body))
        text = b"x" * 5000 if self.path == "/long" else b"caf\xc3\xa9\x1b[31m\n"
        self.send_response(404 if self.path == "/404" else 200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Set-Cookie", "seen=1")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = answer


target = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
threading.Thread(target=target.serve_forever, daemon=True).start()
where = "http://127.0.0.1:%d" % target.server_port
r = squall("run", where + "/hit?a=1", "--debug", "-X", "PUT", "-b", "text", "-H", "Cookie: c=1", "-u", "me:secret", "-H", "X-Empty:",
           env={"http_proxy": "http://127.0.0.1:1"})
tap.ok(r.returncode == 0 and not r.stderr, "--debug", r.stdout, r.stderr)
tap.contains(r.stdout, "> \ntext\n< HTTP/1.1 200 OK\n", "what is sent, with its body, and what comes")
for part in ("> PUT /hit?a=1 HTTP/1.1\n", "> Cookie: (hidden)\n", "> Authorization: (hidden)\n", "> Content-Length: 4\n",
             "> User-Agent: squall/", "> X-Empty:\n", "< HTTP/1.1 200 OK\n", "\n  connect ", "\n  first byte ", "\n  total "):
    tap.contains(r.stdout, part, "it shows %r" % part)
tap.ok("secret" not in r.stdout and "c=1" not in r.stdout and "\033" not in r.stdout and "caf..\x1b" not in r.stdout
       and "caf...[31m" in r.stdout, "no secrets, and no foreign bytes for the terminal", r.stdout)
method, path, headers, body = Target.got[-1]
tap.equal((method, path, body, dict(headers)["Authorization"], sorted(n for n, v in headers)),
          ("PUT", "/hit?a=1", b"text", "Basic bWU6c2VjcmV0",
           ["Authorization", "Content-Length", "Cookie", "Host", "User-Agent", "X-Empty"]), "one request, as a worker sends it")
tap.equal(len(Target.got), 1, "and only one")
r = squall("run", where + "/long", "--debug")
tap.contains(r.stdout, "... 5,000 bytes in all", "a long answer is cut")
tap.equal(dict(Target.got[-1][2]).get("Content-Length"), None, "a GET has no body")
squall("run", where + "/x", "--debug", "-X", "POST")
tap.equal(dict(Target.got[-1][2]).get("Content-Length"), "0", "a POST without a body says so")
tap.equal(squall("run", where + "/404", "--debug").returncode, 99, "a status that is not ok: 99")
tap.equal(squall("run", where + "/404", "--debug", "--expect-status", "404").returncode, 0, "unless it is expected")

# --- values and several requests: what a worker sends for request 0 ---
several = {"url": where + "/shop", "headers": {"X-Row": "{{row.name}}", "x-plan": "p"}, "body": "none", "seed": 5,
           "data": [{"name": "first", "n": 7}, {"name": "second", "n": 8}],
           "requests": [{"name": "buy", "path": "/buy/{{seq}}?n={{row.n}}&r={{random 1 1000000}}", "body": "{{{{{{row.name}}",
                         "headers": {"X-Plan": "mine"}}, {"name": "look"}]}
plan_path = os.path.join(tempfile.mkdtemp(), "plan.json")
with open(plan_path, "w", encoding="utf-8") as f:
    json.dump(several, f)
r = squall("run", "-f", plan_path, "--debug")
method, path, headers, body = Target.got[-1]
tap.equal((method, body, dict(headers)["X-Row"], [v for n, v in headers if n.lower() == "x-plan"]), ("POST", b"{{first", "first", ["mine"]),
          "--debug sends the first of several requests, with the first row")
several["requests"].pop()  # which of the two request 0 is is drawn
with open(plan_path, "w", encoding="utf-8") as f:
    json.dump(several, f)
r = squall("run", "-f", plan_path, "-n", "30", "-r", "1000", "--json", "--allow-invalid")
sent = [p for m, p, _, _ in Target.got if p.startswith("/buy/0?")]
tap.equal((r.returncode, sent), (0, [path, path]), "and the same values as the worker's request 0")
r = squall("run", where + "/{{what}}", "--debug")
tap.ok(r.returncode == 2 and "{{what}} is unknown" in r.stderr, "a value that is none is a mistake", r.stderr)
shutil.rmtree(os.path.dirname(plan_path))
r = squall("run", "127.0.0.1:1", "--debug")
tap.ok(r.returncode == 97 and r.stderr == "squall: cannot connect to 127.0.0.1:1 (connection refused): is the target running there?\n",
       "nobody there: 97", r.stderr)
tap.done()
