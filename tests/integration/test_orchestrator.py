#!/usr/bin/python3
"""Whole tests through gateway, queue, orchestrator, forked workers and target: how they run, how they are
stopped, and what is left when workers or the orchestrator itself die."""
import datetime
import http.client
import http.server
import json
import os
import re
import signal
import sqlite3
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import LOCAL, Redis, backends
from counting_server import Counter
from squall import Tap, free_port, wait_until
from system import HAS_FAILPOINTS, TERMINAL, State, System, whole

BACKEND = LOCAL  # the one that the suite runs on
CLOSED, FORBIDDEN = free_port(), free_port()  # nobody listens there


def system(state, most=4, more=""):
    """The gateway allows two more targets, the orchestrator one of them."""
    return System(state, BACKEND, gateway_allows=["127.0.0.1:%d" % CLOSED, "127.0.0.1:%d" % FORBIDDEN],
                  allows=["127.0.0.1:%d" % CLOSED], orchestrator="max_concurrent_tests = %d; %s" % (most, more))


def test_run(tap, d):
    test_id = d.submit(hits_per_sec=100, duration_sec=2, workers=2)
    test = d.end(test_id)
    tap.equal((test["state"], test["reason"]), ("completed", None), "a test runs to its end")
    whole(tap, test, "a run")
    tap.equal(test["ledger"]["ok"], 200, "every request was answered")
    tap.equal([step["state"] for step in test["history"]],
              ["queued", "provisioning", "ready", "armed", "running", "draining", "completed"],
              "its history has every state")
    tap.equal(test["workers"], {"planned": 2, "armed": 2, "reported": 2, "lost": []}, "both workers took part")
    tap.equal(test["audit"], {"status": "equal", "sent": 200, "counted": 200}, "the target counted the same")
    tap.ok(test["generator"]["start_skew_ms"] is not None, "the start skew was measured")
    points = d.get("/tests/%s/timeline" % test_id, role="gateway").json["points"]
    for member in ("sent", "ok", "offered"):
        tap.equal(sum(p[member] for p in points), 200, "the timeline's %s add up" % member)
    tap.equal([p["t"] for p in points], list(range(len(points))), "one point for each second")


def test_odd_header(tap, d):
    answer = d.post("/hit", role="target", headers={"X-Squall-Test": "no-test"})
    tap.equal(answer.status, 200, "a hit of an unknown test is a hit like any other")


def test_cancel(tap, d):
    test_id = d.submit(hits_per_sec=100, duration_sec=60, workers=2)
    d.wait_state(test_id, "running")
    d.wait_sent(test_id, 1)
    tap.equal(d.post("/tests/%s/cancel" % test_id, role="gateway").status, 202, "a cancel is taken")
    test = d.end(test_id)
    tap.equal((test["state"], test["reason"], test["verdict"]), ("cancelled", "cancelled", "none"),
              "and ends the test")
    whole(tap, test, "cancelled")
    tap.ok(test["ledger"]["ok"] > 0 and test["ledger"]["dropped"]["aborted"] > 0, "what it measured is kept")
    tap.equal(test["ledger"]["unconfirmed"], 0, "both workers said all they knew")


def test_lost(tap, d):
    test_id = d.submit(hits_per_sec=90, duration_sec=4, workers=3)
    d.wait_state(test_id, "running")
    d.wait_sent(test_id, 1)
    time.sleep(0.5)  # it sends what it has not reported yet
    os.kill(d.workers()[0], signal.SIGKILL)
    test = d.end(test_id)
    tap.equal(test["state"], "completed", "one of three may die")
    whole(tap, test, "one lost")
    tap.equal(len(test["workers"]["lost"]), 1, "it is named")
    tap.equal(len(d.lines("lost: its process ended, policy degrade")), 1, "in the log as well, once")
    tap.ok(test["ledger"]["unconfirmed"] > 0 and test["ledger"]["dropped"]["worker_lost"] > 0,
           "what nobody can know is set apart from what was not sent", json.dumps(test["ledger"]))
    tap.ok(test["validity"]["status"] != "valid" and
           any("lost" in reason["what"] for reason in test["validity"]["reasons"]), "and the result says so")
    tap.ok(test["audit"]["status"] in ("equal", "within"), "the audit holds all the same", test["audit"])


def test_lost_all(tap, d):
    test_id = d.submit(hits_per_sec=90, duration_sec=30, workers=1)
    d.wait_state(test_id, "running")
    os.kill(d.workers()[0], signal.SIGKILL)
    test = d.end(test_id)
    tap.equal((test["state"], test["reason"]), ("failed", "workers_lost"), "the only one may not")
    whole(tap, test, "all lost")


def test_unreachable(tap, d):
    test = d.end(d.submit(hits_per_sec=10, duration_sec=1, workers=2, url="http://127.0.0.1:%d/" % CLOSED))
    tap.equal((test["state"], test["reason"]), ("failed", "target_unreachable"),
              "a target that accepts nothing ends the test before its start")
    tap.equal(test["started_at"], None, "it never began")
    tap.contains(test["detail"], str(CLOSED), "it says which")


def test_refused(tap, d):
    test = d.end(d.submit(hits_per_sec=10, duration_sec=1, url="http://127.0.0.1:%d/" % FORBIDDEN))
    tap.equal((test["state"], test["reason"]), ("failed", "refused"),
              "a target that only the gateway allows is refused")
    tap.contains(test["detail"], "allowed_targets", "with the cure")
    tap.ok(d.lines("is dead (refused)"), "and its message is dead")


def test_control(tap, d):
    def post(path, body, token, role="orchestrator"):
        return d.post(path, body, headers={"Authorization": "Bearer " + token}, role=role)

    test_id = d.submit(hits_per_sec=20, duration_sec=60, workers=1)
    d.wait_state(test_id, "running")
    token, path = d.token(), "/control/tests/%s/workers" % test_id
    tap.equal(post(path, {}, "wrong").status, 401, "the control protocol wants the test's token")
    tap.equal(d.post(path, {}, role="orchestrator").status, 401, "and refuses none at all")
    tap.equal(post(path, {"uid": 1}, token).status, 400, "a registration that is none")
    tap.equal(post(path + "/x", "[]", token).status, 400, "a report that is none")
    late = {"format": 1, "uid": "x", "name": "y", "plan_sha256": "", "version": "1",
            "limits": {"files": 0, "cpus": 0}, "clock": {"unix_ns": 0}}
    tap.equal(post(path, late, token).status, 410, "after T0 there is no place for another worker")
    tap.equal(post(path, dict(late, plan_sha256="0" * 64), token).status, 409, "nor one with another plan")
    tap.equal(post("/control/tests/nobody/workers", late, token).status, 404, "a test that is unknown")
    record = d.show(test_id)
    tap.ok(token not in json.dumps(record), "the token stands in no answer")
    d.post("/tests/%s/cancel" % test_id, role="gateway")
    d.end(test_id)
    wait_until(lambda: post(path, late, token).status == 410, "410 for a test that is over")
    tap.ok(True, "a test that is over answers 410")


def test_thinned(tap):
    """A timeline with more points than are kept: the older ones stand for several seconds, and nothing is lost."""
    with State() as state, system(state, more="timeline_points = 8;") as d:
        test_id = d.submit(hits_per_sec=50, duration_sec=16, workers=2)
        test = d.end(test_id)
        whole(tap, test, "a run longer than its timeline")
        points = d.get("/tests/%s/timeline" % test_id, role="gateway").json["points"]
        seconds = [p["t"] for p in points]
        tap.ok(len(points) <= 9, "17 seconds are thinned to about 8 points", seconds)
        tap.ok(seconds == sorted(set(seconds)) and seconds[-4:] == list(range(seconds[-1] - 3, seconds[-1] + 1)) and seconds[0] > 0,
               "in order, the last ones a second each", seconds)
        for member in ("sent", "ok", "offered"):
            tap.equal(sum(p[member] for p in points), 800, "their %s add up" % member)
        rows = d.get("/tests/%s/report.csv" % test_id, role="gateway").text.split("\r\n")
        tap.equal([int(row.split(",")[0]) for row in rows[1:-1]], seconds, "and so has the table")
        tap.equal(d.stop(), 0, "it stops in order")


def test_waiting(tap):
    with State() as state, system(state, most=1) as d:
        first = d.submit(hits_per_sec=20, duration_sec=2, workers=1)
        d.wait_state(first, "running")
        second = d.submit(hits_per_sec=20, duration_sec=1, workers=1)
        tap.equal(d.show(second)["state"], "queued", "the second test waits for a free slot")
        d.end(first)
        tap.equal(d.end(second)["state"], "completed", "and runs then")


def test_unstoppable(tap):
    """A scheduler that refuses to end workers (a Role without delete) keeps no slot, and does not fill the log."""
    if not HAS_FAILPOINTS:
        tap.skip("workers that cannot be ended", "built without --enable-failpoints: nothing refuses it")
        return
    times = 30
    refusals = ",".join(["before:scheduler.stop=fail"] * times)
    with State() as state, System(state, BACKEND, failpoint=refusals, orchestrator="max_concurrent_tests = 1;") as d:
        for which in ("first", "second", "third"):
            test_id = d.submit(hits_per_sec=20, duration_sec=1, workers=1)
            tap.equal(d.end(test_id)["state"], "completed", "the scheduler ends no workers: the %s test runs" % which)
        struck = len(d.lines("scheduler.stop"))
        tap.ok(3 <= struck < times, "it is asked again, less and less often", struck)
        told = len(d.lines("the scheduler did not do what it was asked"))
        tap.ok(told <= 3, "and each says so once", told)


def test_totals(tap):
    """What a foreign gateway let in has to fit, too: it waits, or is refused when it never would."""
    with State() as state, system(state, more="max_total_rate = 50; max_total_workers = 3;") as d:
        first = [d.submit(hits_per_sec=30, duration_sec=2, workers=1) for _ in range(2)]
        d.wait_state(first[0], "running", "draining", *TERMINAL)
        tap.ok("queued" in [d.show(t)["state"] for t in first], "30/s and 30/s are more than 50/s: one waits")
        tap.equal([d.end(t)["state"] for t in first], ["completed"] * 2, "and runs then")
        test = d.end(d.submit(hits_per_sec=51, duration_sec=1))
        tap.equal((test["state"], test["reason"]), ("failed", "refused"), "51/s alone are refused")
        tap.contains(test["detail"], "max_total_rate = 50", "by the name of the option")
        first = d.submit(hits_per_sec=3, duration_sec=60, workers=3)
        d.wait_state(first, "running")
        second = d.submit(hits_per_sec=1, duration_sec=1, workers=1)
        d.post("/tests/%s/cancel" % second, role="gateway")
        tap.equal(d.end(second)["state"], "cancelled", "one that waits can be cancelled")
        d.post("/tests/%s/cancel" % first, role="gateway")
        d.end(first)


def begun(d, presence, **plan):
    answer = d.post("/tests", plan, headers={"X-Squall-Presence": str(presence)}, role="gateway")
    assert answer.status == 202, answer.text
    return answer.json["test_id"]


def test_presence(tap, d):
    """Who began a test so has to say again and again that it is there; the store's clock counts."""
    for bad in "", "4", "3601", "5.5", "x", "9" * 30:
        tap.equal(d.post("/tests", {}, headers={"X-Squall-Presence": bad}, role="gateway").status, 400, "%.5r is no time to stay" % bad)
    stays = begun(d, 5, hits_per_sec=20, duration_sec=8)
    leaves = begun(d, 5, hits_per_sec=20, duration_sec=60)
    plain = d.submit(hits_per_sec=20, duration_sec=8)

    def gone():
        answer = d.post("/tests/%s/presence" % stays, role="gateway")
        assert answer.status == 200, answer.text
        time.sleep(0.3)
        return d.show(leaves)["state"] == "cancelled"

    tap.equal(d.post("/tests/%s/presence" % plain, role="gateway").json["presence_until"], None, "nobody has to stay with a plain one")
    wait_until(gone, "the end of the test whose client went away")
    test = d.show(leaves)
    tap.equal((test["state"], test["reason"]), ("cancelled", "client_vanished"), "the test is cancelled, and says why")
    whole(tap, test, "left alone")
    wait_until(lambda: gone() and d.show(stays)["state"] in TERMINAL, "the end of the other")
    tap.equal(d.show(stays)["state"], "completed", "the one whose client stays runs to its end")
    tap.equal(d.end(plain)["state"], "completed", "and so does one that nobody has to stay with")
    tap.equal(d.post("/tests/%s/presence" % stays, role="gateway").json["state"], "completed", "later it is told that it is over")
    tap.equal(d.post("/tests/nobody/presence", role="gateway").status, 404, "and of no test, that there is none")


def test_presence_queued(tap):
    with State() as state, system(state, most=1) as d:
        first = d.submit(hits_per_sec=20, duration_sec=60)
        d.wait_state(first, "running")
        test = d.end(begun(d, 5, hits_per_sec=20, duration_sec=1))
        tap.equal((test["state"], test["reason"], len(test["history"])), ("cancelled", "client_vanished", 2),
                  "one that waits in the queue is cancelled there")
        d.post("/tests/%s/cancel" % first, role="gateway")
        d.end(first)


def test_loss_abort(tap, d):
    test_id = d.submit(hits_per_sec=90, duration_sec=30, workers=3, on_worker_loss="abort")
    d.wait_state(test_id, "running")
    os.kill(d.workers()[0], signal.SIGKILL)
    test = d.end(test_id)
    tap.equal((test["state"], test["reason"]), ("failed", "workers_lost"), "on_worker_loss abort: none may die")
    whole(tap, test, "aborted for a loss")


def test_shutdown(tap):
    with State() as state:
        with system(state) as d:
            test_id = d.submit(hits_per_sec=90, duration_sec=60, workers=2)
            d.wait_state(test_id, "running")
            d.wait_sent(test_id, 1)
            tap.equal(d.stop(), 0, "SIGTERM in the middle of a test: orderly")
        with system(state) as d:
            test = d.show(test_id)
            tap.equal((test["state"], test["reason"]), ("failed", "orchestrator_stopped"),
                      "its workers end with it, and it says so")
            whole(tap, test, "stopped")
            tap.ok(test["ledger"]["ok"] > 0, "what was measured is kept")
            tap.equal(test["ledger"]["unconfirmed"], 0, "to the last request")


def ask_on(d, role, method, path, over):
    """One kept-alive connection, request after request, to its end."""
    connection = http.client.HTTPConnection(*d.address(role), timeout=10)
    try:
        while not over.is_set():
            connection.request(method, path, b"{}" if method == "POST" else None)
            connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def test_asked_while_stopping(tap):
    """Requests go on arriving, also when all that had to end has: they do not end it once more."""
    codes = []
    for _ in range(4):
        over = threading.Event()
        with State() as state, system(state) as d:
            threads = [threading.Thread(target=ask_on, args=(d, *what, over)) for what in 4 * (
                ("gateway", "GET", "/tests/nobody"), ("orchestrator", "POST", "/control/tests/nobody/workers"))]
            for t in threads:
                t.start()
            time.sleep(0.3)
            codes.append(d.stop())
            over.set()
            for t in threads:
                t.join()
            if codes[-1] != 0:
                tap.note(d.log)
    tap.equal(codes, [0] * 4, "asked by many while it stops: it stops in order")


def test_crash(tap):
    with State() as state:
        with system(state) as d:
            test_id = d.submit(hits_per_sec=90, duration_sec=60, workers=2)
            d.wait_state(test_id, "running")
            d.wait_sent(test_id, 1)
            d.send_signal(signal.SIGKILL)
            d.wait()
        with system(state) as d:
            test = d.end(test_id)
            tap.equal((test["state"], test["reason"]), ("failed", "orchestrator_lost"),
                      "killed in the middle of a test: it is not run again")
            whole(tap, test, "crashed")
            tap.ok(not d.workers(), "no worker is left")


def test_crash_before(tap):
    if not HAS_FAILPOINTS:
        tap.skip("killed before the start", "built without --enable-failpoints: nothing holds it there")
        return
    with State() as state:
        with System(state, BACKEND, failpoint="after:write.ready=kill") as d:
            test_id = d.submit(hits_per_sec=90, duration_sec=1, workers=2)
            tap.equal(d.wait(), -signal.SIGKILL, "killed when all were ready")
        with system(state) as d:
            test = d.end(test_id)
            tap.equal(test["state"], "completed", "killed before the start: it runs under the next one")
            tap.equal(test["adoptions"], 1, "which adopted it")
            whole(tap, test, "adopted")


def test_crash_draining(tap):
    """What was decided, and when, is in the record: whoever writes the end takes it from there."""
    if not HAS_FAILPOINTS:
        tap.skip("killed while draining", "built without --enable-failpoints: nothing holds it there")
        return
    with State() as state:
        with System(state, BACKEND, failpoint="after:write.draining=kill") as d:
            test_id = begun(d, 5, hits_per_sec=90, duration_sec=60)
            tap.equal(d.wait(), -signal.SIGKILL, "killed when a test was to end")
        time.sleep(2)
        with system(state) as d:
            test = d.end(test_id)
            tap.equal((test["state"], test["reason"]), ("cancelled", "client_vanished"), "it ends as was decided")
            at = {step["state"]: step["at"] for step in test["history"]}
            began = round(datetime.datetime.fromisoformat(test["started_at"].replace("Z", "+00:00")).timestamp() * 1000)
            tap.ok(abs(test["elapsed_ms"] - (at["draining"] - began)) < 100, "its load lasted until then",
                   test["elapsed_ms"], at["draining"] - began)
            whole(tap, test, "ended by another")


def test_worn_out(tap):
    """A message that ends whoever takes it: the last delivery of all is there to write down why it is given up."""
    if not HAS_FAILPOINTS:
        tap.skip("a message that kills", "built without --enable-failpoints: nothing holds it there")
        return
    with State() as state:
        state.lock, state.deliveries = "5s", 2
        test_id, ttl = None, "8s"  # long enough for nobody to publish it anew
        for n in (1, 2):
            with System(state, BACKEND, failpoint="before:write.provisioning=kill", ttl=ttl) as d:
                test_id = test_id or d.submit(hits_per_sec=10, duration_sec=1)
                tap.equal(d.wait(), -signal.SIGKILL, "killed by its message, %d of 2" % n)
        with System(state, BACKEND, ttl=ttl) as d:
            test = d.end(test_id)
            tap.equal((test["state"], test["reason"]), ("failed", "delivery_limit"), "the third does not try")
            tap.contains(str(test["detail"]), "logs", "it says where to look")
            tap.equal(test["history"][-1]["reason"], "delivery_limit", "the history has it")
            wait_until(lambda: BACKEND.waiting(state, test_id) == 0, "its message to be gone")
            tap.ok(d.lines("is dead (delivery_limit)"), "its message is dead")
            tap.equal(d.end(d.submit(hits_per_sec=10, duration_sec=1))["state"], "completed", "others run")
            for form in "json", "txt", "csv", "hgrm":
                status = d.get("/tests/%s/report.%s" % (test_id, form), role="gateway").status
                tap.ok(status in (200, 404, 409), "a test without a result has its report.%s, or says that there is none" % form,
                       status)


def change(state, statement, *values):
    """One row of the local store."""
    with sqlite3.connect("file:%s/store.db" % state.dir, uri=True, timeout=30) as db:
        assert db.execute(statement, values).rowcount == 1


PLAN_OF = "WHERE name = 'secret.plan' AND record = (SELECT num FROM records WHERE id = ?)"


def test_unreadable(tap):
    """A plan that this orchestrator cannot read, as one of a newer gateway: it does not come back for ever."""
    if BACKEND is not LOCAL:
        return
    newer = b'{"hits_per_sec":1,"duration_sec":1,"from_the_future":1}'
    for broken, says in (newer, "from_the_future"), (b"{", "JSON"), (None, "store"):
        with State() as state, system(state, most=1) as d:
            first = d.submit(hits_per_sec=20, duration_sec=60, workers=1)
            d.wait_state(first, "running")
            second = d.submit(hits_per_sec=20, duration_sec=1, workers=1)
            if broken is None:
                change(state, "DELETE FROM parts " + PLAN_OF, second)
            else:
                change(state, "UPDATE parts SET data = ? " + PLAN_OF, broken, second)
            d.cancel(first)
            test = d.end(second)
            tap.equal((test["state"], test["reason"]), ("failed", "plan_unreadable"), "a plan that says %s" % broken)
            tap.contains(test["detail"], says, "it says what is wrong")
            tap.ok(d.lines("is dead (plan_unreadable)"), "and its message is dead")
    with State() as state:
        with system(state) as d:
            test_id = d.submit(hits_per_sec=20, duration_sec=60, workers=1)
            d.wait_state(test_id, "running")
            d.send_signal(signal.SIGKILL)
            d.wait()
        change(state, "UPDATE parts SET data = ? " + PLAN_OF, newer, test_id)
        with system(state) as d:
            wait_until(lambda: len(d.lines("from_the_future")) > 1, lambda: "two tries\n" + d.log)
            tap.equal(d.show(test_id)["state"], "running", "a test that runs is left to an orchestrator that can read it")
            tap.equal(d.end(d.submit(hits_per_sec=20, duration_sec=1, workers=1))["state"], "completed", "others run")


def test_unreadable_record(tap):
    """A record of a newer squall: its message is put aside, and hinders nothing."""
    if BACKEND is not LOCAL:
        return
    with State() as state, system(state, most=1) as d:
        first = d.submit(hits_per_sec=20, duration_sec=60, workers=1)
        d.wait_state(first, "running")
        second = d.submit(hits_per_sec=20, duration_sec=1, workers=1)
        change(state, "UPDATE records SET body = ? WHERE id = ?", b'{"format":99}', second)
        d.cancel(first)
        wait_until(lambda: d.lines("is dead (record_unreadable)"), lambda: "its message to be dead\n" + d.log)
        tap.ok(d.lines("its record cannot be read"), "the log says why")
        tap.equal(d.end(d.submit(hits_per_sec=20, duration_sec=1, workers=1))["state"], "completed", "others run")
        tap.equal(len(d.lines("cannot be taken now")), 0, "it is not tried again and again")


def test_record_gone(tap):
    """A store that forgets a test which runs: nobody can end it but who runs it."""
    if BACKEND is not LOCAL:
        return
    with State() as state, system(state) as d:
        test_id = d.submit(hits_per_sec=20, duration_sec=60, workers=2)
        d.wait_state(test_id, "running")
        change(state, "DELETE FROM records WHERE id = ?", test_id)
        wait_until(lambda: d.lines("its record is gone from the store"), lambda: "the word of it\n" + d.log)
        wait_until(lambda: not d.workers(), lambda: "the end of its workers\n" + d.log, 5)
        tap.ok(True, "a record that is gone: the log says so, and its workers are ended")
        tap.equal(d.end(d.submit(hits_per_sec=20, duration_sec=1, workers=1))["state"], "completed", "others run")


def test_last_words(tap):
    """The last report of a worker that was killed is stored, if not at the first attempt."""
    if not HAS_FAILPOINTS:
        tap.skip("a snapshot that is not stored", "built without --enable-failpoints: nothing fails there")
        return
    # Each of the two is stored at the beginning; then again after five seconds, or when it is lost.
    with State() as state, System(state, BACKEND, failpoint="before:store.part_put#3=fail") as d:
        test_id = d.submit(hits_per_sec=50, duration_sec=4, workers=2)
        d.wait_sent(test_id, 1)
        os.kill(d.workers()[0], signal.SIGKILL)
        test = d.end(test_id)
        tap.equal((test["state"], len(test["workers"]["lost"])), ("completed", 1), "one of two is lost")
        tap.ok("part_put" in d.log, "what it said last is not stored at first")
        text = d.get("/tests/%s/report.hgrm" % test_id, role="gateway").text
        stored = int(re.search(r"Total count\s*=\s*(\d+)", text).group(1))
        tap.equal(stored, test["latency_ms"]["response"]["count"] - test["ledger"]["in_flight_at_end"],
                  "but in the end all of it is")


class Slow(http.server.BaseHTTPRequestHandler):
    """Answers each request after a while."""

    protocol_version, wait = "HTTP/1.1", 0.2

    def do_GET(self):
        time.sleep(self.wait)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Echo(Slow):
    """Refuses each request, and shows its headers, as error pages of some frameworks do."""

    def do_GET(self):
        page = str(self.headers).encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


def test_echo(tap):
    """What a target shows of the secrets that it was sent is kept nowhere."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server, State() as state:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with System(state, BACKEND, url="http://127.0.0.1:%d/" % server.server_port) as d:
            test_id = d.submit(hits_per_sec=10, duration_sec=1, method="GET", secret_headers=["X-Key"],
                               headers={"Authorization": "Bearer geheimwort", "X-Key": "losungswort", "X-Open": "offen"})
            test = json.dumps(d.end(test_id))
            tap.ok("X-Open: offen" in test, "the first bytes of an answer are kept")
            tap.ok("geheimwort" not in test and "losungswort" not in test, "but no secret in them", test)
            if BACKEND is LOCAL:
                with sqlite3.connect("file:%s/store.db?mode=ro" % state.dir, uri=True) as db:
                    parts = b"".join(row[0] for row in db.execute("SELECT data FROM parts"))
                tap.ok(b"X-Open: offen" in parts and b"geheimwort" not in parts, "nor in what the workers reported")
        server.shutdown()


def test_backlog(tap):
    """A target that is slower than the load: requests are sent behind the end, which is not the rate it stood."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server, State() as state:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with System(state, BACKEND, url="http://127.0.0.1:%d/" % server.server_port) as d:
            test = d.end(d.submit(hits_per_sec=20, duration_sec=1, workers=1, max_connections=1, method="GET"))
            tap.equal((test["state"], test["ledger"]["ok"]), ("completed", 20), "all are answered in the end")
            tap.ok(test["elapsed_ms"] >= 19 * Slow.wait * 1000, "it lasted until the last one was sent", test["elapsed_ms"])
            tap.ok(test["rate"]["sent"] <= 20 / (19 * Slow.wait), "the rate is what the target took", test["rate"])
            tap.equal(test["rate"]["offered"], 20, "not what was asked of it")
        server.shutdown()


def test_store_away(tap):
    """The lease stays good for longer than this takes: only waiting for the store is left to do."""
    if not isinstance(BACKEND, Redis):
        return
    with Redis(BACKEND.link) as away, State() as state, Counter() as counter, System(
            state, away, url=counter.url, ttl="60s", orchestrator='report_timeout = "60s";') as d:
        test_id = d.submit(hits_per_sec=50, duration_sec=60, workers=2)
        d.wait_sent(test_id, 1)
        away.server.kill()
        os.kill(d.workers()[0], signal.SIGKILL)
        time.sleep(2.5)  # points fall due, and what the lost one said last
        try:
            answered = d.get("/metrics", role="orchestrator", patience=10).status
        except OSError as e:
            answered = repr(e)
        tap.equal(answered, 200, "the store is away: the orchestrator goes on answering")
        away.server.start()
        wait_until(lambda: d.cancel(test_id) == 202, "the store to be back")
        test = d.end(test_id)
        tap.equal(test["state"], "cancelled", "and goes on when it is back")
        points = d.get("/tests/%s/timeline" % test_id, role="gateway").json["points"]
        tap.equal(sum(p["sent"] for p in points), sum(test["ledger"]["sent"].values()), "no point is lost")


def suite(tap, backend):
    global BACKEND
    BACKEND = backend
    with State() as state, system(state) as d:
        for test in (test_run, test_odd_header, test_cancel, test_lost, test_lost_all, test_loss_abort, test_presence, test_unreachable,
                     test_refused, test_control):
            test(tap, d)
        tap.equal(d.stop(), 0, "and it stops in order")
    test_thinned(tap)
    test_waiting(tap)
    test_unstoppable(tap)
    test_totals(tap)
    test_presence_queued(tap)
    test_shutdown(tap)
    test_asked_while_stopping(tap)
    test_crash(tap)
    test_crash_before(tap)
    test_crash_draining(tap)
    test_worn_out(tap)
    test_unreadable(tap)
    test_unreadable_record(tap)
    test_record_gone(tap)
    test_last_words(tap)
    test_backlog(tap)
    test_echo(tap)
    test_store_away(tap)


def main():
    tap = Tap()
    for backend in backends(tap):
        with backend:
            suite(tap, backend)
    tap.done()


if __name__ == "__main__":
    main()
