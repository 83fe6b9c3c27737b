// check.mjs MODULES FILE...: each FILE holds an object of the Kubernetes API as JSON. Prints a line for each:
// "ok FILE", or "FILE: what is wrong with it".
//
// Types, required fields and values are judged by the package's validators. These let unknown fields pass, so names
// are looked up in its type declarations, which say the same.
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, ...files] = process.argv.slice(2);
const root = join(modules, "kubernetes-models");
const read = new Map();

// A file of declarations: interfaces by name, the names they are exported under, and where others come from.
function declarations(path) {
  if (!read.has(path)) {
    const text = readFileSync(path, "utf8").replace(/\/\*[^]*?\*\//g, "");
    const interfaces = {}, aliases = {}, imports = {};
    for (const [, name, body] of text.matchAll(/export interface (\w+)[^{]*\{([^]*?)\n\}/g)) {
      interfaces[name] = Object.fromEntries([...body.matchAll(/^ {4}"([^"]+)"\??: ([^]*?);$/gm)].map((m) => [m[1], m[2]]));
    }
    for (const [, list] of text.matchAll(/export type \{([^}]*)\}/g)) {
      for (const [, name, alias] of list.matchAll(/(\w+) as (\w+)/g)) aliases[alias] = name;
    }
    for (const [, list, from] of text.matchAll(/import \{([^}]*)\} from "([^"]+)"/g)) {
      for (const name of list.split(",")) imports[name.trim()] = from;
    }
    read.set(path, { interfaces, aliases, imports });
  }
  return read.get(path);
}

function located(from, path) {
  const file = from.startsWith(".") ? join(dirname(path), from.replace(/\.js$/, ".d.ts")) : join(modules, from) + ".d.ts";
  return existsSync(file) ? file : null;
}

// Names in value that the type does not have; what is no interface (text, numbers, maps) is not looked into.
function strangers(value, type, path, where) {
  if (Array.isArray(value)) {
    const of = type.replace(/^Array<([^]*)>$/, "$1").replace(/^\(?([^]*?)\)?\[\]$/, "$1");
    return value.flatMap((v, i) => strangers(v, of, path, `${where}[${i}]`));
  }
  const name = type.trim();
  const file = declarations(path);
  if (!/^\w+$/.test(name) || value === null || typeof value !== "object") return [];
  const known = file.interfaces[file.aliases[name] ?? name];
  if (known) {
    return Object.entries(value).flatMap(([k, v]) =>
      k in known ? strangers(v, known[k], path, `${where}.${k}`) : [`${where}.${k} is unknown`]);
  }
  const there = file.imports[name] && located(file.imports[name], path);
  return there ? strangers(value, name, there, where) : [];
}

async function problems(object) {
  const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
  const folder = join(root, group, version);
  const kinds = await import(pathToFileURL(join(folder, "index.js")));
  try {
    new kinds[object.kind](object).validate();
  } catch (e) {
    return [e.message];
  }
  return strangers(object, `I${object.kind}`, join(folder, `${object.kind}.d.ts`), object.kind);
}

for (const file of files) {
  const wrong = await problems(JSON.parse(readFileSync(file, "utf8")));
  console.log(wrong.length ? `${basename(file)}: ${wrong.join("; ")}` : `ok ${basename(file)}`);
}
