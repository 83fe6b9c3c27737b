"""many.py - whole systems of several processes: gateways, orchestrators and a target on one queue and store."""
import os

from squall import PLUGINS
from system import Daemon

# Where queue and store are; backend.py.
SHORT, FULL = ("local", "redis-tcp"), ("local", "redis-tcp", "servicebus-redis")


def listing(texts):
    return "( %s )" % ", ".join('"%s"' % text for text in texts)


class Part(Daemon):
    """One process with the roles it is given. The state folder is shared, and outlives it."""

    def __init__(self, state, backend, roles, env=None, **more):
        worker = os.path.join(state, "worker.conf")
        if not os.path.exists(worker):
            with open(worker, "w", encoding="utf-8") as f:
                f.write('roles = ( { plugin = "worker"; } );\n')
        text = 'state_dir = "%s"; transport = { plugin = "local"; }; store = { plugin = "local"; };\n' \
               'scheduler = { plugin = "fork"; worker_conf = "%s"; };\nroles = ( %s );\n' % (state, worker, ",\n".join(roles))
        super().__init__(backend.of(text, state), env={"SQUALL_PLUGIN_DIR": PLUGINS, **(env or {})}, **more)


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
