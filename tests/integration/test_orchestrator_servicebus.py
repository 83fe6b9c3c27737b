#!/usr/bin/python3
"""The tests of whole systems (test_orchestrator.py), unchanged, with Azure Service Bus as their queue: beside the store
local, and in the long form beside a Redis."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from backend import backends  # noqa: E402
from squall import Tap  # noqa: E402
from system import HAS_FAILPOINTS  # noqa: E402
from test_orchestrator import suite  # noqa: E402

tap = Tap()
for backend in backends(tap, short=("servicebus",), full=("servicebus", "servicebus-redis")):
    with backend:
        suite(tap, backend)
        worn_out = ["delivery_limit"] if HAS_FAILPOINTS else []
        tap.equal(sorted(backend.dead()), worn_out + ["refused", "refused"],
                  "the messages of the tests that must not run are dead, and no other")
tap.done()
