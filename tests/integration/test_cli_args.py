#!/usr/bin/python3
"""test_cli_args.py - the command line of squall: every option, every refusal, help and man page."""
import json
import os
import subprocess
import tempfile

from squall import BUILD, Tap
from squall_cli import squall

tap = Tap()
URL = "http://127.0.0.1:9/hit"


def refused(args, part, name=None):
    r = squall(*args)
    tap.ok(r.returncode == 2 and part in r.stderr and not r.stdout and r.stderr.startswith("squall: ")
           and r.stderr.count("\n") == 1, name or "refused: squall " + " ".join(args)[:60],
           "exit %d" % r.returncode, r.stdout, r.stderr, "wanted %r" % part)


def plan(*args, text=""):
    r = squall("run", *args, "--dry-run", "--json", text=text)
    return json.loads(r.stdout)["plan"] if r.returncode == 0 else r.stderr


# --- words and help ---
r = squall()
tap.ok(r.returncode == 2 and r.stderr.startswith("usage: squall "), "no command: usage, 2")
for words in (["--help"], ["-h"], ["help"]):
    r = squall(*words)
    tap.ok(r.returncode == 0 and r.stdout.startswith("usage: squall ") and not r.stderr, "squall " + words[0])
for words in (["--version"], ["-V"], ["run", "-V"], ["list", "--version"]):
    r = squall(*words)
    tap.ok(r.returncode == 0 and r.stdout.startswith("squall ") and len(r.stdout.split()) == 2, " ".join(words))
for command in ("run", "list", "show", "watch", "cancel", "wait", "report"):
    r, s = squall(command, "--help"), squall("help", command)
    tap.ok(r.returncode == 0 and r.stdout == s.stdout and r.stdout.startswith("usage: squall " + command)
           and "--gateway URL" in r.stdout, "help of " + command)
    tap.ok(all(len(line) <= 80 for line in (r.stdout + squall("--help").stdout).splitlines()), "it fits 80 columns")
refused([URL], "did you mean: squall run " + URL)
refused(["127.0.0.1:8080"], "did you mean: squall run 127.0.0.1:8080")
refused(["localhost"], "did you mean: squall run localhost")
refused(["-r", "5"], "the command comes first")
refused(["rnu"], "\"rnu\" is not a command; did you mean run?")
refused(["frobnicate"], "is not a command: see squall --help")
refused(["help", "rnu"], "\"rnu\" is not a command; did you mean run?")
refused(["compare", "a", "b"], "compare is not in this version yet")
refused(["support", "x"], "support is not in this version yet")

# --- what other tools call by another name ---
for flag, ours in (("-t4", "-t is wrk's threads; squall has workers (-w) and connections (-c)"), ("-t", "-w"),
                   ("-z", "-d"), ("-z10s", "-d"), ("-q", "-r"), ("-m", "-X"), ("-s", "-f"),
                   ("-L", "always prints latencies"), ("--vus", "-c"), ("--vus=10", "-c"), ("--duration", "-d"),
                   ("--duration=30s", "-d"), ("--latency", "always prints latencies"), ("-rate=500", "-rate is vegeta's"),
                   ("-rate", "-r"), ("-duration=5s", "-d"), ("-targets=x", "plan"), ("-i", "-n"), ("--rps", "-r"),
                   ("--threads", "-w"), ("--data", "-b"), ("-D", "-b @FILE"), ("-T", "-H"), ("--location", "redirects")):
    refused(["run", URL, flag, "5"], ours)
refused(["run", URL, "--http2"], "is not in this version yet")
for args, why in ((["--stage", "5"], "write it like 10s:1000"), (["--stage", "x:5"], "write it like 10s:1000"),
                  (["--check", "colour=red"], "write it like status=200"), (["--data-file", "/nowhere.csv"], "cannot open /nowhere.csv")):
    refused(["run", URL] + args, why)
for ending in ("html", "xml", "md"):
    refused(["run", URL, "-o", "x." + ending], ".%s is not in this version yet" % ending)

# --- slips ---
refused(["run", URL, "--raet", "5"], "--raet is not an option of squall run; did you mean --rate?")
refused(["run", URL, "-y"], "-y is not an option of squall run")
refused(["list", "-r", "5"], "-r is not an option of squall list")
refused(["run", URL, "-r"], "-r wants a value: RATE")
refused(["run", URL, "--rate"], "-r wants a value: RATE")
refused(["run", URL, "--json=1"], "--json takes no value")
refused(["run", URL, URL], "is one too many")
refused(["list", "x"], "takes options only")
for command in ("show", "watch", "cancel", "wait", "report"):
    refused([command], "squall %s wants ID" % command)
refused(["run", URL, "-o", "x"], "the ending says what is written")
refused(["run", URL, "-o", "x.tar/y"], "the ending says what is written")
for rate in ("x", "", "10m", "5/", "5/s/s", "-5", "1.2345678", "5 /s", "1e3", "10K"):
    refused(["run", URL, "-r", rate], "is not a rate", "rate %r" % rate)
for rate in ("0", "0/s", "1/999999999999h", "99999999999999999999"):
    refused(["run", URL, "-r", rate], "-r " + rate[:20], "rate %r" % rate)
for time in ("x", "", "-5", "5 s", "1d", '{"a":1}'):
    refused(["run", URL, "-d", time], "is not a duration", "duration %r" % time)
refused(["run", URL, "-w", "two"], "-w two: is not a whole number")
for option in ("-n", "-c"):
    refused(["run", URL, option, "0"], option + " 0: must be at least 1")
refused(["run", URL, "-d", "0s"], "-d 0s: must be above 0")
refused(["run", URL, "-H", "novalue"], "-H wants 'Name: value'")
refused(["run", URL, "-H", ": x"], "-H wants 'Name: value'")
refused(["run", URL, "-H", "A: 1", "-H", "a: 2"], "is there twice")
refused(["run", URL, "-u", "secret-without-colon"], "-u wants NAME:PASSWORD")
tap.ok("secret" not in squall("run", URL, "-u", "secret-without-colon").stderr, "a refused password is not shown")
for url in ("http://me:secret@a/x@y", "me:secret@a"):
    refused(["run", url], "...@a")
    tap.ok("secret" not in squall("run", url).stderr and "use -u NAME:PASSWORD" in squall("run", url).stderr, "nor is one in a URL")
refused(["run", URL, "-b", "@/nonexistent"], "cannot open /nonexistent")
refused(["run", URL, "--threshold", "fast"], "--threshold fast")
refused(["run", "ftp://x/"], "ftp://x/")
for flag in ("--cacert", "--cert", "--key"):
    refused(["run", URL, flag, "/nonexistent"], "cannot open /nonexistent")
    refused(["run", URL, flag, "/dev/null"], "/dev/null holds no " + ("private key" if flag == "--key" else "certificate"))
refused(["run", URL, "--unix-socket", "/nonexistent"], "--unix-socket /nonexistent: No such file")
refused(["run", URL, "--connect-timeout", "soon"], "--connect-timeout soon is not a duration")
refused(["run", "http://"], "http://")
refused(["run"], "there is no target: squall run URL")
refused(["run", URL, "--detach"], "--detach needs a gateway")
refused(["watch", "last"], "squall watch needs a gateway")
refused(["wait", "last"], "squall wait needs a gateway")
refused(["cancel", "last"], "squall cancel needs a gateway")
refused(["run", "--gateway", "ftp://x"], "gateway ftp://x")
refused(["run", "--gateway", "127.0.0.1:9", "--key-file", "/nonexistent"], "cannot open /nonexistent")

# --- the plan, option by option ---
base = {"url": URL, "hits_per_sec": 10, "duration_sec": 10, "workers": 1}
tap.equal(plan(URL), base, "no load given: 10/s for 10 s with 1 worker")
tap.equal(plan("127.0.0.1:9/hit"), base, "host:port means http://")
for rate, want in (("500", 500), ("500/s", 500), ("30/1m", 0.5), ("10k", 10000), ("1.5k", 1500), ("0.1/s", 0.1),
                   ("1M/h", 277.777777), ("100/m", 1.666666), ("10007", 10007), ("6/2s", 3), ("5/100ms", 50)):
    tap.equal(plan(URL, "-r", rate).get("hits_per_sec"), want, "-r " + rate)
for spelled in (["-r500"], ["-R", "500"], ["--rate=500"], ["--rate", "500"]):
    tap.equal(plan(URL, *spelled)["hits_per_sec"], 500, " ".join(spelled))
for time, want in (("30", 30), ("30s", 30), ("5m", 300), ("1h", 3600), ("250ms", 0.25), ("1.5s", 1.5)):
    tap.equal(plan(URL, "-d", time)["duration_sec"], want, "-d " + time)
for args, field, want in (
        (["-w", "2"], "workers", 2), (["-c", "7", "-r", "5"], "max_connections", 7), (["-X", "PUT"], "method", "PUT"),
        (["--request", "PUT"], "method", "PUT"), (["-b", "text"], "body", "text"),
        (["-H", "A: b"], "headers", {"A": "b"}), (["-HA:b", "-H", "C:"], "headers", {"A": "b", "C": ""}),
        (["-A", "me"], "headers", {"User-Agent": "me"}), (["-u", "a:b"], "headers", {"Authorization": "(hidden)"}),
        (["--timeout", "1.5"], "timeout_ms", 1500), (["--timeout", "250ms"], "timeout_ms", 250),
        (["--patience", "2s"], "patience_ms", 2000), (["--drain", "5"], "drain_sec", 5),
        (["--max-in-flight", "9"], "max_in_flight", 9), (["--expect-status", "204"], "expect_status", 204),
        (["--timer", "precise"], "timer", "precise"), (["--name", "nightly"], "name", "nightly"),
        (["--on-worker-loss", "abort"], "on_worker_loss", "abort"),
        (["--threshold", "p(99)<250"], "thresholds", {"http_req_response_time": ["p(99)<250"]}),
        (["--threshold", "http_req_failed rate<0.01", "--threshold", "http_req_duration:p(95) < 2"], "thresholds",
         {"http_req_failed": ["rate<0.01"], "http_req_duration": ["p(95) < 2"]}),
        (["--threshold", "avg<1", "--threshold", "max<2"], "thresholds", {"http_req_response_time": ["avg<1", "max<2"]})):
    got = plan(URL, *args)
    tap.equal(got.get(field) if isinstance(got, dict) else got, want, " ".join(args))
for args, field, want in (
        (["-k"], "tls", {"insecure": True}), (["--insecure", "--tls-resume"], "tls", {"insecure": True, "resume": True}),
        (["-kw2"], "tls", {"insecure": True}),
        (["--resolve", "a:80:1.2.3.4,::1", "--resolve", "b:1:[::1]"], "resolve", ["a:80:1.2.3.4,::1", "b:1:[::1]"]),
        (["--connect-to", "::b:8080"], "connect_to", ["::b:8080"]), (["--unix-socket", "/dev/../dev/null"], "unix_socket",
                                                                    "/dev/null"),
        (["--requests-per-connection", "1"], "requests_per_connection", 1), (["--dns-ttl", "5m"], "dns_ttl_sec", 300),
        (["--connect-timeout", "2s"], "timeouts_ms", {"dns": 2000, "connect": 2000, "tls": 2000}),
        (["--first-byte-timeout", "1.5ms"], "timeouts_ms", {"first_byte": 1.5})):
    got = plan(URL, *args)
    tap.equal(got.get(field) if isinstance(got, dict) else got, want, " ".join(args))
tap.equal(plan("https://127.0.0.1/")["url"], "https://127.0.0.1/", "https")
with tempfile.TemporaryDirectory() as folder:
    blocks = {kind: "-----BEGIN %s-----\nAAAA\n-----END %s-----\n" % (kind, kind)
              for kind in ("CERTIFICATE", "EC PRIVATE KEY")}
    both = os.path.join(folder, "both.pem")
    with open(both, "w", encoding="ascii") as f:
        f.write("a note\n" + blocks["CERTIFICATE"] + blocks["EC PRIVATE KEY"] + "another\n" + blocks["CERTIFICATE"])
    tap.equal(plan(URL, "--cert", both, "--cacert", both)["tls"],
              {"cert": 2 * blocks["CERTIFICATE"], "key": "(hidden)", "ca": 2 * blocks["CERTIFICATE"]},
              "--cert may hold the key; only the blocks are taken, and the key is not shown")
    r = squall("run", URL, "--cert", both, "--dry-run")
    tap.ok("EC PRIVATE" not in r.stdout and "(hidden)" in r.stdout, "nor in text")
r = squall("run", "--dry-run", "--json", "--", URL)
tap.equal(json.loads(r.stdout)["plan"], base, "-- ends the options")
tap.equal(plan("-r", "5", URL, "-w", "3"), dict(base, hits_per_sec=5, workers=3), "options stand on both sides of the URL")

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "body")
    with open(path, "wb") as f:
        f.write(b"a\0b\n")
    tap.equal(plan(URL, "-b", "@" + path)["body"], "a\0b\n", "-b @FILE: byte for byte")
    tap.equal(plan(URL, "-b", "@-", text="from stdin")["body"], "from stdin", "-b @-")
    path = os.path.join(folder, "plan.json")
    mine = {"url": "http://a/", "hits_per_sec": 5, "headers": {"X-A": "1", "x-b": "2"}, "surprise": [1]}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(mine, f)
    tap.equal(plan("-f", path), dict(mine, duration_sec=10, workers=1), "-f FILE; what is strange is the gateway's to judge")
    tap.equal(plan("-f", "-", text=json.dumps(mine)), dict(mine, duration_sec=10, workers=1), "-f -")
    tap.equal(plan("-f", path, "-r", "7", "-H", "X-B: 3", "http://b/"),
              {"url": "http://b/", "hits_per_sec": 7, "headers": {"X-A": "1", "X-B": "3"}, "surprise": [1],
               "duration_sec": 10, "workers": 1}, "options override the file")
    tap.equal(plan("-f", path, "-c", "5").get("max_connections"), 5, "-c with the rate of a file")
    inner = os.path.join(folder, "inner")
    with open(inner, "w", encoding="utf-8") as f:
        f.write("from a file")
    tap.equal(plan(URL, "-f", "-", text=json.dumps({"requests": [{"name": "a", "body": "@" + inner}]}))["requests"][0]["body"],
              "from a file", "bodies of a plan's requests may be files")
    for text, why in (("[1]", "must hold a JSON object"), ("{", "it ends too early"), ('{"a":1} x', "is not JSON"),
                      ("", "it ends too early")):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        refused(["run", "-f", path], why, "a plan that is %r" % text)
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"headers": [], "url": "http://a/", "thresholds": {"x": 1}}')
    refused(["run", "-f", path, "-H", "A: b"], "headers of the plan must be an object")
    refused(["run", "-f", path, "--threshold", "x p(9)<1"], "thresholds of the plan must be lists")
# --- what is of this machine ---
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "plan.json")

    def planned(doc, *args, env=None):
        with open(path, "w", encoding="utf-8") as f:
            json.dump(dict({"url": "http://a/"}, **doc), f)
        r = squall("run", "-f", path, *args, "--dry-run", "--json", env=env)
        return json.loads(r.stdout)["plan"] if r.returncode == 0 else r.stderr

    with open(os.path.join(folder, "body.txt"), "w", encoding="utf-8") as f:
        f.write("of {{env WHO}}\n")
    with open(os.path.join(folder, "at.txt"), "w", encoding="utf-8") as f:
        f.write("@home")
    who = {"WHO": "me {{env WHO}}", "EMPTY": ""}
    tap.equal(planned({"body": "@body.txt"}, env=who)["body"], "of me {{env WHO}}\n", "@FILE beside the plan; what is put in is left alone")
    tap.equal(planned({"body": "@" + folder + "/at.txt"})["body"], "@@home", "a body that begins with @ is written @@")
    tap.equal(planned({"body": "@@home"})["body"], "@@home", "also by hand")
    tap.equal([r["body"] for r in planned({"requests": [{"name": "a", "body": "@at.txt"}, {"name": "b", "body": "@@x"}]})["requests"]],
              ["@@home", "@@x"], "in requests as well")
    tap.equal(planned({"body": "{{{{env NOT_THERE}}{{seq}}"})["body"], "{{{{env NOT_THERE}}{{seq}}", "two braces and templates stay for the workers")
    tap.equal(planned({"requests": [{"name": "a", "headers": {"X-Key": "k", "cookie": "c", "Y": "y"}}], "secret_headers": ["x-key"]})["requests"][0]["headers"],
              {"X-Key": "(hidden)", "cookie": "(hidden)", "Y": "y"}, "secrets in the headers of requests are hidden")
    tap.equal(planned({}, "-b", "@" + folder + "/at.txt")["body"], "@@home", "and with -b")
    tap.equal(planned({"headers": {"A": "{{env EMPTY}}{{ env  WHO }}{{seq}}{{env}}{{"}, "labels": {"l": "x{{env EMPTY}}y"}}, env=who),
              {"url": "http://a/", "headers": {"A": "me {{env WHO}}{{seq}}{{env}}{{"}, "labels": {"l": "xy"}, "hits_per_sec": 10,
               "duration_sec": 10, "workers": 1}, "{{env NAME}} in any text")
    tap.equal(planned({}, "-H", "X: {{env WHO}}", env=who)["headers"], {"X": "me {{env WHO}}"}, "in options as well")
    tap.contains(planned({"name": "{{env NOT_THERE}}"}), "{{env NOT_THERE}} of the plan: NOT_THERE is not set in the environment",
                 "one that is not set is a mistake")
    tap.contains(planned({"body": "@nothing.txt"}), "cannot open %s/nothing.txt" % folder, "and so is a file that is not there")
    tap.contains(planned({"body": "@"}), "@ wants the name of a file behind it", "or has no name")
    tap.equal(planned({"headers": {"X-Key": "k", "Y": "y"}, "secret_headers": ["x-key"]})["headers"], {"X-Key": "(hidden)", "Y": "y"},
              "a secret header is not shown")
refused(["run", "-f", "/nonexistent"], "cannot open /nonexistent")
refused(["run", "-f", "/"], "cannot read /")

# --- dry run ---
r = squall("run", URL, "-r", "3", "-d", "1", "--dry-run")
tap.ok(r.returncode == 0 and not r.stderr, "--dry-run")
tap.contains(r.stdout, "3 requests in all; the first are due, after the start, at\n   0  0 s\n   1  333 ms\n   2  667 ms\n",
             "it shows when the first are due")
due = json.loads(squall("run", URL, "-r", "10007", "-d", "3", "--dry-run", "--json").stdout)
tap.equal((due["requests"], due["due_ns"][:4]), (30021, [0, 99930, 199860, 299790]), "and exactly so: 10007/s for 3 s")
refused(["run", "-f", "-", "--dry-run"], "is not JSON")
for field, value in (("hits_per_sec", '"5"'), ("hits_per_sec", "-1"), ("hits_per_sec", "1e99"), ("duration_sec", "0"),
                     ("hits_per_sec", "0")):
    r = squall("run", "-f", "-", URL, "--dry-run", text='{"%s": %s}' % (field, value))
    tap.ok(r.returncode == 2 and field in r.stderr, "dry run of %s = %s" % (field, value), r.stderr)



def due(*args, text=""):
    doc = json.loads(squall("run", URL, *args, "--dry-run", "--json", text=text).stdout)
    return doc["requests"], doc["due_ns"]


# A ramp from 0 to 1000/s within 10 s has had 50 t^2 requests after t seconds.
tap.equal(due("--stage", "10s:1000"), (5000, [int((k / 50) ** 0.5 * 1e9) for k in range(10)]), "a ramp, by its square root")
tap.equal(due("--stage", "10s:1000", "-r", "1000")[0], 10000, "one that begins at 1000/s")
tap.equal(due("-r", "100", "-d", "1s", "--warmup", "20ms"), (102, [k * 10000000 for k in range(10)]), "a warm-up comes first")
tap.contains(squall("run", URL, "-r", "100", "-d", "1s", "--warmup", "20ms", "--dry-run").stdout,
             "102 requests in all, the first 2 to warm up; the first are due", "and is told apart")
tap.equal(due("-r", "100", "-n", "7"), (7, [k * 10000000 for k in range(7)]), "-n ends it")
random = due("-r", "100", "-d", "10s", "--arrival", "poisson", "--seed", "7")
tap.ok(random[0] == 1000 and sorted(random[1]) == random[1] and len(set(random[1])) == 10, "random arrivals", random)
tap.ok(random == due("-r", "100", "-d", "10s", "--arrival", "poisson", "--seed", "7") and
       random != due("-r", "100", "-d", "10s", "--arrival", "poisson", "--seed", "8"), "are those of the seed")
r = squall("run", URL, "-c", "4", "--dry-run")
tap.ok(r.returncode == 0 and "In the closed model no request is due at a time" in r.stdout, "nothing is due in the closed model", r.stdout)
tap.ok("due_ns" not in json.loads(squall("run", URL, "-c", "4", "--dry-run", "--json").stdout), "nor in its document")
for stages in ('[]', '[1]', '[{"duration_sec": 1}]', '[{"duration_sec": 1, "hits_per_sec": "x"}]', '{}'):
    r = squall("run", "-f", "-", URL, "--dry-run", text='{"stages": %s}' % stages)
    tap.ok(r.returncode == 2 and ("stage" in r.stderr or "hits_per_sec" in r.stderr), "dry run of stages %s" % stages, r.stderr)

# --- the load ---
closed = {"url": URL, "duration_sec": 10, "workers": 1, "connections": 7, "mode": "closed"}
tap.equal(plan(URL, "-c", "7"), closed, "-c alone is the closed model")
tap.equal(plan(URL, "-c", "7", "-n", "100", "--think", "5ms"),
          {"url": URL, "workers": 1, "connections": 7, "mode": "closed", "max_requests": 100, "think_ms": 5}, "-n ends it")
tap.equal(plan(URL, "-n", "100"), {"url": URL, "hits_per_sec": 10, "workers": 1, "max_requests": 100}, "-n alone, at 10/s")
tap.equal(plan(URL, "--stage", "10s:1k", "--stage", "0:50", "--stage", "1m:0", "--warmup", "2s", "--arrival", "poisson", "--seed", "5"),
          {"url": URL, "workers": 1, "warmup_sec": 2, "arrival": "poisson", "seed": 5,
           "stages": [{"duration_sec": 10, "hits_per_sec": 1000}, {"duration_sec": 0, "hits_per_sec": 50},
                      {"duration_sec": 60, "hits_per_sec": 0}]}, "stages")
for check, want in (("status=200", {"status": 200}), ("status=200-204", {"status": "200-204"}), ("body~a b", {"body": "a b"}),
                    ("header Content-Type~json", {"header": "Content-Type", "contains": "json"}), ("header ETag", {"header": "ETag"}),
                    ("size<=10", {"max_bytes": 10}), ("size>=1", {"min_bytes": 1}), ("time<=1.5s", {"max_ms": 1500}),
                    ("time<250", {"max_ms": 250})):
    tap.equal(plan(URL, "--check", check)["checks"], [want], "--check " + check)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "rows.csv")
    for text, want in (('a,b\r\n1,"x, ""y"""\r\n2,\r\n', [{"a": "1", "b": 'x, "y"'}, {"a": "2", "b": ""}]), ("a\n1", [{"a": "1"}]),
                       ("\ufeffid,b\n1,2\n", [{"id": "1", "b": "2"}]), ('\ufeff"id"\n1\n', [{"id": "1"}])):
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(text)
        tap.equal(plan(URL, "--data-file", path)["data"], want, "CSV %r" % text)
    for text in ("a,b\n1\n", 'a\n"1\n', 'a\n"1"2\n'):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        refused(["run", URL, "--data-file", path], "rows.csv:2: the fields of this row", "bad CSV %r" % text)
    path = os.path.join(folder, "rows.jsonl")
    with open(path, "w", encoding="utf-8") as f:
        f.write('\ufeff{"a": 1}\n\n{"a": "x"}\n')
    tap.equal(plan(URL, "--data-file", "@" + path)["data"], [{"a": 1}, {"a": "x"}], "JSON lines")
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"a": 1}\n{"a"}\n')
    refused(["run", URL, "--data-file", path], "rows.jsonl:2: is not a JSON object")

# --- the man page ---
man = os.path.join(BUILD, "squall.1")
if os.path.exists(man):
    text = open(man, encoding="utf-8").read()
    tap.ok(squall("help", "--man").stdout in text and "@OPTIONS@" not in text, "the man page has the options of the program")
    r = subprocess.run(["man", "--warnings", "-l", man], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       env=dict(os.environ, MANWIDTH="80", LC_ALL="C.UTF-8"), check=False) \
        if subprocess.run("command -v man", shell=True, stdout=subprocess.DEVNULL, check=False).returncode == 0 else None
    if r:
        tap.ok(r.returncode == 0 and not r.stderr and "--threshold" in r.stdout, "and man formats it", r.stderr)
    else:
        tap.skip("and man formats it", "no man here")
else:
    tap.skip("the man page has the options of the program", "squall.1 is not built")
tap.done()
