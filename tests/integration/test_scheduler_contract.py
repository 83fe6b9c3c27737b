#!/usr/bin/python3
"""The contract of every scheduler: what squall/scheduler.h promises, and what becomes of the workers.

One class for each scheduler that is tested says how to configure it so that its workers do what a phase
wants. `test_scheduler_contract.py fork` runs that one alone.
"""
import json
import os
import shutil
import signal
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kubernetes"))
from cluster import NAMESPACE, Cluster, required_or_skip  # noqa: E402
from squall import PLUGINS, Squalld, Tap, passed_on, wait_until  # noqa: E402

tap = Tap()


class Fork:
    """Processes of this machine."""

    patience = 30

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="squall-fork-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def conf(self, how, options=""):
        """Lines of a .conf for workers that behave like this (role_standin.c)."""
        worker = os.path.join(self.dir, "worker.conf")
        with open(worker, "w", encoding="utf-8") as f:
            f.write('roles = ( { plugin = "standin"; how = "%s"; report = "%s"; } );\n' % (how, self.dir))
        return 'scheduler = { plugin = "fork"; worker_conf = "%s"; %s };' % (worker, options)

    def workers(self):
        """What each of them wrote: name -> list of lines."""
        names = [n for n in os.listdir(self.dir) if n != "worker.conf" and not n.startswith(".")]
        return {n: open(os.path.join(self.dir, n), encoding="utf-8").read().splitlines() for n in names}

    def pids(self):
        return [int(line.split()[1]) for lines in self.workers().values() for line in lines if line.startswith("pid ")]


# What role_standin.c does, for a shell in a small image; the first process of a container hears only what it asked for.
SHELL = {
    "sleep": 'up; rest',
    "exit": 'up; exit 7',
    "stubborn": 'trap "" TERM; up; while :; do sleep 1; done',
    "first": 'up; until first=$(ls /reports | grep -v "^[.]" | head -n 1) && [ "$(ls /reports | wc -l)" -ge 3 ]; do sleep 0.1; done; '
             '[ "$first" = "$SQUALL_WORKER" ] && exit 7; rest',
}


class Kubernetes:
    """Pods of the running cluster. Each starts a shell, and reports into a folder of the node."""

    workload = "deployment"
    patience = 240

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="squall-pods-")
        os.chmod(self.dir, 0o777)
        CLUSTER.token(os.path.join(self.dir, ".token"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        CLUSTER.kubectl("-n", NAMESPACE, "delete", "jobs,deployments,secrets,networkpolicies", "-l", "squall.io/space=contract",
                        "--cascade=background")
        CLUSTER.kubectl("-n", NAMESPACE, "delete", "pods", "-l", "squall.io/space=contract", "--grace-period=1")
        shutil.rmtree(self.dir, ignore_errors=True)

    def conf(self, how, options=""):
        command = ('up() { : >"/reports/$SQUALL_WORKER"; }; rest() { trap "exit 143" TERM; sleep 3600 & wait; }; '
                   + SHELL[how])
        container = {"command": ["sh", "-c", command], "volumeMounts": [{"name": "reports", "mountPath": "/reports"}],
                     "resources": {"requests": {"cpu": "10m", "memory": "16Mi"},
                                   "limits": {"cpu": None, "memory": "16Mi"}}}
        pod = {"volumes": [{"name": "reports", "hostPath": {"path": self.dir}}]}
        quoted = {name: json.dumps(value).replace("\\", "\\\\").replace('"', '\\"')
                  for name, value in (("container", container), ("pod", pod))}
        return ('scheduler = { plugin = "kubernetes"; namespace = "%s"; space = "contract"; workload = "%s"; image = "localhost/worker:1"; api_server = "%s"; '
                'ca = "%s"; token_file = "%s/.token"; container = "%s"; pod = "%s"; %s };'
                % (NAMESPACE, self.workload, CLUSTER.api, CLUSTER.ca, self.dir, quoted["container"], quoted["pod"], options))


class PlainJob(Kubernetes):
    workload = "job"


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def daemon(kind, phase, how="sleep", count=2, options="", **more):
    role = 'roles = ( { plugin = "contract_scheduler"; phase = "%s"; count = %d; reports = "%s"; } );' \
        % (phase, count, kind.dir)
    return Squalld(kind.conf(how, options) + "\n" + role, ready=False, **more)


def run(kind, phase, how):
    with daemon(kind, phase, how) as d:
        tap.equal(d.process.wait(kind.patience), 0, "phase %s passes" % phase)
        tap.ok(passed_on(tap, d.out), "and was walked to its end", d.log)


def promises(make):
    for phase, how in (("main", "sleep"), ("exit", "exit"), ("stubborn", "stubborn"), ("first", "first")):
        with make() as kind:
            run(kind, phase, how)


# --- what only fork promises ---

def held(kind, **more):
    d = daemon(kind, "hold", **more)
    d.wait_out("# running")
    wait_until(lambda: len(kind.pids()) == more.get("count", 2), "the workers' reports")
    return d


def given():
    with Fork() as kind, held(kind, options="affinity = true;",
                              env={"SQUALL_SECRET": "x", "REDIS_PASSWORD": "x", "TZ": "UTC"}) as d:
        lines = kind.workers()["t-many-1"]
        env = {line[4:].split("=", 1)[0]: line.split("=", 1)[1] for line in lines if line.startswith("env ")}
        tap.equal((env.get("SQUALL_TEST_ID"), env.get("SQUALL_TOKEN"), env.get("SQUALL_WORKER")),
                  ("the-test", "s3cret", "t-many-1"), "a worker has the job's variables and its name")
        tap.equal(env.get("TZ"), "Mars", "which win over ours")
        tap.equal(env.get("SQUALL_PLUGIN_DIR"), PLUGINS, "and the folder of plugins that -p gave us")
        tap.ok("REDIS_PASSWORD" not in env and "SQUALL_SECRET" not in env, "and nothing that it should not see", env)
        fds = dict(line.split(" ", 2)[1:] for line in lines if line.startswith("fd "))
        tap.equal((fds["0"], fds["1"]), ("/dev/null", "/dev/null"), "its input and output are nothing")
        tap.ok(fds["3"].startswith("pipe:"), "it holds the life-line", fds)
        mine = os.listdir("/proc/%d/fd" % d.process.pid)
        ours = {os.readlink("/proc/%d/fd/%s" % (d.process.pid, n)) for n in mine if int(n) > 2}
        shared = [n for n, to in fds.items() if int(n) > 3 and to in ours and not to.startswith("anon_inode")]
        tap.equal(shared, [], "and no other descriptor of ours")
        masks = dict(line[7:].split(":\t") for line in lines if line.startswith("status Sig"))
        tap.equal(int(masks["SigBlk"], 16), 0, "no signal is blocked")
        group = [line for line in lines if line.startswith("group ")]
        tap.equal(group, ["group " + [line for line in lines if line.startswith("pid ")][0].split()[1]],
                  "it leads a process group of its own")
        cpus = {n: os.sched_getaffinity(int([x for x in w if x.startswith("pid ")][0].split()[1]))
                for n, w in kind.workers().items()}
        tap.ok(all(len(c) == 1 for c in cpus.values()), "each is pinned to one CPU", cpus)
        if len(os.sched_getaffinity(0)) > 1:
            tap.equal(len(set().union(*cpus.values())), 2, "to different ones")
        pids = kind.pids()
        tap.equal(d.stop(), 0, "SIGTERM of the parent")
        tap.equal([p for p in pids if alive(p)], [], "takes them along")


def killed():
    with Fork() as kind, held(kind, count=4) as d:
        pids = kind.pids()
        d.send_signal(signal.SIGKILL)
        d.wait()
        tap.ok(wait_until(lambda: not any(alive(p) for p in pids), "the workers' end"),
               "kill -9 of the parent: the workers go by their life-line")
    with Fork() as kind, held(kind, how="stubborn") as d:
        pids = kind.pids()
        d.send_signal(signal.SIGKILL)
        d.wait()
        tap.ok(wait_until(lambda: not any(alive(p) for p in pids), "the workers' end"),
               "also those that ignore SIGTERM")
    with Fork() as kind, held(kind, how="stubborn") as d:
        pids = kind.pids()
        d.stop()
        tap.equal([p for p in pids if alive(p)], [], "and an orderly stop waits until they are gone")


def unstartable():
    with Fork() as kind, daemon(kind, "refused", count=8) as d:
        tap.equal(d.wait(), 0, "phase refused passes")
        tap.ok(passed_on(tap, d.out), "and was walked to its end", d.log)
        tap.contains(d.log, "cannot start a worker process: Argument list too long", "the log says why")


def refusals():
    with Squalld('scheduler = { plugin = "fork"; worker_conf = "/nowhere.conf"; };\n'
                 'roles = ( { plugin = "contract_scheduler"; } );', ready=False) as d:
        tap.equal(d.wait(), 1, "no .conf for the workers: not started")
        tap.contains(d.log, "option worker_conf", "and told why")


KINDS = {"fork": (Fork, (given, killed, unstartable, refusals)), "deployment": (Kubernetes, ()), "job": (PlainJob, ())}
CLUSTER = Cluster()

for name in sys.argv[1:] or KINDS:
    make, own = KINDS[name]
    if make is not Fork and CLUSTER.missing:
        required_or_skip(tap, "scheduler kubernetes, workload " + name, CLUSTER.missing)
        continue
    print("# scheduler %s" % name)
    promises(make)
    for part in own:
        part()
tap.done()
