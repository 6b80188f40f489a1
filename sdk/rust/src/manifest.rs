use crate::buffer::Buffer;

/// What a plugin says of itself (sdk/ABI.md 3.2). What it provides is what [`plugin!`](crate::plugin) names.
#[derive(Clone, Copy)]
pub struct Manifest {
    /// `[a-z0-9][a-z0-9-_.:]*`, at most 64 bytes.
    pub name: &'static str,
    pub version: &'static str,
    pub description: &'static str,
    /// What the operator has to grant: `pseudonym`, and `log` to log while data is looked at.
    pub capabilities: &'static [&'static str],
    /// What findings are of: [`Edits::add`](crate::Edits::add) takes an index into them.
    pub kinds: &'static [&'static str],
    /// The length in bytes of the longest finding; 0 means 1,024.
    pub reach: u32,
    /// How long in bytes a bound value has to be for the plugin to see it; a shorter one comes as empty.
    pub least: u32,
    /// The JSON Schema of the settings; empty: there are none.
    pub settings: &'static str,
    /// Self-tests, which the gateway runs before it uses the plugin (sdk/ABI.md 9).
    pub vectors: &'static str,
}

impl Manifest {
    /// A manifest with nothing but a name and a version.
    pub const fn new(name: &'static str, version: &'static str) -> Manifest {
        Manifest { name, version, description: "", capabilities: &[], kinds: &[], reach: 0, least: 0, settings: "", vectors: "" }
    }

    pub(crate) fn encode(&self, provides: &[&str], out: &mut Buffer) {
        out.clear();
        out.push(b"{\"abi\":\"sluice/1\",\"name\":");
        string(out, self.name);
        out.push(b",\"version\":");
        string(out, self.version);
        if !self.description.is_empty() {
            out.push(b",\"description\":");
            string(out, self.description);
        }
        strings(out, b",\"provides\":", provides);
        strings(out, b",\"capabilities\":", self.capabilities);
        strings(out, b",\"kinds\":", self.kinds);
        number(out, b",\"reach\":", self.reach);
        number(out, b",\"least\":", self.least);
        if !self.settings.is_empty() {
            out.push(b",\"settings\":");
            out.push(self.settings.as_bytes());
        }
        if !self.vectors.is_empty() {
            out.push(b",\"vectors\":");
            string(out, self.vectors);
        }
        out.push(b"}");
    }
}

fn string(out: &mut Buffer, s: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b"\"");
    for c in s.bytes() {
        match c {
            b'"' | b'\\' => out.push(&[b'\\', c]),
            b'\n' => out.push(b"\\n"),
            0..=0x1f | 0x7f => out.push(&[b'\\', b'u', b'0', b'0', HEX[(c >> 4) as usize], HEX[(c & 15) as usize]]),
            _ => out.push(&[c]),
        }
    }
    out.push(b"\"");
}

fn strings(out: &mut Buffer, key: &[u8], list: &[&str]) {
    if list.is_empty() {
        return;
    }
    out.push(key);
    for (i, s) in list.iter().enumerate() {
        out.push(if i == 0 { b"[" } else { b"," });
        string(out, s);
    }
    out.push(b"]");
}

fn number(out: &mut Buffer, key: &[u8], mut n: u32) {
    if n == 0 {
        return;
    }
    out.push(key);
    let mut digits = [0u8; 10];
    let mut at = digits.len();
    while n > 0 {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
    }
    out.push(&digits[at..]);
}
