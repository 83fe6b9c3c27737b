#!/usr/bin/python3
"""The Debian package: built, installed into a bare Debian, upgraded, purged; its units under a booted systemd.

Takes minutes and hundreds of megabytes, so only with SQUALL_TEST_FULL=1. Wants root and Debian's own tools.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
from squall import BUILD, FULL, Tap, passed_on  # noqa: E402

MINUTES = 60
# What packages leave behind when they are purged, ours or not: what dpkg, apt and systemd-sysusers keep.
KEPT = ("/var/lib/dpkg/", "/var/lib/apt/", "/var/cache/", "/var/log/", "/tmp/", "/etc/passwd", "/etc/group",
        "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/dev/", "/proc/", "/sys/", "/run/",
        "/var/lib/systemd/", "/etc/ld.so.cache", "/etc/.pwd.lock")
tap = Tap()


def run(*args, patience=15 * MINUTES, **more):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=patience,
                          check=False, **more)


def succeeds(name, *args, **more):
    done = run(*args, **more)
    tap.ok(done.returncode == 0, name, *done.stdout.splitlines()[-30:])
    return done


def build(revision, into):
    """One package of this tree, moved to a folder of its own."""
    done = succeeds("make deb, revision %d" % revision, "make", "-C", BUILD, "deb", "DEB_REVISION=%d" % revision,
                    env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")})
    if done.returncode != 0:
        tap.done()
    for package in glob.glob(os.path.join(BUILD, "packages", "squall_*.deb")):
        return shutil.move(package, into)


def files(root):
    """Every path in there but what all packages leave."""
    found = set()
    for folder, folders, names in os.walk(root):
        inside = folder[len(root):] + "/"
        folders[:] = [f for f in folders if not (inside + f + "/").startswith(KEPT)]
        found.update(inside + n for n in folders + names if not (inside + n).startswith(KEPT))
    return found


class Debian:
    """A bare one in a folder; commands without network have one of their own, where all ports are free."""

    def __init__(self, root):
        self.root = root
        succeeds("a bare Debian", "mmdebstrap", "--variant=minbase",
                 "--include=systemd,systemd-sysv,dbus,ca-certificates,curl,procps", "bookworm", root)

    def chroot(self, command, network=True):
        inside = ["chroot", self.root, "sh", "-c", command]
        if not network:
            inside = ["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c",
                      'ip link set lo up && mount -t proc proc "$0/proc" && exec "$@"', self.root, *inside]
        return run(*inside, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})

    def ok(self, name, command, **more):
        done = self.chroot(command, **more)
        tap.ok(done.returncode == 0, name, *done.stdout.splitlines()[-30:])
        return done.stdout

    def give(self, path, name):
        shutil.copy(path, os.path.join(self.root, "tmp", name))


def installs(debian, first, second):
    debian.ok("what it depends on comes from Debian", "apt-get update -q && apt-get install -y -q --no-install-recommends "
              "$(dpkg-deb -f /tmp/1.deb Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/,/ /g')")
    before = files(debian.root)
    debian.ok("it installs", "dpkg -i /tmp/1.deb")
    debian.ok("its programs are there", "squalld --version && squall --version")
    for conf in ("standalone", "gateway", "orchestrator", "target", "worker"):
        debian.ok("%s.conf is good" % conf, "TARGET_URL=http://127.0.0.1:1/hit squalld -t -c /etc/squall/%s.conf" % conf)
    debian.ok("its user owns its folder", "test $(stat -c %U:%a /var/lib/squall) = squall:750")
    debian.ok("it runs a test as that user",
              "setpriv --reuid squall --regid squall --clear-groups squalld -c /etc/squall/standalone.conf 2>/tmp/log & "
              "i=0; until curl -sf http://127.0.0.1:8000/readyz >/dev/null || [ $((i += 1)) -gt 600 ]; do sleep 0.1; done; "
              "squall run --gateway http://127.0.0.1:8000 -r 20 -d 1s -w 1 --allow-invalid; r=$?; kill $!; wait; cat /tmp/log; exit $r",
              network=False)
    debian.ok("a .conf is changed", "echo '# ours' >>/etc/squall/gateway.conf")
    debian.ok("it upgrades", "dpkg -i /tmp/2.deb </dev/null")
    debian.ok("to the other revision", "dpkg-query -W -f '${Version}' squall | grep -q -- '-2$'")
    debian.ok("the changed .conf stays", "grep -q '^# ours' /etc/squall/gateway.conf")
    debian.ok("and what it had written, too", "test -s /var/lib/squall/store.db")
    debian.ok("it downgrades", "dpkg -i /tmp/1.deb </dev/null")
    debian.ok("it is removed", "dpkg -r squall")
    debian.ok("with its programs", "! command -v squalld")
    debian.ok("not with its .conf files and its data", "test -s /etc/squall/gateway.conf && test -s /var/lib/squall/store.db")
    debian.ok("it is purged", "dpkg -P squall")
    tap.equal(sorted(files(debian.root) - before), [], "nothing is left of it")
    tap.equal(sorted(before - files(debian.root)), [], "nothing else is gone")


def boots(debian):
    """A systemd as process 1, which runs booted.sh and ends."""
    if not shutil.which("systemd-nspawn"):
        tap.skip("its units under a booted systemd", "systemd-nspawn is not installed (package systemd-container)")
        return
    debian.ok("it installs once more", "dpkg -i /tmp/1.deb")
    debian.give(os.path.join(HERE, "booted.sh"), "booted.sh")
    shutil.move(os.path.join(debian.root, "tmp", "booted.sh"), os.path.join(debian.root, "usr", "local", "sbin"))
    unit = os.path.join(debian.root, "etc", "systemd", "system", "booted.service")
    with open(unit, "w", encoding="utf-8") as f:
        f.write("[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/usr/local/sbin/booted.sh\n"
                "StandardOutput=file:/booted.out\nStandardError=inherit\nExecStopPost=systemctl --no-block poweroff\n")
    wants = os.path.join(debian.root, "etc", "systemd", "system", "default.target.wants")
    os.makedirs(wants, exist_ok=True)
    os.symlink(unit[len(debian.root):], os.path.join(wants, "booted.service"))
    said = run("systemd-nspawn", "--quiet", "--directory", debian.root, "--boot", "--register=no", "--keep-unit",
               "--private-network", "--console=pipe", stdin=subprocess.DEVNULL, patience=5 * MINUTES)
    try:
        with open(os.path.join(debian.root, "booted.out"), encoding="utf-8") as f:
            out = f.read()
    except OSError:
        tap.skip("its units under a booted systemd", "systemd does not boot here: " + " ".join(said.stdout.split())[-200:])
        return
    tap.ok(passed_on(tap, out), "the booted system came to its end", out)


def why_not():
    if not FULL:
        return "only with SQUALL_TEST_FULL=1"
    if os.geteuid() != 0:
        return "wants root"
    for program in ("mmdebstrap", "dpkg-buildpackage", "dh", "ip"):
        if not shutil.which(program):
            return "%s is not installed" % program
    return None


if why_not():
    tap.skip("the Debian package", why_not())
    tap.done()
work = tempfile.mkdtemp(prefix="squall-deb-")
os.chmod(work, 0o755)
try:
    first, second = build(1, work), build(2, work)
    bare = Debian(os.path.join(work, "root"))
    bare.give(first, "1.deb")
    bare.give(second, "2.deb")
    installs(bare, first, second)
    boots(bare)
finally:
    shutil.rmtree(work, ignore_errors=True)
tap.done()
