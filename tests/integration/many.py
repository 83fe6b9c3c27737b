"""many.py - whole systems of several processes: gateways, orchestrators and a target on one queue and store.

A backend says where queue and store are; the tests run once for each of BACKENDS.
"""
import os
import subprocess

from squall import PLUGINS, Squalld, free_port, wait_until

TERMINAL = ("completed", "failed", "cancelled", "timed_out")


class Local:
    """Queue and store of this machine, in the state folder."""
    name = "local"
    text = 'transport = { plugin = "local"; }; store = { plugin = "local"; };'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


BACKENDS = [Local]


def total(ledger):
    sent = sum(ledger["sent"].values())
    return sent + sum(ledger["unsent"].values()) + sum(ledger["dropped"].values()) + ledger["unconfirmed"]


def listing(texts):
    return "( %s )" % ", ".join('"%s"' % text for text in texts)


class Part(Squalld):
    """One process with the roles it is given. The state folder is shared, and outlives it."""

    def __init__(self, state, backend, roles, env=None, **more):
        worker = os.path.join(state, "worker.conf")
        if not os.path.exists(worker):
            with open(worker, "w", encoding="utf-8") as f:
                f.write('roles = ( { plugin = "worker"; } );\n')
        text = 'state_dir = "%s"; %s scheduler = { plugin = "fork"; worker_conf = "%s"; };\nroles = ( %s );\n' % (
            state, backend.text, worker, ",\n".join(roles))
        super().__init__(text, env={"SQUALL_PLUGIN_DIR": PLUGINS, **(env or {})}, **more)

    # --- what a gateway is asked ---

    def submit(self, **plan):
        answer = self.post("/tests", plan, headers={"Content-Type": "application/json"}, role="gateway")
        assert answer.status == 202, answer.text
        return answer.json["test_id"]

    def show(self, test_id):
        return self.get("/tests/" + test_id, role="gateway").json

    def wait_state(self, test_id, *states, patience=60):
        def reached():
            test = self.show(test_id)
            return test if test["state"] in states else None
        return wait_until(reached, lambda: "%s in %s:\n%s\n%s" % (test_id, states, self.show(test_id), self.log),
                          patience)

    def end(self, test_id, patience=90):
        return self.wait_state(test_id, *TERMINAL, patience=patience)

    # --- what its scheduler has started ---

    def workers(self):
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], stdout=subprocess.PIPE, text=True)
        return [int(pid) for pid in found.stdout.split()]


def gateway(target="http://127.0.0.1:1/hit", allowed=(), listen="127.0.0.1:0"):
    return '{ plugin = "gateway"; listen = "%s"; target_url = "%s"; allowed_targets = %s; }' % (
        listen, target, listing(allowed))


def orchestrator(target="http://127.0.0.1:1/hit", allowed=(), listen="127.0.0.1:0", most=4, ttl="1s",
                 report_timeout="5s", others=()):
    return ('{ plugin = "orchestrator"; listen = "%s"; target_url = "%s"; allowed_targets = %s; lease_ttl = "%s"; '
            'max_concurrent_tests = %d; report_timeout = "%s"; %s }'
            % (listen, target, listing(allowed), ttl, most, report_timeout,
               "control_urls = %s;" % listing(others) if others else ""))


def target(port):
    return '{ plugin = "target"; listen = "127.0.0.1:%d"; }' % port


class System(Part):
    """A gateway and an orchestrator in one process, for a target elsewhere."""

    def __init__(self, state, backend, allowed=(), env=None, **orchestrates):
        super().__init__(state, backend, [gateway(allowed=allowed), orchestrator(allowed=allowed, **orchestrates)],
                         env=env)
