#!/usr/bin/python3
"""test_cli_targets.py - targets that are no good: what is wrong is named first, and the exit code is not 0."""
import json

from odd_server import OddServer
from squall import Tap, free_port, needs
from squall_cli import squall

needs("role_gateway", "role_orchestrator", "role_worker", "store_local", "transport_local", "scheduler_fork")

tap = Tap()
LOAD = ["-r", "20", "-d", "1", "--timeout", "500ms", "--allow-invalid"]


def words(r):
    return " ".join(r.stdout.split())


with OddServer() as server:
    url = server.url("")
    for path, what in (("/500", "20 times 500 Internal Server Error from %s/500"),
                       ("/404", "20 times 404 Not Found from %s/404"),
                       ("/garbage", "20 times an answer that is not HTTP from %s/garbage"),
                       ("/two_lengths", "20 times an answer that is not HTTP from %s/two_lengths"),
                       ("/never", "20 times no answer in time from %s/never"),
                       ("/stall", "20 times no answer in time from %s/stall"),
                       ("/gone", "20 times a broken connection to %s/gone"),
                       ("/reset", "20 times a broken connection to %s/reset"),
                       ("/early", "20 times a broken connection to %s/early")):
        r = squall("run", url + path, *LOAD)
        tap.equal(r.returncode, 99, "a target that does %s is never green" % path)
        tap.contains(words(r), "FAIL no request got an answer that counts as ok: " + what % url, "and named")
        tap.contains(words(r), "20 scheduled = 20 sent", "every request is in the ledger")

    r = squall("run", url + "/redirect", *LOAD)
    tap.contains(words(r), "WARN 20 of 20 answers were redirects; redirects are not followed: test http://elsewhere.example/login?x=1",
                 "a target that redirects: where to, and that nobody goes there")
    r = squall("run", url + "/redirect", *LOAD, "--expect-status", "200")
    tap.equal(r.returncode, 99, "with the status that is expected it is not green")
    tap.contains(words(r), "test http://elsewhere.example/login?x=1", "and tells where to all the same")
    r = squall("run", url + "/redirect", *LOAD, "--json")
    tap.equal(json.loads(r.stdout)["samples"]["slowest"][0]["what"], "Location: http://elsewhere.example/login?x=1", "it is in the samples")

for accepts in (False,):
    with OddServer(accepts=accepts) as server:
        r = squall("run", server.url("/"), *LOAD)
        tap.ok(r.returncode in (97, 99) and "FAIL" in r.stdout, "a target that closes each connection at once", r.stdout)

port = free_port()
r = squall("run", "127.0.0.1:%d" % port, *LOAD, "--json")
doc = json.loads(r.stdout)
tap.equal((r.returncode, doc["state"], doc["reason"], doc["verdict"]), (97, "failed", "target_unreachable", "none"),
          "nobody listens: target_unreachable")
tap.contains(doc["detail"], "127.0.0.1:%d" % port, "it is named")
r = squall("run", "no.such.name.invalid", *LOAD)
tap.ok(r.returncode in (2, 97) and "no.such.name.invalid" in r.stdout + r.stderr, "a name that nobody knows is named", r.stdout, r.stderr)
tap.done()
