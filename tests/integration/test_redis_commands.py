#!/usr/bin/python3
"""The command set is that of Redis 6.0 (Azure Cache for Redis): what the contract suites of store and transport make
squalld send, scripts included, holds no command and no option that came later.

What a server is told is written down (SQUALL_TEST_REDIS_RECORD, redis_server.py). Which command and which argument
came with which version, the server itself knows: COMMAND DOCS. What its documents say in prose alone stands in PROSE.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from redis_server import RedisServer  # noqa: E402
from squall import Tap  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
OLDEST = (6, 0)
SUITES = (("test_store_contract.py", "redis"), ("test_transport_contract.py", "redis"))

# Of the scripts' own language: what redis.NAME was there in 6.0.
LUA = {"call", "pcall", "error_reply", "status_reply", "sha1hex", "log", "replicate_commands", "set_repl",
       "LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"}


def exclusive(args):
    """An end of a range that is left out: "(1-0"."""
    return any(a.startswith("(") for a in args)


# What became possible later and is no argument of its own: whether a command makes use of it. None: nothing that
# could be sent, only how it is carried out or answered.
PROSE = {("XRANGE", "6.2.0"): exclusive, ("XREVRANGE", "6.2.0"): exclusive, ("XPENDING", "6.2.0"): exclusive,
         ("SET", "7.0.0"): None,  # GET with NX; GET itself is an argument
         ("XGROUP CREATE", "7.0.0"): None, ("XADD", "7.0.0"): lambda args: any(re.fullmatch(r"\d+-\*", a) for a in args)}


def version(text):
    return tuple(int(n) for n in text.split(".")[:2])


def table(flat):
    """What COMMAND DOCS tells as a list of names and values."""
    return dict(zip(flat[::2], flat[1::2]))


class Known:
    """What the server knows of commands and of their versions."""

    def __init__(self, docs):
        self.commands = {}
        self.learn(table(docs))

    def learn(self, docs, under=""):
        for name, flat in docs.items():
            doc = table(flat)
            self.commands[under + name.split("|")[-1].upper()] = doc
            if "subcommands" in doc:
                self.learn(table(doc["subcommands"]), under + name.upper() + " ")

    def newer(self, arguments):
        """Arguments that came after OLDEST, with their tokens; those without one have None."""
        for flat in arguments:
            doc = table(flat)
            if version(doc.get("since", "1.0")) > OLDEST:
                yield doc["name"], self.tokens(doc)
            else:
                yield from self.newer(doc.get("arguments", ()))

    def tokens(self, doc):
        """Its own, or those of its choices; any of them means that it is there."""
        if "token" in doc:
            return {doc["token"].upper()}
        return set().union(*(self.tokens(table(flat)) for flat in doc.get("arguments", ())))

    def faults(self, command):
        """What of these words, a command with its arguments, Redis 6.0 would not have taken."""
        name, args = command[0].upper(), command[1:]
        if args and "%s %s" % (name, args[0].upper()) in self.commands:
            name, args = "%s %s" % (name, args[0].upper()), args[1:]
        if name not in self.commands:
            return ["%s is no command" % name]
        doc = self.commands[name]
        if version(doc["since"]) > OLDEST:
            return ["%s came with %s" % (name, doc["since"])]
        found = []
        tokens = set(a.upper() for a in args)
        newer = list(self.newer(doc.get("arguments", ())))
        for argument, its in newer:
            found += ["%s %s came later" % (name, t) for t in sorted(its & tokens)]
            if not its:
                found.append("%s: look whether %s is sent, which came later" % (name, argument))
        for when, what in doc.get("history", ()):
            if version(when) <= OLDEST or any(its and re.search("`(%s)`" % "|".join(its), what) for _, its in newer):
                continue
            if (name, when) not in PROSE:
                found.append("%s: say in PROSE what this means: %s %s" % (name, when, what))
            elif PROSE[name, when] and PROSE[name, when](args):
                found.append("%s: %s %s" % (name, when, what))
        return found


def words(line):
    """Of a line of MONITOR: +TIME [DB CLIENT] "COMMAND" "ARGUMENT" ..."""
    source = line.split("]", 1)[0].split(" ")[-1]
    return source, [re.sub(r'\\(["\\])', r"\1", w) for w in re.findall(r'"((?:[^"\\]|\\.)*)"', line.split("]", 1)[1])]


def self_check(tap, known):
    """That the judge notices what is new, and lets pass what is old."""
    for text in ("SET k v NX PX 5", "ZADD k NX 1 m", "XADD k MAXLEN ~ 10 * f v", "XPENDING k g - + 10 me", "XGROUP CREATE k g 0 MKSTREAM",
                 "XCLAIM k g me 0 1-0 RETRYCOUNT 2 JUSTID", "SCRIPT LOAD x", "EXPIRE k 5", "GETSET k 0"):
        tap.equal(known.faults(text.split()), [], "6.0 knows %s" % text)
    for text in ("GETDEL k", "XAUTOCLAIM k g me 0 0", "SET k v GET", "ZADD k GT 1 m", "XADD k NOMKSTREAM * f v", "EXPIRE k 5 NX",
                 "ZRANGE k 0 1 REV", "XPENDING k g IDLE 5 - + 10", "XRANGE k (1-0 +", "FUNCTION LIST", "LPOP k 2", "NOSUCH k",
                 "XADD k MINID 5 * f v", "XADD k 5-* f v", "SCRIPT FLUSH SYNC"):
        tap.ok(known.faults(text.split()), "6.0 does not know %s" % text)


def main():
    tap = Tap()
    with RedisServer() as server:
        known = Known(server.client("COMMAND", "DOCS"))
    self_check(tap, known)
    for suite, name in SUITES:
        with tempfile.TemporaryDirectory() as folder:
            record = os.path.join(folder, "record")
            r = subprocess.run([sys.executable, os.path.join(HERE, suite), name], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, check=False,
                               env={**os.environ, "SQUALL_TEST_REDIS_RECORD": record})
            tap.equal(r.returncode, 0, "%s %s passes" % (suite, name))
            told, faults = {}, set()
            with open(record, encoding="utf-8", errors="replace") as f:
                for line in f:
                    source, command = words(line)
                    if not source.startswith("unix:"):  # the test's own client
                        told[command[0].upper()] = told.get(command[0].upper(), 0) + 1
                        faults.update(known.faults(command))
            tap.note("%s: %s" % (suite, " ".join("%s=%d" % c for c in sorted(told.items()))))
            tap.ok({"EVALSHA", "HSET" if "store" in suite else "XADD"} <= set(told), "its commands and those of its scripts were seen")
            tap.equal(sorted(faults), [], "%s: nothing that Redis 6.0 does not know" % suite)
    for path in ("plugins/store/redis/script.c", "plugins/transport/redis/script.c"):
        with open(os.path.join(os.environ.get("top_srcdir", os.path.join(HERE, "..", "..")), path), encoding="utf-8") as f:
            used = set(re.findall(r"\bredis\.(\w+)", f.read()))
        tap.equal(sorted(used - LUA), [], "%s: of Lua's redis, what 6.0 has" % path)
    tap.done()


main()
