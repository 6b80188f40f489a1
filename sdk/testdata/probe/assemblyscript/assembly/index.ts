import { Batch, Classification, Command, Edits, Hold, Level, Plugin, Value, log, pseudonym, register } from "sluice-sdk/assembly";

export * from "sluice-sdk/assembly/guest";

function configure(settings: Value): string | null {
  const mode = settings.get("mode").text();
  if (mode == "refuse") return "/mode: refuse is refused";
  log(Level.Warn, "configured " + mode);
  return null;
}

function mask(b: Batch, found: Edits): string | null {
  for (let i = 0; i < b.cells; i++) {
    const v = b.cell(i);
    if (v.length == 0) continue;
    if (v.equals("fail")) return "asked to fail";
    if (v.equals("log")) log(Level.Info, "saw log");
    if (v.equals("trap")) throw new Error("trap");
    const c = b.column(v.column);
    if (c.name.equals("plain")) {
      found.add(i, 0, v.length, 1);
    } else if (c.name.equals("erase")) {
      found.replace(i, 0, 1, 0, "");
    } else if (c.name.equals("stand-in")) {
      const p = pseudonym("word", v);
      if (!p) return "no pseudonym";
      found.replaceBytes(i, 0, v.length, 0, p);
    } else {
      let text = `${i}/${b.cells} ${v.column}/${b.columns} ${c.name.toString()}|${c.table.toString()}|${c.type.toString()}|${v.length}`;
      if (c.binary) text += " binary";
      if (b.window) text += " window";
      found.replace(i, 0, v.length, 0, text);
    }
  }
  return null;
}

function classify(c: Command, is: Classification): string | null {
  is.label("protocol:" + c.protocol);
  for (let i = 0; i < c.groups.length; i++) is.label("group:" + c.groups[i]);
  if (c.text.length > 0) is.span(0, 1, "text");
  for (let i = 0; i < c.params.length; i++) {
    const p = c.params[i];
    const how = p.isNull ? "null" : p.binary ? "binary" : "text";
    is.label(`param${i}:${how}:${p.length}`);
    if (p.length > 0) is.paramSpan(i, 0, p.length, how);
  }
  if (c.facts.get("flags").get("where").bool()) is.label("where");
  if (c.facts.get("operations").has('a"b\\é😀')) is.label("operation");
  is.risk(3);
  is.risk(<u32>min(max(c.facts.get("risk").int(), 0), 1000));
  const reason = c.facts.get("reason").text();
  if (reason.length > 0) is.reason(reason);
  return null;
}

function trigger(c: Command, hold: Hold): string | null {
  if (c.decision.get("fail").bool()) return "asked to fail";
  hold.approval = c.decision.get("approval").text();
  hold.reason = c.decision.get("reason").text();
  return null;
}

const plugin = new Plugin("probe", "1.0.0");
plugin.description = 'a "probe" \\ of\n\tall \x7f é 😀';
plugin.capabilities = ["pseudonym", "log"];
plugin.kinds = ["whole", "plain"];
plugin.reach = 64;
plugin.least = 3;
plugin.settings = '{"type": "object", "properties": {"mode": {"type": "string"}}}';
plugin.vectors = "mask\ncolumn: plain text\ntext: ‹plain abc›\n";
plugin.configure = configure;
plugin.mask = mask;
plugin.classify = classify;
plugin.trigger = trigger;
register(plugin);
