#!/usr/bin/python3
"""on_worker_loss = redistribute: workers that are killed, or stopped for a while, at random moments. The
target's log proves that no request is sent twice, and the ledger accounts for every one of them.

    test_redistribute.py [SEED]        SQUALL_TEST_FULL=1: more rounds
"""
import json
import os
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import backends
from hit_log import HEADERS, HitLog
from many import FULL, SHORT, System
from squall import Tap
from system import total

ROUNDS = 10 if os.environ.get("SQUALL_TEST_FULL") else 2
DURATION, RATE, WORKERS = 8, 120, 4


def orders(rng):
    """What happens to the workers, and when: (second, worker, signal), in order of time."""
    story = []
    for worker in rng.sample(range(WORKERS), rng.choice((1, 2))):
        at = rng.uniform(0.2, DURATION - 2)
        if rng.random() < 0.5:
            story.append((at, worker, signal.SIGKILL))
        else:
            story += [(at, worker, signal.SIGSTOP), (at + rng.uniform(0.5, 5), worker, signal.SIGCONT)]
    return sorted(story)


def play(story, workers):
    start = time.monotonic()
    for at, worker, number in story:
        time.sleep(max(0, start + at - time.monotonic()))
        try:
            os.kill(workers[worker], number)
        except ProcessLookupError:
            pass


def judge(tap, test, hits, name):
    """The target's log against the ledger."""
    ledger, dropped = test["ledger"], test["ledger"]["dropped"]
    notes = (name, json.dumps(ledger), json.dumps(test["workers"]), test["reason"])
    sent = sum(ledger["sent"].values())
    tap.ok(len(hits) == len(set(hits)), "no tick is sent twice", *notes,
           [t for t in set(hits) if hits.count(t) > 1][:20])
    tap.ok(ledger["balanced"] is True and total(ledger) == RATE * DURATION,
           "the ledger balances, and every tick is in it", total(ledger), *notes)
    least = sent - ledger["error"]["reset"] - ledger["error"]["timeout"] - ledger["in_flight_at_end"]
    tap.ok(least <= len(hits) <= sent + ledger["unconfirmed"],
           "the target counted what the ledger says", len(hits), *notes)
    missing = RATE * DURATION - len(set(hits))
    booked = sum(dropped.values()) + ledger["unconfirmed"] + sum(ledger["unsent"].values())
    tap.ok(missing <= booked, "what never came is booked as lost", missing, *notes)


def round_of(tap, d, log, seed):
    rng = random.Random(seed)
    story = orders(rng)
    name = "seed %d: %s" % (seed, ["%.2f s: %s of worker %d" % (at, n.name, w) for at, w, n in story])
    test_id = d.submit(url=log.url, method="POST", headers=HEADERS, hits_per_sec=RATE, duration_sec=DURATION, workers=WORKERS,
                       timeout_ms=2000, on_worker_loss="redistribute")
    d.wait_state(test_id, "running", "failed")
    play(story, d.workers())
    test = d.end(test_id)
    tap.note(name)
    tap.ok(test["state"] == "completed" or test["reason"] == "workers_lost", "it ends with a reason", test["state"],
           test["reason"], name)
    judge(tap, test, log.hits[test_id], name)
    return test, log.hits[test_id]


def test_one_killed(tap, d, log):
    """The simplest story: nothing of the killed one's later part is missing."""
    test_id = d.submit(url=log.url, method="POST", headers=HEADERS, hits_per_sec=RATE, duration_sec=DURATION, workers=2,
                       timeout_ms=2000, on_worker_loss="redistribute")
    d.wait_state(test_id, "running")
    time.sleep(1)
    os.kill(d.workers()[0], signal.SIGKILL)
    test = d.end(test_id)
    hits = log.hits[test_id]
    tap.equal(test["state"], "completed", "one of two may be killed")
    judge(tap, test, hits, "one killed")
    lost = [r["value"] for r in test["validity"]["reasons"] if "lost" in r["what"]]
    if lost == ["1 of 2, 1 not replaced"] and test["validity"]["status"] == "invalid":
        tap.skip("others take over", "the other worker had no CPU to spare: nothing is laid upon it then")
        return
    tap.ok(d.lines("others send its requests from number"), "others took over, says the log")
    tap.ok(len(hits) > RATE * DURATION * 3 / 4, "most of its part was sent by the other", len(hits))
    tap.ok(max(hits) >= RATE * DURATION - 2, "up to the end")
    tap.equal(lost, ["1 of 2, 0 not replaced"], "the result says that a worker was lost and replaced")


def main():
    tap = Tap()
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 30)
    for backend in backends(tap, SHORT, FULL):
        with tempfile.TemporaryDirectory() as state, backend:
            log = HitLog()
            with System(state, backend, report_timeout="2s",
                        allowed=["127.0.0.1:%d" % log.port]) as d:
                test_one_killed(tap, d, log)
                for i in range(ROUNDS):
                    round_of(tap, d, log, seed + i)
                tap.equal(d.stop(), 0, "and it stops in order")
            log.close()
    tap.done()


if __name__ == "__main__":
    main()
