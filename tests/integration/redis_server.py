"""redis_server.py - a real redis-server of a test's own, on loopback, by TCP, socket file or TLS.

    with RedisServer("tls") as r:
        conf = 'store = { plugin = "redis"; %s };' % r.options()
        r.client("GET", "total_hits")
        r.kill(); r.start()            # the same data when it was started with aof=True

LINKS are the ways to reach one. certificate() makes certificates for TLS. With SQUALL_TEST_REDIS_RECORD=FILE all that
any server is told is added to the file, as MONITOR shows it.
"""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from squall import FULL, free_port

LINKS = ("tcp", "unix", "tls")
PATIENCE = 30


def links():
    """The ways that a test goes: all of them in the long form, else by TCP."""
    return LINKS if FULL else LINKS[:1]


def openssl(*args, **more):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)


class Authority:
    """Signs certificates; ca is its own."""

    def __init__(self, folder, name="ca"):
        self.folder, self.ca, self.key = folder, os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=Test authority " + name, "-keyout", self.key, "-out", self.ca)

    def certificate(self, name, subject="DNS:localhost,IP:127.0.0.1"):
        """Makes NAME.pem and NAME.key, in place of what was there; their paths."""
        cert, key = os.path.join(self.folder, name + ".pem"), os.path.join(self.folder, name + ".key")
        request, extra = os.path.join(self.folder, name + ".csr"), os.path.join(self.folder, name + ".ext")
        with open(extra, "w", encoding="utf-8") as f:
            f.write("subjectAltName=%s\n" % subject)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
                "-extfile", extra, "-out", cert)
        return cert, key


class RespError(Exception):
    """An error that the server answered."""


class RedisServer:
    """Running when the constructor returns, gone when the block ends."""

    def __init__(self, link="tcp", *args, password="", aof=False, start=True, authority=None, port=None):
        self.link, self.password, self.args, self.process = link, password, args, None
        self.dir = tempfile.mkdtemp(prefix="squall-redis-")
        atexit.register(self.close)
        self.port = port or free_port()
        self.plain = os.path.join(self.dir, "sock")  # for the test itself, whatever the link
        self.authority = authority
        self.aof = aof
        if link == "tls" and not authority:
            self.authority = Authority(self.dir)
        if self.authority:
            self.cert, self.key = self.authority.certificate("server")
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def command(self):
        more = ["--port", str(self.port), "--bind", "127.0.0.1"]
        if self.authority:
            more = ["--port", "0", "--tls-port", str(self.port), "--bind", "127.0.0.1", "--tls-cert-file", self.cert,
                    "--tls-key-file", self.key, "--tls-ca-cert-file", self.authority.ca, "--tls-auth-clients", "no"]
        if self.password:
            more += ["--requirepass", self.password]
        return ["redis-server", *more, "--unixsocket", self.plain, "--save", "", "--dir", self.dir,
                "--appendonly", "yes" if self.aof else "no", "--appendfsync", "always", "--logfile",
                os.path.join(self.dir, "log"), "--enable-debug-command", "yes", *self.args]

    def start(self):
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                self.client("PING")
                self.record()
                return
            except (OSError, RespError):
                if self.process.poll() is not None:
                    raise RuntimeError("redis-server ended:\n" + self.log())
                time.sleep(0.02)
        raise TimeoutError("redis-server does not answer:\n" + self.log())

    def record(self):
        """Begins to write down what it is told, up to its end."""
        path = os.environ.get("SQUALL_TEST_REDIS_RECORD")
        if not path:
            return
        s = self.connected()
        s.settimeout(None)
        s.sendall(resp("MONITOR"))
        file = s.makefile("rb")
        answer(file)

        def write():
            with s, file, open(path, "ab") as out:
                for line in iter(file.readline, b""):
                    out.write(line)

        threading.Thread(target=write, daemon=True).start()

    def log(self):
        try:
            with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def close(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- how squalld reaches it ---

    def options(self, **more):
        """Options of a plugin redis."""
        o = {"host": "127.0.0.1", "port": self.port}
        if self.link == "unix":
            o = {"host": "unix:" + self.plain}
        if self.authority:
            o.update(ssl=True, ssl_ca=self.authority.ca)
        if self.password:
            o["password"] = "file:" + self.secret()
        o.update(more)
        text = {True: "true", False: "false"}
        return " ".join("%s = %s;" % (k, text[v] if isinstance(v, bool) else v if isinstance(v, int) else '"%s"' % v)
                        for k, v in o.items() if v is not None)

    def secret(self):
        path = os.path.join(self.dir, "password")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.password)
        os.chmod(path, 0o600)
        return path

    # --- a client of the test's own ---

    def connected(self):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.settimeout(PATIENCE)
            s.connect(self.plain)
            if self.password:
                s.sendall(resp("AUTH", self.password))
                answer(s.makefile("rb"))
        except BaseException:
            s.close()
            raise
        return s

    def client(self, *args):
        """Asks one command; the answer as str, int, None or list. RespError for an error."""
        with self.connected() as s:
            file = s.makefile("rb")
            s.sendall(resp(*args))
            return answer(file)


def resp(*args):
    parts = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def answer(file):
    line = file.readline()
    if not line:
        raise OSError("redis-server closed the connection")
    kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
    if kind == b"-":
        raise RespError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else file.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
    if kind == b"*":
        return None if rest == "-1" else [answer(file) for _ in range(int(rest))]
    return rest
