#!/usr/bin/python3
"""What the documents say, against what is there: commands that can be pasted, the reasons for the end of a test, benches."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from command_lines import faults  # noqa: E402
from squall import SOURCE, Tap  # noqa: E402

tap = Tap()


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as f:
        return f.read()


# --- commands ---------------------------------------------------------------------------------------

for line, what in (("helm uninstall x      when no test runs", "a remark without #"),
                   ("kubectl logs x  (the first)", "one in parentheses"),
                   ("curl http://x/hit      {\"total_hits\":1}", "an answer"),
                   ("curl -d '{\"a\": 1", "an open quote"),
                   ("for i in a b; do echo $i", "an open loop")):
    tap.ok(faults("    " + line)[0], "noticed: %s" % what)
tap.ok(faults("    make\n    then wait")[0], "noticed: prose among commands")
tap.ok(faults("    {\n    curl http://x/")[0], "noticed: a command among something else")
tap.equal(faults("    a --> b\n\n    # why\n    curl -d '{\n      \"a\": 1}' x   # and why\n    helm install x \\\n      --set a=b   # c\n"
                 "    kubectl logs <pod-name>\n"), ([], 3), "and nothing of what is right")

for name in ("README.md", "MIGRATING.md", "CONTRIBUTING.md", os.path.join("deploy", "charts", "load-tester", "README.md")):
    wrong, count = faults(read(name))
    tap.ok(not wrong, "%s: its commands can be pasted as they stand" % name, *wrong)
    tap.ok(count > 0, "%s: there are some" % name)

# --- the end of a test ------------------------------------------------------------------------------

ENDS = (r'T_(?:FAILED|CANCELLED|TIMED_OUT), "(\w+)"',  # the orchestrator, the gateway, the table of states
        r'(?:take_refuse|take_bury)\(t, "(\w+)"', r'TAKE_WORN_OUT "(\w+)"', r'SQ_DEAD, "(\w+)"',  # and of messages
        r'run_end\([^;]*? : "\w+", [^;]*?"(\w+)"')  # a worker on its own
FAILS = r"(?:session|finder|run)_fail\(([^;]*)\);|watch_reason\[\] = \{(.*)\}"  # several words each


def reasons(text):
    found = {w for pattern in ENDS for w in re.findall(pattern, text)}
    for parts in re.findall(FAILS, text):
        found.update(w for part in parts for w in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', part))
    return found


given = set()
for folder, _, files in os.walk(os.path.join(SOURCE, "plugins")):
    for name in files:
        if name.endswith((".c", ".h")):
            given |= reasons(read(folder, name))
listed = re.search(r"(?s)\.SH HOW TESTS END\n(.*?)\.SH ", read("core", "cli", "squall.1.in")).group(1)
listed = re.findall(r"\.TP\n\.B (\w+)\n", listed)
tap.ok(len(given) > 20, "words for the end of a test are found in the sources", sorted(given))
for word in sorted(given):
    tap.ok(word in listed, "squall(1) says what %s means, and what to do" % word)
tap.equal(len(listed), len(set(listed)), "each of them once")

# --- benches ----------------------------------------------------------------------------------------

known = read("tests", "bench", "README.md")
for name in sorted(os.listdir(os.path.join(SOURCE, "tests", "bench"))):
    if name.endswith(".sh") and name != "bench.sh":
        tap.contains(known, "`%s`" % name, "tests/bench/README.md tells of %s" % name)
tap.done()
