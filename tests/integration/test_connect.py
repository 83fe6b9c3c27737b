#!/usr/bin/python3
"""squalld -t --connect: what the .conf names is tried, one line each, and nothing is changed."""
import os
import re
import tempfile

from odd_server import OddServer
from squall import PLUGINS, Tap, free_port, needs, squalld

needs("role_gateway", "role_orchestrator", "role_worker", "store_local", "transport_local", "scheduler_fork")

tap = Tap()
CONF = """
state_dir = "%(dir)s/state";
transport = { plugin = "local"; }; store = { plugin = "local"; };
scheduler = { plugin = "fork"; worker_conf = "%(dir)s/worker.conf"; };
roles = ( { plugin = "gateway"; listen = "127.0.0.1:0"; target_url = "%(url)s"; },
          { plugin = "orchestrator"; listen = "127.0.0.1:0"; target_url = "%(url)s"; } );
"""


def tried(folder, url, conf=CONF):
    path = os.path.join(folder, "all.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(conf % {"dir": folder, "url": url})
    r = squalld("-c", path, "-t", "--connect", env={"SQUALL_PLUGIN_DIR": PLUGINS})
    lines = {l.split()[0]: l for l in r.stdout.splitlines()[1:]}
    return r.returncode, lines, r.stderr


def word(lines, name):
    return lines.get(name, "? ?").split()[1]


with tempfile.TemporaryDirectory() as folder, OddServer() as server:
    with open(os.path.join(folder, "worker.conf"), "w", encoding="utf-8") as f:
        f.write('roles = ({ plugin = "worker"; });')
    names = ["state_dir", "store/local", "transport/local", "scheduler/fork", "gateway", "orchestrator"]
    code, lines, err = tried(folder, server.url("/ok"))
    tap.equal((code, list(lines), err), (0, names, ""), "all is there: one line each, in the order of a start")
    tap.ok(all(re.match(r"\S+ +ok +[\d.]+ (us|ms|s)\b", l) for l in lines.values()), "with its time", lines)
    tap.contains(lines["gateway"], "target " + server.url("/ok"), "and what was reached")
    tap.equal(sorted(os.listdir(folder)), ["all.conf", "worker.conf"], "nothing was made")
    tap.equal(server.counts, {}, "and nothing sent to the target")

    port = free_port()
    code, lines, err = tried(folder, "http://127.0.0.1:%d/" % port)
    tap.equal((code, word(lines, "gateway"), word(lines, "store/local")), (1, "FAILED", "ok"), "a target that is away")
    tap.contains(lines["gateway"], "cannot connect to 127.0.0.1:%d (connection refused): is the target running there?" % port,
                 "is named, with the cure")
    code, lines, err = tried(folder, "http://nowhere.invalid/")
    tap.contains(lines["gateway"], "nowhere.invalid is unknown", "so is a name that nobody knows")
    code, lines, err = tried(folder, "http://169.254.169.254/")
    tap.equal((code, word(lines, "gateway")), (1, "FAILED"), "a metadata address is not tried")

    os.unlink(os.path.join(folder, "worker.conf"))
    code, lines, err = tried(folder, server.url("/ok"))
    tap.equal((code, word(lines, "scheduler/fork"), word(lines, "orchestrator")), (1, "FAILED", "ok"), "workers without a .conf")
    tap.contains(lines["scheduler/fork"], "worker.conf", "it is named")

    os.mkdir(os.path.join(folder, "state"))
    for name in os.listdir(folder):
        if name.endswith(".db"):
            os.unlink(os.path.join(folder, name))
    tried(folder, server.url("/ok"))
    tap.equal(os.listdir(os.path.join(folder, "state")), [], "no file is made in a folder that is there")
    for store in "store.db", "records.db", "local.db", "queue.db":
        with open(os.path.join(folder, "state", store), "w", encoding="utf-8") as f:
            f.write("no database at all" * 100)
    code, lines, err = tried(folder, server.url("/ok"))
    tap.ok(code == 1 and "FAILED" in (word(lines, "store/local"), word(lines, "transport/local")), "a file that is no database", lines)

    r = squalld("-c", os.path.join(folder, "all.conf"), "--connect", env={"SQUALL_PLUGIN_DIR": PLUGINS})
    tap.equal((r.returncode, r.stderr), (2, "squalld: --connect goes with -t: see squalld --help\n"), "it goes with -t")
    code, lines, err = tried(folder, server.url("/ok"), CONF.replace("state_dir", "state_di"))
    tap.ok(code == 2 and not lines and "state_dir" in err, "a mistake in the .conf comes first", err)
tap.done()
