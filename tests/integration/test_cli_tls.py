#!/usr/bin/python3
"""test_cli_tls.py - squall run through the whole path over TLS, unix sockets and bent routes, as curl's users
write it; and that a client's key appears nowhere."""
import json
import os
import shutil
import socket
import sys
import tempfile

from odd_server import OddServer
from odd_tls import Office, OddTls
from squall import PLUGINS, Squalld, Tap
from squall_cli import HOME, squall

if not shutil.which("openssl"):
    print("1..0 # SKIP the program openssl is not installed")
    sys.exit(0)

tap = Tap()
LOAD = ["-r", "50", "-d", "1", "--allow-invalid", "--json"]


def run(name, *args, env=None):
    r = squall("run", *args, *LOAD, env=env)
    doc = json.loads(r.stdout or "{}")
    ledger = doc.get("ledger", {})
    tap.ok(r.returncode == 0 and ledger.get("ok") == 50 and ledger["balanced"], name, r.returncode, ledger, r.stderr)
    return doc


def files_with(folder, text):
    found = []
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    if text in f.read():
                        found.append(name)
    return found


with tempfile.TemporaryDirectory() as folder:
    office = Office(folder)
    good = office.issue("DNS:localhost,DNS:shop.example,IP:127.0.0.1")
    ca = office.path("crt")
    cert, key = office.issue("DNS:me", client=True)
    with open(key, "rb") as f:
        secret = f.read().splitlines()[1]  # a line of the key itself

    with OddTls(good) as server:
        doc = run("--cacert", server.url("/ok", "localhost"), "--cacert", ca)
        tap.equal(doc["connections"]["tls_full"], doc["connections"]["opened"], "each connection is one of TLS")
        run("-k", server.url("/ok", "localhost"), "-k")
        run("--resolve", server.url("/ok", "shop.example"), "--cacert", ca, "--resolve",
            "shop.example:%d:127.0.0.1" % server.port)
        run("--connect-to", "https://shop.example/ok", "--cacert", ca, "--connect-to",
            "shop.example:443:localhost:%d" % server.port)
        run("a name with a dot at its end", server.url("/ok", "localhost."), "--cacert", ca, "--resolve",
            "localhost.:%d:127.0.0.1" % server.port)
        doc = run("a new connection for each", server.url("/ok", "localhost"), "-k", "--requests-per-connection", "1")
        tap.equal(doc["connections"]["opened"], 50, "and they are counted")
        r = squall("run", server.url("/ok", "localhost"), "-d", "1")
        tap.ok(r.returncode == 97 and "issuer" in r.stdout and "-k" in " ".join(r.stdout.split()),
               "unknown issuer: 97, why, and what to do", r.stdout)
        r = squall("run", server.url("/ok", "localhost"), "--debug", "--cacert", ca)
        tap.ok(r.returncode == 0 and "tls " in r.stdout and "< HTTP/1.1 200 OK" in r.stdout, "--debug", r.stdout, r.stderr)
        r = squall("run", server.url("/ok", "localhost"), "--debug")
        tap.ok(r.returncode == 97 and "--cacert" in r.stderr, "--debug with an unknown issuer", r.stderr)
        r = squall("run", server.url("/ok", "shop.example"), "--debug", "-k", "--resolve", "shop.example:%d:127.0.0.1" % server.port)
        tap.equal(r.returncode, 0, "--debug --resolve")

    with OddTls(good, client_ca=office.ca) as server:
        doc = run("--cert and --key", server.url("/ok", "localhost"), "--cacert", ca, "--cert", cert, "--key", key)
        tap.ok(secret.decode() not in json.dumps(doc) and doc["effective_plan"]["tls"]["key"] == "(hidden)",
               "the key is not in the result")
        tap.equal(files_with(HOME.name, secret), [], "nor in what is kept of the run")
        r = squall("run", server.url("/ok", "localhost"), "--cacert", ca, "-d", "1")
        tap.ok(r.returncode == 97 and "certificate required" in " ".join(r.stdout.split()), "a server that wants one: 97, and why", r.stdout)
        r = squall("run", server.url("/ok", "localhost"), "-k", "-d", "1")
        words = " ".join(r.stdout.split())
        tap.ok(r.returncode == 97 and "certificate required" in words and "--cert, --key" in words and "--cacert" not in words,
               "the same with -k: not what is wrong with its own", r.stdout)
        r = squall("run", server.url("/ok", "localhost"), "--debug", "--cacert", ca, "--cert", cert, "--key", key)
        tap.equal(r.returncode, 0, "--debug --cert --key")

        # At a gateway: what it stores for others, says and logs.
        conf = """state_dir = "@dir@/state"; transport = { plugin = "local"; }; store = { plugin = "local"; };
                  scheduler = { plugin = "fork"; worker_conf = "@dir@/worker.conf"; };
                  roles = ( { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "%(url)s"; },
                            { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "%(url)s"; } );"""
        with Squalld(conf % {"url": server.url("/ok", "localhost")}, ready=False) as d:
            with open(os.path.join(d.dir, "worker.conf"), "w", encoding="utf-8") as f:
                f.write('plugin_dir = "%s"; roles = ({ plugin = "worker"; });' % PLUGINS)
            d.wait_log(" ready roles=")
            env = {"SQUALL_GATEWAY": d.url("gateway")}
            doc = run("at a gateway", "--cacert", ca, "--cert", cert, "--key", key, env=env)
            answer = d.get("/tests/" + doc["test_id"]).text
            tap.ok(secret.decode() not in answer + d.log, "its answers and its log do not hold the key")
            d.post("/tests/%s/cancel" % doc["test_id"])
            r = squall("run", "-k", "--unix-socket", "/dev/null", "-d", "1", env=env)
            tap.ok(r.returncode == 2 and "unix:/dev/null is not allowed" in r.stderr, "a socket that is not listed", r.stderr)
            r = squall("run", "-k", "--resolve", "localhost:%d:10.9.8.7" % server.port, "-d", "1", env=env)
            tap.ok(r.returncode == 2 and "allowed_targets" in r.stderr, "an address that is not listed", r.stderr)
            r = squall("run", "-k", "--connect-to", "::127.0.0.1:1", "-d", "1", env=env)
            tap.ok(r.returncode == 2 and "allowed_targets" in r.stderr, "a place that is not listed", r.stderr)

    path = os.path.join(folder, "odd.sock")
    with OddServer(socket.AF_UNIX, path) as server:
        run("--unix-socket", "http://localhost/ok", "--unix-socket", path)
        tap.equal(squall("run", "http://localhost/ok", "--debug", "--unix-socket", path).returncode, 0, "--debug --unix-socket")
tap.done()
