// The badge plugin: staff badges in values, reads of all of them, and deletes that somebody has to approve.

import { Batch, Bytes, Classification, Command, Edits, Hold, Plugin, Value, register } from "sluice-sdk/assembly";
import { vectors } from "./vectors";

export * from "sluice-sdk/assembly/guest";

const BADGE = 0; // an index into kinds
const DIGITS = 6;

let prefix = ""; // and the “-” behind it

function configure(settings: Value): string | null {
  const given = settings.get("prefix");
  prefix = (given.exists ? given.text() : "BDG") + "-";
  return null;
}

function mask(batch: Batch, found: Edits): string | null {
  const size = prefix.length + DIGITS;
  const begin = <u8>prefix.charCodeAt(0);
  for (let i = 0; i < batch.cells; i++) {
    const v = batch.cell(i);
    let at = v.indexOf(begin);
    while (at >= 0) {
      if (badge(v, at)) {
        found.add(i, at, at + size, BADGE);
        at = v.indexOf(begin, at + size);
      } else {
        at = v.indexOf(begin, at + 1);
      }
    }
  }
  return null;
}

/** The prefix, “-” and six digits, the last of which is the sum of the others mod 10, and no letter or digit around. */
function badge(v: Bytes, at: i32): bool {
  const digits = at + prefix.length;
  const end = digits + DIGITS;
  if (end > v.length || !v.holds(prefix, at)) return false;
  let sum = 0;
  for (let i = digits; i < end; i++) {
    const c = v[i];
    if (!digit(c)) return false;
    if (i < end - 1) sum += c - 0x30;
  }
  return (
    sum % 10 == v[end - 1] - 0x30 &&
    (at == 0 || !alphanumeric(v[at - 1])) &&
    (end == v.length || !alphanumeric(v[end]))
  );
}

function digit(c: u8): bool {
  return c >= 0x30 && c <= 0x39;
}

function alphanumeric(c: u8): bool {
  return digit(c) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a);
}

/** A word of a text in any case of letters; words are of letters, digits, “_” and what is not ASCII. */
function hasWord(text: Bytes, word: string): bool {
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && (alphanumeric(text[i]) || text[i] == 0x5f || text[i] >= 0x80)) continue;
    if (i - from == word.length && same(text, from, word)) return true;
    from = i + 1;
  }
  return false;
}

function same(text: Bytes, from: i32, word: string): bool {
  for (let i = 0; i < word.length; i++) {
    let c = text[from + i];
    if (c >= 0x41 && c <= 0x5a) c |= 0x20;
    if (c != <u8>word.charCodeAt(i)) return false;
  }
  return true;
}

function classify(command: Command, is: Classification): string | null {
  const sql = command.protocol == "postgres" || command.protocol == "mysql";
  if (sql && hasWord(command.text, "badges") && !hasWord(command.text, "where")) {
    is.label("bulk-badges");
    is.risk(60);
    is.reason("the table badges without WHERE");
  }
  return null;
}

function trigger(command: Command, hold: Hold): string | null {
  if (command.decision.get("verdict").is("allow") && command.facts.get("operations").has("delete")) {
    hold.approval = "change";
    hold.reason = "a delete";
  }
  return null;
}

const plugin = new Plugin("badge", "1.0.0");
plugin.description = "finds staff badges (BDG-123455, check digit), labels bulk reads of the table badges, holds deletes";
plugin.kinds = ["badge"];
plugin.reach = 16;
plugin.settings = `{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "prefix": {"description": "what badges begin with; BDG if absent", "type": "string", "pattern": "^[A-Z]{1,8}$"}
  }
}`;
plugin.vectors = vectors;
plugin.configure = configure;
plugin.mask = mask;
plugin.classify = classify;
plugin.trigger = trigger;
register(plugin);
