"""squall.py - what the integration tests share: a squalld in a temporary folder, HTTP, TAP.

    from squall import Squalld, Tap

    tap = Tap()
    with Squalld('roles = ({ plugin = "target"; listen = "127.0.0.1:0"; });') as d:
        tap.equal(d.get("/healthz").status, 200, "it lives")
        tap.equal(d.stop(), 0, "SIGTERM: orderly")
    tap.done()

In the text of a .conf, @dir@ stands for the temporary folder. Programs and plugins are those of
the build tree (top_builddir, else the current folder); nothing here is ever installed.
"""
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("top_builddir", "."))
SOURCE = os.path.abspath(os.environ.get("top_srcdir", os.path.join(os.path.dirname(__file__), "../..")))
PLUGINS = os.path.join(BUILD, ".libs")
PROGRAM = os.path.join(BUILD, "squalld")
FULL = os.environ.get("SQUALL_TEST_FULL") == "1"  # the long forms, which run.sh --full asks for
PATIENCE = 30  # seconds: a limit for what hangs, never a measure of speed


class Tap:
    """Prints one line per check; done() prints the plan and exits."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, name, *notes):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, name))
        if not good:
            for note in notes:
                self.note(note)
        sys.stdout.flush()
        return bool(good)

    def equal(self, got, want, name):
        return self.ok(got == want, name, "got  %r" % (got,), "want %r" % (want,))

    def contains(self, text, part, name):
        return self.ok(part in text, name, "in    %s" % text, "want %r" % part)

    def note(self, text):
        for line in str(text).splitlines() or [""]:
            print("#   " + line)

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why))

    def done(self):
        print("1..%d" % self.count)
        sys.exit(1 if self.failed else 0)


def passed_on(tap, out):
    """Takes the checks of a role's script over; whether it was walked to its end."""
    good = re.search(r"^1\.\.\d+$", out, re.M) is not None
    for line in out.splitlines():
        if line.startswith(("ok ", "not ok ")):
            tap.ok(line.startswith("ok "), line.split(" - ", 1)[1])
        elif line.startswith("#"):
            print(line)
    return good


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)


def wait_until(what, why, patience=PATIENCE, every=0.01):
    """Returns what()'s first true result; fails loudly with why when it stays false."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        result = what()
        if result:
            return result
        time.sleep(every)
    raise TimeoutError("waited %d s for %s" % (patience, why() if callable(why) else why))


def free_port(address="127.0.0.1"):
    """A port that nobody uses right now, below those that connections are given (ip_local_port_range), so that none of
    them takes it before it is used. Prefer port 0 in the .conf and d.url()."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind((address, port))
                return port
            except OSError:
                continue


def needs(*plugins):
    """Ends this test as skipped when the build has not all of them."""
    missing = [p for p in plugins if not os.path.exists(os.path.join(PLUGINS, p + ".so"))]
    if missing:
        print("1..0 # SKIP not built: " + " ".join(missing))
        sys.exit(0)


def squalld(*args, env=None, patience=PATIENCE):
    """Runs squalld to its end: what it prints and its exit status, as subprocess.run gives it."""
    return subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment(env), timeout=patience)


def environment(more=None):
    """Ours, without variables that squalld would read."""
    foreign = re.compile("^(SQUALL|REDIS|SERVICE_BUS|K8S|TARGET_URL|WORKER_IMAGE|HITS_PER|DURATION_SEC)")
    env = {k: v for k, v in os.environ.items() if not foreign.match(k)}
    env.update(more or {})
    return env


class Squalld:
    """One squalld. Started and ready when the constructor returns, gone when the block ends.

    ready=False: returns at once, for a daemon that is not expected to come up.
    wrapper: a command that execs what follows it, e.g. ("nice",).
    Its standard error is d.log (a string), its standard output d.out; both may be read at any time.
    stdout: a file of the caller's in place of d.out.
    """

    def __init__(self, conf, args=(), env=None, ready=True, pass_fds=(), plugins=PLUGINS, wrapper=(),
                 stdout=None):
        self.dir = tempfile.mkdtemp(prefix="squall-test-")
        self.conf = os.path.join(self.dir, "squalld.conf")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(conf.replace("@dir@", self.dir))
        self._out = open(os.path.join(self.dir, "stdout"), "w+b")
        self._err = open(os.path.join(self.dir, "stderr"), "w+b")
        command = [*wrapper, PROGRAM, "-c", self.conf, "-p", plugins, *args]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=stdout or self._out, stderr=self._err, env=environment(env),
                                        pass_fds=pass_fds)
        if ready:
            try:
                self.wait_log(" ready roles=")
            except BaseException:
                self.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- what it says ---

    @staticmethod
    def _text(file):
        file.flush()
        return os.pread(file.fileno(), 1 << 26, 0).decode("utf-8", "replace")

    @property
    def log(self):
        return self._text(self._err)

    @property
    def out(self):
        return self._text(self._out)

    def wait_log(self, part):
        """Waits until the log holds part; fails when the process ends without saying so."""
        def said():
            over = self.process.poll() is not None
            if part in self.log:
                return True
            if over:
                raise RuntimeError("squalld ended with %d and never said %r:\n%s"
                                   % (self.process.returncode, part, self.log))
            return False
        return wait_until(said, lambda: "%r in\n%s" % (part, self.log))

    def wait_out(self, part):
        """The same for its standard output."""
        def said():
            over = self.process.poll() is not None
            if part in self.out:
                return True
            if over:
                raise RuntimeError("squalld ended with %d and never printed %r:\n%s"
                                   % (self.process.returncode, part, self.log))
            return False
        return wait_until(said, lambda: "%r in\n%s" % (part, self.out))

    def lines(self, part):
        """The log lines that hold part, without their time stamps."""
        return [line.split(" ", 1)[-1] for line in self.log.splitlines() if part in line]

    # --- HTTP ---

    def url(self, role=None):
        """Where a role listens ("admin": the listener of admin_listen); the first one by default."""
        who = re.escape(role) if role else r"\S+"
        found = re.search(r"info %s listening on (\S+)" % who, self.log)
        if not found:
            raise RuntimeError("no listener of %s in\n%s" % (role or "any role", self.log))
        return found.group(1)

    def address(self, role=None):
        host, port = self.url(role).split("//", 1)[1].rsplit(":", 1)
        return host.strip("[]"), int(port)

    def request(self, method, path, body=None, headers=None, role=None, patience=PATIENCE):
        connection = http.client.HTTPConnection(*self.address(role), timeout=patience)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        return self.request("POST", path, body=body, **more)

    # --- the end ---

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit status once it has ended; -N when signal N killed it."""
        return self.process.wait(PATIENCE)

    def stop(self, number=signal.SIGTERM):
        self.send_signal(number)
        return self.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._out.close()
        self._err.close()
        shutil.rmtree(self.dir, ignore_errors=True)
