#!/usr/bin/python3
"""The test broker is what the real client of Azure Service Bus takes for Service Bus, plain and by TLS."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servicebus import Broker, missing  # noqa: E402
from squall import Tap, passed_on  # noqa: E402

tap = Tap()
why = missing()
if why:
    tap.skip("the real client against the test broker", why)
    tap.done()
with Broker(tls=True) as broker:
    for tls in (False, True):
        print("# %s" % ("TLS" if tls else "plain"))
        status, out = broker.node("conformance.js", broker.options["control_port"], tls=tls)
        tap.ok(passed_on(tap, out) and status == 0, "the client's run is walked to its end", out, broker.log)
    tap.equal(broker.log, "", "and the broker has nothing to complain of")
tap.done()
