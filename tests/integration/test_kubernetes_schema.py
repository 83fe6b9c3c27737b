#!/usr/bin/python3
"""The objects of scheduler kubernetes, as they are made for servers of 1.29 and newer, against the published schema."""
import copy
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import npm  # noqa: E402
from squall import SOURCE, Tap  # noqa: E402

PART = "kubernetes-schema"
GOLDEN = os.path.join(SOURCE, "tests", "kubernetes", "golden")
tap = Tap()


def judged(files):
    done = subprocess.run(["node", os.path.join(SOURCE, "tests", PART, "check.mjs"), npm.modules(PART), *files],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.splitlines()


def spoilt(job, how):
    o = copy.deepcopy(job)
    how(o)
    return o


# What is wrong, and a word of how it is told.
SPOILT = [
    ("a wrong type", lambda o: o["spec"].update(suspend="yes"), "must be boolean"),
    ("a wrong value", lambda o: o["spec"].update(completionMode="Random"), "completionMode"),
    ("a missing field", lambda o: o["spec"].pop("template"), "template"),
    ("a misspelled field", lambda o: o["spec"].update(maxFailedIndices=1), "Job.spec.maxFailedIndices is unknown"),
    ("a misspelled one far below", lambda o: o["spec"]["template"]["spec"]["containers"][0].update(resorces={}),
     "Job.spec.template.spec.containers[0].resorces is unknown"),
    ("one in the metadata", lambda o: o["metadata"].update(lables={}), "Job.metadata.lables is unknown"),
]

why = npm.missing(PART)
if why:
    tap.skip("the published schema of Kubernetes", why)
    tap.done()
names = sorted(os.path.relpath(f, GOLDEN) for f in glob.glob(os.path.join(GOLDEN, "**", "*.json"), recursive=True))
tap.ok({"job.json", "deployment.json", "policy.json", "secret.json"} <= set(names), "there are objects of each kind", names)
for name, line in zip(names, judged([os.path.join(GOLDEN, n) for n in names])):
    tap.equal(line, "ok " + os.path.basename(name), "%s is as the schema says" % name)
with open(os.path.join(GOLDEN, "job.json"), encoding="utf-8") as f:
    job = json.load(f)
with tempfile.TemporaryDirectory() as folder:
    for i, (name, how, _) in enumerate(SPOILT):
        with open(os.path.join(folder, "%d.json" % i), "w", encoding="utf-8") as f:
            json.dump(spoilt(job, how), f)
    lines = judged([os.path.join(folder, "%d.json" % i) for i in range(len(SPOILT))])
    for (name, _, word), line in zip(SPOILT, lines + [""] * len(SPOILT)):
        tap.contains(line, word, "%s is found" % name)
tap.done()
