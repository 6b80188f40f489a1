// node embed.js FILE OUT.ts: makes a text file a constant, since the compiler includes no files.
//
//     node sluice-sdk/embed.js vectors.txt assembly/vectors.ts

import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

const [, , file, out] = process.argv;
if (!out) {
  console.error("usage: node embed.js FILE OUT.ts");
  process.exit(2);
}
const name = basename(file).replace(/\..*$/, "").replace(/\W/g, "_");
writeFileSync(out, `// Made of ${basename(file)} by embed.js: edit that.\nexport const ${name} = ${JSON.stringify(readFileSync(file, "utf8"))};\n`);
