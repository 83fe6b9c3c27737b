#!/usr/bin/python3
"""Histogram blobs between squall and Java's HdrHistogram, both ways."""
import glob
import math
import os
import random
import shutil
import subprocess
import sys

SRC = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
TOOL = os.path.join(os.environ.get("top_builddir", "."), "tests/unit/hist_tool")
JAVA = os.path.join(SRC, "tests/integration/HdrInterop.java")
MS = 1_000_000
CEILING = 3600 * 1000 * MS

checks = failures = 0


def ok(good, name, *why):
    global checks, failures
    checks += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {checks} - {name}", flush=True)
    if not good:
        for line in why:
            print(f"#   {line}")


class Side:
    """One implementation, as a program that answers commands."""

    def __init__(self, name, command):
        self.name = name
        self.program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        answer = []
        for got in self.program.stdout:
            if got == "end\n":
                return answer
            answer.append(got.rstrip("\n"))
        raise RuntimeError(f"{self.name} ended in the middle of an answer")

    def write(self, kind, values):
        answer = self.ask(f"write {kind} {','.join(values)}")
        assert answer[0].startswith("blob "), answer
        return answer[0].split()[1]

    def close(self):
        self.program.stdin.close()
        return self.program.wait(timeout=60)


def samples():
    """Lists of values, or of value*count, in ns."""
    rnd = random.Random(7)
    yield "one", ["123456789"]
    yield "constant", ["5000000*100000"]
    yield "bimodal", ["5000000*96", "1502000000*6"]
    yield "ends", ["0", "1", "2047", "2048", "4095", "3599000000000"]
    yield "gaps", [str(i * i) for i in range(0, 3000, 2)]
    yield "uniform", [str(rnd.randrange(100 * MS)) for _ in range(5000)]
    yield "lognormal", [str(int(rnd.lognormvariate(math.log(MS), 1))) for _ in range(5000)]
    yield "wide", [str(int(math.exp(rnd.random() * math.log(3500 * 1000 * MS)))) for _ in range(5000)]
    yield "pareto", [str(min(3500 * 1000 * MS, int(MS * rnd.paretovariate(1.1)))) for _ in range(5000)]


def same_spectrum(ours, theirs):
    """Equal but for the last digit, where C rounds a half to even and Java up."""
    def near(a, b):
        try:
            return math.isclose(float(a), float(b), rel_tol=0, abs_tol=2e-12 if b.startswith("0.") else 0.0011)
        except ValueError:
            return a == b

    return [len(l.split()) for l in ours] == [len(l.split()) for l in theirs] and all(
        near(a, b) for line in zip(ours, theirs) for a, b in zip(*(l.split() for l in line)))


def lists_differ(ours, theirs):
    return [f"squall {a}, Java {b}" for a, b in zip(ours, theirs) if a != b][:5] + [
        f"{len(ours)} and {len(theirs)} lines"]


def from_us(us, java):
    for name, values in samples():
        blob = us.write("same", values)
        ours, theirs = us.ask(f"read {blob}"), java.ask(f"read {blob}")
        ok(ours == theirs and len(ours) > 3, f"Java reads ours: {name}, counts, percentiles, maximum and mean",
           *lists_differ(ours, theirs))
        ours, theirs = us.ask(f"hgrm {blob}"), java.ask(f"hgrm {blob}")
        ok(same_spectrum(ours, theirs) and len(ours) > 5, f"the same percentile spectrum: {name}", *lists_differ(ours, theirs))
    blob = us.write("same", [str(CEILING), str(2 * CEILING)])
    ours, theirs = ([l for l in side.ask(f"read {blob}") if l.startswith("cell")] for side in (us, java))
    ok(ours == theirs and len(ours) == 1, "Java reads ours: the ceiling and beyond, in its last cell", *ours, *theirs)
    empty = java.ask(f"read {us.write('same', [])}")
    ok(empty[0] == "count 0", "Java reads ours: empty", *empty)


def from_java(us, java):
    for name, values in samples():
        for kind in ("same", "auto", "minute", "widest", "int", "concurrent"):
            if kind == "minute":
                values = [v for v in values if int(v.split("*")[0]) < 60_000 * MS]
            blob = java.write(kind, values)
            ours, theirs = us.ask(f"read {blob}"), java.ask(f"read {blob}")
            ok(ours == theirs and len(ours) > 3, f"we read Java's: {name}, {kind}", *lists_differ(ours, theirs))
    ok(us.ask(f"read {java.write('same', ['0*0'])}")[0] == "count 0", "we read Java's: empty")


def refused(us, java):
    for kind, values, why in (
            ("coarse", ["5"], "3 significant digits"),
            ("micro", ["5000"], "lowest value 1"),
            ("double", ["5"], "not of the compressed V2"),
            ("widest", [str(2 * CEILING)], "above 1 h")):
        answer = us.ask(f"read {java.write(kind, values)}")
        ok(answer[0].startswith("error ") and why in answer[0], f"we refuse Java's {kind}", *answer[:3])


def main():
    jar = glob.glob("/usr/share/java/hdrhistogram.jar")
    if not jar or not shutil.which("javac"):
        print("1..0 # SKIP no JDK or no /usr/share/java/hdrhistogram.jar "
              "(apt-get install default-jdk-headless libhdrhistogram-java)")
        return 0
    us = Side("squall", [TOOL])
    java = Side("Java", ["java", "-cp", jar[0], JAVA])
    from_us(us, java)
    from_java(us, java)
    refused(us, java)
    ok(us.close() == 0 and java.close() == 0, "both end well")
    print(f"1..{checks}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
