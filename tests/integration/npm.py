"""npm.py - what tests need from npm: at pinned versions, into the build folder, never into the source.

    why = npm.missing("servicebus")       # None once node_modules is there, or why it cannot be had
    npm.modules("servicebus")             # where it is
"""
import fcntl
import os
import shutil
import subprocess

from squall import BUILD, SOURCE

PATIENCE = 240  # seconds


def modules(name):
    return os.path.join(BUILD, "tests", name, "node_modules")


def _install(name):
    """Runs npm once for the build folder; tests that run side by side wait for the first."""
    into = os.path.join(BUILD, "tests", name)
    os.makedirs(into, exist_ok=True)
    with open(os.path.join(into, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for file in ("package.json", "package-lock.json"):
            with open(os.path.join(SOURCE, "tests", name, file), "rb") as f:
                wanted = f.read()
            there = os.path.join(into, file)
            if not os.path.exists(there) or open(there, "rb").read() != wanted:
                with open(there, "wb") as f:
                    f.write(wanted)
                shutil.rmtree(modules(name), ignore_errors=True)
        if os.path.exists(os.path.join(into, "node_modules", ".complete")):
            return None
        try:
            r = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=into,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return "npm did not finish within %d s" % PATIENCE
        if r.returncode != 0:
            return "npm cannot install the packages of tests/%s: %s" % (name, " ".join(r.stdout.split())[-200:])
        with open(os.path.join(into, "node_modules", ".complete"), "w", encoding="utf-8"):
            return None


def missing(name):
    """None when the packages of tests/name are there, else the reason for a skip."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            return "%s is not installed" % program
    return _install(name)
