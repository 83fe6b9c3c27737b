#!/usr/bin/python3
"""The worker under an orchestrator: barrier, reports, and everything that can come between them."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control_server import TEST, ControlServer, sent_of  # noqa: E402
from odd_server import OddServer  # noqa: E402
from squall import Squalld, Tap, free_port, wait_until  # noqa: E402

tap = Tap()
CONF = 'roles = ({ plugin = "worker"; });'


def worker(environment):
    return Squalld(CONF, env=environment, ready=False)


def plan(url, rate=100, seconds=2, **more):
    return dict({"url": url, "hits_per_sec": rate, "duration_sec": seconds}, **more)


def wait_for(control, state):
    wait_until(lambda: control.last() and control.last()["state"] == state, "a worker that is %s" % state)


def honest(control, name):
    tap.ok(not control.problems, "%s: every report holds" % name, "\n".join(control.problems))


def test_alone():
    with OddServer() as target, ControlServer(plan(target.url("/ok")), ahead=3600 * 10**9) as c:
        with worker(c.environment()) as d:
            code = d.wait()
            log, out = d.log, d.out
        final = c.last()
        tap.equal(code, 0, "one worker: leaves when its final report is stored")
        tap.equal((final["state"], final["final"], final["stop_ack"]), ("ended", True, False), "  which is final")
        tap.equal(final["ledger"]["scheduled"], 200, "  with every request of the plan")
        tap.equal((final["ledger"]["ok"], target.count("/ok")), (200, 200), "  as the target counted")
        tap.equal(target.tests, {TEST}, "  under the test's id")
        states = [r["state"] for r in c.all()]
        tap.ok(set(states) >= {"ready", "armed", "running", "ended"}, "it says how far it is", states)
        late = [r["elapsed_ns"] % 10**9 for r in c.all() if r["state"] == "running"]
        tap.ok(len(late) >= 1 and all(ns < 9 * 10**8 for ns in late), "reports are about whole seconds", late)
        tap.equal(c.registrations[0]["name"], "7f3k-1", "it registers with its name")
        tap.ok(0 <= final["clock"]["error_ns"] < 10**9, "it knows how sure its clock is", final["clock"])
        tap.ok(final["health"]["cpu_ns"] > 0 and final["health"]["elapsed_ns"] >= 2 * 10**9, "and how it did",
               final["health"])
        tap.ok(final["bytes"]["sent"] > 0 and final["slowest"], "bytes and samples are there")
        tap.ok(c.token not in log, "the token is in no log")
        lines = out.splitlines()
        tap.ok("GET %s" % target.url("/ok") in lines[0] and "100/s for 2 s" in lines[0], "it says what it does", out)
        tap.ok(lines[-1].startswith("2/2 s  200 sent") and "errors 0" in lines[-1], "and how far it is, to the end", out)
        tap.contains(log, "result of this worker: scheduled=200 sent=200 ok=200", "its own result is in the log")
        honest(c, "one worker")


def test_park():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), rate=50, seconds=1)) as c:
        with worker(dict(c.environment(), SQUALL_PARK="true")) as d:
            d.wait_log("parked")
            tap.equal(c.last()["final"], True, "parked: after the final report")
            time.sleep(0.3)
            tap.equal(d.process.poll(), None, "  it stays")
            tap.equal(target.count("/ok"), 50, "  and sends nothing more")
            tap.equal(d.stop(), 143, "  until SIGTERM")
        honest(c, "parked")


def test_two():
    """The orchestrator's clock is an hour behind: the requests of both interleave all the same."""
    with OddServer() as target, ControlServer(plan(target.url("/ok"), rate=101), workers=2, ahead=-3600 * 10**9) as c:
        with worker(c.environment()) as a, worker(c.environment()) as b:
            tap.equal((a.wait(), b.wait()), (0, 0), "two workers: both leave in order")
        finals = c.finals()
        tap.equal(sum(r["ledger"]["scheduled"] for r in finals), 202, "  together they are the plan")
        tap.equal(target.count("/ok"), 202, "  as the target counted")
        tap.equal({r["ledger"]["scheduled"] for r in finals}, {101}, "  half each")
        tap.ok(len({r["uid"] for r in finals}) == 2, "  each by a name of its own")
        honest(c, "two workers")


def test_barrier():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=1)) as c:
        c.hold = True
        with worker(c.environment()) as d:
            wait_until(lambda: len(c.all()) >= 10, "polls")
            tap.ok({r["state"] for r in c.all()} == {"ready"}, "nobody arms it: it waits")
            tap.equal(target.count("/ok"), 0, "  and sends nothing")
            c.hold = False
            tap.equal(d.wait(), 0, "  until it is told")
        tap.equal(target.count("/ok"), 100, "  then the whole plan")
        honest(c, "barrier")


def test_stop():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=600)) as c:
        with worker(c.environment()) as d:
            wait_until(lambda: target.count("/ok") >= 20, "requests")
            c.stop = True
            tap.equal(d.wait(), 0, "stopped: leaves when that is stored")
        final = c.last()
        tap.ok(final["stop_ack"] and final["final"], "  acknowledged", final["state"])
        tap.equal(final["ledger"]["scheduled"], 60000, "  the whole plan is accounted for")
        tap.equal(sent_of(final["ledger"]), target.count("/ok"), "  what was sent is what the target counted")
        tap.equal(final["ledger"]["dropped"]["aborted"], 60000 - target.count("/ok"), "  the rest is aborted")
        honest(c, "stopped")
    with OddServer() as target, ControlServer(plan(target.url("/never"), seconds=600)) as c:
        with worker(c.environment()) as d:
            wait_until(lambda: target.count("/never") >= 5, "requests")
            c.stop = True
            tap.equal(d.wait(), 0, "stopped with requests in flight")
        tap.ok(c.last()["ledger"]["in_flight_at_end"] >= 5, "  they are booked", c.last()["ledger"])
        tap.ok(any(r["stop_ack"] and not r["final"] for r in c.all()), "  and the stop is acknowledged before")
        honest(c, "stopped in flight")


def test_stop_early():
    with OddServer() as target, ControlServer(plan(target.url("/ok"))) as c:
        c.hold = True
        with worker(c.environment()) as d:
            wait_for(c, "ready")
            c.stop = True
            tap.equal(d.wait(), 0, "stopped before it began")
        tap.equal((c.last()["ledger"]["scheduled"], target.count("/ok")), (0, 0), "  nothing was sent")
        honest(c, "stopped early")


def test_away():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=3)) as c:
        with worker(c.environment()) as d:
            wait_for(c, "running")
            c.away()
            d.wait_log("cannot be reported to")
            before = target.count("/ok")
            wait_until(lambda: target.count("/ok") >= before + 20, "requests without an orchestrator")
            tap.ok(True, "orchestrator away: it says so, and goes on")
            c.listen()
            tap.equal(d.wait(), 0, "  back again: all is delivered")
            tap.contains(d.log, "answers again", "  and says that too")
        tap.equal((c.last()["ledger"]["ok"], target.count("/ok")), (300, 300), "  nothing is lost")
        honest(c, "away")


def test_away_at_end():
    """Nobody takes the final report until long after the end; then its answer is lost."""
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=1)) as c:
        with worker(c.environment()) as d:
            wait_for(c, "running")
            c.away()
            wait_until(lambda: target.count("/ok") == 100, "the end of the load")
            time.sleep(0.5)
            c.store = False
            c.listen()
            wait_until(lambda: len(c.all()) > 2 and all(r["final"] for r in c.all()[-2:]), "two final reports")
            tap.ok(d.process.poll() is None, "not stored: the final report is repeated")
            c.store = True
            tap.equal(d.wait(), 0, "  until it is")
        tap.equal(c.last()["ledger"]["ok"], 100, "  with everything in it")
        honest(c, "away at the end")


def test_owner():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=1)) as owner, \
            ControlServer({}) as other:
        other.refuse = (307, owner.url)
        urls = "http://127.0.0.1:%d,%s" % (free_port(), other.url)
        with worker(owner.environment(urls)) as d:
            tap.equal(d.wait(), 0, "the first URL is dead, the second sends to the owner")
        tap.equal((owner.last()["ledger"]["ok"], other.asked), (100, 1), "  asked once, then the owner itself")
        honest(owner, "owner")


def test_new_owner():
    """The first orchestrator dies in mid-run; another one adopts the test under the next fence."""
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=3)) as first:
        with ControlServer(first.plan) as second:
            with worker(first.environment("%s,%s" % (first.url, second.url))) as d:
                wait_for(first, "running")
                with second.lock:
                    second.uids, second.reports = first.uids, first.reports
                    second.t0, second.fence = first.t0, 2
                first.away()
                tap.equal(d.wait(), 0, "adopted in mid-run: goes on")
            tap.equal((second.last()["fence"], second.last()["epoch"]), (2, 1), "  under the next fence, the same epoch")
            tap.equal((second.last()["ledger"]["ok"], target.count("/ok")), (300, 300), "  nothing is sent twice")
            honest(second, "adopted")


def test_fences():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=1)) as c:
        c.fence, c.run_fence, c.lead = 5, 4, 0.5
        with worker(c.environment()) as d:
            wait_until(lambda: c.t0 and c.clock() > c.t0 + 3 * 10**8, "T0 to pass")
            tap.equal(target.count("/ok"), 0, "run of a lower fence: not obeyed")
            c.stop = True
            tap.equal(d.wait(), 0, "  stop of the owner is")
        tap.equal(c.last()["ledger"]["scheduled"], 0, "  nothing was begun")
        honest(c, "fences")


def test_late():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=1)) as c:
        c.late, c.lead = True, 0.5
        with worker(c.environment()) as d:
            tap.equal(d.wait(), 0, "run comes after T0: it ends")
        tap.equal((c.last()["problem"]["reason"], target.count("/ok")), ("late", 0), "  silent, and says why")
        tap.equal(c.last()["ledger"]["scheduled"], 0, "  without a burst to catch up")
        honest(c, "late")


def test_refused():
    with ControlServer(plan("http://127.0.0.1:1/")) as c:
        with worker(c.environment(token="wrong")) as d:
            tap.equal((d.wait(), c.asked), (97, 1), "wrong token: fails at once")
            tap.contains(d.log, "SQUALL_TOKEN", "  and says which")
            tap.ok("wrong token" in d.log and "Bearer" not in d.log, "  without printing it", d.log)
        c.refuse = (410, None)
        with worker(c.environment()) as d:
            tap.equal(d.wait(), 0, "the test is over: nothing to do")
        c.refuse = (404, None)
        with worker(c.environment()) as d:
            wait_until(lambda: c.asked > 5, "more tries")
            c.refuse = (409, None)
            tap.equal(d.wait(), 97, "unknown test: asks again; another plan: fails")


def test_over():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=600)) as c:
        with worker(c.environment()) as d:
            wait_for(c, "running")
            c.refuse = (410, None)
            tap.equal(d.wait(), 0, "410 in mid-run: the test is over, it leaves")


def test_frozen():
    """The orchestrator's whole process sleeps: nothing closes, nothing answers."""
    with OddServer() as target:
        here = os.path.dirname(os.path.abspath(__file__))
        words = json.dumps(plan(target.url("/ok"), seconds=4))
        with subprocess.Popen([sys.executable, os.path.join(here, "control_server.py"), words],
                              stdout=subprocess.PIPE, text=True) as server:
            url = server.stdout.readline().strip()
            with ControlServer({}) as unused, worker(unused.environment(url)) as d:
                wait_until(lambda: target.count("/ok") >= 20, "requests")
                server.send_signal(signal.SIGSTOP)
                before = target.count("/ok")
                wait_until(lambda: target.count("/ok") >= before + 250, "requests meanwhile")
                server.send_signal(signal.SIGCONT)
                tap.equal(d.wait(), 0, "orchestrator frozen and back: delivers")
            lines = [json.loads(line) for line in server.stdout]
        tap.equal((lines[-2]["final"], lines[-2]["ledger"]["ok"], target.count("/ok")), (True, 400, 400),
                  "  the plan was carried out")
        tap.equal(lines[-1]["problems"], [], "frozen: every report holds")


def test_terminated():
    with OddServer() as target, ControlServer(plan(target.url("/ok"), seconds=600)) as c:
        with worker(c.environment()) as d:
            wait_until(lambda: target.count("/ok") >= 20, "requests")
            tap.equal(d.stop(), 143, "SIGTERM: exit status")
        final = c.last()
        tap.equal((final["final"], final["problem"]["reason"]), (True, "terminated"), "  a last report says so")
        tap.equal(sent_of(final["ledger"]), target.count("/ok"), "  with all that was sent")
        tap.equal(final["ledger"]["scheduled"], 60000, "  and all that was not")
        honest(c, "SIGTERM")
        with worker(c.environment("http://127.0.0.1:%d" % free_port())) as d:
            d.wait_log("cannot be reported to")
            tap.equal(d.stop(), 143, "SIGTERM without an orchestrator")


def test_unreachable():
    with ControlServer(plan("http://127.0.0.1:%d/" % free_port())) as c:
        with worker(c.environment()) as d:
            tap.equal(d.wait(), 0, "target unreachable: reported")
        tap.equal(c.last()["problem"]["reason"], "target_unreachable", "  as such")
        tap.contains(c.last()["problem"]["detail"], "connection refused", "  in words")
        honest(c, "unreachable")
    for bad, words in ((plan("http://127.0.0.1/", rate=-1), "hits_per_sec"),
                       (plan("http://169.254.169.254/"), "never loaded")):
        with ControlServer(bad) as c:
            with worker(c.environment()) as d:
                tap.equal(d.wait(), 0, "%s: reported" % words)
            tap.contains(c.last()["problem"]["detail"], words, "  in words")


def test_options():
    for more, words in (({"SQUALL_CONTROL_URL": "127.0.0.1:1"}, "does not begin with http://"),
                        ({"SQUALL_CONTROL_URL": "http://h:1/path"}, "has a path"),
                        ({"SQUALL_TEST_ID": "../x"}, "is no test's id"), ({"SQUALL_TEST_ID": ""}, "is no test's id"),
                        ({"SQUALL_WORKER": "a b"}, "is not a name")):
        environment = {"SQUALL_CONTROL_URL": "http://127.0.0.1:1", "SQUALL_TEST_ID": TEST, "SQUALL_TOKEN": "t"}
        environment.update(more)
        with worker(environment) as d:
            tap.equal(d.wait(), 2, "%s: exit status" % words)
            tap.contains(d.log, words, "  is named")
    with worker({"SQUALL_CONTROL_URL": "http://127.0.0.1:1", "SQUALL_TEST_ID": TEST}) as d:
        tap.equal(d.wait(), 1, "no token: exit status")
        tap.contains(d.log, "SQUALL_TOKEN", "  is named")


for test in (test_alone, test_park, test_two, test_barrier, test_stop, test_stop_early, test_away, test_away_at_end, test_owner,
             test_new_owner, test_fences, test_late, test_refused, test_over, test_frozen, test_terminated,
             test_unreachable, test_options):
    test()
tap.done()
