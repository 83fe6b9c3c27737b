// objects.mjs NODE_MODULES: reads YAML documents, prints {"objects": [...], "faults": [...]}.
//
// Each object is held against the published schema of its kind (npm kubernetes-models): wrong types, missing
// fields, and, by watching what the schema's validator looks at, fields that the schema does not know.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const load = (path) => import(pathToFileURL(`${modules}/${path}`).href);
const { default: yaml } = await load("js-yaml/dist/js-yaml.mjs");

// APIs that newer clusters have no more, under the name of what they became with the same fields.
const renamed = { "policy/v1beta1": "policy/v1", "autoscaling/v2beta2": "autoscaling/v2" };
// Not Kubernetes' own, so not in its schema.
const foreign = ["monitoring.coreos.com/v1"];

// What the validator never asked for, it does not know.
function watched(value, path, asked) {
  if (value === null || typeof value !== "object") return value;
  return new Proxy(value, {
    get(target, key) {
      asked.add(`${path}/${String(key)}`);
      return watched(target[key], `${path}/${String(key)}`, asked);
    },
  });
}

function paths(value, path, out) {
  if (value === null || typeof value !== "object") return;
  for (const key of Object.keys(value)) {
    out.push(`${path}/${key}`);
    paths(value[key], `${path}/${key}`, out);
  }
}

async function faultsOf(object) {
  const api = renamed[object.apiVersion] ?? object.apiVersion;
  const name = `${object.kind} ${object.metadata?.name}`;
  if (foreign.includes(api)) return [];
  let model;
  try {
    model = (await load(`kubernetes-models/${api}/${object.kind}.js`))[object.kind];
  } catch {
    return [`${name}: the schema knows no ${object.kind} of ${api}`];
  }
  try {
    new model({ ...object, apiVersion: api }).validate();
  } catch (error) {
    return [`${name}: ${error.message}`];
  }
  const asked = new Set();
  const { validate } = await load(`kubernetes-models/_schemas/${schemaName(api, object.kind)}.js`);
  validate(watched({ ...object, apiVersion: api }, "", asked));
  const all = [];
  paths(object, "", all);
  const unknown = all.filter((path) => !asked.has(path));
  return unknown
    .filter((path) => !unknown.some((other) => path.startsWith(`${other}/`)))
    .map((path) => `${name}: ${path} is not in the schema`);
}

function schemaName(api, kind) {
  const parts = api.split("/");
  const group = parts.length === 1 ? "core" : parts[0].split(".")[0];
  const word = (s) => s[0].toUpperCase() + s.slice(1);
  return `IoK8sApi${word(group)}${word(parts.at(-1))}${kind}`;
}

const objects = yaml.loadAll(readFileSync(0, "utf8")).filter((o) => o);
const faults = (await Promise.all(objects.map(faultsOf))).flat();
process.stdout.write(JSON.stringify({ objects, faults }));
