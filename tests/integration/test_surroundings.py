#!/usr/bin/python3
"""A test when its disk is full, its wall clock jumps, its clients vanish, or its place is taken by another."""
import functools
import json
import os
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults import RATE, SECONDS, SmallDisk, Suite, WallClock
from squall import Squalld
from system import HAS_FAILPOINTS, TERMINAL, System, wait_until

def disk_case(run):
    @functools.wraps(run)
    def within(case):
        with SmallDisk(case.state) as disk:
            if disk.why:
                case.tap.skip("a full disk", "no file system of its own: " + disk.why)
                return
            run(case, disk)
            for d in case.daemons:
                d.close()
    return within


@disk_case
def disk_full(case, disk):
    """While it runs; with room again the test goes on, and its end has all that was measured."""
    d = case.daemon()
    case.submit(d, duration_sec=4)
    d.wait_state(case.test_id, "running")
    disk.fill()
    d.wait_log("disk is full")
    time.sleep(2)
    disk.free()
    test = case.settle(d, "completed")
    case.all_done(test)
    case.stop(d)


@disk_case
def disk_full_at_end(case, disk):
    """The end cannot be written while the disk is full, and is as soon as there is room."""
    d = case.daemon()
    case.submit(d)
    d.wait_state(case.test_id, "running")
    disk.fill()
    time.sleep(SECONDS + 2)
    case.tap.ok(d.show(case.test_id)["state"] not in TERMINAL, "the record is as it was")
    disk.free()
    case.settle(d, "completed")
    case.stop(d)


@disk_case
def disk_full_crash(case, disk):
    d = case.daemon()
    case.submit(d, duration_sec=30)
    d.wait_state(case.test_id, "running")
    disk.fill()
    d.wait_log("disk is full")
    d.send_signal(signal.SIGKILL)
    d.wait()
    second = case.daemon(ready=False)
    time.sleep(2)
    case.tap.ok(second.process.poll() in (None, 1), "the next one starts, or says why not", second.process.poll(), second.log)
    disk.free()
    if second.process.poll() is not None:
        case.tap.contains(second.log, "full", "it says why")
        second = case.daemon()
    second.wait_log(" ready roles=")
    case.settle(second, "failed orchestrator_lost")
    case.stop(second)


@disk_case
def disk_full_submit(case, disk):
    d = case.daemon()
    disk.fill()
    answer = d.post("/tests", {"hits_per_sec": RATE, "duration_sec": SECONDS}, headers={"Content-Type": "application/json"},
                    role="gateway")
    case.tap.ok(answer.status >= 500, "no room for a new test: it is refused", answer.status, answer.text)
    case.tap.contains(answer.text, "full", "and told why")
    disk.free()
    case.submit(d)
    case.settle(d, "completed")
    case.stop(d)


def clock_jumps(case, seconds, point):
    clock = WallClock(case.state)
    d = case.daemon(point + "=stop", env=clock.env)
    case.submit(d)
    d.wait_stopped()
    clock.jump(seconds)
    d.go_on()
    test = case.settle(d, "completed")
    case.all_done(test)
    case.stop(d)


def clock_jumps_and_crash(case, seconds):
    clock = WallClock(case.state)
    d = case.daemon("after:write.running=stop", env=clock.env)
    case.submit(d)
    d.wait_stopped()
    time.sleep(1)  # the workers go on
    clock.jump(seconds)
    d.send_signal(signal.SIGKILL)
    d.wait()
    second = case.daemon(env=clock.env)
    case.settle(second, "failed orchestrator_lost")
    case.stop(second)


def gone_client(d, request):
    """Sends it and vanishes, with a reset."""
    s = socket.create_connection(d.address("gateway"))
    s.sendall(request)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def clients_vanish(case):
    """In the middle of a request, before its answer, in the middle of a stream, and without reading one."""
    d = case.daemon()
    plan = json.dumps({"hits_per_sec": RATE, "duration_sec": SECONDS, "workers": 2, "timeout_ms": 5000})
    head = "POST /tests HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n"
    whole_request = (head % (case.key, len(plan)) + plan).encode()
    for cut in (10, 80, len(whole_request) - 1):
        gone_client(d, whole_request[:cut])
    case.tap.equal(d.get("/tests", role="gateway").json["tests"], [], "half a request starts nothing")
    s = socket.create_connection(d.address("gateway"))
    s.sendall(whole_request)
    s.close()  # the request is whole, so the test is wanted; nobody reads the answer
    wait_until(lambda: d.get("/tests/" + case.test_id, role="gateway").status == 200, "the test")
    events = ("GET /tests/%s/events HTTP/1.1\r\nHost: x\r\n\r\n" % case.test_id).encode()
    deaf = [socket.create_connection(d.address("gateway")) for _ in range(20)]
    for s in deaf:
        s.sendall(events)  # never read
    s = socket.create_connection(d.address("gateway"))
    s.sendall(events)
    s.recv(1000)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    for _ in range(20):
        gone_client(d, events)
    case.settle(d, "completed")
    case.stop(d)
    for s in deaf:
        s.close()


def waits_for_a_slot(case):
    """Cancelled while another test has the only place: nothing of it ever starts."""
    d = case.daemon(orchestrator="max_concurrent_tests = 1;")
    first = d.submit(hits_per_sec=RATE, duration_sec=3, workers=1, timeout_ms=1000)
    d.wait_state(first, "running")
    case.submit(d)
    case.tap.ok(d.cancel(case.test_id) in (200, 202), "the cancel is taken")
    case.settle(d, "cancelled cancelled")
    case.tap.equal(d.end(first)["state"], "completed", "the other one does not notice")
    case.stop(d)


def two_targets(case):
    """The counters of a state have one owner: a second target does not start, and says whose they are."""
    conf = 'state_dir = "%s"; store = { plugin = "local"; }; roles = ({ plugin = "target"; listen = "127.0.0.1:0"; });'
    with System(case.state, case.backend) as first:
        case.tap.equal(first.post("/hit", role="target").json, {"total_hits": 1}, "the first one counts")
        with Squalld(conf % case.state.dir, ready=False) as second:
            case.tap.equal(second.wait(), 1, "the second one does not start")
            case.tap.contains(second.log, "belong to another process (pid %d)" % first.process.pid, "and says why")
        case.tap.equal(first.post("/hit", role="target").json, {"total_hits": 2}, "the first one does not notice")
        case.tap.equal(first.stop(), 0, "it leaves")
    with Squalld(conf % case.state.dir) as second:
        case.tap.equal(second.post("/hit").json, {"total_hits": 3}, "then the second one goes on where it was")


class Surroundings(Suite):
    def __init__(self):
        super().__init__()
        self.add("clients that vanish", clients_vanish)
        self.add("cancelled while it waits for a slot", waits_for_a_slot)
        self.add("two targets on one state", two_targets)
        for run in (disk_full, disk_full_at_end, disk_full_crash, disk_full_submit):
            self.add(run.__name__.replace("_", " "), run)
        if HAS_FAILPOINTS:
            self.clock_cases()

    def clock_cases(self):
        for seconds in (7200, -7200):
            for point in ("after:scheduler.resume", "after:write.running"):
                self.add("the clock jumps by %d s %s" % (seconds, point), clock_jumps, seconds, point)
            self.add("the clock jumps by %d s and a crash" % seconds, clock_jumps_and_crash, seconds)


if __name__ == "__main__":
    Surroundings().main()
