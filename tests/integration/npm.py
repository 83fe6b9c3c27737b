"""npm.py - packages that tests need from npm, at pinned versions, into the build folder; never into the source.

    why = npm.missing("servicebus")      # None, or why there are none: no node, no npm, no network
    npm.modules("servicebus")            # the folder that holds them

A part of tests/ has its package.json and package-lock.json.
"""
import fcntl
import os
import shutil
import subprocess

from squall import BUILD, SOURCE

PATIENCE = 240  # seconds


def modules(part):
    return os.path.join(BUILD, "tests", part, "node_modules")


def _install(part):
    """Runs npm once for the build folder; tests that run side by side wait for the first."""
    into = os.path.join(BUILD, "tests", part)
    os.makedirs(into, exist_ok=True)
    with open(os.path.join(into, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json"):
            with open(os.path.join(SOURCE, "tests", part, name), "rb") as f:
                wanted = f.read()
            there = os.path.join(into, name)
            if not os.path.exists(there) or open(there, "rb").read() != wanted:
                with open(there, "wb") as f:
                    f.write(wanted)
                shutil.rmtree(modules(part), ignore_errors=True)
        if os.path.exists(os.path.join(into, "node_modules", ".complete")):
            return None
        try:
            r = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=into,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return "npm did not finish within %d s" % PATIENCE
        if r.returncode != 0:
            return "npm cannot install the packages of tests/%s: %s" % (part, " ".join(r.stdout.split())[-200:])
        with open(os.path.join(into, "node_modules", ".complete"), "w", encoding="utf-8"):
            return None


def missing(part):
    """None when they are there, else the reason for a skip."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            return "%s is not installed" % program
    return _install(part)
