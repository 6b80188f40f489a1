import { Batch } from "./batch";
import { Classification, Command, Hold } from "./command";
import { Edits } from "./edits";
import { Value } from "./value";

/** What a plugin is and does. Functions return null, or the text of an error: the call, and the command with it, fails. */
export class Plugin {
  constructor(
    /** [a-z0-9][a-z0-9-_.:]*, at most 64 bytes. */
    public name: string,
    public version: string,
  ) {}

  description: string = "";
  /** What the operator has to grant: "pseudonym", and "log" to log while data is looked at. */
  capabilities: string[] = [];
  /** What findings are of; Edits.add takes an index into them. */
  kinds: string[] = [];
  /** The length in bytes of the longest finding; 0 means 1,024. */
  reach: i32 = 0;
  /** How long in bytes a bound value has to be for the plugin to see it; a shorter one comes as empty. */
  least: i32 = 0;
  /** The JSON Schema of the settings; empty: there are none. */
  settings: string = "";
  /** Self-tests, which the gateway runs before it uses the plugin (ABI.md 9). */
  vectors: string = "";

  /** Takes the settings, which are valid by the schema. An error may begin with the place: “/detectors/1: text”. */
  configure: ((settings: Value) => string | null) | null = null;
  /** Looks for what is sensitive. */
  mask: ((batch: Batch, found: Edits) => string | null) | null = null;
  /** Gives labels, a risk, a reason and sensitive spans. */
  classify: ((command: Command, is: Classification) => string | null) | null = null;
  /** Asks for an approval: fills hold in. */
  trigger: ((command: Command, hold: Hold) => string | null) | null = null;

  /** The manifest as the gateway reads it (ABI.md 3.2). */
  manifest(): string {
    const provides: string[] = [];
    if (this.classify) provides.push("classify");
    if (this.mask) provides.push("mask");
    if (this.trigger) provides.push("trigger");
    let out = '{"abi":"sluice/1","name":' + quoted(this.name) + ',"version":' + quoted(this.version);
    if (this.description.length > 0) out += ',"description":' + quoted(this.description);
    out += list("provides", provides) + list("capabilities", this.capabilities) + list("kinds", this.kinds);
    if (this.reach > 0) out += ',"reach":' + this.reach.toString();
    if (this.least > 0) out += ',"least":' + this.least.toString();
    if (this.settings.length > 0) out += ',"settings":' + this.settings;
    if (this.vectors.length > 0) out += ',"vectors":' + quoted(this.vectors);
    return out + "}";
  }
}

function quoted(s: string): string {
  let out = '"';
  let plain = 0; // where what was not taken yet begins
  for (let i = 0, n = s.length; i < n; i++) {
    const c = s.charCodeAt(i);
    if (c >= 0x20 && c != 0x22 && c != 0x5c && c != 0x7f) continue;
    out += s.substring(plain, i);
    plain = i + 1;
    if (c == 0x0a) out += "\\n";
    else if (c == 0x22 || c == 0x5c) out += "\\" + s.charAt(i);
    else out += "\\u00" + (c < 16 ? "0" : "") + c.toString(16);
  }
  return out + s.substring(plain) + '"';
}

function list(key: string, items: string[]): string {
  if (items.length == 0) return "";
  let out = ',"' + key + '":[';
  for (let i = 0; i < items.length; i++) out += (i > 0 ? "," : "") + quoted(items[i]);
  return out + "]";
}

let the: Plugin | null = null;

/** Says what the plugin is. Call it once, at the top of the entry file. */
export function register(plugin: Plugin): void {
  the = plugin;
}

export function registered(): Plugin {
  return the!;
}
