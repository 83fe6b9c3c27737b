"""servicebus.py - a broker with Azure Service Bus semantics for the integration tests (tests/servicebus).

    from servicebus import Broker, missing

    why = missing()          # None, or why there is none: no node, no npm, no network
    with Broker(tls=True) as b:
        b.control("create", name="q", lock_ms=1000)
        b.connection(), b.connection(tls=True)

What the broker needs comes from npm (npm.py).
"""
import atexit
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile

import npm
from squall import SOURCE, PATIENCE

HERE = os.path.join(SOURCE, "tests", "servicebus")
KEY_NAME, KEY = "RootManageSharedAccessKey", "c2VjcmV0LWtleS1vZi10aGUtdGVzdHMtbm90LXJlYWw="


def missing():
    """None when a broker can be run, else the reason for a skip."""
    return npm.missing("servicebus")


def certificate(into, name="localhost"):
    """A CA and a certificate for name: (ca, cert, key) as files in into."""
    path = lambda f: os.path.join(into, f)  # noqa: E731
    run = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True)  # noqa: E731
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=squall test CA",
        "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", path("ca.key"), "-out", path("ca.pem"))
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout", path("key.pem"),
        "-out", path("request.pem"))
    with open(path("extensions"), "w", encoding="utf-8") as f:
        f.write("subjectAltName=DNS:%s\n" % name)
    run("x509", "-req", "-in", path("request.pem"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
        "-CAcreateserial", "-days", "2", "-extfile", path("extensions"), "-out", path("cert.pem"))
    return path("ca.pem"), path("cert.pem"), path("key.pem")


class Broker:
    """One broker, gone when the block ends; on loopback, or another address (host) of this machine."""

    def __init__(self, tls=False, host=None, **options):
        self.dir = tempfile.mkdtemp(prefix="squall-broker-")
        options = {"keys": {KEY_NAME: KEY}, **({"host": host} if host else {}), **options}
        self.ca = None
        if tls:
            self.ca, options["cert"], options["key"] = certificate(self.dir)
        self.options = options
        self.process = None
        self.start()
        atexit.register(self.close)

    def start(self):
        """Also after stop(): on the same ports, its queues empty."""
        self.err = open(os.path.join(self.dir, "stderr"), "ab")
        self.process = subprocess.Popen(["node", os.path.join(HERE, "broker.js"), json.dumps(self.options)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.err,
                                        env={**os.environ, "NODE_PATH": npm.modules("servicebus")})
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the broker did not start: " + self.log)
        ports = json.loads(line)
        self.options.update(ports)
        self.port, self.tls_port = ports["port"], ports.get("tls_port")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def log(self):
        with open(os.path.join(self.dir, "stderr"), encoding="utf-8") as f:
            return f.read()

    def send_signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.err.close()

    def close(self):
        if self.process:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
            self.stop()
            self.process = None
            shutil.rmtree(self.dir, ignore_errors=True)

    def connection(self, tls=False, key=KEY, more=""):
        """A connection string. Without TLS it is that of an emulator, which is the only way to say so."""
        return "Endpoint=sb://%s:%d;SharedAccessKeyName=%s;SharedAccessKey=%s;%s%s" % (
            self.options.get("host", "localhost"), self.tls_port if tls else self.port, KEY_NAME, key, "" if tls else "UseDevelopmentEmulator=true;", more)

    def secret(self, *args, **more):
        """The same in a file."""
        fd, path = tempfile.mkstemp(dir=self.dir)  # one each: a daemon may be reading the last one
        with open(fd, "w", encoding="utf-8") as f:
            f.write(self.connection(*args, **more))
        return path

    def control(self, verb, **what):
        c = http.client.HTTPConnection("127.0.0.1", self.options["control_port"], timeout=PATIENCE)
        try:
            c.request("POST", "/" + verb, body=json.dumps(what))
            answer = c.getresponse()
            text = answer.read()
        finally:
            c.close()
        if answer.status != 200:
            raise RuntimeError("%s: %s" % (verb, text.decode()))
        return json.loads(text)

    def state(self, name):
        return self.control("state", name=name)

    def node(self, script, *args, tls=False):
        """Runs a script of tests/servicebus to its end: (exit status, output)."""
        env = {**os.environ, "NODE_PATH": npm.modules("servicebus")}
        if self.ca:
            env["NODE_EXTRA_CA_CERTS"] = self.ca
        r = subprocess.run(["node", os.path.join(HERE, script), self.connection(tls), *map(str, args)], env=env,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        return r.returncode, r.stdout
