#!/usr/bin/python3
"""The units for systemd, as systemd's own checker sees them. How they behave: test_deb.py."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from squall import BUILD, SOURCE, Tap  # noqa: E402

UNITS = os.path.join(SOURCE, "deploy", "systemd")
LEAST = 25  # systemd's own measure of exposure times 10: up to this it calls a unit well protected
tap = Tap()
work = tempfile.mkdtemp(prefix="squall-units-")


def unit(*changes):
    """squalld@.service for the programs of this build, in a folder of its own."""
    with open(os.path.join(UNITS, "squalld@.service.in"), encoding="utf-8") as f:
        text = f.read()
    for what, by in (("@sbindir@", BUILD), ("@confdir@", os.path.join(SOURCE, "conf")), *changes):
        assert what in text, what
        text = text.replace(what, by)
    path = os.path.join(work, "squalld@.service")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def analyze(*args):
    return subprocess.run(["systemd-analyze", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def verify(*units):
    done = analyze("verify", "--man=no", *units)
    return done.stdout if done.returncode == 0 else done.stdout or "failed"


if not shutil.which("systemd-analyze"):
    tap.skip("the units", "systemd-analyze is not installed")
    tap.done()
tap.equal(verify(unit(), os.path.join(UNITS, "squall.target")), "", "systemd finds nothing wrong with them")
tap.ok(verify(unit(("Restart=on-failure", "Restart=sometimes"))), "and would say so: a word that is none")
tap.ok(verify(unit((os.path.join(BUILD, "squalld") + " -c", "/nowhere/squalld -c"))), "a program that is not there")
secure = analyze("security", "--offline=true", "--threshold=%d" % LEAST, unit())
tap.ok(secure.returncode == 0, "an instance is confined", secure.stdout)
loose = analyze("security", "--offline=true", "--threshold=%d" % LEAST, unit(("ProtectSystem=strict", "ProtectSystem=no"),
                ("User=squall", "User=root"), ("CapabilityBoundingSet=", "#"), ("SystemCallFilter=", "#")))
tap.ok(loose.returncode != 0, "and it would show if it were not", loose.stdout)

made = os.path.join(BUILD, "squalld@.service")
with open(made, encoding="utf-8") as f:
    text = f.read()
tap.ok(not re.search(r"@[a-z]+@|\$\{", text), "what is installed names real folders", text)
grace = re.search(r"TimeoutStopSec=(\d+)", text).group(1)
tap.ok(int(grace) > 25, "it waits longer than squalld's own grace")


# --- what starts with the machine --------------------------------------------------------------------

def systemctl(*args):
    """On the units in a folder; no systemd has to run."""
    return subprocess.run(["systemctl", "--root=" + root, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=True)


def at_boot(unit="multi-user.target"):
    """Everything that this one wants, and what that wants."""
    folder = os.path.join(root, "etc", "systemd", "system", unit + ".wants")
    wanted = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    return wanted.union(*(at_boot(u) for u in wanted))


root = os.path.join(work, "root")
os.makedirs(os.path.join(root, "usr/lib/systemd/system"))
shutil.copy(unit(), os.path.join(root, "usr/lib/systemd/system"))
shutil.copy(os.path.join(UNITS, "squall.target"), os.path.join(root, "usr/lib/systemd/system"))
tap.ok("squalld@gateway.service" not in at_boot(), "what is not enabled does not start with the machine")
systemctl("enable", "squalld@gateway", "squalld@target")
tap.ok({"squalld@gateway.service", "squalld@target.service"} <= at_boot(), "what is enabled does", at_boot())
tap.ok({"squalld@gateway.service", "squalld@target.service"} <= at_boot("squall.target"), "and with squall.target",
       at_boot("squall.target"))
systemctl("disable", "squalld@target")
tap.ok("squalld@gateway.service" in at_boot() and "squalld@target.service" not in at_boot(),
       "one that is disabled takes no other with it", at_boot())
shutil.rmtree(work)
tap.done()
