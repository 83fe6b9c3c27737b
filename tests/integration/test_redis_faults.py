#!/usr/bin/python3
"""A Redis that fails: one clear line in the log, readiness that tells of it, and recovery without a restart."""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from redis_faults import Stranger, Target, conf, copy, errors, is_ready, recovers, tap, told  # noqa: E402
from redis_server import Authority, RedisServer, free_port  # noqa: E402
from squall import FULL, Squalld, squalld, wait_until  # noqa: E402


def passwords():
    with RedisServer(password="right") as r:
        wrong = os.path.join(r.dir, "wrong")
        with open(wrong, "w", encoding="utf-8") as f:
            f.write("wrong-secret-word")
        with Target(r.options(password="file:" + wrong)) as d:
            told(d, "does not take our password", "a wrong password", "REDIS_PASSWORD")
            r.client("CONFIG", "SET", "requirepass", "wrong-secret-word")
            r.password = "wrong-secret-word"
            recovers(d, "when it is right")
            tap.ok("wrong-secret-word" not in d.log + d.out, "the password stands nowhere in the log")
        with Target(r.options(password=None)) as d:
            told(d, "asks for a password", "no password", "REDIS_PASSWORD")
            r.client("CONFIG", "SET", "requirepass", "")
            r.password = ""
            recovers(d, "when none is wanted")
    with RedisServer() as r:
        with Target(r.options(), env={"REDIS_PASSWORD": "needless"}) as d:
            told(d, "has no password", "a password too many", "unset password")
        r.client("ACL", "SETUSER", "ann", "on", ">secret", "~*", "+@all", "-@scripting")
        secret = os.path.join(r.dir, "ann")
        with open(secret, "w", encoding="utf-8") as f:
            f.write("secret")
        with Target(r.options(username="ann", password="file:" + secret)) as d:
            told(d, "NOPERM", "a user without rights", "ACL SETUSER")
            r.client("ACL", "SETUSER", "ann", "+@scripting")
            recovers(d, "when they are granted")


def rotation():
    """A key that is rotated, or a token that is renewed: the file is read again."""
    with RedisServer(password="the-first") as r, Target(r.options()) as d:
        recovers(d, "the first password, from a file")
        r.password = "the-second"
        r.restart()
        told(d, "does not take our password", "the server has another one")
        r.secret()
        recovers(d, "when it is in the file")
        os.unlink(os.path.join(r.dir, "password"))
        r.restart()
        told(d, "(option password)", "the file is gone", "cannot read")
        r.secret()
        recovers(d, "when it is there again")
        tap.ok("the-first" not in d.log + d.out and "the-second" not in d.log + d.out, "no password stands in the log")


def certificates():
    with RedisServer("tls") as r:
        other = Authority(r.dir, "other")
        mine = os.path.join(r.dir, "trusted.pem")
        copy(other.ca, mine)
        with Target(r.options(ssl_ca=mine)) as d:
            told(d, "is not trusted", "a certificate of an authority that we do not know", "ssl_ca")
            copy(r.authority.ca, mine)
            recovers(d, "when its authority is in the file")
            r.kill()
            r.authority.certificate("server", "DNS:other.example")
            r.start()
            told(d, "does not match host name", "a certificate for another name", "ssl_name")
            r.kill()
            r.authority.certificate("server")
            r.start()
            recovers(d, "when it is for this one")
            # The authority itself changes, on both sides, while the connection stands.
            r.kill()
            r.authority = other
            r.cert, r.key = other.certificate("server")
            copy(other.ca, mine)
            r.start()
            recovers(d, "a new authority: certificates are read again")
        with Target(r.options(ssl_ca=os.path.join(r.dir, "nowhere"))) as d:
            told(d, "cannot read", "a file that is not there", "ssl_ca")
        with Target(r.options(ssl=None, ssl_ca=None)) as d:
            told(d, "TLS", "a port that speaks TLS, spoken to without", "ssl")
    with RedisServer() as r:
        with Target(r.options(ssl=True)) as d:
            told(d, "does this port speak TLS", "a port that does not speak TLS", "ssl")


def strangers():
    for says, part in ((b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no Redis"), (b"", "no answer"),
                       (b"*-7\r\n$99999999999999999999\r\n", "is no Redis"), (b"*2147483647\r\n", "larger than"),
                       (b"+OK\r\n" * 50, "is no Redis"), (b"$5\r\nhello\r\n" * 3, "is no Redis")):
        s = Stranger(says)
        with Target('host = "127.0.0.1"; port = %d; answer_timeout = "500ms";' % s.port) as d:
            told(d, part, "what answers %r" % says[:20])
            tap.equal(d.stop(), 0, "it stops in order")
    port = free_port()
    with Target('host = "127.0.0.1"; port = %d;' % port) as d:
        told(d, "Connection refused", "nobody there", "REDIS_HOST")
        with RedisServer(port=port):
            recovers(d, "when somebody is")
    with Target('host = "no-such-host.invalid";') as d:
        told(d, "no-such-host.invalid cannot be looked up", "a name that is none", "REDIS_HOST")
    with Target('host = "unix:/nowhere/redis.sock";') as d:
        told(d, "No such file", "a socket file that is not there")


def replica():
    with RedisServer() as r, RedisServer() as master:
        with Target(r.options()) as d:
            recovers(d, "a master")
            r.client("REPLICAOF", "127.0.0.1", master.port)
            d.post("/hit")
            told(d, "read-only replica", "it becomes a replica", "master")
            r.client("REPLICAOF", "NO", "ONE")
            recovers(d, "when it is a master again")


def full():
    with RedisServer("tcp", "--maxmemory-policy", "noeviction") as r, Target(r.options()) as d:
        recovers(d, "a Redis with room")
        r.client("CONFIG", "SET", "maxmemory", "1")
        wait_until(lambda: d.post("/hit").status == 503, "a hit that is refused")
        told(d, "is full", "a Redis that is full", "maxmemory")
        tap.contains(d.post("/hit").text, "No space left", "hits are refused with the reason")
        tap.equal(d.get("/stats").status, 200, "what is there can be read")
        before = d.get("/stats").json["total_hits"]
        r.client("CONFIG", "SET", "maxmemory", "0")
        recovers(d, "when there is room again")
        tap.ok(d.get("/stats").json["total_hits"] >= before, "and nothing was forgotten")


def hang():
    with RedisServer() as r, Target(r.options(answer_timeout="1s")) as d:
        recovers(d, "a Redis that answers")
        r.signal(signal.SIGSTOP)
        tap.equal(d.post("/hit").status, 503, "a Redis that hangs: a hit is refused in time")
        told(d, "no answer", "it", "overloaded or stopped")
        time.sleep(10 if FULL else 1)
        tap.ok(len(errors(d)) <= 2, "nothing more is said", d.log)
        r.signal(signal.SIGCONT)
        recovers(d, "when it goes on")
        r.signal(signal.SIGSTOP)
        time.sleep(0.4)
        r.signal(signal.SIGCONT)
        before = len(errors(d))
        recovers(d, "a short sleep")
        tap.equal(len(errors(d)), before, "is not worth a line")


def restarts():
    """kill -9 of a Redis that writes everything down: numbers go on, none is given twice."""
    with RedisServer(aof=True) as r, Target(r.options()) as d:
        recovers(d, "a Redis")
        numbers = []
        for _ in range(3):
            for _ in range(50):
                numbers.append(d.post("/hit").json["total_hits"])
            r.restart()
            wait_until(lambda: is_ready(d), "readiness")
        recovers(d, "kill -9 of it")
        tap.equal(len(set(numbers)), len(numbers), "no number twice")
        tap.ok(all("connection broke" in e or "refused" in e or "loading" in e for e in errors(d)), "each end has its line", d.log)
        tap.equal(d.stop(), 0, "it stops in order")


def emptied():
    """A Redis that writes nothing down, and dies: what is lost is said."""
    with RedisServer() as r, Target(r.options()) as d:
        recovers(d, "a Redis")
        r.restart()
        d.wait_log("all that it held is gone")
        recovers(d, "after all was lost")
        tap.contains(d.lines("is gone")[0], "restarted without appendonly", "the loss is named, with its cause")
        tap.equal(len(d.lines("is gone")), 1, "once")


def probe():
    plugins = os.path.join(os.environ.get("top_builddir", "."), ".libs")

    def connect(options):
        path = os.path.join(r.dir, "squalld.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(conf(options))
        return squalld("-t", "--connect", "-c", path, "-p", plugins)

    with RedisServer(password="secret") as r:
        run = connect(r.options())
        if "unrecognized option" in run.stderr:
            tap.skip("-t --connect", "squalld does not have it yet")
            return
        tap.equal(run.returncode, 0, "-t --connect finds it: " + (run.stdout + run.stderr).strip())
        tap.equal(r.client("KEYS", "*"), [], "and leaves nothing there")
        run = connect(r.options(password=None))
        tap.ok(run.returncode != 0, "or says why not")
        tap.contains(run.stdout + run.stderr, "asks for a password", "in one line")


def variables():
    """The variables of the system before us."""
    with RedisServer(password="secret") as r:
        env = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(r.port), "REDIS_PASSWORD": "secret", "REDIS_SSL": "False",
               "REDIS_KEY": "their_hits"}
        with Target("", env=env) as d:
            recovers(d, "REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, REDIS_SSL=False")
            tap.ok(int(r.client("GET", "their_hits")) > 0, "REDIS_KEY")
        with Target("port = %d;" % r.port, env={**env, "REDIS_PORT": "tcp://10.0.0.1:6379", "REDIS_KEY": ""}) as d:
            recovers(d, "REDIS_PORT=tcp://... of a Kubernetes service")
            tap.contains(d.log, "service link", "is ignored with a warning")
            tap.ok(int(r.client("GET", "total_hits")) > 0, "an empty REDIS_KEY is none")
    with RedisServer("tls") as r:
        env = {"REDIS_HOST": "localhost", "REDIS_PORT": str(r.port), "REDIS_SSL": "True"}
        with Target('ssl_ca = "%s";' % r.authority.ca, env=env) as d:
            recovers(d, "REDIS_SSL=True")
            tap.contains(d.log, "by TLS", "speaks TLS")


def refused_conf():
    for options, part in (('host = "";', "host"), ('space = "a b";', "space"), ('username = "ann";', "password"),
                          ('ssl_ca = "/x";', "ssl = true"), ('key = "squall:{x}";', "REDIS_KEY"),
                          ('host = "unix:x";', "absolute")):
        with Squalld(conf(options), ready=False) as d:
            tap.equal(d.wait(), 2, "refused: " + options)
            tap.contains(d.log + d.out, part, "and why")


PARTS = (passwords, rotation, certificates, strangers, replica, full, hang, restarts, emptied, probe, variables, refused_conf)
for part in PARTS:
    if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
        print("# " + part.__name__)
        part()
tap.done()
