// yaml.mjs NODE_MODULES: YAML documents on standard input, as one JSON list on standard output.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { default: yaml } = await import(pathToFileURL(`${process.argv[2]}/js-yaml/dist/js-yaml.mjs`));
process.stdout.write(JSON.stringify(yaml.loadAll(readFileSync(0, "utf8")).filter((o) => o)));
