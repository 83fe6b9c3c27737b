#!/usr/bin/python3
"""test_life.py - the life of squalld: order, failures, hangs, signals, exit codes, admin routes."""
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time

from squall import PATIENCE, PLUGINS, PROGRAM, Squalld, Tap, squalld, wait_until

tap = Tap()

KINDS = ["store/fake", "transport/fake", "scheduler/fake", "probe", "plain"]
SETTINGS = {"store/fake": "store", "transport/fake": "transport", "scheduler/fake": "scheduler"}


def conf(top="", **options):
    """A .conf with all four kinds and two roles; options go to one plugin, by KINDS's last word."""
    def group(name):
        plugin = name.split("/")[-1]
        own = options.get(name.split("/")[0], "")
        listen = 'listen = "127.0.0.1:0"; ' if "/" not in name and "listen" not in own else ""
        return '{ plugin = "%s"; %s%s }' % (plugin, listen, own)
    lines = ['log_level = "debug";', top]
    lines += ["%s = %s;" % (SETTINGS[k], group(k)) for k in KINDS[:3]]
    lines += ["roles = ( %s, %s );" % (group("probe"), group("plain"))]
    return "\n".join(lines) + "\n"


def life(d, *words):
    """Who was created, started, ... in the order of the log: ["store/fake created", ...]."""
    pattern = re.compile(r"debug (\S+) (%s)$" % "|".join(words))
    return [" ".join(m.groups()) for m in map(pattern.search, d.log.splitlines()) if m]


def both(who, *words):
    return ["%s %s" % (name, word) for name in who for word in words]


# --- up and down --------------------------------------------------------------------------------

def test_order():
    with Squalld(conf()) as d:
        tap.equal(life(d, "created", "started"), both(KINDS, "created", "started"),
                  "each is created and started: store, transport, scheduler, roles as written")
        tap.contains(d.log, "info host ready roles=probe,plain", "one line says that everything is up")
        tap.equal(d.get("/hello", role="plain").text, "hello\n", "several roles have listeners of their own")
        tap.equal(d.stop(), 0, "SIGTERM: exit 0")
        down = KINDS[::-1]
        tap.equal(life(d, "draining", "drained"), both(down, "draining", "drained"), "drained in reverse")
        tap.equal(life(d, "destroyed"), both(down, "destroyed"), "destroyed in reverse")
        tap.ok(d.log.index("credit is 0") < d.log.index("probe drained"),
               "a role that takes messages gets no more while it drains")
        tap.contains(d.log, "info host stopped", "the last line")


def test_host_calls():
    with Squalld(conf('state_dir = "@dir@/state";', probe='advertise = "http://probe.example";')) as d:
        lines = d.get("/probe", role="probe").text.splitlines()
        tap.equal(lines[0], "timer later post work store published delivered settled job_changed scheduler",
                  "a role reaches time, threads, store, transport and scheduler")
        tap.equal(lines[1], "url http://probe.example", "url() is what the option advertise says")
        tap.ok(re.match(r"instance [A-Za-z0-9._:-]{1,64}$", lines[2]), "the process has a name", lines[2])
        tap.equal(lines[3], "state_dir %s/state" % d.dir, "state_dir is told")
        mode = stat.S_IMODE(os.stat(d.dir + "/state").st_mode)
        tap.equal((oct(mode), os.listdir(d.dir + "/state")), ("0o700", []), "state_dir is made, for us alone")
        tap.equal(d.stop(signal.SIGINT), 0, "SIGINT: exit 0")


def test_failures():
    for at, who in enumerate(KINDS):
        key = who.split("/")[0]
        for stage in "create", "start":
            alive = KINDS[:at + (stage == "start")]
            with Squalld(conf(**{key: 'fail = "%s";' % stage}), ready=False) as d:
                code = d.wait()
                good = (code == 1 and life(d, "created") == both(alive, "created")
                        and life(d, "drained") == both(alive[::-1], "drained")
                        and life(d, "destroyed") == both(alive[::-1], "destroyed"))
                tap.ok(good, "%s of %s fails: exit 1, what was created is undone in reverse" % (stage, who),
                       code, d.log)
                tap.contains(d.log, "error %s could not start: asked to fail in %s" % (who, stage), "... and said")


def test_port_in_use():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        address = "127.0.0.1:%d" % s.getsockname()[1]
        with Squalld(conf(plain='listen = "%s";' % address), ready=False) as d:
            tap.equal(d.wait(), 1, "a port in use: exit 1")
            tap.contains(d.log, address, "... the address is named")
            tap.equal(life(d, "created"), [], "... before anything is created")


def test_state_dir():
    for path, why in ("@dir@/squalld.conf", "a file"), ("@dir@/none/state", "a missing parent"):
        with Squalld(conf('state_dir = "%s";' % path), ready=False) as d:
            tap.equal(d.wait(), 1, "state_dir is or has %s: exit 1" % why)
            tap.contains(d.log, "or choose another", "... and what to do is said")


# --- signals, life-line, stop -------------------------------------------------------------------

def test_second_signal():
    for first, second in (signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM), \
            (signal.SIGTERM, signal.SIGINT):
        with Squalld(conf('grace = "1h";', plain="hang_drain = true;")) as d:
            d.send_signal(first)
            d.wait_log("plain draining")
            wait_until(lambda: d.process.poll() is not None or d.send_signal(second), "the end")
            tap.equal(d.wait(), -second, "%s, then %s: gone at once" % (first.name, second.name))


def test_signal_twice():
    with Squalld(conf()) as d:
        d.send_signal(signal.SIGTERM)
        d.send_signal(signal.SIGINT)
        tap.equal(d.wait(), 0, "two signals in one moment, as timeout(1) sends them: an orderly stop")
    # The second may come at any point of a short stop, its very end included.
    codes = []
    for after in range(40):
        with Squalld(conf()) as d:
            d.send_signal(signal.SIGTERM)
            time.sleep(after * 0.0015)
            d.send_signal(signal.SIGINT)
            codes.append(d.wait())
    tap.equal(set(codes), {0}, "... wherever in a short stop the second one falls")


def test_lifeline():
    reader, writer = os.pipe()
    with Squalld(conf(), args=["--lifeline", str(reader)], pass_fds=[reader]) as d:
        os.close(reader)
        os.write(writer, b"still here")
        tap.equal(d.get("/healthz").status, 200, "bytes on the life-line mean nothing")
        os.close(writer)
        tap.equal(d.wait(), 0, "the end of the life-line: exit 0")
        tap.contains(d.log, "stopping: the life-line has ended", "... and why")
        tap.equal(len(life(d, "destroyed")), len(KINDS), "... in order")


def test_stop_code():
    with Squalld(conf()) as d:
        tap.equal(d.post("/probe/stop", role="probe").status, 204, "a role asks for the end")
        tap.equal(d.wait(), 7, "... and gives the exit code")
        tap.equal(len(life(d, "destroyed")), len(KINDS), "... in order")


# --- what hangs ---------------------------------------------------------------------------------

def hangs(name, words, top='grace = "200ms";', act=None, number=signal.SIGTERM, **options):
    with Squalld(conf(top, **options)) as d:
        if act:
            d.post("/probe/" + act, role="probe")
        tap.equal(d.stop(number), 3, "%s: exit 3" % name)
        tap.contains(d.log, words, "... and it is named")
        tap.contains(d.log, "could not stop within 200 ms (option grace)", "... with the option that bounds it")
        tap.equal(life(d, "destroyed"), [], "... and nothing is destroyed under its feet")


def test_hangs():
    hangs("a drain hangs", "error host who=store/fake what=drain count=1 has not ended", store="hang_drain = true;")
    hangs("a role's drain hangs", "error host who=plain what=drain count=1 has not ended",
          plain="hang_drain = true;")
    hangs("an operation hangs", "error host who=probe what=store.add count=1 has not ended",
          store="hang_ops = true;", act="hang-op")
    hangs("work hangs", 'error host who=probe what="endless nap" count=1 has not ended', act="hang-work")


def send(d, role, data):
    s = socket.create_connection(d.address(role), timeout=20)
    s.sendall(data)
    return s


def connected(d, role):
    return 'squall_http_connections{listener="%s"} 1' % role in d.get("/metrics", role="admin").text


def test_requests_at_the_end():
    with Squalld(conf('admin_listen = "127.0.0.1:0"; grace = "20s";')) as d:
        with send(d, "probe", b"POST /probe/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n") as s:
            wait_until(lambda: connected(d, "probe"), "the request")
            d.send_signal(signal.SIGTERM)
            answer = s.makefile("rb").read()
            tap.ok(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"at last\n"),
                   "a request in flight at SIGTERM is answered", answer)
            tap.contains(answer.decode().lower(), "connection: close", "... and is the last on its connection")
        tap.equal(d.wait(), 0, "... exit 0")


def test_held_request():
    with Squalld(conf('admin_listen = "127.0.0.1:0"; grace = "2s";')) as d:
        with send(d, "probe", b"POST /probe/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n") as s:
            wait_until(lambda: connected(d, "probe"), "the request")
            d.send_signal(signal.SIGTERM)
            answer = s.makefile("rb").read()
            tap.ok(answer.startswith(b"HTTP/1.1 503 "), "a request that its role has forgotten: 503", answer)
        tap.equal(d.wait(), 0, "... and it does not use up the grace of those who hold data: exit 0")
        tap.contains(d.log, "warn probe some clients did not finish in time", "... and said")


# --- readiness, admin listener, log -------------------------------------------------------------

def test_readiness():
    with Squalld(conf(probe='ready_after = "1h";'), ready=False) as d:
        d.wait_log("plain listening")
        answer = d.get("/readyz")
        tap.equal((answer.status, answer.json["reasons"]),
                  (503, [{"component": "probe", "why": 'still "connecting"'}]),
                  "/readyz: 503 with the reason while a plugin is not ready")
        tap.equal(d.get("/healthz").text, "ok\n", "/healthz: 200 meanwhile")
        d.post("/probe/ready", role="probe")
        d.wait_log("host ready")
        tap.equal((d.get("/readyz").status, d.get("/readyz").json), (200, {"ready": True, "reasons": []}),
                  "/readyz: 200 when it is")
        d.post("/probe/unready", role="probe")
        tap.equal(d.get("/readyz").status, 503, "/readyz: 503 when a plugin loses it")
        tap.contains(d.log, "warn probe not ready: told so", "... which is logged")
        d.post("/probe/ready", role="probe")
        tap.equal(d.get("/readyz").status, 200, "... and 200 again")
        tap.equal(len(d.lines("host ready")), 2, "... logged again")


def test_not_ready_while_stopping():
    with Squalld(conf('admin_listen = "127.0.0.1:0"; grace = "1h";', plain="hang_drain = true;")) as d:
        d.send_signal(signal.SIGTERM)
        d.wait_log("plain draining")
        tap.equal(d.get("/readyz", role="admin").json["reasons"], [{"component": "host", "why": "stopping"}],
                  "/readyz: 503 while it stops, on the listener that stays")


def test_admin_listener():
    with Squalld(conf()) as d:
        text = d.get("/metrics").text
        tap.ok(re.search(r"^squall_probes_total 1$", text, re.M), "/metrics: a plugin's counter", text)
        for name in "process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes", \
                "process_start_time_seconds", "squall_loop_lag_max_seconds":
            tap.ok(re.search(r"^%s [0-9.]+$" % name, text, re.M), "/metrics: %s" % name)
    with Squalld(conf('admin_listen = "127.0.0.1:0";')) as d:
        tap.equal(d.get("/metrics", role="admin").status, 200, "admin_listen: /metrics stands there")
        tap.equal(d.get("/metrics", role="plain").status, 404, "... and nowhere else")
        tap.equal([d.get(p, role=r).status for p in ("/healthz", "/readyz") for r in ("admin", "plain")],
                  [200] * 4, "... /healthz and /readyz everywhere")


def test_json_log():
    with Squalld(conf('log_format = "json";'), ready=False) as d:
        d.wait_log("ready roles=")
        d.stop()
        lines = [json.loads(line) for line in d.log.splitlines()]
        tap.ok(len(lines) > 10 and all({"time", "level", "component", "message"} <= set(e) for e in lines),
               "log_format json: each line is one object", d.log)


# --- command line -------------------------------------------------------------------------------

def fails(args, words, name):
    r = squalld(*args)
    tap.ok(r.returncode == 2 and words in r.stderr and r.stdout == "", name + ": exit 2, with a hint",
           r.returncode, r.stdout, r.stderr)


def test_command_line():
    fails([], "-c FILE", "no configuration")
    fails(["-c", "x.conf", "again"], "again", "a leftover argument")
    fails(["--nonsense"], "squalld --help", "an unknown option")
    fails(["--describe", "--format", "html"], "html", "an unknown format")
    fails(["-c", "x.conf", "--lifeline", "x"], "descriptor", "a life-line that is no number")
    fails(["-c", "x.conf", "--lifeline", "999"], "descriptor", "a life-line that is not open")
    fails(["-c", "/none/x.conf"], "/none/x.conf", "a missing configuration")
    fails(["--describe=none", "-p", PLUGINS], "none", "a plugin that is not there")
    r = squalld("--version")
    tap.ok(r.returncode == 0 and r.stdout.startswith("squalld "), "--version", r.stdout)
    r = squalld("--help")
    tap.ok(r.returncode == 0 and "--describe" in r.stdout, "--help", r.stdout)


def test_checks():
    with Squalld(conf(), ready=False) as d:
        d.process.kill()
        run = ["-p", PLUGINS, "-c", d.conf]
        r = squalld(*run, "-t")
        tap.equal((r.returncode, r.stdout, r.stderr), (0, d.conf + ": ok\n", ""), "-t: good")
        r = squalld(*run, "--effective")
        tap.ok(r.returncode == 0 and "hang_drain" in r.stdout, "--effective: every option", r.stdout, r.stderr)
        with open(d.conf, "a", encoding="utf-8") as f:
            f.write("nonsense = 1;\n")
        r = squalld(*run, "-t")
        tap.ok(r.returncode == 2 and "nonsense" in r.stderr and r.stdout == "", "-t: bad", r.stdout, r.stderr)
        r = squalld(*run)
        tap.ok(r.returncode == 2 and "nothing started" in r.stderr, "a bad one does not start", r.stderr)
    for form in "text", "markdown", "conf", "man":
        r = squalld("-p", PLUGINS, "--describe=probe", "--format", form)
        tap.ok(r.returncode == 0 and "hang_drain" in r.stdout.replace("\\", ""), "--describe as %s" % form,
               r.stdout, r.stderr)


def link_of(folder, name):
    """"" when it was closed meanwhile."""
    try:
        return os.readlink(os.path.join(folder, name))
    except FileNotFoundError:
        return ""


def test_closed_descriptors():
    with Squalld(conf(), ready=False) as d:
        d.process.kill()
        run = [PROGRAM, "-p", PLUGINS, "-c", d.conf]
        process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *run])
        try:
            folder = "/proc/%d/fd" % process.pid
            wait_until(lambda: any(link_of(folder, fd).startswith("socket:") for fd in os.listdir(folder)), "a listener")
            tap.equal([os.readlink("%s/%d" % (folder, fd)) for fd in range(3)], ["/dev/null"] * 3,
                      "closed standard descriptors are not given to sockets")
        finally:
            process.terminate()
        tap.equal(process.wait(PATIENCE), 0, "... and it runs and stops without them")
        r = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *run, "-t"], stderr=subprocess.PIPE, text=True)
        tap.ok(r.returncode == 1 and "standard output" in r.stderr, "-t without standard output says so", r.stderr)


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            print("# " + name[len("test_"):].replace("_", " "))
            test()
    tap.done()


main()
