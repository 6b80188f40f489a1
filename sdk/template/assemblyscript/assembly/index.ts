// The my-plugin plugin finds a code name in values.

import { Batch, Edits, Plugin, Value, register } from "sluice-sdk/assembly";
import { vectors } from "./vectors";

export * from "sluice-sdk/assembly/guest";

const CODENAME = 0; // an index into kinds

let word = "Bluebird";
let length = 0; // of the word in UTF-8
let first: u8 = 0; // its first byte

function configure(settings: Value): string | null {
  const given = settings.get("word");
  word = given.exists ? given.text() : "Bluebird";
  const utf8 = Uint8Array.wrap(String.UTF8.encode(word));
  length = utf8.length;
  first = utf8[0];
  return null;
}

function mask(batch: Batch, found: Edits): string | null {
  for (let i = 0; i < batch.cells; i++) {
    const v = batch.cell(i);
    let at = v.indexOf(first);
    while (at >= 0) {
      if (v.holds(word, at)) {
        found.add(i, at, at + length, CODENAME);
        at = v.indexOf(first, at + length);
      } else {
        at = v.indexOf(first, at + 1);
      }
    }
  }
  return null;
}

const plugin = new Plugin("my-plugin", "0.1.0");
plugin.description = "finds a code name";
plugin.kinds = ["codename"];
plugin.reach = 256;
plugin.settings = `{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "word": {"description": "what to look for; Bluebird if absent", "type": "string", "minLength": 3, "maxLength": 64}
  }
}`;
plugin.vectors = vectors;
plugin.configure = configure;
plugin.mask = mask;
// plugin.classify: labels, risk and reason of a command; plugin.trigger: asks that somebody approves it.
register(plugin);
