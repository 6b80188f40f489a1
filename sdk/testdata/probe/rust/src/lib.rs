// With std, as the SDK's feature panic-handler allows.
use sluice::{log, pseudonym, Batch, Classification, Command, Edits, Failure, Hold, Level, Manifest, Plugin, Value, MAX_PSEUDONYM};

struct Probe;

fn string(v: Value) -> String {
    let mut room = [0; 256];
    v.text(&mut room).map_or(String::new(), |t| String::from_utf8_lossy(t).into_owned())
}

fn lossy(b: &[u8]) -> String {
    String::from_utf8_lossy(b).into_owned()
}

impl Plugin for Probe {
    const MANIFEST: Manifest = Manifest {
        description: "a \"probe\" \\ of\n\tall \x7f é 😀",
        capabilities: &["pseudonym", "log"],
        kinds: &["whole", "plain"],
        reach: 64,
        least: 3,
        settings: r#"{"type": "object", "properties": {"mode": {"type": "string"}}}"#,
        vectors: "mask\ncolumn: plain text\ntext: ‹plain abc›\n",
        ..Manifest::new("probe", "1.0.0")
    };

    fn configure(settings: Value) -> Result<Self, Failure> {
        let mode = string(settings.get(&["mode"]));
        if mode == "refuse" {
            return Err(Failure::at("/mode", "refuse is refused"));
        }
        log(Level::Warn, &format!("configured {mode}"));
        Ok(Probe)
    }

    fn mask(&self, b: &Batch, found: &mut Edits) -> Result<(), Failure> {
        for cell in b.cells() {
            let v = cell.value.unwrap_or(b"");
            match v {
                b"" => continue,
                b"fail" => return Err("asked to fail".into()),
                b"log" => log(Level::Info, "saw log"),
                b"trap" => panic!(),
                _ => {}
            }
            let c = b.column(cell.column);
            match c.name {
                b"plain" => found.add(cell.index, 0, v.len(), 1),
                b"erase" => found.replace(cell.index, 0, 1, 0, b""),
                b"stand-in" => {
                    let mut room = [0; MAX_PSEUDONYM];
                    let p = pseudonym("word", v, &mut room).ok_or("no pseudonym")?;
                    found.replace(cell.index, 0, v.len(), 0, p);
                }
                _ => {
                    let mut text = format!(
                        "{}/{} {}/{} {}|{}|{}|{}",
                        cell.index, b.len(), cell.column, b.columns(), lossy(c.name), lossy(c.table), lossy(c.type_name), v.len()
                    );
                    if c.binary {
                        text += " binary";
                    }
                    if b.is_window() {
                        text += " window";
                    }
                    found.replace(cell.index, 0, v.len(), 0, text.as_bytes());
                }
            }
        }
        Ok(())
    }

    fn classify(&self, c: &Command, is: &mut Classification) -> Result<(), Failure> {
        is.label(&format!("protocol:{}", c.protocol));
        for g in c.groups() {
            is.label(&format!("group:{g}"));
        }
        if !c.text.is_empty() {
            is.span(0, 1, "text");
        }
        for (i, p) in c.params().enumerate() {
            let how = match (p.value, p.binary) {
                (None, _) => "null",
                (_, true) => "binary",
                _ => "text",
            };
            let n = p.value.map_or(0, <[u8]>::len);
            is.label(&format!("param{i}:{how}:{n}"));
            if n > 0 {
                is.param_span(i, 0, n, how);
            }
        }
        if c.facts.get(&["flags", "where"]).bool() {
            is.label("where");
        }
        if c.facts.get(&["operations"]).has("a\"b\\é😀") {
            is.label("operation");
        }
        is.risk(3);
        is.risk(c.facts.get(&["risk"]).int().clamp(0, 1000) as u32);
        let reason = string(c.facts.get(&["reason"]));
        if !reason.is_empty() {
            is.reason(&reason);
        }
        Ok(())
    }

    fn trigger(&self, c: &Command) -> Result<Option<Hold<'_>>, Failure> {
        if c.decision.get(&["fail"]).bool() {
            return Err(Failure::new("asked to fail"));
        }
        let approval = string(c.decision.get(&["approval"]));
        if approval.is_empty() {
            return Ok(None);
        }
        // A plugin's own names are constants; the probe's come with the call.
        let leaked = |s: String| -> &'static str { Box::leak(s.into_boxed_str()) };
        Ok(Some(Hold { approval: leaked(approval), reason: leaked(string(c.decision.get(&["reason"]))) }))
    }
}

sluice::plugin!(Probe: mask, classify, trigger);
