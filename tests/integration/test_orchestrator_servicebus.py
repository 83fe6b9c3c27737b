#!/usr/bin/python3
"""The tests of whole systems (test_orchestrator.py), unchanged, with Azure Service Bus as their queue."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servicebus import Broker, missing  # noqa: E402
from squall import Tap, passed_on  # noqa: E402

tap = Tap()
why = missing()
if why:
    tap.skip("whole systems with Service Bus", why)
    tap.done()
with Broker() as broker:
    transport = '{ plugin = "servicebus"; connection_string = "file:%s"; }' % broker.secret()
    r = subprocess.run([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_orchestrator.py")],
                       env={**os.environ, "SQUALL_TEST_TRANSPORT": transport}, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, check=False)
    tap.ok(passed_on(tap, r.stdout), "walked to the end", r.stdout[-4000:])
    tap.equal([d["reason"] for d in broker.state("load-test-requests")["dead"]], ["refused"] * 2,
              "the messages of the two tests that must not run are dead, and no other")
tap.done()
